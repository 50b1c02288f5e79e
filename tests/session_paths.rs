//! Items of docs/checklist.md, "State": roaming, boxes that translate addresses, bad links.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "session_paths/keepalive.rs"]
mod keepalive;
#[path = "session_paths/narrow.rs"]
mod narrow;
#[path = "session_paths/races.rs"]
mod races;
mod simulated;

use core::cell::RefCell;
use core::net::SocketAddr;
use core::time::Duration;
use std::rc::Rc;

use securechat::proto::{ApiMisuse, Event};
use securechat::sim::{Filter, LinkConfig, NatConfig, NodeId, Pair, Sighting, Verdict, World};
use simulated::{DATA, INIT, RESP, SOON, assert_well, clear, is, ms, secs, sent, talk_until_heard};

#[test]
fn a_roaming_peer_takes_its_session_along() {
    let mut pair = Pair::connected(16);
    let (a, b) = (pair.a, pair.b);
    for node in [a, b, a] {
        pair.roam(node);
        let (from, to) = if node == a { (a, b) } else { (b, a) };
        let line = pair.talk(from, to).unwrap();
        assert!(pair.advance_until(SOON, |w| w.has_seen(to, &line)));
        assert_well(&mut pair);
        pair.advance(SOON);
    }
    let roamed = |node| {
        let events = pair.node(node).events().iter();
        events
            .filter(|(_, event)| matches!(event, Event::Roamed { .. }))
            .count()
    };
    assert_eq!((roamed(b), roamed(a)), (2, 1));
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
}

#[test]
fn a_delayed_packet_from_the_old_address_does_not_move_the_path_back() {
    let mut pair = Pair::connected(17);
    let (a, b) = (pair.a, pair.b);
    let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
    pair.network_mut().block(host_a, host_b);
    clear(&mut pair);
    pair.talk(a, b).unwrap();
    let late = sent(&pair, a, DATA)[0].clone();
    pair.network_mut().heal_all();
    pair.roam(a);
    assert!(talk_until_heard(&mut pair, a, b, secs(1)));
    assert_well(&mut pair);
    pair.inject(late.from, late.to, late.datagram.clone());
    assert_well(&mut pair);
}

#[test]
fn a_roam_during_a_rekey_keeps_the_session() {
    for pause in [0, 10, 20, 30, 40, 50, 60] {
        let mut pair = Pair::connected(18);
        let (a, b) = (pair.a, pair.b);
        pair.advance(secs(121));
        clear(&mut pair);
        pair.talk(a, b).unwrap();
        assert_eq!(
            sent(&pair, a, INIT).len(),
            2,
            "speaking at 121 s starts a rekey"
        );
        pair.advance(ms(pause));
        pair.roam(a);
        assert!(
            talk_until_heard(&mut pair, a, b, secs(10)),
            "roamed after {pause} ms"
        );
        assert!(
            talk_until_heard(&mut pair, b, a, secs(10)),
            "roamed after {pause} ms"
        );
        pair.advance(secs(10));
        assert_well(&mut pair);
    }
}

#[test]
fn silence_is_noticed_and_healed() {
    let mut pair = Pair::connected(24);
    let (a, b) = (pair.a, pair.b);
    let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
    pair.network_mut().partition(host_a, host_b);
    pair.talk(a, b).unwrap();
    let silent = |w: &World| {
        w.node(a)
            .events()
            .iter()
            .any(|(_, event)| matches!(event, Event::Silent { .. }))
    };
    assert!(pair.advance_until(secs(7), silent));
    pair.network_mut().heal_all();
    assert!(talk_until_heard(&mut pair, a, b, secs(15)));
    assert_well(&mut pair);
}

#[test]
fn a_session_outlives_a_nat_that_forgets_its_mapping() {
    let mut pair = Pair::new(25);
    let (a, b) = (pair.a, pair.b);
    let host_a = pair.node(a).host();
    let config = NatConfig {
        outside: [203, 0, 113, 1].into(),
        idle: secs(30),
    };
    let nat = pair.network_mut().add_nat(config);
    pair.network_mut().put_behind(host_a, Some(nat));
    pair.connect_both_ways();
    assert_well(&mut pair);
    pair.network_mut().rebind(nat);
    assert!(talk_until_heard(&mut pair, a, b, secs(7)));
    assert_well(&mut pair);
}

