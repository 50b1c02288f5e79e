//! What a session carries for the layer above.

use crate::proto::connection::Connection;
use crate::proto::event::Event;
use crate::proto::peer::Peer;
use crate::proto::shared::Shared;
use crate::proto::streams::CHAT;
use crate::time::Instant;

impl Peer {
    /// The connection, if both sides know each other: then its streams may carry something.
    fn open_connection(&self) -> Option<&Connection> {
        let is_open = self.accepted && !self.is_guest();
        self.connection.as_deref().filter(|_| is_open)
    }

    /// The number of the connection whose streams may carry something.
    pub(in crate::proto) fn generation(&self) -> Option<u64> {
        self.open_connection().map(|_| self.generation)
    }

    /// Tells the layer above, and the owner if it takes bulk streams. While the owner is behind with
    /// its events, what is new stays where it is.
    pub(in crate::proto) fn tell_stream_events(&mut self, shared: &mut Shared) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let (peer, bulk) = (self.id, shared.config.bulk);
        loop {
            if bulk && shared.is_owner_behind() {
                shared.unread.insert(peer);
                return;
            }
            let Some(event) = connection.streams_mut().poll_event() else {
                return;
            };
            if !core::mem::replace(&mut self.is_stirred, true) {
                shared.stirred.push_back((self.place, peer));
            }
            if bulk && !event.is_about(CHAT) {
                shared.event(Event::Stream { peer, event });
            }
        }
    }

    /// Measures the round trip; false if there is no connection that could.
    pub(in crate::proto) fn measure(&mut self, now: Instant) -> bool {
        let can = self.is_established(now) && self.open_connection().is_some();
        if let Some(connection) = self.connection.as_mut().filter(|_| can) {
            connection.measure(now);
        }
        can
    }

    /// Sends one ping; false if there is no connection that could. One that has fallen silent can: what
    /// is lost there is what is asked for.
    pub(in crate::proto) fn count_ping(&mut self, id: u64, now: Instant) -> bool {
        let sealing = self.keys.current().is_some_and(|it| it.is_usable(now));
        let can = sealing && self.accepted && !self.is_guest();
        if let Some(connection) = self.connection.as_mut().filter(|_| can) {
            connection.count_ping(id);
            return true;
        }
        false
    }
}
