//! Signals, in processes of their own.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use securechat::net::{Signal, Signals};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::raise;

/// Against hanging only.
const PATIENCE: Duration = Duration::from_secs(60);

/// Set in the process that raises the signals.
const CHILD: &str = "SECURECHAT_TEST_SIGNALS";

/// Runs one test of this file again in a process of its own; its exit code.
fn in_a_child(test: &str) -> Option<i32> {
    run_in_a_child(test).0
}

/// As [`in_a_child`], with what it printed.
fn run_in_a_child(test: &str) -> (Option<i32>, String) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child.args(["--exact", test, "--nocapture"]).env(CHILD, "1");
    let output = child.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), said)
}

fn watch(put_back: impl FnOnce() + Send + 'static) -> (Signals, mpsc::Receiver<Signal>) {
    let (deliver, signals) = mpsc::channel();
    let deliver = move |signal| deliver.send(signal).unwrap();
    (Signals::watch(deliver, put_back).unwrap(), signals)
}

/// Waits for the end of this process.
fn wait_for_the_end() -> ! {
    let (_never, end) = mpsc::channel::<()>();
    let waited = end.recv_timeout(PATIENCE);
    unreachable!("the signal ends the process: {waited:?}");
}

#[test]
fn the_first_signal_is_delivered() {
    if std::env::var_os(CHILD).is_none() {
        return assert_eq!(in_a_child("the_first_signal_is_delivered"), Some(0));
    }
    let (watching, signals) = watch(|| unreachable!("there is no second one"));
    raise(SIGTERM).unwrap();
    assert_eq!(signals.recv_timeout(PATIENCE), Ok(Signal::Terminate));
    drop(watching);
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    if std::env::var_os(CHILD).is_none() {
        let (code, said) = run_in_a_child("a_second_signal_ends_the_program_at_once");
        return assert!(
            code == Some(143) && said.contains("put back"),
            "{code:?}: {said}"
        );
    }
    let (_watching, signals) = watch(|| println!("put back"));
    raise(SIGINT).unwrap();
    assert_eq!(signals.recv_timeout(PATIENCE), Ok(Signal::Interrupt));
    raise(SIGTERM).unwrap();
    wait_for_the_end();
}

#[test]
fn a_third_signal_does_not_wait_for_what_is_put_back() {
    let test = "a_third_signal_does_not_wait_for_what_is_put_back";
    if std::env::var_os(CHILD).is_none() {
        return assert_eq!(in_a_child(test), Some(130));
    }
    let _watching = hangs_in_putting_back();
    raise(SIGINT).unwrap();
    unreachable!("the handler itself ends the process");
}

#[test]
fn a_hangup_ends_nothing_at_once() {
    if std::env::var_os(CHILD).is_none() {
        return assert_eq!(in_a_child("a_hangup_ends_nothing_at_once"), Some(130));
    }
    let _watching = hangs_in_putting_back();
    raise(SIGHUP).unwrap();
    raise(SIGINT).unwrap();
    unreachable!("the handler itself ends the process");
}

/// After two signals, of which the second one waits for what is put back.
fn hangs_in_putting_back() -> Signals {
    let (hangs, is_hanging) = mpsc::channel();
    let (watching, signals) = watch(move || {
        hangs.send(()).unwrap();
        wait_for_the_end();
    });
    raise(SIGINT).unwrap();
    assert_eq!(signals.recv_timeout(PATIENCE), Ok(Signal::Interrupt));
    raise(SIGTERM).unwrap();
    is_hanging.recv_timeout(PATIENCE).unwrap();
    watching
}

/// A process that may start no thread when the signal comes says goodbye all the same.
#[cfg(target_os = "linux")]
#[test]
fn the_thread_that_delivers_is_there_before_the_signal() {
    let test = "the_thread_that_delivers_is_there_before_the_signal";
    if std::env::var_os(CHILD).is_none() {
        return assert_eq!(in_a_child(test), Some(0));
    }
    let (_watching, _signals) = watch(|| unreachable!("there is no signal"));
    let is_there = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .any(|name| name.trim() == "goodbye")
    };
    // A thread names itself when it first runs.
    let (_never, tick) = mpsc::channel::<()>();
    let is_there = (0..600).any(|_| {
        let found = is_there();
        let _ = found || tick.recv_timeout(PATIENCE / 600).is_ok();
        found
    });
    assert!(is_there);
}
