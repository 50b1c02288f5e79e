//! ChaCha20-Poly1305 for datagrams by ring, 3 to 8 times as fast as the portable one.

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
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("32 bytes are its key length");
        Self(Box::new(LessSafeKey::new(key)))
    }

    #[inline(never)]
    pub(super) fn seal(&self, nonce: [u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
        self.0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), text)
            .expect("no text here reaches the cipher's 256 GiB")
            .as_ref()
            .try_into()
            .expect("its tags have 16 bytes")
    }

    #[inline(never)]
    pub(super) fn open(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        self.0
            .open_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad),
                Tag::from(*tag),
                text,
                0..,
            )
            .map(|_| ())
            .map_err(|_| OpenError)
    }
}
