//! What is to be sent: an argument, or all of standard input.

use std::io::{Read, stdin};

use crate::chat::{self, Policy, SendError};
use crate::cli::Error;
use crate::cli::args::SendArgs;
use crate::cli::talk::stdin::{TERMINAL_LINE_LEN, fills_terminal, trim_break};
use crate::text::{Safe, safe_line};

/// Where a text comes from.
pub(super) enum Given<'a> {
    Argument(&'a str),
    StandardInput,
}

/// Standard input is read only if the arguments say so: a script that forgot the text must not hang,
/// and must not send what was meant for another command.
pub(super) fn given(args: &SendArgs) -> Result<Given<'_>, Error> {
    match args.text.as_deref() {
        Some("-") => Ok(Given::StandardInput),
        Some("") => Err(unsendable("there is nothing to send")),
        Some(text) => {
            check_secret(text)?;
            Ok(Given::Argument(text))
        }
        None => Err(unsendable(
            "what is to be sent is missing: give a text, or - to read standard input",
        )),
    }
}

/// All of standard input, without the line break at its end.
pub(super) fn read_standard_input() -> Result<String, Error> {
    let largest = Policy::default().largest;
    let mut bytes = Vec::new();
    // One byte more, and room for the break, shows that it is too long.
    let most = u64::try_from(largest).unwrap_or(u64::MAX).saturating_add(3);
    let read = stdin().lock().take(most).read_to_end(&mut bytes);
    read.map_err(|error| Error::System {
        operation: "read standard input",
        reason: safe_line(&error.to_string()),
    })?;
    if bytes.split(|byte| *byte == b'\n').any(fills_terminal) {
        let why = Safe::from("a terminal drops what a line has beyond ") + TERMINAL_LINE_LEN;
        return Err(unsendable(
            why + " bytes, as one of these may have had (nothing was sent); a file has all of it: \
                securechat send NAME - < FILE",
        ));
    }
    trim_break(&mut bytes);
    if bytes.len() > largest {
        return Err(unsendable(
            "standard input is longer than 16 MiB, the most that is sent",
        ));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| unsendable("standard input is not text in UTF-8 (nothing was sent)"))?;
    if text.is_empty() {
        return Err(unsendable(
            "there is nothing to send: standard input is empty",
        ));
    }
    check_secret(&text)?;
    Ok(text)
}

/// Says it before anything is started, or asked of a program that runs; neither would send it.
fn check_secret(text: &str) -> Result<(), Error> {
    if chat::holds_secret(text) {
        let why = safe_line(&SendError::SecretKey.to_string());
        return Err(unsendable(why + " (nothing was sent)"));
    }
    Ok(())
}

fn unsendable(reason: impl Into<Safe>) -> Error {
    Error::BadArgument {
        given: "send".into(),
        reason: reason.into(),
        example: &["send", "NAME", "TEXT"],
    }
}
