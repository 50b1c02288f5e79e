//! Opens what a talking program needs: the identity, alone; the people; the store.

use core::ops::Range;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::{Client, ContactId, Messenger, Name, Outgoing, Policy};
use crate::cli::control::Running;
use crate::cli::talk::contacts::Contacts;
use crate::cli::talk::journal::Journal;
use crate::cli::talk::record::Records;
use crate::cli::turn::{BRIEF, Turn};
use crate::cli::{BindProblem, BindSource, Context, Error, Out, identity};
use crate::crypto::StaticSecret;
use crate::id::{PeerId, Timestamp};
use crate::net::{Bind, Clock, Family, os_rng, seed};
use crate::proto::{Endpoint, EndpointConfig};
use crate::store::{
    self, Archive, IdentityLock, Keep, KnownPeers, PeerList, Restored, Unconfirmed, is_test_only,
};
use crate::text::{Safe, count_messages, safe_line};

/// An identity that this process alone has open.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) secret: Arc<StaticSecret>,
    pub(super) contacts: Contacts,
    pub(super) journal: Journal,
    pub(super) left: Left,
    pub(super) clock: Clock,
    pub(super) records: Records,
    /// The file that handshake timestamps are reserved in; none if the identity is of this run only.
    timestamps: Option<PathBuf>,
    /// Held as long as the process talks.
    _lock: Option<IdentityLock>,
}

/// What an earlier process left behind.
#[derive(Debug)]
pub(super) struct Left {
    /// Messages that perhaps nobody has seen.
    pub(super) unconfirmed: Vec<Unconfirmed>,
    /// Messages of ours that wait, each contact's in their order.
    pub(super) waiting: Vec<(ContactId, Outgoing)>,
    /// Messages of ours that are given up, since their receiver was revoked meanwhile; none if only what is known of its
    /// logs goes.
    given_up: Vec<(ContactId, Vec<Name>)>,
    /// The client's part, until it is made.
    restored: Restored,
}

/// Messages of ours to somebody that will not be sent.
pub(super) struct GivenUp {
    pub(super) contact: ContactId,
    pub(super) names: Vec<Name>,
    /// What is told of them.
    pub(super) words: Safe,
}

/// How the identity was found.
pub(super) enum Found {
    /// Nobody else has it open.
    Alone(Box<Profile>),
    /// A program has it open, which does for others what they ask.
    Beside(Running),
}

impl Profile {
    /// As [`Profile::open`], but waits for another command that has the identity open for a moment, such as
    /// `send`; whatever talks for longer is found instead.
    ///
    /// # Errors
    /// Those of [`Profile::open`]; SC15 after this much time.
    pub(super) fn find(context: &Context, bind: Bind, patience: Duration) -> Result<Found, Error> {
        if let Some(running) = Running::find(context, patience.max(BRIEF))? {
            return Ok(Found::Beside(running));
        }
        let secret = Self::unlock(context, bind)?;
        Self::wait(context, bind, secret, patience)
    }

    /// As [`Profile::find`], with the identity unlocked already. Says what is given up.
    ///
    /// # Errors
    /// As of [`Profile::find`].
    pub(super) fn wait(
        context: &Context,
        bind: Bind,
        secret: StaticSecret,
        patience: Duration,
    ) -> Result<Found, Error> {
        match Turn::wait(context, &secret.public(), patience)? {
            Turn::Ours(lock) => {
                let mut profile = Self::of(context, bind, secret, lock)?;
                for it in profile.give_up() {
                    context.out.warn(&it.words);
                }
                Ok(Found::Alone(Box::new(profile)))
            }
            Turn::Beside(running) => Ok(Found::Beside(running)),
        }
    }

    /// Unlocks the identity, reads the people and opens the store. `bind` decides whether test keys are
    /// allowed. Another command that has the identity open is waited for briefly, a program that talks is not.
    ///
    /// # Errors
    /// SC01, SC02, SC11, SC15, SC17 to SC19, SC22 and SC28, as the case may be.
    pub(super) fn open(context: &Context, bind: Bind) -> Result<Self, Error> {
        let secret = Self::unlock(context, bind)?;
        let id = secret.public();
        let lock = match Turn::wait(context, &id, BRIEF)? {
            Turn::Ours(lock) => lock,
            Turn::Beside(_) => IdentityLock::acquire(&context.paths.lock(&id))?,
        };
        Self::of(context, bind, secret, lock)
    }

