//! Somebody who is taken out of known-peers, or gets another line there, while `send` or `ping` is after him.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use securechat::chat::{self, Update};
use serde_json::json;

use crate::home::{Home, free_port};
use crate::program::{Program, until, within};
use crate::programs::{ask, event, parse};
use crate::rude::Rude;
use crate::waiting::keep;

/// How soon a change of known-peers counts.
const SOON: Duration = Duration::from_secs(2);

const GIVEN_UP: &str = "\n  The message is given up; it will not be sent again.\n";

/// Other words for the same line of known-peers, the only one.
fn edit(home: &Home, change: impl FnOnce(&str) -> String) {
    let known = home.known_peers();
    let line = known.lines().next_back().unwrap();
    let changed = known.replace(line, &change(line));
    fs::write(home.path("known-peers"), changed).unwrap();
}

/// Waits until a program of somebody's has noted in known-peers what the other has shown, so that it writes there no more.
fn is_introduced(home: &Home) {
    until("the introduction", || {
        home.known_peers().contains(" version=").then_some(())
    });
}

/// How many messages of alice's wait to be sent to those who were in this list.
fn waiting(alice: &Home, known_peers: &str) -> u64 {
    fs::write(alice.path("known-peers"), known_peers).unwrap();
    let status = parse(alice.run(&["status", "--json"]).rest.trim_end());
    let peers = status["peers"].as_array().unwrap();
    peers
        .iter()
        .map(|peer| peer["waiting"].as_u64().unwrap())
        .sum()
}

/// Alice sends bob something who cannot be reached, with what waits from before.
fn sends(alice: &Home) -> Program {
    keep(alice, "from before");
    let nobody = free_port().to_string();
    let args = [
        "send",
        "bob",
        "hello",
        "--address",
        &nobody,
        "--wait",
        "20s",
    ];
    let mut sends = alice.start(&args);
    sends.close();
    sends.told("connecting to bob at ");
    sends
}

/// It went to whoever had the key by then, was said to be delivered, and what waited from before went first.
#[test]
fn what_is_being_sent_to_somebody_who_is_taken_out_goes_to_nobody_any_more() {
    let carol = Home::new().key();
    let new_key = ["peers", "replace", "bob", &carol, "--yes"];
    let changes: [(&[&str], &str); 3] = [
        (&["peers", "revoke", "bob"], "SC25"),
        (&["peers", "remove", "bob"], "SC46"),
        (&new_key, "SC25"),
    ];
    for (change, code) in changes {
        let (alice, _bob) = Home::friends();
        let known_peers = alice.known_peers();
        let sends = sends(&alice);
        alice.run(change);
        let ended = within(SOON, || sends.end());
        ended.failed(4, code);
        let told = &ended.told;
        assert!(told.contains(GIVEN_UP), "{change:?}: {told}");
        let before = "a message from before to bob failed: the contact was removed\n";
        assert!(told.contains(before), "{change:?}: {told}");
        assert!(!told.contains("kept"), "{change:?}: {told}");
        assert_eq!(waiting(&alice, &known_peers), 0, "{change:?}");
    }
}

/// It has come, and has no receipt.
#[test]
fn what_somebody_may_have_who_is_revoked_then_is_not_said_to_be_with_nobody() {
    let (rude, alice) = (Rude::new(), Home::new());
    let address = rude.address().to_string();
    alice.run(&["peers", "add", "rude", &rude.key(), "--address", &address]);
    rude.knows(&alice);
    let sends = alice.start(&["send", "rude", "hello", "--wait", "20s"]);
    rude.wait(|update| match update {
        Update::Chat(chat::Event::Message { .. }) => Some(()),
        Update::Session(_) | Update::Chat(_) => None,
    });
    alice.run(&["peers", "revoke", "rude"]);
    let ended = within(SOON, || sends.end());
    ended.failed(4, "SC25");
    let perhaps = "\n  It was sent, but no receipt came back: it may have arrived.";
    let words = perhaps.to_owned() + GIVEN_UP;
    assert!(ended.told.contains(&words), "{}", ended.told);
}

#[test]
fn a_name_that_gets_another_key_while_something_is_sent_to_it_is_said_to_have_moved() {
    let (alice, bob) = Home::friends();
    let carol = Home::new();
    let known_peers = alice.known_peers();
    let sends = sends(&alice);
    edit(&alice, |line| line.replace(&bob.key(), &carol.key()));
    let ended = within(SOON, || sends.end());
    ended.failed(4, "SC46");
    let now = alice.suggested("peers show bob");
    for words in [GIVEN_UP, &now] {
        assert!(ended.told.contains(words), "{words}: {}", ended.told);
    }
    assert!(!ended.told.contains("Nothing was sent"), "{}", ended.told);
    assert_eq!(waiting(&alice, &known_peers), 0);
}

#[test]
fn what_is_being_sent_to_somebody_who_is_set_aside_is_kept() {
    let (alice, _bob) = Home::friends();
    let known_peers = alice.known_peers();
    let sends = sends(&alice);
    edit(&alice, |line| format!("{line} differed=2026-11-21"));
    let ended = within(SOON, || sends.end());
    ended.failed(4, "SC33");
    assert!(!ended.told.contains(GIVEN_UP), "{}", ended.told);
    assert_eq!(waiting(&alice, &known_peers), 2);
}

