//! Who shows a conversation: a printer of lines, a screen, or a stream of events.
//!
//! The loop tells all of them the same; people in the same words, programs the facts behind them. What differs is
//! who knows what: lines and events are told once and stay, a screen shows how things stand, and asks for what is
//! to be done.

mod events;
mod orders;
mod ringer;
mod screen;

use std::io::{self, IsTerminal as _, Stderr, Stdout, stderr, stdout};
use std::time::Duration;

pub(super) use self::events::Events;
pub(super) use self::orders::Order;
pub(super) use self::ringer::Ringer;
pub(super) use self::screen::{Alerts, Screen, read_keys};

use crate::calendar::Stamp;
use crate::chat::{Incoming, Outgoing, Received};
use crate::cli::talk::fact::{Fact, Said, Who};
use crate::cli::talk::{moves_cursor, through};
use crate::cli::{Error, Out, streams};
use crate::id::PeerId;
use crate::plain::{Mark, Own, Printer};
use crate::text::{Outlet, Safe, safe_line};
use crate::time::UnixTime;
use crate::tui::Told;

/// A message that was written so long ago shows when.
const LATE: Duration = Duration::from_secs(120);

/// The printer of lines.
type Lines = Printer<Outlet<Stdout>, Outlet<Stderr>>;

/// One of them.
pub(super) enum Face {
    /// Lines that are only ever appended, and what calls whoever sits at their terminal.
    Lines(Lines, Option<Box<Ringer>>),
    /// The whole terminal.
    Screen(Box<Screen>),
    /// Standard output, for a program.
    Events(Box<Events>),
    /// Nobody: words about how things stand, and nothing of what is said.
    Service(Lines),
    /// Nobody, and a record of events on standard output: who may read it answers nobody.
    Record(Box<Events>),
}

impl Face {
    /// Events on standard output.
    pub(super) fn events() -> Self {
        Self::Events(Box::new(Events::new(streams::json())))
    }

    /// A record of them.
    pub(super) fn record() -> Self {
        Self::Record(Box::new(Events::new(streams::json())))
    }

    pub(super) const fn is_screen(&self) -> bool {
        matches!(self, Self::Screen(_))
    }

    pub(super) const fn is_events(&self) -> bool {
        matches!(self, Self::Events(_) | Self::Record(_))
    }

    /// Whether what is said is for those who listen to the socket.
    pub(super) const fn is_service(&self) -> bool {
        matches!(self, Self::Service(_) | Self::Record(_))
    }

    pub(super) fn screen(&mut self) -> Option<&mut Screen> {
        match self {
            Self::Screen(screen) => Some(screen),
            Self::Lines(..) | Self::Events(_) | Self::Service(_) | Self::Record(_) => None,
        }
    }

    /// Tells a screen; nothing else has a place for it.
    pub(super) fn show(&mut self, told: Told) {
        if let Self::Screen(screen) = self {
            screen.tell(told);
        }
    }

    const fn printer(&mut self) -> Option<&mut Lines> {
        match self {
            Self::Lines(printer, _) | Self::Service(printer) => Some(printer),
            Self::Screen(_) | Self::Events(_) | Self::Record(_) => None,
        }
    }

    /// Tells a program what has happened.
    pub(super) fn event(&mut self, fact: &Fact, at: UnixTime) {
        if let Self::Events(events) | Self::Record(events) = self {
            events.tell(fact, at);
        }
    }

    /// What telling it has failed with.
    ///
    /// # Errors
    /// That.
    pub(super) fn take_failure(&mut self) -> io::Result<()> {
        match self {
            Self::Events(events) | Self::Record(events) => {
                events.take_failure().map_or(Ok(()), Err)
            }
            Self::Lines(..) | Self::Screen(_) | Self::Service(_) => Ok(()),
        }
    }

    /// Gives a screen's terminal back. What is told from now on is told in lines.
    pub(super) fn close(&mut self, lines: Lines) {
        if self.is_screen() {
            *self = Self::Lines(lines, None);
        }
    }

