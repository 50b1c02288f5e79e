//! When to say what has arrived, and how much of it. Source: RFC 9000 §13.2, docs/protocol.md#frames (ACK).

use core::time::Duration;

use crate::proto::connection::received::Received;
use crate::proto::limits::{ACK_EVERY, GRANULARITY, MAX_ACK_DELAY};
use crate::time::Instant;
use crate::wire::frame::{Ack, Frame, Payload};

/// How long an ACK may wait for company. Timers fire late, and the peer counts on the whole delay
/// (RFC 9000 §18.2).
const HOLD: Duration = MAX_ACK_DELAY.saturating_sub(GRANULARITY);

/// Most bytes of an ACK of one range: type and count, and three varints.
const FIRST_LEN: usize = 26;
/// Most bytes of a further range.
const RANGE_LEN: usize = 16;

/// What has arrived, and what of it the peer has yet to be told.
#[derive(Debug, Default)]
pub(super) struct Acks {
    received: Received,
    /// The peer knows of all that arrived below: an ACK that said so is acknowledged itself.
    known_to: u64,
    late: Late,
    /// The highest number that arrived, and when.
    highest: Option<(u64, Instant)>,
    /// The highest number of a packet that asked for an ACK.
    highest_eliciting: Option<u64>,
    /// How many such packets have come since an ACK left.
    waiting: usize,
    /// When an ACK leaves even if nothing else does.
    due: Option<Instant>,
}

/// An ACK that left told of everything that had arrived up to this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    highest: u64,
    round: u64,
}

/// Numbers that came after higher ones, so that an ACK which left before tells of the higher and not of them.
/// A round ends when an ACK that left in it is acknowledged: that one told of all that came before the round.
#[derive(Debug, Default)]
struct Late {
    round: u64,
    /// The lowest one of this round.
    lowest: Option<u64>,
    /// The lowest one of those before, until this round ends.
    lowest_before: Option<u64>,
}

impl Late {
    fn on_packet(&mut self, number: u64) {
        let lowest = self.lowest.map_or(number, |it| it.min(number));
        self.lowest = Some(lowest);
    }

    /// An ACK of this round, or an older one, is acknowledged. From where on the peer may not have heard of
    /// everything.
    fn on_told(&mut self, round: u64) -> Option<u64> {
        if round == self.round {
            self.lowest_before = self.lowest.take();
            self.round += 1;
        }
        let lowest = self.lowest_before.into_iter().chain(self.lowest);
        lowest.min()
    }
}

impl Acks {
    /// Notes an arrived packet; false if it is a duplicate or too old to tell.
    pub(super) fn on_packet(&mut self, payload: &Payload<'_>, now: Instant) -> bool {
        let number = payload.number.0;
        if !self.received.insert(number) {
            return false;
        }
        self.known_to = self.known_to.min(number);
        if self.highest.is_none_or(|(highest, _)| highest < number) {
            self.highest = Some((number, now));
        } else {
            self.late.on_packet(number);
        }
        if payload.is_ack_eliciting() {
            self.waiting += 1;
            let at_once = self.waiting >= ACK_EVERY || asks(payload) || self.is_odd(number);
            let due = if at_once { now } else { now + HOLD };
            self.due = Some(self.due.map_or(due, |held| held.min(due)));
            self.highest_eliciting = self.highest_eliciting.max(Some(number));
        }
        true
    }

    /// Whether a packet is late, or others before it are missing: its sender wants to know that soon
    /// (RFC 9000 §13.2.1).
    fn is_odd(&self, number: u64) -> bool {
        let next = self.highest_eliciting.map_or(0, |highest| highest + 1);
        number < next || !self.received.has_all(next, number)
    }

    /// The ACK for the next packet, if there is anything new in it for the peer to wait for: with as many
    /// of the highest ranges as leave a byte of `room`. And what it tells, if it is the whole.
    pub(super) fn frame(&self, room: usize, now: Instant) -> Option<(Ack, Option<Told>)> {
        let more = room.checked_sub(FIRST_LEN + 1)? / RANGE_LEN;
        if self.waiting == 0 {
            return None;
        }
        let mut ack = self.last_frame(now)?;
        let is_whole = ack.ranges.len() <= 1 + more;
        ack.ranges.truncate(1 + more);
        let round = self.late.round;
        let told = self.highest.filter(|_| is_whole);
        let told = told.map(|(highest, _)| Told { highest, round });
        Some((ack, told))
    }

    /// An ACK of all that has arrived and that the peer is not known to have heard of; of the highest
    /// number in any case.
    pub(super) fn last_frame(&self, now: Instant) -> Option<Ack> {
        let (highest, at) = self.highest?;
        let delay = now.saturating_since(at).as_micros();
        Some(Ack {
            delay_us: u64::try_from(delay).unwrap_or(u64::MAX),
            ranges: self.received.from(self.known_to.min(highest)).collect(),
        })
    }

