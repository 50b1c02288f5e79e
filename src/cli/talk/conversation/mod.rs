//! The loop of a program that talks: events of the core, lines of the user, signals, the clock.
//!
//! The loop waits in one place. Its order:
//! 1. tell what the core tells,
//! 2. take what the user typed, one line at a time, as long as the core takes it,
//! 3. twice a second look whether known-peers changed,
//! 4. ask whether it is time to stop.

mod commands;
mod ending;
mod events;
mod guests;
mod typing;
mod watch;

use std::collections::{BTreeSet, VecDeque};
use std::io::{Stderr, Stdout};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::chat::Update;
use crate::cli::talk::conversation::ending::conclude;
use crate::cli::talk::goal::Goal;
use crate::cli::talk::leave::Leave;
use crate::cli::talk::profile::Profile;
use crate::cli::talk::stdin::Stdin;
use crate::cli::{Error, ExitCode, Out, Peer};
use crate::id::PeerId;
use crate::net::{Clock, Driver, Handle, ResolveError, Signal};
use crate::plain::Printer;
use crate::proto::ApiMisuse;
use crate::text::{Safe, safe_line};
use crate::time::Instant;
use crate::wire::limits::VERSION;

/// How often known-peers is looked at. A change counts at the second look that finds it, within 2 s.
const LOOK: Duration = Duration::from_millis(500);
/// How soon a line that the core could not take is offered again: nothing tells when there is room.
const OFFER_AGAIN: Duration = Duration::from_millis(10);
/// How often it is looked at whether the last words have arrived.
const LEAVE_LOOK: Duration = Duration::from_millis(20);

/// What wakes the loop.
#[derive(Debug)]
pub(super) enum Input {
    /// The core has events, or a line was read.
    Wake,
    /// The operating system wants us to stop.
    Signal(Signal),
    /// A host's addresses were looked up.
    Resolved(Result<Vec<SocketAddr>, ResolveError>),
}

/// A talking program.
pub(super) struct Conversation {
    pub(super) profile: Profile,
    pub(super) handle: Handle,
    pub(super) driver: Driver,
    pub(super) clock: Clock,
    pub(super) printer: Printer<Stdout, Stderr>,
    pub(super) out: Out,
    pub(super) inputs: Receiver<Input>,
    pub(super) lines: Receiver<Stdin>,
    /// Whether a person types the lines.
    pub(super) interactive: bool,
    pub(super) goal: Goal,
    pub(super) own: PeerId,
    pub(super) state: State,
    pub(super) leave: Leave,
}

/// What the conversation remembers.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The peer that a bare line goes to.
    last: Option<PeerId>,
    /// A line that the core could not take yet.
    pending: Option<(PeerId, String)>,
    /// Unknown keys that wait for an answer; the first one has been asked about.
    guests: VecDeque<Guest>,
    /// When that question was put.
    asked: Instant,
    /// When standard input ended.
    ended: Option<Instant>,
    /// Whether a line was not sent, or not acknowledged in time.
    undelivered: bool,
    looked: Instant,
    /// When the person said that it wants to leave.
    leaving: Option<Instant>,
    /// Who was spoken to.
    spoken: BTreeSet<PeerId>,
}

#[derive(Debug)]
struct Guest {
    peer: PeerId,
    address: SocketAddr,
}

impl Conversation {
    /// Runs until there is a reason to stop, then says goodbye.
    ///
    /// # Errors
    /// The error that ends it.
    pub(super) fn run(mut self) -> Result<ExitCode, Error> {
        let end = self.turn_until_done();
        drop(self.leave);
        self.driver.stop(true);
        let undelivered = self.state.undelivered && !self.interactive;
        end.map(|code| conclude(code, undelivered))
    }

