//! Names of keys: as settings write them, as the table has them, as people read them.

use crate::text::{Safe, nearest, safe_line};

/// Keys that most terminals send as another one, which has a use of its own.
const TWINS: [(&str, &str); 6] = [
    ("ctrl-i", "tab"),
    ("ctrl-m", "enter"),
    ("ctrl-[", "esc"),
    ("ctrl-2", "ctrl-space"),
    ("ctrl-3", "esc"),
    ("ctrl-8", "backspace"),
];

/// Names of what is one key to most terminals, and the one that we call it by. They send a control character, which
/// crossterm names after a digit; one with an extended keyboard tells what was pressed, and leaves Shift out of it.
const SAME: [(&str, &str); 7] = [
    ("ctrl-7", "ctrl-_"),
    ("ctrl-/", "ctrl-_"),
    ("ctrl--", "ctrl-_"),
    ("ctrl-@", "ctrl-space"),
    ("ctrl-4", "ctrl-\\"),
    ("ctrl-5", "ctrl-]"),
    ("ctrl-6", "ctrl-^"),
];

/// Characters beside the letters that Ctrl makes a control character of.
const WITH_CTRL: &str = "_\\]^";

/// Keys that Shift and Ctrl do not change on a terminal without an extended keyboard.
const UNCHANGED: [&str; 5] = ["enter", "tab", "backspace", "esc", "space"];

/// Names of keys beside the letters and `f1` to `f24`, and how people read them.
const NAMED: [(&str, &str); 15] = [
    ("enter", "Enter"),
    ("tab", "Tab"),
    ("backtab", "Shift+Tab"),
    ("backspace", "Backspace"),
    ("delete", "Del"),
    ("left", "Left"),
    ("right", "Right"),
    ("up", "Up"),
    ("down", "Down"),
    ("home", "Home"),
    ("end", "End"),
    ("pageup", "PgUp"),
    ("pagedown", "PgDn"),
    ("esc", "Esc"),
    ("space", "Space"),
];

/// The modifiers in the order in which a key names them.
const MODIFIERS: [(&str, &str); 3] = [("ctrl-", "Ctrl+"), ("alt-", "Alt+"), ("shift-", "Shift+")];

/// The last function key, and the last that every terminal has.
const LAST_F: u8 = 24;
const LAST_COMMON_F: u8 = 12;

/// What is wrong, and what to do.
pub(super) type Wrong = (Safe, Safe);

/// `Ctrl+A` for `ctrl-a`.
pub(super) fn label(name: &str) -> Safe {
    let (held, key) = split(name);
    let held = held.into_iter().map(Safe::from);
    let named = NAMED.iter().find(|(of, _)| *of == key);
    let key = named.map_or_else(
        || safe_line(&key.to_uppercase()),
        |(_, label)| (*label).into(),
    );
    Safe::concat(held) + key
}

/// The modifiers of a name, as people read them, and the rest of it.
fn split(name: &str) -> (Vec<&'static str>, &str) {
    let (mut held, mut rest) = (Vec::new(), name);
    for (prefix, label) in MODIFIERS {
        if let Some(after) = rest.strip_prefix(prefix).filter(|after| !after.is_empty()) {
            held.push(label);
            rest = after;
        }
    }
    (held, rest)
}

/// The name of a key that somebody has written as `Alt-K`, `meta+k` or the like.
pub(super) fn name(written: &str) -> Result<String, Wrong> {
    let lower = written.to_lowercase();
    let (held, key) = held(&lower);
    let key = usual(key);
    let shown = || Safe::from("\"") + safe_line(written) + "\" ";
    check(held, key).map_err(|(words, advice)| (shown() + words, advice))?;
    let prefixes = held.into_iter().zip(MODIFIERS);
    let prefixes = prefixes.filter_map(|(is_held, (prefix, _))| is_held.then_some(prefix));
    let name = match prefixes.collect::<String>() + key {
        tab if tab == "shift-tab" => "backtab".to_owned(),
        name => name,
    };
    if let Some((_, twin)) = TWINS.iter().find(|(of, _)| *of == name) {
        let words = shown() + "is " + *twin + " to most terminals";
        return Err((words, "Take another key.".into()));
    }
    Ok(one_name(name))
}

/// The one name of a key that has several.
pub(super) fn one_name(name: String) -> String {
    let same = SAME.iter().find(|(of, _)| *of == name);
    same.map_or(name, |(_, one)| (*one).to_owned())
}

/// The key that most terminals send for this one, if that is another.
pub(super) fn twin(name: &str) -> Option<String> {
    if let Some((_, twin)) = TWINS.iter().find(|(of, _)| *of == name) {
        return Some((*twin).to_owned());
    }
    let ([ctrl, alt, shift], key) = held(name);
    let is_other = (ctrl || shift) && UNCHANGED.contains(&key);
    let alt = if alt { "alt-" } else { "" };
    is_other.then(|| alt.to_owned() + key)
}

