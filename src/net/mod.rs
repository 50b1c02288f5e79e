//! Threads, sockets, the operating system's clock and random numbers: all the impurity there is.

mod address;
mod background;
mod clock;
mod counters;
mod driver;
mod entropy;
mod handshaker;
mod icmp;
mod job;
mod key_log;
mod log;
mod nat64;
mod os;
mod outgoing;
mod pcapng;
mod recv;
mod resolve;
mod route;
mod seat;
mod send;
mod shared;
mod signals;
mod trace;
mod turn;
mod udp;
mod wait;

pub use address::{Bind, DEFAULT_PORT, Family, is_behind_nat, is_local};
pub use clock::Clock;
pub use counters::Traffic;
pub use driver::{Driver, Handle};
pub use entropy::{OsRng, check_entropy, os_rng, seed};
pub use icmp::{IcmpError, IcmpKind, SocketError};
pub use job::{JobControl, on_job_control, stop, suspend};
pub use key_log::{KEY_LOG_MAX_LEN, KeyLogConfig};
pub use log::LogLine;
pub use nat64::{Prefix, find_nat64, needs_nat64};
pub use resolve::{Host, MAX_ADDRESSES, ResolveError};
pub use route::{FAR_V4, FAR_V6, Lookout, has_way, local_address_towards};
pub use shared::{Fatal, LockUse};
#[cfg(unix)]
pub use signals::put_back_before_the_end;
pub use signals::{Signal, Signals, fail_at_file_limit};
pub use trace::{Fate, TRACE_MAX_LEN, Trace, TraceConfig, TraceEnd};
pub use udp::{Abilities, Batch, Room, Sent, Socket};
