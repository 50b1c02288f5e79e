//! What a talking program is after: to listen, or to reach one peer.

use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::{Error, ExitCode, Peer};
use crate::id::PeerId;
use crate::net::{IcmpError, IcmpKind, ResolveError};
use crate::proto::CloseReason;
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
}

/// What follows from the end of a session.
#[derive(Debug)]
pub(super) enum Progress {
    GoOn,
    /// Connect again.
    Again(Vec<SocketAddr>),
    Stop(ExitCode),
}

impl Goal {
    pub(super) const fn is_listening(&self) -> bool {
        matches!(self, Self::Listen { .. })
    }

    /// The clock runs from here on.
    pub(super) fn start(&mut self, now: Instant) {
        if let Self::Reach(reach) = self {
            reach.started = now;
        }
    }

    pub(super) fn on_waiting(&mut self, peer: &PeerId) {
        if let Self::Reach(reach) = self
            && reach.peer == *peer
        {
            reach.state = Stage::Waiting;
        }
    }

    /// A session stands. Returns under which name the peer is to be saved, and with which address.
    pub(super) fn on_established(&mut self, peer: &PeerId) -> Option<(String, Vec<HostPort>)> {
        match self {
            Self::Listen { once } => {
                if let Some(first) = once {
                    first.get_or_insert(*peer);
                }
                None
            }
            Self::Reach(reach) if reach.peer == *peer => {
                reach.state = Stage::Stands;
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

    /// Nobody answered for a long time, after a session stood.
    pub(super) fn on_unreachable(&self, peer: &PeerId) -> Option<ExitCode> {
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
                Ok(Some((reach.peer, addresses)))
            }
            Err(error) => Err(not_found(&reach.host, safe_line(&error.to_string()))),
        }
    }

    /// Notes that an address reported a closed port. It explains a failure and causes none. Returns
    /// the address if this is news.
    pub(super) fn on_icmp(&mut self, error: &IcmpError) -> Option<SocketAddr> {
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
        (reach.state == Stage::Trying).then_some(address)
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

    /// How long until [`Goal::overdue`] has something to say.
    pub(super) fn remaining(&self, now: Instant) -> Option<Duration> {
        match self {
            Self::Reach(reach) if reach.state == Stage::Trying && !reach.retry => {
                Some((reach.started + reach.timeout).saturating_since(now))
            }
            Self::Listen { .. } | Self::Reach(_) => None,
        }
    }
}

impl Reach {
    fn on_closed(&mut self, reason: CloseReason, now: Instant) -> Progress {
        let code = match reason {
            CloseReason::Goodbye => ExitCode::Done,
            CloseReason::Declined | CloseReason::Removed => ExitCode::Trust,
            CloseReason::Unsupported => ExitCode::Version,
            CloseReason::TheySayViolation | CloseReason::Violation => ExitCode::Network,
        };
        if !self.retry || code == ExitCode::Trust || code == ExitCode::Version {
            return Progress::Stop(code);
        }
        self.state = Stage::Trying;
        self.started = now;
        Progress::Again(self.addresses.clone())
    }
}

fn not_found(host: &HostPort, reason: Safe) -> Error {
    let host = safe_line(host.host());
    Error::HostNotFound { host, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_that_does_not_answer_ends_the_wait_too() {
        let peer = PeerId::new([1; 32]);
        let goal = Goal::Reach(Reach {
            peer,
            host: "chat.example.org:7419".parse().unwrap(),
            addresses: Vec::new(),
            timeout: Duration::from_secs(10),
            retry: false,
            started: Instant::ZERO,
            state: Stage::Trying,
            closed: Vec::new(),
            save_as: None,
        });
        let late = Instant::ZERO + Duration::from_secs(10);
        assert_eq!(goal.overdue(Instant::ZERO), None);
        assert_eq!(goal.overdue(late), Some(peer), "else the loop would spin");
        let label = Safe::from("bob");
        let error = goal.failure(Peer { label, saved: true }, 0, late);
        assert!(matches!(error, Error::HostNotFound { .. }), "{error:?}");
    }
}