#[test]
fn a_link_of_every_fault_still_carries_a_chat() {
    let mut pair = Pair::new(27);
    pair.set_links(&LinkConfig::bad());
    let (a, b) = (pair.a, pair.b);
    pair.connect(a, b).unwrap();
    assert!(pair.advance_until(secs(60), |w| w.established(b, a) > 0));
    for _ in 0..50 {
        let _ = pair.chat(secs(1));
        pair.advance(secs(5));
    }
    assert_eq!(pair.violations(), &[] as &[String]);
    pair.set_links(&LinkConfig::home());
    pair.advance(secs(10));
    assert!(talk_until_heard(&mut pair, a, b, secs(20)));
    assert!(talk_until_heard(&mut pair, b, a, secs(20)));
}

/// Each that was answered began the next at once.
#[test]
fn a_path_that_carries_handshakes_and_no_packets_sees_one_at_a_time() {
    let mut pair = Pair::connected(32);
    let (a, b) = (pair.a, pair.b);
    pair.talk(a, b).unwrap();
    pair.network_mut().set_filter(Some(Box::new(|seen| {
        if is(DATA, &seen.datagram) {
            Verdict::Drop
        } else {
            Verdict::Pass
        }
    })));
    pair.talk(a, b).unwrap();
    clear(&mut pair);
    pair.advance(secs(30));
    let datagrams = sent(&pair, a, INIT).len();
    assert!((2..=24).contains(&datagrams), "{datagrams}");
    pair.network_mut().set_filter(None);
    assert!(talk_until_heard(&mut pair, a, b, secs(15)));
    assert_well(&mut pair);
}

/// Gives `a` another port of its host.
fn change_port(pair: &mut Pair, port: u16) {
    let a = pair.a;
    let (host, mut address) = (pair.node(a).host(), pair.address(a));
    address.set_port(port);
    pair.network_mut().roam(host, address);
}

/// Where `node` was told that the peer is now.
fn told(pair: &Pair, node: NodeId) -> Vec<SocketAddr> {
    let mut told = Vec::new();
    for (_, event) in pair.node(node).events() {
        if let Event::Roamed { to, .. } = event {
            told.push(*to);
        }
    }
    told
}

#[test]
fn a_port_that_moves_four_times_in_mid_talk_loses_no_line_and_costs_no_handshake() {
    let mut pair = Pair::connected(40);
    let (a, b) = (pair.a, pair.b);
    clear(&mut pair);
    let mut lines = Vec::new();
    for n in 0..100u16 {
        if n % 20 == 10 {
            change_port(&mut pair, 10_000 + n);
        }
        lines.push((b, pair.talk(a, b).unwrap()));
        lines.push((a, pair.talk(b, a).unwrap()));
        pair.advance(ms(30));
    }
    let all = |w: &World| lines.iter().all(|(node, line)| w.has_seen(*node, line));
    assert!(pair.advance_until(secs(3), all));
    assert_well(&mut pair);
    assert_eq!(
        (sent(&pair, a, INIT).len(), sent(&pair, b, INIT).len()),
        (0, 0)
    );
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
    assert_eq!(told(&pair, b).len(), 5);
}

#[test]
fn a_rebound_nat_is_proved_although_the_first_challenges_are_lost() {
    let mut pair = Pair::new(41);
    let (a, b) = (pair.a, pair.b);
    let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
    let config = NatConfig {
        outside: [203, 0, 113, 1].into(),
        idle: secs(30),
    };
    let nat = pair.network_mut().add_nat(config);
    pair.network_mut().put_behind(host_a, Some(nat));
    pair.connect_both_ways();
    assert_well(&mut pair);
    pair.network_mut().rebind(nat);
    let mut left = 4;
    pair.network_mut()
        .set_filter(Some(Box::new(move |sighting| {
            let is_large = sighting.sender == Some(host_b) && sighting.datagram.len() > 500;
            if is_large && left > 0 {
                left -= 1;
                return Verdict::Drop;
            }
            Verdict::Pass
        })));
    let line = vec![b'x'; 900];
    pair.say(a, b, line.clone()).unwrap();
    assert!(pair.advance_until(SOON, |w| w.has_seen(b, &line)));
    pair.advance(secs(3));
    assert_eq!(told(&pair, b).len(), 1);
    assert_well(&mut pair);
}

/// Sends copies of what `a` sends on from his own address, faster than the original.
fn racer(pair: &Pair, racer: SocketAddr) -> (Filter, Rc<RefCell<Vec<Sighting>>>) {
    let host_a = pair.node(pair.a).host();
    let raced = Rc::new(RefCell::new(Vec::new()));
    let copies = Rc::clone(&raced);
    let filter: Filter = Box::new(move |sighting| {
        if sighting.sender == Some(host_a) && is(DATA, &sighting.datagram) {
            let mut copy = sighting.clone();
            copy.from = racer;
            copies.borrow_mut().push(copy);
        }
        Verdict::Pass
    });
    (filter, raced)
}

