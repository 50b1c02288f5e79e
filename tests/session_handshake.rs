//! Items of docs/checklist.md, "State": the handshake under a hostile or unlucky
//! network.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod simulated;

use securechat::crypto::{MacKey, StaticSecret};
use securechat::proto::limits::{INIT_SENDINGS, RESP_SENDINGS};
use securechat::sim::{Forger, LinkConfig, NatConfig, NodeId, Pair, SimRng, Verdict, World};
use simulated::{
    COOKIE, DATA, INIT, LOSSES, RESP, SOON, answers, assert_well, clear, index_of, initiators, is,
    lose_first, ms, secs, sent, talk_until_heard,
};

/// Drops the first datagrams for which `choose` is true, `count` of them.
fn drop_first(world: &mut World, count: usize, choose: impl Fn(&[u8]) -> bool + 'static) {
    let mut left = count;
    world.network_mut().set_filter(Some(Box::new(move |seen| {
        if left > 0 && choose(&seen.datagram) {
            left -= 1;
            return Verdict::Drop;
        }
        Verdict::Pass
    })));
}

#[test]
fn a_session_begins_and_lines_flow_both_ways() {
    let mut pair = Pair::connected(1);
    assert_well(&mut pair);
    let (a, b) = (pair.a, pair.b);
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
}

