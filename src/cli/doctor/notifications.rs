//! Whether a notification that the terminal is to show gets there.

use std::io::{IsTerminal, Read, stdout};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use crate::cli::doctor::Patient;
use crate::cli::doctor::check::{Check, Outcome};
use crate::cli::talk;
use crate::store::Notify;
use crate::sync::thread;
use crate::tui::{Osc, Through};

const WHAT: &str = "notifications";

/// How long tmux has to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of its answer that are read; it is one word.
const ANSWER_LEN: u64 = 64;

/// What tmux does with what is to be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tmux {
    PassesOn,
    Keeps,
    /// It does not say.
    Unknown,
}

pub(super) fn look(patient: &Patient<'_>) -> Check {
    if !stdout().is_terminal() {
        return Check::plain(WHAT, Outcome::Skipped, "this is no terminal");
    }
    if patient.config.notify == Notify::Off {
        let words = "the bell; no words, as [notify] desktop is off";
        return Check::plain(WHAT, Outcome::Good, words);
    }
    let (osc, through) = talk::by_terminal(&patient.config);
    judge(osc, through, || ask(Command::new("tmux"), PATIENCE))
}

fn judge(osc: Osc, through: Through, ask: impl FnOnce() -> Tmux) -> Check {
    let sequence = match osc {
        Osc::Nine => "OSC 9",
        Osc::SevenSevenSeven => "OSC 777",
        Osc::NinetyNine => "OSC 99",
    };
    let check = |outcome, rest: &str| Check::plain(WHAT, outcome, &format!("{sequence}{rest}"));
    match through {
        Through::Nothing => check(Outcome::Good, "; whether a terminal takes it, none tells"),
        Through::Screen => check(Outcome::Good, ", which screen passes on; ASCII only"),
        Through::Tmux => match ask() {
            Tmux::PassesOn => check(Outcome::Good, ", which tmux passes on"),
            Tmux::Keeps => check(Outcome::Warning, ", which tmux keeps to itself").advice(
                "set -g allow-passthrough on, in ~/.tmux.conf, and: tmux source-file ~/.tmux.conf",
            ),
            Tmux::Unknown => check(
                Outcome::Warning,
                ", and tmux does not say whether it passes that on",
            )
            .advice("tmux show-options -g allow-passthrough; it has to be on"),
        },
    }
}

/// Asks tmux. Before version 3.3 it has no such option, says nothing, and passes everything on.
fn ask(tmux: Command, patience: Duration) -> Tmux {
    let said = option(tmux, ["-Apqv", "allow-passthrough"], patience);
    match said.as_deref() {
        Some("on" | "all" | "") => Tmux::PassesOn,
        Some("off") => Tmux::Keeps,
        Some(_) | None => Tmux::Unknown,
    }
}

/// What tmux has for an option, which it is asked for by these words.
pub(super) fn option(mut tmux: Command, of: [&str; 2], patience: Duration) -> Option<String> {
    let child = tmux
        .arg("show-options")
        .args(of)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    answer(child.ok()?, patience)
}

/// What it prints, if it ends well and in time.
fn answer(mut child: Child, patience: Duration) -> Option<String> {
    let output = child.stdout.take()?;
    let (sender, answers) = sync_channel(1);
    let read = move || {
        let mut text = String::new();
        let is_read = output.take(ANSWER_LEN).read_to_string(&mut text).is_ok();
        // Nobody waits any more if it took too long.
        let _ = sender.send(is_read.then_some(text));
    };
    let reads = thread::start("tmux", read);
    let text = reads.ok().and_then(|_| answers.recv_timeout(patience).ok());
    if text.is_none() {
        let _ = child.kill();
    }
    let is_good = child.wait().is_ok_and(|status| status.success());
    let text = text.flatten().filter(|_| is_good)?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(through: Through, tmux: Tmux) -> (Outcome, String, Option<String>) {
        let check = judge(Osc::Nine, through, || tmux);
        let advice = check.advice.map(|words| words.to_string());
        (check.outcome, check.result.to_string(), advice)
    }

    #[test]
    fn what_keeps_a_notification_is_told_with_what_to_do() {
        let (outcome, words, advice) = told(Through::Tmux, Tmux::Keeps);
        assert_eq!(outcome, Outcome::Warning);
        assert_eq!(words, "OSC 9, which tmux keeps to itself");
        assert!(advice.unwrap().starts_with("set -g allow-passthrough on,"));
        let (outcome, _, advice) = told(Through::Tmux, Tmux::Unknown);
        assert!(outcome == Outcome::Warning && advice.is_some());
    }

    #[test]
    fn what_passes_it_on_is_no_reason_to_worry() {
        for (through, words) in [
            (
                Through::Nothing,
                "OSC 9; whether a terminal takes it, none tells",
            ),
            (Through::Tmux, "OSC 9, which tmux passes on"),
            (Through::Screen, "OSC 9, which screen passes on; ASCII only"),
        ] {
            let told = told(through, Tmux::PassesOn);
            assert_eq!(told, (Outcome::Good, words.to_owned(), None));
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_answer_of_tmux_is_understood() {
        // Against hanging only.
        const LONG: Duration = Duration::from_secs(60);
        let script = |body: &str| {
            let expected = "show-options -Apqv allow-passthrough";
            let text = format!("[ \"$0 $*\" = \"{expected}\" ] || exit 9; {body}");
            let mut command = Command::new("sh");
            command.args(["-c", &text]);
            ask(command, LONG)
        };
        for (body, told) in [
            ("echo on", Tmux::PassesOn),
            ("echo all", Tmux::PassesOn),
            ("exit 0", Tmux::PassesOn),
            ("echo off", Tmux::Keeps),
            ("exit 1", Tmux::Unknown),
            ("echo on; exit 1", Tmux::Unknown),
            ("echo perhaps", Tmux::Unknown),
        ] {
            assert_eq!(script(body), told, "{body}");
        }
        assert_eq!(ask(Command::new("/nowhere/tmux"), LONG), Tmux::Unknown);
    }
}
