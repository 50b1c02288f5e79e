//! One peer: its session's keys, its connection, what waits for it.
//!
//! 1. [`Peer::start_handshake`](super::initiate) or an accepted INIT leads to a keypair.
//! 2. [`Peer::confirm`] makes a keypair the one to send under.
//! 3. [`Peer::on_opened`] takes what arrives, [`Peer::poll_packet`] gives what leaves.
//! 4. [`Peer::end`] erases everything but the record.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use tracing::{debug, info, trace};

use crate::crypto::Psk;
use crate::id::{ConnectionId, Counter, Epoch, PeerId, SessionIndex, Timestamp};
use crate::proto::attempt::Attempts;
use crate::proto::connection::Connection;
use crate::proto::event::{CloseReason, Event, SessionStatus};
use crate::proto::initiate::Retry;
use crate::proto::key_table::Opened;
use crate::proto::keypair::{ConnectionPair, KeySlots, Keypair, Slot};
use crate::proto::limits::{
    MAX_ADDRESSES, REKEY_INITIATOR_RECEIVE, REKEY_INITIATOR_SEND, REKEY_RESPONDER, RETRY_JITTER,
    SILENCE,
};
use crate::proto::shared::Shared;
use crate::proto::stats::DropReason;
use crate::proto::timer::{Armed, Timer};
use crate::proto::transmit::{Datagram, Transmit, Unsealed};
use crate::time::Instant;
use crate::wire::DecodeError;
use crate::wire::frame::{Ack, CloseCode, Frame, Hello, Payload};
use crate::wire::limits::{BASE_PLAINTEXT_LEN, NICKNAME_MAX_LEN, VERSION};

/// An ACK with more ranges than this goes without a line, which would not fit beside it.
const ACK_RANGES_BESIDE_LINE: usize = 8;

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
    pub(super) addresses: Vec<SocketAddr>,
    /// Where it last authenticated from.
    pub(super) path: Option<SocketAddr>,
    /// Where the newest packet that asked for an ACK went.
    asked_at: Option<SocketAddr>,
    /// Where such a packet last got one: nobody can make us forget it by sending on a packet from
    /// elsewhere.
    pub(super) proved: Option<SocketAddr>,
    /// Our half of the connection's name; drawn anew whenever connection state starts from nothing.
    pub(super) connection_id: ConnectionId,
    pub(super) keys: KeySlots,
    pub(super) attempts: Attempts,
    /// The attempt whose message 1 the worker is making.
    pub(super) building: Option<SessionIndex>,
    pub(super) retry: Option<Retry>,
    /// Whether the owner asked for a session that does not stand yet.
    pub(super) wanted: bool,
    /// The greatest handshake timestamp accepted, and when.
    pub(super) timestamp: Option<(Timestamp, Instant)>,
    pub(super) armed: Armed,
    pub(super) lines: VecDeque<Vec<u8>>,
    pair: Option<ConnectionPair>,
    connection: Connection,
    /// Whether the other side treats us as somebody it knows.
    accepted: bool,
    ping_due: bool,
    keepalive_due: bool,
    heard: Option<Instant>,
    silent: bool,
    /// The highest counter that arrived under the current keypair.
    highest: Option<(Epoch, Counter)>,
    rekey_jitter: Duration,
}

/// What the next packet is to carry.
#[derive(Debug)]
struct Due {
    ack: Option<Ack>,
    hello: bool,
    ping: bool,
    line: Option<Vec<u8>>,
    keepalive: bool,
}

