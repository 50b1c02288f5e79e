//! What somebody at a terminal learns of each message, and to whom a line goes.

use std::time::Duration;

use crate::home::{Home, free_port};
use crate::program::{Program, within};
use crate::rude::{LOST, Rude};
use crate::terminal::{listen, quit, sees_prompt, start};

/// Calls bob at a terminal.
fn call(alice: &Home, address: &str, args: &[&str]) -> Program {
    start(alice.command(&[&["connect", "bob", address], args].concat()))
}

/// The line without the clock in front and the end behind.
fn after_clock(line: &str) -> &str {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let (clock, rest) = line.split_at(6);
    assert!(
        clock.ends_with(' ') && clock.as_bytes()[2] == b':',
        "{line}"
    );
    rest
}

#[test]
fn each_message_has_a_number_and_its_receipt_has_the_same() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = call(&alice, &address.to_string(), &[]);
    caller.said("secure: bob");
    for (number, text) in ["yes", "no", "@@home"].into_iter().enumerate() {
        let number = number + 1;
        sees_prompt(&mut caller, "bob");
        caller.say(text);
        let text = text.replace("@@", "@");
        let own = caller.said(" me [");
        assert_eq!(after_clock(&own), format!("me [{number}]: {text}"));
        let receipt = caller.said(&format!(" [{number}] "));
        assert_eq!(after_clock(&receipt), format!("[{number}] delivered"));
        listener.said(&format!("\talice\t{text}"));
    }
    listener.say("good");
    assert_eq!(after_clock(&caller.said(" bob: ")), "bob: good");
    let ended = quit(caller);
    assert_eq!(ended.code, Some(0));
    assert!(!ended.rest.contains("not delivered"), "{}", ended.rest);
}

#[test]
fn a_message_that_cannot_leave_says_why_and_what_is_tried_next() {
    let (alice, bob) = Home::friends();
    let address = free_port().to_string();
    let mut caller = call(&alice, &address, &["--retry"]);
    caller.said("closed port reported at ");
    caller.say("are you there?");
    let queued = caller.said(" [1] queued: ");
    let queued = after_clock(&queued);
    let why = format!("[1] queued: closed port reported at {address}; trying again in ");
    let wait = queued.strip_prefix(&why);
    let seconds = wait.and_then(|wait| wait.strip_suffix(" s")).unwrap();
    assert!(
        (1..=6).contains(&seconds.parse::<u32>().unwrap()),
        "{queued}"
    );
    let (mut listener, _) = bob.listen_at(&address, &[]);
    caller.said("1 message that waited is sent now");
    listener.said("\talice\tare you there?");
    caller.said(" [1] delivered");
}

#[test]
fn a_message_into_a_silence_says_how_long_nothing_has_been_heard() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = call(&alice, &address.to_string(), &[]);
    caller.said("secure: bob");
    caller.say("one");
    listener.said("\talice\tone");
    caller.said(" [1] delivered");
    listener.kill();
    caller.say("two");
    caller.said("link: nothing heard from bob for 5 s");
    caller.say("three");
    caller.said(" [3] queued: nothing heard from bob for ");
    caller.say("/status");
    caller.said("bob: silent, at ");
    let told =
        "2 messages are kept and will be sent next time bob is reachable (arrival not known)";
    let ended = quit(caller);
    assert!(ended.rest.contains(told), "{}", ended.rest);
}

