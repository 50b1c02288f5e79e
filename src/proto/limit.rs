//! Token buckets: one, and one for each source of datagrams.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::proto::rng::CoreRng;
use crate::time::Instant;

/// A rate of one a minute adds one part of a token in a microsecond; so many parts make a token.
const TOKEN: u64 = 60_000_000;

/// How fast tokens come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    per_minute: u64,
}

impl Rate {
    pub(super) const fn per_second(tokens: u32) -> Self {
        Self {
            per_minute: 60 * tokens as u64,
        }
    }

    pub(super) const fn per_minute(tokens: u32) -> Self {
        Self {
            per_minute: tokens as u64,
        }
    }
}

/// Lets through things at a rate, and `burst` at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenBucket {
    rate: Rate,
    burst: u64,
    /// In parts of which [`TOKEN`] are one, so that a microsecond adds exactly the rate.
    tokens: u64,
    updated: Instant,
}

impl TokenBucket {
    /// Starts full.
    pub(super) fn new(rate: Rate, burst: u32, now: Instant) -> Self {
        let burst = u64::from(burst) * TOKEN;
        Self {
            rate,
            burst,
            tokens: burst,
            updated: now,
        }
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        let Some(left) = self.tokens.checked_sub(TOKEN) else {
            return false;
        };
        self.tokens = left;
        true
    }

    /// Whether there is a token.
    pub(super) fn has_one(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= TOKEN
    }

    fn refill(&mut self, now: Instant) {
        let passed = micros(now.saturating_since(self.updated));
        self.tokens = self
            .tokens
            .saturating_add(passed.saturating_mul(self.rate.per_minute))
            .min(self.burst);
        self.updated = self.updated.max(now);
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens == self.burst
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Who shares a bucket: an IPv4 address or an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source(u64, bool);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u64::from(u32::from(v4)), false),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]), true)
            }
        }
    }
}

/// One bucket a source, for at most `capacity` sources.
#[derive(Debug)]
pub(super) struct Sources {
    rate: Rate,
    burst: u32,
    capacity: usize,
    buckets: Vec<(Source, TokenBucket)>,
    /// Where the bucket of each is.
    places: BTreeMap<Source, usize>,
}

/// So many buckets are looked at for full ones.
const LOOKED_AT: usize = 16;

