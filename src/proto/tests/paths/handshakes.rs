//! Handshakes and the addresses that they prove.

use super::*;
use crate::crypto::CookieKey;
use crate::wire::packet::{Cookie, Init, Packet};

#[test]
fn a_confirmation_raced_from_elsewhere_proves_only_where_resp_went() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let init = a.drain(now(0));
    deliver(init, a.address, &mut b, now(0));
    let resp = b.drain(now(0));
    deliver(resp, b.address, &mut a, now(0));
    let confirmation = a.drain(now(0));
    let len = confirmation[0].1.len();
    b.receive(elsewhere(), confirmation[0].1.clone(), now(0));
    let astray = carry(&mut a, &mut b, now(0));
    assert!(bytes_to(elsewhere(), &astray) <= AMPLIFICATION * len);
    let (peer, initiator) = (a.id(), false);
    let address = a.address;
    assert_eq!(
        b.events.first(),
        Some(&Event::Established {
            peer,
            address,
            initiator
        })
    );
    assert_eq!(status(&b, &a, now(0)).address, Some(a.address));
    assert!(moves(&b).is_empty());
}

#[test]
fn a_first_answer_raced_from_elsewhere_proves_only_where_init_went() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let init = a.drain(now(0));
    deliver(init, a.address, &mut b, now(0));
    for (_, datagram) in b.drain(now(0)) {
        a.receive(elsewhere(), datagram, now(0));
    }
    let astray = carry(&mut a, &mut b, now(0));
    assert!(bytes_to(elsewhere(), &astray) <= AMPLIFICATION * 2 * 608);
    assert_eq!(address(&a, &b), Some(b.address));
    assert!(moves(&a).is_empty());
    say(&mut b, &a, b"at once", now(1));
    carry(&mut a, &mut b, now(1));
    assert_eq!(a.lines(), [b"at once"]);
}

#[test]
fn a_handshake_that_went_to_one_address_proves_it_without_a_challenge() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let mut largest = 0;
    for _ in 0..10 {
        let (from_a, from_b) = (a.drain(now(0)), b.drain(now(0)));
        let data = from_a.iter().chain(&from_b).filter(|(_, d)| d[0] == 4);
        largest = data
            .map(|(_, d)| d.len())
            .max()
            .unwrap_or(largest)
            .max(largest);
        deliver(from_a, a.address, &mut b, now(0));
        deliver(from_b, b.address, &mut a, now(0));
    }
    assert_eq!(largest, 96);
    assert!(status(&a, &b, now(0)).established && status(&b, &a, now(0)).established);
}

#[test]
fn an_answer_to_a_call_at_two_addresses_is_challenged_before_it_gets_more_than_three_times() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[elsewhere()], now(0)).unwrap();
    say_much(&mut a, &b, 100, now(0));
    let sent = a.drain(now(0));
    deliver(sent, a.address, &mut b, now(0));
    let resp = b.drain(now(0));
    let len: usize = resp.iter().map(|(_, datagram)| datagram.len()).sum();
    // A peer that is not honest writes somebody else's address on its answer.
    for (_, datagram) in resp {
        a.receive(elsewhere(), datagram, now(0));
    }
    let mut sent = Vec::new();
    for tenth in 0..600 {
        let at = now(tenth * 100);
        a.endpoint.handle_timeout(at);
        sent.extend(
            a.drain(at)
                .into_iter()
                .filter(|(_, datagram)| datagram[0] == 4),
        );
    }
    let bytes = bytes_to(elsewhere(), &sent);
    assert!(
        bytes >= BASE_DATAGRAM_LEN && bytes <= AMPLIFICATION * len,
        "{bytes}"
    );
    // An honest one is heard at once.
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[elsewhere()], now(0)).unwrap();
    say_much(&mut a, &b, 100, now(0));
    carry(&mut a, &mut b, now(0));
    pass(&mut a, &mut b, now(0), now(5_000));
    assert_eq!(b.lines().len(), 100);
    assert_eq!(moves(&a), []);
}

