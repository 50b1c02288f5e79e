//! Two messengers in one thread, joined by a wire that loses nothing. What a driver's threads do, one after
//! another, without sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use securechat::chat::{ContactId, Draft, Event, Messenger, Name, State, Update};
use securechat::crypto::{BatchWipe, StaticSecret};
use securechat::id::{PeerId, StreamId, Timestamp};
use securechat::proto::{
    self, Congestion, Endpoint, EndpointConfig, Incoming, KeyTable, OpenBatch, Opened, PeerConfig,
    Screen, Screened, Shown, StreamEvent, Transmit,
};
use securechat::time::{Instant, UnixTime};
use securechat::wire::packet::Packet;

/// What a datagram takes from one side to the other.
pub const HOP_US: u64 = 100;

/// The static secret of number `number`.
pub fn secret(number: u32) -> StaticSecret {
    let mut bytes = [0x5a; 32];
    // Not in the first byte, of which X25519 ignores some bits.
    bytes[8..12].copy_from_slice(&number.to_le_bytes());
    StaticSecret::from_bytes(&mut bytes)
}

/// Datagrams that are opened together.
const BATCH: usize = 8;

enum Sorted<'a> {
    Opened(Opened<'a>),
    Handshake(Screened<'a>),
}

fn sort<'a>(
    screen: &Screen,
    keys: &mut OpenBatch<'_>,
    from: SocketAddr,
    datagram: &'a mut [u8],
    now: Instant,
) -> Sorted<'a> {
    if matches!(Packet::parse(datagram), Ok(Packet::Data(_))) {
        return Sorted::Opened(keys.open(from, datagram, now).expect("an honest wire"));
    }
    match screen.check(datagram) {
        Ok(Incoming::Handshake(packet)) => Sorted::Handshake(packet),
        other => panic!("an honest wire: {other:?}"),
    }
}

/// An endpoint with its chat, and what it has told.
pub struct Side {
    pub messenger: Messenger,
    pub address: SocketAddr,
    pub id: PeerId,
    table: Arc<KeyTable>,
    screen: Arc<Screen>,
    rng: ChaCha20Rng,
    /// Messages that have come and are not taken yet.
    taken: Vec<(ContactId, Name)>,
    /// Datagrams on their way, sealed.
    sealed: Vec<Vec<u8>>,
    pub established: usize,
    pub received: usize,
    pub delivered: usize,
    pub readable: Option<StreamId>,
    pub writable: bool,
    pub finished: bool,
}

impl Side {
    pub fn new(number: u32, now: Instant) -> Self {
        Self::with(number, 7, Congestion::default(), now)
    }

    /// `seed`: another gives other session indices, jitter and so on.
    pub fn with(number: u32, seed: u8, congestion: Congestion, now: Instant) -> Self {
        let identity = Arc::new(secret(number));
        let config = EndpointConfig {
            bulk: true,
            congestion,
            ..EndpointConfig::default()
        };
        let mut seed = [seed; 32];
        seed[..4].copy_from_slice(&number.to_le_bytes());
        let timestamps = Timestamp(1_000)..Timestamp(u64::MAX / 2);
        let endpoint = Endpoint::new(config, identity, seed, timestamps, now);
        let [a, b, c, _] = number.to_le_bytes();
        Self {
            address: SocketAddr::from(([10, c, b, a], 7_419)),
            id: endpoint.id(),
            table: endpoint.key_table(),
            screen: endpoint.screen(),
            messenger: Messenger::in_memory(endpoint, seed, now),
            rng: ChaCha20Rng::from_seed(seed),
            taken: Vec::new(),
            sealed: Vec::new(),
            established: 0,
            received: 0,
            delivered: 0,
            readable: None,
            writable: false,
            finished: false,
        }
    }

    pub fn knows(&mut self, id: PeerId, addresses: Vec<SocketAddr>) {
        let peer = PeerConfig {
            id,
            psk: None,
            addresses,
            shown: Shown::default(),
        };
        self.messenger.endpoint_mut().add_peer(peer);
    }

    pub fn send(&mut self, to: PeerId, text: &str, now: Instant) {
        self.queue(to, text, now);
        self.messenger.settle(now);
    }

