//! `docs/vectors/frames.txt` and what we say are the same bytes. The file was computed by another program.

use std::collections::BTreeMap;

use super::*;
use crate::chat::message::{Body, LogId, Record};
use crate::chat::ranges::Ranges;
use crate::chat::receipt::{Receipt, Reject};
use crate::id::{PacketNumber, StreamId, VerifyingKey};
use crate::wire::frame::{
    Ack, CloseCode, Frame, Hello, Payload, StreamFrame, Verdict, Verify, VerifyStep,
};

const PUBLISHED: &str = include_str!("../../../docs/vectors/frames.txt");
const README: &str = include_str!("../../../docs/vectors/README.md");
const LOG: LogId = LogId(0x0123_4567_89ab_cdef);
const TOKEN: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn record(body: Body<'_>) -> Vec<u8> {
    let name = Name {
        log: LOG,
        sequence: 7,
    };
    let record = Record {
        kind: 1,
        conversation: b"",
        name,
        sent_at: UnixTime(1_700_000_000_123),
        body,
    };
    record.encode_in(Vec::new())
}

fn receipt() -> Vec<u8> {
    let mut bodies = Vec::new();
    let ranges = Ranges::from_iter([(0, 4), (6, 6), (10, 11)]);
    Receipt::encode(LOG, &ranges, |body| {
        bodies.extend_from_slice(&body);
        true
    });
    bodies
}

fn reject() -> Vec<u8> {
    let reject = Reject {
        name: Name {
            log: LOG,
            sequence: 7,
        },
        reason: RejectReason::Refused,
    };
    reject.encode().to_vec()
}

/// A plaintext, which reads as what it was made of.
fn packet(number: u64, frames: &[Frame<'_>]) -> Vec<u8> {
    let payload = Payload {
        number: PacketNumber(number),
        frames: frames.into(),
    };
    let bytes = payload.encode(1_200);
    assert_eq!(Payload::parse(&bytes), Ok(payload));
    bytes
}

fn hello() -> Vec<u8> {
    let key = "aca815bfb7a85434b327fb33940e1af7455f83ad9114322373e966cfde77c249";
    let key = core::array::from_fn(|at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap());
    let hello = Hello {
        oldest_version: 1,
        newest_version: 1,
        largest_message: 1 << 24,
        capabilities: 1,
        signing_key: VerifyingKey::new(key),
        nickname: b"bob",
    };
    packet(0, &[Frame::Hello(hello)])
}

fn ack() -> Vec<u8> {
    let ack = Ack {
        delay_us: 25,
        ranges: [(90, 100), (80, 88), (0, 3)].as_slice().into(),
    };
    packet(300, &[Frame::Ack(ack), Frame::Ping])
}

fn streams(record: &[u8]) -> Vec<u8> {
    let piece = |id, offset, fin, data| {
        Frame::Stream(StreamFrame {
            id: StreamId(id),
            offset,
            fin,
            data,
        })
    };
    let frames = [
        piece(1, 0, false, record),
        piece(2, 65_534, true, b"end".as_slice()),
    ];
    packet(1, &frames)
}

fn credit() -> Vec<u8> {
    let frames = [
        Frame::Reset {
            id: StreamId(2),
            code: 0,
            final_size: 5,
        },
        Frame::Stop {
            id: StreamId(3),
            code: 0,
        },
        Frame::MaxData((1 << 22) + 1),
        Frame::MaxStreamData {
            id: StreamId(2),
            max: 1 << 21,
        },
        Frame::MaxStreams(17),
    ];
    packet(63, &frames)
}

fn verify() -> Vec<u8> {
    let frame = |step| {
        Frame::Verify(Verify {
            attempt: 0x0102_0304_0506_0708,
            step,
        })
    };
    let ask = VerifyStep::Ask {
        handshake: [0x11; 32],
        commitment: [0x22; 32],
    };
    let frames = [frame(ask), frame(VerifyStep::Verdict(Verdict::Same))];
    packet(16_384, &frames)
}

#[test]
fn what_stands_inside_the_seal_is_what_is_published() {
    let text = record(Body::Here("grüß dich".as_bytes()));
    let long = Body::Elsewhere {
        stream: StreamId(2),
        len: 65_537,
    };
    let (receipt, reject) = (receipt(), reject());
    let notes = [Frame::Receipt(&receipt), Frame::Reject(&reject)];
    let path = [Frame::PathChallenge(TOKEN), Frame::PathResponse(TOKEN)];
    let ours = BTreeMap::from([
        ("message_record", text.clone()),
        ("message_record_long", record(long)),
        ("receipt_body", receipt.clone()),
        ("reject_body", reject.clone()),
        ("hello_packet", hello()),
        ("ack_packet", ack()),
        ("stream_packet", streams(&text)),
        ("credit_packet", credit()),
        ("note_packet", packet(64, &notes)),
        ("path_packet", packet(16_383, &path)),
        ("verify_packet", verify()),
        (
            "close_packet",
            packet(70_000, &[Frame::Close(CloseCode::Declined)]),
        ),
    ]);
    let lines = PUBLISHED.lines().filter(|line| !line.starts_with('#'));
    let published: BTreeMap<_, _> = lines.map(|line| line.split_once(" = ").unwrap()).collect();
    assert!(published.keys().eq(ours.keys()));
    for (name, bytes) in ours {
        assert_eq!(published[name], hex(&bytes), "{name}");
        assert!(README.contains(&format!("`{name}`")), "{name}");
    }
}
