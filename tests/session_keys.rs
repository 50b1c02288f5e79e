//! The reviewer's checklist of docs/protocol.md, "State": keys over time, restarts, clocks, paths.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod simulated;

use core::time::Duration;

use securechat::proto::{EndpointConfig, Event, limits};
use securechat::sim::{LinkConfig, NatConfig, NodeId, Pair, Verdict, World};
use simulated::{
    DATA, INIT, RESP, SOON, assert_well, clear, index_of, is, ms, secs, sent, talk_until_heard,
};

/// Chats every `step` for `duration`; how many of the lines arrived.
fn chat_for(pair: &mut Pair, duration: Duration, step: Duration) -> (usize, usize) {
    let (a, b) = (pair.a, pair.b);
    let end = pair.now() + duration;
    let mut lines = Vec::new();
    while pair.now() < end {
        lines.push((b, pair.talk(a, b).unwrap()));
        lines.push((a, pair.talk(b, a).unwrap()));
        pair.advance(step);
    }
    pair.advance(secs(1));
    (
        lines
            .iter()
            .filter(|(to, line)| pair.has_seen(*to, line))
            .count(),
        lines.len(),
    )
}

#[test]
fn a_rekey_loses_no_line() {
    let mut pair = Pair::connected(1);
    let (arrived, sent_lines) = chat_for(&mut pair, secs(600), ms(500));
    assert_eq!(arrived, sent_lines);
    let a = pair.a;
    let rekeys = sent(&pair, a, INIT).len() / 2;
    assert!((4..=6).contains(&rekeys), "{rekeys} handshakes in 600 s");
    assert_eq!(pair.violations(), &[] as &[String]);
}

#[test]
fn who_only_receives_gets_a_rekey_too() {
    for talker in [0, 1] {
        let mut pair = Pair::connected(2);
        let (from, to) = [(pair.a, pair.b), (pair.b, pair.a)][talker];
        let mut lines = Vec::new();
        for _ in 0..400 {
            lines.push(pair.talk(from, to).unwrap());
            pair.advance(secs(1));
        }
        assert!(
            lines.iter().all(|line| pair.has_seen(to, line)),
            "talker {talker}"
        );
    }
}

#[test]
fn a_rekey_under_loss_keeps_the_session() {
    let mut pair = Pair::connected(3);
    pair.set_links(&LinkConfig {
        loss_ppm: 300_000,
        ..LinkConfig::delay(ms(20))
    });
    let (arrived, sent_lines) = chat_for(&mut pair, secs(900), ms(500));
    assert!(arrived * 100 > sent_lines * 60, "{arrived} of {sent_lines}");
    pair.set_links(&LinkConfig::delay(ms(20)));
    pair.advance(secs(10));
    assert_well(&mut pair);
    let (a, b) = (pair.a, pair.b);
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
}

#[test]
fn every_key_lives_less_than_180_seconds_and_no_nonce_repeats() {
    let mut pair = Pair::connected(4);
    chat_for(&mut pair, secs(600), ms(700));
    let (a, b) = (pair.a, pair.b);
    for node in [a, b] {
        let mut seen = std::collections::BTreeMap::new();
        let mut nonces = std::collections::BTreeSet::new();
        for data in sent(&pair, node, DATA) {
            let index = index_of(&data.datagram);
            assert!(
                nonces.insert(data.datagram[4..16].to_vec()),
                "a nonce is used twice"
            );
            let first = *seen.entry(index).or_insert(data.at);
            assert!(data.at.saturating_since(first) < secs(180));
        }
        assert!(seen.len() >= 4);
    }
}

