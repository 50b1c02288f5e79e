//! Two people compare words, to be sure of each other's key. Source: docs/protocol.md#verification.
//!
//! ```text
//!   asker                              answerer
//!   draws a nonce, commits to it
//!     ── ASK{commitment} ──────────▶   draws a nonce
//!     ◀────────────── ANSWER{nonce} ──
//!   knows the words
//!     ── REVEAL{nonce} ────────────▶   checks the commitment, knows the words
//!     ◀────────── VERDICT{same} ─────▶ as soon as each person has compared
//! ```
//!
//! Frames may overtake each other and come twice. Both sides may ask at once: the asker with the smaller
//! key goes on.

use crate::crypto::{Comparison, HASH_LEN, NONCE_LEN, ShortCode};
use crate::id::PeerId;
use crate::proto::limits::{VERIFY_LIFE, VERIFY_PAUSE};
use crate::proto::rng::CoreRng;
use crate::time::Instant;
use crate::wire::frame::{Verdict, Verify, VerifyStep};
use crate::wire::limits::VERIFY_NONCE_LEN;

const _: () = assert!(NONCE_LEN == VERIFY_NONCE_LEN && HASH_LEN == VERIFY_NONCE_LEN);

/// What a person is to know of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The other side wants to compare; the words follow.
    Asked,
    /// These are the words that the other side sees, if nobody is in between.
    Ready(ShortCode),
    /// The other person has seen the same words. Whether ours has, only ours can say.
    Theirs,
    /// Both have seen these words: there is nothing more to compare, and new words need a new question.
    Agreed(ShortCode),
    /// The other person has seen other words: the session is over.
    Differs,
    /// There is nothing to compare any more.
    Over(Unfinished),
}

/// Why a comparison ended before both had compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// The other side withdrew.
    Withdrawn,
    /// The other side does not compare at this moment: it has done so lately.
    TooSoon,
    /// It took too long.
    Expired,
    /// The connection ended.
    Lost,
    /// The other side's program does not compare words, as it has said meanwhile.
    Impossible,
}

/// Words that were compared on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// The words.
    pub code: ShortCode,
    /// Whether they still are. Of those that are not, only that they differed can be said.
    pub is_running: bool,
}

/// What comes of a frame, or of what our person says: what to say, and what to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reaction {
    pub(super) reply: Option<Verify>,
    pub(super) progress: [Option<Progress>; 2],
}

/// Between whom words are compared, and over what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Between<'a> {
    pub(super) own: PeerId,
    pub(super) peer: PeerId,
    /// The hashes of the handshakes whose keys are held, the newest first.
    pub(super) handshakes: &'a [[u8; HASH_LEN]],
}

/// The other side broke the rules: its nonce is not the one that it had chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BrokenCommitment;

/// The comparisons with one peer.
#[derive(Debug, Default)]
pub(super) struct Verification {
    stage: Option<Running>,
    /// A question of ours waits until the peer has introduced itself, at most so long.
    wanted: Option<Instant>,
    /// When the peer last asked and was answered, and in which attempt.
    answered: Option<(Instant, u64)>,
    /// The last comparison on this connection that had words and is over, in whatever way: somebody may
    /// notice afterwards that they were others.
    ended: Option<(u64, ShortCode)>,
}

/// A comparison that is not over.
#[derive(Debug)]
struct Running {
    attempt: u64,
    handshake: [u8; HASH_LEN],
    until: Instant,
    stage: Stage,
    /// Which side has said that the words are the same.
    ours: bool,
    theirs: bool,
}

enum Stage {
    /// We have committed to this nonce.
    Asked([u8; NONCE_LEN]),
    /// The peer has committed, and we have answered.
    Answered {
        commitment: [u8; NONCE_LEN],
        nonce: [u8; NONCE_LEN],
    },
    /// Both nonces are known, and so are the words.
    Comparing(ShortCode),
}

impl core::fmt::Debug for Stage {
    /// Without nonces: ours is a secret until it is revealed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Asked(_) => "Asked",
            Self::Answered { .. } => "Answered",
            Self::Comparing(_) => "Comparing",
        })
    }
}

impl Verification {
    /// Begins a comparison. `None`: one runs, or there are no keys to compare over.
    pub(super) fn ask(
        &mut self,
        between: Between<'_>,
        rng: &mut CoreRng,
        now: Instant,
    ) -> Option<Verify> {
        if self.stage.is_some() {
            return None;
        }
        let handshake = *between.handshakes.first()?;
        self.wanted = None;
        let (attempt, nonce) = (rng.u64(), rng.array());
        self.stage = Some(Running::new(attempt, handshake, Stage::Asked(nonce), now));
        let comparison = Comparison {
            handshake,
            attempt,
            asker: between.own,
            answerer: between.peer,
        };
        let commitment = comparison.commitment(&nonce);
        let step = VerifyStep::Ask {
            handshake,
            commitment,
        };
        Some(Verify { attempt, step })
    }

    /// Begins a comparison when [`Verification::take_wanted`] says so, unless one runs.
    pub(super) fn want(&mut self, now: Instant) {
        if self.stage.is_none() {
            self.wanted.get_or_insert(now + VERIFY_LIFE);
        }
    }

