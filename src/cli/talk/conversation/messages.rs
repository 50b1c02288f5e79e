//! What the core tells about messages.

use crate::chat::{ContactId, Event, FailReason, Incoming, Name, RejectReason, State};
use crate::cli::json::message_id;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::fact::{Fact, Said};
use crate::cli::talk::sent::{Late, Outcome};
use crate::cli::{Error, ExitCode};
use crate::id::PeerId;
use crate::plain::Own;
use crate::text::{Safe, safe_line};
use crate::time::{Instant, UnixTime};
use crate::tui::Told;

impl Conversation {
    pub(super) fn on_chat(&mut self, event: Event) -> Result<Option<ExitCode>, Error> {
        match event {
            Event::Message { contact, message } => self.on_message(contact, &message),
            Event::State {
                contact,
                name,
                state,
            } => self.on_state(contact, name, state),
            Event::TurnedAway {
                contact,
                name,
                reason,
            } => {
                let fact = Fact::TurnedAway {
                    id: message_id(name),
                    who: self.who(&contact.peer()),
                    reason: turned_away(reason),
                };
                self.tell(&fact);
                Ok(None)
            }
            // The session ends, and that is told.
            Event::Misbehaved { .. } => Ok(None),
        }
    }

    /// Shows a message that is written down; it is taken then: what nobody could read has no receipt.
    fn on_message(
        &mut self,
        contact: ContactId,
        message: &Incoming,
    ) -> Result<Option<ExitCode>, Error> {
        if let Some(end) = self.print(contact, message, None)? {
            return Ok(Some(end));
        }
        self.state
            .counts
            .entry(contact.peer())
            .or_default()
            .received += 1;
        if self.face.is_screen() {
            self.state.unseen.came(contact, message);
            return Ok(None);
        }
        if self.face.is_service() && self.programs.is_full() {
            self.programs.leave_untaken(contact, message.name);
            return Ok(None);
        }
        self.state.shown.push((contact, message.name));
        Ok(None)
    }

    /// Shows a message, marked if it was perhaps shown before: `came` says when it came then. A screen says
    /// later when somebody has looked at it.
    pub(super) fn print(
        &mut self,
        contact: ContactId,
        message: &Incoming,
        came: Option<UnixTime>,
    ) -> Result<Option<ExitCode>, Error> {
        let (peer, is_again) = (contact.peer(), came.is_some());
        let label = self.label(&peer);
        let now = self.clock.unix_time();
        let shown = self.face.said((peer, &label), message, now, came);
        let (is_seen, result) = match shown {
            Ok(is_seen) => (is_seen, Ok(())),
            Err(error) => (false, Err(error)),
        };
        let end = self.printed(result)?;
        self.remember_theirs(peer, message, came.unwrap_or(now));
        if self.face.is_screen() && is_again {
            self.state.unseen.came_before(contact, message);
        }
        if self.face.is_service() {
            let said = Said::incoming(self.who(&peer), message, is_again);
            self.programs.hold(said, (contact, message.name), now);
        } else if self.programs.are_listening() {
            let said = Said::incoming(self.who(&peer), message, is_again);
            self.programs.pass_on(said, now);
        }
        if is_seen {
            self.profile.journal.shown(contact, message.name);
        }
        Ok(end)
    }

    /// Tells what became of a message of ours, then lets that be written down.
    fn on_state(
        &mut self,
        contact: ContactId,
        name: Name,
        state: State,
    ) -> Result<Option<ExitCode>, Error> {
        self.publish_state(contact, name, state);
        if state == State::Delivered {
            self.state
                .counts
                .entry(contact.peer())
                .or_default()
                .delivered += 1;
        }
        let peer = contact.peer();
        self.face.show(Told::State { peer, name, state });
        self.state.backlog.moved(peer, name, state);
        let perhaps = self.may_have_arrived(contact, name);
        let end = self.tell_state(contact, name, state)?;
        self.answer_waits(contact, name, state, perhaps);
        self.profile.journal.settled(contact, name, state);
        Ok(end)
    }

