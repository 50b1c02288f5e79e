//! From what happens to the next state, and to what is to be done.

mod chat;
mod commands;
mod completion;
mod deciding;
mod deleting;
mod found;
mod modes;
mod submit;
mod told;
mod verifying;

pub(super) use submit::blocked;

use core::mem;

use ratatui_crossterm::crossterm::event::KeyEventKind;

use crate::text::Safe;
use crate::time::Instant;
use crate::tui::app::{App, Found, Mode};
use crate::tui::bell::more_messages;
use crate::tui::glance::{GLANCE, Glance};
use crate::tui::input::{Action, Ask, Input, Now};
use crate::tui::keys::Stroke;
use crate::tui::places::Places;
use crate::tui::verifying::Compared;
use crate::tui::view;

/// Lines from which on a paste is asked about (irssi asks from the sixth on).
const ASK_FROM_LINES: usize = 6;

impl App {
    /// Takes what happens, and returns what is to be done, in this order.
    #[must_use = "what is to be done is not done yet"]
    pub fn update(&mut self, input: Input, now: Now) -> Vec<Action> {
        self.now = now;
        self.done += u64::from(is_done_by_somebody(&input));
        let list = self.step_aside(&input);
        match input {
            Input::Key(key) if key.kind == KeyEventKind::Release => {}
            Input::Key(key) => {
                self.taken = Some(now.instant);
                self.pressed_before = self.pressed.replace(now.happened);
                self.look_who_came();
                let stroke = Stroke::of(&key, &self.settings.keys);
                self.on_stroke(stroke);
            }
            Input::Paste(text) => self.on_paste(&text),
            Input::Wheel(rows) => self.scroll(isize::from(rows)),
            Input::Click(x, y) => self.on_click(x, y),
            Input::Resize { width, height } => self.on_resize(width, height),
            Input::Focus(is_focused) => self.on_focus(is_focused),
            Input::Tick => {}
            Input::Told(told) => self.on_told(told),
        }
        self.ask_of_paste();
        self.bring_back(list);
        self.show_found();
        self.leave_home();
        self.recall();
        self.see_compared();
        self.see_key();
        self.see_left_behind();
        self.settle();
        self.ring();
        mem::take(&mut self.actions)
    }

    /// The terminal has taken a drawing of what there is, at this moment. Nobody answers what was not drawn.
    pub fn drawn(&mut self, at: Instant) {
        self.key_is_drawn(at);
        let is_shown = Places::of(self).is_some() && !self.is_bare;
        self.is_home_drawn |= self.active.is_none();
        if let Some(glance) = &mut self.came {
            glance.drawn(at, is_shown);
        }
        match &mut self.mode {
            Mode::Found(Found { glance, .. })
            | Mode::Pasted { glance, .. }
            | Mode::Deleting { glance, .. } => {
                glance.drawn(at, is_shown);
            }
            Mode::Chat
            | Mode::Search(_)
            | Mode::Past { .. }
            | Mode::Switcher { .. }
            | Mode::Panel { .. }
            | Mode::Welcome(_)
            | Mode::Verify(_)
            | Mode::Code(_)
            | Mode::Leave { .. } => {}
        }
        if let Mode::Verify(panel) = &mut self.mode {
            panel.drawn(at);
            let (peer, code) = (panel.peer, panel.compared().and_then(Compared::code));
            if let (Some(code), Some(conversation)) = (code, self.with(&peer)) {
                conversation.seen_code = Some(code);
            }
        }
    }

    /// Goes from home to whom the person has just let in, else to the first who is there, but not under the hands of
    /// somebody who writes: what was meant for nobody would go to whoever appears.
    fn leave_home(&mut self) {
        let now = self.now.instant;
        let welcomed = self
            .welcomed
            .and_then(|(peer, done)| Some((self.find(&peer)?, done)));
        // The last key let in whoever comes: it was no text.
        let is_awaited = welcomed.is_some_and(|(_, done)| done == self.done);
        let is_writing =
            !is_awaited && (self.taken).is_some_and(|at| now.saturating_since(at) < GLANCE);
        let is_free = self.home.editor.is_empty() && matches!(self.mode, Mode::Chat);
        if self.active.is_none() && !self.conversations.is_empty() && is_free && !is_writing {
            self.active = Some(welcomed.map_or(0, |(at, _)| at));
            self.came = self.is_home_drawn.then(Glance::default);
        }
    }

    /// Keys that were pressed while home still stood on the terminal may have waited for a busy program.
    fn look_who_came(&mut self) {
        let at = self.now.happened;
        match &mut self.came {
            Some(glance) if !glance.is_over(at) => glance.begin_again(at),
            Some(_) | None => self.came = None,
        }
    }

    /// Tells of the messages that came too soon after one that was told of.
    fn ring(&mut self) {
        if self.unread() == 0 {
            self.bell.hush();
        }
        if let Some(held) = self.bell.due(self.now.instant) {
            self.notify(more_messages(held));
        }
    }

    /// Calls the person, with these words if there may be any.
    fn notify(&mut self, words: Safe) {
        if let Some(notice) = self.settings.notify.notice(words, self.settings.bell) {
            self.act(Action::Notify(notice));
        }
    }

