//! A second implementation of the handshake and of every datagram, written from the text of
//! `docs/protocol.md`, of Noise revision 34 and of its hfs extension. It uses neither snow nor
//! `securechat::crypto` nor `securechat::wire`, so that two readings of the same texts must agree.

use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, Update};
use blake2::{Blake2s256, Blake2sMac, Digest};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, XChaCha20Poly1305};
use ml_kem::kem::{Decapsulate, KeyExport};
use ml_kem::{DecapsulationKey768, EncapsulationKey768};

const NAME: &[u8] = b"Noise_IKhfs+psk2_25519+MLKEM768_ChaChaPoly_BLAKE2s";
const VERSION: [u8; 2] = [1, 0];

/// All that the two sides choose, numbers as they stand on the wire.
#[derive(Clone)]
pub(crate) struct Inputs {
    pub(crate) psk: [u8; 32],
    pub(crate) initiator_static_secret: [u8; 32],
    pub(crate) responder_static_secret: [u8; 32],
    pub(crate) initiator_ephemeral_secret: [u8; 32],
    pub(crate) responder_ephemeral_secret: [u8; 32],
    /// ML-KEM's `d ‖ z`.
    pub(crate) initiator_kem_seed: [u8; 64],
    /// ML-KEM's `m`.
    pub(crate) responder_kem_randomness: [u8; 32],
    pub(crate) initiator_index: [u8; 4],
    pub(crate) responder_index: [u8; 4],
    pub(crate) timestamp_seconds: [u8; 8],
    pub(crate) timestamp_nanoseconds: [u8; 4],
    pub(crate) initiator_connection_id: [u8; 8],
    pub(crate) responder_connection_id: [u8; 8],
    pub(crate) initiator_flags: [u8; 4],
    pub(crate) responder_flags: [u8; 4],
    pub(crate) cookie: [u8; 16],
    pub(crate) cookie_nonce: [u8; 24],
    pub(crate) initiator_plaintext: Vec<u8>,
    pub(crate) responder_plaintext: Vec<u8>,
    pub(crate) late_counter: [u8; 8],
}

