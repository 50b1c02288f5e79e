//! Whether a caller is saved: its key, and all that is known of it, with the screen for themselves.
//!
//! A small screen has the same in fewer words, the key and what answers first, and scrolls what is left.

use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use crate::text::{Safe, safe_line};
use crate::tui::app::{App, Deciding};
use crate::tui::paint::Canvas;
use crate::tui::theme::Theme;
use crate::tui::view::sheet::{ROOMY, Sheet};

impl App {
    /// How many rows of the question can be above the screen.
    pub(in crate::tui) fn most_above_key(&self, deciding: &Deciding) -> usize {
        let (sheet, area) = self.deciding(deciding);
        sheet.beyond(area)
    }

    /// Whether all of the key stands on the screen.
    pub(in crate::tui) fn shows_key(&self, deciding: &Deciding) -> bool {
        let (sheet, area) = self.deciding(deciding);
        sheet.shows_compared(area, deciding.above)
    }

    pub(super) fn draw_deciding(&self, canvas: &mut Canvas<'_>, deciding: &Deciding) {
        let (sheet, area) = self.deciding(deciding);
        if sheet.is_roomy {
            let rule = self.theme.glyphs.rule;
            let mut pen = canvas.row(self.whole_place(), 0);
            pen.plain(rule).plain(" ");
            pen.put("an unknown key", Theme::strong());
            pen.plain(" ").fill(rule, 0);
        }
        sheet.draw(canvas, area, deciding.above, self.theme.glyphs.down);
    }

    /// The question, and where it stands: in whole sentences below a title if all of it has room there.
    fn deciding(&self, deciding: &Deciding) -> (Sheet, Rect) {
        let whole = self.whole_place();
        let below_title = Rect {
            y: whole.y + 1,
            height: whole.height.saturating_sub(1),
            ..whole
        };
        let sheet = |is_roomy| Sheet::new(is_roomy, self.escape_key(), self.theme.charset);
        let roomy = in_full(sheet(true), deciding);
        if whole.width >= ROOMY.0 && roomy.beyond(below_title) == 0 {
            (roomy, below_title)
        } else {
            (in_short(sheet(false), deciding), whole)
        }
    }
}

fn in_full(mut sheet: Sheet, deciding: &Deciding) -> Sheet {
    sheet.gap();
    sheet.say(question(deciding));
    sheet.gap();
    key(&mut sheet, deciding);
    sheet.gap();
    about(&mut sheet, deciding);
    sheet.gap();
    sheet.say(COMPARE);
    sheet.gap();
    let no = Safe::from("[y] yes, save it   [") + &sheet.escape + "] not now; ";
    sheet.say(no + REFUSE);
    let told = if deciding.is_too_soon { TOO_SOON } else { "" };
    sheet.put(told, Theme::strong());
    sheet
}

fn in_short(mut sheet: Sheet, deciding: &Deciding) -> Sheet {
    // Below the key nobody would see it.
    if deciding.is_too_soon {
        sheet.put("too soon; once more", Theme::strong());
    }
    key(&mut sheet, deciding);
    sheet.say(Safe::from("[y] save [") + &sheet.escape + "] no");
    about(&mut sheet, deciding);
    sheet.say(question(deciding));
    sheet.say(COMPARE);
    sheet.say(REFUSE);
    sheet
}

const COMPARE: &str = "Compare the key with its owner by another way, or it may be anybody.";
const REFUSE: &str = "/refuse sends it away";
const TOO_SOON: &str = "that came too soon to be meant; press it once more";

fn question(deciding: &Deciding) -> Safe {
    let (name, whose) = match &deciding.name {
        Some(name) => (safe_line(name), ""),
        None => (deciding.guest.ours.clone(), " (you gave no name)"),
    };
    Safe::from("Save this key as \"") + name + "\"" + whose + " and talk to it?"
}

fn key(sheet: &mut Sheet, deciding: &Deciding) {
    sheet.compared(core::slice::from_ref(&deciding.guest.fingerprint));
}

/// What there is to be said against the key, what it suggests, and where it is.
fn about(sheet: &mut Sheet, deciding: &Deciding) {
    let guest = &deciding.guest;
    if let Some(warning) = &guest.warning {
        sheet.put(warning.clone(), Theme::strong());
    }
    if let Some(name) = &guest.nickname {
        let words = Safe::from("it suggests to be called \"") + name + "\"";
        sheet.say(match &deciding.name {
            Some(_) => words,
            None => words + "; to take that: " + &sheet.escape + ", then /add " + name,
        });
    }
    sheet.put(Safe::from("calls from ") + guest.address, Style::new());
}
