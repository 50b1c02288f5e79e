//! Our published handshake vectors: what a second implementation computes from fixed inputs, what
//! `docs/vectors/` says, and what `crypto` and `wire` make are the same bytes.
//!
//! `UPDATE_VECTORS=1 cargo test --test handshake_vectors` writes the files anew.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a value that is not what it should be fails the test"
)]

mod reference;

use core::convert::Infallible;
use std::fmt::Write;
use std::path::PathBuf;

use blake2::{Blake2s256, Digest};
use rand_core::{TryCryptoRng, TryRng};
use reference::{Fields, Inputs, play};
use securechat::crypto::{
    BatchWipe, CookieKey, MacKey, PAYLOAD1_LEN, Psk, StaticSecret, TransportKeys, accept, initiate,
    mac2, verify_mac2,
};
use securechat::id::{Counter, PeerId, SessionIndex};
use securechat::wire::packet::{Cookie, Data, Packet, encode_init, encode_resp};

/// The published conversations and whether they have a pre-shared key.
const PUBLISHED: [(&str, bool); 2] = [("handshake-1", false), ("handshake-2", true)];

#[test]
fn the_published_vectors_are_what_the_second_implementation_computes() {
    for (name, with_psk) in PUBLISHED {
        let inputs = inputs(name, with_psk);
        let mut all = input_fields(&inputs);
        all.extend(play(&inputs));
        let text = render(name, &all);
        let path = directory().join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_VECTORS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap();
        for (published, computed) in published.lines().zip(text.lines()) {
            assert_eq!(published, computed, "{name}");
        }
        assert_eq!(published.lines().count(), text.lines().count(), "{name}");
    }
}

#[test]
fn the_readme_explains_every_field() {
    let readme = std::fs::read_to_string(directory().join("README.md")).unwrap();
    let inputs = inputs("handshake-1", false);
    let mut all = input_fields(&inputs);
    all.extend(play(&inputs));
    for (field, _) in all {
        assert!(readme.contains(&format!("`{field}`")), "{field}");
    }
}

#[test]
fn our_handshake_makes_the_same_bytes() {
    for (name, with_psk) in PUBLISHED {
        compare(&inputs(name, with_psk));
    }
}

#[test]
fn our_handshake_makes_the_same_bytes_for_other_inputs_too() {
    for seed in 0..32 {
        compare(&inputs(&format!("other-{seed}"), seed % 2 == 0));
    }
}

/// Plays the conversation with our own code and compares every datagram.
fn compare(inputs: &Inputs) {
    let fields = play(inputs);
    let expected = |name: &str| {
        let (_, value) = fields.iter().find(|(field, _)| *field == name).unwrap();
        value.as_slice()
    };
    let secret = |bytes: &[u8; 32]| StaticSecret::from_bytes(&mut bytes.clone());
    let (alice, bob) = (
        secret(&inputs.initiator_static_secret),
        secret(&inputs.responder_static_secret),
    );
    let psk = Psk::from_bytes(&mut inputs.psk.clone());
    let psk = (inputs.psk != [0; 32]).then_some(&psk);
    let payload1: &[u8; PAYLOAD1_LEN] = expected("payload1").try_into().unwrap();
    let mut rng = Drawn::new(
        &inputs.initiator_ephemeral_secret,
        &inputs.initiator_kem_seed,
    );
    let prologue = expected("prologue");
    let started = initiate(&alice, &bob.public(), psk, prologue, payload1, &mut rng);
    let (mut initiator, message1) = started.unwrap();
    assert_eq!(message1.as_slice(), expected("message1"));

    let mut kem = [0; 64];
    kem[..32].copy_from_slice(&inputs.responder_kem_randomness);
    let mut rng = Drawn::new(&inputs.responder_ephemeral_secret, &kem);
    let responder = accept(&bob, prologue, &message1, &mut rng).unwrap();
    assert_eq!(responder.remote(), alice.public());
    assert_eq!(responder.payload(), payload1);
    let payload2 = expected("payload2").try_into().unwrap();
    let (message2, theirs, hash) = responder.respond(psk, payload2).unwrap();
    assert_eq!(message2.as_slice(), expected("message2"));
    assert_eq!(hash, expected("handshake_hash"));

    let completed = initiator.finish(&message2).unwrap();
    assert_eq!(completed.payload, *payload2);
    assert_eq!(completed.hash, hash);
    handshake_datagrams(inputs, &bob.public(), &message1, &message2, &expected);
    data_datagrams(inputs, &completed.keys, &theirs, &expected);
}

