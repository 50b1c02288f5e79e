//! Whether a file has changed since it was read.

use std::fs::{self, Metadata};
use std::path::Path;
use std::time::SystemTime;

use super::os;

/// What a file looks like from outside; differs after every save, and after an edit in place
/// unless that leaves length and time as they were.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stamp(Option<Seen>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    modified: Option<SystemTime>,
    len: u64,
    number: u64,
}

impl Stamp {
    /// Looks at a file without reading it; a missing file has a stamp of its own.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        fs::metadata(path).map_or(Self(None), |metadata| Self::from_metadata(&metadata))
    }

    /// That of a list which is in no file and was changed so often.
    pub(super) const fn of_change(number: u64) -> Self {
        Self(Some(Seen {
            modified: None,
            len: 0,
            number,
        }))
    }

    pub(super) fn from_metadata(metadata: &Metadata) -> Self {
        Self(Some(Seen {
            modified: metadata.modified().ok(),
            len: metadata.len(),
            number: os::file_number(metadata),
        }))
    }
}
