//! The reviewer's checklist of docs/protocol.md, "DoS": floods, bounds and cookies.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod simulated;

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use securechat::id::SessionIndex;
use securechat::proto::{DropReason, Endpoint, EndpointConfig, limits};
use securechat::sim::{Forger, HostId, NodeId, Pair, SimRng, World};
use securechat::wire::limits::{INIT_LEN, MAC_LEN, MESSAGE1_LEN};
use simulated::{COOKIE, RESP, SOON, assert_well, check_bounds, clear, is, ms, secs, sent};

/// What a handshake job takes on the slow side.
const JOB: Duration = Duration::from_micros(300);

/// A stranger with many addresses who knows `target`'s public key.
struct Stranger {
    host: HostId,
    forger: Forger,
    target: NodeId,
    to: SocketAddr,
    rng: SimRng,
    cookies: BTreeMap<SocketAddr, [u8; MAC_LEN]>,
    /// Bytes sent, and bytes that came back, by address.
    traffic: BTreeMap<SocketAddr, (usize, usize)>,
}

/// The address number `n` of a stranger: each in an IPv4 source of its own.
fn source(n: u16) -> SocketAddr {
    let [high, low] = n.to_be_bytes();
    ([198, 18, high, low], 5_000).into()
}

impl Stranger {
    fn new(world: &mut World, target: NodeId, sources: u16) -> Self {
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

    fn inject(&mut self, world: &mut World, from: SocketAddr, datagram: Vec<u8>) {
        self.traffic.entry(from).or_default().0 += datagram.len();
        world.inject(from, self.to, datagram);
    }

    /// Sends an INIT of noise with a right mac1, and with the cookie that this address got, if any.
    fn flood(&mut self, world: &mut World, from: SocketAddr) {
        let cookie = self.cookies.get(&from).copied();
        for part in self.forger.garbage(&mut self.rng, cookie.as_ref()) {
            self.inject(world, from, part);
        }
    }

    /// Counts what came back, and sees that only cookies did, never more than was sent.
    fn collect(&mut self, world: &mut World) -> Vec<(SocketAddr, Vec<u8>)> {
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
    fn earn_cookies(&mut self, world: &mut World, count: u16) {
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

fn endpoint(world: &World, node: NodeId) -> &Endpoint {
    world.node(node).endpoint().unwrap()
}

fn dropped(world: &World, node: NodeId) -> u64 {
    endpoint(world, node).stats().dropped.values().sum::<u64>() + world.node(node).ignored()
}

/// Any bytes: types beyond the known ones, every length, headers that look right now and then.
fn any_datagram(rng: &mut SimRng, index: [u8; 4]) -> Vec<u8> {
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
    let header = [
        rng.within(0..=5) as u8,
        rng.below(3) as u8,
        rng.below(2) as u8,
        0,
    ];
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

/// Round trips of a line each way, while `disturb` happens 1,000 times at an even pace.
fn round_trip(pair: &mut Pair, mut disturb: impl FnMut(&mut Pair)) -> Duration {
    let (a, b) = (pair.a, pair.b);
    let mut worst = Duration::ZERO;
    for _ in 0..10 {
        let start = pair.now();
        let there = pair.talk(a, b).unwrap();
        let mut back = None;
        for _ in 0..100 {
            disturb(pair);
            pair.advance(ms(1));
            if back.is_none() && pair.has_seen(b, &there) {
                back = Some(pair.talk(b, a).unwrap());
            }
            if back.as_ref().is_some_and(|line| pair.has_seen(a, line)) {
                worst = worst.max(pair.now().saturating_since(start));
                back = Some(Vec::new());
            }
        }
        assert_eq!(back, Some(Vec::new()), "a line was lost");
    }
    worst
}

#[test]
fn nothing_is_answered_without_mac1() {
    let mut pair = Pair::connected(1);
    pair.advance(secs(5));
    let target = pair.b;
    let index = simulated::index_of(&sent(&pair, pair.a, simulated::DATA)[0].datagram);
    let mut stranger = Stranger::new(&mut pair, target, 100);
    clear(&mut pair);
    for n in 0..10_000u16 {
        let datagram = any_datagram(&mut stranger.rng, index);
        stranger.inject(&mut pair, source(n % 100), datagram);
    }
    pair.advance(secs(2));
    let answers = pair
        .network()
        .capture()
        .iter()
        .filter(|s| s.sender.is_some())
        .count();
    assert_eq!(answers, 0);
    assert!(dropped(&pair, target) >= 10_000);
    assert_well(&mut pair);
}

#[test]
fn a_hundred_thousand_datagrams_disturb_nobody() {
    let mut pair = Pair::connected(2);
    let target = pair.b;
    pair.node_mut(target).set_job_delay(JOB);
    let undisturbed = round_trip(&mut pair, |_| {});
    let index = simulated::index_of(&sent(&pair, pair.a, simulated::DATA)[0].datagram);
    let mut stranger = Stranger::new(&mut pair, target, 1_000);
    pair.network_mut().set_capture(false);
    let mut n = 0u32;
    let mut memory = Vec::new();
    let disturbed = round_trip(&mut pair, |pair| {
        for _ in 0..100 {
            n += 1;
            let mut datagram = any_datagram(&mut stranger.rng, index);
            if n % 2 == 0 {
                stranger.forger.repair(&mut datagram);
            }
            if n % 8 == 0 && datagram.len() == INIT_LEN {
                datagram[..4].copy_from_slice(&[1, (n / 8 % 2) as u8, 1, 0]);
                stranger.forger.repair(&mut datagram);
            }
            let from = source((n % 1_000) as u16);
            stranger.inject(pair, from, datagram);
        }
        stranger.collect(pair);
        check_bounds(endpoint(pair, target), 1);
        memory.push(resident_kib());
    });
    assert_eq!(n, 100_000);
    assert!(
        disturbed <= undisturbed + 2 * ms(40),
        "{undisturbed:?}, then {disturbed:?}"
    );
    assert_flat(&memory);
    assert_well(&mut pair);
}

/// Resident memory of this process, where the system tells.
fn resident_kib() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    statm
        .split(' ')
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|pages| pages * 4)
}

/// The second half of a flood takes no more memory than the first, but for what the tests beside it
/// take: those keep captures of some megabytes.
fn assert_flat(memory: &[Option<u64>]) {
    let (Some(Some(middle)), Some(Some(end))) = (memory.get(memory.len() / 2), memory.last())
    else {
        println!("SKIPPED: no /proc/self/statm");
        return;
    };
    assert!(*end < middle + 64 * 1024, "{middle} KiB, then {end} KiB");
}

#[test]
fn a_reply_is_never_larger_than_the_request() {
    let mut pair = Pair::new(3);
    pair.connect_both_ways();
    let (a, b) = (pair.a, pair.b);
    let bytes = |node, kind| {
        sent(&pair, node, kind)
            .iter()
            .map(|s| s.datagram.len())
            .sum::<usize>()
    };
    assert_eq!((bytes(a, simulated::INIT), bytes(b, RESP)), (1_400, 1_216));
    let mut stranger = Stranger::new(&mut pair, b, 1);
    for _ in 0..100 {
        stranger.flood(&mut pair, source(0));
        stranger.collect(&mut pair);
    }
}

#[test]
fn every_map_stays_bounded_under_a_flood_of_sources() {
    let mut pair = Pair::connected(4);
    let target = pair.b;
    pair.node_mut(target).set_job_delay(ms(100));
    pair.network_mut().set_capture(false);
    let mut stranger = Stranger::new(&mut pair, target, 10_000);
    for n in 0..10_000 {
        let [first, second] = stranger.forger.garbage(&mut stranger.rng, None);
        stranger.inject(&mut pair, source(n), first);
        if n % 2 == 0 {
            stranger.inject(&mut pair, source(n), second);
        }
        if n % 100 == 0 {
            check_bounds(endpoint(&pair, target), 1);
        }
    }
    check_bounds(endpoint(&pair, target), 1);
    assert!(
        endpoint(&pair, target).stats().sources > 1_000,
        "the flood reached the rates"
    );
    pair.advance(secs(60));
    assert_eq!(endpoint(&pair, target).stats().jobs, 0);
    assert_well(&mut pair);
}

#[test]
fn one_source_is_asked_for_a_cookie_before_anybody_else_is() {
    let mut pair = Pair::new(5);
    let (a, b) = (pair.a, pair.b);
    let mut stranger = Stranger::new(&mut pair, b, 1);
    for _ in 0..1_000 {
        stranger.flood(&mut pair, source(0));
    }
    pair.advance(ms(100));
    assert!(stranger.collect(&mut pair).len() >= 900);
    clear(&mut pair);
    pair.connect(a, b).unwrap();
    assert!(pair.advance_until(SOON, |w| w.established(b, a) == 1));
    assert_eq!(
        sent(&pair, b, COOKIE).len(),
        0,
        "one source's flood is its own affair"
    );
}

#[test]
fn one_source_cannot_lock_out_another_behind_its_address() {
    let mut pair = Pair::new(6);
    let (a, b) = (pair.a, pair.b);
    let mut stranger = Stranger::new(&mut pair, b, 1);
    let shared = SocketAddr::new(pair.address(a).ip(), 999);
    for _ in 0..1_000 {
        stranger.flood(&mut pair, shared);
    }
    pair.connect(a, b).unwrap();
    for _ in 0..900 {
        stranger.flood(&mut pair, shared);
        pair.advance(ms(1));
    }
    assert_eq!(
        pair.established(b, a),
        1,
        "a cookie proves what the address cannot"
    );
    assert_well(&mut pair);
}

/// A false half with a right mac1, from the true source and index, ahead of the true one.
#[test]
fn a_poisoned_reassembly_does_not_orphan_the_true_halves() {
    for poisoned in [vec![0], vec![1], vec![0, 1]] {
        let mut pair = Pair::new(7);
        let (a, b) = (pair.a, pair.b);
        let forger = Forger::new(&pair.id(b));
        pair.connect(a, b).unwrap();
        let init = sent(&pair, a, simulated::INIT)[0].clone();
        let index = SessionIndex(u32::from_le_bytes(simulated::index_of(&init.datagram)));
        let parts = forger.init(index, &[7; MESSAGE1_LEN], None);
        for part in &poisoned {
            pair.inject(init.from, init.to, parts[*part].clone());
        }
        assert!(
            pair.advance_until(SOON, |w| w.established(b, a) == 1),
            "{poisoned:?}"
        );
        assert_eq!(
            sent(&pair, a, simulated::INIT).len(),
            2,
            "the first attempt succeeds"
        );
        assert_well(&mut pair);
    }
}

/// The same on the way back: RESP's mac1 is keyed by what an observer saw.
#[test]
fn a_poisoned_answer_does_not_orphan_the_true_halves() {
    for poisoned in [vec![0], vec![1], vec![0, 1]] {
        let mut pair = Pair::new(8);
        let (a, b) = (pair.a, pair.b);
        pair.connect(a, b).unwrap();
        assert!(pair.advance_until(SOON, |w| sent(w, b, RESP).len() == 2));
        let init = sent(&pair, a, simulated::INIT)[0].clone();
        let key = securechat::crypto::MacKey::for_resp(init.datagram[8..40].try_into().unwrap());
        for resp in sent(&pair, b, RESP) {
            let mut forged = resp.datagram.clone();
            if poisoned.contains(&forged[1]) {
                forged[100] ^= 1;
                let (head, mac1) = forged.split_at_mut(592);
                mac1.copy_from_slice(&key.mac(&[head]));
                pair.inject(resp.from, resp.to, forged);
            }
        }
        assert!(
            pair.advance_until(SOON, |w| w.established(b, a) == 1),
            "{poisoned:?}"
        );
        assert_eq!(
            sent(&pair, a, simulated::INIT).len(),
            2,
            "the first attempt succeeds"
        );
        assert_well(&mut pair);
    }
}

/// A flood of 1,000 sources that answer no cookie and `proved` that do, each `rate` times a second,
/// beside an existing session and an honest newcomer.
fn handshake_flood(proved: u16, rate: u64) {
    let mut pair = Pair::connected(9);
    let (a, b) = (pair.a, pair.b);
    let newcomer = pair.add_node("carol", EndpointConfig::default());
    pair.introduce(newcomer, b);
    pair.node_mut(b).set_job_delay(JOB);
    pair.network_mut().set_capture(false);
    let mut stranger = Stranger::new(&mut pair, b, 1_000);
    stranger.earn_cookies(&mut pair, proved);
    let undisturbed = ms(41);
    let mut connected = None;
    let steps = 5 * rate;
    for step in 0..steps {
        for n in 0..1_000 {
            stranger.flood(&mut pair, source(n));
        }
        if step == rate {
            pair.connect(newcomer, b).unwrap();
        }
        if step % (rate / 5).max(1) == 0 {
            assert!(pair.chat(undisturbed), "the session beside it notices");
        }
        pair.advance(Duration::from_micros(1_000_000 / rate).saturating_sub(undisturbed));
        stranger.collect(&mut pair);
        check_bounds(endpoint(&pair, b), 2);
        if connected.is_none() && pair.established(b, newcomer) > 0 {
            connected = Some(step - rate);
        }
    }
    let connected = connected.expect("the newcomer connects while the flood lasts");
    assert!(connected <= 5 * rate);
    assert_eq!(pair.violations(), &[] as &[String]);
    assert!(
        endpoint(&pair, b)
            .stats()
            .dropped
            .keys()
            .all(|reason| *reason != DropReason::Overflow)
    );
}

#[test]
fn a_handshake_flood_without_cookies_stops_nobody() {
    handshake_flood(0, 10);
}

#[test]
fn a_handshake_flood_with_cookies_stops_nobody() {
    handshake_flood(100, 10);
}

#[test]
fn a_false_cookie_costs_one_attempt_at_most() {
    let mut pair = Pair::new(10);
    let (a, b) = (pair.a, pair.b);
    let host_b = pair.node(b).host();
    let host_a = pair.node(a).host();
    pair.network_mut().block(host_a, host_b);
    pair.connect(a, b).unwrap();
    let init = sent(&pair, a, simulated::INIT)[0].clone();
    let mut rng = SimRng::new(10);
    for _ in 0..100 {
        let mut cookie = vec![3, 0, 0, 0];
        cookie.extend_from_slice(&simulated::index_of(&init.datagram));
        cookie.extend(rng.bytes(56));
        pair.inject(init.to, init.from, cookie);
    }
    assert_eq!(
        sent(&pair, a, simulated::INIT).len(),
        2,
        "a cookie that does not open is nothing"
    );
    pair.network_mut().heal_all();
    assert!(pair.advance_until(secs(2), |w| w.established(b, a) == 1));
    assert_well(&mut pair);
}
