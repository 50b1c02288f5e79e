//! Handshakes of both sides, and the arithmetic that they cannot do without.

use std::hint::black_box;

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use securechat::crypto::for_testing_only::resolver_of;
use securechat::crypto::{StaticSecret, accept, initiate};
use securechat::id::PeerId;
use securechat_peers::measure::{Case, Scale, print, take_turns, timed};
use securechat_peers::wireguard::Boring;
use securechat_peers::{ours, quic};
use snow::Builder;
use snow::params::NoiseParams;

use crate::each;

pub(crate) fn handshakes(scale: Scale) {
    let (rounds, count) = (scale.of(30, 1), scale.of(20, 2));
    let mut boring = Boring::new();
    let (mut hybrid, mut classic) = (Hybrid::new(), Classic::new());
    let configs = quic::Configs::new();
    let mut pair = ours::Pair::new(1, 2);
    let all = take_turns(
        rounds,
        vec![
            Case::new("boringtun 0.7", || {
                timed(|| (0..count).for_each(|_| boring.handshake())) / each(count)
            }),
            Case::new(
                "its bare arithmetic: 6 products and 2 base points of X25519",
                || timed(|| (0..count).for_each(|_| x25519_alone())) / each(count),
            ),
            Case::new("ours without KEM (snow IKpsk2, our resolver)", || {
                timed(|| (0..count).for_each(|_| classic.handshake())) / each(count)
            }),
            Case::new("bare arithmetic, hybrid: the same and ML-KEM-768", || {
                let both = || {
                    x25519_alone();
                    ml_kem_alone();
                };
                timed(|| (0..count).for_each(|_| both())) / each(count)
            }),
            Case::new("ours hybrid, messages 1 and 2", || {
                timed(|| (0..count).for_each(|_| hybrid.handshake())) / each(count)
            }),
            Case::new("ours hybrid, endpoints: connect to established", || {
                let time = timed(|| {
                    (0..count).for_each(|_| {
                        pair.connect();
                        let (now, id) = (ours::at(pair.now), pair.b.id);
                        pair.a.messenger.endpoint_mut().close(id, now);
                        // Far enough apart that nobody asks for a cookie.
                        pair.step();
                        pair.now += 1_000_000;
                    });
                });
                time / each(count)
            }),
            Case::new(
                "quinn-proto, endpoints: connect to connected (server alone is authenticated)",
                || {
                    timed(|| (0..count).for_each(|_| quic::Pair::new(&configs).connect()))
                        / each(count)
                },
            ),
        ]
        .into_iter()
        .collect(),
    );
    let all: Vec<_> = all.into_iter().map(|series| scaled(series, 1e-3)).collect();
    print("Handshake, both sides", "µs", &all, &["boringtun 0.7"]);
}

/// Handshakes of one contestant.
pub(crate) fn walk(contestant: &str) {
    let (mut boring, mut classic) = (Boring::new(), Classic::new());
    for _ in 0..100 {
        match contestant {
            "boringtun" => boring.handshake(),
            _ => classic.handshake(),
        }
    }
}

fn scaled(
    mut series: securechat_peers::measure::Series,
    factor: f64,
) -> securechat_peers::measure::Series {
    series.rounds.iter_mut().for_each(|round| *round *= factor);
    series
}

/// What a handshake cannot do without: es, ee and se on both sides, and an ephemeral key each.
fn x25519_alone() {
    use x25519_dalek::{PublicKey, StaticSecret};
    let secrets = [[1; 32], [2; 32]].map(StaticSecret::from);
    let publics = secrets.each_ref().map(|it| PublicKey::from(black_box(it)));
    for _ in 0..3 {
        black_box(secrets[0].diffie_hellman(black_box(&publics[1])));
        black_box(secrets[1].diffie_hellman(black_box(&publics[0])));
    }
}

/// A key pair, a check of its public key, a secret sealed for it and opened.
fn ml_kem_alone() {
    use libcrux_ml_kem::mlkem768::{
        decapsulate, encapsulate, generate_key_pair, validate_public_key,
    };
    let pair = generate_key_pair(black_box([3; 64]));
    assert!(validate_public_key(black_box(pair.public_key())));
    let (ciphertext, _) = encapsulate(pair.public_key(), black_box([4; 32]));
    black_box(decapsulate(pair.private_key(), black_box(&ciphertext)));
}

