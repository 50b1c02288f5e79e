//! Whoever records a conversation can replay, reflect, alter and truncate it to no effect.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod simulated;

use core::net::SocketAddr;

use securechat::sim::{NodeId, Pair, Sighting, SimRng, Verdict, World, flip_bit};
use simulated::{DATA, SOON, answers, assert_well, clear, is, ms, secs, sent};

/// A conversation with a rekey, and everything that was sent in it.
fn recorded(seed: u64) -> (Pair, Vec<Sighting>) {
    let mut pair = Pair::connected(seed);
    for _ in 0..20 {
        assert_well(&mut pair);
        pair.advance(secs(8));
    }
    let seen = pair.network().capture().to_vec();
    (pair, seen)
}

/// What an attack must leave as it is.
fn state(world: &World, nodes: [NodeId; 2]) -> Vec<(usize, usize, usize)> {
    let one = |node: NodeId| {
        let events = world.node(node).events().len();
        let keys = world.node(node).endpoint().unwrap().key_table().len();
        (world.node(node).lines().len(), events, keys)
    };
    nodes.into_iter().map(one).collect()
}

#[test]
fn a_replayed_conversation_changes_nothing() {
    let (mut pair, seen) = recorded(1);
    let nodes = [pair.a, pair.b];
    let elsewhere = pair.fresh_address();
    let before = state(&pair, nodes);
    clear(&mut pair);
    for old in &seen {
        pair.inject(old.from, old.to, old.datagram.clone());
        pair.inject(elsewhere, old.to, old.datagram.clone());
    }
    pair.advance(SOON);
    assert_eq!(answers(&pair), 0);
    assert_eq!(state(&pair, nodes), before);
    assert_well(&mut pair);
}

#[test]
fn a_reflected_conversation_changes_nothing() {
    let (mut pair, seen) = recorded(2);
    let nodes = [pair.a, pair.b];
    let before = state(&pair, nodes);
    clear(&mut pair);
    for old in &seen {
        pair.inject(old.to, old.from, old.datagram.clone());
    }
    pair.advance(SOON);
    assert_eq!(answers(&pair), 0);
    assert_eq!(state(&pair, nodes), before);
    assert_well(&mut pair);
}

/// Every datagram arrives altered first and true afterwards, handshakes among them.
#[test]
fn bad_then_good_succeeds_for_every_datagram() {
    let mut pair = Pair::new(3);
    let (a, b) = (pair.a, pair.b);
    let mut rng = SimRng::new(3);
    pair.network_mut()
        .set_filter(Some(Box::new(|_| Verdict::Drop)));
    pair.connect(a, b).unwrap();
    let mut relayed = 0;
    for _ in 0..200 {
        let seen = pair.network().capture().to_vec();
        for fresh in &seen[relayed..] {
            if fresh.sender.is_some() {
                relay(&mut pair, fresh, &mut rng);
            }
        }
        relayed = seen.len();
        if relayed == 40 {
            let _ = pair.talk(a, b);
        }
        pair.advance(ms(5));
    }
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
    assert_eq!(
        sent(&pair, a, simulated::INIT).len(),
        2,
        "the first attempt succeeds"
    );
    assert_eq!(pair.violations(), &[] as &[String]);
}

fn relay(pair: &mut Pair, fresh: &Sighting, rng: &mut SimRng) {
    for _ in 0..3 {
        let mut altered = fresh.datagram.clone();
        flip_bit(&mut altered, rng.word());
        pair.inject(fresh.from, fresh.to, altered);
    }
    let cut = rng.index(fresh.datagram.len());
    pair.inject(fresh.from, fresh.to, fresh.datagram[..cut].to_vec());
    let mut longer = fresh.datagram.clone();
    longer.push(0);
    pair.inject(fresh.from, fresh.to, longer);
    pair.inject(fresh.from, fresh.to, fresh.datagram.clone());
}

