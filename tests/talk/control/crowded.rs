//! As many clients as are served at a time, and none that is.

use super::*;

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
    let mut waiting = Vec::new();
    for number in 0..ALERTS {
        let text = format!("alert {number}");
        waiting.push(alice.start(&["send", "bob", &text, "--wait", "1h"]));
        assert_eq!(client.event("message")["text"], json!(text));
    }
    let status = alice.run(&["status", "bob"]).rest;
    assert!(status.contains("waiting: 8 to be sent"), "{status}");
    alice.run(&["send", "bob", "no hurry", "--no-wait"]);
    // Who has waited longest waits no more.
    let first = waiting.remove(0).end();
    first.failed(6, "SC14");
    for words in [
        "not delivered to bob yet: too many wait at a time, this one for longest",
        "1 message is kept and will be sent next time bob is reachable",
    ] {
        assert!(first.told.contains(words), "{}", first.told);
    }
    client.ask("quit", &json!({}));
    let last = waiting.pop().unwrap().end();
    let words = "the conversation was over";
    assert!(last.told.contains(words), "{}", last.told);
}
