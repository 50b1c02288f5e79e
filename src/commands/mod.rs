//! What a typed line means, in lines and on the full screen alike.

mod message;
mod table;

pub(crate) use self::message::{clipboard, copied, details, quoted};
pub(crate) use self::table::{COMMANDS, Usage, beginning_with, find, lines};

use core::time::Duration;

use crate::text::{MAX_NAME_LEN, Safe, nearest, safe_line};
use crate::time::parse_duration;

/// Digits of a safety number, however they are grouped.
pub(crate) const SAFETY_NUMBER_DIGITS: usize = 60;
/// Digits that are shown together.
const SAFETY_NUMBER_GROUP: usize = 5;

/// A line, as its author means it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Typed<'a> {
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
pub(crate) enum Command<'a> {
    Help(Option<&'a str>),
    Keys,
    Quit,
    Peers,
    Status,
    Whois(Option<&'a str>),
    Ping(Option<&'a str>),
    Connect(Option<&'a str>),
    Disconnect(Option<&'a str>),
    Verify(Option<&'a str>),
    /// A name, what was read out, or both.
    Match(&'a str),
    Differ(Option<&'a str>),
    /// Whose safety number, and the digits that were read out.
    Number(Option<&'a str>, &'a str),
    Later(Option<&'a str>),
    MyId,
    MyQr,
    /// A name, and the key that is to have it.
    Add(&'a str, &'a str),
    /// Let in whoever calls, under this name or one of our making.
    Welcome(Option<&'a str>),
    Refuse,
    Save(&'a str),
    /// Whom, unless whoever one talks to, and what to call it.
    Rename(Option<&'a str>, &'a str),
    Go(&'a str),
    Message(&'a str, &'a str),
    /// One message of several lines.
    Lines,
    Close,
    Clear,
    /// As [`Command::Copy`]; without a number none, or the selected one.
    Delete(Option<usize>),
    /// Which message: the nth from the end.
    Copy(Option<usize>),
    /// As [`Command::Copy`].
    Info(Option<usize>),
    /// As [`Command::Copy`].
    Reply(Option<usize>),
    /// Of those that failed.
    Retry(Option<usize>),
    Receipts,
    Search(Wanted<'a>),
    /// Into which file.
    Export(&'a str),
    Unread,
    Bare,
    Redraw,
    Mute,
    /// What it may say; without it, what it says.
    Notify(Option<Level>),
}

/// What calls the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Nothing.
    Off,
    /// The bell.
    Bell,
    /// That, and from whom a message is.
    Sender,
    /// And what it says.
    Full,
}

/// What is searched: words, and what narrows the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    /// Not empty.
    pub(crate) words: &'a str,
    /// With whom.
    pub(crate) with: Option<&'a str>,
    /// How far back.
    pub(crate) since: Option<Duration>,
}

impl<'a> Typed<'a> {
    /// Reads a line. `//` and `@@` stand for a `/` or `@` that is meant to be said.
    pub(crate) fn parse(line: &'a str) -> Self {
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
            let similar = nearest(word, names().iter());
            return Self::Unknown { word, similar };
        };
        Command::parse(usage.word, rest.trim()).map_or(Self::Misused(usage), Self::Command)
    }
}

impl<'a> Command<'a> {
    /// None if the arguments do not fit.
    fn parse(word: &str, rest: &'a str) -> Option<Self> {
        let one = Some(rest).filter(|rest| !rest.is_empty());
        let two = rest.split_once(char::is_whitespace);
        Some(match (word, one) {
            ("help", _) => Self::Help(one),
            ("whois", _) if two.is_none() => Self::Whois(one),
            ("ping", _) if two.is_none() => Self::Ping(one),
            ("connect", _) if two.is_none() => Self::Connect(one),
            ("disconnect", _) if two.is_none() => Self::Disconnect(one),
            ("verify", _) if two.is_none() => Self::Verify(one),
            ("match", _) => Self::Match(rest),
            ("differ", _) if two.is_none() => Self::Differ(one),
            ("number", _) => Self::number(rest),
            ("later", _) if two.is_none() => Self::Later(one),
            ("save", Some(name)) if two.is_none() => Self::Save(name),
            ("go" | "query", Some(name)) if two.is_none() => Self::Go(name),
            ("rename", Some(new)) => match two {
                None => Self::Rename(None, new),
                Some((name, new)) => Self::Rename(Some(name), single(new)?),
            },
            ("msg", _) => two.map(|(name, text)| Self::Message(name, text.trim_start()))?,
            ("add", _) => match two {
                Some((name, key)) => Self::Add(name, key.trim()),
                None => Self::Welcome(one),
            },
            ("delete", _) => Self::Delete(number(one)?),
            ("copy", _) => Self::Copy(number(one)?),
            ("info", _) => Self::Info(number(one)?),
            ("reply", _) => Self::Reply(number(one)?),
            ("retry", _) => Self::Retry(number(one)?),
            // A name of a file may have blanks in it.
            ("export", Some(file)) => Self::Export(file),
            ("notify", _) => Self::Notify(Level::parse(one)?),
            ("search" | "lastlog", _) => Self::Search(Wanted::parse(rest)?),
            // Nothing can be switched: whoever tries is told so.
            ("receipts", None | Some("on" | "off")) => Self::Receipts,
            (_, Some(_)) => return None,
            ("keys", None) => Self::Keys,
            ("quit", None) => Self::Quit,
            ("lines", None) => Self::Lines,
            ("peers", None) => Self::Peers,
            ("status", None) => Self::Status,
            ("myid", None) => Self::MyId,
            ("myqr", None) => Self::MyQr,
            ("refuse", None) => Self::Refuse,
            ("close", None) => Self::Close,
            ("clear", None) => Self::Clear,
            ("unread", None) => Self::Unread,
            ("bare", None) => Self::Bare,
            ("redraw", None) => Self::Redraw,
            ("mute", None) => Self::Mute,
            _ => return None,
        })
    }
}

impl<'a> Command<'a> {
    /// A name may be made of digits; several groups of them are a number, unless a whole one follows the first and that
    /// is no group of one.
    fn number(rest: &'a str) -> Self {
        let is_digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
        let (first, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let digits = after.bytes().filter(u8::is_ascii_digit).count();
        let is_name = digits == SAFETY_NUMBER_DIGITS && first.len() != SAFETY_NUMBER_GROUP;
        let is_group = !after.is_empty() && !is_name;
        let is_read_out = is_digits(first) && (is_group || first.len() > MAX_NAME_LEN);
        if first.is_empty() || is_read_out {
            Self::Number(None, rest)
        } else {
            Self::Number(Some(first), after.trim())
        }
    }
}

impl Level {
    /// None if it is none of them.
    fn parse(word: Option<&str>) -> Option<Option<Self>> {
        Some(match word {
            None => None,
            Some("off") => Some(Self::Off),
            Some("bell") => Some(Self::Bell),
            Some("sender") => Some(Self::Sender),
            Some("full") => Some(Self::Full),
            Some(_) => return None,
        })
    }
}

impl<'a> Wanted<'a> {
    /// The limits come first, each once: what follows is searched as it is typed.
    fn parse(mut rest: &'a str) -> Option<Self> {
        let (mut with, mut since) = (None, None);
        loop {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            let name = word
                .strip_prefix("from:")
                .or_else(|| word.strip_prefix("in:"));
            if let (Some(name), None) = (name, with) {
                with = Some(name);
            } else if let (Some(age), None) = (word.strip_prefix("since:"), since) {
                since = Some(parse_duration(age).ok()?);
            } else {
                break;
            }
            rest = after.trim_start();
        }
        (!rest.is_empty()).then_some(Self {
            words: rest,
            with,
            since,
        })
    }
}

fn single(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.contains(char::is_whitespace)).then_some(text)
}

/// What is told of a command that cannot be done as it stands.
pub(crate) fn misused(usage: &Usage) -> Safe {
    let form = match usage.word {
        "search" | "lastlog" => Safe::from("/") + usage.word + " [from:NAME] [since:7d] WORDS",
        _ => usage.form(),
    };
    Safe::from("usage: ") + form
}

/// What is told of a command that does not exist.
pub(crate) fn unknown(word: &str, similar: Option<Safe>) -> Safe {
    let words = Safe::from("unknown command /") + safe_line(word) + " - ";
    let hint = match similar {
        Some(similar) => Safe::from("did you mean /") + similar + "?",
        None => "try /help".into(),
    };
    words + hint + " (nothing was sent)"
}

/// What `/help WORD` tells; the command of nearly that name if there is none of that.
pub(crate) fn explain(word: &str) -> Result<Safe, Safe> {
    let word = word.trim_start_matches('/');
    if let Some(usage) = find(word) {
        return Ok(usage.line());
    }
    let words = Safe::from("no command called /") + safe_line(word);
    Err(match nearest(word, names().iter()) {
        Some(similar) => words + " - did you mean /" + similar + "?",
        None => words,
    })
}

fn names() -> Vec<Safe> {
    COMMANDS.iter().map(|usage| usage.word.into()).collect()
}

/// What `/receipts` tells.
pub(crate) const RECEIPTS: &str = "a receipt goes to the sender when a message is kept here and shown; \
    it cannot be switched off, or the sender would have to send it again. That you looked at it is told to nobody";

/// What help says where there are no files.
pub(crate) const KEEPS_NOTHING: &str =
    "Nothing is kept here: what is saved, found or waits is gone when you leave.";

/// A number from 1 on, if one is given.
fn number(text: Option<&str>) -> Option<Option<usize>> {
    let number = match text {
        Some(text) => Some(text.parse().ok().filter(|number| *number > 0)?),
        None => None,
    };
    Some(number)
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
        assert_eq!(Typed::parse(""), Typed::Say(""));
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
            let arguments: Vec<&str> = usage
                .arguments
                .split(' ')
                .map(|argument| match argument.trim_matches(['[', ']']) {
                    "" => "",
                    "N" => "1",
                    "COMMAND" => "quit",
                    "LEVEL" => "sender",
                    _ => "bob",
                })
                .collect();
            let whole = format!("/{} {}", usage.word, arguments.join(" "));
            let least = format!("/{}", usage.word);
            let lines = if usage.arguments.starts_with('[') || usage.arguments.is_empty() {
                vec![whole, least]
            } else {
                vec![whole]
            };
            // A form that ends with what must be there is none without it.
            let lines = lines.iter().filter(|line| *line != "/rename");
            for line in lines {
                let typed = Typed::parse(line);
                assert!(matches!(typed, Typed::Command(_)), "{line}: {typed:?}");
            }
            assert_eq!(find(usage.word), Some(usage));
            assert!(usage.line().as_str().len() <= 76, "{}", usage.line());
        }
    }

    #[test]
    fn a_search_is_narrowed_in_front() {
        let search = |line| {
            let Typed::Command(Command::Search(wanted)) = Typed::parse(line) else {
                panic!("{line} is no search");
            };
            wanted
        };
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        let (words, with, since) = ("the  invoice", Some("bob"), days(7));
        let wanted = |words, with, since| Wanted { words, with, since };
        assert_eq!(
            search("/search from:bob since:7d the  invoice"),
            wanted(words, with, since)
        );
        assert_eq!(
            search("/lastlog since:7d  in:bob the  invoice"),
            wanted(words, with, since)
        );
        assert_eq!(
            search("/search a from:bob"),
            wanted("a from:bob", None, None)
        );
        for misused in ["/search", "/search from:bob", "/search since:soon x"] {
            assert!(
                matches!(Typed::parse(misused), Typed::Misused(_)),
                "{misused}"
            );
        }
    }

    #[test]
    fn a_search_that_is_misused_names_what_narrows_it() {
        for line in ["/search since:2026-11-01 x", "/lastlog"] {
            let Typed::Misused(usage) = Typed::parse(line) else {
                panic!("{line} is something");
            };
            let told = misused(usage).to_string();
            assert!(told.ends_with(" [from:NAME] [since:7d] WORDS"), "{told}");
        }
        let rename = misused(find("rename").unwrap());
        assert_eq!(rename.as_str(), "usage: /rename [NAME] NEW");
    }

    #[test]
    fn a_name_of_digits_may_stand_before_a_whole_number() {
        let number = "12345 ".repeat(12);
        let (whole, rest) = (number.trim(), number.trim().split_once(' ').unwrap().1);
        let read = |line: &str| {
            let Typed::Command(Command::Number(name, digits)) = Typed::parse(line) else {
                panic!("{line} is no number");
            };
            (name.map(str::to_owned), digits.to_owned())
        };
        let for_2024 = (Some("2024".to_owned()), whole.to_owned());
        assert_eq!(read(&format!("/number 2024 {whole}")), for_2024);
        assert_eq!(read(&format!("/number {whole}")), (None, whole.to_owned()));
        assert_eq!(read(&format!("/number {rest}")), (None, rest.to_owned()));
        assert_eq!(
            read("/number 2024"),
            (Some("2024".to_owned()), String::new())
        );
        let more = format!("12345 {whole}");
        assert_eq!(read(&format!("/number {more}")), (None, more.clone()));
        let joined = whole.replace(' ', "");
        assert_eq!(read(&format!("/number {joined}")), (None, joined.clone()));
    }

    #[test]
    fn a_file_may_have_blanks_in_its_name() {
        let typed = Typed::parse("/export  my talk.txt ");
        assert_eq!(typed, Typed::Command(Command::Export("my talk.txt")));
    }

    #[test]
    fn help_about_what_does_not_exist_names_what_does() {
        assert_eq!(explain("/quit").unwrap().as_str(), "/quit  leave");
        let wrong = explain("serach").unwrap_err();
        assert_eq!(
            wrong.as_str(),
            "no command called /serach - did you mean /search?"
        );
    }

    #[test]
    fn what_is_no_command_is_never_said() {
        let similar = |line: &'static str| {
            let Typed::Unknown { similar, .. } = Typed::parse(line) else {
                panic!("{line} is something");
            };
            similar.map(|name| name.to_string())
        };
        assert_eq!(similar("/svae bob").as_deref(), Some("save"));
        assert_eq!(similar("/xyz secret"), None);
        assert_eq!(similar("/stauts").as_deref(), Some("status"));
        assert_eq!(similar("/"), None);
        assert_eq!(similar("/QUIT"), None);
        assert_eq!(similar("/etc/passwd\nroot"), None);
        for misused in [
            "/go",
            "/go a b",
            "/quit now",
            "/copy 0",
            "/copy x",
            "/msg bob",
            "/rename",
            "/rename a b c",
            "/receipts maybe",
            "/notify loudly",
            "/export",
            "/disconnect a b",
        ] {
            assert!(
                matches!(Typed::parse(misused), Typed::Misused(_)),
                "{misused}"
            );
        }
    }
}
