//! All conversations of one identity.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::chat::command::{Draft, SendError};
use crate::chat::contact::ContactId;
use crate::chat::conversation::Conversation;
use crate::chat::event::{Event, State};
use crate::chat::log::SeenLog;
use crate::chat::message::{LogId, Name};
use crate::chat::outbox::{Outbox, Outgoing};
use crate::chat::policy::Policy;
use crate::chat::sender::Ledger;
use crate::chat::transport::{Transport, Transports};
use crate::proto::limits::MESSAGE_LIFE;
use crate::proto::{Directory, Keyed, Place};
use crate::time::Instant;

/// Messages, their receipts and their order, for every contact; without packets, sockets or clock.
///
/// The owner tells what happened (`handle_*`) and what people want (`send`, `take`, `refuse`,
/// `remove`), in any order; wakes may be spurious. After any of it, also after `poll_event` returned
/// something: [`Client::drive`] with the transport, then [`Client::poll_event`] until there is
/// nothing, then wait for [`Client::poll_timeout`].
pub struct Client {
    policy: Policy,
    outbox: Box<dyn Outbox>,
    log_ids: ChaCha20Rng,
    conversations: Directory<Box<Conversation>>,
    /// Whose bytes may have to move.
    awake: VecDeque<ContactId>,
    deadlines: Deadlines,
    events: VecDeque<Event>,
    /// Whose connections are to be closed.
    broken: Vec<ContactId>,
}

impl core::fmt::Debug for Client {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Client")
            .field("policy", &self.policy)
            .field("conversations", &self.conversations.len())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Begins with what the outbox holds. `seed`: fresh at every process start; log ids come from it.
    #[must_use]
    pub fn new(policy: Policy, outbox: Box<dyn Outbox>, seed: [u8; 32], now: Instant) -> Self {
        let waiting = outbox.waiting();
        let life = policy.life.min(MESSAGE_LIFE);
        let policy = Policy { life, ..policy };
        let mut client = Self {
            policy,
            outbox,
            log_ids: ChaCha20Rng::from_seed(seed),
            conversations: Directory::new(seed),
            awake: VecDeque::new(),
            deadlines: Deadlines::default(),
            events: VecDeque::new(),
            broken: Vec::new(),
        };
        for it in waiting {
            let expires = now + policy.life.saturating_sub(it.age);
            client.enqueue(it.contact, it.name, it.body_len, expires);
        }
        client
    }

    /// Remembers what an earlier process took of a log of the contact's: none of it is shown again.
    /// Called before anything arrives. `age`: how long ago a message of this log came.
    pub fn restore(
        &mut self,
        contact: ContactId,
        log: LogId,
        seen: SeenLog,
        age: Duration,
        now: Instant,
    ) {
        let receiver = &mut self.conversation(contact).receiver;
        receiver.restore(log, seen, now - age);
    }

    /// What [`Client::accept`] would take for this draft: the message under the name that it is to have.
    /// Whoever keeps a store writes it down in between. Nothing is decided by this, and no name used up.
    ///
    /// # Errors
    /// [`SendError`], whatever [`Client::accept`] would say.
    pub fn prepare(&mut self, contact: ContactId, draft: Draft) -> Result<Outgoing, SendError> {
        self.prepare_after(contact, draft, &[])
    }

    /// As [`Client::prepare`], for a message that is to be accepted after `earlier` ones of the same
    /// contact, which were prepared and are not accepted yet. A store writes all of them down at once.
    ///
    /// # Errors
    /// As [`Client::prepare`].
    pub fn prepare_after(
        &mut self,
        contact: ContactId,
        draft: Draft,
        earlier: &[Outgoing],
    ) -> Result<Outgoing, SendError> {
        let (len, largest) = (draft.body.len(), self.policy.largest);
        if len > largest {
            return Err(SendError::TooLarge { len, largest });
        }
        draft.check()?;
        let bytes = earlier.iter().map(|it| it.body.len()).sum::<usize>();
        let (count, bytes) = (earlier.len() + 1, bytes + len);
        self.outbox.has_room(contact, count, bytes)?;
        let mut name = self.conversation(contact).sender.next_name();
        name.sequence += earlier.len() as u64;
        Ok(Outgoing {
            name,
            kind: draft.kind,
            conversation: draft.conversation,
            sent_at: draft.sent_at,
            body: draft.body.into(),
        })
    }

