//! Two endpoints in one thread, joined by a perfect wire: the shortest way through every state.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::crypto::{Psk, StaticSecret};
use crate::id::{PeerId, StreamId, Timestamp};
use crate::proto::limits::{GRANULARITY, MAX_ACK_DELAY};
use crate::proto::rng::CoreRng;
use crate::proto::{
    CloseReason, Disclosure, DropReason, Endpoint, EndpointConfig, Event, Finding, Incoming,
    Notice, PeerConfig, Refusal, Route, Ruling, Shown, Timer, Trust,
};
use crate::time::Instant;

mod bulk;
mod called;
mod calls;
mod held_back;
mod introduced;
mod losses;
mod newcomers;
mod one_way;
mod paths;
mod places;
mod records;
mod repeated;
mod stale;
mod standing;
mod state;
mod transport;
mod unfinished;
mod usurped;
mod verified;
mod welcome;

/// One side: an endpoint with its address and the generator of its worker.
struct Side {
    seed: u8,
    endpoint: Endpoint,
    address: SocketAddr,
    rng: CoreRng,
    events: Vec<Event>,
    /// What was said of handshake datagrams and messages.
    rulings: Vec<Ruling>,
    findings: Vec<Finding>,
    /// The keys that were shown, if that is wanted.
    disclosed: Option<Vec<Disclosure>>,
    /// Lines for peers that cannot be said yet.
    unsaid: Vec<(PeerId, Vec<u8>)>,
    /// To whom lines were written, on which connection, and how many bytes.
    written: BTreeMap<PeerId, (u64, u64)>,
    /// What came on the chat stream and is no whole line yet.
    beginning: Vec<u8>,
    heard: Vec<Vec<u8>>,
}

/// The stream that lines travel on here: each is one byte for its length, then its bytes.
const CHAT: StreamId = StreamId(1);

impl Side {
    fn new(seed: u8, trust: Trust) -> Self {
        Self::with(seed, trust, false)
    }

    fn with(seed: u8, trust: Trust, stealth: bool) -> Self {
        let secret = StaticSecret::from_bytes(&mut [seed; 32]);
        let config = EndpointConfig {
            trust,
            stealth,
            ..EndpointConfig::default()
        };
        let timestamps = Timestamp(1_000)..Timestamp(1_000_000);
        let seed_bytes = [seed; 32];
        Self {
            seed,
            endpoint: Endpoint::new(config, Arc::new(secret), seed_bytes, timestamps, now(0)),
            address: SocketAddr::from(([192, 0, 2, seed], 7_419)),
            rng: CoreRng::new([seed ^ 0xff; 32]),
            events: Vec::new(),
            rulings: Vec::new(),
            findings: Vec::new(),
            disclosed: None,
            unsaid: Vec::new(),
            written: BTreeMap::new(),
            beginning: Vec::new(),
            heard: Vec::new(),
        }
    }

    fn id(&self) -> PeerId {
        self.endpoint.id()
    }

    fn knows(&mut self, other: &Self, psk: Option<u8>) {
        let psk = psk.map(|byte| Psk::from_bytes(&mut [byte; 32]));
        let addresses = vec![other.address];
        self.endpoint.add_peer(PeerConfig {
            id: other.id(),
            psk,
            addresses,
            shown: Shown::default(),
        });
    }

    fn receive(&mut self, from: impl Into<Route>, mut datagram: Vec<u8>, now: Instant) {
        let from = from.into();
        let (screen, table) = (self.endpoint.screen(), self.endpoint.key_table());
        match screen.check(&datagram) {
            Ok(Incoming::Handshake(packet)) => {
                let ruling = self.endpoint.handle_handshake(from, packet, now);
                self.rulings.push(ruling);
            }
            Ok(Incoming::Data) => match table.open(from, &mut datagram, now) {
                Ok(opened) => self.endpoint.handle_opened(&opened, now),
                Err(reason) => self.endpoint.handle_dropped(reason),
            },
            Err(reason) => self.endpoint.handle_dropped(reason),
        }
    }

    /// Has something for a peer, now or as soon as it can be said.
    fn say(&mut self, peer: PeerId, line: &[u8], now: Instant) {
        self.unsaid.push((peer, line.to_vec()));
        self.endpoint.seek(peer, now);
        self.write();
    }

    /// Says what can be said.
    fn write(&mut self) {
        for (peer, line) in core::mem::take(&mut self.unsaid) {
            let Some(generation) = self.endpoint.generation(peer) else {
                self.unsaid.push((peer, line));
                continue;
            };
            let bytes = [&[u8::try_from(line.len()).unwrap()], line.as_slice()].concat();
            let taken = self.endpoint.carrier(peer).unwrap().write(CHAT, &bytes);
            assert_eq!(taken, bytes.len(), "the tests say little");
            let written = self.written.entry(peer).or_default();
            let before = if written.0 == generation {
                written.1
            } else {
                0
            };
            *written = (generation, before + bytes.len() as u64);
        }
    }

