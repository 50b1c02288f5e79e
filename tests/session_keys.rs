//! Items of docs/checklist.md, "State": keys over time, and what ends a session.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod simulated;

use core::net::SocketAddr;
use core::time::Duration;

use securechat::proto::{Event, limits};
use securechat::sim::{LinkConfig, NodeId, Pair, Verdict, World};
use simulated::{
    DATA, INIT, LOSSES, RESP, SOON, assert_well, clear, index_of, initiators, is, lose_first, ms,
    secs, sent, talk_until_heard,
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
fn a_rekey_under_loss_keeps_the_session_and_loses_no_line() {
    let mut pair = Pair::connected(3);
    pair.set_links(&LinkConfig {
        loss_ppm: 300_000,
        ..LinkConfig::delay(ms(20))
    });
    let (arrived, sent_lines) = chat_for(&mut pair, secs(900), ms(500));
    assert!(arrived * 100 > sent_lines * 90, "{arrived} of {sent_lines}");
    pair.set_links(&LinkConfig::delay(ms(20)));
    pair.advance(secs(10));
    let (a, b) = (pair.a, pair.b);
    let shown = [a, b].map(|node| pair.node(node).lines().len());
    assert_eq!(shown.iter().sum::<usize>(), sent_lines);
    assert!(sent(&pair, a, INIT).len() >= 2 * 6, "no rekey");
    assert_well(&mut pair);
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

/// Whoever has a use for its lines is there, though nothing is established.
#[test]
fn a_session_that_rests_has_no_key_and_goes_on_with_the_next_line() {
    let mut pair = Pair::connected(5);
    let (a, b) = (pair.a, pair.b);
    assert!(pair.chat(SOON));
    pair.advance(secs(200));
    let status = pair.status(a, b).unwrap();
    assert!(!status.established && status.key_age.is_none());
    assert!(status.rtt.is_some() && status.tries == 0);
    let line = pair.talk(a, b).unwrap();
    pair.advance(secs(1));
    assert!(pair.has_seen(b, &line));
    assert_eq!(pair.established(a, b), 1, "it was the same session");
    let id = pair.id(b);
    pair.close(a, id);
    pair.advance(secs(1));
    assert_eq!(pair.status(a, b).unwrap().rtt, None);
}

/// Whoever had asked for it was told of no end.
#[test]
fn whoever_asks_for_a_session_that_rests_is_told_that_it_has_keys_again() {
    let mut pair = Pair::connected(6);
    let (a, b) = (pair.a, pair.b);
    assert!(pair.chat(SOON));
    pair.advance(secs(200));
    let told = |pair: &Pair, node: NodeId| {
        let is_resumed = |(_, event): &&(_, Event)| matches!(event, Event::Resumed { .. });
        pair.node(node).events().iter().filter(is_resumed).count()
    };
    pair.talk(a, b).unwrap();
    pair.advance(secs(400));
    assert_eq!(told(&pair, a), 0, "nobody has asked for it");
    pair.connect(a, b).unwrap();
    pair.advance(secs(1));
    assert!(pair.status(a, b).unwrap().established);
    assert_eq!((told(&pair, a), told(&pair, b)), (1, 0));
    pair.connect(a, b).unwrap();
    pair.advance(secs(150));
    assert_eq!(told(&pair, a), 1, "it stands");
    assert_eq!(pair.established(a, b), 1, "it was the same session");
    // Both ask for it at once, and one of the two keypairs is given up.
    pair.advance(secs(400));
    pair.connect(a, b).unwrap();
    pair.connect(b, a).unwrap();
    pair.advance(secs(1));
    assert_eq!((told(&pair, a), told(&pair, b)), (2, 1));
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
fn a_peer_revoked_or_removed_while_live_ends_its_session() {
    for revoke in [true, false] {
        let mut pair = Pair::connected(19);
        let (a, b) = (pair.a, pair.b);
        let (peer, line) = (pair.id(a), pair.talk(a, b).unwrap());
        assert!(pair.node(b).identity().remembers(&peer));
        if revoke {
            pair.revoke_peer(b, peer);
        } else {
            pair.remove_peer(b, peer);
        }
        let identity = pair.node(b).identity();
        assert!(!identity.remembers(&peer), "the product of both keys");
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
fn a_peer_revoked_or_removed_with_its_handshake_in_the_worker_gets_no_session() {
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
        assert!(!pair.node(b).identity().remembers(&peer));
        assert_eq!(pair.node(b).endpoint().unwrap().key_table().len(), 0);
    }
}

#[test]
fn a_peer_revoked_or_removed_with_our_handshake_in_the_worker_gets_no_session() {
    for (pause, revoke) in [10, 70, 120]
        .into_iter()
        .flat_map(|it| [(it, true), (it, false)])
    {
        let mut pair = Pair::new(21);
        let (a, b) = (pair.a, pair.b);
        pair.node_mut(a).set_job_delay(ms(50));
        pair.connect(a, b).unwrap();
        pair.advance(ms(pause));
        let peer = pair.id(b);
        if revoke {
            pair.revoke_peer(a, peer);
        } else {
            pair.remove_peer(a, peer);
        }
        clear(&mut pair);
        pair.advance(secs(30));
        assert_eq!(pair.established(a, b), 0, "gone after {pause} ms");
        assert_eq!(sent(&pair, a, INIT).len() + sent(&pair, a, DATA).len(), 0);
        assert_eq!(pair.node(a).endpoint().unwrap().key_table().len(), 0);
    }
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

/// A node whose peer has moved, and keeps the address that it has left as one to call it at.
fn moved(seed: u64) -> (Pair, SocketAddr) {
    let mut pair = Pair::connected(seed);
    let (a, b) = (pair.a, pair.b);
    let left = pair.address(b);
    pair.roam(b);
    assert!(talk_until_heard(&mut pair, b, a, secs(5)));
    assert_well(&mut pair);
    clear(&mut pair);
    (pair, left)
}

/// Whoever watches there would learn that the two still talk.
#[test]
fn a_rekey_of_a_session_that_lives_calls_no_address_that_the_peer_has_left() {
    for talks in [true, false] {
        let (mut pair, left) = moved(41);
        let (a, b) = (pair.a, pair.b);
        if talks {
            chat_for(&mut pair, secs(600), secs(1));
        } else {
            let to = pair.id(b);
            pair.command(a, |endpoint, now| {
                endpoint.set_keepalive(to, Some(limits::NAT_KEEPALIVE), now);
            });
            pair.advance(secs(600));
        }
        let calls = [a, b].map(|node| sent(&pair, node, INIT)).concat();
        assert!(calls.len() >= 2 * 3, "no rekey");
        assert!(calls.iter().all(|init| init.to != left));
        assert_well(&mut pair);
    }
}

#[test]
fn a_rekey_that_nobody_answers_on_the_path_goes_to_every_address_next() {
    let (mut pair, left) = moved(42);
    let (a, b) = (pair.a, pair.b);
    pair.advance(limits::REKEY_INITIATOR_SEND);
    let host_b = pair.node(b).host();
    pair.network_mut().roam(host_b, left);
    let line = pair.talk(a, b).unwrap();
    assert!(pair.advance_until(secs(1), |w| w.has_seen(b, &line)));
    let calls = sent(&pair, a, INIT);
    let [first, .., last] = &calls[..] else {
        panic!("no rekey");
    };
    assert_ne!(first.to, left);
    assert_eq!(last.to, left);
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
        pair.advance(limits::GLARE_WINDOW);
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
        pair.advance(limits::GLARE_WINDOW);
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

/// Both sides have sent so much under one key that the next line of each brings a rekey, and say one at the same moment.
fn crossed_rekeys(seed: u64, lost: usize) -> Pair {
    let mut pair = Pair::connected(seed);
    let (a, b) = (pair.a, pair.b);
    pair.advance(limits::GLARE_WINDOW);
    clear(&mut pair);
    assert!(pair.chat(SOON));
    let old = [a, b].into_iter().flat_map(|node| sent(&pair, node, DATA));
    let old = old.map(|seen| index_of(&seen.datagram)).collect();
    lose_first(&mut pair, lost, old);
    clear(&mut pair);
    for (from, to) in [(a, b), (b, a)] {
        set_counter(&pair, from, to, limits::REKEY_AFTER_PACKETS);
    }
    let lines = [pair.talk(a, b).unwrap(), pair.talk(b, a).unwrap()];
    let both_call = [a, b].map(|node| sent(&pair, node, INIT).len());
    assert_eq!(both_call, [2, 2], "neither has heard the other");
    let are_seen = |w: &World| w.has_seen(b, &lines[0]) && w.has_seen(a, &lines[1]);
    assert!(
        pair.advance_until(SOON, are_seen),
        "the old key serves until the new one is there, losing {lost:06b}"
    );
    pair
}

#[test]
fn crossed_rekeys_converge_whatever_is_lost() {
    for lost in 0..1 << LOSSES {
        let mut pair = crossed_rekeys(33, lost);
        let (a, b) = (pair.a, pair.b);
        pair.advance(secs(10));
        for _ in 0..3 {
            assert!(pair.chat(SOON), "no line passes after losing {lost:06b}");
        }
        let [one, other] = initiators(&pair);
        assert_eq!(one, other, "two sending keypairs after losing {lost:06b}");
        assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
        assert_eq!(pair.violations(), &[] as &[String]);
        // Nobody goes on calling.
        clear(&mut pair);
        assert_well(&mut pair);
        let calls = [a, b].map(|node| sent(&pair, node, INIT).len());
        assert_eq!(calls, [0, 0], "after losing {lost:06b}");
    }
}

#[test]
fn crossed_rekeys_without_loss_settle_on_the_smaller_key() {
    for seed in 34..38 {
        let mut pair = crossed_rekeys(seed, 0);
        pair.advance(secs(5));
        assert_well(&mut pair);
        let (a, b) = (pair.a, pair.b);
        let smaller = if pair.id(a) < pair.id(b) { a } else { b };
        assert_eq!(initiators(&pair), [smaller, smaller], "seed {seed}");
    }
}
