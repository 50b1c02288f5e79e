//! One peer: its session's keys, its connection, what waits for it.
//!
//! 1. [`Peer::start_handshake`](super::initiate) or an accepted INIT leads to a keypair.
//! 2. [`Peer::confirm`] makes a keypair the one to send under.
//! 3. [`Peer::on_opened`] takes what arrives, [`Peer::poll_packet`] gives what leaves.
//! 4. [`Peer::end`] erases everything but the record.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use tracing::{debug, info, trace};

use crate::crypto::Psk;
use crate::id::{ConnectionId, Counter, Epoch, PeerId, SessionIndex, Timestamp};
use crate::proto::attempt::Attempts;
use crate::proto::config::Shown;
use crate::proto::connection::{Connection, Note, Poll, Refused};
use crate::proto::event::{CloseReason, Event, Notice, SessionStatus};
use crate::proto::initiate::Retry;
use crate::proto::introduction::Introduction;
use crate::proto::key_table::Opened;
use crate::proto::keypair::{ConnectionPair, KeySlots, Keypair, Slot};
use crate::proto::limits::{
    MAX_ADDRESSES, REKEY_INITIATOR_RECEIVE, REKEY_INITIATOR_SEND, REKEY_RESPONDER, RETRY_JITTER,
    SILENCE,
};
use crate::proto::path::PathState;
use crate::proto::shared::Shared;
use crate::proto::stats::DropReason;
use crate::proto::streams::{CHAT, Streams};
use crate::proto::timer::{Armed, Timer};
use crate::proto::transmit::{Datagram, Transmit, Unsealed};
use crate::time::Instant;
use crate::wire::DecodeError;
use crate::wire::frame::{CloseCode, Frame, Hello, Payload};

/// How we came to have a record of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The owner named it.
    Known,
    /// It came by itself and was pinned, for `--trust new`; the event has been told or not.
    Pinned { told: bool },
    /// It came by itself and waits for the user, who has been told or not.
    Guest {
        since: Instant,
        source: SocketAddr,
        told: bool,
    },
}

/// Everything about one peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) standing: Standing,
    pub(super) psk: Option<Arc<Psk>>,
    pub(super) shown: Shown,
    /// What the first HELLO of the connection said.
    pub(super) introduction: Option<Introduction>,
    pub(super) addresses: Vec<SocketAddr>,
    /// Where it is, and how far that is proved.
    pub(super) path: Option<PathState>,
    /// Our half of the connection's name; drawn anew whenever connection state starts from nothing.
    pub(super) connection_id: ConnectionId,
    pub(super) keys: KeySlots,
    pub(super) attempts: Attempts,
    /// The attempt whose message 1 the worker is making.
    pub(super) building: Option<SessionIndex>,
    pub(super) retry: Option<Retry>,
    /// Whether the owner asked for a session that does not stand yet.
    pub(super) wanted: bool,
    /// Whether the owner has something that only a session can bring forward.
    pub(super) pending: bool,
    /// The greatest handshake timestamp accepted, and when.
    pub(super) timestamp: Option<(Timestamp, Instant)>,
    pub(super) armed: Armed,
    pair: Option<ConnectionPair>,
    /// None before the first session, and after an end.
    pub(super) connection: Option<Box<Connection>>,
    /// The number of that connection, different from all others of the endpoint.
    generation: u64,
    /// Whether the other side treats us as somebody it knows.
    accepted: bool,
    keepalive_due: bool,
    heard: Option<Instant>,
    silent: bool,
    /// The highest counter that arrived under the current keypair.
    pub(super) highest: Option<(Epoch, Counter)>,
    rekey_jitter: Duration,
}

/// What becomes of a peer's record after an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stay,
    Forget,
}

impl Peer {
    pub(super) fn new(id: PeerId, standing: Standing, shared: &mut Shared) -> Self {
        Self {
            id,
            standing,
            psk: None,
            shown: Shown::default(),
            introduction: None,
            addresses: Vec::new(),
            path: None,
            connection_id: ConnectionId(shared.rng.u64()),
            keys: KeySlots::default(),
            attempts: Attempts::default(),
            building: None,
            retry: None,
            wanted: false,
            pending: false,
            timestamp: None,
            armed: Armed::default(),
            pair: None,
            connection: None,
            generation: 0,
            accepted: false,
            keepalive_due: false,
            heard: None,
            silent: false,
            highest: None,
            rekey_jitter: shared.rng.up_to(RETRY_JITTER),
        }
    }

