//! What an earlier run left behind, told before anything else.

use std::collections::BTreeMap;

use crate::chat::Outgoing;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::conversation::messages::KEY_REVOKED;
use crate::cli::talk::fact::{Fact, Waits};
use crate::cli::{Error, ExitCode};
use crate::id::PeerId;
use crate::text::count_messages;
use crate::tui::Told;

impl Conversation {
    /// Shows messages that perhaps nobody has seen, and says what still waits for whom.
    pub(super) fn begin(&mut self) -> Result<Option<ExitCode>, Error> {
        self.tell_screen()?;
        if let Some(peer) = self.state.target.peer() {
            self.face.show(Told::Show(peer));
        }
        for it in core::mem::take(&mut self.profile.left.unconfirmed) {
            if let Some(end) = self.print(it.contact, &it.message, Some(it.received_at))? {
                return Ok(Some(end));
            }
        }
        self.profile.journal.catch_up()?;
        self.tell_left()?;
        Ok(None)
    }

    /// Says what is given up, since its receiver was revoked after it was written, and writes that down.
    pub(in crate::cli::talk) fn tell_given_up(&mut self) -> Result<(), Error> {
        // With the conversations that it may be about.
        self.tell_screen()?;
        for it in self.profile.give_up() {
            for name in it.names {
                self.publish_receipt(it.contact, name, "failed", Some(KEY_REVOKED.into()));
            }
            if self.face.is_screen() {
                self.warn_about(it.contact.peer(), it.words);
            } else {
                self.out.warn(&it.words);
            }
        }
        Ok(self.profile.journal.catch_up()?)
    }

    /// Each message that waits gets a number, so that its receipt can be told.
    fn tell_left(&mut self) -> Result<(), Error> {
        let mut left: BTreeMap<PeerId, Vec<Outgoing>> = BTreeMap::new();
        for (contact, message) in core::mem::take(&mut self.profile.left.waiting) {
            if let Some(screen) = self.face.screen() {
                screen.own_from_before(contact.peer(), &message);
            }
            left.entry(contact.peer()).or_default().push(message);
        }
        let now = self.clock.now();
        for (peer, waiting) in left {
            let messages = waiting.len();
            let fact = Fact::Outbox {
                who: self.who(&peer),
                messages,
                state: Waits::FromBefore,
            };
            self.publish(&fact);
            let names = waiting.iter().map(|it| it.name);
            let numbers = self.state.sent.take_over(peer, names, now);
            for (number, message) in numbers.clone().zip(&waiting) {
                self.remember_ours(peer, number, message);
            }
            let verb = if messages == 1 { " waits" } else { " wait" };
            let words =
                count_messages(messages) + " from before" + verb + " for " + self.label(&peer);
            let is_stranger = self.status(peer)?.is_none();
            let words = if self.is_aside(&peer) {
                words
                    + ", until you decide: the words that you compared differed; "
                    + self.other_ways(&peer)
            } else if is_stranger {
                words + ", who is not among your peers"
            } else {
                words
            };
            // A screen has just shown them, unless there is no conversation for them.
            if self.face.is_screen() {
                if is_stranger {
                    self.note(words);
                }
                continue;
            }
            self.note(match (self.is_person(), messages) {
                (false, _) => words,
                (true, 1) => words + ": [" + *numbers.start() + "]",
                (true, _) => words + ": [" + *numbers.start() + "] to [" + *numbers.end() + "]",
            });
        }
        Ok(())
    }
}
