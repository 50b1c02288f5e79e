//! Comparing words with a peer: what goes out, what comes in, and what the owner is told.

use tinyvec::ArrayVec;

use crate::crypto::{HASH_LEN, ShortCode};
use crate::proto::connection::Note;
use crate::proto::event::{ApiMisuse, CloseReason, Event};
use crate::proto::peer::{Fate, Peer};
use crate::proto::shared::Shared;
use crate::proto::timer::Timer;
use crate::proto::verification::{Between, Progress, Unfinished, Verification, Words};
use crate::time::Instant;
use crate::wire::frame::{CloseCode, Verify};

impl Peer {
    /// Asks the peer to compare words; nothing happens if a comparison runs. A peer that has yet to introduce
    /// itself is asked once it has.
    ///
    /// # Errors
    /// [`ApiMisuse::NotConnected`] without a session, [`ApiMisuse::CannotVerify`] if its program does not
    /// compare words.
    pub(in crate::proto) fn ask_to_verify(
        &mut self,
        shared: &mut Shared,
        now: Instant,
    ) -> Result<(), ApiMisuse> {
        self.generation().ok_or(ApiMisuse::NotConnected)?;
        match self.can_verify() {
            Some(true) => {}
            Some(false) => return Err(ApiMisuse::CannotVerify),
            None => {
                self.verification().want(now);
                self.say_verify(None, shared);
                return Ok(());
            }
        }
        let handshakes = self.handshakes();
        let between = Between {
            own: shared.id,
            peer: self.id,
            handshakes: &handshakes,
        };
        let ask = self.verification().ask(between, &mut shared.rng, now);
        self.say_verify(ask, shared);
        Ok(())
    }

    /// The peer has introduced itself: asks what waited for that.
    pub(super) fn ask_what_waited(&mut self, shared: &mut Shared, now: Instant) {
        let waited = self.verification.as_mut().map(|it| it.take_wanted());
        if waited == Some(true) && self.ask_to_verify(shared, now).is_err() {
            self.say_verify(None, shared);
            self.tell_verification(Progress::Over(Unfinished::Impossible), shared);
        }
    }

    /// Says what our person has seen; false if those are not the words that are compared, or, that they
    /// differ, not the last that were.
    pub(in crate::proto) fn judge(
        &mut self,
        code: &ShortCode,
        same: bool,
        shared: &mut Shared,
    ) -> bool {
        let Some(said) = self.verification().judge(code, same) else {
            return false;
        };
        self.say_verify(said.reply, shared);
        for progress in said.progress.into_iter().flatten() {
            self.tell_verification(progress, shared);
        }
        true
    }

    /// The words that are compared on this connection, or the last ones that were.
    pub(in crate::proto) fn words(&self) -> Option<Words> {
        self.verification.as_ref().and_then(|it| it.words())
    }

    /// Compares no more.
    pub(in crate::proto) fn withdraw(&mut self, shared: &mut Shared) {
        let withdrawn = self.verification().withdraw();
        self.say_verify(withdrawn, shared);
    }

    pub(super) fn on_verify(&mut self, said: &Verify, shared: &mut Shared, now: Instant) -> Fate {
        let handshakes = self.handshakes();
        let between = Between {
            own: shared.id,
            peer: self.id,
            handshakes: &handshakes,
        };
        let reaction = self
            .verification()
            .handle(said, between, &mut shared.rng, now);
        let Ok(reaction) = reaction else {
            return self.on_violation(shared, now);
        };
        self.say_verify(reaction.reply, shared);
        for progress in reaction.progress.into_iter().flatten() {
            self.tell_verification(progress, shared);
            if progress == Progress::Differs {
                self.say_close(CloseCode::Declined, shared, now);
                return self.set_aside(shared);
            }
        }
        Fate::Stay
    }

    /// Ends the session with somebody whose words were others: until the owner adds the peer anew it
    /// gets no answer, as if it were revoked.
    pub(in crate::proto) fn set_aside(&mut self, shared: &mut Shared) -> Fate {
        shared.revoked.insert(self.id);
        self.end(Some(CloseReason::WordsDiffer), shared);
        Fate::Forget
    }

    /// The hashes of the handshakes whose keys are in use, the newest first.
    fn handshakes(&self) -> ArrayVec<[[u8; HASH_LEN]; 2]> {
        let in_use = self.keys.in_use().map(|keypair| keypair.handshake);
        in_use.take(2).collect()
    }

    /// A comparison has taken too long.
    pub(super) fn on_verification_expired(&mut self, shared: &mut Shared) {
        let waited = self.verification().take_wanted();
        let withdrawn = self.verification().withdraw();
        if withdrawn.is_some() || waited {
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