/// What `Job::run` and others say that they need.
#[test]
fn keys_and_a_session_are_made_on_a_stack_of_512_kib() {
    let small = std::thread::Builder::new().stack_size(512 * 1024);
    let thread = small.spawn(|| {
        let secret = StaticSecret::from_bytes(&mut [1; 32]);
        let keys = (secret.public(), secret.verifying_key());
        assert_well(&mut Pair::connected(1));
        keys
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn a_fresh_connect_takes_one_round_trip_and_its_confirmation() {
    let mut pair = Pair::new(2);
    let (a, b) = (pair.a, pair.b);
    pair.connect(a, b).unwrap();
    assert!(pair.advance_until(ms(40), |w| w.established(a, b) == 1));
    assert!(pair.advance_until(ms(20), |w| w.established(b, a) == 1));
}

#[test]
fn a_first_message_over_300_ms_whose_first_flight_is_lost_takes_less_than_1300_ms() {
    for seed in 0..20 {
        let mut pair = Pair::new(seed);
        let (a, b) = (pair.a, pair.b);
        pair.set_links(&LinkConfig::delay(ms(150)));
        drop_first(&mut pair, 2, |datagram| is(INIT, datagram));
        let line = pair.talk(a, b).unwrap();
        let heard = pair.advance_until(ms(1_300), |w| w.has_seen(b, &line));
        assert!(heard, "seed {seed}");
    }
}

#[test]
fn same_seed_same_bytes() {
    let run = |seed| {
        let mut pair = Pair::connected(seed);
        pair.set_links(&LinkConfig::bad());
        for _ in 0..30 {
            let _ = pair.chat(secs(10));
        }
        (pair.network().digest(), pair.network().sent())
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn a_replayed_message_1_changes_nothing() {
    let mut pair = Pair::connected(5);
    let (a, b) = (pair.a, pair.b);
    let (address_a, address_b) = (pair.address(a), pair.address(b));
    let elsewhere = pair.fresh_address();
    let inits = sent(&pair, a, INIT);
    clear(&mut pair);
    for from in [address_a, elsewhere] {
        for init in &inits {
            pair.inject(from, address_b, init.datagram.clone());
        }
        pair.advance(SOON);
    }
    assert_eq!(sent(&pair, b, RESP).len(), 0);
    assert_well(&mut pair);
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
    assert!(
        sent(&pair, b, DATA).iter().all(|data| data.to == address_a),
        "a path moved"
    );
}

#[test]
fn a_message_1_replayed_after_a_restart_costs_one_answer_and_nothing_else() {
    let mut pair = Pair::connected(6);
    let (a, b) = (pair.a, pair.b);
    let (address_a, address_b) = (pair.address(a), pair.address(b));
    let inits = sent(&pair, a, INIT);
    pair.restart(b);
    clear(&mut pair);
    for _ in 0..5 {
        for init in &inits {
            pair.inject(address_a, address_b, init.datagram.clone());
        }
        pair.advance(SOON);
    }
    let mut resps: Vec<Vec<u8>> = sent(&pair, b, RESP)
        .into_iter()
        .map(|s| s.datagram)
        .collect();
    assert_eq!(resps.len(), 2 * RESP_SENDINGS as usize);
    resps.sort_unstable();
    resps.dedup();
    assert_eq!(resps.len(), 2, "one answer of two parts");
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
    assert!(talk_until_heard(&mut pair, a, b, secs(20)));
    assert_well(&mut pair);
}

#[test]
fn replayed_message_1_before_the_true_session_does_not_lock_its_sender_out() {
    let mut pair = Pair::connected(7);
    let (a, b) = (pair.a, pair.b);
    let (address_a, address_b) = (pair.address(a), pair.address(b));
    let inits = sent(&pair, a, INIT);
    pair.restart(a);
    pair.restart(b);
    for init in &inits {
        pair.inject(address_a, address_b, init.datagram.clone());
    }
    pair.connect(a, b).unwrap();
    assert!(pair.advance_until(SOON, |w| w.established(b, a) == 2));
    assert_well(&mut pair);
}

#[test]
fn a_replayed_part_gets_no_answer() {
    let mut pair = Pair::connected(8);
    let (a, b) = (pair.a, pair.b);
    let (address_a, address_b) = (pair.address(a), pair.address(b));
    let inits = sent(&pair, a, INIT);
    let resps = sent(&pair, b, RESP);
    pair.advance(secs(5));
    clear(&mut pair);
    for part in &inits {
        for _ in 0..3 {
            pair.inject(address_a, address_b, part.datagram.clone());
            pair.advance(secs(4));
        }
    }
    for part in &resps {
        pair.inject(address_b, address_a, part.datagram.clone());
    }
    pair.advance(SOON);
    assert_eq!(answers(&pair), 0);
    assert_well(&mut pair);
}

#[test]
fn a_duplicated_message_2_is_taken_once() {
    let mut pair = Pair::new(9);
    let twice = LinkConfig {
        duplicate_ppm: 1_000_000,
        ..LinkConfig::delay(ms(20))
    };
    pair.set_links(&twice);
    pair.connect_both_ways();
    let (a, b) = (pair.a, pair.b);
    assert_well(&mut pair);
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
    let mut resps: Vec<_> = sent(&pair, b, RESP);
    resps.sort_unstable_by(|one, other| one.datagram.cmp(&other.datagram));
    resps.dedup_by(|one, other| one.datagram == other.datagram);
    assert_eq!(resps.len(), 2, "one answer, whose question came twice too");
}

#[test]
fn an_altered_index_in_resp_ends_no_attempt() {
    let mut pair = Pair::new(10);
    let (a, b) = (pair.a, pair.b);
    pair.network_mut().set_filter(Some(Box::new(|seen| {
        let mut datagram = seen.datagram.clone();
        if is(RESP, &datagram) {
            datagram[4] ^= 1;
            return Verdict::Replace(datagram);
        }
        Verdict::Pass
    })));
    pair.connect(a, b).unwrap();
    pair.advance(SOON);
    assert_eq!(pair.established(a, b), 0);
    pair.network_mut().set_filter(None);
    let resps = sent(&pair, b, RESP);
    for resp in &resps {
        pair.inject(resp.from, resp.to, resp.datagram.clone());
    }
    assert_eq!(pair.established(a, b), 1, "the true message still succeeds");
    assert!(pair.advance_until(SOON, |w| w.established(b, a) == 1));
    assert_well(&mut pair);
}

/// RESP to one attempt, redirected to another one with its mac1 made right: the attacker needs only
/// what he saw, and must fail at the seal.
#[test]
fn an_answer_to_one_attempt_does_not_complete_another() {
    let mut pair = Pair::new(11);
    let (a, b) = (pair.a, pair.b);
    pair.network_mut()
        .set_filter(Some(Box::new(|seen| match is(RESP, &seen.datagram) {
            true => Verdict::Drop,
            false => Verdict::Pass,
        })));
    pair.connect(a, b).unwrap();
    let of_one = 2 * RESP_SENDINGS as usize;
    assert!(pair.advance_until(secs(5), |w| sent(w, b, RESP).len() == of_one + 2));
    let (inits, resps) = (sent(&pair, a, INIT), sent(&pair, b, RESP));
    let second_attempt = &inits[2 * INIT_SENDINGS as usize].datagram;
    let key = MacKey::for_resp(second_attempt[8..40].try_into().unwrap());
    for resp in &resps[..2] {
        let mut forged = resp.datagram.clone();
        forged[4..8].copy_from_slice(&index_of(second_attempt));
        let (head, mac1) = forged.split_at_mut(592);
        mac1.copy_from_slice(&key.mac(&[head]));
        pair.inject(resp.from, resp.to, forged);
    }
    assert_eq!(pair.established(a, b), 0);
    for resp in &resps[of_one..] {
        pair.inject(resp.from, resp.to, resp.datagram.clone());
    }
    assert_eq!(pair.established(a, b), 1);
}

fn crossed_inits(seed: u64, lost: usize) -> Pair {
    let mut pair = Pair::new(seed);
    let (a, b) = (pair.a, pair.b);
    lose_first(&mut pair, lost, Vec::new());
    pair.connect(a, b).unwrap();
    pair.connect(b, a).unwrap();
    pair
}

#[test]
fn crossed_inits_converge_whatever_is_lost() {
    for lost in 0..1 << LOSSES {
        let mut pair = crossed_inits(12, lost);
        let (a, b) = (pair.a, pair.b);
        let both = |w: &World| w.established(a, b) > 0 && w.established(b, a) > 0;
        assert!(
            pair.advance_until(secs(10), both),
            "no session after losing {lost:06b}"
        );
        pair.advance(secs(5));
        for _ in 0..3 {
            assert!(pair.chat(SOON), "no line passes after losing {lost:06b}");
        }
        let [one, other] = initiators(&pair);
        assert_eq!(one, other, "two sending keypairs after losing {lost:06b}");
        assert_eq!(pair.violations(), &[] as &[String]);
    }
}

#[test]
fn crossed_inits_without_loss_settle_on_the_smaller_key() {
    for seed in 13..17 {
        let mut pair = crossed_inits(seed, 0);
        pair.advance(secs(5));
        assert_well(&mut pair);
        let (a, b) = (pair.a, pair.b);
        let smaller = if pair.id(a) < pair.id(b) { a } else { b };
        assert_eq!(initiators(&pair), [smaller, smaller]);
        assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
    }
}

#[test]
fn a_round_trip_longer_than_the_retry_time_still_connects() {
    for (rtt, limit) in [(1_500, 5), (3_000, 10), (8_000, 30)] {
        let mut pair = Pair::new(17);
        let (a, b) = (pair.a, pair.b);
        pair.set_links(&LinkConfig::delay(ms(rtt / 2)));
        pair.connect(a, b).unwrap();
        let both = |w: &World| w.established(a, b) > 0 && w.established(b, a) > 0;
        assert!(pair.advance_until(secs(limit), both), "an RTT of {rtt} ms");
        pair.advance(secs(20));
        assert!(pair.chat(ms(rtt + 500)));
        assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
    }
}

#[test]
fn a_lost_confirmation_is_repeated() {
    for lost in 1..=3 {
        let mut pair = Pair::new(18);
        let (a, b) = (pair.a, pair.b);
        drop_first(&mut pair, lost, |datagram| is(DATA, datagram));
        pair.connect(a, b).unwrap();
        assert!(
            pair.advance_until(secs(20), |w| w.established(b, a) == 1),
            "{lost} lost"
        );
        assert_well(&mut pair);
    }
}

#[test]
fn a_responder_sends_nothing_before_it_is_confirmed() {
    let mut pair = Pair::new(19);
    let (a, b) = (pair.a, pair.b);
    pair.network_mut()
        .set_filter(Some(Box::new(|seen| match is(DATA, &seen.datagram) {
            true => Verdict::Drop,
            false => Verdict::Pass,
        })));
    pair.connect(a, b).unwrap();
    pair.advance(secs(2));
    assert_eq!(pair.established(a, b), 1);
    assert_eq!(sent(&pair, b, DATA).len(), 0);
    assert_eq!(pair.established(b, a), 0);
}

#[test]
fn retries_come_after_their_delays_for_90_seconds_and_every_fifth_or_slow_one_is_new() {
    let mut pair = Pair::new(20);
    let (a, b) = (pair.a, pair.b);
    pair.stop(b);
    pair.connect(a, b).unwrap();
    pair.advance(secs(400));
    let inits = sent(&pair, a, INIT);
    let firsts: Vec<_> = inits.iter().filter(|init| init.datagram[1] == 0).collect();
    let start = firsts[0].at;
    let at: Vec<u128> = firsts
        .iter()
        .map(|i| i.at.saturating_since(start).as_millis())
        .collect();
    let gaps: Vec<u128> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let expected = [740, 1_000, 1_000, 1_000, 2_000, 4_000]
        .into_iter()
        .chain(core::iter::repeat(5_000));
    for ((gap, least), at) in gaps.iter().zip(expected).zip(&at) {
        let expected = if *at < 90_000 {
            least..=least + 340.min(least / 8 + 1)
        } else {
            48_000..=60_001
        };
        assert!(expected.contains(gap), "{gap} ms after {at} ms");
    }
    let mut attempts: Vec<Vec<_>> = Vec::new();
    for init in firsts {
        let body = init.datagram[4..40].to_vec();
        match attempts.last_mut() {
            Some(last) if last[0] == body => last.push(body),
            Some(_) | None => attempts.push(vec![body]),
        }
    }
    let sendings: Vec<usize> = attempts.iter().map(Vec::len).collect();
    let slow = gaps.iter().filter(|gap| **gap >= 48_000).count();
    assert!(slow >= 3, "{at:?}");
    let (of_quick, of_slow) = sendings.split_at(sendings.len() - slow);
    assert_eq!(
        of_slow,
        vec![1; slow],
        "nobody remembers what came a minute ago"
    );
    let [whole @ .., _] = of_quick else {
        panic!("{sendings:?}")
    };
    assert_eq!(whole, vec![INIT_SENDINGS as usize; whole.len()]);
    let mut made: Vec<_> = attempts.iter().map(|it| &it[0]).collect();
    made.sort_unstable();
    made.dedup();
    assert_eq!(
        made.len(),
        attempts.len(),
        "indices and ephemerals of one attempt are never used for another"
    );
}

/// Drops the datagrams of that kind whose turn it is, counted from the first.
fn drop_those(world: &mut World, kind: u8, which: &'static [usize]) {
    let mut seen_so_far = 0;
    world.network_mut().set_filter(Some(Box::new(move |seen| {
        let nth = seen_so_far;
        let is_one = is(kind, &seen.datagram);
        seen_so_far += usize::from(is_one);
        if is_one && which.contains(&nth) {
            return Verdict::Drop;
        }
        Verdict::Pass
    })));
}

#[test]
fn a_handshake_whose_halves_are_lost_ends_with_the_second_sending() {
    let losses: [(u8, &'static [usize]); 4] = [
        (INIT, &[0]),
        (INIT, &[1, 2]),
        (RESP, &[0, 1]),
        (RESP, &[0, 3, 4]),
    ];
    for (kind, which) in losses {
        let mut pair = Pair::new(25);
        let (a, b) = (pair.a, pair.b);
        drop_those(&mut pair, kind, which);
        pair.connect(a, b).unwrap();
        let both = |w: &World| w.established(a, b) == 1 && w.established(b, a) == 1;
        assert!(pair.advance_until(ms(950), both), "{kind} {which:?}");
        let inits = sent(&pair, a, INIT);
        assert_eq!(inits.len(), 4);
        assert_eq!(inits[0].datagram, inits[2].datagram);
        let mut indices: Vec<_> = sent(&pair, b, RESP)
            .iter()
            .map(|s| s.datagram[8..40].to_vec())
            .collect();
        indices.sort_unstable();
        indices.dedup();
        assert_eq!(indices.len(), 2, "one message 2, in two parts");
        pair.network_mut().set_filter(None);
        assert_well(&mut pair);
    }
}

#[test]
fn handshakes_over_a_path_that_loses_a_fifth_take_seconds() {
    let mut times: Vec<u128> = (0..200)
        .map(|seed| {
            let mut pair = Pair::new(seed);
            let (a, b) = (pair.a, pair.b);
            let lossy = LinkConfig {
                loss_ppm: 200_000,
                ..LinkConfig::delay(ms(5))
            };
            pair.set_links(&lossy);
            let start = pair.now();
            pair.connect(a, b).unwrap();
            assert!(pair.advance_until(secs(90), |w| w.established(a, b) == 1));
            pair.now().saturating_since(start).as_millis()
        })
        .collect();
    times.sort_unstable();
    let [median, nine_tenths, most] = [100, 180, 198].map(|nth| times[nth]);
    assert!(
        median < 900 && nine_tenths < 2_200 && most < 6_500,
        "{median} {nine_tenths} {most}"
    );
}

#[test]
fn a_waiting_line_gets_a_session_within_70_seconds_of_healing() {
    let mut pair = Pair::new(21);
    let (a, b) = (pair.a, pair.b);
    let hosts = [a, b].map(|node| pair.node(node).host());
    pair.network_mut().partition(hosts[0], hosts[1]);
    let line = pair.talk(a, b).unwrap();
    pair.advance(secs(600));
    pair.network_mut().heal_all();
    assert!(pair.advance_until(secs(70), |w| w.has_seen(b, &line)));
    assert_well(&mut pair);
}

/// A stranger's flood that makes `node` demand cookies of everybody.
fn load(pair: &mut Pair, node: NodeId, rng: &mut SimRng) {
    let (forger, to) = (Forger::new(&pair.id(node)), pair.address(node));
    for n in 0..150u8 {
        let from = ([198, 51, 100, n], 9).into();
        pair.inject(from, to, forger.garbage(rng, None)[0].clone());
    }
}

#[test]
fn a_cookie_is_answered_at_once_with_the_same_message() {
    let mut pair = Pair::new(22);
    let (a, b) = (pair.a, pair.b);
    load(&mut pair, b, &mut SimRng::new(22));
    clear(&mut pair);
    pair.connect(a, b).unwrap();
    assert!(pair.advance_until(SOON, |w| w.established(b, a) == 1));
    assert_eq!(sent(&pair, b, COOKIE).len(), 1);
    let inits = sent(&pair, a, INIT);
    assert_eq!(inits.len(), 4);
    for (first, again) in inits[..2].iter().zip(&inits[2..]) {
        assert_eq!(first.datagram[..684], again.datagram[..684]);
        assert_ne!(first.datagram[684..], again.datagram[684..]);
    }
    assert_well(&mut pair);
}

#[test]
fn a_cookie_does_not_outlive_a_port_change() {
    let mut pair = Pair::new(23);
    let (a, b) = (pair.a, pair.b);
    let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
    let outside = [203, 0, 113, 1].into();
    let nat = pair.network_mut().add_nat(NatConfig {
        outside,
        idle: secs(30),
    });
    pair.network_mut().put_behind(host_a, Some(nat));
    let mut rng = SimRng::new(23);
    load(&mut pair, b, &mut rng);
    clear(&mut pair);
    pair.connect(a, b).unwrap();
    assert!(pair.advance_until(SOON, |w| sent(w, a, INIT).len() == 4));
    let proved = sent(&pair, a, INIT)[2..].to_vec();
    assert_ne!(proved[0].datagram[684..], [0; 16]);
    pair.network_mut().partition(host_a, host_b);
    pair.advance(ms(100));
    load(&mut pair, b, &mut rng);
    clear(&mut pair);
    let moved = core::net::SocketAddr::new(outside, proved[0].from.port() + 1);
    for part in &proved {
        pair.inject(moved, part.to, part.datagram.clone());
    }
    assert_eq!(
        sent(&pair, b, RESP).len(),
        0,
        "a cookie proves one port only"
    );
    pair.network_mut().rebind(nat);
    pair.network_mut().heal_all();
    assert!(pair.advance_until(secs(20), |w| w.established(b, a) == 1));
    assert_well(&mut pair);
}

#[test]
fn an_initiator_never_answers_with_a_cookie() {
    let mut pair = Pair::new(24);
    let (a, b) = (pair.a, pair.b);
    let mut rng = SimRng::new(24);
    load(&mut pair, a, &mut rng);
    load(&mut pair, b, &mut rng);
    clear(&mut pair);
    pair.connect(a, b).unwrap();
    assert!(pair.advance_until(SOON, |w| w.established(b, a) == 1));
    assert_eq!(sent(&pair, a, COOKIE).len(), 0);
}
