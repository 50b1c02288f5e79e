//! How fast the path delivers: samples of the delivery rate. Source: draft-ietf-ccwg-bbr §4.1, which
//! took in draft-cheng-iccrg-delivery-rate-estimation.
//!
//! A sample covers the time from the newest acknowledgement that its packet's sender knew of to the
//! packet's own. It is the slower of the rates at which the data left and arrived, so that
//! acknowledgements that come in a bunch do not make the path look faster than it is (§4.1.1.2).

use core::time::Duration;

use crate::time::Instant;

pub(super) const US_PER_SECOND: u64 = 1_000_000;

/// `value` times `by`, divided by `per`, rounded down; more than fits is [`u64::MAX`], and so is all that is
/// divided by nothing. Nearly everything fits 64 bits: the division of 128 is a library call, and each
/// acknowledgement brings a dozen.
pub(super) fn scaled(value: u64, by: u64, per: u64) -> u64 {
    if let Some(quotient) = value.checked_mul(by).and_then(|it| it.checked_div(per)) {
        return quotient;
    }
    let product = u128::from(value) * u128::from(by);
    let quotient = product.checked_div(u128::from(per));
    quotient.map_or(u64::MAX, |it| u64::try_from(it).unwrap_or(u64::MAX))
}

/// In whole microseconds.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What was known when a packet left (§4.1.2.1, "per-packet state").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Bytes delivered until then.
    pub(crate) delivered: u64,
    /// Bytes lost until then.
    pub(crate) lost: u64,
    /// Bytes in flight, with the packet itself.
    pub(crate) in_flight: u64,
    /// Whether there had been too little to send to fill the path.
    pub(crate) app_limited: bool,
    /// When the last delivery was heard of.
    delivered_at: Instant,
    /// When the packet left whose delivery that was.
    first_sent_at: Instant,
}

/// What an acknowledgement shows, by the newest packet it names (§4.1.2.1, "rate sample").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// What was known when the packet left.
    pub(crate) sent: Snapshot,
    /// Bytes delivered since.
    pub(crate) delivered: u64,
    /// Within this time.
    pub(crate) interval: Duration,
    /// Bytes that this acknowledgement newly names.
    pub(crate) newly_acked: u64,
    /// Bytes delivered in all.
    pub(crate) total_delivered: u64,
    /// Bytes lost since.
    pub(crate) lost: u64,
    /// Bytes in flight now.
    pub(crate) in_flight: u64,
    /// The round trip of the packet.
    pub(crate) rtt: Duration,
}

impl Sample {
    /// Bytes a second. `None` if the sample is shorter than a round trip can be (§4.1.2.3).
    pub(crate) fn rate(&self, min_rtt: Duration) -> Option<u64> {
        let us = micros(self.interval);
        if us == 0 || self.interval < min_rtt {
            return None;
        }
        Some(scaled(self.delivered, US_PER_SECOND, us))
    }
}

/// A packet whose loss is a sign of what the path is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Its own.
    pub(crate) bytes: u64,
    /// What was known when it left.
    pub(crate) sent: Snapshot,
    /// Bytes lost since then, with its own.
    pub(crate) lost: u64,
    /// Bytes delivered in all.
    pub(crate) total_delivered: u64,
}

/// Counts what a path delivers (§4.1.2.1, "per-connection state").
#[derive(Debug)]
pub(super) struct Sampler {
    delivered: u64,
    lost: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    /// Until so many bytes are delivered, samples are of a path that was not filled.
    app_limited_until: Option<u64>,
}

