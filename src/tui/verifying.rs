//! The panel in which two people make sure of each other: what it shows and what is typed into it. How the
//! comparison itself stands is kept with the conversation, and goes on without the panel.

use crate::chat::words::{self, ShortCode};
use crate::id::PeerId;
use crate::text::Safe;
use crate::time::Instant;
use crate::tui::editor::Line;

/// Words that are offered for a beginning that several of them have.
const MAX_OFFERED: usize = 8;

/// What answers a question, letter by letter: no key that is held, pressed twice, or repeated by a slow connection
/// says it.
pub(super) const YES: &str = "yes";

/// Where it is noted that somebody is who he should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// With the saved name, for good.
    Saved,
    /// Nowhere yet, for want of a saved name: one that is given while this connection stands takes it over.
    Session,
    /// Nowhere.
    Nowhere,
}

/// What there is to be said about a comparison with somebody who has no saved name.
pub(crate) const UNSAVED: &str =
    "no saved name: /save NAME keeps this, else it counts for this session only";

/// An open panel.
#[derive(Debug)]
pub(super) struct Verifying {
    /// Who is compared with: settled when it was opened.
    pub(super) peer: PeerId,
    pub(super) view: View,
    /// What is being typed of what the other reads out, if that is how it is compared.
    pub(super) typed: Option<Line>,
    /// What was said about that, or about the last key.
    pub(super) told: Option<Safe>,
    /// What there is on the screen to be compared.
    pub(super) shown: Option<Shown<Compared>>,
    /// The verdict that it is asked about whether it is meant.
    pub(super) asked: Option<Shown<Asked>>,
    /// Whether the key that was pressed last means nothing here: somebody may be typing.
    pub(super) is_stray: bool,
    /// Rows above the screen.
    pub(super) above: usize,
}

/// What is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum View {
    /// The code of this session, as words.
    #[default]
    Words,
    /// The same, as numbers.
    Numbers,
    /// The safety number; none until it is told.
    Safety(Option<Safe>),
}

/// What two people can compare by eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    Words(ShortCode),
    /// The same code, as numbers.
    Numbers(ShortCode),
    SafetyNumber,
}

/// What a person says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Same,
    Differ,
}

/// A verdict that counts when its question is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) verdict: Verdict,
    /// How many letters of [`YES`] were typed.
    pub(super) typed: usize,
    /// What the person did last, as [`App::done`](crate::tui::app::App) counts it. Whatever else is done takes the
    /// verdict back.
    pub(super) done: u64,
}

/// What a person has to have seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<T> {
    pub(super) what: T,
    /// Since when it stands on the terminal without a break; none until it was drawn.
    pub(super) since: Option<Instant>,
}

impl Verdict {
    /// The key that asks about it.
    pub(super) const fn letter(self) -> char {
        match self {
            Self::Same => 'm',
            Self::Differ => 'd',
        }
    }
}

impl<T> Shown<T> {
    const fn new(what: T) -> Self {
        Self { what, since: None }
    }

    fn drawn(&mut self, at: Instant) {
        self.since.get_or_insert(at);
    }
}

impl Asked {
    /// What was typed of the answer.
    pub(super) fn answer(&self) -> &'static str {
        YES.get(..self.typed).unwrap_or(YES)
    }

    /// The letter that goes on with the answer.
    pub(super) fn expects(&self) -> Option<char> {
        YES.chars().nth(self.typed)
    }
}

impl Compared {
    /// What words and numbers are made of.
    pub(super) const fn code(self) -> Option<ShortCode> {
        match self {
            Self::Words(code) | Self::Numbers(code) => Some(code),
            Self::SafetyNumber => None,
        }
    }
}

impl Verifying {
    pub(super) const fn new(peer: PeerId, view: View) -> Self {
        Self {
            peer,
            view,
            typed: None,
            told: None,
            shown: None,
            asked: None,
            is_stray: false,
            above: 0,
        }
    }

    /// Shows something else from now on.
    pub(super) fn show(&mut self, view: View) {
        self.view = view;
        (self.typed, self.told, self.above) = (None, None, 0);
    }

    /// Notes what is on the screen to be compared. Only what stays there is read.
    pub(super) fn sees(&mut self, compared: Option<Compared>) {
        if self.compared() != compared {
            self.shown = compared.map(Shown::new);
            self.asked = None;
        }
    }

