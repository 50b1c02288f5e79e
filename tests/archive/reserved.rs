//! Handshake timestamps that the store notes as used, where the disk fails before or while that gets there.

use std::fs;
use std::path::{Path, PathBuf};

use securechat::chat::{ConversationId, Kind, LogId, Name, Outgoing};
use securechat::id::Timestamp;
use securechat::store::{Archive, Error, ErrorKind, StoreTrouble, reserve_timestamps};
use securechat::time::UnixTime;
use tempfile::TempDir;

use crate::disk::{Disk, Fault};
use crate::{Dice, contact, fresh, open};

const NOW: UnixTime = UnixTime(1_795_000_000_000);

/// A directory for the file that they are reserved in.
struct State(TempDir);

impl State {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("timestamps")
    }

    /// The first one that is reserved by a program that finds no file, and a store with these bytes.
    fn first_without_file(&self, bytes: Vec<u8>, dice: &mut Dice) -> Timestamp {
        let disk = Disk::new(bytes, None);
        let (mut archive, _) = open(&disk, 1, dice, NOW).unwrap();
        let other = self.0.path().join("other");
        let reserved = archive.reserve_timestamps(&other, UnixTime(0)).unwrap();
        fs::remove_file(other).unwrap();
        reserved.start
    }
}

fn queue(archive: &mut Archive, sequence: u64) -> Result<(), Error> {
    let name = Name {
        log: LogId(1),
        sequence,
    };
    let message = Outgoing {
        name,
        kind: Kind::Text,
        conversation: ConversationId::default(),
        sent_at: NOW,
        body: b"x".as_slice().into(),
    };
    archive.change(NOW, |it| it.queue(contact(7), &message))
}

/// What a process reserved and wrote before its disk failed: what the store notes in any case.
fn live(disk: &Disk, file: &Path, noted: &mut Timestamp, dice: &mut Dice) -> Result<(), Error> {
    let (mut archive, _) = open(disk, 1, dice, NOW)?;
    for sequence in 0..2 {
        let reserved = archive.reserve_timestamps(file, NOW)?;
        queue(&mut archive, sequence)?;
        *noted = reserved.end;
    }
    archive.reserve_timestamps(file, NOW).map(|_| ())
}

#[test]
fn what_is_noted_is_no_less_than_before_the_last_change_and_no_more_than_the_file_says() {
    let mut dice = Dice::new(12);
    let bytes = fresh(1, &mut dice);
    let (mut behind, mut in_step) = (0, 0);
    for point in 0.. {
        let fault = Fault::ALL[dice.index(Fault::ALL.len())];
        let (state, mut noted) = (State::new(), Timestamp(0));
        let disk = Disk::new(bytes.clone(), Some((point, fault)));
        let lived = live(&disk, &state.file(), &mut noted, &mut dice);
        assert!(lived.is_ok() || disk.has_failed(), "{fault:?} {point}");
        let first = state.first_without_file(disk.after(&mut dice), &mut dice);
        let by_file = reserve_timestamps(&state.file(), Timestamp(0), UnixTime(0)).unwrap();
        assert!(first >= noted, "{fault:?} {point}");
        assert!(first <= by_file.start, "{fault:?} {point}");
        let is_behind = first < by_file.start;
        behind += u64::from(is_behind);
        in_step += u64::from(!is_behind);
        if !disk.has_failed() {
            assert!(!is_behind, "it was closed");
            break;
        }
    }
    assert!(behind > 0 && in_step > 0, "{behind} {in_step}");
}

#[test]
fn a_note_costs_no_access_to_the_disk_and_the_change_that_takes_it_there_no_further_wait() {
    let mut dice = Dice::new(13);
    let (disk, state) = (Disk::new(fresh(1, &mut dice), None), State::new());
    let (mut archive, _) = open(&disk, 1, &mut dice, NOW).unwrap();
    let mut syncs = |sequence, reserves: bool| {
        let (points, syncs) = (disk.points(), disk.syncs());
        if reserves {
            archive.reserve_timestamps(&state.file(), NOW).unwrap();
            assert_eq!(disk.points(), points);
        }
        queue(&mut archive, sequence).unwrap();
        disk.syncs() - syncs
    };
    assert_eq!([syncs(0, false), syncs(1, true)], [1, 1]);
}

#[test]
fn after_an_error_of_the_disk_no_timestamps_are_given_out_until_the_store_is_opened_anew() {
    let mut dice = Dice::new(14);
    let (disk, state) = (Disk::new(fresh(1, &mut dice), None), State::new());
    let (mut archive, _) = open(&disk, 1, &mut dice, NOW).unwrap();
    let reserve = |archive: &mut Archive| archive.reserve_timestamps(&state.file(), NOW);
    let used = reserve(&mut archive).unwrap();
    disk.fail_after(0, Fault::Error);
    queue(&mut archive, 0).unwrap_err();
    let error = reserve(&mut archive).unwrap_err();
    let is_stopped = matches!(error.kind(), ErrorKind::Store(StoreTrouble::Stopped));
    assert!(is_stopped, "{error}");
    drop(archive);
    let (mut archive, _) = open(&disk, 1, &mut dice, NOW).unwrap();
    assert!(reserve(&mut archive).unwrap().start >= used.end);
}
