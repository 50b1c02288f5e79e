//! Messages that the outbox has no room for yet.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cli::talk::conversation::typing::Author;
use crate::id::PeerId;
use crate::time::Instant;

/// What somebody types, or a program asks for, is taken until so many messages wait for room: the rest of it is done at
/// once. Enough for whoever types on, and no room for a file that is pasted.
const MAX_MESSAGES: usize = 256;
/// And until those have so many bytes.
const MAX_BYTES: usize = 1 << 20;

/// A program's message waits for room no longer: what it asks for next may stand behind that.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message that waits.
#[derive(Debug)]
pub(super) struct Unsaid {
    pub(super) peer: PeerId,
    pub(super) text: String,
    /// Who says it.
    pub(super) author: Author,
    /// Since when it waits.
    pub(super) since: Instant,
}

impl Unsaid {
    /// How long it may wait yet; a person's, and a pipe's, as long as it has to.
    fn patience(&self, now: Instant) -> Option<Duration> {
        let Author::Program(ordered) = &self.author else {
            return None;
        };
        let left = PATIENCE.saturating_sub(now.saturating_since(self.since));
        let asked = ordered.patience(now);
        Some(asked.map_or(left, |asked| asked.min(left)))
    }
}

/// In the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    messages: Vec<Unsaid>,
    /// For whom some have waited in vain.
    slow: BTreeSet<PeerId>,
}

impl Pending {
    pub(super) fn push(&mut self, message: Unsaid) {
        self.messages.push(message);
    }

    /// All of them, to be offered again.
    pub(super) fn take(&mut self) -> Vec<Unsaid> {
        core::mem::take(&mut self.messages)
    }

    /// Those of programs that have waited for long enough. Others to the same peers do not wait any more.
    pub(super) fn take_late(&mut self, now: Instant) -> Vec<Unsaid> {
        let is_late = |it: &mut Unsaid| it.patience(now) == Some(Duration::ZERO);
        let late: Vec<Unsaid> = self.messages.extract_if(.., is_late).collect();
        let in_vain = |it: &&Unsaid| now.saturating_since(it.since) >= PATIENCE;
        self.slow
            .extend(late.iter().filter(in_vain).map(|it| it.peer));
        late
    }

    /// How long until one has waited for long enough.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        self.messages.iter().filter_map(|it| it.patience(now)).min()
    }

    /// Whether messages have waited in vain for this peer, which has not taken all that it was sent since.
    pub(super) fn is_slow(&self, peer: &PeerId) -> bool {
        self.slow.contains(peer)
    }

    /// This peer has taken all that it was sent.
    pub(super) fn forgive(&mut self, peer: &PeerId) {
        self.slow.remove(peer);
    }

    /// Since when the first one waits.
    pub(super) fn since(&self) -> Option<Instant> {
        self.messages.first().map(|it| it.since)
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// For whom something waits.
    pub(super) fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.messages.iter().map(|it| it.peer)
    }

    /// Whether something waits for this peer, so that what is written now comes behind it.
    pub(super) fn waits_for(&self, peer: &PeerId) -> bool {
        self.messages.iter().any(|it| it.peer == *peer)
    }

    /// Whether nothing more is to be read meanwhile.
    pub(super) fn is_full(&self) -> bool {
        let bytes: usize = self.messages.iter().map(|it| it.text.len()).sum();
        self.len() >= MAX_MESSAGES || bytes >= MAX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::talk::conversation::deliveries::Ordered;

    const BOB: PeerId = PeerId::new([2; 32]);

    fn held(messages: usize, len: usize) -> Pending {
        let mut held = Pending::default();
        for _ in 0..messages {
            held.push(Unsaid {
                peer: BOB,
                text: "x".repeat(len),
                author: Author::Line,
                since: Instant::ZERO,
            });
        }
        held
    }

    #[test]
    fn no_more_than_a_few_messages_are_held_for_want_of_room() {
        assert!(!held(MAX_MESSAGES - 1, 9).is_full());
        assert!(held(MAX_MESSAGES, 9).is_full());
        assert!(!held(1, MAX_BYTES - 1).is_full());
        assert!(held(1, MAX_BYTES).is_full());
    }

    #[test]
    fn a_program_learns_in_time_that_there_is_no_room_and_nobody_else_is_hurried() {
        const CAROL: PeerId = PeerId::new([3; 32]);
        let at = |ms| Instant::ZERO + Duration::from_millis(ms);
        let mut pending = held(1, 9);
        let mut ask = |peer, wait| {
            let ordered = Ordered::of_standard_input(at(1_000), wait);
            pending.push(Unsaid {
                peer,
                text: "for later".into(),
                author: Author::Program(ordered),
                since: at(1_000),
            });
        };
        ask(BOB, None);
        ask(CAROL, Some(Duration::from_secs(2)));
        ask(BOB, Some(Duration::MAX));
        let late = |pending: &mut Pending, ms| {
            let late = pending.take_late(at(ms));
            late.iter().map(|it| it.peer).collect::<Vec<_>>()
        };
        assert_eq!(
            pending.patience(at(1_500)),
            Some(Duration::from_millis(1_500))
        );
        assert_eq!(late(&mut pending, 2_999), []);
        assert_eq!(late(&mut pending, 3_000), [CAROL]);
        assert!(!pending.is_slow(&CAROL), "it had no time");
        assert_eq!(
            pending.patience(at(3_000)),
            Some(PATIENCE - Duration::from_secs(2))
        );
        assert_eq!(late(&mut pending, 60_999), []);
        assert_eq!(late(&mut pending, 61_000), [BOB, BOB]);
        assert!(pending.is_slow(&BOB));
        pending.forgive(&BOB);
        assert!(!pending.is_slow(&BOB));
        assert_eq!((pending.len(), pending.patience(at(99_999))), (1, None));
    }
}
