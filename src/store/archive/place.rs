//! Whether a store is still the file of its name. Whoever moves, deletes or replaces it while a program has it open
//! leaves that program with a file that no start finds again.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use super::trouble::{Fault, StoreTrouble};
use crate::store::os;

/// Which file a store was opened as.
#[derive(Debug)]
pub(super) struct Place(Option<os::FileId>);

impl Place {
    /// That of a store that lies in no file.
    pub(super) const NOWHERE: Self = Self(None);

    /// That of an open file. Where files have no numbers (Windows) nobody moves one that is open: see
    /// [`os::hold_name`].
    pub(super) fn of(file: &Metadata) -> Self {
        Self(os::file_id(file))
    }

    /// Makes sure that this path still leads there.
    ///
    /// # Errors
    /// `Missing`, `Replaced`; what the system says if it does not tell.
    pub(super) fn check(&self, path: &Path) -> Result<(), Fault> {
        let Some(opened) = self.0 else {
            return Ok(());
        };
        match fs::metadata(path) {
            Ok(found) if os::file_id(&found) == Some(opened) => Ok(()),
            Ok(_) => Err(StoreTrouble::Replaced.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreTrouble::Missing.into())
            }
            Err(error) => Err(redb::StorageError::Io(error).into()),
        }
    }
}
