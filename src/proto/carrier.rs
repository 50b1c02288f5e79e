//! The connection with one peer, as the layer above uses it: found once, then used without looking again.

use crate::id::{PeerId, StreamId};
use crate::proto::connection::{Connection, Note, NoteBody};
use crate::proto::endpoint::Endpoint;
use crate::proto::event::StreamError;
use crate::proto::peer::Peer;
use crate::proto::shared::Shared;
use crate::proto::streams::Streams;

/// A connection that may carry something, because both sides know each other.
#[derive(Debug)]
pub struct Carrier<'e> {
    peer: &'e mut Peer,
    shared: &'e mut Shared,
    generation: u64,
}

impl Endpoint {
    /// The connection with a peer. `None` while nothing can be carried, because there is none or one side
    /// is the other's guest.
    pub fn carrier(&mut self, peer: PeerId) -> Option<Carrier<'_>> {
        let peer = self.peers.get_mut(&peer)?;
        let generation = peer.generation()?;
        Some(Carrier {
            peer,
            shared: &mut self.shared,
            generation,
        })
    }
}

impl Carrier<'_> {
    /// The number of the connection; another one whenever streams have started anew.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Opens a stream for a transfer: it leaves a place and a window for what the layer above says.
    ///
    /// # Errors
    /// [`StreamError::Blocked`] while as many are open as can be.
    pub fn open_transfer(&mut self) -> Result<StreamId, StreamError> {
        self.change(Streams::open_transfer)
            .ok_or(StreamError::NoSession)?
            .map_err(|_| StreamError::Blocked)
    }

    /// Opens a stream for what the layer above says.
    ///
    /// # Errors
    /// As [`Carrier::open_transfer`].
    pub fn open_body(&mut self) -> Result<StreamId, StreamError> {
        self.change(Streams::open)
            .ok_or(StreamError::NoSession)?
            .map_err(|_| StreamError::Blocked)
    }

    /// Takes as many of `bytes` as there is room for and returns how many. After a short write
    /// `Writable` follows.
    pub fn write(&mut self, id: StreamId, bytes: &[u8]) -> usize {
        let taken = self.change(|streams| streams.write(id, bytes));
        taken.unwrap_or(0)
    }

    /// Ends a stream of ours behind what was written.
    pub fn finish(&mut self, id: StreamId) {
        self.change(|streams| streams.finish(id));
    }

    /// Gives a stream of ours up; `code` tells the peer why.
    pub fn reset(&mut self, id: StreamId, code: u64) {
        self.change(|streams| streams.reset(id, code));
    }

    /// Appends up to `max` bytes of a stream of the peer's, in order, to `out`, and says how many. That
    /// gives the peer new credit.
    pub fn read(&mut self, id: StreamId, max: usize, out: &mut Vec<u8>) -> usize {
        let count = self.change(|streams| streams.read(id, max, out));
        self.peer.tell_stream_events(self.shared);
        count.unwrap_or(0)
    }

    /// Asks the peer to give a stream of its up; `code` tells it why.
    pub fn stop(&mut self, id: StreamId, code: u64) {
        self.change(|streams| streams.stop(id, code));
    }

    /// Every byte of our stream before this one is acknowledged.
    #[must_use]
    pub fn acked_to(&self, id: StreamId) -> u64 {
        self.streams().map_or(0, |streams| streams.acked_to(id))
    }

    /// Whether the peer wants no more of a stream of ours.
    #[must_use]
    pub fn is_stopped(&self, id: StreamId) -> bool {
        self.streams().is_some_and(|streams| streams.is_stopped(id))
    }

    /// Whether nothing more can be read of a stream of the peer's, ever.
    #[must_use]
    pub fn is_over(&self, id: StreamId) -> bool {
        self.streams().is_some_and(|streams| streams.is_over(id))
    }

    /// Sends a RECEIPT frame until it is acknowledged or the connection ends. `false`: too many wait.
    pub fn send_receipt(&mut self, body: NoteBody) -> bool {
        self.send_note(Note::Receipt(body))
    }

    /// Sends a REJECT frame in the same way.
    pub fn send_reject(&mut self, body: NoteBody) -> bool {
        self.send_note(Note::Reject(body))
    }

    /// Takes the newest RECEIPT back, if it has not left and no REJECT came after it, so that one frame
    /// says what two would have.
    pub fn take_back_receipt(&mut self) -> Option<NoteBody> {
        self.connection()?.take_back_receipt()
    }

    fn send_note(&mut self, note: Note) -> bool {
        let taken = self.connection().is_some_and(|it| it.take_note(note));
        if taken {
            self.peer.set_dirty(self.shared);
        }
        taken
    }

    fn connection(&mut self) -> Option<&mut Connection> {
        self.peer.connection.as_deref_mut()
    }

    pub(super) fn streams(&self) -> Option<&Streams> {
        self.peer.connection.as_deref().map(Connection::streams)
    }

    /// Does something that may have to be said.
    fn change<T>(&mut self, act: impl FnOnce(&mut Streams) -> T) -> Option<T> {
        let done = act(self.connection()?.streams_mut());
        self.peer.set_dirty(self.shared);
        Some(done)
    }
}
