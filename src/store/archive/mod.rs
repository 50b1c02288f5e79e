//! What outlives the process: messages that wait for their receipt, which ones were received, those
//! that perhaps nobody has seen, and the history. Source: docs/store.md.
//!
//! One redb file for each identity, whose values are sealed and whose rows name nobody. One
//! transaction is there as a whole or not at all, whatever happens to the process or the power.

mod change;
mod counted;
mod file;
mod history;
mod keep;
mod keys;
mod logs;
mod looking;
mod memory;
mod one;
mod orders;
mod overlay;
mod pages;
mod place;
mod record;
mod reserved;
mod restore;
mod salvage;
mod search;
#[cfg(test)]
mod tests;
mod times;
mod trouble;
mod view;

use core::fmt;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase, StorageBackend, WriteTransaction};

use super::error::{Error, Operation};
use crate::chat::ContactId;
use crate::crypto::StaticSecret;
use crate::id::Timestamp;
use crate::time::UnixTime;
pub use change::Change;
pub use counted::{Counted, NotCounted};
pub use file::check_beginning;
pub use keep::Keep;
use keys::Keys;
use logs::Logs;
use memory::Memory;
pub use one::{Around, Deletion};
pub use overlay::survives_panic;
pub use pages::{Cursor, NotACursor, Page, Search};
use place::Place;
pub use record::Standing;
pub use restore::{Restored, Unconfirmed};
pub use salvage::{Found, Salvaged};
pub use search::{Earlier, Entry, Filter, Way};
use times::Times;
pub use trouble::{Fault, Loss, StoreTrouble};
use view::View;

