//! Colours that are read on a light ground and on a dark one, and none at all.

use ratatui_core::style::{Color, Modifier};
use securechat::chat::{FailReason, State};
use securechat::tui::{Settings, Standing, Told};

use crate::screen::{BOB, CAROL, DAVE, Screen, settings};

/// Those of the sixteen that are neither black, white nor grey: each is legible on black and on white.
const HUES: [Color; 6] = [
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
];

/// What makes a text hard to read, or to see at all.
const FAINT: Modifier = Modifier::DIM
    .union(Modifier::HIDDEN)
    .union(Modifier::SLOW_BLINK)
    .union(Modifier::RAPID_BLINK);

/// Looks at every cell. Returns how many have a colour.
fn look(screen: &mut Screen) -> usize {
    let buffer = screen.draw();
    for cell in &buffer.content {
        assert_eq!(cell.bg, Color::Reset, "{cell:?}");
        assert!(!cell.modifier.intersects(FAINT), "{cell:?}");
        assert!(
            cell.fg == Color::Reset || HUES.contains(&cell.fg),
            "{cell:?}"
        );
    }
    let coloured = buffer.content.iter();
    coloured.filter(|cell| cell.fg != Color::Reset).count()
}

/// Everything that has a style, on one screen after the other. Returns how many cells had a colour.
fn look_at_everything(settings: Settings) -> usize {
    let mut screen = Screen::with(settings, 120, 24);
    for (peer, name) in [(BOB, "bob"), (CAROL, "carol"), (DAVE, "dave")] {
        screen.meet(peer, name);
        let standing = Standing::Up;
        screen.tell(Told::Standing { peer, standing });
        screen.say(peer, "hello \u{1b}[2J \u{202e} needle");
    }
    let name = screen.send("this fails");
    screen.state(BOB, name, State::Failed(FailReason::Expired));
    screen.send("this waits");
    let mut coloured = look(&mut screen);
    for keys in [
        ["alt-b", "alt-b"].as_slice(),
        &["alt-up", "esc"],
        &["ctrl-s", "n", "e", "e", "esc"],
        &["ctrl-r", "h", "esc"],
        &["alt-k", "c", "esc"],
        &["f1", "pagedown", "esc"],
        &["pageup", "alt-end"],
    ] {
        for key in keys {
            screen.key(key);
            coloured += look(&mut screen);
        }
    }
    let why = || "it has another key; nothing is sent".into();
    for standing in [
        Standing::KeyChanged { why: why() },
        Standing::WordsDiffer { why: why() },
        Standing::Revoked,
        Standing::Ended { why: why() },
        Standing::Offline { why: why() },
    ] {
        let peer = BOB;
        screen.tell(Told::Standing { peer, standing });
        screen.line("refused");
        coloured += look(&mut screen);
    }
    coloured
}

/// gurk#492, fzf#198, gdu#43: grey text on a light ground.
#[test]
fn nothing_depends_on_the_ground_that_a_terminal_has() {
    assert!(look_at_everything(settings()) > 0, "names have a hue");
}

#[test]
fn without_colours_there_is_none() {
    let mono = true;
    let settings = Settings { mono, ..settings() };
    assert_eq!(look_at_everything(settings), 0);
}
