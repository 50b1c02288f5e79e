//! Ways that change between real programs: what is told while an address is new, and of a way that leads in one
//! direction only.

use serde_json::{Value, json};

use crate::home::Home;
use crate::namespace::Network;
use crate::program::Program;
use crate::programs::event;
use crate::screen::{Person, address_on};
use crate::wire::Wire;

/// Rounds of half a second: far more than anything here takes.
const ROUNDS: usize = 240;

/// The caller says something every half second that is no message, until `is_so`. Whoever it calls hears it, if
/// the way leads there, and may have to be heard for what is waited for.
fn while_heard(caller: &mut Program, wanted: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..ROUNDS {
        if is_so() {
            return;
        }
        ping(caller);
        event(caller, "answer");
    }
    panic!("{wanted} never came");
}

fn ping(caller: &mut Program) {
    let ping = json!({ "cmd": "ping", "peer": "bob", "wait_ms": 500 });
    caller.say(&ping.to_string());
}

/// How things stand with alice, as bob's program tells.
fn status(bob: &Home) -> Value {
    let record: Value = serde_json::from_str(&bob.run(&["status", "--json"]).rest).unwrap();
    record["peers"][0].clone()
}

#[test]
fn a_new_address_and_a_way_in_one_direction_are_told_with_their_reasons() {
    let (alice, bob) = Home::friends();
    let mut listener = Person::starts(&bob, &["listen", "127.0.0.1:0"]);
    listener.sees("listening on 127.0.0.1:");
    let mut wire = Wire::to(address_on(&mut listener));
    let mut caller = alice.connect("bob", wire.address(), &["--json"]);
    event(&mut caller, "secure");
    listener.sees("secure: alice");
    assert_eq!(status(&bob).get("reason"), None);
    wire.gives_nothing_back();
    wire.move_port();
    let reason = format!(
        "new address, reconnecting: packets come from 127.0.0.1:{} now",
        wire.port()
    );
    let shows = |listener: &mut Person, words: &str| listener.shows().contains(words);
    while_heard(&mut caller, &reason, || {
        shows(&mut listener, &format!("─── {reason} "))
    });
    // It returns to the proved address, and moves again with the next packet.
    while_heard(&mut caller, "the status", || {
        let status = status(&bob);
        status["moved"] == "theirs" && status["reason"] == json!(reason)
    });
    listener.says("can you hear me?");
    let (words, reply) = ("they may not hear us", "─── last reply 1");
    while_heard(&mut caller, words, || {
        let text = listener.shows();
        text.contains(reply) && text.contains(words)
    });
    // As long as alice is heard.
    while_heard(&mut caller, "the status", || {
        let told = status(&bob);
        let reason = told["reason"].as_str().unwrap_or_default();
        let is_told = reason.starts_with("last reply ") && reason.ends_with(words);
        let is_due = |unacked: f64| unacked > 10_000.0;
        is_told && told["state"] == "connected" && told["unacked_ms"].as_f64().is_some_and(is_due)
    });
}

/// A network in which a machine has two addresses, and its way to a third leaves from one of them.
fn of_two_addresses() -> Option<Network> {
    let addresses = "for n in 1 2 9; do ip addr add 192.0.2.$n/32 dev lo; done";
    let mut network = Network::new(addresses)?;
    assert!(leaves_from(&mut network, "192.0.2.1"));
    Some(network)
}

/// From now on packets to 192.0.2.9 have this source.
fn leaves_from(network: &mut Network, address: &str) -> bool {
    let route = "ip route replace local 192.0.2.9 dev lo table local src";
    network.does(&format!("{route} {address}"))
}

#[test]
fn whoever_gets_another_address_says_so_and_is_heard_from_there_at_once() {
    let Some(mut network) = of_two_addresses() else {
        return;
    };
    let friends = Home::friends();
    let (mut listener, mut caller, address) = network.call(&friends, "192.0.2.9:0", "192.0.2.9");
    event(&mut caller, "secure");
    let from = |event: &Value| event["address"].as_str().unwrap().to_owned();
    let before = from(&event(&mut listener, "secure"));
    assert!(before.starts_with("192.0.2.1:"), "{before}");
    // Nobody says anything from here on.
    let link = |program: &mut Program, states: &[&str]| loop {
        let link = event(program, "link");
        if states.contains(&link["state"].as_str().unwrap()) {
            break link;
        }
    };
    link(&mut caller, &["quality"]);
    assert!(leaves_from(&mut network, "192.0.2.2"));
    let told = link(&mut caller, &["moving"]);
    assert_eq!(
        (&told["moved"], told.get("address")),
        (&json!("ours"), None)
    );
    assert_eq!(
        told["message"],
        "new address, reconnecting: this machine has another one now"
    );
    let roamed = link(&mut listener, &["roamed"]);
    assert!(from(&roamed).starts_with("192.0.2.2:"), "{roamed}");
    let settled = link(&mut caller, &["settled"]);
    assert_eq!(
        settled["message"],
        json!(format!("bob answers at {address}"))
    );
}

/// A laptop that had come into another network was said to lose a third of what it sent there.
#[test]
fn what_was_lost_in_the_network_before_is_not_counted_in_the_next_one() {
    let Some(mut network) = of_two_addresses() else {
        return;
    };
    let friends = Home::friends();
    let (mut listener, mut caller, _) = network.call(&friends, "192.0.2.9:0", "192.0.2.9");
    event(&mut caller, "secure");
    let told = |caller: &mut Program, state: &str| while event(caller, "link")["state"] != state {};
    told(&mut caller, "quality");
    assert!(network.does("ip route replace unreachable 192.0.2.9 table local"));
    for number in 0..8 {
        let line = json!({ "cmd": "send", "peer": "bob", "text": number.to_string() });
        caller.say(&line.to_string());
        event(&mut caller, "answer");
    }
    told(&mut caller, "silent");
    assert!(leaves_from(&mut network, "192.0.2.2"));
    told(&mut caller, "moving");
    told(&mut caller, "settled");
    for number in 0..8 {
        assert_eq!(event(&mut listener, "message")["text"], number.to_string());
    }
    caller.say(&json!({ "cmd": "status" }).to_string());
    let status = event(&mut caller, "answer");
    assert_eq!(status["result"]["peers"][0]["loss"], 0.0, "{status}");
}

/// Its answers left from where it was called, which is gone.
#[test]
fn whoever_loses_the_address_that_was_called_is_heard_from_another_at_once() {
    let Some(mut network) = of_two_addresses() else {
        return;
    };
    let friends = Home::friends();
    let (mut listener, mut caller, _) = network.call(&friends, "0.0.0.0:0", "192.0.2.9");
    event(&mut caller, "secure");
    event(&mut listener, "secure");
    let gone = "ip addr del 192.0.2.9/32 dev lo && ip route del local 192.0.2.9 dev lo table local";
    assert!(network.does(gone));
    let line = json!({ "cmd": "send", "peer": "alice", "text": "I have moved" });
    listener.say(&line.to_string());
    assert_eq!(event(&mut caller, "message")["text"], "I have moved");
    loop {
        let link = event(&mut caller, "link");
        if link["state"] == "roamed" {
            let from = link["address"].as_str().unwrap();
            assert!(from.starts_with("192.0.2.1:"), "{from}");
            return;
        }
    }
}
