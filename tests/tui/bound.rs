//! Keys with another meaning: every text that names a key names the one that does it.

use std::time::Duration;

use ratatui_crossterm::crossterm::event::{KeyCode, KeyModifiers};
use securechat::chat::words::ShortCode;
use securechat::crypto::Comparison as Nonces;
use securechat::text::Safe;
use securechat::tui::{Comparison, Guest, Input, Keymap, Settings, Told};

use crate::screen::{BOB, CAROL, Screen, settings};

/// Those that texts name usually.
const USUAL: [&str; 8] = [
    "Alt+V", "Esc", "Enter", "Tab", "PgUp", "PgDn", "F1", "Ctrl+C",
];

/// A screen on which those keys do nothing, and F2 to F9 what they did.
fn screen() -> Screen {
    let lines = [
        ("f2", "send"),
        ("enter", "none"),
        ("f3", "cancel"),
        ("esc", "none"),
        ("f4", "verify"),
        ("alt-v", "none"),
        ("f5", "complete"),
        ("tab", "none"),
        ("f6", "page-up"),
        ("pageup", "none"),
        ("f7", "page-down"),
        ("pagedown", "none"),
        ("f8", "help"),
        ("f1", "none"),
        ("alt-?", "none"),
        ("f9", "interrupt"),
        ("ctrl-c", "none"),
    ];
    let keys = Keymap::with(lines).unwrap();
    let mut screen = Screen::with(Settings { keys, ..settings() }, 80, 24);
    screen.meet(BOB, "bob");
    screen
}

/// The screen shows all of `named`, and no key that does it no more.
fn names(screen: &mut Screen, named: &[&str]) {
    for size in [(80, 24), (40, 24)] {
        screen.resize(size.0, size.1);
        let text = screen.text();
        let usual: Vec<_> = USUAL.iter().filter(|key| text.contains(*key)).collect();
        assert!(usual.is_empty(), "{usual:?} in\n{text}");
    }
    screen.resize(80, 24);
    let text = screen.text();
    for key in named {
        assert!(text.contains(key), "no {key:?} in\n{text}");
    }
}

fn compares(screen: &mut Screen, comparison: Comparison) {
    screen.tell(Told::Comparison {
        peer: BOB,
        comparison,
    });
}

fn words(screen: &Screen) -> Comparison {
    let nonces = Nonces {
        handshake: [7; 32],
        attempt: 1,
        asker: BOB,
        answerer: CAROL,
    };
    let code: ShortCode = nonces.code(&[3; 32], &[4; 32]);
    Comparison::Words {
        code,
        until: screen.now().instant + Duration::from_secs(300),
        theirs: false,
    }
}

#[test]
fn the_panel_that_verifies_names_the_keys_that_do_it() {
    let mut screen = screen();
    screen.key("f4");
    names(&mut screen, &["[F3] back"]);
    let comparison = words(&screen);
    compares(&mut screen, comparison);
    names(&mut screen, &["[F3] later"]);
    screen.resize(20, 24);
    assert!(screen.text().contains("T N S Q F3"), "{}", screen.text());
    screen.key("t");
    names(&mut screen, &["[F5] complete   [F2] compare   [F3] back"]);
    screen.key("f3");
    screen.key("s");
    screen.tell(Told::SafetyNumber {
        peer: BOB,
        number: Safe::concat((0..60).map(|_| Safe::from("1"))),
    });
    names(&mut screen, &["[F3] back"]);
    screen.key("t");
    names(&mut screen, &["[F2] compare   [F3] back"]);
    for _ in 0..3 {
        screen.key("f3");
    }
    names(&mut screen, &["another time; F4 shows it again"]);
    screen.key("f4");
    compares(
        &mut screen,
        Comparison::Over {
            why: "you have put it off".into(),
        },
    );
    names(&mut screen, &["[F4] begin again, with new words"]);
    screen.tell(Told::Code {
        lines: vec!["█".into()],
        text: "securechat:1:".into(),
    });
    names(&mut screen, &["[F3] back"]);
}

#[test]
fn without_a_key_that_verifies_there_is_the_command() {
    let keys = Keymap::with([("alt-v", "none")]).unwrap();
    let mut screen = Screen::with(Settings { keys, ..settings() }, 80, 24);
    screen.meet(BOB, "bob");
    screen.line("/verify");
    compares(
        &mut screen,
        Comparison::Over {
            why: "you have put it off".into(),
        },
    );
    names_command(
        &mut screen,
        "[Esc], then /verify: begin again, with new words",
    );
    let comparison = words(&screen);
    compares(&mut screen, comparison);
    screen.key("esc");
    names_command(&mut screen, "another time; /verify shows it again");
}

fn names_command(screen: &mut Screen, words: &str) {
    let text = screen.text();
    assert!(text.contains(words) && !text.contains("Alt+V"), "{text}");
}

#[test]
fn panels_and_questions_name_the_keys_that_answer_them() {
    let mut screen = screen();
    screen.key("f8");
    names(&mut screen, &["F3 closes, F6 F7 scroll"]);
    screen.key("f3");
    screen.key("alt-k");
    names(&mut screen, &["go to - F2 goes, F3 stays"]);
    screen.key("f3");
    screen.input(Input::Paste("line\n".repeat(9)));
    names(&mut screen, &["F2 send as one message, F3 edit"]);
    screen.key("f3");
    screen.key("f9");
    screen.key("f9");
    names(&mut screen, &["F9 again to quit", "F8 help"]);
    screen.tell(Told::Guest(Guest {
        peer: CAROL,
        fingerprint: "xTIBA".into(),
        address: ([192, 0, 2, 1], 7).into(),
        ours: "guest-070707".into(),
        nickname: None,
        warning: None,
    }));
    screen.type_in("/add eve");
    screen.key("f2");
    names(&mut screen, &["[y] yes, save it   [F3] not now"]);
    screen.key("f3");
    screen.type_in("half a thought");
    screen.meet(CAROL, "carol");
    screen.key("alt-2");
    screen.type_in("/quit");
    screen.key("f2");
    names(&mut screen, &["Leave? y yes, F3 no"]);
}

/// On a terminal that tells it from Enter.
#[test]
fn a_key_whose_meaning_was_taken_away_has_not_that_of_a_key_like_it() {
    let keys = Keymap::with([("shift-enter", "none")]).unwrap();
    let mut screen = Screen::with(Settings { keys, ..settings() }, 80, 24);
    screen.meet(BOB, "bob");
    screen.type_in("half of it");
    screen.press(KeyCode::Enter, KeyModifiers::SHIFT);
    assert!(screen.sent().is_empty());
    screen.press(KeyCode::Enter, KeyModifiers::CONTROL);
    assert_eq!(screen.sent().len(), 1);
}