/// Named values in the order in which they arise.
pub(crate) type Fields = Vec<(&'static str, Vec<u8>)>;

/// Plays the whole conversation and returns every value of interest.
pub(crate) fn play(inputs: &Inputs) -> Fields {
    let mut fields = Fields::new();
    let handshake = handshake(inputs, &mut fields);
    datagrams(inputs, &handshake, &mut fields);
    fields
}

/// What the datagrams are made from.
struct Handshake {
    responder_static: [u8; 32],
    initiator_ephemeral: [u8; 32],
    message1: Vec<u8>,
    message2: Vec<u8>,
    initiator_sends: [u8; 32],
    responder_sends: [u8; 32],
}

fn handshake(inputs: &Inputs, fields: &mut Fields) -> Handshake {
    let (s_i, s_r) = (
        &inputs.initiator_static_secret,
        &inputs.responder_static_secret,
    );
    let (e_i, e_r) = (
        &inputs.initiator_ephemeral_secret,
        &inputs.responder_ephemeral_secret,
    );
    let kem = DecapsulationKey768::from_seed(inputs.initiator_kem_seed.into());
    let kem_public = kem.encapsulation_key().to_bytes().to_vec();
    let prologue = [b"securechat".as_slice(), &VERSION, &inputs.initiator_index].concat();
    let payload1 = [
        inputs.timestamp_seconds.as_slice(),
        &inputs.timestamp_nanoseconds,
        &inputs.initiator_connection_id,
        &inputs.initiator_flags,
    ]
    .concat();
    let payload2 = [
        inputs.responder_connection_id.as_slice(),
        &inputs.responder_flags,
        &inputs.responder_index,
    ]
    .concat();
    fields.push(("protocol_name", NAME.to_vec()));
    fields.push(("initiator_static_public", public(s_i).to_vec()));
    fields.push(("responder_static_public", public(s_r).to_vec()));
    fields.push(("initiator_ephemeral_public", public(e_i).to_vec()));
    fields.push(("responder_ephemeral_public", public(e_r).to_vec()));
    fields.push(("initiator_kem_public", kem_public.clone()));
    fields.push(("prologue", prologue.clone()));
    fields.push(("payload1", payload1.clone()));
    fields.push(("payload2", payload2.clone()));

    // <- s
    let mut noise = SymmetricState::initialize(NAME);
    noise.mix_hash(&prologue);
    noise.mix_hash(&public(s_r));
    fields.push(("hash_before_message1", noise.h.to_vec()));

    // -> e, es, e1, s, ss
    let mut message1 = Vec::new();
    let (es, ss) = (dh(e_i, s_r), dh(s_i, s_r));
    noise.token_e(&public(e_i), &mut message1);
    noise.mix_key(&es);
    message1.extend(noise.encrypt_and_hash(&kem_public));
    message1.extend(noise.encrypt_and_hash(&public(s_i)));
    noise.mix_key(&ss);
    message1.extend(noise.encrypt_and_hash(&payload1));
    fields.push(("dh_es", es.to_vec()));
    fields.push(("dh_ss", ss.to_vec()));
    fields.push(("chaining_key_after_message1", noise.ck.to_vec()));
    fields.push(("hash_after_message1", noise.h.to_vec()));
    fields.push(("message1", message1.clone()));

    // <- e, ee, ekem1, se, psk
    let mut message2 = Vec::new();
    let (ee, se) = (dh(e_i, e_r), dh(s_i, e_r));
    let (kem_ciphertext, kem_shared) = encapsulate(&kem, &inputs.responder_kem_randomness);
    noise.token_e(&public(e_r), &mut message2);
    noise.mix_key(&ee);
    message2.extend(noise.encrypt_and_hash(&kem_ciphertext));
    noise.mix_key(&kem_shared);
    noise.mix_key(&se);
    noise.mix_key_and_hash(&inputs.psk);
    message2.extend(noise.encrypt_and_hash(&payload2));
    let (initiator_sends, responder_sends) = noise.split();
    fields.push(("dh_ee", ee.to_vec()));
    fields.push(("kem_ciphertext", kem_ciphertext));
    fields.push(("kem_shared", kem_shared.to_vec()));
    fields.push(("dh_se", se.to_vec()));
    fields.push(("chaining_key_after_message2", noise.ck.to_vec()));
    fields.push(("handshake_hash", noise.h.to_vec()));
    fields.push(("message2", message2.clone()));
    fields.push(("initiator_sends_key", initiator_sends.to_vec()));
    fields.push(("responder_sends_key", responder_sends.to_vec()));
    Handshake {
        responder_static: public(s_r),
        initiator_ephemeral: public(e_i),
        message1,
        message2,
        initiator_sends,
        responder_sends,
    }
}

fn datagrams(inputs: &Inputs, handshake: &Handshake, fields: &mut Fields) {
    let init_key = blake2s(&[b"sc1-mac1", &handshake.responder_static]);
    let resp_key = blake2s(&[b"sc1-mac1", &handshake.initiator_ephemeral]);
    let cookie_key = blake2s(&[b"sc1-cook", &handshake.responder_static]);
    fields.push(("init_mac1_key", init_key.to_vec()));
    let [init_0, init_1] = init(inputs, handshake, &init_key, None);
    fields.push(("init_0", init_0.clone()));
    fields.push(("init_1", init_1));

    // COOKIE answers part 0: its seal is bound to that part's mac1, bytes 668 to 683.
    fields.push(("cookie_key", cookie_key.to_vec()));
    let sealed = XChaCha20Poly1305::new(&cookie_key.into()).encrypt(
        &inputs.cookie_nonce.into(),
        Payload {
            msg: &inputs.cookie,
            aad: &init_0[668..684],
        },
    );
    let cookie = [
        [3, 0, 0, 0].as_slice(),
        &inputs.initiator_index,
        &inputs.cookie_nonce,
        &sealed.expect("16 bytes can be sealed"),
    ];
    fields.push(("cookie_datagram", cookie.concat()));
    let [again_0, again_1] = init(inputs, handshake, &init_key, Some(&inputs.cookie));
    fields.push(("init_0_with_cookie", again_0));
    fields.push(("init_1_with_cookie", again_1));

    fields.push(("resp_mac1_key", resp_key.to_vec()));
    let (first, second) = handshake.message2.split_at(584);
    for (name, part, half) in [("resp_0", 0, first), ("resp_1", 1, second)] {
        let head = [2, part, 0, 0];
        let mut datagram = [head.as_slice(), &inputs.initiator_index, half].concat();
        datagram.extend(mac(&resp_key, &datagram));
        fields.push((name, datagram));
    }

    let (ours, theirs) = (&handshake.initiator_sends, &handshake.responder_sends);
    let (forth, back) = (&inputs.initiator_plaintext, &inputs.responder_plaintext);
    let (to_r, to_i) = (inputs.responder_index, inputs.initiator_index);
    fields.push(("initiator_data", data(ours, to_r, [0; 8], forth)));
    fields.push(("responder_data", data(theirs, to_i, [0; 8], back)));
    let late = data(ours, to_r, inputs.late_counter, &[]);
    fields.push(("late_empty_data", late));
}

/// Both INIT datagrams; mac2 is zero without a cookie.
fn init(
    inputs: &Inputs,
    handshake: &Handshake,
    key: &[u8; 32],
    cookie: Option<&[u8; 16]>,
) -> [Vec<u8>; 2] {
    let (first, second) = handshake.message1.split_at(660);
    [(0, first), (1, second)].map(|(part, half)| {
        let head = [1, part, VERSION[0], VERSION[1]];
        let mut datagram = [head.as_slice(), &inputs.initiator_index, half].concat();
        datagram.extend(mac(key, &datagram));
        let mac2 = cookie.map_or([0; 16], |cookie| mac(cookie, &datagram));
        datagram.extend(mac2);
        datagram
    })
}

fn data(key: &[u8; 32], receiver: [u8; 4], counter: [u8; 8], plaintext: &[u8]) -> Vec<u8> {
    let number = u64::from_le_bytes(counter);
    let sealed = chacha_poly(key, number, &[], plaintext);
    [[4, 0, 0, 0].as_slice(), &receiver, &counter, &sealed].concat()
}

/// Noise §5.2, with the cipher state of §5.1 inside: `k` and `n`.
struct SymmetricState {
    ck: [u8; 32],
    h: [u8; 32],
    k: [u8; 32],
    n: u64,
}

impl SymmetricState {
    /// The name is longer than a hash, so it is hashed.
    fn initialize(name: &[u8]) -> Self {
        assert!(name.len() > 32);
        let h = blake2s(&[name]);
        Self {
            ck: h,
            h,
            k: [0; 32],
            n: 0,
        }
    }

    fn mix_key(&mut self, material: &[u8]) {
        let [ck, k, _] = hkdf(&self.ck, material);
        (self.ck, self.k, self.n) = (ck, k, 0);
    }

    fn mix_hash(&mut self, data: &[u8]) {
        self.h = blake2s(&[&self.h, data]);
    }

    fn mix_key_and_hash(&mut self, material: &[u8]) {
        let [ck, temp_h, k] = hkdf(&self.ck, material);
        self.ck = ck;
        self.mix_hash(&temp_h);
        (self.k, self.n) = (k, 0);
    }

    fn encrypt_and_hash(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let ciphertext = chacha_poly(&self.k, self.n, &self.h, plaintext);
        self.n += 1;
        self.mix_hash(&ciphertext);
        ciphertext
    }

    /// In a handshake with a psk, `e` is mixed into the key too (§9.2).
    fn token_e(&mut self, public: &[u8; 32], message: &mut Vec<u8>) {
        message.extend(public);
        self.mix_hash(public);
        self.mix_key(public);
    }

    fn split(&self) -> ([u8; 32], [u8; 32]) {
        let [first, second, _] = hkdf(&self.ck, &[]);
        (first, second)
    }
}

/// Noise §4.3. The first two outputs are the same whether two or three are asked for.
fn hkdf(chaining_key: &[u8; 32], material: &[u8]) -> [[u8; 32]; 3] {
    let temp_key = hmac(chaining_key, &[material]);
    let first = hmac(&temp_key, &[&[1]]);
    let second = hmac(&temp_key, &[&first, &[2]]);
    let third = hmac(&temp_key, &[&second, &[3]]);
    [first, second, third]
}

/// RFC 2104 over BLAKE2s, whose block has 64 bytes.
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let inner = blake2s(&[&padded(0x36), &parts.concat()]);
    blake2s(&[&padded(0x5c), &inner])
}

