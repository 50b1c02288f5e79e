//! One handshake that we started and that may still be answered. Its message 1 is sent up to
//! `INIT_SENDINGS` times. Source: docs/protocol.md#attempts.

mod called;

use core::net::SocketAddr;
use std::collections::VecDeque;

use crate::crypto::{CookieKey, Initiator, MacKey, mac2};
use crate::id::{ConnectionId, PeerId, SessionIndex};
use crate::proto::assembly::Whole;
use crate::proto::attempt::called::Called;
pub(super) use crate::proto::attempt::called::Origin;
use crate::proto::job::Initiated;
use crate::proto::limits::{ATTEMPT_LIFE, INIT_SENDINGS, MAX_ATTEMPTS, SLOT_LIFE};
use crate::proto::route::Route;
use crate::time::Instant;
use crate::wire::limits::{MAC_LEN, MESSAGE2_LEN};
use crate::wire::packet::{Cookie, Init, Packet, Resp};

/// An INIT that is out. Its Noise state is with the worker while a RESP is being read.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) index: SessionIndex,
    pub(super) connection: ConnectionId,
    pub(super) started: Instant,
    called: Called,
    sendings: u32,
    last_sent: Instant,
    datagrams: [Vec<u8>; 2],
    resp_mac1: MacKey,
    initiator: Option<Initiator>,
}

/// An attempt whose message 1 a worker is making.
#[derive(Clone, Copy, Debug)]
pub(super) struct Building {
    pub(super) index: SessionIndex,
    pub(super) since: Instant,
}

impl Building {
    /// Whether a worker that has the job is not waited for any more: it may have lost it.
    pub(super) fn is_overdue(self, now: Instant) -> bool {
        now.saturating_since(self.since) >= ATTEMPT_LIFE
    }
}

impl Attempt {
    /// One that has yet to be sent.
    pub(super) fn new(made: Initiated, now: Instant) -> Self {
        let ephemeral = made
            .message1
            .first_chunk()
            .expect("message 1 begins with the key");
        Self {
            index: made.index,
            connection: made.connection,
            started: now,
            called: Called::default(),
            sendings: 0,
            last_sent: now,
            resp_mac1: MacKey::for_resp(ephemeral),
            datagrams: made.datagrams,
            initiator: Some(made.initiator),
        }
    }

    /// Whether a responder that has read it may still say the same again, so that it is worth sending
    /// once more.
    pub(super) fn may_repeat(&self, now: Instant) -> bool {
        self.sendings < INIT_SENDINGS && now.saturating_since(self.last_sent) < SLOT_LIFE
    }

    /// The address, if the attempt went to one and to no other: whoever answers, from wherever, received
    /// there.
    pub(super) fn only_destination(&self) -> Option<SocketAddr> {
        self.called.only()
    }

    /// The datagrams to send now, each with its destination.
    pub(super) fn send(
        &mut self,
        to: &[SocketAddr],
        now: Instant,
    ) -> impl Iterator<Item = (SocketAddr, Vec<u8>)> + use<> {
        self.sendings += 1;
        self.last_sent = now;
        self.called.send(to);
        let (to, datagrams) = (to.to_vec(), self.datagrams.clone());
        let one = move |to| datagrams.clone().map(|datagram| (to, datagram));
        to.into_iter().flat_map(one)
    }

    /// Answers a true COOKIE from an address that was asked: the same two parts with mac2, once a
    /// sending and address.
    pub(super) fn on_cookie(
        &mut self,
        peer: &PeerId,
        from: SocketAddr,
        cookie: &Cookie<'_>,
    ) -> Option<[Vec<u8>; 2]> {
        if !self.called.wants_cookie(from) {
            return None;
        }
        let [first, _] = &self.datagrams;
        let Ok(Packet::Init(Init { mac1, .. })) = Packet::parse(first) else {
            return None;
        };
        let cookie = CookieKey::for_responder(peer)
            .open(cookie.nonce, cookie.sealed, mac1)
            .ok()?;
        self.called.use_cookie(from);
        Some(
            self.datagrams
                .clone()
                .map(|datagram| with_mac2(datagram, &cookie)),
        )
    }

    /// Takes a half of message 2 whose mac1 is right; false if it is not.
    pub(super) fn on_resp(&mut self, from: Route, resp: &Resp<'_>) -> bool {
        let genuine = self.resp_mac1.verify(&[resp.mac1_input], resp.mac1);
        if genuine {
            self.called.add(from, resp);
        }
        genuine
    }

    /// The next message 2 to try, where it came from, and the Noise state to try it on. The state comes back by
    /// [`Attempt::restore`].
    pub(super) fn take_message2(&mut self) -> Option<(Initiator, Origin, Whole<MESSAGE2_LEN>)> {
        let initiator = self.initiator.take()?;
        let Some((origin, message2)) = self.called.take() else {
            self.initiator = Some(initiator);
            return None;
        };
        Some((initiator, origin, message2))
    }

    /// Takes the Noise state back after a message 2 that was not true.
    pub(super) fn restore(&mut self, initiator: Initiator) {
        self.initiator = Some(initiator);
    }

    pub(super) fn ends(&self) -> Instant {
        self.started + ATTEMPT_LIFE
    }
}

fn with_mac2(mut datagram: Vec<u8>, cookie: &[u8; MAC_LEN]) -> Vec<u8> {
    let mac2_start = datagram.len().saturating_sub(MAC_LEN);
    datagram.truncate(mac2_start);
    let mac = mac2(cookie, &[&datagram]);
    datagram.extend_from_slice(&mac);
    datagram
}

/// A peer's [`MAX_ATTEMPTS`] newest attempts.
#[derive(Debug, Default)]
pub(super) struct Attempts(VecDeque<Attempt>);

impl Attempts {
    /// Gives memory back that nothing uses.
    pub(super) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Adds an attempt; the oldest beyond the bound is returned.
    #[must_use]
    pub(super) fn add(&mut self, attempt: Attempt) -> Option<Attempt> {
        self.0.push_back(attempt);
        if self.0.len() > MAX_ATTEMPTS {
            self.0.pop_front()
        } else {
            None
        }
    }

    pub(super) fn find(&mut self, index: SessionIndex) -> Option<&mut Attempt> {
        self.0.iter_mut().find(|attempt| attempt.index == index)
    }

    pub(super) fn newest(&mut self) -> Option<&mut Attempt> {
        self.0.back_mut()
    }

    /// Takes out those that nobody may answer any more.
    #[must_use]
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Attempt> {
        let (gone, kept): (Vec<_>, Vec<_>) =
            self.0.drain(..).partition(|attempt| attempt.ends() <= now);
        self.0 = kept.into();
        gone
    }

    /// Takes out all.
    #[must_use]
    pub(super) fn take_all(&mut self) -> Vec<Attempt> {
        self.0.drain(..).collect()
    }

    pub(super) fn next_end(&self) -> Option<Instant> {
        self.0.iter().map(Attempt::ends).min()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
