//! Two messengers in one thread, joined by a wire that carries everything at once or nothing.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "session_messages/starts.rs"]
mod starts;

use core::net::SocketAddr;
use std::sync::Arc;

use securechat::chat::{
    Client, Draft, Event, FailReason, MemoryOutbox, Messenger, Name, Policy, RejectReason,
    SendError, State, Update,
};
use securechat::crypto::StaticSecret;
use securechat::id::{PeerId, Timestamp};
use securechat::proto::{
    self, CloseReason, Endpoint, EndpointConfig, Incoming, PeerConfig, Shown, Trust,
};
use securechat::time::{Instant, UnixTime};

struct Side {
    seed: u8,
    messenger: Messenger,
    address: SocketAddr,
    rng: chacha20::ChaCha20Rng,
    updates: Vec<Update>,
    /// Whether messages are taken as soon as they come.
    takes: bool,
    /// Whether events are looked at.
    looks: bool,
}

impl Side {
    fn new(seed: u8, trust: Trust) -> Self {
        let address = SocketAddr::from(([192, 0, 2, seed], 7_419));
        Self {
            seed,
            messenger: start(seed, trust, 1_000),
            address,
            rng: rand_core::SeedableRng::from_seed([seed ^ 0xff; 32]),
            updates: Vec::new(),
            takes: true,
            looks: true,
        }
    }

    fn id(&self) -> PeerId {
        self.messenger.endpoint().id()
    }

    /// The process is killed, and another one starts.
    fn restart(&mut self, timestamps: u64) {
        self.messenger = start(self.seed, Trust::Strict, timestamps);
    }

    fn knows(&mut self, other: &Self) {
        let peer = other.as_peer();
        self.messenger.endpoint_mut().add_peer(peer);
    }

    fn as_peer(&self) -> PeerConfig {
        PeerConfig {
            id: self.id(),
            psk: None,
            addresses: vec![self.address],
            shown: Shown::default(),
        }
    }

    fn send(&mut self, to: &Self, text: &str, now: Instant) -> Name {
        let draft = Draft::text(text.to_owned(), UnixTime(0));
        let name = self.messenger.send(to.id().into(), draft, now).unwrap();
        self.messenger.settle(now);
        name
    }

    fn receive(&mut self, from: SocketAddr, mut datagram: Vec<u8>, now: Instant) {
        let endpoint = self.messenger.endpoint_mut();
        let table = endpoint.key_table();
        match endpoint.screen().check(&datagram) {
            Ok(Incoming::Handshake(packet)) => {
                endpoint.handle_handshake(from, packet, now);
            }
            Ok(Incoming::Data) => {
                if let Ok(opened) = table.open(from, &mut datagram, now) {
                    endpoint.handle_opened(&opened, now);
                }
            }
            Err(_) => {}
        }
        self.messenger.settle(now);
    }

    fn drain(&mut self, now: Instant) -> Vec<Vec<u8>> {
        while let Some(job) = self.messenger.endpoint_mut().take_job() {
            let outcome = job.run(&mut self.rng);
            self.messenger.endpoint_mut().handle_outcome(outcome, now);
        }
        self.messenger.settle(now);
        while self.looks
            && let Some(update) = self.messenger.poll_event(now)
        {
            if let Update::Chat(Event::Message { contact, message }) = &update
                && self.takes
            {
                self.messenger.take(*contact, message.name, now);
            }
            self.messenger.settle(now);
            self.updates.push(update);
        }
        let endpoint = self.messenger.endpoint_mut();
        core::iter::from_fn(|| endpoint.poll_transmit(now))
            .filter_map(|transmit| transmit.datagram.into_bytes(now))
            .collect()
    }

    fn texts(&self) -> Vec<String> {
        let text = |update: &Update| match update {
            Update::Chat(Event::Message { message, .. }) => {
                Some(String::from_utf8(message.body.clone()).unwrap())
            }
            Update::Chat(_) | Update::Session(_) => None,
        };
        self.updates.iter().filter_map(text).collect()
    }

    fn states(&self, wanted: Name) -> Vec<State> {
        let state = |update: &Update| match update {
            Update::Chat(Event::State { name, state, .. }) if *name == wanted => Some(*state),
            Update::Chat(_) | Update::Session(_) => None,
        };
        self.updates.iter().filter_map(state).collect()
    }
}

fn start(seed: u8, trust: Trust, timestamps: u64) -> Messenger {
    let config = EndpointConfig {
        trust,
        ..EndpointConfig::default()
    };
    start_with(config, seed, timestamps)
}

