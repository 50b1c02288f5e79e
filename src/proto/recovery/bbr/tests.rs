//! Rules of the state machine, each named as a sentence, with acknowledgements made by hand. What
//! becomes of whole flows is in [`crate::proto::recovery::tests`].

use super::*;
use crate::proto::limits::{BURST_MAX_BYTES, PROBE_RTT_EVERY};
use crate::proto::recovery::rate::Sampler;

const SIZE: usize = 1_000;
/// A packet a millisecond.
const BANDWIDTH: u64 = 1_000_000;
const RTT: Duration = Duration::from_millis(100);
/// Packets that fit into the path.
const BDP: u64 = 100;

const fn at(ms: u64) -> Instant {
    Instant::from_micros(ms * 1_000)
}

/// A path that delivers a packet a millisecond after a round trip without a queue.
struct Flow {
    bbr: Bbr,
    sampler: Sampler,
    now: Instant,
    /// When the packets in flight arrive, when they left, and what was known then.
    flying: Vec<(Instant, Instant, Snapshot)>,
    busy_until: Instant,
    rtt: Duration,
    /// How long somebody else's packets are in the queue before each of ours.
    foreign: Duration,
    /// Bytes that the pace lets leave.
    budget: u64,
}

impl Flow {
    fn new() -> Self {
        Self {
            bbr: Bbr::new(SIZE, [1; 32], at(0)),
            sampler: Sampler::new(at(0)),
            now: at(0),
            flying: Vec::new(),
            busy_until: at(0),
            rtt: RTT,
            foreign: Duration::ZERO,
            budget: 0,
        }
    }

    /// In a cycle of probes.
    fn under_way() -> Self {
        let mut flow = Self::new();
        flow.run(2_000);
        assert!(flow.bbr.phase.is_in_cycle(), "{:?}", flow.bbr.phase);
        flow
    }

    fn in_flight(&self) -> usize {
        self.flying.len() * SIZE
    }

    fn send(&mut self) {
        let snapshot = self.sampler.on_sent(SIZE, self.in_flight(), self.now);
        self.bbr.on_sent(SIZE, &snapshot, self.now);
        self.busy_until = self.busy_until.max(self.now) + Duration::from_millis(1);
        let arrival = self.busy_until + self.rtt + self.foreign;
        self.flying.push((arrival, self.now, snapshot));
    }

    fn acknowledge(&mut self) {
        while self.flying.first().is_some_and(|(at, ..)| *at <= self.now) {
            let (_, sent_at, snapshot) = self.flying.remove(0);
            self.sampler.on_acked(SIZE);
            let in_flight = self.in_flight();
            let sample = self
                .sampler
                .sample(snapshot, sent_at, SIZE as u64, in_flight, self.now);
            self.bbr.on_sample(&sample, self.now);
            if self.bbr.holds_back() {
                self.sampler.on_app_limited(in_flight);
            }
        }
    }

    /// Goes on for so long with endless data; the pace is kept by the millisecond.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now = self.now + Duration::from_millis(1);
            self.acknowledge();
            self.budget += self.bbr.pacing_rate(self.rtt) / 1_000;
            self.budget = self.budget.min(self.bbr.burst() as u64);
            while self.budget >= SIZE as u64 && self.in_flight() + SIZE <= self.bbr.window() {
                self.send();
                self.budget -= SIZE as u64;
            }
        }
    }

    fn run_until(&mut self, phase: Phase) {
        for _ in 0..20_000 {
            if self.bbr.phase == phase {
                return;
            }
            self.run(1);
        }
        panic!("{phase:?} never comes; it is {:?}", self.bbr.phase);
    }

    /// Loses the oldest packets; `rtt` is what the acknowledgements said of the time.
    fn lose(&mut self, count: usize, rtt: Duration) {
        let rtt = RttEstimate {
            latest: rtt,
            min: RTT,
            smoothed: rtt,
            variance: Duration::ZERO,
        };
        for (_, _, snapshot) in self.flying.drain(..count) {
            let lost = self.sampler.on_lost(SIZE, &snapshot);
            self.bbr.on_packet_lost(&lost, rtt, self.now);
        }
    }
}

