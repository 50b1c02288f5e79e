//! How things stand, as a value that goes to other programs and comes back. Source: docs/json.md#status.

use serde::{Deserialize, Serialize};

use crate::cli::talk::fact::Whose;

/// Everything.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::cli) struct Status {
    /// Whether a program runs for this identity.
    pub(in crate::cli) running: bool,
    /// Whether one that cannot be asked has the identity open.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub(in crate::cli) held: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) pid: Option<u32>,
    /// Our own public key.
    pub(in crate::cli) key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) address: Option<String>,
    pub(in crate::cli) peers: Vec<PeerStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) traffic: Option<Transfer>,
    /// Calls of keys that are not saved, which were turned away since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) turned_away: Option<TurnedAway>,
    /// Messages that nobody who listens to the daemon has heard, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) unheard: Option<Unheard>,
    /// The file that the keys of this run are written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) key_log: Option<String>,
}

/// Datagrams and their bytes since the start, with everybody.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(in crate::cli) struct Transfer {
    pub(in crate::cli) datagrams_in: u64,
    pub(in crate::cli) bytes_in: u64,
    pub(in crate::cli) datagrams_out: u64,
    pub(in crate::cli) bytes_out: u64,
}

/// How many calls were turned away, and how long ago the last one was.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::cli) struct TurnedAway {
    pub(in crate::cli) calls: u64,
    pub(in crate::cli) last_ms: f64,
}

/// How many messages are receipted and not heard, and whether they are so many that no other gets a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct Unheard {
    pub(in crate::cli) messages: usize,
    pub(in crate::cli) full: bool,
}

/// How things stand with one peer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::cli) struct PeerStatus {
    pub(in crate::cli) peer: String,
    pub(in crate::cli) key: String,
    /// When the key was compared with its owner.
    pub(in crate::cli) verified: Option<String>,
    /// One word, or two.
    pub(in crate::cli) state: String,
    /// Why it is not connected, and what is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) address: Option<String>,
    /// Since the last handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) handshake_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) heard_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) rtt_ms: Option<f64>,
    /// What was lost lately, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) loss: Option<f64>,
    /// For how long what was sent has not been acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) unacked_ms: Option<f64>,
    /// Whose address is new, while it is found out whether the way leads on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) moved: Option<Whose>,
    /// Bytes of sealed packets since the program knows the peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) bytes_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) bytes_out: Option<u64>,
    /// Messages that came since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) received: Option<u64>,
    /// Messages that were delivered since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) delivered: Option<u64>,
    /// Messages that wait; none if that cannot be known without the passphrase.
    pub(in crate::cli) waiting: Option<u64>,
}
