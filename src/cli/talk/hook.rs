//! The command that is run for each notification (`[notify] command`).
//!
//! It is run without a shell and with the arguments that the settings have, which nobody else can change: what a
//! notification may say comes on its standard input, since arguments can be read by every user of a machine.
//! A thread of its own starts the command and waits for it, so that no conversation does.

use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, sync_channel};
use std::time::Duration;

use crate::cli::talk::network::Input;
use crate::net::Clock;
use crate::store::{Program, end_group, lead_group};
use crate::sync::thread;
use crate::text::{Safe, safe_line};
use crate::time::Instant;

/// Commands that run at the same time at most; for what comes meanwhile none is run.
const MAX_CHILDREN: usize = 4;
/// Notifications that wait for the thread at most; what comes beyond that is left out.
const MAX_WAITING: usize = 16;
/// How long a command may run before it is killed: one that hangs would take the place of others for ever.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether one has ended.
const LOOK: Duration = Duration::from_millis(500);

/// The way to the thread that runs the command; it ends with this.
#[derive(Debug)]
pub(super) struct Hook(SyncSender<Option<Safe>>);

impl Hook {
    /// Starts the thread. That a command cannot be run or fails is told to `inputs`, the first time.
    ///
    /// # Errors
    /// If there can be no thread.
    pub(super) fn start(program: Program, clock: Clock, inputs: Sender<Input>) -> io::Result<Self> {
        let (calls, waiting) = sync_channel(MAX_WAITING);
        let runner = Runner::new(program, clock, inputs);
        thread::start("notify", move || runner.serve(&waiting))?;
        Ok(Self(calls))
    }

    /// Has the command run, if it is not too much; `words`: what it may be told.
    pub(super) fn call(&self, words: Option<Safe>) {
        let _ = self.0.try_send(words);
    }
}

#[derive(Debug)]
struct Runner {
    program: Program,
    clock: Clock,
    inputs: Sender<Input>,
    /// Those that run, and since when.
    children: Vec<(Child, Instant)>,
    has_complained: bool,
}

impl Runner {
    const fn new(program: Program, clock: Clock, inputs: Sender<Input>) -> Self {
        Self {
            program,
            clock,
            inputs,
            children: Vec::new(),
            has_complained: false,
        }
    }