#[test]
fn an_address_that_was_never_called_gets_three_times_its_answer_calls_and_all() {
    let (mut a, mut b) = acquainted();
    let third = SocketAddr::from(([203, 0, 113, 3], 3));
    a.endpoint.connect(b.id(), &[elsewhere()], now(0)).unwrap();
    let sent = a.drain(now(0));
    deliver(sent, a.address, &mut b, now(0));
    for (_, datagram) in b.drain(now(0)) {
        a.receive(third, datagram, now(0));
    }
    say_much(&mut a, &b, 2, now(0));
    let mut sent = Vec::new();
    for tenth in 0..600 {
        let at = now(tenth * 100);
        a.endpoint.handle_timeout(at);
        sent.extend(a.drain(at));
    }
    let bytes = bytes_to(third, &sent);
    assert!((1..=AMPLIFICATION * 2 * 608).contains(&bytes), "{bytes}");
    assert!(
        sent.iter()
            .any(|(to, datagram)| *to == b.address && datagram[0] == 1)
    );
}

/// `a` has called `b` at two addresses; the halves of the answer.
fn answer_to_two(a: &mut Side, b: &mut Side) -> Vec<Vec<u8>> {
    a.endpoint.connect(b.id(), &[elsewhere()], now(0)).unwrap();
    let sent = a.drain(now(0));
    deliver(sent, a.address, b, now(0));
    let resp: Vec<Vec<u8>> = b.drain(now(0)).into_iter().map(|(_, it)| it).collect();
    assert_eq!(resp.len(), 2);
    resp
}

#[test]
fn an_address_that_half_of_an_answer_came_from_gets_three_times_that_half() {
    let [third, fourth] = [3, 4].map(|it| SocketAddr::from(([203, 0, 113, it], 3)));
    for later in [0, 1] {
        let (mut a, mut b) = acquainted();
        let mut resp = answer_to_two(&mut a, &mut b);
        let half = resp.remove(later);
        a.receive(third, resp.remove(0), now(0));
        a.receive(fourth, half, now(0));
        say_much(&mut a, &b, 20, now(0));
        let mut sent = Vec::new();
        for tenth in 0..600 {
            let at = now(tenth * 100);
            a.endpoint.handle_timeout(at);
            sent.extend(a.drain(at));
        }
        assert_eq!(bytes_to(third, &sent), 0);
        let bytes = bytes_to(fourth, &sent);
        assert!((1..=AMPLIFICATION * 608).contains(&bytes), "{bytes}");
    }
}

#[test]
fn an_answer_whose_halves_came_from_two_addresses_is_one() {
    let (mut a, mut b) = acquainted();
    for half in answer_to_two(&mut a, &mut b) {
        b.address.set_port(b.address.port() + 1);
        a.receive(b.address, half, now(0));
    }
    say_much(&mut a, &b, 100, now(0));
    pass(&mut a, &mut b, now(0), now(5_000));
    assert_eq!(b.lines().len(), 100);
}

/// A cookie that `a` cannot tell from a true one: whoever knows the peer's key and has seen its call can make it.
fn cookie_for(call: &[u8], of: &Side) -> Vec<u8> {
    let Ok(Packet::Init(Init { sender, mac1, .. })) = Packet::parse(call) else {
        panic!("no INIT")
    };
    let nonce = &[7; 24];
    let sealed = &CookieKey::for_responder(&of.id()).seal(nonce, &[7; 16], mac1);
    let receiver = sender;
    Cookie {
        receiver,
        nonce,
        sealed,
    }
    .encode()
}

/// What was left for the cookie when the call went out is used up before it comes.
#[test]
fn a_cookie_from_an_unproved_address_gets_no_more_than_three_times_what_came_from_there() {
    for (lines, is_answered) in [(0, true), (20, false)] {
        let (mut a, mut b) = acquainted();
        let third = SocketAddr::from(([203, 0, 113, 3], 3));
        let resp = answer_to_two(&mut a, &mut b);
        let mut received = 0;
        let mut from_third = |a: &mut Side, datagram: Vec<u8>, at| {
            received += datagram.len();
            a.receive(third, datagram, at);
        };
        resp.into_iter()
            .for_each(|half| from_third(&mut a, half, now(0)));
        // B gets what it needs to speak, and no challenge, which goes first. It speaks from there.
        let mut sent = a.drain(now(0));
        let (_, last) = sent.last().cloned().unwrap();
        b.receive(a.address, last, now(0));
        say_much(&mut b, &a, 3, now(0));
        for (_, datagram) in b.drain(now(0)) {
            from_third(&mut a, datagram, now(0));
        }
        say(&mut a, &b, b"?", now(0));
        let mut call = None;
        for tenth in 0..80 {
            let at = now(tenth * 100);
            a.endpoint.handle_timeout(at);
            let now_sent = a.drain(at);
            call = now_sent
                .iter()
                .find(|(to, it)| *to == third && it[0] == 1)
                .cloned();
            sent.extend(now_sent);
            if call.is_some() {
                break;
            }
        }
        let (_, call) = call.expect("it is called where it was heard");
        say_much(&mut a, &b, lines, now(8_000));
        sent.extend(a.drain(now(8_000)));
        a.receive(third, cookie_for(&call, &b), now(8_000));
        let again = a.drain(now(8_000));
        assert_eq!(bytes_to(third, &again) == 1_400, is_answered);
        sent.extend(again);
        let bytes = bytes_to(third, &sent);
        assert!(bytes <= AMPLIFICATION * received, "{bytes} of {received}");
    }
}