    /// As [`Side::send`], for whoever settles after several.
    pub fn queue(&mut self, to: PeerId, text: &str, now: Instant) {
        let draft = Draft::text(text.to_owned(), UnixTime(0));
        self.messenger
            .send(to.into(), draft, now)
            .expect("there is room for it");
    }

    pub fn receive(&mut self, from: SocketAddr, datagram: &mut [u8], now: Instant) {
        self.receive_all(from, [datagram].into_iter(), now);
    }

    /// Takes what arrived together, as the driver does: all of it is opened, then handed over.
    fn receive_all<'a>(
        &mut self,
        from: SocketAddr,
        datagrams: impl Iterator<Item = &'a mut [u8]>,
        now: Instant,
    ) {
        let (table, screen) = (Arc::clone(&self.table), Arc::clone(&self.screen));
        let mut datagrams = datagrams.peekable();
        while datagrams.peek().is_some() {
            let mut sorted = [const { None }; BATCH];
            let mut keys = table.batch();
            for (slot, datagram) in sorted.iter_mut().zip(&mut datagrams) {
                *slot = Some(sort(&screen, &mut keys, from, datagram, now));
            }
            drop(keys);
            for it in sorted.iter_mut().map_while(Option::take) {
                let endpoint = self.messenger.endpoint_mut();
                match it {
                    Sorted::Opened(opened) => endpoint.handle_opened(&opened, now),
                    Sorted::Handshake(packet) => drop(endpoint.handle_handshake(from, packet, now)),
                }
                self.messenger.settle(now);
            }
        }
    }

    pub fn work(&mut self, now: Instant) {
        while let Some(job) = self.messenger.endpoint_mut().take_job() {
            let outcome = job.run(&mut self.rng);
            self.messenger.endpoint_mut().handle_outcome(outcome, now);
            self.messenger.settle(now);
        }
    }

    /// Takes all events, as the program does: what has come together is answered together.
    pub fn listen(&mut self, now: Instant) {
        loop {
            while let Some(update) = self.messenger.poll_event(now) {
                self.note(update);
            }
            for (contact, name) in self.taken.drain(..) {
                self.messenger.take(contact, name, now);
            }
            self.messenger.settle(now);
            if !self.messenger.has_events() {
                return;
            }
        }
    }

    fn note(&mut self, update: Update) {
        match update {
            Update::Chat(Event::Message { contact, message }) => {
                self.received += 1;
                self.taken.push((contact, message.name));
            }
            Update::Chat(Event::State {
                state: State::Delivered,
                ..
            }) => self.delivered += 1,
            Update::Session(proto::Event::Established { .. }) => self.established += 1,
            Update::Session(proto::Event::Stream { event, .. }) => match event {
                StreamEvent::Readable(id) => self.readable = Some(id),
                StreamEvent::Writable(_) => self.writable = true,
                StreamEvent::Finished(_) => self.finished = true,
                _ => {}
            },
            Update::Chat(_) | Update::Session(_) => {}
        }
    }

    pub fn transmits(&mut self, now: Instant, out: &mut Vec<Transmit>) {
        let endpoint = self.messenger.endpoint_mut();
        out.extend(core::iter::from_fn(|| endpoint.poll_transmit(now)));
    }

    /// Hands everything that it has to send to `other`; says how many datagrams that were.
    pub fn flush(
        &mut self,
        other: &mut Self,
        now: Instant,
        arrives: Instant,
        out: &mut Vec<Transmit>,
    ) -> usize {
        self.transmits(now, out);
        let count = out.len();
        let mut sealed = core::mem::take(&mut self.sealed);
        let wipe = BatchWipe::new();
        let seal = |it: Transmit| it.datagram.into_bytes_in_batch(now, &wipe);
        sealed.extend(out.drain(..).filter_map(seal));
        drop(wipe);
        other.receive_all(
            self.address,
            sealed.iter_mut().map(Vec::as_mut_slice),
            arrives,
        );
        for buffer in sealed.drain(..) {
            self.messenger.endpoint_mut().recycle(buffer);
        }
        self.sealed = sealed;
        other.work(arrives);
        other.listen(arrives);
        count
    }

    pub fn wake(&mut self, now: Instant) {
        if self.messenger.poll_timeout().is_some_and(|at| at <= now) {
            self.messenger.handle_timeout(now);
            self.messenger.settle(now);
            self.work(now);
            self.listen(now);
        }
    }
}

