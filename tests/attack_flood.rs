//! The reviewer's checklist of docs/protocol.md, "DoS": floods, bounds and cookies.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod simulated;

use core::net::SocketAddr;
use core::time::Duration;

use securechat::id::SessionIndex;
use securechat::proto::limits::{AMPLIFICATION, RESP_SENDINGS};
use securechat::proto::{DropReason, Endpoint, EndpointConfig};
use securechat::sim::{Forger, NodeId, Pair, SimRng, World};
use securechat::wire::limits::{INIT_LEN, MESSAGE1_LEN, RESP_LEN};
use simulated::stranger::{JOB, Stranger, any_datagram, source};
use simulated::{COOKIE, RESP, SOON, answers, assert_well, check_bounds, clear, ms, secs, sent};

fn endpoint(world: &World, node: NodeId) -> &Endpoint {
    world.node(node).endpoint().unwrap()
}

fn dropped(world: &World, node: NodeId) -> u64 {
    endpoint(world, node).stats().dropped.values().sum::<u64>() + world.node(node).ignored()
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
    assert_eq!(answers(&pair), 0);
    assert!(dropped(&pair, target) >= 10_000);
    assert_well(&mut pair);
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
    let mut answers = 0;
    for _ in 0..100 {
        stranger.flood(&mut pair, source(0));
        pair.advance(ms(1));
        answers += stranger.collect(&mut pair).len();
    }
    assert!(answers > 0, "there was something to compare");
}

#[test]
fn who_repeats_a_true_message_1_in_anothers_name_gets_little_sent_to_him() {
    let mut pair = Pair::connected(8);
    let (a, b) = (pair.a, pair.b);
    let inits = sent(&pair, a, simulated::INIT);
    // It remembers no timestamp: the recorded message 1 is as good as new.
    pair.restart(b);
    pair.stop(a);
    clear(&mut pair);
    for _ in 0..200 {
        for init in &inits {
            pair.inject(init.from, init.to, init.datagram.clone());
        }
        pair.advance(ms(100));
    }
    let to_victim: usize = sent(&pair, b, RESP).iter().map(|s| s.datagram.len()).sum();
    let paid = 2 * INIT_LEN + (RESP_SENDINGS as usize - 1) * INIT_LEN;
    assert_eq!(to_victim, 2 * RESP_LEN * RESP_SENDINGS as usize);
    assert!(to_victim < 3 * paid / 2 && to_victim < AMPLIFICATION * paid);
    assert_eq!(endpoint(&pair, b).stats().keypairs, 1);
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

/// 1,000 sources that send INITs of noise with a right mac1.
struct Flood {
    /// How many of them answer cookies.
    proved: u16,
    /// INITs a second of each of those, and of each of the others.
    rates: [u16; 2],
    /// What a job takes.
    job: Duration,
}

impl Flood {
    /// The flood beside an existing session and four honest newcomers, until those have sessions: for
    /// two seconds at least, and at most five after they began.
    fn run(&self, seed: u64) {
        let mut pair = Pair::connected(seed);
        let b = pair.b;
        let newcomers = newcomers(&mut pair);
        pair.node_mut(b).set_job_delay(self.job);
        pair.network_mut().set_capture(false);
        let mut stranger = Stranger::new(&mut pair, b, 1_000);
        stranger.earn_cookies(&mut pair, self.proved);
        let mut chat = Vec::new();
        for step in 0..5_500 {
            self.step(step, &mut stranger, &mut pair);
            if step == 500 {
                newcomers
                    .iter()
                    .for_each(|node| pair.connect(*node, b).unwrap());
            }
            if step % 500 == 0 {
                let (a, b) = (pair.a, pair.b);
                chat = vec![(b, pair.talk(a, b).unwrap()), (a, pair.talk(b, a).unwrap())];
            }
            if step % 500 == 41 {
                let heard = chat.iter().all(|(to, line)| pair.has_seen(*to, line));
                assert!(heard, "the session beside it notices");
            }
            let waits = newcomers.iter().any(|node| pair.established(b, *node) == 0);
            if step > 2_000 && !waits {
                break;
            }
        }
        let sessions: Vec<usize> = newcomers.iter().map(|n| pair.established(b, *n)).collect();
        assert_eq!(sessions, [1; 4], "newcomers connect within the flood");
        assert_eq!(pair.violations(), &[] as &[String]);
        let dropped = endpoint(&pair, b).stats().dropped;
        assert!(!dropped.contains_key(&DropReason::Overflow), "{dropped:?}");
    }

    /// One millisecond of it.
    fn step(&self, step: u16, stranger: &mut Stranger, pair: &mut Pair) {
        for n in 0..1_000 {
            let rate = self.rates[usize::from(n >= self.proved)];
            if (step + n).is_multiple_of(1_000 / rate) {
                stranger.flood(pair, source(n));
            }
        }
        pair.advance(ms(1));
        if step.is_multiple_of(100) {
            stranger.collect(pair);
            check_bounds(endpoint(pair, pair.b), 5);
        }
    }
}

fn newcomers(pair: &mut Pair) -> Vec<NodeId> {
    let b = pair.b;
    let join = |name| {
        let node = pair.add_node(name, EndpointConfig::default());
        pair.introduce(node, b);
        node
    };
    ["carol", "dave", "erin", "frank"].map(join).into()
}

#[test]
fn a_handshake_flood_without_cookies_stops_nobody() {
    Flood {
        proved: 0,
        rates: [10, 10],
        job: JOB,
    }
    .run(9);
}

#[test]
fn a_handshake_flood_with_cookies_stops_nobody() {
    Flood {
        proved: 100,
        rates: [10, 10],
        job: JOB,
    }
    .run(10);
}

/// Six times as much work as the worker can do: sources share it.
#[test]
fn a_handshake_flood_beyond_what_the_worker_can_do_stops_nobody() {
    Flood {
        proved: 100,
        rates: [20, 1],
        job: ms(3),
    }
    .run(11);
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
