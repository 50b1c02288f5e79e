//! What the frames must be, byte for byte, and what is refused.

use super::*;

const HELLO_OF_BOB: Hello<'_> = Hello {
    oldest_version: 1,
    newest_version: 2,
    largest_message: 1 << 24,
    capabilities: 1 << 61,
    signing_key: VerifyingKey::new([7; 32]),
    nickname: b"bob",
};

fn round_trip(frames: Vec<Frame<'_>>) -> usize {
    let payload = Payload {
        number: PacketNumber(300),
        frames: frames.as_slice().into(),
    };
    let bytes = payload.encode(1_200);
    assert_eq!(Payload::parse(&bytes).as_ref(), Ok(&payload));
    bytes.len()
}

#[test]
fn every_frame_round_trips_into_its_bucket() {
    let ack = Ack {
        delay_us: 25,
        ranges: [(90, 100), (80, 88), (0, 3)].as_slice().into(),
    };
    let hello = Frame::Hello(HELLO_OF_BOB);
    assert_eq!(round_trip(vec![Frame::Ping, Frame::Ack(ack)]), 64);
    assert_eq!(round_trip(vec![hello]), 64);
    assert_eq!(round_trip(vec![Frame::Close(CloseCode::Declined)]), 64);
    let piece = |data| {
        Frame::Stream(StreamFrame {
            id: StreamId(1),
            offset: 0,
            fin: false,
            data,
        })
    };
    assert_eq!(round_trip(vec![piece(&[7; 100])]), 128);
    assert_eq!(round_trip(vec![piece(&[7; 1_000])]), 1_024);
}

#[test]
fn every_step_of_a_comparison_round_trips_at_the_length_that_it_says() {
    let verdicts = [
        Verdict::Same,
        Verdict::Different,
        Verdict::Withdrawn,
        Verdict::Later,
    ];
    let steps = [
        VerifyStep::Ask {
            handshake: [4; 32],
            commitment: [1; 32],
        },
        VerifyStep::Answer { nonce: [2; 32] },
        VerifyStep::Reveal { nonce: [3; 32] },
    ];
    for step in steps.into_iter().chain(verdicts.map(VerifyStep::Verdict)) {
        let verify = Verify { attempt: 7, step };
        round_trip(vec![Frame::Verify(verify), Frame::Ping]);
        let mut writer = Writer::default();
        encode_frame(&Frame::Verify(verify), &mut writer);
        let prefix = if verify.body_len() < 64 { 1 } else { 2 };
        assert_eq!(writer.len(), 2 + prefix + verify.body_len());
    }
}

#[test]
fn a_step_that_is_too_short_or_too_long_is_refused_and_a_later_one_skipped() {
    let parse = |body: &[u8]| {
        let mut writer = Writer::default();
        writer.bytes(&[0, 0x40, 0x40]).prefixed(body);
        Payload::parse(&writer.into_vec())
            .map(|payload| payload.frames.len() == 1 && payload.frames[0] == Frame::Skipped)
    };
    let step = |kind: u8, len: usize| [&[kind; 1], [0; 80].get(..len).unwrap()].concat();
    for (kind, len) in [(0, 72), (1, 40), (2, 40), (3, 9)] {
        assert_eq!(parse(&step(kind, len)), Ok(false));
        assert!(parse(&step(kind, len - 1)).is_err());
        assert!(parse(&step(kind, len + 1)).is_err());
    }
    assert_eq!(parse(&[&step(3, 8)[..], &[9]].concat()), Ok(true));
    assert_eq!(parse(&step(4, 12)), Ok(true));
    assert!(parse(&[0; 4]).is_err());
}

#[test]
fn every_frame_of_the_connection_round_trips() {
    let id = StreamId(70_000);
    round_trip(vec![
        Frame::Stream(StreamFrame {
            id,
            offset: 1 << 40,
            fin: true,
            data: b"data",
        }),
        Frame::Stream(StreamFrame {
            id: StreamId(1),
            offset: 0,
            fin: false,
            data: b"",
        }),
        Frame::Reset {
            id,
            code: 3,
            final_size: 1 << 50,
        },
        Frame::Stop { id, code: 4 },
        Frame::MaxData(5),
        Frame::MaxStreamData { id, max: 6 },
        Frame::MaxStreams(7),
        Frame::Receipt(&[8; RECEIPT_MAX_LEN]),
        Frame::Reject(b""),
        Frame::PathChallenge([8; 8]),
        Frame::PathResponse([9; 8]),
    ]);
}

