//! A terminal that takes no UTF-8 takes each byte as a character, and some of the bytes of letters as commands.

use std::process::Command;

use crate::home::Home;
use crate::program::Program;
use crate::screen::{Person, address_on};
use crate::terminal::{quit, start};

/// 9B begins a command, 9D one that ends with 9C, 90 another.
const HOSTILE: &str = "\u{41b}2J\u{41d}]52;c;ZXZpbA==\u{41c} \u{410}q";
const SHOWN: &str = "<U+041B>2J<U+041D>]52;c;ZXZpbA==<U+041C> <U+0410>q";

/// alice, who calls bob, and bob, who knows her by another name.
fn friends() -> (Home, Home) {
    let (alice, bob) = (Home::new(), Home::new());
    alice.knows("bob", &bob);
    bob.knows("\u{430}\u{43b}", &alice);
    (alice, bob)
}

/// Somebody who listens at a terminal in this locale.
fn listens(home: &Home, args: &[&str]) -> Program {
    let mut command = home.command(&[args, &["listen", "127.0.0.1:0"]].concat());
    command.env("LC_ALL", "C");
    start(command)
}

#[test]
fn letters_cannot_drive_a_terminal_without_utf_8() {
    let (alice, bob) = friends();
    let mut listener = listens(&bob, &[]);
    let line = listener.said("listening on ");
    let address = line.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
    let mut caller = alice.connect("bob", address, &[]);
    caller.say(HOSTILE);
    let line = listener.said("]52;c;");
    assert!(
        line.ends_with(&format!("<U+0430><U+043B>: {SHOWN}\r")),
        "{line:?}"
    );
    listener.shown("<U+0430><U+043B>> ");
    let ended = quit(listener);
    assert!(ended.transcript.is_ascii(), "{}", ended.transcript);
}

/// Its blocks came all the same.
#[test]
fn a_code_is_drawn_in_ascii_where_that_is_wanted() {
    let home = Home::new();
    let args = ["--ascii", "listen", "127.0.0.1:0"];
    let mut program = start(home.command(&args));
    program.said("listening on ");
    program.say("/myqr");
    program.said("########");
    program.said("securechat:1:");
    let ended = quit(program);
    assert!(ended.transcript.is_ascii(), "{}", ended.transcript);
    let code = home.run(&["key", "qr", "--ascii"]).rest;
    assert!(code.is_ascii() && code.contains("########"), "{code}");
}

/// Lines and arrows have two cells there on some terminals, and moved what stands behind them.
#[test]
fn our_own_signs_are_ascii_where_others_may_be_wide_unless_that_is_settled() {
    let (alice, bob) = friends();
    let listen = ["listen", "127.0.0.1:0"];
    let mut person = Person::in_locale("ja_JP.UTF-8", alice.command(&listen));
    person.sees("listening on");
    person.sees("[1 bob]");
    assert!(person.vt.text().is_ascii(), "{}", person.vt.text());
    std::fs::write(alice.path("config.toml"), "[ui]\nascii = false\n").unwrap();
    drop(person);
    let mut person = Person::in_locale("ja_JP.UTF-8", alice.command(&listen));
    person.sees("listening on");
    person.sees("\u{2500}");
    drop(bob);
}

#[test]
fn letters_cannot_drive_a_full_screen_without_utf_8() {
    let (alice, bob) = friends();
    let settings = "[notify]\ndesktop = \"full\"\n";
    std::fs::write(bob.path("config.toml"), settings).unwrap();
    let mut listener = Person::in_locale("C", bob.command(&["listen", "127.0.0.1:0"]));
    listener.sees("listening on 127.0.0.1:");
    let mut caller = alice.connect("bob", address_on(&mut listener), &[]);
    caller.told("secure: bob");
    listener.sees("<U+0430><U+043B> [not verified]");
    listener.looks_away();
    caller.say(HOSTILE);
    listener.sees(SHOWN);
    listener.waits("a notification", |vt| {
        let told = format!("9;message from <U+0430><U+043B>: {SHOWN}");
        vt.commands.contains(&told)
    });
    // What is typed goes out as it is, and the caret stands behind what is shown of it.
    listener.presses("\u{41b}");
    listener.waits("the caret behind it", |vt| {
        vt.text().ends_with("> <U+041B>") && vt.caret == (10, 23)
    });
    listener.presses("\r");
    assert!(caller.said("bob").ends_with("\t\u{41b}"));
    // Delivered: otherwise it would be asked whether to leave.
    listener.sees("d  me       <U+041B>");
    listener.presses("/quit\r");
    let (ended, ..) = listener.ends();
    assert!(ended.transcript.is_ascii(), "{}", ended.transcript);
}

#[test]
fn json_on_a_terminal_without_utf_8_means_the_same() {
    let (alice, bob) = friends();
    let mut listener = listens(&bob, &["--json"]);
    let line = listener.said("\"type\":\"listening\"");
    let start: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = start["address"].as_str().unwrap().parse().unwrap();
    let mut caller = alice.connect("bob", address, &[]);
    caller.say(HOSTILE);
    let line = listener.said("\"type\":\"message\"");
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(said["text"], HOSTILE);
    assert!(line.is_ascii(), "{line}");
}

#[test]
fn a_pipe_takes_utf_8_in_every_locale() {
    let (alice, bob) = friends();
    let mut command = bob.command(&["listen", "127.0.0.1:0"]);
    command.env("LC_ALL", "C");
    let mut listener = Program::start(command);
    let address = crate::home::listening(&mut listener);
    let mut caller = alice.connect("bob", address, &[]);
    caller.say(HOSTILE);
    assert!(
        listener
            .said("]52;c;")
            .ends_with(&format!("\t\u{430}\u{43b}\t{HOSTILE}"))
    );
}

#[test]
fn ascii_is_enough_for_all_that_is_not_said_by_people() {
    let home = Home::new();
    let mut person = Person::starts(&home, &["--ascii", "listen", "127.0.0.1:0"]);
    person.sees("/add NAME KEY");
    person.sees("listening on");
    assert!(person.vt.text().is_ascii(), "{}", person.vt.text());
}

/// What was left of the sequences took the name its weight as well.
#[test]
fn colours_that_are_asked_for_come_in_spite_of_no_color() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let asked = alice.command(&["--color", "always", "connect", "bob", &address]);
    let mut command = Command::new("env");
    command.arg("NO_COLOR=1").arg(asked.get_program());
    command.args(asked.get_args());
    let mut person = Person::runs(command);
    person.sees("secure: bob");
    listener.told("secure: alice");
    listener.say("hello");
    person.sees("bob      hello");
    person.presses("\u{4}");
    let (ended, ..) = person.ends();
    let drawn = &ended.transcript;
    assert!(
        drawn.contains("\u{1b}[38;5;") && !drawn.contains("[;m"),
        "{drawn:?}"
    );
}
