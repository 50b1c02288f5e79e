//! One peer: its session's keys, its connection, what waits for it.
//!
//! 1. [`Peer::start_handshake`](super::initiate) or an accepted INIT leads to a keypair.
//! 2. [`Peer::confirm`] (`keys`) makes a keypair the one to send under.
//! 3. [`Peer::on_opened`] (`inbound`) takes what arrives; `roam` follows the peer's address, and
//!    `introduction` remembers what it says of itself.
//! 4. [`Peer::poll_packet`] (`outbound`) gives what leaves; `timers` asks for it in time.
//! 5. `carried` is the layer above's way to the streams; `verification` compares words.
//! 6. `standing` says how we came to have a record; [`Peer::end`] (`ending`) erases everything but the record.

mod carried;
mod ending;
mod inbound;
mod introduction;
mod keys;
mod outbound;
mod roam;
mod standing;
mod timers;
mod verification;

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use tracing::trace;

use crate::crypto::Psk;
use crate::id::{ConnectionId, Counter, Epoch, PeerId, PeerLabel, SessionIndex, Timestamp};
use crate::proto::attempt::{Attempts, Building};
use crate::proto::config::Shown;
use crate::proto::connection::Connection;
use crate::proto::directory::{Keyed, Place};
use crate::proto::event::{CloseReason, SessionStatus, Transfer};
use crate::proto::former::Caller;
use crate::proto::initiate::Retry;
use crate::proto::keypair::{ConnectionPair, KeySlots};
use crate::proto::limits::{GUEST_LIFE, MAX_ADDRESSES, MAX_NEXT_KEYPAIRS, RETRY_JITTER};
use crate::proto::path::PathState;
use crate::proto::peer::introduction::Introduction;
pub(super) use crate::proto::peer::standing::{Arrival, Standing};
use crate::proto::shared::Shared;
use crate::proto::timer::{Armed, Timer};
use crate::proto::verification::Verification;
use crate::time::Instant;

/// Everything about one peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: PeerId,
    /// Where the endpoint has this record.
    pub(super) place: Place,
    /// What the log calls it.
    pub(super) label: PeerLabel,
    pub(super) standing: Standing,
    pub(super) psk: Option<Arc<Psk>>,
    pub(super) shown: Shown,
    /// What the first HELLO of the connection said.
    introduction: Option<Introduction>,
    pub(super) addresses: Vec<SocketAddr>,
    /// Where it is, and how far that is proved.
    pub(super) path: Option<PathState>,
    /// Our half of the connection's name; drawn anew whenever connection state starts from nothing.
    pub(super) connection_id: ConnectionId,
    pub(super) keys: KeySlots,
    pub(super) attempts: Attempts,
    /// The attempt whose message 1 the worker is making.
    pub(super) building: Option<Building>,
    pub(super) retry: Option<Retry>,
    /// How many series of attempts in a row have begun while it was where nothing has proved it to be.
    pub(super) astray: u8,
    /// Whether the owner asked for a session that does not stand yet.
    pub(super) wanted: bool,
    /// Whether the owner has something that only a session can bring forward.
    pub(super) pending: bool,
    /// Whether the last connection ended with no goodbye, or we were refused: then nobody calls it without being asked.
    pub(super) keeps_out: bool,
    /// How often in a row it left with something waiting for it, since it last receipted anything.
    pub(super) partings: u8,
    /// The last call that was accepted.
    pub(super) last_call: Option<LastCall>,
    pub(super) armed: Armed,
    /// Whether it stands in the queue of those that may have something to send.
    pub(super) is_dirty: bool,
    /// Whether it stands in the queue of those that the layer above is to look at.
    pub(super) is_stirred: bool,
    pair: Option<ConnectionPair>,
    /// None before the first session, and after an end.
    pub(super) connection: Option<Box<Connection>>,
    /// The number of that connection, different from all others of the endpoint.
    generation: u64,
    /// Whether the other side treats us as somebody it knows.
    accepted: bool,
    /// How often something is sent to it, if it is.
    pub(super) keepalive: Option<Duration>,
    keepalive_due: bool,
    /// Whether a mapping is held open towards it though its connection was given up.
    held_open: bool,
    heard: Option<Instant>,
    pub(super) silent: bool,
    /// The highest counter that arrived under the current keypair.
    pub(super) highest: Option<(Epoch, Counter)>,
    rekey_jitter: Duration,
    /// When the last handshake ended.
    handshaken: Option<Instant>,
    transfer: Transfer,
    /// None before the first comparison of words.
    verification: Option<Box<Verification>>,
}

