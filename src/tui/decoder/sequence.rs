//! What the bytes of one key, or of one report, say. Source: xterm's ctlseqs, the kitty keyboard protocol, ECMA-48 §5.4.

use ratatui_crossterm::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

pub(super) const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;

/// How far a sequence has come with its last byte.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It goes on.
    More,
    /// It is whole; none if it is nothing to the face.
    Whole(Option<Event>),
    /// The last byte does not belong to it.
    Not,
}

/// How far these bytes have come. All but the last one were [`Step::More`].
pub(super) fn step(bytes: &[u8]) -> Step {
    match bytes {
        [] | [ESC] => Step::More,
        [ESC, ESC, ..] => Step::Not,
        [ESC, b'[', rest @ ..] => control(rest),
        [ESC, b'O', rest @ ..] => single_shift(rest),
        // Answers of a terminal begin like this; else it is a key with Alt, and another one.
        [ESC, b']', rest @ ..] => string(rest, |first| first.is_ascii_digit()),
        [ESC, b'P', rest @ ..] => string(rest, |first| b"0123456789!>".contains(&first)),
        // Of the kitty protocol for pictures.
        [ESC, b'_', rest @ ..] => string(rest, |first| first == b'G'),
        [ESC, rest @ ..] => with_alt(text(rest)),
        _ => text(bytes),
    }
}

/// The key that this is if nothing follows; none if nobody can have typed it.
pub(super) fn alone(bytes: &[u8]) -> Option<Event> {
    match bytes {
        [ESC] => Some(key(KeyCode::Esc, KeyModifiers::NONE)),
        [ESC, b'[' | b'O' | b']' | b'P' | b'_'] => match with_alt(text(bytes.get(1..)?)) {
            Step::Whole(event) => event,
            Step::More | Step::Not => None,
        },
        _ => None,
    }
}

const fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
    Event::Key(KeyEvent::new(code, modifiers))
}

/// A character, or what a control stands for.
fn text(bytes: &[u8]) -> Step {
    match core::str::from_utf8(bytes) {
        Ok(text) => Step::Whole(text.chars().next().map(typed)),
        Err(error) if error.error_len().is_none() => Step::More,
        Err(_) => Step::Not,
    }
}

fn typed(c: char) -> Event {
    let ctrl = |first: char, nth: u8| {
        let code = KeyCode::Char(char::from(first as u8 + nth));
        key(code, KeyModifiers::CONTROL)
    };
    match c {
        '\r' => key(KeyCode::Enter, KeyModifiers::NONE),
        '\t' => key(KeyCode::Tab, KeyModifiers::NONE),
        '\u{7f}' => key(KeyCode::Backspace, KeyModifiers::NONE),
        '\0' => key(KeyCode::Char(' '), KeyModifiers::CONTROL),
        '\u{1}'..='\u{1a}' => ctrl('a', c as u8 - 1),
        '\u{1c}'..='\u{1f}' => ctrl('4', c as u8 - 0x1c),
        c if c.is_uppercase() => key(KeyCode::Char(c), KeyModifiers::SHIFT),
        c => key(KeyCode::Char(c), KeyModifiers::NONE),
    }
}

fn with_alt(step: Step) -> Step {
    match step {
        Step::Whole(Some(Event::Key(mut key))) => {
            key.modifiers |= KeyModifiers::ALT;
            Step::Whole(Some(Event::Key(key)))
        }
        Step::Whole(_) | Step::More | Step::Not => step,
    }
}

/// What follows ESC O (SS3).
fn single_shift(rest: &[u8]) -> Step {
    match rest {
        [] => Step::More,
        [last @ 0x40..=0x7e] => {
            let code = letter(*last).or_else(|| (*last == b'R').then_some(KeyCode::F(3)));
            Step::Whole(code.map(|code| key(code, KeyModifiers::NONE)))
        }
        [_, ..] => Step::Not,
    }
}