#[test]
fn every_flipped_bit_of_a_data_datagram_is_noticed() {
    let mut pair = Pair::connected(4);
    let (a, b) = (pair.a, pair.b);
    assert_well(&mut pair);
    let filter = |seen: &Sighting| {
        if is(DATA, &seen.datagram) {
            Verdict::Drop
        } else {
            Verdict::Pass
        }
    };
    pair.network_mut().set_filter(Some(Box::new(filter)));
    clear(&mut pair);
    let line = pair.talk(a, b).unwrap();
    let data = sent(&pair, a, DATA)[0].clone();
    for bit in 0..data.datagram.len() as u64 * 8 {
        let mut altered = data.datagram.clone();
        flip_bit(&mut altered, bit);
        pair.inject(data.from, data.to, altered);
    }
    assert!(!pair.has_seen(b, &line));
    pair.inject(data.from, data.to, data.datagram);
    assert!(pair.has_seen(b, &line), "the true one still arrives");
    pair.network_mut().set_filter(None);
    assert_well(&mut pair);
}

/// A packet of `a` that a thief carried to `b` first. Nothing else of `a` arrives, until the test lets it.
struct Raced {
    pair: Pair,
    thief: SocketAddr,
    /// The bytes that came from the thief.
    came: usize,
}

impl Raced {
    fn new(seed: u64) -> Self {
        let mut pair = Pair::connected(seed);
        let (a, b) = (pair.a, pair.b);
        let (thief, host_a) = (pair.fresh_address(), pair.node(a).host());
        let filter = move |seen: &Sighting| {
            if seen.sender == Some(host_a) {
                Verdict::Drop
            } else {
                Verdict::Pass
            }
        };
        pair.network_mut().set_filter(Some(Box::new(filter)));
        clear(&mut pair);
        let line = vec![b'x'; 900];
        pair.say(a, b, line.clone()).unwrap();
        let data = sent(&pair, a, DATA)[0].clone();
        let came = data.datagram.len();
        pair.inject(thief, data.to, data.datagram);
        assert!(
            pair.has_seen(b, &line),
            "it is a true packet, wherever it comes from"
        );
        Self { pair, thief, came }
    }

    /// The bytes that went to the thief.
    fn went(&self) -> usize {
        let sightings = self.pair.network().capture().iter();
        let to_thief = sightings.filter(|seen| seen.to == self.thief);
        to_thief.map(|seen| seen.datagram.len()).sum()
    }
}

#[test]
fn a_raced_packet_brings_three_times_its_bytes_at_most() {
    let mut raced = Raced::new(5);
    let (a, b) = (raced.pair.a, raced.pair.b);
    raced.pair.say(b, a, vec![b'x'; 60_000]).unwrap();
    // Until long after the path has returned by itself and the thief's address is forgotten.
    raced.pair.advance(secs(120));
    let (came, went) = (raced.came, raced.went());
    assert!(went > came && went <= 3 * came, "{went} for {came}");
}

/// A packet that an attacker carries to another network first moves no path for long.
#[test]
fn a_raced_packet_does_not_take_the_path_away() {
    let mut raced = Raced::new(5);
    let (a, b) = (raced.pair.a, raced.pair.b);
    raced.pair.talk(a, b).unwrap();
    let next = sent(&raced.pair, a, DATA).pop().unwrap();
    let went = raced.went();
    assert!(went > 0, "the path has moved");
    raced.pair.inject(next.from, next.to, next.datagram);
    raced.pair.network_mut().set_filter(None);
    raced.pair.say(b, a, vec![b'x'; 60_000]).unwrap();
    assert!(simulated::talk_until_heard(&mut raced.pair, a, b, secs(5)));
    assert_well(&mut raced.pair);
    raced.pair.advance(secs(120));
    assert_eq!(raced.went(), went, "nothing more after a true packet");
}

/// Who stole nothing but the address of a peer cannot end or delay its session.
#[test]
fn forged_handshakes_from_the_peers_address_do_not_touch_the_session() {
    let mut pair = Pair::connected(6);
    let (a, b) = (pair.a, pair.b);
    let (address_a, address_b) = (pair.address(a), pair.address(b));
    let forger = securechat::sim::Forger::new(&pair.id(b));
    let mut rng = SimRng::new(6);
    for _ in 0..200 {
        for part in forger.garbage(&mut rng, None) {
            pair.inject(address_a, address_b, part);
        }
        pair.advance(ms(5));
    }
    assert_well(&mut pair);
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
}
