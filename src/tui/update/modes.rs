//! Keys, while they do something else than write.

use crate::tui::app::{App, Mode};
use crate::tui::editor::{Line, Move};
use crate::tui::glance::Glance;
use crate::tui::input::Action;
use crate::tui::keys::{Bind, Stroke};
use crate::tui::places::Places;
use crate::tui::search;

impl App {
    pub(super) fn on_mode_stroke(&mut self, stroke: &Stroke) {
        if matches!(stroke, Stroke::Bind(Bind::Redraw)) {
            self.act(Action::Redraw);
            return;
        }
        if matches!(self.mode, Mode::Deleting { .. }) {
            return self.on_deleting(stroke);
        }
        // Nobody answers a question that the screen is too small to show.
        if Places::of(self).is_none()
            && !matches!(stroke, Stroke::Bind(Bind::Escape | Bind::Interrupt))
        {
            return;
        }
        match &self.mode {
            Mode::Chat | Mode::Deleting { .. } => {}
            Mode::Search(_) => self.on_search(stroke),
            Mode::Past { .. } => self.on_past(stroke),
            Mode::Switcher { .. } => self.on_switcher(stroke),
            Mode::Panel { .. } => self.on_panel(stroke),
            Mode::Found(_) => self.on_found_stroke(stroke),
            Mode::Pasted { glance, .. } => self.on_pasted(*glance, stroke),
            Mode::Welcome(_) => self.on_welcome(stroke),
            Mode::Verify(_) => self.on_verify(stroke),
            Mode::Code(_) => self.on_code(stroke),
            Mode::Leave { .. } => self.on_leave(stroke),
        }
    }

    fn on_search(&mut self, stroke: &Stroke) {
        let Mode::Search(search) = &mut self.mode else {
            return;
        };
        let before = search.before;
        match stroke {
            Stroke::Bind(Bind::Search | Bind::Up) => {
                let last = search.hits.len().saturating_sub(1);
                search.at = (search.at + 1).min(last);
                self.show_hit();
            }
            Stroke::Bind(Bind::HistorySearch | Bind::Down) => {
                search.at = search.at.saturating_sub(1);
                self.show_hit();
            }
            Stroke::Bind(Bind::Send) => self.mode = Mode::Chat,
            Stroke::Bind(Bind::Escape | Bind::Interrupt) => {
                self.mode = Mode::Chat;
                self.current_mut().anchor = before;
            }
            Stroke::Bind(Bind::PageUp | Bind::PageDown | Bind::LinesUp | Bind::LinesDown) => {}
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other => {
                if write(&mut search.line, stroke) {
                    self.find_hits();
                }
            }
        }
    }

    /// Looks again for what is searched, and shows the newest find.
    pub(super) fn find_hits(&mut self) {
        let Mode::Search(search) = &self.mode else {
            return;
        };
        let hits = search::hits(&self.current().log, search.line.text());
        if let Mode::Search(search) = &mut self.mode {
            (search.hits, search.at) = (hits, 0);
        }
        self.show_hit();
    }

    fn show_hit(&mut self) {
        let window = self.window();
        let Mode::Search(search) = &self.mode else {
            return;
        };
        let (found, before) = (search.hits.get(search.at).copied(), search.before);
        let conversation = self.current_mut();
        match found {
            Some(entry) => conversation.show(entry, window),
            None => conversation.anchor = before,
        }
    }

    fn on_past(&mut self, stroke: &Stroke) {
        let found = self.found_in_past().map(str::to_owned);
        let Mode::Past { line, skip } = &mut self.mode else {
            return;
        };
        match stroke {
            Stroke::Bind(Bind::HistorySearch | Bind::Up) if found.is_some() => *skip += 1,
            Stroke::Bind(Bind::Search | Bind::Down) => *skip = skip.saturating_sub(1),
            Stroke::Bind(Bind::Send) => {
                self.mode = Mode::Chat;
                if let Some(found) = found {
                    self.current_mut().editor.set(&found);
                }
            }
            Stroke::Bind(Bind::Escape | Bind::Interrupt) => self.mode = Mode::Chat,
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other => {
                if write(line, stroke) {
                    *skip = 0;
                }
            }
        }
    }

