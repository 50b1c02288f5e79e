//! The only way onto the screen.

use core::num::NonZeroU16;
use core::ops::Range;
use std::borrow::Cow;

use ratatui_core::buffer::{Buffer, Cell, CellDiffOption, CellWidth};
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use unicode_segmentation::UnicodeSegmentation;

use crate::text::{Charset, Safe, safe_line, safe_text};
use crate::tui::theme::Theme;
use crate::tui::wrap;

/// A piece of text that may be drawn: a part of a [`Safe`] one, or our own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a>(&'a str);

impl<'a> Piece<'a> {
    /// These bytes of a text; nothing, if it has no such bytes.
    pub(super) fn of(text: &'a Safe, range: Range<usize>) -> Self {
        Self(text.as_str().get(range).unwrap_or(""))
    }

    pub(super) fn to_safe(self) -> Safe {
        safe_text(self.0)
    }

    pub(super) fn cells(self, charset: Charset) -> usize {
        wrap::cells(self.0, charset)
    }
}

impl<'a> From<&'a Safe> for Piece<'a> {
    fn from(text: &'a Safe) -> Self {
        Self(text.as_str())
    }
}

impl From<&'static str> for Piece<'_> {
    fn from(words: &'static str) -> Self {
        Self(words)
    }
}

/// A screen that is being drawn.
#[derive(Debug)]
pub(super) struct Canvas<'b> {
    buffer: &'b mut Buffer,
    /// What the terminal takes.
    charset: Charset,
}

/// A row of an area that is written from left to right.
#[derive(Debug)]
pub(super) struct Pen<'c, 'b> {
    canvas: &'c mut Canvas<'b>,
    x: u16,
    y: u16,
    end: u16,
}

impl<'b> Canvas<'b> {
    pub(super) const fn new(buffer: &'b mut Buffer, charset: Charset) -> Self {
        Self { buffer, charset }
    }

    /// A pen at the beginning of the `row`th row of `area`; one that writes nothing below it.
    pub(super) fn row(&mut self, area: Rect, row: usize) -> Pen<'_, 'b> {
        let row = u16::try_from(row).unwrap_or(u16::MAX);
        let area = area.intersection(self.buffer.area);
        let is_inside = row < area.height;
        Pen {
            canvas: self,
            x: area.x,
            y: area.y.saturating_add(row),
            end: if is_inside { area.right() } else { area.x },
        }
    }

    /// Takes away a cluster that begins before a cell and reaches into it: what is written there would count as
    /// covered by it.
    fn cut(&mut self, x: u16, y: u16) {
        let area = self.buffer.area;
        if !area.contains(Position { x, y }) {
            return;
        }
        let end = |at: u16, cell: &Cell| at.saturating_add(cell.cell_width());
        let reaches = |at: &u16| end(*at, &self.buffer[(*at, y)]) > x;
        let Some(start) = (area.x..x).rev().find(reaches) else {
            return;
        };
        let end = end(start, &self.buffer[(start, y)]).min(area.right());
        for at in start..end {
            let cell = &mut self.buffer[(at, y)];
            cell.set_symbol(" ").set_diff_option(CellDiffOption::None);
        }
    }

    /// Sets the style of a row of an area.
    pub(super) fn style_row(&mut self, area: Rect, row: u16, style: Style) {
        let line = Rect {
            y: area.y.saturating_add(row),
            height: 1,
            ..area
        };
        self.buffer
            .set_style(line.intersection(self.buffer.area), style);
    }

    /// Takes out whatever got here past [`Safe`]. Nothing should; a terminal does not forgive it.
    pub(super) fn scrub(&mut self) {
        let charset = self.charset;
        for cell in &mut self.buffer.content {
            let symbol = cell.symbol();
            let is_plain = matches!(symbol.as_bytes(), [b' '..=b'~']);
            if is_plain {
                continue;
            }
            if symbol.chars().any(|c| charset.spells(c)) {
                cell.set_symbol("?");
            } else if safe_line(symbol).as_str() != symbol {
                cell.set_symbol("\u{fffd}");
            }
        }
    }
}

impl Pen<'_, '_> {
    /// Cells that are left.
    pub(super) const fn left(&self) -> usize {
        self.end.saturating_sub(self.x) as usize
    }

