//! What happens at the terminal, as the face takes it.
//!
//! Windows tells of no paste: what is pasted comes as keys (crossterm#737), and each line of it would be a message. A
//! person types nothing right after Enter, a console has the whole paste at hand. So an Enter that another key
//! follows at once was pasted, and so was all that follows until nothing comes for a moment.

use core::time::Duration;
use std::io;

use ratatui_crossterm::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use crate::time::Instant;
use crate::tui::console::Console;
use crate::tui::input::Input;
use crate::tui::keys::has_command;
use crate::tui::tty::usable;

/// Rows that a notch of the wheel scrolls.
const WHEEL: i16 = 3;

/// A key that comes this soon after Enter was pasted with it. Keys that are typed in haste, or repeated by one that is
/// held, are 30 ms apart; Enter is seen this much later, which nobody notices.
const BURST: Duration = Duration::from_millis(10);

/// Bytes of a paste that are told at once; more come as another paste.
const PASTE_MAX_LEN: usize = 1 << 16;

/// Where events come from.
pub(super) trait Source {
    /// Whether there is one within this time.
    fn has(&mut self, within: Duration) -> io::Result<bool>;
    /// Waits for the next one, and says when it began.
    fn next(&mut self) -> io::Result<(Event, Instant)>;
}

/// Reads what happens at the terminal.
#[derive(Debug)]
pub struct Reader {
    console: Console,
    keys: Keys,
}

impl Reader {
    /// Begins to read the terminal of standard input, by this clock.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(now: impl Fn() -> Instant + Send + 'static) -> io::Result<Self> {
        Ok(Self {
            console: Console::open(Box::new(now))?,
            keys: Keys::new(cfg!(windows)),
        })
    }

    /// Waits for the next thing that happens at the terminal, and when that was; none if it is nothing to the face.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn read(&mut self) -> io::Result<Option<(Input, Instant)>> {
        self.keys.read_from(&mut self.console)
    }
}

/// Finds the pastes among keys.
#[derive(Debug)]
struct Keys {
    /// Whether pastes come as keys.
    pastes_are_keys: bool,
    /// What ended a paste and is told after it.
    next: Option<(Input, Instant)>,
    /// When the paste that was told last came, which is not over.
    goes_on: Option<Instant>,
}

impl Keys {
    const fn new(pastes_are_keys: bool) -> Self {
        Self {
            pastes_are_keys,
            next: None,
            goes_on: None,
        }
    }

    fn read_from(&mut self, source: &mut impl Source) -> io::Result<Option<(Input, Instant)>> {
        if self.next.is_some() {
            return Ok(self.next.take());
        }
        if let Some(at) = self.goes_on.take() {
            let text = self.pasted(String::new(), at, source)?;
            return Ok((!text.is_empty()).then_some((Input::Paste(text), at)));
        }
        let (event, at) = source.next()?;
        Ok(match enter(&event).filter(|_| self.pastes_are_keys) {
            Some(key) => Some((self.after(key, at, source)?, at)),
            None => of(event).map(|input| (input, at)),
        })
    }

    /// Enter by itself, or the paste that it is in.
    fn after(
        &mut self,
        enter: KeyEvent,
        at: Instant,
        source: &mut impl Source,
    ) -> io::Result<Input> {
        let text = self.pasted(String::from("\n"), at, source)?;
        Ok(match text.as_str() {
            "\n" => Input::Key(enter),
            _ => Input::Paste(text),
        })
    }

    /// The text with what comes at once. Something else ends it, and is kept.
    fn pasted(
        &mut self,
        mut text: String,
        at: Instant,
        source: &mut impl Source,
    ) -> io::Result<String> {
        while source.has(BURST)? {
            if text.len() >= PASTE_MAX_LEN {
                self.goes_on = Some(at);
                break;
            }
            let (event, at) = source.next()?;
            if let Some(c) = written(&event) {
                text.push(c);
            } else if !is_release(&event) {
                self.next = of(event).map(|input| (input, at));
                break;
            }
        }
        Ok(text)
    }
}

/// Enter by itself, whatever it does.
fn enter(event: &Event) -> Option<KeyEvent> {
    let key = event.as_key_event()?;
    let is_it = key.code == KeyCode::Enter && key.modifiers.is_empty() && !is_release(event);
    is_it.then_some(key)
}

fn is_release(event: &Event) -> bool {
    event
        .as_key_event()
        .is_some_and(|key| key.kind == KeyEventKind::Release)
}

/// What a key writes in a text that is pasted. A line feed may come as Ctrl+J.
fn written(event: &Event) -> Option<char> {
    let key = event.as_key_event().filter(|_| !is_release(event))?;
    if key.code == KeyCode::Enter {
        return Some('\n');
    }
    if key.code == KeyCode::Tab {
        return Some('\t');
    }
    match key.code.as_char()? {
        'j' if key.modifiers == KeyModifiers::CONTROL => Some('\n'),
        c => (!has_command(key.modifiers)).then_some(c),
    }
}

