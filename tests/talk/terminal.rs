//! What somebody at a terminal is shown and asked. The terminal is a pseudo-terminal.

use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::home::Home;
use crate::program::{Ended, Program};
use crate::rude::Rude;

/// A pseudo-terminal: our end of it, and that of a program.
pub(crate) fn open_pair() -> (File, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs: OwnedFd = open(name, flags, Mode::empty()).unwrap();
    (File::from(ours), theirs)
}

/// Starts a command with a terminal for all three streams, for somebody who wants lines.
pub(crate) fn start(mut command: Command) -> Program {
    command.env("ACCESSIBLE", "1");
    let (ours, theirs) = open_pair();
    start_on(command, ours, &theirs)
}

/// Starts a command on this terminal.
pub(crate) fn start_on(mut command: Command, ours: File, theirs: &OwnedFd) -> Program {
    let stream = || Stdio::from(theirs.try_clone().unwrap());
    let streams = command.stdin(stream()).stdout(stream()).stderr(stream());
    // A group of its own, as a shell gives to each job: stopping it stops nobody else.
    let child = streams.process_group(0).spawn().unwrap();
    // With the command its ends of the terminal are dropped, so that it closes with the process.
    Program::on_terminal(&command, child, ours)
}

pub(crate) fn listen(home: &Home, args: &[&str]) -> (Program, SocketAddr) {
    let args = [&["listen", "127.0.0.1:0"], args].concat();
    let mut program = start(home.command(&args));
    let line = program.said("listening on ");
    let address = line.split(['/', ' ']).nth(2).unwrap();
    (program, address.parse().unwrap())
}

/// An answer that comes sooner cannot be meant for the question.
pub(crate) const READING: Duration = Duration::from_millis(1_100);

/// As long as it takes to see what came by itself, 0.3 s, and to be sure: what is typed sooner is not meant for it.
pub(crate) const GLANCE: Duration = Duration::from_millis(400);

/// Waits until the prompt shows `name`, and has been seen.
pub(crate) fn sees_prompt(program: &mut Program, name: &str) {
    program.shown(&format!("{name}> "));
    program.is_read(GLANCE);
}

/// Bob, who listens, and Alice, who is connected to him at a terminal.
pub(crate) fn friends_in_lines() -> ((Home, Home), Program, Program) {
    let (alice, bob) = Home::friends();
    let (listener, address) = bob.listen(&[]);
    let mut person = start(alice.command(&["connect", "bob", &address.to_string()]));
    person.said("secure: bob");
    sees_prompt(&mut person, "bob");
    ((alice, bob), listener, person)
}

pub(crate) const QUESTION: &str = "talk to it? (yes, yes NAME, no, or paste the key you expect) ";

/// What decides about a caller while there is somebody to talk to.
pub(crate) const DECIDING: &str = "/add NAME takes it in, /refuse sends it away";

/// Decides about a caller when it has been shown, while there is somebody to talk to.
pub(crate) fn decide(program: &mut Program, command: &str) {
    program.said(DECIDING);
    program.is_read(READING);
    program.say(command);
}

/// Answers the question when it has been asked.
pub(crate) fn answer(program: &mut Program, text: &str) {
    program.shown(QUESTION);
    program.is_read(READING);
    program.say(text);
}

#[test]
fn an_unknown_key_is_shown_and_asked_about() {
    let (alice, bob) = (Home::new(), Home::new());
    let (mut listener, address) = listen(&bob, &[]);
    let mut caller = alice.call(&bob, address, &[]);
    caller.told("has to accept you first; waiting");
    caller.say("let me in");
    listener.said("an unknown key calls from 127.0.0.1:");
    let shown = listener.said("");
    let shown = shown.replace(' ', "");
    assert_eq!(format!("{}=", shown.trim_end()), alice.key());
    for line in ["what do you want?", "@alice what do you want?"] {
        answer(&mut listener, line);
        listener.said("that is no answer; it was not sent");
    }
    answer(&mut listener, "yes alice");
    listener.said("saved as alice");
    caller.told("secure: ");
    assert!(listener.said("let me in").contains(" alice: "));
    sees_prompt(&mut listener, "alice");
    listener.say("come in");
    assert!(caller.said("").ends_with("\tcome in"));
    assert!(
        bob.known_peers()
            .contains(&format!("alice {}", alice.key()))
    );
}

