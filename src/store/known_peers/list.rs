//! Where a list of people lies: in a file, or in the memory of a program that keeps nothing.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Error, KnownPeers, Stamp};
use crate::store::atomic::Disk;
use crate::store::error::Operation;

/// How long a program that talks waits for others who change the file: nothing is shown meanwhile.
const PATIENCE: Duration = Duration::from_millis(200);

/// A list of people that a program goes by for as long as it runs.
#[derive(Debug)]
pub enum PeerList {
    /// In a file, which others may change meanwhile.
    File(ListFile),
    /// In memory: nobody else sees it, and it is gone with the program.
    Memory(Unsaved),
}

/// The file that a list is in.
pub struct ListFile {
    path: PathBuf,
    disk: Disk,
}

impl core::fmt::Debug for ListFile {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("ListFile").field(&self.path).finish()
    }
}

/// A list that is in no file.
pub struct Unsaved {
    /// As a file would have it.
    content: Zeroizing<Vec<u8>>,
    /// How often it was changed.
    changes: u64,
}

impl core::fmt::Debug for Unsaved {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // It may hold shared secrets.
        f.debug_struct("Unsaved").finish_non_exhaustive()
    }
}

impl PeerList {
    /// The list in the file of this name.
    #[must_use]
    pub const fn in_file(path: PathBuf) -> Self {
        let disk = Disk::SYSTEM;
        Self::File(ListFile { path, disk })
    }

    /// As [`PeerList::in_file`], on a disk that confirms no list.
    #[cfg(test)]
    pub(crate) const fn unconfirmed_for_testing_only(path: PathBuf) -> Self {
        let disk = Disk {
            sync: |written, path| match path.extension() {
                Some(_) => (Disk::SYSTEM.sync)(written, path),
                None => Err(std::io::ErrorKind::StorageFull.into()),
            },
            ..Disk::SYSTEM
        };
        Self::File(ListFile { path, disk })
    }

    /// As [`PeerList::in_file`], where an editor saves a list of nobody whenever a change waits for the disk.
    #[cfg(test)]
    pub(crate) const fn emptied_for_testing_only(path: PathBuf) -> Self {
        let disk = Disk {
            sync: |written, path| {
                if path.extension().is_some() {
                    fs::write(path.with_extension(""), "# nobody\n")?;
                }
                (Disk::SYSTEM.sync)(written, path)
            },
            ..Disk::SYSTEM
        };
        Self::File(ListFile { path, disk })
    }

    /// A list in memory that begins with these people.
    #[must_use]
    pub fn in_memory(peers: &KnownPeers) -> Self {
        Self::Memory(Unsaved {
            content: peers.render(),
            changes: 0,
        })
    }

    /// What it looks like from outside: [`Stamp::of`].
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        match self {
            Self::File(file) => Stamp::of(&file.path),
            Self::Memory(unsaved) => Stamp::of_change(unsaved.changes),
        }
    }

    /// Reads it; no file means nobody: [`KnownPeers::load`].
    ///
    /// # Errors
    /// Those of a file: [`KnownPeers::load`].
    pub fn load(&self) -> Result<KnownPeers, Error> {
        match self {
            Self::File(file) => KnownPeers::load(&file.path),
            Self::Memory(unsaved) => Ok(unsaved.read()),
        }
    }

    /// As [`PeerList::load`], of a list that is there: [`KnownPeers::load_existing`].
    ///
    /// # Errors
    /// Those of a file: [`KnownPeers::load_existing`].
    pub fn load_existing(&self) -> Result<KnownPeers, Error> {
        match self {
            Self::File(file) => KnownPeers::load_existing(&file.path),
            Self::Memory(unsaved) => Ok(unsaved.read()),
        }
    }

    /// Succeeds if it is there, whatever it says.
    ///
    /// # Errors
    /// `Io`.
    pub fn check_there(&self) -> Result<(), Error> {
        match self {
            Self::File(file) => {
                let looked = fs::metadata(&file.path).map(drop);
                looked.map_err(|error| Error::io(&file.path, Operation::Read, error))
            }
            Self::Memory(_) => Ok(()),
        }
    }

    /// Changes what it says: [`KnownPeers::update`].
    ///
    /// # Errors
    /// Those of `change`, after which it is as before; those of a file: [`KnownPeers::update`].
    pub fn update<T>(
        &mut self,
        change: impl FnMut(&mut KnownPeers) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self {
            Self::File(file) => KnownPeers::update_on(&file.disk, PATIENCE, &file.path, change),
            Self::Memory(unsaved) => unsaved.update(change),
        }
    }
}

impl Unsaved {
    fn read(&self) -> KnownPeers {
        KnownPeers::parse(&self.content)
    }

    fn update<T>(
        &mut self,
        change: impl FnOnce(&mut KnownPeers) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut peers = self.read();
        let result = change(&mut peers)?;
        self.content = peers.render();
        self.changes += 1;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Day;
    use crate::id::PeerId;
    use crate::store::ErrorKind;
    use crate::time::UnixTime;

    #[test]
    fn a_list_in_memory_changes_as_a_file_does() {
        let (bob, carol) = (PeerId::new([9; 32]), PeerId::new([5; 32]));
        let mut peers = KnownPeers::default();
        peers.add("bob", &bob, &[]).unwrap();
        let mut list = PeerList::in_memory(&peers);
        let before = list.stamp();
        let day = Day::from(UnixTime(0));
        list.update(|peers| peers.set_verified("bob", Some(day)))
            .unwrap();
        assert_ne!(list.stamp(), before);
        let read = list.load().unwrap();
        assert_eq!(read.find("bob").unwrap().verified(), Some(day));
        let now = list.stamp();
        let refused = list.update(|peers| {
            peers.remove("bob")?;
            peers.add("a:b", &carol, &[])
        });
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused.kind(), ErrorKind::BadName(_)),
            "{refused:?}"
        );
        assert_eq!(list.stamp(), now, "nothing is half done");
        assert!(list.load_existing().unwrap().find("bob").is_ok());
    }
}
