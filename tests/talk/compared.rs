//! What becomes of a comparison that is over, or that cannot be written down.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::home::{Home, free_port};
use crate::program::{Ended, Program, until};
use crate::programs::{event, listening};
use crate::screen::Person;
use crate::terminal::{listen, quit, sees_prompt, start};

/// Two at terminals, in lines: alice listens, and bob has called her.
fn two(alice: &Home, bob: &Home) -> (Program, Program) {
    let (mut listener, address) = listen(alice, &[]);
    let mut caller = start(bob.command(&["connect", "alice", &address.to_string()]));
    caller.said("secure: alice");
    listener.said("secure: bob");
    sees_prompt(&mut caller, "alice");
    sees_prompt(&mut listener, "bob");
    (listener, caller)
}

fn words(program: &mut Program) -> String {
    program.said("Do NOT use this chat for it");
    let words = program.said("").trim().to_owned();
    program.said("/later");
    words
}

/// Both have been asked for, shown and confirmed the same words: `caller` has asked.
fn agree(listener: &mut Program, caller: &mut Program) -> String {
    caller.say("/verify");
    caller.said("verify: asked alice");
    listener.said("bob wants to compare words with you");
    let both = (words(listener), words(caller));
    assert_eq!(both.0, both.1);
    caller.say("/match");
    caller.said("alice is [verified] from now on");
    listener.said("bob has confirmed; waiting for you");
    listener.say("/match");
    listener.said("bob is [verified] from now on");
    caller.said("alice has confirmed too");
    both.0
}

fn number(home: &Home, name: &str) -> String {
    let mut program = start(home.command(&["peers", "verify", name]));
    program.said("the safety number of you and ");
    let lines = [0; 3].map(|_| program.said("").trim().to_owned());
    program.shown("or Enter to stop:");
    program.say("");
    program.end();
    lines.join(" ")
}

/// Says by the safety number that the key is the right one.
fn decide(home: &Home, name: &str) {
    let number = number(home, name);
    home.run(&["peers", "verify", name, "--number", &number]);
}

/// The words of a comparison that both had finished stayed on the table, and nobody was asked.
#[test]
fn after_both_have_confirmed_verify_asks_anew() {
    let (alice, bob) = Home::friends();
    let (mut listener, mut caller) = two(&alice, &bob);
    let old = agree(&mut listener, &mut caller);
    // Of two questions within a minute by the same side the second gets no answer.
    listener.say("/verify");
    listener.said("verify: asked bob");
    caller.said("alice wants to compare words with you");
    let both = (words(&mut listener), words(&mut caller));
    assert_eq!(both.0, both.1);
    assert_ne!(both.0, old);
    listener.say("/match");
    listener.said("bob is [verified] from now on");
    quit(caller);
    quit(listener);
}

#[test]
fn who_notices_after_both_have_confirmed_that_the_words_differ_bars_on_both_sides() {
    let (alice, bob) = Home::friends();
    let (mut listener, mut caller) = two(&alice, &bob);
    agree(&mut listener, &mut caller);
    caller.say("/differ");
    caller.said("THE WORDS DIFFER");
    listener.said("bob says that the words differ");
    listener.said("THE WORDS DIFFER");
    assert_eq!(caller.end().code, Some(4));
    quit(listener);
    for home in [&alice, &bob] {
        let known = home.known_peers();
        assert!(known.contains(" differed=") && !known.contains(" verified="));
    }
}

#[test]
fn who_has_confirmed_hears_that_it_counts_though_the_other_one_puts_it_off() {
    let (alice, bob) = Home::friends();
    let (mut listener, mut caller) = two(&alice, &bob);
    caller.say("/verify");
    words(&mut listener);
    words(&mut caller);
    caller.say("/match");
    caller.said("alice is [verified] from now on");
    listener.said("bob has confirmed; waiting for you");
    listener.say("/later");
    caller.said("alice has not confirmed; your word counts");
    quit(caller);
    quit(listener);
}

/// Nothing of known-peers can be written while its lock cannot be taken, and everything read.
fn lock(home: &Home) {
    let lock = home.path(".known-peers.lock");
    let _ = fs::remove_file(&lock);
    fs::create_dir(&lock).unwrap();
}

