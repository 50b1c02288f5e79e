//! The machine and the terminal.

use std::io::{IsTerminal, stdin, stdout};

use crate::cli::doctor::Patient;
use crate::cli::doctor::check::{Check, Outcome};
use crate::cli::doctor::{clipboard, notifications};
use crate::cli::{ExitCode, streams, talk};
use crate::net::check_entropy;
use crate::store::{Mode, mode_of_terminal, written_at};
use crate::text::{Charset, safe_line};
use crate::time::UnixTime;
use crate::tui::{MIN_HEIGHT, MIN_WIDTH, Terminal};

/// No clock that is right stands before this program was written: 1 November 2026.
const WRITTEN: UnixTime = UnixTime(1_793_491_200_000);

/// How a paste is known from what is typed.
const PASTES: &str = if cfg!(windows) {
    "what comes as fast as nobody types is taken for pasted"
} else {
    "it is taken to mark what is pasted"
};

pub(super) fn look(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = vec![terminal(patient), text(patient)];
    checks.extend(mode_of_terminal().and_then(written_by_others));
    checks.extend([
        notifications::look(patient),
        clipboard::look(),
        clock(patient),
        entropy(),
    ]);
    checks
}

/// Who else can write to the terminal, by its mode. That a group can is usual, and for programs that say whose words they bring;
/// what nobody else can is not told.
fn written_by_others(mode: u32) -> Option<Check> {
    let (outcome, who) = match mode {
        _ if mode & 0o002 != 0 => (Outcome::Warning, "every user of this machine"),
        _ if mode & 0o020 != 0 => (Outcome::Good, "what has its group's rights (write, wall)"),
        _ => return None,
    };
    let words = format!("mode {mode:04o}: {who} can write to it, also what looks like a message");
    let check = Check::plain("terminal's mode", outcome, &words);
    Some(check.advice("mesg n, if nobody is to do so"))
}

fn terminal(patient: &Patient<'_>) -> Check {
    let what = "terminal";
    let then = match patient.config.mode {
        Mode::Auto | Mode::Plain => "conversations are plain lines",
        Mode::Tui => "with [ui] mode = \"tui\" no conversation opens",
    };
    if !stdin().is_terminal() || !stdout().is_terminal() {
        let words = format!("this is none: {then} here");
        return Check::plain(what, Outcome::Skipped, &words);
    }
    if !talk::moves_cursor() {
        let words = format!("it cannot move its cursor (TERM): {then}");
        return Check::plain(what, Outcome::Warning, &words)
            .advice("set TERM as your terminal wants it, such as TERM=xterm-256color");
    }
    let Ok((width, height)) = Terminal::size() else {
        return Check::plain(what, Outcome::Warning, "its size is not known")
            .advice("use securechat --plain");
    };
    let words = format!("{width} columns, {height} rows; {PASTES}");
    if width < MIN_WIDTH || height < MIN_HEIGHT {
        let check = Check::plain(what, Outcome::Warning, &words);
        let size = format!("make it {MIN_WIDTH} columns and {MIN_HEIGHT} rows at least");
        return check.advice(safe_line(&(size + ", or use --plain")));
    }
    Check::plain(what, Outcome::Good, &words)
}

fn text(patient: &Patient<'_>) -> Check {
    let what = "text";
    let color = if patient.out.is_colored() {
        "colours"
    } else {
        "no colours"
    };
    if streams::of_terminal() == Charset::Utf8 {
        return Check::plain(what, Outcome::Good, &format!("UTF-8, {color}"));
    }
    Check::plain(
        what,
        Outcome::Warning,
        &format!("the locale is not UTF-8, {color}: what is not ASCII shows as <U+00E9>"),
    )
    .advice("set LANG to a locale with UTF-8, such as C.UTF-8")
}

/// A clock that stands before what was written by it is wrong, or was.
fn clock(patient: &Patient<'_>) -> Check {
    let (what, now) = ("clock", patient.clock.unix_time());
    let paths = &patient.paths;
    let files = [
        paths.identity().to_owned(),
        paths.known_peers(),
        paths.config(),
    ];
    let newest = files.iter().filter_map(|path| written_at(path)).max();
    let advice =
        "set the clock; only what you see of times depends on it, and how long messages are kept";
    if now < WRITTEN {
        return Check::plain(
            what,
            Outcome::Warning,
            "it stands before this program was written",
        )
        .advice(advice);
    }
    let behind = newest.map_or(0, |newest| newest.0.saturating_sub(now.0) / 1_000);
    if behind > 60 {
        let words = format!("it stands {behind} s before the newest of our files");
        return Check::plain(what, Outcome::Warning, &words).advice(advice);
    }
    Check::plain(what, Outcome::Good, "later than all of our files")
}

fn entropy() -> Check {
    match check_entropy() {
        Ok(()) => Check::plain("random numbers", Outcome::Good, "the system has some"),
        Err(error) => Check::new(
            "random numbers",
            Outcome::Failed(ExitCode::Fixable),
            safe_line(&error.to_string()),
        )
        .advice("look at the system's log; without random numbers there are no keys"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_others_can_write_to_is_told_of() {
        let outcome = |mode| written_by_others(mode).map(|check| check.outcome);
        assert_eq!(outcome(0o600), None);
        assert_eq!(outcome(0o620), Some(Outcome::Good));
        assert_eq!(outcome(0o622), Some(Outcome::Warning));
        let words = written_by_others(0o620).unwrap().result;
        assert!(
            words
                .as_str()
                .starts_with("mode 0620: what has its group's rights")
        );
    }
}
