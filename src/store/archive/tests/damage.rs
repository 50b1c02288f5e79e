//! What others can do with the file, and what damage does.

use std::io;
use std::path::Path;

use super::*;

#[test]
fn another_identity_gets_nothing() {
    let place = Place::new();
    drop(place.open(Keep::Off));
    let error = Archive::open(&place.path(), &secret(2), Keep::Off, rng(), NOW).unwrap_err();
    assert_eq!(trouble_of(&error), StoreTrouble::OtherIdentity);
}

/// It was called damaged: a machine that had the same file system mounted for writing was in the midst of a change.
#[test]
fn what_somebody_else_writes_meanwhile_is_looked_at_again_and_is_no_damage() {
    let place = Place::new();
    drop(place.open(Keep::Off));
    let path = place.path();
    let whole = fs::read(&path).unwrap();
    let half_written = |missing: usize| fs::write(&path, &whole[..whole.len() - missing]);
    half_written(4_096).unwrap();
    let mut looks = 0;
    let looked = file::look_until_still(&path, || {
        looks += 1;
        let looked = file::look_once(&path);
        match looks {
            1 => half_written(8_192).unwrap(),
            2 => fs::write(&path, &whole).unwrap(),
            _ => {}
        }
        looked
    });
    assert!(looked.is_ok() && looks == 3);
    drop(looked);
    let mut looks = 0;
    let looked = file::look_until_still(&path, || {
        looks += 1;
        half_written(looks * 4_096).unwrap();
        file::look_once(&path)
    });
    let error = looked.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::InUse { pid: None }),
        "{error}"
    );
    assert_eq!(looks, 3);
    let mut looks = 0;
    let looked = file::look_until_still(&path, || {
        looks += 1;
        file::look_once(&path)
    });
    let trouble = trouble_of(&looked.unwrap_err());
    assert!(matches!(trouble, StoreTrouble::Damaged(_)), "{trouble:?}");
    assert_eq!(looks, 1, "nobody writes it");
}

#[test]
fn a_new_store_that_the_disk_does_not_confirm_is_not_left() {
    let place = Place::new();
    drop(place.open(Keep::Off));
    let unfinished = place.path().with_extension("new");
    fs::rename(place.path(), &unfinished).unwrap();
    let full = |_: &Path| Err(io::ErrorKind::StorageFull.into());
    file::put_in_place(&unfinished, &place.path(), full).unwrap_err();
    assert!(!place.path().exists() && !unfinished.exists());
    drop(place.open(Keep::Off));
    assert!(place.path().exists());
}

#[test]
fn nothing_is_said_to_be_lost_of_what_somebody_else_writes_meanwhile() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    archive
        .change(NOW, |it| it.queue(contact(7), &outgoing(name(1, 0), "x")))
        .unwrap();
    drop(archive);
    let path = place.path();
    let visit = |show: &mut dyn FnMut(Entry) -> bool| {
        Salvaged::visit(&path, &secret(1), &Filter::default(), show)
    };
    assert!(visit(&mut |_| true).unwrap().is_none());
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let len = file.metadata().unwrap().len();
    let error = visit(&mut |_| file.set_len(len - 4_096).is_ok()).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::InUse { pid: None }),
        "{error}"
    );
    let error = visit(&mut |_| true).unwrap_err();
    let trouble = trouble_of(&error);
    assert_eq!(trouble, StoreTrouble::Unreadable, "nobody writes it");
}

#[test]
fn the_file_names_nobody_and_says_nothing() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    let (peer, text) = ([0xa7; 32], "an unmistakable sentence");
    let contact = ContactId::from(PeerId::new(peer));
    archive
        .change(NOW, |it| {
            it.queue(contact, &outgoing(name(1, 0), text))?;
            it.receive(contact, &incoming(name(0x0123_4567_89ab_cdef, 0), text))?;
            it.receive(contact, &incoming(name(0x0123_4567_89ab_cdef, 1), text))?;
            it.shown(contact, name(0x0123_4567_89ab_cdef, 1))
        })
        .unwrap();
    drop(archive);
    let bytes = fs::read(place.path()).unwrap();
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|it| it == needle);
    assert!(holds(b"outbox"), "the test looks in the right place");
    assert!(!holds(&peer[..8]));
    assert!(!holds(&text.as_bytes()[..8]));
    assert!(!holds(&0x0123_4567_89ab_cdef_u64.to_le_bytes()));
    assert!(!holds(&0x0123_4567_89ab_cdef_u64.to_be_bytes()));
}

