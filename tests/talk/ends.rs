//! How conversations end, and how they begin again.

use std::time::Duration;

use crate::home::{Home, Talk, check, free_port, listening};
#[cfg(unix)]
use crate::program::hears_hangups;
use crate::program::{Program, within};

/// How long a goodbye may take.
#[cfg(unix)]
const GOODBYE: Duration = Duration::from_secs(1);

/// They were read into memory, and ended with it without a word.
#[cfg(target_os = "linux")]
#[test]
fn lines_of_a_pipe_that_nobody_was_there_to_hear_are_counted() {
    let (alice, _bob) = Home::friends();
    let nobody = free_port().to_string();
    let mut caller = alice.start(&["connect", "bob", &nobody, "--retry"]);
    caller.say("one");
    caller.say("two");
    // It runs, and has a second more to read them.
    caller.told("closed port reported at ");
    caller.is_read(GOODBYE);
    caller.signal(rustix::process::Signal::TERM);
    let ended = caller.end();
    assert_eq!(ended.code, Some(143), "{}", ended.transcript);
    assert!(
        ended.told.contains("2 messages were not taken"),
        "{}",
        ended.told
    );
}

/// Those behind the first one were kept, and counted as never said.
#[cfg(target_os = "linux")]
#[test]
fn messages_that_were_taken_together_are_all_counted_when_the_terminal_is_gone() {
    let (alice, _bob) = Home::friends();
    let (terminal, shown) = crate::terminal::open_pair();
    let nobody = free_port().to_string();
    let mut connect = alice.command(&["connect", "bob", &nobody, "--retry"]);
    connect.env("ACCESSIBLE", "1");
    let mut caller = Program::pasted_into(connect, shown);
    caller.told("closed port reported at ");
    drop(terminal);
    caller.say_together(&["one", "two", "three"].map(str::to_owned));
    let ended = caller.end();
    ended.failed(1, "SC24");
    let kept = "3 messages are kept and will be sent next time bob is reachable";
    assert!(ended.told.contains(kept), "{}", ended.told);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_each_side_with_a_goodbye() {
    use rustix::process::Signal;
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        if signal == Signal::HUP && !hears_hangups() {
            continue;
        }
        let (alice, bob) = Home::friends();
        let mut talk = Talk::between(&alice, &bob);
        let ended = within(GOODBYE, || {
            talk.alice.signal(signal);
            talk.bob.told("alice left");
            talk.alice.end()
        });
        assert_eq!(ended.code, Some(code), "{}", ended.transcript);
        let mut caller = alice.connect("bob", talk.address, &[]);
        caller.told("secure: bob");
        talk.bob.told("secure: alice");
        let ended = within(GOODBYE, || {
            talk.bob.signal(signal);
            caller.told("bob left");
            talk.bob.end()
        });
        assert_eq!(ended.code, Some(code), "{}", ended.transcript);
        let ended = caller.end();
        assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    }
}

