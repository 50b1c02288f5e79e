//! Whoever comes by himself under `--trust new`.

use super::calls::with_secret;
use super::repeated::{answers, call};
use super::welcome::{is_there, receive};
use super::*;
use crate::proto::limits::{MAX_NEWCOMERS_PER_SOURCE, MAX_PINNED};

/// A stranger, host and key of that number, who calls `b` and confirms; whether he was taken.
fn is_taken(b: &mut Side, stranger: u8, at: Instant) -> bool {
    let mut a = Side::new(stranger, Trust::Strict);
    a.address = SocketAddr::from(([203, 0, 113, stranger], 7_419));
    a.knows(b, None);
    a.endpoint.connect(b.id(), &[], at).unwrap();
    settle(&mut a, b, at);
    is_established(b, &a, at)
}

fn is_established(side: &Side, with: &Side, at: Instant) -> bool {
    let status = side.endpoint.status(with.id(), at);
    status.is_some_and(|status| status.established)
}

#[test]
fn keys_are_pinned_up_to_the_bound_and_then_refused() {
    let mut b = Side::new(2, Trust::New);
    for nth in 0..MAX_PINNED {
        let stranger = 10 + u8::try_from(nth).unwrap();
        assert!(is_taken(&mut b, stranger, now(1_000 * nth as u64)), "{nth}");
    }
    let (id, answers) = receive(&mut b, 9, 9, now(100_000));
    assert_eq!(answers, 2, "who is refused is told so");
    assert!(!is_there(&b, id));
    let pinned = |event: &&Event| matches!(event, Event::Pinned { .. });
    assert_eq!(b.events.iter().filter(pinned).count(), MAX_PINNED);
}

#[test]
fn a_key_that_was_pinned_and_removed_gives_no_room_back() {
    let mut b = Side::new(2, Trust::New);
    for nth in 0..MAX_PINNED {
        let stranger = 10 + u8::try_from(nth).unwrap();
        assert!(is_taken(&mut b, stranger, now(1_000 * nth as u64)), "{nth}");
    }
    let first = Side::new(10, Trust::Strict).id();
    b.endpoint.remove_peer(first, now(100_000));
    assert!(!is_taken(&mut b, 9, now(101_000)));
}

#[test]
fn calls_that_are_not_confirmed_keep_nobody_from_being_pinned() {
    for pinned in [1, u8::try_from(MAX_PINNED).unwrap() - 1] {
        let mut b = Side::new(2, Trust::New);
        for nth in 0..pinned {
            assert!(is_taken(&mut b, 10 + nth, now(1_000)));
        }
        let mut unconfirmed = Vec::new();
        for nth in 0..2 * u8::try_from(MAX_PINNED).unwrap() {
            unconfirmed.push(receive(&mut b, 100 + nth, 100 + nth, now(2_000)).0);
        }
        let held = unconfirmed.iter().filter(|it| is_there(&b, **it)).count();
        assert_eq!(held, MAX_PINNED - usize::from(pinned), "memory is bounded");
        assert!(is_taken(&mut b, 5, now(3_000)));
    }
}

#[test]
fn calls_from_one_source_that_are_not_confirmed_push_out_each_other() {
    let mut b = Side::new(2, Trust::New);
    let (other, _) = receive(&mut b, 1, 1, now(0));
    for nth in 0..MAX_PINNED {
        let stranger = 10 + u8::try_from(nth).unwrap();
        receive(&mut b, stranger, 7, now(1_000 * nth as u64));
    }
    assert!(is_there(&b, other));
    assert_eq!(b.endpoint.stats().peers, 1 + MAX_NEWCOMERS_PER_SOURCE);
}

#[test]
fn who_was_pinned_is_not_pushed_out_by_calls_that_are_not_confirmed() {
    let mut b = Side::new(2, Trust::New);
    let mut a = Side::new(1, Trust::Strict);
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    for nth in 0..2 * MAX_PINNED {
        let host = 10 + u8::try_from(nth).unwrap();
        receive(&mut b, host, host, now(1_000));
    }
    assert!(is_established(&b, &a, now(1_000)));
}

/// `a` calls `b` and is pushed out, as others call from its host; with what `b` answered before that.
fn pushed_out() -> (Side, Side, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut b, secret) = with_secret(2, Trust::New);
    let mut a = Side::new(1, Trust::Strict);
    a.knows(&b, None);
    a.address = SocketAddr::from(([203, 0, 113, 7], 1));
    let sent = call(&mut a, &b);
    let answer = answers(&mut b, a.address, &sent, now(0));
    assert!(answer.len() == 2 && secret.remembers(&a.id()));
    for nth in 0..MAX_NEWCOMERS_PER_SOURCE {
        assert!(is_there(&b, a.id()));
        let stranger = 10 + u8::try_from(nth).unwrap();
        receive(&mut b, stranger, 7, now(1_000 + 60 * nth as u64));
    }
    assert!(!is_there(&b, a.id()) && !secret.remembers(&a.id()));
    (a, b, sent, answer)
}

#[test]
fn who_was_pushed_out_while_the_answer_was_lost_is_answered_when_the_call_comes_again() {
    let (mut a, mut b, sent, _) = pushed_out();
    let answer = answers(&mut b, a.address, &sent, now(2_500));
    assert_eq!(answer.len(), 2);
    let confirmation = answers(&mut a, b.address, &answer, now(2_500));
    answers(&mut b, a.address, &confirmation, now(2_500));
    assert!(is_established(&b, &a, now(2_500)));
}

#[test]
fn a_confirmation_of_who_was_pushed_out_changes_nothing() {
    let (mut a, mut b, _, answer) = pushed_out();
    let confirmation = answers(&mut a, b.address, &answer, now(2_500));
    assert!(answers(&mut b, a.address, &confirmation, now(2_500)).is_empty());
    assert!(!is_there(&b, a.id()));
    assert!(!b.events.iter().any(|it| matches!(it, Event::Pinned { .. })));
}

#[test]
fn nobody_can_be_sought_before_he_is_pinned() {
    let mut b = Side::new(2, Trust::New);
    let (id, _) = receive(&mut b, 1, 1, now(0));
    assert!(is_there(&b, id) && !b.endpoint.is_known(id));
    assert!(b.endpoint.connect(id, &[], now(1)).is_err());
    b.endpoint.seek(id, now(1));
    assert!(b.drain(now(1)).is_empty());
}
