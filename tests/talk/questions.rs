//! Several unknown callers, of whom a person in lines is asked about one after the other.

use std::fs;

use serde_json::json;

use crate::control::Client;
use crate::home::Home;
use crate::program::Program;
use crate::terminal::{DECIDING, QUESTION, READING, answer, decide, listen, quit, sees_prompt};

const TOO_SOON: &str = "that was typed before the question; it was not sent";

/// A listener that has been asked about the first caller for long enough, and a second caller who waits.
struct Two {
    bob: Home,
    listener: Program,
    callers: [(Home, Program); 2],
}

impl Two {
    fn call() -> Self {
        let bob = Home::new();
        let (mut listener, address) = listen(&bob, &[]);
        let callers = [(); 2].map(|()| {
            let home = Home::new();
            let mut caller = home.call(&bob, address, &[]);
            caller.told("has to accept you first; waiting");
            (home, caller)
        });
        listener.shown(QUESTION);
        listener.is_read(READING);
        Self {
            bob,
            listener,
            callers,
        }
    }

    /// The second caller is shown as the first one was.
    fn shows_the_second(&mut self) {
        self.listener.said("an unknown key calls from 127.0.0.1:");
        let shown = self.listener.said("").replace(' ', "");
        let key = self.callers[1].0.key();
        assert_eq!(format!("{}=", shown.trim_end()), key);
    }

    /// Whether there is somebody to talk to by now settles what is typed for that.
    fn lets_the_second_in_as(mut self, name: &str, is_talking: bool) {
        let [_, (home, mut second)] = self.callers;
        // There is none as long as nobody is saved.
        let saved = fs::read_to_string(self.bob.path("known-peers")).unwrap_or_default();
        assert!(!saved.contains(&home.key()), "{saved}");
        if is_talking {
            decide(&mut self.listener, &format!("/add {name}"));
        } else {
            answer(&mut self.listener, &format!("yes {name}"));
        }
        second.told("secure: ");
        let line = format!("{name} {}", home.key());
        assert!(self.bob.known_peers().contains(&line));
        assert_eq!(quit(self.listener).code, Some(0));
    }
}

fn lines(lines: [&str; 2]) -> [String; 2] {
    lines.map(str::to_owned)
}

/// The second one was saved and let in without having been shown.
#[test]
fn a_command_lets_in_whoever_was_shown_and_then_shows_the_next() {
    let mut two = Two::call();
    let typed = lines(["/add alice", "/add carol"]);
    two.listener.say_together(&typed);
    two.listener.said("saved as alice");
    two.shows_the_second();
    two.listener.said(TOO_SOON);
    two.shows_the_second();
    two.callers[0].1.told("secure: ");
    two.lets_the_second_in_as("carol", true);
}

/// The second one was sent away without having been shown.
#[test]
fn a_command_sends_away_whoever_was_shown_and_then_shows_the_next() {
    let mut two = Two::call();
    let typed = lines(["/refuse", "/refuse"]);
    two.listener.say_together(&typed);
    two.shows_the_second();
    two.listener.said(TOO_SOON);
    two.shows_the_second();
    two.callers[0].1.told("does not want another");
    two.lets_the_second_in_as("carol", false);
}

#[test]
fn whoever_cannot_get_a_name_by_a_command_is_shown_again() {
    let mut two = Two::call();
    two.listener.say("/add Alice");
    two.listener.said("that name cannot be used");
    two.listener.said("an unknown key calls from 127.0.0.1:");
    answer(&mut two.listener, "/refuse");
    two.callers[0].1.told("does not want another");
    two.shows_the_second();
    two.lets_the_second_in_as("carol", false);
}

