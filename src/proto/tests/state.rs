//! Items of docs/checklist.md, "State", that whole endpoints show without a network.

use super::*;
use crate::proto::limits::{INIT_SENDINGS, MAX_EVENTS};

/// The index in an INIT or RESP that `side` sends now.
fn index_sent(side: &mut Side, kind: u8, at: Instant) -> Vec<u8> {
    let sent = side.drain(at);
    let of_kind = |(_, packet): &&(SocketAddr, Vec<u8>)| packet.first() == Some(&kind);
    let (_, packet) = sent.iter().find(of_kind).expect("a handshake begins");
    packet[4..8].to_vec()
}

/// Makes `side` draw the same numbers as whenever this was last done.
fn draw_again(side: &mut Side) {
    side.endpoint.shared.rng = CoreRng::new([9; 32]);
}

/// What `a` calls its side of a session with `b` that begins now.
fn index_of_call(a: &mut Side, b: &Side, at: Instant) -> Vec<u8> {
    draw_again(a);
    a.endpoint.connect(b.id(), &[], at).unwrap();
    index_sent(a, 1, at)
}

#[test]
fn a_session_index_that_is_taken_is_not_drawn_again() {
    let (mut a, b) = acquainted();
    let c = Side::new(3, Trust::Strict);
    a.knows(&c, None);
    let first = index_of_call(&mut a, &b, now(0));
    let second = index_of_call(&mut a, &c, now(0));
    assert_ne!(first, second, "both attempts would take one answer");
    a.endpoint.remove_peer(b.id(), now(1));
    a.endpoint.remove_peer(c.id(), now(1));
    a.drain(now(1));
    a.knows(&b, None);
    let again = index_of_call(&mut a, &b, now(2));
    assert_eq!(first, again, "free again, and the same numbers are drawn");
}

#[test]
fn a_session_index_that_a_key_has_is_not_drawn_again() {
    let (mut a, mut b) = acquainted();
    let c = Side::new(3, Trust::Strict);
    a.knows(&c, None);
    draw_again(&mut a);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let sent = a.drain(now(0));
    let first = sent[0].1[4..8].to_vec();
    for (_, packet) in sent {
        b.receive(a.address, packet, now(0));
    }
    settle(&mut a, &mut b, now(0));
    assert!(a.endpoint.status(b.id(), now(0)).unwrap().established);
    let second = index_of_call(&mut a, &c, now(1));
    assert_ne!(first, second, "packets of both would meet one key");
    b.say(a.id(), b"still yours", now(2));
    settle(&mut a, &mut b, now(2));
    assert_eq!(a.lines(), [b"still yours"]);
}

/// No clock that counts suspended time goes back; should one do so all the same, nothing ends.
#[test]
fn a_monotonic_clock_that_goes_back_ends_nothing() {
    let (mut a, mut b) = connected();
    let hour = 3_600_000;
    let times = [hour, 60_000, hour + 1, 0, 2 * hour, hour, 2 * hour + 1];
    for (n, ms) in times.into_iter().enumerate() {
        let line = u8::try_from(n).unwrap();
        for at in [now(ms), now(ms + 10_000)] {
            a.endpoint.handle_timeout(at);
            b.endpoint.handle_timeout(at);
            if at == now(ms) {
                a.say(b.id(), &[line], at);
                b.say(a.id(), &[line], at);
            }
            settle(&mut a, &mut b, at);
        }
        assert_eq!((a.lines().len(), b.lines().len()), (n + 1, n + 1));
    }
    let closed = |event: &Event| matches!(event, Event::Closed { .. });
    assert!(!a.events.iter().chain(&b.events).any(closed));
}

#[test]
fn a_data_packet_is_taken_once_and_its_copies_are_not_even_opened() {
    let (mut a, mut b) = connected();
    a.say(b.id(), b"once", now(10));
    let sent = a.drain(now(10));
    let (_, packet) = sent.first().expect("a line leaves").clone();
    b.receive(a.address, packet.clone(), now(10));
    let mut forged = packet.clone();
    *forged.last_mut().unwrap() ^= 1;
    for copy in [packet, forged] {
        b.receive(a.address, copy, now(11));
    }
    b.drain(now(11));
    assert_eq!(b.lines(), [b"once"]);
    let dropped = b.endpoint.stats().dropped;
    assert_eq!(dropped.get(&DropReason::Replayed), Some(&2), "{dropped:?}");
    assert_eq!(dropped.get(&DropReason::Forged), None);
}

#[test]
fn each_connection_has_a_generation_of_its_own() {
    let (mut a, mut b) = connected();
    let first = a.endpoint.generation(b.id()).unwrap();
    a.endpoint.close(b.id(), now(10));
    settle(&mut a, &mut b, now(10));
    a.endpoint.connect(b.id(), &[], now(2_000)).unwrap();
    settle(&mut a, &mut b, now(2_000));
    assert!(a.endpoint.generation(b.id()).unwrap() > first);
}

