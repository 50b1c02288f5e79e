//! Terminals whose bytes come one by one, as over a serial line, that tell what nobody asked them for, and that take nothing.

use std::io::{ErrorKind, Read, Write};

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::io::ioctl_fionread;
use rustix::pty::ptsname;

use crate::doctor::line;
use crate::home::Home;
use crate::program::until;
use crate::screen::{Person, listens_on, two};

/// Types each byte when the one before it was taken.
fn presses_each(person: &mut Person, keys: &str) {
    let name = ptsname(&person.terminal, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = open(name, flags, Mode::empty()).unwrap();
    for key in keys.split_inclusive(|_| true) {
        person.presses(key);
        until("the program to read it", || {
            (ioctl_fionread(&theirs).unwrap() == 0).then_some(())
        });
    }
}

/// Each of its lines was sent. However long a byte takes, none is.
#[test]
fn a_paste_whose_bytes_come_one_by_one_is_one_message() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    presses_each(&mut alice, "\u{1b}[200~one\rtwo\r\u{1b}[201~");
    alice.sees("  two");
    alice.presses("three");
    alice.sees("  three");
    alice.presses("\r");
    bob.sees("three");
    assert_eq!(bob.vt.text().matches("alice    ").count(), 1);
}

/// Nothing was heard any more until somebody typed a c or a u.
#[test]
fn a_late_answer_to_another_program_takes_no_key_away() {
    let home = Home::new();
    let mut person = Person::starts(&home, &["listen", "127.0.0.1:0"]);
    person.sees("listening on");
    for answer in [
        "\u{1b}[?2026;2$y",
        "\u{1b}[?997;1n",
        "\u{1b}[>41;354;0c",
        "\u{1b}]11;rgb:1e1e/1e1e/1e1e\u{1b}\\",
        "\u{1b}P>|XTerm(388)\u{1b}\\",
    ] {
        person.presses(&format!("{answer}hello"));
        person.sees("> hello");
        person.presses("\u{15}");
        person.sees_no("hello");
    }
}

/// It was said to be busy, and nothing of what to do.
#[test]
fn a_program_whose_terminal_takes_nothing_is_said_to_be_perhaps_such_a_one() {
    let alice = Home::new();
    let (mut ours, mut child) = listens_on(&alice, 200, 60);
    ours.read_exact(&mut [0]).unwrap();
    fcntl_setfl(&ours, fcntl_getfl(&ours).unwrap() | OFlags::NONBLOCK).unwrap();
    // It draws all of it for each, until what nobody reads has no room for more.
    let silent = until("it to wait for its terminal", || {
        let written = ours.write(&[0x0c; 64]).map_err(|error| error.kind());
        assert!(matches!(written, Ok(_) | Err(ErrorKind::WouldBlock)));
        let ended = alice.attempt(&["doctor"]);
        (ended.code != Some(0)).then_some(ended)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let (outcome, result) = line(&silent, "control socket");
    assert!(
        outcome == "FAIL" && result.contains("takes nothing (Ctrl+Q there"),
        "{result}"
    );
    assert!(
        silent.rest.contains("press Ctrl+Q at its terminal"),
        "{}",
        silent.rest
    );
}
