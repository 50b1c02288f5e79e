//! What a peer says of itself, and what follows from it: a signing key that must not change, a version
//! that must not fall. Source: docs/protocol.md#frames (HELLO).

use crate::id::VerifyingKey;
use crate::proto::event::Event;
use crate::proto::peer::Peer;
use crate::proto::shared::Shared;
use crate::wire::frame::Hello;
use crate::wire::limits::{CAPABILITY_VERIFY, VERSION};

/// What counts of a HELLO.
#[derive(Clone, Copy, Debug)]
pub(super) struct Introduction {
    signing_key: VerifyingKey,
    newest_version: u16,
    largest_message: u64,
    capabilities: u64,
}

impl From<&Hello<'_>> for Introduction {
    fn from(hello: &Hello<'_>) -> Self {
        Self {
            signing_key: hello.signing_key,
            newest_version: hello.newest_version,
            largest_message: hello.largest_message,
            capabilities: hello.capabilities,
        }
    }
}

impl Peer {
    /// Whether the connection was begun under another signing key than the one remembered of a known
    /// peer.
    pub(super) fn is_somebody_else(&self) -> bool {
        let (Some(pinned), Some(said)) = (self.shown.signing_key, self.introduction) else {
            return false;
        };
        pinned != said.signing_key
    }

    /// Whether the peer's program can compare words, once it has introduced itself.
    pub(super) fn can_verify(&self) -> Option<bool> {
        let capabilities = self.introduction?.capabilities;
        Some(capabilities & CAPABILITY_VERIFY != 0)
    }

    /// Bytes of the longest message that the peer takes, once it has introduced itself.
    pub(in crate::proto) fn largest_message(&self) -> Option<u64> {
        Some(self.introduction?.largest_message)
    }

    /// Remembers what the peer said of itself, and tells the owner.
    pub(super) fn introduce(&mut self, shared: &mut Shared) {
        let Some(Introduction {
            signing_key,
            newest_version,
            ..
        }) = self.introduction
        else {
            return;
        };
        self.shown.signing_key = Some(signing_key);
        self.shown.version = self.shown.version.max(newest_version);
        shared.event(Event::Introduced {
            peer: self.id,
            signing_key,
            newest_version,
        });
    }

    /// Whether a handshake with the peer may be begun. A connection that stands goes on in the version
    /// that it began with.
    pub(in crate::proto) const fn may_be_called(&self) -> bool {
        self.shown.version <= VERSION || self.has_connection()
    }
}
