//! What becomes of a message: what a pipe learns of it, and what happens when a program dies.

use std::time::Duration;

use crate::home::{Home, Talk, check};
use crate::program::{Program, within};
use crate::rude::Rude;
use crate::waiting::{numbers, once};

#[test]
fn a_pipe_that_is_longer_than_the_outbox_is_read_as_its_lines_are_delivered() {
    const LINES: usize = 1_560;
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen_to_return(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    check(&mut caller, &mut listener);
    listener.kill();
    let line = |n: usize| format!("line {n} {}", "x".repeat(990));
    let lines: Vec<String> = (0..LINES).map(line).collect();
    // A pipe and its readers hold less than 80 lines: when these are written, the outbox is all but
    // full. The rest comes before the other side is reached again.
    let (first, rest) = lines.split_at(1_060);
    caller.say(&first.join("\n"));
    let (mut listener, _) = bob.listen_at(&address.to_string(), &[]);
    caller.say(&rest.join("\n"));
    for line in lines {
        let record = listener.said("");
        assert!(
            record.ends_with(&format!("\talice\t{line}")),
            "{record:.40}"
        );
    }
    let ended = caller.leave();
    assert!(
        !ended.transcript.contains("not sent"),
        "{}",
        ended.transcript
    );
}

#[test]
fn a_listener_ends_when_what_was_piped_in_is_delivered() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    listener.say("for whoever comes");
    listener.close();
    let mut caller = alice.connect("bob", address, &[]);
    assert!(caller.said("").ends_with("\tbob\tfor whoever comes"));
    let ended = listener.end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
}

/// It listened on, and hung up on the next who came.
#[test]
fn a_listener_ends_when_what_was_piped_in_was_delivered_to_somebody_who_has_left() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    listener.told("secure: alice");
    listener.say("before you go");
    assert!(caller.said("").ends_with("\tbob\tbefore you go"));
    caller.leave();
    listener.told("alice left");
    listener.close();
    let ended = listener.end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
}

#[test]
fn a_listener_that_has_nothing_to_say_listens_on() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    listener.close();
    for text in ["one", "two"] {
        let mut caller = alice.connect("bob", address, &[]);
        caller.say(text);
        listener.said(&format!("\talice\t{text}"));
        caller.leave();
    }
}

#[test]
fn a_caller_whose_peer_leaves_before_the_receipt_ends_as_not_delivered() {
    let (alice, bob) = Home::friends();
    let mut listener = Program::without_reader(bob.command(&["listen", "127.0.0.1:0"]));
    let address = crate::home::listening(&mut listener);
    let mut caller = alice.connect("bob", address, &[]);
    caller.say("into a closed pipe");
    caller.told("bob left");
    let ended = caller.end();
    ended.failed(6, "SC14");
    assert!(
        ended
            .told
            .contains("not delivered to bob: the conversation was over"),
        "{}",
        ended.told
    );
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_full_disk_does_not_take_has_no_receipt() {
    let (alice, bob) = Home::friends();
    let full = std::fs::File::options().write(true).open("/dev/full");
    let command = bob.command(&["listen", "127.0.0.1:0"]);
    let mut listener = Program::writing_to(command, full.unwrap());
    let address = crate::home::listening(&mut listener);
    let mut caller = alice.connect("bob", address, &["--retry", "--linger", "1s"]);
    caller.say("keep this");
    listener.end().failed(8, "SC18");
    caller.close();
    caller.end().failed(6, "SC14");
}

/// Whoever else has the same pipe or terminal open can make it so that writing does not wait.
#[cfg(target_os = "linux")]
#[test]
fn an_output_that_has_no_room_at_the_moment_is_waited_for() {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use std::io::{BufRead, BufReader};
    let (alice, bob) = Home::friends();
    let (reader, writer) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    let command = bob.command(&["listen", "127.0.0.1:0"]);
    let mut listener = Program::writing_to(command, writer);
    let address = crate::home::listening(&mut listener).to_string();
    let mut sender = alice.start(&["send", "bob", "-", "--address", &address]);
    // Much more than a pipe holds, for a reader that is slower than its writer.
    let text = "x".repeat(1 << 20);
    sender.say(&text);
    sender.close();
    let mut line = String::new();
    let mut reader = BufReader::with_capacity(512, reader);
    reader.read_line(&mut line).unwrap();
    let len = line.len();
    let is_whole = line.ends_with(&format!("\talice\t{text}\n"));
    assert!(is_whole, "{len} bytes were written");
    let ended = sender.end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
}

#[test]
fn a_listener_that_is_killed_in_the_middle_and_starts_again_misses_nothing() {
    const LINES: usize = 600;
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen_to_return(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    caller.told("secure: bob");
    let text: Vec<String> = (0..LINES).map(|n| format!("line {n}")).collect();
    caller.say(&text[..LINES / 2].join("\n"));
    let mut records = String::new();
    for _ in 0..20 {
        records += &(listener.said("") + "\n");
    }
    let ended = listener.kill();
    records += &ended.rest;
    caller.say(&text[LINES / 2..].join("\n"));
    let (mut listener, _) = bob.listen_at(&address.to_string(), &[]);
    // The conversation goes on by itself.
    let mut shown = numbers(&records);
    within(Duration::from_secs(15), || {
        while shown.last() != Some(&(LINES - 1, false)) {
            shown.extend(numbers(&listener.said("\tline ")));
        }
    });
    caller.leave();
    assert_eq!(once(&shown), (0..LINES).collect::<Vec<_>>());
}

#[test]
fn a_caller_that_is_killed_takes_nothing_with_it_that_was_confirmed() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    talk.check();
    talk.alice.kill();
    let mut caller = alice.connect("bob", talk.address, &[]);
    check(&mut caller, &mut talk.bob);
    let ended = talk.bob.kill();
    assert_eq!(ended.transcript.matches("can you hear me?").count(), 2);
}

#[test]
fn a_message_longer_than_we_accept_is_turned_away_and_both_are_told() {
    let (rude, bob) = (Rude::of_policy(32 << 20), Home::new());
    bob.run(&["peers", "add", "rude", &rude.key()]);
    let (mut listener, address) = bob.listen(&[]);
    let peer = rude.connect(&bob, address);
    rude.say(peer, &vec![b'x'; (16 << 20) + 1]);
    listener.told("a message from rude was turned away: it is longer than what is accepted here");
    rude.say(peer, b"shorter");
    assert!(listener.said("").ends_with("\trude\tshorter"));
}
