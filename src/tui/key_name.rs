//! Names of keys: as settings write them, as the table has them, as people read them.

use crate::text::{Safe, nearest, safe_line};

/// Keys that most terminals send as another one.
const TWINS: [(&str, &str); 4] = [
    ("ctrl-i", "tab"),
    ("ctrl-m", "enter"),
    ("ctrl-[", "esc"),
    ("ctrl-space", "ctrl-@"),
];

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

/// The last function key.
const LAST_F: u8 = 24;

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
    let key = match key {
        "return" => "enter",
        "escape" => "esc",
        "pgup" | "page-up" => "pageup",
        "pgdn" | "page-down" => "pagedown",
        "del" => "delete",
        key => key,
    };
    let wrong = |words: &'static str, advice: &'static str| {
        let shown = Safe::from("\"") + safe_line(written) + "\" ";
        Err((shown + words, Safe::from(advice)))
    };
    let mut letters = key.chars();
    let is_letter = letters.next().is_some_and(|c| !c.is_control()) && letters.next().is_none();
    let is_named = NAMED.iter().any(|(name, _)| *name == key) || is_function_key(key);
    let [ctrl, alt, shift] = held;
    if !is_letter && !is_named {
        let names: Vec<Safe> = NAMED.iter().map(|(name, _)| Safe::from(*name)).collect();
        let shown = Safe::from("\"") + safe_line(written) + "\" is no key";
        let advice = match nearest(key, names.iter()) {
            Some(similar) => Safe::from("Did you mean ") + similar + "?",
            None => "A key is written as alt-k, ctrl-up or f5.".into(),
        };
        return Err((shown, advice));
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
    let mut name = String::new();
    for (is_held, (prefix, _)) in held.into_iter().zip(MODIFIERS) {
        name.push_str(if is_held { prefix } else { "" });
    }
    let name = match (name + key).as_str() {
        "shift-tab" => "backtab".to_owned(),
        name => name.to_owned(),
    };
    if let Some((_, twin)) = TWINS.iter().find(|(of, _)| *of == name) {
        let words = Safe::from("\"") + safe_line(written) + "\" is " + *twin + " to most terminals";
        return Err((words, Safe::from("Take another key.")));
    }
    Ok(name)
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

fn is_function_key(key: &str) -> bool {
    let number = key.strip_prefix('f').and_then(|number| number.parse().ok());
    number.is_some_and(|number: u8| (1..=LAST_F).contains(&number) && !key.contains('+'))
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
            ("ctrl--", "ctrl--"),
            ("ctrl-+", "ctrl-+"),
            ("alt-Space", "alt-space"),
            ("c-up", "ctrl-up"),
        ] {
            assert_eq!(name(written).as_deref(), Ok(expected), "{written}");
        }
    }
}
