//! Where words go: data to standard output, everything else to standard error.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Stdout, Write};

use crate::cli::Error;
use crate::cli::args::{Color, Globals};
use crate::cli::json::{self, Event, Failure, Trouble};
use crate::cli::report::{Report, Suggestion};
use crate::cli::streams;
use crate::net::Clock;
use crate::text::{Outlet, Safe};

/// The printer of one command.
#[derive(Clone, Debug)]
pub struct Out {
    quiet: bool,
    colored: bool,
    /// Whether data is JSON.
    json: bool,
    /// The flags that suggested commands need to mean the same profile.
    profile: Vec<Safe>,
}

impl Out {
    /// A printer as the global flags want it.
    #[must_use]
    pub fn new(globals: &Globals) -> Self {
        Self {
            quiet: globals.quiet,
            colored: wants_color(globals.color),
            json: globals.json,
            profile: profile(globals),
        }
    }

    /// Prints a line of data on standard output.
    ///
    /// # Errors
    /// [`Error::System`] if standard output cannot be written; [`Error::ReaderGone`] if its reader has left.
    pub fn data(&self, line: &Safe) -> Result<(), Error> {
        written(self.stdout().write_all(format!("{line}\n").as_bytes()))
    }

    fn stdout(&self) -> Outlet<Stdout> {
        if self.json {
            streams::json()
        } else {
            streams::stdout()
        }
    }

    /// Prints text of our own making, such as a manual page, on standard output.
    ///
    /// # Errors
    /// As [`Out::data`].
    pub fn document(&self, text: &[u8]) -> Result<(), Error> {
        let mut stdout = streams::stdout();
        written(stdout.write_all(text).and_then(|()| stdout.flush()))
    }

    /// Tells the user something on standard error, unless `--quiet`.
    pub fn note(&self, line: &Safe) {
        if !self.quiet {
            tell(&format!("{line}\n"));
        }
    }

    /// Warns the user on standard error, also with `--quiet`.
    pub fn warn(&self, line: &Safe) {
        tell(&format!("warning: {line}\n"));
    }

    /// Prints a complaint about what was typed.
    pub fn complaint(&self, words: &Safe) {
        tell(&format!("{words}\n"));
    }

    /// Whether what is printed has colours.
    #[must_use]
    pub const fn is_colored(&self) -> bool {
        self.colored
    }

    /// An error as programs read it.
    pub(super) fn trouble(&self, error: &Error) -> Trouble {
        self.trouble_of(&error.report())
    }

    /// The same of one that is taken apart already.
    pub(super) fn trouble_of(&self, report: &Report) -> Trouble {
        Trouble::of(report, &self.profile)
    }

    /// An error as lines, for whoever shows them in another place.
    #[must_use]
    pub fn lines_of(&self, report: &Report) -> Vec<Safe> {
        report.render(&self.profile)
    }

    /// Prints the error that ends a command: with `--json` also as the last line of data.
    pub fn failure(&self, error: &Error) {
        let report = error.report();
        self.failed(&report);
        self.error(&report);
    }

    /// Prints in these words what is wrong with the command line: with `--json` also as the only line of data.
    pub fn misuse(&self, error: &Error, words: &Safe) {
        self.failed(&error.report());
        self.complaint(words);
    }

    /// With `--json`, an error as the last line of data. It is said once more in words.
    fn failed(&self, report: &Report) {
        if self.json {
            let trouble = Trouble::of(report, &self.profile);
            let at = Clock::new().unix_time();
            let line = json::line(&Event::new(at, Failure { trouble }));
            let _ = writeln!(streams::json(), "{line}");
        }
    }

    /// Prints an error.
    pub fn error(&self, report: &Report) {
        let mut text = String::new();
        for line in report.render(&self.profile) {
            let line = line.as_str();
            match line.strip_prefix("error:").filter(|_| self.colored) {
                Some(rest) => text += &format!("\u{1b}[1;31merror:\u{1b}[0m{rest}\n"),
                None => text += &format!("{line}\n"),
            }
        }
        tell(&text);
    }

    /// A command for the user, with the flags that it needs to mean the same profile.
    #[must_use]
    pub fn command(&self, command: &Suggestion) -> Safe {
        command.shell(&self.profile)
    }
}

/// Prints text on standard error, in one piece: it may share a terminal or a file with what others print.
fn tell(text: &str) {
    // Nobody is left to tell when standard error is gone.
    let _ = streams::stderr().write_all(text.as_bytes());
}

fn written(result: io::Result<()>) -> Result<(), Error> {
    match result {
        // Whoever prints may have something to end first, such as a session.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Error::ReaderGone),
        Err(error) => Err(Error::output(&error)),
        Ok(()) => Ok(()),
    }
}

/// `--home` and `--identity`, if they came by flag or environment.
fn profile(globals: &Globals) -> Vec<Safe> {
    let flags = [("--home", &globals.home), ("--identity", &globals.identity)];
    let given = flags.into_iter().filter_map(|(flag, path)| {
        let path = path.as_deref()?;
        Some([flag.into(), Safe::from(path)])
    });
    given.flatten().collect()
}

/// Whether errors are coloured: as `--color` says, else as the environment and the terminal say.
fn wants_color(color: Color) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if set("CLICOLOR_FORCE") => true,
        Color::Auto => {
            let is_without = |term: OsString| !has_colors(&term.to_string_lossy());
            let is_mono = std::env::var_os("TERM").is_some_and(is_without);
            // Old Windows consoles show the escapes.
            io::stderr().is_terminal() && !is_mono && !cfg!(windows)
        }
    }
}

/// Whether a terminal that calls itself this, as `TERM` does, shows colours. Those of DEC have none that we could ask for, and
/// terminfo has variants without for those of others.
fn has_colors(term: &str) -> bool {
    let is_dec = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let is_old = term.strip_prefix("vt").is_some_and(is_dec);
    let is_variant = term.ends_with("-mono") || term.ends_with("-m");
    term != "dumb" && !is_old && !is_variant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_that_are_known_to_have_no_colours_get_none() {
        for term in [
            "dumb",
            "vt52",
            "vt100",
            "vt220-8bit",
            "xterm-mono",
            "linux-m",
        ] {
            assert!(!has_colors(term), "{term}");
        }
        for term in [
            "",
            "xterm",
            "xterm-256color",
            "linux",
            "vte-256color",
            "screen",
        ] {
            assert!(has_colors(term), "{term}");
        }
    }
}
