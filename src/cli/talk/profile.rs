//! Opens what a talking program needs: the identity, alone; the people; the socket.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::chat::Messenger;
use crate::cli::talk::contacts::Contacts;
use crate::cli::{BindProblem, Context, Error, identity};
use crate::crypto::StaticSecret;
use crate::id::Timestamp;
use crate::net::{Bind, Clock, Family, seed};
use crate::proto::{Endpoint, EndpointConfig};
use crate::store::{self, IdentityLock, is_test_only, reserve_timestamps};
use crate::text::safe_line;

/// An identity that this process alone has open.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) secret: Arc<StaticSecret>,
    pub(super) contacts: Contacts,
    pub(super) timestamps: Timestamps,
    /// Held as long as the process talks.
    _lock: IdentityLock,
}

/// Where this identity's handshake timestamps are reserved.
#[derive(Debug)]
pub(super) struct Timestamps(std::path::PathBuf);

impl Timestamps {
    /// Reserves a block on disk; none of it is used before that.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn reserve(
        &self,
        clock: &Clock,
    ) -> Result<core::ops::Range<Timestamp>, store::Error> {
        reserve_timestamps(&self.0, clock.unix_time())
    }
}

impl Profile {
    /// Unlocks the identity and reads the people. `bind` decides whether test keys are allowed.
    ///
    /// # Errors
    /// SC01, SC02, SC11, SC15, SC17, SC22 and SC28, as the case may be.
    pub(super) fn open(context: &Context, bind: Bind) -> Result<Self, Error> {
        let secret = identity::unlock(context)?;
        let id = secret.public();
        let local_only = is_local(bind);
        if is_test_only(&id) && !local_only {
            return Err(Error::TestKey);
        }
        let lock = IdentityLock::acquire(&context.paths.lock(&id))?;
        let contacts = Contacts::load(context.paths.known_peers(), local_only)?;
        let timestamps = Timestamps(context.paths.timestamps(&id));
        Ok(Self {
            secret: Arc::new(secret),
            contacts,
            timestamps,
            _lock: lock,
        })
    }

    /// Makes the core that knows these people. What it has not delivered is lost with it.
    ///
    /// # Errors
    /// If no timestamps can be reserved.
    pub(super) fn messenger(
        &self,
        config: EndpointConfig,
        clock: &Clock,
    ) -> Result<Messenger, Error> {
        let timestamps = self.timestamps.reserve(clock)?;
        let secret = Arc::clone(&self.secret);
        let mut endpoint = Endpoint::new(config, secret, seed(), timestamps, clock.now());
        self.contacts.install(&mut endpoint);
        Ok(Messenger::in_memory(endpoint, seed(), clock.now()))
    }
}

/// Whether a socket that is bound like this can be reached from this machine only.
fn is_local(bind: Bind) -> bool {
    match bind {
        Bind::At(address) => address.ip().to_canonical().is_loopback(),
        Bind::Everywhere { .. } => false,
    }
}

/// The words for a socket that could not be opened.
pub(in crate::cli) fn cannot_bind(bind: Bind, error: &io::Error) -> Error {
    let address = match bind {
        Bind::At(address) => address,
        Bind::Everywhere { port, family } => {
            let any: IpAddr = match family {
                Family::V4 => IpAddr::from([0, 0, 0, 0]),
                Family::Any | Family::V6 => IpAddr::from([0; 16]),
            };
            SocketAddr::new(any, port)
        }
    };
    let kind = error.kind();
    let reason = if kind == ErrorKind::AddrInUse {
        BindProblem::InUse
    } else if kind == ErrorKind::AddrNotAvailable {
        BindProblem::NotOurs
    } else if kind == ErrorKind::PermissionDenied {
        BindProblem::Forbidden
    } else {
        BindProblem::Other(safe_line(&error.to_string()))
    };
    Error::CannotListen { address, reason }
}
