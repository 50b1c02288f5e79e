//! What is being written, and the questions that take its place.

use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;

use crate::text::{Safe, safe_line};
use crate::tui::app::{App, Mode};
use crate::tui::paint::{Canvas, Piece};
use crate::tui::places::PROMPT;

impl App {
    /// Draws it, and returns where the caret is.
    pub(super) fn draw_input(&self, canvas: &mut Canvas<'_>, area: Rect) -> Position {
        let (words, line, rest) = if let Mode::Search(search) = &self.mode {
            let count = match search.hits.len() {
                0 if search.line.text().is_empty() => Safe::default(),
                0 => "  (nothing found)".into(),
                count => Safe::from("  (") + (search.at + 1) + " of " + count + ")",
            };
            ("search: ", search.line.shown(), count)
        } else if let Mode::Past { line, .. } = &self.mode {
            let found = match self.found_in_past() {
                Some(found) => Safe::from("  -> ") + safe_line(found),
                None => "  (nothing found)".into(),
            };
            ("typed before: ", line.shown(), found)
        } else if let Mode::Switcher { line, .. } = &self.mode {
            ("go to: ", line.shown(), Safe::default())
        } else {
            return self.draw_message(canvas, area);
        };
        let charset = self.theme.charset;
        let mut pen = canvas.row(area, 0);
        pen.plain(words).plain(&line).plain(&rest);
        let cells = Piece::from(words).cells(charset) + Piece::from(&line).cells(charset);
        place(area, cells, 0)
    }

    fn draw_message(&self, canvas: &mut Canvas<'_>, area: Rect) -> Position {
        let editor = &self.current().editor;
        let (rows, (caret_row, caret_cell)) = editor.rows(self.input_width(), self.theme.charset);
        let height = usize::from(area.height);
        let first = (caret_row + 1).saturating_sub(height);
        for (row, range) in rows.iter().skip(first).take(height).enumerate() {
            let mut pen = canvas.row(area, row);
            let lead = if first + row == 0 { PROMPT } else { "" };
            pen.field(lead, PROMPT.len(), Style::new());
            pen.plain(&editor.shown(range));
        }
        place(area, PROMPT.len() + caret_cell, caret_row - first)
    }
}

/// A cell of an area, the last one if it lies beyond.
fn place(area: Rect, x: usize, y: usize) -> Position {
    let within = |at: usize, len: u16| {
        u16::try_from(at)
            .unwrap_or(u16::MAX)
            .min(len.saturating_sub(1))
    };
    Position {
        x: area.x + within(x, area.width),
        y: area.y + within(y, area.height),
    }
}
