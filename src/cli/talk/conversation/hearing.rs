//! What those who listen to the socket of a daemon have heard.

use serde_json::{Value, json};

use crate::chat::{ContactId, Name};
use crate::cli::Error;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::conversation::kept::message_called;
use crate::cli::talk::request::{Confirm, Subscribe};
use crate::control::Client;

/// Why nothing can be confirmed where somebody else is told what is said.
const SHOWN_HERE: &str = "only a daemon leaves it to others what they have heard: here a message counts as heard \
    once this program has shown it or written it out";

impl Conversation {
    /// A program wants to be told from now on. One of standard input is told of everything anyway.
    pub(super) fn subscribe(
        &mut self,
        client: Option<&Client>,
        subscribe: Subscribe,
    ) -> Result<Value, Error> {
        if subscribe.confirm {
            self.check_not_shown_here()?;
        }
        let unheard = client.map_or(0, |client| {
            self.programs.subscribe(client.clone(), subscribe.confirm)
        });
        Ok(json!({ "unheard": unheard }))
    }

    fn check_not_shown_here(&self) -> Result<(), Error> {
        if self.face.is_service() {
            return Ok(());
        }
        let reason = SHOWN_HERE.into();
        Err(Error::BadRequest { reason })
    }

    /// A program says that it has heard a message, and is done with it.
    pub(super) fn confirm(&mut self, confirm: &Confirm) -> Result<Value, Error> {
        self.check_not_shown_here()?;
        let name = message_called(&confirm.message)?;
        let contact = self.contact_called(Some(&confirm.peer))?;
        let heard = contact.and_then(|contact| self.programs.confirmed(contact, name));
        self.note_heard(heard)?;
        Ok(json!({ "confirmed": heard.is_some() }))
    }

    /// Writes down that a message was heard, if one was, and takes what has room by that.
    pub(super) fn note_heard(&mut self, heard: Option<(ContactId, Name)>) -> Result<(), Error> {
        if let Some((contact, name)) = heard {
            self.profile.journal.shown(contact, name);
        }
        let taken: Vec<_> = core::iter::from_fn(|| self.programs.next_untaken()).collect();
        self.take_all(&taken)
    }
}
