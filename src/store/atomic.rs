//! Files that are whole or not there: written beside their place, synced, then moved into it.

use core::sync::atomic::{AtomicU32, Ordering};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::{Error, ErrorKind, Operation};
use super::os;
use super::permissions::{Access, check_file};

/// The longest file that is read: a hundred thousand peers are shorter.
pub(super) const MAX_FILE_LEN: u64 = 16 << 20;

/// Creates a file that must not exist yet.
pub(super) fn create_new(path: &Path, content: &[u8], access: Access) -> Result<(), Error> {
    let fail = |error: io::Error| Error::io(path, Operation::Create, error);
    let written = Temporary::write(path, content, access).map_err(fail)?;
    match fs::hard_link(&written.path, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(fail(error)),
        // No hard links here (FAT). A crash may leave a half file, an error does not.
        Err(_) => create_in_place(path, content, access).map_err(fail)?,
    }
    sync_parent(path).map_err(fail)
}

/// Creates a file that must not exist yet, for this user only: as a whole, or not at all. Where the file system has no
/// hard links (FAT) a crash may leave half of it.
///
/// # Errors
/// `AlreadyExists`, `DiskFull`, `Io`.
pub fn create_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    create_new(path, content, Access::Owner)
}

/// A file that does not exist yet, for this user only, written piece by piece beside its place: it is there as a
/// whole, or not at all. Dropping it undoes it, and so does a kill where the system has files without a name (Linux);
/// elsewhere a hidden file beside it then stays. Where the file system has no hard links (FAT) a crash may leave an empty
/// one.
#[derive(Debug)]
pub struct Fresh {
    destination: PathBuf,
    /// The file beside its place; none if it has no name yet.
    beside: Option<Temporary>,
    file: BufWriter<File>,
}

impl Fresh {
    /// Begins it.
    ///
    /// # Errors
    /// `DiskFull`, `Io`.
    pub fn begin(destination: &Path) -> Result<Self, Error> {
        let (beside, file) = match os::open_nameless(parent(destination), Access::Owner.mode()) {
            Some(file) => (None, file),
            None => {
                let opened = Temporary::open(destination, Access::Owner);
                let (path, file) =
                    opened.map_err(|error| Error::io(destination, Operation::Create, error))?;
                (Some(Temporary { path }), file)
            }
        };
        Ok(Self {
            destination: destination.to_owned(),
            beside,
            file: BufWriter::new(file),
        })
    }

    /// Adds to it.
    ///
    /// # Errors
    /// `DiskFull`, `Io`.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let added = self.file.write_all(bytes);
        added.map_err(|error| self.fail(error))
    }

    /// Puts it in its place, once it is on the disk.
    ///
    /// # Errors
    /// `AlreadyExists`, `DiskFull`, `Io`.
    pub fn finish(mut self) -> Result<(), Error> {
        let synced = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|error| self.fail(error))?;
        let placed = match &self.beside {
            Some(beside) => beside.link_to(&self.destination),
            None => os::give_name(self.file.get_ref(), &self.destination),
        };
        let synced = placed.and_then(|()| sync_parent(&self.destination));
        synced.map_err(|error| self.fail(error))
    }

    fn fail(&self, error: io::Error) -> Error {
        Error::io(&self.destination, Operation::Create, error)
    }
}

/// Creates a file or replaces its whole content.
pub(super) fn replace(path: &Path, content: &[u8], access: Access) -> Result<(), Error> {
    Staged::write(path, content, access)?.commit()
}

/// The new content of a file, complete on the disk, but not yet in its place. Dropping it undoes it.
///
/// Staging all files of a change before the first is committed leaves a full disk no chance to
/// come between them.
pub(super) struct Staged<'a> {
    destination: &'a Path,
    written: Temporary,
}

impl<'a> Staged<'a> {
    pub(super) fn write(
        destination: &'a Path,
        content: &[u8],
        access: Access,
    ) -> Result<Self, Error> {
        let written = Temporary::write(destination, content, access)
            .map_err(|error| Error::writing(destination, Operation::Write, error))?;
        Ok(Self {
            destination,
            written,
        })
    }

    /// Puts it in its place.
    pub(super) fn commit(self) -> Result<(), Error> {
        let moved = self.written.move_to(self.destination);
        moved
            .and_then(|()| sync_parent(self.destination))
            .map_err(|error| Error::writing(self.destination, Operation::Write, error))
    }
}

/// Reads a whole file after checking, on the opened file, that others can do no more with it than
/// `access` says.
pub(super) fn read_checked(path: &Path, access: Access) -> Result<Content, Error> {
    let fail = |error: io::Error| Error::io(path, Operation::Read, error);
    // Before opening, too: opening a pipe would wait for a writer.
    check_file(path, &look(path)?, access)?;
    let file = File::open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    check_file(path, &metadata, access)?;
    let bytes = read_bounded(file).map_err(fail)?;
    Ok(Content { bytes, metadata })
}

