//! The box that every secret of a fixed size lives in.

use core::fmt;

use zeroize::Zeroize;

/// `N` secret bytes on the heap: they do not move when their owner moves, are wiped on drop, and
/// `Debug` shows none of them.
pub(super) struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Takes the bytes over and wipes the source.
    pub(super) fn from_bytes(bytes: &mut [u8; N]) -> Self {
        let secret = Self::filled_by(|own| own.copy_from_slice(bytes));
        bytes.zeroize();
        secret
    }

    /// Lets `fill` write the bytes where they will stay, so that no copy exists.
    pub(super) fn filled_by(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0);
        secret
    }

    /// Makes a second copy, written straight to its place.
    pub(super) fn duplicate(&self) -> Self {
        Self::filled_by(|own| own.copy_from_slice(self.expose()))
    }

    /// Shows the bytes.
    pub(super) const fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_a_secret_over_wipes_its_source() {
        let mut source = [7; 32];
        let secret = Secret::from_bytes(&mut source);
        assert_eq!(source, [0; 32]);
        assert_eq!(secret.expose(), &[7; 32]);
    }

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::from_bytes(&mut [7; 32]);
        assert_eq!(format!("{secret:?}"), "<redacted>");
    }
}
