//! The initiator's side: attempts, their pace, their answers.
//!
//! 1. `start_handshake` begins a series; each attempt has new ephemeral keys, made by the worker.
//! 2. `on_initiated` sends message 1 to every known address, and the next tries `repeat` it.
//! 3. `on_cookie` repeats it with a proof of our address, `on_resp` collects message 2.
//! 4. `on_finished` turns a true message 2 into a keypair and ends the series.

mod retry;

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use tracing::debug;

use crate::crypto::{HandshakeError, is_possible};
use crate::id::SessionIndex;
use crate::proto::attempt::{Attempt, Building, Origin};
use crate::proto::event::{Event, Refusal};
use crate::proto::initiate::retry::{jitter, spread};
use crate::proto::job::{Finish, Finished, Initiate, Initiated, Work};
use crate::proto::keypair::{Keypair, KeypairInfo};
use crate::proto::limits::{MAX_ADDRESSES, RETRY_DELAYS, RETRY_SLOW};
use crate::proto::path::PathState;
use crate::proto::payload::{InitPayload, RespPayload, Welcome};
use crate::proto::peer::Peer;
use crate::proto::route::Route;
use crate::proto::ruling::{Finding, Message, Ruling};
use crate::proto::shared::Shared;
use crate::proto::stats::DropReason;
use crate::proto::timer::Timer;
use crate::time::Instant;
use crate::wire::limits::INIT_LEN;
use crate::wire::packet::{Cookie, Resp};

pub(super) use crate::proto::initiate::retry::Retry;

/// Bytes of both parts of an INIT.
const PARTS_LEN: usize = 2 * INIT_LEN;
/// Bytes of an INIT that is sent, and sent again with a cookie.
const CALL_LEN: usize = 2 * PARTS_LEN;

impl Peer {
    /// Begins a series of attempts unless one is under way; one that only holds a mapping open gives way to what waits.
    /// Whoever came by himself is never called, nor a peer to whom we would have to speak an older version than it has
    /// spoken.
    pub(super) fn start_handshake(&mut self, shared: &mut Shared, now: Instant) {
        if self.retry.is_some_and(|retry| retry.holds_open) && self.waits() {
            self.stop_handshake(shared);
        }
        if self.begin_series(now) {
            self.try_once(shared, now);
        }
    }

    /// As [`Peer::start_handshake`], because the keys of a session that lives are to be renewed.
    pub(super) fn renew_keys(&mut self, shared: &mut Shared, now: Instant) {
        let is_first = self.retry.is_none();
        self.start_handshake(shared, now);
        if let Some(retry) = &mut self.retry {
            retry.renews |= is_first;
        }
    }

    /// As [`Peer::start_handshake`], but the first attempt waits: as long as usually the second, and longer each time that
    /// the peer has left again.
    pub(super) fn start_handshake_later(&mut self, shared: &mut Shared, now: Instant) {
        let before = usize::from(self.partings.saturating_sub(1));
        let pause = RETRY_DELAYS.get(before).copied().unwrap_or(RETRY_SLOW);
        if self.begin_series(now + pause) {
            let wait = pause + jitter(pause, shared);
            self.arm_retry(now + wait, shared);
        }
    }

    /// `since`: when its first attempt is due.
    fn begin_series(&mut self, since: Instant) -> bool {
        if self.retry.is_some() || !self.is_known() || self.called_at().is_empty() {
            return false;
        }
        if !self.may_be_called() || !is_possible(&self.id) {
            return false;
        }
        let is_astray = self.path.as_ref().is_some_and(PathState::is_astray);
        self.astray = if is_astray {
            self.astray.checked_add(1).unwrap_or(1)
        } else {
            0
        };
        self.retry = Some(Retry::new(since, self.astray));
        true
    }

    fn arm_retry(&mut self, due: Instant, shared: &mut Shared) {
        if let Some(retry) = &mut self.retry {
            retry.due = due;
        }
        self.arm(Timer::Retry, Some(due), shared);
    }

    /// As [`Peer::start_handshake`], because the owner asks for it: a series that has slowed down
    /// begins anew, and one that has yet to begin does so at once.
    pub(super) fn start_handshake_anew(&mut self, shared: &mut Shared, now: Instant) {
        let has_yet_to_begin = self.retry.is_some_and(|retry| retry.tries == 0);
        if self.calls_rarely() || has_yet_to_begin {
            self.stop_handshake(shared);
        }
        self.start_handshake(shared, now);
    }

    /// Whether a series has slowed down, because nobody answered for long or the peer has left again and again.
    pub(super) fn calls_rarely(&self) -> bool {
        let is_put_off = |retry: Retry| retry.tries == 0 && self.partings > 1;
        self.retry
            .is_some_and(|retry| retry.told || is_put_off(retry))
    }

