//! Keys in the panel that verifies somebody, and what the core tells about it.
//!
//! A letter there says whom we trust. Nothing has a default, and Enter does nothing but hand over what was typed. M
//! and D ask whether that is meant, and count when `yes` is typed and handed over. What cannot have been meant does
//! not count:
//!
//! ```text
//! M, D    what is compared was drawn a second before the key was pressed; no other key just before it, none without
//!         a meaning
//! yes     its first letter was pressed when the question had been drawn; nothing else was done meanwhile, and what
//!         is compared has stayed on the screen
//! ```
//!
//! Moments are those at the terminal: a program that was busy takes keys later than they were pressed.

use core::time::Duration;

use crate::chat::words::ShortCode;
use crate::id::PeerId;
use crate::text::Safe;
use crate::time::Instant;
use crate::tui::app::{App, Code, Mode};
use crate::tui::editor::Line;
use crate::tui::glance::GLANCE;
use crate::tui::input::{Action, Ask, Comparison, Standing};
use crate::tui::keys::{Bind, Stroke};
use crate::tui::places::Places;
use crate::tui::update::modes::write;
use crate::tui::verifying::{Asked, Compared, Shown, Verdict, Verifying, View};

/// Nobody has compared four words, or read a key, after less than this.
const READING: Duration = Duration::from_secs(1);

/// What is told, and the same in a row of the smallest screen, which has to go on showing what is compared.
type Telling = (&'static str, &'static str);
const TOO_SOON: Telling = (
    "that came too soon to be meant; press it once more",
    "too soon; once more",
);
const AMONG_OTHERS: Telling = (
    "that came among other keys; press it once more if it is meant",
    "typing? once more",
);
const NOT_YES: Telling = (
    "that was no \"yes\", so nothing is said",
    "not yes: not said",
);
const NO_ROOM: Telling = (
    "the question has no room beside what is compared: make the screen larger",
    "make it larger",
);

impl App {
    /// Opens the panel, and asks to compare words if that is not under way.
    pub(in crate::tui) fn open_verifying(&mut self, name: Option<&str>) -> bool {
        self.open_panel(name, Ask::Verify, View::Words)
    }

    /// Opens the panel with the safety number, and compares that with what was read out, if anything was.
    pub(super) fn open_safety_number(&mut self, name: Option<&str>, typed: &str) -> bool {
        let number = |peer| Ask::SafetyNumber(peer, String::new());
        if !self.open_panel(name, number, View::Safety(None)) {
            return false;
        }
        if !typed.is_empty() {
            let peer = self.current().peer;
            self.act(Action::Ask(Ask::SafetyNumber(peer, typed.to_owned())));
        }
        true
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
        self.forget_result();
        let peer = self.current().peer;
        self.mode = Mode::Verify(Verifying::new(peer, view));
        true
    }

    /// What came of the last comparison is not what comes of the next one.
    fn forget_result(&mut self) {
        let conversation = self.current_mut();
        let is_running = |it: &Comparison| match it {
            Comparison::Begun { .. } | Comparison::Words { .. } => true,
            Comparison::Same { until, .. } => until.is_some(),
            Comparison::NotNow { .. }
            | Comparison::Impossible { .. }
            | Comparison::Over { .. }
            | Comparison::Differ { .. } => false,
        };
        conversation.comparison = conversation.comparison.take().filter(is_running);
    }

    /// What was on the screen goes along: the words may be others by the time that the core is asked. Who types
    /// what was read out need not have seen them.
    pub(super) fn say_same(&mut self, name: Option<&str>, typed: &str) -> bool {
        let of = self.meant(name);
        let code = of.and_then(|of| self.code_with(of));
        let seen = of.and_then(|of| self.conversations.get(of)?.seen_code);
        if typed.is_empty() && code.is_some() && code != seen {
            let words = Safe::from("the words were not on the screen yet; to see them: ");
            let key = self.key(Bind::Verify, "/verify");
            self.tell(words + key + " (nothing changed)");
            return false;
        }
        self.ask_about(name, |peer| Ask::Match {
            peer,
            code,
            typed: typed.to_owned(),
        })
    }