    /// Hears what has come, and wants no session any more for what has arrived.
    fn read(&mut self) {
        while let Some(notice) = self.endpoint.poll_notice() {
            let Notice::Streams(peer) = notice else {
                continue;
            };
            let mut acked = 0;
            if let Some(mut carrier) = self.endpoint.carrier(peer) {
                carrier.read(CHAT, usize::MAX, &mut self.beginning);
                acked = carrier.acked_to(CHAT);
            }
            let (_, written) = self.written.get(&peer).copied().unwrap_or_default();
            if self.unsaid.is_empty() && acked >= written {
                self.endpoint.rest(peer);
            }
        }
        while let Some((len, rest)) = self.beginning.split_first()
            && let Some((line, rest)) = rest.split_at_checked(usize::from(*len))
        {
            self.heard.push(line.to_vec());
            self.beginning = rest.to_vec();
        }
    }

    /// Runs jobs and collects what goes out.
    fn drain(&mut self, now: Instant) -> Vec<(SocketAddr, Vec<u8>)> {
        let out = self.drain_ways(now).into_iter();
        out.map(|(to, datagram)| (to.peer, datagram)).collect()
    }

    /// The same, with where it leaves from.
    fn drain_ways(&mut self, now: Instant) -> Vec<(Route, Vec<u8>)> {
        let mut out = Vec::new();
        loop {
            self.read();
            self.write();
            while let Some(job) = self.endpoint.take_job() {
                let rng = self.rng.as_crypto();
                let outcome = match &mut self.disclosed {
                    Some(list) => job.run_and_disclose(rng, &mut |keys| list.push(keys)),
                    None => job.run(rng),
                };
                self.findings
                    .extend(self.endpoint.handle_outcome(outcome, now));
            }
            let before = out.len();
            while let Some(transmit) = self.endpoint.poll_transmit(now) {
                let (peer, local) = (transmit.to, transmit.from);
                let bytes = transmit.datagram.into_bytes(now).unwrap();
                out.push((Route { peer, local }, bytes));
            }
            if out.len() == before {
                break;
            }
        }
        while let Some(event) = self.endpoint.poll_event() {
            self.events.push(event);
        }
        out
    }

    fn lines(&self) -> Vec<&[u8]> {
        self.heard.iter().map(Vec::as_slice).collect()
    }
}

fn now(ms: u64) -> Instant {
    Instant::from_micros(1_000_000 + ms * 1_000)
}

/// Carries datagrams both ways until nothing moves; returns how many there were.
fn settle(a: &mut Side, b: &mut Side, now: Instant) -> usize {
    let mut count = 0;
    loop {
        let (from_a, from_b) = (a.drain(now), b.drain(now));
        if from_a.is_empty() && from_b.is_empty() {
            return count;
        }
        count += from_a.len() + from_b.len();
        for (_, datagram) in from_a {
            b.receive(a.address, datagram, now);
        }
        for (_, datagram) in from_b {
            a.receive(b.address, datagram, now);
        }
    }
}

fn acquainted() -> (Side, Side) {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    a.knows(&b, None);
    b.knows(&a, None);
    (a, b)
}

fn connected() -> (Side, Side) {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    (a, b)
}

#[test]
fn two_known_peers_connect_and_exchange_lines() {
    let (mut a, mut b) = connected();
    let established = |side: &Side| {
        let is = |event: &Event| matches!(event, Event::Established { .. });
        side.events.iter().filter(|event| is(event)).count()
    };
    assert_eq!((established(&a), established(&b)), (1, 1));
    a.say(b.id(), b"hello", now(1));
    b.say(a.id(), b"hi", now(1));
    settle(&mut a, &mut b, now(1));
    assert_eq!(b.lines(), [b"hello"]);
    assert_eq!(a.lines(), [b"hi"]);
}

#[test]
fn an_idle_session_ends_in_silence() {
    let (mut a, mut b) = connected();
    for second in 1..90_000 {
        let at = now(second * 1_000);
        a.endpoint.handle_timeout(at);
        b.endpoint.handle_timeout(at);
        assert_eq!(settle(&mut a, &mut b, at), 0, "after {second} s");
    }
    assert_eq!(a.endpoint.stats().keypairs, 0);
    assert_eq!(a.endpoint.stats().timers, 0);
}

