//! Programs that talk through it: events and requests with `--json`.

use std::io::{BufRead, BufReader};
#[cfg(target_os = "linux")]
use std::time::Duration;

use serde_json::{Value, json};

#[cfg(target_os = "linux")]
use crate::beside::fill;
use crate::home::{Home, check, free_port};
use crate::program::{Ended, Program, until};
use crate::schema;

/// The next event of this type; those before it are checked and passed over.
pub(crate) fn event(program: &mut Program, kind: &str) -> Value {
    loop {
        let event = parse(&program.said(""));
        if event["type"] == kind {
            return event;
        }
    }
}

/// A line as the event or the record that it has to be.
pub(crate) fn parse(line: &str) -> Value {
    let forbidden = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{202e}' | '\u{2028}');
    assert!(!line.contains(forbidden), "{line:?}");
    let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let root: Value = serde_json::from_str(include_str!("../../docs/json.schema.json")).unwrap();
    let why = schema::mismatch(&root, &root, &event);
    assert_eq!(why, None, "{event}");
    event
}

/// All that has not been read is events too.
fn check_rest(ended: &Ended) {
    ended.rest.lines().for_each(|line| drop(parse(line)));
}

/// Where a program says that it listens, by its event.
pub(crate) fn listening(program: &mut Program) -> core::net::SocketAddr {
    let event = event(program, "listening");
    event["address"].as_str().unwrap().parse().unwrap()
}

pub(crate) fn ask(program: &mut Program, request: &Value) {
    program.say(&request.to_string());
}

const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{202e}fdp.exe\u{2028}\u{e0041}\"\\\n\ttab \u{7f}";

#[test]
fn a_conversation_of_programs_is_events_and_requests_and_loses_no_character() {
    let (alice, bob) = Home::friends();
    let mut listener = bob.start(&["listen", "127.0.0.1:0", "--json"]);
    let address = listening(&mut listener).to_string();
    let mut caller = alice.start(&["connect", "bob", &address, "--json"]);
    let connecting = event(&mut caller, "connecting");
    assert_eq!(connecting["address"], json!(address));
    let secure = event(&mut caller, "secure");
    assert_eq!(secure["peer"], "bob");
    assert_eq!(secure["key"], json!(bob.key()));
    assert_eq!(
        (&secure["verified"], &secure["initiator"]),
        (&json!(false), &json!(true))
    );
    event(&mut listener, "secure");
    ask(
        &mut caller,
        &json!({ "cmd": "send", "id": 7, "peer": "bob", "text": HOSTILE }),
    );
    let ours = event(&mut caller, "message");
    assert_eq!(
        (&ours["dir"], &ours["text"]),
        (&json!("out"), &json!(HOSTILE))
    );
    let answer = event(&mut caller, "answer");
    assert_eq!((&answer["id"], &answer["cmd"]), (&json!(7), &json!("send")));
    assert_eq!(answer["result"]["message"], ours["id"]);
    let theirs = event(&mut listener, "message");
    assert_eq!(
        (&theirs["dir"], &theirs["text"]),
        (&json!("in"), &json!(HOSTILE))
    );
    assert_eq!(theirs["id"], ours["id"], "the same on both sides");
    loop {
        let receipt = event(&mut caller, "receipt");
        assert_eq!(receipt["id"], ours["id"]);
        if receipt["state"] == "delivered" {
            break;
        }
    }
    ask(&mut caller, &json!({ "cmd": "quit" }));
    event(&mut caller, "answer");
    let end = event(&mut caller, "end");
    assert_eq!(end["exit"], json!(0));
    let ended = caller.end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert_eq!(ended.rest, "", "it was the last line");
    let closed = event(&mut listener, "closed");
    assert_eq!(closed["reason"], "goodbye");
    check_rest(&listener.kill());
}

#[test]
fn a_program_and_a_person_talk_with_each_other() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.start(&["connect", "bob", &address.to_string(), "--json"]);
    event(&mut caller, "secure");
    listener.told("secure: alice");
    ask(
        &mut caller,
        &json!({ "cmd": "send", "peer": "bob", "text": "can you hear me?" }),
    );
    listener.said("can you hear me?");
    listener.say("loud and clear");
    assert_eq!(event(&mut caller, "message")["dir"], "out");
    assert_eq!(event(&mut caller, "message")["text"], "loud and clear");
}

