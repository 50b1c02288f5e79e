//! What the owner decides.

use core::time::Duration;

use crate::proto::limits::{MESSAGE_LIFE, MESSAGE_MAX_LEN};

/// What is sent and accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Longest body in bytes, both ways.
    pub largest: usize,
    /// How long delivery is tried. More than [`MESSAGE_LIFE`] counts as that: receivers forget.
    pub life: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            largest: MESSAGE_MAX_LEN,
            life: MESSAGE_LIFE,
        }
    }
}
