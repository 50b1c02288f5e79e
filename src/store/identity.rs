//! The files of an identity: the secret key, and its public half beside it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::atomic::{
    Disk, Staged, behind_links, create_new, create_parent, keep_old, parent, read_bounded,
    read_checked, remove, with_suffix,
};
use super::error::{Error, ErrorKind, Operation};
use super::key_file::{KeyFile, PUBLIC_KEY_GIVEN};
use super::key_text::{KeyOffer, is_secret, key_text};
use super::os;
use super::passphrase::Passphrase;
use super::permissions::{Access, check_own_place, check_parents, check_replaceable};
use super::stale::remove_stale;

/// The public key file that belongs to a secret key file: `identity.key` has `identity.pub`.
#[must_use]
pub fn public_path(path: &Path) -> PathBuf {
    let beside = path.with_extension("pub");
    if beside == path {
        with_suffix(path, ".pub")
    } else {
        beside
    }
}

/// Reads a secret key file, if nobody else can read or replace it.
///
/// # Errors
/// `NoIdentity`, `UnsafePermissions`, `WrongOwner`, `UnsafeDirectory`, `Malformed`, `LinkToNothing`, `Io`.
pub fn load_identity(path: &Path) -> Result<KeyFile, Error> {
    let content = read_checked(path, Access::Owner).map_err(|error| {
        if error.is_missing() {
            return Error::new(path, Operation::Read, ErrorKind::NoIdentity);
        }
        // One that others can read may be read by them: nobody has to make a new key for that.
        let is_open = matches!(error.kind(), ErrorKind::UnsafePermissions { .. });
        let public = is_open.then(|| check_not_public(path).err()).flatten();
        public.unwrap_or(error)
    })?;
    check_parents(path)?;
    KeyFile::parse(&content.bytes).map_err(|error| error.at(path))
}

/// Tells a public key file from what else may be where an identity is, or is to be. What cannot be read is none.
///
/// # Errors
/// `Malformed`.
pub fn check_not_public(path: &Path) -> Result<(), Error> {
    if !is_public_key(path) {
        return Ok(());
    }
    let reason = PUBLIC_KEY_GIVEN;
    let kind = ErrorKind::Malformed { reason };
    Err(Error::new(path, Operation::Read, kind))
}

/// Whether a file is a secret key, whoever can read it.
#[must_use]
pub fn is_secret_key(path: &Path) -> bool {
    let content = path
        .is_file()
        .then(|| File::open(path).and_then(read_bounded));
    content.is_some_and(|it| it.is_ok_and(|bytes| KeyFile::parse(&bytes).is_ok()))
}

/// Whether it has a public key, and nothing of a secret one.
fn is_public_key(path: &Path) -> bool {
    // Opening a pipe would wait for a writer.
    if !path.is_file() {
        return false;
    }
    let Ok(bytes) = File::open(path).and_then(read_bounded) else {
        return false;
    };
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    !is_secret(&text) && KeyOffer::first_in(&text).is_ok()
}

/// Writes a new identity: the secret key (0600) and the public one (0644), both or neither.
///
/// # Errors
/// `AlreadyExists` with the path that does; `UnsafeDirectory`, `LinkToNothing`, `DiskFull`, `Io`.
pub fn create_identity(path: &Path, key: &KeyFile) -> Result<(), Error> {
    create_parent(path)?;
    let _lock = hold(path);
    create_new(path, key.render().as_bytes(), Access::Owner)?;
    let public = public_path(path);
    create_new(&public, public_line(key).as_bytes(), Access::OthersRead)
        .inspect_err(|_| remove(path))
}

/// Writes an identity in the place of another one, whose files are kept as `.old` (or `.old2` and
/// so on: no key is ever lost). Where there is none, it is created. Two processes that do this wait for each other, where
/// directories can be locked. A link stays one: a secret that its owner keeps on another disk comes to no other.
///
/// Returns where the former secret key is now, or what else was there: [`is_secret_key`] tells.
///
/// # Errors
/// `UnsafeDirectory`, `LinkToNothing`, `Malformed` if what is there is no file, `DiskFull`, `Io`; the former identity is then
/// as it was. `NotSynced`: the new one is in its place, unless the power fails now.
pub fn replace_identity(path: &Path, key: &KeyFile) -> Result<Option<PathBuf>, Error> {
    create_parent(path)?;
    // It may be a link that leads elsewhere.
    check_own_place(&public_path(path))?;
    replace_on(&Disk::SYSTEM, path, key)
}