#[test]
fn a_racer_who_forwards_nothing_back_gets_little_and_disturbs_no_talk() {
    let mut pair = Pair::connected(42);
    let (a, b) = (pair.a, pair.b);
    let outside = SocketAddr::from(([203, 0, 113, 66], 66));
    let (filter, raced) = racer(&pair, outside);
    pair.network_mut().set_filter(Some(filter));
    clear(&mut pair);
    let (mut lines, mut came) = (Vec::new(), 0);
    for _ in 0..200 {
        lines.push((b, pair.talk(a, b).unwrap()));
        lines.push((a, pair.talk(b, a).unwrap()));
        for _ in 0..10 {
            pair.advance(ms(5));
            for copy in raced.take() {
                came += copy.datagram.len();
                pair.inject(copy.from, copy.to, copy.datagram);
            }
        }
    }
    let all = |w: &World| lines.iter().all(|(node, line)| w.has_seen(*node, line));
    assert!(pair.advance_until(secs(20), all));
    let went: usize = sent(&pair, b, DATA)
        .iter()
        .filter(|sighting| sighting.to == outside)
        .map(|sighting| sighting.datagram.len())
        .sum();
    assert!(went > 0 && went <= 3 * came, "{went} for {came}");
    assert!(told(&pair, b).is_empty());
    pair.network_mut().set_filter(None);
    assert_well(&mut pair);
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
}

#[test]
fn a_move_between_two_hosts_is_told_once_proved_and_then_all_is_still() {
    let mut pair = Pair::connected(43);
    let (a, b) = (pair.a, pair.b);
    pair.roam(a);
    let line = pair.talk(a, b).unwrap();
    assert!(pair.advance_until(SOON, |w| w.has_seen(b, &line)));
    assert!(told(&pair, b).is_empty(), "a round trip is missing");
    pair.advance(secs(1));
    assert_eq!(told(&pair, b), [pair.address(a)]);
    clear(&mut pair);
    pair.advance(secs(3_600));
    assert!(pair.network().capture().is_empty());
}

#[test]
fn moves_survive_a_link_of_every_fault() {
    for seed in 50..58 {
        let mut pair = Pair::new(seed);
        let (a, b) = (pair.a, pair.b);
        pair.connect_both_ways();
        pair.set_links(&LinkConfig::bad());
        for n in 0..20 {
            match n % 5 {
                0 => pair.roam(a),
                1 => change_port(&mut pair, 9_000 + n),
                _ => {}
            }
            let _ = pair.talk(a, b);
            pair.advance(secs(8));
        }
        assert_eq!(pair.violations(), &[] as &[String], "seed {seed}");
        pair.set_links(&LinkConfig::home());
        pair.advance(secs(10));
        assert!(talk_until_heard(&mut pair, a, b, secs(20)), "seed {seed}");
        assert!(talk_until_heard(&mut pair, b, a, secs(20)), "seed {seed}");
    }
}

/// Pings that are counted: every fourth is lost, half of the others arrive twice, many out of order.
#[test]
fn a_counted_ping_is_answered_if_it_arrives_and_never_twice() {
    let mut pair = Pair::connected(31);
    let (a, b) = (pair.a, pair.b);
    let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
    pair.set_links(&LinkConfig {
        duplicate_ppm: 500_000,
        reorder_ppm: 300_000,
        reorder_by: ms(700),
        ..LinkConfig::delay(ms(20))
    });
    let peer = pair.id(b);
    for id in 0..200 {
        let is_lost = id % 4 == 0;
        if is_lost {
            pair.network_mut().block(host_a, host_b);
        }
        pair.command(a, |endpoint, now| {
            endpoint.count_ping(peer, id, now).unwrap();
        });
        pair.network_mut().unblock(host_a, host_b);
        pair.advance(ms(200));
    }
    pair.advance(secs(5));
    let mut answered: Vec<u64> = Vec::new();
    for (_, event) in pair.node(a).events() {
        if let Event::PingAnswered { id, rtt, .. } = event {
            assert!((ms(20)..secs(2)).contains(rtt), "{id}: {rtt:?}");
            answered.push(*id);
        }
    }
    answered.sort_unstable();
    let expected: Vec<u64> = (0..200).filter(|id| id % 4 != 0).collect();
    assert_eq!(answered, expected);
}

#[test]
fn without_a_session_no_ping_is_counted() {
    let mut pair = Pair::new(32);
    let (a, peer) = (pair.a, pair.id(pair.b));
    let asked = pair.command(a, |endpoint, now| endpoint.count_ping(peer, 1, now));
    assert_eq!(asked, Some(Err(ApiMisuse::NotConnected)));
}

