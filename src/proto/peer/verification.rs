//! Comparing words with a peer: what goes out, what comes in, and what the owner is told.

use crate::proto::connection::Note;
use crate::proto::event::Event;
use crate::proto::peer::{Fate, Peer};
use crate::proto::shared::Shared;
use crate::proto::timer::Timer;
use crate::proto::verification::{Progress, Unfinished, Verification};
use crate::time::Instant;
use crate::wire::frame::Verify;

impl Peer {
    /// Asks the peer to compare words; false if there is no session to do so in.
    pub(in crate::proto) fn ask_to_verify(&mut self, shared: &mut Shared, now: Instant) -> bool {
        if self.generation().is_none() {
            return false;
        }
        let (own, peer) = (shared.id, self.id);
        let ask = self.verification().ask(own, peer, &mut shared.rng, now);
        self.say_verify(Some(ask), shared);
        true
    }

    /// Says what our person has seen; false if there is nothing to compare.
    pub(in crate::proto) fn judge(&mut self, same: bool, shared: &mut Shared) -> bool {
        let verdict = self.verification().judge(same);
        self.say_verify(verdict, shared);
        verdict.is_some()
    }

    /// Compares no more.
    pub(in crate::proto) fn withdraw(&mut self, shared: &mut Shared) {
        let withdrawn = self.verification().withdraw();
        self.say_verify(withdrawn, shared);
    }

    pub(super) fn on_verify(&mut self, said: &Verify, shared: &mut Shared, now: Instant) -> Fate {
        let keys = (shared.id, self.id);
        let reaction = self.verification().handle(said, keys, &mut shared.rng, now);
        let Ok(reaction) = reaction else {
            return self.on_violation(shared, now);
        };
        self.say_verify(reaction.reply, shared);
        if let Some(progress) = reaction.progress {
            self.tell_verification(progress, shared);
        }
        Fate::Stay
    }

    /// A comparison has taken too long.
    pub(super) fn on_verification_expired(&mut self, shared: &mut Shared) {
        let withdrawn = self.verification().withdraw();
        if withdrawn.is_some() {
            self.say_verify(withdrawn, shared);
            self.tell_verification(Progress::Over(Unfinished::Expired), shared);
        }
    }

    /// The connection is gone, and with it a comparison that ran.
    pub(super) fn lose_verification(&mut self, shared: &mut Shared) {
        let running = self.verification.as_mut().map(|it| it.lose());
        if running == Some(true) {
            self.arm(Timer::Verification, None, shared);
            self.tell_verification(Progress::Over(Unfinished::Lost), shared);
        }
    }

    fn verification(&mut self) -> &mut Verification {
        self.verification.get_or_insert_default()
    }

    fn tell_verification(&self, progress: Progress, shared: &mut Shared) {
        let peer = self.id;
        shared.event(Event::Verification { peer, progress });
    }

    /// Sends a frame, if there is one, and arms the deadline. What finds no room is lost, and the
    /// comparison with it, when its time is over.
    fn say_verify(&mut self, verify: Option<Verify>, shared: &mut Shared) {
        if let Some(verify) = verify {
            if let Some(connection) = &mut self.connection {
                connection.take_note(Note::Verify(verify));
            }
            self.set_dirty(shared);
        }
        let deadline = self.verification.as_ref().and_then(|it| it.deadline());
        self.arm(Timer::Verification, deadline, shared);
    }
}
