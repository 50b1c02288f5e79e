//! The rule below what was said, which becomes a line of words when there is something to say, or as many as it takes.

use core::time::Duration;

use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use crate::text::{Safe, count_messages};
use crate::tui::app::{App, Mode};
use crate::tui::input::Standing;
use crate::tui::link;
use crate::tui::paint::{Canvas, Piece};
use crate::tui::theme::Theme;
use crate::tui::update;
use crate::tui::wrap::{self, Break};

/// Cells before the words.
const LEAD: usize = 4;
/// There is no way back from it, and the other side keeps its own.
const DELETE: &str = "delete here for good?";
/// How to answer somebody who calls; before it is said that somebody does where the screen is narrow.
const DECIDE: &str = ": /add NAME or /refuse";
const DECIDE_FIRST: &str = "/add or /refuse: ";
/// As long as it takes to read an answer: then it gives way to news.
const FRESH: Duration = Duration::from_secs(10);

/// Rows that it takes at most for words that do not fit on one.
const MAX_ROWS: usize = 4;

/// What stands on the rule.
struct Words {
    words: Safe,
    style: Style,
    /// Whether it takes more rows for them. What comes and goes with each letter that is typed does not.
    may_grow: bool,
}

impl Words {
    const fn new(words: Safe, style: Style) -> Self {
        Self {
            words,
            style,
            may_grow: true,
        }
    }
}

impl App {
    pub(super) fn draw_rule(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let rule = self.theme.glyphs.rule;
        let Some(words) = self.words(words_cells(area.width)) else {
            canvas.row(area, 0).fill(rule, 0);
            return;
        };
        let rows = self.broken(&words, area.width, area.height.into());
        for (at, row) in rows.iter().enumerate() {
            let mut pen = canvas.row(area, at);
            if at == 0 {
                pen.plain(rule).plain(rule).plain(rule).plain(" ");
            } else {
                pen.field("", LEAD, Style::new());
            }
            pen.put(row, words.style);
            if pen.left() > 0 {
                pen.plain(" ").fill(rule, 0);
            }
        }
    }

    /// Rows of the rule, of which there may be so many: all of what is said there is to be read.
    pub(in crate::tui) fn rule_rows(&self, width: u16, most: u16) -> u16 {
        let rows = self.words(words_cells(width)).map_or(1, |words| {
            self.broken(&words, width, usize::from(most).min(MAX_ROWS))
                .len()
        });
        u16::try_from(rows).unwrap_or(1)
    }

    /// The words on at most so many rows, and at least one. What has no room is cut.
    fn broken(&self, words: &Words, width: u16, most: usize) -> Vec<Safe> {
        let (cells, charset) = (words_cells(width), self.theme.charset);
        let text = words.words.as_str();
        let most = if words.may_grow { most.max(1) } else { 1 };
        let rows = wrap::rows(text, cells, Break::Words, charset);
        let shown = rows.iter().take(most).enumerate();
        shown
            .map(|(at, row)| {
                if at + 1 < most || rows.len() <= most {
                    return Piece::of(&words.words, row.clone()).to_safe();
                }
                let rest = Piece::of(&words.words, row.start..text.len());
                self.cut(&rest.to_safe(), cells)
            })
            .collect()
    }

    /// The beginning of the words that fits, with a sign that they go on.
    pub(super) fn cut(&self, words: &Safe, cells: usize) -> Safe {
        if self.has_room(words, cells) {
            return words.clone();
        }
        let charset = self.theme.charset;
        let more = self.theme.glyphs.more;
        let room = cells.saturating_sub(wrap::cells(more, charset));
        let fitting = wrap::fitting(words.as_str(), room, charset);
        crate::text::safe_line(fitting) + more
    }

    /// What there is to say, the most urgent first: a question, an answer to the last key, what is being typed, who waits,
    /// why nothing gets through. An answer that has stood for a while gives way to whoever waits, and to trouble: both
    /// come while nobody presses a key.
    fn words(&self, cells: usize) -> Option<Words> {
        let plain = Style::new();
        if let Some(question) = self.question(cells) {
            return Some(Words::new(question, Theme::strong()));
        }
        let news = self.news(cells);
        if let Some(words) = self.answer(news.is_some()) {
            return Some(Words::new(words, plain));
        }
        if let Some((words, is_whole)) = self.suggestion() {
            return Some(Words {
                may_grow: is_whole,
                ..Words::new(words, plain)
            });
        }
        news.map(|(words, style)| Words::new(words, style))
    }

