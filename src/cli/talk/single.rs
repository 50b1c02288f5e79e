//! What `send` and `ping` have in common: each wants one peer, and nobody else meanwhile.

use std::net::SocketAddr;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::cli::talk::network::{Input, Network};
use crate::cli::talk::profile::Profile;
use crate::cli::{Error, Out, Peer};
use crate::id::PeerId;
use crate::net::{Bind, ResolveError, Signal};
use crate::proto::{ApiMisuse, EndpointConfig, Event, Trust};
use crate::store::KeyOffer;
use crate::text::Safe;
use crate::wire::limits::VERSION;

/// How often it is looked at what the network reports.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// What has woken the loop.
pub(super) enum Woken {
    /// There may be events, or it is time.
    Look,
    Signal(Signal),
    /// The addresses were looked up.
    Resolved(Result<Vec<SocketAddr>, ResolveError>),
    /// Nothing will ever come.
    Gone,
}

impl Network {
    /// Starts it for one peer.
    ///
    /// # Errors
    /// As of [`Network::start`].
    pub(super) fn start_for(offer: &KeyOffer, profile: Profile, bind: Bind) -> Result<Self, Error> {
        let config = EndpointConfig {
            trust: Trust::Strict,
            stealth: true,
            ..EndpointConfig::default()
        };
        Self::start(profile, bind, config, Some(offer))
    }

    /// Waits for what comes next; passes on what the user should know.
    pub(super) fn wait(&self, patience: Duration, out: &Out) -> Woken {
        match self.inputs.recv_timeout(patience.min(LOOK)) {
            // There is no screen, and nobody is called but the one.
            Ok(
                Input::Wake
                | Input::Found(..)
                | Input::Screen(..)
                | Input::Files(..)
                | Input::Job(_)
                | Input::Control(_),
            )
            | Err(RecvTimeoutError::Timeout) => Woken::Look,
            Ok(Input::Told(words)) => {
                out.warn(&words);
                Woken::Look
            }
            Ok(Input::Trouble(report)) => {
                out.warn(&report.title);
                Woken::Look
            }
            Ok(Input::Signal(signal)) => Woken::Signal(signal),
            Ok(Input::Resolved(found)) => Woken::Resolved(found),
            Err(RecvTimeoutError::Disconnected) => Woken::Gone,
        }
    }

    /// Calls the peer.
    ///
    /// # Errors
    /// SC16 if it has shown a newer version than ours; SC05 if it is no peer, so that no time would bring an answer.
    pub(super) fn call(
        &self,
        id: PeerId,
        peer: &Peer,
        addresses: &[SocketAddr],
        note: impl FnOnce(&Safe),
    ) -> Result<(), Error> {
        if let Some(first) = addresses.first() {
            let words = Safe::from("connecting to ") + &peer.label + " at ";
            note(&(words + *first));
        }
        let started = self
            .driver
            .handle()
            .with(|messenger, now| messenger.endpoint_mut().connect(id, addresses, now))?;
        match started {
            Err(ApiMisuse::NewerVersion(theirs)) => Err(Error::NewerVersion {
                peer: peer.clone(),
                theirs,
                ours: VERSION,
            }),
            Err(ApiMisuse::UnknownPeer) => Err(Error::NoSuchPeer {
                name: peer.label.clone(),
                similar: None,
            }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Does what every program does about an event that is not about how things go with the peer.
    ///
    /// # Errors
    /// If no timestamps can be reserved.
    pub(super) fn on_upkeep(&mut self, event: Event, out: &Out) -> Result<(), Error> {
        if let Event::TimestampsLow = event {
            let range = self.profile.reserve_timestamps()?;
            let handle = self.driver.handle();
            handle.with(|messenger, _| messenger.endpoint_mut().add_timestamps(range))?;
        } else if let Event::Introduced {
            peer,
            signing_key,
            newest_version,
        } = event
        {
            let noted = (self.profile.contacts).introduce(&peer, signing_key, newest_version);
            if let Err(error) = noted {
                out.error(&Error::from(error).report());
            }
        }
        Ok(())
    }

    /// Says goodbye and ends it.
    ///
    /// # Errors
    /// If what was to be written down could not be.
    pub(super) fn end(self, out: &Out) -> Result<(), Error> {
        let written = self.profile.journal.close(|words| out.warn(&words));
        drop(self.leave);
        self.driver.stop(true);
        Ok(written?)
    }
}