fn start_with(config: EndpointConfig, seed: u8, timestamps: u64) -> Messenger {
    start_taking(Policy::default(), config, seed, timestamps)
}

fn start_taking(policy: Policy, config: EndpointConfig, seed: u8, timestamps: u64) -> Messenger {
    let secret = Arc::new(StaticSecret::from_bytes(&mut [seed; 32]));
    let range = Timestamp(timestamps)..Timestamp(timestamps + 1_000);
    let random = [seed.wrapping_add(u8::try_from(timestamps % 251).unwrap()); 32];
    let endpoint = Endpoint::new(config, secret, random, range, now(0));
    let outbox = Box::new(MemoryOutbox::new(random));
    Messenger::new(
        endpoint,
        Client::new(policy, outbox, random, now(0)),
        now(0),
    )
}

fn now(ms: u64) -> Instant {
    Instant::from_micros(1_000_000 + ms * 1_000)
}

/// Lets time pass from `from` to `to`, over a wire that works or does not.
fn pass(a: &mut Side, b: &mut Side, works: bool, from: u64, to: u64) {
    let (mut at, end) = (now(from), now(to));
    loop {
        let (from_a, from_b) = (a.drain(at), b.drain(at));
        let quiet = from_a.is_empty() && from_b.is_empty();
        for datagram in from_a.into_iter().filter(|_| works) {
            b.receive(a.address, datagram, at);
        }
        for datagram in from_b.into_iter().filter(|_| works) {
            a.receive(b.address, datagram, at);
        }
        if !quiet {
            continue;
        }
        let next = [&a, &b].map(|side| side.messenger.poll_timeout());
        match next.into_iter().flatten().min().filter(|next| *next <= end) {
            Some(next) => at = at.max(next),
            None => return,
        }
        a.messenger.handle_timeout(at);
        b.messenger.handle_timeout(at);
    }
}

fn acquainted() -> (Side, Side) {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    a.knows(&b);
    b.knows(&a);
    (a, b)
}

#[test]
fn a_message_brings_its_session_and_is_delivered() {
    let (mut a, mut b) = acquainted();
    let name = a.send(&b, "hello", now(0));
    assert_eq!(
        a.messenger.client().state(b.id().into(), name),
        Some(State::Queued)
    );
    pass(&mut a, &mut b, true, 0, 1_000);
    assert_eq!(b.texts(), ["hello"]);
    assert_eq!(a.states(name).last(), Some(&State::Delivered));
    assert_eq!(a.messenger.client().unsettled(b.id().into()), 0);
}

#[test]
fn a_message_that_is_not_taken_is_sent_and_no_more() {
    let (mut a, mut b) = acquainted();
    b.takes = false;
    let name = a.send(&b, "hello", now(0));
    pass(&mut a, &mut b, true, 0, 60_000);
    assert_eq!(a.states(name), [State::Sent]);
    let (contact, name) = (a.id().into(), name);
    b.messenger.take(contact, name, now(60_000));
    b.messenger.settle(now(60_000));
    pass(&mut a, &mut b, true, 60_000, 61_000);
    assert_eq!(a.states(name), [State::Sent, State::Delivered]);
}

#[test]
fn what_a_peer_has_said_that_it_does_not_take_is_not_accepted_for_sending() {
    let (mut a, mut b) = acquainted();
    let policy = Policy {
        largest: 10,
        ..Policy::default()
    };
    b.messenger = start_taking(policy, EndpointConfig::default(), b.seed, 1_000);
    b.knows(&a);
    // Before it has said anything there is only its answer.
    let early = a.send(&b, "11 bytes...", now(0));
    pass(&mut a, &mut b, true, 0, 1_000);
    let too_large = State::Failed(FailReason::Rejected(RejectReason::TooLarge));
    assert_eq!(a.states(early).last(), Some(&too_large));

    let contact = b.id().into();
    let draft = |text: &str| Draft::text(text.to_owned(), UnixTime(0));
    let error = SendError::TooLargeForPeer {
        len: 11,
        largest: 10,
    };
    let refused = a.messenger.send(contact, draft("11 bytes..."), now(1_000));
    assert_eq!(refused, Err(error));
    a.send(&b, "10 bytes..", now(1_000));
    pass(&mut a, &mut b, true, 1_000, 2_000);
    assert_eq!(b.texts(), ["10 bytes.."]);
}

#[test]
fn a_message_of_many_packets_arrives_whole() {
    let (mut a, mut b) = acquainted();
    for len in [1_000_000, 65_536, 65_537, 1] {
        let text = "x".repeat(len);
        let name = a.send(&b, &text, now(0));
        pass(&mut a, &mut b, true, 0, 60_000);
        assert!(b.texts().last() == Some(&text), "{len} bytes");
        assert_eq!(a.states(name).last(), Some(&State::Delivered));
    }
}

