//! One local key: every peer's session, and the demultiplexer in front of them.

use core::net::SocketAddr;
use core::ops::Range;
use core::time::Duration;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use crate::crypto::{Psk, StaticSecret, is_possible};
use crate::id::{PeerId, SessionIndex, Timestamp};
use crate::proto::config::{EndpointConfig, PeerConfig};
use crate::proto::directory::Directory;
use crate::proto::event::{ApiMisuse, CloseReason, Event, SessionStatus};
use crate::proto::former::Parting;
use crate::proto::job::{Done, Job, Outcome};
use crate::proto::key_table::{KeyTable, Opened};
use crate::proto::peer::{Fate, Peer, Standing};
use crate::proto::rng::CoreRng;
use crate::proto::route::Route;
use crate::proto::ruling::{Finding, Ruling};
use crate::proto::screen::{Kind, Screen, Screened};
use crate::proto::shared::Shared;
use crate::proto::stats::{DropReason, Stats};
use crate::proto::timer::Timer;
use crate::proto::transmit::Transmit;
use crate::time::Instant;
use crate::wire::frame::CloseCode;

/// The protocol core of one identity: an ordinary value without threads, sockets or a clock.
///
/// Who calls what:
/// - Whoever receives datagrams asks [`Endpoint::screen`]'s value first; handshake datagrams go to
///   [`Endpoint::handle_handshake`], DATA through [`KeyTable::open`] to [`Endpoint::handle_opened`].
/// - A worker takes jobs by [`Endpoint::take_job`], runs them and hands the outcomes to
///   [`Endpoint::handle_outcome`].
/// - After any of these, or a command, or [`Endpoint::handle_timeout`], the owner drains
///   [`Endpoint::poll_notice`], [`Endpoint::poll_transmit`] and [`Endpoint::poll_event`] until all are empty; then nothing
///   is left but the deadline of [`Endpoint::poll_timeout`]. Calls without effect are allowed. A
///   [`Messenger`](crate::chat::Messenger) takes the notices by itself; an owner who has none takes them although they
///   tell it nothing: while [`MAX_EVENTS`](crate::proto::limits::MAX_EVENTS) of them wait, packets that bring more are not
///   taken.
///
/// The same seed and the same inputs give the same outputs.
///
/// # Streams
///
/// A stream is ordered bytes, one way, to a peer with whom a session stands. The chat has one, and one for each long body;
/// the others ([`Endpoint::open_stream`]) are for transfers. They live as long as the connection: when
/// [`Event::Established`] tells of a new one, all are gone, their numbers begin anew, and what had not arrived is to be
/// written once more. The number of the connection is [`Endpoint::generation`]. The chat goes first: a transfer never
/// holds up a message.
#[derive(Debug)]
pub struct Endpoint {
    pub(super) shared: Shared,
    pub(super) peers: Directory<Box<Peer>>,
    screen: Arc<Screen>,
}

impl Endpoint {
    /// Starts with no peers. `seed` (32 random bytes) feeds jitter, indices and cookies, no keys;
    /// `timestamps` are reserved for us alone, now and after a crash
    /// ([`Archive::reserve_timestamps`](crate::store::Archive::reserve_timestamps)). Needs 512 KiB of stack.
    #[must_use]
    pub fn new(
        config: EndpointConfig,
        identity: Arc<StaticSecret>,
        seed: [u8; 32],
        timestamps: Range<Timestamp>,
        now: Instant,
    ) -> Self {
        let shared = Shared::new(config, identity, CoreRng::new(seed), timestamps, now);
        let screen = Arc::new(Screen::new(&shared.id));
        Self {
            shared,
            peers: Directory::new(seed),
            screen,
        }
    }

    /// Our public key.
    #[must_use]
    pub const fn id(&self) -> PeerId {
        self.shared.id
    }

    /// The stateless check of incoming datagrams, for use without the core's lock.
    #[must_use]
    pub fn screen(&self) -> Arc<Screen> {
        Arc::clone(&self.screen)
    }

    /// The keys by session index, for use without the core's lock.
    #[must_use]
    pub fn key_table(&self) -> Arc<KeyTable> {
        Arc::clone(&self.shared.keys)
    }

    // --- commands -----------------------------------------------------------------------------