#[test]
fn a_value_that_was_moved_or_altered_is_damage_and_is_counted() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    archive
        .change(NOW, |it| {
            it.queue(contact(7), &outgoing(name(1, 0), "x"))?;
            it.queue(contact(7), &outgoing(name(1, 1), "y"))?;
            it.receive(contact(7), &incoming(name(2, 0), "z"))
        })
        .unwrap();
    let table = change::definition(keys::Table::Outbox);
    let transaction = archive.database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(table).unwrap();
        let rows = [name(1, 0), name(1, 1)]
            .map(|name| archive.keys.message(keys::Table::Outbox, contact(7), name));
        let first = table
            .get(rows[0].as_slice())
            .unwrap()
            .unwrap()
            .value()
            .to_vec();
        table.insert(rows[1].as_slice(), first.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
    drop(archive);
    let error = place.try_open(Keep::Forever, NOW).unwrap_err();
    let loss = Loss {
        outbox: 1,
        ..Loss::default()
    };
    assert_eq!(trouble_of(&error), StoreTrouble::Damaged(loss));
    assert!(
        error
            .to_string()
            .ends_with("it is damaged; lost: 1 unsent message")
    );
    let salvaged = Salvaged::read(&place.path(), &secret(1), &Filter::default()).unwrap();
    assert_eq!(salvaged.loss, loss);
    let texts: Vec<&[u8]> = salvaged
        .found
        .entries
        .iter()
        .map(|it| it.body.as_slice())
        .collect();
    assert_eq!(texts, [b"x", b"z"]);
}

/// Writes a value that opens in its row, as a bug of ours might.
fn plant(archive: &mut Archive, table: keys::Table, row: &[u8], text: &[u8]) {
    let sealed = archive.keys.seal(table, row, text, &mut *archive.rng);
    let transaction = archive.database.begin_write().unwrap();
    {
        let mut rows = transaction.open_table(change::definition(table)).unwrap();
        rows.insert(row, sealed.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
}

#[test]
fn a_log_in_the_row_of_another_is_damage_to_every_reader() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Off);
    let log = record::LogRecord {
        contact: contact(7),
        log: LogId(1),
        heard: NOW,
        seen: SeenLog::from_parts(1, &[(0, 0)]),
    };
    let row = archive.keys.log(contact(7), LogId(2));
    plant(&mut archive, keys::Table::Seen, &row, &log.encode());
    drop(archive);
    let loss = Loss::row(keys::Table::Seen);
    let error = place.try_open(Keep::Off, NOW).unwrap_err();
    assert_eq!(trouble_of(&error), StoreTrouble::Damaged(loss));
    let salvaged = Salvaged::read(&place.path(), &secret(1), &Filter::default()).unwrap();
    assert_eq!(salvaged.loss, loss);
}

/// Both slots of redb's header say which format its pages have.
#[test]
fn a_file_of_a_later_redb_is_not_taken_for_damage() {
    let place = Place::new();
    drop(place.open(Keep::Off));
    let mut bytes = fs::read(place.path()).unwrap();
    assert_eq!([bytes[64], bytes[192]], [3, 3]);
    for (slots, expected) in [
        (vec![64], StoreTrouble::Damaged(Loss::FRAME)),
        (vec![64, 192], StoreTrouble::Newer),
    ] {
        slots.iter().for_each(|at| bytes[*at] = 4);
        fs::write(place.path(), &bytes).unwrap();
        let error = place.try_open(Keep::Off, NOW).unwrap_err();
        assert_eq!(trouble_of(&error), expected);
    }
}

