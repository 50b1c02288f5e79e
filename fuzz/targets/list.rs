//! A list of peers that somebody else made, taken over into ours.

use std::fs;

use securechat::store::{HostPort, KnownPeers, Peer, read_list};
use tempfile::TempDir;

use super::parsers::split;

/// Ours, a line of `--`, and theirs, which may come from anybody.
pub fn list(data: &[u8]) {
    let (ours, theirs) = split(data);
    let ours = KnownPeers::parse(ours);
    let theirs = read(theirs);
    if !ours.damage().is_empty() {
        return;
    }
    let mut merged = KnownPeers::parse(&ours.render());
    let Ok(imported) = merged.import(&theirs) else {
        return;
    };
    assert!(
        theirs.damage().is_empty(),
        "what is damaged is not taken over"
    );
    keeps_what_was_ours(&ours, &merged);
    let added = merged.peers().len() - ours.peers().len();
    assert_eq!(added, imported.added.len(), "everybody who is new is told");
    for peer in merged.peers().iter().skip(ours.peers().len()) {
        let remarks = (peer.has_psk(), peer.seen(), peer.verified());
        assert_eq!(remarks, (false, None, None), "{:?}", peer.name());
        assert!(!ours.is_revoked(&peer.key()) && !theirs.is_revoked(&peer.key()));
        let there = theirs.find_key(&peer.key()).expect("it came from there");
        assert_eq!(peer.differed(), there.differed(), "a doubt comes along");
    }
    again_changes_nothing(&mut merged, &theirs);
    if let Ok(handed_on) = merged.export(&[], true) {
        handed_on_is_all_that_may_leave(&merged, handed_on.as_bytes());
    }
}

fn keeps_what_was_ours(ours: &KnownPeers, merged: &KnownPeers) {
    for (before, after) in ours.peers().iter().zip(merged.peers()) {
        assert_eq!(said(before), said(after), "ours stay as they are");
    }
    for (key, _) in ours.revoked() {
        assert!(merged.is_revoked(key), "what is revoked stays revoked");
    }
}

fn again_changes_nothing(merged: &mut KnownPeers, theirs: &KnownPeers) {
    let before = merged.render();
    let again = merged.import(theirs).expect("it was taken over before");
    assert_eq!((again.added.len(), again.revoked), (0, 0));
    assert_eq!(*merged.render(), *before);
}

fn handed_on_is_all_that_may_leave(merged: &KnownPeers, handed_on: &[u8]) {
    let list = read(handed_on);
    assert!(list.damage().is_empty(), "what we hand on can be read");
    assert_eq!(list.revoked().count(), merged.revoked().count());
    let mine = merged.peers().iter();
    let mine = mine.filter(|peer| !peer.is_revoked() && peer.differed().is_none());
    assert_eq!(list.peers().len(), mine.clone().count());
    for (peer, mine) in list.peers().iter().zip(mine) {
        assert_eq!((peer.key(), peer.name()), (mine.key(), mine.name()));
        let remarks = (peer.has_psk(), peer.seen(), peer.verified());
        assert_eq!(remarks, (false, None, None), "only its owner knows that");
    }
}

fn said(peer: &Peer) -> (String, Vec<HostPort>, bool) {
    let text = format!(
        "{} {:?} {:?} {:?} {:?} {:?} {:?} {}",
        peer.name(),
        peer.key(),
        peer.seen(),
        peer.verified(),
        peer.differed(),
        peer.signing_key(),
        peer.version(),
        peer.is_revoked()
    );
    (text, peer.addresses().to_vec(), peer.has_psk())
}

fn read(content: &[u8]) -> KnownPeers {
    let home = TempDir::new().expect("there is room for a directory");
    let path = home.path().join("list");
    fs::write(&path, content).expect("there is room for a file");
    read_list(&path).expect("it can be read")
}
