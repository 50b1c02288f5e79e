//! Rules of loss detection, each named as a sentence. [`model`] has the random test against a simple
//! model of all of them.

mod congestion;
mod link;
mod model;
mod paths;

use super::*;
use crate::proto::limits::{
    INITIAL_WINDOW_PACKETS, MAX_ACK_DELAY, MAX_SKIPPED, MAX_TRACKED_PACKETS,
    MINIMUM_WINDOW_PACKETS, PACING_BURST,
};

const SIZE: usize = 1_232;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn at(millis: u64) -> Instant {
    Instant::ZERO + ms(millis)
}

/// An acknowledgement of ranges from the highest down.
fn ack(ranges: &[(u64, u64)]) -> Ack {
    Ack {
        delay_us: 0,
        ranges: ranges.into(),
    }
}

/// Records are the packet numbers themselves.
struct Sender {
    recovery: Recovery<u64>,
    next: u64,
}

impl Sender {
    fn new() -> Self {
        Self {
            recovery: Recovery::new(Box::new(NewReno::new(SIZE)), SIZE, at(0)),
            next: 0,
        }
    }

    /// With one sample of 100 ms: smoothed 100 ms, variance 50 ms, PTO 325 ms, loss delay 112.5 ms.
    /// The next number is 1, the time 100 ms.
    fn sampled() -> Self {
        let mut sender = Self::new();
        sender.send(1, at(0));
        sender.ack(&[(0, 0)], at(100));
        sender
    }

    fn send(&mut self, count: u64, now: Instant) {
        for number in self.next..self.next + count {
            let record = PacketNumber(number);
            assert_eq!(self.recovery.on_sent(record, SIZE, true, number, now), None);
        }
        self.next += count;
    }

    fn send_ack_only(&mut self, now: Instant) {
        let number = PacketNumber(self.next);
        assert_eq!(
            self.recovery.on_sent(number, 64, false, self.next, now),
            None
        );
        self.next += 1;
    }

    fn skip(&mut self) {
        self.recovery.skip(PacketNumber(self.next));
        self.next += 1;
    }

    fn ack(&mut self, ranges: &[(u64, u64)], now: Instant) -> Changed {
        take_in(&mut self.recovery, &ack(ranges), now).unwrap()
    }

    /// Takes the timeout, which must be at `now`.
    fn time_out(&mut self, now: Instant) -> TimeoutOutcome<u64> {
        assert_eq!(self.recovery.timeout(), Some(now));
        self.recovery.on_timeout(now)
    }
}

/// What an acknowledgement changed.
#[derive(Debug, PartialEq, Eq)]
struct Changed {
    acked: Vec<u64>,
    lost: Vec<u64>,
}

fn take_in(recovery: &mut Recovery<u64>, ack: &Ack, now: Instant) -> Result<Changed, AckViolation> {
    let mut progress = Progress::default();
    recovery.on_ack(ack, now, &mut progress)?;
    Ok(Changed {
        acked: progress.take_acked().collect(),
        lost: progress.take_lost().collect(),
    })
}

fn progress(acked: &[u64], lost: &[u64]) -> Changed {
    Changed {
        acked: acked.to_vec(),
        lost: lost.to_vec(),
    }
}

fn outcome(lost: &[u64], probes: u8) -> TimeoutOutcome<u64> {
    TimeoutOutcome {
        lost: lost.to_vec(),
        probes,
    }
}

/// Sends a window and acknowledges it 100 ms later.
fn round(sender: &mut Sender, now: Instant) {
    let first = sender.next;
    while sender.recovery.in_flight() + SIZE <= sender.recovery.window() {
        sender.send(1, now);
    }
    sender.ack(&[(first, sender.next - 1)], now + ms(100));
}

#[test]
fn a_machine_that_slept_does_not_slow_the_pace() {
    let mut sender = Sender::sampled();
    let before = sender.recovery.rtt();
    let next = sender.next;
    sender.send(1, at(1_000));
    sender.ack(&[(next, next)], at(61_000));
    assert_eq!(sender.recovery.rtt(), before);
}

#[test]
fn acknowledged_packets_are_handed_back_once_from_the_highest_down() {
    let mut sender = Sender::new();
    sender.send(6, at(0));
    assert_eq!(
        sender.ack(&[(4, 5), (0, 2)], at(10)),
        progress(&[5, 4, 2, 1, 0], &[])
    );
    assert_eq!(sender.ack(&[(4, 5), (0, 2)], at(11)), progress(&[], &[]));
    assert_eq!(sender.recovery.in_flight(), SIZE);
}

