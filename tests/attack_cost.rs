//! What a datagram of a peer that holds its key by right can cost the victim, counted and not timed: what
//! is allocated until the victim has reacted, and what is held at most. Work that grows with what is held
//! either copies it, which shows here, or walks through it, which an instruction counter shows:
//! `SECURECHAT_FLOOD=name` runs one flood only, `SECURECHAT_FLOOD_DATAGRAMS=n` so many datagrams of it
//! (SECURITY.md).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "tests"
)]

mod hostile;

use core::time::Duration;

use allocation_counter::measure;
use hostile::Scene;
use securechat::id::{StreamId, VerifyingKey};
use securechat::proto::limits;
use securechat::wire::Writer;
use securechat::wire::frame::{Ack, Frame, Hello, StreamFrame};

/// Datagrams of each flood.
const DATAGRAMS: u64 = 1_100;
/// What one datagram may make the victim allocate, its answers included. 1,400 frames of one byte take up
/// a third of a megabyte while they are looked at; an acknowledgement that lets thirty packets go takes
/// the most allocations.
const MAX_ALLOCATIONS: u64 = 512;
const MAX_BYTES: u64 = 384 << 10;
/// What all three parties may hold.
const MAX_PEAK: u64 = 8 << 20;

/// A way to be a nuisance.
struct Flood {
    name: &'static str,
    prepare: fn(&mut Scene),
    /// The plaintext of the nth datagram.
    nth: fn(&mut Scene, u64) -> Vec<u8>,
}

const fn flood(name: &'static str, nth: fn(&mut Scene, u64) -> Vec<u8>) -> Flood {
    Flood {
        name,
        prepare: |_| {},
        nth,
    }
}

const FLOODS: &[Flood] = &[
    // What an honest peer sends: the measure of the others.
    flood("honest", |it, n| {
        let mut bytes = record(n, &[b'x'; 1_300]);
        bytes.truncate(1_380);
        let frame = it.hostile.chat_piece(&bytes);
        it.hostile.payload(&[frame])
    }),
    flood("pings", |it, _| it.hostile.number(&[1; 1_400])),
    flood("empty-pieces", |it, _| {
        it.hostile.number(&[6, 1, 0, 0].repeat(350))
    }),
    flood("unknown-frames", |it, _| {
        it.hostile.number(&[0x40, 0x42, 0].repeat(460))
    }),
    flood("gaps", |it, n| {
        let offset = 2 * DATAGRAMS.saturating_sub(n) + 1;
        let frames: Vec<_> = (1..=17).map(|id| piece(id, offset, b"x")).collect();
        it.hostile.payload(&frames)
    }),
    flood("gaps-at-once", |it, n| {
        let from = 1 + 500 * (n % 2_000);
        let frames: Vec<_> = (0..120).map(|at| piece(1, from + 2 * at, b"x")).collect();
        it.hostile.payload(&frames)
    }),
    flood("pages", |it, n| {
        let frames: Vec<_> = (1..=17).map(|id| piece(id, n * 128 + 1, b"x")).collect();
        it.hostile.payload(&frames)
    }),
    flood("credit", |it, n| {
        let frame = Frame::MaxStreamData {
            id: StreamId(1),
            max: n << 20,
        };
        it.hostile.payload(&vec![frame; 100])
    }),
    flood("questions", |it, n| {
        let token = n.to_le_bytes();
        it.hostile.payload(&vec![Frame::PathChallenge(token); 150])
    }),
    flood("streams", |it, n| {
        // Opened and given up, as many as it may, each packet from where the last one came to.
        let granted = it.hostile.received.streams.unwrap_or(limits::MAX_STREAMS);
        let ids = granted.saturating_sub(limits::MAX_STREAMS)..granted;
        let reset = |nth| Frame::Reset {
            id: StreamId(2 + nth),
            code: n,
            final_size: 0,
        };
        it.hostile.payload(&ids.map(reset).collect::<Vec<_>>())
    }),
    flood("hellos", |it, _| {
        let hello = Hello {
            oldest_version: 1,
            newest_version: 1,
            largest_message: 1 << 24,
            capabilities: 0,
            signing_key: VerifyingKey::new([7; 32]),
            nickname: b"mallory",
        };
        it.hostile.payload(&vec![Frame::Hello(hello); 20])
    }),
    flood("lost-numbers", |it, _| {
        let _skipped = it.hostile.number(&[]);
        it.hostile.number(&[1])
    }),
    flood("small-messages", |it, n| {
        let bytes: Vec<u8> = (0..45).flat_map(|nth| record(45 * n + nth, b"")).collect();
        let frame = it.hostile.chat_piece(&bytes);
        it.hostile.payload(&[frame])
    }),
    Flood {
        name: "acknowledgements",
        prepare: write_much,
        nth: |it, _| {
            let ranges = it.hostile.numbers.iter().rev().step_by(2).take(32);
            let ranges = ranges.map(|&number| (number, number)).collect();
            let ack = Frame::Ack(Ack {
                delay_us: 0,
                ranges,
            });
            it.hostile.payload(&vec![ack; 18])
        },
    },
    Flood {
        name: "receipts",
        prepare: write_much,
        nth: |it, n| {
            let body = receipt(it, n);
            it.hostile
                .payload(&[Frame::Receipt(&body), Frame::Receipt(&body)])
        },
    },
    Flood {
        name: "rejects",
        prepare: write_much,
        nth: |it, n| {
            let body = reject(it, n);
            it.hostile
                .payload(&[Frame::Reject(&body), Frame::Reject(&body)])
        },
    },
];

