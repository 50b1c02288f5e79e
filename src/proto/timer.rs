//! Every deadline of every peer, in one ordered table.

use std::collections::BTreeSet;

use crate::id::PeerId;
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
    /// When to ask a peer that owes us something whether it is still there.
    Ask,
    /// When to send something so that a NAT keeps its mapping.
    Keepalive,
    /// When to forget attempts that nobody answered.
    Attempts,
    /// When to erase the oldest keypair.
    Erase,
    /// When to forget an unknown peer that nobody accepted.
    Guest,
    /// When a comparison of words has taken too long.
    Verification,
}

const TIMERS: usize = 12;

/// The deadlines that one peer has armed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Armed([Option<Instant>; TIMERS]);

/// All deadlines, earliest first. Idle peers without a deadline cost nothing.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(Instant, PeerId, Timer)>,
}

impl Timers {
    /// Arms `timer` for `at`, or stops it.
    pub(super) fn set(
        &mut self,
        armed: &mut Armed,
        peer: PeerId,
        timer: Timer,
        at: Option<Instant>,
    ) {
        let Some(slot) = armed.0.get_mut(timer as usize) else {
            return;
        };
        if let Some(old) = slot.take() {
            self.queue.remove(&(old, peer, timer));
        }
        if let Some(at) = at {
            self.queue.insert((at, peer, timer));
        }
        *slot = at;
    }

    /// Stops all timers of a peer.
    pub(super) fn stop_all(&mut self, armed: &mut Armed, peer: PeerId) {
        for timer in ALL {
            self.set(armed, peer, timer, None);
        }
    }

    /// Removes a deadline whose peer is gone.
    pub(super) fn discard(&mut self, at: Instant, peer: PeerId, timer: Timer) {
        self.queue.remove(&(at, peer, timer));
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<(Instant, PeerId, Timer)> {
        self.queue.first().copied()
    }

    /// How many deadlines are armed.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}

impl Armed {
    /// The deadline of `timer`.
    pub(super) fn at(&self, timer: Timer) -> Option<Instant> {
        self.0.get(timer as usize).copied().flatten()
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
        let peer = PeerId::new([1; 32]);
        let at = Instant::from_micros;
        timers.set(&mut armed, peer, Timer::Retry, Some(at(10)));
        timers.set(&mut armed, peer, Timer::Erase, Some(at(20)));
        timers.set(&mut armed, peer, Timer::Retry, Some(at(30)));
        assert_eq!(timers.next(), Some((at(20), peer, Timer::Erase)));
        timers.stop_all(&mut armed, peer);
        assert_eq!((timers.next(), timers.len()), (None, 0));
        assert_eq!(armed.at(Timer::Retry), None);
    }
}
