//! Somebody who holds another address under which a peer is known, a stale one, sees every call of it. He cannot answer
//! it, and does not keep the peer from doing so.

use super::*;
use crate::crypto::{CookieKey, MacKey};
use crate::id::SessionIndex;
use crate::proto::limits::MAX_RESP_VARIANTS;
use crate::wire::limits::MESSAGE2_LEN;
use crate::wire::packet::{Cookie, Init, Packet, encode_resp};

type Datagrams = Vec<Vec<u8>>;

fn stale() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 66], 66))
}

/// `a` calls `b` wherever it is said to be. Everybody there gets the same.
fn call(a: &mut Side, b: &Side) -> Datagrams {
    a.endpoint.connect(b.id(), &[stale()], now(0)).unwrap();
    let sent = a.drain(now(0));
    let to = |it| -> Datagrams {
        let sent = sent.iter().filter(|(to, _)| *to == it);
        sent.map(|(_, datagram)| datagram.clone()).collect()
    };
    assert_eq!(to(stale()), to(b.address));
    to(stale())
}

/// Answers to a call that `a` cannot tell from true ones before it reads them.
fn forged(call: &[Vec<u8>], fill: u8) -> [Vec<u8>; 2] {
    let mac1 = MacKey::for_resp(&call[0][8..40].try_into().unwrap());
    let index = SessionIndex(u32::from_le_bytes(call[0][4..8].try_into().unwrap()));
    encode_resp(index, &[fill; MESSAGE2_LEN], |it| mac1.mac(&[it]))
}

/// As many false halves of both kinds as one place has room for.
fn all_false(a: &mut Side, call: &[Vec<u8>], from: SocketAddr) {
    for fill in 0..u8::try_from(MAX_RESP_VARIANTS).unwrap() {
        for half in forged(call, fill) {
            a.receive(from, half, now(1));
        }
    }
    assert!(a.drain(now(1)).is_empty());
}

/// What `b` answers to a call while `a` has yet to read a false answer, from the stale address.
fn behind_a_false_answer(a: &mut Side, b: &mut Side) -> Vec<(SocketAddr, Vec<u8>)> {
    let call = call(a, b);
    for half in forged(&call, 1) {
        a.receive(stale(), half, now(1));
    }
    for datagram in call {
        b.receive(a.address, datagram, now(1));
    }
    b.drain(now(1))
}

fn is_answered(a: &mut Side, b: &mut Side, call: Datagrams) -> bool {
    for datagram in call {
        b.receive(a.address, datagram, now(2));
    }
    settle(a, b, now(2));
    a.endpoint.status(b.id(), now(2)).unwrap().established
}

#[test]
fn false_answers_from_another_address_of_the_peer_leave_room_for_the_true_one() {
    let (mut a, mut b) = acquainted();
    let call = call(&mut a, &b);
    all_false(&mut a, &call, stale());
    assert!(is_answered(&mut a, &mut b, call));
}

/// He has not the peer's key, and cannot have people look for a secret that differs.
#[test]
fn false_answers_do_not_pass_for_those_of_a_peer_with_another_psk() {
    let (mut a, b) = acquainted();
    let call = call(&mut a, &b);
    for from in [stale(), b.address] {
        all_false(&mut a, &call, from);
    }
    assert!(a.endpoint.stats().dropped[&DropReason::Forged] > 0);
    assert!(a.events.is_empty(), "{:?}", a.events);
}

#[test]
fn false_answers_from_where_nobody_was_called_leave_room_for_the_true_one() {
    let (mut a, mut b) = acquainted();
    let call = call(&mut a, &b);
    all_false(&mut a, &call, SocketAddr::from(([203, 0, 113, 3], 3)));
    assert!(is_answered(&mut a, &mut b, call));
}

#[test]
fn false_answers_from_both_addresses_leave_room_for_one_from_where_nobody_was_called() {
    let (mut a, mut b) = acquainted();
    let call = call(&mut a, &b);
    all_false(&mut a, &call, stale());
    all_false(&mut a, &call, b.address);
    b.address.set_port(9);
    assert!(is_answered(&mut a, &mut b, call));
}

#[test]
fn an_answer_is_from_where_it_came_although_a_false_one_is_read_before() {
    let (mut a, mut b) = acquainted();
    for (_, half) in behind_a_false_answer(&mut a, &mut b) {
        a.receive(b.address, half, now(1));
    }
    assert!(a.drain(now(1)).iter().all(|(to, _)| *to == b.address));
    assert_eq!(a.endpoint.stats().dropped[&DropReason::Forged], 1);
    let status = a.endpoint.status(b.id(), now(1)).unwrap();
    assert_eq!(
        (status.established, status.address),
        (true, Some(b.address))
    );
}

#[test]
fn the_source_of_halves_that_are_sent_on_from_elsewhere_is_where_they_came_from_first() {
    let (mut a, mut b) = acquainted();
    let answer = behind_a_false_answer(&mut a, &mut b);
    // It comes from where nobody was called, and again from elsewhere.
    b.address.set_port(9);
    for (_, half) in answer {
        for from in [b.address, SocketAddr::from(([203, 0, 113, 3], 3))] {
            a.receive(from, half.clone(), now(1));
        }
    }
    a.drain(now(1));
    let address = a.endpoint.status(b.id(), now(1)).unwrap().address;
    assert_eq!(address, Some(b.address));
}

#[test]
fn a_false_cookie_from_another_address_does_not_take_the_place_of_the_true_one() {
    let (mut a, b) = acquainted();
    let first = call(&mut a, &b);
    let Ok(Packet::Init(Init { sender, mac1, .. })) = Packet::parse(&first[0]) else {
        panic!("no INIT")
    };
    // Whoever knows the key of the peer, and has seen the call, can seal one.
    let key = CookieKey::for_responder(&b.id());
    let cookie = |fill| {
        let (receiver, nonce) = (sender, &[fill; 24]);
        let sealed = &key.seal(nonce, &[fill; 16], mac1);
        Cookie {
            receiver,
            nonce,
            sealed,
        }
        .encode()
    };
    a.receive(stale(), cookie(1), now(1));
    let lost = a.drain(now(1));
    assert!(lost.len() == 2 && lost.iter().all(|(to, _)| *to == stale()));
    a.receive(b.address, cookie(2), now(1));
    let proved = a.drain(now(1));
    assert!(proved.len() == 2 && proved.iter().all(|(to, _)| *to == b.address));
    for (from, fill) in [(stale(), 3), (b.address, 4)] {
        a.receive(from, cookie(fill), now(2));
        assert!(a.drain(now(2)).is_empty(), "once a sending");
    }
}
