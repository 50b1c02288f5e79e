//! What arrives: order, overlaps, gaps, credit and what a hostile peer can do.

use super::*;
use crate::proto::limits::{DATA_WINDOW, MAX_STREAM_GAPS, MAX_STREAMS, STREAM_WINDOW, WINDOW_MAX};
use crate::proto::rng::CoreRng;
use crate::proto::streams::pages::PAGE;
use crate::proto::streams::recv::Recv;
use crate::wire::limits::BASE_PLAINTEXT_LEN;

#[test]
fn bytes_come_out_in_order_whatever_order_they_came_in_and_the_first_of_two_counts() {
    for seed in 0..50u8 {
        println!("seed {seed}");
        let mut rng = CoreRng::new([seed; 32]);
        let mut streams = Streams::new();
        let len = 1 + rng.below(20_000);
        let (mut model, mut at) = (vec![None; len], 0);
        while at < len {
            let start = rng.below(len + 600).saturating_sub(600);
            let end = len.min(start + rng.below(1_200));
            let bytes: Vec<u8> = (start..end).map(|_| rng.u32() as u8).collect();
            deliver(&mut streams, &[piece(1, start as u64, false, &bytes)]).unwrap();
            for (place, byte) in model[start..end].iter_mut().zip(bytes) {
                place.get_or_insert(byte);
            }
            let max = rng.below(2_000);
            let expected = model[at..].iter().take(max).map_while(|byte| *byte);
            let expected: Vec<u8> = expected.collect();
            assert_eq!(read(&mut streams, CHAT, max), expected);
            at += expected.len();
        }
        assert_eq!(streams.incoming.held(), 0);
    }
}

/// A stream with as many gaps as there may be, at the even offsets from 2 on.
fn gappy(id: u64) -> Streams {
    let mut streams = Streams::new();
    for gap in 1..=MAX_STREAM_GAPS as u64 {
        deliver(&mut streams, &[piece(id, 2 * gap, false, b"x")]).unwrap();
    }
    streams
}

#[test]
fn a_packet_that_makes_too_many_gaps_is_as_if_it_had_never_come() {
    for id in [1, 2] {
        let mut streams = gappy(id);
        let before = format!("{streams:?}");
        let offset = 2 * MAX_STREAM_GAPS as u64 + 2;
        let frames = [piece(1, 0, false, b"good"), piece(id, offset, false, b"x")];
        let found = deliver(&mut streams, &frames[1..]);
        assert_eq!(found, Err(StreamViolation::TooManyGaps));
        assert!(!StreamViolation::TooManyGaps.is_fatal());
        assert_eq!(format!("{streams:?}"), before);
        if id == 2 {
            let found = deliver(&mut streams, &frames);
            assert_eq!(found, Err(StreamViolation::TooManyGaps), "whole");
            assert_eq!(format!("{streams:?}"), before);
        }
        // What closes a gap is welcome, and after it what opens one.
        deliver(&mut streams, &[piece(id, 3, false, b"y")]).unwrap();
        deliver(&mut streams, &[piece(id, offset, false, b"x")]).unwrap();
    }
}

/// A path that loses a fifth, and one on which every second packet is late: no packet is refused, and the
/// repetitions close every gap.
#[test]
fn a_lossy_fast_path_makes_no_more_gaps_than_there_may_be() {
    const PIECE: usize = BASE_PLAINTEXT_LEN - 20;
    let pieces = WINDOW_MAX / PIECE as u64;
    let bytes = [7; PIECE];
    let fifth = |at: u64| (at * 2_654_435_761) % (1 << 32) < (1 << 32) / 5;
    let second = |at: u64| at.is_multiple_of(2);
    for is_lost in [&fifth as &dyn Fn(u64) -> bool, &second] {
        let mut recv = Recv::new();
        recv.widen(WINDOW_MAX);
        recv.poll_frame(StreamId(2)).expect("credit is due");
        let mut most = 0;
        for again in [false, true] {
            for at in (0..pieces).filter(|at| is_lost(*at) == again) {
                let frame = StreamFrame {
                    id: StreamId(2),
                    offset: at * PIECE as u64,
                    fin: false,
                    data: &bytes,
                };
                recv.on_stream(&frame);
                most = most.max(recv.received().unwrap().gaps());
            }
        }
        assert!((2_000..=MAX_STREAM_GAPS).contains(&most), "{most} gaps");
        assert_eq!(recv.received().unwrap().gaps(), 0);
        assert_eq!(recv.received().unwrap().prefix(), pieces * PIECE as u64);
    }
}

