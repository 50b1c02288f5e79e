//! Waits until this command may have the identity: one process has it at a time.

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::cli::control::Running;
use crate::cli::{Context, Error};
use crate::control::IS_SUPPORTED;
use crate::id::PeerId;
use crate::net::Clock;
use crate::store::{self, ErrorKind, IdentityLock};

/// How often it is looked whether the identity is free, or whoever has it answers.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// How long whoever wants the identity waits for a command that has it for a moment, such as `send`, and for a
/// program that has it to answer; and whoever can do without that answer.
pub(super) const BRIEF: Duration = Duration::from_secs(5);

/// How long whoever wants its answer waits for a program that is busy: it answers nobody while it rewrites its history
/// without what was deleted, 0.4 s for each 35 MiB.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A history of 1 GiB is not too much.
const _: () = assert!(PATIENCE.as_millis() > 1_024 / 35 * 400);

/// How long the identity is waited for at most where no program can be asked: it may be one that talks for hours.
const BLIND: Duration = Duration::from_secs(5);

/// A way to take the identity's lock.
pub(super) type Acquire = fn(&Path) -> Result<IdentityLock, store::Error>;

/// Whether another program has the identity of this lock open, and its number where that is known.
pub(super) fn holder(lock: &Path) -> Option<Option<u32>> {
    // Taking it would make it.
    if !lock.exists() {
        return None;
    }
    let error: store::Error = IdentityLock::acquire_to_read(lock).err()?;
    if let ErrorKind::InUse { pid } = error.kind() {
        return Some(*pid);
    }
    None
}

/// Whose turn it is.
pub(super) enum Turn {
    /// Nobody else has the identity.
    Ours(IdentityLock),
    /// A program has it which does for others what they ask.
    Beside(Running),
}

impl Turn {
    /// Waits for the identity's lock as long as nobody serves it, and says so.
    ///
    /// # Errors
    /// SC15 after this much time; SC41.
    pub(super) fn wait(context: &Context, id: &PeerId, patience: Duration) -> Result<Self, Error> {
        Self::wait_for(IdentityLock::acquire, context, id, patience)
    }

    /// As [`Turn::wait`], for a lock that is taken in this way.
    pub(super) fn wait_for(
        acquire: Acquire,
        context: &Context,
        id: &PeerId,
        patience: Duration,
    ) -> Result<Self, Error> {
        let path = context.paths.lock(id);
        let patience = if IS_SUPPORTED {
            patience
        } else {
            patience.min(BLIND)
        };
        let clock = Clock::new();
        let end = clock.now() + patience;
        // Nothing comes: it is there for its time limit.
        let (_never, pause) = channel::<()>();
        let mut is_told = false;
        loop {
            let error = match acquire(&path) {
                Ok(lock) => return Ok(Self::Ours(lock)),
                Err(error) => error,
            };
            let is_in_use = matches!(error.kind(), ErrorKind::InUse { .. });
            let left = end.saturating_since(clock.now());
            if !is_in_use || left.is_zero() {
                return Err(error.into());
            }
            if let Some(running) = Running::find(context, left)? {
                return Ok(Self::Beside(running));
            }
            if !is_told {
                let words = "another securechat command has this identity open; waiting for it";
                context.out.note(&words.into());
                is_told = true;
            }
            let _ = pause.recv_timeout(LOOK);
        }
    }
}
