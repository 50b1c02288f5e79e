//! Signals, in processes of their own.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use securechat::net::{Signal, Signals};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::raise;

/// Against hanging only.
const PATIENCE: Duration = Duration::from_secs(60);

/// Set in the process that raises the signals.
const CHILD: &str = "SECURECHAT_TEST_SIGNALS";

/// Runs one test of this file again in a process of its own; its exit code.
fn in_a_child(test: &str) -> Option<i32> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child.args(["--exact", test, "--nocapture"]).env(CHILD, "1");
    child.output().unwrap().status.code()
}

fn watch() -> (Signals, mpsc::Receiver<Signal>) {
    let (deliver, signals) = mpsc::channel();
    (
        Signals::watch(move |signal| deliver.send(signal).unwrap()).unwrap(),
        signals,
    )
}

#[test]
fn the_first_signal_is_delivered() {
    if std::env::var_os(CHILD).is_none() {
        return assert_eq!(in_a_child("the_first_signal_is_delivered"), Some(0));
    }
    let (watching, signals) = watch();
    raise(SIGTERM).unwrap();
    assert_eq!(signals.recv_timeout(PATIENCE), Ok(Signal::Terminate));
    drop(watching);
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    if std::env::var_os(CHILD).is_none() {
        return assert_eq!(
            in_a_child("a_second_signal_ends_the_program_at_once"),
            Some(143)
        );
    }
    let (_watching, signals) = watch();
    raise(SIGINT).unwrap();
    assert_eq!(signals.recv_timeout(PATIENCE), Ok(Signal::Interrupt));
    raise(SIGTERM).unwrap();
    unreachable!("the second signal ends the process");
}