    /// Whether a question waits; it does no longer.
    pub(super) const fn take_wanted(&mut self) -> bool {
        self.wanted.take().is_some()
    }

    /// Takes what the peer says.
    pub(super) fn handle(
        &mut self,
        said: &Verify,
        between: Between<'_>,
        rng: &mut CoreRng,
        now: Instant,
    ) -> Result<Reaction, BrokenCommitment> {
        let Verify { attempt, step } = *said;
        match step {
            VerifyStep::Ask {
                handshake,
                commitment,
            } => {
                let held = between.handshakes.contains(&handshake);
                let handshake = held.then_some(handshake);
                let ask = (attempt, handshake, commitment);
                Ok(self.on_ask(ask, between.own < between.peer, rng, now))
            }
            VerifyStep::Answer { nonce } => Ok(self.on_answer(attempt, between, &nonce)),
            VerifyStep::Reveal { nonce } => self.on_reveal(attempt, between, &nonce),
            VerifyStep::Verdict(verdict) => Ok(self.on_verdict(attempt, verdict)),
        }
    }

    /// Our person has compared these words. `None`: they are not those of a comparison that runs, or it
    /// has said so before. That they are the same can be taken back, also when the comparison is over; that
    /// they differ cannot.
    pub(super) fn judge(&mut self, code: &ShortCode, same: bool) -> Option<Reaction> {
        if !same {
            let attempt = self.attempt_of(code)?;
            self.lose();
            return Some(Reaction::reply(say(attempt, Verdict::Different)));
        }
        let running = self.stage.as_mut();
        let running = running.filter(|it| it.words() == Some(*code) && !it.ours)?;
        running.ours = true;
        let said = Reaction::reply(say(running.attempt, Verdict::Same));
        Some(match self.end_if_agreed() {
            Some(agreed) => said.and(agreed),
            None => said,
        })
    }

    /// The words that are compared, or the last ones that were, on this connection.
    pub(super) fn words(&self) -> Option<Words> {
        let words = |code, is_running| Words { code, is_running };
        let running = self.stage.as_ref().and_then(Running::words);
        let ended = || self.ended.map(|(_, code)| words(code, false));
        running.map(|code| words(code, true)).or_else(ended)
    }

    /// Ends a comparison that runs, and says so to the peer. A question that waits is not asked.
    pub(super) fn withdraw(&mut self) -> Option<Verify> {
        self.wanted = None;
        let running = self.end()?;
        Some(say(running, Verdict::Withdrawn))
    }

    /// Forgets every comparison without a word; whether one ran, or was to.
    pub(super) fn lose(&mut self) -> bool {
        self.ended = None;
        let was_wanted = self.take_wanted();
        self.stage.take().is_some() || was_wanted
    }

