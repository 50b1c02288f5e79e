//! A file whose bytes were changed by something else.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Builder, Database, ReadableTable, TableDefinition};
use securechat::chat::{ConversationId, Incoming, Kind, LogId, Name, Outgoing, State};
use securechat::store::{ErrorKind, Filter, Loss, Salvaged, Standing, StoreTrouble};
use securechat::time::UnixTime;
use tempfile::NamedTempFile;

use crate::common::setting;
use crate::disk::Disk;
use crate::{Dice, contact, fresh, open, secret};

/// Changed files of an ordinary test run; `cargo crash` tries 5,000.
const SUITE_CHANGES: u64 = 80;
/// The tables, in the order of [`by_table`].
const TABLES: [&str; 4] = ["outbox", "inbox", "seen", "history"];
/// What a filled store has in each.
const THERE: [u64; 4] = [50, 50, 5, 100];

fn name(sequence: u64) -> Name {
    Name {
        log: LogId(1 + sequence / 20),
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

/// What is lost of each table.
const fn by_table(loss: &Loss) -> [u64; 4] {
    [loss.outbox, loss.inbox, loss.seen, loss.history]
}

/// Reads what is left of a file, as `history export` does. What comes and what it names as lost is together all that
/// was there, of each table, or it says that nobody can know. `None`: not even the key can be read.
fn account(bytes: &[u8]) -> Option<Loss> {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let salvaged = Salvaged::read(file.path(), &secret(1), &Filter::default()).ok()?;
    let (found, loss) = (&salvaged.found.entries, salvaged.loss);
    if !loss.frame {
        let count = |is_of: fn(Standing, bool) -> bool| {
            let them = found.iter();
            let them = them.filter(|it| is_of(it.standing, it.is_unconfirmed));
            them.count() as u64
        };
        let outbox = count(|it, _| it == Standing::Waiting);
        let inbox = count(|_, is_unconfirmed| is_unconfirmed);
        let history = found.len() as u64 - outbox - inbox;
        let [lost_out, lost_in, lost_seen, lost_history] = by_table(&loss);
        // What was seen is not given to anybody.
        let all = [outbox + lost_out, inbox + lost_in, history + lost_history];
        assert_eq!(all, [THERE[0], THERE[1], THERE[3]], "{loss:?}");
        assert!(lost_seen <= THERE[2], "{loss:?}");
    }
    Some(loss)
}

/// What opening it said is lost, and what reading what is left of it says.
fn is_the_same(opened: Option<Loss>, left: &Loss) {
    let Some(said) = opened else {
        // The history is not opened at the start.
        let but_history = Loss {
            history: 0,
            ..*left
        };
        return assert!(but_history.is_none(), "opened, and {left:?}");
    };
    assert_eq!(said.frame, left.frame, "{said:?}, {left:?}");
    if !said.frame {
        assert_eq!(by_table(&said)[..3], by_table(left)[..3]);
    }
}

/// What became of opening it.
enum Opened {
    Whole,
    Damaged(Loss),
    /// Another identity's, or a later version's.
    Foreign,
}

/// Opens it and says whether that succeeded. It does not panic, and what it gives is right.
fn try_open(bytes: &[u8], dice: &mut Dice) -> Opened {
    let disk = Disk::new(bytes.to_vec(), None);
    match open(&disk, 1, dice, UnixTime(1_000)) {
        Ok((_, restored)) => {
            assert_eq!(restored.waiting().count(), 50);
            assert_eq!(restored.unconfirmed.len(), 50);
            Opened::Whole
        }
        Err(error) => {
            let ErrorKind::Store(trouble) = error.kind() else {
                panic!("{error}")
            };
            match *trouble {
                StoreTrouble::Damaged(loss) => {
                    assert!(!loss.is_none());
                    Opened::Damaged(loss)
                }
                StoreTrouble::OtherIdentity | StoreTrouble::Newer => Opened::Foreign,
                StoreTrouble::Unreadable
                | StoreTrouble::ReadOnly
                | StoreTrouble::Stopped
                | StoreTrouble::Missing
                | StoreTrouble::Replaced => panic!("{error}"),
            }
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
    let (mut opened, mut known, mut all, mut some) = (0, 0, 0, 0);
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
            let state = try_open(&bytes, &mut dice);
            opened += u64::from(matches!(state, Opened::Whole));
            let Some(loss) = account(&bytes) else {
                return assert!(!matches!(state, Opened::Whole));
            };
            known += u64::from(!loss.frame);
            match state {
                Opened::Whole => is_the_same(None, &loss),
                Opened::Damaged(said) => is_the_same(Some(said), &loss),
                Opened::Foreign => {}
            }
        }));
        assert!(tried.is_ok(), "round {round}");
        if let Some((count, salvaged)) = salvage(&bytes) {
            all += u64::from(count == 200);
            some += u64::from(count > 0 && count < 200);
            assert!(count == 200 || !salvaged.loss.is_none(), "round {round}");
        }
    }
    println!(
        "{wanted} changed: {opened} opened, {all} salvaged whole, {some} in part, {known} accounted for exactly"
    );
}

