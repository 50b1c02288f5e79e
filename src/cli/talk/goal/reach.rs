//! How far the way to the one peer that a program is to reach has come.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::talk::aim::Aim;
use crate::cli::talk::goal::again::Again;
use crate::cli::talk::goal::reports::Reports;
use crate::cli::talk::goal::{Progress, Resolved};
use crate::cli::talk::lookups::LookUps;
use crate::cli::{Barrier, Error, ExitCode, Peer};
use crate::id::PeerId;
use crate::net::ResolveError;
use crate::proto::CloseReason;
use crate::store::HostPort;
use crate::text::{Safe, safe_line};
use crate::time::Instant;

/// Addresses of a host that are remembered: more than a name has, unless each answer brings others.
pub(super) const MAX_KNOWN: usize = 256;

/// The way to one peer.
#[derive(Debug)]
pub(in crate::cli::talk) struct Reach {
    pub(in crate::cli::talk) peer: PeerId,
    /// The saved name that the command was given, if it was.
    pub(in crate::cli::talk) name: Option<Safe>,
    pub(in crate::cli::talk) host: HostPort,
    pub(in crate::cli::talk) addresses: Vec<SocketAddr>,
    /// Those that any look-up found.
    pub(in crate::cli::talk) known: BTreeSet<SocketAddr>,
    pub(in crate::cli::talk) timeout: Duration,
    pub(in crate::cli::talk) retry: bool,
    pub(in crate::cli::talk) started: Instant,
    pub(in crate::cli::talk) state: Stage,
    /// What the network says about them.
    pub(in crate::cli::talk) reports: Reports,
    /// An answer came that does not open.
    pub(in crate::cli::talk) has_other_psk: bool,
    /// The name to save the key under once the connection stands.
    pub(in crate::cli::talk) save_as: Option<String>,
    /// Whether the host is to be saved with the peer once that has answered there.
    pub(in crate::cli::talk) save_host: bool,
    /// What `--retry` has to remember.
    pub(in crate::cli::talk) again: Again,
    pub(in crate::cli::talk) look_ups: LookUps,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::talk) enum Stage {
    /// Nobody has answered.
    Trying,
    /// The peer has answered, and its user decides.
    Waiting,
    /// It stands, or has stood.
    Stands,
    /// It is not wanted any more.
    Rests,
}

impl Reach {
    /// Begins now, and is given up after `timeout`.
    pub(in crate::cli::talk) fn new(
        aim: &Aim,
        look_ups: LookUps,
        timeout: Duration,
        now: Instant,
    ) -> Self {
        Self {
            peer: aim.offer.key,
            name: aim.name.clone(),
            host: aim.host.clone(),
            addresses: Vec::new(),
            known: BTreeSet::new(),
            timeout,
            retry: false,
            started: now,
            state: Stage::Trying,
            reports: Reports::default(),
            has_other_psk: false,
            save_as: None,
            save_host: false,
            again: Again::default(),
            look_ups,
        }
    }

    /// Whether it is tried again and again.
    pub(super) const fn retries(&self) -> bool {
        self.retry && !self.again.is_hung_up
    }

    /// Whether it is tried until it is there, or hung up on: so is whoever has been there.
    pub(super) const fn goes_on(&self) -> bool {
        !self.gives_up() && !self.again.is_hung_up
    }

    /// Whether somebody waits for it: whoever has hung up does not, until calling again.
    pub(super) fn is_wanted(&self) -> bool {
        self.state != Stage::Rests || !self.again.is_hung_up
    }

    /// Whether it is given up when its time is over. There was time for somebody who has been there, and there are others.
    pub(super) const fn gives_up(&self) -> bool {
        !self.retries() && !self.again.has_stood
    }

    /// Why the peer has not answered in time, as far as can be told. `called`: where calls go.
    pub(in crate::cli::talk) fn failure(
        &self,
        peer: Peer,
        tries: u32,
        called: &[SocketAddr],
        now: Instant,
    ) -> Error {
        let Some(address) = self.addresses.first().copied() else {
            let reason = safe_line(&ResolveError::Temporary.to_string());
            return not_found(&self.host, reason);
        };
        let after = Duration::from_secs(now.saturating_since(self.started).as_secs());
        // Of the two only an answer needs the peer's key.
        if self.has_other_psk {
            return Error::OtherPsk {
                peer,
                address,
                after,
                tries,
            };
        }
        match self.reported(called, now) {
            Some((address, None)) => Error::PortClosed { peer, address },
            reported => Error::NoAnswer {
                peer,
                address: reported.map_or(address, |(address, _)| address),
                after,
                tries,
                barrier: reported.and_then(|(_, barrier)| barrier),
            },
        }
    }

