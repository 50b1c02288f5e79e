//! What the full screen does with messages that are kept.

use rustix::process::Signal;

use crate::filled::{Fate, Kept};
use crate::home::Home;
use crate::program::Program;
use crate::screen::{Person, two};

/// Of a long history the newest messages are loaded; an older one is found, and shown with what was said then.
#[test]
fn a_message_of_long_ago_is_found_and_shown_among_its_neighbours() {
    let (alice, bob) = Home::friends();
    let config = "[history]\nkeep = \"forever\"\n";
    std::fs::write(alice.path("config.toml"), config).unwrap();
    let mut kept = Kept::in_home(&alice.path(""));
    for number in 0..300 {
        let text = format!("message {number}.");
        kept.add(&bob.key(), 0, Fate::Read, text.as_bytes());
    }
    drop(kept);
    let mut person = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    person.sees("message 299.");
    person.says("/search message 20.");
    person.sees("found: 1");
    person.glances();
    person.presses("\r");
    person.sees("around it");
    person.sees(" bob: message 20.");
    person.sees(" bob: message 21.");
    person.presses("\u{1b}");
    person.sees("found: 1");
    person.presses("\u{1b}");
    person.sees_no("found: 1");
    person.says("/search message 150.");
    person.sees("found: 1");
    person.glances();
    person.presses("\r");
    person.sees("bob      message 150.");
    person.sees_no("message 299.");
}

/// Alice, who keeps a history, and bob; her screen, and his program.
fn with_a_history() -> ([Home; 2], Person, Program) {
    let (alice, bob) = Home::friends();
    let config = "[history]\nkeep = \"forever\"\n";
    std::fs::write(alice.path("config.toml"), config).unwrap();
    let (listener, address) = bob.listen(&[]);
    let mut talk = Person::starts(&alice, &["connect", "bob", &address.to_string()]);
    talk.sees("secure: bob");
    ([alice, bob], talk, listener)
}

#[test]
fn what_is_deleted_on_the_screen_is_gone_from_the_disk() {
    let ([alice, _bob], mut talk, mut listener) = with_a_history();
    talk.says("harmless");
    talk.sees("✓✓ me       harmless");
    listener.say("a secret of bob's");
    talk.sees("bob      a secret of bob's");
    // The newest is selected, and deleted.
    talk.presses("\u{1b}[1;3A");
    talk.presses("d");
    talk.sees("delete here for good? y yes, Esc no");
    talk.glances();
    talk.presses("y");
    talk.sees("deleted here; the other side keeps its own");
    talk.sees_no("a secret of bob's");
    talk.says("/quit");
    assert_eq!(talk.ends().0.code, Some(0));
    let kept = alice.run(&["history", "show"]).rest;
    assert!(
        kept.contains("harmless") && !kept.contains("secret"),
        "{kept}"
    );
}

#[test]
fn what_another_command_purges_leaves_the_screen() {
    let ([alice, _bob], mut talk, mut listener) = with_a_history();
    talk.says("from here");
    talk.sees("✓✓ me       from here");
    listener.say("from there");
    talk.sees("bob      from there");
    let purged = alice.run(&["history", "purge", "--in", "bob", "--yes"]);
    assert!(
        purged.transcript.contains("2 messages deleted"),
        "{}",
        purged.transcript
    );
    talk.sees("2 messages deleted here; the other side keeps its own");
    talk.sees_no("from here");
    talk.sees_no("from there");
}

/// The question went, and the screen stayed until the next key.
#[test]
fn a_screen_that_was_asked_to_leave_does_so_once_everything_is_delivered() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    bob.program.signal(Signal::STOP);
    bob.program.stops();
    alice.says("goodbye");
    alice.sees("me       goodbye");
    alice.says("/quit");
    alice.sees("1 message is kept for next time. Leave?");
    bob.program.signal(Signal::CONT);
    assert_eq!(alice.ends().0.code, Some(0));
    bob.sees("alice    goodbye");
    bob.sees("[ended]");
}
