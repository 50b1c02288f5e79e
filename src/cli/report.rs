//! The form of an error on the screen: one `error:` line, the cause in plain words, what to do next.

use crate::cli::ExitCode;
use crate::text::{Safe, safe_line};

/// Every code that a report can have. None is ever used for something else.
pub(super) const CODES: [&str; 39] = [
    "SC01", "SC02", "SC03", "SC04", "SC05", "SC06", "SC07", "SC09", "SC10", "SC11", "SC12", "SC13",
    "SC14", "SC15", "SC16", "SC17", "SC18", "SC19", "SC21", "SC22", "SC23", "SC24", "SC25", "SC26",
    "SC27", "SC28", "SC29", "SC30", "SC31", "SC32", "SC33", "SC34", "SC40", "SC41", "SC42", "SC43",
    "SC44", "SC45", "SC46",
];

/// An error, taken apart for printing.
#[derive(Clone, Debug)]
pub struct Report {
    /// `SC` and a number: stays the same for ever, whatever the words become.
    pub code: &'static str,
    /// How the program ends.
    pub exit: ExitCode,
    /// What happened, with names; the first line.
    pub title: Safe,
    /// The cause, and what to do.
    pub lines: Vec<Line>,
    /// How many of the messages that it is about are kept, and sent next time; none if it is about none.
    pub kept: Option<usize>,
}

/// One line below the first.
#[derive(Clone, Debug)]
pub struct Line {
    /// Stands behind `try:`.
    pub is_try: bool,
    /// What it says.
    pub parts: Vec<Part>,
}

/// A piece of a line.
#[derive(Clone, Debug)]
pub enum Part {
    /// Words.
    Words(Safe),
    /// A command for this user, on this machine.
    Ours(Suggestion),
    /// A command for the person on the other side.
    Theirs(Suggestion),
}

/// A command that the user may copy.
#[derive(Clone, Debug)]
pub struct Suggestion {
    program: &'static str,
    args: Vec<Safe>,
}

impl Suggestion {
    /// `securechat` with these arguments.
    #[must_use]
    pub fn securechat(args: impl IntoIterator<Item = impl Into<Safe>>) -> Self {
        Self::of("securechat", args)
    }

    /// Another program with these arguments.
    #[must_use]
    pub fn of(program: &'static str, args: impl IntoIterator<Item = impl Into<Safe>>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program, args }
    }

    /// The words of the command, the program first.
    #[cfg(test)]
    pub(super) fn words_for_testing_only(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.program).chain(self.args.iter().map(Safe::as_str))
    }

    /// As typed into a shell, with `extra` arguments behind our own program's name.
    pub(super) fn shell(&self, extra: &[Safe]) -> Safe {
        let extra = if self.program == "securechat" {
            extra
        } else {
            &[]
        };
        let args = extra.iter().chain(&self.args).map(quote);
        Safe::join(std::iter::once(self.program.into()).chain(args), " ")
    }
}

impl Report {
    /// A report without further lines.
    #[must_use]
    pub fn new(code: &'static str, exit: ExitCode, title: impl Into<Safe>) -> Self {
        Self {
            code,
            exit,
            title: title.into(),
            lines: Vec::new(),
            kept: None,
        }
    }

    /// Says to programs how many messages are kept.
    #[must_use]
    pub fn keeping(self, messages: usize) -> Self {
        let kept = Some(messages);
        Self { kept, ..self }
    }

    /// Adds a line about the cause.
    #[must_use]
    pub fn cause(self, words: impl Into<Safe>) -> Self {
        self.line(false, vec![Part::Words(words.into())])
    }

    /// Adds a line that leads up to a command: the words, a space, the command.
    #[must_use]
    pub fn hint(self, words: impl Into<Safe>, command: Suggestion) -> Self {
        let words = Part::Words(words.into() + " ");
        self.line(false, vec![words, Part::Ours(command)])
    }

    /// Adds a `try:` line with one or several commands to choose from.
    #[must_use]
    pub fn attempt(self, commands: impl IntoIterator<Item = Suggestion>) -> Self {
        let mut parts = Vec::new();
        for command in commands {
            if !parts.is_empty() {
                parts.push(Part::Words("     or: ".into()));
            }
            parts.push(Part::Ours(command));
        }
        self.line(true, parts)
    }

