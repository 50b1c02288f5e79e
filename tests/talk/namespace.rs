//! A network of its own for programs, made by a user without rights.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::common::skipped;
use crate::disks::KNOWS_ROOT;
use crate::home::Home;
use crate::program::Program;
use crate::programs::listening;

/// A machine with a network of its own.
pub(crate) struct Network {
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Network {
    /// One in which the shell has done this, which has to succeed; none where a user may not have one, which is said.
    pub(crate) fn new(first: &str) -> Option<Self> {
        let mut command = Command::new("unshare");
        let pipes = command.args(["-Urnm", "sh"]).stdin(Stdio::piped());
        let pipes = pipes.stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut shell) = pipes.spawn() else {
            skipped("no network namespace for a user");
            return None;
        };
        let (input, output) = (shell.stdin.take().unwrap(), shell.stdout.take().unwrap());
        let mut network = Self {
            shell,
            input,
            output: BufReader::new(output),
        };
        if !network.does(KNOWS_ROOT) || !network.does("ip link set lo up") {
            skipped("no network namespace for a user");
            return None;
        }
        assert!(network.does(first), "{first}");
        Some(network)
    }

    /// Whether the shell does that.
    pub(crate) fn does(&mut self, line: &str) -> bool {
        let mut answer = String::new();
        let asked = writeln!(self.input, "{line} && echo done || echo failed");
        asked.is_ok() && self.output.read_line(&mut answer).is_ok() && answer == "done\n"
    }

    /// Bob listens there, and Alice calls him at that address of the machine: the listener, the caller, and where it calls.
    pub(crate) fn call(
        &self,
        (alice, bob): &(Home, Home),
        there: &str,
        ip: &str,
    ) -> (Program, Program, String) {
        let mut listener = self.start(bob, &["listen", there, "--json"]);
        let address = format!("{ip}:{}", listening(&mut listener).port());
        let caller = self.start(alice, &["connect", "bob", &address, "--json"]);
        (listener, caller, address)
    }

    pub(crate) fn start(&self, home: &Home, args: &[&str]) -> Program {
        let command = home.command(args);
        let mut inside = Command::new("nsenter");
        inside.args(["--preserve-credentials", "-U", "-n", "-m", "-t"]);
        inside.arg(self.shell.id().to_string());
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        Program::start(inside)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
