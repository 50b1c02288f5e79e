//! What outlives a program: messages that wait, and those that perhaps nobody has seen.

use std::fs;
#[cfg(target_os = "linux")]
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::home::{Home, check, free_port};
use crate::program::Program;
#[cfg(target_os = "linux")]
use crate::program::until;

const KEPT: &str = "1 message is kept and will be sent next time bob is reachable\n";

/// Keeps a message of alice's for bob.
pub(crate) fn keep(alice: &Home, text: &str) {
    let ended = alice.run(&["send", "bob", text, "--no-wait"]);
    assert_eq!((ended.rest.as_str(), ended.told.as_str()), ("", KEPT));
}

/// The next records are these messages of alice's, unmarked.
fn are_next(listener: &mut Program, texts: &[&str]) {
    for text in texts {
        let record = listener.said("");
        assert!(
            record.ends_with(&format!("\talice\t{text}")),
            "{record:?} is not {text:?}"
        );
    }
}

/// The store of somebody.
pub(crate) fn store(home: &Home) -> PathBuf {
    let files = fs::read_dir(home.path("")).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let is_store = |path: &PathBuf| path.extension().is_some_and(|it| it == "redb");
    files.find(is_store).unwrap()
}

/// What was printed, as numbers of lines, and whether each was marked.
pub(crate) fn numbers(records: &str) -> Vec<(usize, bool)> {
    let number = |line: &str| {
        let is_again = line.ends_with("\tagain");
        let line = line.split("\tline ").nth(1)?;
        Some((line.split([' ', '\t']).next()?.parse().ok()?, is_again))
    };
    records.lines().filter_map(number).collect()
}

/// Each number once, in the order of its first time; later times are marked.
pub(crate) fn once(shown: &[(usize, bool)]) -> Vec<usize> {
    let mut first = Vec::new();
    for (number, is_again) in shown {
        if first.contains(number) {
            assert!(is_again, "{number} is repeated unmarked");
        } else {
            first.push(*number);
        }
    }
    first
}

#[test]
fn what_is_kept_without_waiting_needs_no_network_and_goes_before_anything_new() {
    let (alice, bob) = Home::friends();
    for text in ["one", "two", "three"] {
        keep(&alice, text);
    }
    let quiet = alice.run(&["-q", "send", "bob", "four", "--no-wait"]);
    assert_eq!((quiet.rest.as_str(), quiet.told.as_str()), ("", ""));
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    caller.say("five");
    caller.told("4 messages from before wait for bob\n".trim_end());
    are_next(&mut listener, &["one", "two", "three", "four", "five"]);
    caller.leave();
    let again = alice.connect("bob", address, &[]).leave();
    assert!(!again.told.contains("from before"), "{}", again.told);
    assert_eq!(listener.kill().rest, "");
}

#[test]
fn nothing_is_kept_for_nobody() {
    let (alice, _bob) = Home::friends();
    let keep = |name: &str| alice.attempt(&["send", name, "hello", "--no-wait"]);
    keep("nobody").failed(4, "SC05");
    alice.run(&["peers", "revoke", "bob"]);
    keep("bob").failed(4, "SC25");
    let both = ["send", "bob", "hello", "--no-wait", "--wait", "1s"];
    assert_eq!(alice.attempt(&both).code, Some(2));
}

#[test]
fn a_listener_sends_what_waits_to_whoever_comes() {
    let (alice, bob) = Home::friends();
    bob.run(&["send", "alice", "for you", "--no-wait"]);
    let (mut listener, address) = bob.listen(&[]);
    listener.told("1 message from before waits for alice");
    let mut caller = alice.connect("bob", address, &[]);
    assert!(caller.said("").ends_with("\tbob\tfor you"));
    check(&mut caller, &mut listener);
}

#[test]
fn a_message_that_was_not_delivered_in_time_is_kept_and_goes_before_the_next() {
    let (alice, bob) = Home::friends();
    let nobody = free_port().to_string();
    let late = [
        "send",
        "bob",
        "one",
        "--address",
        &nobody,
        "--wait",
        "500ms",
    ];
    let ended = alice.attempt(&late);
    ended.failed(6, "SC14");
    let kept = "\n  1 message is kept and will be sent next time bob is reachable.\n";
    assert!(ended.told.contains(kept), "{}", ended.told);
    let (mut listener, address) = bob.listen(&[]);
    let ended = alice.run(&["send", "bob", "two", "--address", &address.to_string()]);
    assert!(ended.told.contains("1 message from before goes first\n"));
    assert!(ended.told.contains("delivered to bob after "));
    are_next(&mut listener, &["one", "two"]);
}

#[cfg(unix)]
#[test]
fn a_signal_that_ends_the_wait_says_that_the_message_is_kept() {
    let (alice, _bob) = Home::friends();
    let nobody = free_port().to_string();
    let mut sender = alice.start(&["send", "bob", "one", "--address", &nobody]);
    sender.told("connecting to bob");
    sender.signal(rustix::process::Signal::INT);
    let ended = sender.end();
    assert_eq!(ended.code, Some(130), "{}", ended.transcript);
    assert!(ended.told.ends_with(KEPT), "{}", ended.told);
}