fn piece(id: u64, offset: u64, data: &[u8]) -> Frame<'_> {
    Frame::Stream(StreamFrame {
        id: StreamId(id),
        offset,
        fin: false,
        data,
    })
}

/// A message as it stands on the chat stream.
fn record(sequence: u64, body: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.u8(1).u8(0).u64(7).u64(sequence).u64(0).bytes(body);
    let record = writer.into_vec();
    let mut framed = Writer::default();
    framed.prefixed(&record);
    framed.into_vec()
}

/// The victim has much to say.
fn write_much(scene: &mut Scene) {
    for _ in 0..100 {
        scene.write_to_hostile("x".repeat(60_000)).unwrap();
    }
}

/// Ranges beside ranges of a log of the victim's.
fn receipt(scene: &Scene, n: u64) -> Vec<u8> {
    let log = scene.victim.states.first().map_or(n, |it| it.1.log.0);
    let mut writer = Writer::default();
    writer.u64(log);
    for _ in 0..120 {
        writer.varint(1).varint(0);
    }
    writer.into_vec()
}

/// The refusal of a message of the victim's.
fn reject(scene: &Scene, n: u64) -> Vec<u8> {
    let log = scene.victim.states.first().map_or(n, |it| it.1.log.0);
    let mut writer = Writer::default();
    writer.u64(log).varint(n % 200).varint(3);
    writer.into_vec()
}

/// What a datagram cost, counted until the victim had reacted to it.
#[derive(Debug, Default)]
struct Most {
    allocations: u64,
    bytes: u64,
}

/// Sends a flood. `count`: whether what each datagram costs is counted.
fn run(flood: &Flood, datagrams: u64, count: bool) -> Most {
    let mut most = Most::default();
    let mut scene = Scene::connected();
    (flood.prepare)(&mut scene);
    for n in 0..datagrams {
        let plaintext = (flood.nth)(&mut scene, n);
        let datagram = scene.hostile.seal(&plaintext).unwrap();
        let mut sent = Vec::new();
        let mut react = || {
            scene.deliver(datagram.clone());
            sent = scene.react();
        };
        if count {
            let one = measure(react);
            most.allocations = most.allocations.max(one.count_total);
            most.bytes = most.bytes.max(one.bytes_total);
        } else {
            react();
        }
        scene.pass_on(sent);
        scene.victim.forget();
        if n.is_multiple_of(16) {
            scene.advance(Duration::from_millis(1));
            scene.acknowledge();
        }
        assert!(scene.is_connected(), "{} after {n}", flood.name);
    }
    scene.assert_unharmed();
    most
}

/// The floods that are to run, and with how many datagrams.
fn chosen() -> (impl Iterator<Item = &'static Flood>, u64) {
    let only = std::env::var("SECURECHAT_FLOOD").ok();
    let datagrams = std::env::var("SECURECHAT_FLOOD_DATAGRAMS").ok();
    let datagrams = datagrams.map_or(DATAGRAMS, |it| it.parse().unwrap());
    let is_chosen = move |it: &&Flood| only.as_ref().is_none_or(|only| only == it.name);
    (FLOODS.iter().filter(is_chosen), datagrams)
}

#[test]
fn no_datagram_of_a_peer_makes_much_work() {
    let (floods, datagrams) = chosen();
    for flood in floods {
        let most = run(flood, datagrams, true);
        println!("{:>16}: {most:?}", flood.name);
        assert!(most.allocations <= MAX_ALLOCATIONS, "{}", flood.name);
        assert!(most.bytes <= MAX_BYTES, "{}", flood.name);
    }
}

#[test]
fn no_flood_of_a_peer_is_kept() {
    let (floods, datagrams) = chosen();
    for flood in floods {
        let whole = measure(|| {
            run(flood, datagrams, false);
        });
        println!("{:>16}: {} bytes at most", flood.name, whole.bytes_max);
        assert!(whole.bytes_max <= MAX_PEAK, "{}", flood.name);
    }
}