    /// Unlocks the identity. `bind` decides whether test keys are allowed.
    ///
    /// # Errors
    /// SC01, SC02, SC11, SC17 to SC19 and SC28, as the case may be.
    pub(super) fn unlock(context: &Context, bind: Bind) -> Result<StaticSecret, Error> {
        let secret = identity::unlock(context)?;
        check_test_key(&secret, bind)?;
        Ok(secret)
    }

    fn of(
        context: &Context,
        bind: Bind,
        secret: StaticSecret,
        lock: IdentityLock,
    ) -> Result<Self, Error> {
        // It may have been unlocked for another socket.
        check_test_key(&secret, bind)?;
        let id = secret.public();
        let list = PeerList::in_file(context.paths.known_peers());
        let contacts = Contacts::load(list, is_local(bind))?;
        let clock = Clock::new();
        let path = context.paths.history(&id);
        let (now, rng) = (clock.unix_time(), Box::new(os_rng()));
        let opened = Archive::open(&path, &secret, context.config.keep, rng, now)?;
        Ok(Self {
            records: Records::of(context),
            timestamps: Some(context.paths.timestamps(&id)),
            _lock: Some(lock),
            ..Self::of_this_run(secret, contacts, opened, clock, &context.out)
        })
    }

    /// An identity of this run only, which knows these people: no file is read, and none is written.
    ///
    /// # Errors
    /// None that anybody could do something about.
    pub(super) fn in_memory(
        secret: StaticSecret,
        known: &KnownPeers,
        out: &Out,
    ) -> Result<Self, Error> {
        let contacts = Contacts::load(PeerList::in_memory(known), false)?;
        let clock = Clock::new();
        let (now, rng) = (clock.unix_time(), Box::new(os_rng()));
        let opened = Archive::in_memory(&secret, Keep::Session, rng, now)?;
        Ok(Self::of_this_run(secret, contacts, opened, clock, out))
    }

    /// With no file but those that the people and the store may be in.
    fn of_this_run(
        secret: StaticSecret,
        contacts: Contacts,
        (archive, restored): (Archive, Restored),
        clock: Clock,
        out: &Out,
    ) -> Self {
        let left = Left::of(restored, &contacts);
        Self {
            secret: Arc::new(secret),
            contacts,
            journal: Journal::new(archive, clock),
            left,
            clock,
            records: Records::none(out),
            timestamps: None,
            _lock: None,
        }
    }

    /// Whether nothing of it is kept.
    pub(super) const fn is_of_this_run(&self) -> bool {
        self.timestamps.is_none()
    }

    /// Makes sure that a key is not our own, which the files need not tell before the identity is open.
    ///
    /// # Errors
    /// SC30.
    pub(super) fn check_not_own(&self, key: &PeerId) -> Result<(), Error> {
        if *key != self.secret.public() {
            return Ok(());
        }
        let saved = self.contacts.known().find_key(key);
        let saved = saved.map(|peer| peer.name().clone());
        Err(Error::OwnKey { saved })
    }

    /// Makes the core that knows these people, and goes on with what an earlier process left.
    ///
    /// # Errors
    /// If no timestamps can be reserved.
    pub(super) fn messenger(&mut self, config: EndpointConfig) -> Result<Messenger, Error> {
        let clock = self.clock;
        let timestamps = self.reserve_timestamps()?;
        let secret = Arc::clone(&self.secret);
        let mut endpoint = Endpoint::new(config, secret, seed(), timestamps, clock.now());
        self.contacts.install(&mut endpoint);
        Ok(Messenger::new(endpoint, self.client(), clock.now()))
    }

    /// Reserves handshake timestamps on disk; none of them is used before that.
    ///
    /// # Errors
    /// If their file or the store cannot be written, or none are left.
    pub(super) fn reserve_timestamps(&mut self) -> Result<Range<Timestamp>, store::Error> {
        match &self.timestamps {
            Some(path) => self.journal.reserve_timestamps(path),
            None => Ok(timestamps_of_run(self.clock)),
        }
    }

    /// What is given up, once: each of these is to be told, in these words, before it is written down that it is over. A start
    /// that does not come to that leaves it to the next one.
    pub(super) fn give_up(&mut self) -> Vec<GivenUp> {
        let mut told = Vec::new();
        for (contact, names) in core::mem::take(&mut self.left.given_up) {
            self.journal.forget(contact, names.iter().copied());
            if names.is_empty() {
                continue;
            }
            let words =
                count_messages(names.len()) + " for " + self.contacts.label(&contact.peer());
            let words = words + " will not be sent: the key is revoked";
            told.push(GivenUp {
                contact,
                names,
                words,
            });
        }
        told
    }

