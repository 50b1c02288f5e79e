//! Watches known-peers.

use crate::cli::Error;
use crate::cli::talk::contacts::Changes;
use crate::cli::talk::conversation::Conversation;
use crate::store;

impl Conversation {
    pub(super) fn look_at_known_peers(&mut self) -> Result<(), Error> {
        let refreshed = self.profile.contacts.refresh();
        self.take_over(refreshed)
    }

    /// Goes by a list that has changed.
    pub(super) fn take_over(
        &mut self,
        refreshed: Result<Option<Changes>, store::Error>,
    ) -> Result<(), Error> {
        match refreshed {
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
                if self.calls.are_for_everybody() {
                    self.call_everybody();
                }
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
