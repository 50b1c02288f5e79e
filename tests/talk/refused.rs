//! What becomes of a screen when somebody wants nothing of us.

use std::fs;
use std::net::SocketAddr;

use rustix::process::Signal;

use crate::home::{Home, Talk, free_port};
use crate::introduced::forge;
use crate::program::{Program, until};
use crate::screen::{Person, address_on};

/// alice has connected to bob on a screen; he listens in lines.
fn talking() -> (Person, Program, SocketAddr, Home, Home) {
    talking_with(&[])
}

fn talking_with(options: &[&str]) -> (Person, Program, SocketAddr, Home, Home) {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen_to_return(&[]);
    let address_text = address.to_string();
    let connect = [&["connect", "bob", &address_text], options].concat();
    let mut person = Person::starts(&alice, &connect);
    person.sees("secure: bob");
    listener.told("secure: alice");
    (person, listener, address, alice, bob)
}

/// bob is back where he was, and alice is not among his peers any more.
fn forgets(bob: &Home, address: SocketAddr) -> Program {
    bob.run(&["peers", "remove", "alice"]);
    bob.listen_at(&address.to_string(), &["--trust", "strict"])
        .0
}

#[test]
fn who_refuses_us_in_another_tab_ends_no_screen() {
    let (mut person, mut listener, _, alice, _bob) = talking();
    let carol = Home::new();
    let (_strict, address) = carol.listen(&["--trust", "strict"]);
    let address = address.to_string();
    alice.run(&["peers", "add", "carol", &carol.key(), "--address", &address]);
    person.sees("2 carol");
    person.says("/connect carol");
    person.sees("carol refused the connection");
    person.says("are you still there?");
    listener.said("are you still there?");
}

#[test]
fn who_has_talked_and_then_refuses_us_ends_no_screen() {
    let (mut person, mut listener, address, _alice, bob) = talking();
    person.says("hello");
    listener.said("hello");
    listener.signal(Signal::TERM);
    listener.end();
    person.sees("[ended]");
    let _strict = forgets(&bob, address);
    person.says("are you back?");
    person.sees("bob refused the connection");
    person.says("/whois");
    person.sees("your next message asks it to take you in again");
}

/// alice waits for bob on a screen, on which carol talks.
fn waits_beside_a_conversation(
    address: &str,
    options: &[&str],
) -> (Person, Program, [Home; 2], Home) {
    let ((alice, bob), carol) = (Home::friends(), Home::new());
    alice.knows("carol", &carol);
    carol.knows("alice", &alice);
    let own = free_port();
    let bind = ["connect", "bob", address, "--bind", &own.to_string()];
    let mut person = Person::starts(&alice, &[&bind, options].concat());
    person.sees("closed port reported at ");
    let mut caller = carol.connect("alice", own, &[]);
    caller.say("hello");
    person.presses("\u{1b}2");
    person.sees("carol    hello");
    (person, caller, [alice, carol], bob)
}

/// The conversation with carol was gone with the screen.
#[test]
fn who_is_removed_before_he_has_answered_ends_no_screen_on_which_others_talk() {
    let nobody = free_port().to_string();
    let (mut person, mut caller, [alice, _carol], _bob) =
        waits_beside_a_conversation(&nobody, &["--retry"]);
    alice.run(&["peers", "remove", "bob"]);
    person.sees("error: \"bob\" does not mean whom it meant when this command");
    person.says("are you still there?");
    assert!(caller.said("").ends_with("\talice\tare you still there?"));
    // Delivered: otherwise it would be asked whether to leave.
    person.sees("✓✓ me       are you still there?");
    person.says("/quit");
    assert_eq!(person.ends().0.code, Some(0));
}

#[test]
fn who_refuses_us_at_once_ends_no_screen_on_which_others_talk() {
    let address = free_port();
    let there = address.to_string();
    let (mut person, mut caller, _homes, bob) = waits_beside_a_conversation(&there, &["--retry"]);
    let _strict = forgets(&bob, address);
    person.sees("bob refused the connection");
    person.says("are you still there?");
    assert!(caller.said("").ends_with("\talice\tare you still there?"));
}

