//! Memory of a session and cost of a packet in an endpoint with many sessions.
//!
//! `cargo bench --bench memory -- [--small] [memory] [cost]`
//!
//! `walk N` instead lets N members talk and tells nothing: for callgrind with its cache simulation and
//! `--toggle-collect='*Crowd*answer*'`, which then counts what the hub does and no member.

use std::alloc::System;
use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use securechat::proto::Transmit;
use securechat::time::Instant;
use securechat_peers::measure::{
    Case, Scale, median, number, print, take_turns, thread_time, timed, wanted,
};
use securechat_peers::ours::{Side, at};
use securechat_peers::quic;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Sessions that are begun together.
const GROUP: usize = 100;
/// Longer than an acknowledgement is held back.
const PAUSE_US: u64 = 30_000;
/// What a session has said before it is measured, each way.
const TALK: usize = 8;
/// Members whose datagrams the hub takes in one go, as a driver does.
const BATCH: usize = 20;

fn main() {
    let scale = Scale::from_args();
    let mut args = std::env::args().skip_while(|arg| arg != "walk").skip(1);
    if let Some(members) = args.next().and_then(|arg| arg.parse().ok()) {
        return walk(members);
    }
    if wanted("memory") {
        memory(scale);
    }
    if wanted("cost") {
        cost(scale);
    }
}

fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats
        .bytes_allocated
        .saturating_add_signed(stats.bytes_reallocated)
        - stats.bytes_deallocated
}

fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

/// An endpoint with `count` sessions, and every `keep`th of their other ends.
struct Crowd {
    hub: Side,
    members: Vec<Side>,
    us: u64,
    out: Vec<Transmit>,
}

impl Crowd {
    fn new(count: usize, keep: usize, talk: usize) -> Self {
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
    fn wait(&mut self, seconds: u64) {
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

const TEXT: &str = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

fn memory(scale: Scale) {
    let count = scale.of(10_000, 200);
    println!(
        "\n**Memory of a session in an endpoint with {count}** (live heap bytes, the chat's included)\n"
    );
    println!("| | bytes each |\n|---|---|");
    let tell =
        |what: &str, bytes: usize| println!("| {what} | {} |", number(bytes as f64 / count as f64));

    let before = live();
    let mut crowd = Crowd::new(count, usize::MAX, 0);
    tell("ours, established, nothing said", live() - before);
    // The other ends left without a word; the hub owes them nothing but acknowledgements.
    crowd.wait(600);
    tell(
        "ours, 10 minutes later, keys erased",
        live().saturating_sub(before),
    );
    drop(crowd);

    let before = live();
    let mut crowd = Crowd::new(count, usize::MAX, TALK);
    tell(
        "ours, established, 8 messages said each way",
        live() - before,
    );
    for number in 1..=count {
        let id = Side::new(u32::try_from(number).expect("few"), at(0)).id;
        let now = at(crowd.us);
        crowd.hub.send(id, TEXT, now);
    }
    let now = at(crowd.us);
    crowd.hub.transmits(now, &mut crowd.out);
    assert!(crowd.out.len() >= count, "every message is on its way");
    crowd.out = Vec::new();
    tell(
        "ours, the same with a message under way (busy)",
        live() - before,
    );
    drop(crowd);

    let count = count / 10;
    let configs = quic::Configs::new();
    let mut pairs = Vec::new();
    let before = live();
    for _ in 0..count {
        pairs.push(quic::Pair::connected(&configs));
    }
    let both = live() - before;
    println!(
        "| quinn-proto, half of a connected pair ({count} pairs) | {} |",
        number(both as f64 / count as f64 / 2.0)
    );
}

/// What the hub spends on a message in and one out, with their receipts and acknowledgements.
fn cost(scale: Scale) {
    let (count, rounds) = (scale.of(10_000, 200), scale.of(30, 1));
    let mut one = Bench::new(1, 1);
    let mut few = Bench::new(count / 10, 1);
    let mut many = Bench::new(count, 10);
    let mut lone = Bench::new(count, count);
    let messages = scale.of(5_000, 100);
    let all = take_turns(
        rounds,
        vec![
            Case::new("1 session", || one.round(messages)),
            Case::new(format!("{} sessions, all of them talk", count / 10), || {
                few.round(messages)
            }),
            Case::new(format!("{count} sessions, every tenth talks"), || {
                many.round(messages)
            }),
            Case::new(format!("{count} sessions, one of them talks"), || {
                lone.round(messages)
            }),
        ],
    );
    print(
        "Cost of a packet in the hub (in or out, sealing and chat included)",
        "ns of processor time each",
        &all,
        &["1 session"],
    );
    let mut chase = Chase::new();
    let chase = Case::new(CHASE, || chase.round(scale.of(200_000, 1_000)));
    let waits = take_turns(rounds, vec![chase]);
    let unit = "ns of processor time each";
    print("Waiting for memory", unit, &waits, &[]);
    println!();
    for (name, bench) in [("1 session", &one), ("many", &many)] {
        println!(
            "allocations per packet in the hub, {name}: {:.1}",
            bench.allocations as f64 / bench.packets as f64
        );
    }
}

const CHASE: &str = "a line of 10 MiB, each found in the one before";

/// Lines of a cache in a random order, each of which says where the next one is: what a session costs that lies where
/// these do, for each line of it that the processor waits for.
struct Chase {
    lines: Vec<Line>,
    at: usize,
}

#[repr(align(64))]
struct Line(usize);

impl Chase {
    /// About as much as a thousand sessions that talk.
    fn new() -> Self {
        let count = (10 << 20) / size_of::<Line>();
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, rng.next_u64() as usize % last);
        }
        let lines = order.into_iter().map(Line).collect();
        Self { lines, at: 0 }
    }

    fn round(&mut self, count: usize) -> f64 {
        let time = timed(|| {
            for _ in 0..count {
                self.at = self.lines[self.at].0;
            }
        });
        black_box(self.at);
        time / count as f64
    }
}

/// Each of so many members has ten turns.
fn walk(members: usize) {
    let mut bench = Bench::new(members, 1);
    let group = BATCH.min(members);
    for _ in 0..10 * members / group {
        bench.step(group, |crowd, inward| (crowd.answer(inward), 0));
    }
    println!("{} packets", bench.packets);
}

struct Bench {
    crowd: Crowd,
    keep: usize,
    turn: usize,
    packets: usize,
    allocations: usize,
}

impl Bench {
    fn new(count: usize, keep: usize) -> Self {
        Self {
            crowd: Crowd::new(count, keep, 2),
            keep,
            turn: 0,
            packets: 0,
            allocations: 0,
        }
    }