fn of(event: Event) -> Option<Input> {
    match event {
        Event::Key(key) => Some(Input::Key(key)),
        Event::Paste(text) => Some(Input::Paste(text)),
        Event::Resize(width, height) => {
            let (width, height) = usable(width, height);
            Some(Input::Resize { width, height })
        }
        Event::FocusGained => Some(Input::Focus(true)),
        Event::FocusLost => Some(Input::Focus(false)),
        Event::Mouse(mouse) => of_mouse(mouse),
    }
}

fn of_mouse(mouse: MouseEvent) -> Option<Input> {
    match mouse.kind {
        MouseEventKind::ScrollUp => Some(Input::Wheel(WHEEL)),
        MouseEventKind::ScrollDown => Some(Input::Wheel(-WHEEL)),
        MouseEventKind::Down(MouseButton::Left) => Some(Input::Click(mouse.column, mouse.row)),
        MouseEventKind::Down(_)
        | MouseEventKind::Up(_)
        | MouseEventKind::Drag(_)
        | MouseEventKind::Moved
        | MouseEventKind::ScrollLeft
        | MouseEventKind::ScrollRight => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Events, each so long after the one before it. The terminal is gone when they are over.
    struct Script(VecDeque<(Duration, Event)>);

    impl Source for Script {
        fn has(&mut self, within: Duration) -> io::Result<bool> {
            Ok(self.0.front().is_some_and(|(wait, _)| *wait <= within))
        }

        fn next(&mut self) -> io::Result<(Event, Instant)> {
            let next = self.0.pop_front().ok_or(io::ErrorKind::UnexpectedEof)?;
            Ok((next.1, Instant::ZERO))
        }
    }

    const AT_ONCE: Duration = Duration::from_micros(50);
    const TYPED: Duration = Duration::from_millis(11);

    fn press(code: KeyCode) -> Event {
        Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn release(code: KeyCode) -> Event {
        let (none, kind) = (KeyModifiers::NONE, KeyEventKind::Release);
        Event::Key(KeyEvent::new_with_kind(code, none, kind))
    }

    fn code(c: char) -> KeyCode {
        match c {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            c => KeyCode::Char(c),
        }
    }

    /// The keys of a text, pressed and let go, so far apart.
    fn keys(text: &str, apart: Duration) -> Vec<(Duration, Event)> {
        let of = |c| [(apart, press(code(c))), (AT_ONCE, release(code(c)))];
        text.chars().flat_map(of).collect()
    }

    /// What comes of it, in short: a key as what it writes, a paste in brackets.
    fn told(pastes_are_keys: bool, events: Vec<(Duration, Event)>) -> String {
        let (mut keys, mut source) = (Keys::new(pastes_are_keys), Script(events.into()));
        let mut told = String::new();
        while let Ok(input) = keys.read_from(&mut source) {
            match input.map(|(input, _)| input) {
                Some(Input::Key(key)) => told.extend(written(&Event::Key(key))),
                Some(Input::Paste(text)) => told += &format!("[{text}]"),
                Some(Input::Resize { .. }) => told += "<resize>",
                _ => {}
            }
        }
        told
    }

    #[test]
    fn where_a_paste_comes_as_keys_it_is_a_paste_from_its_first_enter_on() {
        let one = told(true, keys("one\ntwo\n\tthree\n", AT_ONCE));
        assert_eq!(one, "one[\ntwo\n\tthree\n]");
        assert_eq!(told(true, keys("one\ntwo", AT_ONCE)), "one[\ntwo]");
        assert_eq!(told(true, keys("\n\n", AT_ONCE)), "[\n\n]", "two Enters");
    }

    #[test]
    fn who_types_sends_each_line() {
        assert_eq!(told(true, keys("one\ntwo\n\n", TYPED)), "one\ntwo\n\n");
    }

    #[test]
    fn where_the_terminal_tells_of_pastes_keys_are_keys_however_fast_they_come() {
        let mut events = keys("one\ntwo\n", AT_ONCE);
        events.push((AT_ONCE, Event::Paste("a\nb".to_owned())));
        assert_eq!(told(false, events), "one\ntwo\n[a\nb]");
    }

    #[test]
    fn what_ends_a_paste_is_told_after_it() {
        let mut events = keys("\ntwo\n", AT_ONCE);
        events.push((AT_ONCE, Event::Resize(80, 24)));
        events.extend(keys("x\n", TYPED));
        assert_eq!(told(true, events), "[\ntwo\n]<resize>x\n");
        let resized = vec![
            (TYPED, press(KeyCode::Enter)),
            (AT_ONCE, Event::Resize(80, 24)),
        ];
        assert_eq!(told(true, resized), "\n<resize>", "Enter by itself");
    }

    /// The Enters at the end of a piece and of the whole are in it too: they send nothing.
    #[test]
    fn a_paste_that_is_very_long_comes_in_pieces_and_nothing_of_it_is_a_key() {
        let long = "\n".repeat(PASTE_MAX_LEN + 1);
        let mut events = keys(&long, AT_ONCE);
        events.extend(keys("x\n", TYPED));
        let first = "\n".repeat(PASTE_MAX_LEN);
        assert_eq!(told(true, events), format!("[{first}][\n]x\n"));
    }
}
