//! Keys for what is kept on disk: one that belongs to the identity and wraps, and those it wraps.
//! Source: docs/store.md#keys.

use blake2::Blake2sMac;
use blake2::digest::consts::{U16, U32};
use blake2::digest::{FixedOutput, KeyInit, Update};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::crypto::aead::{OpenError, open_at_rest, seal_at_rest};
use crate::crypto::keys::StaticSecret;
use crate::crypto::secret::Secret;
use crate::crypto::stack::scrub_stack;

/// What the wrapping key is derived with.
const STORE_LABEL: &[u8; 9] = b"sc1-store";
const NONCE_LEN: usize = 24;
/// Bytes by which a sealed value is longer than its text: nonce and tag.
const OVERHEAD: usize = NONCE_LEN + 16;

/// 32 secret bytes that seal values of a store, name its rows, or give further keys; wiped on drop.
#[derive(Debug)]
pub struct StoreKey(Secret<32>);

impl StaticSecret {
    /// Computes the key that wraps the keys of this identity's store.
    #[must_use]
    pub fn store_key(&self) -> StoreKey {
        let key = derived(self.expose(), STORE_LABEL);
        scrub_stack();
        key
    }
}

impl StoreKey {
    /// Draws a new key.
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::filled_by(|bytes| rng.fill_bytes(bytes)))
    }

    /// Computes a further key; each label gives another.
    #[must_use]
    pub fn derive(&self, label: &[u8]) -> Self {
        derived(self.0.expose(), label)
    }

    /// Computes 16 bytes that name `parts` to nobody who lacks the key. What stands where in `parts` has
    /// to follow from their lengths or come first.
    #[must_use]
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 16] {
        tag(self.0.expose(), parts)
    }

    /// Seals `text` under a nonce that is drawn for it: nonce ‖ ciphertext ‖ tag. `place`: what the
    /// value cannot be moved away from; authenticated, not stored.
    #[must_use]
    pub fn seal(&self, place: &[&[u8]], text: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        rng.fill_bytes(&mut nonce);
        let mut sealed = Vec::with_capacity(text.len() + OVERHEAD);
        sealed.extend_from_slice(&nonce);
        sealed.extend(seal_at_rest(self.0.expose(), &nonce, &place.concat(), text));
        sealed
    }

    /// Opens what [`StoreKey::seal`] made with the same key for the same place.
    ///
    /// # Errors
    /// [`OpenError`] if anything differs from what was sealed.
    pub fn open(&self, place: &[&[u8]], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (nonce, sealed) = sealed.split_first_chunk().ok_or(OpenError)?;
        open_at_rest(self.0.expose(), nonce, &place.concat(), sealed)
    }

    /// Seals another key.
    #[must_use]
    pub fn wrap(&self, place: &[&[u8]], key: &Self, rng: &mut dyn CryptoRng) -> Vec<u8> {
        let wrapped = self.seal(place, key.0.expose(), rng);
        scrub_stack();
        wrapped
    }

    /// Opens what [`StoreKey::wrap`] made.
    ///
    /// # Errors
    /// [`OpenError`] if anything differs from what was sealed.
    pub fn unwrap_key(&self, place: &[&[u8]], wrapped: &[u8]) -> Result<Self, OpenError> {
        let text = self.open(place, wrapped)?;
        let bytes: &[u8; 32] = text.as_slice().try_into().map_err(|_| OpenError)?;
        let key = Self(Secret::filled_by(|own| own.copy_from_slice(bytes)));
        scrub_stack();
        Ok(key)
    }
}

fn tag(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = Blake2sMac::<U16>::new_from_slice(key).expect("32 bytes are a key");
    for part in parts {
        mac.update(part);
    }
    mac.finalize_fixed().into()
}

#[inline(never)]
fn derived(key: &[u8; 32], label: &[u8]) -> StoreKey {
    let mut mac = Blake2sMac::<U32>::new_from_slice(key).expect("32 bytes are a key");
    mac.update(label);
    StoreKey(Secret::filled_by(|own| mac.finalize_into(own.into())))
}

#[cfg(test)]
mod tests {
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([1; 32])
    }

    #[test]
    fn keys_and_tags_are_those_that_python_computes() {
        // hashlib.blake2s(b"sc1-store", key=bytes(range(32))), the same with b"values" under that
        // key, and hashlib.blake2s(b"ab", key=that, digest_size=16).
        let mut counting = core::array::from_fn(|at| u8::try_from(at).unwrap());
        let key = StaticSecret::from_bytes(&mut counting).store_key();
        assert_eq!(hex(key.0.expose()), WRAPPING);
        let values = key.derive(b"values");
        assert_eq!(hex(values.0.expose()), VALUES);
        assert_eq!(hex(&values.tag(&[b"a", b"b"])), TAG);
    }

    const WRAPPING: &str = "0021ec56fce042705c04ed10f26a479a5aee1e9fda9c19c19e23ba3dd98945af";
    const VALUES: &str = "f8f078f2b2dab8c31c93237e36c4b8ab5cd1dbc42e616ad01a4f294d804401f8";
    const TAG: &str = "129c5bd39bd48f425223965fd3c042e4";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_value_opens_in_its_place_only() {
        let key = StoreKey::generate(&mut rng());
        let sealed = key.seal(&[b"table", b"row"], b"text", &mut rng());
        assert_eq!(sealed.len(), 4 + OVERHEAD);
        let opened = key.open(&[b"table", b"row"], &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"text");
        assert!(key.open(&[b"table", b"rox"], &sealed).is_err());
        assert!(key.derive(b"x").open(&[b"table", b"row"], &sealed).is_err());
        for at in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[at] ^= 1;
            assert!(key.open(&[b"table", b"row"], &forged).is_err());
            assert!(key.open(&[b"table", b"row"], &sealed[..at]).is_err());
        }
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let (key, mut rng) = (StoreKey::generate(&mut rng()), rng());
        let [one, two] = [(); 2].map(|()| key.seal(&[b"p"], b"text", &mut rng));
        assert_ne!(one[..NONCE_LEN], two[..NONCE_LEN]);
        assert_ne!(one[NONCE_LEN..], two[NONCE_LEN..]);
    }

    #[test]
    fn a_key_comes_back_from_its_wrapping_under_the_same_identity_only() {
        let (key, mut rng) = (StoreKey::generate(&mut rng()), rng());
        let [own, other] =
            [[7; 32], [8; 32]].map(|mut bytes| StaticSecret::from_bytes(&mut bytes).store_key());
        let wrapped = own.wrap(&[b"meta"], &key, &mut rng);
        let back = own.unwrap_key(&[b"meta"], &wrapped).unwrap();
        assert_eq!(back.0.expose(), key.0.expose());
        assert!(other.unwrap_key(&[b"meta"], &wrapped).is_err());
    }
}
