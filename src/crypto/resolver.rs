//! The primitives that we give to snow: X25519, ChaChaPoly, BLAKE2s and ML-KEM-768.
//!
//! snow's own leave keys in freed memory and take low-order points; these wipe what they hold and
//! refuse all-zero results. snow's KEM trait hands no generator to `encapsulate`, so a resolver is
//! made for one handshake, with all of its randomness drawn beforehand.

use core::cell::Cell;
use std::sync::Arc;

use blake2::digest::block_api::{Buffer, UpdateCore, VariableOutputCore};
use blake2::{Blake2s256, Blake2sVarCore, Digest};
use libcrux_ml_kem::mlkem768::{
    MlKem768Ciphertext, MlKem768PrivateKey, MlKem768PublicKey, decapsulate, encapsulate,
    generate_key_pair, validate_public_key,
};
use rand_core::CryptoRng;
use snow::Error;
use snow::params::{CipherChoice, DHChoice, HashChoice, KemChoice};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Kem, Random};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

use crate::crypto::aead::{TAG_LEN, nonce, open_once, seal_once};
use crate::crypto::product::{Own, multiply};
use crate::crypto::secret::Secret;
use crate::id::Counter;
use crate::sync::atomic::{AtomicBool, Ordering};

/// Length of an ML-KEM-768 encapsulation key in bytes (FIPS 203 §8).
const KEM_PUBLIC_LEN: usize = 1184;
/// Length of an ML-KEM-768 ciphertext in bytes (FIPS 203 §8).
const KEM_CIPHERTEXT_LEN: usize = 1088;
/// Length of every hash, key and shared secret here in bytes.
const HASH_LEN: usize = 32;
/// Length of BLAKE2s's input block in bytes, which HMAC needs.
const BLOCK_LEN: usize = 64;

/// The randomness of one handshake, in the order in which it is drawn: 32 bytes for the ephemeral
/// key, then 64 for ML-KEM (the initiator's `d ‖ z`; the responder uses the first 32 as `m`).
const EPHEMERAL_LEN: usize = 32;
const KEM_SEED_LEN: usize = 64;

/// Gives out the primitives of one handshake.
pub(super) struct Resolver {
    ephemeral: Cell<Option<Secret<EPHEMERAL_LEN>>>,
    kem_seed: Cell<Option<Secret<KEM_SEED_LEN>>>,
    own: Option<Own>,
    opened: Opened,
}

/// Whether a KEM ciphertext has opened. It is sealed under keys that only whoever has the responder's static secret
/// can make, and that hold no psk yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Opened(Arc<AtomicBool>);

impl Opened {
    fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether one has since this was asked last.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Resolver {
    /// Draws the 96 bytes that one handshake needs, whichever its role. `own`: that of the static key
    /// which snow is given.
    pub(super) fn new(rng: &mut dyn CryptoRng, own: Own) -> Self {
        let ephemeral = Secret::filled_by(|bytes| rng.fill_bytes(bytes));
        let kem_seed = Secret::filled_by(|bytes| rng.fill_bytes(bytes));
        Self::from_drawn(ephemeral, kem_seed, Some(own))
    }

    /// Uses randomness that was drawn elsewhere. Without `own`, snow may be given any static key.
    pub(super) fn from_drawn(
        ephemeral: Secret<EPHEMERAL_LEN>,
        kem_seed: Secret<KEM_SEED_LEN>,
        own: Option<Own>,
    ) -> Self {
        Self {
            ephemeral: Cell::new(Some(ephemeral)),
            kem_seed: Cell::new(Some(kem_seed)),
            own,
            opened: Opened::default(),
        }
    }

    /// What the handshake will say of its ciphertext.
    pub(super) fn opened(&self) -> Opened {
        self.opened.clone()
    }
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Drawn(self.ephemeral.take())))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        match choice {
            DHChoice::Curve25519 => Some(Box::new(X25519::new(self.own.clone()))),
            DHChoice::Curve448 => None,
        }
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        match choice {
            HashChoice::Blake2s => Some(Box::new(Blake2s(Blake2s256::new()))),
            HashChoice::SHA256 | HashChoice::SHA512 | HashChoice::Blake2b => None,
        }
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        match choice {
            CipherChoice::ChaChaPoly => Some(Box::new(ChaChaPoly(Secret::filled_by(|_| ())))),
            CipherChoice::AESGCM => None,
        }
    }

    /// snow's only name for a KEM is `Kyber1024`; what is hashed is our honest protocol name.
    fn resolve_kem(&self, choice: &KemChoice) -> Option<Box<dyn Kem>> {
        match choice {
            KemChoice::Kyber1024 => Some(Box::new(MlKem768::new(
                self.kem_seed.take()?,
                self.opened(),
            ))),
        }
    }
}