#[test]
fn questions_and_answers_about_a_path_have_eight_bytes_and_ask_for_an_ack() {
    let parsed = Payload::parse(&[
        0, 0x0f, 1, 2, 3, 4, 5, 6, 7, 8, 0x10, 8, 7, 6, 5, 4, 3, 2, 1,
    ]);
    let expected = [
        Frame::PathChallenge([1, 2, 3, 4, 5, 6, 7, 8]),
        Frame::PathResponse([8, 7, 6, 5, 4, 3, 2, 1]),
    ];
    assert!(expected.iter().all(Frame::is_ack_eliciting));
    assert_eq!(parsed.unwrap().frames[..], expected);
    for kind in [0x0f, 0x10] {
        let short = [0, kind, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(Payload::parse(&short), Err(DecodeError::Truncated));
    }
}

#[test]
fn a_stream_cannot_reach_beyond_the_largest_offset() {
    let mut writer = Writer::default();
    writer
        .varint(0)
        .varint(STREAM)
        .varint(1)
        .varint(VARINT_MAX)
        .prefixed(b"x");
    assert_eq!(
        Payload::parse(&writer.into_vec()),
        Err(DecodeError::TooLong)
    );
}

#[test]
fn a_receipt_has_a_longest_body() {
    for kind in [RECEIPT, REJECT] {
        let mut writer = Writer::default();
        writer
            .varint(0)
            .varint(kind)
            .prefixed(&[0; RECEIPT_MAX_LEN + 1]);
        let parsed = Payload::parse(&writer.into_vec()).map(|_| ());
        assert_eq!(parsed, Err(DecodeError::TooLong));
    }
}

#[test]
fn hostile_acks_are_refused() {
    // Largest 5, first range longer than the numbers that exist.
    assert!(Payload::parse(&[0, 2, 5, 0, 0, 6]).is_err());
    // A gap below zero.
    assert!(Payload::parse(&[0, 2, 5, 0, 1, 0, 4, 0]).is_err());
    // 33 ranges.
    assert_eq!(
        Payload::parse(&[0, 2, 63, 0, 32, 0]),
        Err(DecodeError::TooLong)
    );
}

#[test]
fn unknown_types_below_64_and_odd_extensions_are_refused_and_even_ones_skipped() {
    assert_eq!(Payload::parse(&[0, 0x3f]), Err(DecodeError::Unknown));
    assert_eq!(
        Payload::parse(&[0, 0x40, 0x41, 0]),
        Err(DecodeError::Unknown)
    );
    let skipped = Payload::parse(&[0, 0x40, 0x42, 2, 9, 9, 1]).unwrap();
    assert_eq!(skipped.frames[..], [Frame::Skipped, Frame::Ping]);
    assert!(Payload::parse(&[0, 0x40, 0x42, 3, 9, 9]).is_err());
}

/// HELLO_OF_BOB after packet number 0, byte for byte.
fn hello_of_bob() -> Vec<u8> {
    let mut bytes = vec![0, 3, 52, 1, 0, 2, 0, 0x81, 0, 0, 0];
    bytes.extend_from_slice(&[0xe0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&[7; 32]);
    bytes.extend_from_slice(b"\x03bob");
    bytes
}

#[test]
fn a_hello_has_the_layout_of_the_specification() {
    let payload = Payload {
        number: PacketNumber(0),
        frames: [Frame::Hello(HELLO_OF_BOB)].as_slice().into(),
    };
    let mut expected = hello_of_bob();
    let encoded = payload.encode(1_200);
    assert_eq!(Payload::parse(&expected), Ok(payload));
    expected.resize(64, 0);
    assert_eq!(encoded, expected);
}

#[test]
fn a_hello_knows_its_length() {
    for len in [0, 3, 60, NICKNAME_MAX_LEN] {
        let hello = Hello {
            nickname: &[b'n'; NICKNAME_MAX_LEN][..len],
            ..HELLO_OF_BOB
        };
        let mut writer = Writer::default();
        hello.encode(&mut writer);
        assert_eq!(hello.frame_len(), writer.len(), "{len}");
    }
}

#[test]
fn later_versions_say_by_the_number_of_a_code_whether_it_is_final() {
    for (code, is_final) in [
        (0, false),
        (1, true),
        (2, true),
        (3, true),
        (4, false),
        (FINAL_CLOSE_CODE - 1, false),
        (FINAL_CLOSE_CODE, true),
        (VARINT_MAX, true),
    ] {
        assert_eq!(CloseCode::from_code(code).is_final(), is_final, "{code}");
    }
}

#[test]
fn a_later_hello_may_carry_more() {
    let mut bytes = hello_of_bob();
    bytes.extend_from_slice(&[99, 99]);
    bytes[2] += 2;
    let parsed = Payload::parse(&bytes).unwrap();
    assert_eq!(parsed.frames[..], [Frame::Hello(HELLO_OF_BOB)]);
}

#[test]
fn a_hello_that_says_nonsense_is_refused() {
    let refused = |change: fn(&mut Vec<u8>), error| {
        let mut bytes = hello_of_bob();
        change(&mut bytes);
        assert_eq!(Payload::parse(&bytes), Err(error));
    };
    // The oldest version is above the newest.
    refused(|bytes| bytes[3] = 3, DecodeError::NotCanonical);
    // The largest message in more bytes than it needs.
    refused(|bytes| bytes[7] = 0x80, DecodeError::NotCanonical);
    // The nickname reaches beyond the body.
    refused(|bytes| bytes[2] -= 1, DecodeError::Truncated);
    refused(
        |bytes| {
            bytes.truncate(51);
            bytes.extend_from_slice(&[0x40, 129]);
            bytes.extend_from_slice(&[b'x'; 129]);
            bytes.splice(2..3, [0x40, 179]);
        },
        DecodeError::TooLong,
    );
}

#[test]
fn no_mutation_of_a_good_payload_panics() {
    let ack = Ack {
        delay_us: 25,
        ranges: [(90, 100), (0, 3)].as_slice().into(),
    };
    let frames = vec![
        Frame::Hello(HELLO_OF_BOB),
        Frame::Ack(ack),
        Frame::Stop {
            id: StreamId(1),
            code: 2,
        },
        Frame::PathChallenge([5; 8]),
        Frame::Close(CloseCode::Goodbye),
    ];
    let bytes = Payload {
        number: PacketNumber(9),
        frames: frames.as_slice().into(),
    }
    .encode(1_200);
    for position in 0..bytes.len() {
        for value in 0..=255 {
            let mut changed = bytes.clone();
            changed[position] = value;
            let _ = Payload::parse(&changed);
        }
        let _ = Payload::parse(&bytes[..position]);
    }
}

#[test]
fn a_plaintext_knows_its_room_and_is_padded_to_a_bucket_or_in_full() {
    let mut bytes = Writer::default();
    let mut writer = PayloadWriter::new(&mut bytes, PacketNumber(300), 100);
    assert_eq!(writer.room(), 98);
    writer.push(&Frame::Ping);
    assert_eq!(writer.room(), 97);
    writer.finish();
    let mut full = bytes.into_vec();
    assert_eq!(full.len(), 64);
    full.resize(100, 0);
    let mut bytes = Writer::default();
    let mut writer = PayloadWriter::new(&mut bytes, PacketNumber(300), 100);
    writer.push(&Frame::Ping);
    writer.finish_full();
    assert_eq!(bytes.into_vec(), full);
}

#[test]
fn a_piece_takes_exactly_what_it_is_said_to() {
    let numbers = [0, 63, 64, 16_383, 16_384, (1 << 30) - 1, 1 << 30];
    let data = [7; 100];
    for (id, offset) in numbers
        .into_iter()
        .flat_map(|it| numbers.map(|at| (it, at)))
    {
        for len in [0, 63, 64, 100] {
            let mut bytes = Writer::default();
            let mut writer = PayloadWriter::new(&mut bytes, PacketNumber(0), 1_200);
            let before = writer.room();
            writer.push(&Frame::Stream(StreamFrame {
                id: StreamId(id),
                offset,
                fin: false,
                data: &data[..len],
            }));
            let taken = before - writer.room();
            assert_eq!(
                taken,
                StreamFrame::overhead(StreamId(id), offset, len) + len
            );
        }
    }
}

#[test]
fn a_stream_may_reach_up_to_the_largest_offset() {
    let last = Frame::Stream(StreamFrame {
        id: StreamId(1),
        offset: VARINT_MAX - 1,
        fin: false,
        data: b"x",
    });
    round_trip(vec![last]);
}

#[test]
fn an_ack_is_about_the_numbers_in_its_ranges() {
    let ack = Ack {
        delay_us: 0,
        ranges: [(8, 9), (3, 5)].into_iter().collect(),
    };
    let told: Vec<u64> = (0..12)
        .filter(|it| ack.contains(PacketNumber(*it)))
        .collect();
    assert_eq!(told, [3, 4, 5, 8, 9]);
}

#[test]
fn only_what_says_nothing_but_ack_or_close_wants_no_ack() {
    let ack = Frame::Ack(Ack {
        delay_us: 0,
        ranges: [(0, 0)].into_iter().collect(),
    });
    let close = Frame::Close(CloseCode::Goodbye);
    assert!(!ack.is_ack_eliciting() && !close.is_ack_eliciting());
    let wants = |frames: &[Frame<'static>]| {
        let frames = frames.to_vec();
        let number = PacketNumber(0);
        let frames = frames.into_iter().collect();
        Payload { number, frames }.is_ack_eliciting()
    };
    assert!(!wants(&[]) && !wants(&[ack.clone(), close.clone()]));
    assert!(wants(&[ack, Frame::Ping, close]));
}

#[test]
fn a_hello_of_one_version_only_is_sound() {
    let hello = Hello {
        oldest_version: 2,
        newest_version: 2,
        ..HELLO_OF_BOB
    };
    round_trip(vec![Frame::Hello(hello)]);
}
