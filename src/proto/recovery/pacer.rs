//! Spreads packets over the round trip. Source: RFC 9002 §7.7.

use core::time::Duration;

use crate::proto::limits::PACE_STEP;
use crate::time::Instant;

const US_PER_SECOND: u128 = 1_000_000;

/// How fast and in what portions packets leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Bytes a second.
    pub(super) rate: u64,
    /// Bytes at once.
    pub(super) burst: usize,
}

impl Pace {
    const fn capacity(self) -> u128 {
        (self.burst as u128) * US_PER_SECOND
    }

    /// What has to come together before anything leaves of a bucket that was empty. Only half of the bucket:
    /// what comes while its owner wakes up late has to find room.
    fn portion(self) -> u128 {
        let step = PACE_STEP.as_micros().saturating_mul(u128::from(self.rate));
        step.min(self.capacity() / 2)
    }
}

/// A leaky bucket: holds what may leave at once, and fills at the controller's rate.
#[derive(Debug)]
pub(super) struct Pacer {
    /// In millionths of a byte, so that a microsecond adds exactly the rate in bytes a second.
    tokens: u128,
    updated: Instant,
    /// Whether the last packet left too little for another one like it.
    is_empty: bool,
}

impl Pacer {
    /// Starts full: the first burst is the initial window.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            tokens: u128::MAX,
            updated: now,
            is_empty: false,
        }
    }

    /// When `bytes` may leave: `now` or later.
    pub(super) fn ready_at(&self, bytes: usize, pace: Pace, now: Instant) -> Instant {
        let packet = ((bytes as u128) * US_PER_SECOND).min(pace.capacity());
        let wanted = if self.is_empty {
            packet.max(pace.portion())
        } else {
            packet
        };
        let missing = wanted.saturating_sub(self.filled(pace, now));
        if missing == 0 {
            return now;
        }
        let wait = missing.div_ceil(u128::from(pace.rate.max(1)));
        now + Duration::from_micros(u64::try_from(wait).unwrap_or(u64::MAX))
    }

    /// `bytes` left, whether they asked or not.
    pub(super) fn on_sent(&mut self, bytes: usize, pace: Pace, now: Instant) {
        let filled = self.filled(pace, now);
        let packet = (bytes as u128) * US_PER_SECOND;
        self.tokens = filled.saturating_sub(packet);
        self.is_empty = self.tokens < packet;
        self.updated = self.updated.max(now);
    }

    fn filled(&self, pace: Pace, now: Instant) -> u128 {
        let passed = now.saturating_since(self.updated).as_micros();
        let added = passed.saturating_mul(u128::from(pace.rate));
        self.tokens.saturating_add(added).min(pace.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 1_000;
    /// A packet a millisecond.
    const PACE: Pace = Pace {
        rate: 1_000_000,
        burst: BURST * SIZE,
    };
    const BURST: usize = 10;

    const fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    fn burst(pacer: &mut Pacer, now: Instant) -> usize {
        let mut sent = 0;
        while pacer.ready_at(SIZE, PACE, now) == now {
            pacer.on_sent(SIZE, PACE, now);
            sent += 1;
        }
        sent
    }

    #[test]
    fn after_the_burst_packets_leave_at_the_rate() {
        let mut pacer = Pacer::new(at(0));
        assert_eq!(burst(&mut pacer, at(0)), BURST);
        for ms in 1..100 {
            assert_eq!(pacer.ready_at(SIZE, PACE, at(ms - 1)), at(ms));
            assert_eq!(burst(&mut pacer, at(ms)), 1);
        }
    }

    #[test]
    fn packets_that_would_follow_each_other_closely_leave_together() {
        let fast = Pace {
            rate: 100_000_000,
            burst: 64 * SIZE,
        };
        let mut pacer = Pacer::new(at(0));
        let (mut now, mut portions) = (at(0), Vec::new());
        while portions.len() < 20 {
            let mut sent = 0;
            while pacer.ready_at(SIZE, fast, now) == now {
                pacer.on_sent(SIZE, fast, now);
                sent += 1;
                // Time passes while they are sealed.
                now = now + Duration::from_micros(2);
            }
            portions.push(sent);
            now = pacer.ready_at(SIZE, fast, now);
        }
        let (first, rest) = portions.split_first().expect("there were some");
        assert!(*first >= 64, "{first}");
        assert!(rest.iter().all(|sent| *sent >= 25), "{rest:?}");
        let sent = (portions.iter().sum::<usize>() * SIZE) as u128;
        let passed = now.saturating_since(at(0)).as_micros();
        let bound = 64_000 + passed * 100;
        assert!(sent <= bound, "{sent} of {bound} bytes");
    }

    #[test]
    fn pacing_after_idle_allows_one_burst_and_no_more() {
        let mut pacer = Pacer::new(at(0));
        burst(&mut pacer, at(0));
        assert_eq!(burst(&mut pacer, at(3_600_000)), BURST);
    }

    #[test]
    fn a_packet_larger_than_the_burst_leaves_when_the_bucket_is_full() {
        let mut pacer = Pacer::new(at(0));
        let large = BURST * SIZE + 1;
        assert_eq!(pacer.ready_at(large, PACE, at(0)), at(0));
        pacer.on_sent(large, PACE, at(0));
        assert_eq!(pacer.ready_at(SIZE, PACE, at(0)), at(1));
    }

    #[test]
    fn extreme_rates_do_not_overflow() {
        let mut pacer = Pacer::new(at(0));
        let end = Instant::from_micros(u64::MAX);
        let burst = usize::MAX;
        for rate in [u64::MAX, 0] {
            pacer.on_sent(usize::MAX, Pace { rate, burst }, end);
            assert!(pacer.ready_at(usize::MAX, Pace { rate, burst }, end) >= end);
        }
    }
}
