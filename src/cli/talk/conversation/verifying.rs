//! Two people compare words. Every step is told, with what to do next: in lines by the commands, on a screen
//! to its panel, which shows how things stand.
//!
//! ```text
//! /verify ─▶ asked ─▶ words ─▶ /match          the peer is verified from now on
//!                          ├─▶ /match WORDS    the same, if they are what the other reads out
//!                          ├─▶ /differ         the session ends, nothing is sent until somebody decides
//!                          └─▶ /later
//! /number ─▶ 60 digits ─────▶ /number DIGITS   without a session
//! ```

use crate::chat::words::{Typed, compare, split_name, words};
use crate::cli::Error;
use crate::cli::peers::verify::SafetyNumber;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::conversation::comparing::{
    Comparing, Evidence, alone, complaint, too_old, unfinished,
};
use crate::cli::talk::conversation::confirmed::Judge;
use crate::cli::talk::conversation::watch::Unnoted;
use crate::cli::talk::fact::{Fact, Step};
use crate::commands::SAFETY_NUMBER_DIGITS;
use crate::crypto::{SAFETY_NUMBER_LEN, safety_number};
use crate::id::PeerId;
use crate::proto::limits::VERIFY_LIFE;
use crate::proto::{ApiMisuse, Progress, ShortCode, Unfinished};
use crate::store;
use crate::text::{Safe, count_messages};
use crate::tui::{self, Noted};

// `commands` reads what was typed, and knows no keys.
const _: () = assert!(SAFETY_NUMBER_DIGITS == SAFETY_NUMBER_LEN);

const NO_LONGER: &str = "those words are compared no longer";

