//! How a comparison stands, and how that is shown: to a screen as a value, in lines with the commands.

use crate::calendar::Day;
use crate::chat::words::{Typed, compare, words};
use crate::cli::peers::verify::lines;
use crate::cli::talk::conversation::Conversation;
use crate::cli::{Out, Peer, Suggestion};
use crate::id::PeerId;
use crate::proto::{ShortCode, Unfinished};
use crate::text::{Safe, safe_line};
use crate::time::Instant;
use crate::tui::{self, Noted, Told};

/// What is to be done where the words differed and nothing is kept.
pub(super) const NO_WAY_BACK: &str =
    "nothing brings it back here, where nothing is kept: leave, and begin anew";

/// A comparison that runs.
#[derive(Debug)]
pub(super) struct Comparing {
    /// The words, once they are there.
    pub(super) code: Option<ShortCode>,
    /// When it has taken too long.
    pub(super) until: Instant,
    /// Whether our person has said that they are the same, and where that is noted.
    pub(super) ours: Option<Noted>,
    /// Whether the other person has.
    pub(super) theirs: bool,
}

/// How it was found in this run that words differed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Differed {
    /// On which day the key had been verified, if it had been.
    pub(super) verified: Option<Day>,
    /// Whether the other person has said so.
    pub(super) theirs: bool,
}

/// By what somebody was found to be somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    Words,
    /// The other person says so of the words.
    Theirs,
    /// The safety number, or the key itself.
    Keys,
}

impl Comparing {
    pub(super) fn until(until: Instant) -> Self {
        Self {
            code: None,
            until,
            ours: None,
            theirs: false,
        }
    }

    /// As a screen has it.
    pub(super) fn stands(&self) -> tui::Comparison {
        let &Self {
            code,
            until,
            ours,
            theirs,
        } = self;
        match (ours, code) {
            (Some(noted), _) => tui::Comparison::Same {
                noted,
                theirs,
                until: (!theirs).then_some(until),
            },
            (None, Some(code)) => tui::Comparison::Words {
                code,
                until,
                theirs,
            },
            (None, None) => tui::Comparison::Begun { until },
        }
    }
}

impl Conversation {
    pub(super) fn tell_asked(&mut self, peer: PeerId) {
        let words = Safe::from("verify: asked ") + self.label(&peer) + "; the words come at once";
        self.warn_in_lines(peer, words + " if its program answers (5 minutes at most)");
    }

    /// Shows how a comparison stands, where there is a panel for it.
    pub(super) fn show_comparison(&mut self, peer: PeerId, comparison: tui::Comparison) {
        self.face.show(Told::Comparison { peer, comparison });
    }

    /// Says what a panel shows, where there is none.
    pub(super) fn warn_in_lines(&mut self, peer: PeerId, words: Safe) {
        if !self.face.is_screen() {
            self.warn_about(peer, words);
        }
    }

    /// Says why what was compared proves nothing.
    pub(super) fn not_proved(&mut self, peer: PeerId, why: Safe) {
        match self.face.screen() {
            Some(screen) => screen.tell(Told::Remark { peer, words: why }),
            None => self.warn_about(peer, Safe::from("verify: ") + why),
        }
    }

    /// Says what a peer in this process reads out, as a person does on the telephone.
    pub(super) fn read_out(&mut self, peer: PeerId, words: Safe) {
        match self.face.screen() {
            Some(screen) => screen.tell(Told::Remark { peer, words }),
            None => self.warn_about(peer, words),
        }
    }

    pub(super) fn tell_impossible(&mut self, peer: PeerId, why: Safe) {
        let words = Safe::from("verify: ") + &why;
        self.show_comparison(peer, tui::Comparison::Impossible { why });
        self.tell_without_words(peer, words);
    }

    pub(super) fn tell_not_now(&mut self, peer: PeerId, why: Safe) {
        let words = Safe::from("verify: not now: ") + &why;
        self.show_comparison(peer, tui::Comparison::NotNow { why });
        self.tell_without_words(peer, words);
    }

