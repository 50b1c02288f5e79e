//! Packets on their way out.

use core::time::Duration;
use std::sync::Arc;

use tracing::trace;

use crate::proto::connection::Poll;
use crate::proto::keypair::Keypair;
use crate::proto::limits::{
    ASK_AFTER, ASK_WHILE_WAITING, KEEPALIVE_JITTER_PART, SHRINK_AFTER, SILENCE,
};
use crate::proto::peer::Peer;
use crate::proto::route::Route;
use crate::proto::shared::Shared;
use crate::proto::timer::Timer;
use crate::proto::transmit::{Datagram, Transmit, Unsealed};
use crate::time::Instant;

impl Peer {
    /// The next packet that is due, if there is a key and a path for it.
    pub(in crate::proto) fn poll_packet(
        &mut self,
        shared: &mut Shared,
        now: Instant,
    ) -> Option<Transmit> {
        let can_seal = |keypair: &Arc<Keypair>| keypair.can_seal(now);
        if !self.keys.current().is_some_and(can_seal) {
            self.on_no_key(shared, now);
            return None;
        }
        if let Some(probe) = self.poll_path(shared, now) {
            return Some(probe);
        }
        let Some(to) = self.usable_path() else {
            self.rest(None, shared, now);
            // It leaves when there is room, and no deadline makes any.
            self.arm(Timer::Ack, None, shared);
            return None;
        };
        let keepalive = core::mem::take(&mut self.keepalive_due);
        let hello = (shared.config).hello(shared.signing_key, shared.largest_message);
        let connection = self.connection.as_mut()?;
        let packet =
            match connection.poll(&hello, keepalive, &mut shared.rng, &mut shared.scratch, now) {
                Poll::Packet(packet) => packet,
                Poll::Later(at) => {
                    self.rest(Some(at), shared, now);
                    return None;
                }
                Poll::Nothing => {
                    self.rest(None, shared, now);
                    return None;
                }
            };
        if connection.takes_notes_again() {
            self.stir(shared);
        }
        let transmit = self.lay_out(to, packet.datagram, now)?;
        self.on_sent(packet.eliciting, shared, now);
        if keepalive {
            self.rekey_on_keepalive(shared, now);
        }
        Some(transmit)
    }

    /// Whatever may leave at this moment does, because nothing will later. Without a key nobody is called for it.
    pub(in crate::proto) fn flush(&mut self, shared: &mut Shared, now: Instant) {
        let current = self.keys.current();
        if !current.is_some_and(|keypair| keypair.can_seal(now)) {
            return;
        }
        while let Some(packet) = self.poll_packet(shared, now) {
            shared.transmit_unsealed(packet);
        }
    }

    /// Nothing is left to send before `pace`, or before something happens.
    fn rest(&mut self, pace: Option<Instant>, shared: &mut Shared, now: Instant) {
        let recovery = self.connection.as_ref().and_then(|c| c.timeout());
        self.arm(Timer::Pace, pace, shared);
        self.arm(Timer::Recovery, recovery, shared);
        let ack = self.connection.as_ref().and_then(|c| c.ack_timeout());
        self.arm(Timer::Ack, ack, shared);
        let owed = self.owed_after().filter(|_| recovery.is_none());
        // A keepalive in between, which nobody acknowledges, does not put it off.
        let asks_at = self.armed.at(Timer::Ask);
        let ask = owed.map(|after| asks_at.unwrap_or_else(|| drawn(after, now, shared)));
        self.arm(Timer::Ask, ask, shared);
        let is_roomy = self.connection.as_ref().is_some_and(|c| c.is_roomy());
        if is_roomy && self.armed.at(Timer::Shrink).is_none() {
            self.arm(Timer::Shrink, Some(now + SHRINK_AFTER), shared);
        }
    }

