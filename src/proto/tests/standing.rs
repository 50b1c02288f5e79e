//! What an answer does to a session that stands, and an index to an answer.

use super::losses::pass;
use super::*;
use crate::proto::limits::REKEY_INITIATOR_RECEIVE;

/// The other side of a session begins anew with the same key and no memory, and trusts like this.
fn without_memory(trust: Trust) -> Side {
    let mut side = Side::new(2, trust);
    side.endpoint.shared.rng = CoreRng::new([77; 32]);
    side
}

/// What `a` has heard of the peer's willingness, the last of it.
fn last_word(a: &Side) -> Option<&Event> {
    a.events.iter().rev().find(|event| {
        matches!(
            event,
            Event::Established { .. } | Event::Waiting { .. } | Event::Refused { .. }
        )
    })
}

#[test]
fn a_peer_that_has_forgotten_us_is_waited_for_and_not_spoken_to() {
    let (mut a, _) = connected();
    let mut b = without_memory(Trust::Ask);
    a.say(b.id(), b"hello", now(1_000));
    pass(&mut a, &mut b, 2_000, now(1_000), now(20_000));
    assert_eq!(last_word(&a), Some(&Event::Waiting { peer: b.id() }));
    let status = a.endpoint.status(b.id(), now(20_000)).unwrap();
    assert!(status.waiting && !status.established, "{status:?}");
}

#[test]
fn a_refusal_ends_the_session_of_a_peer_that_was_not_heard_since_the_call() {
    let (mut a, _) = connected();
    let mut b = without_memory(Trust::Strict);
    a.say(b.id(), b"hello", now(1_000));
    pass(&mut a, &mut b, 2_000, now(1_000), now(20_000));
    let (peer, reason) = (b.id(), Refusal::UnknownKey);
    assert_eq!(last_word(&a), Some(&Event::Refused { peer, reason }));
}

#[test]
fn a_packet_heard_in_the_moment_of_the_call_does_not_make_a_refusal_old() {
    let (mut a, mut b) = connected();
    let at = now(0) + REKEY_INITIATOR_RECEIVE;
    b.say(a.id(), b"the keys are old", at);
    for (_, packet) in b.drain(at) {
        a.receive(b.address, packet, at);
    }
    let calls = a.drain(at).into_iter().filter(|(_, it)| it[0] == 1);
    // It says so, but that is lost.
    b.endpoint.remove_peer(a.id(), at);
    b.drain(at);
    for (_, init) in calls {
        b.receive(a.address, init, at);
    }
    for (_, resp) in b.drain(at) {
        a.receive(b.address, resp, at);
    }
    a.drain(at);
    let (peer, reason) = (b.id(), Refusal::UnknownKey);
    assert_eq!(last_word(&a), Some(&Event::Refused { peer, reason }));
}

#[test]
fn of_new_keys_only_their_initiator_asks_for_an_acknowledgement() {
    let (mut a, mut b) = connected();
    let at = now(121_000);
    a.say(b.id(), b"x", at);
    settle(&mut a, &mut b, at);
    let age = |side: &Side, of: &Side| side.endpoint.status(of.id(), at).unwrap().key_age;
    assert_eq!(
        (age(&a, &b), age(&b, &a)),
        (Some(Duration::ZERO), Some(Duration::ZERO))
    );
    assert!(!b.endpoint.status(a.id(), at).unwrap().awaits_ack);
}

#[test]
fn an_index_that_an_attempt_took_while_message_2_was_made_leads_to_no_keypair() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    for (_, datagram) in a.drain(now(0)) {
        b.receive(a.address, datagram, now(0));
    }
    let work = |side: &mut Side| {
        let job = side.endpoint.take_job().unwrap();
        job.run(side.rng.as_crypto())
    };
    let read = work(&mut b);
    let again = || CoreRng::new([9; 32]);
    b.endpoint.shared.rng = again();
    b.endpoint.handle_outcome(read, now(0));
    let made = work(&mut b);
    b.endpoint.shared.rng = again();
    b.endpoint.connect(a.id(), &[], now(0)).unwrap();
    let found = b.endpoint.handle_outcome(made, now(0)).unwrap();
    assert_eq!(found.result, Err(DropReason::NotWelcome));
    assert_eq!(b.endpoint.stats().keypairs, 0);
}

/// Whoever waits has shown that he holds the key, and not that he holds the secret.
#[test]
fn a_guest_who_is_saved_with_a_shared_secret_has_to_show_it() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Ask));
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    assert_eq!(last_word(&a), Some(&Event::Waiting { peer: b.id() }));
    b.knows(&a, Some(7));
    settle(&mut a, &mut b, now(1));
    let stands = |side: &Side, with: &Side| {
        let status = side.endpoint.status(with.id(), now(1)).unwrap();
        status.established
    };
    assert!(!stands(&b, &a) && !stands(&a, &b));
    b.knows(&a, Some(7));
    a.knows(&b, Some(7));
    a.endpoint.connect(b.id(), &[], now(2)).unwrap();
    settle(&mut a, &mut b, now(2));
    assert!(b.endpoint.status(a.id(), now(2)).unwrap().established);
    // What it has already, it may be told again.
    b.knows(&a, Some(7));
    assert!(b.endpoint.status(a.id(), now(2)).unwrap().established);
    b.knows(&a, Some(8));
    assert!(!b.endpoint.status(a.id(), now(2)).unwrap().established);
}
