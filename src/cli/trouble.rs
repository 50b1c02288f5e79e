//! The words of the errors about files, keys and names: those that the store reports.

use std::path::Path;

use crate::cli::ExitCode;
use crate::cli::error::Prompt;
use crate::cli::report::{Part, Report, Suggestion};
use crate::cli::wording::{needs_input, no_passphrase, ours, secret_key, wrong_passphrase};
use crate::store::{self, ErrorKind, KeyProblem};
use crate::text::{Safe, safe_line};

/// What to print for a failed operation of the store.
pub(super) fn report(error: &store::Error) -> Report {
    let path = error.path().unwrap_or(Path::new("-"));
    match error.kind() {
        ErrorKind::NoIdentity => no_identity(path),
        ErrorKind::UnsafePermissions { mode, wanted } => unsafe_file(path, *mode, *wanted),
        ErrorKind::UnsafeDirectory { mode } => unsafe_directory(path, *mode),
        ErrorKind::WrongOwner { .. } => wrong_owner(path),
        ErrorKind::WrongPassphrase => wrong_passphrase(path, None),
        ErrorKind::PassphraseNeeded => needs_input(Prompt::Passphrase),
        ErrorKind::EmptyPassphrase => no_passphrase(&"it is empty".into()),
        ErrorKind::CommandFailed { .. } => no_passphrase(&said(error)),
        ErrorKind::InUse { pid } => in_use(*pid),
        ErrorKind::DiskFull => disk_full(path),
        ErrorKind::DamagedLine { line, reason } => {
            damaged_line(path, *line, &safe_line(&reason.to_string()))
        }
        ErrorKind::DuplicateName { name } => name_taken(name),
        ErrorKind::DuplicateKey { name } => key_known(name),
        ErrorKind::LookAlike { existing } => look_alike(existing),
        ErrorKind::BadName(reason) => bad_name(&safe_line(&reason.to_string())),
        ErrorKind::Revoked { reason } => revoked(reason.as_ref()),
        ErrorKind::NotFound { suggestion } => no_such_peer(&"?".into(), suggestion.as_ref()),
        ErrorKind::NotAPublicKey { sample, problem } => not_a_public_key(sample, *problem),
        ErrorKind::SecretKeyGiven => secret_key(),
        ErrorKind::NotAnAddress => not_an_address(),
        ErrorKind::AlreadyExists => exists(path),
        ErrorKind::ChangedMeanwhile => changed_meanwhile(path),
        ErrorKind::Malformed { reason } => malformed(path, reason),
        ErrorKind::NoHome => no_home(),
        ErrorKind::Io(_) => Report::new("SC24", ExitCode::Fixable, said(error)),
    }
}

fn said(error: &store::Error) -> Safe {
    safe_line(&error.to_string())
}

fn no_identity(path: &Path) -> Report {
    Report::new("SC01", ExitCode::Identity, "you have no identity yet")
        .cause(Safe::from("There is no file ") + path + ".")
        .attempt([ours(["keygen"])])
}

fn unsafe_file(path: &Path, mode: u32, wanted: u32) -> Report {
    let report = refusing(path);
    let mode = safe_line(&format!(" (mode {mode:04o})."));
    let bits = safe_line(&format!("{wanted:o}"));
    let chmod = Suggestion::of("chmod", [bits, Safe::from(path)]);
    if wanted & 0o044 == 0 {
        report
            .cause(Safe::from("Other users of this machine can read it") + mode)
            .attempt([chmod])
            .hint(
                "If others may have copied it, make a new key instead:",
                ours(["keygen", "--force"]),
            )
    } else {
        report
            .cause(Safe::from("Other users of this machine can change it") + mode)
            .cause("Somebody else's key could have been put in; look at what it says.")
            .attempt([chmod])
    }
}

fn unsafe_directory(path: &Path, mode: u32) -> Report {
    let mode = safe_line(&format!(" (mode {mode:04o})."));
    refusing(path)
        .cause(Safe::from("Other users of this machine can exchange the files in it") + mode)
        .attempt([Suggestion::of("chmod", ["go-w".into(), Safe::from(path)])])
}

fn wrong_owner(path: &Path) -> Report {
    let elsewhere = Part::Theirs(ours(["--home", "DIR", "keygen"]));
    let parts = vec![Part::Words("use a place of your own: ".into()), elsewhere];
    refusing(path)
        .cause("It belongs to another user of this machine.")
        .line(true, parts)
}

fn refusing(path: &Path) -> Report {
    let title = Safe::from("refusing to use ") + path;
    Report::new("SC02", ExitCode::Identity, title)
}