#[test]
fn somebody_whose_words_differed_is_not_let_in_again_because_that_could_not_be_written() {
    let (alice, bob) = Home::friends();
    let carol = Home::new();
    let (mut listener, mut caller) = two(&alice, &bob);
    caller.say("/verify");
    words(&mut listener);
    words(&mut caller);
    lock(&alice);
    listener.say("/differ");
    listener.said("that is tried again");
    listener.said("THE WORDS DIFFER");
    caller.end();
    // Somebody else's line changes.
    let changed = alice.known_peers() + &format!("carol {}\n", carol.key());
    fs::write(alice.path("known-peers"), changed).unwrap();
    until("carol", || {
        listener.say("/whois carol");
        loop {
            let told = listener.said("carol");
            let is_known = told.contains("name        carol");
            if is_known || told.contains("no peer called") {
                return is_known.then_some(());
            }
        }
    });
    listener.say("/msg bob a secret");
    listener.said("the words that you compared with bob differed");
    assert!(!alice.known_peers().contains(" differed="));
    fs::remove_dir(alice.path(".known-peers.lock")).unwrap();
    until("a line that says so", || {
        listener.is_read(core::time::Duration::from_millis(20));
        alice.known_peers().contains(" differed=").then_some(())
    });
    quit(listener);
}

/// What the file says of a day ago and what it says now are not the same, and neither is later than the difference.
#[test]
fn what_differs_is_noted_although_the_file_was_told_otherwise_a_moment_before() {
    let (alice, bob) = Home::friends();
    let (mut listener, mut caller) = two(&alice, &bob);
    caller.say("/verify");
    words(&mut listener);
    words(&mut caller);
    lock(&alice);
    let known = alice.known_peers();
    let verified = |line: &str| match line.starts_with("bob ") {
        true => format!("{line} verified=2026-01-02\n"),
        false => format!("{line}\n"),
    };
    let told: String = known.lines().map(verified).collect();
    fs::write(alice.path("known-peers"), told).unwrap();
    listener.say("/differ");
    listener.said("that is tried again");
    caller.end();
    fs::remove_dir(alice.path(".known-peers.lock")).unwrap();
    until("a line that says so", || {
        listener.is_read(core::time::Duration::from_millis(20));
        alice.known_peers().contains(" differed=").then_some(())
    });
    quit(listener);
}

/// The decision leaves the file as it was, so that no look at it finds anything.
#[test]
fn a_decision_elsewhere_counts_though_the_file_says_what_it_said_before() {
    let (alice, bob) = Home::friends();
    let (mut listener, mut caller) = two(&alice, &bob);
    agree(&mut listener, &mut caller);
    // Nothing new can be written.
    let backup = alice.path("known-peers.bak");
    fs::remove_file(&backup).unwrap();
    fs::create_dir(&backup).unwrap();
    listener.say("/differ");
    listener.said("that is tried again");
    caller.end();
    listener.say("a secret");
    listener.said("the words that you compared with bob differed");
    decide(&alice, "bob");
    assert!(alice.known_peers().contains(" verified="));
    listener.say("for bob");
    listener.said(" me [");
    // Another comparison of the same day counts again, and is noted when it can be.
    listener.say("/differ");
    listener.said("that is tried again");
    fs::remove_dir(backup).unwrap();
    until("a line that says so", || {
        listener.is_read(core::time::Duration::from_millis(20));
        alice.known_peers().contains(" differed=").then_some(())
    });
    quit(listener);
}

