//! Streams for transfers. What they are stands at [`Endpoint`].

use crate::id::{PeerId, StreamId};
use crate::proto::carrier::Carrier;
use crate::proto::endpoint::Endpoint;
use crate::proto::event::StreamError;
use crate::proto::streams::{CHAT, Streams};

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
    /// [`StreamError::NoSession`]; [`StreamError::Closed`] unless it is open, and neither ended nor given up by either side.
    /// Ids begin anew with each connection: one that was kept over the end of its own may mean another stream by then.
    /// [`Endpoint::generation`] is the number of the connection.
    pub fn write_stream(
        &mut self,
        peer: PeerId,
        id: StreamId,
        bytes: &[u8],
    ) -> Result<usize, StreamError> {
        let mut session = self.session_with(peer, |streams| streams.is_writable(id))?;
        Ok(session.write(id, bytes))
    }

    /// Ends a stream of ours behind what was written.
    ///
    /// # Errors
    /// As [`Endpoint::write_stream`].
    pub fn finish_stream(&mut self, peer: PeerId, id: StreamId) -> Result<(), StreamError> {
        self.session_with(peer, |streams| streams.is_writable(id))?
            .finish(id);
        Ok(())
    }

    /// Gives a stream of ours up, also one that was ended and has not arrived; `code` tells the peer why.
    ///
    /// # Errors
    /// [`StreamError::NoSession`]; [`StreamError::Closed`] if it is over, given up already, or was never open.
    pub fn reset_stream(
        &mut self,
        peer: PeerId,
        id: StreamId,
        code: u64,
    ) -> Result<(), StreamError> {
        self.session_with(peer, |streams| streams.is_open_to_peer(id))?
            .reset(id, code);
        Ok(())
    }

    /// Appends up to `max` bytes of a stream of the peer's, in order, to `out`, and says how many. That
    /// gives the peer new credit. Of one that has yet to begin, or is over, there are none.
    ///
    /// # Errors
    /// [`StreamError::NoSession`]; [`StreamError::Closed`] for the chat's.
    pub fn read_stream(
        &mut self,
        peer: PeerId,
        id: StreamId,
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, StreamError> {
        Ok(self.session_with(peer, |_| id != CHAT)?.read(id, max, out))
    }

    /// Asks the peer to give a stream of its up; `code` tells it why.
    ///
    /// # Errors
    /// [`StreamError::NoSession`]; [`StreamError::Closed`] if it has yet to begin or is over.
    pub fn stop_stream(
        &mut self,
        peer: PeerId,
        id: StreamId,
        code: u64,
    ) -> Result<(), StreamError> {
        self.session_with(peer, |streams| streams.is_open_from_peer(id))?
            .stop(id, code);
        Ok(())
    }

    fn session(&mut self, peer: PeerId) -> Result<Carrier<'_>, StreamError> {
        self.carrier(peer).ok_or(StreamError::NoSession)
    }

    /// The same, if a stream that is meant is there.
    fn session_with(
        &mut self,
        peer: PeerId,
        is_there: impl FnOnce(&Streams) -> bool,
    ) -> Result<Carrier<'_>, StreamError> {
        let session = self.session(peer)?;
        if !session.streams().is_some_and(is_there) {
            return Err(StreamError::Closed);
        }
        Ok(session)
    }
}
