//! The QR code, which has the whole screen: it needs every row there is.

use ratatui_core::layout::Rect;

use crate::text::{Safe, safe_line};
use crate::tui::app::{App, Code};
use crate::tui::paint::Canvas;
use crate::tui::theme::Theme;
use crate::tui::view::sheet::Sheet;
use crate::tui::wrap;

impl App {
    /// Draws it over everything, or says why not.
    pub(super) fn draw_code(&self, canvas: &mut Canvas<'_>, code: &Code) {
        let all = self.whole_place();
        let title = Safe::from("your key   [I] invert  [") + self.escape_key() + "] back";
        let cells = code
            .lines
            .first()
            .map_or(0, |line| wrap::cells(line.as_str(), self.theme.charset));
        let needed = code.lines.len() + 1;
        let fits = cells <= usize::from(all.width) && needed <= usize::from(all.height);
        if !fits || self.settings.ascii {
            return self.draw_code_in_words(canvas, all, code, (cells, needed));
        }
        canvas.row(all, 0).plain(" ").put(&title, Theme::strong());
        for (row, line) in code.lines.iter().enumerate() {
            let line = if code.is_inverted {
                safe_line(&line.as_str().chars().map(inverted).collect::<String>())
            } else {
                line.clone()
            };
            canvas.row(all, row + 1).plain(&line);
        }
    }

    fn draw_code_in_words(
        &self,
        canvas: &mut Canvas<'_>,
        area: Rect,
        code: &Code,
        (cells, rows): (usize, usize),
    ) {
        let mut sheet = Sheet::new(false, self.escape_key(), self.theme.charset);
        sheet.put(sheet.back(), Theme::strong());
        if self.settings.ascii {
            sheet.say("A QR code is drawn with characters that --ascii leaves out.");
        } else {
            let words = Safe::from("The QR code needs ")
                + cells
                + "x"
                + rows
                + " cells, and this screen has ";
            sheet.say(words + area.width + "x" + area.height + ": make it larger.");
        }
        sheet.say(code.text.clone());
        let _ = sheet.draw(canvas, area, 0, self.theme.glyphs.down);
    }
}

/// Light for dark.
const fn inverted(half: char) -> char {
    match half {
        ' ' => '█',
        '█' => ' ',
        '▀' => '▄',
        '▄' => '▀',
        other => other,
    }
}
