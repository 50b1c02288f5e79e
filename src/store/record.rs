//! Files that are written bit by bit while the program runs, and that must not exist before.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use super::error::{Error, Operation};
use super::os;
use super::permissions::{Access, check_file, check_parents};

/// Creates a record for this user only and, where these are wanted too, a file for the keys to it: both, or none.
///
/// The keys are refused where others can put another file in their place, and where the file system does not keep others
/// from reading them.
///
/// # Errors
/// `AlreadyExists`, `DiskFull`, `Io`; for the keys also `UnsafeDirectory`, `UnsafePermissions`, `WrongOwner`.
pub fn create_records(record: &Path, keys: Option<&Path>) -> Result<(File, Option<File>), Error> {
    let key_file = keys.map(create_secret).transpose()?;
    match create(record) {
        Ok(record) => Ok((record, key_file)),
        Err(error) => {
            keys.into_iter().for_each(undo);
            Err(error)
        }
    }
}

fn create_secret(path: &Path) -> Result<File, Error> {
    let during = |error: Error| error.during(Operation::Create);
    check_parents(path).map_err(during)?;
    let file = create(path)?;
    let metadata = file.metadata();
    let checked = metadata
        .map_err(|error| Error::io(path, Operation::Create, error))
        .and_then(|metadata| check_file(path, &metadata, Access::Owner).map_err(during));
    if let Err(error) = checked {
        undo(path);
        return Err(error);
    }
    Ok(file)
}

fn create(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    os::set_creation_mode(&mut options, Access::Owner.mode());
    options
        .open(path)
        .map_err(|error| Error::io(path, Operation::Create, error))
}

/// Takes away what was made a moment ago, so that the same command works once the cause is gone.
fn undo(path: &Path) {
    // It is empty; the error that is told matters more.
    let _ = fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::store::ErrorKind;

    #[test]
    fn both_files_are_made_or_none() {
        let home = tempfile::tempdir().unwrap();
        let [record, keys] = ["record", "keys"].map(|name| home.path().join(name));
        fs::write(&record, "from before").unwrap();
        let error = create_records(&record, Some(&keys)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::AlreadyExists));
        assert!(!keys.exists());
        assert_eq!(fs::read(&record).unwrap(), b"from before");
        fs::rename(&record, &keys).unwrap();
        create_records(&record, Some(&keys)).unwrap_err();
        assert!(!record.exists());
        assert_eq!(fs::read(&keys).unwrap(), b"from before");
        create_records(&record, Some(&record)).unwrap_err();
        assert!(!record.exists(), "keys have a file of their own");
        fs::remove_file(&keys).unwrap();
        let (mut record, keys) = create_records(&record, Some(&keys)).unwrap();
        record.write_all(b"x").unwrap();
        keys.unwrap().write_all(b"x").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_for_their_owner_alone_and_refused_where_others_can_replace_them() {
        use crate::store::os::testing::{mode, set_mode, symlink};
        let home = tempfile::tempdir().unwrap();
        let [record, keys] = ["record", "keys"].map(|name| home.path().join(name));
        set_mode(home.path(), 0o777);
        let error = create_records(&record, Some(&keys)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnsafeDirectory { .. }));
        assert!(!record.exists() && !keys.exists());
        set_mode(home.path(), 0o700);
        symlink(home.path().join("elsewhere"), &keys).unwrap();
        create_records(&record, Some(&keys)).unwrap_err();
        assert!(
            !home.path().join("elsewhere").exists(),
            "no link is followed"
        );
        fs::remove_file(&keys).unwrap();
        create_records(&record, Some(&keys)).unwrap();
        assert_eq!((mode(&record), mode(&keys)), (0o600, 0o600));
    }
}
