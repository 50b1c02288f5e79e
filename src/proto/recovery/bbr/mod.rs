//! BBR: sends as fast as the path delivers, and keeps about as much in flight as fits into it.
//! Source: draft-ietf-ccwg-bbr (BBR version 3), whose sections are cited as §; where this differs, and
//! why, is in docs/decisions/0013-congestion.md.
//!
//! ```text
//!  Startup ──pipe full──▶ Drain ──queue gone──▶ Down ──▶ Cruise ──time──▶ Refill ──a round──▶ Up
//!     ▲                                          ▲ ▲                                          │
//!     │                                          │ └──────── pipe full, or too much lost ─────┘
//!     └────── pipe not yet full ── ProbeRtt ─────┘   from anywhere, if the round trip is stale
//! ```
//!
//! 1. Every acknowledgement updates the model of the path: [`model`], and what loss says in [`bounds`].
//! 2. The model moves the state machine: [`startup`], [`cycle`], [`probe_rtt`].
//! 3. Pace and window follow from both: [`control`], on paths of a few packets [`short`].

mod bounds;
mod control;
mod cycle;
mod model;
mod probe_rtt;
mod short;
mod startup;
mod usual;

#[cfg(test)]
mod tests;

use core::time::Duration;

use crate::proto::limits::INITIAL_WINDOW_PACKETS;
use crate::proto::recovery::bbr::bounds::Bounds;
use crate::proto::recovery::bbr::cycle::Cycle;
use crate::proto::recovery::bbr::model::Model;
use crate::proto::recovery::bbr::probe_rtt::ProbeRtt;
use crate::proto::recovery::bbr::short::Others;
use crate::proto::recovery::bbr::startup::FullPipe;
use crate::proto::recovery::controller::Controller;
use crate::proto::recovery::newreno::initial_window;
use crate::proto::recovery::rate::{Lost, Sample, Snapshot, scaled};
use crate::proto::recovery::rtt::RttEstimate;
use crate::proto::rng::CoreRng;
use crate::time::Instant;

/// Where in its life a flow is (§5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Doubles the rate each round trip.
    Startup,
    /// Lets the queue that Startup made run off.
    Drain,
    /// Sends a little less than the path delivers.
    Down,
    /// Sends as much.
    Cruise,
    /// Fills the path before it is tried.
    Refill,
    /// Sends more, to see whether there is more.
    Up,
    /// Sends little, to see the round trip without a queue.
    ProbeRtt,
}

impl Phase {
    /// §5.3.3.
    const fn is_in_cycle(self) -> bool {
        matches!(self, Self::Down | Self::Cruise | Self::Refill | Self::Up)
    }

    /// Whether losses are the answer to a question (§5.3.3.9, `IsProbingBW`).
    const fn is_probing(self) -> bool {
        matches!(self, Self::Startup | Self::Refill | Self::Up)
    }
}

/// A flow's model of its path, and what it does about it.
#[derive(Debug)]
pub(crate) struct Bbr {
    max_datagram: usize,
    phase: Phase,
    model: Model,
    bounds: Bounds,
    full_pipe: FullPipe,
    cycle: Cycle,
    probe_rtt: ProbeRtt,
    window: u64,
    /// The window before ProbeRtt or an outage took it away.
    saved_window: u64,
    /// Bytes a second; 0 before the first sample.
    rate: u64,
    others: Others,
    /// The next packet is the first after a pause.
    idle_restart: bool,
    /// What the next draw begins with: draws are rare, and a generator takes 300 bytes of each connection.
    seed: [u8; 32],
}

impl Bbr {
    /// Starts with the initial window for datagrams of at most `max_datagram` bytes. `seed` decides
    /// when the flow probes, so that flows on one path do not probe together.
    pub(crate) fn new(max_datagram: usize, seed: [u8; 32], now: Instant) -> Self {
        Self::start(max_datagram, seed, now)
    }

    fn start(max_datagram: usize, seed: [u8; 32], now: Instant) -> Self {
        Self {
            max_datagram,
            phase: Phase::Startup,
            model: Model::new(now),
            bounds: Bounds::default(),
            full_pipe: FullPipe::default(),
            cycle: Cycle::new(now),
            probe_rtt: ProbeRtt::default(),
            window: initial_window(max_datagram) as u64,
            saved_window: 0,
            rate: 0,
            others: Others::new(now),
            idle_restart: false,
            seed,
        }
    }

