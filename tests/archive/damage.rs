//! A file whose bytes were changed by something else.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use securechat::chat::{ConversationId, Incoming, Kind, LogId, Name, Outgoing, State};
use securechat::store::{ErrorKind, Filter, Salvaged, StoreTrouble};
use securechat::time::UnixTime;

use crate::disk::Disk;
use crate::{Dice, contact, fresh, open, secret, setting};

/// Changed files of an ordinary test run; `cargo crash` tries 5,000.
const SUITE_CHANGES: u64 = 80;

fn name(sequence: u64) -> Name {
    Name {
        log: LogId(1),
        sequence,
    }
}

fn body(sequence: u64) -> Vec<u8> {
    let len = if sequence.is_multiple_of(9) {
        6_000
    } else {
        40
    };
    let mut body = vec![b'x'; len];
    body[..8].copy_from_slice(&sequence.to_le_bytes());
    body
}

/// A store with messages in every table, 200 in all.
fn filled(dice: &mut Dice) -> Vec<u8> {
    let disk = Disk::new(fresh(1, dice), None);
    let (mut archive, _) = open(&disk, 1, dice, UnixTime(0)).unwrap();
    for sequence in 0..100 {
        let incoming = Incoming {
            name: name(sequence),
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: UnixTime(0),
            body: body(sequence),
            missing: 0,
        };
        let outgoing = Outgoing {
            name: name(1_000 + sequence),
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: UnixTime(0),
            body: body(1_000 + sequence).into(),
        };
        let written = archive.change(UnixTime(sequence), |it| {
            it.receive(contact(7), &incoming)?;
            it.queue(contact(8), &outgoing)?;
            if sequence >= 50 {
                it.shown(contact(7), incoming.name)?;
                it.settle(contact(8), outgoing.name, State::Delivered)?;
            }
            Ok(())
        });
        written.unwrap();
    }
    drop(archive);
    disk.bytes()
}

/// What can be read of it: nothing that was not written, nothing twice. `None`: not even the key.
fn salvage(bytes: &[u8]) -> Option<(usize, Salvaged)> {
    let path = Path::new("history.redb");
    let disk = Disk::new(bytes.to_vec(), None);
    let salvaged = Salvaged::over(disk, path, &secret(1), &Filter::default()).ok()?;
    let mut names = BTreeSet::new();
    for entry in &salvaged.found.entries {
        assert_eq!(entry.body, body(entry.name.sequence));
        assert!(names.insert(entry.name), "{:?} twice", entry.name);
    }
    Some((names.len(), salvaged))
}

/// Opens it and says whether that succeeded. It does not panic, and what it gives is right.
fn try_open(bytes: &[u8], dice: &mut Dice) -> bool {
    let disk = Disk::new(bytes.to_vec(), None);
    match open(&disk, 1, dice, UnixTime(1_000)) {
        Ok((_, restored)) => {
            assert_eq!(restored.waiting().count(), 50);
            assert_eq!(restored.unconfirmed.len(), 50);
            true
        }
        Err(error) => {
            let ErrorKind::Store(trouble) = error.kind() else {
                panic!("{error}")
            };
            match trouble {
                StoreTrouble::Damaged(loss) => assert!(!loss.is_none()),
                StoreTrouble::OtherIdentity | StoreTrouble::Newer => {}
                StoreTrouble::Unreadable | StoreTrouble::ReadOnly | StoreTrouble::Stopped => {
                    panic!("{error}")
                }
            }
            false
        }
    }
}

#[test]
fn a_changed_file_opens_as_it_was_or_says_that_it_is_damaged() {
    let wanted = setting("SECURECHAT_CHANGES", SUITE_CHANGES);
    let mut dice = Dice::new(1);
    let whole = filled(&mut dice);
    assert_eq!(salvage(&whole).unwrap().0, 200);
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let (mut opened, mut all, mut some) = (0, 0, 0);
    for round in 0..wanted {
        let mut bytes = whole.clone();
        match round % 4 {
            0 => bytes[dice.index(used)] ^= 1 << dice.below(8),
            1 => bytes[dice.index(1_024)] ^= 1 << dice.below(8),
            2 => {
                let sector = dice.index(used / 512) * 512;
                bytes[sector..sector + 512].fill(0);
            }
            _ => bytes.truncate(dice.index(used)),
        }
        let tried = catch_unwind(AssertUnwindSafe(|| {
            opened += u64::from(try_open(&bytes, &mut dice));
        }));
        assert!(tried.is_ok(), "round {round}");
        if let Some((count, salvaged)) = salvage(&bytes) {
            all += u64::from(count == 200);
            some += u64::from(count > 0 && count < 200);
            assert!(count == 200 || !salvaged.loss.is_none(), "round {round}");
        }
    }
    println!("{wanted} changed: {opened} opened, {all} salvaged whole, {some} in part");
}