/// A terminal that is closed brings two hang-ups, the end of a login brings one behind SIGTERM.
#[cfg(unix)]
#[test]
fn a_hangup_behind_another_signal_cuts_no_goodbye_short() {
    use rustix::process::Signal;
    if !hears_hangups() {
        return;
    }
    for (first, code) in [(Signal::HUP, 129), (Signal::TERM, 143)] {
        let (alice, bob) = Home::friends();
        let mut talk = Talk::between(&alice, &bob);
        talk.alice.signal(first);
        talk.alice.signal(Signal::HUP);
        talk.bob.told("alice left");
        let ended = talk.alice.end();
        // Two threads may be given the two, and then either may be first.
        assert!(
            ended.code == Some(code) || ended.code == Some(129),
            "{}",
            ended.transcript
        );
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_call_that_nobody_answers() {
    let (alice, _bob) = Home::friends();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let mut caller = alice.connect("bob", address, &["--retry"]);
    caller.told("connecting to bob");
    let ended = within(GOODBYE, || {
        caller.signal(rustix::process::Signal::INT);
        caller.end()
    });
    assert_eq!(ended.code, Some(130), "{}", ended.transcript);
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_a_program_that_hangs_in_a_full_pipe() {
    let (alice, bob) = Home::friends();
    let carol = Home::new();
    carol.knows("bob", &bob);
    bob.knows("carol", &carol);
    let command = bob.command(&["listen", "127.0.0.1:0"]);
    let (mut listener, _stuck) = Program::with_stuck_reader(command);
    let address = listening(&mut listener);
    let mut caller = alice.connect("bob", address, &["--linger", "1s"]);
    listener.told("secure: alice");
    caller.say("into a full pipe");
    caller.close();
    // What nobody can have read has no receipt.
    let ended = caller.end();
    ended.failed(6, "SC14");
    assert!(ended.told.contains("it may have arrived"), "{}", ended.told);
    // It has reached the loop, which hangs; others are still answered.
    let mut other = carol.connect("bob", address, &[]);
    other.told("secure: bob");
    let ended = within(GOODBYE, || {
        listener.signal(rustix::process::Signal::INT);
        other.told("bob left");
        listener.end()
    });
    assert_eq!(ended.code, Some(130), "{}", ended.transcript);
    assert!(!ended.transcript.contains("carol"), "{}", ended.transcript);
}

#[test]
fn a_listener_for_one_conversation_ends_with_it() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&["--once"]);
    let mut caller = alice.connect("bob", address, &[]);
    check(&mut caller, &mut listener);
    caller.leave();
    let ended = listener.end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
}

#[test]
fn a_caller_that_retries_is_there_before_the_listener() {
    let (alice, bob) = Home::friends();
    let address = free_port();
    let mut caller = alice.connect("bob", address, &["--retry", "--timeout", "1s"]);
    caller.told("closed port reported at ");
    let (mut listener, _) = bob.listen_at(&address.to_string(), &[]);
    check(&mut caller, &mut listener);
}

#[cfg(unix)]
#[test]
fn a_caller_that_retries_comes_back_when_the_listener_does() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen_to_return(&[]);
    let mut caller = alice.connect("bob", address, &["--retry"]);
    check(&mut caller, &mut listener);
    listener.signal(rustix::process::Signal::TERM);
    listener.end();
    caller.told("bob left");
    let (mut listener, _) = bob.listen_at(&address.to_string(), &[]);
    caller.told("secure: bob");
    listener.told("secure: alice");
    check(&mut caller, &mut listener);
}

#[test]
fn a_killed_listener_that_starts_again_goes_on_with_whoever_was_there() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    talk.check();
    talk.bob.kill();
    let (mut listener, _) = bob.listen_at(&talk.address.to_string(), &[]);
    // It goes to a program that has no keys for it, and is said again to the one that has.
    talk.alice.say("is anybody there?");
    talk.alice
        .told("link: nothing heard from bob for 5 s; trying");
    talk.alice.told("secure: bob");
    listener.told("secure: alice");
    assert!(listener.said("").ends_with("\tis anybody there?"));
    check(&mut talk.alice, &mut listener);
}

#[test]
fn an_ended_pipe_does_not_wait_for_ever_for_whoever_is_gone() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &["--linger", "2s"]);
    check(&mut caller, &mut listener);
    listener.kill();
    caller.say("lost");
    caller.told("link: nothing heard from bob for 5 s; trying");
    caller.say("into the silence");
    caller.say("and again");
    caller.close();
    let ended = within(Duration::from_secs(2), || caller.end());
    ended.failed(6, "SC14");
    assert!(ended.told.contains("not delivered to bob within 2 s"));
    assert!(
        ended
            .told
            .contains("3 messages have no receipt; they may have arrived."),
        "{}",
        ended.told
    );
}