#[test]
fn startup_finds_the_bandwidth_and_drain_takes_its_queue_away() {
    let mut flow = Flow::new();
    assert_eq!(flow.bbr.window(), 10 * SIZE);
    flow.run_until(Phase::Drain);
    let found = flow.bbr.model.max_bandwidth();
    assert!(
        (BANDWIDTH * 95 / 100..=BANDWIDTH * 105 / 100).contains(&found),
        "{found}"
    );
    assert!(flow.in_flight() as u64 > BDP * SIZE as u64 * 3 / 2);
    flow.run_until(Phase::Cruise);
    let left = flow.in_flight() as u64;
    assert!(left <= BDP * SIZE as u64 * 5 / 4, "{left}");
}

#[test]
fn every_phase_of_the_cycle_comes_round() {
    let mut flow = Flow::under_way();
    for phase in [Phase::Cruise, Phase::Refill, Phase::Up, Phase::Down] {
        flow.run_until(phase);
    }
    let window = flow.bbr.window() as u64;
    assert!(
        (BDP..=3 * BDP).contains(&(window / SIZE as u64)),
        "{window}"
    );
}

#[test]
fn a_round_trip_that_shrinks_is_followed() {
    let mut flow = Flow::under_way();
    let before = flow.bbr.model.max_bandwidth();
    flow.rtt = RTT / 2;
    flow.run(20_000);
    let expected = RTT / 2 + Duration::from_millis(1);
    assert_eq!(flow.bbr.model.min_rtt(), Some(expected));
    assert!(flow.bbr.model.max_bandwidth() * 10 >= before * 9);
}

#[test]
fn losses_without_a_queue_are_none_of_the_flows_business() {
    let mut flow = Flow::under_way();
    flow.run_until(Phase::Cruise);
    let (window, rate) = (flow.bbr.window(), flow.bbr.rate);
    flow.lose(5, RTT);
    flow.run(1);
    assert_eq!(
        (flow.bbr.bounds.losses, flow.bbr.bounds.inflight_lo),
        (0, None)
    );
    assert!(flow.bbr.window() >= window && flow.bbr.rate >= rate);
}

#[test]
fn losses_with_a_queue_lower_the_bounds_for_the_rest_of_the_cycle() {
    let mut flow = Flow::under_way();
    flow.run_until(Phase::Cruise);
    flow.lose(5, RTT * 3 / 2);
    flow.run(250);
    assert!(flow.bbr.bounds.inflight_lo.is_some());
    flow.run_until(Phase::Refill);
    assert!(flow.bbr.bounds.inflight_lo.is_none());
}

#[test]
fn so_many_losses_that_no_queue_is_needed_count_once_a_cycle() {
    let mut flow = Flow::under_way();
    flow.run_until(Phase::Cruise);
    for _ in 0..6 {
        let third = flow.flying.len() / 3;
        flow.lose(third, RTT);
        flow.run(120);
    }
    let most = flow.bbr.model.bdp() * 2;
    let least = flow.bbr.bounds.inflight_lo.unwrap();
    assert!(least >= percent(most, 70), "{least} {most}");
}

impl Flow {
    /// Between probes, with its own losses known to be none.
    fn that_knows_its_losses() -> Self {
        let mut flow = Self::under_way();
        flow.run_until(Phase::Refill);
        flow.run_until(Phase::Cruise);
        flow
    }

    /// Two thirds of a round are lost, and no round trip shows a queue.
    fn be_policed(&mut self) {
        self.lose(self.flying.len() * 2 / 3, RTT);
        self.run(110);
    }
}

#[test]
fn what_a_policer_has_shown_is_not_forgotten_over_the_losses_that_follow() {
    let mut flow = Flow::that_knows_its_losses();
    let mut least = BANDWIDTH;
    for _ in 0..12 {
        flow.be_policed();
        let now = flow.bbr.bounds.bandwidth(BANDWIDTH);
        assert!(now <= least, "{now} {least}");
        least = now;
    }
    assert!(least < BANDWIDTH / 2, "{least}");
}

#[test]
fn no_policer_is_found_by_who_has_too_little_to_send() {
    let mut flow = Flow::that_knows_its_losses();
    for _ in 0..12 {
        flow.sampler.on_app_limited(flow.in_flight() + 200 * SIZE);
        flow.be_policed();
    }
    let most = flow.bbr.model.max_bandwidth();
    let left = flow.bbr.bounds.bandwidth(most);
    assert!(left >= percent(most, 70), "{left}");
}

