//! What a screen shows of earlier runs.

use std::fs;

use crate::filled::{Fate, Kept};
use crate::home::Home;
use crate::screen::Person;

/// Two who know each other; alice keeps a history.
fn with_history() -> (Home, Home) {
    let (alice, bob) = Home::friends();
    let config = "[history]\nkeep = \"forever\"\n";
    fs::write(alice.path("config.toml"), config).unwrap();
    (alice, bob)
}

/// Whether these stand on the screen in this order, each once.
fn are_in_order(text: &str, wanted: &[&str]) -> bool {
    let places: Vec<_> = wanted.iter().map(|it| text.find(it)).collect();
    let are_once = wanted.iter().all(|it| text.matches(it).count() == 1);
    are_once && places.is_sorted()
}

/// With a history. It is not new, and rings no bell.
#[test]
fn what_was_said_in_an_earlier_run_is_there_again() {
    let (alice, bob) = with_history();
    let (mut listener, address) = bob.listen(&[]);
    let mut talk = Person::starts(&alice, &["connect", "bob", &address.to_string()]);
    talk.sees("secure: bob");
    talk.says("did the backup finish?");
    talk.sees("✓✓ me       did the backup finish?");
    listener.said("did the backup finish?");
    listener.say("yes, 41 GB");
    talk.sees("bob      yes, 41 GB");
    talk.says("/quit");
    assert_eq!(talk.ends().0.code, Some(0));
    let mut again = Person::starts(&alice, &["connect", "bob", &address.to_string()]);
    let wanted = [
        "✓✓ me       did the backup",
        "bob      yes, 41",
        "secure: bob",
    ];
    again.waits("all of them in order", |vt| {
        are_in_order(&vt.text(), &wanted)
    });
    let text = again.vt.text();
    assert!(
        !text.contains("(again)") && !text.contains("── new ──"),
        "{text}"
    );
    assert_eq!(again.vt.bells, 0, "{text}");
}

/// What was over stood first, then what nobody had read, then what waited, whenever it was said.
#[test]
fn read_unread_and_waiting_messages_stand_in_the_order_in_which_they_were_said() {
    let (alice, bob) = with_history();
    let (mut listener, address) = bob.listen(&[]);
    let mut talk = Person::starts(&alice, &["connect", "bob", &address.to_string()]);
    talk.sees("secure: bob");
    talk.looks_away();
    listener.say("first, which nobody reads");
    talk.sees("bob      first");
    talk.says("second, which arrives");
    talk.sees("✓✓ me       second");
    listener.close();
    assert_eq!(listener.end().code, Some(0));
    talk.sees("[ended]");
    talk.says("third, which waits");
    talk.sees("…  me       third");
    talk.program.kill();
    let mut again = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    let wanted = [
        "bob      (again) first",
        "me       second",
        "…  me       third",
    ];
    again.waits("all of them in order", |vt| {
        are_in_order(&vt.text(), &wanted)
    });
}

/// One of 320 KB had the screen begin without any.
#[test]
fn a_long_message_does_not_hide_those_before_it() {
    let (alice, bob) = with_history();
    let mut kept = Kept::in_home(&alice.path(""));
    kept.add(&bob.key(), 3, Fate::Read, b"a short one");
    let long = ["the long one ".repeat(25_000).as_bytes(), b"ends here"].concat();
    kept.add(&bob.key(), 2, Fate::Read, &long);
    drop(kept);
    let mut alice = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    alice.sees("the long one");
    alice.presses("\u{1b}[1;3H");
    alice.sees("bob      a short one");
}

/// What was said with everybody was read at the start, by however many they are.
#[test]
fn what_was_said_with_somebody_is_read_when_the_conversation_is_opened() {
    let (alice, bob) = with_history();
    let carol = Home::new();
    alice.knows("carol", &carol);
    let mut kept = Kept::in_home(&alice.path(""));
    kept.add(&bob.key(), 2, Fate::Read, b"of bob");
    kept.add(&carol.key(), 2, Fate::Read, b"of carol");
    drop(kept);
    let mut alice = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    alice.sees("bob      of bob");
    alice.presses("\u{1b}2");
    alice.sees("carol    of carol");
    alice.presses("\u{1b}1");
    alice.sees("bob      of bob");
    assert_eq!(alice.vt.text().matches("of bob").count(), 1);
}
