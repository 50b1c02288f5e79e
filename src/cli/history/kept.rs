//! What an identity keeps, opened for this process alone.

use std::path::PathBuf;

use crate::calendar::Zone;
use crate::cli::control::Running;
use crate::cli::history::When;
use crate::cli::turn::{Acquire, BRIEF, PATIENCE, Turn};
use crate::cli::{Context, Error, identity};
use crate::crypto::StaticSecret;
use crate::net::{Clock, os_rng};
use crate::store::{
    Archive, Entry, Filter, IdentityLock, Keep, Loss, Restored, Salvaged, is_there,
};
use crate::time::UnixTime;

/// The messages of an identity that no other process uses meanwhile.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) now: UnixTime,
    secret: StaticSecret,
    keep: Keep,
    lock: IdentityLock,
}

/// How what is kept was found.
pub(super) enum Found {
    /// Nobody else has it open.
    Alone(Box<Kept>),
    /// A program has it open, which looks things up for others.
    Beside(Running),
}

impl Kept {
    /// Unlocks the identity and takes its lock in this way, or finds the program that has it. Another command that has it
    /// for a moment is waited for.
    ///
    /// # Errors
    /// SC01, SC02, SC11, SC15, SC17 or SC41.
    pub(super) fn find(acquire: Acquire, context: &Context) -> Result<Found, Error> {
        if let Some(running) = Running::find(context, PATIENCE)? {
            return Ok(Found::Beside(running));
        }
        Self::by(acquire, identity::unlock(context)?, context)
    }

    /// Takes the lock of an identity that is unlocked, or finds the program that has it.
    ///
    /// # Errors
    /// SC15 or SC41.
    pub(super) fn by(
        acquire: Acquire,
        secret: StaticSecret,
        context: &Context,
    ) -> Result<Found, Error> {
        match Turn::wait_for(acquire, context, &secret.public(), BRIEF)? {
            Turn::Ours(lock) => {
                let kept = Self::of(context, secret, lock);
                Ok(Found::Alone(Box::new(kept)))
            }
            Turn::Beside(running) => Ok(Found::Beside(running)),
        }
    }

    /// Unlocks the identity and takes its lock to read, without waiting for anybody.
    ///
    /// # Errors
    /// SC01, SC02, SC11, SC15 or SC17.
    pub(super) fn open_to_read(context: &Context) -> Result<Self, Error> {
        let secret = identity::unlock(context)?;
        let lock = IdentityLock::acquire_to_read(&context.paths.lock(&secret.public()))?;
        Ok(Self::of(context, secret, lock))
    }

    fn of(context: &Context, secret: StaticSecret, lock: IdentityLock) -> Self {
        let id = secret.public();
        Self {
            path: context.paths.history(&id),
            now: Clock::new().unix_time(),
            secret,
            keep: context.config.keep,
            lock,
        }
    }

    /// Lets others have the identity, until [`Kept::by`].
    pub(super) fn release(self) -> StaticSecret {
        self.secret
    }

    /// The store, and what waits there; none if nothing was ever kept, since looking makes none.
    ///
    /// # Errors
    /// SC18, SC19 or SC24.
    pub(super) fn archive(&self) -> Result<Option<(Archive, Restored)>, Error> {
        if !is_there(&self.path)? {
            return Ok(None);
        }
        let rng = Box::new(os_rng());
        let opened = Archive::open(&self.path, &self.secret, self.keep, rng, self.now)?;
        Ok(Some(opened))
    }

    /// As [`Kept::archive`], to look at it: it is not written where that cannot be done, or is not for us to do.
    ///
    /// # Errors
    /// SC19 or SC24.
    pub(super) fn archive_to_read(&self) -> Result<Option<(Archive, Restored)>, Error> {
        if self.lock.may_write() {
            match self.archive() {
                Err(Error::Store(error)) if error.is_unwritable() => {}
                opened => return opened,
            }
        }
        if !is_there(&self.path)? {
            return Ok(None);
        }
        let rng = Box::new(os_rng());
        let looked = Archive::look(&self.path, &self.secret, self.keep, rng, self.now)?;
        Ok(Some(looked))
    }

    /// Shows everything that can be read, oldest first, until `show` says false, and says what cannot be. Changes
    /// nothing.
    ///
    /// # Errors
    /// SC19 if not even the key can be read; SC24.
    pub(super) fn salvage(&self, show: &mut dyn FnMut(Entry) -> bool) -> Result<Loss, Error> {
        if !is_there(&self.path)? {
            return Ok(Loss::default());
        }
        let everything = Filter::default();
        Ok(Salvaged::visit(
            &self.path,
            &self.secret,
            &everything,
            show,
        )?)
    }

    /// Which moment somebody means.
    pub(super) fn moment(&self, when: When) -> UnixTime {
        when.moment(self.now, &Zone::system())
    }
}
