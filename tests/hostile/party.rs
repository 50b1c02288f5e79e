//! Somebody honest: a messenger with an owner who does what the program does.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use securechat::chat::{self, ContactId, Messenger, Name, State, Update};
use securechat::crypto::StaticSecret;
use securechat::id::{PeerId, Timestamp};
use securechat::proto::{
    CloseReason, Endpoint, EndpointConfig, Event, Incoming, PeerConfig, Shown, Transmit,
};
use securechat::sim::SimRng;
use securechat::text::safe_text;
use securechat::time::Instant;

/// Datagrams that an honest party may send without time passing. More is a loop.
const MAX_BURST: usize = 512;
/// Bytes that are kept of a message that was shown.
const KEPT: usize = 256;

pub struct Party {
    pub messenger: Messenger,
    pub at: SocketAddr,
    /// What it was told of sessions.
    pub events: Vec<Event>,
    /// Beginnings of the messages that it was shown.
    pub shown: Vec<(PeerId, Vec<u8>)>,
    /// How messages of its own have fared.
    pub states: Vec<(ContactId, Name, State)>,
    /// What was turned away from whom.
    pub turned_away: Vec<PeerId>,
    /// Whether its owner takes the messages that it is shown.
    pub takes: bool,
    /// Whether its owner looks at all.
    pub polls: bool,
    /// Whether its owner reads them on a screen.
    pub reads: bool,
    /// When it was last shown a message of whom.
    pub heard_at: BTreeMap<PeerId, Instant>,
    /// Which message of its own somebody took last, and when it learnt that.
    pub delivered_at: BTreeMap<PeerId, (Name, Instant)>,
    /// Shown and not taken.
    pub untaken: Vec<(ContactId, Name)>,
}

impl Party {
    pub fn new(config: EndpointConfig, at: SocketAddr, rng: &mut SimRng, now: Instant) -> Self {
        let identity = Arc::new(StaticSecret::generate(rng.crypto()));
        let timestamps = Timestamp(1)..Timestamp(1 << 40);
        let endpoint = Endpoint::new(config, identity, rng.seed(), timestamps, now);
        Self {
            messenger: Messenger::in_memory(endpoint, rng.seed(), now),
            at,
            events: Vec::new(),
            shown: Vec::new(),
            states: Vec::new(),
            turned_away: Vec::new(),
            takes: true,
            polls: true,
            reads: false,
            heard_at: BTreeMap::new(),
            delivered_at: BTreeMap::new(),
            untaken: Vec::new(),
        }
    }

    pub fn id(&self) -> PeerId {
        self.messenger.endpoint().id()
    }

    pub fn knows(&mut self, peer: PeerId, at: SocketAddr) {
        let config = peer_config(peer, at);
        self.messenger.endpoint_mut().add_peer(config);
    }

    pub fn is_established(&self, peer: PeerId, now: Instant) -> bool {
        let status = self.messenger.endpoint().status(peer, now);
        status.is_some_and(|status| status.established)
    }

    /// How many messages of a peer its owner has seen.
    pub fn heard(&self, from: PeerId) -> usize {
        self.shown.iter().filter(|(peer, _)| *peer == from).count()
    }

    /// Whether a session with a peer has come to an end.
    pub fn has_lost(&self, with: PeerId) -> bool {
        self.ending(with).is_some()
    }

    /// How often a session with a peer began, fell silent, moved or ended.
    pub fn turns(&self, with: PeerId) -> usize {
        let is_of = |event: &&Event| {
            matches!(event,
                Event::Established { peer, .. }
                | Event::Silent { peer }
                | Event::Resumed { peer }
                | Event::Roamed { peer, .. }
                | Event::Closed { peer, .. } if *peer == with)
        };
        self.events.iter().filter(is_of).count()
    }

