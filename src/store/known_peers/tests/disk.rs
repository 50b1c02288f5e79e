//! Disks that fail while a list takes its place, or behind that.

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

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

/// An editor that saves one more line whenever the change waits for the disk.
const BUSY_EDITOR: Disk = Disk {
    sync: |written, path| {
        if path.extension().is_some() {
            saves_a_line(&path.with_extension(""));
        }
        (Disk::SYSTEM.sync)(written, path)
    },
    ..Disk::SYSTEM
};

fn saves_a_line(path: &Path) {
    let mut text = fs::read_to_string(path).unwrap();
    let number = text.lines().count();
    text.push_str(&format!("# line {number}\n"));
    fs::write(path, text).unwrap();
}

/// It was overwritten, and in no backup.
#[test]
fn what_an_editor_saves_while_the_disk_is_waited_for_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    fs::write(&path, format!("bob {BOB}\n")).unwrap();
    let saves_once = Disk {
        sync: |written, path| {
            let list = path.with_extension("");
            let is_saved = fs::read_to_string(&list).unwrap().contains('#');
            let disk = if is_saved { Disk::SYSTEM } else { BUSY_EDITOR };
            (disk.sync)(written, path)
        },
        ..Disk::SYSTEM
    };
    KnownPeers::update_on(&saves_once, Duration::ZERO, &path, |peers| {
        peers.add("carol", &key(CAROL), &[])
    })
    .unwrap();
    let edited = format!("bob {BOB}\n# line 1\n");
    let saved = fs::read_to_string(&path).unwrap();
    assert_eq!(saved, format!("{edited}carol {CAROL}\n"));
    let backup = fs::read_to_string(home.path().join("known-peers.bak"));
    assert_eq!(backup.unwrap(), edited);
}

#[test]
fn an_editor_that_goes_on_saving_wins() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    fs::write(&path, format!("bob {BOB}\n")).unwrap();
    let error = add_carol(&BUSY_EDITOR, &path);
    assert!(
        matches!(error.kind(), ErrorKind::ChangedMeanwhile),
        "{error}"
    );
    let lines = (1..=file::TRIES).map(|number| format!("# line {number}\n"));
    let edited = format!("bob {BOB}\n") + &lines.collect::<String>();
    assert_eq!(fs::read_to_string(&path).unwrap(), edited);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 3);
}

/// There was none when the change began.
#[test]
fn a_list_that_an_editor_makes_meanwhile_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    let made = format!("bob {BOB}\n");
    KnownPeers::update(&path, |peers| {
        if peers.peers().is_empty() {
            fs::write(&path, &made).unwrap();
        }
        peers.add("carol", &key(CAROL), &[])
    })
    .unwrap();
    assert_eq!(names(&path), ["bob", "carol"]);
}