#[test]
fn a_message_that_is_interrupted_for_longer_than_keys_live_begins_anew_and_arrives_once() {
    let (mut a, mut b) = acquainted();
    a.send(&b, "hello", now(0));
    pass(&mut a, &mut b, true, 0, 1_000);
    let text = "x".repeat(1 << 20);
    let name = a.send(&b, &text, now(1_000));
    for _ in 0..20 {
        for datagram in a.drain(now(1_000)) {
            b.receive(a.address, datagram, now(1_000));
        }
        for datagram in b.drain(now(1_000)) {
            a.receive(b.address, datagram, now(1_000));
        }
    }
    assert_eq!(a.states(name), []);
    let generation = |of: &Side, with: &Side| of.messenger.endpoint().generation(with.id());
    let before = generation(&b, &a);
    pass(&mut a, &mut b, false, 1_000, 600_000);
    assert!(before.is_some());
    assert_eq!(generation(&b, &a), None, "what has come of it is let go");
    pass(&mut a, &mut b, true, 600_000, 700_000);
    assert!(generation(&b, &a) > before);
    assert_eq!(b.texts(), ["hello".to_owned(), text]);
    assert_eq!(a.states(name).last(), Some(&State::Delivered));
}

#[test]
fn transfers_that_nobody_reads_hold_up_no_long_message() {
    let (mut a, mut b) = acquainted();
    a.send(&b, "hello", now(0));
    pass(&mut a, &mut b, true, 0, 1_000);
    let (id, endpoint) = (b.id(), a.messenger.endpoint_mut());
    while let Ok(stream) = endpoint.open_stream(id) {
        endpoint.write_stream(id, stream, &[7; 1 << 20]).unwrap();
    }
    pass(&mut a, &mut b, true, 1_000, 30_000);
    let name = a.send(&b, &"x".repeat(3 << 20), now(30_000));
    pass(&mut a, &mut b, true, 30_000, 90_000);
    assert_eq!(a.states(name).last(), Some(&State::Delivered));
}

