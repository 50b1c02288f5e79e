//! Passphrases: from a flag's file or command, or asked for on the terminal.

#[cfg(unix)]
use std::fs::File;
#[cfg(unix)]
use std::io::BufReader;
use std::io::{self, BufRead};
use std::path::Path;
use std::thread;
use std::time::Duration;

#[cfg(unix)]
use rustix::fd::AsFd;
#[cfg(unix)]
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::cli::input::{self, cannot_ask};
use crate::cli::{Context, Error, Out, Prompt, streams};
use crate::crypto::StaticSecret;
#[cfg(unix)]
use crate::net::put_back_before_the_end;
use crate::store::{ErrorKind, KeyFile, Passphrase};
use crate::text::{Safe, safe_line};
#[cfg(unix)]
use crate::tui;

/// How often a passphrase is asked for.
const ATTEMPTS: u32 = 3;

/// The terminal that a process belongs to.
#[cfg(unix)]
const TERMINAL: &str = "/dev/tty";

/// How long a signal may take to end the program.
const TO_END: Duration = Duration::from_secs(1);

/// A secret key, and the passphrase that opened it, if it needed one.
#[derive(Debug)]
pub(super) struct Unlocked {
    pub(super) secret: StaticSecret,
    pub(super) passphrase: Option<Passphrase>,
}

/// Opens the secret key that was read from `path`.
pub(super) fn unlock(key: &KeyFile, path: &Path, context: &Context) -> Result<Unlocked, Error> {
    if !key.is_protected() {
        let secret = open_bare(key, path)?;
        drop_given(context)?;
        return Ok(Unlocked {
            secret,
            passphrase: None,
        });
    }
    if let Some(passphrase) = given(path, context)? {
        let opened = open(key, path, passphrase)?;
        return opened.ok_or_else(|| Error::WrongPassphrase {
            path: path.to_owned(),
            attempts: None,
        });
    }
    if !can_ask(context) {
        return Err(Error::NeedsInput(Prompt::Passphrase));
    }
    ask_and_open(key, path, &context.out)
}

/// Opens a secret key that has no passphrase.
pub(super) fn open_bare(key: &KeyFile, path: &Path) -> Result<StaticSecret, Error> {
    Ok(key.open(None).map_err(|error| error.at(path))?)
}

/// Takes the passphrase from standard input also where it opens nothing: whoever pipes one need not know whether
/// the key has one, and the line must be neither text for others nor the next passphrase.
fn drop_given(context: &Context) -> Result<(), Error> {
    if !is_first_line(context) {
        return Ok(());
    }
    let skipped = unbuffered_stdin()?.skip_until(b'\n');
    skipped.map(drop).map_err(cannot_read)
}

/// Whether the first line of standard input is a passphrase.
pub(super) fn is_first_line(context: &Context) -> bool {
    context.globals.passphrase_file.as_deref() == Some(Path::new("-"))
}

fn ask_and_open(key: &KeyFile, path: &Path, out: &Out) -> Result<Unlocked, Error> {
    for attempt in 1..=ATTEMPTS {
        if attempt > 1 {
            out.warn(&"that was not it".into());
        }
        let typed = ask(&(Safe::from("passphrase for ") + path))?;
        let Ok(passphrase) = Passphrase::new(&typed) else {
            continue;
        };
        if let Some(unlocked) = open(key, path, passphrase)? {
            return Ok(unlocked);
        }
    }
    Err(Error::WrongPassphrase {
        path: path.to_owned(),
        attempts: Some(ATTEMPTS),
    })
}

/// Opens the key, or returns nothing if the passphrase is wrong.
fn open(key: &KeyFile, path: &Path, passphrase: Passphrase) -> Result<Option<Unlocked>, Error> {
    match key.open(Some(&passphrase)) {
        Ok(secret) => Ok(Some(Unlocked {
            secret,
            passphrase: Some(passphrase),
        })),
        Err(error) if matches!(error.kind(), ErrorKind::WrongPassphrase) => Ok(None),
        Err(error) => Err(error.at(path).into()),
    }
}

