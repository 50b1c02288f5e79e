//! Standard output and standard error. A terminal that takes no UTF-8 gets ASCII alone; files, pipes and programs get
//! all there is.

use std::io::{self, IsTerminal, Stderr, Stdout};

use crate::text::{Charset, Outlet};

/// Standard output, for words.
pub(super) fn stdout() -> Outlet<Stdout> {
    Outlet::new(io::stdout(), charset_of(&io::stdout()))
}

/// Standard output, for JSON.
pub(super) fn json() -> Outlet<Stdout> {
    Outlet::json(io::stdout(), charset_of(&io::stdout()))
}

pub(super) fn stderr() -> Outlet<Stderr> {
    Outlet::new(io::stderr(), charset_of(&io::stderr()))
}

/// What standard output takes.
pub(super) fn of_stdout() -> Charset {
    charset_of(&io::stdout())
}

fn charset_of(stream: &impl IsTerminal) -> Charset {
    if stream.is_terminal() {
        of_terminal()
    } else {
        Charset::Utf8
    }
}

/// What a terminal takes, as the locale says. Where there is none it takes UTF-8: containers and services have none, and
/// terminals that take anything else are old. The consoles of Windows are told characters and no bytes.
pub(super) fn of_terminal() -> Charset {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let locale = names.into_iter().find_map(|name| {
        let value = std::env::var(name).ok()?;
        (!value.is_empty()).then_some(value)
    });
    charset_in(locale.as_deref(), cfg!(windows))
}

fn charset_in(locale: Option<&str>, is_windows: bool) -> Charset {
    let is_utf8 = |locale: &str| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    };
    if is_windows || locale.is_none_or(is_utf8) {
        Charset::Utf8
    } else {
        Charset::Ascii
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_says_what_a_terminal_takes() {
        for (locale, charset) in [
            (None, Charset::Utf8),
            (Some("C.UTF-8"), Charset::Utf8),
            (Some("ru_RU.utf8"), Charset::Utf8),
            (Some("UTF-8"), Charset::Utf8),
            (Some("C"), Charset::Ascii),
            (Some("POSIX"), Charset::Ascii),
            (Some("de_DE.ISO-8859-1"), Charset::Ascii),
            (Some("ru_RU.KOI8-R"), Charset::Ascii),
        ] {
            assert_eq!(charset_in(locale, false), charset, "{locale:?}");
            assert_eq!(charset_in(locale, true), Charset::Utf8, "{locale:?}");
        }
    }
}
