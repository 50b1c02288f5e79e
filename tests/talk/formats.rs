//! Files that former versions have written.

use std::fs;
use std::path::Path;

use crate::home::{Home, check};

/// What TEST-ONLY-alice had on 2026-11-28, written by 414636f: a talk with TEST-ONLY-bob, and a message that waits for him.
const FORMER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/2026-11-28");

fn former() -> Home {
    let alice = Home::test_only("alice");
    for entry in fs::read_dir(Path::new(FORMER)).unwrap() {
        let file = entry.unwrap();
        alice.takes(&file.path(), &file.file_name().to_string_lossy());
    }
    alice
}

/// What each message says, and what became of it, without its time.
fn kept(home: &Home) -> Vec<String> {
    let history = home.run(&["history", "show"]).rest;
    let without_time = |line: &str| line.split_once('\t').unwrap().1.to_owned();
    history.lines().map(without_time).collect()
}

#[test]
fn what_a_former_version_kept_is_read() {
    let alice = former();
    let said = [
        "bob\tdelivered\tdid the backup finish?",
        "bob\treceived\tyes, 41 GB",
        "bob\twaiting\tthis waits for bob",
    ];
    assert_eq!(kept(&alice), said);
    let status = alice.run(&["status"]).rest;
    assert!(status.contains("waiting: 1 to be sent"), "{status}");
    assert!(alice.run(&["peers", "list"]).rest.starts_with("bob  "));
}

/// The timestamps of its handshakes, the signing key of its peer and the numbers of its messages go on.
#[test]
fn who_has_files_of_a_former_version_talks_on() {
    let (alice, bob) = (former(), Home::test_only("bob"));
    bob.knows("alice", &alice);
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    check(&mut caller, &mut listener);
    caller.leave();
    listener.kill();
    let kept = kept(&alice);
    assert_eq!(
        kept.first().unwrap(),
        "bob\tdelivered\tdid the backup finish?"
    );
    for said in [
        "bob\tdelivered\tthis waits for bob",
        "bob\tdelivered\tcan you hear me?",
        "bob\treceived\tloud and clear",
    ] {
        assert!(kept.iter().any(|it| it == said), "{kept:?}");
    }
}