    pub(super) const fn is_guest(&self) -> bool {
        matches!(self.standing, Standing::Guest { .. })
    }

    /// Puts `addresses` in front of those known; the first [`MAX_ADDRESSES`] are kept.
    pub(super) fn learn_addresses(&mut self, addresses: &[SocketAddr]) {
        let known = core::mem::take(&mut self.addresses);
        for address in addresses.iter().copied().chain(known) {
            if !self.addresses.contains(&address) && self.addresses.len() < MAX_ADDRESSES {
                self.addresses.push(address);
            }
        }
    }

    pub(super) fn arm(&mut self, timer: Timer, at: Option<Instant>, shared: &mut Shared) {
        shared.timers.set(&mut self.armed, self.id, timer, at);
    }

    pub(super) fn arm_erase(&mut self, shared: &mut Shared) {
        self.arm(Timer::Erase, self.keys.next_erase(), shared);
    }

    /// Makes the user's decision: the peer is known from now on.
    pub(super) fn accept(&mut self, standing: Standing, shared: &mut Shared) {
        let was_guest = self.is_guest();
        self.standing = standing;
        self.arm(Timer::Guest, None, shared);
        if self.is_somebody_else() {
            self.end(Some(CloseReason::SigningKeyChanged), shared);
        } else if was_guest && self.pair.is_some() {
            if let Some(connection) = &mut self.connection {
                connection.release_hello();
            }
            shared.dirty.insert(self.id);
            self.announce(shared);
            self.introduce(shared);
        }
    }

    // --- keys ---------------------------------------------------------------------------------

