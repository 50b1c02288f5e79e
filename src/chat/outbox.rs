//! Where messages wait until they are delivered or have failed.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use thiserror::Error;

use crate::chat::contact::ContactId;
use crate::chat::message::{ConversationId, Kind, Name};
use crate::id::PeerId;
use crate::proto::limits::MAX_LOGS;
use crate::proto::{Directory, Keyed};
use crate::time::UnixTime;

/// Messages that wait for one contact in memory.
pub(crate) const OUTBOX_MAX_MESSAGES: usize = 1_000;
/// Bytes of bodies that wait for one contact in memory.
pub(crate) const OUTBOX_MAX_BYTES: usize = 64 * 1024 * 1024;

// Each may have a log of its own, and this process another: they all fit on one connection.
const _: () = assert!(OUTBOX_MAX_MESSAGES < MAX_LOGS);

/// A message on its way out.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its name.
    pub name: Name,
    /// What its body is.
    pub kind: Kind,
    /// Where it belongs.
    pub conversation: ConversationId,
    /// When its author sent it.
    pub sent_at: UnixTime,
    /// What it says.
    pub body: Arc<[u8]>,
}

impl fmt::Debug for Outgoing {
    /// Without the body: it is nobody else's affair.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({:?}, {} bytes)", self.name, self.body.len())
    }
}

/// A message that an outbox brought along from an earlier process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// To whom it goes.
    pub contact: ContactId,
    /// Its name, which it keeps.
    pub name: Name,
    /// Bytes of its body.
    pub body_len: usize,
    /// How long ago it was queued.
    pub age: Duration,
}

/// Why an outbox does not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OutboxError {
    /// As many messages wait for this contact as may.
    #[error("too many messages wait for this contact")]
    TooMany,
    /// As many bytes wait for this contact as may.
    #[error("too much text waits for this contact")]
    TooMuch,
}

/// A queue of messages for each contact, in order. It is used while sessions wait: a store keeps its
/// own copy on disk, and never writes it in here.
pub trait Outbox: fmt::Debug + Send {
    /// Whether so many messages, whose bodies have so many bytes together, may wait for the contact as
    /// well.
    ///
    /// # Errors
    /// [`OutboxError`]
    fn has_room(
        &self,
        contact: ContactId,
        messages: usize,
        bytes: usize,
    ) -> Result<(), OutboxError>;

    /// Appends a message to the contact's queue.
    ///
    /// # Errors
    /// Those of [`Outbox::has_room`]; then nothing has been kept.
    fn push(&mut self, contact: ContactId, message: Outgoing) -> Result<(), OutboxError>;

    /// A message that was pushed and not settled. `None` if it has been lost: it then fails.
    fn load(&self, contact: ContactId, name: Name) -> Option<&Outgoing>;

    /// Forgets a message: it has been delivered or has failed.
    fn settle(&mut self, contact: ContactId, name: Name);

    /// What an earlier process left behind, each contact's messages in their order. Asked for once,
    /// before anything is pushed.
    fn waiting(&self) -> Vec<Waiting>;
}

/// An outbox that ends with the process.
#[derive(Debug)]
pub struct MemoryOutbox {
    queues: Directory<Queue>,
    bounds: Bounds,
    /// What an earlier process left behind, in order.
    waiting: Vec<Waiting>,
    /// The memory of the last queue that was emptied, for the next one.
    spare: VecDeque<Outgoing>,
}

/// What may wait for one contact.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    messages: usize,
    bytes: usize,
}

