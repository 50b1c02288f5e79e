//! Passphrases and where they come from when nobody types them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::process::{Command, Stdio};

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::error::{Error, ErrorKind, Operation};
use super::os;

/// The longest passphrase that is read; the rest of a longer line would be lost silently.
const MAX_LEN: usize = 4096;

/// A program and its arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// Its name, or the path of its file.
    pub name: String,
    /// What it is told.
    pub args: Vec<String>,
}

/// What protects a key file; wiped on drop, never shown.
///
/// It is kept in Unicode's normal form C, so that an `é` is the same from every keyboard.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes what somebody typed.
    ///
    /// # Errors
    /// `EmptyPassphrase`.
    pub fn new(typed: &str) -> Result<Self, Error> {
        Self::from_text(typed).map_err(|kind| Error::without_path(Operation::Read, kind))
    }

    /// Reads the first line of a file, which may be a pipe. Who may read the file is its owner's
    /// business: a passphrase alone opens nothing.
    ///
    /// # Errors
    /// `EmptyPassphrase`, `BadPassphrase` if the line is too long or no text, `Io`.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| Error::io(path, Operation::Read, error))?;
        Self::from_reader(BufReader::new(file)).map_err(|error| error.at(path))
    }

    /// Reads one line, and nothing after it: for `--passphrase-file -`.
    ///
    /// # Errors
    /// Those of [`Passphrase::from_file`].
    pub fn from_reader(source: impl BufRead) -> Result<Self, Error> {
        first_line(source).map_err(|kind| Error::without_path(Operation::Read, kind))
    }

    /// Runs a command line in the system's shell and takes the first line that it prints. It may
    /// ask on the terminal: its errors are ours, and so is its input, unless that is a file or a pipe, which others are
    /// going to read.
    ///
    /// # Errors
    /// `CommandFailed`, `EmptyPassphrase`, `BadPassphrase`, `Io` if there is no shell.
    pub fn from_command(command_line: &str) -> Result<Self, Error> {
        let shell = os::shell(command_line);
        let name = shell.get_program().to_owned();
        run(shell).map_err(|kind| {
            // There may be none, as in an empty root.
            if matches!(kind, ErrorKind::Io(_)) {
                return Error::new(Path::new(&name), Operation::Run, kind);
            }
            Error::without_path(Operation::Run, kind)
        })
    }

    /// Runs a program and takes the first line that it prints. No shell reads its arguments.
    ///
    /// # Errors
    /// Those of [`Passphrase::from_command`], which name the program.
    pub fn from_program(program: &Program) -> Result<Self, Error> {
        let mut command = Command::new(&program.name);
        command.args(&program.args);
        run(command).map_err(|kind| Error::new(Path::new(&program.name), Operation::Run, kind))
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn from_text(text: &str) -> Result<Self, ErrorKind> {
        if text.is_empty() {
            return Err(ErrorKind::EmptyPassphrase);
        }
        // Room for the longest form, so that growing leaves no copies behind.
        let mut normal = Zeroizing::new(String::with_capacity(3 * text.len()));
        normal.extend(text.nfc());
        Ok(Self(normal))
    }
}

impl core::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("<redacted>")
    }
}

fn first_line(source: impl BufRead) -> Result<Passphrase, ErrorKind> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_LEN + 2));
    source
        .take(MAX_LEN as u64 + 2)
        .read_until(b'\n', &mut line)?;
    let text = line.strip_suffix(b"\n").unwrap_or(&line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.len() > MAX_LEN {
        return Err(ErrorKind::BadPassphrase {
            reason: "it is longer than 4096 bytes",
        });
    }
    let not_text = |_| ErrorKind::BadPassphrase {
        reason: "it is no UTF-8 text",
    };
    Passphrase::from_text(str::from_utf8(text).map_err(not_text)?)
}

