//! Whom a machine calls that has slept, or has come into another network.

use super::*;
use crate::cli::talk::calls::MAX_ADDRESSES;
use crate::proto::Refusal;

/// Nothing was sent, and what bob wrote went to where this machine had been.
#[test]
fn who_wakes_calls_whoever_it_has_a_session_without_keys_with_and_tells_nothing_of_it() {
    let known = format!("bob {} addr={SOMEWHERE}\n", key_text(&BOB));
    let is_called_by_a_call = |talk: &mut Conversation| {
        let tries = |talk: &Conversation| talk.status(BOB).unwrap().unwrap().tries;
        assert_eq!(tries(talk), 0);
        call(talk);
        let has_goal_called = talk.check_time().unwrap();
        assert_eq!(has_goal_called, None);
        tries(talk) > 0
    };
    let by_name = || {
        let mut goal = reach(BOB, false);
        let found = Ok(vec![SOMEWHERE.parse().unwrap()]);
        goal.on_resolved(found, Instant::ZERO).unwrap();
        goal
    };
    for (goal, is_for_everybody) in [(LISTEN, true), (by_name(), false)] {
        let home = tempfile::tempdir().unwrap();
        let (mut talk, program) = conversation(home.path(), &known, goal);
        if is_for_everybody {
            talk.call_everybody();
            assert_eq!(talk.calls.due(talk.clock.now()).len(), 1);
        }
        happens(&mut talk, comes(BOB));
        told(&program);
        let now = talk.clock.now();
        talk.look_at_network(false, now).unwrap();
        assert!(!is_called_by_a_call(&mut talk));
        talk.look_at_network(true, now).unwrap();
        assert!(is_called_by_a_call(&mut talk));
        let told = told(&program);
        assert!(!told.contains("connecting"), "{told}");
    }
}

/// It was not, if somebody had asked for it meanwhile, or its address had been saved or changed.
#[test]
fn who_is_called_or_has_another_address_while_its_session_stands_is_called_by_whoever_wakes() {
    let moves = |talk: &mut Conversation| {
        let at = [host(SOMEWHERE)];
        let edit = |known: &mut KnownPeers| {
            known.remove("bob")?;
            known.add("bob", &BOB, &at)
        };
        talk.change_peers(edit).unwrap();
    };
    let asks = |talk: &mut Conversation| {
        talk.call(BOB).unwrap();
        talk.calls.let_be(&BOB);
    };
    let elsewhere = format!("bob {} addr=127.0.0.2:9\n", key_text(&BOB));
    for (known, change) in [
        (bob(), moves as fn(&mut Conversation)),
        (elsewhere.clone(), moves),
        (elsewhere, asks as fn(&mut Conversation)),
    ] {
        let home = tempfile::tempdir().unwrap();
        let (mut talk, _program) = conversation(home.path(), &known, LISTEN);
        talk.call_everybody();
        talk.calls.let_be(&BOB);
        happens(&mut talk, comes(BOB));
        change(&mut talk);
        talk.calls.let_be(&BOB);
        let now = talk.clock.now();
        talk.look_at_network(true, now).unwrap();
        assert_eq!(talk.calls.due(now).len(), 1, "{known}");
    }
}

fn tries(talk: &Conversation, peer: PeerId) -> u32 {
    talk.status(peer).unwrap().unwrap().tries
}

/// Somebody was met there, and comes: a session stands, and no keys are left of it.
fn is_met(talk: &mut Conversation, peer: PeerId) {
    let meet = |messenger: &mut crate::chat::Messenger, now| {
        let endpoint = messenger.endpoint_mut();
        let known = endpoint.connect(peer, &[SOMEWHERE.parse().unwrap()], now);
        endpoint.close(peer, now);
        known
    };
    talk.handle.with(meet).unwrap().unwrap();
    happens(talk, comes(peer));
}

fn wakes(talk: &mut Conversation) {
    let now = talk.clock.now();
    talk.look_at_network(true, now).unwrap();
}

/// Only those were who have a saved address, and only by a program that calls everybody.
#[test]
fn who_wakes_calls_whoever_is_called_nowhere_else_once_where_it_was_met() {
    let at_home = format!("bob {} addr={SOMEWHERE}\n", key_text(&BOB));
    for (known, calls_everybody) in [(at_home, false), (bob(), true), (bob(), false)] {
        let home = tempfile::tempdir().unwrap();
        let (mut talk, program) = conversation(home.path(), &known, LISTEN);
        if calls_everybody {
            talk.call_everybody();
        }
        is_met(&mut talk, BOB);
        assert_eq!(tries(&talk, BOB), 0);
        told(&program);
        wakes(&mut talk);
        assert_eq!(tries(&talk, BOB), 1, "{known}");
        wakes(&mut talk);
        assert_eq!(tries(&talk, BOB), 1, "it is under way");
        assert_eq!(told(&program), "");
    }
}