/// The passphrase for the key at `path` that `--passphrase-file` or `--passphrase-command` gives, or
/// `passphrase_command` in the settings: that one is for the profile's own identity, and for no key that
/// the arguments name.
pub(super) fn given(path: &Path, context: &Context) -> Result<Option<Passphrase>, Error> {
    let globals = &context.globals;
    if let Some(path) = &globals.passphrase_file {
        return from_file(path).map(Some);
    }
    if let Some(command) = &globals.passphrase_command {
        return Ok(Some(Passphrase::from_command(command)?));
    }
    let is_own = globals.identity.is_none() && path == context.paths.identity();
    let program = context.config.passphrase_command.as_ref();
    let program = program.filter(|_| is_own);
    Ok(program.map(Passphrase::from_program).transpose()?)
}

/// The first line of a file, or of standard input for `-`.
pub(super) fn from_file(path: &Path) -> Result<Passphrase, Error> {
    if path == Path::new("-") {
        return Ok(Passphrase::from_reader(unbuffered_stdin()?)?);
    }
    Ok(Passphrase::from_file(path)?)
}

/// Standard input a byte at a time: what the library's own buffer has held stays there, and is never wiped.
#[cfg(unix)]
pub(super) fn unbuffered_stdin() -> Result<impl BufRead, Error> {
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    Ok(BufReader::with_capacity(
        1,
        File::from(stdin.map_err(cannot_read)?),
    ))
}

#[cfg(not(unix))]
pub(super) fn unbuffered_stdin() -> Result<impl BufRead, Error> {
    Ok(io::stdin().lock())
}

fn cannot_read(error: io::Error) -> Error {
    Error::System {
        operation: "read standard input",
        reason: safe_line(&error.to_string()),
    }
}

/// Asks for a new passphrase, twice.
///
/// # Errors
/// [`Error::NeedsInput`] with `prompt` if nobody can be asked, [`Error::NoPassphrase`].
pub(super) fn ask_new(context: &Context, prompt: Prompt) -> Result<Passphrase, Error> {
    let out = &context.out;
    if !can_ask(context) {
        return Err(Error::NeedsInput(prompt));
    }
    for _ in 0..ATTEMPTS {
        let typed = ask(&"new passphrase".into())?;
        let Ok(passphrase) = Passphrase::new(&typed) else {
            out.warn(&"an empty passphrase protects nothing (--no-passphrase goes without)".into());
            continue;
        };
        if *ask(&"the same again".into())? == *typed {
            return Ok(passphrase);
        }
        out.warn(&"the two differ".into());
    }
    Err(Error::NoPassphrase {
        reason: "the same one was not typed twice".into(),
    })
}

/// Whether somebody can be asked without echo, which takes the process's own terminal: with a terminal of others for its
/// streams, as behind `setsid`, and in a root without /dev it has none.
fn can_ask(context: &Context) -> bool {
    input::can_ask(context.globals.no_input) && has_terminal_of_its_own()
}

#[cfg(unix)]
fn has_terminal_of_its_own() -> bool {
    File::open(TERMINAL).is_ok()
}

#[cfg(not(unix))]
fn has_terminal_of_its_own() -> bool {
    true
}

/// Asks on the terminal, without echo.
fn ask(what: &Safe) -> Result<Zeroizing<String>, Error> {
    let fail = |error: io::Error| cannot_ask(&error);
    #[cfg(unix)]
    keep_terminal().map_err(fail)?;
    let what = streams::of_terminal().shown(what.as_str());
    let typed = rpassword::prompt_password(format!("{what}: "));
    if matches!(&typed, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
        // The signal that it stands for is about to end the program.
        thread::park_timeout(TO_END);
    }
    typed.map(Zeroizing::new).map_err(fail)
}

/// Whatever signal ends the program while somebody types leaves the terminal as it was: a script that goes on would be
/// typed to blindly, and could not be interrupted.
#[cfg(unix)]
fn keep_terminal() -> io::Result<()> {
    let terminal = File::open(TERMINAL)?;
    let modes = tcgetattr(&terminal)?;
    put_back_before_the_end(move || {
        if tui::is_in_foreground() {
            let _ = tcsetattr(&terminal, OptionalActions::Now, &modes);
        }
    })
}
