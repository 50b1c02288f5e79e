//! Long-term keys: the static secret that is a person's identity, and the optional pre-shared key.

use core::fmt;
use std::sync::{Arc, OnceLock};

use blake2::Blake2sMac;
use blake2::digest::consts::U32;
use blake2::digest::{FixedOutput, KeyInit, Update};
use ed25519_dalek::SigningKey;
use rand_core::CryptoRng;
use x25519_dalek::PublicKey;
use zeroize::Zeroizing;

use crate::crypto::product::{Own, StaticProduct, StaticProducts, Whom};
use crate::crypto::secret::Secret;
use crate::crypto::stack::scrub_stack;
use crate::id::{PeerId, VerifyingKey};

/// What the seed of the signing key is derived with.
const SIGN_LABEL: &[u8; 8] = b"sc1-sign";

/// The secret half of an identity: 32 bytes of X25519, wiped on drop, and what it has been computed with:
/// its public half, and its products with the peers that its owner remembers.
///
/// What it is used for leaves copies in freed memory, which the program's allocator wipes, or nobody does: see
/// [`securechat`](crate#if-you-embed-it).
pub struct StaticSecret {
    secret: Secret<32>,
    public: OnceLock<PeerId>,
    products: Arc<StaticProducts>,
}

impl StaticSecret {
    /// Takes 32 stored bytes over and wipes the source. Any value is allowed: X25519 clamps it when
    /// it is used.
    #[must_use]
    pub fn from_bytes(bytes: &mut [u8; 32]) -> Self {
        Self::new(Secret::from_bytes(bytes))
    }

    /// Draws a new secret.
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self::new(Secret::filled_by(|bytes| rng.fill_bytes(bytes)))
    }

    /// Makes a second copy for a second owner, written straight to its place. It remembers no product.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            public: self.public.clone(),
            ..Self::new(self.secret.duplicate())
        }
    }

    fn new(secret: Secret<32>) -> Self {
        Self {
            secret,
            public: OnceLock::new(),
            products: Arc::default(),
        }
    }

    /// The public half, computed by the first call. That needs 512 KiB of stack, of which it overwrites 256 KiB.
    #[must_use]
    pub fn public(&self) -> PeerId {
        *self.public.get_or_init(|| {
            let public = public_of(self.expose());
            scrub_stack();
            public
        })
    }

    /// Keeps what a handshake has computed, so that the next one with the same peer does without. Whoever
    /// remembers bounds the number of peers, and forgets them: each costs some 130 bytes.
    pub fn remember(&self, product: StaticProduct) {
        self.products.insert(product);
    }

    /// Wipes the product with a peer, if it is remembered.
    pub fn forget(&self, remote: &PeerId) {
        self.products.remove(remote);
    }

    /// Whether the product with a peer is remembered.
    #[must_use]
    pub fn remembers(&self, remote: &PeerId) -> bool {
        self.products.contains(remote)
    }

    /// This key's part in a handshake.
    pub(super) fn own(&self, whom: Whom) -> Own {
        Own::new(self.public(), &self.products, whom)
    }

    /// Computes the public half of the signing key that belongs to this identity
    /// (docs/protocol.md#identities-and-keys). Nothing is signed yet: its secret half is not kept. Needs 512 KiB of
    /// stack, of which it overwrites 256 KiB.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let key = verifying_key_of(self.expose());
        scrub_stack();
        key
    }

    /// Shows the secret bytes, to write a key file or to start a handshake.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        self.secret.expose()
    }
}

impl fmt::Debug for StaticSecret {
    /// Nor whom it remembers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticSecret(<redacted>)")
    }
}

/// Encodings of the points of low order on the curve and its twist (cr.yp.to/ecdh.html), without the highest bit; the last two
/// are not canonical.
pub(super) const LOW_ORDER: [[u8; 32]; 7] = {
    let mut one = [0; 32];
    one[0] = 1;
    let mut p_minus_1 = [0xff; 32];
    p_minus_1[0] = 0xec;
    p_minus_1[31] = 0x7f;
    let mut p = p_minus_1;
    p[0] = 0xed;
    let mut p_plus_1 = p_minus_1;
    p_plus_1[0] = 0xee;
    [
        [0; 32],
        one,
        *b"\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a\
           \xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00",
        *b"\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef\x5b\
           \x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f\x11\x57",
        p_minus_1,
        p,
        p_plus_1,
    ]
};

