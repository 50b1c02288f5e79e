//! Everywhere that an attempt was sent, and what came back, kept apart by where it came from: whoever holds a
//! stale address of a peer sees the call, and must not leave the peer without a place for its answer.
//! Source: docs/protocol.md#reassembly.

use core::net::SocketAddr;

use crate::proto::assembly::{Assembly, Whole};
use crate::proto::limits::MAX_RESP_VARIANTS;
use crate::wire::limits::{MESSAGE2_LEN, RESP_HALF_LEN};
use crate::wire::packet::Resp;

/// The addresses that were called, and one place for all others.
#[derive(Debug, Default)]
pub(super) struct Called {
    places: Vec<Place>,
    elsewhere: Option<Place>,
}

#[derive(Debug)]
struct Place {
    /// Elsewhere: where the last half came from.
    address: SocketAddr,
    halves: Assembly<RESP_HALF_LEN, MAX_RESP_VARIANTS>,
    /// Whether a message 2 from here was not true.
    spoiled: bool,
    /// Whether the last sending was repeated here with a cookie.
    cookie_used: bool,
}

impl Place {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            halves: Assembly::default(),
            spoiled: false,
            cookie_used: false,
        }
    }
}

impl Called {
    /// The attempt is being sent to these addresses, perhaps again.
    pub(super) fn send(&mut self, to: &[SocketAddr]) {
        for address in to {
            if self.find(*address).is_none() {
                self.places.push(Place::new(*address));
            }
        }
        for place in &mut self.places {
            place.cookie_used = false;
        }
    }

    fn find(&mut self, address: SocketAddr) -> Option<&mut Place> {
        self.places.iter_mut().find(|it| it.address == address)
    }

    /// The address, if one was called and no other.
    pub(super) fn only(&self) -> Option<SocketAddr> {
        match self.places.as_slice() {
            [only] => Some(only.address),
            _ => None,
        }
    }

    /// Whether false halves may have taken the places of true ones wherever it was sent.
    pub(super) fn is_spoiled(&self) -> bool {
        self.places.iter().all(|place| place.spoiled)
    }

    /// Whether a cookie from here is to be answered: it was called, and has not been answered since the last sending.
    pub(super) fn wants_cookie(&self, from: SocketAddr) -> bool {
        let mut places = self.places.iter();
        places.any(|it| it.address == from && !it.cookie_used)
    }

    /// A cookie from here is being answered.
    pub(super) fn use_cookie(&mut self, from: SocketAddr) {
        if let Some(place) = self.find(from) {
            place.cookie_used = true;
        }
    }

    /// Keeps a half of message 2, if there is room where it came from.
    pub(super) fn add(&mut self, from: SocketAddr, resp: &Resp<'_>) {
        if let Some(place) = self.find(from) {
            place.halves.add(resp.part, resp.body);
            return;
        }
        let place = self.elsewhere.get_or_insert_with(|| Place::new(from));
        if place.halves.add(resp.part, resp.body) {
            place.address = from;
        }
    }

    /// The next message 2 to try, and where it came from.
    pub(super) fn take(&mut self) -> Option<(SocketAddr, Whole<MESSAGE2_LEN>)> {
        let mut places = self.places.iter_mut().chain(&mut self.elsewhere);
        places.find_map(|place| Some((place.address, place.halves.take()?)))
    }

    /// A message 2 from here was not true.
    pub(super) fn spoil(&mut self, from: SocketAddr) {
        if let Some(place) = self.find(from) {
            place.spoiled = true;
        }
    }
}
