//! Ways that lead in one direction only, beside one that leads in both.

use core::net::IpAddr;

use super::*;
use crate::proto::limits::{ASK_AFTER, CHALLENGE_PAUSE, RETRY_FOR, RETRY_SLOW};
use crate::wire::limits::BASE_DATAGRAM_LEN;

/// The timers of both until then; `carries` takes what each sends to the other, or loses it.
fn until(
    [a, b]: [&mut Side; 2],
    start: Instant,
    end: Instant,
    mut carries: impl FnMut(bool, (Route, Vec<u8>), Instant) -> Option<Route>,
) {
    let mut at = start;
    loop {
        let (from_a, from_b) = (a.drain_ways(at), b.drain_ways(at));
        let rests = from_a.is_empty() && from_b.is_empty();
        for (is_of_a, sent) in [(true, from_a), (false, from_b)] {
            for (to, datagram) in sent {
                let side = if is_of_a { &mut *b } else { &mut *a };
                if let Some(from) = carries(is_of_a, (to, datagram.clone()), at) {
                    side.receive(from, datagram, at);
                }
            }
        }
        if !rests {
            continue;
        }
        let next = [&*a, &*b]
            .into_iter()
            .filter_map(|it| it.endpoint.poll_timeout());
        match next.map(|(at, _)| at).min() {
            Some(next) if next <= end => at = at.max(next),
            _ => return,
        }
        a.endpoint.handle_timeout(at);
        b.endpoint.handle_timeout(at);
    }
}

/// Bytes of the smallest packet that anybody sends.
const SMALLEST: usize = 96;

const fn at(host: u8, port: u16) -> SocketAddr {
    SocketAddr::new(ip(host), port)
}

const fn ip(host: u8) -> IpAddr {
    IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, host))
}

fn is_established(side: &Side, with: &Side, at: Instant) -> bool {
    side.endpoint.status(with.id(), at).unwrap().established
}

/// Each of the two is called by way of its own, as by IPv4 and IPv6; by the first nothing comes back.
fn calls_by_two_ways(series_is_slow: bool) {
    let (mut a, mut b) = acquainted();
    let (first, second) = ([at(11, 1), at(21, 1)], [at(12, 2), at(22, 2)]);
    a.endpoint
        .connect(b.id(), &[first[1], second[1]], now(0))
        .unwrap();
    a.endpoint.seek(b.id(), now(0));
    let begin = now(0) + RETRY_FOR;
    let (start, end) = if series_is_slow {
        until([&mut a, &mut b], now(0), begin, |_, _, _| None);
        (begin, begin + 2 * RETRY_SLOW)
    } else {
        (now(0), now(30_000))
    };
    until([&mut a, &mut b], start, end, |is_of_a, (to, _), _| {
        let ways = [first, second].into_iter();
        let mut from = ways.filter(|[of_a, of_b]| to.peer == if is_of_a { *of_b } else { *of_a });
        let way = from.next().filter(|way| is_of_a || *way == second)?;
        Some(way[usize::from(!is_of_a)].into())
    });
    assert!(is_established(&a, &b, end) && is_established(&b, &a, end));
}

#[test]
fn a_way_that_brings_nothing_back_keeps_no_other_from_being_used() {
    calls_by_two_ways(false);
}

#[test]
fn nor_where_calls_have_become_rare() {
    calls_by_two_ways(true);
}

const NOBODY: SocketAddr = at(66, 6);

/// `a` knows two addresses of `b`, at the second of which nobody is, and has something to say. Each RESP comes first from elsewhere,
/// from somebody who passes no DATA on; `carries`: he carries calls that go to nobody to the peer as well. Returns where `a` has
/// called, and both.
fn with_answers_from_elsewhere(carries: bool) -> (Vec<SocketAddr>, Side, Side) {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    b.knows(&a, None);
    let (caller, peer, elsewhere) = (a.address, b.address, at(99, 9));
    a.endpoint.add_peer(PeerConfig {
        id: b.id(),
        psk: None,
        addresses: vec![peer, NOBODY],
        shown: Shown::default(),
    });
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    a.say(b.id(), b"are you there?", now(0));
    let mut called = Vec::new();
    until(
        [&mut a, &mut b],
        now(0),
        now(60_000),
        |is_of_a, (to, datagram), _| {
            let (is_call, is_answer) = (datagram[0] == 1, datagram[0] == 2);
            called.extend((is_call && datagram[1] == 0).then_some(to.peer));
            let from = match (is_of_a, to.peer) {
                (true, to) if to == peer => caller,
                (true, NOBODY) if is_call && carries => elsewhere,
                (false, to) if is_answer && (to == caller || carries) => elsewhere,
                (false, to) if to == caller => peer,
                _ => return None,
            };
            Some(from.into())
        },
    );
    (called, a, b)
}

