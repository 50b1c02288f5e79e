//! The file of a log: written to its end, and to the end of nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use super::atomic::make_parent;
use super::error::{Error, ErrorKind, Operation};
use super::os;
use super::permissions::{Access, check_file, check_parents, check_put_there};

/// Opens a log for appending; others may not read what it says. A device or a pipe is no log file, and
/// whoever names one knows who reads it, unless somebody else could have put it there.
///
/// Whatever else is ours has the owner and the mode of a log as well, so that a link that somebody else has laid, or a slip
/// of the pen, could lead into a secret key: links are not followed, and what does not begin as a log does is no log.
///
/// # Errors
/// `UnsafePermissions` or `WrongOwner` if the file exists and others can read it; `UnsafeDirectory` if they can replace it;
/// `Malformed` if it is none; `Io`, `DiskFull`.
pub fn open_log(path: &Path) -> Result<File, Error> {
    if let Ok(metadata) = fs::metadata(path)
        && !metadata.is_file()
        && !metadata.is_dir()
    {
        let during = |error: Error| error.during(Operation::Write);
        check_put_there(path, &metadata).map_err(during)?;
        check_parents(path).map_err(during)?;
        return open_stream(path);
    }
    let during = |error: Error| error.during(Operation::Write);
    check_no_link(path)?;
    make_parent(path).map_err(during)?;
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    os::set_creation_mode(&mut options, Access::Owner.mode());
    os::follow_no_link(&mut options);
    let fail = |error: io::Error| Error::io(path, Operation::Write, error);
    let mut file = options.open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    check_file(path, &metadata, Access::Owner).map_err(during)?;
    check_beginning(path, &mut file).map_err(during)?;
    Ok(file)
}

fn open_stream(path: &Path) -> Result<File, Error> {
    // As if it were to be made: then Linux itself refuses a pipe that somebody else has put there.
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let fail = |error: io::Error| Error::io(path, Operation::Write, error);
    let stream = opened.map_err(fail)?;
    if stream.metadata().map_err(fail)?.is_file() {
        return Err(no_log(path, "it became a file while it was opened"));
    }
    Ok(stream)
}

fn check_no_link(path: &Path) -> Result<(), Error> {
    if fs::symlink_metadata(path).is_ok_and(|it| it.is_symlink()) {
        return Err(no_log(
            path,
            "it is a link; name the file that the log is to be in",
        ));
    }
    Ok(())
}

fn check_beginning(path: &Path, file: &mut File) -> Result<(), Error> {
    let mut beginning = Vec::new();
    let read = file
        .take(TIME.len() as u64)
        .read_to_end(&mut beginning)
        .map_err(|error| Error::io(path, Operation::Read, error));
    read?;
    if !begins_as_log(&beginning) {
        return Err(no_log(path, "it has something else in it than a log"));
    }
    Ok(())
}

fn no_log(path: &Path, reason: &'static str) -> Error {
    Error::new(path, Operation::Write, ErrorKind::Malformed { reason })
}

/// How a line begins: with its time.
const TIME: &[u8] = b"0000-00-00T00:00:00";

/// Nothing does, too, and a line of which a full disk took no more than a part. Where it took none, the first line says so
/// in brackets: how many are missing.
fn begins_as_log(beginning: &[u8]) -> bool {
    let is_like = |(found, like): (&u8, &u8)| match like {
        b'0' => found.is_ascii_digit(),
        _ => found == like,
    };
    if let [b'(', rest @ ..] = beginning {
        return rest.first().is_none_or(u8::is_ascii_digit);
    }
    beginning.iter().zip(TIME).all(is_like)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const LINE: &[u8] = b"2026-11-30T17:41:25.799488Z  INFO securechat::proto: x\n";

    #[test]
    fn a_log_is_told_by_its_beginning() {
        for is in [&b""[..], b"2026-1", b"(3 lines found no room", b"(", LINE] {
            assert!(begins_as_log(is), "{is:?}");
        }
        for is_not in [
            &b"# securechat secret key"[..],
            b"securechat timestamps",
            b"redb\x1a\n",
            b"(a",
            b"2026-11-30 17",
        ] {
            assert!(!begins_as_log(is_not), "{is_not:?}");
        }
    }

    /// logrotate does so, with `copytruncate`.
    #[test]
    fn a_log_that_is_emptied_goes_on_at_its_beginning() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        let mut log = open_log(&path).unwrap();
        log.write_all(LINE).unwrap();
        File::options()
            .write(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        log.write_all(LINE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), LINE);
    }

    #[test]
    fn a_log_goes_on_where_it_was_and_in_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("below/log");
        for _ in 0..2 {
            open_log(&path).unwrap().write_all(LINE).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), [LINE, LINE].concat());
        let key = home.path().join("key");
        let content = b"# securechat secret key - anyone who reads this file can be you\n";
        crate::store::create_private(&key, content).unwrap();
        let error = open_log(&key).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Malformed { .. }),
            "{error}"
        );
        assert_eq!(fs::read(&key).unwrap(), content);
    }

    #[cfg(unix)]
    #[test]
    fn a_log_that_others_can_read_is_refused_and_left_as_it_was() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        open_log(&path).unwrap().write_all(LINE).unwrap();
        assert_eq!(os::testing::mode(&path), 0o600);
        open_log(&path).unwrap().write_all(LINE).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            os::testing::set_mode(&path, mode);
            let error = open_log(&path).unwrap_err();
            assert_eq!(error.operation(), Operation::Write);
            assert!(
                matches!(error.kind(), ErrorKind::UnsafePermissions { mode: found, .. } if *found == mode)
            );
        }
        assert_eq!(fs::read(&path).unwrap(), [LINE, LINE].concat());
        open_log(Path::new("/dev/null")).unwrap();
    }

    /// It led into a secret key, which has the owner and the mode of a log, and could be used no more.
    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed_and_no_log_lies_where_others_could_exchange_it() {
        let home = tempfile::tempdir().unwrap();
        let [log, link] = ["log", "link"].map(|name| home.path().join(name));
        for target in ["log", "none"] {
            open_log(&log).unwrap();
            os::testing::symlink(home.path().join(target), &link).unwrap();
            let error = open_log(&link).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Malformed { .. }),
                "{error}"
            );
            assert!(!home.path().join("none").exists());
            fs::remove_file(&link).unwrap();
        }
        os::testing::symlink(Path::new("/dev/null"), &link).unwrap();
        open_log(&link).unwrap();
        os::testing::set_mode(home.path(), 0o777);
        let error = open_log(&log).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnsafeDirectory { .. }));
    }

    /// Whoever has the directory could lay a pipe there for what is yet to be made, and read what the log says.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_in_a_directory_of_somebody_else_is_no_place_for_a_log() {
        if os::current_user() != 0 {
            // Whoever counts skipped tests reads it, captured or not.
            let line = b"\nSKIPPED: not running as root, who alone can be another user\n";
            return io::stderr().write_all(line).expect("stderr takes a line");
        }
        let home = tempfile::tempdir().unwrap();
        let pipe = home.path().join("log");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        // Somebody has it open for reading already.
        let _reader = File::options().read(true).write(true).open(&pipe).unwrap();
        open_log(&pipe).unwrap();
        os::testing::chown(home.path(), Some(12_345), None).unwrap();
        let error = open_log(&pipe).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::WrongOwner { .. }),
            "{error}"
        );
    }
}
