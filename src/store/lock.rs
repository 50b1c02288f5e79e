//! One process per identity: two would use each other's counters and lose messages.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::atomic::create_parent;
use super::error::{Error, ErrorKind, Operation};
use super::os;
use super::permissions::{Access, check_parents};

/// Holds an identity for this process until it is dropped or the process ends, however it ends.
///
/// The operating system keeps the lock on the opened file; the file itself stays, since removing
/// it would let two processes lock two files of one name. It holds our process number, so that
/// the second process can name the first.
#[derive(Debug)]
pub struct IdentityLock {
    file: File,
}

impl IdentityLock {
    /// Takes the lock at `path`, making the file and its directory if need be.
    ///
    /// # Errors
    /// `UnsafeDirectory`; `InUse` with the other process's number if it is taken (on Windows without the number: a
    /// locked file cannot be read there).
    pub fn acquire(path: &Path) -> Result<Self, Error> {
        let fail = |error: io::Error| Error::writing(path, Operation::Lock, error);
        create_parent(path)?;
        check_parents(path)?;
        let mut file = open(path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let kind = ErrorKind::InUse { pid: holder(file) };
                return Err(Error::new(path, Operation::Lock, kind));
            }
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        write_pid(&mut file).map_err(fail)?;
        Ok(Self { file })
    }
}

impl Drop for IdentityLock {
    /// Leaves no stale number behind. To close the file alone would not end the lock while a command is being
    /// started, which has a copy of whatever is open until it runs.
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// Opens a lock file, which is never truncated by opening.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    os::set_creation_mode(&mut options, Access::Owner.mode());
    options.open(path)
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
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
        let copy = lock.file.try_clone().unwrap();
        drop(lock);
        IdentityLock::acquire(&path).unwrap();
        drop(copy);
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
        fs::write(&path, "4294967296 and more garbage\n").unwrap();
        let lock = IdentityLock::acquire(&path).unwrap();
        // Windows lets nobody read what is locked, its own process included.
        let readable = fs::read_to_string(&path).ok();
        assert!(readable.is_some() || cfg!(windows));
        if let Some(pid) = readable {
            assert_eq!(pid.trim(), std::process::id().to_string());
        }
        drop(lock);
    }
}
