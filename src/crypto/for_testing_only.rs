//! What public test vectors need and nothing else may use: our primitives with chosen randomness.

use snow::resolvers::CryptoResolver;

use crate::crypto::aead::{DataKey, OpenError, PortableKey, TAG_LEN};
use crate::crypto::keys::StaticSecret;
use crate::crypto::product::Whom;
use crate::crypto::resolver::Resolver;
use crate::crypto::secret::Secret;
use crate::id::PeerId;

/// Gives the resolver that handshakes use, with chosen randomness (both are wiped).
#[must_use]
pub fn resolver(
    ephemeral: &mut [u8; 32],
    kem_seed: &mut [u8; 64],
) -> Box<dyn CryptoResolver + Send> {
    Box::new(Resolver::from_drawn(
        Secret::from_bytes(ephemeral),
        Secret::from_bytes(kem_seed),
        None,
    ))
}

/// The same for handshakes of `local` with `remote`, which use what `local` remembers.
#[must_use]
pub fn resolver_of(
    local: &StaticSecret,
    remote: &PeerId,
    ephemeral: &mut [u8; 32],
    kem_seed: &mut [u8; 64],
) -> Box<dyn CryptoResolver + Send> {
    Box::new(Resolver::from_drawn(
        Secret::from_bytes(ephemeral),
        Secret::from_bytes(kem_seed),
        Some(local.own(Whom::Remote(*remote))),
    ))
}

/// Which of our two users of ChaCha20-Poly1305 is meant; without `ring` they are one.
#[derive(Clone, Copy, Debug)]
pub enum Aead {
    /// What seals datagrams and handshake messages without `ring`.
    Portable,
    /// What seals them in this build.
    Datagram,
}

/// Encrypts `text` in place and returns the tag.
#[must_use]
pub fn seal(
    aead: Aead,
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    text: &mut [u8],
) -> [u8; TAG_LEN] {
    match aead {
        Aead::Portable => PortableKey::new(key).seal(nonce, aad, text),
        Aead::Datagram => DataKey::new(key).seal(nonce, aad, text),
    }
}

/// Decrypts `text` in place.
///
/// # Errors
/// [`OpenError`] when it does not authenticate.
pub fn open(
    aead: Aead,
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), OpenError> {
    match aead {
        Aead::Portable => PortableKey::new(key).open(nonce, aad, text, tag),
        Aead::Datagram => DataKey::new(key).open(nonce, aad, text, tag),
    }
}
