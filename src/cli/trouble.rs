//! The words of the errors about files, keys and names: those that the store reports.

mod messages;

use std::io;
use std::path::Path;

use self::messages::{begin_anew, is_messages, is_timestamps, store_trouble, unwritable};
use crate::cli::ExitCode;
use crate::cli::error::Prompt;
use crate::cli::report::{Part, Report, Suggestion};
use crate::cli::wording::{
    keygen, needs_input, no_passphrase, ours, output_exists, passwd, secret_key, wrong_passphrase,
};
use crate::id::PUBLIC_KEY_LEN;
use crate::store::{self, ConfigError, Damage, ErrorKind, KeyProblem};
use crate::text::{Safe, safe_line};

/// What to print for a failed operation of the store, perhaps on the user's own identity.
pub(super) fn report(error: &store::Error, is_identity: bool) -> Report {
    let said = safe_line(&error.to_string());
    words(error.kind(), error.path(), is_identity, said)
}

/// What to print for a kind of failure, about a file (that may be the identity), of which the store
/// `said` this.
fn words(kind: &ErrorKind, path: Option<&Path>, is_identity: bool, said: Safe) -> Report {
    let program = path;
    let path = path.unwrap_or_else(|| Path::new("standard input"));
    match kind {
        ErrorKind::NoIdentity if is_identity => no_identity(path),
        ErrorKind::NoIdentity => no_key_file(path),
        ErrorKind::UnsafePermissions { mode, wanted } => {
            unsafe_file(path, *mode, *wanted, is_identity)
        }
        ErrorKind::UnsafeDirectory { mode } => unsafe_directory(path, *mode),
        ErrorKind::WrongOwner { .. } => wrong_owner(path, is_identity),
        ErrorKind::StrangeRoot { .. } => strange_root(path),
        ErrorKind::WrongPassphrase => wrong_passphrase(path, None),
        ErrorKind::PassphraseNeeded => needs_input(&Prompt::Passphrase),
        ErrorKind::EmptyPassphrase => no_passphrase(&"it is empty".into()),
        ErrorKind::BadPassphrase { .. } => no_passphrase(&said),
        ErrorKind::CommandFailed { status } => command_failed(program, *status),
        ErrorKind::InUse { pid } => in_use(*pid),
        ErrorKind::DiskFull if is_messages(path) => {
            unwritable(path, "there is no room on the disk")
        }
        ErrorKind::DiskFull => disk_full(path),
        ErrorKind::DamagedLine(damage) => damaged_line(path, damage),
        ErrorKind::Emptied { former } => emptied(path, former.as_deref()),
        ErrorKind::Gone { former } => gone(path, former),
        ErrorKind::Held => held(path),
        ErrorKind::Config(error) => bad_config(path, error),
        ErrorKind::DuplicateName { name } => name_taken(name),
        ErrorKind::DuplicateKey { name } => key_known(name),
        ErrorKind::LookAlike { existing } => look_alike(existing),
        ErrorKind::BadName(reason) => bad_name(&safe_line(&reason.to_string())),
        ErrorKind::Revoked { reason } => revoked(reason.as_ref()),
        ErrorKind::NotFound { wanted, suggestion } => no_such_peer(wanted, suggestion.as_ref()),
        ErrorKind::NotAPublicKey { sample, problem } => not_a_public_key(sample, *problem),
        ErrorKind::SecretKeyGiven => secret_key(),
        ErrorKind::NotAnAddress => not_an_address(),
        ErrorKind::AlreadyExists => output_exists(path),
        ErrorKind::LinkToNothing => link_to_nothing(path),
        ErrorKind::ChangedMeanwhile => changed_meanwhile(path),
        ErrorKind::NotSynced { former, .. } => not_synced(said, former.as_deref()),
        ErrorKind::PassphraseNotSynced(_) => passphrase_not_synced(path, is_identity, said),
        ErrorKind::Malformed { reason } => damaged(path, reason),
        ErrorKind::NoTimestamps => no_timestamps(path),
        ErrorKind::Store(trouble) => store_trouble(path, *trouble),
        ErrorKind::NoHome => no_home(),
        ErrorKind::Io(error)
            if is_messages(path) && error.kind() == io::ErrorKind::FileTooLarge =>
        {
            unwritable(
                path,
                "no file may get so large here (ulimit -f, or the file system)",
            )
        }
        ErrorKind::ReadOnly(error) | ErrorKind::Io(error) if is_messages(path) => {
            unwritable(path, safe_line(&error.to_string()))
        }
        ErrorKind::ReadOnly(error) => read_only(path, &safe_line(&error.to_string())),
        ErrorKind::Io(_) => Report::new("SC24", ExitCode::Fixable, said),
    }
}

