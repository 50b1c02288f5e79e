//! Who is received, and what is remembered of those who call.

use super::losses::waiting;
use super::*;
use crate::proto::limits::{
    ASK_WHILE_WAITING, GUEST_BURST, KEEPALIVE_JITTER_PART, MAX_GUESTS, MAX_GUESTS_PER_SOURCE,
    SLOT_LIFE, TIMESTAMP_LIFE,
};

/// The datagrams with which a stranger of that number calls.
fn call(stranger: u8, of: &Side) -> (PeerId, Vec<Vec<u8>>) {
    let mut caller = Side::new(stranger, Trust::Strict);
    caller.knows(of, None);
    caller.endpoint.connect(of.id(), &[], now(0)).unwrap();
    let sent = caller.drain(now(0)).into_iter();
    (caller.id(), sent.map(|(_, datagram)| datagram).collect())
}

/// `of` is called from that host; says who called and with how many datagrams it answers.
pub(super) fn receive(of: &mut Side, stranger: u8, host: u8, at: Instant) -> (PeerId, usize) {
    let (id, datagrams) = call(stranger, of);
    (id, deliver(of, &datagrams, host, at))
}

fn deliver(of: &mut Side, datagrams: &[Vec<u8>], host: u8, at: Instant) -> usize {
    let from = SocketAddr::from(([203, 0, 113, host], 7_419));
    for datagram in datagrams {
        of.receive(from, datagram.clone(), at);
    }
    of.drain(at).len()
}

pub(super) fn is_there(side: &Side, peer: PeerId) -> bool {
    side.endpoint.status(peer, now(0)).is_some()
}

#[test]
fn a_source_has_room_for_a_few_guests_and_its_own_oldest_goes() {
    let mut b = Side::new(2, Trust::Ask);
    let (other, answers) = receive(&mut b, 100, 100, now(0));
    assert_eq!(answers, 2);
    let mut of_source = Vec::new();
    for nth in 0..=MAX_GUESTS_PER_SOURCE {
        let (id, _) = receive(
            &mut b,
            10 + u8::try_from(nth).unwrap(),
            7,
            now(1_000 + nth as u64),
        );
        of_source.push(id);
    }
    assert!(is_there(&b, other), "it came first, from elsewhere");
    assert!(!is_there(&b, of_source[0]));
    assert!(of_source[1..].iter().all(|it| is_there(&b, *it)));
    assert_eq!(b.endpoint.stats().guests, 1 + MAX_GUESTS_PER_SOURCE);
}

#[test]
fn beyond_the_bound_of_all_guests_the_oldest_of_anybody_goes() {
    let mut b = Side::new(2, Trust::Ask);
    let mut guests = Vec::new();
    for nth in 0..=MAX_GUESTS {
        let host = 10 + u8::try_from(nth).unwrap();
        let (id, answers) = receive(&mut b, host, host, now(1_000 * nth as u64));
        assert_eq!(answers, 2);
        guests.push(id);
        let held = b.endpoint.stats().guests;
        assert_eq!(held, (nth + 1).min(MAX_GUESTS));
    }
    assert!(!is_there(&b, guests[0]));
    assert!(guests[1..].iter().all(|it| is_there(&b, *it)));
}

/// A message 1 costs its sender a datagram, and its source may be false.
#[test]
fn a_guest_whom_the_user_was_asked_about_is_not_displaced_by_calls_that_go_no_further() {
    let mut b = Side::new(2, Trust::Ask);
    let mut a = Side::new(1, Trust::Strict);
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    for nth in 0..3 * u8::try_from(MAX_GUESTS).unwrap() {
        let (_, datagrams) = call(10 + nth, &b);
        for datagram in datagrams {
            let from = match nth {
                0..4 => a.address,
                _ => SocketAddr::from(([203, 0, 113, nth], 7_419)),
            };
            b.receive(from, datagram, now(1_000));
        }
        b.drain(now(1_000));
    }
    assert_eq!(b.endpoint.stats().guests, 1 + MAX_GUESTS);
    assert!(is_there(&b, a.id()));
    assert!(b.endpoint.accept_guest(a.id()).is_ok());
}

#[test]
fn a_revoked_key_gets_no_answer() {
    let mut b = Side::new(2, Trust::Ask);
    let (id, datagrams) = call(1, &b);
    b.endpoint.revoke_peer(id);
    assert_eq!(deliver(&mut b, &datagrams, 1, now(0)), 0);
    assert!(!is_there(&b, id));
}

#[test]
fn a_message_1_is_taken_once_for_as_long_as_it_is_remembered() {
    let life = u64::try_from(TIMESTAMP_LIFE.as_millis()).unwrap();
    let slot = u64::try_from(SLOT_LIFE.as_millis()).unwrap();
    for (later, answers) in [(slot, 0), (life - 1, 0), (life, 2)] {
        let (a, mut b) = acquainted();
        let (id, datagrams) = call(1, &b);
        assert_eq!(id, a.id());
        assert_eq!(deliver(&mut b, &datagrams, 1, now(0)), 2);
        let again = deliver(&mut b, &datagrams, 1, now(later));
        assert_eq!(again, answers, "after {later} ms");
    }
}

#[test]
fn a_message_1_of_a_live_session_is_remembered_as_long_as_it_lives() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let first: Vec<Vec<u8>> = a.drain(now(0)).into_iter().map(|it| it.1).collect();
    for datagram in &first {
        b.receive(a.address, datagram.clone(), now(0));
    }
    settle(&mut a, &mut b, now(0));
    assert!(b.endpoint.status(a.id(), now(0)).unwrap().established);
    let late = now(2 * u64::try_from(TIMESTAMP_LIFE.as_millis()).unwrap());
    // No timer was served: the session still stands.
    assert_eq!(deliver(&mut b, &first, 1, late), 0);
    let dropped = b.endpoint.stats().dropped;
    assert_eq!(dropped[&DropReason::OldTimestamp], 1);
}

