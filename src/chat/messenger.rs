//! Sessions and messages together: one endpoint, and the chat that runs over it.

use std::collections::VecDeque;

use crate::chat::client::Client;
use crate::chat::command::{Draft, SendError};
use crate::chat::contact::ContactId;
use crate::chat::event::Event;
use crate::chat::message::Name;
use crate::chat::outbox::{MemoryOutbox, Outgoing};
use crate::chat::policy::Policy;
use crate::id::PeerId;
use crate::proto::{self, CloseReason, Endpoint, Notice, PeerConfig};
use crate::time::Instant;

/// Something that the owner of a [`Messenger`] may want to know or act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// About a session.
    Session(proto::Event),
    /// About a message.
    Chat(Event),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Endpoint,
    Client,
}

/// An endpoint with its chat: a value without threads, sockets or a clock.
///
/// Whatever moves datagrams, time and jobs through [`Messenger::endpoint_mut`] calls
/// [`Messenger::settle`] after every input and before it takes what goes out: not once for several inputs, since the end
/// of a session takes with it what came before and was not settled. A message is sought a
/// session for from [`Messenger::send`] until it is delivered or has failed, unless the peer wants none.
#[derive(Debug)]
pub struct Messenger {
    endpoint: Endpoint,
    client: Client,
    /// Whose turn it is when events are taken, and how often in a row, so that they come in the order in
    /// which they happened.
    order: VecDeque<(Half, usize)>,
    /// How many entries of each half it has.
    noted: [usize; 2],
}

impl Messenger {
    /// Puts the two together. Peers are told of the longest message that the client takes. For what the client's outbox
    /// brought along a session is sought with the peers that the endpoint knows by now, and with others from
    /// [`Messenger::add_peer`] on.
    #[must_use]
    pub fn new(mut endpoint: Endpoint, client: Client, now: Instant) -> Self {
        endpoint.announce_largest_message(client.policy().largest as u64);
        let mut messenger = Self {
            endpoint,
            client,
            order: VecDeque::new(),
            noted: [0; 2],
        };
        for contact in messenger.client.unsettled_contacts() {
            messenger.endpoint.seek(contact.peer(), now);
        }
        messenger
    }

    /// With an outbox that ends with the process and the usual policy. `seed`: 32 random bytes, fresh
    /// at every process start; the names of messages come from it. If an identity uses one again, its messages have
    /// the names of earlier ones: their receiver receipts them as repetitions, so that they count as delivered, and shows
    /// none of them.
    #[must_use]
    pub fn in_memory(endpoint: Endpoint, seed: [u8; 32], now: Instant) -> Self {
        let outbox = Box::new(MemoryOutbox::new(seed));
        let client = Client::new(Policy::default(), outbox, seed, now);
        Self::new(endpoint, client, now)
    }

