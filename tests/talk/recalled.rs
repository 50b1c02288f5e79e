//! Messages and commands of the full screen, by somebody who has lines.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::filled::{Fate, Kept};
use crate::home::Home;
use crate::program::Program;
use crate::terminal::{listen, quit, sees_prompt, start};

/// The list of commands, as it stands in the source.
const TABLE: &str = include_str!("../../src/commands/table.rs");

/// What lines say about a command that they do not have.
const LEFT_OUT: &str = "is of the full screen only: ";

/// Each command's word, and whether the list says why lines do not have it.
fn words() -> Vec<(&'static str, bool)> {
    let (_, list) = TABLE.split_once("const COMMANDS").unwrap();
    let (list, _) = list.split_once("];").unwrap();
    let entries = list.split("),").filter_map(|entry| {
        let (kind, rest) = entry.trim().split_once('(')?;
        let word = rest.split('"').nth(1)?;
        Some((word, kind.ends_with("screen")))
    });
    entries.collect()
}

/// Everything that the program says up to the next command that it does not know.
fn answer(program: &mut Program, command: &str, marker: &str) -> String {
    program.say(command);
    program.say(marker);
    let unknown = format!("unknown command {marker} - ");
    let mut told = String::new();
    loop {
        let line = program.said("");
        if line.contains(&unknown) {
            return told;
        }
        told += &line;
    }
}

#[test]
fn every_command_of_the_screen_is_one_of_lines_or_they_say_why_not() {
    let home = Home::new();
    let (mut program, _) = listen(&home, &[]);
    let words = words();
    assert!(
        words.len() > 30 && words.contains(&("retry", false)) && words.contains(&("bare", true))
    );
    for (number, (word, is_left_out)) in words.into_iter().enumerate() {
        if word == "quit" {
            continue;
        }
        // With an argument where there can be one: a file in a directory that does not exist.
        for command in [format!("/{word}"), format!("/{word} /no/such")] {
            let told = answer(&mut program, &command, &format!("/zzz{number}"));
            assert!(!told.contains("unknown command"), "{command}: {told}");
            let is_misused = told.contains("usage: /");
            assert_eq!(
                told.contains(LEFT_OUT),
                is_left_out && !is_misused,
                "{command}: {told}"
            );
            let helps = told.trim_end().len() > command.len() * 2;
            assert!(helps, "{command} does nothing: {told}");
        }
    }
    assert_eq!(quit(program).code, Some(0));
}

/// What a terminal is told to put into its clipboard.
fn clipboard(text: &str) -> String {
    format!("\u{1b}]52;c;{}\u{7}", STANDARD.encode(text))
}

#[test]
fn a_message_is_told_about_copied_and_answered_in_lines() {
    let (alice, bob) = Home::friends();
    let mut command = bob.command(&["listen", "127.0.0.1:0"]);
    command.env("TERM", "xterm");
    let mut listener = start(command);
    let line = listener.said("listening on ");
    let address = line.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
    let mut caller = alice.connect("bob", address, &[]);
    listener.said("secure: alice");
    sees_prompt(&mut listener, "alice");
    listener.say("/copy");
    listener.said("there is no such message with alice in this run");
    caller.say("see \u{1b}]0;owned\u{7}https://example.org");
    listener.said("https://example.org");
    listener.say("thanks");
    listener.said("me [1]: thanks");
    listener.said("[1] delivered");
    caller.said("\tthanks");
    listener.say("/info");
    listener.said("me [1]: 20");
    listener.say("/info 2");
    let told = listener.said("alice: 20");
    assert!(told.contains("  33 bytes  received"), "{told:?}");
    listener.say("/copy 2");
    let copied = listener.said("copied: see ^[]0;owned^Ghttps://example.org");
    assert!(
        copied.contains(&clipboard("see ]0;ownedhttps://example.org")),
        "{copied:?}"
    );
    listener.say("/info 3");
    listener.said("there is no such message with alice in this run");
    answers(&mut listener, &mut caller);
    assert_eq!(quit(listener).code, Some(0));
}

fn answers(listener: &mut Program, caller: &mut Program) {
    listener.say("/reply 2");
    listener.said("your next line answers \"see ^[]0;owned^Ghttps://example.org\"");
    listener.shown("alice (answer)> ");
    listener.say("");
    listener.said("no answer then (nothing was sent)");
    listener.say("plain");
    assert!(caller.said("").ends_with("\tbob\tplain"));
    listener.say("/reply 3");
    listener.shown("alice (answer)> ");
    listener.say("I did");
    let line = caller.said("");
    assert!(
        line.ends_with("\tbob\t> see ]0;ownedhttps://example.org\\nI did"),
        "{line:?}"
    );
    listener.say("and more");
    assert!(caller.said("").ends_with("\tbob\tand more"));
    answers_again_what_is_not_sent(listener, caller);
}

