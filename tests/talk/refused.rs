//! What becomes of a screen when somebody wants nothing of us.

use std::net::SocketAddr;

use rustix::process::Signal;

use crate::home::Home;
use crate::program::Program;
use crate::screen::Person;

/// alice has connected to bob on a screen; he listens in lines.
fn talking() -> (Person, Program, SocketAddr, Home, Home) {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut person = Person::starts(&alice, &["connect", "bob", &address.to_string()]);
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
