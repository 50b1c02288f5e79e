//! A peer that is our library, without the program's manners.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};

use securechat::chat::{
    Client, ContactId, Draft, MemoryOutbox, Messenger, Name, Outbox, OutboxError, Outgoing, Policy,
    Update, Waiting,
};
use securechat::crypto::StaticSecret;
use securechat::id::{PeerId, Timestamp};
use securechat::net::{Bind, Clock, Driver, Socket, os_rng, seed};
use securechat::proto::{Endpoint, EndpointConfig, Event, PeerConfig, Shown};
use securechat::store::{KeyOffer, key_text};
use securechat::time::UnixTime;

use crate::home::Home;
use crate::program::PATIENCE;

/// What somebody's outbox loses.
pub(crate) const LOST: &[u8] = b"lost";

/// An outbox that loses what says so.
#[derive(Debug)]
struct Leaky(MemoryOutbox);

impl Outbox for Leaky {
    fn has_room(
        &self,
        contact: ContactId,
        messages: usize,
        bytes: usize,
    ) -> Result<(), OutboxError> {
        self.0.has_room(contact, messages, bytes)
    }

    fn push(&mut self, contact: ContactId, message: Outgoing) -> Result<(), OutboxError> {
        self.0.push(contact, message)
    }

    fn load(&self, contact: ContactId, name: Name) -> Option<&Outgoing> {
        let message = self.0.load(contact, name);
        message.filter(|message| *message.body != *LOST)
    }

    fn settle(&mut self, contact: ContactId, name: Name) {
        self.0.settle(contact, name);
    }

    fn waiting(&self) -> Vec<Waiting> {
        self.0.waiting()
    }
}

/// A peer that is our library, without the program's manners.
pub(crate) struct Rude {
    driver: Driver,
    woken: mpsc::Receiver<()>,
}

impl Rude {
    pub(crate) fn new() -> Self {
        Self::of_policy(Policy::default().largest)
    }

    /// One that sends longer messages than others.
    pub(crate) fn of_policy(largest: usize) -> Self {
        Self::of(largest, EndpointConfig::default())
    }

    /// One that calls itself what nobody is called.
    #[cfg(target_os = "linux")]
    pub(crate) fn calling_itself(nickname: &str) -> Self {
        let config = EndpointConfig {
            nickname: Some(nickname.to_owned()),
            ..EndpointConfig::default()
        };
        Self::of(Policy::default().largest, config)
    }

    /// One from before words could be compared.
    #[cfg(target_os = "linux")]
    pub(crate) fn too_old() -> Self {
        let config = EndpointConfig {
            without_verify_for_testing_only: true,
            ..EndpointConfig::default()
        };
        Self::of(Policy::default().largest, config)
    }

    fn of(largest: usize, config: EndpointConfig) -> Self {
        let clock = Clock::new();
        let secret = Arc::new(StaticSecret::generate(&mut os_rng()));
        let timestamps = Timestamp(1)..Timestamp(1_000);
        let endpoint = Endpoint::new(config, secret, seed(), timestamps, clock.now());
        let socket = Socket::bind(Bind::At("127.0.0.1:0".parse().unwrap())).unwrap();
        let (wake, woken) = mpsc::channel();
        let notify = Box::new(move || {
            let _ = wake.send(());
        });
        let policy = Policy {
            largest,
            ..Policy::default()
        };
        let outbox = Box::new(Leaky(MemoryOutbox::new(seed())));
        let client = Client::new(policy, outbox, seed(), clock.now());
        let messenger = Messenger::new(endpoint, client, clock.now());
        let driver = Driver::start(socket, messenger, clock, notify).unwrap();
        Self { driver, woken }
    }

    pub(crate) fn key(&self) -> String {
        let id = self
            .driver
            .handle()
            .with(|messenger, _| messenger.endpoint_mut().id());
        key_text(&id.unwrap()).to_string()
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.driver.handle().local_addr()
    }

    /// Takes somebody in who will call.
    pub(crate) fn knows(&self, home: &Home) -> PeerId {
        self.add(home, Vec::new())
    }

    fn add(&self, home: &Home, addresses: Vec<SocketAddr>) -> PeerId {
        let peer = KeyOffer::parse(&home.key()).unwrap().key;
        let config = PeerConfig {
            id: peer,
            psk: None,
            addresses,
            shown: Shown::default(),
        };
        let add = |messenger: &mut Messenger, _| messenger.endpoint_mut().add_peer(config);
        self.driver.handle().with(add).unwrap();
        peer
    }

    pub(crate) fn connect(&self, home: &Home, address: SocketAddr) -> PeerId {
        let peer = self.add(home, vec![address]);
        let connect =
            |messenger: &mut Messenger, now| messenger.endpoint_mut().connect(peer, &[], now);
        self.driver.handle().with(connect).unwrap().unwrap();
        self.wait(|update| match update {
            Update::Session(Event::Established { .. } | Event::Waiting { .. }) => Some(peer),
            Update::Session(_) | Update::Chat(_) => None,
        })
    }

    /// Waits for something that it is told.
    pub(crate) fn wait<T>(&self, mut find: impl FnMut(Update) -> Option<T>) -> T {
        loop {
            while let Some(update) = self.driver.handle().poll_event().unwrap() {
                if let Some(found) = find(update) {
                    return found;
                }
            }
            self.woken.recv_timeout(PATIENCE).unwrap();
        }
    }

    /// Confirms a message.
    pub(crate) fn take(&self, peer: PeerId, name: Name) {
        let take = |messenger: &mut Messenger, now| messenger.take(peer.into(), name, now);
        self.driver.handle().with(take).unwrap();
    }

    /// How many of its messages are not confirmed.
    pub(crate) fn unsettled(&self, peer: PeerId) -> usize {
        let unsettled = |messenger: &mut Messenger, _| messenger.client().unsettled(peer.into());
        self.driver.handle().with(unsettled).unwrap()
    }

    /// Whatever bytes they are: what the library checks it has seen by then.
    pub(crate) fn say(&self, peer: PeerId, line: &[u8]) {
        let handle = self.driver.handle();
        let draft = Draft::text(String::new(), UnixTime(0));
        let sent = handle.with(|messenger, now| {
            let mut message = messenger.prepare(peer.into(), draft)?;
            message.body = line.into();
            messenger.accept(peer.into(), message, now)
        });
        sent.unwrap().unwrap();
    }
}