#[test]
fn a_bad_line_is_answered_and_ends_nothing() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.start(&["connect", "bob", &address.to_string(), "--json"]);
    event(&mut caller, "secure");
    for (line, says) in [
        ("hello bob", "it is no JSON"),
        ("[]", "a request is a JSON object"),
        (
            "{\"cmd\":\"sned\",\"id\":1}",
            "there is no request \"sned\"",
        ),
        ("{\"cmd\":\"send\",\"id\":1}", "missing field `peer`"),
        (
            "{\"cmd\":\"send\",\"id\":1,\"peer\":\"bob\",\"text\":\"x\",\"to\":1}",
            "unknown field `to`",
        ),
        (
            "{\"cmd\":\"send\",\"id\":1,\"peer\":\"bbo\",\"text\":\"x\"}",
            "no peer called \"bbo\"",
        ),
        (
            "{\"cmd\":\"accept\",\"id\":1,\"key\":\"x\"}",
            "is not a securechat public key",
        ),
        ("", "it is no JSON"),
    ] {
        caller.say(line);
        let error = event(&mut caller, "error");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(says), "{line}: {error}");
        assert!(
            line.contains("\"id\"") == (error["id"] == json!(1)),
            "{error}"
        );
    }
    caller.say_bytes(b"\xff\xfe");
    event(&mut caller, "error");
    caller.say(&"x".repeat((32 << 20) + 1));
    let error = event(&mut caller, "error");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("33554433 bytes"),
        "{error}"
    );
    ask(
        &mut caller,
        &json!({ "cmd": "send", "peer": "bob", "text": "still here" }),
    );
    listener.said("still here");
    caller.close();
    let ended = caller.end();
    assert_eq!(
        ended.code,
        Some(6),
        "one was not sent: {}",
        ended.transcript
    );
}

#[test]
fn a_file_of_requests_is_done_to_its_end() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.start(&["connect", "bob", &address.to_string(), "--json"]);
    for number in 0..40 {
        let text = format!("line {number}");
        ask(
            &mut caller,
            &json!({ "cmd": "send", "id": number, "peer": "bob", "text": text }),
        );
    }
    caller.close();
    for number in 0..40 {
        let answer = event(&mut caller, "answer");
        assert_eq!(answer["id"], json!(number));
        listener.said(&format!("line {number}"));
    }
    let ended = caller.end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    check_rest(&ended);
}

#[test]
fn an_unknown_caller_is_an_event_and_waits_for_an_answer() {
    let (alice, bob) = (Home::new(), Home::new());
    let mut listener = bob.start(&["listen", "127.0.0.1:0", "--json", "--trust", "ask"]);
    let address = listening(&mut listener);
    let carol = Home::new();
    let mut stranger = carol.call(&bob, address, &[]);
    let caller = event(&mut listener, "caller");
    ask(
        &mut listener,
        &json!({ "cmd": "reject", "key": caller["key"] }),
    );
    assert_eq!(event(&mut listener, "answer")["cmd"], "reject");
    stranger.told("does not want another");
    let mut friend = alice.call(&bob, address, &[]);
    let caller = event(&mut listener, "caller");
    assert_eq!(caller["key"], json!(alice.key()));
    ask(
        &mut listener,
        &json!({ "cmd": "accept", "key": caller["key"], "name": "alice" }),
    );
    let saved = event(&mut listener, "saved");
    assert_eq!(
        (&saved["peer"], &saved["key"]),
        (&json!("alice"), &caller["key"])
    );
    assert_eq!(event(&mut listener, "answer")["result"]["peer"], "alice");
    assert_eq!(event(&mut listener, "secure")["peer"], "alice");
    friend.told("secure: ");
}

#[test]
fn a_caller_that_claims_a_saved_name_is_an_event_that_says_so_and_waits_too() {
    let (alice, bob, mallory) = (Home::new(), Home::new(), Home::new());
    bob.knows("alice", &alice);
    let mut listener = bob.start(&["listen", "127.0.0.1:0", "--json", "--trust", "ask"]);
    let address = listening(&mut listener);
    let mut stranger = mallory.call(&bob, address, &["--nickname", "alice"]);
    assert_eq!(event(&mut listener, "error")["code"], "SC09");
    let caller = event(&mut listener, "caller");
    assert_eq!(caller["key"], json!(mallory.key()));
    assert_eq!(caller["claims"], "alice");
    assert_eq!(caller.get("nickname"), None);
    stranger.told("has to accept you first; waiting");
    // Sent away, it would not be there to be let in.
    ask(
        &mut listener,
        &json!({ "cmd": "accept", "key": caller["key"], "name": "mallory" }),
    );
    assert_eq!(event(&mut listener, "secure")["peer"], "mallory");
    stranger.told("secure: ");
}

