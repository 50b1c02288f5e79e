//! Disks that fail while a list takes its place, or behind that.

use std::io;
use std::path::Path;

use std::time::Duration;

use super::*;
use crate::store::atomic::Disk;

fn is_full(_: &crate::store::atomic::Written, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::StorageFull.into())
}

fn names(path: &Path) -> Vec<String> {
    let peers = KnownPeers::load(path).unwrap();
    let names = peers.peers().iter().map(|peer| peer.name().to_string());
    names.collect()
}

fn add_carol(disk: &Disk, path: &Path) -> Error {
    let added = KnownPeers::update_on(disk, Duration::ZERO, path, |peers| {
        peers.add("carol", &key(CAROL), &[])
    });
    added.unwrap_err()
}

/// It was said that nothing was changed.
#[test]
fn a_list_that_is_not_synced_counts_and_is_not_said_to_be_as_before() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    let all = Disk {
        sync: is_full,
        ..Disk::SYSTEM
    };
    let error = add_carol(&all, &path);
    let ErrorKind::NotSynced { former: None, .. } = error.kind() else {
        panic!("{error}")
    };
    assert_eq!(names(&path), ["carol"]);
    KnownPeers::update(&path, |peers| peers.rename("carol", "bob")).unwrap();
    let list = Disk {
        sync: |written, path| match path.extension() {
            Some(_) => (Disk::SYSTEM.sync)(written, path),
            None => is_full(written, path),
        },
        ..Disk::SYSTEM
    };
    let remove = |peers: &mut KnownPeers| peers.remove("bob");
    let error = KnownPeers::update_on(&list, Duration::ZERO, &path, remove).unwrap_err();
    let ErrorKind::NotSynced { former, .. } = error.kind() else {
        panic!("{error}")
    };
    let backup = home.path().join("known-peers.bak");
    assert_eq!(former.as_deref(), Some(backup.as_path()));
    assert_eq!(error.path(), Some(path.as_path()));
    assert_eq!(
        (names(&path).len(), names(&backup)),
        (0, vec!["bob".into()])
    );
}

#[test]
fn a_list_whose_backup_is_not_synced_is_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    KnownPeers::update(&path, |peers| peers.add("bob", &key(BOB), &[])).unwrap();
    let all = Disk {
        sync: is_full,
        ..Disk::SYSTEM
    };
    let error = add_carol(&all, &path);
    assert!(matches!(error.kind(), ErrorKind::DiskFull), "{error}");
    assert_eq!(error.path(), Some(path.as_path()));
    assert_eq!(names(&path), ["bob"]);
}