    fn publish_state(&mut self, contact: ContactId, name: Name, state: State) {
        let (word, reason) = match state {
            State::Queued => ("queued", None),
            State::Sent => ("sent", None),
            State::Delivered => ("delivered", None),
            State::Failed(reason) => ("failed", Some(self.why_failed(contact, reason))),
        };
        self.publish_receipt(contact, name, word, reason);
    }

    /// Why a message of ours was given up, in words.
    fn why_failed(&self, contact: ContactId, reason: FailReason) -> Safe {
        let is_revoked = || self.profile.contacts.known().is_revoked(&contact.peer());
        if reason == FailReason::Removed && is_revoked() {
            return KEY_REVOKED.into();
        }
        safe_line(&reason.to_string())
    }

    pub(super) fn tell_state(
        &mut self,
        contact: ContactId,
        name: Name,
        state: State,
    ) -> Result<Option<ExitCode>, Error> {
        let now = self.clock.now();
        let Some(settled) = self.state.sent.on_state(contact, name, state, now) else {
            return Ok(None);
        };
        self.state.has_room = true;
        let (number, peer) = (settled.number, contact.peer());
        if self.state.pending.is_slow(&peer) && self.state.sent.waiting(peer).next().is_none() {
            self.state.pending.forgive(&peer);
        }
        match settled.outcome {
            Outcome::Delivered => self.progress(number, peer, &"delivered".into()),
            Outcome::Failed(reason) => {
                self.state.has_failed |= !settled.is_earlier;
                let reason = Safe::from("failed: ") + self.why_failed(contact, reason);
                if self.is_person() {
                    let reason = reason + self.remedy(peer, number)?;
                    let own = self.own_message(number, peer);
                    let printed = self.face.outcome(self.clock.unix_time(), &own, &reason);
                    return self.printed(printed);
                }
                let to = self.label(&peer);
                self.warn(Safe::from("message ") + number + " to " + to + " " + reason);
                Ok(None)
            }
        }
    }

    /// Tells a person how far a message has come.
    pub(super) fn progress(
        &mut self,
        number: u64,
        peer: PeerId,
        state: &Safe,
    ) -> Result<Option<ExitCode>, Error> {
        if !self.is_person() {
            return Ok(None);
        }
        let own = self.own_message(number, peer);
        let printed = self.face.progress(self.clock.unix_time(), &own, state);
        self.printed(printed)
    }

    /// A message of ours, with whom it is for if there is more than one.
    pub(super) fn own_message(&self, number: u64, peer: PeerId) -> Own {
        let links = self.state.links.keys();
        let is_one_of_several = links
            .chain(self.state.sent.contacts())
            .any(|other| *other != peer);
        Own {
            number,
            to: is_one_of_several.then(|| self.label(&peer)),
        }
    }

    /// Tells which messages have waited for longer than a receipt takes.
    pub(super) fn tell_late(&mut self, now: Instant) -> Result<(), Error> {
        for late in self.state.sent.late(now) {
            let words = self.words_for(late)?;
            let state = if late.is_sent { "sent" } else { "queued" };
            self.publish_receipt(late.peer.into(), late.name, state, Some(words.clone()));
            let lead = if late.is_sent { "sent; " } else { "queued: " };
            self.progress(late.number, late.peer, &(Safe::from(lead) + words))?;
        }
        self.tell_unanswered(now);
        Ok(())
    }

    fn words_for(&self, late: Late) -> Result<Safe, Error> {
        let label = self.label(&late.peer);
        Ok(if late.is_sent {
            label + " has not shown it yet"
        } else {
            self.obstacle(late.peer)?
        })
    }
}

/// Why a message of ours is given up whose receiver was revoked.
pub(super) const KEY_REVOKED: &str = "the key is revoked";

/// Why a message of theirs was not even read.
const fn reason_words(reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::Unsupported => "this version does not know its kind",
        RejectReason::TooLarge => "it is longer than what is accepted here",
        RejectReason::Refused => "it is not wanted",
        RejectReason::TooManyLogs => "too many restarts of the other side are remembered already",
        RejectReason::OutOfOrder => "a later one has been shown already",
        RejectReason::Other(_) => "its sender is told why",
    }
}

fn turned_away(reason: RejectReason) -> Safe {
    Safe::from(reason_words(reason))
}
