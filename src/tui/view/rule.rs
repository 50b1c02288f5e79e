//! The rule below what was said, which becomes a line of words when there is something to say.

use core::time::Duration;

use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use crate::text::Safe;
use crate::tui::app::{App, Mode};
use crate::tui::input::Standing;
use crate::tui::link;
use crate::tui::paint::Canvas;
use crate::tui::theme::Theme;
use crate::tui::update;
use crate::tui::wrap;

/// Cells before the words.
const LEAD: usize = 4;
/// There is no way back from it, and the other side keeps its own.
const DELETE: &str = "delete here for good?";
/// As long as it takes to read an answer: then it gives way to news.
const FRESH: Duration = Duration::from_secs(10);

impl App {
    pub(super) fn draw_rule(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let rule = self.theme.glyphs.rule;
        let mut pen = canvas.row(area, 0);
        let cells = pen.left().saturating_sub(LEAD);
        let Some((words, style)) = self.words(cells) else {
            pen.fill(rule, 0);
            return;
        };
        pen.plain(rule).plain(rule).plain(rule).plain(" ");
        let words = self.cut(&words, pen.left());
        pen.put(&words, style);
        if pen.left() > 0 {
            pen.plain(" ").fill(rule, 0);
        }
    }

    /// The beginning of the words that fits, with a sign that they go on.
    pub(super) fn cut(&self, words: &Safe, cells: usize) -> Safe {
        let charset = self.theme.charset;
        if wrap::cells(words.as_str(), charset) <= cells {
            return words.clone();
        }
        let more = self.theme.glyphs.more;
        let room = cells.saturating_sub(wrap::cells(more, charset));
        let fitting = wrap::fitting(words.as_str(), room, charset);
        crate::text::safe_line(fitting) + more
    }

    /// What there is to say, the most urgent first: a question, an answer to the last key, what is being typed, who waits,
    /// why nothing gets through. An answer that has stood for a while gives way to whoever waits, and to trouble: both
    /// come while nobody presses a key.
    fn words(&self, cells: usize) -> Option<(Safe, Style)> {
        let plain = Style::new();
        if let Some(question) = self.question(cells) {
            return Some((question, Theme::strong()));
        }
        let news = self.news();
        if let Some(words) = self.answer(news.is_some()) {
            return Some((words, plain));
        }
        if let Some(suggestion) = self.suggestion() {
            return Some((suggestion, plain));
        }
        news
    }

    /// What was said to the last key, as long as that is true; not for ever where there is something else to say.
    fn answer(&self, has_news: bool) -> Option<Safe> {
        let (saying, now) = (self.notice.as_ref()?, self.now.instant);
        let is_true = saying.until.is_none_or(|until| now < until);
        let is_fresh = now.saturating_since(saying.at) < FRESH;
        (is_true && (is_fresh || !has_news)).then(|| saying.words.clone())
    }

    /// Who waits, or why nothing gets through.
    fn news(&self) -> Option<(Safe, Style)> {
        if let Some(guest) = self.guests.front() {
            let words = match self.guests.len() {
                1 => Safe::from("an unknown key calls from "),
                several => Safe::from(several) + " unknown keys call, the first from ",
            };
            let words = words + guest.address;
            return Some((words + ": /add NAME or /refuse", Theme::strong()));
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
            let left = left_behind(*waiting, *drafts);
            let keys = Safe::from("y leave, ") + &escape + " no: " + &left;
            (left + ". Leave? y yes, " + escape + " no", keys)
        } else {
            return None;
        };
        let has_room = wrap::cells(question.as_str(), self.theme.charset) <= cells;
        Some(if has_room { question } else { short })
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

/// What is not delivered, and what is written and not sent.
fn left_behind(waiting: usize, drafts: usize) -> Safe {
    let waiting = match waiting {
        0 => None,
        1 => Some("1 message is not delivered".into()),
        several => Some(Safe::from(several) + " messages are not delivered"),
    };
    let drafts = match drafts {
        0 => None,
        1 => Some("1 draft is not sent".into()),
        several => Some(Safe::from(several) + " drafts are not sent"),
    };
    Safe::join(waiting.into_iter().chain(drafts), ", ")
}