#[test]
fn who_does_not_answer_in_time_ends_no_screen_on_which_others_talk() {
    let nobody = free_port().to_string();
    let (mut person, mut caller, _homes, _bob) =
        waits_beside_a_conversation(&nobody, &["--timeout", "15s"]);
    person.sees("error: ");
    person.says("are you still there?");
    assert!(caller.said("").ends_with("\talice\tare you still there?"));
}

/// bob has a newer program by now, which he has shown; `--retry` would call him in an older version.
#[test]
fn who_has_talked_and_then_speaks_a_newer_version_ends_no_screen() {
    let own = free_port();
    let (mut person, mut listener, _, alice, bob) =
        talking_with(&["--retry", "--bind", &own.to_string()]);
    person.says("hello");
    listener.said("hello");
    let known = until("what he has shown", || {
        let known = alice.known_peers();
        known.contains(" version=1").then_some(known)
    });
    let newer = known.replace(" version=1", " version=2");
    fs::write(alice.path("known-peers"), newer).unwrap();
    // Somebody else's line tells when the file counts.
    alice.knows("carol", &Home::new());
    person.sees("2 carol");
    listener.signal(Signal::TERM);
    listener.end();
    person.sees("error: bob has used protocol version 2 before; this program");
    person.sees("─── bob has used protocol version 2, this program speaks 1; it has to call ─");
    person.says("until you call");
    let mut caller = bob.connect("alice", own, &[]);
    caller.said("until you call");
}

/// It stood in whatever conversation was open.
#[test]
fn that_somebody_shows_another_signing_key_stands_in_his_conversation() {
    let (alice, bob) = Home::friends();
    Talk::between(&alice, &bob).check();
    forge(&alice);
    let carol = Home::new();
    alice.knows("carol", &carol);
    carol.knows("alice", &alice);
    let mut person = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    let address = address_on(&mut person);
    let mut friend = carol.connect("alice", address, &[]);
    friend.say("hello");
    person.presses("\u{1b}2");
    person.sees("carol    hello");
    let put_out = bob.connect("alice", address, &[]).end();
    assert_eq!(put_out.code, Some(3), "{}", put_out.transcript);
    until("it to be told", || {
        let told = alice.run(&["status", "bob", "--json"]).rest;
        told.contains("bob was put out").then_some(())
    });
    person.presses("\u{1b}1");
    person.waits("it with bob", |vt| {
        let text = vt.text();
        text.contains("[KEY CHANGED]") && text.contains("error: bob shows another signing key")
    });
}

#[test]
fn who_refuses_us_after_a_silence_is_offline_and_not_tried() {
    let (mut person, listener, address, _alice, bob) = talking();
    listener.kill();
    let _strict = forgets(&bob, address);
    person.says("are you there?");
    person.sees("nothing heard from bob for 5 s; trying");
    person.sees("bob refused the connection");
    person.sees("bob [not verified] [offline - 1 queued]");
    person.sees("─── bob refused; your next message asks it to take you in again");
    person.says("/whois");
    person.sees("state       bob refused; your next message asks");
}

#[test]
fn who_has_to_accept_us_anew_after_a_silence_is_waited_for() {
    let (mut person, listener, address, _alice, bob) = talking();
    listener.kill();
    bob.run(&["peers", "remove", "alice"]);
    let mut asked = Person::starts(&bob, &["listen", &address.to_string()]);
    person.says("are you there?");
    person.sees("nothing heard from bob for 5 s; trying");
    asked.sees("an unknown key calls from 127.0.0.1:");
    person.sees("bob [not verified] [connecting");
    person.sees("─── bob has to accept you first; waiting");
    person.says("/whois");
    person.sees("state       bob has to accept you first; waiting");
}
