//! Programs in a PID namespace of their own, as a container is one: there, whatever is outside has the number zero.

use std::env::current_exe;
use std::process::{Command, Stdio};

use crate::common::skipped;
use crate::disks::KNOWS_ROOT;
use crate::home::{Home, listening, program};
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
        let mut probe = contained(way);
        let status = probe.args(["sh", "-c", KNOWS_ROOT]);
        let status = status.stderr(Stdio::null()).status();
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

/// Somebody who is not root, where the machine's root is not known; none, after saying so, where that cannot be had.
fn sandbox() -> Option<Command> {
    let namespace = ["unshare", "--user", "--map-current-user"];
    let as_another = ["setpriv", "--reuid", "1000", "--clear-groups"];
    let ways = [namespace.to_vec(), [&as_another[..], &namespace].concat()];
    let sandboxed = |way: &Vec<&str>| {
        let [first, rest @ ..] = &way[..] else {
            unreachable!()
        };
        let mut command = Command::new(first);
        command.args(rest);
        command
    };
    let program = program();
    let runs = |way: &&Vec<&str>| {
        let mut probe = sandboxed(way);
        let knows_root = format!("! {{ {KNOWS_ROOT}; }} && \"$0\" --version");
        let status = probe
            .args(["sh", "-c", &knows_root])
            .arg(program.get_program());
        let status = status.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let way = ways.iter().find(runs);
    if way.is_none() {
        skipped("no user namespace for a user");
    }
    way.map(sandboxed)
}

/// It was advised to use another place, which is below the same root.
#[test]
fn where_root_is_not_known_no_other_place_is_advised() {
    let Some(sandbox) = sandbox() else {
        return;
    };
    let mut keygen = program();
    keygen.args(["--home", "/", "keygen", "--no-passphrase"]);
    let mut keygen = Program::start(contained(sandbox, &keygen));
    keygen.close();
    let ended = keygen.end();
    ended.failed(5, "SC02");
    assert!(
        ended.told.contains("Run securechat outside of it."),
        "{}",
        ended.told
    );
    assert!(!ended.told.contains("--home"), "{}", ended.told);
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
