use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Kem, Random};

use super::*;
use crate::crypto::aead::{OpenKey, SealKey, TAG_LEN};
use crate::crypto::keys::LOW_ORDER;
use crate::crypto::product::tests::COUNT;
use crate::crypto::stack::{BatchWipe, SCRUB_LEN};
use crate::id::Counter;

mod other_form;

const PROLOGUE: &[u8] = b"a prologue";
const PAYLOAD1: [u8; PAYLOAD1_LEN] = [0x11; PAYLOAD1_LEN];
const PAYLOAD2: [u8; PAYLOAD2_LEN] = [0x22; PAYLOAD2_LEN];

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn secret(seed: u8) -> StaticSecret {
    StaticSecret::from_bytes(&mut [seed; 32])
}

fn psk(seed: u8) -> Psk {
    Psk::from_bytes(&mut [seed; 32])
}

/// Alice calls Bob; both have fixed keys.
fn alice_calls(psk: Option<&Psk>) -> (Initiator, Box<[u8; MESSAGE1_LEN]>) {
    let bob = secret(2).public();
    initiate(&secret(1), &bob, psk, PROLOGUE, &PAYLOAD1, &mut rng(3)).expect("keys are good")
}

fn bob_accepts(message1: &[u8; MESSAGE1_LEN]) -> Result<Responder, HandshakeError> {
    accept(&secret(2), PROLOGUE, message1, &mut rng(4))
}

fn bob_answers(message1: &[u8; MESSAGE1_LEN], psk: Option<&Psk>) -> Box<[u8; MESSAGE2_LEN]> {
    let responder = bob_accepts(message1).expect("message 1 is true");
    responder.respond(psk, &PAYLOAD2).expect("keys are good").0
}

#[track_caller]
fn assert_one_way(seal: &SealKey, open: &OpenKey) {
    let mut buffer = *b"words\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let wipe = BatchWipe::new();
    seal.seal_in_batch(Counter(7), &mut buffer, &wipe);
    let opened = open.open_in_batch(Counter(7), &mut buffer, &wipe);
    assert_eq!(opened.as_deref(), Ok(b"words".as_slice()));
}

#[test]
fn both_sides_get_the_same_session() {
    let (mut alice, message1) = alice_calls(None);
    let bob = bob_accepts(&message1).expect("message 1 is true");
    assert_eq!(bob.remote(), secret(1).public());
    assert_eq!(bob.payload(), &PAYLOAD1);
    let (message2, bob, hash) = bob.respond(None, &PAYLOAD2).expect("keys are good");
    let alice = alice.finish(&message2).expect("message 2 is true");
    assert_eq!(alice.payload, PAYLOAD2);
    assert_eq!(alice.hash, hash);
    assert_one_way(&alice.keys.seal, &bob.open);
    assert_one_way(&bob.seal, &alice.keys.open);
}

#[test]
fn keys_that_are_disclosed_are_the_sessions_own_and_change_no_byte_of_the_handshake() {
    let (mut alice, message1) = alice_calls(None);
    let bob = bob_accepts(&message1).expect("message 1 is true");
    let mut shown = None;
    let (message2, bob, _) = bob
        .respond_and_disclose(None, &PAYLOAD2, &mut shown)
        .expect("keys are good");
    assert_eq!(message2, bob_answers(&message1, None));
    let of_bob = shown.take().expect("it was asked for");
    let alice = alice
        .finish_and_disclose(&message2, &mut shown)
        .expect("message 2 is true");
    let of_alice = shown.expect("it was asked for");
    assert_eq!(of_alice.expose_seal(), of_bob.expose_open());
    assert_eq!(of_alice.expose_open(), of_bob.expose_seal());
    let rebuilt = TransportKeys::new(of_alice.expose_seal(), of_alice.expose_open());
    assert_one_way(&alice.keys.seal, &bob.open);
    assert_one_way(&bob.seal, &rebuilt.open);
    assert_one_way(&rebuilt.seal, &bob.open);
}

#[test]
fn a_refused_answer_discloses_nothing() {
    let (mut alice, message1) = alice_calls(None);
    let mut message2 = bob_answers(&message1, None);
    message2[500] ^= 1;
    let mut shown = None;
    assert!(alice.finish_and_disclose(&message2, &mut shown).is_err());
    assert!(shown.is_none());
}

