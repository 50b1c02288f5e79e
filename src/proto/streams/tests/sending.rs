//! What leaves: whose turn it is, credit, losses, acknowledgements, RESET and STOP.

use super::*;
use crate::proto::limits::{BULK_SHARE, DATA_WINDOW, MAX_STREAMS, STREAM_WINDOW, WINDOW_MAX};

const MIB: usize = 1_024 * 1_024;

/// The ids of the next `count` pieces, each of a full packet.
fn turns(streams: &mut Streams, count: usize) -> Vec<u64> {
    let frames = core::iter::from_fn(|| poll_frame(streams, ROOM)).take(count);
    frames.map(|frame| span_of(&frame).0).collect()
}

#[test]
fn the_chat_goes_before_bulk() {
    let mut streams = Streams::new();
    let id = streams.open().unwrap();
    streams.write(id, &vec![7; 10_000]);
    assert_eq!(turns(&mut streams, 2), [2, 2]);
    streams.write(CHAT, b"a line");
    assert_eq!(turns(&mut streams, 2), [1, 2]);
}

#[test]
fn control_frames_go_before_the_chat() {
    let mut streams = Streams::new();
    let id = streams.open().unwrap();
    streams.write(CHAT, b"a line");
    streams.reset(id, 3);
    let frames = drain(&mut streams);
    let final_size = 0;
    assert_eq!(
        frames[0],
        OwnedFrame::Other(Frame::Reset {
            id,
            code: 3,
            final_size
        })
    );
    assert_eq!(span_of(&frames[1]), (1, 0, 6));
}

#[test]
fn bulk_keeps_a_tenth_while_the_chat_is_always_busy() {
    let mut streams = Streams::new();
    let id = streams.open().unwrap();
    streams.write(id, &vec![7; MIB]);
    let (mut chat, mut bulk, mut longest, mut run) = (0, 0, 0, 0);
    for _ in 0..500 {
        streams.write(CHAT, &[1; ROOM]);
        let frame = poll_frame(&mut streams, ROOM).unwrap();
        streams.on_acked(&frame.record());
        let (id, _, len) = span_of(&frame);
        if id == 1 {
            (chat, run) = (chat + len, run + 1);
        } else {
            (bulk, run) = (bulk + len, 0);
        }
        longest = longest.max(run);
        let _ = events(&mut streams);
    }
    let share = (chat + bulk) / bulk;
    assert!((BULK_SHARE - 1..=BULK_SHARE).contains(&share), "1/{share}");
    assert!(longest <= 9, "{longest} packets of chat in a row");
}

#[test]
fn bulk_that_no_longer_waits_has_no_claim_later() {
    let mut streams = Streams::new();
    let id = streams.open().unwrap();
    streams.write(id, &[7; 10_000]);
    streams.write(CHAT, &[1; 10_000]);
    assert_eq!(turns(&mut streams, 7), [1; 7]);
    streams.reset(id, 0);
    assert!(poll_frame(&mut streams, ROOM).is_some(), "the reset");
    assert_eq!(turns(&mut streams, 1), [1]);
    let id = streams.open().unwrap();
    streams.write(id, &[7; 10_000]);
    streams.write(CHAT, &[1; 5_000]);
    assert_eq!(turns(&mut streams, 5), [1; 5]);
}

#[test]
fn bulk_streams_take_turns() {
    let mut streams = Streams::new();
    for _ in 0..3 {
        let id = streams.open().unwrap();
        streams.write(id, &vec![7; 10_000]);
    }
    assert_eq!(turns(&mut streams, 7), [2, 3, 4, 2, 3, 4, 2]);
}

