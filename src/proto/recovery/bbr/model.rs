//! The path as its acknowledgements show it: rounds, bandwidth, round trip, bunched acknowledgements.
//! Source: draft-ietf-ccwg-bbr §5.5.

use core::time::Duration;

use crate::proto::limits::MIN_RTT_LIFE;
use crate::proto::recovery::bbr::usual::Usual;
use crate::proto::recovery::rate::{Sample, US_PER_SECOND, micros, scaled};
use crate::time::Instant;

/// Rounds over which the most bunched acknowledgements are remembered (§2.12).
const AGGREGATION_ROUNDS: u64 = 10;

/// Bytes that a rate moves in a time.
pub(super) fn volume(rate: u64, time: Duration) -> u64 {
    scaled(rate, micros(time), US_PER_SECOND)
}

/// Round trips as packets make them: one ends when a packet arrives that left after its beginning
/// (§5.5.1).
#[derive(Debug, Default)]
pub(super) struct Rounds {
    end: u64,
    pub(super) count: u64,
    /// Whether this acknowledgement began one.
    pub(super) started: bool,
    /// The shortest round trip in this one, and in the one before.
    fastest: [Option<Duration>; 2],
    window_full: bool,
    /// Whether the window was in full use in the last round or is in this one.
    pub(super) window_limited: bool,
}

impl Rounds {
    /// Lets a round begin now.
    pub(super) const fn restart(&mut self, delivered: u64) {
        self.end = delivered;
    }

    /// A packet left; `full`: it was the last for which there was room.
    pub(super) fn note_window(&mut self, full: bool) {
        self.window_full |= full;
        self.window_limited |= full;
    }

    /// The round trip of the fastest packet in the last round.
    pub(super) const fn fastest(&self) -> Option<Duration> {
        self.fastest[1]
    }

    fn on_sample(&mut self, sample: &Sample) {
        self.started = sample.sent.delivered >= self.end;
        if self.started {
            self.restart(sample.total_delivered);
            self.count += 1;
            self.window_limited = core::mem::take(&mut self.window_full);
            self.fastest = [None, self.fastest[0]];
        }
        let fastest = self.fastest[0].unwrap_or(sample.rtt);
        self.fastest[0] = Some(fastest.min(sample.rtt));
    }
}

/// What more than expected was acknowledged at once, lately (§5.5.9).
#[derive(Debug)]
pub(super) struct Aggregation {
    since: Instant,
    acked: u64,
    /// The most in this period and in the one before.
    most: [u64; 2],
    period_start: u64,
}

impl Aggregation {
    pub(super) const fn restart(&mut self, now: Instant) {
        self.since = now;
        self.acked = 0;
    }

    /// In bytes.
    pub(super) fn extra(&self) -> u64 {
        self.most.into_iter().max().unwrap_or(0)
    }

    fn on_sample(&mut self, newly_acked: u64, bandwidth: u64, round: u64, now: Instant) {
        let mut expected = volume(bandwidth, now.saturating_since(self.since));
        if self.acked <= expected {
            self.restart(now);
            expected = 0;
        }
        self.acked = self.acked.saturating_add(newly_acked);
        if round >= self.period_start.saturating_add(AGGREGATION_ROUNDS / 2) {
            self.most = [0, self.most[0]];
            self.period_start = round;
        }
        self.most[0] = self.most[0].max(self.acked.saturating_sub(expected));
    }
}

/// The long-term model.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) rounds: Rounds,
    pub(super) aggregation: Aggregation,
    /// The highest rate of this cycle and of the one before (§5.5.3).
    pub(super) max_bandwidth: [u64; 2],
    /// The highest rate of all cycles.
    most_bandwidth: u64,
    min_rtt: Option<Duration>,
    min_rtt_at: Instant,
    pub(super) usual: Usual,
}

impl Model {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            rounds: Rounds::default(),
            aggregation: Aggregation {
                since: now,
                acked: 0,
                most: [0; 2],
                period_start: 0,
            },
            max_bandwidth: [0; 2],
            most_bandwidth: 0,
            min_rtt: None,
            min_rtt_at: now,
            usual: Usual::default(),
        }
    }

    /// Bytes a second that the path delivers to this flow.
    pub(super) fn max_bandwidth(&self) -> u64 {
        self.max_bandwidth.into_iter().max().unwrap_or(0)
    }

    /// What fits into the path without a queue.
    pub(super) fn bdp(&self) -> u64 {
        volume(self.max_bandwidth(), self.min_rtt.unwrap_or_default())
    }

    /// ProbeRtt is over.
    pub(super) fn end_probe_rtt(&mut self) {
        self.usual.end_probe(self.max_bandwidth());
    }

    /// The most that it ever delivered to this flow.
    pub(super) const fn most_bandwidth(&self) -> u64 {
        self.most_bandwidth
    }

    /// What fits into the path without a queue when it delivers that much.
    pub(super) fn most_bdp(&self) -> u64 {
        volume(self.most_bandwidth, self.min_rtt.unwrap_or_default())
    }

    /// The round trip without a queue.
    pub(super) const fn min_rtt(&self) -> Option<Duration> {
        self.min_rtt
    }

    /// A cycle has been measured: the one before the last is forgotten (§5.5.6).
    pub(super) const fn end_cycle(&mut self) {
        if self.max_bandwidth[0] > 0 {
            self.max_bandwidth = [0, self.max_bandwidth[0]];
        }
    }

    /// `recent`: the shortest round trip of late, and when that was (§5.3.4.3, `UpdateMinRTT`).
    pub(super) fn update_min_rtt(&mut self, recent: Duration, at: Instant, now: Instant) {
        let expired = now > self.min_rtt_at + MIN_RTT_LIFE;
        if expired || self.min_rtt.is_none_or(|min| recent <= min) {
            self.min_rtt = Some(recent);
            self.min_rtt_at = at;
        }
    }

    /// A sample of an application that had too little to send counts only if it shows more (§5.5.4).
    pub(super) fn on_sample(&mut self, sample: &Sample, rate: Option<u64>, now: Instant) {
        self.rounds.on_sample(sample);
        let bandwidth = self.max_bandwidth();
        self.usual
            .on_sample(sample.rtt, self.rounds.started, bandwidth);
        self.aggregation
            .on_sample(sample.newly_acked, bandwidth, self.rounds.count, now);
        if let Some(rate) = rate
            && (!sample.sent.app_limited || rate >= bandwidth)
        {
            self.max_bandwidth[0] = self.max_bandwidth[0].max(rate);
            self.most_bandwidth = self.most_bandwidth.max(rate);
        }
    }
}
