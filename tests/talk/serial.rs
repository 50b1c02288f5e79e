//! A terminal whose bytes come one by one, as over a serial line, and one that tells what nobody asked it for.

use rustix::fs::{Mode, OFlags, open};
use rustix::io::ioctl_fionread;
use rustix::pty::ptsname;

use crate::home::Home;
use crate::program::until;
use crate::screen::{Person, two};

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
