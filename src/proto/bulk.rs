//! Streams: ordered bytes, one way. Stream 1 is the chat's, and those that its messages name; the others
//! are for transfers.
//!
//! They live as long as the connection: when [`Event::Established`](crate::proto::Event) tells of a
//! new one, all are gone. The chat goes first; a bulk stream never holds up a message.

use crate::id::{PeerId, StreamId};
use crate::proto::endpoint::Endpoint;
use crate::proto::event::StreamError;
use crate::proto::streams::Streams;

impl Endpoint {
    /// Opens a stream to a peer with whom a session stands.
    ///
    /// # Errors
    /// [`StreamError::NoSession`]; [`StreamError::Blocked`] while as many are open as can be.
    pub fn open_stream(&mut self, peer: PeerId) -> Result<StreamId, StreamError> {
        let opened = self.streams(peer)?.open_transfer();
        opened.map_err(|_| StreamError::Blocked)
    }

    /// As [`Endpoint::open_stream`], for what the layer above says: transfers leave a place and a
    /// window for it, whoever does not read them.
    ///
    /// # Errors
    /// As [`Endpoint::open_stream`].
    pub fn open_body(&mut self, peer: PeerId) -> Result<StreamId, StreamError> {
        let opened = self.streams(peer)?.open();
        opened.map_err(|_| StreamError::Blocked)
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
        let taken = self.streams(peer)?.write(id, bytes);
        self.shared.dirty.insert(peer);
        Ok(taken)
    }

    /// Ends a stream of ours behind what was written.
    ///
    /// # Errors
    /// [`StreamError::NoSession`].
    pub fn finish_stream(&mut self, peer: PeerId, id: StreamId) -> Result<(), StreamError> {
        self.streams(peer)?.finish(id);
        self.shared.dirty.insert(peer);
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
        self.streams(peer)?.reset(id, code);
        self.shared.dirty.insert(peer);
        Ok(())
    }

    /// Takes up to `max` bytes of a stream of the peer's, in order, which gives it new credit.
    ///
    /// # Errors
    /// [`StreamError::NoSession`].
    pub fn read_stream(
        &mut self,
        peer: PeerId,
        id: StreamId,
        max: usize,
    ) -> Result<Vec<u8>, StreamError> {
        let bytes = self.streams(peer)?.read(id, max);
        self.shared.dirty.insert(peer);
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.tell_stream_events(&mut self.shared);
        }
        Ok(bytes)
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
        self.streams(peer)?.stop(id, code);
        self.shared.dirty.insert(peer);
        Ok(())
    }

    fn streams(&mut self, peer: PeerId) -> Result<&mut Streams, StreamError> {
        let peer = self.peers.get_mut(&peer).ok_or(StreamError::NoSession)?;
        peer.streams_mut().ok_or(StreamError::NoSession)
    }
}