#[test]
fn losses_without_a_queue_count_only_if_they_go_on_for_too_many_to_be_chance() {
    let mut flow = Flow::under_way();
    flow.run_until(Phase::Cruise);
    flow.lose(flow.flying.len() / 7, RTT);
    flow.run(120);
    assert!(flow.bbr.bounds.inflight_lo.is_none());
    for _ in 0..6 {
        flow.lose(flow.flying.len() / 7, RTT);
        flow.run(120);
    }
    assert!(flow.bbr.bounds.inflight_lo.is_some());
}

#[test]
fn a_probe_that_loses_too_much_ends_and_sets_a_limit() {
    let mut flow = Flow::under_way();
    flow.run_until(Phase::Up);
    flow.run(50);
    assert_eq!(flow.bbr.bounds.inflight_hi, None);
    flow.lose(10, RTT * 2);
    assert_eq!(flow.bbr.phase, Phase::Down);
    let limit = flow.bbr.bounds.inflight_hi.unwrap();
    assert!(limit >= percent(BDP * SIZE as u64, 70), "{limit}");
    flow.run_until(Phase::Cruise);
    let limit = flow.bbr.bounds.inflight_hi.unwrap();
    assert!(flow.bbr.window() as u64 <= percent(limit, 80));
}

#[test]
fn a_round_trip_that_grows_is_looked_at_with_little_in_flight() {
    let mut flow = Flow::under_way();
    flow.rtt = RTT * 3 / 2;
    let before = flow.now;
    flow.run_until(Phase::ProbeRtt);
    assert!(flow.now.saturating_since(before) >= PROBE_RTT_EVERY / 2);
    let mut least = flow.in_flight();
    while flow.bbr.phase == Phase::ProbeRtt {
        flow.run(1);
        least = least.min(flow.in_flight());
    }
    assert!(least as u64 <= (BDP * 3 / 4 + 4) * SIZE as u64, "{least}");
    assert_eq!(flow.bbr.phase, Phase::Cruise);
    flow.run(11_000);
    assert!(flow.bbr.model.min_rtt().unwrap() >= RTT * 3 / 2);
}

#[test]
fn the_time_to_the_next_probe_goes_on_over_a_look_at_the_round_trip() {
    let mut flow = Flow::under_way();
    flow.rtt = RTT * 3 / 2;
    flow.run_until(Phase::ProbeRtt);
    let (began, wait) = (flow.bbr.cycle.began, flow.bbr.cycle.wait);
    flow.run_until(Phase::Cruise);
    assert_eq!((flow.bbr.cycle.began, flow.bbr.cycle.wait), (began, wait));
}

#[test]
fn the_time_to_the_next_probe_begins_anew_if_a_look_at_the_round_trip_interrupts_one() {
    let grown = || {
        let mut flow = Flow::under_way();
        flow.rtt = RTT * 3 / 2;
        flow
    };
    let mut flow = grown();
    flow.run_until(Phase::ProbeRtt);
    let begins = flow.now;
    let mut flow = grown();
    while flow.now + Duration::from_millis(1) < begins {
        flow.run(1);
    }
    flow.bbr.phase = Phase::Refill;
    flow.run(1);
    assert_eq!(flow.bbr.phase, Phase::ProbeRtt);
    assert_eq!(flow.bbr.cycle.began, begins);
}

#[test]
fn a_look_at_the_round_trip_ends_the_measuring_once_there_is_enough_to_send() {
    let mut flow = Flow::under_way();
    flow.rtt = RTT * 3 / 2;
    flow.run_until(Phase::ProbeRtt);
    let measured = flow.bbr.model.max_bandwidth;
    assert_ne!(measured[0], measured[1]);
    flow.run_until(Phase::Cruise);
    flow.run(400);
    assert_eq!(flow.bbr.phase, Phase::Cruise);
    assert_eq!(flow.bbr.model.max_bandwidth[1], measured[0]);
}

impl Flow {
    /// On a path that holds three packets.
    fn short() -> Self {
        let mut flow = Self::new();
        flow.rtt = Duration::from_millis(2);
        flow.run(2_000);
        assert!(flow.bbr.is_short());
        flow
    }

    fn packets_allowed(&self) -> usize {
        self.bbr.window() / SIZE
    }
}

#[test]
fn others_on_a_short_path_are_left_room_until_they_are_gone() {
    let mut flow = Flow::short();
    assert!(flow.packets_allowed() >= 4);
    flow.foreign = Duration::from_millis(1);
    flow.run(20);
    assert_eq!(flow.packets_allowed(), 2);
    flow.foreign = Duration::ZERO;
    flow.run(50);
    assert!(flow.packets_allowed() >= 4, "{}", flow.packets_allowed());
}

