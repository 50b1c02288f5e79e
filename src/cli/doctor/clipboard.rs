//! Whether what is copied gets into the clipboard.

use std::io::{IsTerminal, stdout};
use std::process::Command;
use std::time::Duration;

use crate::cli::doctor::check::{Check, Outcome};
use crate::cli::doctor::notifications::{PATIENCE, option};
use crate::cli::talk;
use crate::tui::Through;

const WHAT: &str = "clipboard";

pub(super) fn look() -> Check {
    if !stdout().is_terminal() || !talk::moves_cursor() {
        return Check::plain(WHAT, Outcome::Skipped, "this is no terminal that has one");
    }
    judge(talk::through(), || ask(Command::new("tmux"), PATIENCE))
}

/// tmux takes it from programs only if it is `on`; as installed it is `external`, which takes it from tmux alone.
fn judge(through: Through, ask: impl FnOnce() -> Option<String>) -> Check {
    let check = |outcome, rest: &str| Check::plain(WHAT, outcome, &format!("OSC 52{rest}"));
    let told = match through {
        Through::Nothing => "; whether a terminal takes it, none tells",
        Through::Screen => ", which screen passes on",
        Through::Tmux => match ask().as_deref() {
            Some("on") => ", which tmux passes on",
            Some("external" | "off") => {
                return check(Outcome::Warning, ", which tmux keeps to itself").advice(
                    "set -s set-clipboard on, in ~/.tmux.conf, and: tmux source-file ~/.tmux.conf",
                );
            }
            Some(_) | None => {
                let words = ", and tmux does not say whether it passes that on";
                return check(Outcome::Warning, words)
                    .advice("tmux show-options -s set-clipboard; it has to be on");
            }
        },
    };
    check(Outcome::Good, told)
}

fn ask(tmux: Command, patience: Duration) -> Option<String> {
    option(tmux, ["-sqv", "set-clipboard"], patience)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(through: Through, tmux: Option<&str>) -> (Outcome, String, Option<String>) {
        let check = judge(through, || tmux.map(str::to_owned));
        let advice = check.advice.map(|words| words.to_string());
        (check.outcome, check.result.to_string(), advice)
    }

    #[test]
    fn what_keeps_a_copy_from_the_clipboard_is_told_with_what_to_do() {
        for kept in ["external", "off"] {
            let (outcome, words, advice) = told(Through::Tmux, Some(kept));
            assert_eq!(outcome, Outcome::Warning);
            assert_eq!(words, "OSC 52, which tmux keeps to itself");
            assert!(advice.unwrap().starts_with("set -s set-clipboard on,"));
        }
        for unknown in [None, Some(""), Some("perhaps")] {
            let (outcome, _, advice) = told(Through::Tmux, unknown);
            assert!(outcome == Outcome::Warning && advice.is_some());
        }
        let good = |words: &str| (Outcome::Good, words.to_owned(), None);
        let (tmux, screen) = (Some("on"), Through::Screen);
        assert_eq!(
            told(Through::Tmux, tmux),
            good("OSC 52, which tmux passes on")
        );
        assert_eq!(told(screen, None), good("OSC 52, which screen passes on"));
    }

    #[cfg(unix)]
    #[test]
    fn tmux_is_asked_for_its_clipboard() {
        let mut command = Command::new("sh");
        let text = "[ \"$0 $*\" = \"show-options -sqv set-clipboard\" ] && echo external";
        command.args(["-c", text]);
        // Against hanging only.
        let said = ask(command, Duration::from_secs(60));
        assert_eq!(said.as_deref(), Some("external"));
    }
}