    /// Also of the words of a comparison that is over, if they were on the screen: otherwise it is about the keys.
    pub(super) fn say_other(&mut self, name: Option<&str>) -> bool {
        let of = self.meant(name);
        let code = of.and_then(|of| self.conversations.get(of)?.seen_code);
        self.ask_about(name, |peer| Ask::Differ { peer, code })
    }

    /// The conversation that a command is about.
    fn meant(&mut self, name: Option<&str>) -> Option<usize> {
        name.map_or(self.active, |name| self.resolve(name))
    }

    pub(super) fn on_verify(&mut self, stroke: &Stroke) {
        let before = self.done - 1;
        let Mode::Verify(panel) = &mut self.mode else {
            return;
        };
        panel.told = None;
        if panel.typed.is_some() {
            return self.on_typed(stroke);
        }
        let asked = panel.asked(before);
        panel.asked = None;
        if let Some(asked) = asked {
            return self.on_answer(asked, stroke);
        }
        self.on_key_of_panel(stroke);
    }

    fn on_key_of_panel(&mut self, stroke: &Stroke) {
        let page = isize::try_from(self.size.1 / 2).unwrap_or(1);
        match stroke {
            Stroke::Char(c) => self.on_letter(c.to_ascii_lowercase()),
            Stroke::Bind(Bind::Escape | Bind::Interrupt) => self.step_back(),
            Stroke::Bind(Bind::Verify) => self.ask_again(),
            Stroke::Bind(Bind::Up | Bind::LinesUp) => self.scroll(1),
            Stroke::Bind(Bind::Down | Bind::LinesDown) => self.scroll(-1),
            Stroke::Bind(Bind::PageUp) => self.scroll(page),
            Stroke::Bind(Bind::PageDown) => self.scroll(-page),
            // What was typed ends with it.
            Stroke::Bind(Bind::Send) => self.set_stray(false),
            Stroke::Bind(_) | Stroke::Other => self.set_stray(true),
        }
    }

    const fn set_stray(&mut self, is_stray: bool) {
        if let Mode::Verify(panel) = &mut self.mode {
            panel.is_stray = is_stray;
        }
    }

    /// Goes on with the answer to a question, or takes the question back.
    fn on_answer(&mut self, asked: Shown<Asked>, stroke: &Stroke) {
        let (was, at) = (asked.what, self.now.happened);
        let is_seen = asked.since.is_some_and(|since| at >= since);
        match stroke {
            Stroke::Bind(Bind::Escape | Bind::Interrupt) => {}
            Stroke::Bind(Bind::Send) if was.expects().is_none() => self.judge(was.verdict),
            Stroke::Char(c) if was.expects() == Some(c.to_ascii_lowercase()) && is_seen => {
                self.go_on_asking(asked, was.typed + 1);
            }
            // It is held, or pressed twice.
            Stroke::Char(c) if was.typed == 0 && was.verdict.letter() == c.to_ascii_lowercase() => {
                self.go_on_asking(asked, 0);
            }
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other if was.typed > 0 => {
                // What follows of it is no command.
                self.set_stray(!matches!(stroke, Stroke::Bind(Bind::Send)));
                self.tell_in_panel(NOT_YES);
            }
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other => self.on_key_of_panel(stroke),
        }
    }

    fn on_letter(&mut self, letter: char) {
        let Mode::Verify(panel) = &mut self.mode else {
            return;
        };
        let (peer, compared) = (panel.peer, panel.compared());
        let code = compared.and_then(Compared::code);
        match letter {
            'm' if code.is_some() => self.press(Verdict::Same),
            'd' if compared.is_some() => self.press(Verdict::Differ),
            't' | 'n' | 's' | 'q' if panel.is_stray => {
                panel.is_stray = false;
                self.tell_in_panel(AMONG_OTHERS);
            }
            't' if compared.is_some() => {
                (panel.typed, panel.is_stray) = (Some(Line::default()), false);
            }
            'n' if code.is_some() && panel.view == View::Words => panel.show(View::Numbers),
            'n' if code.is_some() && panel.view == View::Numbers => panel.show(View::Words),
            's' if !matches!(panel.view, View::Safety(Some(_))) => {
                panel.show(View::Safety(None));
                self.act(Action::Ask(Ask::SafetyNumber(peer, String::new())));
            }
            'q' => self.act(Action::Ask(Ask::MyQr)),
            _ => panel.is_stray = true,
        }
    }

