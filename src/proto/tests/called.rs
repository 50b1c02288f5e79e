//! A host has several addresses, and is called at one of them: what it says leaves from there.

use core::net::IpAddr;

use super::*;
use crate::proto::limits::{INIT_SENDINGS, RETRY_DELAYS, SOURCE_BURST};

type Ways = Vec<(Route, Vec<u8>)>;

/// The addresses of `b`.
const FIRST: Option<IpAddr> = ip(2);
const SECOND: Option<IpAddr> = ip(200);
const THIRD: Option<IpAddr> = ip(201);

const INIT: u8 = 1;
const RESP: u8 = 2;
const COOKIE: u8 = 3;
const DATA: u8 = 4;

const fn ip(host: u8) -> Option<IpAddr> {
    Some(IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, host)))
}

const fn way(peer: SocketAddr, local: Option<IpAddr>) -> Route {
    Route { peer, local }
}

/// Delivers what `a` sends to an address of `b`.
fn bring(a: &mut Side, b: &mut Side, local: Option<IpAddr>, at: Instant) {
    for (_, datagram) in a.drain(at) {
        b.receive(way(a.address, local), datagram, at);
    }
}

/// Carries datagrams both ways until nothing moves, those of `a` to that address of `b`; returns what `b` sent.
fn carry(a: &mut Side, b: &mut Side, local: Option<IpAddr>, at: Instant) -> Ways {
    let mut all = Vec::new();
    loop {
        bring(a, b, local, at);
        let sent = b.drain_ways(at);
        if sent.is_empty() {
            return all;
        }
        for (_, datagram) in &sent {
            a.receive(b.address, datagram.clone(), at);
        }
        all.extend(sent);
    }
}

/// Types and sources of what was sent, each once.
fn kinds(sent: &Ways) -> Vec<(u8, Option<IpAddr>)> {
    let mut kinds: Vec<_> = sent.iter().map(|(to, it)| (it[0], to.local)).collect();
    kinds.dedup();
    kinds
}

/// `a` has called `b` at its second address.
fn called() -> (Side, Side) {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    carry(&mut a, &mut b, SECOND, now(0));
    (a, b)
}

/// From where `b` speaks to `a`.
fn speaks_from(b: &mut Side, a: &mut Side, at: Instant) -> Option<IpAddr> {
    b.say(a.id(), b"from here", at);
    let sent = b.drain_ways(at);
    for (_, datagram) in &sent {
        a.receive(b.address, datagram.clone(), at);
    }
    let [(DATA, local)] = kinds(&sent)[..] else {
        panic!("{sent:?}")
    };
    local
}

#[test]
fn everything_leaves_from_the_address_that_was_called() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let sent = carry(&mut a, &mut b, SECOND, now(0));
    assert_eq!(kinds(&sent), [(RESP, SECOND), (DATA, SECOND)]);
    assert_eq!(speaks_from(&mut b, &mut a, now(1)), SECOND);
    b.endpoint.close(a.id(), now(2));
    assert_eq!(kinds(&b.drain_ways(now(2))), [(DATA, SECOND)], "CLOSE");
}

#[test]
fn a_refusal_and_a_cookie_leave_from_the_address_that_was_called() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let call = a.drain(now(0));
    let receive = |b: &mut Side, local| {
        for (_, datagram) in &call {
            b.receive(way(a.address, local), datagram.clone(), now(0));
        }
        kinds(&b.drain_ways(now(0)))
    };
    assert_eq!(receive(&mut b, SECOND), [(RESP, SECOND)], "refused");
    for _ in 1..SOURCE_BURST {
        receive(&mut b, FIRST);
    }
    assert_eq!(receive(&mut b, THIRD), [(COOKIE, THIRD)]);
}

#[test]
fn an_answer_that_is_given_again_leaves_from_where_it_was_asked_for_again() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let call = a.drain(now(0));
    for (_, datagram) in &call {
        b.receive(way(a.address, FIRST), datagram.clone(), now(0));
    }
    assert_eq!(kinds(&b.drain_ways(now(0))), [(RESP, FIRST)]);
    b.receive(way(a.address, SECOND), call[0].1.clone(), now(800));
    assert_eq!(kinds(&b.drain_ways(now(800))), [(RESP, SECOND)]);
}