/// Whether a key reaches us from every terminal, as itself.
pub(super) fn is_everywhere(name: &str) -> bool {
    let (held, key) = held(name);
    let [ctrl, alt, shift] = held;
    let mut letters = key.chars();
    if let (Some(c), None) = (letters.next(), letters.next()) {
        // With Alt it begins what keys like the arrows send.
        let begins_a_sequence = alt && c == '[';
        return !begins_a_sequence && (!ctrl || c.is_ascii_lowercase() || WITH_CTRL.contains(c));
    }
    if UNCHANGED.contains(&key) {
        let is_lost = shift || (ctrl && key != "space") || (alt && key == "esc");
        return !is_lost;
    }
    function_key(key).is_none_or(|number| number <= LAST_COMMON_F)
}

/// The name of a key that is written in another way, too.
fn usual(key: &str) -> &str {
    match key {
        "return" => "enter",
        "escape" => "esc",
        "pgup" | "page-up" => "pageup",
        "pgdn" | "page-down" => "pagedown",
        "del" => "delete",
        key => key,
    }
}

/// What is wrong with a key, if something is.
fn check([ctrl, alt, shift]: [bool; 3], key: &str) -> Result<(), Wrong> {
    let mut letters = key.chars();
    let is_letter = letters.next().is_some_and(|c| !c.is_control()) && letters.next().is_none();
    let is_named = NAMED.iter().any(|(name, _)| *name == key) || function_key(key).is_some();
    let wrong = |words: &'static str, advice: &'static str| Err((words.into(), advice.into()));
    if !is_letter && !is_named {
        return Err(("is no key".into(), meant(key)));
    }
    if (is_letter || key == "space") && !ctrl && !alt {
        return wrong("is text", "Write ctrl- or alt- before it.");
    }
    if is_letter && shift {
        return wrong(
            "has its Shift in it",
            "Terminals do not tell it from the key without Shift.",
        );
    }
    Ok(())
}

/// What was perhaps meant by a key that there is not.
fn meant(key: &str) -> Safe {
    let names: Vec<Safe> = NAMED.iter().map(|(name, _)| Safe::from(*name)).collect();
    match nearest(key, names.iter()) {
        Some(similar) => Safe::from("Did you mean ") + similar + "?",
        None => "A key is written as alt-k, ctrl-up or f5.".into(),
    }
}

/// Which modifiers stand before a key, in whatever order and way, and the key.
fn held(written: &str) -> ([bool; 3], &str) {
    let (mut held, mut rest) = ([false; 3], written);
    loop {
        let before = rest;
        for (at, words) in [["ctrl", "c"], ["alt", "meta"], ["shift", "s"]]
            .iter()
            .enumerate()
        {
            for word in words {
                let after = rest.strip_prefix(word);
                let after = after.and_then(|after| after.strip_prefix(['-', '+']));
                if let (Some(after), Some(is_held)) =
                    (after.filter(|it| !it.is_empty()), held.get_mut(at))
                {
                    (*is_held, rest) = (true, after);
                }
            }
        }
        if rest == before {
            return (held, rest);
        }
    }
}

/// The number of a function key.
fn function_key(key: &str) -> Option<u8> {
    let digits = key.strip_prefix('f').filter(|it| !it.contains('+'))?;
    let number = digits.parse().ok();
    number.filter(|number| (1..=LAST_F).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_key_however_it_is_written() {
        for written in ["alt-k", "Alt-K", "Alt+K", "meta-k", "META+k"] {
            assert_eq!(name(written).as_deref(), Ok("alt-k"), "{written}");
        }
        for (written, expected) in [
            ("shift-alt-f5", "alt-shift-f5"),
            ("PgUp", "pageup"),
            ("Shift+Tab", "backtab"),
            ("ctrl--", "ctrl-_"),
            ("Ctrl+/", "ctrl-_"),
            ("ctrl-Space", "ctrl-space"),
            ("ctrl-@", "ctrl-space"),
            ("ctrl-\\", "ctrl-\\"),
            ("ctrl-+", "ctrl-+"),
            ("alt-Space", "alt-space"),
            ("c-up", "ctrl-up"),
        ] {
            assert_eq!(name(written).as_deref(), Ok(expected), "{written}");
        }
    }

    #[test]
    fn what_some_terminals_do_not_send_is_not_everywhere() {
        for key in [
            "enter",
            "alt-enter",
            "esc",
            "backtab",
            "f1",
            "f12",
            "shift-f5",
            "ctrl-up",
            "ctrl-a",
            "ctrl-_",
            "ctrl-space",
            "ctrl-\\",
            "alt-k",
            "alt-/",
            "alt-backspace",
            "ctrl-alt-k",
        ] {
            assert!(is_everywhere(key), "{key}");
        }
        for key in [
            "shift-enter",
            "ctrl-enter",
            "ctrl-tab",
            "ctrl-backspace",
            "alt-esc",
            "alt-[",
            "f13",
            "ctrl-1",
            "ctrl-;",
            "ctrl-+",
            "ctrl-alt-,",
            "shift-esc",
            "ctrl-ä",
        ] {
            assert!(!is_everywhere(key), "{key}");
        }
    }
}