#[test]
fn the_gaps_of_a_packet_are_counted_together() {
    let mut streams = gappy(1);
    deliver(&mut streams, &[piece(1, 3, false, b"y")]).unwrap();
    let end = 2 * MAX_STREAM_GAPS as u64;
    let (one, two) = (
        piece(1, end + 2, false, b"x"),
        piece(1, end + 4, false, b"x"),
    );
    assert_eq!(streams.check(core::slice::from_ref(&one)), Ok(()));
    assert_eq!(
        streams.check(&[one.clone(), two.clone()]),
        Err(StreamViolation::TooManyGaps)
    );
    let filled = [piece(1, 5, false, b"y"), one, two];
    assert_eq!(streams.check(&filled), Ok(()));
}

#[test]
fn more_than_a_stream_has_credit_for_is_a_violation() {
    for id in [1, 2] {
        let streams = Streams::new();
        let last = piece(id, STREAM_WINDOW - 1, false, b"x");
        assert_eq!(streams.check(&[last]), Ok(()));
        let beyond = piece(id, STREAM_WINDOW, false, b"x");
        let found = streams.check(&[beyond]);
        assert_eq!(found, Err(StreamViolation::FlowControl));
    }
    let streams = Streams::new();
    let found = streams.check(&[reset(2, 0, STREAM_WINDOW + 1)]);
    assert_eq!(found, Err(StreamViolation::FlowControl));
}

#[test]
fn more_than_all_bulk_streams_have_credit_for_is_a_violation_and_the_chat_does_not_count() {
    let mut streams = Streams::new();
    let full = |id| piece(id, STREAM_WINDOW - 1, false, b"x");
    let count = DATA_WINDOW / STREAM_WINDOW;
    deliver(&mut streams, &[full(1)]).unwrap();
    for id in 2..2 + count {
        deliver(&mut streams, &[full(id)]).unwrap();
    }
    let id = 2 + count;
    for beyond in [piece(id, 0, false, b"x"), reset(id, 0, 1)] {
        let found = streams.check(&[beyond]);
        assert_eq!(found, Err(StreamViolation::FlowControl));
    }
    // An empty piece takes no credit.
    assert_eq!(streams.check(&[piece(id, 0, false, b"")]), Ok(()));
}

#[test]
fn the_credit_that_a_packet_takes_is_counted_together() {
    let streams = Streams::new();
    let count = DATA_WINDOW / STREAM_WINDOW;
    let mut frames: Vec<_> = (2..2 + count)
        .map(|id| piece(id, STREAM_WINDOW - 1, false, b"x"))
        .collect();
    assert_eq!(streams.check(&frames), Ok(()));
    frames.push(piece(2 + count, 0, false, b"x"));
    assert_eq!(streams.check(&frames), Err(StreamViolation::FlowControl));
}

#[test]
fn reading_gives_credit_for_the_stream_and_only_bulk_for_all_streams() {
    let bytes = vec![7; STREAM_WINDOW as usize];
    let mut streams = Streams::new();
    deliver(&mut streams, &[piece(1, 0, false, &bytes)]).unwrap();
    assert_eq!(drain(&mut streams), [], "arriving gives none");
    read(&mut streams, CHAT, bytes.len());
    let max = 2 * STREAM_WINDOW;
    assert_eq!(
        drain(&mut streams),
        [OwnedFrame::Other(Frame::MaxStreamData { id: CHAT, max })]
    );
    let id = StreamId(2);
    deliver(&mut streams, &[piece(2, 0, false, &bytes)]).unwrap();
    read(&mut streams, id, bytes.len());
    let all = DATA_WINDOW + STREAM_WINDOW;
    assert_eq!(
        drain(&mut streams),
        [
            OwnedFrame::Other(Frame::MaxData(all)),
            OwnedFrame::Other(Frame::MaxStreamData { id, max })
        ]
    );
    let more = piece(2, max - 1, false, b"x");
    assert_eq!(streams.check(&[more]), Ok(()));
}

