//! A disk that fails at each point where something is written, and what must hold afterwards.

use std::collections::{BTreeMap, BTreeSet};

use securechat::chat::{
    ContactId, ConversationId, FailReason, Incoming, Kind, LogId, MessageRef, Name,
};
use securechat::chat::{Outgoing, State};
use securechat::store::{
    Archive, Deletion, Entry, Error, ErrorKind, Filter, Restored, Search, Standing, StoreTrouble,
    Way,
};
use securechat::time::UnixTime;
use tempfile::TempDir;

use crate::common::setting;
use crate::disk::{Disk, Fault};
use crate::{Dice, contact, fresh, open};

/// Write points of an ordinary test run; `cargo crash` tries 5,000.
const SUITE_POINTS: u64 = 200;
/// What one process does before it ends.
const STEPS: usize = 12;

type Key = (ContactId, Name);

/// What one person said or was told, as far as it is certain.
#[derive(Default)]
struct Truth {
    now: u64,
    next: u64,
    bodies: BTreeMap<Key, Vec<u8>>,
    /// Ours: asked to be queued, known to be queued, asked to be settled, known to be settled.
    offered: BTreeSet<Key>,
    queued: BTreeSet<Key>,
    ending: BTreeSet<Key>,
    settled: BTreeSet<Key>,
    /// Theirs: handed to the store, receipted, shown without a mark, shown with one, asked to be
    /// confirmed, known to be confirmed.
    handed: BTreeSet<Key>,
    receipted: BTreeSet<Key>,
    shown: BTreeSet<Key>,
    marked: BTreeSet<Key>,
    confirming: BTreeSet<Key>,
    confirmed: BTreeSet<Key>,
    /// Messages of the other side that have no receipt, oldest first.
    unreceipted: Vec<Key>,
    /// Taken and not shown yet.
    to_show: Vec<Key>,
    /// Whether history was purged, so that it lacks what was over then.
    purged: BTreeSet<Key>,
    /// A directory for the timestamps file, once there is one.
    state: Option<TempDir>,
}

impl Truth {
    fn body(&mut self, key: Key, dice: &mut Dice) -> Vec<u8> {
        let len = match dice.below(12) {
            0 => dice.index(40_000),
            _ => dice.index(200),
        };
        let fill = u8::try_from(self.bodies.len() % 251).unwrap();
        let body = vec![fill; len];
        self.bodies.entry(key).or_insert(body).clone()
    }

    fn time(&mut self) -> UnixTime {
        self.now += 1_000;
        UnixTime(self.now)
    }

    /// Whatever of this process had not been written is forgotten with it.
    fn end(&mut self) {
        self.to_show.clear();
    }

    /// One thing that happens.
    fn step(&mut self, archive: &mut Archive, log: u64, dice: &mut Dice) -> Result<(), Error> {
        match dice.below(10) {
            0..=2 => self.send(archive, log, dice),
            3..=5 => self.receive(archive, dice),
            6 | 7 => self.show(archive, dice),
            8 => self.settle(archive, dice),
            _ if dice.one_in(6) => self.purge(archive),
            _ if dice.one_in(3) => self.delete(archive),
            _ => self.receive_again(archive, dice),
        }
    }

    fn send(&mut self, archive: &mut Archive, log: u64, dice: &mut Dice) -> Result<(), Error> {
        let name = Name {
            log: LogId(log),
            sequence: self.next,
        };
        self.next += 1;
        let key = (contact(7), name);
        let message = Outgoing {
            name,
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: UnixTime(1),
            body: self.body(key, dice).into(),
        };
        self.offered.insert(key);
        archive.change(self.time(), |it| it.queue(key.0, &message))?;
        self.queued.insert(key);
        Ok(())
    }

