//! One key, one thread, the bytes in place.

use std::hint::black_box;

use boringtun::noise::TunnResult;
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use securechat_peers::measure::{Case, Scale, print, take_turns, timed};
use securechat_peers::wireguard::{Boring, ip_packet, wire};

use crate::each;
use crate::tunnel::{portable_keys, ring_keys};

pub(crate) fn seals(scale: Scale) {
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
                                let wipe = securechat::crypto::BatchWipe::new();
                                let (seal, open) = (&with_ring.0.seal, &with_ring.1.open);
                                seal.seal_in_batch(counter, black_box(&mut second), &wipe);
                                open.open_in_batch(counter, black_box(&mut second), &wipe)
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
                                let wipe = securechat_portable::crypto::BatchWipe::new();
                                let (seal, open) = (&portable.0.seal, &portable.1.open);
                                seal.seal_in_batch(counter, black_box(&mut third), &wipe);
                                open.open_in_batch(counter, black_box(&mut third), &wipe)
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
