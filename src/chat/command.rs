//! What the owner asks of the chat.

use core::fmt;

use thiserror::Error;

use crate::chat::message::{ConversationId, Kind};
use crate::chat::outbox::OutboxError;
use crate::chat::secret::holds_secret;
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

    /// Whether its body is what its kind says, and nothing that nobody means to say.
    pub(crate) fn check(&self) -> Result<(), SendError> {
        match self.kind {
            Kind::Text => {
                let text = core::str::from_utf8(&self.body).map_err(|_| SendError::NotText)?;
                let is_harmless = !holds_secret(text);
                is_harmless.then_some(()).ok_or(SendError::SecretKey)
            }
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
    /// It is longer than what the peer takes, as that has said.
    #[error("the message has {len} bytes, and the other side takes at most {largest}")]
    TooLargeForPeer {
        /// Its length in bytes.
        len: usize,
        /// What the peer takes.
        largest: usize,
    },
    /// It is to be text, and is no UTF-8.
    #[error("the message is to be text, and is no UTF-8")]
    NotText,
    /// It has a secret key in it, whoever says it: a person, a pipe or a program.
    #[error("that holds a SECRET key; it is not for anybody else")]
    SecretKey,
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
