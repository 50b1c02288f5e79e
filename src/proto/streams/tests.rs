//! The rules of streams, each shown on whole connections.

#![expect(
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "windows fit into memory; a test that meets something unexpected stops there"
)]

mod growing;
mod receiving;
mod sending;
mod whole;

use super::*;
use crate::id::PacketNumber;
use crate::wire::Writer;
use crate::wire::frame::{Payload, StreamFrame};

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

/// A frame as it came out of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum OwnedFrame {
    Stream {
        id: StreamId,
        offset: u64,
        fin: bool,
        data: Vec<u8>,
    },
    Other(Frame<'static>),
}

impl OwnedFrame {
    fn as_frame(&self) -> Frame<'_> {
        match self {
            Self::Stream {
                id,
                offset,
                fin,
                data,
            } => piece(id.0, *offset, *fin, data),
            Self::Other(frame) => frame.clone(),
        }
    }

    fn record(&self) -> StreamRecord {
        StreamRecord::of(&self.as_frame()).unwrap()
    }
}

/// The next frame in a packet that has `room` for frames: as the other side reads it.
fn poll_frame(from: &mut Streams, room: usize) -> Option<OwnedFrame> {
    let mut plaintext = Writer::default();
    let mut writer = PayloadWriter::new(&mut plaintext, PacketNumber(0), 1 + room);
    let record = from.write_frame(&mut writer)?;
    let plaintext = plaintext.into_vec();
    assert!(plaintext.len() <= 1 + room, "it keeps to the room");
    let mut payload = Payload::parse(&plaintext).unwrap();
    assert_eq!(payload.frames.len(), 1);
    let frame = match payload.frames.remove(0) {
        Frame::Stream(it) => OwnedFrame::Stream {
            id: it.id,
            offset: it.offset,
            fin: it.fin,
            data: it.data.to_vec(),
        },
        Frame::Reset {
            id,
            code,
            final_size,
        } => OwnedFrame::Other(reset(id.0, code, final_size)),
        Frame::Stop { id, code } => OwnedFrame::Other(Frame::Stop { id, code }),
        Frame::MaxData(max) => OwnedFrame::Other(Frame::MaxData(max)),
        Frame::MaxStreamData { id, max } => OwnedFrame::Other(Frame::MaxStreamData { id, max }),
        Frame::MaxStreams(max) => OwnedFrame::Other(Frame::MaxStreams(max)),
        other => panic!("not about streams: {other:?}"),
    };
    assert_eq!(frame.record(), record);
    Some(frame)
}

/// Takes up to `max` bytes.
fn read(from: &mut Streams, id: StreamId, max: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert_eq!(from.read(id, max, &mut bytes), bytes.len());
    bytes
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
        let frame = poll_frame(from, ROOM);
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
