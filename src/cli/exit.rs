//! How the program ends, as a number that scripts may rely on.

use crate::net::Signal;

/// The exit codes. They are an interface: more may be added, none changes its meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ExitCode {
    /// Done what was asked.
    Done = 0,
    /// Another error that the user can mend: a bad file, a name that is taken.
    Fixable = 1,
    /// Wrong usage, or an answer was needed under `--no-input`.
    Usage = 2,
    /// The network: name not found, no answer, port closed, no route.
    Network = 3,
    /// Trust: a key that is unknown, changed or revoked, or the peer refused us.
    Trust = 4,
    /// The identity: none, a wrong passphrase, unsafe permissions.
    Identity = 5,
    /// Not delivered in time: it is kept, unless the error says that it is given up, or was never accepted.
    NotDelivered = 6,
    /// The peer speaks another version of the protocol.
    Version = 7,
    /// Local storage: disk full, read-only, damaged, or in use by another process.
    Storage = 8,
    /// A bug of ours.
    Bug = 70,
    /// SIGHUP, after a goodbye.
    HungUp = 129,
    /// SIGINT, after a goodbye.
    Interrupted = 130,
    /// SIGTERM, after a goodbye.
    Terminated = 143,
}

impl From<Signal> for ExitCode {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Hangup => Self::HungUp,
            Signal::Interrupt => Self::Interrupted,
            Signal::Terminate => Self::Terminated,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