    /// Ends the series; attempts that are out may still be answered.
    pub(super) fn stop_handshake(&mut self, shared: &mut Shared) {
        self.retry = None;
        self.arm(Timer::Retry, None, shared);
    }

    /// The next try is due.
    pub(super) fn on_retry(&mut self, shared: &mut Shared, now: Instant) {
        let (waits, holds_open) = (self.waits(), self.held_open_every().is_some());
        let Some(retry) = &mut self.retry else { return };
        retry.wake(now);
        if retry.is_slow(now) {
            retry.holds_open = !waits;
            if !core::mem::replace(&mut retry.told, true) {
                let event = Event::Unreachable {
                    peer: self.id,
                    tries: retry.tries,
                };
                shared.event(event);
                // When it is heard again, that is news.
                self.silent |= self.has_connection();
            }
            if !waits && !holds_open {
                self.retry = None;
                return;
            }
        }
        self.try_once(shared, now);
    }

    /// How often something is sent to it to hold a mapping open, if it is.
    pub(super) fn held_open_every(&self) -> Option<Duration> {
        self.keepalive.filter(|_| self.is_held_open())
    }

    /// The wait between tries that have become rare: whoever only holds a mapping open does not call more often than that is
    /// asked for.
    fn slow(&self) -> Duration {
        let interval = self.held_open_every().filter(|_| !self.waits());
        interval.unwrap_or(RETRY_SLOW).max(RETRY_SLOW)
    }

    fn try_once(&mut self, shared: &mut Shared, now: Instant) {
        let Some(retry) = &mut self.retry else { return };
        retry.tries += 1;
        debug!(peer = %self.label, tries = retry.tries, "calls");
        let since = retry.since;
        self.forget_lost_job(shared, now);
        if self.building.is_none() && !self.repeat(since, shared, now) {
            self.begin_attempt(shared, now);
        }
        let alone = self.alone(&self.called_at()).is_some();
        let delay = self.retry.and_then(|retry| retry.delay(alone, now));
        let wait = match delay {
            Some(delay) => delay + jitter(delay, shared),
            None => spread(self.slow(), shared),
        };
        self.arm_retry(now + wait, shared);
    }

    /// A worker that has taken a job and has said nothing for so long may have lost it. One that waits to be taken is
    /// not lost, so that no more than one does.
    fn forget_lost_job(&mut self, shared: &mut Shared, now: Instant) {
        let overdue = self.building.filter(|it| it.is_overdue(now));
        if overdue.is_some_and(|it| !shared.has_waiting_job(it.index)) {
            self.forget_building(shared);
        }
    }

    /// What is being made is not wanted any more, however late it comes.
    pub(super) fn forget_building(&mut self, shared: &mut Shared) {
        if let Some(building) = self.building.take() {
            shared.attempts.remove(&building.index);
        }
    }

    /// Has another message 1 made.
    fn begin_attempt(&mut self, shared: &mut Shared, now: Instant) {
        let Some(timestamp) = shared.take_timestamp() else {
            return;
        };
        if let Some(retry) = &mut self.retry {
            retry.attempts += 1;
            retry.sending = 1;
        }
        let index = shared.fresh_index();
        shared.attempts.insert(index, self.id);
        self.building = Some(Building { index, since: now });
        shared.own_job(Work::Initiate(Initiate {
            local: Arc::clone(&shared.local),
            peer: self.id,
            psk: self.psk.clone(),
            index,
            payload: InitPayload {
                timestamp,
                connection: self.connection_id,
            },
        }));
    }

    /// Sends the newest attempt of the series that began at `since` once more; false if it is time for
    /// another.
    fn repeat(&mut self, since: Instant, shared: &mut Shared, now: Instant) -> bool {
        let to = self.called_at();
        let newest = self.attempts.newest();
        let Some(attempt) = newest.filter(|it| it.started >= since) else {
            return false;
        };
        if !attempt.may_repeat(now) {
            return false;
        }
        if let Some(retry) = &mut self.retry {
            retry.sending += 1;
        }
        for (to, datagram) in attempt.send(&to, now) {
            self.call(to, datagram, shared);
        }
        true
    }

    /// Every address that the peer may have: where it was last, if `len` bytes may go there, where that was last
    /// proved, then where it should be.
    fn everywhere(&self, len: usize) -> impl Iterator<Item = SocketAddr> {
        let path = self.path.iter().flat_map(move |path| path.everywhere(len));
        path.chain(self.addresses.iter().copied())
    }

    /// Where the sending at hand goes, unless that is to all of several.
    fn alone(&self, all: &[SocketAddr]) -> Option<SocketAddr> {
        let retry = self.retry.filter(|_| all.len() > 1)?;
        if retry.begins_renewal() {
            return self.sure_path();
        }
        all.iter().rev().nth(retry.alone()? % all.len()).copied()
    }

