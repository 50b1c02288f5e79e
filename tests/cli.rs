//! The real program, run in a home of its own: what it prints, where, and how it ends.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected should stop there"
)]

#[path = "cli/config.rs"]
mod config;
#[path = "cli/history.rs"]
mod history;
#[path = "common/kept.rs"]
mod kept;
#[path = "common/schema.rs"]
mod schema;

use std::fs;
use std::io::Write;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

#[path = "cli/keys_and_people.rs"]
mod keys_and_people;

const BOB: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
const CAROL: &str = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";

/// A directory for `--home`.
struct Home(TempDir);

/// What a run left behind. The home's path reads `HOME` in it, `HOME/` in front of a file.
#[derive(PartialEq, Eq, Debug)]
struct Done {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Home {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs a command in this home, without a terminal.
    fn run(&self, args: &[&str]) -> Done {
        self.run_with_input(args, "")
    }

    fn run_with_input(&self, args: &[&str], input: &str) -> Done {
        let home = self.0.path().to_str().unwrap();
        let mut command = program();
        command.args(["--home", home]).args(args);
        let done = finish(command, input);
        if args.contains(&"--json") {
            done.stdout.lines().for_each(is_described);
        }
        let placed = |text: &str| text.replace(home, "HOME").replace("HOME\\", "HOME/");
        Done {
            stdout: placed(&done.stdout),
            stderr: placed(&done.stderr),
            ..done
        }
    }

    /// Runs a command that must succeed, and returns what it printed as data.
    fn data(&self, args: &[&str]) -> String {
        let done = self.run(args);
        assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
        done.stdout
    }

    fn with_identity() -> Self {
        let home = Self::new();
        home.data(&["keygen", "--no-passphrase"]);
        home
    }