fn blake2s(parts: &[&[u8]]) -> [u8; 32] {
    Blake2s256::digest(parts.concat()).into()
}

/// Keyed BLAKE2s with a digest of 16 bytes.
fn mac(key: &[u8], bytes: &[u8]) -> [u8; 16] {
    let mac = Blake2sMac::<U16>::new_from_slice(key).expect("the key has 16 or 32 bytes");
    mac.chain(bytes).finalize_fixed().into()
}

/// Noise §12.3.
fn chacha_poly(key: &[u8; 32], n: u64, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&n.to_le_bytes());
    let payload = Payload {
        msg: plaintext,
        aad,
    };
    let sealed = ChaCha20Poly1305::new(key.into()).encrypt(&nonce.into(), payload);
    sealed.expect("the plaintext is short")
}

fn public(secret: &[u8; 32]) -> [u8; 32] {
    x25519_dalek::x25519(*secret, x25519_dalek::X25519_BASEPOINT_BYTES)
}

/// Diffie-Hellman as each of the two sides computes it.
fn dh(one: &[u8; 32], other: &[u8; 32]) -> [u8; 32] {
    let shared = x25519_dalek::x25519(*one, public(other));
    assert_eq!(shared, x25519_dalek::x25519(*other, public(one)));
    assert_ne!(shared, [0; 32]);
    shared
}

/// What the responder makes, and a check that the initiator gets the same from it.
fn encapsulate(kem: &DecapsulationKey768, randomness: &[u8; 32]) -> (Vec<u8>, [u8; 32]) {
    let received = EncapsulationKey768::new(&kem.encapsulation_key().to_bytes());
    let received = received.expect("an honest key is in range");
    let (ciphertext, shared) = received.encapsulate_deterministic(randomness.into());
    assert_eq!(kem.decapsulate(&ciphertext), shared);
    (ciphertext.to_vec(), shared.into())
}