/// It was told that it calls, and nothing of what came of that.
#[test]
fn who_asks_for_whoever_has_yet_to_accept_it_is_told_what_is_missing() {
    let (alice, bob) = (Home::new(), Home::new());
    let (mut listener, address) = listen(&bob, &[]);
    let (key, address) = (bob.key(), address.to_string());
    let mut caller = start(alice.command(&["connect", "--peer-key", &key, &address]));
    caller.said("has to accept you first; waiting");
    caller.say("/connect");
    caller.said("has to accept you first; waiting");
    answer(&mut listener, "yes alice");
    caller.said("secure: ");
    let told = quit(caller).transcript;
    assert_eq!(told.matches("connecting to ").count(), 1, "{told}");
}

#[test]
fn no_sends_the_stranger_away_and_saves_nothing() {
    let (alice, bob) = (Home::new(), Home::new());
    let (mut listener, address) = listen(&bob, &["--trust", "ask"]);
    for no in ["no", ""] {
        let mut caller = alice.call(&bob, address, &[]);
        answer(&mut listener, no);
        caller.told("does not want another");
        let ended = caller.end();
        assert_eq!(ended.code, Some(4), "{}", ended.transcript);
    }
    assert!(!bob.path("known-peers").exists());
}

/// A stranger waited for an answer that nobody was asked for.
#[test]
fn a_daemon_that_is_started_on_a_terminal_turns_strangers_away() {
    let (alice, bob) = (Home::new(), Home::new());
    let mut daemon = start(bob.command(&["daemon", "127.0.0.1:0"]));
    let line = daemon.said("listening on ");
    let address = line.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
    alice.call(&bob, address, &[]).end().failed(4, "SC10");
}

#[test]
fn the_expected_key_is_an_answer_and_another_one_is_a_warning() {
    let (alice, bob, carol) = (Home::new(), Home::new(), Home::new());
    let (mut listener, address) = listen(&bob, &[]);
    let caller = alice.call(&bob, address, &[]);
    answer(&mut listener, &carol.key());
    listener.said("that is another key than the one that calls; it was sent away");
    assert_eq!(caller.end().code, Some(4));
    let mut caller = alice.call(&bob, address, &[]);
    answer(&mut listener, &alice.key());
    listener.said("saved as guest-");
    caller.told("secure: ");
}

#[test]
fn two_strangers_are_asked_about_one_after_the_other() {
    let (alice, bob, carol) = (Home::new(), Home::new(), Home::new());
    let (mut listener, address) = listen(&bob, &[]);
    let mut first = alice.call(&bob, address, &[]);
    listener.shown(QUESTION);
    let mut second = carol.call(&bob, address, &[]);
    second.told("has to accept you first; waiting");
    listener.is_read(READING);
    listener.say("yes alice");
    first.told("secure: ");
    decide(&mut listener, "/add carol");
    second.told("secure: ");
    second.say("this is carol");
    assert!(listener.said("this is carol").contains(" carol: "));
    first.say("this is alice");
    assert!(listener.said("this is alice").contains(" alice: "));
}

#[test]
fn a_stranger_who_leaves_is_not_asked_about_any_more() {
    let (alice, bob) = (Home::new(), Home::new());
    let (mut listener, address) = listen(&bob, &[]);
    let mut caller = alice.call(&bob, address, &[]);
    caller.told("waiting");
    listener.shown(QUESTION);
    caller.signal(rustix::process::Signal::TERM);
    caller.end();
    listener.said("is gone");
    listener.say("yes alice");
    listener.said("(nothing was sent)");
    assert!(!bob.path("known-peers").exists());
}

#[test]
fn a_stranger_with_the_name_of_a_friend_waits_as_others_do_and_is_told_from_the_friend() {
    let (alice, bob, mallory) = (Home::new(), Home::new(), Home::new());
    bob.knows("alice", &alice);
    let (mut listener, address) = listen(&bob, &["--color", "never"]);
    let mut caller = mallory.call(&bob, address, &["--nickname", "alice"]);
    caller.told("has to accept you first; waiting");
    listener.said("error: an unknown key is calling itself \"alice\"  [SC09]");
    listener.said("an unknown key calls from 127.0.0.1:");
    listener.said("it calls itself as your saved alice does, and has another key");
    answer(&mut listener, "yes alice");
    listener.said("there is a peer called \"alice\" already  [SC23]");
    answer(&mut listener, "no");
    assert_eq!(caller.end().code, Some(4));
    let rude = Rude::calling_itself("\u{1b}[2Jalice");
    rude.connect(&bob, address);
    listener.shown(QUESTION);
    let ended = quit(listener);
    assert!(
        !ended.transcript.contains('\u{1b}'),
        "{:?}",
        ended.transcript
    );
}

