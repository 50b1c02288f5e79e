//! Secret keys that are pasted at a terminal, in lines.

use crate::home::Home;
use crate::terminal::{friends_in_lines, sees_prompt};

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const NOT_SENT: &str = "not sent: that holds a SECRET key";

fn body() -> String {
    "b3BlbnNzaC1rZXktdjEA".repeat(3)
}

/// Only that first line was left out, and the second `/send` sent the key.
#[test]
fn a_key_whose_first_line_is_not_taken_is_known_among_several_lines() {
    let (_homes, mut listener, mut person) = friends_in_lines();
    // A key, the mark of a paste, and what the terminal has cut: it takes 4,095 bytes of a line.
    let cut = "x".repeat(4_095 - BEGIN.len()) + BEGIN;
    for first in [
        format!("\u{1b}[D{BEGIN}"),
        format!("\u{1b}[200~{BEGIN}"),
        cut,
    ] {
        person.say("/lines");
        person.shown("bob, line 1> ");
        person.say(&first);
        person.said("(nothing of this message will be sent)");
        person.say_together(&[body(), body()]);
        person.shown("bob, line 4> ");
        person.say("/send");
        person.said(NOT_SENT);
        person.say("that was a key");
        assert!(listener.said("").ends_with("\tthat was a key"));
        sees_prompt(&mut person, "bob");
    }
    // Of one whose beginning was not copied the end shows what it is.
    let end = "-----END OPENSSH PRIVATE KEY-----";
    person.say_together(&["/lines", &body(), end].map(str::to_owned));
    person.said("(nothing of this message will be sent)");
    // A blank behind it is not seen, and means nothing.
    person.say("/send ");
    person.said(NOT_SENT);
    sees_prompt(&mut person, "bob");
    person.say("hello");
    assert!(listener.said("").ends_with("\thello"));
}

/// The lines behind it were sent, one after the other.
#[test]
fn a_key_whose_first_line_is_refused_for_something_else_is_known_to_its_end() {
    let (_homes, mut listener, mut person) = friends_in_lines();
    for (first, refused) in [
        (format!("@nobody {BEGIN}"), "no peer"),
        (format!("/nothing {BEGIN}"), "unknown command"),
    ] {
        person.say(&first);
        person.said(refused);
        person.say(&body());
        person.said(NOT_SENT);
        person.say("that was a key");
        assert!(listener.said("").ends_with("\tthat was a key"));
        sees_prompt(&mut person, "bob");
    }
}

#[test]
fn a_key_behind_what_is_no_text_is_known_to_its_end_in_a_pipe() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    caller.say_bytes(&[b"\xfc", BEGIN.as_bytes()].concat());
    caller.told("not sent: it is not text in UTF-8");
    caller.say(&body());
    caller.told(NOT_SENT);
    caller.say("that was a key");
    assert!(listener.said("").ends_with("\tthat was a key"));
}

/// Behind the quote its second line was taken for none of a key.
#[test]
fn a_key_is_known_to_its_end_in_an_answer() {
    let (_homes, mut listener, mut person) = friends_in_lines();
    person.say("well?");
    assert!(listener.said("").ends_with("\twell?"));
    sees_prompt(&mut person, "bob");
    person.say("/reply");
    person.shown("bob (answer)> ");
    for line in [BEGIN, &body(), &body()] {
        person.say(line);
        person.said(NOT_SENT);
    }
    person.say("that was a key");
    assert!(listener.said("").ends_with("> well?\\nthat was a key"));
}
