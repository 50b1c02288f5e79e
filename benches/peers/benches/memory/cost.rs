//! What a packet costs with few sessions and with many.

use std::hint::black_box;

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use securechat_peers::measure::{Case, Scale, median, print, take_turns, thread_time, timed};

use crate::allocations;
use crate::crowd::{Addressed, Crowd, Inward};
use crate::peers::{Clock, Connections, Tunnels};

/// Members whose datagrams the hub takes in one go, as a driver does.
pub const BATCH: usize = 20;
const UNIT: &str = "ns of processor time each";

/// What the hub spends on a message in and one out, with their receipts and acknowledgements.
pub fn cost(scale: Scale) {
    let (count, rounds) = (scale.of(10_000, 200), scale.of(30, 1));
    let mut one = Bench::new(1, 1);
    let mut near = Bench::new(count / 100, 1);
    let mut few = Bench::new(count / 10, 1);
    let mut many = Bench::new(count, 10);
    let mut lone = Bench::new(count, count);
    let messages = scale.of(5_000, 100);
    let all = take_turns(
        rounds,
        vec![
            Case::new("1 session", || one.round(messages)),
            // As many as the processor's own cache holds.
            Case::new(
                format!("{} sessions, all of them talk", count / 100),
                || near.round(messages),
            ),
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
        UNIT,
        &all,
        &["1 session"],
    );
    let all = take_turns(
        rounds,
        vec![
            Case::new("1 session", || one.carry(messages)),
            Case::new(format!("{} sessions, all of them talk", count / 10), || {
                few.carry(messages)
            }),
            Case::new(format!("{count} sessions, every tenth talks"), || {
                many.carry(messages)
            }),
            Case::new(format!("{count} sessions, one of them talks"), || {
                lone.carry(messages)
            }),
        ],
    );
    print(
        "Of it what a tunnel does: to find a key and open, or to seal",
        UNIT,
        &all,
        &["1 session"],
    );
    print_peers(scale, rounds, messages);
    let mut chase = Chase::new();
    let chase = Case::new(CHASE, || chase.round(scale.of(200_000, 1_000)));
    let waits = take_turns(rounds, vec![chase]);
    print("Waiting for memory", UNIT, &waits, &[]);
    println!();
    for (name, bench) in [("1 session", &one), ("many", &many)] {
        println!(
            "allocations per packet in the hub, {name}: {:.1}",
            bench.allocations as f64 / bench.packets as f64
        );
    }
}

/// What the same costs others, whose packets do less.
fn print_peers(scale: Scale, rounds: usize, messages: usize) {
    let many = scale.of(1_000, 20);
    let mut tunnels = [1, many].map(Tunnels::new);
    let mut connections = [1, many].map(Connections::new);
    let [tunnel, many_tunnels] = tunnels.each_mut();
    let [connection, many_connections] = connections.each_mut();
    for (peer, cases) in [
        (
            "boringtun, a datagram of 100 B in and one out",
            vec![
                Case::new("1 tunnel", || tunnel.round(messages)),
                Case::new(format!("{many} tunnels"), || many_tunnels.round(messages)),
            ],
        ),
        (
            "quinn-proto, a message of 100 B in and its receipt out",
            vec![
                Case::new("1 connection", || connection.round(messages)),
                Case::new(format!("{many} connections"), || {
                    many_connections.round(messages)
                }),
            ],
        ),
    ] {
        let all = take_turns(rounds, cases);
        let first = all.first().map(|it| it.name.clone()).unwrap_or_default();
        let title = format!("Cost of a packet at one end, {peer}");
        print(&title, UNIT, &all, &[&first]);
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
pub fn walk(members: usize) {
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

    /// What of it is opening and sealing.
    fn carry(&mut self, messages: usize) -> f64 {
        let group = BATCH.min(self.crowd.members.len());
        let (mut clock, mut packets) = (Clock::default(), 0);
        for _ in 0..messages / group {
            packets += self.step(group, |crowd, inward| (crowd.carry(inward, &mut clock), 0));
        }
        clock.each(packets)
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