fn handshake_datagrams<'a>(
    inputs: &Inputs,
    responder: &PeerId,
    message1: &[u8; 1320],
    message2: &[u8; 1168],
    expected: &impl Fn(&str) -> &'a [u8],
) {
    let sender = SessionIndex(u32::from_le_bytes(inputs.initiator_index));
    let init_key = MacKey::for_init(responder);
    let mac1 = |bytes: &[u8]| init_key.mac(&[bytes]);
    let plain = encode_init(1, sender, message1, mac1, |_| [0; 16]);
    assert_eq!(plain, ["init_0", "init_1"].map(expected));
    let with_mac2 = |bytes: &[u8]| mac2(&inputs.cookie, &[bytes]);
    let again = encode_init(1, sender, message1, mac1, with_mac2);
    assert_eq!(
        again,
        ["init_0_with_cookie", "init_1_with_cookie"].map(expected)
    );
    let Ok(Packet::Init(init)) = Packet::parse(&again[0]) else {
        panic!("INIT is not parsed");
    };
    assert!(init_key.verify(&[init.mac1_input], init.mac1));
    assert!(verify_mac2(
        &inputs.cookie,
        &[init.mac1_input, init.mac1],
        init.mac2
    ));

    let cookie_key = CookieKey::for_responder(responder);
    let sealed = cookie_key.seal(&inputs.cookie_nonce, &inputs.cookie, init.mac1);
    let cookie = Cookie {
        receiver: sender,
        nonce: &inputs.cookie_nonce,
        sealed: &sealed,
    };
    assert_eq!(cookie.encode(), expected("cookie_datagram"));
    let opened = cookie_key.open(&inputs.cookie_nonce, &sealed, init.mac1);
    assert_eq!(opened, Ok(inputs.cookie));

    let resp_key = MacKey::for_resp(message1[..32].try_into().unwrap());
    let resp = encode_resp(sender, message2, |bytes| resp_key.mac(&[bytes]));
    assert_eq!(resp, ["resp_0", "resp_1"].map(expected));
}

fn data_datagrams<'a>(
    inputs: &Inputs,
    ours: &TransportKeys,
    theirs: &TransportKeys,
    expected: &impl Fn(&str) -> &'a [u8],
) {
    let to_responder = SessionIndex(u32::from_le_bytes(inputs.responder_index));
    let to_initiator = SessionIndex(u32::from_le_bytes(inputs.initiator_index));
    let late = u64::from_le_bytes(inputs.late_counter);
    let (forth, back) = (&inputs.initiator_plaintext, &inputs.responder_plaintext);
    for (from, to, receiver, counter, plaintext, name) in [
        (ours, theirs, to_responder, 0, forth, "initiator_data"),
        (theirs, ours, to_initiator, 0, back, "responder_data"),
        (ours, theirs, to_responder, late, &vec![], "late_empty_data"),
    ] {
        let counter = Counter(counter);
        let mut datagram = Data { receiver, counter }.lay_out(plaintext);
        let wipe = BatchWipe::new();
        (from.seal).seal_in_batch(counter, &mut datagram[16..], &wipe);
        assert_eq!(datagram, expected(name), "{name}");
        let opened = (to.open).open_in_batch(counter, &mut datagram[16..], &wipe);
        assert_eq!(*opened.unwrap(), **plaintext, "{name}");
    }
}

/// A generator that gives out what was drawn for it, in the order that `crypto` documents.
struct Drawn(std::vec::IntoIter<u8>);

