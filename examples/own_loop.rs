//! The core in a loop of one's own, without the driver: one thread and one `UdpSocket` for each of two parties, and
//! nothing on the disk. `cargo run --example own_loop`
//!
//! What [`Party::turn`] does, in this order, is all that a core asks for.

#![allow(clippy::print_stdout, reason = "its output")]

use std::error::Error;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use securechat::chat::{self, Draft, Messenger, Received, State, Update};
use securechat::crypto::StaticSecret;
use securechat::id::{PeerId, Timestamp};
use securechat::net::{Clock, OsRng, os_rng, seed};
use securechat::proto::{Endpoint, EndpointConfig, Event, Incoming, PeerConfig, Shown};
use securechat::text::safe_line;

/// Longer than any datagram of ours.
const LONGEST: usize = 2_048;
/// The shortest wait that a socket takes.
const SHORTEST: Duration = Duration::from_millis(1);

type Any = Box<dyn Error + Send + Sync>;

struct Party {
    socket: UdpSocket,
    messenger: Messenger,
    clock: Clock,
    rng: OsRng,
}

fn main() -> Result<(), Any> {
    run()
}

pub(crate) fn run() -> Result<(), Any> {
    let (mut alice, mut bob) = (Party::new()?, Party::new()?);
    let (alice_id, bob_id) = (alice.id(), bob.id());
    alice.knows(bob_id, vec![bob.socket.local_addr()?]);
    bob.knows(alice_id, Vec::new());
    thread::scope(|scope| {
        let listener = scope.spawn(move || bob.listen());
        alice.say(bob_id, "hello")?;
        listener.join().expect("it does not panic")
    })
}

impl Party {
    fn new() -> io::Result<Self> {
        let clock = Clock::new();
        let identity = Arc::new(StaticSecret::generate(&mut os_rng()));
        // Of an identity that lives longer than the process they are reserved on the disk: `store::Archive`.
        let timestamps = Timestamp(1)..Timestamp(1_000);
        let config = EndpointConfig::default();
        let endpoint = Endpoint::new(config, identity, seed(), timestamps, clock.now());
        Ok(Self {
            socket: UdpSocket::bind(("127.0.0.1", 0))?,
            messenger: Messenger::in_memory(endpoint, seed(), clock.now()),
            clock,
            rng: os_rng(),
        })
    }

    fn id(&self) -> PeerId {
        self.messenger.endpoint().id()
    }

    fn knows(&mut self, id: PeerId, addresses: Vec<SocketAddr>) {
        self.messenger.endpoint_mut().add_peer(PeerConfig {
            id,
            psk: None,
            addresses,
            shown: Shown::default(),
        });
    }

    /// Says it, and goes when the other side has taken it: what has no receipt when its sender goes is lost here.
    fn say(&mut self, to: PeerId, text: &str) -> Result<(), Any> {
        let draft = Draft::text(text.to_owned(), self.clock.unix_time());
        self.messenger.send(to.into(), draft, self.clock.now())?;
        while self.messenger.client().unsettled(to.into()) > 0 {
            for update in self.turn()? {
                if let Update::Chat(chat::Event::State { state, .. }) = update
                    && state.is_final()
                {
                    assert_eq!(state, State::Delivered, "nobody refuses it");
                    println!("delivered");
                }
            }
        }
        self.messenger.endpoint_mut().close_all(self.clock.now());
        self.send_all();
        Ok(())
    }

    /// Prints what is said until the other side goes.
    fn listen(&mut self) -> Result<(), Any> {
        loop {
            for update in self.turn()? {
                match update {
                    Update::Chat(chat::Event::Message { contact, message }) => {
                        if let Received::Text(text) = Received::from(message.body.as_slice()) {
                            println!("heard: {}", safe_line(text));
                        }
                        let now = self.clock.now();
                        self.messenger.take(contact, message.name, now);
                    }
                    Update::Session(Event::Closed { reason, .. }) => {
                        // A goodbye is sent once: where it is lost the reason is another.
                        println!("the other side is gone: {reason:?}");
                        return Ok(());
                    }
                    Update::Chat(_) | Update::Session(_) => {}
                }
            }
        }
    }

    /// One turn: does and sends all there is, waits for a datagram or the deadline, and says what happened.
    fn turn(&mut self) -> Result<Vec<Update>, Any> {
        // 1. What the owner said since the last turn, and the room that it made by taking events.
        self.messenger.settle(self.clock.now());
        // 2. Handshakes. They take a millisecond each: for more than a few peers another thread runs them.
        while let Some(job) = self.messenger.endpoint_mut().take_job() {
            let outcome = job.run(&mut self.rng);
            let now = self.clock.now();
            self.messenger.endpoint_mut().handle_outcome(outcome, now);
            self.messenger.settle(now);
        }
        self.send_all();
        // 3. The only place that blocks. There is nothing left now but the deadline.
        let mut buffer = [0; LONGEST];
        let arrived = self.receive(&mut buffer)?;
        // 4. Inputs, each of them settled before the next one: behind a message there may be the end of its session.
        if let Some((len, from)) = arrived {
            self.handle(from, buffer.get_mut(..len).unwrap_or_default());
        }
        let now = self.clock.now();
        self.messenger.handle_timeout(now);
        self.messenger.settle(now);
        // 5. What happened.
        Ok(std::iter::from_fn(|| self.messenger.poll_event(now)).collect())
    }

    /// What comes from nobody that is known is dropped, counted and not answered.
    fn handle(&mut self, from: SocketAddr, datagram: &mut [u8]) {
        let now = self.clock.now();
        let endpoint = self.messenger.endpoint_mut();
        let (screen, keys) = (endpoint.screen(), endpoint.key_table());
        match screen.check(datagram) {
            Ok(Incoming::Handshake(packet)) => {
                endpoint.handle_handshake(from, packet, now);
            }
            Ok(Incoming::Data) => match keys.open(from, datagram, now) {
                Ok(opened) => endpoint.handle_opened(&opened, now),
                Err(reason) => endpoint.handle_dropped(reason),
            },
            Err(reason) => endpoint.handle_dropped(reason),
        }
        self.messenger.settle(now);
    }

    /// Until there is nothing but a deadline. A datagram that the system does not take is one that the network lost.
    fn send_all(&mut self) {
        let now = self.clock.now();
        let endpoint = self.messenger.endpoint_mut();
        while let Some(transmit) = endpoint.poll_transmit(now) {
            if let Some(bytes) = transmit.datagram.into_bytes(now) {
                let _ = self.socket.send_to(&bytes, transmit.to);
                endpoint.recycle(bytes);
            }
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        let now = self.clock.now();
        let deadline = self.messenger.poll_timeout();
        let wait = deadline.map(|at| at.saturating_since(now).max(SHORTEST));
        self.socket.set_read_timeout(wait)?;
        // No error of it ends a session: the deadline has come, or Windows says that an earlier datagram found nobody.
        Ok(self.socket.recv_from(buffer).ok())
    }
}