    /// The path, if nothing says that the peer may be elsewhere. Whoever watches another address of it, such as that of a
    /// network which it has left, does not see its keys renewed then.
    fn sure_path(&self) -> Option<SocketAddr> {
        let path = self.path.as_ref().filter(|path| path.is_settled())?;
        (!self.silent).then(|| path.address())
    }

    /// Where a whole message 1 goes.
    pub(super) fn called_at(&self) -> Vec<SocketAddr> {
        self.destinations(CALL_LEN)
    }

    /// As many of them as are called.
    fn destinations(&self, len: usize) -> Vec<SocketAddr> {
        let mut destinations: Vec<SocketAddr> = Vec::new();
        for address in self.everywhere(len) {
            if !destinations.contains(&address) && destinations.len() < MAX_ADDRESSES {
                destinations.push(address);
            }
        }
        destinations
    }

    /// Message 1 is made. It goes out only if it is still wanted, and not if it was given up for lost.
    /// Without it the peer's key is no usable point.
    pub(super) fn on_initiated(
        &mut self,
        index: SessionIndex,
        made: Option<Initiated>,
        shared: &mut Shared,
        now: Instant,
    ) {
        if self.building.take_if(|it| it.index == index).is_none() {
            debug!(peer = %self.label, "what a worker made came too late");
            return;
        }
        let wanted = self.retry.is_some();
        let made = made.filter(|made| wanted && made.connection == self.connection_id);
        let Some(made) = made else {
            shared.attempts.remove(&index);
            return;
        };
        let mut attempt = Attempt::new(made, now);
        let all = self.called_at();
        let alone = self.alone(&all).map(|it| vec![it]);
        for (to, datagram) in attempt.send(&alone.unwrap_or(all), now) {
            self.call(to, datagram, shared);
        }
        if self.retry.is_some_and(|retry| retry.is_slow(now)) {
            // Whoever could answer one of those before it can answer this one. Each holds 12 kB, and thousands may be away.
            self.forget_attempts(shared);
        }
        if let Some(oldest) = self.attempts.add(attempt) {
            shared.attempts.remove(&oldest.index);
        }
        self.arm(Timer::Attempts, self.attempts.next_end(), shared);
    }

    /// Sends one of our handshake datagrams; an unproved address has to have paid for it.
    fn call(&mut self, to: SocketAddr, datagram: Vec<u8>, shared: &mut Shared) {
        let path = self
            .path
            .as_ref()
            .filter(|_| self.retry.is_none_or(Retry::follows_path));
        let route = path.map_or_else(|| to.into(), |path| path.route_to(to));
        self.call_by(route, datagram, shared);
    }

    fn call_by(&mut self, route: Route, datagram: Vec<u8>, shared: &mut Shared) {
        if let Some(path) = &mut self.path {
            path.on_sent(route.peer, datagram.len());
        }
        shared.transmit(route, datagram);
    }

    pub(super) fn on_cookie(
        &mut self,
        from: Route,
        cookie: &Cookie<'_>,
        shared: &mut Shared,
    ) -> Ruling {
        // What was left for it when the attempt was sent may be used up.
        let has_room = self.everywhere(PARTS_LEN).any(|it| it == from.peer);
        let id = self.id;
        let attempt = self.attempts.find(cookie.receiver);
        match attempt.and_then(|it| it.on_cookie(&id, from.peer, cookie)) {
            Some(_) if !has_room => shared.rule_out(DropReason::RateLimited),
            // It holds for the address that it went to.
            Some(datagrams) => {
                debug!(peer = %self.label, "proves our address by a cookie");
                for datagram in datagrams {
                    self.call_by(from, datagram, shared);
                }
                Ruling::CookieTaken
            }
            None => shared.rule_out(DropReason::Forged),
        }
    }

    pub(super) fn on_resp(&mut self, from: Route, resp: &Resp<'_>, shared: &mut Shared) -> Ruling {
        let Some(attempt) = self.attempts.find(resp.receiver) else {
            return shared.rule_out(DropReason::UnknownIndex);
        };
        if !attempt.on_resp(from, resp) {
            return shared.rule_out(DropReason::WrongMac);
        }
        if self.try_message2(resp.receiver, shared) {
            Ruling::Whole
        } else {
            Ruling::Kept
        }
    }

    /// Has message 2 read, if there are halves that make a new one.
    fn try_message2(&mut self, index: SessionIndex, shared: &mut Shared) -> bool {
        let taken = self.attempts.find(index).and_then(Attempt::take_message2);
        let Some((initiator, origin, message2)) = taken else {
            return false;
        };
        shared.own_job(Work::Finish(Finish {
            peer: self.id,
            index,
            initiator,
            message2,
            origin,
        }));
        true
    }