impl Drawn {
    fn new(ephemeral: &[u8; 32], kem: &[u8; 64]) -> Self {
        Self([ephemeral.as_slice(), kem].concat().into_iter())
    }
}

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill_with(|| self.0.next().unwrap());
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

/// Inputs that nobody chose: `BLAKE2s(vector's name ‖ " " ‖ field's name)`, cut to the field's length.
fn inputs(name: &str, with_psk: bool) -> Inputs {
    let kem_d = chosen::<32>(name, "initiator_kem_seed d");
    let kem_z = chosen::<32>(name, "initiator_kem_seed z");
    Inputs {
        psk: if with_psk {
            chosen(name, "psk")
        } else {
            [0; 32]
        },
        initiator_static_secret: chosen(name, "initiator_static_secret"),
        responder_static_secret: chosen(name, "responder_static_secret"),
        initiator_ephemeral_secret: chosen(name, "initiator_ephemeral_secret"),
        responder_ephemeral_secret: chosen(name, "responder_ephemeral_secret"),
        initiator_kem_seed: [kem_d, kem_z].concat().try_into().unwrap(),
        responder_kem_randomness: chosen(name, "responder_kem_randomness"),
        initiator_index: chosen(name, "initiator_index"),
        responder_index: chosen(name, "responder_index"),
        timestamp_seconds: 1_800_000_000_u64.to_le_bytes(),
        timestamp_nanoseconds: 123_456_789_u32.to_le_bytes(),
        initiator_connection_id: chosen(name, "initiator_connection_id"),
        responder_connection_id: chosen(name, "responder_connection_id"),
        initiator_flags: [0; 4],
        responder_flags: [0; 4],
        cookie: chosen(name, "cookie"),
        cookie_nonce: chosen(name, "cookie_nonce"),
        initiator_plaintext: b"the initiator speaks first".to_vec(),
        responder_plaintext: b"and the responder answers".to_vec(),
        late_counter: 0x0807_0605_0403_0201_u64.to_le_bytes(),
    }
}

fn chosen<const N: usize>(name: &str, field: &str) -> [u8; N] {
    let hash = Blake2s256::digest(format!("{name} {field}"));
    hash[..N].try_into().unwrap()
}

fn input_fields(inputs: &Inputs) -> Fields {
    let i = inputs.clone();
    vec![
        ("psk", i.psk.to_vec()),
        ("initiator_static_secret", i.initiator_static_secret.into()),
        ("responder_static_secret", i.responder_static_secret.into()),
        (
            "initiator_ephemeral_secret",
            i.initiator_ephemeral_secret.into(),
        ),
        (
            "responder_ephemeral_secret",
            i.responder_ephemeral_secret.into(),
        ),
        ("initiator_kem_seed", i.initiator_kem_seed.into()),
        (
            "responder_kem_randomness",
            i.responder_kem_randomness.into(),
        ),
        ("initiator_index", i.initiator_index.into()),
        ("responder_index", i.responder_index.into()),
        ("timestamp_seconds", i.timestamp_seconds.into()),
        ("timestamp_nanoseconds", i.timestamp_nanoseconds.into()),
        ("initiator_connection_id", i.initiator_connection_id.into()),
        ("responder_connection_id", i.responder_connection_id.into()),
        ("initiator_flags", i.initiator_flags.into()),
        ("responder_flags", i.responder_flags.into()),
        ("cookie", i.cookie.into()),
        ("cookie_nonce", i.cookie_nonce.into()),
        ("initiator_plaintext", i.initiator_plaintext),
        ("responder_plaintext", i.responder_plaintext),
        ("late_counter", i.late_counter.into()),
    ]
}

fn render(name: &str, fields: &Fields) -> String {
    let mut text = format!("# {name}: one sc1 conversation. README.md explains each field.\n");
    for (field, value) in fields {
        write!(text, "{field} = ").unwrap();
        for byte in value {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/vectors")
}
