//! What the simulated tests share.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

pub mod messages;
pub mod stranger;

use core::time::Duration;

use securechat::proto::{Endpoint, limits};
use securechat::sim::{NodeId, Pair, Sighting, Verdict, World};

pub const INIT: u8 = 1;
pub const RESP: u8 = 2;
pub const COOKIE: u8 = 3;
pub const DATA: u8 = 4;

/// Long enough for anything on a link that loses nothing, shorter than any timer but the first.
pub const SOON: Duration = Duration::from_millis(900);

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Whether a datagram has this type byte.
pub fn is(kind: u8, datagram: &[u8]) -> bool {
    datagram.first() == Some(&kind)
}

/// Everything of one type that `node` has sent since the tap was turned on.
pub fn sent(world: &World, node: NodeId, kind: u8) -> Vec<Sighting> {
    let host = world.node(node).host();
    let mine = |s: &&Sighting| s.sender == Some(host) && is(kind, &s.datagram);
    world
        .network()
        .capture()
        .iter()
        .filter(mine)
        .cloned()
        .collect()
}

/// How many datagrams the tap has seen that came from a node.
pub fn answers(world: &World) -> usize {
    let seen = world.network().capture().iter();
    seen.filter(|s| s.sender.is_some()).count()
}

/// Forgets what the tap has seen.
pub fn clear(world: &mut World) {
    world.network_mut().set_capture(true);
}

/// The session index in bytes 4..8 of any datagram.
pub fn index_of(datagram: &[u8]) -> [u8; 4] {
    datagram[4..8].try_into().unwrap()
}

/// The counter of a DATA datagram.
pub fn counter_of(datagram: &[u8]) -> u64 {
    u64::from_le_bytes(datagram[8..16].try_into().unwrap())
}

/// Sends a line again and again until one arrives, since nothing repeats a lost one yet.
pub fn talk_until_heard(world: &mut World, from: NodeId, to: NodeId, limit: Duration) -> bool {
    let end = world.now() + limit;
    let mut lines = Vec::new();
    while world.now() < end {
        lines.extend(world.talk(from, to));
        let heard = |w: &World| lines.iter().any(|line| w.has_seen(to, line));
        if world.advance_until(ms(500), heard) {
            return true;
        }
    }
    false
}

/// What both sides of crossed handshakes may lose first: each side's INIT, RESP and first DATA under new keys.
pub const LOSSES: usize = 6;

/// Loses what the bits of `lost` say. `old`: what names keys of before in DATA.
pub fn lose_first(pair: &mut Pair, lost: usize, old: Vec<[u8; 4]>) {
    let hosts = [pair.a, pair.b].map(|node| pair.node(node).host());
    let mut to_lose: Vec<(_, u8, usize)> = Vec::new();
    for bit in (0..LOSSES).filter(|bit| lost & (1 << bit) != 0) {
        let kind = [INIT, RESP, DATA][bit / 2];
        let datagrams = if kind == DATA { 1 } else { 2 };
        to_lose.push((hosts[bit % 2], kind, datagrams));
    }
    pair.network_mut().set_filter(Some(Box::new(move |seen| {
        let due = to_lose.iter_mut().find(|(host, kind, left)| {
            seen.sender == Some(*host) && is(*kind, &seen.datagram) && *left > 0
        });
        let is_old = |datagram: &[u8]| is(DATA, datagram) && old.contains(&index_of(datagram));
        due.filter(|_| !is_old(&seen.datagram))
            .map_or(Verdict::Pass, |(_, _, left)| {
                *left -= 1;
                Verdict::Drop
            })
    })));
}

/// Which node started the handshake of the keypair that each side's latest DATA is sealed under:
/// such datagrams to it carry an index of one of its INITs.
pub fn initiators(pair: &Pair) -> [NodeId; 2] {
    let nodes = [(pair.a, pair.b), (pair.b, pair.a)];
    nodes.map(|(from, to)| {
        let latest = sent(pair, from, DATA).pop().unwrap();
        let own = sent(pair, to, INIT)
            .iter()
            .any(|init| index_of(&init.datagram) == index_of(&latest.datagram));
        if own { to } else { from }
    })
}

/// Asserts that lines flow both ways at once and that no rule was broken on the way here.
#[track_caller]
pub fn assert_well(pair: &mut Pair) {
    assert!(pair.chat(SOON), "no line passes at {}", pair.now());
    assert_eq!(pair.violations(), &[] as &[String]);
}

/// Asserts that everything that others can make grow is within its bound. `peers`: how many keys
/// there are in this world, beside guests.
#[track_caller]
pub fn check_bounds(endpoint: &Endpoint, peers: usize) {
    let stats = endpoint.stats();
    // As many as the user was asked about may have yet to prove where they are.
    let guests = 2 * limits::MAX_GUESTS;
    let records = peers + guests + limits::MAX_PINNED;
    // One more is with the worker, perhaps for a peer that is gone.
    let attempts = stats.peers.max(peers) * (limits::MAX_ATTEMPTS + 1);
    let bounds = [
        ("peers", stats.peers, records),
        ("guests", stats.guests, guests),
        (
            "keypairs",
            stats.keypairs,
            stats.peers * (2 + limits::MAX_NEXT_KEYPAIRS),
        ),
        ("attempts", stats.attempts, attempts),
        ("slots", stats.slots, limits::MAX_SLOTS),
        ("jobs", stats.jobs, limits::MAX_JOBS),
        ("sources", stats.sources, 3 * limits::MAX_SOURCES),
        ("timers", stats.timers, 16 * (stats.peers + 1)),
        ("events", stats.events, limits::MAX_EVENTS),
    ];
    for (what, held, bound) in bounds {
        assert!(held <= bound, "{held} {what}, {bound} allowed: {stats:?}");
    }
    assert_eq!(stats.keypairs, endpoint.key_table().len());
}
