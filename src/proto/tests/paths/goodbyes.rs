//! A goodbye reaches a peer that has moved, or seems to have.

use super::*;

#[test]
fn a_goodbye_while_an_address_is_unproved_reaches_the_true_peer() {
    let (mut a, mut b) = connected();
    race(&mut a, &mut b, now(1));
    b.endpoint.close(a.id(), now(2));
    let sent = b.drain(now(2));
    deliver(sent, b.address, &mut a, now(2));
    a.drain(now(2));
    let reason = CloseReason::Goodbye;
    assert_eq!(
        a.events.last(),
        Some(&Event::Closed {
            peer: b.id(),
            reason
        })
    );
    assert_eq!(b.endpoint.stats().timers, 0);
    // What nobody proved is not called later.
    b.endpoint.connect(a.id(), &[], now(10)).unwrap();
    let called = b.drain(now(10));
    assert!(called.iter().all(|(to, _)| *to == a.address), "{called:?}");
}

/// What came from there had paid for it, and the way there had healed.
#[test]
fn a_goodbye_reaches_a_peer_at_an_address_that_had_not_answered_in_time() {
    for (lines, is_paid) in [(20, true), (1, false)] {
        let (mut a, mut b) = connected();
        let old = a.address;
        a.address = elsewhere();
        say_much(&mut a, &b, lines, now(1));
        let sent = a.drain(now(1));
        let len = bytes_to(b.address, &sent);
        deliver(sent, a.address, &mut b, now(1));
        // Nothing that is sent there arrives for a while.
        let mut lost = b.drain(now(1));
        for ms in (100..=9_000).step_by(100) {
            b.endpoint.handle_timeout(now(ms));
            lost.extend(b.drain(now(ms)));
        }
        assert_eq!(address(&b, &a), Some(old));
        let spent = bytes_to(a.address, &lost);
        b.endpoint.close(a.id(), now(9_000));
        let sent = b.drain(now(9_000));
        assert!(sent.iter().any(|(to, _)| *to == old));
        assert!(spent + bytes_to(a.address, &sent) <= AMPLIFICATION * len);
        deliver(sent, b.address, &mut a, now(9_000));
        a.drain(now(9_000));
        let left = a.events.last()
            == Some(&Event::Closed {
                peer: b.id(),
                reason: CloseReason::Goodbye,
            });
        assert_eq!(left, is_paid, "{spent} of {len}");
    }
}
