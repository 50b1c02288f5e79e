//! What differs between operating systems: modes, owners, directories, the shell.
//!
//! Windows has no mode bits; its files inherit the access list of the user's profile directory,
//! which keeps other users out. The checks are skipped there.

#[cfg(unix)]
use std::fs::TryLockError;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
#[cfg(unix)]
use std::time::Duration;

/// Who owns a file and what others may do with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Protection {
    /// Permission bits, sticky bit included.
    pub(super) mode: u32,
    pub(super) owner: u32,
}

/// Reads them from a file's metadata; none where the system has no such thing.
#[cfg(unix)]
pub(super) fn protection(metadata: &Metadata) -> Option<Protection> {
    use std::os::unix::fs::MetadataExt;
    Some(Protection {
        mode: metadata.mode() & 0o7777,
        owner: metadata.uid(),
    })
}

#[cfg(not(unix))]
pub(super) fn protection(_: &Metadata) -> Option<Protection> {
    None
}

/// How many names a file has; one where the system does not tell.
#[cfg(unix)]
pub(super) fn count_names(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.nlink()
}

#[cfg(not(unix))]
pub(super) fn count_names(_: &Metadata) -> u64 {
    1
}

/// What standard output is.
#[cfg(unix)]
pub(super) fn standard_output() -> Option<Metadata> {
    use std::os::fd::AsFd;
    let output = io::stdout().as_fd().try_clone_to_owned().ok()?;
    File::from(output).metadata().ok()
}

#[cfg(not(unix))]
pub(super) fn standard_output() -> Option<Metadata> {
    None
}

/// The user whose rights this process has.
#[cfg(unix)]
pub(super) fn current_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
pub(super) fn current_user() -> u32 {
    0
}

/// Makes files opened with `options` get these permission bits when they are created.
#[cfg(unix)]
pub(super) fn set_creation_mode(options: &mut OpenOptions, mode: u32) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(mode);
}

#[cfg(not(unix))]
pub(super) fn set_creation_mode(_: &mut OpenOptions, _: u32) {}

/// Makes opening fail where the path's last part is a link.
#[cfg(unix)]
pub(super) fn follow_no_link(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
}

#[cfg(not(unix))]
pub(super) fn follow_no_link(_: &mut OpenOptions) {}

/// Opens a file without a name for a directory, which is gone with whoever has it open; none where the system or the
/// file system has no such thing, or it could get no name by [`give_name`].
#[cfg(target_os = "linux")]
pub(super) fn open_nameless(directory: &Path, mode: u32) -> Option<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(open(directory, flags, Mode::from_raw_mode(mode)).ok()?);
    own_path(&file).exists().then_some(file)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn open_nameless(_: &Path, _: u32) -> Option<File> {
    None
}