#[test]
fn lost_credit_goes_out_again_with_its_newest_value() {
    let bytes = vec![7; STREAM_WINDOW as usize];
    let mut streams = Streams::new();
    deliver(&mut streams, &[piece(1, 0, false, &bytes)]).unwrap();
    read(&mut streams, CHAT, bytes.len() / 2);
    let first = drain(&mut streams);
    read(&mut streams, CHAT, bytes.len() / 2);
    let second = drain(&mut streams);
    streams.on_lost(first[0].record());
    assert_eq!(drain(&mut streams), []);
    streams.on_lost(second[0].record());
    assert_eq!(drain(&mut streams), second);
}

#[test]
fn a_place_comes_back_only_when_a_stream_is_finished_and_read() {
    let mut streams = Streams::new();
    let last = 1 + MAX_STREAMS;
    deliver(&mut streams, &[piece(last, 0, true, b"body")]).unwrap();
    assert_eq!(streams.incoming.open_count() as u64, MAX_STREAMS);
    let beyond = [piece(last + 1, 0, false, b"")];
    assert_eq!(streams.check(&beyond), Err(StreamViolation::StreamLimit));
    let id = StreamId(last);
    assert_eq!(events(&mut streams), [StreamEvent::Readable(id)]);
    assert_eq!(drain(&mut streams), [], "finished, not read");
    assert_eq!(read(&mut streams, id, 3), b"bod");
    assert_eq!(events(&mut streams), []);
    assert_eq!(read(&mut streams, id, 3), b"y");
    assert_eq!(events(&mut streams), [StreamEvent::Finished(id)]);
    assert_eq!(
        drain(&mut streams),
        [OwnedFrame::Other(Frame::MaxStreams(MAX_STREAMS + 1))]
    );
    assert_eq!(streams.check(&beyond), Ok(()));
    // What comes late for it changes nothing.
    deliver(&mut streams, &[piece(last, 0, true, b"body")]).unwrap();
    deliver(&mut streams, &[reset(last, 1, 4)]).unwrap();
    assert_eq!(events(&mut streams), []);
    assert_eq!(drain(&mut streams), []);
}

#[test]
fn an_empty_stream_finishes_without_being_read() {
    let mut streams = Streams::new();
    deliver(&mut streams, &[piece(2, 0, true, b"")]).unwrap();
    assert_eq!(events(&mut streams), [StreamEvent::Finished(StreamId(2))]);
}

#[test]
fn an_end_that_moves_is_a_violation_also_within_a_packet() {
    let streams = Streams::new();
    for second in [
        piece(2, 0, true, b"abcd"),
        piece(2, 0, true, b"ab"),
        piece(2, 3, false, b"d"),
        reset(2, 0, 4),
        reset(2, 0, 2),
    ] {
        let first = piece(2, 0, true, b"abc");
        let found = streams.check(&[first.clone(), second.clone()]);
        assert_eq!(found, Err(StreamViolation::FinalSize), "{second:?}");
        let mut streams = Streams::new();
        deliver(&mut streams, &[first]).unwrap();
        let found = streams.check(&[second]);
        assert_eq!(found, Err(StreamViolation::FinalSize));
    }
    let same = [
        piece(2, 0, true, b"abc"),
        reset(2, 0, 3),
        piece(2, 1, true, b"bc"),
    ];
    assert_eq!(streams.check(&same), Ok(()));
}

#[test]
fn the_chat_neither_ends_nor_is_given_up_nor_stopped() {
    let streams = Streams::new();
    let stop = Frame::Stop { id: CHAT, code: 1 };
    for frame in [piece(1, 0, true, b"bye"), reset(1, 0, 0), stop] {
        assert_eq!(streams.check(&[frame]), Err(StreamViolation::ChatEnds));
    }
}

#[test]
fn a_reset_throws_away_what_was_not_read_and_gives_its_credit_back() {
    let mut streams = Streams::new();
    let id = StreamId(2);
    let bytes = vec![7; 1_000];
    deliver(&mut streams, &[piece(2, 0, false, &bytes)]).unwrap();
    read(&mut streams, id, 10);
    let size = STREAM_WINDOW;
    deliver(&mut streams, &[reset(2, 9, size)]).unwrap();
    assert_eq!(read(&mut streams, id, 1_000), b"");
    assert_eq!(events(&mut streams), [StreamEvent::Reset { id, code: 9 }]);
    assert_eq!(
        drain(&mut streams),
        [
            OwnedFrame::Other(Frame::MaxData(DATA_WINDOW + size)),
            OwnedFrame::Other(Frame::MaxStreams(MAX_STREAMS + 1))
        ]
    );
    assert_eq!(streams.incoming.held(), 0);
}

