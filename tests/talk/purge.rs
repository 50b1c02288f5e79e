//! What somebody at a terminal sees of the history, and is asked before it is deleted.

use crate::filled::{Fate, Kept};
use crate::home::Home;
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