/// Whether a public key is one of the few with which every secret has the same product, nothing (RFC 7748 §6.1): nobody
/// holds the secret half of it, and no handshake goes on with it.
#[must_use]
pub fn is_low_order(key: &PeerId) -> bool {
    let mut point = *key.as_bytes();
    point[31] &= 0x7f;
    LOW_ORDER.contains(&point)
}

/// Whether a public key is written as everybody writes it: below 2^255 - 19, and without the highest bit, which X25519
/// ignores (RFC 7748 §5). In another form the same owner would be somebody else.
#[must_use]
pub fn is_canonical(key: &PeerId) -> bool {
    const P: [u8; 32] = {
        let mut p = [0xff; 32];
        (p[0], p[31]) = (0xed, 0x7f);
        p
    };
    key.as_bytes().iter().rev().lt(P.iter().rev())
}

/// Whether somebody can have this public key: it is canonical, and not of low order.
#[must_use]
pub fn is_possible(key: &PeerId) -> bool {
    is_canonical(key) && !is_low_order(key)
}

#[inline(never)]
fn public_of(secret: &[u8; 32]) -> PeerId {
    let secret = x25519_dalek::StaticSecret::from(*secret);
    PeerId::new(PublicKey::from(&secret).to_bytes())
}

#[inline(never)]
fn verifying_key_of(secret: &[u8; 32]) -> VerifyingKey {
    let mut mac = Blake2sMac::<U32>::new_from_slice(secret).expect("32 bytes are a key");
    mac.update(SIGN_LABEL);
    let mut seed = Zeroizing::new([0; 32]);
    mac.finalize_into((&mut *seed).into());
    VerifyingKey::new(SigningKey::from_bytes(&seed).verifying_key().to_bytes())
}

/// 32 bytes that two peers share beforehand, mixed into their handshakes by `psk2`; wiped on drop.
#[derive(Debug)]
pub struct Psk(Secret<32>);

impl Psk {
    /// Takes 32 bytes over and wipes the source.
    #[must_use]
    pub fn from_bytes(bytes: &mut [u8; 32]) -> Self {
        Self(Secret::from_bytes(bytes))
    }