    /// Accepts a prepared message for delivery. From now on it is [`State::Queued`].
    ///
    /// # Errors
    /// `NameTaken` if another one of this contact was accepted since, `Outbox` if it left no room; then
    /// it has not been accepted.
    pub fn accept(
        &mut self,
        contact: ContactId,
        message: Outgoing,
        now: Instant,
    ) -> Result<Name, SendError> {
        let (name, len) = (message.name, message.body.len());
        let conversation = known(&mut self.conversations, contact, &mut self.log_ids);
        if name != conversation.sender.next_name() {
            return Err(SendError::NameTaken);
        }
        self.outbox.push(contact, message)?;
        let expires = now + self.policy.life;
        conversation.sender.enqueue(name, len, expires);
        self.deadlines.note(conversation);
        self.wake(contact);
        Ok(name)
    }

    /// Accepts a message for delivery, without a store. From now on it is [`State::Queued`].
    ///
    /// # Errors
    /// [`SendError`]; then it has not been accepted, and its author is to be told.
    pub fn send(
        &mut self,
        contact: ContactId,
        draft: Draft,
        now: Instant,
    ) -> Result<Name, SendError> {
        let message = self.prepare(contact, draft)?;
        self.accept(contact, message, now)
    }

    /// The application has a message of [`Event::Message`] safe: its sender gets the receipt.
    pub fn take(&mut self, contact: ContactId, name: Name, now: Instant) {
        if let Some(conversation) = self.conversations.get_mut(contact.key()) {
            conversation.receiver.take(name, now);
            self.wake(contact);
        }
    }

    /// The application does not want a message of [`Event::Message`]: its sender is told.
    pub fn refuse(&mut self, contact: ContactId, name: Name) {
        if let Some(conversation) = self.conversations.get_mut(contact.key()) {
            conversation.receiver.refuse(name);
            self.wake(contact);
        }
    }

    /// Forgets a contact; what waits for it fails. Its connection has to end too: a later conversation
    /// begins at the front of the streams.
    pub fn remove(&mut self, contact: ContactId) {
        self.with(contact, |conversation, ledger| {
            conversation.sender.give_up(ledger);
        });
        self.conversations.remove(contact.key());
        self.awake.retain(|awake| *awake != contact);
    }

    /// Something about the contact's connection changed: it began or ended, a stream can be read or
    /// written, ended, was reset or stopped, or more of ours is acknowledged.
    pub fn handle_transport(&mut self, contact: ContactId) {
        if let Some(conversation) = self.conversations.get_mut(contact.key()) {
            conversation.is_stirred = true;
        }
        self.wake(contact);
    }

    /// A RECEIPT frame came. `body`: as the peer sent it.
    pub fn handle_receipt(&mut self, contact: ContactId, body: &[u8]) {
        self.with(contact, |conversation, ledger| {
            conversation.on_receipt(body, ledger);
        });
    }

    /// A REJECT frame came. `body`: as the peer sent it.
    pub fn handle_reject(&mut self, contact: ContactId, body: &[u8]) {
        self.with(contact, |conversation, ledger| {
            conversation.on_reject(body, ledger);
        });
    }

