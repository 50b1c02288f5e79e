//! ChaCha20-Poly1305 for datagrams and handshake messages (`ring`, or chacha20poly1305: the bytes are the same) and
//! XChaCha20-Poly1305 for what is stored.

use core::fmt;
use core::hint::black_box;
use core::ops::Deref;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, XChaCha20Poly1305};
use zeroize::Zeroizing;

use crate::crypto::stack::BatchWipe;
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
    /// Encrypts `buffer` in place, one datagram of a batch, after which `_wipe` cleans up; its last 16 bytes are room for
    /// the tag and need no value.
    ///
    /// The nonce is 4 zero bytes and the counter as u64, little-endian; there is no associated data.
    ///
    /// # Panics
    /// When `buffer` is shorter than the tag.
    ///
    /// Source: docs/protocol.md#datagrams, Noise §12.3, RFC 8439 §2.8.
    pub fn seal_in_batch(&self, counter: Counter, buffer: &mut [u8], _wipe: &BatchWipe) {
        let (text, room) = buffer
            .split_last_chunk_mut::<TAG_LEN>()
            .expect("the caller leaves room for the tag");
        *room = self.0.seal(nonce(counter), &[], text);
    }
}

/// A key that only opens.
pub struct OpenKey(DataKey);

impl OpenKey {
    /// Decrypts `buffer`, ciphertext and tag of one datagram of a batch, after which `_wipe` cleans up, in place and
    /// returns the plaintext at its start.
    ///
    /// # Errors
    /// [`OpenError`] when the bytes do not authenticate under this key and counter. What `buffer`
    /// then holds is unspecified.
    pub fn open_in_batch<'a>(
        &self,
        counter: Counter,
        buffer: &'a mut [u8],
        _wipe: &BatchWipe,
    ) -> Result<Plaintext<'a>, OpenError> {
        let (text, tag) = buffer.split_last_chunk_mut::<TAG_LEN>().ok_or(OpenError)?;
        self.0.open(nonce(counter), &[], text, tag)?;
        Ok(Plaintext(text))
    }
}

/// What was sealed, where the datagram lay. Dropping it writes zeros over it: the buffers of a socket are not wiped by
/// anything else, and the end of a train lies there until a longer one comes.
pub struct Plaintext<'a>(&'a mut [u8]);

impl Deref for Plaintext<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl Drop for Plaintext<'_> {
    fn drop(&mut self) {
        // In one go, which `zeroize` does byte by byte. It escapes into `black_box`, so the zeros are really written.
        self.0.fill(0);
        black_box(&mut *self.0);
    }
}

impl fmt::Debug for Plaintext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(<redacted>)")
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
///
/// Ciphers spill their key to the stack. So neither of the two is inlined, and what they spilled lies
/// below whoever called them and scrubs.
#[cfg(feature = "ring")]
pub(super) type DataKey = crate::crypto::ring_key::RingKey;
#[cfg(not(feature = "ring"))]
pub(super) type DataKey = PortableKey;

#[cfg(feature = "ring")]
pub(super) use crate::crypto::ring_key::{open_once, seal_once};

/// Encrypts `text` in place under a key that is used for a message or two, and returns the tag.
#[cfg(not(feature = "ring"))]
pub(super) fn seal_once(
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    text: &mut [u8],
) -> [u8; TAG_LEN] {
    PortableKey::new(key).seal(nonce, aad, text)
}

/// Decrypts `text` in place, as [`seal_once`] encrypts.
#[cfg(not(feature = "ring"))]
pub(super) fn open_once(
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), OpenError> {
    PortableKey::new(key).open(nonce, aad, text, tag)
}

/// ChaCha20-Poly1305 by chacha20poly1305, for builds without `ring`, and for tests that compare the two.
pub(super) struct PortableKey(Box<ChaCha20Poly1305>);

impl PortableKey {
    /// Copies the key into a box; the cipher wipes it on drop.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Box::new(ChaCha20Poly1305::new(key.into())))
    }

    /// Encrypts `text` in place and returns the tag.
    #[inline(never)]
    pub(super) fn seal(&self, nonce: [u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
        self.0
            .encrypt_inout_detached(&nonce.into(), aad, text.into())
            .expect("no text here reaches the cipher's 256 GiB")
            .into()
    }

    /// Decrypts `text` in place; leaves it alone when it does not authenticate.
    #[inline(never)]
    pub(super) fn open(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        self.0
            .decrypt_inout_detached(&nonce.into(), aad, text.into(), tag.into())
            .map_err(|_| OpenError)
    }
}

/// Noise's nonce for ChaChaPoly: 32 zero bits, then the counter, little-endian.
pub(super) fn nonce(counter: Counter) -> [u8; 12] {
    let mut nonce = [0; 12];
    let (_zeros, number) = nonce.split_at_mut(4);
    number.copy_from_slice(&counter.0.to_le_bytes());
    nonce
}