fn replace_on(disk: &Disk, path: &Path, key: &KeyFile) -> Result<Option<PathBuf>, Error> {
    let (path, public) = (&behind_links(path)?, behind_links(&public_path(path))?);
    check_replaceable(path)?;
    check_replaceable(&public)?;
    let _lock = hold(path);
    let new_secret = Staged::write(path, key.render().as_bytes(), Access::Owner)?;
    let new_public = Staged::write(&public, public_line(key).as_bytes(), Access::OthersRead)?;
    let old_secret = keep_if_there(path, Access::Owner)?;
    let old_public = keep_if_there(&public, Access::OthersRead)
        .inspect_err(|_| forget(old_secret.as_deref(), path))?;
    let secret = new_secret.place(disk).inspect_err(|_| {
        forget(old_secret.as_deref(), path);
        forget(old_public.as_deref(), &public);
    })?;
    // From here on the copy is all that is left of the former key.
    let placed = match new_public.place(disk) {
        Ok(placed) => placed,
        Err(error) => {
            // Not every Windows, and no wine, replaces a file that is open.
            drop(secret);
            put_back(old_secret.as_deref(), path);
            forget(old_public.as_deref(), &public);
            return Err(error);
        }
    };
    let synced = (disk.sync)(&secret, path).and_then(|()| (disk.sync)(&placed, &public));
    synced.map_err(|error| {
        let former = old_secret.clone();
        let kind = ErrorKind::NotSynced { former, error };
        Error::new(path, Operation::Write, kind)
    })?;
    Ok(old_secret)
}

/// Waits until nobody else changes the identity there, and takes away what a kill has left of somebody who did. None where
/// directories cannot be locked, or somebody does not let this one go.
fn hold(path: &Path) -> Option<File> {
    let lock = os::lock_dir(parent(path))?;
    remove_stale(path, "old");
    Some(lock)
}

/// Protects the secret key by another passphrase, or by none; the key and its remarks stay.
///
/// No copy under the former passphrase is kept: it may be changed because somebody saw it. What others have copied before
/// opens with it all the same, and so does the file by its other names, if it has any.
///
/// Returns how many other names that are.
///
/// # Errors
/// Those of [`load_identity`] and of [`KeyFile::open`] with `old`; `ChangedMeanwhile` if the file is another one by then;
/// `DiskFull`, `Io`; the file is then as it was. `PassphraseNotSynced`: it is not, unless the power fails now.
pub fn change_passphrase(
    path: &Path,
    old: Option<&Passphrase>,
    new: Option<&Passphrase>,
    rng: &mut dyn CryptoRng,
) -> Result<u64, Error> {
    change_passphrase_on(&Disk::SYSTEM, path, old, new, rng)
}

fn change_passphrase_on(
    disk: &Disk,
    path: &Path,
    old: Option<&Passphrase>,
    new: Option<&Passphrase>,
    rng: &mut dyn CryptoRng,
) -> Result<u64, Error> {
    let key = load_identity(path)?;
    // Through a link, so that the key is replaced and not the link to it.
    let real = os::canonicalize(path).map_err(|error| Error::io(path, Operation::Write, error))?;
    // Before the lock: this can take longer than others wait for that.
    let changed = key
        .with_passphrase(old, new, rng)
        .map_err(|error| error.at(path))?;
    let _lock = hold(&real);
    if load_identity(&real)?.render() != key.render() {
        let kind = ErrorKind::ChangedMeanwhile;
        return Err(Error::new(path, Operation::Write, kind));
    }
    let metadata = fs::metadata(&real).map_err(|error| Error::io(path, Operation::Read, error))?;
    let other_names = os::count_names(&metadata).saturating_sub(1);
    let staged = Staged::write(&real, changed.render().as_bytes(), Access::Owner)?;
    let placed = staged.place(disk)?;
    (disk.sync)(&placed, &real).map_err(|error| {
        let kind = ErrorKind::PassphraseNotSynced(error);
        Error::new(path, Operation::Write, kind)
    })?;
    Ok(other_names)
}

/// The key and the comment, as people send it around.
fn public_line(key: &KeyFile) -> String {
    let public = key
        .public()
        .map(|public| key_text(&public))
        .unwrap_or_default();
    match key.comment() {
        Some(comment) => format!("{public} {comment}\n"),
        None => format!("{public}\n"),
    }
}

fn keep_if_there(path: &Path, access: Access) -> Result<Option<PathBuf>, Error> {
    match keep_old(path, access) {
        Ok(old) => Ok(Some(old)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes away a copy that turned out not to be needed: what it was made of is there.
fn forget(copy: Option<&Path>, of: &Path) {
    if let Some(copy) = copy
        && is_same(copy, of)
    {
        remove(copy);
    }
}

fn is_same(copy: &Path, of: &Path) -> bool {
    let read = |path: &Path| File::open(path).and_then(read_bounded).ok();
    read(copy).is_some_and(|copied| read(of).is_some_and(|it| it == copied))
}

/// Gives the former file its place again. If even that fails the copy stays.
fn put_back(copy: Option<&Path>, path: &Path) {
    match copy {
        Some(copy) => {
            let _ = fs::rename(copy, path);
        }
        None => remove(path),
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
