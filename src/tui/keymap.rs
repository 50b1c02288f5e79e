//! The keys as somebody has changed them.

use crate::text::{Safe, nearest, safe_line};
use crate::tui::editor::Move;
use crate::tui::key_name::{Wrong, is_everywhere, label, name};
use crate::tui::keys::{Bind, TABLE};

/// What a key can do, by the names that settings use. Those of one kind stand together.
const ACTIONS: &[(&str, Bind)] = &[
    ("send", Bind::Send),
    ("new-line", Bind::NewLine),
    ("up", Bind::Up),
    ("down", Bind::Down),
    ("left", Bind::Go(Move::Left)),
    ("right", Bind::Go(Move::Right)),
    ("word-left", Bind::Go(Move::WordLeft)),
    ("word-right", Bind::Go(Move::WordRight)),
    ("line-start", Bind::Go(Move::LineStart)),
    ("line-end", Bind::Go(Move::LineEnd)),
    ("end", Bind::End),
    ("delete-left", Bind::Delete(Move::Left)),
    ("delete-right", Bind::Delete(Move::Right)),
    ("delete-word-left", Bind::Delete(Move::WordLeft)),
    ("delete-word-right", Bind::Delete(Move::WordRight)),
    ("delete-to-start", Bind::Delete(Move::LineStart)),
    ("delete-to-end", Bind::Delete(Move::LineEnd)),
    ("yank", Bind::Yank),
    ("transpose", Bind::Transpose),
    ("undo", Bind::Undo),
    ("complete", Bind::Complete { back: false }),
    ("complete-back", Bind::Complete { back: true }),
    ("next", Bind::NextTab),
    ("previous", Bind::PreviousTab),
    ("tab-1", Bind::Tab(0)),
    ("tab-2", Bind::Tab(1)),
    ("tab-3", Bind::Tab(2)),
    ("tab-4", Bind::Tab(3)),
    ("tab-5", Bind::Tab(4)),
    ("tab-6", Bind::Tab(5)),
    ("tab-7", Bind::Tab(6)),
    ("tab-8", Bind::Tab(7)),
    ("tab-9", Bind::Tab(8)),
    ("tab-10", Bind::Tab(9)),
    ("unread", Bind::NextUnread),
    ("go", Bind::Switcher),
    ("page-up", Bind::PageUp),
    ("page-down", Bind::PageDown),
    ("lines-up", Bind::LinesUp),
    ("lines-down", Bind::LinesDown),
    ("oldest", Bind::Oldest),
    ("newest", Bind::Newest),
    ("first-unread", Bind::FirstUnread),
    ("select-up", Bind::SelectUp),
    ("select-down", Bind::SelectDown),
    ("copy", Bind::Copy),
    ("search", Bind::Search),
    ("search-typed", Bind::HistorySearch),
    ("verify", Bind::Verify),
    ("bare", Bind::Bare),
    ("list", Bind::List),
    ("mouse", Bind::Mouse),
    ("redraw", Bind::Redraw),
    ("help", Bind::Help),
    ("cancel", Bind::Escape),
    ("interrupt", Bind::Interrupt),
    ("end-of-input", Bind::EndOfInput),
    ("suspend", Bind::Suspend),
];

/// What takes a key's meaning away.
const NOTHING: &str = "none";

/// Actions without which nothing can be said, or no question left, and which every terminal has to have a key for.
const NEEDED: [(&str, Bind); 2] = [("send", Bind::Send), ("cancel", Bind::Escape)];

