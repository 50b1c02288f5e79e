//! First contact, and lines both ways.

use std::time::Duration;

use crate::home::{Home, Talk, check};
use crate::program::within;
use crate::rude::Rude;

#[test]
fn a_key_and_an_address_are_enough_the_first_time_and_a_name_afterwards() {
    let (alice, bob) = (Home::new(), Home::new());
    bob.knows("alice", &alice);
    let (mut listener, address) = bob.listen(&[]);
    let mut first = alice.call(&bob, address, &["--save-as", "bob"]);
    first.told(&format!("connecting to key:{} at", &bob.key()[..8]));
    first.told("secure: ");
    first.told("saved as bob");
    check(&mut first, &mut listener);
    first.leave();
    listener.told("alice left");
    let line = format!("bob {} addr={address} sign=", bob.key());
    let saved = words(&alice.known_peers(), "bob");
    assert!(
        saved.starts_with(&line) && saved.ends_with(" version=1"),
        "{saved}"
    );
    let mut again = alice.start(&["connect", "bob"]);
    again.told(&format!("connecting to bob at {address}"));
    again.told(&format!("secure: bob at {address} [not verified]"));
    check(&mut again, &mut listener);
    again.leave();
}

/// The line of a list that begins with `name`, with single spaces.
fn words(list: &str, name: &str) -> String {
    let line = list.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_listener_prints_the_command_that_reaches_it() {
    let (alice, bob) = (Home::new(), Home::new());
    bob.knows("alice", &alice);
    let (mut listener, _) = bob.listen(&[]);
    let told = listener.told("others can run:  securechat ");
    let args: Vec<&str> = told.split_whitespace().skip(4).collect();
    let mut caller = alice.start(&args);
    caller.told("secure: ");
    check(&mut caller, &mut listener);
}

#[test]
fn a_pipe_gets_one_record_a_line_and_nothing_else() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    talk.check();
    talk.alice.say("/quit");
    talk.alice.say("@bob //x");
    talk.alice.say("");
    talk.alice.say("tab\there");
    let said = ["/quit", "@bob //x", "", "tab    here"];
    for text in said {
        is_record(&talk.bob.said(""), "alice", text);
    }
    let left = talk.alice.leave();
    assert_eq!(left.rest, "");
    talk.bob.told("alice left");
}

/// `TIME<TAB>NAME<TAB>TEXT`, the time in UTC to the second.
fn is_record(line: &str, name: &str, text: &str) {
    let fields: Vec<&str> = line.split('\t').collect();
    assert_eq!(fields.len(), 3, "{line:?}");
    assert_eq!(fields[1..], [name, text]);
    let shape: String = fields[0]
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z");
}

#[test]
fn a_line_of_a_quarter_of_a_mebibyte_arrives_whole_and_in_its_place() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    let long: String = (0..1 << 15).map(|n| format!("{n:07} ")).collect();
    assert_eq!(long.len(), 1 << 18);
    talk.alice.say("before");
    talk.alice.say(&long);
    talk.alice.say("after");
    for text in ["before", &long, "after"] {
        let line = talk.bob.said("");
        assert!(line.ends_with(&format!("\talice\t{text}")), "{text:.20}");
    }
}

#[test]
fn a_line_longer_than_the_longest_is_refused_and_later_ones_go() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    talk.alice.say(&"z".repeat((16 << 20) + 1));
    talk.alice
        .told("not sent: the message has 16777217 bytes, and at most 16777216 may be sent");
    talk.alice.say("still here");
    let next = talk.bob.said("");
    assert!(next.ends_with("\talice\tstill here"), "{next}");
    talk.alice.close();
    let ended = talk.alice.end();
    assert_eq!(ended.code, Some(6), "{}", ended.transcript);
}

#[test]
fn what_is_no_text_is_refused_and_later_lines_go() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    talk.alice.say_bytes(b"\xff\xfe\x80 not text");
    talk.alice.told("not sent: it is not text in UTF-8");
    talk.alice.say("text again");
    let next = talk.bob.said("");
    assert!(next.ends_with("\ttext again"), "{next}");
}

#[test]
fn an_ended_pipe_is_sent_to_its_last_line() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    for number in 0..40 {
        caller.say(&format!("line {number}"));
    }
    let ended = caller.leave();
    assert_eq!(ended.rest, "");
    for number in 0..40 {
        let line = listener.said("line ");
        assert!(line.ends_with(&format!("\tline {number}")), "{line}");
    }
    listener.told("alice left");
}

#[test]
fn a_pipe_with_a_line_that_cannot_be_sent_ends_as_not_delivered() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    caller.say_bytes(b"\xff not text");
    caller.say("the rest arrives");
    caller.close();
    listener.said("the rest arrives");
    let ended = caller.end();
    assert_eq!(ended.code, Some(6), "{}", ended.transcript);
}

