//! The window: when it grows, when it shrinks, and what is no congestion.

use super::*;

#[test]
fn the_window_blocks_when_it_is_full() {
    let mut sender = Sender::new();
    for _ in 0..INITIAL_WINDOW_PACKETS {
        assert_eq!(sender.recovery.may_send(SIZE, at(0)), Permit::Now);
        sender.send(1, at(0));
    }
    assert_eq!(sender.recovery.may_send(1, at(9_999)), Permit::Blocked);
    sender.ack(&[(0, 1)], at(10_000));
    assert_eq!(sender.recovery.may_send(SIZE, at(10_000)), Permit::Now);
}

#[test]
fn the_window_doubles_each_round_trip_until_a_loss_and_grows_by_a_packet_afterwards() {
    let mut sender = Sender::new();
    round(&mut sender, at(0));
    round(&mut sender, at(100));
    assert_eq!(sender.recovery.window(), 40 * SIZE);
    sender.send(40, at(200));
    let first = sender.next - 40;
    sender.ack(&[(first + 1, first + 39)], at(300));
    assert_eq!(sender.recovery.window(), 20 * SIZE);
    round(&mut sender, at(301));
    assert_eq!(sender.recovery.window(), 21 * SIZE);
    round(&mut sender, at(401));
    assert_eq!(sender.recovery.window(), 22 * SIZE);
}

#[test]
fn losses_of_one_round_trip_halve_the_window_once() {
    let mut sender = Sender::new();
    sender.send(10, at(0));
    assert_eq!(sender.ack(&[(3, 3)], at(100)).lost, [0]);
    let halved = sender.recovery.window();
    assert_eq!(halved, 5 * SIZE);
    assert_eq!(sender.ack(&[(7, 7)], at(101)).lost, [1, 2, 4]);
    assert_eq!(sender.recovery.window(), halved);
    // What left before the recovery period does not grow the window either.
    assert_eq!(sender.ack(&[(8, 9)], at(102)).lost, [5, 6]);
    assert_eq!(sender.recovery.window(), halved);
    // A loss of what left after it is a new one.
    sender.send(4, at(103));
    assert_eq!(sender.ack(&[(11, 13)], at(203)).lost, [10]);
    assert_eq!(sender.recovery.window(), halved / 2);
}

#[test]
fn a_probe_timeout_alone_leaves_the_window_as_it_is() {
    let mut sender = Sender::sampled();
    let window = sender.recovery.window();
    sender.send(4, at(100));
    sender.time_out(at(425));
    assert_eq!(sender.recovery.window(), window);
}

/// Packets 1 to 8 leave a second apart after the sample of 100 ms; only the last arrives, later than
/// the path took before.
fn seconds_of_loss() -> Sender {
    let mut sender = Sender::sampled();
    for second in 1..=8 {
        sender.send(1, at(second * 1_000));
    }
    assert_eq!(sender.ack(&[(8, 8)], at(8_150)).lost, [1, 2, 3, 4, 5, 6, 7]);
    sender
}

#[test]
fn persistent_congestion_collapses_the_window_which_then_starts_slowly() {
    let mut sender = seconds_of_loss();
    let collapsed = MINIMUM_WINDOW_PACKETS * SIZE;
    assert_eq!(sender.recovery.window(), collapsed);
    assert_eq!(sender.recovery.rtt().unwrap().min, ms(150));
    round(&mut sender, at(8_200));
    assert_eq!(sender.recovery.window(), 2 * collapsed);
}

#[test]
fn the_last_losses_of_an_outage_do_not_end_slow_start() {
    let mut sender = Sender::sampled();
    sender.send(1, at(1_000));
    sender.send(4, at(3_000));
    assert_eq!(sender.ack(&[(5, 5)], at(3_100)).lost, [1, 2]);
    let due = sender.recovery.timeout().unwrap();
    assert_eq!(sender.recovery.on_timeout(due), outcome(&[3, 4], 0));
    round(&mut sender, due + ms(1));
    assert_eq!(sender.recovery.window(), 2 * MINIMUM_WINDOW_PACKETS * SIZE);
}

#[test]
fn persistent_congestion_lasts_longer_than_three_probe_timeouts() {
    for (gap, persistent) in [(825, false), (826, true)] {
        let mut sender = Sender::sampled();
        sender.send(1, at(1_000));
        sender.send(4, at(1_000 + gap));
        let window = sender.recovery.window();
        assert_eq!(sender.ack(&[(5, 5)], at(1_100 + gap)).lost, [1, 2]);
        assert_eq!(sender.recovery.pto() * 3, ms(825));
        assert_eq!(sender.recovery.window() < window / 2, persistent);
    }
}

#[test]
fn a_lost_mtu_probe_does_not_begin_persistent_congestion() {
    let mut sender = Sender::sampled();
    let probe = PacketNumber(1);
    let evicted = sender
        .recovery
        .on_mtu_probe_sent(probe, 1_472, 1, at(1_000));
    assert_eq!(evicted, None);
    sender.next = 2;
    sender.send(4, at(3_000));
    let window = sender.recovery.window();
    assert_eq!(sender.ack(&[(5, 5)], at(3_100)).lost, [1, 2]);
    assert_eq!(sender.recovery.window(), window / 2);
}