/// A program may let the caller in, or send it away, whom the person is being asked about.
#[test]
fn whoever_comes_after_a_caller_that_a_program_has_settled_is_shown() {
    for method in ["accept", "reject"] {
        let mut two = Two::call();
        let mut client = Client::of(&two.bob);
        let key = two.callers[0].0.key();
        client.ask(method, &json!({ "key": key }));
        if method == "reject" {
            let told = two
                .listener
                .said("another program has sent the unknown key key:");
            assert!(told.contains(&key[..8]) && told.contains(" away"), "{told}");
            two.callers[0].1.told("does not want another");
        } else {
            two.listener.said("saved as guest-");
            two.callers[0].1.told("secure: ");
        }
        two.shows_the_second();
        two.lets_the_second_in_as("carol", method == "accept");
    }
}

/// Somebody who calls while bob talks to alice, and has been shown for long enough.
fn called_while_talking() -> (Home, Program, [(Home, Program); 2]) {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = listen(&bob, &[]);
    let mut friend = alice.connect("bob", address, &[]);
    friend.told("secure: ");
    sees_prompt(&mut listener, "alice");
    let stranger = Home::new();
    let mut caller = stranger.call(&bob, address, &[]);
    caller.told("has to accept you first; waiting");
    listener.said("an unknown key calls from 127.0.0.1:");
    listener.said(DECIDING);
    sees_prompt(&mut listener, "alice");
    listener.is_read(READING);
    // Nobody's home goes while its program runs.
    (bob, listener, [(alice, friend), (stranger, caller)])
}

/// "yes please" let the caller in under the name "please", and nobody heard of anything else that was typed.
#[test]
fn what_is_typed_to_a_peer_decides_about_no_caller_and_reaches_the_peer() {
    let (bob, mut listener, talking) = called_while_talking();
    let [(_alice, mut friend), (stranger, mut caller)] = talking;
    let key = stranger.key();
    for line in ["yes please", "yes", "no", "see you at 5", &key] {
        // One key in 64 begins with `/`, of which two stand for one.
        let escape = if line.starts_with('/') { "/" } else { "" };
        listener.say(&format!("{escape}{line}"));
        let heard = friend.said("");
        assert!(heard.ends_with(&format!("\tbob\t{line}")), "{heard}");
    }
    listener.say("@alice and with a name");
    assert!(friend.said("").ends_with("\tbob\tand with a name"));
    // Enter alone has sent callers away.
    listener.say("");
    assert!(!bob.known_peers().contains(&key), "{}", bob.known_peers());
    listener.say("/add");
    listener.said("saved as guest-");
    caller.told("secure: ");
    assert!(bob.known_peers().contains(&key));
    assert_eq!(quit(listener).code, Some(0));
}

#[test]
fn a_caller_is_sent_away_by_a_command_while_somebody_is_talked_to() {
    let (bob, mut listener, talking) = called_while_talking();
    let [(_alice, mut friend), (stranger, mut caller)] = talking;
    listener.say("/refuse");
    caller.told("does not want another");
    listener.say("that was nobody");
    assert!(friend.said("").ends_with("\tthat was nobody"));
    assert!(!bob.known_peers().contains(&stranger.key()));
    assert_eq!(quit(listener).code, Some(0));
}

/// The question was put while nobody was there, and the first line to the friend who then came answered it.
#[test]
fn a_question_is_withdrawn_once_there_is_somebody_to_talk_to() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = listen(&bob, &[]);
    let stranger = Home::new();
    let mut caller = stranger.call(&bob, address, &[]);
    listener.shown(QUESTION);
    listener.is_read(READING);
    let mut friend = alice.connect("bob", address, &[]);
    friend.told("secure: ");
    listener.said("secure: alice");
    listener.said("an unknown key calls from 127.0.0.1:");
    listener.said(DECIDING);
    sees_prompt(&mut listener, "alice");
    listener.is_read(READING);
    listener.say("yes please");
    assert!(friend.said("").ends_with("\tyes please"));
    assert!(!bob.known_peers().contains(&stranger.key()));
    listener.say("/add carol");
    caller.told("secure: ");
    let line = format!("carol {}", stranger.key());
    assert!(bob.known_peers().contains(&line));
    assert_eq!(quit(listener).code, Some(0));
}