#[test]
fn what_waits_for_somebody_whose_words_differed_is_kept_until_somebody_decides() {
    let (alice, bob) = Home::friends();
    let (mut listener, mut caller) = two(&alice, &bob);
    caller.say("/verify");
    words(&mut listener);
    words(&mut caller);
    // What alice writes when bob's program is gone waits.
    caller.kill();
    listener.say("for the real bob");
    listener.said("for the real bob");
    listener.say("/differ");
    listener.said("THE WORDS DIFFER");
    listener.said("1 message for bob not sent, and kept until then");
    listener.say("/quit");
    let left = listener.end().rest;
    assert!(
        left.contains("1 message for bob is kept until you decide"),
        "{left}"
    );
    assert!(!left.contains("will be sent"), "{left}");
    // In another run too.
    let status = alice.run(&["status"]).rest;
    assert!(status.contains("  state: the words differed ("), "{status}");
    assert!(status.contains(" peers verify bob)"), "{status}");
    assert!(status.contains("  waiting: 1 to be sent"), "{status}");
    let status = alice.run(&["status", "--json"]).rest;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["peers"][0]["state"], "the words differed");
    let (mut listener, address) = listen(&alice, &[]);
    listener.said("1 message from before waits for bob, until you decide");
    decide(&alice, "bob");
    decide(&bob, "alice");
    let mut caller = start(bob.command(&["connect", "alice", &address.to_string()]));
    caller.said("for the real bob");
    quit(caller);
    quit(listener);
}

#[test]
fn who_is_revoked_after_words_differed_is_named_as_revoked() {
    let (alice, _bob) = Home::friends();
    let known = alice.known_peers();
    let line = known.trim_end().to_owned() + " differed=2026-11-21\n";
    fs::write(alice.path("known-peers"), line).unwrap();
    let there = free_port().to_string();
    let attempts = ["connect", "ping"].map(|command| [command, "bob", &there]);
    for args in attempts {
        alice.attempt(&args).failed(4, "SC33");
    }
    alice.run(&["peers", "revoke", "bob"]);
    for args in attempts {
        alice.attempt(&args).failed(4, "SC25");
    }
}

fn ask(program: &mut Program, request: &Value) {
    program.say(&request.to_string());
}

/// The answer to a request, or the error that it got.
fn answered(program: &mut Program, request: &Value) -> Value {
    ask(program, request);
    loop {
        let line: Value = serde_json::from_str(&program.said("")).unwrap();
        if line["id"] == request["id"] && line["type"] != "message" {
            return line;
        }
    }
}

/// Two programs: alice's listens, and bob's has called.
fn programs(alice: &Home, bob: &Home) -> (Program, Program) {
    let mut listener = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    let address = listening(&mut listener).to_string();
    let mut caller = bob.start(&["connect", "alice", &address, "--json"]);
    event(&mut caller, "secure");
    event(&mut listener, "secure");
    (listener, caller)
}

/// Until a comparison has come to this step.
fn step(program: &mut Program, step: &str) -> Value {
    loop {
        let event = event(program, "verify");
        if event["step"] == step {
            return event;
        }
    }
}

#[test]
fn a_program_that_waits_for_a_delivery_hears_at_once_that_the_words_differ() {
    let (alice, bob) = Home::friends();
    let (mut listener, mut caller) = programs(&alice, &bob);
    ask(
        &mut listener,
        &json!({ "cmd": "verify", "id": 1, "peer": "bob" }),
    );
    step(&mut listener, "words");
    step(&mut caller, "words");
    caller.signal(Signal::STOP);
    caller.stops();
    let day = 86_400_000;
    let send = json!({ "cmd": "send", "id": 2, "peer": "bob", "text": "?", "wait_ms": day });
    ask(&mut listener, &send);
    event(&mut listener, "message");
    ask(
        &mut listener,
        &json!({ "cmd": "differ", "id": 3, "peer": "bob" }),
    );
    let error = event(&mut listener, "error");
    assert_eq!((&error["id"], &error["code"]), (&json!(2), &json!("SC33")));
    let status = answered(&mut listener, &json!({ "cmd": "status", "id": 4 }));
    let peer = &status["result"]["peers"][0];
    assert_eq!(peer["state"], "the words differed");
    assert_eq!(peer["waiting"], 1, "it is kept");
    caller.signal(Signal::CONT);
    step(&mut caller, "differ");
    drop::<[Ended; 2]>([caller.kill(), listener.kill()]);
}

