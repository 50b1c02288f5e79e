//! `peers verify`: two people compare their safety number, for which no session is needed.

use std::io;

use crate::cli::args::PeersVerifyArgs;
use crate::cli::{Context, Error, Prompt, identity, input};
use crate::crypto::{SAFETY_NUMBER_LEN, safety_number};
use crate::net::Clock;
use crate::store::{Day, KnownPeers};
use crate::text::{Safe, safe_line};

/// Digits of a group, and groups of a line, as they are printed.
const GROUP: usize = 5;
const GROUPS_PER_LINE: usize = 4;

pub(super) fn verify(args: &PeersVerifyArgs, context: &Context) -> Result<(), Error> {
    let known = KnownPeers::load(&context.paths.known_peers())?;
    let key = super::find(&known, &args.name)?.key();
    known.check_not_revoked(&key)?;
    let number = safety_number(&identity::own_public(context)?, &key);
    let typed = match &args.number {
        Some(typed) => typed.clone(),
        None if input::can_ask(context.globals.no_input) => ask(&args.name, &number, context)?,
        None => return Err(Error::NeedsInput(Prompt::SafetyNumber)),
    };
    let digits: String = typed.chars().filter(|it| !it.is_whitespace()).collect();
    if digits != number {
        return Err(Error::BadArgument {
            given: safe_line(typed.trim()),
            reason: complaint(&digits).into(),
            example: &[],
        });
    }
    super::change(context, &args.name, |known| {
        // The key may have been replaced while somebody typed.
        if known.find(&args.name)?.key() == key {
            known.set_verified(&args.name, Some(Day::from(Clock::new().unix_time())))
        } else {
            Ok(())
        }
    })?;
    let done = safe_line(&args.name) + " is [verified] from now on";
    context.out.note(&done);
    Ok(())
}

fn complaint(digits: &str) -> &'static str {
    let is_whole =
        digits.len() == SAFETY_NUMBER_LEN && digits.bytes().all(|it| it.is_ascii_digit());
    if is_whole {
        "that is another number than the one here: one of you has a false key, or misread; nothing was changed"
    } else {
        "a safety number has 60 digits; nothing was changed"
    }
}

fn ask(name: &str, number: &str, context: &Context) -> Result<String, Error> {
    let name = safe_line(name);
    let out = &context.out;
    let first = Safe::from("the safety number of you and ") + &name + ":";
    out.complaint(&first);
    for line in lines(number) {
        out.complaint(&(Safe::from("    ") + safe_line(&line)));
    }
    let how = Safe::from("call ")
        + &name
        + " or meet; there it is shown by: securechat peers verify NAME";
    out.complaint(&how);
    out.complaint(
        &"type the 60 digits that you are read (spaces do not count), or Enter to stop:".into(),
    );
    let mut typed = String::new();
    let read = io::stdin().read_line(&mut typed);
    read.map_err(|error| Error::System {
        operation: "ask on the terminal",
        reason: safe_line(&error.to_string()),
    })?;
    Ok(typed)
}

/// In groups of five digits, four to a line.
fn lines(number: &str) -> Vec<String> {
    let digits: Vec<char> = number.chars().collect();
    let groups: Vec<String> = digits.chunks(GROUP).map(|it| it.iter().collect()).collect();
    groups
        .chunks(GROUPS_PER_LINE)
        .map(|it| it.join(" "))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_in_twelve_groups_of_five() {
        let number: String = "12345".repeat(12);
        let lines = lines(&number);
        assert_eq!(lines, vec!["12345 12345 12345 12345"; 3]);
    }
}
