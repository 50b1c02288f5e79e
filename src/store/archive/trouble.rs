//! What goes wrong with a store, told apart as far as somebody can do something about it.

use core::fmt;
use std::io;
use std::path::Path;

use super::keys::Table;
use crate::store::error::{Error, ErrorKind, Operation};

/// What is wrong with a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreTrouble {
    /// Parts of it cannot be read (SC19). It is not written to.
    Damaged(Loss),
    /// It is none, or so damaged that nothing of it can be shown (SC19).
    Unreadable,
    /// It, its directory or its file system is read-only (SC18).
    ReadOnly,
    /// Its key does not open: it belongs to another identity, or that key is damaged (SC19).
    OtherIdentity,
    /// A later version of this program wrote it.
    Newer,
    /// Something could not be written before; nothing is since, until it is opened anew.
    Stopped,
    /// It was moved or deleted while it was open (SC18). Nothing is written to what is open.
    Missing,
    /// Another file has its name since it was opened (SC18). Nothing is written to either.
    Replaced,
}

/// What of a damaged store cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Loss {
    /// Whether the file is none of ours or its frame is broken, so that nobody knows how much it held.
    pub frame: bool,
    /// Messages of ours that were not delivered.
    pub outbox: u64,
    /// Logs of which is no longer known what was received: their messages may appear again.
    pub seen: u64,
    /// Messages to us that perhaps nobody has read.
    pub inbox: u64,
    /// Messages of the history.
    pub history: u64,
}

impl Loss {
    pub(super) const FRAME: Self = Self {
        frame: true,
        outbox: 0,
        seen: 0,
        inbox: 0,
        history: 0,
    };

    pub(super) const fn count(&mut self, table: Table) -> &mut u64 {
        match table {
            Table::Outbox => &mut self.outbox,
            Table::Seen => &mut self.seen,
            Table::Inbox => &mut self.inbox,
            Table::History | Table::Memory => &mut self.history,
        }
    }

    /// One unreadable row.
    pub(super) fn row(table: Table) -> Self {
        let mut loss = Self::default();
        *loss.count(table) = 1;
        loss
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.outbox, "unsent message", "unsent messages"),
            (self.inbox, "unread message", "unread messages"),
            (
                self.seen,
                "record of what was received",
                "records of what was received",
            ),
            (
                self.history,
                "message of the history",
                "messages of the history",
            ),
        ];
        let mut parts = Vec::new();
        if self.frame {
            parts.push("parts of unknown extent".to_owned());
        }
        for (count, one, many) in counts {
            if count > 0 {
                parts.push(format!("{count} {}", if count == 1 { one } else { many }));
            }
        }
        if parts.is_empty() {
            return f.write_str("nothing is missing");
        }
        write!(f, "it is damaged; lost: {}", parts.join(", "))
    }
}

impl fmt::Display for StoreTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(loss) => loss.fmt(f),
            Self::Unreadable => f.write_str("nothing of it can be read"),
            Self::ReadOnly => {
                f.write_str("it is read-only, and the messages of a session go there")
            }
            Self::OtherIdentity => f.write_str("its key does not open"),
            Self::Newer => f.write_str("a later version of this program wrote it"),
            Self::Stopped => f.write_str("it could not be written before"),
            Self::Missing => f.write_str("it was moved or deleted while this program had it open"),
            Self::Replaced => {
                f.write_str("another file took its place while this program had it open")
            }
        }
    }
}

pub(super) fn trouble(path: &Path, operation: Operation, trouble: StoreTrouble) -> Error {
    Error::new(path, operation, ErrorKind::Store(trouble))
}

/// Puts the database's errors into our words.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is the database's, and grows"
)]
pub(super) fn failure(path: &Path, operation: Operation, error: redb::Error) -> Error {
    let which = match error {
        redb::Error::Io(error) if !is_damage(&error) => return Error::io(path, operation, error),
        redb::Error::DatabaseAlreadyOpen => {
            return Error::new(path, Operation::Lock, ErrorKind::InUse { pid: None });
        }
        redb::Error::PreviousIo => StoreTrouble::Stopped,
        // Nothing else can come of what is asked of a database whose file is as it was written.
        _ => StoreTrouble::Damaged(Loss::FRAME),
    };
    trouble(path, operation, which)
}

/// What a file that was cut short or is none of ours gives.
pub(super) fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData
    )
}

/// Why a step of a change failed. [`Archive::change`](super::Archive::change) undoes the others and says
/// it in an [`Error`].
#[derive(Debug)]
pub struct Fault(Cause);

#[derive(Debug)]
enum Cause {
    Trouble(StoreTrouble),
    Database(Box<redb::Error>),
}

impl Fault {
    pub(super) fn at(self, path: &Path, operation: Operation) -> Error {
        match self.0 {
            Cause::Trouble(which) => trouble(path, operation, which),
            Cause::Database(error) => failure(path, operation, *error),
        }
    }
}

impl From<StoreTrouble> for Fault {
    fn from(trouble: StoreTrouble) -> Self {
        Self(Cause::Trouble(trouble))
    }
}

macro_rules! from_database {
    ($($error:ident)*) => {
        $(impl From<redb::$error> for Fault {
            fn from(error: redb::$error) -> Self {
                Self(Cause::Database(Box::new(error.into())))
            }
        })*
    };
}

from_database!(
    StorageError TableError TransactionError CommitError CompactionError DatabaseError SetDurabilityError
);
