//! What both faces do with a message of theirs or ours: copy it, quote it, tell about it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::text::Safe;

/// What is copied of a message: what its author wrote, without controls.
pub(crate) fn copied(text: &str) -> String {
    text.chars().filter(|c| is_copied(*c)).collect()
}

fn is_copied(c: char) -> bool {
    !c.is_control() || matches!(c, '\n' | '\t')
}

/// What a terminal takes for "put this into the clipboard" (OSC 52), even through ssh. It is encoded: no text
/// can end the sequence.
pub(crate) fn clipboard(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", STANDARD.encode(text))
}

/// Characters of a line that are quoted: a peer may write one of 16 MiB, and what is being written is laid out whole.
const MOST_QUOTED: usize = 200;

/// What stands before an answer to a message: its first line, or the beginning of that.
pub(crate) fn quoted(text: &str) -> String {
    let first = text.lines().next().unwrap_or("");
    let mut shown = first.chars().filter(|c| is_copied(*c));
    let line: String = shown.by_ref().take(MOST_QUOTED).collect();
    let more = if shown.next().is_some() { "..." } else { "" };
    format!("> {line}{more}\n")
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
        assert_eq!(quoted("did\r\nnot"), "> did\n");
    }

    #[test]
    fn of_a_long_line_the_beginning_is_quoted() {
        let line = |len| "\u{44f}".repeat(len);
        assert_eq!(quoted(&line(200)), format!("> {}\n", line(200)));
        assert_eq!(quoted(&line(201)), format!("> {}...\n", line(200)));
        assert_eq!(quoted(&line(8 << 20)).len(), "> ...\n".len() + 400);
        let controls = line(200) + &"\u{1b}".repeat(9);
        assert_eq!(quoted(&controls), format!("> {}\n", line(200)));
    }
}
