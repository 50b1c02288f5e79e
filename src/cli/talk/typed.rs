//! The keys of a keyboard in a line that was typed.

use std::borrow::Cow;

use crate::chat::holds_secret;

/// The text of a line in which there are keys, as a terminal that edits no line sends them; none if there are none.
pub(super) fn without_keys(line: &[u8]) -> Option<String> {
    const ESCAPE: char = '\u{1b}';
    let line = String::from_utf8_lossy(line);
    let mut parts = line.split(ESCAPE);
    let mut text = parts.next().unwrap_or_default().to_owned();
    let mut has_keys = false;
    for part in parts {
        has_keys = true;
        text.push_str(behind_key(part));
    }
    has_keys.then_some(text)
}

/// A line as it is searched for secret keys: without the keys of a keyboard, unless one of them looks as if it had taken the
/// beginning of a secret one with it.
pub(super) fn searched(line: &[u8]) -> Cow<'_, str> {
    let whole = String::from_utf8_lossy(line);
    match without_keys(line) {
        Some(text) if !holds_secret(&whole) => Cow::Owned(text),
        Some(_) | None => whole,
    }
}

/// What follows a key of which the escape is read: `[1;5C`, `OP`, or nothing more.
fn behind_key(part: &str) -> &str {
    if let Some(rest) = part.strip_prefix('[') {
        let is_last = |c: char| !matches!(c, ' '..='?');
        let mut rest = rest.trim_start_matches(|c| !is_last(c)).chars();
        rest.next();
        return rest.as_str();
    }
    match part.strip_prefix('O') {
        Some(rest) => rest.strip_prefix(|c: char| c.is_ascii()).unwrap_or(rest),
        None => part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_a_terminal_sends_are_no_text() {
        for (typed, text) in [
            ("abc\u{1b}[D\u{1b}[DX", "abcX"),
            ("\u{1b}[A", ""),
            ("\u{1b}[1;5Chome\u{1b}OH", "home"),
            ("\u{1b}/quit", "/quit"),
            ("\u{1b}", ""),
            ("a\u{1b}[", "a"),
            ("a\u{1b}O", "a"),
            ("\u{1b}O\u{e9}t\u{e9}", "\u{e9}t\u{e9}"),
            ("\u{1b}[\u{e9}", ""),
        ] {
            assert_eq!(
                without_keys(typed.as_bytes()).as_deref(),
                Some(text),
                "{typed:?}"
            );
        }
        assert_eq!(without_keys(b"[A is no key"), None);
    }

    #[test]
    fn a_secret_key_is_found_among_keys_and_where_one_has_taken_its_beginning() {
        for line in [
            "\u{1b}[D-----BEGIN PRIVATE KEY-----",
            "-----BEGIN PRIV\u{1b}[DATE KEY-----",
            "\u{1b}O-----BEGIN PRIVATE KEY-----",
            "\u{1b}[-----BEGIN PRIVATE KEY-----",
        ] {
            assert!(holds_secret(&searched(line.as_bytes())), "{line:?}");
        }
        let line = b"\xff-----BEGIN PRIVATE KEY-----";
        assert!(holds_secret(&searched(line)));
        assert_eq!(searched(b"a\x1b[Db"), "ab");
    }
}