/// An address that has room for the answer to a cookie and none for a call is not called, and takes no place.
#[test]
fn a_cookie_is_answered_at_each_address_that_was_called() {
    let (mut a, mut b) = acquainted();
    let [third, others @ ..] =
        [3, 4, 5, 6, 7, 8, 9, 10].map(|it| SocketAddr::from(([203, 0, 113, it], 3)));
    a.endpoint.connect(b.id(), &others, now(0)).unwrap();
    let sent = a.drain(now(0));
    deliver(sent, a.address, &mut b, now(0));
    let (mut left, mut calls) = (0, Sent::new());
    let mut from_third = |a: &mut Side, b: &mut Side| {
        for (_, datagram) in b.drain(now(0)) {
            left += AMPLIFICATION * datagram.len();
            a.receive(third, datagram, now(0));
        }
    };
    from_third(&mut a, &mut b);
    // B gets what it needs to speak, and no challenge, which goes first. It speaks from there.
    let sent = a.drain(now(0));
    let (_, last) = sent.last().cloned().unwrap();
    b.receive(a.address, last, now(0));
    say_much(&mut b, &a, 3, now(0));
    from_third(&mut a, &mut b);
    left -= bytes_to(third, &sent);
    for tenth in 0..80 {
        let at = now(tenth * 100);
        a.endpoint.handle_timeout(at);
        if tenth % 10 == 0 {
            say(&mut a, &b, b"?", at);
        }
        let sent = a.drain(at);
        left -= bytes_to(third, &sent);
        calls.extend(sent.into_iter().filter(|(_, it)| it[0] == 1));
        // At first one address is called alone.
        if calls.len() > 2 {
            break;
        }
    }
    assert!((1_400..2_800).contains(&left), "{left}");
    let called = others.iter().chain([&b.address]);
    for to in called.copied() {
        let call = calls.iter().find(|(called, _)| *called == to);
        let (_, call) = call.expect("it is called");
        a.receive(to, cookie_for(call, &b), now(8_000));
        assert_eq!(bytes_to(to, &a.drain(now(8_000))), 1_400, "{to}");
    }
}

/// A rekey that `a` starts at 121 s, up to the INIT that leaves.
fn rekeying(a: &mut Side, b: &mut Side) -> (Instant, Sent) {
    let at = now(121_000);
    a.endpoint.handle_timeout(at);
    b.endpoint.handle_timeout(at);
    say(a, b, b"rekey", at);
    let (data, init): (Sent, Sent) = a.drain(at).into_iter().partition(|(_, d)| d[0] == 4);
    assert_eq!((data.len(), init.len()), (1, 2));
    deliver(data, a.address, b, at);
    carry(a, b, at);
    (at, init)
}

