//! A file that lines are written into.

use std::path::{Path, PathBuf};

use crate::cli::Error;
use crate::store::{ErrorKind, Fresh};
use crate::text::Safe;

/// A file of lines for this user alone, which is in its place only once it is whole. Dropping it undoes it.
#[derive(Debug)]
pub(in crate::cli) struct Written {
    path: PathBuf,
    file: Fresh,
}

/// Makes sure that there is no file of this name yet.
///
/// # Errors
/// SC21.
pub(super) fn check_free(path: &Path) -> Result<(), Error> {
    if path.exists() {
        return Err(in_the_way(path));
    }
    Ok(())
}

fn in_the_way(path: &Path) -> Error {
    Error::OutputExists { path: path.into() }
}

impl Written {
    /// Begins it.
    ///
    /// # Errors
    /// SC21 if there is one of that name already; SC18.
    pub(in crate::cli) fn begin(path: &Path) -> Result<Self, Error> {
        check_free(path)?;
        let file = Fresh::begin(path)?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line, or the lines of a text.
    ///
    /// # Errors
    /// SC18.
    pub(in crate::cli) fn add(&mut self, line: &Safe) -> Result<(), Error> {
        self.file.add(line.as_str().as_bytes())?;
        Ok(self.file.add(b"\n")?)
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// SC21 if there is one of that name by now; SC18.
    pub(in crate::cli) fn finish(self) -> Result<(), Error> {
        self.file.finish().map_err(|error| {
            if matches!(error.kind(), ErrorKind::AlreadyExists) {
                return in_the_way(&self.path);
            }
            error.into()
        })
    }
}
