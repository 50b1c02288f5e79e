//! Keys, while they write.

use core::time::Duration;

use crate::text::Safe;
use crate::time::Instant;
use crate::tui::app::{App, Mode, Search};
use crate::tui::editor::{Line, Move};
use crate::tui::input::Action;
use crate::tui::keys::{Bind, Stroke};
use crate::tui::places::{LIST_FROM, Places};
use crate::tui::update::commands;

/// Rows that a step scrolls.
const STEP: isize = 3;
/// How long the first Ctrl+C counts.
const TWICE: Duration = Duration::from_secs(2);

impl App {
    pub(super) fn on_stroke(&mut self, stroke: Stroke) {
        if stroke == Stroke::Other {
            return;
        }
        if self.is_bare && !stays_bare(&stroke) {
            self.leave_bare();
            return;
        }
        self.notice = None;
        if !matches!(stroke, Stroke::Bind(Bind::Complete { .. })) {
            self.completion = None;
        }
        let interrupted = self.interrupted.take();
        match (&self.mode, stroke) {
            // No terminal does it by itself while we have it.
            (_, Stroke::Bind(Bind::Suspend)) => self.act(Action::Suspend),
            (Mode::Chat, Stroke::Bind(Bind::Interrupt)) => self.interrupt(interrupted),
            (Mode::Chat, stroke) if Places::of(self).is_none() => self.on_unseen_stroke(&stroke),
            (Mode::Chat, stroke) => self.on_chat_stroke(&stroke),
            (_, stroke) => self.on_mode_stroke(&stroke),
        }
    }

    /// Shows the text alone. It stays as it is while somebody copies from it.
    pub(super) fn enter_bare(&mut self) {
        self.is_bare = true;
        let conversation = self.current_mut();
        if conversation.anchor.is_none() {
            conversation.anchor = conversation.log.pinned();
            self.was_at_end = true;
        }
    }

    pub(super) fn leave_bare(&mut self) {
        self.is_bare = false;
        if core::mem::take(&mut self.was_at_end) {
            self.newest();
        }
    }

    fn on_chat_stroke(&mut self, stroke: &Stroke) {
        match stroke {
            Stroke::Char(c) if self.on_selected(*c) => {}
            Stroke::Char(c) => self.type_char(*c),
            Stroke::Bind(bind) => self.on_bind(*bind),
            Stroke::Other => {}
        }
    }

    /// On a screen too small to show to whom: what is written can be gone on with, and the program left. Nothing is sent,
    /// and no other conversation chosen.
    fn on_unseen_stroke(&mut self, stroke: &Stroke) {
        match stroke {
            Stroke::Char(c) => self.type_char(*c),
            Stroke::Bind(
                bind @ (Bind::NewLine
                | Bind::Go(_)
                | Bind::Delete(_)
                | Bind::Yank
                | Bind::Transpose
                | Bind::Undo
                | Bind::Redraw
                | Bind::EndOfInput),
            ) => self.on_bind(*bind),
            Stroke::Bind(_) | Stroke::Other => {}
        }
    }

    pub(super) fn type_char(&mut self, c: char) {
        let conversation = self.current_mut();
        conversation.selected = None;
        let written = conversation.editor.insert_char(c);
        self.tell_too_long(written);
    }

    /// A letter that does something with the selected message; false if it is none.
    fn on_selected(&mut self, c: char) -> bool {
        let here = self.current();
        let Some(selected) = here.selected.filter(|_| here.is_held) else {
            return false;
        };
        match c.to_ascii_lowercase() {
            'r' => {
                let quoted = self.current_mut().quote(selected);
                self.tell_too_long(quoted);
            }
            'i' => self.tell_details(selected),
            'd' => self.ask_to_delete(selected, c),
            _ => return false,
        }
        true
    }

