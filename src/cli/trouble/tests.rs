use std::io;

use crate::store::{DamageReason, Loss, StoreTrouble, parse_config};
use crate::text::NameError;

use super::*;

/// A report for every kind of failure.
pub(in crate::cli) fn samples() -> Vec<Report> {
    let bob = || Safe::from("bob");
    let kinds = [
        ErrorKind::NoIdentity,
        ErrorKind::UnsafePermissions {
            mode: 0o644,
            wanted: 0o600,
        },
        ErrorKind::UnsafePermissions {
            mode: 0o664,
            wanted: 0o644,
        },
        ErrorKind::UnsafeDirectory { mode: 0o777 },
        ErrorKind::UnsafeDirectory { mode: 0o1777 },
        ErrorKind::WrongOwner { owner: 1 },
        ErrorKind::StrangeRoot { owner: 65_534 },
        ErrorKind::WrongPassphrase,
        ErrorKind::PassphraseNeeded,
        ErrorKind::EmptyPassphrase,
        ErrorKind::BadPassphrase {
            reason: "it is no text",
        },
        ErrorKind::CommandFailed { status: Some(1) },
        ErrorKind::InUse { pid: Some(4121) },
        ErrorKind::InUse { pid: None },
        ErrorKind::DiskFull,
        ErrorKind::ReadOnly(io::Error::from(io::ErrorKind::ReadOnlyFilesystem)),
        ErrorKind::DamagedLine(Damage {
            line: 3,
            reason: DamageReason::BadPsk,
            has_mark: false,
        }),
        ErrorKind::Config(parse_config("[history]\nkep = 1").unwrap_err()),
        ErrorKind::Config(parse_config("[net]\nlisten = 1").unwrap_err()),
        ErrorKind::DuplicateName { name: bob() },
        ErrorKind::DuplicateKey { name: bob() },
        ErrorKind::LookAlike { existing: bob() },
        ErrorKind::BadName(NameError::UpperCase),
        ErrorKind::Revoked {
            reason: Some("laptop stolen".into()),
        },
        ErrorKind::Revoked { reason: None },
        ErrorKind::NotFound {
            wanted: "bbo".into(),
            suggestion: Some(bob()),
        },
        ErrorKind::NotAPublicKey {
            sample: "xTIBA5rb".into(),
            problem: KeyProblem::WrongLength { bytes: 6 },
        },
        ErrorKind::SecretKeyGiven,
        ErrorKind::NotAnAddress,
        ErrorKind::AlreadyExists,
        ErrorKind::LinkToNothing,
        ErrorKind::Emptied { former: None },
        ErrorKind::Emptied {
            former: Some("/h/known-peers.bak".into()),
        },
        ErrorKind::Gone {
            former: "/h/known-peers.bak".into(),
        },
        ErrorKind::Held,
        ErrorKind::ChangedMeanwhile,
        ErrorKind::NotSynced {
            former: Some("/h/identity.key.old".into()),
            error: io::Error::from(io::ErrorKind::PermissionDenied),
        },
        ErrorKind::PassphraseNotSynced(io::Error::from(io::ErrorKind::PermissionDenied)),
        ErrorKind::Malformed {
            reason: "there is no key in it",
        },
        ErrorKind::NoTimestamps,
        ErrorKind::Store(StoreTrouble::Damaged(Loss::default())),
        ErrorKind::NoHome,
        ErrorKind::Io(io::Error::from(io::ErrorKind::PermissionDenied)),
    ];
    let of_store = [
        StoreTrouble::Damaged(Loss::default()),
        StoreTrouble::Unreadable,
        StoreTrouble::ReadOnly,
        StoreTrouble::OtherIdentity,
        StoreTrouble::Newer,
        StoreTrouble::Stopped,
        StoreTrouble::Missing,
        StoreTrouble::Replaced,
    ];
    let of_store = of_store.map(ErrorKind::Store).into_iter().chain([
        ErrorKind::NoTimestamps,
        ErrorKind::DiskFull,
        ErrorKind::Io(io::Error::from(io::ErrorKind::FileTooLarge)),
    ]);
    let path = Path::new("/home/a/my key");
    let report = |kind| words(&kind, Some(path), true, "cannot read it".into());
    let named = words(
        &ErrorKind::NoIdentity,
        Some(path),
        false,
        "it is missing".into(),
    );
    let store = |kind| words(&kind, Some(Path::new(STORE)), true, "cannot read it".into());
    let kinds = kinds.into_iter().map(report);
    kinds.chain(of_store.map(store)).chain([named]).collect()
}

const STORE: &str = "/h/0707070707070707.history.redb";

fn shown(kind: &ErrorKind) -> String {
    shown_of(kind, "/h/identity.key")
}