/// A handshake proves the address that RESP went to. What comes afterwards can bear anybody's.
#[test]
fn a_guest_is_asked_about_and_counted_by_the_address_that_it_has_proved() {
    let mut b = Side::new(2, Trust::Ask);
    let mut calls_from = |stranger: u8, host: u8, then: u8| {
        let mut caller = Side::new(stranger, Trust::Strict);
        caller.address = SocketAddr::from(([203, 0, 113, host], 7_419));
        caller.knows(&b, None);
        let said = SocketAddr::from(([198, 51, 100, then], 7_419));
        caller.endpoint.connect(b.id(), &[], now(0)).unwrap();
        for (_, init) in caller.drain(now(0)) {
            b.receive(caller.address, init, now(0));
        }
        for (_, resp) in b.drain(now(0)) {
            caller.receive(b.address, resp, now(0));
        }
        for (_, hello) in caller.drain(now(0)) {
            b.receive(said, hello, now(0));
        }
        b.drain(now(0));
        let mut asked = Vec::new();
        for event in b.events.drain(..) {
            if let Event::Guest { address, .. } = event {
                asked.push((caller.address, address));
            }
        }
        asked
    };
    let mut asked = Vec::new();
    for nth in 0..=u8::try_from(GUEST_BURST).unwrap() {
        asked.extend(calls_from(10 + nth, 7, nth));
    }
    assert_eq!(asked.len(), GUEST_BURST as usize);
    assert!(
        asked.iter().all(|(proved, told)| proved == told),
        "{asked:?}"
    );
    assert_eq!(calls_from(30, 8, 9).len(), 1, "others have all of theirs");
}

#[test]
fn whoever_waits_asks_though_nothing_waits_with_him() {
    let (mut a, mut b) = waiting();
    let (at, timer) = a.endpoint.poll_timeout().unwrap();
    assert!(timer == Timer::Ask && at <= now(0) + ASK_WHILE_WAITING);
    a.endpoint.rest(b.id());
    assert_eq!(settle(&mut a, &mut b, now(0)), 0);
    assert_eq!(a.endpoint.poll_timeout(), Some((at, timer)));
}

/// A question on the second, for as long as nobody has said yes, would show that somebody waits.
#[test]
fn whoever_waits_asks_at_no_fixed_beat() {
    let (mut a, mut b) = waiting();
    let mut pauses = Vec::new();
    let mut last = now(0);
    while pauses.len() < 20 {
        let (at, timer) = a.endpoint.poll_timeout().unwrap();
        if timer == Timer::Ask {
            pauses.push(at.saturating_since(last));
            last = at;
        }
        a.endpoint.handle_timeout(at);
        settle(&mut a, &mut b, at);
    }
    let least = ASK_WHILE_WAITING - ASK_WHILE_WAITING / KEEPALIVE_JITTER_PART;
    let is_within = |it: &Duration| (least..=ASK_WHILE_WAITING).contains(it);
    assert!(pauses.iter().all(is_within), "{pauses:?}");
    let (first, last) = (pauses.iter().min(), pauses.iter().max());
    assert!(
        last.unwrap().saturating_sub(*first.unwrap()) > ASK_WHILE_WAITING / 50,
        "{pauses:?}"
    );
}

/// Whoever waits can move as often as he likes.
#[test]
fn where_a_guest_has_moved_to_is_told_when_it_is_let_in_and_not_before() {
    let (mut a, mut b) = waiting();
    let mut at = now(0);
    for port in [1, 2] {
        at = at + ASK_WHILE_WAITING;
        a.address.set_port(port);
        a.endpoint.handle_timeout(at);
        settle(&mut a, &mut b, at);
        let status = b.endpoint.status(a.id(), at).unwrap();
        assert_eq!((status.address, status.moving), (Some(a.address), false));
    }
    b.endpoint.accept_guest(a.id()).unwrap();
    settle(&mut a, &mut b, at);
    let moved = |event: &Event| matches!(event, Event::Roamed { .. });
    assert!(!b.events.iter().any(moved), "{:?}", b.events);
    let is_right = |event: &Event| matches!(event, Event::Established { address, .. } if *address == a.address);
    assert!(b.events.iter().any(is_right), "{:?}", b.events);
}

/// He had come long ago, and his goodbye was held back while he called again.
#[test]
fn a_guest_who_was_heard_lately_may_leave_and_call_again_however_long_ago_he_came() {
    let (mut a, mut b) = waiting();
    let hour = 3_600_000;
    for at in (0..=hour).step_by(5_000) {
        for side in [&mut a, &mut b] {
            side.endpoint.handle_timeout(now(at));
        }
        settle(&mut a, &mut b, now(at));
    }
    assert!(is_there(&b, a.id()));
    a.endpoint.close(b.id(), now(hour));
    let goodbye = a.drain(now(hour));
    a.endpoint.connect(b.id(), &[], now(hour)).unwrap();
    for (_, init) in a.drain(now(hour)) {
        b.receive(a.address, init, now(hour));
    }
    let answer = b.drain(now(hour));
    for (_, datagram) in goodbye {
        b.receive(a.address, datagram, now(hour));
    }
    b.endpoint.handle_timeout(now(hour + 1));
    for (_, datagram) in answer {
        a.receive(b.address, datagram, now(hour + 1));
    }
    settle(&mut a, &mut b, now(hour + 1));
    let told: Vec<&Event> = b.events.iter().rev().take(2).collect();
    let is_right = matches!(told[..], [Event::Guest { .. }, Event::GuestGone { .. }]);
    assert!(is_right, "{told:?}");
}
