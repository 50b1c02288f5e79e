//! Watches known-peers.

use crate::cli::Error;
use crate::cli::talk::conversation::Conversation;

impl Conversation {
    pub(super) fn look_at_known_peers(&mut self) -> Result<(), Error> {
        match self.profile.contacts.refresh() {
            Ok(None) => {}
            Ok(Some(changes)) => {
                // What the file says counts; of those who have no line there, this run remembers it.
                let contacts = &self.profile.contacts;
                self.state.aside.retain(|peer| !contacts.is_saved(peer));
                let gone = changes.gone();
                self.forget_target(&gone);
                self.calls.forget(&gone);
                for peer in gone {
                    let waiting = self.state.sent.waiting(peer);
                    self.profile.journal.forget(peer.into(), waiting);
                }
                self.handle
                    .with(|messenger, now| changes.apply(messenger, now))?;
            }
            Err(error) => {
                let words = "known-peers changed, but cannot be used; the former list counts";
                self.warn(words.into());
                self.complain(&error.into());
            }
        }
        Ok(())
    }
}
