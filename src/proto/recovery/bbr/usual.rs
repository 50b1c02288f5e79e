//! The usual round trip: what packets take while none of ours make them wait.
//!
//! Where nearly all round trips are longer than the shortest that was seen, as over a radio whose stations take turns,
//! the shortest says too little of what has to be in flight. What it usually takes a flow that makes a queue cannot
//! tell: it is the mean of the round that took least, measured anew by ProbeRtt, with little in flight.

use core::time::Duration;

use crate::proto::recovery::bbr::percent;

/// Acknowledgements that make a mean: of a round, and of a round of ProbeRtt.
const ROUND_SAMPLES: u32 = 8;
const PROBE_SAMPLES: u32 = 4;
/// At so much more, in hundredths, what it took before says little: with more packets on the way more take the longest.
const GROWTH: u64 = 125;
/// A round that took longer by more than this part has met a queue.
const LONGER_PART: u32 = 4;
/// ProbeRtt at whose end it takes less by more than this part has been letting a queue run off.
const SHORTER_PART: u32 = 4;

/// What a round trip usually takes.
#[derive(Debug, Default)]
pub(super) struct Usual {
    /// Zero where that is not known, or no longer than the shortest.
    rtt: Option<Duration>,
    /// What the last round took, if there was enough of it.
    last: Option<Duration>,
    /// The bandwidth at which it was measured.
    bandwidth: u64,
    /// What has come of the present round.
    sum: Duration,
    samples: u32,
    probe: Option<Probe>,
}

/// What rounds of ProbeRtt took.
#[derive(Clone, Copy, Debug, Default)]
struct Probe {
    first: Option<Duration>,
    last: Option<Duration>,
}

impl Probe {
    fn add(&mut self, mean: Duration) {
        if self.first.is_none() {
            self.first = Some(mean);
        } else {
            self.last = Some(mean);
        }
    }

    /// If it has not been falling.
    fn steady(self) -> Option<Duration> {
        let (first, last) = (self.first?, self.last?);
        (last >= first - first / SHORTER_PART).then_some(last)
    }
}

impl Usual {
    /// Zero before it is known.
    pub(super) fn rtt(&self) -> Duration {
        self.rtt.unwrap_or_default()
    }

    /// Whether the last round took so much longer that it met a queue.
    pub(super) fn took_longer(&self) -> bool {
        let usual = self.rtt();
        self.last.unwrap_or_default() > usual + usual / LONGER_PART
    }

    /// An acknowledgement; `started`: it began a round.
    pub(super) fn on_sample(&mut self, rtt: Duration, started: bool, bandwidth: u64) {
        if started && self.probe.is_some() {
            self.end_probe_round();
        } else if started {
            self.end_round(bandwidth);
        }
        self.sum += rtt;
        self.samples += 1;
    }

    fn end_round(&mut self, bandwidth: u64) {
        self.last = self.take_mean(ROUND_SAMPLES);
        let Some(mean) = self.last else { return };
        let grew = bandwidth >= percent(self.bandwidth, GROWTH);
        let known = self.rtt.filter(|_| !grew);
        self.rtt = Some(known.map_or(mean, |rtt| rtt.min(mean)));
        if grew {
            self.bandwidth = bandwidth;
        }
    }

    fn end_probe_round(&mut self) {
        if self.samples >= PROBE_SAMPLES
            && let Some(mean) = self.take_mean(PROBE_SAMPLES)
            && let Some(probe) = &mut self.probe
        {
            probe.add(mean);
        }
    }

    fn take_mean(&mut self, least: u32) -> Option<Duration> {
        let sum = core::mem::take(&mut self.sum);
        let samples = core::mem::take(&mut self.samples);
        (samples >= least).then(|| sum / samples)
    }

    /// From now on little is in flight.
    pub(super) fn begin_probe(&mut self) {
        self.probe = Some(Probe::default());
        (self.sum, self.samples) = (Duration::ZERO, 0);
    }

