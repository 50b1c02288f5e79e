//! The files: whether they can be read and written by us and by nobody else.

use std::path::{Path, PathBuf};

use crate::cli::doctor::Patient;
use crate::cli::doctor::check::{Check, Outcome};
use crate::cli::{Error, ExitCode, settled};
use crate::id::PeerId;
use crate::store::{
    self, ErrorKind, KeyOffer, KnownPeers, check_beginning, check_lock, check_place,
    check_writable, free_space, load_identity, public_path, timestamps_used_until,
};
use crate::text::Safe;

/// Less than this is soon nothing.
const LITTLE_SPACE: u64 = 64 << 20;
/// What a store needs to begin with.
const NO_SPACE: u64 = 1 << 20;

pub(super) fn look(patient: &Patient<'_>) -> Vec<Check> {
    let (identity, key) = identity(patient);
    let mut checks = vec![identity, people(patient), settings(patient)];
    let public = public_path(patient.paths.identity());
    checks.push(public_half(patient, &public, key.as_ref()));
    let place = |what, path: &Path, looked| place(patient, what, path, looked);
    let mut written = vec![patient.paths.identity().to_owned()];
    if let Some(key) = key {
        let paths = &patient.paths;
        let [messages, lock, timestamps] = [
            paths.history(&key),
            paths.lock(&key),
            paths.timestamps(&key),
        ];
        checks.push(place("messages", &messages, look_at_messages(&messages)));
        checks.push(place("lock", &lock, check_lock(&lock)));
        checks.push(used_timestamps(patient, timestamps, &messages));
        written = vec![messages, lock];
    }
    checks.push(directories(patient, &written));
    checks.extend(access(cfg!(unix)));
    checks.push(space(patient));
    checks
}

fn trouble(patient: &Patient<'_>, what: &'static str, error: store::Error) -> Check {
    let advice = if let ErrorKind::DamagedLine(damage) = error.kind() {
        Some(damage.advice())
    } else {
        None
    };
    let report = Error::Store(error).report();
    let check = Check::of_report(what, &report, patient.out);
    match advice {
        Some(advice) => check.advice(advice),
        None => check,
    }
}

/// The secret key file; and the public key, where the file says it.
fn identity(patient: &Patient<'_>) -> (Check, Option<PeerId>) {
    let what = "identity";
    let path = patient.paths.identity();
    match load_identity(path) {
        Ok(key) if key.is_protected() => {
            let words = Safe::from(path) + ", protected by a passphrase";
            let check = Check::new(what, Outcome::Good, words);
            (check.public("protected".to_owned()), key.public())
        }
        Ok(key) => {
            let words = Safe::from(path) + ", without a passphrase: whoever reads it can be you";
            let check = Check::new(what, Outcome::Warning, words)
                .advice(command(patient, &["key", "passwd"]))
                .public("not protected".to_owned());
            (check, key.public())
        }
        Err(error) if matches!(error.kind(), ErrorKind::NoIdentity) => {
            (no_identity(patient, what), None)
        }
        Err(error) => {
            let report = Error::Identity(error).report();
            (Check::of_report(what, &report, patient.out), None)
        }
    }
}

/// The file that is handed out; it has to have our own key in it, as far as that is known.
fn public_half(patient: &Patient<'_>, path: &Path, own: Option<&PeerId>) -> Check {
    let what = "public key file";
    let looked = check_place(path, false);
    let (Ok(true), Some(own)) = (&looked, own) else {
        return place(patient, what, path, looked);
    };
    let wrong = match KeyOffer::read_file(path) {
        Ok(offer) if offer.key == *own => return place(patient, what, path, looked),
        Ok(_) => "it has another key than yours: whoever gets it reaches nobody",
        Err(_) => "there is no public key in it",
    };
    let advice = Safe::from("put there what this prints: ") + command(patient, &["pubkey"]);
    Check::new(what, Outcome::Warning, Safe::from(path) + ": " + wrong)
        .advice(advice)
        .public(wrong.to_owned())
}

/// There may come one, if the directories above are such that it may lie there.
fn no_identity(patient: &Patient<'_>, what: &'static str) -> Check {
    match check_place(patient.paths.identity(), true) {
        Ok(_) => Check::plain(what, Outcome::Warning, "there is none yet")
            .advice(command(patient, &["keygen"])),
        Err(error) => trouble(patient, what, error),
    }
}

fn command(patient: &Patient<'_>, words: &[&'static str]) -> Safe {
    let words = words.iter().copied();
    patient
        .out
        .command(&crate::cli::Suggestion::securechat(words))
}

