//! The whole data path: laid out, sealed, its key found, its window moved, opened.

use std::hint::black_box;

use boringtun::noise::TunnResult;
use chacha20::ChaCha20Rng;
use securechat_peers::measure::{Case, Scale, median, print, take_turns, timed};
use securechat_peers::wireguard::{Boring, ip_packet, wire};

use crate::each;

/// Both ends of a session of each build: the AEAD alone, and what a driver's threads do with a datagram.
macro_rules! of_build {
    ($keys:ident, $tunnel:ident, $build:ident) => {
        pub(crate) fn $keys(
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
                            end.handle_handshake(SocketAddr::from(ADDRESSES[from]), packet, now);
                        }
                        Ok(Incoming::Data) => {
                            end.handle_opened(
                                &table
                                    .open(SocketAddr::from(ADDRESSES[from]), bytes, now)
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
                                let from = SocketAddr::from(ADDRESSES[0]);
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

pub(crate) fn tunnels(scale: Scale) {
    let (rounds, count) = (scale.of(40, 1), scale.of(2_000, 20));
    // Our plaintexts have the sizes of buckets: what is in them may be shorter, and boringtun does not pad it.
    for (len, theirs, what) in [
        (64, 64, ""),
        (256, 256, ", a message of 200 B as it is padded"),
        (256, 200, ", a message of 200 B, padded by us alone"),
        (1_440, 1_200, ", 1,200 B of a file, padded by us alone"),
        (1_440, 1_440, ", a full packet"),
    ] {
        let mut boring = Boring::new();
        boring.handshake();
        let packet = ip_packet(theirs);
        let (mut sealed, mut opened) = (vec![0; theirs + 64], vec![0; theirs + 64]);
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
