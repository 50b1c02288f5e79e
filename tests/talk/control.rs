//! The control socket: a daemon, and the commands that go through whatever program runs.

#[path = "control/asking.rs"]
mod asking;
#[path = "control/confirming.rs"]
mod confirming;
#[path = "control/crowded.rs"]
mod crowded;
#[path = "control/sending.rs"]
mod sending;
#[path = "control/socket.rs"]
mod socket;

pub(crate) use crowded::PLACES;

use std::fs;
#[cfg(target_os = "linux")]
use std::io::ErrorKind;
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::skipped;
use crate::home::{Home, Talk, check, listening, program};
use crate::program::{PATIENCE, Program, until, within};
use crate::schema;

/// A client of the socket.
pub(crate) struct Client {
    lines: BufReader<UnixStream>,
    last_id: u64,
    /// Events that came before an answer.
    events: Vec<Value>,
}

impl Client {
    pub(crate) fn of(home: &Home) -> Self {
        let stream = UnixStream::connect(home.path("run/ctl.sock")).unwrap();
        // Against hanging only.
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            lines: BufReader::new(stream),
            last_id: 0,
            events: Vec::new(),
        }
    }

    fn write(&mut self, line: &str) {
        self.lines.get_mut().write_all(line.as_bytes()).unwrap();
        self.lines.get_mut().write_all(b"\n").unwrap();
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        let len = self.lines.read_line(&mut line).unwrap();
        assert!(len > 0, "the program has closed the connection");
        serde_json::from_str(&line).unwrap()
    }

    fn request(&mut self, method: &str, params: &Value) {
        self.last_id += 1;
        let id = self.last_id;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.write(&request.to_string());
    }

    /// The whole answer to the last request.
    fn answer(&mut self) -> Value {
        loop {
            let line = self.read();
            assert_eq!(line["jsonrpc"], "2.0");
            if line["method"] == "event" {
                self.events.push(line["params"].clone());
            } else {
                assert_eq!(line["id"], json!(self.last_id), "{line}");
                return line;
            }
        }
    }

    /// The result of a request that must succeed.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.request(method, params);
        let answer = self.answer();
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    /// The next event of this type, which must be as the schema says.
    fn event(&mut self, kind: &str) -> Value {
        let root = root();
        loop {
            let event = if self.events.is_empty() {
                self.read()["params"].clone()
            } else {
                self.events.remove(0)
            };
            assert_eq!(schema::mismatch(&root, &root, &event), None, "{event}");
            if event["type"] == kind {
                return event;
            }
        }
    }
}

fn root() -> Value {
    serde_json::from_str(include_str!("../../docs/json.schema.json")).unwrap()
}

/// A daemon on a port that the system chooses.
fn daemon(home: &Home) -> (Program, core::net::SocketAddr) {
    let mut program = home.start(&["daemon", "127.0.0.1:0"]);
    let address = listening(&mut program);
    (program, address)
}

/// Alice's daemon and bob's listener, connected.
fn connected(alice: &Home, bob: &Home) -> (Program, Program) {
    let (mut daemon, address) = daemon(alice);
    let mut other = bob.connect("alice", address, &[]);
    other.told("secure: alice");
    daemon.told("secure: bob");
    (daemon, other)
}

#[test]
fn a_bot_and_a_person_talk() {
    let (alice, bob) = Home::friends();
    let (_daemon, mut person) = connected(&alice, &bob);
    let mut bot = Client::of(&alice);
    assert_eq!(bot.ask("subscribe", &json!({}))["unheard"], json!(0));
    person.say("did the backup finish?");
    let message = bot.event("message");
    assert_eq!(message["text"], "did the backup finish?");
    let done = bot.ask(
        "send",
        &json!({ "peer": "bob", "text": "yes", "wait_ms": 30_000 }),
    );
    assert_eq!(done["state"], "delivered");
    person.said("\talice\tyes");
    let receipt = bot.event("receipt");
    assert_eq!(receipt["id"], done["message"]);
}

