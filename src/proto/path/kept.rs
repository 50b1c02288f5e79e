//! An address that is asked while packets go to another one: it was given up without a proof, or the path is contested.

use core::net::{IpAddr, SocketAddr};

use crate::proto::limits::UNPROVED_LIFE;
use crate::proto::path::proving::{Proving, Token, Whom};
use crate::proto::path::size::MIN_DATAGRAM_LEN;
use crate::proto::route::Route;
use crate::time::Instant;

/// Authentic packets came from there, and its peer may have no reason to send another. What they paid
/// for and was not spent goes on small challenges, and any that is out may still be answered. A handshake
/// would cost as much as 29 of them, and finds nobody whom they do not find while the keys last. Only a CLOSE has no
/// second time.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) address: SocketAddr,
    /// Which of our addresses it was heard at.
    pub(super) local: Option<IpAddr>,
    pub(super) proving: Box<Proving>,
    /// From when on another takes its place.
    pub(super) held: Instant,
}

impl Kept {
    /// One that is asked until its series of challenges is over, and that none takes the place of before `held`.
    pub(super) fn new(at: Route, mut proving: Box<Proving>, held: Instant, now: Instant) -> Self {
        proving.asked.retain(|asked| asked.whom != Whom::Old);
        proving.yields = None;
        // A challenge may have fallen due with the return.
        proving.repeat(now);
        Self {
            address: at.peer,
            local: at.local,
            proving,
            held,
        }
    }

    /// One that the path returns from though nothing answers elsewhere either.
    pub(super) fn for_long(at: Route, mut proving: Box<Proving>, now: Instant) -> Self {
        if let Some(series) = &mut proving.series {
            series.deadline = now + UNPROVED_LIFE;
        }
        Self::new(at, proving, now, now)
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.proving.is_over(now)
    }

    /// Whether `token` is one that was sent there.
    pub(super) fn has_asked(&self, token: Token) -> bool {
        self.proving.asked.iter().any(|asked| asked.token == token)
    }

    /// The address, if so many bytes are paid for.
    pub(super) fn within(&self, len: usize) -> Option<SocketAddr> {
        let left = self.proving.budget?.left();
        (len <= left).then_some(self.address)
    }

    /// The challenge that is due and paid for.
    pub(super) fn challenge(&self) -> Option<(Whom, SocketAddr, usize)> {
        let left = self.proving.budget?.left();
        let may = self.proving.due && left >= MIN_DATAGRAM_LEN;
        may.then_some((Whom::New { full: false }, self.address, MIN_DATAGRAM_LEN))
    }
}
