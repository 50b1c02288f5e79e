//! Which key does what.
//!
//! A key has a name, `ctrl-a` or `alt-up`: settings say it so, and `/keys` shows it.

use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::tui::editor::Move;
use crate::tui::key_name::{one_name, twin};
use crate::tui::keymap::Keymap;

/// What a key does in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bind {
    Send,
    NewLine,
    Up,
    Down,
    Go(Move),
    Delete(Move),
    Yank,
    Transpose,
    Undo,
    Complete {
        back: bool,
    },
    NextTab,
    PreviousTab,
    Tab(usize),
    NextUnread,
    Switcher,
    PageUp,
    PageDown,
    LinesUp,
    LinesDown,
    Oldest,
    Newest,
    /// The end of the line; of an empty one, the newest.
    End,
    FirstUnread,
    SelectUp,
    SelectDown,
    Copy,
    Search,
    HistorySearch,
    Verify,
    Bare,
    List,
    Mouse,
    Redraw,
    Help,
    Escape,
    Interrupt,
    EndOfInput,
    Suspend,
}

/// The table. Where several keys do the same, the first one is the one to show.
pub(super) const TABLE: &[(&str, Bind)] = &[
    ("enter", Bind::Send),
    ("alt-enter", Bind::NewLine),
    ("ctrl-j", Bind::NewLine),
    ("shift-enter", Bind::NewLine),
    ("up", Bind::Up),
    ("down", Bind::Down),
    ("left", Bind::Go(Move::Left)),
    ("ctrl-b", Bind::Go(Move::Left)),
    ("right", Bind::Go(Move::Right)),
    ("ctrl-f", Bind::Go(Move::Right)),
    ("alt-f", Bind::Go(Move::WordRight)),
    ("ctrl-right", Bind::Go(Move::WordRight)),
    ("ctrl-left", Bind::Go(Move::WordLeft)),
    ("ctrl-a", Bind::Go(Move::LineStart)),
    ("home", Bind::Go(Move::LineStart)),
    ("ctrl-e", Bind::Go(Move::LineEnd)),
    ("end", Bind::End),
    ("backspace", Bind::Delete(Move::Left)),
    ("ctrl-h", Bind::Delete(Move::Left)),
    ("delete", Bind::Delete(Move::Right)),
    ("ctrl-k", Bind::Delete(Move::LineEnd)),
    ("ctrl-u", Bind::Delete(Move::LineStart)),
    ("ctrl-w", Bind::Delete(Move::WordLeft)),
    ("alt-backspace", Bind::Delete(Move::WordLeft)),
    ("alt-d", Bind::Delete(Move::WordRight)),
    ("ctrl-y", Bind::Yank),
    ("ctrl-t", Bind::Transpose),
    ("ctrl-_", Bind::Undo),
    ("tab", Bind::Complete { back: false }),
    ("backtab", Bind::Complete { back: true }),
    ("ctrl-n", Bind::NextTab),
    ("alt-right", Bind::NextTab),
    ("ctrl-p", Bind::PreviousTab),
    ("alt-left", Bind::PreviousTab),
    ("alt-1", Bind::Tab(0)),
    ("alt-2", Bind::Tab(1)),
    ("alt-3", Bind::Tab(2)),
    ("alt-4", Bind::Tab(3)),
    ("alt-5", Bind::Tab(4)),
    ("alt-6", Bind::Tab(5)),
    ("alt-7", Bind::Tab(6)),
    ("alt-8", Bind::Tab(7)),
    ("alt-9", Bind::Tab(8)),
    ("alt-0", Bind::Tab(9)),
    ("alt-a", Bind::NextUnread),
    ("alt-k", Bind::Switcher),
    ("pageup", Bind::PageUp),
    ("pagedown", Bind::PageDown),
    ("alt-pageup", Bind::LinesUp),
    ("alt-pagedown", Bind::LinesDown),
    ("alt-home", Bind::Oldest),
    ("alt-end", Bind::Newest),
    ("alt-u", Bind::FirstUnread),
    ("alt-up", Bind::SelectUp),
    ("alt-down", Bind::SelectDown),
    ("alt-y", Bind::Copy),
    ("ctrl-s", Bind::Search),
    ("ctrl-r", Bind::HistorySearch),
    ("alt-v", Bind::Verify),
    ("alt-l", Bind::Bare),
    ("alt-b", Bind::List),
    ("alt-m", Bind::Mouse),
    ("ctrl-l", Bind::Redraw),
    ("f1", Bind::Help),
    ("alt-?", Bind::Help),
    ("alt-/", Bind::Help),
    ("esc", Bind::Escape),
    ("ctrl-c", Bind::Interrupt),
    ("ctrl-d", Bind::EndOfInput),
    ("ctrl-z", Bind::Suspend),
];

/// A key, as the face takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stroke {
    /// It does something.
    Bind(Bind),
    /// It writes a character.
    Char(char),
    /// It is nothing here.
    Other,
}

impl Stroke {
    /// Letting a key go is nothing: Windows tells of it too.
    pub(super) fn of(event: &KeyEvent, keys: &Keymap) -> Self {
        if event.kind == KeyEventKind::Release {
            return Self::Other;
        }
        let Some(name) = name(event) else {
            return Self::Other;
        };
        // Keys that are one to most terminals are told apart by some, since we ask them to.
        let twin = || twin(&name).filter(|_| !keys.is_without(&name));
        if let Some(bind) = keys.bind(&name).or_else(|| keys.bind(&twin()?)) {
            return Self::Bind(bind);
        }
        if let KeyCode::Char(c) = event.code
            && !has_command(event.modifiers)
        {
            return Self::Char(c);
        }
        Self::Other
    }
}

