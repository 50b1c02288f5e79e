//! What the steady path allocates: nothing for a packet, and for a message its body at either end. And what
//! an idle session keeps.
//!
//! The whole core is counted, chat and sealing with it; not the sockets. Whoever sends hands the memory of
//! a datagram back by `Endpoint::recycle`, as here.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use core::net::SocketAddr;
use std::sync::Arc;

use allocation_counter::measure;
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use securechat::chat::{Draft, Event, Messenger, State, Update};
use securechat::crypto::StaticSecret;
use securechat::id::{PeerId, Timestamp};
use securechat::proto::{
    self, Endpoint, EndpointConfig, Incoming, PeerConfig, Shown, StreamEvent, Transmit,
};
use securechat::time::{Instant, UnixTime};

/// What a datagram takes from one side to the other.
const HOP_US: u64 = 100;

/// Allocations of a message: its body in the sender's outbox, and in the receiver's event.
const OF_A_MESSAGE: usize = 2;

/// One allocation in so many packets is tables that grow now and then, such as that of the packet numbers
/// that were left out.
const RARELY: usize = 100;

struct Side {
    messenger: Messenger,
    address: SocketAddr,
    rng: ChaCha20Rng,
    established: bool,
    delivered: usize,
    read: Vec<u8>,
    received: usize,
}

impl Side {
    fn new(seed: u8) -> Self {
        let identity = Arc::new(StaticSecret::from_bytes(&mut [seed; 32]));
        let config = EndpointConfig {
            bulk: true,
            ..EndpointConfig::default()
        };
        let timestamps = Timestamp(1_000)..Timestamp(2_000);
        let endpoint = Endpoint::new(config, identity, [seed; 32], timestamps, at(0));
        Self {
            messenger: Messenger::in_memory(endpoint, [seed; 32], at(0)),
            address: SocketAddr::from(([192, 0, 2, seed], 7_419)),
            rng: ChaCha20Rng::from_seed([seed; 32]),
            established: false,
            delivered: 0,
            read: Vec::new(),
            received: 0,
        }
    }

    fn id(&self) -> PeerId {
        self.messenger.endpoint().id()
    }

    fn knows(&mut self, other: &Self) {
        self.messenger.endpoint_mut().add_peer(PeerConfig {
            id: other.id(),
            psk: None,
            addresses: vec![other.address],
            shown: Shown::default(),
        });
    }

    fn receive(&mut self, from: SocketAddr, datagram: &mut [u8], now: Instant) {
        let endpoint = self.messenger.endpoint_mut();
        match endpoint.screen().check(datagram).unwrap() {
            Incoming::Handshake(packet) => {
                endpoint.handle_handshake(from, packet, now);
            }
            Incoming::Data => {
                let table = endpoint.key_table();
                let opened = table.open(from, datagram, now).unwrap();
                endpoint.handle_opened(&opened, now);
            }
        }
        self.messenger.settle(now);
    }

    /// Does the worker's work, takes what was said, and reads what was transferred.
    fn attend(&mut self, now: Instant) {
        while let Some(job) = self.messenger.endpoint_mut().take_job() {
            let outcome = job.run(&mut self.rng);
            self.messenger.endpoint_mut().handle_outcome(outcome, now);
            self.messenger.settle(now);
        }
        while let Some(update) = self.messenger.poll_event(now) {
            match update {
                Update::Chat(Event::Message { contact, message }) => {
                    self.messenger.take(contact, message.name, now);
                }
                Update::Chat(Event::State {
                    state: State::Delivered,
                    ..
                }) => self.delivered += 1,
                Update::Session(proto::Event::Established { .. }) => self.established = true,
                Update::Session(proto::Event::Stream {
                    peer,
                    event: StreamEvent::Readable(id),
                }) => {
                    self.read.clear();
                    let endpoint = self.messenger.endpoint_mut();
                    let count = endpoint.read_stream(peer, id, usize::MAX, &mut self.read);
                    self.received += count.unwrap();
                }
                Update::Chat(_) | Update::Session(_) => {}
            }
            self.messenger.settle(now);
        }
    }
}

/// Two sides on a wire that loses nothing.
struct Pair {
    sides: [Side; 2],
    us: u64,
    out: Vec<Transmit>,
    packets: usize,
}

impl Pair {
    fn connected() -> Self {
        Self::connect(Side::new(1), Side::new(2), 0)
    }

    fn connect(mut a: Side, mut b: Side, us: u64) -> Self {
        a.knows(&b);
        b.knows(&a);
        let endpoint = a.messenger.endpoint_mut();
        endpoint.connect(b.id(), &[], at(us)).unwrap();
        (a.established, b.established) = (false, false);
        let (sides, packets) = ([a, b], 0);
        let out = Vec::with_capacity(1_024);
        let mut pair = Self {
            sides,
            us,
            out,
            packets,
        };
        pair.sides[0].attend(at(us));
        while !pair.sides.iter().all(|side| side.established) {
            pair.step();
        }
        pair
    }

