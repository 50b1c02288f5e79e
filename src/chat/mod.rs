//! What is said: messages of any length, in their sender's order, each delivered once or known to have
//! failed. Source: docs/protocol.md#messages.
//!
//! [`Client`] keeps a conversation for each contact and knows nothing of packets: it writes records
//! and long bodies to streams through [`Transport`], and its receipts travel as frames. What waits
//! lies in an [`Outbox`].

mod client;
mod command;
mod contact;
mod conversation;
mod event;
mod log;
mod message;
mod messenger;
mod outbox;
mod over_endpoint;
mod policy;
mod ranges;
mod receipt;
mod received;
mod receiver;
mod secret;
mod sender;
#[cfg(test)]
mod sim_link;
#[cfg(test)]
mod tests;
mod transport;
pub mod words;

pub(crate) use crate::proto::limits::MESSAGE_LIFE;
pub use client::Client;
pub use command::{Draft, SendError};
pub use contact::ContactId;
pub use event::{Event, FailReason, Incoming, Misbehaviour, State};
pub use log::SeenLog;
pub use message::{ConversationId, Kind, LogId, MessageRef, Name};
pub use messenger::{Messenger, Update};
pub use outbox::{MemoryOutbox, Outbox, OutboxError, Outgoing, Waiting};
pub(crate) use outbox::{OUTBOX_MAX_BYTES, OUTBOX_MAX_MESSAGES};
pub use policy::Policy;
pub use receipt::RejectReason;
pub use received::Received;
pub use receiver::{MAX_UNTAKEN, MAX_UNTAKEN_BYTES};
pub(crate) use secret::{SecretLines, holds_secret};
pub use transport::{CHAT_STREAM, Transport, Transports};