#[test]
fn a_message_that_had_no_room_to_wait_is_told_from_those_that_are_kept() {
    const OUTBOX: usize = 1_000;
    let (alice, bob) = Home::friends();
    let command = bob.command(&["listen", "127.0.0.1:0"]);
    let (mut listener, _stuck) = Program::with_stuck_reader(command);
    let address = crate::home::listening(&mut listener).to_string();
    let mut caller = call(&alice, &address, &[]);
    caller.said("secure: bob");
    for _ in 0..=OUTBOX {
        caller.say("x");
    }
    // One is told before the other if both were read together.
    let last = format!(" me [{OUTBOX}]");
    let mut left = vec![last.as_str(), "waits for room: "];
    while !left.is_empty() {
        let line = caller.said("");
        left.retain(|wanted| !line.contains(wanted));
    }
    caller.signal(rustix::process::Signal::INT);
    let ended = caller.end();
    let told = format!("{OUTBOX} messages are kept and will be sent next time bob is reachable");
    assert!(ended.rest.contains(&told), "{}", ended.rest);
    assert!(
        ended.rest.contains("1 message was not taken"),
        "{}",
        ended.rest
    );
}

#[test]
fn who_leaves_is_told_what_is_kept() {
    let (alice, _bob) = Home::friends();
    let address = free_port().to_string();
    let mut caller = call(&alice, &address, &["--retry"]);
    caller.say("one");
    caller.said(" [1] queued: ");
    caller.say("two");
    caller.said(" [2] queued: ");
    let ended = within(Duration::from_secs(1), || quit(caller));
    let told = "2 messages are kept and will be sent next time bob is reachable\r\n";
    assert!(ended.rest.ends_with(told), "{}", ended.rest);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn what_was_sent_and_not_confirmed_is_told_apart() {
    let (alice, bob) = Home::friends();
    let command = bob.command(&["listen", "127.0.0.1:0"]);
    let (mut listener, _stuck) = Program::with_stuck_reader(command);
    let address = crate::home::listening(&mut listener).to_string();
    let mut caller = call(&alice, &address, &[]);
    caller.said("secure: bob");
    caller.say("hello");
    let late = caller.said(" [1] sent");
    assert_eq!(after_clock(&late), "[1] sent; bob has not shown it yet");
    let ended = within(Duration::from_secs(1), || quit(caller));
    let told = "1 message is kept and will be sent next time bob is reachable (arrival not known)";
    assert!(ended.rest.contains(told), "{}", ended.rest);
}

/// Somebody whom bob knows under this name too.
fn friend(bob: &Home, name: &str) -> Home {
    let home = Home::new();
    home.knows("bob", bob);
    bob.knows(name, &home);
    home
}

#[test]
fn a_line_goes_to_whom_the_prompt_shows_and_a_name_addresses_another() {
    let (alice, bob) = Home::friends();
    let carol = friend(&bob, "carol");
    let (mut listener, address) = listen(&bob, &[]);
    let mut first = alice.connect("bob", address, &[]);
    listener.said("secure: alice");
    sees_prompt(&mut listener, "alice");
    let mut second = carol.connect("bob", address, &[]);
    listener.said("@carol TEXT says something there");
    listener.say("to alice");
    assert!(first.said("").ends_with("\tbob\tto alice"));
    listener.said(" me [1] to alice: to alice");
    listener.said(" [1] to alice: delivered");
    listener.say("@carol hello carol");
    assert!(second.said("").ends_with("\tbob\thello carol"));
    listener.said(" [2] to carol: delivered");
    sees_prompt(&mut listener, "carol");
    listener.say("and more");
    assert!(second.said("").ends_with("\tbob\tand more"));
    listener.say("@alice");
    sees_prompt(&mut listener, "alice");
    listener.say("back to you");
    assert!(first.said("").ends_with("\tbob\tback to you"));
    assert_eq!(quit(listener).code, Some(0));
}

#[test]
fn a_line_for_somebody_who_has_left_waits_and_goes_to_nobody_else() {
    let (alice, bob) = Home::friends();
    let carol = friend(&bob, "carol");
    let (mut listener, address) = listen(&bob, &[]);
    let first = alice.connect("bob", address, &[]);
    listener.said("secure: alice");
    sees_prompt(&mut listener, "alice");
    first.leave();
    listener.said("alice left");
    let mut second = carol.connect("bob", address, &[]);
    listener.said("secure: carol");
    sees_prompt(&mut listener, "alice");
    listener.say("for alice only");
    listener.said(" [1] to alice: queued: alice left; ");
    listener.say("@carol for carol");
    assert!(second.said("").ends_with("\tbob\tfor carol"));
    listener.said(" [2] to carol: delivered");
    let mut again = alice.connect("bob", address, &[]);
    assert!(again.said("").ends_with("\tbob\tfor alice only"));
    listener.said(" [1] to alice: delivered");
    assert_eq!(quit(listener).code, Some(0));
}

#[test]
fn the_prompt_of_a_removed_peer_becomes_nobodys() {
    let (alice, bob) = Home::friends();
    let carol = friend(&bob, "carol");
    let (mut listener, address) = listen(&bob, &[]);
    let _first = alice.connect("bob", address, &[]);
    listener.said("secure: alice");
    sees_prompt(&mut listener, "alice");
    bob.run(&["peers", "remove", "alice"]);
    listener.said("the session was ended");
    let second = carol.connect("bob", address, &[]);
    listener.said("secure: carol");
    listener.say("for alice only");
    listener.said("to whom? Begin the line with @NAME (nothing was sent)");
    assert_eq!(quit(listener).code, Some(0));
    assert_eq!(second.end().rest, "");
}

#[test]
fn commands_tell_who_is_there_and_how_things_stand() {
    let (alice, bob) = Home::friends();
    bob.knows("carol", &Home::new());
    let (mut listener, address) = listen(&bob, &[]);
    let mut caller = alice.connect("bob", address, &[]);
    listener.said("secure: alice");
    sees_prompt(&mut listener, "alice");
    listener.say("/ping");
    let pong = listener.said("ping: alice answered after ");
    assert!(pong.ends_with("s\r"), "{pong}");
    listener.say("/ping carol");
    listener.said("cannot ping: carol is not connected; no address is known, so it has to call");
    listener.say("/whois alice");
    listener.said("name        alice");
    let key = listener.said("key         ").replace(' ', "");
    assert_eq!(
        format!("{}=", key.trim_end()),
        format!("key{}", alice.key())
    );
    listener.said("verified    [not verified]; ");
    listener.said("address     127.0.0.1:");
    listener.said("state       connected since ");
    listener.said("round trip  ");
    listener.say("hello");
    caller.said("hello");
    listener.said(" [1] delivered");
    listener.say("/status");
    let line = listener.said("alice: connected, at 127.0.0.1:");
    for part in [", round trip ", ", heard ", ", key 0:", ", 0 undelivered"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    listener.said("carol: not connected, 0 undelivered");
    listener.said("  carol is not connected; no address is known, so it has to call");
    listener.say("/whois");
    listener.said("name        alice");
    listener.say("/whois nobody");
    listener.said("no peer called \"nobody\"");
    assert_eq!(quit(listener).code, Some(0));
    caller.end();
}

#[test]
fn a_message_that_waited_for_long_shows_when_it_was_written() {
    let (rude, bob) = (Rude::new(), Home::new());
    bob.run(&["peers", "add", "rude", &rude.key()]);
    let (mut listener, address) = listen(&bob, &[]);
    let peer = rude.connect(&bob, address);
    listener.said("secure: rude");
    // It says to have been written when time began.
    rude.say(peer, b"at last");
    let line = listener.said("at last");
    assert!(line.contains(" rude (sent 19"), "{line}");
}

#[test]
fn messages_that_never_come_are_counted_where_they_are_missing() {
    let (rude, bob) = (Rude::new(), Home::new());
    bob.run(&["peers", "add", "rude", &rude.key()]);
    let (mut listener, address) = listen(&bob, &[]);
    let peer = rude.connect(&bob, address);
    rude.say(peer, b"one");
    listener.said("): one");
    for text in [LOST, LOST, b"two"] {
        rude.say(peer, text);
    }
    listener.said("-- 2 messages from rude missing --");
    listener.said("): two");
}
