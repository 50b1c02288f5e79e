//! What the chat tells its owner.

use core::fmt;

use thiserror::Error;

use crate::chat::contact::ContactId;
use crate::chat::message::{ConversationId, Kind, Name};
use crate::chat::receipt::RejectReason;
use crate::time::UnixTime;
use crate::wire::DecodeError;

/// How far a message of ours has come. It only moves forward:
///
/// ```text
/// Queued ─► Sent ─► Delivered
///    └───────┴────► Failed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits here, or is under way.
    Queued,
    /// The peer's transport has acknowledged all of it.
    Sent,
    /// The receiving application has taken it.
    Delivered,
    /// It is given up. If it had been sent, it may have arrived all the same.
    Failed(FailReason),
}

impl State {
    /// Whether it stays as it is.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Sent => false,
            Self::Delivered | Self::Failed(_) => true,
        }
    }
}

/// Why a message was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// The receiver does not take it.
    Rejected(RejectReason),
    /// It waited for as long as [`Policy::life`](crate::chat::Policy::life) says. `Display` names the default, 14 days,
    /// whatever the policy is.
    Expired,
    /// Its contact was removed.
    Removed,
    /// The outbox no longer has it.
    OutboxLost,
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(reason) => reason.fmt(f),
            Self::Expired => f.write_str("not delivered within 14 days"),
            Self::Removed => f.write_str("the contact was removed"),
            Self::OutboxLost => f.write_str("the outbox no longer has it"),
        }
    }
}

/// A message that arrived. The owner answers with `Client::take` or `Client::refuse`.
#[derive(Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Its name.
    pub name: Name,
    /// What its body is.
    pub kind: Kind,
    /// Where it belongs.
    pub conversation: ConversationId,
    /// When its author says to have sent it.
    pub sent_at: UnixTime,
    /// What it says; not yet safe to show.
    pub body: Vec<u8>,
    /// Messages of the same log between the one before and this one that never arrived.
    pub missing: u64,
}

impl fmt::Debug for Incoming {
    /// Without the body: it is nobody else's affair.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.body.len();
        write!(
            f,
            "Incoming({:?}, {len} bytes, {} missing)",
            self.name, self.missing
        )
    }
}

/// How an authenticated peer broke the rules. Its connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Misbehaviour {
    /// What stands on the chat stream is no message.
    #[error("malformed message: {0}")]
    Message(DecodeError),
    /// The body of a RECEIPT is none.
    #[error("malformed receipt: {0}")]
    Receipt(DecodeError),
    /// The body of a REJECT is none.
    #[error("malformed reject: {0}")]
    Reject(DecodeError),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message arrived, in its sender's order, for the first time. Its owner takes or refuses it
    /// ([`Messenger::take`](crate::chat::Messenger::take)): once [`MAX_UNTAKEN`](crate::chat::MAX_UNTAKEN) of a contact, or
    /// [`MAX_UNTAKEN_BYTES`](crate::chat::MAX_UNTAKEN_BYTES) of them, wait for that, what else the contact says stays with
    /// it, and no event tells so.
    Message {
        /// From whom.
        contact: ContactId,
        /// The message.
        message: Incoming,
    },
    /// A message of ours moved on.
    State {
        /// To whom it goes.
        contact: ContactId,
        /// Which one.
        name: Name,
        /// How far it has come.
        state: State,
    },
    /// A message was turned away unseen; its sender is told.
    TurnedAway {
        /// From whom it came.
        contact: ContactId,
        /// Which one.
        name: Name,
        /// Why.
        reason: RejectReason,
    },
    /// The peer broke the rules: nothing more is read from this connection, which is to be closed.
    Misbehaved {
        /// Who.
        contact: ContactId,
        /// How.
        how: Misbehaviour,
    },
}

impl Event {
    /// Whom it is about.
    #[must_use]
    pub const fn contact(&self) -> ContactId {
        match self {
            Self::Message { contact, .. }
            | Self::State { contact, .. }
            | Self::TurnedAway { contact, .. }
            | Self::Misbehaved { contact, .. } => *contact,
        }
    }
}
