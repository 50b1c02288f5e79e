//! Looks at files without using them, for whoever wants to know what is wrong: the rules are those of
//! their readers.

use std::fs;
use std::io;
use std::path::Path;

use super::atomic::{look, parent};
use super::error::{Error, Operation};
use super::permissions::{
    Access, check_file, check_nearest_parents, check_own_place, check_private,
};
use super::timestamps::first_unused;
use super::{lock, os};
use crate::time::UnixTime;

/// Checks a file and every directory above it as its reader does; false if there is no such file: then
/// the directories that exist are checked. `is_secret`: others must not even read it.
///
/// # Errors
/// `UnsafePermissions`, `UnsafeDirectory`, `WrongOwner`, `Malformed` if it is no file, `LinkToNothing`, `Io`.
pub fn check_place(path: &Path, is_secret: bool) -> Result<bool, Error> {
    let access = if is_secret {
        Access::Owner
    } else {
        Access::OthersRead
    };
    match look(path) {
        Ok(metadata) => {
            check_file(path, &metadata, access)?;
            check_own_place(path)?;
            Ok(true)
        }
        Err(error) if error.is_missing() => {
            check_place_to_be(path)?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// As [`check_place`], of the lock of an identity.
///
/// # Errors
/// Those of [`check_place`].
pub fn check_lock(path: &Path) -> Result<bool, Error> {
    let is_there = lock::check(path)?;
    check_place_to_be(path)?;
    Ok(is_there)
}

fn check_place_to_be(path: &Path) -> Result<(), Error> {
    if parent(path).is_dir() {
        return check_own_place(path);
    }
    check_nearest_parents(path)
}

/// Whether there is such a file, whoever may use it.
///
/// # Errors
/// `LinkToNothing`, `Io`.
pub fn is_there(path: &Path) -> Result<bool, Error> {
    match look(path) {
        Ok(_) => Ok(true),
        Err(error) if error.is_missing() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Checks that this user can make or replace a file, in its directory or in the nearest one above that exists.
///
/// # Errors
/// `ReadOnly`.
pub fn check_writable(path: &Path) -> Result<(), Error> {
    let Some(there) = path.ancestors().skip(1).find(|above| above.is_dir()) else {
        return Ok(());
    };
    os::check_writable(there).map_err(|error| Error::writing(path, Operation::Write, error))
}

/// Checks that a directory is for its owner alone; false if there is none.
///
/// # Errors
/// `UnsafePermissions`, `UnsafeDirectory`, `WrongOwner`, `Io`.
pub fn check_private_dir(directory: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(directory) {
        Ok(_) => check_private(directory).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(directory, Operation::Read, error)),
    }
}

/// When a file was last written; none if there is none, or the system does not say.
#[must_use]
pub fn written_at(path: &Path) -> Option<UnixTime> {
    let written = fs::metadata(path).ok()?.modified().ok()?;
    let since = written.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok().map(UnixTime)
}

/// The time that the handshake timestamps of an identity have come to, by their file alone; none if there is no file.
///
/// # Errors
/// Those of [`reserve_timestamps`](super::reserve_timestamps) for the file.
pub fn timestamps_used_until(path: &Path) -> Result<Option<UnixTime>, Error> {
    let first = first_unused(path)?;
    Ok((first > 0).then_some(UnixTime(first / 1_000_000)))
}

/// The bytes that this user may still write on the file system of `path`, or of the nearest directory
/// above it; none where the system does not tell.
#[must_use]
pub fn free_space(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|above| above.exists())?;
    os::free_space(there)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::id::Timestamp;
    use crate::store::error::ErrorKind;
    use crate::store::os::testing::set_mode;

    #[test]
    fn a_file_that_is_not_there_is_no_trouble_but_a_directory_that_others_can_write_to_is() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("not/there/yet");
        assert!(!check_place(&path, true).unwrap());
        set_mode(home.path(), 0o777);
        let error = check_place(&path, true).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnsafeDirectory { .. }));
    }

    #[test]
    fn what_is_there_is_held_to_the_rules_of_its_reader() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("k");
        fs::write(&path, "x").unwrap();
        set_mode(&path, 0o644);
        assert!(check_place(&path, false).unwrap());
        let error = check_place(&path, true).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnsafePermissions { .. }));
        assert!(check_lock(&path).is_err());
        assert!(written_at(&path).is_some() && free_space(&path).is_some());
    }

    #[test]
    fn a_lock_is_looked_at_as_it_is_taken_and_not_what_a_link_in_its_place_leads_to() {
        let home = tempfile::tempdir().unwrap();
        let [lock, link] = ["a.lock", "b.lock"].map(|name| home.path().join(name));
        assert!(!check_lock(&lock).unwrap());
        drop(crate::store::IdentityLock::acquire(&lock).unwrap());
        assert!(check_lock(&lock).unwrap());
        os::testing::symlink(&lock, &link).unwrap();
        let error = check_lock(&link).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Malformed { .. }),
            "{error}"
        );
        set_mode(home.path(), 0o1777);
        for path in [&lock, &home.path().join("none")] {
            for looked in [check_lock(path), check_place(path, true)] {
                let error = looked.unwrap_err();
                assert!(matches!(error.kind(), ErrorKind::UnsafeDirectory { .. }));
            }
        }
    }

    #[test]
    fn timestamps_that_were_reserved_are_a_time() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ts");
        assert_eq!(timestamps_used_until(&path).unwrap(), None);
        let now = UnixTime(1_795_000_000_000);
        crate::store::reserve_timestamps(&path, Timestamp(0), now).unwrap();
        let used = timestamps_used_until(&path).unwrap().unwrap();
        assert!(used > now && used.0 < now.0 + 2_000);
    }
}