#[test]
fn three_later_packets_make_a_packet_lost_and_two_do_not() {
    let mut sender = Sender::new();
    sender.send(4, at(0));
    assert_eq!(sender.ack(&[(2, 2)], at(10)), progress(&[2], &[]));
    assert_eq!(sender.ack(&[(3, 3)], at(10)), progress(&[3], &[0]));
    assert!(sender.recovery.awaits_ack());
}

#[test]
fn skipped_numbers_do_not_count_as_later_packets() {
    let mut sender = Sender::new();
    sender.send(2, at(0));
    sender.skip();
    sender.send(2, at(0));
    assert_eq!(sender.ack(&[(3, 3)], at(10)), progress(&[3], &[]));
    assert_eq!(sender.ack(&[(4, 4)], at(10)), progress(&[4], &[0]));
}

#[test]
fn nine_eighths_of_a_round_trip_after_it_left_a_packet_is_lost() {
    let mut sender = Sender::new();
    sender.send(2, at(0));
    assert_eq!(sender.ack(&[(1, 1)], at(80)), progress(&[1], &[]));
    assert_eq!(sender.recovery.on_timeout(at(89)), outcome(&[], 0));
    assert_eq!(sender.time_out(at(90)), outcome(&[0], 0));
    assert_eq!(sender.recovery.timeout(), None);
}

#[test]
fn without_a_later_acknowledgement_nothing_is_lost_however_long_it_takes() {
    let mut sender = Sender::sampled();
    sender.send(5, at(100));
    sender.ack(&[(1, 1)], at(200));
    let late = sender.recovery.on_timeout(at(100_000));
    assert_eq!(late, outcome(&[], 2));
    assert_eq!(sender.recovery.in_flight(), 4 * SIZE);
}

#[test]
fn an_acknowledged_ack_packet_shows_earlier_losses_too() {
    let mut sender = Sender::sampled();
    sender.send(1, at(100));
    sender.send_ack_only(at(100));
    sender.send_ack_only(at(100));
    sender.send_ack_only(at(100));
    assert_eq!(sender.ack(&[(4, 4)], at(200)), progress(&[], &[1]));
}

#[test]
fn a_probe_timeout_asks_for_two_probes_and_loses_nothing() {
    let mut sender = Sender::sampled();
    sender.send(1, at(100));
    assert_eq!(sender.recovery.pto(), ms(325));
    assert_eq!(sender.time_out(at(425)), outcome(&[], 2));
    let unacked: Vec<u64> = sender.recovery.unacked().copied().collect();
    assert_eq!(unacked, [1]);
}

#[test]
fn the_probe_timeout_doubles_up_to_a_minute_and_an_acknowledgement_ends_that() {
    let mut sender = Sender::sampled();
    sender.send(1, at(100));
    let mut now = at(100);
    for doubled in 0..40 {
        let wait = (ms(325) * (1 << doubled.min(10))).min(MAX_PTO);
        now = now + wait;
        assert_eq!(sender.time_out(now).probes, 2);
        sender.send(2, now);
    }
    let last = sender.next - 1;
    sender.ack(&[(last, last)], now + ms(100));
    sender.send(1, now + ms(200));
    sender.recovery.on_timeout(now + ms(213));
    let wait = sender.recovery.pto();
    assert_eq!(sender.recovery.timeout(), Some(now + ms(200) + wait));
}

#[test]
fn a_timeout_after_a_long_sleep_asks_for_probes_once() {
    let mut sender = Sender::sampled();
    sender.send(1, at(100));
    let awake = at(3_600_000);
    assert_eq!(sender.recovery.on_timeout(awake), outcome(&[], 2));
    assert_eq!(sender.recovery.on_timeout(awake), outcome(&[], 0));
    assert_eq!(sender.recovery.timeout(), Some(awake + ms(650)));
}

#[test]
fn with_nothing_in_flight_there_is_no_probe_timeout() {
    let mut sender = Sender::new();
    assert_eq!(sender.recovery.timeout(), None);
    sender.send_ack_only(at(0));
    assert_eq!(sender.recovery.timeout(), None);
    assert!(!sender.recovery.awaits_ack());
    sender.send(1, at(0));
    assert!(sender.recovery.timeout().is_some());
    sender.ack(&[(0, 1)], at(10));
    assert_eq!(sender.recovery.timeout(), None);
    assert_eq!(sender.recovery.on_timeout(at(99_999)), outcome(&[], 0));
}

