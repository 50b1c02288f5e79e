//! The cycle in which a flow tries whether there is more bandwidth. Source: draft-ietf-ccwg-bbr §5.3.3.

use core::time::Duration;

use crate::proto::limits::{
    PROBE_EVERY, PROBE_ROUNDS_MAX, PROBE_ROUNDS_MIN, QUEUED_PROBE_EVERY, QUEUED_PROBE_ROUNDS,
};
use crate::proto::recovery::bbr::control::UP_GAIN;
use crate::proto::recovery::bbr::{Bbr, Phase, percent};
use crate::proto::recovery::rate::Sample;
use crate::time::Instant;

/// Random addition to the time between probes (§5.3.3.8.2).
const PROBE_JITTER: Duration = Duration::from_secs(1);
/// What is left to others of what has been too much, in hundredths (§2.8 has 15).
const HEADROOM: u64 = 20;
/// What a round of a probe has to bring so that the probe goes on, in hundredths.
const PROBE_GROWTH: u64 = 110;
/// Rounds in which the bound on flight rises faster and faster.
const MAX_GROWTH_ROUNDS: u32 = 30;

/// What the acknowledgements that come in are about (§2.14, `ack_phase`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feedback {
    /// No probe.
    None,
    /// The path is being filled.
    Refilling,
    /// A probe has begun, of which nothing is heard yet.
    Starting,
    /// A probe.
    Probing,
    /// A probe that is over.
    Stopping,
}

/// How far the cycle has come.
#[derive(Debug)]
pub(super) struct Cycle {
    feedback: Feedback,
    /// Whether losses are of packets that probe, and none has been answered yet.
    pub(super) is_probe_sample: bool,
    /// Whether the last probe met too many losses.
    pub(super) too_high: bool,
    /// Whether the last probe ended early, for fear of that.
    careful: bool,
    pub(super) began: Instant,
    pub(super) wait: Duration,
    /// Rounds since the last probe.
    rounds: u64,
    /// What was found when the last round of the probe began; 0 before its first.
    bandwidth: u64,
    /// How the long-term bound on flight rises while it is the limit.
    acked: u64,
    acked_per_packet: u64,
    growth_rounds: u32,
}

impl Cycle {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            feedback: Feedback::None,
            is_probe_sample: false,
            too_high: false,
            careful: false,
            began: now,
            wait: Duration::ZERO,
            rounds: 0,
            bandwidth: 0,
            acked: 0,
            acked_per_packet: u64::MAX,
            growth_rounds: 0,
        }
    }

    /// What comes in from the next round on is not about a probe.
    pub(super) const fn stop(&mut self) {
        self.feedback = Feedback::Stopping;
    }

    /// §5.3.3.9, `RaiseInflightLongtermSlope`: by 1, 2, 4 … packets a round.
    fn raise_slope(&mut self, window: u64, datagram: u64) {
        self.acked_per_packet = (window >> self.growth_rounds).max(datagram).max(1);
        self.growth_rounds = (self.growth_rounds + 1).min(MAX_GROWTH_ROUNDS);
    }
}

impl Bbr {
    /// §5.3.3.9, `StartProbeBW_DOWN`.
    pub(super) fn start_down(&mut self, delivered: u64, now: Instant) {
        self.count_anew(now);
        self.end_probe(delivered);
        self.phase = Phase::Down;
    }

    /// Counts the time to the next probe from now on.
    pub(super) fn count_anew(&mut self, now: Instant) {
        let mut rng = self.draw();
        self.cycle.rounds = rng.below(2) as u64;
        self.cycle.wait = PROBE_EVERY + rng.up_to(PROBE_JITTER);
        self.cycle.began = now;
    }

    /// Goes on as before ProbeRtt, which measures as a probe does but finds no bandwidth: what is counted until the
    /// next probe goes on. The draft counts anew (§5.3.4.4); where a queue stands, it would look for the round trip
    /// sooner than for bandwidth each time.
    pub(super) fn start_cruise(&mut self, delivered: u64) {
        self.end_probe(delivered);
        self.phase = Phase::Cruise;
    }

    fn end_probe(&mut self, delivered: u64) {
        self.bounds.forget_round();
        self.cycle.acked_per_packet = u64::MAX;
        self.cycle.stop();
        self.model.rounds.restart(delivered);
    }

    fn start_refill(&mut self, sample: &Sample) {
        self.bounds.forget_short_term();
        self.cycle.growth_rounds = 0;
        self.cycle.acked = 0;
        self.cycle.careful = false;
        self.cycle.feedback = Feedback::Refilling;
        self.model.rounds.restart(sample.total_delivered);
        self.phase = Phase::Refill;
    }

    fn start_up(&mut self, sample: &Sample, rate: u64) {
        self.cycle.is_probe_sample = true;
        self.cycle.feedback = Feedback::Starting;
        self.model.rounds.restart(sample.total_delivered);
        self.full_pipe.reset(rate);
        self.cycle.bandwidth = 0;
        self.phase = Phase::Up;
        self.cycle.raise_slope(self.window, self.datagram());
    }