/// What came of it that our person has said that the words are the same.
#[derive(Debug)]
enum Judged {
    Noted(Noted),
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
            let peer = self.peer(&peer);
            return Err(Error::WordsDiffered { peer });
        }
        Ok(())
    }

    /// Tells programs how far a comparison has come.
    pub(super) fn publish_step(&mut self, peer: PeerId, step: Step, code: Option<&ShortCode>) {
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
        let Some(code) = self.code(peer) else {
            return unclear("no words are compared with this peer".into());
        };
        if let Some(complaint) = complaint(typed, &code) {
            return unclear(complaint + " (nothing changed)");
        }
        match self.on_same(peer, &code, Judge::Program)? {
            Judged::Noted(noted) => Ok(noted == Noted::Saved),
            Judged::Already => Ok(self.profile.contacts.verified(&peer).is_some()),
            Judged::Gone => unclear(Safe::from(NO_LONGER) + " (nothing changed)"),
            Judged::Unwritten(error) => Err(error.into()),
        }
    }

    /// What to press or to type: the key, where there is a panel and a key for it.
    fn how_to_verify(&mut self, label: &Safe) -> Safe {
        let key = self.face.screen().and_then(|screen| screen.key_to_verify());
        key.unwrap_or_else(|| Safe::from("/verify ") + label)
    }

    /// Says once that words can be compared.
    pub(super) fn suggest_verification(&mut self, peer: PeerId) {
        let is_due = self.is_person() && self.profile.contacts.verified(&peer).is_none();
        if is_due && self.state.suggested.insert(peer) {
            let label = self.label(&peer);
            let words = Safe::from("Compare four words with ") + &label + " to be sure who it is: ";
            let how = self.how_to_verify(&label);
            self.face.note(Some(peer), &(words + how));
        }
    }

    /// Asks a peer to compare words, or shows those that are being compared once more.
    pub(super) fn verify(&mut self, peer: PeerId) -> Result<(), Error> {
        self.ask_to_verify(peer).map(|_| ())
    }

    /// As [`Conversation::verify`]; why nothing can be compared, which the face has been told.
    fn ask_to_verify(&mut self, peer: PeerId) -> Result<Option<Safe>, Error> {
        if self.is_aside(&peer) {
            let differs = self.differs(&peer);
            self.show_comparison(peer, differs);
            let words = self.label(&peer) + ": the words differed; " + self.other_ways(&peer);
            self.warn_in_lines(peer, words.clone());
            return Ok(Some(words));
        }
        let running = self.running(peer)?;
        match self.state.comparing.get(&peer) {
            Some(shown) if shown.code.is_none() || shown.code == running => {
                let (code, stands) = (shown.code, shown.stands());
                self.show_comparison(peer, stands);
                match code {
                    Some(code) => {
                        self.publish_step(peer, Step::Words, Some(&code));
                        self.show_words(peer, &code);
                    }
                    None => self.tell_asked(peer),
                }
                return Ok(None);
            }
            // Others are about to be told.
            Some(_) | None if running.is_some() => return Ok(None),
            Some(_) | None => {}
        }
        let asked = self
            .handle
            .with(|messenger, now| messenger.endpoint_mut().verify(peer, now))?;
        let why = match asked {
            Ok(()) => {
                self.begin_comparing(peer);
                self.publish_step(peer, Step::Asked, None);
                self.tell_asked(peer);
                return Ok(None);
            }
            Err(ApiMisuse::CannotVerify) => {
                let why = too_old(&self.label(&peer));
                self.tell_impossible(peer, why.clone());
                why
            }
            Err(_) => {
                let why = self.obstacle(peer)?;
                self.tell_not_now(peer, why.clone());
                why
            }
        };
        Ok(Some(why))
    }

    fn begin_comparing(&mut self, peer: PeerId) {
        let running = Comparing::until(self.clock.now() + VERIFY_LIFE);
        let stands = running.stands();
        self.state.comparing.insert(peer, running);
        self.show_comparison(peer, stands);
    }

    /// The words are the same: a name, the words that were read out, or both.
    pub(super) fn on_match(&mut self, rest: Option<&str>) -> Result<(), Error> {
        let (name, typed) = split_name(rest.unwrap_or_default());
        let Some(peer) = self.named(name) else {
            return Ok(());
        };
        self.matches(peer, typed)
    }

    /// The words on a screen are the same. By the time that it says so there may be others.
    pub(super) fn matches_shown(
        &mut self,
        peer: PeerId,
        shown: Option<ShortCode>,
        typed: &str,
    ) -> Result<(), Error> {
        let code = self.code(peer);
        // Words that somebody has said to be the same are on the screen no longer.
        let is_said = || {
            let running = self.state.comparing.get(&peer);
            shown.is_none() && running.is_some_and(|it| it.ours.is_some())
        };
        if code.is_some() && code != shown && !is_said() {
            let why = "the words have changed meanwhile: compare the new ones (nothing changed)";
            self.not_proved(peer, why.into());
            return Ok(());
        }
        self.matches(peer, typed)
    }

    fn matches(&mut self, peer: PeerId, typed: &str) -> Result<(), Error> {
        let Some(code) = self.words_of(peer) else {
            return Ok(());
        };
        let Some(mut complaint) = complaint(typed, &code) else {
            match self.on_same(peer, &code, Judge::Person)? {
                Judged::Noted(_) => {}
                Judged::Already => self.not_proved(peer, "you have said so already".into()),
                Judged::Gone => {
                    let words = Safe::from(NO_LONGER) + ": /verify " + self.label(&peer);
                    self.not_proved(peer, words + " (nothing changed)");
                }
                Judged::Unwritten(error) => self.complain(&error.into()),
            }
            return Ok(());
        };
        if compare(typed, &code) == Typed::Other {
            complaint = complaint + "; if they stay others: /differ " + self.label(&peer);
        }
        self.not_proved(peer, complaint + " (nothing changed)");
        Ok(())
    }

    /// What cannot be written down is not said either: it can be said again.
    fn on_same(&mut self, peer: PeerId, code: &ShortCode, judge: Judge) -> Result<Judged, Error> {
        if self.running(peer)? != Some(*code) {
            return Ok(Judged::Gone);
        }
        let running = self.state.comparing.get(&peer);
        if running.is_some_and(|it| it.ours.is_some()) {
            return Ok(Judged::Already);
        }
        let noted = match self.note_same(peer, judge)? {
            Ok(noted) => noted,
            Err(error) => return Ok(Judged::Unwritten(error)),
        };
        // Words that have gone meanwhile were the same all the same.
        self.handle
            .with(|messenger, now| messenger.endpoint_mut().judge(peer, code, true, now))?;
        if let Some(running) = self.state.comparing.get_mut(&peer) {
            running.ours = Some(noted);
        }
        self.show_or_close(peer);
        Ok(Judged::Noted(noted))
    }

    /// Shows how a comparison stands; one that both have finished is over, and the next one has new words.
    fn show_or_close(&mut self, peer: PeerId) {
        let Some(running) = self.state.comparing.get(&peer) else {
            return;
        };
        let (stands, is_over) = (running.stands(), running.ours.is_some() && running.theirs);
        if is_over {
            self.state.comparing.remove(&peer);
        }
        self.show_comparison(peer, stands);
    }

    /// What was compared differs. In lines all words are shown, also those of a comparison that is over, on the
    /// connection that stands.
    pub(super) fn differ(&mut self, peer: PeerId) -> Result<(), Error> {
        let last = self
            .handle
            .with(|messenger, _| messenger.endpoint().words(peer))?;
        let code = self.code(peer).or_else(|| last.map(|words| words.code));
        self.differ_by(peer, code)
    }

    /// What was compared differs: the session ends, whoever is there, and nothing more is sent. `code`: the words
    /// that were shown; none if it is about the keys.
    pub(super) fn differ_by(&mut self, peer: PeerId, code: Option<ShortCode>) -> Result<(), Error> {
        let evidence = code.map_or(Evidence::Keys, |_| Evidence::Words);
        self.set_aside(peer, evidence, code)
    }

    /// Shows the safety number, or compares it with the one that was read out.
    pub(super) fn compare_safety_number(&mut self, peer: PeerId, typed: &str) -> Result<(), Error> {
        if self.profile.contacts.known().is_revoked(&peer) {
            self.not_proved(peer, "this key is revoked (nothing changed)".into());
            return Ok(());
        }
        let number = safety_number(&self.own, &peer);
        if typed.is_empty() {
            self.show_safety_number(peer, &number);
            return Ok(());
        }
        let why = match SafetyNumber::compare(typed, &number) {
            SafetyNumber::Same => {
                match self.note_same(peer, Judge::Person)? {
                    Ok(noted) => self.show_comparison(peer, alone(noted)),
                    Err(error) => self.complain(&error.into()),
                }
                return Ok(());
            }
            SafetyNumber::Other => {
                let words = "that is another number than the one here. Have it read once more; if it stays another: /differ ";
                Safe::from(words) + self.label(&peer)
            }
            SafetyNumber::Incomplete => "a safety number has 60 digits".into(),
        };
        self.not_proved(peer, why + " (nothing changed)");
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
        let why = "you have put it off".into();
        self.show_comparison(peer, tui::Comparison::Over { why });
        let words = Safe::from("verify: another time; then: /verify ") + label;
        self.warn_about(peer, words);
        Ok(())
    }

    /// Tells how far a comparison has come.
    ///
    /// # Errors
    /// If the core has stopped.
    pub(super) fn on_verification(
        &mut self,
        peer: PeerId,
        progress: Progress,
    ) -> Result<(), Error> {
        let label = self.label(&peer);
        match progress {
            Progress::Asked => {
                self.begin_comparing(peer);
                self.publish_step(peer, Step::TheyAsk, None);
                let words = Safe::from("verify: ") + &label + " wants to compare words with you";
                let how = if self.face.is_screen() {
                    Safe::from(": ") + self.how_to_verify(&label)
                } else {
                    Safe::default()
                };
                self.warn_about(peer, words + how);
            }
            Progress::Ready(code) => {
                let until = self.clock.now() + VERIFY_LIFE;
                let running = self.state.comparing.entry(peer);
                let running = running.or_insert_with(|| Comparing::until(until));
                *running = Comparing {
                    code: Some(code),
                    ..Comparing::until(running.until)
                };
                let stands = running.stands();
                self.publish_step(peer, Step::Words, Some(&code));
                self.show_comparison(peer, stands);
                self.show_words(peer, &code);
            }
            Progress::Theirs => self.on_theirs(peer),
            // New words may be on the table by now.
            Progress::Agreed(code) => {
                if self.code(peer) == Some(code) {
                    self.state.comparing.remove(&peer);
                }
            }
            Progress::Differs => {
                let words = Safe::from("verify: ") + label + " says that the words differ";
                self.warn_about(peer, words);
                self.set_aside(peer, Evidence::Theirs, None)?;
            }
            Progress::Over(why) => self.on_unfinished(peer, why),
        }
        Ok(())
    }

    fn on_theirs(&mut self, peer: PeerId) {
        self.publish_step(peer, Step::TheyMatch, None);
        let Some(running) = self.state.comparing.get_mut(&peer) else {
            return;
        };
        running.theirs = true;
        let is_ours = running.ours.is_some();
        let label = self.label(&peer);
        let words = Safe::from("verify: ") + &label + " has confirmed";
        let words = match (is_ours, self.face.is_screen()) {
            (true, _) => words + " too",
            (false, true) => words + "; waiting for you: " + self.how_to_verify(&label),
            (false, false) => {
                words + "; waiting for you: /match " + &label + " or /differ " + label
            }
        };
        self.warn_about(peer, words);
        self.show_or_close(peer);
    }

    fn on_unfinished(&mut self, peer: PeerId, why: Unfinished) {
        let running = self.state.comparing.remove(&peer);
        self.publish_step(peer, Step::from(why), None);
        let label = self.label(&peer);
        let ours = running.and_then(|it| it.ours);
        if let Some(noted) = ours {
            let noted = self.noted_by_now(&peer, noted);
            self.show_comparison(peer, alone(noted));
            let words = Safe::from("verify: ") + label + " has not confirmed";
            let counts = noted == Noted::Saved;
            let words = words + if counts { "; your word counts" } else { "" };
            return self.warn_about(peer, words);
        }
        let is_impossible = why == Unfinished::Impossible;
        let why = unfinished(&label, why);
        if is_impossible {
            // To begin again would not help.
            return self.tell_impossible(peer, why);
        }
        self.show_comparison(peer, tui::Comparison::Over { why: why.clone() });
        let how = self.how_to_verify(&label);
        let words = Safe::from("verify: ") + why + "; to begin again with new words: ";
        self.warn_about(peer, words + how);
    }

    /// The words that our person was shown and has not done with.
    fn code(&self, peer: PeerId) -> Option<ShortCode> {
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
        let code = self.code(peer);
        if code.is_none() {
            let label = self.label(&peer);
            let words = Safe::from("no words are compared with ") + &label;
            self.not_proved(peer, words + " yet; to begin: /verify " + label);
        }
        code
    }

    /// Nothing goes to this peer until somebody has decided. `code`: what our person has found to differ.
    fn set_aside(
        &mut self,
        peer: PeerId,
        evidence: Evidence,
        code: Option<ShortCode>,
    ) -> Result<(), Error> {
        let was_aside = self.is_aside(&peer);
        self.state.comparing.remove(&peer);
        self.state.aside.insert(peer);
        self.link(peer).is_confirmed = false;
        let link = self.state.links.get(&peer);
        let stood = link.is_some_and(|link| link.since.is_some());
        let verified = self.profile.contacts.verified(&peer);
        let differed = self.state.differed.entry(peer).or_default();
        // The other side may say the same once more.
        differed.verified = verified.or(differed.verified);
        differed.theirs = evidence == Evidence::Theirs || (was_aside && differed.theirs);
        let theirs = differed.theirs;
        self.publish_step(peer, Step::Differ, None);
        if let Err(error) = self.note_comparison(peer, false) {
            let verified = self.profile.contacts.verified_by_now(&peer);
            let at = self.clock.unix_time();
            let unwritten = Unnoted { verified, at };
            self.state.unwritten.insert(peer, unwritten);
            self.complain(&error.into());
            let words = "that is tried again; a program that starts before it is written would not know of it";
            self.warn_about(peer, words.into());
        }
        let differs = self.differs(&peer);
        self.show_comparison(peer, differs);
        let label = self.label(&peer);
        let what = match evidence {
            Evidence::Words | Evidence::Theirs => "THE WORDS DIFFER",
            Evidence::Keys => "THE KEYS DIFFER",
        };
        let what = Safe::from(what) + ": somebody may sit between you and " + &label + ".";
        let closed = if stood { "The session is closed. " } else { "" };
        let trusted = Safe::from("  ") + closed + self.untrusted(&peer) + " should be trusted.";
        // Whoever has been told it by the other has nobody to tell.
        let both = (!theirs).then_some(
            "  Both of you have to say so (/differ): whoever is in the middle does not pass it on."
                .into(),
        );
        let until = [
            Safe::from("  Nothing is sent to ") + label + " and nothing is taken until you decide:",
            Safe::from("  ") + self.other_ways(&peer),
        ];
        for line in [what, trusted].into_iter().chain(both).chain(until) {
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
    fn say_what_waits(&mut self, peer: PeerId) {
        self.refuse_waits(peer);
        let undelivered = self.state.sent.undelivered();
        if let Some(waiting) = undelivered.get(&peer).filter(|it| it.messages > 0) {
            let words =
                Safe::from("  ") + count_messages(waiting.messages) + " for " + self.label(&peer);
            self.warn_about(peer, words + " not sent, and kept until then");
        }
    }

    /// Answers the programs that wait for a peer whose words differed.
    pub(super) fn refuse_waits(&mut self, peer: PeerId) {
        let differed = |it: &Self| Error::WordsDiffered {
            peer: it.peer(&peer),
        };
        self.answer_refused(peer, differed);
        self.refuse_pings(peer, differed);
    }
}

#[cfg(test)]
mod tests;
