//! How we came to have a record of a peer. Source: docs/protocol.md#who-may-talk.

use core::net::SocketAddr;

use crate::time::Instant;

/// What a record stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proto) enum Standing {
    /// The owner named it, or it was pinned.
    Known,
    /// It came by itself and is pinned when it confirms its keypair, for `--trust new`.
    Newcomer(Arrival),
    /// It came by itself and waits for the user, who has been told or not.
    Guest {
        /// When and whence.
        arrival: Arrival,
        /// Whether the user has been asked.
        told: bool,
    },
}

/// When and whence somebody came by himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proto) struct Arrival {
    /// When the user was asked about him; before that, when his first message 1 was read.
    pub(in crate::proto) since: Instant,
    /// Where he had proved to be then; before that, where that message 1 seems to have come from.
    pub(in crate::proto) source: SocketAddr,
}

impl Standing {
    /// Of whoever came by himself and is not known yet, and whether the user has been asked about him.
    pub(in crate::proto) const fn arrival(&self) -> Option<(bool, Arrival)> {
        match *self {
            Self::Known => None,
            Self::Newcomer(arrival) => Some((false, arrival)),
            Self::Guest { arrival, told } => Some((told, arrival)),
        }
    }
}
