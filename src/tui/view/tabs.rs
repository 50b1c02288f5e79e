//! The conversations in a row, with what was not seen in each.

use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;

use crate::text::Safe;
use crate::tui::app::App;
use crate::tui::conversation::Conversation;
use crate::tui::keys::Bind;
use crate::tui::paint::{Canvas, Piece};
use crate::tui::places::Places;
use crate::tui::theme::Theme;

/// What stands on every screen while keys are logged, here in the place of the help. Beside this a tab fits on the
/// narrowest screen.
pub(super) const KEYS_LOGGED: &str = "KEYS LOGGED ";

/// A tab: which conversation, what stands there, and from which cell on.
struct Tab {
    at: usize,
    words: Safe,
    x: usize,
}

impl App {
    pub(super) fn draw_tabs(&self, canvas: &mut Canvas<'_>, area: Rect) {
        self.warn_of_logged_keys(canvas, area);
        let area = self.place_of_tabs(area);
        let mut pen = canvas.row(area, 0);
        for tab in self.tabs(usize::from(area.width)) {
            let is_here = self.active == Some(tab.at);
            let style = if is_here {
                Theme::chosen()
            } else {
                Style::new()
            };
            pen.plain(" ").put(&tab.words, style);
        }
        let help = self.key(Bind::Help, "/help") + " help ";
        let cells = Piece::from(&help).cells(self.theme.charset);
        if pen.left() > cells && !self.settings.keys_are_logged {
            pen.before_end(cells).plain(&help);
        }
    }

    /// Says at the end of a row that keys are logged, if they are.
    pub(super) fn warn_of_logged_keys(&self, canvas: &mut Canvas<'_>, row: Rect) {
        if self.settings.keys_are_logged {
            let mut pen = canvas.row(row, 0);
            let cells = Piece::from(KEYS_LOGGED).cells(self.theme.charset);
            pen.before_end(cells).put(KEYS_LOGGED, self.theme.alarm());
        }
    }

    /// What the row has left for tabs.
    fn place_of_tabs(&self, row: Rect) -> Rect {
        if !self.settings.keys_are_logged {
            return row;
        }
        let cells =
            u16::try_from(Piece::from(KEYS_LOGGED).cells(self.theme.charset)).unwrap_or(u16::MAX);
        Rect {
            width: row.width.saturating_sub(cells),
            ..row
        }
    }

    /// The tabs that fit. If not all do, those before the one on the screen give way.
    fn tabs(&self, width: usize) -> Vec<Tab> {
        let all: Vec<(usize, Safe)> = (1_usize..)
            .zip(self.open())
            .map(|(number, (at, it))| (at, self.tab_words(number, it)))
            .collect();
        let here = all
            .iter()
            .position(|(at, _)| Some(*at) == self.active)
            .unwrap_or(0);
        let cells = |words: &Safe| Piece::from(words).cells(self.theme.charset) + 1;
        let mut first = 0;
        let upto = |first: usize| -> usize {
            let shown = all.iter().take(here + 1).skip(first);
            shown.map(|(_, words)| cells(words)).sum()
        };
        while first < here && upto(first) > width {
            first += 1;
        }
        let mut x = 1;
        let mut tabs = Vec::new();
        for (at, words) in all.into_iter().skip(first) {
            let next = x + cells(&words);
            tabs.push(Tab { at, words, x });
            x = next;
            if x > width {
                break;
            }
        }
        tabs
    }

    fn tab_words(&self, number: usize, here: &Conversation) -> Safe {
        let words = Safe::from("[") + number + " " + &here.name;
        match here.unread() {
            0 => words + "]",
            unread => words + " +" + unread + "]",
        }
    }
}

/// The conversation whose tab is at this cell.
pub(in crate::tui) fn tab_at(app: &App, x: u16, y: u16) -> Option<usize> {
    let area = app.place_of_tabs(Places::of(app)?.tabs);
    if app.mode.covers_tabs() || !area.contains(Position { x, y }) {
        return None;
    }
    let tabs = app.tabs(usize::from(area.width));
    let x = usize::from(x);
    let hit =
        |tab: &Tab| (tab.x..tab.x + Piece::from(&tab.words).cells(app.theme.charset)).contains(&x);
    tabs.into_iter().find(hit).map(|tab| tab.at)
}
