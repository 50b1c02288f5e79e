//! Three parties in one process: a victim, somebody innocent who talks with it, and a peer that holds
//! its key by right and does as it likes with it.
//!
//! The hostile one is made from the handshake and the AEAD alone: nothing of the protocol core holds it
//! back. Datagrams take [`HOP`]; time passes only in [`Scene::advance`] and with them.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test program uses a part of it"
)]

mod party;
mod peer;
mod unharmed;

use core::net::SocketAddr;
use core::time::Duration;

use securechat::chat::{Draft, Messenger, Name, SendError};
use securechat::id::StreamId;
use securechat::proto::{EndpointConfig, Stats, Trust, limits};
use securechat::sim::SimRng;
use securechat::time::{Instant, UnixTime};
use securechat::wire::frame::{Frame, StreamFrame};

pub use party::Party;
pub use peer::Hostile;
pub use unharmed::Said;
use unharmed::Standing;

/// What a datagram takes from one to the other.
pub const HOP: Duration = Duration::from_millis(1);
/// Round trips that the honest parties may need until all is said. More is a loop.
const MAX_ROUNDS: usize = 2_000;

/// How the victim knows the hostile peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// From its file.
    Known,
    /// Not at all: it waits for a decision.
    Guest,
    /// Not at all: it is pinned.
    Pinned,
}

/// The three, and the time.
pub struct Scene {
    pub now: Instant,
    pub victim: Party,
    pub innocent: Party,
    pub hostile: Hostile,
    rng: SimRng,
    /// Datagrams that came to the victim from the hostile peer, and that went back.
    pub inward: u64,
    pub outward: u64,
    /// On their way from the victim to the innocent.
    post: Vec<Vec<u8>>,
    /// Datagrams between those two.
    between: u64,
    /// How both saw their session when it began.
    standing: Option<[Standing; 2]>,
}

impl Scene {
    /// Everybody is there; nobody has a session.
    pub fn new(terms: Terms) -> Self {
        let mut rng = SimRng::new(1);
        let now = Instant::from_micros(1_000_000_000);
        let trust = match terms {
            Terms::Known => Trust::Strict,
            Terms::Guest => Trust::Ask,
            Terms::Pinned => Trust::New,
        };
        let config = EndpointConfig {
            trust,
            ..EndpointConfig::default()
        };
        let mut victim = Party::new(config, at(1), &mut rng, now);
        let mut innocent = Party::new(EndpointConfig::default(), at(2), &mut rng, now);
        let hostile = Hostile::new(at(3), victim.id(), &mut rng);
        victim.knows(innocent.id(), innocent.at);
        innocent.knows(victim.id(), victim.at);
        if terms == Terms::Known {
            victim.knows(hostile.id(), hostile.at);
        }
        Self {
            now,
            victim,
            innocent,
            hostile,
            rng,
            inward: 0,
            outward: 0,
            post: Vec::new(),
            between: 0,
            standing: None,
        }
    }

    /// Everybody is there, and the victim has sessions with both.
    pub fn connected() -> Self {
        let mut scene = Self::new(Terms::Known);
        scene.connect_innocent();
        scene.connect_hostile(false);
        assert!(scene.is_connected(), "the hostile peer has a session");
        scene
    }

    pub fn connect_innocent(&mut self) {
        let victim = self.victim.id();
        self.innocent.with(self.now, |messenger, now| {
            messenger
                .endpoint_mut()
                .connect(victim, &[], now)
                .expect("the victim's address is known");
        });
        self.exchange();
        assert!(self.innocent.is_established(victim, self.now));
        self.standing = Some(self.look());
    }

    /// Whether the victim has a session with the hostile peer.
    pub fn is_connected(&self) -> bool {
        self.victim.is_established(self.hostile.id(), self.now)
    }

    /// A handshake by the hostile peer; a rekey if the connection is to stay.
    pub fn connect_hostile(&mut self, keep_connection: bool) {
        let init = self.hostile.init(keep_connection, &mut self.rng);
        for datagram in init {
            self.deliver(datagram);
        }
        self.exchange();
        if let Some(hello) = self.hostile.hello() {
            self.deliver(hello);
        }
        self.exchange();
    }

    // --- what the hostile peer does -----------------------------------------------------------

    /// The victim gets a datagram from where the hostile peer is. Nothing follows yet.
    pub fn deliver(&mut self, mut datagram: Vec<u8>) {
        self.inward += 1;
        let from = self.hostile.at;
        self.victim.receive(from, &mut datagram, self.now);
    }

    /// What the victim sends now, in answer to what was delivered.
    pub fn react(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        self.victim.drain(self.now, &mut self.rng)
    }

    /// The victim takes a datagram of the hostile peer's and does all that follows from it now: what one
    /// costs. A function of its own, for whoever counts instructions.
    #[inline(never)]
    pub fn take_in(&mut self, datagram: Vec<u8>) -> Vec<(SocketAddr, Vec<u8>)> {
        self.deliver(datagram);
        self.react()
    }

    /// The hostile peer gets what the victim sent to it; what is for the innocent is on its way.
    pub fn pass_on(&mut self, datagrams: Vec<(SocketAddr, Vec<u8>)>) {
        for (to, datagram) in datagrams {
            if to == self.innocent.at {
                self.between += 1;
                self.post.push(datagram);
            } else {
                self.outward += 1;
                self.hostile.receive(datagram, &mut self.rng);
            }
        }
    }

