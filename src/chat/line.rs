//! A line of text, as it was typed and as it arrived.

use core::str;

use thiserror::Error;

use crate::proto::limits::MESSAGE_MAX_LEN;

/// What a person typed: text in UTF-8, never empty, without the line break that ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

/// Why a line cannot be sent. Nothing of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LineError {
    /// There is nothing to send.
    #[error("the line is empty")]
    Empty,
    /// It is longer than any message may be.
    #[error("the line has {len} bytes, and a message has at most {MESSAGE_MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It is not UTF-8.
    #[error("the line is not text in UTF-8")]
    NotText,
}

impl Line {
    /// Takes a line as it was read, with or without its line break; at most [`MESSAGE_MAX_LEN`]
    /// bytes. `Client::send` applies the policy, which may allow less.
    ///
    /// # Errors
    /// [`LineError`]; a line that is too long is refused whole, never cut.
    pub fn compose(typed: &[u8]) -> Result<Self, LineError> {
        let typed = typed.strip_suffix(b"\n").unwrap_or(typed);
        let typed = typed.strip_suffix(b"\r").unwrap_or(typed);
        if typed.is_empty() {
            return Err(LineError::Empty);
        }
        if typed.len() > MESSAGE_MAX_LEN {
            return Err(LineError::TooLong { len: typed.len() });
        }
        let text = str::from_utf8(typed).map_err(|_| LineError::NotText)?;
        Ok(Self(text.to_owned()))
    }

    /// The bytes to send.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
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
                Line::compose(typed.as_bytes()).unwrap().into_bytes(),
                b"hello"
            );
        }
        assert_eq!(Line::compose(b"  x \n").unwrap().into_bytes(), b"  x ");
    }

    #[test]
    fn the_limit_counts_bytes_and_is_exact() {
        let mut typed = vec![b'x'; MESSAGE_MAX_LEN];
        assert!(Line::compose(&typed).is_ok());
        typed.push(b'x');
        let len = typed.len();
        assert_eq!(Line::compose(&typed), Err(LineError::TooLong { len }));
        let umlauts = "ä".repeat(MESSAGE_MAX_LEN / 2 + 1);
        assert!(Line::compose(umlauts.as_bytes()).is_err());
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
