//! Two people compare words. Every step is told, with what to do next.
//!
//! ```text
//! /verify ─▶ asked ─▶ words ─▶ /match        the peer is verified from now on
//!                          ├─▶ /match WORDS  the same, if they are what the other reads out
//!                          ├─▶ /differ       the session ends, nothing is sent until somebody decides
//!                          └─▶ /later
//! ```

use crate::chat::words::{Typed, compare, split_name, words};
use crate::cli::Error;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::fact::{Fact, Step};
use crate::cli::talk::profile::count;
use crate::id::PeerId;
use crate::proto::{ApiMisuse, Progress, ShortCode, Unfinished};
use crate::store::{self, Day};
use crate::text::{Safe, safe_line};

const NO_LONGER: &str = "those words are compared no longer";

/// A comparison that runs.
#[derive(Debug, Default)]
pub(super) struct Comparing {
    /// The words, once they are there.
    code: Option<ShortCode>,
    /// Whether our person has said that they are the same.
    is_ours: bool,
}

/// What came of it that our person has said that the words are the same.
#[derive(Debug)]
pub(super) enum Judged {
    /// Whether there was a line to note it on.
    Noted(bool),
    Already,
    /// The words are compared no longer: the other side has withdrawn or asked anew meanwhile.
    Gone,
    Unwritten(store::Error),
}

