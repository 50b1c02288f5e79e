//! ChaCha20-Poly1305 by ring, 3 to 8 times as fast as the portable one.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};

use crate::crypto::aead::{OpenError, TAG_LEN};

/// ChaCha20-Poly1305 by ring.
///
/// ring does not wipe its keys on drop. The key stays in this box, and the program's zero-on-free
/// allocator wipes the box; the copies made on the stack while it was built are covered by
/// `scrub_stack` at the end of the handshake function that built it.
pub(super) struct RingKey(Box<LessSafeKey>);

impl RingKey {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Box::new(cipher(key)))
    }

    #[inline(never)]
    pub(super) fn seal(&self, nonce: [u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
        seal(&self.0, nonce, aad, text)
    }

    #[inline(never)]
    pub(super) fn open(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        open(&self.0, nonce, aad, text, tag)
    }
}

/// Encrypts `text` in place under a key that is used for a message or two, and returns the tag. The cipher is
/// made for the one call and lives on the stack, which the handshake scrubs.
#[inline(never)]
pub(super) fn seal_once(
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    text: &mut [u8],
) -> [u8; TAG_LEN] {
    seal(&cipher(key), nonce, aad, text)
}

/// Decrypts `text` in place, as [`seal_once`] encrypts.
#[inline(never)]
pub(super) fn open_once(
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), OpenError> {
    open(&cipher(key), nonce, aad, text, tag)
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("32 bytes are its key length");
    LessSafeKey::new(key)
}

fn seal(key: &LessSafeKey, nonce: [u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
    key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), text)
        .expect("no text here reaches the cipher's 256 GiB")
        .as_ref()
        .try_into()
        .expect("its tags have 16 bytes")
}

fn open(
    key: &LessSafeKey,
    nonce: [u8; 12],
    aad: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), OpenError> {
    let (nonce, tag) = (Nonce::assume_unique_for_key(nonce), Tag::from(*tag));
    key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, text, 0..)
        .map(|_| ())
        .map_err(|_| OpenError)
}
