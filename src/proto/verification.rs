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
//! Frames may overtake each other. Both sides may ask at once: the asker with the smaller key goes on.

use crate::crypto::{Comparison, NONCE_LEN, ShortCode};
use crate::id::PeerId;
use crate::proto::limits::{VERIFY_LIFE, VERIFY_PAUSE};
use crate::proto::rng::CoreRng;
use crate::time::Instant;
use crate::wire::frame::{Verdict, Verify, VerifyStep};
use crate::wire::limits::VERIFY_NONCE_LEN;

const _: () = assert!(NONCE_LEN == VERIFY_NONCE_LEN);

/// What a person is to know of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The other side wants to compare; the words follow.
    Asked,
    /// These are the words that the other side sees, if nobody is in between.
    Ready(ShortCode),
    /// The other person has seen the same words, or others.
    Theirs {
        /// Whether they were the same.
        same: bool,
    },
    /// There is nothing to compare any more.
    Over(Unfinished),
}

/// Why a comparison ended before both had compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// The other side withdrew.
    Withdrawn,
    /// The other side has compared with us so lately that it does not yet do it again.
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
    pub(super) progress: Option<Progress>,
}

/// The other side broke the rules: its nonce is not the one that it had chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BrokenCommitment;

/// The comparisons with one peer.
#[derive(Debug, Default)]
pub(super) struct Verification {
    stage: Option<Running>,
    /// When the peer last asked and was answered.
    answered: Option<Instant>,
}

/// A comparison that is not over.
#[derive(Debug)]
struct Running {
    attempt: u64,
    until: Instant,
    stage: Stage,
    /// What each side has said of the words.
    ours: Option<bool>,
    theirs: Option<bool>,
}

enum Stage {
    /// We have committed to this nonce.
    Asked([u8; NONCE_LEN]),
    /// The peer has committed, and we have answered.
    Answered {
        commitment: [u8; NONCE_LEN],
        nonce: [u8; NONCE_LEN],
    },
    /// Both nonces are known.
    Comparing,
}

impl core::fmt::Debug for Stage {
    /// Without nonces: ours is a secret until it is revealed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Asked(_) => "Asked",
            Self::Answered { .. } => "Answered",
            Self::Comparing => "Comparing",
        })
    }
}

impl Verification {
    /// Begins a comparison, in the place of one that runs.
    pub(super) fn ask(
        &mut self,
        own: PeerId,
        peer: PeerId,
        rng: &mut CoreRng,
        now: Instant,
    ) -> Verify {
        let (attempt, nonce) = (rng.u64(), rng.array());
        self.stage = Some(Running::new(attempt, Stage::Asked(nonce), now));
        let comparison = Comparison {
            attempt,
            asker: own,
            answerer: peer,
        };
        let commitment = comparison.commitment(&nonce);
        Verify {
            attempt,
            step: VerifyStep::Ask { commitment },
        }
    }

    /// Takes what the peer says.
    pub(super) fn handle(
        &mut self,
        said: &Verify,
        (own, peer): (PeerId, PeerId),
        rng: &mut CoreRng,
        now: Instant,
    ) -> Result<Reaction, BrokenCommitment> {
        let attempt = said.attempt;
        match said.step {
            VerifyStep::Ask { commitment } => {
                Ok(self.on_ask(attempt, commitment, own < peer, rng, now))
            }
            VerifyStep::Answer { nonce } => {
                let comparison = Comparison {
                    attempt,
                    asker: own,
                    answerer: peer,
                };
                Ok(self.on_answer(&comparison, &nonce))
            }
            VerifyStep::Reveal { nonce } => {
                let comparison = Comparison {
                    attempt,
                    asker: peer,
                    answerer: own,
                };
                self.on_reveal(&comparison, &nonce)
            }
            VerifyStep::Verdict(verdict) => Ok(self.on_verdict(attempt, verdict)),
        }
    }

