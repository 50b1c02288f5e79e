//! securechat: `net::Driver` with its three threads, and an application in a fourth, as the program has it.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::Instant;

use securechat::chat::{Draft, Event, Incoming, Messenger, Name, State, Update};
use securechat::id::{PeerId, StreamId, Timestamp};
use securechat::net::{Batch, Bind, Clock, Driver, Handle, LockUse, Socket, seed};
use securechat::proto::{self, Endpoint, EndpointConfig, PeerConfig, Shown, StreamEvent};
use securechat::time::UnixTime;
use securechat_peers::ours::secret;

use crate::{
    DONE, ECHO, Load, TAKE, WINDOW, address_of, bulk, client_done, first_message, pipelined, ready,
    round_trips, tell,
};

const SERVER: u32 = 1;
const CLIENT: u32 = 2;
const CHUNK: usize = 256 << 10;

struct Node {
    driver: Driver,
    buffers: RefCell<Batch>,
    peer: PeerId,
}

impl Node {
    /// Starts as `own`; knows `other`.
    fn new(own: u32, other: u32, addresses: Vec<SocketAddr>) -> Self {
        let clock = Clock::new();
        let config = EndpointConfig {
            bulk: true,
            ..EndpointConfig::default()
        };
        let timestamps = Timestamp(clock_base())..Timestamp(u64::MAX / 2);
        let identity = Arc::new(secret(own));
        let mut endpoint = Endpoint::new(config, identity, seed(), timestamps, clock.now());
        let peer = secret(other).public();
        endpoint.add_peer(PeerConfig {
            id: peer,
            psk: None,
            addresses,
            shown: Shown::default(),
        });
        let messenger = Messenger::in_memory(endpoint, seed(), clock.now());
        let socket = Socket::bind(Bind::At(([127, 0, 0, 1], 0).into())).expect("a free port");
        let application: Thread = thread::current();
        let notify = Box::new(move || application.unpark());
        let driver = Driver::start(socket, messenger, clock, notify).expect("threads");
        let buffers = RefCell::new(Batch::new());
        Self {
            driver,
            buffers,
            peer,
        }
    }

    fn handle(&self) -> &Handle {
        self.driver.handle()
    }

    /// The next update; sleeps until there is one.
    fn next(&self) -> Update {
        loop {
            match self.handle().poll_event().expect("the driver works") {
                Some(update) => return update,
                None => self.sleep(),
            }
        }
    }

    /// The next updates, as many as there are; sleeps until there are some.
    fn wait_for(&self, updates: &mut Vec<Update>) {
        loop {
            let polled = self.handle().poll_events(WINDOW, updates);
            polled.expect("the driver works");
            if !updates.is_empty() {
                return;
            }
            self.sleep();
        }
    }

    /// What the server does. The receipts of what came together travel together.
    fn answer_all(&self, updates: impl Iterator<Item = Update>, taken: &mut Vec<Name>) {
        let mut echoes = Vec::new();
        for update in updates {
            match update {
                Update::Chat(Event::Message { message, .. }) => {
                    taken.push(message.name);
                    if message.body.first() == Some(&ECHO) {
                        echoes.push(draft(&message.body));
                    }
                }
                Update::Session(proto::Event::Stream {
                    event: StreamEvent::Readable(stream),
                    ..
                }) => self.read_all(stream),
                Update::Session(proto::Event::Stream {
                    event: StreamEvent::Finished(_),
                    ..
                }) => self.say(&[DONE]),
                Update::Chat(_) | Update::Session(_) => {}
            }
        }
        if taken.is_empty() {
            return;
        }
        let peer = self.peer.into();
        let answer = |messenger: &mut Messenger, now| {
            for name in taken.drain(..) {
                messenger.take(peer, name, now);
            }
            for draft in echoes {
                messenger.send(peer, draft, now).expect("there is room");
            }
        };
        self.handle().with(answer).expect("the driver works");
    }

    fn read_all(&self, stream: StreamId) {
        let (peer, mut bytes) = (self.peer, Vec::with_capacity(CHUNK));
        let mut read = || {
            bytes.clear();
            let read = |messenger: &mut Messenger, _| {
                let endpoint = messenger.endpoint_mut();
                endpoint.read_stream(peer, stream, CHUNK, &mut bytes)
            };
            let count = self.handle().with(read).expect("the driver works");
            count.expect("a session stands")
        };
        while read() > 0 {}
    }

    /// Until there may be events. The application receives by itself first.
    fn sleep(&self) {
        let mut buffers = self.buffers.borrow_mut();
        let received = self.handle().receive(&mut buffers);
        if !received.expect("the driver works") {
            thread::park();
        }
    }

    fn say(&self, body: &[u8]) {
        let draft = draft(body);
        let peer = self.peer.into();
        let sent = self
            .handle()
            .with(|messenger, now| messenger.send(peer, draft, now));
        sent.expect("the driver works").expect("there is room");
    }

    fn take(&self, message: &Incoming) {
        let (peer, name) = (self.peer.into(), message.name);
        self.handle()
            .with(|messenger, now| messenger.take(peer, name, now))
            .expect("the driver works");
    }

    /// Answers the message before with `message` and waits for the next one. Receipt and answer travel
    /// together, as they do the other way.
    fn round_trip(&self, message: &[u8], before: &mut Option<Name>) {
        let (peer, draft) = (self.peer.into(), draft(message));
        let taken = before.take();
        let answer = |messenger: &mut Messenger, now| {
            if let Some(name) = taken {
                messenger.take(peer, name, now);
            }
            messenger.send(peer, draft, now)
        };
        let sent = self.handle().with(answer);
        sent.expect("the driver works").expect("there is room");
        *before = Some(self.next_message().name);
    }