#[test]
fn a_late_acknowledgement_shows_a_spurious_retransmit_and_is_ignored() {
    let mut sender = Sender::new();
    sender.send(4, at(0));
    assert_eq!(sender.ack(&[(1, 3)], at(10)).lost, [0]);
    let (window, rtt) = (sender.recovery.window(), sender.recovery.rtt());
    assert_eq!(sender.ack(&[(0, 3)], at(500)), progress(&[], &[]));
    assert_eq!(sender.recovery.window(), window);
    assert_eq!(sender.recovery.rtt(), rtt);
}

#[test]
fn only_the_newly_acknowledged_largest_dates_the_round_trip() {
    let mut sender = Sender::new();
    assert_eq!(sender.recovery.rtt(), None);
    sender.send(2, at(0));
    sender.ack(&[(1, 1)], at(50));
    let rtt = sender.recovery.rtt().unwrap();
    assert_eq!(rtt.latest, ms(50));
    sender.ack(&[(0, 1)], at(55));
    assert_eq!(sender.recovery.rtt(), Some(rtt));
    sender.ack(&[(0, 1)], at(900));
    assert_eq!(sender.recovery.rtt(), Some(rtt));
}

#[test]
fn a_reordered_older_acknowledgement_dates_by_its_own_largest() {
    let mut sender = Sender::new();
    sender.send(2, at(0));
    sender.ack(&[(1, 1)], at(50));
    sender.ack(&[(0, 0)], at(56));
    assert_eq!(sender.recovery.rtt().unwrap().latest, ms(56));
}

