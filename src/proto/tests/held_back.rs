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
        a.endpoint.send_line(b.id(), vec![b'x'], at).unwrap();
        let from = SocketAddr::from(([198, 51, 100, 1], 1 + n));
        while let Some(transmit) = a.endpoint.poll_transmit(at) {
            let datagram = transmit.datagram.into_bytes(at).unwrap();
            b.receive(from, datagram, at);
        }
        // B acknowledges, but nobody takes its events.
        while let Some(transmit) = b.endpoint.poll_transmit(at) {
            let datagram = transmit.datagram.into_bytes(at).unwrap();
            a.receive(b.address, datagram, at);
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
    });
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    let elsewhere = SocketAddr::from(([198, 51, 100, 66], 66));
    for text in [b"one", b"two"] {
        a.endpoint.send_line(b.id(), text.to_vec(), now(1)).unwrap();
        for (_, datagram) in a.drain(now(1)) {
            b.receive(elsewhere, datagram, now(1));
        }
        b.endpoint.send_line(a.id(), text.to_vec(), now(1)).unwrap();
        let sent = b.drain(now(1));
        assert!(sent.iter().all(|(to, _)| *to == elsewhere));
    }
    b.endpoint.handle_timeout(now(6_100));
    let called = b.drain(now(6_100));
    assert!(called.iter().any(|(to, _)| *to == a.address), "{called:?}");
}