    /// Adds a known peer, or takes over its new psk, its addresses and what is remembered of it. A guest
    /// becomes known; a revoked key is no longer revoked. Says whether it begins anew: it was not known, or its psk is
    /// another one, with which its session and all attempts are over.
    pub fn add_peer(&mut self, config: PeerConfig) -> bool {
        let PeerConfig {
            id,
            psk,
            addresses,
            shown,
        } = config;
        self.shared.revoked.remove(&id);
        if id == self.shared.id {
            return false;
        }
        let has_another = |peer: &Peer| !is_same(peer.psk.as_deref(), psk.as_ref());
        if self.peers.get(&id).is_some_and(|peer| has_another(peer)) {
            // Whatever was agreed on without the secret is not to be trusted for it.
            self.forget_because(id, CloseReason::SecretChanged);
        }
        let is_new = !self.is_known(id);
        let shared = &mut self.shared;
        let peer = self.peers.get_or_insert_with(&id, |place| {
            Box::new(Peer::new(id, place, Standing::Known, shared))
        });
        peer.psk = psk.map(Arc::new);
        peer.shown = shown;
        peer.learn_addresses(&addresses);
        peer.accept(Standing::Known, shared);
        is_new
    }

    /// Whether a peer is called at these addresses already, as soon as it is called.
    #[must_use]
    pub fn is_called_at(&self, peer: PeerId, addresses: &[SocketAddr]) -> bool {
        let peer = self.peers.get(&peer);
        peer.is_some_and(|peer| peer.is_called_at(addresses))
    }

    /// Calls a peer no more at addresses of which `is_gone` says so, unless that is where it was last. Without another one the
    /// attempts that are under way end; those that are out may yet be answered.
    pub fn forget_addresses(&mut self, peer: PeerId, is_gone: impl Fn(&SocketAddr) -> bool) {
        let Some(record) = self.peers.get_mut(&peer) else {
            return;
        };
        record.addresses.retain(|it| !is_gone(it));
        if record.addresses.is_empty() && record.path.is_none() {
            record.stop_handshake(&mut self.shared);
        }
    }

