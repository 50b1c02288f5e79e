//! Calling others, and hanging up.

use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::talk::aim::why_gone;
use crate::cli::talk::calls::{Inquiry, MAX_STUCK};
use crate::cli::talk::conversation::{Conversation, Typist};
use crate::cli::talk::fact::{Change, Fact, HUNG_UP};
use crate::cli::talk::goal::{Goal, Resolved};
use crate::cli::talk::network::Input;
use crate::cli::{Barrier, Error};
use crate::id::PeerId;
use crate::net::{Family, Host, IcmpError, IcmpKind, ResolveError};
use crate::proto::ApiMisuse;
use crate::store::HostPort;
use crate::text::{Safe, safe_line};
use crate::time::Instant;
use crate::wire::limits::VERSION;

/// Addresses of which is remembered what the network said: more than people have peers on a screen.
const MAX_COMPLAINTS: usize = 256;

/// How long that counts: the longest pause between two tries is a minute, and what still holds is said again at the next.
const COMPLAINT_LIFE: Duration = Duration::from_secs(90);

/// What a call came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Called {
    Now,
    /// It is connected.
    Before,
    /// Earlier look-ups of its host hang: once one of them has come back.
    Later,
}

impl Conversation {
    /// The addresses of the one that the program is to reach were looked up.
    pub(super) fn on_resolved(
        &mut self,
        found: Result<Vec<SocketAddr>, ResolveError>,
    ) -> Result<(), Error> {
        match (self.goal.on_resolved(found, self.clock.now()), &self.goal) {
            (Ok(Resolved::Call(peer, addresses)), _) => {
                self.link(peer).not_found = None;
                self.reach(peer, &addresses)
            }
            (Ok(Resolved::Later(words)), _) => {
                self.tell_not_found();
                self.warn(words);
                Ok(())
            }
            (Err(error), Goal::Reach(reach)) => self.give_up(reach.peer, error),
            (Err(error), Goal::Listen { .. }) => Err(error),
            (Ok(Resolved::Nothing), _) => Ok(()),
        }
    }

    /// The one that the program is to reach has no address yet: tells programs, and remembers why.
    fn tell_not_found(&mut self) {
        let Some(error) = self.goal.not_found() else {
            return;
        };
        self.publish(&Fact::Error(self.out.trouble(&error)));
        if let (Goal::Reach(reach), Error::HostNotFound { reason, .. }) = (&self.goal, error) {
            let peer = reach.peer;
            self.note_not_found(peer, reason);
        }
    }

    /// Remembers why somebody is not called.
    fn note_not_found(&mut self, peer: PeerId, reason: Safe) {
        let words = Safe::from("the address of ") + self.label(&peer) + " was not found (";
        self.link(peer).not_found = Some(words + reason + ")");
    }

    /// Calls the one that the program is to reach.
    ///
    /// # Errors
    /// If there has been no talk that a screen stays for: SC16 if it speaks a newer version of the protocol, it may call
    /// then, but is not called; as [`Conversation::check_aim`] if it is no peer, so that no time would bring an answer.
    pub(super) fn reach(&mut self, peer: PeerId, addresses: &[SocketAddr]) -> Result<(), Error> {
        self.link(peer).is_known_away = false;
        match self.connect(peer, addresses) {
            Err(error) if is_of_peer(&error) && self.stays_after(peer) => {
                self.complain(&error);
                Ok(())
            }
            Err(Error::NoSuchPeer { .. }) => self.give_up(peer, self.lost_aim(peer)),
            Err(error) if is_of_peer(&error) => self.give_up(peer, error),
            result => result,
        }
    }

    fn connect(&mut self, peer: PeerId, addresses: &[SocketAddr]) -> Result<(), Error> {
        self.tell_call(peer, addresses.first());
        self.seek_session(peer, addresses)
    }

    /// As [`Conversation::connect`], though nobody asks for it: somebody who has not answered for long is called no more often
    /// for that, and later once more.
    fn connect_again(&mut self, peer: PeerId, addresses: &[SocketAddr]) -> Result<(), Error> {
        let started = self
            .handle
            .with(|messenger, now| messenger.endpoint_mut().connect_again(peer, addresses, now))?;
        if let Ok(true) = started {
            self.calls.on_end(&peer, self.clock.now());
            return Ok(());
        }
        self.check_started(peer, started)?;
        self.tell_call(peer, addresses.first());
        Ok(())
    }

