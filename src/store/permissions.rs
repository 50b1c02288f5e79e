//! Who else can read or replace our files. OpenSSH's rule: if somebody can, the file is refused,
//! not warned about. It goes further than that of OpenSSH: every directory above counts, up to the root.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use super::atomic::parent;
use super::error::{Error, ErrorKind, Operation};
use super::os;

/// What other users may do with a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    /// Nothing: keys, known-peers as we write it.
    Owner,
    /// Read: public keys; known-peers if its owner wants it so.
    OthersRead,
}

impl Access {
    /// The permission bits that a new file gets.
    pub(super) const fn mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::OthersRead => 0o644,
        }
    }

    /// The bits that must not be set.
    const fn forbidden(self) -> u32 {
        match self {
            Self::Owner => 0o077,
            Self::OthersRead => 0o022,
        }
    }
}

/// The write bits of group and others, and the bit that forbids them to touch each other's files.
const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Checks that a file is a file, belongs to us or to root, and is open to others as `access` says
/// at most.
pub(super) fn check_file(path: &Path, metadata: &Metadata, access: Access) -> Result<(), Error> {
    check_regular(path, metadata)?;
    let Some(found) = os::protection(metadata) else {
        return Ok(());
    };
    check_owner(path, found)?;
    if found.mode & access.forbidden() != 0 {
        let kind = ErrorKind::UnsafePermissions {
            mode: found.mode,
            wanted: access.mode(),
        };
        return Err(Error::new(path, Operation::Read, kind));
    }
    Ok(())
}

/// Checks that it is a file that is to be replaced, if anything is there: a device would be gone, and a pipe would never be
/// read to its end.
pub(super) fn check_replaceable(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => check_regular(path, &metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io(path, Operation::Write, error)),
    }
}

fn check_regular(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    if metadata.is_file() {
        return Ok(());
    }
    let kind = ErrorKind::Malformed {
        reason: "it is not a regular file",
    };
    Err(Error::new(path, Operation::Read, kind))
}

/// Checks that nobody else can replace the file, or put one there: every directory above it, as
/// named and as resolved through symbolic links, is ours or root's and not writable by others
/// (a sticky one, such as `/tmp`, is fine).
pub(super) fn check_parents(path: &Path) -> Result<(), Error> {
    let fail = |error: io::Error| Error::io(path, Operation::Read, error);
    let named = std::path::absolute(path).map_err(fail)?;
    let resolved = match fs::canonicalize(&named) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = named.parent().unwrap_or(&named);
            fs::canonicalize(parent).map(|parent| parent.join("a file to be made"))
        }
        resolved => resolved,
    };
    named.ancestors().skip(1).try_for_each(check_directory)?;
    resolved
        .map_err(fail)?
        .ancestors()
        .skip(1)
        .try_for_each(check_directory)
}

/// As [`check_parents`], of a file whose directory may not be there yet: the nearest above it that is.
pub(super) fn check_nearest_parents(path: &Path) -> Result<(), Error> {
    let named =
        std::path::absolute(path).map_err(|error| Error::io(path, Operation::Read, error))?;
    let above = named.ancestors().skip(1).find(|above| above.is_dir());
    above.map_or(Ok(()), |above| {
        check_parents(&above.join("a file to be made"))
    })
}

/// Checks that a pipe or a device is not one that somebody else has put where all can put something.
pub(super) fn check_stream(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let above =
        fs::metadata(parent(path)).map_err(|error| Error::io(path, Operation::Read, error))?;
    match (os::protection(metadata), os::protection(&above)) {
        (Some(stream), Some(above)) => check_stream_in(path, stream, above),
        (_, None) | (None, _) => Ok(()),
    }
}

fn check_stream_in(
    path: &Path,
    stream: os::Protection,
    above: os::Protection,
) -> Result<(), Error> {
    if above.mode & WRITABLE_BY_OTHERS == 0 {
        return Ok(());
    }
    check_owner(path, stream)
}

/// The mode that a file has, whatever it was made with: some file systems give all files one of their own. None where
/// files have no modes, or the file cannot be looked at.
#[must_use]
pub fn mode_of(path: &Path) -> Option<u32> {
    let metadata = fs::metadata(path).ok()?;
    Some(os::protection(&metadata)?.mode)
}

