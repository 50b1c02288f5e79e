//! What one datagram can do that somebody on the way holds back or sends on from elsewhere.

use super::*;
use crate::proto::limits::MAX_EVENTS;

#[test]
fn a_refusal_that_was_held_back_does_not_end_a_later_session() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    for (_, datagram) in a.drain(now(0)) {
        b.receive(a.address, datagram, now(0));
    }
    let refusal = b.drain(now(0));
    assert_eq!(refusal.len(), 2);
    b.knows(&a, None);
    b.endpoint.connect(a.id(), &[], now(10)).unwrap();
    settle(&mut a, &mut b, now(10));
    assert!(a.endpoint.status(b.id(), now(20)).unwrap().established);
    for (_, datagram) in refusal {
        a.receive(b.address, datagram, now(20));
    }
    a.drain(now(20));
    assert!(a.endpoint.status(b.id(), now(20)).unwrap().established);
    let refused = |event: &Event| matches!(event, Event::Refused { .. });
    assert!(!a.events.iter().any(refused), "{:?}", a.events);
}

#[test]
fn events_that_nobody_takes_stay_bounded_whoever_causes_them() {
    let (mut a, mut b) = connected();
    for n in 0..=u16::try_from(MAX_EVENTS).unwrap() {
        let at = now(1 + 10 * u64::from(n));
        a.endpoint.handle_timeout(at);
        a.say(b.id(), b"x", at);
        let from = SocketAddr::from(([198, 51, 100, 1], 1 + n));
        // Two rounds prove the address, but nobody takes B's events.
        for _ in 0..2 {
            while let Some(transmit) = a.endpoint.poll_transmit(at) {
                let datagram = transmit.datagram.into_bytes(at).unwrap();
                b.receive(from, datagram, at);
            }
            while let Some(transmit) = b.endpoint.poll_transmit(at) {
                let datagram = transmit.datagram.into_bytes(at).unwrap();
                a.receive(b.address, datagram, at);
            }
        }
    }
    assert_eq!(b.endpoint.stats().events, MAX_EVENTS);
    let mut c = Side::new(3, Trust::Strict);
    c.knows(&b, None);
    b.knows(&c, None);
    let keypairs = b.endpoint.stats().keypairs;
    c.endpoint.connect(b.id(), &[], now(20_000)).unwrap();
    for (_, datagram) in c.drain(now(20_000)) {
        b.receive(c.address, datagram, now(20_000));
    }
    while let Some(job) = b.endpoint.take_job() {
        let outcome = job.run(b.rng.as_crypto());
        b.endpoint.handle_outcome(outcome, now(20_000));
    }
    assert_eq!(b.endpoint.stats().keypairs, keypairs, "no session begins");
    assert!(b.endpoint.stats().dropped[&DropReason::Overflow] > 0);
    b.drain(now(20_001));
    c.endpoint.close(b.id(), now(20_001));
    c.endpoint.connect(b.id(), &[], now(23_000)).unwrap();
    settle(&mut c, &mut b, now(23_000));
    assert!(c.endpoint.status(b.id(), now(23_000)).unwrap().established);
}

#[test]
fn a_packet_sent_on_from_elsewhere_does_not_lose_a_peer_without_an_address() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    a.knows(&b, None);
    b.endpoint.add_peer(PeerConfig {
        id: a.id(),
        psk: None,
        addresses: Vec::new(),
        shown: Shown::default(),
    });
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    let elsewhere = SocketAddr::from(([198, 51, 100, 66], 66));
    for text in [b"one", b"two"] {
        a.say(b.id(), text, now(1));
        for (_, datagram) in a.drain(now(1)) {
            b.receive(elsewhere, datagram, now(1));
        }
        b.say(a.id(), text, now(1));
        let sent = b.drain(now(1));
        assert!(sent.iter().any(|(to, _)| *to == elsewhere));
    }
    b.endpoint.handle_timeout(now(6_100));
    let called = b.drain(now(6_100));
    assert!(called.iter().any(|(to, _)| *to == a.address), "{called:?}");
}

/// The peer's process ends and starts anew: the same key, nothing else left.
fn restart(side: &mut Side, timestamps: u64, now: Instant) {
    let secret = StaticSecret::from_bytes(&mut [side.seed; 32]);
    let range = Timestamp(timestamps)..Timestamp(timestamps + 1_000);
    let config = EndpointConfig::default();
    side.endpoint = Endpoint::new(config, Arc::new(secret), [99; 32], range, now);
    side.events.clear();
}

/// Carries datagrams both ways, but keeps those from `b` of type `held` back and returns them.
fn settle_without(a: &mut Side, b: &mut Side, held: u8, now: Instant) -> Vec<Vec<u8>> {
    let mut kept = Vec::new();
    loop {
        let (from_a, from_b) = (a.drain(now), b.drain(now));
        if from_a.is_empty() && from_b.is_empty() {
            return kept;
        }
        for (_, datagram) in from_a {
            b.receive(a.address, datagram, now);
        }
        for (_, datagram) in from_b {
            if datagram.first() == Some(&held) {
                kept.push(datagram);
            } else {
                a.receive(b.address, datagram, now);
            }
        }
    }
}

