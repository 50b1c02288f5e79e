//! Keys in the panel that verifies somebody, and what the core tells about it.
//!
//! A letter there says whom we trust. Nothing has a default, Enter does nothing but hand over what was typed,
//! and a letter that cannot have been meant does not count: one that comes before what is compared can have
//! been read, or in a run of other keys.

use core::time::Duration;

use crate::chat::words::ShortCode;
use crate::id::PeerId;
use crate::text::Safe;
use crate::tui::app::{App, Code, Mode};
use crate::tui::editor::Line;
use crate::tui::input::{Action, Ask, Comparison};
use crate::tui::keys::{Bind, Stroke};
use crate::tui::update::GLANCE;
use crate::tui::update::modes::write;
use crate::tui::verifying::{Verifying, View};

/// Nobody has compared four words after less than this.
const READING: Duration = Duration::from_secs(1);

const TOO_SOON: &str = "that came too soon to be meant; press it once more";

impl App {
    /// Opens the panel, and asks to compare words if that is not under way.
    pub(in crate::tui) fn open_verifying(&mut self, name: Option<&str>) -> bool {
        self.open_panel(name, Ask::Verify, View::Words)
    }

    /// Opens the panel with the safety number, or compares that with what was read out.
    pub(super) fn open_safety_number(&mut self, name: Option<&str>, typed: &str) -> bool {
        let ask = |peer| Ask::SafetyNumber(peer, typed.to_owned());
        self.open_panel(name, ask, View::Safety(None))
    }

    fn open_panel(&mut self, name: Option<&str>, ask: impl Fn(PeerId) -> Ask, view: View) -> bool {
        if let Some(name) = name {
            let Some(at) = self.resolve(name) else {
                return false;
            };
            self.go(at);
        }
        if !self.ask_about(None, ask) {
            return false;
        }
        let now = self.now.instant;
        self.forget_result();
        let mut panel = Verifying::new(self.current().peer, now);
        panel.show(view, now);
        self.mode = Mode::Verify(panel);
        true
    }

    /// What came of the last comparison is not what comes of the next one.
    fn forget_result(&mut self) {
        let conversation = self.current_mut();
        let is_running = |it: &Comparison| match it {
            Comparison::Begun { .. } | Comparison::Words { .. } => true,
            Comparison::Same { until, .. } => until.is_some(),
            Comparison::Impossible { .. } | Comparison::Over { .. } | Comparison::Differ { .. } => {
                false
            }
        };
        conversation.comparison = conversation.comparison.take().filter(is_running);
    }

    /// What was on the screen goes along: the words may be others by the time that the core is asked.
    pub(super) fn say_same(&mut self, name: Option<&str>, typed: &str) -> bool {
        let at = match name {
            Some(name) => self.resolve(name),
            None => self.active,
        };
        let code = at.and_then(|at| self.code_with(at));
        let typed = typed.to_owned();
        self.ask_about(name, |peer| Ask::Match {
            peer,
            code,
            typed: typed.clone(),
        })
    }

    pub(super) fn on_verify(&mut self, stroke: &Stroke) {
        let Mode::Verify(panel) = &mut self.mode else {
            return;
        };
        panel.told = None;
        if panel.typed.is_some() {
            return self.on_typed(stroke);
        }
        let page = isize::try_from(self.size.1 / 2).unwrap_or(1);
        match stroke {
            Stroke::Char(c) => self.on_letter(c.to_ascii_lowercase()),
            Stroke::Bind(Bind::Escape | Bind::Interrupt) => self.step_back(),
            Stroke::Bind(Bind::Verify) => self.ask_again(),
            Stroke::Bind(Bind::Up | Bind::LinesUp) => self.scroll(1),
            Stroke::Bind(Bind::Down | Bind::LinesDown) => self.scroll(-1),
            Stroke::Bind(Bind::PageUp) => self.scroll(page),
            Stroke::Bind(Bind::PageDown) => self.scroll(-page),
            Stroke::Bind(_) | Stroke::Other => {}
        }
    }

