//! The control socket: a daemon, and the commands that go through whatever program runs.

use std::fs;
#[cfg(target_os = "linux")]
use std::io::ErrorKind;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::skipped;
use crate::home::{Home, check, listening, program};
use crate::program::{PATIENCE, Program, until};
use crate::schema;

/// A client of the socket.
struct Client {
    lines: BufReader<UnixStream>,
    last_id: u64,
    /// Events that came before an answer.
    events: Vec<Value>,
}

impl Client {
    fn of(home: &Home) -> Self {
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
    fn ask(&mut self, method: &str, params: &Value) -> Value {
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
fn the_socket_is_its_owners_alone_and_goes_with_the_program() {
    let home = Home::new();
    let (program, _) = daemon(&home);
    let mode = |path: &str| fs::metadata(home.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("run"), mode("run/ctl.sock")), (0o700, 0o600));
    program.signal(Signal::TERM);
    let ended = program.end();
    assert_eq!(ended.code, Some(143), "{}", ended.transcript);
    assert!(!home.path("run/ctl.sock").exists());
}

/// Does something as another user of this machine, which only root can become; none, after saying so, for others.
#[cfg(target_os = "linux")]
fn as_another_user<R: Send + 'static>(act: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    use rustix::process::{Uid, geteuid};
    if !geteuid().is_root() {
        skipped("not running as root, who alone can be another user");
        return None;
    }
    let become_and_act = move || {
        // The system keeps users by thread, so that the others stay who they are.
        let nobody = Uid::from_raw(65_534);
        rustix::thread::set_thread_res_uid(None, nobody, None).unwrap();
        act()
    };
    let thread = std::thread::Builder::new().spawn(become_and_act).unwrap();
    Some(thread.join().unwrap())
}

#[cfg(target_os = "linux")]
fn open_to_all(home: &Home, modes: &[(&str, u32)]) {
    for (name, mode) in modes {
        fs::set_permissions(home.path(name), fs::Permissions::from_mode(*mode)).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn another_user_is_kept_out_by_the_directory_and_refused_without_it() {
    let home = Home::new();
    let (_daemon, _) = daemon(&home);
    open_to_all(&home, &[("", 0o711), ("run/ctl.sock", 0o666)]);
    let path = home.path("run/ctl.sock");
    let there = path.clone();
    let Some(kept_out) = as_another_user(move || UnixStream::connect(there)) else {
        return;
    };
    assert_eq!(kept_out.unwrap_err().kind(), ErrorKind::PermissionDenied);
    open_to_all(&home, &[("run", 0o711)]);
    let refused = as_another_user(move || {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // It may be closed before this is written.
        let hello = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\"}\n";
        let _ = stream.write_all(hello.as_bytes());
        let mut line = String::new();
        let read = BufReader::new(stream).read_line(&mut line);
        (read.unwrap_or(0), line)
    });
    assert_eq!(refused, Some((0, String::new())), "closed without a word");
    let mut ours = Client::of(&home);
    assert_eq!(ours.ask("hello", &json!({}))["key"], json!(home.key()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_another_user_serves_is_not_talked_to() {
    let home = Home::new();
    fs::create_dir(home.path("run")).unwrap();
    open_to_all(&home, &[("", 0o711), ("run", 0o777)]);
    let path = home.path("run/ctl.sock");
    let Some(_listener) = as_another_user(move || UnixListener::bind(path).unwrap()) else {
        return;
    };
    open_to_all(&home, &[("run", 0o700)]);
    let ended = home.attempt(&["status"]);
    ended.failed(1, "SC41");
    let words = "another user of this machine is at the other end";
    assert!(ended.told.contains(words), "{}", ended.told);
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let home = Home::new();
    fs::create_dir(home.path("run")).unwrap();
    fs::set_permissions(home.path("run"), fs::Permissions::from_mode(0o755)).unwrap();
    home.attempt(&["daemon", "127.0.0.1:0"]).failed(5, "SC02");
}

#[test]
fn a_killed_daemon_is_followed_by_another_on_the_same_socket() {
    let home = Home::new();
    let (program, _) = daemon(&home);
    program.kill();
    assert!(home.path("run/ctl.sock").exists(), "nobody has removed it");
    let (_program, _) = daemon(&home);
    let mut client = Client::of(&home);
    assert_eq!(client.ask("hello", &json!({}))["key"], json!(home.key()));
}

#[test]
fn a_path_that_is_too_long_for_a_socket_says_so() {
    let home = Home::empty();
    let deep = home.path(&"d".repeat(100));
    let start = |args: &[&str]| {
        let mut command = program();
        command.arg("--home").arg(&deep).args(args);
        Program::start(command)
    };
    assert_eq!(start(&["keygen", "--no-passphrase"]).end().code, Some(0));
    let ended = start(&["daemon", "127.0.0.1:0"]).end();
    ended.failed(1, "SC41");
    assert!(
        ended.told.contains("use a shorter --home"),
        "{}",
        ended.told
    );
    // A conversation goes on without it.
    let mut listener = start(&["listen", "127.0.0.1:0"]);
    listener.told("[SC41]");
    listener.told("listening on");
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

#[test]
fn send_goes_through_what_runs_with_the_same_words_and_codes() {
    let (alice, bob) = Home::friends();
    let (_daemon, mut person) = connected(&alice, &bob);
    let sent = alice.run(&["send", "bob", "backup done"]);
    assert!(
        sent.told.contains("delivered to bob after "),
        "{}",
        sent.told
    );
    person.said("\talice\tbackup done");
    let sent = alice.run(&["send", "bob", "as json", "--json"]);
    let done: Value = serde_json::from_str(sent.rest.trim_end()).unwrap();
    assert_eq!(
        (&done["v"], &done["state"]),
        (&json!(1), &json!("delivered"))
    );
    let kept = alice.run(&["send", "bob", "no hurry", "--no-wait"]);
    assert!(kept.told.contains("1 message is kept"), "{}", kept.told);
    person.said("\talice\tno hurry");
    alice.attempt(&["send", "bbo", "x"]).failed(4, "SC05");
    person.kill();
    let late = alice.attempt(&["send", "bob", "too late", "--wait", "1s"]);
    late.failed(6, "SC14");
    assert!(
        late.told.contains("1 message is kept and will be sent"),
        "{}",
        late.told
    );
}

/// Whoever waits for a delivery is not left without a word: a script would send the message twice.
#[test]
fn a_message_that_is_waited_for_when_the_program_ends_is_told_to_be_kept() {
    let (alice, _bob) = Home::friends();
    let (program, _) = daemon(&alice);
    let mut client = Client::of(&alice);
    client.ask("subscribe", &json!({}));
    let sender = alice.start(&["send", "bob", "hello", "--wait", "1h"]);
    client.event("message");
    client.request(
        "send",
        &json!({ "peer": "bob", "text": "and I", "wait_ms": 3_600_000 }),
    );
    client.event("message");
    program.signal(Signal::INT);
    let error = client.answer()["error"]["data"].clone();
    assert_eq!(
        (&error["code"], &error["exit"]),
        (&json!("SC14"), &json!(6))
    );
    let ended = sender.end();
    ended.failed(6, "SC14");
    let kept = "1 message is kept and will be sent next time bob is reachable.";
    assert!(ended.told.contains(kept), "{}", ended.told);
    assert_eq!(program.end().code, Some(130));
    let shown = alice.run(&["status"]).rest;
    assert!(shown.contains("  waiting: 2 to be sent\n"), "{shown}");
}

/// It was said that the program did not answer as it should, and the message was gone.
#[test]
fn a_program_that_ends_before_it_is_asked_is_none_that_runs() {
    let (alice, _bob) = Home::friends();
    fs::create_dir(alice.path("run")).unwrap();
    fs::set_permissions(alice.path("run"), fs::Permissions::from_mode(0o700)).unwrap();
    let served = UnixListener::bind(alice.path("run/ctl.sock")).unwrap();
    let ending = std::thread::Builder::new().spawn(move || drop(served.accept().unwrap()));
    let sent = alice.run(&["send", "bob", "later", "--no-wait"]);
    assert!(sent.told.contains("kept"), "{}", sent.told);
    ending.unwrap().join().unwrap();
}

#[test]
fn a_message_whose_answer_is_lost_is_told_to_be_perhaps_kept() {
    let (alice, _bob) = Home::friends();
    fs::create_dir(alice.path("run")).unwrap();
    fs::set_permissions(alice.path("run"), fs::Permissions::from_mode(0o700)).unwrap();
    let served = UnixListener::bind(alice.path("run/ctl.sock")).unwrap();
    let key = alice.key();
    // It takes the message, and is killed.
    let killed = std::thread::Builder::new().spawn(move || {
        let mut lines = BufReader::new(served.accept().unwrap().0);
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let hello = json!({ "jsonrpc": "2.0", "id": 1, "result": { "key": key, "pid": 1 } });
        lines
            .get_mut()
            .write_all(format!("{hello}\n").as_bytes())
            .unwrap();
        lines.read_line(&mut line).unwrap();
    });
    let ended = alice.attempt(&["send", "bob", "hello", "--wait", "1h"]);
    ended.failed(6, "SC14");
    for words in [
        "The message may be kept",
        "status bob",
        "history show --in bob",
    ] {
        assert!(ended.told.contains(words), "{words}: {}", ended.told);
    }
    killed.unwrap().join().unwrap();
}

#[test]
fn send_goes_through_a_chat_too_and_is_in_its_transcript() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut chat = alice.connect("bob", address, &[]);
    chat.told("secure: bob");
    alice.run(&["send", "bob", "from beside"]);
    listener.said("\talice\tfrom beside");
    check(&mut chat, &mut listener);
}

#[test]
fn status_says_how_things_stand_with_and_without_a_program() {
    let (alice, bob) = Home::friends();
    let alone = alice.run(&["status"]);
    assert!(alone.rest.contains("no program runs"), "{}", alone.rest);
    assert!(alone.rest.contains("peer: bob\n"), "{}", alone.rest);
    alice.run(&["send", "bob", "later", "--no-wait"]);
    assert!(
        alice
            .run(&["status"])
            .rest
            .contains("  waiting: 1 to be sent\n")
    );
    let (daemon, mut person) = connected(&alice, &bob);
    person.said("later");
    person.say("hi");
    let mut bot = Client::of(&alice);
    bot.ask("subscribe", &json!({}));
    bot.event("message");
    let shown = alice.run(&["status"]).rest;
    for words in [
        &format!("identity: {}", alice.key()),
        "  listening on: 127.0.0.1:",
        "peer: bob",
        &format!("  key: {}", bob.key()),
        "  verified: no",
        "  state: connected",
        "  endpoint: 127.0.0.1:",
        "  latest handshake: ",
        "  messages: 1 received, 1 delivered",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    person.leave();
    bot.event("closed");
    let shown = alice.run(&["status", "bob"]).rest;
    assert!(
        shown.contains("  state: not connected (bob left; "),
        "{shown}"
    );
    let printed: Value =
        serde_json::from_str(alice.run(&["status", "--json"]).rest.trim_end()).unwrap();
    let root = root();
    let (mut status, definition) = (printed, root["$defs"]["status"].clone());
    assert_eq!(status.as_object_mut().unwrap().remove("v"), Some(json!(1)));
    assert_eq!(
        schema::mismatch(&root, &definition, &status),
        None,
        "{status}"
    );
    assert_eq!(status["pid"], json!(daemon.pid()));
    alice.attempt(&["status", "bbo"]).failed(4, "SC05");
}

#[test]
fn history_is_looked_up_written_out_and_deleted_by_what_runs() {
    let (alice, bob) = Home::friends();
    fs::write(alice.path("config.toml"), "[history]\nkeep = \"forever\"\n").unwrap();
    let (daemon, mut person) = connected(&alice, &bob);
    let mut bot = Client::of(&alice);
    bot.ask("subscribe", &json!({}));
    for number in 0..3 {
        person.say(&format!("line {number}"));
        bot.event("message");
    }
    alice.run(&["send", "bob", "an answer"]);
    let running = |args: &[&str]| alice.run(args).rest;
    let shown = running(&["history", "show"]);
    let texts: Vec<&str> = shown
        .lines()
        .map(|it| it.rsplit('\t').next().unwrap())
        .collect();
    assert_eq!(texts, ["line 0", "line 1", "line 2", "an answer"]);
    let last = running(&["history", "search", "LINE", "--in", "bob", "--last", "2"]);
    assert_eq!(last.lines().count(), 2);
    let written = running(&["history", "export", "--json"]);
    assert_eq!(written.lines().count(), 4);
    person.leave();
    bot.event("closed");
    daemon.signal(Signal::TERM);
    daemon.end();
    assert_eq!(
        running(&["history", "show"]),
        shown,
        "the same as from the file"
    );
    let (_again, _) = self::daemon(&alice);
    let purged = alice.run(&["history", "purge", "--all", "--yes"]);
    assert!(
        purged.told.contains("4 messages deleted"),
        "{}",
        purged.told
    );
    assert_eq!(running(&["history", "show"]), "");
}

#[test]
fn one_message_is_deleted_by_its_name_and_what_is_under_way_stays() {
    let (alice, bob) = Home::friends();
    fs::write(alice.path("config.toml"), "[history]\nkeep = \"forever\"\n").unwrap();
    let (_daemon, address) = daemon(&alice);
    let mut client = Client::of(&alice);
    client.ask("subscribe", &json!({}));
    let sent = client.ask("send", &json!({ "peer": "bob", "text": "for later" }));
    let delete = |id: &Value, dir: &str| json!({ "peer": "bob", "message": id, "dir": dir });
    client.request("history.delete", &delete(&sent["message"], "out"));
    let refused = client.answer()["error"].to_string();
    assert!(refused.contains("it is not delivered yet"), "{refused}");
    let mut person = bob.connect("alice", address, &[]);
    person.said("for later");
    person.say("a secret");
    let said = client.event("message");
    let said = if said["dir"] == "in" {
        said
    } else {
        client.event("message")
    };
    let gone = delete(&said["id"], "in");
    assert_eq!(
        client.ask("history.delete", &delete(&said["id"], "out"))["messages"],
        0
    );
    assert_eq!(client.ask("history.delete", &gone)["messages"], 1);
    assert_eq!(client.ask("history.delete", &gone)["messages"], 0);
    let found = client.ask("history.find", &json!({}));
    assert_eq!(found["messages"].as_array().unwrap().len(), 1, "{found}");
    client.request("history.delete", &delete(&json!("1-x"), "in"));
    let refused = client.answer()["error"].to_string();
    assert!(refused.contains("is no name of a message"), "{refused}");
}

#[test]
fn peers_that_are_added_beside_it_can_call_at_once() {
    let (alice, bob) = (Home::new(), Home::new());
    let (mut program, address) = daemon(&alice);
    alice.knows("bob", &bob);
    let mut caller = bob.call(&alice, address, &[]);
    caller.told("secure: ");
    program.told("secure: bob");
    let mut client = Client::of(&alice);
    client.ask("peers.rename", &json!({ "peer": "bob", "name": "robert" }));
    assert_eq!(
        client.ask("peers.list", &json!({}))["peers"][0]["name"],
        "robert"
    );
    assert!(alice.known_peers().contains("robert"));
    client.ask("peers.remove", &json!({ "peer": "robert" }));
    caller.told("does not want another");
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

/// Both ended well, and no file was there.
#[test]
fn what_another_program_sends_is_said_not_to_be_recorded() {
    let (alice, _bob) = Home::friends();
    let (_daemon, _) = daemon(&alice);
    let record = alice.path("record.pcapng");
    let args = ["--trace", record.to_str().unwrap()];
    let sent = alice.run(&[&args[..], &["send", "bob", "later", "--no-wait"]].concat());
    assert!(sent.told.contains("--trace records nothing here: "));
    let mut pinged = alice.start(
        &[
            &args[..],
            &["ping", "bob", "--count", "1", "--timeout", "1s"],
        ]
        .concat(),
    );
    pinged.told("--trace records nothing here: ");
    pinged.end();
    assert!(!record.exists());
}

/// It was refused, and so neither sent nor kept.
#[test]
fn what_another_program_sends_while_this_one_leaves_is_kept() {
    let (alice, _bob) = Home::friends();
    let (program, _) = daemon(&alice);
    let mut client = Client::of(&alice);
    let say = |text: &str| json!({ "peer": "bob", "text": text });
    client.ask("send", &say("first"));
    // It stays for a second, since something is not delivered.
    client.ask("quit", &json!({}));
    client.request(
        "send",
        &json!({ "peer": "bob", "text": "second", "wait_ms": 60_000 }),
    );
    assert_eq!(client.answer()["error"]["data"]["code"], "SC14");
    program.end();
    let shown = alice.run(&["status"]).rest;
    assert!(shown.contains("  waiting: 2 to be sent\n"), "{shown}");
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
    person.say("again");
    person.said("\talice\tyou said: again");
}
