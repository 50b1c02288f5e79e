//! A saved name that comes to mean somebody else while a command waits.

use rustix::process::Signal;

use crate::home::Home;
use crate::program::Ended;

const NOTHING_WAITS: &str = "none waits";

/// alice knows bob, who listens; carol is somebody else.
struct Three {
    alice: Home,
    bob: Home,
    carol: Home,
}

impl Three {
    fn new() -> Self {
        let (alice, bob) = Home::friends();
        let carol = Home::new();
        carol.knows("alice", &alice);
        Self { alice, bob, carol }
    }

    /// A command of alice's waits for the identity, and meanwhile known-peers is changed.
    fn meanwhile(&self, address: &str, args: &[&str], change: impl FnOnce(&Home)) -> Ended {
        let mut pings = self.alice.start(&["ping", "bob", address]);
        pings.said("seq=1 time=");
        let mut waits = self.alice.start(args);
        waits.close();
        waits.told("another securechat command has this identity open; waiting for it");
        change(&self.alice);
        pings.signal(Signal::INT);
        assert_eq!(pings.end().code, Some(0));
        waits.end()
    }

    /// What waits to be sent, if anything does.
    fn waits(&self) -> String {
        let shown = self.alice.run(&["status"]).rest;
        let waits = shown.lines().find(|line| line.contains("to be sent"));
        waits.unwrap_or(NOTHING_WAITS).to_owned()
    }

    fn is_suggested(&self, ended: &Ended, words: &str) {
        let command = self.alice.suggested(words);
        assert!(ended.told.contains(&command), "{words}: {}", ended.told);
    }
}

#[test]
fn what_was_meant_for_a_name_goes_to_nobody_once_that_has_another_key() {
    let three = Three::new();
    let (alice, bob, carol) = (&three.alice, &three.bob, &three.carol);
    let (listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let commands: [&[&str]; 4] = [
        &["send", "bob", "for bob alone", "--address", &address],
        &["send", "bob", "for bob alone", "--no-wait"],
        &["ping", "bob", &address, "-c", "1"],
        &["connect", "bob", &address],
    ];
    for args in commands {
        let ended = three.meanwhile(&address, args, |alice| {
            alice.run(&["peers", "remove", "bob"]);
            alice.knows("bob", carol);
        });
        ended.failed(4, "SC46");
        let words = "Nothing was sent, kept or changed.";
        assert!(ended.told.contains(words), "{}", ended.told);
        three.is_suggested(&ended, "peers show bob");
        let shown = alice.run(&["peers", "show", "bob"]).rest;
        assert!(shown.contains(&carol.key()), "{shown}");
        assert_eq!(three.waits(), NOTHING_WAITS, "{args:?}");
        alice.run(&["peers", "remove", "bob"]);
        alice.knows("bob", bob);
    }
    let heard = listener.kill().transcript;
    assert!(!heard.contains("for bob alone"), "{heard}");
}

#[test]
fn whose_name_is_gone_is_named_by_the_one_that_it_has_now() {
    let three = Three::new();
    let (alice, bob) = (&three.alice, &three.bob);
    let (_listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let keep = ["send", "bob", "for bob alone", "--no-wait"];
    let renamed = three.meanwhile(&address, &keep, |alice| {
        alice.run(&["peers", "rename", "bob", "robert"]);
    });
    renamed.failed(4, "SC46");
    let words = "Whom it meant is called robert now: ";
    assert!(renamed.told.contains(words), "{}", renamed.told);
    three.is_suggested(&renamed, "peers show robert");
    let shown = alice.run(&["peers", "show", "robert"]).rest;
    assert!(shown.contains(&bob.key()), "{shown}");
    alice.run(&["peers", "rename", "robert", "bob"]);
    let removed = three.meanwhile(&address, &keep, |alice| {
        alice.run(&["peers", "remove", "bob"]);
    });
    removed.failed(4, "SC46");
    three.is_suggested(&removed, "peers list");
    assert_eq!(three.waits(), NOTHING_WAITS);
}

/// It was said to be kept, and that it will be sent.
#[test]
fn nothing_is_kept_for_a_key_that_is_revoked_meanwhile() {
    let three = Three::new();
    let (_listener, address) = three.bob.listen(&[]);
    let keep = ["send", "bob", "for bob alone", "--no-wait"];
    let revoked = three.meanwhile(&address.to_string(), &keep, |alice| {
        alice.run(&["peers", "revoke", "bob"]);
    });
    revoked.failed(4, "SC25");
    assert_eq!(three.waits(), NOTHING_WAITS);
}

/// It went to whoever had the name by then.
#[test]
fn what_is_still_being_written_to_a_name_goes_to_nobody_else_who_gets_it() {
    let three = Three::new();
    let (alice, bob, carol) = (&three.alice, &three.bob, &three.carol);
    let (listener, address) = carol.listen(&[]);
    let send = ["send", "bob", "-", "--address", &address.to_string()];
    let keep = ["send", "bob", "-", "--no-wait"];
    let write = |args: &[&str]| {
        let mut writes = alice.start(args);
        // More than a pipe holds: it is read.
        writes.say(&"x".repeat(1 << 17));
        alice.run(&["peers", "remove", "bob"]);
        alice.knows("bob", carol);
        writes.close();
        writes.end().failed(4, "SC46");
        assert_eq!(three.waits(), NOTHING_WAITS, "{args:?}");
        alice.run(&["peers", "remove", "bob"]);
        alice.knows("bob", bob);
    };
    write(&send);
    write(&keep);
    let (_beside, _) = alice.listen(&[]);
    write(&keep);
    let heard = listener.kill().transcript;
    assert!(!heard.contains("xxxxxxxx"), "{heard}");
}
