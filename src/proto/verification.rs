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
}

/// What comes of a frame: what to say, and what to tell.
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
    /// When the peer last asked and was answered, and in which attempt.
    answered: Option<(Instant, u64)>,
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
    /// has said so before. That they are the same can be taken back, that they differ cannot.
    pub(super) fn judge(&mut self, code: &ShortCode, same: bool) -> Option<Verify> {
        let running = self.stage.as_mut()?;
        let is_shown = matches!(&running.stage, Stage::Comparing(shown) if shown == code);
        if !is_shown || (same && running.ours) {
            return None;
        }
        let attempt = running.attempt;
        running.ours = same;
        if !same {
            self.stage = None;
            return Some(say(attempt, Verdict::Different));
        }
        self.close_if_over();
        Some(say(attempt, Verdict::Same))
    }

    /// Ends a comparison that runs, and says so to the peer.
    pub(super) fn withdraw(&mut self) -> Option<Verify> {
        let running = self.stage.take()?;
        Some(say(running.attempt, Verdict::Withdrawn))
    }

    /// Ends a comparison that runs without a word; whether there was one.
    pub(super) fn lose(&mut self) -> bool {
        self.stage.take().is_some()
    }

    /// When a comparison that runs has taken too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.stage.as_ref().map(|running| running.until)
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
        let since = self.answered.map(|(at, _)| now.saturating_since(at));
        let is_soon = since.is_some_and(|since| since < VERIFY_PAUSE) && !crossed;
        let Some(handshake) = handshake.filter(|_| !is_soon) else {
            return Reaction::reply(say(attempt, Verdict::Later));
        };
        self.answered = Some((now, attempt));
        let nonce = rng.array();
        let stage = Stage::Answered { commitment, nonce };
        self.stage = Some(Running::new(attempt, handshake, stage, now));
        let step = VerifyStep::Answer { nonce };
        Reaction::reply(Verify { attempt, step }).and(Progress::Asked)
    }

    /// Whoever answers what is no longer asked is told so.
    fn on_answer(
        &mut self,
        attempt: u64,
        between: Between<'_>,
        theirs: &[u8; NONCE_LEN],
    ) -> Reaction {
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

    /// A verdict may come before the nonce that the words need. That they differ counts at once, that
    /// they are the same once they are there.
    fn on_verdict(&mut self, attempt: u64, verdict: Verdict) -> Reaction {
        let Some(running) = self.running(attempt) else {
            return Reaction::default();
        };
        match verdict {
            Verdict::Same => {
                let is_first = !core::mem::replace(&mut running.theirs, true);
                let is_shown = matches!(running.stage, Stage::Comparing(_));
                self.close_if_over();
                if is_first && is_shown {
                    Reaction::default().and(Progress::Theirs)
                } else {
                    Reaction::default()
                }
            }
            Verdict::Different => self.close(Progress::Differs),
            Verdict::Withdrawn => self.close(Progress::Over(Unfinished::Withdrawn)),
            Verdict::Later => self.close(Progress::Over(Unfinished::TooSoon)),
        }
    }

    fn running(&mut self, attempt: u64) -> Option<&mut Running> {
        self.stage.as_mut().filter(|it| it.attempt == attempt)
    }

    fn close(&mut self, progress: Progress) -> Reaction {
        self.stage = None;
        Reaction::default().and(progress)
    }

    fn close_if_over(&mut self) {
        if self.stage.as_ref().is_some_and(|it| it.ours && it.theirs) {
            self.stage = None;
        }
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