    /// Tells where somebody is called, unless a session that stands only gets new keys by it; people not if they know already
    /// that it does not answer.
    fn tell_call(&mut self, peer: PeerId, address: Option<&SocketAddr>) {
        let Some(address) = address.copied() else {
            return;
        };
        let link = self.link(peer);
        if link.is_called_quietly {
            return;
        }
        let is_news = !link.is_known_away;
        let who = self.who(&peer);
        self.tell_if_news(is_news, &Fact::Connecting { who, address });
    }

    /// Seeks a session at these addresses and those that the core knows.
    fn seek_session(&mut self, peer: PeerId, addresses: &[SocketAddr]) -> Result<(), Error> {
        let started = self
            .handle
            .with(|messenger, now| messenger.endpoint_mut().connect(peer, addresses, now))?;
        self.check_started(peer, started)
    }

    /// What follows if nobody can be called: what is not the peer's is only said.
    fn check_started<T>(
        &mut self,
        peer: PeerId,
        started: Result<T, ApiMisuse>,
    ) -> Result<(), Error> {
        match started {
            Ok(_) => Ok(()),
            Err(ApiMisuse::NewerVersion(theirs)) => Err(Error::NewerVersion {
                peer: self.peer(&peer),
                theirs,
                ours: VERSION,
            }),
            Err(ApiMisuse::UnknownPeer) => Err(self.no_peer(peer)),
            Err(error) => {
                self.warn(Safe::from("cannot connect: ") + safe_line(&error.to_string()));
                Ok(())
            }
        }
    }

    /// Why nobody of this key can be called.
    fn no_peer(&self, peer: PeerId) -> Error {
        let unknown = || Error::NoSuchPeer {
            name: self.label(&peer),
        };
        self.check_not_own(&peer).err().unwrap_or_else(unknown)
    }

    /// Why somebody is a peer no longer. `name`: what he was called when a command or a program asked for him, if he was
    /// asked for by a name.
    pub(super) fn why_gone(&self, peer: PeerId, name: Option<&Safe>) -> Error {
        let known = self.profile.contacts.known();
        let decided = known.check_not_revoked(&peer).map_err(Error::from);
        let decided = decided.and_then(|()| self.check_not_aside(peer));
        let gone = || match name {
            Some(name) => why_gone(known, name, &peer),
            None => self.no_peer(peer),
        };
        decided.err().unwrap_or_else(gone)
    }

    /// Makes sure that whoever is to be reached is a peer yet. To be asked when all is told: the end of a session says more.
    ///
    /// # Errors
    /// SC25, SC33, SC46; SC05 or SC30 of a key that was called by no name. Not on a screen on which people have talked.
    pub(super) fn check_aim(&mut self) -> Result<(), Error> {
        // A pipe has nothing to say to others.
        let sought = self.goal.sought(self.typist == Typist::Pipe);
        let Some(peer) = sought.filter(|peer| !self.stays_after(*peer)) else {
            return Ok(());
        };
        if self.status(peer)?.is_some() {
            return Ok(());
        }
        self.give_up(peer, self.lost_aim(peer))
    }

    /// Why whoever is to be reached is a peer no longer.
    pub(super) fn lost_aim(&self, peer: PeerId) -> Error {
        self.why_gone(peer, self.goal.name_of(&peer))
    }

    /// Makes sure that a key is not our own.
    ///
    /// # Errors
    /// SC30.
    pub(super) fn check_not_own(&self, key: &PeerId) -> Result<(), Error> {
        self.profile.check_not_own(key)
    }

    /// Calls all those whose address is known, now and again.
    pub(in crate::cli::talk) fn call_everybody(&mut self) {
        let now = self.clock.now();
        self.calls.call_everybody();
        for peer in self.profile.contacts.known().peers() {
            let key = peer.key();
            if self.calls.has(&key) || peer.differed().is_some() {
                continue;
            }
            if let Some(host) = peer.addresses().first().filter(|_| !peer.is_revoked()) {
                self.calls.add(key, host.clone(), now);
                if self.way(key).is_ok_and(|way| way.is_up()) {
                    self.calls.let_be(&key);
                }
            }
        }
    }

