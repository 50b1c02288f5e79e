//! The one way on which transport keys leave this module.

use crate::crypto::secret::Secret;

/// The two raw keys of one keypair, for the key log of somebody who asked for one.
///
/// Everything else seals and opens, and never sees a key. Whoever wants to read a recording of his own conversation
/// in another program needs the keys themselves, though. Only [`Initiator::finish_and_disclose`] and
/// [`Responder::respond_and_disclose`] make this: somebody has to ask for it handshake by handshake, and `TransportKeys`
/// stay as closed as they are. They open the packets of one keypair, at most three minutes of a session, and forge such for as
/// long as either side takes them; no other key follows from them.
///
/// [`Initiator::finish_and_disclose`]: crate::crypto::Initiator::finish_and_disclose
/// [`Responder::respond_and_disclose`]: crate::crypto::Responder::respond_and_disclose
#[derive(Debug)]
pub struct DisclosedKeys {
    seal: Secret<32>,
    open: Secret<32>,
}

impl DisclosedKeys {
    pub(super) fn new(seal: &[u8; 32], open: &[u8; 32]) -> Self {
        let copy = |key: &[u8; 32]| Secret::filled_by(|own| own.copy_from_slice(key));
        Self {
            seal: copy(seal),
            open: copy(open),
        }
    }

    /// Shows the key that our packets are sealed under.
    #[must_use]
    pub const fn expose_seal(&self) -> &[u8; 32] {
        self.seal.expose()
    }

    /// Shows the key that the other side's packets are sealed under.
    #[must_use]
    pub const fn expose_open(&self) -> &[u8; 32] {
        self.open.expose()
    }
}

#[cfg(test)]
impl DisclosedKeys {
    /// Keys of nobody, for tests of those who write them down.
    pub(crate) fn for_testing_only(seal: u8, open: u8) -> Self {
        Self::new(&[seal; 32], &[open; 32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_key() {
        let keys = DisclosedKeys::new(&[0x5a; 32], &[0xa5; 32]);
        assert_eq!(
            format!("{keys:?}"),
            "DisclosedKeys { seal: <redacted>, open: <redacted> }"
        );
    }
}
