//! The echo peer: it sends back whatever comes, and compares words with whoever asks.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::chat::{ContactId, Draft, Incoming};
use crate::cli::Error;
use crate::cli::demo::party::{News, Party};
use crate::cli::talk::no_threads;
use crate::crypto::StaticSecret;
use crate::id::PeerId;
use crate::net::{Clock, os_rng};
use crate::proto::ShortCode;
use crate::sync::thread::{self, JoinHandle};

/// The echo peer. It can be called at once, and says something once it [answers](Echo::answer).
pub(super) struct Echo {
    pub(super) id: PeerId,
    pub(super) address: SocketAddr,
    party: Party,
    wake: Sender<Wake>,
    woken: Receiver<Wake>,
}

/// What wakes it.
enum Wake {
    Look,
    Stop,
}

/// An echo peer at work, until this is dropped.
pub(super) struct Answering {
    wake: Sender<Wake>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    /// Begins to listen on a free port of this machine, for one peer.
    ///
    /// # Errors
    /// SC12; what else the system refuses.
    pub(super) fn start(clock: Clock, peer: PeerId) -> Result<Self, Error> {
        let (wake, woken) = channel();
        let look = wake.clone();
        let secret = StaticSecret::generate(&mut os_rng());
        let party = Party::start(secret, clock, move || {
            let _ = look.send(Wake::Look);
        })?;
        party.add(peer, Vec::new())?;
        Ok(Self {
            id: party.id,
            address: party.handle.local_addr(),
            party,
            wake,
            woken,
        })
    }

    /// Answers from now on. The words that it sees it tells to `reads_out`, as somebody would on the telephone.
    ///
    /// # Errors
    /// If no thread can be had.
    pub(super) fn answer(
        self,
        reads_out: impl Fn(ShortCode) + Send + 'static,
    ) -> Result<Answering, Error> {
        let Self {
            party, wake, woken, ..
        } = self;
        let run = move || {
            // It fails only if the core has: then nothing comes back, which is seen.
            while let Ok(Wake::Look) = woken.recv()
                && look(&party, &reads_out).is_ok()
            {}
        };
        let thread = thread::start("echo", run).map_err(|error| no_threads(&error))?;
        Ok(Answering {
            wake,
            thread: Some(thread),
        })
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let _ = self.wake.send(Wake::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn look(party: &Party, reads_out: &impl Fn(ShortCode)) -> Result<(), Error> {
    while let Some(news) = party.news()? {
        match news {
            News::Message(from, message) => echo(party, from, message)?,
            News::Words(peer, code) => {
                reads_out(code);
                party.agree(peer, &code)?;
            }
            News::State(..) | News::Connected => {}
        }
    }
    Ok(())
}

fn echo(party: &Party, from: ContactId, message: Incoming) -> Result<(), Error> {
    party.take(from, message.name)?;
    let draft = Draft {
        kind: message.kind,
        conversation: message.conversation,
        sent_at: message.sent_at,
        body: message.body,
    };
    party.send(from, draft).map(drop)
}
