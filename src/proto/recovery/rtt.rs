//! How long a round trip takes. Source: RFC 9002 §5.

use core::time::Duration;

use crate::proto::limits::{GRANULARITY, INITIAL_RTT, MAX_ACK_DELAY, TIME_THRESHOLD_EIGHTHS};
use crate::time::Instant;

/// The path's round-trip time as samples show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RttEstimate {
    /// The newest sample.
    pub(crate) latest: Duration,
    /// The smallest sample since the path or persistent congestion began.
    pub(crate) min: Duration,
    /// The moving average, less the peer's delays.
    pub(crate) smoothed: Duration,
    /// The mean deviation from it.
    pub(crate) variance: Duration,
}

/// The estimate, and what follows from it.
#[derive(Debug)]
pub(super) struct Rtt {
    estimate: RttEstimate,
    first_sample: Option<Instant>,
}

impl Rtt {
    /// Before any sample: RFC 9002 §6.2.2.
    pub(super) fn new() -> Self {
        let estimate = RttEstimate {
            latest: Duration::ZERO,
            min: Duration::ZERO,
            smoothed: INITIAL_RTT,
            variance: INITIAL_RTT / 2,
        };
        Self {
            estimate,
            first_sample: None,
        }
    }

    /// The estimate, or the assumption as long as there is no sample.
    pub(super) const fn estimate(&self) -> RttEstimate {
        self.estimate
    }

    pub(super) const fn first_sample(&self) -> Option<Instant> {
        self.first_sample
    }

    /// The newly acknowledged largest packet took `latest`, of which the peer says it held the
    /// acknowledgement for `ack_delay`.
    pub(super) fn sample(&mut self, latest: Duration, ack_delay: Duration, now: Instant) {
        if self.first_sample.is_none() {
            self.first_sample = Some(now);
            self.estimate = RttEstimate {
                latest,
                min: latest,
                smoothed: latest,
                variance: latest / 2,
            };
        } else {
            self.estimate.update(latest, ack_delay.min(MAX_ACK_DELAY));
        }
    }

    /// What was the minimum may be of a route that is gone (RFC 9002 §5.2).
    pub(super) const fn on_persistent_congestion(&mut self) {
        self.estimate.min = self.estimate.latest;
    }

    /// The PTO without backoff (RFC 9002 §6.2.1); three of them are persistent congestion (§7.6.1).
    pub(super) fn pto(&self) -> Duration {
        let deviation = (self.estimate.variance * 4).max(GRANULARITY);
        self.estimate.smoothed + deviation + MAX_ACK_DELAY
    }

    /// How long before a later acknowledgement a packet must have left to be lost (RFC 9002 §6.1.2).
    pub(super) fn loss_delay(&self) -> Duration {
        let rtt = self.estimate.latest.max(self.estimate.smoothed);
        (rtt * TIME_THRESHOLD_EIGHTHS / 8).max(GRANULARITY)
    }
}

impl RttEstimate {
    /// RFC 9002 §5.3; a delay that would go below the minimum is not believed.
    fn update(&mut self, latest: Duration, ack_delay: Duration) {
        self.latest = latest;
        self.min = self.min.min(latest);
        let adjusted = if latest >= self.min + ack_delay {
            latest - ack_delay
        } else {
            latest
        };
        self.variance = (self.variance * 3 + self.smoothed.abs_diff(adjusted)) / 4;
        self.smoothed = (self.smoothed * 7 + adjusted) / 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn before_a_sample_the_assumptions_of_the_rfc_hold() {
        let rtt = Rtt::new();
        assert_eq!(rtt.pto(), ms(333 + 4 * 166 + 2 + 25));
        assert_eq!(rtt.loss_delay(), Duration::from_micros(333_000 * 9 / 8));
    }

    #[test]
    fn the_first_sample_is_taken_as_it_is() {
        let mut rtt = Rtt::new();
        rtt.sample(ms(100), ms(20), Instant::ZERO);
        let expected = RttEstimate {
            latest: ms(100),
            min: ms(100),
            smoothed: ms(100),
            variance: ms(50),
        };
        assert_eq!(rtt.estimate(), expected);
        assert_eq!(rtt.pto(), ms(100 + 200 + 25));
    }

    #[test]
    fn later_samples_are_averaged_less_the_delay() {
        let mut rtt = Rtt::new();
        rtt.sample(ms(100), ms(0), Instant::ZERO);
        rtt.sample(ms(200), ms(20), Instant::ZERO);
        assert_eq!(rtt.estimate().smoothed, ms(110));
        assert_eq!(rtt.estimate().variance, Duration::from_micros(57_500));
        assert_eq!(rtt.estimate().min, ms(100));
    }

    #[test]
    fn a_claimed_ack_delay_counts_25_ms_at_most() {
        let mut rtt = Rtt::new();
        rtt.sample(ms(100), ms(0), Instant::ZERO);
        rtt.sample(ms(185), Duration::MAX, Instant::ZERO);
        assert_eq!(rtt.estimate().smoothed, ms((700 + 160) / 8) + ms(1) / 2);
    }

    #[test]
    fn a_delay_that_would_go_below_the_minimum_is_not_believed() {
        let mut rtt = Rtt::new();
        rtt.sample(ms(100), ms(0), Instant::ZERO);
        rtt.sample(ms(108), ms(20), Instant::ZERO);
        assert_eq!(rtt.estimate().smoothed, ms(101));
    }

    #[test]
    fn a_fast_path_still_waits_for_the_clock_and_the_peer() {
        let mut rtt = Rtt::new();
        rtt.sample(Duration::ZERO, ms(0), Instant::ZERO);
        assert_eq!(rtt.loss_delay(), ms(1));
        assert_eq!(rtt.pto(), ms(26));
    }
}