/// What follows ESC ] (OSC), ESC P (DCS) or ESC _ (APC), up to BEL or ESC \. There is nothing for us in it.
fn string(rest: &[u8], begins: impl Fn(u8) -> bool) -> Step {
    match rest {
        [] => Step::More,
        [first, ..] if !begins(*first) => Step::Not,
        [.., BEL] | [.., ESC, b'\\'] => Step::Whole(None),
        [.., ESC, _] => Step::Not,
        [.., ESC] => Step::More,
        [.., 0..0x20] => Step::Not,
        [..] => Step::More,
    }
}

/// What follows ESC [ (CSI).
fn control(rest: &[u8]) -> Step {
    match rest {
        // The console of Linux has five such keys.
        [] | [b'['] => Step::More,
        [b'[', nth @ b'A'..=b'E'] => {
            let code = KeyCode::F(nth - b'A' + 1);
            Step::Whole(Some(key(code, KeyModifiers::NONE)))
        }
        [b'[', ..] => Step::Not,
        [b'M', button, x, y] => {
            let at = |byte: &u8| u16::from(byte.saturating_sub(33));
            Step::Whole(mouse(button.saturating_sub(32), at(x), at(y)))
        }
        [b'M', ..] => Step::More,
        [.., 0x20..=0x3f] => Step::More,
        [parameters @ .., last @ 0x40..=0x7e] => {
            let parameters = core::str::from_utf8(parameters).unwrap_or_default();
            Step::Whole(controlled(parameters, *last))
        }
        [..] => Step::Not,
    }
}

/// What a whole CSI sequence says. Those of others, such as answers that were asked for by another program, say nothing.
fn controlled(parameters: &str, last: u8) -> Option<Event> {
    match (parameters.strip_prefix('<'), parameters, last) {
        (Some(parameters), _, b'M') => return clicked(parameters, 0),
        (None, "", b'I') => return Some(Event::FocusGained),
        (None, "", b'O') => return Some(Event::FocusLost),
        (None, _, b'M') => return clicked(parameters, 32),
        _ if parameters.starts_with(['<', '=', '>', '?']) => return None,
        _ => {}
    }
    let mut fields = parameters.split(';');
    let (first, second) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
    match last {
        b'u' => encoded(first, second),
        b'~' => pressed(numbered(first)?, second),
        b'Z' => pressed(KeyCode::BackTab, "2"),
        // Old forms have the modifiers alone.
        _ if second.is_empty() => pressed(letter(last)?, first),
        _ => pressed(letter(last)?, second),
    }
}

/// A key with modifiers as xterm counts them, and behind a colon whether it was pressed or let go.
fn pressed(code: KeyCode, modifiers: &str) -> Option<Event> {
    let (mask, kind) = modifiers.split_once(':').unwrap_or((modifiers, "1"));
    let kind = match kind {
        "2" => KeyEventKind::Repeat,
        "3" => KeyEventKind::Release,
        _ => KeyEventKind::Press,
    };
    let mask = if mask.is_empty() {
        1
    } else {
        mask.parse().ok()?
    };
    let key = KeyEvent::new_with_kind(code, with_bits(mask), kind);
    Some(Event::Key(key))
}

fn with_bits(mask: u8) -> KeyModifiers {
    let all = [
        KeyModifiers::SHIFT,
        KeyModifiers::ALT,
        KeyModifiers::CONTROL,
        KeyModifiers::SUPER,
        KeyModifiers::HYPER,
        KeyModifiers::META,
    ];
    let is_set = |nth: usize| mask.saturating_sub(1) >> nth & 1 == 1;
    let set = all.into_iter().enumerate().filter(|(nth, _)| is_set(*nth));
    set.map(|(_, modifier)| modifier).collect()
}

/// Keys of CSI and SS3 that end in a letter. CSI R is none: terminals tell by it where the cursor is.
const fn letter(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P' => KeyCode::F(1),
        b'Q' => KeyCode::F(2),
        b'S' => KeyCode::F(4),
        _ => return None,
    })
}

