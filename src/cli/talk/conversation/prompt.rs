//! Whom a bare line goes to, and how a person knows.
//!
//! The prompt shows it. It changes by itself only from nobody to the first who comes; after that only
//! the person changes it, by `@NAME`. What was typed before anybody can have seen such a change is
//! not sent: it was meant for somebody else.
//!
//! An unknown caller is asked about in the prompt only while there is nobody to talk to. Afterwards a line is a message,
//! whatever it says, and commands decide about callers.

use crate::cli::Error;
use crate::cli::talk::conversation::{Conversation, Link, Target, Typist};
use crate::id::PeerId;
use crate::text::Safe;
use crate::time::Instant;

const QUESTION: &str = "talk to it? (yes, yes NAME, no, or paste the key you expect) ";

impl Conversation {
    /// A session stands: perhaps bare lines go there now.
    pub(super) fn on_arrival(&mut self, peer: PeerId) {
        let is_free = match self.state.target {
            Target::First => true,
            // The pipe of a listener is for whoever is there; what was for one whom we called is for nobody else.
            Target::Gone => self.typist == Typist::Pipe && self.goal.is_listening(),
            Target::Peer(..) => false,
        };
        if is_free {
            let since = self.is_person().then(|| self.clock.now());
            self.turn_to(Target::Peer(peer, since), Some(self.clock.now()));
        } else if self.is_person()
            && !self.face.is_screen()
            && self.state.target.peer() != Some(peer)
        {
            let label = self.label(&peer);
            self.note(Safe::from("@") + label + " TEXT says something there");
        }
    }

    /// What is said next goes there. A question that was put while there was nobody to talk to is none any more: what is
    /// typed may be meant for the peer. `by_itself`: when it turned there by itself.
    pub(super) fn turn_to(&mut self, target: Target, by_itself: Option<Instant>) {
        self.state.target = target;
        if self.state.callers.withdraw_question(by_itself) {
            self.ask();
        }
    }

    /// The pipe of a listener turns to whoever is there once the session with whom it was turned to is over. One in which
    /// nothing is heard is not: what the pipe says is meant for that peer, whoever else comes meanwhile.
    pub(super) fn find_hearer(&mut self) -> Result<(), Error> {
        let former = match self.state.target {
            Target::First => return Ok(()),
            Target::Peer(peer, _) => self.state.links.get(&peer),
            Target::Gone => None,
        };
        if !self.goal.is_listening() || former.is_some_and(Link::lasts) {
            return Ok(());
        }
        let links = self.state.links.iter();
        let lasting = links.filter(|(_, link)| link.lasts());
        let mut there: Vec<_> = lasting.map(|(peer, link)| (link.since, *peer)).collect();
        there.sort_unstable();
        for (_, peer) in there {
            if self.way(peer)?.is_open() {
                self.turn_to(Target::Peer(peer, None), None);
                break;
            }
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
        if let Some(words) = self.prompt_of_writing() {
            return self.face.prompt(&words);
        }
        let words = match self.state.target.peer() {
            _ if self.state.callers.is_question() => Safe::from(QUESTION),
            Some(peer) if self.is_answering(peer) => self.label(&peer) + " (answer)> ",
            Some(peer) => self.label(&peer) + "> ",
            None => Safe::from("> "),
        };
        self.face.prompt(&words);
    }
}
