//! Messages that programs ask for, and those who wait for what becomes of them.

use std::time::Duration;

use serde_json::json;

use crate::chat::{ContactId, FailReason, Name, OutboxError, SendError, State};
use crate::cli::json::{message_id, ms};
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::conversation::requests::Asked;
use crate::cli::talk::conversation::typing::Author;
use crate::cli::talk::request::Send;
use crate::cli::talk::send::not_accepted;
use crate::cli::{End, Error, ExitCode, Loss, Obstacle, Peer};
use crate::control::Client;
use crate::id::PeerId;
use crate::net::Family;
use crate::store::HostPort;
use crate::text::{Safe, safe_line};
use crate::time::Instant;

/// Deliveries that are waited for at one time.
const MAX_WAITS: usize = 1_024;

/// Somebody waits for a delivery.
#[derive(Debug)]
pub(super) struct Wait {
    asked: Asked,
    contact: ContactId,
    /// What the contact was called then.
    to: Peer,
    name: Name,
    since: Instant,
    wait: Duration,
}

/// A message that was asked for, and how long its delivery is waited for.
#[derive(Debug)]
pub(super) struct Ordered {
    pub(super) asked: Asked,
    /// When.
    pub(super) since: Instant,
    pub(super) wait: Option<Duration>,
}

impl Ordered {
    /// Asked for at this time by the program on standard input.
    #[cfg(test)]
    pub(super) fn of_standard_input(since: Instant, wait: Option<Duration>) -> Self {
        let asked = Asked::of_standard_input();
        Self { asked, since, wait }
    }

    /// How long it is waited for yet.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        let waited = now.saturating_since(self.since);
        self.wait.map(|wait| wait.saturating_sub(waited))
    }
}

impl Conversation {
    pub(super) fn on_send(&mut self, asked: Asked, send: Send) -> Result<Option<ExitCode>, Error> {
        let peer = match self.check_send(&send) {
            Ok(peer) => peer,
            Err(error) => {
                self.state.has_failed |= asked.is_of_standard_input();
                self.answer(&asked, Err(error));
                return Ok(None);
            }
        };
        let ordered = Ordered {
            asked,
            since: self.clock.now(),
            wait: send.wait(),
        };
        let end = self.prepare(peer, send.text, Author::Program(ordered))?;
        match end {
            None => self.say_batch_of_client(),
            Some(end) => Ok(Some(end)),
        }
    }

    /// Requests of standard input come many at a time, and are written down together.
    fn say_batch_of_client(&mut self) -> Result<Option<ExitCode>, Error> {
        if self.state.batch.is_of_standard_input() {
            return Ok(None);
        }
        self.say_batch()
    }

    fn check_send(&mut self, send: &Send) -> Result<PeerId, Error> {
        let peer = self.peer_to_talk_to(&send.peer)?;
        if send.text.is_empty() {
            let reason = "there is nothing to send".into();
            return Err(Error::BadRequest { reason });
        }
        if send.wait_ms.is_some() && self.state.waits.len() >= MAX_WAITS {
            let reason = "too many deliveries are waited for already".into();
            return Err(Error::BadRequest { reason });
        }
        let host = send.address.as_deref().map(str::parse).transpose()?;
        if !self.way(peer)?.stands() {
            self.call_once(peer, host, Family::Any);
        }
        Ok(peer)
    }

    /// Calls somebody now, where it is said or saved to be, and not again. While just that is being looked up it is
    /// enough.
    pub(super) fn call_once(&mut self, peer: PeerId, host: Option<HostPort>, family: Family) {
        let known = self.profile.contacts.known().find_key(&peer);
        let saved = known.and_then(|peer| peer.addresses().first().cloned());
        let Some(host) = host.or(saved) else { return };
        if self.calls.may_inquire(peer, &host, family) {
            self.inquire(peer, host, family, true);
        }
    }

