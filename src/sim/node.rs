//! One simulated machine: an endpoint, its clocks, its handshake worker and what its user saw.

use core::net::SocketAddr;
use core::ops::Range;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::chat::{self, ContactId, Messenger, Name, Update};
use crate::crypto::{Psk, StaticSecret};
use crate::id::{PeerId, Timestamp};
use crate::proto::limits::MESSAGE_MAX_LEN;
use crate::proto::{
    Endpoint, EndpointConfig, Event, Incoming, Job, PeerConfig, SessionStatus, Shown, Transmit,
};
use crate::sim::habits::{Decision, Deed, Habits, What};
use crate::sim::network::HostId;
use crate::sim::rng::SimRng;
use crate::time::Instant;

/// Wall-clock time of a simulation's start, in nanoseconds since 1970.
const WALL_START_NS: u64 = 1_700_000_000_000_000_000;
/// Timestamps that a process reserves at a time; few, so that it runs out of them now and then.
const TIMESTAMP_BLOCK: u64 = 32;
/// Packets that a node may send without time passing. More is a loop.
const MAX_BURST: usize = 100_000;

/// What a node's known-peers file says of a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Where it may be.
    pub addresses: Vec<SocketAddr>,
    /// The secret shared with it, if any.
    pub psk: Option<[u8; 32]>,
}

/// A message that a node's user saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// When.
    pub at: Instant,
    /// From whom.
    pub from: PeerId,
    /// Its name.
    pub name: Name,
    /// Its bytes.
    pub line: Vec<u8>,
    /// The number of the process that showed it.
    pub process: u32,
}

/// A job that the handshake worker is busy with.
struct Work {
    done: Instant,
    job: Job,
}

/// One machine. Times that go in and out are the simulation's; the endpoint sees the node's own.
pub struct Node {
    pub(super) host: HostId,
    config: EndpointConfig,
    habits: Habits,
    id: PeerId,
    identity: Arc<StaticSecret>,
    messenger: Option<Messenger>,
    process: u32,
    started: Instant,
    known: BTreeMap<PeerId, Known>,
    revoked: BTreeSet<PeerId>,
    rng: SimRng,
    fixed_seed: Option<[u8; 32]>,
    clock_ahead: Duration,
    wall_ns: u64,
    reserved: Timestamp,
    asleep: bool,
    job_delay: Duration,
    work: Option<Work>,
    lines: Vec<Received>,
    /// What the user thinks about, by the time at which it is decided and the place among the lines.
    undecided: BTreeMap<(Instant, usize), (ContactId, Name, Decision)>,
    /// What the judge has not heard of.
    deeds: Vec<Deed>,
    events: Vec<(Instant, Event)>,
    ignored: u64,
}

impl Node {
    /// A machine that is switched off.
    pub(super) fn new(host: HostId, config: EndpointConfig, mut rng: SimRng) -> Self {
        let identity = Arc::new(StaticSecret::generate(rng.crypto()));
        let clock_ahead = Duration::from_micros(rng.below(1 << 40));
        Self {
            host,
            config,
            habits: Habits::default(),
            id: identity.public(),
            identity,
            messenger: None,
            process: 0,
            started: Instant::ZERO,
            known: BTreeMap::new(),
            revoked: BTreeSet::new(),
            rng,
            fixed_seed: None,
            clock_ahead,
            wall_ns: WALL_START_NS,
            reserved: Timestamp(0),
            asleep: false,
            job_delay: Duration::ZERO,
            work: None,
            lines: Vec::new(),
            undecided: BTreeMap::new(),
            deeds: Vec::new(),
            events: Vec::new(),
            ignored: 0,
        }
    }

    /// The node's public key.
    #[must_use]
    pub const fn id(&self) -> PeerId {
        self.id
    }

    /// The node's identity, for tests that play an attacker who stole it.
    #[must_use]
    pub fn identity(&self) -> &Arc<StaticSecret> {
        &self.identity
    }

    /// Its host on the network.
    #[must_use]
    pub const fn host(&self) -> HostId {
        self.host
    }

