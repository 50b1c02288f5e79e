//! `peers verify`: two people compare their safety number, for which no session is needed.

use crate::calendar::Day;
use crate::cli::args::PeersVerifyArgs;
use crate::cli::{Context, Error, Prompt, Suggestion, identity, input};
use crate::crypto::{SAFETY_NUMBER_LEN, safety_number};
use crate::id::PeerId;
use crate::net::Clock;
use crate::store::{self, KnownPeers, fingerprint};
use crate::text::{Safe, safe_line};
use crate::time::UnixTime;

/// Digits of a group, and groups of a line, as they are printed.
const GROUP: usize = 5;
const GROUPS_PER_LINE: usize = 4;

/// Whom our person has found to be who it should be, and when; nobody if it was only asked for the sheet.
///
/// # Errors
/// What it was typed or found instead; nothing is noted then.
pub(super) fn verify(
    args: &PeersVerifyArgs,
    context: &Context,
) -> Result<Option<(PeerId, UnixTime)>, Error> {
    let known = KnownPeers::load(&context.paths.known_peers())?;
    let key = known.find(&args.name)?.key();
    known.check_not_revoked(&key)?;
    let own = identity::own_public(context)?;
    if args.print {
        print(&args.name, [&own, &key], context)?;
        return Ok(None);
    }
    let number = safety_number(&own, &key);
    let typed = match &args.number {
        Some(typed) => typed.clone(),
        None if input::can_ask(context.globals.no_input) => ask(&args.name, &number, context)?,
        None => {
            let name = safe_line(&args.name);
            return Err(Error::NeedsInput(Prompt::SafetyNumber(name)));
        }
    };
    match SafetyNumber::compare(&typed, &number) {
        SafetyNumber::Same => {}
        SafetyNumber::Other => {
            let name = safe_line(&args.name);
            return Err(Error::NumberDiffers { name });
        }
        SafetyNumber::Incomplete => {
            return Err(Error::BadArgument {
                given: safe_line(typed.trim()),
                reason: "a safety number has 60 digits; nothing was changed".into(),
                example: &[],
            });
        }
    }
    let now = Clock::new().unix_time();
    let mut is_noted = false;
    super::change(context, |known| {
        is_noted = note(known, &args.name, &key, now.into())?;
        Ok(())
    })?;
    if !is_noted {
        let name = safe_line(&args.name);
        return Err(Error::NumberDiffers { name });
    }
    let done = safe_line(&args.name) + " is [verified] from now on";
    context.out.note(&done);
    Ok(Some((key, now)))
}

/// Notes that the owner of `key` is who it should be; false if the name has another key, which may have been
/// given to it while somebody typed.
fn note(
    known: &mut KnownPeers,
    name: &str,
    key: &PeerId,
    today: Day,
) -> Result<bool, store::Error> {
    if known.find(name)?.key() != *key {
        return Ok(false);
    }
    known.check_not_revoked(key)?;
    known.set_verified(name, Some(today))?;
    Ok(true)
}

/// What somebody typed who was read a safety number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum SafetyNumber {
    /// It is that of the two keys.
    Same,
    /// It is another one.
    Other,
    /// It is none.
    Incomplete,
}

impl SafetyNumber {
    /// Compares what somebody typed with a number. Spaces do not count.
    pub(in crate::cli) fn compare(typed: &str, number: &str) -> Self {
        let digits: String = typed.chars().filter(|it| !it.is_whitespace()).collect();
        let is_whole =
            digits.len() == SAFETY_NUMBER_LEN && digits.bytes().all(|it| it.is_ascii_digit());
        if digits == number {
            Self::Same
        } else if is_whole {
            Self::Other
        } else {
            Self::Incomplete
        }
    }
}

/// A sheet to take along: what both have, and whose keys it is of.
fn print(name: &str, keys: [&PeerId; 2], context: &Context) -> Result<(), Error> {
    let [own, theirs] = keys;
    let name = safe_line(name);
    let verify = ["peers".into(), "verify".into(), name.clone()];
    let verify = verify
        .into_iter()
        .chain(["--number".into(), "DIGITS".into()]);
    let verify = Suggestion::securechat(verify);
    let mut sheet = vec![Safe::from("Safety number of you and ") + &name, "".into()];
    sheet.extend(lines(&safety_number(own, theirs)));
    sheet.extend([
        "".into(),
        Safe::from("your key    ") + fingerprint(own),
        Safe::from("their key   ") + fingerprint(theirs) + "  (" + &name + ")",
        "".into(),
        Safe::from("Meet ") + name + ", who has the same 60 digits if nobody sits between you.",
        "Theirs are shown by: securechat peers verify NAME --print".into(),
        Safe::from("Once compared: ") + context.out.command(&verify),
    ]);
    for line in sheet {
        context.out.data(&line)?;
    }
    Ok(())
}

fn ask(name: &str, number: &str, context: &Context) -> Result<String, Error> {
    let name = safe_line(name);
    let out = &context.out;
    let first = Safe::from("the safety number of you and ") + &name + ":";
    out.complaint(&first);
    for line in lines(number) {
        out.complaint(&(Safe::from("    ") + line));
    }
    let how = Safe::from("call ")
        + &name
        + " or meet; there it is shown by: securechat peers verify NAME";
    out.complaint(&how);
    out.complaint(
        &"type the 60 digits that you are read (spaces do not count), or Enter to stop:".into(),
    );
    input::typed_line()
}

/// In groups of five digits, four to a line.
pub(in crate::cli) fn lines(number: &str) -> Vec<Safe> {
    let digits: Vec<char> = number.chars().collect();
    let groups: Vec<String> = digits.chunks(GROUP).map(|it| it.iter().collect()).collect();
    let lines = groups.chunks(GROUPS_PER_LINE);
    lines.map(|it| safe_line(&it.join(" "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_in_twelve_groups_of_five() {
        let number: String = "12345".repeat(12);
        let lines: Vec<String> = lines(&number).iter().map(Safe::to_string).collect();
        assert_eq!(lines, vec!["12345 12345 12345 12345"; 3]);
    }

    #[test]
    fn a_key_that_was_replaced_while_somebody_typed_is_not_verified() {
        let (compared, other) = (PeerId::new([2; 32]), PeerId::new([3; 32]));
        let today: Day = "2026-11-28".parse().unwrap();
        let mut known = KnownPeers::default();
        known.add("bob", &other, &[]).unwrap();
        assert!(!note(&mut known, "bob", &compared, today).unwrap());
        assert_eq!(known.find("bob").unwrap().verified(), None);
        assert!(note(&mut known, "bob", &other, today).unwrap());
        assert_eq!(known.find("bob").unwrap().verified(), Some(today));
    }

    #[test]
    fn another_number_is_told_from_what_is_none() {
        let number: String = "12345".repeat(12);
        let spaced = Safe::join(lines(&number), "\n  ");
        let compare = |typed: &str| SafetyNumber::compare(typed, &number);
        assert_eq!(compare(spaced.as_str()), SafetyNumber::Same);
        assert_eq!(compare(&number.replace('1', "2")), SafetyNumber::Other);
        for typed in ["", "12345", &format!("{number}1"), &"x".repeat(60)] {
            assert_eq!(compare(typed), SafetyNumber::Incomplete, "{typed}");
        }
    }
}
