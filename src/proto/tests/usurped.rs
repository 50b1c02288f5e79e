//! Somebody who sees a call sends a true message 1 of his own, as if from its address and under its index.

use super::repeated::{Datagrams, answers, bytes, call, index, next_call};
use super::*;
use crate::id::{ConnectionId, SessionIndex};
use crate::proto::Outcome;
use crate::proto::job::{Done, Initiate, Job, Work};
use crate::proto::payload::InitPayload;

/// His, under a session index that he saw.
fn message1(of: &mut Side, to: &Side, index: SessionIndex) -> Datagrams {
    let work = Initiate {
        local: Arc::new(StaticSecret::from_bytes(&mut [of.seed; 32])),
        peer: to.id(),
        psk: None,
        index,
        payload: InitPayload {
            timestamp: Timestamp(1_000),
            connection: ConnectionId(7),
        },
    };
    let outcome = Job(Work::Initiate(work)).run(of.rng.as_crypto());
    let Outcome(Done::Initiated { made, .. }) = outcome else {
        panic!("it makes a message 1")
    };
    Vec::from(made.unwrap().datagrams)
}

/// `a`, whom `b` knows, and somebody else, of whom `b` thinks what is said.
fn watched(trust: Trust, stealth: bool, think: fn(&mut Side, &Side)) -> [Side; 3] {
    let (mut a, w) = (Side::new(1, Trust::Strict), Side::new(3, Trust::Strict));
    let mut b = Side::with(2, trust, stealth);
    a.knows(&b, None);
    b.knows(&a, None);
    think(&mut b, &w);
    [a, b, w]
}

#[test]
fn a_true_message_1_of_somebody_else_costs_nobody_the_answer_that_is_kept_for_him() {
    let nothing = |_: &mut Side, _: &Side| {};
    let cases = [
        ("refused", watched(Trust::Strict, false, nothing)),
        ("a guest", watched(Trust::Ask, false, nothing)),
        ("pinned", watched(Trust::New, false, nothing)),
        ("stealth", watched(Trust::Strict, true, nothing)),
        (
            "revoked",
            watched(Trust::Strict, false, |b, w| b.endpoint.revoke_peer(w.id())),
        ),
        (
            "known",
            watched(Trust::Strict, false, |b, w| b.knows(w, None)),
        ),
    ];
    for (name, [mut a, mut b, mut w]) in cases {
        let sent = call(&mut a, &b);
        let answer = answers(&mut b, a.address, &sent, now(0));
        let his = message1(&mut w, &b, index(&sent));
        let to_him = answers(&mut b, a.address, &his, now(1));
        assert_eq!(b.findings.len(), 2, "{name}: it was read");
        let is_welcome = !matches!(name, "stealth" | "revoked");
        assert_eq!(to_him.len(), if is_welcome { 2 } else { 0 }, "{name}");
        let (again, at) = next_call(&mut a);
        assert_eq!(
            answers(&mut b, a.address, &again[..1], at),
            answer,
            "{name}"
        );
        assert_eq!(b.rulings.last(), Some(&Ruling::AnsweredAgain), "{name}");
        assert_eq!(
            (b.findings.len(), b.endpoint.stats().slots),
            (2, 1),
            "{name}"
        );
    }
}

#[test]
fn who_is_refused_beside_an_answer_that_is_kept_is_read_anew() {
    let [mut a, mut b, mut w] = watched(Trust::Strict, false, |_, _| {});
    let sent = call(&mut a, &b);
    answers(&mut b, a.address, &sent, now(0));
    let his = message1(&mut w, &b, index(&sent));
    for _ in 0..2 {
        assert_eq!(answers(&mut b, a.address, &his, now(1)).len(), 2);
    }
    assert_eq!(b.findings.len(), 3);
}

/// His halves come between the two of hers, and are read before they are together.
#[test]
fn who_is_refused_while_a_message_1_of_the_slot_waits_to_be_read_takes_its_answer_from_nobody() {
    let [mut a, mut b, mut w] = watched(Trust::Strict, false, |_, _| {});
    let sent = call(&mut a, &b);
    let his = message1(&mut w, &b, index(&sent));
    for half in [&sent[0], &his[0], &his[1], &sent[1]] {
        b.receive(a.address, half.clone(), now(0));
    }
    let answer: Vec<_> = bytes(b.drain(now(0)));
    assert!(b.findings.len() > 1, "his are read as well");
    let again = answers(&mut b, a.address, &sent[..1], now(1));
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|it| answer.contains(it)), "the same");
}

