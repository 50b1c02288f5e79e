//! The list of conversations beside one, on a wide screen.

use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use crate::text::Safe;
use crate::tui::app::App;
use crate::tui::input::Standing;
use crate::tui::paint::{Canvas, Piece};
use crate::tui::theme::Theme;

impl App {
    pub(super) fn draw_list(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let here = self.open().position(|(at, _)| Some(at) == self.active);
        let height = usize::from(area.height);
        let skipped = here.unwrap_or(0).saturating_sub(height.saturating_sub(1));
        for (row, (at, it)) in self.open().skip(skipped).take(height).enumerate() {
            let is_here = Some(at) == self.active;
            let style = if is_here {
                Theme::chosen()
            } else {
                Style::new()
            };
            // A word too: what stands and what does not is told by no colour.
            let mark = if it.standing == Standing::Up {
                "* "
            } else {
                "  "
            };
            let count = match it.unread() {
                0 => Safe::default(),
                unread => Safe::from(" +") + unread,
            };
            let cells = Piece::from(&count).cells(self.theme.charset);
            let width = usize::from(area.width).saturating_sub(2 + cells + 1);
            let mut pen = canvas.row(area, row);
            pen.put(mark, style)
                .field(&it.name, width, style)
                .put(&count, style);
        }
    }
}
