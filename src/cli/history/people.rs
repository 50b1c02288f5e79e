//! Whose messages they are: names for keys, and keys for what was typed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::chat::ContactId;
use crate::cli::talk::unsaved;
use crate::cli::{Context, Error, peers};
use crate::store::{self, KeyOffer, KnownPeers, Peer, key_text};
use crate::text::{Safe, safe_line};

/// The people, as far as known-peers can be read: a line that is damaged there hides no message.
pub(super) struct People {
    path: PathBuf,
    known: KnownPeers,
}

impl People {
    pub(super) fn load(context: &Context) -> Result<Self, Error> {
        let path = context.paths.known_peers();
        let known = KnownPeers::load_despite_damage(&path)?;
        Ok(Self { path, known })
    }

    /// What to call somebody: the saved name, else the beginning of the key.
    pub(super) fn label(&self, contact: ContactId) -> Safe {
        let peer = contact.peer();
        let saved = self.known.find_key(&peer);
        saved.map_or_else(|| unsaved(&peer), |saved| saved.name().clone())
    }

    /// The saved name that this word is.
    pub(super) fn name(&self, word: &str) -> Option<&Safe> {
        self.known.find(word).ok().map(Peer::name)
    }

    /// Finds out who is meant by a name, a public key, or `key:` and its beginning, as
    /// [`People::label`] prints it.
    ///
    /// # Errors
    /// SC03 or SC05; what known-peers fails with.
    pub(super) fn who(&self, typed: Option<&str>) -> Result<Who, Error> {
        let Some(typed) = typed else {
            return Ok(Who::Anybody);
        };
        // No name has a colon in it.
        if let Some(beginning) = typed.strip_prefix("key:") {
            return Ok(Who::Beginning(beginning.to_owned()));
        }
        if peers::is_key_argument(typed) {
            let key = KeyOffer::parse_argument(typed)?.key;
            return Ok(Who::Contact(key.into()));
        }
        match self.known.find(typed) {
            Ok(peer) => Ok(Who::Contact(peer.key().into())),
            Err(error) => {
                // Perhaps the line is damaged.
                KnownPeers::load(&self.path)?;
                Err(error.into())
            }
        }
    }
}

/// Whose messages are meant.
pub(super) enum Who {
    Anybody,
    Contact(ContactId),
    /// Somebody without a name, by the beginning of the key.
    Beginning(String),
}

impl Who {
    /// The key, as a running program understands it.
    pub(super) fn text(&self) -> Option<Safe> {
        match self {
            Self::Anybody => None,
            Self::Contact(contact) => Some(key_text(&contact.peer())),
            Self::Beginning(beginning) => Some(Safe::from("key:") + safe_line(beginning)),
        }
    }

    /// The contact, if one is meant. `contacts`, with whom messages are kept, are gone through for a key that
    /// is known by its beginning only.
    ///
    /// # Errors
    /// SC29 if none or several begin like that; what `contacts` fails with.
    pub(super) fn contact(
        &self,
        contacts: impl FnOnce() -> Result<BTreeSet<ContactId>, store::Error>,
    ) -> Result<Option<ContactId>, Error> {
        match self {
            Self::Anybody => Ok(None),
            Self::Contact(contact) => Ok(Some(*contact)),
            Self::Beginning(text) => begins_with(text, &contacts()?).map(Some),
        }
    }
}

pub(in crate::cli) fn begins_with(
    beginning: &str,
    contacts: &BTreeSet<ContactId>,
) -> Result<ContactId, Error> {
    let begins = |it: &&ContactId| key_text(&it.peer()).as_str().starts_with(beginning);
    let mut found = contacts.iter().filter(begins);
    let fail = |reason: &'static str| Error::BadArgument {
        given: Safe::from("key:") + safe_line(beginning),
        reason: reason.into(),
        example: &["history", "show"],
    };
    match (found.next(), found.next()) {
        (Some(contact), None) => Ok(*contact),
        (Some(_), Some(_)) => Err(fail("several keys begin like that; give more of it")),
        (None, _) => Err(fail("no message is kept with a key that begins like that")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::PeerId;

    #[test]
    fn the_beginning_of_a_key_means_the_one_that_begins_like_it() {
        // AQEB, AQEB, AgIC.
        let kept = [[1; 32], [1; 32], [2; 32]].map(|key| PeerId::new(key).into());
        let kept = BTreeSet::from(kept);
        let contact = |beginning| begins_with(beginning, &kept).ok().map(ContactId::peer);
        assert_eq!(contact("AQ"), Some(PeerId::new([1; 32])));
        assert_eq!(contact("AgICAgIC"), Some(PeerId::new([2; 32])));
        assert_eq!(contact("A"), None, "two begin like that");
        assert_eq!(contact("B"), None, "none does");
        assert_eq!(contact("aq"), None, "the case of letters counts");
    }
}
