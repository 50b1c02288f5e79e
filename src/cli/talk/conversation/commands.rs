//! What a person at a terminal can ask for.

use crate::cli::Error;
use crate::cli::talk::conversation::Conversation;
use crate::id::PeerId;
use crate::text::Safe;

impl Conversation {
    pub(super) fn help(&mut self) {
        for line in [
            "a line is sent to the peer spoken to last",
            "@NAME TEXT  send TEXT to NAME, and later lines too",
            "//TEXT      send /TEXT",
            "/peers      who is there",
            "/quit       leave",
        ] {
            self.printer.warn(&line.into());
        }
    }

    pub(super) fn list_peers(&mut self) -> Result<(), Error> {
        let peers: Vec<PeerId> = self
            .profile
            .contacts
            .known()
            .peers()
            .iter()
            .map(crate::store::Peer::key)
            .collect();
        let passing = self.state.last.filter(|last| !peers.contains(last));
        for peer in peers.into_iter().chain(passing) {
            let status = self
                .handle
                .with(|messenger, now| messenger.endpoint_mut().status(peer, now))?;
            let state = match status {
                Some(status) if status.established => "connected",
                Some(status) if status.tries > 0 => "connecting",
                Some(_) => "not connected",
                None => "revoked",
            };
            let mark = if self.state.last == Some(peer) {
                "> "
            } else {
                "  "
            };
            let line = Safe::from(mark) + self.label(&peer) + "  " + state;
            self.printer.warn(&line);
        }
        Ok(())
    }
}