/// The mode of the file that standard output goes into. None if it goes elsewhere.
#[must_use]
pub fn mode_of_output() -> Option<u32> {
    let metadata = os::standard_output().filter(Metadata::is_file)?;
    Some(os::protection(&metadata)?.mode)
}

/// Makes a directory for this user alone, unless it is there; then checks that it is that, and that nobody else can
/// replace it.
///
/// # Errors
/// `UnsafeDirectory`, `WrongOwner`, `Io`.
pub fn private_dir(directory: &Path) -> Result<(), Error> {
    let fail = |error: io::Error| Error::io(directory, Operation::Create, error);
    // Before, so that nothing is made where it is refused: see `create_parent`.
    check_nearest_parents(directory)?;
    os::create_private_dir(directory).map_err(fail)?;
    check_private(directory)
}

/// Checks that others can neither enter a directory nor put another in its place.
pub(super) fn check_private(directory: &Path) -> Result<(), Error> {
    check_parents(&directory.join("a file to be made"))?;
    let metadata =
        fs::metadata(directory).map_err(|error| Error::io(directory, Operation::Create, error))?;
    let open = os::protection(&metadata).filter(|found| found.mode & 0o077 != 0);
    match open {
        Some(found) => {
            let kind = ErrorKind::UnsafePermissions {
                mode: found.mode,
                wanted: 0o700,
            };
            Err(Error::new(directory, Operation::Create, kind))
        }
        None => Ok(()),
    }
}

fn check_directory(directory: &Path) -> Result<(), Error> {
    let metadata =
        fs::metadata(directory).map_err(|error| Error::io(directory, Operation::Read, error))?;
    let Some(found) = os::protection(&metadata) else {
        return Ok(());
    };
    check_owner(directory, found)?;
    if found.mode & WRITABLE_BY_OTHERS != 0 && found.mode & STICKY == 0 {
        let kind = ErrorKind::UnsafeDirectory { mode: found.mode };
        return Err(Error::new(directory, Operation::Read, kind));
    }
    Ok(())
}

fn check_owner(path: &Path, found: os::Protection) -> Result<(), Error> {
    if is_trusted(found) {
        return Ok(());
    }
    let owner = found.owner;
    let root = fs::metadata("/").ok();
    let root = root.and_then(|root| os::protection(&root));
    let kind = if root.is_none_or(is_trusted) {
        ErrorKind::WrongOwner { owner }
    } else {
        ErrorKind::StrangeRoot { owner }
    };
    Err(Error::new(path, Operation::Read, kind))
}

