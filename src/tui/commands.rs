//! What a line means when Enter is pressed.

use crate::text::{Safe, nearest};

/// A line, as its author means it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed<'a> {
    /// Say it to the person on the screen.
    Say(&'a str),
    /// Say it to somebody else; only go there without a text.
    SayTo { name: &'a str, text: &'a str },
    /// Do something.
    Command(Command<'a>),
    /// A command that cannot be done as it stands; how it is used.
    Misused(&'static Usage),
    /// A command that does not exist. It is never sent.
    Unknown {
        word: &'a str,
        similar: Option<Safe>,
    },
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Help(Option<&'a str>),
    Keys,
    Quit,
    Peers,
    Status,
    Whois(Option<&'a str>),
    Ping(Option<&'a str>),
    Connect(Option<&'a str>),
    Verify(Option<&'a str>),
    /// A name, what was read out, or both.
    Match(&'a str),
    Differ(Option<&'a str>),
    Later(Option<&'a str>),
    MyId,
    /// A name; without a key for the one that calls.
    Add(&'a str, Option<&'a str>),
    Refuse,
    Go(&'a str),
    Message(&'a str, &'a str),
    Close,
    Clear,
    Delete,
    /// The nth from the end.
    Copy(usize),
    /// The nth from the end that failed.
    Retry(usize),
    Search(&'a str),
    Unread,
    Bare,
    Redraw,
    Mute,
}

/// How a command is used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) word: &'static str,
    pub(super) arguments: &'static str,
    pub(super) does: &'static str,
    /// Whether its first argument is somebody's name.
    pub(super) takes_name: bool,
}

const fn usage(
    word: &'static str,
    arguments: &'static str,
    does: &'static str,
    takes_name: bool,
) -> Usage {
    Usage {
        word,
        arguments,
        does,
        takes_name,
    }
}

/// Every command by its full name, in the order in which help shows them.
pub(super) const COMMANDS: &[Usage] = &[
    usage("help", "[COMMAND]", "explain the commands, or one", false),
    usage("keys", "", "show the keys", false),
    usage("quit", "", "leave", false),
    usage("peers", "", "who is there", false),
    usage(
        "status",
        "",
        "how things stand with each, and what is tried next",
        false,
    ),
    usage("whois", "[NAME]", "name, key, address", true),
    usage("ping", "[NAME]", "measure the way there and back", true),
    usage("connect", "[NAME]", "call now", true),
    usage(
        "verify",
        "[NAME]",
        "compare four words, to be sure who it is",
        true,
    ),
    usage(
        "match",
        "[NAME] [WORDS]",
        "the words are the same, or those that were read",
        true,
    ),
    usage(
        "differ",
        "[NAME]",
        "the words differ: end it, and send nothing more",
        true,
    ),
    usage("later", "[NAME]", "compare words another time", true),
    usage(
        "myid",
        "",
        "our own key, and what others have to type",
        false,
    ),
    usage(
        "add",
        "NAME [KEY]",
        "save a key; without KEY that of the caller who waits",
        false,
    ),
    usage("refuse", "", "send the caller who waits away", false),
    usage("go", "NAME", "show the conversation with NAME", true),
    usage("query", "NAME", "as /go", true),
    usage("msg", "NAME TEXT", "say TEXT to NAME and stay here", true),
    usage(
        "close",
        "",
        "close this conversation until something is said",
        false,
    ),
    usage("clear", "", "empty the screen, here only", false),
    usage(
        "delete",
        "",
        "delete the selected message, here only",
        false,
    ),
    usage("copy", "[N]", "copy the Nth message from the end", false),
    usage(
        "retry",
        "[N]",
        "send the Nth failed message from the end again",
        false,
    ),
    usage("search", "WORDS", "find in this conversation", false),
    usage("lastlog", "WORDS", "as /search", false),
    usage(
        "unread",
        "",
        "go to the first message that was not seen",
        false,
    ),
    usage("bare", "", "the text alone, to copy from", false),
    usage("redraw", "", "draw the screen anew", false),
    usage(
        "mute",
        "",
        "ring no bell for this conversation, or ring it again",
        false,
    ),
];

impl<'a> Typed<'a> {
    /// Reads a line. `//` and `@@` stand for a `/` or `@` that is meant to be said.
    pub(super) fn parse(line: &'a str) -> Self {
        if let Some(rest) = line.strip_prefix('/') {
            return if rest.starts_with('/') {
                Self::Say(rest)
            } else {
                Self::command(rest)
            };
        }
        let Some(rest) = line.strip_prefix('@') else {
            return Self::Say(line);
        };
        let (name, text) = rest.split_once([' ', '\n']).unwrap_or((rest, ""));
        if rest.starts_with('@') {
            Self::Say(rest)
        } else if name.is_empty() {
            Self::Say(line)
        } else {
            Self::SayTo { name, text }
        }
    }

    fn command(line: &'a str) -> Self {
        let (word, rest) = line.split_once([' ', '\n']).unwrap_or((line, ""));
        let Some(usage) = find(word) else {
            let names: Vec<Safe> = COMMANDS.iter().map(|usage| usage.word.into()).collect();
            let similar = nearest(word, names.iter());
            return Self::Unknown { word, similar };
        };
        Command::parse(usage.word, rest.trim()).map_or(Self::Misused(usage), Self::Command)
    }
}

impl<'a> Command<'a> {
    /// None if the arguments do not fit.
    fn parse(word: &str, rest: &'a str) -> Option<Self> {
        let one = Some(rest).filter(|rest| !rest.is_empty());
        let is_single = !rest.contains(char::is_whitespace);
        let two = rest.split_once(char::is_whitespace);
        Some(match word {
            "help" => Self::Help(one),
            "whois" if is_single => Self::Whois(one),
            "ping" if is_single => Self::Ping(one),
            "connect" if is_single => Self::Connect(one),
            "verify" if is_single => Self::Verify(one),
            "match" => Self::Match(rest),
            "differ" if is_single => Self::Differ(one),
            "later" if is_single => Self::Later(one),
            "go" | "query" if is_single => Self::Go(one?),
            "msg" => two.map(|(name, text)| Self::Message(name, text.trim_start()))?,
            "add" => match two {
                Some((name, key)) => Self::Add(name, Some(key.trim())),
                None => Self::Add(one?, None),
            },
            "copy" => Self::Copy(number(one)?),
            "retry" => Self::Retry(number(one)?),
            "search" | "lastlog" => Self::Search(one?),
            _ if one.is_some() => return None,
            "keys" => Self::Keys,
            "quit" => Self::Quit,
            "peers" => Self::Peers,
            "status" => Self::Status,
            "myid" => Self::MyId,
            "refuse" => Self::Refuse,
            "close" => Self::Close,
            "clear" => Self::Clear,
            "delete" => Self::Delete,
            "unread" => Self::Unread,
            "bare" => Self::Bare,
            "redraw" => Self::Redraw,
            "mute" => Self::Mute,
            _ => return None,
        })
    }
}

/// A number from 1 on; 1 if none is given.
fn number(text: Option<&str>) -> Option<usize> {
    text.map_or(Some(1), |text| text.parse().ok())
        .filter(|number| *number > 0)
}

/// The command of that name, or of one of the short names that people know from elsewhere.
pub(super) fn find(word: &str) -> Option<&'static Usage> {
    let word = match word {
        "q" | "exit" => "quit",
        "h" | "?" => "help",
        word => word,
    };
    COMMANDS.iter().find(|usage| usage.word == word)
}

/// The commands that begin like this.
pub(super) fn beginning_with(part: &str) -> impl Iterator<Item = &'static Usage> {
    COMMANDS
        .iter()
        .filter(move |usage| usage.word.starts_with(part))
}

impl Usage {
    /// `/whois [NAME]`.
    pub(super) fn form(&self) -> Safe {
        let form = Safe::from("/") + self.word;
        if self.arguments.is_empty() {
            form
        } else {
            form + " " + self.arguments
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_sign_says_one() {
        assert_eq!(Typed::parse("hello /quit"), Typed::Say("hello /quit"));
        assert_eq!(Typed::parse("//etc/hosts"), Typed::Say("/etc/hosts"));
        assert_eq!(Typed::parse("@@home"), Typed::Say("@home"));
        assert_eq!(Typed::parse("@ bob"), Typed::Say("@ bob"));
    }

    #[test]
    fn a_name_in_front_is_somebody_else() {
        let to_bob = |text| Typed::SayTo { name: "bob", text };
        assert_eq!(Typed::parse("@bob did it?"), to_bob("did it?"));
        assert_eq!(Typed::parse("@bob"), to_bob(""));
    }

    #[test]
    fn every_command_of_the_list_is_one_and_says_how_it_is_used() {
        for usage in COMMANDS {
            let line = usage.form().to_string();
            let line = line
                .replace(['[', ']'], "")
                .replace('N', "1")
                .replace("1AME", "bob");
            let line = line.replace("COMMA1D", "quit");
            let typed = Typed::parse(&line);
            assert!(matches!(typed, Typed::Command(_)), "{line}: {typed:?}");
            assert_eq!(find(usage.word), Some(usage));
        }
    }

    #[test]
    fn what_is_no_command_is_never_said() {
        let similar = |line: &'static str| {
            let Typed::Unknown { similar, .. } = Typed::parse(line) else {
                panic!("{line} is something");
            };
            similar.map(|name| name.to_string())
        };
        assert_eq!(similar("/sned secret"), None);
        assert_eq!(similar("/stauts").as_deref(), Some("status"));
        assert_eq!(similar("/"), None);
        assert_eq!(similar("/etc/passwd\nroot"), None);
        for misused in [
            "/go",
            "/go a b",
            "/quit now",
            "/copy 0",
            "/copy x",
            "/msg bob",
        ] {
            assert!(
                matches!(Typed::parse(misused), Typed::Misused(_)),
                "{misused}"
            );
        }
    }
}
