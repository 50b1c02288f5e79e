//! The file of a store: made whole, opened by one process, readable by its owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use rand_core::CryptoRng;
use redb::backends::FileBackend;
use redb::{
    Builder, Database, ReadTransaction, ReadableDatabase, StorageBackend, TableDefinition,
    TableError, WriteTransaction,
};

use super::change::definition;
use super::keys::{Keys, Table};
use super::overlay::{Overlay, look};
use super::place::Place;
use super::trouble::{Fault, Loss, StoreTrouble, is_damage, trouble};
use crate::crypto::StaticSecret;
use crate::store::atomic::{create_parent, remove, sync_parent, with_suffix};
use crate::store::error::{Error, ErrorKind, Operation};
use crate::store::os;
use crate::store::permissions::{Access, check_file, check_own_place};
use crate::store::stamp::Stamp;
use crate::time::UnixTime;

/// What the file says of itself.
pub(super) const META: TableDefinition<'static, &'static str, &'static [u8]> =
    TableDefinition::new("meta");
const FORMAT_ROW: &str = "format";
const KEY_ROW: &str = "key";
const EXPIRED_ROW: &str = "expired";
/// The version of the tables and their values.
const FORMAT: u32 = 1;

/// Memory for pages that were read. A chat needs few of them.
const CACHE_LEN: usize = 16 * 1024 * 1024;

pub(super) fn open(
    path: &Path,
    secret: &StaticSecret,
    rng: &mut dyn CryptoRng,
) -> Result<(Database, Place), Error> {
    find_or_create(path, secret, rng).map_err(|error| {
        if is_read_only(error.kind()) {
            return trouble(path, Operation::Write, StoreTrouble::ReadOnly);
        }
        error
    })
}

fn is_read_only(kind: &ErrorKind) -> bool {
    if let ErrorKind::Io(said) = kind {
        return said.kind() == io::ErrorKind::PermissionDenied;
    }
    matches!(kind, ErrorKind::ReadOnly(_))
}

fn find_or_create(
    path: &Path,
    secret: &StaticSecret,
    rng: &mut dyn CryptoRng,
) -> Result<(Database, Place), Error> {
    create_parent(path)?;
    match fs::symlink_metadata(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path, secret, rng)?,
        Err(error) => return Err(Error::io(path, Operation::Read, error)),
    }
    check(open_checked(path, true)?.0, path)?;
    let (file, place) = open_checked(path, true)?;
    Ok((build(file, path)?, place))
}

/// As [`open`], of a file that is there and is only looked at: what would be written stays in memory.
///
/// # Errors
/// `InUse` if somebody keeps writing it, whom no lock tells of: another machine that has mounted the same file system.
pub(super) fn open_to_look(path: &Path) -> Result<(Database, Place), Error> {
    look_until_still(path, || look_once(path))
}

/// How often a store is looked at that changes meanwhile.
const LOOKS: u32 = 3;

/// Looks again at what seems to be damaged and has changed since the look began: it was half written.
pub(super) fn look_until_still<T>(
    path: &Path,
    mut look: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    for _ in 0..LOOKS {
        let before = Stamp::of(path);
        let looked = look();
        let seems_damaged = looked.as_ref().is_err_and(tells_of_damage);
        if !seems_damaged || Stamp::of(path) == before {
            return looked;
        }
    }
    Err(in_use(path))
}

/// Whether a store was found damaged, or half written.
pub(super) fn tells_of_damage(error: &Error) -> bool {
    let ErrorKind::Store(trouble) = error.kind() else {
        return false;
    };
    matches!(trouble, StoreTrouble::Damaged(_) | StoreTrouble::Unreadable)
}

/// Somebody writes it whom no lock tells of.
pub(super) fn in_use(path: &Path) -> Error {
    let kind = ErrorKind::InUse { pid: None };
    Error::new(path, Operation::Read, kind)
}

pub(super) fn look_once(path: &Path) -> Result<(Database, Place), Error> {
    let fail = |error: io::Error| Error::io(path, Operation::Read, error);
    check_own_place(path)?;
    let (file, _) = open_checked(path, false)?;
    check_newer(&file, path)?;
    check_over(Overlay::unlocked(file).map_err(fail)?, path)?;
    let (file, place) = open_checked(path, false)?;
    let overlay = Overlay::unlocked(file).map_err(fail)?;
    Ok((build(overlay, path)?, place))
}