fn answers_again_what_is_not_sent(listener: &mut Program, caller: &mut Program) {
    listener.say("/reply 5");
    listener.shown("alice (answer)> ");
    for to in ["", "@alice "] {
        listener.say(&format!("{to}SECURECHAT-SECRET-KEY-1:AAAA"));
        listener.said("that holds a SECRET key");
        listener.shown("alice (answer)> ");
    }
    listener.say("yes");
    let line = caller.said("");
    assert!(
        line.ends_with("\tbob\t> see ]0;ownedhttps://example.org\\nyes"),
        "{line:?}"
    );
    listener.say("no more");
    assert!(caller.said("").ends_with("\tbob\tno more"));
}

/// It said "copied"; screen took nothing, and tmux passes nothing on unless it was set up.
#[test]
fn a_copy_goes_through_screen_and_is_only_given_to_tmux() {
    let (alice, bob) = Home::friends();
    let plain = clipboard("hello");
    let wrapped = format!("\u{1b}P{plain}\u{1b}\\");
    let to_tmux = "given to tmux, which passes it on with set-clipboard on: hello";
    for (between, words, sequence) in [
        ("STY", "copied: hello", &wrapped),
        ("TMUX", to_tmux, &plain),
    ] {
        let mut command = bob.command(&["listen", "127.0.0.1:0"]);
        command.env("TERM", "screen").env(between, "1");
        let mut listener = start(command);
        let line = listener.said("listening on ");
        let address = line.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        let mut caller = alice.connect("bob", address, &[]);
        listener.said("secure: alice");
        caller.say("hello");
        listener.said("hello");
        listener.say("/copy");
        let copied = listener.said(words);
        let is_wrapped = copied.contains(&wrapped);
        assert!(copied.contains(sequence), "{copied:?}");
        assert_eq!(is_wrapped, between == "STY", "{copied:?}");
        assert_eq!(quit(listener).code, Some(0));
    }
}

#[test]
fn a_clipboard_that_cannot_be_reached_is_said_to_be_so() {
    let (alice, bob) = Home::friends();
    let talk = |mut listener: Program, why: &str, is_terminal: bool| {
        let tell = |listener: &mut Program, wanted: &str| {
            if is_terminal {
                listener.said(wanted)
            } else {
                listener.told(wanted)
            }
        };
        let line = tell(&mut listener, "listening on ");
        let address = line.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        let mut caller = alice.connect("bob", address, &[]);
        tell(&mut listener, "secure: alice");
        caller.say("hello");
        listener.said("hello");
        listener.say("/copy");
        let told = tell(&mut listener, "not copied: ");
        assert!(
            told.contains(why) && told.contains("/export FILE"),
            "{told}"
        );
        listener.say("/quit");
        let ended = listener.end();
        assert!(!ended.transcript.contains("]52;"), "{}", ended.transcript);
    };
    let mut dumb = bob.command(&["listen", "127.0.0.1:0"]);
    dumb.env("TERM", "dumb");
    talk(start(dumb), "TERM says", true);
    let mut piped = bob.command(&["listen", "127.0.0.1:0"]);
    piped.env("TERM", "xterm");
    talk(
        Program::typed_at(piped),
        "neither standard output nor",
        false,
    );
}

/// Those who look up what was said find nothing of it any more.
#[test]
fn what_is_deleted_in_lines_is_gone_from_the_disk() {
    let (alice, bob) = Home::friends();
    std::fs::write(bob.path("config.toml"), "[history]\nkeep = \"forever\"\n").unwrap();
    let (mut listener, address) = listen(&bob, &[]);
    listener.say("@alice for later");
    listener.said("[1] queued: ");
    listener.say("/delete 1");
    listener.said("not deleted: it is not delivered yet, and is sent all the same");
    let mut caller = alice.connect("bob", address, &[]);
    assert!(caller.said("").ends_with("\tbob\tfor later"));
    listener.said("[1] delivered");
    caller.say("a secret of alice's");
    listener.said("a secret of alice's");
    caller.say("harmless");
    listener.said("harmless");
    listener.say("/delete");
    listener.said("which one? /delete N; 1 is the newest");
    listener.say("/delete 2");
    listener.said("deleted: a secret of alice's; the other side keeps its own");
    listener.say("/info 2");
    listener.said("me [1]: 20");
    listener.say("/search secret");
    listener.said("nothing of what is kept has that in it");
    listener.say("/delete 2");
    listener.said("deleted: for later;");
    assert_eq!(quit(listener).code, Some(0));
    let kept = bob.run(&["history", "show"]).rest;
    assert!(kept.trim_end().ends_with("harmless"), "{kept}");
    assert_eq!(kept.lines().count(), 1, "{kept}");
}

