//! `doctor`: looks at everything that has to be right for a conversation, and says what is not. It works for whoever has
//! nothing set up yet, and changes nothing but by the call of a peer, which is a connection like any other.

mod bundle;
mod check;
mod clipboard;
mod control;
mod files;
mod machine;
mod met;
mod network;
mod notifications;
mod peer;

use serde::Serialize;

use crate::cli::args::{DoctorArgs, Globals};
use crate::cli::doctor::check::{Check, Outcome, Record};
use crate::cli::json::{self, Versioned};
use crate::cli::{Context, Error, ExitCode, Out, settled};
use crate::net::{Clock, Host};
use crate::store::{Config, Paths};
use crate::text::{Safe, safe_line};

/// What programs are told.
#[derive(Serialize)]
struct Looked<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    checks: Vec<Record<'a>>,
}

/// What the checks work with.
struct Patient<'a> {
    globals: &'a Globals,
    args: &'a DoctorArgs,
    paths: Paths,
    /// The settings; the usual ones if they are not understood.
    config: Config,
    /// Whether they are understood.
    is_settled: bool,
    clock: Clock,
    out: &'a Out,
    /// Where to look for somebody.
    host: Option<Host>,
}

impl Patient<'_> {
    /// As other commands have it.
    fn context(&self) -> Context {
        Context {
            globals: self.globals.clone(),
            paths: self.paths.clone(),
            config: self.config.clone(),
            out: self.out.clone(),
        }
    }
}

/// Looks at everything, and prints a line for each thing.
///
/// # Errors
/// SC29 for an address that is none; what keeps the report from being written.
pub(super) fn run(args: &DoctorArgs, globals: &Globals, out: &Out) -> Result<ExitCode, Error> {
    let host = args.target.as_deref().map(parse_host).transpose()?;
    let paths = Paths::resolve(globals.home.as_deref(), globals.identity.as_deref())?;
    let config = settled::load(&paths.config());
    let is_settled = config.is_ok();
    let patient = Patient {
        globals,
        args,
        paths,
        config: config.unwrap_or_default(),
        is_settled,
        clock: Clock::new(),
        out,
        host,
    };
    let mut checks = Vec::new();
    let looks = [
        files::look,
        control::look,
        machine::look,
        network::look,
        peer::look,
    ];
    for look in looks {
        for check in look(&patient) {
            if !globals.json {
                check.lines().iter().try_for_each(|line| out.data(line))?;
            }
            checks.push(check);
        }
    }
    if globals.json {
        let doctor = Looked {
            kind: "doctor",
            checks: checks.iter().map(Check::record).collect(),
        };
        out.data(&json::line(&Versioned::new(doctor)))?;
    } else {
        out.note(&verdict(&checks));
    }
    if let Some(path) = &args.bundle {
        bundle::write(path, &patient, &checks)?;
        let words = Safe::from("a report without keys, names, addresses and messages: ");
        out.note(&(words + path.as_path()));
    }
    Ok(exit_code(&checks))
}

fn parse_host(text: &str) -> Result<Host, Error> {
    Host::parse(text, Some(crate::net::DEFAULT_PORT)).map_err(|error| Error::BadArgument {
        given: safe_line(text),
        reason: safe_line(&error.to_string()),
        example: &["doctor", "HOST:PORT"],
    })
}

fn count(checks: &[Check], is: fn(Outcome) -> bool) -> usize {
    checks.iter().filter(|check| is(check.outcome)).count()
}

fn verdict(checks: &[Check]) -> Safe {
    let failed = count(checks, |outcome| matches!(outcome, Outcome::Failed(_)));
    let warned = count(checks, |outcome| outcome == Outcome::Warning);
    safe_line(&format!(
        "{} things looked at: {failed} failed, {warned} to know about",
        checks.len()
    ))
}

/// The code of the first thing that failed.
fn exit_code(checks: &[Check]) -> ExitCode {
    let mut failed = checks.iter().filter_map(|check| match check.outcome {
        Outcome::Failed(code) => Some(code),
        Outcome::Good | Outcome::Warning | Outcome::Skipped => None,
    });
    failed.next().unwrap_or(ExitCode::Done)
}
