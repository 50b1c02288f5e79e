//! Which keypair is sent under, and the connection that it belongs to.

use std::sync::Arc;

use tracing::{debug, info, trace};

use crate::id::ConnectionId;
use crate::proto::connection::Connection;
use crate::proto::event::Event;
use crate::proto::keypair::Keypair;
use crate::proto::limits::{REKEY_INITIATOR_RECEIVE, REKEY_INITIATOR_SEND, REKEY_RESPONDER};
use crate::proto::peer::{Peer, Standing};
use crate::proto::shared::Shared;
use crate::proto::timer::Timer;
use crate::time::Instant;

impl Peer {
    /// Makes a keypair that both sides are known to hold the one to send under. If it belongs to
    /// another connection, that one starts from nothing and the old one's keys are gone.
    pub(in crate::proto) fn confirm(
        &mut self,
        keypair: &Arc<Keypair>,
        shared: &mut Shared,
        now: Instant,
    ) {
        for erased in self.keys.promote(Arc::clone(keypair), shared.id) {
            shared.keys.remove(&erased);
        }
        if !keypair.initiator {
            let sender = keypair.remote_index;
            shared.reassembly.confirmed(sender, self.id);
            if let Some(call) = &mut self.last_call {
                call.on_confirmed(sender);
            }
        }
        self.arm_erase(shared);
        self.stop_handshake(shared);
        let was_wanted = core::mem::take(&mut self.wanted);
        self.handshaken = Some(now);
        if self.is_known() {
            debug!(peer = %self.label, epoch = keypair.epoch.0, initiator = keypair.initiator, "keypair confirmed");
        } else {
            // As often as a stranger likes.
            trace!(peer = %self.label, "keypair confirmed");
        }
        if self.is_new_connection(keypair) {
            self.start_connection(keypair, shared, now);
        } else if was_wanted && self.may_talk() {
            // Of whoever was silent it is told once it is heard.
            shared.event(Event::Resumed { peer: self.id });
        }
        let is_current = self
            .keys
            .current()
            .is_some_and(|held| Arc::ptr_eq(held, keypair));
        if let Some(connection) = &mut self.connection {
            connection.probe();
            if is_current && keypair.initiator {
                connection.ping();
            }
        }
        self.set_dirty(shared);
    }

    fn start_connection(&mut self, keypair: &Keypair, shared: &mut Shared, now: Instant) {
        self.lose_verification(shared);
        self.pair = Some(keypair.connection);
        self.generation = shared.next_generation();
        let connection = Connection::new(
            self.is_guest(),
            shared.config.congestion,
            &mut shared.rng,
            now,
        );
        self.connection = Some(Box::new(connection));
        self.introduction = None;
        // That its user has to accept us is no sign that our HELLO is taken.
        self.silent &= self.is_waiting();
        self.keeps_out = false;
        for timer in [Timer::Silence, Timer::Recovery, Timer::Pace, Timer::Ack] {
            self.arm(timer, None, shared);
        }
        self.announce(shared);
        if self.is_known() {
            info!(peer = %self.label, "new connection");
        } else {
            trace!(peer = %self.label, "new connection");
        }
    }

    /// Tells the owner that a new connection stands, as far as it does.
    pub(super) fn announce(&mut self, shared: &mut Shared) {
        self.stir(shared);
        // Where it only seems to be is told once it is proved.
        let address = self.proved().or_else(|| self.address());
        let (peer, Some(address)) = (self.id, address) else {
            return;
        };
        if let Standing::Newcomer(_) = self.standing {
            self.standing = Standing::Known;
            shared.pinned += 1;
            self.arm(Timer::Guest, None, shared);
            shared.event(Event::Pinned { peer, address });
        }
        if self.is_guest() {
            return;
        }
        if self.is_waiting() {
            // Else it is said once it is heard.
            if !self.silent {
                shared.event(Event::Waiting { peer });
            }
            return;
        }
        let initiator = self.keys.current().is_some_and(|keypair| keypair.initiator);
        shared.event(Event::Established {
            peer,
            address,
            initiator,
        });
    }

    /// Notes whether the responder knows us.
    pub(in crate::proto) const fn set_accepted(&mut self, accepted: bool) {
        self.accepted = accepted;
    }

    /// Whether `keypair` belongs to another connection than the one that stands.
    pub(in crate::proto) fn is_new_connection(&self, keypair: &Keypair) -> bool {
        self.pair != Some(keypair.connection)
    }

    /// Whether a connection stands, be it without a key at the moment.
    pub(in crate::proto) const fn has_connection(&self) -> bool {
        self.pair.is_some()
    }

    /// Whether a mapping is to be held open towards it: there is a connection, or was until what was unfinished had it given up.
    pub(in crate::proto) const fn is_held_open(&self) -> bool {
        self.has_connection() || self.held_open
    }

    /// Whether `theirs` is the other side's name for the connection that stands.
    pub(in crate::proto) fn is_in_connection(&self, theirs: ConnectionId) -> bool {
        self.pair.is_some_and(|(_, remote)| remote == theirs)
    }

    /// Whether a session stands under which the peer was heard after `then`.
    pub(in crate::proto) fn has_spoken_since(&self, then: Instant) -> bool {
        self.pair.is_some() && self.heard.is_some_and(|heard| heard > then)
    }

    /// Learns from a HELLO, or from a later handshake, that the other side knows us now.
    pub(in crate::proto) fn on_accepted(&mut self, shared: &mut Shared) {
        if !self.accepted {
            self.accepted = true;
            self.announce(shared);
            self.set_dirty(shared);
        }
    }

    /// A keepalive has left. A call shows whom it is for to those who know that key. Whoever has called is not shown as
    /// long as it is he who calls again.
    pub(super) fn rekey_on_keepalive(&mut self, shared: &mut Shared, now: Instant) {
        if self.keys.current().is_some_and(|current| current.initiator) {
            self.rekey_if_due(true, shared, now);
        }
    }

    pub(super) fn rekey_if_due(&mut self, sending: bool, shared: &mut Shared, now: Instant) {
        let Some(current) = self.keys.current() else {
            return;
        };
        let limit = match (current.initiator, sending) {
            (true, true) => REKEY_INITIATOR_SEND,
            (true, false) => REKEY_INITIATOR_RECEIVE,
            (false, _) => REKEY_RESPONDER + self.rekey_jitter,
        };
        if now.saturating_since(current.created) >= limit || current.is_worn_out() {
            self.renew_keys(shared, now);
        }
    }
}