/// Opens the file as it is, after checking on it that nobody else can read it. Says which file it is, too.
pub(super) fn open_checked(path: &Path, write: bool) -> Result<(FileBackend, Place), Error> {
    let fail = |error: io::Error| Error::io(path, Operation::Read, error);
    // Before opening, too: opening a pipe would wait for a writer.
    check_file(path, &fs::metadata(path).map_err(fail)?, Access::Owner)?;
    let mut options = OpenOptions::new();
    options.read(true).write(write);
    os::hold_name(&mut options);
    let file = options.open(path);
    let file = file.map_err(|error| Error::io(path, Operation::Write, error))?;
    let metadata = file.metadata().map_err(fail)?;
    check_file(path, &metadata, Access::Owner)?;
    if metadata.len() == 0 {
        return Err(trouble(path, Operation::Read, damaged_frame()));
    }
    Ok((as_backend(file, path)?, Place::of(&metadata)))
}

/// What every file of redb begins with.
const MAGIC: [u8; 9] = *b"redb\x1a\n\xa9\r\n";

/// Whether a file can be a store at all, by its first bytes: for whoever looks without opening it, which would keep
/// its user off. What is damaged further on is not met.
///
/// # Errors
/// `Store`, `Io`.
pub fn check_beginning(path: &Path) -> Result<(), Error> {
    let mut beginning = [0; MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut beginning));
    match read {
        Ok(()) if beginning == MAGIC => Ok(()),
        // On Windows nobody can read what another program has locked.
        Err(error) if cfg!(windows) && !is_damage(&error) => Ok(()),
        Err(error) if !is_damage(&error) => Err(Error::io(path, Operation::Read, error)),
        Ok(()) | Err(_) => Err(trouble(path, Operation::Read, damaged_frame())),
    }
}

fn as_backend(file: File, path: &Path) -> Result<FileBackend, Error> {
    FileBackend::new(file).map_err(|error| during(path, Operation::Read, error))
}

/// Makes the file beside its place and moves it there: a file of this name is complete. Nobody else
/// makes one, since the identity is locked.
fn create(path: &Path, secret: &StaticSecret, rng: &mut dyn CryptoRng) -> Result<(), Error> {
    let unfinished = with_suffix(path, ".new");
    let fail = |error: io::Error| Error::io(path, Operation::Create, error);
    remove(&unfinished);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    os::set_creation_mode(&mut options, Access::Owner.mode());
    let file = options.open(&unfinished).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            let reason = "it is in the way of a new file of messages; take it away";
            return Error::new(
                &unfinished,
                Operation::Create,
                ErrorKind::Malformed { reason },
            );
        }
        fail(error)
    })?;
    let made = as_backend(file, path)
        .and_then(|backend| make(backend, path, secret, rng).map(drop))
        .and_then(|()| put_in_place(&unfinished, path, sync_parent).map_err(fail));
    made.inspect_err(|_| remove(&unfinished))
}

/// Gives a store its place. If the disk does not confirm that, there is none: what the next start would write there could go
/// with it.
pub(super) fn put_in_place(
    unfinished: &Path,
    path: &Path,
    sync: fn(&Path) -> io::Result<()>,
) -> io::Result<()> {
    fs::rename(unfinished, path)?;
    sync(path).inspect_err(|_| remove(path))
}

/// Makes a store where there is no byte yet.
pub(super) fn make(
    backend: impl StorageBackend,
    path: &Path,
    secret: &StaticSecret,
    rng: &mut dyn CryptoRng,
) -> Result<Database, Error> {
    let database = build(backend, path)?;
    match initialize(&database, secret, rng) {
        Ok(()) => Ok(database),
        Err(fault) => Err(fault.at(path, Operation::Create)),
    }
}

/// Reads the whole file and compares its checksums, after mending in memory what a crash left: damage is
/// met here, where nothing has been written, and not in the midst of a conversation.
pub(super) fn check(backend: impl StorageBackend, path: &Path) -> Result<(), Error> {
    check_newer(&backend, path)?;
    let overlay = Overlay::new(backend);
    check_over(
        overlay.map_err(|error| Error::io(path, Operation::Read, error))?,
        path,
    )
}