fn shown_of(kind: &ErrorKind, path: &str) -> String {
    rendered(&words(
        kind,
        Some(Path::new(path)),
        true,
        "it failed".into(),
    ))
}

fn rendered(report: &Report) -> String {
    let lines = report.render(&[]);
    let lines: Vec<&str> = lines.iter().map(Safe::as_str).collect();
    lines.join("\n")
}

#[test]
fn an_unsafe_key_file_says_how_to_close_it() {
    let kind = ErrorKind::UnsafePermissions {
        mode: 0o644,
        wanted: 0o600,
    };
    assert_eq!(
        shown(&kind),
        "error: refusing to use /h/identity.key  [SC02]\n\
         \x20 Other users of this machine can read it (mode 0644).\n\
         \x20 try: chmod 600 /h/identity.key\n\
         \x20 If others may have copied it, make a new key instead: securechat keygen --force"
    );
}

/// A new identity was advised, be it for a log or for a shared secret.
#[test]
fn what_belongs_to_another_user_leads_to_a_new_identity_only_in_the_place_of_one() {
    let kind = ErrorKind::WrongOwner { owner: 1 };
    let refused = |name: &str| {
        format!(
            "error: refusing to use /h/{name}  [SC02]\n\
             \x20 It belongs to another user of this machine.\n"
        )
    };
    assert_eq!(
        shown(&kind),
        refused("identity.key") + "  try: use a place of your own: securechat --home DIR keygen"
    );
    let log = words(&kind, Some(Path::new("/h/log")), false, "it failed".into());
    assert_eq!(
        rendered(&log),
        refused("log") + "  try: use a file, or a directory, of your own in its place"
    );
}

#[test]
fn a_directory_that_all_may_write_to_leads_to_one_in_it_and_keeps_its_mode() {
    assert_eq!(
        shown_of(&ErrorKind::UnsafeDirectory { mode: 0o1777 }, "/tmp"),
        "error: refusing to use /tmp  [SC02]\n\
         \x20 Other users of this machine can put files beside yours there (mode 1777).\n\
         \x20 try: mkdir -m 700 /tmp/securechat\n\
         \x20 Put what is yours into that, and name it instead: in --home, or before the file's name."
    );
    let closed = shown_of(&ErrorKind::UnsafeDirectory { mode: 0o777 }, "/h");
    assert!(closed.ends_with("try: chmod go-w /h"), "{closed}");
}

#[test]
fn a_setting_that_does_not_exist_leads_to_one_that_does() {
    let error = parse_config("# mine\n[history]\nkep = \"off\"\n").unwrap_err();
    assert_eq!(
        shown(&ErrorKind::Config(error)),
        "error: /h/identity.key, line 3: there is no kep in [history]  [SC32]\n\
         \x20 Did you mean keep?\n\
         \x20 try: securechat help config"
    );
}

#[test]
fn a_second_process_is_told_about_the_first() {
    assert_eq!(
        shown(&ErrorKind::InUse { pid: Some(4121) }),
        "error: this profile is already open in another securechat (pid 4121)  [SC15]\n\
         \x20 Two programs on one identity would lose messages. Use its window, or wait for it to end.\n\
         \x20 Where it has no window, as a daemon, other commands ask it:\n\
         \x20 try: securechat send NAME TEXT     or: securechat status\n\
         \x20 To have a second identity: securechat --home OTHER keygen"
            .replace("OTHER", &another_home_here())
    );
}

/// As it is typed: Windows has another for everybody.
fn another_home_here() -> String {
    if cfg!(unix) {
        return "~/other".to_owned();
    }
    let home = another_home(std::env::home_dir().as_deref(), true);
    let typed = Suggestion::securechat([home]).shell(&[]).to_string();
    typed["securechat ".len()..].to_owned()
}

#[test]
fn a_second_identity_is_suggested_where_the_shell_finds_it() {
    let windows = Path::new(r"C:\Users\Bob");
    let shown = |home, is_windows| another_home(home, is_windows).to_string();
    assert_eq!(shown(Some(windows), true), r"C:\Users\Bob\other");
    assert_eq!(shown(None, true), "DIR");
    for home in [Some(Path::new("/home/bob")), None] {
        assert_eq!(shown(home, false), "~/other");
    }
}

#[test]
fn a_full_disk_is_no_riddle() {
    assert_eq!(
        shown(&ErrorKind::DiskFull),
        "error: cannot write /h/identity.key: there is no room on the disk  [SC18]\n\
         \x20 Nothing was changed. Make room and do the same again."
    );
}