#[test]
fn events_come_in_the_order_in_which_they_happened() {
    let (mut a, mut b) = acquainted();
    a.send(&b, "first", now(0));
    pass(&mut a, &mut b, true, 0, 1_000);
    a.send(&b, "last", now(1_000));
    for datagram in a.drain(now(1_000)) {
        b.receive(a.address, datagram, now(1_000));
    }
    a.messenger.endpoint_mut().close(b.id(), now(1_000));
    for datagram in a.drain(now(1_000)) {
        b.receive(a.address, datagram, now(1_000));
    }
    b.drain(now(1_000));
    let kinds: Vec<&str> = b
        .updates
        .iter()
        .map(|update| match update {
            Update::Session(proto::Event::Established { .. }) => "established",
            Update::Session(proto::Event::Introduced { .. }) => "introduced",
            Update::Session(proto::Event::Closed { .. }) => "closed",
            Update::Chat(Event::Message { .. }) => "message",
            other @ (Update::Session(_) | Update::Chat(_)) => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        ["established", "introduced", "message", "message", "closed"]
    );
}

#[test]
fn a_receiver_that_starts_again_gets_what_it_had_not_receipted() {
    let (mut a, mut b) = acquainted();
    a.send(&b, "taken", now(0));
    pass(&mut a, &mut b, true, 0, 1_000);
    b.takes = false;
    let name = a.send(&b, "not taken", now(1_000));
    pass(&mut a, &mut b, true, 1_000, 2_000);
    b.restart(5_000);
    b.knows(&a);
    b.takes = true;
    b.updates.clear();
    pass(&mut a, &mut b, true, 2_000, 3_000);
    a.send(&b, "later", now(3_000));
    pass(&mut a, &mut b, true, 3_000, 20_000);
    assert_eq!(b.texts(), ["not taken", "later"]);
    assert_eq!(a.states(name), [State::Sent, State::Delivered]);
}

#[test]
fn a_receiver_that_is_killed_before_it_takes_what_it_acknowledged_is_found_soon() {
    let (mut a, mut b) = acquainted();
    b.takes = false;
    let name = a.send(&b, "hello", now(0));
    pass(&mut a, &mut b, true, 0, 2_000);
    assert_eq!(a.states(name), [State::Sent]);
    b.restart(5_000);
    b.knows(&a);
    b.takes = true;
    pass(&mut a, &mut b, true, 2_000, 15_000);
    assert_eq!(a.states(name), [State::Sent, State::Delivered]);
    assert_eq!(b.texts(), ["hello", "hello"], "once in each process");
}

/// Each keepalive put the question off, and nobody acknowledges those.
#[test]
fn whoever_holds_a_mapping_open_asks_whether_the_receiver_is_there_all_the_same() {
    let (mut a, mut b) = acquainted();
    let keepalive = EndpointConfig {
        keepalive: Some(core::time::Duration::from_secs(2)),
        ..EndpointConfig::default()
    };
    a.messenger = start_with(keepalive, a.seed, 3_000);
    a.knows(&b);
    b.takes = false;
    let name = a.send(&b, "hello", now(0));
    pass(&mut a, &mut b, true, 0, 2_000);
    b.restart(5_000);
    b.knows(&a);
    b.takes = true;
    pass(&mut a, &mut b, true, 2_000, 15_000);
    assert_eq!(a.states(name), [State::Sent, State::Delivered]);
}

#[test]
fn a_peer_that_left_is_called_while_a_message_waits_and_not_otherwise() {
    let (mut a, mut b) = acquainted();
    a.send(&b, "hello", now(0));
    pass(&mut a, &mut b, true, 0, 1_000);
    b.messenger.endpoint_mut().close(a.id(), now(1_000));
    pass(&mut a, &mut b, true, 1_000, 2_000);
    assert_eq!(a.messenger.poll_timeout(), None, "nothing waits");
    a.send(&b, "are you there?", now(2_000));
    pass(&mut a, &mut b, false, 2_000, 300_000);
    let unreachable =
        |update: &Update| matches!(update, Update::Session(proto::Event::Unreachable { .. }));
    assert!(a.updates.iter().any(unreachable));
    pass(&mut a, &mut b, true, 300_000, 400_000);
    assert_eq!(b.texts(), ["hello", "are you there?"]);
}

#[test]
fn what_waits_for_a_peer_that_is_removed_fails() {
    let (mut a, mut b) = acquainted();
    let name = a.send(&b, "hello", now(0));
    let (id, contact) = (b.id(), b.id().into());
    a.messenger.remove_peer(id, now(1));
    pass(&mut a, &mut b, true, 1, 2);
    assert_eq!(a.states(name), [State::Failed(FailReason::Removed)]);
    let draft = Draft::text("again".to_owned(), UnixTime(0));
    let refused = a.messenger.send(contact, draft, now(2));
    assert_eq!(refused, Err(SendError::UnknownContact));
}

#[test]
fn a_guest_cannot_be_written_to_and_its_messages_wait_for_the_user() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Ask));
    a.knows(&b);
    let name = a.send(&b, "let me in", now(0));
    pass(&mut a, &mut b, true, 0, 1_000);
    let draft = Draft::text("who are you?".to_owned(), UnixTime(0));
    let refused = b.messenger.send(a.id().into(), draft, now(1_000));
    assert_eq!(refused, Err(SendError::UnknownContact));
    assert_eq!(a.states(name), []);
    b.messenger.endpoint_mut().accept_guest(a.id()).unwrap();
    pass(&mut a, &mut b, true, 1_000, 2_000);
    assert_eq!(b.texts(), ["let me in"]);
    assert_eq!(a.states(name).last(), Some(&State::Delivered));
}

#[test]
fn a_peer_that_breaks_the_rules_of_messages_is_closed() {
    let (mut a, mut b) = acquainted();
    a.send(&b, "hello", now(0));
    pass(&mut a, &mut b, true, 0, 1_000);
    let id = b.id();
    let mut carrier = a.messenger.endpoint_mut().carrier(id).unwrap();
    assert_eq!(carrier.write(securechat::chat::CHAT_STREAM, &[0; 9]), 9);
    pass(&mut a, &mut b, true, 1_000, 2_000);
    let closed = Update::Session(proto::Event::Closed {
        peer: a.id(),
        reason: CloseReason::Violation,
    });
    assert_eq!(b.updates.last(), Some(&closed));
    let closed = Update::Session(proto::Event::Closed {
        peer: id,
        reason: CloseReason::TheySayViolation,
    });
    assert_eq!(a.updates.last(), Some(&closed));
}

#[test]
fn two_messengers_at_rest_have_no_deadline() {
    let (mut a, mut b) = acquainted();
    a.send(&b, "hello", now(0));
    b.send(&a, "hello", now(0));
    pass(&mut a, &mut b, true, 0, 2_000_000);
    for side in [&a, &b] {
        assert_eq!(side.messenger.poll_timeout(), None);
    }
}