    /// What is there now stands on the terminal.
    pub(super) fn drawn(&mut self, at: Instant) {
        if let Some(shown) = &mut self.shown {
            shown.drawn(at);
        }
        if let Some(asked) = &mut self.asked {
            asked.drawn(at);
        }
    }

    pub(super) fn compared(&self) -> Option<Compared> {
        self.shown.map(|shown| shown.what)
    }

    /// Asks whether a verdict is meant.
    pub(super) const fn ask(&mut self, verdict: Verdict, done: u64) {
        let typed = 0;
        self.asked = Some(Shown::new(Asked {
            verdict,
            typed,
            done,
        }));
    }

    /// The question that is open, if nothing was done since `done`.
    pub(super) fn asked(&self, done: u64) -> Option<Shown<Asked>> {
        self.asked.filter(|asked| asked.what.done == done)
    }

    pub(super) fn paste(&mut self, text: &str) {
        if let Some(line) = &mut self.typed {
            line.insert(text);
        }
    }

    /// Completes the last word that is being typed, as far as it is clear, and offers what it could be.
    pub(super) fn complete(&mut self) {
        if matches!(self.view, View::Safety(_)) {
            return;
        }
        let Some(line) = &mut self.typed else {
            return;
        };
        let part = line
            .text()
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        if part.is_empty() {
            return;
        }
        let found: Vec<&'static str> = words::beginning_with(&part).collect();
        self.told = match found.as_slice() {
            [] => Some("no word of the list begins so".into()),
            [word] => {
                line.insert(&(rest(word, &part) + " "));
                None
            }
            [first, ..] => {
                let common = common_len(&found);
                let common = first.get(..common).unwrap_or_default();
                line.insert(&rest(common, &part));
                Some(offered(&found))
            }
        };
    }
}

/// What follows a beginning, in whatever case that was typed. Words of the list are ASCII.
fn rest(word: &str, part: &str) -> String {
    word.get(part.len()..).unwrap_or_default().to_owned()
}

/// How many bytes all of them begin with alike.
fn common_len(words: &[&str]) -> usize {
    let Some((first, others)) = words.split_first() else {
        return 0;
    };
    let alike = |other: &&str| {
        let pairs = first.bytes().zip(other.bytes());
        pairs.take_while(|(one, other)| one == other).count()
    };
    others.iter().map(alike).min().unwrap_or(first.len())
}

fn offered(words: &[&'static str]) -> Safe {
    let shown = words.iter().take(MAX_OFFERED).copied().map(Safe::from);
    let offered = Safe::join(shown, "  ");
    match words.len().checked_sub(MAX_OFFERED) {
        None | Some(0) => offered,
        Some(more) => offered + "  and " + more + " more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typing(text: &str) -> Verifying {
        let mut panel = Verifying::new(PeerId::new([2; 32]), View::Words);
        panel.typed = Some(Line::default());
        panel.paste(text);
        panel
    }

    fn completed(text: &str) -> (String, Option<String>) {
        let mut panel = typing(text);
        panel.complete();
        let typed = panel.typed.unwrap().text().to_owned();
        (typed, panel.told.map(|told| told.to_string()))
    }

    #[test]
    fn four_letters_complete_every_word() {
        assert_eq!(completed("marb"), ("marble ".to_owned(), None));
        assert_eq!(
            completed("marble Cany"),
            ("marble Canyon ".to_owned(), None)
        );
        for word in words::beginning_with("") {
            let short = word.get(..4).unwrap_or(word);
            let typed = completed(short).0;
            assert!(
                typed.trim_end() == word || word.len() == 3,
                "{short}: {typed}"
            );
        }
    }

    #[test]
    fn what_is_not_clear_is_offered_and_goes_as_far_as_it_is() {
        let (typed, told) = completed("velv");
        assert_eq!((typed.as_str(), told), ("velvet ", None));
        let (typed, told) = completed("abs");
        assert_eq!(typed, "abs");
        assert_eq!(told.as_deref(), Some("absent  absorb  abstract  absurd"));
        let (typed, told) = completed("ab");
        assert_eq!(typed, "ab");
        assert!(told.unwrap().contains("and"), "not all of them");
        let (typed, told) = completed("xq");
        assert_eq!(typed, "xq");
        assert_eq!(told.as_deref(), Some("no word of the list begins so"));
        assert_eq!(completed("marble "), ("marble ".to_owned(), None));
    }
}