#[test]
fn a_line_after_a_long_silence_brings_new_keys_and_arrives() {
    let (mut a, mut b) = connected();
    let later = now(3_600_000);
    a.endpoint.handle_timeout(later);
    b.endpoint.handle_timeout(later);
    b.say(a.id(), b"still there?", later);
    settle(&mut a, &mut b, later);
    assert_eq!(a.lines(), [b"still there?"]);
}

#[test]
fn a_psk_must_match() {
    for (theirs, expected) in [(Some(7), 1), (Some(8), 0), (None, 0)] {
        let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
        a.knows(&b, Some(7));
        b.knows(&a, theirs);
        a.say(b.id(), b"secret", now(0));
        settle(&mut a, &mut b, now(0));
        assert_eq!(b.lines().len(), expected, "{theirs:?}");
    }
}

/// Silence would send people to look for a firewall.
#[test]
fn an_answer_with_another_psk_is_told_once_for_each_series_of_attempts() {
    for (ours, theirs) in [(Some(7), Some(8)), (Some(7), None), (None, Some(8))] {
        let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
        a.knows(&b, ours);
        b.knows(&a, theirs);
        let told = [Event::OtherPsk { peer: b.id() }];
        a.endpoint.connect(b.id(), &[], now(0)).unwrap();
        settle(&mut a, &mut b, now(0));
        assert_eq!(a.events, told);
        // The answer to a new message 1 is another.
        for at in [7_000, 14_000] {
            a.endpoint.handle_timeout(now(at));
            settle(&mut a, &mut b, now(at));
        }
        assert_eq!(a.endpoint.stats().dropped[&DropReason::Forged], 3);
        assert_eq!(a.events, told);
        assert!(b.events.is_empty());
        // The next series is another question. One timer more than a minute late would be taken for sleep.
        for at in [50_000, 91_000] {
            a.endpoint.handle_timeout(now(at));
        }
        a.events.clear();
        a.endpoint.connect(b.id(), &[], now(91_000)).unwrap();
        settle(&mut a, &mut b, now(91_000));
        let is_told = |it: &&Event| matches!(it, Event::OtherPsk { .. });
        assert_eq!(a.events.iter().filter(is_told).count(), 1);
    }
}

#[test]
fn a_strict_responder_refuses_an_unknown_key_and_keeps_nothing() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    assert_eq!(
        a.events,
        [Event::Refused {
            peer: b.id(),
            reason: Refusal::UnknownKey
        }]
    );
    let stats = b.endpoint.stats();
    assert_eq!((stats.peers, stats.keypairs, stats.slots), (0, 0, 0));
    assert!(b.events.is_empty());
}

#[test]
fn a_guest_waits_for_the_user_and_its_lines_wait_with_it() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Ask));
    a.knows(&b, None);
    a.say(b.id(), b"let me in", now(0));
    settle(&mut a, &mut b, now(0));
    assert_eq!(a.events, [Event::Waiting { peer: b.id() }]);
    let (peer, address) = (a.id(), a.address);
    assert_eq!(
        b.events,
        [Event::Guest {
            peer,
            address,
            nickname: None
        }]
    );
    b.endpoint.accept_guest(a.id()).unwrap();
    settle(&mut a, &mut b, now(60));
    assert_eq!(b.lines(), [b"let me in"]);
}

#[test]
fn a_guest_that_is_sent_away_learns_it() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Ask));
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    b.endpoint.refuse_guest(a.id(), now(1));
    settle(&mut a, &mut b, now(1));
    let closed = Event::Closed {
        peer: b.id(),
        reason: CloseReason::Declined,
    };
    assert_eq!(a.events.last(), Some(&closed));
    assert_eq!(b.endpoint.stats().peers, 0);
}

#[test]
fn a_pinned_key_talks_at_once() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::New));
    a.knows(&b, None);
    a.say(b.id(), b"hello", now(0));
    settle(&mut a, &mut b, now(0));
    let (peer, address) = (a.id(), a.address);
    assert_eq!(b.events.first(), Some(&Event::Pinned { peer, address }));
    assert_eq!(b.lines(), [b"hello"]);
}

#[test]
fn a_revoked_key_gets_no_answer_and_its_session_ends() {
    let (mut a, mut b) = connected();
    b.endpoint.revoke_peer(a.id());
    assert!(b.drain(now(1)).is_empty());
    assert_eq!(b.endpoint.stats().keypairs, 0);
    a.endpoint.close(b.id(), now(2));
    a.drain(now(2));
    a.endpoint.connect(b.id(), &[], now(3)).unwrap();
    for (_, datagram) in a.drain(now(3)) {
        b.receive(a.address, datagram, now(3));
    }
    assert!(b.drain(now(3)).is_empty());
    assert_eq!(
        b.endpoint.stats().dropped.get(&DropReason::NotWelcome),
        Some(&1)
    );
}