/// Seals `plaintext` for a file or a database with XChaCha20-Poly1305; the tag comes last.
///
/// `nonce`: drawn at random for each call, which 24 bytes allow. `aad`: authenticated, not stored.
/// The stack is not scrubbed, since stored messages come by the thousand: who seals or opens an
/// identity calls [`scrub_stack`](crate::crypto::scrub_stack) afterwards.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_no_more_than_that() {
        assert_eq!(OpenError.to_string(), "sealed bytes do not authenticate");
    }

    #[test]
    fn what_was_opened_is_gone_when_nobody_needs_it() {
        let mut buffer = b"hello".to_vec();
        buffer.resize(5 + TAG_LEN, 0);
        let key = DataKey::new(&[0x42; 32]);
        let (text, tag) = buffer.split_at_mut(5);
        tag.copy_from_slice(&key.seal(nonce(Counter(7)), &[], text));
        let opens = OpenKey(key);
        let opened = opens.open_in_batch(Counter(7), &mut buffer, &BatchWipe::new());
        let opened = opened.unwrap();
        assert_eq!(*opened, *b"hello");
        assert_eq!(format!("{opened:?}"), "Plaintext(<redacted>)");
        drop(opened);
        assert_eq!(buffer[..5], [0; 5]);
    }

    #[cfg(feature = "ring")]
    #[test]
    fn ring_and_chacha20poly1305_make_and_open_the_same_bytes() {
        let text: Vec<u8> = (0..=u8::MAX).cycle().take(2000).collect();
        let ring = DataKey::new(&[0x42; 32]);
        let portable = PortableKey::new(&[0x42; 32]);
        let lengths = (0..=300).chain([511, 512, 513, 1023, 1024, 1025, 1232, 1472, 2000]);
        for length in lengths {
            let nonce = nonce(Counter(u64::MAX / 3 + length as u64));
            let (mut by_ring, mut by_portable) = (text[..length].to_vec(), text[..length].to_vec());
            let tag = ring.seal(nonce, b"aad", &mut by_ring);
            assert_eq!(tag, portable.seal(nonce, b"aad", &mut by_portable));
            assert_eq!(by_ring, by_portable, "length {length}");
            assert_eq!(ring.open(nonce, b"aad", &mut by_portable, &tag), Ok(()));
            assert_eq!(portable.open(nonce, b"aad", &mut by_ring, &tag), Ok(()));
            assert_eq!(
                (&by_ring, &by_portable),
                (&text[..length].to_vec(), &by_ring)
            );
            assert!(ring.open(nonce, b"aae", &mut by_ring, &tag).is_err());
            assert!(
                portable
                    .open(nonce, b"aae", &mut by_portable, &tag)
                    .is_err()
            );
        }
    }

    fn pair() -> (SealKey, OpenKey) {
        let keys = TransportKeys::new(&[7; 32], &[7; 32]);
        (keys.seal, keys.open)
    }

    fn seal(key: &SealKey, counter: u64, buffer: &mut [u8]) {
        key.seal_in_batch(Counter(counter), buffer, &BatchWipe::new());
    }

    fn open(key: &OpenKey, counter: u64, buffer: &mut [u8]) -> Result<Vec<u8>, OpenError> {
        let opened = key.open_in_batch(Counter(counter), buffer, &BatchWipe::new());
        opened.map(|text| text.to_vec())
    }

    #[test]
    fn what_is_sealed_opens_under_its_counter_only() {
        let (seals, opens) = pair();
        for length in [0, 1, 15, 16, 17, 64, 1200] {
            let mut buffer = vec![3; length + TAG_LEN];
            seal(&seals, 5, &mut buffer);
            let mut copy = buffer.clone();
            assert_eq!(open(&opens, 6, &mut copy), Err(OpenError));
            assert_eq!(open(&opens, 5, &mut buffer), Ok(vec![3; length]));
        }
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let (seals, opens) = pair();
        let mut sealed = [9; 40];
        seal(&seals, 0, &mut sealed);
        for at in 0..sealed.len() {
            let mut forged = sealed;
            forged[at] ^= 0x80;
            assert_eq!(open(&opens, 0, &mut forged), Err(OpenError));
        }
    }

    #[test]
    fn what_is_shorter_than_a_tag_does_not_open() {
        let (_, opens) = pair();
        for length in 0..TAG_LEN {
            let mut short = vec![0; length];
            assert_eq!(open(&opens, 0, &mut short), Err(OpenError));
        }
    }

    #[test]
    #[should_panic(expected = "room for the tag")]
    fn sealing_without_room_for_the_tag_is_our_mistake() {
        seal(&pair().0, 0, &mut [0; TAG_LEN - 1]);
    }

    #[test]
    fn the_nonce_is_four_zeros_and_the_counter() {
        assert_eq!(
            nonce(Counter(0x0807_0605_0403_0201)),
            [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
        );
    }

    #[test]
    fn at_rest_only_the_same_four_open() {
        let (key, nonce) = ([1; 32], [2; 24]);
        let sealed = seal_at_rest(&key, &nonce, b"aad", b"a secret");
        assert_eq!(sealed.len(), 8 + TAG_LEN);
        let opened = open_at_rest(&key, &nonce, b"aad", &sealed).expect("nothing differs");
        assert_eq!(opened.as_slice(), b"a secret");
        assert!(open_at_rest(&[3; 32], &nonce, b"aad", &sealed).is_err());
        assert!(open_at_rest(&key, &[3; 24], b"aad", &sealed).is_err());
        assert!(open_at_rest(&key, &nonce, b"other", &sealed).is_err());
        assert!(open_at_rest(&key, &nonce, b"aad", &sealed[..TAG_LEN - 1]).is_err());
        for at in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[at] ^= 1;
            assert!(open_at_rest(&key, &nonce, b"aad", &forged).is_err());
        }
    }
}
