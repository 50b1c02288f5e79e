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
use crate::id::PeerId;
use crate::proto::{ApiMisuse, Progress, ShortCode, Unfinished};
use crate::store::Day;
use crate::text::{Safe, safe_line};

/// A comparison that runs.
#[derive(Debug, Default)]
pub(super) struct Comparing {
    /// The words, once they are there.
    code: Option<ShortCode>,
    /// Whether our person has said that they are the same.
    is_ours: bool,
}

impl Conversation {
    /// Does something with a peer of that name, or with the prompt's.
    pub(super) fn on_named(
        &mut self,
        name: Option<&str>,
        act: fn(&mut Self, PeerId) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self.named(name) {
            Some(peer) => act(self, peer),
            None => Ok(()),
        }
    }

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
        self.verify(peer)
    }

    /// A program judges the words: the same, which it may show by what it heard, or others.
    ///
    /// # Errors
    /// SC40.
    pub(super) fn judged(&mut self, peer: PeerId, same: bool, typed: &str) -> Result<(), Error> {
        let unclear = |reason: Safe| Error::BadRequest { reason };
        let code = self.state.comparing.get(&peer).and_then(|it| it.code);
        let code = code.ok_or_else(|| unclear("no words are compared with this peer".into()))?;
        if !same {
            return self.differ(peer);
        }
        if let Some(complaint) = complaint(typed, &code) {
            return Err(unclear(complaint + " (nothing changed)"));
        }
        self.on_same(peer, &code)
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
        if self.is_aside(&peer) {
            let words = self.label(&peer) + ": the words differed; " + self.other_ways(&peer);
            self.warn_about(peer, words);
            return Ok(());
        }
        if let Some(code) = self.state.comparing.get(&peer).and_then(|it| it.code) {
            self.show_words(peer, &code);
            return Ok(());
        }
        let asked = self
            .handle
            .with(|messenger, now| messenger.endpoint_mut().verify(peer, now))?;
        let label = self.label(&peer);
        match asked {
            Ok(()) => {
                self.state.comparing.entry(peer).or_default();
                self.publish_step(peer, Step::Asked, None);
                let words = Safe::from("verify: asked ") + label + "; the words come at once";
                self.warn_about(peer, words + " if its program answers (5 minutes at most)");
            }
            Err(ApiMisuse::CannotVerify) => {
                let words = Safe::from("verify: the program of ") + label + " is too old; ";
                let words = words + self.other_ways(&peer);
                self.warn_about(peer, words);
            }
            Err(_) => {
                let words = Safe::from("verify: not now: ") + self.obstacle(peer)?;
                self.warn_about(peer, words);
                let words = Safe::from("  without a connection: ") + self.other_ways(&peer);
                self.warn_about(peer, words);
            }
        }
        Ok(())
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
            return self.on_same(peer, &code);
        };
        if compare(typed, &code) == Typed::Other {
            complaint = complaint + "; if they stay others: /differ " + self.label(&peer);
        }
        let words = Safe::from("verify: ") + complaint + " (nothing changed)";
        self.warn_about(peer, words);
        Ok(())
    }

    fn on_same(&mut self, peer: PeerId, code: &ShortCode) -> Result<(), Error> {
        let judged = self
            .handle
            .with(|messenger, now| messenger.endpoint_mut().judge(peer, code, true, now))?;
        if !judged {
            self.warn_about(peer, "verify: you have said so already".into());
            return Ok(());
        }
        if let Some(running) = self.state.comparing.get_mut(&peer) {
            running.is_ours = true;
        }
        self.publish_step(peer, Step::Match, None);
        let label = self.label(&peer);
        let words = match self.note_comparison(peer, true) {
            Some(true) => label + " is [verified] from now on",
            Some(false) => label + " has no saved name, so this counts for nothing later",
            None => return Ok(()),
        };
        self.warn_about(peer, Safe::from("verify: ") + words);
        let refreshed = self.profile.contacts.reload();
        self.take_over(refreshed)
    }

    /// The words differ: the session ends, whoever is there, and nothing more is sent.
    pub(super) fn differ(&mut self, peer: PeerId) -> Result<(), Error> {
        let Some(code) = self.words_of(peer) else {
            return Ok(());
        };
        self.set_aside(peer);
        self.handle.with(|messenger, now| {
            let endpoint = messenger.endpoint_mut();
            if !endpoint.judge(peer, &code, false, now) {
                endpoint.set_aside(peer, now);
            }
        })?;
        Ok(())
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
    pub(super) fn on_verification(&mut self, peer: PeerId, progress: Progress) {
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
            Progress::Differs => {
                let words = Safe::from("verify: ") + label + " says that the words differ";
                self.warn_about(peer, words);
                self.set_aside(peer);
            }
            Progress::Over(why) => self.on_unfinished(peer, why),
        }
    }

    fn on_unfinished(&mut self, peer: PeerId, why: Unfinished) {
        let was_ours = self
            .state
            .comparing
            .remove(&peer)
            .is_some_and(|it| it.is_ours);
        self.publish_step(peer, Step::from(why), None);
        let label = self.label(&peer);
        if was_ours && why != Unfinished::Withdrawn {
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

    /// The words that are compared with a peer; says so if there are none.
    fn words_of(&mut self, peer: PeerId) -> Option<ShortCode> {
        let code = self.state.comparing.get(&peer).and_then(|it| it.code);
        if code.is_none() {
            let label = self.label(&peer);
            let words = Safe::from("verify: no words are compared with ") + &label;
            self.warn_about(peer, words + " yet; to begin: /verify " + label);
        }
        code
    }

    /// Nothing goes to this peer until somebody has decided.
    fn set_aside(&mut self, peer: PeerId) {
        self.state.comparing.remove(&peer);
        self.state.aside.insert(peer);
        self.publish_step(peer, Step::Differ, None);
        let _ = self.note_comparison(peer, false);
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
    }

    /// What is to be done without words.
    fn other_ways(&self, peer: &PeerId) -> Safe {
        if !self.profile.contacts.is_saved(peer) {
            return "compare the whole key with its owner by another way".into();
        }
        let words = Safe::from("compare the safety number: securechat peers verify ");
        words + self.label(peer)
    }

    /// Notes what came of a comparison. `Some(false)`: there is no line to note it on; `None`: it failed,
    /// which is said.
    fn note_comparison(&mut self, peer: PeerId, same: bool) -> Option<bool> {
        let day = Day::from(self.clock.unix_time());
        let noted = self.profile.contacts.note_comparison(&peer, same, day);
        match noted {
            Ok(noted) => Some(noted),
            Err(error) => {
                self.complain(&error.into());
                None
            }
        }
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