    /// Calls those whose saved address is another one there, and no more where they were called.
    pub(super) fn follow_addresses(&mut self) -> Result<(), Error> {
        for (peer, host) in self.calls.hosts() {
            let saved = self.saved_host(&peer);
            if saved.as_ref() == Some(&host) {
                continue;
            }
            let is_up = self.way(peer)?.is_up();
            self.calls.follow(peer, saved, is_up, self.clock.now());
            self.link(peer).not_found = None;
        }
        Ok(())
    }

    /// Where somebody is called: where known-peers says, else where this program is to reach it.
    fn saved_host(&self, peer: &PeerId) -> Option<HostPort> {
        let saved = self.profile.contacts.known().find_key(peer);
        let saved = saved.and_then(|peer| peer.addresses().first().cloned());
        saved.or_else(|| self.goal.host_of(peer))
    }

    /// As [`Conversation::call`]; says why not.
    pub(super) fn call_now(&mut self, peer: PeerId) {
        match self.call(peer) {
            Ok(Called::Now) => {}
            Ok(Called::Before) => {
                let words = self.label(&peer) + " is connected already";
                self.warn_about(peer, words);
            }
            Ok(Called::Later) => self.tell_stuck(peer),
            Err(Error::NoAddress { peer: who, .. }) => {
                let words = Safe::from("no address of ") + who.label;
                self.warn_about(peer, words + " is known; it has to call");
            }
            Err(error) => self.complain(&error),
        }
    }

    /// Says that nothing can be looked up now, and what is tried.
    fn tell_stuck(&mut self, peer: PeerId) {
        let host = self.saved_host(&peer);
        let host = host.map_or_else(Safe::default, |host| safe_line(host.host()));
        let words = Safe::from("cannot look up ") + host + " now: " + MAX_STUCK + " look-ups of it";
        let words = words + " have not come back; what one of them finds is called, and once one";
        self.warn_about(peer, words + " is back it is looked up again");
    }

    /// Calls somebody whose address is known: from now on, or once if that is only where it was met. Who is connected is
    /// called when that ends, and whoever has to accept us first when it has not.
    ///
    /// # Errors
    /// If it is revoked; SC33, SC27; as [`Conversation::call_back`].
    pub(super) fn call(&mut self, peer: PeerId) -> Result<Called, Error> {
        let known = self.profile.contacts.known();
        known.check_not_revoked(&peer)?;
        self.check_not_aside(peer)?;
        let link = self.link(peer);
        (link.is_known_away, link.is_called_quietly) = (false, false);
        // The program ends with whom it waits for.
        if self.status(peer)?.is_some() {
            self.goal.wake(&peer);
        }
        let is_connected = self.is_connected(peer)?;
        match self.saved_host(&peer) {
            Some(host) => self.calls.add_asked(peer, host, self.clock.now()),
            None => self.calls.wake(&peer),
        }
        if is_connected {
            self.calls.let_be(&peer);
            return Ok(Called::Before);
        }
        if self.way(peer)?.is_undecided() {
            self.calls.let_be(&peer);
            let who = self.who(&peer);
            self.tell(&Fact::Waiting { who });
            return Ok(Called::Now);
        }
        match self.saved_host(&peer) {
            Some(host) if self.calls.is_stuck(&host) => {
                // Where it was met it may be yet.
                if self.address_of(peer)?.is_some() {
                    self.call_back(peer)?;
                }
                return Ok(Called::Later);
            }
            Some(_) => {}
            None => self.call_back(peer)?,
        }
        Ok(Called::Now)
    }

    /// Calls somebody where it was met.
    ///
    /// # Errors
    /// SC27 if that is not known; SC05, SC16, SC30.
    pub(super) fn call_back(&mut self, peer: PeerId) -> Result<(), Error> {
        let Some(address) = self.address_of(peer)? else {
            return Err(Error::NoAddress {
                peer: self.peer(&peer),
                key: peer,
                runs: true,
            });
        };
        self.tell_call(peer, Some(&address));
        self.seek_session(peer, &[])
    }

