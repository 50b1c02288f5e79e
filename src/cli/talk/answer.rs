//! What the user says to "who is this, and may he come in?".

use crate::id::PeerId;
use crate::store::{KeyOffer, fingerprint};

/// An answer to the question about an unknown key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Let it in, under this name or one of our making.
    Yes { name: Option<String> },
    /// Send it away.
    No,
    /// The pasted key or fingerprint is another one: somebody is in the middle, or it was the wrong
    /// message that was copied.
    AnotherKey,
    /// Neither; ask again.
    Unclear,
}

impl Answer {
    /// Reads an answer about `peer`. Enter alone means no; its key or fingerprint means yes.
    pub(super) fn parse(typed: &str, peer: &PeerId) -> Self {
        let typed = typed.trim();
        let (word, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
        let rest = rest.trim();
        match word {
            "" | "n" | "no" if rest.is_empty() => Self::No,
            "y" | "yes" => Self::Yes {
                name: (!rest.is_empty()).then(|| rest.to_owned()),
            },
            _ => Self::compare(typed, peer),
        }
    }

    fn compare(typed: &str, peer: &PeerId) -> Self {
        let joined: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        let expected = fingerprint(peer);
        let expected = expected.as_str().chars().filter(|c| !c.is_whitespace());
        if expected.eq(joined.trim_end_matches('=').chars()) {
            return Self::Yes { name: None };
        }
        match KeyOffer::parse(typed) {
            Ok(offer) if offer.key == *peer => Self::Yes { name: None },
            Ok(_) => Self::AnotherKey,
            Err(_) => Self::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::key_text;

    #[test]
    fn yes_no_and_the_key_itself_are_answers_and_nothing_else_is() {
        let peer = PeerId::new([7; 32]);
        let parse = |typed: &str| Answer::parse(typed, &peer);
        assert_eq!(parse("yes"), Answer::Yes { name: None });
        assert_eq!(
            parse("yes bob"),
            Answer::Yes {
                name: Some("bob".to_owned())
            }
        );
        assert_eq!(parse(key_text(&peer).as_str()), Answer::Yes { name: None });
        assert_eq!(
            parse(fingerprint(&peer).as_str()),
            Answer::Yes { name: None }
        );
        for no in ["", " ", "n", "no"] {
            assert_eq!(parse(no), Answer::No, "{no:?}");
        }
        let other = key_text(&PeerId::new([8; 32]));
        assert_eq!(parse(other.as_str()), Answer::AnotherKey);
        for unclear in ["yess", "maybe", "hello bob", "no way", "yesterday"] {
            assert_eq!(parse(unclear), Answer::Unclear, "{unclear:?}");
        }
    }
}
