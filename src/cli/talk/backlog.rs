//! What lines have shown of this run, so that a command can name a message again.

use std::collections::{BTreeSet, VecDeque};

use crate::chat::{ContactId, Incoming, MessageRef, Name, Outgoing, Received, State};
use crate::id::PeerId;
use crate::text::unreadable;
use crate::time::UnixTime;

/// Messages that are kept; the oldest go first. As many as on a screen.
const MAX_MESSAGES: usize = 20_000;
/// Bytes of text that are kept; one message in any case.
const MAX_BYTES: usize = 32 << 20;

/// The messages, oldest first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    messages: VecDeque<Spoken>,
    bytes: usize,
}

/// A message that was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spoken {
    /// With whom.
    pub(super) peer: PeerId,
    pub(super) name: Name,
    /// When it came or was written, by our clock.
    pub(super) at: UnixTime,
    /// As its author wrote it; our words for bytes that are no text.
    pub(super) text: String,
    /// Bytes of its body.
    pub(super) len: usize,
    /// Of ours, its number and how far it has come.
    pub(super) own: Option<(u64, State)>,
}

impl Spoken {
    pub(super) fn theirs(peer: PeerId, message: &Incoming, at: UnixTime) -> Self {
        let len = message.body.len();
        let text = match Received::from(message.body.as_slice()) {
            Received::Text(text) => text.to_owned(),
            Received::Unreadable { len } => unreadable(len).to_string(),
        };
        Self {
            peer,
            name: message.name,
            at,
            text,
            len,
            own: None,
        }
    }

    pub(super) fn ours(peer: PeerId, number: u64, message: &Outgoing) -> Self {
        Self {
            peer,
            name: message.name,
            at: message.sent_at,
            text: String::from_utf8_lossy(&message.body).into_owned(),
            len: message.body.len(),
            own: Some((number, State::Queued)),
        }
    }

    /// What the store calls it.
    pub(super) fn which(&self) -> MessageRef {
        MessageRef {
            contact: self.peer.into(),
            name: self.name,
            is_ours: self.own.is_some(),
        }
    }

    const fn waits(&self) -> bool {
        matches!(self.own, Some((_, State::Queued | State::Sent)))
    }

    const fn has_failed(&self) -> bool {
        matches!(self.own, Some((_, State::Failed(_))))
    }
}

impl Backlog {
    pub(super) fn push(&mut self, message: Spoken) {
        self.bytes += message.text.len();
        self.messages.push_back(message);
        while self.messages.len() > MAX_MESSAGES
            || (self.bytes > MAX_BYTES && self.messages.len() > 1)
        {
            let gone = self.messages.pop_front();
            self.bytes -= gone.map_or(0, |it| it.text.len());
        }
    }

    /// A message of ours moved on.
    pub(super) fn moved(&mut self, peer: PeerId, name: Name, to: State) {
        let mut newest = self.messages.iter_mut().rev();
        let found = newest.find(|it| it.own.is_some() && it.peer == peer && it.name == name);
        if let Some((_, state)) = found.and_then(|it| it.own.as_mut()) {
            *state = to;
        }
    }

    /// The `n`th message with somebody from the end, counted from 1.
    pub(super) fn nth(&self, peer: PeerId, n: usize) -> Option<&Spoken> {
        let mut newest = self.messages.iter().rev().filter(|it| it.peer == peer);
        newest.nth(n.checked_sub(1)?)
    }

    /// Whether a message is among them.
    pub(super) fn has(&self, which: MessageRef) -> bool {
        self.messages.iter().any(|it| it.which() == which)
    }

    /// The message of ours that has this number, if it has failed.
    pub(super) fn failed(&self, number: usize) -> Option<&Spoken> {
        let number = u64::try_from(number).ok()?;
        let is_meant = |it: &&Spoken| it.own.is_some_and(|(of, _)| of == number);
        let found = self.messages.iter().rev().find(is_meant);
        found.filter(|it| it.has_failed())
    }

    /// The newest message to somebody that has failed.
    pub(super) fn last_failed(&self, peer: PeerId) -> Option<&Spoken> {
        let mut newest = self.messages.iter().rev();
        newest.find(|it| it.peer == peer && it.has_failed())
    }

    /// Takes a message away.
    pub(super) fn forget(&mut self, message: &Spoken) {
        let found = self.messages.iter().rposition(|it| it == message);
        let gone = found.and_then(|at| self.messages.remove(at));
        self.bytes -= gone.map_or(0, |it| it.text.len());
    }

    /// Takes a message away that was deleted, whoever did that.
    pub(super) fn forget_deleted(&mut self, which: MessageRef) {
        self.retain(|it| it.which() != which);
    }

    /// Takes away what is history no longer: that of a contact, or of all, and what of it is older than `before`, but for
    /// what is `kept`. What waits is no history yet.
    pub(super) fn forget_purged(
        &mut self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
        kept: &BTreeSet<MessageRef>,
    ) {
        self.retain(|it| {
            let is_of_another = contact.is_some_and(|contact| contact.peer() != it.peer);
            let is_newer = before.is_some_and(|before| it.at >= before);
            is_of_another || is_newer || it.waits() || kept.contains(&it.which())
        });
    }