    /// Ends the session with somebody, or the attempts to have one, and calls nobody there by itself any more.
    pub(super) fn hang_up(&mut self, peer: PeerId) -> Result<(), Error> {
        let way = self.way(peer)?;
        // One at rest has no keys, and one that is not heard for long has not been closed.
        let had_session = way.is_up() || way.link.is_some_and(|link| link.since.is_some());
        if way.status.is_none() {
            let why = way.reason();
            self.warn_about(peer, why + "; there is no session");
            return Ok(());
        }
        self.calls.rest(peer);
        self.goal.rest(&peer);
        self.handle
            .with(|messenger, now| messenger.endpoint_mut().close(peer, now))?;
        let label = self.label(&peer);
        self.forget_confirmed(peer);
        let link = self.link(peer);
        link.fall();
        (link.has_left, link.why) = (true, Some("you hung up".into()));
        link.not_found = None;
        self.state.pings.remove(&peer);
        self.lose_pings(peer)?;
        if had_session {
            let message = Safe::from("you hung up on ") + &label;
            let (who, reason) = (self.who(&peer), HUNG_UP);
            self.publish(&Fact::Closed {
                who,
                reason,
                message,
            });
        }
        let words = Safe::from("hung up: ") + label;
        if self.goal.on_lost(&peer).is_some() {
            self.warn_about(peer, words + "; that was the conversation to listen for");
            self.begin_to_leave();
            return Ok(());
        }
        self.warn_about(
            peer,
            words + " can still call, and so does your next message; to call: /connect",
        );
        Ok(())
    }

    /// Calls those whose time has come, and gives up what has not come back for long.
    pub(super) fn make_calls(&mut self, now: Instant) -> Result<(), Error> {
        for peer in self.calls.give_up(now) {
            self.on_not_found(peer, ResolveError::Temporary, now)?;
        }
        for (peer, host) in self.calls.due(now) {
            if self.calls.is_stuck(&host) {
                self.calls.on_end(&peer, now);
            } else if let Ok(Host::Literal(address)) = Host::parse(&host.to_string(), None) {
                let begins_anew = self.calls.is_first(&peer);
                self.call_found(peer, &[address], begins_anew)?;
            } else {
                self.inquire(peer, host, Family::Any, false);
            }
        }
        Ok(())
    }

    /// Looks up an address of somebody who is to be called then, without waiting; `is_asked`: for a program.
    pub(super) fn inquire(&mut self, peer: PeerId, host: HostPort, family: Family, is_asked: bool) {
        let (parsed, inputs) = (Host::parse(&host.to_string(), None), self.sender.clone());
        let inquiry = self.calls.inquire(peer, host, family, is_asked);
        let done = move |found| {
            // The conversation may be over.
            let _ = inputs.send(Input::Found(inquiry, found));
        };
        match parsed {
            Ok(host) => host.resolve(family, done),
            Err(error) => done(Err(error)),
        }
    }

    /// The addresses of somebody who is to be called were looked up; or was to be, until it was hung up on or gone.
    pub(super) fn on_found(
        &mut self,
        inquiry: Inquiry,
        found: Result<Vec<SocketAddr>, ResolveError>,
    ) -> Result<(), Error> {
        for (peer, port, begins_anew) in self.calls.take_in_line(inquiry) {
            let of_port = |mut address: SocketAddr| {
                address.set_port(port);
                address
            };
            let found = found.clone();
            let found = found.map(|all| all.into_iter().map(of_port).collect());
            self.call_where_found(peer, found, begins_anew)?;
        }
        let begins_anew = self.calls.begins_anew(inquiry);
        match self.calls.take(inquiry) {
            Some(peer) => self.call_where_found(peer, found, begins_anew),
            None => Ok(()),
        }
    }

    fn call_where_found(
        &mut self,
        peer: PeerId,
        found: Result<Vec<SocketAddr>, ResolveError>,
        begins_anew: bool,
    ) -> Result<(), Error> {
        match found {
            Ok(addresses) => self.call_found(peer, &addresses, begins_anew),
            Err(error) => self.on_not_found(peer, error, self.clock.now()),
        }
    }