#[test]
fn an_arrival_in_between_is_no_persistent_congestion() {
    let mut sender = Sender::sampled();
    sender.send(1, at(1_000));
    sender.send_ack_only(at(1_500));
    sender.send(4, at(3_000));
    let window = sender.recovery.window();
    let lost = sender.ack(&[(6, 6), (2, 2)], at(3_100)).lost;
    assert_eq!(lost, [1, 3]);
    assert_eq!(sender.recovery.window(), window / 2);
}

#[test]
fn the_same_losses_without_that_arrival_are_persistent_congestion() {
    let mut sender = Sender::sampled();
    sender.send(1, at(1_000));
    sender.send_ack_only(at(1_500));
    sender.send(4, at(3_000));
    assert_eq!(sender.ack(&[(6, 6)], at(3_100)).lost, [1, 3]);
    assert_eq!(sender.recovery.window(), MINIMUM_WINDOW_PACKETS * SIZE);
}

#[test]
fn an_arrival_acknowledged_earlier_breaks_the_run_as_well() {
    let mut sender = Sender::sampled();
    sender.send(1, at(1_000));
    sender.send(1, at(1_000));
    sender.ack(&[(2, 2)], at(1_050));
    sender.send(4, at(3_000));
    let window = sender.recovery.window();
    assert_eq!(sender.ack(&[(6, 6)], at(3_050)).lost, [1, 3]);
    assert!(sender.recovery.window() >= window / 2);
}

#[test]
fn losses_from_before_the_first_sample_are_no_persistent_congestion() {
    let mut sender = Sender::new();
    for second in 0..8 {
        sender.send(1, at(second * 1_000));
    }
    assert_eq!(sender.ack(&[(7, 7)], at(7_100)).lost.len(), 7);
    assert_eq!(sender.recovery.window(), INITIAL_WINDOW_PACKETS * SIZE / 2);
}

#[test]
fn an_application_limited_window_does_not_grow() {
    let mut sender = Sender::new();
    let window = sender.recovery.window();
    for step in 0..100 {
        sender.send(2, at(step * 100));
        sender.recovery.on_app_limited();
        let last = sender.next - 1;
        sender.ack(&[(last - 1, last)], at(step * 100 + 50));
    }
    assert_eq!(sender.recovery.window(), window);
}

#[test]
fn the_next_packet_ends_the_application_limit() {
    let mut sender = Sender::new();
    sender.recovery.on_app_limited();
    round(&mut sender, at(0));
    assert_eq!(sender.recovery.window(), 2 * INITIAL_WINDOW_PACKETS * SIZE);
}

#[test]
fn a_full_window_with_nothing_more_to_send_is_not_application_limited() {
    let mut sender = Sender::new();
    let window = sender.recovery.window();
    sender.send(INITIAL_WINDOW_PACKETS as u64, at(0));
    sender.recovery.on_app_limited();
    sender.ack(&[(0, 9)], at(50));
    assert_eq!(sender.recovery.window(), 2 * window);
}

#[test]
fn a_lost_mtu_probe_is_no_congestion() {
    let mut sender = Sender::new();
    let (probe, record) = (PacketNumber(0), 0);
    let evicted = sender
        .recovery
        .on_mtu_probe_sent(probe, 1_472, record, at(0));
    assert_eq!(evicted, None);
    sender.next = 1;
    sender.send(3, at(0));
    sender.recovery.on_app_limited();
    let window = sender.recovery.window();
    assert_eq!(sender.ack(&[(1, 3)], at(10)).lost, [0]);
    assert_eq!(sender.recovery.window(), window);
    assert_eq!(sender.recovery.in_flight(), 0);
}

#[test]
fn a_larger_mtu_raises_the_smallest_window_and_the_burst() {
    let mut sender = seconds_of_loss();
    sender.recovery.set_max_datagram(3_000);
    assert!(sender.recovery.window() >= MINIMUM_WINDOW_PACKETS * 3_000);
    let burst = PACING_BURST * 3_000;
    let pace = sender.recovery.pace();
    assert_eq!(pace.burst, burst);
    let ready = sender.recovery.pacer.ready_at(burst, pace, at(9_000_000));
    assert_eq!(ready, at(9_000_000));
}

#[test]
fn a_new_path_starts_anew_and_old_packets_say_nothing_about_it() {
    let mut sender = seconds_of_loss();
    sender.send(4, at(9_000));
    sender.recovery.on_path_change(1_400, at(9_000));
    assert_eq!(sender.recovery.rtt(), None);
    assert_eq!(sender.recovery.in_flight(), 0);
    assert_eq!(sender.recovery.window(), INITIAL_WINDOW_PACKETS * 1_400);
    let first = sender.next - 4;
    let expected = progress(&[first + 3], &[first]);
    let last = first + 3;
    assert_eq!(sender.ack(&[(last, last)], at(9_100)), expected);
    assert_eq!(sender.recovery.rtt(), None);
    assert_eq!(sender.recovery.window(), INITIAL_WINDOW_PACKETS * 1_400);
    assert_eq!(sender.recovery.timeout(), Some(at(9_000) + ms(333) * 9 / 8));
}