    /// What a packet costs the hub, the mean of a round.
    fn round(&mut self, messages: usize) -> f64 {
        let group = BATCH.min(self.crowd.members.len());
        let (mut time, mut packets) = (0.0, 0);
        // To ask for the time takes time, which is no packet's.
        let mut clock = Vec::with_capacity(messages);
        for _ in 0..messages / group {
            packets += self.step(group, |crowd, inward| {
                let (begun, before) = (thread_time(), allocations());
                let outward = crowd.answer(inward);
                time += thread_time() - begun;
                (outward, allocations() - before)
            });
            clock.push(timed(|| ()));
        }
        (time - median(&clock) * clock.len() as f64) / packets as f64
    }

    /// Some members say something, as the datagrams of one batch, and the hub answers all of them. Only the hub is
    /// measured: other members are on other machines, and take no part of its caches.
    fn step(
        &mut self,
        group: usize,
        measure: impl FnOnce(&mut Crowd, &mut [Inward]) -> (Vec<Addressed>, usize),
    ) -> usize {
        let talkers: Vec<usize> = (self.turn..self.turn + group)
            .map(|turn| turn % self.crowd.members.len())
            .collect();
        self.turn += group;
        let mut inward = self.crowd.inward(&talkers);
        let (outward, allocations) = measure(&mut self.crowd, &mut inward);
        let packets = inward.len() + outward.len();
        self.crowd.deliver(outward, self.keep, &talkers);
        // No key of 10,000 sessions grows old meanwhile.
        let pause = if group == 1 { 200 } else { 20 };
        self.crowd.us += pause * group as u64;
        self.packets += packets;
        self.allocations += allocations;
        packets
    }
}

/// Who says something, and its datagrams.
type Inward = (usize, Vec<Addressed>);

/// A datagram, and who has sent it or is to get it.
type Addressed = (SocketAddr, Vec<u8>);

fn seal(transmit: Transmit, now: Instant) -> Option<Vec<u8>> {
    transmit.datagram.into_bytes(now)
}

impl Crowd {
    /// What these members send, who say something each.
    fn inward(&mut self, talkers: &[usize]) -> Vec<Inward> {
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
    fn answer(&mut self, inward: &mut [Inward]) -> Vec<Addressed> {
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

    /// Those members get it that are here.
    fn deliver(&mut self, outward: Vec<Addressed>, keep: usize, talkers: &[usize]) {
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
