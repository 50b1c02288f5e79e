//! Every deadline of every peer, in one ordered table.

use std::collections::BTreeSet;

use crate::proto::directory::Place;
use crate::time::Instant;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// When to start the next handshake attempt.
    Retry,
    /// When to ask an unproved address again, or to give it up.
    Path,
    /// When to take an unanswered packet for a dead path.
    Silence,
    /// When to take a packet for lost, or to ask what has arrived.
    Recovery,
    /// When the pace allows the next packet.
    Pace,
    /// When to acknowledge what has arrived, if nothing else is to be said.
    Ack,
    /// When to ask a peer that owes us something, or a decision about us, whether it is still there.
    Ask,
    /// When to send something so that a NAT keeps its mapping.
    Keepalive,
    /// When to give memory back that a burst has left.
    Shrink,
    /// When to forget attempts that nobody answered.
    Attempts,
    /// When to erase the oldest keypair.
    Erase,
    /// When to forget an unknown peer that nobody accepted.
    Guest,
    /// When a comparison of words has taken too long.
    Verification,
}

const TIMERS: usize = 13;
const NEVER: Instant = Instant::from_micros(u64::MAX);

impl Default for Armed {
    fn default() -> Self {
        let at = [NEVER; TIMERS];
        Self { at, first: None }
    }
}

/// The deadlines that one peer has armed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Armed {
    /// [`NEVER`] where there is none.
    at: [Instant; TIMERS],
    /// The earliest of them, under which the peer stands in the table.
    first: Option<(Instant, Timer)>,
}

/// Each peer's earliest deadline, earliest first. A peer costs nothing before that, and one without a
/// deadline nothing at all.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(Instant, Place, Timer)>,
    /// How many deadlines are armed.
    armed: usize,
}

impl Timers {
    /// Arms `timer` for `at`, or stops it.
    pub(super) fn set(
        &mut self,
        armed: &mut Armed,
        peer: Place,
        timer: Timer,
        at: Option<Instant>,
    ) {
        let at = at.filter(|at| *at != NEVER);
        let old = armed.at(timer);
        if old == at {
            return;
        }
        self.armed += usize::from(at.is_some());
        self.armed -= usize::from(old.is_some());
        if let Some(slot) = armed.at.get_mut(timer as usize) {
            *slot = at.unwrap_or(NEVER);
        }
        let first = match at.map(|at| (at, timer)) {
            Some(new) if armed.first.is_none_or(|first| new < first) => Some(new),
            // The others are known to be later than the first.
            _ if armed.first.is_some_and(|(_, first)| first == timer) => armed.earliest(),
            _ => return,
        };
        if let Some((at, timer)) = armed.first {
            self.queue.remove(&(at, peer, timer));
        }
        if let Some((at, timer)) = first {
            self.queue.insert((at, peer, timer));
        }
        armed.first = first;
    }

    /// Stops all timers of a peer.
    pub(super) fn stop_all(&mut self, armed: &mut Armed, peer: Place) {
        for timer in ALL {
            self.set(armed, peer, timer, None);
        }
    }

    /// Removes a deadline whose peer is gone.
    pub(super) fn discard(&mut self, at: Instant, peer: Place, timer: Timer) {
        self.queue.remove(&(at, peer, timer));
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<(Instant, Place, Timer)> {
        self.queue.first().copied()
    }

    /// How many deadlines are armed.
    pub(super) const fn len(&self) -> usize {
        self.armed
    }
}

impl Armed {
    /// The deadline of `timer`.
    pub(super) fn at(&self, timer: Timer) -> Option<Instant> {
        let at = self.at.get(timer as usize).copied();
        at.filter(|at| *at != NEVER)
    }

    fn earliest(&self) -> Option<(Instant, Timer)> {
        let armed = self.at.into_iter().zip(ALL);
        armed.filter(|(at, _)| *at != NEVER).min()
    }
}

const ALL: [Timer; TIMERS] = [
    Timer::Retry,
    Timer::Path,
    Timer::Silence,
    Timer::Recovery,
    Timer::Pace,
    Timer::Ack,
    Timer::Ask,
    Timer::Keepalive,
    Timer::Shrink,
    Timer::Attempts,
    Timer::Erase,
    Timer::Guest,
    Timer::Verification,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_set_again_replaces_its_old_deadline() {
        let mut timers = Timers::default();
        let mut armed = Armed::default();
        let peer = Place::for_testing_only(1);
        let at = Instant::from_micros;
        timers.set(&mut armed, peer, Timer::Retry, Some(at(10)));
        timers.set(&mut armed, peer, Timer::Erase, Some(at(20)));
        timers.set(&mut armed, peer, Timer::Retry, Some(at(30)));
        assert_eq!(timers.next(), Some((at(20), peer, Timer::Erase)));
        timers.stop_all(&mut armed, peer);
        assert_eq!((timers.next(), timers.len()), (None, 0));
        assert_eq!(armed.at(Timer::Retry), None);
    }

    #[test]
    fn a_deadline_that_is_discarded_is_gone_and_no_other() {
        let mut timers = Timers::default();
        let mut armed = [Armed::default(); 2];
        let peers = [1, 2].map(Place::for_testing_only);
        let at = Instant::from_micros(10);
        for (armed, peer) in armed.iter_mut().zip(peers) {
            timers.set(armed, peer, Timer::Retry, Some(at));
            timers.set(armed, peer, Timer::Erase, Some(NEVER));
        }
        assert_eq!(timers.len(), 2, "never is no deadline");
        timers.discard(at, peers[0], Timer::Retry);
        assert_eq!(timers.next(), Some((at, peers[1], Timer::Retry)));
        assert_eq!(armed[0].at(Timer::Retry), Some(at));
        assert_eq!(armed[0].at(Timer::Erase), None);
    }

    #[test]
    fn deadlines_fire_in_their_order_and_a_peer_stands_in_the_table_once() {
        let mut timers = Timers::default();
        let mut armed = [Armed::default(); 2];
        let peers = [1, 2].map(Place::for_testing_only);
        let at = Instant::from_micros;
        let (a, b) = (peers[0], peers[1]);
        for (timer, due) in [(Timer::Silence, 40), (Timer::Ack, 20), (Timer::Path, 20)] {
            timers.set(&mut armed[0], a, timer, Some(at(due)));
        }
        timers.set(&mut armed[1], b, Timer::Retry, Some(at(30)));
        assert_eq!((timers.queue.len(), timers.len()), (2, 4));
        let expected = [
            (at(20), a, Timer::Path),
            (at(20), a, Timer::Ack),
            (at(30), b, Timer::Retry),
            (at(40), a, Timer::Silence),
        ];
        for due in expected {
            assert_eq!(timers.next(), Some(due));
            let armed = &mut armed[usize::from(due.1 == b)];
            timers.set(armed, due.1, due.2, None);
        }
        assert_eq!((timers.next(), timers.len()), (None, 0));
    }
}
