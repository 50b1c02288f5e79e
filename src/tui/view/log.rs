//! What was said, with a gutter for when, how far it has come, and who.

use core::ops::Range;

use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use crate::calendar::Zone;
use crate::text::Safe;
use crate::tui::app::{App, Mode};
use crate::tui::conversation::Conversation;
use crate::tui::entry::{Entry, Kind, Receipt};
use crate::tui::keys::Bind;
use crate::tui::log::Line;
use crate::tui::paint::{Canvas, Pen, Piece};
use crate::tui::places::{NAME, NARROW, RECEIPT, TIME};
use crate::tui::search;
use crate::tui::theme::Theme;

impl App {
    /// Draws the lines that fit; returns how many there are.
    pub(super) fn draw_log(&mut self, canvas: &mut Canvas<'_>, area: Rect) -> usize {
        let window = self.window();
        let lines = self.current_mut().visible(window);
        let paper = Paper {
            here: self.current(),
            theme: self.theme,
            zone: &self.settings.zone,
            found: self.found(),
            gutter: self.gutter(area),
            is_bare: self.is_bare,
            is_narrow: area.width < NARROW,
        };
        for (row, line) in lines.iter().enumerate() {
            paper.draw(canvas, area, row, *line);
        }
        lines.len()
    }

    /// What to do while nobody is known.
    pub(super) fn draw_guide(&self, canvas: &mut Canvas<'_>, area: Rect) {
        for (row, line) in self.settings.guide.iter().enumerate() {
            canvas.row(area, row).plain(" ").plain(line);
        }
    }

    /// What is searched, if something is.
    fn found(&self) -> Option<(&str, Option<u64>)> {
        let Mode::Search(search) = &self.mode else {
            return None;
        };
        Some((search.line.text(), search.hits.get(search.at).copied()))
    }

    /// Says how much is new below the screen.
    pub(super) fn draw_below(&self, canvas: &mut Canvas<'_>, area: Rect, lines: usize) {
        let here = self.current();
        if here.anchor.is_none() || lines == 0 {
            return;
        }
        let down = Safe::from(self.theme.glyphs.down);
        let words = match here.unread() {
            0 => down + " more below",
            unread => down + " " + unread + " new below",
        };
        let keys = &self.settings.keys;
        // In a line that is being written, End goes to its end.
        let end = keys.label(Bind::End).filter(|_| self.has_empty_input());
        let words = match end.or_else(|| keys.label(Bind::Newest)) {
            Some(key) => words + " - " + key,
            None => words,
        };
        let words = Safe::from(" ") + words + " ";
        let cells = Piece::from(&words).cells(self.theme.charset);
        let mut pen = canvas.row(area, usize::from(area.height.saturating_sub(1)));
        pen.before_end(cells).put(&words, Theme::chosen());
    }
}

/// What the lines of a conversation are drawn with.
struct Paper<'a> {
    here: &'a Conversation,
    theme: Theme,
    zone: &'a Zone,
    found: Option<(&'a str, Option<u64>)>,
    gutter: usize,
    is_bare: bool,
    is_narrow: bool,
}

