//! Nothing that anybody sends, pastes or is called reaches the terminal as a control.

use proptest::prelude::*;
use ratatui_core::backend::Backend;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use ratatui_core::text::{Line, Span};
use ratatui_core::widgets::Widget;
use ratatui_crossterm::CrosstermBackend;
use securechat::text::{Charset, safe_line, safe_text};
use securechat::tui::{Guest, Input, Settings, Standing, Told};

use crate::screen::{BOB, CAROL, Screen, settings};

/// Pieces that have fooled terminals, and what holds them together.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\u{1b}[2J".to_owned()),
        Just("\u{1b}]52;c;ZXZpbA==\u{7}".to_owned()),
        Just("\u{1b}P0;1|17/ab\u{1b}\\".to_owned()),
        Just("\u{9b}31m".to_owned()),
        Just("\u{202e}\u{2066}\u{2069}".to_owned()),
        Just("\u{200b}\u{feff}\u{ad}\u{e0041}\u{3164}".to_owned()),
        Just("\u{2028}\u{2029}\r\n\t".to_owned()),
        Just("👩\u{200d}👩\u{200d}👧❤\u{fe0f}🇳🇴".to_owned()),
        Just("z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}".to_owned()),
        Just("日本語".to_owned()),
        "[ -~]{0,20}",
        any::<char>().prop_map(String::from),
        any::<[char; 3]>().prop_map(String::from_iter),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Whether a terminal could take it for anything but a character.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' | '\u{e0000}'..='\u{e0fff}' | '\u{e000}'..='\u{f8ff}')
}

fn check_cells(buffer: &Buffer) {
    for cell in &buffer.content {
        assert!(
            !cell.symbol().chars().any(is_control),
            "{:?}",
            cell.symbol()
        );
    }
}

/// What a terminal would be sent: text, and sequences of CSI that move the cursor or set a style.
fn check_bytes(buffer: &Buffer) {
    let mut bytes = Vec::new();
    let empty = Buffer::empty(buffer.area);
    let mut backend = CrosstermBackend::new(&mut bytes);
    backend.draw(empty.diff(buffer).into_iter()).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('\u{1b}') {
        assert!(!rest[..at].chars().any(is_control), "{:?}", &rest[..at]);
        let sequence = rest[at..].strip_prefix("\u{1b}[").expect("only CSI");
        let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        assert!(matches!(&sequence[end..=end], "H" | "m"), "{sequence:?}");
        assert!(
            sequence[..end]
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b';')
        );
        rest = &sequence[end + 1..];
    }
    assert!(!rest.chars().any(is_control), "{rest:?}");
}

fn check(screen: &mut Screen) {
    let buffer = screen.draw();
    check_cells(&buffer);
    check_bytes(&buffer);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn no_control_reaches_the_screen_by_any_way_in(
        text in hostile(), other in hostile(), width in 20_u16..120, keys in prop::collection::vec(0_usize..9, 0..6)
    ) {
        let mut screen = Screen::with_three(width, 16);
        screen.meet(CAROL, &other);
        screen.say(BOB, &text);
        screen.say(CAROL, &other);
        screen.tell(Told::Note { about: None, lines: vec![safe_line(&other), safe_text(&text)] });
        screen.tell(Told::Guest(Guest {
            peer: CAROL,
            fingerprint: safe_line(&text),
            address: "127.0.0.1:1".parse().unwrap(),
            ours: "guest-070707".into(),
            nickname: Some(safe_line(&other)),
            warning: Some(safe_line(&other)),
        }));
        screen.input(Input::Paste(text.clone()));
        check(&mut screen);
        screen.key("enter");
        check(&mut screen);
        screen.tell(Told::Standing { peer: BOB, standing: Standing::Offline { why: safe_line(&text) } });
        for key in keys {
            let names = ["alt-up", "alt-l", "ctrl-s", "alt-k", "alt-2", "alt-b", "ctrl-r", "esc", "r"];
            screen.key(names[key]);
            screen.input(Input::Paste(other.clone()));
            check(&mut screen);
        }
    }

    /// Nor a byte that a terminal without UTF-8 could take for a control, and nothing that is spelled out is cut.
    #[test]
    fn a_terminal_without_utf_8_gets_none(
        text in hostile(), name in hostile(), width in 40_u16..120, keys in prop::collection::vec(0_usize..8, 0..6)
    ) {
        let ascii = Settings { charset: Charset::Ascii, ..settings() };
        let mut screen = Screen::with(ascii, width, 40);
        screen.meet(BOB, &name);
        screen.say(BOB, &text);
        screen.input(Input::Paste(text.clone()));
        for key in keys {
            let names = ["alt-up", "alt-l", "ctrl-s", "alt-k", "alt-v", "alt-b", "esc", "enter"];
            screen.key(names[key]);
            prop_assert!(screen.text().is_ascii(), "{}", screen.text());
        }
        let mut screen = Screen::with(Settings { charset: Charset::Ascii, ..settings() }, width, 40);
        screen.meet(BOB, "bob");
        screen.say(BOB, &text);
        let shown: String = screen.rows().concat().split_whitespace().collect();
        let letters = safe_text(&text).to_string();
        for c in letters.chars().filter(|c| !c.is_ascii()) {
            prop_assert!(shown.contains(&format!("<U+{:04X}>", u32::from(c))), "{c:?} in {shown}");
        }
    }

    /// The same texts past our own widgets: what ratatui makes of a text that went through the policy.
    #[test]
    fn no_control_reaches_the_screen_through_the_library(text in hostile()) {
        let area = Rect::new(0, 0, 80, 3);
        let mut buffer = Buffer::empty(area);
        let safe = safe_line(&text);
        buffer.set_string(0, 0, safe.as_str(), Style::new());
        Line::from(safe.as_str()).render(Rect { y: 1, height: 1, ..area }, &mut buffer);
        Span::raw(safe.as_str()).render(Rect { y: 2, height: 1, ..area }, &mut buffer);
        check_cells(&buffer);
        check_bytes(&buffer);
    }
}

#[test]
#[should_panic = "\\u{1b}[2J"]
fn a_control_in_a_cell_is_found() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 1));
    buffer.content[3].set_symbol("\u{1b}[2J");
    check_cells(&buffer);
}

#[test]
#[should_panic = "2J"]
fn a_control_among_the_bytes_is_found() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 1));
    buffer.content[3].set_symbol("\u{1b}[2J");
    check_bytes(&buffer);
}