    fn with_bob() -> Self {
        let home = Self::new();
        home.data(&["peers", "add", "bob", BOB]);
        home
    }
}

/// A line that is printed with `--json` is what docs/json.schema.json says.
fn is_described(line: &str) {
    let parse = |text: &str| -> serde_json::Value { serde_json::from_str(text).expect(line) };
    let (root, record) = (parse(include_str!("../docs/json.schema.json")), parse(line));
    assert_eq!(schema::mismatch(&root, &root, &record), None, "{line}");
}

/// The program with nothing of the tester's own settings.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_securechat"));
    for name in ["SECURECHAT_HOME", "SECURECHAT_IDENTITY", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

fn finish(mut command: Command, input: &str) -> Done {
    let pipes = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that does not read its input has closed it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Done {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(args: &[&str]) -> Done {
    let mut command = program();
    command.args(args);
    finish(command, "")
}

fn failed(code: i32, stderr: &str) -> Done {
    Done {
        code,
        stdout: String::new(),
        stderr: stderr.to_owned(),
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

mod keys {
    use super::*;

    #[test]
    fn keygen_makes_an_identity_and_says_what_is_next() {
        let home = Home::new();
        let done = home.run(&["keygen", "--no-passphrase"]);
        let key = home.data(&["pubkey"]);
        let key = key.trim_end();
        assert_eq!(key.len(), 44);
        let mode = if cfg!(unix) { "0600, " } else { "" };
        assert_eq!(
            done.stderr,
            format!(
                "  secret key  HOME/identity.key   ({mode}not protected by a passphrase)\n\
                 \x20 public key  {key}\n\
                 \x20 Give the public key to the people you want to talk to.\n\
                 \x20 next: securechat --home HOME listen     or     \
                 securechat --home HOME connect --peer-key KEY HOST:PORT\n"
            )
        );
        assert_eq!((done.code, done.stdout.as_str()), (0, ""));
    }

    #[cfg(unix)]
    #[test]
    fn the_secret_key_is_private_and_says_what_it_is() {
        let home = Home::new();
        home.data(&["keygen", "--no-passphrase", "--comment", "alice@laptop"]);
        assert_eq!(mode(&home.path("identity.key")), 0o600);
        assert_eq!(mode(&home.path("identity.pub")), 0o644);
        let secret = home.read("identity.key");
        assert!(
            secret.starts_with("# securechat secret key - anyone who reads this file can be you\n")
        );
        assert!(secret.contains("comment: alice@laptop\n"));
        assert!(secret.contains("\nSECURECHAT-SECRET-KEY-1:"));
        let key = home.data(&["pubkey"]);
        assert_eq!(
            home.read("identity.pub"),
            format!("{} alice@laptop\n", key.trim_end())
        );
    }

    #[test]
    fn keygen_never_overwrites_without_force() {
        let home = Home::with_identity();
        let before = home.read("identity.key");
        assert_eq!(
            home.run(&["keygen", "--no-passphrase"]),
            failed(
                1,
                "error: HOME/identity.key exists already; it was not touched  [SC21]\n\
                 \x20 Whoever knows you by the key in it would no longer reach you by a new one.\n\
                 \x20 To replace it (the old one is kept as .old): securechat --home HOME keygen --force\n"
            )
        );
        assert_eq!(home.read("identity.key"), before);
    }

    #[test]
    fn force_keeps_the_old_key() {
        let home = Home::with_identity();
        let before = home.read("identity.key");
        let done = home.run(&["keygen", "--no-passphrase", "--force"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert_eq!(home.read("identity.key.old"), before);
        assert_ne!(home.read("identity.key"), before);
    }

    #[test]
    fn keygen_speaks_json_without_a_secret() {
        let home = Home::new();
        let done = home.data(&["keygen", "--no-passphrase", "--json", "-q"]);
        let value: serde_json::Value = serde_json::from_str(&done).unwrap();
        let key = home.data(&["pubkey"]);
        assert_eq!(value["v"], 1);
        assert_eq!(value["public_key"], key.trim_end());
        assert_eq!(value["protected"], false);
        assert!(!done.contains("SECRET"));
    }

    #[test]
    fn a_key_can_go_through_a_pipe_and_never_touch_the_disk() {
        let home = Home::new();
        let made = home.run(&["keygen", "--no-passphrase", "-o", "-"]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        let shown = home.run_with_input(&["pubkey", "-"], &made.stdout);
        assert_eq!(shown.code, 0, "{}", shown.stderr);
        assert!(made.stderr.contains(shown.stdout.trim_end()));
        assert!(!made.stderr.contains("SECRET-KEY-1"));
        assert_eq!(fs::read_dir(home.0.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_output_file_gets_its_public_half_beside_it() {
        let home = Home::new();
        let file = home.path("alice.key");
        let file = file.to_str().unwrap();
        home.data(&["keygen", "--no-passphrase", "-o", file]);
        let key = home.data(&["pubkey", file]);
        assert_eq!(home.read("alice.pub").trim_end(), key.trim_end());
        assert!(!home.path("identity.key").exists());
    }

    #[test]
    fn the_key_can_be_printed_as_a_uri_that_is_accepted_again() {
        let home = Home::with_identity();
        let uri = home.data(&["pubkey", "--uri"]);
        assert!(uri.starts_with("securechat:1:"), "{uri}");
        home.data(&["peers", "add", "me", uri.trim_end()]);
        let key = home.data(&["pubkey"]);
        assert!(home.data(&["peers", "list"]).contains(key.trim_end()));
    }

    #[test]
    fn without_a_terminal_the_missing_flag_is_named() {
        let home = Home::new();
        assert_eq!(
            home.run(&["keygen", "--no-input"]),
            failed(
                2,
                "error: a passphrase for the new key is needed  [SC17]\n\
                 \x20 There is no terminal to ask on, or --no-input forbids it.\n\
                 \x20 try: securechat --home HOME keygen --passphrase-file FILE     or: \
                 securechat --home HOME keygen --no-passphrase\n"
            )
        );
        assert_eq!(fs::read_dir(home.0.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_passphrase_protects_and_a_wrong_one_is_refused() {
        let home = Home::new();
        let right = home.write("right", "correct horse\n");
        let wrong = home.write("wrong", "battery staple\n");
        let right = right.to_str().unwrap();
        let wrong = wrong.to_str().unwrap();
        home.data(&["keygen", "--passphrase-file", right]);
        let secret = home.read("identity.key");
        assert!(secret.contains("\nSECURECHAT-ENCRYPTED-KEY-1:argon2id:m=65536,t=3,p=4:"));
        let passwd = |old: &str| {
            let args = ["key", "passwd", "--passphrase-file", old, "--no-passphrase"];
            home.run(&args)
        };
        assert_eq!(
            passwd(wrong),
            failed(
                5,
                "error: wrong passphrase for HOME/identity.key  [SC11]\n\
                 \x20 Caps Lock? Keyboard layout? The passphrase cannot be recovered.\n"
            )
        );
        assert_eq!(home.read("identity.key"), secret);
        let key = home.data(&["pubkey"]);
        assert_eq!(passwd(right).code, 0);
        assert!(
            home.read("identity.key")
                .contains("\nSECURECHAT-SECRET-KEY-1:")
        );
        assert_eq!(home.data(&["pubkey"]), key);
    }

    #[test]
    fn a_command_may_give_the_passphrase() {
        let home = Home::new();
        home.data(&["keygen", "--passphrase-command", "echo correct horse"]);
        let pass = home.write("pass", "correct horse");
        let new = home.write("new", "battery staple");
        let (pass, new) = (pass.to_str().unwrap(), new.to_str().unwrap());
        let args = [
            "key",
            "passwd",
            "--passphrase-file",
            pass,
            "--new-passphrase-file",
            new,
        ];
        assert_eq!(home.run(&args).code, 0);
        assert_eq!(home.run(&args).code, 5, "the old passphrase is gone");
        let failing = home.run(&[
            "key",
            "passwd",
            "--passphrase-command",
            "exit 3",
            "--no-passphrase",
        ]);
        assert_eq!(failing.code, 5);
        assert!(
            failing.stderr.starts_with("error: no passphrase: "),
            "{}",
            failing.stderr
        );
    }

    #[test]
    fn no_identity_is_no_riddle() {
        let home = Home::new();
        assert_eq!(
            home.run(&["pubkey"]),
            failed(
                5,
                "error: you have no identity yet  [SC01]\n\
                 \x20 There is no file HOME/identity.key.\n\
                 \x20 try: securechat --home HOME keygen\n"
            )
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let home = Home::with_identity();
        set_mode(&home.path("identity.key"), 0o644);
        assert_eq!(
            home.run(&["pubkey"]),
            failed(
                5,
                "error: refusing to use HOME/identity.key  [SC02]\n\
                 \x20 Other users of this machine can read it (mode 0644).\n\
                 \x20 try: chmod 600 HOME/identity.key\n\
                 \x20 If others may have copied it, make a new key instead: \
                 securechat --home HOME keygen --force\n"
            )
        );
    }

    #[test]
    fn key_show_and_fingerprint_tell_the_same_key() {
        let home = Home::with_identity();
        let key = home.data(&["pubkey"]);
        let shown = home.data(&["key", "show"]);
        assert!(shown.contains(key.trim_end()), "{shown}");
        assert!(shown.contains("HOME/identity.key"), "{shown}");
        let groups = home.data(&["key", "fingerprint"]);
        let joined = format!("{}=", groups.trim_end().replace(' ', ""));
        assert_eq!(joined, key.trim_end());
        assert_eq!(groups.split(' ').next().unwrap().len(), 5);
    }
}

mod people {
    use super::*;

    #[test]
    fn peers_come_and_go_and_remarks_stay() {
        let home = Home::new();
        let list = home.write(
            "known-peers",
            &format!("# my friends\n\nbob   {BOB} colour=blue # the tall one\n"),
        );
        #[cfg(unix)]
        set_mode(&list, 0o600);
        let args = [
            "peers",
            "add",
            "carol",
            CAROL,
            "--address",
            "chat.example.org:7419",
        ];
        let added = home.run(&args);
        assert_eq!(added.code, 0, "{}", added.stderr);
        assert_eq!(added.stderr, format!("added carol  {CAROL}\n"));
        assert_eq!(
            home.data(&["peers", "list"]),
            format!(
                "bob    {BOB}  [not verified]\n\
                 carol  {CAROL}  [not verified]  chat.example.org:7419\n"
            )
        );
        assert_eq!(home.run(&["peers", "rename", "bob", "robert"]).code, 0);
        assert_eq!(home.run(&["peers", "remove", "carol"]).code, 0);
        let text = fs::read_to_string(&list).unwrap();
        assert_eq!(
            text,
            format!("# my friends\n\nrobert   {BOB} colour=blue # the tall one\n")
        );
    }

    #[test]
    fn a_revoked_key_is_listed_as_such_and_cannot_come_back() {
        let home = Home::with_bob();
        let revoke = ["peers", "revoke", "bob", "--reason", "laptop stolen"];
        assert_eq!(home.run(&revoke).code, 0);
        assert!(home.data(&["peers", "list"]).contains("revoked"));
        assert_eq!(home.run(&["peers", "remove", "bob"]).code, 0);
        assert_eq!(
            home.run(&["peers", "add", "bob", BOB]),
            failed(
                4,
                "error: this key is revoked  [SC25]\n\
                 \x20 Your note then: laptop stolen\n\
                 \x20 try: securechat --home HOME peers list\n"
            )
        );
        let by_key = home.run(&["peers", "revoke", CAROL]);
        assert_eq!(by_key.code, 0, "{}", by_key.stderr);
        assert!(
            home.read("known-peers")
                .contains(&format!("@revoked {CAROL}\n"))
        );
    }

    #[test]
    fn the_list_as_json_keeps_every_character_and_does_nothing() {
        let home = Home::with_bob();
        let reason = "stolen \"\u{1b}[2J\u{9b}\u{202e}";
        assert_eq!(
            home.run(&["peers", "revoke", CAROL, "--reason", reason])
                .code,
            0
        );
        let line = home.data(&["peers", "list", "--json"]);
        assert!(line.trim_end().chars().all(|c| !c.is_control()), "{line:?}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["peers"][0]["name"], "bob");
        assert_eq!(value["peers"][0]["key"], BOB);
        assert_eq!(value["peers"][0]["revoked"], false);
        assert_eq!(value["revoked"][0]["key"], CAROL);
    }

    #[test]
    fn show_prints_what_is_known() {
        let home = Home::new();
        let args = ["peers", "add", "bob", BOB, "--address", "203.0.113.9:7419"];
        home.data(&args);
        assert_eq!(
            home.data(&["peers", "show", "bob"]),
            format!(
                "name           bob\n\
                 key            {BOB}\n\
                 fingerprint    xTIBA 5rboU vnH4h todjb 6e697 QjLER t1NAB 4mZqp 8Dg\n\
                 address        203.0.113.9:7419\n\
                 verified       no [not verified]\n"
            )
        );
    }

    #[test]
    fn a_mistyped_name_finds_its_neighbour() {
        let home = Home::with_bob();
        for command in [
            vec!["peers", "show", "bbo"],
            vec!["peers", "remove", "bbo"],
            vec!["peers", "revoke", "bbo"],
            vec!["peers", "rename", "bbo", "x"],
        ] {
            assert_eq!(
                home.run(&command),
                failed(
                    4,
                    "error: no peer called \"bbo\"  [SC05]\n\
                     \x20 Did you mean \"bob\"?\n\
                     \x20 try: securechat --home HOME peers list\n"
                )
            );
        }
    }

    #[test]
    fn a_cut_key_says_what_is_wrong_with_it() {
        let home = Home::new();
        assert_eq!(
            home.run(&["peers", "add", "bob", "xTIBA5rb"]),
            failed(
                2,
                "error: that is not a securechat public key: \"xTIBA5rb\" (6 bytes, 32 needed)  [SC03]\n\
                 \x20 A key is 44 characters and ends with \"=\". It may have been cut while copying.\n"
            )
        );
    }

    #[test]
    fn a_secret_key_is_never_taken_for_a_public_one_nor_repeated() {
        let home = Home::with_identity();
        let file = home.read("identity.key");
        let secret = file.lines().last().unwrap();
        let path = home.path("identity.key");
        let at_file = format!("@{}", path.to_str().unwrap());
        let half = &secret["SECURECHAT-SECRET-KEY-1:".len()..];
        for args in [
            vec!["peers", "add", "bob", secret],
            vec!["peers", "add", secret, BOB],
            vec!["peers", "add", "bob", &at_file],
            vec!["peers", "revoke", secret],
            vec!["connect", "--peer-key", secret, "127.0.0.1:7419"],
            vec!["--no-such-flag", secret],
        ] {
            let done = home.run(&args);
            assert_eq!(done.code, 2, "{args:?}");
            assert!(
                done.stderr.starts_with(
                    "error: that is a SECRET key - it was not used and must not be shared  [SC04]\n"
                ),
                "{}",
                done.stderr
            );
            assert!(!done.stderr.contains(half) && !done.stdout.contains(half));
        }
        assert!(!home.path("known-peers").exists());
    }

    #[test]
    fn a_damaged_line_is_named_and_no_other_is_lost() {
        let home = Home::with_bob();
        let damaged = home.read("known-peers") + "carol nonsense\n";
        home.write("known-peers", &damaged);
        let line = damaged.lines().count();
        let listed = home.run(&["peers", "list"]);
        assert_eq!(listed.code, 1);
        assert_eq!(listed.stdout, format!("bob  {BOB}  [not verified]\n"));
        let start = format!("error: HOME/known-peers, line {line}: ");
        assert!(listed.stderr.starts_with(&start), "{}", listed.stderr);
        let added = home.run(&["peers", "add", "carol", CAROL]);
        assert_eq!(added.code, 1);
        assert!(added.stderr.starts_with(&start), "{}", added.stderr);
        assert_eq!(home.read("known-peers"), damaged);
    }

    #[test]
    fn names_and_keys_are_unique() {
        let home = Home::with_bob();
        let cases = [
            (["peers", "add", "robert", BOB], "[SC30]"),
            (["peers", "add", "bob", CAROL], "[SC23]"),
            (["peers", "add", "b0b", CAROL], "[SC23]"),
            (["peers", "add", "Carol", CAROL], "[SC23]"),
        ];
        for (args, code) in cases {
            let done = home.run(&args);
            assert_eq!(done.code, 1, "{args:?}");
            assert!(done.stderr.contains(code), "{}", done.stderr);
        }
    }

    #[test]
    fn a_key_may_come_from_a_file_or_a_pipe() {
        let home = Home::new();
        let file = home.write("bob.pub", &format!("# from the meeting\n{BOB} bob@desk\n"));
        let argument = format!("@{}", file.to_str().unwrap());
        home.data(&["peers", "add", "bob", &argument]);
        let done = home.run_with_input(&["peers", "add", "carol", "-"], &format!("{CAROL}\n"));
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert_eq!(
            home.data(&["peers", "list"]),
            format!("bob    {BOB}  [not verified]\ncarol  {CAROL}  [not verified]\n")
        );
    }

    #[test]
    fn a_shared_secret_is_taken_from_a_file_and_never_shown() {
        let home = Home::new();
        let file = home.write("psk", &format!("{CAROL}\n"));
        #[cfg(unix)]
        set_mode(&file, 0o600);
        let file = file.to_str().unwrap();
        home.data(&["peers", "add", "bob", BOB, "--psk-file", file]);
        assert!(home.read("known-peers").contains(&format!("psk={CAROL}")));
        for args in [
            vec!["peers", "list"],
            vec!["peers", "list", "--json"],
            vec!["peers", "show", "bob"],
        ] {
            let shown = home.data(&args);
            assert!(shown.contains("psk") && !shown.contains(CAROL), "{shown}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_list_that_others_can_change_is_refused() {
        let home = Home::with_bob();
        set_mode(&home.path("known-peers"), 0o666);
        let done = home.run(&["peers", "list"]);
        assert_eq!(done.code, 5);
        assert!(
            done.stderr
                .starts_with("error: refusing to use HOME/known-peers  [SC02]\n")
        );
        assert!(done.stderr.contains("try: chmod "), "{}", done.stderr);
    }
}

mod words {
    use super::*;

    const TOPICS: [&str; 10] = [
        "messages",
        "keys",
        "trust",
        "diagnosis",
        "exit-codes",
        "files",
        "config",
        "accessibility",
        "security",
        "json",
    ];

    #[test]
    fn alone_it_shows_a_short_guide() {
        let done = run(&[]);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""));
        assert!(
            done.stdout
                .starts_with("securechat - private chat between two terminals")
        );
        assert!(done.stdout.contains("securechat keygen"));
    }

    #[test]
    fn a_mistyped_command_is_suggested_and_nothing_else_happens() {
        let done = run(&["lisen"]);
        assert_eq!((done.code, done.stdout.as_str()), (2, ""));
        assert!(
            done.stderr.contains("unrecognized subcommand 'lisen'"),
            "{}",
            done.stderr
        );
        assert!(done.stderr.contains("listen"), "{}", done.stderr);
        assert_eq!(run(&["bob"]).code, 2);
    }

    /// A record that is not there is missed when it is too late.
    #[test]
    fn commands_that_record_nothing_refuse_to_be_told_to() {
        let home = Home::new();
        let file = home.path("trace").display().to_string();
        let silent: [&[&str]; 14] = [
            &["keygen", "--no-passphrase"],
            &["pubkey"],
            &["key", "show"],
            &["peers", "list"],
            &["peers", "add", "bob", BOB],
            &["history", "show"],
            &["status"],
            &["doctor"],
            &["demo"],
            &["completions", "bash"],
            &["man"],
            &["help"],
            &["help", "peers", "add"],
            &["history", "purge", "--yes", "--all"],
        ];
        for command in silent {
            let done = home.run(&[&["--trace", &file], command].concat());
            assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{command:?}");
            assert!(done.stderr.contains("[SC29]"), "{}", done.stderr);
            let example = " connect NAME --trace FILE\n";
            assert!(done.stderr.contains(example), "{}", done.stderr);
        }
        let made: Vec<_> = fs::read_dir(home.path("")).unwrap().collect();
        assert!(made.is_empty(), "{made:?}");
        let home = Home::with_bob();
        home.data(&["keygen", "--no-passphrase"]);
        let done = home.run(&["send", "bob", "hi", "--no-wait", "--trace", &file]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert!(
            done.stderr.contains("--trace records nothing here"),
            "{}",
            done.stderr
        );
    }

    #[test]
    fn arguments_cannot_drive_the_terminal() {
        for args in [
            ["\u{1b}[2J", ""],
            ["peers", "\u{9b}31m"],
            ["--\u{1b}]0;x\u{7}", ""],
        ] {
            let done = run(&args);
            assert_eq!(done.code, 2);
            let harmless = |c: char| c == '\n' || !c.is_control();
            assert!(done.stderr.chars().all(harmless), "{:?}", done.stderr);
        }
    }

    #[test]
    fn the_version_names_protocol_suite_and_commit() {
        let done = run(&["--version"]);
        let lines: Vec<&str> = done.stdout.lines().collect();
        let version = format!("securechat {}", env!("CARGO_PKG_VERSION"));
        assert_eq!(done.code, 0);
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(
            lines.get(..3).unwrap(),
            [
                version.as_str(),
                "protocol  sc1 version 1",
                "suite     Noise_IKhfs+psk2_25519+MLKEM768_ChaChaPoly_BLAKE2s"
            ]
        );
        assert!(lines.get(3).unwrap().starts_with("commit    "));
    }

    #[test]
    fn every_topic_and_command_has_its_help() {
        for topic in TOPICS {
            let done = run(&["help", topic]);
            assert_eq!(done.code, 0, "{topic}");
            let heading = topic.replace('-', " ").to_uppercase();
            assert!(done.stdout.starts_with(&heading), "{topic}");
        }
        for command in [vec!["help", "keygen"], vec!["help", "peers", "add"]] {
            let done = run(&command);
            assert_eq!(done.code, 0, "{command:?}");
            assert!(done.stdout.contains("Usage: securechat"), "{}", done.stdout);
        }
        let done = run(&["help", "nonsense"]);
        assert_eq!((done.code, done.stdout.as_str()), (2, ""));
        assert!(done.stderr.contains("[SC29]"));
    }

    #[test]
    fn help_fits_a_terminal() {
        let mut texts = vec![run(&[]).stdout];
        texts.extend(TOPICS.map(|topic| run(&["help", topic]).stdout));
        for text in texts {
            let wide = text.lines().find(|line| line.chars().count() > 80);
            assert_eq!(wide, None);
        }
    }

    #[test]
    fn every_shell_gets_its_completions() {
        for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
            let done = run(&["completions", shell]);
            assert_eq!((done.code, done.stderr.as_str()), (0, ""));
            assert!(done.stdout.contains("peer-key"), "{shell}");
        }
    }

    #[test]
    fn every_command_gets_its_manual_page() {
        let home = Home::new();
        let one = run(&["man"]);
        assert_eq!(one.code, 0);
        assert!(one.stdout.contains(".TH securechat 1"));
        let dir = home.path("man");
        assert_eq!(run(&["man", "--out", dir.to_str().unwrap()]).code, 0);
        for page in [
            "securechat.1",
            "securechat-connect.1",
            "securechat-peers-add.1",
        ] {
            assert!(dir.join(page).exists(), "{page}");
        }
    }

    #[test]
    fn contradicting_flags_are_wrong_usage() {
        let wrong = [
            vec!["-q", "-v", "pubkey"],
            vec!["keygen", "--no-passphrase", "--passphrase-file", "x"],
            vec!["connect"],
            vec!["connect", "-4", "-6", "bob"],
            vec!["connect", "bob", "--timeout", "10"],
            vec!["listen", "--trust", "off"],
        ];
        for args in wrong {
            assert_eq!(run(&args).code, 2, "{args:?}");
        }
    }

    #[test]
    fn colour_is_for_those_who_want_it() {
        let home = Home::new();
        let plain = home.run(&["pubkey"]).stderr;
        assert!(!plain.contains('\u{1b}'));
        let colored = home.run(&["pubkey", "--color", "always"]).stderr;
        assert!(colored.starts_with("\u{1b}[1;31merror:\u{1b}[0m "));
    }

    #[cfg(unix)]
    #[test]
    fn a_log_is_for_its_owner_only() {
        let home = Home::with_bob();
        let log = home.path("log");
        home.data(&["--log", log.to_str().unwrap(), "peers", "list"]);
        assert_eq!(mode(&log), 0o600);
        set_mode(&log, 0o644);
        let refused = home.run(&["--log", log.to_str().unwrap(), "peers", "list"]);
        assert_eq!(refused.code, 5);
        assert_eq!(
            refused.stderr,
            "error: refusing to use HOME/log  [SC02]\n\
             \x20 Other users of this machine can read it (mode 0644).\n\
             \x20 try: chmod 600 HOME/log\n"
        );
    }
}
