//! What the layer above asks of an endpoint besides streams.

use crate::id::{PeerId, StreamId};
use crate::proto::connection::Note;
use crate::proto::endpoint::Endpoint;
use crate::proto::event::{ApiMisuse, Notice};
use crate::proto::timer::Timer;
use crate::time::Instant;

impl Endpoint {
    /// What the layer above has to look at; to be asked after every input until there is nothing.
    #[must_use]
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.shared.next_notice()
    }

    /// Whether [`Endpoint::poll_notice`] has something.
    #[must_use]
    pub fn has_notices(&self) -> bool {
        self.shared.has_notices()
    }

    /// The number of the connection with a peer; another one whenever streams have started anew.
    /// `None` while nothing can be carried, because there is none or one side is the other's guest.
    #[must_use]
    pub fn generation(&self, peer: PeerId) -> Option<u64> {
        self.peers.get(&peer)?.generation()
    }

    /// Says that something waits for a peer: a session is sought at its addresses, and kept, until
    /// [`Endpoint::rest`] or until the peer ends it or refuses.
    pub fn seek(&mut self, peer: PeerId, now: Instant) {
        let Some(peer) = self.peers.get_mut(&peer).filter(|peer| !peer.is_guest()) else {
            return;
        };
        peer.pending = true;
        self.shared.dirty.insert(peer.id);
        let has_address = !peer.addresses.is_empty() || peer.path.is_some();
        if has_address && !peer.status(now).established {
            peer.start_handshake_anew(&mut self.shared, now);
        }
    }

    /// As [`Endpoint::seek`], for a peer that has just left: it is called a moment later, so that one
    /// who comes and leaves again and again does not make us call in a circle.
    pub fn seek_later(&mut self, peer: PeerId, now: Instant) {
        let Some(peer) = self.peers.get_mut(&peer).filter(|peer| !peer.is_guest()) else {
            return;
        };
        peer.pending = true;
        self.shared.dirty.insert(peer.id);
        if !peer.status(now).established {
            peer.start_handshake_later(&mut self.shared, now);
        }
    }

    /// Measures the way to a peer and back, inside the seal: [`Event::Pong`](crate::proto::Event::Pong)
    /// follows when the answer comes.
    ///
    /// # Errors
    /// [`ApiMisuse::NotConnected`] without a session.
    pub fn ping(&mut self, peer: PeerId, now: Instant) -> Result<(), ApiMisuse> {
        let record = self.peers.get_mut(&peer).ok_or(ApiMisuse::UnknownPeer)?;
        if !record.measure(now) {
            return Err(ApiMisuse::NotConnected);
        }
        self.shared.dirty.insert(peer);
        Ok(())
    }

    /// Says that nothing waits for a peer any more.
    pub fn rest(&mut self, peer: PeerId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.pending = false;
            peer.arm(Timer::Ask, None, &mut self.shared);
        }
    }

    /// Every byte of our stream before this one is acknowledged.
    #[must_use]
    pub fn acked_to(&self, peer: PeerId, id: StreamId) -> u64 {
        let streams = self.peers.get(&peer).and_then(|peer| peer.streams());
        streams.map_or(0, |streams| streams.acked_to(id))
    }

    /// Whether a peer wants no more of a stream of ours.
    #[must_use]
    pub fn is_stopped(&self, peer: PeerId, id: StreamId) -> bool {
        let streams = self.peers.get(&peer).and_then(|peer| peer.streams());
        streams.is_some_and(|streams| streams.is_stopped(id))
    }

    /// Whether nothing more can be read of a stream of a peer's, ever.
    #[must_use]
    pub fn is_over(&self, peer: PeerId, id: StreamId) -> bool {
        let streams = self.peers.get(&peer).and_then(|peer| peer.streams());
        streams.is_some_and(|streams| streams.is_over(id))
    }

    /// Sends a RECEIPT frame until it is acknowledged or the connection ends. `false`: too many wait.
    pub fn send_receipt(&mut self, peer: PeerId, body: &[u8]) -> bool {
        self.send_note(peer, Note::Receipt(body.into()))
    }

    /// Sends a REJECT frame in the same way.
    pub fn send_reject(&mut self, peer: PeerId, body: &[u8]) -> bool {
        self.send_note(peer, Note::Reject(body.into()))
    }

    /// Asks a peer to compare words, in the place of a comparison that runs:
    /// [`Event::Verification`](crate::proto::Event::Verification) follows.
    ///
    /// # Errors
    /// [`ApiMisuse::NotConnected`] without a session.
    pub fn verify(&mut self, peer: PeerId, now: Instant) -> Result<(), ApiMisuse> {
        let record = self.peers.get_mut(&peer).ok_or(ApiMisuse::UnknownPeer)?;
        if record.ask_to_verify(&mut self.shared, now) {
            return Ok(());
        }
        Err(ApiMisuse::NotConnected)
    }

    /// Says whether our person saw the `same` words as the peer's. `false`: there is nothing to compare.
    pub fn judge(&mut self, peer: PeerId, same: bool) -> bool {
        let record = self.peers.get_mut(&peer);
        record.is_some_and(|peer| peer.judge(same, &mut self.shared))
    }

    /// Ends a comparison that runs, and says so to the peer.
    pub fn withdraw(&mut self, peer: PeerId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.withdraw(&mut self.shared);
        }
    }

    fn send_note(&mut self, peer: PeerId, note: Note) -> bool {
        let record = self.peers.get_mut(&peer);
        let taken = record.is_some_and(|peer| peer.take_note(note));
        if taken {
            self.shared.dirty.insert(peer);
        }
        taken
    }
}