    /// What was said to the last key, as long as that is true; not for ever where there is something else to say.
    fn answer(&self, has_news: bool) -> Option<Safe> {
        let (saying, now) = (self.notice.as_ref()?, self.now.instant);
        let is_true = saying.until.is_none_or(|until| now < until);
        let is_fresh = now.saturating_since(saying.at) < FRESH;
        (is_true && (is_fresh || !has_news)).then(|| saying.words.clone())
    }

    /// Who waits, or why nothing gets through. From where somebody calls is left out where not all of it has room: whoever
    /// can call takes no row from a conversation by that.
    fn news(&self, cells: usize) -> Option<(Safe, Style)> {
        if let Some(guest) = self.guests.front() {
            let (who, first) = match self.guests.len() {
                1 => (Safe::from("an unknown key calls"), " from "),
                several => (
                    Safe::from(several) + " unknown keys call",
                    ", the first from ",
                ),
            };
            let words = who.clone() + first + guest.address + DECIDE;
            let forms = [words, who.clone() + DECIDE];
            let fits = forms.into_iter().find(|it| self.has_room(it, cells));
            let words = fits.unwrap_or_else(|| Safe::from(DECIDE_FIRST) + who);
            return Some((words, Theme::strong()));
        }
        self.obstacle().map(|words| (words, Style::new()))
    }

    /// What is asked here, with the keys that answer first where not all of it has room; what covers the conversation
    /// asks in a panel of its own.
    fn question(&self, cells: usize) -> Option<Safe> {
        let (send, escape) = (self.send_key(), self.escape_key());
        let (question, short) = if let Mode::Pasted { lines, .. } = &self.mode {
            let lines = Safe::from(*lines) + " lines";
            let keys = send.clone() + " send, " + &escape + " edit: " + &lines;
            let words = lines + ": " + send + " send as one message, " + escape + " edit";
            (words, keys)
        } else if matches!(self.mode, Mode::Deleting { .. }) {
            let keys = Safe::from("y delete, ") + &escape + " no";
            (Safe::from(DELETE) + " y yes, " + escape + " no", keys)
        } else if let Mode::Leave { waiting, drafts } = &self.mode {
            let left = left_behind(*waiting, *drafts, self.settings.keeps);
            let keys = Safe::from("y leave, ") + &escape + " no: " + &left;
            (left + ". Leave? y yes, " + escape + " no", keys)
        } else {
            return None;
        };
        let has_room = self.has_room(&question, cells);
        Some(if has_room { question } else { short })
    }

    fn has_room(&self, words: &Safe, cells: usize) -> bool {
        wrap::cells(words.as_str(), self.theme.charset) <= cells
    }

    /// Why nothing gets through to whoever is on the screen, and what is tried.
    fn obstacle(&self) -> Option<Safe> {
        self.active?;
        let here = self.current();
        if let Some(why) = here.blocked()
            && !matches!(
                here.standing,
                Standing::KeyChanged { .. } | Standing::WordsDiffer { .. }
            )
        {
            return Some(update::blocked(why, &here.name));
        }
        let why = match &here.standing {
            Standing::Up => {
                let (link, told) = here.link.as_ref()?;
                return link::trouble(link, *told, self.now.instant);
            }
            Standing::Revoked => return None,
            Standing::Offline { why }
            | Standing::Connecting { why, .. }
            | Standing::Ended { why }
            | Standing::KeyChanged { why }
            | Standing::WordsDiffer { why } => why,
        };
        (!why.as_str().is_empty()).then(|| why.clone())
    }
}

/// The cells for words on a row of so many columns.
fn words_cells(width: u16) -> usize {
    usize::from(width).saturating_sub(LEAD)
}

/// What is not delivered, and whether that is kept, and what is written and not sent.
fn left_behind(waiting: usize, drafts: usize, keeps: bool) -> Safe {
    let verb = if waiting == 1 { " is " } else { " are " };
    let fate = if keeps {
        "kept for next time"
    } else {
        "not delivered"
    };
    let waiting = (waiting > 0).then(|| count_messages(waiting) + verb + fate);
    let drafts = match drafts {
        0 => None,
        1 => Some("1 draft is not sent".into()),
        several => Some(Safe::from(several) + " drafts are not sent"),
    };
    Safe::join(waiting.into_iter().chain(drafts), ", ")
}