    /// A generator that has never been used.
    fn draw(&mut self) -> CoreRng {
        let mut rng = CoreRng::new(self.seed);
        self.seed = rng.array();
        rng
    }

    const fn datagram(&self) -> u64 {
        self.max_datagram as u64
    }

    /// §5.2.3, `UpdateModelAndState`.
    fn update_model(&mut self, sample: &Sample, now: Instant) {
        let rate = sample.rate(self.model.min_rtt().unwrap_or_default());
        self.model.on_sample(sample, rate, now);
        self.look_for_others(sample, now);
        let queued = self.is_queued(sample.rtt);
        self.bounds
            .on_sample(sample, rate.unwrap_or(0), self.max_datagram as u64, queued);
        self.adapt_lower_bounds(sample);
        let fastest = self.model.rounds.fastest();
        let waited = fastest.is_some_and(|rtt| self.is_surely_queued(rtt));
        self.full_pipe
            .on_sample(sample, rate, &self.model.rounds, waited);
        self.check_startup_done(sample);
        self.check_drain_done(sample, now);
        self.update_cycle(sample, rate, now);
        self.check_probe_rtt(sample, now);
        self.bounds.end_sample(sample, rate.unwrap_or(0));
        if sample.delivered > 0 {
            self.idle_restart = false;
        }
    }

    /// §5.4.1.
    fn restart_from_idle(&mut self, now: Instant) {
        self.idle_restart = true;
        self.model.aggregation.restart(now);
        if self.phase.is_in_cycle() {
            self.set_rate(100);
        } else if self.phase == Phase::ProbeRtt {
            self.check_probe_rtt_done(now);
        }
    }
}

impl Controller for Bbr {
    fn on_sent(&mut self, bytes: usize, sent: &Snapshot, now: Instant) {
        if sent.app_limited && sent.in_flight <= bytes as u64 {
            self.restart_from_idle(now);
        }
        let next = sent.in_flight.saturating_add(self.datagram());
        self.model.rounds.note_window(next > self.window);
    }

    fn on_sample(&mut self, sample: &Sample, now: Instant) {
        self.update_model(sample, now);
        self.set_rate(self.pacing_gain());
        self.set_window(sample);
    }

    fn on_packet_lost(&mut self, lost: &Lost, rtt: RttEstimate, now: Instant) {
        self.handle_lost_packet(lost, rtt, now);
    }

    /// §5.6.4.4: an outage takes the window away; what was known of the path comes back with the
    /// acknowledgements.
    fn on_lost(&mut self, _largest_lost_sent_at: Instant, persistent: bool, _now: Instant) {
        if persistent {
            self.save_window();
            self.window = self.min_window();
        }
    }

    fn restart(&mut self, max_datagram: usize, now: Instant) {
        *self = Self::start(max_datagram, self.seed, now);
    }

    fn set_max_datagram(&mut self, max_datagram: usize) {
        self.max_datagram = max_datagram;
        self.window = self.window.max(self.min_window());
    }

    fn window(&self) -> usize {
        usize::try_from(self.window).unwrap_or(usize::MAX)
    }

    fn pacing_rate(&self, rtt: Duration) -> u64 {
        self.paced_rate(rtt)
    }

    /// On a short path each packet counts.
    fn wants_prompt_acks(&self) -> bool {
        self.is_short()
    }

    fn burst(&self) -> usize {
        if self.rate == 0 {
            return INITIAL_WINDOW_PACKETS * self.max_datagram;
        }
        let burst = if self.is_short() {
            self.short_burst()
        } else {
            self.quantum()
        };
        usize::try_from(burst).unwrap_or(usize::MAX)
    }

    /// §5.3.4.3, `HandleProbeRTT`.
    fn holds_back(&self) -> bool {
        self.phase == Phase::ProbeRtt
    }
}

/// So many hundredths of a value.
fn percent(value: u64, hundredths: u64) -> u64 {
    scaled(value, hundredths, 100)
}