    /// Makes a keypair that both sides are known to hold the one to send under. If it belongs to
    /// another connection, that one starts from nothing and the old one's keys are gone.
    pub(super) fn confirm(&mut self, keypair: &Arc<Keypair>, shared: &mut Shared, now: Instant) {
        for erased in self.keys.promote(Arc::clone(keypair), shared.id) {
            shared.keys.remove(&erased);
        }
        self.arm_erase(shared);
        self.stop_handshake(shared);
        self.wanted = false;
        debug!(peer = ?self.id, epoch = keypair.epoch.0, initiator = keypair.initiator, "keypair confirmed");
        if self.is_new_connection(keypair) {
            self.start_connection(keypair, shared, now);
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
        shared.dirty.insert(self.id);
    }

    fn start_connection(&mut self, keypair: &Keypair, shared: &mut Shared, now: Instant) {
        info!(peer = ?self.id, "new connection");
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
        self.silent = false;
        for timer in [Timer::Silence, Timer::Recovery, Timer::Pace, Timer::Ack] {
            self.arm(timer, None, shared);
        }
        self.announce(shared);
    }

    /// Tells the owner that a new connection stands, as far as it does.
    fn announce(&mut self, shared: &mut Shared) {
        shared.stir(self.id);
        let (peer, Some(address)) = (self.id, self.address()) else {
            return;
        };
        if let Standing::Pinned { told: false } = self.standing {
            self.standing = Standing::Pinned { told: true };
            shared.pinned += 1;
            self.arm(Timer::Guest, None, shared);
            shared.event(Event::Pinned { peer, address });
        }
        if self.is_guest() {
            return;
        }
        let initiator = self.keys.current().is_some_and(|keypair| keypair.initiator);
        shared.event(if self.accepted {
            Event::Established {
                peer,
                address,
                initiator,
            }
        } else {
            Event::Waiting { peer }
        });
    }

    /// Notes whether the responder knows us.
    pub(super) const fn set_accepted(&mut self, accepted: bool) {
        self.accepted = accepted;
    }

    /// Whether `keypair` belongs to another connection than the one that stands.
    pub(super) fn is_new_connection(&self, keypair: &Keypair) -> bool {
        self.pair != Some(keypair.connection)
    }

    /// Whether a connection stands, be it without a key at the moment.
    pub(super) const fn has_connection(&self) -> bool {
        self.pair.is_some()
    }

    /// Whether `theirs` is the other side's name for the connection that stands.
    pub(super) fn is_in_connection(&self, theirs: ConnectionId) -> bool {
        self.pair.is_some_and(|(_, remote)| remote == theirs)
    }

    /// Whether a session stands under which the peer was heard after `then`.
    pub(super) fn has_spoken_since(&self, then: Instant) -> bool {
        self.pair.is_some() && self.heard.is_some_and(|heard| heard > then)
    }

    /// Learns from a HELLO, or from a later handshake, that the other side knows us now.
    pub(super) fn on_accepted(&mut self, shared: &mut Shared) {
        if !self.accepted {
            self.accepted = true;
            self.announce(shared);
            shared.dirty.insert(self.id);
        }
    }

    fn rekey_if_due(&mut self, sending: bool, shared: &mut Shared, now: Instant) {
        let Some(current) = self.keys.current() else {
            return;
        };
        let limit = match (current.initiator, sending) {
            (true, true) => REKEY_INITIATOR_SEND,
            (true, false) => REKEY_INITIATOR_RECEIVE,
            (false, _) => REKEY_RESPONDER + self.rekey_jitter,
        };
        if now.saturating_since(current.created) >= limit || current.is_worn_out() {
            self.start_handshake(shared, now);
        }
    }

    // --- in -----------------------------------------------------------------------------------

    /// Takes an opened packet.
    pub(super) fn on_opened(
        &mut self,
        opened: &Opened<'_>,
        shared: &mut Shared,
        now: Instant,
    ) -> Fate {
        trace!(peer = ?self.id, counter = opened.counter.0, from = %opened.from, "packet in");
        let Some(slot) = self.keys.slot_of(&opened.keypair) else {
            shared.drop(DropReason::StaleKeypair);
            return Fate::Stay;
        };
        if slot == Slot::Next {
            self.on_confirmed(opened, shared, now);
        }
        self.on_heard(shared, now);
        self.follow(opened, shared, now);
        let payload = match Payload::parse(opened.plaintext) {
            Ok(payload) => payload,
            Err(error) => return self.on_malformed(error, shared, now),
        };
        self.on_payload(&payload, shared, now)
    }

    /// Takes a packet's frames, all or none.
    fn on_payload(&mut self, payload: &Payload<'_>, shared: &mut Shared, now: Instant) -> Fate {
        let Some(connection) = &mut self.connection else {
            return Fate::Stay;
        };
        match connection.check(payload) {
            Ok(()) => {}
            Err(Refused::Dropped) => {
                shared.drop(DropReason::Overflow);
                return Fate::Stay;
            }
            Err(Refused::Violation) => return self.on_violation(shared, now),
        }
        if shared.notes_are_full(payload.frames.len()) {
            shared.drop(DropReason::Overflow);
            return Fate::Stay;
        }
        if !connection.on_packet(payload, now) {
            return Fate::Stay;
        }
        shared.dirty.insert(self.id);
        for frame in &payload.frames {
            if self.on_frame(frame, shared, now) == Fate::Forget {
                return Fate::Forget;
            }
            if self.pair.is_none() {
                return Fate::Stay;
            }
        }
        self.rekey_if_due(false, shared, now);
        self.tell_stream_events(shared);
        Fate::Stay
    }

    /// The connection, if both sides know each other: then its streams may carry something.
    fn open_connection(&self) -> Option<&Connection> {
        let is_open = self.accepted && !self.is_guest();
        self.connection.as_deref().filter(|_| is_open)
    }

    /// The streams that may carry something.
    pub(super) fn streams(&self) -> Option<&Streams> {
        self.open_connection().map(Connection::streams)
    }

    /// As [`Peer::streams`], to change them.
    pub(super) fn streams_mut(&mut self) -> Option<&mut Streams> {
        let is_open = self.accepted && !self.is_guest();
        let connection = self.connection.as_mut().filter(|_| is_open)?;
        Some(connection.streams_mut())
    }

    /// The number of the connection whose streams may carry something.
    pub(super) fn generation(&self) -> Option<u64> {
        self.open_connection().map(|_| self.generation)
    }

    /// Takes a receipt or reject; false if there is no room, or nobody to send it to.
    pub(super) fn take_note(&mut self, note: Note) -> bool {
        let is_open = self.accepted && !self.is_guest();
        let connection = self.connection.as_mut().filter(|_| is_open);
        connection.is_some_and(|connection| connection.take_note(note))
    }

    /// Tells the layer above, and the owner if it takes bulk streams. While the owner is behind with
    /// its events, what is new stays where it is.
    pub(super) fn tell_stream_events(&mut self, shared: &mut Shared) {
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
            shared.stir(peer);
            if bulk && !event.is_about(CHAT) {
                shared.event(Event::Stream { peer, event });
            }
        }
    }