/// What the system says about a file. A link to nothing is an error of its own: who made it does not take its file
/// for one that was never there.
pub(super) fn look(path: &Path) -> Result<fs::Metadata, Error> {
    fs::metadata(path).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_ok() {
            return Error::new(path, Operation::Read, ErrorKind::LinkToNothing);
        }
        Error::io(path, Operation::Read, error)
    })
}

/// What was read, and what the file was like just before.
pub(super) struct Content {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) metadata: fs::Metadata,
}

/// Reads to the end, refusing more than [`MAX_FILE_LEN`].
pub(super) fn read_bounded(source: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(MAX_FILE_LEN + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_LEN {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// The first free of `path.old`, `path.old2`, ..., holding a copy of `path`.
pub(super) fn keep_old(path: &Path, access: Access) -> Result<PathBuf, Error> {
    let fail = |error: io::Error| Error::io(path, Operation::Read, error);
    // A file that others can read is kept as well: that is why it is being replaced.
    let content = read_bounded(File::open(path).map_err(fail)?).map_err(fail)?;
    for number in 1..=MAX_OLD {
        let suffix = if number == 1 {
            ".old".to_owned()
        } else {
            format!(".old{number}")
        };
        let old = with_suffix(path, &suffix);
        match create_new(&old, &content, access) {
            Ok(()) => return Ok(old),
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(
        path,
        Operation::Create,
        ErrorKind::AlreadyExists,
    ))
}

/// Kept generations of one file before somebody has to tidy up.
const MAX_OLD: u32 = 99;

/// Half-written files of one destination that are passed over.
const MAX_LEFT_BEHIND: u32 = 1_000;

/// Opens a log for appending; others may not read what it says. A device or a pipe is no log file, and
/// whoever names one knows who reads it.
///
/// # Errors
/// `UnsafePermissions` or `WrongOwner` if the file exists and others can; `Io`, `DiskFull`.
pub fn open_log(path: &Path) -> Result<File, Error> {
    create_parent(path)?;
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    os::set_creation_mode(&mut options, Access::Owner.mode());
    let fail = |error: io::Error| Error::io(path, Operation::Write, error);
    let file = options.open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if metadata.is_file() {
        check_file(path, &metadata, Access::Owner)
            .map_err(|error| error.during(Operation::Write))?;
    }
    Ok(file)
}

/// Makes the directory that `path` lies in, and its missing parents, for this user only.
pub(super) fn create_parent(path: &Path) -> Result<(), Error> {
    let parent = parent(path);
    os::create_private_dir(parent).map_err(|error| Error::io(parent, Operation::Create, error))
}

/// `path` with `suffix` after its whole file name: `identity.key` and `.old` give
/// `identity.key.old`.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    os::sync_dir(parent(path))
}

fn create_in_place(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let file = open_new(path, access)?;
    fill(file, content).inspect_err(|_| remove(path))
}

fn open_new(path: &Path, access: Access) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    os::set_creation_mode(&mut options, access.mode());
    options.open(path)
}

fn fill(mut file: File, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    file.sync_all()
}

/// Takes away what we created ourselves; if even that fails, the first error says more.
pub(super) fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

/// A file beside the place it is meant for. Dropping it removes it.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn write(destination: &Path, content: &[u8], access: Access) -> io::Result<Self> {
        let (path, file) = Self::open(destination, access)?;
        let temporary = Self { path };
        fill(file, content)?;
        Ok(temporary)
    }

    /// Passes over what a process that crashed with our number has left behind: in a container every
    /// process may have the same.
    fn open(destination: &Path, access: Access) -> io::Result<(PathBuf, File)> {
        for _ in 0..MAX_LEFT_BEHIND {
            let path = Self::path_for(destination);
            match open_new(&path, access) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result.map(|file| (path, file)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// A name that no other thread or process uses; hidden, and telling what it belongs to.
    fn path_for(destination: &Path) -> PathBuf {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = destination
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let hidden = format!(".{name}.{}-{number}.tmp", std::process::id());
        parent(destination).join(hidden)
    }

    /// Gives it its place, if that is free.
    fn link_to(&self, destination: &Path) -> io::Result<()> {
        match fs::hard_link(&self.path, destination) {
            // No hard links here (FAT).
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                self.replace_empty(destination)
            }
            linked => linked,
        }
    }

    /// An empty file holds the place until the whole one takes it.
    fn replace_empty(&self, destination: &Path) -> io::Result<()> {
        drop(open_new(destination, Access::Owner)?);
        let moved = self.move_to(destination);
        moved.inspect_err(|_| remove(destination))
    }

    fn move_to(&self, destination: &Path) -> io::Result<()> {
        fs::rename(&self.path, destination)
    }
}

impl Drop for Temporary {
    /// After a rename there is nothing left to remove.
    fn drop(&mut self) {
        remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_complete_and_private() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("k");
        create_new(&path, b"secret", Access::Owner).unwrap();
        let content = read_checked(&path, Access::Owner).unwrap();
        assert_eq!(*content.bytes, b"secret");
        assert_eq!(names(home.path()), ["k"]);
    }

    #[test]
    fn a_file_that_is_written_in_pieces_is_there_once_it_is_whole() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("k");
        let mut fresh = Fresh::begin(&path).unwrap();
        fresh.add(b"first").unwrap();
        assert!(!path.exists());
        drop(fresh);
        assert!(names(home.path()).is_empty(), "what is given up is gone");
        let [mut one, mut other] = [(); 2].map(|()| Fresh::begin(&path).unwrap());
        one.add(&[b'x'; 100_000]).unwrap();
        other.add(b"second").unwrap();
        one.finish().unwrap();
        let error = other.finish().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::AlreadyExists));
        let content = read_checked(&path, Access::Owner).unwrap();
        assert_eq!(content.bytes.len(), 100_000);
        assert_eq!(names(home.path()), ["k"]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_is_being_written_has_no_name_that_a_kill_could_leave_behind() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("k");
        let mut fresh = Fresh::begin(&path).unwrap();
        fresh.add(&[b'x'; 100_000]).unwrap();
        assert!(names(home.path()).is_empty());
        fresh.finish().unwrap();
        let content = read_checked(&path, Access::Owner).unwrap();
        assert_eq!(content.bytes.len(), 100_000);
    }

    #[test]
    fn where_there_are_no_files_without_a_name_one_lies_beside_its_place() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("k");
        let (beside, file) = Temporary::open(&path, Access::Owner).unwrap();
        let beside = Some(Temporary { path: beside });
        let (destination, file) = (path.clone(), BufWriter::new(file));
        let mut fresh = Fresh {
            destination,
            beside,
            file,
        };
        fresh.add(b"whole").unwrap();
        fresh.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(home.path()), ["k"]);
    }

    #[test]
    fn without_hard_links_it_takes_the_place_of_an_empty_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("k");
        let whole = || Temporary::write(&path, b"whole", Access::Owner).unwrap();
        whole().replace_empty(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        let error = whole().replace_empty(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(names(home.path()), ["k"]);
    }

    #[test]
    fn an_existing_file_is_never_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("k");
        create_new(&path, b"first", Access::Owner).unwrap();
        let error = create_new(&path, b"second", Access::Owner).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::AlreadyExists));
        assert!(create_in_place(&path, b"third", Access::Owner).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(home.path()), ["k"]);
    }

    #[test]
    fn replacing_leaves_the_new_content_only() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("k");
        replace(&path, b"first", Access::Owner).unwrap();
        replace(&path, b"second", Access::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(home.path()), ["k"]);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("k");
        fs::create_dir(&path).unwrap();
        // A directory cannot be replaced by a file: the last step fails.
        assert!(replace(&path, b"x", Access::Owner).is_err());
        assert_eq!(names(home.path()), ["k"]);
        assert!(create_new(&home.path().join("none/k"), b"x", Access::Owner).is_err());
        assert_eq!(names(home.path()), ["k"]);
    }

    #[test]
    fn what_a_crash_left_behind_does_not_stop_a_later_process_of_the_same_number() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("k");
        let first = Temporary::path_for(&path);
        let (head, number) = first.to_str().unwrap().rsplit_once('-').unwrap();
        let number: u32 = number.strip_suffix(".tmp").unwrap().parse().unwrap();
        for left in number..number + 200 {
            fs::write(format!("{head}-{left}.tmp"), b"half").unwrap();
        }
        replace(&path, b"whole", Access::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[cfg(unix)]
    #[test]
    fn a_log_that_others_can_read_is_refused_and_left_as_it_was() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        open_log(&path).unwrap().write_all(b"one\n").unwrap();
        assert_eq!(os::testing::mode(&path), 0o600);
        open_log(&path).unwrap().write_all(b"two\n").unwrap();
        for mode in [0o640, 0o604, 0o620] {
            os::testing::set_mode(&path, mode);
            let error = open_log(&path).unwrap_err();
            assert_eq!(error.operation(), Operation::Write);
            assert!(
                matches!(error.kind(), ErrorKind::UnsafePermissions { mode: found, .. } if *found == mode)
            );
        }
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
        open_log(Path::new("/dev/null")).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_apart() {
        // Every write to /dev/full says that the disk is full.
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = fill(full, b"x").unwrap_err();
        assert!(matches!(ErrorKind::from(error), ErrorKind::DiskFull));
    }

    #[test]
    fn every_old_generation_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("k");
        for content in ["1", "2", "3"] {
            replace(&path, content.as_bytes(), Access::Owner).unwrap();
            keep_old(&path, Access::Owner).unwrap();
        }
        assert_eq!(names(home.path()), ["k", "k.old", "k.old2", "k.old3"]);
        assert_eq!(fs::read(home.path().join("k.old")).unwrap(), b"1");
    }

    #[test]
    fn an_endless_file_is_refused() {
        let error = read_bounded(io::repeat(0)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
