//! What was typed before, newest last.

/// Lines that are remembered.
const MAX_LINES: usize = 500;

/// The lines, and where in them somebody stands who looks through them.
#[derive(Debug, Default)]
pub(super) struct History {
    lines: Vec<String>,
    /// The line that is shown, and what was being written before that.
    shown: Option<(usize, String)>,
}

impl History {
    pub(super) fn push(&mut self, line: &str) {
        self.shown = None;
        if self.lines.last().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == MAX_LINES {
            self.lines.remove(0);
        }
        self.lines.push(line.to_owned());
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
        self.lines.get(at).map(String::as_str)
    }

    /// The line after the one that is shown; at the end what was being written.
    pub(super) fn newer(&mut self) -> Option<String> {
        let (at, written) = self.shown.take()?;
        match self.lines.get(at + 1) {
            Some(line) => {
                self.shown = Some((at + 1, written));
                Some(line.clone())
            }
            None => Some(written),
        }
    }

    /// The `skip`th line from the end that contains `part`.
    pub(super) fn find(&self, part: &str, skip: usize) -> Option<&str> {
        let found = self.lines.iter().rev().filter(|line| line.contains(part));
        found.map(String::as_str).nth(skip)
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
            history.push(line);
        }
        assert_eq!(history.older("draft"), Some("two"));
        assert_eq!(history.older("two"), Some("one"));
        assert_eq!(history.older("one"), Some("one"));
        assert_eq!(history.newer().as_deref(), Some("two"));
        assert_eq!(history.newer().as_deref(), Some("draft"));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn lines_are_found_from_the_end() {
        let mut history = History::default();
        for line in ["go bob", "say", "go carol"] {
            history.push(line);
        }
        assert_eq!(history.find("go", 0), Some("go carol"));
        assert_eq!(history.find("go", 1), Some("go bob"));
        assert_eq!(history.find("go", 2), None);
    }
}