/// Alters some values of a table, and leaves its pages in order. How many.
fn alter(database: &Database, table: &str, dice: &mut Dice) -> u64 {
    let definition = TableDefinition::<&[u8], &[u8]>::new(table);
    let transaction = database.begin_write().unwrap();
    let mut altered = 0;
    {
        let mut table = transaction.open_table(definition).unwrap();
        let rows = table.iter().unwrap().map(Result::unwrap);
        let rows: Vec<_> = rows
            .map(|(row, value)| (row.value().to_vec(), value.value().to_vec()))
            .collect();
        let share = 1 + dice.below(10);
        for (row, mut value) in rows.clone() {
            if !dice.one_in(share) {
                continue;
            }
            match dice.below(3) {
                0 => {
                    let at = dice.index(value.len());
                    value[at] ^= 1 << dice.below(8);
                }
                1 => value.truncate(dice.index(value.len())),
                // It belongs to another row, unless this is the only one.
                _ => value.clone_from(&rows[usize::from(rows[0].0 == row)].1),
            }
            table.insert(row.as_slice(), value.as_slice()).unwrap();
            altered += 1;
        }
    }
    transaction.commit().unwrap();
    altered
}

/// Then it is known what there was.
#[test]
fn what_does_not_open_in_a_sound_frame_is_counted_exactly_table_by_table() {
    let rounds = setting("SECURECHAT_CHANGES", SUITE_CHANGES) / 4;
    let mut dice = Dice::new(2);
    let whole = filled(&mut dice);
    assert_eq!(account(&whole), Some(Loss::default()));
    let mut opened = 0;
    for round in 0..rounds {
        let disk = Disk::new(whole.clone(), None);
        let database = Builder::new().create_with_backend(disk.clone()).unwrap();
        let altered = TABLES.map(|table| {
            let is_chosen = dice.one_in(2);
            if is_chosen {
                alter(&database, table, &mut dice)
            } else {
                0
            }
        });
        drop(database);
        let bytes = disk.bytes();
        let [outbox, inbox, seen, history] = altered;
        let expected = Loss {
            frame: false,
            outbox,
            inbox,
            seen,
            history,
        };
        assert_eq!(account(&bytes), Some(expected), "round {round}");
        let at_start = Loss {
            history: 0,
            ..expected
        };
        match try_open(&bytes, &mut dice) {
            Opened::Whole => {
                assert!(at_start.is_none(), "round {round}");
                opened += 1;
            }
            Opened::Damaged(loss) => assert_eq!(loss, at_start, "round {round}"),
            Opened::Foreign => panic!("round {round}"),
        }
    }
    assert!(
        opened > 0 || rounds < 20,
        "nothing but the history was altered in none"
    );
}
