//! Handshake timestamps that only rise, whatever the clock does and however a process ends.
//!
//! A peer accepts a handshake only if its timestamp is greater than all that it saw before. A block
//! of them is noted as used before the first one is: after a crash the rest of the block is lost,
//! none is used twice. They are noted in a file of their own, which counts when the store of messages
//! is damaged or gone, and in the store after that: see `archive/reserved.rs`.

use core::ops::Range;
use std::path::Path;

use super::atomic::{create_parent, read_checked, replace_plain};
use super::error::{Error, ErrorKind, Operation};
use super::permissions::Access;
use crate::id::Timestamp;
use crate::time::UnixTime;

/// Timestamps reserved at a time. A handshake attempt uses one, so a block lasts for ever; as a
/// duration it is 1.07 s, so that starting again and again does not run away from the clock.
pub(super) const BLOCK: u64 = 1 << 30;

const HEADER: &str = "securechat timestamps v1, the first unused one: ";

/// Reserves timestamps that this identity has never used, starting at the present time, after the
/// last reserved one or at `least`, whichever is latest. They are on the disk as used before this returns.
/// [`Archive::reserve_timestamps`](super::Archive::reserve_timestamps) knows of a `least`.
///
/// The caller holds the identity's lock. A missing file means that it knows of none that was used; a
/// damaged one is an error, since guessing could use one twice: with a clock that is right it is safe
/// to delete the file.
///
/// # Errors
/// `Malformed` if the file cannot be understood, `NoTimestamps`, `UnsafePermissions` or
/// `UnsafeDirectory` if others could turn it back, `DiskFull`, `Io`.
pub fn reserve_timestamps(
    path: &Path,
    least: Timestamp,
    now: UnixTime,
) -> Result<Range<Timestamp>, Error> {
    create_parent(path)?;
    let by_clock = now.0.saturating_mul(1_000_000);
    let start = first_unused(path)?.max(least.0).max(by_clock);
    let block = block(path, Timestamp(start))?;
    let content = format!("{HEADER}{}\n", block.end.0);
    replace_plain(path, content.as_bytes(), Access::Owner)?;
    Ok(block)
}

/// The block that starts there, as the file at `path` wants it.
///
/// # Errors
/// `NoTimestamps`.
pub(super) fn block(path: &Path, start: Timestamp) -> Result<Range<Timestamp>, Error> {
    let end = start.0.checked_add(BLOCK).map(Timestamp);
    let end = end.ok_or_else(|| Error::new(path, Operation::Read, ErrorKind::NoTimestamps))?;
    Ok(start..end)
}

pub(super) fn first_unused(path: &Path) -> Result<u64, Error> {
    let content = match read_checked(path, Access::OthersRead) {
        Ok(content) => content,
        Err(error) if error.is_missing() => return Ok(0),
        Err(error) => return Err(error),
    };
    parse(&content.bytes).ok_or_else(|| {
        let reason = "the timestamps file is damaged";
        Error::new(path, Operation::Read, ErrorKind::Malformed { reason })
    })
}

/// Exactly what [`reserve_timestamps`] writes, nothing shorter: half a number is a smaller number.
fn parse(content: &[u8]) -> Option<u64> {
    let text = str::from_utf8(content).ok()?;
    let digits = text.strip_prefix(HEADER)?.strip_suffix('\n')?;
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NOW: UnixTime = UnixTime(1_795_000_000_000);

    /// Without a store beside it.
    fn reserve(path: &Path, now: UnixTime) -> Result<Range<Timestamp>, Error> {
        reserve_timestamps(path, Timestamp(0), now)
    }

    fn place() -> (tempfile::TempDir, std::path::PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state/ts");
        (home, path)
    }

    #[test]
    fn the_first_block_starts_now() {
        let (_home, path) = place();
        let block = reserve(&path, NOW).unwrap();
        assert_eq!(block.start, Timestamp(NOW.0 * 1_000_000));
        assert_eq!(block.end.0 - block.start.0, BLOCK);
    }

    #[test]
    fn no_timestamp_is_reserved_twice_whatever_the_clock_does() {
        let (_home, path) = place();
        let mut last = 0;
        for now in [
            NOW.0,
            NOW.0,
            0,
            NOW.0 + 9_999_999,
            5,
            NOW.0,
            u64::MAX / 2_000_000,
        ] {
            let block = reserve(&path, UnixTime(now)).unwrap();
            assert!(block.start.0 >= last && block.start < block.end);
            assert!(block.start.0 >= now * 1_000_000);
            last = block.end.0;
        }
    }

    /// Somebody reserves, makes a backup, reserves twice more a while later and restores the backup. What was
    /// reserved since then, and what is reserved next.
    fn after_a_restored_backup(next: UnixTime) -> ([Range<Timestamp>; 2], Range<Timestamp>) {
        let (home, path) = place();
        let backup = home.path().join("backup");
        reserve(&path, NOW).unwrap();
        fs::copy(&path, &backup).unwrap();
        let since = [LATER, LATER].map(|now| reserve(&path, now).unwrap());
        fs::copy(&backup, &path).unwrap();
        (since, reserve(&path, next).unwrap())
    }

    const LATER: UnixTime = UnixTime(NOW.0 + 60_000);

    #[test]
    fn after_a_restored_backup_a_right_clock_leads_past_all_that_was_reserved() {
        let (since, next) = after_a_restored_backup(UnixTime(LATER.0 + 60_000));
        assert!(since.iter().all(|block| block.end <= next.start));
    }

    /// Then the file knows nothing of what came after the backup, and without a store some of it comes again.
    #[test]
    fn after_a_restored_backup_a_clock_that_is_behind_as_well_leads_on_from_the_backup() {
        let of_backup = Timestamp(NOW.0 * 1_000_000 + BLOCK);
        for clock in [0, NOW.0 - 60_000, NOW.0] {
            let (since, next) = after_a_restored_backup(UnixTime(clock));
            assert_eq!(next.start, of_backup, "nothing from before the backup");
            assert!(next.start < since[0].start);
        }
    }

    #[test]
    fn the_block_is_on_disk_before_it_is_returned() {
        let (_home, path) = place();
        let block = reserve(&path, NOW).unwrap();
        assert_eq!(parse(&fs::read(&path).unwrap()), Some(block.end.0));
    }

    #[test]
    fn a_damaged_file_is_an_error_and_stays() {
        let (_home, path) = place();
        reserve(&path, NOW).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let error = reserve(&path, NOW).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Malformed { .. }),
                "{error}"
            );
            assert_eq!(fs::read(&path).unwrap(), whole[..length]);
        }
    }

    #[test]
    fn the_end_of_time_is_an_error_and_no_overflow() {
        let (_home, path) = place();
        let error = reserve(&path, UnixTime(u64::MAX)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NoTimestamps));
    }
}
