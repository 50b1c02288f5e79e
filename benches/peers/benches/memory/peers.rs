//! The same question to boringtun and quinn-proto: one end each of many tunnels or connections, which take turns. The
//! other ends are not measured.

use std::time::{Duration, Instant};

use boringtun::noise::TunnResult;
use securechat_peers::measure::{median, thread_time, timed};
use securechat_peers::quic::{Configs, Pair};
use securechat_peers::wireguard::{Boring, ip_packet, wire};

use crate::cost::BATCH;
use crate::crowd::TEXT;

/// Room for a datagram of either.
const ROOM: usize = 256;

/// Who has a turn, of `len`: `count` turns in batches, from where the last round ended.
fn batches(len: usize, at: &mut usize, count: usize) -> impl Iterator<Item = Vec<usize>> + use<> {
    let group = BATCH.min(len);
    let first = *at;
    *at = (first + count) % len;
    (first..first + count)
        .step_by(group)
        .map(move |begin| (begin..begin + group).map(|turn| turn % len).collect())
}

/// The time between, of which a look at the clock is no part.
#[derive(Default)]
pub struct Clock {
    time: f64,
    looks: Vec<f64>,
}

impl Clock {
    pub fn measure<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let begun = thread_time();
        let result = work();
        self.time += thread_time() - begun;
        self.looks.push(timed(|| ()));
        result
    }

    /// What each of so many packets took.
    pub fn each(self, packets: usize) -> f64 {
        (self.time - median(&self.looks) * self.looks.len() as f64) / packets as f64
    }
}

/// WireGuard tunnels.
pub struct Tunnels {
    pairs: Vec<Boring>,
    at: usize,
}

impl Tunnels {
    pub fn new(count: usize) -> Self {
        let mut pairs: Vec<Boring> = (0..count).map(|_| Boring::new()).collect();
        pairs.iter_mut().for_each(Boring::handshake);
        Self { pairs, at: 0 }
    }

    /// Each datagram in is answered by one out.
    pub fn round(&mut self, messages: usize) -> f64 {
        let packet = ip_packet(TEXT.len());
        let mut clock = Clock::default();
        let mut packets = 0;
        for group in batches(self.pairs.len(), &mut self.at, messages) {
            let mut seal = |turn: &usize| {
                let mut room = [0; ROOM];
                wire(self.pairs[*turn].a.encapsulate(&packet, &mut room)).to_vec()
            };
            let inward: Vec<Vec<u8>> = group.iter().map(&mut seal).collect();
            let outward = clock.measure(|| self.answer(&group, &inward, &packet));
            for (turn, datagram) in group.iter().zip(&outward) {
                let opened = &mut [0; ROOM];
                let result = self.pairs[*turn].a.decapsulate(None, datagram, opened);
                assert!(matches!(result, TunnResult::WriteToTunnelV4(..)));
            }
            packets += inward.len() + outward.len();
        }
        clock.each(packets)
    }

    fn answer(&mut self, group: &[usize], inward: &[Vec<u8>], packet: &[u8]) -> Vec<Vec<u8>> {
        for (turn, datagram) in group.iter().zip(inward) {
            let opened = &mut [0; ROOM];
            let result = self.pairs[*turn].b.decapsulate(None, datagram, opened);
            assert!(matches!(result, TunnResult::WriteToTunnelV4(..)));
        }
        let seal = |turn: &usize| {
            let mut room = [0; ROOM];
            wire(self.pairs[*turn].b.encapsulate(packet, &mut room)).to_vec()
        };
        group.iter().map(seal).collect()
    }
}

/// QUIC connections, each with an endpoint of its own.
pub struct Connections {
    pairs: Vec<Pair>,
    at: usize,
    now: Instant,
}

impl Connections {
    pub fn new(count: usize) -> Self {
        let configs = Configs::new();
        let pairs: Vec<Pair> = (0..count).map(|_| Pair::connected(&configs)).collect();
        // Behind the clocks of all of them.
        let now = Instant::now() + Duration::from_secs(10);
        Self { pairs, at: 0, now }
    }

    /// Each message in is answered by a receipt.
    pub fn round(&mut self, messages: usize) -> f64 {
        let mut clock = Clock::default();
        let mut packets = 0;
        for group in batches(self.pairs.len(), &mut self.at, messages) {
            self.now += Duration::from_micros(20 * group.len() as u64);
            let now = self.now;
            let inward: Vec<Vec<Vec<u8>>> = group.iter().map(|turn| self.say(*turn)).collect();
            let outward = clock.measure(|| self.answer(&group, &inward));
            for (turn, datagrams) in group.iter().zip(&outward) {
                let Pair { a, b, .. } = &mut self.pairs[*turn];
                for datagram in datagrams {
                    a.receive(b.address, datagram, now);
                }
                a.listen();
                a.wake(now);
            }
            packets += inward.iter().chain(&outward).map(Vec::len).sum::<usize>();
        }
        clock.each(packets)
    }

    fn say(&mut self, turn: usize) -> Vec<Vec<u8>> {
        let side = &mut self.pairs[turn].a;
        let mut datagrams = Vec::new();
        side.say(TEXT.as_bytes());
        side.datagrams(self.now, &mut datagrams);
        datagrams
    }

    fn answer(&mut self, group: &[usize], inward: &[Vec<Vec<u8>>]) -> Vec<Vec<Vec<u8>>> {
        for (turn, datagrams) in group.iter().zip(inward) {
            let Pair { a, b, .. } = &mut self.pairs[*turn];
            for datagram in datagrams {
                b.receive(a.address, datagram, self.now);
            }
            b.listen();
        }
        let gather = |turn: &usize| {
            let side = &mut self.pairs[*turn].b;
            let mut datagrams = Vec::new();
            side.wake(self.now);
            side.datagrams(self.now, &mut datagrams);
            datagrams
        };
        group.iter().map(gather).collect()
    }
}
