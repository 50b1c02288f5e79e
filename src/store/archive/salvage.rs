//! Reading what is left of a damaged store. Its file is not touched.

use std::path::Path;

use redb::{ReadTransaction, ReadableDatabase, StorageBackend};

use super::file;
use super::keys::{Keys, Table};
use super::overlay::{Overlay, look, look_and_keep};
use super::record::Record;
use super::restore::{for_each, for_each_log};
use super::search::{Entry, Filter, MESSAGES};
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

/// What was looked up, all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The messages, oldest first.
    pub entries: Vec<Entry>,
    /// How many of all messages in the store cannot be read.
    pub unreadable: u64,
}

impl Salvaged {
    /// Reads what a store at `path` still has. What it mends, it mends in
    /// memory.
    ///
    /// # Errors
    /// `UnsafePermissions`, `WrongOwner`, `Io`; `Store` if not even the key can be read.
    pub fn read(path: &Path, secret: &StaticSecret, filter: &Filter) -> Result<Self, Error> {
        let open = || file::open_checked(path, false);
        let mut salvaged = Self::over(open()?, path, secret, filter)?;
        let overlay = Overlay::unlocked(open()?);
        let overlay = overlay.map_err(|error| Error::io(path, Operation::Read, error))?;
        // Every row that is there may open, and others be gone.
        salvaged.loss.frame |= file::check_over(overlay, path).is_err();
        Ok(salvaged)
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
        // Closing a damaged database may panic as well.
        let (read, looked) = look_and_keep(|read| {
            let database = file::build(overlay, path)?;
            let keys = file::keys(&database, path, secret)?;
            let transaction = database.begin_read().map_err(|error| fail(error.into()))?;
            *read = Some(Self::collect(&transaction, &keys, filter));
            Ok(())
        });
        match (read, looked) {
            (Some(mut salvaged), looked) => {
                salvaged.loss.frame |= looked.is_none();
                Ok(salvaged)
            }
            (None, Some(Err(error))) => Err(error),
            (None, _) => {
                let damaged = StoreTrouble::Damaged(Loss::FRAME);
                Err(trouble(path, Operation::Read, damaged))
            }
        }
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
        found.entries.sort_by_key(|entry| entry.at);
        Self { found, loss }
    }
}

impl Found {
    /// Adds what one table has. After an error it has what came before.
    fn add(
        &mut self,
        transaction: &ReadTransaction,
        keys: &Keys,
        table: Table,
        filter: &Filter,
    ) -> Result<(), Fault> {
        let words = filter.words.as_ref().map(|words| words.to_lowercase());
        for_each(transaction, keys, table, |_, text| {
            let Some(record) = text.as_deref().and_then(|text| Record::view(text)) else {
                self.unreadable += 1;
                return;
            };
            if filter.admits(&record, words.as_deref()) {
                self.entries.push(Entry::new(&record, table));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::chat::{ConversationId, Kind, LogId, Name, Outgoing};
    use crate::id::PeerId;
    use crate::store::{Archive, Keep};
    use crate::time::UnixTime;

    #[test]
    fn a_file_that_is_not_as_it_was_written_is_incomplete_even_if_every_row_opens() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("store");
        let secret = StaticSecret::from_bytes(&mut [1; 32]);
        let open = || {
            let rng = Box::new(ChaCha20Rng::from_seed([9; 32]));
            Archive::open(&path, &secret, Keep::Forever, rng, UnixTime(1))
        };
        let (mut archive, _) = open().unwrap();
        let message = Outgoing {
            name: Name {
                log: LogId(1),
                sequence: 0,
            },
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: UnixTime(1),
            body: b"hello".as_slice().into(),
        };
        let contact = PeerId::new([7; 32]).into();
        let queued = archive.change(UnixTime(1), |change| change.queue(contact, &message));
        queued.unwrap();
        drop(archive);
        let whole = fs::read(&path).unwrap();
        let everything = Filter::default();
        // Behind the pages of the database's own.
        let written = (12_288..whole.len()).filter(|at| whole[*at] != 0);
        let quiet = written.step_by(7).find_map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x20;
            fs::write(&path, &bytes).unwrap();
            let rows = file::open_checked(&path, false).unwrap();
            let rows = Salvaged::over(rows, &path, &secret, &everything);
            let is_quiet = rows.is_ok_and(|it| it.loss.is_none() && it.found.entries.len() == 1);
            (is_quiet && open().is_err()).then_some(())
        });
        quiet.expect("a byte that no row has");
        let salvaged = Salvaged::read(&path, &secret, &everything).unwrap();
        assert_eq!(
            (salvaged.found.entries.len(), salvaged.loss),
            (1, Loss::FRAME)
        );
    }
}