    fn on_bind(&mut self, bind: Bind) {
        let page = isize::try_from(self.window().height.saturating_sub(1)).unwrap_or(1);
        match bind {
            Bind::Send => self.submit(),
            Bind::Up | Bind::Down => self.go_row(bind == Bind::Up),
            Bind::End if self.has_empty_input() => self.newest(),
            Bind::NewLine
            | Bind::Go(_)
            | Bind::Delete(_)
            | Bind::Yank
            | Bind::Transpose
            | Bind::Undo
            | Bind::End => self.edit(bind),
            Bind::Complete { back } => self.complete(back),
            Bind::NextTab => self.step_tab(1),
            Bind::PreviousTab => self.step_tab(-1),
            Bind::Tab(number) => self.go_tab(number),
            Bind::NextUnread => self.next_unread(),
            Bind::Switcher => {
                self.mode = Mode::Switcher {
                    line: Line::default(),
                    chosen: 0,
                };
            }
            Bind::PageUp => self.scroll(page.max(1)),
            Bind::PageDown => self.scroll(-page.max(1)),
            Bind::LinesUp => self.scroll(STEP),
            Bind::LinesDown => self.scroll(-STEP),
            Bind::Oldest => {
                let window = self.window();
                self.current_mut().oldest(window);
            }
            Bind::Newest => self.newest(),
            Bind::FirstUnread => self.first_unread(),
            Bind::SelectUp | Bind::SelectDown => {
                let window = self.window();
                self.current_mut().select(bind == Bind::SelectUp, window);
            }
            Bind::Copy => self.copy_selected(),
            Bind::Search => self.start_search(),
            Bind::HistorySearch => {
                self.mode = Mode::Past {
                    line: Line::default(),
                    skip: 0,
                };
            }
            Bind::Verify => {
                let _ = self.open_verifying(None);
            }
            Bind::Bare => self.enter_bare(),
            Bind::List => self.turn_list(),
            Bind::Mouse => {
                self.has_mouse = !self.has_mouse;
                let is_on = self.has_mouse;
                self.act(Action::Mouse(is_on));
                self.tell(if is_on {
                    "mouse on: to select with it, hold Shift"
                } else {
                    "mouse off"
                });
            }
            Bind::Redraw => self.act(Action::Redraw),
            Bind::Help => self.show_panel("help", commands::help(self.settings.keeps)),
            Bind::Escape => self.escape(),
            Bind::EndOfInput => self.end_of_input(),
            Bind::Interrupt | Bind::Suspend => {}
        }
    }

    pub(in crate::tui) fn has_empty_input(&self) -> bool {
        self.current().editor.is_empty()
    }

    /// The list beside the conversation, or none.
    fn turn_list(&mut self) {
        self.has_list = !self.has_list;
        if self.size.0 < LIST_FROM {
            self.tell(if self.has_list {
                Safe::from("the list comes where the screen has ") + LIST_FROM + " columns"
            } else {
                "no list".into()
            });
        }
    }

    fn edit(&mut self, bind: Bind) {
        let editor = &mut self.current_mut().editor;
        if bind == Bind::NewLine {
            let written = editor.insert("\n");
            self.tell_too_long(written);
        } else if let Bind::Go(way) = bind {
            editor.go(way);
        } else if let Bind::Delete(way) = bind {
            editor.delete(way);
        } else if bind == Bind::End {
            editor.go(Move::LineEnd);
        } else if bind == Bind::Yank {
            let yanked = editor.yank();
            self.tell_too_long(yanked);
        } else if bind == Bind::Transpose {
            editor.transpose();
        } else {
            editor.undo();
        }
    }

    /// On the first and the last row, what was typed before.
    fn go_row(&mut self, is_up: bool) {
        let (width, charset) = (self.input_width(), self.theme.charset);
        let conversation = self.current_mut();
        if conversation.editor.go_row(is_up, width, charset) {
            return;
        }
        let history = &mut conversation.history;
        let line = if is_up {
            history.older(conversation.editor.text()).map(str::to_owned)
        } else {
            history.newer()
        };
        if let Some(line) = line {
            conversation.editor.set(&line);
        }
    }

    fn newest(&mut self) {
        let conversation = self.current_mut();
        (conversation.anchor, conversation.selected) = (None, None);
    }

    pub(super) fn first_unread(&mut self) {
        let window = self.window();
        if !self.current_mut().show_unread(window) {
            self.tell("nothing is unread here");
        }
    }