/// The 32 bytes of the ephemeral key, given out once.
struct Drawn(Option<Secret<EPHEMERAL_LEN>>);

impl Random for Drawn {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        let drawn = self.0.take().ok_or(Error::Rng)?;
        if dest.len() != EPHEMERAL_LEN {
            return Err(Error::Rng);
        }
        dest.copy_from_slice(drawn.expose());
        Ok(())
    }
}

/// X25519 that refuses an all-zero result (RFC 7748 §6.1).
struct X25519 {
    secret: StaticSecret,
    public: [u8; 32],
    /// Only for the static key, of which alone something is known beforehand.
    own: Option<Own>,
}

impl X25519 {
    /// Holds no key of value yet: snow sets the static one, and generates the ephemeral one, before it uses
    /// it.
    fn new(own: Option<Own>) -> Self {
        Self {
            secret: StaticSecret::from([0; 32]),
            public: [0; 32],
            own,
        }
    }
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, privkey: &[u8]) {
        let bytes: &[u8; 32] = privkey.try_into().expect("an X25519 secret has 32 bytes");
        self.secret = StaticSecret::from(*bytes);
        self.public = match &self.own {
            Some(own) => *own.public.as_bytes(),
            None => PublicKey::from(&self.secret).to_bytes(),
        };
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(bytes.as_mut_slice())?;
        self.own = None;
        self.set(bytes.as_slice());
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    /// snow passes its whole key buffer, of which the first 32 bytes are ours.
    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let theirs: &[u8; 32] = pubkey.first_chunk().ok_or(Error::Dh)?;
        let out: &mut [u8; 32] = out.first_chunk_mut().ok_or(Error::Dh)?;
        let is_usable = match &self.own {
            Some(own) => own.multiply(&self.secret, theirs, out),
            None => multiply(&self.secret, theirs, out),
        };
        if is_usable { Ok(()) } else { Err(Error::Dh) }
    }
}

/// ChaChaPoly of Noise §12.3. Most keys that snow sets are used once or never, so that no cipher is kept.
struct ChaChaPoly(Secret<32>);

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.0 = Secret::filled_by(|own| own.copy_from_slice(key));
    }

    fn encrypt(&self, counter: u64, authtext: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let (text, rest) = out
            .split_at_mut_checked(plaintext.len())
            .expect("snow leaves room for the ciphertext");
        text.copy_from_slice(plaintext);
        let tag = seal_once(self.0.expose(), nonce(Counter(counter)), authtext, text);
        *rest
            .first_chunk_mut()
            .expect("snow leaves room for the tag") = tag;
        plaintext.len() + TAG_LEN
    }

    fn decrypt(
        &self,
        counter: u64,
        authtext: &[u8],
        ciphertext: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let (text, tag) = ciphertext
            .split_last_chunk::<TAG_LEN>()
            .ok_or(Error::Decrypt)?;
        let out = out.get_mut(..text.len()).ok_or(Error::Decrypt)?;
        out.copy_from_slice(text);
        let nonce = nonce(Counter(counter));
        open_once(self.0.expose(), nonce, authtext, out, tag).map_err(|_| Error::Decrypt)?;
        Ok(text.len())
    }
}

/// BLAKE2s, and Noise's HMAC and HKDF over it with their intermediate values wiped.
struct Blake2s(Blake2s256);

