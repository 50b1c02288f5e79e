//! Pings that the owner counts: each goes out once, in one packet, and is answered once or not at all.
//!
//! They have a table of their own beside that of what is in flight: a packet that is given up for lost
//! may still be acknowledged, and then its ping was late and not lost.

use core::time::Duration;
use std::collections::VecDeque;

use crate::id::PacketNumber;
use crate::proto::limits::MAX_ACK_DELAY;
use crate::time::Instant;
use crate::wire::frame::Ack;

/// Pings that wait for a packet, and that wait for an answer: one a second for a minute. Beyond it the
/// oldest is given up.
const MAX_PINGS: usize = 64;

/// Those of one connection.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// The owner's numbers of those that have not left.
    due: VecDeque<u64>,
    out: VecDeque<Out>,
    answers: VecDeque<(u64, Duration)>,
}

#[derive(Debug)]
struct Out {
    id: u64,
    number: PacketNumber,
    sent: Instant,
}

impl Pings {
    /// Asks with the next packet.
    pub(super) fn ask(&mut self, id: u64) {
        if self.due.len() == MAX_PINGS {
            self.due.pop_front();
        }
        self.due.push_back(id);
    }

    /// Whether one waits for a packet.
    pub(super) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// A packet that is acknowledged leaves: takes one ping along.
    pub(super) fn on_sent(&mut self, number: PacketNumber, now: Instant) {
        let Some(id) = self.due.pop_front() else {
            return;
        };
        if self.out.len() == MAX_PINGS {
            self.out.pop_front();
        }
        self.out.push_back(Out {
            id,
            number,
            sent: now,
        });
    }

    /// Packets have arrived. What the receiver waited before it said so is no part of the way, which is
    /// known of the highest one only.
    pub(super) fn on_ack(&mut self, ack: &Ack, now: Instant) {
        let largest = ack.ranges.first().map(|(_, high)| *high);
        let answers = &mut self.answers;
        self.out.retain(|out| {
            let is_answered = ack.contains(out.number);
            if is_answered && answers.len() < MAX_PINGS {
                let waited = if largest == Some(out.number.0) {
                    Duration::from_micros(ack.delay_us).min(MAX_ACK_DELAY)
                } else {
                    Duration::ZERO
                };
                let took = now.saturating_since(out.sent).saturating_sub(waited);
                answers.push_back((out.id, took));
            }
            !is_answered
        });
    }

    /// The next ping that was answered, and how long that took.
    pub(super) fn take_answer(&mut self) -> Option<(u64, Duration)> {
        self.answers.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::AckRanges;

    fn ms(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    fn ack(ranges: &[(u64, u64)], delay_ms: u64) -> Ack {
        let mut all = AckRanges::default();
        all.extend(ranges.iter().copied());
        Ack {
            delay_us: delay_ms * 1_000,
            ranges: all,
        }
    }

    /// Pings 1, 2 and 3 in packets 10, 11 and 12, a second apart.
    fn three() -> Pings {
        let mut pings = Pings::default();
        for id in 1..=3 {
            pings.ask(id);
            pings.on_sent(PacketNumber(9 + id), ms(id * 1_000));
        }
        assert!(!pings.is_due());
        pings
    }

    fn answers(pings: &mut Pings) -> Vec<(u64, u64)> {
        let next = || pings.take_answer();
        core::iter::from_fn(next)
            .map(|(id, took)| (id, u64::try_from(took.as_millis()).unwrap()))
            .collect()
    }

    #[test]
    fn each_is_answered_once_however_often_its_packet_is_acknowledged() {
        let mut pings = three();
        for _ in 0..3 {
            pings.on_ack(&ack(&[(0, 10)], 5), ms(1_050));
        }
        assert_eq!(answers(&mut pings), [(1, 45)]);
    }

    #[test]
    fn one_that_is_lost_has_no_answer_and_one_that_is_late_has_its_own() {
        let mut pings = three();
        pings.on_ack(&ack(&[(12, 12), (0, 9)], 20), ms(3_060));
        assert_eq!(answers(&mut pings), [(3, 40)]);
        pings.on_ack(&ack(&[(12, 12), (0, 10)], 0), ms(3_100));
        assert_eq!(answers(&mut pings), [(1, 2_100)]);
        pings.on_ack(&ack(&[(13, 20)], 0), ms(3_200));
        assert_eq!(answers(&mut pings), []);
    }

    #[test]
    fn a_wait_is_known_of_the_highest_packet_only_and_never_believed_beyond_its_bound() {
        let mut pings = three();
        pings.on_ack(&ack(&[(10, 12)], 9_000), ms(3_100));
        assert_eq!(answers(&mut pings), [(1, 2_100), (2, 1_100), (3, 75)]);
    }

    #[test]
    fn pings_that_nobody_answers_do_not_pile_up() {
        let mut pings = Pings::default();
        for id in 0..1_000 {
            pings.ask(id);
        }
        assert_eq!(pings.due.len(), MAX_PINGS);
        for number in 0..1_000 {
            pings.ask(number);
            pings.on_sent(PacketNumber(number), ms(number));
        }
        assert_eq!(pings.out.len(), MAX_PINGS);
        pings.on_ack(&ack(&[(0, 999)], 0), ms(1_000));
        for number in 0..1_000 {
            pings.on_sent(PacketNumber(number), ms(number));
        }
        pings.on_ack(&ack(&[(0, 999)], 0), ms(1_000));
        assert_eq!(pings.answers.len(), MAX_PINGS);
    }
}