    fn receive(&mut self, archive: &mut Archive, dice: &mut Dice) -> Result<(), Error> {
        let count = 1 + dice.index(3);
        while self.unreceipted.len() < count {
            let sequence = self.next;
            self.next += 1;
            let log = LogId(5_000 + sequence / 20);
            self.unreceipted.push((contact(8), Name { log, sequence }));
        }
        let batch: Vec<Key> = self.unreceipted[..count].to_vec();
        self.hand_over(archive, &batch, dice)?;
        self.unreceipted.drain(..count);
        Ok(())
    }

    /// A receipt was lost: a message comes once more.
    fn receive_again(&mut self, archive: &mut Archive, dice: &mut Dice) -> Result<(), Error> {
        let Some(&key) = self.receipted.iter().next_back() else {
            return Ok(());
        };
        self.hand_over(archive, &[key], dice)
    }

    fn hand_over(
        &mut self,
        archive: &mut Archive,
        batch: &[Key],
        dice: &mut Dice,
    ) -> Result<(), Error> {
        let messages: Vec<Incoming> = batch
            .iter()
            .map(|&key| Incoming {
                name: key.1,
                kind: Kind::Text,
                conversation: ConversationId::default(),
                sent_at: UnixTime(1),
                body: self.body(key, dice),
                missing: 0,
            })
            .collect();
        let handed_before = self.handed.clone();
        self.handed.extend(batch);
        let is_new = archive.change(self.time(), |it| {
            let each = batch.iter().zip(&messages);
            each.map(|(key, message)| it.receive(key.0, message))
                .collect::<Result<Vec<bool>, _>>()
        })?;
        for (&key, is_new) in batch.iter().zip(is_new) {
            if is_new {
                assert!(!self.receipted.contains(&key), "{key:?} is new twice");
                self.to_show.push(key);
            } else {
                assert!(handed_before.contains(&key), "{key:?} was never here");
            }
            self.receipted.insert(key);
        }
        Ok(())
    }

    fn show(&mut self, archive: &mut Archive, dice: &mut Dice) -> Result<(), Error> {
        let count = self.to_show.len().min(1 + dice.index(2));
        let batch: Vec<Key> = self.to_show.drain(..count).collect();
        for key in &batch {
            assert!(self.shown.insert(*key), "{key:?} is shown twice");
            assert!(
                !self.marked.contains(key),
                "{key:?} is shown unmarked later"
            );
        }
        self.confirm(archive, &batch)
    }

    fn confirm(&mut self, archive: &mut Archive, batch: &[Key]) -> Result<(), Error> {
        self.confirming.extend(batch);
        archive.change(self.time(), |it| {
            batch.iter().try_for_each(|key| it.shown(key.0, key.1))
        })?;
        self.confirmed.extend(batch);
        Ok(())
    }

    fn settle(&mut self, archive: &mut Archive, dice: &mut Dice) -> Result<(), Error> {
        let Some(&key) = self.queued.difference(&self.ending).next() else {
            return Ok(());
        };
        let state = match dice.below(3) {
            0 => State::Failed(FailReason::Expired),
            _ => State::Delivered,
        };
        self.ending.insert(key);
        archive.change(self.time(), |it| it.settle(key.0, key.1, state))?;
        self.settled.insert(key);
        Ok(())
    }

    fn purge(&mut self, archive: &mut Archive) -> Result<(), Error> {
        self.purged.extend(&self.ending);
        self.purged.extend(&self.confirming);
        archive.purge(None, None).map(|_| ())
    }

    /// What every program does before it talks. What is noted of it waits for the next change.
    fn reserve(&mut self, archive: &mut Archive) -> Result<(), Error> {
        let now = self.time();
        let state = self.state.get_or_insert_with(|| TempDir::new().unwrap());
        let reserved = archive.reserve_timestamps(&state.path().join("timestamps"), now);
        reserved.map(|_| ())
    }

