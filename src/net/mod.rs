//! Threads, sockets, the operating system's clock and random numbers: all the impurity there is.

mod address;
mod clock;
mod entropy;
mod icmp;
mod os;
mod udp;

pub use address::{Bind, DEFAULT_PORT, Family};
pub use clock::Clock;
pub use entropy::{OsRng, os_rng, seed};
pub use icmp::{IcmpError, IcmpKind, SocketError};
pub use udp::{Batch, Sent, Socket};