#[test]
fn what_is_no_request_has_its_code_and_ends_nothing() {
    let home = Home::new();
    let (_daemon, _) = daemon(&home);
    let mut client = Client::of(&home);
    for (line, code) in [
        ("{", -32_700),
        ("[]", -32_600),
        ("{\"id\":1,\"method\":\"status\"}", -32_600),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"staus\"}",
            -32_601,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"send\",\"params\":{}}",
            -32_602,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"connect\",\"params\":{\"peer\":\"x\"}}",
            -32_000,
        ),
    ] {
        client.write(line);
        let answer = client.read();
        assert_eq!(answer["error"]["code"], json!(code), "{line}: {answer}");
    }
    // A notification has no answer, whatever it is.
    client.write("{\"jsonrpc\":\"2.0\",\"method\":\"staus\"}");
    let status = client.ask("status", &json!({}));
    assert_eq!(status["running"], json!(true));
    client.write(&"x".repeat((32 << 20) + 1));
    let answer = client.read();
    assert_eq!(answer["error"]["code"], json!(-32_600), "{answer}");
    client.ask("status", &json!({}));
}

#[test]
fn a_client_that_does_not_read_stops_nobody_else() {
    let (alice, bob) = Home::friends();
    let (_daemon, mut person) = connected(&alice, &bob);
    let mut deaf = Client::of(&alice);
    deaf.request("subscribe", &json!({}));
    let mut bot = Client::of(&alice);
    bot.ask("subscribe", &json!({}));
    // Ten megabytes: more than a socket holds.
    let text = "x".repeat(1 << 20);
    for number in 0..10 {
        person.say(&format!("{number}{text}"));
        let event = bot.event("message");
        let said = event["text"].as_str().unwrap();
        assert!(said.starts_with(&number.to_string()));
    }
    assert_eq!(
        bot.ask("status", &json!({}))["peers"][0]["received"],
        json!(10)
    );
    drop(deaf);
}

/// It comes faster than anybody could read it.
#[test]
fn whoever_comes_to_many_megabytes_that_nobody_has_heard_gets_them_all() {
    let (alice, bob) = Home::friends();
    let (_daemon, mut person) = connected(&alice, &bob);
    let text = "x".repeat(2 << 20);
    for number in 0..5 {
        person.say(&format!("{number}{text}"));
    }
    let mut bot = Client::of(&alice);
    until("five messages", || {
        let status = bot.ask("status", &json!({}));
        (status["peers"][0]["received"] == json!(5)).then_some(())
    });
    let told = bot.ask("subscribe", &json!({}));
    assert_eq!(told["unheard"], json!(5), "{told}");
    for number in 0..5 {
        let event = bot.event("message");
        let said = event["text"].as_str().unwrap();
        assert!(said.starts_with(&number.to_string()) && said.len() > 2 << 20);
    }
}

#[test]
fn what_nobody_has_heard_is_told_to_who_comes_first_also_after_a_restart() {
    let (alice, bob) = Home::friends();
    let (daemon_before, mut person) = connected(&alice, &bob);
    person.say("is anybody there?");
    person.say("hello?");
    let ended = person.leave();
    assert_eq!(
        ended.code,
        Some(0),
        "both are receipted: {}",
        ended.transcript
    );
    let mut bot = Client::of(&alice);
    assert_eq!(bot.ask("subscribe", &json!({}))["unheard"], json!(2));
    assert_eq!(bot.event("message")["text"], "is anybody there?");
    assert_eq!(bot.event("message")["text"], "hello?");
    // The second client has nothing to catch up on.
    let mut late = Client::of(&alice);
    assert_eq!(late.ask("subscribe", &json!({}))["unheard"], json!(0));
    daemon_before.signal(Signal::TERM);
    daemon_before.end();
    // Unheard by anybody, then killed.
    let (daemon_between, mut person) = connected(&alice, &bob);
    person.say("and now?");
    person.leave();
    daemon_between.kill();
    let (_daemon, _) = daemon(&alice);
    let mut bot = Client::of(&alice);
    assert_eq!(bot.ask("subscribe", &json!({}))["unheard"], json!(1));
    let message = bot.event("message");
    assert_eq!(
        (&message["text"], &message["again"]),
        (&json!("and now?"), &json!(true))
    );
}

/// Whoever reads the record of a daemon took the messages of the bots at its socket.
#[test]
fn a_record_on_standard_output_takes_no_message_from_who_listens() {
    let (alice, bob) = Home::friends();
    let mut daemon = alice.start(&["daemon", "127.0.0.1:0", "--json"]);
    let address = crate::programs::listening(&mut daemon);
    let mut person = bob.connect("alice", address, &[]);
    person.told("secure: alice");
    person.say("for the bot");
    let recorded = crate::programs::event(&mut daemon, "message");
    assert_eq!(recorded["text"], "for the bot");
    let mut bot = Client::of(&alice);
    assert_eq!(bot.ask("subscribe", &json!({}))["unheard"], json!(1));
    let message = bot.event("message");
    assert_eq!(
        (&message["id"], message.get("again")),
        (&recorded["id"], None)
    );
}