    /// A message that is over is done away with.
    fn delete(&mut self, archive: &mut Archive) -> Result<(), Error> {
        let theirs = self.confirmed.difference(&self.purged).next();
        let Some(&key) = self.settled.difference(&self.purged).next().or(theirs) else {
            return Ok(());
        };
        self.purged.insert(key);
        let deleted = archive.delete(MessageRef {
            contact: key.0,
            name: key.1,
            is_ours: self.settled.contains(&key),
        })?;
        let is_gone = matches!(deleted, Deletion::Done | Deletion::Lingers);
        assert!(is_gone, "{key:?}: {deleted:?}");
        Ok(())
    }

    /// A process begins with what the store holds.
    fn check(&mut self, archive: &Archive, restored: &Restored) {
        let mut search = Search::new(Filter::default(), Way::Back, None);
        let found = search.page(archive, usize::MAX, usize::MAX).unwrap();
        assert_eq!(found.unreadable, 0);
        let mut entries = BTreeMap::new();
        for entry in &found.entries {
            let key = (entry.contact, entry.name);
            assert_eq!(self.bodies.get(&key), Some(&entry.body), "{key:?}");
            assert!(
                entries.insert(key, entry).is_none(),
                "{key:?} is there twice"
            );
        }
        self.check_ours(restored, &entries);
        self.check_theirs(restored, &entries);
    }

    fn check_ours(&mut self, restored: &Restored, entries: &BTreeMap<Key, &Entry>) {
        let waits = |it: &&Entry| it.standing == Standing::Waiting;
        let waiting: BTreeSet<Key> = entries
            .values()
            .copied()
            .filter(waits)
            .map(|it| (it.contact, it.name))
            .collect();
        assert_eq!(restored.waiting().count(), waiting.len());
        for key in self.queued.difference(&self.ending) {
            assert!(waiting.contains(key), "{key:?} was accepted and is lost");
        }
        for key in &waiting {
            assert!(self.offered.contains(key));
            assert!(!self.settled.contains(key), "{key:?} waits again");
        }
        for key in self.settled.difference(&self.purged) {
            assert!(entries.contains_key(key), "{key:?} is not in the history");
        }
        // What was offered in vain may be there after all; then it is sent.
        self.queued = waiting;
        self.ending = self.settled.clone();
    }

    fn check_theirs(&mut self, restored: &Restored, entries: &BTreeMap<Key, &Entry>) {
        let unconfirmed: BTreeSet<Key> = restored
            .unconfirmed
            .iter()
            .map(|it| (it.contact, it.message.name))
            .collect();
        for key in self.receipted.difference(&self.confirming) {
            assert!(
                unconfirmed.contains(key),
                "{key:?} was receipted and is lost"
            );
        }
        for key in &unconfirmed {
            assert!(self.handed.contains(key), "{key:?} came from nowhere");
            assert!(!self.confirmed.contains(key), "{key:?} was confirmed");
        }
        for key in self.confirmed.difference(&self.purged) {
            assert!(entries.contains_key(key), "{key:?} is not in the history");
        }
        // What the store has is receipted when it comes again, and shown with a mark.
        self.marked.extend(&unconfirmed);
        self.confirming.retain(|key| !unconfirmed.contains(key));
    }
}

/// One process: it opens the store, does something, and ends, by itself or not.
fn live(disk: &Disk, truth: &mut Truth, log: u64, dice: &mut Dice) -> Result<(), Error> {
    let now = truth.time();
    let (mut archive, restored) = open(disk, 1, dice, now)?;
    truth.check(&archive, &restored);
    let again: Vec<Key> = restored
        .unconfirmed
        .iter()
        .map(|it| (it.contact, it.message.name))
        .collect();
    if dice.one_in(4) {
        truth.reserve(&mut archive)?;
    }
    if dice.one_in(2) {
        truth.confirm(&mut archive, &again)?;
    }
    for _ in 0..STEPS {
        truth.step(&mut archive, log, dice)?;
    }
    Ok(())
}