    /// What it took with little in flight counts, whatever it was before.
    pub(super) fn end_probe(&mut self, bandwidth: u64) {
        self.end_probe_round();
        if let Some(probe) = self.probe.take() {
            self.rtt = Some(probe.steady().unwrap_or_default());
            self.bandwidth = bandwidth;
            (self.sum, self.samples) = (Duration::ZERO, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANDWIDTH: u64 = 1_000_000;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A round of so many acknowledgements, alternately so much shorter and longer than `mean`, and the first of the next.
    fn round(usual: &mut Usual, mean: u64, samples: u32, bandwidth: u64) {
        for it in 0..samples {
            let rtt = if it % 2 == 0 { mean - 5 } else { mean + 5 };
            usual.on_sample(ms(rtt), it == 0, bandwidth);
        }
    }

    #[test]
    fn the_round_that_took_least_counts_and_not_the_shortest_round_trip() {
        let mut usual = Usual::default();
        for mean in [40, 30, 50, 30] {
            round(&mut usual, mean, 10, BANDWIDTH);
        }
        assert_eq!(usual.rtt(), ms(30));
    }

    #[test]
    fn a_round_of_few_says_nothing() {
        let mut usual = Usual::default();
        for mean in [30, 20, 20] {
            round(&mut usual, mean, ROUND_SAMPLES - 2, BANDWIDTH);
        }
        assert_eq!(usual.rtt(), Duration::ZERO);
    }

    #[test]
    fn a_quarter_more_bandwidth_makes_what_was_before_no_matter() {
        let mut usual = Usual::default();
        round(&mut usual, 30, 10, BANDWIDTH);
        round(&mut usual, 40, 10, BANDWIDTH);
        round(&mut usual, 40, 10, BANDWIDTH * 5 / 4 - 1);
        assert_eq!(usual.rtt(), ms(30));
        round(&mut usual, 40, 10, BANDWIDTH * 5 / 4);
        assert_eq!(usual.rtt(), ms(40));
    }

    fn probe(usual: &mut Usual, means: &[u64]) {
        usual.begin_probe();
        for mean in means {
            round(usual, *mean, PROBE_SAMPLES, BANDWIDTH);
        }
        usual.end_probe(BANDWIDTH);
    }

    #[test]
    fn what_little_in_flight_takes_counts_whatever_was_before() {
        let mut usual = Usual::default();
        for _ in 0..2 {
            round(&mut usual, 30, 10, BANDWIDTH);
        }
        probe(&mut usual, &[64, 66, 56]);
        assert_eq!(usual.rtt(), ms(56));
        usual.end_probe(BANDWIDTH);
        assert_eq!(usual.rtt(), ms(56), "no probe has ended");
        round(&mut usual, 90, 10, BANDWIDTH);
        round(&mut usual, 90, 10, BANDWIDTH);
        assert_eq!(usual.rtt(), ms(56));
    }

    /// The last two probes are too short to tell, and are taken for one of a queue.
    #[test]
    fn a_queue_that_runs_off_while_little_is_in_flight_is_not_usual() {
        for means in [&[80, 75, 59][..], &[80], &[]] {
            let mut usual = Usual::default();
            probe(&mut usual, means);
            assert_eq!(usual.rtt(), Duration::ZERO, "{means:?}");
            round(&mut usual, 90, 10, BANDWIDTH);
            round(&mut usual, 90, 10, BANDWIDTH);
            assert_eq!(usual.rtt(), Duration::ZERO, "{means:?}");
        }
    }

    #[test]
    fn a_round_that_took_a_quarter_longer_met_a_queue() {
        let mut usual = Usual::default();
        round(&mut usual, 40, 10, BANDWIDTH);
        round(&mut usual, 50, 10, BANDWIDTH);
        round(&mut usual, 51, 10, BANDWIDTH);
        assert!(!usual.took_longer());
        round(&mut usual, 40, 10, BANDWIDTH);
        assert!(usual.took_longer());
    }
}