#[test]
fn a_rekey_from_a_new_address_proves_it_for_the_responder() {
    let (mut a, mut b) = connected();
    let (at, init) = rekeying(&mut a, &mut b);
    a.address.set_port(9);
    deliver(init, a.address, &mut b, at);
    let resp = b.drain(at);
    assert_eq!(resp.len(), 2);
    assert_ne!(address(&b, &a), Some(a.address), "INIT moves nothing");
    deliver(resp, b.address, &mut a, at);
    let confirmation = a.drain(at);
    deliver(confirmation, a.address, &mut b, at);
    b.endpoint.handle_timeout(at);
    let sent = b.drain(at);
    assert_eq!(moves(&b), [a.address], "RESP went there");
    let full = |(to, d): &&(SocketAddr, Vec<u8>)| *to == a.address && d.len() == BASE_DATAGRAM_LEN;
    assert_eq!(
        sent.iter().filter(full).count(),
        1,
        "the size remains to be tried"
    );
    deliver(sent, b.address, &mut a, at);
    pass(&mut a, &mut b, at, at + Duration::from_millis(100));
    assert_eq!(status(&b, &a, at).keypairs, 2);
    assert_eq!(b.endpoint.poll_timeout().unwrap().1, Timer::Erase);
}

#[test]
fn an_initiator_that_moves_before_it_confirms_is_challenged() {
    let (mut a, mut b) = connected();
    let old = a.address;
    let (at, init) = rekeying(&mut a, &mut b);
    deliver(init, old, &mut b, at);
    let resp = b.drain(at);
    deliver(resp, b.address, &mut a, at);
    a.address.set_port(9);
    let confirmation = a.drain(at);
    deliver(confirmation, a.address, &mut b, at);
    assert!(moves(&b).is_empty());
    carry(&mut a, &mut b, at);
    assert_eq!(moves(&b), [a.address]);
}

/// Of two handshakes at once one loses. Its last message tells where the peer was.
#[test]
fn a_confirmation_that_lost_and_comes_late_does_not_lead_the_path_back() {
    let (mut a, mut b) = connected();
    if a.id() < b.id() {
        (a, b) = (b, a);
    }
    let (at, old) = (now(172_000), a.address);
    a.endpoint.handle_timeout(at);
    b.endpoint.handle_timeout(at);
    say(&mut a, &b, b"both", at);
    say(&mut b, &a, b"call", at);
    let (from_a, from_b) = (a.drain(at), b.drain(at));
    let calls = |sent: &Sent| sent.iter().filter(|(_, d)| d[0] == 1).count();
    assert_eq!((calls(&from_a), calls(&from_b)), (2, 2));
    deliver(from_a, old, &mut b, at);
    deliver(from_b, b.address, &mut a, at);
    let (by_a, by_b) = (a.drain(at), b.drain(at));
    deliver(by_b, b.address, &mut a, at);
    let held = a.drain(at);
    deliver(by_a, old, &mut b, at);
    let winning = b.drain(at);
    deliver(winning, b.address, &mut a, at);
    a.address.set_port(9);
    say(&mut a, &b, b"from here", now(173_000));
    carry(&mut a, &mut b, now(173_000));
    assert_eq!(address(&b, &a), Some(a.address));
    deliver(held, old, &mut b, now(174_000));
    assert_eq!(address(&b, &a), Some(a.address));
    assert_eq!(bytes_to(old, &b.drain(now(174_000))), 0);
}

#[test]
fn a_rekey_answered_from_another_address_moves_the_path_until_that_is_proved_or_not() {
    for is_honest in [true, false] {
        let (mut a, mut b) = connected();
        let true_address = b.address;
        let (at, init) = rekeying(&mut a, &mut b);
        deliver(init, a.address, &mut b, at);
        let resp = b.drain(at);
        for (_, datagram) in resp {
            a.receive(elsewhere(), datagram, at);
        }
        if is_honest {
            b.address = elsewhere();
        }
        let confirmation = a.drain(at);
        assert!(confirmation.iter().any(|(to, _)| *to == elsewhere()));
        assert_eq!(address(&a, &b), Some(elsewhere()));
        let astray = deliver(confirmation, a.address, &mut b, at);
        let astray = [
            astray,
            pass(&mut a, &mut b, at, at + Duration::from_secs(5)),
        ]
        .concat();
        say(
            &mut b,
            &a,
            b"under the new key",
            at + Duration::from_secs(5),
        );
        carry(&mut a, &mut b, at + Duration::from_secs(5));
        assert_eq!(a.lines(), [b"under the new key"]);
        if is_honest {
            assert_eq!(moves(&a), [elsewhere()]);
        } else {
            assert_eq!(address(&a, &b), Some(true_address));
            assert!(bytes_to(elsewhere(), &astray) <= AMPLIFICATION * 2 * 608);
            assert!(moves(&a).is_empty());
        }
    }
}
