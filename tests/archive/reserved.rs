//! Handshake timestamps that the store notes as used, where the disk fails before or while that gets there.

use std::fs;
use std::path::{Path, PathBuf};

use securechat::chat::{ConversationId, Kind, LogId, Name, Outgoing, State};
use securechat::id::Timestamp;
use securechat::store::{Archive, Error, ErrorKind, StoreTrouble, reserve_timestamps};
use securechat::time::UnixTime;
use tempfile::TempDir;

use crate::disk::{Disk, Fault};
use crate::{Dice, contact, fresh, open};

const NOW: UnixTime = UnixTime(1_795_000_000_000);

/// A directory for the file that they are reserved in.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("timestamps")
    }

    /// The first one of the block that is reserved by a program that finds no file, and a store with these bytes.
    fn first_without_file(&self, bytes: Vec<u8>, dice: &mut Dice) -> Timestamp {
        let disk = Disk::new(bytes, None);
        let (mut archive, _) = open(&disk, 1, dice, NOW).unwrap();
        let other = self.0.path().join("other");
        let reserved = archive.reserve_timestamps(&other, UnixTime(0)).unwrap();
        // What it is given begins at a random place of its block, which is as long as the one that the file has next.
        let next = reserve_timestamps(&other, Timestamp(0), UnixTime(0)).unwrap();
        fs::remove_file(other).unwrap();
        Timestamp(reserved.end.0 - (next.end.0 - next.start.0))
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

/// A message goes into the outbox, and is delivered.
fn send(archive: &mut Archive, sequence: u64) -> Result<(), Error> {
    queue(archive, sequence)?;
    let name = Name {
        log: LogId(1),
        sequence,
    };
    archive.change(NOW, |it| it.settle(contact(7), name, State::Delivered))
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
        let (state, mut noted) = (Place::new(), Timestamp(0));
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

/// Nobody was told: the program ended as if all was well, and the row was an older one.
#[test]
fn a_note_that_does_not_get_to_the_disk_when_the_store_is_closed_is_an_error() {
    let mut dice = Dice::new(14);
    let bytes = fresh(1, &mut dice);
    for fault in [None, Some(Fault::Gone), Some(Fault::Full)] {
        let (disk, state) = (Disk::new(bytes.clone(), None), Place::new());
        let (mut archive, _) = open(&disk, 1, &mut dice, NOW).unwrap();
        let reserved = archive.reserve_timestamps(&state.file(), NOW).unwrap();
        if let Some(fault) = fault {
            disk.fail_after(0, fault);
        }
        assert_eq!(archive.close().is_ok(), fault.is_none(), "{fault:?}");
        let first = state.first_without_file(disk.after(&mut dice), &mut dice);
        assert_eq!(first == reserved.end, fault.is_none(), "{fault:?}");
    }
}

/// How often a run waits for the disk, from opening the store to closing it. It sends as many messages as are given.
fn syncs(disk: &Disk, reserves: bool, sends: u64, dice: &mut Dice) -> u64 {
    let (disk, state) = (Disk::new(disk.bytes(), None), Place::new());
    let (mut archive, _) = open(&disk, 1, dice, NOW).unwrap();
    if reserves {
        archive.reserve_timestamps(&state.file(), NOW).unwrap();
    }
    for sequence in 0..sends {
        send(&mut archive, sequence).unwrap();
    }
    drop(archive);
    disk.syncs()
}

/// What the file has to grow for is another matter than the note, which alone would cost a wait each time.
#[test]
fn a_run_that_sends_waits_for_the_disk_no_more_often_for_a_note_and_one_that_does_not_once_at_most()
{
    let mut dice = Dice::new(13);
    let (disk, state) = (Disk::new(fresh(1, &mut dice), None), Place::new());
    for sequence in 2..12 {
        let (mut archive, _) = open(&disk, 1, &mut dice, NOW).unwrap();
        archive.reserve_timestamps(&state.file(), NOW).unwrap();
        send(&mut archive, sequence).unwrap();
        drop(archive);
        let mut run = |reserves, sends| syncs(&disk, reserves, sends, &mut dice);
        for sends in [1, 2] {
            assert_eq!(run(true, sends), run(false, sends));
        }
        assert!(run(true, 0) <= run(false, 0) + 1);
    }
}

#[test]
fn a_note_in_a_file_that_has_room_costs_no_access_to_the_disk() {
    let mut dice = Dice::new(13);
    let (disk, state) = (Disk::new(fresh(1, &mut dice), None), Place::new());
    let (mut archive, _) = open(&disk, 1, &mut dice, NOW).unwrap();
    queue(&mut archive, 0).unwrap();
    let points = disk.points();
    archive.reserve_timestamps(&state.file(), NOW).unwrap();
    assert_eq!(disk.points(), points);
}

#[test]
fn after_an_error_of_the_disk_no_timestamps_are_given_out_until_the_store_is_opened_anew() {
    let mut dice = Dice::new(14);
    let (disk, state) = (Disk::new(fresh(1, &mut dice), None), Place::new());
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