/// The first that proved true keeps the slot; what is kept is no more than one.
#[test]
fn a_second_message_1_in_a_slot_is_answered_once() {
    let [mut a, mut b, mut w] = watched(Trust::Ask, false, |_, _| {});
    let sent = call(&mut a, &b);
    answers(&mut b, a.address, &sent, now(0));
    let his = message1(&mut w, &b, index(&sent));
    assert_eq!(answers(&mut b, a.address, &his, now(1)).len(), 2);
    assert!(answers(&mut b, a.address, &his, now(2)).is_empty());
    assert_eq!(b.findings.len(), 2, "nor is it read again");
}

/// He sees his answer go to the address that is not his, and can finish his handshake.
#[test]
fn who_confirms_a_handshake_from_a_slot_frees_it_of_his_own_answer_only() {
    let [mut a, mut b, mut w] = watched(Trust::Ask, false, |_, _| {});
    w.knows(&b, None);
    let his = call(&mut w, &b);
    let sent = message1(&mut a, &b, index(&his));
    let answer = answers(&mut b, a.address, &sent, now(0));
    let to_him = answers(&mut b, a.address, &his, now(0));
    let confirmation = answers(&mut w, b.address, &to_him, now(0));
    answers(&mut b, a.address, &confirmation, now(0));
    assert!(
        b.endpoint
            .current_keypair_for_testing_only(w.id())
            .is_some()
    );
    assert_eq!(answers(&mut b, a.address, &sent[1..], now(1)), answer);
}

#[test]
fn answers_that_are_made_at_once_are_not_taken_for_each_other() {
    for his_first in [false, true] {
        let [mut a, mut b, mut w] = watched(Trust::Ask, false, |_, _| {});
        let sent = call(&mut a, &b);
        let his = message1(&mut w, &b, index(&sent));
        for half in sent.iter().chain(&his) {
            b.receive(a.address, half.clone(), now(0));
        }
        let jobs = core::iter::from_fn(|| b.endpoint.take_job()).collect::<Vec<_>>();
        // Besides both of them two that are no message: halves of either.
        assert_eq!(jobs.len(), 4);
        for job in jobs {
            let outcome = job.run(b.rng.as_crypto());
            b.endpoint.handle_outcome(outcome, now(0));
        }
        let mut made = [
            b.endpoint.take_job().unwrap(),
            b.endpoint.take_job().unwrap(),
        ];
        if his_first {
            made.reverse();
        }
        for job in made {
            let outcome = job.run(b.rng.as_crypto());
            b.endpoint.handle_outcome(outcome, now(0));
        }
        let mut both = bytes(b.drain(now(0)));
        let answer = both.split_off(if his_first { 2 } else { 0 });
        assert_eq!(answers(&mut b, a.address, &sent[1..], now(1)), answer[..2]);
    }
}

#[test]
fn an_answer_that_fails_takes_no_other_with_it() {
    let [mut a, mut b, mut w] = watched(Trust::Ask, false, |_, _| {});
    let sent = call(&mut a, &b);
    let answer = answers(&mut b, a.address, &sent, now(0));
    for half in message1(&mut w, &b, index(&sent)) {
        b.receive(a.address, half, now(1));
    }
    let job = b.endpoint.take_job().unwrap();
    let outcome = job.run(b.rng.as_crypto());
    b.endpoint.handle_outcome(outcome, now(1));
    b.endpoint.revoke_peer(w.id());
    assert!(b.drain(now(1)).is_empty());
    assert_eq!(answers(&mut b, a.address, &sent[1..], now(2)), answer);
}

/// A full queue gives a call up whose halves come again while a copy of it still waits.
#[test]
fn a_message_1_that_is_read_twice_keeps_its_answer() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    for _ in 0..2 {
        for half in &sent {
            b.receive(a.address, half.clone(), now(0));
        }
        let slot = (a.address, index(&sent));
        b.endpoint.shared.reassembly.take_back(&slot);
    }
    assert_eq!(b.endpoint.stats().jobs, 2);
    let answer = bytes(b.drain(now(0)));
    assert_eq!(b.endpoint.stats().dropped[&DropReason::OldTimestamp], 1);
    assert_eq!(answers(&mut b, a.address, &sent[..1], now(1)), answer);
}