    fn retain(&mut self, stays: impl Fn(&Spoken) -> bool) {
        self.messages.retain(stays);
        self.bytes = self.messages.iter().map(|it| it.text.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{FailReason, LogId};

    const BOB: PeerId = PeerId::new([2; 32]);
    const CAROL: PeerId = PeerId::new([3; 32]);

    fn spoken(peer: PeerId, sequence: u64, number: Option<u64>) -> Spoken {
        let log = LogId(1);
        Spoken {
            peer,
            name: Name { log, sequence },
            at: UnixTime(0),
            text: format!("text {sequence}"),
            len: 6,
            own: number.map(|number| (number, State::Queued)),
        }
    }

    fn texts(found: Option<&Spoken>) -> Option<&str> {
        found.map(|it| it.text.as_str())
    }

    #[test]
    fn messages_are_counted_from_the_end_of_their_own_conversation() {
        let mut backlog = Backlog::default();
        for (peer, sequence) in [(BOB, 0), (CAROL, 1), (BOB, 2), (CAROL, 3)] {
            backlog.push(spoken(peer, sequence, None));
        }
        assert_eq!(texts(backlog.nth(BOB, 1)), Some("text 2"));
        assert_eq!(texts(backlog.nth(BOB, 2)), Some("text 0"));
        assert_eq!(backlog.nth(BOB, 3), None);
        assert_eq!(backlog.nth(BOB, 0), None);
    }

    #[test]
    fn only_what_has_failed_can_be_sent_again_and_once() {
        let mut backlog = Backlog::default();
        backlog.push(spoken(BOB, 0, Some(1)));
        backlog.push(spoken(BOB, 1, Some(2)));
        // The names of both sides are drawn by themselves and may be the same.
        backlog.push(spoken(BOB, 0, None));
        assert_eq!(backlog.last_failed(BOB), None);
        let name = spoken(BOB, 0, None).name;
        backlog.moved(BOB, name, State::Failed(FailReason::Expired));
        assert_eq!(backlog.failed(2), None, "it waits");
        assert_eq!(backlog.last_failed(CAROL), None);
        let found = backlog.failed(1).unwrap().clone();
        assert_eq!(backlog.last_failed(BOB), Some(&found));
        backlog.forget(&found);
        assert_eq!(backlog.failed(1), None);
    }

    #[test]
    fn what_was_deleted_or_purged_can_be_named_no_longer() {
        let filled = || {
            let mut backlog = Backlog::default();
            for (peer, sequence, number) in [
                (BOB, 0, None),
                (BOB, 0, Some(1)),
                (CAROL, 0, None),
                (BOB, 1, None),
                (BOB, 1, Some(2)),
            ] {
                let at = UnixTime(sequence);
                backlog.push(Spoken {
                    at,
                    ..spoken(peer, sequence, number)
                });
            }
            backlog.moved(BOB, spoken(BOB, 0, None).name, State::Delivered);
            backlog
        };
        let left = |backlog: &Backlog| {
            let all = backlog.messages.iter();
            assert_eq!(backlog.bytes, 6 * all.len());
            let told = |it: &Spoken| (it.peer == BOB, it.at.0, it.own.is_some());
            all.map(told).collect::<Vec<_>>()
        };
        let mut backlog = filled();
        backlog.forget_deleted(spoken(BOB, 0, None).which());
        let others = [
            (true, 0, true),
            (false, 0, false),
            (true, 1, false),
            (true, 1, true),
        ];
        assert_eq!(
            left(&backlog),
            others,
            "not ours, nor another's of that name"
        );
        let mut backlog = filled();
        let none = BTreeSet::new();
        backlog.forget_purged(Some(BOB.into()), Some(UnixTime(1)), &none);
        assert_eq!(left(&backlog), others[1..]);
        let kept = BTreeSet::from([spoken(CAROL, 0, None).which()]);
        backlog.forget_purged(None, None, &kept);
        assert_eq!(
            left(&backlog),
            [(false, 0, false), (true, 1, true)],
            "it waits"
        );
        backlog.forget_purged(None, None, &none);
        assert_eq!(left(&backlog), [(true, 1, true)], "it waits");
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_or_they_are_too_long() {
        let mut backlog = Backlog::default();
        for sequence in 0..=MAX_MESSAGES as u64 {
            backlog.push(spoken(BOB, sequence, None));
        }
        assert_eq!(backlog.nth(BOB, MAX_MESSAGES + 1), None);
        assert_eq!(texts(backlog.nth(BOB, MAX_MESSAGES)), Some("text 1"));
        let large = |sequence| Spoken {
            text: "x".repeat(MAX_BYTES),
            ..spoken(BOB, sequence, None)
        };
        backlog.push(large(0));
        backlog.push(large(1));
        assert_eq!(backlog.messages.len(), 1);
        assert_eq!(backlog.bytes, MAX_BYTES);
    }
}