    /// Everything that is due goes over; if nothing is, time passes.
    fn step(&mut self) {
        let before = self.packets;
        for _ in 0..2 {
            let now = at(self.us);
            let endpoint = self.sides[0].messenger.endpoint_mut();
            self.out
                .extend(core::iter::from_fn(|| endpoint.poll_transmit(now)));
            self.packets += self.out.len();
            self.us += HOP_US;
            let [from, to] = &mut self.sides;
            for transmit in self.out.drain(..) {
                let mut bytes = transmit.datagram.into_bytes(now).unwrap();
                if transmit.to == to.address {
                    to.receive(from.address, &mut bytes, at(self.us));
                }
                from.messenger.endpoint_mut().recycle(bytes);
            }
            to.attend(at(self.us));
            self.sides.reverse();
        }
        if self.packets == before {
            let deadlines = self.sides.iter().map(|side| side.messenger.poll_timeout());
            let next = deadlines.flatten().min();
            self.us = next.map_or(self.us, |next| self.us.max(next.as_micros()));
        }
        let now = at(self.us);
        for side in &mut self.sides {
            if side.messenger.poll_timeout().is_some_and(|at| at <= now) {
                side.messenger.handle_timeout(now);
                side.messenger.settle(now);
            }
            side.attend(now);
        }
    }

    /// Messages from one to the other, at most `window` of them without their receipt.
    fn say(&mut self, drafts: Vec<Draft>, window: usize) {
        let to = self.sides[1].id();
        let before = self.sides[0].delivered;
        let (mut said, count) = (0, drafts.len());
        let mut drafts = drafts.into_iter();
        while self.sides[0].delivered < before + count {
            let now = at(self.us);
            let side = &mut self.sides[0];
            while said < side.delivered - before + window
                && let Some(draft) = drafts.next()
            {
                side.messenger.send(to.into(), draft, now).unwrap();
                side.messenger.settle(now);
                said += 1;
            }
            self.step();
        }
    }

    fn transfer(&mut self, len: usize) {
        let (to, end) = (self.sides[1].id(), self.sides[1].received + len);
        let endpoint = self.sides[0].messenger.endpoint_mut();
        let id = endpoint.open_stream(to).unwrap();
        let mut left = len;
        while self.sides[1].received < end {
            let endpoint = self.sides[0].messenger.endpoint_mut();
            let part = &[7; 65_536][..left.min(65_536)];
            left -= endpoint.write_stream(to, id, part).unwrap();
            self.step();
        }
    }
}

const fn at(us: u64) -> Instant {
    Instant::from_micros(us)
}

fn drafts(count: usize) -> Vec<Draft> {
    let draft = |_| Draft::text("x".repeat(100), UnixTime(0));
    (0..count).map(draft).collect()
}

/// Allocations and packets of some work.
fn counted(pair: &mut Pair, work: impl FnOnce(&mut Pair)) -> (usize, usize) {
    let packets = pair.packets;
    let cost = measure(|| work(pair));
    let allocations = usize::try_from(cost.count_total).unwrap();
    (allocations, pair.packets - packets)
}

#[test]
fn a_packet_allocates_nothing_and_a_message_its_body_at_either_end() {
    let mut pair = Pair::connected();
    for window in [1, 64] {
        pair.say(drafts(3_000), window);
        let count = 2_000;
        let texts = drafts(count);
        let (allocations, packets) = counted(&mut pair, |pair| pair.say(texts, window));
        println!(
            "{count} messages, {window} at once: {allocations} allocations, {packets} packets"
        );
        let rest = allocations.saturating_sub(OF_A_MESSAGE * count);
        assert!(rest <= packets / RARELY, "{rest} in {packets} packets");
    }
    pair.transfer(4 << 20);
    let (allocations, packets) = counted(&mut pair, |pair| pair.transfer(4 << 20));
    println!("a transfer: {allocations} allocations, {packets} packets");
    assert!(
        allocations <= packets / RARELY,
        "{allocations} in {packets} packets"
    );
}

#[test]
fn a_session_that_was_silent_for_ten_minutes_keeps_four_kibibytes_and_no_deadline() {
    const SESSIONS: u8 = 30;
    let mut hub = Some(Side::new(1));
    let kept = measure(|| {
        let (mut side, mut us) = (hub.take().unwrap(), 0);
        for member in 2..2 + SESSIONS {
            let mut pair = Pair::connect(side, Side::new(member), us);
            (0..20).for_each(|_| pair.step());
            us = pair.us;
            [side, _] = pair.sides;
        }
        hub = Some(silent(side, at(us + 600_000_000)));
    });
    let stats = hub.unwrap().messenger.endpoint().stats();
    assert_eq!(
        (stats.peers, stats.keypairs, stats.timers),
        (usize::from(SESSIONS), 0, 0)
    );
    let each = kept.bytes_current / i64::from(SESSIONS);
    println!("{each} bytes of an idle session");
    assert!(each <= 4_096, "{each} bytes");
}

/// A side to which nothing comes until `end`.
fn silent(mut side: Side, end: Instant) -> Side {
    while let Some(now) = side.messenger.poll_timeout().filter(|now| *now <= end) {
        side.messenger.handle_timeout(now);
        side.messenger.settle(now);
        side.attend(now);
        while side.messenger.endpoint_mut().poll_transmit(now).is_some() {}
    }
    side
}