    /// The sessions.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The sessions, to change them. To add, remove or revoke a peer, ask the messenger.
    pub const fn endpoint_mut(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    /// The messages.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    // --- commands -----------------------------------------------------------------------------

    /// Accepts a message for delivery, and seeks a session for it.
    ///
    /// # Errors
    /// [`SendError`]; then nothing of it is kept.
    pub fn send(
        &mut self,
        contact: ContactId,
        draft: Draft,
        now: Instant,
    ) -> Result<Name, SendError> {
        let message = self.prepare(contact, draft)?;
        self.accept_known(contact, message, now)
    }

    /// The first half of [`Messenger::send`]: the message under the name that it is to have. With a
    /// store it is written down before [`Messenger::accept`], so that nothing leaves that a crash could
    /// forget. Nothing is decided by this: a message that is not accepted was never there.
    ///
    /// # Errors
    /// [`SendError`], whatever [`Messenger::accept`] would say.
    pub fn prepare(&mut self, contact: ContactId, draft: Draft) -> Result<Outgoing, SendError> {
        self.prepare_after(contact, draft, &[])
    }

    /// As [`Messenger::prepare`], for a message that is to be accepted after `earlier` ones of the same
    /// contact, which were prepared and are not accepted yet. A store writes all of them down at once.
    ///
    /// # Errors
    /// As [`Messenger::prepare`].
    pub fn prepare_after(
        &mut self,
        contact: ContactId,
        draft: Draft,
        earlier: &[Outgoing],
    ) -> Result<Outgoing, SendError> {
        self.check_contact(contact)?;
        self.check_taken(contact, &draft)?;
        self.client.prepare_after(contact, draft, earlier)
    }

    /// What the peer has said that it does not take is not sent. One of which it says so later it turns away.
    fn check_taken(&self, contact: ContactId, draft: &Draft) -> Result<(), SendError> {
        let said = self.endpoint.largest_message(contact.peer());
        let largest = said.and_then(|it| usize::try_from(it).ok());
        match (draft.body.len(), largest) {
            (len, Some(largest)) if len > largest => {
                Err(SendError::TooLargeForPeer { len, largest })
            }
            _ => Ok(()),
        }
    }

    /// The second half of [`Messenger::send`]: accepts a prepared message.
    ///
    /// # Errors
    /// [`SendError`] if something has changed since; a store then takes it back.
    pub fn accept(
        &mut self,
        contact: ContactId,
        message: Outgoing,
        now: Instant,
    ) -> Result<Name, SendError> {
        self.check_contact(contact)?;
        self.accept_known(contact, message, now)
    }

    fn accept_known(
        &mut self,
        contact: ContactId,
        message: Outgoing,
        now: Instant,
    ) -> Result<Name, SendError> {
        let name = self.client.accept(contact, message, now)?;
        self.endpoint.seek(contact.peer(), now);
        Ok(name)
    }

    fn check_contact(&self, contact: ContactId) -> Result<(), SendError> {
        let is_known = self.endpoint.is_known(contact.peer());
        is_known.then_some(()).ok_or(SendError::UnknownContact)
    }

    /// The application has a message of [`Event::Message`] safe: its sender gets the receipt.
    pub fn take(&mut self, contact: ContactId, name: Name, now: Instant) {
        self.client.take(contact, name, now);
    }

    /// The application does not want a message of [`Event::Message`]: its sender is told.
    pub fn refuse(&mut self, contact: ContactId, name: Name) {
        self.client.refuse(contact, name);
    }

    /// Adds a known peer, or takes over what is new of it, as [`Endpoint::add_peer`] does; returns the same. A session is
    /// sought for what waits for one that begins anew, or is called elsewhere now.
    pub fn add_peer(&mut self, config: PeerConfig, now: Instant) -> bool {
        let peer = config.id;
        let is_elsewhere = !self.endpoint.is_called_at(peer, &config.addresses);
        let is_new = self.endpoint.add_peer(config);
        if is_new && self.client.unsettled(peer.into()) > 0 {
            self.endpoint.seek(peer, now);
        } else if is_elsewhere {
            self.endpoint.seek_elsewhere(peer, now);
        }
        is_new
    }

    /// Forgets a peer and what waits for it; a live session ends, and the peer is told.
    pub fn remove_peer(&mut self, peer: PeerId, now: Instant) {
        self.client.remove(peer.into());
        self.endpoint.remove_peer(peer, now);
    }

    /// Forgets a peer for good and what waits for it; a live session ends without a word.
    pub fn revoke_peer(&mut self, peer: PeerId) {
        self.client.remove(peer.into());
        self.endpoint.revoke_peer(peer);
    }

    // --- inputs -------------------------------------------------------------------------------

    /// Lets everything happen that is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        if self.client.poll_timeout().is_some_and(|at| at <= now) {
            self.client.handle_timeout(now);
        }
    }

    /// Moves between the two halves what an input has brought, or a command. Does nothing without. After every input, since
    /// one that ends the session may be the next.
    pub fn settle(&mut self, now: Instant) {
        while self.client.is_awake() || self.endpoint.has_notices() {
            self.take_notices();
            self.client.drive(&mut self.endpoint, now);
            self.close_broken(now);
        }
        self.note_order();
        while let Some(contact) = self.client.take_settled() {
            if self.client.unsettled(contact) == 0 {
                self.endpoint.rest(contact.peer());
            }
        }
    }

    /// What a peer said of our messages comes before the end of its session, and what it said to us
    /// after the beginning.
    fn take_notices(&mut self) {
        while let Some(notice) = self.endpoint.poll_notice() {
            match notice {
                Notice::Receipt { peer, body } => self.client.handle_receipt(peer.into(), &body),
                Notice::Reject { peer, body } => self.client.handle_reject(peer.into(), &body),
                Notice::Streams(peer) => {
                    self.note_order();
                    self.client.handle_transport(peer.into());
                }
            }
        }
    }

    /// Ends the connections on which the peer broke the rules, behind what it said before. Not when the owner looks: by
    /// then there may be another one, on which it did not.
    fn close_broken(&mut self, now: Instant) {
        while let Some(contact) = self.client.take_broken() {
            self.note_order();
            self.endpoint.close_for_violation(contact.peer(), now);
        }
    }

    /// Notes whose events have come since the last call, the client's first.
    fn note_order(&mut self) {
        let waiting = [self.client.waiting_events(), self.endpoint.waiting_events()];
        let halves = [Half::Client, Half::Endpoint];
        for ((half, noted), waiting) in halves.into_iter().zip(&mut self.noted).zip(waiting) {
            let fresh = waiting.saturating_sub(*noted);
            *noted += fresh;
            match self.order.back_mut() {
                _ if fresh == 0 => {}
                Some((last, count)) if *last == half => *count += fresh,
                Some(_) | None => self.order.push_back((half, fresh)),
            }
        }
    }

    /// Whose event is the oldest. The endpoint may have some of which it does not know yet.
    fn next_half(&mut self) -> Half {
        let half = self.order.front_mut().map(|(half, count)| {
            *count -= 1;
            *half
        });
        self.order.pop_front_if(|(_, count)| *count == 0);
        let [of_client, of_endpoint] = &mut self.noted;
        match half {
            Some(Half::Client) => *of_client -= 1,
            Some(Half::Endpoint) => *of_endpoint -= 1,
            None => {}
        }
        half.unwrap_or(Half::Endpoint)
    }

    // --- outputs ------------------------------------------------------------------------------

    /// What happened, oldest first. The caller settles afterwards: whoever takes events makes room.
    #[must_use]
    pub fn poll_event(&mut self, now: Instant) -> Option<Update> {
        loop {
            match self.next_half() {
                Half::Client => {
                    let event = self.client.poll_event()?;
                    // The end of its session tells.
                    if !matches!(event, Event::Misbehaved { .. }) {
                        return Some(Update::Chat(event));
                    }
                }
                Half::Endpoint => {
                    let event = self.endpoint.poll_event()?;
                    self.on_session_event(&event, now);
                    return Some(Update::Session(event));
                }
            }
        }
    }

    /// A peer that left may come back; one that does not want us is not called by us, until it has come
    /// by itself.
    fn on_session_event(&mut self, event: &proto::Event, now: Instant) {
        if let proto::Event::Established { peer, .. }
        | proto::Event::Closed {
            peer,
            reason: CloseReason::Goodbye,
        } = event
            && self.client.unsettled((*peer).into()) > 0
        {
            self.endpoint.seek_later(*peer, now);
        }
    }

    /// Whether [`Messenger::poll_event`] has something.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.order.is_empty() || self.endpoint.waiting_events() > 0
    }

    /// How many events wait for [`Messenger::poll_event`] at most.
    #[must_use]
    pub fn waiting_events(&self) -> usize {
        self.client.waiting_events() + self.endpoint.waiting_events()
    }

    /// When [`Messenger::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let endpoint = self.endpoint.poll_timeout().map(|(at, _)| at);
        endpoint.into_iter().chain(self.client.poll_timeout()).min()
    }
}
