//! Handshake timestamps that are noted as used in two places, one of which is lost or older than the other.

use core::ops::Range;

use super::*;
use crate::store::archive::keys::Keys;
use crate::store::reserve_timestamps;
use crate::store::timestamps::BLOCK;

const ROW: &str = "timestamps";

impl Place {
    fn timestamps(&self) -> PathBuf {
        self.0.path().join("state/timestamps")
    }

    /// One run of a program whose clock shows this.
    fn reserve_at(&self, now: UnixTime) -> Range<Timestamp> {
        let (mut archive, _) = self.try_open(Keep::Off, now).unwrap();
        archive.reserve_timestamps(&self.timestamps(), now).unwrap()
    }
}

/// Whether the block of `next` begins at `end`: what is used of it begins in its first half.
#[track_caller]
fn assert_begins_at(end: Timestamp, next: &Range<Timestamp>) {
    assert_eq!(next.end.0, end.0 + BLOCK);
    assert!((end.0..end.0 + BLOCK / 2).contains(&next.start.0));
}

/// What a clock may show that is behind what was reserved at [`NOW`].
const BEHIND: [UnixTime; 3] = [UnixTime(0), UnixTime(NOW.0 - 60_000), NOW];

#[test]
fn the_first_block_starts_now() {
    assert_begins_at(Timestamp(NOW.0 * 1_000_000), &Place::new().reserve_at(NOW));
}

#[test]
fn a_file_that_was_deleted_uses_none_twice_though_the_clock_is_behind() {
    for clock in BEHIND {
        let place = Place::new();
        let used = place.reserve_at(NOW);
        fs::remove_file(place.timestamps()).unwrap();
        assert_begins_at(used.end, &place.reserve_at(clock));
    }
}

#[test]
fn a_file_that_an_older_one_took_the_place_of_uses_none_twice_though_the_clock_is_behind() {
    for clock in BEHIND {
        let place = Place::new();
        let backup = place.0.path().join("backup");
        place.reserve_at(NOW);
        fs::copy(place.timestamps(), &backup).unwrap();
        let used = [NOW, NOW].map(|now| place.reserve_at(now));
        fs::copy(&backup, place.timestamps()).unwrap();
        assert_begins_at(used[1].end, &place.reserve_at(clock));
    }
}

/// Nothing on the machine knows then what came after the backup, and the same block is reserved again.
#[test]
fn a_backup_of_both_uses_none_twice_though_the_clock_is_behind() {
    for clock in BEHIND {
        let place = Place::new();
        place.reserve_at(NOW);
        let backups = ["state", "store"].map(|name| place.0.path().join(name));
        let both = [place.timestamps(), place.path()];
        for (from, to) in both.iter().zip(&backups) {
            fs::copy(from, to.with_extension("backup")).unwrap();
        }
        let used = place.reserve_at(NOW);
        for (to, from) in both.iter().zip(&backups) {
            fs::copy(from.with_extension("backup"), to).unwrap();
        }
        let again = place.reserve_at(clock);
        assert_eq!(again.end, used.end, "nothing could know");
        // That the attempts of two runs meet, a hundred of each, has a chance of four in ten million, each time.
        assert!(used.start.0.abs_diff(again.start.0) > 100);
    }
}

#[test]
fn without_a_store_the_file_counts() {
    let place = Place::new();
    let used = place.reserve_at(NOW);
    fs::remove_file(place.path()).unwrap();
    assert_begins_at(used.end, &place.reserve_at(UnixTime(0)));
}

#[test]
fn a_store_that_an_older_one_took_the_place_of_changes_nothing() {
    let place = Place::new();
    let backup = place.0.path().join("backup");
    place.reserve_at(NOW);
    fs::copy(place.path(), &backup).unwrap();
    let used = place.reserve_at(NOW);
    fs::copy(&backup, place.path()).unwrap();
    assert_begins_at(used.end, &place.reserve_at(UnixTime(0)));
}

#[test]
fn a_crash_after_the_file_and_before_the_store_uses_none_twice() {
    let place = Place::new();
    let noted = place.reserve_at(NOW);
    let file = place.timestamps();
    let lost = reserve_timestamps(&file, Timestamp(0), NOW).unwrap();
    assert_begins_at(noted.end, &lost);
    assert_begins_at(lost.end, &place.reserve_at(UnixTime(0)));
}

#[test]
fn a_clock_that_is_right_leads_past_both() {
    let place = Place::new();
    place.reserve_at(NOW);
    let later = UnixTime(NOW.0 + 60_000);
    assert_begins_at(Timestamp(later.0 * 1_000_000), &place.reserve_at(later));
}

#[test]
fn blocks_of_one_run_follow_each_other_whatever_becomes_of_the_file() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Off);
    let mut reserve = || archive.reserve_timestamps(&place.timestamps(), NOW);
    let first = reserve().unwrap();
    fs::remove_file(place.timestamps()).unwrap();
    assert_begins_at(first.end, &reserve().unwrap());
}