#[test]
fn a_reset_is_told_even_if_all_that_was_sent_has_arrived_but_not_after_a_fin() {
    let id = StreamId(2);
    let mut streams = Streams::new();
    deliver(&mut streams, &[piece(2, 0, false, b"half"), reset(2, 9, 4)]).unwrap();
    assert_eq!(events(&mut streams), [StreamEvent::Reset { id, code: 9 }]);

    let mut streams = Streams::new();
    deliver(&mut streams, &[piece(2, 0, true, b"all"), reset(2, 9, 3)]).unwrap();
    assert_eq!(read(&mut streams, id, 9), b"all");
    assert_eq!(events(&mut streams), [StreamEvent::Finished(id)]);
}

#[test]
fn a_stopped_stream_is_thrown_away_in_silence_until_its_length_is_known() {
    let mut streams = Streams::new();
    let id = StreamId(2);
    let bytes = vec![7; 1_000];
    deliver(&mut streams, &[piece(2, 0, false, &bytes)]).unwrap();
    streams.stop(id, 5);
    let stop = drain(&mut streams);
    assert_eq!(stop, [OwnedFrame::Other(Frame::Stop { id, code: 5 })]);
    streams.on_lost(stop[0].record());
    assert_eq!(drain(&mut streams), stop, "again when lost");
    // What is under way is taken and gives its credit back at once.
    let end = STREAM_WINDOW - 1_000;
    deliver(&mut streams, &[piece(2, end, false, &bytes)]).unwrap();
    assert_eq!(
        drain(&mut streams),
        [OwnedFrame::Other(Frame::MaxData(
            DATA_WINDOW + STREAM_WINDOW
        ))]
    );
    assert_eq!(
        (read(&mut streams, id, 99), streams.incoming.held()),
        (vec![], 0)
    );
    deliver(&mut streams, &[reset(2, 5, STREAM_WINDOW)]).unwrap();
    assert_eq!(
        drain(&mut streams),
        [OwnedFrame::Other(Frame::MaxStreams(MAX_STREAMS + 1))]
    );
    assert_eq!(events(&mut streams), []);
    streams.on_lost(stop[0].record());
    assert_eq!(drain(&mut streams), []);
}

#[test]
fn frames_about_streams_that_do_not_exist_are_violations() {
    let streams = Streams::new();
    let stop = |id| Frame::Stop {
        id: StreamId(id),
        code: 0,
    };
    let credit = |id| Frame::MaxStreamData {
        id: StreamId(id),
        max: 1,
    };
    for frame in [
        piece(0, 0, false, b""),
        reset(0, 0, 0),
        stop(0),
        stop(2),
        credit(0),
        credit(2),
    ] {
        assert_eq!(streams.check(&[frame]), Err(StreamViolation::UnknownStream));
    }
    assert_eq!(streams.check(&[credit(1), Frame::Ping]), Ok(()));
}

#[test]
fn numbers_near_their_end_are_refused_or_harmless() {
    let end = (1 << 62) - 1;
    let mut streams = Streams::new();
    for frame in [
        piece(1, end, false, b""),
        piece(1, end - 1, false, b"x"),
        piece(2, end, true, b""),
        piece(2, u64::MAX, false, b"beyond all"),
        reset(2, 0, end),
        reset(2, 0, u64::MAX),
    ] {
        assert_eq!(streams.check(&[frame]), Err(StreamViolation::FlowControl));
    }
    for frame in [piece(end, 0, false, b"x"), reset(u64::MAX, 0, 0)] {
        assert_eq!(streams.check(&[frame]), Err(StreamViolation::StreamLimit));
    }
    let id = streams.open().unwrap();
    for max in [end, u64::MAX, 0] {
        let frames = [
            Frame::MaxData(max),
            Frame::MaxStreams(max),
            Frame::MaxStreamData { id, max },
            Frame::MaxStreamData { id: CHAT, max },
        ];
        deliver(&mut streams, &frames).unwrap();
    }
    // However much the peer allows, no more are open than there may be.
    let opened = core::iter::from_fn(|| streams.open().ok()).count();
    assert_eq!(opened as u64 + 1, MAX_STREAMS);
    assert_eq!(drain(&mut streams), []);
}

