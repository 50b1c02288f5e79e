//! When to stop: what was said last should arrive before the goodbye.

use std::time::Duration;

use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::goal::Goal;
use crate::cli::{Error, ExitCode, Peer};
use crate::time::Instant;

/// How long somebody who leaves waits for that.
const LEAVE: Duration = Duration::from_secs(1);

impl Conversation {
    /// Whether somebody who wants to leave can: what was said last should arrive before the goodbye.
    pub(super) fn check_leave(&self, now: Instant) -> Result<Option<ExitCode>, Error> {
        let Some(since) = self.state.leaving else {
            return Ok(None);
        };
        if now.saturating_since(since) >= LEAVE {
            return Ok(Some(ExitCode::Done));
        }
        for peer in &self.state.spoken {
            let unsettled = self
                .handle
                .with(|messenger, _| messenger.client().unsettled((*peer).into()))?;
            if unsettled > 0 {
                return Ok(None);
            }
        }
        Ok(Some(ExitCode::Done))
    }

    /// Whether an input that has ended has also arrived, or never will.
    pub(super) fn check_end(&self, now: Instant) -> Result<Option<ExitCode>, Error> {
        let Some(ended) = self.state.ended else {
            return Ok(None);
        };
        let Goal::Reach(reach) = &self.goal else {
            return Ok(None);
        };
        let peer = reach.peer;
        let unsettled = self
            .handle
            .with(|messenger, _| messenger.client().unsettled(peer.into()))?;
        let waited = now.saturating_since(ended);
        let lines = unsettled + usize::from(self.state.pending.is_some());
        if lines == 0 {
            return Ok(Some(ExitCode::Done));
        }
        if reach.retry || waited < reach.timeout {
            return Ok(None);
        }
        let saved = self.profile.contacts.is_saved(&peer);
        let label = self.label(&peer);
        Err(Error::NotDelivered {
            peer: Peer { label, saved },
            within: reach.timeout,
            lines,
        })
    }
}

/// How a program that was done ends if a line that was piped in did not arrive.
pub(super) fn conclude(code: ExitCode, undelivered: bool) -> ExitCode {
    if undelivered && code == ExitCode::Done {
        ExitCode::NotDelivered
    } else {
        code
    }
}
