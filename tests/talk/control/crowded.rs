//! As many clients as are served at a time, and none that is.

use std::collections::VecDeque;

use super::*;
use crate::home::free_port;

/// How many clients it serves at a time, of which two places are kept for who comes before another one is free.
pub(crate) const PLACES: usize = 8;

/// A daemon with so few descriptors that it has no more places than that.
pub(crate) fn narrow(home: &Home) -> Program {
    let daemon = home.with_descriptors(4 * PLACES, &["daemon", "127.0.0.1:0"]);
    let mut daemon = Program::start(daemon);
    listening(&mut daemon);
    daemon
}

/// Each had its place for as long as it waited, and whatever else was asked waited for that.
#[test]
fn alerts_to_an_absent_friend_hold_up_nothing_else() {
    const ALERTS: usize = 8;
    let (alice, _bob) = Home::friends();
    let _daemon = narrow(&alice);
    let mut client = Client::of(&alice);
    client.ask("subscribe", &json!({}));
    let mut waiting = VecDeque::new();
    for number in 0..ALERTS {
        let text = format!("alert {number}");
        waiting.push_back(alice.start(&["send", "bob", &text, "--wait", "1h"]));
        assert_eq!(client.event("message")["text"], json!(text));
        // The client has a place, too, and two are kept.
        if number + 1 >= PLACES - 2 {
            waits_no_more(waiting.pop_front().unwrap());
        }
    }
    let status = alice.run(&["status", "bob"]).rest;
    assert!(status.contains("waiting: 8 to be sent"), "{status}");
    alice.run(&["send", "bob", "no hurry", "--no-wait"]);
    client.ask("quit", &json!({}));
    let last = waiting.pop_back().unwrap().end();
    let words = "the conversation was over";
    assert!(last.told.contains(words), "{}", last.told);
}

/// Who has waited longest gives its place to who comes.
fn waits_no_more(longest: Program) {
    let ended = longest.end();
    ended.failed(6, "SC14");
    for words in [
        "not delivered to bob yet: too many wait at a time, this one for longest",
        "is kept and will be sent next time bob is reachable",
    ] {
        assert!(ended.told.contains(words), "{}", ended.told);
    }
}

/// Somebody has the identity open, and serves no socket himself; whoever does, answers with these lines, and is gone.
fn ends_each_connection(
    home: &Home,
    line: &'static str,
) -> (Program, std::sync::mpsc::Receiver<()>) {
    let nobody = free_port().to_string();
    let mut holder = home.start(&["send", "bob", "hi", "--address", &nobody, "--wait", "1h"]);
    holder.told("connecting to bob");
    let run = home.path("run");
    fs::create_dir_all(&run).unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).unwrap();
    let listener = UnixListener::bind(run.join("ctl.sock")).unwrap();
    let (ended, ends) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .spawn(move || {
            for stream in listener.incoming() {
                // Whoever asks may have gone.
                let _ = stream.unwrap().write_all(line.as_bytes());
                if ended.send(()).is_err() {
                    return;
                }
            }
        })
        .unwrap();
    (holder, ends)
}

/// It was taken for a program that has ended, with words about another socket.
#[test]
fn a_program_that_has_no_thread_for_a_client_is_said_to_have_none() {
    const NONE: &str = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":\
        {\"code\":-32000,\"message\":\"it has no thread for another client: none\",\"data\":{}}}\n";
    let (alice, _bob) = Home::friends();
    let (_holder, _ends) = ends_each_connection(&alice, NONE);
    for command in [&["status"][..], &["send", "bob", "hi", "--no-wait"]] {
        let ended = alice.attempt(command);
        ended.failed(1, "SC41");
        let words = "it has no thread for another client";
        assert!(ended.told.contains(words), "{}", ended.told);
    }
}

/// It may be about to end: then there is nobody to be asked.
#[test]
fn who_closes_connections_is_asked_again_while_somebody_has_the_identity() {
    let (alice, _bob) = Home::friends();
    let (holder, ends) = ends_each_connection(&alice, "");
    let status = alice.start(&["status"]);
    for _ in 0..3 {
        ends.recv_timeout(PATIENCE).unwrap();
    }
    holder.kill();
    let ended = status.end();
    assert!(
        ended.rest.contains("no program runs"),
        "{}",
        ended.transcript
    );
}
