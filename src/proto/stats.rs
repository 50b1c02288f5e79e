//! Counters: what was dropped and why, and how much is held.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::time::Instant;

/// Why a datagram was dropped in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum DropReason {
    /// It is none of the four forms.
    #[error("malformed")]
    Malformed,
    /// Its MAC does not prove knowledge of our key.
    #[error("wrong mac")]
    WrongMac,
    /// It speaks another protocol version.
    #[error("other protocol version")]
    OtherVersion,
    /// No handshake or keypair has its index.
    #[error("unknown index")]
    UnknownIndex,
    /// Its keypair is too old.
    #[error("key expired")]
    KeyExpired,
    /// Its counter was seen before or is too old.
    #[error("replayed")]
    Replayed,
    /// It does not authenticate.
    #[error("forged")]
    Forged,
    /// Its source sends too much.
    #[error("rate limited")]
    RateLimited,
    /// The handshake queue is full.
    #[error("queue full")]
    QueueFull,
    /// Its handshake timestamp does not increase.
    #[error("old timestamp")]
    OldTimestamp,
    /// Its sender is revoked, is ourselves, or unknown while we stay silent.
    #[error("not welcome")]
    NotWelcome,
    /// It arrived under a keypair that no longer holds a slot.
    #[error("stale keypair")]
    StaleKeypair,
    /// More waits for the owner than is kept.
    #[error("not taken in time")]
    Overflow,
}

/// Whole calls of unknown keys that were refused, or not answered under [`stealth`](crate::proto::EndpointConfig::stealth).
/// Whoever holds our key raises the number as he likes: it is no list, and costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnedAway {
    /// How many there were.
    pub calls: u64,
    /// When the last one was.
    pub last: Instant,
}

impl TurnedAway {
    /// One more.
    pub(super) fn count(counted: &mut Option<Self>, now: Instant) {
        let before = counted.map_or(0, |it| it.calls);
        *counted = Some(Self {
            calls: before.saturating_add(1),
            last: now,
        });
    }
}

/// What an endpoint has dropped, and what it holds at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Dropped datagrams and lines by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Calls that were turned away, if any were.
    pub turned_away: Option<TurnedAway>,
    /// Peers with a record: known, pinned and waiting ones.
    pub peers: usize,
    /// Unknown peers that wait for a decision, or have yet to say HELLO.
    pub guests: usize,
    /// Keypairs in the key table.
    pub keypairs: usize,
    /// Handshakes of ours that may still be answered.
    pub attempts: usize,
    /// Strangers' INITs in reassembly.
    pub slots: usize,
    /// Jobs that wait for the worker.
    pub jobs: usize,
    /// Sources whose rates are kept.
    pub sources: usize,
    /// Deadlines that are armed.
    pub timers: usize,
    /// Events that wait for the owner.
    pub events: usize,
}
