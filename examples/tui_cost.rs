//! Measures what a frame of the full-screen face costs: processor time for the state's change, the drawing and
//! the bytes for the terminal, after 10,000 messages.
//!
//! `cargo run --release --locked --example tui_cost`. With `-- --small` it takes a second and says nothing of the cost:
//! that it runs at all.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that meets something unexpected should stop there, and prints its figures"
)]

use std::time::Duration;

use ratatui_core::backend::TestBackend;
use ratatui_core::terminal::Terminal;
use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use securechat::calendar::Zone;
use securechat::chat::{LogId, Name};
use securechat::id::PeerId;
use securechat::text::Charset;
use securechat::time::{Instant, UnixTime};
use securechat::tui::{
    App, Card, Discretion, Input, Keymap, Now, Said, Settings, Standing, Through, Told,
};

/// How much is measured.
#[derive(Clone, Copy)]
struct Extent {
    messages: u64,
    frames: usize,
}

impl Extent {
    const WHOLE: Self = Self {
        messages: 10_000,
        frames: 200,
    };
    const SMALL: Self = Self {
        messages: 200,
        frames: 3,
    };
}

const PEER: PeerId = PeerId::new([2; 32]);

fn main() {
    let is_small = std::env::args_os().nth(1).is_some_and(|it| it == "--small");
    let extent = if is_small {
        Extent::SMALL
    } else {
        Extent::WHOLE
    };
    let mut face = Face::new(120, 40, extent.frames);
    let filled = face.fill(extent.messages);
    println!(
        "{} messages taken in: {} µs each",
        extent.messages,
        filled.as_micros() / u128::from(extent.messages)
    );
    let page = |code| Input::Key(KeyEvent::new(code, KeyModifiers::NONE));
    face.measure("a letter typed", |face| face.take(page(KeyCode::Char('x'))));
    face.measure("a message at the end", Face::message);
    face.measure("a page up", |face| face.take(page(KeyCode::PageUp)));
    face.measure("another width", |face| {
        let width = if face.app_width == 120 { 80 } else { 120 };
        face.app_width = width;
        face.terminal.backend_mut().resize(width, 40);
        face.take(Input::Resize { width, height: 40 });
    });
    let alt_home = KeyEvent::new(KeyCode::Home, KeyModifiers::ALT);
    let alt_end = KeyEvent::new(KeyCode::End, KeyModifiers::ALT);
    face.measure("to the oldest and back", |face| {
        face.take(Input::Key(alt_home));
        face.take(Input::Key(alt_end));
    });
    face.take(Input::Key(KeyEvent::new(
        KeyCode::Char('s'),
        KeyModifiers::CONTROL,
    )));
    face.take(Input::Paste("message 5".to_owned()));
    face.measure("a letter searched", |face| {
        face.take(Input::Paste("7".to_owned()));
        face.take(page(KeyCode::Backspace));
    });
}

struct Face {
    app: App,
    app_width: u16,
    terminal: Terminal<TestBackend>,
    count: u64,
    /// How many are drawn of each kind.
    frames: usize,
}

impl Face {
    fn new(width: u16, height: u16, frames: usize) -> Self {
        let settings = Settings {
            keys_are_logged: false,
            keeps: true,
            program: "securechat".into(),
            ascii: false,
            charset: Charset::Utf8,
            mono: false,
            zone: Zone::system(),
            notify: Discretion::Bell,
            bell: true,
            through: Through::Nothing,
            keys: Keymap::default(),
            mouse: false,
            guide: Vec::new(),
        };
        let mut face = Self {
            app: App::new(settings, width, height, now()),
            app_width: width,
            terminal: Terminal::new(TestBackend::new(width, height)).unwrap(),
            count: 0,
            frames,
        };
        let card = Card {
            peer: PEER,
            name: "bob".into(),
            verified: false,
            saved: true,
        };
        face.take(Input::Told(Told::Peer(card)));
        let standing = Standing::Up;
        face.take(Input::Told(Told::Standing {
            peer: PEER,
            standing,
        }));
        face
    }

    fn take(&mut self, input: Input) {
        let _ = self.app.update(input, now());
    }

    fn message(&mut self) {
        self.count += 1;
        let text = format!(
            "message {}: some words, a line that is long enough to be broken on most screens, and 日本語 👧",
            self.count
        );
        self.take(Input::Told(Told::Said(Said {
            peer: PEER,
            name: Name {
                log: LogId(1),
                sequence: self.count,
            },
            len: text.len(),
            text: Some(text),
            at: now().unix,
            written: now().unix,
            missing: 0,
            again: false,
        })));
    }

    fn fill(&mut self, messages: u64) -> Duration {
        let before = cpu_time();
        (0..messages).for_each(|_| self.message());
        cpu_time() - before
    }

    /// The time of the change and its frame: the middle one and the longest.
    fn measure(&mut self, what: &str, change: impl Fn(&mut Self)) {
        let mut times: Vec<Duration> = (0..self.frames).map(|_| self.frame(&change)).collect();
        times.sort_unstable();
        let median = times.get(self.frames / 2).unwrap();
        let longest = times.last().unwrap();
        println!(
            "{what:24} {:6} µs, at most {:6} µs",
            median.as_micros(),
            longest.as_micros()
        );
    }

    fn frame(&mut self, change: &impl Fn(&mut Self)) -> Duration {
        let before = cpu_time();
        change(self);
        let app = &mut self.app;
        let draw = |frame: &mut ratatui_core::terminal::Frame<'_>| {
            app.draw(frame.buffer_mut());
        };
        self.terminal.draw(draw).unwrap();
        cpu_time() - before
    }
}

fn now() -> Now {
    Now {
        instant: Instant::ZERO,
        unix: UnixTime(1_795_226_940_000),
        happened: Instant::ZERO,
    }
}

/// Without such a clock, time that passes.
#[cfg(not(unix))]
#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn cpu_time() -> Duration {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap()
}

/// Processor time of this process: other programs do not count.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap()
}
