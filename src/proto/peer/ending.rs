//! The end of a session.

use std::sync::Arc;

use tracing::{info, trace};

use crate::id::ConnectionId;
use crate::proto::connection::Connection;
use crate::proto::event::{CloseReason, Event};
use crate::proto::keypair::Keypair;
use crate::proto::peer::{Fate, Peer, Standing};
use crate::proto::shared::Shared;
use crate::proto::timer::Timer;
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
        let erased = self.keys.take_all();
        self.connection_id = ConnectionId(shared.rng.u64());
        // It was for the name that we had.
        self.forget_building(shared);
        self.end_without(&erased, reason, shared)
    }

    /// As [`Peer::end`], because the other side says so: what that does not speak of stays. It may have been held back
    /// while its sender called anew, and so our name stays too, by which that call was answered or is about to be. Theirs
    /// is another one.
    pub(in crate::proto) fn end_by_peer(
        &mut self,
        reason: Option<CloseReason>,
        shared: &mut Shared,
    ) -> Fate {
        let erased = self.keys.take_connection(self.pair);
        self.end_without(&erased, reason, shared)
    }

    /// Gives up a connection whose last keys are erased while it holds what the peer has begun: the peer may never come
    /// back, and memory is not free. Of messages nothing is lost: on the next connection all are sent again that were not
    /// receipted. Whoever is called goes on being called, and a mapping is held open as before.
    pub(super) fn give_up_unfinished(&mut self, shared: &mut Shared) {
        let is_unfinished = |connection: &Connection| connection.streams().is_unfinished();
        let has_keys = self.keys.iter().next().is_some();
        if has_keys || !self.connection.as_deref().is_some_and(is_unfinished) {
            return;
        }
        let (wanted, pending, retry) = (self.wanted, self.pending, self.retry);
        let keepalive_due = self.keepalive_due;
        let [next_try, keepalive] = [Timer::Retry, Timer::Keepalive].map(|it| self.armed.at(it));
        self.end(None, shared);
        (self.wanted, self.pending) = (wanted, pending);
        // Where only the connection allowed a call in our version there is none any more.
        if self.may_be_called() {
            self.retry = retry;
            self.held_open = true;
            // What was asleep for long finds both deadlines passed.
            self.keepalive_due = keepalive_due;
            self.arm(Timer::Retry, next_try, shared);
            self.arm(Timer::Keepalive, keepalive, shared);
        }
    }

    fn end_without(
        &mut self,
        erased: &[Arc<Keypair>],
        reason: Option<CloseReason>,
        shared: &mut Shared,
    ) -> Fate {
        let existed = self.pair.take().is_some();
        if existed && !self.is_known() {
            trace!(peer = %self.label, "session ends");
        } else if existed {
            info!(peer = %self.label, ?reason, "session ends");
        }
        for keypair in erased {
            shared.keys.remove(keypair);
        }
        self.lose_verification(shared);
        self.stop_handshake(shared);
        self.forget_attempts(shared);
        shared.timers.stop_all(&mut self.armed, self.place);
        self.arm_erase(shared);
        self.connection = None;
        self.introduction = None;
        self.stir(shared);
        (self.accepted, self.silent) = (false, false);
        let had_to_wait = core::mem::take(&mut self.pending);
        self.wanted = false;
        (self.keepalive_due, self.held_open) = (false, false);
        self.highest = None;
        self.forget_unproved();
        let answered = self.keys.iter().next().is_some();
        let until = self.undecided_until();
        match (&mut self.standing, reason) {
            (Standing::Guest { told, .. }, _) => {
                if core::mem::take(told) {
                    shared.event(Event::GuestGone { peer: self.id });
                }
                if !answered {
                    return Fate::Forget;
                }
                self.arm(Timer::Guest, until, shared);
            }
            (Standing::Newcomer(_), _) => return Fate::Forget,
            (Standing::Known, Some(reason)) if existed => {
                self.keeps_out = reason != CloseReason::Goodbye;
                if had_to_wait && !self.keeps_out {
                    self.partings = self.partings.saturating_add(1);
                }
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
