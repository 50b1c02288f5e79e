//! The operating system's random numbers: the only source of keys.

use getrandom::SysRng;
use rand_core::{Rng, UnwrapErr};

/// The operating system's generator as the `CryptoRng` that handshakes and key generation take.
///
/// It panics if the operating system has no random numbers to give: there is nothing to be done
/// without them.
pub type OsRng = UnwrapErr<SysRng>;

/// The operating system's generator.
#[must_use]
pub const fn os_rng() -> OsRng {
    UnwrapErr(SysRng)
}

/// 32 random bytes: the seed that [`crate::proto::Endpoint`] draws jitter and indices from.
///
/// # Panics
///
/// If the operating system has no random numbers to give.
#[must_use]
pub fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    os_rng().fill_bytes(&mut seed);
    seed
}

/// Whether the operating system has random numbers to give.
///
/// # Errors
///
/// The system's.
pub fn check_entropy() -> std::io::Result<()> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seeds_differ() {
        assert_ne!(seed(), seed());
    }
}