/// Lets two keys that meet again and again meet once, as boringtun does at a tunnel's start.
fn introduce(a: &StaticSecret, b: &StaticSecret, rng: &mut ChaCha20Rng) {
    let (mut initiator, message1) =
        initiate(a, &b.public(), None, b"", &[0; 24], rng).expect("a usable key");
    let mut responder = accept(b, b"", &message1, rng).expect("it is true");
    a.remember(initiator.take_product().expect("the first time"));
    b.remember(responder.take_product().expect("the first time"));
}

/// Our handshake, by our crypto module.
struct Hybrid {
    a: StaticSecret,
    b: StaticSecret,
    psk: securechat::crypto::Psk,
    rng: ChaCha20Rng,
}

impl Hybrid {
    fn new() -> Self {
        let psk = securechat::crypto::Psk::from_bytes(&mut [3; 32]);
        let (a, b) = (ours::secret(1), ours::secret(2));
        let mut rng = ChaCha20Rng::from_seed([4; 32]);
        introduce(&a, &b, &mut rng);
        Self { a, b, psk, rng }
    }

    fn handshake(&mut self) {
        let (psk, prologue) = (Some(&self.psk), b"prologue");
        let remote = self.b.public();
        let (mut initiator, message1) =
            initiate(&self.a, &remote, psk, prologue, &[0; 24], &mut self.rng)
                .expect("a usable key");
        let responder = accept(&self.b, prologue, &message1, &mut self.rng).expect("it is true");
        let (message2, keys, _) = responder.respond(psk, &[0; 16]).expect("it is true");
        let completed = initiator.finish(&message2).expect("it is true");
        black_box((keys, completed.keys));
    }
}

/// The same pattern without the KEM: snow with our resolver, driven from here.
struct Classic {
    a: StaticSecret,
    b: StaticSecret,
    params: NoiseParams,
    rng: ChaCha20Rng,
}

impl Classic {
    fn new() -> Self {
        let (a, b) = (ours::secret(1), ours::secret(2));
        let mut rng = ChaCha20Rng::from_seed([4; 32]);
        introduce(&a, &b, &mut rng);
        let params = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
            .parse()
            .expect("a name that snow knows");
        Self { a, b, params, rng }
    }

    fn builder<'a>(
        params: &NoiseParams,
        own: &'a StaticSecret,
        remote: &PeerId,
        rng: &mut ChaCha20Rng,
    ) -> Builder<'a> {
        let (mut ephemeral, mut unused) = ([0; 32], [0; 64]);
        rng.fill_bytes(&mut ephemeral);
        let resolver = resolver_of(own, remote, &mut ephemeral, &mut unused);
        let builder = Builder::with_resolver(params.clone(), resolver);
        let builder = builder
            .local_private_key(own.expose())
            .and_then(|it| it.prologue(b"prologue"))
            .and_then(|it| it.psk(2, &[3; 32]));
        builder.expect("nothing is set twice")
    }

    #[inline(never)]
    fn handshake(&mut self) {
        let (a_public, b_public) = (self.a.public(), self.b.public());
        let a = Self::builder(&self.params, &self.a, &b_public, &mut self.rng)
            .remote_public_key(b_public.as_bytes());
        let mut a = a
            .and_then(Builder::build_initiator)
            .expect("nothing is missing");
        let mut b = Self::builder(&self.params, &self.b, &a_public, &mut self.rng)
            .build_responder()
            .expect("nothing is missing");
        let (mut message, mut payload) = ([0; 256], [0; 256]);
        let len = a
            .write_message(&[0; 24], &mut message)
            .expect("there is room");
        b.read_message(&message[..len], &mut payload)
            .expect("it is true");
        let len = b
            .write_message(&[0; 16], &mut message)
            .expect("there is room");
        a.read_message(&message[..len], &mut payload)
            .expect("it is true");
        black_box((a.dangerously_get_raw_split(), b.dangerously_get_raw_split()));
    }
}
