//! Which guests make room for whom: those about whom the user was asked for one who has proved his address, and for none else.

use super::losses::waiting;
use super::welcome::{is_there, receive};
use super::*;
use crate::proto::limits::{MAX_GUESTS, MAX_GUESTS_PER_SOURCE};

fn at_host(host: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, host], 7_419))
}

/// A stranger who is at an address, and knows `b`.
fn stranger(key: u8, address: SocketAddr, b: &Side) -> Side {
    let mut stranger = Side::new(key, Trust::Strict);
    stranger.address = address;
    stranger.knows(b, None);
    stranger
}

/// The user of `b` is asked about one more, if there is room.
fn waits(key: u8, address: SocketAddr, b: &mut Side, at: Instant) -> Side {
    let mut guest = stranger(key, address, b);
    guest.endpoint.connect(b.id(), &[], at).unwrap();
    settle(&mut guest, b, at);
    guest
}

/// The same of one whose first call bears somebody else's address.
fn waits_after_a_false_call(
    key: u8,
    address: SocketAddr,
    other: SocketAddr,
    b: &mut Side,
    at: Instant,
) -> Side {
    let mut guest = stranger(key, address, b);
    guest.endpoint.connect(b.id(), &[], at).unwrap();
    for (_, init) in guest.drain(at) {
        b.receive(other, init, at);
    }
    assert_eq!(b.drain(at).len(), 2, "the answer, which he does not get");
    guest.endpoint.close(b.id(), at);
    guest.endpoint.connect(b.id(), &[], at).unwrap();
    settle(&mut guest, b, at);
    guest
}

/// Those about whom the user was asked, and from where, and those who are gone.
fn told(b: &Side) -> (Vec<(PeerId, SocketAddr)>, Vec<PeerId>) {
    let (mut asked, mut gone) = (Vec::new(), Vec::new());
    for event in &b.events {
        if let Event::Guest { peer, address, .. } = event {
            asked.push((*peer, *address));
        } else if let Event::GuestGone { peer } = event {
            gone.push(*peer);
        }
    }
    (asked, gone)
}

/// So late that the user may be asked about another, whoever was before.
fn nth_time(nth: u8) -> Instant {
    now(60_000 * u64::from(nth))
}

#[test]
fn a_guest_is_not_put_out_by_those_who_only_said_that_they_are_where_it_is() {
    let (a, mut b) = waiting();
    for nth in [1, 2] {
        let at = nth_time(nth);
        waits_after_a_false_call(10 + nth, at_host(9), a.address, &mut b, at);
    }
    let (asked, gone) = told(&b);
    let from: Vec<SocketAddr> = asked.iter().map(|it| it.1).collect();
    assert_eq!(from, [a.address, at_host(9), at_host(9)]);
    assert!(gone.is_empty() && is_there(&b, a.id()));
}

#[test]
fn one_address_holds_its_own_places_and_no_more_wherever_it_said_to_be_at_first() {
    let (a, mut b) = waiting();
    let mut crowd = Vec::new();
    for nth in 1..=2 * u8::try_from(MAX_GUESTS).unwrap() {
        let (key, at) = (10 + nth, nth_time(nth));
        crowd.push(waits_after_a_false_call(key, at_host(9), at_host(100 + nth), &mut b, at).id());
    }
    assert_eq!(told(&b).0.len(), 1 + crowd.len(), "all were asked about");
    let (gone, there) = crowd.split_at(crowd.len() - MAX_GUESTS_PER_SOURCE);
    assert_eq!(told(&b).1, gone, "the oldest of the address");
    assert!(there.iter().all(|it| is_there(&b, *it)));
    assert!(is_there(&b, a.id()));
}

#[test]
fn no_call_that_goes_no_further_puts_out_a_guest_though_all_places_are_taken() {
    let (_, mut b) = waiting();
    let mut guests = vec![waits(11, at_host(9), &mut b, nth_time(1)).id()];
    guests.push(waits(12, at_host(9), &mut b, nth_time(2)).id());
    receive(&mut b, 100, 9, nth_time(3));
    assert!(guests.iter().all(|it| is_there(&b, *it)), "its source's");
    for nth in 3..u8::try_from(MAX_GUESTS).unwrap() {
        guests.push(waits(10 + nth, at_host(10 + nth), &mut b, nth_time(nth)).id());
    }
    for nth in 0..3 * u8::try_from(MAX_GUESTS).unwrap() {
        receive(&mut b, 100 + nth, 100 + nth, nth_time(10));
        let held = b.endpoint.stats().guests;
        assert!(held <= 2 * MAX_GUESTS, "{held}");
    }
    assert!(guests.iter().all(|it| is_there(&b, *it)), "all of them");
    assert_eq!(told(&b).1, []);
    // Whoever has proved where he is, is asked about, and the oldest goes.
    let last = waits(99, at_host(99), &mut b, nth_time(11)).id();
    assert_eq!(told(&b).0.last(), Some(&(last, at_host(99))));
    assert_eq!(told(&b).1.len(), 1);
}

/// There was room when he called, and he took too long.
#[test]
fn a_guest_who_had_to_make_room_takes_none_that_was_taken_while_he_called() {
    let (mut a, mut b) = waiting();
    let source = a.address;
    for nth in [1, 2] {
        waits(10 + nth, source, &mut b, nth_time(nth));
    }
    assert_eq!(told(&b).1, [a.id()]);
    let first = Side::new(11, Trust::Strict).id();
    b.endpoint.refuse_guest(first, nth_time(3));
    let him = a.endpoint.peers.get_mut(&b.id()).unwrap();
    him.start_handshake(&mut a.endpoint.shared, nth_time(3));
    for (_, init) in a.drain(nth_time(3)) {
        b.receive(source, init, nth_time(3));
    }
    let answer: Vec<_> = b.drain(nth_time(3)).into_iter().collect();
    let third = waits(13, source, &mut b, nth_time(3)).id();
    for (_, resp) in answer {
        a.receive(b.address, resp, nth_time(3));
    }
    settle(&mut a, &mut b, nth_time(3));
    let (asked, gone) = told(&b);
    assert_eq!(asked.last(), Some(&(third, source)));
    assert_eq!(gone, [a.id(), first]);
    assert!(!is_there(&b, a.id()) && is_there(&b, third));
}