    /// §5.3.3.9, `UpdateProbeBWCyclePhase`.
    pub(super) fn update_cycle(&mut self, sample: &Sample, rate: Option<u64>, now: Instant) {
        self.cycle.rounds += u64::from(self.model.rounds.started);
        if !self.full_pipe.reached || self.adapt_long_term(sample) {
            return;
        }
        let goes_down = self.phase == Phase::Up && self.is_time_to_go_down(sample, rate);
        match self.phase {
            Phase::Down | Phase::Cruise if self.is_time_to_probe(sample, now) => {
                self.start_refill(sample);
            }
            Phase::Down if self.is_time_to_cruise(sample) => self.phase = Phase::Cruise,
            Phase::Refill if self.model.rounds.started => {
                self.start_up(sample, rate.unwrap_or(0));
            }
            Phase::Up if goes_down => {
                self.cycle.too_high = false;
                self.start_down(sample.total_delivered, now);
            }
            Phase::Startup
            | Phase::Drain
            | Phase::Down
            | Phase::Cruise
            | Phase::Refill
            | Phase::Up
            | Phase::ProbeRtt => {}
        }
    }

    /// As often as NewReno would lose a packet with as much in flight, or every few seconds
    /// (§5.3.3.8.2). While others keep a queue there is nothing to find but what they have, and a loss
    /// costs them as many rounds as they have packets: then the bounds are wider.
    fn is_time_to_probe(&self, sample: &Sample, now: Instant) -> bool {
        let (wait, most) = if self.is_queued(sample.rtt) {
            (QUEUED_PROBE_EVERY, QUEUED_PROBE_ROUNDS)
        } else {
            (self.cycle.wait, PROBE_ROUNDS_MAX)
        };
        let packets = self.target_inflight() / self.datagram().max(1);
        now > self.cycle.began + wait || self.cycle.rounds >= packets.clamp(PROBE_ROUNDS_MIN, most)
    }

    /// The queue is gone, and there is room for others (§5.3.3.1).
    fn is_time_to_cruise(&self, sample: &Sample) -> bool {
        let headroom = self.inflight_with_headroom().unwrap_or(u64::MAX);
        sample.in_flight <= headroom && sample.in_flight <= self.inflight(100)
    }

    /// §5.3.3.7. As BBR version 2 did, it also is once a round has had as much in flight as the gain
    /// brings: three rounds without growth would fill the queue.
    fn is_time_to_go_down(&mut self, sample: &Sample, rate: Option<u64>) -> bool {
        let hi = self.bounds.inflight_hi.unwrap_or(u64::MAX);
        if self.cycle.too_high && sample.in_flight >= hi {
            self.cycle.careful = true;
            return true;
        }
        if self.model.rounds.window_limited && self.window >= hi {
            self.full_pipe.reset(rate.unwrap_or(0));
            return false;
        }
        let filled =
            self.cycle.feedback == Feedback::Probing && sample.in_flight >= self.inflight(UP_GAIN);
        self.full_pipe.now || (filled && !self.goes_on())
    }

    /// Whether a probe of a path whose round trips are long by themselves has found more and is to go on. Much in flight
    /// is no queue there; a round tells that brought no more, or took longer than usual.
    fn goes_on(&mut self) -> bool {
        if self.long_rtt().is_none() {
            return false;
        }
        if !self.model.rounds.started {
            return true;
        }
        let bandwidth = self.model.max_bandwidth();
        let before = core::mem::replace(&mut self.cycle.bandwidth, bandwidth);
        bandwidth >= percent(before, PROBE_GROWTH) && !self.model.usual.took_longer()
    }

    /// §5.3.3.9, `AdaptLongTermModel`. True if the phase changed.
    fn adapt_long_term(&mut self, sample: &Sample) -> bool {
        let started = self.model.rounds.started;
        if self.cycle.feedback == Feedback::Starting && started {
            self.cycle.feedback = Feedback::Probing;
        }
        if self.cycle.feedback == Feedback::Stopping && started {
            self.cycle.is_probe_sample = false;
            if !sample.sent.app_limited {
                self.cycle.feedback = Feedback::None;
            }
            if self.phase.is_in_cycle() {
                if !sample.sent.app_limited {
                    self.model.end_cycle();
                }
                if self.cycle.careful && !self.cycle.too_high {
                    self.start_refill(sample);
                    return true;
                }
            }
        }
        if !self.bounds.is_too_much(sample.lost, sample.sent.in_flight) {
            self.raise_long_term(sample);
        }
        false
    }

    /// As much as has been in flight without harm may be (§5.3.3.9).
    fn raise_long_term(&mut self, sample: &Sample) {
        let Some(hi) = self.bounds.inflight_hi else {
            return;
        };
        let hi = hi.max(sample.sent.in_flight);
        self.bounds.inflight_hi = Some(hi);
        if self.phase == Phase::Up && self.model.rounds.window_limited && self.window >= hi {
            self.probe_upward(hi, sample);
        }
    }

    /// §5.3.3.9, `ProbeInflightLongtermUpward`.
    fn probe_upward(&mut self, hi: u64, sample: &Sample) {
        let cycle = &mut self.cycle;
        cycle.acked = cycle.acked.saturating_add(sample.newly_acked);
        let packets = cycle.acked / cycle.acked_per_packet;
        cycle.acked -= packets * cycle.acked_per_packet;
        let raised = hi.saturating_add(packets.saturating_mul(self.max_datagram as u64));
        self.bounds.inflight_hi = Some(raised);
        if self.model.rounds.started {
            self.cycle
                .raise_slope(self.window, self.max_datagram as u64);
        }
    }

    /// §5.3.3.9, `InflightWithHeadroom`: a part of the bound is left to others.
    pub(super) fn inflight_with_headroom(&self) -> Option<u64> {
        let hi = self.bounds.inflight_hi?;
        let headroom = percent(hi, HEADROOM).max(self.datagram());
        Some(hi.saturating_sub(headroom).max(self.min_window()))
    }

    /// Our share of what fits into the path, unless losses have cut the window (§5.3.3.9).
    pub(super) fn target_inflight(&self) -> u64 {
        self.bdp(100).min(self.window)
    }
}