#[test]
fn a_path_leaves_from_where_the_newest_packet_came_to_and_that_is_no_move() {
    let (mut a, mut b) = called();
    let told = b.events.len();
    a.say(b.id(), b"early", now(1));
    let early = a.drain(now(1));
    a.say(b.id(), b"late", now(1));
    bring(&mut a, &mut b, THIRD, now(1));
    assert_eq!(speaks_from(&mut b, &mut a, now(1)), THIRD);
    for (_, datagram) in early {
        b.receive(way(a.address, FIRST), datagram, now(2));
    }
    assert_eq!(speaks_from(&mut b, &mut a, now(2)), THIRD, "it was late");
    let status = b.endpoint.status(a.id(), now(2)).unwrap();
    assert!(!status.moving);
    assert_eq!(b.events.len(), told, "and nobody is told");
}

#[test]
fn what_nobody_authenticates_changes_nothing_wherever_it_comes_to() {
    let (mut a, mut b) = called();
    a.say(b.id(), b"a line", now(1));
    let sent = a.drain(now(1));
    let mut forged = sent[0].1.clone();
    *forged.last_mut().unwrap() ^= 1;
    b.receive(way(a.address, THIRD), forged, now(1));
    for (_, datagram) in &sent {
        b.receive(way(a.address, SECOND), datagram.clone(), now(1));
        // Replayed.
        b.receive(way(a.address, THIRD), datagram.clone(), now(1));
    }
    let mut stranger = Side::new(3, Trust::Strict);
    stranger.knows(&b, None);
    stranger.endpoint.connect(b.id(), &[], now(1)).unwrap();
    for (_, datagram) in stranger.drain(now(1)) {
        b.receive(way(a.address, THIRD), datagram, now(1));
    }
    b.drain(now(1));
    assert_eq!(speaks_from(&mut b, &mut a, now(2)), SECOND);
}

#[test]
fn an_address_that_is_gone_is_forgotten_until_a_packet_comes_to_one() {
    let (mut a, mut b) = called();
    for other in [
        way(a.address, FIRST),
        way(SocketAddr::from(([192, 0, 2, 9], 9)), SECOND),
    ] {
        b.endpoint.forget_local(other);
        assert_eq!(speaks_from(&mut b, &mut a, now(1)), SECOND, "not this one");
    }
    b.endpoint.forget_local(way(a.address, SECOND));
    assert_eq!(speaks_from(&mut b, &mut a, now(2)), None);
    a.say(b.id(), b"where are you?", now(3));
    bring(&mut a, &mut b, THIRD, now(3));
    assert_eq!(speaks_from(&mut b, &mut a, now(3)), THIRD);
}

#[test]
fn each_address_of_a_peer_is_challenged_from_where_it_was_heard() {
    let (mut a, mut b) = called();
    let old = a.address;
    a.address.set_port(9);
    a.say(b.id(), b"moved", now(1_000));
    bring(&mut a, &mut b, THIRD, now(1_000));
    let sent = b.drain_ways(now(1_000));
    assert!(sent.iter().any(|(to, _)| *to == way(a.address, THIRD)));
    assert!(sent.iter().any(|(to, _)| *to == way(old, SECOND)));
    assert!(
        sent.iter()
            .all(|(to, _)| [way(a.address, THIRD), way(old, SECOND)].contains(to))
    );
    // The new address answers nothing: back to the old one, and to where that was heard.
    for _ in 0..20 {
        let Some((at, _)) = b.endpoint.poll_timeout().filter(|(at, _)| *at < now(5_000)) else {
            break;
        };
        b.endpoint.handle_timeout(at);
        b.drain(at);
    }
    let status = b.endpoint.status(a.id(), now(5_000)).unwrap();
    assert_eq!(status.address, Some(old));
    assert_eq!(speaks_from(&mut b, &mut a, now(5_000)), SECOND);
}