fn inits(packets: &[(SocketAddr, Vec<u8>)]) -> Vec<SocketAddr> {
    let inits = packets.iter().filter(|(_, packet)| packet[0] == 1);
    inits.map(|(to, _)| *to).collect()
}

#[test]
fn a_call_goes_to_the_path_first_and_to_no_more_addresses_than_are_kept() {
    let (mut a, b) = connected();
    let others: Vec<SocketAddr> = (1..=9)
        .map(|last| SocketAddr::from(([198, 51, 100, last], 7_419)))
        .collect();
    a.endpoint.connect(b.id(), &others, now(1)).unwrap();
    a.drain(now(1));
    let at = now(200_000);
    a.say(b.id(), b"are you there?", at);
    let called = inits(&a.drain(at));
    let mut expected = vec![b.address];
    expected.extend(&others[..7]);
    assert_eq!(called.len(), 16, "two halves to eight");
    assert_eq!(a.endpoint.called_at(b.id()), expected);
    assert_eq!(a.endpoint.called_at(PeerId::new([9; 32])), []);
    for to in expected {
        assert_eq!(called.iter().filter(|it| **it == to).count(), 2, "{to}");
    }
}

/// While the worker makes it the other side's handshake succeeds.
#[test]
fn a_message_1_that_is_no_longer_wanted_stays_here() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let job = a.endpoint.take_job().unwrap();
    b.endpoint.connect(a.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    assert!(a.endpoint.status(b.id(), now(0)).unwrap().established);
    assert_eq!(a.endpoint.stats().attempts, 1);
    let outcome = job.run(a.rng.as_crypto());
    a.endpoint.handle_outcome(outcome, now(1));
    assert_eq!(inits(&a.drain(now(1))), []);
    assert_eq!(a.endpoint.stats().attempts, 0);
}

#[test]
fn a_responder_renews_keys_no_sooner_than_the_specification_says() {
    let (a, mut b) = connected();
    b.say(a.id(), b"not yet", now(169_990));
    assert_eq!(inits(&b.drain(now(169_990))), []);
    b.say(a.id(), b"now", now(170_400));
    assert_eq!(inits(&b.drain(now(170_400))).len(), 2);
}

#[test]
fn a_table_of_keys_is_empty_until_there_is_a_session() {
    let (a, _) = acquainted();
    assert!(a.endpoint.key_table().is_empty());
    let (a, _) = connected();
    assert!(!a.endpoint.key_table().is_empty());
}

#[test]
fn each_attempt_that_may_still_be_answered_is_counted() {
    let (mut a, b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let mut counts = Vec::new();
    let mut at = now(0);
    while counts.len() < 4 * INIT_SENDINGS as usize {
        if !a.drain(at).is_empty() {
            counts.push(a.endpoint.status(b.id(), at).unwrap().attempts);
        }
        at = a.endpoint.poll_timeout().unwrap().0;
        a.endpoint.handle_timeout(at);
    }
    let of_each: Vec<&[usize]> = counts.chunks(INIT_SENDINGS as usize).collect();
    let expected = [[1; 4], [2; 4], [3; 4], [3; 4]];
    assert_eq!(of_each, expected, "of the oldest no answer is awaited");
}

#[test]
fn an_owner_who_is_behind_keeps_new_sessions_out_and_no_rekey() {
    let (mut a, mut b) = connected();
    let mut c = Side::new(3, Trust::Strict);
    c.knows(&b, None);
    b.knows(&c, None);
    let at = now(121_000);
    c.endpoint.connect(b.id(), &[], at).unwrap();
    a.say(b.id(), b"x", at);
    for _ in 0..MAX_EVENTS {
        b.endpoint.shared.event(Event::TimestampsLow);
    }
    let mut made = Vec::new();
    for side in [&mut c, &mut a] {
        let (from, before) = (side.address, b.endpoint.stats().keypairs);
        for (_, packet) in side.drain(at).into_iter().filter(|(_, it)| it[0] == 1) {
            b.receive(from, packet, at);
        }
        while let Some(job) = b.endpoint.take_job() {
            let outcome = job.run(b.rng.as_crypto());
            b.endpoint.handle_outcome(outcome, at);
        }
        made.push(b.endpoint.stats().keypairs - before);
    }
    assert_eq!(made, [0, 1]);
}

#[test]
fn nothing_is_said_of_the_end_of_what_never_began() {
    let (mut a, b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    a.drain(now(0));
    a.endpoint.remove_peer(b.id(), now(1));
    a.drain(now(1));
    assert_eq!(a.events, []);
}

/// It waited for its next try.
#[test]
fn who_is_called_right_after_a_goodbye_waits_for_nothing_that_was_being_made_before_it() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let job = a.endpoint.take_job().unwrap();
    a.endpoint.close(b.id(), now(1));
    a.endpoint.connect(b.id(), &[], now(2)).unwrap();
    assert!(a.endpoint.has_jobs());
    let late = job.run(a.rng.as_crypto());
    a.endpoint.handle_outcome(late, now(3));
    settle(&mut a, &mut b, now(3));
    assert!(a.endpoint.status(b.id(), now(3)).unwrap().established);
}