    /// The messages alone, without a network. To be made once.
    pub(super) fn client(&mut self) -> Client {
        let restored = core::mem::take(&mut self.left.restored);
        restored.into_client(Policy::default(), seed(), self.clock.now())
    }
}

impl Left {
    /// Takes over what was restored, but for what waits for somebody who was revoked since: that is given up.
    fn of(mut restored: Restored, contacts: &Contacts) -> Self {
        // Not one revoked key after the other: of these a list that was taken over may have very many.
        let known = contacts.known();
        let given_up = restored.forget(|contact| known.is_revoked(&contact.peer()));
        let waiting = restored.waiting_messages();
        let waiting = waiting.map(|(contact, message)| (contact, message.clone()));
        let waiting = waiting.collect();
        Self {
            unconfirmed: core::mem::take(&mut restored.unconfirmed),
            waiting,
            given_up: given_up.into_iter().collect(),
            restored,
        }
    }
}

/// The handshake timestamps of an identity that no other run has, or had.
pub(in crate::cli) fn timestamps_of_run(clock: Clock) -> Range<Timestamp> {
    let start = clock.unix_time().0.saturating_mul(1_000_000);
    Timestamp(start)..Timestamp(u64::MAX)
}

/// # Errors
/// SC28 for a published test key at a socket that can be reached from other machines.
fn check_test_key(secret: &StaticSecret, bind: Bind) -> Result<(), Error> {
    if is_test_only(&secret.public()) && !is_local(bind) {
        return Err(Error::TestKey);
    }
    Ok(())
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
    Error::CannotListen {
        address,
        source: BindSource::Nobody,
        reason,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::Ipv4Addr;
    use std::path::Path;

    use super::*;
    use crate::cli::args::Globals;
    use crate::cli::talk::conversation::{Conversation, Typist};
    use crate::cli::talk::face::Face;
    use crate::cli::talk::goal::Goal;
    use crate::cli::talk::network::Network;
    use crate::cli::talk::stdin::Lines;
    use crate::cli::{Out, streams};
    use crate::plain::{Form, Printer};
    use crate::proto::EndpointConfig;
    use crate::store::{Config, KeyFile, Paths};

    /// As if it had been unlocked for a program that had the identity and was gone before it could be asked.
    fn test_key() -> StaticSecret {
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/test");
        let bytes = std::fs::read(keys.join("TEST-ONLY-alice.key")).unwrap();
        KeyFile::parse(&bytes).unwrap().open(None).unwrap()
    }

    pub(in crate::cli::talk) fn context(home: &Path) -> Context {
        let globals = Globals {
            quiet: true,
            ..Globals::default()
        };
        Context {
            paths: Paths::resolve(Some(home), None).unwrap(),
            out: Out::new(&globals),
            config: Config::default(),
            globals,
        }
    }

    const LOCAL: Bind = Bind::At(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));

    /// Somebody who has a core, and no network yet.
    pub(in crate::cli::talk) fn profile(context: &Context) -> Profile {
        let Ok(Found::Alone(profile)) = Profile::wait(context, LOCAL, test_key(), Duration::ZERO)
        else {
            panic!("somebody else has it")
        };
        *profile
    }

    /// A core that runs and knows nobody.
    pub(in crate::cli::talk) fn network(context: &Context) -> Network {
        Network::start(profile(context), LOCAL, EndpointConfig::default(), None).unwrap()
    }

    /// Somebody who knows these people, a line of known-peers each.
    pub(in crate::cli::talk) fn who_knows(home: &Path, known: &str) -> Context {
        let context = context(home);
        std::fs::write(context.paths.known_peers(), format!("# known\n{known}")).unwrap();
        context
    }

    /// A conversation that serves programs, and nobody sees.
    pub(in crate::cli::talk) fn conversation(
        context: &Context,
        typist: Typist,
        goal: Goal,
    ) -> Conversation {
        let printer = Printer::new(Form::Records, streams::stdout(), streams::stderr(), true);
        let ends = (Face::Service(printer), typist, Lines::none());
        let network = network(context);
        crate::cli::talk::conversation(network, ends, goal, Duration::ZERO, context.into())
    }

    #[test]
    fn a_test_key_that_is_unlocked_already_is_taken_on_loopback_alone() {
        let home = tempfile::tempdir().unwrap();
        let context = context(home.path());
        let wait = |bind| Profile::wait(&context, bind, test_key(), Duration::ZERO);
        let (port, family) = (0, Family::Any);
        let refused = wait(Bind::Everywhere { port, family });
        assert!(matches!(refused, Err(Error::TestKey)));
        let local = Bind::At(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        assert!(matches!(wait(local), Ok(Found::Alone(_))));
    }
}
