//! Where the peer is, and how far that is proved (RFC 9000 §§8.2, 9.3). Source: docs/protocol.md#paths.
//!
//! 1. A packet moves the path to a new address: at most [`AMPLIFICATION`] times what came from there
//!    goes there, and both it and the old address are challenged.
//! 2. The new address answers: it stays, whatever the old one does. If the challenge had to be
//!    smaller than the base size, a full one follows.
//! 3. It does not answer in [`PATH_PTOS`](crate::proto::limits::PATH_PTOS) PTOs: back to the last proved address. If
//!    that does not answer either, the new one may still do so later.
//! 4. A handshake whose half went there proves it too, but not that the base size passes.
//! 5. The old address speaks, or answers and the new one does not in a PTO: back to the old one, and for
//!    [`UNPROVED_LIFE`](crate::proto::limits::UNPROVED_LIFE) the path is *contested*: it moves to what has answered alone.
//! 6. Nothing was proved, and a call to one address alone has an answer from elsewhere: that address is *presumed* until it is
//!    heard or answers.
//!
//! ```text
//! settled    ── the newest packet is from elsewhere ──▶ proving
//! proving    ── full answer ──────────────────────────▶ settled on the new address
//!            ── small answer ─────────────────────────▶ half proved
//!            ── no answer ────────────────────────────▶ settled on the old address, and kept
//!            ── only the old one answers ─────────────▶ contested on the old address, and kept
//! kept       ── late answer ──────────────────────────▶ as proving
//! contested  ── the newest packet is from elsewhere ──▶ contested, and kept
//! half       ── full answer, or none from either ─────▶ settled on the new address
//! half       ── only the old one answers full size ───▶ settled on the old address
//! proving    ── the newest packet is from the old one ▶ contested on the old address
//! ```

mod astray;
mod contested;
mod kept;
mod proving;
mod size;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;

use crate::proto::limits::{AMPLIFICATION, MAX_CHALLENGES, MAX_PATH_RESPONSES};
use crate::proto::path::kept::Kept;
use crate::proto::path::proving::{Asked, Old, Proving, Whom};
use crate::proto::path::size::{MIN_DATAGRAM_LEN, bucket_within};
use crate::proto::route::Route;
use crate::time::Instant;
use crate::wire::limits::BASE_DATAGRAM_LEN;

pub(crate) use crate::proto::path::proving::Token;

/// The address of one peer.
///
/// The owner calls [`PathState::on_packet`] for each packet that authenticated and is no replay,
/// right before its frames, and [`PathState::on_sent`] for each datagram that leaves for the peer. It
/// polls responses and challenges before anything else, so that other traffic does not use up what
/// may be sent to an unproved address, and draws a fresh random token for each challenge.
#[derive(Debug)]
pub(crate) struct PathState {
    address: SocketAddr,
    /// Which of our addresses its newest packet came to, and so what goes there leaves from.
    local: Option<IpAddr>,
    /// The host that congestion state, round trip and MTU belong to.
    measured: IpAddr,
    /// Rare, and large.
    proving: Option<Box<Proving>>,
    /// What is asked beside the path: what it returned from, or what packets come from while it is contested. None
    /// while an address is being proved.
    kept: Option<Box<Kept>>,
    /// Whether the last proved address is so by nothing but that a call went there alone and had an answer, which somebody may
    /// have carried: nothing has come from there yet, nor an answer to a challenge.
    is_presumed: bool,
    /// Until when the path moves to no address that has not answered.
    contested: Option<Instant>,
    /// When a challenge of an old address was last due; at most once a PTO, however often the path
    /// moves.
    old_asked: Option<Instant>,
    /// Where the packet at hand came from, and its bytes, until a challenge in it is taken: many in
    /// one packet get one answer, or a small packet could cause many.
    arrived: Option<(Route, usize)>,
    responses: VecDeque<Response>,
    /// The address that the owner knows.
    told: SocketAddr,
}

#[derive(Clone, Copy, Debug)]
struct Response {
    to: Route,
    token: Token,
    /// Bytes of the datagram that the challenge came in.
    received: usize,
}

