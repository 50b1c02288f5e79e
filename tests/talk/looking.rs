//! What is looked for in many messages, and what comes meanwhile.

use std::fs;

use serde_json::{Value, json};

use crate::filled::{Fate, Kept};
use crate::home::Home;
use crate::program::Program;
use crate::programs::{ask, parse};
use crate::screen::Person;

const MESSAGES: usize = 24;

/// Alice, who keeps so many messages that the program looks through them in several turns.
fn with_many_messages() -> (Home, Home) {
    let (alice, bob) = Home::friends();
    let config = "[history]\nkeep = \"forever\"\n";
    fs::write(alice.path("config.toml"), config).unwrap();
    let mut kept = Kept::in_home(&alice.path(""));
    for number in 0..MESSAGES {
        let text = format!("kept {number:02} {}", "-".repeat(60_000));
        kept.add(&bob.key(), 0, Fate::Read, text.as_bytes());
    }
    (alice, bob)
}

/// The answers to requests that come at once.
fn answers(program: &mut Program, requests: &[Value]) -> Vec<Value> {
    let numbered = requests.iter().zip(1..).map(|(request, id)| {
        let mut request = request.clone();
        request["id"] = json!(id);
        request.to_string()
    });
    program.say_together(&numbered.collect::<Vec<_>>());
    let mut answers = Vec::new();
    while answers.len() < requests.len() {
        let event = parse(&program.said(""));
        if event["type"] == "answer" || event["type"] == "error" {
            answers.push(event);
        }
    }
    answers
}

fn ids(answers: &[Value]) -> Vec<u64> {
    let ids = answers.iter().map(|it| it["id"].as_u64().unwrap());
    ids.collect()
}

fn count(answer: &Value) -> usize {
    let found = answer["result"]["messages"].as_array();
    found.map_or(0, Vec::len)
}

/// It was done between two steps of the search, which found nothing then: whoever writes out what it deletes lost it.
#[test]
fn what_is_looked_for_before_it_is_deleted_is_found() {
    let (alice, bob) = with_many_messages();
    let mut program = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    let find = json!({ "cmd": "history.find" });
    let told = answers(&mut program, std::slice::from_ref(&find));
    let newest = &told[0]["result"]["messages"][MESSAGES - 1];
    let delete = json!({
        "cmd": "history.delete", "peer": "bob", "dir": "in", "message": newest["id"],
    });
    let told = answers(&mut program, &[find.clone(), delete]);
    assert_eq!((ids(&told), count(&told[0])), (vec![1, 2], MESSAGES));
    assert_eq!(told[1]["result"]["messages"], 1);
    let purge = json!({ "cmd": "history.purge", "peer": bob.key() });
    let told = answers(&mut program, &[find.clone(), purge, find]);
    assert_eq!((ids(&told), count(&told[0])), (vec![1, 2, 3], MESSAGES - 1));
    assert_eq!(
        (&told[1]["result"]["messages"], count(&told[2])),
        (&json!(MESSAGES - 1), 0)
    );
    ask(&mut program, &json!({ "cmd": "quit" }));
    assert_eq!(program.end().code, Some(0));
}

#[test]
fn what_is_looked_for_before_the_end_is_found() {
    let (alice, _bob) = with_many_messages();
    let find = json!({ "cmd": "history.find" });
    let mut program = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    let told = answers(&mut program, &[find.clone(), json!({ "cmd": "quit" })]);
    assert_eq!((ids(&told), count(&told[0])), (vec![1, 2], MESSAGES));
    assert_eq!(program.end().code, Some(0));
}

/// The screen was gone, and the shell behind it got what was found, in plain text.
#[test]
fn nothing_is_shown_behind_the_screen_of_who_leaves_while_it_is_looked_for() {
    let (alice, _bob) = with_many_messages();
    let mut person = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    person.sees("listening on");
    person.presses("/search kept 0\r/quit\r");
    let (ended, _, _) = person.ends();
    assert_eq!(ended.code, Some(0));
    let (_, behind) = ended.rest.rsplit_once("\u{1b}[?1049l").unwrap();
    assert!(!behind.contains("kept"), "{behind}");
}
