//! The handshake `Noise_IKhfs+psk2_25519+MLKEM768_ChaChaPoly_BLAKE2s`.
//!
//! ```text
//! <- s                                     the initiator knows whom it calls
//! ...
//! 1. initiate:  -> e, es, e1, s, ss        1,320 bytes with a payload of 24
//! 2. accept, respond:
//!               <- e, ee, ekem1, se, psk   1,168 bytes with a payload of 16
//! 3. finish:    both hold the transport keys
//! ```
//!
//! `e1` is an ML-KEM-768 encapsulation key and `ekem1` a ciphertext for it (the hfs extension).
//! Source: docs/protocol.md#handshake, Noise revision 34.

use core::fmt;
use core::hint::black_box;

use rand_core::CryptoRng;
use snow::params::{
    BaseChoice, CipherChoice, DHChoice, HandshakeChoice, HandshakeModifier, HandshakeModifierList,
    HandshakePattern, HashChoice, KemChoice, NoiseParams,
};
use snow::{Builder, HandshakeState};
use zeroize::Zeroizing;

use crate::crypto::aead::TransportKeys;
use crate::crypto::disclosed::DisclosedKeys;
use crate::crypto::keys::{Psk, StaticSecret, is_canonical};
use crate::crypto::product::{Found, Own, StaticProduct, Whom, multiply};
use crate::crypto::resolver::{Opened, Resolver};
use crate::crypto::stack::scrub_stack;
use crate::id::PeerId;

/// The protocol's name, which starts every handshake hash. `MLKEM768` has no hyphens because Noise
/// §8.2 allows none.
pub const PROTOCOL_NAME: &str = "Noise_IKhfs+psk2_25519+MLKEM768_ChaChaPoly_BLAKE2s";
/// Length of message 1 in bytes: e 32, e1 1,184 + 16, s 32 + 16, payload 24 + 16.
pub const MESSAGE1_LEN: usize = 1320;
/// Length of message 2 in bytes: e 32, ekem1 1,088 + 16, payload 16 + 16.
pub const MESSAGE2_LEN: usize = 1168;
/// Length of message 1's payload in bytes.
pub const PAYLOAD1_LEN: usize = 24;
/// Length of message 2's payload in bytes.
pub const PAYLOAD2_LEN: usize = 16;

const _: () = assert!(MESSAGE1_LEN == 32 + 1184 + 16 + 32 + 16 + PAYLOAD1_LEN + 16);
const _: () = assert!(MESSAGE2_LEN == 32 + 1088 + 16 + PAYLOAD2_LEN + 16);

/// Where `psk2` is mixed in: at the end of message 2.
const PSK_POSITION: u8 = 2;
/// What stands for a pre-shared key where two peers have none.
const NO_PSK: [u8; 32] = [0; 32];

/// Why a handshake message was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandshakeError {
    /// It does not authenticate: altered, for somebody else, or of another version.
    Forged,
    /// Message 2 is of somebody who has the static key that was called and has answered this call, but its end does
    /// not open: another psk, or it was altered on its way.
    OtherPsk,
    /// A public key in it gives an all-zero Diffie-Hellman result.
    LowOrderKey,
    /// The caller's static key is in another form than the [canonical](is_canonical) one.
    OtherForm,
    /// Its ML-KEM key is out of range.
    KemKey,
    /// This handshake is completed already.
    Completed,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forged => "handshake message does not authenticate",
            Self::OtherPsk => "handshake message of another psk",
            Self::LowOrderKey => "public key has low order",
            Self::OtherForm => "public key is not in its canonical form",
            Self::KemKey => "ML-KEM key is out of range",
            Self::Completed => "handshake is completed already",
        })
    }
}

impl core::error::Error for HandshakeError {}

/// Says which rule a message broke.
#[expect(clippy::wildcard_enum_match_arm, reason = "snow's enum is open")]
fn refusal(error: snow::Error) -> HandshakeError {
    match error {
        snow::Error::Dh => HandshakeError::LowOrderKey,
        snow::Error::Kem => HandshakeError::KemKey,
        snow::Error::State(_) => HandshakeError::Completed,
        // `Decrypt` is the only other one that fixed lengths and a complete resolver leave.
        _ => HandshakeError::Forged,
    }
}