#[test]
fn what_was_lost_goes_out_before_what_is_new_and_what_arrived_late_does_not() {
    let mut streams = Streams::new();
    streams.write(CHAT, &[1; 10_000]);
    let sent: Vec<_> = (0..3)
        .map(|_| poll_frame(&mut streams, ROOM).unwrap())
        .collect();
    streams.on_lost(sent[2].record());
    streams.on_lost(sent[0].record());
    assert_eq!(poll_frame(&mut streams, ROOM).as_ref(), Some(&sent[0]));
    streams.on_acked(&sent[2].record());
    let (_, start, len) = span_of(&sent[2]);
    let next = poll_frame(&mut streams, ROOM).unwrap();
    assert_eq!(span_of(&next).1, start + len);
}

#[test]
fn what_has_arrived_meanwhile_does_not_go_out_again_when_its_first_packet_is_lost() {
    let mut streams = Streams::new();
    streams.write(CHAT, &[1; 1_000]);
    let first = poll_frame(&mut streams, ROOM).unwrap();
    // A probe.
    streams.on_lost(first.record());
    let again = poll_frame(&mut streams, 600).unwrap();
    let rest = poll_frame(&mut streams, 600).unwrap();
    streams.on_acked(&again.record());
    streams.on_lost(first.record());
    assert_eq!(drain(&mut streams), [rest]);
}

#[test]
fn a_lost_piece_is_split_to_fit_a_smaller_packet() {
    let mut streams = Streams::new();
    streams.write(CHAT, &[1; 1_000]);
    let frame = poll_frame(&mut streams, ROOM).unwrap();
    streams.on_lost(frame.record());
    let parts: Vec<_> = core::iter::from_fn(|| poll_frame(&mut streams, 600)).collect();
    let total: u64 = parts.iter().map(|part| span_of(part).2).sum();
    assert_eq!((parts.len(), total), (2, 1_000));
}

#[test]
fn no_frame_is_longer_than_its_room() {
    for room in 0..200 {
        let mut streams = Streams::new();
        streams.write(CHAT, &[1; 500]);
        let id = streams.open().unwrap();
        streams.write(id, &[1; 500]);
        streams.finish(id);
        for _ in 0..2 {
            let Some(frame) = poll_frame(&mut streams, room) else {
                continue;
            };
            let data = match frame.record() {
                StreamRecord::Stream { range, .. } => range.end - range.start,
                other => panic!("{other:?}"),
            };
            assert!(data > 0 || room >= 4);
        }
    }
}

#[test]
fn a_stream_is_sent_only_as_far_as_its_credit() {
    let mut streams = Streams::new();
    let id = streams.open().unwrap();
    for (id, sent) in [(CHAT, STREAM_WINDOW), (id, STREAM_WINDOW)] {
        let mut end = 0;
        loop {
            streams.write(id, &[1; 10_000]);
            let frames = drain(&mut streams);
            frames
                .iter()
                .for_each(|frame| streams.on_acked(&frame.record()));
            let Some(last) = frames.last() else { break };
            let (_, start, len) = span_of(last);
            end = start + len;
        }
        assert_eq!(end, sent);
        let max = STREAM_WINDOW + 5;
        deliver(&mut streams, &[Frame::MaxStreamData { id, max }]).unwrap();
        // Credit never shrinks.
        deliver(&mut streams, &[Frame::MaxStreamData { id, max: 1 }]).unwrap();
        let frames = drain(&mut streams);
        assert_eq!(span_of(&frames[0]), (id.0, STREAM_WINDOW, 5));
    }
}

#[test]
fn bulk_streams_share_a_credit_that_the_chat_does_not_need() {
    let mut streams = Streams::new();
    let count = (DATA_WINDOW / STREAM_WINDOW) as usize + 1;
    for _ in 0..count {
        let id = streams.open().unwrap();
        assert_eq!(streams.write(id, &vec![7; MIB]), MIB);
    }
    let frames = drain(&mut streams);
    let total: u64 = frames.iter().map(|frame| span_of(frame).2).sum();
    assert_eq!(total, DATA_WINDOW);
    streams.write(CHAT, b"a line");
    assert_eq!(turns(&mut streams, 9), [1]);
    // What was lost has its credit already.
    streams.on_lost(frames[0].record());
    assert_eq!(drain(&mut streams), frames[..1]);
    deliver(&mut streams, &[Frame::MaxData(DATA_WINDOW + 100)]).unwrap();
    let frames = drain(&mut streams);
    assert_eq!(
        frames.iter().map(|frame| span_of(frame).2).sum::<u64>(),
        100
    );
}