#[test]
fn a_message_to_a_key_that_is_not_saved_waits_for_that_key() {
    let (alice, bob) = (Home::new(), Home::new());
    bob.knows("alice", &alice);
    let (listener, address) = bob.listen(&[]);
    let mut caller = alice.call(&bob, address, &["--linger", "500ms"]);
    caller.told("secure: ");
    listener.kill();
    caller.say("to a key");
    caller.close();
    caller.end().failed(6, "SC14");
    // Another conversation leaves it alone.
    let (mut idle, _) = alice.listen(&[]);
    let label = format!("key:{}", &bob.key()[..8]);
    idle.told(&format!(
        "1 message from before waits for {label}, who is not among your peers"
    ));
    idle.kill();
    let (mut listener, address) = bob.listen(&[]);
    let caller = alice.call(&bob, address, &[]);
    are_next(&mut listener, &["to a key"]);
    caller.leave();
}

#[test]
fn what_waits_for_a_revoked_key_is_given_up_and_said_once() {
    let (alice, bob) = Home::friends();
    keep(&alice, "secret");
    let key = bob.key();
    alice.run(&["peers", "revoke", "bob"]);
    let listen = || alice.listen(&[]).0.kill().transcript;
    let warning = "warning: 1 message for bob will not be sent: the key is revoked\n";
    let told = listen();
    assert!(told.contains(warning), "{told}");
    let told = listen();
    assert!(!told.contains("message"), "{told}");
    assert!(alice.known_peers().contains(&key));
}

#[test]
fn what_is_given_up_at_a_start_is_a_failed_receipt_for_programs() {
    let (alice, _bob) = Home::friends();
    let kept = alice
        .run(&["send", "bob", "secret", "--no-wait", "--json"])
        .rest;
    let kept = crate::programs::parse(kept.trim_end());
    alice.run(&["peers", "revoke", "bob"]);
    let mut program = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    let receipt = crate::programs::event(&mut program, "receipt");
    assert_eq!(receipt["id"], kept["message"], "{receipt}");
    assert_eq!(receipt["state"], "failed", "{receipt}");
    assert_eq!(receipt["reason"], "the key is revoked", "{receipt}");
}

/// It was said before the screen opened, and so behind it.
#[cfg(target_os = "linux")]
#[test]
fn what_is_given_up_at_a_start_stands_on_the_screen() {
    let (alice, _bob) = Home::friends();
    keep(&alice, "secret");
    alice.run(&["peers", "revoke", "bob"]);
    let mut person = crate::screen::Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    // It is open, and what was printed before is gone from it.
    person.sees("others can run:");
    person.sees("1 message for bob will not be sent: the key is revoked");
}

/// It was written down as over before that.
#[test]
fn what_a_start_that_fails_would_give_up_is_said_by_the_next_one() {
    let (alice, _bob) = Home::friends();
    keep(&alice, "secret");
    alice.run(&["peers", "revoke", "bob"]);
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let place = taken.local_addr().unwrap().to_string();
    alice.attempt(&["listen", &place]).failed(3, "SC12");
    let told = alice.listen(&[]).0.kill().transcript;
    let warning = "warning: 1 message for bob will not be sent: the key is revoked\n";
    assert!(told.contains(warning), "{told}");
}

#[test]
fn what_waits_for_a_peer_that_is_removed_meanwhile_is_given_up() {
    let (alice, bob) = Home::friends();
    keep(&alice, "not any more");
    let (mut idle, _) = alice.listen(&[]);
    alice.run(&["peers", "remove", "bob"]);
    idle.told("failed: the contact was removed");
    idle.kill();
    alice.knows("bob", &bob);
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    check(&mut caller, &mut listener);
}