    fn turn_until_done(&mut self) -> Result<ExitCode, Error> {
        loop {
            while let Some(event) = self.handle.poll_event()? {
                let end = match event {
                    Update::Session(event) => self.on_event(event)?,
                    Update::Chat(event) => self.on_chat_event(event)?,
                };
                if let Some(end) = end {
                    return Ok(end);
                }
            }
            if let Some(end) = self.take_lines()? {
                return Ok(end);
            }
            self.look_at_known_peers()?;
            if let Some(end) = self.check_time()? {
                return Ok(end);
            }
            match self.inputs.recv_timeout(self.patience()) {
                Ok(Input::Wake) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Input::Signal(signal)) => return Ok(signal.into()),
                Ok(Input::Resolved(found)) => self.on_resolved(found)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::Done),
            }
        }
    }

    fn check_time(&mut self) -> Result<Option<ExitCode>, Error> {
        let now = self.clock.now();
        for error in self.handle.take_icmp_errors() {
            if let Some(address) = self.goal.on_icmp(&error) {
                self.note(Safe::from("link: ") + address + " reports a closed port; trying on");
            }
        }
        if let Some(peer) = self.goal.overdue(now) {
            let status = self
                .handle
                .with(|messenger, now| messenger.endpoint_mut().status(peer, now))?;
            let tries = status.map_or(0, |status| status.tries);
            let saved = self.profile.contacts.is_saved(&peer);
            let peer = Peer {
                label: self.label(&peer),
                saved,
            };
            return Err(self.goal.failure(peer, tries, now));
        }
        if let Some((peer, addresses)) = self.goal.call_again(now) {
            self.connect(peer, &addresses)?;
        }
        match self.check_leave(now)? {
            Some(end) => Ok(Some(end)),
            None => self.check_end(now),
        }
    }

    /// How long the loop may sleep.
    fn patience(&self) -> Duration {
        let left = self.goal.patience(self.clock.now());
        let leaves = self.state.leaving.is_some() || self.state.ended.is_some();
        patience(left, self.state.pending.is_some()).min(if leaves { LEAVE_LOOK } else { LOOK })
    }

    fn on_resolved(&mut self, found: Result<Vec<SocketAddr>, ResolveError>) -> Result<(), Error> {
        match self.goal.on_resolved(found)? {
            Some((peer, addresses)) => self.connect(peer, &addresses),
            None => Ok(()),
        }
    }

    fn connect(&mut self, peer: PeerId, addresses: &[SocketAddr]) -> Result<(), Error> {
        if let Some(first) = addresses.first() {
            let label = self.label(&peer);
            self.note(Safe::from("connecting to ") + label + " at " + *first);
        }
        let started = self
            .handle
            .with(|messenger, now| messenger.endpoint_mut().connect(peer, addresses, now))?;
        if let Err(ApiMisuse::NewerVersion(theirs)) = started {
            return Err(Error::NewerVersion {
                peer: self.named(&peer),
                theirs,
                ours: VERSION,
            });
        }
        if let Err(error) = started {
            self.warn(Safe::from("cannot connect: ") + safe_line(&error.to_string()));
        }
        Ok(())
    }

    fn named(&self, peer: &PeerId) -> Peer {
        Peer {
            label: self.label(peer),
            saved: self.profile.contacts.is_saved(peer),
        }
    }

    pub(in crate::cli::talk) fn label(&self, peer: &PeerId) -> Safe {
        self.profile.contacts.label(peer)
    }

    fn note(&mut self, words: Safe) {
        self.printer.note(&words);
    }

    fn warn(&mut self, words: Safe) {
        self.printer.warn(&words);
    }
}

/// How long the loop may sleep, `left` before the goal is missed, with a line pending or not.
fn patience(left: Option<Duration>, is_pending: bool) -> Duration {
    let most = if is_pending { OFFER_AGAIN } else { LOOK };
    left.map_or(most, |left| left.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_found_no_room_does_not_wait_for_the_next_look() {
        assert_eq!(patience(None, false), LOOK);
        assert_eq!(patience(None, true), OFFER_AGAIN);
        let soon = Duration::from_millis(1);
        assert_eq!(patience(Some(soon), true), soon);
    }
}