/// An attempt that waits for message 2.
pub struct Initiator {
    state: Box<HandshakeState>,
    product: Option<StaticProduct>,
    opened: Opened,
}

/// An accepted message 1 that waits for its answer.
pub struct Responder {
    state: Box<HandshakeState>,
    product: Option<StaticProduct>,
    remote: PeerId,
    payload: [u8; PAYLOAD1_LEN],
}

/// What the responder has when it answers: message 2, the session's keys and the handshake hash.
pub type Response = (Box<[u8; MESSAGE2_LEN]>, TransportKeys, [u8; 32]);

/// What the initiator has when message 2 was the true one.
#[derive(Debug)]
pub struct Completed {
    /// Message 2's payload.
    pub payload: [u8; PAYLOAD2_LEN],
    /// The session's keys.
    pub keys: TransportKeys,
    /// The handshake hash, which names this session to both sides.
    pub hash: [u8; 32],
}

/// Starts a handshake and makes message 1.
///
/// `psk`: `None` stands for 32 zero bytes. `rng` gives 32 bytes for the ephemeral key, then 64 for
/// the ML-KEM key pair (`d ‖ z`).
///
/// # Errors
/// [`HandshakeError::LowOrderKey`] when `remote` is no usable public key.
pub fn initiate(
    local: &StaticSecret,
    remote: &PeerId,
    psk: Option<&Psk>,
    prologue: &[u8],
    payload: &[u8; PAYLOAD1_LEN],
    rng: &mut dyn CryptoRng,
) -> Result<(Initiator, Box<[u8; MESSAGE1_LEN]>), HandshakeError> {
    let started = start(local, remote, psk, prologue, payload, rng);
    scrub_stack();
    started
}

/// Reads message 1 and shows who sent it.
///
/// A refused message leaves nothing behind: each call works on a state of its own. `rng` gives 32
/// bytes for the ephemeral key, then 64 of which the first 32 are ML-KEM's `m`.
///
/// # Errors
/// [`HandshakeError::Forged`], [`HandshakeError::LowOrderKey`] or [`HandshakeError::OtherForm`].
pub fn accept(
    local: &StaticSecret,
    prologue: &[u8],
    message1: &[u8; MESSAGE1_LEN],
    rng: &mut dyn CryptoRng,
) -> Result<Responder, HandshakeError> {
    let accepted = read_first(local, prologue, message1, rng);
    scrub_stack();
    accepted
}

impl Initiator {
    /// Reads message 2.
    ///
    /// A refused message changes nothing: the true one still succeeds afterwards.
    ///
    /// # Errors
    /// [`HandshakeError::Forged`], [`HandshakeError::OtherPsk`] or [`HandshakeError::LowOrderKey`];
    /// [`HandshakeError::Completed`] after a success.
    pub fn finish(&mut self, message2: &[u8; MESSAGE2_LEN]) -> Result<Completed, HandshakeError> {
        let completed = read_second(self, message2, None);
        scrub_stack();
        completed
    }

    /// The same, and puts the session's raw keys into `keys`, for a key log that somebody asked for.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn finish_and_disclose(
        &mut self,
        message2: &[u8; MESSAGE2_LEN],
        keys: &mut Option<DisclosedKeys>,
    ) -> Result<Completed, HandshakeError> {
        let completed = read_second(self, message2, Some(keys));
        scrub_stack();
        completed
    }

    /// The product of both static keys, if it was not remembered; for [`StaticSecret::remember`].
    pub const fn take_product(&mut self) -> Option<StaticProduct> {
        self.product.take()
    }
}

impl Responder {
    /// The initiator's static key. That it is fresh is proved only by a first data packet: message 1
    /// may be a replay.
    #[must_use]
    pub const fn remote(&self) -> PeerId {
        self.remote
    }

    /// The product of both static keys, if it was not remembered; for [`StaticSecret::remember`].
    pub const fn take_product(&mut self) -> Option<StaticProduct> {
        self.product.take()
    }