    /// The other side proved that it holds a keypair that we answered with.
    fn on_confirmed(&mut self, opened: &Opened<'_>, shared: &mut Shared, now: Instant) {
        self.on_confirming(opened, shared, now);
        if self.is_new_connection(&opened.keypair) {
            self.accepted = true;
        }
        self.confirm(&opened.keypair, shared, now);
    }

    fn on_heard(&mut self, shared: &mut Shared, now: Instant) {
        self.heard = Some(now);
        self.arm_silence(shared, now);
        if core::mem::take(&mut self.silent) {
            if let Some(connection) = &mut self.connection {
                connection.probe();
            }
            self.stop_handshake(shared);
            shared.event(Event::Resumed { peer: self.id });
        }
    }

    /// Counts the silence anew from `now`, or not at all if nothing is out that wants an answer.
    fn arm_silence(&mut self, shared: &mut Shared, now: Instant) {
        let out = self.connection.as_ref().filter(|c| c.awaits_ack());
        let at = out.map(|connection| now + SILENCE.max(3 * connection.pto()));
        self.arm(Timer::Silence, at, shared);
    }

    fn on_frame(&mut self, frame: &Frame<'_>, shared: &mut Shared, now: Instant) -> Fate {
        let (is_guest, Some(connection)) = (self.is_guest(), &mut self.connection) else {
            return Fate::Stay;
        };
        match frame {
            Frame::Ping | Frame::Skipped => {}
            Frame::Ack(ack) => {
                if connection.on_ack(ack, now).is_err() {
                    return self.on_violation(shared, now);
                }
                self.arm_silence(shared, now);
            }
            Frame::Hello(hello) => return self.on_hello(hello, shared, now),
            Frame::Stream(_)
            | Frame::Reset { .. }
            | Frame::Stop { .. }
            | Frame::MaxData(_)
            | Frame::MaxStreamData { .. }
            | Frame::MaxStreams(_)
            | Frame::Receipt(_)
            | Frame::Reject(_) => {
                // A guest has no credit before the user has decided.
                if is_guest {
                    return self.on_violation(shared, now);
                }
                let peer = self.id;
                if let Frame::Receipt(body) = frame {
                    let body = body.to_vec();
                    shared.notice(Notice::Receipt { peer, body });
                } else if let Frame::Reject(body) = frame {
                    let body = body.to_vec();
                    shared.notice(Notice::Reject { peer, body });
                } else {
                    connection.on_stream_frame(frame);
                }
                // It does not speak to guests: its HELLO is late.
                self.on_accepted(shared);
            }
            Frame::PathChallenge(token) => self.on_path_challenge(*token),
            Frame::PathResponse(token) => self.on_path_response(*token, shared, now),
            Frame::Close(code) => return self.on_close(*code, shared),
        }
        Fate::Stay
    }

    fn on_hello(&mut self, hello: &Hello<'_>, shared: &mut Shared, now: Instant) -> Fate {
        let is_first = self.introduction.is_none();
        self.introduction.get_or_insert_with(|| hello.into());
        if self.is_somebody_else() {
            self.say_close(CloseCode::Violation, shared, now);
            return self.end(Some(CloseReason::SigningKeyChanged), shared);
        }
        if let Standing::Guest {
            since,
            source,
            told: false,
        } = self.standing
        {
            self.standing = Standing::Guest {
                since,
                source,
                told: true,
            };
            let nickname = String::from_utf8(hello.nickname.to_vec()).ok();
            let nickname = nickname.filter(|name| !name.is_empty());
            let address = self.address().unwrap_or(source);
            shared.event(Event::Guest {
                peer: self.id,
                address,
                nickname,
            });
        } else {
            self.on_accepted(shared);
        }
        if is_first && !self.is_guest() {
            self.introduce(shared);
        }
        Fate::Stay
    }

    fn on_close(&mut self, code: CloseCode, shared: &mut Shared) -> Fate {
        let reason = match code {
            CloseCode::Goodbye | CloseCode::Other(_) => CloseReason::Goodbye,
            CloseCode::Declined => CloseReason::Declined,
            CloseCode::Violation => CloseReason::TheySayViolation,
            CloseCode::Unsupported => CloseReason::Unsupported,
        };
        self.end(Some(reason), shared)
    }

