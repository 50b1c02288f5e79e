//! What the terminal can do, and whether a conversation is shown on all of it.

use std::ffi::OsStr;
use std::io::{IsTerminal, stdin, stdout};

use crate::cli::args::Globals;
use crate::cli::{Context, Error};
use crate::store::{self, Config, Mode};
use crate::text::Safe;
use crate::tui::{Osc, Through};

/// Whether a conversation is shown on the whole terminal.
///
/// # Errors
/// SC45 if the settings want that and nothing else, and there is no terminal for it.
pub(in crate::cli) fn wants_screen(context: &Context) -> Result<bool, Error> {
    if wants_lines(&context.globals) {
        return Ok(false);
    }
    match (context.config.mode, obstacle()) {
        (Mode::Auto | Mode::Tui, None) => Ok(true),
        (Mode::Auto, Some(_)) | (Mode::Plain, _) => Ok(false),
        (Mode::Tui, Some(reason)) => Err(no_screen(reason.into(), context)),
    }
}

/// Whether somebody wants lines for this run: by a flag, by `ACCESSIBLE`, or by a log that goes to the terminal.
pub(super) fn wants_lines(globals: &Globals) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let has_log = globals.verbose > 0 || globals.log_level.is_some();
    let logs_here = has_log && globals.log.is_none();
    globals.json || globals.plain || globals.no_input || set("ACCESSIBLE") || logs_here
}

/// Whether there is a terminal for a whole screen.
pub(super) fn has_screen() -> bool {
    obstacle().is_none()
}

/// Whether there is a terminal that somebody can type at.
pub(in crate::cli) fn has_typist() -> bool {
    stdin().is_terminal()
}

/// Whether what is said there is shown there, too.
pub(in crate::cli) fn has_terminal() -> bool {
    has_typist() && stdout().is_terminal()
}

/// What is in the way of a whole screen.
fn obstacle() -> Option<&'static str> {
    if !has_typist() {
        Some("standard input is no terminal")
    } else if !stdout().is_terminal() {
        Some("standard output is no terminal")
    } else {
        (!moves_cursor()).then_some("the terminal cannot move its cursor, as TERM says")
    }
}

pub(super) fn no_screen(reason: Safe, context: &Context) -> Error {
    Error::NoScreen {
        settings: context.paths.config(),
        reason,
    }
}

/// Whether the terminal can move its cursor, as `TERM` says.
pub(in crate::cli) fn moves_cursor() -> bool {
    can_move(std::env::var_os("TERM").as_deref(), cfg!(windows))
}

/// The consoles of Windows can, and set no `TERM`.
fn can_move(term: Option<&OsStr>, is_windows: bool) -> bool {
    term.map_or(is_windows, |term| term != "dumb" && !term.is_empty())
}

/// By which sequence the terminal is told, and what has to pass that on.
pub(in crate::cli) fn by_terminal(config: &Config) -> (Osc, Through) {
    let term = std::env::var("TERM").unwrap_or_default();
    let osc = match config.osc {
        store::Osc::Auto => Osc::of(&term),
        store::Osc::Osc9 => Osc::Nine,
        store::Osc::Osc777 => Osc::SevenSevenSeven,
        store::Osc::Osc99 => Osc::NinetyNine,
    };
    (osc, through())
}

/// What is between us and the terminal.
pub(in crate::cli) fn through() -> Through {
    let term = std::env::var("TERM").unwrap_or_default();
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    Through::of(&term, is_set("TMUX"), is_set("STY"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_of_windows_needs_no_term() {
        for (term, unix, windows) in [
            (None, false, true),
            (Some("xterm"), true, true),
            (Some("dumb"), false, false),
            (Some(""), false, false),
        ] {
            let term = term.map(OsStr::new);
            assert_eq!(can_move(term, false), unix, "{term:?}");
            assert_eq!(can_move(term, true), windows, "{term:?}");
        }
    }
}
