//! Every key of the table, one after the other.

use std::collections::BTreeSet;

use securechat::id::PeerId;
use securechat::tui::{Action, Ask, Keymap, Settings};

use crate::screen::{BOB, CAROL, DAVE, Screen, settings};

/// Keys that write: the key, what was pressed before it, what stands there then and where the caret is.
const EDITS: &[(&str, &[&str], &str, u16)] = &[
    ("left", &[], "one two", 6),
    ("ctrl-b", &[], "one two", 6),
    ("right", &["home"], "one two", 1),
    ("ctrl-f", &["home"], "one two", 1),
    ("alt-f", &["home"], "one two", 3),
    ("ctrl-right", &["home"], "one two", 3),
    ("ctrl-left", &[], "one two", 4),
    ("ctrl-a", &[], "one two", 0),
    ("home", &[], "one two", 0),
    ("ctrl-e", &["home"], "one two", 7),
    ("end", &["home"], "one two", 7),
    ("backspace", &[], "one tw", 6),
    ("ctrl-h", &[], "one tw", 6),
    ("delete", &["home"], "ne two", 0),
    ("ctrl-k", &["home", "right"], "o", 1),
    ("ctrl-u", &["left"], "o", 0),
    ("ctrl-w", &[], "one", 4),
    ("alt-backspace", &[], "one", 4),
    ("alt-d", &["home"], " two", 0),
    ("ctrl-y", &["ctrl-w"], "one two", 7),
    ("ctrl-t", &[], "one tow", 7),
    ("ctrl-_", &["ctrl-w"], "one two", 7),
];

#[test]
fn keys_write_as_in_a_shell() {
    for (key, before, text, caret) in EDITS {
        let mut screen = Screen::with_bob(80, 10);
        screen.type_in("one two");
        before.iter().for_each(|key| screen.key(key));
        screen.key(key);
        let rows = screen.rows();
        let line = rows.last().unwrap();
        assert_eq!(line.trim_end(), format!("> {text}").trim_end(), "{key}");
        assert_eq!(screen.caret().x, caret + 2, "{key}");
    }
}

/// Thirty messages of bob's, the screen at their end.
fn long_talk() -> Screen {
    let mut screen = Screen::with_bob(80, 12);
    (0..30).for_each(|number| screen.say(BOB, &format!("m{number}.")));
    screen.actions();
    screen
}

/// The name on the top line.
fn here(screen: &mut Screen) -> String {
    let rows = screen.rows();
    rows[0].split_whitespace().next().unwrap().to_owned()
}

/// Presses a key, and tells whether it does what it should, as somebody sees it.
type Does = fn(&str) -> bool;