impl Keyed for Peer {
    fn key(&self) -> &PeerId {
        &self.id
    }
}

/// The first eight of the 44 characters that people know a key by: six bytes in base64.
fn beginning(id: &PeerId) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let [a, b, c, d, e, f, ..] = *id.as_bytes();
    let bits = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let digit = |at: u32| usize::try_from(bits >> (42 - 6 * at) & 63).unwrap_or(0);
    (0..8)
        .filter_map(|at| ALPHABET.get(digit(at)))
        .map(|letter| char::from(*letter))
        .collect()
}

/// What becomes of a peer's record after an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stay,
    Forget,
    /// A guest has said HELLO, and what it wants to be called: the user is to be asked about it, if there is room.
    Asks(Option<String>),
}

/// A call that was accepted: the one with the greatest timestamp of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastCall {
    pub(super) timestamp: Timestamp,
    /// When it came first.
    pub(super) since: Instant,
    sender: SessionIndex,
    /// How often its message 1 was answered, from all addresses that it came from; at most [`MAX_NEXT_KEYPAIRS`].
    answers: usize,
    /// Whether an answer was made use of, so that no other is.
    is_used: bool,
}

impl LastCall {
    /// A call with this timestamp, if it is to be answered after the last one that is remembered. `is_copy`: that came from
    /// elsewhere, and an answer to it waits to be made use of.
    pub(super) fn next(
        last: Option<Self>,
        (timestamp, sender): (Timestamp, SessionIndex),
        is_copy: bool,
        now: Instant,
    ) -> Option<Self> {
        match last {
            Some(last) if timestamp < last.timestamp => None,
            Some(last) if timestamp == last.timestamp => {
                let answers = last.answers + 1;
                let is_answered = is_copy && !last.is_used && answers <= MAX_NEXT_KEYPAIRS;
                is_answered.then_some(Self { answers, ..last })
            }
            Some(_) | None => Some(Self {
                timestamp,
                since: now,
                sender,
                answers: 1,
                is_used: false,
            }),
        }
    }

    /// An answer to what came under `sender` is made use of.
    pub(super) fn on_confirmed(&mut self, sender: SessionIndex) {
        self.is_used |= self.sender == sender;
    }

    /// Whether one to what came under `sender` was.
    pub(super) fn is_used(&self, sender: SessionIndex) -> bool {
        self.is_used && self.sender == sender
    }
}

impl Peer {
    pub(super) fn new(id: PeerId, place: Place, standing: Standing, shared: &mut Shared) -> Self {
        let label = shared.next_label();
        trace!(peer = %label, key = beginning(&id), "has a record");
        Self {
            id,
            place,
            label,
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
            astray: 0,
            wanted: false,
            pending: false,
            keeps_out: false,
            partings: 0,
            last_call: None,
            armed: Armed::default(),
            is_dirty: false,
            is_stirred: false,
            pair: None,
            connection: None,
            generation: 0,
            accepted: false,
            keepalive: shared.config.keepalive,
            keepalive_due: false,
            held_open: false,
            heard: None,
            silent: false,
            highest: None,
            rekey_jitter: shared.rng.up_to(RETRY_JITTER),
            handshaken: None,
            transfer: Transfer::default(),
            verification: None,
        }
    }

    pub(super) const fn is_guest(&self) -> bool {
        matches!(self.standing, Standing::Guest { .. })
    }

    /// Whether the other side answers our calls and its user has yet to accept us.
    pub(super) const fn is_waiting(&self) -> bool {
        self.pair.is_some() && !self.accepted
    }

    /// Who it is that called, and on which connection of its own.
    pub(super) fn caller(&self) -> Option<Caller> {
        self.pair.map(|(_, theirs)| (self.id, theirs))
    }

    /// Where it was last proved to be.
    pub(super) fn proved(&self) -> Option<SocketAddr> {
        self.path.as_ref().and_then(PathState::last_proved)
    }

