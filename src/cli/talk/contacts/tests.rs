use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::chat::Draft;
use crate::cli::talk::profile::tests::{context, profile};
use crate::crypto::Psk;
use crate::proto::EndpointConfig;
use crate::time::UnixTime;

/// Bob, the only one in a list in a file, and what a program knows by it.
fn with_bob() -> (TempDir, PathBuf, PeerId, Contacts) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    let bob = PeerId::new([2; 32]);
    KnownPeers::update(&path, |known| known.add("bob", &bob, &[])).unwrap();
    let contacts = Contacts::load(PeerList::in_file(path.clone()), false).unwrap();
    (home, path, bob, contacts)
}

#[test]
fn saving_a_peer_does_not_hide_a_revocation_of_the_same_moment() {
    let (_home, path, bob, mut contacts) = with_bob();
    let carol = PeerId::new([3; 32]);
    KnownPeers::update(&path, |known| known.revoke(&bob, None)).unwrap();
    contacts.save("carol", &carol, &[], None).unwrap();
    assert_eq!(contacts.label(&carol).as_str(), "carol");
    assert_eq!(contacts.find("carol"), Some(carol));
    assert!(contacts.refresh().unwrap().is_none());
    let changes = contacts.refresh().unwrap().unwrap();
    assert_eq!((changes.revoked, changes.removed), (vec![bob], vec![bob]));
    assert_eq!(contacts.label(&carol).as_str(), "carol");
}

/// He talked on until the program ended.
#[test]
fn who_is_saved_and_taken_out_before_the_list_was_read_again_is_taken_out() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    let (bob, carol) = (PeerId::new([2; 32]), PeerId::new([3; 32]));
    let mut contacts = Contacts::load(PeerList::in_file(path.clone()), false).unwrap();
    contacts.save("bob", &bob, &[], None).unwrap();
    contacts.save("carol", &carol, &[], None).unwrap();
    KnownPeers::update(&path, |known| known.remove("carol")).unwrap();
    let changes = contacts.reload().unwrap().unwrap();
    assert_eq!(changes.gone(), [carol]);
    let labels = [&bob, &carol].map(|key| contacts.label(key).to_string());
    assert_eq!(labels, ["bob", "key:AwMDAwMD"], "the name is free");
    KnownPeers::update(&path, |known| known.remove("bob")).unwrap();
    let changes = contacts.reload().unwrap().unwrap();
    assert_eq!(changes.gone(), [bob], "and each once");
}

#[test]
fn a_mapped_address_is_the_one_that_datagrams_come_from() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    let mapped = ["[::ffff:192.0.2.7]:7419".parse().unwrap()];
    let add = |known: &mut KnownPeers| known.add("bob", &PeerId::new([2; 32]), &mapped);
    KnownPeers::update(&path, add).unwrap();
    let known = KnownPeers::load(&path).unwrap();
    let config = config_of(known.find("bob").unwrap());
    assert_eq!(
        config.addresses,
        [SocketAddr::from(([192, 0, 2, 7], 7_419))]
    );
}

#[test]
fn a_decision_counts_also_where_nothing_can_be_written() {
    let (home, path, bob, mut contacts) = with_bob();
    let day: Day = "2026-11-28".parse().unwrap();
    let verified = |day| KnownPeers::update(&path, |known| known.set_verified("bob", day));
    verified(Some(day)).unwrap();
    let lock = home.path().join(".known-peers.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    assert!(contacts.note_late(&bob, None, day).is_ok());
    assert!(contacts.note_late(&bob, Some(day), day).is_err());
    fs::remove_dir(&lock).unwrap();
    contacts.note_late(&bob, Some(day), day).unwrap();
    let known = KnownPeers::load(&path).unwrap();
    assert_eq!(known.find("bob").unwrap().differed(), Some(day));
}

#[test]
fn a_key_that_was_revoked_a_moment_ago_is_not_noted_as_the_right_one() {
    let (_home, path, bob, mut contacts) = with_bob();
    let day: Day = "2026-11-28".parse().unwrap();
    KnownPeers::update(&path, |known| known.revoke(&bob, None)).unwrap();
    assert!(contacts.note_comparison(&bob, true, day).is_err());
    let noted = || {
        let known = KnownPeers::load(&path).unwrap();
        let bob = known.find("bob").unwrap();
        (bob.verified(), bob.differed())
    };
    assert_eq!(noted(), (None, None));
    assert!(contacts.note_comparison(&bob, false, day).unwrap());
    assert_eq!(noted(), (None, Some(day)));
}

/// That it was compared is still a decision, which nothing that was found to differ before takes back.
#[test]
fn a_revoked_key_is_not_verified_whatever_was_compared() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    let bob = PeerId::new([2; 32]);
    let day: Day = "2026-11-28".parse().unwrap();
    let compared = |known: &mut KnownPeers| {
        known.add("bob", &bob, &[])?;
        known.set_verified("bob", Some(day))
    };
    KnownPeers::update(&path, compared).unwrap();
    let contacts = Contacts::load(PeerList::in_file(path.clone()), false).unwrap();
    assert_eq!(contacts.verified(&bob), Some(day));
    KnownPeers::update(&path, |known| known.revoke(&bob, None)).unwrap();
    let contacts = Contacts::load(PeerList::in_file(path), false).unwrap();
    assert_eq!(contacts.verified(&bob), None);
    assert!(contacts.has_decision(&bob));
}