/// Two of them that know each other.
pub struct Pair {
    pub a: Side,
    pub b: Side,
    pub now: u64,
    out: Vec<Transmit>,
}

impl Pair {
    pub fn new(a: u32, b: u32) -> Self {
        let now = 1_000_000;
        let (mut a, mut b) = (Side::new(a, at(now)), Side::new(b, at(now)));
        a.knows(b.id, vec![b.address]);
        b.knows(a.id, vec![a.address]);
        Self {
            a,
            b,
            now,
            out: Vec::new(),
        }
    }

    pub fn connected() -> Self {
        let mut pair = Self::new(1, 2);
        pair.connect();
        // MTU discovery and HELLO are over.
        (0..100).for_each(|_| pair.message("hello"));
        pair
    }

    pub fn connect(&mut self) {
        let (now, id) = (at(self.now), self.b.id);
        let wanted = (self.a.established + 1, self.b.established + 1);
        self.a
            .messenger
            .endpoint_mut()
            .connect(id, &[], now)
            .expect("an address is known");
        self.a.messenger.settle(now);
        self.a.work(now);
        while (self.a.established, self.b.established) != wanted {
            self.step();
        }
    }

    /// One exchange, or the next timer if there is nothing to exchange.
    pub fn step(&mut self) {
        let there = self.a.flush(
            &mut self.b,
            at(self.now),
            at(self.now + HOP_US),
            &mut self.out,
        );
        self.now += HOP_US;
        let back = self.b.flush(
            &mut self.a,
            at(self.now),
            at(self.now + HOP_US),
            &mut self.out,
        );
        self.now += HOP_US;
        if there + back == 0 {
            let timeouts = [
                self.a.messenger.poll_timeout(),
                self.b.messenger.poll_timeout(),
            ];
            let next = timeouts
                .into_iter()
                .flatten()
                .min()
                .expect("something is to come");
            self.now = self.now.max(next.as_micros());
        }
        self.a.wake(at(self.now));
        self.b.wake(at(self.now));
    }

    /// One message, to its receipt.
    pub fn message(&mut self, text: &str) {
        let wanted = self.a.delivered + 1;
        self.a.send(self.b.id, text, at(self.now));
        while self.a.delivered < wanted {
            self.step();
        }
    }

    /// `count` messages, at most `window` without their receipt.
    pub fn messages(&mut self, text: &str, count: usize, window: usize) {
        let (mut sent, end) = (self.a.delivered, self.a.delivered + count);
        while self.a.delivered < end {
            while sent < end && sent - self.a.delivered < window {
                self.a.queue(self.b.id, text, at(self.now));
                sent += 1;
            }
            self.a.messenger.settle(at(self.now));
            self.step();
        }
    }

    /// A bulk stream of `total` bytes, to its last byte.
    pub fn transfer(&mut self, total: usize) {
        let chunk = vec![0x42; 64 << 10];
        let mut read = Vec::new();
        let id = self.b.id;
        let stream = self
            .a
            .messenger
            .endpoint_mut()
            .open_stream(id)
            .expect("a session stands");
        self.b.finished = false;
        let mut left = total;
        while !self.b.finished {
            while left > 0 {
                let part = &chunk[..left.min(chunk.len())];
                let taken = self
                    .a
                    .messenger
                    .endpoint_mut()
                    .write_stream(id, stream, part);
                let taken = taken.expect("a session stands");
                left -= taken;
                if left == 0 {
                    self.a
                        .messenger
                        .endpoint_mut()
                        .finish_stream(id, stream)
                        .expect("a session stands");
                }
                if taken < part.len() {
                    break;
                }
            }
            self.step();
            if let Some(stream) = self.b.readable.take() {
                let (now, from) = (at(self.now), self.a.id);
                loop {
                    let (endpoint, max) = (self.b.messenger.endpoint_mut(), chunk.len());
                    read.clear();
                    let count = endpoint.read_stream(from, stream, max, &mut read);
                    if count.expect("a session stands") == 0 {
                        break;
                    }
                }
                self.b.messenger.settle(now);
                self.b.listen(now);
            }
        }
    }
}

pub const fn at(us: u64) -> Instant {
    Instant::from_micros(us)
}
