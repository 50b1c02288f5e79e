//! Notifications: how often, and how much in one.

use core::time::Duration;

use crate::text::{Charset, Safe, safe_line};
use crate::time::Instant;
use crate::tui::{Discretion, Notice, wrap};

/// From one notification to the next.
const PAUSE: Duration = Duration::from_secs(1);
/// Cells of a message that a notification has; desktops show no more.
const CELLS: usize = 120;
/// Characters of it that are looked at for them.
const CHARS: usize = 4 * CELLS;

/// When it was rung, and for how many messages it was not.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Option<Instant>,
    held: usize,
}

impl Bell {
    /// Whether a message may ring now; one that may not is counted.
    pub(crate) fn rings(&mut self, now: Instant) -> bool {
        let may = self.held == 0 && self.is_ready(now);
        if may {
            self.rung = Some(now);
        } else {
            self.held += 1;
        }
        may
    }

    /// How many messages it is to be rung for that came too soon after another, if it is time.
    pub(crate) fn due(&mut self, now: Instant) -> Option<usize> {
        if self.held == 0 || !self.is_ready(now) {
            return None;
        }
        self.rung = Some(now);
        Some(core::mem::take(&mut self.held))
    }

    /// Somebody has looked meanwhile.
    pub(crate) const fn hush(&mut self) {
        self.held = 0;
    }

    fn is_ready(&self, now: Instant) -> bool {
        self.rung
            .is_none_or(|rung| now.saturating_since(rung) >= PAUSE)
    }
}

impl Discretion {
    /// What calls a person with these words, if there may be any; `rings`: whether the bell is wanted.
    pub(crate) fn notice(self, words: Safe, rings: bool) -> Option<Notice> {
        let words = match self {
            Self::Off => return None,
            Self::Bell => None,
            Self::Sender | Self::Full => Some(words),
        };
        Some(Notice { words, rings })
    }

    /// What may be told of a message, if anything may; none is its text if it is unreadable, and `more` stands behind one that
    /// goes on.
    pub(crate) fn message(self, from: &Safe, text: Option<&str>, more: &'static str) -> Safe {
        let from = Safe::from("message from ") + from;
        match self {
            Self::Off | Self::Bell | Self::Sender => from,
            Self::Full => from + ": " + beginning(text.unwrap_or("[unreadable message]"), more),
        }
    }
}

/// What is told of messages that came too soon after one that was told of.
pub(crate) fn more_messages(held: usize) -> Safe {
    let noun = if held == 1 { " message" } else { " messages" };
    Safe::from(held) + " more" + noun
}

/// The beginning of a message, with `more` behind it if it goes on.
fn beginning(text: &str, more: &'static str) -> Safe {
    let start: String = text.chars().take(CHARS).collect();
    let line = safe_line(&start);
    let fitting = wrap::fitting(line.as_str(), CELLS, Charset::Utf8);
    if start.len() == text.len() && fitting.len() == line.as_str().len() {
        return line;
    }
    safe_line(fitting) + more
}