    fn on_letter(&mut self, letter: char) {
        let now = self.now.instant;
        let (has_words, has_number) = (self.code_on_screen().is_some(), self.has_safety_number());
        let Mode::Verify(panel) = &mut self.mode else {
            return;
        };
        let peer = panel.peer;
        match letter {
            'm' if has_words => self.judge_same(),
            'd' if has_words || has_number => self.judge_other(peer),
            't' if has_words || has_number => panel.typed = Some(Line::default()),
            'n' if has_words && panel.view == View::Words => panel.show(View::Numbers, now),
            'n' if has_words && panel.view == View::Numbers => panel.show(View::Words, now),
            's' if !has_number => {
                panel.show(View::Safety(None), now);
                self.act(Action::Ask(Ask::SafetyNumber(peer, String::new())));
            }
            'q' => self.act(Action::Ask(Ask::MyQr)),
            _ => {}
        }
    }

    fn judge_same(&mut self) {
        let (Some(code), true) = (self.code_on_screen(), self.is_meant()) else {
            return;
        };
        if let Mode::Verify(panel) = &self.mode {
            let ask = Ask::Match {
                peer: panel.peer,
                code: Some(code),
                typed: String::new(),
            };
            self.act(Action::Ask(ask));
        }
    }

    fn judge_other(&mut self, peer: PeerId) {
        if self.is_meant() {
            self.act(Action::Ask(Ask::Differ(peer)));
        }
    }

    /// What the words or numbers are made of that are on the screen.
    fn code_on_screen(&self) -> Option<ShortCode> {
        let Mode::Verify(panel) = &self.mode else {
            return None;
        };
        let of = self.find(&panel.peer)?;
        self.code_with(of).filter(|_| panel.view.is_of_session())
    }

    fn code_with(&self, at: usize) -> Option<ShortCode> {
        match &self.conversations.get(at)?.comparison {
            Some(Comparison::Words { code, .. }) => Some(*code),
            Some(_) | None => None,
        }
    }

    const fn has_safety_number(&self) -> bool {
        matches!(&self.mode, Mode::Verify(panel) if matches!(panel.view, View::Safety(Some(_))))
    }

    /// Whether a letter can have been meant; says so if not.
    fn is_meant(&mut self) -> bool {
        let now = self.now.instant;
        let before = self.pressed_before;
        let Mode::Verify(panel) = &mut self.mode else {
            return false;
        };
        let is_read = now.saturating_since(panel.shown) >= READING;
        let is_alone = before.is_none_or(|before| now.saturating_since(before) >= GLANCE);
        if !(is_read && is_alone) {
            panel.told = Some(TOO_SOON.into());
        }
        is_read && is_alone
    }

    /// What is typed is handed over by Enter, and stays until it is right.
    fn on_typed(&mut self, stroke: &Stroke) {
        let code = self.code_on_screen();
        let Mode::Verify(panel) = &mut self.mode else {
            return;
        };
        let Some(line) = &mut panel.typed else {
            return;
        };
        match stroke {
            Stroke::Bind(Bind::Send) if line.text().trim().is_empty() => {}
            Stroke::Bind(Bind::Send) => {
                let (peer, typed) = (panel.peer, line.text().to_owned());
                let ask = if panel.view.is_of_session() {
                    Ask::Match { peer, code, typed }
                } else {
                    Ask::SafetyNumber(peer, typed)
                };
                self.act(Action::Ask(ask));
            }
            Stroke::Bind(Bind::Complete { .. }) => panel.complete(),
            Stroke::Bind(Bind::Escape | Bind::Interrupt) => panel.typed = None,
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other => {
                let _ = write(line, stroke);
            }
        }
    }

    pub(super) const fn scroll_panel_to(&mut self, above: usize) {
        if let Mode::Verify(panel) = &mut self.mode {
            panel.above = above;
        }
    }

    /// From the safety number to the words, and from those to the conversation. A comparison that runs goes on.
    fn step_back(&mut self) {
        let now = self.now.instant;
        let is_asked = self.current().comparison.is_some();
        let Mode::Verify(panel) = &mut self.mode else {
            return;
        };
        if !panel.view.is_of_session() && is_asked {
            return panel.show(View::Words, now);
        }
        let is_open = matches!(
            self.current().comparison,
            Some(Comparison::Begun { .. } | Comparison::Words { .. })
        );
        self.mode = Mode::Chat;
        if is_open {
            self.tell("another time; Alt+V shows it again, /later ends it");
        }
    }