impl Due {
    fn frames<'a>(&'a self, nickname: &'a str) -> Vec<Frame<'a>> {
        let end = nickname.floor_char_boundary(NICKNAME_MAX_LEN);
        let nickname = nickname.as_bytes().get(..end).unwrap_or_default();
        let mut frames = Vec::new();
        frames.extend(self.ack.clone().map(Frame::Ack));
        if self.hello {
            frames.push(Frame::Hello(Hello {
                newest_version: VERSION,
                nickname,
            }));
        }
        frames.extend(self.ping.then_some(Frame::Ping));
        frames.extend(self.line.as_deref().map(Frame::Line));
        frames
    }
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
            addresses: Vec::new(),
            path: None,
            asked_at: None,
            proved: None,
            connection_id: ConnectionId(shared.rng.u64()),
            keys: KeySlots::default(),
            attempts: Attempts::default(),
            building: None,
            retry: None,
            wanted: false,
            timestamp: None,
            armed: Armed::default(),
            lines: VecDeque::new(),
            pair: None,
            connection: Connection::new(false),
            accepted: false,
            ping_due: false,
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
        if was_guest && self.pair.is_some() {
            self.connection.release_hello();
            shared.dirty.insert(self.id);
            self.announce(shared);
        }
    }

    // --- keys ---------------------------------------------------------------------------------

    /// Makes a keypair that both sides are known to hold the one to send under. If it belongs to
    /// another connection, that one starts from nothing and the old one's keys are gone.
    pub(super) fn confirm(&mut self, keypair: &Arc<Keypair>, shared: &mut Shared) {
        for erased in self.keys.promote(Arc::clone(keypair), shared.id) {
            shared.keys.remove(&erased);
        }
        self.arm_erase(shared);
        self.stop_handshake(shared);
        self.wanted = false;
        debug!(peer = ?self.id, epoch = keypair.epoch.0, initiator = keypair.initiator, "keypair confirmed");
        let is_current = self
            .keys
            .current()
            .is_some_and(|held| Arc::ptr_eq(held, keypair));
        self.ping_due |= is_current && keypair.initiator;
        if self.is_new_connection(keypair) {
            self.pair = Some(keypair.connection);
            self.connection = Connection::new(self.is_guest());
            self.silent = false;
            self.arm(Timer::Silence, None, shared);
            info!(peer = ?self.id, "new connection");
            self.announce(shared);
        }
        shared.dirty.insert(self.id);
    }

    /// Tells the owner that a new connection stands, as far as it does.
    fn announce(&mut self, shared: &mut Shared) {
        let (peer, Some(address)) = (self.id, self.path) else {
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
            self.on_confirmed(opened, shared);
        }
        self.on_heard(shared, now);
        self.follow(opened, shared);
        let payload = match Payload::parse(opened.plaintext) {
            Ok(payload) => payload,
            Err(error) => return self.on_malformed(error, shared, now),
        };
        if !self
            .connection
            .on_packet(payload.number, payload.is_ack_eliciting(), now)
        {
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
        Fate::Stay
    }

    /// The other side proved that it holds a keypair that we answered with.
    fn on_confirmed(&mut self, opened: &Opened<'_>, shared: &mut Shared) {
        self.path.get_or_insert(opened.from);
        if self.is_new_connection(&opened.keypair) {
            self.path = Some(opened.from);
            self.accepted = true;
            if self.addresses.is_empty() {
                // The one place to look for it again, should its path be led astray.
                self.addresses.push(opened.from);
            }
        }
        self.confirm(&opened.keypair, shared);
    }

    fn on_heard(&mut self, shared: &mut Shared, now: Instant) {
        self.heard = Some(now);
        self.arm_silence(shared, now);
        if core::mem::take(&mut self.silent) {
            self.stop_handshake(shared);
            shared.event(Event::Resumed { peer: self.id });
        }
    }

    /// Counts the silence anew from `now`, or not at all if nothing is out that wants an answer.
    fn arm_silence(&mut self, shared: &mut Shared, now: Instant) {
        let at = self.connection.awaits_ack().then_some(now + SILENCE);
        self.arm(Timer::Silence, at, shared);
    }

    /// Moves the path to where the newest packet under the current keypair came from.
    fn follow(&mut self, opened: &Opened<'_>, shared: &mut Shared) {
        let keypair = &opened.keypair;
        if self.keys.slot_of(keypair) != Some(Slot::Current) {
            return;
        }
        let newest = match self.highest {
            Some((epoch, counter)) => epoch != keypair.epoch || opened.counter > counter,
            None => true,
        };
        if !newest {
            return;
        }
        self.highest = Some((keypair.epoch, opened.counter));
        if self.path != Some(opened.from) {
            self.path = Some(opened.from);
            info!(peer = ?self.id, "roamed");
            trace!(peer = ?self.id, to = %opened.from, "roamed");
            shared.event(Event::Roamed {
                peer: self.id,
                to: opened.from,
            });
        }
    }

    fn on_frame(&mut self, frame: &Frame<'_>, shared: &mut Shared, now: Instant) -> Fate {
        match frame {
            Frame::Ping | Frame::Skipped => {}
            Frame::Ack(ack) => {
                let awaited = self.connection.awaits_ack();
                if self.connection.on_ack(ack).is_err() {
                    return self.on_violation(shared, now);
                }
                if awaited && !self.connection.awaits_ack() {
                    self.proved = self.asked_at;
                }
                self.arm_silence(shared, now);
            }
            Frame::Hello(hello) => self.on_hello(hello, shared),
            Frame::Line(_) if self.is_guest() => shared.drop(DropReason::NotWelcome),
            Frame::Line(line) => {
                shared.event(Event::Line {
                    peer: self.id,
                    line: line.to_vec(),
                });
            }
            Frame::Close(code) => return self.on_close(*code, shared),
        }
        Fate::Stay
    }

    fn on_hello(&mut self, hello: &Hello<'_>, shared: &mut Shared) {
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
            let address = self.path.unwrap_or(source);
            shared.event(Event::Guest {
                peer: self.id,
                address,
                nickname,
            });
        } else {
            self.on_accepted(shared);
        }
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

    fn on_violation(&mut self, shared: &mut Shared, now: Instant) -> Fate {
        self.say_close(CloseCode::Violation, shared, now);
        self.end(Some(CloseReason::Violation), shared)
    }

    // --- the end ------------------------------------------------------------------------------

    /// Queues a sealed CLOSE, if there is a key to seal it with.
    pub(super) fn say_close(&mut self, code: CloseCode, shared: &mut Shared, now: Instant) {
        let frames = vec![Frame::Close(code)];
        if let Some(transmit) = self.packet(frames, now) {
            shared.transmit_unsealed(transmit);
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
        self.connection = Connection::new(false);
        (self.accepted, self.silent, self.wanted) = (false, false, false);
        (self.ping_due, self.keepalive_due) = (false, false);
        self.highest = None;
        self.drop_lines(shared);
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

    /// Lines that wait for a session are not kept beyond its end; the owner is told.
    fn drop_lines(&mut self, shared: &mut Shared) {
        let count = core::mem::take(&mut self.lines).len();
        if count > 0 {
            shared.event(Event::Unsent {
                peer: self.id,
                count,
            });
        }
    }

    // --- out ----------------------------------------------------------------------------------

    /// The next packet that is due, if there is a key and a path for it.
    pub(super) fn poll_packet(&mut self, shared: &mut Shared, now: Instant) -> Option<Transmit> {
        if !self
            .keys
            .current()
            .is_some_and(|keypair| keypair.can_seal(now))
        {
            self.on_no_key(shared, now);
            return None;
        }
        let due = self.take_due(now);
        let frames = due.frames(shared.config.nickname.as_deref().unwrap_or_default());
        if frames.is_empty() && !due.keepalive {
            return None;
        }
        let eliciting = frames.iter().any(Frame::is_ack_eliciting);
        let number = self.connection.peek_number();
        let transmit = self.packet(frames, now)?;
        if due.hello {
            let wait = self.connection.on_hello_sent(number);
            self.arm(Timer::Hello, Some(now + wait), shared);
        }
        if eliciting {
            self.connection.on_eliciting_sent(number);
            self.asked_at = Some(transmit.to);
        }
        self.on_sent(eliciting, shared, now);
        Some(transmit)
    }

    /// Takes what the next packet is to carry.
    fn take_due(&mut self, now: Instant) -> Due {
        let ack = self.connection.take_ack(now);
        let hello = self.connection.is_hello_due();
        let ranges = ack.as_ref().map_or(0, |ack| ack.ranges.len());
        let has_room = !hello && ranges <= ACK_RANGES_BESIDE_LINE;
        let line = if has_room && self.may_talk() {
            self.lines.pop_front()
        } else {
            None
        };
        let ping = core::mem::take(&mut self.ping_due) && !hello && line.is_none();
        let keepalive = core::mem::take(&mut self.keepalive_due);
        Due {
            ack,
            hello,
            ping,
            line,
            keepalive,
        }
    }

    /// Lays out one packet under the current keypair.
    fn packet(&mut self, frames: Vec<Frame<'_>>, now: Instant) -> Option<Transmit> {
        let (keypair, to) = (self.keys.current()?, self.path?);
        if !keypair.can_seal(now) {
            return None;
        }
        let counter = keypair.next_counter()?;
        trace!(peer = ?self.id, counter = counter.0, %to, "packet out");
        let payload = Payload {
            number: self.connection.next_number(),
            frames,
        };
        let plaintext = payload.encode(BASE_PLAINTEXT_LEN);
        let unsealed = Unsealed::new(keypair, counter, &plaintext);
        Some(Transmit {
            to,
            datagram: Datagram::Unsealed(unsealed),
        })
    }

    fn on_sent(&mut self, eliciting: bool, shared: &mut Shared, now: Instant) {
        if let Some(interval) = shared.config.keepalive {
            self.arm(Timer::Keepalive, Some(now + interval), shared);
        }
        if !eliciting {
            return;
        }
        if self.silent {
            self.start_handshake(shared, now);
        } else if self.armed.at(Timer::Silence).is_none() {
            self.arm(Timer::Silence, Some(now + SILENCE), shared);
        }
        self.rekey_if_due(true, shared, now);
    }

    /// Without a key to send under, what a person wants starts a handshake; an ACK does not.
    fn on_no_key(&mut self, shared: &mut Shared, now: Instant) {
        self.ping_due = false;
        let wanted = core::mem::take(&mut self.keepalive_due) || !self.lines.is_empty();
        if wanted {
            self.start_handshake(shared, now);
        }
    }

    /// Whether lines may go to the peer: neither side is a guest of the other, and it answers.
    const fn may_talk(&self) -> bool {
        self.accepted && !self.is_guest() && !self.silent
    }

    // --- timers -------------------------------------------------------------------------------

    /// A timer of this peer fired.
    pub(super) fn on_timeout(&mut self, timer: Timer, shared: &mut Shared, now: Instant) -> Fate {
        match timer {
            Timer::Retry => self.on_retry(shared, now),
            Timer::Silence => {
                info!(peer = ?self.id, "silence");
                if !core::mem::replace(&mut self.silent, true) {
                    shared.event(Event::Silent { peer: self.id });
                }
                self.start_handshake(shared, now);
            }
            Timer::Hello => {
                self.connection.on_hello_timeout();
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
            address: self.path.or_else(|| self.addresses.first().copied()),
            tries: self.retry.map_or(0, |retry| retry.tries),
            key_age: current.map(|keypair| now.saturating_since(keypair.created)),
            heard: self.heard.map(|heard| now.saturating_since(heard)),
            waiting: self.pair.is_some() && !self.accepted,
            guest: self.is_guest(),
            queued: self.lines.len(),
            awaits_ack: self.connection.awaits_ack(),
            keypairs: self.keys.iter().count(),
            attempts: self.attempts.len(),
            initiator: current.map(|keypair| keypair.initiator),
        }
    }

    /// Whether something waits that only a session can bring forward.
    pub(super) fn waits(&self) -> bool {
        self.wanted || !self.lines.is_empty()
    }
}
