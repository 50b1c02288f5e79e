//! A face and the screen that it is drawn on.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use ratatui_core::backend::TestBackend;
use ratatui_core::buffer::{Buffer, Cell, CellWidth};
use ratatui_core::layout::Position;
use ratatui_core::style::Modifier;
use ratatui_core::terminal::Terminal;
use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use securechat::calendar::Zone;
use securechat::chat::{LogId, Name, State};
use securechat::id::PeerId;
use securechat::text::{Charset, Safe, safe_line};
use securechat::time::{Instant, UnixTime};
use securechat::tui::{
    Action, App, Ask, Card, Discretion, Input, Keymap, LinkStatus, Now, Said, Settings, Standing,
    Through, Ticket, Told,
};

pub(crate) const BOB: PeerId = PeerId::new([2; 32]);
pub(crate) const CAROL: PeerId = PeerId::new([3; 32]);
pub(crate) const DAVE: PeerId = PeerId::new([4; 32]);

/// Sat 21 Nov 2026, 02:09:00 UTC.
const START: u64 = 1_795_226_940_000;

/// A face on a screen, at a time that only moves when it is told to.
pub(crate) struct Screen {
    pub(crate) app: App,
    terminal: Terminal<TestBackend>,
    now: Now,
    /// How long ago what happens now happened at the terminal, while the program had no time for it.
    lag: Duration,
    actions: Vec<Action>,
    /// Messages that were accepted.
    accepted: u64,
    /// Messages that came.
    said: u64,
}

pub(crate) fn settings() -> Settings {
    Settings {
        ascii: false,
        charset: Charset::Utf8,
        mono: false,
        zone: Zone::utc(),
        notify: Discretion::Bell,
        bell: true,
        through: Through::Nothing,
        mouse: false,
        keys: Keymap::default(),
        keys_are_logged: false,
        keeps: true,
        program: "securechat".into(),
        guide: ["Nobody is here yet.", "/add NAME KEY adds somebody."]
            .map(Safe::from)
            .to_vec(),
    }
}

impl Screen {
    pub(crate) fn new(width: u16, height: u16) -> Self {
        Self::with(settings(), width, height)
    }

    pub(crate) fn with(settings: Settings, width: u16, height: u16) -> Self {
        let now = Now {
            instant: Instant::ZERO + Duration::from_secs(1_000),
            unix: UnixTime(START),
            happened: Instant::ZERO,
        };
        Self {
            app: App::new(settings, width, height, now),
            terminal: Terminal::new(TestBackend::new(width, height)).unwrap(),
            now,
            lag: Duration::ZERO,
            actions: Vec::new(),
            accepted: 0,
            said: 0,
        }
    }

    /// With bob, connected.
    pub(crate) fn with_bob(width: u16, height: u16) -> Self {
        let mut screen = Self::new(width, height);
        screen.meet(BOB, "bob");
        screen.tell(Told::Standing {
            peer: BOB,
            standing: Standing::Up,
        });
        screen
    }

    /// With bob, carol and dave, all connected.
    pub(crate) fn with_three(width: u16, height: u16) -> Self {
        let mut screen = Self::with_bob(width, height);
        for (peer, name) in [(CAROL, "carol"), (DAVE, "dave")] {
            screen.meet(peer, name);
            let standing = Standing::Up;
            screen.tell(Told::Standing { peer, standing });
        }
        screen
    }

    pub(crate) fn meet(&mut self, peer: PeerId, name: &str) {
        let name = safe_line(name);
        let verified = false;
        self.tell(Told::Peer(Card {
            peer,
            name,
            verified,
            saved: true,
        }));
    }

    /// Takes what happens, and draws unless there are things to catch up with.
    pub(crate) fn input(&mut self, input: Input) {
        let happened =
            Instant::ZERO + (self.now.instant.saturating_since(Instant::ZERO) - self.lag);
        let now = Now {
            happened,
            ..self.now
        };
        let actions = self.app.update(input, now);
        if actions.contains(&Action::Redraw) {
            self.terminal.clear().unwrap();
        }
        if self.lag.is_zero() {
            self.app.drawn(self.now.instant);
        }
        self.actions.extend(actions);
    }

    /// What happens next happened so long ago: nobody had time for it, and nothing was drawn since. With none, the
    /// program has caught up and draws.
    pub(crate) fn lag(&mut self, lag: Duration) {
        self.lag = lag;
        if lag.is_zero() {
            self.app.drawn(self.now.instant);
        }
    }

