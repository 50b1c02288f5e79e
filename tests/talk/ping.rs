//! `ping`: answers, losses, and why there is no connection, each in words of its own.

use std::net::UdpSocket;
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use rustix::process::Signal;
use serde_json::Value;
#[cfg(unix)]
use serde_json::json;

use crate::home::{Home, free_port};
#[cfg(unix)]
use crate::home::{Talk, listening};
use crate::program::Ended;
use crate::program::Program;
#[cfg(unix)]
use crate::program::within;
use crate::programs::parse;
#[cfg(unix)]
use crate::programs::{self, event};

#[cfg(unix)]
const FAST: [&str; 4] = ["--interval", "100ms", "--wait", "500ms"];

/// Pings that are all answered, however late.
fn ping(home: &Home, args: &[&str]) -> Ended {
    let patient = ["--interval", "100ms", "--wait", "60s"];
    home.attempt(&[&["ping"], args, &patient].concat())
}

/// What was printed, each line of which must be as the schema says.
fn json_lines(ended: &Ended) -> Vec<Value> {
    ended.rest.lines().map(parse).collect()
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
    let objects = json_lines(&by_key);
    let [one, sum] = &objects[..] else {
        panic!("{}", by_key.transcript)
    };
    assert_eq!((&one["type"], &one["seq"]), (&"ping".into(), &1.into()));
    assert!(one["rtt_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(
        (&sum["type"], &sum["answered"]),
        (&"ping_summary".into(), &1.into())
    );
    assert_eq!(sum["avg_ms"], one["rtt_ms"]);
}

#[test]
fn pings_that_nobody_reads_end_with_a_goodbye() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let ping = alice.command(&["ping", "bob", &address.to_string()]);
    let ended = Program::without_reader(ping).end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert!(!ended.told.contains("error"), "{}", ended.told);
    listener.told("alice left");
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
    ping.signal(Signal::INT);
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
    let ended = ping(&alice, &["bob", &closed, "--timeout", "3s"]);
    ended.failed(3, "SC07");
    assert!(ended.transcript.contains("nothing seems to listen at"));
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
    let words = "it does not hold";
    assert!(ended.transcript.contains(words), "{}", ended.transcript);
    let key = bob.key();
    let ended = ping(&other, &["--peer-key", &key, &address]);
    ended.failed(4, "SC10");
    assert!(ended.transcript.contains("refused the connection"));
}

#[cfg(unix)]
#[test]
fn where_a_program_talks_already_it_sends_the_pings() {
    let (alice, bob) = Home::friends();
    let talk = Talk::between(&alice, &bob);
    let ended = ping(&alice, &["bob", "-c", "2"]);
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    for words in [
        &format!("bob at {}: seq=1 time=", talk.address),
        &format!("bob at {}: seq=2 time=", talk.address),
        "--- bob ---\n2 sent, 2 answered, 0 % lost\n",
    ] {
        assert!(ended.rest.contains(words), "{}", ended.transcript);
    }
    let pid = format!("(pid {}) sends the pings", talk.alice.pid());
    assert!(ended.told.contains(&pid), "{}", ended.told);
    // Nobody at the other window has asked for them.
    let window = talk.alice.leave().transcript;
    assert!(!window.contains("ping:"), "{window}");
}

#[cfg(unix)]
#[test]
fn as_json_it_says_the_same_with_and_without_a_program() {
    let (alice, bob) = Home::friends();
    let talk = Talk::between(&alice, &bob);
    let ended = ping(&alice, &["bob", "-c", "2", "--json"]);
    let records = json_lines(&ended);
    let kinds: Vec<&Value> = records.iter().map(|it| &it["type"]).collect();
    assert_eq!(kinds, ["ping", "ping", "ping_summary"]);
    assert_eq!(records[0]["address"], json!(talk.address.to_string()));
    assert_eq!(records[1]["seq"], json!(2));
    assert_eq!(records[2]["answered"], json!(2));
    let _ = talk.alice.leave();
    let alone = ping(
        &alice,
        &["bob", &talk.address.to_string(), "-c", "2", "--json"],
    );
    let fields = |records: &[Value]| -> Vec<Vec<String>> {
        let names = |it: &Value| it.as_object().unwrap().keys().cloned().collect();
        records.iter().map(names).collect()
    };
    assert_eq!(fields(&json_lines(&alone)), fields(&records));
}

