//! A history that is kept for the session: as long as the program runs, in its memory.

use std::fs;

use crate::filled::{Fate, Kept};
use crate::home::Home;
use crate::screen::Person;
use crate::terminal::{listen, quit, sees_prompt};

/// Alice and bob, who keeps what is said for the session.
fn friends() -> (Home, Home) {
    let (alice, bob) = Home::friends();
    fs::write(bob.path("config.toml"), "[history]\nkeep = \"session\"\n").unwrap();
    (alice, bob)
}

#[test]
fn in_lines_it_is_found_written_out_and_deleted_until_the_program_ends() {
    let (alice, bob) = friends();
    let (mut listener, address) = listen(&bob, &[]);
    let mut caller = alice.connect("bob", address, &[]);
    listener.said("secure: alice");
    sees_prompt(&mut listener, "alice");
    caller.say("the blue needle");
    listener.said("the blue needle");
    listener.say("the answer");
    listener.said("[1] delivered");
    listener.say("/search NEEDLE");
    listener.said(" alice: the blue needle");
    listener.said("found: 1");
    let file = bob.path("talk.txt");
    listener.say(&format!("/export {}", file.display()));
    listener.said("written, for you alone: ");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(" alice: the blue needle\n"), "{text:?}");
    assert!(text.ends_with(" me to alice: the answer\n"), "{text:?}");
    let beside = bob.run(&["history", "search", "needle"]);
    assert!(
        beside.rest.trim_end().ends_with("\tthe blue needle"),
        "{}",
        beside.rest
    );
    listener.say("/delete 2");
    listener.said("deleted: the blue needle; the other side keeps its own");
    listener.say("/search needle");
    listener.said("nothing of what is kept has that in it");
    let beside = bob.run(&["history", "show"]).rest;
    assert_eq!(beside.lines().count(), 1, "{beside}");
    assert_eq!(quit(listener).code, Some(0));
    let after = bob.run(&["history", "show"]);
    assert_eq!(after.rest, "");
    assert!(
        after.told.contains("the history of a run ends with it"),
        "{}",
        after.told
    );
    let (mut again, _) = listen(&bob, &[]);
    again.say("/search answer");
    again.said("nothing of what is kept has that in it");
    quit(again);
}

/// The screen has its own lines, too: nothing stands there twice.
#[test]
fn on_the_full_screen_it_is_found_once_and_what_an_earlier_setting_left_stands_before_it() {
    let (alice, bob) = friends();
    Kept::in_home(&bob.path("")).add(&alice.key(), 2, Fate::Read, b"of before");
    let (mut listener, address) = alice.listen(&[]);
    let mut talk = Person::starts(&bob, &["connect", "alice", &address.to_string()]);
    talk.sees("secure: alice");
    talk.sees("alice    of before");
    listener.say("the blue needle");
    talk.sees("alice    the blue needle");
    talk.says("the answer");
    talk.sees("✓✓ me       the answer");
    let file = bob.path("talk.txt");
    talk.says(&format!("/export {}", file.display()));
    talk.sees("(3 messages)");
    let text = fs::read_to_string(&file).unwrap();
    let texts: Vec<_> = text
        .lines()
        .map(|it| it.split(": ").nth(1).unwrap())
        .collect();
    assert_eq!(texts, ["of before", "the blue needle", "the answer"]);
    talk.says("/search needle");
    talk.sees("found: 1");
    talk.glances();
    talk.presses("\r");
    talk.sees("alice    the blue needle");
    let text = talk.vt.text();
    for once in ["of before", "blue needle", "the answer"] {
        assert_eq!(text.matches(once).count(), 1, "{text}");
    }
    let purged = bob.run(&["history", "purge", "--in", "alice", "--yes"]);
    assert!(
        purged.transcript.contains("3 messages deleted"),
        "{}",
        purged.transcript
    );
    talk.sees("3 messages deleted here");
    talk.sees_no("needle");
    talk.says("the last");
    talk.sees("✓✓ me       the last");
    talk.says("/quit");
    assert_eq!(talk.ends().0.code, Some(0));
    let mut again = Person::starts(&bob, &["connect", "alice", &address.to_string()]);
    again.sees("secure: alice");
    assert!(!again.vt.text().contains("the last"), "{}", again.vt.text());
}
