//! Programs in a PID namespace of their own, as a container is one: there, whatever is outside has the number zero.

use std::env::current_exe;
use std::process::{Command, Stdio};

use crate::common::skipped;
use crate::home::{Home, listening};
use crate::program::Program;

/// What runs a command in there; none, after saying so, where that is not allowed.
fn container() -> Option<Command> {
    let contained = |way: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(way);
        unshare.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        unshare
    };
    let is_allowed = |way: &&[&str]| {
        let status = contained(way).arg("true").stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let ways: [&[&str]; 2] = [&[], &["--user", "--map-current-user"]];
    let way = ways.into_iter().find(is_allowed);
    if way.is_none() {
        skipped("no PID namespace for a user");
    }
    way.map(contained)
}

fn contained(mut container: Command, command: &Command) -> Command {
    container
        .arg(command.get_program())
        .args(command.get_args());
    container
}

/// getsid() is zero there: that ended the program.
#[test]
fn in_a_session_that_began_outside_it_stops_and_goes_on() {
    let Some(container) = container() else {
        return;
    };
    let mut same = Command::new(current_exe().unwrap());
    same.args([
        "--exact",
        "stopped::ctrl_z_gives_the_terminal_back_until_the_program_goes_on",
    ]);
    let output = contained(container, &same).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("1 passed"), "{shown}");
}

/// Who asks from outside has the process number zero for the program: that was taken for an error.
#[test]
fn a_program_inside_is_reached_from_outside() {
    let home = Home::new();
    let Some(container) = container() else {
        return;
    };
    let inside = contained(container, &home.command(&["daemon", "127.0.0.1:0"]));
    let mut inside = Program::start(inside);
    let address = listening(&mut inside);
    let status = home.run(&["status"]);
    assert!(
        status.rest.contains(&address.to_string()),
        "{}",
        status.rest
    );
}
