//! Notifications of the terminal itself.

use crate::text::Safe;

/// The sequence that a terminal takes for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Osc {
    /// iTerm2's, which most of those take that take any.
    Nine,
    /// rxvt's, with a title.
    SevenSevenSeven,
    /// kitty's.
    NinetyNine,
}

impl Osc {
    /// What a terminal takes that calls itself `term`, as `TERM` does. None tells what it takes.
    #[must_use]
    pub fn of(term: &str) -> Self {
        if term.contains("kitty") {
            Self::NinetyNine
        } else if term.starts_with("rxvt") || term.starts_with("foot") {
            Self::SevenSevenSeven
        } else {
            Self::Nine
        }
    }

    /// What is written for these words. They have no controls, so that none can end the sequence; before them
    /// stands nothing that could be read as another one of the terminal's.
    pub(super) fn sequence(self, words: &Safe) -> String {
        let start = match self {
            Self::Nine => "\x1b]9;",
            Self::SevenSevenSeven => "\x1b]777;notify;securechat;",
            Self::NinetyNine => "\x1b]99;;",
        };
        format!("{start}{words}\x07")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::safe_line;

    /// jayshah5696/pi-agent-extensions#30: a text closed the sequence that it was in and opened others.
    #[test]
    fn words_cannot_leave_the_sequence_that_they_are_in() {
        let words = safe_line("message from bob: \u{7}\u{1b}\\\u{9c}\u{1b}]52;c;x");
        for (osc, start) in [
            (Osc::Nine, "\u{1b}]9;message"),
            (Osc::SevenSevenSeven, "\u{1b}]777;notify;securechat;message"),
            (Osc::NinetyNine, "\u{1b}]99;;message"),
        ] {
            let sequence = osc.sequence(&words);
            let rest = sequence.strip_prefix(start).unwrap();
            let rest = rest.strip_suffix('\u{7}').unwrap();
            assert!(!rest.contains(char::is_control), "{rest:?}");
        }
    }

    #[test]
    fn terminals_get_the_sequence_that_they_are_known_to_take() {
        assert_eq!(Osc::of("xterm-kitty"), Osc::NinetyNine);
        assert_eq!(Osc::of("rxvt-unicode-256color"), Osc::SevenSevenSeven);
        assert_eq!(Osc::of("foot"), Osc::SevenSevenSeven);
        assert_eq!(Osc::of("xterm-256color"), Osc::Nine);
        assert_eq!(Osc::of(""), Osc::Nine);
    }
}
