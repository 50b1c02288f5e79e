//! What a talking program is after: to listen, or to reach one peer.

use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::talk::aim::Aim;
use crate::cli::{Error, ExitCode, Obstacle, Peer};
use crate::id::PeerId;
use crate::net::{IcmpError, IcmpKind, ResolveError};
use crate::proto::CloseReason;
use crate::store::HostPort;
use crate::text::{Safe, safe_line};
use crate::time::Instant;

/// How long `--retry` waits before it calls again, by how many sessions in a row did not last.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
];

/// A session that stood so long was no failure: the next pause is the first one again.
const LASTING: Duration = Duration::from_secs(30);

/// The aim, and how far it has come.
#[derive(Debug)]
pub(super) enum Goal {
    /// Wait for others.
    Listen {
        /// Stop after the first conversation, and with whom it is.
        once: Option<Option<PeerId>>,
    },
    /// Reach one peer.
    Reach(Reach),
}

/// The way to one peer.
#[derive(Debug)]
pub(super) struct Reach {
    pub(super) peer: PeerId,
    pub(super) host: HostPort,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) timeout: Duration,
    pub(super) retry: bool,
    pub(super) started: Instant,
    pub(super) state: Stage,
    /// Those addresses that reported a closed port.
    pub(super) closed: Vec<SocketAddr>,
    /// The name to save the key under once the connection stands.
    pub(super) save_as: Option<String>,
    /// What `--retry` has to remember.
    pub(super) again: Again,
}

/// Calling again after a session ended.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// When to.
    due: Option<Instant>,
    /// How many sessions in a row did not last.
    failures: usize,
    /// Since when the session stands.
    stands: Option<Instant>,
}

impl Again {
    fn on_established(&mut self, now: Instant) {
        self.due = None;
        // A session that is made again without having ended goes on.
        self.stands.get_or_insert(now);
    }

    /// Returns how long to wait.
    fn on_closed(&mut self, now: Instant) -> Duration {
        let stood = self.stands.take();
        if stood.is_some_and(|since| now.saturating_since(since) >= LASTING) {
            self.failures = 0;
        }
        let [.., longest] = PAUSES;
        let pause = PAUSES.get(self.failures).copied().unwrap_or(longest);
        self.failures = self.failures.saturating_add(1);
        self.due = Some(now + pause);
        pause
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody has answered.
    Trying,
    /// The peer has answered, and its user decides.
    Waiting,
    /// It stands, or has stood.
    Stands,
    /// It is not wanted any more.
    Rests,
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
        matches!(self, Self::Reach(reach) if reach.peer == *peer)
    }

