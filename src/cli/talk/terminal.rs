//! What the terminal can do, and whether a conversation is shown on all of it.

use std::ffi::OsStr;
use std::io::{IsTerminal, stdin, stdout};

use crate::cli::args::Globals;

/// Whether there is a terminal for a whole screen, and nobody who wants lines: by `--plain`, by
/// `ACCESSIBLE`, by a terminal that cannot move its cursor, or by a log that goes to the terminal.
pub(in crate::cli) fn wants_screen(globals: &Globals) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let has_log = globals.verbose > 0 || globals.log_level.is_some();
    let logs_here = has_log && globals.log.is_none();
    let wants_lines = globals.json || globals.plain || globals.no_input || set("ACCESSIBLE");
    let has_terminal = stdin().is_terminal() && stdout().is_terminal();
    has_terminal && moves_cursor() && !wants_lines && !logs_here
}

/// Whether the terminal can move its cursor, as `TERM` says.
pub(in crate::cli) fn moves_cursor() -> bool {
    can_move(std::env::var_os("TERM").as_deref(), cfg!(windows))
}

/// The consoles of Windows can, and set no `TERM`.
fn can_move(term: Option<&OsStr>, is_windows: bool) -> bool {
    term.map_or(is_windows, |term| term != "dumb" && !term.is_empty())
}

/// Whether the terminal takes UTF-8, as the locale says. Where there is none it does.
pub(in crate::cli) fn is_unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| {
        let value = std::env::var(name).ok()?;
        (!value.is_empty()).then(|| value.to_ascii_lowercase())
    });
    locale.is_none_or(|locale| locale.contains("utf-8") || locale.contains("utf8"))
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