/// What `/keys` shows: what a few keys do together.
const GROUPS: &[(&[Bind], &str)] = &[
    (&[Bind::Send], "send"),
    (&[Bind::NewLine], "new line"),
    (&[Bind::Up, Bind::Down], "what was typed before"),
    (
        &[
            Bind::Complete { back: false },
            Bind::Complete { back: true },
        ],
        "complete a command or a name",
    ),
    (
        &[Bind::NextTab, Bind::PreviousTab],
        "next, previous conversation",
    ),
    (
        &[Bind::Tab(0), Bind::Tab(9)],
        "conversation 1, and so on to 10",
    ),
    (
        &[Bind::NextUnread, Bind::Switcher],
        "next unread; find a conversation",
    ),
    (&[Bind::PageUp, Bind::PageDown], "a page up, down"),
    (&[Bind::LinesUp, Bind::LinesDown], "three lines up, down"),
    (&[Bind::Oldest, Bind::Newest], "oldest, newest"),
    (&[Bind::FirstUnread], "first message that was not seen"),
    (
        &[Bind::SelectUp, Bind::SelectDown],
        "select a message; R quote, I details, D delete here (asks)",
    ),
    (&[Bind::Copy], "copy the selected message"),
    (
        &[Bind::Search, Bind::HistorySearch],
        "search here; search what was typed before",
    ),
    (&[Bind::Verify], "compare four words, to be sure who it is"),
    (&[Bind::Bare], "bare text, to copy from"),
    (
        &[Bind::List],
        "list of conversations, on 100 columns or more",
    ),
    (&[Bind::Mouse], "mouse on, off"),
    (&[Bind::Redraw], "draw anew"),
    (&[Bind::Help], "explain the commands"),
    (
        &[Bind::Go(Move::LineStart), Bind::Go(Move::LineEnd)],
        "to the beginning, the end of the line",
    ),
    (
        &[Bind::Go(Move::WordLeft), Bind::Go(Move::WordRight)],
        "a word back, on",
    ),
    (
        &[Bind::Delete(Move::LineStart), Bind::Delete(Move::LineEnd)],
        "delete to the beginning, the end of the line",
    ),
    (
        &[Bind::Delete(Move::WordLeft), Bind::Delete(Move::WordRight)],
        "delete a word back, on",
    ),
    (&[Bind::Yank], "bring back what was deleted"),
    (&[Bind::Transpose, Bind::Undo], "swap two letters, undo"),
    (&[Bind::Escape], "close, cancel"),
    (
        &[Bind::Interrupt],
        "empty the line; on an empty one twice: quit",
    ),
    (&[Bind::EndOfInput], "quit, on an empty line"),
    (&[Bind::Suspend], "to the shell"),
];

/// Which key does what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    keys: Vec<(String, Bind)>,
    /// Keys whose meaning was taken away.
    without: Vec<String>,
}

/// What is wrong with a line of the settings that gives a key a meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadKey {
    /// Which of the lines.
    pub at: usize,
    /// What is wrong.
    pub words: Safe,
    /// What was perhaps meant, or what to do.
    pub advice: Safe,
}

impl Default for Keymap {
    fn default() -> Self {
        let table = TABLE.iter();
        let keys = table.map(|(key, bind)| ((*key).to_owned(), *bind));
        Self {
            keys: keys.collect(),
            without: Vec::new(),
        }
    }
}

impl Keymap {
    /// The usual keys, changed by `lines`: a key, and what it does from now on.
    ///
    /// # Errors
    /// What is wrong with one of them, or with all of them together.
    pub fn with<'a>(lines: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, BadKey> {
        let mut keys = Self::default();
        let mut settled: Vec<(String, &str)> = Vec::new();
        let mut given = 0;
        for (at, (key, action)) in lines.into_iter().enumerate() {
            let bad = |(words, advice)| BadKey { at, words, advice };
            let name = name(key).map_err(bad)?;
            let bind = bind(action).map_err(bad)?;
            if let Some((_, other)) = settled.iter().find(|(of, _)| *of == name) {
                return Err(bad(twice(&name, other, action)));
            }
            keys.keys.retain(|(of, _)| *of != name);
            if let Some(bind) = bind {
                // The first key that does something is the one that is shown.
                keys.keys.insert(given, (name.clone(), bind));
                given += 1;
            } else {
                keys.without.push(name.clone());
            }
            settled.push((name, action));
        }
        let at = settled.len().saturating_sub(1);
        keys.has_what_is_needed()
            .map_err(|(words, advice)| BadKey { at, words, advice })?;
        Ok(keys)
    }

    fn has_what_is_needed(&self) -> Result<(), (Safe, Safe)> {
        for (action, bind) in NEEDED {
            if !self.keys_for(bind).any(is_everywhere) {
                let words = Safe::from("no key is left that does \"") + action + "\" everywhere";
                let advice = Safe::from("Give it one that every terminal sends: \"f2\" = \"");
                return Err((words, advice + action + "\"."));
            }
        }
        Ok(())
    }

    /// The names of all keys that mean something.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn bind(&self, key: &str) -> Option<Bind> {
        let mut keys = self.keys.iter();
        keys.find(|(name, _)| name == key).map(|(_, bind)| *bind)
    }

    /// Whether the meaning of this key was taken away, so that it has not even that of a key like it.
    pub(super) fn is_without(&self, key: &str) -> bool {
        self.without.iter().any(|name| name == key)
    }

    fn keys_for(&self, wanted: Bind) -> impl Iterator<Item = &str> {
        let keys = self.keys.iter().filter(move |(_, bind)| *bind == wanted);
        keys.map(|(name, _)| name.as_str())
    }

    /// The key to press for this, as people read it.
    pub(super) fn label(&self, bind: Bind) -> Option<Safe> {
        self.keys_for(bind).next().map(label)
    }

    /// The key to press for an action, by the name that settings use, as people read it.
    #[must_use]
    pub fn key_of(&self, action: &str) -> Option<Safe> {
        let (_, bind) = ACTIONS.iter().find(|(name, _)| *name == action)?;
        self.label(*bind)
    }

    /// The keys, a line each, and behind them their names for the settings.
    pub(super) fn help(&self) -> Vec<Safe> {
        let groups = GROUPS
            .iter()
            .map(|(binds, does)| (self.group(binds), *does));
        let mut lines = columns(groups.map(|(keys, does)| (keys, does.into())).collect());
        lines.push(Safe::default());
        lines.push("[bind] in config.toml gives keys another meaning: \"alt-k\" = \"go\".".into());
        lines.push(
            "What there is, and which keys do it now (\"none\" takes a meaning away):".into(),
        );
        lines.push(Safe::default());
        let actions = ACTIONS.iter().map(|(action, bind)| {
            let keys = Safe::join(self.keys_for(*bind).map(safe_line), "  ");
            (Safe::from(*action), keys)
        });
        lines.extend(columns(actions.collect()));
        lines
    }

    /// Of one action two keys, of several one each.
    fn group(&self, binds: &[Bind]) -> Safe {
        let labels: Vec<Safe> = match binds {
            [bind] => self.keys_for(*bind).take(2).map(label).collect(),
            binds => binds.iter().filter_map(|bind| self.label(*bind)).collect(),
        };
        if labels.is_empty() {
            return "(no key)".into();
        }
        Safe::join(labels, ", ")
    }
}