#[test]
fn a_friend_with_a_new_key_waits_until_it_is_replaced_elsewhere_and_is_asked_about_no_longer() {
    let (alice, bob, new) = (Home::new(), Home::new(), Home::new());
    bob.knows("alice", &alice);
    let (mut listener, address) = listen(&bob, &[]);
    let mut caller = new.call(&bob, address, &["--nickname", "alice"]);
    listener.shown(QUESTION);
    bob.run(&["peers", "replace", "alice", &new.key(), "--yes"]);
    listener.said("secure: alice");
    caller.told("secure: ");
    sees_prompt(&mut listener, "alice");
    listener.say("is that you?");
    assert!(caller.said("").ends_with("\tis that you?"));
}

#[test]
fn commands_are_not_sent_and_two_slashes_say_one() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = listen(&bob, &[]);
    listener.say("hello?");
    listener.said("nobody is connected (nothing was sent)");
    let mut caller = alice.connect("bob", address, &[]);
    listener.said("secure: alice");
    sees_prompt(&mut listener, "alice");
    listener.say("/help");
    assert!(listener.said("/quit ").trim_end().ends_with(" leave"));
    listener.say("/peers");
    listener.said("> alice  [not verified]  connected");
    listener.say("/sned secret");
    listener.said("unknown command /sned - try /help (nothing was sent)");
    listener.say("/pees");
    listener.said("unknown command /pees - did you mean /peers? (nothing was sent)");
    listener.say("@nobody secret");
    listener.said("no peer called \"nobody\" (nothing was sent)");
    listener.say("@alcie secret");
    listener.said("no peer called \"alcie\" - did you mean @alice? (nothing was sent)");
    listener.say("");
    listener.say("//etc/hosts");
    assert!(caller.said("").ends_with("\tbob\t/etc/hosts"));
    listener.say("@@home");
    assert!(caller.said("").ends_with("\tbob\t@home"));
    listener.say("@alice to you");
    assert!(caller.said("").ends_with("\tbob\tto you"));
    let ended = quit(listener);
    assert_eq!(ended.code, Some(0));
    caller.told("bob left");
    assert_eq!(caller.end().code, Some(0));
}

/// How large a message is its author decides.
#[test]
fn a_search_shows_the_newest_page_and_says_how_many_are_older() {
    let (alice, _bob) = Home::friends();
    for number in ["first", "second"] {
        let mut sender = alice.start(&["send", "bob", "-", "--no-wait"]);
        sender.say(&format!("{number} {}-needle", "hay ".repeat(40_000)));
        sender.close();
        assert_eq!(sender.end().code, Some(0));
    }
    let (mut program, _) = listen(&alice, &[]);
    for (search, all) in [
        ("NEEDLE", "NEEDLE"),
        (
            "in:bob since:14d -NEEDLE",
            "--in bob --since 14d -- -NEEDLE",
        ),
    ] {
        program.say(&format!("/search {search}"));
        program.said("second hay ");
        let all = alice.suggested(&format!("history search {all}"));
        let words = format!("the newest 1; older ones with that in them: 1 (all: {all})");
        program.said(&words);
    }
    quit(program);
}

#[test]
fn names_are_given_and_what_is_kept_is_found_by_command() {
    let (alice, bob) = Home::friends();
    std::fs::write(bob.path("config.toml"), "[history]\nkeep = \"forever\"\n").unwrap();
    let (mut listener, address) = listen(&bob, &[]);
    let mut caller = alice.connect("bob", address, &[]);
    listener.said("secure: alice");
    sees_prompt(&mut listener, "alice");
    listener.say("the blue Needle");
    assert!(caller.said("").ends_with("\tbob\tthe blue Needle"));
    listener.said("[1] delivered");
    listener.say("/save other");
    listener.said("saved already, as alice; another name: /rename NEW");
    listener.say("/rename ally");
    listener.said("alice is called ally now");
    listener.say("/search from:alice needle");
    listener.said("no peer called \"alice\"");
    listener.say("/search from:ally since:1d needle");
    listener.said(" me to ally");
    listener.said("found: 1");
    listener.say("/search haystack");
    listener.said("nothing of what is kept has that in it ([history] keep says what is kept)");
    listener.say("/rename a b c");
    listener.said("usage: /rename [NAME] NEW (nothing was sent)");
    listener.say("/bare");
    listener.said("/bare is of the full screen only: lines have nothing beside the text");
    listener.say("SECURECHAT-SECRET-KEY-1:AAAA");
    listener.said("that holds a SECRET key");
    let file = bob.path("talk.txt");
    listener.say(&format!("/export {}", file.display()));
    listener.said("written, for you alone: ");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.ends_with(" me to ally: the blue Needle\n"), "{text:?}");
    listener.say(&format!("/export {}", file.display()));
    listener.said("exists already; it was not touched");
    listener.say("/disconnect");
    listener.said("hung up: ally can still call");
    listener.say("/disconnect carol");
    listener.said("no peer called \"carol\"");
    assert_eq!(quit(listener).code, Some(0));
    caller.told("bob left");
    assert_eq!(caller.end().code, Some(0));
}