    pub(super) fn on_waiting(&mut self, peer: &PeerId) {
        if let Self::Reach(reach) = self
            && reach.peer == *peer
        {
            reach.state = Stage::Waiting;
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
                reach.again.on_established(now);
                reach
                    .save_as
                    .take()
                    .map(|name| (name, vec![reach.host.clone()]))
            }
            Self::Reach(_) => None,
        }
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
            } if first == peer => Progress::Stop(ExitCode::Done),
            Self::Reach(reach) if reach.peer == *peer => reach.on_closed(reason, now),
            Self::Listen { .. } | Self::Reach(_) => Progress::GoOn,
        }
    }

    /// A session is over that nobody has closed: for a long time nobody answered, or who did wants nothing of us.
    pub(super) fn on_lost(&self, peer: &PeerId) -> Option<ExitCode> {
        match self {
            Self::Listen {
                once: Some(Some(first)),
            } if first == peer => Some(ExitCode::Done),
            Self::Listen { .. } | Self::Reach(_) => None,
        }
    }

    /// The host's addresses are known. Returns whom to connect to, and where.
    ///
    /// # Errors
    /// [`Error::HostNotFound`].
    pub(super) fn on_resolved(
        &mut self,
        found: Result<Vec<SocketAddr>, ResolveError>,
    ) -> Result<Option<(PeerId, Vec<SocketAddr>)>, Error> {
        let Self::Reach(reach) = self else {
            return Ok(None);
        };
        match found {
            Ok(addresses) => {
                reach.addresses.clone_from(&addresses);
                if reach.state == Stage::Rests {
                    return Ok(None);
                }
                Ok(Some((reach.peer, addresses)))
            }
            Err(error) => Err(not_found(&reach.host, safe_line(&error.to_string()))),
        }
    }

    /// Notes that an address reported a closed port. It explains a failure and causes none. Returns
    /// whose address it is, and which, if this is news.
    pub(super) fn on_icmp(&mut self, error: &IcmpError) -> Option<(PeerId, SocketAddr)> {
        let Self::Reach(reach) = self else {
            return None;
        };
        // Windows does not say which address it was: then it was the first.
        let address = error.peer.or_else(|| reach.addresses.first().copied())?;
        let is_ours = reach.addresses.contains(&address) && !reach.closed.contains(&address);
        if error.kind != IcmpKind::Refused || !is_ours {
            return None;
        }
        reach.closed.push(address);
        (reach.state == Stage::Trying).then_some((reach.peer, address))
    }

    /// The peer that has not answered in time.
    pub(super) fn overdue(&self, now: Instant) -> Option<PeerId> {
        let Self::Reach(reach) = self else {
            return None;
        };
        let is_due = self.remaining(now).is_some_and(|left| left.is_zero());
        is_due.then_some(reach.peer)
    }

    /// Why the peer has not answered in time, as far as can be told.
    pub(super) fn failure(&self, peer: Peer, tries: u32, now: Instant) -> Error {
        let Self::Reach(reach) = self else {
            return Error::NoAddress { name: peer.label };
        };
        let Some(address) = reach.addresses.first().copied() else {
            let reason = safe_line(&ResolveError::Temporary.to_string());
            return not_found(&reach.host, reason);
        };
        if reach.closed.len() == reach.addresses.len() {
            return Error::PortClosed { peer, address };
        }
        let after = Duration::from_secs(now.saturating_since(reach.started).as_secs());
        Error::NoAnswer {
            peer,
            address,
            after,
            tries,
        }
    }

    /// What was in the way of somebody who has not answered at all.
    pub(super) fn obstacle(&self, peer: &Peer) -> Option<Obstacle> {
        let Self::Reach(reach) = self else {
            return None;
        };
        let address = reach.addresses.first().copied()?;
        let peer = peer.clone();
        Some(if reach.closed.len() == reach.addresses.len() {
            Obstacle::Closed { peer, address }
        } else {
            Obstacle::Silence { peer, address }
        })
    }

    /// Where this peer was to be reached, if it is the one.
    pub(super) fn host_of(&self, peer: &PeerId) -> Option<HostPort> {
        match self {
            Self::Reach(reach) if reach.peer == *peer => Some(reach.host.clone()),
            Self::Listen { .. } | Self::Reach(_) => None,
        }
    }

    /// The person does not want this peer to be called any more.
    pub(super) fn rest(&mut self, peer: &PeerId) {
        if let Self::Reach(reach) = self
            && reach.peer == *peer
        {
            (reach.again.due, reach.retry) = (None, false);
            // Nothing is tried whose time could run out.
            reach.state = Stage::Rests;
        }
    }

    /// Whom to call again, and where, if it is time to.
    pub(super) fn call_again(&mut self, now: Instant) -> Option<(PeerId, Vec<SocketAddr>)> {
        let Self::Reach(reach) = self else {
            return None;
        };
        reach.again.due.take_if(|due| *due <= now)?;
        Some((reach.peer, reach.addresses.clone()))
    }

    /// The network is another one: what is to be tried later is tried now.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let Self::Reach(reach) = self
            && let Some(due) = &mut reach.again.due
        {
            *due = now.min(*due);
        }
    }

    /// How long until this peer is called again, if that is planned.
    pub(super) fn calls_in(&self, peer: &PeerId, now: Instant) -> Option<Duration> {
        let Self::Reach(reach) = self else {
            return None;
        };
        let due = reach.again.due.filter(|_| reach.peer == *peer)?;
        Some(due.saturating_since(now))
    }

    /// How long until [`Goal::overdue`] or [`Goal::call_again`] has something to say.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        let Self::Reach(reach) = self else {
            return None;
        };
        let due = reach.again.due.map(|due| due.saturating_since(now));
        self.remaining(now).into_iter().chain(due).min()
    }

    /// How long until [`Goal::overdue`] has something to say.
    fn remaining(&self, now: Instant) -> Option<Duration> {
        match self {
            Self::Reach(reach) if reach.state == Stage::Trying && !reach.retry => {
                Some((reach.started + reach.timeout).saturating_since(now))
            }
            Self::Listen { .. } | Self::Reach(_) => None,
        }
    }
}

impl Reach {
    /// Begins now, and is given up after `timeout`.
    pub(super) fn new(aim: &Aim, timeout: Duration, now: Instant) -> Self {
        Self {
            peer: aim.offer.key,
            host: aim.host.clone(),
            addresses: Vec::new(),
            timeout,
            retry: false,
            started: now,
            state: Stage::Trying,
            closed: Vec::new(),
            save_as: None,
            again: Again::default(),
        }
    }