#[test]
fn streams_keep_more_for_a_peer_that_gives_more_credit_up_to_a_bound() {
    let mut streams = Streams::new();
    let ids: Vec<_> = (0..3).map(|_| streams.open().unwrap()).collect();
    let full = vec![7; 2 * WINDOW_MAX as usize];
    assert_eq!(streams.write(ids[0], &full), MIB);
    events(&mut streams);
    let max = 1 << 40;
    let mut credit = vec![Frame::MaxData(max)];
    credit.extend(ids.iter().map(|id| Frame::MaxStreamData { id: *id, max }));
    deliver(&mut streams, &credit).unwrap();
    assert_eq!(events(&mut streams), [StreamEvent::Writable(ids[0])]);
    assert_eq!(streams.write(ids[0], &full), 15 * MIB);
    for id in &ids[1..] {
        assert_eq!(streams.write(*id, &full), MIB, "its own part is left");
        assert_eq!(streams.write(*id, &full), 0);
    }
    assert_eq!(streams.write(CHAT, &full), 256 * 1_024);
    streams.reset(ids[0], 1);
    assert_eq!(streams.write(ids[1], &full), 14 * MIB);
}

#[test]
fn a_write_takes_what_fits_and_says_when_there_is_room_again() {
    let mut streams = Streams::new();
    assert_eq!(streams.write(CHAT, &vec![1; MIB]), 256 * 1_024);
    assert_eq!(streams.write(CHAT, b"x"), 0);
    let id = streams.open().unwrap();
    assert_eq!(streams.write(id, &vec![1; 2 * MIB]), MIB);
    assert_eq!(streams.outgoing.held(), MIB + 256 * 1_024);
    let (first, second) = (
        poll_frame(&mut streams, ROOM).unwrap(),
        poll_frame(&mut streams, ROOM).unwrap(),
    );
    streams.on_acked(&second.record());
    assert_eq!(events(&mut streams), [], "not in order");
    streams.on_acked(&first.record());
    let (_, start, len) = span_of(&second);
    let to = start + len;
    assert_eq!(
        events(&mut streams),
        [
            StreamEvent::Acked { id: CHAT, to },
            StreamEvent::Writable(CHAT)
        ]
    );
    assert_eq!(streams.write(CHAT, &[1; 10_000]) as u64, to);
}

#[test]
fn acked_to_is_the_length_that_has_arrived_without_a_hole() {
    let mut streams = Streams::new();
    let id = streams.open().unwrap();
    streams.write(id, &[1; 3_000]);
    streams.finish(id);
    let frames = drain(&mut streams);
    assert_eq!(streams.acked_to(id), 0);
    for (index, acked) in [(1, 0), (0, span_of(&frames[2]).1), (2, 3_000)] {
        streams.on_acked(&frames[index].record());
        assert_eq!(streams.acked_to(id), acked);
    }
    let to = 3_000;
    assert_eq!(events(&mut streams), [StreamEvent::Acked { id, to }]);
    assert_eq!(streams.acked_to(id), 3_000, "also when it is over");
    assert_eq!(streams.acked_to(StreamId(99)), 0);
}

