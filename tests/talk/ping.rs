//! `ping`: answers, losses, and why there is no connection, each in words of its own.

use std::net::UdpSocket;

use crate::home::{Home, Talk, free_port};
use crate::program::Ended;

const FAST: [&str; 4] = ["--interval", "100ms", "--wait", "500ms"];

fn ping(home: &Home, args: &[&str]) -> Ended {
    home.attempt(&[&["ping"], args, &FAST].concat())
}

#[test]
fn every_ping_of_a_good_way_is_answered_and_summed_up() {
    let (alice, bob) = Home::friends();
    let (_listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let ended = ping(&alice, &["bob", &address, "-c", "3"]);
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    for number in 1..=3 {
        let line = format!("bob at {address}: seq={number} time=");
        assert!(ended.rest.contains(&line), "{}", ended.transcript);
    }
    assert!(
        ended
            .rest
            .contains("--- bob ---\n3 sent, 3 answered, 0 % lost\n")
    );
    assert!(ended.rest.contains("round trip min/avg/max: "));
    let key = bob.key();
    let by_key = ping(&alice, &["--peer-key", &key, &address, "-c", "1", "--json"]);
    assert_eq!(by_key.code, Some(0), "{}", by_key.transcript);
    let objects: Vec<serde_json::Value> = by_key
        .rest
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [one, sum] = &objects[..] else {
        panic!("{}", by_key.transcript)
    };
    assert_eq!((&one["type"], &one["seq"]), (&"ping".into(), &1.into()));
    assert!(one["rtt_us"].as_u64().unwrap() > 0);
    assert_eq!(
        (&sum["type"], &sum["answered"]),
        (&"ping-summary".into(), &1.into())
    );
    assert_eq!(sum["avg_us"], one["rtt_us"]);
}

#[test]
#[cfg(unix)]
fn whoever_dies_loses_pings_and_ctrl_c_sums_up() {
    let (alice, bob) = Home::friends();
    let (listener, address) = bob.listen(&[]);
    let args = ["ping", "bob", &address.to_string()];
    let mut ping = alice.start(&[&args[..], &FAST].concat());
    ping.said("seq=2 time=");
    listener.kill();
    let lost = ping.said("no answer after 0.5 s");
    ping.signal(rustix::process::Signal::INT);
    let ended = ping.end();
    assert_eq!(
        ended.code,
        Some(0),
        "something came back: {}",
        ended.transcript
    );
    assert!(ended.rest.contains("--- bob ---"), "{}", ended.transcript);
    assert!(!ended.rest.contains(" 0 % lost") && lost.contains("seq="));
}

#[test]
fn closed_port_silence_wrong_key_and_refusal_have_words_of_their_own() {
    let (alice, bob) = Home::friends();
    let closed = free_port().to_string();
    let ended = ping(&alice, &["bob", &closed, "--timeout", "1s"]);
    ended.failed(3, "SC07");
    assert!(ended.transcript.contains("nothing is listening at"));
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let hole = silent.local_addr().unwrap().to_string();
    let ended = ping(&alice, &["bob", &hole, "--timeout", "1s"]);
    ended.failed(3, "SC06");
    assert!(ended.transcript.contains("no answer from bob"));
    let (_listener, address) = bob.listen(&["--trust", "strict"]);
    let address = address.to_string();
    let other = Home::new();
    let wrong = other.key();
    let args = ["--peer-key", &wrong, &address, "--timeout", "1s"];
    let ended = ping(&alice, &args);
    ended.failed(3, "SC06");
    let words = "whoever is there does not hold";
    assert!(ended.transcript.contains(words), "{}", ended.transcript);
    let key = bob.key();
    let ended = ping(&other, &["--peer-key", &key, &address]);
    ended.failed(4, "SC10");
    assert!(ended.transcript.contains("refused the connection"));
}

#[test]
fn where_a_program_talks_already_it_sends_the_pings() {
    let (alice, bob) = Home::friends();
    let talk = Talk::between(&alice, &bob);
    let ended = ping(&alice, &["bob", "-c", "2"]);
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    for words in [
        "bob: seq=1 time=",
        "bob: seq=2 time=",
        "2 sent, 2 answered, 0 % lost",
    ] {
        assert!(ended.transcript.contains(words), "{}", ended.transcript);
    }
    bob.run(&["peers", "add", "carol", &Home::new().key()]);
    let nowhere = ping(&bob, &["carol", "-c", "1"]);
    nowhere.failed(2, "SC40");
    assert!(
        nowhere
            .transcript
            .contains("cannot ping: carol is not connected")
    );
    // Nobody at the other window has asked for them.
    let window = talk.alice.leave().transcript;
    assert!(!window.contains("ping:"), "{window}");
}

#[test]
fn a_ping_that_makes_no_sense_is_wrong_usage() {
    let alice = Home::new();
    for args in [&["ping"][..], &["ping", "bob", "-c", "0"]] {
        assert_eq!(alice.attempt(args).code, Some(2), "{args:?}");
    }
    alice.attempt(&["ping", "nobody"]).failed(4, "SC05");
}
