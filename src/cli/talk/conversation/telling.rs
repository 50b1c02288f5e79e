//! Tells what happens: people in words, programs as events.

use crate::chat::{ContactId, Name};
use crate::cli::json::message_id;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::fact::{Change, Fact, Tone, Who};
use crate::cli::{Error, ExitCode, Report};
use crate::id::PeerId;
use crate::text::Safe;

impl Conversation {
    /// Tells everybody.
    pub(in crate::cli::talk) fn tell(&mut self, fact: &Fact) {
        self.publish(fact);
        if let Some((tone, words)) = fact.words() {
            self.tell_people(tone, fact.about(), &words);
        }
    }

    fn tell_people(&mut self, tone: Tone, about: Option<PeerId>, words: &Safe) {
        match tone {
            Tone::Note => self.face.note(about, words),
            Tone::Warning => self.face.warn(about, words),
        }
        #[cfg(test)]
        self.state
            .told_to_people_for_testing_only
            .push(words.clone());
    }

    pub(super) fn note(&mut self, words: Safe) {
        self.tell_people(Tone::Note, None, &words);
    }

    pub(super) fn warn(&mut self, words: Safe) {
        self.tell_people(Tone::Warning, None, &words);
    }

    /// As [`Conversation::warn`], where what is said with this peer is shown.
    pub(super) fn warn_about(&mut self, peer: PeerId, words: Safe) {
        self.tell_people(Tone::Warning, Some(peer), &words);
    }

    /// Tells everybody what may be no news to people: then programs alone.
    pub(super) fn tell_if_news(&mut self, is_news: bool, fact: &Fact) {
        if is_news {
            self.tell(fact);
        } else {
            self.publish(fact);
        }
    }

    /// Tells programs. People are told in another way, or need not be.
    pub(super) fn publish(&mut self, fact: &Fact) {
        let now = self.clock.unix_time();
        self.face.event(fact, now);
        self.programs.publish(fact, now);
    }

    /// Whether any program is told: what nobody hears need not be made.
    pub(super) const fn has_hearers(&self) -> bool {
        self.face.is_events() || self.programs.are_listening()
    }

    /// Tells that the way to a peer has changed.
    pub(super) fn tell_link(&mut self, peer: PeerId, change: Change, message: Safe) {
        self.tell(&Fact::Link {
            who: self.who(&peer),
            change,
            rtt_ms: None,
            message,
        });
    }

    /// Tells programs how far a message of ours has come.
    pub(super) fn publish_receipt(
        &mut self,
        contact: ContactId,
        name: Name,
        state: &'static str,
        reason: Option<Safe>,
    ) {
        if !self.has_hearers() {
            return;
        }
        let fact = Fact::Receipt {
            id: message_id(name),
            who: self.who(&contact.peer()),
            state,
            reason,
        };
        self.publish(&fact);
    }

    /// Prints an error that does not end the program.
    pub(in crate::cli::talk) fn complain(&mut self, error: &Error) {
        self.complain_of(None, error);
    }

    /// As [`Conversation::complain`], where what is said with this peer is shown.
    pub(super) fn complain_about(&mut self, peer: PeerId, error: &Error) {
        self.complain_of(Some(peer), error);
    }

    fn complain_of(&mut self, about: Option<PeerId>, error: &Error) {
        let trouble = self.out.trouble(error);
        self.publish(&Fact::Error(trouble));
        self.face.complain(about, error, &self.out);
    }

    /// Tells what went wrong beside the conversation: people in a line.
    pub(super) fn tell_trouble(&mut self, report: &Report) {
        self.publish(&Fact::Error(self.out.trouble_of(report)));
        self.warn(report.title.clone());
    }

    /// Tells programs how this one ends. The error that ends a command is the last line of its own output.
    pub(super) fn tell_end(&mut self, end: &Result<ExitCode, Error>) {
        let now = self.clock.unix_time();
        match end {
            Ok(code) => self.publish(&Fact::End { exit: *code as u8 }),
            Err(error) => {
                let trouble = self.out.trouble(error);
                self.programs.publish(&Fact::Error(trouble), now);
                let exit = error.exit_code() as u8;
                self.programs.publish(&Fact::End { exit }, now);
            }
        }
    }

    /// Somebody, as events name them.
    pub(super) fn who(&self, peer: &PeerId) -> Who {
        Who {
            label: self.label(peer),
            key: *peer,
        }
    }

    /// Whether our events are read.
    ///
    /// # Errors
    /// What writing one has failed with: SC24 if their reader has left.
    pub(super) fn check_reader(&mut self) -> Result<Option<ExitCode>, Error> {
        let written = self.face.take_failure();
        self.printed(written)
    }
}