#[test]
fn the_two_directions_have_different_keys() {
    let (mut alice, message1) = alice_calls(None);
    let alice = alice.finish(&bob_answers(&message1, None)).expect("true");
    let (mut buffer, wipe) = ([0; TAG_LEN], BatchWipe::new());
    let TransportKeys { seal, open } = alice.keys;
    seal.seal_in_batch(Counter(0), &mut buffer, &wipe);
    assert!(open.open_in_batch(Counter(0), &mut buffer, &wipe).is_err());
}

#[test]
fn no_two_handshakes_give_the_same_keys() {
    let (mut alice, message1) = alice_calls(None);
    let [one, other] = [4, 5].map(|seed| {
        let bob = accept(&secret(2), PROLOGUE, &message1, &mut rng(seed));
        let bob = bob.expect("message 1 is true");
        bob.respond(None, &PAYLOAD2).expect("keys are good")
    });
    assert_ne!(one.2, other.2, "nor the same hash");
    let alice = alice.finish(&one.0).expect("message 2 is true").keys;
    assert_one_way(&alice.seal, &one.1.open);
    for (from, to) in [(&alice, &other.1), (&other.1, &alice)] {
        let (mut buffer, wipe) = ([0; TAG_LEN], BatchWipe::new());
        from.seal.seal_in_batch(Counter(0), &mut buffer, &wipe);
        let opened = to.open.open_in_batch(Counter(0), &mut buffer, &wipe);
        assert!(opened.is_err());
    }
}

#[test]
fn every_refusal_says_something_else() {
    let refusals = [
        HandshakeError::Forged,
        HandshakeError::OtherPsk,
        HandshakeError::LowOrderKey,
        HandshakeError::OtherForm,
        HandshakeError::KemKey,
        HandshakeError::Completed,
    ];
    let said: std::collections::BTreeSet<String> =
        refusals.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), refusals.len());
    assert!(said.iter().all(|it| it.len() > 10), "{said:?}");
}

#[test]
fn no_psk_is_32_zeros() {
    let zeros = psk(0);
    let (mut alice, message1) = alice_calls(None);
    let message2 = bob_answers(&message1, Some(&zeros));
    assert!(alice.finish(&message2).is_ok());
}

#[test]
fn another_psk_fails_and_the_right_one_still_succeeds() {
    let (right, wrong) = (psk(5), psk(6));
    let (mut alice, message1) = alice_calls(Some(&right));
    for bad in [None, Some(&wrong)] {
        let message2 = bob_answers(&message1, bad);
        assert_eq!(
            alice.finish(&message2).unwrap_err(),
            HandshakeError::OtherPsk
        );
    }
    assert!(alice.finish(&bob_answers(&message1, Some(&right))).is_ok());
}

#[test]
fn another_prologue_fails() {
    let (_alice, message1) = alice_calls(None);
    let refused = accept(&secret(2), b"another", &message1, &mut rng(4));
    assert_eq!(refused.unwrap_err(), HandshakeError::Forged);
}

#[test]
fn somebody_elses_message_fails() {
    let (_alice, message1) = alice_calls(None);
    let refused = accept(&secret(9), PROLOGUE, &message1, &mut rng(4));
    assert_eq!(refused.unwrap_err(), HandshakeError::Forged);
}

#[test]
fn every_altered_byte_of_message_1_is_refused() {
    let (mut alice, message1) = alice_calls(None);
    let mut forged = message1.clone();
    for at in 0..MESSAGE1_LEN {
        forged[at] ^= 1 << (at % 8);
        assert_eq!(
            bob_accepts(&forged).unwrap_err(),
            HandshakeError::Forged,
            "byte {at}"
        );
        forged[at] = message1[at];
    }
    assert!(alice.finish(&bob_answers(&message1, None)).is_ok());
}

