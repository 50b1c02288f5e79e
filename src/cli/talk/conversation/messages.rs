//! What the core tells about messages.

use std::time::Duration;

use crate::chat::{ContactId, Event, Incoming, Name, Received, RejectReason, State};
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::sent::{Late, Outcome};
use crate::cli::{Error, ExitCode};
use crate::id::PeerId;
use crate::plain::{Mark, Own, Stamp};
use crate::text::{Safe, safe_line};
use crate::time::{Instant, UnixTime};

/// A message that was written so long ago shows when.
const LATE: Duration = Duration::from_secs(120);

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
                contact, reason, ..
            } => {
                let words = Safe::from("a message from ") + self.label(&contact.peer());
                self.warn(words + " was turned away: " + turned_away(reason));
                Ok(None)
            }
            // The session ends, and that is told.
            Event::Misbehaved { .. } => Ok(None),
        }
    }

    /// Prints a message that is written down, then takes it: what nobody could read has no receipt.
    fn on_message(
        &mut self,
        contact: ContactId,
        message: &Incoming,
    ) -> Result<Option<ExitCode>, Error> {
        if let Some(end) = self.print(contact, message, false)? {
            return Ok(Some(end));
        }
        self.take(contact, message.name)?;
        self.profile.journal.shown(contact, message.name);
        Ok(None)
    }

    /// Prints a message, marked if it was perhaps printed before.
    pub(super) fn print(
        &mut self,
        contact: ContactId,
        message: &Incoming,
        is_again: bool,
    ) -> Result<Option<ExitCode>, Error> {
        let label = self.label(&contact.peer());
        let unix_time = self.clock.unix_time();
        let at = Stamp::local(unix_time);
        let is_late = is_late(message.sent_at, unix_time);
        let mark = Mark {
            written: is_late.then(|| Stamp::local(message.sent_at)),
            is_again,
        };
        let printer = &mut self.printer;
        let mut printed = Ok(());
        if message.missing > 0 {
            printed = printer.missing(&label, message.missing);
        }
        let body = Received::from(message.body.as_slice());
        let printed = printed.and_then(|()| printer.said(&at, &label, &mark, body));
        self.printed(printed)
    }

    /// Tells what became of a message of ours, then lets that be written down.
    fn on_state(
        &mut self,
        contact: ContactId,
        name: Name,
        state: State,
    ) -> Result<Option<ExitCode>, Error> {
        let end = self.tell_state(contact, name, state)?;
        self.profile.journal.settled(contact, name, state);
        Ok(end)
    }

    fn tell_state(
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
        match settled.outcome {
            Outcome::Delivered => self.progress(number, peer, &"delivered".into()),
            Outcome::Failed(reason) => {
                self.state.has_failed |= !settled.is_earlier;
                let reason = Safe::from("failed: ") + safe_line(&reason.to_string());
                if self.is_person() {
                    let own = self.own_message(number, peer);
                    let at = Stamp::local(self.clock.unix_time());
                    let printed = self.printer.outcome(&at, &own, &reason);
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
        let at = Stamp::local(self.clock.unix_time());
        let printed = self.printer.progress(&at, &own, state);
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

    /// Tells a person which messages have waited for longer than a receipt takes.
    pub(super) fn tell_late(&mut self, now: Instant) -> Result<(), Error> {
        if !self.is_person() {
            return Ok(());
        }
        for late in self.state.sent.late(now) {
            let words = self.words_for(late)?;
            self.progress(late.number, late.peer, &words)?;
        }
        self.tell_unanswered(now);
        Ok(())
    }

    fn words_for(&self, late: Late) -> Result<Safe, Error> {
        let label = self.label(&late.peer);
        Ok(if late.is_sent {
            Safe::from("sent; ") + label + " has not shown it yet"
        } else {
            Safe::from("queued: ") + self.obstacle(late.peer)?
        })
    }
}

fn is_late(written: UnixTime, now: UnixTime) -> bool {
    let age = now.0.saturating_sub(written.0);
    u128::from(age) > LATE.as_millis()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_old_is_late_whatever_the_other_clock_says() {
        let now = UnixTime(1_000_000_000);
        assert!(!is_late(now, now));
        assert!(!is_late(UnixTime(now.0 - 120_000), now));
        assert!(is_late(UnixTime(now.0 - 120_001), now));
        assert!(!is_late(UnixTime(u64::MAX), now), "of the future");
    }
}
