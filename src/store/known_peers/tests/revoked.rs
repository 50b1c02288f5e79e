//! Keys that are never to be trusted again.

use super::*;

#[test]
fn revoked_wins_wherever_it_stands() {
    for content in [
        format!("@revoked {BOB}\nbob {BOB}\n"),
        format!("bob {BOB} verified=2026-11-22\n@revoked {BOB} reason=x\n"),
    ] {
        let peers = KnownPeers::parse(content.as_bytes());
        assert!(peers.find("bob").unwrap().is_revoked());
        assert!(peers.is_revoked(&key(BOB)));
    }
}

/// The line that it wrote was damaged when it was read.
#[test]
fn a_key_that_nobody_can_have_is_not_revoked() {
    let mut known = KnownPeers::default();
    let error = known.revoke(&PeerId::new([0; 32]), None).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::NotAPublicKey { .. }),
        "{error}"
    );
    assert!(known.revoked().next().is_none());
}

#[test]
fn a_revoked_key_stays_revoked_when_its_name_goes() {
    let mut peers = sample();
    peers
        .revoke(&key(BOB), Some("lost \"it\"\n\u{1b}[2J in \\ Paris"))
        .unwrap();
    assert!(peers.find("bob").unwrap().is_revoked());
    let last = format!("@revoked {BOB} reason=\"lost \\\"it\\\"^J^[[2J in \\\\ Paris\"\n");
    assert_eq!(rendered(&peers), format!("{SAMPLE}{last}"));
    peers.remove("bob").unwrap();
    assert!(peers.find("bob").is_err());
    assert!(kind_of(peers.add("bob", &key(BOB), &[])).contains("Revoked"));
    assert!(kind_of(peers.revoke(&key(BOB), None)).contains("Revoked"));
    let noted = peers
        .revoked()
        .find(|(revoked, _)| **revoked == key(BOB))
        .unwrap()
        .1
        .unwrap();
    assert_eq!(noted.as_str(), "lost \"it\"^J^[[2J in \\ Paris");
}
