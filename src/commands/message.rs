//! What both faces do with a message of theirs or ours: copy it, quote it, tell about it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::text::Safe;

/// What is copied of a message: what its author wrote, without controls.
pub(crate) fn copied(text: &str) -> String {
    let is_kept = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().filter(is_kept).collect()
}

/// What a terminal takes for "put this into the clipboard" (OSC 52), even through ssh. It is encoded: no text
/// can end the sequence.
pub(crate) fn clipboard(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", STANDARD.encode(text))
}

/// What stands before an answer to a message: its first line.
pub(crate) fn quoted(text: &str) -> String {
    let text = copied(text);
    let first = text.lines().next().unwrap_or("");
    format!("> {first}\n")
}

/// What is told about a message: when it was written or came, how long it is, how it stands.
pub(crate) fn details(at: Safe, len: usize, state: Safe) -> Safe {
    at + "  " + len + " bytes  " + state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_cannot_leave_the_sequence_that_it_is_in() {
        let hostile = "a\u{7}\u{1b}]0;owned\u{9c}\nb\tc";
        let text = copied(hostile);
        assert_eq!(text, "a]0;owned\nb\tc");
        for text in [hostile, text.as_str()] {
            let sequence = clipboard(text);
            let encoded = sequence.strip_prefix("\u{1b}]52;c;").unwrap();
            let encoded = encoded.strip_suffix('\u{7}').unwrap();
            assert!(!encoded.contains(char::is_control), "{encoded:?}");
            assert_eq!(STANDARD.decode(encoded).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn the_first_line_is_quoted_without_controls() {
        assert_eq!(quoted("did\u{1b}[2J it?\nor not"), "> did[2J it?\n");
        assert_eq!(quoted(""), "> \n");
    }
}
