//! What a peer says of itself at the beginning: told once, pinned, and never taken back.

use super::*;
use crate::id::VerifyingKey;
use crate::proto::ApiMisuse;

const OTHER: VerifyingKey = VerifyingKey::new([9; 32]);

fn introductions(side: &Side) -> Vec<(PeerId, VerifyingKey, u16)> {
    let mut found = Vec::new();
    for event in &side.events {
        if let Event::Introduced {
            peer,
            signing_key,
            newest_version,
        } = *event
        {
            found.push((peer, signing_key, newest_version));
        }
    }
    found
}

fn closed(side: &Side) -> Option<CloseReason> {
    side.events.iter().find_map(|event| {
        let &Event::Closed { reason, .. } = event else {
            return None;
        };
        Some(reason)
    })
}

fn signing_key_of(seed: u8) -> VerifyingKey {
    StaticSecret::from_bytes(&mut [seed; 32]).verifying_key()
}

/// What `of` remembers of `peer` from now on.
fn remembers(of: &mut Side, peer: &Side, shown: Shown) {
    of.endpoint.add_peer(PeerConfig {
        id: peer.id(),
        psk: None,
        addresses: vec![peer.address],
        shown,
    });
}

/// Carries what one side has to say to the other; returns how many datagrams.
fn carry(from: &mut Side, to: &mut Side, now: Instant) -> usize {
    let datagrams = from.drain(now);
    let count = datagrams.len();
    for (_, datagram) in datagrams {
        to.receive(from.address, datagram, now);
    }
    count
}

#[test]
fn both_sides_are_introduced_once_a_connection() {
    let (mut a, mut b) = connected();
    assert_eq!(introductions(&a), [(b.id(), signing_key_of(2), 1)]);
    assert_eq!(introductions(&b), [(a.id(), signing_key_of(1), 1)]);
    // New keys are no new connection.
    let late = now(121_000);
    a.say(b.id(), b"rekey", late);
    settle(&mut a, &mut b, late);
    assert!(a.endpoint.stats().keypairs > 1);
    assert_eq!((introductions(&a).len(), introductions(&b).len()), (1, 1));
    a.endpoint.close(b.id(), late);
    settle(&mut a, &mut b, late);
    a.endpoint.connect(b.id(), &[], late).unwrap();
    settle(&mut a, &mut b, late);
    assert_eq!((introductions(&a).len(), introductions(&b).len()), (2, 2));
}

#[test]
fn a_hello_that_comes_twice_introduces_once() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    carry(&mut a, &mut b, now(0));
    carry(&mut b, &mut a, now(0));
    carry(&mut a, &mut b, now(0));
    // What acknowledges the HELLO is lost.
    b.drain(now(0));
    assert_eq!(introductions(&b).len(), 1);
    let (again, _) = a.endpoint.poll_timeout().unwrap();
    a.endpoint.handle_timeout(again);
    assert!(carry(&mut a, &mut b, again) > 0);
    b.drain(again);
    assert_eq!(introductions(&b).len(), 1);
}

#[test]
fn a_guest_is_introduced_when_it_is_let_in() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Ask));
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    assert_eq!((introductions(&a).len(), introductions(&b).len()), (0, 0));
    b.endpoint.accept_guest(a.id()).unwrap();
    settle(&mut a, &mut b, now(1));
    assert_eq!(introductions(&b), [(a.id(), signing_key_of(1), 1)]);
    for side in [&a, &b] {
        let [.., Event::Established { .. }, Event::Introduced { .. }] = side.events[..] else {
            panic!("{:?}", side.events);
        };
    }
}

#[test]
fn another_signing_key_than_the_pinned_one_ends_the_session() {
    for caller_lies in [false, true] {
        let (mut a, mut b) = acquainted();
        let (liar, other) = if caller_lies {
            (&mut a, &mut b)
        } else {
            (&mut b, &mut a)
        };
        let shown = Shown {
            signing_key: Some(signing_key_of(liar.seed)),
            version: 1,
        };
        remembers(other, liar, shown);
        liar.endpoint.shared.signing_key = OTHER;
        a.endpoint.connect(b.id(), &[], now(0)).unwrap();
        settle(&mut a, &mut b, now(0));
        let (liar, other) = if caller_lies { (&a, &b) } else { (&b, &a) };
        assert_eq!(closed(other), Some(CloseReason::SigningKeyChanged));
        assert_eq!(closed(liar), Some(CloseReason::TheySayViolation));
        assert!(introductions(other).is_empty());
        assert_eq!(other.endpoint.stats().keypairs, 0);
    }
}

#[test]
fn the_first_signing_key_counts_as_long_as_the_process_lives() {
    let (mut a, mut b) = connected();
    b.endpoint.close(a.id(), now(1));
    settle(&mut a, &mut b, now(1));
    b.endpoint.shared.signing_key = OTHER;
    a.events.clear();
    a.endpoint.connect(b.id(), &[], now(2)).unwrap();
    settle(&mut a, &mut b, now(2));
    assert_eq!(closed(&a), Some(CloseReason::SigningKeyChanged));
}

#[test]
fn whoever_turns_out_to_be_pinned_otherwise_is_put_out() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Ask));
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    let shown = Shown {
        signing_key: Some(OTHER),
        version: 1,
    };
    remembers(&mut b, &a, shown);
    settle(&mut a, &mut b, now(1));
    assert_eq!(closed(&b), Some(CloseReason::SigningKeyChanged));
    assert!(!b.endpoint.status(a.id(), now(1)).unwrap().established);
}

#[test]
fn a_peer_that_spoke_a_newer_version_is_not_called_in_an_older_one() {
    let (mut a, mut b) = acquainted();
    let b_id = b.id();
    let newer = Shown {
        signing_key: None,
        version: 2,
    };
    remembers(&mut a, &b, newer);
    let refused = a.endpoint.connect(b.id(), &[], now(0));
    assert_eq!(refused, Err(ApiMisuse::NewerVersion(2)));
    let newer_version = |a: &Side| a.endpoint.status(b_id, now(1)).unwrap().newer_version;
    assert_eq!(newer_version(&a), Some(2));
    a.say(b.id(), b"wait", now(0));
    assert_eq!(settle(&mut a, &mut b, now(0)), 0);
    // It may call, and what it began goes on.
    b.endpoint.connect(a.id(), &[], now(1)).unwrap();
    settle(&mut a, &mut b, now(1));
    assert_eq!(b.lines(), [b"wait"]);
    assert_eq!(newer_version(&a), None);
    a.endpoint.handle_timeout(now(175_000));
    a.say(b.id(), b"rekey", now(175_000));
    settle(&mut a, &mut b, now(175_000));
    assert_eq!(
        a.endpoint.status(b.id(), now(175_000)).unwrap().initiator,
        Some(true)
    );
}