fn people(patient: &Patient<'_>) -> Check {
    let (what, path) = ("known-peers", patient.paths.known_peers());
    match check_place(&path, false) {
        Ok(true) => {}
        Ok(false) => return Check::plain(what, Outcome::Good, "nobody is known yet"),
        Err(error) => return trouble(patient, what, error),
    }
    match KnownPeers::load(&path) {
        Ok(known) => {
            let (people, revoked) = (known.peers().len(), known.revoked().count());
            let numbers = format!("people: {people}, revoked keys: {revoked}");
            let words = Safe::from(path.as_path()) + ", " + crate::text::safe_line(&numbers);
            Check::new(what, Outcome::Good, words).public(numbers)
        }
        Err(error) => trouble(patient, what, error),
    }
}

fn settings(patient: &Patient<'_>) -> Check {
    let (what, path) = ("config.toml", patient.paths.config());
    let checked = check_place(&path, false);
    match checked.and_then(|exists| settled::load(&path).map(|_| exists)) {
        Ok(true) => Check::new(what, Outcome::Good, path.as_path()).public("read".to_owned()),
        Ok(false) => Check::plain(
            what,
            Outcome::Good,
            "there is none; every setting has its usual value",
        ),
        Err(error) => trouble(patient, what, error),
    }
}

/// A file of which nothing is known but where it is, and whether it is there.
fn place(
    patient: &Patient<'_>,
    what: &'static str,
    path: &Path,
    looked: Result<bool, store::Error>,
) -> Check {
    match looked {
        Ok(true) => Check::new(what, Outcome::Good, path).public("there".to_owned()),
        Ok(false) => Check::plain(what, Outcome::Good, "not there yet"),
        Err(error) => trouble(patient, what, error),
    }
}

/// Whether there are messages. They are not opened: a program may hold them.
fn look_at_messages(path: &Path) -> Result<bool, store::Error> {
    let is_there = check_place(path, true)?;
    if is_there {
        check_beginning(path)?;
    }
    Ok(is_there)
}

/// Whether what every conversation writes can be written where it lies, or will lie.
fn directories(patient: &Patient<'_>, written: &[PathBuf]) -> Check {
    let what = "directories";
    match written.iter().try_for_each(|path| check_writable(path)) {
        Ok(()) => Check::plain(what, Outcome::Good, "can be written"),
        Err(error) => trouble(patient, what, error),
    }
}

/// What is said where files have no modes: each check above says "ok" of a file that others may read.
fn access(has_modes: bool) -> Option<Check> {
    let words =
        "not looked at on this system: files get the access list of the directory that they are in";
    let check = || Check::plain("access by others", Outcome::Skipped, words);
    (!has_modes).then(check)
}

/// Timestamps far ahead of the clock tell that the clock was once wrong, or is now. What is noted with the messages
/// is not looked at, as they are not.
fn used_timestamps(patient: &Patient<'_>, path: PathBuf, messages: &Path) -> Check {
    let what = "timestamps";
    match timestamps_used_until(&path) {
        Ok(None) if messages.exists() => {
            let words = "not there; which were used is noted with the messages";
            Check::plain(what, Outcome::Good, words)
        }
        Ok(None) => Check::plain(what, Outcome::Good, "none was used yet"),
        Ok(Some(until)) => {
            let ahead = until.0.saturating_sub(patient.clock.unix_time().0) / 1_000;
            if ahead <= 60 {
                return Check::plain(what, Outcome::Good, "in step with the clock");
            }
            let words =
                format!("{ahead} s ahead of the clock: it stood later once than it does now");
            Check::plain(what, Outcome::Warning, &words).advice(
                "set the clock; handshakes work on all the same, for they only have to count up",
            )
        }
        Err(error) => trouble(patient, what, error),
    }
}

fn space(patient: &Patient<'_>) -> Check {
    let what = "disk space";
    let Some(free) = free_space(&patient.paths.known_peers()) else {
        return Check::plain(what, Outcome::Skipped, "the system does not tell");
    };
    let free = free.min(free_space(patient.paths.identity()).unwrap_or(free));
    let words = format!("{} MiB free", free >> 20);
    let outcome = match free {
        ..NO_SPACE => Outcome::Failed(ExitCode::Storage),
        NO_SPACE..LITTLE_SPACE => Outcome::Warning,
        LITTLE_SPACE.. => Outcome::Good,
    };
    let check = Check::plain(what, outcome, &words);
    if outcome == Outcome::Good {
        return check;
    }
    check.advice("make room: no message is accepted that cannot be written down")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_looks_who_else_can_read_files_that_is_said() {
        let check = access(false).unwrap();
        assert_eq!(check.outcome, Outcome::Skipped);
        assert!(check.result.as_str().starts_with("not looked at"));
        assert!(access(true).is_none());
    }
}