#[test]
fn who_wakes_calls_nobody_who_has_left_or_was_hung_up_on_or_has_refused_or_was_never_there() {
    let closed = |reason| Event::Closed { peer: BOB, reason };
    let reason = Refusal::UnknownKey;
    for end in [
        closed(CloseReason::Goodbye),
        closed(CloseReason::Declined),
        Event::Waiting { peer: BOB },
        Event::Refused { peer: BOB, reason },
    ] {
        let home = tempfile::tempdir().unwrap();
        let (mut talk, _program) = conversation(home.path(), &bob(), LISTEN);
        is_met(&mut talk, BOB);
        happens(&mut talk, end);
        wakes(&mut talk);
        assert_eq!(tries(&talk, BOB), 0);
    }
    let home = tempfile::tempdir().unwrap();
    let (mut talk, _program) = conversation(home.path(), &bob(), LISTEN);
    is_met(&mut talk, BOB);
    talk.hang_up(BOB).unwrap();
    wakes(&mut talk);
    assert_eq!(tries(&talk, BOB), 0);
    // Whoever calls after that is not called by itself.
    happens(&mut talk, comes(BOB));
    wakes(&mut talk);
    assert_eq!(tries(&talk, BOB), 0);
    talk.state.links.clear();
    talk.calls.wake(&BOB);
    wakes(&mut talk);
    assert_eq!(tries(&talk, BOB), 0);
}

/// A later call of somebody who had left was not told of.
#[test]
fn what_is_not_told_of_a_call_after_a_sleep_is_told_of_the_next_session() {
    let unreachable = Event::Unreachable {
        peer: BOB,
        tries: 9,
    };
    let reason = CloseReason::Goodbye;
    let closed = Event::Closed { peer: BOB, reason };
    for end in [unreachable, closed] {
        let known = format!("bob {} addr={SOMEWHERE}\n", key_text(&BOB));
        let home = tempfile::tempdir().unwrap();
        let (mut talk, program) = conversation(home.path(), &known, LISTEN);
        talk.call_everybody();
        talk.calls.let_be(&BOB);
        happens(&mut talk, comes(BOB));
        wakes(&mut talk);
        assert_eq!(talk.calls.due(talk.clock.now()).len(), 1);
        happens(&mut talk, end);
        told(&program);
        let inquiry = talk.calls.inquire(BOB, host(SOMEWHERE), Family::Any, false);
        talk.on_found(inquiry, Ok(vec![SOMEWHERE.parse().unwrap()]))
            .unwrap();
        assert!(told(&program).contains("\"connecting\""));
    }
}

#[test]
fn of_many_who_are_called_where_they_were_met_so_many_are_at_one_time_until_all_are() {
    let peers: Vec<PeerId> = (0..300_u16)
        .map(|number| {
            let mut key = [7; 32];
            key[..2].copy_from_slice(&number.to_be_bytes());
            PeerId::new(key)
        })
        .collect();
    let line = |(number, key)| format!("peer{number} {}\n", key_text(key));
    let known: String = peers.iter().enumerate().map(line).collect();
    let home = tempfile::tempdir().unwrap();
    let (mut talk, _program) = conversation(home.path(), &known, LISTEN);
    for peer in &peers {
        is_met(&mut talk, *peer);
    }
    let called = |talk: &Conversation| {
        let is_called = |peer: &&PeerId| tries(talk, **peer) > 0;
        peers.iter().filter(is_called).count()
    };
    wakes(&mut talk);
    assert_eq!(called(&talk), MAX_ADDRESSES);
    let last = peers.last().unwrap();
    happens(
        &mut talk,
        Event::Closed {
            peer: *last,
            reason: CloseReason::Goodbye,
        },
    );
    let now = talk.clock.now();
    talk.look_at_network(false, now).unwrap();
    assert_eq!(called(&talk), 299, "the last one has left meanwhile");
}

/// Its call went on for ever: a call anew was one that is wanted.
#[test]
fn who_is_called_once_is_called_no_more_often_if_the_network_comes_meanwhile() {
    for comes in [false, true] {
        let home = tempfile::tempdir().unwrap();
        let (mut talk, _program) = conversation(home.path(), &bob(), LISTEN);
        is_met(&mut talk, BOB);
        wakes(&mut talk);
        assert_eq!(tries(&talk, BOB), 1);
        if comes {
            let at: SocketAddr = SOMEWHERE.parse().unwrap();
            talk.state.routes.note_ways(BOB, &[(at, false)]);
            let now = talk.clock.now();
            talk.look_at_network(false, now).unwrap();
        }
        let next = talk.handle.with(|messenger, now| {
            let mut at = now;
            for _ in 0..400 {
                at = at + Duration::from_secs(1);
                messenger.handle_timeout(at);
                while messenger.endpoint_mut().poll_transmit(at).is_some() {}
            }
            messenger.endpoint().status(BOB, at).unwrap().next_try
        });
        assert_eq!(next.unwrap(), None, "the network comes: {comes}");
    }
}