/// A datagram that is due for the sake of the path: one PATH_CHALLENGE or PATH_RESPONSE, perhaps
/// with an ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathProbe {
    /// Where to; not always the path.
    pub(crate) to: SocketAddr,
    /// Which of our addresses it leaves from.
    pub(crate) from: Option<IpAddr>,
    /// What the frame carries.
    pub(crate) token: Token,
    /// The bytes that the datagram is padded to exactly: one of the usual sizes, the base at most.
    pub(crate) size: usize,
}

/// What became of the path. "Restart" says that congestion state, round trip and MTU belong to
/// another host and start anew; they are kept if only the port differs (RFC 9000 §9.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// To an address that is not proved. Nothing restarts before it is.
    Moved,
    /// The address answered and stays.
    Proved {
        /// Whether what was measured starts anew.
        restart: bool,
    },
    /// Back to the last proved address.
    Returned {
        /// Whether what was measured starts anew.
        restart: bool,
    },
}

impl PathState {
    /// The address that a handshake just proved.
    pub(crate) fn proved(at: impl Into<Route>) -> Self {
        let Route {
            peer: address,
            local,
        } = at.into();
        Self {
            address,
            local,
            measured: host(address),
            proving: None,
            kept: None,
            is_presumed: false,
            contested: None,
            old_asked: None,
            arrived: None,
            responses: VecDeque::new(),
            told: address,
        }
    }

    /// The address that the first `len` bytes came from, where the handshake proved none. There is
    /// no way back from it.
    pub(crate) fn unproved(at: impl Into<Route>, len: usize, pto: Duration, now: Instant) -> Self {
        Self {
            proving: Some(Box::new(Proving::new(len, pto, now))),
            ..Self::proved(at)
        }
    }

    // --- state --------------------------------------------------------------------------------

    /// Where packets to the peer go.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The way to an address, from where it was heard last if it is one of the path's.
    pub(crate) fn route_to(&self, to: SocketAddr) -> Route {
        let old = self.proving.as_ref().and_then(|proving| proving.old);
        let kept = self.kept.as_ref().map(|kept| (kept.address, kept.local));
        let old = old.map(|old| (old.address, old.local));
        let mut all = [Some((self.address, self.local)), old, kept]
            .into_iter()
            .flatten();
        let local = all.find(|(address, _)| *address == to);
        Route {
            peer: to,
            local: local.and_then(|(_, local)| local),
        }
    }

    /// Whether nothing about the address remains to be proved; MTU probes wait for that.
    pub(crate) const fn is_settled(&self) -> bool {
        self.proving.is_none()
    }

    /// Whether the path left a proved address for one that is none yet.
    pub(crate) fn is_moving(&self) -> bool {
        let proving = self.proving.as_deref();
        proving.is_some_and(|it| it.budget.is_some() && it.old.is_some())
    }

    /// The bytes that may still be sent to an unproved address; none means without limit.
    pub(crate) fn allowance(&self) -> Option<usize> {
        let budget = self.proving.as_ref()?.budget?;
        Some(budget.left())
    }

    /// The largest datagram that may go to the path now, where `mtu` is what the measured path
    /// carries. Zero: nothing at all. Enough is left for one more challenge.
    pub(crate) fn datagram_limit(&self, mtu: usize) -> usize {
        let Some(left) = self.allowance() else {
            return mtu;
        };
        let left = left.saturating_sub(MIN_DATAGRAM_LEN);
        let carries = if host(self.address) == self.measured {
            mtu
        } else {
            mtu.min(BASE_DATAGRAM_LEN)
        };
        if left >= carries {
            carries
        } else {
            bucket_within(left)
        }
    }

    /// What a packet to the path must not exceed, where `mtu` is what the measured path carries.
    /// None: the path is settled, and larger ones may be tried.
    pub(crate) fn limit(&self, mtu: usize) -> Option<usize> {
        (!self.is_settled()).then(|| self.datagram_limit(mtu))
    }

    /// The address that was proved last, if one was.
    pub(crate) fn last_proved(&self) -> Option<SocketAddr> {
        match &self.proving {
            Some(proving) if proving.budget.is_some() => proving.old.map(|old| old.address),
            Some(_) | None => Some(self.address),
        }
    }