#[test]
fn a_file_that_is_refused_notes_nothing() {
    let place = Place::new();
    let used = place.reserve_at(NOW);
    let (mut archive, _) = place.open(Keep::Off);
    fs::write(place.timestamps(), "half").unwrap();
    let error = archive.reserve_timestamps(&place.timestamps(), NOW);
    error.unwrap_err();
    drop(archive);
    fs::remove_file(place.timestamps()).unwrap();
    assert_begins_at(used.end, &place.reserve_at(NOW));
}

fn write_meta(place: &Place, value: impl FnOnce(&Keys) -> Option<Vec<u8>>) {
    let (archive, _) = place.open(Keep::Off);
    let value = value(&archive.keys);
    let transaction = archive.database.begin_write().unwrap();
    {
        let mut meta = transaction.open_table(file::META).unwrap();
        match value {
            Some(value) => meta.insert(ROW, value.as_slice()).unwrap(),
            None => meta.remove(ROW).unwrap(),
        };
    }
    transaction.commit().unwrap();
}

#[test]
fn a_store_that_never_noted_any_leaves_it_to_the_file() {
    let place = Place::new();
    let used = place.reserve_at(NOW);
    write_meta(&place, |_| None);
    assert_begins_at(used.end, &place.reserve_at(UnixTime(0)));
}

#[test]
fn what_is_noted_does_not_say_when_and_opens_in_its_row_alone() {
    let place = Place::new();
    let used = place.reserve_at(NOW);
    let (archive, _) = place.open(Keep::Off);
    let transaction = archive.database.begin_read().unwrap();
    let meta = transaction.open_table(file::META).unwrap();
    let sealed = meta.get(ROW).unwrap().unwrap().value().to_vec();
    let time = used.end.0.to_le_bytes();
    assert!(!sealed.windows(time.len()).any(|it| it == time));
    let open = |row| archive.keys.open_meta(row, &sealed);
    assert_eq!(open(ROW).unwrap().as_slice(), time);
    assert!(open("key").is_err());
}

#[test]
fn a_note_that_does_not_open_or_says_nothing_is_damage_and_the_messages_can_be_read() {
    let values: [fn(&Keys) -> Vec<u8>; 3] = [
        |_| 7_u64.to_le_bytes().to_vec(),
        |keys| keys.seal_meta("other", &7_u64.to_le_bytes(), &mut *rng()),
        |keys| keys.seal_meta(ROW, &[7], &mut *rng()),
    ];
    for value in values {
        let place = Place::new();
        let (mut archive, _) = place.open(Keep::Off);
        let message = outgoing(name(1, 0), "x");
        let queued = archive.change(NOW, |it| it.queue(contact(7), &message));
        queued.unwrap();
        drop(archive);
        write_meta(&place, |keys| Some(value(keys)));
        let error = place.try_open(Keep::Off, NOW).unwrap_err();
        assert_eq!(trouble_of(&error), StoreTrouble::Damaged(Loss::FRAME));
        let salvaged = Salvaged::read(&place.path(), &secret(1), &Filter::default()).unwrap();
        assert_eq!(salvaged.found.entries.len(), 1);
    }
}

#[test]
fn a_note_after_which_none_are_left_is_an_error_about_the_store_and_the_file_stays() {
    let place = Place::new();
    place.reserve_at(NOW);
    let before = fs::read(place.timestamps()).unwrap();
    write_meta(&place, |keys| {
        let end = u64::MAX - 5;
        Some(keys.seal_meta(ROW, &end.to_le_bytes(), &mut *rng()))
    });
    let (mut archive, _) = place.open(Keep::Off);
    let error = archive.reserve_timestamps(&place.timestamps(), NOW);
    let error = error.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoTimestamps), "{error}");
    assert_eq!(error.path(), Some(&*place.path()));
    assert_eq!(fs::read(place.timestamps()).unwrap(), before);
    drop(archive);
    // What is advised then.
    fs::rename(place.path(), place.0.path().join("aside")).unwrap();
    place.reserve_at(NOW);
}

#[test]
fn a_file_after_which_none_are_left_is_an_error_about_the_file() {
    let place = Place::new();
    let used = place.reserve_at(NOW);
    let file = place.timestamps();
    reserve_timestamps(&file, Timestamp(u64::MAX - (1 << 30)), NOW).unwrap();
    let (mut archive, _) = place.open(Keep::Off);
    let error = archive.reserve_timestamps(&file, NOW).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoTimestamps), "{error}");
    assert_eq!(error.path(), Some(&*file));
    drop(archive);
    // What is advised then.
    fs::remove_file(&file).unwrap();
    assert_begins_at(used.end, &place.reserve_at(NOW));
}

#[test]
fn what_is_noted_stays_when_the_file_shrinks() {
    let place = Place::new();
    let mut archive = with_history(&place);
    let file = place.timestamps();
    let used = archive.reserve_timestamps(&file, NOW).unwrap();
    assert_eq!(archive.purge(None, None).unwrap(), 4);
    drop(archive);
    fs::remove_file(&file).unwrap();
    assert_begins_at(used.end, &place.reserve_at(UnixTime(0)));
}
