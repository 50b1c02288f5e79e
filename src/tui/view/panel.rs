//! What covers a conversation for a while: help, the switcher, a question.

use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use core::ops::Range;

use crate::text::{Safe, safe_line};
use crate::tui::app::{App, Found, Mode};
use crate::tui::keys::Bind;
use crate::tui::paint::Canvas;
use crate::tui::theme::Theme;
use crate::tui::wrap::{self, Break};

/// A panel: a title, and lines of which some may be chosen.
struct Panel {
    title: Safe,
    lines: Vec<Safe>,
    chosen: Range<usize>,
    above: usize,
}

impl App {
    pub(super) fn draw_panel(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(panel) = self.panel(usize::from(area.height)) else {
            return;
        };
        for row in 0..usize::from(area.height) {
            canvas.row(area, row).fill(" ", 0);
        }
        let rule = self.theme.glyphs.rule;
        let mut pen = canvas.row(area, 0);
        pen.plain(rule)
            .plain(" ")
            .put(&panel.title, Theme::strong());
        pen.plain(" ").fill(rule, 0);
        let shown = panel.lines.iter().enumerate().skip(panel.above);
        for (row, (number, line)) in (1..usize::from(area.height)).zip(shown) {
            let style = if panel.chosen.contains(&number) {
                Theme::chosen()
            } else {
                Style::new()
            };
            canvas.row(area, row).plain(" ").put(line, style);
        }
    }

    fn panel(&self, height: usize) -> Option<Panel> {
        if let Mode::Panel { title, above, .. } = &self.mode {
            Some(Panel {
                title: Safe::from(*title) + self.panel_keys(),
                lines: self.panel_rows(),
                chosen: 0..0,
                above: *above,
            })
        } else if let Mode::Found(found) = &self.mode {
            Some(self.found_panel(found, height))
        } else if let Mode::Switcher { chosen, .. } = &self.mode {
            Some(self.switcher(*chosen, height))
        } else {
            None
        }
    }

    /// The lines of a text of ours, broken where the screen ends.
    pub(in crate::tui) fn panel_rows(&self) -> Vec<Safe> {
        let Mode::Panel { lines, .. } = &self.mode else {
            return Vec::new();
        };
        self.rows_of(lines)
    }

    /// Lines of ours, broken where the screen ends.
    pub(in crate::tui) fn rows_of(&self, lines: &[Safe]) -> Vec<Safe> {
        let width = usize::from(self.size.0).saturating_sub(2);
        let broken = |line: &Safe| {
            let rows = wrap::rows(line.as_str(), width, Break::Words, self.theme.charset);
            let row = |range| safe_line(line.as_str().get(range).unwrap_or(""));
            rows.into_iter().map(row).collect::<Vec<_>>()
        };
        lines.iter().flat_map(broken).collect()
    }

    /// What was found, newest first, with the chosen one in the middle.
    fn found_panel(&self, found: &Found, height: usize) -> Panel {
        let (mut lines, mut chosen) = (Vec::new(), 0..0);
        for (number, hit) in found.hits.iter().enumerate() {
            let start = lines.len();
            lines.extend(self.rows_of(&hit.lines));
            if number == found.chosen {
                chosen = start..lines.len();
            }
        }
        lines.extend(self.rows_of(&found.sum));
        Panel {
            title: Safe::from("found - ")
                + self.send_key()
                + " goes there, "
                + self.escape_key()
                + " closes",
            above: above(&lines, chosen.start, height),
            lines,
            chosen,
        }
    }

    /// ` - Esc closes, PgUp PgDn scroll`
    fn panel_keys(&self) -> Safe {
        let close = Safe::from(" - ") + self.escape_key() + " closes";
        let keys = &self.settings.keys;
        let scroll = [Bind::PageUp, Bind::PageDown].map(|bind| keys.label(bind));
        match scroll {
            [Some(up), Some(down)] => close + ", " + up + " " + down + " scroll",
            _ => close,
        }
    }

    /// The conversations to choose from, with the chosen one in the middle.
    fn switcher(&self, chosen: usize, height: usize) -> Panel {
        let found = self.switchable();
        let line = |at: usize| {
            let it = self.conversations.get(at)?;
            let words = it.name.clone() + " " + self.label(it).0;
            Some(match it.unread() {
                0 => words,
                unread => words + " +" + unread,
            })
        };
        let lines: Vec<Safe> = found.into_iter().filter_map(line).collect();
        Panel {
            title: Safe::from("go to - ")
                + self.send_key()
                + " goes, "
                + self.escape_key()
                + " stays",
            above: above(&lines, chosen, height),
            lines,
            chosen: chosen..chosen + 1,
        }
    }
}

/// How many lines are above a panel of so many rows that has the chosen one in its middle.
fn above(lines: &[Safe], chosen: usize, height: usize) -> usize {
    let rows = height.saturating_sub(1);
    let most = lines.len().saturating_sub(rows);
    chosen.saturating_sub(rows / 2).min(most)
}
