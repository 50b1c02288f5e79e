//! Everywhere that an attempt was sent, and what came back, kept apart by where it came from: whoever holds a
//! stale address of a peer sees the call, and must not take the room of the peer's answer.
//! Source: docs/protocol.md#reassembly.

use core::net::SocketAddr;

use crate::proto::assembly::{Assembly, Whole};
use crate::proto::limits::{MAX_ADDRESSES, MAX_RESP_VARIANTS};
use crate::wire::limits::{MESSAGE2_LEN, RESP_HALF_LEN};
use crate::wire::packet::Resp;

/// The addresses that were called, the first [`MAX_ADDRESSES`], and what came from all others.
#[derive(Debug, Default)]
pub(super) struct Called {
    addresses: Vec<Address>,
    elsewhere: Option<Answers>,
}

#[derive(Debug)]
struct Address {
    answers: Answers,
    /// Whether a cookie from here is answered once more.
    wants_cookie: bool,
}

#[derive(Debug)]
struct Answers {
    /// Elsewhere: where the last half came from that was not there yet.
    from: SocketAddr,
    halves: Assembly<RESP_HALF_LEN, MAX_RESP_VARIANTS>,
}

impl Answers {
    fn new(from: SocketAddr) -> Self {
        Self {
            from,
            halves: Assembly::default(),
        }
    }

    /// Somebody has filled it with false halves: the answer to the next sending finds room again.
    fn empty_if_full(&mut self) {
        if self.halves.is_full() {
            self.halves = Assembly::default();
        }
    }
}

impl Called {
    /// The attempt is being sent to these addresses, perhaps again.
    pub(super) fn send(&mut self, to: &[SocketAddr]) {
        for address in to {
            if self.find(*address).is_none() && self.addresses.len() < MAX_ADDRESSES {
                self.addresses.push(Address {
                    answers: Answers::new(*address),
                    wants_cookie: true,
                });
            }
        }
        for address in &mut self.addresses {
            address.wants_cookie = to.contains(&address.answers.from);
            address.answers.empty_if_full();
        }
        if let Some(elsewhere) = &mut self.elsewhere {
            elsewhere.empty_if_full();
        }
    }

    fn find(&mut self, address: SocketAddr) -> Option<&mut Address> {
        let mut addresses = self.addresses.iter_mut();
        addresses.find(|it| it.answers.from == address)
    }

    /// The address, if one was called and no other.
    pub(super) fn only(&self) -> Option<SocketAddr> {
        match self.addresses.as_slice() {
            [only] => Some(only.answers.from),
            _ => None,
        }
    }

    /// Whether a cookie from here is to be answered: the last sending went here, and no other cookie was answered since.
    pub(super) fn wants_cookie(&self, from: SocketAddr) -> bool {
        let mut addresses = self.addresses.iter();
        addresses.any(|it| it.answers.from == from && it.wants_cookie)
    }

    /// A cookie from here is being answered.
    pub(super) fn use_cookie(&mut self, from: SocketAddr) {
        if let Some(address) = self.find(from) {
            address.wants_cookie = false;
        }
    }

    /// Keeps a half of message 2, if there is room where it came from.
    pub(super) fn add(&mut self, from: SocketAddr, resp: &Resp<'_>) {
        if let Some(address) = self.find(from) {
            address.answers.halves.add(resp.part, resp.body);
            return;
        }
        let answers = self.elsewhere.get_or_insert_with(|| Answers::new(from));
        if !answers.halves.holds(resp.part, resp.body) && answers.halves.add(resp.part, resp.body) {
            answers.from = from;
        }
    }

    /// The next message 2 to try, and where it came from.
    pub(super) fn take(&mut self) -> Option<(SocketAddr, Whole<MESSAGE2_LEN>)> {
        let called = self.addresses.iter_mut().map(|it| &mut it.answers);
        let mut all = called.chain(&mut self.elsewhere);
        all.find_map(|answers| Some((answers.from, answers.halves.take()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn addresses_that_are_learned_between_sendings_take_no_memory_without_bound() {
        let mut called = Called::default();
        for number in 0..=MAX_ADDRESSES {
            called.send(&[address(u8::try_from(number).unwrap())]);
        }
        assert_eq!(called.addresses.len(), MAX_ADDRESSES);
    }
}