    /// After what time a peer is asked whether it is still there, if it owes us something: what waits for it, or its user's
    /// decision about us. Of that it may be the first to speak, and has forgotten us if it began anew meanwhile.
    fn owed_after(&self) -> Option<Duration> {
        if self.is_waiting() {
            return Some(ASK_WHILE_WAITING);
        }
        let owes = self.pending && self.generation().is_some();
        owes.then_some(ASK_AFTER)
    }

    /// Something is sent to it so often from now on, or not for its own sake. What was sent last may have been long ago, and
    /// a mapping that is over by now is made again by the next.
    pub(in crate::proto) fn set_keepalive(
        &mut self,
        interval: Option<Duration>,
        shared: &mut Shared,
        now: Instant,
    ) {
        if core::mem::replace(&mut self.keepalive, interval) == interval {
            return;
        }
        let next = self.held_open_every();
        self.keepalive_due &= next.is_some();
        self.arm_keepalive(next, shared, now);
    }

    fn arm_keepalive(&mut self, interval: Option<Duration>, shared: &mut Shared, now: Instant) {
        let at = interval.map(|it| drawn(it, now, shared));
        self.arm(Timer::Keepalive, at, shared);
    }

    /// Something has waited, with nothing on its way. Where nothing more may go to an address that is not proved, and it
    /// is not asked either, a call brings room: the answer pays for it.
    pub(super) fn ask(&mut self, shared: &mut Shared, now: Instant) {
        if self.usable_path().is_none() {
            self.start_handshake(shared, now);
        } else if let Some(connection) = &mut self.connection {
            connection.ping();
        }
        self.set_dirty(shared);
    }

    /// Lays out one packet to `to` under the current keypair: its plaintext, with room around it.
    pub(in crate::proto) fn lay_out(
        &mut self,
        to: Route,
        datagram: Vec<u8>,
        now: Instant,
    ) -> Option<Transmit> {
        let keypair = self.keys.current()?;
        if !keypair.can_seal(now) {
            return None;
        }
        let counter = keypair.next_counter()?;
        trace!(peer = %self.label, counter = counter.0, to = %to.peer, "packet out");
        let datagram = Datagram::Unsealed(Unsealed::new(keypair, counter, datagram));
        self.transfer.sent += datagram.len() as u64;
        if let Some(path) = &mut self.path {
            path.on_sent(to.peer, datagram.len());
        }
        Some(Transmit {
            to: to.peer,
            from: to.local,
            datagram,
        })
    }

    pub(in crate::proto) fn on_sent(&mut self, eliciting: bool, shared: &mut Shared, now: Instant) {
        if self.keepalive.is_some() {
            self.arm_keepalive(self.keepalive, shared, now);
        }
        if !eliciting {
            return;
        }
        if self.silent {
            self.call_in_silence(shared, now);
        } else if self.armed.at(Timer::Silence).is_none() {
            self.arm_silence(shared, now);
        }
        self.rekey_if_due(true, shared, now);
    }

    /// The answer to what was sent under the keys of a handshake that has just ended may be on its way.
    fn call_in_silence(&mut self, shared: &mut Shared, now: Instant) {
        let is_recent = |at| now.saturating_since(at) < SILENCE;
        if !self.handshaken.is_some_and(is_recent) {
            self.start_handshake(shared, now);
        }
    }

    /// Without a key to send under, whatever asks for an ACK starts a handshake; an ACK does not.
    fn on_no_key(&mut self, shared: &mut Shared, now: Instant) {
        let keepalive = core::mem::take(&mut self.keepalive_due);
        let has_content = self.connection.as_ref().is_some_and(|c| c.has_content());
        if keepalive || has_content || self.waits() {
            self.start_handshake(shared, now);
        }
    }
}

/// When something comes that is due within `interval`: at no fixed beat, which would show a program by its times alone.
fn drawn(interval: Duration, now: Instant, shared: &mut Shared) -> Instant {
    now + interval - shared.rng.up_to(interval / KEEPALIVE_JITTER_PART)
}