    /// Makes a second copy for a second owner, written straight to its place.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    /// Shows the secret bytes.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_key_of_low_order_is_told_from_one_that_somebody_has() {
        for point in LOW_ORDER {
            assert!(is_low_order(&PeerId::new(point)), "{point:02x?}");
            let mut with_the_bit_that_is_ignored = point;
            with_the_bit_that_is_ignored[31] |= 0x80;
            assert!(is_low_order(&PeerId::new(with_the_bit_that_is_ignored)));
        }
        for seed in 0..20 {
            let secret = StaticSecret::generate(&mut ChaCha20Rng::from_seed([seed; 32]));
            assert!(!is_low_order(&secret.public()));
        }
    }

    /// Arithmetic decides; the list is what it comes to.
    #[test]
    fn with_a_key_of_low_order_every_product_is_nothing_and_with_no_other() {
        let any = x25519_dalek::StaticSecret::from([1; 32]);
        let is_nothing = |bytes: [u8; 32]| {
            let product = any.diffie_hellman(&PublicKey::from(bytes));
            !product.was_contributory()
        };
        let small = (0..=255).map(|low| {
            let mut bytes = [0; 32];
            bytes[0] = low;
            bytes
        });
        let large = (0..=255).map(|low| {
            let mut bytes = [0xff; 32];
            bytes[0] = low;
            bytes
        });
        for bytes in LOW_ORDER.into_iter().chain(small).chain(large) {
            let said = is_low_order(&PeerId::new(bytes));
            assert_eq!(said, is_nothing(bytes), "{bytes:02x?}");
        }
    }

    #[test]
    fn of_the_forms_of_a_key_one_is_canonical() {
        let canonical = |bytes| is_canonical(&PeerId::new(bytes));
        let with = |low: u8, between: u8, high: u8| {
            let mut bytes = [between; 32];
            (bytes[0], bytes[31]) = (low, high);
            bytes
        };
        for seed in 0..20 {
            let key = StaticSecret::generate(&mut ChaCha20Rng::from_seed([seed; 32])).public();
            assert!(is_canonical(&key));
            let mut bytes = *key.as_bytes();
            bytes[31] |= 0x80;
            assert!(!canonical(bytes));
        }
        assert!(canonical([0; 32]), "it is another rule that refuses it");
        assert!(canonical(with(0xec, 0xff, 0x7f)), "the largest");
        assert!(canonical(with(0xff, 0xfe, 0x7f)));
        for low in 0xed..=0xff {
            assert!(!canonical(with(low, 0xff, 0x7f)), "{low}");
        }
        assert!(!canonical(with(0, 0, 0x80)));
    }

    #[test]
    fn the_public_half_is_that_of_rfc_7748() {
        // RFC 7748 section 6.1, Alice.
        let mut secret = *b"\x77\x07\x6d\x0a\x73\x18\xa5\x7d\x3c\x16\xc1\x72\x51\xb2\x66\x45\
                            \xdf\x4c\x2f\x87\xeb\xc0\x99\x2a\xb1\x77\xfb\xa5\x1d\xb9\x2c\x2a";
        let public = *b"\x85\x20\xf0\x09\x89\x30\xa7\x54\x74\x8b\x7d\xdc\xb4\x3e\xf7\x5a\
                        \x0d\xbf\x3a\x0d\x26\x38\x1a\xf4\xeb\xa4\xa9\x8e\xaa\x9b\x4e\x6a";
        assert_eq!(
            StaticSecret::from_bytes(&mut secret).public(),
            PeerId::new(public)
        );
        assert_eq!(secret, [0; 32]);
    }

    #[test]
    fn the_signing_key_is_the_one_that_python_derives() {
        // hashlib.blake2s(b"sc1-sign", key=secret), and the public half by pyca/cryptography.
        let mut counting = core::array::from_fn(|at| u8::try_from(at).unwrap());
        let public = *b"\xac\xa8\x15\xbf\xb7\xa8\x54\x34\xb3\x27\xfb\x33\x94\x0e\x1a\xf7\
                        \x45\x5f\x83\xad\x91\x14\x32\x23\x73\xe9\x66\xcf\xde\x77\xc2\x49";
        let secret = StaticSecret::from_bytes(&mut counting);
        assert_eq!(secret.verifying_key(), VerifyingKey::new(public));
        // The secret of RFC 7748 section 6.1, Alice: bits that X25519 ignores count here.
        let mut alice = *b"\x77\x07\x6d\x0a\x73\x18\xa5\x7d\x3c\x16\xc1\x72\x51\xb2\x66\x45\
                           \xdf\x4c\x2f\x87\xeb\xc0\x99\x2a\xb1\x77\xfb\xa5\x1d\xb9\x2c\x2a";
        let public = *b"\x71\x56\x75\xf9\xa4\xe1\x7b\x34\xc5\x53\x19\xe5\x37\xf1\x5e\x04\
                        \x1b\x93\xb4\xeb\x94\x02\xbb\xf9\x0d\xbf\xd8\x97\xc2\xb0\x17\x46";
        let secret = StaticSecret::from_bytes(&mut alice);
        assert_eq!(secret.verifying_key(), VerifyingKey::new(public));
    }

    #[test]
    fn a_duplicate_has_the_same_public_half_and_remembers_nobody() {
        let secret = StaticSecret::from_bytes(&mut [7; 32]);
        let early = secret.duplicate();
        let public = secret.public();
        assert_eq!(early.public(), public);
        assert_eq!(secret.duplicate().public(), public);
    }

    #[test]
    fn a_generated_secret_is_what_the_generator_gave() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let secret = StaticSecret::generate(&mut rng);
        let mut expected = [0; 32];
        rand_core::Rng::fill_bytes(&mut ChaCha20Rng::from_seed([1; 32]), &mut expected);
        assert_eq!(secret.expose(), &expected);
    }

    #[test]
    fn debug_shows_no_key() {
        let secret = StaticSecret::from_bytes(&mut [0xaa; 32]);
        let psk = Psk::from_bytes(&mut [0xbb; 32]);
        assert_eq!(format!("{secret:?}"), "StaticSecret(<redacted>)");
        assert_eq!(format!("{psk:?}"), "Psk(<redacted>)");
    }
}