    /// A message that was asked for is accepted.
    pub(super) fn on_ordered(&mut self, ordered: Ordered, contact: ContactId, name: Name) {
        let Ordered { asked, since, wait } = ordered;
        match wait {
            Some(wait) => {
                let to = self.peer(&contact.peer());
                self.state.waits.push(Wait {
                    asked,
                    contact,
                    to,
                    name,
                    since,
                    wait,
                });
            }
            None => {
                let done = json!({ "message": message_id(name), "state": "queued" });
                self.answer(&asked, Ok(done));
            }
        }
    }

    /// A message that was asked for is not accepted.
    pub(super) fn on_not_accepted(&mut self, ordered: &Ordered, peer: PeerId, error: &SendError) {
        self.state.has_failed |= ordered.asked.is_of_standard_input();
        let error = not_accepted(&self.peer(&peer), error);
        self.answer(&ordered.asked, Err(error));
    }

    /// Tells the programs among these authors why their messages are not written down.
    pub(super) fn answer_unwritten(&mut self, authors: &[Author], error: &Error) {
        for author in authors {
            if let Author::Program(ordered) = author {
                self.answer_failed(&ordered.asked, error);
            }
        }
    }

    /// Tells a program whose message was asked for that the conversation is over before it is taken.
    pub(super) fn answer_untaken(&mut self, peer: PeerId, author: Author) {
        if let Author::Program(Ordered { asked, .. }) = author {
            let error = self.not_taken(peer, End::Left);
            self.answer(&asked, Err(error));
        }
    }

    /// A message was not taken, and is not kept.
    fn not_taken(&self, peer: PeerId, end: End) -> Error {
        Error::NotDelivered(Box::new(Loss::of_one(self.label(&peer), end)))
    }

    /// Tells programs which of their messages there was no room for in time.
    fn refuse_late(&mut self, now: Instant) {
        for unsaid in self.state.pending.take_late(now) {
            let Author::Program(ordered) = unsaid.author else {
                continue;
            };
            match ordered
                .wait
                .filter(|_| ordered.patience(now) == Some(Duration::ZERO))
            {
                Some(wait) => {
                    self.state.has_failed = true;
                    let error = self.not_taken(unsaid.peer, End::After(wait));
                    self.answer(&ordered.asked, Err(error));
                }
                None => {
                    let error = SendError::Outbox(OutboxError::TooMany);
                    self.on_not_accepted(&ordered, unsaid.peer, &error);
                }
            }
        }
    }

    /// Counts what was not taken when the conversation is over, and tells the programs that asked for it.
    fn answer_all_untaken(&mut self) {
        let (peer, authors) = core::mem::take(&mut self.state.batch).into_authors();
        let batch = authors.into_iter().filter_map(|it| Some((peer?, it)));
        let pending = self.state.pending.take().into_iter();
        let pending = pending.map(|it| (it.peer, it.author));
        for (peer, author) in batch.chain(pending) {
            self.state.unsaid += 1;
            self.answer_untaken(peer, author);
        }
    }

    /// Answers those who wait for this message, if it has come to its end. `perhaps`: it may have arrived.
    pub(super) fn answer_waits(
        &mut self,
        contact: ContactId,
        name: Name,
        state: State,
        perhaps: bool,
    ) {
        if !state.is_final() {
            return;
        }
        for wait in self.take_waits(|wait| wait.contact == contact && wait.name == name) {
            let done = match state {
                State::Failed(FailReason::Removed) => {
                    let called = Some(&wait.to).filter(|to| to.saved).map(|to| &to.label);
                    let error = Box::new(self.why_gone(contact.peer(), called));
                    Err(Error::GivenUp { error, perhaps })
                }
                State::Failed(reason) => {
                    let reason = safe_line(&reason.to_string());
                    Err(self.loss(&wait, End::Failed(reason), None))
                }
                State::Queued | State::Sent | State::Delivered => Ok(json!({
                    "message": message_id(name),
                    "state": "delivered",
                    "after_ms": ms(self.clock.now().saturating_since(wait.since)),
                })),
            };
            self.answer(&wait.asked, done);
        }
    }