/// Whether it is more than Shift. What AltGr writes comes as Ctrl and Alt on Windows.
pub(super) fn has_command(modifiers: KeyModifiers) -> bool {
    let command = modifiers - KeyModifiers::SHIFT;
    !command.is_empty() && command != KeyModifiers::CONTROL | KeyModifiers::ALT
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "keys that the table does not name are many, and have nothing to do here"
)]
fn name(event: &KeyEvent) -> Option<String> {
    let key = match event.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(c) => c.to_lowercase().to_string(),
        KeyCode::Enter => "enter".to_owned(),
        KeyCode::Tab => "tab".to_owned(),
        KeyCode::BackTab => return Some("backtab".to_owned()),
        KeyCode::Backspace => "backspace".to_owned(),
        KeyCode::Delete => "delete".to_owned(),
        KeyCode::Left => "left".to_owned(),
        KeyCode::Right => "right".to_owned(),
        KeyCode::Up => "up".to_owned(),
        KeyCode::Down => "down".to_owned(),
        KeyCode::Home => "home".to_owned(),
        KeyCode::End => "end".to_owned(),
        KeyCode::PageUp => "pageup".to_owned(),
        KeyCode::PageDown => "pagedown".to_owned(),
        KeyCode::Esc => "esc".to_owned(),
        KeyCode::F(number) => format!("f{number}"),
        _ => return None,
    };
    let mut name = String::new();
    for (modifier, prefix) in [
        (KeyModifiers::CONTROL, "ctrl-"),
        (KeyModifiers::ALT, "alt-"),
        (KeyModifiers::SHIFT, "shift-"),
    ] {
        // A character has its Shift in it.
        let is_in_it = modifier == KeyModifiers::SHIFT && matches!(event.code, KeyCode::Char(_));
        if event.modifiers.contains(modifier) && !is_in_it {
            name.push_str(prefix);
        }
    }
    // A letter alone is text.
    let is_text = name.is_empty() && matches!(event.code, KeyCode::Char(_));
    Some(if is_text { name } else { one_name(name + &key) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stroke(code: KeyCode, modifiers: KeyModifiers) -> Stroke {
        Stroke::of(&KeyEvent::new(code, modifiers), &Keymap::default())
    }

    #[test]
    fn keys_have_one_meaning_each() {
        for (at, (name, _)) in TABLE.iter().enumerate() {
            let rest = &TABLE[at + 1..];
            assert!(rest.iter().all(|(other, _)| other != name), "{name} twice");
        }
    }

    #[test]
    fn letters_are_text_and_with_a_modifier_commands() {
        let none = KeyModifiers::NONE;
        assert_eq!(stroke(KeyCode::Char('a'), none), Stroke::Char('a'));
        assert_eq!(
            stroke(KeyCode::Char('Ä'), KeyModifiers::SHIFT),
            Stroke::Char('Ä')
        );
        let ctrl_a = stroke(KeyCode::Char('a'), KeyModifiers::CONTROL);
        assert_eq!(ctrl_a, Stroke::Bind(Bind::Go(Move::LineStart)));
        let alt_q = stroke(KeyCode::Char('q'), KeyModifiers::ALT);
        assert_eq!(alt_q, Stroke::Other, "not the letter q");
        let at_sign = stroke(
            KeyCode::Char('@'),
            KeyModifiers::CONTROL | KeyModifiers::ALT,
        );
        assert_eq!(at_sign, Stroke::Char('@'), "AltGr on Windows");
        assert_eq!(
            stroke(KeyCode::Enter, KeyModifiers::ALT),
            Stroke::Bind(Bind::NewLine)
        );
        assert_eq!(
            stroke(KeyCode::BackTab, KeyModifiers::SHIFT),
            Stroke::Bind(Bind::Complete { back: true })
        );
    }

    /// Settings could name keys that arrive by another name, and did nothing then.
    #[test]
    fn a_key_of_several_names_does_what_any_of_them_was_given() {
        let keys = Keymap::with([("ctrl-@", "go"), ("ctrl-]", "list")]).unwrap();
        let stroke = |c| {
            let event = KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
            Stroke::of(&event, &keys)
        };
        // What crossterm makes of 0x00, 0x1d and 0x1f, and of an extended keyboard.
        assert_eq!(
            [' ', '@'].map(stroke),
            [Stroke::Bind(Bind::Switcher), Stroke::Bind(Bind::Switcher)]
        );
        assert_eq!(
            ['5', ']'].map(stroke),
            [Stroke::Bind(Bind::List), Stroke::Bind(Bind::List)]
        );
        let undo = Stroke::Bind(Bind::Undo);
        assert!(
            ['7', '/', '_', '-']
                .map(stroke)
                .iter()
                .all(|it| *it == undo)
        );
    }

    /// ratatui#347: keys were doubled on Windows.
    #[test]
    fn letting_a_key_go_is_nothing() {
        let released = KeyEvent::new_with_kind(
            KeyCode::Char('a'),
            KeyModifiers::NONE,
            KeyEventKind::Release,
        );
        assert_eq!(Stroke::of(&released, &Keymap::default()), Stroke::Other);
    }

    #[test]
    fn keys_that_multiplexers_take_are_free() {
        for name in ["ctrl-\\", "ctrl-q", "ctrl-o"] {
            assert!(TABLE.iter().all(|(of, _)| *of != name));
        }
    }
}