#[cfg(unix)]
#[test]
fn through_a_program_whoever_is_not_connected_is_told_with_the_reason() {
    let (alice, bob) = Home::friends();
    let (_listener, _) = alice.listen(&[]);
    let nowhere = ping(&alice, &["bob", "-c", "1"]);
    nowhere.failed(3, "SC43");
    let words =
        "not connected to bob: bob is not connected; no address is known, so it has to call";
    assert!(nowhere.told.contains(words), "{}", nowhere.told);
    // One that can be called is called, for as long as is said.
    let closed = free_port().to_string();
    let args = ["bob", &closed, "-c", "1", "--timeout", "3s", "--json"];
    let failed = within(Duration::from_secs(3), || ping(&alice, &args));
    failed.failed(3, "SC43");
    assert!(failed.told.contains("trying again in "), "{}", failed.told);
    let records = json_lines(&failed);
    assert_eq!(records[0]["code"], "SC43");
    let (_bob, address) = bob.listen(&[]);
    let reached = ping(&alice, &["bob", &address.to_string(), "-c", "1"]);
    assert_eq!(reached.code, Some(0), "{}", reached.transcript);
    let line = format!("bob at {address}: seq=1 time=");
    assert!(reached.rest.contains(&line), "{}", reached.transcript);
    alice
        .attempt(&["ping", "--peer-key", &Home::new().key(), &closed])
        .failed(4, "SC05");
}

#[cfg(unix)]
#[test]
fn who_has_called_is_called_back_where_it_was() {
    let (alice, bob) = Home::friends();
    let mut chat = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    let address = programs::listening(&mut chat).to_string();
    let mut daemon = bob.start(&["daemon", "127.0.0.1:0"]);
    let bobs = listening(&mut daemon);
    bob.run(&["send", "alice", "hello", "--address", &address]);
    let mut hangs_up = |chat: &mut Program| {
        chat.say(&json!({ "cmd": "disconnect", "peer": "bob" }).to_string());
        daemon.told("alice left");
    };
    hangs_up(&mut chat);
    chat.say(&json!({ "cmd": "connect", "id": 1, "peer": "bob" }).to_string());
    let calls = event(&mut chat, "connecting");
    assert_eq!(calls["address"], json!(bobs));
    let secure = event(&mut chat, "secure");
    assert_eq!(secure["initiator"], json!(true));
    hangs_up(&mut chat);
    let answered = ping(&alice, &["bob", "-c", "1"]);
    assert_eq!(answered.code, Some(0), "{}", answered.transcript);
}

#[cfg(unix)]
#[test]
fn a_refusal_is_one_through_a_program_too() {
    let (alice, bob) = (Home::new(), Home::new());
    alice.knows("bob", &bob);
    let (_listener, _) = alice.listen(&[]);
    let (_bob, address) = bob.listen(&["--trust", "strict"]);
    ping(&alice, &["bob", &address.to_string(), "-c", "1"]).failed(4, "SC10");
}

#[cfg(unix)]
#[test]
fn a_program_that_is_connected_elsewhere_is_not_asked_for_what_it_cannot_do() {
    let (alice, bob) = Home::friends();
    let talk = Talk::between(&alice, &bob);
    let there = talk.address.to_string();
    let elsewhere = free_port().to_string();
    for args in [&["bob", "-6"][..], &["bob", &elsewhere]] {
        let ended = ping(&alice, &[args, &["-c", "1"]].concat());
        ended.failed(2, "SC29");
        let words = format!("is connected to bob at {there}, and pings go there; leave ");
        assert!(ended.told.contains(&words), "{}", ended.told);
        assert_eq!(ended.rest, "", "nothing was sent");
    }
    let here = ping(&alice, &["bob", &there, "-4", "-c", "1"]);
    assert_eq!(here.code, Some(0), "{}", here.transcript);
}

#[cfg(unix)]
#[test]
fn through_a_program_ctrl_c_ends_at_once_and_sums_up() {
    let (alice, bob) = Home::friends();
    let talk = Talk::between(&alice, &bob);
    // What is asked for next would come after an hour.
    let mut ping = alice.start(&["ping", "bob", "--interval", "60m"]);
    ping.said("seq=1 time=");
    let ended = within(Duration::ZERO, || {
        ping.signal(Signal::INT);
        ping.end()
    });
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert!(ended.rest.contains("1 sent, 1 answered"), "{}", ended.rest);
    // Before anything was sent there is nothing to sum up.
    let (carol, _carols) = (Home::new(), talk);
    alice.knows("carol", &carol);
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let hole = silent.local_addr().unwrap().to_string();
    let mut ping = alice.start(&["ping", "carol", &hole, "--timeout", "60m"]);
    ping.told("sends the pings");
    silent.recv(&mut [0; 2_048]).unwrap();
    let ended = within(Duration::ZERO, || {
        ping.signal(Signal::INT);
        ping.end()
    });
    assert_eq!((ended.code, ended.rest.as_str()), (Some(130), ""));
}