    /// Answers those who have waited for as long as they wanted to, for room or for a receipt.
    pub(super) fn answer_late(&mut self, now: Instant) -> Result<(), Error> {
        self.refuse_late(now);
        for wait in self.take_waits(|wait| now.saturating_since(wait.since) >= wait.wait) {
            let obstacle = self.way(wait.contact.peer())?.hindrance();
            let error = self.loss(&wait, End::After(wait.wait), obstacle);
            self.answer(&wait.asked, Err(error));
        }
        Ok(())
    }

    /// Answers a client that keeps its place only since it waits for deliveries, and has done so for longest: others need
    /// the place, and what it waits for comes most probably last.
    pub(super) fn answer_longest_wait(&mut self) {
        let clients = self.state.waits.iter();
        let mut clients = clients.filter_map(|wait| wait.asked.client());
        let is_meant = |it: &&Client| !it.is_closed() && !self.programs.is_listening(it);
        let Some(client) = clients.find(is_meant).cloned() else {
            return;
        };
        let is_its = |wait: &Wait| wait.asked.client().is_some_and(|it| it.is(&client));
        for wait in self.take_waits(is_its) {
            let error = self.loss(&wait, End::Crowded, None);
            self.answer(&wait.asked, Err(error));
        }
    }

    /// Answers those who wait for a peer that wants nothing of us; what was taken is kept all the same.
    pub(super) fn answer_refused(&mut self, peer: PeerId, error: impl Fn(&Self) -> Error) {
        for wait in self.take_waits(|wait| wait.contact.peer() == peer) {
            let is_kept = (self.state.sent)
                .may_have_left(wait.contact, wait.name)
                .is_some();
            let mut error = error(self);
            if is_kept {
                error = error.with_kept(self.label(&peer));
            }
            self.answer(&wait.asked, Err(error));
        }
    }

    /// Answers those who wait for a peer whose session has ended for good.
    pub(super) fn answer_ended(&mut self, peer: PeerId, why: &Safe) {
        for wait in self.take_waits(|wait| wait.contact.peer() == peer) {
            let error = self.loss(&wait, End::Failed(why.clone()), None);
            self.answer(&wait.asked, Err(error));
        }
    }

    /// Answers everybody who still waits when the conversation is over. Messages that were taken are kept, unless the
    /// store was moved away.
    pub(super) fn answer_left(&mut self) {
        self.answer_all_untaken();
        self.answer_pings_left();
        let moved = self.profile.journal.check_place().err().map(Error::from);
        for wait in self.take_waits(|_| true) {
            match &moved {
                Some(error) => self.answer_failed(&wait.asked, error),
                None => {
                    let error = self.loss(&wait, End::Left, None);
                    self.answer(&wait.asked, Err(error));
                }
            }
        }
    }

    /// How long until somebody has waited long enough.
    pub(super) fn waits_patience(&self, now: Instant) -> Option<Duration> {
        let waits = self.state.waits.iter();
        let waits = waits.map(|wait| (wait.since + wait.wait).saturating_since(now));
        waits.chain(self.state.pending.patience(now)).min()
    }

    /// Whether a message that has no receipt may have arrived.
    pub(super) fn may_have_arrived(&self, contact: ContactId, name: Name) -> bool {
        self.state.sent.may_have_left(contact, name) == Some(true)
    }

    fn take_waits(&mut self, is_meant: impl Fn(&Wait) -> bool) -> Vec<Wait> {
        self.state
            .waits
            .extract_if(.., |wait| is_meant(wait))
            .collect()
    }

    fn loss(&self, wait: &Wait, end: End, obstacle: Option<Obstacle>) -> Error {
        let state = self.state.sent.may_have_left(wait.contact, wait.name);
        Error::NotDelivered(Box::new(Loss {
            perhaps: usize::from(state == Some(true)),
            // What has come to its end is not kept.
            kept: usize::from(state.is_some()),
            obstacle,
            ..Loss::of_one(self.label(&wait.contact.peer()), end)
        }))
    }
}
