//! What the owner asks of the chat.

use core::fmt;

use thiserror::Error;

use crate::chat::message::{ConversationId, Kind};
use crate::chat::outbox::OutboxError;
use crate::time::UnixTime;

/// A message to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Draft {
    /// What its body is.
    pub kind: Kind,
    /// Where it belongs.
    pub conversation: ConversationId,
    /// When its author sent it.
    pub sent_at: UnixTime,
    /// What it says.
    pub body: Vec<u8>,
}

impl Draft {
    /// What a person wrote to another.
    #[must_use]
    pub fn text(text: String, sent_at: UnixTime) -> Self {
        Self {
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at,
            body: text.into_bytes(),
        }
    }
}

impl fmt::Debug for Draft {
    /// Without the body: it is nobody else's affair.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({:?}, {} bytes)", self.kind, self.body.len())
    }
}

/// Why a message is not accepted for sending. Nothing of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// It is longer than the policy allows.
    #[error("the message has {len} bytes, and at most {largest} may be sent")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The policy's limit.
        largest: usize,
    },
    /// Another message was accepted for this contact since this one got its name.
    #[error("another message was sent meanwhile")]
    NameTaken,
    /// There is no such contact, or it waits for our decision.
    #[error("no such peer")]
    UnknownContact,
    /// The outbox does not take it.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}
