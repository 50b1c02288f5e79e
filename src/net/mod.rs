//! Threads, sockets, the operating system's clock and random numbers: all the impurity there is.

mod address;
mod clock;
mod driver;
mod entropy;
mod handshaker;
mod icmp;
mod os;
mod recv;
mod resolve;
mod send;
mod shared;
mod signals;
mod udp;

pub use address::{Bind, DEFAULT_PORT, Family};
pub use clock::Clock;
pub use driver::{Driver, Handle};
pub use entropy::{OsRng, os_rng, seed};
pub use icmp::{IcmpError, IcmpKind, SocketError};
pub use resolve::{Host, MAX_ADDRESSES, ResolveError};
pub use shared::{Fatal, Traffic};
pub use signals::{Signal, Signals, suspend};
pub use udp::{Batch, Sent, Socket};
