//! Values of a store that open under its key and say anything: what a bug of ours, or a later version,
//! might have written. What a value has to say is written down here a second time, from
//! docs/store.md; both readings must agree on which ones are damage.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use redb::{Database, ReadableDatabase, TableDefinition};
use securechat::chat::{ContactId, ConversationId, Incoming, Kind, LogId, Name, Policy};
use securechat::crypto::{StaticSecret, StoreKey};
use securechat::id::PeerId;
use securechat::store::{
    Archive, Error, ErrorKind, Filter, Keep, Loss, Restored, Salvaged, Search, StoreTrouble, Way,
};
use securechat::time::{Instant, UnixTime};
use securechat::wire::Writer;

use super::input::Input;
use super::memory::Memory;

/// Rows that are written in one run.
const MAX_ROWS: usize = 24;
/// Messages that the store then has to take in.
const MAX_MESSAGES: usize = 8;
const TABLES: [&str; 4] = ["outbox", "seen", "inbox", "history"];
/// A message's bytes before its conversation, and a log's before its ranges.
const MESSAGE_LEN: usize = 32 + 6 * 8 + 3;
const LOG_LEN: usize = 32 + 3 * 8;
const NOW: UnixTime = UnixTime(1 << 41);

/// A new store, and its keys.
struct Fresh {
    bytes: Vec<u8>,
    rows: StoreKey,
    values: StoreKey,
}

static FRESH: LazyLock<Fresh> = LazyLock::new(fresh);

/// Rows of any table, and what a process does that finds them.
pub fn record(data: &[u8]) {
    let mut input = Input::new(data);
    let keep = Keep::ALL[usize::from(input.byte()) % Keep::ALL.len()].1;
    let disk = Memory::new(FRESH.bytes.clone());
    let lost = fill(&disk, &mut input);
    let salvaged = Salvaged::over(disk.clone(), path(), &secret(), &Filter::default());
    let salvaged = salvaged.expect("the file is sound");
    assert_eq!(salvaged.loss, lost);
    let opening = Loss { history: 0, ..lost };
    match open(disk.clone(), keep) {
        Ok((archive, restored)) => {
            assert!(opening.is_none(), "{opening:?}");
            let mut search = Search::new(Filter::default(), Way::Back, None);
            let found = search.page(&archive, 1_000, usize::MAX);
            let found = found.expect("the file is sound");
            assert!(keep == Keep::ThirtyDays || found.unreadable == lost.history);
            go_on(archive, restored, &mut input);
            open(disk, keep).expect("what was sound is sound");
        }
        Err(error) => {
            let told = ErrorKind::Store(StoreTrouble::Damaged(opening));
            assert_eq!(format!("{:?}", error.kind()), format!("{told:?}"));
            assert!(!opening.is_none());
        }
    }
}

/// What a process does with what it found: it goes on from there, and more comes.
fn go_on(mut archive: Archive, restored: Restored, input: &mut Input<'_>) {
    let mut client = restored.into_client(Policy::default(), [3; 32], Instant::ZERO);
    client.handle_timeout(Instant::ZERO + Duration::from_secs(1 << 24));
    while client.poll_event().is_some() {}
    for _ in 0..MAX_MESSAGES {
        let Some(who) = input.next() else { break };
        let incoming = Incoming {
            name: Name {
                log: LogId(u64::from(input.byte() % 4)),
                sequence: input.number() & ((1 << 62) - 1),
            },
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: UnixTime(input.number()),
            body: input.chunk().to_vec(),
            missing: input.number(),
        };
        let (contact, name) = (contact(who), incoming.name);
        let [first, again] =
            [(); 2].map(|()| archive.change(NOW, |it| it.receive(contact, &incoming)));
        let is_new = first.expect("the log is sound");
        assert!(!again.expect("the log is sound"), "{name:?} came twice");
        if is_new && who & 0x80 != 0 {
            let shown = archive.change(NOW, |it| it.shown(contact, name));
            shown.expect("it is here");
        }
        if who & 0x40 != 0 {
            let forgotten = archive.change(NOW, |it| it.forget(contact));
            forgotten.expect("what is not there is forgotten too");
        }
    }
}

// --- rows -------------------------------------------------------------------------------------

/// A row, its value, and whether both are as they have to be.
type Row = (Vec<u8>, Vec<u8>, bool);

/// The rows of a table.
type Rows = BTreeMap<Vec<u8>, (Vec<u8>, bool)>;

/// Writes rows as the input has them. Says which of them are damage.
fn fill(disk: &Memory, input: &mut Input<'_>) -> Loss {
    let mut tables: [Rows; 4] = Default::default();
    for _ in 0..MAX_ROWS {
        let Some(command) = input.next().filter(|it| *it != 0) else {
            break;
        };
        let table = usize::from(command) % TABLES.len();
        let (row, sealed, is_sound) = row(TABLES[table], command, input);
        tables[table].insert(row, (sealed, is_sound));
    }
    let database = database(disk.clone());
    let transaction = database.begin_write().expect("memory takes everything");
    let mut lost = [0; 4];
    for ((rows, name), lost) in tables.into_iter().zip(TABLES).zip(&mut lost) {
        let definition = TableDefinition::<&[u8], &[u8]>::new(name);
        let mut table = transaction.open_table(definition).expect("it is sound");
        for (row, (sealed, is_sound)) in rows {
            let inserted = table.insert(row.as_slice(), sealed.as_slice());
            inserted.expect("memory takes everything");
            *lost += u64::from(!is_sound);
        }
    }
    transaction.commit().expect("memory takes everything");
    let [outbox, seen, inbox, history] = lost;
    Loss {
        frame: false,
        outbox,
        seen,
        inbox,
        history,
    }
}