    /// Asks whether a verdict is meant, if it can be.
    fn press(&mut self, verdict: Verdict) {
        let (done, why_not) = (self.done, self.why_not_meant());
        let Mode::Verify(panel) = &mut self.mode else {
            return;
        };
        (panel.told, panel.is_stray, panel.above) = (None, false, 0);
        match why_not {
            Some(why_not) => self.tell_in_panel(why_not),
            None => panel.ask(verdict, done),
        }
        if self.compared().is_none() {
            self.take_back(NO_ROOM);
        }
    }

    fn take_back(&mut self, why: Telling) {
        if let Mode::Verify(panel) = &mut self.mode {
            panel.asked = None;
        }
        self.tell_in_panel(why);
    }

    /// The question stays, with so many letters of its answer.
    const fn go_on_asking(&mut self, mut asked: Shown<Asked>, typed: usize) {
        (asked.what.typed, asked.what.done) = (typed, self.done);
        if let Mode::Verify(panel) = &mut self.mode {
            panel.asked = Some(asked);
        }
    }

    fn tell_in_panel(&mut self, (roomy, short): Telling) {
        let words = if self.has_roomy_panel() { roomy } else { short };
        if let Mode::Verify(panel) = &mut self.mode {
            panel.told = Some(words.into());
        }
    }

    /// Why a letter cannot have been meant.
    fn why_not_meant(&self) -> Option<Telling> {
        let Mode::Verify(panel) = &self.mode else {
            return Some(TOO_SOON);
        };
        if !self.is_meant(panel.shown.and_then(|shown| shown.since)) {
            Some(TOO_SOON)
        } else if panel.is_stray {
            Some(AMONG_OTHERS)
        } else {
            None
        }
    }

    /// Whether the last key can be an answer to what was drawn then: that was read, and no other key came just before.
    pub(super) fn is_meant(&self, since: Option<Instant>) -> bool {
        let at = self.now.happened;
        let is_read = |since| at.saturating_since(since) >= READING;
        since.is_some_and(is_read) && self.is_alone()
    }

    /// Whether no other key came just before the last one.
    pub(super) fn is_alone(&self) -> bool {
        let at = self.now.happened;
        let is_over = |before| at.saturating_since(before) >= GLANCE;
        self.pressed_before.is_none_or(is_over)
    }

    /// What was on the screen goes along.
    fn judge(&mut self, verdict: Verdict) {
        let Mode::Verify(panel) = &self.mode else {
            return;
        };
        let (peer, typed) = (panel.peer, String::new());
        let code = panel.compared().and_then(Compared::code);
        self.act(Action::Ask(match verdict {
            Verdict::Same => Ask::Match { peer, code, typed },
            Verdict::Differ => Ask::Differ { peer, code },
        }));
    }

    /// Notes what there is to be compared on the screen.
    pub(super) fn see_compared(&mut self) {
        let compared = self.compared();
        if let Some(panel) = self.mode.panel_mut() {
            panel.sees(compared);
        }
    }

    /// What there is to be compared on the screen: nothing if that does not hold all of it, or somebody types what is
    /// read out.
    fn compared(&self) -> Option<Compared> {
        let Mode::Verify(panel) = &self.mode else {
            return None;
        };
        let at = self.find(&panel.peer)?;
        let is_whole = self.shows_compared(panel, self.conversations.get(at)?);
        let is_there = panel.typed.is_none() && Places::of(self).is_some() && is_whole;
        let code = || self.code_with(at);
        match &panel.view {
            _ if !is_there => None,
            View::Words => code().map(Compared::Words),
            View::Numbers => code().map(Compared::Numbers),
            View::Safety(number) => number.as_ref().map(|_| Compared::SafetyNumber),
        }
    }