#[test]
fn last_words_leave_before_the_goodbye() {
    let (mut a, mut b) = connected();
    a.say(b.id(), b"last words", now(1));
    a.endpoint.close(b.id(), now(1));
    for (_, datagram) in a.drain(now(1)) {
        b.receive(a.address, datagram, now(1));
        b.drain(now(1));
    }
    assert_eq!(b.lines(), [b"last words"]);
    let closed = Event::Closed {
        peer: a.id(),
        reason: CloseReason::Goodbye,
    };
    assert_eq!(b.events.last(), Some(&closed));
}

/// Neither is a handshake begun for what has no key to leave under.
#[test]
fn a_goodbye_calls_nobody() {
    let (mut a, b) = connected();
    // The key has aged meanwhile.
    let late = now(300_000);
    let mut carrier = a.endpoint.carrier(b.id()).unwrap();
    assert_eq!(carrier.write(CHAT, b"too late"), 8);
    a.endpoint.close(b.id(), late);
    assert_eq!(a.endpoint.stats().jobs, 0);
    assert!(a.drain(late).is_empty());
}

#[test]
fn goodbye_ends_both_sides_and_a_new_line_starts_anew() {
    let (mut a, mut b) = connected();
    a.endpoint.close(b.id(), now(1));
    settle(&mut a, &mut b, now(1));
    let closed = Event::Closed {
        peer: a.id(),
        reason: CloseReason::Goodbye,
    };
    assert_eq!(b.events.last(), Some(&closed));
    assert_eq!(
        (a.endpoint.stats().keypairs, b.endpoint.stats().keypairs),
        (0, 0)
    );
    b.say(a.id(), b"wait", now(2));
    settle(&mut a, &mut b, now(2));
    assert_eq!(a.lines(), [b"wait"]);
}

#[test]
fn sending_rekeys_and_loses_nothing() {
    let (mut a, mut b) = connected();
    for second in 1..400u64 {
        let at = now(second * 1_000);
        a.endpoint.handle_timeout(at);
        b.endpoint.handle_timeout(at);
        a.say(b.id(), &second.to_le_bytes(), at);
        settle(&mut a, &mut b, at);
        assert_eq!(b.lines().len() as u64, second);
        let age = a.endpoint.status(b.id(), at).unwrap().key_age.unwrap();
        assert!(age <= Duration::from_secs(121), "{age:?} after {second} s");
    }
}

#[test]
fn crossed_inits_agree_on_one_key_and_both_sides_talk() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    b.endpoint.connect(a.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    let initiators = [(&a, b.id()), (&b, a.id())]
        .map(|(side, peer)| side.endpoint.status(peer, now(0)).unwrap().initiator);
    assert!(initiators == [Some(true), Some(false)] || initiators == [Some(false), Some(true)]);
    a.say(b.id(), b"one", now(1));
    b.say(a.id(), b"two", now(1));
    settle(&mut a, &mut b, now(1));
    assert_eq!((a.lines().len(), b.lines().len()), (1, 1));
}

#[test]
fn a_peer_that_sends_us_away_is_not_called_by_itself() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Ask));
    a.knows(&b, None);
    a.say(b.id(), b"let me in", now(0));
    settle(&mut a, &mut b, now(0));
    b.endpoint.refuse_guest(a.id(), now(1));
    settle(&mut a, &mut b, now(1));
    assert_eq!(settle(&mut a, &mut b, now(2)), 0);
    assert_eq!(a.endpoint.poll_timeout(), None);
}

#[test]
fn a_lone_packet_is_acknowledged_a_little_later_and_then_everything_rests() {
    let (mut a, mut b) = connected();
    let at = now(1_000);
    a.say(b.id(), b"hello", at);
    for (_, datagram) in a.drain(at) {
        b.receive(a.address, datagram, at);
    }
    assert!(b.drain(at).is_empty(), "it waits for company");
    let (due, timer) = b.endpoint.poll_timeout().unwrap();
    assert_eq!(
        (due, timer),
        (at + (MAX_ACK_DELAY - GRANULARITY), Timer::Ack)
    );
    b.endpoint.handle_timeout(due);
    assert_eq!(settle(&mut a, &mut b, due), 1);
    assert!(!a.endpoint.status(b.id(), due).unwrap().awaits_ack);
    for side in [&a, &b] {
        let (_, timer) = side.endpoint.poll_timeout().unwrap();
        assert_eq!(timer, Timer::Erase);
    }
}