    /// Where to say in `len` bytes what must not be lost: to the path, if so much may go there, and
    /// to the last proved address.
    pub(crate) fn everywhere(&self, len: usize) -> impl Iterator<Item = SocketAddr> + use<> {
        let may = self.allowance().is_none_or(|left| len <= left);
        let here = may.then_some(self.address);
        here.into_iter().chain(self.old_address())
    }

    /// Where a goodbye of `len` bytes goes: the peer may be where it was heard last, though nothing answered there.
    pub(crate) fn farewell(&self, len: usize) -> impl Iterator<Item = SocketAddr> + use<> {
        let kept = self.kept.as_ref().and_then(|kept| kept.within(len));
        self.everywhere(len).chain(kept)
    }

    /// The present address, if it is proved and not the last that the owner was told of.
    pub(crate) fn take_news(&mut self) -> Option<SocketAddr> {
        let is_proved = self.last_proved() == Some(self.address) && !self.is_presumed;
        let is_news = is_proved && self.address != self.told;
        is_news.then(|| {
            self.told = self.address;
            self.told
        })
    }

    // --- in -----------------------------------------------------------------------------------

    /// An authentic packet arrived in a datagram of `len` bytes. `newest`: it may move the path,
    /// having the highest counter under the current keypair.
    pub(crate) fn on_packet(
        &mut self,
        from: impl Into<Route>,
        len: usize,
        newest: bool,
        pto: Duration,
        now: Instant,
    ) -> Option<Change> {
        let from = from.into();
        self.contested = self.contested.filter(|until| now < *until);
        self.is_presumed &= !newest || self.last_proved() != Some(from.peer);
        self.arrived = Some((from, len));
        if from.peer == self.address {
            if let Some(proving) = &mut self.proving {
                proving.on_received(len, pto, now);
            }
            if newest {
                self.on_heard_here(from.local, now);
            }
            return None;
        }
        if !newest {
            return None;
        }
        if self.is_moving() && self.old_address() == Some(from.peer) {
            self.contest(now);
            return Some(self.go_back(from));
        }
        if self.is_contested(now) {
            self.ask_beside(from, len, pto, now);
            return None;
        }
        self.move_to(from, len, pto, now);
        Some(Change::Moved)
    }

    /// A handshake whose last message of `len` bytes came from `from` proved that the peer receives
    /// there. Its datagrams are small, so that the base size remains to be tried after a move.
    pub(crate) fn on_handshake(
        &mut self,
        from: Route,
        len: usize,
        pto: Duration,
        now: Instant,
    ) -> Option<Change> {
        if self.old_address() == Some(from.peer) {
            return Some(self.go_back(from));
        }
        if from.peer != self.address {
            self.move_to(from, len, pto, now);
        }
        self.half_prove(now)
    }

    /// Nothing leaves for `route.peer` from `route.local` any more.
    pub(crate) fn forget_local(&mut self, route: Route) {
        let old = self.proving.as_mut().and_then(|it| it.old.as_mut());
        let kept = self
            .kept
            .as_mut()
            .map(|kept| (kept.address, &mut kept.local));
        let old = old.map(|old| (old.address, &mut old.local));
        let all = [Some((self.address, &mut self.local)), old, kept];
        for (address, local) in all.into_iter().flatten() {
            if address == route.peer && *local == route.local {
                *local = None;
            }
        }
    }

    /// A datagram of `len` bytes left.
    pub(crate) fn on_sent(&mut self, to: SocketAddr, len: usize) {
        if to == self.address
            && let Some(proving) = &mut self.proving
        {
            proving.on_sent(len);
        } else if let Some(kept) = self.kept.as_mut().filter(|kept| kept.address == to) {
            kept.proving.on_sent(len);
        }
    }

    /// A PATH_CHALLENGE arrived in the packet at hand: the answer goes where that came from. Others
    /// in the same packet get none.
    pub(crate) fn on_challenge(&mut self, token: Token) {
        let Some((from, received)) = self.arrived.take() else {
            return;
        };
        for to in [Some(from), self.proved_beside(from.peer)]
            .into_iter()
            .flatten()
        {
            if self.responses.len() == MAX_PATH_RESPONSES {
                self.responses.pop_front();
            }
            self.responses.push_back(Response {
                to,
                token,
                received,
            });
        }
    }

