//! Watches known-peers.

use crate::cli::Error;
use crate::cli::talk::conversation::{Conversation, LOOK};

impl Conversation {
    pub(super) fn look_at_known_peers(&mut self) -> Result<(), Error> {
        let now = self.clock.now();
        if now.saturating_since(self.state.looked) < LOOK {
            return Ok(());
        }
        self.state.looked = now;
        match self.profile.contacts.refresh() {
            Ok(None) => {}
            Ok(Some(changes)) => self
                .handle
                .with(|messenger, now| changes.apply(messenger, now))?,
            Err(error) => {
                let words = "known-peers changed, but cannot be used; the former list counts";
                self.warn(words.into());
                self.out.error(&Error::from(error).report());
            }
        }
        Ok(())
    }
}
