//! What comes in beside the arguments: standard input, files, answers.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::cli::unlock::unbuffered_stdin;
use crate::cli::{Error, streams};
use crate::store::{HostPort, KeyOffer};
use crate::text::{Safe, safe_line, safe_name};

/// The most that is read from standard input for a key, of which a key file is a fraction.
const MAX_INPUT_LEN: u64 = 64 << 10;

/// The most that is read of an answer.
const MAX_ANSWER_LEN: u64 = 100;

/// Whether somebody can be asked: standard input and standard error are a terminal, and
/// `--no-input` was not given.
pub(super) fn can_ask(no_input: bool) -> bool {
    !no_input && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on the terminal whether to do something. Anything but "y" or "yes" means no.
///
/// # Errors
/// [`Error::System`].
pub(super) fn confirm(question: &Safe) -> Result<bool, Error> {
    let mut terminal = streams::stderr();
    let asked = write!(terminal, "{question} (yes, no) ").and_then(|()| terminal.flush());
    let mut answer = String::new();
    let read = asked.and_then(|()| {
        io::stdin()
            .lock()
            .take(MAX_ANSWER_LEN)
            .read_line(&mut answer)
    });
    read.map_err(|error| cannot_ask(&error))?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}

/// Reads the line that somebody types.
///
/// # Errors
/// [`Error::System`].
pub(super) fn typed_line() -> Result<String, Error> {
    let mut typed = String::new();
    let read = io::stdin().read_line(&mut typed);
    read.map_err(|error| cannot_ask(&error))?;
    Ok(typed)
}

pub(super) fn cannot_ask(error: &io::Error) -> Error {
    Error::System {
        operation: "ask on the terminal",
        reason: safe_line(&error.to_string()),
    }
}

/// Reads a key from standard input to its end.
///
/// # Errors
/// [`Error::System`], also for more than any key has.
pub(super) fn standard_input() -> Result<Zeroizing<String>, Error> {
    let fail = |reason: Safe| Error::System {
        operation: "read a key from standard input",
        reason,
    };
    // It may be a secret key: no buffer of the library's holds it, and none that is outgrown.
    let room = usize::try_from(MAX_INPUT_LEN + 1).unwrap_or_default();
    let mut text = Zeroizing::new(String::with_capacity(room));
    let mut bounded = unbuffered_stdin()?.take(MAX_INPUT_LEN + 1);
    let read = bounded.read_to_string(&mut text);
    let len = read.map_err(|error| fail(safe_line(&error.to_string())))?;
    if len as u64 > MAX_INPUT_LEN {
        return Err(fail("it is longer than any key".into()));
    }
    Ok(text)
}

/// A public key as an argument gives it: the key, an address, `@FILE`, or `-` for standard input.
///
/// # Errors
/// What [`KeyOffer::parse_argument`] says, or [`Error::System`].
pub(super) fn key_offer(argument: &str) -> Result<KeyOffer, Error> {
    if argument == "-" {
        return Ok(KeyOffer::first_in(&standard_input()?)?);
    }
    Ok(KeyOffer::parse_argument(argument)?)
}

/// A public key from a file, or from standard input for `-`.
///
/// # Errors
/// As [`key_offer`].
pub(super) fn key_file(path: &Path) -> Result<KeyOffer, Error> {
    if path == Path::new("-") {
        return key_offer("-");
    }
    Ok(KeyOffer::read_file(path)?)
}

/// Addresses as arguments give them.
///
/// # Errors
/// What parsing says of the first that is none.
pub(super) fn addresses(texts: &[String]) -> Result<Vec<HostPort>, Error> {
    let parsed = texts.iter().map(|text| text.parse().map_err(Error::from));
    parsed.collect()
}

/// A name that is suggested to others.
///
/// # Errors
/// [`Error::BadArgument`] if it cannot be anybody's.
pub(super) fn name(text: &str, example: &'static [&'static str]) -> Result<Safe, Error> {
    safe_name(text).map_err(|error| Error::BadArgument {
        given: safe_line(text),
        reason: safe_line(&error.to_string()),
        example,
    })
}