    fn serve(mut self, calls: &Receiver<Option<Safe>>) {
        loop {
            let call = if self.children.is_empty() {
                calls.recv().map_err(RecvTimeoutError::from)
            } else {
                calls.recv_timeout(LOOK)
            };
            let now = self.clock.now();
            self.reap(now);
            match call {
                Ok(words) => self.run(words, now),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn run(&mut self, words: Option<Safe>, now: Instant) {
        if self.children.len() >= MAX_CHILDREN {
            return;
        }
        match self.spawn(words) {
            Ok(child) => self.children.push((child, now)),
            Err(error) => self.complain(safe_line(&error.to_string())),
        }
    }

    /// The words of one notification fit into an empty pipe: writing them does not wait for whoever reads.
    fn spawn(&self, words: Option<Safe>) -> io::Result<Child> {
        let mut command = Command::new(&self.program.name);
        command
            .args(&self.program.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        lead_group(&mut command);
        let mut child = command.spawn()?;
        if let (Some(mut input), Some(words)) = (child.stdin.take(), words) {
            // It need not be read.
            let _ = writeln!(input, "{words}");
        }
        Ok(child)
    }

    /// Takes leave of those that have ended, and ends those that take too long.
    fn reap(&mut self, now: Instant) {
        let mut failure = None;
        self.children.retain_mut(|(child, since)| {
            if now.saturating_since(*since) >= PATIENCE {
                end_group(child);
                failure = Some(Safe::from("it ran for more than ") + PATIENCE.as_secs() + " s");
                return false;
            }
            match child.try_wait() {
                Ok(None) => true,
                Ok(Some(status)) if status.success() => false,
                Ok(Some(status)) => {
                    failure = Some(safe_line(&status.to_string()));
                    false
                }
                Err(error) => {
                    failure = Some(safe_line(&error.to_string()));
                    false
                }
            }
        });
        if let Some(failure) = failure {
            self.complain(failure);
        }
    }

    /// Once: it would be told with every message.
    fn complain(&mut self, why: Safe) {
        if core::mem::replace(&mut self.has_complained, true) {
            return;
        }
        let name = safe_line(&self.program.name);
        let words = Safe::from("the command of [notify], ") + name + ", failed: " + why;
        // The conversation may be over.
        let _ = self.inputs.send(Input::Told(words));
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::sync::mpsc::channel;

    use super::*;

    fn runner(command: &[&str]) -> (Runner, Receiver<Input>) {
        let (inputs, told) = channel();
        let mut words = command.iter().map(|word| (*word).to_owned());
        let name = words.next().unwrap();
        let args = words.collect();
        let program = Program { name, args };
        (Runner::new(program, Clock::new(), inputs), told)
    }

    /// Runs the command once, to its end.
    fn run(runner: &mut Runner, words: Option<Safe>) {
        let now = runner.clock.now();
        runner.run(words, now);
        for (child, _) in &mut runner.children {
            child.wait().unwrap();
        }
        runner.reap(now);
        assert!(runner.children.is_empty(), "none is left behind");
    }

    fn told(told: &Receiver<Input>) -> Vec<String> {
        let words = told.try_iter().map(|input| {
            let Input::Told(words) = input else {
                panic!("{input:?}");
            };
            words.to_string()
        });
        words.collect()
    }

    /// tiny#261: what somebody wrote was in the arguments of a command, or read by a shell.
    #[test]
    fn arguments_are_those_of_the_settings_and_words_come_on_standard_input() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("seen");
        let script = "printf '%s|' \"$@\" > \"$1\"; cat >> \"$1\"";
        let place = file.to_str().unwrap();
        let (mut runner, _told) = runner(&["sh", "-c", script, "sh", place, "$(id) %s"]);
        let hostile = safe_line("message from bob: $(touch /tmp/x); `id` \u{1b}]0;x\u{7}");
        run(&mut runner, Some(hostile.clone()));
        let seen = fs::read_to_string(&file).unwrap();
        assert_eq!(seen, format!("{place}|$(id) %s|{hostile}\n"));
        run(&mut runner, None);
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            format!("{place}|$(id) %s|")
        );
    }

    #[test]
    fn no_more_than_a_few_run_and_one_that_hangs_is_ended() {
        let (mut runner, told_to) = runner(&["sleep", "1000"]);
        let now = runner.clock.now();
        for _ in 0..2 * MAX_CHILDREN {
            runner.run(None, now);
        }
        assert_eq!(runner.children.len(), MAX_CHILDREN);
        runner.reap(now);
        assert_eq!(runner.children.len(), MAX_CHILDREN);
        runner.reap(now + PATIENCE);
        assert!(runner.children.is_empty());
        assert_eq!(
            told(&told_to),
            ["the command of [notify], sleep, failed: it ran for more than 30 s"]
        );
    }

    /// The shell alone was killed, and what it had started went on.
    #[test]
    fn what_a_command_has_started_ends_with_it() {
        let home = tempfile::tempdir().unwrap();
        let pipe = home.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let script = "(sleep 100; echo it went on) > \"$1\"; true";
        let (mut runner, _told) = runner(&["sh", "-c", script, "sh", pipe.to_str().unwrap()]);
        let now = runner.clock.now();
        runner.run(None, now);
        let mut pipe = fs::File::open(&pipe).unwrap();
        runner.reap(now + PATIENCE);
        let mut said = String::new();
        pipe.read_to_string(&mut said).unwrap();
        assert_eq!(said, "");
    }

    #[test]
    fn a_command_that_fails_is_told_of_once() {
        let (mut absent, told_to) = runner(&["/nowhere/notify"]);
        run(&mut absent, None);
        run(&mut absent, None);
        let words = told(&told_to);
        assert_eq!(words.len(), 1);
        assert!(
            words[0].starts_with("the command of [notify], /nowhere/notify, failed: "),
            "{words:?}"
        );
        let (mut failing, told_to) = runner(&["false"]);
        run(&mut failing, Some("words that nobody reads".into()));
        assert_eq!(
            told(&told_to),
            ["the command of [notify], false, failed: exit status: 1"]
        );
    }

    #[test]
    fn whoever_calls_does_not_wait_for_a_command() {
        let (calls, never_read) = sync_channel(MAX_WAITING);
        let hook = Hook(calls);
        for _ in 0..3 * MAX_WAITING {
            hook.call(None);
        }
        assert_eq!(never_read.try_iter().count(), MAX_WAITING);
    }
}