/// It was said that nothing was changed, and whoever believed it threw the passphrase away that counted.
#[test]
fn what_the_disk_has_not_confirmed_counts_and_is_said_to() {
    let error = || io::Error::other("the disk is gone");
    let key = ErrorKind::PassphraseNotSynced(error());
    let words = "  The new passphrase counts from now on, or that there is none. Until the disk has confirmed that,\n\
                 \x20 a power cut can bring back the former one: keep both until such a change has succeeded.\n";
    let title = "error: it failed  [SC18]\n";
    let passwd = "  try: securechat key passwd";
    assert_eq!(shown(&key), format!("{title}{words}{passwd}"));
    let of_another = words_of_another(&key);
    assert_eq!(of_another, format!("{title}{words}{passwd} /h/k"));
    let former = Some("/h/known-peers.bak".into());
    let list = ErrorKind::NotSynced {
        former,
        error: error(),
    };
    assert_eq!(
        shown_of(&list, "/h/known-peers"),
        format!(
            "{title}\x20 It counts from now on. Until the disk has confirmed it, a power cut can bring back the one before.\n\
             \x20 That one is kept as /h/known-peers.bak."
        )
    );
}

fn words_of_another(kind: &ErrorKind) -> String {
    let report = words(kind, Some(Path::new("/h/k")), false, "it failed".into());
    rendered(&report)
}

#[test]
fn a_place_that_is_read_only_is_told_with_what_the_system_says() {
    let said = io::Error::other("Read-only file system");
    assert_eq!(
        shown_of(&ErrorKind::ReadOnly(said), "/h/0707.lock"),
        "error: cannot write /h/0707.lock: Read-only file system  [SC18]\n\
         \x20 Nothing was changed. Make its directory one that you can write to and do the same again."
    );
}

#[test]
fn a_store_that_cannot_be_written_loses_nothing_and_says_so() {
    let full = shown_of(&ErrorKind::DiskFull, STORE);
    assert_eq!(
        full,
        format!(
            "error: cannot write {STORE}: there is no room on the disk  [SC18]\n\
             \x20 No conversation goes on without it: messages could get lost. None is lost now: what\n\
             \x20 was accepted is kept, and what came and is not written down stays with its sender.\n\
             \x20 Mend that, and start again."
        )
    );
    let read_only = shown_of(&ErrorKind::Store(StoreTrouble::ReadOnly), STORE);
    assert!(read_only.contains("it is read-only") && read_only.contains("[SC18]"));
    let too_large = io::Error::from(io::ErrorKind::FileTooLarge);
    let limited = shown_of(&ErrorKind::Io(too_large), STORE);
    let title = format!(
        "error: cannot write {STORE}: no file may get so large here (ulimit -f, or the file system)  [SC18]\n"
    );
    assert!(limited.starts_with(&title), "{limited}");
}

#[test]
fn when_no_timestamps_are_left_the_file_that_says_so_can_go() {
    let said = |path: &str| {
        format!(
            "error: cannot use {path}: no timestamps are left  [SC22]\n\
             \x20 The file was not changed.\n\
             \x20 Handshakes have used them all, or the clock stands centuries ahead: then set it.\n"
        )
    };
    let path = "/h/0707.timestamps";
    let file = "  try: with a clock that is right they go on without the file: rm ";
    let shown = shown_of(&ErrorKind::NoTimestamps, path);
    assert_eq!(shown, said(path) + file + path);
    let messages = format!(
        "  try: securechat history export -o FILE\n\
         \x20 To begin anew (what waits in it is not sent, and what it knows is forgotten): mv {STORE} {STORE}.damaged"
    );
    let shown = shown_of(&ErrorKind::NoTimestamps, STORE);
    assert_eq!(shown, said(STORE) + &messages);
}

#[test]
fn a_damaged_file_of_timestamps_can_go_too() {
    let reason = "the timestamps file is damaged";
    let (kind, path) = (ErrorKind::Malformed { reason }, "/h/0707.timestamps");
    assert_eq!(
        shown_of(&kind, path),
        format!(
            "error: cannot use {path}: the timestamps file is damaged  [SC22]\n\
             \x20 The file was not changed.\n\
             \x20 It says which handshake times are used; your keys and messages are in other files.\n\
             \x20 try: with a clock that is right they go on without the file: rm {path}"
        )
    );
    assert!(!shown(&kind).contains("rm "), "no other file");
}

#[test]
fn a_damaged_store_says_what_is_lost_and_how_to_go_on() {
    let loss = Loss {
        outbox: 2,
        ..Loss::default()
    };
    let shown = shown_of(&ErrorKind::Store(StoreTrouble::Damaged(loss)), STORE);
    assert_eq!(
        shown,
        format!(
            "error: cannot use {STORE}: it is damaged; lost: 2 unsent messages  [SC19]\n\
             \x20 No session is opened without it: messages could get lost, or appear twice.\n\
             \x20 try: securechat history export -o FILE\n\
             \x20 To begin anew (what waits in it is not sent, and what it knows is forgotten): mv {STORE} {STORE}.damaged"
        )
    );
}