    /// Message 1's payload.
    #[must_use]
    pub const fn payload(&self) -> &[u8; PAYLOAD1_LEN] {
        &self.payload
    }

    /// Makes message 2 and the session's keys and handshake hash.
    ///
    /// `psk`: the one shared with [`Self::remote`]; `None` stands for 32 zero bytes.
    ///
    /// # Errors
    /// [`HandshakeError::KemKey`] when message 1's ML-KEM key is out of range, and
    /// [`HandshakeError::LowOrderKey`] when its ephemeral key is not usable.
    pub fn respond(
        self,
        psk: Option<&Psk>,
        payload: &[u8; PAYLOAD2_LEN],
    ) -> Result<Response, HandshakeError> {
        let responded = write_second(self.state, psk, payload, None);
        scrub_stack();
        responded
    }

    /// The same, and puts the session's raw keys into `keys`, for a key log that somebody asked for.
    ///
    /// # Errors
    /// As [`Self::respond`].
    pub fn respond_and_disclose(
        self,
        psk: Option<&Psk>,
        payload: &[u8; PAYLOAD2_LEN],
        keys: &mut Option<DisclosedKeys>,
    ) -> Result<Response, HandshakeError> {
        let responded = write_second(self.state, psk, payload, Some(keys));
        scrub_stack();
        responded
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Initiator(<redacted>)")
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Responder(<redacted>)")
    }
}

#[inline(never)]
fn start(
    local: &StaticSecret,
    remote: &PeerId,
    psk: Option<&Psk>,
    prologue: &[u8],
    payload: &[u8; PAYLOAD1_LEN],
    rng: &mut dyn CryptoRng,
) -> Result<(Initiator, Box<[u8; MESSAGE1_LEN]>), HandshakeError> {
    let own = local.own(Whom::Remote(*remote));
    let resolver = Resolver::new(rng, own.clone());
    let opened = resolver.opened();
    let state = builder(local, prologue, resolver)
        .and_then(|builder| builder.remote_public_key(remote.as_bytes()))
        .and_then(|builder| builder.psk(PSK_POSITION, psk_bytes(psk)))
        .and_then(Builder::build_initiator);
    let mut state = Box::new(state.expect("nothing is set twice and nothing is missing"));
    let mut message = Box::new([0; MESSAGE1_LEN]);
    let written = state
        .write_message(payload, message.as_mut_slice())
        .map_err(refusal)?;
    assert_eq!(written, MESSAGE1_LEN, "message 1 has one length");
    let product = made(&own);
    let initiator = Initiator {
        state,
        product,
        opened,
    };
    Ok((initiator, message))
}

#[inline(never)]
fn read_first(
    local: &StaticSecret,
    prologue: &[u8],
    message1: &[u8; MESSAGE1_LEN],
    rng: &mut dyn CryptoRng,
) -> Result<Responder, HandshakeError> {
    let (ephemeral, _) = message1.split_first_chunk().expect("it is longer");
    let own = local.own(Whom::AllBut(*ephemeral));
    let resolver = Resolver::new(rng, own.clone());
    let state = builder(local, prologue, resolver).and_then(Builder::build_responder);
    let mut state = Box::new(state.expect("nothing is set twice and nothing is missing"));
    let mut payload = [0; PAYLOAD1_LEN];
    if let Err(error) = state.read_message(message1, &mut payload) {
        make_up(local, &own);
        return Err(refusal(error));
    }
    let remote = state.get_remote_static().and_then(<[u8]>::first_chunk);
    let remote = PeerId::new(*remote.expect("message 1 carries a static key"));
    if !is_canonical(&remote) {
        return Err(HandshakeError::OtherForm);
    }
    Ok(Responder {
        state,
        product: made(&own),
        remote,
        payload,
    })
}

