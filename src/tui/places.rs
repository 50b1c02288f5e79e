//! Where things are on the screen.

use ratatui_core::layout::Rect;

use crate::tui::app::App;
use crate::tui::conversation::Window;
use crate::tui::entry::Shape;
use crate::tui::wrap::Break;

/// Columns without which nothing but a line that says so is drawn.
pub const MIN_WIDTH: u16 = 20;
/// Rows, likewise.
pub const MIN_HEIGHT: u16 = 6;
/// Columns from which on the list of conversations can be shown.
pub(super) const LIST_FROM: u16 = 100;
const LIST_WIDTH: u16 = 22;
/// Columns below which the gutter loses time and name.
pub(super) const NARROW: u16 = 60;
/// Rows that what is being written grows to.
const MAX_INPUT: usize = 6;
/// Rows that are there besides: top, one of the conversation, rule, tabs.
const OTHERS: u16 = 4;
/// What stands before what is being written.
pub(super) const PROMPT: &str = "> ";

/// Cells of the gutter before a text: time, receipt, name, with a blank after each.
pub(super) const GUTTER: usize = TIME + 1 + RECEIPT + 1 + NAME + 1;
pub(super) const TIME: usize = 5;
pub(super) const RECEIPT: usize = 2;
pub(super) const NAME: usize = 8;
/// On a narrow screen: receipt and a blank.
pub(super) const NARROW_GUTTER: usize = RECEIPT + 1;

/// The parts of the screen, from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) top: Rect,
    pub(super) list: Option<Rect>,
    /// While nobody is known.
    pub(super) guide: Option<Rect>,
    pub(super) log: Rect,
    pub(super) rule: Rect,
    pub(super) tabs: Rect,
    pub(super) input: Rect,
}

impl Places {
    /// None if the screen is too small.
    pub(super) fn of(app: &App) -> Option<Self> {
        let (width, height) = app.size;
        if width < MIN_WIDTH || height < MIN_HEIGHT {
            return None;
        }
        if app.is_bare {
            let warned = u16::from(app.settings.keys_are_logged);
            return Some(Self::bare(Rect::new(0, warned, width, height - warned)));
        }
        let input = app.input_rows(width).min(height - OTHERS);
        let others = height - input - (OTHERS - 2);
        // The conversation keeps at least half of what there is for both.
        let rule = app.rule_rows(width, (others / 2).max(1));
        let log = others - rule;
        let row = |y, height| Rect::new(0, y, width, height);
        let middle = row(1, log);
        let (list, log_place) = if app.has_list && width >= LIST_FROM {
            let list = Rect {
                width: LIST_WIDTH,
                ..middle
            };
            let log = Rect {
                x: LIST_WIDTH,
                width: width - LIST_WIDTH,
                ..middle
            };
            (Some(list), log)
        } else {
            (None, middle)
        };
        let (guide, log_place) = app.with_guide(log_place);
        Some(Self {
            top: row(0, 1),
            list,
            guide,
            log: log_place,
            rule: row(log + 1, rule),
            tabs: row(log + 1 + rule, 1),
            input: row(log + 2 + rule, input),
        })
    }

    /// Nothing but the conversation.
    const fn bare(log: Rect) -> Self {
        let none = Rect::new(0, 0, 0, 0);
        Self {
            top: none,
            list: None,
            guide: None,
            log,
            rule: none,
            tabs: none,
            input: none,
        }
    }
}

impl App {
    /// The place of the guide and what is left for the log: at least half.
    fn with_guide(&self, log: Rect) -> (Option<Rect>, Rect) {
        if !self.conversations.is_empty() {
            return (None, log);
        }
        let rows = u16::try_from(self.settings.guide.len() + 1).unwrap_or(u16::MAX);
        let height = rows.min(log.height / 2);
        let guide = Rect { height, ..log };
        let log = Rect {
            y: log.y + height,
            height: log.height - height,
            ..log
        };
        (Some(guide), log)
    }

    fn input_rows(&self, width: u16) -> u16 {
        let width = usize::from(width) - PROMPT.len();
        let rows = self
            .current()
            .editor
            .height(width, self.theme.charset, MAX_INPUT);
        u16::try_from(rows).unwrap_or(1)
    }

    /// The cells of a row of what is being written.
    pub(super) fn input_width(&self) -> usize {
        usize::from(self.size.0).saturating_sub(PROMPT.len())
    }

    /// The part of the screen that shows a conversation.
    pub(super) fn window(&self) -> Window {
        let log = Places::of(self).map_or_else(Rect::default, |places| places.log);
        Window {
            height: usize::from(log.height),
            shape: self.shape(log),
        }
    }

    pub(super) fn shape(&self, log: Rect) -> Shape {
        let width = usize::from(log.width);
        if self.is_bare {
            return Shape {
                width,
                charset: self.theme.charset,
                how: Break::Cells,
                has_rules: false,
            };
        }
        Shape {
            width: width.saturating_sub(self.gutter(log)),
            charset: self.theme.charset,
            how: Break::Words,
            has_rules: true,
        }
    }

    /// The cells before a text.
    pub(super) const fn gutter(&self, log: Rect) -> usize {
        if self.is_bare {
            0
        } else if log.width < NARROW {
            NARROW_GUTTER
        } else {
            GUTTER
        }
    }
}