    fn code_with(&self, at: usize) -> Option<ShortCode> {
        match &self.conversations.get(at)?.comparison {
            Some(Comparison::Words { code, .. }) => Some(*code),
            Some(_) | None => None,
        }
    }

    /// What is typed is handed over by Enter, and stays until it is right.
    fn on_typed(&mut self, stroke: &Stroke) {
        let Mode::Verify(panel) = &self.mode else {
            return;
        };
        let code = self.find(&panel.peer).and_then(|of| self.code_with(of));
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
        let is_asked = self.current().comparison.is_some();
        let Mode::Verify(panel) = &mut self.mode else {
            return;
        };
        if !panel.view.is_of_session() && is_asked {
            return panel.show(View::Words);
        }
        let is_open = matches!(
            self.current().comparison,
            Some(Comparison::Begun { .. } | Comparison::Words { .. })
        );
        self.mode = Mode::Chat;
        if is_open {
            let key = self.key(Bind::Verify, "/verify");
            self.tell(Safe::from("another time; ") + key + " shows it again, /later ends it");
        }
    }

    /// Begins again what is over.
    fn ask_again(&mut self) {
        self.forget_result();
        if let Mode::Verify(panel) = &mut self.mode {
            let peer = panel.peer;
            panel.show(View::Words);
            self.act(Action::Ask(Ask::Verify(peer)));
        }
    }

    /// Goes on with a comparison that there was no connection for, if somebody still waits for it.
    pub(super) fn compare_once_connected(&mut self, peer: PeerId) {
        let Some(conversation) = self.with(&peer) else {
            return;
        };
        let Some(Comparison::NotNow { why }) = &mut conversation.comparison else {
            return;
        };
        match &conversation.standing {
            Standing::Offline { why: now }
            | Standing::Connecting { why: now, .. }
            | Standing::Ended { why: now }
            | Standing::KeyChanged { why: now }
            | Standing::WordsDiffer { why: now } => *why = now.clone(),
            Standing::Revoked => {}
            Standing::Up => {
                conversation.comparison = None;
                let panel = self.mode.panel_mut().filter(|panel| panel.peer == peer);
                if panel.is_some() {
                    self.act(Action::Ask(Ask::Verify(peer)));
                }
            }
        }
    }

    /// Takes how a comparison stands. The panel does not open by itself: the next keys would be taken for
    /// an answer.
    pub(super) fn on_comparison(&mut self, peer: PeerId, comparison: Comparison) {
        let Some(conversation) = self.with(&peer) else {
            return;
        };
        let before = conversation.comparison.replace(comparison.clone());
        let panel = self.mode.panel_mut().filter(|panel| panel.peer == peer);
        let Some(panel) = panel.filter(|_| !is_same_matter(before.as_ref(), &comparison)) else {
            return;
        };
        // The safety number is compared on its own; only a verdict takes it off the screen.
        let is_verdict = matches!(
            comparison,
            Comparison::Same { .. } | Comparison::Differ { .. }
        );
        if is_verdict || panel.view.is_of_session() {
            panel.show(View::Words);
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
        if let Some(panel) = self.mode.panel_mut()
            && panel.peer == peer
            && panel.view == View::Safety(None)
        {
            panel.show(View::Safety(Some(number)));
        }
    }

    /// Says something about a comparison, where that is made: what is wrong with what was typed, above all.
    pub(super) fn on_remark(&mut self, peer: PeerId, words: Safe) {
        match self.mode.panel_mut() {
            Some(panel) if panel.peer == peer => panel.told = Some(words),
            Some(_) | None => self.note(Some(peer), words),
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
        let Mode::Code(code) = &mut self.mode else {
            return;
        };
        match stroke {
            Stroke::Char('i' | 'I') => code.is_inverted = !code.is_inverted,
            Stroke::Bind(Bind::Escape | Bind::Interrupt) | Stroke::Char('q' | 'Q') => {
                self.mode = code.under.take().map_or(Mode::Chat, Mode::Verify);
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