#[test]
fn who_is_not_to_be_asked_still_has_commands() {
    let (alice, bob) = Home::friends();
    let stranger = Home::new();
    let (mut listener, address) = listen(&bob, &["--no-input"]);
    stranger.call(&bob, address, &[]).end().failed(4, "SC10");
    let mut caller = alice.connect("bob", address, &[]);
    listener.said("secure: alice");
    sees_prompt(&mut listener, "alice");
    listener.say("/peers");
    listener.said("> alice  [not verified]  connected");
    listener.say("said");
    assert!(caller.said("").ends_with("\tbob\tsaid"));
    assert_eq!(quit(listener).code, Some(0));
    assert_eq!(caller.leave().rest, "");
}

/// The first 4,095 bytes were sent as if they were all.
#[test]
fn a_line_that_the_terminal_may_have_cut_is_not_sent() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let connect = alice.command(&["connect", "bob", &address.to_string()]);
    let mut person = Program::typed_at(connect);
    person.told("secure: bob");
    for len in [4_200, 4_095] {
        person.say(&"x".repeat(len));
        person.told("not sent: a terminal drops what a line has beyond 4095 bytes");
    }
    person.say(&"y".repeat(4_094));
    person.say("after it");
    let longest = listener.said("");
    assert!(longest.ends_with(&format!("\t{}", "y".repeat(4_094))));
    assert!(listener.said("").ends_with("\tafter it"));
}

#[test]
fn a_text_for_send_that_the_terminal_may_have_cut_is_not_sent() {
    let (alice, bob) = Home::friends();
    let send = || Program::typed_at(alice.command(&["send", "bob", "-", "--no-wait"]));
    let mut cut = send();
    cut.say("short");
    cut.say(&"x".repeat(4_200));
    cut.press("\u{4}");
    let ended = cut.end();
    ended.failed(2, "SC29");
    let why = "a terminal drops what a line has beyond 4095 bytes";
    assert!(ended.told.contains(why), "{}", ended.told);
    let mut whole = send();
    whole.say(&"x".repeat(4_094));
    whole.press("\u{4}");
    let ended = whole.end();
    assert_eq!(ended.code, Some(0), "{}", ended.told);
    drop(bob);
}

/// As `help accessibility` says.
#[test]
fn what_was_typed_before_a_message_came_still_counts_and_can_be_seen_or_dropped() {
    let (_homes, mut listener, mut person) = friends_in_lines();
    listener.told("secure: alice");
    for (keys, sent) in [
        ("\u{12}, and its end", "the beginning, and its end"),
        ("\u{15}anew", "anew"),
    ] {
        person.press("the beginning");
        person.shown("the beginning");
        listener.say("meanwhile");
        person.said(" bob: meanwhile");
        sees_prompt(&mut person, "bob");
        person.press(&keys[..1]);
        if keys.starts_with('\u{12}') {
            person.shown("the beginning");
        }
        person.say(&keys[1..]);
        assert!(listener.said("").ends_with(&format!("\t{sent}")));
        person.said(" delivered");
        sees_prompt(&mut person, "bob");
    }
}

/// There was no way to write one: a paste was sent line by line.
#[test]
fn several_lines_are_one_message_when_that_is_said() {
    let (_homes, mut listener, mut person) = friends_in_lines();
    let code = ["/lines", "/quit", "@carol \\", "", "    .", "/send"];
    person.say_together(&code.map(str::to_owned));
    person.said("what you type now is one message to bob: a line that is /send sends it");
    assert!(
        listener
            .said("")
            .ends_with("\t/quit\\n@carol \\\\\\n\\n    .")
    );
    person.said("me [1]: /quit");
    sees_prompt(&mut person, "bob");
    for dropped in ["/send", "/cancel"] {
        person.say("/lines");
        person.shown("bob, line 1> ");
        person.say(dropped);
        person.said("(nothing was sent)");
    }
    // A line that is not taken is missed by its author, and not by the receiver alone.
    person.say_together(&["/lines", "one", "two\u{1b}[D", "three"].map(str::to_owned));
    person.said("this line is not in the message: keys such as arrows do nothing in lines");
    person.shown("bob, line 3> ");
    person.say("/send");
    person.said("it lacks 1 line (nothing was sent)");
    person.say("/send");
    assert!(listener.said("").ends_with("\tone\\nthree"));
    listener.say("well?");
    person.said("bob: well?");
    sees_prompt(&mut person, "bob");
    person.say("/reply");
    person.shown("bob (answer)> ");
    person.say("/lines");
    person.shown("bob (answer), line 1> ");
    person.say_together(&["yes", "no", "/send"].map(str::to_owned));
    assert!(listener.said("").ends_with("> well?\\nyes\\nno"));
    let ended = quit(person);
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
}

