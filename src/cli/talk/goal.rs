//! What a talking program is after: to listen, or to reach one peer.

mod again;
mod reach;
mod reports;

pub(super) use self::reach::Reach;

use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::talk::goal::reach::{Stage, not_found};
use crate::cli::talk::lookups::LookUp;
use crate::cli::{Barrier, Error, ExitCode, Obstacle, Peer};
use crate::id::PeerId;
use crate::net::{IcmpError, ResolveError};
use crate::proto::{CloseReason, Event};
use crate::store::HostPort;
use crate::text::{Safe, safe_line};
use crate::time::Instant;

/// The aim, and how far it has come.
#[derive(Debug)]
pub(super) enum Goal {
    /// Wait for others.
    Listen {
        /// Stop after the first conversation, and with whom it is.
        once: Option<Option<PeerId>>,
    },
    /// Reach one peer.
    Reach(Box<Reach>),
}

/// What follows from what a look-up came to.
#[derive(Debug)]
pub(super) enum Resolved {
    /// Nothing.
    Nothing,
    /// Whom to connect to, and where.
    Call(PeerId, Vec<SocketAddr>),
    /// There is no address, which should be said; it is looked up again.
    Later(Safe),
}

/// What follows from the end of a session.
#[derive(Debug)]
pub(super) enum Progress {
    GoOn,
    /// Connect again after this time: [`Goal::call_again`] says when.
    Again(Duration),
    Stop(ExitCode),
}

impl Goal {
    pub(super) const fn is_listening(&self) -> bool {
        matches!(self, Self::Listen { .. })
    }

    /// Whether this peer is the one to be reached.
    pub(super) fn is_to_reach(&self, peer: &PeerId) -> bool {
        self.way_to(peer).is_some()
    }

    /// The way to the one who is to be reached.
    fn reach(&self) -> Option<&Reach> {
        match self {
            Self::Reach(reach) => Some(reach),
            Self::Listen { .. } => None,
        }
    }

    fn reach_mut(&mut self) -> Option<&mut Reach> {
        match self {
            Self::Reach(reach) => Some(reach),
            Self::Listen { .. } => None,
        }
    }

    /// The same, if this peer is the one.
    fn way_to(&self, peer: &PeerId) -> Option<&Reach> {
        self.reach().filter(|reach| reach.peer == *peer)
    }

    fn way_to_mut(&mut self, peer: &PeerId) -> Option<&mut Reach> {
        self.reach_mut().filter(|reach| reach.peer == *peer)
    }

    /// Who is to be reached; also one who is not wanted any more, if it is `always` that one or nobody.
    pub(super) fn sought(&self, always: bool) -> Option<PeerId> {
        let reach = self.reach()?;
        (always || reach.is_wanted()).then_some(reach.peer)
    }

    /// What happens to a session says whether the peer is looked up.
    pub(super) fn on_event(&mut self, event: &Event, now: Instant) {
        let Some(reach) = self.reach_mut() else {
            return;
        };
        if let Event::Waiting { peer } = event
            && reach.peer == *peer
        {
            reach.state = Stage::Waiting;
            reach.reports.is_told = false;
            reach.look_ups.rest();
        }
        // It may be elsewhere by now.
        if let Event::Unreachable { peer, .. } = event
            && (reach.peer == *peer && reach.goes_on())
        {
            reach.look_ups.want(now);
        }
        if let Event::OtherPsk { peer } = event
            && reach.peer == *peer
        {
            reach.has_other_psk = true;
        }
        // It is where it was.
        if let Event::Resumed { peer } = event
            && reach.peer == *peer
        {
            reach.look_ups.rest();
        }
    }

    /// A session stands. Returns under which name the peer is to be saved, and with which address.
    pub(super) fn on_established(
        &mut self,
        peer: &PeerId,
        now: Instant,
    ) -> Option<(String, Vec<HostPort>)> {
        match self {
            Self::Listen { once } => {
                if let Some(first) = once {
                    first.get_or_insert(*peer);
                }
                None
            }
            Self::Reach(reach) if reach.peer == *peer => {
                reach.state = Stage::Stands;
                reach.reports.is_told = false;
                reach.again.on_established(now);
                reach.look_ups.rest();
                reach
                    .save_as
                    .take()
                    .map(|name| (name, vec![reach.host.clone()]))
            }
            Self::Reach(_) => None,
        }
    }

