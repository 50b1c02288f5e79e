//! What the steady path allocates with its sockets and threads: two drivers on the loopback interface, and every thread
//! of this process is counted. Beside it `allocations.rs` counts the core alone, and exactly.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::alloc::System;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use securechat::chat::{Draft, Event, Messenger, Update};
use securechat::crypto::StaticSecret;
use securechat::id::{PeerId, StreamId, Timestamp};
use securechat::net::{Bind, Clock, Driver, Socket, os_rng, seed};
use securechat::proto::{self, Endpoint, EndpointConfig, PeerConfig, Shown, StreamEvent};
use securechat::time::UnixTime;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CHUNK: usize = 64 << 10;
/// Until buffers, tables and windows have the size that they keep.
const WARM_UP: usize = 32 << 20;
const COUNTED: usize = 16 << 20;
/// A packet carries no more of the stream.
const MOST_OF_A_PACKET: usize = 1_472;
/// One allocation in so many packets: when the socket's buffer was full, acknowledgements of more gaps than have room in
/// place, and what is put together behind the gaps. Without gaps there are a few in all.
const RARELY: usize = 6;

struct Node {
    driver: Driver,
    id: PeerId,
}

impl Node {
    fn new() -> Self {
        let clock = Clock::new();
        let identity = Arc::new(StaticSecret::generate(&mut os_rng()));
        let id = identity.public();
        let config = EndpointConfig {
            bulk: true,
            ..EndpointConfig::default()
        };
        let timestamps = Timestamp(1)..Timestamp(1_000);
        let endpoint = Endpoint::new(config, identity, seed(), timestamps, clock.now());
        let messenger = Messenger::in_memory(endpoint, seed(), clock.now());
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        let socket = Socket::bind(Bind::At(here)).unwrap();
        let test = thread::current();
        let notify = Box::new(move || test.unpark());
        let driver = Driver::start(socket, messenger, clock, notify).unwrap();
        Self { driver, id }
    }

    fn knows(&self, other: &Self) {
        let peer = PeerConfig {
            id: other.id,
            psk: None,
            addresses: vec![other.driver.handle().local_addr()],
            shown: Shown::default(),
        };
        self.with(|messenger| messenger.endpoint_mut().add_peer(peer));
    }

    fn with<R>(&self, act: impl FnOnce(&mut Messenger) -> R) -> R {
        self.driver
            .handle()
            .with(|messenger, _| act(messenger))
            .unwrap()
    }

    fn say(&self, to: &Self) {
        let draft = Draft::text("hello".to_owned(), UnixTime(0));
        let handle = self.driver.handle();
        let said = handle.with(|messenger, now| messenger.send(to.id.into(), draft, now));
        said.unwrap().unwrap();
    }

    fn next(&self) -> Option<Update> {
        self.driver.handle().poll_event().unwrap()
    }
}

/// A stream from one to the other.
struct Transfer {
    from: Node,
    to: Node,
    stream: StreamId,
    chunk: Vec<u8>,
    read: Vec<u8>,
}

impl Transfer {
    fn new() -> Self {
        let (from, to) = (Node::new(), Node::new());
        from.knows(&to);
        to.knows(&from);
        from.say(&to);
        loop {
            match to.next() {
                Some(Update::Chat(Event::Message { .. })) => break,
                Some(_) => {}
                None => thread::park(),
            }
        }
        let peer = to.id;
        let stream = from.with(|messenger| messenger.endpoint_mut().open_stream(peer));
        Self {
            from,
            to,
            stream: stream.unwrap(),
            chunk: vec![0x42; CHUNK],
            read: Vec::with_capacity(CHUNK),
        }
    }

    /// As much as there is room for.
    fn write(&self) {
        let (peer, stream) = (self.to.id, self.stream);
        let write = || {
            self.from.with(|messenger| {
                messenger
                    .endpoint_mut()
                    .write_stream(peer, stream, &self.chunk)
                    .unwrap()
            })
        };
        while write() == CHUNK {}
    }

    fn read(&mut self) -> usize {
        let (peer, stream) = (self.from.id, self.stream);
        let mut all = 0;
        loop {
            self.read.clear();
            let read = &mut self.read;
            let count = self.to.with(|messenger| {
                let endpoint = messenger.endpoint_mut();
                endpoint.read_stream(peer, stream, CHUNK, read).unwrap()
            });
            if count == 0 {
                return all;
            }
            all += count;
        }
    }

    /// Until so many more bytes have come.
    fn run(&mut self, bytes: usize) {
        let mut come = 0;
        while come < bytes {
            self.write();
            match self.to.next() {
                Some(update) if is_readable(&update) => come += self.read(),
                Some(_) => {}
                // Only what comes while both have nothing left wakes.
                None if self.from.next().is_none() => thread::park(),
                None => {}
            }
        }
    }
}

const fn is_readable(update: &Update) -> bool {
    let Update::Session(proto::Event::Stream { event, .. }) = update else {
        return false;
    };
    matches!(event, StreamEvent::Readable(_))
}

#[test]
fn a_packet_through_sockets_and_threads_seldom_allocates() {
    let mut transfer = Transfer::new();
    transfer.run(WARM_UP);
    let region = Region::new(ALLOCATOR);
    transfer.run(COUNTED);
    let counted = region.change();
    let made = counted.allocations + counted.reallocations;
    let packets = COUNTED / MOST_OF_A_PACKET;
    println!("{made} allocations, at least {packets} packets");
    assert!(
        made * RARELY <= packets,
        "{made} of at least {packets} packets"
    );
}
