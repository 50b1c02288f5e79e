//! A page of words with the screen for itself: whole sentences where there is room, as few words as will do
//! elsewhere, the most important first, and scrolled where they do not fit.

use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;

use crate::text::{Charset, Safe};
use crate::tui::paint::{Canvas, Piece};
use crate::tui::theme::Theme;
use crate::tui::wrap::{self, Break};

/// Columns and rows from which on there is room for whole sentences.
pub(super) const ROOMY: (u16, u16) = (60, 17);
/// Blanks before the lines where there is room, and before what is to be compared.
const INDENT: usize = 3;
const COMPARED_INDENT: usize = 12;
/// Blanks between words that are to be read out, where there is room.
const WIDE_GAP: &str = "      ";

/// Columns of the mark where it goes on.
const MARK: usize = 2;

/// A line before it is broken.
struct Row {
    words: Safe,
    indent: usize,
    style: Style,
    /// Whether it is to be compared.
    is_compared: bool,
}

/// What is shown, from top to bottom.
pub(super) struct Sheet {
    pub(super) is_roomy: bool,
    /// The key that goes back.
    pub(super) escape: Safe,
    /// What the terminal takes.
    charset: Charset,
    rows: Vec<Row>,
    /// Which of the rows is being typed.
    typed: Option<usize>,
}

impl Sheet {
    pub(super) const fn new(is_roomy: bool, escape: Safe, charset: Charset) -> Self {
        Self {
            is_roomy,
            escape,
            charset,
            rows: Vec::new(),
            typed: None,
        }
    }

    pub(super) fn put(&mut self, words: impl Into<Safe>, style: Style) {
        let indent = if self.is_roomy { INDENT } else { 0 };
        let words = words.into();
        self.rows.push(Row {
            words,
            indent,
            style,
            is_compared: false,
        });
    }

    /// `[Esc] back`
    pub(super) fn back(&self) -> Safe {
        Safe::from("[") + &self.escape + "] back"
    }

    pub(super) fn say(&mut self, words: impl Into<Safe>) {
        self.put(words, Style::new());
    }

    /// The first where there is room, the second elsewhere.
    pub(super) fn either(&mut self, roomy: impl Into<Safe>, tight: impl Into<Safe>) {
        let words = if self.is_roomy {
            roomy.into()
        } else {
            tight.into()
        };
        self.say(words);
    }

    /// What there is no room for elsewhere.
    pub(super) fn roomy(&mut self, words: impl Into<Safe>) {
        if self.is_roomy {
            self.say(words);
        }
    }

    pub(super) fn gap(&mut self) {
        self.roomy("");
    }

    /// What is to be compared, as large as a terminal has it.
    pub(super) fn compared(&mut self, parts: &[Safe]) {
        let (indent, gap) = if self.is_roomy {
            (COMPARED_INDENT, WIDE_GAP)
        } else {
            (0, " ")
        };
        self.rows.push(Row {
            words: Safe::join(parts.iter().cloned(), gap),
            indent,
            style: Theme::strong(),
            is_compared: true,
        });
    }

    /// What is being typed, in a row of its own.
    pub(super) fn typing(&mut self, words: Safe) {
        self.typed = Some(self.rows.len());
        self.put(words, Theme::strong());
    }

    /// How many rows of it do not fit into so large an area.
    pub(super) fn beyond(&self, area: Rect) -> usize {
        let rows = self.broken(area.width).0.len();
        rows.saturating_sub(usize::from(area.height))
    }

    /// Whether what is to be compared stands whole in so large an area, without so many rows of the beginning.
    pub(super) fn shows_compared(&self, area: Rect, above: usize) -> bool {
        let broken = self.broken(area.width).0;
        let height = usize::from(area.height);
        let most = broken.len().saturating_sub(height);
        let above = above.min(most);
        let has_room = |at: usize, cells: usize| {
            // Where it goes on, a mark stands on the last row.
            let is_marked = at + 1 == above + height && above < most;
            let taken = if is_marked { MARK } else { 0 };
            (above..above + height).contains(&at) && cells + taken <= usize::from(area.width)
        };
        let compared = broken.iter().enumerate();
        let mut compared = compared.filter(|(_, (row, _))| row.is_compared);
        compared.all(|(at, (row, piece))| has_room(at, row.indent + piece.cells(self.charset)))
    }

    /// The rows as they stand on so many columns, and which of them ends what is typed.
    fn broken(&self, width: u16) -> (Vec<(&Row, Piece<'_>)>, Option<usize>) {
        let (mut broken, mut typed) = (Vec::new(), None);
        for (number, row) in self.rows.iter().enumerate() {
            let cells = usize::from(width).saturating_sub(row.indent + 1).max(1);
            for range in wrap::rows(row.words.as_str(), cells, Break::Words, self.charset) {
                broken.push((row, Piece::of(&row.words, range)));
            }
            if self.typed == Some(number) {
                typed = Some(broken.len() - 1);
            }
        }
        (broken, typed)
    }

    /// Draws it without so many rows of its beginning, and `more` where it goes on. Returns where the caret is, if
    /// something is typed.
    pub(super) fn draw(
        &self,
        canvas: &mut Canvas<'_>,
        area: Rect,
        above: usize,
        more: &'static str,
    ) -> Option<Position> {
        let height = usize::from(area.height);
        let (broken, typed) = self.broken(area.width);
        let most = broken.len().saturating_sub(height);
        let above = above.min(most);
        for (at, (row, piece)) in broken.iter().skip(above).take(height).enumerate() {
            let mut pen = canvas.row(area, at);
            pen.field("", row.indent, Style::new())
                .put(*piece, row.style);
            let is_last = at + 1 == height && above < most;
            if is_last {
                pen.before_end(MARK).plain(" ").plain(more);
            }
        }
        let at = typed?.checked_sub(above)?;
        let (row, piece) = broken.get(typed?)?;
        let x = u16::try_from(row.indent + piece.cells(self.charset)).ok()?;
        let y = u16::try_from(at).ok().filter(|y| *y < area.height)?;
        Some(Position {
            x: x.min(area.width.saturating_sub(1)),
            y: area.y + y,
        })
    }
}

/// Whether there is room for whole sentences.
pub(super) const fn is_roomy(area: Rect) -> bool {
    area.width >= ROOMY.0 && area.height >= ROOMY.1
}

/// The part between the rules.
pub(super) const fn inner(area: Rect) -> Rect {
    if !is_roomy(area) {
        return area;
    }
    Rect {
        y: area.y + 2,
        height: area.height - 3,
        ..area
    }
}