/// A command that was to say a passphrase did run. `program`: without it a command line, in a shell.
fn command_failed(program: Option<&Path>, status: Option<i32>) -> Report {
    let command = program.map_or_else(|| "the command".into(), Safe::from);
    let ended = match status {
        Some(code) => command + " ended with code " + code,
        None => command + " was ended by a signal",
    };
    no_passphrase(&(ended + " and gave none"))
}

fn no_identity(path: &Path) -> Report {
    Report::new("SC01", ExitCode::Identity, "you have no identity yet")
        .cause(Safe::from("There is no file ") + path + ".")
        .attempt([ours(["keygen"])])
}

fn no_key_file(path: &Path) -> Report {
    let title = Safe::from("there is no secret key file ") + path;
    Report::new("SC01", ExitCode::Identity, title)
        .cause("Spelling? Where no file is named, your own identity is meant.")
}

fn unsafe_file(path: &Path, mode: u32, wanted: u32, is_identity: bool) -> Report {
    let report = refusing(path);
    let mode = safe_line(&format!(" (mode {mode:04o})."));
    let bits = safe_line(&format!("{wanted:o}"));
    let chmod = Suggestion::of("chmod", [bits, Safe::from(path)]);
    if wanted & 0o044 != 0 {
        return report
            .cause(Safe::from("Other users of this machine can change it") + mode)
            .cause("Somebody else's key or command could have been put in; look at what it says.")
            .attempt([chmod]);
    }
    let report = report
        .cause(Safe::from("Other users of this machine can read it") + mode)
        .attempt([chmod]);
    if !is_identity {
        return report;
    }
    report.hint(
        "If others may have copied it, make a new key instead:",
        ours(["keygen", "--force"]),
    )
}

fn unsafe_directory(path: &Path, mode: u32) -> Report {
    const STICKY: u32 = 0o1000;
    let bits = safe_line(&format!(" (mode {mode:04o})."));
    if mode & STICKY != 0 {
        return shared_directory(path, bits);
    }
    refusing(path)
        .cause(Safe::from("Other users of this machine can exchange the files in it") + bits)
        .attempt([Suggestion::of("chmod", ["go-w".into(), Safe::from(path)])])
}

/// One in which all may make files and touch none of each other's, as in `/tmp`, which needs that mode.
fn shared_directory(path: &Path, mode: Safe) -> Report {
    let own = path.join("securechat");
    let mkdir = Suggestion::of("mkdir", ["-m".into(), "700".into(), Safe::from(&*own)]);
    refusing(path)
        .cause(Safe::from("Other users of this machine can put files beside yours there") + mode)
        .attempt([mkdir])
        .cause("Put what is yours into that, and name it instead: in --home, or before the file's name.")
}

fn wrong_owner(path: &Path, is_identity: bool) -> Report {
    let report = refusing(path).cause("It belongs to another user of this machine.");
    if !is_identity {
        let words = "use a file, or a directory, of your own in its place";
        return report.line(true, vec![Part::Words(words.into())]);
    }
    let elsewhere = Part::Theirs(ours(["--home", "DIR", "keygen"]));
    let parts = vec![Part::Words("use a place of your own: ".into()), elsewhere];
    report.line(true, parts)
}

/// No other place is of any use.
fn strange_root(path: &Path) -> Report {
    refusing(path)
        .cause("It belongs neither to you nor to root, and so does /, which is above every place.")
        .cause("That is so in a sandbox, or a container without root, which does not know the machine's")
        .cause("users: there nobody can tell who may exchange your files. Run securechat outside of it.")
}

fn refusing(path: &Path) -> Report {
    let title = Safe::from("refusing to use ") + path;
    Report::new("SC02", ExitCode::Identity, title)
}

