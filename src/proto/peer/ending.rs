//! The end of a session.

use tracing::info;

use crate::id::ConnectionId;
use crate::proto::event::{CloseReason, Event};
use crate::proto::peer::{Fate, Peer, Standing};
use crate::proto::shared::Shared;
use crate::time::Instant;
use crate::wire::frame::{CloseCode, Frame};

impl Peer {
    /// Queues a sealed CLOSE, if there is a key to seal it with: also to the last proved address, if
    /// the present one is not, and to one that is kept in mind.
    pub(in crate::proto) fn say_close(
        &mut self,
        code: CloseCode,
        shared: &mut Shared,
        now: Instant,
    ) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let frame = Frame::Close(code);
        let (rng, scratch) = (&mut shared.rng, &mut shared.scratch);
        let datagram = connection.last_packet(&frame, rng, scratch, now);
        for to in self.farewell(datagram.len()) {
            if let Some(transmit) = self.lay_out(to, datagram.clone(), now) {
                shared.transmit_unsealed(transmit);
            }
        }
    }

    /// Ends the session: keys, attempts and connection are gone. The record of whoever came by himself and waits goes with them.
    pub(in crate::proto) fn end(
        &mut self,
        reason: Option<CloseReason>,
        shared: &mut Shared,
    ) -> Fate {
        let existed = self.pair.take().is_some();
        if existed {
            info!(peer = %self.label, ?reason, "session ends");
        }
        for keypair in self.keys.take_all() {
            shared.keys.remove(&keypair);
        }
        self.lose_verification(shared);
        self.stop_handshake(shared);
        self.forget_attempts(shared);
        shared.timers.stop_all(&mut self.armed, self.place);
        self.connection_id = ConnectionId(shared.rng.u64());
        self.connection = None;
        self.introduction = None;
        self.stir(shared);
        (self.accepted, self.silent) = (false, false);
        (self.wanted, self.pending) = (false, false);
        self.keepalive_due = false;
        self.highest = None;
        self.forget_unproved();
        match (&mut self.standing, reason) {
            (Standing::Guest { told, .. }, _) => {
                if core::mem::take(told) {
                    shared.event(Event::GuestGone { peer: self.id });
                }
                return Fate::Forget;
            }
            (Standing::Newcomer(_), _) => return Fate::Forget,
            (Standing::Known, Some(reason)) if existed => {
                shared.event(Event::Closed {
                    peer: self.id,
                    reason,
                });
            }
            (Standing::Known, _) => {}
        }
        Fate::Stay
    }
}
