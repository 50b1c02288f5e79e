//! A bot: it answers whoever is in `known-peers`, and has the same files as the program.
//!
//! ```text
//! securechat --home HOME keygen --no-passphrase
//! securechat --home HOME peers add NAME KEY
//! cargo run --release --example echo -- HOME 0.0.0.0:7419
//! ```
//!
//! It calls nobody: people call it. Ctrl+C ends it. It answers each message once, however it ends, but for those
//! to which no answer could be kept any more. Who is taken out of the list meanwhile is talked to until it starts again.

#![allow(clippy::print_stdout, reason = "its output")]

use std::alloc::System;
use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use securechat::chat::{self, ContactId, Draft, Incoming, Messenger, Outgoing, Policy, Received};
use securechat::chat::{SendError, Update};
use securechat::net::{Bind, Clock, Driver, Fatal, Handle, Signals, Socket, os_rng, seed};
use securechat::proto::{Endpoint, EndpointConfig, Event, PeerConfig, Shown};
use securechat::store::{
    Archive, IdentityLock, Keep, KnownPeers, Paths, Unconfirmed, key_text, load_identity,
    survives_panic,
};

/// How long the end waits for receipts. What has none by then is in the archive and goes out next time.
const LINGER: Duration = Duration::from_secs(5);
/// How long nothing may happen before it looks for itself.
const LONG: Duration = Duration::from_secs(3_600);

/// Frees are wiped: the libraries beneath leave copies of secrets in them.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<System> = zeroizing_alloc::ZeroAlloc(System);

type Any = Box<dyn Error>;

/// Why the loop goes on.
enum Wake {
    /// There may be events.
    Events,
    /// Somebody wants it to end.
    End,
}

fn main() -> Result<(), Any> {
    harden()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [home, address] = arguments.as_slice() else {
        return Err("usage: echo HOME ADDRESS:PORT".into());
    };
    run(Path::new(home), address.parse()?)
}

/// In a release build no core dumps and no debuggers; and a panic in any thread ends the process, unless the store catches it.
pub(crate) fn harden() -> Result<(), Any> {
    std::panic::set_hook(Box::new(|panic| {
        if !survives_panic() {
            // Where, and not what it says: that could quote a conversation.
            println!("a bug at {:?}", panic.location());
            std::process::exit(101);
        }
    }));
    if !cfg!(debug_assertions) {
        secmem_proc::harden_process().map_err(|it| it.to_string())?;
    }
    Ok(())
}

/// The order counts: the lock before all that only one process may have, timestamps before the endpoint,
/// people before the messenger, which lets go out what waits for those who are known by then.
pub(crate) fn run(home: &Path, address: SocketAddr) -> Result<(), Any> {
    let paths = Paths::resolve(Some(home), None)?;
    let identity = load_identity(paths.identity())?.open(None)?;
    let id = identity.public();
    let _lock = IdentityLock::acquire(&paths.lock(&id))?;

    let clock = Clock::new();
    let (history, rng, now) = (paths.history(&id), Box::new(os_rng()), clock.unix_time());
    let (mut archive, mut restored) = Archive::open(&history, &identity, Keep::Off, rng, now)?;
    let timestamps = archive.reserve_timestamps(&paths.timestamps(&id), now)?;

    let config = EndpointConfig::default();
    let identity = Arc::new(identity);
    let mut endpoint = Endpoint::new(config, identity, seed(), timestamps, clock.now());
    know(&mut endpoint, &KnownPeers::load(&paths.known_peers())?);

    let unanswered = std::mem::take(&mut restored.unconfirmed);
    let client = restored.into_client(Policy::default(), seed(), clock.now());
    let messenger = Messenger::new(endpoint, client, clock.now());

    let (wake, woken) = mpsc::channel();
    let end = wake.clone();
    let on_signal = move |_| {
        let _ = end.send(Wake::End);
    };
    let _signals = Signals::watch(on_signal, || {})?;
    // Nothing but a word to the loop: it is called on threads that others wait for.
    let notify = Box::new(move || {
        let _ = wake.send(Wake::Events);
    });
    let driver = Driver::start(Socket::bind(Bind::At(address))?, messenger, clock, notify)?;

    let bot = Bot {
        archive,
        timestamps: paths.timestamps(&id),
        known_peers: paths.known_peers(),
        handle: driver.handle().clone(),
        clock,
    };
    println!(
        "listening on {} as {}",
        bot.handle.local_addr(),
        key_text(&id)
    );
    let archive = bot.work(unanswered, &woken)?;
    driver.stop(true);
    Ok(archive.close()?)
}

/// Who is revoked, or whose words differed, gets no answer.
fn know(endpoint: &mut Endpoint, known: &KnownPeers) {
    for (key, _) in known.revoked() {
        endpoint.revoke_peer(*key);
    }
    let trusted = |it: &&securechat::store::Peer| !it.is_revoked() && it.differed().is_none();
    for peer in known.peers().iter().filter(trusted) {
        endpoint.add_peer(PeerConfig {
            id: peer.key(),
            psk: peer.psk(),
            addresses: Vec::new(),
            shown: Shown {
                signing_key: peer.signing_key(),
                version: peer.version().unwrap_or_default(),
            },
        });
    }
}