#[test]
fn a_program_is_told_what_was_not_verified() {
    let (alice, bob) = Home::friends();
    let (mut listener, mut caller) = programs(&alice, &bob);
    let request = |cmd: &str, id: u64, peer: &str| json!({ "cmd": cmd, "id": id, "peer": peer });
    let failed = |answer: &Value, code: &str| {
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("error"), &json!(code)),
            "{answer}"
        );
    };
    failed(
        &answered(&mut listener, &request("match", 1, "bob")),
        "SC40",
    );
    ask(&mut listener, &request("verify", 3, "bob"));
    let words = step(&mut listener, "words")["words"].clone();
    ask(&mut listener, &request("verify", 4, "bob"));
    assert_eq!(
        step(&mut listener, "words")["words"],
        words,
        "the same once more"
    );
    // What cannot be written down is no verification, and can be said again.
    lock(&alice);
    let answer = answered(&mut listener, &request("match", 5, "bob"));
    assert_eq!(answer["type"], "error", "{answer}");
    fs::remove_dir(alice.path(".known-peers.lock")).unwrap();
    assert!(!alice.known_peers().contains(" verified="));
    let answer = answered(&mut listener, &request("match", 6, "bob"));
    assert_eq!(answer["result"], json!({ "verified": true }), "{answer}");
    assert!(alice.known_peers().contains(" verified="));
    step(&mut caller, "they_match");
    let answer = answered(&mut caller, &request("match", 7, "alice"));
    assert_eq!(answer["result"], json!({ "verified": true }));
    step(&mut listener, "they_match");
    // It is over on both sides, and there is nothing left to confirm.
    failed(
        &answered(&mut listener, &request("match", 8, "bob")),
        "SC40",
    );
    failed(
        &answered(&mut caller, &request("match", 9, "alice")),
        "SC40",
    );
    drop::<[Ended; 2]>([caller.kill(), listener.kill()]);
}

/// Whoever decided had not heard of it yet.
#[test]
fn what_is_found_to_differ_after_a_decision_elsewhere_counts_though_it_cannot_be_written() {
    let (alice, bob) = Home::friends();
    let (mut listener, caller) = programs(&alice, &bob);
    let request = |cmd: &str, id: u64| json!({ "cmd": cmd, "id": id, "peer": "bob" });
    ask(&mut listener, &request("verify", 1));
    step(&mut listener, "words");
    let answer = answered(&mut listener, &request("match", 2));
    assert_eq!(answer["result"], json!({ "verified": true }), "{answer}");
    lock(&alice);
    answered(&mut listener, &request("differ", 3));
    let mut is_kept_out = |id: u64, decision: Value| {
        let answer = answered(&mut listener, &decision);
        assert_eq!(answer["type"], "answer", "{answer}");
        let send = json!({ "cmd": "send", "id": id, "peer": "bob", "text": "a secret" });
        answered(&mut listener, &send)["code"] == "SC33"
    };
    let decided =
        |id: u64, ms: u64| json!({ "cmd": "reload", "id": id, "decided": "bob", "decided_ms": ms });
    assert!(is_kept_out(5, decided(4, 1)));
    assert!(!is_kept_out(7, decided(6, u64::MAX)), "that one is later");
    drop::<[Ended; 2]>([caller.kill(), listener.kill()]);
}

/// Whoever was unsaved came back by a name: what the run remembered of it went with the first line about it.
#[test]
fn a_name_lets_nobody_in_whose_words_differed() {
    for by_another_program in [false, true] {
        let (alice, bob) = Home::friends();
        bob.run(&["peers", "remove", "alice"]);
        let (listener, address) = listen(&alice, &[]);
        let (key, address) = (alice.key(), address.to_string());
        let mut person = Person::starts(&bob, &["connect", "--peer-key", &key, &address]);
        person.sees("secure: key:");
        person.says("/differ");
        person.sees("THE KEYS DIFFER");
        person.sees("save it under a name (/save NAME) and");
        if by_another_program {
            bob.run(&["peers", "add", "alice", &key]);
        } else {
            person.says("/save alice");
        }
        person.sees("alice [NOT alice]");
        person.says("a secret");
        person.sees("the words that you compared with alice differed");
        assert!(bob.known_peers().contains(" differed="));
        decide(&bob, "alice");
        person.sees("alice [verified]");
        quit(listener);
    }
}