    /// Whether its process runs and the machine is awake.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.messenger.is_some() && !self.asleep
    }

    /// The running process's endpoint.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.messenger.as_ref().map(Messenger::endpoint)
    }

    /// The running process's sessions and messages.
    #[must_use]
    pub const fn messenger(&self) -> Option<&Messenger> {
        self.messenger.as_ref()
    }

    /// What the running process says of its session with `peer`.
    #[must_use]
    pub fn status(&self, peer: PeerId, now: Instant) -> Option<SessionStatus> {
        self.endpoint()
            .and_then(|endpoint| endpoint.status(peer, self.clock(now)))
    }

    /// What known-peers says of `peer`.
    #[must_use]
    pub fn known(&self, peer: PeerId) -> Option<&Known> {
        self.known.get(&peer)
    }

    /// Whether known-peers revokes `peer`.
    #[must_use]
    pub fn has_revoked(&self, peer: PeerId) -> bool {
        self.revoked.contains(&peer)
    }

    /// Whether the node takes lines from `peer`.
    #[must_use]
    pub fn trusts(&self, peer: PeerId) -> bool {
        !self.has_revoked(peer) && self.known.contains_key(&peer)
    }

    /// How its user and its program treat messages.
    #[must_use]
    pub const fn habits(&self) -> &Habits {
        &self.habits
    }

    /// The number of its newest process.
    #[must_use]
    pub const fn process(&self) -> u32 {
        self.process
    }

    /// When that began.
    pub(super) const fn started(&self) -> Instant {
        self.started
    }

    /// Every message that its user saw, over all its processes.
    #[must_use]
    pub fn lines(&self) -> &[Received] {
        &self.lines
    }

    /// Every event but lines, over all its processes.
    #[must_use]
    pub fn events(&self) -> &[(Instant, Event)] {
        &self.events
    }

    /// How many arriving datagrams came to nothing before they reached the endpoint.
    #[must_use]
    pub const fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Sets how long the handshake worker takes for a job.
    pub fn set_job_delay(&mut self, delay: Duration) {
        self.job_delay = delay;
    }

    /// Sets the wall clock, forwards or backwards. Only the next start of the process looks at it.
    pub fn set_wall_ns(&mut self, wall_ns: u64) {
        self.wall_ns = wall_ns;
    }

    /// The timestamp up to which its store says that all are spent.
    #[must_use]
    pub const fn reserved(&self) -> Timestamp {
        self.reserved
    }

    /// Sets the store's word on timestamps, as a restored backup does.
    pub fn set_reserved(&mut self, reserved: Timestamp) {
        self.reserved = reserved;
    }

    /// Lets the node's monotonic clock leap.
    pub fn leap(&mut self, by: Duration) {
        self.clock_ahead += by;
    }

    /// Makes every later process draw the same indices and connection ids as others with `seed`.
    pub const fn fix_seed(&mut self, seed: [u8; 32]) {
        self.fixed_seed = Some(seed);
    }

    /// The policy of its next process.
    #[must_use]
    pub const fn config(&self) -> &EndpointConfig {
        &self.config
    }

    /// Sets the policy of the next process.
    pub fn set_config(&mut self, config: EndpointConfig) {
        self.config = config;
    }

    /// Sets how the next process treats messages.
    pub fn set_habits(&mut self, habits: Habits) {
        self.habits = habits;
    }

    pub(super) const fn sleep(&mut self) {
        self.asleep = true;
    }

    pub(super) const fn wake(&mut self) {
        self.asleep = false;
    }

    pub(super) fn stop(&mut self) {
        self.messenger = None;
        self.work = None;
        self.undecided.clear();
    }

    /// Starts a process as the program does: timestamps from the store, peers from known-peers.
    pub(super) fn start(&mut self, now: Instant) {
        let timestamps = self.reserve(now);
        let local = self.clock(now);
        let seed = self.fixed_seed.unwrap_or_else(|| self.rng.seed());
        let identity = Arc::clone(&self.identity);
        let mut endpoint = Endpoint::new(self.config.clone(), identity, seed, timestamps, local);
        for (peer, known) in &self.known {
            endpoint.add_peer(peer_config(*peer, known));
        }
        for peer in &self.revoked {
            endpoint.revoke_peer(*peer);
        }
        let client = self.habits.client(self.rng.seed(), local);
        self.stop();
        let mut messenger = Messenger::new(endpoint, client, local);
        if self.habits.announces_all {
            let len = MESSAGE_MAX_LEN as u64;
            messenger.endpoint_mut().announce_largest_message(len);
        }
        self.messenger = Some(messenger);
        self.process += 1;
        self.started = now;
    }

    pub(super) fn add_peer(&mut self, peer: PeerId, known: Known, now: Instant) {
        self.revoked.remove(&peer);
        self.with_endpoint(now, |endpoint, _| {
            endpoint.add_peer(peer_config(peer, &known));
        });
        self.known.insert(peer, known);
    }

    pub(super) fn remove_peer(&mut self, peer: PeerId, now: Instant) {
        self.known.remove(&peer);
        self.forget_undecided(peer);
        self.with_messenger(now, |messenger, now| messenger.remove_peer(peer, now));
    }

    pub(super) fn revoke_peer(&mut self, peer: PeerId, now: Instant) {
        self.revoked.insert(peer);
        self.forget_undecided(peer);
        self.with_messenger(now, |messenger, _| messenger.revoke_peer(peer));
    }

    fn forget_undecided(&mut self, peer: PeerId) {
        self.undecided
            .retain(|_, (contact, ..)| contact.peer() != peer);
    }

    /// Writes somebody who came by himself into known-peers.
    pub(super) fn learn(&mut self, peer: PeerId, address: SocketAddr) {
        let known = Known {
            addresses: vec![address],
            psk: None,
        };
        self.known.entry(peer).or_insert(known);
    }

    /// Runs a command on the endpoint, in the node's own time; none if no process runs.
    pub(super) fn with_endpoint<T>(
        &mut self,
        now: Instant,
        command: impl FnOnce(&mut Endpoint, Instant) -> T,
    ) -> Option<T> {
        self.with_messenger(now, |messenger, local| {
            command(messenger.endpoint_mut(), local)
        })
    }

    /// As [`Node::with_endpoint`], for messages.
    pub(super) fn with_messenger<T>(
        &mut self,
        now: Instant,
        command: impl FnOnce(&mut Messenger, Instant) -> T,
    ) -> Option<T> {
        let local = self.clock(now);
        let messenger = self.messenger.as_mut()?;
        let result = command(messenger, local);
        messenger.settle(local);
        Some(result)
    }

    /// What the receive thread does with one datagram: screen, open, hand over.
    pub(super) fn handle_datagram(&mut self, from: SocketAddr, datagram: &mut [u8], now: Instant) {
        let local = self.clock(now);
        let Some(messenger) = self.messenger.as_mut().filter(|_| !self.asleep) else {
            return;
        };
        let endpoint = messenger.endpoint_mut();
        match endpoint.screen().check(datagram) {
            Ok(Incoming::Handshake(packet)) => {
                endpoint.handle_handshake(from, packet, local);
            }
            Ok(Incoming::Data) => match endpoint.key_table().open(from, datagram, local) {
                Ok(opened) => endpoint.handle_opened(&opened, local),
                Err(_) => self.ignored += 1,
            },
            Err(_) => self.ignored += 1,
        }
        messenger.settle(local);
    }

    /// When the node has something to do by itself, in the simulation's time.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if !self.is_up() {
            return None;
        }
        let timer = self.messenger.as_ref().and_then(Messenger::poll_timeout);
        let timer = timer.map(|at| at - self.clock_ahead);
        let work = self.work.as_ref().map(|work| work.done);
        let decision = self.undecided.keys().next().map(|(at, _)| *at);
        [timer, work, decision].into_iter().flatten().min()
    }

    /// Does what is due: a finished job, the user's decisions, then timers.
    pub(super) fn handle_deadline(&mut self, now: Instant) {
        if !self.is_up() {
            return;
        }
        self.finish_work(now);
        self.decide(now);
        self.with_messenger(now, Messenger::handle_timeout);
    }

    /// Drains the process until there is nothing but a deadline; what it sends is handed back.
    pub(super) fn drain(&mut self, now: Instant) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut sent = Vec::new();
        while self.is_up() && self.drain_once(now, &mut sent) {
            assert!(sent.len() < MAX_BURST, "the endpoint sends without end");
        }
        sent
    }

    fn drain_once(&mut self, now: Instant, sent: &mut Vec<(SocketAddr, Vec<u8>)>) -> bool {
        let local = self.clock(now);
        let Some(messenger) = &mut self.messenger else {
            return false;
        };
        let before = sent.len();
        let endpoint = messenger.endpoint_mut();
        while let Some(Transmit { to, datagram, .. }) = endpoint.poll_transmit(local) {
            sent.extend(datagram.into_bytes(local).map(|bytes| (to, bytes)));
        }
        let events: Vec<Update> = core::iter::from_fn(|| messenger.poll_event(local)).collect();
        messenger.settle(local);
        let busy = sent.len() > before || !events.is_empty();
        for event in events {
            match event {
                Update::Session(event) => self.on_event(event, now),
                Update::Chat(event) => self.on_chat_event(event, now),
            }
        }
        self.start_work(now) || busy
    }

    /// Does what the program does at an event, and keeps it.
    fn on_event(&mut self, event: Event, now: Instant) {
        if let Event::Pinned { peer, address } = event {
            self.learn(peer, address);
        }
        if event == Event::TimestampsLow {
            let range = self.reserve(now);
            self.with_endpoint(now, |endpoint, _| endpoint.add_timestamps(range));
        }
        self.events.push((now, event));
    }

    /// Shows a message, and keeps what else happened.
    fn on_chat_event(&mut self, event: chat::Event, now: Instant) {
        match event {
            chat::Event::Message { contact, message } => self.show(contact, message, now),
            chat::Event::State {
                contact,
                name,
                state,
            } => self.note(contact, name, What::Moved(state), now),
            chat::Event::TurnedAway {
                contact,
                name,
                reason,
            } => self.note(contact, name, What::TurnedAway(reason), now),
            chat::Event::Misbehaved { contact, how } => {
                unreachable!("the messenger keeps to itself that {contact:?}: {how}")
            }
        }
    }

    fn show(&mut self, contact: ContactId, message: chat::Incoming, now: Instant) {
        let (name, missing, line) = (message.name, message.missing, self.lines.len());
        self.lines.push(Received {
            at: now,
            from: contact.peer(),
            name,
            line: message.body,
            process: self.process,
        });
        self.note(contact, name, What::Shown { line, missing }, now);
        let (at, decision) = self.habits.decision(&mut self.rng, now);
        self.undecided.insert((at, line), (contact, name, decision));
        self.decide(now);
    }

    /// Does what the user has decided by now.
    fn decide(&mut self, now: Instant) {
        while let Some(entry) = self.undecided.first_entry()
            && entry.key().0 <= now
        {
            let (contact, name, decision) = entry.remove();
            self.note(contact, name, What::Decided(decision), now);
            self.with_messenger(now, |messenger, now| match decision {
                Decision::Take => messenger.take(contact, name, now),
                Decision::Refuse => messenger.refuse(contact, name),
            });
        }
    }

    fn note(&mut self, contact: ContactId, name: Name, what: What, at: Instant) {
        let peer = contact.peer();
        self.deeds.push(Deed {
            at,
            peer,
            name,
            what,
        });
    }

    /// What happened to messages since the last call.
    pub(super) fn take_deeds(&mut self) -> Vec<Deed> {
        core::mem::take(&mut self.deeds)
    }

    /// Gives the idle worker a job. True if its outcome is there already.
    fn start_work(&mut self, now: Instant) -> bool {
        if self.work.is_some() {
            return false;
        }
        let Some(job) = self
            .messenger
            .as_mut()
            .and_then(|messenger| messenger.endpoint_mut().take_job())
        else {
            return false;
        };
        self.work = Some(Work {
            done: now + self.job_delay,
            job,
        });
        self.finish_work(now)
    }

    fn finish_work(&mut self, now: Instant) -> bool {
        let Some(work) = self.work.take_if(|work| work.done <= now) else {
            return false;
        };
        let outcome = work.job.run(self.rng.crypto());
        self.with_endpoint(now, |endpoint, now| endpoint.handle_outcome(outcome, now));
        true
    }

    /// What the store does: no timestamp below the reserved ones is ever handed out again.
    fn reserve(&mut self, now: Instant) -> Range<Timestamp> {
        let wall_ns = self
            .wall_ns
            .saturating_add(now.as_micros().saturating_mul(1_000));
        let start = wall_ns.max(self.reserved.0.saturating_add(1));
        self.reserved = Timestamp(start.saturating_add(TIMESTAMP_BLOCK));
        Timestamp(start)..self.reserved
    }

    /// The node's own clock, which goes on while it is suspended.
    pub(super) fn clock(&self, now: Instant) -> Instant {
        now + self.clock_ahead
    }
}

fn peer_config(id: PeerId, known: &Known) -> PeerConfig {
    let psk = known.psk.map(|mut bytes| Psk::from_bytes(&mut bytes));
    PeerConfig {
        id,
        psk,
        addresses: known.addresses.clone(),
        shown: Shown::default(),
    }
}
