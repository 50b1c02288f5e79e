//! What a typed line means.

use std::borrow::Cow;

use crate::chat::holds_secret;
use crate::commands::{self, Command, Usage};
use crate::text::Safe;

/// A line as a person at a terminal means it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Typed<'a> {
    /// Say it to the peer that the prompt shows.
    Say(&'a [u8]),
    /// Say it to this peer, and later lines too; only the latter without a text.
    SayTo {
        /// The name, unchecked.
        name: &'a str,
        /// What to say.
        text: &'a [u8],
    },
    /// Do something.
    Command(Command<'a>),
    /// A command that cannot be done as it stands; how it is used.
    Misused(&'static Usage),
    /// A command that does not exist. It is never sent.
    Unknown {
        /// As it was typed.
        command: &'a str,
        /// The command that was perhaps meant.
        similar: Option<Safe>,
    },
}

impl<'a> Typed<'a> {
    /// Reads a line. `//` and `@@` stand for a `/` or `@` that is meant to be said.
    pub(in crate::cli) fn parse(line: &'a [u8]) -> Self {
        match line {
            [b'/', rest @ ..] if rest.starts_with(b"/") => Self::Say(rest),
            [b'/', ..] => Self::command(line),
            [b'@', rest @ ..] if rest.starts_with(b"@") => Self::Say(rest),
            [b'@', rest @ ..] => Self::addressed(rest).unwrap_or(Self::Say(line)),
            _ => Self::Say(line),
        }
    }

    /// Whether it is one of the commands.
    pub(super) const fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    fn command(line: &'a [u8]) -> Self {
        let line = core::str::from_utf8(line).unwrap_or("/");
        match commands::Typed::parse(line) {
            commands::Typed::Command(command) => Self::Command(command),
            commands::Typed::Misused(usage) => Self::Misused(usage),
            commands::Typed::Unknown { word, similar } => Self::Unknown {
                command: word,
                similar,
            },
            // Of what begins with one `/` nothing is said.
            commands::Typed::Say(_) | commands::Typed::SayTo { .. } => Self::Unknown {
                command: "",
                similar: None,
            },
        }
    }

    fn addressed(rest: &'a [u8]) -> Option<Self> {
        let end = rest.iter().position(|byte| *byte == b' ');
        let (name, text) = match end {
            Some(end) => (rest.get(..end)?, rest.get(end + 1..)?),
            None => (rest, [].as_slice()),
        };
        let name = core::str::from_utf8(name)
            .ok()
            .filter(|name| !name.is_empty())?;
        Some(Self::SayTo { name, text })
    }
}

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

    #[test]
    fn plain_text_is_said_and_a_doubled_sign_says_one() {
        assert_eq!(Typed::parse(b"hello /quit"), Typed::Say(b"hello /quit"));
        assert_eq!(Typed::parse(b"//etc/hosts"), Typed::Say(b"/etc/hosts"));
        assert_eq!(Typed::parse(b"@@home"), Typed::Say(b"@home"));
        assert_eq!(Typed::parse(b""), Typed::Say(b""));
    }

    #[test]
    fn a_name_addresses_one_peer() {
        let to_bob = |text| Typed::SayTo { name: "bob", text };
        assert_eq!(Typed::parse(b"@bob did it?"), to_bob(b"did it?"));
        assert_eq!(Typed::parse(b"@bob"), to_bob(b""));
        assert_eq!(Typed::parse(b"@ bob"), Typed::Say(b"@ bob"));
    }

    #[test]
    fn commands_are_known_by_their_names() {
        let command = |line: &'static str| {
            let Typed::Command(command) = Typed::parse(line.as_bytes()) else {
                panic!("{line} is no command");
            };
            command
        };
        assert_eq!(command("/quit"), Command::Quit);
        assert_eq!(command("/whois"), Command::Whois(None));
        assert_eq!(command("/whois  bob "), Command::Whois(Some("bob")));
        assert_eq!(command("/ping bob"), Command::Ping(Some("bob")));
        assert_eq!(command("/save bob"), Command::Save("bob"));
    }

    #[test]
    fn what_is_no_command_is_not_said_either() {
        let unknown = |typed: &'static str| {
            let Typed::Unknown { similar, .. } = Typed::parse(typed.as_bytes()) else {
                panic!("{typed} is something");
            };
            similar.map(|name| name.to_string())
        };
        assert_eq!(unknown("/sned secret"), None);
        assert_eq!(unknown("/"), None);
        assert_eq!(unknown("/pees").as_deref(), Some("peers"));
        assert_eq!(unknown("/stauts").as_deref(), Some("status"));
        assert!(matches!(Typed::parse(b"/quit now"), Typed::Misused(_)));
        assert!(matches!(Typed::parse(b"/\xff"), Typed::Unknown { .. }));
        assert_eq!(unknown("/QUIT"), None);
    }
}
