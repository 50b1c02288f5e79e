//! `/export`: a conversation that is written into a file by a program that talks.

use std::path::Path;

use crate::filled::{Fate, Kept};
use crate::home::Home;
use crate::screen::{Person, two};
use crate::terminal::{listen, quit, sees_prompt};

/// As many a screen loads, and more than are written in two turns of the loop.
const LOADED: usize = 200;
const MANY: usize = 450;

fn keeps(home: &Home, keep: &str) {
    let config = format!("[history]\nkeep = \"{keep}\"\n");
    std::fs::write(home.path("config.toml"), config).unwrap();
}

/// alice, with a history of so many messages with bob.
fn with_history() -> (Home, Home) {
    let (alice, bob) = Home::friends();
    let mut kept = Kept::in_home(&alice.path(""));
    for number in 0..MANY {
        let text = format!("message {number}.");
        let hours = MANY - number;
        kept.add(
            &bob.key(),
            hours.try_into().unwrap(),
            Fate::Read,
            text.as_bytes(),
        );
    }
    (alice, bob)
}

fn numbers(file: &Path) -> Vec<usize> {
    let text = std::fs::read_to_string(file).unwrap();
    let number = |line: &str| {
        let rest = line.split("bob: message ").nth(1)?;
        rest.strip_suffix('.')?.parse().ok()
    };
    text.lines().filter_map(number).collect()
}

/// Whoever deletes the history afterwards has what was written, and nothing else.
#[test]
fn a_screen_writes_all_that_is_kept_and_not_only_what_it_has_loaded() {
    let (alice, bob) = with_history();
    keeps(&alice, "forever");
    let (mut listener, address) = bob.listen(&[]);
    let mut talk = Person::starts(&alice, &["connect", "bob", &address.to_string()]);
    talk.sees("secure: bob");
    listener.say("of this run");
    talk.sees("bob      of this run");
    let file = alice.path("talk.txt");
    talk.says(&format!("/export {}", file.display()));
    talk.sees("written, for you alone: ");
    talk.sees(&format!("({}", MANY + 1));
    assert_eq!(numbers(&file), (0..MANY).collect::<Vec<_>>());
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.ends_with(" bob: of this run\n"), "{text:?}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

/// The file said that it was perhaps not read.
#[test]
fn what_was_seen_a_moment_ago_is_written_as_seen() {
    let (alice, _bob) = Home::friends();
    let carol = Home::new();
    alice.knows("carol", &carol);
    keeps(&alice, "forever");
    Kept::in_home(&alice.path("")).add(&carol.key(), 1, Fate::Unread, b"psst");
    let mut talk = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    talk.sees("carol");
    let file = alice.path("talk.txt");
    talk.presses(&format!("/go carol\r/export {}\r", file.display()));
    talk.sees("written, for you alone: ");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.ends_with(" carol: psst\n"), "{text:?}");
}

#[test]
fn who_leaves_at_once_has_the_whole_file() {
    let (alice, _bob) = with_history();
    keeps(&alice, "forever");
    let (mut lines, _) = listen(&alice, &[]);
    let files = ["one.txt", "two.txt"].map(|name| alice.path(name));
    lines.say("/go bob");
    sees_prompt(&mut lines, "bob");
    for file in &files {
        lines.say(&format!("/export {}", file.display()));
    }
    assert_eq!(quit(lines).code, Some(0));
    for file in files {
        assert_eq!(numbers(&file), (0..MANY).collect::<Vec<_>>());
    }
}

/// What is not kept is nowhere but on the screen, and what is kept of before is not all there.
#[test]
fn without_a_history_the_screen_is_written_and_says_what_it_lacks() {
    let (alice, bob) = with_history();
    let (mut listener, address) = bob.listen(&[]);
    let mut talk = Person::starts(&alice, &["connect", "bob", &address.to_string()]);
    talk.sees("secure: bob");
    talk.sees(&format!("message {}.", MANY - 1));
    listener.say("of this run");
    talk.sees("bob      of this run");
    let file = alice.path("talk.txt");
    talk.says(&format!("/export {}", file.display()));
    let older = MANY - LOADED;
    let lacks = format!("not in it: {older} messages that were said before");
    talk.sees(&lacks);
    talk.sees("written, for you alone: ");
    let text = std::fs::read_to_string(&file).unwrap();
    let first = text.lines().next().unwrap();
    assert!(first.contains(&lacks), "{first}");
    assert_eq!(numbers(&file), (older..MANY).collect::<Vec<_>>());
    assert!(text.ends_with(" bob: of this run\n"), "{text:?}");
    // What it names writes the rest.
    let all = alice.suggested("history export -o FILE");
    assert!(first.contains(&all), "{first}");
    let rest = alice.run(&["history", "export", "-o", "-"]);
    assert!(
        rest.transcript.contains("\tmessage 0."),
        "{}",
        rest.transcript
    );
}

#[test]
fn nothing_is_written_where_nothing_was_said_or_a_file_is() {
    let (mut alice, _bob, home, _b) = two();
    alice.sees("secure: bob");
    let file = home.path("talk.txt");
    alice.says(&format!("/export {}", file.display()));
    alice.sees("nothing was said with bob yet (no file was written)");
    assert!(!file.exists());
    std::fs::write(&file, "mine").unwrap();
    alice.says(&format!("/export {}", file.display()));
    alice.sees("Name a file that does not exist yet.");
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[test]
fn a_session_is_ended_and_taken_up_again_and_written_out() {
    let (mut alice, mut bob, a, _b) = two();
    alice.sees("secure: bob");
    alice.says("hello");
    bob.sees("alice    hello");
    alice.sees("✓✓ me       hello");
    alice.says("/disconnect");
    alice.sees("hung up: bob can still call");
    alice.sees("[ended]");
    bob.sees("alice left");
    alice.says("/connect");
    bob.sees("secure: alice");
    alice.sees("bob [not verified]");
    let file = a.path("talk.txt");
    alice.says(&format!("/export {}", file.display()));
    alice.sees("written, for you alone: ");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.ends_with(" me: hello\n"), "{text:?}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    alice.presses("\u{c}");
    alice.says(&format!("/export {}", file.display()));
    alice.sees("Name a file that does not exist yet.");
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        text,
        "nothing is overwritten"
    );
}

#[test]
fn tab_completes_the_name_of_a_file() {
    let (mut alice, mut bob, a, _b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    std::fs::create_dir(a.path("minutes of may")).unwrap();
    alice.says("hello");
    alice.sees("✓✓ me       hello");
    alice.presses(&format!("/export {}", a.path("min").display()));
    alice.presses("\t");
    alice.sees("minutes of may/");
    alice.presses("talk.txt\r");
    alice.sees("written, for you alone: ");
    let text = std::fs::read_to_string(a.path("minutes of may/talk.txt")).unwrap();
    assert!(text.ends_with(" me: hello\n"), "{text:?}");
}
