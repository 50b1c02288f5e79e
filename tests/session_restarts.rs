//! Items of docs/checklist.md, "State": restarts, clocks, sleep, backups.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod simulated;

use securechat::chat::State;
use securechat::proto::Event;
use securechat::proto::limits::ERASE_AFTER;
use securechat::sim::{Habits, Pair, World};
use simulated::{SOON, assert_well, clear, ms, secs, talk_until_heard};

/// Ways to restart: who, and who speaks first afterwards.
#[test]
fn either_or_both_may_restart_and_either_may_speak_first() {
    for restarted in 1..4 {
        for speaker in [0, 1] {
            let mut pair = Pair::connected(6);
            let nodes = [pair.a, pair.b];
            assert_well(&mut pair);
            for (bit, node) in nodes.into_iter().enumerate() {
                if restarted & (1 << bit) != 0 {
                    pair.restart(node);
                }
            }
            let (from, to) = (nodes[speaker], nodes[1 - speaker]);
            let _ = pair.connect(from, to);
            assert!(
                talk_until_heard(&mut pair, from, to, secs(15)),
                "restarted {restarted:02b}, speaker {speaker}"
            );
            assert_well(&mut pair);
        }
    }
}

#[test]
fn a_goodbye_ends_the_session_at_once_on_the_other_side() {
    let mut pair = Pair::connected(7);
    let (a, b) = (pair.a, pair.b);
    let peer = pair.id(b);
    pair.close(a, peer);
    pair.advance(SOON);
    let closed = |w: &World, node| {
        w.node(node)
            .events()
            .iter()
            .any(|(_, event)| matches!(event, Event::Closed { .. }))
    };
    assert!(closed(&pair, b));
    clear(&mut pair);
    pair.advance(secs(1_000));
    assert_eq!(
        pair.network().capture().len(),
        0,
        "a closed session is silent"
    );
    pair.connect(b, a).unwrap();
    assert!(talk_until_heard(&mut pair, b, a, secs(7)));
    assert_well(&mut pair);
}

#[test]
fn delayed_packets_of_the_old_connection_change_nothing_after_a_restart() {
    for restarted in 1..4 {
        let mut pair = Pair::connected(8);
        let (a, b) = (pair.a, pair.b);
        let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
        pair.network_mut().partition(host_a, host_b);
        clear(&mut pair);
        for _ in 0..3 {
            pair.talk(a, b).unwrap();
            pair.talk(b, a).unwrap();
        }
        let delayed = pair.network().capture().to_vec();
        pair.network_mut().heal_all();
        for (bit, node) in [a, b].into_iter().enumerate() {
            if restarted & (1 << bit) != 0 {
                pair.restart(node);
            }
        }
        pair.connect(a, b).unwrap();
        assert!(
            talk_until_heard(&mut pair, a, b, secs(15)),
            "restart {restarted}"
        );
        // What was said before and still has its sender comes too.
        pair.advance(SOON);
        let shown = [a, b].map(|node| pair.node(node).lines().len());
        clear(&mut pair);
        for data in &delayed {
            pair.inject(data.from, data.to, data.datagram.clone());
        }
        pair.advance(SOON);
        assert_eq!([a, b].map(|node| pair.node(node).lines().len()), shown);
        assert_well(&mut pair);
    }
}

#[test]
fn a_wall_clock_that_goes_back_locks_nobody_out() {
    let mut pair = Pair::connected(9);
    let (a, b) = (pair.a, pair.b);
    for wall_ns in [1, 3_000_000_000_000_000_000, 1_000_000_000_000_000_000, 0] {
        pair.node_mut(a).set_wall_ns(wall_ns);
        pair.restart(a);
        pair.connect(a, b).unwrap();
        assert!(
            talk_until_heard(&mut pair, a, b, secs(7)),
            "wall clock at {wall_ns} ns"
        );
        assert_well(&mut pair);
    }
}

/// Not within 10 s of the handshake: a rekey that follows so closely counts as crossed.
#[test]
fn a_clock_that_leaps_forward_stops_no_conversation() {
    for leap in [1, 100, 179, 181, 600, 86_400, 40_000_000] {
        for leaper in [0, 1] {
            let mut pair = Pair::connected(10);
            let nodes = [pair.a, pair.b];
            pair.advance(secs(11));
            pair.node_mut(nodes[leaper]).leap(secs(leap));
            for (from, to) in [(nodes[0], nodes[1]), (nodes[1], nodes[0])] {
                let heard = talk_until_heard(&mut pair, from, to, secs(20));
                assert!(heard, "{leap} s at {leaper}");
            }
            pair.advance(secs(10));
            assert!(pair.chat(SOON), "{leap} s at {leaper}");
        }
    }
}

#[test]
fn a_machine_that_was_suspended_is_heard_at_once_when_it_wakes() {
    for asleep in [10, 170, 300, 3_600, 86_400 * 30] {
        let mut pair = Pair::connected(11);
        let (a, b) = (pair.a, pair.b);
        pair.sleep(a, secs(asleep));
        pair.advance(secs(asleep) + ms(1));
        let line = pair.talk(a, b).unwrap();
        assert!(
            pair.advance_until(secs(2), |w| w.has_seen(b, &line)),
            "after {asleep} s"
        );
        assert_well(&mut pair);
    }
}