#[test]
fn a_hostile_peer_cannot_make_us_hold_more_than_its_windows_and_two_pages_a_stream() {
    let mut streams = Streams::new();
    // One byte in every page, from the far end of every stream down.
    for id in 1..2 + MAX_STREAMS {
        for page in (0..STREAM_WINDOW / PAGE as u64).rev() {
            let offset = page * PAGE as u64 + 7;
            let _ = deliver(&mut streams, &[piece(id, offset, false, b"x")]);
        }
    }
    let streams_held = 1 + MAX_STREAMS as usize;
    let bound = (STREAM_WINDOW + DATA_WINDOW) as usize + streams_held * 2 * PAGE;
    let held = streams.incoming.held();
    assert!(held <= bound, "{held} > {bound}");
    // One byte as far out as it may be costs a page.
    let mut streams = Streams::new();
    deliver(&mut streams, &[piece(1, STREAM_WINDOW - 1, false, b"x")]).unwrap();
    assert_eq!(streams.incoming.held(), PAGE);
}

#[test]
fn what_was_read_is_not_held_while_more_is_on_its_way() {
    let mut streams = Streams::new();
    let bytes = vec![7; 16 * PAGE];
    let far = piece(1, 20 * PAGE as u64, false, b"x");
    deliver(&mut streams, &[piece(1, 0, false, &bytes), far]).unwrap();
    read(&mut streams, CHAT, bytes.len());
    assert_eq!(streams.incoming.held(), PAGE);
}

#[test]
fn streams_opened_and_given_up_in_a_row_leave_nothing_behind() {
    let mut streams = Streams::new();
    for id in 2..1_000 {
        while streams.check(&[reset(id, 0, 100)]).is_err() {
            let waiting = streams.incoming.open_count() as u64;
            assert_eq!(waiting, MAX_STREAMS, "bounded while nobody listens");
            assert_eq!(events(&mut streams).len() as u64, MAX_STREAMS);
            assert_eq!(drain(&mut streams).len(), 1);
        }
        deliver(&mut streams, &[reset(id, 0, 100)]).unwrap();
    }
}

#[test]
fn a_reader_is_told_once_until_it_reads_and_never_forgotten() {
    let mut streams = Streams::new();
    let readable = [StreamEvent::Readable(StreamId(2))];
    deliver(&mut streams, &[piece(2, 0, false, b"ab")]).unwrap();
    assert_eq!(events(&mut streams), readable);
    deliver(&mut streams, &[piece(2, 2, false, b"cd")]).unwrap();
    assert_eq!(events(&mut streams), [], "it knows");
    assert_eq!(read(&mut streams, StreamId(2), 1), b"a");
    assert_eq!(
        events(&mut streams),
        readable,
        "c and d came since it was told"
    );
    assert_eq!(read(&mut streams, StreamId(2), 9), b"bcd");
    assert_eq!(events(&mut streams), []);
    deliver(&mut streams, &[piece(2, 4, false, b"e")]).unwrap();
    assert_eq!(events(&mut streams), readable);
}

#[test]
fn whoever_reads_in_part_gets_the_rest_and_is_told_of_what_comes_and_of_the_end() {
    let mut streams = Streams::new();
    let id = StreamId(2);
    let readable = [StreamEvent::Readable(id)];
    deliver(&mut streams, &[piece(2, 0, false, b"abcd")]).unwrap();
    assert_eq!(events(&mut streams), readable);
    assert_eq!(read(&mut streams, id, 1), b"a");
    assert_eq!(events(&mut streams), [], "the reader left it");
    assert_eq!(read(&mut streams, id, 1), b"b");
    // Out of order: nothing can be read of it yet.
    deliver(&mut streams, &[piece(2, 6, true, b"gh")]).unwrap();
    assert_eq!(events(&mut streams), []);
    deliver(&mut streams, &[piece(2, 4, false, b"ef")]).unwrap();
    assert_eq!(events(&mut streams), readable);
    deliver(&mut streams, &[piece(2, 8, true, b"")]).unwrap();
    assert_eq!(read(&mut streams, id, 5), b"cdefg");
    assert_eq!(events(&mut streams), [], "h was there when it was told");
    assert_eq!(read(&mut streams, id, 5), b"h");
    assert_eq!(events(&mut streams), [StreamEvent::Finished(id)]);
}
