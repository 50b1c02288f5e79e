//! The real program, run in a home of its own: what it prints, where, and how it ends.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected should stop there"
)]

#[cfg(unix)]
mod common;
#[path = "cli/config.rs"]
mod config;
#[path = "cli/history.rs"]
mod history;
#[path = "common/kept.rs"]
mod kept;
#[path = "cli/keys.rs"]
mod keys;
#[path = "cli/keys_and_people.rs"]
mod keys_and_people;
#[path = "cli/passphrases.rs"]
mod passphrases;
#[path = "cli/people.rs"]
mod people;
#[path = "common/schema.rs"]
mod schema;
#[path = "cli/words.rs"]
mod words;

use std::fs;
use std::io::Write;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

const BOB: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
const CAROL: &str = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
const DAVE: &str = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=";

/// A directory for `--home`.
struct Home(TempDir);

/// What a run left behind. The home's path reads `HOME` in it, `HOME/` in front of a file, and the program's name is
/// the same everywhere.
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
        // As JSON and others write it on Windows.
        let escaped = home.replace('\\', r"\\");
        let placed = |text: &str| {
            let text = text.replace(&escaped, "HOME").replace(r"HOME\\", "HOME/");
            let text = text.replace(home, "HOME").replace(r"HOME\", "HOME/");
            text.replace("securechat.exe", "securechat")
        };
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