#[test]
fn an_end_goes_out_again_until_it_arrives() {
    let mut streams = Streams::new();
    let id = streams.open().unwrap();
    streams.write(id, b"body");
    let body = drain(&mut streams);
    streams.on_acked(&body[0].record());
    streams.finish(id);
    assert_eq!(streams.write(id, b"more"), 0);
    let end = drain(&mut streams);
    assert_eq!(end[0].as_frame(), piece(2, 4, true, b""));
    assert_eq!(drain(&mut streams), []);
    streams.on_lost(end[0].record());
    assert_eq!(drain(&mut streams), end);
    streams.on_acked(&end[0].record());
    streams.on_lost(end[0].record());
    assert_eq!(drain(&mut streams), []);
}

#[test]
fn places_are_refused_until_the_peer_has_read_a_stream() {
    let (mut here, mut there) = (Streams::new(), Streams::new());
    let ids: Vec<_> = core::iter::from_fn(|| here.open().ok()).collect();
    assert_eq!(ids.len() as u64, MAX_STREAMS);
    here.write(ids[3], b"body");
    here.finish(ids[3]);
    settle(&mut here, &mut there);
    settle(&mut there, &mut here);
    assert_eq!(here.open(), Err(StreamsBlocked), "arrived, not read");
    let _ = (events(&mut here), events(&mut there));
    read(&mut there, ids[3], 4);
    assert_eq!(events(&mut there), [StreamEvent::Finished(ids[3])]);
    settle(&mut there, &mut here);
    assert_eq!(events(&mut here), [StreamEvent::Openable]);
    assert_eq!(here.open(), Ok(StreamId(2 + MAX_STREAMS)));
    assert_eq!(here.open(), Err(StreamsBlocked));
}

#[test]
fn a_stream_given_up_sends_only_its_reset_until_that_arrives() {
    let mut streams = Streams::new();
    let id = streams.open().unwrap();
    streams.write(id, &[1; 5_000]);
    let sent = poll_frame(&mut streams, ROOM).unwrap();
    streams.reset(id, 7);
    assert_eq!(streams.outgoing.held(), 0);
    streams.on_lost(sent.record());
    let (_, _, final_size) = span_of(&sent);
    let code = 7;
    let expected = OwnedFrame::Other(Frame::Reset {
        id,
        code,
        final_size,
    });
    let frames = drain(&mut streams);
    assert_eq!(frames, [expected]);
    streams.on_lost(frames[0].record());
    assert_eq!(drain(&mut streams), frames);
    streams.on_acked(&frames[0].record());
    streams.on_lost(frames[0].record());
    streams.reset(id, 8);
    streams.write(id, b"x");
    assert_eq!(drain(&mut streams), []);
}

#[test]
fn a_stop_is_answered_with_a_reset_and_told_once() {
    let (mut here, mut there) = (Streams::new(), Streams::new());
    let id = here.open().unwrap();
    here.write(id, &[1; 5_000]);
    let first = poll_frame(&mut here, ROOM).unwrap();
    deliver(&mut there, &[first.as_frame()]).unwrap();
    there.stop(id, 6);
    settle(&mut there, &mut here);
    deliver(&mut here, &[Frame::Stop { id, code: 6 }]).unwrap();
    assert_eq!(events(&mut here), [StreamEvent::Stopped { id, code: 6 }]);
    assert_eq!(here.write(id, b"x"), 0);
    settle(&mut here, &mut there);
    assert_eq!((events(&mut here), events(&mut there)), (vec![], vec![]));
    settle(&mut there, &mut here);
    let opened = core::iter::from_fn(|| here.open().ok()).count();
    assert_eq!(opened as u64, MAX_STREAMS, "the place came back");
}

#[test]
fn a_stop_of_a_stream_that_has_arrived_whole_changes_nothing() {
    let (mut here, mut there) = (Streams::new(), Streams::new());
    let id = here.open().unwrap();
    here.write(id, b"body");
    here.finish(id);
    settle(&mut here, &mut there);
    deliver(&mut here, &[Frame::Stop { id, code: 6 }]).unwrap();
    assert_eq!(events(&mut here), [StreamEvent::Acked { id, to: 4 }]);
    assert_eq!(drain(&mut here), []);
}