#[test]
fn a_peer_that_leaves_again_and_again_is_not_called_in_a_circle() {
    let (mut a, mut b) = acquainted();
    b.takes = false;
    a.send(&b, "hello", now(0));
    for _ in 0..100 {
        pass(&mut a, &mut b, true, 0, 0);
        b.messenger.endpoint_mut().close(a.id(), now(0));
    }
    let is_session =
        |update: &&Update| matches!(update, Update::Session(proto::Event::Established { .. }));
    assert_eq!(a.updates.iter().filter(is_session).count(), 1);
    pass(&mut a, &mut b, true, 0, 2_000);
    assert_eq!(a.updates.iter().filter(is_session).count(), 2);
    b.messenger.endpoint_mut().close(a.id(), now(2_000));
    pass(&mut a, &mut b, true, 2_000, 2_000);
    a.send(&b, "at once", now(2_000));
    pass(&mut a, &mut b, true, 2_000, 2_000);
    assert_eq!(a.updates.iter().filter(is_session).count(), 3);
}

/// How many sessions there are in ten minutes with a peer that ends each after a moment. Every five seconds the owner
/// calls by itself.
fn sessions_that_end_at_once(a: &mut Side, b: &mut Side, from: u64) -> usize {
    let begins = |side: &Side| {
        let updates = side.updates.iter();
        let is_one = |it: &&Update| matches!(it, Update::Session(proto::Event::Established { .. }));
        updates.filter(is_one).count()
    };
    let before = begins(a);
    for at in (from..from + 600_000).step_by(100) {
        pass(a, b, true, at, at + 100);
        b.messenger.endpoint_mut().close(a.id(), now(at + 100));
        if at % 5_000 == 0 {
            let endpoint = a.messenger.endpoint_mut();
            endpoint.connect_again(b.id(), &[], now(at + 100)).unwrap();
        }
    }
    begins(a) - before
}

/// It was called after less than a second each time, for as long as the message waited.
#[test]
fn a_peer_that_leaves_before_it_takes_anything_is_called_more_and_more_rarely() {
    let (mut a, mut b) = acquainted();
    b.takes = false;
    let name = a.send(&b, "hello", now(0));
    let sessions = sessions_that_end_at_once(&mut a, &mut b, 0);
    assert!((8..=18).contains(&sessions), "{sessions}");
    b.restart(5_000);
    b.knows(&a);
    b.takes = true;
    pass(&mut a, &mut b, true, 600_000, 700_000);
    assert_eq!(a.states(name).last(), Some(&State::Delivered));
    b.takes = false;
    a.send(&b, "again", now(700_000));
    let sessions = sessions_that_end_at_once(&mut a, &mut b, 700_000);
    assert!(
        (8..=18).contains(&sessions),
        "{sessions} from the beginning"
    );
}

#[test]
fn what_is_written_while_nothing_is_heard_may_arrive_all_the_same() {
    let (mut a, mut b) = acquainted();
    a.send(&b, "hello", now(0));
    pass(&mut a, &mut b, true, 0, 1_000);
    a.send(&b, "unheard", now(1_000));
    let mut at = now(1_000);
    let is_silent =
        |update: &Update| matches!(update, Update::Session(proto::Event::Silent { .. }));
    loop {
        for datagram in a.drain(at) {
            b.receive(a.address, datagram, at);
        }
        if a.updates.iter().any(is_silent) {
            break;
        }
        at = at.max(a.messenger.poll_timeout().unwrap());
        a.messenger.handle_timeout(at);
    }
    a.send(&b, "while silent", at);
    let status = a.messenger.endpoint().status(b.id(), at).unwrap();
    assert!(!status.established && status.key_age.is_some());
    for datagram in a.drain(at) {
        b.receive(a.address, datagram, at);
    }
    b.drain(at);
    assert_eq!(b.texts(), ["hello", "unheard", "while silent"]);
}

#[test]
fn a_session_that_is_over_before_it_is_looked_at_is_not_called_back_in_a_circle() {
    let (mut a, mut b) = acquainted();
    b.takes = false;
    a.send(&b, "hello", now(0));
    for _ in 0..100 {
        a.looks = false;
        pass(&mut a, &mut b, true, 0, 0);
        b.messenger.endpoint_mut().close(a.id(), now(0));
        pass(&mut a, &mut b, true, 0, 0);
        a.looks = true;
        pass(&mut a, &mut b, true, 0, 0);
    }
    let is_session =
        |update: &&Update| matches!(update, Update::Session(proto::Event::Established { .. }));
    assert_eq!(a.updates.iter().filter(is_session).count(), 1);
}
