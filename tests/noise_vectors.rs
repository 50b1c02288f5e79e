//! The resolver that our handshake stands on passes every public Noise vector of its suite.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a vector that is not what it should be fails the test"
)]

mod common;

use common::{public_vectors, unhex};
use securechat::crypto::for_testing_only;
use serde_json::Value;
use snow::Builder;
use snow::params::{HandshakeModifier, NoiseParams};

/// How many vectors the file holds; fewer would mean that some were passed over.
const VECTORS: usize = 59;

#[test]
fn every_public_noise_vector_of_our_suite_passes() {
    let Some(file) = public_vectors("noise/cacophony-25519-chachapoly-blake2s.json") else {
        return;
    };
    let vectors = file["vectors"].as_array().unwrap();
    for vector in vectors {
        run(vector);
    }
    assert_eq!(vectors.len(), VECTORS);
}

/// One side's part of a vector.
struct Side {
    s: Option<Vec<u8>>,
    e: Option<Vec<u8>>,
    rs: Option<Vec<u8>>,
    psks: Vec<[u8; 32]>,
    prologue: Vec<u8>,
}

impl Side {
    fn of(vector: &Value, role: &str) -> Self {
        let field = |name: &str| Some(unhex(vector[format!("{role}_{name}")].as_str()?));
        let psks = vector[format!("{role}_psks")].as_array();
        let psk = |digits: &Value| unhex(digits.as_str().unwrap()).try_into().unwrap();
        Self {
            s: field("static"),
            e: field("ephemeral"),
            rs: field("remote_static"),
            psks: psks.into_iter().flatten().map(psk).collect(),
            prologue: field("prologue").unwrap(),
        }
    }

    fn builder(&self, params: &NoiseParams) -> Builder<'_> {
        let resolver = for_testing_only::resolver(&mut [0; 32], &mut [0; 64]);
        let mut builder = Builder::with_resolver(params.clone(), resolver)
            .prologue(&self.prologue)
            .unwrap();
        if let Some(s) = &self.s {
            builder = builder.local_private_key(s).unwrap();
        }
        if let Some(rs) = &self.rs {
            builder = builder.remote_public_key(rs).unwrap();
        }
        if let Some(e) = &self.e {
            builder = builder.fixed_ephemeral_key_for_testing_only(e);
        }
        let places = params.handshake.modifiers.list.iter().map(psk_place);
        for (place, psk) in places.zip(&self.psks) {
            builder = builder.psk(place, psk).unwrap();
        }
        builder
    }
}

fn psk_place(modifier: &HandshakeModifier) -> u8 {
    let HandshakeModifier::Psk(place) = modifier else {
        panic!("no vector has {modifier:?}");
    };
    *place
}

fn run(vector: &Value) {
    let name = vector["protocol_name"].as_str().unwrap();
    let params: NoiseParams = name.parse().unwrap();
    let (init, resp) = (Side::of(vector, "init"), Side::of(vector, "resp"));
    let mut alice = init.builder(&params).build_initiator().unwrap();
    let mut bob = resp.builder(&params).build_responder().unwrap();
    let messages = vector["messages"].as_array().unwrap();
    assert!(!messages.is_empty(), "{name}");
    let mut rest = messages.iter().enumerate();
    while !alice.is_handshake_finished() {
        let (turn, message) = rest.next().unwrap();
        let (from, to) = order(turn % 2 == 0, &mut alice, &mut bob);
        check(
            message,
            name,
            |payload, into| from.write_message(payload, into),
            |text, into| to.read_message(text, into),
        );
    }
    let hash = unhex(vector["handshake_hash"].as_str().unwrap());
    assert_eq!(alice.get_handshake_hash(), hash, "{name}");
    assert_eq!(bob.get_handshake_hash(), hash, "{name}");
    let one_way = params.handshake.pattern.is_oneway();
    let mut alice = alice.into_transport_mode().unwrap();
    let mut bob = bob.into_transport_mode().unwrap();
    for (turn, message) in rest {
        let (from, to) = order(one_way || turn % 2 == 0, &mut alice, &mut bob);
        check(
            message,
            name,
            |payload, into| from.write_message(payload, into),
            |text, into| to.read_message(text, into),
        );
    }
}

/// Who writes and who reads.
fn order<'a, T>(first: bool, alice: &'a mut T, bob: &'a mut T) -> (&'a mut T, &'a mut T) {
    if first { (alice, bob) } else { (bob, alice) }
}

fn bytes(message: &Value) -> (Vec<u8>, Vec<u8>) {
    let field = |name: &str| unhex(message[name].as_str().unwrap());
    (field("payload"), field("ciphertext"))
}

fn check(
    message: &Value,
    name: &str,
    write: impl FnOnce(&[u8], &mut [u8]) -> Result<usize, snow::Error>,
    read: impl FnOnce(&[u8], &mut [u8]) -> Result<usize, snow::Error>,
) {
    let (payload, ciphertext) = bytes(message);
    let mut buffer = [0; 1024];
    let written = write(&payload, &mut buffer).unwrap();
    assert_eq!(buffer[..written], ciphertext, "{name}");
    let len = read(&ciphertext, &mut buffer).unwrap();
    assert_eq!(buffer[..len], payload, "{name}");
}
