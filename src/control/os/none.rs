//! Where there are no such sockets.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Inspected;

fn unsupported() -> io::Error {
    io::Error::from(io::ErrorKind::Unsupported)
}

pub(in crate::control) const fn max_descriptors() -> Option<u64> {
    None
}

/// Where a control socket would be: nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Infallible);

/// None.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::control) struct FileId(Infallible);

/// None.
#[derive(Debug)]
pub(in crate::control) struct Stream(Infallible);

/// None.
#[derive(Debug)]
pub(in crate::control) struct Listener(Infallible);

/// None.
#[derive(Debug)]
pub(in crate::control) struct Waker(Infallible);

impl Waker {
    pub(in crate::control) fn wake(self) {
        match self.0 {}
    }
}

impl Place {
    /// There is none.
    ///
    /// # Errors
    /// `Unsupported`, always.
    pub fn new(_: PathBuf) -> io::Result<Self> {
        Err(unsupported())
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self.0 {}
    }

    /// Nothing.
    ///
    /// # Errors
    /// None.
    pub fn inspect(&self) -> io::Result<Option<Inspected>> {
        match self.0 {}
    }

    pub(in crate::control) fn connect(&self, _: Duration) -> io::Result<Stream> {
        match self.0 {}
    }

    pub(in crate::control) fn listen(self) -> io::Result<(Listener, Waker)> {
        match self.0 {}
    }

    pub(in crate::control) fn listen_anew(self) -> io::Result<(Listener, Waker)> {
        match self.0 {}
    }

    pub(in crate::control) fn file(&self) -> io::Result<FileId> {
        match self.0 {}
    }
}

impl Listener {
    pub(in crate::control) fn file(&self) -> FileId {
        match self.0 {}
    }

    pub(in crate::control) fn accept(&self) -> io::Result<Stream> {
        match self.0 {}
    }

    pub(in crate::control) fn waits(&self) -> bool {
        match self.0 {}
    }

    pub(in crate::control) fn pause(&self, _: Duration) {
        match self.0 {}
    }
}

impl Stream {
    pub(in crate::control) fn check_user(&self) -> io::Result<()> {
        match self.0 {}
    }

    pub(in crate::control) fn share(&self) -> Self {
        match self.0 {}
    }

    pub(in crate::control) fn waits_for_input(&self, _: Option<Duration>) -> bool {
        match self.0 {}
    }

    pub(in crate::control) fn shut_down(&self) {
        match self.0 {}
    }

    pub(in crate::control) fn wait_for_its_end(&self) {
        match self.0 {}
    }

    pub(in crate::control) fn set_patience(&self, _: Option<Duration>) -> io::Result<()> {
        match self.0 {}
    }

    pub(in crate::control) fn set_write_patience(&self, _: Duration) -> io::Result<()> {
        match self.0 {}
    }
}

impl io::Read for Stream {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl io::Write for Stream {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}