    /// Forgets a peer; a live session ends, and the peer is told.
    pub fn remove_peer(&mut self, peer: PeerId, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.say_close(CloseCode::Declined, &mut self.shared, now);
        }
        self.forget(peer);
    }

    /// Forgets a peer for good; a live session ends without a word, and the key gets no answer ever.
    pub fn revoke_peer(&mut self, peer: PeerId) {
        self.shared.revoked.insert(peer);
        self.forget(peer);
    }

    /// Ends a peer's session and forgets its record.
    pub(super) fn forget(&mut self, id: PeerId) {
        self.forget_because(id, CloseReason::Removed);
    }

    fn forget_because(&mut self, id: PeerId, reason: CloseReason) {
        if let Some(mut peer) = self.peers.remove(&id) {
            peer.end(Some(reason), &mut self.shared);
            self.shared.local.forget(&id);
            self.shared.unread.remove(&id);
        }
    }

    /// Makes a guest a known peer; its session goes on and may carry messages.
    ///
    /// # Errors
    /// [`ApiMisuse::NotAGuest`] if it is none, for instance because it left meanwhile.
    pub fn accept_guest(&mut self, peer: PeerId) -> Result<(), ApiMisuse> {
        let guest = self.peers.get_mut(&peer).filter(|peer| peer.is_guest());
        guest
            .ok_or(ApiMisuse::NotAGuest)?
            .accept(Standing::Known, &mut self.shared);
        Ok(())
    }

    /// Sends a guest away. Should that not reach it, it calls again by itself and is refused.
    pub fn refuse_guest(&mut self, peer: PeerId, now: Instant) {
        let guest = self.peers.get(&peer).filter(|peer| peer.is_guest());
        let Some(guest) = guest else { return };
        if let Some(caller) = guest.caller() {
            self.shared.former.add(caller, Parting::Declined, now);
        }
        self.remove_peer(peer, now);
    }

    /// Starts a session with a known peer, at `addresses` and those already known. Does nothing more
    /// if one stands. What comes of it is told: [`Event::Established`]; [`Event::Waiting`], if its user has yet to accept us;
    /// [`Event::Resumed`], if there is a session and it had no keys any more; or why there is none. Addresses are taken as they are: where nothing can be sent to, or nobody listens, as at port 0, the
    /// end is [`Event::Unreachable`].
    ///
    /// # Errors
    /// [`ApiMisuse::Revoked`], [`ApiMisuse::UnknownPeer`], [`ApiMisuse::UnusableKey`], [`ApiMisuse::NoAddress`], or
    /// [`ApiMisuse::NewerVersion`] unless a session stands.
    pub fn connect(
        &mut self,
        peer: PeerId,
        addresses: &[SocketAddr],
        now: Instant,
    ) -> Result<(), ApiMisuse> {
        let (peer, shared, _) = self.callable(peer, addresses)?;
        if !peer.is_established(now) {
            peer.wanted = true;
            peer.start_handshake_anew(shared, now);
        }
        Ok(())
    }

    /// As [`Endpoint::connect`], for an owner that calls again and again although nobody asks for it: attempts that
    /// have become rare stay rare unless one of `addresses` is new. Says whether they do.
    ///
    /// # Errors
    /// As [`Endpoint::connect`].
    pub fn connect_again(
        &mut self,
        peer: PeerId,
        addresses: &[SocketAddr],
        now: Instant,
    ) -> Result<bool, ApiMisuse> {
        let (callable, _, is_news) = self.callable(peer, addresses)?;
        if callable.calls_rarely() && !is_news {
            return Ok(true);
        }
        self.connect(peer, &[], now)?;
        Ok(false)
    }

    /// As [`Endpoint::connect`] where it is known to be, for an owner whom nobody waits for: if nobody answers, no
    /// attempt follows on [`Event::Unreachable`], unless something waits for the peer, or a NAT's mapping towards it is held open.
    ///
    /// # Errors
    /// As [`Endpoint::connect`].
    pub fn connect_once(&mut self, peer: PeerId, now: Instant) -> Result<(), ApiMisuse> {
        let (peer, shared, _) = self.callable(peer, &[])?;
        if !peer.is_established(now) {
            peer.start_handshake_anew(shared, now);
        }
        Ok(())
    }

    /// Where a call to a peer goes now: to the path, if the limit of an unproved one has room for it, and to its known addresses.
    /// None for whoever is no peer.
    #[must_use]
    pub fn called_at(&self, peer: PeerId) -> Vec<SocketAddr> {
        let peer = self.peers.get(&peer).filter(|peer| peer.is_known());
        peer.map(|peer| peer.called_at()).unwrap_or_default()
    }

    /// A peer that may be called, with these addresses, and whether one of them is new.
    fn callable(
        &mut self,
        peer: PeerId,
        addresses: &[SocketAddr],
    ) -> Result<(&mut Peer, &mut Shared, bool), ApiMisuse> {
        if self.shared.revoked.contains(&peer) {
            return Err(ApiMisuse::Revoked);
        }
        let peer = self.peers.get_mut(&peer).filter(|peer| peer.is_known());
        let peer = peer.ok_or(ApiMisuse::UnknownPeer)?;
        if !is_possible(&peer.id) {
            return Err(ApiMisuse::UnusableKey);
        }
        let is_news = peer.learn_addresses(addresses);
        if peer.addresses.is_empty() && peer.path.is_none() {
            return Err(ApiMisuse::NoAddress);
        }
        if !peer.may_be_called() {
            return Err(ApiMisuse::NewerVersion(peer.shown.version));
        }
        Ok((peer, &mut self.shared, is_news))
    }

    /// Sends something to a peer so often that a NAT on the way keeps its mapping, or never if `None`, instead of what
    /// [`EndpointConfig::keepalive`] says; as long as it has a record.
    pub fn set_keepalive(&mut self, peer: PeerId, interval: Option<Duration>, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.set_keepalive(interval, &mut self.shared, now);
        }
    }

    /// Says goodbye to a peer and ends its session. The record stays. What was written and may leave at this moment goes
    /// before the goodbye; what the path has no room for yet, and what is lost on the way, does not arrive any more. What is
    /// still to be told of that session does not make the layer above [`seek_later`](Self::seek_later) another.
    pub fn close(&mut self, peer: PeerId, now: Instant) {
        let Some(record) = self.peers.get_mut(&peer) else {
            return;
        };
        record.flush(&mut self.shared, now);
        record.say_close(CloseCode::Goodbye, &mut self.shared, now);
        record.keeps_out = true;
        if record.end(None, &mut self.shared) == Fate::Forget {
            self.forget(peer);
        }
    }

    /// Ends a session whose peer broke the rules of the layer above.
    pub fn close_for_violation(&mut self, peer: PeerId, now: Instant) {
        if let Some(record) = self.peers.get_mut(&peer)
            && record.on_violation(&mut self.shared, now) == Fate::Forget
        {
            self.forget(peer);
        }
    }

    /// Says goodbye to everybody.
    pub fn close_all(&mut self, now: Instant) {
        let ids: Vec<PeerId> = self.peers.iter().map(|peer| peer.id).collect();
        for id in ids {
            self.close(id, now);
        }
    }

    /// Takes a further block of reserved timestamps, all greater than those before: the answer to
    /// [`Event::TimestampsLow`]. Whether it took them: a block that does not lie after all earlier ones is left alone.
    pub fn add_timestamps(&mut self, range: Range<Timestamp>) -> bool {
        self.shared.add_timestamps(range)
    }

    // --- inputs -------------------------------------------------------------------------------

    /// Takes a handshake datagram that passed the screen, and says what it did with it.
    pub fn handle_handshake(
        &mut self,
        from: impl Into<Route>,
        packet: Screened<'_>,
        now: Instant,
    ) -> Ruling {
        let from = from.into();
        match packet.0 {
            Kind::Init(init) => self.on_init(from, &init, now),
            Kind::OtherVersion(version) => {
                self.on_other_version(version, now);
                self.shared.rule_out(DropReason::OtherVersion)
            }
            Kind::Resp(resp) => match self.attempt_owner(resp.receiver) {
                Some((peer, shared)) => peer.on_resp(from, &resp, shared),
                None => self.shared.rule_out(DropReason::UnknownIndex),
            },
            Kind::Cookie(cookie) => match self.attempt_owner(cookie.receiver) {
                Some((peer, shared)) => peer.on_cookie(from, &cookie, shared),
                None => self.shared.rule_out(DropReason::UnknownIndex),
            },
        }
    }

    fn attempt_owner(&mut self, index: SessionIndex) -> Option<(&mut Peer, &mut Shared)> {
        let id = self.shared.attempts.get(&index)?;
        Some((self.peers.get_mut(id)?, &mut self.shared))
    }

    fn on_other_version(&mut self, version: u16, now: Instant) {
        if self.shared.may_hint(now) {
            self.shared.event(Event::OtherVersion { version });
        }
    }

    /// Takes a packet that [`KeyTable::open`] opened.
    pub fn handle_opened(&mut self, opened: &Opened<'_>, now: Instant) {
        let Some(peer) = self.peers.at_mut(opened.keypair.place) else {
            return self.shared.drop(DropReason::StaleKeypair);
        };
        match peer.on_opened(opened, &mut self.shared, now) {
            Fate::Stay => {}
            Fate::Forget => self.forget(opened.keypair.peer),
            Fate::Asks(nickname) => self.ask_about(opened.keypair.peer, nickname, now),
        }
    }

    /// Nothing leaves from our address `route.local` to `route.peer` any more, or the system would by itself choose
    /// another one than before: paths that have kept it in mind forget it.
    pub fn forget_local(&mut self, route: Route) {
        for peer in self.peers.iter_mut() {
            if let Some(path) = &mut peer.path {
                path.forget_local(route);
            }
        }
    }

    /// Packets to a peer leave by another way than before, as this machine has come into another network: what was measured
    /// of the one before counts no more.
    ///
    /// Source: docs/protocol.md#loss-and-congestion.
    pub fn restart_path(&mut self, peer: PeerId, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&peer)
            && let Some(connection) = &mut peer.connection
        {
            connection.on_path_change(now);
            peer.set_dirty(&mut self.shared);
        }
    }

    /// Counts a datagram that was dropped before it reached the core.
    pub fn handle_dropped(&mut self, reason: DropReason) {
        self.shared.drop(reason);
    }

    /// The next handshake work for the worker. Each job is to be run and its outcome handed back: until then the
    /// handshake stands still. One that calls a peer is taken for lost after 90 s, and the next try makes another.
    #[must_use]
    pub fn take_job(&mut self) -> Option<Job> {
        self.shared.next_job()
    }

    /// Takes what a job came to, and says what a message that it read turned out to be.
    pub fn handle_outcome(&mut self, outcome: Outcome, now: Instant) -> Option<Finding> {
        match outcome.0 {
            Done::Initiated { peer, index, made } => {
                let peer = self.peers.get_mut(&peer)?;
                peer.on_initiated(index, made.map(|made| *made), &mut self.shared, now);
                None
            }
            Done::Finished(done) => {
                let peer = self.peers.get_mut(&done.peer)?;
                peer.on_finished(*done, &mut self.shared, now)
            }
            Done::Accepted(done) => Some(self.on_accepted(done, now)),
            Done::Responded {
                slot,
                ephemeral,
                made,
            } => self.on_responded(slot, &ephemeral, made, now),
        }
    }

    /// Lets every timer fire that is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, place, timer)) = self.shared.timers.next() {
            if at > now {
                break;
            }
            let Some(peer) = self.peers.at_mut(place) else {
                self.shared.timers.discard(at, place, timer);
                continue;
            };
            peer.arm(timer, None, &mut self.shared);
            if peer.on_timeout(timer, &mut self.shared, now) == Fate::Forget {
                let id = peer.id;
                self.forget(id);
            }
        }
    }

    // --- outputs ------------------------------------------------------------------------------

    /// The next datagram to send.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        loop {
            if let Some(ready) = self.shared.next_ready() {
                return Some(ready);
            }
            let place = *self.shared.dirty.front()?;
            if let Some(peer) = self.peers.at_mut(place) {
                let packet = peer.poll_packet(&mut self.shared, now);
                if packet.is_some() {
                    return packet;
                }
                peer.is_dirty = false;
            }
            self.shared.dirty.pop_front();
        }
    }

    /// Takes the memory of a datagram that has left, for one to come.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.shared.scratch.buffers.put(buffer);
    }

    /// The next thing to tell the owner.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        while self.shared.waiting_events() == 0
            && let Some(id) = self.shared.unread.pop_first()
        {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.tell_stream_events(&mut self.shared);
            }
        }
        self.shared.next_event()
    }

    /// The earliest deadline and what it is for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        self.shared.timers.next().map(|(at, _, timer)| (at, timer))
    }

    /// Whether [`Endpoint::poll_transmit`] may have something.
    #[must_use]
    pub fn has_transmits(&self) -> bool {
        self.shared.has_ready() || !self.shared.dirty.is_empty()
    }

    /// How many events wait for [`Endpoint::poll_event`].
    #[must_use]
    pub fn waiting_events(&self) -> usize {
        self.shared.waiting_events()
    }

    /// Whether [`Endpoint::take_job`] has something.
    #[must_use]
    pub fn has_jobs(&self) -> bool {
        self.shared.waiting_jobs() > 0
    }

    /// How things stand with one peer.
    #[must_use]
    pub fn status(&self, peer: PeerId, now: Instant) -> Option<SessionStatus> {
        self.peers.get(&peer).map(|peer| peer.status(now))
    }

    /// What was dropped, and how much is held.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            dropped: self.shared.dropped().clone(),
            turned_away: self.shared.turned_away,
            peers: self.peers.len(),
            guests: self.peers.iter().filter(|peer| peer.is_guest()).count(),
            keypairs: self.shared.keys.len(),
            attempts: self.shared.attempts.len(),
            slots: self.shared.reassembly.len(),
            jobs: self.shared.waiting_jobs(),
            sources: self.shared.guard.sources(),
            timers: self.shared.timers.len(),
            events: self.shared.waiting_events(),
        }
    }

    /// The keypair that is sent under, to test the ends of its counter.
    #[doc(hidden)]
    #[must_use]
    pub fn current_keypair_for_testing_only(
        &self,
        peer: PeerId,
    ) -> Option<Arc<crate::proto::Keypair>> {
        self.peers.get(&peer)?.keys.current().cloned()
    }
}

/// Whether these are the same secret, or none; in constant time.
fn is_same(one: Option<&Psk>, other: Option<&Psk>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.expose().ct_eq(other.expose()).into(),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
