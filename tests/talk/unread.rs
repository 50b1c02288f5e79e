//! Somebody who writes more than a person at a screen looks at.

use serde_json::Value;

use crate::home::Home;
use crate::program::until;
use crate::screen::{Person, address_on};

/// What has its receipt though nobody has looked at it.
const ROOM: u64 = 1_000;
/// What comes beyond that before no more is read.
const UNTAKEN: u64 = 64;
const LINES: u64 = 1_200;

/// What somebody's program says of the one peer that it talks with.
fn counted(home: &Home, what: &str) -> u64 {
    let ended = home.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&ended.rest).unwrap();
    let of = status["peers"].as_array().unwrap().iter();
    of.filter_map(|peer| peer[what].as_u64()).sum()
}

#[test]
fn whoever_writes_more_than_anybody_looks_at_is_held_back_until_somebody_does() {
    let (alice, bob) = Home::friends();
    alice.knows("carol", &Home::new());
    let mut person = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    person.sees("listening on 127.0.0.1:");
    let address = address_on(&mut person);
    person.presses("\u{1b}2");
    person.sees("[2 carol]");
    let mut caller = bob.connect("alice", address, &[]);
    caller.told("secure: alice");
    let lines: Vec<String> = (0..LINES).map(|n| format!("line {n}")).collect();
    caller.say_together(&lines);
    let mut counts = |received, delivered| {
        until("so many messages", || {
            person.shows();
            let found = (counted(&alice, "received"), counted(&bob, "delivered"));
            (found == (received, delivered)).then_some(())
        });
    };
    counts(ROOM + UNTAKEN, ROOM);
    // What is said the other way is not held back, and its receipt comes after what bob had to say by then.
    alice.run(&["send", "bob", "slowly, please"]);
    caller.said("\talice\tslowly, please");
    counts(ROOM + UNTAKEN, ROOM);
    person.presses("\u{1b}1");
    person.sees(&format!("line {}", LINES - 1));
    until("all receipts", || {
        person.shows();
        (counted(&bob, "delivered") == LINES).then_some(())
    });
    drop(caller);
}