#[test]
fn who_subscribes_late_is_told_who_waits_and_may_let_them_in() {
    let (alice, bob) = (Home::new(), Home::new());
    let mut program = alice.start(&["daemon", "127.0.0.1:0", "--trust", "ask"]);
    let address = listening(&mut program);
    let mut caller = bob.call(&alice, address, &[]);
    caller.told("has to accept you first");
    let mut client = Client::of(&alice);
    client.ask("subscribe", &json!({}));
    let waits = client.event("caller");
    assert_eq!(waits["key"], json!(bob.key()));
    client.ask("accept", &json!({ "key": waits["key"], "name": "bob" }));
    assert_eq!(client.event("secure")["peer"], "bob");
    caller.told("secure: ");
}

#[test]
fn quit_is_answered_and_then_it_ends() {
    let home = Home::new();
    let (program, _) = daemon(&home);
    let mut client = Client::of(&home);
    client.ask("subscribe", &json!({}));
    client.ask("quit", &json!({}));
    assert_eq!(client.event("end")["exit"], json!(0));
    let ended = program.end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
}

#[test]
fn a_ping_is_answered_with_its_time() {
    let (alice, bob) = Home::friends();
    let (_daemon, person) = connected(&alice, &bob);
    let mut client = Client::of(&alice);
    let answer = client.ask("ping", &json!({ "peer": "bob", "wait_ms": 30_000 }));
    assert!(answer["rtt_ms"].is_number(), "{answer}");
    assert!(
        answer["address"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    client.request("ping", &json!({ "peer": "bob", "family": 5 }));
    assert_eq!(client.answer()["error"]["data"]["code"], "SC40");
    client.ask("subscribe", &json!({}));
    person.leave();
    client.event("closed");
    client.request("ping", &json!({ "peer": "bob" }));
    let error = client.answer()["error"].clone();
    assert_eq!(error["data"]["code"], "SC43");
    assert_eq!(error["data"]["exit"], json!(3));
    let words = error["message"].as_str().unwrap();
    assert!(
        words.starts_with("not connected to bob: bob left; "),
        "{words}"
    );
}

/// Each took the other for somebody else's, and waited in vain for the identity.
#[test]
fn who_names_the_own_identity_is_found_by_who_does_not_and_the_other_way_round() {
    let alice = Home::new();
    let key = alice.path("identity.key").display().to_string();
    let (named, unnamed): ([&str; 2], [&str; 0]) = (["-i", &key], []);
    for (runs, asks) in [(&named[..], &unnamed[..]), (&unnamed[..], &named[..])] {
        let mut daemon = alice.start(&[&["daemon", "127.0.0.1:0"], runs].concat());
        let address = listening(&mut daemon).to_string();
        let status = alice.run(&[&["status"], asks].concat()).rest;
        assert!(status.contains(&address), "{asks:?}: {status}");
        daemon.kill();
    }
}

/// docs/examples/echo.py is run where there is a python3: it is on every system that these tests are usually run on.
#[test]
fn the_bot_of_the_documentation_answers() {
    if Command::new("python3").arg("--version").output().is_err() {
        skipped("no python3 on this machine");
        return;
    }
    let (alice, bob) = Home::friends();
    let (_daemon, mut person) = connected(&alice, &bob);
    let mut command = Command::new("python3");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/echo.py");
    command.arg(script).arg(alice.path("run/ctl.sock"));
    let mut bot = Program::start(command);
    bot.wait_up_to(Duration::from_secs(60));
    bot.said("listening");
    person.say("is it \u{1f980} you?");
    person.said("\talice\tyou said: is it \u{1f980} you?");
    // What another bot would say is not answered: they would never end.
    person.say("you said: is it you?");
    person.say("again");
    person.said("\talice\tyou said: again");
    until("it has confirmed all three", || {
        let unheard = Client::of(&alice).ask("subscribe", &json!({ "confirm": true }));
        (unheard["unheard"] == json!(0)).then_some(())
    });
}
