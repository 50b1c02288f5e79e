//! The type that says "this may be shown", and how sentences are put together from it.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::ops::Add;
use std::path::Path;

use super::body::safe_line;

/// Text that may be written to a terminal, a log, a title or a notification.
///
/// It comes from the functions of this module, from our own words (`&'static str`) and from values
/// whose text form is harmless by construction. There is no way to wrap a `String` unchecked, so
/// a sentence is composed by adding parts:
///
/// ```
/// use securechat::text::{Safe, safe_line};
/// let typed = safe_line("b\u{1b}bo");
/// assert_eq!((Safe::from("no peer called ") + typed).as_str(), "no peer called b^[bo");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Safe(String);

impl Safe {
    /// Wraps text that this module has made safe.
    pub(super) const fn new(checked: String) -> Self {
        Self(checked)
    }

    /// Our own words.
    #[must_use]
    pub fn from_static(words: &'static str) -> Self {
        Self(words.to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// All parts in a row.
    pub fn concat(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, "")
    }

    /// All parts in a row with our own words between them.
    pub fn join(parts: impl IntoIterator<Item = Self>, separator: &'static str) -> Self {
        join(&mut parts.into_iter(), separator)
    }
}

/// Compiled once, not anew for each sort of iterator.
fn join(parts: &mut dyn Iterator<Item = Safe>, separator: &str) -> Safe {
    let mut joined = String::new();
    for (position, part) in parts.enumerate() {
        if position > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&part.0);
    }
    Safe(joined)
}

impl fmt::Display for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl serde::Serialize for Safe {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl AsRef<str> for Safe {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Self>> Add<T> for Safe {
    type Output = Self;

    fn add(mut self, rhs: T) -> Self {
        self.0.push_str(&rhs.into().0);
        self
    }
}

impl From<&'static str> for Safe {
    fn from(words: &'static str) -> Self {
        Self::from_static(words)
    }
}

impl From<&Self> for Safe {
    fn from(part: &Self) -> Self {
        part.clone()
    }
}

impl From<&Path> for Safe {
    /// The path on one line; bytes that are no text show as U+FFFD.
    fn from(path: &Path) -> Self {
        safe_line(&path.to_string_lossy())
    }
}

/// Values whose `Display` form is digits, letters and ASCII punctuation only.
macro_rules! harmless {
    ($($value:ty),*) => {$(
        impl From<$value> for Safe {
            fn from(value: $value) -> Self {
                Self(value.to_string())
            }
        }
    )*};
}

harmless!(u8, u16, u32, u64, u128, usize, i32, i64, IpAddr);

impl From<SocketAddr> for Safe {
    /// A scoped address shows its zone as a number, as the standard library prints it.
    fn from(address: SocketAddr) -> Self {
        Self(address.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::safe_text;

    #[test]
    fn a_sentence_is_the_sum_of_its_parts() {
        let address: SocketAddr = "[2001:db8::1]:7419".parse().unwrap();
        let sentence = Safe::from("no answer from ")
            + &safe_text("bob\u{7}")
            + " at "
            + address
            + " after "
            + 10_u32
            + " s";
        assert_eq!(
            sentence.as_str(),
            "no answer from bob^G at [2001:db8::1]:7419 after 10 s"
        );
    }

    #[test]
    fn joins_with_own_words_between() {
        let parts = ["a", "b", "c"].map(Safe::from);
        assert_eq!(Safe::join(parts.clone(), ", ").as_str(), "a, b, c");
        assert_eq!(Safe::concat(parts).as_str(), "abc");
    }

    #[test]
    fn a_path_cannot_break_the_line() {
        let path = Path::new("/home/a\nerror: \u{202e}b/\u{1b}[2Jkey");
        assert_eq!(
            Safe::from(path).as_str(),
            "/home/a^Jerror: <U+202E>b/^[[2Jkey"
        );
    }

    #[test]
    fn padding_works_for_tables() {
        assert_eq!(format!("{:<6}|", safe_text("bob")), "bob   |");
    }
}