    fn step_tab(&mut self, step: isize) {
        let open: Vec<usize> = self.open().map(|(at, _)| at).collect();
        let here = open.iter().position(|at| Some(*at) == self.active);
        let count = isize::try_from(open.len()).unwrap_or(0);
        if count == 0 {
            return;
        }
        let here = here.map_or(0, |here| isize::try_from(here).unwrap_or(0) + step);
        let next = usize::try_from(here.rem_euclid(count)).unwrap_or(0);
        if let Some(at) = open.get(next) {
            self.go(*at);
        }
    }

    fn go_tab(&mut self, number: usize) {
        let found = self.open().nth(number).map(|(at, _)| at);
        if let Some(at) = found {
            self.go(at);
        }
    }

    fn next_unread(&mut self) {
        let count = self.conversations.len();
        let here = self.active.unwrap_or(0);
        let is_unread = |at: &usize| {
            self.conversations
                .get(*at)
                .is_some_and(|it| it.unread() > 0)
        };
        let found = (1..=count)
            .map(|step| (here + step) % count)
            .find(is_unread);
        match found {
            Some(at) => self.go(at),
            None => self.tell("nothing is unread"),
        }
    }

    pub(super) fn start_search(&mut self) {
        let conversation = self.current_mut();
        conversation.selected = None;
        let search = Search {
            before: conversation.anchor,
            ..Search::default()
        };
        self.mode = Mode::Search(search);
        self.find_hits();
    }

    fn escape(&mut self) {
        let conversation = self.current_mut();
        if conversation.selected.take().is_some() {
            conversation.anchor = None;
        }
    }

    pub(super) fn show_panel(&mut self, title: &'static str, lines: Vec<Safe>) {
        self.mode = Mode::Panel {
            title,
            lines,
            above: 0,
            under: None,
        };
    }

    pub(super) fn show_keys(&mut self) {
        let lines = self.settings.keys.help();
        self.show_panel("keys", lines);
    }

    fn interrupt(&mut self, before: Option<Instant>) {
        let now = self.now.instant;
        let editor = &mut self.current_mut().editor;
        if !editor.is_empty() {
            editor.clear();
            self.tell(match self.settings.keys.label(Bind::Undo) {
                Some(undo) => Safe::from("emptied; ") + undo + " brings it back",
                None => "emptied".into(),
            });
            return;
        }
        let is_second = before.is_some_and(|before| now.saturating_since(before) < TWICE);
        if is_second {
            self.act(Action::Quit);
        } else {
            self.interrupted = Some(now);
            let key = self.key(Bind::Interrupt, "");
            self.tell_for(TWICE, key + " again to quit");
        }
    }

    fn end_of_input(&mut self) {
        if self.has_empty_input() {
            self.leave();
        } else {
            self.edit(Bind::Delete(Move::Right));
        }
    }

    /// Ends, unless something is not delivered, or written and not sent: then it asks.
    pub(super) fn leave(&mut self) {
        let all = self.conversations.iter();
        let waiting = all.clone().map(|it| it.log.open()).sum();
        let drafts = all.filter(|it| !it.editor.is_empty()).count();
        if waiting == 0 && drafts == 0 {
            self.act(Action::Quit);
        } else {
            self.mode = Mode::Leave { waiting, drafts };
        }
    }

    /// What leaving was asked about may be delivered before somebody answers: then nothing is left to ask.
    pub(super) fn see_left_behind(&mut self) {
        if matches!(self.mode, Mode::Leave { .. }) {
            self.mode = Mode::Chat;
            self.leave();
        }
    }
}

/// Whether the text stays alone on the screen: that is scrolled, or left for the shell.
fn stays_bare(stroke: &Stroke) -> bool {
    let stays = [
        Bind::PageUp,
        Bind::PageDown,
        Bind::LinesUp,
        Bind::LinesDown,
        Bind::Oldest,
        Bind::Newest,
        Bind::Suspend,
    ];
    matches!(stroke, Stroke::Bind(bind) if stays.contains(bind))
}
