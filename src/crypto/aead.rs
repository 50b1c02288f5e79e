//! ChaCha20-Poly1305 for datagrams (`ring`, or chacha20poly1305: the bytes are the same) and
//! XChaCha20-Poly1305 for what is stored.

use core::fmt;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, XChaCha20Poly1305};
use zeroize::Zeroizing;

use crate::id::Counter;

/// Length of an authentication tag in bytes.
pub const TAG_LEN: usize = 16;

/// Says that sealed bytes are not what the holder of the key made; why is nobody's business.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenError;

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sealed bytes do not authenticate")
    }
}

impl core::error::Error for OpenError {}

/// The two keys of one session's generation, one for each direction.
#[derive(Debug)]
pub struct TransportKeys {
    /// Seals what we send.
    pub seal: SealKey,
    /// Opens what we receive.
    pub open: OpenKey,
}

impl TransportKeys {
    /// Builds the pair from raw keys.
    pub(super) fn new(seal: &[u8; 32], open: &[u8; 32]) -> Self {
        Self {
            seal: SealKey(DataKey::new(seal)),
            open: OpenKey(DataKey::new(open)),
        }
    }
}

/// A key that only seals. Its user never repeats a counter.
pub struct SealKey(DataKey);

impl SealKey {
    /// Encrypts `buffer` in place; its last 16 bytes are room for the tag and need no value.
    ///
    /// The nonce is 4 zero bytes and the counter as u64, little-endian; there is no associated data.
    ///
    /// # Panics
    /// When `buffer` is shorter than the tag.
    ///
    /// Source: `docs/protocol.md` §2, Noise §12.3, RFC 8439 §2.8.
    pub fn seal_in_place(&self, counter: Counter, buffer: &mut [u8]) {
        let (text, room) = buffer
            .split_last_chunk_mut::<TAG_LEN>()
            .expect("the caller leaves room for the tag");
        *room = self.0.seal(counter, &[], text);
    }
}

/// A key that only opens.
pub struct OpenKey(DataKey);

impl OpenKey {
    /// Decrypts `buffer`, ciphertext and tag, in place and returns the plaintext at its start.
    ///
    /// # Errors
    /// [`OpenError`] when the bytes do not authenticate under this key and counter. What `buffer`
    /// then holds is unspecified.
    pub fn open_in_place<'a>(
        &self,
        counter: Counter,
        buffer: &'a mut [u8],
    ) -> Result<&'a mut [u8], OpenError> {
        let (text, tag) = buffer.split_last_chunk_mut::<TAG_LEN>().ok_or(OpenError)?;
        self.0.open(counter, &[], text, tag)?;
        Ok(text)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(<redacted>)")
    }
}

impl fmt::Debug for OpenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenKey(<redacted>)")
    }
}

/// What seals datagrams in this build.
#[cfg(feature = "ring")]
type DataKey = ring_key::RingKey;
#[cfg(not(feature = "ring"))]
type DataKey = PortableKey;

/// ChaCha20-Poly1305 by chacha20poly1305. The Noise handshake always uses it, so that it is in every
/// build; datagrams do where `ring` is left out.
pub(super) struct PortableKey(Box<ChaCha20Poly1305>);

impl PortableKey {
    /// Copies the key into a box; the cipher wipes it on drop.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Box::new(ChaCha20Poly1305::new(key.into())))
    }

    /// Encrypts `text` in place and returns the tag.
    pub(super) fn seal(&self, counter: Counter, aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
        self.0
            .encrypt_inout_detached(&nonce(counter).into(), aad, text.into())
            .expect("no text here reaches the cipher's 256 GiB")
            .into()
    }

    /// Decrypts `text` in place; leaves it alone when it does not authenticate.
    pub(super) fn open(
        &self,
        counter: Counter,
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        self.0
            .decrypt_inout_detached(&nonce(counter).into(), aad, text.into(), tag.into())
            .map_err(|_| OpenError)
    }
}

