//! A stranger with many addresses who knows somebody's public key.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use securechat::proto::limits;
use securechat::sim::{Forger, HostId, NodeId, SimRng, World};
use securechat::wire::limits::MAC_LEN;

use crate::simulated::{COOKIE, is, ms};

/// What a handshake job takes on the slow side.
pub const JOB: Duration = Duration::from_micros(300);

/// A stranger with many addresses who knows `target`'s public key.
pub struct Stranger {
    pub host: HostId,
    pub forger: Forger,
    pub target: NodeId,
    pub to: SocketAddr,
    pub rng: SimRng,
    pub cookies: BTreeMap<SocketAddr, [u8; MAC_LEN]>,
    /// Bytes sent, and bytes that came back, by address.
    pub traffic: BTreeMap<SocketAddr, (usize, usize)>,
}

/// The address number `n` of a stranger: each in an IPv4 source of its own.
pub fn source(n: u16) -> SocketAddr {
    let [high, low] = n.to_be_bytes();
    ([198, 18, high, low], 5_000).into()
}

impl Stranger {
    pub fn new(world: &mut World, target: NodeId, sources: u16) -> Self {
        let host = world.network_mut().attach("stranger", source(0));
        for n in 1..sources {
            world.network_mut().add_address(host, source(n));
        }
        let forger = Forger::new(&world.id(target));
        let to = world.address(target);
        let (cookies, traffic) = (BTreeMap::new(), BTreeMap::new());
        Self {
            host,
            forger,
            target,
            to,
            rng: SimRng::new(99),
            cookies,
            traffic,
        }
    }

    pub fn inject(&mut self, world: &mut World, from: SocketAddr, datagram: Vec<u8>) {
        self.traffic.entry(from).or_default().0 += datagram.len();
        world.inject(from, self.to, datagram);
    }

    /// Sends an INIT of noise with a right mac1, and with the cookie that this address got, if any.
    pub fn flood(&mut self, world: &mut World, from: SocketAddr) {
        let cookie = self.cookies.get(&from).copied();
        for part in self.forger.garbage(&mut self.rng, cookie.as_ref()) {
            self.inject(world, from, part);
        }
    }

    /// Counts what came back, and sees that only cookies did, never more than was sent.
    pub fn collect(&mut self, world: &mut World) -> Vec<(SocketAddr, Vec<u8>)> {
        let answers = world.take_strays(self.host);
        for answer in &answers {
            assert!(
                is(COOKIE, &answer.datagram),
                "a stranger got {:?}",
                answer.datagram[0]
            );
            let (sent_len, back_len) = self.traffic.get_mut(&answer.to).expect("he asked");
            *back_len += answer.datagram.len();
            assert!(back_len <= sent_len);
        }
        answers
            .into_iter()
            .map(|answer| (answer.to, answer.datagram))
            .collect()
    }

    /// Asks for a cookie from each of the first `count` addresses and keeps it.
    pub fn earn_cookies(&mut self, world: &mut World, count: u16) {
        for n in 0..count {
            let mut asked = Vec::new();
            for _ in 0..=limits::SOURCE_BURST {
                asked = self.forger.garbage(&mut self.rng, None)[0].clone();
                self.inject(world, source(n), asked.clone());
            }
            world.advance(ms(50));
            for (to, answer) in self.collect(world) {
                if let Some(cookie) = self.forger.open_cookie(&answer, &asked) {
                    self.cookies.insert(to, cookie);
                }
            }
        }
        assert_eq!(self.cookies.len(), usize::from(count));
    }
}

/// Any bytes: types beyond the known ones, every length, headers that look right now and then.
pub fn any_datagram(rng: &mut SimRng, index: [u8; 4]) -> Vec<u8> {
    let lengths = [
        rng.within(0..=1_500),
        rng.within(0..=80),
        700,
        608,
        64,
        32,
        96,
    ];
    let len = usize::try_from(lengths[rng.index(lengths.len())]).unwrap();
    let mut datagram = rng.bytes(len);
    let byte = |rng: &mut SimRng, bound| u8::try_from(rng.below(bound)).unwrap();
    let header = [byte(rng, 6), byte(rng, 3), byte(rng, 2), 0];
    if rng.chance(800_000) {
        datagram
            .iter_mut()
            .zip(header)
            .for_each(|(to, from)| *to = from);
    }
    if rng.chance(300_000) {
        datagram
            .iter_mut()
            .skip(4)
            .zip(index)
            .for_each(|(to, from)| *to = from);
    }
    datagram
}