/// A message of alice's to bob that has waited too long, as a start that is more than a day ago has found.
fn too_old(alice: &Path, bob: &str) {
    let mut kept = Kept::in_home(alice);
    kept.add(bob, 15 * 24, Fate::Waiting, b"at last");
    drop(kept);
    drop(Kept::in_home(alice));
}

#[test]
fn what_has_failed_is_sent_again_by_its_number_and_once() {
    let (alice, bob) = Home::friends();
    too_old(&alice.path(""), &bob.key());
    let (mut program, address) = listen(&alice, &[]);
    program.said("[1] failed: not delivered within 14 days - /retry 1 sends it again");
    program.say("/retry 2");
    program.said("no message [2] has failed (nothing was sent)");
    program.say("/retry");
    program.said("no message has failed here (nothing was sent)");
    let mut caller = bob.connect("alice", address, &[]);
    sees_prompt(&mut program, "bob");
    program.say("/retry 1");
    program.said("me [2]: at last");
    assert!(caller.said("").ends_with("\talice\tat last"));
    program.said("[2] delivered");
    program.say("/retry");
    program.said("no message has failed here (nothing was sent)");
    assert_eq!(quit(program).code, Some(0));
}

/// Of somebody who is not among the peers any more nothing can be sent again: it is not offered.
#[test]
fn nothing_is_offered_to_be_sent_again_to_somebody_who_was_removed() {
    let (alice, bob) = Home::friends();
    let (mut program, _) = listen(&alice, &[]);
    program.say("@bob for later");
    program.said("[1] queued: ");
    alice.run(&["peers", "remove", "bob"]);
    let told = program.said("failed: the contact was removed");
    assert!(!told.contains("/retry"), "{told:?}");
    drop(bob);
    assert_eq!(quit(program).code, Some(0));
}

/// Who wants nothing of us is not said to be there for the next message.
#[test]
fn who_has_put_us_out_is_said_to_be_asked_again() {
    let (alice, bob) = Home::friends();
    let (mut program, address) = listen(&alice, &[]);
    let caller = bob.connect("alice", address, &[]);
    program.said("secure: bob");
    bob.run(&["peers", "remove", "alice"]);
    let declined = "bob ended the conversation and does not want another";
    program.said(declined);
    program.say("/status");
    program.said(&format!(
        "{declined}; your next message asks it to take you in again"
    ));
    caller.kill();
    assert_eq!(quit(program).code, Some(0));
}

#[test]
fn what_an_earlier_run_left_tells_when_it_came_and_goes_with_the_history() {
    let (alice, bob) = Home::friends();
    std::fs::write(bob.path("config.toml"), "[history]\nkeep = \"forever\"\n").unwrap();
    Kept::in_home(&bob.path("")).add(&alice.key(), 800 * 24, Fate::Unread, b"of long ago");
    let (mut listener, _) = listen(&bob, &[]);
    listener.said("of long ago");
    listener.say("@alice for later");
    listener.said("[1] queued: ");
    listener.say("/info 2");
    let told = listener.said("alice: 20");
    let year = |line: &str| line.split("alice: ").nth(1)?.get(..4)?.parse::<u32>().ok();
    listener.say("/info 1");
    let today = listener.said("me [1]: 20").replace("me [1]: ", "alice: ");
    assert!(year(&told) < year(&today), "{told:?} {today:?}");
    bob.run(&["history", "purge", "--all", "--yes"]);
    listener.say("/info 2");
    listener.said("there is no such message with alice in this run");
    listener.say("/info 1");
    listener.said("me [1]: 20");
    assert_eq!(quit(listener).code, Some(0));
}

/// The next line would have sent it when it was gone.
#[test]
fn what_is_deleted_meanwhile_is_not_quoted_in_lines() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = listen(&bob, &[]);
    let mut caller = alice.connect("bob", address, &[]);
    sees_prompt(&mut listener, "alice");
    for gone in [true, false] {
        caller.say("a secret");
        listener.said("a secret");
        listener.say("/reply");
        listener.shown("alice (answer)> ");
        let before = if gone { "2126-11-28" } else { "2026-01-01" };
        bob.run(&[
            "history", "purge", "--in", "alice", "--before", before, "--yes",
        ]);
        if gone {
            listener.said("what your next line would have answered is deleted");
        }
        listener.say("plain");
        let line = caller.said("plain");
        let quotes = line.ends_with("\tbob\t> a secret\\nplain");
        assert_eq!(quotes, !gone, "{line:?}");
        assert_eq!(line.ends_with("\tbob\tplain"), gone, "{line:?}");
    }
    assert_eq!(quit(listener).code, Some(0));
}