    /// A message 2 has been read. A false one changes nothing: the true one may still come.
    pub(super) fn on_finished(
        &mut self,
        done: Finished,
        shared: &mut Shared,
        now: Instant,
    ) -> Option<Finding> {
        let index = done.index;
        let result = self.answered(done, shared, now)?;
        if let Err(reason) = result {
            shared.drop(reason);
        }
        Some(Finding {
            message: Message::Second,
            index,
            result: result.map(|welcome| (Some(self.label), welcome)),
        })
    }

    /// Says what the answer is, or why it is dropped; nothing if nobody waits for it any more.
    fn answered(
        &mut self,
        done: Finished,
        shared: &mut Shared,
        now: Instant,
    ) -> Option<Result<Welcome, DropReason>> {
        let Finished {
            index,
            mut initiator,
            completed,
            origin,
            ..
        } = done;
        let attempt = self.attempts.find(index)?;
        let completed = match completed {
            Ok(completed) => completed,
            Err(error) => {
                attempt.restore(initiator);
                self.try_message2(index, shared);
                if error == HandshakeError::OtherPsk {
                    self.tell_of_psk(shared);
                }
                return Some(Err(DropReason::Forged));
            }
        };
        let (connection, started) = (attempt.connection, attempt.started);
        let proves = attempt.only_destination();
        self.forget_attempts(shared);
        let Ok(payload) = RespPayload::parse(&completed.payload) else {
            return Some(Err(DropReason::Malformed));
        };
        let pair = (connection, payload.connection);
        debug!(peer = %self.label, welcome = ?payload.welcome, "was answered");
        match payload.welcome {
            // It was held back: the peer has spoken under a session since.
            Welcome::Refused | Welcome::Version if self.has_spoken_since(started) => {
                return Some(Err(DropReason::StaleKeypair));
            }
            Welcome::Refused => self.on_refused(Refusal::UnknownKey, shared),
            Welcome::Version => self.on_refused(Refusal::Version, shared),
            // A process that is gone answered, or we have said goodbye meanwhile.
            Welcome::Known | Welcome::Guest
                if connection != self.connection_id || self.keys.is_late(pair, started) =>
            {
                return Some(Err(DropReason::StaleKeypair));
            }
            Welcome::Known | Welcome::Guest => {
                let info = KeypairInfo {
                    peer: self.id,
                    place: self.place,
                    epoch: shared.next_epoch(),
                    local_index: index,
                    remote_index: payload.index,
                    connection: pair,
                    initiator: true,
                    handshake: completed.hash,
                    proves: proves.map(Route::from),
                    started,
                };
                let keypair = Keypair::new(info, completed.keys, now);
                // Not before: it is forgotten with the last keypair.
                if let Some(product) = initiator.take_product() {
                    shared.local.remember(product);
                }
                self.on_welcome(&keypair, payload.welcome, origin, shared, now);
            }
        }
        Some(Ok(payload.welcome))
    }

    /// Says that the peer may have another psk, or none. It only explains: whoever alters answers can cause it, too.
    fn tell_of_psk(&mut self, shared: &mut Shared) {
        let Some(retry) = &mut self.retry else { return };
        if !core::mem::replace(&mut retry.told_of_psk, true) {
            debug!(peer = %self.label, "was answered with another psk, or what came was altered");
            shared.event(Event::OtherPsk { peer: self.id });
        }
    }

    fn on_welcome(
        &mut self,
        keypair: &Arc<Keypair>,
        welcome: Welcome,
        origin: Origin,
        shared: &mut Shared,
        now: Instant,
    ) {
        shared.keys.insert(keypair);
        self.on_answered(keypair, origin, shared, now);
        let known = welcome == Welcome::Known;
        if self.is_new_connection(keypair) {
            self.set_accepted(known);
        }
        self.confirm(keypair, shared, now);
        if known {
            self.on_accepted(shared);
        }
    }

    fn on_refused(&mut self, reason: Refusal, shared: &mut Shared) {
        self.end_by_peer(None, shared);
        self.keeps_out = true;
        shared.event(Event::Refused {
            peer: self.id,
            reason,
        });
    }

    /// Forgets all attempts that are out.
    pub(super) fn forget_attempts(&mut self, shared: &mut Shared) {
        for attempt in self.attempts.take_all() {
            shared.attempts.remove(&attempt.index);
        }
        self.arm(Timer::Attempts, None, shared);
    }

    /// Forgets attempts that are too old to be answered.
    pub(super) fn expire_attempts(&mut self, shared: &mut Shared, now: Instant) {
        for attempt in self.attempts.take_expired(now) {
            shared.attempts.remove(&attempt.index);
        }
        self.arm(Timer::Attempts, self.attempts.next_end(), shared);
    }
}