    pub(crate) fn tell(&mut self, told: Told) {
        self.input(Input::Told(told));
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.instant = self.now.instant + time;
        self.now.unix.0 += u64::try_from(time.as_millis()).unwrap();
        self.input(Input::Tick);
    }

    pub(crate) fn seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    pub(crate) fn now(&self) -> Now {
        self.now
    }

    /// A message as it comes from somebody just now.
    pub(crate) fn message(&mut self, peer: PeerId, text: &str) -> Said {
        self.said += 1;
        Said {
            peer,
            name: Name {
                log: LogId(2),
                sequence: self.said,
            },
            text: Some(text.to_owned()),
            len: text.len(),
            at: self.now.unix,
            written: self.now.unix,
            missing: 0,
            again: false,
        }
    }

    pub(crate) fn say(&mut self, peer: PeerId, text: &str) {
        let said = self.message(peer, text);
        self.tell(Told::Said(said));
    }

    pub(crate) fn link(&mut self, peer: PeerId, link: LinkStatus) {
        self.tell(Told::Link { peer, link });
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        text.chars()
            .for_each(|c| self.press(KeyCode::Char(c), KeyModifiers::NONE));
    }

    pub(crate) fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.input(Input::Key(KeyEvent::new(code, modifiers)));
    }

    /// Something else that a terminal tells of a key.
    pub(crate) fn event(&mut self, code: KeyCode, kind: KeyEventKind) {
        let event = KeyEvent::new_with_kind(code, KeyModifiers::NONE, kind);
        self.input(Input::Key(event));
    }

    /// Presses a key by its name: `enter`, `ctrl-a`, `alt-up`.
    pub(crate) fn key(&mut self, name: &str) {
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = name;
        for (prefix, modifier) in [
            ("ctrl-", KeyModifiers::CONTROL),
            ("alt-", KeyModifiers::ALT),
            ("shift-", KeyModifiers::SHIFT),
        ] {
            if let Some(after) = rest.strip_prefix(prefix) {
                (modifiers, rest) = (modifiers | modifier, after);
            }
        }
        let code = match rest {
            "enter" => KeyCode::Enter,
            "esc" => KeyCode::Esc,
            "tab" => KeyCode::Tab,
            "backtab" => KeyCode::BackTab,
            "backspace" => KeyCode::Backspace,
            "up" => KeyCode::Up,
            "down" => KeyCode::Down,
            "left" => KeyCode::Left,
            "right" => KeyCode::Right,
            "home" => KeyCode::Home,
            "end" => KeyCode::End,
            "pageup" => KeyCode::PageUp,
            "pagedown" => KeyCode::PageDown,
            "delete" => KeyCode::Delete,
            function if function.len() == 2 && function.starts_with('f') => {
                KeyCode::F(function[1..].parse().unwrap())
            }
            letter => KeyCode::Char(letter.chars().next().unwrap()),
        };
        self.press(code, modifiers);
    }

    pub(crate) fn line(&mut self, text: &str) {
        self.type_in(text);
        self.key("enter");
    }

    /// Says something and has it accepted as the next message; returns its name.
    pub(crate) fn send(&mut self, text: &str) -> Name {
        self.line(text);
        let ticket = self.sent().last().unwrap().1;
        let name = Name {
            log: LogId(1),
            sequence: self.accepted,
        };
        self.accepted += 1;
        self.tell(Told::Accepted { ticket, name });
        name
    }

    pub(crate) fn state(&mut self, peer: PeerId, name: Name, state: State) {
        self.tell(Told::State { peer, name, state });
    }

    /// What was to be done since this was last asked, but for what was seen and what was said before.
    pub(crate) fn actions(&mut self) -> Vec<Action> {
        let mut actions = std::mem::take(&mut self.actions);
        let is_asked = |it: &Action| !matches!(it, Action::Seen(..) | Action::Ask(Ask::Earlier(_)));
        actions.retain(is_asked);
        actions
    }

    /// With whom it was asked since this was last asked what was said before.
    pub(crate) fn recalled(&mut self) -> Vec<PeerId> {
        let recalled = |action: &Action| {
            let Action::Ask(Ask::Earlier(peer)) = action else {
                return None;
            };
            Some(*peer)
        };
        let found = self.actions.iter().filter_map(recalled).collect();
        self.actions.retain(|action| recalled(action).is_none());
        found
    }

    /// What was seen since this was last asked: how many messages of whom.
    pub(crate) fn seen(&mut self) -> Vec<(PeerId, usize)> {
        let seen = |action: &Action| {
            let Action::Seen(peer, names) = action else {
                return None;
            };
            Some((*peer, names.len()))
        };
        let found = self.actions.iter().filter_map(seen).collect();
        self.actions
            .retain(|action| !matches!(action, Action::Seen(..)));
        found
    }

    /// What was to be sent so far: to whom, under which ticket, what.
    pub(crate) fn sent(&self) -> Vec<(PeerId, Ticket, String)> {
        let sent = |action: &Action| {
            let Action::Send { peer, ticket, text } = action else {
                return None;
            };
            Some((*peer, *ticket, text.clone()))
        };
        self.actions.iter().filter_map(sent).collect()
    }

    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        self.terminal.backend_mut().resize(width, height);
        self.input(Input::Resize { width, height });
    }

    /// Draws, and returns what a person sees.
    pub(crate) fn draw(&mut self) -> Buffer {
        let app = &mut self.app;
        let draw = self.terminal.draw(|frame| {
            if let Some(caret) = app.draw(frame.buffer_mut()) {
                frame.set_cursor_position(caret);
            }
        });
        draw.unwrap();
        self.terminal.backend().buffer().clone()
    }

    pub(crate) fn caret(&mut self) -> Position {
        self.draw();
        self.terminal.get_cursor_position().unwrap()
    }

    /// The rows as text, without blanks at their ends.
    pub(crate) fn rows(&mut self) -> Vec<String> {
        let buffer = self.draw();
        let width = usize::from(buffer.area.width);
        buffer.content.chunks(width).map(row_text).collect()
    }

    /// All of it in one text.
    pub(crate) fn text(&mut self) -> String {
        self.rows().join("\n")
    }

    /// What stands between what was said and the tabs, however many rows it takes.
    pub(crate) fn rule(&mut self) -> String {
        let rows = self.rows();
        let tabs = rows
            .iter()
            .rposition(|row| row.contains("F1 help"))
            .unwrap();
        let is_rule = |row: &String| row.starts_with("───") || row.starts_with("---");
        let from = rows[..tabs].iter().rposition(is_rule).unwrap();
        let said = rows[from..tabs].iter();
        let said: Vec<_> = said.map(|row| row.trim_matches(['─', ' ', '-'])).collect();
        said.join(" ").trim().to_owned()
    }

    /// Compares the screen with the picture of this name.
    pub(crate) fn is_like(&mut self, name: &str) {
        let drawn = self.picture();
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/tui/pictures", name]
            .iter()
            .collect();
        let path = path.with_extension("txt");
        if std::env::var_os("UPDATE_PICTURES").is_some() {
            std::fs::write(&path, &drawn).unwrap();
        }
        let picture = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            drawn == picture,
            "{} shows\n{picture}\nbut the screen is\n{drawn}",
            path.display()
        );
    }

    /// The screen as text, and below it what is bold, underlined or reversed.
    fn picture(&mut self) -> String {
        let buffer = self.draw();
        let width = usize::from(buffer.area.width);
        let Position { x, y } = self.caret();
        let mut picture = format!(
            "{}x{}, caret at {x},{y}\n",
            buffer.area.width, buffer.area.height
        );
        for row in buffer.content.chunks(width) {
            writeln!(picture, "|{}", row_text(row)).unwrap();
        }
        for (number, row) in buffer.content.chunks(width).enumerate() {
            let styles: String = row.iter().map(style).collect();
            if !styles.trim_end().is_empty() {
                writeln!(picture, "{number:2} {}", styles.trim_end()).unwrap();
            }
        }
        picture
    }
}

/// A wide cluster is followed by an empty cell, which is none of the text's.
fn row_text(row: &[Cell]) -> String {
    let mut text = String::new();
    let mut covered = 0;
    for cell in row {
        if covered > 0 {
            covered -= 1;
            continue;
        }
        text.push_str(cell.symbol());
        covered = cell.cell_width().saturating_sub(1);
    }
    text.trim_end().to_owned()
}

fn style(cell: &Cell) -> char {
    let is = |modifier| cell.modifier.contains(modifier);
    match (
        is(Modifier::REVERSED),
        is(Modifier::UNDERLINED),
        is(Modifier::BOLD),
    ) {
        (true, _, true) => 'R',
        (true, _, false) => 'r',
        (_, true, _) => 'u',
        (_, _, true) => 'b',
        (false, false, false) => ' ',
    }
}
