//! The responder's side: who is calling, and may he come in.
//!
//! 1. `on_init` lets the guard judge a part and reassembles message 1, or says again what it was
//!    answered by.
//! 2. `on_accepted` knows who sent it: revoked and unknown keys part ways with known ones here, before
//!    anything costly is spent on message 2. `admission` makes records of unknown ones.
//! 3. `on_responded` checks again, since the world may have changed, and sends message 2. Nothing is
//!    sent under its keypair before the other side has used it.

use core::net::IpAddr;

use tracing::{debug, trace};

use crate::crypto::Responder;
use crate::id::{ConnectionId, PeerId, PeerLabel, SessionIndex};
use crate::proto::endpoint::Endpoint;
use crate::proto::guard::Verdict;
use crate::proto::job::{Accept, Accepted, Respond, Responded, Work};
use crate::proto::keypair::{Keypair, KeypairInfo};
use crate::proto::limits::TIMESTAMP_LIFE;
use crate::proto::payload::{InitPayload, RespPayload, Welcome};
use crate::proto::peer::LastCall;
use crate::proto::reassembly::{Answer, Ephemeral, SlotKey};
use crate::proto::route::Route;
use crate::proto::ruling::{Finding, Message, Ruling};
use crate::proto::stats::{DropReason, TurnedAway};
use crate::time::Instant;
use crate::wire::limits::MESSAGE1_LEN;
use crate::wire::packet::Init;

impl Endpoint {
    pub(super) fn on_init(&mut self, from: Route, init: &Init<'_>, now: Instant) -> Ruling {
        let shared = &mut self.shared;
        let slot = (from.peer, init.sender);
        let is_repeated = shared.reassembly.is_proved(&slot, init, now);
        let is_expected = !is_repeated && shared.reassembly.holds(&slot, now);
        let waiting = shared.waiting_jobs();
        match shared
            .guard
            .judge(from.peer, init, is_expected, waiting, &mut shared.rng, now)
        {
            Verdict::Drop => shared.rule_out(DropReason::RateLimited),
            Verdict::AskCookie(cookie) => {
                // Of TRACE, as all that anybody can cause again and again: it would fill a disk.
                trace!("asks for a cookie");
                shared.answer_stranger(from, cookie);
                Ruling::CookieAsked
            }
            Verdict::Admit if is_repeated => self.answer_again(&slot, from, now),
            Verdict::Admit => self.reassemble(from, init, now),
        }
    }

    /// A half of a message came again: so does the answer, as long as its keypair waits.
    fn answer_again(&mut self, slot: &SlotKey, from: Route, now: Instant) -> Ruling {
        let shared = &mut self.shared;
        let Some((peer, index)) = shared.reassembly.announced(slot) else {
            return Ruling::Kept;
        };
        if shared.keys.find(index).is_none_or(|it| it.peer != peer) {
            return shared.rule_out(DropReason::StaleKeypair);
        }
        let Some(datagrams) = shared.reassembly.answer_again(slot, now) else {
            return shared.rule_out(DropReason::RateLimited);
        };
        for datagram in datagrams {
            shared.answer_stranger(from, datagram);
        }
        Ruling::AnsweredAgain
    }

    fn reassemble(&mut self, from: Route, init: &Init<'_>, now: Instant) -> Ruling {
        let shared = &mut self.shared;
        let mut ruling = Ruling::Kept;
        for message1 in shared.reassembly.add(from.peer, init, &mut shared.rng, now) {
            let (local, slot) = (shared.local.clone(), (from.peer, init.sender));
            let work = Accept {
                local,
                slot,
                called: from.local,
                message1,
            };
            ruling = if shared.stranger_job(work) {
                Ruling::Whole
            } else {
                Ruling::Dropped(DropReason::QueueFull)
            };
        }
        ruling
    }

