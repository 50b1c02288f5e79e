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

/// A tab: which conversation, what stands there, from which cell on and up to which, and what was not seen in it.
struct Tab {
    at: usize,
    words: Safe,
    x: usize,
    end: usize,
    unread: usize,
}

/// The tabs that fit, the cells that they have, and what stands behind them.
struct Row {
    tabs: Vec<Tab>,
    width: usize,
    tail: Option<Safe>,
}

impl App {
    pub(super) fn draw_tabs(&self, canvas: &mut Canvas<'_>, area: Rect) {
        self.warn_of_logged_keys(canvas, area);
        let area = self.place_of_tabs(area);
        let row = self.row_of_tabs(usize::from(area.width));
        let width = u16::try_from(row.width).unwrap_or(area.width);
        let mut pen = canvas.row(Rect { width, ..area }, 0);
        for tab in row.tabs {
            let is_here = self.active == Some(tab.at);
            let style = if is_here {
                Theme::chosen()
            } else {
                Style::new()
            };
            pen.plain(" ").put(&tab.words, style);
        }
        if let Some(tail) = row.tail {
            let cells = self.cells(&tail);
            canvas.row(area, 0).before_end(cells).plain(&tail);
        }
    }

    /// What stands in the row: behind the tabs the key for help, if it fits. If not all of them do, there is room left for
    /// what was not seen in the others.
    fn row_of_tabs(&self, width: usize) -> Row {
        let is_logged = self.settings.keys_are_logged;
        let help = self.key(Bind::Help, "/help") + " help ";
        let help = (!is_logged).then_some(help);
        let all = self.tabs(usize::MAX);
        let (used, unread) = (
            all.last().map_or(0, |tab| tab.end),
            all.iter().map(|tab| tab.unread).sum(),
        );
        if used <= width {
            let tail = help.filter(|help| used + self.cells(help) < width);
            return Row {
                tabs: all,
                width,
                tail,
            };
        }
        let most = self.unread_elsewhere(unread);
        let longest = help.iter().chain([&most]).map(|it| self.cells(it)).max();
        // On the narrowest screen the name of who is written to stands alone.
        let room = longest.filter(|cells| *cells <= width / 2).unwrap_or(0);
        let width = width - room;
        let tabs = self.tabs(width);
        let seen: usize = (tabs.iter().filter(|tab| tab.end <= width))
            .map(|tab| tab.unread)
            .sum();
        let tail = match unread - seen {
            0 => help,
            hidden => Some(self.unread_elsewhere(hidden)),
        };
        let tail = tail.filter(|_| room > 0);
        Row { tabs, width, tail }
    }

    /// What was not seen in conversations whose tabs are not on the screen, and the key that goes there.
    fn unread_elsewhere(&self, unread: usize) -> Safe {
        let words = Safe::from(" +") + unread + " unread";
        let key = self.settings.keys.label(Bind::NextUnread);
        words + key.map_or_else(Safe::default, |key| Safe::from(": ") + key) + " "
    }

    fn cells(&self, words: &Safe) -> usize {
        Piece::from(words).cells(self.theme.charset)
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
        let all: Vec<(usize, Safe, usize)> = (1_usize..)
            .zip(self.open())
            .map(|(number, (at, it))| (at, self.tab_words(number, it), it.unread()))
            .collect();
        let here = all.iter().position(|(at, ..)| Some(*at) == self.active);
        let here = here.unwrap_or(0);
        let mut first = 0;
        let upto = |first: usize| -> usize {
            let shown = all.iter().take(here + 1).skip(first);
            shown.map(|(_, words, _)| self.cells(words) + 1).sum()
        };
        while first < here && upto(first) > width {
            first += 1;
        }
        let mut x = 1;
        let mut tabs = Vec::new();
        for (at, words, unread) in all.into_iter().skip(first) {
            let end = x + self.cells(&words);
            tabs.push(Tab {
                at,
                words,
                x,
                end,
                unread,
            });
            x = end + 1;
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
    let row = app.row_of_tabs(usize::from(area.width));
    let x = usize::from(x);
    let hit = |tab: &Tab| (tab.x..tab.end.min(row.width)).contains(&x);
    row.tabs.into_iter().find(hit).map(|tab| tab.at)
}