impl Paper<'_> {
    fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, row: usize, line: Line) {
        match line {
            Line::Day(day) => self.rule(canvas, area, row, &day.words()),
            Line::New => self.rule(canvas, area, row, &"new".into()),
            Line::Failure { entry } => {
                let failure = self.here.log.get(entry).and_then(Entry::failure);
                // To whom nothing can be said, nothing is sent again.
                let failure = match self.here.blocked() {
                    None => failure.map(|words| words + " - /retry sends it again"),
                    Some(_) => failure,
                };
                let mut pen = canvas.row(area, row);
                pen.field("", self.gutter, Style::new());
                pen.put(&failure.unwrap_or_default(), self.theme.alarm());
            }
            Line::Text {
                entry: number,
                row: of_text,
            } => {
                let Some(entry) = self.here.log.get(number) else {
                    return;
                };
                let mut pen = canvas.row(area, row);
                if of_text == 0 && !self.is_bare {
                    self.lead(&mut pen, entry);
                } else {
                    pen.field("", self.gutter, Style::new());
                }
                if let Some(range) = entry.row(of_text) {
                    self.text(&mut pen, number, entry, range);
                }
                if self.here.selected == Some(number) {
                    let row = u16::try_from(row).unwrap_or(u16::MAX);
                    canvas.style_row(area, row, Theme::chosen());
                }
            }
        }
    }

    /// A rule with words in its middle.
    fn rule(&self, canvas: &mut Canvas<'_>, area: Rect, row: usize, words: &Safe) {
        let words = Safe::from(" ") + words + " ";
        let cells = Piece::from(&words).cells(self.theme.charset);
        let mut pen = canvas.row(area, row);
        let before = pen.left().saturating_sub(cells) / 2;
        let until = pen.left() - before.min(pen.left());
        let rule = self.theme.glyphs.rule;
        pen.fill(rule, until).plain(&words).fill(rule, 0);
    }

    /// Time, receipt and name; on a narrow screen the receipt alone, or a mark of who.
    fn lead(&self, pen: &mut Pen<'_, '_>, entry: &Entry) {
        let plain = Style::new();
        let (name, style) = self.author(entry);
        let (receipt, receipt_style) = self.receipt(entry);
        if self.is_narrow {
            let is_ours = matches!(entry.kind, Kind::Ours(..));
            let mark = if is_ours {
                Piece::from(receipt)
            } else {
                Piece::from(&name)
            };
            let style = if is_ours { receipt_style } else { style };
            pen.field(mark, RECEIPT, style).plain(" ");
            return;
        }
        pen.field(&self.zone.at(entry.at).clock(), TIME, plain)
            .plain(" ");
        pen.field(receipt, RECEIPT, receipt_style).plain(" ");
        pen.field(&name, NAME, style).plain(" ");
    }

    fn author(&self, entry: &Entry) -> (Safe, Style) {
        match entry.kind {
            Kind::Theirs => (self.here.name.clone(), self.theme.name(&self.here.peer)),
            Kind::Ours(..) => ("me".into(), Theme::strong()),
            Kind::Note | Kind::Older | Kind::Gap | Kind::Deleted => ("*".into(), Style::new()),
        }
    }

    fn receipt(&self, entry: &Entry) -> (&'static str, Style) {
        let glyphs = &self.theme.glyphs;
        let plain = Style::new();
        match &entry.kind {
            Kind::Ours(Receipt::Queued, _) => (glyphs.queued, plain),
            Kind::Ours(Receipt::Sent, _) => (glyphs.sent, plain),
            Kind::Ours(Receipt::Delivered, _) => (glyphs.delivered, plain),
            Kind::Ours(Receipt::Failed(_), _) => (glyphs.failed, self.theme.alarm()),
            Kind::Theirs | Kind::Note | Kind::Older | Kind::Gap | Kind::Deleted => ("", plain),
        }
    }

    /// A row of a text: what is not its author's, and what is found, is drawn in another way.
    fn text(&self, pen: &mut Pen<'_, '_>, number: u64, entry: &Entry, row: Range<usize>) {
        let style = match &entry.kind {
            Kind::Ours(Receipt::Queued, _) => Theme::pending(),
            Kind::Ours(..)
            | Kind::Theirs
            | Kind::Note
            | Kind::Older
            | Kind::Gap
            | Kind::Deleted => Style::new(),
        };
        let found = match self.found {
            Some((part, at)) if entry.is_message() => {
                let style = if at == Some(number) {
                    Theme::chosen().patch(Theme::strong())
                } else {
                    Theme::chosen()
                };
                let found = search::matches(entry.text.as_str(), part);
                found.into_iter().map(|range| (range, style)).collect()
            }
            Some(_) | None => Vec::new(),
        };
        let marks = entry.marks_in(&row).iter();
        let marks = marks.map(|mark| (mark.clone(), Theme::chosen()));
        let mut special: Vec<(Range<usize>, Style)> = marks.chain(found).collect();
        special.sort_by_key(|(range, _)| range.start);
        let mut at = row.start;
        for (range, of_range) in special {
            let (start, end) = (range.start.clamp(at, row.end), range.end.clamp(at, row.end));
            pen.put(Piece::of(&entry.text, at..start), style);
            pen.put(Piece::of(&entry.text, start..end), style.patch(of_range));
            at = end;
        }
        pen.put(Piece::of(&entry.text, at..row.end), style);
    }
}