    /// Message 1 has been read, or was not true.
    pub(super) fn on_accepted(&mut self, done: Accepted, now: Instant) -> Finding {
        let index = done.slot.1;
        let result = self.welcome(done, now);
        if let Err(reason) = result {
            self.shared.drop(reason);
        }
        Finding {
            message: Message::First,
            index,
            result,
        }
    }

    /// Says who sent it, as far as there is a record, and how he is received; or why it is dropped.
    fn welcome(
        &mut self,
        done: Accepted,
        now: Instant,
    ) -> Result<(Option<PeerLabel>, Welcome), DropReason> {
        let Accepted {
            slot,
            called,
            message1,
            responder,
        } = done;
        let responder = responder.ok_or(DropReason::Forged)?;
        self.welcome_sender(slot, called, message1, responder, now)
            .inspect_err(|_| self.shared.reassembly.give_up(&slot))
    }

    fn welcome_sender(
        &mut self,
        slot: SlotKey,
        called: Option<IpAddr>,
        message1: Box<[u8; MESSAGE1_LEN]>,
        mut responder: Responder,
        now: Instant,
    ) -> Result<(Option<PeerLabel>, Welcome), DropReason> {
        let payload = InitPayload::parse(responder.payload()).map_err(|_| DropReason::Malformed)?;
        let peer = responder.remote();
        let is_copy = self.is_open_copy(&slot, &message1, now);
        let welcome = self.receive(peer, &payload, (slot, is_copy), now)?;
        let record = self.peers.get(&peer);
        let label = record.map(|record| record.label);
        match record {
            Some(record) if welcome == Welcome::Known => debug!(peer = %record.label, "is called"),
            _ => trace!(?label, ?welcome, "is called by a stranger"),
        }
        // Guests come and go; a newcomer is one of few, and it is forgotten with him.
        if welcome == Welcome::Known
            && let Some(product) = responder.take_product()
        {
            self.shared.local.remember(product);
        }
        let ephemeral = *message1
            .first_chunk()
            .expect("message 1 begins with the key");
        if welcome.begins_session() {
            let shared = &mut self.shared;
            shared
                .reassembly
                .prove(&slot, message1, &mut shared.rng, now);
        } else {
            // Nothing is kept of whoever is refused: he is read anew.
            self.shared.reassembly.give_up(&slot);
        }
        let remote_connection = payload.connection;
        self.respond(
            responder,
            welcome,
            (slot, called),
            ephemeral,
            remote_connection,
        );
        Ok((label, welcome))
    }

    /// Whether the same message 1 came from elsewhere before and no answer to it has been made use of. This one may be the
    /// original, which a copy has overtaken: it gets an answer and keys of its own, so that each answer proves one address.
    fn is_open_copy(&self, slot: &SlotKey, message1: &[u8; MESSAGE1_LEN], now: Instant) -> bool {
        let shared = &self.shared;
        let is_open = |announced: Option<(PeerId, SessionIndex)>| {
            let held = |(peer, index)| shared.keys.find(index).is_some_and(|it| it.peer == peer);
            announced.is_none_or(held)
        };
        let mut copies = shared.reassembly.copies(slot, message1, now);
        copies.any(is_open)
    }

    /// Decides how to receive `peer`, and remembers the timestamp of those with a record.
    fn receive(
        &mut self,
        id: PeerId,
        payload: &InitPayload,
        ((from, sender), is_copy): (SlotKey, bool),
        now: Instant,
    ) -> Result<Welcome, DropReason> {
        if id == self.shared.id || self.shared.revoked.contains(&id) {
            return Err(DropReason::NotWelcome);
        }
        let known = self.peers.get(&id);
        let goes_on = known.is_some_and(|peer| peer.is_in_connection(payload.connection));
        if self.shared.is_owner_behind() && !goes_on {
            return Err(DropReason::Overflow);
        }
        if !self.peers.contains(&id) && !self.admit_unknown((id, payload.connection), from, now)? {
            TurnedAway::count(&mut self.shared.turned_away, now);
            return Ok(Welcome::Refused);
        }
        let peer = self.peers.get_mut(&id).ok_or(DropReason::NotWelcome)?;
        let is_live = peer.keys.current().is_some();
        let is_remembered =
            |it: &LastCall| is_live || now.saturating_since(it.since) < TIMESTAMP_LIFE;
        let last = peer.last_call.filter(is_remembered);
        let call = LastCall::next(last, (payload.timestamp, sender), is_copy, now);
        peer.last_call = Some(call.ok_or(DropReason::OldTimestamp)?);
        Ok(if peer.is_guest() {
            Welcome::Guest
        } else {
            Welcome::Known
        })
    }

