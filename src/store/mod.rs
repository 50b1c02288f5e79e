//! Files: identities, known peers, the identity's lock and its timestamps. Whatever others could
//! read or replace is refused; whatever is written is written as a whole.

mod atomic;
mod day;
mod error;
mod host_port;
mod key_text;
mod known_peers;
mod lock;
mod log_file;
mod os;
mod paths;
mod permissions;
mod timestamps;

pub use day::{Day, NotADay};
pub use error::{Error, ErrorKind, Operation};
pub use host_port::HostPort;
pub use key_text::{KeyOffer, KeyProblem, fingerprint, key_text, key_uri, short_key_text};
pub use known_peers::{Damage, DamageReason, KnownPeers, Peer, Stamp};
pub use lock::IdentityLock;
pub use log_file::open_log;
pub use paths::Paths;
pub use timestamps::reserve_timestamps;
