//! Streams: ordered bytes, one way. Stream 1 is the chat's, and those that its messages name; the others
//! are for transfers.
//!
//! They live as long as the connection: when [`Event::Established`](crate::proto::Event) tells of a
//! new one, all are gone. The chat goes first; a bulk stream never holds up a message.

use crate::id::{PeerId, StreamId};
use crate::proto::carrier::Carrier;
use crate::proto::endpoint::Endpoint;
use crate::proto::event::StreamError;

impl Endpoint {
    /// Opens a stream to a peer with whom a session stands.
    ///
    /// # Errors
    /// [`StreamError::NoSession`]; [`StreamError::Blocked`] while as many are open as can be.
    pub fn open_stream(&mut self, peer: PeerId) -> Result<StreamId, StreamError> {
        self.session(peer)?.open_transfer()
    }

    /// Takes as many of `bytes` as there is room for and returns how many. After a short write
    /// `Writable` follows.
    ///
    /// # Errors
    /// [`StreamError::NoSession`].
    pub fn write_stream(
        &mut self,
        peer: PeerId,
        id: StreamId,
        bytes: &[u8],
    ) -> Result<usize, StreamError> {
        Ok(self.session(peer)?.write(id, bytes))
    }

    /// Ends a stream of ours behind what was written.
    ///
    /// # Errors
    /// [`StreamError::NoSession`].
    pub fn finish_stream(&mut self, peer: PeerId, id: StreamId) -> Result<(), StreamError> {
        self.session(peer)?.finish(id);
        Ok(())
    }

    /// Gives a stream of ours up; `code` tells the peer why.
    ///
    /// # Errors
    /// [`StreamError::NoSession`].
    pub fn reset_stream(
        &mut self,
        peer: PeerId,
        id: StreamId,
        code: u64,
    ) -> Result<(), StreamError> {
        self.session(peer)?.reset(id, code);
        Ok(())
    }

    /// Appends up to `max` bytes of a stream of the peer's, in order, to `out`, and says how many. That
    /// gives the peer new credit.
    ///
    /// # Errors
    /// [`StreamError::NoSession`].
    pub fn read_stream(
        &mut self,
        peer: PeerId,
        id: StreamId,
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, StreamError> {
        Ok(self.session(peer)?.read(id, max, out))
    }

    /// Asks the peer to give a stream of its up; `code` tells it why.
    ///
    /// # Errors
    /// [`StreamError::NoSession`].
    pub fn stop_stream(
        &mut self,
        peer: PeerId,
        id: StreamId,
        code: u64,
    ) -> Result<(), StreamError> {
        self.session(peer)?.stop(id, code);
        Ok(())
    }

    fn session(&mut self, peer: PeerId) -> Result<Carrier<'_>, StreamError> {
        self.carrier(peer).ok_or(StreamError::NoSession)
    }
}