fn row(table: &str, command: u8, input: &mut Input<'_>) -> Row {
    let is_log = (table == "seen") != (command & 0x20 != 0);
    let text = match (command & 4 != 0, is_log) {
        (true, _) => input.chunk().to_vec(),
        (false, true) => log(input),
        (false, false) => message(input),
    };
    let fault = command >> 3 & 3;
    let row = match (fault, row_of(table, &text, input)) {
        (1, _) | (_, None) => input.take(32).to_vec(),
        (_, Some(row)) => row,
    };
    let place = if fault == 2 { "elsewhere" } else { table };
    let mut rng = ChaCha20Rng::seed_from_u64(u64::from(command));
    let place = [place.as_bytes(), &[0], &row];
    let mut sealed = FRESH.values.seal(&place, &text, &mut rng);
    let whole = sealed.len();
    if fault == 3 {
        sealed.truncate(usize::from(input.byte()));
    }
    let opens = fault != 2 && sealed.len() == whole;
    let is_sound = opens && says_something(table, &row, &text);
    (row, sealed, is_sound)
}

/// Whether a store could have written this, in that row.
fn says_something(table: &str, row: &[u8], text: &[u8]) -> bool {
    if table == "seen" {
        let ranges = text.len().checked_sub(LOG_LEN);
        return ranges.is_some_and(|len| len % 16 == 0) && row == log_row(text);
    }
    let Some((head, rest)) = text.split_at_checked(MESSAGE_LEN) else {
        return false;
    };
    let [.., standing, kind, conversation_len] = head else {
        return false;
    };
    *standing <= 6 && *kind == 1 && rest.len() >= usize::from(*conversation_len)
}

/// The row that a text belongs to, if it is long enough to say so.
fn row_of(table: &str, text: &[u8], input: &mut Input<'_>) -> Option<Vec<u8>> {
    let (peer, rest) = text.split_at_checked(32)?;
    let (log, rest) = rest.split_at_checked(8)?;
    let (sequence, _) = rest.split_at_checked(8)?;
    let [log, sequence] = [log, sequence].map(|it| it.iter().rev().copied().collect::<Vec<u8>>());
    Some(match table {
        "seen" => log_row(text),
        "history" => [
            tag(&[b"history\0", peer]).as_slice(),
            &input.number().to_be_bytes(),
        ]
        .concat(),
        _ => {
            let name = [table.as_bytes(), &[0]].concat();
            [tag(&[&name, peer]), tag(&[&name, peer, &log, &sequence])].concat()
        }
    })
}

/// The row of a log; its text has at least 40 bytes.
fn log_row(text: &[u8]) -> Vec<u8> {
    let (peer, log) = (&text[..32], &text[32..40]);
    let log: Vec<u8> = log.iter().rev().copied().collect();
    [tag(&[b"seen\0", peer]), tag(&[b"seen\0", peer, &log])].concat()
}

fn tag(parts: &[&[u8]]) -> [u8; 16] {
    FRESH.rows.tag(parts)
}

// --- values -----------------------------------------------------------------------------------

/// A message's value, with any number in every place.
fn message(input: &mut Input<'_>) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bytes(contact(input.byte()).peer().as_bytes());
    writer.u64(u64::from(input.byte() % 4));
    for _ in 0..5 {
        writer.u64(input.number());
    }
    let (standing, kind) = (input.byte(), input.byte());
    writer
        .u8(standing % 8)
        .u8(if kind < 0xf0 { 1 } else { kind });
    writer.u8(input.byte() % 16).bytes(input.chunk());
    writer.into_vec()
}

/// A log's value, with any ranges.
fn log(input: &mut Input<'_>) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bytes(contact(input.byte()).peer().as_bytes());
    writer.u64(u64::from(input.byte() % 4));
    for _ in 0..2 + usize::from(input.byte()) % 16 {
        writer.u64(input.number());
    }
    writer.into_vec()
}

fn contact(who: u8) -> ContactId {
    PeerId::new([who & 3; 32]).into()
}

// --- the store --------------------------------------------------------------------------------

fn fresh() -> Fresh {
    let disk = Memory::new(Vec::new());
    drop(open(disk.clone(), Keep::Off).expect("memory takes everything"));
    let wrapped = {
        let database = database(disk.clone());
        let reading = database.begin_read().expect("it is sound");
        let meta = TableDefinition::<&str, &[u8]>::new("meta");
        let meta = reading.open_table(meta).expect("it is sound");
        let row = meta.get("key").expect("it is sound");
        row.expect("it has a key").value().to_vec()
    };
    let wrapping = secret().store_key();
    let data = wrapping.unwrap_key(&[b"meta", &[0], b"key"], &wrapped);
    let data = data.expect("it is the owner's");
    Fresh {
        bytes: disk.bytes(),
        rows: data.derive(b"rows"),
        values: data.derive(b"values"),
    }
}

fn database(disk: Memory) -> Database {
    let database = redb::Builder::new().create_with_backend(disk);
    database.expect("it is sound")
}

fn path() -> &'static Path {
    Path::new("history.redb")
}

fn secret() -> StaticSecret {
    StaticSecret::from_bytes(&mut [1; 32])
}

fn open(disk: Memory, keep: Keep) -> Result<(Archive, Restored), Error> {
    let rng = Box::new(ChaCha20Rng::seed_from_u64(1));
    Archive::over(disk, path(), &secret(), keep, rng, NOW)
}
