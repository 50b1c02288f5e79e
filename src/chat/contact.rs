//! Whom a conversation is with.

use core::fmt;

use crate::id::PeerId;
use crate::proto::Keyed;

/// A person on the other side. One key belongs to a contact now; several may later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId(PeerId);

impl ContactId {
    /// The key that the contact's session runs under.
    #[must_use]
    pub const fn peer(self) -> PeerId {
        self.0
    }
}

impl Keyed for ContactId {
    fn key(&self) -> &PeerId {
        &self.0
    }
}

impl From<PeerId> for ContactId {
    fn from(peer: PeerId) -> Self {
        Self(peer)
    }
}

impl fmt::Debug for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContactId({:?})", self.0)
    }
}
