//! The file of known-peers: read if it is safe, changed under a lock, replaced as a whole.

use std::fs::{self, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{BYTE_ORDER_MARK, KnownPeers, Peer};
use crate::store::atomic::{
    Content, Disk, MAX_FILE_LEN, Staged, create_parent, read_bounded, read_checked, with_suffix,
};
use crate::store::error::{Error, ErrorKind, Operation};
use crate::store::permissions::{Access, check_file, check_parents};
use crate::store::stale::remove_stale;
use crate::store::stamp::Stamp;
use crate::store::{lock, os};

impl KnownPeers {
    /// Reads the file, every line of it; no file means nobody. One without a byte is none that we wrote: an editor on a full
    /// disk left it, or a shell that was to write something into it. Nor is it nobody where the list of before is still there.
    ///
    /// # Errors
    /// `DamagedLine`; `Emptied`, `Gone`; `UnsafePermissions`, `WrongOwner` or `UnsafeDirectory` if others could have
    /// added a key, or could read a psk; `LinkToNothing`, `Io`.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let peers = Self::load_despite_damage(path)?;
        peers.check_intact().map_err(|error| error.at(path))?;
        Ok(peers)
    }

    /// As [`KnownPeers::load`], of a file that is there.
    ///
    /// # Errors
    /// As [`KnownPeers::load`]; `Io` if there is none.
    pub fn load_existing(path: &Path) -> Result<Self, Error> {
        let Some((peers, _)) = read(path)? else {
            let missing = io::ErrorKind::NotFound.into();
            return Err(Error::io(path, Operation::Read, missing));
        };
        peers.check_intact().map_err(|error| error.at(path))?;
        Ok(peers)
    }

    /// As [`KnownPeers::load`], but leaves out damaged lines: to be listed, never to decide whom
    /// to trust, since a damaged line may be a revocation.
    ///
    /// # Errors
    /// Those of [`KnownPeers::load`] but `DamagedLine`.
    pub fn load_despite_damage(path: &Path) -> Result<Self, Error> {
        match read(path)? {
            Some((peers, _)) => Ok(peers),
            None => begin_anew(&follow(path)),
        }
    }

    /// The file's stamp when it was read: once [`Stamp::of`] differs, read again.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Reads the file, changes what it says and replaces it, keeping the former file as `.bak`.
    ///
    /// Two processes that do this wait for each other (a lock on a hidden file beside it). An
    /// editor knows no lock: the file is read once more just before it is replaced, and if it says something else by
    /// then, the change is made anew in that, three times in all. What is saved between that look and the rename,
    /// which are one right after the other, is lost.
    ///
    /// # Errors
    /// Those of [`KnownPeers::load`] and of `change`, after which the file is as before; `Gone`, `Held`,
    /// `ChangedMeanwhile`, `DiskFull`, `Io`. `NotSynced`: the change counts, unless the power fails now.
    pub fn update<T>(
        path: &Path,
        change: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        Self::update_on(&Disk::SYSTEM, COMMAND_PATIENCE, path, change)
    }

    /// As [`KnownPeers::update`], on this disk, waiting for others for no longer than this.
    ///
    /// # Errors
    /// Those of [`KnownPeers::update`].
    pub(super) fn update_on<T>(
        disk: &Disk,
        patience: Duration,
        path: &Path,
        mut change: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let held = Held::open(path, patience)?;
        for _ in 1..TRIES {
            match held.change(disk, &mut change) {
                Err(error) if matches!(error.kind(), ErrorKind::ChangedMeanwhile) => {}
                changed => return changed,
            }
        }
        held.change(disk, change)
    }
}

/// How often a change is made in what an editor keeps saving.
pub(super) const TRIES: u32 = 3;

/// A list that no process of ours but this one changes meanwhile.
struct Held {
    path: PathBuf,
    _lock: fs::File,
}

impl Held {
    /// Waits for others who change the file.
    fn open(path: &Path, patience: Duration) -> Result<Self, Error> {
        create_parent(path)?;
        let path = follow(path);
        let lock = hold(&path, patience)?;
        remove_stale(&path, "bak");
        Ok(Self { path, _lock: lock })
    }

    /// Reads the file, changes what it says and replaces it.
    fn change<T>(
        &self,
        disk: &Disk,
        change: impl FnOnce(&mut KnownPeers) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let path = &self.path;
        let (mut peers, before) = match read(path)? {
            Some((peers, before)) => (peers, Some(before)),
            None => (begin_anew(path)?, None),
        };
        peers.check_intact().map_err(|error| error.at(path))?;
        let result = change(&mut peers).map_err(|error| error.at(path))?;
        let mut content = peers.render();
        if is_empty(&content) {
            // The last line of a list that somebody made by hand: one without a byte is none.
            content = KnownPeers::default().render();
        }
        save(disk, path, &content, before)?;
        Ok(result)
    }
}

