//! Reading what is left of a damaged store. Its file is not touched.

use std::path::Path;

use redb::{ReadTransaction, ReadableDatabase, StorageBackend};

use super::file;
use super::history::{Filter, Found, MESSAGES};
use super::keys::Keys;
use super::overlay::{Overlay, look};
use super::restore::for_each_log;
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
    /// Reads what a store at `path` still has. What it mends, it mends in
    /// memory.
    ///
    /// # Errors
    /// `UnsafePermissions`, `WrongOwner`, `Io`; `Store` if not even the key can be read.
    pub fn read(path: &Path, secret: &StaticSecret, filter: &Filter) -> Result<Self, Error> {
        Self::over(file::open_checked(path, false)?, path, secret, filter)
    }

    /// As [`Salvaged::read`], of a store that lies in something else than a file.
    ///
    /// # Errors
    /// `Io`; `Store` if not even the key can be read.
    pub fn over(
        backend: impl StorageBackend,
        path: &Path,
        secret: &StaticSecret,
        filter: &Filter,
    ) -> Result<Self, Error> {
        let fail = |fault: Fault| fault.at(path, Operation::Read);
        let overlay = Overlay::unlocked(backend);
        let overlay = overlay.map_err(|error| Error::io(path, Operation::Read, error))?;
        let salvaged = look(|| {
            let database = file::build(overlay, path)?;
            let keys = file::keys(&database, path, secret)?;
            let transaction = database.begin_read().map_err(|error| fail(error.into()))?;
            Ok(Self::collect(&transaction, &keys, filter))
        });
        salvaged.unwrap_or_else(|| {
            let damaged = StoreTrouble::Damaged(Loss::FRAME);
            Err(trouble(path, Operation::Read, damaged))
        })
    }

    fn collect(transaction: &ReadTransaction, keys: &Keys, filter: &Filter) -> Self {
        let (mut found, mut loss) = (Found::default(), Loss::default());
        for table in MESSAGES {
            let before = found.unreadable;
            // Each by itself: what was read before a panic is kept.
            let added = look(|| found.add(transaction, keys, table, filter));
            loss.frame |= !matches!(added, Some(Ok(())));
            *loss.count(table) += found.unreadable - before;
        }
        let counted = look(|| {
            for_each_log(transaction, keys, |_, log| {
                loss.seen += u64::from(log.is_none());
            })
        });
        loss.frame |= !matches!(counted, Some(Ok(())));
        Self {
            found: found.finish(filter),
            loss,
        }
    }
}