    /// A look-up has found nobody.
    fn on_not_found(
        &mut self,
        peer: PeerId,
        error: ResolveError,
        now: Instant,
    ) -> Result<(), Error> {
        // Where it is being called already the way that is known says more.
        let status = self.way(peer)?.status;
        if status.is_none_or(|status| status.tries == 0) {
            self.note_not_found(peer, safe_line(&error.to_string()));
        }
        self.calls.on_end(&peer, now);
        Ok(())
    }

    /// Calls somebody where a look-up has found it.
    fn call_found(
        &mut self,
        peer: PeerId,
        addresses: &[SocketAddr],
        begins_anew: bool,
    ) -> Result<(), Error> {
        self.link(peer).not_found = None;
        let called = if begins_anew {
            self.connect(peer, addresses)
        } else {
            self.connect_again(peer, addresses)
        };
        match called {
            Err(error) if is_of_peer(&error) => {
                if matches!(error, Error::NoSuchPeer { .. }) {
                    // It is called once known-peers has made it one.
                    self.calls.forget(&[peer]);
                }
                self.complain(&error);
                Ok(())
            }
            result => result,
        }
    }

    /// The network says something about an address.
    pub(super) fn on_complaint(&mut self, error: &IcmpError, now: Instant) {
        self.note_complaint(error, now);
        let Ok(called) = self.goal_called_at() else {
            return;
        };
        let Some((peer, address, barrier)) = self.goal.on_icmp(error, &called, now) else {
            return;
        };
        let (change, words) = match barrier {
            None => {
                let words = closed_port(address) + "; trying on";
                (Change::PortClosed { address }, words)
            }
            Some(barrier) => {
                self.look_for_way(peer, &called);
                let words = Safe::from("nothing gets to ") + address + "; trying on. ";
                (Change::NoWay { address }, words + barrier.cause())
            }
        };
        self.tell_link(peer, change, words);
    }

    /// Where a call to the one that the program is to reach goes.
    fn goal_called_at(&self) -> Result<Vec<SocketAddr>, Error> {
        match &self.goal {
            Goal::Reach(reach) => self.called_at(reach.peer),
            Goal::Listen { .. } => Ok(Vec::new()),
        }
    }

    /// This machine has a way to a peer after it had none.
    pub(super) fn on_way_again(&mut self, peer: PeerId, address: SocketAddr) {
        self.state.complaints.remove(&address);
        if self.goal.on_way_again(&peer) {
            let words = Safe::from("there is a way to ") + address + " again; trying on";
            self.tell_link(peer, Change::WayAgain { address }, words);
        }
    }

    /// Remembers what the network says, to explain why nobody answers.
    fn note_complaint(&mut self, error: &IcmpError, now: Instant) {
        let complaints = &mut self.state.complaints;
        if complaints.len() >= MAX_COMPLAINTS {
            complaints.clear();
        }
        if let Some(address) = error.peer {
            complaints.insert(address, (error.kind, now));
        }
    }

    /// What the network said lately about an address.
    pub(super) fn complaint_about(&self, address: &SocketAddr, now: Instant) -> Option<IcmpKind> {
        let (kind, at) = *self.state.complaints.get(address)?;
        (now.saturating_since(at) < COMPLAINT_LIFE).then_some(kind)
    }

    /// What it said of each of these; of a closed port rather than of no way there, for a machine may have no network of the
    /// other family.
    pub(super) fn complaint_about_all(
        &self,
        called: &[SocketAddr],
        now: Instant,
    ) -> Option<(SocketAddr, IcmpKind)> {
        let about = |at: &SocketAddr| Some((*at, self.complaint_about(at, now)?));
        let complaints: Vec<_> = called.iter().map(about).collect::<Option<_>>()?;
        let is_barrier = |(_, kind): &(SocketAddr, IcmpKind)| Barrier::of(*kind).is_some();
        complaints.into_iter().min_by_key(is_barrier)
    }
}

/// What the network says, and anybody on it can forge.
pub(super) fn closed_port(address: SocketAddr) -> Safe {
    Safe::from("closed port reported at ") + address
}

/// Whether somebody cannot be called for good, about which others who are talked to need not care.
const fn is_of_peer(error: &Error) -> bool {
    matches!(
        error,
        Error::NewerVersion { .. } | Error::NoSuchPeer { .. } | Error::OwnKey { .. }
    )
}

#[cfg(test)]
mod tests;