    /// Asks for what was said before with whoever is on the screen for the first time.
    fn recall(&mut self) {
        let conversation = self.active.and_then(|at| self.conversations.get_mut(at));
        if let Some(it) = conversation.filter(|it| !it.is_recalled) {
            it.is_recalled = true;
            let peer = it.peer;
            self.act(Action::Ask(Ask::Earlier(peer)));
        }
    }

    /// What is looked at counts as seen. What made room before is not, and is told of.
    fn settle(&mut self) {
        if let Some(at) = self.active
            && self.is_seen(at)
            && let Some(conversation) = self.conversations.get_mut(at)
            && conversation.unread() > 0
        {
            let (peer, names) = (conversation.peer, conversation.see());
            let lost = mem::take(&mut conversation.lost);
            if lost > 0 {
                let (now, zone) = (self.now.unix, &self.settings.zone);
                conversation.note(now, zone, made_room(lost));
            }
            self.act(Action::Seen(peer, names));
        }
    }

    fn on_focus(&mut self, is_focused: bool) {
        self.is_focused = is_focused;
        if !is_focused {
            self.current_mut().leave();
        }
    }

    /// Takes another size. What stands on the screen is not what was drawn there: terminals move and break
    /// lines of their own accord.
    fn on_resize(&mut self, width: u16, height: u16) {
        self.size = (width, height);
        self.unsee_key();
        self.act(Action::Redraw);
    }

    fn on_click(&mut self, x: u16, y: u16) {
        if let Some(tab) = view::tab_at(self, x, y) {
            self.go(tab);
        }
    }

    /// Puts what was pasted where the keys write.
    fn on_paste(&mut self, text: &str) {
        if self.is_bare {
            self.leave_bare();
        }
        self.go_on_writing();
        if !matches!(self.mode, Mode::Chat) && Places::of(self).is_none() {
            return;
        }
        match &mut self.mode {
            Mode::Search(search) => {
                search.line.insert(text);
                self.find_hits();
            }
            // As if it was typed.
            Mode::Past { line, skip: first }
            | Mode::Switcher {
                line,
                chosen: first,
            } => {
                line.insert(text);
                *first = 0;
            }
            Mode::Verify(panel) => panel.paste(text),
            Mode::Chat => self.paste_into_message(text),
            // It was meant for something else, and so may be the Enter behind it.
            Mode::Found(found) => found.is_stray = true,
            Mode::Panel { .. }
            | Mode::Pasted { .. }
            | Mode::Welcome(_)
            | Mode::Code(_)
            | Mode::Deleting { .. }
            | Mode::Leave { .. } => {}
        }
    }

    fn paste_into_message(&mut self, text: &str) {
        let conversation = self.current_mut();
        let written = conversation.editor.insert(text);
        if written.is_err() {
            return self.tell_too_long(written);
        }
        conversation.selected = None;
        self.completion = None;
        self.has_unasked_paste |= text.contains(['\n', '\r']);
    }

    /// Asks about what was pasted, if it makes the message long, once the screen shows that it does.
    /// Until then it can be gone on with, and nothing is sent.
    fn ask_of_paste(&mut self) {
        let is_shown = matches!(self.mode, Mode::Chat) && Places::of(self).is_some();
        if !is_shown || !mem::take(&mut self.has_unasked_paste) {
            return;
        }
        let lines = self.current().editor.text().lines().count();
        if lines >= ASK_FROM_LINES {
            let glance = Glance::default();
            self.mode = Mode::Pasted { lines, glance };
        }
    }

    pub(in crate::tui) fn scroll(&mut self, rows: isize) {
        let window = self.window();
        let panel = self.panel_rows().len();
        if let Mode::Panel { above, .. } = &mut self.mode {
            let most = panel.saturating_sub(window.height.saturating_sub(1));
            *above = above.saturating_add_signed(rows.saturating_neg()).min(most);
            return;
        }
        if let Mode::Verify(panel) = &self.mode {
            let most = self.most_above(panel);
            let above = panel.above.saturating_add_signed(rows.saturating_neg());
            return self.scroll_panel_to(above.min(most));
        }
        if let Mode::Welcome(deciding) = &self.mode {
            let most = self.most_above_key(deciding);
            let above = deciding.above.saturating_add_signed(rows.saturating_neg());
            return self.scroll_key_to(above.min(most));
        }
        self.current_mut().scroll(rows, window);
    }

    /// Shows a conversation. What is being written stays with the one that it is written in.
    pub(in crate::tui) fn go(&mut self, to: usize) {
        if self.conversations.get(to).is_none() {
            return;
        }
        if self.active != Some(to) {
            self.current_mut().leave();
            self.current_mut().selected = None;
        }
        (self.active, self.came) = (Some(to), None);
        (self.completion, self.mode) = (None, Mode::Chat);
        self.current_mut().is_open = true;
    }
}

/// Whether somebody did it who sits before the terminal. Windows tells of keys that are let go: they were pressed.
fn is_done_by_somebody(input: &Input) -> bool {
    match input {
        Input::Key(key) => key.kind != KeyEventKind::Release,
        Input::Paste(_)
        | Input::Wheel(_)
        | Input::Click(..)
        | Input::Resize { .. }
        | Input::Focus(_) => true,
        Input::Tick | Input::Told(_) => false,
    }
}

fn made_room(lost: usize) -> Safe {
    let words = if lost == 1 {
        " message was not seen and had to make room; it comes"
    } else {
        " messages were not seen and had to make room; they come"
    };
    Safe::from(lost) + words + " again at the next start"
}
