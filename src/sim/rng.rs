//! The simulator's only source of chance: one seeded ChaCha20 stream per user of it.

use core::ops::RangeInclusive;
use core::time::Duration;

use chacha20::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng};

/// One million: probabilities in the simulator are parts per million, so that they stay integers.
pub const MILLION: u32 = 1_000_000;

/// A seeded generator. Its own consumers never share a stream, so that one more draw in one place
/// does not change what another place sees.
pub struct SimRng(ChaCha20Rng);

impl SimRng {
    /// The generator of the run number `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::stream(seed, 0)
    }

    /// The stream number `stream` of the run number `seed`.
    #[must_use]
    pub fn stream(seed: u64, stream: u64) -> Self {
        let mut key = [0; 32];
        let words = [seed, stream].into_iter().flat_map(u64::to_le_bytes);
        key.iter_mut().zip(words).for_each(|(to, from)| *to = from);
        Self(ChaCha20Rng::from_seed(key))
    }

    /// 32 bytes to seed something with.
    #[must_use]
    pub fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        seed
    }

    /// The generator as the source of ephemeral keys: good enough for a simulation only.
    pub fn crypto(&mut self) -> &mut dyn CryptoRng {
        &mut self.0
    }

    /// Any 64 bits.
    #[must_use]
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number under `bound`; 0 if `bound` is 0. The modulo's bias is of no matter here.
    #[must_use]
    pub fn below(&mut self, bound: u64) -> u64 {
        self.word().checked_rem(bound).unwrap_or(0)
    }

    /// An index into something of `len` elements; 0 if there is none.
    #[must_use]
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(u64::try_from(len).unwrap_or(u64::MAX))).unwrap_or(0)
    }

    /// A number in `range`.
    #[must_use]
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let span = range.end().saturating_sub(*range.start()).saturating_add(1);
        range.start().saturating_add(self.below(span))
    }

    /// True in `ppm` of a million cases.
    #[must_use]
    pub fn chance(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.below(u64::from(MILLION)) < u64::from(ppm)
    }

    /// A duration from zero to `limit`, both included.
    #[must_use]
    pub fn up_to(&mut self, limit: Duration) -> Duration {
        let limit_us = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(self.within(0..=limit_us))
    }

    /// `len` random bytes.
    #[must_use]
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_and_stream_draw_the_same() {
        let draw = |seed, stream| SimRng::stream(seed, stream).bytes(40);
        assert_eq!(draw(7, 1), draw(7, 1));
        assert_ne!(draw(7, 1), draw(7, 2));
        assert_ne!(draw(7, 1), draw(8, 1));
    }

    #[test]
    fn draws_stay_in_their_range() {
        let mut rng = SimRng::new(1);
        assert!((0..1000).all(|_| (3..=9).contains(&rng.within(3..=9))));
        assert!((0..1000).all(|_| rng.up_to(Duration::from_micros(5)) <= Duration::from_micros(5)));
        assert!((0..100).all(|_| !rng.chance(0) && rng.chance(MILLION)));
        assert_eq!((rng.below(0), rng.index(0)), (0, 0));
    }
}
