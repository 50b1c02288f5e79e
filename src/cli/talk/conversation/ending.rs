//! When to stop: what was said last should arrive before the goodbye, and who leaves is told what
//! did not.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::chat::Update;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::sent::Undelivered;
use crate::cli::{End, Error, ExitCode, Loss};
use crate::id::PeerId;
use crate::text::Safe;
use crate::time::Instant;

/// How long somebody who leaves waits for receipts.
const LEAVE: Duration = Duration::from_secs(1);

impl Conversation {
    /// Whether somebody who wants to leave can: what was said last should arrive before the goodbye.
    pub(super) fn check_leave(&self, now: Instant) -> Option<ExitCode> {
        let since = self.state.leaving?;
        let is_over = now.saturating_since(since) >= LEAVE || self.state.sent.is_settled();
        is_over.then_some(ExitCode::Done)
    }

    /// Whether an input that has ended has also arrived, or does not in time. A listener that had
    /// nothing to say goes on listening.
    pub(super) fn check_end(&self, now: Instant) -> Result<Option<ExitCode>, Error> {
        let Some(ended) = self.state.ended else {
            return Ok(None);
        };
        if self.goal.is_listening() && self.state.sent.count() == 0 && !self.state.has_failed {
            return Ok(None);
        }
        if self.state.sent.is_settled() && self.state.pending.is_none() {
            return Ok(Some(ExitCode::Done));
        }
        if now.saturating_since(ended) < self.linger {
            return Ok(None);
        }
        Err(self.not_delivered(End::After(self.linger)))
    }

    /// Tells at the end what has not arrived. A pipe ends with an error then.
    pub(super) fn last_words(&mut self, end: Result<ExitCode, Error>) -> Result<ExitCode, Error> {
        self.take_last_receipts();
        self.printer.interrupt();
        if self.is_all_delivered() {
            return end.map(|code| self.conclude(code));
        }
        match end {
            Err(Error::NotDelivered(_)) => end,
            Ok(ExitCode::Done) if !self.is_person() => Err(self.not_delivered(End::Left)),
            Ok(_) | Err(_) => {
                for words in self.losses() {
                    self.warn(words);
                }
                end
            }
        }
    }

    /// Receipts that have come, but were not looked at.
    fn take_last_receipts(&mut self) {
        let now = self.clock.now();
        while let Ok(Some(update)) = self.handle.poll_event() {
            // What is not shown any more is not taken: it comes again next time.
            if let Update::Chat(crate::chat::Event::State {
                contact,
                name,
                state,
            }) = update
            {
                self.state.sent.on_state(contact, name, state, now);
            }
        }
    }

    fn is_all_delivered(&self) -> bool {
        self.state.sent.is_settled() && self.state.pending.is_none()
    }

    /// How a program that was done ends if a line that was piped in was refused, or failed.
    fn conclude(&self, code: ExitCode) -> ExitCode {
        if self.state.has_failed && !self.is_person() && code == ExitCode::Done {
            ExitCode::NotDelivered
        } else {
            code
        }
    }

    fn not_delivered(&self, end: End) -> Error {
        let undelivered = self.undelivered();
        let to = Safe::join(undelivered.keys().map(|peer| self.label(peer)), ", ");
        let sum = |of: fn(&Undelivered) -> usize| undelivered.values().map(of).sum::<usize>();
        Error::NotDelivered(Box::new(Loss {
            to,
            messages: sum(|it| it.messages),
            perhaps: sum(|it| it.perhaps),
            end,
            obstacle: None,
        }))
    }

    /// What has not arrived, by peer, with what the outbox had no room for.
    fn undelivered(&self) -> BTreeMap<PeerId, Undelivered> {
        let mut undelivered = self.state.sent.undelivered();
        if let Some((peer, _)) = &self.state.pending {
            undelivered.entry(*peer).or_default().messages += 1;
        }
        undelivered
    }

    /// What is lost when the program ends, a line for each peer.
    fn losses(&self) -> Vec<Safe> {
        let lost = |(peer, lost): (&_, &Undelivered)| {
            let Undelivered { messages, perhaps } = *lost;
            let words = Safe::from(messages)
                + if messages == 1 {
                    " message to "
                } else {
                    " messages to "
                }
                + self.label(peer)
                + if messages == 1 { " is" } else { " are" }
                + " not delivered and lost: there is no store yet";
            match perhaps {
                0 => words,
                _ if perhaps == messages => words + " (arrival not known)",
                _ => words + " (arrival of " + perhaps + " not known)",
            }
        };
        self.undelivered().iter().map(lost).collect()
    }
}
