//! The protocol core: handshakes, keys, paths, timers. Bytes, time and commands go in; datagrams,
//! events and a deadline come out. It never learns the time by itself and never touches a socket.
//!
//! [`Endpoint`] is the way in; its documentation says who calls what.

mod accept;
mod admission;
mod assembly;
mod attempt;
mod bulk;
mod carrier;
mod config;
mod connection;
mod directory;
mod endpoint;
mod event;
mod former;
mod guard;
mod initiate;
mod job;
mod key_table;
mod keypair;
mod limit;
pub mod limits;
mod mtu;
mod path;
mod payload;
mod peer;
mod reassembly;
mod recovery;
mod replay;
mod rng;
mod route;
mod ruling;
mod screen;
mod shared;
mod stats;
mod streams;
mod table;
mod timer;
mod transmit;
mod upper;
mod verification;

#[cfg(test)]
mod tests;

pub use carrier::Carrier;
pub use config::{Congestion, EndpointConfig, PeerConfig, Shown, Trust};
pub use connection::NoteBody;
pub(crate) use directory::{Directory, Keyed, Place};
pub use endpoint::Endpoint;
pub use event::{
    ApiMisuse, CloseReason, Event, Loss, Notice, Refusal, SessionStatus, StreamError, Transfer,
};
pub use job::{Disclosure, Job, Outcome};
pub use key_table::{KeyTable, OpenBatch, Opened};
pub use keypair::Keypair;
pub use route::Route;
pub use ruling::{Finding, Ruling};
pub use screen::{Incoming, Screen, Screened};
pub use stats::{DropReason, Stats, TurnedAway};
pub use streams::StreamEvent;
pub use timer::Timer;
pub use transmit::{Datagram, Transmit, Unsealed};
pub use verification::{Progress, Unfinished, Words};

#[cfg(test)]
pub(crate) use crate::crypto::Comparison;
pub use crate::crypto::ShortCode;
