//! What the layer above asks of an endpoint besides streams.

use crate::crypto::ShortCode;
use crate::id::PeerId;
use crate::proto::endpoint::Endpoint;
use crate::proto::event::{ApiMisuse, Notice};
use crate::proto::timer::Timer;
use crate::proto::verification::Words;
use crate::time::Instant;
use crate::wire::frame::CloseCode;

impl Endpoint {
    /// What the layer above has to look at; to be asked after every input until there is nothing.
    #[must_use]
    pub fn poll_notice(&mut self) -> Option<Notice> {
        if let Some(received) = self.shared.next_notice() {
            return Some(received);
        }
        let (place, peer) = self.shared.stirred.pop_front()?;
        if let Some(record) = self.peers.at_mut(place) {
            record.is_stirred = false;
        }
        Some(Notice::Streams(peer))
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

    /// Sets what is announced at the beginning of every later connection: the longest message that the layer above takes, in
    /// bytes. `MESSAGE_MAX_LEN` before.
    pub const fn announce_largest_message(&mut self, len: u64) {
        self.shared.largest_message = len;
    }

    /// Bytes of the longest message that a peer takes, as far as it has said so on the connection that stands.
    #[must_use]
    pub fn largest_message(&self, peer: PeerId) -> Option<u64> {
        self.peers.get(&peer)?.largest_message()
    }

    /// Says that something waits for a peer: a session is sought at its addresses, and kept, until
    /// [`Endpoint::rest`] or until the peer ends it or refuses.
    pub fn seek(&mut self, peer: PeerId, now: Instant) {
        let Some(peer) = self.peers.get_mut(&peer).filter(|peer| peer.is_known()) else {
            return;
        };
        (peer.pending, peer.keeps_out) = (true, false);
        peer.set_dirty(&mut self.shared);
        let has_address = !peer.addresses.is_empty() || peer.path.is_some();
        if has_address && !peer.is_established(now) {
            peer.start_handshake_anew(&mut self.shared, now);
        }
    }

    /// As [`Endpoint::seek`], for a peer of whom an address is new. Does nothing for one for whom no session is sought.
    pub fn seek_elsewhere(&mut self, peer: PeerId, now: Instant) {
        if self.peers.get(&peer).is_some_and(|peer| peer.pending) {
            self.seek(peer, now);
        }
    }

    /// As [`Endpoint::seek`], for a peer that has just left: it is called a moment later, and more and more rarely as long as
    /// it leaves again and receipts nothing, so that it does not make us call in a circle. Does nothing for one that has ended the
    /// session in another way since, or has refused us: events may be taken long after what they tell of.
    pub fn seek_later(&mut self, peer: PeerId, now: Instant) {
        let peer = self.peers.get_mut(&peer);
        let Some(peer) = peer.filter(|peer| peer.is_known() && !peer.keeps_out) else {
            return;
        };
        peer.pending = true;
        peer.set_dirty(&mut self.shared);
        if !peer.is_established(now) {
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
        record.set_dirty(&mut self.shared);
        Ok(())
    }

    /// Sends one ping inside the seal, once, and never again if it is lost:
    /// [`Event::PingAnswered`](crate::proto::Event::PingAnswered) follows if it arrives, with `id`. At most
    /// 64 wait for their answers; beyond that the oldest is given up.
    ///
    /// # Errors
    /// [`ApiMisuse::NotConnected`] without a session; one that has fallen silent takes pings.
    pub fn count_ping(&mut self, peer: PeerId, id: u64, now: Instant) -> Result<(), ApiMisuse> {
        let record = self.peers.get_mut(&peer).ok_or(ApiMisuse::UnknownPeer)?;
        if !record.count_ping(id, now) {
            return Err(ApiMisuse::NotConnected);
        }
        record.set_dirty(&mut self.shared);
        Ok(())
    }

    /// Says that nothing waits for a peer any more.
    pub fn rest(&mut self, peer: PeerId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            (peer.pending, peer.partings) = (false, 0);
            if !peer.is_waiting() {
                peer.arm(Timer::Ask, None, &mut self.shared);
            }
        }
    }

    /// Whether messages may be queued for a peer: it is neither a guest nor a newcomer.
    #[must_use]
    pub fn is_known(&self, peer: PeerId) -> bool {
        self.peers.get(&peer).is_some_and(|peer| peer.is_known())
    }

    /// Asks a peer to compare words: [`Event::Verification`](crate::proto::Event::Verification) follows.
    /// Does nothing while a comparison runs.
    ///
    /// # Errors
    /// [`ApiMisuse::UnknownPeer`]; [`ApiMisuse::NotConnected`] without a session in which the peer has
    /// introduced itself; [`ApiMisuse::CannotVerify`] if its program is too old.
    pub fn verify(&mut self, peer: PeerId, now: Instant) -> Result<(), ApiMisuse> {
        let record = self.peers.get_mut(&peer).ok_or(ApiMisuse::UnknownPeer)?;
        record.ask_to_verify(&mut self.shared, now)
    }

    /// Says whether our person saw these words, `code`, with the peer's. That they are not the `same`
    /// ends the session as [`Endpoint::set_aside`], and can also be said of the last words on this connection
    /// that are compared no longer. `false`: they are not being compared, it has been said already, or
    /// the connection is another one.
    pub fn judge(&mut self, peer: PeerId, code: &ShortCode, same: bool, now: Instant) -> bool {
        let record = self.peers.get_mut(&peer);
        let judged = record.is_some_and(|peer| peer.judge(code, same, &mut self.shared));
        if judged && !same {
            self.set_aside(peer, now);
        }
        judged
    }

    /// The words that are compared with a peer, or the last ones that were, on the connection that stands.
    #[must_use]
    pub fn words(&self, peer: PeerId) -> Option<Words> {
        self.peers.get(&peer)?.words()
    }

    /// Ends the session with somebody who is perhaps not who it should be:
    /// [`CloseReason::WordsDiffer`](crate::proto::CloseReason::WordsDiffer) follows. The peer gets
    /// nothing more and no answer until it is added anew.
    pub fn set_aside(&mut self, peer: PeerId, now: Instant) {
        if let Some(record) = self.peers.get_mut(&peer) {
            record.say_close(CloseCode::Declined, &mut self.shared, now);
            let _ = record.set_aside(&mut self.shared);
        }
        self.shared.revoked.insert(peer);
        self.forget(peer);
    }

    /// Ends a comparison that runs, and says so to the peer.
    pub fn withdraw(&mut self, peer: PeerId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.withdraw(&mut self.shared);
        }
    }
}