/// What each of the other keys does.
const EFFECTS: &[(&[&str], Does)] = &[
    (&["enter"], |key| {
        let mut screen = Screen::with_bob(80, 10);
        screen.type_in("hello");
        screen.key(key);
        screen.sent().len() == 1
    }),
    (&["alt-enter", "ctrl-j", "shift-enter"], |key| {
        let mut screen = Screen::with_bob(80, 10);
        screen.type_in("one");
        screen.key(key);
        screen.type_in("two");
        screen.sent().is_empty() && screen.text().contains("> one\n  two")
    }),
    (&["up"], |key| {
        let mut screen = Screen::with_bob(80, 10);
        screen.line("/mute");
        screen.key(key);
        screen.text().contains("> /mute")
    }),
    (&["down"], |key| {
        let mut screen = Screen::with_bob(80, 10);
        screen.line("/mute");
        screen.type_in("draft");
        screen.key("up");
        screen.key(key);
        screen.text().contains("> draft")
    }),
    (&["tab"], |key| {
        let mut screen = Screen::with_bob(80, 10);
        screen.type_in("/whoi");
        screen.key(key);
        screen.text().contains("> /whois")
    }),
    (&["backtab"], |key| {
        let mut screen = Screen::with_three(80, 10);
        screen.type_in("/p");
        screen.key("tab");
        screen.key(key);
        screen.text().contains("> /ping")
    }),
    (&["ctrl-n", "alt-right"], |key| {
        let mut screen = Screen::with_three(80, 10);
        screen.key(key);
        here(&mut screen) == "carol"
    }),
    (&["ctrl-p", "alt-left"], |key| {
        let mut screen = Screen::with_three(80, 10);
        screen.key(key);
        here(&mut screen) == "dave"
    }),
    (
        &[
            "alt-1", "alt-2", "alt-3", "alt-4", "alt-5", "alt-6", "alt-7", "alt-8", "alt-9",
            "alt-0",
        ],
        |key| {
            let mut screen = Screen::new(200, 10);
            (1..=11).for_each(|n| screen.meet(PeerId::new([n; 32]), &format!("p{n}")));
            screen.key("ctrl-p");
            screen.key(key);
            let number = key.strip_prefix("alt-").unwrap().replace('0', "10");
            here(&mut screen) == format!("p{number}")
        },
    ),
    (&["alt-a"], |key| {
        let mut screen = Screen::with_three(80, 10);
        screen.say(DAVE, "hello");
        screen.key(key);
        here(&mut screen) == "dave"
    }),
    (&["alt-k"], |key| {
        let mut screen = Screen::with_three(80, 10);
        screen.key(key);
        screen.line("car");
        here(&mut screen) == "carol"
    }),
    (&["pageup", "alt-pageup"], |key| {
        let mut screen = long_talk();
        screen.key(key);
        screen.text().contains("more below")
    }),
    (&["pagedown"], |key| {
        let mut screen = long_talk();
        screen.key("pageup");
        screen.key(key);
        screen.text().contains("m29.") && !screen.text().contains("more below")
    }),
    (&["alt-pagedown"], |key| {
        let mut screen = long_talk();
        screen.key("alt-pageup");
        screen.key(key);
        screen.text().contains("m29.") && !screen.text().contains("more below")
    }),
    (&["alt-home"], |key| {
        let mut screen = long_talk();
        screen.key(key);
        screen.text().contains("m0.")
    }),
    (&["alt-end", "end"], |key| {
        let mut screen = long_talk();
        screen.key("alt-home");
        screen.key(key);
        screen.text().contains("m29.")
    }),
    (&["alt-u"], |key| {
        let mut screen = Screen::with_three(80, 12);
        (0..30).for_each(|number| screen.say(CAROL, &format!("m{number}.")));
        screen.key("alt-2");
        screen.key(key);
        screen.text().contains("m0.")
    }),
    (&["alt-up", "alt-y"], |_| {
        let mut screen = long_talk();
        screen.key("alt-up");
        screen.key("alt-y");
        screen.actions() == [Action::Copy("m29.".to_owned())]
    }),
    (&["alt-down"], |key| {
        let mut screen = long_talk();
        screen.key("alt-up");
        screen.key("alt-up");
        screen.key(key);
        screen.key("alt-y");
        screen.actions() == [Action::Copy("m29.".to_owned())]
    }),
    (&["ctrl-s"], |key| {
        let mut screen = long_talk();
        screen.key(key);
        screen.line("m3.");
        screen.sent().is_empty() && screen.text().contains("m3.")
    }),
    (&["ctrl-r"], |key| {
        let mut screen = long_talk();
        screen.line("/mute");
        screen.key(key);
        screen.line("mu");
        screen.sent().is_empty() && screen.text().contains("> /mute")
    }),
    (&["alt-v"], |key| {
        let mut screen = Screen::with_bob(80, 10);
        screen.key(key);
        screen.actions().contains(&Action::Ask(Ask::Verify(BOB)))
    }),
    (&["alt-l"], |key| {
        let mut screen = long_talk();
        screen.key(key);
        screen.app.bare().is_some()
    }),
    (&["alt-b"], |key| {
        let mut screen = Screen::with_three(120, 10);
        screen.key(key);
        screen.text().matches("carol").count() == 2
    }),
    (&["alt-m"], |key| {
        let mut screen = Screen::with_bob(80, 10);
        screen.key(key);
        screen.actions() == [Action::Mouse(true)]
    }),
    (&["ctrl-l"], |key| {
        let mut screen = Screen::with_bob(80, 10);
        screen.key(key);
        screen.actions() == [Action::Redraw]
    }),
    (&["f1", "alt-?", "alt-/"], |key| {
        let mut screen = Screen::with_bob(80, 24);
        screen.key(key);
        screen.text().contains("/whois [NAME]")
    }),
    (&["esc"], |key| {
        let mut screen = Screen::with_bob(80, 24);
        screen.key("f1");
        screen.key(key);
        !screen.text().contains("/whois")
    }),
    (&["ctrl-c"], |key| {
        let mut screen = Screen::with_bob(80, 10);
        screen.type_in("thought");
        screen.key(key);
        !screen.text().contains("thought")
    }),
    (&["ctrl-d"], |key| {
        let mut screen = Screen::with_bob(80, 10);
        screen.key(key);
        screen.actions() == [Action::Quit]
    }),
    (&["ctrl-z"], |key| {
        let mut screen = Screen::with_bob(80, 10);
        screen.key(key);
        screen.actions() == [Action::Suspend]
    }),
];

#[test]
fn keys_do_what_the_table_says() {
    for (keys, does) in EFFECTS {
        for key in *keys {
            assert!(does(key), "{key}");
        }
    }
}

#[test]
fn no_key_is_without_a_test() {
    let usual = Keymap::default();
    let all: BTreeSet<&str> = usual.names().collect();
    let edits = EDITS.iter().map(|(key, ..)| *key);
    let others = EFFECTS.iter().flat_map(|(keys, _)| keys.iter().copied());
    let tested: BTreeSet<&str> = edits.chain(others).collect();
    assert_eq!(all, tested);
}

#[test]
fn keys_mean_what_the_settings_say_and_the_screen_says_so() {
    let lines = [
        ("f2", "go"),
        ("alt-k", "none"),
        ("f5", "help"),
        ("ctrl-g", "undo"),
        ("f6", "select-up"),
    ];
    let settings = Settings {
        keys: Keymap::with(lines).unwrap(),
        ..settings()
    };
    let mut screen = Screen::with(settings, 80, 24);
    screen.meet(BOB, "bob");
    screen.meet(CAROL, "carol");
    assert!(screen.text().contains("F5 help"), "{}", screen.text());
    screen.key("f2");
    screen.line("car");
    assert_eq!(here(&mut screen), "carol");
    screen.key("alt-k");
    screen.line("bob");
    assert_eq!(here(&mut screen), "carol", "it means nothing any more");
    screen.type_in("thought");
    screen.key("ctrl-c");
    assert!(screen.text().contains("emptied; Ctrl+G brings it back"));
    screen.key("ctrl-g");
    assert!(screen.text().contains("> thought"));
    screen.key("ctrl-c");
    screen.line("/delete");
    assert!(screen.text().contains("select a message first: F6"));
    screen.line("/keys");
    assert!(screen.text().contains("Alt+A, F2 "), "{}", screen.text());
}
