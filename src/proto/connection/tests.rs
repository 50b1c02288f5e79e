//! Two connections joined by a wire that loses, doubles and reorders.

use core::time::Duration;

use super::*;
use crate::proto::streams::CHAT;

struct Wire {
    rng: CoreRng,
    /// Of a thousand packets, how many are lost.
    loss: usize,
    /// What is on its way: when it arrives, to whom, the plaintext.
    flying: Vec<(Instant, bool, Vec<u8>)>,
}

/// Returns what can be read of the chat stream.
fn receive(to: &mut Connection, plaintext: &[u8], now: Instant) -> Vec<u8> {
    let payload = Payload::parse(plaintext).unwrap();
    assert_eq!(to.check(&payload), Ok(()));
    if !to.on_packet(payload.number, payload.is_ack_eliciting(), now) {
        return Vec::new();
    }
    for frame in &payload.frames {
        if let Frame::Ack(ack) = frame {
            to.on_ack(ack, now).unwrap();
        }
        to.on_stream_frame(frame);
    }
    while to.streams_mut().poll_event().is_some() {}
    to.streams_mut().read(CHAT, usize::MAX)
}

impl Wire {
    /// Lets one side send what it may; returns when it may send more.
    fn send(&mut self, from: &mut Connection, to_b: bool, now: Instant) -> Option<Instant> {
        loop {
            match from.poll("", false, &mut CoreRng::new([3; 32]), now) {
                Poll::Packet(packet) => {
                    for _ in 0..1 + usize::from(self.rng.below(20) == 0) {
                        if self.rng.below(1_000) >= self.loss {
                            let delay = 20_000 + self.rng.below(20_000) as u64;
                            let at = now + Duration::from_micros(delay);
                            self.flying.push((at, to_b, packet.plaintext.clone()));
                        }
                    }
                }
                Poll::Later(at) => return Some(at),
                Poll::Nothing => return None,
            }
        }
    }
}

/// Says `count` things each way and returns how long it took until all had arrived and been
/// acknowledged.
fn converse(seed: u8, loss: usize, count: usize) -> Duration {
    let mut rng = CoreRng::new([seed; 32]);
    let mut a = Connection::new(false, &mut rng, Instant::ZERO);
    let mut b = Connection::new(false, &mut rng, Instant::ZERO);
    let mut wire = Wire {
        rng,
        loss,
        flying: Vec::new(),
    };
    let line = |who: u8, n: usize| [vec![who; 1 + n % 900], n.to_le_bytes().to_vec()].concat();
    let (mut at_a, mut at_b) = (Vec::new(), Vec::new());
    for n in 0..count {
        a.streams_mut().write(CHAT, &line(b'a', n));
        b.streams_mut().write(CHAT, &line(b'b', n));
    }
    let mut now = Instant::ZERO;
    for _ in 0..200_000 {
        let pace = [wire.send(&mut a, true, now), wire.send(&mut b, false, now)];
        let arrivals = wire.flying.iter().map(|(at, ..)| *at).min();
        let next = [pace[0], pace[1], arrivals, a.timeout(), b.timeout()];
        let Some(next) = next.into_iter().flatten().min() else {
            break;
        };
        now = now.max(next);
        while let Some(index) = wire.flying.iter().position(|(at, ..)| *at <= now) {
            let (_, to_b, plaintext) = wire.flying.swap_remove(index);
            if to_b {
                at_b.extend(receive(&mut b, &plaintext, now));
            } else {
                at_a.extend(receive(&mut a, &plaintext, now));
            }
        }
        for side in [&mut a, &mut b] {
            if side.timeout().is_some_and(|at| at <= now) {
                side.on_timeout(now);
            }
        }
    }
    let expected = |who| (0..count).flat_map(|n| line(who, n)).collect::<Vec<u8>>();
    assert!(
        at_b == expected(b'a'),
        "seed {seed}: {} bytes arrived",
        at_b.len()
    );
    assert!(
        at_a == expected(b'b'),
        "seed {seed}: {} bytes arrived",
        at_a.len()
    );
    let acked = [&a, &b].map(|side| side.streams().acked_to(CHAT));
    assert_eq!(acked, [at_b.len() as u64, at_a.len() as u64], "seed {seed}");
    now.saturating_since(Instant::ZERO)
}

