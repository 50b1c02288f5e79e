//! A hub that many members talk to.

use std::net::{IpAddr, SocketAddr};

use securechat::crypto::BatchWipe;
use securechat::proto::{Opened, Transmit};
use securechat::time::Instant;
use securechat_peers::ours::{Side, at};

use crate::peers::Clock;

/// Sessions that are begun together.
const GROUP: usize = 100;
/// Longer than an acknowledgement is held back.
const PAUSE_US: u64 = 30_000;

/// What everybody says.
pub const TEXT: &str = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

/// An endpoint with `count` sessions, and every `keep`th of their other ends.
pub struct Crowd {
    pub hub: Side,
    pub members: Vec<Side>,
    pub us: u64,
    pub out: Vec<Transmit>,
}

impl Crowd {
    pub fn new(count: usize, keep: usize, talk: usize) -> Self {
        let us = 1_000_000;
        let mut crowd = Self {
            hub: Side::new(0, at(us)),
            members: Vec::new(),
            us,
            out: Vec::new(),
        };
        for first in (1..=count).step_by(GROUP) {
            let numbers = first..=count.min(first + GROUP - 1);
            let mut group: Vec<Side> = numbers.map(|number| crowd.invite(number)).collect();
            crowd.talk(&mut group, talk);
            for (member, number) in group.into_iter().zip(first..) {
                if number % keep == 0 {
                    crowd.members.push(member);
                }
            }
        }
        crowd
    }

    fn invite(&mut self, number: usize) -> Side {
        let now = at(self.us);
        let mut member = Side::new(u32::try_from(number).expect("few"), now);
        self.hub.knows(member.id, vec![member.address]);
        member.knows(self.hub.id, vec![self.hub.address]);
        self.hub
            .messenger
            .endpoint_mut()
            .connect(member.id, &[], now)
            .expect("an address is known");
        self.hub.work(now);
        member
    }

    fn talk(&mut self, group: &mut [Side], talk: usize) {
        self.exchange(group);
        for _ in 0..talk {
            for member in &mut *group {
                member.send(self.hub.id, TEXT, at(self.us));
                self.hub.send(member.id, TEXT, at(self.us));
            }
            self.exchange(group);
        }
        let is_done = |member: &Side| member.established == 1 && member.delivered == talk;
        assert!(group.iter().all(is_done), "an honest wire");
    }

    /// Until nobody has anything to say, and everything is acknowledged.
    fn exchange(&mut self, group: &mut [Side]) {
        let first = number_of(group[0].address);
        for pause in [0, PAUSE_US, PAUSE_US, 0] {
            self.us += pause;
            let mut quiet = false;
            while !quiet {
                let now = at(self.us);
                self.hub.wake(now);
                self.hub.transmits(now, &mut self.out);
                quiet = self.out.is_empty();
                for transmit in self.out.drain(..) {
                    let place = number_of(transmit.to) - first;
                    if let Some(mut bytes) = transmit.datagram.into_bytes(now) {
                        group[place].receive(self.hub.address, &mut bytes, now);
                    }
                }
                for member in &mut *group {
                    member.wake(now);
                    member.work(now);
                    member.listen(now);
                    quiet &= member.flush(&mut self.hub, now, now, &mut self.out) == 0;
                }
                self.us += 100;
            }
        }
    }

    /// Time passes, and nobody is there.
    pub fn wait(&mut self, seconds: u64) {
        let end = self.us + seconds * 1_000_000;
        while let Some(next) = self
            .hub
            .messenger
            .poll_timeout()
            .filter(|next| *next <= at(end))
        {
            self.us = self.us.max(next.as_micros());
            self.hub.wake(at(self.us));
            self.hub.transmits(at(self.us), &mut self.out);
            self.out.clear();
        }
        self.us = end;
    }
}

/// The number that an address was made of.
fn number_of(address: SocketAddr) -> usize {
    let IpAddr::V4(ip) = address.ip() else {
        panic!("an address of ours")
    };
    let [_, c, b, a] = ip.octets();
    u32::from_le_bytes([a, b, c, 0]) as usize
}

/// Who says something, and its datagrams.
pub type Inward = (usize, Vec<Addressed>);

/// A datagram, and who has sent it or is to get it.
pub type Addressed = (SocketAddr, Vec<u8>);

fn seal(transmit: Transmit, now: Instant) -> Option<Vec<u8>> {
    transmit.datagram.into_bytes(now)
}

impl Crowd {
    /// What these members send, who say something each.
    pub fn inward(&mut self, talkers: &[usize]) -> Vec<Inward> {
        let now = at(self.us);
        let say = |turn: &usize| {
            let member = &mut self.members[*turn];
            member.send(self.hub.id, TEXT, now);
            member.transmits(now, &mut self.out);
            let from = member.address;
            let sealed = self.out.drain(..).filter_map(|it| seal(it, now));
            (*turn, sealed.map(|bytes| (from, bytes)).collect())
        };
        talkers.iter().map(say).collect()
    }

    /// The hub takes it in and says something to each.
    #[inline(never)]
    pub fn answer(&mut self, inward: &mut [Inward]) -> Vec<Addressed> {
        let now = at(self.us);
        for (turn, datagrams) in inward {
            for (from, datagram) in datagrams {
                self.hub.receive(*from, datagram, now);
            }
            self.hub.listen(now);
            self.hub.send(self.members[*turn].id, TEXT, now);
        }
        self.hub.wake(now);
        self.hub.transmits(now, &mut self.out);
        let sealed = |it: Transmit| Some((it.to, seal(it, now)?));
        self.out.drain(..).filter_map(sealed).collect()
    }

    /// As [`Crowd::answer`]; of it only what a tunnel does is measured: to open what came in, and to seal what goes out.
    pub fn carry(&mut self, inward: &mut [Inward], clock: &mut Clock) -> Vec<Addressed> {
        let now = at(self.us);
        let table = self.hub.messenger.endpoint_mut().key_table();
        let opened: Vec<Opened<'_>> = clock.measure(|| {
            let mut keys = table.batch();
            let mut opened = Vec::with_capacity(inward.len());
            for (from, datagram) in inward.iter_mut().flat_map(|(_, all)| all) {
                opened.push(keys.open(*from, datagram, now).expect("honest"));
            }
            opened
        });
        for it in opened {
            self.hub.messenger.endpoint_mut().handle_opened(&it, now);
            self.hub.messenger.settle(now);
        }
        self.hub.listen(now);
        for (turn, _) in inward {
            self.hub.send(self.members[*turn].id, TEXT, now);
        }
        self.hub.wake(now);
        self.hub.transmits(now, &mut self.out);
        clock.measure(|| {
            let wipe = BatchWipe::new();
            let sealed = |it: Transmit| Some((it.to, it.datagram.into_bytes_in_batch(now, &wipe)?));
            self.out.drain(..).filter_map(sealed).collect()
        })
    }

    /// Those members get it that are here.
    pub fn deliver(&mut self, outward: Vec<Addressed>, keep: usize, talkers: &[usize]) {
        let (now, hub) = (at(self.us), self.hub.address);
        for (to, mut datagram) in outward {
            let number = number_of(to);
            if number.is_multiple_of(keep) {
                self.members[number / keep - 1].receive(hub, &mut datagram, now);
            }
            self.hub.messenger.endpoint_mut().recycle(datagram);
        }
        for turn in talkers {
            let member = &mut self.members[*turn];
            member.work(now);
            member.listen(now);
            member.wake(now);
        }
    }
}
