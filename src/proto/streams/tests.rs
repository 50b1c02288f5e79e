//! The rules of streams, each shown on whole connections.

#![expect(
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "windows fit into memory; a test that meets something unexpected stops there"
)]

mod receiving;
mod sending;
mod whole;

use super::*;
use crate::wire::frame::StreamFrame;

/// What fits into a packet.
const ROOM: usize = 1_200;

const fn piece(id: u64, offset: u64, fin: bool, data: &[u8]) -> Frame<'_> {
    Frame::Stream(StreamFrame {
        id: StreamId(id),
        offset,
        fin,
        data,
    })
}

const fn reset(id: u64, code: u64, final_size: u64) -> Frame<'static> {
    Frame::Reset {
        id: StreamId(id),
        code,
        final_size,
    }
}

/// A packet arrives: all of it is good or nothing happens.
fn deliver(to: &mut Streams, frames: &[Frame<'_>]) -> Result<(), StreamViolation> {
    to.check(frames)?;
    frames.iter().for_each(|frame| to.apply(frame));
    Ok(())
}

/// Everything that is due now, each frame in a packet of its own.
fn drain(from: &mut Streams) -> Vec<OwnedFrame> {
    let mut frames = Vec::new();
    loop {
        let expected = from.has_frames();
        let frame = from.poll_frame(ROOM);
        assert_eq!(frame.is_some(), expected, "has_frames tells the truth");
        let Some(frame) = frame else { break };
        frames.push(frame);
    }
    frames
}

fn events(of: &mut Streams) -> Vec<StreamEvent> {
    core::iter::from_fn(|| of.poll_event()).collect()
}

/// Carries everything from one side to the other and acknowledges it, until nothing is due.
fn settle(from: &mut Streams, to: &mut Streams) {
    for frame in drain(from) {
        deliver(to, &[frame.as_frame()]).unwrap();
        from.on_acked(&frame.record());
    }
}

/// Id, start and length of a piece of a stream.
fn span_of(frame: &OwnedFrame) -> (u64, u64, u64) {
    match frame.record() {
        StreamRecord::Stream { id, range, .. } => (id.0, range.start, range.end - range.start),
        other => panic!("not a piece of a stream: {other:?}"),
    }
}
