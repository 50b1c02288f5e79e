//! One of the two who talk in a demonstration: a throw-away identity on a socket of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::chat::{self, ContactId, Draft, Incoming, Messenger, Name, State, Update};
use crate::cli::Error;
use crate::cli::talk::{cannot_bind, no_threads, timestamps_of_run};
use crate::crypto::StaticSecret;
use crate::id::PeerId;
use crate::net::{Bind, Clock, Driver, Handle, Socket, seed};
use crate::proto::{Endpoint, EndpointConfig, Event, PeerConfig, Progress, ShortCode, Shown};
use crate::text::safe_line;

/// Where both are: a free port of this machine.
pub(super) const ANY_PORT: Bind = Bind::At(SocketAddr::new(
    std::net::IpAddr::V4(Ipv4Addr::LOCALHOST),
    0,
));

/// One of the two.
pub(super) struct Party {
    pub(super) handle: Handle,
    pub(super) id: PeerId,
    _driver: Driver,
}

/// What one of them has learnt.
pub(super) enum News {
    Message(ContactId, Incoming),
    State(Name, State),
    Connected,
    /// The words that this side sees.
    Words(PeerId, ShortCode),
}

impl Party {
    /// Begins to listen. `wake` is called whenever there may be news.
    ///
    /// # Errors
    /// SC12; what else the system refuses.
    pub(super) fn start(
        secret: StaticSecret,
        clock: Clock,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let config = EndpointConfig::default();
        let timestamps = timestamps_of_run(clock);
        let endpoint = Endpoint::new(config, Arc::new(secret), seed(), timestamps, clock.now());
        let id = endpoint.id();
        let socket = Socket::bind(ANY_PORT).map_err(|error| cannot_bind(ANY_PORT, &error))?;
        let messenger = Messenger::in_memory(endpoint, seed(), clock.now());
        let driver = Driver::start(socket, messenger, clock, Box::new(wake));
        let driver = driver.map_err(|error| no_threads(&error))?;
        Ok(Self {
            handle: driver.handle().clone(),
            id,
            _driver: driver,
        })
    }

    /// Takes somebody in, who is at these addresses.
    pub(super) fn add(&self, id: PeerId, addresses: Vec<SocketAddr>) -> Result<(), Error> {
        let config = PeerConfig {
            id,
            psk: None,
            addresses,
            shown: Shown::default(),
        };
        let add = |messenger: &mut Messenger, _| messenger.endpoint_mut().add_peer(config);
        self.handle.with(add)?;
        Ok(())
    }

    pub(super) fn send(&self, to: ContactId, draft: Draft) -> Result<Name, Error> {
        let sent = self
            .handle
            .with(|messenger, now| messenger.send(to, draft, now))?;
        sent.map_err(|error| Error::System {
            operation: "send a message",
            reason: safe_line(&error.to_string()),
        })
    }

    pub(super) fn take(&self, from: ContactId, name: Name) -> Result<(), Error> {
        Ok(self
            .handle
            .with(|messenger, now| messenger.take(from, name, now))?)
    }

    /// Says that a peer sees the same words.
    pub(super) fn agree(&self, peer: PeerId, code: &ShortCode) -> Result<(), Error> {
        self.handle
            .with(|messenger, now| messenger.endpoint_mut().judge(peer, code, true, now))?;
        Ok(())
    }

    pub(super) fn news(&self) -> Result<Option<News>, Error> {
        while let Some(update) = self.handle.poll_event()? {
            if let Some(news) = News::of(update) {
                return Ok(Some(news));
            }
        }
        Ok(None)
    }
}

impl News {
    fn of(update: Update) -> Option<Self> {
        match update {
            Update::Chat(chat::Event::Message { contact, message }) => {
                Some(Self::Message(contact, message))
            }
            Update::Chat(chat::Event::State { name, state, .. }) => Some(Self::State(name, state)),
            Update::Session(Event::Established { .. }) => Some(Self::Connected),
            Update::Session(Event::Verification {
                peer,
                progress: Progress::Ready(code),
            }) => Some(Self::Words(peer, code)),
            Update::Chat(_) | Update::Session(_) => None,
        }
    }
}
