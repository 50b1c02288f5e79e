//! Where a peer is: what moves its path, and what is said to prove an address.
//! Source: docs/protocol.md#paths.
//!
//! 1. A handshake ends: [`Peer::on_answered`] for its initiator, [`Peer::on_confirming`] for its
//!    responder.
//! 2. [`Peer::follow`] moves the path after each packet, [`Peer::poll_path`] asks and answers.
//! 3. An answer or [`Timer::Path`] decides, and the owner is told of what is proved.

use core::net::SocketAddr;
use core::time::Duration;

use tracing::{debug, info, trace};

use crate::proto::attempt::Origin;
use crate::proto::connection::OVERHEAD;
use crate::proto::event::Event;
use crate::proto::key_table::Opened;
use crate::proto::keypair::{Keypair, Slot};
use crate::proto::limits::PATH_PTO;
use crate::proto::path::{Change, PathState, Token};
use crate::proto::peer::Peer;
use crate::proto::route::Route;
use crate::proto::shared::Shared;
use crate::proto::timer::Timer;
use crate::proto::transmit::Transmit;
use crate::time::Instant;
use crate::wire::frame::Frame;

impl Peer {
    /// Where packets to the peer go.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.path.as_ref().map(PathState::address)
    }

    // --- in -----------------------------------------------------------------------------------

    /// A message 2 completed our handshake. Its halves may have come from two addresses: the path is where the later
    /// one came from, which has paid for that one only.
    pub(in crate::proto) fn on_answered(
        &mut self,
        keypair: &Keypair,
        origin: Origin,
        shared: &mut Shared,
        now: Instant,
    ) {
        let (from, len, pto) = (origin.from, origin.received, self.path_pto());
        if keypair.proves.is_none() && self.is_new_connection(keypair) {
            self.path = Some(PathState::unproved(from, len, pto, now));
            return self.on_path_change(None, shared, now);
        }
        self.on_reached(keypair, from, len, shared, now);
        self.on_arrived(from, len, true, shared, now);
    }

    /// A packet confirmed a keypair that we answered with. [`Peer::follow`] comes next.
    pub(super) fn on_confirming(&mut self, opened: &Opened<'_>, shared: &mut Shared, now: Instant) {
        let len = datagram_len(opened);
        self.on_reached(&opened.keypair, opened.from, len, shared, now);
    }

    /// A handshake ended with `len` bytes from `from`: the peer received where our half of it went,
    /// which may be elsewhere.
    fn on_reached(
        &mut self,
        keypair: &Keypair,
        from: Route,
        len: usize,
        shared: &mut Shared,
        now: Instant,
    ) {
        let (pto, is_new) = (self.path_pto(), self.is_new_connection(keypair));
        let change = match (&mut self.path, keypair.proves) {
            (Some(path), Some(reached)) if !is_new && reached.peer == from.peer => {
                path.on_handshake(from, len, pto, now)
            }
            // Where nothing has proved it to be there is nothing that others could take from it.
            (Some(path), Some(reached)) if !is_new && path.is_astray() => {
                path.presume(reached, pto, now)
            }
            (Some(_), _) if !is_new => None,
            (path, reached) => {
                *path = reached.map(PathState::proved);
                None
            }
        };
        self.on_path_change(change, shared, now);
    }

    /// Moves the path to where the newest packet under the current keypair came from.
    pub(super) fn follow(&mut self, opened: &Opened<'_>, shared: &mut Shared, now: Instant) {
        let newest = self.is_newest(opened);
        self.on_arrived(opened.from, datagram_len(opened), newest, shared, now);
    }

    fn on_arrived(
        &mut self,
        from: Route,
        len: usize,
        newest: bool,
        shared: &mut Shared,
        now: Instant,
    ) {
        let pto = self.path_pto();
        let path = self.path.as_mut();
        let change = path.and_then(|path| path.on_packet(from, len, newest, pto, now));
        self.on_path_change(change, shared, now);
    }

    /// Notes the counter of a packet under the current keypair; whether none was higher.
    fn is_newest(&mut self, opened: &Opened<'_>) -> bool {
        let keypair = &opened.keypair;
        if self.keys.slot_of(keypair) != Some(Slot::Current) {
            return false;
        }
        let newest = match self.highest {
            Some((epoch, counter)) => epoch != keypair.epoch || opened.counter > counter,
            None => true,
        };
        if newest {
            self.highest = Some((keypair.epoch, opened.counter));
        }
        newest
    }

    pub(super) fn on_path_challenge(&mut self, token: Token) {
        if let Some(path) = &mut self.path {
            path.on_challenge(token);
        }
    }

    pub(super) fn on_path_response(&mut self, token: Token, shared: &mut Shared, now: Instant) {
        let change = self
            .path
            .as_mut()
            .and_then(|path| path.on_response(token, now));
        self.on_path_change(change, shared, now);
    }

    pub(super) fn on_path_timeout(&mut self, shared: &mut Shared, now: Instant) {
        let change = self.path.as_mut().and_then(|path| path.on_timeout(now));
        self.on_path_change(change, shared, now);
    }

    /// Draws the consequences of whatever may have changed the path, and of `change`.
    fn on_path_change(&mut self, change: Option<Change>, shared: &mut Shared, now: Instant) {
        let Some(path) = &mut self.path else { return };
        let (timeout, news, proved) = (path.timeout(), path.take_news(), path.last_proved());
        if !path.is_settled() || path.is_challenge_due() || change.is_some() {
            self.set_dirty(shared);
        }
        self.arm(Timer::Path, timeout, shared);
        if let (true, Some(proved)) = (self.addresses.is_empty(), proved) {
            // The one place to look for it again, should its path be led astray.
            self.learn_addresses(&[proved]);
        }
        if let Some(Change::Proved { restart: true } | Change::Returned { restart: true }) = change
            && let Some(connection) = &mut self.connection
        {
            connection.on_path_change(now);
        }
        self.tell_path(change, news, shared);
    }

    /// Whoever came by himself can move as often as he likes: that is told of nobody before he is known, and the news of
    /// where he is then is where he was let in.
    fn tell_path(&self, change: Option<Change>, news: Option<SocketAddr>, shared: &mut Shared) {
        if !self.is_known() {
            if change.is_some() {
                trace!(peer = %self.label, ?change, "path");
            }
            return;
        }
        match change {
            Some(Change::Proved { .. } | Change::Returned { .. }) => {
                debug!(peer = %self.label, ?change, "path");
            }
            Some(Change::Moved) => debug!(peer = %self.label, "seems to have moved"),
            None => {}
        }
        if let Some(to) = news {
            info!(peer = %self.label, "roamed");
            trace!(peer = %self.label, %to, "roamed");
            let peer = self.id;
            shared.event(Event::Roamed { peer, to });
        }
    }

    /// The session ends: what nobody proved is not remembered.
    pub(super) fn forget_unproved(&mut self) {
        let path = self.path.take();
        self.path = path.and_then(|path| {
            let proved = path.last_proved().filter(|_| !path.is_astray())?;
            Some(PathState::proved(path.route_to(proved)))
        });
    }

    // --- out ----------------------------------------------------------------------------------

    /// The next packet for the sake of an address. It goes before others, which could use up what may
    /// be sent there.
    pub(super) fn poll_path(&mut self, shared: &mut Shared, now: Instant) -> Option<Transmit> {
        let (path, connection) = (self.path.as_mut()?, self.connection.as_mut()?);
        let (probe, frame) = if let Some(probe) = path.poll_response() {
            (probe, Frame::PathResponse(probe.token))
        } else if path.is_challenge_due() {
            let probe = path.poll_challenge(shared.rng.array())?;
            (probe, Frame::PathChallenge(probe.token))
        } else {
            return None;
        };
        let is_path = probe.to == path.address();
        let (rng, scratch) = (&mut shared.rng, &mut shared.scratch);
        let datagram = connection.path_packet(&frame, probe.size, is_path, rng, scratch, now);
        let to = Route {
            peer: probe.to,
            local: probe.from,
        };
        let transmit = self.lay_out(to, datagram, now)?;
        // What goes elsewhere keeps no way to the path open.
        if is_path {
            self.on_sent(false, shared, now);
        }
        Some(transmit)
    }

    /// The path, if anything may go there; the connection keeps to what may.
    pub(super) fn usable_path(&mut self) -> Option<Route> {
        let (path, connection) = (self.path.as_ref()?, self.connection.as_mut()?);
        let limit = path.limit(connection.mtu());
        connection.set_limit(limit);
        (limit != Some(0)).then(|| path.route_to(path.address()))
    }

    /// Where a datagram of `len` bytes goes that is said once.
    pub(super) fn farewell(&self, len: usize) -> Vec<Route> {
        let path = self.path.iter();
        let ways = path.flat_map(|path| path.farewell(len).map(|to| path.route_to(to)));
        ways.collect()
    }

    /// What an answer may take before a challenge is repeated.
    fn path_pto(&self) -> Duration {
        self.connection.as_ref().map_or(PATH_PTO, |c| c.pto())
    }
}

pub(super) fn datagram_len(opened: &Opened<'_>) -> usize {
    opened.plaintext.len() + OVERHEAD
}
