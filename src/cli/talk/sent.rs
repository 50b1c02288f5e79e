//! Our own messages, by number, until each is delivered or has failed: those of this run, and those
//! that an earlier one left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::chat::{ContactId, FailReason, Name, State};
use crate::id::PeerId;
use crate::time::Instant;

/// How long a receipt may take before it is told that there is none.
const SOON: Duration = Duration::from_secs(2);

/// More bytes than leave while nothing of a message does: questions whether somebody is there, and acknowledgements.
const MOVES: u64 = 16 << 10;

/// What a message meets that is accepted for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// It leaves at once.
    Open,
    /// Nothing is heard of the peer, but what leaves may arrive.
    Unsure,
    /// It waits.
    Closed,
}

/// Messages that have no receipt.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The last number.
    count: u64,
    /// How many of the numbers are of this run.
    said: u64,
    open: BTreeMap<(ContactId, Name), Open>,
    /// When one of them last moved on, or a part of one left, and what had left by then.
    moved: Option<Instant>,
    left: u64,
    /// To whom there have been any.
    contacts: BTreeSet<PeerId>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    /// Whether an earlier run left it behind.
    is_earlier: bool,
    since: Instant,
    /// Whether the peer's machine has acknowledged it.
    is_sent: bool,
    /// Whether any of it may have left.
    may_have_left: bool,
    /// Whether the person knows that it takes longer.
    told: bool,
}

/// How one message has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    Failed(FailReason),
}

/// A message that has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) number: u64,
    /// Whether an earlier run left it behind.
    pub(super) is_earlier: bool,
    pub(super) outcome: Outcome,
}

/// A message whose receipt does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Late {
    pub(super) number: u64,
    pub(super) peer: PeerId,
    pub(super) name: Name,
    pub(super) is_sent: bool,
}

/// What has not arrived, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Undelivered {
    pub(super) messages: usize,
    /// How many of them may have arrived all the same.
    pub(super) perhaps: usize,
}

impl Sent {
    /// Takes a message in that was accepted for sending; returns its number. Without a connection the
    /// person is told at once why it has to wait.
    pub(super) fn add(&mut self, peer: PeerId, name: Name, passage: Passage, now: Instant) -> u64 {
        self.said += 1;
        let open = Open {
            number: 0,
            is_earlier: false,
            since: now,
            is_sent: false,
            may_have_left: passage != Passage::Closed,
            told: passage != Passage::Open,
        };
        self.number(peer, name, open)
    }

    /// Takes messages to one peer in that an earlier run left behind; returns their numbers. What it did
    /// with them is not known.
    pub(super) fn take_over(
        &mut self,
        peer: PeerId,
        names: impl Iterator<Item = Name>,
        now: Instant,
    ) -> RangeInclusive<u64> {
        let first = self.count + 1;
        for name in names {
            let open = Open {
                number: 0,
                is_earlier: true,
                since: now,
                is_sent: false,
                may_have_left: true,
                told: true,
            };
            self.number(peer, name, open);
        }
        first..=self.count
    }

    fn number(&mut self, peer: PeerId, name: Name, open: Open) -> u64 {
        self.count += 1;
        self.contacts.insert(peer);
        let number = self.count;
        let open = Open { number, ..open };
        self.open.insert((peer.into(), name), open);
        number
    }

    /// The way to a peer is free: what waits leaves.
    pub(super) fn on_link(&mut self, peer: PeerId, now: Instant) {
        for open in self.of_mut(peer) {
            open.may_have_left = true;
            (open.since, open.told) = (now, false);
        }
    }

    /// A message moved on. Returns what became of it if it has come to its end.
    pub(super) fn on_state(
        &mut self,
        contact: ContactId,
        name: Name,
        state: State,
        now: Instant,
    ) -> Option<Settled> {
        let key = (contact, name);
        self.moved = Some(now);
        let outcome = match state {
            State::Queued => return None,
            State::Sent => {
                let open = self.open.get_mut(&key)?;
                open.is_sent = true;
                (open.since, open.told) = (now, false);
                return None;
            }
            State::Delivered => Outcome::Delivered,
            State::Failed(reason) => Outcome::Failed(reason),
        };
        let open = self.open.remove(&key)?;
        Some(Settled {
            number: open.number,
            is_earlier: open.is_earlier,
            outcome,
        })
    }

