//! Draws the state. Nothing here changes it, except that texts remember where they break.

mod code;
mod deciding;
mod head;
mod input;
mod list;
mod log;
mod panel;
mod rule;
mod sheet;
mod tabs;
mod verifying;

pub(super) use tabs::tab_at;

use core::ops::Range;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};

use crate::text::Safe;
use crate::tui::app::{App, Mode};
use crate::tui::log::{Line, Log};
use crate::tui::paint::{Canvas, Piece};
use crate::tui::places::{MIN_HEIGHT, MIN_WIDTH, Places};
use crate::tui::view::tabs::KEYS_LOGGED;

impl App {
    /// Draws the face into an empty buffer, and returns where the cursor is: at the caret of what is
    /// being written, where input methods and magnifiers look for it.
    pub fn draw(&mut self, buffer: &mut Buffer) -> Option<Position> {
        let mut canvas = Canvas::new(buffer, self.theme.charset);
        let caret = match Places::of(self) {
            Some(places) => self.draw_all(&mut canvas, places),
            None => {
                self.draw_too_small(&mut canvas);
                None
            }
        };
        canvas.scrub();
        caret
    }

    /// The lines that are shown without a frame, if that is what is wanted: those that a screen holds, each
    /// whole, so that what is copied from a terminal has no breaks of ours. A screen that is too small for it says so.
    pub fn bare(&mut self) -> Option<Vec<Safe>> {
        if !self.is_bare || Places::of(self).is_none() {
            return None;
        }
        let window = self.window();
        let rows = self.current_mut().visible(window);
        let log = &self.current().log;
        let is_logged = self.settings.keys_are_logged;
        let mut lines: Vec<Safe> = is_logged.then(|| KEYS_LOGGED.into()).into_iter().collect();
        let mut end = None;
        for row in rows {
            let Some((entry, range, piece)) = piece(log, row) else {
                continue;
            };
            match lines.last_mut() {
                Some(line) if end == Some((entry, range.start)) => *line = line.clone() + piece,
                Some(_) | None => lines.push(piece),
            }
            end = Some((entry, range.end));
        }
        Some(lines)
    }

    fn draw_all(&mut self, canvas: &mut Canvas<'_>, places: Places) -> Option<Position> {
        if let Mode::Verify(panel) = &self.mode {
            self.warn_of_logged_keys(canvas, self.last_row());
            return self.draw_verifying(canvas, panel);
        }
        if let Mode::Welcome(deciding) = &self.mode {
            self.warn_of_logged_keys(canvas, self.last_row());
            self.draw_deciding(canvas, deciding);
            return None;
        }
        if let Mode::Code(code) = &self.mode {
            self.warn_of_logged_keys(canvas, self.last_row());
            self.draw_code(canvas, code);
            return None;
        }
        let lines = self.draw_log(canvas, places.log);
        if self.is_bare {
            self.warn_of_logged_keys(canvas, Rect::new(0, 0, self.size.0, 1));
            return None;
        }
        self.draw_head(canvas, places.top);
        if let Some(list) = places.list {
            self.draw_list(canvas, list);
        }
        if let Some(guide) = places.guide {
            self.draw_guide(canvas, guide);
        }
        self.draw_below(canvas, places.log, lines);
        self.draw_panel(canvas, places.log);
        self.draw_rule(canvas, places.rule);
        self.draw_tabs(canvas, places.tabs);
        Some(self.draw_input(canvas, places.input))
    }

    fn last_row(&self) -> Rect {
        let (width, height) = self.size;
        Rect::new(0, height.saturating_sub(1), width, 1)
    }

    fn draw_too_small(&self, canvas: &mut Canvas<'_>) {
        let (width, height) = self.size;
        let words = Safe::from("needs ") + MIN_WIDTH + "x" + MIN_HEIGHT + " [SC20]";
        canvas.row(Rect::new(0, 0, width, height), 0).plain(&words);
        let second = 1.min(height.saturating_sub(1));
        self.warn_of_logged_keys(canvas, Rect::new(0, second, width, 1));
    }
}

/// A row of a text: of which entry, which bytes, and what they say.
fn piece(log: &Log, row: Line) -> Option<(u64, Range<usize>, Safe)> {
    let Line::Text { entry, row } = row else {
        return None;
    };
    let found = log.get(entry)?;
    let range = found.row(row)?;
    let piece = Piece::of(&found.text, range.clone()).to_safe();
    Some((entry, range, piece))
}
