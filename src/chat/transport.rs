//! What the chat needs of a connection.

use crate::id::{PeerId, StreamId};
use crate::proto::NoteBody;

/// The stream that messages travel on, in order.
pub const CHAT_STREAM: StreamId = StreamId(1);

/// The connections with all peers.
pub trait Transports {
    /// The connection with one peer.
    type One<'a>: Transport
    where
        Self: 'a;

    /// The connection with a peer. `None` while there is none that may carry something.
    fn to(&mut self, peer: PeerId) -> Option<Self::One<'_>>;
}

/// Streams and frames of the connection with one peer.
pub trait Transport {
    /// The number of the connection; another one whenever stream state has started anew.
    fn generation(&self) -> u64;

    /// Opens a stream of its own for a long body. `None`: too many are open; later.
    fn open(&mut self) -> Option<StreamId>;

    /// Appends to a stream as much as there is room for, and says how much that was.
    fn write(&mut self, stream: StreamId, bytes: &[u8]) -> usize;

    /// Ends a stream after what has been written.
    fn finish(&mut self, stream: StreamId);

    /// Gives a stream of ours up. Does nothing to one that is over.
    fn reset(&mut self, stream: StreamId);

    /// Whether the peer wants no more of a stream of ours.
    fn is_stopped(&self, stream: StreamId) -> bool;

    /// Every byte of our stream before this one is acknowledged; also of the last stream that is over.
    fn acked_to(&self, stream: StreamId) -> u64;

    /// Appends up to `max` bytes of a stream of the peer's, in order, to `out`, and says how many; they
    /// open credit.
    fn read(&mut self, stream: StreamId, max: usize, out: &mut Vec<u8>) -> usize;

    /// Whether nothing more can be read of a stream of the peer's, ever: read to its end, reset, or
    /// over long ago. A stream that has not begun is not over.
    fn is_over(&self, stream: StreamId) -> bool;

    /// Wants no more of a stream of the peer's: it is over, and what is unread is dropped. Does nothing
    /// to one that is over or has not begun.
    fn stop(&mut self, stream: StreamId);

    /// Sends a RECEIPT frame, again and again until it is acknowledged or the connection ends.
    /// `false`: too many wait; later.
    fn send_receipt(&mut self, body: NoteBody) -> bool;

    /// Takes the newest RECEIPT frame back, if it has not left yet and no REJECT came after it.
    fn take_back_receipt(&mut self) -> Option<NoteBody>;

    /// Sends a REJECT frame as [`Transport::send_receipt`] does a RECEIPT.
    fn send_reject(&mut self, body: NoteBody) -> bool;
}
