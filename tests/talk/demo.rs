//! The demonstration: by itself, in lines, and on the full screen. None of them leaves a file.

use std::fs;
use std::process::Command;

use crate::home::{Home, program};
use crate::program::{Ended, Program};
#[cfg(target_os = "linux")]
use crate::{
    screen::Person,
    terminal::{quit, start},
};

/// The program where nothing is configured.
fn command(nothing: &Home, args: &[&str]) -> Command {
    let dir = nothing.path("");
    let mut command = program();
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
        command.env(name, &dir);
    }
    for name in [
        "XDG_RUNTIME_DIR",
        "XDG_CACHE_HOME",
        "TMPDIR",
        "SECURECHAT_HOME",
    ] {
        command.env(name, &dir);
    }
    command.current_dir(&dir).args(args);
    command
}

fn assert_empty(nothing: &Home) {
    assert_eq!(fs::read_dir(nothing.path("")).unwrap().count(), 0);
}

fn demo(args: &[&str], input: &str) -> Ended {
    let nothing = Home::empty();
    let mut program = Program::start(command(&nothing, args));
    if !input.is_empty() {
        program.say(input);
    }
    program.close();
    let ended = program.end();
    assert_empty(&nothing);
    ended
}

#[test]
fn the_script_says_three_lines_and_writes_nothing() {
    let ended = demo(&["demo", "--script"], "");
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    let told: Vec<&str> = ended.told.lines().collect();
    assert_eq!(told.len(), 3, "{}", ended.told);
    assert!(told[0].starts_with("demo: echo peer on 127.0.0.1:"));
    assert!(told[0].ends_with("/udp (in this process, real socket)"));
    assert!(told[1].starts_with("demo: handshake done in "));
    assert!(told[1].ends_with(" ms, by Noise_IKhfs+psk2_25519+MLKEM768_ChaChaPoly_BLAKE2s"));
    let words = told[2]
        .strip_prefix("demo: both sides see the words: ")
        .unwrap();
    assert_eq!(words.split(' ').count(), 4, "{words}");
    let said: Vec<&str> = ended.rest.lines().collect();
    assert_eq!(said.len(), 7, "{}", ended.rest);
    for pair in said[..6].chunks(2) {
        let told = pair[0].split_once(" me    ").unwrap().1;
        let (text, receipt) = told.split_once("delivered ").unwrap();
        let echo = pair[1].split_once(" echo  ").unwrap().1;
        assert_eq!(echo, text.trim_end());
        let took = receipt.strip_suffix(" ms").unwrap();
        assert!(took.parse::<f64>().unwrap() < 30_000.0, "{receipt}");
    }
    assert_eq!(
        said[6],
        "demo: 3 sent, 3 delivered, 3 echoed, 0 lost. Nothing was written to disk."
    );
}

#[test]
fn without_a_terminal_the_script_runs_by_itself() {
    let ended = demo(&["demo"], "this is not said");
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert!(ended.rest.contains("3 sent, 3 delivered, 3 echoed, 0 lost"));
    assert!(!ended.rest.contains("this is not said"));
}

#[test]
fn a_quiet_demonstration_prints_the_conversation_only() {
    let ended = demo(&["demo", "-q"], "");
    assert_eq!((ended.code, ended.told.as_str()), (Some(0), ""));
    assert_eq!(ended.rest.lines().count(), 7);
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_dumb_terminal_the_demonstration_is_the_program_in_lines() {
    let nothing = Home::empty();
    let mut demo = start(command(&nothing, &["demo", "--plain"]));
    demo.said("the echo peer sends it back");
    demo.said("secure: echo at 127.0.0.1:");
    demo.say("is this thing on?");
    demo.said(" me [1]: is this thing on?");
    let (mut receipt, mut echo) = (false, false);
    while !(receipt && echo) {
        let line = demo.said("");
        receipt |= line.ends_with(" [1] delivered\r");
        echo |= line.ends_with(" echo: is this thing on?\r");
    }
    demo.say("/sned");
    demo.said("nothing was sent");
    demo.say("SECURECHAT-SECRET-KEY-1:AAAA");
    demo.said("not sent: that holds a SECRET key");
    demo.say("/myid");
    demo.said("this key is gone when you leave, and nobody else is let in");
    demo.say("/help");
    demo.said("Nothing is kept here: what is saved, found or waits is gone when you leave.");
    demo.say("/verify");
    let read_out = demo.said("echo reads out:  ");
    let words = read_out.split_once("echo reads out:  ").unwrap().1;
    demo.say(&format!("/match echo {}", words.trim()));
    demo.said("echo is [verified] from now on");
    let ended = quit(demo);
    assert_eq!(ended.code, Some(0));
    for untrue in ["others can run", "sent next time"] {
        assert!(!ended.transcript.contains(untrue), "{}", ended.transcript);
    }
    assert_empty(&nothing);
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_the_demonstration_is_the_full_screen() {
    let nothing = Home::empty();
    let mut person = Person::runs(command(&nothing, &["demo"]));
    person.sees("Type a line and press Enter: the echo peer sends it back.");
    person.sees("secure: echo at 127.0.0.1:");
    person.says("hello");
    person.sees("✓✓ me       hello");
    person.sees("   echo     hello");
    person.says("/verify");
    person.sees("echo reads out:  ");
    person.presses("\u{1b}");
    person.sees("F1 help");
    person.says("/search hello");
    person.sees("found: 2");
    person.glances();
    person.presses("\u{1b}");
    person.sees_no("found: 2");
    person.says("/quit");
    let (ended, ..) = person.ends();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert_empty(&nothing);
}

/// The command that was named for that knows nothing of a peer that is in no file.
#[cfg(target_os = "linux")]
#[test]
fn words_that_differ_end_the_demonstration_and_name_no_command() {
    let nothing = Home::empty();
    let mut demo = start(command(&nothing, &["demo", "--plain"]));
    demo.said("secure: echo at 127.0.0.1:");
    demo.say("/verify");
    demo.said("echo reads out:  ");
    demo.say("/differ echo");
    demo.said("nothing brings it back here, where nothing is kept: leave, and begin anew");
    let ended = quit(demo);
    assert!(
        !ended.transcript.contains("peers verify"),
        "{}",
        ended.transcript
    );
    assert_empty(&nothing);
}