#[test]
fn what_is_said_arrives_once_and_in_order_whatever_the_wire_loses() {
    for seed in 0..20 {
        for loss in [0, 10, 100, 300] {
            converse(seed, loss, 60);
        }
    }
}

#[test]
fn all_timers_come_to_rest_after_the_last_acknowledgement() {
    assert!(converse(7, 0, 10) < Duration::from_secs(2));
}

#[test]
fn an_ack_of_a_packet_that_was_never_sent_is_a_violation() {
    let mut connection = Connection::new(true, &mut CoreRng::new([1; 32]), Instant::ZERO);
    let ack = Frame::Ack(Ack {
        delay_us: 0,
        ranges: vec![(0, 0)],
    });
    let payload = Payload {
        number: PacketNumber(0),
        frames: vec![ack],
    };
    assert_eq!(connection.check(&payload), Err(Refused::Violation));
    connection.ping();
    let mut rng = CoreRng::new([1; 32]);
    assert!(matches!(
        connection.poll("", false, &mut rng, Instant::ZERO),
        Poll::Packet(_)
    ));
    assert_eq!(connection.check(&payload), Ok(()));
}

#[test]
fn a_withheld_hello_is_not_sent() {
    let mut rng = CoreRng::new([1; 32]);
    let mut connection = Connection::new(true, &mut rng, Instant::ZERO);
    assert!(matches!(
        connection.poll("", false, &mut rng, Instant::ZERO),
        Poll::Nothing
    ));
    connection.release_hello();
    let Poll::Packet(packet) = connection.poll("bob", false, &mut rng, Instant::ZERO) else {
        panic!("no HELLO");
    };
    let payload = Payload::parse(&packet.plaintext).unwrap();
    let hello = Hello {
        newest_version: VERSION,
        nickname: b"bob",
    };
    assert_eq!(payload.frames, [Frame::Hello(hello)]);
}

#[test]
fn a_packet_after_a_timeout_is_never_larger_than_the_base() {
    let mut rng = CoreRng::new([1; 32]);
    let mut connection = Connection::new(false, &mut rng, Instant::ZERO);
    connection.streams_mut().write(CHAT, b"hello");
    assert!(matches!(
        connection.poll("", false, &mut rng, Instant::ZERO),
        Poll::Packet(_)
    ));
    connection.was_full = true;
    let now = connection.timeout().unwrap();
    connection.on_timeout(now);
    for _ in 0..2 {
        let Poll::Packet(packet) = connection.poll("", false, &mut rng, now) else {
            panic!("no probe");
        };
        assert!(packet.plaintext.len() <= BASE_PLAINTEXT_LEN);
    }
}

#[test]
fn a_small_limit_holds_whatever_is_due() {
    let mut rng = CoreRng::new([4; 32]);
    let mut connection = Connection::new(false, &mut rng, Instant::ZERO);
    for number in 0..100 {
        assert!(connection.on_packet(PacketNumber(2 * number), true, Instant::ZERO));
    }
    let nickname = "n".repeat(NICKNAME_MAX_LEN);
    let mut frames = Vec::new();
    for limit in [Some(96), None] {
        connection.set_limit(limit);
        let Poll::Packet(packet) = connection.poll(&nickname, false, &mut rng, Instant::ZERO)
        else {
            panic!("something is due");
        };
        assert!(packet.plaintext.len() <= limit.unwrap_or(BASE_DATAGRAM_LEN) - OVERHEAD);
        frames.push(format!(
            "{:?}",
            Payload::parse(&packet.plaintext).unwrap().frames
        ));
    }
    assert!(
        frames[0].contains("Ack") && !frames[0].contains("Hello"),
        "{frames:?}"
    );
    assert!(frames[1].contains("Hello"), "{frames:?}");
}
