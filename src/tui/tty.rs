//! What the system says of the terminal.

pub use imp::{is_gone, is_in_foreground};

/// What a terminal is taken for that tells of no columns or rows: a serial line has none, nor has one that ssh was asked for
/// by a program.
const USUAL: (u16, u16) = (80, 24);

/// Columns and rows by what the terminal tells of them.
pub(super) const fn usable(width: u16, height: u16) -> (u16, u16) {
    if width == 0 || height == 0 {
        return USUAL;
    }
    (width, height)
}

#[cfg(unix)]
mod imp {
    use std::io::stdin;

    use rustix::io::Errno;
    use rustix::process::getpgrp;
    use rustix::termios::{tcgetattr, tcgetpgrp};

    /// Whether the terminal is this job's, and not that of a shell which let the job go on behind itself: the system
    /// stops whoever changes its modes from there. So too where there are no jobs.
    #[must_use]
    pub fn is_in_foreground() -> bool {
        tcgetpgrp(stdin()).map_or(true, |group| group == getpgrp())
    }

    /// Whether nobody is at the terminal any more: its window was closed. Whoever ignores hang-ups is not told, and in the
    /// background nobody reads it.
    #[must_use]
    pub fn is_gone() -> bool {
        matches!(tcgetattr(stdin()), Err(Errno::IO | Errno::NOTTY))
    }
}

#[cfg(not(unix))]
mod imp {
    /// Always: there are no jobs here.
    #[must_use]
    pub fn is_in_foreground() -> bool {
        true
    }

    /// Never: reading fails then.
    #[must_use]
    pub fn is_gone() -> bool {
        false
    }
}