    /// Where the peer was to be reached, once, if that is to be saved with it and it has answered there: from where
    /// somebody calls is nobody's to keep.
    pub(super) fn proven_host(
        &mut self,
        peer: &PeerId,
        address: SocketAddr,
        initiator: bool,
    ) -> Option<HostPort> {
        let reach = self.way_to_mut(peer)?;
        let has_answered = initiator && reach.known.contains(&address);
        let is_wanted = has_answered && core::mem::take(&mut reach.save_host);
        is_wanted.then(|| reach.host.clone())
    }

    pub(super) fn on_closed(
        &mut self,
        peer: &PeerId,
        reason: CloseReason,
        now: Instant,
    ) -> Progress {
        match self {
            Self::Listen {
                once: Some(Some(first)),
            } if first == peer && reason != CloseReason::SecretChanged => {
                Progress::Stop(ExitCode::Done)
            }
            Self::Reach(reach) if reach.peer == *peer => reach.on_closed(reason, now),
            Self::Listen { .. } | Self::Reach(_) => Progress::GoOn,
        }
    }

    /// A session is over that nobody has closed: who answered wants nothing of us, or we hung up while nothing was heard.
    pub(super) fn on_lost(&self, peer: &PeerId) -> Option<ExitCode> {
        match self {
            Self::Listen {
                once: Some(Some(first)),
            } if first == peer => Some(ExitCode::Done),
            Self::Listen { .. } | Self::Reach(_) => None,
        }
    }

    /// The look-up of the host that is due.
    pub(super) fn look_up(&mut self, now: Instant) -> Option<LookUp> {
        let reach = self.reach_mut()?;
        let repeats = reach.goes_on();
        reach.look_ups.take(repeats, now)
    }

    /// The host was looked up.
    ///
    /// # Errors
    /// [`Error::HostNotFound`], if it is not looked up again.
    pub(super) fn on_resolved(
        &mut self,
        found: Result<Vec<SocketAddr>, ResolveError>,
        now: Instant,
    ) -> Result<Resolved, Error> {
        match self {
            Self::Reach(reach) => reach.on_resolved(found, now),
            Self::Listen { .. } => Ok(Resolved::Nothing),
        }
    }

    /// That there is no address, if the last look-up found none, and none before it.
    pub(super) fn not_found(&self) -> Option<Error> {
        let reach = self.reach()?;
        let failure = reach.look_ups.failure()?;
        let reason = safe_line(&failure.to_string());
        let is_unknown = reach.addresses.is_empty();
        is_unknown.then(|| not_found(&reach.host, reason))
    }

    /// Notes what the network says. It explains a failure and causes none. Returns to whom nothing gets there, and what bars
    /// the way or else that the port is closed, if this is news. `called`: where calls go.
    pub(super) fn on_icmp(
        &mut self,
        error: &IcmpError,
        called: &[SocketAddr],
        now: Instant,
    ) -> Option<(PeerId, SocketAddr, Option<Barrier>)> {
        let reach = self.reach_mut()?;
        // Windows does not say which address it was: then it was the first.
        let address = error.peer.or_else(|| reach.addresses.first().copied())?;
        let is_ours = reach.addresses.contains(&address) || called.contains(&address);
        let is_closed = is_ours && reach.reports.note(address, error.kind, now);
        if reach.state != Stage::Trying {
            return None;
        }
        if is_closed {
            return Some((reach.peer, address, None));
        }
        let (address, barrier) = reach.barred(called, now)?;
        Some((reach.peer, address, Some(barrier)))
    }

    /// This machine has a way to this peer after it had none. Whether that is news.
    pub(super) fn on_way_again(&mut self, peer: &PeerId) -> bool {
        self.way_to_mut(peer).is_some_and(Reach::on_way_again)
    }

    /// What has not come about in time, because its peer has not answered.
    pub(super) fn overdue(&self, now: Instant) -> Option<&Reach> {
        let reach = self.reach()?;
        let is_due = self.remaining(now).is_some_and(|left| left.is_zero());
        is_due.then_some(reach)
    }

    /// What was in the way of somebody who has not answered at all. `called`: where calls go.
    pub(super) fn obstacle(
        &self,
        peer: &Peer,
        called: &[SocketAddr],
        now: Instant,
    ) -> Option<Obstacle> {
        let reach = self.reach()?;
        let address = reach.addresses.first().copied()?;
        let peer = peer.clone();
        if reach.has_other_psk {
            return Some(Obstacle::OtherPsk { peer, address });
        }
        Some(match reach.reported(called, now) {
            Some((address, Some(barrier))) => Obstacle::NoWay { address, barrier },
            Some((address, None)) => Obstacle::Closed { peer, address },
            None => Obstacle::Silence { peer, address },
        })
    }