#[inline(never)]
fn write_second(
    mut state: Box<HandshakeState>,
    psk: Option<&Psk>,
    payload: &[u8; PAYLOAD2_LEN],
    disclosed: Option<&mut Option<DisclosedKeys>>,
) -> Result<Response, HandshakeError> {
    state
        .set_psk(usize::from(PSK_POSITION), psk_bytes(psk))
        .expect("the position exists and a psk has 32 bytes");
    let mut message = Box::new([0; MESSAGE2_LEN]);
    let written = state
        .write_message(payload, message.as_mut_slice())
        .map_err(refusal)?;
    assert_eq!(written, MESSAGE2_LEN, "message 2 has one length");
    let (theirs, ours) = split(&mut state);
    let keys = TransportKeys::new(&ours, &theirs);
    if let Some(disclosed) = disclosed {
        *disclosed = Some(DisclosedKeys::new(&ours, &theirs));
    }
    Ok((message, keys, handshake_hash(&state)))
}

#[inline(never)]
fn read_second(
    initiator: &mut Initiator,
    message2: &[u8; MESSAGE2_LEN],
    disclosed: Option<&mut Option<DisclosedKeys>>,
) -> Result<Completed, HandshakeError> {
    let Initiator { state, opened, .. } = initiator;
    let mut payload = [0; PAYLOAD2_LEN];
    let read = state.read_message(message2, &mut payload);
    let has_opened = opened.take();
    read.map_err(|error| {
        let refused = refusal(error);
        if refused == HandshakeError::Forged && has_opened {
            return HandshakeError::OtherPsk;
        }
        refused
    })?;
    let (ours, theirs) = split(state);
    if let Some(disclosed) = disclosed {
        *disclosed = Some(DisclosedKeys::new(&ours, &theirs));
    }
    Ok(Completed {
        payload,
        keys: TransportKeys::new(&ours, &theirs),
        hash: handshake_hash(state),
    })
}

/// The product that a handshake had to compute.
fn made(own: &Own) -> Option<StaticProduct> {
    match own.found() {
        Found::Made(product) => Some(product),
        Found::Kept(_) | Found::NotAsked => None,
    }
}

/// Spends the time that a kept product saved. Anybody who holds our public key can write a message 1 in
/// anybody's name, up to its last tag; how long we take to refuse it must not tell whom we know.
fn make_up(local: &StaticSecret, own: &Own) {
    if let Found::Kept(remote) = own.found() {
        let mut unused = Zeroizing::new([0; 32]);
        let secret = x25519_dalek::StaticSecret::from(*local.expose());
        black_box(multiply(&secret, remote.as_bytes(), &mut unused));
    }
}

/// What both roles set before they build.
fn builder<'a>(
    local: &'a StaticSecret,
    prologue: &'a [u8],
    resolver: Resolver,
) -> Result<Builder<'a>, snow::Error> {
    Builder::with_resolver(params(), Box::new(resolver))
        .local_private_key(local.expose())?
        .prologue(prologue)
}

/// The suite. snow knows one KEM by name only; the name that is hashed is ours.
fn params() -> NoiseParams {
    let handshake = HandshakeChoice {
        pattern: HandshakePattern::IK,
        modifiers: HandshakeModifierList {
            list: vec![HandshakeModifier::Hfs, HandshakeModifier::Psk(PSK_POSITION)],
        },
    };
    NoiseParams::new(
        PROTOCOL_NAME.to_owned(),
        BaseChoice::Noise,
        handshake,
        DHChoice::Curve25519,
        Some(KemChoice::Kyber1024),
        CipherChoice::ChaChaPoly,
        HashChoice::Blake2s,
    )
}

fn psk_bytes(psk: Option<&Psk>) -> &[u8; 32] {
    psk.map_or(&NO_PSK, Psk::expose)
}

/// The two transport keys: the initiator seals with the first, the responder with the second.
fn split(state: &mut HandshakeState) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>) {
    let (first, second) = state.dangerously_get_raw_split();
    (Zeroizing::new(first), Zeroizing::new(second))
}

fn handshake_hash(state: &HandshakeState) -> [u8; 32] {
    *state
        .get_handshake_hash()
        .first_chunk()
        .expect("BLAKE2s gives 32 bytes")
}

#[cfg(test)]
mod tests;