#[test]
fn every_altered_byte_of_message_2_is_refused_and_the_true_one_still_succeeds() {
    let (mut alice, message1) = alice_calls(None);
    let bob = bob_accepts(&message1).expect("message 1 is true");
    let (message2, bob, hash) = bob.respond(None, &PAYLOAD2).expect("keys are good");
    let mut forged = message2.clone();
    for at in 0..MESSAGE2_LEN {
        forged[at] ^= 1 << (at % 8);
        // What is before the psk is of nobody who has not Bob's key.
        let refused = if at < 32 + 1088 + TAG_LEN {
            HandshakeError::Forged
        } else {
            HandshakeError::OtherPsk
        };
        assert_eq!(alice.finish(&forged).unwrap_err(), refused, "byte {at}");
        forged[at] = message2[at];
    }
    let alice = alice.finish(&message2).expect("the true one");
    assert_eq!(alice.hash, hash);
    assert_one_way(&alice.keys.seal, &bob.open);
}

#[test]
fn a_second_message_2_is_refused() {
    let (mut alice, message1) = alice_calls(None);
    let message2 = bob_answers(&message1, None);
    assert!(alice.finish(&message2).is_ok());
    assert_eq!(
        alice.finish(&message2).unwrap_err(),
        HandshakeError::Completed
    );
}

#[test]
fn nobody_calls_a_low_order_key() {
    for point in LOW_ORDER {
        let remote = PeerId::new(point);
        let refused = initiate(&secret(1), &remote, None, PROLOGUE, &PAYLOAD1, &mut rng(3));
        assert_eq!(
            refused.unwrap_err(),
            HandshakeError::LowOrderKey,
            "{point:02x?}"
        );
    }
}

#[test]
fn a_low_order_ephemeral_is_refused_in_both_messages() {
    let (mut alice, mut message1) = alice_calls(None);
    let mut message2 = bob_answers(&message1, None);
    let true_message2 = message2.clone();
    for point in LOW_ORDER {
        message1[..32].copy_from_slice(&point);
        let refused = bob_accepts(&message1).unwrap_err();
        assert_eq!(refused, HandshakeError::LowOrderKey, "{point:02x?}");
        message2[..32].copy_from_slice(&point);
        let refused = alice.finish(&message2).unwrap_err();
        assert_eq!(refused, HandshakeError::LowOrderKey, "{point:02x?}");
    }
    assert!(alice.finish(&true_message2).is_ok());
}

#[test]
fn the_same_seeds_give_the_same_bytes() {
    let (_alice, message1) = alice_calls(None);
    assert_eq!(message1, alice_calls(None).1);
    assert_eq!(bob_answers(&message1, None), bob_answers(&message1, None));
}

#[test]
fn debug_shows_no_state() {
    let (mut alice, message1) = alice_calls(None);
    let bob = bob_accepts(&message1).expect("message 1 is true");
    assert_eq!(format!("{alice:?}"), "Initiator(<redacted>)");
    assert_eq!(format!("{bob:?}"), "Responder(<redacted>)");
    let (message2, keys, _hash) = bob.respond(None, &PAYLOAD2).expect("keys are good");
    assert_eq!(
        format!("{keys:?}"),
        "TransportKeys { seal: SealKey(<redacted>), open: OpenKey(<redacted>) }"
    );
    let completed = alice.finish(&message2).expect("message 2 is true");
    assert!(format!("{completed:?}").contains("SealKey(<redacted>)"));
}

#[test]
fn handshakes_can_be_sent_to_the_worker() {
    fn is_send<T: Send>() {}
    is_send::<Initiator>();
    is_send::<Responder>();
    is_send::<Completed>();
}

/// Alice, with what a first handshake with Bob leaves her, and likewise Bob.
fn met() -> (StaticSecret, StaticSecret) {
    let (alice, bob) = (secret(1), secret(2));
    let (mut initiator, message1) = call(&alice, &bob);
    let accepted = accept(&bob, PROLOGUE, &message1, &mut rng(4));
    let mut responder = accepted.expect("message 1 is true");
    alice.remember(initiator.take_product().expect("it was computed"));
    bob.remember(responder.take_product().expect("it was computed"));
    (alice, bob)
}

fn call(from: &StaticSecret, to: &StaticSecret) -> (Initiator, Box<[u8; MESSAGE1_LEN]>) {
    initiate(from, &to.public(), None, PROLOGUE, &PAYLOAD1, &mut rng(3)).expect("keys are good")
}

/// How many Diffie-Hellman results `work` computes.
fn multiplications(work: impl FnOnce()) -> u32 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

