//! All that the child draws, chosen by its parent, and all secrets that come of it.

use std::io::Write;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blake2::Blake2sMac;
use blake2::digest::consts::U32;
use blake2::digest::{FixedOutput, KeyInit, Update};
use chacha20::ChaCha20Rng;
use ed25519_dalek::SigningKey;
use ml_kem::DecapsulationKey768;
use rand_core::{Rng, SeedableRng};
use securechat::crypto::open_at_rest;
use tempfile::NamedTempFile;

use crate::child::{PASSPHRASE, PEERS};
use crate::reference::{Inputs, play};
use crate::scan::Needle;

/// How many handshakes A begins; of the last one B hears nothing.
pub(crate) const HANDSHAKES: usize = 5;
/// What the main thread draws: A's secret, a salt and a nonce for its file, B's secret.
pub(crate) const MAIN_LEN: usize = 32 + 16 + 24 + 32;
/// What a worker draws for one handshake.
pub(crate) const HANDSHAKE_LEN: usize = 32 + 64;
/// Each byte goes over to the child in this disguise, so that only who draws it has it in clear.
pub(crate) const MASK: u8 = 0xa5;

/// The child's randomness: what its main thread draws, then A's worker, then B's.
pub(crate) struct Plan {
    main: [u8; MAIN_LEN],
    a: [[u8; HANDSHAKE_LEN]; HANDSHAKES],
    b: [[u8; HANDSHAKE_LEN]; HANDSHAKES],
    psk: [u8; 32],
    passphrase: String,
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut plan = Self {
            main: [0; MAIN_LEN],
            a: [[0; HANDSHAKE_LEN]; HANDSHAKES],
            b: [[0; HANDSHAKE_LEN]; HANDSHAKES],
            psk: [0; 32],
            passphrase: String::new(),
        };
        rng.fill_bytes(&mut plan.main);
        rng.fill_bytes(&mut plan.psk);
        plan.a
            .iter_mut()
            .chain(&mut plan.b)
            .for_each(|drawn| rng.fill_bytes(drawn));
        let mut passphrase = [0; 24];
        rng.fill_bytes(&mut passphrase);
        plan.passphrase = STANDARD.encode(passphrase);
        plan
    }

    /// What the child gets.
    pub(crate) fn masked(&self) -> Vec<u8> {
        let workers = self.a.iter().chain(&self.b).flatten();
        self.main
            .iter()
            .chain(workers)
            .map(|byte| byte ^ MASK)
            .collect()
    }

    /// Writes what the child reads: A's passphrase, and a list of peers with a psk.
    pub(crate) fn write_files(&self, home: &Path) -> std::io::Result<()> {
        let psk = STANDARD.encode(self.psk);
        // Only its owner may read it.
        let mut list = NamedTempFile::new_in(home)?;
        writeln!(list, "b {} psk={psk}", STANDARD.encode([9; 32]))?;
        list.persist(home.join(PEERS))?;
        std::fs::write(home.join(PASSPHRASE), &self.passphrase)
    }

    /// Whether the key of A's file opens it, so that the right key was looked for.
    pub(crate) fn opens_what_the_child_sealed(&self, home: &Path) -> bool {
        let file = std::fs::read_to_string(home.join("a.key")).unwrap();
        let (start, sealed) = file.trim_end().rsplit_once(':').unwrap();
        let aad = format!("{}:", start.lines().last().unwrap());
        let sealed = STANDARD.decode(sealed).unwrap();
        let nonce = self.main[48..72].try_into().unwrap();
        let opened = open_at_rest(&self.stretched(), nonce, aad.as_bytes(), &sealed);
        opened.is_ok_and(|secret| secret[..] == self.main[..32])
    }

    /// Every secret, in every form in which a copy of it would be worth something.
    pub(crate) fn needles(&self) -> Vec<Needle> {
        let mut needles = Needles::default();
        let [a, b] = self.statics();
        needles.add_x25519(0, "secret of A", &a);
        needles.add_x25519(0, "secret of B", &b);
        needles.add(0, "secret of B in base64", STANDARD.encode(b).as_bytes());
        needles.add_signing(0, "signing seed of A", &a);
        needles.add_signing(0, "signing seed of B", &b);
        needles.add(0, "psk", &self.psk);
        needles.add(0, "psk in base64", STANDARD.encode(self.psk).as_bytes());
        needles.add(0, "passphrase", self.passphrase.as_bytes());
        needles.add(0, "key of A's file", &self.stretched());
        for number in 0..HANDSHAKES {
            self.add_handshake(number, &mut needles);
        }
        needles.0
    }

    fn statics(&self) -> [[u8; 32]; 2] {
        [0, MAIN_LEN - 32].map(|at| self.main[at..at + 32].try_into().unwrap())
    }

    /// What A's passphrase becomes, by the parameters of every new file.
    fn stretched(&self) -> [u8; 32] {
        let mut key = [0; 32];
        let params = Params::new(65_536, 3, 4, Some(32)).unwrap();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(self.passphrase.as_bytes(), &self.main[32..48], &mut key)
            .unwrap();
        key
    }

    /// The keys depend on no public value but keys, so that all the others may be zero here.
    fn add_handshake(&self, number: usize, needles: &mut Needles) {
        let [a, b] = self.statics();
        let split = |drawn: &[u8; HANDSHAKE_LEN]| -> ([u8; 32], [u8; 64]) {
            (
                drawn[..32].try_into().unwrap(),
                drawn[32..].try_into().unwrap(),
            )
        };
        let ((e_a, kem_seed), (e_b, kem_randomness)) =
            (split(&self.a[number]), split(&self.b[number]));
        let fields = play(&Inputs {
            psk: self.psk,
            initiator_static_secret: a,
            responder_static_secret: b,
            initiator_ephemeral_secret: e_a,
            responder_ephemeral_secret: e_b,
            initiator_kem_seed: kem_seed,
            responder_kem_randomness: kem_randomness[..32].try_into().unwrap(),
            initiator_index: [0; 4],
            responder_index: [0; 4],
            timestamp_seconds: [0; 8],
            timestamp_nanoseconds: [0; 4],
            initiator_connection_id: [0; 8],
            responder_connection_id: [0; 8],
            initiator_flags: [0; 4],
            responder_flags: [0; 4],
            cookie: [0; 16],
            cookie_nonce: [0; 24],
            initiator_plaintext: Vec::new(),
            responder_plaintext: Vec::new(),
            late_counter: [0; 8],
        });
        let number = u8::try_from(number + 1).unwrap();
        needles.add_x25519(number, "ephemeral of A", &e_a);
        needles.add_x25519(number, "ephemeral of B", &e_b);
        needles.add(number, "KEM seed", &kem_seed);
        needles.add(number, "KEM randomness", &kem_randomness);
        needles.add_kem(number, &kem_seed);
        for (field, name) in [
            ("dh_es", "DH es"),
            ("dh_ss", "DH ss"),
            ("dh_ee", "DH ee"),
            ("dh_se", "DH se"),
            ("kem_shared", "KEM shared secret"),
            ("chaining_key_after_message1", "chaining key 1"),
            ("chaining_key_after_message2", "chaining key 2"),
            ("initiator_sends_key", "key that A seals with"),
            ("responder_sends_key", "key that B seals with"),
        ] {
            let (_, value) = fields.iter().find(|(other, _)| *other == field).unwrap();
            needles.add(number, name, value);
        }
        for name in ["chaining key 1", "chaining key 2"] {
            needles.add_padded(number, name);
        }
    }
}

