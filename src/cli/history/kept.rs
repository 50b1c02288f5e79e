//! What an identity keeps, opened for this process alone.

use std::fs;
use std::io;
use std::path::PathBuf;

use jiff::tz::TimeZone;

use crate::cli::history::When;
use crate::cli::{Context, Error, identity};
use crate::crypto::StaticSecret;
use crate::net::{Clock, os_rng};
use crate::store::{Archive, Filter, IdentityLock, Keep, Restored, Salvaged};
use crate::time::UnixTime;

/// The messages of an identity that no other process uses meanwhile.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) now: UnixTime,
    secret: StaticSecret,
    keep: Keep,
    _lock: IdentityLock,
}

impl Kept {
    /// Unlocks the identity and takes its lock.
    ///
    /// # Errors
    /// SC01, SC02, SC11, SC15 or SC17.
    pub(super) fn open(context: &Context) -> Result<Self, Error> {
        let secret = identity::unlock(context)?;
        let id = secret.public();
        let lock = IdentityLock::acquire(&context.paths.lock(&id))?;
        Ok(Self {
            path: context.paths.history(&id),
            now: Clock::new().unix_time(),
            secret,
            keep: context.config.keep,
            _lock: lock,
        })
    }

    /// The store, and what waits there; none if nothing was ever kept, since looking makes none.
    ///
    /// # Errors
    /// SC18 or SC19.
    pub(super) fn archive(&self) -> Result<Option<(Archive, Restored)>, Error> {
        if self.is_missing() {
            return Ok(None);
        }
        let rng = Box::new(os_rng());
        let opened = Archive::open(&self.path, &self.secret, self.keep, rng, self.now)?;
        Ok(Some(opened))
    }

    /// Everything that can be read, and what cannot. Changes nothing.
    ///
    /// # Errors
    /// SC19 if not even the key can be read.
    pub(super) fn salvage(&self) -> Result<Salvaged, Error> {
        if self.is_missing() {
            return Ok(Salvaged::default());
        }
        let everything = Filter::default();
        Ok(Salvaged::read(&self.path, &self.secret, &everything)?)
    }

    fn is_missing(&self) -> bool {
        let found = fs::symlink_metadata(&self.path);
        found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Which moment somebody means.
    pub(super) fn moment(&self, when: When) -> UnixTime {
        when.moment(self.now, &TimeZone::system())
    }
}