#[test]
fn what_is_remembered_saves_a_multiplication_and_changes_no_byte() {
    let (alice, bob) = met();
    assert!(alice.remembers(&bob.public()) && bob.remembers(&alice.public()));
    let (mut first, message1) = alice_calls(None);
    let count = multiplications(|| {
        let (mut again, same) = call(&alice, &bob);
        assert_eq!(same, message1);
        assert!(again.take_product().is_none());
    });
    assert_eq!(count, 1, "es");
    let message2 = bob_answers(&message1, None);
    let count = multiplications(|| {
        let accepted = accept(&bob, PROLOGUE, &message1, &mut rng(4));
        let mut responder = accepted.expect("message 1 is true");
        assert!(responder.take_product().is_none());
        assert_eq!(
            responder.respond(None, &PAYLOAD2).expect("keys are good").0,
            message2
        );
    });
    assert_eq!(count, 3, "es, ee, se");
    assert!(first.finish(&message2).is_ok());
}

#[test]
fn what_is_forgotten_is_computed_anew() {
    let (alice, bob) = met();
    alice.forget(&bob.public());
    assert!(!alice.remembers(&bob.public()));
    assert!(call(&alice, &bob).0.take_product().is_some());
    assert!(!alice.duplicate().remembers(&bob.public()));
}

/// Whoever writes a message 1 in Alice's name cannot tell by Bob's time whether he knows her.
#[test]
fn a_message_in_a_known_name_costs_as_much_to_refuse_as_in_an_unknown_one() {
    let (_alice, message1) = alice_calls(None);
    let mut forged = message1;
    forged[MESSAGE1_LEN - 1] ^= 1;
    let refuse = |bob: &StaticSecret| {
        multiplications(|| {
            let refused = accept(bob, PROLOGUE, &forged, &mut rng(4));
            assert_eq!(refused.unwrap_err(), HandshakeError::Forged);
        })
    };
    assert_eq!(refuse(&met().1), refuse(&secret(2)));
    assert_eq!(refuse(&secret(2)), 2, "es, ss");
}

#[test]
fn a_static_key_that_serves_as_ephemeral_too_is_multiplied_each_time() {
    /// Gives Alice's static secret as the ephemeral one.
    struct Same;
    impl rand_core::TryRng for Same {
        type Error = core::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(0x0101_0101)
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(0x0101_0101_0101_0101)
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(1);
            Ok(())
        }
    }
    impl rand_core::TryCryptoRng for Same {}

    let (alice, bob) = met();
    let made = initiate(&alice, &bob.public(), None, PROLOGUE, &PAYLOAD1, &mut Same);
    let (mut initiator, message1) = made.expect("keys are good");
    let accepted = accept(&bob, PROLOGUE, &message1, &mut rng(4));
    let mut responder = accepted.expect("message 1 is true");
    assert!(responder.take_product().is_none());
    let answered = responder.respond(None, &PAYLOAD2).expect("keys are good");
    assert!(initiator.finish(&answered.0).is_ok());
}

/// Whoever outgrows this stack ends the test process: then `SCRUB_LEN` no longer covers all.
#[test]
fn every_step_stays_within_the_stack_that_is_scrubbed() {
    // Outside the thread, because the first call scrubs.
    let (local, remote) = (secret(1), secret(2));
    let (_, bob) = (local.public(), remote.public());
    let steps = move || {
        let started = start(&local, &bob, None, PROLOGUE, &PAYLOAD1, &mut rng(3));
        let (mut alice, message1) = started.expect("keys are good");
        let accepted = read_first(&remote, PROLOGUE, &message1, &mut rng(4));
        let state = accepted.expect("message 1 is true").state;
        let responded = write_second(state, None, &PAYLOAD2, None);
        let message2 = responded.expect("keys are good").0;
        assert!(read_second(&mut alice, &message2, None).is_ok());
    };
    let thread = std::thread::Builder::new().stack_size(SCRUB_LEN);
    let thread = thread.spawn(steps).expect("a thread starts");
    thread.join().expect("the handshake completes");
}