/// Some processes, of which the first ones end by the faults given; the last one ends well. How many write points
/// one of them had, at most, and which faults were felt.
fn run(seed: u64, faults: &[(u64, Fault)]) -> (u64, Vec<Fault>) {
    let mut dice = Dice::new(seed);
    let mut bytes = fresh(1, &mut dice);
    let mut truth = Truth::default();
    let (mut points, mut felt) = (0, Vec::new());
    let faults = faults.iter().copied().map(Some).chain([None, None]);
    for (log, fault) in (1..).zip(faults) {
        let disk = Disk::new(bytes, fault);
        let lived = live(&disk, &mut truth, log, &mut dice);
        if let Err(error) = &lived {
            assert!(disk.has_failed(), "{error}");
        }
        truth.end();
        points = points.max(disk.points());
        felt.extend(disk.felt());
        bytes = if dice.one_in(8) {
            disk.after_power_loss(&mut dice)
        } else {
            disk.after(&mut dice)
        };
    }
    (points, felt)
}

#[test]
fn a_disk_that_fails_anywhere_loses_nothing_that_was_promised() {
    let wanted = setting("SECURECHAT_WRITE_POINTS", SUITE_POINTS);
    let (mut tried, mut felt) = (0, Vec::new());
    for seed in 0.. {
        let (points, _) = run(seed, &[]);
        let mut dice = Dice::new(seed ^ (1 << 40));
        for point in 0..points {
            let fault = Fault::ALL[dice.index(Fault::ALL.len())];
            let mut faults = vec![(point, fault)];
            if dice.one_in(3) {
                // Once more, while the next process mends what this one left.
                let again = Fault::ALL[dice.index(Fault::ALL.len())];
                faults.push((dice.below(24), again));
            }
            let guard = Guard(seed, faults);
            felt.extend(run(seed, &guard.1).1);
            tried += 1;
            if tried == wanted {
                println!("{tried} write points, {} stories", seed + 1);
                assert_of_every_kind(&felt, wanted);
                return;
            }
        }
    }
}

/// Chance may leave a kind out of a run that is shorter than an ordinary one.
#[track_caller]
fn assert_of_every_kind(felt: &[Fault], wanted: u64) {
    let count = |kind| felt.iter().filter(|it| **it == kind).count();
    let counts = Fault::ALL.map(|kind| (kind, count(kind)));
    println!("felt: {counts:?}");
    let is_whole = counts.iter().all(|(_, count)| *count > 0);
    assert!(is_whole || wanted < SUITE_POINTS, "{counts:?}");
}

/// Says which run it was if that panics.
struct Guard(u64, Vec<(u64, Fault)>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("seed {}, faults {:?}", self.0, self.1);
        }
    }
}

/// A store with two messages that came from one person, and what it lies on.
fn with_two(dice: &mut Dice) -> (Disk, [MessageRef; 2]) {
    let disk = Disk::new(fresh(1, dice), None);
    let (mut archive, _) = open(&disk, 1, dice, UnixTime(1)).unwrap();
    let which = [0, 1].map(|sequence| MessageRef {
        contact: contact(8),
        name: Name {
            log: LogId(1),
            sequence,
        },
        is_ours: false,
    });
    for one in which {
        let message = Incoming {
            name: one.name,
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: UnixTime(1),
            body: vec![7; 50_000],
            missing: 0,
        };
        let changed = archive.change(UnixTime(1), |it| {
            it.receive(one.contact, &message)?;
            it.shown(one.contact, one.name)
        });
        changed.unwrap();
    }
    drop(archive);
    (Disk::new(disk.bytes(), None), which)
}