struct Bot {
    archive: Archive,
    /// The files of them.
    timestamps: PathBuf,
    known_peers: PathBuf,
    handle: Handle,
    clock: Clock,
}

impl Bot {
    /// Until somebody wants the end, and then until every answer has its receipt, or for a while.
    fn work(
        mut self,
        unanswered: Vec<Unconfirmed>,
        woken: &mpsc::Receiver<Wake>,
    ) -> Result<Archive, Any> {
        for it in unanswered {
            self.answer(it.contact, &it.message, true)?;
        }
        let mut end = None;
        loop {
            while let Some(update) = self.handle.poll_event()? {
                self.on_update(update)?;
            }
            let left =
                end.map(|end: securechat::time::Instant| end.saturating_since(self.clock.now()));
            if left.is_some_and(|left| left.is_zero()) || (left.is_some() && self.is_settled()?) {
                return Ok(self.archive);
            }
            match woken.recv_timeout(left.unwrap_or(LONG)) {
                Ok(Wake::End) => {
                    end.get_or_insert_with(|| self.clock.now() + LINGER);
                }
                Ok(Wake::Events) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(self.archive),
            }
        }
    }

    fn is_settled(&self) -> Result<bool, Fatal> {
        let waits = |it: &mut Messenger, _| it.client().unsettled_contacts().next().is_some();
        Ok(!self.handle.with(waits)?)
    }

    fn on_update(&mut self, update: Update) -> Result<(), Any> {
        if let Update::Chat(chat::Event::Message { contact, message }) = &update {
            self.answer(*contact, message, false)?;
        } else if let Update::Chat(chat::Event::State {
            contact,
            name,
            state,
        }) = update
            && state.is_final()
        {
            // It has left the outbox, on the disk too.
            let now = self.clock.unix_time();
            self.archive
                .change(now, |it| it.settle(contact, name, state))?;
        } else if let Update::Session(Event::Introduced {
            peer,
            signing_key,
            newest_version,
        }) = update
        {
            // From then on no session goes on in which it shows another one.
            let note = |it: &mut KnownPeers| it.introduce(&peer, signing_key, newest_version);
            if let Err(why) = KnownPeers::update(&self.known_peers, note) {
                println!("not noted: {why}");
            }
        } else if update == Update::Session(Event::TimestampsLow) {
            // Without new ones no session begins any more.
            let now = self.clock.unix_time();
            let more = self.archive.reserve_timestamps(&self.timestamps, now)?;
            self.handle
                .with(|it, _| it.endpoint_mut().add_timestamps(more))?;
        }
        Ok(())
    }

    /// The message, that it was seen, and the answer are on the disk together before anything leaves: whatever
    /// ends the process, it is answered once. `is_here`: it was taken by an earlier process, which perhaps showed
    /// it to nobody.
    fn answer(&mut self, contact: ContactId, message: &Incoming, is_here: bool) -> Result<(), Any> {
        let reply = self.prepare(contact, message)?;
        let is_new = self.archive.change(self.clock.unix_time(), |change| {
            let is_new = is_here || change.receive(contact, message)?;
            if is_new && let Some(reply) = &reply {
                change.queue(contact, reply)?;
            }
            change.shown(contact, message.name)?;
            Ok(is_new)
        })?;
        let take = |it: &mut Messenger, now| it.take(contact, message.name, now);
        self.handle.with(take)?;
        match reply {
            Some(reply) if is_new => self.accept(contact, reply),
            Some(_) | None => Ok(()),
        }
    }

    /// None if there can be no answer: it would be too long, or hold a secret key, or there is no room for it.
    fn prepare(&self, contact: ContactId, message: &Incoming) -> Result<Option<Outgoing>, Fatal> {
        let text = match Received::from(message.body.as_slice()) {
            Received::Text(text) => format!("echo: {text}"),
            Received::Unreadable { len } => format!("echo: {len} bytes that are no text"),
        };
        let draft = Draft::text(text, self.clock.unix_time());
        let prepared = self.handle.with(|it, _| it.prepare(contact, draft))?;
        Ok(prepared
            .inspect_err(|why| println!("no answer: {why}"))
            .ok())
    }

    fn accept(&mut self, contact: ContactId, reply: Outgoing) -> Result<(), Any> {
        let name = reply.name;
        let accepted: Result<_, SendError> =
            self.handle.with(|it, now| it.accept(contact, reply, now))?;
        if let Err(why) = accepted {
            println!("no answer: {why}");
            let now = self.clock.unix_time();
            self.archive.change(now, |it| it.withdraw(contact, name))?;
        }
        Ok(())
    }
}
