//! What the chat needs of a connection.

use crate::id::{PeerId, StreamId};

/// The stream that messages travel on, in order.
pub const CHAT_STREAM: StreamId = StreamId(1);

/// Streams and frames of the connections with all peers. Every call about a peer without a
/// connection does nothing and returns nothing.
pub trait Transport {
    /// The number of the current connection with a peer; another one whenever stream state has
    /// started anew. `None` while there is none.
    fn generation(&self, peer: PeerId) -> Option<u64>;

    /// Opens a stream of its own for a long body. `None`: too many are open; later.
    fn open(&mut self, peer: PeerId) -> Option<StreamId>;

    /// Appends to a stream as much as there is room for, and says how much that was.
    fn write(&mut self, peer: PeerId, stream: StreamId, bytes: &[u8]) -> usize;

    /// Ends a stream after what has been written.
    fn finish(&mut self, peer: PeerId, stream: StreamId);

    /// Gives a stream of ours up. Does nothing to one that is over.
    fn reset(&mut self, peer: PeerId, stream: StreamId);

    /// Whether the peer wants no more of a stream of ours.
    fn is_stopped(&self, peer: PeerId, stream: StreamId) -> bool;

    /// Every byte of our stream before this one is acknowledged; also of the last stream that is over.
    fn acked_to(&self, peer: PeerId, stream: StreamId) -> u64;

    /// Takes up to `max` bytes of a stream of the peer's, in order; they open credit.
    fn read(&mut self, peer: PeerId, stream: StreamId, max: usize) -> Vec<u8>;

    /// Whether nothing more can be read of a stream of the peer's, ever: read to its end, reset, or
    /// over long ago. A stream that has not begun is not over.
    fn is_over(&self, peer: PeerId, stream: StreamId) -> bool;

    /// Wants no more of a stream of the peer's: it is over, and what is unread is dropped. Does nothing
    /// to one that is over or has not begun.
    fn stop(&mut self, peer: PeerId, stream: StreamId);

    /// Sends a RECEIPT frame, again and again until it is acknowledged or the connection ends.
    /// `false`: too many wait; later.
    fn send_receipt(&mut self, peer: PeerId, body: &[u8]) -> bool;

    /// Sends a REJECT frame in the same way.
    fn send_reject(&mut self, peer: PeerId, body: &[u8]) -> bool;
}
