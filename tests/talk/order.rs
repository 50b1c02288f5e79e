//! Requests are done in the order in which they come.

use serde_json::{Value, json};

use crate::home::Home;
use crate::program::Program;
use crate::programs::{ask, event, listening, parse};

/// A program of alice's with events, which has called bob, who listens.
fn connected() -> (Program, Program, Home, Home) {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let add = ["peers", "add", "bob", &bob.key(), "--address", &address];
    alice.run(&["peers", "remove", "bob"]);
    alice.run(&add);
    let mut program = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    event(&mut program, "listening");
    ask(&mut program, &json!({ "cmd": "connect", "peer": "bob" }));
    event(&mut program, "secure");
    listener.told("secure: alice");
    (program, listener, alice, bob)
}

/// The answers to two requests that come at once, the first of which sends something.
fn answers(program: &mut Program, behind: &str) -> [Value; 2] {
    let send = json!({ "cmd": "send", "id": 1, "peer": "bob", "text": "goodbye" });
    let behind = json!({ "cmd": behind, "id": 2, "peer": "bob" });
    program.say_together(&[send, behind].map(|it| it.to_string()));
    [(); 2].map(|()| {
        loop {
            let event = parse(&program.said(""));
            let kind = event["type"].as_str().unwrap();
            if kind == "answer" || (kind == "error" && event.get("id").is_some()) {
                return event;
            }
        }
    })
}

/// The message went out behind it, and called bob again.
#[test]
fn who_is_hung_up_on_behind_a_message_is_not_called_for_it() {
    let (mut program, _listener, _alice, _bob) = connected();
    let [sent, hung_up] = answers(&mut program, "disconnect");
    assert_eq!(
        (&sent["id"], &sent["result"]["state"]),
        (&json!(1), &json!("queued"))
    );
    assert_eq!(
        (&hung_up["id"], &hung_up["type"]),
        (&json!(2), &json!("answer"))
    );
    ask(&mut program, &json!({ "cmd": "status" }));
    let peers = event(&mut program, "answer")["result"]["peers"].clone();
    assert_eq!(peers[0]["state"], "not connected", "{peers}");
    ask(&mut program, &json!({ "cmd": "quit" }));
    let ended = program.end();
    let events: Vec<Value> = ended.rest.lines().map(parse).collect();
    let is_call = |event: &Value| event["type"] == "connecting" || event["type"] == "secure";
    assert!(!events.iter().any(is_call), "{}", ended.transcript);
}

/// It was refused for what came behind it.
#[test]
fn what_is_sent_before_the_words_are_said_to_differ_is_taken() {
    let (mut program, _listener, _alice, _bob) = connected();
    let [sent, differed] = answers(&mut program, "differ");
    assert_eq!(
        (&sent["id"], &sent["result"]["state"]),
        (&json!(1), &json!("queued"))
    );
    assert_eq!(
        (&differed["id"], &differed["type"]),
        (&json!(2), &json!("answer"))
    );
}

/// They were written down already, and went out next time.
#[test]
fn messages_to_somebody_who_is_removed_right_behind_them_fail_and_never_go_out() {
    let (alice, bob) = Home::friends();
    let mut program = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    listening(&mut program);
    let send = |id: usize| json!({ "cmd": "send", "id": id, "peer": "bob", "text": "to nobody" });
    let remove = json!({ "cmd": "peers.remove", "id": 3, "peer": "bob" });
    program.say_together(&[send(1), send(2), remove].map(|it| it.to_string()));
    let taken = [1, 2].map(|id| {
        let answer = event(&mut program, "answer");
        assert_eq!(
            (&answer["id"], &answer["result"]["state"]),
            (&json!(id), &json!("queued"))
        );
        answer["result"]["message"].clone()
    });
    assert_eq!(event(&mut program, "answer")["id"], json!(3));
    for message in taken {
        let failed = loop {
            let receipt = event(&mut program, "receipt");
            if receipt["state"] == "failed" {
                break receipt;
            }
        };
        assert_eq!(failed["id"], message);
    }
    ask(&mut program, &json!({ "cmd": "quit" }));
    assert_eq!(program.end().code, Some(6));
    alice.knows("bob", &bob);
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    caller.say("to somebody");
    let first = listener.said("");
    assert!(first.ends_with("\talice\tto somebody"), "{first}");
    caller.leave();
}