    /// The packet that carried an ACK is acknowledged: what it told need not be said again (RFC 9000
    /// §13.2.4). What has come late meanwhile is said until an ACK that named it is acknowledged.
    pub(super) fn on_told(&mut self, Told { highest, round }: Told) {
        let late = self.late.on_told(round).unwrap_or(u64::MAX);
        self.known_to = self.known_to.max((highest + 1).min(late));
    }

    /// [`Acks::frame`] leaves.
    pub(super) const fn on_sent(&mut self) {
        self.waiting = 0;
        self.due = None;
    }

    /// Whether an ACK must leave, in a packet of its own if need be.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// When it must.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }
}

/// Whether the sender wants to know at once: HELLO brings the first sample of the round trip, from which no delay is
/// subtracted (RFC 9002 §5.3), and PING asks for nothing else.
fn asks(payload: &Payload<'_>) -> bool {
    let asks = |frame: &Frame<'_>| matches!(frame, Frame::Hello(_) | Frame::Ping);
    payload.frames.iter().any(asks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{PacketNumber, VerifyingKey};
    use crate::wire::frame::Hello;

    const HELLO: Frame<'_> = Frame::Hello(Hello {
        oldest_version: 1,
        newest_version: 1,
        largest_message: 0,
        capabilities: 0,
        signing_key: VerifyingKey::new([0; 32]),
        nickname: b"",
    });

    /// Asks for an acknowledgement, but not at once.
    const CREDIT: Frame<'_> = Frame::MaxData(0);

    const FOUR: Told = Told {
        highest: 4,
        round: 0,
    };

    const fn ms(ms: u64) -> Instant {
        Instant::from_micros(1_000 * ms)
    }

    fn arrive(acks: &mut Acks, number: u64, frames: &[Frame<'static>], now: Instant) -> bool {
        let payload = Payload {
            number: PacketNumber(number),
            frames: frames.iter().cloned().collect(),
        };
        acks.on_packet(&payload, now)
    }

    /// `numbers` have arrived and been acknowledged.
    fn after(numbers: &[u64]) -> Acks {
        let mut acks = Acks::default();
        for number in numbers {
            arrive(&mut acks, *number, &[CREDIT], ms(0));
        }
        acks.on_sent();
        acks
    }

    #[test]
    fn one_packet_waits_and_the_second_does_not() {
        let mut acks = after(&[0, 1]);
        arrive(&mut acks, 2, &[CREDIT], ms(10));
        assert_eq!(acks.due(), Some(ms(10) + HOLD));
        assert!(!acks.is_due(ms(33)) && acks.is_due(ms(34)));
        arrive(&mut acks, 3, &[CREDIT], ms(12));
        assert!(acks.is_due(ms(12)));
        acks.on_sent();
        assert_eq!((acks.due(), acks.frame(1_000, ms(12))), (None, None));
    }

    #[test]
    fn what_asks_for_no_acknowledgement_gets_none() {
        let mut acks = after(&[]);
        let nothing = Frame::Ack(Ack::default());
        assert!(arrive(&mut acks, 0, &[nothing], ms(0)));
        assert_eq!((acks.due(), acks.frame(1_000, ms(0))), (None, None));
        arrive(&mut acks, 1, &[CREDIT], ms(0));
        assert!(!acks.is_due(ms(0)), "nothing is missing");
    }

    #[test]
    fn a_gap_and_what_fills_it_are_told_at_once() {
        for (before, number, odd) in [
            (&[][..], 0, false),
            (&[], 1, true),
            (&[0, 1], 2, false),
            (&[0, 1], 3, true),
            (&[0, 3], 4, false),
            (&[0, 3], 1, true),
            (&[0, 1, 4], 2, true),
        ] {
            let mut acks = after(before);
            arrive(&mut acks, number, &[CREDIT], ms(5));
            assert_eq!(acks.is_due(ms(5)), odd, "{number} after {before:?}");
        }
        let mut acks = after(&[0]);
        arrive(&mut acks, 2, &[CREDIT], ms(5));
        arrive(&mut acks, 3, &[CREDIT], ms(6));
        assert_eq!(acks.due(), Some(ms(5)), "what is due stays due");
        // What is missing may have asked for an ACK, whatever came after it did not.
        let mut acks = after(&[0]);
        arrive(&mut acks, 2, &[], ms(5));
        arrive(&mut acks, 3, &[CREDIT], ms(5));
        assert!(acks.is_due(ms(5)));
    }

    #[test]
    fn a_copy_asks_for_nothing() {
        let mut acks = after(&[0, 1]);
        assert!(!arrive(&mut acks, 1, &[CREDIT], ms(5)));
        assert_eq!(acks.due(), None);
    }

    #[test]
    fn hello_and_ping_are_acknowledged_at_once() {
        for (frame, at_once) in [(HELLO, true), (Frame::Ping, true), (CREDIT, false)] {
            let mut acks = after(&[]);
            arrive(&mut acks, 0, &[frame], ms(5));
            assert_eq!(acks.is_due(ms(5)), at_once);
        }
    }

    #[test]
    fn the_delay_counts_from_the_highest_number() {
        let mut acks = after(&[0]);
        arrive(&mut acks, 2, &[CREDIT], ms(10));
        arrive(&mut acks, 1, &[CREDIT], ms(13));
        let (ack, _) = acks.frame(1_000, ms(17)).unwrap();
        assert_eq!((ack.delay_us, &ack.ranges[..]), (7_000, &[(0, 2)][..]));
        assert_eq!(acks.last_frame(ms(18)).unwrap().delay_us, 8_000);
    }
    fn ranges(acks: &Acks) -> Vec<(u64, u64)> {
        acks.last_frame(ms(0)).unwrap().ranges.to_vec()
    }

    #[test]
    fn what_the_peer_knows_is_not_said_again() {
        let mut acks = after(&[0, 1]);
        arrive(&mut acks, 3, &[CREDIT], ms(0));
        let (ack, told) = acks.frame(1_000, ms(0)).unwrap();
        assert_eq!(ack.ranges[..], [(3, 3), (0, 1)]);
        acks.on_sent();
        arrive(&mut acks, 4, &[CREDIT], ms(0));
        assert_eq!(ranges(&acks), [(3, 4), (0, 1)], "it may not have heard");
        acks.on_told(told.unwrap());
        assert_eq!(ranges(&acks), [(4, 4)]);
        acks.on_told(FOUR);
        assert_eq!(ranges(&acks), [(4, 4)], "the highest is always said");
    }

    #[test]
    fn a_packet_below_what_the_peer_knows_is_taken_once_and_told() {
        let mut acks = after(&[0, 1, 3, 4]);
        acks.on_told(FOUR);
        for copy in [0, 1, 3, 4] {
            assert!(!arrive(&mut acks, copy, &[CREDIT], ms(0)), "{copy}");
        }
        assert!(arrive(&mut acks, 2, &[CREDIT], ms(0)));
        assert!(acks.is_due(ms(0)));
        assert_eq!(ranges(&acks), [(2, 4)]);
        assert!(!arrive(&mut acks, 2, &[CREDIT], ms(0)));
    }

    /// An ACK that leaves now tells this.
    fn tell(acks: &mut Acks) -> Told {
        acks.waiting = 1;
        let (_, told) = acks.frame(1_000, ms(0)).unwrap();
        acks.on_sent();
        told.unwrap()
    }

    #[test]
    fn what_came_late_is_told_until_an_ack_that_said_so_has_arrived() {
        let mut acks = after(&[0, 1, 3]);
        let before = tell(&mut acks);
        arrive(&mut acks, 2, &[CREDIT], ms(0));
        let with = tell(&mut acks);
        acks.on_told(before);
        assert_eq!(ranges(&acks), [(2, 3)], "the first ACK did not name 2");
        acks.on_told(with);
        let again = tell(&mut acks);
        acks.on_told(again);
        assert_eq!(ranges(&acks), [(3, 3)]);
    }

    /// Each packet comes after its successor, and each ACK is heard of while the next two are under way.
    #[test]
    fn a_path_that_reorders_for_ever_does_not_make_acks_grow() {
        let mut acks = Acks::default();
        let mut under_way = [tell_after(&mut acks, 1), tell_after(&mut acks, 0)];
        for number in (2..200).step_by(4) {
            let heard = under_way[0];
            let late = tell_after(&mut acks, number + 1);
            under_way = [late, tell_after(&mut acks, number)];
            acks.on_told(heard);
            let told = ranges(&acks);
            let lowest = told.last().unwrap().0;
            assert!(lowest + 12 >= number, "{told:?} at {number}");
        }
    }

    fn tell_after(acks: &mut Acks, number: u64) -> Told {
        arrive(acks, number, &[CREDIT], ms(0));
        tell(acks)
    }

    #[test]
    fn an_ack_that_was_cut_short_tells_nothing_for_good() {
        let acks = after(&[0, 2, 4]);
        let acks = Acks { waiting: 1, ..acks };
        let (ack, told) = acks.frame(FIRST_LEN + 1 + RANGE_LEN, ms(0)).unwrap();
        assert_eq!((&ack.ranges[..], told), (&[(4, 4), (2, 2)][..], None));
        let (ack, told) = acks.frame(FIRST_LEN + 1 + 2 * RANGE_LEN, ms(0)).unwrap();
        assert_eq!((ack.ranges.len(), told), (3, Some(FOUR)));
    }
}