/// Its network goes first, so that it calls in vain, and comes last.
#[test]
fn a_machine_that_was_suspended_while_it_called_is_heard_soon_after_its_network_is_back() {
    for before in [8, 120] {
        let mut pair = Pair::connected(13);
        let (a, b) = (pair.a, pair.b);
        let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
        pair.network_mut().partition(host_a, host_b);
        let line = pair.talk(a, b).unwrap();
        pair.advance(secs(before));
        let told = pair.node(a).events().len();
        pair.sleep(a, secs(3_600));
        pair.advance(secs(3_603));
        let events = &pair.node(a).events()[told..];
        let is_told = |(_, event): &(_, Event)| matches!(event, Event::Unreachable { .. });
        assert!(!events.iter().any(is_told), "{events:?}");
        pair.network_mut().heal_all();
        let is_heard = pair.advance_until(secs(10), |w| w.has_seen(b, &line));
        assert!(is_heard, "asleep after {before} s");
        assert_well(&mut pair);
    }
}

/// Nothing waits that would keep the series going.
#[test]
fn who_called_for_a_receipt_alone_and_was_suspended_calls_again_when_it_wakes() {
    let mut pair = Pair::connected(14);
    let (a, b) = (pair.a, pair.b);
    let line = pair.talk(b, a).unwrap();
    let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
    assert!(pair.advance_until(SOON, |w| w.has_seen(a, &line)));
    pair.network_mut().partition(host_a, host_b);
    pair.advance(secs(8));
    pair.sleep(a, secs(3_600));
    pair.advance(secs(3_603));
    pair.network_mut().heal_all();
    let is_back = |w: &World| w.status(a, b).is_some_and(|it| it.established);
    assert!(!is_back(&pair), "its keys are too old");
    assert!(pair.advance_until(secs(10), is_back));
    assert_well(&mut pair);
}

#[test]
fn who_speaks_to_a_suspended_machine_reaches_it_when_it_wakes() {
    let mut pair = Pair::connected(12);
    let (a, b) = (pair.a, pair.b);
    pair.sleep(b, secs(3_600));
    pair.advance(secs(3_595));
    assert!(talk_until_heard(&mut pair, a, b, secs(75)));
    assert_well(&mut pair);
}

/// The store's word is older than what was sent, and the clock is wrong as well: the one case in
/// which an initiator is not heard, until the responder forgets or calls by itself.
#[test]
fn a_restored_backup_with_a_wrong_clock_is_still_reachable() {
    let mut pair = Pair::connected(22);
    let (a, b) = (pair.a, pair.b);
    pair.advance(secs(10));
    pair.node_mut(a).set_reserved(securechat::id::Timestamp(0));
    pair.node_mut(a).set_wall_ns(1_600_000_000_000_000_000);
    pair.restart(a);
    pair.connect(a, b).unwrap();
    pair.advance(secs(30));
    assert_eq!(pair.established(a, b), 1, "an old timestamp is not taken");
    assert!(talk_until_heard(&mut pair, b, a, secs(20)));
    assert_well(&mut pair);
}

#[test]
fn a_restored_backup_with_a_right_clock_does_not_matter() {
    let mut pair = Pair::connected(23);
    let (a, b) = (pair.a, pair.b);
    pair.advance(secs(1));
    pair.node_mut(a).set_reserved(securechat::id::Timestamp(0));
    pair.restart(a);
    pair.connect(a, b).unwrap();
    assert!(pair.advance_until(SOON, |w| w.established(b, a) == 2));
    assert_well(&mut pair);
}

#[test]
fn many_restarts_use_up_timestamps_without_repeating_one() {
    let mut pair = Pair::new(26);
    let (a, b) = (pair.a, pair.b);
    pair.node_mut(a).set_wall_ns(0);
    for _ in 0..50 {
        pair.restart(a);
        pair.connect(a, b).unwrap();
        assert!(pair.advance_until(SOON, |w| w.established(a, b) > 0));
    }
    assert!(talk_until_heard(&mut pair, a, b, secs(7)));
}

/// Two processes that draw the same indices and connection ids as each other, and as those before
/// them. (One alone that drew its own former connection id would be taken for the one before it; 64
/// random bits rule that out.)
#[test]
fn equal_indices_on_both_sides_and_across_restarts_confuse_nobody() {
    let mut pair = Pair::new(33);
    let (a, b) = (pair.a, pair.b);
    for node in [a, b] {
        pair.node_mut(node).fix_seed([7; 32]);
        pair.restart(node);
    }
    pair.connect(a, b).unwrap();
    pair.connect(b, a).unwrap();
    pair.advance(secs(5));
    assert_well(&mut pair);
    for restarted in 0..3 {
        for node in [a, b] {
            pair.restart(node);
        }
        pair.connect(a, b).unwrap();
        assert!(
            talk_until_heard(&mut pair, a, b, secs(20)),
            "restart {restarted}"
        );
        assert!(
            talk_until_heard(&mut pair, b, a, secs(20)),
            "restart {restarted}"
        );
        pair.advance(secs(5));
        assert_well(&mut pair);
    }
}

#[test]
fn what_waits_for_a_peer_that_declined_us_is_brought_again_once_it_has_come_back() {
    let mut pair = Pair::new(31);
    let (a, b) = (pair.a, pair.b);
    let habits = Habits {
        thinks: secs(40),
        ..Habits::default()
    };
    pair.set_habits(b, habits);
    pair.connect_both_ways();
    let name = pair.send_bytes(a, b, 100).unwrap().unwrap();
    pair.advance(ms(200));
    let id = pair.id(a);
    pair.remove_peer(b, id);
    pair.advance(ms(200));
    pair.add_peer(b, a);
    pair.connect(b, a).unwrap();
    pair.advance(ms(400));
    assert_eq!(pair.state(a, b, name), Some(State::Sent));
    pair.restart(b);
    let limit = ERASE_AFTER + secs(60);
    assert!(pair.advance_until(limit, |world| world.unsettled(a, b) == 0));
    assert_eq!(pair.state(a, b, name), Some(State::Delivered));
}