#[test]
fn without_trust_ask_a_stranger_is_turned_away() {
    let bob = Home::new();
    let mut listener = bob.start(&["listen", "127.0.0.1:0", "--json"]);
    let address = listening(&mut listener);
    let carol = Home::new();
    let stranger = carol.call(&bob, address, &[]);
    stranger.end().failed(4, "SC10");
}

#[test]
fn an_error_that_ends_a_command_is_its_last_line() {
    let home = Home::new();
    let ended = home.attempt(&["connect", "bob", "127.0.0.1:1", "--json"]);
    assert_eq!(ended.code, Some(4));
    let error = parse(ended.rest.lines().last().unwrap());
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("error"), &json!("SC05"))
    );
    assert_eq!(error["exit"], json!(4));
    assert!(
        ended.told.contains("[SC05]"),
        "and in words: {}",
        ended.told
    );
}

#[test]
fn a_reader_that_has_left_is_the_end_and_an_error() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let address = address.to_string();
    for args in [
        &["connect", "bob", &address, "--json"][..],
        &["listen", "127.0.0.1:0", "--json"],
        #[cfg(unix)]
        &["daemon", "127.0.0.1:0", "--json"],
    ] {
        let ended = Program::without_reader(alice.command(args)).end();
        ended.failed(1, "SC24");
        let words = "error: nobody reads standard output any more  [SC24]\n";
        assert!(ended.told.contains(words), "{}", ended.told);
    }
    let mut again = alice.start(&["connect", "bob", &address]);
    again.told("secure: bob");
    check(&mut again, &mut listener);
}

/// That they wait was said nowhere: an event could not be read, and people were told nothing.
#[test]
fn what_is_not_delivered_is_told_where_nobody_reads_events_any_more() {
    let (alice, _) = Home::friends();
    let nobody = free_port().to_string();
    let connect = alice.command(&["connect", "bob", &nobody, "--json", "--retry"]);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut program = Program::writing_to(connect, writer);
    let send = json!({ "cmd": "send", "id": 1, "peer": "bob", "text": "it waits" });
    ask(&mut program, &send);
    let lines = BufReader::new(reader).lines().map(Result::unwrap);
    let events = lines.map(|line| parse(&line));
    let mut answers = events.filter(|event| event["type"] == "answer");
    assert_eq!(answers.next().unwrap()["id"], json!(1));
    drop(answers);
    // Another event may have ended it already; or what another test is just starting has the reading end for a moment more.
    until("its end", || {
        let has_ended = !program.say_if_it_runs("{\"cmd\":\"status\"}");
        has_ended.then_some(())
    });
    let ended = program.end();
    ended.failed(1, "SC24");
    let words = "warning: 1 message is kept and will be sent next time bob is reachable";
    assert!(ended.told.contains(words), "{}", ended.told);
}

#[test]
fn alone_it_listens_and_calls_everybody_as_events() {
    let (alice, bob) = Home::friends();
    let settings = "[net]\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(bob.path("config.toml"), settings).unwrap();
    let mut program = bob.start(&["--json"]);
    let address = listening(&mut program);
    let mut caller = alice.connect("bob", address, &[]);
    caller.told("secure: bob");
    assert_eq!(event(&mut program, "secure")["peer"], "alice");
    let nobody = Home::empty().attempt(&["--json"]);
    assert_eq!(parse(nobody.rest.trim_end())["code"], "SC01");
}

/// They were not looked at, and the exit code was that of success.
#[test]
fn requests_behind_quit_are_told_that_they_come_too_late() {
    let (alice, _) = Home::friends();
    let mut program = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    listening(&mut program);
    let send = json!({ "cmd": "send", "id": 2, "peer": "bob", "text": "too late" });
    let (quit, status) = (
        json!({ "cmd": "quit", "id": 1 }),
        json!({ "cmd": "status", "id": 3 }),
    );
    let ping = json!({ "cmd": "ping", "id": 4, "peer": "bob" });
    program.say_together(&[quit, send, status, ping].map(|it| it.to_string()));
    assert_eq!(event(&mut program, "answer")["id"], json!(1));
    for (id, code) in [(2, "SC40"), (3, "SC40"), (4, "SC43")] {
        let error = event(&mut program, "error");
        assert_eq!((&error["id"], &error["code"]), (&json!(id), &json!(code)));
    }
    let ended = program.end();
    assert_eq!(
        ended.code,
        Some(6),
        "one was not sent: {}",
        ended.transcript
    );
}

