//! What was typed before, newest last.

use core::ops::Range;

use crate::time::UnixTime;

/// Lines that are remembered.
const MAX_LINES: usize = 500;

/// Bytes of all of them, or those of the newest alone: as much as one message may have.
const MAX_LEN: usize = 16 << 20;

/// The lines, and where in them somebody stands who looks through them.
#[derive(Debug, Default)]
pub(super) struct History {
    lines: Vec<Past>,
    /// The line that is shown, and what was being written before that.
    shown: Option<(usize, String)>,
}

/// A line, and when it was typed last.
#[derive(Debug)]
struct Past {
    line: String,
    at: UnixTime,
}

/// Lines that are remembered no longer.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    pub(super) lines: Vec<String>,
    /// What was being written before one of them was shown, if one was.
    pub(super) written: Option<String>,
}

impl History {
    pub(super) fn push(&mut self, line: &str, at: UnixTime) {
        self.shown = None;
        if let Some(last) = self.lines.last_mut().filter(|last| last.line == line) {
            last.at = at;
            return;
        }
        let line = line.to_owned();
        self.lines.push(Past { line, at });
        self.make_room();
    }

    /// Forgets the oldest lines, as far as there are too many or they are too long.
    fn make_room(&mut self) {
        let mut len = 0;
        let newest = self.lines.iter().rev().take(MAX_LINES);
        let fits = newest.take_while(|past| {
            len += past.line.len();
            len <= MAX_LEN
        });
        let kept = fits.count().max(1);
        self.lines.drain(..self.lines.len() - kept);
    }

    /// Takes lines away.
    pub(super) fn forget(&mut self, goes: impl Fn(&str, UnixTime) -> bool) -> Forgotten {
        let mut forgotten = Forgotten::default();
        let shown = self.shown.take();
        let (mut index, mut left) = (0, 0);
        let mut shown_at = None;
        self.lines.retain(|past| {
            let stays = !goes(&past.line, past.at);
            if stays {
                if shown.as_ref().is_some_and(|(at, _)| *at == index) {
                    shown_at = Some(left);
                }
                left += 1;
            } else {
                forgotten.lines.push(past.line.clone());
            }
            index += 1;
            stays
        });
        match (shown, shown_at) {
            (Some((_, written)), Some(at)) => self.shown = Some((at, written)),
            (shown, _) => forgotten.written = shown.map(|(_, written)| written),
        }
        forgotten
    }

    /// Takes what `find` finds out of what was being written before a line was shown.
    pub(super) fn forget_written(&mut self, find: impl Fn(&str) -> Option<Range<usize>>) {
        if let Some((_, written)) = &mut self.shown {
            while let Some(range) = find(written).filter(|it| !it.is_empty()) {
                written.drain(range);
            }
        }
    }

    /// What was being written before a line that is no longer remembered: it comes back as if that were the newest.
    pub(super) fn keep_written(&mut self, written: String) {
        self.shown = Some((self.lines.len(), written));
    }

    /// The line before the one that is shown; `written` comes back at the other end.
    pub(super) fn older(&mut self, written: &str) -> Option<&str> {
        let (at, written) = match self.shown.take() {
            None => (self.lines.len(), written.to_owned()),
            Some(shown) => shown,
        };
        if at == 0 && self.lines.is_empty() {
            return None;
        }
        let at = at.saturating_sub(1);
        self.shown = Some((at, written));
        self.lines.get(at).map(|past| past.line.as_str())
    }

    /// The line after the one that is shown; at the end what was being written.
    pub(super) fn newer(&mut self) -> Option<String> {
        let (at, written) = self.shown.take()?;
        match self.lines.get(at + 1) {
            Some(past) => {
                self.shown = Some((at + 1, written));
                Some(past.line.clone())
            }
            None => Some(written),
        }
    }

    /// The `skip`th line from the end that contains `part`.
    pub(super) fn find(&self, part: &str, skip: usize) -> Option<&str> {
        let newest = self.lines.iter().rev().map(|past| past.line.as_str());
        newest.filter(|line| line.contains(part)).nth(skip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_leads_to_what_was_being_written() {
        let mut history = History::default();
        assert_eq!(history.older("draft"), None);
        for line in ["one", "two", "two"] {
            history.push(line, UnixTime(0));
        }
        assert_eq!(history.older("draft"), Some("two"));
        assert_eq!(history.older("two"), Some("one"));
        assert_eq!(history.older("one"), Some("one"));
        assert_eq!(history.newer().as_deref(), Some("two"));
        assert_eq!(history.newer().as_deref(), Some("draft"));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn lines_have_a_bound_in_bytes_and_the_newest_is_always_remembered() {
        let mut history = History::default();
        for line in ["a", "b", "c"] {
            history.push(&line.repeat(MAX_LEN / 2), UnixTime(0));
        }
        let held = |history: &History| history.lines.iter().map(|past| past.line.len()).sum();
        assert_eq!((history.lines.len(), held(&history)), (2, MAX_LEN));
        history.push(&"d".repeat(MAX_LEN + 1), UnixTime(0));
        assert_eq!(history.lines.len(), 1);
        assert!(history.find("d", 0).is_some());
        history.push("e", UnixTime(0));
        assert_eq!(history.lines.len(), 1);
    }

    #[test]
    fn lines_are_found_from_the_end() {
        let mut history = History::default();
        for line in ["go bob", "say", "go carol"] {
            history.push(line, UnixTime(0));
        }
        assert_eq!(history.find("go", 0), Some("go carol"));
        assert_eq!(history.find("go", 1), Some("go bob"));
        assert_eq!(history.find("go", 2), None);
    }

    #[test]
    fn whoever_looks_through_them_stays_where_he_is_when_others_go() {
        let mut history = History::default();
        for (line, at) in [("one", 1), ("two", 2), ("three", 3), ("four", 4)] {
            history.push(line, UnixTime(at));
        }
        history.older("draft");
        assert_eq!(history.older("four"), Some("three"));
        let forgotten = history.forget(|_, at| at < UnixTime(3));
        assert_eq!(forgotten.lines, ["one", "two"]);
        assert_eq!(forgotten.written, None);
        assert_eq!(history.older("three"), Some("three"), "it is the oldest");
        let forgotten = history.forget(|line, _| line == "three");
        assert_eq!(forgotten.written.as_deref(), Some("draft"));
        assert_eq!(history.older("draft"), Some("four"));
        assert_eq!(history.newer().as_deref(), Some("draft"));
    }
}