    /// Gives up what has waited for too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(deadline, place)) = self.deadlines.queue.first()
            && deadline <= now
        {
            let Some(conversation) = self.conversations.at_mut(place) else {
                self.deadlines.queue.pop_first();
                continue;
            };
            let contact = conversation.contact;
            self.with(contact, |conversation, ledger| {
                conversation.sender.expire(ledger, now);
            });
        }
    }

    /// Moves bytes between the conversations that were woken and the transport.
    pub fn drive(&mut self, transports: &mut impl Transports, now: Instant) {
        while let Some(contact) = self.awake.pop_front() {
            let mut transport = transports.to(contact.peer());
            // Strangers come and go: only who can say something has a conversation.
            if transport.is_none() && !self.conversations.contains(contact.key()) {
                continue;
            }
            let conversation = known(&mut self.conversations, contact, &mut self.log_ids);
            conversation.pump(
                transport.as_mut().map(|it| it as &mut dyn Transport),
                &mut *self.outbox,
                &self.policy,
                &mut self.events,
                now,
            );
            self.deadlines.note(conversation);
            if conversation.receiver.take_breach() {
                self.broken.push(contact);
            }
        }
    }

    /// A contact that broke the rules on its connection since this was asked.
    pub(super) fn take_broken(&mut self) -> Option<ContactId> {
        self.broken.pop()
    }

    /// A contact whose last waiting message is settled since this was asked.
    pub(super) fn take_settled(&mut self) -> Option<ContactId> {
        self.deadlines.settled.pop()
    }

    /// What happened, oldest first.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(&Event::TurnedAway { contact, .. }) = self.events.front()
            && let Some(conversation) = self.conversations.get_mut(contact.key())
        {
            conversation.receiver.on_polled();
            self.wake(contact);
        }
        // Taken whole: an event that is taken apart and put together is copied in pieces.
        self.events.pop_front()
    }

    /// When [`Client::handle_timeout`] is due. `None` while nothing waits for delivery.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.queue.first().map(|&(deadline, _)| deadline)
    }

    /// How far a message of ours has come; `None` once that is final, or if there is no such message.
    #[must_use]
    pub fn state(&self, contact: ContactId, name: Name) -> Option<State> {
        self.conversations.get(contact.key())?.sender.state(name)
    }

    /// How many messages to a contact are neither delivered nor failed.
    #[must_use]
    pub fn unsettled(&self, contact: ContactId) -> usize {
        let conversation = self.conversations.get(contact.key());
        conversation.map_or(0, |it| it.sender.len())
    }

    /// To whom messages are neither delivered nor failed.
    pub fn unsettled_contacts(&self) -> impl Iterator<Item = ContactId> + '_ {
        let contacts = self.conversations.iter();
        let unsettled = contacts.filter(|it| it.sender.len() > 0);
        unsettled.map(|it| it.contact)
    }

    /// Whether [`Client::drive`] has something to do.
    #[must_use]
    pub fn is_awake(&self) -> bool {
        !self.awake.is_empty()
    }

    /// How many events wait.
    #[must_use]
    pub fn waiting_events(&self) -> usize {
        self.events.len()
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    fn conversation(&mut self, contact: ContactId) -> &mut Conversation {
        known(&mut self.conversations, contact, &mut self.log_ids)
    }

    fn enqueue(&mut self, contact: ContactId, name: Name, len: usize, expires: Instant) {
        let conversation = known(&mut self.conversations, contact, &mut self.log_ids);
        conversation.sender.enqueue(name, len, expires);
        self.deadlines.note(conversation);
        self.wake(contact);
    }

    /// Does something to a conversation, if there is one, with the outbox and the events at hand.
    fn with(&mut self, contact: ContactId, act: impl FnOnce(&mut Conversation, &mut Ledger<'_>)) {
        let Some(conversation) = self.conversations.get_mut(contact.key()) else {
            return;
        };
        let mut ledger = Ledger {
            contact,
            outbox: &mut *self.outbox,
            events: &mut self.events,
        };
        act(conversation, &mut ledger);
        self.deadlines.note(conversation);
        if conversation.receiver.take_breach() {
            self.broken.push(contact);
        }
        self.wake(contact);
    }

    /// Notes that bytes may have to move. Being woken twice does no harm.
    fn wake(&mut self, contact: ContactId) {
        if self.awake.back() != Some(&contact) {
            self.awake.push_back(contact);
        }
    }

    /// How many contacts something is held of.
    #[cfg(test)]
    pub(super) fn conversations(&self) -> usize {
        self.conversations.len()
    }

    /// Bytes of unfinished and untaken messages of a contact that are held in memory.
    #[must_use]
    pub fn held_bytes(&self, contact: ContactId) -> usize {
        let conversation = self.conversations.get(contact.key());
        conversation.map_or(0, |it| it.receiver.held_bytes())
    }
}

/// The conversation with a contact, begun if there was none.
fn known<'a>(
    conversations: &'a mut Directory<Box<Conversation>>,
    contact: ContactId,
    log_ids: &mut ChaCha20Rng,
) -> &'a mut Conversation {
    conversations.get_or_insert_with(contact.key(), |place| {
        Conversation::new(contact, place, log_ids)
    })
}

/// When the first message of each conversation expires.
#[derive(Default)]
struct Deadlines {
    queue: BTreeSet<(Instant, Place)>,
    /// Whose last waiting message is settled.
    settled: Vec<ContactId>,
}

impl Deadlines {
    /// Looks at a conversation in which a message was queued or settled.
    fn note(&mut self, conversation: &mut Conversation) {
        let (place, deadline) = (conversation.place, conversation.sender.deadline());
        if deadline == conversation.noted {
            return;
        }
        if let Some(old) = core::mem::replace(&mut conversation.noted, deadline) {
            self.queue.remove(&(old, place));
        }
        match deadline {
            Some(new) => {
                self.queue.insert((new, place));
            }
            None => self.settled.push(conversation.contact),
        }
    }
}