    fn tell_without_words(&mut self, peer: PeerId, why_not: Safe) {
        self.warn_in_lines(peer, why_not);
        let ways = Safe::from("  without words: ") + self.other_ways(&peer);
        self.warn_in_lines(peer, ways);
    }

    pub(super) fn show_safety_number(&mut self, peer: PeerId, number: &str) {
        if let Some(screen) = self.face.screen() {
            let number = safe_line(number);
            return screen.tell(Told::SafetyNumber { peer, number });
        }
        let label = self.label(&peer);
        let print = self.out.command(&verify(&label, &["--print"]));
        self.warn_about(peer, call(&label) + " Both of you have:");
        for line in lines(number) {
            self.warn_about(peer, Safe::from("    ") + line);
        }
        for line in [
            Safe::from("  type what you are read:  /number ") + &label + " DIGITS",
            Safe::from("  it differs:              /differ ") + &label,
        ] {
            self.warn_about(peer, line);
        }
        if !self.profile.is_of_this_run() {
            self.warn_about(peer, Safe::from("  on paper:                ") + print);
        }
    }

    /// In lines. A screen has them in its panel, and nowhere else.
    pub(super) fn show_words(&mut self, peer: PeerId, code: &ShortCode) {
        let label = self.label(&peer);
        let [a, b, c, d] = words(code);
        let [x, y, z] = code.numbers();
        let numbers = Safe::from("    or, without English, the numbers  ") + u64::from(x) + "  ";
        for line in [
            call(&label) + " Both of you see:",
            Safe::from("    ") + safe_line(&[a, b, c, d].join("   ")),
            numbers + u64::from(y) + "  " + u64::from(z),
            Safe::from("  they are the same:       /match ") + &label,
            Safe::from("  type what you are read:  /match ") + &label + " WORD WORD WORD WORD",
            Safe::from("  they differ:             /differ ") + &label,
            Safe::from("  another time:            /later ") + label,
        ] {
            self.warn_in_lines(peer, line);
        }
        if !self.profile.contacts.is_saved(&peer) {
            self.warn_in_lines(peer, Safe::from("  ") + tui::UNSAVED);
        }
    }

    /// What is in doubt when words differ. When whoever is in the middle came nobody can tell; only of a key that was found
    /// to be the right one before is it known up to when it was.
    pub(super) fn untrusted(&self, peer: &PeerId) -> Safe {
        let label = self.label(peer);
        let differed = self.state.differed.get(peer);
        match differed.and_then(|it| it.verified) {
            Some(day) => {
                let words = Safe::from("Nothing that was said since you verified ") + label;
                words + " on " + Safe::from(day)
            }
            None => Safe::from("Nothing that was ever said with ") + label,
        }
    }

    /// That what was compared differs, as a screen has it.
    pub(super) fn differs(&self, peer: &PeerId) -> tui::Comparison {
        let differed = self.state.differed.get(peer).copied().unwrap_or_default();
        tui::Comparison::Differ {
            verified: differed.verified.map(Safe::from),
            theirs: differed.theirs,
            what_next: self.other_ways(peer),
        }
    }

    /// What is to be done without words.
    pub(super) fn other_ways(&self, peer: &PeerId) -> Safe {
        if self.profile.is_of_this_run() {
            return NO_WAY_BACK.into();
        }
        other_ways(&self.peer(peer), &self.out)
    }
}

/// By which way people compare.
fn call(label: &Safe) -> Safe {
    let words = Safe::from("verify: call ") + label + " or meet. Do NOT use this chat for it: ";
    words + "whoever is in the middle could answer."
}

/// As [`Conversation::other_ways`]. Only a saved peer has a line that says what came of it.
pub(super) fn other_ways(peer: &Peer, out: &Out) -> Safe {
    let (first, name) = if peer.saved {
        ("", &peer.label)
    } else {
        (
            "save it under a name (/save NAME) and ",
            &Safe::from("NAME"),
        )
    };
    let words = Safe::from(first) + "compare the safety number: ";
    words + out.command(&verify(name, &[]))
}

