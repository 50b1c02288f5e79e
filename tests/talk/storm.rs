//! The real program on a network that loses a fifth of everything, from the first datagram on.
//!
//! `cargo storm` says 2,000 messages each way and one of 5 MiB.

use std::env;
use std::time::Duration;

use crate::home::Home;
use crate::program::{PATIENCE, Program};
#[cfg(target_os = "linux")]
use crate::screen::Person;
use crate::wire::Wire;

const SEED: u64 = 20;

/// How many messages each side says, and how long the long one is.
fn extent() -> (usize, usize) {
    let number = |name| env::var(name).ok().map(|text| text.parse().unwrap());
    let messages = number("SECURECHAT_STORM_MESSAGES").unwrap_or(200);
    (
        messages,
        number("SECURECHAT_STORM_BYTES").unwrap_or(256 << 10),
    )
}

fn line(who: &str, n: usize) -> String {
    format!("line {n} of {who}, {}", "x".repeat(n % 90))
}

/// Text of `len` bytes of which no two pieces are alike.
fn long(len: usize) -> String {
    let mut text: String = (0..len / 8).map(|n| format!("{n:08}")).collect();
    text.extend((text.len()..len).map(|_| '.'));
    text
}

/// Every message is there, once and in order, the long one of `len` bytes in the middle.
fn check(program: &mut Program, name: &str, who: &str, count: usize, len: Option<usize>) {
    for n in 0..count {
        if let Some(len) = len.filter(|_| n == count / 2) {
            let record = program.said("\t");
            let text = record.rsplit('\t').next().unwrap();
            assert!(text == long(len), "seed {SEED}: {} bytes", text.len());
        }
        let record = program.said("\t");
        let expected = format!("\t{name}\t{}", line(who, n));
        assert!(
            record.ends_with(&expected),
            "seed {SEED}: {record:.80?} is not line {n}"
        );
    }
}

#[test]
fn messages_each_way_at_once_and_a_long_one_arrive_once_and_in_order_through_a_storm() {
    let (count, len) = extent();
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&["--linger", "60s"]);
    let wire = Wire::to(address);
    wire.storm(SEED);
    let patient = ["--timeout", "90s", "--linger", "60s"];
    let mut caller = alice.call(&bob, wire.address(), &patient);
    let patience = PATIENCE + Duration::from_secs(len as u64 / 20_000);
    for program in [&mut caller, &mut listener] {
        program.wait_up_to(patience);
        program.told("secure: ");
    }
    for n in 0..count {
        if n == count / 2 {
            caller.say(&long(len));
        }
        caller.say(&line("alice", n));
        listener.say(&line("bob", n));
    }
    check(&mut listener, "alice", "alice", count, Some(len));
    check(&mut caller, "bob", "bob", count, None);
    caller.close();
    let ended = caller.end();
    assert_eq!(ended.code, Some(0), "all is delivered: {}", ended.told);
    assert!(wire.lost() > 0, "the storm has lost nothing");
}

#[test]
fn a_caller_whose_port_changes_four_times_in_mid_talk_loses_nothing_and_needs_no_handshake() {
    const LINES: usize = 200;
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut wire = Wire::to(address);
    let mut caller = alice.connect("bob", wire.address(), &[]);
    crate::home::check(&mut caller, &mut listener);
    let inits = wire.inits();
    for quarter in 0..4 {
        for n in quarter * LINES / 4..(quarter + 1) * LINES / 4 {
            caller.say(&line("alice", n));
            listener.say(&line("bob", n));
        }
        wire.move_port();
    }
    check(&mut listener, "alice", "alice", LINES, None);
    check(&mut caller, "bob", "bob", LINES, None);
    assert_eq!(wire.inits(), inits, "no new handshake");
    caller.leave();
}

/// gurk#124, gurk#471: messages that are lost in silence.
#[cfg(target_os = "linux")]
#[test]
fn where_30_percent_are_lost_each_message_shows_that_it_came_or_that_it_failed() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let wire = Wire::to(address);
    wire.loses(30, SEED);
    let way = wire.address().to_string();
    let mut screen = Person::starts(&alice, &["connect", "bob", &way, "--timeout", "90s"]);
    screen.sees("secure: bob");
    for n in 0..10 {
        screen.says(&format!("message {n}"));
    }
    for n in 0..10 {
        screen.sees(&format!("✓✓ me       message {n}"));
        listener.said(&format!("\talice\tmessage {n}"));
    }
    assert!(wire.lost() > 0, "nothing was lost");
    wire.loses(100, SEED);
    screen.says("into the dark");
    screen.sees("…  me       into the dark");
    alice.run(&["peers", "remove", "bob"]);
    let failure = "failed: the contact was removed";
    // To whom nothing can be said, nothing is sent again.
    screen.sees(&format!("!  me       into the dark\n{:18}{failure}\n", ""));
    let ended = listener.kill();
    let transcript = ended.transcript;
    assert!(!transcript.contains("into the dark"), "{transcript}");
}
