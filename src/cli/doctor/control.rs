//! The control socket: whether others could use it, and who answers.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::ExitCode;
use crate::cli::doctor::check::{Check, Outcome};
use crate::cli::doctor::{Patient, network};
use crate::cli::turn::PATIENCE;
use crate::cli::{Error, Suggestion};
use crate::control::{Connection, IS_SUPPORTED, Inspected, Place};
use crate::id::PeerId;
use crate::store::{check_private_dir, key_text, load_identity};
use crate::text::{Safe, safe_line};

/// What a socket may allow: its owner, everything.
const MODE: u32 = 0o600;

const DIRECTORY: &str = "runtime directory";
const SOCKET: &str = "control socket";

pub(super) fn look(patient: &Patient<'_>) -> Vec<Check> {
    if !IS_SUPPORTED {
        let words = "this system has none: scripts use --json";
        return vec![Check::plain(SOCKET, Outcome::Skipped, words)];
    }
    let key = load_identity(patient.paths.identity());
    let Some(key) = key.ok().and_then(|key| key.public()) else {
        let words = "without an identity there is none";
        return vec![Check::plain(SOCKET, Outcome::Skipped, words)];
    };
    let path = place_of(patient, &key);
    let mut checks = Vec::new();
    checks.extend(patient.paths.passed_over().map(passed_over));
    checks.extend(path.parent().map(|it| directory(patient, it)));
    checks.push(socket(patient, &path, &key));
    checks
}

/// Where the socket is, also of a program that was started in another environment; where it would be, if there is none.
fn place_of(patient: &Patient<'_>, key: &PeerId) -> PathBuf {
    let usual = patient.paths.control(key);
    let is_taken = |path: &PathBuf| {
        let place = Place::new(path.clone());
        place.is_ok_and(|place| !matches!(place.inspect(), Ok(None)))
    };
    let is_ours = |path: &PathBuf| {
        path.parent()
            .is_some_and(|it| check_private_dir(it).is_ok())
    };
    let mut all = patient.paths.controls(key).into_iter();
    let found = all.find(|path| is_taken(path) && (*path == usual || is_ours(path)));
    found.unwrap_or(usual)
}

fn directory(patient: &Patient<'_>, path: &Path) -> Check {
    match check_private_dir(path) {
        Ok(true) => Check::new(DIRECTORY, Outcome::Good, Safe::from(path) + ", yours alone")
            .public("yours alone".to_owned()),
        Ok(false) => Check::plain(
            DIRECTORY,
            Outcome::Good,
            "not there yet: the first program that talks makes it",
        ),
        Err(error) => Check::of_report(DIRECTORY, &Error::Store(error).report(), patient.out),
    }
}

/// A runtime directory that is not used. The environment is that of the user before, or wrong.
fn passed_over(path: &Path) -> Check {
    let words = Safe::from(path) + " is another user's: it is not used";
    Check::new("XDG_RUNTIME_DIR", Outcome::Warning, words)
        .public("another user's".to_owned())
        .advice("unset XDG_RUNTIME_DIR, or become this user by su - instead of su")
}

fn socket(patient: &Patient<'_>, path: &Path, own: &PeerId) -> Check {
    let place = match Place::new(path.to_owned()) {
        Ok(place) => place,
        Err(error) => {
            let words = Safe::from(path) + ": " + safe_line(&error.to_string());
            return Check::new(SOCKET, Outcome::Warning, words)
                .public("its path is too long".to_owned())
                .advice("until then no command can go through a program that runs");
        }
    };
    match place.inspect() {
        Ok(None) => absent(patient),
        Ok(Some(found)) if !found.is_socket => {
            let words = Safe::from(path) + " is no socket, and in the way of one";
            Check::new(SOCKET, Outcome::Failed(ExitCode::Fixable), words)
                .public("a file is in the way".to_owned())
                .advice(remedy(patient, "rm", &[], path))
        }
        Ok(Some(found)) => served(patient, &place, found, own),
        Err(error) => failed(path, &error),
    }
}

fn failed(path: &Path, error: &io::Error) -> Check {
    let words = Safe::from(path) + ": " + safe_line(&error.to_string());
    Check::new(SOCKET, Outcome::Failed(ExitCode::Fixable), words)
        .public("it cannot be used".to_owned())
        .advice("see who made it, and remove it while no securechat of yours runs")
}