/// That was taken for its end, and the code was that of success.
#[cfg(unix)]
#[test]
fn an_input_that_cannot_be_read_is_an_error() {
    let (alice, bob) = Home::friends();
    let (_listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let connect = ["connect", "bob", &address];
    let fails = |args: &[&str]| {
        let mut command = alice.command(args);
        command.stdin(std::fs::File::open(alice.path("")).unwrap());
        let ended = command.output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{told}");
        let words = "error: cannot read standard input: Is a directory (os error 21)  [SC24]\n";
        assert!(told.contains(words), "{told}");
        String::from_utf8(ended.stdout).unwrap()
    };
    fails(&connect);
    fails(&["listen", "127.0.0.1:0"]);
    let events = fails(&["connect", "bob", &address, "--json"]);
    assert!(
        events.lines().last().unwrap().contains("\"SC24\""),
        "{events}"
    );
}

/// Whoever has it open too can make it so.
#[cfg(target_os = "linux")]
#[test]
fn an_input_that_has_nothing_at_the_moment_is_waited_for() {
    use std::io::Write;
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let (input, mut pipe) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&input, true).unwrap();
    let mut command = alice.command(&["connect", "bob", &address.to_string()]);
    command.stdin(input);
    let caller = std::thread::spawn(move || command.output().unwrap());
    listener.told("secure: alice");
    for text in ["one", "two"] {
        writeln!(pipe, "{text}").unwrap();
        listener.said(&format!("\talice\t{text}"));
    }
    drop(pipe);
    assert_eq!(caller.join().unwrap().status.code(), Some(0));
}

/// The line that waited for room kept it from its end.
#[cfg(target_os = "linux")]
#[test]
fn an_ended_pipe_does_not_wait_for_ever_for_room_either() {
    let (alice, bob) = Home::friends();
    let command = bob.command(&["listen", "127.0.0.1:0"]);
    let (mut listener, _stuck) = Program::with_stuck_reader(command);
    let address = listening(&mut listener);
    let mut caller = alice.connect("bob", address, &["--linger", "1s"]);
    caller.told("secure: bob");
    let lines: Vec<String> = (0..2_000).map(|line| line.to_string()).collect();
    caller.say_together(&lines);
    caller.close();
    let ended = caller.end();
    ended.failed(6, "SC14");
    let told = "1000 messages are kept and will be sent next time bob is reachable; 1000 more were not taken";
    assert!(ended.told.contains(told), "{}", ended.told);
}

#[test]
fn a_killed_caller_that_starts_again_goes_on_at_once() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    talk.check();
    talk.alice.kill();
    let mut caller = alice.connect("bob", talk.address, &[]);
    caller.told("secure: bob");
    check(&mut caller, &mut talk.bob);
}

#[test]
fn a_quiet_conversation_says_nothing_but_what_was_said() {
    let (alice, bob) = Home::friends();
    let address = free_port().to_string();
    let mut listener = bob.start(&["-q", "listen", &address, "--once"]);
    let mut caller = alice.start(&["-q", "connect", "bob", &address, "--retry"]);
    check(&mut caller, &mut listener);
    let (caller, listener) = (caller.leave(), listener.end());
    assert_eq!((caller.told.as_str(), caller.rest.as_str()), ("", ""));
    assert_eq!((listener.told.as_str(), listener.rest.as_str()), ("", ""));
    assert_eq!(listener.code, Some(0));
}

#[test]
fn a_reader_that_leaves_ends_the_program() {
    let (alice, bob) = Home::friends();
    let mut listener = Program::without_reader(bob.command(&["listen", "127.0.0.1:0"]));
    let address = listening(&mut listener);
    let mut caller = alice.connect("bob", address, &[]);
    caller.say("into a closed pipe");
    caller.told("bob left");
    listener.end().failed(1, "SC24");
}

#[test]
fn what_came_for_a_reader_that_had_left_is_shown_at_the_next_start() {
    let (alice, bob) = Home::friends();
    let mut listener = Program::without_reader(bob.command(&["listen", "127.0.0.1:0"]));
    let address = listening(&mut listener);
    let mut caller = alice.connect("bob", address, &["--retry"]);
    caller.say("into a closed pipe");
    listener.end().failed(1, "SC24");
    let mut again = bob.start(&["listen", &address.to_string()]);
    let line = again.said("into a closed pipe");
    assert!(
        line.ends_with("\talice\tinto a closed pipe\tagain"),
        "{line}"
    );
    check(&mut caller, &mut again);
}
