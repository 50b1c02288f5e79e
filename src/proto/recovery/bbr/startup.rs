//! Startup and Drain: how fast is the path? Source: draft-ietf-ccwg-bbr §5.3.1, §5.3.2.

use crate::proto::recovery::bbr::model::Rounds;
use crate::proto::recovery::bbr::{Bbr, Phase, percent};
use crate::proto::recovery::rate::Sample;
use crate::time::Instant;

/// Rounds without growth that make a full pipe (§5.3.1.2).
const FLAT_ROUNDS: u32 = 3;
/// As many while even the fastest packet of a round surely meets a queue: then the bottleneck worked without a pause, and
/// nothing but the path has kept the rate from growing.
const QUEUED_FLAT_ROUNDS: u32 = 1;
/// What counts as growth, in hundredths.
const GROWTH: u64 = 125;
/// Lost packets in a round that end Startup (§5.3.1.3).
const STARTUP_LOSSES: u32 = 6;
/// Rounds after which Drain is over even if the queue is not (§5.3.2).
const DRAIN_ROUNDS: u64 = 3;

/// Whether sending more brings nothing more (§5.3.1.2).
#[derive(Debug, Default)]
pub(super) struct FullPipe {
    /// Ever, on this path.
    pub(super) reached: bool,
    /// Since the last look.
    pub(super) now: bool,
    rate: u64,
    flat: u32,
    drain_start: u64,
}

impl FullPipe {
    /// Begins to look, with a rate to compare with.
    pub(super) const fn reset(&mut self, rate: u64) {
        self.rate = rate;
        self.flat = 0;
        self.now = false;
    }

    /// `waited`: all packets of the last round surely met a queue.
    pub(super) fn on_sample(
        &mut self,
        sample: &Sample,
        rate: Option<u64>,
        rounds: &Rounds,
        waited: bool,
    ) {
        let Some(rate) = rate else { return };
        if self.now || !rounds.started || sample.sent.app_limited {
            return;
        }
        if rate >= percent(self.rate, GROWTH) {
            self.reset(rate);
            return;
        }
        self.flat += 1;
        let enough = if waited && !self.reached {
            QUEUED_FLAT_ROUNDS
        } else {
            FLAT_ROUNDS
        };
        self.now = self.flat >= enough;
        self.reached |= self.now;
    }
}

impl Bbr {
    /// §5.3.1.1.
    pub(super) fn check_startup_done(&mut self, sample: &Sample) {
        if self.phase != Phase::Startup {
            return;
        }
        if self.bounds.round_started && self.is_startup_too_high(sample) {
            self.full_pipe.reached = true;
            let safe = self.bdp(100).max(self.bounds.inflight_latest);
            self.bounds.inflight_hi = Some(safe);
        }
        if self.full_pipe.reached {
            self.phase = Phase::Drain;
            self.full_pipe.drain_start = self.model.rounds.count;
        }
    }

    /// §5.3.1.3.
    fn is_startup_too_high(&self, sample: &Sample) -> bool {
        let lost = sample.lost;
        self.bounds.losses_last_round >= STARTUP_LOSSES
            && self.is_queued(sample.rtt)
            && self.bounds.is_too_much(lost, sample.sent.in_flight)
    }

    /// §5.3.2.
    pub(super) fn check_drain_done(&mut self, sample: &Sample, now: Instant) {
        let rounds = self.model.rounds.count - self.full_pipe.drain_start;
        let drained = sample.in_flight <= self.inflight(100);
        if self.phase == Phase::Drain && (drained || rounds > DRAIN_ROUNDS) {
            self.start_down(sample.total_delivered, now);
        }
    }
}
