//! Reading what is left of a damaged store. Its file is not touched.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::backends::InMemoryBackend;
use redb::{ReadTransaction, ReadableDatabase, StorageBackend};

use super::file;
use super::history::{Filter, Found, MESSAGES};
use super::keys::{Keys, Table};
use super::record::LogRecord;
use super::restore::for_each;
use super::trouble::{Fault, Loss, StoreTrouble, trouble};
use crate::crypto::StaticSecret;
use crate::store::error::{Error, Operation};

/// What can be read of a store, to be exported.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// The messages, oldest first.
    pub found: Found,
    /// What cannot be read.
    pub loss: Loss,
}

impl Salvaged {
    /// Reads what a store at `path` still has. It works on a copy in memory.
    ///
    /// # Errors
    /// `UnsafePermissions`, `WrongOwner`, `Io`; `Store` if not even the key can be read.
    pub fn read(path: &Path, secret: &StaticSecret, filter: &Filter) -> Result<Self, Error> {
        let fail = |error| Error::io(path, Operation::Read, error);
        let mut bytes = Vec::new();
        let mut file = file::open_checked(path, false)?;
        file.read_to_end(&mut bytes).map_err(fail)?;
        Self::from_bytes(&bytes, path, secret, filter)
    }

    /// As [`Salvaged::read`], from the bytes of the file.
    ///
    /// # Errors
    /// `Store` if not even the key can be read.
    pub fn from_bytes(
        bytes: &[u8],
        path: &Path,
        secret: &StaticSecret,
        filter: &Filter,
    ) -> Result<Self, Error> {
        // The database checks what it reads, but not all of it: a page may say something impossible.
        let read = || salvage(bytes, path, secret, filter);
        let read = catch_unwind(AssertUnwindSafe(read));
        read.unwrap_or_else(|_| Err(broken(path)))
    }
}

fn salvage(
    bytes: &[u8],
    path: &Path,
    secret: &StaticSecret,
    filter: &Filter,
) -> Result<Salvaged, Error> {
    let copy = InMemoryBackend::new();
    let filled = copy
        .set_len(bytes.len() as u64)
        .and_then(|()| copy.write(0, bytes));
    filled.map_err(|error| Error::io(path, Operation::Read, error))?;
    let database = file::build(copy, path)?;
    let keys = file::keys(&database, path, secret)?;
    let transaction = database.begin_read();
    let transaction = transaction.map_err(|error| Fault::from(error).at(path, Operation::Read))?;
    Ok(Salvaged::collect(&transaction, &keys, filter))
}

impl Salvaged {
    fn collect(transaction: &ReadTransaction, keys: &Keys, filter: &Filter) -> Self {
        let (mut found, mut loss) = (Found::default(), Loss::default());
        for table in MESSAGES {
            let before = found.unreadable;
            let is_whole = found.add(transaction, keys, table, filter).is_ok();
            loss.frame |= !is_whole;
            *loss.count(table) += found.unreadable - before;
        }
        let is_whole = for_each(transaction, keys, Table::Seen, |_, text| {
            let log = text.and_then(|text| LogRecord::decode(&text));
            loss.seen += u64::from(log.is_none());
        });
        loss.frame |= is_whole.is_err();
        Self {
            found: found.finish(filter),
            loss,
        }
    }
}

fn broken(path: &Path) -> Error {
    let damaged = StoreTrouble::Damaged(Loss::FRAME);
    trouble(path, Operation::Read, damaged)
}
