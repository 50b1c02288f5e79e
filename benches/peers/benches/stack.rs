//! Handshakes, sealing and whole stacks in one thread, without a network: processor time, each contestant in turn.
//!
//! `cargo bench --bench stack -- [--small] [handshake] [seal] [tunnel] [messages] [bulk]`

use std::hint::black_box;

use boringtun::noise::TunnResult;
use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use securechat::crypto::for_testing_only::resolver_of;
use securechat::crypto::{StaticSecret, accept, initiate};
use securechat::id::PeerId;
use securechat_peers::measure::{Case, Scale, median, print, take_turns, timed, wanted};
use securechat_peers::wireguard::{Boring, ip_packet, wire};
use securechat_peers::{ours, quic};
use snow::Builder;
use snow::params::NoiseParams;

#[cfg(feature = "wipe")]
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() {
    let scale = Scale::from_args();
    type Section = (&'static str, fn(Scale));
    let sections: [Section; 5] = [
        ("handshake", handshakes),
        ("seal", seals),
        ("tunnel", tunnels),
        ("messages", messages),
        ("bulk", bulk),
    ];
    for (name, section) in sections {
        if wanted(name) {
            section(scale);
        }
    }
}

// --- handshakes ---------------------------------------------------------------------------------------------------

fn handshakes(scale: Scale) {
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

fn each(count: usize) -> f64 {
    count as f64
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

// --- sealing ------------------------------------------------------------------------------------------------------

fn seals(scale: Scale) {
    let (rounds, count) = (scale.of(40, 1), scale.of(3_000, 50));
    for len in [64, 200, 1_200, 1_400] {
        let mut rng = ChaCha20Rng::from_seed([4; 32]);
        let mut buffer = vec![0x42; len + 16];
        let bare = LessSafeKey::new(
            UnboundKey::new(&CHACHA20_POLY1305, &[5; 32]).expect("32 bytes are a key"),
        );
        let mut boring = Boring::new();
        boring.handshake();
        let packet = ip_packet(len);
        let (mut sealed, mut opened) = (vec![0; len + 64], vec![0; len + 64]);
        let with_ring = ring_keys(&mut rng);
        let portable = portable_keys(&mut rng);
        let mut second = buffer.clone();
        let mut third = buffer.clone();
        let all = take_turns(
            rounds,
            vec![
                Case::new("boringtun 0.7", move || {
                    timed(|| {
                        for _ in 0..count {
                            let datagram =
                                wire(boring.a.encapsulate(black_box(&packet), &mut sealed));
                            let result = boring.b.decapsulate(None, datagram, &mut opened);
                            assert!(matches!(result, TunnResult::WriteToTunnelV4(..)));
                        }
                    }) / each(count)
                }),
                Case::new("bare AEAD of ring", {
                    let mut counter = 0_u64;
                    move || {
                        timed(|| {
                            for _ in 0..count {
                                counter += 1;
                                let mut nonce = [0; 12];
                                nonce[4..].copy_from_slice(&counter.to_le_bytes());
                                let (text, tag) = buffer.split_at_mut(len);
                                let made = bare.seal_in_place_separate_tag(
                                    Nonce::assume_unique_for_key(nonce),
                                    Aad::empty(),
                                    black_box(text),
                                );
                                tag.copy_from_slice(made.expect("it is short").as_ref());
                                bare.open_in_place(
                                    Nonce::assume_unique_for_key(nonce),
                                    Aad::empty(),
                                    black_box(&mut buffer),
                                )
                                .expect("it is true");
                            }
                        }) / each(count)
                    }
                }),
                Case::new("ours with ring, our AEAD (wipes its stack)", {
                    let mut counter = 0;
                    move || {
                        timed(|| {
                            for _ in 0..count {
                                counter += 1;
                                let counter = securechat::id::Counter(counter);
                                with_ring
                                    .0
                                    .seal
                                    .seal_in_place(counter, black_box(&mut second));
                                with_ring
                                    .1
                                    .open
                                    .open_in_place(counter, black_box(&mut second))
                                    .expect("it is true");
                            }
                        }) / each(count)
                    }
                }),
                Case::new("ours with chacha20poly1305, our AEAD (wipes its stack)", {
                    let mut counter = 0;
                    move || {
                        timed(|| {
                            for _ in 0..count {
                                counter += 1;
                                let counter = securechat_portable::id::Counter(counter);
                                portable
                                    .0
                                    .seal
                                    .seal_in_place(counter, black_box(&mut third));
                                portable
                                    .1
                                    .open
                                    .open_in_place(counter, black_box(&mut third))
                                    .expect("it is true");
                            }
                        }) / each(count)
                    }
                }),
            ],
        );
        print(
            &format!("Seal and open, {len} B"),
            "ns",
            &all,
            &["boringtun 0.7"],
        );
    }
}

/// Both ends of a session of each build: the AEAD alone, and what a driver's threads do with a datagram.
macro_rules! of_build {
    ($keys:ident, $tunnel:ident, $build:ident) => {
        fn $keys(
            rng: &mut ChaCha20Rng,
        ) -> ($build::crypto::TransportKeys, $build::crypto::TransportKeys) {
            use $build::crypto::{StaticSecret, accept, initiate};
            let (a, b) = (
                StaticSecret::from_bytes(&mut [1; 32]),
                StaticSecret::from_bytes(&mut [2; 32]),
            );
            let (mut initiator, message1) =
                initiate(&a, &b.public(), None, b"", &[0; 24], rng).expect("a usable key");
            let responder = accept(&b, b"", &message1, rng).expect("it is true");
            let (message2, theirs, _) = responder.respond(None, &[0; 16]).expect("it is true");
            (
                initiator.finish(&message2).expect("it is true").keys,
                theirs,
            )
        }

        mod $tunnel {
            use std::net::SocketAddr;
            use std::sync::Arc;

            use chacha20::ChaCha20Rng;
            use rand_core::SeedableRng;
            use $build::crypto::{BatchWipe, StaticSecret};
            use $build::id::{Counter, PeerId, SessionIndex, StreamId, Timestamp};
            use $build::proto::{
                Endpoint, EndpointConfig, Event, Incoming, KeyTable, PeerConfig, Shown,
                StreamEvent, Transmit,
            };
            use $build::time::Instant;
            use $build::wire::limits::{DATA_HEADER_LEN, TAG_LEN};
            use $build::wire::packet::Data;

            const ADDRESSES: [([u8; 4], u16); 2] = [([10, 0, 0, 1], 7_419), ([10, 0, 0, 2], 7_419)];

            /// Two endpoints, one of which sends the other a stream. Both AEAD and packets are real; timed is what a
            /// driver's threads do without the lock, and the laying out.
            pub struct Tunnel {
                ends: [Endpoint; 2],
                ids: [PeerId; 2],
                table: Arc<KeyTable>,
                rng: ChaCha20Rng,
                us: u64,
                /// Where a packet is laid out, as in a buffer that has served before.
                laid_out: Vec<u8>,
            }

            impl Tunnel {
                pub fn new() -> Self {
                    let end = |number: u8| {
                        let secret = Arc::new(StaticSecret::from_bytes(&mut [number; 32]));
                        let timestamps = Timestamp(1)..Timestamp(1_000);
                        let config = EndpointConfig {
                            bulk: true,
                            ..EndpointConfig::default()
                        };
                        Endpoint::new(
                            config,
                            secret,
                            [number; 32],
                            timestamps,
                            Instant::from_micros(1_000_000),
                        )
                    };
                    let mut ends = [end(1), end(2)];
                    let ids = [ends[0].id(), ends[1].id()];
                    for at in [0, 1] {
                        let addresses = vec![SocketAddr::from(ADDRESSES[1 - at])];
                        let peer = PeerConfig {
                            id: ids[1 - at],
                            psk: None,
                            addresses,
                            shown: Shown::default(),
                        };
                        ends[at].add_peer(peer);
                    }
                    let table = ends[1].key_table();
                    let rng = ChaCha20Rng::from_seed([4; 32]);
                    let mut tunnel = Self {
                        ends,
                        ids,
                        table,
                        rng,
                        us: 1_000_000,
                        laid_out: Vec::with_capacity(2_048),
                    };
                    let now = tunnel.now();
                    tunnel.ends[0]
                        .connect(ids[1], &[], now)
                        .expect("an address is known");
                    for _ in 0..200 {
                        tunnel.settle();
                    }
                    tunnel
                }

                fn now(&self) -> Instant {
                    Instant::from_micros(self.us)
                }

                fn deliver(&mut self, from: usize, bytes: &mut [u8]) {
                    let now = self.now();
                    let end = &mut self.ends[1 - from];
                    let (screen, table) = (end.screen(), end.key_table());
                    match screen.check(bytes) {
                        Ok(Incoming::Handshake(packet)) => {
                            end.handle_handshake(ADDRESSES[from].into(), packet, now);
                        }
                        Ok(Incoming::Data) => {
                            end.handle_opened(
                                &table
                                    .open(ADDRESSES[from].into(), bytes, now)
                                    .expect("honest"),
                                now,
                            );
                        }
                        Err(reason) => panic!("{reason:?}"),
                    }
                }

                fn work(&mut self) {
                    let now = self.now();
                    for at in [0, 1] {
                        while let Some(job) = self.ends[at].take_job() {
                            let outcome = job.run(&mut self.rng);
                            self.ends[at].handle_outcome(outcome, now);
                        }
                        while let Some(event) = self.ends[at].poll_event() {
                            if let Event::Stream {
                                event: StreamEvent::Readable(stream),
                                ..
                            } = event
                            {
                                let (id, out) = (self.ids[1 - at], &mut Vec::new());
                                let _ = self.ends[at].read_stream(id, stream, usize::MAX, out);
                            }
                        }
                        while self.ends[at].poll_notice().is_some() {}
                    }
                }

                fn settle(&mut self) {
                    self.us += 500;
                    self.exchange(0..2);
                }

                /// Lets timers fire and delivers what these ends have to send.
                fn exchange(&mut self, ends: std::ops::Range<usize>) {
                    for at in ends {
                        let now = self.now();
                        self.ends[at].handle_timeout(now);
                        while let Some(transmit) = self.ends[at].poll_transmit(now) {
                            if let Some(mut bytes) = transmit.datagram.into_bytes(now) {
                                self.deliver(at, &mut bytes);
                            }
                        }
                        self.work();
                    }
                }

                /// Lays out, seals and opens at least `count` packets of `plaintext` bytes, and returns processor
                /// time for each.
                pub fn round(&mut self, plaintext: usize, count: usize) -> f64 {
                    let id = self.ids[1];
                    let stream = self.ends[0].open_stream(id).expect("a session stands");
                    let (mut done, mut time, mut tries) = (0, 0.0, 0);
                    // Batches are short, and to read the clock takes longer than a packet.
                    let mut clock = Vec::new();
                    while done < count {
                        tries += 1;
                        let batch = self.batch(stream, plaintext);
                        assert!(
                            tries < 100_000,
                            "no packet has {plaintext} bytes: {:?}, {:?}",
                            batch.iter().map(|it| it.datagram.len()).collect::<Vec<_>>(),
                            self.ends[0].status(self.ids[1], self.now()),
                        );
                        let now = self.now();
                        let (wanted, other): (Vec<_>, Vec<_>) = batch
                            .into_iter()
                            .partition(|it| it.datagram.len() == plaintext + 32);
                        let text = vec![0x42; plaintext];
                        let header = Data {
                            receiver: SessionIndex(7),
                            counter: Counter(self.us),
                        };
                        done += wanted.len();
                        let mut sealed = vec![Vec::new(); wanted.len()];
                        let mut opened = Vec::with_capacity(wanted.len());
                        clock.push(super::timed(|| ()));
                        time += super::timed(|| {
                            let wipe = BatchWipe::new();
                            let mut keys = self.table.batch();
                            for (transmit, sealed) in wanted.into_iter().zip(&mut sealed) {
                                self.laid_out.clear();
                                self.laid_out.extend_from_slice(&[0; DATA_HEADER_LEN]);
                                self.laid_out.extend_from_slice(&text);
                                self.laid_out.extend_from_slice(&[0; TAG_LEN]);
                                header.write_header(&mut self.laid_out);
                                std::hint::black_box(&mut self.laid_out);
                                let bytes = transmit.datagram.into_bytes_in_batch(now, &wipe);
                                *sealed = bytes.expect("the key is young");
                                let from = ADDRESSES[0].into();
                                opened.push(keys.open(from, sealed, now).expect("honest"));
                            }
                            drop((keys, wipe));
                        });
                        for opened in opened {
                            self.ends[1].handle_opened(&opened, now);
                        }
                        for transmit in other {
                            if let Some(mut bytes) = transmit.datagram.into_bytes(now) {
                                self.deliver(0, &mut bytes);
                            }
                        }
                        self.work();
                        self.exchange(1..2);
                        // What may leave then is for the next batch.
                        self.us += 500;
                    }
                    self.ends[0]
                        .finish_stream(id, stream)
                        .expect("a session stands");
                    (0..100).for_each(|_| self.settle());
                    time -= super::median(&clock) * clock.len() as f64;
                    time / done as f64
                }

                /// Packets of a stream: as many as may leave at once, small ones if `plaintext` is small.
                fn batch(&mut self, stream: StreamId, plaintext: usize) -> Vec<Transmit> {
                    let (now, id) = (self.now(), self.ids[1]);
                    let mut batch = Vec::new();
                    let (writes, len) = if plaintext < 1_200 {
                        (32, plaintext * 2 / 3)
                    } else {
                        (1, 64 << 10)
                    };
                    for _ in 0..writes {
                        self.ends[0]
                            .write_stream(id, stream, &vec![0x42; len])
                            .expect("a session stands");
                        while let Some(transmit) = self.ends[0].poll_transmit(now) {
                            batch.push(transmit);
                        }
                    }
                    batch
                }
            }
        }
    };
}

of_build!(ring_keys, ring_tunnel, securechat);
of_build!(portable_keys, portable_tunnel, securechat_portable);

fn tunnels(scale: Scale) {
    let (rounds, count) = (scale.of(40, 1), scale.of(2_000, 20));
    for (len, what) in [
        (64, ""),
        (256, ", a message of 200 B"),
        (1_440, ", a full packet"),
    ] {
        let mut boring = Boring::new();
        boring.handshake();
        let packet = ip_packet(len);
        let (mut sealed, mut opened) = (vec![0; len + 64], vec![0; len + 64]);
        let (mut with_ring, mut portable) =
            (ring_tunnel::Tunnel::new(), portable_tunnel::Tunnel::new());
        let all = take_turns(
            rounds,
            vec![
                Case::new("boringtun 0.7", move || {
                    timed(|| {
                        for _ in 0..count {
                            let datagram =
                                wire(boring.a.encapsulate(black_box(&packet), &mut sealed));
                            let result = boring.b.decapsulate(None, datagram, &mut opened);
                            assert!(matches!(result, TunnResult::WriteToTunnelV4(..)));
                        }
                    }) / each(count)
                }),
                Case::new("ours with ring", || with_ring.round(len, count)),
                Case::new("ours with chacha20poly1305", || portable.round(len, count)),
            ],
        );
        print(
            &format!(
                "Whole data path (lay out, seal, find key, window, open), {len} B of plaintext{what}"
            ),
            "ns",
            &all,
            &["boringtun 0.7"],
        );
    }
}

// --- whole stacks -------------------------------------------------------------------------------------------------

/// quinn-proto prefers AES-256-GCM.
const SAME_CIPHER: &str = "quinn-proto with ChaCha20-Poly1305";

fn messages(scale: Scale) {
    let (rounds, count) = (scale.of(30, 1), scale.of(2_000, 64));
    let (configs, chacha20) = (quic::Configs::new(), quic::Configs::with_chacha20());
    let text = "x".repeat(100);
    for (window, title) in [
        (1, "One message at a time"),
        (64, "64 messages outstanding"),
    ] {
        let (mut we, mut they) = (ours::Pair::connected(), quic::Pair::connected(&configs));
        let mut others = quic::Pair::connected(&chacha20);
        let all = take_turns(
            rounds,
            vec![
                Case::new("quinn-proto", || {
                    timed(|| they.messages(text.as_bytes(), count, window)) / each(count)
                }),
                Case::new(SAME_CIPHER, || {
                    timed(|| others.messages(text.as_bytes(), count, window)) / each(count)
                }),
                Case::new("ours", || {
                    timed(|| we.messages(&text, count, window)) / each(count)
                }),
            ],
        );
        let title = format!("{title}, 100 B, with its receipt, both ends");
        let references = ["quinn-proto", SAME_CIPHER];
        print(&title, "ns of processor time each", &all, &references);
    }
}

fn bulk(scale: Scale) {
    let (rounds, mib) = (scale.of(15, 1), scale.of(16, 1));
    let (configs, chacha20) = (quic::Configs::new(), quic::Configs::with_chacha20());
    let (mut we, mut they) = (ours::Pair::connected(), quic::Pair::connected(&configs));
    let mut others = quic::Pair::connected(&chacha20);
    let all = take_turns(
        rounds,
        vec![
            Case::new("quinn-proto", || {
                timed(|| they.transfer(mib << 20)) / each(mib) / 1e3
            }),
            Case::new(SAME_CIPHER, || {
                timed(|| others.transfer(mib << 20)) / each(mib) / 1e3
            }),
            Case::new("ours", || {
                timed(|| we.transfer(mib << 20)) / each(mib) / 1e3
            }),
        ],
    );
    print(
        "One large transfer, both ends",
        "µs of processor time per MiB",
        &all,
        &["quinn-proto", SAME_CIPHER],
    );
}
