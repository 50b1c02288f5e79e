//! The face for programs: events on standard output, one a line.

use std::io::{self, Stdout, Write};

use crate::cli::json::Event;
use crate::cli::talk::fact::Fact;
use crate::text::Outlet;
use crate::time::UnixTime;

/// Standard output as a stream of events.
pub(in crate::cli::talk) struct Events {
    out: Outlet<Stdout>,
    /// What writing has failed with, until it is looked at.
    failure: Option<io::Error>,
}

impl Events {
    pub(super) const fn new(out: Outlet<Stdout>) -> Self {
        Self { out, failure: None }
    }

    /// Writes an event.
    ///
    /// # Errors
    /// What writing to standard output fails with.
    pub(super) fn write(&mut self, fact: &Fact, at: UnixTime) -> io::Result<()> {
        let mut line = crate::json::line(&Event::new(at, fact));
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }

    /// Writes an event of which nobody waits to know whether it was written.
    pub(super) fn tell(&mut self, fact: &Fact, at: UnixTime) {
        if self.failure.is_none() {
            self.failure = self.write(fact, at).err();
        }
    }

    pub(super) const fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}