    fn on_malformed(&mut self, error: DecodeError, shared: &mut Shared, now: Instant) -> Fate {
        let code = match error {
            DecodeError::Unknown => CloseCode::Unsupported,
            DecodeError::Truncated
            | DecodeError::TrailingBytes
            | DecodeError::NotCanonical
            | DecodeError::TooLong => return self.on_violation(shared, now),
        };
        self.say_close(code, shared, now);
        self.end(Some(CloseReason::Unsupported), shared)
    }

    pub(super) fn on_violation(&mut self, shared: &mut Shared, now: Instant) -> Fate {
        self.say_close(CloseCode::Violation, shared, now);
        self.end(Some(CloseReason::Violation), shared)
    }

    // --- the end ------------------------------------------------------------------------------

    /// Queues a sealed CLOSE, if there is a key to seal it with: also to the last proved address, if
    /// the present one is not.
    pub(super) fn say_close(&mut self, code: CloseCode, shared: &mut Shared, now: Instant) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let plaintext = connection.last_packet(&Frame::Close(code), &mut shared.rng, now);
        for to in self.everywhere(&plaintext) {
            if let Some(transmit) = self.lay_out(to, &plaintext, now) {
                shared.transmit_unsealed(transmit);
            }
        }
    }

    /// Ends the session: keys, attempts and connection are gone. A guest's record goes with them.
    pub(super) fn end(&mut self, reason: Option<CloseReason>, shared: &mut Shared) -> Fate {
        let existed = self.pair.take().is_some();
        info!(peer = ?self.id, ?reason, "session ends");
        for keypair in self.keys.take_all() {
            shared.keys.remove(&keypair);
        }
        self.stop_handshake(shared);
        self.forget_attempts(shared);
        shared.timers.stop_all(&mut self.armed, self.id);
        self.connection_id = ConnectionId(shared.rng.u64());
        self.connection = None;
        self.introduction = None;
        shared.stir(self.id);
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
            (Standing::Known | Standing::Pinned { .. }, Some(reason)) if existed => {
                shared.event(Event::Closed {
                    peer: self.id,
                    reason,
                });
            }
            (Standing::Known | Standing::Pinned { .. }, _) => {}
        }
        Fate::Stay
    }

    // --- out ----------------------------------------------------------------------------------

    /// The next packet that is due, if there is a key and a path for it.
    pub(super) fn poll_packet(&mut self, shared: &mut Shared, now: Instant) -> Option<Transmit> {
        let can_seal = |keypair: &Arc<Keypair>| keypair.can_seal(now);
        if !self.keys.current().is_some_and(can_seal) {
            self.on_no_key(shared, now);
            return None;
        }
        if let Some(probe) = self.poll_path(shared, now) {
            return Some(probe);
        }
        let Some(to) = self.usable_path() else {
            self.rest(None, shared);
            return None;
        };
        let keepalive = core::mem::take(&mut self.keepalive_due);
        let hello = shared.config.hello(shared.signing_key);
        let connection = self.connection.as_mut()?;
        let packet = match connection.poll(&hello, keepalive, &mut shared.rng, now) {
            Poll::Packet(packet) => packet,
            Poll::Later(at) => {
                self.rest(Some(at), shared);
                return None;
            }
            Poll::Nothing => {
                self.rest(None, shared);
                return None;
            }
        };
        let transmit = self.lay_out(to, &packet.plaintext, now)?;
        self.on_sent(packet.eliciting, shared, now);
        Some(transmit)
    }

    /// Nothing is left to send before `pace`, or before something happens.
    fn rest(&mut self, pace: Option<Instant>, shared: &mut Shared) {
        let recovery = self.connection.as_ref().and_then(|c| c.timeout());
        self.arm(Timer::Pace, pace, shared);
        self.arm(Timer::Recovery, recovery, shared);
        let ack = self.connection.as_ref().and_then(|c| c.ack_timeout());
        self.arm(Timer::Ack, ack, shared);
    }

    /// Lays out one packet to `to` under the current keypair.
    pub(super) fn lay_out(
        &mut self,
        to: SocketAddr,
        plaintext: &[u8],
        now: Instant,
    ) -> Option<Transmit> {
        let keypair = self.keys.current()?;
        if !keypair.can_seal(now) {
            return None;
        }
        let counter = keypair.next_counter()?;
        trace!(peer = ?self.id, counter = counter.0, %to, "packet out");
        let datagram = Datagram::Unsealed(Unsealed::new(keypair, counter, plaintext));
        if let Some(path) = &mut self.path {
            path.on_sent(to, datagram.len());
        }
        Some(Transmit { to, datagram })
    }

    pub(super) fn on_sent(&mut self, eliciting: bool, shared: &mut Shared, now: Instant) {
        if let Some(interval) = shared.config.keepalive {
            self.arm(Timer::Keepalive, Some(now + interval), shared);
        }
        if !eliciting {
            return;
        }
        if self.silent {
            self.start_handshake(shared, now);
        } else if self.armed.at(Timer::Silence).is_none() {
            self.arm_silence(shared, now);
        }
        self.rekey_if_due(true, shared, now);
    }

    /// Without a key to send under, whatever asks for an ACK starts a handshake; an ACK does not.
    fn on_no_key(&mut self, shared: &mut Shared, now: Instant) {
        let keepalive = core::mem::take(&mut self.keepalive_due);
        let has_content = self.connection.as_ref().is_some_and(|c| c.has_content());
        if keepalive || has_content || self.waits() {
            self.start_handshake(shared, now);
        }
    }

    /// Whether something can go to the peer at this moment: neither side is a guest of the other, and it answers.
    const fn may_talk(&self) -> bool {
        self.accepted && !self.is_guest() && !self.silent
    }

    // --- timers -------------------------------------------------------------------------------

    /// A timer of this peer fired.
    pub(super) fn on_timeout(&mut self, timer: Timer, shared: &mut Shared, now: Instant) -> Fate {
        match timer {
            Timer::Retry => self.on_retry(shared, now),
            Timer::Path => self.on_path_timeout(shared, now),
            Timer::Silence => {
                info!(peer = ?self.id, "silence");
                if !core::mem::replace(&mut self.silent, true) {
                    shared.event(Event::Silent { peer: self.id });
                }
                self.start_handshake(shared, now);
            }
            Timer::Recovery => {
                if let Some(connection) = &mut self.connection {
                    connection.on_timeout(now);
                    // What was lost and is not said again wants no answer.
                    if !connection.awaits_ack() {
                        self.arm(Timer::Silence, None, shared);
                    }
                }
                shared.dirty.insert(self.id);
            }
            Timer::Pace | Timer::Ack => {
                shared.dirty.insert(self.id);
            }
            Timer::Keepalive => {
                self.keepalive_due = true;
                shared.dirty.insert(self.id);
            }
            Timer::Attempts => self.expire_attempts(shared, now),
            Timer::Erase => {
                for keypair in self.keys.take_expired(now) {
                    debug!(peer = ?self.id, epoch = keypair.epoch.0, "keypair erased");
                    shared.keys.remove(&keypair);
                }
                self.arm_erase(shared);
                // Whatever waits needs a new key now.
                shared.dirty.insert(self.id);
            }
            Timer::Guest => {
                self.end(None, shared);
                return Fate::Forget;
            }
        }
        Fate::Stay
    }

    // --- status -------------------------------------------------------------------------------

    pub(super) fn status(&self, now: Instant) -> SessionStatus {
        let current = self.keys.current().filter(|keypair| keypair.is_usable(now));
        SessionStatus {
            established: current.is_some() && self.may_talk(),
            address: self.address().or_else(|| self.addresses.first().copied()),
            tries: self.retry.map_or(0, |retry| retry.tries),
            key_age: current.map(|keypair| now.saturating_since(keypair.created)),
            heard: self.heard.map(|heard| now.saturating_since(heard)),
            waiting: self.pair.is_some() && !self.accepted,
            guest: self.is_guest(),
            rtt: self.connection.as_ref().and_then(|c| c.rtt()),
            awaits_ack: self.connection.as_ref().is_some_and(|c| c.awaits_ack()),
            keypairs: self.keys.iter().count(),
            attempts: self.attempts.len(),
            initiator: current.map(|keypair| keypair.initiator),
        }
    }

    /// Whether something waits that only a session can bring forward.
    pub(super) fn waits(&self) -> bool {
        let is_busy = self.connection.as_ref().is_some_and(|c| c.is_busy());
        self.wanted || self.pending || is_busy
    }
}