/// Gives it a name that no file has.
#[cfg(target_os = "linux")]
pub(super) fn give_name(nameless: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    let linked = linkat(CWD, own_path(nameless), CWD, path, AtFlags::SYMLINK_FOLLOW);
    Ok(linked?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn give_name(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Where a process finds a file that it has open (open(2), `O_TMPFILE`).
#[cfg(target_os = "linux")]
fn own_path(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Makes a directory and its missing parents, for this user only.
pub(super) fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Where systemd keeps what is of one user and one run of the machine; for programs without its environment, such
/// as cron's.
#[cfg(target_os = "linux")]
pub(super) fn runtime_dir() -> Option<PathBuf> {
    let path = PathBuf::from(format!("/run/user/{}", current_user()));
    path.is_dir().then_some(path)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn runtime_dir() -> Option<PathBuf> {
    None
}

/// Makes a rename in this directory survive a power cut. Windows opens no directory for it: there a
/// power cut may undo what was renamed in the last seconds, as a whole.
#[cfg(unix)]
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
pub(super) fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Waits until nobody else holds this directory, then holds it as long as the file is open; none where the system or the
/// file system has no such thing (Windows, some network file systems), or after a moment that is longer than any of ours
/// takes: whoever can read it can hold it.
#[cfg(unix)]
pub(super) fn lock_dir(path: &Path) -> Option<File> {
    let directory = File::open(path).ok()?;
    for _ in 0..LOCK_TRIES {
        match directory.try_lock() {
            Ok(()) => return Some(directory),
            Err(TryLockError::WouldBlock) => std::thread::park_timeout(LOCK_PAUSE),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// Five seconds in all.
#[cfg(unix)]
const LOCK_TRIES: u32 = 500;
#[cfg(unix)]
const LOCK_PAUSE: Duration = Duration::from_millis(10);

#[cfg(not(unix))]
pub(super) fn lock_dir(_: &Path) -> Option<File> {
    None
}

/// The bytes that this user may still write on the file system of a path; none where it is not known.
#[cfg(unix)]
pub(super) fn free_space(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
pub(super) fn free_space(_: &Path) -> Option<u64> {
    None
}

/// Whether this user may make files in a directory. What the system does not tell counts as yes.
#[cfg(unix)]
pub(super) fn check_writable(directory: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    use rustix::io::Errno;
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    // Android asks for the real user alone, who is the effective one there.
    #[cfg(target_os = "android")]
    let of_whom = AtFlags::empty();
    #[cfg(not(target_os = "android"))]
    let of_whom = AtFlags::EACCESS;
    match accessat(CWD, directory, wanted, of_whom) {
        Err(error) if [Errno::ROFS, Errno::ACCESS].contains(&error) => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(not(unix))]
pub(super) fn check_writable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A number that changes when a file is replaced by another one of the same name. On Windows it may
/// stay for the first seconds, since a name that comes back gets its old time of creation.
#[cfg(unix)]
pub(super) fn file_number(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.ino()
}

#[cfg(windows)]
pub(super) fn file_number(metadata: &Metadata) -> u64 {
    use std::os::windows::fs::MetadataExt;
    metadata.creation_time()
}

/// Which file it is, among all that the system has: its device and its number there.
pub(super) type FileId = (u64, u64);

/// Tells files apart as long as they are open; none where the system has no such thing.
#[cfg(unix)]
pub(super) fn file_id(metadata: &Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
pub(super) fn file_id(_: &Metadata) -> Option<FileId> {
    None
}

/// Lets nobody move, delete or replace a file for as long as it is open, where the system offers that (Windows).
#[cfg(windows)]
pub(super) fn hold_name(options: &mut OpenOptions) {
    use std::os::windows::fs::OpenOptionsExt;
    const FILE_SHARE_READ: u32 = 1;
    const FILE_SHARE_WRITE: u32 = 2;
    // Without FILE_SHARE_DELETE.
    options.share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE);
}

#[cfg(not(windows))]
pub(super) fn hold_name(_: &mut OpenOptions) {}

/// Where a path leads, all links followed, in a form that people know.
#[cfg(not(windows))]
pub(super) fn canonicalize(path: &Path) -> io::Result<PathBuf> {
    std::fs::canonicalize(path)
}

/// Where a path leads, all links followed: as `C:\dir\file` where that names the same file as the
/// system's own `\\?\C:\dir\file`, which is when it is short enough for every program.
#[cfg(windows)]
pub(super) fn canonicalize(path: &Path) -> io::Result<PathBuf> {
    const MAX_PATH: usize = 260;
    let real = std::fs::canonicalize(path)?;
    let text = real.to_str().and_then(|text| text.strip_prefix(r"\\?\"));
    let usual = text.filter(|text| text.get(1..2) == Some(":") && text.len() < MAX_PATH);
    Ok(usual.map_or_else(|| real.clone(), PathBuf::from))
}

/// A command line, to be run by the system's shell.
#[cfg(not(windows))]
pub(super) fn shell(command_line: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(command_line);
    command
}

/// A command line, to be run by the system's shell as it stands: with `/S` cmd takes off the outer
/// quotes and nothing else, while quotes as other programs expect them would reach the command.
#[cfg(windows)]
pub(super) fn shell(command_line: &str) -> Command {
    use std::os::windows::process::CommandExt;
    let mut command = Command::new("cmd");
    command.args(["/D", "/S", "/C"]);
    command.raw_arg(format!("\"{command_line}\""));
    command
}

/// Has a command lead a group of its own, which what it starts belongs to as well.
#[cfg(unix)]
pub(crate) fn lead_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
pub(crate) fn lead_group(_: &mut Command) {}

/// Kills a command that leads a group and that nobody has waited for yet, and what stayed in its group; on Windows
/// the command alone.
pub(crate) fn end_group(child: &mut Child) {
    #[cfg(unix)]
    let _ = rustix::process::kill_process_group(
        rustix::process::Pid::from_child(child),
        rustix::process::Signal::KILL,
    );
    let _ = child.kill();
    let _ = child.wait();
}

/// Modes and links, for tests of the checks.
#[cfg(test)]
#[cfg(unix)]
pub(super) mod testing {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    pub(in crate::store) use std::os::unix::fs::{chown, lchown, symlink};

    pub(in crate::store) fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    pub(in crate::store) fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }
}