    /// Shows a message of somebody's at this time, marked if it was perhaps shown before: it came at `came` then.
    /// Returns whether it is before somebody's eyes by that.
    ///
    /// # Errors
    /// What printing it fails with.
    pub(super) fn said(
        &mut self,
        (peer, label): (PeerId, &Safe),
        message: &Incoming,
        at: UnixTime,
        came: Option<UnixTime>,
    ) -> io::Result<bool> {
        let is_again = came.is_some();
        let is_seen = !self.is_service();
        let (printer, ringer) = match self {
            Self::Screen(screen) => {
                screen.said((peer, label), message, came.unwrap_or(at), is_again);
                return Ok(false);
            }
            Self::Events(events) | Self::Record(events) => {
                let (label, key) = (label.clone(), peer);
                let said = Said::incoming(Who { label, key }, message, is_again);
                events.write(&Fact::Message(said), at)?;
                return Ok(is_seen);
            }
            // Those who listen are told by the loop.
            Self::Service(_) => return Ok(false),
            Self::Lines(printer, ringer) => (printer, ringer),
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
        // Whoever starts the program is there: what came before does not call.
        if let Some(ringer) = ringer.as_mut().filter(|_| !is_again) {
            ringer.said(label, core::str::from_utf8(&message.body).ok());
        }
        Ok(true)
    }

    /// Tells that a message of ours was accepted, and under which number and name. A screen has its own answer.
    ///
    /// # Errors
    /// As [`Face::said`].
    pub(super) fn own(&mut self, own: &Own, message: &Outgoing) -> io::Result<()> {
        match self {
            Self::Lines(printer, _) => {
                let at = Stamp::local(message.sent_at);
                printer.own(&at, own, &String::from_utf8_lossy(&message.body))
            }
            Self::Screen(_) | Self::Events(_) | Self::Service(_) | Self::Record(_) => Ok(()),
        }
    }

    /// Tells that a line was not accepted.
    pub(super) fn refused(&mut self, why: &Safe) {
        match self {
            Self::Lines(printer, _) => printer.warn(&(Safe::from("not sent: ") + why)),
            // Whoever asked for it has an answer.
            Self::Screen(_) | Self::Events(_) | Self::Service(_) | Self::Record(_) => {}
        }
    }

    /// Tells that a message of ours is at this point for longer than usual. A screen shows that all the
    /// time.
    ///
    /// # Errors
    /// As [`Face::said`].
    pub(super) fn progress(&mut self, at: UnixTime, own: &Own, state: &Safe) -> io::Result<()> {
        match self {
            Self::Lines(printer, _) => printer.progress(&Stamp::local(at), own, state),
            Self::Screen(_) | Self::Events(_) | Self::Service(_) | Self::Record(_) => Ok(()),
        }
    }

    /// Tells what became of a message of ours.
    ///
    /// # Errors
    /// As [`Face::said`].
    pub(super) fn outcome(&mut self, at: UnixTime, own: &Own, state: &Safe) -> io::Result<()> {
        match self {
            Self::Lines(printer, _) => printer.outcome(&Stamp::local(at), own, state),
            Self::Screen(_) | Self::Events(_) | Self::Service(_) | Self::Record(_) => Ok(()),
        }
    }

    /// Tells how things stand, with somebody or at all.
    pub(super) fn note(&mut self, about: Option<PeerId>, words: &Safe) {
        match self {
            Self::Lines(printer, _) | Self::Service(printer) => printer.note(words),
            Self::Screen(screen) => screen.note(about, words),
            // A program has the fact.
            Self::Events(_) | Self::Record(_) => {}
        }
    }

    /// Tells something that must be seen.
    pub(super) fn warn(&mut self, about: Option<PeerId>, words: &Safe) {
        match self {
            Self::Lines(printer, _) | Self::Service(printer) => printer.warn(words),
            Self::Screen(screen) => screen.note(about, words),
            // What concerns a program is an event beside it.
            Self::Events(_) | Self::Record(_) => {}
        }
    }

    /// Tells an error that does not end the program.
    pub(super) fn complain(&mut self, about: Option<PeerId>, error: &Error, out: &Out) {
        match self {
            Self::Lines(printer, _) | Self::Service(printer) => {
                printer.interrupt();
                out.error(&error.report());
            }
            Self::Screen(screen) => {
                for line in out.lines_of(&error.report()) {
                    screen.note(about, &line);
                }
            }
            Self::Events(_) | Self::Record(_) => {}
        }
    }

    /// Puts a text into the clipboard of whoever looks at the terminal, in lines; says what became of it.
    ///
    /// # Errors
    /// Why that cannot be done, and what can.
    pub(super) fn copy(&self, text: &str) -> Result<&'static str, Safe> {
        if !stderr().is_terminal() && !stdout().is_terminal() {
            return Err(NO_TERMINAL.into());
        }
        if !moves_cursor() {
            return Err(DUMB.into());
        }
        let through = through();
        let written = write_to_terminal(&through.clipboard(text));
        written.map_err(|error| safe_line(&error.to_string()))?;
        Ok(through.copied())
    }

    /// Calls for the messages that came too soon after one that was called for. A screen does so by itself.
    pub(super) fn ring(&mut self) {
        if let Self::Lines(_, Some(ringer)) = self {
            ringer.ring();
        }
    }

    /// Begins the line that is typed next. A screen has its own.
    pub(super) fn prompt(&mut self, words: &Safe) {
        if let Some(printer) = self.printer() {
            printer.prompt(words);
        }
    }

    /// A line has been typed to its end.
    pub(super) fn entered(&mut self) {
        if let Self::Lines(_, Some(ringer)) = self {
            ringer.hush();
        }
        if let Some(printer) = self.printer() {
            printer.entered();
        }
    }

    /// Ends the line that is being typed.
    pub(super) fn interrupt(&mut self) {
        if let Some(printer) = self.printer() {
            printer.interrupt();
        }
    }
}

/// Why there is no clipboard.
const NO_TERMINAL: &str = "neither standard output nor standard error is a terminal, whose clipboard it would be; \
    what is kept of the conversation: /export FILE";
const DUMB: &str = "TERM says that this terminal takes no commands, and so none for its clipboard; \
    what is kept of the conversation: /export FILE";

/// Writes what is for the terminal itself, on whichever stream that is.
fn write_to_terminal(sequence: &str) -> io::Result<()> {
    if stderr().is_terminal() {
        write(streams::stderr(), sequence)
    } else {
        write(streams::stdout(), sequence)
    }
}

fn write(mut to: impl io::Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
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
