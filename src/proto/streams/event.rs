//! What the owner of the streams learns, and what a peer can do wrong.

use thiserror::Error;

use crate::id::StreamId;

/// Something that the reader or the writer of a stream should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// There is more to read. Not told again before something was read, and then of what has come since: whoever
    /// leaves something unread knows of it.
    Readable(StreamId),
    /// Everything up to the stream's end has been read. The stream is over.
    Finished(StreamId),
    /// The peer gave its stream up; what was not read is gone. The stream is over.
    Reset {
        /// Which.
        id: StreamId,
        /// Why, in the peer's words.
        code: u64,
    },
    /// The peer wants no more of our stream, which is given up.
    Stopped {
        /// Which.
        id: StreamId,
        /// Why, in the peer's words.
        code: u64,
    },
    /// There is room again after a write that was cut short.
    Writable(StreamId),
    /// A stream can be opened again after that was refused.
    Openable,
    /// The peer has everything before this offset.
    Acked {
        /// Which.
        id: StreamId,
        /// The offset.
        to: u64,
    },
}

impl StreamEvent {
    /// Whether it is about the stream `id`.
    pub(crate) fn is_about(&self, id: StreamId) -> bool {
        match self {
            Self::Readable(about)
            | Self::Finished(about)
            | Self::Writable(about)
            | Self::Reset { id: about, .. }
            | Self::Stopped { id: about, .. }
            | Self::Acked { id: about, .. } => *about == id,
            Self::Openable => false,
        }
    }
}

/// No more streams can be open at once; [`StreamEvent::Openable`] follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("as many streams are open as can be")]
pub(crate) struct StreamsBlocked;

/// What is wrong with a packet's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum StreamViolation {
    /// More bytes than there was credit for.
    #[error("more bytes than there was credit for")]
    FlowControl,
    /// Bytes beyond a stream's end, or an end that moves.
    #[error("the end of a stream moves")]
    FinalSize,
    /// More streams than there was credit for.
    #[error("more streams than there was credit for")]
    StreamLimit,
    /// A frame about a stream that does not exist.
    #[error("a stream that does not exist")]
    UnknownStream,
    /// The chat stream can neither end nor be given up.
    #[error("the chat stream cannot end")]
    ChatEnds,
    /// So many pieces out of order that the packet is not taken. Honest peers cause this too.
    #[error("too many gaps in a stream")]
    TooManyGaps,
}

impl StreamViolation {
    /// Whether the connection ends; otherwise the packet is treated as if it had never come.
    pub(crate) const fn is_fatal(self) -> bool {
        match self {
            Self::FlowControl
            | Self::FinalSize
            | Self::StreamLimit
            | Self::UnknownStream
            | Self::ChatEnds => true,
            Self::TooManyGaps => false,
        }
    }
}