    /// Messages whose receipt has not come soon; each once in each state.
    pub(super) fn late(&mut self, now: Instant) -> Vec<Late> {
        let mut late = Vec::new();
        for ((contact, name), open) in &mut self.open {
            if !open.told && now.saturating_since(open.since) >= SOON {
                open.told = true;
                late.push(Late {
                    number: open.number,
                    peer: contact.peer(),
                    name: *name,
                    is_sent: open.is_sent,
                });
            }
        }
        late.sort_by_key(|late| late.number);
        late
    }

    /// When a message last moved on, or a part of one, by the bytes that have left for those it may be for.
    pub(super) const fn moved(&mut self, left: u64, now: Instant) -> Option<Instant> {
        if left.abs_diff(self.left) > MOVES {
            (self.left, self.moved) = (left, Some(now));
        }
        self.moved
    }

    /// Whether everything has come to its end that was said in this run.
    pub(super) fn is_settled(&self) -> bool {
        self.open.values().all(|open| open.is_earlier)
    }

    /// Whether anything was said in this run.
    pub(super) const fn has_said(&self) -> bool {
        self.said > 0
    }

    /// How many messages were said in this run.
    pub(super) const fn said(&self) -> u64 {
        self.said
    }

    /// Whether any of a message may have left; none if it has come to its end.
    pub(super) fn may_have_left(&self, contact: ContactId, name: Name) -> Option<bool> {
        let open = self.open.get(&(contact, name))?;
        Some(open.may_have_left)
    }

