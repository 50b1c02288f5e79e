//! What becomes of letters at a terminal that takes no UTF-8.
//!
//! It takes each byte as a character. U+041B is D0 9B in UTF-8, and 9B begins a command where the terminal knows 8-bit
//! controls: a peer's letters would drive it.

use core::fmt::Write as _;
use std::borrow::Cow;
use std::io::{self, Stderr, Stdout};

/// What a terminal takes, as the locale says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Every character.
    #[default]
    Utf8,
    /// ASCII alone: whatever else there is shows as `<U+041B>`.
    Ascii,
}

impl Charset {
    /// Whether this character shows as its code point.
    #[must_use]
    pub const fn spells(self, c: char) -> bool {
        matches!(self, Self::Ascii) && !c.is_ascii()
    }

    /// The text as such a terminal shows it.
    #[must_use]
    pub fn shown(self, text: &str) -> Cow<'_, str> {
        if self == Self::Utf8 || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(spelled(text.as_bytes(), code_point))
    }
}

/// Writes one character in ASCII.
type Spell = fn(char, &mut String);

/// What a stream of words ends in.
pub trait Sink: io::Write {
    /// Waits until it takes more. Whoever else has it open can make it so that writing does not wait.
    ///
    /// # Errors
    /// What the system says.
    fn wait_for_room(&self) -> io::Result<()>;
}

impl Sink for Stdout {
    fn wait_for_room(&self) -> io::Result<()> {
        wait_for_room(self)
    }
}

impl Sink for Stderr {
    fn wait_for_room(&self) -> io::Result<()> {
        wait_for_room(self)
    }
}

/// A reader that has gone ends the wait, too: writing says so then.
#[cfg(unix)]
fn wait_for_room(stream: &impl rustix::fd::AsFd) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    let wait = || poll(&mut [PollFd::new(stream, PollFlags::OUT)], None);
    rustix::io::retry_on_intr(wait)?;
    Ok(())
}

/// Elsewhere nobody can.
#[cfg(not(unix))]
fn wait_for_room<S>(_: &S) -> io::Result<()> {
    Err(io::ErrorKind::WouldBlock.into())
}

/// A stream that lets through what the terminal at its end takes, and spells out the rest. Where there is no room at the
/// moment it waits.
#[derive(Debug)]
pub struct Outlet<W> {
    to: W,
    /// How; not at all if it takes everything.
    spell: Option<Spell>,
}

impl<W> Outlet<W> {
    /// For words: `<U+041B>`.
    pub fn new(to: W, charset: Charset) -> Self {
        let spell: Spell = code_point;
        let spell = (charset == Charset::Ascii).then_some(spell);
        Self { to, spell }
    }

    /// For JSON, of which the meaning stays: `\u041b`.
    pub fn json(to: W, charset: Charset) -> Self {
        let spell: Spell = escape;
        let spell = (charset == Charset::Ascii).then_some(spell);
        Self { to, spell }
    }
}

impl<W: Sink> Outlet<W> {
    /// Tries until it does not fail for want of room; what is written then counts, and nothing before.
    fn when_there_is_room<R>(&mut self, write: impl Fn(&mut W) -> io::Result<R>) -> io::Result<R> {
        loop {
            match write(&mut self.to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.to.wait_for_room()?;
                }
                written => return written,
            }
        }
    }
}

impl<W: Sink> io::Write for Outlet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(spell) = self.spell.filter(|_| !bytes.is_ascii()) else {
            return self.when_there_is_room(|to| to.write(bytes));
        };
        // It is all ASCII.
        self.write_all(spelled(bytes, spell).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.when_there_is_room(io::Write::flush)
    }
}

/// What is no UTF-8, half a character too, becomes U+FFFD first.
fn spelled(bytes: &[u8], spell: Spell) -> String {
    let mut out = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            spell(c, &mut out);
        }
    }
    out
}

fn code_point(c: char, out: &mut String) {
    write!(out, "<U+{:04X}>", u32::from(c)).expect("a string takes everything");
}

fn escape(c: char, out: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        write!(out, "\\u{unit:04x}").expect("a string takes everything");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write as _;

    use super::*;

    const HOSTILE: &str = "\u{41b}2J \u{41d}]52;c;x\u{41c} caf\u{e9} \u{1f467}";

    /// A stream that has room for some bytes at a time, and then for none until it is waited for.
    #[derive(Default)]
    struct Tight {
        written: Vec<u8>,
        unwritten: Vec<u8>,
        is_full: Cell<bool>,
    }

    impl Tight {
        fn take_room(&self) -> io::Result<()> {
            if self.is_full.replace(true) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        }
    }

    impl io::Write for Tight {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.take_room()?;
            let len = bytes.len().min(3);
            self.unwritten.extend(&bytes[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.take_room()?;
            self.written.append(&mut self.unwritten);
            Ok(())
        }
    }

    impl Sink for Tight {
        fn wait_for_room(&self) -> io::Result<()> {
            self.is_full.set(false);
            Ok(())
        }
    }

    fn through(open: fn(Tight) -> Outlet<Tight>, text: &str) -> String {
        let mut outlet = open(Tight::default());
        write!(outlet, "{text}").unwrap();
        outlet.flush().unwrap();
        String::from_utf8(outlet.to.written).unwrap()
    }

    #[test]
    fn letters_are_spelled_out_for_a_terminal_that_takes_no_utf_8() {
        let shown = "<U+041B>2J <U+041D>]52;c;x<U+041C> caf<U+00E9> <U+1F467>";
        assert_eq!(
            through(|to| Outlet::new(to, Charset::Ascii), HOSTILE),
            shown
        );
        assert_eq!(Charset::Ascii.shown(HOSTILE), shown);
        assert_eq!(
            through(|to| Outlet::new(to, Charset::Utf8), HOSTILE),
            HOSTILE
        );
        assert_eq!(Charset::Utf8.shown(HOSTILE), HOSTILE);
    }

    #[test]
    fn json_means_the_same() {
        let line = serde_json::to_string(HOSTILE).unwrap();
        let written = through(|to| Outlet::json(to, Charset::Ascii), &line);
        assert!(written.is_ascii(), "{written}");
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), HOSTILE);
    }

    #[test]
    fn where_there_is_no_room_at_the_moment_it_waits_and_nothing_is_lost_or_repeated() {
        let text = "a line that is longer than there is room for\n";
        assert_eq!(through(|to| Outlet::new(to, Charset::Utf8), text), text);
    }

    #[test]
    fn half_a_character_is_no_byte_of_one() {
        let mut outlet = Outlet::new(Tight::default(), Charset::Ascii);
        for byte in "\u{41b}2J".bytes() {
            outlet.write_all(&[byte]).unwrap();
        }
        outlet.flush().unwrap();
        assert_eq!(outlet.to.written, b"<U+FFFD><U+FFFD>2J");
    }
}
