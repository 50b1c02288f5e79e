//! Every command: its word, its form, what it does.

use crate::text::Safe;

/// How a command is used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) word: &'static str,
    pub(crate) arguments: &'static str,
    pub(crate) does: &'static str,
    /// Whether its first argument is somebody's name.
    pub(crate) takes_name: bool,
    /// Whether all behind it is the name of a file.
    pub(crate) takes_file: bool,
    /// Why lines do not have it, if they do not: it is about what only a screen has.
    pub(crate) left_out: Option<&'static str>,
}

/// About everything.
const fn plain(word: &'static str, arguments: &'static str, does: &'static str) -> Usage {
    Usage {
        word,
        arguments,
        does,
        takes_name: false,
        takes_file: false,
        left_out: None,
    }
}

/// About somebody.
const fn named(word: &'static str, arguments: &'static str, does: &'static str) -> Usage {
    Usage {
        takes_name: true,
        ..plain(word, arguments, does)
    }
}

/// About a file.
const fn file(word: &'static str, arguments: &'static str, does: &'static str) -> Usage {
    Usage {
        takes_file: true,
        ..plain(word, arguments, does)
    }
}

/// About what only the full screen has, and lines do not for this reason.
const fn screen(
    word: &'static str,
    arguments: &'static str,
    does: &'static str,
    reason: &'static str,
) -> Usage {
    Usage {
        left_out: Some(reason),
        ..plain(word, arguments, does)
    }
}

/// Every command by its full name, in the order in which help shows them.
pub(crate) const COMMANDS: &[Usage] = &[
    plain("help", "[COMMAND]", "explain the commands, or one"),
    screen(
        "keys",
        "",
        "show the keys",
        "in lines the keys are those of the terminal",
    ),
    plain("quit", "", "leave"),
    plain("peers", "", "who is there"),
    plain(
        "status",
        "",
        "how things stand with each, and what is tried next",
    ),
    named("whois", "[NAME]", "name, key, address"),
    named("ping", "[NAME]", "measure the way there and back"),
    named("connect", "[NAME]", "call now"),
    named(
        "disconnect",
        "[NAME]",
        "hang up, and do not call until /connect",
    ),
    named(
        "verify",
        "[NAME]",
        "compare four words, to be sure who it is",
    ),
    named(
        "match",
        "[NAME] [WORDS]",
        "the words are the same, or those that were read",
    ),
    named(
        "differ",
        "[NAME]",
        "what was compared differs: end it, and send nothing",
    ),
    named(
        "number",
        "[NAME] [DIGITS]",
        "the safety number, or whether it is what was read",
    ),
    named("later", "[NAME]", "compare words another time"),
    plain("myid", "", "our own key, and what others have to type"),
    plain("myqr", "", "our own key as a QR code"),
    plain(
        "add",
        "[NAME] [KEY]",
        "save a key; without KEY that of the caller who waits",
    ),
    plain("refuse", "", "send the caller who waits away"),
    plain("save", "NAME", "save whoever you talk to under a name"),
    named("rename", "[NAME] NEW", "call somebody NEW from now on"),
    named("go", "NAME", "turn to NAME"),
    named("query", "NAME", "as /go"),
    named("msg", "NAME TEXT", "say TEXT to NAME and stay here"),
    plain(
        "lines",
        "",
        "several lines as one message; in lines until /send",
    ),
    plain("receipts", "", "what is told about what you have read"),
    plain(
        "search",
        "WORDS",
        "find in what is kept; also from:NAME since:7d",
    ),
    plain("lastlog", "WORDS", "as /search"),
    file("export", "FILE", "write this conversation into a new FILE"),
    plain("info", "[N]", "when a message was written, how far it is"),
    plain("retry", "[N]", "send a failed message again"),
    plain("reply", "[N]", "quote a message in what you write"),
    plain("copy", "[N]", "copy a message"),
    plain("delete", "[N]", "do away with a message here, kept or not"),
    screen(
        "unread",
        "",
        "go to the first message that was not seen",
        "lines print every message as it comes",
    ),
    screen(
        "close",
        "",
        "close this conversation until it goes on",
        "lines have no tab to close",
    ),
    screen(
        "clear",
        "",
        "empty the screen, here only",
        "what lines have printed stays printed",
    ),
    screen(
        "bare",
        "",
        "the text alone, to copy from",
        "lines have nothing beside the text",
    ),
    screen(
        "redraw",
        "",
        "draw the screen anew",
        "what lines have printed stays printed",
    ),
    screen(
        "mute",
        "",
        "ring no bell here, or ring it again",
        "in lines [notify] of the settings says what rings",
    ),
    screen(
        "notify",
        "[LEVEL]",
        "off, bell, sender or full, until you leave",
        "in lines [notify] of the settings says what calls you",
    ),
];

/// The command of that name, or of one of the short names that people know from elsewhere.
pub(crate) fn find(word: &str) -> Option<&'static Usage> {
    let word = match word {
        "q" | "exit" => "quit",
        "h" | "?" => "help",
        "reconnect" => "connect",
        "fingerprint" => "whois",
        word => word,
    };
    COMMANDS.iter().find(|usage| usage.word == word)
}

/// The commands that begin like this.
pub(crate) fn beginning_with(part: &str) -> impl Iterator<Item = &'static Usage> {
    COMMANDS
        .iter()
        .filter(move |usage| usage.word.starts_with(part))
}

/// The commands, a line each.
pub(crate) fn lines<'a>(of: impl Iterator<Item = &'a Usage> + Clone) -> Vec<Safe> {
    let widths = of.clone().map(|usage| usage.form().as_str().len());
    let longest = widths.max().unwrap_or(0);
    let line = |usage: &Usage| {
        let form = usage.form();
        let pad = Safe::concat((form.as_str().len()..longest + 2).map(|_| Safe::from(" ")));
        form + pad + usage.does
    };
    of.map(line).collect()
}

impl Usage {
    /// `/whois [NAME]`.
    pub(crate) fn form(&self) -> Safe {
        let form = Safe::from("/") + self.word;
        if self.arguments.is_empty() {
            form
        } else {
            form + " " + self.arguments
        }
    }

    /// `/whois [NAME]  name, key, address`.
    pub(crate) fn line(&self) -> Safe {
        self.form() + "  " + self.does
    }
}