/// The end of the input that came with `quit` left no time but `--linger`.
#[cfg(target_os = "linux")]
#[test]
fn quit_has_its_second_also_at_the_end_of_the_input() {
    use rustix::process::Signal;
    const A_PART_OF_IT: Duration = Duration::from_millis(100);
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let args = [
        "connect",
        "bob",
        &address.to_string(),
        "--json",
        "--linger",
        "1ms",
    ];
    let mut caller = alice.start(&args);
    event(&mut caller, "secure");
    listener.told("secure: alice");
    listener.signal(Signal::STOP);
    let send = json!({ "cmd": "send", "peer": "bob", "text": "goodbye" });
    let quit = json!({ "cmd": "quit" });
    caller.say_together(&[send, quit].map(|it| it.to_string()));
    caller.close();
    caller.is_read(A_PART_OF_IT);
    listener.signal(Signal::CONT);
    listener.said("goodbye");
    let ended = caller.end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
}

/// They had answers of their own up to some number, and beyond it one together and another exit code.
#[test]
fn each_request_behind_quit_is_answered_however_many_there_are() {
    const MANY: usize = 300;
    let quit = json!({ "cmd": "quit" }).to_string();
    let status = json!({ "cmd": "status" }).to_string();
    let send = json!({ "cmd": "send", "peer": "bob", "text": "too late" }).to_string();
    for (last, code) in [(&status, 0), (&send, 6), (&quit, 0)] {
        let (alice, _) = Home::friends();
        let mut program = alice.start(&["listen", "127.0.0.1:0", "--json"]);
        listening(&mut program);
        let late = vec![status.clone(); MANY];
        program.say_together(&[vec![quit.clone()], late, vec![last.clone()]].concat());
        let ended = program.end();
        assert_eq!(ended.code, Some(code), "{last}: {}", ended.transcript);
        let events: Vec<Value> = ended.rest.lines().map(parse).collect();
        let refused = events.iter().filter(|it| it["code"] == "SC40").count();
        assert_eq!(refused, MANY + usize::from(last != &quit), "{last}");
        let done = events.iter().filter(|it| it["type"] == "answer").count();
        assert_eq!(done, 1 + usize::from(last == &quit), "{last}");
        assert_eq!(events.last().unwrap()["exit"], json!(code));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn requests_that_wait_at_the_end_are_answered() {
    use rustix::process::Signal;
    const ROOM: usize = 1_000;
    let (alice, bob) = Home::friends();
    alice.knows("carol", &Home::new());
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.start(&["connect", "bob", &address.to_string(), "--json"]);
    event(&mut caller, "secure");
    listener.told("secure: alice");
    listener.signal(Signal::STOP);
    let stat = format!("/proc/{}/stat", listener.pid());
    until("the stop", || {
        let stat = std::fs::read_to_string(&stat).unwrap();
        stat.contains(") T ").then_some(())
    });
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let ping = json!({ "cmd": "ping", "id": "ping", "peer": "carol", "address": address, "connect_ms": 600_000 });
    ask(&mut caller, &ping);
    for id in 0..=ROOM {
        let send = json!({ "cmd": "send", "id": id, "peer": "bob", "text": "x" });
        ask(&mut caller, &send);
    }
    while event(&mut caller, "answer")["id"] != json!(ROOM - 1) {}
    caller.signal(Signal::TERM);
    let ended = caller.end();
    listener.kill();
    assert_eq!(ended.code, Some(143), "{}", ended.transcript);
    let events: Vec<Value> = ended.rest.lines().map(parse).collect();
    let code = |id: Value| {
        let found = events.iter().find(|it| it["id"] == id);
        found.map(|it| it["code"].clone())
    };
    assert_eq!(code(json!("ping")), Some(json!("SC43")));
    assert_eq!(code(json!(ROOM)), Some(json!("SC14")));
}

/// It was not read, so that one who gives no receipts was in the way of everybody.
#[cfg(target_os = "linux")]
#[test]
fn what_is_asked_for_does_not_wait_for_a_message_that_waits_for_room() {
    let (alice, bob) = Home::friends();
    let carol = Home::new();
    alice.knows("carol", &carol);
    carol.knows("alice", &alice);
    fill(&alice);
    let args = ["listen", "127.0.0.1:0", "--json", "--linger", "1s"];
    let mut program = alice.start(&args);
    let address = listening(&mut program).to_string();
    // Nothing is receipted before it is printed, so that there will be no room.
    let (_bob, _stuck) = Program::with_stuck_reader(bob.command(&["connect", "alice", &address]));
    assert_eq!(event(&mut program, "secure")["peer"], json!("bob"));
    let mut other = carol.start(&["connect", "alice", &address]);
    event(&mut program, "secure");
    let send = |id, peer| json!({ "cmd": "send", "id": id, "peer": peer, "text": "hello" });
    let mut soon = send("soon", "bob");
    soon["wait_ms"] = json!(500);
    let requests = [soon, send("later", "bob"), send("carol's", "carol")];
    requests.iter().for_each(|it| ask(&mut program, it));
    assert!(other.said("").ends_with("\talice\thello"));
    ask(&mut program, &json!({ "cmd": "hello", "id": "hello" }));
    // On a busy machine half a second may be over before that is answered.
    let (mut is_answered, mut refused) = (false, None);
    while !is_answered || refused.is_none() {
        let event = parse(&program.said(""));
        is_answered |= event["type"] == "answer" && event["id"] == "hello";
        refused = refused.or_else(|| (event["type"] == "error").then_some(event));
    }
    let refused = refused.unwrap();
    assert_eq!(
        (&refused["id"], &refused["code"]),
        (&json!("soon"), &json!("SC14"))
    );
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .ends_with("within 500 ms"),
        "{refused}"
    );
    program.close();
    let refused = event(&mut program, "error");
    assert_eq!(
        (&refused["id"], &refused["code"]),
        (&json!("later"), &json!("SC14"))
    );
    let last = event(&mut program, "error");
    assert_eq!(last["message"], json!("not delivered to bob within 1 s"));
    assert_eq!(program.end().code, Some(6));
}

#[test]
fn a_secret_key_that_a_program_would_send_is_refused() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.start(&["connect", "bob", &address.to_string(), "--json"]);
    event(&mut caller, "secure");
    let text = "mine:\n-----BEGIN PRIVATE KEY-----\nAAAA";
    let request = json!({ "cmd": "send", "id": 1, "peer": "bob", "text": text });
    ask(&mut caller, &request);
    let error = event(&mut caller, "error");
    assert_eq!((&error["code"], &error["id"]), (&json!("SC14"), &json!(1)));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("that holds a SECRET key"), "{error}");
    ask(
        &mut caller,
        &json!({ "cmd": "send", "peer": "bob", "text": "the rest" }),
    );
    let line = listener.said("");
    assert!(line.ends_with("\talice\tthe rest"), "{line}");
    caller.close();
    assert_eq!(caller.end().code, Some(6));
}