impl Blake2s {
    fn hash(parts: &[&[u8]], out: &mut [u8; HASH_LEN]) {
        let mut hash = Blake2s256::new();
        for part in parts {
            Digest::update(&mut hash, part);
        }
        Digest::finalize_into(hash, out.into());
    }
}

impl Hash for Blake2s {
    fn name(&self) -> &'static str {
        "BLAKE2s"
    }

    fn block_len(&self) -> usize {
        BLOCK_LEN
    }

    fn hash_len(&self) -> usize {
        HASH_LEN
    }

    fn reset(&mut self) {
        self.0 = Blake2s256::new();
    }

    fn input(&mut self, data: &[u8]) {
        Digest::update(&mut self.0, data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let hash = core::mem::take(&mut self.0);
        let out: &mut [u8; HASH_LEN] = out.first_chunk_mut().expect("snow's buffers hold a hash");
        Digest::finalize_into(hash, out.into());
    }

    /// Source: Noise §4.3 (HMAC of RFC 2104).
    fn hmac(&mut self, key: &[u8], data: &[u8], out: &mut [u8]) {
        let out: &mut [u8; HASH_LEN] = out.first_chunk_mut().expect("snow's buffers hold a hash");
        let mut inner = Zeroizing::new([0; HASH_LEN]);
        let mut pad = Zeroizing::new([0x36_u8; BLOCK_LEN]);
        xor(pad.as_mut_slice(), key);
        Self::hash(&[pad.as_slice(), data], &mut inner);
        swap_pad(&mut pad);
        Self::hash(&[pad.as_slice(), inner.as_slice()], out);
    }

    /// Source: Noise §4.3.
    fn hkdf(
        &mut self,
        chaining_key: &[u8],
        input_key_material: &[u8],
        outputs: usize,
        out1: &mut [u8],
        out2: &mut [u8],
        out3: &mut [u8],
    ) {
        let mut temp = Zeroizing::new([0; HASH_LEN]);
        let mut input = Zeroizing::new([0; HASH_LEN + 1]);
        self.hmac(chaining_key, input_key_material, temp.as_mut_slice());
        let keyed = Keyed::new(temp.as_slice());
        keyed.sum(&[1], out1);
        if outputs >= 2 {
            keyed.sum(next_input(&mut input, out1, 2), out2);
        }
        if outputs >= 3 {
            keyed.sum(next_input(&mut input, out2, 3), out3);
        }
    }
}

/// HMAC under a key for several inputs: the block of key and pad is hashed once. None of them is empty, for
/// of nothing it would be the last block, and BLAKE2s hashes that in another way.
struct Keyed {
    inner: Blake2sVarCore,
    outer: Blake2sVarCore,
}

impl Keyed {
    fn new(key: &[u8]) -> Self {
        let mut pad = Zeroizing::new([0x36_u8; BLOCK_LEN]);
        xor(pad.as_mut_slice(), key);
        let inner = begun(&pad);
        swap_pad(&mut pad);
        Self {
            inner,
            outer: begun(&pad),
        }
    }

    fn sum(&self, input: &[u8], out: &mut [u8]) {
        let out: &mut [u8; HASH_LEN] = out.first_chunk_mut().expect("snow's buffers hold a hash");
        let mut inner = Zeroizing::new([0; HASH_LEN]);
        ended(self.inner.clone(), input, &mut inner);
        ended(self.outer.clone(), inner.as_slice(), out);
    }
}

/// A hash after its first block.
fn begun(block: &[u8; BLOCK_LEN]) -> Blake2sVarCore {
    let mut hash = Blake2sVarCore::new(HASH_LEN).expect("BLAKE2s has outputs of this length");
    hash.update_blocks(core::slice::from_ref(block.into()));
    hash
}

/// The hash with one more piece.
fn ended(mut hash: Blake2sVarCore, piece: &[u8], out: &mut [u8; HASH_LEN]) {
    let mut buffer = Buffer::<Blake2sVarCore>::default();
    buffer.digest_blocks(piece, |blocks| hash.update_blocks(blocks));
    hash.finalize_variable_core(&mut buffer, out.into());
}