/// The command that compares safety numbers.
fn verify(name: &Safe, flags: &[&'static str]) -> Suggestion {
    let words = ["peers".into(), "verify".into(), name.clone()];
    let flags = flags.iter().map(|flag| Safe::from(*flag));
    Suggestion::securechat(words.into_iter().chain(flags))
}

/// Verified by our person alone: nobody waits for the other one.
pub(super) const fn alone(noted: Noted) -> tui::Comparison {
    tui::Comparison::Same {
        noted,
        theirs: false,
        until: None,
    }
}

/// Why nothing came of a comparison.
pub(super) fn unfinished(label: &Safe, why: Unfinished) -> Safe {
    match why {
        Unfinished::Withdrawn => label.clone() + " does not compare now",
        Unfinished::TooSoon => label.clone() + " compared less than a minute ago; wait that long",
        Unfinished::Expired => "nobody has compared within 5 minutes".into(),
        Unfinished::Lost => "the connection ended before you had compared".into(),
        Unfinished::Impossible => too_old(label),
    }
}

pub(super) fn too_old(label: &Safe) -> Safe {
    Safe::from("the program of ") + label + " is too old for that"
}

/// What is wrong with the words that were read out. None are right: then a person has compared.
pub(super) fn complaint(typed: &str, code: &ShortCode) -> Option<Safe> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::proto::limits::VERIFY_LIFE;
    use crate::proto::{Event, Progress};
    use crate::sim::{NodeId, Pair};

    fn progress(pair: &Pair, node: NodeId) -> Vec<Progress> {
        let events = pair.node(node).events().iter();
        let told = events.filter_map(|(_, event)| {
            let Event::Verification { progress, .. } = event else {
                return None;
            };
            Some(*progress)
        });
        told.collect()
    }

    /// In a real program nobody can set the clock: this is the level just below it.
    #[test]
    fn five_minutes_that_pass_are_told() {
        let mut pair = Pair::connected(1);
        let peer = pair.id(pair.b);
        let a = pair.a;
        let asked = pair.command(a, |endpoint, now| endpoint.verify(peer, now));
        asked.unwrap().unwrap();
        pair.advance(VERIFY_LIFE - Duration::from_secs(1));
        for node in [pair.a, pair.b] {
            let progress = progress(&pair, node);
            assert!(
                matches!(progress.last(), Some(Progress::Ready(_))),
                "{progress:?}"
            );
        }
        pair.advance(Duration::from_secs(2));
        let last = progress(&pair, pair.a).last().copied();
        let Some(Progress::Over(why)) = last else {
            panic!("{last:?}");
        };
        let words = unfinished(&"bob".into(), why);
        assert_eq!(words.as_str(), "nobody has compared within 5 minutes");
    }

    #[test]
    fn why_nothing_came_of_it_is_said_with_what_to_do() {
        for (why, words) in [
            (Unfinished::Withdrawn, "bob does not compare now"),
            (
                Unfinished::TooSoon,
                "bob compared less than a minute ago; wait that long",
            ),
            (
                Unfinished::Impossible,
                "the program of bob is too old for that",
            ),
            (
                Unfinished::Lost,
                "the connection ended before you had compared",
            ),
        ] {
            assert_eq!(unfinished(&"bob".into(), why).as_str(), words);
        }
    }

    #[test]
    fn a_comparison_is_over_when_both_have_confirmed() {
        let until = Instant::ZERO + VERIFY_LIFE;
        let mut running = Comparing::until(until);
        assert_eq!(running.stands(), tui::Comparison::Begun { until });
        running.ours = Some(Noted::Saved);
        let same = |theirs, until| tui::Comparison::Same {
            noted: Noted::Saved,
            theirs,
            until,
        };
        assert_eq!(running.stands(), same(false, Some(until)));
        running.theirs = true;
        assert_eq!(running.stands(), same(true, None));
    }
}