    /// Sends a plaintext under the valid key.
    pub fn send_plain(&mut self, plaintext: &[u8]) {
        if let Some(datagram) = self.hostile.seal(plaintext) {
            self.deliver(datagram);
        }
    }

    /// Sends encoded frames in a packet of their own.
    pub fn send_encoded(&mut self, frames: &[u8]) {
        let plaintext = self.hostile.number(frames);
        self.send_plain(&plaintext);
    }

    /// Sends frames in a packet of their own, and lets everybody react.
    pub fn send(&mut self, frames: &[Frame<'_>]) {
        let plaintext = self.hostile.payload(frames);
        self.send_plain(&plaintext);
        self.exchange();
    }

    /// Acknowledges everything that came.
    pub fn acknowledge(&mut self) {
        if let Some(ack) = self.hostile.ack() {
            self.send(&[Frame::Ack(ack)]);
        }
    }

    // --- what honest people do ----------------------------------------------------------------

    /// The victim writes to the hostile peer.
    pub fn write_to_hostile(&mut self, text: String) -> Result<Name, SendError> {
        let (to, draft) = (self.hostile.id(), Draft::text(text, UnixTime(0)));
        let sent = self
            .victim
            .with(self.now, |it, now| it.send(to.into(), draft, now));
        self.exchange();
        sent
    }

    // --- time ---------------------------------------------------------------------------------

    /// Lets datagrams go to and fro until all is said for now.
    pub fn exchange(&mut self) {
        for _ in 0..MAX_ROUNDS {
            if !self.hop() {
                return;
            }
        }
        panic!("the honest parties never come to rest");
    }

    /// Whatever is said now arrives a [`HOP`] later. False, and no time has passed, if there is nothing.
    fn hop(&mut self) -> bool {
        let of_victim = self.react();
        let of_innocent = self.innocent.drain(self.now, &mut self.rng);
        if of_victim.is_empty() && of_innocent.is_empty() && self.post.is_empty() {
            return false;
        }
        self.pass_on(of_victim);
        self.between += of_innocent.len() as u64;
        self.now = self.now + HOP;
        for mut datagram in core::mem::take(&mut self.post) {
            let from = self.victim.at;
            self.innocent.receive(from, &mut datagram, self.now);
        }
        for (_, mut datagram) in of_innocent {
            let from = self.innocent.at;
            self.victim.receive(from, &mut datagram, self.now);
        }
        for datagram in self.hostile.take_answers() {
            self.deliver(datagram);
        }
        true
    }

    /// Lets one [`HOP`] pass, with whatever is on its way and due in it, and no more: a flood goes on between
    /// two of these.
    pub fn tick(&mut self) {
        if !self.hop() {
            self.now = self.now + HOP;
        }
        for party in [&mut self.victim, &mut self.innocent] {
            if party.deadline().is_some_and(|at| at <= self.now) {
                party.with(self.now, Messenger::handle_timeout);
            }
        }
    }

    /// Lets time pass, and everything happen that is due in it.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        let most = 2_000 + 200 * by.as_secs();
        let mut fired = 0;
        loop {
            self.exchange();
            let deadlines = [&self.victim, &self.innocent].map(Party::deadline);
            let Some(next) = deadlines
                .into_iter()
                .flatten()
                .min()
                .filter(|at| *at <= end)
            else {
                break;
            };
            self.now = self.now.max(next);
            fired += 1;
            assert!(fired <= most, "{fired} deadlines in {by:?}");
            for party in [&mut self.victim, &mut self.innocent] {
                party.with(self.now, Messenger::handle_timeout);
            }
        }
        self.now = self.now.max(end);
    }

    /// Asserts that all that the hostile peer can make grow is within its bounds.
    #[track_caller]
    pub fn check(&self) {
        let endpoint = self.victim.messenger.endpoint();
        let Stats {
            turned_away: _,
            dropped: _,
            peers,
            guests,
            keypairs,
            attempts,
            slots,
            jobs,
            sources,
            timers,
            events,
        } = endpoint.stats();
        let bounds = [
            ("peers", peers, 2),
            ("guests", guests, 1),
            ("keypairs", keypairs, 2 * (2 + limits::MAX_NEXT_KEYPAIRS)),
            ("attempts", attempts, 2 * (limits::MAX_ATTEMPTS + 1)),
            ("slots", slots, limits::MAX_SLOTS),
            ("jobs", jobs, limits::MAX_JOBS),
            ("sources", sources, 64),
            ("timers", timers, 3 * 16),
            ("session events", events, limits::MAX_EVENTS + 16),
            (
                "chat events",
                self.victim.messenger.client().waiting_events(),
                MAX_CHAT_EVENTS,
            ),
        ];
        for (what, held, bound) in bounds {
            assert!(held <= bound, "{held} {what}, {bound} allowed");
        }
    }

    /// The generator of whatever is drawn.
    pub const fn rng(&mut self) -> &mut SimRng {
        &mut self.rng
    }
}

/// What the chat holds for an owner who looks at nothing: of each of two contacts 64 messages and as many
/// that were turned away, the states of ours, and one violation a connection.
const MAX_CHAT_EVENTS: usize = 1_024;

/// A part of a stream that is not its end.
pub fn piece(id: u64, offset: u64, data: &[u8]) -> Frame<'_> {
    Frame::Stream(StreamFrame {
        id: StreamId(id),
        offset,
        fin: false,
        data,
    })
}

/// The address of the `host`th party.
pub fn at(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 7_777))
}
