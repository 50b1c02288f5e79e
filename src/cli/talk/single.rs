//! What `send` and `ping` have in common: each wants one peer, and nobody else meanwhile.

use std::net::SocketAddr;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::chat::{self, ContactId, Name, Update};
use crate::cli::talk::aim::why_gone;
use crate::cli::talk::contacts::{Changes, Introduction, UNUSABLE};
use crate::cli::talk::goal::Goal;
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

/// What a look at known-peers has brought.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// What the core had to tell by then. What became of messages of ours is noted.
    pub(super) news: Vec<Update>,
    /// Why nothing more goes to the peer, if that is so now.
    pub(super) over: Option<Error>,
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
                | Input::ReadOut(..)
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
    /// SC16 if it has shown a newer version than ours; SC05 if it is no peer, or SC27 if no address of it is known, so that no
    /// time would bring an answer.
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
            }),
            Err(ApiMisuse::NoAddress) => Err(Error::NoAddress {
                peer: peer.clone(),
                key: id,
                runs: false,
            }),
            // Who is revoked meanwhile ends this at the next look at known-peers.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Where calls to a peer go; nowhere if the core has failed, which is told elsewhere.
    pub(super) fn called_at(&self, id: PeerId) -> Vec<SocketAddr> {
        let called = |messenger: &mut chat::Messenger, _| messenger.endpoint().called_at(id);
        self.driver.handle().with(called).unwrap_or_default()
    }

    /// Looks at known-peers, twice a second. `message`: that of ours to the peer that this program is about.
    ///
    /// # Errors
    /// If the core has failed.
    pub(super) fn look_at_known_peers(
        &mut self,
        goal: &mut Goal,
        (id, peer): (PeerId, &Peer),
        message: Option<Name>,
        out: &Out,
    ) -> Result<Looked, Error> {
        let now = self.clock.now();
        if now.saturating_since(self.looked) < LOOK {
            return Ok(Looked::default());
        }
        self.looked = now;
        match self.profile.contacts.refresh() {
            Ok(None) => Ok(Looked::default()),
            Ok(Some(changes)) => self.take_over(changes, goal, (id, peer), message),
            Err(error) => {
                out.warn(&UNUSABLE.into());
                out.error(&Error::from(error).report());
                Ok(Looked::default())
            }
        }
    }

    /// Goes by a list that has changed: those who are gone lose their sessions and what waits for them. What was delivered
    /// up to that moment has not failed.
    fn take_over(
        &mut self,
        changes: Changes,
        goal: &mut Goal,
        (id, peer): (PeerId, &Peer),
        message: Option<Name>,
    ) -> Result<Looked, Error> {
        let (gone, aside) = (changes.gone(), changes.aside());
        let handle = self.driver.handle();
        for peer in handle.with(|messenger, now| changes.apply(messenger, now))? {
            goal.call_at_once(&peer, self.clock.now());
        }
        let news = self.settle_news()?;
        for peer in &gone {
            let contact = ContactId::from(*peer);
            let left = self.profile.left.waiting.iter();
            let left = left.filter(|(to, _)| *to == contact);
            let left = left.map(|(_, message)| message.name);
            let ours = message.filter(|_| *peer == id);
            self.profile.journal.forget(contact, left.chain(ours));
        }
        let is_over = gone.contains(&id) || aside.contains(&id);
        let known = self.profile.contacts.known();
        let over = is_over.then(|| why_gone(known, &peer.label, &id));
        Ok(Looked { news, over })
    }

    /// Takes what the core has, and notes what became of messages of ours.
    fn settle_news(&mut self) -> Result<Vec<Update>, Error> {
        let mut news = Vec::new();
        while let Some(update) = self.driver.handle().poll_event()? {
            if let Update::Chat(chat::Event::State {
                contact,
                name,
                state,
            }) = update
            {
                self.profile.journal.settled(contact, name, state);
            }
            news.push(update);
        }
        Ok(news)
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
        } else if let Some(shown) = Introduction::of(&event)
            && let Err(error) = self.profile.contacts.introduce(&[shown])
        {
            out.error(&Error::from(error).report());
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

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::chat::Messenger;
    use crate::cli::talk::profile::tests::{network, who_knows};
    use crate::crypto::StaticSecret;
    use crate::id::Timestamp;
    use crate::net::{Clock, Driver, Handle, Socket, os_rng, seed};
    use crate::proto::{Endpoint, PeerConfig, Shown};
    use crate::store::{Filter, Search, Standing, Way, key_text};

    /// Against hanging only.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn whoever_has_no_address_is_not_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let bob = PeerId::new([2; 32]);
        let context = who_knows(home.path(), &format!("bob {}\n", key_text(&bob)));
        let peer = Peer {
            label: "bob".into(),
            saved: true,
        };
        let called = network(&context).call(bob, &peer, &[], |_| ());
        let told = called.unwrap_err().report();
        assert_eq!(told.code, "SC27");
    }

    /// Bob, on this machine, who gives a receipt for the first message that he gets and for no other.
    pub(in crate::cli::talk) struct Bob {
        pub(in crate::cli::talk) id: PeerId,
        driver: Driver,
        woken: Receiver<()>,
    }

    impl Bob {
        /// Whoever has the key `caller` may call him.
        pub(in crate::cli::talk) fn known_to(caller: PeerId) -> Self {
            let clock = Clock::new();
            let secret = Arc::new(StaticSecret::generate(&mut os_rng()));
            let (config, timestamps) = (EndpointConfig::default(), Timestamp(1)..Timestamp(99));
            let mut endpoint = Endpoint::new(config, secret, seed(), timestamps, clock.now());
            endpoint.add_peer(PeerConfig {
                id: caller,
                psk: None,
                addresses: Vec::new(),
                shown: Shown::default(),
            });
            let id = endpoint.id();
            let messenger = Messenger::in_memory(endpoint, seed(), clock.now());
            let socket = Socket::bind(Bind::At("127.0.0.1:0".parse().unwrap())).unwrap();
            let (wake, woken) = channel();
            let notify = Box::new(move || {
                let _ = wake.send(());
            });
            let driver = Driver::start(socket, messenger, clock, notify).unwrap();
            Self { id, driver, woken }
        }

        /// His line in known-peers.
        pub(in crate::cli::talk) fn line(&self) -> String {
            let address = self.driver.handle().local_addr();
            format!("bob {} addr={address}\n", key_text(&self.id))
        }

        /// Waits until the core of whoever calls has his receipt, and as yet has told nobody of it.
        pub(in crate::cli::talk) fn confirms(&self, caller: PeerId, core: &Handle, clock: Clock) {
            let handle = self.driver.handle();
            let name = loop {
                if let Some(update) = handle.poll_event().unwrap() {
                    if let Update::Chat(chat::Event::Message { message, .. }) = update {
                        break message.name;
                    }
                    continue;
                }
                self.woken.recv_timeout(PATIENCE).unwrap();
            };
            let take = |messenger: &mut Messenger, now| messenger.take(caller.into(), name, now);
            handle.with(take).unwrap();
            let start = clock.now();
            let state =
                |messenger: &mut Messenger, _| messenger.client().state(self.id.into(), name);
            while core.with(state).unwrap().is_some() {
                assert!(clock.now().saturating_since(start) < PATIENCE, "no receipt");
                std::thread::yield_now();
            }
        }
    }

    /// How each message stands that is kept, or waits.
    pub(in crate::cli::talk) fn standings(profile: &mut Profile) -> Vec<Standing> {
        profile.journal.catch_up().unwrap();
        let mut search = Search::new(Filter::default(), Way::On, None);
        let archive = profile.journal.archive();
        let page = search.page(archive, 99, usize::MAX).unwrap();
        page.entries.iter().map(|entry| entry.standing).collect()
    }
}
