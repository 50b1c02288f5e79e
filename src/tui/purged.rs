//! Which messages are kept no longer.

use std::collections::BTreeSet;

use crate::chat::MessageRef;
use crate::id::PeerId;
use crate::time::UnixTime;

/// What was over and was done away with, wherever it was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// With whom; with everybody if none.
    pub with: Option<PeerId>,
    /// What was older than this; all of it if none.
    pub before: Option<UnixTime>,
    /// What of that is kept all the same.
    pub kept: BTreeSet<MessageRef>,
}

impl Purged {
    /// Whether something said with this peer may be gone.
    pub(super) fn means(&self, peer: PeerId) -> bool {
        self.with.is_none_or(|with| with == peer)
    }

    /// Whether something of this moment may be gone.
    pub(super) fn reaches(&self, at: UnixTime) -> bool {
        self.before.is_none_or(|before| at < before)
    }

    /// How many messages with this peer are kept.
    pub(super) fn kept_with(&self, peer: PeerId) -> usize {
        self.kept
            .iter()
            .filter(|it| it.contact.peer() == peer)
            .count()
    }
}