fn not_a_public_key(sample: &Safe, problem: KeyProblem) -> Report {
    let title = Safe::from("that is not a securechat public key: \"") + sample + "\" (";
    let title = title + safe_line(&problem.to_string()) + ")";
    Report::new("SC03", ExitCode::Usage, title).cause(match problem {
        KeyProblem::Empty | KeyProblem::BadCharacters => {
            "A key is 44 characters (letters, digits, + and /) and ends with \"=\"."
        }
        KeyProblem::WrongLength { bytes } if bytes < PUBLIC_KEY_LEN => {
            "A key is 44 characters and ends with \"=\". It may have been cut while copying."
        }
        KeyProblem::WrongLength { .. } => {
            "A key is 44 characters and ends with \"=\". This is more: perhaps two texts were joined."
        }
        KeyProblem::Damaged => {
            "It is as long as a key, but no key ends like that: a character was changed."
        }
        KeyProblem::Nobodys => {
            "It has the form of a key. A character was changed, or it only stands in the place of one."
        }
        KeyProblem::UnknownVersion => {
            "Links begin with \"securechat:1:\" here; a newer securechat may read this one."
        }
        KeyProblem::BadName | KeyProblem::BadAddress => {
            "Its key is whole: what is behind the \"?\" may be left out."
        }
    })
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
    let beside = [ours(["send", "NAME", "TEXT"]), ours(["status"])];
    let parts = vec![
        Part::Words("To have a second identity: ".into()),
        // Another profile, so not with the flags of this one.
        Part::Theirs(Suggestion::securechat([
            "--home".into(),
            another_home(std::env::home_dir().as_deref(), cfg!(windows)),
            "keygen".into(),
        ])),
    ];
    Report::new("SC15", ExitCode::Storage, title)
        .cause("Two programs on one identity would lose messages. Use its window, or wait for it to end.")
        .cause("Where it has no window, as a daemon, other commands ask it:")
        .attempt(beside)
        .line(false, parts)
}

/// Where a second identity could be, below the user's `home`. No shell of Windows takes `~` for that directory wherever it
/// stands, nor do both take `%USERPROFILE%`.
fn another_home(home: Option<&Path>, is_windows: bool) -> Safe {
    match home {
        _ if !is_windows => "~/other".into(),
        Some(home) => Safe::from(home) + "\\other",
        None => "DIR".into(),
    }
}

fn disk_full(path: &Path) -> Report {
    let title = Safe::from("cannot write ") + path + ": there is no room on the disk";
    Report::new("SC18", ExitCode::Storage, title)
        .cause("Nothing was changed. Make room and do the same again.")
}

fn read_only(path: &Path, why: &Safe) -> Report {
    let title = Safe::from("cannot write ") + path + ": " + why;
    Report::new("SC18", ExitCode::Storage, title).cause(
        "Nothing was changed. Make its directory one that you can write to and do the same again.",
    )
}

/// The file that they are reserved in says so, or that of the messages, where they are noted as well.
fn no_timestamps(path: &Path) -> Report {
    let report = malformed(path, "no timestamps are left")
        .cause("Handshakes have used them all, or the clock stands centuries ahead: then set it.");
    if is_messages(path) {
        return begin_anew(
            path,
            report.attempt([ours(["history", "export", "-o", "FILE"])]),
        );
    }
    without_timestamps(path, report)
}

/// How to go on without the file that handshake timestamps are reserved in: those that were used are noted with the
/// messages, too, and lie behind a clock that is right.
fn without_timestamps(path: &Path, report: Report) -> Report {
    let parts = vec![
        Part::Words("with a clock that is right they go on without the file: ".into()),
        Part::Ours(Suggestion::of("rm", [Safe::from(path)])),
    ];
    report.line(true, parts)
}

pub(super) fn exists(path: &Path, output: Option<&Path>) -> Report {
    let title = Safe::from(path) + " exists already; it was not touched";
    Report::new("SC21", ExitCode::Fixable, title)
        .cause("Whoever knows you by the key in it would no longer reach you by a new one.")
        .hint(
            "To replace it (the old one is kept as .old):",
            keygen(output, &["--force"]),
        )
}

