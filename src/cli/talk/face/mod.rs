//! Who shows a conversation: a printer of lines, or a screen.
//!
//! The loop tells both the same, and in the same words. What differs is who knows what: lines are told
//! once and stay, a screen shows how things stand, and asks for what is to be done.

mod screen;

use std::io::{self, Stderr, Stdout};
use std::time::Duration;

pub(super) use self::screen::{Order, Screen, read_keys};

use crate::chat::{Incoming, Name, Outgoing, Received, State};
use crate::cli::{Error, Out};
use crate::id::PeerId;
use crate::plain::{Mark, Own, Printer, Stamp};
use crate::text::Safe;
use crate::time::UnixTime;

/// A message that was written so long ago shows when.
const LATE: Duration = Duration::from_secs(120);

/// One of the two.
pub(super) enum Face {
    /// Lines that are only ever appended.
    Lines(Printer<Stdout, Stderr>),
    /// The whole terminal.
    Screen(Box<Screen>),
}

impl Face {
    pub(super) const fn is_screen(&self) -> bool {
        matches!(self, Self::Screen(_))
    }

    pub(super) fn screen(&mut self) -> Option<&mut Screen> {
        match self {
            Self::Lines(_) => None,
            Self::Screen(screen) => Some(screen),
        }
    }

    /// Gives a screen's terminal back. What is told from now on is told in lines.
    pub(super) fn close(&mut self, lines: Printer<Stdout, Stderr>) {
        if self.is_screen() {
            *self = Self::Lines(lines);
        }
    }

    /// Shows a message of somebody's. Returns whether it is before somebody's eyes by that.
    ///
    /// # Errors
    /// What printing it fails with.
    pub(super) fn said(
        &mut self,
        (peer, label): (PeerId, &Safe),
        message: &Incoming,
        at: UnixTime,
        is_again: bool,
    ) -> io::Result<bool> {
        let printer = match self {
            Self::Screen(screen) => {
                screen.said((peer, label), message, at, is_again);
                return Ok(false);
            }
            Self::Lines(printer) => printer,
        };
        if message.missing > 0 {
            printer.missing(label, message.missing)?;
        }
        let is_late = is_late(message.sent_at, at);
        let mark = Mark {
            written: is_late.then(|| Stamp::local(message.sent_at)),
            is_again,
        };
        let body = Received::from(message.body.as_slice());
        printer.said(&Stamp::local(at), label, &mark, body)?;
        Ok(true)
    }

    /// Tells that a message of ours was accepted, and under which number and name.
    ///
    /// # Errors
    /// As [`Face::said`].
    pub(super) fn own(&mut self, own: &Own, message: &Outgoing) -> io::Result<()> {
        match self {
            Self::Lines(printer) => {
                let at = Stamp::local(message.sent_at);
                printer.own(&at, own, &String::from_utf8_lossy(&message.body))
            }
            Self::Screen(screen) => {
                screen.accepted(message.name);
                Ok(())
            }
        }
    }

    /// Tells that what was to be said was not accepted.
    pub(super) fn refused(&mut self, why: &Safe) {
        match self {
            Self::Lines(printer) => printer.warn(&(Safe::from("not sent: ") + why)),
            Self::Screen(screen) => screen.refused(why),
        }
    }

    /// Tells how far a message of ours has come: a screen at once, lines by [`Face::progress`] and
    /// [`Face::outcome`].
    pub(super) fn moved(&mut self, peer: PeerId, name: Name, state: State) {
        if let Self::Screen(screen) = self {
            screen.moved(peer, name, state);
        }
    }

    /// Tells that a message of ours is at this point for longer than usual. A screen shows that all the
    /// time.
    ///
    /// # Errors
    /// As [`Face::said`].
    pub(super) fn progress(&mut self, at: UnixTime, own: &Own, state: &Safe) -> io::Result<()> {
        match self {
            Self::Lines(printer) => printer.progress(&Stamp::local(at), own, state),
            Self::Screen(_) => Ok(()),
        }
    }

    /// Tells what became of a message of ours.
    ///
    /// # Errors
    /// As [`Face::said`].
    pub(super) fn outcome(&mut self, at: UnixTime, own: &Own, state: &Safe) -> io::Result<()> {
        match self {
            Self::Lines(printer) => printer.outcome(&Stamp::local(at), own, state),
            Self::Screen(_) => Ok(()),
        }
    }

    /// Tells how things stand, with somebody or at all.
    pub(super) fn note(&mut self, about: Option<PeerId>, words: &Safe) {
        match self {
            Self::Lines(printer) => printer.note(words),
            Self::Screen(screen) => screen.note(about, words),
        }
    }

    /// Tells something that must be seen.
    pub(super) fn warn(&mut self, about: Option<PeerId>, words: &Safe) {
        match self {
            Self::Lines(printer) => printer.warn(words),
            Self::Screen(screen) => screen.note(about, words),
        }
    }

    /// Tells an error that does not end the program.
    pub(super) fn complain(&mut self, error: &Error, out: &Out) {
        match self {
            Self::Lines(printer) => {
                printer.interrupt();
                out.error(&error.report());
            }
            Self::Screen(screen) => {
                for line in out.lines_of(&error.report()) {
                    screen.note(None, &line);
                }
            }
        }
    }

    /// Begins the line that is typed next. A screen has its own.
    pub(super) fn prompt(&mut self, words: &Safe) {
        if let Self::Lines(printer) = self {
            printer.prompt(words);
        }
    }

    /// A line has been typed to its end.
    pub(super) fn entered(&mut self) {
        if let Self::Lines(printer) = self {
            printer.entered();
        }
    }

    /// Ends the line that is being typed.
    pub(super) fn interrupt(&mut self) {
        if let Self::Lines(printer) = self {
            printer.interrupt();
        }
    }
}

fn is_late(written: UnixTime, now: UnixTime) -> bool {
    let age = now.0.saturating_sub(written.0);
    u128::from(age) > LATE.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_old_is_late_whatever_the_other_clock_says() {
        let now = UnixTime(1_000_000_000);
        assert!(!is_late(now, now));
        assert!(!is_late(UnixTime(now.0 - 120_000), now));
        assert!(is_late(UnixTime(now.0 - 120_001), now));
        assert!(!is_late(UnixTime(u64::MAX), now), "of the future");
    }
}
