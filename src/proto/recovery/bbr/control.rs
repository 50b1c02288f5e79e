//! Pace and window, as they follow from model and phase. Source: draft-ietf-ccwg-bbr §5.6.

use core::time::Duration;

use crate::proto::limits::{BURST_MAX_BYTES, BURST_TIME};
use crate::proto::recovery::bbr::model::volume;
use crate::proto::recovery::bbr::{Bbr, Phase, percent};
use crate::proto::recovery::newreno::initial_window;
use crate::proto::recovery::rate::{Sample, US_PER_SECOND, micros, scaled};

/// The smallest gain that doubles the rate each round trip, 4 ln 2 (§2.5).
const STARTUP_GAIN: u64 = 277;
/// The pace that takes a window out within a round trip (RFC 9002 §7.7).
const WINDOW_PACE_GAIN: u64 = 125;
/// The pace while it probes for bandwidth (§5.3.3.5).
pub(super) const UP_GAIN: u64 = 125;
/// The pace stays so much below what the path delivers, in hundredths, that a queue shrinks (§5.6.2).
const PACING_MARGIN: u64 = 1;
/// Full datagrams that keep a path going whose receiver acknowledges every second (§2.8).
pub(super) const MIN_PIPE_PACKETS: u64 = 4;
/// Full datagrams that may leave at once at any rate (§5.6.3).
const MIN_BURST_PACKETS: u64 = 2;
/// Hundredths of the BDP in flight (§2.6): in Startup; between probes, where the draft has 200; while
/// it probes; while it looks for the round trip.
pub(super) const WINDOW_GAIN: u64 = 200;
const CYCLE_WINDOW_GAIN: u64 = 140;
const UP_WINDOW_GAIN: u64 = 225;
const PROBE_RTT_WINDOW_GAIN: u64 = 50;
/// The most of that where round trips are long by themselves: what comes in bunches is in the usual one already.
const USUAL_GAIN: u64 = 110;
const USUAL_UP_GAIN: u64 = 135;
/// A usual round trip longer than the shortest by no more than this part of it is not long by itself.
const LONG_PART: u32 = 4;

impl Bbr {
    /// Hundredths of the bandwidth (§5.6.1).
    pub(super) const fn pacing_gain(&self) -> u64 {
        match self.phase {
            Phase::Startup => STARTUP_GAIN,
            Phase::Drain => 50,
            Phase::Down => 90,
            Phase::Cruise | Phase::Refill | Phase::ProbeRtt => 100,
            Phase::Up => UP_GAIN,
        }
    }

    const fn window_gain(&self) -> u64 {
        match self.phase {
            Phase::Startup | Phase::Drain => WINDOW_GAIN,
            Phase::Down | Phase::Cruise | Phase::Refill => CYCLE_WINDOW_GAIN,
            Phase::Up => UP_WINDOW_GAIN,
            Phase::ProbeRtt => PROBE_RTT_WINDOW_GAIN,
        }
    }

    /// Bytes a second that the path delivers, given what losses say.
    fn bandwidth(&self) -> u64 {
        self.bounds.bandwidth(self.model.max_bandwidth())
    }

    /// The time that `bytes` take at the path's bandwidth.
    pub(super) fn time_of(&self, bytes: u64) -> Duration {
        let rate = self.model.max_bandwidth().max(1);
        Duration::from_micros(scaled(bytes, US_PER_SECOND, rate))
    }

    /// What a round trip usually takes without a queue of ours, where that is much longer than the shortest: by more than
    /// fits into the window as it is, and than packets that leave together make each other wait.
    pub(super) fn long_rtt(&self) -> Option<Duration> {
        let min_rtt = self.model.min_rtt()?;
        let together = self.time_of(MIN_PIPE_PACKETS * self.datagram());
        let usual = self.model.usual.rtt();
        (usual > min_rtt + (min_rtt / LONG_PART).max(together)).then_some(usual)
    }

    /// Hundredths of the bandwidth-delay product (§5.6.4.2, `BDPMultiple`); not less than usual round trips ask for.
    pub(super) fn bdp(&self, gain: u64) -> u64 {
        let Some(min_rtt) = self.model.min_rtt() else {
            return initial_window(self.max_datagram) as u64;
        };
        let usual = self.long_rtt().unwrap_or_default();
        let most = if self.phase == Phase::Up {
            USUAL_UP_GAIN
        } else {
            USUAL_GAIN
        };
        let usual = percent(volume(self.bandwidth(), usual), gain.min(most));
        percent(volume(self.bandwidth(), min_rtt), gain).max(usual)
    }

