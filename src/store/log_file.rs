//! The log: a file that grows, for its owner's eyes only.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::atomic::create_parent;
use super::error::{Error, Operation};
use super::os;
use super::permissions::{Access, check_file};

/// Opens a log for appending; makes it, readable by its owner only, if there is none.
///
/// # Errors
/// `UnsafePermissions` or `WrongOwner` if others can read it already, `Io`.
pub fn open_log(path: &Path) -> Result<File, Error> {
    let fail = |error: io::Error| Error::io(path, Operation::Write, error);
    create_parent(path)?;
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    os::set_creation_mode(&mut options, Access::Owner.mode());
    let file = options.open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    check_file(path, &metadata, Access::Owner)?;
    Ok(file)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;
    use crate::store::ErrorKind;
    use crate::store::os::testing::{mode, set_mode};

    #[test]
    fn a_log_grows_and_is_private() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("new/log");
        for line in ["a\n", "b\n"] {
            open_log(&path).unwrap().write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_log_that_others_can_read_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        drop(open_log(&path).unwrap());
        set_mode(&path, 0o644);
        let error = open_log(&path).unwrap_err();
        assert!(matches!(
            error.kind(),
            ErrorKind::UnsafePermissions { mode: 0o644, .. }
        ));
    }
}
