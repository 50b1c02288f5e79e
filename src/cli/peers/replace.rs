//! `peers replace`: somebody has a new key. It is typed, never clicked away.

use crate::cli::args::PeersReplaceArgs;
use crate::cli::talk::check_still_means;
use crate::cli::{Context, Error, Out, Prompt, Suggestion, identity, input};
use crate::id::PeerId;
use crate::store::{KnownPeers, fingerprint, key_text};
use crate::text::{Safe, safe_line};

/// How many groups of the new key have to be typed.
const GROUPS: usize = 2;

pub(super) fn replace(args: &PeersReplaceArgs, context: &Context) -> Result<(), Error> {
    let path = context.paths.known_peers();
    let offer = input::key_offer(&args.key)?;
    identity::check_not_own(&offer.key, None, context)?;
    let mut known = KnownPeers::load(&path)?;
    let saved = known.find(&args.name)?.key();
    let had_psk = known.find(&args.name)?.has_psk();
    // What cannot be done is said before anybody is asked.
    known.replace(&args.name, &offer.key)?;
    let name = safe_line(&args.name);
    let out = &context.out;
    if !args.yes {
        if !input::can_ask(context.globals.no_input) {
            return Err(Error::NeedsInput(Prompt::NewKey(name, offer.key)));
        }
        out.warn(&(name.clone() + " would get another key"));
        out.warn(&(Safe::from("  saved  ") + fingerprint(&saved)));
        confirm(&name, &offer.key, context)?;
    }
    // While somebody was called, the name may have been given to another key.
    let mut meant = Ok(());
    super::change(context, |known| {
        meant = check_still_means(known, &args.name, &saved);
        match meant {
            Ok(()) => known.replace(&args.name, &offer.key).map(|_| ()),
            Err(_) => Ok(()),
        }
    })?;
    meant?;
    out.note(&(name.clone() + " has a new key: " + fingerprint(&offer.key)));
    out.note(&"  the one before is revoked; the new one is not verified yet".into());
    if had_psk {
        tell_of_secret(&name, &offer.key, out);
    }
    Ok(())
}

/// A key that is known takes no other secret.
fn tell_of_secret(name: &Safe, key: &PeerId, out: &Out) {
    out.note(&"  the secret that you two shared is gone with it".into());
    out.note(&"  to share another, add the key anew, with its addresses:".into());
    let remove = ["peers".into(), "remove".into(), name.clone()];
    let add = ["peers".into(), "add".into(), name.clone(), key_text(key)];
    let secret = ["--psk-file".into(), "FILE".into()];
    for command in [
        Suggestion::securechat(remove),
        Suggestion::securechat(add.into_iter().chain(secret)),
    ] {
        out.note(&(Safe::from("    ") + out.command(&command)));
    }
}

/// Succeeds if the person types the beginning of the key, as the peer reads it out.
fn confirm(name: &Safe, key: &PeerId, context: &Context) -> Result<(), Error> {
    let question =
        Safe::from("call ") + name + " or meet. Type the first ten characters of the new key";
    context
        .out
        .complaint(&(question + ", as they are read out to you:"));
    let typed = input::typed_line()?;
    if is_beginning(&typed, &fingerprint(key)) {
        return Ok(());
    }
    Err(Error::BadArgument {
        given: safe_line(typed.trim()),
        reason: "the key that you gave begins otherwise; nothing was changed".into(),
        example: &[],
    })
}

/// Whether somebody typed the first groups of a fingerprint, with or without space.
fn is_beginning(typed: &str, fingerprint: &Safe) -> bool {
    let groups = fingerprint.as_str().split(' ').take(GROUPS);
    let wanted: String = groups.collect();
    let typed: String = typed.split_whitespace().collect();
    typed == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_groups_are_typed_exactly() {
        let fingerprint = fingerprint(&PeerId::new([7; 32]));
        let text = fingerprint.as_str();
        let (two, one) = (&text[..11], &text[..5]);
        assert!(is_beginning(two, &fingerprint));
        assert!(is_beginning(
            &format!(" {}\n", two.replace(' ', "")),
            &fingerprint
        ));
        for wrong in ["", "y", "yes", one, &two.to_lowercase(), text] {
            assert!(!is_beginning(wrong, &fingerprint), "{wrong}");
        }
    }
}
