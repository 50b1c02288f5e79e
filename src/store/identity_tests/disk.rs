//! Disks that fail while an identity takes its place, or behind that.

use std::io;

use super::*;
use crate::store::atomic::Disk;

fn failed() -> io::Error {
    io::Error::other("the disk is gone")
}

/// A directory that cannot be synced is no reason to take the copy away: it is all that is left of the former key.
#[test]
fn a_replacement_that_is_not_synced_keeps_the_old_key() {
    let (_home, path) = place();
    create_identity(&path, &plain(1)).unwrap();
    let disk = Disk {
        sync: |_, _| Err(failed()),
        ..Disk::SYSTEM
    };
    let error = replace_on(&disk, &path, &plain(2)).unwrap_err();
    let ErrorKind::NotSynced { former, .. } = error.kind() else {
        panic!("{error}")
    };
    let old = path.with_file_name("identity.key.old");
    assert_eq!(former.as_deref(), Some(old.as_path()));
    assert_eq!(key_at(&old), secret(1).public());
    assert_eq!(key_at(&path), secret(2).public());
    assert!(path.with_file_name("identity.pub.old").exists());
}

#[test]
fn a_replacement_whose_public_half_fails_is_taken_back() {
    let disk = Disk {
        rename: |from, to| match to.extension().and_then(|it| it.to_str()) {
            Some("pub") => Err(failed()),
            _ => fs::rename(from, to),
        },
        ..Disk::SYSTEM
    };
    let (_home, path) = place();
    create_identity(&path, &plain(1)).unwrap();
    assert!(replace_on(&disk, &path, &plain(2)).is_err());
    assert_eq!(names(&path), ["identity.key", "identity.pub"]);
    assert_eq!(key_at(&path), secret(1).public());
    let public = KeyOffer::read_file(&public_path(&path)).unwrap();
    assert_eq!(public.key, secret(1).public());
    // Nor is anything left where there was nothing.
    let (_home, path) = place();
    create_parent(&path).unwrap();
    assert!(replace_on(&disk, &path, &plain(2)).is_err());
    assert!(names(&path).is_empty());
}

#[test]
fn a_replacement_that_cannot_be_placed_leaves_no_copies_unless_it_was_placed_after_all() {
    let (_home, path) = place();
    create_identity(&path, &plain(1)).unwrap();
    let disk = Disk {
        rename: |_, _| Err(failed()),
        ..Disk::SYSTEM
    };
    assert!(replace_on(&disk, &path, &plain(2)).is_err());
    assert_eq!(names(&path), ["identity.key", "identity.pub"]);
    assert_eq!(key_at(&path), secret(1).public());
    // As over a network, where the answer can be lost.
    let disk = Disk {
        rename: |from, to| fs::rename(from, to).and_then(|()| Err(failed())),
        ..Disk::SYSTEM
    };
    assert!(replace_on(&disk, &path, &plain(2)).is_err());
    let old = path.with_file_name("identity.key.old");
    assert_eq!(key_at(&old), secret(1).public());
}

/// It was said that nothing was changed: whoever threw the new passphrase away had lost the key.
#[test]
fn a_passphrase_that_is_not_synced_counts_and_is_not_said_to_have_changed_nothing() {
    let (_home, path) = place();
    create_identity(&path, &plain(1)).unwrap();
    let new = passphrase("new");
    let change = |disk: &Disk| change_passphrase_on(disk, &path, None, Some(&new), &mut rng(5));
    let disk = Disk {
        rename: |_, _| Err(failed()),
        ..Disk::SYSTEM
    };
    let error = change(&disk).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io(_)), "{error}");
    load_identity(&path).unwrap().open(None).unwrap();
    let full = Disk {
        sync: |_, _| Err(io::ErrorKind::StorageFull.into()),
        ..Disk::SYSTEM
    };
    let error = change(&full).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::PassphraseNotSynced(_)),
        "{error}"
    );
    assert_eq!(error.path(), Some(path.as_path()));
    let key = load_identity(&path).unwrap();
    assert_eq!(key.open(Some(&new)).unwrap().expose(), secret(1).expose());
    assert_eq!(names(&path), ["identity.key", "identity.pub"]);
}