#[test]
fn a_message_in_the_last_place_of_all_is_no_overflow() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Off);
    let last = record::Record {
        contact: contact(7),
        name: name(1, 0),
        order: u64::MAX,
        at: NOW,
        sent_at: NOW,
        standing: Standing::Waiting,
        overdue: UnixTime(0),
        kind: Kind::Text,
        conversation: ConversationId::default(),
        body: zeroize::Zeroizing::new(b"last".to_vec()),
    };
    let row = archive
        .keys
        .message(keys::Table::Outbox, contact(7), last.name);
    plant(&mut archive, keys::Table::Outbox, &row, &last.encode());
    drop(archive);
    let (mut archive, _) = place.open(Keep::Off);
    let next = outgoing(name(1, 1), "next");
    archive
        .change(NOW, |it| it.queue(contact(7), &next))
        .unwrap();
    drop(archive);
    let (_, restored) = place.open(Keep::Off);
    assert_eq!(restored.waiting().count(), 2);
}

#[test]
fn a_later_format_is_not_touched() {
    let place = Place::new();
    let (archive, _) = place.open(Keep::Off);
    let transaction = archive.database.begin_write().unwrap();
    {
        let mut meta = transaction.open_table(file::META).unwrap();
        meta.insert("format", 2_u32.to_le_bytes().as_slice())
            .unwrap();
    }
    transaction.commit().unwrap();
    drop(archive);
    let error = place.try_open(Keep::Off, NOW).unwrap_err();
    assert_eq!(trouble_of(&error), StoreTrouble::Newer);
}

#[test]
fn a_second_process_is_told_so() {
    let place = Place::new();
    let _first = place.open(Keep::Off);
    let error = place.try_open(Keep::Off, NOW).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::InUse { pid: None }),
        "{error}"
    );
}

#[test]
fn what_a_crash_left_of_making_the_file_does_not_matter() {
    let place = Place::new();
    let path = place.path();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path.with_file_name("history.redb.new"), b"half a header").unwrap();
    drop(place.open(Keep::Off));
    drop(place.open(Keep::Off));
    assert!(!path.with_file_name("history.redb.new").exists());
}

#[test]
fn an_empty_or_foreign_file_is_damaged_and_stays_as_it_is() {
    let place = Place::new();
    drop(place.open(Keep::Off));
    for content in [&b""[..], b"x", b"SQLite format 3\0", &[0; 8_192]] {
        fs::write(place.path(), content).unwrap();
        let error = place.try_open(Keep::Off, NOW).unwrap_err();
        assert_eq!(trouble_of(&error), StoreTrouble::Damaged(Loss::FRAME));
        assert_eq!(fs::read(place.path()).unwrap(), content);
        let salvaged = Salvaged::read(&place.path(), &secret(1), &Filter::default());
        assert_eq!(trouble_of(&salvaged.unwrap_err()), StoreTrouble::Unreadable);
    }
}

#[cfg(unix)]
mod permissions {
    use super::*;
    use crate::store::os::testing::{mode, set_mode};

    #[test]
    fn the_file_is_for_its_owner_only() {
        let place = Place::new();
        drop(place.open(Keep::Off));
        assert_eq!(mode(&place.path()), 0o600);
        set_mode(&place.path(), 0o640);
        let error = place.try_open(Keep::Off, NOW).unwrap_err();
        assert!(
            matches!(
                error.kind(),
                ErrorKind::UnsafePermissions { mode: 0o640, .. }
            ),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_written_is_not_opened() {
        let place = Place::new();
        drop(place.open(Keep::Off));
        set_mode(&place.path(), 0o400);
        let is_root = fs::OpenOptions::new()
            .write(true)
            .open(place.path())
            .is_ok();
        let opened = place.try_open(Keep::Off, NOW);
        if !is_root {
            assert_eq!(trouble_of(&opened.unwrap_err()), StoreTrouble::ReadOnly);
        }
    }
}
