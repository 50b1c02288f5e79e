//! What other programs say through one that has a screen.

use serde_json::json;

use crate::home::{Home, listening};
use crate::program::{Program, until};
use crate::screen::Person;

/// Messages that wait for one person at most.
const OUTBOX: u64 = 1_000;

#[test]
fn what_a_program_says_stands_below_what_was_said_before_it() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut person = Person::starts(&alice, &["connect", "bob", &address.to_string()]);
    person.sees("secure: bob");
    person.says("good morning");
    listener.said("good morning");
    alice.run(&["send", "bob", "backup done"]);
    person.sees("✓✓ me       backup done");
    let text = person.vt.text();
    assert!(
        text.find("good morning") < text.find("backup done"),
        "{text}"
    );
}

#[test]
fn what_a_program_says_to_somebody_new_stands_in_a_tab_of_theirs() {
    let (alice, _bob) = Home::friends();
    let carol = Home::new();
    let mut person = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    person.sees("listening on");
    alice.knows("carol", &carol);
    alice.run(&["send", "carol", "welcome", "--no-wait"]);
    person.sees("2 carol");
    person.presses("\u{1b}2");
    person.sees("…  me       welcome");
}

/// That one waits for room in bob's outbox, and says nothing of carol's.
#[test]
fn what_a_program_says_meanwhile_is_not_taken_for_a_message_that_waits_for_room() {
    let (alice, bob) = Home::friends();
    let carol = Home::new();
    alice.knows("carol", &carol);
    fill(&alice);
    // Nothing of it is receipted before it is printed.
    let (mut listener, mut printed) =
        Program::with_stuck_reader(bob.command(&["listen", "127.0.0.1:0"]));
    let address = listening(&mut listener).to_string();
    let mut person = Person::starts(&alice, &["connect", "bob", &address]);
    person.sees("secure: bob");
    person.says("mine");
    person.sees("…  me       mine");
    alice.run(&["send", "carol", "a program's", "--no-wait"]);
    // Nor does what is said to her wait behind it.
    person.presses("\u{1b}2");
    person.sees("…  me       a program's");
    person.says("a person's");
    until("both", || {
        let told = alice.run(&["status", "carol", "--json"]).rest;
        told.contains("\"waiting\":2").then_some(())
    });
    person.presses("\u{1b}1");
    let read = std::thread::spawn(move || std::io::copy(&mut printed, &mut std::io::sink()));
    person.sees("✓✓ me       mine");
    drop(listener);
    read.join().unwrap().unwrap();
}

/// As many messages wait for bob as can.
pub(crate) fn fill(alice: &Home) {
    let mut program = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    for id in 1..=OUTBOX {
        let request = json!({ "cmd": "send", "id": id, "peer": "bob", "text": "for later" });
        program.say(&request.to_string());
    }
    program.said(&format!("\"id\":{OUTBOX},"));
    program.kill();
}