#[cfg(feature = "ring")]
mod ring_key {
    use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};

    use crate::crypto::aead::{OpenError, TAG_LEN, nonce};
    use crate::id::Counter;

    /// ChaCha20-Poly1305 by ring.
    ///
    /// ring does not wipe its keys on drop. The key stays in this box, and the program's zero-on-free
    /// allocator wipes the box; the copies made on the stack while it was built are covered by
    /// `scrub_stack` at the end of the handshake function that built it.
    pub(super) struct RingKey(Box<LessSafeKey>);

    impl RingKey {
        pub(super) fn new(key: &[u8; 32]) -> Self {
            let key =
                UnboundKey::new(&CHACHA20_POLY1305, key).expect("32 bytes are its key length");
            Self(Box::new(LessSafeKey::new(key)))
        }

        pub(super) fn seal(&self, counter: Counter, aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
            self.0
                .seal_in_place_separate_tag(nonce_of(counter), Aad::from(aad), text)
                .expect("no text here reaches the cipher's 256 GiB")
                .as_ref()
                .try_into()
                .expect("its tags have 16 bytes")
        }

        pub(super) fn open(
            &self,
            counter: Counter,
            aad: &[u8],
            text: &mut [u8],
            tag: &[u8; TAG_LEN],
        ) -> Result<(), OpenError> {
            self.0
                .open_in_place_separate_tag(
                    nonce_of(counter),
                    Aad::from(aad),
                    Tag::from(*tag),
                    text,
                    0..,
                )
                .map(|_| ())
                .map_err(|_| OpenError)
        }
    }

    fn nonce_of(counter: Counter) -> Nonce {
        Nonce::assume_unique_for_key(nonce(counter))
    }
}

/// Noise's nonce for ChaChaPoly: 32 zero bits, then the counter, little-endian.
fn nonce(counter: Counter) -> [u8; 12] {
    let mut nonce = [0; 12];
    let (_zeros, number) = nonce.split_at_mut(4);
    number.copy_from_slice(&counter.0.to_le_bytes());
    nonce
}

/// Seals `plaintext` for a file or a database with XChaCha20-Poly1305; the tag comes last.
///
/// `nonce`: drawn at random for each call, which 24 bytes allow. `aad`: authenticated, not stored.
#[must_use]
pub fn seal_at_rest(key: &[u8; 32], nonce: &[u8; 24], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(plaintext.len() + TAG_LEN);
    sealed.extend_from_slice(plaintext);
    let tag = xchacha_seal(key, nonce, aad, &mut sealed);
    sealed.extend_from_slice(&tag);
    sealed
}

/// Opens what [`seal_at_rest`] made with the same key, nonce and `aad`; the plaintext is wiped on
/// drop.
///
/// # Errors
/// [`OpenError`] when any of the four differs from what was sealed.
pub fn open_at_rest(
    key: &[u8; 32],
    nonce: &[u8; 24],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (text, tag) = sealed.split_last_chunk().ok_or(OpenError)?;
    let mut text = Zeroizing::new(text.to_vec());
    xchacha_open(key, nonce, aad, &mut text, tag)?;
    Ok(text)
}

/// Encrypts `text` in place with XChaCha20-Poly1305 and returns the tag.
pub(super) fn xchacha_seal(
    key: &[u8; 32],
    nonce: &[u8; 24],
    aad: &[u8],
    text: &mut [u8],
) -> [u8; TAG_LEN] {
    XChaCha20Poly1305::new(key.into())
        .encrypt_inout_detached(nonce.into(), aad, text.into())
        .expect("no text here reaches the cipher's 256 GiB")
        .into()
}

/// Decrypts `text` in place; leaves it alone when it does not authenticate.
pub(super) fn xchacha_open(
    key: &[u8; 32],
    nonce: &[u8; 24],
    aad: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), OpenError> {
    XChaCha20Poly1305::new(key.into())
        .decrypt_inout_detached(nonce.into(), aad, text.into(), tag.into())
        .map_err(|_| OpenError)
}
