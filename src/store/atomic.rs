//! Files that are whole or not there: written beside their place, synced, then moved into it.

use core::sync::atomic::{AtomicU32, Ordering};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::{Error, ErrorKind, Operation};
use super::os;
use super::permissions::{
    Access, check_file, check_nearest_parents, check_own_place, check_parents,
};

/// The longest file that is read: a hundred thousand peers are shorter.
pub(super) const MAX_FILE_LEN: u64 = 16 << 20;

/// Creates a file that must not exist yet.
pub(super) fn create_new(path: &Path, content: &[u8], access: Access) -> Result<(), Error> {
    let fail = |error: io::Error| Error::io(path, Operation::Create, error);
    let written = Written::whole(path, content, access).map_err(fail)?;
    match written.link_to(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(fail(error)),
        // No hard links here (FAT). A crash may leave a half file, an error does not.
        Err(_) => create_in_place(path, content, access).map_err(fail)?,
    }
    let synced = written.sync(path).inspect_err(|_| remove(path));
    synced.map_err(fail)
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
        let opened = Written::open(destination, Access::Owner);
        let Written { beside, file } =
            opened.map_err(|error| Error::io(destination, Operation::Create, error))?;
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
    pub fn finish(self) -> Result<(), Error> {
        self.finish_on(&Disk::SYSTEM)
    }

    fn finish_on(self, disk: &Disk) -> Result<(), Error> {
        let (destination, beside) = (self.destination, self.beside);
        let fail = |error: io::Error| Error::io(&destination, Operation::Create, error);
        let file = self.file.into_inner();
        let file = file.map_err(|error| fail(error.into_error()))?;
        file.sync_all().map_err(fail)?;
        let placed = match &beside {
            Some(beside) => beside.link_to(&destination),
            None => os::give_name(&file, &destination),
        };
        placed.map_err(fail)?;
        let synced = (disk.sync)(&Written { beside, file }, &destination);
        let synced = synced.inspect_err(|_| remove(&destination));
        synced.map_err(fail)
    }

    fn fail(&self, error: io::Error) -> Error {
        Error::io(&self.destination, Operation::Create, error)
    }
}

/// Creates a file of what is no secret, or replaces its whole content: it has a name from the beginning, which a kill can
/// leave behind, and needs one sync less than [`Staged`].
pub(super) fn replace_plain(path: &Path, content: &[u8], access: Access) -> Result<(), Error> {
    let fail = |error: io::Error| Error::writing(path, Operation::Write, error);
    let named = Written::open_named(path, access).map_err(fail)?;
    let written = named.filled(content).map_err(fail)?;
    let destination = path;
    Staged {
        destination,
        written,
    }
    .commit(&Disk::SYSTEM, None)
}

/// The new content of a file, complete on the disk, but not yet in its place. Dropping it undoes it.
///
/// Staging all files of a change before the first is committed leaves a full disk no chance to
/// come between them.
pub(super) struct Staged<'a> {
    destination: &'a Path,
    written: Written,
}

impl<'a> Staged<'a> {
    pub(super) fn write(
        destination: &'a Path,
        content: &[u8],
        access: Access,
    ) -> Result<Self, Error> {
        let written = Written::whole(destination, content, access)
            .map_err(|error| Error::writing(destination, Operation::Write, error))?;
        Ok(Self {
            destination,
            written,
        })
    }

    /// Puts it in its place, where a power cut cannot undo it any more. `former`: where what was there is kept.
    ///
    /// # Errors
    /// `NotSynced` if it is in its place all the same; `DiskFull`, `ReadOnly`, `Io` if it is not.
    pub(super) fn commit(self, disk: &Disk, former: Option<PathBuf>) -> Result<(), Error> {
        let destination = self.destination;
        let placed = self.place(disk)?;
        (disk.sync)(&placed, destination).map_err(|error| {
            let kind = ErrorKind::NotSynced { former, error };
            Error::new(destination, Operation::Write, kind)
        })
    }