fn remedy(
    patient: &Patient<'_>,
    command: &'static str,
    words: &[&'static str],
    path: &Path,
) -> Safe {
    let words = words.iter().map(|word| Safe::from(*word));
    let command = Suggestion::of(command, words.chain([Safe::from(path)]));
    patient.out.command(&command)
}

/// Nobody serves it, which is right while nobody talks.
fn absent(patient: &Patient<'_>) -> Check {
    if network::ours(patient).is_none() {
        let words = "there is none while no program runs";
        return Check::plain(SOCKET, Outcome::Good, words);
    }
    let words = "there is none, and a command has the identity open: others wait for it";
    Check::plain(SOCKET, Outcome::Warning, words)
        .advice(
            "if that is no send or ping and it stays so, it has another XDG_RUNTIME_DIR: give both the same",
        )
}

fn served(patient: &Patient<'_>, place: &Place, found: Inspected, own: &PeerId) -> Check {
    let path = place.path();
    if found.mode != MODE {
        let mode = format!(": its mode is {:04o} instead of {MODE:04o}", found.mode);
        let words = Safe::from(path) + safe_line(&mode);
        return Check::new(SOCKET, Outcome::Failed(ExitCode::Identity), words)
            .public("its mode is wrong".to_owned())
            .advice(remedy(patient, "chmod", &["600"], path));
    }
    match Connection::open(place, PATIENCE) {
        Ok(Some(connection)) => answer(patient, path, connection, own),
        Ok(None) => {
            let words = Safe::from(path) + ": nobody serves it: a program was killed";
            Check::new(SOCKET, Outcome::Warning, words)
                .public("nobody serves it".to_owned())
                .advice("nothing: the next program that talks replaces it")
        }
        Err(error) if error.kind() == io::ErrorKind::TimedOut => silent(patient, path, &error),
        Err(error) => failed(path, &error),
    }
}

/// Somebody serves it, and says nothing: the socket is that of a program that lives, and stays.
fn silent(patient: &Patient<'_>, path: &Path, error: &io::Error) -> Check {
    let words = Safe::from(path) + ": " + safe_line(&error.to_string());
    Check::new(SOCKET, Outcome::Failed(ExitCode::Fixable), words)
        .public("its program does not answer".to_owned())
        .advice(wake_up(patient))
}

/// What makes a program answer: what harms it least comes first.
fn wake_up(patient: &Patient<'_>) -> Safe {
    let (go_on, end) = match network::ours(patient).flatten() {
        Some(pid) => {
            let go_on = Suggestion::of("kill", ["-CONT".into(), Safe::from(pid)]);
            let end = Suggestion::of("kill", [Safe::from(pid)]);
            let [go_on, end] = [go_on, end].map(|it| Safe::from(": ") + patient.out.command(&it));
            (go_on, end)
        }
        None => Default::default(),
    };
    let words = Safe::from(
        "wait, press Ctrl+Q at its terminal, or close a client of it; if it was stopped, let it go on",
    );
    words + go_on + "; if nothing else helps, end it" + end
}

/// Asks whoever serves it who that is.
fn answer(patient: &Patient<'_>, path: &Path, mut connection: Connection, own: &PeerId) -> Check {
    let asked = connection.ask_within("hello", &json!({}), PATIENCE);
    let hello = match asked {
        Ok(Ok(hello)) => hello,
        Ok(Err(refusal)) => return silent(patient, path, &io::Error::other(refusal.message)),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            return silent(patient, path, &error);
        }
        Err(error) => return failed(path, &error),
    };
    let text = |name: &str| hello.get(name).and_then(Value::as_str).unwrap_or("?");
    let pid = hello.get("pid").and_then(Value::as_u64).unwrap_or(0);
    let version = safe_line(text("version"));
    let words = Safe::from(path) + ": securechat " + &version + " (pid " + pid + ") answers";
    if text("key") != key_text(own).as_str() {
        return Check::new(SOCKET, Outcome::Warning, words + " for another identity")
            .public("another identity's".to_owned())
            .advice("give one of the two a --home of its own");
    }
    let public = format!("securechat {version} answers");
    if version.as_str() != env!("CARGO_PKG_VERSION") {
        return Check::new(
            SOCKET,
            Outcome::Warning,
            words + ", of another version than this",
        )
        .public(public)
        .advice("start it anew, so that it is of this version too");
    }
    Check::new(SOCKET, Outcome::Good, words).public(public)
}