impl Bounds {
    /// Whether so many messages of so many bytes together may join the queue, if there is one.
    fn check(
        self,
        queue: Option<&Queue>,
        messages: usize,
        bytes: usize,
    ) -> Result<(), OutboxError> {
        let (held, held_bytes) = queue.map_or((0, 0), |it| (it.messages.len(), it.bytes));
        if held.saturating_add(messages) > self.messages {
            return Err(OutboxError::TooMany);
        }
        if held_bytes.saturating_add(bytes) > self.bytes {
            return Err(OutboxError::TooMuch);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Queue {
    contact: ContactId,
    /// In the order in which they were pushed.
    messages: VecDeque<Outgoing>,
    bytes: usize,
}

impl Keyed for Queue {
    fn key(&self) -> &PeerId {
        self.contact.key()
    }
}

impl Queue {
    fn push(&mut self, message: Outgoing) {
        self.bytes = self.bytes.saturating_add(message.body.len());
        self.messages.push_back(message);
    }

    /// Where a message stands. Where none is missing in between, its number tells.
    fn position(&self, name: Name) -> Option<usize> {
        let first = self.messages.front()?.name;
        let guess = usize::try_from(name.sequence.wrapping_sub(first.sequence)).ok();
        let is_there = |at: &usize| self.messages.get(*at).is_some_and(|it| it.name == name);
        let mut messages = self.messages.iter();
        guess
            .filter(is_there)
            .or_else(|| messages.position(|it| it.name == name))
    }
}

impl MemoryOutbox {
    /// An outbox with the usual bounds. `seed`: 32 random bytes, that nobody may choose contacts which are slow to
    /// find.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self::with_bounds(seed, OUTBOX_MAX_MESSAGES, OUTBOX_MAX_BYTES)
    }

    /// An outbox of at most so many messages and bytes a contact. `seed`: as [`MemoryOutbox::new`].
    #[must_use]
    pub fn with_bounds(seed: [u8; 32], max_messages: usize, max_bytes: usize) -> Self {
        Self {
            queues: Directory::new(seed),
            spare: VecDeque::new(),
            bounds: Bounds {
                messages: max_messages,
                bytes: max_bytes,
            },
            waiting: Vec::new(),
        }
    }

    /// Adds a message that an earlier process left behind, after those of its contact that were added
    /// before. `age`: how long ago it was queued. The bounds do not count: it was accepted once.
    pub fn restore(&mut self, contact: ContactId, message: Outgoing, age: Duration) {
        self.waiting.push(Waiting {
            contact,
            name: message.name,
            body_len: message.body.len(),
            age,
        });
        self.queue(contact).push(message);
    }

    fn queue(&mut self, contact: ContactId) -> &mut Queue {
        let spare = &mut self.spare;
        self.queues.get_or_insert_with(contact.key(), |_| Queue {
            contact,
            messages: core::mem::take(spare),
            bytes: 0,
        })
    }
}

impl Outbox for MemoryOutbox {
    fn has_room(
        &self,
        contact: ContactId,
        messages: usize,
        bytes: usize,
    ) -> Result<(), OutboxError> {
        let queue = self.queues.get(contact.key());
        self.bounds.check(queue, messages, bytes)
    }

    fn push(&mut self, contact: ContactId, message: Outgoing) -> Result<(), OutboxError> {
        let bounds = self.bounds;
        let queue = self.queue(contact);
        let refused = bounds.check(Some(queue), 1, message.body.len());
        if refused.is_ok() {
            queue.push(message);
        } else if queue.messages.is_empty() {
            self.queues.remove(contact.key());
        }
        refused
    }

    fn load(&self, contact: ContactId, name: Name) -> Option<&Outgoing> {
        let queue = self.queues.get(contact.key())?;
        queue.messages.get(queue.position(name)?)
    }

    fn settle(&mut self, contact: ContactId, name: Name) {
        let Some(queue) = self.queues.get_mut(contact.key()) else {
            return;
        };
        let message = queue
            .position(name)
            .and_then(|at| queue.messages.remove(at));
        if let Some(message) = message {
            queue.bytes -= message.body.len();
        }
        if queue.messages.is_empty()
            && let Some(empty) = self.queues.remove(contact.key())
        {
            self.spare = empty.messages;
        }
    }

    fn waiting(&self) -> Vec<Waiting> {
        self.waiting.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::message::LogId;

    fn message(sequence: u64, len: usize) -> Outgoing {
        Outgoing {
            name: Name {
                log: LogId(1),
                sequence,
            },
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: UnixTime(0),
            body: vec![0; len].into(),
        }
    }

    #[test]
    fn both_bounds_count_for_each_contact_and_room_comes_back() {
        let (alice, bob) = (PeerId::new([1; 32]).into(), PeerId::new([2; 32]).into());
        let mut outbox = MemoryOutbox::with_bounds([1; 32], 2, 10);
        assert_eq!(outbox.push(alice, message(0, 8)), Ok(()));
        assert_eq!(outbox.push(alice, message(1, 3)), Err(OutboxError::TooMuch));
        assert_eq!(outbox.push(alice, message(1, 2)), Ok(()));
        assert_eq!(outbox.push(alice, message(2, 0)), Err(OutboxError::TooMany));
        assert_eq!(outbox.push(bob, message(0, 10)), Ok(()));
        let name = message(0, 0).name;
        assert_eq!(outbox.load(alice, name), Some(&message(0, 8)));
        outbox.settle(alice, name);
        outbox.settle(alice, name);
        assert_eq!(outbox.load(alice, name), None);
        assert_eq!(outbox.push(alice, message(2, 8)), Ok(()));
    }

    #[test]
    fn an_empty_queue_takes_no_memory() {
        let alice = PeerId::new([1; 32]).into();
        let mut outbox = MemoryOutbox::new([1; 32]);
        outbox.push(alice, message(0, 1)).unwrap();
        outbox.settle(alice, message(0, 1).name);
        assert_eq!(outbox.queues.len(), 0);
    }
}
