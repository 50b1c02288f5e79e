//! Whom a bare line goes to, and how a person knows.
//!
//! The prompt shows it. It changes by itself only from nobody to the first who comes; after that only
//! the person changes it, by `@NAME`. What was typed before anybody can have seen such a change is
//! not sent: it was meant for somebody else.

use crate::cli::Error;
use crate::cli::talk::conversation::{Conversation, Target, Typist};
use crate::id::PeerId;
use crate::text::Safe;

const QUESTION: &str = "talk to it? (yes, yes NAME, no, or paste the key you expect) ";

impl Conversation {
    /// A session stands: perhaps bare lines go there now.
    pub(super) fn on_arrival(&mut self, peer: PeerId) -> Result<(), Error> {
        let is_free = match self.state.target {
            Target::First => true,
            // A pipe has nobody who could choose, and nobody to be mistaken.
            Target::Peer(former, _) if self.typist == Typist::Pipe && former != peer => {
                self.goal.is_listening() && !self.way(former)?.stands()
            }
            Target::Gone => self.typist == Typist::Pipe,
            Target::Peer(..) => false,
        };
        if is_free {
            let since = self.is_person().then(|| self.clock.now());
            self.state.target = Target::Peer(peer, since);
        } else if self.is_person()
            && !self.face.is_screen()
            && self.state.target.peer() != Some(peer)
        {
            let label = self.label(&peer);
            self.note(Safe::from("@") + label + " TEXT says something there");
        }
        Ok(())
    }

    /// A peer is no longer ours: its prompt is nobody's, not the next one's.
    pub(super) fn on_lost(&mut self, peer: PeerId) {
        if self.state.target.peer() == Some(peer) {
            self.state.target = Target::Gone;
        }
    }

    /// Shows what the next line will be taken for.
    pub(super) fn show_prompt(&mut self) {
        let Typist::Person { sees_prompt: true } = self.typist else {
            return;
        };
        if self.state.leaving.is_some() {
            return;
        }
        let words = match self.state.target.peer() {
            _ if !self.state.callers.is_empty() => Safe::from(QUESTION),
            Some(peer) if self.is_answering(peer) => self.label(&peer) + " (answer)> ",
            Some(peer) => self.label(&peer) + "> ",
            None => Safe::from("> "),
        };
        self.face.prompt(&words);
    }
}