/// A line of `from` reaches `to`, who has heard nothing else.
fn assert_heard(from: &mut Side, to: &mut Side, now: Instant) {
    let line = b"still here?".to_vec();
    from.say(to.id(), &line, now);
    settle(from, to, now);
    assert_eq!(to.lines(), [line]);
}

#[test]
fn a_held_back_confirmation_of_a_process_that_is_gone_harms_no_live_session() {
    let (mut a, mut b) = acquainted();
    b.endpoint.connect(a.id(), &[], now(0)).unwrap();
    let confirmations = settle_without(&mut a, &mut b, 4, now(0));
    assert!(!confirmations.is_empty());
    restart(&mut b, 2_000_000, now(1_000));
    b.knows(&a, None);
    a.endpoint.connect(b.id(), &[], now(1_000)).unwrap();
    settle(&mut a, &mut b, now(1_000));
    for datagram in confirmations {
        a.receive(b.address, datagram, now(1_001));
    }
    assert_heard(&mut a, &mut b, now(1_002));
}

#[test]
fn a_held_back_resp_of_a_process_that_is_gone_harms_no_live_session() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let answers = settle_without(&mut a, &mut b, 2, now(0));
    assert_eq!(answers.len(), 2);
    restart(&mut b, 2_000_000, now(500));
    b.knows(&a, None);
    b.endpoint.connect(a.id(), &[], now(500)).unwrap();
    settle(&mut a, &mut b, now(500));
    for datagram in answers {
        a.receive(b.address, datagram, now(501));
    }
    settle(&mut a, &mut b, now(501));
    assert_heard(&mut a, &mut b, now(502));
}

#[test]
fn a_confirmation_that_was_held_back_leaves_the_newer_keypair() {
    let (mut a, mut b) = acquainted();
    b.endpoint.connect(a.id(), &[], now(0)).unwrap();
    let confirmations = settle_without(&mut a, &mut b, 4, now(0));
    restart(&mut b, 2_000_000, now(1_000));
    b.knows(&a, None);
    b.endpoint.connect(a.id(), &[], now(1_000)).unwrap();
    let newer = settle_without(&mut a, &mut b, 4, now(1_000));
    for datagram in confirmations.into_iter().chain(newer) {
        a.receive(b.address, datagram, now(1_001));
    }
    settle(&mut a, &mut b, now(1_001));
    assert_heard(&mut b, &mut a, now(1_002));
}

#[test]
fn a_key_that_the_other_side_made_later_is_still_opened() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let answers = settle_without(&mut a, &mut b, 2, now(0));
    // RESP arrives 60 s late: A's keypair is that much younger than B's.
    for datagram in answers {
        a.receive(b.address, datagram, now(60_000));
    }
    settle(&mut a, &mut b, now(60_000));
    a.say(b.id(), b"young to me", now(175_000));
    for (_, datagram) in a.drain(now(175_000)) {
        b.receive(a.address, datagram, now(190_000));
    }
    b.drain(now(190_000));
    assert_eq!(b.lines(), [b"young to me"]);
}

/// `b`, who is to be heard by `a` again, says goodbye, which is held back.
fn held_back_goodbye(a: &Side, b: &mut Side, at: Instant) -> Vec<Vec<u8>> {
    b.endpoint.close(a.id(), at);
    let sent = b.drain(at);
    assert_eq!(sent.len(), 1);
    sent.into_iter().map(|(_, datagram)| datagram).collect()
}

/// What `from` has to send arrives at `to`, who has yet to make something of it.
fn arrive(from: &mut Side, to: &mut Side, at: Instant) {
    for (_, datagram) in from.drain(at) {
        to.receive(from.address, datagram, at);
    }
}

/// How often a connection began.
fn established(side: &Side) -> usize {
    let is = |event: &&Event| matches!(event, Event::Established { .. });
    side.events.iter().filter(is).count()
}