/// From the pad of HMAC's inner hash to that of its outer one.
fn swap_pad(pad: &mut [u8; BLOCK_LEN]) {
    for byte in pad {
        *byte ^= 0x36 ^ 0x5c;
    }
}

/// Writes HKDF's next input, the output before it and a number, and returns it.
fn next_input<'a>(input: &'a mut [u8; HASH_LEN + 1], before: &[u8], number: u8) -> &'a [u8] {
    let (last, hash) = input.split_last_mut().expect("it is not empty");
    *last = number;
    hash.copy_from_slice(before.get(..HASH_LEN).expect("snow's buffers hold a hash"));
    input
}

/// Combines a key with HMAC's pad; a key of at most one block, as all of ours are.
fn xor(pad: &mut [u8], key: &[u8]) {
    assert!(key.len() <= pad.len(), "an HMAC key fits one block");
    for (pad, key) in pad.iter_mut().zip(key) {
        *pad ^= key;
    }
}

/// ML-KEM-768 (FIPS 203): as initiator the owner of a key pair, as responder who encapsulates.
struct MlKem768 {
    seed: Secret<KEM_SEED_LEN>,
    secret: Option<KemSecret>,
    public: [u8; KEM_PUBLIC_LEN],
    opened: Opened,
}

/// The decapsulation key, which its own type does not wipe.
struct KemSecret(Box<MlKem768PrivateKey>);

impl Drop for KemSecret {
    fn drop(&mut self) {
        self.0[0..].zeroize();
    }
}

impl MlKem768 {
    const fn new(seed: Secret<KEM_SEED_LEN>, opened: Opened) -> Self {
        Self {
            seed,
            secret: None,
            public: [0; KEM_PUBLIC_LEN],
            opened,
        }
    }
}

impl Kem for MlKem768 {
    fn name(&self) -> &'static str {
        "MLKEM768"
    }

    fn pub_len(&self) -> usize {
        KEM_PUBLIC_LEN
    }

    fn ciphertext_len(&self) -> usize {
        KEM_CIPHERTEXT_LEN
    }

    fn shared_secret_len(&self) -> usize {
        HASH_LEN
    }

    /// Uses the seed that was drawn with the resolver, not snow's generator.
    fn generate(&mut self, _rng: &mut dyn Random) {
        let pair = generate_key_pair(*self.seed.expose());
        self.public.copy_from_slice(pair.pk());
        let mut secret = KemSecret(Box::default());
        secret.0[0..].copy_from_slice(pair.sk());
        self.secret = Some(secret);
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    /// Refuses a key whose coefficients are out of range (FIPS 203 §7.2).
    fn encapsulate(
        &self,
        pubkey: &[u8],
        shared_secret_out: &mut [u8],
        ciphertext_out: &mut [u8],
    ) -> Result<(usize, usize), Error> {
        let public = MlKem768PublicKey::try_from(pubkey).map_err(|_| Error::Kem)?;
        if !validate_public_key(&public) {
            return Err(Error::Kem);
        }
        let message = self.seed.expose().first_chunk().ok_or(Error::Kem)?;
        let (ciphertext, mut shared) = encapsulate(&public, *message);
        shared_secret_out.copy_from_slice(&shared);
        ciphertext_out.copy_from_slice(ciphertext.as_slice());
        shared.zeroize();
        Ok((HASH_LEN, KEM_CIPHERTEXT_LEN))
    }

    /// Never says that a ciphertext is wrong: it then yields a secret that only the AEAD will
    /// refuse (implicit rejection, FIPS 203 §6.3). snow asks for it once the ciphertext has opened.
    fn decapsulate(&self, ciphertext: &[u8], shared_secret_out: &mut [u8]) -> Result<usize, Error> {
        self.opened.note();
        let secret = self.secret.as_ref().ok_or(Error::Kem)?;
        let ciphertext = MlKem768Ciphertext::try_from(ciphertext).map_err(|_| Error::Kem)?;
        let mut shared = decapsulate(&secret.0, &ciphertext);
        shared_secret_out.copy_from_slice(&shared);
        shared.zeroize();
        Ok(HASH_LEN)
    }
}

#[cfg(test)]
mod tests;
