//! What one datagram can do that somebody on the way holds back or sends on from elsewhere.

use super::*;

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