#[test]
fn the_label_of_an_unsaved_key_is_nobodys_name() {
    let home = tempfile::tempdir().unwrap();
    let mut contacts =
        Contacts::load(PeerList::in_file(home.path().join("known-peers")), false).unwrap();
    // In base64 the key begins with "johnsmith".
    let mut key = [0; 32];
    key[..6].copy_from_slice(&[0x8e, 0x88, 0x67, 0xb2, 0x68, 0xad]);
    let peer = PeerId::new(key);
    assert_eq!(short_key_text(&peer).as_str(), "johnsmit");
    assert_eq!(contacts.label(&peer).as_str(), "key:johnsmit");
    contacts.meet(&KeyOffer {
        key: peer,
        name: None,
        addresses: Vec::new(),
    });
    let label = contacts.label(&peer);
    assert!(safe_name(label.as_str()).is_err());
    assert_eq!(contacts.find(label.as_str()), Some(peer));
}

#[test]
fn a_file_that_an_editor_is_about_to_write_puts_nobody_out() {
    let (home, path, bob, mut contacts) = with_bob();
    let content = fs::read(&path).unwrap();
    let aside = home.path().join("known-peers~");
    fs::rename(&path, &aside).unwrap();
    assert!(contacts.refresh().unwrap().is_none(), "it is missing");
    fs::rename(&aside, &path).unwrap();
    assert!(contacts.refresh().unwrap().is_none(), "it is back");
    fs::write(&path, "").unwrap();
    assert!(contacts.refresh().unwrap().is_none(), "it is empty");
    fs::write(&path, &content[..content.len() - 9]).unwrap();
    assert!(contacts.refresh().unwrap().is_none(), "it is half written");
    fs::write(&path, &content).unwrap();
    assert!(contacts.refresh().unwrap().is_none(), "it is whole");
    let changes = contacts.refresh().unwrap();
    assert!(changes.is_none_or(|changes| changes.removed.is_empty()));
    assert!(contacts.reload().unwrap().is_none());
    fs::rename(&path, &aside).unwrap();
    assert!(contacts.refresh().unwrap().is_none());
    contacts.refresh().expect_err("it stays away");
    assert!(contacts.refresh().unwrap().is_none(), "that is told once");
    contacts.reload().expect_err("and to who asks");
    fs::rename(&aside, &path).unwrap();
    assert!(contacts.reload().unwrap().is_none(), "the same list");
    fs::rename(&path, &aside).unwrap();
    assert!(contacts.refresh().unwrap().is_none());
    contacts.refresh().expect_err("and each time anew");
    let carol = PeerId::new([3; 32]);
    contacts.save("carol", &carol, &[], None).unwrap_err();
    let day: Day = "2026-11-30".parse().unwrap();
    let noted = contacts.note_late(&bob, None, day);
    noted.expect_err("that words differed is noted once it is back");
    assert!(!fs::exists(&path).unwrap(), "no list without bob is made");
    fs::write(&path, &content).unwrap();
    let changes = contacts.reload().unwrap();
    assert!(changes.is_none_or(|changes| changes.removed.is_empty()));
    fs::write(&path, "").unwrap();
    contacts.reload().expect_err("that is no list");
    fs::write(&path, "# nobody\n").unwrap();
    let changes = contacts.reload().unwrap().unwrap();
    assert_eq!(changes.removed, [bob], "a list without bob");
}