/// Nothing is lost, and no timer fires: the caller does not wait until its own packets are missed.
#[test]
fn a_goodbye_that_was_held_back_leaves_what_a_new_call_was_answered_by() {
    for (is_restarted, is_answered) in [(false, true), (false, false), (true, true), (true, false)]
    {
        let (mut a, mut b) = connected();
        let goodbye = held_back_goodbye(&a, &mut b, now(1_000));
        if is_restarted {
            restart(&mut b, 2_000_000, now(1_000));
            b.knows(&a, None);
        }
        b.endpoint.connect(a.id(), &[], now(1_001)).unwrap();
        arrive(&mut b, &mut a, now(1_001));
        // It comes while message 2 is on its way, or before it is made.
        let answer = if is_answered {
            a.drain(now(1_001))
        } else {
            Vec::new()
        };
        for datagram in goodbye {
            a.receive(b.address, datagram, now(1_002));
        }
        for (_, datagram) in answer {
            b.receive(a.address, datagram, now(1_002));
        }
        settle(&mut a, &mut b, now(1_002));
        let name = format!("restarted {is_restarted}, answered {is_answered}");
        assert!(
            a.endpoint.status(b.id(), now(1_002)).unwrap().established,
            "{name}"
        );
        let closed = |event: &Event| matches!(event, Event::Closed { .. });
        assert!(a.events.iter().any(closed), "{name}");
        assert_heard(&mut a, &mut b, now(1_003));
        // A rekey goes on with that connection.
        let begun = (established(&a), established(&b));
        for at in [121_000, 122_000].map(now) {
            a.endpoint.handle_timeout(at);
            b.endpoint.handle_timeout(at);
            b.say(a.id(), b"rekey", at);
            settle(&mut a, &mut b, at);
        }
        assert!(
            b.endpoint.status(a.id(), now(122_000)).unwrap().key_age < Some(Duration::from_secs(2))
        );
        assert_eq!((established(&a), established(&b)), begun, "{name}");
    }
}

#[test]
fn what_a_held_back_goodbye_leaves_is_erased_in_time_if_nobody_confirms_it() {
    let (mut a, mut b) = connected();
    let goodbye = held_back_goodbye(&a, &mut b, now(1_000));
    b.endpoint.connect(a.id(), &[], now(1_001)).unwrap();
    arrive(&mut b, &mut a, now(1_001));
    a.drain(now(1_001));
    for datagram in goodbye {
        a.receive(b.address, datagram, now(1_002));
    }
    a.drain(now(1_002));
    assert_eq!(a.endpoint.stats().keypairs, 1);
    while let Some((at, _)) = a.endpoint.poll_timeout() {
        assert!(at < now(600_000), "{at:?}");
        a.endpoint.handle_timeout(at);
        a.drain(at);
    }
    let stats = a.endpoint.stats();
    assert_eq!((stats.keypairs, stats.timers), (0, 0));
}

#[test]
fn a_goodbye_leaves_nothing_of_its_own_connection() {
    let (mut a, mut b) = connected();
    let at = now(172_000);
    b.say(a.id(), b"rekey", at);
    // The answer to the rekey waits when the goodbye comes.
    arrive(&mut b, &mut a, at);
    a.drain(at);
    assert_eq!(a.endpoint.stats().keypairs, 2);
    for datagram in held_back_goodbye(&a, &mut b, at) {
        a.receive(b.address, datagram, at);
    }
    a.drain(at);
    let stats = a.endpoint.stats();
    assert_eq!((stats.keypairs, stats.timers), (0, 0));
}

#[test]
fn a_goodbye_of_a_guest_that_was_held_back_leaves_what_a_new_call_was_answered_by() {
    let (mut a, mut b) = (Side::new(1, Trust::Ask), Side::new(2, Trust::Strict));
    b.knows(&a, None);
    b.endpoint.connect(a.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    let goodbye = held_back_goodbye(&a, &mut b, now(1_000));
    b.endpoint.connect(a.id(), &[], now(1_001)).unwrap();
    arrive(&mut b, &mut a, now(1_001));
    let answer = a.drain(now(1_001));
    a.events.clear();
    for datagram in goodbye {
        a.receive(b.address, datagram, now(1_002));
    }
    for (_, datagram) in answer {
        b.receive(a.address, datagram, now(1_002));
    }
    settle(&mut a, &mut b, now(1_002));
    let (gone, asked) = (Event::GuestGone { peer: b.id() }, &a.events);
    assert_eq!(asked.first(), Some(&gone));
    assert!(
        matches!(asked.last(), Some(Event::Guest { .. })),
        "{asked:?}"
    );
    a.endpoint.handle_timeout(now(301_001));
    assert_eq!(a.endpoint.stats().peers, 1, "it was heard since it called");
    a.endpoint.handle_timeout(now(301_002));
    assert_eq!(a.endpoint.stats().peers, 0, "nobody decides in time");
}

#[test]
fn a_refusal_that_was_held_back_leaves_what_a_call_was_answered_by() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    arrive(&mut a, &mut b, now(0));
    let refusal = b.drain(now(0));
    b.knows(&a, None);
    b.endpoint.connect(a.id(), &[], now(10)).unwrap();
    arrive(&mut b, &mut a, now(10));
    let answer = a.drain(now(10));
    for (_, datagram) in refusal {
        a.receive(b.address, datagram, now(20));
    }
    a.drain(now(20));
    for (_, datagram) in answer {
        b.receive(a.address, datagram, now(20));
    }
    settle(&mut a, &mut b, now(20));
    assert!(a.endpoint.status(b.id(), now(20)).unwrap().established);
    assert_heard(&mut a, &mut b, now(21));
}
