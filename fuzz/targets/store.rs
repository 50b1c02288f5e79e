//! The file of a store after something else wrote to it: it opens with what was written, or as an
//! older one of itself, or says that it is damaged. It never gives what nobody wrote, and never
//! panics on.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{LazyLock, Once};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use securechat::chat::{ContactId, ConversationId, Incoming, Kind, LogId, Name, Outgoing, State};
use securechat::crypto::StaticSecret;
use securechat::id::PeerId;
use securechat::store::{
    Archive, Error, ErrorKind, Filter, Keep, Restored, Salvaged, StoreTrouble, survives_panic,
};
use securechat::time::UnixTime;

use super::input::Input;
use super::memory::Memory;

/// Messages each way.
const MESSAGES: u64 = 24;
/// Those before it are over, those from it on wait.
const OPEN_FROM: u64 = 16;
/// Places that are changed in one run.
const MAX_CHANGES: usize = 24;
const SECTOR: usize = 512;

/// A store as it is after the last change, and as it was after each of some before.
struct Sound {
    last: Vec<u8>,
    older: Vec<Vec<u8>>,
}

static SOUND: LazyLock<Sound> = LazyLock::new(sound);

/// A store's file with changed bytes.
pub fn store(data: &[u8]) {
    let_looks_panic();
    let mut bytes = SOUND.last.clone();
    let mut input = Input::new(data);
    for _ in 0..MAX_CHANGES {
        let Some(kind) = input.next() else { break };
        change(&mut bytes, kind, &mut input);
    }
    let whole = bytes == SOUND.last;
    salvage(&bytes, whole);
    reopen(bytes, whole);
}

fn change(bytes: &mut Vec<u8>, kind: u8, input: &mut Input<'_>) {
    let at = place(bytes.len(), kind, input);
    match kind % 8 {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (kind >> 5);
            }
        }
        2 => put(bytes, at, input.chunk()),
        3 => put(bytes, at / SECTOR * SECTOR, &[0; SECTOR]),
        4 => bytes.truncate(at),
        5 => bytes.resize((bytes.len() + at).min(4 << 20), kind),
        6 => {
            let from = place(bytes.len(), kind, input) / SECTOR * SECTOR;
            let moved = piece(bytes, from, kind).to_vec();
            put(bytes, at / SECTOR * SECTOR, &moved);
        }
        _ => {
            let older = &SOUND.older[usize::from(input.byte()) % SOUND.older.len()];
            let at = at / SECTOR * SECTOR;
            put(bytes, at, piece(older, at, kind));
        }
    }
}

/// Somewhere in the file, often at its beginning, where the database says what is where.
fn place(len: usize, kind: u8, input: &mut Input<'_>) -> usize {
    let near = usize::from(input.u16());
    let at = if kind & 0x10 == 0 {
        near % SECTOR
    } else {
        near * 32 + usize::from(input.byte() % 32)
    };
    at % len.max(1)
}

/// A sector, a page, or all that follows.
fn piece(bytes: &[u8], from: usize, kind: u8) -> &[u8] {
    let rest = bytes.get(from..).unwrap_or_default();
    let len = [SECTOR, 4_096, 16_384, usize::MAX][usize::from(kind >> 6)];
    rest.get(..len).unwrap_or(rest)
}

fn put(bytes: &mut [u8], at: usize, data: &[u8]) {
    let rest = bytes.get_mut(at..).unwrap_or_default();
    let len = data.len().min(rest.len());
    rest[..len].copy_from_slice(&data[..len]);
}

/// Reads what is left; `whole`: that is all.
fn salvage(bytes: &[u8], whole: bool) {
    let disk = Memory::new(bytes.to_vec());
    let found = Salvaged::over(disk, path(), &secret(), &Filter::default());
    let Ok(Salvaged { found, loss }) = found else {
        assert!(!whole, "{:?}", found.err());
        return;
    };
    for entry in &found.entries {
        assert_eq!(entry.body, body(entry.name.sequence), "{entry:?}");
        assert_eq!(entry.contact, contact_of(entry.name.sequence), "{entry:?}");
    }
    assert!(!whole || (found.entries.len() as u64 == 2 * MESSAGES && loss.is_none()));
}