/// Whoever is told that it failed believes that the message is there.
#[test]
fn a_message_whose_file_cannot_be_rewritten_is_deleted_all_the_same_and_the_next_deletion_shrinks_it()
 {
    let mut dice = Dice::new(7);
    let mut found = Vec::new();
    for points in 0.. {
        let (disk, [first, second]) = with_two(&mut dice);
        let (mut archive, _) = open(&disk, 1, &mut dice, UnixTime(2)).unwrap();
        disk.fail_after(points, Fault::Full);
        let deleted = archive.delete(first);
        drop(archive);
        let disk = Disk::new(disk.bytes(), None);
        let (mut archive, _) = open(&disk, 1, &mut dice, UnixTime(3)).unwrap();
        match deleted {
            Err(_) => assert!(found.is_empty(), "an error once it is gone"),
            Ok(Deletion::Lingers) => {
                assert_eq!(archive.delete(first).unwrap(), Deletion::NotKept);
                let before = disk.bytes().len();
                assert_eq!(archive.delete(second).unwrap(), Deletion::Done);
                found.push((before, disk.bytes().len()));
            }
            Ok(other) => {
                assert_eq!(other, Deletion::Done);
                break;
            }
        }
    }
    assert!(!found.is_empty());
    assert!(
        found.iter().all(|(before, after)| after < before),
        "{found:?}"
    );
}

/// A disk that fails once while the file is rewritten: the process can do nothing more there, the next one can.
#[test]
fn a_store_whose_file_could_not_be_rewritten_takes_nothing_until_it_is_opened_anew() {
    let mut dice = Dice::new(9);
    let mut tried = 0;
    for points in (0..).step_by(3) {
        let (disk, [first, second]) = with_two(&mut dice);
        let (mut archive, _) = open(&disk, 1, &mut dice, UnixTime(2)).unwrap();
        disk.fail_after(points, Fault::Error);
        match archive.delete(first) {
            Err(_) => continue,
            Ok(Deletion::Lingers) => tried += 1,
            Ok(_) => break,
        }
        let is_stopped = |error: Error| {
            let is_it = matches!(error.kind(), ErrorKind::Store(StoreTrouble::Stopped));
            assert!(is_it, "{error}");
        };
        is_stopped(archive.delete(second).unwrap_err());
        is_stopped(archive.purge(None, None).unwrap_err());
        let change = archive.change(UnixTime(2), |it| it.forget(second.contact));
        is_stopped(change.unwrap_err());
        drop(archive);
        let (mut archive, _) = open(&disk, 1, &mut dice, UnixTime(3)).unwrap();
        assert_eq!(archive.delete(first).unwrap(), Deletion::NotKept);
        assert_eq!(archive.delete(second).unwrap(), Deletion::Done);
    }
    assert!(tried > 0);
}

#[test]
fn a_purge_that_could_not_rewrite_the_file_does_so_when_it_is_repeated() {
    let mut dice = Dice::new(8);
    let (disk, _) = with_two(&mut dice);
    let (mut archive, _) = open(&disk, 1, &mut dice, UnixTime(2)).unwrap();
    assert_eq!(archive.purge(None, None).unwrap(), 2);
    let shrunk = disk.bytes().len();
    let (mut repeated, mut is_known) = (0, false);
    for points in 0.. {
        let (disk, _) = with_two(&mut dice);
        let (mut archive, _) = open(&disk, 1, &mut dice, UnixTime(2)).unwrap();
        disk.fail_after(points, Fault::Full);
        let is_done = archive.purge(None, None).is_ok();
        let left = archive.count_left(None, None, None);
        drop(archive);
        if is_done {
            break;
        }
        let disk = Disk::new(disk.bytes(), None);
        let (mut archive, _) = open(&disk, 1, &mut dice, UnixTime(3)).unwrap();
        let before = disk.bytes().len();
        if archive.purge(None, None).unwrap() == 0 {
            // Of a change whose end failed this process does not know that it is there.
            is_known |= matches!(left, Ok(0));
            repeated += usize::from(before > shrunk);
            assert!(disk.bytes().len() <= shrunk, "after {points}");
        }
    }
    assert!(repeated > 0 && is_known);
}