impl Sources {
    pub(super) const fn new(rate: Rate, burst: u32, capacity: usize) -> Self {
        Self {
            rate,
            burst,
            capacity,
            buckets: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// Takes a token of `source` if it has one.
    pub(super) fn take(&mut self, source: Source, rng: &mut CoreRng, now: Instant) -> bool {
        let place = match self.places.get(&source) {
            Some(place) => *place,
            None => self.add(source, rng, now),
        };
        let bucket = self.buckets.get_mut(place);
        bucket.is_some_and(|(_, bucket)| bucket.take(now))
    }

    fn add(&mut self, source: Source, rng: &mut CoreRng, now: Instant) -> usize {
        if self.len() >= self.capacity {
            self.make_room(rng, now);
        }
        let (place, bucket) = (self.len(), TokenBucket::new(self.rate, self.burst, now));
        self.buckets.push((source, bucket));
        self.places.insert(source, place);
        place
    }

    /// At the bound: a full bucket says nothing, so those near a random place go first; if there is
    /// none, the one at that place goes. Places are drawn and not addresses, of which a stranger could choose such that
    /// his own goes sooner. A fixed number of steps, whatever he sends.
    fn make_room(&mut self, rng: &mut CoreRng, now: Instant) {
        let len = self.len();
        let from = rng.below(len);
        let near = (from..from + len.min(LOOKED_AT)).map(|place| place % len);
        let mut going = Vec::new();
        for place in near {
            if let Some((source, bucket)) = self.buckets.get_mut(place)
                && bucket.is_full(now)
            {
                going.push(*source);
            }
        }
        if going.is_empty() {
            going.extend(self.buckets.get(from).map(|(source, _)| *source));
        }
        going.iter().for_each(|source| self.remove(source));
    }

    fn remove(&mut self, source: &Source) {
        let Some(place) = self.places.remove(source) else {
            return;
        };
        self.buckets.swap_remove(place);
        if let Some((moved, _)) = self.buckets.get(place) {
            self.places.insert(*moved, place);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.buckets.len()
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    #[test]
    fn an_ipv4_address_in_ipv6_is_the_same_source() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("::ffff:192.0.2.1"), source("192.0.2.2"));
    }

    #[test]
    fn a_bucket_allows_its_burst_and_then_its_rate() {
        let mut bucket = TokenBucket::new(Rate::per_second(20), 5, at(0));
        assert_eq!((0..9).filter(|_| bucket.take(at(0))).count(), 5);
        assert_eq!((0..9).filter(|_| bucket.take(at(100))).count(), 2);
        assert_eq!((0..9).filter(|_| bucket.take(at(10_000))).count(), 5);
    }

    #[test]
    fn a_slow_bucket_counts_by_the_minute() {
        let mut bucket = TokenBucket::new(Rate::per_minute(2), 1, at(0));
        assert!(bucket.take(at(0)));
        assert!(!bucket.take(at(29_999)));
        assert!(bucket.take(at(30_000)));
    }

    #[test]
    fn a_bucket_cannot_overflow_nor_profit_from_a_clock_that_goes_back() {
        let mut bucket = TokenBucket::new(Rate::per_second(u32::MAX), u32::MAX, at(0));
        assert!(bucket.take(Instant::from_micros(u64::MAX)));
        let mut bucket = TokenBucket::new(Rate::per_second(20), 1, at(1_000));
        assert!(bucket.take(at(1_000)));
        assert!(!bucket.take(at(0)));
        assert!(!bucket.take(at(1_000)));
    }

    #[test]
    fn an_ipv6_64_shares_a_bucket_and_ipv4_addresses_do_not() {
        let v6 = |last| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
        assert_eq!(Source::from(v6(1)), Source::from(v6(2)));
        let v4 = |last| IpAddr::from(Ipv4Addr::new(192, 0, 2, last));
        assert_ne!(Source::from(v4(1)), Source::from(v4(2)));
    }

    /// Whoever floods gets no fresh bucket by others' coming.
    #[test]
    fn at_the_bound_full_buckets_go_and_an_empty_one_stays() {
        let mut rng = CoreRng::new([1; 32]);
        let mut sources = Sources::new(Rate::per_second(20), 5, 4);
        let source = |last| Source::from(IpAddr::from([192, 0, 2, last]));
        for other in 2..5 {
            assert!(sources.take(source(other), &mut rng, at(0)));
        }
        let mut flood = || sources.take(source(1), &mut rng, at(10_000));
        assert_eq!((0..9).filter(|_| flood()).count(), 5);
        assert!(sources.take(source(9), &mut rng, at(10_000)));
        assert_eq!(sources.len(), 2, "the three full ones went");
        assert!(!sources.take(source(1), &mut rng, at(10_000)));
    }

    /// Nor by an address of his own that lies before, among or behind those that others bring.
    #[test]
    fn at_the_bound_whoever_floods_goes_no_sooner_than_others() {
        let others = (0..).map(|it: u32| IpAddr::from((0x0a00_0000 + it).to_be_bytes()));
        for flooder in ["0.0.0.1", "10.0.1.0", "255.0.0.1", "::1", "ffff::1"] {
            let mut rng = CoreRng::new([1; 32]);
            let mut sources = Sources::new(Rate::per_second(20), 5, 64);
            let source = Source::from(flooder.parse::<IpAddr>().unwrap());
            let mut let_in = 0;
            for other in others.clone().take(10 * 64) {
                while sources.take(source, &mut rng, at(0)) {
                    let_in += 1;
                }
                sources.take(Source::from(other), &mut rng, at(0));
            }
            assert!((5..=20 * 5).contains(&let_in), "{flooder}: {let_in}");
        }
    }

    #[test]
    fn sources_stay_within_their_bound() {
        let mut rng = CoreRng::new([1; 32]);
        let mut sources = Sources::new(Rate::per_second(20), 5, 100);
        for address in 0..10_000u32 {
            sources.take(
                Source::from(IpAddr::from(address.to_be_bytes())),
                &mut rng,
                at(0),
            );
            assert!(sources.len() <= 100);
        }
    }
}
