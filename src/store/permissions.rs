//! Who else can read or replace our files. OpenSSH's rule: if somebody can, the file is refused,
//! not warned about. It goes further than that of OpenSSH: every directory above counts, up to the root, and every link
//! on the way.
//!
//! In a sticky directory, such as `/tmp`, others can make files and touch none of ours. Below it lies what is ours, and a
//! file in it that its owner names is safe: whoever opens it looks whose it is ([`check_parents`]). What we keep together is
//! not ([`check_own_place`]): we make files beside it whose names anybody can guess (locks, copies, what is half written),
//! and what is not there yet could be somebody else's, to be used or to be in the way.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::{self, IsTerminal};
use std::path::{Component, Path, PathBuf};

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

/// Checks that nobody else can replace the file that is there: every directory above it, as named and as resolved through
/// symbolic links, is ours or root's and not writable by others, unless it is a sticky one. There each link is ours or
/// root's, too.
pub(super) fn check_parents(path: &Path) -> Result<(), Error> {
    let named = absolute(path)?;
    named.ancestors().skip(1).try_for_each(check_directory)?;
    check_way(&named, End::File)
}

/// As [`check_parents`], of a file beside which we make others, and which may not be there yet: nobody else can put
/// one into its directory, be it a sticky one.
pub(super) fn check_own_place(path: &Path) -> Result<(), Error> {
    check_parents(path)?;
    let named = absolute(path)?;
    // What is not there leads nowhere.
    let led = fs::canonicalize(&named).unwrap_or_else(|_| named.clone());
    let directories = [&named, &led].map(|it| it.parent());
    directories
        .iter()
        .flatten()
        .try_for_each(|it| check_unshared(it))
}

/// As [`check_parents`], of a file whose directory may not be there yet: the nearest above it that is.
pub(super) fn check_nearest_parents(path: &Path) -> Result<(), Error> {
    let named = absolute(path)?;
    let above = named.ancestors().skip(1).find(|above| above.is_dir());
    above.map_or(Ok(()), check_directories)
}

/// As [`check_parents`], of a directory, which counts itself.
fn check_directories(directory: &Path) -> Result<(), Error> {
    let named = absolute(directory)?;
    named.ancestors().try_for_each(check_directory)?;
    check_way(&named, End::Directory)
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| Error::io(path, Operation::Read, error))
}

/// What a path leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    File,
    Directory,
}

/// Goes where a path leads, part by part and link by link as the system does, and checks what it comes through. What is not
/// there nobody can exchange: whoever looks for it says so.
fn check_way(named: &Path, end: End) -> Result<(), Error> {
    if !cfg!(unix) {
        return Ok(());
    }
    let (mut here, mut left, mut links) = (PathBuf::new(), parts(named), 0);
    while let Some(part) = left.pop() {
        if part == ".." {
            here.pop();
            continue;
        }
        let next = here.join(part);
        let found = match fs::symlink_metadata(&next) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found.map_err(|error| Error::io(&next, Operation::Read, error))?,
        };
        if found.is_symlink() {
            links += 1;
            left.extend(follow(&next, &found, links)?);
            continue;
        }
        if !left.is_empty() || end == End::Directory {
            check_directory(&next)?;
        }
        here = next;
    }
    Ok(())
}

/// The parts of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter(|it| *it != Component::CurDir);
    parts.rev().map(|it| it.as_os_str().to_owned()).collect()
}

/// As many links as Linux follows.
const MOST_LINKS: u32 = 40;

/// What a link says, the `nth` on the way.
fn follow(link: &Path, found: &Metadata, nth: u32) -> Result<Vec<OsString>, Error> {
    check_put_there(link, found)?;
    if nth > MOST_LINKS {
        let reason = "too many links lead there";
        let kind = ErrorKind::Malformed { reason };
        return Err(Error::new(link, Operation::Read, kind));
    }
    let target = fs::read_link(link).map_err(|error| Error::io(link, Operation::Read, error))?;
    Ok(parts(&target))
}

/// Checks that a pipe, a device or a link is not one that somebody else has put where all can put something.
pub(super) fn check_put_there(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let above =
        fs::metadata(parent(path)).map_err(|error| Error::io(path, Operation::Read, error))?;
    match (os::protection(metadata), os::protection(&above)) {
        (Some(found), Some(above)) => check_put_in(path, found, above),
        (_, None) | (None, _) => Ok(()),
    }
}