fn run(mut command: Command) -> Result<Passphrase, ErrorKind> {
    if !io::stdin().is_terminal() {
        command.stdin(Stdio::null());
    }
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
    let passphrase = first_line(&mut output);
    // Whatever else it prints is read, so that it does not fail for a closed pipe.
    let drained = io::copy(&mut output, &mut io::sink());
    let status = child.wait()?;
    drained?;
    if !status.success() {
        return Err(ErrorKind::CommandFailed {
            status: status.code(),
        });
    }
    passphrase
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(result: Result<Passphrase, Error>) -> String {
        format!("{:?}", result.unwrap_err().kind())
    }

    #[test]
    fn the_first_line_is_the_passphrase() {
        for (input, expected) in [
            ("correct horse\n", "correct horse"),
            ("correct horse", "correct horse"),
            ("windows\r\nrest", "windows"),
            (" spaces count \n", " spaces count "),
        ] {
            let passphrase = Passphrase::from_reader(input.as_bytes()).unwrap();
            assert_eq!(passphrase.expose(), expected.as_bytes());
        }
    }

    #[test]
    fn what_follows_the_line_is_left_to_others() {
        let mut input = b"secret\nmessage".as_slice();
        Passphrase::from_reader(&mut input).unwrap();
        assert_eq!(input, b"message");
    }

    #[test]
    fn nothing_is_no_passphrase() {
        for input in ["", "\n", "\r\n", "\nsecond"] {
            assert_eq!(
                kind(Passphrase::from_reader(input.as_bytes())),
                "EmptyPassphrase"
            );
        }
        assert_eq!(kind(Passphrase::new("")), "EmptyPassphrase");
    }

    #[test]
    fn a_line_is_taken_whole_or_not_at_all() {
        let longest = "x".repeat(MAX_LEN);
        assert!(Passphrase::from_reader(format!("{longest}\r\n").as_bytes()).is_ok());
        assert!(
            kind(Passphrase::from_reader(format!("{longest}x").as_bytes()))
                .contains("BadPassphrase")
        );
        assert!(kind(Passphrase::from_reader(b"\xff\n".as_slice())).contains("BadPassphrase"));
    }

    #[test]
    fn one_letter_typed_in_two_ways_is_one_letter() {
        let composed = Passphrase::new("caf\u{e9}").unwrap();
        let decomposed = Passphrase::new("cafe\u{301}").unwrap();
        assert_eq!(composed.expose(), decomposed.expose());
    }

    #[test]
    fn a_file_is_read() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("passphrase");
        std::fs::write(&path, "secret\n").unwrap();
        assert_eq!(Passphrase::from_file(&path).unwrap().expose(), b"secret");
        let error = Passphrase::from_file(&home.path().join("none")).unwrap_err();
        assert!(error.is_missing());
    }

    #[test]
    fn a_command_prints_it() {
        let passphrase = Passphrase::from_command("echo secret&& echo more").unwrap();
        assert_eq!(passphrase.expose(), b"secret");
        assert!(
            kind(Passphrase::from_command("exit 3")).contains("CommandFailed { status: Some(3) }")
        );
    }

    #[test]
    fn a_command_gets_its_quotes_as_they_were_written() {
        let passphrase = Passphrase::from_command("echo \"a  b\"").unwrap();
        // cmd's `echo` prints the quotes too.
        let expected = if cfg!(windows) { "\"a  b\"" } else { "a  b" };
        assert_eq!(passphrase.expose(), expected.as_bytes());
    }

    #[cfg(unix)]
    #[test]
    fn a_program_gets_its_words_without_a_shell() {
        let program = |name: &str, args: &[&str]| Program {
            name: name.to_owned(),
            args: args.iter().map(|&it| it.to_owned()).collect(),
        };
        let echo = program("echo", &["$HOME  'x'"]);
        assert_eq!(
            Passphrase::from_program(&echo).unwrap().expose(),
            b"$HOME  'x'"
        );
        let error = Passphrase::from_program(&program("false", &[])).unwrap_err();
        assert_eq!(error.to_string(), "cannot run false: it ended with code 1");
        let missing = program("/nowhere/a-program", &[]);
        assert!(Passphrase::from_program(&missing).unwrap_err().is_missing());
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(
            format!("{:?}", Passphrase::new("secret").unwrap()),
            "<redacted>"
        );
    }
}