#[test]
fn a_claimed_ack_delay_is_capped() {
    let samples = [MAX_ACK_DELAY.as_micros(), u128::from(u64::MAX)].map(|delay| {
        let mut sender = Sender::sampled();
        sender.send(1, at(100));
        let late = Ack {
            delay_us: u64::try_from(delay).unwrap(),
            ranges: [(1, 1)].as_slice().into(),
        };
        take_in(&mut sender.recovery, &late, at(400)).unwrap();
        sender.recovery.rtt()
    });
    assert_eq!(samples[0], samples[1]);
    assert_eq!(samples[0].unwrap().smoothed, ms(100 * 7 + 275) / 8);
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_is_a_violation_and_changes_nothing() {
    let mut sender = Sender::new();
    let nothing_sent = take_in(&mut sender.recovery, &ack(&[(0, 0)]), at(0));
    assert_eq!(nothing_sent, Err(AckViolation::NeverSent));
    sender.next = 5;
    sender.send(3, at(0));
    for hostile in [
        &[(5, 8)][..],
        &[(8, 8), (5, 6)],
        &[(6, 7), (4, 4)],
        &[(0, 7)],
        &[(0, (1 << 62) - 1)],
    ] {
        let result = take_in(&mut sender.recovery, &ack(hostile), at(1));
        assert_eq!(result, Err(AckViolation::NeverSent));
    }
    assert_eq!(sender.recovery.in_flight(), 3 * SIZE);
    assert_eq!(sender.recovery.rtt(), None);
}

#[test]
fn an_optimistic_acknowledgement_of_a_skipped_number_is_a_violation() {
    let mut sender = Sender::new();
    sender.send(2, at(0));
    sender.skip();
    sender.send(1, at(0));
    let optimistic = ack(&[(0, 3)]);
    assert_eq!(
        sender.recovery.check(&optimistic),
        Err(AckViolation::Skipped)
    );
    let result = take_in(&mut sender.recovery, &optimistic, at(1));
    assert_eq!(result, Err(AckViolation::Skipped));
    assert_eq!(sender.recovery.in_flight(), 3 * SIZE);
    assert_eq!(sender.ack(&[(3, 3), (0, 1)], at(1)).acked, [3, 1, 0]);
}

#[test]
fn a_skipped_number_counts_as_never_sent_while_it_is_the_last() {
    let mut sender = Sender::new();
    sender.send(1, at(0));
    sender.skip();
    assert!(take_in(&mut sender.recovery, &ack(&[(1, 1)]), at(1)).is_err());
}

#[test]
fn skipped_numbers_are_bounded_and_the_newest_are_kept() {
    let mut sender = Sender::new();
    for _ in 0..=MAX_SKIPPED {
        sender.skip();
        sender.send(1, at(0));
    }
    assert_eq!(sender.recovery.check(&ack(&[(0, 0)])), Ok(()));
    let kept = (1..=MAX_SKIPPED as u64).map(|index| 2 * index);
    for number in kept {
        let result = sender.recovery.check(&ack(&[(number, number)]));
        assert_eq!(result, Err(AckViolation::Skipped));
    }
}

#[test]
fn tracked_packets_are_bounded_and_the_oldest_is_handed_back_as_lost() {
    let mut sender = Sender::new();
    sender.recovery.on_path_change(1, at(0));
    for number in 0..MAX_TRACKED_PACKETS as u64 {
        let sent = PacketNumber(number);
        assert_eq!(sender.recovery.on_sent(sent, 0, true, number, at(0)), None);
    }
    assert_eq!(sender.recovery.may_send(0, at(1)), Permit::Blocked);
    let next = MAX_TRACKED_PACKETS as u64;
    let sent = PacketNumber(next);
    let oldest = sender.recovery.on_sent(sent, 10, true, next, at(1));
    assert_eq!(oldest, Some(0));
    assert_eq!(sender.recovery.in_flight(), 10);
    assert_eq!(sender.recovery.unacked().count(), MAX_TRACKED_PACKETS);
}

#[test]
fn pacing_spreads_what_follows_the_burst_over_the_round_trip() {
    let mut sender = Sender::sampled();
    while sender.recovery.window() < 50 * SIZE {
        let now = at(sender.next * 1_000);
        round(&mut sender, now);
    }
    let (start, mut now, mut sent) = (at(10_000_000), at(10_000_000), 0);
    let srtt = sender.recovery.rtt().unwrap().smoothed;
    let window = sender.recovery.window();
    loop {
        match sender.recovery.may_send(SIZE, now) {
            Permit::Now => {
                sender.send(1, now);
                sent += 1;
                assert!(sent <= PACING_BURST || now > start);
            }
            Permit::At(later) => now = later,
            Permit::Blocked => break,
        }
    }
    let spread = now.saturating_since(start);
    let rest = u32::try_from(sent - PACING_BURST).unwrap();
    let expected =
        srtt * rest * 4 / 5 * u32::try_from(SIZE).unwrap() / u32::try_from(window).unwrap();
    assert!(spread.abs_diff(expected) < ms(1), "{spread:?} {expected:?}");
}

#[test]
fn probes_leave_beyond_window_and_pace() {
    let mut sender = Sender::sampled();
    while sender.recovery.may_send(SIZE, at(200)) == Permit::Now {
        sender.send(1, at(200));
    }
    assert_ne!(sender.recovery.may_send(SIZE, at(200)), Permit::Now);
    let due = sender.recovery.timeout().unwrap();
    assert_eq!(sender.recovery.on_timeout(due).probes, 2);
    sender.send(2, due);
    assert!(sender.recovery.in_flight() >= 11 * SIZE);
}

/// Lost, of so many.
fn loss(sender: &Sender) -> Option<(u32, u32)> {
    let loss = sender.recovery.loss();
    loss.map(|loss| (loss.lost, loss.of))
}

#[test]
fn loss_counts_what_was_given_up_and_takes_back_what_arrives_after_all() {
    let mut sender = Sender::sampled();
    assert_eq!(loss(&sender), Some((0, 1)));
    sender.send(10, at(100));
    sender.ack(&[(6, 10)], at(200));
    assert_eq!(loss(&sender), Some((5, 11)));
    sender.ack(&[(4, 10)], at(201));
    assert_eq!(loss(&sender), Some((3, 11)), "4 and 5 were late");
    sender.recovery.on_path_change(1_200, at(300));
    assert_eq!(loss(&sender), None, "of another path");
}

/// An acknowledgement of something else is a reply too.
#[test]
fn an_acknowledgement_of_a_later_packet_starts_the_wait_anew() {
    let mut sender = Sender::sampled();
    sender.send(3, at(100));
    sender.ack(&[(3, 3)], at(150));
    assert!(sender.recovery.awaits_ack(), "1 and 2 may be late");
    assert_eq!(sender.recovery.unacked_since(), Some(at(150)));
}
