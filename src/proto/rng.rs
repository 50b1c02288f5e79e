//! The core's seeded generator: jitter, session indices, connection ids and which slot goes. Never a
//! long-term or session key.

use core::time::Duration;

use chacha20::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng};

/// ChaCha20 as a generator, seeded once by the owner of the endpoint.
pub(super) struct CoreRng(ChaCha20Rng);

impl CoreRng {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// Another generator of the same seed: what is drawn here tells nothing of what is drawn there.
    pub(super) fn aside(seed: [u8; 32]) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        rng.set_stream(1);
        Self(rng)
    }

    pub(super) fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    pub(super) fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A number below `bound`, which is small against 2^32.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from((u64::from(self.u32()) * (bound as u64)) >> 32).unwrap_or(0)
    }

    /// A duration from zero to `max`.
    pub(super) fn up_to(&mut self, max: Duration) -> Duration {
        let max_us = u64::try_from(max.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.u64() % max_us.saturating_add(1))
    }

    pub(super) fn as_crypto(&mut self) -> &mut dyn CryptoRng {
        &mut self.0
    }
}

impl core::fmt::Debug for CoreRng {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("CoreRng(<redacted>)")
    }
}
