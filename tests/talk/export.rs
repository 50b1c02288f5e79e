//! A history that is looked through, or written out, page by page while a program runs.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use crate::home::Home;
use crate::program::Program;
use crate::programs::event;
use crate::waiting::keep;

fn find(program: &mut Program, fields: &Value) -> Value {
    let mut request = json!({ "cmd": "history.find" });
    let fields = fields.as_object().unwrap().clone();
    request.as_object_mut().unwrap().extend(fields);
    program.say(&request.to_string());
    event(program, "answer")["result"].clone()
}

fn texts(page: &Value) -> Vec<&str> {
    let messages = page["messages"].as_array().unwrap().iter();
    messages.map(|it| it["text"].as_str().unwrap()).collect()
}

#[test]
fn a_request_goes_on_where_the_cursor_of_the_one_before_says() {
    let (alice, _bob) = Home::friends();
    for text in ["one", "two", "three", "four", "five"] {
        keep(&alice, text);
    }
    let mut program = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    for (oldest_first, rest, expected) in [
        (
            false,
            "older",
            [&["four", "five"][..], &["two", "three"], &["one"]],
        ),
        (
            true,
            "newer",
            [&["one", "two"], &["three", "four"], &["five"]],
        ),
    ] {
        let mut fields = json!({ "most": 2, "oldest_first": oldest_first });
        for (page, left) in expected.iter().zip([3, 1, 0]) {
            let found = find(&mut program, &fields);
            assert_eq!((texts(&found), &found[rest]), (page.to_vec(), &json!(left)));
            assert_eq!(found.get("cursor").is_some(), left > 0);
            fields["cursor"] = found.get("cursor").cloned().unwrap_or_default();
        }
    }
    let newest = find(&mut program, &json!({ "most": 1 }));
    let other = json!({ "words": "o", "cursor": newest["cursor"] });
    let found = find(&mut program, &other);
    assert_eq!(
        texts(&found),
        ["one", "two", "four"],
        "the rest is looked for anew"
    );
    program.say(&json!({ "cmd": "history.find", "cursor": "x" }).to_string());
    let error = event(&mut program, "error");
    let message = error["message"].as_str().unwrap();
    assert!(
        error["code"] == "SC40" && message.ends_with("that is no cursor"),
        "{error}"
    );
}

/// A program that has told the first page, and is killed.
#[test]
fn an_export_that_is_interrupted_leaves_no_file_that_looks_whole() {
    let (alice, _bob) = Home::friends();
    let page = json!({ "messages": [message(&alice)], "newer": 1, "cursor": "x", "unreadable": 0 });
    let killed = program_that_tells(&alice, page);
    let place = alice.path("out");
    fs::create_dir(&place).unwrap();
    let file = place.join("history").display().to_string();
    let ended = alice.attempt(&["history", "export", "-o", &file]);
    ended.failed(1, "SC41");
    killed.join().unwrap();
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
}

#[test]
fn what_a_program_has_no_room_for_is_said_by_the_command_beside_it() {
    let (alice, _bob) = Home::friends();
    let page = |made_room: u64| json!({ "messages": [message(&alice)], "older": 0, "newer": 0, "unreadable": 0, "made_room": made_room });
    for (made_room, words) in [
        (0, None),
        (1, Some("not among them: 1 message that had to make room")),
        (
            31,
            Some("not among them: 31 messages that had to make room"),
        ),
    ] {
        let told = program_that_tells(&alice, page(made_room));
        let ended = alice.attempt(&["history", "show", "--in", "bob", "--last", "5"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        told.join().unwrap();
        fs::remove_dir_all(alice.path("run")).unwrap();
        assert!(ended.transcript.contains("\thi"), "{ended:?}");
        match words {
            Some(words) => assert!(ended.told.contains(words), "{ended:?}"),
            None => assert!(!ended.told.contains("room"), "{ended:?}"),
        }
    }
}

fn message(home: &Home) -> Value {
    json!({
        "type": "message", "t": "2026-11-21T02:09:31.120Z", "sent": "2026-11-21T02:09:31.120Z",
        "id": "0000000000000abc-5", "peer": "bob", "key": home.key(), "dir": "out", "state": "waiting", "text": "hi",
    })
}

/// Stands for a program with the identity of a home, which answers one request and is killed at the next.
fn program_that_tells(home: &Home, page: Value) -> std::thread::JoinHandle<()> {
    fs::create_dir(home.path("run")).unwrap();
    fs::set_permissions(home.path("run"), fs::Permissions::from_mode(0o700)).unwrap();
    let served = UnixListener::bind(home.path("run/ctl.sock")).unwrap();
    let hello = json!({ "key": home.key(), "pid": 1 });
    let serve = move || {
        let mut lines = BufReader::new(served.accept().unwrap().0);
        let mut line = String::new();
        for result in [hello, page] {
            line.clear();
            lines.read_line(&mut line).unwrap();
            let asked: Value = serde_json::from_str(&line).unwrap();
            let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result });
            writeln!(lines.get_mut(), "{answer}").unwrap();
        }
        lines.read_line(&mut line).unwrap();
    };
    std::thread::Builder::new().spawn(serve).unwrap()
}