fn damaged_line(path: &Path, damage: &Damage) -> Report {
    let reason = safe_line(&damage.reason.to_string());
    let title = Safe::from(path) + ", line " + damage.line + ": " + reason;
    Report::new("SC22", ExitCode::Fixable, title)
        .cause("The file was not changed.")
        .cause(damage.advice())
}

/// What is the same of a list that is empty and of one that is gone.
fn lost(title: Safe) -> Report {
    Report::new("SC22", ExitCode::Fixable, title).cause(
        "Nothing was changed: whom you know, and which keys are revoked, is not there to be read.",
    )
}

fn emptied(path: &Path, former: Option<&Path>) -> Report {
    let report = lost(Safe::from(path) + " is empty");
    match former {
        Some(former) => or_begin_anew(bring_back(report, path, former), &[path, former]),
        None => or_begin_anew(report, &[path]),
    }
}

fn gone(path: &Path, former: &Path) -> Report {
    let title = Safe::from(path) + " is gone, and " + former + " is still there";
    or_begin_anew(bring_back(lost(title), path, former), &[former])
}

fn bring_back(report: Report, path: &Path, former: &Path) -> Report {
    let copy = Suggestion::of("cp", [former, path].map(Safe::from));
    let words = "bring back the list as it was one change before: ";
    report.line(true, vec![Part::Words(words.into()), Part::Ours(copy)])
}

fn or_begin_anew(report: Report, in_the_way: &[&Path]) -> Report {
    let remove = Suggestion::of("rm", in_the_way.iter().copied().map(Safe::from));
    let words = "if nobody is to be known any more: ";
    report.line(true, vec![Part::Words(words.into()), Part::Ours(remove)])
}

fn held(path: &Path) -> Report {
    let title = Safe::from("another program is changing ") + path + ", and does not finish";
    Report::new("SC24", ExitCode::Fixable, title)
        .cause("Nothing was changed. It may be a command that was stopped (Ctrl+Z): let it go on, or end it.")
}

fn bad_config(path: &Path, error: &ConfigError) -> Report {
    let said = safe_line(&error.problem.to_string());
    let title = Safe::from(path) + ", line " + error.line + ": " + said;
    let report = Report::new("SC32", ExitCode::Fixable, title);
    let report = match error.problem.advice() {
        Some(advice) => report.cause(advice),
        None => report,
    };
    report.attempt([ours(["help", "config"])])
}

fn malformed(path: &Path, reason: &'static str) -> Report {
    let title = Safe::from("cannot use ") + path + ": " + reason;
    Report::new("SC22", ExitCode::Fixable, title).cause("The file was not changed.")
}

/// As [`malformed()`], of whichever file, with what there is to be done about it.
fn damaged(path: &Path, reason: &'static str) -> Report {
    let report = malformed(path, reason);
    if !is_timestamps(path) {
        return report;
    }
    let why = "It says which handshake times are used; your keys and messages are in other files.";
    without_timestamps(path, report.cause(why))
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

fn not_synced(said: Safe, former: Option<&Path>) -> Report {
    let report = Report::new("SC18", ExitCode::Storage, said).cause(
        "It counts from now on. Until the disk has confirmed it, a power cut can bring back the one before.",
    );
    let kept = former.map(|former| Safe::from("That one is kept as ") + former + ".");
    kept.into_iter().fold(report, Report::cause)
}

fn passphrase_not_synced(path: &Path, is_identity: bool, said: Safe) -> Report {
    let file = (!is_identity).then_some(path);
    Report::new("SC18", ExitCode::Storage, said)
        .cause("The new passphrase counts from now on, or that there is none. Until the disk has confirmed that,")
        .cause("a power cut can bring back the former one: keep both until such a change has succeeded.")
        .attempt([passwd(file, &[])])
}

fn link_to_nothing(path: &Path) -> Report {
    let remove = Suggestion::of("rm", [Safe::from(path)]);
    let parts = vec![
        Part::Words("bring back what it points to, or take the link away: ".into()),
        Part::Ours(remove),
    ];
    let title = Safe::from(path) + " is a link that points to nothing";
    Report::new("SC24", ExitCode::Fixable, title)
        .cause("What should be read there is missing, which is not the same as none at all.")
        .line(true, parts)
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

#[cfg(test)]
pub(super) mod tests;