    /// A PATH_RESPONSE arrived, from wherever: it speaks for the address that was challenged
    /// (RFC 9000 §8.2.3). One that was not asked for, or too late, tells nothing.
    pub(crate) fn on_response(&mut self, token: Token, now: Instant) -> Option<Change> {
        let is_asked = |kept: &mut Box<Kept>| kept.has_asked(token) && !kept.is_over(now);
        if let Some(kept) = self.kept.take_if(is_asked) {
            (self.address, self.local) = (kept.address, kept.local);
            self.proving = Some(kept.proving);
        }
        let proving = self.proving.as_mut()?;
        let whom = proving.take_asked(token)?;
        self.is_presumed = false;
        match whom {
            Whom::Old => {
                proving.on_old_answered(now);
                None
            }
            Whom::New { full: true } => {
                let is_news = proving.budget.is_some();
                (self.proving, self.contested) = (None, None);
                let restart = self.measure();
                is_news.then_some(Change::Proved { restart })
            }
            Whom::New { full: false } => self.half_prove(now),
        }
    }

    // --- out ----------------------------------------------------------------------------------

    /// The next answer to a challenge; goes in a PATH_RESPONSE.
    pub(crate) fn poll_response(&mut self) -> Option<PathProbe> {
        let size_of = |response: &Response| bucket_within(self.room_for(*response));
        // What has no room waits, until more comes from its address or the path leaves it.
        let at = self.responses.iter().position(|it| size_of(it) > 0)?;
        let response = self.responses.remove(at)?;
        Some(PathProbe {
            to: response.to.peer,
            from: response.to.local,
            token: response.token,
            size: bucket_within(self.room_for(response)),
        })
    }

    /// Whether [`PathState::poll_challenge`] has something to send.
    pub(crate) fn is_challenge_due(&self) -> bool {
        self.challenge().is_some()
    }

    /// The next challenge, with a fresh random `token`; goes in a PATH_CHALLENGE.
    pub(crate) fn poll_challenge(&mut self, token: Token) -> Option<PathProbe> {
        let (whom, to, size) = self.challenge()?;
        let proving = self.asking()?;
        match whom {
            Whom::New { .. } => proving.due = false,
            Whom::Old => {
                if let Some(old) = &mut proving.old {
                    old.due = false;
                }
            }
        }
        if proving.asked.len() == MAX_CHALLENGES {
            proving.asked.pop_front();
        }
        proving.asked.push_back(Asked { token, whom });
        let from = self.route_to(to).local;
        Some(PathProbe {
            to,
            from,
            token,
            size,
        })
    }