/// Opens it as the program would, and uses it if that succeeds.
fn reopen(bytes: Vec<u8>, whole: bool) {
    match open(Memory::new(bytes), 9) {
        Ok((mut archive, restored)) => {
            let open = MESSAGES - OPEN_FROM;
            assert!(!whole || restored.unconfirmed.len() as u64 == open);
            assert!(!whole || restored.waiting().count() as u64 == open);
            let mut seen = BTreeSet::new();
            for it in &restored.unconfirmed {
                let sequence = it.message.name.sequence;
                assert_eq!(it.message.body, body(sequence));
                assert!(seen.insert(sequence), "{sequence} twice");
            }
            write(&mut archive, 99).expect("a store that is sound takes a message");
        }
        Err(error) => {
            assert!(!whole, "{error}");
            match error.kind() {
                ErrorKind::Store(StoreTrouble::Damaged(loss)) => assert!(!loss.is_none()),
                ErrorKind::Store(StoreTrouble::OtherIdentity | StoreTrouble::Newer)
                | ErrorKind::Io(_) => {}
                kind => panic!("{kind:?}"),
            }
        }
    }
}

fn sound() -> Sound {
    let disk = Memory::new(Vec::new());
    let mut older = Vec::new();
    for sequence in 0..MESSAGES {
        // Opened anew, so that what is kept is what an ended process leaves behind.
        let (mut archive, _) = open(disk.clone(), sequence).expect("it is sound");
        write(&mut archive, sequence).expect("memory takes everything");
        drop(archive);
        older.push(disk.bytes());
    }
    let last = older.pop().unwrap_or_default();
    Sound { last, older }
}

/// One message each way, over already if its number says so.
fn write(archive: &mut Archive, sequence: u64) -> Result<(), Error> {
    let conversation = ConversationId::default();
    let (came, went) = (2 * sequence, 2 * sequence + 1);
    let incoming = Incoming {
        name: name(came),
        kind: Kind::Text,
        conversation: conversation.clone(),
        sent_at: UnixTime(0),
        body: body(came),
        missing: 0,
    };
    let outgoing = Outgoing {
        name: name(went),
        kind: Kind::Text,
        conversation,
        sent_at: UnixTime(0),
        body: body(went).into(),
    };
    archive.change(UnixTime(sequence), |it| {
        it.receive(contact_of(came), &incoming)?;
        it.queue(contact_of(went), &outgoing)?;
        if sequence < OPEN_FROM {
            it.shown(contact_of(came), incoming.name)?;
            it.settle(contact_of(went), outgoing.name, State::Delivered)?;
        }
        Ok(())
    })
}

fn name(sequence: u64) -> Name {
    Name {
        log: LogId(1),
        sequence,
    }
}

/// What the message of that number says; some need pages of their own.
fn body(sequence: u64) -> Vec<u8> {
    let len = if sequence % 9 == 8 { 6_000 } else { 40 };
    let mut body = vec![b'x'; len];
    body[..8].copy_from_slice(&sequence.to_le_bytes());
    body
}

/// Even numbers come from one, odd ones go to the other.
fn contact_of(sequence: u64) -> ContactId {
    PeerId::new([7 + u8::from(sequence % 2 == 1); 32]).into()
}

fn path() -> &'static Path {
    Path::new("history.redb")
}

fn secret() -> StaticSecret {
    StaticSecret::from_bytes(&mut [1; 32])
}

fn open(disk: Memory, seed: u64) -> Result<(Archive, Restored), Error> {
    let rng = Box::new(ChaCha20Rng::seed_from_u64(seed));
    let now = UnixTime(1_000);
    Archive::over(disk, path(), &secret(), Keep::Forever, rng, now)
}

/// The fuzzer ends the process at every panic; those of the database over a damaged file are met.
pub(crate) fn let_looks_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !survives_panic() {
                hook(info);
            }
        }));
    });
}