fn check_newer(backend: &impl StorageBackend, path: &Path) -> Result<(), Error> {
    if is_newer(backend) {
        return Err(trouble(path, Operation::Read, StoreTrouble::Newer));
    }
    Ok(())
}

/// Whether a later redb wrote it, which ours would take for damage: both slots of its header say so (redb,
/// docs/design.md, "Transaction slot").
fn is_newer(backend: &impl StorageBackend) -> bool {
    const VERSIONS_AT: [u64; 2] = [64, 192];
    const OURS: u8 = 3;
    let is_at = |at: u64, matches: fn(&[u8; MAGIC.len()]) -> bool| {
        let mut bytes = [0; MAGIC.len()];
        backend.read(at, &mut bytes).is_ok() && matches(&bytes)
    };
    is_at(0, |bytes| *bytes == MAGIC)
        && VERSIONS_AT
            .iter()
            .all(|at| is_at(*at, |slot| slot[0] > OURS))
}

pub(super) fn check_over(overlay: Overlay<impl StorageBackend>, path: &Path) -> Result<(), Error> {
    let is_whole = look(|| {
        let checked = build(overlay, path)?.check_integrity();
        checked.map_err(|error| during(path, Operation::Read, error))
    });
    match is_whole {
        Some(Ok(true)) => Ok(()),
        Some(Ok(false)) | None => Err(trouble(path, Operation::Read, damaged_frame())),
        Some(Err(error)) => Err(error),
    }
}

pub(super) fn build(backend: impl StorageBackend, path: &Path) -> Result<Database, Error> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_LEN);
    let database = builder.create_with_backend(backend);
    database.map_err(|error| during(path, Operation::Read, error))
}

fn initialize(
    database: &Database,
    secret: &StaticSecret,
    rng: &mut dyn CryptoRng,
) -> Result<(), Fault> {
    let (_, wrapped) = Keys::generate(secret, rng);
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT_ROW, FORMAT.to_le_bytes().as_slice())?;
        meta.insert(KEY_ROW, wrapped.as_slice())?;
        for table in Table::ALL {
            transaction.open_table(definition(table))?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// When the history was last looked through for what is too old, if that is known.
pub(super) fn expired_at(transaction: &ReadTransaction) -> Result<Option<UnixTime>, Fault> {
    let at = transaction.open_table(META)?.get(EXPIRED_ROW)?;
    Ok(at.and_then(|bytes| Some(UnixTime(u64::from_le_bytes(bytes.value().try_into().ok()?)))))
}

pub(super) fn note_expired(transaction: &WriteTransaction, now: UnixTime) -> Result<(), Fault> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(EXPIRED_ROW, now.0.to_le_bytes().as_slice())?;
    Ok(())
}

/// Reads what the file says of itself, and opens its keys.
pub(super) fn keys(
    database: &impl ReadableDatabase,
    path: &Path,
    secret: &StaticSecret,
) -> Result<Keys, Error> {
    let keys = read_keys(database, secret);
    keys.map_err(|fault| fault.at(path, Operation::Read))
}

fn read_keys(database: &impl ReadableDatabase, secret: &StaticSecret) -> Result<Keys, Fault> {
    let transaction = database.begin_read()?;
    let meta = match transaction.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => return Err(damaged_frame().into()),
        meta => meta?,
    };
    let format = meta.get(FORMAT_ROW)?;
    let format = format.and_then(|bytes| Some(u32::from_le_bytes(bytes.value().try_into().ok()?)));
    match format {
        Some(FORMAT) => {}
        Some(1..) => return Err(StoreTrouble::Newer.into()),
        Some(0) | None => return Err(damaged_frame().into()),
    }
    let wrapped = meta.get(KEY_ROW)?.ok_or_else(damaged_frame)?;
    let keys = Keys::unwrap(secret, wrapped.value());
    keys.map_err(|_| StoreTrouble::OtherIdentity.into())
}

pub(super) const fn damaged_frame() -> StoreTrouble {
    StoreTrouble::Damaged(Loss::FRAME)
}

fn during(path: &Path, operation: Operation, error: redb::DatabaseError) -> Error {
    Fault::from(error).at(path, operation)
}
