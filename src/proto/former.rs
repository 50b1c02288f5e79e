//! Guests who are gone and may not know it, because nothing told them or because that was lost: they call again by
//! themselves, and nobody is to be asked again and again about what is one call.
//! Source: docs/protocol.md#who-may-talk.

use std::collections::VecDeque;

use crate::id::{ConnectionId, PeerId};
use crate::proto::limits::{GUEST_LIFE, MAX_FORMER_GUESTS};
use crate::time::Instant;

/// Who calls, and on which connection of his own: whoever begins one anew means another call.
pub(super) type Caller = (PeerId, ConnectionId);

/// How a guest went whom the user had been asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parting {
    /// The user said no.
    Declined,
    /// He had to make room for somebody else.
    Displaced,
}

#[derive(Debug)]
struct Former {
    caller: Caller,
    parting: Parting,
    until: Instant,
}

/// The newest of those who are gone.
#[derive(Debug, Default)]
pub(super) struct FormerGuests(VecDeque<Former>);

impl FormerGuests {
    /// Remembers one who goes, for [`GUEST_LIFE`]; beyond [`MAX_FORMER_GUESTS`] the oldest is forgotten.
    pub(super) fn add(&mut self, caller: Caller, parting: Parting, now: Instant) {
        self.0.retain(|it| it.caller != caller && now < it.until);
        if self.0.len() >= MAX_FORMER_GUESTS {
            self.0.pop_front();
        }
        let until = now + GUEST_LIFE;
        self.0.push_back(Former {
            caller,
            parting,
            until,
        });
    }

    /// How whoever calls went, if he is remembered.
    pub(super) fn parting(&mut self, caller: Caller, now: Instant) -> Option<Parting> {
        let mut all = self.0.iter_mut();
        let former = all.find(|it| it.caller == caller && now < it.until)?;
        if former.parting == Parting::Displaced {
            // He goes on calling until there is room.
            former.until = now + GUEST_LIFE;
        }
        Some(former.parting)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const START: Instant = Instant::from_micros(1_000_000_000);
    const MOMENT: Duration = Duration::from_micros(1);

    fn caller(number: u64) -> Caller {
        (PeerId::new([7; 32]), ConnectionId(number))
    }

    #[test]
    fn a_refusal_is_remembered_for_a_time_that_calls_do_not_prolong() {
        let mut former = FormerGuests::default();
        former.add(caller(1), Parting::Declined, START);
        let ends = START + GUEST_LIFE;
        for now in [START, ends - MOMENT] {
            assert_eq!(former.parting(caller(1), now), Some(Parting::Declined));
        }
        assert_eq!(former.parting(caller(1), ends), None);
        assert_eq!(former.parting(caller(2), START), None, "another call");
    }

    #[test]
    fn whoever_made_room_is_remembered_while_he_goes_on_calling() {
        let mut former = FormerGuests::default();
        former.add(caller(1), Parting::Displaced, START);
        let again = START + GUEST_LIFE - MOMENT;
        let displaced = Some(Parting::Displaced);
        assert_eq!(former.parting(caller(1), again), displaced);
        let ends = again + GUEST_LIFE;
        assert_eq!(former.parting(caller(1), ends - MOMENT), displaced);
        assert_eq!(former.parting(caller(1), ends + GUEST_LIFE), None);
    }

    #[test]
    fn the_newest_parting_counts_and_of_too_many_the_oldest_is_forgotten() {
        let mut former = FormerGuests::default();
        former.add(caller(0), Parting::Displaced, START);
        former.add(caller(0), Parting::Declined, START);
        assert_eq!(former.parting(caller(0), START), Some(Parting::Declined));
        for number in 1..=MAX_FORMER_GUESTS as u64 {
            former.add(caller(number), Parting::Declined, START);
        }
        assert_eq!(former.0.len(), MAX_FORMER_GUESTS);
        assert_eq!(former.parting(caller(0), START), None);
        assert!(former.parting(caller(1), START).is_some());
        former.add(caller(0), Parting::Declined, START + GUEST_LIFE);
        assert_eq!(former.0.len(), 1, "what is over takes no place");
    }
}
