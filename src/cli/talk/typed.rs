//! What a typed line means.

use crate::text::{Safe, nearest};

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
    /// Leave.
    Quit,
    /// Explain the commands.
    Help,
    /// Say who is there.
    Peers,
    /// Tell all about one of them; about whom the prompt shows without a name.
    Whois(Option<&'a str>),
    /// Tell how things stand.
    Status,
    /// Measure the way to a peer and back.
    Ping(Option<&'a str>),
    /// Compare words with a peer.
    Verify(Option<&'a str>),
    /// The words are the same: a name, what the other side reads out, or both.
    Match(Option<&'a str>),
    /// The words differ.
    Differ(Option<&'a str>),
    /// Compare no more for now.
    Later(Option<&'a str>),
    /// A command that does not exist. It is never sent.
    Unknown {
        /// As it was typed.
        command: &'a str,
        /// The command that was perhaps meant.
        similar: Option<Safe>,
    },
}

/// Every command by its full name.
const COMMANDS: [&str; 10] = [
    "help", "peers", "ping", "quit", "status", "whois", "verify", "match", "differ", "later",
];

impl<'a> Typed<'a> {
    /// Reads a line. `//` and `@@` stand for a `/` or `@` that is meant to be said.
    pub(in crate::cli) fn parse(line: &'a [u8]) -> Self {
        match line {
            [b'/', rest @ ..] if rest.starts_with(b"/") => Self::Say(rest),
            [b'/', command @ ..] => Self::command(command),
            [b'@', rest @ ..] if rest.starts_with(b"@") => Self::Say(rest),
            [b'@', rest @ ..] => Self::addressed(rest).unwrap_or(Self::Say(line)),
            _ => Self::Say(line),
        }
    }

    /// Whether it is one of the commands.
    pub(super) const fn is_command(&self) -> bool {
        match self {
            Self::Say(_) | Self::SayTo { .. } | Self::Unknown { .. } => false,
            Self::Quit
            | Self::Help
            | Self::Peers
            | Self::Whois(_)
            | Self::Status
            | Self::Ping(_)
            | Self::Verify(_)
            | Self::Match(_)
            | Self::Differ(_)
            | Self::Later(_) => true,
        }
    }

    fn command(command: &'a [u8]) -> Self {
        let command = core::str::from_utf8(command).unwrap_or("").trim();
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        let name = Some(rest.trim()).filter(|rest| !rest.is_empty());
        match (word, name) {
            ("quit" | "q" | "exit", None) => Self::Quit,
            ("help" | "h" | "?", _) => Self::Help,
            ("peers", None) => Self::Peers,
            ("status", None) => Self::Status,
            ("whois", name) => Self::Whois(name),
            ("ping", name) => Self::Ping(name),
            ("verify", name) => Self::Verify(name),
            ("match", rest) => Self::Match(rest),
            ("differ", name) => Self::Differ(name),
            ("later", name) => Self::Later(name),
            _ => Self::Unknown {
                command,
                similar: nearest(word, COMMANDS.map(Safe::from).iter()),
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(Typed::parse(b"/quit"), Typed::Quit);
        assert_eq!(Typed::parse(b"/whois"), Typed::Whois(None));
        assert_eq!(Typed::parse(b"/whois  bob "), Typed::Whois(Some("bob")));
        assert_eq!(Typed::parse(b"/ping bob"), Typed::Ping(Some("bob")));
        for command in COMMANDS {
            let line = format!("/{command}");
            assert!(Typed::parse(line.as_bytes()).is_command(), "{command}");
        }
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
        assert_eq!(unknown("/quit now").as_deref(), Some("quit"));
        assert_eq!(unknown("/QUIT"), None);
    }
}