    /// Puts it in its place by a rename. Until it is synced a power cut may bring back what was there.
    pub(super) fn place(self, disk: &Disk) -> Result<Written, Error> {
        let destination = self.destination;
        let moved = self.written.move_to(destination, disk);
        moved.map_err(|error| Error::writing(destination, Operation::Write, error))
    }
}

/// What puts a file into its place: the system, but for tests.
pub(super) struct Disk {
    /// Gives a file another name, and takes that from the file that has it.
    pub(super) rename: fn(&Path, &Path) -> io::Result<()>,
    pub(super) sync: fn(&Written, &Path) -> io::Result<()>,
}

impl Disk {
    pub(super) const SYSTEM: Self = Self {
        rename: |from, to| fs::rename(from, to),
        sync: Written::sync,
    };
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

/// What the system says about a file. A link to nothing, be it the file's own or that of a directory above it, is an
/// error of its own: who made it does not take the file for one that was never there.
pub(super) fn look(path: &Path) -> Result<fs::Metadata, Error> {
    fs::metadata(path).map_err(|error| {
        let is_missing = error.kind() == io::ErrorKind::NotFound;
        match is_missing.then(|| link_to_nothing(path)).flatten() {
            Some(link) => Error::new(link, Operation::Read, ErrorKind::LinkToNothing),
            None => Error::io(path, Operation::Read, error),
        }
    })
}

/// Where the content of a file is, or is to be: whoever replaces what is there replaces it and not a link to it.
///
/// # Errors
/// `LinkToNothing`, `Io`.
pub(super) fn behind_links(path: &Path) -> Result<PathBuf, Error> {
    if let Some(link) = link_to_nothing(path) {
        return Err(Error::new(link, Operation::Write, ErrorKind::LinkToNothing));
    }
    let is_link = fs::symlink_metadata(path).is_ok_and(|it| it.is_symlink());
    if !is_link {
        return Ok(path.to_owned());
    }
    os::canonicalize(path).map_err(|error| Error::io(path, Operation::Write, error))
}

/// The link to nothing that keeps a path from leading anywhere, if one does.
fn link_to_nothing(path: &Path) -> Option<&Path> {
    let mut above = path.ancestors();
    let last = above.find(|it| fs::symlink_metadata(it).is_ok())?;
    let led = fs::metadata(last);
    let is_nothing = led.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    is_nothing.then_some(last)
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

/// Makes the directory that `path` lies in, and its missing parents, for this user only, and checks that nobody else can
/// exchange what is there, or put a file there.
pub(super) fn create_parent(path: &Path) -> Result<(), Error> {
    make_parent(path)?;
    check_own_place(path)
}

/// As [`create_parent`], of a file that lies there alone: others may have files beside it.
///
/// Whatever is above the directories is checked before they are made: where root works in the home of somebody else, that
/// one could use none of them.
pub(super) fn make_parent(path: &Path) -> Result<(), Error> {
    check_nearest_parents(path)?;
    let parent = parent(path);
    make_directory(parent, confirm).map_err(|error| match link_to_nothing(parent) {
        Some(link) => Error::new(link, Operation::Create, ErrorKind::LinkToNothing),
        None => Error::io(parent, Operation::Create, error),
    })?;
    check_parents(path)
}

/// Makes a directory and its missing parents, for this user only. A power cut takes none of them once `sync` has synced the
/// directory that each lies in; if that fails they are taken away again. One that is there already is not synced: a run that
/// was killed right after it had made that may have left it so.
fn make_directory(
    directory: &Path,
    mut sync: impl FnMut(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let is_missing = |it: &&Path| !it.as_os_str().is_empty() && fs::symlink_metadata(it).is_err();
    let made: Vec<&Path> = directory.ancestors().take_while(is_missing).collect();
    os::create_private_dir(directory)?;
    let synced = made.iter().rev().try_for_each(|it| sync(parent(it)));
    synced.inspect_err(|_| {
        for it in &made {
            // Others may have put something there meanwhile; the first error says more.
            let _ = fs::remove_dir(it);
        }
    })
}

/// Syncs a directory.
fn confirm(directory: &Path) -> io::Result<()> {
    unless_unreadable(os::sync_dir(directory))
}

/// A directory in which its user may make something and read nothing cannot be opened to be synced: what was made there is
/// there all the same.
fn unless_unreadable(synced: io::Result<()>) -> io::Result<()> {
    match synced {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// `path` with `suffix` after its whole file name: `identity.key` and `.old` give
/// `identity.key.old`.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Syncs the directory that a file lies in, as [`confirm`] does.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    confirm(parent(path))
}

fn create_in_place(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let mut file = open_new(path, access)?;
    fill(&mut file, content).inspect_err(|_| remove(path))
}

fn open_new(path: &Path, access: Access) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    os::set_creation_mode(&mut options, access.mode());
    options.open(path)
}

fn fill(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    file.sync_all()
}

/// Takes away what we created ourselves; if even that fails, the first error says more.
pub(super) fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

/// A file that is not in its place yet. Dropping it undoes it, and so does a kill where the system has files without a
/// name (Linux).
pub(super) struct Written {
    /// The file beside its place; none if it has no name yet.
    beside: Option<Temporary>,
    file: File,
}

impl Written {
    fn open(destination: &Path, access: Access) -> io::Result<Self> {
        if let Some(file) = os::open_nameless(parent(destination), access.mode()) {
            return Ok(Self { beside: None, file });
        }
        Self::open_named(destination, access)
    }

    fn open_named(destination: &Path, access: Access) -> io::Result<Self> {
        let (path, file) = Temporary::open(destination, access)?;
        let beside = Some(Temporary { path });
        Ok(Self { beside, file })
    }

    fn whole(destination: &Path, content: &[u8], access: Access) -> io::Result<Self> {
        Self::open(destination, access)?.filled(content)
    }

    fn filled(mut self, content: &[u8]) -> io::Result<Self> {
        fill(&mut self.file, content)?;
        Ok(self)
    }

    /// Gives it its place, if that is free.
    fn link_to(&self, destination: &Path) -> io::Result<()> {
        match &self.beside {
            Some(beside) => fs::hard_link(&beside.path, destination),
            None => os::give_name(&self.file, destination),
        }
    }

    /// Gives it its place. What has no name gets one beside it for that moment, since only a name can be moved.
    fn move_to(self, destination: &Path, disk: &Disk) -> io::Result<Self> {
        match &self.beside {
            Some(beside) => (disk.rename)(&beside.path, destination)?,
            None => {
                let named = Temporary::naming(&self.file, destination)?;
                (disk.rename)(&named.path, destination)?;
            }
        }
        Ok(self)
    }

    /// Makes its place survive a power cut. What had no name when it was written is synced once more: btrfs notes nothing
    /// of such a file until then, and would bring it back empty.
    fn sync(&self, destination: &Path) -> io::Result<()> {
        if self.beside.is_none() {
            self.file.sync_all()?;
        }
        sync_parent(destination)
    }
}

/// A file beside the place it is meant for. Dropping it removes it.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// Names a file that has no name.
    fn naming(nameless: &File, destination: &Path) -> io::Result<Self> {
        let name = |path: &Path| os::give_name(nameless, path);
        let (path, ()) = Self::free_beside(destination, name)?;
        Ok(Self { path })
    }

    fn open(destination: &Path, access: Access) -> io::Result<(PathBuf, File)> {
        Self::free_beside(destination, |path| open_new(path, access))
    }

    /// Passes over what a process that crashed with our number has left behind: in a container every
    /// process may have the same.
    fn free_beside<T>(
        destination: &Path,
        take: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<(PathBuf, T)> {
        for _ in 0..MAX_LEFT_BEHIND {
            let path = Self::path_for(destination);
            match take(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result.map(|taken| (path, taken)),
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
        let moved = fs::rename(&self.path, destination);
        moved.inspect_err(|_| remove(destination))
    }
}

impl Drop for Temporary {
    /// After a rename there is nothing left to remove.
    fn drop(&mut self) {
        remove(&self.path);
    }
}

#[cfg(test)]
#[path = "atomic_tests.rs"]
mod tests;