fn check_put_in(path: &Path, found: os::Protection, above: os::Protection) -> Result<(), Error> {
    if above.mode & WRITABLE_BY_OTHERS == 0 {
        return Ok(());
    }
    check_owner(path, found)
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

/// The mode of the terminal that standard output is. None if it is none, or such files have no modes.
#[must_use]
pub fn mode_of_terminal() -> Option<u32> {
    let is_terminal = io::stdout().is_terminal();
    let metadata = os::standard_output().filter(|_| is_terminal)?;
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
    match os::create_private_dir(directory) {
        // Something else than a directory, as is said next.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(fail)?,
    }
    check_private(directory)
}

/// Checks that others can neither enter a directory nor put another in its place.
pub(super) fn check_private(directory: &Path) -> Result<(), Error> {
    check_directories(directory)?;
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
    if !metadata.is_dir() {
        let error = io::ErrorKind::NotADirectory.into();
        return Err(Error::io(directory, Operation::Read, error));
    }
    let Some(found) = os::protection(&metadata) else {
        return Ok(());
    };
    check_owner(directory, found)?;
    if found.mode & STICKY == 0 {
        return check_closed(directory, found);
    }
    Ok(())
}

/// Checks that nobody else can make a file in a directory.
fn check_unshared(directory: &Path) -> Result<(), Error> {
    let metadata =
        fs::metadata(directory).map_err(|error| Error::io(directory, Operation::Read, error))?;
    os::protection(&metadata).map_or(Ok(()), |found| check_closed(directory, found))
}

fn check_closed(directory: &Path, found: os::Protection) -> Result<(), Error> {
    if found.mode & WRITABLE_BY_OTHERS == 0 {
        return Ok(());
    }
    let kind = ErrorKind::UnsafeDirectory { mode: found.mode };
    Err(Error::new(directory, Operation::Read, kind))
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
    use crate::store::os::testing::{lchown, mode, set_mode, symlink};

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

    /// A lock that somebody else had laid there as a link emptied the secret key.
    #[test]
    fn what_we_keep_together_lies_where_nobody_else_can_put_a_file() {
        let (home, path) = file(0o600);
        let link_home = tempfile::tempdir().unwrap();
        let link = link_home.path().join("link");
        symlink(&path, &link).unwrap();
        for kept in [&path, &home.path().join("none"), &link] {
            check_own_place(kept).unwrap();
        }
        for mode in [0o1777, 0o1770, 0o1020] {
            set_mode(home.path(), mode);
            for kept in [&path, &home.path().join("none"), &link] {
                let error = check_own_place(kept).unwrap_err();
                assert!(
                    matches!(error.kind(), ErrorKind::UnsafeDirectory { mode: m } if *m == mode)
                );
            }
            // What lies below is ours.
            let below = home.path().join("below");
            fs::create_dir(&below).unwrap();
            check_own_place(&below.join("k")).unwrap();
            fs::remove_dir(&below).unwrap();
        }
    }

    /// The link of somebody else led into another home of the same user, or to a list of former peers.
    #[test]
    fn a_link_of_somebody_else_is_followed_nowhere_where_all_can_put_one() {
        if os::current_user() != 0 {
            // libtest would keep what is printed of a test that passes.
            let line = b"\nSKIPPED: not running as root, who alone can be another user\n";
            return io::Write::write_all(&mut io::stderr(), line).expect("stderr takes a line");
        }
        let (home, path) = file(0o600);
        let shared = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| shared.path().join(name));
        symlink(home.path(), &first).unwrap();
        symlink(&first, &second).unwrap();
        let named = second.join("k");
        check_parents(&named).unwrap();
        lchown(&first, Some(12_345), None).unwrap();
        check_parents(&named).expect("nobody else can put it there");
        set_mode(shared.path(), 0o1777);
        let error = check_parents(&named).unwrap_err();
        assert!(matches!(
            error.kind(),
            ErrorKind::WrongOwner { owner: 12_345 }
        ));
        assert!(
            error.path().is_some_and(|it| it.ends_with("first")),
            "{error}"
        );
        let error = check_private(&second).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WrongOwner { .. }));
        check_parents(&path).unwrap();
    }

    /// What was looked for to tell that was no file of anybody's, and was named.
    #[test]
    fn what_is_no_directory_is_named_as_such() {
        let (_home, path) = file(0o600);
        for error in [private_dir(&path), check_private(&path)].map(Result::unwrap_err) {
            assert_eq!(error.path(), Some(&*path));
        }
        let circle = path.with_file_name("circle");
        symlink(&circle, &circle).unwrap();
        check_parents(&circle).unwrap_err();
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

    #[test]
    fn every_directory_on_the_way_of_a_link_counts() {
        let (_target_home, target) = file(0o600);
        let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [one, other] = [&first, &second].map(|it| it.path().join("link"));
        symlink(&target, &other).unwrap();
        symlink(&other, &one).unwrap();
        check_parents(&one).unwrap();
        set_mode(second.path(), 0o777);
        let error = check_parents(&one).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnsafeDirectory { .. }));
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
            check_put_in(path, stream, above).is_ok()
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
