//! A path that an unproved address was taken for, while the proved one still answers: perhaps somebody sends copies on.
//!
//! A copy that arrives before the original looks as a move does. So does the next one, for as long as he likes. Once
//! the old address has shown that it is alive, packets stay there, and whatever else they come from has to answer first. A
//! peer that has really moved does, in a round trip, whatever the old address says.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::proto::limits::UNPROVED_LIFE;
use crate::proto::path::kept::Kept;
use crate::proto::path::proving::{Old, Proving};
use crate::proto::path::{Change, PathState};
use crate::proto::route::Route;
use crate::time::Instant;

impl PathState {
    /// From now on the path moves only to what has answered.
    pub(super) fn contest(&mut self, now: Instant) {
        self.contested = Some(now + UNPROVED_LIFE);
    }

    /// Whether it does so now. An address that is being proved is left for others as ever.
    pub(super) fn is_contested(&self, now: Instant) -> bool {
        self.is_settled() && self.contested.is_some_and(|until| now < until)
    }

    /// The newest packet came from the path. What is asked beside it is forgotten, unless copies may bear the address of
    /// the path as well.
    pub(super) fn on_heard_here(&mut self, local: Option<IpAddr>, now: Instant) {
        self.local = local;
        if !self.is_contested(now) {
            self.kept = None;
        }
    }

    /// The old address, if it has answered and the new one has had its time.
    pub(super) fn outdone_by(&self, now: Instant) -> Option<Route> {
        let proving = self.proving.as_ref()?;
        let is_due = proving.yields().is_some_and(|at| now >= at);
        proving.old.filter(|_| is_due).map(Old::route)
    }

    /// Packets go to the old address again, which answers; the new one may still do so.
    pub(super) fn give_way(&mut self, old: Route, now: Instant) -> Change {
        self.contest(now);
        self.leave();
        let here = self.route_to(self.address);
        let new = self.proving.take().filter(|new| !new.is_over(now));
        self.kept = new.map(|new| Box::new(Kept::new(here, new, now, now)));
        self.go_back(old)
    }

    /// Asks where a packet of `len` bytes came from. One address at a time, each for a PTO, so that copies from ever new ones
    /// neither cause more challenges than that nor leave the peer's own no time to answer.
    pub(super) fn ask_beside(&mut self, from: Route, len: usize, pto: Duration, now: Instant) {
        if let Some(kept) = self.kept.as_mut().filter(|it| it.address == from.peer) {
            kept.local = from.local;
            return kept.proving.on_received(len, pto, now);
        }
        if self.kept.as_ref().is_some_and(|kept| now < kept.held) {
            return;
        }
        let mut proving = Box::new(Proving::new(len, pto, now));
        proving.old = Some(Old {
            address: self.address,
            local: self.local,
            due: false,
            answered: false,
        });
        let held = now + proving.pto;
        self.kept = Some(Box::new(Kept::new(from, proving, held, now)));
    }

    /// Where an answer to a challenge from `from` goes as well: to the proved address, if that one is not, since
    /// the copy of a challenge may have been faster than the challenge.
    pub(super) fn proved_beside(&self, from: SocketAddr) -> Option<Route> {
        if self.is_moving() && from == self.address {
            return self.proving.as_ref()?.old.map(Old::route);
        }
        let is_elsewhere = self.is_settled() && from != self.address;
        let is_beside = is_elsewhere && self.contested.is_some();
        is_beside.then(|| self.route_to(self.address))
    }
}