#[test]
fn a_secret_key_among_several_lines_and_what_is_not_ended_are_not_sent() {
    let (_homes, mut listener, mut person) = friends_in_lines();
    let body = "b3BlbnNzaC1rZXktdjEA".repeat(3);
    // Begun before, so that the message has no line which shows alone what it is.
    person.say("-----BEGIN OPENSSH PRIVATE KEY-----");
    person.said("not sent: that holds a SECRET key");
    person.say_together(&["/lines", &body, &body].map(str::to_owned));
    person.said("that holds a SECRET key; it is not for anybody else (nothing of this message");
    person.say("/send");
    person.said("not sent: that holds a SECRET key");
    person.say("that was a mistake");
    assert!(listener.said("").ends_with("\tthat was a mistake"));
    person.say_together(&["/lines", "half"].map(str::to_owned));
    person.shown("bob, line 2> ");
    person.say("\u{4}");
    person.said("not sent: what was written after /lines");
    let ended = person.end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    listener.told("alice left");
    let ended = listener.kill();
    assert_eq!(ended.rest, "", "{}", ended.transcript);
}

#[test]
fn the_end_of_the_input_is_a_goodbye() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let mut caller = start(alice.command(&["connect", "bob", &address]));
    caller.said("secure: bob");
    // Ctrl-D at the beginning of a line.
    caller.say("bye\n\u{4}");
    listener.said("bye");
    listener.told("alice left");
    assert_eq!(caller.end().code, Some(0));
}

#[test]
fn what_a_peer_says_cannot_drive_the_terminal() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = listen(&bob, &[]);
    let mut caller = alice.connect("bob", address, &[]);
    caller.say("\u{1b}[2J\u{1b}]52;c;ZXZpbA==\u{7}\u{9b}31mred \u{202e}fdp.exe");
    let line = listener.said(" alice: ");
    assert!(
        line.ends_with(" alice: ^[[2J^[]52;c;ZXZpbA==^G<9B>31mred <U+202E>fdp.exe\r"),
        "{line:?}"
    );
    caller.say("one\u{2028}12:00 carol: two");
    listener.said(" alice: one");
    assert_eq!(listener.said("carol"), "      12:00 carol: two\r");
}

pub(crate) fn quit(mut program: Program) -> Ended {
    program.say("/quit");
    program.end()
}

#[test]
fn a_new_key_is_typed_as_its_owner_reads_it_out() {
    let (home, other) = (Home::new(), Home::new());
    home.knows("bob", &Home::new());
    let new = other.key();
    let asked = || start(home.command(&["peers", "replace", "bob", &new]));
    let mut program = asked();
    program.shown("as they are read out to you:");
    program.say("yes");
    let ended = program.end();
    assert_eq!(ended.code, Some(2));
    assert!(
        ended
            .transcript
            .contains("the key that you gave begins otherwise")
    );
    let mut program = asked();
    program.shown("as they are read out to you:");
    program.say(&format!("{} {}", &new[..5], &new[5..10]));
    assert_eq!(program.end().code, Some(0));
    assert!(home.known_peers().contains(&format!("bob {new}\n")));
}

/// Whoever had the name by then was revoked, and lost it to a key that is not theirs.
#[test]
fn a_new_key_is_given_to_nobody_else_who_gets_the_name_meanwhile() {
    let (home, bob, carol) = (Home::new(), Home::new(), Home::new());
    home.knows("bob", &bob);
    let new = Home::new().key();
    let mut program = start(home.command(&["peers", "replace", "bob", &new]));
    program.shown("as they are read out to you:");
    home.run(&["peers", "rename", "bob", "robert"]);
    home.knows("bob", &carol);
    let before = home.known_peers();
    program.say(&new[..10]);
    let ended = program.end();
    assert_eq!(ended.code, Some(4), "{}", ended.transcript);
    assert!(ended.transcript.contains("[SC46]"), "{}", ended.transcript);
    assert_eq!(home.known_peers(), before);
}