/// A KEM that breaks one rule, to show what its peer makes of that.
struct LyingKem {
    honest: Box<dyn Kem>,
    lie: Lie,
    public: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
enum Lie {
    /// Message 1 carries a key with coefficients of 4,095, above the modulus of 3,329.
    KeyOutOfRange,
    /// Message 2 carries, properly sealed, a ciphertext with one bit altered.
    WrongCiphertext,
}

impl Kem for LyingKem {
    fn name(&self) -> &'static str {
        self.honest.name()
    }
    fn pub_len(&self) -> usize {
        self.honest.pub_len()
    }
    fn ciphertext_len(&self) -> usize {
        self.honest.ciphertext_len()
    }
    fn shared_secret_len(&self) -> usize {
        self.honest.shared_secret_len()
    }
    fn generate(&mut self, rng: &mut dyn Random) {
        self.honest.generate(rng);
        self.public = self.honest.pubkey().to_vec();
        if self.lie == Lie::KeyOutOfRange {
            self.public[..384].fill(0xff);
        }
    }
    fn pubkey(&self) -> &[u8] {
        &self.public
    }
    fn encapsulate(
        &self,
        pubkey: &[u8],
        shared: &mut [u8],
        ciphertext: &mut [u8],
    ) -> Result<(usize, usize), snow::Error> {
        let lengths = self.honest.encapsulate(pubkey, shared, ciphertext)?;
        if self.lie == Lie::WrongCiphertext {
            ciphertext[0] ^= 1;
        }
        Ok(lengths)
    }
    fn decapsulate(&self, ciphertext: &[u8], shared: &mut [u8]) -> Result<usize, snow::Error> {
        self.honest.decapsulate(ciphertext, shared)
    }
}

struct LyingResolver(Resolver, Lie);

impl CryptoResolver for LyingResolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        self.0.resolve_rng()
    }
    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        self.0.resolve_dh(choice)
    }
    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        self.0.resolve_hash(choice)
    }
    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        self.0.resolve_cipher(choice)
    }
    fn resolve_kem(&self, choice: &KemChoice) -> Option<Box<dyn Kem>> {
        Some(Box::new(LyingKem {
            honest: self.0.resolve_kem(choice)?,
            lie: self.1,
            public: Vec::new(),
        }))
    }
}

fn lying_builder(local: &StaticSecret, lie: Lie) -> Builder<'_> {
    let own = local.own(Whom::Remote(secret(2).public()));
    let resolver = LyingResolver(Resolver::new(&mut rng(8), own), lie);
    Builder::with_resolver(params(), Box::new(resolver))
        .local_private_key(local.expose())
        .and_then(|builder| builder.prologue(PROLOGUE))
        .expect("nothing is set twice")
}

#[test]
fn a_wrong_ml_kem_ciphertext_fails_at_the_aead_and_does_not_disturb() {
    let (mut alice, message1) = alice_calls(None);
    let local = secret(2);
    let mut liar = lying_builder(&local, Lie::WrongCiphertext)
        .psk(PSK_POSITION, &NO_PSK)
        .and_then(Builder::build_responder)
        .expect("nothing is missing");
    let mut payload = [0; PAYLOAD1_LEN];
    liar.read_message(message1.as_slice(), &mut payload)
        .expect("message 1 is true");
    let mut message2 = [0; MESSAGE2_LEN];
    liar.write_message(&PAYLOAD2, &mut message2)
        .expect("message 2 fits");
    assert_eq!(
        alice.finish(&message2).unwrap_err(),
        HandshakeError::OtherPsk
    );
    assert!(alice.finish(&bob_answers(&message1, None)).is_ok());
}

#[test]
fn an_ml_kem_key_out_of_range_is_refused() {
    let (local, remote) = (secret(1), secret(2).public());
    let mut liar = lying_builder(&local, Lie::KeyOutOfRange)
        .remote_public_key(remote.as_bytes())
        .and_then(Builder::build_initiator)
        .expect("nothing is missing");
    let mut message1 = [0; MESSAGE1_LEN];
    liar.write_message(&PAYLOAD1, &mut message1)
        .expect("message 1 fits");
    let bob = bob_accepts(&message1).expect("it authenticates");
    assert_eq!(
        bob.respond(None, &PAYLOAD2).unwrap_err(),
        HandshakeError::KemKey
    );
}