impl Conversation {
    /// `[verified]`, or its opposite.
    pub(super) fn trust_word(&self, peer: &PeerId) -> &'static str {
        if self.is_aside(peer) {
            "[NOT VERIFIED: the words differed]"
        } else if self.profile.contacts.verified(peer).is_some() {
            "[verified]"
        } else {
            "[not verified]"
        }
    }

    /// Whether words that were compared with this peer were others, and nobody has decided since.
    pub(super) fn is_aside(&self, peer: &PeerId) -> bool {
        let is_unsaved = || self.state.aside.contains(peer);
        self.profile.contacts.differed_on(peer).is_some() || is_unsaved()
    }

    /// Makes sure that nobody has to decide first whether this peer is who it should be.
    ///
    /// # Errors
    /// SC33.
    pub(super) fn check_not_aside(&self, peer: PeerId) -> Result<(), Error> {
        if self.is_aside(&peer) {
            let name = self.label(&peer);
            return Err(Error::WordsDiffered { name });
        }
        Ok(())
    }

    /// Tells programs how far a comparison has come.
    fn publish_step(&mut self, peer: PeerId, step: Step, code: Option<&ShortCode>) {
        let fact = Fact::Verify {
            who: self.who(&peer),
            step,
            words: code.map(words),
            numbers: code.map(ShortCode::numbers),
        };
        self.publish(&fact);
    }

    /// A program asks to compare.
    ///
    /// # Errors
    /// SC33, SC40.
    pub(super) fn verify_asked(&mut self, peer: PeerId) -> Result<(), Error> {
        self.check_not_aside(peer)?;
        if !self.way(peer)?.stands() {
            let reason = self.obstacle(peer)?;
            return Err(Error::BadRequest { reason });
        }
        match self.ask_to_verify(peer)? {
            None => Ok(()),
            Some(reason) => Err(Error::BadRequest { reason }),
        }
    }

    /// A program says that the words are the same, which it may show by what it heard. Whether that was
    /// noted: a peer without a saved name has no line for it.
    ///
    /// # Errors
    /// SC40; what writing to known-peers fails with.
    pub(super) fn match_asked(&mut self, peer: PeerId, typed: &str) -> Result<bool, Error> {
        let unclear = |reason: Safe| Err(Error::BadRequest { reason });
        let Some(code) = self.shown(peer) else {
            return unclear("no words are compared with this peer".into());
        };
        if let Some(complaint) = complaint(typed, &code) {
            return unclear(complaint + " (nothing changed)");
        }
        match self.on_same(peer, &code)? {
            Judged::Noted(is_noted) => Ok(is_noted),
            Judged::Already => Ok(self.profile.contacts.verified(&peer).is_some()),
            Judged::Gone => unclear(Safe::from(NO_LONGER) + " (nothing changed)"),
            Judged::Unwritten(error) => Err(error.into()),
        }
    }

    /// A program says that the words differ.
    ///
    /// # Errors
    /// SC40.
    pub(super) fn differ_asked(&mut self, peer: PeerId) -> Result<(), Error> {
        if self.end_if_words(peer)? {
            return Ok(());
        }
        let reason = "no words are compared with this peer".into();
        Err(Error::BadRequest { reason })
    }

    /// Says once that words can be compared.
    pub(super) fn suggest_verification(&mut self, peer: PeerId) {
        let is_due = self.is_person() && self.profile.contacts.verified(&peer).is_none();
        if is_due && self.state.suggested.insert(peer) {
            let label = self.label(&peer);
            let words = Safe::from("to be sure that it is ") + &label + ", compare four words: ";
            self.face.note(Some(peer), &(words + "/verify " + label));
        }
    }

    /// Asks a peer to compare words, or shows those that are being compared once more.
    pub(super) fn verify(&mut self, peer: PeerId) -> Result<(), Error> {
        self.ask_to_verify(peer).map(|_| ())
    }

    /// As [`Conversation::verify`]; why nothing can be compared, which the face has been told.
    fn ask_to_verify(&mut self, peer: PeerId) -> Result<Option<Safe>, Error> {
        if self.is_aside(&peer) {
            let words = self.label(&peer) + ": the words differed; " + self.other_ways(&peer);
            self.warn_about(peer, words.clone());
            return Ok(Some(words));
        }
        if let Some(code) = self.running(peer)? {
            // Others than those that were shown are about to be told.
            if self.shown(peer) == Some(code) {
                self.publish_step(peer, Step::Words, Some(&code));
                self.show_words(peer, &code);
            }
            return Ok(None);
        }
        let asked = self
            .handle
            .with(|messenger, now| messenger.endpoint_mut().verify(peer, now))?;
        let label = self.label(&peer);
        let why = match asked {
            Ok(()) => {
                self.state.comparing.insert(peer, Comparing::default());
                self.publish_step(peer, Step::Asked, None);
                let words = Safe::from("verify: asked ") + label + "; the words come at once";
                self.warn_about(peer, words + " if its program answers (5 minutes at most)");
                return Ok(None);
            }
            Err(ApiMisuse::CannotVerify) => {
                let why = Safe::from("the program of ") + label + " is too old; ";
                let why = why + self.other_ways(&peer);
                self.warn_about(peer, Safe::from("verify: ") + &why);
                why
            }
            Err(_) => {
                let why = self.obstacle(peer)?;
                self.warn_about(peer, Safe::from("verify: not now: ") + &why);
                let words = Safe::from("  without a connection: ") + self.other_ways(&peer);
                self.warn_about(peer, words);
                why
            }
        };
        Ok(Some(why))
    }

    /// The words are the same: a name, the words that were read out, or both.
    pub(super) fn on_match(&mut self, rest: Option<&str>) -> Result<(), Error> {
        let (name, typed) = split_name(rest.unwrap_or_default());
        let Some(peer) = self.named(name) else {
            return Ok(());
        };
        self.matches(peer, typed)
    }

    pub(super) fn matches(&mut self, peer: PeerId, typed: &str) -> Result<(), Error> {
        let Some(code) = self.words_of(peer) else {
            return Ok(());
        };
        let Some(mut complaint) = complaint(typed, &code) else {
            match self.on_same(peer, &code)? {
                Judged::Noted(_) => {}
                Judged::Already => self.warn_about(peer, "verify: you have said so already".into()),
                Judged::Gone => {
                    let words =
                        Safe::from("verify: ") + NO_LONGER + ": /verify " + self.label(&peer);
                    self.warn_about(peer, words + " (nothing changed)");
                }
                Judged::Unwritten(error) => self.complain(&error.into()),
            }
            return Ok(());
        };
        if compare(typed, &code) == Typed::Other {
            complaint = complaint + "; if they stay others: /differ " + self.label(&peer);
        }
        let words = Safe::from("verify: ") + complaint + " (nothing changed)";
        self.warn_about(peer, words);
        Ok(())
    }

    /// What cannot be written down is not said either: it can be said again.
    fn on_same(&mut self, peer: PeerId, code: &ShortCode) -> Result<Judged, Error> {
        if self.running(peer)? != Some(*code) {
            return Ok(Judged::Gone);
        }
        let running = self.state.comparing.get(&peer);
        if running.is_some_and(|it| it.is_ours) {
            return Ok(Judged::Already);
        }
        let is_noted = match self.note_comparison(peer, true) {
            Ok(is_noted) => is_noted,
            Err(error) => return Ok(Judged::Unwritten(error)),
        };
        // Words that have gone meanwhile were the same all the same.
        self.handle
            .with(|messenger, now| messenger.endpoint_mut().judge(peer, code, true, now))?;
        if let Some(running) = self.state.comparing.get_mut(&peer) {
            running.is_ours = true;
        }
        self.publish_step(peer, Step::Match, None);
        let label = self.label(&peer);
        let words = if is_noted {
            label + " is [verified] from now on"
        } else {
            label + " has no saved name, so this counts for nothing later"
        };
        self.warn_about(peer, Safe::from("verify: ") + words);
        let refreshed = self.profile.contacts.reload();
        self.take_over(refreshed)?;
        Ok(Judged::Noted(is_noted))
    }

    /// The words differ: the session ends, whoever is there, and nothing more is sent.
    pub(super) fn differ(&mut self, peer: PeerId) -> Result<(), Error> {
        if !self.end_if_words(peer)? {
            self.words_of(peer);
        }
        Ok(())
    }

    /// Ends it with a peer whose words differ, if there are any, or were on this connection.
    fn end_if_words(&mut self, peer: PeerId) -> Result<bool, Error> {
        let last = self
            .handle
            .with(|messenger, _| messenger.endpoint().words(peer))?;
        let code = self.shown(peer).or_else(|| last.map(|words| words.code));
        if code.is_some() {
            self.set_aside(peer, code)?;
        }
        Ok(code.is_some())
    }

    /// Compares no more for now.
    pub(super) fn compare_later(&mut self, peer: PeerId) -> Result<(), Error> {
        let label = self.label(&peer);
        if self.state.comparing.remove(&peer).is_none() {
            self.warn_about(peer, Safe::from("verify: nothing to compare with ") + label);
            return Ok(());
        }
        self.publish_step(peer, Step::Withdrawn, None);
        self.handle
            .with(|messenger, _| messenger.endpoint_mut().withdraw(peer))?;
        let words = Safe::from("verify: another time; then: /verify ") + label;
        self.warn_about(peer, words);
        Ok(())
    }

    /// Tells how far a comparison has come.
    pub(super) fn on_verification(
        &mut self,
        peer: PeerId,
        progress: Progress,
    ) -> Result<(), Error> {
        let label = self.label(&peer);
        match progress {
            Progress::Asked => {
                self.state.comparing.insert(peer, Comparing::default());
                self.publish_step(peer, Step::TheyAsk, None);
                let words = Safe::from("verify: ") + label + " wants to compare words with you";
                self.warn_about(peer, words);
            }
            Progress::Ready(code) => {
                let running = self.state.comparing.entry(peer).or_default();
                *running = Comparing {
                    code: Some(code),
                    is_ours: false,
                };
                self.publish_step(peer, Step::Words, Some(&code));
                self.show_words(peer, &code);
            }
            Progress::Theirs => {
                self.publish_step(peer, Step::TheyMatch, None);
                let is_ours = self.state.comparing.get(&peer).is_some_and(|it| it.is_ours);
                let words = Safe::from("verify: ") + &label + " has confirmed";
                let words = match is_ours {
                    true => words + " too",
                    false => words + "; waiting for you: /match " + &label + " or /differ " + label,
                };
                self.warn_about(peer, words);
            }
            // New words may be on the table by now.
            Progress::Agreed(code) => {
                if self.shown(peer) == Some(code) {
                    self.state.comparing.remove(&peer);
                }
            }
            Progress::Differs => {
                let words = Safe::from("verify: ") + label + " says that the words differ";
                self.warn_about(peer, words);
                self.set_aside(peer, None)?;
            }
            Progress::Over(why) => self.on_unfinished(peer, why),
        }
        Ok(())
    }

    fn on_unfinished(&mut self, peer: PeerId, why: Unfinished) {
        let was_ours = self
            .state
            .comparing
            .remove(&peer)
            .is_some_and(|it| it.is_ours);
        self.publish_step(peer, Step::from(why), None);
        let label = self.label(&peer);
        if was_ours {
            let words = Safe::from("verify: ") + label + " has not confirmed; your word counts";
            return self.warn_about(peer, words);
        }
        let words = match why {
            Unfinished::Withdrawn => label.clone() + " does not compare now",
            Unfinished::TooSoon => {
                label.clone() + " compared less than a minute ago; wait that long"
            }
            Unfinished::Expired => Safe::from("nobody has compared within 5 minutes"),
            Unfinished::Lost => Safe::from("the connection ended before you had compared"),
        };
        let again = Safe::from("; to begin again with new words: /verify ") + label;
        self.warn_about(peer, Safe::from("verify: ") + words + again);
    }

    fn show_words(&mut self, peer: PeerId, code: &ShortCode) {
        let label = self.label(&peer);
        let [a, b, c, d] = words(code);
        let [x, y, z] = code.numbers();
        let call = Safe::from("verify: call ") + &label + " or meet. Do NOT use this chat for it: ";
        let numbers = Safe::from("    or, without English, the numbers  ") + u64::from(x) + "  ";
        for line in [
            call + "whoever is in the middle could answer. Both of you see:",
            Safe::from("    ") + safe_line(&[a, b, c, d].join("   ")),
            numbers + u64::from(y) + "  " + u64::from(z),
            Safe::from("  they are the same:       /match ") + &label,
            Safe::from("  type what you are read:  /match ") + &label + " WORD WORD WORD WORD",
            Safe::from("  they differ:             /differ ") + &label,
            Safe::from("  another time:            /later ") + label,
        ] {
            self.warn_about(peer, line);
        }
    }

    /// The words that our person was shown and has not done with.
    fn shown(&self, peer: PeerId) -> Option<ShortCode> {
        self.state.comparing.get(&peer).and_then(|it| it.code)
    }

    /// The words that are compared at this moment, if there are any. Those that were shown may not be.
    fn running(&self, peer: PeerId) -> Result<Option<ShortCode>, Error> {
        let words = self
            .handle
            .with(|messenger, _| messenger.endpoint().words(peer))?;
        let running = words.filter(|words| words.is_running);
        Ok(running.map(|words| words.code))
    }

    /// The words that were shown; says so if there are none.
    fn words_of(&mut self, peer: PeerId) -> Option<ShortCode> {
        let code = self.shown(peer);
        if code.is_none() {
            let label = self.label(&peer);
            let words = Safe::from("verify: no words are compared with ") + &label;
            self.warn_about(peer, words + " yet; to begin: /verify " + label);
        }
        code
    }

    /// Nothing goes to this peer until somebody has decided. `code`: what our person has found to differ.
    fn set_aside(&mut self, peer: PeerId, code: Option<ShortCode>) -> Result<(), Error> {
        self.state.comparing.remove(&peer);
        self.state.aside.insert(peer);
        self.publish_step(peer, Step::Differ, None);
        let verified = self.profile.contacts.verified(&peer);
        if let Err(error) = self.note_comparison(peer, false) {
            self.state.unwritten.insert(peer, verified);
            self.complain(&error.into());
            let words = "that is tried again; a program that starts before it is written would not know of it";
            self.warn_about(peer, words.into());
        }
        let label = self.label(&peer);
        let since =
            Safe::from("THE WORDS DIFFER: somebody may sit between you and ") + &label + ".";
        for line in [
            since,
            "  The session is closed. Nothing that was said in it should be trusted.".into(),
            Safe::from("  Nothing is sent to ") + label + " and nothing is taken until you decide:",
            Safe::from("  ") + self.other_ways(&peer),
        ] {
            self.warn_about(peer, line);
        }
        self.say_what_waits(peer);
        // Also if the core has done so itself: the list of peers may have brought the peer back since.
        self.handle.with(|messenger, now| {
            let endpoint = messenger.endpoint_mut();
            let is_said = code.is_some_and(|code| endpoint.judge(peer, &code, false, now));
            if !is_said {
                endpoint.set_aside(peer, now);
            }
        })?;
        Ok(())
    }

    /// What waits for a peer whose words differed is kept. Whoever waits for it hears why at once.
    pub(super) fn say_what_waits(&mut self, peer: PeerId) {
        self.refuse_waits(peer);
        let undelivered = self.state.sent.undelivered();
        if let Some(waiting) = undelivered.get(&peer).filter(|it| it.messages > 0) {
            let words = Safe::from("  ") + count(waiting.messages) + " for " + self.label(&peer);
            self.warn_about(peer, words + " not sent, and kept until then");
        }
    }

    /// Answers the programs that wait for a peer whose words differed.
    pub(super) fn refuse_waits(&mut self, peer: PeerId) {
        let differed = |it: &Self| Error::WordsDiffered {
            name: it.label(&peer),
        };
        self.answer_refused(peer, differed);
        self.refuse_pings(peer, differed);
    }

    /// What is to be done without words.
    pub(super) fn other_ways(&self, peer: &PeerId) -> Safe {
        if !self.profile.contacts.is_saved(peer) {
            return "compare the whole key with its owner by another way".into();
        }
        let words = Safe::from("compare the safety number: securechat peers verify ");
        words + self.label(peer)
    }

    /// Notes what came of a comparison; false: there is no line to note it on.
    fn note_comparison(&self, peer: PeerId, same: bool) -> Result<bool, store::Error> {
        let day = Day::from(self.clock.unix_time());
        let contacts = &self.profile.contacts;
        contacts.note_comparison(&peer, same, day)
    }
}

/// What is wrong with the words that were read out. None are right: then a person has compared.
fn complaint(typed: &str, code: &ShortCode) -> Option<Safe> {
    match compare(typed, code) {
        Typed::Same => None,
        Typed::Incomplete if typed.is_empty() => None,
        Typed::Other => {
            Some("those are other words than the ones here. Have them read once more".into())
        }
        Typed::Incomplete => Some("four words or three numbers are read out".into()),
        Typed::Unknown(at) => {
            Some(Safe::from("word ") + at + " is not on the list; have it read once more")
        }
    }
}