fn is_trusted(found: os::Protection) -> bool {
    found.owner == 0 || found.owner == os::current_user()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::store::os::testing::{mode, set_mode, symlink};

    /// A directory of mode 0700 with a file of mode `mode` in it.
    fn file(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("k");
        fs::write(&path, "x").unwrap();
        set_mode(&path, mode);
        (home, path)
    }

    fn check(path: &Path, access: Access) -> Result<(), Error> {
        check_file(path, &fs::metadata(path).unwrap(), access)
    }

    #[test]
    fn any_bit_for_others_makes_a_secret_unsafe() {
        for mode in [0o640, 0o604, 0o620, 0o601, 0o644, 0o777] {
            let (_home, path) = file(mode);
            let error = check(&path, Access::Owner).unwrap_err();
            let ErrorKind::UnsafePermissions {
                mode: found,
                wanted: 0o600,
            } = *error.kind()
            else {
                panic!("{error}")
            };
            assert_eq!(found, mode);
        }
        for mode in [0o600, 0o400, 0o700] {
            let (_home, path) = file(mode);
            check(&path, Access::Owner).unwrap();
        }
    }

    #[test]
    fn others_may_read_but_not_write_a_list() {
        let (_home, path) = file(0o644);
        check(&path, Access::OthersRead).unwrap();
        for mode in [0o664, 0o646, 0o622] {
            set_mode(&path, mode);
            assert!(check(&path, Access::OthersRead).is_err());
        }
    }

    #[test]
    fn a_mode_is_the_one_that_the_file_has() {
        for mode in [0o600, 0o755] {
            let (home, path) = file(mode);
            assert_eq!(mode_of(&path), Some(mode));
            assert_eq!(mode_of(&home.path().join("none")), None);
        }
    }

    #[test]
    fn a_directory_is_no_key() {
        let home = tempfile::tempdir().unwrap();
        assert!(check(home.path(), Access::Owner).is_err());
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_named() {
        let (home, path) = file(0o600);
        check_parents(&path).unwrap();
        for mode in [0o770, 0o707, 0o777] {
            set_mode(home.path(), mode);
            let error = check_parents(&path).unwrap_err();
            assert_eq!(error.path(), Some(home.path()));
            assert!(matches!(error.kind(), ErrorKind::UnsafeDirectory { mode: m } if *m == mode));
        }
        set_mode(home.path(), 0o1777);
        check_parents(&path).unwrap();
    }

    #[test]
    fn a_directory_for_a_socket_is_the_owners_alone() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("run");
        private_dir(&directory).unwrap();
        let mode = mode(&directory);
        assert_eq!(mode, 0o700);
        private_dir(&directory).unwrap();
        for mode in [0o750, 0o701, 0o755] {
            set_mode(&directory, mode);
            assert!(private_dir(&directory).is_err(), "{mode:o}");
        }
    }

    /// Root made directories in somebody else's home, which that one could not use, and refused then.
    #[test]
    fn nothing_is_made_where_it_would_be_refused() {
        use crate::crypto::StaticSecret;
        use crate::id::Timestamp;
        use crate::store::{self, Archive, IdentityLock, Keep, KeyFile, KnownPeers};
        use crate::time::UnixTime;

        use rand_core::SeedableRng;

        let rng = || chacha20::ChaCha20Rng::from_seed([9; 32]);
        let now = UnixTime(1_795_000_000_000);
        let home = tempfile::tempdir().unwrap();
        set_mode(home.path(), 0o777);
        let path = home.path().join("not/there/yet");
        let secret = StaticSecret::from_bytes(&mut [1; 32]);
        let key = KeyFile::new(&secret, now, "", None, &mut rng()).unwrap();
        let opened = Archive::open(&path, &secret, Keep::Forever, Box::new(rng()), now);
        let errors = [
            store::create_identity(&path, &key).unwrap_err(),
            store::replace_identity(&path, &key).unwrap_err(),
            KnownPeers::update(&path, |_| Ok(())).unwrap_err(),
            IdentityLock::acquire(&path).unwrap_err(),
            store::reserve_timestamps(&path, Timestamp(0), now).unwrap_err(),
            store::open_log(&path).unwrap_err(),
            private_dir(&path).unwrap_err(),
            opened.unwrap_err(),
        ];
        for error in errors {
            assert!(
                matches!(error.kind(), ErrorKind::UnsafeDirectory { .. }),
                "{error}"
            );
            assert_eq!(error.path(), Some(home.path()));
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_pipe_of_somebody_else_is_refused_where_all_can_put_one() {
        let (path, ours) = (Path::new("/tmp/log"), os::current_user());
        let is_taken = |owner, mode| {
            let stream = os::Protection { mode: 0o666, owner };
            let above = os::Protection { mode, owner: 0 };
            check_stream_in(path, stream, above).is_ok()
        };
        let other = ours + 1;
        assert!(is_taken(ours, 0o1777) && is_taken(0, 0o1777));
        assert!(!is_taken(other, 0o1777) && !is_taken(other, 0o775));
        assert!(is_taken(other, 0o755), "such as a terminal");
    }

    #[test]
    fn a_link_is_checked_where_it_stands_and_where_it_points() {
        let (target_home, target) = file(0o600);
        let link_home = tempfile::tempdir().unwrap();
        let link = link_home.path().join("link");
        symlink(&target, &link).unwrap();
        check_parents(&link).unwrap();
        set_mode(target_home.path(), 0o777);
        assert!(check_parents(&link).is_err());
        set_mode(target_home.path(), 0o700);
        set_mode(link_home.path(), 0o777);
        assert!(check_parents(&link).is_err());
    }
}