/// Reads a list that somebody else made, from a file that may be anybody's. Look at
/// [`KnownPeers::damage`].
///
/// # Errors
/// `Io`.
pub fn read_list(path: &Path) -> Result<KnownPeers, Error> {
    let fail = |error: io::Error| Error::io(path, Operation::Read, error);
    let file = fs::File::open(path).map_err(fail)?;
    read_list_from(file).map_err(|error| error.at(path))
}

/// As [`read_list`], from a pipe.
///
/// # Errors
/// `Io`, also if it is larger than a file may be.
pub fn read_list_from(source: impl Read) -> Result<KnownPeers, Error> {
    let read = read_bounded(source).map_err(ErrorKind::from);
    let bytes = read.map_err(|kind| Error::without_path(Operation::Read, kind))?;
    Ok(KnownPeers::parse(&bytes))
}

/// Where a link leads, so that the list is replaced and not the link to it.
fn follow(path: &Path) -> PathBuf {
    os::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// How long a command waits for others who change the list: longer than any of ours takes, but not for one that was
/// stopped in the midst of it.
const COMMAND_PATIENCE: Duration = Duration::from_secs(5);
/// From one look whether they have finished to the next.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until no other process changes the list.
fn hold(path: &Path, patience: Duration) -> Result<fs::File, Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let lock_path = path.with_file_name(format!(".{name}.lock"));
    let fail = |error: io::Error| Error::writing(&lock_path, Operation::Lock, error);
    let file = lock::open(&lock_path)?;
    for _ in 0..=patience.as_millis() / PAUSE.as_millis() {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::park_timeout(PAUSE),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
    }
    Err(Error::new(path, Operation::Lock, ErrorKind::Held))
}

/// A list with nobody, unless there was one before: who is revoked would be a stranger again.
///
/// # Errors
/// `Gone`.
fn begin_anew(path: &Path) -> Result<KnownPeers, Error> {
    match former(path) {
        Some(former) => Err(Error::new(
            path,
            Operation::Read,
            ErrorKind::Gone { former },
        )),
        None => Ok(KnownPeers::default()),
    }
}

/// The list as it was one change before, if anything is in it.
fn former(path: &Path) -> Option<PathBuf> {
    let former = with_suffix(path, ".bak");
    let is_there = fs::metadata(&former).is_ok_and(|metadata| metadata.len() > 0);
    is_there.then_some(former)
}

/// Whether there is nothing in a list: what we write begins with a remark.
fn is_empty(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    bytes.trim_ascii().is_empty()
}

type Bytes = Zeroizing<Vec<u8>>;

/// What is in the file, if it is there and safe.
fn read_bytes(path: &Path) -> Result<Option<Content>, Error> {
    match read_checked(path, Access::OthersRead) {
        Ok(content) => {
            check_parents(path)?;
            Ok(Some(content))
        }
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(path: &Path) -> Result<Option<(KnownPeers, Bytes)>, Error> {
    let Some(content) = read_bytes(path)? else {
        return Ok(None);
    };
    if is_empty(&content.bytes) {
        let former = former(&follow(path));
        return Err(Error::new(
            path,
            Operation::Read,
            ErrorKind::Emptied { former },
        ));
    }
    let mut peers = KnownPeers::parse(&content.bytes);
    if peers.peers().iter().any(Peer::has_psk) {
        check_file(path, &content.metadata, Access::Owner)?;
    }
    peers.stamp = Stamp::from_metadata(&content.metadata);
    Ok(Some((peers, content.bytes)))
}

pub(super) fn save(
    disk: &Disk,
    path: &Path,
    content: &Bytes,
    before: Option<Bytes>,
) -> Result<(), Error> {
    // Its owner could use none of it afterwards.
    if content.len() as u64 > MAX_FILE_LEN {
        let reason = "it would have more than 16 MiB, and could not be read again";
        let kind = ErrorKind::Malformed { reason };
        return Err(Error::new(path, Operation::Write, kind));
    }
    let Some(before) = before else {
        let list = Staged::write(path, content, Access::Owner)?;
        check_unchanged(path, None)?;
        return list.commit(disk, None);
    };
    if before == *content {
        return Ok(());
    }
    let backup_path = with_suffix(path, ".bak");
    let backup = Staged::write(&backup_path, &before, Access::Owner)?;
    let list = Staged::write(path, content, Access::Owner)?;
    // Before the list, which is as it was if this fails.
    let placed = backup.place(disk)?;
    let fail = |error: io::Error| Error::writing(path, Operation::Write, error);
    (disk.sync)(&placed, &backup_path).map_err(fail)?;
    // After all that waits for the disk.
    check_unchanged(path, Some(&before))?;
    list.commit(disk, Some(backup_path))
}

/// Succeeds if the file still says what it did.
///
/// # Errors
/// `ChangedMeanwhile`; those of reading it.
fn check_unchanged(path: &Path, before: Option<&Bytes>) -> Result<(), Error> {
    let now = read_bytes(path)?;
    if now.as_ref().map(|content| &content.bytes) == before {
        return Ok(());
    }
    let kind = ErrorKind::ChangedMeanwhile;
    Err(Error::new(path, Operation::Write, kind))
}