#[test]
fn on_a_path_that_bunches_acknowledgements_a_wait_is_nobody_else() {
    let mut flow = Flow::short();
    flow.now = flow.now + Duration::from_millis(1);
    flow.run(1);
    flow.foreign = Duration::from_millis(1);
    for _ in 0..100 {
        flow.run(1);
        assert!(flow.packets_allowed() >= 4);
    }
    flow.run(400);
    assert_eq!(flow.packets_allowed(), 2, "it has not done so for long");
}

#[test]
fn only_on_a_short_path_each_packet_is_acknowledged_and_leaves_alone() {
    let short = Flow::short().bbr;
    assert!(short.wants_prompt_acks());
    assert_eq!(short.burst(), SIZE * 3 / 2);
    let long = Flow::under_way().bbr;
    assert!(!long.wants_prompt_acks());
    assert_eq!(long.burst(), 2 * SIZE);
    let mut fast = Flow::short().bbr;
    fast.max_datagram = SIZE * 9 / 10;
    assert!(!fast.wants_prompt_acks(), "timers are later than that");
}

#[test]
fn an_outage_takes_the_window_and_acknowledgements_bring_it_back() {
    let mut flow = Flow::under_way();
    let before = flow.bbr.window();
    flow.bbr.on_lost(at(0), true, flow.now);
    assert_eq!(flow.bbr.window(), 4 * SIZE);
    flow.run(1_000);
    assert!(flow.bbr.window() >= before * 7 / 10);
}

#[test]
fn small_talk_keeps_what_is_known_of_the_path() {
    let mut flow = Flow::under_way();
    let before = flow.bbr.model.max_bandwidth();
    flow.run(1_000);
    for _ in 0..200 {
        flow.now = flow.now + Duration::from_secs(1);
        flow.acknowledge();
        flow.sampler.on_app_limited(flow.in_flight());
        flow.send();
    }
    assert!(flow.bbr.model.max_bandwidth() * 10 >= before * 9);
    assert_ne!(flow.bbr.phase, Phase::ProbeRtt);
}

#[test]
fn small_talk_from_the_start_leaves_the_initial_window() {
    let mut flow = Flow::new();
    for _ in 0..100 {
        flow.now = flow.now + Duration::from_secs(1);
        flow.acknowledge();
        flow.sampler.on_app_limited(flow.in_flight());
        flow.send();
    }
    assert_eq!(flow.bbr.phase, Phase::Startup);
    assert_eq!(flow.bbr.window(), 10 * SIZE);
}

#[test]
fn another_path_is_begun_as_the_first_was() {
    let mut flow = Flow::under_way();
    flow.bbr.restart(1_400, flow.now);
    assert_eq!(flow.bbr.window(), 14_000);
    assert_eq!(flow.bbr.phase, Phase::Startup);
    assert_eq!(flow.bbr.model.min_rtt(), None);
}

#[test]
fn what_leaves_at_once_is_a_millisecond_within_bounds() {
    let mut flow = Flow::under_way();
    assert_eq!(flow.bbr.burst(), 2 * SIZE);
    flow.bbr.rate = 10_000_000;
    assert_eq!(flow.bbr.burst(), 10_000);
    flow.bbr.rate = u64::MAX;
    assert_eq!(flow.bbr.burst() as u64, BURST_MAX_BYTES);
}

#[test]
fn extreme_samples_do_not_overflow() {
    let mut bbr = Bbr::new(usize::MAX / 16, [1; 32], at(0));
    let mut sampler = Sampler::new(at(0));
    for step in 0..200 {
        let now = Instant::from_micros(u64::MAX / 200 * step);
        let size = usize::MAX / 2;
        let snapshot = sampler.on_sent(size, size, now);
        bbr.on_sent(size, &snapshot, now);
        sampler.on_acked(size);
        let sample = sampler.sample(
            snapshot,
            now,
            u64::MAX,
            size,
            now + Duration::from_micros(1),
        );
        bbr.on_sample(&sample, now);
        let lost = sampler.on_lost(size, &snapshot);
        let rtt = RttEstimate {
            latest: Duration::MAX / 4,
            min: Duration::ZERO,
            smoothed: Duration::ZERO,
            variance: Duration::ZERO,
        };
        bbr.on_packet_lost(&lost, rtt, now);
        assert!(bbr.pacing_rate(Duration::ZERO) > 0 && bbr.window() > 0);
    }
}
