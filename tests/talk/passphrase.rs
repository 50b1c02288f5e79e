//! The question for a passphrase on a real terminal.

use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::LocalModes;

use crate::home::Home;
use crate::program::until;
use crate::screen::Person;
use crate::terminal::start;

/// Somebody is asked for a passphrase by a program that a script has started, which goes on after it.
fn asked_in_a_script() -> (Person, Pid, Home) {
    let home = Home::empty();
    let file = home.path("passphrase");
    std::fs::write(&file, "correct horse\n").unwrap();
    home.run(&["keygen", "--passphrase-file", file.to_str().unwrap()]);
    let program = home.command(&["listen", "127.0.0.1:0"]);
    let words = std::iter::once(program.get_program()).chain(program.get_args());
    let words: Vec<_> = words.map(|it| it.to_str().unwrap()).collect();
    let script = home.path("script");
    let lines = [
        &format!("sh -c 'echo \"pid $$.\"; exec {}'", words.join(" ")),
        "echo \"ended: $?\"",
        "read -r line",
        "echo \"typed: $line\"",
    ];
    std::fs::write(&script, lines.join("\n")).unwrap();
    let mut person = Person::at_a_shell();
    person.presses(&format!("sh {}\n", script.display()));
    person.sees("passphrase for");
    let terminal = person.terminal.try_clone().unwrap();
    let echoes = || rustix::termios::tcgetattr(&terminal).unwrap().local_modes;
    until("no echo", || {
        (!echoes().contains(LocalModes::ECHO)).then_some(())
    });
    let text = person.vt.text();
    let pid = text
        .split("pid ")
        .nth(1)
        .unwrap()
        .split('.')
        .next()
        .unwrap();
    (person, Pid::from_raw(pid.parse().unwrap()).unwrap(), home)
}

/// The terminal is as a script needs it that goes on.
fn goes_on(mut person: Person, ended: &str) {
    person.program.shown(ended);
    let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
    assert!(person.modes().local_modes.contains(cooked));
    person.presses("by hand\n");
    person.program.shown("typed: by hand");
}

#[test]
fn ctrl_c_at_the_question_for_a_passphrase_gives_the_terminal_back() {
    let (mut person, _, _home) = asked_in_a_script();
    person.presses("half a pass\u{3}");
    goes_on(person, "ended: 130");
}

#[test]
fn a_signal_at_the_question_for_a_passphrase_gives_the_terminal_back() {
    let (person, pid, _home) = asked_in_a_script();
    kill_process(pid, Signal::TERM).unwrap();
    goes_on(person, "ended: 143");
}

/// The watch for the question is over then.
#[test]
fn a_signal_after_the_question_is_answered_by_a_goodbye() {
    let (mut person, pid, home) = asked_in_a_script();
    person.presses("correct horse\r");
    person.waits("the full screen", |vt| vt.modes.contains("?1049"));
    until("an answer", || {
        (home.attempt(&["status", "--no-input"]).code == Some(0)).then_some(())
    });
    kill_process(pid, Signal::TERM).unwrap();
    goes_on(person, "ended: 143");
}

/// A program that belongs to no terminal can hide nothing that is typed. It said `No such device`, and nothing to do.
#[test]
fn without_a_terminal_of_its_own_it_names_the_ways_to_give_a_passphrase() {
    let home = Home::empty();
    let keygen = home.command(&["keygen"]);
    let mut alone = Command::new("setsid");
    alone.arg("--wait").arg(keygen.get_program());
    alone.args(keygen.get_args());
    let mut asked = start(alone);
    asked.said("a passphrase for the new key is needed  [SC17]");
    asked.said("keygen --passphrase-file FILE");
    assert_eq!(asked.end().code, Some(2));
}