#[test]
fn whoever_else_is_taken_out_while_something_is_sent_loses_what_waits() {
    let (alice, _bob) = Home::friends();
    alice.knows("carol", &Home::new());
    let known_peers = alice.known_peers();
    alice.run(&["send", "carol", "for carol", "--no-wait"]);
    let mut sends = sends(&alice);
    alice.run(&["peers", "remove", "carol"]);
    within(SOON, || sends.told(" failed: the contact was removed"));
    sends.signal(Signal::INT);
    sends.end();
    assert_eq!(waiting(&alice, &known_peers), 2, "those for bob");
}

#[test]
fn a_name_that_is_another_one_by_now_still_gets_what_is_being_sent_to_its_key() {
    let (alice, bob) = Home::friends();
    let address = free_port().to_string();
    let args = ["send", "bob", "hello", "--address", &address];
    let mut sends = alice.start(&args);
    sends.told("connecting to bob at ");
    alice.run(&["peers", "rename", "bob", "robert"]);
    let (mut listener, _) = bob.listen_at(&address, &[]);
    listener.said("\talice\thello");
    assert_eq!(sends.end().code, Some(0));
}

/// Before anybody had answered, it was said of the beginning of the key; of a session, nothing was.
#[test]
fn connect_says_of_who_is_taken_out_what_send_says() {
    let moved = "error: \"bob\" does not mean whom it meant when this command began  [SC46]\n";
    for (change, code) in [("revoke", "SC25"), ("remove", "SC46")] {
        for is_there in [true, false] {
            let (alice, bob) = Home::friends();
            let (_listener, address) = bob.listen(&[]);
            let address = if is_there { address } else { free_port() };
            let mut caller = alice.connect("bob", address, &["--retry"]);
            let told = if is_there {
                "secure: bob"
            } else {
                "connecting to bob"
            };
            caller.told(told);
            alice.run(&["peers", change, "bob"]);
            let ended = within(SOON, || caller.end());
            ended.failed(4, code);
            assert_eq!(ended.told.contains(moved), code == "SC46", "{}", ended.told);
        }
    }
}

/// It waited for ever.
#[test]
fn who_is_taken_out_after_a_disconnect_and_a_connect_ends_the_program() {
    let (alice, bob) = Home::friends();
    let (listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &["--json"]);
    event(&mut caller, "secure");
    ask(&mut caller, &json!({ "cmd": "disconnect", "peer": "bob" }));
    event(&mut caller, "answer");
    listener.kill();
    ask(&mut caller, &json!({ "cmd": "connect", "peer": "bob" }));
    event(&mut caller, "answer");
    alice.run(&["peers", "remove", "bob"]);
    within(SOON, || caller.end()).failed(4, "SC46");
}

#[test]
fn pings_of_somebody_who_is_taken_out_end_with_the_session() {
    let changes = [
        (true, "revoke", "SC25"),
        (false, "revoke", "SC25"),
        (true, "remove", "SC46"),
    ];
    for (by_name, change, code) in changes {
        let (alice, bob) = Home::friends();
        let (_listener, address) = bob.listen(&[]);
        let (key, address) = (bob.key(), address.to_string());
        let target = ["--peer-key", &key];
        let target = if by_name { &["bob"] } else { &target[..] };
        let mut pings = alice.start(&[&["ping"], target, &[&address]].concat());
        pings.said("seq=1 time=");
        alice.run(&["peers", change, "bob"]);
        let ended = within(SOON, || pings.end());
        ended.failed(4, code);
        let words = if change == "revoke" {
            "the key of bob is revoked; the session was ended\n"
        } else {
            "bob is no longer among your peers; the session was ended\n"
        };
        assert!(ended.told.contains(words), "{change}: {}", ended.told);
        assert!(ended.rest.contains("--- bob ---\n"), "{}", ended.rest);
    }
}

#[test]
fn pings_go_on_with_another_shared_secret() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut pings = alice.start(&["ping", "bob", &address.to_string()]);
    listener.told("secure: alice");
    pings.said("seq=1 time=");
    let secret = "A".repeat(42) + "E=";
    for home in [&alice, &bob] {
        is_introduced(home);
        edit(home, |line| format!("{line} psk={secret}"));
    }
    listener.told("secure: alice");
    pings.signal(Signal::INT);
    pings.end();
}

#[test]
fn a_list_that_is_damaged_while_pings_leave_warns_once_and_the_former_one_counts() {
    let (alice, bob) = Home::friends();
    let (_listener, address) = bob.listen(&[]);
    let mut pings = alice.start(&["ping", "bob", &address.to_string()]);
    pings.said("seq=1 time=");
    is_introduced(&alice);
    let good = alice.known_peers();
    fs::write(alice.path("known-peers"), good.clone() + "@revoked x\n").unwrap();
    let words = "known-peers changed, but cannot be used; the former list counts";
    within(SOON, || pings.told(words));
    assert!(pings.told("error: ").ends_with("  [SC22]"));
    for number in ["seq=2 time=", "seq=3 time="] {
        pings.said(number);
    }
    fs::write(alice.path("known-peers"), good).unwrap();
    alice.run(&["peers", "revoke", "bob"]);
    let ended = within(SOON, || pings.end());
    assert_eq!(ended.code, Some(4), "{}", ended.transcript);
    assert!(ended.told.contains("  [SC25]\n"), "{}", ended.told);
    assert!(!ended.told.contains(words), "again: {}", ended.told);
}
