//! Frames on their way out, and what to remember of them until they are acknowledged or lost.

use core::ops::Range;

use crate::id::StreamId;
use crate::wire::frame::{Frame, StreamFrame};

/// Most bytes that a frame without data takes: a type and three varints.
pub(super) const CONTROL_MAX_LEN: usize = 25;

/// A frame for the next packet.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum OwnedFrame {
    /// A piece of a stream.
    Stream {
        id: StreamId,
        offset: u64,
        fin: bool,
        data: Vec<u8>,
    },
    /// We give a stream up.
    Reset {
        id: StreamId,
        code: u64,
        final_size: u64,
    },
    /// We want no more of a stream.
    Stop { id: StreamId, code: u64 },
    /// Credit for all bulk streams.
    MaxData(u64),
    /// Credit for one stream.
    MaxStreamData { id: StreamId, max: u64 },
    /// Credit for bulk streams.
    MaxStreams(u64),
}

impl OwnedFrame {
    /// The frame as it is encoded.
    pub(crate) fn as_frame(&self) -> Frame<'_> {
        match self {
            Self::Stream {
                id,
                offset,
                fin,
                data,
            } => Frame::Stream(StreamFrame {
                id: *id,
                offset: *offset,
                fin: *fin,
                data,
            }),
            Self::Reset {
                id,
                code,
                final_size,
            } => Frame::Reset {
                id: *id,
                code: *code,
                final_size: *final_size,
            },
            Self::Stop { id, code } => Frame::Stop {
                id: *id,
                code: *code,
            },
            Self::MaxData(max) => Frame::MaxData(*max),
            Self::MaxStreamData { id, max } => Frame::MaxStreamData { id: *id, max: *max },
            Self::MaxStreams(max) => Frame::MaxStreams(*max),
        }
    }

    /// What to hand to `on_acked` or `on_lost` later.
    pub(crate) fn record(&self) -> StreamRecord {
        match self {
            Self::Stream {
                id,
                offset,
                fin,
                data,
            } => StreamRecord::Stream {
                id: *id,
                range: *offset..*offset + data.len() as u64,
                fin: *fin,
            },
            Self::Reset { id, .. } => StreamRecord::Reset(*id),
            Self::Stop { id, .. } => StreamRecord::Stop(*id),
            Self::MaxData(max) => StreamRecord::MaxData(*max),
            Self::MaxStreamData { id, max } => StreamRecord::MaxStreamData { id: *id, max: *max },
            Self::MaxStreams(max) => StreamRecord::MaxStreams(*max),
        }
    }

    /// At most how many bytes it takes in a packet; exact for a piece of a stream.
    #[cfg(test)]
    pub(crate) fn len_bound(&self) -> usize {
        match self {
            Self::Stream {
                id, offset, data, ..
            } => StreamFrame::overhead(*id, *offset, data.len()) + data.len(),
            Self::Reset { .. }
            | Self::Stop { .. }
            | Self::MaxData(_)
            | Self::MaxStreamData { .. }
            | Self::MaxStreams(_) => CONTROL_MAX_LEN,
        }
    }
}

impl core::fmt::Debug for OwnedFrame {
    /// Not the bytes: they are somebody's words.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}", self.record())
    }
}

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
