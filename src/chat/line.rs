//! A line of text, as it was typed and as it arrived.

use core::str;

use thiserror::Error;

/// A line of text as it was typed: UTF-8, not empty, without its line break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

/// Why a line cannot be sent. Nothing of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LineError {
    /// There is nothing to send.
    #[error("the line is empty")]
    Empty,
    /// It is not UTF-8.
    #[error("the line is not text in UTF-8")]
    NotText,
}

impl Line {
    /// Takes a line as it was read, with or without its line break.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn compose(typed: &[u8]) -> Result<Self, LineError> {
        let typed = typed.strip_suffix(b"\n").unwrap_or(typed);
        let typed = typed.strip_suffix(b"\r").unwrap_or(typed);
        if typed.is_empty() {
            return Err(LineError::Empty);
        }
        let text = str::from_utf8(typed).map_err(|_| LineError::NotText)?;
        Ok(Self(text.to_owned()))
    }

    /// The text to send.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// A line that arrived: whatever the peer chose to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Text; not yet safe to show.
    Text(&'a str),
    /// Bytes that are no UTF-8. Their number is shown, never a guess.
    Unreadable {
        /// How many.
        len: usize,
    },
}

impl<'a> From<&'a [u8]> for Received<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        str::from_utf8(bytes).map_or(Self::Unreadable { len: bytes.len() }, Self::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_loses_its_break_and_nothing_else() {
        for typed in ["hello", "hello\n", "hello\r\n"] {
            assert_eq!(
                Line::compose(typed.as_bytes()).unwrap().into_string(),
                "hello"
            );
        }
        assert_eq!(Line::compose(b"  x \n").unwrap().into_string(), "  x ");
    }

    #[test]
    fn what_is_no_text_is_neither_sent_nor_guessed() {
        assert_eq!(Line::compose(&[0xff, 0xfe]), Err(LineError::NotText));
        assert_eq!(Line::compose(b"\n"), Err(LineError::Empty));
        assert_eq!(
            Received::from([0xff, 0xfe].as_slice()),
            Received::Unreadable { len: 2 }
        );
    }
}