    fn on_closed(&mut self, reason: CloseReason, now: Instant) -> Progress {
        let code = match reason {
            CloseReason::Goodbye => ExitCode::Done,
            CloseReason::Declined
            | CloseReason::Removed
            | CloseReason::WordsDiffer
            | CloseReason::SigningKeyChanged => ExitCode::Trust,
            CloseReason::Unsupported => ExitCode::Version,
            CloseReason::TheySayViolation | CloseReason::Violation => ExitCode::Network,
        };
        if !self.retry || code == ExitCode::Trust || code == ExitCode::Version {
            return Progress::Stop(code);
        }
        self.state = Stage::Trying;
        self.started = now;
        Progress::Again(self.again.on_closed(now))
    }
}

fn not_found(host: &HostPort, reason: Safe) -> Error {
    let host = safe_line(host.host());
    Error::HostNotFound { host, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(peer: PeerId, retry: bool) -> Goal {
        Goal::Reach(Reach {
            peer,
            host: "chat.example.org:7419".parse().unwrap(),
            addresses: Vec::new(),
            timeout: Duration::from_secs(10),
            retry,
            started: Instant::ZERO,
            state: Stage::Trying,
            closed: Vec::new(),
            save_as: None,
            again: Again::default(),
        })
    }

    #[test]
    fn a_peer_that_ends_every_session_is_called_more_and_more_slowly() {
        let peer = PeerId::new([1; 32]);
        let mut goal = reach(peer, true);
        let mut now = Instant::ZERO;
        // How long the session stood, and how long the pause after it is, in seconds.
        let course = [(1, 1), (1, 2), (29, 4), (1, 5), (1, 5), (30, 1), (1, 2)];
        for (stood, pause) in course {
            goal.on_established(&peer, now);
            now = now + Duration::from_secs(stood);
            let progress = goal.on_closed(&peer, CloseReason::Goodbye, now);
            let pause = Duration::from_secs(pause);
            assert!(
                matches!(progress, Progress::Again(time) if time == pause),
                "{progress:?} instead of {pause:?}"
            );
            assert_eq!(goal.patience(now), Some(pause));
            assert!(goal.call_again(now).is_none(), "not yet");
            now = now + pause;
            assert!(goal.call_again(now).is_some());
            assert!(goal.call_again(now).is_none(), "once");
        }
    }

    #[test]
    fn a_peer_that_calls_in_the_pause_is_not_called() {
        let peer = PeerId::new([1; 32]);
        let mut goal = reach(peer, true);
        goal.on_closed(&peer, CloseReason::Goodbye, Instant::ZERO);
        goal.on_established(&peer, Instant::ZERO);
        let late = Instant::ZERO + Duration::from_secs(9);
        assert!(goal.call_again(late).is_none());
    }

    #[test]
    fn in_another_network_a_peer_is_called_without_a_pause() {
        let peer = PeerId::new([1; 32]);
        let mut goal = reach(peer, true);
        goal.hurry(Instant::ZERO);
        assert!(goal.call_again(Instant::ZERO).is_none(), "there is none");
        goal.on_closed(&peer, CloseReason::Goodbye, Instant::ZERO);
        goal.hurry(Instant::ZERO);
        assert!(goal.call_again(Instant::ZERO).is_some());
    }

    #[test]
    fn who_was_hung_up_on_is_neither_called_nor_waited_for() {
        let peer = PeerId::new([1; 32]);
        let late = Instant::ZERO + Duration::from_secs(60);
        for retry in [false, true] {
            let mut goal = reach(peer, retry);
            goal.on_closed(&peer, CloseReason::Goodbye, Instant::ZERO);
            goal.rest(&peer);
            assert_eq!(goal.overdue(late), None);
            assert!(goal.call_again(late).is_none());
            assert_eq!(goal.patience(late), None);
        }
    }

    #[test]
    fn a_listener_for_one_conversation_is_done_when_that_is_lost_and_no_other() {
        let [first, other] = [1, 2].map(|byte| PeerId::new([byte; 32]));
        let mut goal = Goal::Listen { once: Some(None) };
        assert_eq!(goal.on_lost(&first), None, "there was none");
        goal.on_established(&first, Instant::ZERO);
        goal.on_established(&other, Instant::ZERO);
        assert_eq!(goal.on_lost(&other), None);
        assert_eq!(goal.on_lost(&first), Some(ExitCode::Done));
    }

    #[test]
    fn a_name_server_that_does_not_answer_ends_the_wait_too() {
        let peer = PeerId::new([1; 32]);
        let goal = reach(peer, false);
        let late = Instant::ZERO + Duration::from_secs(10);
        assert_eq!(goal.overdue(Instant::ZERO), None);
        assert_eq!(goal.overdue(late), Some(peer), "else the loop would spin");
        let label = Safe::from("bob");
        let error = goal.failure(Peer { label, saved: true }, 0, late);
        assert!(matches!(error, Error::HostNotFound { .. }), "{error:?}");
    }
}
