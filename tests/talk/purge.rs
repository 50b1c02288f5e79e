//! What somebody at a terminal sees of the history, and is asked before it is deleted.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use securechat::store::IdentityLock;

use crate::filled::{self, Fate, Kept};
use crate::home::Home;
use crate::program::until;
use crate::screen::{Person, address_on};
use crate::terminal;

fn filled() -> (Home, Home) {
    let (alice, bob) = Home::friends();
    let mut kept = Kept::in_home(&alice.path(""));
    kept.add(&bob.key(), 2, Fate::Read, b"one\n00:00 carol: forged");
    kept.add(&bob.key(), 1, Fate::Waiting, b"two");
    kept.add(&bob.key(), 0, Fate::Unread, b"three");
    (alice, bob)
}

#[test]
fn a_person_gets_a_transcript() {
    let (alice, _bob) = filled();
    let mut shown = terminal::start(alice.command(&["history", "show"]));
    shown.said(" bob: one");
    assert_eq!(shown.said("").trim_end(), "      00:00 carol: forged");
    shown.said(" me to bob (waiting): two");
    shown.said(" bob (perhaps not read yet): three");
    assert_eq!(shown.end().code, Some(0));
}

#[test]
fn only_yes_deletes() {
    let (alice, _bob) = filled();
    let purge = || terminal::start(alice.command(&["history", "purge", "--in", "bob"]));
    for answer in ["no", "", "yess"] {
        let mut asked = purge();
        asked.shown("delete 1 message with bob? (yes, no) ");
        asked.say(answer);
        asked.said("nothing was deleted");
        assert_eq!(asked.end().code, Some(0));
    }
    let mut asked = purge();
    asked.shown("delete 1 message with bob? (yes, no) ");
    asked.say("yes");
    asked.said("1 message deleted");
    assert_eq!(asked.end().code, Some(0));
    let mut again = purge();
    again.said("there is nothing to delete");
    assert_eq!(again.end().code, Some(0));
}

/// Whoever had come to have the name by then lost the messages.
#[test]
fn who_is_meant_is_settled_before_the_question() {
    let (alice, bob) = Home::friends();
    Kept::in_home(&alice.path("")).add(&bob.key(), 1, Fate::Read, b"one");
    let (_runs, _) = alice.listen(&[]);
    let mut asked = terminal::start(alice.command(&["history", "purge", "--in", "bob"]));
    asked.shown("delete 1 message with bob? (yes, no) ");
    alice.run(&["peers", "rename", "bob", "rob"]);
    alice.knows("bob", &Home::new());
    asked.say("yes");
    asked.said("1 message deleted");
    assert_eq!(asked.end().code, Some(0));
}

/// What came and was read while the question stood went with the rest, though nobody had agreed to that.
#[test]
fn what_comes_while_somebody_thinks_stays() {
    for runs_before in [true, false] {
        let (alice, bob) = Home::friends();
        let keep = "[history]\nkeep = \"forever\"\n";
        fs::write(alice.path("config.toml"), keep).unwrap();
        Kept::in_home(&alice.path("")).add(&bob.key(), 1, Fate::Read, b"asked about");
        let before = runs_before.then(|| alice.listen(&[]));
        let mut asked = terminal::start(alice.command(&["history", "purge", "--in", "bob"]));
        asked.shown("delete 1 message with bob? (yes, no) ");
        let (mut runs, address) = before.unwrap_or_else(|| {
            drop(until("the identity", || lock(&alice)));
            alice.listen(&[])
        });
        let address = address.to_string();
        bob.run(&["send", "alice", "meanwhile", "--address", &address]);
        runs.said("\tmeanwhile");
        asked.say("yes");
        asked.said("1 message deleted");
        assert_eq!(asked.end().code, Some(0));
        let shown = alice.run(&["history", "show"]).transcript;
        assert!(shown.contains("\tmeanwhile"), "{shown}");
        assert!(!shown.contains("asked about"), "{shown}");
    }
}

/// It was on the screen no more, and in the history all the same.
#[test]
fn what_is_delivered_while_somebody_thinks_stays_on_the_screen() {
    let (alice, bob) = Home::friends();
    let keep = "[history]\nkeep = \"forever\"\n";
    fs::write(bob.path("config.toml"), keep).unwrap();
    Kept::in_home(&bob.path("")).add(&alice.key(), 1, Fate::Read, b"asked about");
    let mut person = Person::starts(&bob, &["listen", "127.0.0.1:0"]);
    let address = address_on(&mut person);
    person.sees("asked about");
    person.says("waits");
    person.sees("1 queued");
    let mut asked = terminal::start(bob.command(&["history", "purge", "--in", "alice"]));
    asked.shown("delete 1 message with alice? (yes, no) ");
    let mut caller = alice.connect("bob", address, &[]);
    caller.said("\tbob\twaits");
    let is_over = || {
        let shown = bob.run(&["history", "show"]).transcript;
        shown.contains("\tdelivered\twaits").then_some(())
    };
    until("the receipt", is_over);
    asked.say("yes");
    asked.said("1 message deleted");
    assert_eq!(asked.end().code, Some(0));
    person.sees_no("asked about");
    let shows = person.shows();
    assert!(shows.contains("waits"), "{shows}");
}

#[test]
fn without_a_program_too_what_comes_while_somebody_thinks_stays() {
    let (alice, bob) = filled();
    let mut asked = terminal::start(alice.command(&["history", "purge", "--all"]));
    asked.shown("delete 1 message? (yes, no) ");
    drop(until("the identity", || lock(&alice)));
    // With the name of one that was received, so that it is one of ours.
    Kept::in_home(&alice.path("")).add(&bob.key(), 1, Fate::Delivered, b"meanwhile");
    asked.say("yes");
    asked.said("1 message deleted");
    assert_eq!(asked.end().code, Some(0));
    let shown = alice.run(&["history", "show"]).transcript;
    assert!(
        shown.contains("\tmeanwhile") && !shown.contains("forged"),
        "{shown}"
    );
}

/// The lock of alice's identity, if nobody has it.
fn lock(alice: &Home) -> Option<IdentityLock> {
    let home = alice.path("");
    IdentityLock::acquire(&filled::paths(&home).lock(&filled::identity(&home))).ok()
}

/// Nobody could talk for as long as the question stood on some terminal.
#[test]
fn others_may_have_the_identity_while_somebody_thinks() {
    let (alice, _bob) = filled();
    let mut asked = terminal::start(alice.command(&["history", "purge", "--in", "bob"]));
    asked.shown("delete 1 message with bob? (yes, no) ");
    drop(until("the identity", || lock(&alice)));
    asked.say("yes");
    asked.said("1 message deleted");
    assert_eq!(asked.end().code, Some(0));
}

/// Nobody could talk for as long as a page of it stood on some terminal.
#[test]
fn others_may_have_the_identity_while_somebody_reads() {
    let (alice, bob) = Home::friends();
    let mut kept = Kept::in_home(&alice.path(""));
    // More than a pipe holds.
    let body = "x".repeat(10_000);
    for _ in 0..20 {
        kept.add(&bob.key(), 1, Fate::Read, body.as_bytes());
    }
    drop(kept);
    for command in ["show", "export"] {
        let mut prints = alice.command(&["history", command]);
        let mut reader = prints
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(reader.stdout.take().unwrap()).lines();
        assert!(lines.next().unwrap().unwrap().ends_with(&body));
        drop(until("the identity", || lock(&alice)));
        assert!(reader.try_wait().unwrap().is_none(), "it is not read yet");
        assert_eq!(lines.count(), 19);
        assert!(reader.wait().unwrap().success());
    }
}