#[cfg(unix)]
#[test]
fn through_a_program_losses_are_told_after_the_wait_and_late_answers_as_such() {
    let (alice, bob) = Home::friends();
    let (listener, address) = bob.listen(&[]);
    let mut chat = alice.connect("bob", address, &[]);
    chat.told("secure: bob");
    let mut ping = alice.start(&[&["ping", "bob"], &FAST[..]].concat());
    ping.said("seq=1 time=");
    listener.signal(Signal::STOP);
    let lost = ping.said("no answer after 0.5 s");
    let number = lost.split("seq=").nth(1).unwrap();
    let number = number.split(' ').next().unwrap().to_owned();
    listener.signal(Signal::CONT);
    ping.said(&format!("seq={number} time="));
    ping.signal(Signal::INT);
    let ended = ping.end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert!(ended.transcript.contains("(late)"), "{}", ended.transcript);
}

#[cfg(unix)]
#[test]
fn where_nothing_comes_back_through_a_program_the_code_says_so() {
    let (alice, bob) = Home::friends();
    let (listener, address) = bob.listen(&[]);
    let mut chat = alice.connect("bob", address, &[]);
    chat.told("secure: bob");
    listener.signal(Signal::STOP);
    let ended = alice.attempt(&[&["ping", "bob", "-c", "2", "--json"], &FAST[..]].concat());
    listener.signal(Signal::CONT);
    assert_eq!(ended.code, Some(3), "{}", ended.transcript);
    let records = json_lines(&ended);
    assert_eq!(records[0]["answered"], json!(false));
    assert_eq!(records[2]["lost"], json!(2));
}

#[cfg(unix)]
#[test]
fn a_program_that_ends_ends_the_pings_with_their_sum() {
    let (alice, bob) = Home::friends();
    let talk = Talk::between(&alice, &bob);
    let mut ping = alice.start(&[&["ping", "bob"], &FAST[..]].concat());
    ping.said("seq=1 time=");
    talk.alice.kill();
    talk.bob.kill();
    let ended = ping.end();
    ended.failed(1, "SC41");
    assert!(ended.rest.contains("--- bob ---"), "{}", ended.transcript);
    assert!(ended.told.contains("it has ended"), "{}", ended.told);
    // Whoever listens stays when the peer leaves.
    let (mut listener, address) = alice.listen(&[]);
    let mut caller = bob.connect("alice", address, &[]);
    caller.told("secure: alice");
    listener.told("secure: bob");
    let mut ping = alice.start(&[&["ping", "bob"], &FAST[..]].concat());
    ping.said("seq=1 time=");
    caller.leave();
    let ended = ping.end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    let words = "not connected to bob: bob left; ";
    assert!(ended.told.contains(words), "{}", ended.told);
}

/// Pings that were waited for were answered as wrong usage, with a code that keeps systemd from starting again.
#[cfg(unix)]
#[test]
fn a_daemon_that_ends_ends_the_pings_with_how_they_went() {
    let (alice, bob) = Home::friends();
    let mut daemon = alice.start(&["daemon", "127.0.0.1:0"]);
    let address = listening(&mut daemon);
    let other = bob.connect("alice", address, &[]);
    daemon.told("secure: bob");
    let start = || alice.start(&[&["ping", "bob"], &FAST[..]].concat());
    let mut answered = start();
    answered.said("seq=1 time=");
    other.signal(Signal::STOP);
    answered.said("no answer after 0.5 s");
    let mut unanswered = start();
    unanswered.said("seq=2 no answer after 0.5 s");
    daemon.signal(Signal::TERM);
    for (ping, code) in [(answered, 0), (unanswered, 3)] {
        let ended = ping.end();
        assert_eq!(ended.code, Some(code), "{}", ended.transcript);
        assert!(ended.rest.contains("--- bob ---"), "{}", ended.transcript);
        let words = "not connected to bob: the program is about to end; nothing is tried";
        assert!(ended.told.contains(words), "{}", ended.told);
    }
    other.signal(Signal::CONT);
}

#[test]
fn a_ping_that_makes_no_sense_is_wrong_usage() {
    let alice = Home::new();
    for args in [&["ping"][..], &["ping", "bob", "-c", "0"]] {
        assert_eq!(alice.attempt(args).code, Some(2), "{args:?}");
    }
    alice.attempt(&["ping", "nobody"]).failed(4, "SC05");
}