#[cfg(unix)]
#[test]
fn a_list_that_was_refused_counts_once_its_mode_is_mended() {
    use rustix::fs::{Mode, chmod};
    let (_home, path, bob, mut contacts) = with_bob();
    KnownPeers::update(&path, |known| known.revoke(&bob, None)).unwrap();
    let mode = |mode| chmod(&path, Mode::from_raw_mode(mode)).unwrap();
    mode(0o666);
    assert!(contacts.refresh().unwrap().is_none());
    contacts.refresh().unwrap_err();
    mode(0o600);
    let changes = contacts.refresh().unwrap().unwrap();
    assert_eq!(changes.revoked, [bob]);
    contacts.stamp = None;
    assert_eq!(contacts.refresh().unwrap().unwrap().revoked, [], "not anew");
}

#[test]
fn who_cannot_be_saved_under_a_name_does_not_go_by_it() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    let (first, second) = (PeerId::new([2; 32]), PeerId::new([3; 32]));
    let mut contacts = Contacts::load(PeerList::in_file(path), false).unwrap();
    contacts.save("guest-010203", &first, &[], None).unwrap();
    assert!(contacts.save("guest-010203", &second, &[], None).is_err());
    assert_eq!(contacts.label(&second).as_str(), "key:AwMDAwMD");
}

#[test]
fn with_another_shared_secret_a_session_is_sought_for_what_waits() {
    let home = tempfile::tempdir().unwrap();
    let context = context(home.path());
    let (path, bob) = (context.paths.known_peers(), PeerId::new([2; 32]));
    let there = ["127.0.0.1:9".parse().unwrap()];
    KnownPeers::update(&path, |known| known.add("bob", &bob, &there)).unwrap();
    let mut profile = profile(&context);
    let now = profile.clock.now();
    let mut messenger = profile.messenger(EndpointConfig::default()).unwrap();
    let draft = Draft::text("it waits".to_owned(), UnixTime(1));
    let message = messenger.prepare(bob.into(), draft).unwrap();
    messenger.accept(bob.into(), message, now).unwrap();
    let calls = |messenger: &mut Messenger| {
        let next = || messenger.endpoint_mut().take_job();
        core::iter::from_fn(next).count()
    };
    assert_eq!(calls(&mut messenger), 1);
    for (byte, begin_anew) in [(7, vec![bob]), (7, vec![]), (8, vec![bob])] {
        let psk = Psk::from_bytes(&mut [byte; 32]);
        KnownPeers::update(&path, |known| known.set_psk("bob", Some(&psk))).unwrap();
        let changes = profile.contacts.read_again().unwrap().unwrap();
        assert_eq!(changes.apply(&mut messenger, now), begin_anew);
        assert_eq!(calls(&mut messenger), begin_anew.len(), "secret {byte}");
    }
}

/// It was said that it was not written.
#[test]
fn a_change_that_the_disk_has_not_confirmed_counts() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    let (bob, carol) = (PeerId::new([2; 32]), PeerId::new([3; 32]));
    let day: Day = "2026-11-28".parse().unwrap();
    KnownPeers::update(&path, |known| known.add("bob", &bob, &[])).unwrap();
    let list = PeerList::unconfirmed_for_testing_only(path.clone());
    let mut contacts = Contacts::load(list, false).unwrap();
    contacts.save("carol", &carol, &[], None).unwrap();
    let told = contacts.take_unconfirmed().unwrap();
    assert!(matches!(told.kind(), ErrorKind::NotSynced { .. }), "{told}");
    assert!(contacts.take_unconfirmed().is_none(), "once");
    assert_eq!(contacts.find("carol"), Some(carol));
    assert!(contacts.note_comparison(&bob, false, day).unwrap());
    contacts.note_late(&carol, None, day).unwrap();
    assert!(contacts.take_unconfirmed().is_some());
    let known = KnownPeers::load(&path).unwrap();
    for name in ["bob", "carol"] {
        assert_eq!(known.find(name).unwrap().differed(), Some(day));
    }
    contacts.update(|known| known.remove("dave")).unwrap_err();
    assert!(contacts.take_unconfirmed().is_none(), "nothing was changed");
}

/// The change is made anew in what an editor has saved meanwhile.
#[test]
fn a_comparison_is_not_noted_on_a_line_that_was_taken_out_meanwhile() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    let bob = PeerId::new([2; 32]);
    let day: Day = "2026-11-28".parse().unwrap();
    KnownPeers::update(&path, |known| known.add("bob", &bob, &[])).unwrap();
    let list = PeerList::emptied_for_testing_only(path);
    let mut contacts = Contacts::load(list, false).unwrap();
    assert!(!contacts.note_comparison(&bob, true, day).unwrap());
}