/// A secret's name together with the handshake that it belongs to.
pub(crate) fn full_name(handshake: u8, name: &str) -> String {
    match handshake {
        0 => name.to_owned(),
        number => format!("{name} (handshake {number})"),
    }
}

#[derive(Default)]
struct Needles(Vec<Needle>);

impl Needles {
    fn add(&mut self, handshake: u8, name: &str, bytes: &[u8]) {
        // The same in every handshake, and named once.
        if self.0.iter().all(|known| known.bytes != bytes) {
            let name = full_name(handshake, name);
            self.0.push(Needle {
                name,
                bytes: bytes.to_vec(),
            });
        }
    }

    /// A secret, and the digits by which curve25519-dalek multiplies the base point.
    fn add_x25519(&mut self, handshake: u8, name: &str, secret: &[u8; 32]) {
        self.add(handshake, name, secret);
        self.add(handshake, &format!("{name} in radix 16"), &radix_16(secret));
    }

    /// What the public half of the signing key grows from; nobody keeps it.
    fn add_signing(&mut self, handshake: u8, name: &str, secret: &[u8; 32]) {
        let mut mac = Blake2sMac::<U32>::new_from_slice(secret).unwrap();
        mac.update(b"sc1-sign");
        let seed: [u8; 32] = mac.finalize_fixed().into();
        self.add(handshake, name, &seed);
        let key = SigningKey::from_bytes(&seed);
        self.add_x25519(
            handshake,
            &format!("{name}, hashed"),
            &key.to_scalar_bytes(),
        );
        let scalar = key.to_scalar().to_bytes();
        self.add_x25519(handshake, &format!("{name}, as a scalar"), &scalar);
    }