    /// What was typed before and is searched.
    pub(in crate::tui) fn found_in_past(&self) -> Option<&str> {
        let Mode::Past { line, skip } = &self.mode else {
            return None;
        };
        self.current().history.find(line.text(), *skip)
    }

    fn on_switcher(&mut self, stroke: &Stroke) {
        let found = self.switchable();
        let Mode::Switcher { line, chosen } = &mut self.mode else {
            return;
        };
        let last = found.len().saturating_sub(1);
        match stroke {
            Stroke::Bind(Bind::Down | Bind::NextTab | Bind::Switcher) => {
                *chosen = (*chosen + 1).min(last);
            }
            Stroke::Bind(Bind::Up | Bind::PreviousTab) => *chosen = chosen.saturating_sub(1),
            Stroke::Bind(Bind::Send) => {
                let to = found.get(*chosen).copied();
                self.mode = Mode::Chat;
                if let Some(to) = to {
                    self.go(to);
                }
            }
            Stroke::Bind(Bind::Escape | Bind::Interrupt) => self.mode = Mode::Chat,
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other => {
                if write(line, stroke) {
                    *chosen = 0;
                }
            }
        }
    }

    /// The conversations that fit what was typed, best first.
    pub(in crate::tui) fn switchable(&self) -> Vec<usize> {
        let Mode::Switcher { line, .. } = &self.mode else {
            return Vec::new();
        };
        let all = self.conversations.iter().enumerate();
        let fitting =
            all.filter_map(|(at, it)| Some((search::fit(it.name.as_str(), line.text())?, at)));
        let mut found: Vec<(usize, usize)> = fitting.collect();
        found.sort_unstable();
        found.into_iter().map(|(_, at)| at).collect()
    }

    fn on_panel(&mut self, stroke: &Stroke) {
        let page = isize::try_from(self.window().height / 2)
            .unwrap_or(1)
            .max(1);
        match stroke {
            Stroke::Bind(Bind::Up | Bind::LinesUp) => self.scroll(1),
            Stroke::Bind(Bind::Down | Bind::LinesDown) => self.scroll(-1),
            Stroke::Bind(Bind::PageUp) => self.scroll(page),
            Stroke::Bind(Bind::PageDown) => self.scroll(-page),
            Stroke::Bind(Bind::Escape | Bind::Interrupt | Bind::Send | Bind::Help) => {
                self.close_panel();
            }
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other => {}
        }
    }

    /// What the panel was asked for in comes back.
    fn close_panel(&mut self) {
        if let Mode::Panel { under, .. } = core::mem::take(&mut self.mode)
            && let Some(found) = under
        {
            self.mode = Mode::Found(found);
        }
    }

    /// Nothing but an answer counts: whoever typed on, or pressed Enter before it was drawn, has not seen the question.
    fn on_pasted(&mut self, glance: Glance, stroke: &Stroke) {
        let is_meant = glance.is_over(self.now.happened) && self.is_alone();
        match stroke {
            Stroke::Bind(Bind::Send) if is_meant => {
                self.mode = Mode::Chat;
                self.submit();
            }
            Stroke::Bind(Bind::Escape | Bind::Interrupt) => self.mode = Mode::Chat,
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other => {}
        }
    }

    fn on_leave(&mut self, stroke: &Stroke) {
        match stroke {
            Stroke::Char('y' | 'Y') => self.act(Action::Quit),
            Stroke::Bind(Bind::Escape | Bind::Interrupt) => self.mode = Mode::Chat,
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other => {}
        }
    }
}

/// Whether a key has changed a line.
pub(super) fn write(line: &mut Line, stroke: &Stroke) -> bool {
    match stroke {
        Stroke::Char(c) => line.insert(c.encode_utf8(&mut [0; 4])),
        Stroke::Bind(Bind::Delete(Move::Left)) => line.delete_last(),
        Stroke::Bind(Bind::Delete(Move::LineStart)) => line.clear(),
        Stroke::Bind(_) | Stroke::Other => return false,
    }
    true
}
