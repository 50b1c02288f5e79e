//! The stateless checks of handshake datagrams: mac1, mac2 and the sealed cookie.
//!
//! 1. mac1 shows that the sender knows who he writes to (or, in RESP, what he was written). It is
//!    keyed by public values, so it is no authentication: it keeps strangers' bytes out.
//! 2. A responder under load answers with COOKIE: a MAC over the sender's address, sealed so that
//!    only somebody who saw the mac1 that it answers can read it.
//! 3. mac2 shows that the sender received that cookie, hence that he is where he says.
//!
//! Source: docs/protocol.md#datagrams, #cookies-and-load.

use core::net::{IpAddr, SocketAddr};

use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac, Digest};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use crate::crypto::aead::{OpenError, TAG_LEN, xchacha_open, xchacha_seal};
use crate::crypto::secret::Secret;
use crate::id::PeerId;

/// Length of mac1 and mac2 in bytes.
const MAC_LEN: usize = 16;
/// Length of a cookie in bytes.
const COOKIE_LEN: usize = 16;
/// Length of a cookie with its tag in bytes.
const SEALED_COOKIE_LEN: usize = COOKIE_LEN + TAG_LEN;

/// What mac1's key is derived with.
const MAC1_LABEL: &[u8; 8] = b"sc1-mac1";
/// What the key that seals cookies is derived with.
const COOKIE_LABEL: &[u8; 8] = b"sc1-cook";

/// The key of mac1.
#[derive(Debug)]
pub struct MacKey(Secret<32>);

impl MacKey {
    /// Derives the key of INIT's mac1: `BLAKE2s("sc1-mac1" ‖ the responder's static key)`.
    #[must_use]
    pub fn for_init(responder: &PeerId) -> Self {
        Self(derive(MAC1_LABEL, responder.as_bytes()))
    }

    /// Derives the key of RESP's mac1: `BLAKE2s("sc1-mac1" ‖ the ephemeral key that message 1 begins
    /// with)`. The initiator's static key would let anybody who holds it recognise whom RESP is for.
    #[must_use]
    pub fn for_resp(ephemeral: &[u8; 32]) -> Self {
        Self(derive(MAC1_LABEL, ephemeral))
    }

    /// Computes the MAC of the parts' concatenation.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; MAC_LEN] {
        keyed(self.0.expose(), parts)
    }

    /// Compares `tag` with the MAC of the parts' concatenation in constant time.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8; MAC_LEN]) -> bool {
        self.mac(parts).ct_eq(tag).into()
    }
}

/// The key that seals cookies on their way to an initiator.
#[derive(Debug)]
pub struct CookieKey(Secret<32>);

impl CookieKey {
    /// Derives the key: `BLAKE2s("sc1-cook" ‖ the responder's static key)`.
    #[must_use]
    pub fn for_responder(responder: &PeerId) -> Self {
        Self(derive(COOKIE_LABEL, responder.as_bytes()))
    }

    /// Seals `cookie` for the sender of the datagram that carried `mac1`.
    ///
    /// `nonce`: random, new for each call.
    #[must_use]
    pub fn seal(
        &self,
        nonce: &[u8; 24],
        cookie: &[u8; COOKIE_LEN],
        mac1: &[u8; MAC_LEN],
    ) -> [u8; SEALED_COOKIE_LEN] {
        let mut sealed = [0; SEALED_COOKIE_LEN];
        let (text, room) = sealed.split_at_mut(COOKIE_LEN);
        text.copy_from_slice(cookie);
        room.copy_from_slice(&xchacha_seal(self.0.expose(), nonce, mac1, text));
        sealed
    }

    /// Opens a sealed cookie that answers the datagram that carried `mac1`.
    ///
    /// # Errors
    /// [`OpenError`] when it does not answer that datagram or was altered.
    pub fn open(
        &self,
        nonce: &[u8; 24],
        sealed: &[u8; SEALED_COOKIE_LEN],
        mac1: &[u8; MAC_LEN],
    ) -> Result<[u8; COOKIE_LEN], OpenError> {
        let (text, tag) = sealed.split_last_chunk().ok_or(OpenError)?;
        let mut cookie: [u8; COOKIE_LEN] = text.try_into().map_err(|_| OpenError)?;
        xchacha_open(self.0.expose(), nonce, mac1, &mut cookie, tag)?;
        Ok(cookie)
    }
}

/// A responder's short-lived secret that all its cookies come from, so that it keeps no state for
/// those who asked.
#[derive(Debug)]
pub struct CookieSecret(Secret<32>);

impl CookieSecret {
    /// Draws a new secret.
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::filled_by(|bytes| rng.fill_bytes(bytes)))
    }

    /// Computes the cookie of one address and port. An IPv4 address and its IPv6-mapped form have
    /// the same.
    #[must_use]
    pub fn cookie(&self, source: SocketAddr) -> [u8; COOKIE_LEN] {
        let port = source.port().to_le_bytes();
        match source.ip().to_canonical() {
            IpAddr::V4(ip) => keyed(self.0.expose(), &[&ip.octets(), &port]),
            IpAddr::V6(ip) => keyed(self.0.expose(), &[&ip.octets(), &port]),
        }
    }
}

/// Computes mac2 over the parts' concatenation (all that precedes it, mac1 included).
#[must_use]
pub fn mac2(cookie: &[u8; COOKIE_LEN], parts: &[&[u8]]) -> [u8; MAC_LEN] {
    keyed(cookie, parts)
}

/// Compares `tag` with mac2 of the parts' concatenation in constant time.
#[must_use]
pub fn verify_mac2(cookie: &[u8; COOKIE_LEN], parts: &[&[u8]], tag: &[u8; MAC_LEN]) -> bool {
    mac2(cookie, parts).ct_eq(tag).into()
}