    /// The secret vector that grows from an ML-KEM seed: coefficients as in memory, and packed.
    fn add_kem(&mut self, handshake: u8, seed: &[u8; 64]) {
        let expanded = expanded(seed);
        let packed = &expanded[..1152];
        let unpack = |three: &[u8]| {
            let [a, b, c] = [0, 1, 2].map(|at| u16::from(three[at]));
            [a | (b & 15) << 8, b >> 4 | c << 4]
        };
        let coefficients = packed.chunks(3).flat_map(unpack);
        let in_memory: Vec<u8> = coefficients.flat_map(u16::to_ne_bytes).collect();
        self.add(handshake, "KEM secret vector", &in_memory);
        self.add(handshake, "KEM secret vector, packed", packed);
    }

    /// A key combined with the pads of HMAC.
    fn add_padded(&mut self, handshake: u8, name: &str) {
        let full = full_name(handshake, name);
        let key = self
            .0
            .iter()
            .find(|needle| needle.name == full)
            .unwrap()
            .bytes
            .clone();
        for pad in [0x36, 0x5c] {
            let padded: Vec<u8> = key.iter().map(|byte| byte ^ pad).collect();
            self.add(handshake, &format!("{name} padded with {pad:#x}"), &padded);
        }
    }
}

#[expect(deprecated, reason = "the expanded form is what memory holds")]
fn expanded(seed: &[u8; 64]) -> Vec<u8> {
    use ml_kem::ExpandedKeyEncoding;
    let key = DecapsulationKey768::from_seed((*seed).into());
    key.to_expanded_bytes().to_vec()
}

/// The clamped secret (RFC 7748) in 64 signed digits from -8 to 8, lowest first.
fn radix_16(secret: &[u8; 32]) -> [u8; 64] {
    let mut clamped = *secret;
    clamped[0] &= 248;
    clamped[31] = clamped[31] & 127 | 64;
    let mut digits = [0_i8; 64];
    for (at, byte) in clamped.iter().enumerate() {
        digits[2 * at] = i8::try_from(byte & 15).unwrap();
        digits[2 * at + 1] = i8::try_from(byte >> 4).unwrap();
    }
    for at in 0..63 {
        let carry = (digits[at] + 8) >> 4;
        digits[at] -= carry << 4;
        digits[at + 1] += carry;
    }
    digits.map(i8::cast_unsigned)
}
