//! One process per identity: two would use each other's counters and lose messages.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::atomic::create_parent;
use super::error::{Error, ErrorKind, Operation};
use super::os;
use super::permissions::{Access, check_file};

/// No lock has more in it: a process number and a break.
const MAX_LEN: u64 = 16;

/// Holds an identity for this process until it is dropped or the process ends, however it ends.
///
/// The operating system keeps the lock on the opened file; the file itself stays, since removing
/// it would let two processes lock two files of one name. It holds our process number, so that
/// the second process can name the first.
#[derive(Debug)]
pub struct IdentityLock {
    /// None where no file can be made, and so none can be locked by others.
    file: Option<File>,
    may_write: bool,
}

impl IdentityLock {
    /// Takes the lock at `path`, making the file and its directory if need be.
    ///
    /// # Errors
    /// `UnsafeDirectory`; `Malformed`, `WrongOwner` or `UnsafePermissions` for what is no lock of ours; `InUse` with the
    /// other process's number if it is taken (on Windows without the number: a locked file cannot be read there).
    pub fn acquire(path: &Path) -> Result<Self, Error> {
        create_parent(path)?;
        Self::take(path, open(path)?)
    }

    fn take(path: &Path, file: File) -> Result<Self, Error> {
        let locked = file.try_lock();
        let mut file = held(path, file, locked)?;
        // A courtesy. It holds without: what lies on a full disk can be read, and deleted to make room.
        let _ = write_pid(&mut file);
        let may_write = true;
        let file = Some(file);
        Ok(Self { file, may_write })
    }

    /// As [`IdentityLock::acquire`], for whoever may not write if [`IdentityLock::may_write`] says so: on a read-only file
    /// system the lock is shared with others who only read, and where it has no file there nobody holds it.
    ///
    /// # Errors
    /// Those of [`IdentityLock::acquire`].
    pub fn acquire_to_read(path: &Path) -> Result<Self, Error> {
        match Self::acquire(path) {
            Err(error) if error.is_read_only_file_system() => Self::share(path),
            acquired => acquired,
        }
    }

    fn share(path: &Path) -> Result<Self, Error> {
        let may_write = false;
        let mut options = OpenOptions::new();
        let file = match open_checked(path, options.read(true), Error::io) {
            Err(error) if error.is_missing() => None,
            opened => {
                let file = opened?;
                let locked = file.try_lock_shared();
                Some(held(path, file, locked)?)
            }
        };
        Ok(Self { file, may_write })
    }

    /// Whether nobody else reads or writes what is the identity's meanwhile.
    #[must_use]
    pub const fn may_write(&self) -> bool {
        self.may_write
    }
}

/// A file that is locked, or who has it.
fn held(path: &Path, file: File, locked: Result<(), TryLockError>) -> Result<File, Error> {
    match locked {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let kind = ErrorKind::InUse { pid: holder(file) };
            Err(Error::new(path, Operation::Lock, kind))
        }
        Err(TryLockError::Error(error)) => Err(Error::writing(path, Operation::Lock, error)),
    }
}

impl Drop for IdentityLock {
    /// Leaves no stale number behind. To close the file alone would not end the lock while a command is being
    /// started, which has a copy of whatever is open until it runs.
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = file.set_len(0);
            let _ = file.unlock();
        }
    }
}

/// Opens a lock file, made if it is not there. Opening never truncates it.
///
/// # Errors
/// `Malformed` if it is no file, such as a link; `WrongOwner`; `UnsafePermissions` if others could hold it; `ReadOnly`, `Io`.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    os::set_creation_mode(&mut options, Access::Owner.mode());
    open_checked(path, &mut options, Error::writing)
}

/// Opens what is a lock of ours and nothing else: it is emptied later, and a link could lead to a secret key.
fn open_checked(
    path: &Path,
    options: &mut OpenOptions,
    fail: fn(&Path, Operation, io::Error) -> Error,
) -> Result<File, Error> {
    // Before opening, too: opening a pipe would wait for a writer.
    check(path)?;
    os::follow_no_link(options);
    let fail = |error| fail(path, Operation::Lock, error);
    let file = options.open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    check_lock(path, &metadata)?;
    Ok(file)
}

/// Whether it is a lock and nothing else of ours: a hard link could lead to a secret key as well.
fn check_lock(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let checked = check_file(path, metadata, Access::Owner);
    checked.map_err(|error| error.during(Operation::Lock))?;
    if metadata.len() > MAX_LEN {
        let reason = "it is no lock: there is something else in it";
        let kind = ErrorKind::Malformed { reason };
        return Err(Error::new(path, Operation::Lock, kind));
    }
    Ok(())
}