/// These were answered by success, and nothing happened.
#[test]
fn what_cannot_be_done_with_a_peer_is_an_error() {
    let (alice, _) = Home::friends();
    let (carol, dave, nobody) = (Home::new(), Home::new(), Home::new());
    alice.run(&["peers", "add", "carol", &carol.key()]);
    alice.run(&["peers", "revoke", "carol"]);
    alice.run(&["peers", "add", "dave", &dave.key()]);
    let mut program = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    listening(&mut program);
    let mut refused = |cmd: &str, peer: &str, code: &str| {
        ask(&mut program, &json!({ "cmd": cmd, "id": 1, "peer": peer }));
        let error = event(&mut program, "error");
        assert_eq!(error["code"], json!(code), "{cmd} {peer}: {error}");
    };
    for cmd in ["connect", "disconnect", "differ", "ping"] {
        refused(cmd, &nobody.key(), "SC05");
        refused(cmd, "carol", "SC25");
    }
    refused("connect", "dave", "SC27");
    let differ = json!({ "cmd": "differ", "peer": "dave" });
    ask(&mut program, &differ);
    event(&mut program, "answer");
    for cmd in ["connect", "disconnect", "ping", "verify"] {
        let request = json!({ "cmd": cmd, "id": 1, "peer": "dave" });
        ask(&mut program, &request);
        assert_eq!(event(&mut program, "error")["code"], json!("SC33"), "{cmd}");
    }
    ask(&mut program, &json!({ "cmd": "quit" }));
    check_rest(&program.end());
}
