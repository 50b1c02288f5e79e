//! ProbeRtt: how long is the round trip without our own queue? Source: draft-ietf-ccwg-bbr §5.3.4.

use core::time::Duration;

use crate::proto::limits::{PROBE_RTT_EVERY, PROBE_RTT_FOR};
use crate::proto::recovery::bbr::{Bbr, Phase};
use crate::proto::recovery::rate::Sample;
use crate::time::Instant;

/// A round trip longer by no more than this part of it is as good as the shortest.
const AS_SHORT: u32 = 32;

/// When the round trip was last seen without a queue, and how far a probe of it has come.
#[derive(Debug, Default)]
pub(super) struct ProbeRtt {
    /// The shortest of late, and when it was seen.
    recent: Option<(Duration, Instant)>,
    expired: bool,
    /// When little enough has been in flight for long enough.
    done_at: Option<Instant>,
    round_done: bool,
}

impl ProbeRtt {
    /// §5.3.4.3, `UpdateMinRTT`. One nearly as short keeps the shortest fresh: a path whose queue runs
    /// empty by itself needs no probe.
    fn update(&mut self, rtt: Duration, now: Instant) -> (Duration, Instant) {
        let (shortest, at) = self.recent.unwrap_or((rtt, now));
        self.expired = now > at + PROBE_RTT_EVERY;
        let updated = if rtt < shortest || self.expired {
            (rtt, now)
        } else if rtt <= shortest + shortest / AS_SHORT {
            (shortest, now)
        } else {
            (shortest, at)
        };
        self.recent = Some(updated);
        updated
    }
}

impl Bbr {
    /// §5.3.4.3, `CheckProbeRTT`.
    pub(super) fn check_probe_rtt(&mut self, sample: &Sample, now: Instant) {
        let (recent, at) = self.probe_rtt.update(sample.rtt, now);
        self.model.update_min_rtt(recent, at, now);
        if self.phase != Phase::ProbeRtt && self.probe_rtt.expired && !self.idle_restart {
            self.save_window();
            if !matches!(self.phase, Phase::Down | Phase::Cruise) {
                // The probe that this interrupts was one.
                self.count_anew(now);
            }
            self.phase = Phase::ProbeRtt;
            self.probe_rtt.done_at = None;
            self.cycle.stop();
            self.model.rounds.restart(sample.total_delivered);
        }
        if self.phase == Phase::ProbeRtt {
            self.advance_probe_rtt(sample, now);
        }
    }

    fn advance_probe_rtt(&mut self, sample: &Sample, now: Instant) {
        if self.probe_rtt.done_at.is_some() {
            if self.model.rounds.started && !self.probe_rtt.round_done {
                self.probe_rtt.round_done = true;
                self.model.usual.begin_probe();
            }
            if self.probe_rtt.round_done {
                self.check_probe_rtt_done(now);
            }
        } else if sample.in_flight <= self.probe_rtt_window() {
            self.probe_rtt.done_at = Some(now + PROBE_RTT_FOR);
            self.probe_rtt.round_done = false;
            self.model.rounds.restart(sample.total_delivered);
        }
    }

    /// Goes on where the flow was (§5.3.4.4).
    pub(super) fn check_probe_rtt_done(&mut self, now: Instant) {
        if self.probe_rtt.done_at.is_none_or(|done| now <= done) {
            return;
        }
        if let Some((_, at)) = &mut self.probe_rtt.recent {
            *at = now;
        }
        self.model.end_probe_rtt();
        self.window = self.window.max(self.saved_window);
        self.bounds.forget_short_term();
        if self.full_pipe.reached {
            self.start_cruise(self.bounds.delivered);
        } else {
            self.phase = Phase::Startup;
        }
    }
}
