//! A body as it arrived.

use core::str;

/// What somebody wrote: whatever the peer chose to send.
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
    fn what_is_no_text_is_counted_whole_and_not_guessed() {
        let received = |bytes: &'static [u8]| Received::from(bytes);
        assert_eq!(received("ä".as_bytes()), Received::Text("ä"));
        assert_eq!(received(&[0xff, 0xfe]), Received::Unreadable { len: 2 });
        assert_eq!(received(b"text \xff"), Received::Unreadable { len: 6 });
    }
}