    /// Why the last session with a peer that ended did.
    pub fn ending(&self, with: PeerId) -> Option<CloseReason> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Closed { peer, reason } if *peer == with => Some(*reason),
            _ => None,
        })
    }

    /// How a message of its own has come out.
    pub fn fate(&self, of: Name) -> Option<State> {
        let mut states = self.states.iter().rev();
        states.find_map(|(_, name, state)| (*name == of).then_some(*state))
    }

    /// A command, and what has to follow it.
    pub fn with<T>(
        &mut self,
        now: Instant,
        command: impl FnOnce(&mut Messenger, Instant) -> T,
    ) -> T {
        let result = command(&mut self.messenger, now);
        self.messenger.settle(now);
        result
    }

    /// Forgets what somebody said and what came of it, but keeps the room for it.
    pub fn forget(&mut self, whom: PeerId) {
        self.shown.retain(|(from, _)| *from != whom);
        self.turned_away.retain(|it| *it != whom);
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.messenger.poll_timeout()
    }

    /// Screens, opens and hands over one datagram, as the receive thread does.
    pub fn receive(&mut self, from: SocketAddr, datagram: &mut [u8], now: Instant) {
        let endpoint = self.messenger.endpoint_mut();
        match endpoint.screen().check(datagram) {
            Ok(Incoming::Handshake(packet)) => {
                endpoint.handle_handshake(from, packet, now);
            }
            Ok(Incoming::Data) => {
                if let Ok(opened) = endpoint.key_table().open(from, datagram, now) {
                    endpoint.handle_opened(&opened, now);
                }
            }
            Err(_) => {}
        }
        self.messenger.settle(now);
    }

    /// Does all there is to do at `now`; gives back what is to be sent.
    pub fn drain(&mut self, now: Instant, rng: &mut SimRng) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut sent = Vec::new();
        loop {
            let before = sent.len();
            while let Some(transmit) = self.messenger.endpoint_mut().poll_transmit(now) {
                let Transmit { to, datagram, .. } = transmit;
                sent.extend(datagram.into_bytes(now).map(|bytes| (to, bytes)));
                assert!(sent.len() < MAX_BURST, "a party sends without end");
            }
            // What has left has made room, as in the program.
            self.messenger.settle(now);
            let busy = self.look(now) | self.work(now, rng);
            if !busy && sent.len() == before {
                return sent;
            }
        }
    }

    fn work(&mut self, now: Instant, rng: &mut SimRng) -> bool {
        let mut busy = false;
        while let Some(job) = self.messenger.endpoint_mut().take_job() {
            let outcome = job.run(rng.crypto());
            self.with(now, |it, now| {
                it.endpoint_mut().handle_outcome(outcome, now);
            });
            busy = true;
        }
        busy
    }

    fn look(&mut self, now: Instant) -> bool {
        let mut busy = false;
        while self.polls
            && let Some(update) = self.messenger.poll_event(now)
        {
            match update {
                Update::Session(event) => self.events.push(event),
                Update::Chat(event) => self.on_chat(event, now),
            }
            self.messenger.settle(now);
            busy = true;
        }
        while self.polls
            && self.takes
            && let Some((contact, name)) = self.untaken.pop()
        {
            self.with(now, |it, now| it.take(contact, name, now));
            busy = true;
        }
        busy
    }

    fn on_chat(&mut self, event: chat::Event, now: Instant) {
        match event {
            chat::Event::Message { contact, message } => {
                self.heard_at.insert(contact.peer(), now);
                if self.reads {
                    read(&message.body);
                }
                let mut kept = message.body;
                kept.truncate(KEPT);
                self.shown.push((contact.peer(), kept));
                self.untaken.push((contact, message.name));
                if self.takes {
                    self.untaken.pop();
                    self.messenger.take(contact, message.name, now);
                }
            }
            chat::Event::State {
                contact,
                name,
                state,
            } => {
                self.states.push((contact, name, state));
                if state == State::Delivered {
                    self.delivered_at.insert(contact.peer(), (name, now));
                }
            }
            chat::Event::TurnedAway { contact, .. } => self.turned_away.push(contact.peer()),
            chat::Event::Misbehaved { .. } => {}
        }
    }
}

/// What a screen makes of a message.
fn read(body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    core::hint::black_box(safe_text(&text));
}

fn peer_config(id: PeerId, at: SocketAddr) -> PeerConfig {
    PeerConfig {
        id,
        psk: None,
        addresses: vec![at],
        shown: Shown::default(),
    }
}
