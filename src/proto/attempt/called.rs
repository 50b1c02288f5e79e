//! Everywhere that an attempt was sent, and what came back, kept apart by where it came from: whoever holds a
//! stale address of a peer sees the call, and must not take the room of the peer's answer.
//! Source: docs/protocol.md#reassembly.

use core::net::SocketAddr;

use crate::proto::assembly::{Assembly, Whole};
use crate::proto::limits::{MAX_ADDRESSES, MAX_RESP_VARIANTS};
use crate::proto::route::Route;
use crate::wire::limits::{MESSAGE2_LEN, RESP_HALF_LEN, RESP_LEN};
use crate::wire::packet::{Part, Resp};

/// Where a message 2 came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proto) struct Origin {
    /// Where the later of its halves came from.
    pub(in crate::proto) from: Route,
    /// How many bytes of it came from there.
    pub(in crate::proto) received: usize,
}

/// The addresses that were called, the first [`MAX_ADDRESSES`], and what came from all others.
#[derive(Debug, Default)]
pub(super) struct Called {
    addresses: Vec<Address>,
    elsewhere: Answers,
}

#[derive(Debug)]
struct Address {
    address: SocketAddr,
    answers: Answers,
    /// Whether a cookie from here is answered once more.
    wants_cookie: bool,
}

#[derive(Debug, Default)]
struct Answers {
    halves: Assembly<RESP_HALF_LEN, MAX_RESP_VARIANTS>,
    /// Where each half came from when it was new, in the order in which they came.
    sources: Vec<(Part, Route)>,
}

impl Answers {
    fn add(&mut self, from: Route, resp: &Resp<'_>) {
        let is_new = !self.halves.holds(resp.part, resp.body);
        if is_new && self.halves.add(resp.part, resp.body) {
            self.sources.push((resp.part, from));
        }
    }

    fn take(&mut self) -> Option<(Origin, Whole<MESSAGE2_LEN>)> {
        let (first, second, whole) = self.halves.take_numbered()?;
        let sources = [
            self.source(Part::First, first)?,
            self.source(Part::Second, second)?,
        ];
        let (_, from) = sources.into_iter().max_by_key(|(place, _)| *place)?;
        let is_there = |(_, its): &&(usize, Route)| its.peer == from.peer;
        let received = sources.iter().filter(is_there).count() * RESP_LEN;
        Some((Origin { from, received }, whole))
    }

    /// Where a half came from, behind its place among all.
    fn source(&self, part: Part, number: usize) -> Option<(usize, Route)> {
        let all = self.sources.iter().enumerate();
        let mut of_part = all.filter(|(_, (its, _))| *its == part);
        of_part.nth(number).map(|(place, (_, from))| (place, *from))
    }

    /// Somebody has filled it with false halves: the answer to the next sending finds room again.
    fn empty_if_full(&mut self) {
        if self.halves.is_full() {
            *self = Self::default();
        }
    }
}

impl Called {
    /// The attempt is being sent to these addresses, perhaps again.
    pub(super) fn send(&mut self, to: &[SocketAddr]) {
        for address in to {
            if self.find(*address).is_none() && self.addresses.len() < MAX_ADDRESSES {
                self.addresses.push(Address {
                    address: *address,
                    answers: Answers::default(),
                    wants_cookie: true,
                });
            }
        }
        for address in &mut self.addresses {
            address.wants_cookie = to.contains(&address.address);
            address.answers.empty_if_full();
        }
        self.elsewhere.empty_if_full();
    }

    fn find(&mut self, address: SocketAddr) -> Option<&mut Address> {
        let mut addresses = self.addresses.iter_mut();
        addresses.find(|it| it.address == address)
    }

    /// The address, if one was called and no other.
    pub(super) fn only(&self) -> Option<SocketAddr> {
        match self.addresses.as_slice() {
            [only] => Some(only.address),
            _ => None,
        }
    }

    /// Whether a cookie from here is to be answered: the last sending went here, and no other cookie was answered since.
    pub(super) fn wants_cookie(&self, from: SocketAddr) -> bool {
        let mut addresses = self.addresses.iter();
        addresses.any(|it| it.address == from && it.wants_cookie)
    }

    /// A cookie from here is being answered.
    pub(super) fn use_cookie(&mut self, from: SocketAddr) {
        if let Some(address) = self.find(from) {
            address.wants_cookie = false;
        }
    }

    /// Keeps a half of message 2, if there is room where it came from.
    pub(super) fn add(&mut self, from: Route, resp: &Resp<'_>) {
        match self.find(from.peer) {
            Some(address) => address.answers.add(from, resp),
            None => self.elsewhere.add(from, resp),
        }
    }

    /// The next message 2 to try, and where it came from.
    pub(super) fn take(&mut self) -> Option<(Origin, Whole<MESSAGE2_LEN>)> {
        let called = self.addresses.iter_mut().map(|it| &mut it.answers);
        let mut all = called.chain([&mut self.elsewhere]);
        all.find_map(Answers::take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionIndex;
    use crate::wire::limits::MAC_LEN;

    fn address(number: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, number], 7_419))
    }

    #[test]
    fn a_cookie_is_wanted_only_from_where_the_last_sending_went() {
        let mut called = Called::default();
        called.send(&[address(1), address(2)]);
        called.use_cookie(address(1));
        let wants = |called: &Called| [1, 2, 3].map(|it| called.wants_cookie(address(it)));
        assert_eq!(wants(&called), [false, true, false]);
        called.send(&[address(1)]);
        assert_eq!(wants(&called), [true, false, false]);
        assert_eq!(called.only(), None, "it was called, too");
    }

    /// A false half came first, or last: whose address is believed depends on which two were joined.
    #[test]
    fn a_message_comes_from_where_the_later_of_its_own_halves_came_from() {
        let mut called = Called::default();
        let mut add = |number, part, byte| {
            let resp = Resp {
                part,
                receiver: SessionIndex(1),
                body: &[byte; RESP_HALF_LEN],
                mac1: &[0; MAC_LEN],
                mac1_input: &[],
            };
            called.add(address(number).into(), &resp);
        };
        add(1, Part::First, 1);
        add(3, Part::Second, 3);
        add(2, Part::First, 2);
        add(2, Part::First, 1);
        let mut origins = Vec::new();
        while let Some((origin, whole)) = called.take() {
            origins.push((whole[0], origin.from.peer, origin.received));
        }
        origins.sort_unstable();
        let expected = [(1, address(3), RESP_LEN), (2, address(2), RESP_LEN)];
        assert_eq!(origins, expected);
    }

    #[test]
    fn addresses_that_are_learned_between_sendings_take_no_memory_without_bound() {
        let mut called = Called::default();
        for number in 0..=MAX_ADDRESSES {
            called.send(&[address(u8::try_from(number).unwrap())]);
        }
        assert_eq!(called.addresses.len(), MAX_ADDRESSES);
    }
}