/// Two who talk over a NAT in front of `a`, and what happens to them.
#[derive(Debug)]
struct Outage {
    /// How long nothing from `b` arrives once the NAT has another port, though all of `a` does.
    lasts: Duration,
    /// When `b` says its line.
    line: Duration,
    /// When `a` sends its last ping, one every half second before. It need not send anything after.
    last_ping: Duration,
}

impl Outage {
    /// How long after both its end and the last ping the line arrives; none if not in 200 s.
    fn heals_in(&self, seed: u64) -> Option<Duration> {
        let mut pair = Pair::new(seed);
        let (a, b) = (pair.a, pair.b);
        let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
        let config = NatConfig {
            outside: [203, 0, 113, 1].into(),
            idle: secs(30),
        };
        let nat = pair.network_mut().add_nat(config);
        pair.network_mut().put_behind(host_a, Some(nat));
        pair.connect_both_ways();
        let start = pair.now();
        pair.network_mut().rebind(nat);
        pair.network_mut().block(host_b, host_a);
        let mut line = None;
        let (mut at, mut pings) = (Duration::ZERO, 0);
        let end = self.lasts.max(self.last_ping).max(self.line);
        while at <= end {
            if at == self.lasts {
                pair.network_mut().heal_all();
            }
            let before_last = (self.last_ping.as_millis()).checked_sub(at.as_millis());
            if before_last.is_some_and(|left| left % 500 == 0) {
                ping(&mut pair, pings);
                pings += 1;
            }
            if at == self.line {
                line = pair.talk(b, a).ok();
            }
            at += STEP;
            let step = (start + at).saturating_since(pair.now());
            pair.advance(step);
        }
        let line = line.expect("there is a session");
        let healed = start + self.lasts.max(self.last_ping);
        let arrives = pair.advance_until(secs(200), |w| w.has_seen(a, &line));
        arrives.then(|| pair.now().saturating_since(healed))
    }

    fn assert_heals(&self, seed: u64) {
        let took = self.heals_in(seed);
        assert!(
            took.is_some_and(|took| took < secs(2)),
            "{self:?}: {took:?}"
        );
    }
}

const STEP: Duration = ms(20);

/// `a` counts a ping of `b`.
fn ping(pair: &mut Pair, id: u64) {
    let (a, peer) = (pair.a, pair.id(pair.b));
    let asked = pair.command(a, |endpoint, now| endpoint.count_ping(peer, id, now));
    asked.unwrap().unwrap();
}

#[test]
fn a_rebound_nat_and_a_way_in_one_direction_are_healed_soon_after_both_ways_work() {
    for half_seconds in 20..110 {
        let lasts = ms(500 * half_seconds);
        for line in [ms(2_500), lasts - secs(2)] {
            let outage = Outage {
                lasts,
                line,
                last_ping: lasts,
            };
            outage.assert_heals(half_seconds);
        }
    }
}

/// Outages that end around the first return to the dead address, and last words around their end.
#[test]
fn whoever_is_last_heard_as_a_way_heals_and_a_path_returns_is_found_without_another_word() {
    for step in 125..225 {
        let lasts = STEP * step;
        for last_ping in [
            lasts - ms(500),
            lasts - ms(40),
            lasts - ms(20),
            lasts,
            lasts + ms(20),
            lasts + ms(300),
        ] {
            let outage = Outage {
                lasts,
                line: secs(1),
                last_ping,
            };
            outage.assert_heals(u64::from(step));
        }
    }
}

#[test]
fn a_flood_of_packets_over_a_long_round_trip_evicts_no_challenge_that_is_under_way() {
    let mut pair = Pair::connected(44);
    let (a, b) = (pair.a, pair.b);
    // So that they measure a short one first, and challenges are many.
    for _ in 0..20 {
        let line = pair.talk(b, a).unwrap();
        assert!(pair.advance_until(SOON, |w| w.has_seen(a, &line)));
        assert_well(&mut pair);
    }
    pair.set_links(&LinkConfig::delay(ms(1_400)));
    change_port(&mut pair, 10_000);
    clear(&mut pair);
    let moved = pair.now();
    for id in 0..900 {
        ping(&mut pair, id);
        pair.advance(ms(5));
    }
    assert_eq!(told(&pair, b), [pair.address(a)]);
    let news = pair.node(b).events().iter();
    let mut proved = news.filter(|(_, event)| matches!(event, Event::Roamed { .. }));
    let (at, _) = proved.next().unwrap();
    let took = at.saturating_since(moved);
    assert!(
        took < ms(3 * 1_400 + 50),
        "by the first challenge: {took:?}"
    );
    pair.set_links(&LinkConfig::home());
    pair.advance(secs(10));
    assert_well(&mut pair);
    assert_eq!(
        (sent(&pair, a, INIT), sent(&pair, b, INIT)),
        (vec![], vec![])
    );
}
