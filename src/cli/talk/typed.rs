//! What a typed line means.

/// A line as a person at a terminal means it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Typed<'a> {
    /// Say it to the peer spoken to last.
    Say(&'a [u8]),
    /// Say it to this peer.
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
    /// A command that does not exist. It is never sent.
    Unknown(&'a str),
}

impl<'a> Typed<'a> {
    /// Reads a line without its line break. `//` stands for a `/` that is meant to be said.
    pub(in crate::cli) fn parse(line: &'a [u8]) -> Self {
        match line {
            [b'/', rest @ ..] if rest.starts_with(b"/") => Self::Say(rest),
            [b'/', command @ ..] => Self::command(command),
            [b'@', rest @ ..] => Self::addressed(rest).unwrap_or(Self::Say(line)),
            _ => Self::Say(line),
        }
    }

    fn command(command: &'a [u8]) -> Self {
        match core::str::from_utf8(command).unwrap_or("").trim() {
            "quit" | "q" | "exit" => Self::Quit,
            "help" | "h" | "?" => Self::Help,
            "peers" => Self::Peers,
            unknown => Self::Unknown(unknown),
        }
    }

    fn addressed(rest: &'a [u8]) -> Option<Self> {
        let end = rest.iter().position(|byte| *byte == b' ')?;
        let (name, text) = (rest.get(..end)?, rest.get(end + 1..)?);
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
    fn plain_text_is_said_and_two_slashes_say_one() {
        assert_eq!(Typed::parse(b"hello /quit"), Typed::Say(b"hello /quit"));
        assert_eq!(Typed::parse(b"//etc/hosts"), Typed::Say(b"/etc/hosts"));
        assert_eq!(Typed::parse(b""), Typed::Say(b""));
    }

    #[test]
    fn a_name_addresses_one_peer() {
        let (name, text) = ("bob", b"did it finish?".as_slice());
        assert_eq!(
            Typed::parse(b"@bob did it finish?"),
            Typed::SayTo { name, text }
        );
        assert_eq!(Typed::parse(b"@bob"), Typed::Say(b"@bob"));
        assert_eq!(Typed::parse(b"@ bob"), Typed::Say(b"@ bob"));
    }

    #[test]
    fn an_unknown_command_is_never_said() {
        assert_eq!(Typed::parse(b"/quit "), Typed::Quit);
        assert_eq!(Typed::parse(b"/sned secret"), Typed::Unknown("sned secret"));
        assert_eq!(Typed::parse(b"/\xff"), Typed::Unknown(""));
        assert_eq!(Typed::parse(b"/"), Typed::Unknown(""));
    }
}
