//! The demonstration, without a terminal.

use std::fs;

use crate::home::{Home, program};
use crate::program::{Ended, Program};

/// Runs it where nothing is configured, and looks that nothing is there afterwards.
fn demo(args: &[&str], input: &str) -> Ended {
    let nothing = Home::empty();
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
    let mut program = Program::start(command);
    if !input.is_empty() {
        program.say(input);
    }
    program.close();
    let ended = program.end();
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    ended
}

#[test]
fn the_script_says_three_lines_and_writes_nothing() {
    let ended = demo(&["demo", "--script"], "");
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    let told: Vec<&str> = ended.told.lines().collect();
    assert_eq!(told.len(), 2, "{}", ended.told);
    assert!(told[0].starts_with("demo: echo peer on 127.0.0.1:"));
    assert!(told[0].ends_with("/udp (in this process, real socket)"));
    assert!(told[1].starts_with("demo: handshake done in "));
    assert!(told[1].ends_with(" ms, by Noise_IKhfs+psk2_25519+MLKEM768_ChaChaPoly_BLAKE2s"));
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
