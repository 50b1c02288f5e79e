//! What to remember of frames until they are acknowledged or lost.

use core::ops::Range;

use crate::id::StreamId;
use crate::wire::frame::{Frame, StreamFrame};

/// What a packet carried of the streams, without the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StreamRecord {
    /// A piece of a stream.
    Stream {
        id: StreamId,
        range: Range<u64>,
        fin: bool,
    },
    /// A RESET.
    Reset(StreamId),
    /// A STOP.
    Stop(StreamId),
    /// Credit for all bulk streams.
    MaxData(u64),
    /// Credit for one stream.
    MaxStreamData { id: StreamId, max: u64 },
    /// Credit for bulk streams.
    MaxStreams(u64),
}

impl Default for StreamRecord {
    fn default() -> Self {
        Self::MaxData(0)
    }
}

impl StreamRecord {
    /// The record of a frame; none if it is not about streams.
    pub(super) fn of(frame: &Frame<'_>) -> Option<Self> {
        match *frame {
            Frame::Stream(StreamFrame {
                id,
                offset,
                fin,
                data,
            }) => {
                let range = offset..offset.saturating_add(data.len() as u64);
                Some(Self::Stream { id, range, fin })
            }
            Frame::Reset { id, .. } => Some(Self::Reset(id)),
            Frame::Stop { id, .. } => Some(Self::Stop(id)),
            Frame::MaxData(max) => Some(Self::MaxData(max)),
            Frame::MaxStreamData { id, max } => Some(Self::MaxStreamData { id, max }),
            Frame::MaxStreams(max) => Some(Self::MaxStreams(max)),
            Frame::Ping
            | Frame::Ack(_)
            | Frame::Hello(_)
            | Frame::Close(_)
            | Frame::Receipt(_)
            | Frame::Reject(_)
            | Frame::Verify(_)
            | Frame::PathChallenge(_)
            | Frame::PathResponse(_)
            | Frame::Skipped => None,
        }
    }
}
