//! Somebody without a saved name is confirmed: that is noted with the name that it gets on the same connection.

use crate::home::Home;
use crate::program::Program;
use crate::screen::Person;
use crate::terminal::{listen, quit, sees_prompt, start};

const KEPT: &str = "no saved name: /save NAME keeps this, else it counts for this session only";
const VERIFIED: &str =
    "alice is [verified] from now on, by what you have compared on this connection";

/// Alice, who listens; bob, who has no name for her, and what he calls her by.
fn two() -> ([Home; 2], Program, Vec<String>) {
    let (alice, bob) = Home::friends();
    bob.run(&["peers", "remove", "alice"]);
    let (listener, address) = listen(&alice, &[]);
    let call = ["connect", "--peer-key", &alice.key(), &address.to_string()];
    let call = call.map(str::to_owned).to_vec();
    ([alice, bob], listener, call)
}

fn called(bob: &Home, call: &[String]) -> Program {
    let call: Vec<&str> = call.iter().map(String::as_str).collect();
    let mut caller = start(bob.command(&call));
    let name = format!("key:{}", &call[2][..8]);
    caller.said(&format!("secure: {name}"));
    sees_prompt(&mut caller, &name);
    caller
}

/// Bob says that the words are the same, and hears before that for how long it counts.
fn confirms(caller: &mut Program, listener: &mut Program) {
    caller.say("/verify");
    listener.said("bob wants to compare words with you");
    caller.said("Do NOT use this chat for it");
    caller.said(KEPT);
    caller.say("/match");
    caller.said(KEPT);
    listener.said("bob has confirmed; waiting for you");
}

/// The call was for nothing: the name that was given at once after it was not verified.
#[test]
fn a_name_takes_over_what_was_confirmed_on_the_same_connection() {
    let ([_alice, bob], mut listener, call) = two();
    let mut caller = called(&bob, &call);
    confirms(&mut caller, &mut listener);
    caller.say("/save alice");
    caller.said("saved as alice");
    caller.said(VERIFIED);
    assert!(bob.known_peers().contains(" verified="));
    // The other one has yet to confirm, and nothing is said twice.
    listener.say("/match");
    caller.said("alice has confirmed too");
    caller.say("/match");
    caller.said("no words are compared with alice yet");
    quit(listener);
}

/// Only `/save` did, and at the end it was said that there was no name.
#[test]
fn a_name_that_another_command_gives_takes_it_over_as_well() {
    let ([alice, bob], mut listener, call) = two();
    let mut caller = called(&bob, &call);
    confirms(&mut caller, &mut listener);
    bob.run(&["peers", "add", "alice", &alice.key()]);
    caller.said(VERIFIED);
    assert!(bob.known_peers().contains(" verified="));
    quit(listener);
}

#[test]
fn a_name_takes_nothing_over_from_another_connection() {
    let ([_alice, bob], mut listener, call) = two();
    let mut caller = called(&bob, &call);
    confirms(&mut caller, &mut listener);
    caller.say("/disconnect");
    listener.said("bob left");
    caller.say("/connect");
    caller.said("secure: key:");
    caller.say("/save alice");
    caller.said("saved as alice");
    caller.say("/whois");
    caller.said("[not verified]");
    assert!(!bob.known_peers().contains(" verified="));
    let told = quit(caller).transcript;
    assert!(told.contains("has not confirmed"), "{told}");
    assert!(!told.contains("your word counts"), "{told}");
    quit(listener);
}

#[test]
fn a_name_takes_nothing_over_once_the_words_differ() {
    let ([_alice, bob], mut listener, call) = two();
    let call: Vec<&str> = call.iter().map(String::as_str).collect();
    let mut person = Person::starts(&bob, &call);
    person.sees("secure: key:");
    person.says("/verify");
    listener.said("bob wants to compare words with you");
    person.sees("[M] they match; no saved name");
    person.presses("\u{1b}");
    person.sees("F1 help");
    person.says("/match");
    person.sees("has no saved name: /save NAME keeps this");
    listener.said("bob has confirmed; waiting for you");
    listener.say("/differ");
    person.sees("THE WORDS DIFFER");
    person.says("/save alice");
    person.sees("alice [NOT alice]");
    let known = bob.known_peers();
    assert!(known.contains(" differed=") && !known.contains(" verified="));
    quit(listener);
}