    /// §5.6.4.2, `Inflight`.
    pub(super) fn inflight(&self, gain: u64) -> u64 {
        self.with_budget(self.bdp(gain))
    }

    /// §5.6.4.2, `QuantizationBudget`.
    fn with_budget(&self, inflight: u64) -> u64 {
        let inflight = inflight.max(self.quantum()).max(self.min_window());
        if self.phase == Phase::Up {
            inflight.saturating_add(2 * self.datagram())
        } else {
            inflight
        }
    }

    /// §5.6.4.3, and less on a [short](super::short) path that others use.
    pub(super) fn min_window(&self) -> u64 {
        let least = MIN_PIPE_PACKETS * self.datagram();
        self.shared_window().unwrap_or(least)
    }

    /// §5.6.4.5.
    pub(super) fn probe_rtt_window(&self) -> u64 {
        let min_rtt = self.model.min_rtt().unwrap_or_default();
        let bdp = volume(self.bandwidth(), min_rtt);
        percent(bdp, PROBE_RTT_WINDOW_GAIN).max(self.min_window())
    }

    /// §5.6.4.4.
    pub(super) fn save_window(&mut self) {
        self.saved_window = if self.phase == Phase::ProbeRtt {
            self.saved_window.max(self.window)
        } else {
            self.window
        };
    }

    /// Bytes that may leave at once (§5.6.3).
    pub(super) fn quantum(&self) -> u64 {
        let least = MIN_BURST_PACKETS * self.datagram();
        volume(self.rate, BURST_TIME)
            .min(BURST_MAX_BYTES)
            .max(least)
    }

    /// §5.6.2: before the pipe is known to be full, the rate only rises.
    pub(super) fn set_rate(&mut self, gain: u64) {
        let rate = percent(percent(self.bandwidth(), gain), 100 - PACING_MARGIN);
        if self.full_pipe.reached || rate > self.rate {
            self.rate = rate;
        }
    }

    /// At first, the initial window within a round trip; until the pipe is known to be full, never so slowly that the
    /// window takes longer than one (RFC 9002 §7.7).
    pub(super) fn paced_rate(&self, rtt: Duration) -> u64 {
        if self.full_pipe.reached {
            return self.rate.max(1);
        }
        let per_rtt = |bytes, gain| scaled(bytes, 10_000 * gain, micros(rtt).max(1));
        let initial = initial_window(self.max_datagram) as u64;
        let rate = per_rtt(initial, STARTUP_GAIN).max(per_rtt(self.window, WINDOW_PACE_GAIN));
        rate.max(self.rate).max(1)
    }

    /// §5.6.4.6. Before the pipe is known to be full, small talk does not widen the window either (RFC
    /// 9002 §7.8).
    pub(super) fn set_window(&mut self, sample: &Sample) {
        let inflight = self.bdp(self.window_gain());
        let extra = self.model.aggregation.extra().min(self.window);
        let most = self.with_budget(inflight.saturating_add(extra));
        let grown = self.window.saturating_add(sample.newly_acked);
        let early = self.is_early(sample);
        if self.full_pipe.reached {
            self.window = grown.min(most);
        } else if !sample.sent.app_limited && (early || self.window < most) {
            self.window = grown;
        }
        self.window = self.window.min(self.window_bound()).max(self.min_window());
    }

    /// Whether no sample can show yet what the window brings (§5.6.4.6). The first flight leaves at once and the second
    /// spread out, so that a sample of the second spans more than a round trip: unless there is a queue, the window
    /// grows with what is delivered until both have come back.
    fn is_early(&self, sample: &Sample) -> bool {
        let initial = initial_window(self.max_datagram) as u64;
        let flights = if self.is_queued(sample.rtt) { 1 } else { 3 };
        sample.total_delivered < flights * initial
    }

    /// §5.6.4.5, §5.6.4.7.
    fn window_bound(&self) -> u64 {
        if let Some(window) = self.shared_window() {
            return window;
        }
        let long_term = match self.phase {
            Phase::Startup | Phase::Drain => None,
            Phase::Down | Phase::Refill | Phase::Up => self.bounds.inflight_hi,
            Phase::Cruise | Phase::ProbeRtt => self.inflight_with_headroom(),
        };
        let short_term = self.bounds.inflight_lo.unwrap_or(u64::MAX);
        let bound = long_term.unwrap_or(u64::MAX).min(short_term);
        if self.phase == Phase::ProbeRtt {
            return bound.min(self.probe_rtt_window());
        }
        bound
    }
}