/// The peer confirms from elsewhere: what its handshake proved is challenged from where that came to.
#[test]
fn the_address_that_a_handshake_proved_is_challenged_from_where_it_called() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    bring(&mut a, &mut b, SECOND, now(0));
    for (_, datagram) in b.drain_ways(now(0)) {
        a.receive(b.address, datagram, now(0));
    }
    let called_from = a.address;
    a.address.set_port(9);
    bring(&mut a, &mut b, THIRD, now(0));
    let sent = b.drain_ways(now(0));
    assert!(sent.iter().any(|(to, _)| *to == way(called_from, SECOND)));
    let ways = [way(called_from, SECOND), way(a.address, THIRD)];
    assert!(sent.iter().all(|(to, _)| ways.contains(to)), "{sent:?}");
}

#[test]
fn who_is_called_anew_is_called_from_where_it_called_and_in_turn_from_wherever_the_system_chooses()
{
    let (a, mut b) = called();
    b.say(a.id(), b"anybody there?", now(1_000));
    b.drain(now(1_000));
    // Those of some minutes later have a message 1 of their own each.
    let sources = calls_until(&mut b, now(600_000));
    assert!(sources.len() > RETRY_DELAYS.len() + 6);
    let (first, rest) = sources.split_at(INIT_SENDINGS as usize);
    assert_eq!(first, [SECOND, None, SECOND, None]);
    let (second, _) = rest.split_at(INIT_SENDINGS as usize);
    assert_eq!(second, [None, SECOND, None, SECOND]);
    let rare: Vec<_> = sources.iter().rev().take(6).collect();
    assert!(rare.windows(2).all(|pair| pair[0] != pair[1]), "{rare:?}");
}

/// The sources of the calls that `b` makes until then.
fn calls_until(b: &mut Side, end: Instant) -> Vec<Option<IpAddr>> {
    let mut sources = Vec::new();
    while let Some((at, _)) = b.endpoint.poll_timeout().filter(|(at, _)| *at < end) {
        b.endpoint.handle_timeout(at);
        let sent = b.drain_ways(at).into_iter();
        let calls: Ways = sent.filter(|(_, it)| it[0] == INIT).collect();
        sources.extend(kinds(&calls).into_iter().map(|(_, local)| local));
    }
    sources
}

#[test]
fn an_own_call_leaves_from_nowhere_in_particular_until_it_is_answered() {
    let (mut a, mut b) = acquainted();
    b.endpoint.connect(a.id(), &[], now(0)).unwrap();
    let call = b.drain_ways(now(0));
    assert_eq!(kinds(&call), [(INIT, None)]);
    for (_, datagram) in call {
        a.receive(b.address, datagram, now(0));
    }
    bring(&mut a, &mut b, FIRST, now(0));
    let sent = b.drain_ways(now(0));
    assert_eq!(kinds(&sent), [(DATA, FIRST)]);
}

#[test]
fn what_a_cookie_asks_for_leaves_from_the_address_that_the_cookie_came_to() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    b.knows(&a, None);
    b.endpoint.connect(a.id(), &[], now(0)).unwrap();
    let call = b.drain(now(0));
    let mut answers = Vec::new();
    for _ in 0..=SOURCE_BURST {
        for (_, datagram) in &call {
            a.receive(b.address, datagram.clone(), now(0));
        }
        answers.extend(a.drain(now(0)));
    }
    let (_, cookie) = answers.into_iter().find(|(_, it)| it[0] == COOKIE).unwrap();
    b.receive(way(a.address, THIRD), cookie, now(100));
    assert_eq!(kinds(&b.drain_ways(now(100))), [(INIT, THIRD)]);
}

#[test]
fn a_session_that_has_ended_is_called_anew_from_where_it_was() {
    let (mut a, mut b) = called();
    a.endpoint.close(b.id(), now(1));
    bring(&mut a, &mut b, SECOND, now(1));
    b.endpoint.connect(a.id(), &[], now(2)).unwrap();
    assert_eq!(kinds(&b.drain_ways(now(2))), [(INIT, SECOND)]);
}