    fn respond(
        &mut self,
        responder: Responder,
        welcome: Welcome,
        (slot, called): (SlotKey, Option<IpAddr>),
        ephemeral: Ephemeral,
        remote_connection: ConnectionId,
    ) {
        let shared = &mut self.shared;
        let index = shared.fresh_index();
        let peer = self.peers.get(&responder.remote());
        let connection = match peer {
            Some(peer) => peer.connection_id,
            None => ConnectionId(shared.rng.u64()),
        };
        let psk = peer.and_then(|peer| peer.psk.clone());
        let payload = RespPayload {
            connection,
            welcome,
            index,
        };
        let work = Work::Respond(Box::new(Respond {
            responder,
            psk,
            slot,
            called,
            ephemeral,
            payload,
            remote_connection,
        }));
        // Not given up for others' calls: its timestamp is taken, so that reading it again would help nobody.
        shared.own_job(work);
    }

    /// Message 2 is made.
    pub(super) fn on_responded(
        &mut self,
        slot: SlotKey,
        ephemeral: &Ephemeral,
        made: Option<Box<Responded>>,
        now: Instant,
    ) -> Option<Finding> {
        // Without it a key in message 1 was not usable.
        let answered = made.map(|made| self.answer(*made, ephemeral, now));
        let reason = answered.unwrap_or(Err(DropReason::Forged)).err()?;
        self.shared.reassembly.unanswered(&slot, ephemeral);
        self.shared.drop(reason);
        let index = slot.1;
        Some(Finding {
            message: Message::First,
            index,
            result: Err(reason),
        })
    }

    fn answer(
        &mut self,
        done: Responded,
        ephemeral: &Ephemeral,
        now: Instant,
    ) -> Result<(), DropReason> {
        let shared = &mut self.shared;
        let Responded {
            peer: id,
            slot,
            called,
            payload,
            remote_connection,
            keys,
            handshake,
            datagrams,
        } = done;
        if shared.revoked.contains(&id) {
            return Err(DropReason::NotWelcome);
        }
        let to = Route {
            peer: slot.0,
            local: called,
        };
        if payload.welcome.begins_session() {
            let is_free = shared.keys.find(payload.index).is_none()
                && !shared.attempts.contains_key(&payload.index);
            let peer = self
                .peers
                .get_mut(&id)
                .filter(|peer| peer.connection_id == payload.connection)
                .filter(|_| is_free);
            let peer = peer.ok_or(DropReason::NotWelcome)?;
            if peer.last_call.is_some_and(|call| call.is_used(slot.1)) {
                return Err(DropReason::OldTimestamp);
            }
            let info = KeypairInfo {
                peer: id,
                place: peer.place,
                epoch: shared.next_epoch(),
                local_index: payload.index,
                remote_index: slot.1,
                connection: (payload.connection, remote_connection),
                initiator: false,
                handshake,
                proves: Some(to),
                started: now,
            };
            let keypair = Keypair::new(info, keys, now);
            shared.keys.insert(&keypair);
            if let Some(oldest) = peer.keys.add_next(keypair) {
                shared.keys.remove(&oldest);
            }
            peer.arm_erase(shared);
            let answer = Answer::new(id, payload.index, datagrams.clone());
            shared.reassembly.answered(&slot, ephemeral, answer, now);
        }
        for datagram in datagrams {
            shared.answer_stranger(to, datagram);
        }
        Ok(())
    }
}
