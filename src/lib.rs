//! Private chat between two terminals: a post-quantum Noise handshake over UDP, no server, no account.
//!
//! The program is one way to use this library; bots and other faces are others. Threads and sockets stand apart from what
//! is said over them, so that one may be had without the other:
//!
//! | to write | take | and begin with |
//! |---|---|---|
//! | a bot, or another face | [`net`], [`chat`], [`store`] | `examples/echo.rs` |
//! | a loop of one's own, without our threads | [`chat`] and [`proto`] | `examples/own_loop.rs` |
//! | something else than messages | [`proto`] alone | [`proto::Endpoint`] |
//!
//! [`id`], [`time`], [`text`], [`wire`] and [`crypto`] are beneath all of these. What else there is serves the program,
//! and is not shown here. Until version 1.0 each 0.x may change all of it.
//!
//! # Two parties in one process
//!
//! An [`Endpoint`](proto::Endpoint) has the sessions of one key, a [`Messenger`](chat::Messenger) the messages over them;
//! the threads of a [`Driver`](net::Driver) move datagrams and time through it, and its owner talks to it through a
//! [`Handle`](net::Handle):
//!
//! ```
//! use std::net::SocketAddr;
//! use std::sync::{Arc, mpsc};
//! use std::time::Duration;
//!
//! use securechat::chat::{Draft, Event, Messenger, State, Update};
//! use securechat::crypto::StaticSecret;
//! use securechat::id::{PeerId, Timestamp};
//! use securechat::net::{Bind, Clock, Driver, Socket, os_rng, seed};
//! use securechat::proto::{Endpoint, EndpointConfig, PeerConfig, Shown};
//!
//! type Any = Box<dyn std::error::Error>;
//!
//! struct Party {
//!     driver: Driver,
//!     woken: mpsc::Receiver<()>,
//! }
//!
//! impl Party {
//!     fn new(identity: StaticSecret, peer: PeerId, at: Vec<SocketAddr>) -> Result<Self, Any> {
//!         let (clock, config) = (Clock::new(), EndpointConfig::default());
//!         // An identity that outlives the process reserves them on the disk: `Archive::reserve_timestamps`.
//!         let timestamps = Timestamp(1)..Timestamp(1_000);
//!         let identity = Arc::new(identity);
//!         let mut endpoint = Endpoint::new(config, identity, seed(), timestamps, clock.now());
//!         let shown = Shown::default();
//!         endpoint.add_peer(PeerConfig { id: peer, psk: None, addresses: at, shown });
//!         let messenger = Messenger::in_memory(endpoint, seed(), clock.now());
//!         let socket = Socket::bind(Bind::At(([127, 0, 0, 1], 0).into()))?;
//!         let (wake, woken) = mpsc::channel();
//!         let notify = Box::new(move || wake.send(()).unwrap_or_default());
//!         Ok(Self { driver: Driver::start(socket, messenger, clock, notify)?, woken })
//!     }
//!
//!     /// The next event. Only when there is none is the next notification waited for.
//!     fn next(&self) -> Result<Update, Any> {
//!         loop {
//!             match self.driver.handle().poll_event()? {
//!                 Some(update) => return Ok(update),
//!                 None => self.woken.recv_timeout(Duration::from_secs(60))?,
//!             }
//!         }
//!     }
//! }
//!
//! fn main() -> Result<(), Any> {
//!     let (alice, bob) = (StaticSecret::generate(&mut os_rng()), StaticSecret::generate(&mut os_rng()));
//!     let (alice_id, bob_id) = (alice.public(), bob.public());
//!     let bob = Party::new(bob, alice_id, vec![])?;
//!     let alice = Party::new(alice, bob_id, vec![bob.driver.handle().local_addr()])?;
//!
//!     let draft = Draft::text("hello".to_owned(), Clock::new().unix_time());
//!     alice.driver.handle().with(|it, now| it.send(bob_id.into(), draft, now))??;
//!
//!     let message = loop {
//!         if let Update::Chat(Event::Message { message, .. }) = bob.next()? {
//!             break message;
//!         }
//!     };
//!     assert_eq!(message.body, b"hello");
//!     // It is safe with us: its sender gets the receipt.
//!     bob.driver.handle().with(|it, now| it.take(alice_id.into(), message.name, now))?;
//!
//!     // What is under way may be lost with whoever stops before that.
//!     let is_delivered = |it: &Update| matches!(it, Update::Chat(Event::State { state: State::Delivered, .. }));
//!     while !is_delivered(&alice.next()?) {}
//!     alice.driver.stop(true);
//!     bob.driver.stop(true);
//!     Ok(())
//! }
//! ```
//!
//! What was sent and has no receipt when the process ends may be lost, unless a [`store::Archive`] has it: the next process
//! sends it then. The order in which that is written stands at the type.
//!
//! # If you embed it
//!
//! Three promises of `SECURITY.md` about one's own machine are kept by the program, and no library can keep them:
//!
//! - **Freed memory is wiped.** Some of the libraries beneath copy secrets onto the heap and do not wipe them. The
//!   program has a global allocator that wipes what is freed (the crate `zeroizing-alloc`). The stack is wiped by
//!   [`crypto`] itself.
//! - **No core dumps, no debuggers.** The program asks the system for that as it starts (the crate `secmem-proc`).
//! - **A panic quotes no conversation.** The program's panic hook prints where a panic was, and not what it says, and ends
//!   the process. A hook that ends the process asks [`store::survives_panic`] first: the store catches panics of its
//!   database, and reports a damaged file. With `panic = "abort"` such a file ends the process instead.
//!
//! Handshakes, [`crypto::StaticSecret::public`] and [`proto::Endpoint::new`] overwrite 256 KiB of stack beneath them: threads
//! that call those need 512 KiB. The main thread, and those that `std` starts, have more; a GUI's or a runtime's may not.
//!
//! What peers send is their word, and can drive a terminal: show it through [`text::Safe`] alone.

pub mod calendar;
pub mod chat;
#[doc(hidden)]
pub mod cli;
mod commands;
#[doc(hidden)]
pub mod control;
pub mod crypto;
pub mod id;
#[doc(hidden)]
pub mod json;
pub mod net;
#[doc(hidden)]
pub mod plain;
pub mod proto;
#[doc(hidden)]
pub mod sim;
pub mod store;
mod sync;
pub mod text;
pub mod time;
#[doc(hidden)]
pub mod tui;
pub mod wire;