    /// Our person has compared. `None`: there is nothing to compare, or it has said so before.
    pub(super) fn judge(&mut self, same: bool) -> Option<Verify> {
        let running = self.stage.as_mut()?;
        let is_first = matches!(running.stage, Stage::Comparing) && running.ours.is_none();
        if !is_first {
            return None;
        }
        running.ours = Some(same);
        let attempt = running.attempt;
        self.close_if_over();
        let verdict = if same {
            Verdict::Same
        } else {
            Verdict::Different
        };
        Some(say(attempt, verdict))
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

    /// An asker whose smaller key decides waits for the answer to its own question.
    fn on_ask(
        &mut self,
        attempt: u64,
        commitment: [u8; NONCE_LEN],
        is_smaller: bool,
        rng: &mut CoreRng,
        now: Instant,
    ) -> Reaction {
        let has_asked = |running: &Running| matches!(running.stage, Stage::Asked(_));
        if is_smaller && self.stage.as_ref().is_some_and(has_asked) {
            return Reaction::default();
        }
        let since = self.answered.map(|at| now.saturating_since(at));
        if since.is_some_and(|since| since < VERIFY_PAUSE) {
            return Reaction {
                reply: Some(say(attempt, Verdict::Later)),
                progress: None,
            };
        }
        self.answered = Some(now);
        let nonce = rng.array();
        self.stage = Some(Running::new(
            attempt,
            Stage::Answered { commitment, nonce },
            now,
        ));
        let step = VerifyStep::Answer { nonce };
        Reaction {
            reply: Some(Verify { attempt, step }),
            progress: Some(Progress::Asked),
        }
    }

    fn on_answer(&mut self, comparison: &Comparison, theirs: &[u8; NONCE_LEN]) -> Reaction {
        let Some(running) = self.running(comparison.attempt) else {
            return Reaction::default();
        };
        let Stage::Asked(nonce) = running.stage else {
            return Reaction::default();
        };
        running.stage = Stage::Comparing;
        let reveal = Verify {
            attempt: comparison.attempt,
            step: VerifyStep::Reveal { nonce },
        };
        Reaction {
            reply: Some(reveal),
            progress: Some(Progress::Ready(comparison.code(&nonce, theirs))),
        }
    }

    fn on_reveal(
        &mut self,
        comparison: &Comparison,
        theirs: &[u8; NONCE_LEN],
    ) -> Result<Reaction, BrokenCommitment> {
        let Some(running) = self.running(comparison.attempt) else {
            return Ok(Reaction::default());
        };
        let Stage::Answered { commitment, nonce } = running.stage else {
            return Ok(Reaction::default());
        };
        if !comparison.is_committed(theirs, &commitment) {
            return Err(BrokenCommitment);
        }
        running.stage = Stage::Comparing;
        let code = comparison.code(theirs, &nonce);
        Ok(Reaction {
            reply: None,
            progress: Some(Progress::Ready(code)),
        })
    }

    /// A verdict may come before the nonce that the words need: it counts once they are there.
    fn on_verdict(&mut self, attempt: u64, verdict: Verdict) -> Reaction {
        let Some(running) = self.running(attempt) else {
            return Reaction::default();
        };
        let progress = match verdict {
            Verdict::Same | Verdict::Different if running.theirs.is_some() => {
                return Reaction::default();
            }
            Verdict::Same | Verdict::Different => {
                let same = verdict == Verdict::Same;
                running.theirs = Some(same);
                self.close_if_over();
                Progress::Theirs { same }
            }
            Verdict::Withdrawn => self.close(Unfinished::Withdrawn),
            Verdict::Later => self.close(Unfinished::TooSoon),
        };
        Reaction {
            reply: None,
            progress: Some(progress),
        }
    }

    fn running(&mut self, attempt: u64) -> Option<&mut Running> {
        self.stage.as_mut().filter(|it| it.attempt == attempt)
    }

    fn close(&mut self, why: Unfinished) -> Progress {
        self.stage = None;
        Progress::Over(why)
    }

    fn close_if_over(&mut self) {
        let is_over = |it: &Running| it.ours.is_some() && it.theirs.is_some();
        if self.stage.as_ref().is_some_and(is_over) {
            self.stage = None;
        }
    }
}

impl Running {
    fn new(attempt: u64, stage: Stage, now: Instant) -> Self {
        Self {
            attempt,
            until: now + VERIFY_LIFE,
            stage,
            ours: None,
            theirs: None,
        }
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