    /// When [`PathState::on_timeout`] is due.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        let kept = self.kept.as_ref().map(|kept| &kept.proving);
        self.proving.as_ref().or(kept)?.timeout()
    }

    /// Repeats challenges, or gives the new address up.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> Option<Change> {
        self.kept.take_if(|kept| kept.is_over(now));
        if let Some(old) = self.outdone_by(now) {
            return Some(self.give_way(old, now));
        }
        let proving = self.asking()?;
        if proving.is_over(now) {
            return self.on_deadline(now);
        }
        if proving.repeat(now)
            && let Some(proving) = &mut self.proving
            && let Some(old) = &mut proving.old
        {
            old.ask(&mut self.old_asked, proving.pto, now);
        }
        None
    }

    // --- inside -------------------------------------------------------------------------------

    /// What is being asked: the path, or the address that it returned from.
    fn asking(&mut self) -> Option<&mut Proving> {
        let kept = self.kept.as_mut().map(|kept| &mut kept.proving);
        self.proving.as_mut().or(kept).map(|it| &mut **it)
    }

    fn on_deadline(&mut self, now: Instant) -> Option<Change> {
        let proving = self.proving.as_mut()?;
        let is_proved = proving.budget.is_none();
        match proving.old {
            Some(old) if !is_proved && old.answered => Some(self.give_way(old.route(), now)),
            Some(old) if !is_proved => Some(self.give_up(old.route(), now)),
            Some(old) if old.answered => Some(self.go_back(old.route())),
            // It answers, if not at full size, and nobody does better.
            Some(_) | None if is_proved => {
                self.proving = None;
                None
            }
            // There is nowhere to return to: it is asked again when it is heard again.
            Some(_) | None => {
                (proving.series, proving.due) = (None, false);
                None
            }
        }
    }

    fn old_address(&self) -> Option<SocketAddr> {
        let old = self.proving.as_ref()?.old?;
        Some(old.address)
    }

    /// The present address is proved, but not that the base size passes.
    fn half_prove(&mut self, now: Instant) -> Option<Change> {
        let proving = self.proving.as_mut()?;
        proving.budget.take()?;
        proving.start(now);
        (self.contested, self.is_presumed) = (None, false);
        let restart = self.measure();
        Some(Change::Proved { restart })
    }

    /// Settles on the last proved address.
    fn go_back(&mut self, to: Route) -> Change {
        self.leave();
        (self.address, self.local) = (to.peer, to.local);
        self.proving = None;
        let restart = self.measure();
        Change::Returned { restart }
    }

    /// Settles on the last proved address, although it does not answer either.
    fn give_up(&mut self, last_proved: Route, now: Instant) -> Change {
        self.leave();
        let kept = self.proving.take();
        let here = self.route_to(self.address);
        self.kept = kept.map(|proving| Box::new(Kept::for_long(here, proving, now)));
        self.go_back(last_proved)
    }

    fn move_to(&mut self, to: Route, len: usize, pto: Duration, now: Instant) {
        self.leave();
        let mut next = Proving::new(len, pto, now);
        match self.proving.take() {
            Some(last) if last.budget.is_some() => next.inherit(*last, now),
            // The address that is left answered: it is the last proved one.
            Some(_) | None => {
                let mut old = Old {
                    address: self.address,
                    local: self.local,
                    due: false,
                    answered: false,
                };
                old.ask(&mut self.old_asked, next.pto, now);
                next.old = Some(old);
            }
        }
        if let Some(kept) = self.kept.take().filter(|kept| kept.address == to.peer) {
            next.resume(*kept.proving);
        }
        (self.address, self.local) = (to.peer, to.local);
        self.proving = Some(Box::new(next));
    }

    /// Forgets answers that the allowance of an unproved address was to pay for.
    fn leave(&mut self) {
        if self.allowance().is_some() {
            let left = self.address;
            self.responses.retain(|response| response.to.peer != left);
        }
    }

    /// Whether what was measured belongs to another host than this one; from now on to this one.
    fn measure(&mut self) -> bool {
        let host = host(self.address);
        core::mem::replace(&mut self.measured, host) != host
    }

    /// Bytes that an answer may have. To the path and to the old address those of its challenge, so that it passes where
    /// that did, and shows as much of the size as was asked.
    fn room_for(&self, response: Response) -> usize {
        let asked = response.received.max(MIN_DATAGRAM_LEN);
        if response.to.peer == self.address {
            // No larger than the question, so that enough is left for a question of our own.
            self.allowance().map_or(asked, |left| left.min(asked))
        } else if self.old_address() == Some(response.to.peer) {
            asked
        } else {
            response.received.saturating_mul(AMPLIFICATION)
        }
    }

    /// The challenge that is due and may be sent.
    fn challenge(&self) -> Option<(Whom, SocketAddr, usize)> {
        if let Some(kept) = &self.kept {
            return kept.challenge();
        }
        let proving = self.proving.as_ref()?;
        let left = self.allowance().unwrap_or(BASE_DATAGRAM_LEN);
        let full = left >= BASE_DATAGRAM_LEN;
        // What is not full proves no size, however large: the rest is for asking again.
        let size = bucket_within(if full {
            left
        } else {
            left.min(MIN_DATAGRAM_LEN)
        });
        if proving.due && size > 0 {
            return Some((Whom::New { full }, self.address, size));
        }
        let old = proving.old.filter(|old| old.due)?;
        Some((Whom::Old, old.address, BASE_DATAGRAM_LEN))
    }
}

/// Who a port belongs to, however the socket writes it.
const fn host(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}

#[cfg(test)]
mod tests;