/// `BLAKE2s(label ‖ key)`, 32 bytes.
fn derive(label: &[u8; 8], key: &[u8; 32]) -> Secret<32> {
    let hash = Blake2s256::new().chain_update(label).chain_update(key);
    Secret::filled_by(|bytes| Digest::finalize_into(hash, bytes.into()))
}

/// Keyed BLAKE2s with a digest length of 16 (RFC 7693 §2.5), not a truncated longer one.
fn keyed(key: &[u8], parts: &[&[u8]]) -> [u8; MAC_LEN] {
    let mut mac = Blake2sMac::<U16>::new_from_slice(key).expect("keys have at most 32 bytes");
    for part in parts {
        mac.update(part);
    }
    mac.finalize_fixed().into()
}

#[cfg(test)]
mod tests {
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    const PEER: PeerId = PeerId::new([1; 32]);

    fn cookies(seed: u8) -> CookieSecret {
        CookieSecret::generate(&mut ChaCha20Rng::from_seed([seed; 32]))
    }

    fn from(address: &str) -> SocketAddr {
        address.parse().expect("an address")
    }

    #[test]
    fn mac1_is_the_same_however_the_bytes_are_cut() {
        let key = MacKey::for_init(&PEER);
        let whole = key.mac(&[b"abcdef"]);
        assert_eq!(key.mac(&[b"ab", b"", b"cdef"]), whole);
        assert!(key.verify(&[b"abc", b"def"], &whole));
    }

    #[test]
    fn mac1_notices_every_altered_bit() {
        let key = MacKey::for_init(&PEER);
        let tag = key.mac(&[b"abcdef"]);
        assert!(!key.verify(&[b"abcdeg"], &tag));
        for bit in 0..8 * MAC_LEN {
            let mut forged = tag;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.verify(&[b"abcdef"], &forged), "bit {bit}");
        }
    }

    #[test]
    fn mac1_of_init_and_resp_and_the_cookie_key_differ_by_key_or_label() {
        let init = MacKey::for_init(&PEER);
        let resp = MacKey::for_resp(&[2; 32]);
        assert_ne!(init.mac(&[b"abc"]), resp.mac(&[b"abc"]));
        assert_ne!(
            MacKey::for_resp(&[1; 32]).0.expose(),
            CookieKey::for_responder(&PEER).0.expose()
        );
    }

    #[test]
    fn the_mac_is_keyed_blake2s_with_a_digest_length_of_16() {
        // From Python: hashlib.blake2s(b"abc", digest_size=16, key=bytes(range(32))).
        let key: [u8; 32] = core::array::from_fn(|at| u8::try_from(at).expect("below 32"));
        assert_eq!(
            keyed(&key, &[b"abc"]),
            *b"\x61\xba\x5f\x16\x5c\x19\x46\x92\xe0\x9d\x12\x52\x0c\xc4\xc7\x4a"
        );
    }

    #[test]
    fn a_cookie_comes_back_only_for_the_mac1_that_it_answers() {
        let key = CookieKey::for_responder(&PEER);
        let (nonce, cookie, mac1) = ([3; 24], [4; 16], [5; 16]);
        let sealed = key.seal(&nonce, &cookie, &mac1);
        assert_eq!(key.open(&nonce, &sealed, &mac1), Ok(cookie));
        assert_eq!(key.open(&nonce, &sealed, &[6; 16]), Err(OpenError));
        assert_eq!(key.open(&[6; 24], &sealed, &mac1), Err(OpenError));
        let other = CookieKey::for_responder(&PeerId::new([6; 32]));
        assert_eq!(other.open(&nonce, &sealed, &mac1), Err(OpenError));
        for at in 0..sealed.len() {
            let mut forged = sealed;
            forged[at] ^= 1;
            assert_eq!(key.open(&nonce, &forged, &mac1), Err(OpenError));
        }
    }

    #[test]
    fn a_cookie_belongs_to_one_secret_address_and_port() {
        let secret = cookies(1);
        let cookie = secret.cookie(from("192.0.2.1:7419"));
        assert_eq!(secret.cookie(from("192.0.2.1:7419")), cookie);
        assert_eq!(secret.cookie(from("[::ffff:192.0.2.1]:7419")), cookie);
        assert_ne!(secret.cookie(from("192.0.2.1:7420")), cookie);
        assert_ne!(secret.cookie(from("192.0.2.2:7419")), cookie);
        assert_ne!(cookies(2).cookie(from("192.0.2.1:7419")), cookie);
        let six = secret.cookie(from("[2001:db8::1]:7419"));
        assert_ne!(secret.cookie(from("[2001:db8::2]:7419")), six);
        assert_ne!(secret.cookie(from("[2001:db8::1]:7420")), six);
    }

    #[test]
    fn mac2_needs_the_cookie_and_the_bytes() {
        let tag = mac2(&[1; 16], &[b"ab", b"cd"]);
        assert!(verify_mac2(&[1; 16], &[b"abcd"], &tag));
        assert!(!verify_mac2(&[2; 16], &[b"abcd"], &tag));
        assert!(!verify_mac2(&[1; 16], &[b"abce"], &tag));
        assert!(!verify_mac2(&[1; 16], &[b"abcd"], &[0; 16]));
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(
            format!("{:?}", MacKey::for_init(&PEER)),
            "MacKey(<redacted>)"
        );
        assert_eq!(
            format!("{:?}", CookieKey::for_responder(&PEER)),
            "CookieKey(<redacted>)"
        );
        assert_eq!(format!("{:?}", cookies(1)), "CookieSecret(<redacted>)");
    }
}