/// A program that has received a message, and hangs before it has shown all of it. Returns the message: the text, with
/// so much behind it that no pipe holds it.
#[cfg(target_os = "linux")]
fn hangs_with_a_message(alice: &Home, bob: &Home, text: &str) -> String {
    use rustix::io::ioctl_fionread;
    let command = bob.command(&["listen", "127.0.0.1:0"]);
    let (mut listener, mut stuck) = Program::with_stuck_reader(command);
    let address = crate::home::listening(&mut listener).to_string();
    let full = usize::try_from(ioctl_fionread(&stuck).unwrap()).unwrap();
    stuck.read_exact(&mut vec![0; full]).unwrap();
    let text = format!("{text} {}", "x".repeat(full));
    let mut sender = alice.start(&["send", "bob", "-", "--address", &address, "--wait", "1h"]);
    sender.say(&text);
    sender.close();
    // What is printed has been written down.
    until("the beginning of the message", || {
        (ioctl_fionread(&stuck).unwrap() > 0).then_some(())
    });
    sender.signal(rustix::process::Signal::INT);
    let ended = sender.end();
    assert_eq!(ended.code, Some(130), "{}", ended.transcript);
    assert!(ended.told.ends_with(KEPT), "{}", ended.told);
    listener.kill();
    text
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_perhaps_not_shown_is_shown_marked_once_and_then_has_its_receipt() {
    let (alice, bob) = Home::friends();
    let text = hangs_with_a_message(&alice, &bob, "did you see this?");
    let (mut listener, address) = bob.listen(&[]);
    let record = listener.said("");
    assert!(
        record.ends_with(&format!("\talice\t{text}\tagain")),
        "{record}"
    );
    let ended = alice.run(&["send", "bob", "yes", "--address", &address.to_string()]);
    assert!(ended.told.contains("1 message from before goes first"));
    are_next(&mut listener, &["yes"]);
    listener.kill();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    check(&mut caller, &mut listener);
    assert!(!caller.leave().told.contains("from before"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_person_is_shown_the_mark_and_the_numbers_of_what_waits() {
    use crate::terminal::{quit, sees_prompt, start};
    let (alice, bob) = Home::friends();
    hangs_with_a_message(&alice, &bob, "seen?");
    for text in ["a", "b"] {
        bob.run(&["send", "alice", text, "--no-wait"]);
    }
    let (mut caller, address) = alice.listen(&[]);
    let mut person = start(bob.command(&["connect", "alice", &address.to_string()]));
    person.said(" alice (again): seen? x");
    person.said("2 messages from before wait for alice: [1] to [2]");
    person.said(" [1] delivered");
    person.said(" [2] delivered");
    sees_prompt(&mut person, "alice");
    person.say("c");
    person.said(" me [3]: c");
    person.said(" [3] delivered");
    for text in ["a", "b", "c"] {
        assert!(caller.said("").ends_with(&format!("\tbob\t{text}")));
    }
    assert_eq!(quit(person).code, Some(0));
}

#[test]
fn a_store_of_yesterday_uses_no_name_again_and_shows_nothing_again() {
    let (alice, bob) = Home::friends();
    let copy = |from: &Path, to: &Path| fs::copy(from, to).unwrap();
    let backup = alice.path("backup");
    keep(&alice, "one");
    keep(&alice, "two");
    copy(&store(&alice), &backup);
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    check(&mut caller, &mut listener);
    caller.leave();
    // What was delivered since is sent again under its old name; what is new has a new one.
    copy(&backup, &store(&alice));
    let mut caller = alice.connect("bob", address, &[]);
    caller.told("2 messages from before wait for bob");
    caller.say("new");
    listener.told("alice left");
    are_next(&mut listener, &["new"]);
    caller.leave();
    let again = alice.connect("bob", address, &[]).leave();
    assert!(!again.told.contains("from before"), "{}", again.told);
    assert_eq!(listener.kill().rest, "");
}

#[test]
fn a_receivers_store_of_yesterday_takes_what_is_new_since() {
    let (alice, bob) = Home::friends();
    let talk = |text: &str| {
        // It ends by itself: a killed one may not have written down what it has shown, and shows it again.
        let (mut listener, address) = bob.listen(&["--once"]);
        alice.run(&["send", "bob", text, "--address", &address.to_string()]);
        are_next(&mut listener, &[text]);
        assert_eq!(listener.end().rest, "");
    };
    talk("one");
    let backup = fs::read(store(&bob)).unwrap();
    talk("two");
    fs::write(store(&bob), backup).unwrap();
    talk("three");
}

#[test]
fn what_is_kept_while_a_program_has_the_identity_is_kept_by_that_program() {
    let (alice, bob) = Home::friends();
    let (mut listener, _) = alice.listen(&[]);
    // A second conversation is none.
    alice.attempt(&["listen", "127.0.0.1:0"]).failed(8, "SC15");
    if cfg!(unix) {
        alice.run(&["send", "bob", "hello", "--no-wait"]);
        listener.kill();
        (listener, _) = alice.listen(&[]);
        listener.told("1 message from before waits for bob");
    } else {
        let ended = alice.attempt(&["send", "bob", "hello", "--no-wait"]);
        ended.failed(8, "SC15");
    }
    drop(bob);
}

#[test]
fn a_damaged_store_starts_nothing_says_so_and_stays_as_it_is() {
    let (alice, bob) = Home::friends();
    keep(&alice, "one");
    let path = store(&alice);
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&path, &bytes).unwrap();
    let all: [&[&str]; 3] = [
        &["listen", "127.0.0.1:0"],
        &["connect", "bob", "127.0.0.1:9"],
        &["send", "bob", "two", "--no-wait"],
    ];
    for args in all {
        let ended = alice.attempt(args);
        ended.failed(8, "SC19");
        assert!(
            ended.told.contains("it is damaged; lost: "),
            "{}",
            ended.told
        );
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
    // Another identity's store is not ours.
    bob.run(&["send", "alice", "x", "--no-wait"]);
    fs::copy(store(&bob), &path).unwrap();
    alice.attempt(all[0]).failed(8, "SC19");
    fs::remove_file(&path).unwrap();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    check(&mut caller, &mut listener);
}
