//! Spreads packets over the round trip. Source: RFC 9002 §7.7.

use core::time::Duration;

use crate::proto::limits::PACING_BURST;
use crate::time::Instant;

const US_PER_SECOND: u128 = 1_000_000;

/// A leaky bucket: holds what may leave at once, and fills at the controller's rate.
#[derive(Debug)]
pub(super) struct Pacer {
    capacity: u128,
    /// In millionths of a byte, so that a microsecond adds exactly the rate in bytes a second.
    tokens: u128,
    updated: Instant,
}

impl Pacer {
    /// Starts full: the first burst is the initial window.
    pub(super) const fn new(max_datagram: usize, now: Instant) -> Self {
        let capacity = capacity(max_datagram);
        Self {
            capacity,
            tokens: capacity,
            updated: now,
        }
    }

    pub(super) const fn set_max_datagram(&mut self, max_datagram: usize) {
        self.capacity = capacity(max_datagram);
    }

    /// When `bytes` may leave: `now` or later.
    pub(super) fn ready_at(&self, bytes: usize, rate: u64, now: Instant) -> Instant {
        let wanted = ((bytes as u128) * US_PER_SECOND).min(self.capacity);
        let missing = wanted.saturating_sub(self.filled(rate, now));
        let wait = missing.div_ceil(u128::from(rate.max(1)));
        now + Duration::from_micros(u64::try_from(wait).unwrap_or(u64::MAX))
    }

    /// `bytes` left, whether they asked or not.
    pub(super) fn on_sent(&mut self, bytes: usize, rate: u64, now: Instant) {
        let filled = self.filled(rate, now);
        self.tokens = filled.saturating_sub((bytes as u128) * US_PER_SECOND);
        self.updated = self.updated.max(now);
    }

    fn filled(&self, rate: u64, now: Instant) -> u128 {
        let passed = now.saturating_since(self.updated).as_micros();
        let added = passed.saturating_mul(u128::from(rate));
        self.tokens.saturating_add(added).min(self.capacity)
    }
}

const fn capacity(max_datagram: usize) -> u128 {
    (PACING_BURST as u128) * (max_datagram as u128) * US_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 1_000;
    /// A packet a millisecond.
    const RATE: u64 = 1_000_000;

    const fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    fn burst(pacer: &mut Pacer, now: Instant) -> usize {
        let mut sent = 0;
        while pacer.ready_at(SIZE, RATE, now) == now {
            pacer.on_sent(SIZE, RATE, now);
            sent += 1;
        }
        sent
    }

    #[test]
    fn after_the_burst_packets_leave_at_the_rate() {
        let mut pacer = Pacer::new(SIZE, at(0));
        assert_eq!(burst(&mut pacer, at(0)), PACING_BURST);
        for ms in 1..100 {
            assert_eq!(pacer.ready_at(SIZE, RATE, at(ms - 1)), at(ms));
            assert_eq!(burst(&mut pacer, at(ms)), 1);
        }
    }

    #[test]
    fn pacing_after_idle_allows_one_burst_and_no_more() {
        let mut pacer = Pacer::new(SIZE, at(0));
        burst(&mut pacer, at(0));
        assert_eq!(burst(&mut pacer, at(3_600_000)), PACING_BURST);
    }

    #[test]
    fn a_packet_larger_than_the_burst_leaves_when_the_bucket_is_full() {
        let mut pacer = Pacer::new(SIZE, at(0));
        let large = PACING_BURST * SIZE + 1;
        assert_eq!(pacer.ready_at(large, RATE, at(0)), at(0));
        pacer.on_sent(large, RATE, at(0));
        assert_eq!(pacer.ready_at(SIZE, RATE, at(0)), at(1));
    }

    #[test]
    fn extreme_rates_do_not_overflow() {
        let mut pacer = Pacer::new(usize::MAX, at(0));
        let end = Instant::from_micros(u64::MAX);
        pacer.on_sent(usize::MAX, u64::MAX, end);
        assert!(pacer.ready_at(usize::MAX, 0, end) >= end);
    }
}