/// Looks whether what is there, if anything is, is a lock of ours; false if nothing is.
///
/// # Errors
/// `Malformed` if it is no file, such as a link; `WrongOwner`; `UnsafePermissions` if others could hold it; `Io`.
pub(super) fn check(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => check_lock(path, &metadata).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(path, Operation::Lock, error)),
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_LEN).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state/a.lock");
        let first = IdentityLock::acquire(&path).unwrap();
        let error = IdentityLock::acquire(&path).unwrap_err();
        let ErrorKind::InUse { pid } = error.kind() else {
            panic!("{error}")
        };
        if cfg!(unix) {
            assert_eq!(*pid, Some(std::process::id()));
        }
        drop(first);
        IdentityLock::acquire(&path).unwrap();
    }

    #[test]
    fn a_command_that_is_being_started_keeps_no_lock() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.lock");
        let lock = IdentityLock::acquire(&path).unwrap();
        let copy = lock.file.as_ref().unwrap().try_clone().unwrap();
        drop(lock);
        IdentityLock::acquire(&path).unwrap();
        drop(copy);
    }

    /// What is kept could be neither read nor deleted to make room.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_number_that_cannot_be_written_is_no_reason_not_to_hold_it() {
        // Every write there fails.
        let full = Path::new("/dev/full");
        let file = File::options().read(true).write(true).open(full).unwrap();
        assert!(IdentityLock::take(full, file).unwrap().may_write());
    }

    #[test]
    fn whoever_only_reads_is_kept_off_by_who_writes_and_by_nobody_who_reads() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.lock");
        let none = IdentityLock::share(&path).unwrap();
        assert!(!none.may_write() && !path.exists());
        let writes = IdentityLock::acquire_to_read(&path).unwrap();
        assert!(writes.may_write());
        let in_use = |taken: Result<IdentityLock, Error>| {
            let error = taken.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::InUse { .. }), "{error}");
        };
        in_use(IdentityLock::share(&path));
        in_use(IdentityLock::acquire_to_read(&path));
        drop(writes);
        let readers = [(); 2].map(|()| IdentityLock::share(&path).unwrap());
        in_use(IdentityLock::acquire(&path));
        drop(readers);
        IdentityLock::acquire(&path).unwrap();
    }

    #[test]
    fn another_identity_is_free() {
        let home = tempfile::tempdir().unwrap();
        let _a = IdentityLock::acquire(&home.path().join("a.lock")).unwrap();
        let _b = IdentityLock::acquire(&home.path().join("b.lock")).unwrap();
    }

    #[test]
    fn what_a_crash_left_behind_does_not_matter() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.lock");
        drop(open(&path).unwrap());
        fs::write(&path, "4294967296 or so").unwrap();
        let lock = IdentityLock::acquire(&path).unwrap();
        // Windows lets nobody read what is locked, its own process included.
        let readable = fs::read_to_string(&path).ok();
        assert!(readable.is_some() || cfg!(windows));
        if let Some(pid) = readable {
            assert_eq!(pid.trim(), std::process::id().to_string());
        }
        drop(lock);
    }

    /// A link that somebody else had laid emptied the secret key beside it, whatever the command was: a hard one, too.
    #[cfg(unix)]
    #[test]
    fn what_is_no_lock_is_not_emptied() {
        let home = tempfile::tempdir().unwrap();
        let names = ["key", "a.lock", "b.lock", "c.lock"];
        let [key, link, fifo, name] = names.map(|name| home.path().join(name));
        let secret = b"a secret of 32 bytes, as base64.";
        fs::write(&key, secret).unwrap();
        os::testing::set_mode(&key, 0o600);
        os::testing::symlink(&key, &link).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        fs::hard_link(&key, &name).unwrap();
        for path in [&link, &fifo, &name] {
            for take in [IdentityLock::acquire, IdentityLock::share] {
                let error = take(path).unwrap_err();
                assert_eq!(
                    (error.path(), error.operation()),
                    (Some(&**path), Operation::Lock)
                );
                assert!(
                    matches!(error.kind(), ErrorKind::Malformed { .. }),
                    "{error}"
                );
            }
        }
        assert_eq!(fs::read(&key).unwrap(), secret);
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_that_others_could_hold_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.lock");
        drop(IdentityLock::acquire(&path).unwrap());
        for mode in [0o644, 0o606] {
            os::testing::set_mode(&path, mode);
            for take in [IdentityLock::acquire, IdentityLock::share] {
                let error = take(&path).unwrap_err();
                assert!(
                    matches!(error.kind(), ErrorKind::UnsafePermissions { .. }),
                    "{error}"
                );
            }
        }
    }
}