fn not_a_public_key(sample: &Safe, problem: KeyProblem) -> Report {
    let title = Safe::from("that is not a securechat public key: \"") + sample + "\" (";
    let title = title + safe_line(&problem.to_string()) + ")";
    Report::new("SC03", ExitCode::Usage, title)
        .cause("A key is 44 characters and ends with \"=\". It may have been cut while copying.")
}

pub(super) fn no_such_peer(name: &Safe, similar: Option<&Safe>) -> Report {
    let title = Safe::from("no peer called \"") + name + "\"";
    let report = Report::new("SC05", ExitCode::Trust, title);
    let report = match similar {
        Some(similar) => report.cause(Safe::from("Did you mean \"") + similar + "\"?"),
        None => report,
    };
    report.attempt([ours(["peers", "list"])])
}

fn in_use(pid: Option<u32>) -> Report {
    let title = Safe::from("this profile is already open in another securechat");
    let title = match pid {
        Some(pid) => title + " (pid " + pid + ")",
        None => title,
    };
    let parts = vec![
        Part::Words("use that window, or a second identity: ".into()),
        // Another profile, so not with the flags of this one.
        Part::Theirs(ours(["--home", "~/other", "keygen"])),
    ];
    Report::new("SC15", ExitCode::Storage, title)
        .cause("Two programs on one identity would lose messages.")
        .line(true, parts)
}

fn disk_full(path: &Path) -> Report {
    let title = Safe::from("cannot write ") + path + ": there is no room on the disk";
    Report::new("SC18", ExitCode::Storage, title)
        .cause("Nothing was changed. Make room and do the same again.")
}

fn exists(path: &Path) -> Report {
    let title = Safe::from(path) + " exists already; it was not touched";
    Report::new("SC21", ExitCode::Fixable, title)
        .cause("Whoever knows you by the key in it would no longer reach you by a new one.")
        .hint(
            "To replace it (the old one is kept as .old):",
            ours(["keygen", "--force"]),
        )
}

fn damaged_line(path: &Path, line: usize, reason: &Safe) -> Report {
    let title = Safe::from(path) + ", line " + line + ": " + reason;
    Report::new("SC22", ExitCode::Fixable, title)
        .cause("The file was not changed. Mend that line, or put a # in front of it.")
}

fn malformed(path: &Path, reason: &'static str) -> Report {
    let title = Safe::from("cannot use ") + path + ": " + reason;
    Report::new("SC22", ExitCode::Fixable, title).cause("The file was not changed.")
}

fn bad_name(reason: &Safe) -> Report {
    let title = Safe::from("that name cannot be used: ") + reason;
    Report::new("SC23", ExitCode::Fixable, title).attempt([ours(["help", "keys"])])
}

fn name_taken(name: &Safe) -> Report {
    let title = Safe::from("there is a peer called \"") + name + "\" already";
    Report::new("SC23", ExitCode::Fixable, title).attempt([about("show", name)])
}

fn look_alike(existing: &Safe) -> Report {
    let title = Safe::from("that name looks like \"") + existing + "\", one of your peers";
    Report::new("SC23", ExitCode::Fixable, title)
        .cause("You could not tell the two apart. Choose another name.")
        .attempt([about("show", existing)])
}

fn key_known(name: &Safe) -> Report {
    let title = Safe::from("this key is known already, as \"") + name + "\"";
    let rename = ["peers".into(), "rename".into(), name.clone(), "NEW".into()];
    Report::new("SC30", ExitCode::Fixable, title)
        .cause("One key has one name.")
        .attempt([Suggestion::securechat(rename)])
}

fn revoked(reason: Option<&Safe>) -> Report {
    let report = Report::new("SC25", ExitCode::Trust, "this key is revoked");
    let report = match reason {
        Some(reason) => report.cause(Safe::from("Your note then: ") + reason),
        None => report,
    };
    report.attempt([ours(["peers", "list"])])
}

fn not_an_address() -> Report {
    let title = "that is not an address: HOST:PORT is needed";
    Report::new("SC29", ExitCode::Usage, title)
        .cause("For example chat.example.org:7419, 203.0.113.9:7419 or [2001:db8::9]:7419.")
}

fn changed_meanwhile(path: &Path) -> Report {
    let title = Safe::from(path) + " was changed by somebody else at the same moment";
    Report::new("SC24", ExitCode::Fixable, title).cause("Nothing was written. Do the same again.")
}

fn no_home() -> Report {
    let parts = vec![
        Part::Words("say where the files are: ".into()),
        Part::Theirs(ours(["--home", "DIR", "keygen"])),
    ];
    Report::new("SC24", ExitCode::Fixable, "you have no home directory").line(true, parts)
}

fn about(command: &'static str, name: &Safe) -> Suggestion {
    Suggestion::securechat(["peers".into(), command.into(), name.clone()])
}