    /// Writes what fits. What is spelled out is drawn in another way, so that nobody can type it.
    pub(super) fn put<'a>(&mut self, piece: impl Into<Piece<'a>>, style: Style) -> &mut Self {
        let Piece(text) = piece.into();
        let charset = self.canvas.charset;
        for run in runs(text, charset) {
            match charset.shown(run) {
                Cow::Borrowed(run) => self.write(run, style),
                Cow::Owned(run) => self.write(&run, style.patch(Theme::chosen())),
            }
        }
        self
    }

    fn write(&mut self, text: &str, style: Style) {
        for cluster in text.graphemes(true) {
            let cells = wrap::cluster_cells(cluster);
            // Nothing without a cell is drawn: a line separator has none.
            if cells == 0 || cluster.contains(char::is_control) {
                continue;
            }
            if cells > self.left() {
                break;
            }
            self.write_cluster(cluster, cells, style);
        }
    }

    /// The library measures some clusters in another way, and would draw over them, or leave out what stands behind them;
    /// and it writes the second cell of some by itself. A terminal that draws such a cluster in parts has one in each of its
    /// cells: none is taken for blank, so that all are written when something else is there.
    fn write_cluster(&mut self, cluster: &str, cells: usize, style: Style) {
        let cells = u16::try_from(cells).unwrap_or(u16::MAX);
        let is_simple = cells == cluster.cell_width() && wrap::is_one(cluster);
        let forced = NonZeroU16::new(cells).filter(|_| !is_simple);
        let end = self.x.saturating_add(cells);
        let buffer = &mut self.canvas.buffer;
        let first = &mut buffer[(self.x, self.y)];
        first.set_symbol(cluster).set_style(style);
        first.set_diff_option(forced.map_or(CellDiffOption::None, CellDiffOption::ForcedWidth));
        for x in self.x + 1..end {
            buffer[(x, self.y)].reset();
            if !is_simple {
                buffer[(x, self.y)].set_symbol("");
            }
        }
        self.x = end;
    }

    /// As [`Pen::put`] in the terminal's own style.
    pub(super) fn plain<'a>(&mut self, piece: impl Into<Piece<'a>>) -> &mut Self {
        self.put(piece, Style::new())
    }

    /// Writes at most so many cells, and goes exactly so far.
    pub(super) fn field<'a>(
        &mut self,
        piece: impl Into<Piece<'a>>,
        cells: usize,
        style: Style,
    ) -> &mut Self {
        let start = self.x;
        let Piece(text) = piece.into();
        self.put(
            Piece(wrap::fitting(text, cells, self.canvas.charset)),
            style,
        );
        let cells = u16::try_from(cells).unwrap_or(u16::MAX);
        self.x = start.saturating_add(cells).min(self.end);
        self
    }

    /// Goes on so many cells before the end of the row, if that is further on.
    pub(super) fn before_end(&mut self, cells: usize) -> &mut Self {
        let cells = u16::try_from(cells).unwrap_or(u16::MAX);
        self.x = self.x.max(self.end.saturating_sub(cells));
        self.canvas.cut(self.x, self.y);
        self
    }

    /// Fills the row up to so many cells before its end.
    pub(super) fn fill(&mut self, glyph: &'static str, until: usize) -> &mut Self {
        while self.left() > until {
            self.plain(glyph);
        }
        self
    }
}

/// The text in parts, each of which is spelled out or is not.
fn runs(text: &str, charset: Charset) -> impl Iterator<Item = &str> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let is_spelled = charset.spells(rest.chars().next()?);
        let end = rest.find(|c| charset.spells(c) != is_spelled);
        let (run, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is drawn over a part of it counted as covered, and was not written.
    #[test]
    fn a_cluster_that_is_written_over_goes_as_a_whole() {
        let area = Rect::new(0, 0, 12, 1);
        let khmer = format!("\u{1780}{}", "\u{17d2}\u{1780}".repeat(4));
        for text in [
            format!("ab{khmer}cd"),
            "abc\u{65e5}\u{65e5}\u{65e5}".to_owned(),
        ] {
            let mut buffer = Buffer::empty(area);
            let mut canvas = Canvas::new(&mut buffer, Charset::Utf8);
            let text = safe_line(&text);
            canvas.row(area, 0).plain(&text);
            let mut pen = canvas.row(area, 0);
            pen.before_end(8).plain("12345678");
            let shown: String = buffer.content.iter().map(Cell::symbol).collect();
            assert!(
                shown.starts_with("ab") && shown.ends_with(" 12345678"),
                "{shown:?}"
            );
            let changes = Buffer::empty(area).diff(&buffer);
            assert!(changes.iter().any(|(_, _, cell)| cell.symbol() == "1"));
        }
    }
}
