//! The VERIFY frame: two people compare words. Source: docs/protocol.md#verification.

use crate::wire::codec::{DecodeError, Reader, Writer};
use crate::wire::limits::VERIFY_NONCE_LEN;

const ASK: u8 = 0;
const ANSWER: u8 = 1;
const REVEAL: u8 = 2;
const VERDICT: u8 = 3;

/// One step of a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Verify {
    /// Which comparison: drawn by its asker.
    pub attempt: u64,
    /// What is said in it.
    pub step: VerifyStep,
}

/// What is said in a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum VerifyStep {
    /// Wants to compare, and has chosen its nonce.
    Ask {
        /// The hash of the handshake that made the keys it speaks under.
        handshake: [u8; VERIFY_NONCE_LEN],
        /// To that nonce.
        commitment: [u8; VERIFY_NONCE_LEN],
    },
    /// The other side's nonce.
    Answer {
        /// It.
        nonce: [u8; VERIFY_NONCE_LEN],
    },
    /// The asker's nonce.
    Reveal {
        /// It.
        nonce: [u8; VERIFY_NONCE_LEN],
    },
    /// How it ended for the sender.
    Verdict(Verdict),
}

/// How a comparison ended for one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its person saw the same words.
    Same,
    /// Its person saw other words.
    Different,
    /// It compares no more.
    Withdrawn,
    /// It compares later.
    Later,
}

impl core::fmt::Debug for Verify {
    /// Without nonces: one is a secret until it is revealed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let step = match self.step {
            VerifyStep::Ask { .. } => "Ask",
            VerifyStep::Answer { .. } => "Answer",
            VerifyStep::Reveal { .. } => "Reveal",
            VerifyStep::Verdict(_) => "Verdict",
        };
        write!(f, "Verify({step})")
    }
}

impl Verify {
    /// Parses a body. `None`: a step or verdict of a later version.
    pub(super) fn parse(body: &[u8]) -> Result<Option<Self>, DecodeError> {
        let mut reader = Reader::new(body);
        let (step, attempt) = (reader.u8()?, reader.u64()?);
        let step = match step {
            ASK => VerifyStep::Ask {
                handshake: *reader.array()?,
                commitment: *reader.array()?,
            },
            ANSWER => VerifyStep::Answer {
                nonce: *reader.array()?,
            },
            REVEAL => VerifyStep::Reveal {
                nonce: *reader.array()?,
            },
            VERDICT => match Verdict::from_code(reader.u8()?) {
                Some(verdict) => VerifyStep::Verdict(verdict),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        reader.finish()?;
        Ok(Some(Self { attempt, step }))
    }

    /// Bytes of the body.
    #[must_use]
    pub const fn body_len(&self) -> usize {
        let step = match self.step {
            VerifyStep::Ask { .. } => 2 * VERIFY_NONCE_LEN,
            VerifyStep::Answer { .. } | VerifyStep::Reveal { .. } => VERIFY_NONCE_LEN,
            VerifyStep::Verdict(_) => 1,
        };
        1 + 8 + step
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        let none: &[u8] = &[];
        let (step, first, rest): (u8, &[u8], &[u8]) = match &self.step {
            VerifyStep::Ask {
                handshake,
                commitment,
            } => (ASK, handshake, commitment),
            VerifyStep::Answer { nonce } => (ANSWER, nonce, none),
            VerifyStep::Reveal { nonce } => (REVEAL, nonce, none),
            VerifyStep::Verdict(verdict) => (VERDICT, verdict.code(), none),
        };
        writer.varint(self.body_len() as u64);
        writer.u8(step).u64(self.attempt).bytes(first).bytes(rest);
    }
}

impl Verdict {
    const fn code(self) -> &'static [u8] {
        match self {
            Self::Same => &[0],
            Self::Different => &[1],
            Self::Withdrawn => &[2],
            Self::Later => &[3],
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Same,
            1 => Self::Different,
            2 => Self::Withdrawn,
            3 => Self::Later,
            _ => return None,
        })
    }
}