    /// Adds a line of any parts.
    #[must_use]
    pub fn line(mut self, is_try: bool, parts: Vec<Part>) -> Self {
        self.lines.push(Line { is_try, parts });
        self
    }

    /// Every command that the report suggests.
    #[cfg(test)]
    pub(super) fn suggestions_for_testing_only(&self) -> impl Iterator<Item = &Suggestion> {
        let parts = self.lines.iter().flat_map(|line| &line.parts);
        parts.filter_map(|part| match part {
            Part::Words(_) => None,
            Part::Ours(command) | Part::Theirs(command) => Some(command),
        })
    }

    /// The lines to print. `extra` are the arguments, such as `--home DIR`, that the user's own
    /// commands need to mean the same profile.
    #[must_use]
    pub fn render(&self, extra: &[Safe]) -> Vec<Safe> {
        let title = Safe::from("error: ") + &self.title + "  [" + self.code + "]";
        let below = self.lines.iter().map(|line| {
            let lead = if line.is_try { "  try: " } else { "  " };
            let parts = line.parts.iter().map(|part| match part {
                Part::Words(words) => words.clone(),
                Part::Ours(command) => command.shell(extra),
                Part::Theirs(command) => command.shell(&[]),
            });
            Safe::from(lead) + Safe::concat(parts)
        });
        std::iter::once(title).chain(below).collect()
    }
}

/// Quotes a word where the shell that people have here needs it.
fn quote(word: &Safe) -> Safe {
    if cfg!(windows) {
        quote_for_windows(word)
    } else {
        quote_for_posix(word)
    }
}

fn quote_for_posix(word: &Safe) -> Safe {
    let text = word.as_str();
    // Brackets are quoted: zsh takes an address like [::]:7419 for a pattern.
    let plain = |c: char| c.is_alphanumeric() || "-_./:=+,@%~".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return word.clone();
    }
    safe_line(&format!("'{}'", text.replace('\'', "'\\''")))
}

/// For cmd and PowerShell alike: both take double quotes, and no single word could be written for
/// both that has a double quote, a dollar, a percent sign or a backtick in it. None of these stands
/// in a key, an address or a name; a path with one has to be typed.
fn quote_for_windows(word: &Safe) -> Safe {
    let text = word.as_str();
    let plain = |c: char| c.is_alphanumeric() || "-_./\\:=+~[]".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return word.clone();
    }
    safe_line(&format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_as_a_person_would_say_it() {
        let theirs = Part::Theirs(Suggestion::securechat(["listen"]));
        let report = Report::new("SC99", ExitCode::Fixable, "it broke")
            .cause("Somebody pulled the plug.")
            .hint("To see more:", Suggestion::securechat(["help", "keys"]))
            .attempt([
                Suggestion::securechat(["keygen"]),
                Suggestion::of("chmod", ["600", "a file"]),
            ])
            .line(true, vec![Part::Words("ask bob to run ".into()), theirs]);
        let lines = report.render(&["--home".into(), "my dir".into()]);
        let quote = if cfg!(windows) { "\"" } else { "'" };
        let lines: Vec<String> = lines
            .iter()
            .map(|line| line.as_str().replace(quote, "'"))
            .collect();
        assert_eq!(
            lines,
            [
                "error: it broke  [SC99]",
                "  Somebody pulled the plug.",
                "  To see more: securechat --home 'my dir' help keys",
                "  try: securechat --home 'my dir' keygen     or: chmod 600 'a file'",
                "  try: ask bob to run securechat listen",
            ]
        );
        assert_eq!(report.suggestions_for_testing_only().count(), 4);
    }

    #[test]
    fn words_are_quoted_for_a_posix_shell() {
        let quoted = |text: &'static str| quote_for_posix(&text.into()).to_string();
        assert_eq!(quoted("10.0.0.1:7419"), "10.0.0.1:7419");
        assert_eq!(quoted("[::]:7419"), "'[::]:7419'");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("$(x)"), "'$(x)'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn words_are_quoted_for_cmd_and_powershell() {
        let quoted = |text: &'static str| quote_for_windows(&text.into()).to_string();
        assert_eq!(quoted("[::]:7419"), "[::]:7419");
        assert_eq!(quoted(r"C:\me\keys"), r"C:\me\keys");
        assert_eq!(quoted(r"C:\my keys"), r#""C:\my keys""#);
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(quoted("a&b"), "\"a&b\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