/// Keys of CSI that end in ~.
fn numbered(number: &str) -> Option<KeyCode> {
    Some(match number.parse().ok()? {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        number @ 11..=15 => KeyCode::F(number - 10),
        number @ 17..=21 => KeyCode::F(number - 11),
        number @ 23..=26 => KeyCode::F(number - 12),
        number @ 28..=29 => KeyCode::F(number - 15),
        number @ 31..=34 => KeyCode::F(number - 17),
        _ => return None,
    })
}

/// A key of the kitty protocol: its character, behind a colon the one that Shift makes of it.
fn encoded(key: &str, modifiers: &str) -> Option<Event> {
    let mut codes = key.split(':').map(str::parse::<u32>);
    let code = codes.next()?.ok()?;
    let code = match code {
        9 => KeyCode::Tab,
        13 => KeyCode::Enter,
        27 => KeyCode::Esc,
        127 => KeyCode::Backspace,
        0xe000..=0xf8ff => functional(code)?,
        code => KeyCode::Char(char::from_u32(code).filter(|c| !c.is_control())?),
    };
    let Event::Key(mut event) = pressed(code, modifiers)? else {
        return None;
    };
    if event.modifiers.contains(KeyModifiers::SHIFT) {
        if event.code == KeyCode::Tab {
            event.code = KeyCode::BackTab;
        } else if let Some(shifted) = codes.next().and_then(|code| char::from_u32(code.ok()?)) {
            event.code = KeyCode::Char(shifted);
            event.modifiers -= KeyModifiers::SHIFT;
        }
    }
    Some(Event::Key(event))
}

/// Keys that the kitty protocol gives numbers of its own: F13 to F35, and the keypad, which it tells from the others.
fn functional(code: u32) -> Option<KeyCode> {
    Some(match code {
        57_376..=57_398 => KeyCode::F(u8::try_from(code - 57_363).ok()?),
        57_399..=57_408 => KeyCode::Char(char::from_digit(code - 57_399, 10)?),
        57_409 => KeyCode::Char('.'),
        57_410 => KeyCode::Char('/'),
        57_411 => KeyCode::Char('*'),
        57_412 => KeyCode::Char('-'),
        57_413 => KeyCode::Char('+'),
        57_414 => KeyCode::Enter,
        57_415 => KeyCode::Char('='),
        57_416 => KeyCode::Char(','),
        57_417 => KeyCode::Left,
        57_418 => KeyCode::Right,
        57_419 => KeyCode::Up,
        57_420 => KeyCode::Down,
        57_421 => KeyCode::PageUp,
        57_422 => KeyCode::PageDown,
        57_423 => KeyCode::Home,
        57_424 => KeyCode::End,
        57_425 => KeyCode::Insert,
        57_426 => KeyCode::Delete,
        _ => return None,
    })
}

/// A report of the mouse: what it did, from `base` on, the column and the row, from 1 on.
fn clicked(parameters: &str, base: u8) -> Option<Event> {
    let mut fields = parameters.split(';');
    let button: u8 = fields.next()?.parse().ok()?;
    let mut place = || fields.next()?.parse::<u16>().ok()?.checked_sub(1);
    let (x, y) = (place()?, place()?);
    mouse(button.checked_sub(base)?, x, y)
}

/// What the face takes of the mouse: a click and the wheel, whatever is held meanwhile (Shift 4, Alt 8, Ctrl 16).
fn mouse(button: u8, column: u16, row: u16) -> Option<Event> {
    let kind = match button & !(4 | 8 | 16) {
        0 => MouseEventKind::Down(MouseButton::Left),
        64 => MouseEventKind::ScrollUp,
        65 => MouseEventKind::ScrollDown,
        _ => return None,
    };
    Some(Event::Mouse(MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    }))
}