#[test]
fn a_secret_key_in_a_pipe_is_not_sent_and_later_lines_go() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    for line in [
        "SECURECHAT-SECRET-KEY-1:AAAA",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=",
        "-----END OPENSSH PRIVATE KEY-----",
    ] {
        caller.say(line);
        caller.told("not sent: that holds a SECRET key; it is not for anybody else");
    }
    caller.say("the rest arrives");
    caller.close();
    let line = listener.said("");
    assert!(line.ends_with("\tthe rest arrives"), "{line}");
    let ended = caller.end();
    assert_eq!(ended.code, Some(6), "{}", ended.transcript);
}

/// They were refused, one after the other, and nothing said why.
#[test]
fn words_behind_the_first_line_of_a_secret_key_go_and_it_is_said_what_does_not() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    let key = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUA";
    let not_sent = "not sent: that holds a SECRET key; it is not for anybody else (what may be more of it is refused, too, \
        until its END line or a line of several words)";
    for line in [
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "yes",
        key,
        "no, it was a key",
        "hello",
    ] {
        caller.say(line);
    }
    let sent = [(); 3].map(|()| listener.said(""));
    let sent = sent
        .each_ref()
        .map(|line| line.split('\t').next_back().unwrap());
    assert_eq!(sent, ["yes", "no, it was a key", "hello"]);
    caller.close();
    let ended = caller.end();
    assert_eq!(ended.code, Some(6), "{}", ended.transcript);
    let refused = ended.told.lines().filter(|line| *line == not_sent);
    assert_eq!(refused.count(), 2, "{}", ended.told);
}

#[test]
fn a_pipe_whose_last_line_nobody_acknowledges_ends_as_not_delivered() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &["--linger", "1s"]);
    check(&mut caller, &mut listener);
    listener.kill();
    caller.say("is anybody there?");
    caller.close();
    let ended = within(Duration::from_secs(1), || caller.end());
    ended.failed(6, "SC14");
    assert!(ended.told.contains("it may have arrived"), "{}", ended.told);
}

#[test]
fn a_pipe_waits_for_the_connection() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    listener.say("typed before anybody was there");
    listener.close();
    let mut caller = alice.connect("bob", address, &[]);
    is_record(&caller.said(""), "bob", "typed before anybody was there");
}

/// What a peer with a program of its own could send to drive a terminal or to forge a record.
const HOSTILE: [&str; 6] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{1b}]52;c;ZXZpbA==\u{7}",
    "one\n1970-01-01T00:00:00Z\tcarol\tforged",
    "a\r\tb\u{0}\u{8}\u{7f}",
    "\u{9b}31mred \u{202e}fdp.exe \u{2066}x\u{2028}y\u{2029}z",
    "\u{feff}\u{200b}\u{e0041}\u{fff9}\u{ad}end",
];

#[test]
fn whatever_a_peer_sends_is_one_harmless_record() {
    let (rude, bob) = (Rude::new(), Home::new());
    bob.run(&["peers", "add", "rude", &rude.key()]);
    let (mut listener, address) = bob.listen(&[]);
    let peer = rude.connect(&bob, address);
    listener.told("secure: rude");
    for text in HOSTILE {
        rude.say(peer, text.as_bytes());
        let line = listener.said("");
        assert_eq!(line.matches('\t').count(), 2, "{line:?}");
        assert_eq!(line.split('\t').nth(1), Some("rude"));
        let body = line.split('\t').nth(2).unwrap();
        let drives = |c: char| {
            c.is_control()
                || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
                || matches!(
                    c,
                    '\u{200b}' | '\u{feff}' | '\u{ad}' | '\u{fff9}' | '\u{e0041}'
                )
        };
        assert!(!body.contains(drives), "{body:?}");
    }
    rude.say(peer, &[0xff; 37]);
    assert!(
        listener
            .said("")
            .ends_with("\trude\t[unreadable message, 37 bytes]")
    );
    rude.say(peer, b"the end");
    assert!(listener.said("").ends_with("\trude\tthe end"));
}

#[test]
fn two_who_talk_at_once_are_told_apart() {
    let (alice, bob) = Home::friends();
    let rude = Rude::new();
    bob.run(&["peers", "add", "rude", &rude.key()]);
    let mut talk = Talk::between(&alice, &bob);
    let peer = rude.connect(&bob, talk.address);
    talk.bob.told("secure: rude");
    for number in 0..20 {
        rude.say(peer, format!("noise {number}").as_bytes());
    }
    is_record(&talk.bob.said("noise 19"), "rude", "noise 19");
    talk.check();
    drop(rude);
    talk.bob.told("rude left");
    talk.check();
}
