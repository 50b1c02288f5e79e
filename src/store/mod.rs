//! Files: settings, identities, known peers, the identity's lock and its timestamps. Whatever others could
//! read or replace is refused; whatever is written is written as a whole.

mod archive;
mod atomic;
mod audit;
mod config;
mod error;
mod host_port;
mod identity;
mod key_file;
mod key_text;
mod known_peers;
mod lock;
mod log;
mod os;
mod passphrase;
mod paths;
mod permissions;
mod protection;
mod psk;
mod record;
mod stale;
mod stamp;
mod test_only;
mod timestamps;

pub use archive::{
    Archive, Around, Change, Counted, Cursor, Deletion, Earlier, Entry, Fault, Filter, Found, Keep,
    Loss, NotACursor, NotCounted, Page, Restored, Salvaged, Search, Standing, StoreTrouble,
    Unconfirmed, Way, check_beginning, survives_panic,
};
pub use atomic::{Fresh, create_private};
pub use audit::{
    check_lock, check_place, check_private_dir, check_writable, free_space, is_there,
    timestamps_used_until, written_at,
};
pub use config::{
    Binding, Callers, Config, ConfigError, ConfigProblem, Keepalive, Mode, Notify, Osc,
    config_keys, parse_config,
};
pub use error::{Error, ErrorKind, Operation};
pub use host_port::HostPort;
pub use identity::{
    change_passphrase, check_not_public, create_identity, is_secret_key, load_identity,
    public_path, replace_identity,
};
pub use key_file::KeyFile;
pub use key_text::{KeyOffer, KeyProblem, fingerprint, key_text, key_uri, short_key_text};
pub use known_peers::{
    Added, Damage, DamageReason, Imported, KnownPeers, LeftOut, ListFile, Peer, PeerList, Unsaved,
    read_list, read_list_from,
};
pub use lock::IdentityLock;
pub use log::open_log;
pub(crate) use os::{end_group, lead_group};
pub use passphrase::{Passphrase, Program};
pub use paths::Paths;
pub use permissions::{mode_of, mode_of_output, mode_of_terminal, private_dir};
pub use psk::read_psk;
pub use record::create_records;
pub use stamp::Stamp;
pub use test_only::is_test_only;
pub use timestamps::reserve_timestamps;