    /// What the network says about all addresses at which it is called: those of the host, and whatever else is known.
    pub(super) fn reported(
        &self,
        called: &[SocketAddr],
        now: Instant,
    ) -> Option<(SocketAddr, Option<Barrier>)> {
        let tried = now.saturating_since(self.started);
        let all: Vec<SocketAddr> = self.addresses.iter().chain(called).copied().collect();
        self.reports.of_all(&all, tried, now)
    }

    /// Why nothing gets to any of the addresses, if that is news: it is told once while nobody has answered.
    pub(super) fn barred(
        &mut self,
        called: &[SocketAddr],
        now: Instant,
    ) -> Option<(SocketAddr, Barrier)> {
        let (address, barrier) = self.reported(called, now)?;
        let barrier = barrier?;
        (!core::mem::replace(&mut self.reports.is_told, true)).then_some((address, barrier))
    }

    /// This machine has a way again. Whether that is news.
    pub(super) fn on_way_again(&mut self) -> bool {
        let was_told = self.reports.is_told;
        self.reports = Reports::default();
        was_told && self.state == Stage::Trying
    }

    pub(super) fn on_resolved(
        &mut self,
        found: Result<Vec<SocketAddr>, ResolveError>,
        now: Instant,
    ) -> Result<Resolved, Error> {
        let before = self.look_ups.failure();
        let (is_tried, is_wanted) = (self.state == Stage::Trying, self.look_ups.are_wanted());
        let repeats = self.goes_on() && is_wanted;
        let is_repeated = self.look_ups.on_end(&found, repeats, now);
        let addresses = match found {
            Ok(addresses) => addresses,
            Err(error) if is_repeated => {
                let is_news = self.addresses.is_empty() && before != Some(error);
                return Ok(if is_news {
                    Resolved::Later(looked_up_again(&self.host, error))
                } else {
                    Resolved::Nothing
                });
            }
            // What was asked before it was there, or to have it back.
            Err(_) if !is_tried || self.again.has_stood => return Ok(Resolved::Nothing),
            Err(error) => return Err(not_found(&self.host, safe_line(&error.to_string()))),
        };
        self.addresses.clone_from(&addresses);
        let is_news = self.learn(&addresses);
        Ok(if is_news && (is_tried || is_wanted) {
            Resolved::Call(self.peer, addresses)
        } else {
            Resolved::Nothing
        })
    }

    /// Whether there is an address that no look-up has found before. Names lead to several in turn, and all that were
    /// found are called.
    fn learn(&mut self, addresses: &[SocketAddr]) -> bool {
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let known = self.known.len();
        self.known.extend(addresses);
        self.known.len() > known
    }

    pub(super) fn on_closed(&mut self, reason: CloseReason, now: Instant) -> Progress {
        let code = match reason {
            // We have ended it, to begin anew.
            CloseReason::SecretChanged => return self.begin_anew(now),
            CloseReason::Goodbye => ExitCode::Done,
            CloseReason::Declined
            | CloseReason::Removed
            | CloseReason::WordsDiffer
            | CloseReason::SigningKeyChanged => ExitCode::Trust,
            CloseReason::Unsupported => ExitCode::Version,
            CloseReason::TheySayViolation | CloseReason::Violation => ExitCode::Network,
        };
        if !self.retries() || code == ExitCode::Trust || code == ExitCode::Version {
            // Nobody calls it by itself, nor asks where it is.
            self.again.stands = None;
            self.look_ups.rest();
            return Progress::Stop(code);
        }
        self.begin_anew(now)
    }

    fn begin_anew(&mut self, now: Instant) -> Progress {
        self.state = Stage::Trying;
        self.started = now;
        self.has_other_psk = false;
        self.look_ups.want(now);
        Progress::Again(self.again.on_closed(now))
    }
}

pub(super) fn not_found(host: &HostPort, reason: Safe) -> Error {
    let host = safe_line(host.host());
    Error::HostNotFound { host, reason }
}

fn looked_up_again(host: &HostPort, error: ResolveError) -> Safe {
    let words = Safe::from("cannot find the host ") + safe_line(host.host());
    words + " (" + safe_line(&error.to_string()) + "); it is looked up again and again"
}