/// The store of one identity, opened for this process alone: messages that wait for their receipt, which ones were received,
/// those that perhaps nobody has seen, and the history. One [`Archive::change`] is there as a whole or not at all.
///
/// The owner of a [`Messenger`] writes here, never while it holds the core's lock:
///
/// 1. [`Messenger::prepare`], [`Change::queue`], [`Messenger::accept`]: nothing leaves that a crash forgets. What is not
///    accepted after all: [`Change::withdraw`].
/// 2. [`Event::Message`]: [`Change::receive`], [`Messenger::take`]: no receipt leaves before the message is
///    safe here.
/// 3. It is shown: [`Change::shown`]. In between a crash brings it back, to be shown as [`Unconfirmed`].
/// 4. [`Event::State`] with a final state: [`Change::settle`].
///
/// After an error of the disk nothing more is written until it is opened anew: whether the change that
/// failed is there is then known. Whoever gets an error does not take, accept or show what it was about.
///
/// [`Messenger`]: crate::chat::Messenger
/// [`Messenger::prepare`]: crate::chat::Messenger::prepare
/// [`Messenger::accept`]: crate::chat::Messenger::accept
/// [`Messenger::take`]: crate::chat::Messenger::take
/// [`Event::Message`]: crate::chat::Event::Message
/// [`Event::State`]: crate::chat::Event::State
pub struct Archive {
    database: Database,
    keys: Keys,
    path: PathBuf,
    place: Place,
    keep: Keep,
    /// Where what is over is kept as long as this is open, and no longer.
    memory: Option<Memory>,
    next_order: u64,
    fresh: BTreeMap<ContactId, u64>,
    logs: Logs,
    times: Times,
    /// The first handshake timestamp that is not known to be used.
    unused: Timestamp,
    rng: Box<dyn CryptoRng + Send>,
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Archive {
    /// Opens the store at `path`, or makes it, and says what an earlier process left behind. The caller
    /// holds the identity's lock.
    ///
    /// The database panics at some of what a damaged file has; that is caught here, and is an error. A panic hook that ends the
    /// process asks [`survives_panic`] first, and a program that is built with `panic = "abort"` ends at such a file.
    ///
    /// # Errors
    /// `UnsafePermissions`, `WrongOwner` or `UnsafeDirectory` if others could read or replace it, `InUse`
    /// if another process has it open, `DiskFull`, `Io` (on a read-only file system, too), and `Store`.
    /// A damaged store is left as it is: see [`Salvaged`].
    pub fn open(
        path: &Path,
        secret: &StaticSecret,
        keep: Keep,
        mut rng: Box<dyn CryptoRng + Send>,
        now: UnixTime,
    ) -> Result<(Self, Restored), Error> {
        let opened = file::open(path, secret, &mut *rng)?;
        Self::start(opened, path, secret, keep, rng, now)
    }

    /// As [`Archive::open`], of a store that is there, to look at it: it is not written, and what a start would change is
    /// changed in memory alone. So it can be where nothing can be written.
    ///
    /// # Errors
    /// Those of [`Archive::open`], but for what writing meets with.
    pub fn look(
        path: &Path,
        secret: &StaticSecret,
        keep: Keep,
        rng: Box<dyn CryptoRng + Send>,
        now: UnixTime,
    ) -> Result<(Self, Restored), Error> {
        Self::start(file::open_to_look(path)?, path, secret, keep, rng, now)
    }

    /// Opens a store that lies in something else than a file, or makes it there. `path`: what errors
    /// call it. A copy of `backend` stands for the same bytes.
    ///
    /// # Errors
    /// Those of [`Archive::open`].
    pub fn over(
        backend: impl StorageBackend + Clone,
        path: &Path,
        secret: &StaticSecret,
        keep: Keep,
        mut rng: Box<dyn CryptoRng + Send>,
        now: UnixTime,
    ) -> Result<(Self, Restored), Error> {
        let len = backend.len();
        if len.map_err(|error| Error::io(path, Operation::Read, error))? == 0 {
            drop(file::make(backend.clone(), path, secret, &mut *rng)?);
        }
        file::check(backend.clone(), path)?;
        let database = file::build(backend, path)?;
        let opened = (database, Place::NOWHERE);
        Self::start(opened, path, secret, keep, rng, now)
    }

    /// A store in memory, gone when it is closed: nothing is read, and nothing is written.
    ///
    /// # Errors
    /// `Store`.
    pub fn in_memory(
        secret: &StaticSecret,
        keep: Keep,
        mut rng: Box<dyn CryptoRng + Send>,
        now: UnixTime,
    ) -> Result<(Self, Restored), Error> {
        let path = Path::new("memory");
        let database = file::make(InMemoryBackend::new(), path, secret, &mut *rng)?;
        Self::start((database, Place::NOWHERE), path, secret, keep, rng, now)
    }

    fn start(
        (database, place): (Database, Place),
        path: &Path,
        secret: &StaticSecret,
        keep: Keep,
        mut rng: Box<dyn CryptoRng + Send>,
        now: UnixTime,
    ) -> Result<(Self, Restored), Error> {
        let keys = file::keys(&database, path, secret)?;
        let memory = (keep == Keep::Session).then(|| Memory::new(&mut *rng));
        let mut archive = Self {
            database,
            keys,
            path: path.to_owned(),
            place,
            keep,
            memory,
            next_order: 0,
            fresh: BTreeMap::new(),
            logs: Logs::default(),
            times: Times::default(),
            unused: Timestamp(0),
            rng,
        };
        let restored = archive.restore(now)?;
        archive.expire(now)?;
        Ok((archive, restored))
    }

    /// Writes any number of steps. When this returns without an error they are on the disk, all of them, in the file
    /// that has the store's name; if a step fails, none is.
    ///
    /// # Errors
    /// `DiskFull`, `Io`, `Store`: the change is undone. If the disk failed while it was being finished, or the file was
    /// moved just then, it may be there when the store is opened anew.
    pub fn change<R>(
        &mut self,
        now: UnixTime,
        write: impl FnOnce(&mut Change<'_>) -> Result<R, Fault>,
    ) -> Result<R, Error> {
        let path = &self.path;
        let fail = |fault: Fault| fault.at(path, Operation::Write);
        let transaction = self.begin_write().map_err(fail)?;
        if let Some(memory) = &mut self.memory {
            // Of a change that did not come to its end: it panicked.
            memory.drop_staged();
        }
        let result = write(&mut Change {
            transaction: &transaction,
            keys: &self.keys,
            rng: &mut *self.rng,
            next_order: &mut self.next_order,
            fresh: &mut self.fresh,
            logs: &mut self.logs,
            times: &mut self.times,
            memory: self.memory.as_mut(),
            keep: self.keep,
            now,
        });
        let result = match result {
            Ok(result) => {
                let committed = transaction.commit().map_err(Fault::from);
                let found = committed.and_then(|()| self.place.check(path));
                found.map(|()| result)
            }
            Err(fault) => {
                // What is wrong is known; that undoing it failed as well adds nothing.
                let _ = transaction.abort();
                Err(fault)
            }
        };
        // In memory after the disk: what is not over there yet would be found in both, and a crash in between takes
        // the memory in any case.
        if let Some(memory) = &mut self.memory {
            match &result {
                Ok(_) => memory.take_staged(),
                Err(_) => memory.drop_staged(),
            }
        }
        result.map_err(fail)
    }

    /// Closes it, which takes to the disk what has not waited for it: [`Archive::reserve_timestamps`]. Dropping it does the
    /// same, and nobody learns whether it failed.
    ///
    /// # Errors
    /// `DiskFull`, `Io`, `Store`.
    pub fn close(self) -> Result<(), Error> {
        let Self { database, path, .. } = self;
        let closed = database.close().map_err(Fault::from);
        closed.map_err(|fault| fault.at(&path, Operation::Write))
    }

    /// Makes sure that what was opened is still the file of its name: no other start finds what is written elsewhere.
    /// Every change does that before it writes and once it is on the disk.
    ///
    /// # Errors
    /// `Store` ([`StoreTrouble::Missing`], [`StoreTrouble::Replaced`]), `Io`.
    pub fn check_place(&self) -> Result<(), Error> {
        let found = self.place.check(&self.path);
        found.map_err(|fault| fault.at(&self.path, Operation::Write))
    }

    fn begin_write(&self) -> Result<WriteTransaction, Fault> {
        self.place.check(&self.path)?;
        Ok(self.database.begin_write()?)
    }

    /// What is kept of messages that are over.
    #[must_use]
    pub const fn keep(&self) -> Keep {
        self.keep
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read<R>(&self, read: impl FnOnce(&View<'_>) -> Result<R, Fault>) -> Result<R, Error> {
        let fail = |fault: Fault| fault.at(&self.path, Operation::Read);
        let transaction = self.database.begin_read();
        let transaction = transaction.map_err(|error| fail(error.into()))?;
        let view = View {
            disk: &transaction,
            keys: &self.keys,
            memory: self.memory.as_ref(),
        };
        read(&view).map_err(fail)
    }
}