#[test]
fn late_packets_under_the_previous_key_are_taken_once() {
    let mut pair = Pair::connected(5);
    let (a, b) = (pair.a, pair.b);
    pair.advance(secs(115));
    let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
    pair.network_mut().block(host_a, host_b);
    clear(&mut pair);
    let line = pair.talk(a, b).unwrap();
    let late = sent(&pair, a, DATA)[0].clone();
    pair.network_mut().heal_all();
    chat_for(&mut pair, secs(20), secs(1));
    let latest = sent(&pair, a, DATA).pop().unwrap();
    assert_ne!(
        index_of(&latest.datagram),
        index_of(&late.datagram),
        "no rekey came"
    );
    for _ in 0..3 {
        pair.inject(late.from, late.to, late.datagram.clone());
    }
    assert_eq!(
        pair.node(b)
            .lines()
            .iter()
            .filter(|l| l.line == line)
            .count(),
        1
    );
    assert_well(&mut pair);
}

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
            "restarted {restarted:02b}"
        );
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
fn a_leap_of_the_monotonic_clock_ends_in_a_new_session() {
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
fn who_wakes_speaks_under_new_keys_at_once() {
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

#[test]
fn who_speaks_to_a_sleeper_reaches_him_when_he_wakes() {
    let mut pair = Pair::connected(12);
    let (a, b) = (pair.a, pair.b);
    pair.sleep(b, secs(3_600));
    pair.advance(secs(3_595));
    assert!(talk_until_heard(&mut pair, a, b, secs(75)));
    assert_well(&mut pair);
}

#[test]
fn two_idle_peers_are_silent_for_a_day() {
    let mut pair = Pair::connected(13);
    assert_well(&mut pair);
    pair.advance(secs(10));
    let before = pair.network().sent();
    pair.advance(secs(86_400));
    assert_eq!(pair.network().sent(), before);
    assert_well(&mut pair);
}

#[test]
fn two_idle_peers_who_never_spoke_are_silent_too() {
    let mut pair = Pair::connected(14);
    pair.advance(secs(10));
    let before = pair.network().sent();
    pair.advance(secs(86_400));
    assert_eq!(pair.network().sent(), before);
}

#[test]
fn keys_are_erased_on_time() {
    let mut pair = Pair::connected(15);
    let (a, b) = (pair.a, pair.b);
    let keys = |w: &World, node: NodeId| w.node(node).endpoint().unwrap().key_table().len();
    assert_eq!((keys(&pair, a), keys(&pair, b)), (1, 1));
    pair.advance(secs(530));
    pair.advance(secs(20));
    assert_eq!((keys(&pair, a), keys(&pair, b)), (0, 0));
}

#[test]
fn a_roaming_peer_takes_its_session_along() {
    let mut pair = Pair::connected(16);
    let (a, b) = (pair.a, pair.b);
    for node in [a, b, a] {
        pair.roam(node);
        let (from, to) = if node == a { (a, b) } else { (b, a) };
        let line = pair.talk(from, to).unwrap();
        assert!(pair.advance_until(SOON, |w| w.has_seen(to, &line)));
        assert_well(&mut pair);
    }
    let roamed = |node| {
        let events = pair.node(node).events().iter();
        events
            .filter(|(_, event)| matches!(event, Event::Roamed { .. }))
            .count()
    };
    assert_eq!((roamed(b), roamed(a)), (2, 1));
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
}

#[test]
fn a_delayed_packet_from_the_old_address_does_not_move_the_path_back() {
    let mut pair = Pair::connected(17);
    let (a, b) = (pair.a, pair.b);
    let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
    pair.network_mut().block(host_a, host_b);
    clear(&mut pair);
    pair.talk(a, b).unwrap();
    let late = sent(&pair, a, DATA)[0].clone();
    pair.network_mut().heal_all();
    pair.roam(a);
    assert!(talk_until_heard(&mut pair, a, b, secs(1)));
    assert_well(&mut pair);
    pair.inject(late.from, late.to, late.datagram.clone());
    assert_well(&mut pair);
}

#[test]
fn a_roam_during_a_rekey_keeps_the_session() {
    for pause in [0, 10, 20, 30, 40, 50, 60] {
        let mut pair = Pair::connected(18);
        let (a, b) = (pair.a, pair.b);
        pair.advance(secs(121));
        clear(&mut pair);
        pair.talk(a, b).unwrap();
        assert_eq!(
            sent(&pair, a, INIT).len(),
            2,
            "speaking at 121 s starts a rekey"
        );
        pair.advance(ms(pause));
        pair.roam(a);
        assert!(
            talk_until_heard(&mut pair, a, b, secs(10)),
            "roamed after {pause} ms"
        );
        assert!(
            talk_until_heard(&mut pair, b, a, secs(10)),
            "roamed after {pause} ms"
        );
        pair.advance(secs(10));
        assert_well(&mut pair);
    }
}

#[test]
fn a_peer_revoked_or_removed_while_live_ends_its_session() {
    for revoke in [true, false] {
        let mut pair = Pair::connected(19);
        let (a, b) = (pair.a, pair.b);
        let (peer, line) = (pair.id(a), pair.talk(a, b).unwrap());
        if revoke {
            pair.revoke_peer(b, peer);
        } else {
            pair.remove_peer(b, peer);
        }
        pair.advance(SOON);
        assert!(!pair.has_seen(b, &line), "what was under way is not shown");
        let _ = pair.talk(a, b);
        pair.advance(secs(60));
        assert_eq!(pair.node(b).lines().len(), 0);
        assert_eq!(pair.violations(), &[] as &[String]);
        assert_eq!(pair.node(b).endpoint().unwrap().key_table().len(), 0);
    }
}

#[test]
fn a_peer_revoked_while_its_handshake_is_in_the_worker_gets_no_answer() {
    for revoke in [true, false] {
        let mut pair = Pair::new(20);
        let (a, b) = (pair.a, pair.b);
        pair.node_mut(b).set_job_delay(ms(50));
        pair.connect(a, b).unwrap();
        pair.advance(ms(40));
        let peer = pair.id(a);
        if revoke {
            pair.revoke_peer(b, peer);
        } else {
            pair.remove_peer(b, peer);
        }
        pair.advance(ms(500));
        assert_eq!(sent(&pair, b, DATA).len(), 0);
        if revoke {
            assert_eq!(sent(&pair, b, RESP).len(), 0);
        }
        assert_eq!(pair.established(b, a), 0);
        assert_eq!(pair.node(b).endpoint().unwrap().key_table().len(), 0);
    }
}

#[test]
fn an_initiator_that_revokes_while_its_job_runs_gets_no_session() {
    for pause in [10, 70, 120] {
        let mut pair = Pair::new(21);
        let (a, b) = (pair.a, pair.b);
        pair.node_mut(a).set_job_delay(ms(50));
        pair.connect(a, b).unwrap();
        pair.advance(ms(pause));
        let peer = pair.id(b);
        pair.revoke_peer(a, peer);
        clear(&mut pair);
        pair.advance(secs(30));
        assert_eq!(pair.established(a, b), 0, "revoked after {pause} ms");
        assert_eq!(
            pair.network()
                .capture()
                .iter()
                .filter(|s| s.sender == Some(pair.node(a).host()))
                .count(),
            0
        );
    }
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
fn silence_is_noticed_and_healed() {
    let mut pair = Pair::connected(24);
    let (a, b) = (pair.a, pair.b);
    let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
    pair.network_mut().partition(host_a, host_b);
    pair.talk(a, b).unwrap();
    let silent = |w: &World| {
        w.node(a)
            .events()
            .iter()
            .any(|(_, event)| matches!(event, Event::Silent { .. }))
    };
    assert!(pair.advance_until(secs(7), silent));
    pair.network_mut().heal_all();
    assert!(talk_until_heard(&mut pair, a, b, secs(15)));
    assert_well(&mut pair);
}

#[test]
fn a_session_outlives_a_nat_that_forgets_its_mapping() {
    let mut pair = Pair::new(25);
    let (a, b) = (pair.a, pair.b);
    let host_a = pair.node(a).host();
    let config = NatConfig {
        outside: [203, 0, 113, 1].into(),
        idle: secs(30),
    };
    let nat = pair.network_mut().add_nat(config);
    pair.network_mut().put_behind(host_a, Some(nat));
    pair.connect_both_ways();
    assert_well(&mut pair);
    pair.network_mut().rebind(nat);
    assert!(talk_until_heard(&mut pair, a, b, secs(7)));
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

#[test]
fn a_link_of_every_fault_still_carries_a_chat() {
    let mut pair = Pair::new(27);
    pair.set_links(&LinkConfig::bad());
    let (a, b) = (pair.a, pair.b);
    pair.connect(a, b).unwrap();
    assert!(pair.advance_until(secs(60), |w| w.established(b, a) > 0));
    for _ in 0..50 {
        let _ = pair.chat(secs(1));
        pair.advance(secs(5));
    }
    assert_eq!(pair.violations(), &[] as &[String]);
    pair.set_links(&LinkConfig::home());
    pair.advance(secs(10));
    assert!(talk_until_heard(&mut pair, a, b, secs(20)));
    assert!(talk_until_heard(&mut pair, b, a, secs(20)));
}

#[test]
fn a_path_that_carries_only_1232_bytes_carries_every_line() {
    let mut pair = Pair::new(28);
    pair.set_links(&LinkConfig {
        mtu: Some(1_232),
        ..LinkConfig::delay(ms(20))
    });
    pair.connect_both_ways();
    let (a, b) = (pair.a, pair.b);
    for len in [1, 63, 64, 500, 999, 1_000] {
        let line: Vec<u8> = vec![b'x'; len];
        pair.say(a, b, line.clone()).unwrap();
        assert!(
            pair.advance_until(SOON, |w| w.has_seen(b, &line)),
            "{len} bytes"
        );
    }
    assert!(pair.say(a, b, vec![b'x'; 1_001]).is_err());
}

#[test]
fn a_cut_after_the_rekeys_answer_heals_by_itself() {
    let mut pair = Pair::connected(29);
    let (a, b) = (pair.a, pair.b);
    pair.advance(secs(121));
    let mut left = 3;
    pair.network_mut().set_filter(Some(Box::new(move |seen| {
        if left > 0 && is(RESP, &seen.datagram) {
            left -= 1;
            return Verdict::Drop;
        }
        Verdict::Pass
    })));
    let (arrived, sent_lines) = chat_for(&mut pair, secs(40), ms(500));
    assert_eq!(
        arrived, sent_lines,
        "the old key serves until the new one is there"
    );
    assert_well(&mut pair);
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
}

#[test]
fn keepalives_hold_a_nat_open() {
    let keepalive = EndpointConfig {
        keepalive: Some(secs(25)),
        ..EndpointConfig::default()
    };
    let mut pair = Pair::strangers(30, keepalive, EndpointConfig::default());
    let (a, b) = (pair.a, pair.b);
    pair.introduce(a, b);
    let config = NatConfig {
        outside: [203, 0, 113, 1].into(),
        idle: secs(30),
    };
    let nat = pair.network_mut().add_nat(config);
    let host_a = pair.node(a).host();
    pair.network_mut().put_behind(host_a, Some(nat));
    pair.connect_both_ways();
    pair.advance(secs(3_600));
    let line = pair.talk(b, a).unwrap();
    assert!(pair.advance_until(secs(1), |w| w.has_seen(a, &line)));
    assert_well(&mut pair);
}

/// Sets how many packets `from` has sent under its key.
fn set_counter(pair: &Pair, from: NodeId, to: NodeId, sent_packets: u64) {
    let endpoint = pair.node(from).endpoint().unwrap();
    let keypair = endpoint
        .current_keypair_for_testing_only(pair.id(to))
        .unwrap();
    keypair.set_sent_for_testing_only(sent_packets);
}

#[test]
fn a_counter_near_its_soft_end_brings_a_rekey() {
    for side in [0, 1] {
        let mut pair = Pair::connected(31);
        let (from, to) = [(pair.a, pair.b), (pair.b, pair.a)][side];
        pair.advance(secs(11));
        set_counter(&pair, from, to, limits::REKEY_AFTER_PACKETS);
        clear(&mut pair);
        let line = pair.talk(from, to).unwrap();
        assert!(pair.advance_until(SOON, |w| w.has_seen(to, &line)));
        assert_eq!(sent(&pair, from, INIT).len(), 2);
        pair.advance(secs(1));
        clear(&mut pair);
        assert_well(&mut pair);
        let counters = sent(&pair, from, DATA);
        assert!(
            counters
                .iter()
                .all(|data| simulated::counter_of(&data.datagram) < 100)
        );
    }
}

#[test]
fn a_counter_at_its_end_seals_no_more_and_loses_no_line() {
    for side in [0, 1] {
        let mut pair = Pair::connected(32);
        let (from, to) = [(pair.a, pair.b), (pair.b, pair.a)][side];
        pair.advance(secs(11));
        set_counter(&pair, from, to, limits::REJECT_AFTER_PACKETS - 1);
        clear(&mut pair);
        let lines: Vec<_> = (0..3).map(|_| pair.talk(from, to).unwrap()).collect();
        pair.advance(SOON);
        assert!(lines.iter().all(|line| pair.has_seen(to, line)));
        let counters = sent(&pair, from, DATA);
        let highest = counters
            .iter()
            .map(|data| simulated::counter_of(&data.datagram))
            .max();
        assert_eq!(highest, Some(limits::REJECT_AFTER_PACKETS - 1));
        assert_well(&mut pair);
    }
}

/// A process that draws the same indices and connection ids as the one before it, and as its peer.
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
    for restarted in 1..4 {
        for (bit, node) in [a, b].into_iter().enumerate() {
            if restarted & (1 << bit) != 0 {
                pair.restart(node);
            }
        }
        pair.connect(a, b).unwrap();
        assert!(
            talk_until_heard(&mut pair, a, b, secs(20)),
            "restarted {restarted:02b}"
        );
        assert!(
            talk_until_heard(&mut pair, b, a, secs(20)),
            "restarted {restarted:02b}"
        );
        pair.advance(secs(5));
        assert_well(&mut pair);
    }
}
