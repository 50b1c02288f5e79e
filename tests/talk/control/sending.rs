//! `send` beside a program that runs, starts or ends.

use super::crowded::{PLACES, narrow};
use super::*;

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

/// It was told of the refusal alone, and sent a second time what went out later.
#[test]
fn a_message_that_nobody_takes_is_told_to_be_kept_as_without_a_daemon() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    talk.check();
    talk.alice.leave();
    let good = alice.known_peers();
    crate::introduced::forge(&alice);
    let address = talk.address.to_string();
    tells_of_it(&alice, &address, "SC31");
    fs::write(alice.path("known-peers"), good).unwrap();
    talk.bob.kill();
    bob.run(&["peers", "remove", "alice"]);
    let (_strict, address) = bob.listen(&["--trust", "strict"]);
    tells_of_it(&alice, &address.to_string(), "SC10");
}

/// What alice sends to bob at this address is kept, with a daemon and without.
fn tells_of_it(alice: &Home, address: &str, code: &str) {
    let send = ["send", "bob", "hello", "--address", address];
    let json = [&send[..], &["--json"]].concat();
    let says = || {
        let ended = alice.attempt(&send);
        ended.failed(4, code);
        let kept = "\n  1 message is kept and will be sent next time bob is reachable.\n";
        assert!(ended.told.contains(kept), "{}", ended.told);
        let ended = alice.attempt(&json);
        let error: Value = serde_json::from_str(ended.rest.lines().last().unwrap()).unwrap();
        assert_eq!((&error["code"], &error["kept"]), (&json!(code), &json!(1)));
    };
    says();
    let (program, _) = daemon(alice);
    says();
    program.signal(Signal::TERM);
    program.end();
}

/// A daemon, and two who wait until bob has what they send through it: a client, and a command.
fn two_wait(alice: &Home) -> (Program, Client, Program) {
    let (program, _) = daemon(alice);
    let mut client = Client::of(alice);
    client.ask("subscribe", &json!({}));
    let sender = alice.start(&["send", "bob", "hello", "--wait", "1h"]);
    client.event("message");
    client.request(
        "send",
        &json!({ "peer": "bob", "text": "and I", "wait_ms": 3_600_000 }),
    );
    client.event("message");
    (program, client, sender)
}

/// It was SC14 through a program, which did not say what had happened.
#[test]
fn who_is_taken_out_while_a_program_sends_is_told_of_as_without_one() {
    for (change, code) in [("revoke", "SC25"), ("remove", "SC46")] {
        let (alice, _bob) = Home::friends();
        let (_program, mut client, sender) = two_wait(&alice);
        alice.run(&["peers", change, "bob"]);
        let error = client.answer()["error"]["data"].clone();
        let told = (&error["code"], &error["exit"], &error["kept"]);
        assert_eq!(told, (&json!(code), &json!(4), &json!(0)));
        let ended = sender.end();
        ended.failed(4, code);
        let given_up = "\n  The message is given up; it will not be sent again.\n";
        assert!(ended.told.contains(given_up), "{}", ended.told);
        let moved = "error: \"bob\" does not mean whom it meant";
        assert_eq!(ended.told.contains(moved), code == "SC46", "{}", ended.told);
    }
}

/// It learned only that the program had ended.
#[cfg(target_os = "linux")]
#[test]
fn whoever_sends_what_cannot_be_written_down_is_told_so() {
    let (alice, _bob) = Home::friends();
    crate::waiting::keep(&alice, "makes the store");
    let daemon = crate::disks::with_little_room(&alice, &["daemon", "127.0.0.1:0"]);
    let mut daemon = Program::start(daemon);
    listening(&mut daemon);
    let mut client = Client::of(&alice);
    client.request(
        "send",
        &json!({ "peer": "bob", "text": "x".repeat(1_500_000) }),
    );
    let error = client.answer()["error"]["data"].clone();
    assert_eq!(
        (&error["code"], &error["exit"]),
        (&json!("SC18"), &json!(8))
    );
    daemon.end().failed(8, "SC18");
}

/// Whoever waits for a delivery is not left without a word: a script would send the message twice.
#[test]
fn a_message_that_is_waited_for_when_the_program_ends_is_told_to_be_kept() {
    let (alice, _bob) = Home::friends();
    let (program, mut client, sender) = two_wait(&alice);
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
fn a_program_that_ends_while_standard_input_is_read_takes_no_message_along() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let (program, _) = daemon(&alice);
    let address = address.to_string();
    let mut sender = alice.start(&["send", "bob", "-", "--address", &address]);
    // More than a pipe holds: it is read.
    sender.say(&"x".repeat(1 << 17));
    program.signal(Signal::TERM);
    program.end();
    sender.leave();
    listener.said("\talice\txxx");
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
    // It stays for a second, since something is not delivered; by then it has both.
    client.request("quit", &json!({}));
    client.request(
        "send",
        &json!({ "peer": "bob", "text": "second", "wait_ms": 60_000 }),
    );
    assert_eq!(client.read()["result"], json!({}), "it quits");
    assert_eq!(client.answer()["error"]["data"]["code"], "SC14");
    program.end();
    let shown = alice.run(&["status"]).rest;
    assert!(shown.contains("  waiting: 2 to be sent\n"), "{shown}");
}

/// As many as a program serves, and none of them leaves or is idle.
#[test]
fn clients_that_sit_there_hold_nobody_up_for_long_and_take_no_message() {
    let (alice, _bob) = Home::friends();
    let _daemon = narrow(&alice);
    let mut sitting: Vec<Client> = (0..PLACES).map(|_| Client::of(&alice)).collect();
    for client in &mut sitting {
        client.ask("subscribe", &json!({}));
    }
    let five = Duration::from_secs(5);
    within(five, || alice.run(&["peers", "rename", "bob", "robert"]));
    let sent = within(Duration::from_secs(6), || {
        alice.attempt(&["send", "robert", "hello", "--wait", "1s"])
    });
    sent.failed(1, "SC41");
    let words = "the message was neither sent nor kept";
    assert!(sent.told.contains(words), "{}", sent.told);
    // One that leaves makes room, for which a message waits.
    let sender = alice.start(&["send", "robert", "hello", "--no-wait"]);
    drop(sitting);
    assert_eq!(sender.end().code, Some(0));
}