    /// What waits for a peer.
    pub(super) fn waiting(&self, peer: PeerId) -> impl Iterator<Item = Name> + '_ {
        let contact = ContactId::from(peer);
        let of_peer = self.open.keys().filter(move |(of, _)| *of == contact);
        of_peer.map(|(_, name)| *name)
    }

    /// To whom there have been any.
    pub(super) fn contacts(&self) -> &BTreeSet<PeerId> {
        &self.contacts
    }

    /// What has not arrived, by peer.
    pub(super) fn undelivered(&self) -> BTreeMap<PeerId, Undelivered> {
        self.undelivered_of(|_| true)
    }

    /// What has not arrived of what was said in this run, by peer.
    pub(super) fn undelivered_of_this_run(&self) -> BTreeMap<PeerId, Undelivered> {
        self.undelivered_of(|open| !open.is_earlier)
    }

    fn undelivered_of(&self, is_meant: fn(&Open) -> bool) -> BTreeMap<PeerId, Undelivered> {
        let mut found: BTreeMap<PeerId, Undelivered> = BTreeMap::new();
        for ((contact, _), open) in self.open.iter().filter(|(_, open)| is_meant(open)) {
            let of_peer = found.entry(contact.peer()).or_default();
            of_peer.messages += 1;
            of_peer.perhaps += usize::from(open.may_have_left);
        }
        found
    }

    fn of_mut(&mut self, peer: PeerId) -> impl Iterator<Item = &mut Open> {
        let contact = ContactId::from(peer);
        let of_peer = self.open.iter_mut();
        of_peer.filter_map(move |((of, _), open)| (*of == contact).then_some(open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::LogId;

    const BOB: PeerId = PeerId::new([2; 32]);
    const CAROL: PeerId = PeerId::new([3; 32]);

    fn name(sequence: u64) -> Name {
        Name {
            log: LogId(1),
            sequence,
        }
    }

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn a_part_of_a_message_moves_on_and_a_question_does_not() {
        let mut sent = Sent::default();
        assert_eq!(sent.moved(200, at(1)), None);
        assert_eq!(sent.moved(MOVES + 1, at(2)), Some(at(2)));
        assert_eq!(sent.moved(MOVES + 201, at(3)), Some(at(2)));
        assert_eq!(sent.moved(3 * MOVES, at(4)), Some(at(4)));
        assert_eq!(sent.moved(0, at(5)), Some(at(5)), "a new session");
    }

    #[test]
    fn numbers_count_the_run_and_not_the_peer() {
        let mut sent = Sent::default();
        assert_eq!(sent.add(BOB, name(0), Passage::Open, at(0)), 1);
        assert_eq!(sent.add(CAROL, name(0), Passage::Open, at(0)), 2);
        assert_eq!(sent.add(BOB, name(1), Passage::Open, at(0)), 3);
        let done = sent.on_state(CAROL.into(), name(0), State::Delivered, at(1));
        let expected = Settled {
            number: 2,
            is_earlier: false,
            outcome: Outcome::Delivered,
        };
        assert_eq!(done, Some(expected));
        let again = sent.on_state(CAROL.into(), name(0), State::Delivered, at(1));
        assert_eq!(again, None, "a message ends once");
        assert!(!sent.is_settled());
    }

    #[test]
    fn what_an_earlier_run_left_has_numbers_and_keeps_nobody_from_leaving() {
        let mut sent = Sent::default();
        let numbers = sent.take_over(BOB, [name(7), name(8)].into_iter(), at(0));
        assert_eq!(numbers, 1..=2);
        assert!(sent.is_settled() && !sent.has_said());
        assert_eq!(sent.add(BOB, name(0), Passage::Open, at(0)), 3);
        assert!(!sent.is_settled() && sent.has_said());
        let counts = |sent: &Sent| {
            let of = |it: BTreeMap<PeerId, Undelivered>| it.get(&BOB).map_or(0, |it| it.messages);
            (of(sent.undelivered()), of(sent.undelivered_of_this_run()))
        };
        assert_eq!(counts(&sent), (3, 1));
        let done = sent.on_state(BOB.into(), name(7), State::Delivered, at(1));
        assert!(done.is_some_and(|it| it.number == 1 && it.is_earlier));
        assert_eq!(counts(&sent), (2, 1));
        assert_eq!(sent.waiting(BOB).collect::<Vec<_>>(), [name(0), name(8)]);
    }

    #[test]
    fn a_receipt_that_comes_soon_makes_sent_no_news() {
        let mut sent = Sent::default();
        sent.add(BOB, name(0), Passage::Open, at(0));
        sent.on_state(BOB.into(), name(0), State::Sent, at(10));
        assert_eq!(sent.late(at(1_900)), []);
        sent.on_state(BOB.into(), name(0), State::Delivered, at(1_950));
        assert_eq!(sent.late(at(9_000)), []);
    }

    #[test]
    fn each_state_that_lasts_is_told_once() {
        let mut sent = Sent::default();
        sent.add(BOB, name(0), Passage::Open, at(0));
        let late = |is_sent| {
            vec![Late {
                number: 1,
                peer: BOB,
                name: name(0),
                is_sent,
            }]
        };
        assert_eq!(sent.late(at(2_000)), late(false));
        assert_eq!(sent.late(at(2_500)), []);
        sent.on_state(BOB.into(), name(0), State::Sent, at(3_000));
        assert_eq!(sent.late(at(4_900)), []);
        assert_eq!(sent.late(at(5_000)), late(true));
        assert_eq!(sent.late(at(9_000)), []);
    }

    #[test]
    fn what_never_left_cannot_have_arrived() {
        let mut sent = Sent::default();
        sent.add(BOB, name(0), Passage::Closed, at(0));
        sent.add(CAROL, name(0), Passage::Open, at(0));
        let expect = |messages, perhaps| Undelivered { messages, perhaps };
        let expected = BTreeMap::from([(BOB, expect(1, 0)), (CAROL, expect(1, 1))]);
        assert_eq!(sent.undelivered(), expected);
        sent.on_link(BOB, at(1));
        sent.add(BOB, name(1), Passage::Closed, at(2));
        assert_eq!(sent.undelivered().get(&BOB), Some(&expect(2, 1)));
        sent.add(BOB, name(2), Passage::Unsure, at(3));
        assert_eq!(sent.undelivered().get(&BOB), Some(&expect(3, 2)));
    }
}
