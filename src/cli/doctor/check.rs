//! One thing that was looked at: what, how it is, what to do.

use serde::Serialize;

use crate::cli::report::{Part, Report};
use crate::cli::{ExitCode, Out};
use crate::text::Safe;

/// A check, as programs are told of it.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    check: &'static str,
    outcome: String,
    result: &'a Safe,
    advice: Option<&'a Safe>,
}

/// How it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Good,
    /// It works, and something about it should be known.
    Warning,
    /// It does not work, with the exit code for that.
    Failed(ExitCode),
    /// It could not be looked at, or there is no need.
    Skipped,
}

impl Outcome {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warn",
            Self::Failed(_) => "FAIL",
            Self::Skipped => "skipped",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub(super) struct Check {
    /// What was looked at; the same words for everybody, so that they may stand in a report.
    pub(super) what: &'static str,
    pub(super) outcome: Outcome,
    /// May name files, addresses and people.
    pub(super) result: Safe,
    /// What to do.
    pub(super) advice: Option<Safe>,
    /// What may be shown to strangers of the result: numbers and words of ours. Nothing but the outcome
    /// unless somebody has thought about it.
    pub(super) public: Option<String>,
}

impl Check {
    pub(super) fn new(what: &'static str, outcome: Outcome, result: impl Into<Safe>) -> Self {
        Self {
            what,
            outcome,
            result: result.into(),
            advice: None,
            public: None,
        }
    }

    /// All that is said may be shown to strangers.
    pub(super) fn plain(what: &'static str, outcome: Outcome, words: &str) -> Self {
        let check = Self::new(what, outcome, crate::text::safe_line(words));
        check.public(words.to_owned())
    }

    pub(super) fn advice(mut self, words: impl Into<Safe>) -> Self {
        self.advice = Some(words.into());
        self
    }

    pub(super) fn public(mut self, words: String) -> Self {
        self.public = Some(words);
        self
    }

    /// What an error says, on one line, and its first advice. A sentence of it may go over several lines.
    pub(super) fn of_report(what: &'static str, report: &Report, out: &Out) -> Self {
        let words = |parts: &[Part]| {
            Safe::concat(parts.iter().map(|part| match part {
                Part::Words(words) => words.clone(),
                Part::Ours(command) => out.command(command),
                Part::Theirs(command) => command.shell(&[]),
            }))
        };
        let causes = report.lines.iter().filter(|line| !line.is_try);
        let attempt = report.lines.iter().find(|line| line.is_try);
        let causes = Safe::join(causes.map(|cause| words(&cause.parts)), " ");
        let result = if causes.as_str().is_empty() {
            report.title.clone()
        } else {
            report.title.clone() + ". " + causes
        };
        let check = Self::new(what, Outcome::Failed(report.exit), result);
        let check = check.public(report.code.to_owned());
        match attempt {
            Some(attempt) => check.advice(words(&attempt.parts)),
            None => check,
        }
    }

    /// `ok       identity       ...`, and below it what to do.
    pub(super) fn lines(&self) -> Vec<Safe> {
        let head = format!("{:<8} {:<17} ", self.outcome.word(), self.what);
        let first = crate::text::safe_line(&head) + &self.result;
        let advice = self.advice.iter();
        let below = advice.map(|advice| Safe::from("                           to do: ") + advice);
        std::iter::once(first).chain(below).collect()
    }

    pub(super) fn record(&self) -> Record<'_> {
        Record {
            check: self.what,
            outcome: self.outcome.word().to_lowercase(),
            result: &self.result,
            advice: self.advice.as_ref(),
        }
    }
}
