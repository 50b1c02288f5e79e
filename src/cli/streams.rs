//! Standard output and standard error. A terminal that takes no UTF-8 gets ASCII alone; files, pipes and programs get
//! all there is.

use std::io::{self, IsTerminal, Stderr, Stdout};

use crate::cli::args::Globals;
use crate::store::Config;
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
    charset_in(locale().as_deref(), cfg!(windows))
}

/// Whether our own signs are to be ASCII: as a flag or the settings say, or where signs that are no letters may be as wide as
/// two.
pub(super) fn wants_ascii(globals: &Globals, config: &Config) -> bool {
    let is_wide = || locale().is_some_and(|locale| has_wide_signs(&locale));
    globals.ascii || config.ascii.unwrap_or_else(is_wide)
}

/// Of Chinese, Japanese and Korean, in whose character sets lines and arrows have the width of a letter (UAX #11: ambiguous).
fn has_wide_signs(locale: &str) -> bool {
    let language = locale.split(['_', '.', '@']).next();
    language.is_some_and(|language| ["zh", "ja", "ko"].contains(&language))
}

/// How the environment says that letters are written.
fn locale() -> Option<String> {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    names.into_iter().find_map(|name| {
        let value = std::env::var(name).ok()?;
        (!value.is_empty()).then_some(value)
    })
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
    fn the_locale_says_where_signs_may_be_wide() {
        for locale in ["zh_CN.UTF-8", "ja_JP.UTF-8", "ko_KR.utf8", "ja", "zh_TW@x"] {
            assert!(has_wide_signs(locale), "{locale}");
        }
        for locale in ["C.UTF-8", "de_DE.UTF-8", "kok_IN.UTF-8", ""] {
            assert!(!has_wide_signs(locale), "{locale}");
        }
    }

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