impl Sampler {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            delivered: 0,
            lost: 0,
            delivered_at: now,
            first_sent_at: now,
            app_limited_until: None,
        }
    }

    /// A packet of `bytes` leaves while `in_flight` are under way (§4.1.2.2).
    pub(super) fn on_sent(&mut self, bytes: usize, in_flight: usize, now: Instant) -> Snapshot {
        if in_flight == 0 {
            self.delivered_at = now;
            self.first_sent_at = now;
        }
        Snapshot {
            delivered: self.delivered,
            lost: self.lost,
            in_flight: (in_flight as u64).saturating_add(bytes as u64),
            app_limited: self.app_limited_until.is_some(),
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
        }
    }

    /// Too little is sent to fill the path; `in_flight` is what is under way (§4.1.2.4).
    pub(super) fn on_app_limited(&mut self, in_flight: usize) {
        self.app_limited_until = Some(self.delivered.saturating_add(in_flight as u64));
    }

    /// `bytes` arrived.
    pub(super) const fn on_acked(&mut self, bytes: usize) {
        self.delivered = self.delivered.saturating_add(bytes as u64);
    }

    /// A packet of `bytes` is lost.
    pub(super) const fn on_lost(&mut self, bytes: usize, sent: &Snapshot) -> Lost {
        self.lost = self.lost.saturating_add(bytes as u64);
        Lost {
            bytes: bytes as u64,
            sent: *sent,
            lost: self.lost.saturating_sub(sent.lost),
            total_delivered: self.delivered,
        }
    }

    /// The sample of an acknowledgement all of whose packets have been counted, by the newest of
    /// them, which left at `sent_at` (§4.1.2.3).
    pub(super) fn sample(
        &mut self,
        sent: Snapshot,
        sent_at: Instant,
        newly_acked: u64,
        in_flight: usize,
        now: Instant,
    ) -> Sample {
        self.delivered_at = now;
        self.first_sent_at = sent_at;
        self.app_limited_until = self.app_limited_until.filter(|end| self.delivered <= *end);
        let sending = sent_at.saturating_since(sent.first_sent_at);
        let arriving = now.saturating_since(sent.delivered_at);
        Sample {
            sent,
            delivered: self.delivered.saturating_sub(sent.delivered),
            interval: sending.max(arriving),
            newly_acked,
            total_delivered: self.delivered,
            lost: self.lost.saturating_sub(sent.lost),
            in_flight: in_flight as u64,
            rtt: now.saturating_since(sent_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 1_000;
    const NONE: Duration = Duration::ZERO;

    const fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    /// Acknowledges packets that left at `sent_at`, the newest first.
    fn ack(sampler: &mut Sampler, sent: &[Snapshot], sent_at: u64, now: u64) -> Sample {
        for _ in sent {
            sampler.on_acked(SIZE);
        }
        let bytes = (sent.len() * SIZE) as u64;
        sampler.sample(sent[0], at(sent_at), bytes, 0, at(now))
    }

    #[test]
    fn the_rate_is_what_arrived_within_the_round_trip() {
        let mut sampler = Sampler::new(at(0));
        let first = sampler.on_sent(SIZE, 0, at(0));
        let second = sampler.on_sent(SIZE, SIZE, at(0));
        let sample = ack(&mut sampler, &[second, first], 0, 100);
        assert_eq!(sample.rate(NONE), Some(20_000));
        assert_eq!((sample.newly_acked, sample.delivered), (2_000, 2_000));
    }

    #[test]
    fn a_product_that_does_not_fit_is_divided_all_the_same() {
        assert_eq!(scaled(7, 10, 4), 17);
        assert_eq!(scaled(u64::MAX, 1_000, 2_000), u64::MAX / 2);
        assert_eq!(scaled(u64::MAX, 3, 2), u64::MAX);
        assert_eq!(scaled(1, 1, 0), u64::MAX);
        assert_eq!(micros(Duration::MAX), u64::MAX);
    }

    #[test]
    fn acknowledgements_in_a_bunch_do_not_make_the_path_faster() {
        let mut sampler = Sampler::new(at(0));
        let first = sampler.on_sent(SIZE, 0, at(0));
        ack(&mut sampler, &[first], 0, 99);
        // Nine have been on their way meanwhile, the last of which leaves 90 ms after the first.
        let last = sampler.on_sent(SIZE, 8 * SIZE, at(90));
        let sample = ack(&mut sampler, &[last; 9], 90, 100);
        assert_eq!(sample.interval, Duration::from_millis(90));
        assert_eq!(sample.rate(NONE), Some(100_000));
    }

    #[test]
    fn a_sample_shorter_than_a_round_trip_says_nothing() {
        let mut sampler = Sampler::new(at(0));
        let sent = sampler.on_sent(SIZE, 0, at(0));
        let sample = ack(&mut sampler, &[sent], 0, 10);
        assert_eq!(sample.rate(Duration::from_millis(11)), None);
        assert!(sample.rate(Duration::from_millis(10)).is_some());
        let sent = sampler.on_sent(SIZE, 0, at(20));
        assert_eq!(ack(&mut sampler, &[sent], 20, 20).rate(NONE), None);
    }

    #[test]
    fn what_is_sent_while_there_is_too_little_says_so_until_it_has_arrived() {
        let mut sampler = Sampler::new(at(0));
        let first = sampler.on_sent(SIZE, 0, at(0));
        sampler.on_app_limited(SIZE);
        let second = sampler.on_sent(SIZE, SIZE, at(1));
        assert!(!first.app_limited && second.app_limited);
        ack(&mut sampler, &[first], 0, 10);
        assert!(sampler.on_sent(SIZE, SIZE, at(11)).app_limited);
        ack(&mut sampler, &[second], 1, 11);
        assert!(!sampler.on_sent(SIZE, SIZE, at(12)).app_limited);
    }

    #[test]
    fn a_pause_does_not_count_as_slow_delivery() {
        let mut sampler = Sampler::new(at(0));
        let first = sampler.on_sent(SIZE, 0, at(0));
        ack(&mut sampler, &[first], 0, 10);
        let later = sampler.on_sent(SIZE, 0, at(60_000));
        let sample = ack(&mut sampler, &[later], 60_000, 60_010);
        assert_eq!(sample.rate(NONE), Some(100_000));
    }

    #[test]
    fn a_loss_counts_all_that_was_lost_since_its_packet_left() {
        let mut sampler = Sampler::new(at(0));
        let sent: Vec<Snapshot> = (0..3)
            .map(|it| sampler.on_sent(SIZE, it * SIZE, at(0)))
            .collect();
        let lost = sent.iter().map(|sent| sampler.on_lost(SIZE, sent).lost);
        assert_eq!(lost.collect::<Vec<_>>(), [1_000, 2_000, 3_000]);
        assert_eq!(sampler.on_sent(SIZE, 0, at(1)).lost, 3_000);
    }
}