/// Two columns.
fn columns(rows: Vec<(Safe, Safe)>) -> Vec<Safe> {
    let widths = rows.iter().map(|(left, _)| left.as_str().chars().count());
    let widest = widths.max().unwrap_or(0);
    let line = |(left, right): (Safe, Safe)| {
        let blanks = widest + 2 - left.as_str().chars().count();
        left + Safe::concat((0..blanks).map(|_| Safe::from(" "))) + right
    };
    rows.into_iter().map(line).collect()
}

/// What an action does; none for no action at all.
fn bind(action: &str) -> Result<Option<Bind>, Wrong> {
    if action == NOTHING {
        return Ok(None);
    }
    let found = ACTIONS.iter().find(|(name, _)| *name == action);
    found.map(|(_, bind)| Some(*bind)).ok_or_else(|| {
        let names: Vec<Safe> = ACTIONS.iter().map(|(name, _)| Safe::from(*name)).collect();
        let words = Safe::from("there is no action \"") + safe_line(action) + "\"";
        let advice = match nearest(action, names.iter()) {
            Some(similar) => Safe::from("Did you mean ") + similar + "?",
            None => Safe::from("There are: ") + Safe::join(names, ", ") + ", " + NOTHING + ".",
        };
        (words, advice)
    })
}

fn twice(name: &str, one: &str, other: &str) -> Wrong {
    let words = Safe::from("the key ") + safe_line(name) + " has two meanings: ";
    let words = words + safe_line(one) + " and " + safe_line(other);
    (words, "Take one of the two lines away.".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(lines: &[(&str, &str)]) -> (usize, String, String) {
        let bad = Keymap::with(lines.iter().copied()).unwrap_err();
        (bad.at, bad.words.to_string(), bad.advice.to_string())
    }

    #[test]
    fn every_action_has_a_name_and_every_key_of_the_table_one() {
        for (key, bind) in TABLE {
            assert!(ACTIONS.iter().any(|(_, of)| of == bind), "{bind:?}");
            assert_eq!(name(key).as_deref(), Ok(*key));
        }
        for (at, (name, bind)) in ACTIONS.iter().enumerate() {
            let rest = &ACTIONS[at + 1..];
            assert!(
                rest.iter().all(|(of, it)| of != name && it != bind),
                "{name}"
            );
            assert!(TABLE.iter().any(|(_, of)| of == bind), "{name} has no key");
        }
    }

    #[test]
    fn a_key_does_what_it_was_given_and_no_more_what_it_did() {
        let keys = Keymap::with([("f5", "go"), ("Alt+K", "none"), ("ctrl-t", "unread")]).unwrap();
        assert_eq!(keys.bind("f5"), Some(Bind::Switcher));
        assert_eq!(keys.bind("alt-k"), None);
        assert_eq!(keys.bind("ctrl-t"), Some(Bind::NextUnread));
        assert_eq!(keys.label(Bind::NextUnread).unwrap().as_str(), "Ctrl+T");
        assert_eq!(keys.label(Bind::Transpose), None);
        assert_eq!(keys.key_of("go").unwrap().as_str(), "F5");
        assert_eq!(keys.key_of("transpose"), None);
        assert_eq!(keys.key_of("frobnicate"), None);
        assert_eq!(keys.bind("alt-a"), Some(Bind::NextUnread), "as before");
    }

    #[test]
    fn a_key_that_was_given_is_shown_whatever_was_taken_away_before() {
        let lines = [
            ("f3", "none"),
            ("f4", "none"),
            ("f5", "none"),
            ("f2", "send"),
        ];
        let keys = Keymap::with(lines).unwrap();
        assert_eq!(keys.label(Bind::Send).unwrap().as_str(), "F2");
        let every_key_is_none = TABLE.iter().map(|(key, _)| (*key, "none"));
        let two = [("f2", "send"), ("f3", "cancel")];
        let keys = Keymap::with(every_key_is_none.chain(two)).unwrap();
        assert_eq!(keys.names().collect::<Vec<_>>(), ["f2", "f3"]);
    }

    #[test]
    fn a_slip_is_told_with_what_was_perhaps_meant() {
        for (key, action, words, advice) in [
            (
                "alt-k",
                "goo",
                "there is no action \"goo\"",
                "Did you mean go?",
            ),
            (
                "ctrl-pagup",
                "go",
                "\"ctrl-pagup\" is no key",
                "Did you mean pageup?",
            ),
            (
                "f25",
                "go",
                "\"f25\" is no key",
                "A key is written as alt-k, ctrl-up or f5.",
            ),
            ("k", "go", "\"k\" is text", "Write ctrl- or alt- before it."),
            (
                "alt-shift-k",
                "go",
                "\"alt-shift-k\" has its Shift in it",
                "Terminals do not tell it from the key without Shift.",
            ),
            (
                "Ctrl+I",
                "go",
                "\"Ctrl+I\" is tab to most terminals",
                "Take another key.",
            ),
        ] {
            let expected = (0, words.to_owned(), advice.to_owned());
            assert_eq!(bad(&[(key, action)]), expected);
        }
        let (_, _, all) = bad(&[("f5", "frobnicate")]);
        assert!(all.starts_with("There are: send, new-line,") && all.ends_with(", none."));
    }

    #[test]
    fn a_conflict_is_told_and_so_is_a_screen_without_a_way_to_speak() {
        let (at, words, _) = bad(&[("alt-k", "go"), ("f5", "list"), ("Meta+K", "unread")]);
        assert_eq!(at, 2);
        assert_eq!(words, "the key alt-k has two meanings: go and unread");
        let (_, words, advice) = bad(&[("enter", "new-line")]);
        assert_eq!(words, "no key is left that does \"send\" everywhere");
        let f2 = "Give it one that every terminal sends: \"f2\" = \"send\".";
        assert_eq!(advice, f2);
        assert!(Keymap::with([("enter", "new-line"), ("f2", "send")]).is_ok());
        assert_eq!(
            bad(&[("esc", "none")]).1,
            "no key is left that does \"cancel\" everywhere"
        );
        // What cannot be said to every terminal leaves somebody without a way to speak.
        for key in ["shift-enter", "ctrl-;", "f13"] {
            assert_eq!(bad(&[("enter", "new-line"), (key, "send")]).2, f2, "{key}");
        }
        let undo = [("enter", "new-line"), ("ctrl-/", "send")];
        assert_eq!(Keymap::with(undo).unwrap().bind("ctrl-_"), Some(Bind::Send));
        let both = bad(&[("ctrl-/", "send"), ("ctrl-7", "undo")]);
        assert_eq!(both.1, "the key ctrl-_ has two meanings: send and undo");
    }

    #[test]
    fn keys_are_shown_as_they_are() {
        let help = |keys: &Keymap| Safe::join(keys.help(), "\n").to_string();
        let usual = help(&Keymap::default());
        assert!(usual.contains("Alt+A, Alt+K   "), "{usual}");
        let row = |keys| format!("\n{:<19}{keys}\n", "go");
        assert!(usual.contains(&row("alt-k")), "{usual}");
        assert!(usual.lines().all(|line| line.len() <= 78), "{usual}");
        let changed = Keymap::with([("f5", "go"), ("alt-v", "none")]).unwrap();
        let changed = help(&changed);
        assert!(changed.contains("Alt+A, F5 "), "{changed}");
        assert!(changed.contains(&row("f5  alt-k")), "{changed}");
        assert!(changed.contains("(no key)"), "{changed}");
    }
}
