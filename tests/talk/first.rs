//! The first conversations with somebody: what is suggested does what it says.

use serde_json::json;

use crate::home::Home;
use crate::program::Program;
use crate::programs::{ask, event, listening};
use crate::screen::Person;
use crate::terminal;

/// bob, whom alice does not know, listens; where, and under which key.
fn stranger() -> (Home, Program, String, String) {
    let bob = Home::new();
    let (listener, address) = bob.listen(&["--trust", "new"]);
    let key = bob.key();
    (bob, listener, address.to_string(), key)
}

/// It was kept without where it had been reached, so that nobody could be called by the name.
#[test]
fn who_is_saved_in_a_conversation_is_called_by_name_afterwards() {
    let (_bob, _listener, address, key) = stranger();
    let connect = ["connect", "--peer-key", &key, &address];
    let screen = || {
        let alice = Home::new();
        let mut person = Person::starts(&alice, &connect);
        person.sees("secure: key:");
        person.sees("/save NAME keeps this key");
        person.says("/save bob");
        person.sees("saved as bob");
        drop(person);
        alice
    };
    let lines = || {
        let alice = Home::new();
        let mut person = terminal::start(alice.command(&connect));
        person.said("secure: key:");
        person.said("/save NAME keeps this key");
        person.say("/save bob");
        person.said("saved as bob");
        person.say("/quit");
        person.end();
        alice
    };
    for alice in [screen(), lines()] {
        let known = alice.known_peers();
        assert!(known.contains(&format!(" addr={address}")), "{known}");
        let mut again = alice.start(&["connect", "bob"]);
        again.told("secure: bob");
        again.leave();
    }
}

/// A program that reads lines or events has no use for it, and who is saved needs none.
#[test]
fn only_a_person_is_told_once_that_a_key_without_a_name_is_not_kept() {
    let (_bob, mut listener, address, key) = stranger();
    let hint = "/save NAME";
    let alice = Home::new();
    let connect = ["connect", "--peer-key", &key, &address];
    let mut pipe = alice.start(&connect);
    pipe.told("secure: ");
    pipe.say("hello");
    listener.said("hello");
    let piped = pipe.leave();
    assert!(!piped.transcript.contains(hint), "{}", piped.transcript);
    let save_as = [&connect[..], &["--save-as", "bob"]].concat();
    let mut person = terminal::start(alice.command(&save_as));
    person.said("secure: bob");
    // What is told of it can be typed.
    person.said("saved as bob");
    person.said("Compare four words with bob to be sure who it is: /verify bob");
    person.say("/verify bob");
    person.said("verify: ");
    person.say("/quit");
    let ended = person.end();
    assert!(!ended.transcript.contains(hint), "{}", ended.transcript);
    assert!(
        !ended.transcript.contains("no peer called"),
        "{}",
        ended.transcript
    );
}

#[test]
fn a_key_in_the_place_of_a_name_is_called() {
    let (_bob, mut listener, address, key) = stranger();
    let alice = Home::new();
    let mut caller = alice.start(&["connect", &key, &address]);
    caller.told("secure: key:");
    caller.say("hello");
    listener.said("hello");
    caller.leave();
    let pinged = alice.run(&["ping", &key, &address, "--count", "1"]);
    assert!(pinged.rest.contains("1 answered"), "{}", pinged.transcript);
}

/// The suggested command works, also while a program has the identity.
#[test]
fn where_no_address_is_saved_the_suggested_command_saves_one() {
    let (alice, bob) = Home::friends();
    let (_listener, address) = bob.listen(&[]);
    let suggested = format!("peers add bob {} --address HOST:PORT", bob.key());
    let connect = alice.suggested("connect bob HOST:PORT");
    let alone = alice.attempt(&["connect", "bob"]);
    alone.failed(2, "SC27");
    assert!(
        alone.told.contains(&alice.suggested(&suggested)),
        "{}",
        alone.told
    );
    assert!(alone.told.contains(&connect), "{}", alone.told);
    let (_program, _) = alice.listen(&[]);
    let beside = alice.attempt(&["connect", "bob"]);
    beside.failed(2, "SC27");
    assert!(
        beside.told.contains(&alice.suggested(&suggested)),
        "{}",
        beside.told
    );
    assert!(!beside.told.contains(&connect), "{}", beside.told);
    let command = suggested.replace("HOST:PORT", &address.to_string());
    alice.run(&command.split(' ').collect::<Vec<_>>());
    let pinged = alice.run(&["ping", "bob", "--count", "1"]);
    assert!(pinged.rest.contains("1 answered"), "{}", pinged.transcript);
}

/// It failed about somebody who was there, and what it told to do failed, too.
#[test]
fn doctor_asks_the_program_that_runs_where_no_address_is_saved() {
    let (alice, bob) = Home::friends();
    let (mut program, address) = alice.listen(&[]);
    let way = |outcome: &str| {
        let ended = alice.attempt(&["doctor", "--peer", "bob"]);
        let head = format!("{outcome:<8} the way to a peer ");
        let found = ended
            .rest
            .lines()
            .skip_while(|line| !line.starts_with(&head));
        let told: Vec<&str> = found.take(2).collect();
        assert_eq!(told.len(), 2, "{}", ended.transcript);
        (ended.code, told.join("\n"))
    };
    let (code, told) = way("FAIL");
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("to do: ") && told.contains("peers add bob "),
        "{told}"
    );
    assert!(!told.contains(" connect "), "{told}");
    let _caller = bob.connect("alice", address, &[]);
    program.told("secure: bob");
    let (code, told) = way("ok");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains(": connected"), "{told}");
    assert!(told.contains(&alice.suggested("ping bob")), "{told}");
}