    /// Until when whoever came by himself may go undecided. Once the user was asked about him that is as long as he is
    /// heard, so that the question stands while he is there and is put once.
    fn undecided_until(&self) -> Option<Instant> {
        let (told, arrival) = self.standing.arrival()?;
        let heard = self.heard.filter(|_| told);
        Some(heard.unwrap_or(arrival.since).max(arrival.since) + GUEST_LIFE)
    }

    /// Whether it is neither a guest nor a newcomer.
    pub(super) const fn is_known(&self) -> bool {
        matches!(self.standing, Standing::Known)
    }

    /// Puts `addresses` in front of those known; the first [`MAX_ADDRESSES`] are kept. Whether one of them was none of those
    /// that are called.
    pub(super) fn learn_addresses(&mut self, addresses: &[SocketAddr]) -> bool {
        let is_news = !self.is_called_at(addresses);
        let known = core::mem::take(&mut self.addresses);
        for address in addresses.iter().copied().chain(known) {
            if !self.addresses.contains(&address) && self.addresses.len() < MAX_ADDRESSES {
                self.addresses.push(address);
            }
        }
        self.addresses.shrink_to_fit();
        is_news
    }

    /// Whether it is called at all of these already that it would be called at.
    pub(super) fn is_called_at(&self, addresses: &[SocketAddr]) -> bool {
        let is_called = |it: &SocketAddr| self.addresses.contains(it);
        addresses.iter().take(MAX_ADDRESSES).all(is_called)
    }

    /// There may be something to send.
    pub(super) fn set_dirty(&mut self, shared: &mut Shared) {
        if !core::mem::replace(&mut self.is_dirty, true) {
            shared.dirty.push_back(self.place);
        }
    }

    /// Something about the connection or its streams has changed: the layer above is to look.
    pub(super) fn stir(&mut self, shared: &mut Shared) {
        if !core::mem::replace(&mut self.is_stirred, true) {
            shared.stirred.push_back((self.place, self.id));
        }
    }

    pub(super) fn arm(&mut self, timer: Timer, at: Option<Instant>, shared: &mut Shared) {
        shared.timers.set(&mut self.armed, self.place, timer, at);
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
            self.set_dirty(shared);
            self.announce(shared);
            self.introduce(shared);
        }
    }

    /// Whether something can go to the peer at this moment: neither side is a guest of the other, and it
    /// answers.
    pub(super) const fn may_talk(&self) -> bool {
        self.accepted && !self.is_guest() && !self.silent
    }

    /// Whether something can be sent at this moment.
    pub(super) fn is_established(&self, now: Instant) -> bool {
        let current = self.keys.current();
        current.is_some_and(|keypair| keypair.is_usable(now)) && self.may_talk()
    }

    pub(super) fn status(&self, now: Instant) -> SessionStatus {
        let current = self.keys.current().filter(|keypair| keypair.is_usable(now));
        SessionStatus {
            established: self.is_established(now),
            address: self.address().or_else(|| self.addresses.first().copied()),
            moving: self.path.as_ref().is_some_and(PathState::is_moving),
            tries: self.retry.map_or(0, |retry| retry.tries),
            next_try: self
                .armed
                .at(Timer::Retry)
                .map(|at| at.saturating_since(now)),
            key_age: current.map(|keypair| now.saturating_since(keypair.created)),
            heard: self.heard.map(|heard| now.saturating_since(heard)),
            waiting: self.is_waiting(),
            guest: self.is_guest(),
            newer_version: (!self.may_be_called()).then_some(self.shown.version),
            other_psk: self.retry.is_some_and(|retry| retry.told_of_psk),
            rtt: self.connection.as_ref().and_then(|c| c.rtt()),
            loss: self.connection.as_ref().and_then(|c| c.loss()),
            unacked: self.connection.as_ref().and_then(|c| c.unacked(now)),
            handshake: self.handshaken.map(|at| now.saturating_since(at)),
            transfer: self.transfer,
            keepalive: self.keepalive,
            awaits_ack: self.connection.as_ref().is_some_and(|c| c.awaits_ack()),
            keypairs: self.keys.iter().count(),
            attempts: self.attempts.len(),
            initiator: current.map(|keypair| keypair.initiator),
        }
    }

    /// Whether something waits that only a session can bring forward.
    pub(super) fn waits(&self) -> bool {
        let is_busy = self.connection.as_ref().is_some_and(|c| c.is_busy());
        self.wanted || self.pending || self.is_waiting() || is_busy
    }
}
