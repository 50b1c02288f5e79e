//! What each fuzz target does with its bytes. The programs in `fuzz_targets` hand bytes over, and
//! `tests/fuzz_corpora.rs` replays what they have found worth keeping.

mod config;
mod handshake;
#[path = "../../tests/hostile/mod.rs"]
mod hostile;
mod input;
mod json;
mod list;
mod memory;
mod parsers;
mod peer;
mod record;
mod secrets;
mod store;
mod text;

pub use config::config;
pub use handshake::handshake;
pub use json::json;
pub use list::list;
pub use parsers::{frame, key_file, key_offer, known_peers, packet};
pub use peer::{chat, peer};
pub use record::record;
pub use secrets::secrets;
pub use store::store;
pub use text::text;

/// A target's name, which is also that of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const ALL: [Target; 15] = [
    ("packet", packet),
    ("frame", frame),
    ("handshake", handshake),
    ("peer", peer),
    ("chat", chat),
    ("known_peers", known_peers),
    ("key_file", key_file),
    ("key_offer", key_offer),
    ("text", text),
    ("secrets", secrets),
    ("record", record),
    ("store", store),
    ("config", config),
    ("list", list),
    ("json", json),
];