/// It promised that the next message would ask once more, and ended when that was refused.
#[test]
fn a_screen_stays_when_somebody_has_said_no_and_says_what_asks_once_more() {
    let (alice, bob) = (Home::new(), Home::new());
    let mut listener = bob.start(&["listen", "127.0.0.1:0", "--json", "--trust", "ask"]);
    let address = listening(&mut listener).to_string();
    let key = bob.key();
    let connect = ["connect", "--peer-key", &key, &address];
    let mut person = Person::starts(&alice, &connect);
    let caller = event(&mut listener, "caller");
    let reject = json!({ "cmd": "reject", "key": caller["key"] });
    ask(&mut listener, &reject);
    person.sees("does not want another");
    person.says("/whois");
    person.sees("to have it asked once more");
    person.says("are you sure?");
    person.sees("refused the connection");
    person.says("/status");
    person.sees("1 undelivered");
    drop(person);
    let _again = Person::starts(&alice, &connect);
    assert_eq!(event(&mut listener, "caller")["key"], json!(alice.key()));
}

/// It was said to be called, and nothing followed.
#[test]
fn who_is_connected_is_not_called() {
    let (alice, bob) = (Home::new(), Home::new());
    alice.knows("bob", &bob);
    let mut listener = bob.start(&["listen", "127.0.0.1:0", "--json"]);
    let address = listening(&mut listener).to_string();
    bob.run(&[
        "peers",
        "add",
        "alice",
        &alice.key(),
        "--address",
        "127.0.0.1:9",
    ]);
    let mut person = Person::starts(&alice, &["connect", "bob", &address]);
    person.sees("secure: bob");
    person.says("/connect");
    person.sees("bob is connected already");
    person.says("/connect bob");
    event(&mut listener, "secure");
    ask(
        &mut listener,
        &json!({ "cmd": "connect", "id": 1, "peer": "alice" }),
    );
    loop {
        let told = crate::programs::parse(&listener.said(""));
        assert_ne!(told["type"], "connecting", "{told}");
        if told["type"] == "answer" {
            assert_eq!(told["result"], json!({ "connected": true }));
            break;
        }
    }
    person.says("still here");
    assert_eq!(event(&mut listener, "message")["text"], "still here");
}

/// `^[[D` was sent for an arrow.
#[test]
fn keys_in_a_line_are_not_sent_and_what_was_typed_beside_them_is_shown() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let connect = alice.command(&["connect", "bob", &address.to_string()]);
    let mut person = terminal::start(connect);
    person.said("secure: bob");
    terminal::sees_prompt(&mut person, "bob");
    person.say("dinner at seven\u{1b}[D\u{1b}[D?");
    person.said("keys such as arrows do nothing in lines (nothing was sent)");
    person.said("without them it is: dinner at seven?");
    person.say("\u{1b}/quit");
    person.said("without them it is: /quit");
    // The first line of a secret key is one with keys in it, too: the lines behind it are refused.
    person.say("\u{1b}[A-----BEGIN OPENSSH PRIVATE KEY-----");
    person.said("not sent: that holds a SECRET key");
    person.say(&"b3BlbnNzaC1rZXktdjEA".repeat(3));
    person.said("not sent: that holds a SECRET key");
    person.say("-----END OPENSSH PRIVATE KEY-----");
    person.said("not sent: that holds a SECRET key");
    person.say("dinner at eight?");
    assert!(listener.said("").ends_with("\tdinner at eight?"));
}

/// It listened, and called everybody.
#[test]
fn alone_with_its_output_elsewhere_it_prints_a_guide() {
    let home = Home::new();
    let ended = Program::typed_at(home.command(&[])).end();
    assert_eq!((ended.code, ended.told.as_str()), (Some(0), ""));
    let guide = "securechat - private chat between two terminals";
    assert!(ended.rest.starts_with(guide), "{}", ended.rest);
}

/// A guide was printed, which said that it was the full screen.
#[test]
fn alone_in_lines_it_calls_everybody_whose_address_is_saved() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let place = address.to_string();
    alice.run(&["peers", "add", "bob", &bob.key(), "--address", &place]);
    let settings = "[net]\nlisten = \"127.0.0.1:0\"\n[ui]\nmode = \"plain\"\n";
    std::fs::write(alice.path("config.toml"), settings).unwrap();
    let Person { mut program, .. } = Person::starts(&alice, &[]);
    program.said("listening on 127.0.0.1:");
    program.said(&format!("connecting to bob at {place}"));
    program.said("secure: bob");
    terminal::sees_prompt(&mut program, "bob");
    program.say("hello");
    assert!(listener.said("").ends_with("\talice\thello"));
    program.said("[1] delivered");
    let ended = terminal::quit(program);
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    let plain = Person::starts(&Home::empty(), &["--plain"]);
    let (ended, ..) = plain.ends();
    assert!(ended.transcript.contains("securechat keygen"), "the guide");
}

/// Whoever had saved this machine with the usual port got no answer, and nothing here said why.
#[test]
fn who_does_not_get_the_usual_port_is_told_so() {
    let homes = [(); 2].map(|()| Home::new());
    let mut programs = homes.each_ref().map(|home| {
        let Person { program, .. } = Person::starts(home, &["--plain"]);
        program
    });
    // Another test may have it.
    let usual = programs.each_mut().map(|program| {
        let is_usual = program.said("listening on ").contains(":7419");
        program.said("others can run:");
        is_usual
    });
    assert_ne!(usual, [true; 2]);
    for (program, is_usual) in programs.into_iter().zip(usual) {
        let ended = terminal::quit(program);
        let words =
            "port 7419 is taken by another program: whoever calls you there does not reach you";
        assert_eq!(
            ended.transcript.contains(words),
            !is_usual,
            "{}",
            ended.transcript
        );
    }
}