    /// Begins again what is over.
    fn ask_again(&mut self) {
        self.forget_result();
        if let Mode::Verify(panel) = &mut self.mode {
            let peer = panel.peer;
            panel.show(View::Words, self.now.instant);
            self.act(Action::Ask(Ask::Verify(peer)));
        }
    }

    /// Takes how a comparison stands. The panel does not open by itself: the next keys would be taken for
    /// an answer.
    pub(super) fn on_comparison(&mut self, peer: PeerId, comparison: Comparison) {
        let Some(conversation) = self.with(&peer) else {
            return;
        };
        let before = conversation.comparison.replace(comparison.clone());
        let now = self.now.instant;
        let Mode::Verify(panel) = &mut self.mode else {
            return;
        };
        if panel.peer != peer || is_same_matter(before.as_ref(), &comparison) {
            return;
        }
        // The safety number is compared on its own; only a verdict takes it off the screen.
        let is_verdict = matches!(
            comparison,
            Comparison::Same { .. } | Comparison::Differ { .. }
        );
        if is_verdict || panel.view.is_of_session() {
            panel.show(View::Words, now);
        }
        let is_other_code = matches!(
            (before, comparison),
            (Some(Comparison::Words { .. }), Comparison::Words { .. })
        );
        if is_other_code {
            panel.told = Some("these are new words: compare them from the beginning".into());
        }
    }

    pub(super) fn on_safety_number(&mut self, peer: PeerId, number: Safe) {
        let now = self.now.instant;
        if let Mode::Verify(panel) = &mut self.mode
            && panel.peer == peer
            && panel.view == View::Safety(None)
        {
            panel.show(View::Safety(Some(number)), now);
        }
    }

    /// Says what is wrong with what was typed, where it was typed.
    pub(super) fn on_not_proved(&mut self, peer: PeerId, why: Safe) {
        match &mut self.mode {
            Mode::Verify(panel) if panel.peer == peer => panel.told = Some(why),
            Mode::Verify(_)
            | Mode::Chat
            | Mode::Search(_)
            | Mode::Past { .. }
            | Mode::Switcher { .. }
            | Mode::Panel { .. }
            | Mode::Found(_)
            | Mode::Pasted(_)
            | Mode::Welcome { .. }
            | Mode::Code(_)
            | Mode::Leave { .. } => self.note(Some(peer), why),
        }
    }

    /// Shows a code that was asked for a moment ago, over what it was asked from.
    pub(super) fn show_code(&mut self, lines: Vec<Safe>, text: Safe) {
        if !matches!(self.mode, Mode::Chat | Mode::Verify(_)) {
            return self.note(None, text);
        }
        let under = if let Mode::Verify(panel) = core::mem::take(&mut self.mode) {
            Some(panel)
        } else {
            None
        };
        self.mode = Mode::Code(Code {
            lines,
            text,
            is_inverted: false,
            under,
        });
    }

    pub(super) fn on_code(&mut self, stroke: &Stroke) {
        let now = self.now.instant;
        let Mode::Code(code) = &mut self.mode else {
            return;
        };
        match stroke {
            Stroke::Char('i' | 'I') => code.is_inverted = !code.is_inverted,
            Stroke::Bind(Bind::Escape | Bind::Interrupt) | Stroke::Char('q' | 'Q') => {
                let under = code.under.take().map(|mut panel| {
                    panel.shown = now;
                    panel
                });
                self.mode = under.map_or(Mode::Chat, Mode::Verify);
            }
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other => {}
        }
    }
}

impl View {
    /// Whether it is of the session, and not of the keys alone.
    const fn is_of_session(&self) -> bool {
        matches!(self, Self::Words | Self::Numbers)
    }
}

/// Whether what is compared has stayed what it was, so that what is being read or typed stays too.
fn is_same_matter(before: Option<&Comparison>, after: &Comparison) -> bool {
    match (before, after) {
        (Some(Comparison::Words { code: before, .. }), Comparison::Words { code: after, .. }) => {
            before == after
        }
        (Some(before), after) => before == after,
        (None, _) => false,
    }
}
