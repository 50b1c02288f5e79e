//! Who waits on the socket: a value under the core's lock, without sockets or threads.
//!
//! The `recv` thread does, unless the owner asks for it. Then `recv` leaves the seat when it has brought
//! events, and stands by: the owner, which goes through them, sits down itself when it has nothing else to
//! do, and what arrives reaches it without another thread. It stays for a moment ([`STAY`]) and gives the
//! seat back before it sleeps in any other way.
//!
//! # Why nothing is left lying
//!
//! While `recv` stands by it looks after each [`STAY`]. It takes the seat back if the owner has left it
//! ([`Seat::leave`]), or has been away for that long ([`Seat::pass_on`]): it may do other work, or never
//! come again. It also answers for packets that were left to the owner ([`turn`](crate::net::turn)), as if
//! it waited on the socket.

use core::time::Duration;

use crate::net::turn::WATCH;
use crate::time::Instant;

/// How long the owner waits on the socket, how long it may be away, and how often `recv` looks meanwhile:
/// what is seen to by `recv` for a packet is seen to as soon here.
pub(super) const STAY: Duration = WATCH;

/// The place at the socket.
#[derive(Debug)]
pub(super) struct Seat {
    holder: Holder,
    /// Whether the owner would receive by itself.
    is_wanted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holder {
    Recv,
    Owner,
    /// The owner has what came, and comes back.
    Away(Instant),
    /// The owner has given it back.
    Nobody,
}

impl Seat {
    pub(super) const fn new() -> Self {
        Self {
            holder: Holder::Recv,
            is_wanted: false,
        }
    }

    /// The owner sits down, if the seat is left to it; if not, it would the next time.
    pub(super) fn take(&mut self) -> bool {
        let is_free = matches!(self.holder, Holder::Away(_));
        if is_free {
            self.holder = Holder::Owner;
        }
        self.is_wanted = !is_free;
        is_free
    }

    /// Something was received. `events`: whether the owner has something to see, and will come. True if the
    /// seat is left to it now.
    pub(super) fn pass_on(&mut self, events: bool, now: Instant) -> bool {
        let passes = match self.holder {
            Holder::Recv => self.is_wanted && events,
            Holder::Owner => true,
            Holder::Away(_) | Holder::Nobody => false,
        };
        if passes {
            self.holder = Holder::Away(now);
        }
        passes
    }

    /// The owner gives the seat back, and would have it again.
    pub(super) const fn leave(&mut self) {
        self.holder = Holder::Nobody;
        self.is_wanted = true;
    }

    /// `recv` looks. True if the seat is its own again.
    pub(super) fn take_back(&mut self, now: Instant) -> bool {
        let is_over = match self.holder {
            Holder::Recv | Holder::Nobody => true,
            Holder::Owner => false,
            Holder::Away(since) => now.saturating_since(since) >= STAY,
        };
        if is_over {
            // Whoever stayed away has to ask again: it may never come.
            self.is_wanted &= !matches!(self.holder, Holder::Away(_));
            self.holder = Holder::Recv;
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_micros(1_000_000);

    /// A seat that was left to the owner.
    fn left() -> Seat {
        let mut seat = Seat::new();
        assert!(!seat.take(), "recv has it");
        assert!(seat.pass_on(true, NOW));
        seat
    }

    #[test]
    fn it_is_left_only_to_an_owner_that_wants_it_and_will_come() {
        let mut seat = Seat::new();
        assert!(!seat.pass_on(true, NOW), "nobody has asked");
        assert!(!seat.take());
        assert!(!seat.pass_on(false, NOW), "the owner sleeps");
        assert!(seat.pass_on(true, NOW));
        assert!(seat.take());
        assert!(!seat.take(), "one owner at a time");
    }

    #[test]
    fn an_owner_that_stays_away_loses_it() {
        let mut seat = left();
        assert!(!seat.take_back(NOW + STAY / 2));
        assert!(seat.take_back(NOW + STAY));
        assert!(!seat.take());
    }

    #[test]
    fn an_owner_that_waits_is_not_disturbed_and_keeps_it_by_coming_back() {
        let mut seat = left();
        for round in 0..3 {
            let now = NOW + STAY * round;
            assert!(seat.take());
            assert!(!seat.take_back(now + STAY), "it sits");
            assert!(seat.pass_on(false, now + STAY), "for what it received");
            assert!(!seat.take_back(now + STAY));
        }
    }

    #[test]
    fn what_is_given_back_is_taken_at_once_and_left_again() {
        let mut seat = left();
        assert!(seat.take());
        seat.leave();
        assert!(!seat.pass_on(true, NOW), "recv does not have it yet");
        assert!(seat.take_back(NOW));
        assert!(seat.pass_on(true, NOW));
    }

    #[test]
    fn an_owner_that_never_comes_again_is_not_waited_for_again() {
        let mut seat = left();
        assert!(seat.take_back(NOW + STAY));
        assert!(!seat.pass_on(true, NOW + STAY * 2), "it did not ask again");
    }
}