    /// When a comparison that runs, or waits to, has taken too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let running = self.stage.as_ref().map(|running| running.until);
        running.or(self.wanted)
    }

    /// An asker whose smaller key decides waits for the answer to its own question. The other one's
    /// question counts for its own, at any time.
    fn on_ask(
        &mut self,
        (attempt, handshake, commitment): (u64, Option<[u8; HASH_LEN]>, [u8; NONCE_LEN]),
        is_smaller: bool,
        rng: &mut CoreRng,
        now: Instant,
    ) -> Reaction {
        let last = self.answered.map(|(_, attempt)| attempt);
        if self.running(attempt).is_some() || last == Some(attempt) {
            return Reaction::default();
        }
        let has_asked = |running: &Running| matches!(running.stage, Stage::Asked(_));
        let crossed = self.stage.as_ref().is_some_and(has_asked);
        if is_smaller && crossed {
            return Reaction::default();
        }
        if crossed && handshake.is_none() {
            // The asker has ignored our question, and hears that its own gets no answer either.
            self.end();
            let later = Reaction::reply(say(attempt, Verdict::Later));
            return later.and(Progress::Over(Unfinished::Withdrawn));
        }
        let since = self.answered.map(|(at, _)| now.saturating_since(at));
        let is_soon = since.is_some_and(|since| since < VERIFY_PAUSE) && !crossed;
        let Some(handshake) = handshake.filter(|_| !is_soon) else {
            return Reaction::reply(say(attempt, Verdict::Later));
        };
        self.answered = Some((now, attempt));
        self.end();
        self.wanted = None;
        let nonce = rng.array();
        let stage = Stage::Answered { commitment, nonce };
        self.stage = Some(Running::new(attempt, handshake, stage, now));
        let step = VerifyStep::Answer { nonce };
        Reaction::reply(Verify { attempt, step }).and(Progress::Asked)
    }

    /// Whoever answers what is no longer asked is told so. To the comparison that was the last, a copy that is late says
    /// nothing: its answer has been heard, and what ended it has been said.
    fn on_answer(
        &mut self,
        attempt: u64,
        between: Between<'_>,
        theirs: &[u8; NONCE_LEN],
    ) -> Reaction {
        if self.has_ended(attempt) {
            return Reaction::default();
        }
        let Some(running) = self.running(attempt) else {
            return Reaction::reply(say(attempt, Verdict::Withdrawn));
        };
        let Stage::Asked(nonce) = running.stage else {
            return Reaction::default();
        };
        let comparison = running.comparison(between.own, between.peer);
        let code = comparison.code(&nonce, theirs);
        running.stage = Stage::Comparing(code);
        let step = VerifyStep::Reveal { nonce };
        Reaction::reply(Verify { attempt, step }).and(Progress::Ready(code))
    }

    fn on_reveal(
        &mut self,
        attempt: u64,
        between: Between<'_>,
        theirs: &[u8; NONCE_LEN],
    ) -> Result<Reaction, BrokenCommitment> {
        let Some(running) = self.running(attempt) else {
            return Ok(Reaction::default());
        };
        let Stage::Answered { commitment, nonce } = running.stage else {
            return Ok(Reaction::default());
        };
        let comparison = running.comparison(between.peer, between.own);
        if !comparison.is_committed(theirs, &commitment) {
            return Err(BrokenCommitment);
        }
        let code = comparison.code(theirs, &nonce);
        running.stage = Stage::Comparing(code);
        let theirs = running.theirs.then_some(Progress::Theirs);
        Ok(Reaction {
            reply: None,
            progress: [Some(Progress::Ready(code)), theirs],
        })
    }

    /// A verdict may come before the nonce that the words need. That they differ counts at once, and also
    /// when the comparison is over; that they are the same counts once they are there.
    fn on_verdict(&mut self, attempt: u64, verdict: Verdict) -> Reaction {
        if verdict == Verdict::Different && self.has_ended(attempt) {
            self.lose();
            return Reaction::default().and(Progress::Differs);
        }
        let Some(running) = self.running(attempt) else {
            return Reaction::default();
        };
        match verdict {
            Verdict::Same => {
                let is_first = !core::mem::replace(&mut running.theirs, true);
                let is_shown = running.words().is_some();
                let agreed = self.end_if_agreed();
                let theirs = (is_first && is_shown).then_some(Progress::Theirs);
                Reaction {
                    reply: None,
                    progress: [theirs, agreed],
                }
            }
            Verdict::Different => {
                self.lose();
                Reaction::default().and(Progress::Differs)
            }
            Verdict::Withdrawn => self.close(Unfinished::Withdrawn),
            Verdict::Later => self.close(Unfinished::TooSoon),
        }
    }

    /// Whether it is the last one that had words, and over.
    fn has_ended(&self, attempt: u64) -> bool {
        self.ended.is_some_and(|(ended, _)| ended == attempt)
    }

    fn running(&mut self, attempt: u64) -> Option<&mut Running> {
        self.stage.as_mut().filter(|it| it.attempt == attempt)
    }

    /// The attempt that these words are of, if it is the one that runs or the last one that did.
    fn attempt_of(&self, code: &ShortCode) -> Option<u64> {
        let running = self.stage.as_ref();
        let running = running.filter(|it| it.words() == Some(*code));
        let ended = self.ended.filter(|(_, ended)| ended == code);
        let ended = ended.map(|(attempt, _)| attempt);
        running.map(|it| it.attempt).or(ended)
    }

    fn close(&mut self, why: Unfinished) -> Reaction {
        self.end();
        Reaction::default().and(Progress::Over(why))
    }

    /// Ends the comparison that runs, and keeps what is needed to say afterwards that the words differed.
    /// One that had no words does not take the place of one that had.
    fn end(&mut self) -> Option<u64> {
        let running = self.stage.take()?;
        if let Some(code) = running.words() {
            self.ended = Some((running.attempt, code));
        }
        Some(running.attempt)
    }

    fn end_if_agreed(&mut self) -> Option<Progress> {
        let running = self.stage.as_ref().filter(|it| it.ours && it.theirs)?;
        let agreed = running.words().map(Progress::Agreed);
        self.end();
        agreed
    }
}

impl Running {
    fn new(attempt: u64, handshake: [u8; HASH_LEN], stage: Stage, now: Instant) -> Self {
        Self {
            attempt,
            handshake,
            until: now + VERIFY_LIFE,
            stage,
            ours: false,
            theirs: false,
        }
    }

    const fn words(&self) -> Option<ShortCode> {
        match self.stage {
            Stage::Comparing(code) => Some(code),
            Stage::Asked(_) | Stage::Answered { .. } => None,
        }
    }

    const fn comparison(&self, asker: PeerId, answerer: PeerId) -> Comparison {
        Comparison {
            handshake: self.handshake,
            attempt: self.attempt,
            asker,
            answerer,
        }
    }
}

impl Reaction {
    fn reply(verify: Verify) -> Self {
        Self {
            reply: Some(verify),
            ..Self::default()
        }
    }

    fn and(mut self, progress: Progress) -> Self {
        self.progress = [Some(progress), None];
        self
    }
}

const fn say(attempt: u64, verdict: Verdict) -> Verify {
    Verify {
        attempt,
        step: VerifyStep::Verdict(verdict),
    }
}

#[cfg(test)]
mod tests;