    fn round_trips(&self, len: usize, count: usize) {
        let mut before = None;
        round_trips(len, count, |message| self.round_trip(message, &mut before));
        let peer = self.peer.into();
        let name = before.expect("there was a message");
        let take = |messenger: &mut Messenger, now| messenger.take(peer, name, now);
        self.handle().with(take).expect("the driver works");
    }

    fn next_message(&self) -> Incoming {
        loop {
            if let Update::Chat(Event::Message { message, .. }) = self.next() {
                return message;
            }
        }
    }

    fn wait_for_message(&self) {
        let message = self.next_message();
        self.take(&message);
    }

    /// Until every receipt has come and been seen.
    fn settle(&self) {
        let peer = self.peer.into();
        let unsettled = |messenger: &mut Messenger, _| messenger.client().unsettled(peer);
        while self.handle().with(unsettled).expect("the driver works") > 0 {
            self.next();
        }
        while self
            .handle()
            .poll_event()
            .expect("the driver works")
            .is_some()
        {}
    }

    fn deliver(&self, message: &[u8], count: usize) {
        let (mut sent, mut delivered, mut updates) = (0, 0, Vec::new());
        while delivered < count {
            let more = (count - sent).min(WINDOW - (sent - delivered));
            if more > 0 {
                let peer = self.peer.into();
                let send = |messenger: &mut Messenger, now| {
                    for _ in 0..more {
                        messenger
                            .send(peer, draft(message), now)
                            .expect("there is room");
                    }
                };
                self.handle().with(send).expect("the driver works");
                sent += more;
            }
            self.wait_for(&mut updates);
            delivered += updates.drain(..).filter(is_delivery).count();
        }
    }

    fn transfer(&self, total: usize) {
        let (peer, chunk) = (self.peer, vec![0x42; CHUNK]);
        let open = |messenger: &mut Messenger, _| messenger.endpoint_mut().open_stream(peer);
        let stream = self
            .handle()
            .with(open)
            .expect("the driver works")
            .expect("a session stands");
        let mut left = total;
        while left > 0 {
            let part = &chunk[..left.min(CHUNK)];
            let write = |messenger: &mut Messenger, _| {
                messenger.endpoint_mut().write_stream(peer, stream, part)
            };
            let taken = self
                .handle()
                .with(write)
                .expect("the driver works")
                .expect("a session stands");
            left -= taken;
            if taken < part.len() {
                self.wait_for_room(stream);
            }
        }
        let finish =
            |messenger: &mut Messenger, _| messenger.endpoint_mut().finish_stream(peer, stream);
        self.handle()
            .with(finish)
            .expect("the driver works")
            .expect("a session stands");
        self.wait_for_message();
    }

    fn wait_for_room(&self, stream: StreamId) {
        loop {
            if let Update::Session(proto::Event::Stream {
                event: StreamEvent::Writable(id),
                ..
            }) = self.next()
                && id == stream
            {
                return;
            }
        }
    }
}

/// For how much of the time the client's core is locked.
struct LockTime<'a> {
    node: &'a Node,
    before: LockUse,
    begun: Instant,
}

impl<'a> LockTime<'a> {
    fn new(node: &'a Node) -> Self {
        Self {
            node,
            before: node.handle().lock_use().expect("the driver works"),
            begun: Instant::now(),
        }
    }

    fn tell(&self, what: &str) {
        let elapsed = self.begun.elapsed();
        let now = self.node.handle().lock_use().expect("the driver works");
        let held = now.held.saturating_sub(self.before.held);
        let taken = now.taken - self.before.taken;
        let contended = now.contended - self.before.contended;
        tell(
            &format!("{what}_locked_percent"),
            held.as_secs_f64() / elapsed.as_secs_f64() * 100.0,
        );
        tell(
            &format!("{what}_contended_percent"),
            contended as f64 / taken as f64 * 100.0,
        );
    }
}

const fn is_delivery(update: &Update) -> bool {
    matches!(
        update,
        Update::Chat(Event::State {
            state: State::Delivered,
            ..
        })
    )
}

fn draft(body: &[u8]) -> Draft {
    Draft::text(
        String::from_utf8(body.to_vec()).expect("ASCII"),
        UnixTime(0),
    )
}

/// Later than those of every process before.
fn clock_base() -> u64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    u64::try_from(now.as_nanos()).expect("before 2554")
}

pub fn serve() {
    let node = Node::new(SERVER, CLIENT, Vec::new());
    ready(node.handle().local_addr(), &[]);
    let (mut updates, mut taken) = (Vec::new(), Vec::new());
    loop {
        node.wait_for(&mut updates);
        node.answer_all(updates.drain(..), &mut taken);
    }
}

pub fn call(server: &str, load: Load) {
    let node = Node::new(CLIENT, SERVER, vec![address_of(server)]);
    node.deliver(&[TAKE; 100], 1);
    first_message();
    node.round_trips(100, load.round_trips);
    node.round_trips(200, load.round_trips);
    node.settle();
    pipelined(load.messages, |message| {
        let before = LockTime::new(&node);
        node.deliver(message, load.messages);
        before.tell("messages");
    });
    bulk(load.bulk, || {
        let before = LockTime::new(&node);
        node.transfer(load.bulk);
        before.tell("bulk");
    });
    client_done();
    node.driver.stop(true);
}
