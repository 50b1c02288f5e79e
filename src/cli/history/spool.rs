//! Lines that wait until others may have the identity: whoever reads them, such as a pager, may take an hour.

use crate::cli::Error;
use crate::cli::out::Out;
use crate::text::Safe;

/// Bytes of lines that wait at most. What is more is printed while the identity is still taken.
const MAX_WAITING: usize = 16 << 20;

pub(super) struct Spool<'a> {
    out: &'a Out,
    waiting: Vec<Safe>,
    /// Bytes of them.
    len: usize,
    /// How printing has gone so far.
    printed: Result<(), Error>,
    is_empty: bool,
}

impl<'a> Spool<'a> {
    pub(super) const fn new(out: &'a Out) -> Self {
        Self {
            out,
            waiting: Vec::new(),
            len: 0,
            printed: Ok(()),
            is_empty: true,
        }
    }

    /// Whether it takes more after this.
    pub(super) fn put(&mut self, line: Safe) -> bool {
        self.is_empty = false;
        self.len += line.as_str().len();
        self.waiting.push(line);
        if self.len > MAX_WAITING {
            self.print();
        }
        self.printed.is_ok()
    }

    /// Prints what waits. Whether there was anything at all.
    ///
    /// # Errors
    /// The first that printing met with.
    pub(super) fn finish(mut self) -> Result<bool, Error> {
        self.print();
        self.printed.map(|()| !self.is_empty)
    }

    fn print(&mut self) {
        if self.printed.is_ok() {
            self.printed = self.waiting.iter().try_for_each(|line| self.out.data(line));
        }
        self.waiting.clear();
    }
}