    /// The saved name by which this peer was to be reached, if it is the one and was called by a name.
    pub(super) fn name_of(&self, peer: &PeerId) -> Option<&Safe> {
        self.way_to(peer)?.name.as_ref()
    }

    /// Where this peer was to be reached, if it is the one.
    pub(super) fn host_of(&self, peer: &PeerId) -> Option<HostPort> {
        self.way_to(peer).map(|reach| reach.host.clone())
    }

    /// Whether this peer is to be reached at this address, wherever it is saved.
    pub(super) fn seeks(&self, peer: &PeerId, address: &SocketAddr) -> bool {
        self.way_to(peer)
            .is_some_and(|reach| reach.known.contains(address))
    }

    /// The person does not want this peer to be called any more.
    pub(super) fn rest(&mut self, peer: &PeerId) {
        if let Some(reach) = self.way_to_mut(peer) {
            (reach.again.due, reach.again.is_hung_up) = (None, true);
            reach.again.stands = None;
            // Nothing is tried whose time could run out.
            reach.state = Stage::Rests;
            reach.look_ups.rest();
        }
    }

    /// The person wants this peer to be called after all.
    pub(super) fn wake(&mut self, peer: &PeerId) {
        if let Some(reach) = self.way_to_mut(peer) {
            reach.again.is_hung_up = false;
        }
    }

    /// What was tried to reach this peer is over, and is to be tried anew, as far as it is known where.
    pub(super) fn call_at_once(&mut self, peer: &PeerId, now: Instant) {
        if let Some(reach) = self.way_to_mut(peer)
            && reach.state != Stage::Rests
            && !reach.addresses.is_empty()
        {
            reach.has_other_psk = false;
            reach.again.due = Some(now);
        }
    }

    /// Whom to call again, and where, if it is time to.
    pub(super) fn call_again(&mut self, now: Instant) -> Option<(PeerId, Vec<SocketAddr>)> {
        let reach = self.reach_mut()?;
        reach.again.due.take_if(|due| *due <= now)?;
        Some((reach.peer, reach.addresses.clone()))
    }

    /// Whoever is to be reached has answered a call, and is not, or not yet, one to talk to: no session of before stands.
    pub(super) fn on_kept_out(&mut self, peer: &PeerId) {
        if let Some(reach) = self.way_to_mut(peer) {
            reach.again.stands = None;
        }
    }

    /// The network is another one, or may be: what is to be tried later is tried now; so is whoever would not find us,
    /// since of the session that stands no keys are left. Returns who that is.
    pub(super) fn hurry(
        &mut self,
        has_no_keys: impl Fn(&PeerId) -> bool,
        now: Instant,
    ) -> Option<PeerId> {
        let reach = self.reach_mut()?;
        reach.look_ups.hurry(now);
        let again = &mut reach.again;
        let stands = again.due.is_none() && again.stands.is_some() && !again.is_hung_up;
        let is_lost = stands && has_no_keys(&reach.peer);
        if is_lost || again.due.is_some() {
            again.due = Some(now);
        }
        is_lost.then_some(reach.peer)
    }

    /// How long until this peer is called again, or looked up again while no address of it is known, if that is planned.
    pub(super) fn calls_in(&self, peer: &PeerId, now: Instant) -> Option<Duration> {
        let reach = self.way_to(peer)?;
        let is_lost = reach.addresses.is_empty() && !reach.look_ups.is_under_way();
        let look_up = reach.look_ups.due().filter(|_| is_lost);
        let due = reach.again.due.or(look_up)?;
        Some(due.saturating_since(now))
    }

    /// Whether the address of this peer is being looked up, and it is wanted.
    pub(super) fn inquires_about(&self, peer: &PeerId) -> bool {
        let is_sought =
            |reach: &Reach| reach.state == Stage::Trying && reach.look_ups.is_under_way();
        self.way_to(peer).is_some_and(is_sought)
    }

    /// How long until [`Goal::overdue`], [`Goal::call_again`] or [`Goal::look_up`] has something to say.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        let reach = self.reach()?;
        let due = [reach.again.due, reach.look_ups.due()];
        let due = due.into_iter().flatten();
        let due = due.map(|due| due.saturating_since(now));
        due.chain(self.remaining(now)).min()
    }

    /// How long until [`Goal::overdue`] has something to say.
    fn remaining(&self, now: Instant) -> Option<Duration> {
        let reach = self.reach()?;
        let is_timed = reach.state == Stage::Trying && reach.gives_up();
        is_timed.then(|| (reach.started + reach.timeout).saturating_since(now))
    }
}

#[cfg(test)]
pub(super) mod tests;