fn roamed(side: &Side) -> Vec<SocketAddr> {
    let mut roamed = Vec::new();
    for event in &side.events {
        if let Event::Roamed { to, .. } = event {
            roamed.push(*to);
        }
    }
    roamed
}

/// Where each answer came first from elsewhere that one was taken for the peer, with this call and with each that followed.
#[test]
fn who_is_called_at_two_addresses_is_found_though_each_answer_comes_first_from_elsewhere() {
    let (called, a, b) = with_answers_from_elsewhere(false);
    assert_eq!(b.lines(), [b"are you there?"]);
    assert_eq!(roamed(&a), [b.address]);
    // To both, to one alone and then to both, to the other alone.
    let peer = b.address;
    let calls = [[peer, NOBODY], [NOBODY, peer], [NOBODY, peer]];
    assert_eq!(called, calls.concat());
}

/// The address where nobody is passed for proved, was told to be the peer's, and no call after that went to one address alone.
#[test]
fn an_address_is_not_the_peers_because_somebody_carries_calls_from_there_to_it() {
    let (_, a, b) = with_answers_from_elsewhere(true);
    assert_eq!(b.lines(), [b"are you there?"]);
    assert_eq!(roamed(&a), [b.address]);
}

/// `b`'s host has two addresses, and what goes to the first, at which it was called, is lost from now on.
#[test]
fn who_is_not_reached_where_it_was_called_is_found_by_where_the_system_sends_from() {
    let (mut a, mut b) = acquainted();
    let (called, chosen) = (at(2, b.address.port()), at(3, b.address.port()));
    a.endpoint.connect(b.id(), &[called], now(0)).unwrap();
    let carries = |a: &mut Side, b: &mut Side, start, end, is_lost: bool| {
        let (caller, peer) = (a.address, b.address);
        until([a, b], start, end, |is_of_a, (to, _), _| {
            if is_of_a {
                let is_there = [called, chosen, peer].contains(&to.peer);
                let came_to = (is_there && !(is_lost && to.peer == called)).then_some(to.peer.ip());
                return came_to.map(|local| Route {
                    peer: caller,
                    local: Some(local),
                });
            }
            Some(
                to.local
                    .map_or(chosen, |from| SocketAddr::new(from, called.port()))
                    .into(),
            )
        });
    };
    carries(&mut a, &mut b, now(0), now(1_000), false);
    assert!(is_established(&b, &a, now(1_000)));
    b.say(a.id(), b"do you hear me?", now(2_000));
    carries(&mut a, &mut b, now(2_000), now(40_000), true);
    a.say(b.id(), b"I do", now(40_000));
    carries(&mut a, &mut b, now(40_000), now(41_000), true);
    assert_eq!(b.lines(), [b"I do"]);
}

/// Whether `a` may send `b` anything.
fn has_room(a: &Side, b: &Side) -> bool {
    let path = a.endpoint.peers.get(&b.id()).unwrap().path.as_ref();
    path.is_none_or(|path| path.limit(BASE_DATAGRAM_LEN) != Some(0))
}

/// Whoever called two addresses has to prove the one that answers. What is lost here keeps it from that: all that is
/// of the base size and, once the two have greeted each other, what comes back and is as small as an answer may be.
#[test]
fn a_session_whose_address_has_spent_its_room_calls_when_something_is_to_be_said() {
    let (mut a, mut b) = acquainted();
    let (peer, caller) = (b.address, a.address);
    a.endpoint
        .connect(b.id(), &[peer, at(66, 6)], now(0))
        .unwrap();
    let all = |is_of_a: bool, to: Route| {
        let is_there = to.peer == if is_of_a { peer } else { caller };
        is_there.then(|| Route::from(if is_of_a { caller } else { peer }))
    };
    let without_proof = |is_of_a: bool, (to, it): (Route, Vec<u8>), at: Instant| {
        let least = if is_of_a || at < now(0) + CHALLENGE_PAUSE {
            0
        } else {
            SMALLEST + 1
        };
        all(is_of_a, to).filter(|_| (least..BASE_DATAGRAM_LEN).contains(&it.len()))
    };
    let mut at = now(0);
    let mut lines = 0;
    loop {
        until([&mut a, &mut b], at, at + 2 * ASK_AFTER, without_proof);
        at = at + 2 * ASK_AFTER;
        assert!(is_established(&a, &b, at), "{at:?}");
        // Whenever something comes from there it is asked again, until nothing more may go there.
        if !has_room(&a, &b) {
            break;
        }
        assert!(lines < 20, "it has been proved");
        b.say(a.id(), &[b'?'; 100], at);
        lines += 1;
    }
    a.say(b.id(), b"at last", at);
    let end = at + 3 * ASK_AFTER;
    until([&mut a, &mut b], at, end, |is_of_a, (to, _), _| {
        all(is_of_a, to)
    });
    assert_eq!(b.lines(), [b"at last"]);
}
