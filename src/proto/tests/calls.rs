//! How a peer is called: when, where to, how often, and whose answers count.

use super::*;
use crate::crypto::MacKey;
use crate::id::SessionIndex;
use crate::proto::ApiMisuse;
use crate::proto::limits::{
    ATTEMPT_LIFE, INIT_SENDINGS, MAX_ADDRESSES, MAX_ATTEMPTS, RETRY_DELAYS, RETRY_FOR,
    RETRY_JITTER, RETRY_SLOW, RETRY_SLOW_JITTER_PART, SOURCE_BURST,
};
use crate::wire::limits::MESSAGE2_LEN;
use crate::wire::packet::encode_resp;

type Datagrams = Vec<(SocketAddr, Vec<u8>)>;

/// Serves the side's timers until `end`; says when it called, and whom it told that nobody answers.
fn calls_until(side: &mut Side, start: Instant, end: Instant) -> Vec<(Instant, Datagrams)> {
    let mut calls = Vec::new();
    let mut at = start;
    loop {
        let sent = side.drain(at);
        if !sent.is_empty() {
            calls.push((at, sent));
        }
        match side.endpoint.poll_timeout() {
            Some((next, _)) if next <= end => at = at.max(next),
            _ => return calls,
        }
        side.endpoint.handle_timeout(at);
    }
}

/// As [`calls_until`], where each timer fires so much late.
fn late_calls_until(side: &mut Side, late: Duration, end: Instant) -> Vec<Instant> {
    let (mut calls, mut at) = (Vec::new(), now(0));
    while at <= end {
        if !side.drain(at).is_empty() {
            calls.push(at);
        }
        let Some((next, _)) = side.endpoint.poll_timeout() else {
            break;
        };
        at = at.max(next + late);
        side.endpoint.handle_timeout(at);
    }
    calls
}

/// Whether `pause` is `delay` with some jitter.
#[track_caller]
fn assert_near(pause: Duration, delay: Duration) {
    assert!(
        pause >= delay && pause <= delay + RETRY_JITTER,
        "{pause:?} for {delay:?}"
    );
}

/// The shortest and the longest wait between tries that have become rare.
fn rarely() -> (Duration, Duration) {
    (RETRY_SLOW - RETRY_SLOW / RETRY_SLOW_JITTER_PART, RETRY_SLOW)
}

fn unreachable_events(side: &Side) -> usize {
    let is_one = |it: &&Event| matches!(it, Event::Unreachable { .. });
    side.events.iter().filter(is_one).count()
}

#[test]
fn calls_come_at_growing_intervals_until_nobody_waits_any_more() {
    let (mut a, b) = acquainted();
    a.endpoint.seek(b.id(), now(0));
    let mut calls = calls_until(&mut a, now(0), now(500));
    // Asking again changes nothing while calls are under way.
    a.endpoint.seek(b.id(), now(500));
    assert!(a.drain(now(500)).is_empty());
    a.endpoint.rest(b.id());
    calls.extend(calls_until(&mut a, now(500), now(300_000)));
    let times: Vec<Instant> = calls.iter().map(|(at, _)| *at).collect();
    let [.., last] = RETRY_DELAYS;
    let delays = RETRY_DELAYS.into_iter().chain(core::iter::repeat(last));
    for (pair, delay) in times.windows(2).zip(delays) {
        assert_near(pair[1].saturating_since(pair[0]), delay);
    }
    assert!(calls.iter().all(|(_, sent)| sent.len() == 2));
    let end = times.last().unwrap().saturating_since(times[0]);
    assert!(
        end < RETRY_FOR && end + last + RETRY_JITTER >= RETRY_FOR,
        "{end:?}"
    );
    assert_eq!(unreachable_events(&a), 1);
    let tries = a.events.iter().find_map(|it| {
        let Event::Unreachable { tries, .. } = it else {
            return None;
        };
        Some(*tries)
    });
    assert_eq!(tries, Some(u32::try_from(times.len()).unwrap()));
    assert_eq!(a.endpoint.stats().attempts, 0, "what is out has expired");
}

/// Of one that panicked, was cancelled or had no room.
#[test]
fn what_a_worker_has_lost_is_made_anew() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    drop(a.endpoint.take_job().unwrap());
    let life = u64::try_from(ATTEMPT_LIFE.as_millis()).unwrap();
    assert!(calls_until(&mut a, now(0), now(life - 1)).is_empty());
    let calls = calls_until(&mut a, now(life - 1), now(life + 20_000));
    let (at, sent) = calls.into_iter().next().expect("it is called");
    for (_, datagram) in sent {
        b.receive(a.address, datagram, at);
    }
    settle(&mut a, &mut b, at);
    assert!(a.endpoint.status(b.id(), at).unwrap().established);
}

#[test]
fn what_a_worker_brings_after_it_was_taken_for_lost_changes_nothing() {
    let (mut a, b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let late = a.endpoint.take_job().unwrap().run(a.rng.as_crypto());
    let calls = calls_until(&mut a, now(0), now(200_000));
    assert!(!calls.is_empty());
    let attempts = a.endpoint.stats().attempts;
    let _ = a.endpoint.handle_outcome(late, now(200_000));
    assert!(a.drain(now(200_000)).is_empty());
    assert_eq!(a.endpoint.stats().attempts, attempts);
}

#[test]
fn work_for_a_peer_that_is_gone_leaves_no_attempt_behind() {
    let (mut a, b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let late = a.endpoint.take_job().unwrap().run(a.rng.as_crypto());
    a.endpoint.remove_peer(b.id(), now(0));
    assert_eq!(a.endpoint.stats().attempts, 0);
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(1)).unwrap();
    let _ = a.endpoint.handle_outcome(late, now(1));
    assert_eq!(a.drain(now(1)).len(), 2, "both halves of one message 1");
    assert_eq!(a.endpoint.stats().attempts, 1);
}

#[test]
fn work_that_nobody_takes_does_not_pile_up() {
    let (mut a, b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    for second in 1..400 {
        a.endpoint.handle_timeout(now(second * 1_000));
    }
    assert_eq!(a.endpoint.stats().jobs, 1);
    assert_eq!(a.drain(now(400_000)).len(), 2, "it is as good as new");
}

/// Tries would go on for a minute and a half, and nothing would ever leave.
#[test]
fn nobody_is_called_whose_key_nobody_can_have() {
    let (mut a, b) = acquainted();
    let id = PeerId::new([0; 32]);
    a.endpoint.add_peer(PeerConfig {
        id,
        psk: None,
        addresses: vec![b.address],
        shown: Shown::default(),
    });
    let unusable = ApiMisuse::UnusableKey;
    assert_eq!(a.endpoint.connect(id, &[], now(0)), Err(unusable));
    assert_eq!(a.endpoint.connect_again(id, &[], now(0)), Err(unusable));
    // Nor for a message that waits.
    a.endpoint.seek(id, now(0));
    assert_eq!(a.endpoint.stats().jobs, 0);
    assert_eq!(a.endpoint.poll_timeout(), None);
}

#[test]
fn where_a_peer_is_no_more_it_is_called_no_more() {
    let (mut a, b) = acquainted();
    let other: SocketAddr = "192.0.2.99:7419".parse().unwrap();
    a.endpoint.connect(b.id(), &[other], now(0)).unwrap();
    a.endpoint.forget_addresses(b.id(), |it| *it == b.address);
    let calls = calls_until(&mut a, now(0), now(60_000));
    assert!(calls.len() > 3);
    let mut to = calls.iter().flat_map(|(_, sent)| sent).map(|(to, _)| *to);
    assert!(to.all(|to| to == other));
    a.endpoint.forget_addresses(b.id(), |_| true);
    assert!(calls_until(&mut a, now(60_000), now(400_000)).is_empty());
    assert_eq!(unreachable_events(&a), 0, "nobody was called for so long");
    // It can be found again.
    a.endpoint
        .connect(b.id(), &[b.address], now(400_000))
        .unwrap();
    assert_eq!(a.drain(now(400_000)).len(), 2);
}

#[test]
fn while_something_waits_calls_go_on_slowly_and_at_once_when_asked() {
    let (mut a, b) = acquainted();
    a.say(b.id(), b"hello", now(0));
    let calls = calls_until(&mut a, now(0), now(400_000));
    let slow = calls.iter().skip_while(|(at, _)| *at < now(90_000));
    let slow: Vec<Instant> = slow.map(|(at, _)| *at).collect();
    assert!(slow.len() >= 4, "{slow:?}");
    let waits: Vec<Duration> = slow
        .windows(2)
        .map(|two| two[1].saturating_since(two[0]))
        .collect();
    let (least, most) = rarely();
    assert!(
        waits.iter().all(|it| (least..=most).contains(it)),
        "{waits:?}"
    );
    // Whoever calls many calls each at a time of its own, and is not known by a beat.
    let (first, last) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*last > *first + 2 * RETRY_JITTER, "{waits:?}");
    assert_eq!(unreachable_events(&a), 1, "it is told once");
    let last = *slow.last().unwrap();
    let soon = last + Duration::from_secs(3);
    a.endpoint.connect(b.id(), &[], soon).unwrap();
    assert_eq!(a.drain(soon).len(), 2);
}

/// A program that called by itself once a minute began the fast calls anew each time, for months.
#[test]
fn an_owner_that_calls_again_and_again_by_itself_makes_no_more_calls_than_the_core_alone() {
    let (mut a, b) = acquainted();
    let known = [b.address];
    let elsewhere = SocketAddr::from(([198, 51, 100, 66], 66));
    let again = |a: &mut Side, addresses: &[SocketAddr], at| {
        a.endpoint.connect_again(b.id(), addresses, at).unwrap()
    };
    assert!(!again(&mut a, &known, now(0)));
    let minutes = 24 * 60;
    let mut sent = Vec::new();
    for minute in 0..minutes {
        let [start, end] = [minute, minute + 1].map(|it| now(it * 60_000));
        sent.extend(calls_until(&mut a, start, end));
        let is_rare = again(&mut a, &known, end);
        assert_eq!(is_rare, minute > 0, "minute {minute}");
    }
    assert_eq!(unreachable_events(&a), 1);
    let (shortest, _) = rarely();
    let most = usize::try_from(minutes * 60 / shortest.as_secs() + RETRY_FOR.as_secs()).unwrap();
    assert!(sent.len() < most, "{} calls, and not {most}", sent.len());
    // Where it may be as well is another question, and so is what somebody asks for.
    let (late, later) = (now(minutes * 60_000 + 1), now(minutes * 60_000 + 200_000));
    assert!(!again(&mut a, &[elsewhere], late));
    assert_eq!(a.drain(late).len(), 2 * 2);
    calls_until(&mut a, late, later);
    assert_eq!(unreachable_events(&a), 2);
    assert!(again(&mut a, &[elsewhere, b.address], later));
    a.endpoint.connect(b.id(), &[], later).unwrap();
    assert_eq!(a.drain(later).len(), 2 * 2);
}

#[test]
fn who_is_called_once_has_new_keys_and_is_called_no_more_if_nobody_answers() {
    let (mut a, mut b) = connected();
    let [awake, alone] = [now(3_600_000), now(7_200_000)];
    a.endpoint.handle_timeout(awake);
    b.endpoint.handle_timeout(awake);
    a.endpoint.connect_once(b.id(), awake).unwrap();
    settle(&mut a, &mut b, awake);
    assert!(a.endpoint.status(b.id(), awake).unwrap().established);
    a.endpoint.handle_timeout(alone);
    a.endpoint.connect_once(b.id(), alone).unwrap();
    let calls = calls_until(&mut a, alone, alone + 10 * RETRY_SLOW);
    assert!(calls.len() > 10, "{}", calls.len());
    let (last, _) = calls.last().unwrap();
    assert!(last.saturating_since(alone) < RETRY_FOR);
    assert_eq!(unreachable_events(&a), 1);
    assert_eq!(a.endpoint.poll_timeout(), None);
}

#[test]
fn a_series_that_slept_begins_anew_and_is_told_of_once() {
    for (asleep_at, told_before) in [(8_000, 0), (200_000, 1)] {
        let (mut a, b) = acquainted();
        a.say(b.id(), b"hello", now(0));
        calls_until(&mut a, now(0), now(asleep_at));
        assert_eq!(unreachable_events(&a), told_before);
        let awake = now(asleep_at + 3_600_000);
        a.endpoint.handle_timeout(awake);
        let calls = calls_until(&mut a, awake, awake + RETRY_FOR + RETRY_SLOW);
        let delays = RETRY_DELAYS.into_iter();
        assert_eq!(calls[0].0, awake);
        for (pair, delay) in calls.windows(2).zip(delays) {
            assert_near(pair[1].0.saturating_since(pair[0].0), delay);
        }
        assert_eq!(unreachable_events(&a), 1);
    }
}

/// It is told after the second pause at the latest, and no pause is shorter than where tries are rare.
#[test]
fn timers_that_are_always_late_keep_no_series_fast_and_none_going_that_nobody_wants() {
    let second = Duration::from_secs(1);
    for late in [RETRY_SLOW - 2 * second, RETRY_SLOW + second] {
        let (mut a, b) = acquainted();
        a.endpoint.seek(b.id(), now(0));
        a.drain(now(0));
        a.endpoint.rest(b.id());
        let calls = late_calls_until(&mut a, late, now(86_400_000));
        assert!(calls.len() < 5, "{late:?}: {calls:?}");
        assert_eq!(unreachable_events(&a), 1, "{late:?}");
        let (mut a, b) = acquainted();
        a.say(b.id(), b"hello", now(0));
        let calls = late_calls_until(&mut a, late, now(86_400_000));
        let is_rare = |pair: &[Instant]| pair[1].saturating_since(pair[0]) >= late;
        assert!(calls.windows(2).all(is_rare), "{late:?}");
        assert_eq!(unreachable_events(&a), 1, "{late:?}");
    }
}

#[test]
fn somebody_who_has_just_left_is_called_a_moment_later() {
    let (mut a, b) = acquainted();
    a.endpoint.seek_later(b.id(), now(0));
    assert!(a.drain(now(0)).is_empty() && !a.endpoint.has_jobs());
    let calls = calls_until(&mut a, now(0), now(2_000));
    let [first, ..] = RETRY_DELAYS;
    assert_near(calls[0].0.saturating_since(now(0)), first);
    // Unless the owner wants it now.
    let (mut a, b) = acquainted();
    a.endpoint.seek_later(b.id(), now(0));
    assert!(a.drain(now(0)).is_empty());
    a.endpoint.connect(b.id(), &[], now(100)).unwrap();
    assert_eq!(a.drain(now(100)).len(), 2);
}

#[test]
fn a_peer_without_an_address_is_not_called() {
    let (mut a, b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    a.endpoint.add_peer(PeerConfig {
        id: b.id(),
        psk: None,
        addresses: Vec::new(),
        shown: Shown::default(),
    });
    a.endpoint.seek_later(b.id(), now(0));
    a.endpoint.seek(b.id(), now(0));
    assert_eq!(a.endpoint.poll_timeout(), None);
    assert!(a.drain(now(0)).is_empty());
}

#[test]
fn so_many_addresses_are_called_and_no_more() {
    let (mut a, b) = acquainted();
    let addresses: Vec<SocketAddr> = (1..=MAX_ADDRESSES + 2)
        .map(|host| SocketAddr::from(([198, 51, 100, u8::try_from(host).unwrap()], 7_419)))
        .collect();
    a.endpoint.remove_peer(b.id(), now(0));
    a.drain(now(0));
    a.endpoint.add_peer(PeerConfig {
        id: b.id(),
        psk: None,
        addresses,
        shown: Shown::default(),
    });
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    assert_eq!(a.drain(now(0)).len(), 2 * MAX_ADDRESSES);
}

#[test]
fn a_call_that_nobody_wants_any_more_does_not_go_out() {
    let (mut a, b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let job = a.endpoint.take_job().unwrap();
    a.endpoint.close(b.id(), now(1));
    let outcome = job.run(a.rng.as_crypto());
    a.endpoint.handle_outcome(outcome, now(2));
    assert!(a.drain(now(2)).is_empty());
    assert_eq!(a.endpoint.stats().attempts, 0);
}

#[test]
fn the_newest_attempts_may_be_answered_and_older_ones_not() {
    for nth in 0..=MAX_ATTEMPTS {
        let (mut a, mut b) = acquainted();
        a.endpoint.connect(b.id(), &[], now(0)).unwrap();
        let mut calls = Vec::new();
        let mut at = now(0);
        let each = INIT_SENDINGS as usize;
        while calls.len() <= MAX_ATTEMPTS * each {
            let sent = a.drain(at);
            if !sent.is_empty() {
                calls.push(sent);
            }
            if calls.len() <= MAX_ATTEMPTS * each {
                at = a.endpoint.poll_timeout().unwrap().0;
                a.endpoint.handle_timeout(at);
            }
        }
        assert_eq!(a.endpoint.stats().attempts, MAX_ATTEMPTS);
        for (_, datagram) in &calls[nth * each] {
            b.receive(a.address, datagram.clone(), at);
        }
        settle(&mut a, &mut b, at);
        let established = a.endpoint.status(b.id(), at).unwrap().established;
        assert_eq!(established, nth > 0, "call {nth}");
    }
}

/// Two were kept half of the time, of everybody who was away.
#[test]
fn of_who_is_called_rarely_the_newest_attempt_alone_is_kept_and_may_be_answered() {
    let (mut a, mut b) = acquainted();
    a.say(b.id(), b"hello", now(0));
    let mut at = now(89_000);
    calls_until(&mut a, now(0), at);
    assert_eq!(a.endpoint.stats().attempts, MAX_ATTEMPTS);
    let (_, rarely) = rarely();
    let end = at + rarely + Duration::from_secs(6);
    calls_until(&mut a, at, end);
    at = end;
    let mut last = Vec::new();
    for minute in 0..5 {
        assert_eq!(a.endpoint.stats().attempts, 1, "minute {minute}");
        let calls = calls_until(&mut a, at, at + rarely);
        last = calls.into_iter().last().unwrap().1;
        at = at + rarely;
    }
    for (_, datagram) in last {
        b.receive(a.address, datagram, at);
    }
    settle(&mut a, &mut b, at);
    assert!(a.endpoint.status(b.id(), at).unwrap().established);
}

#[test]
fn an_attempt_that_is_too_old_is_forgotten() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let sent = a.drain(now(0));
    let end = now(0) + ATTEMPT_LIFE;
    a.endpoint.handle_timeout(end);
    // Another call is due by now, and lost.
    a.drain(end);
    assert_eq!(a.endpoint.stats().attempts, 1);
    for (_, datagram) in sent {
        b.receive(a.address, datagram, end);
    }
    for (_, answer) in b.drain(end) {
        a.receive(b.address, answer, end);
    }
    a.drain(end);
    assert!(!a.endpoint.status(b.id(), end).unwrap().established);
    assert!(a.endpoint.stats().dropped[&DropReason::UnknownIndex] > 0);
}

/// What `b` answers to a call of `a`'s, once its source has used up what it may ask for unproved.
fn asked_for_a_cookie(a: &mut Side, b: &mut Side) -> Datagrams {
    for seed in 0..SOURCE_BURST {
        let mut other = Side::new(100 + u8::try_from(seed).unwrap(), Trust::Strict);
        other.knows(b, None);
        other.endpoint.connect(b.id(), &[], now(0)).unwrap();
        for (_, datagram) in other.drain(now(0)) {
            b.receive(a.address, datagram, now(0));
        }
        b.drain(now(0));
    }
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    for (_, datagram) in a.drain(now(0)) {
        b.receive(a.address, datagram, now(0));
    }
    b.drain(now(0))
}

#[test]
fn a_true_cookie_is_answered_once_with_both_parts_and_the_call_succeeds() {
    let (mut a, mut b) = acquainted();
    let asked = asked_for_a_cookie(&mut a, &mut b);
    let [(to, cookie)] = asked.as_slice() else {
        panic!("{} answers", asked.len())
    };
    assert_eq!((*to, cookie[0]), (a.address, 3));
    // Neither an altered one nor the true one from elsewhere is answered, nor do they use it up.
    let mut altered = cookie.clone();
    altered[20] ^= 1;
    a.receive(b.address, altered, now(1));
    a.receive(
        SocketAddr::from(([198, 51, 100, 9], 1)),
        cookie.clone(),
        now(1),
    );
    assert!(a.drain(now(1)).is_empty());
    a.receive(b.address, cookie.clone(), now(2));
    let proved = a.drain(now(2));
    assert_eq!(proved.len(), 2);
    assert!(proved.iter().all(|(_, it)| it[it.len() - 16..] != [0; 16]));
    a.receive(b.address, cookie.clone(), now(3));
    assert!(a.drain(now(3)).is_empty(), "once a sending");
    for (_, datagram) in proved {
        b.receive(a.address, datagram, now(4));
    }
    settle(&mut a, &mut b, now(4));
    assert!(a.endpoint.status(b.id(), now(4)).unwrap().established);
}

#[test]
fn after_a_false_message_2_the_true_one_is_still_read() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let sent = a.drain(now(0));
    let ephemeral = sent[0].1[8..40].try_into().unwrap();
    let index = SessionIndex(u32::from_le_bytes(sent[0].1[4..8].try_into().unwrap()));
    let mac1 = MacKey::for_resp(&ephemeral);
    for half in encode_resp(index, &[7; MESSAGE2_LEN], |it| mac1.mac(&[it])) {
        a.receive(b.address, half, now(1));
    }
    assert!(a.drain(now(1)).is_empty());
    assert_eq!(a.endpoint.stats().dropped[&DropReason::Forged], 1);
    for (_, datagram) in sent {
        b.receive(a.address, datagram, now(2));
    }
    settle(&mut a, &mut b, now(2));
    assert!(a.endpoint.status(b.id(), now(2)).unwrap().established);
}

#[test]
fn whoever_holds_a_mapping_open_calls_again_some_time_after_nobody_answered() {
    let secret = Arc::new(StaticSecret::from_bytes(&mut [1; 32]));
    let config = EndpointConfig {
        keepalive: Some(Duration::from_secs(1)),
        ..EndpointConfig::default()
    };
    let (mut a, mut b) = acquainted();
    let timestamps = Timestamp(1_000)..Timestamp(1_000_000);
    a.endpoint = Endpoint::new(config, secret, [1; 32], timestamps, now(0));
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    assert!(a.endpoint.status(b.id(), now(0)).unwrap().established);
    let sent = calls_until(&mut a, now(0), now(1_000_000));
    let is_call = |(_, sent): &&(Instant, Datagrams)| sent.iter().any(|(_, it)| it[0] == 1);
    let calls: Vec<Instant> = sent.iter().filter(is_call).map(|(at, _)| *at).collect();
    let pauses = calls.windows(2).map(|two| two[1].saturating_since(two[0]));
    let [.., longest] = RETRY_DELAYS;
    let pauses: Vec<Duration> = pauses.filter(|it| *it > longest + RETRY_JITTER).collect();
    assert!(pauses.len() > 2, "{pauses:?}");
    let (least, _) = rarely();
    assert!(pauses.iter().all(|it| *it >= least), "{pauses:?}");
}

/// A side of which the secret can be looked at.
pub(super) fn with_secret(seed: u8, trust: Trust) -> (Side, Arc<StaticSecret>) {
    let secret = Arc::new(StaticSecret::from_bytes(&mut [seed; 32]));
    let timestamps = Timestamp(1_000)..Timestamp(1_000_000);
    let config = EndpointConfig {
        trust,
        ..EndpointConfig::default()
    };
    let mut side = Side::new(seed, trust);
    side.endpoint = Endpoint::new(config, Arc::clone(&secret), [seed; 32], timestamps, now(0));
    (side, secret)
}

#[test]
fn a_product_is_kept_of_a_caller_that_is_known_and_of_no_guest() {
    for is_known in [true, false] {
        let mut a = Side::new(1, Trust::Strict);
        let (mut b, secret) = with_secret(2, Trust::Ask);
        a.knows(&b, None);
        if is_known {
            b.knows(&a, None);
        }
        a.endpoint.connect(b.id(), &[], now(0)).unwrap();
        settle(&mut a, &mut b, now(0));
        assert_eq!(secret.remembers(&a.id()), is_known);
    }
}

#[test]
fn a_product_is_kept_only_of_a_peer_that_has_answered() {
    let (_, mut b) = acquainted();
    let (mut a, secret) = with_secret(1, Trust::Strict);
    a.knows(&b, None);
    a.endpoint.seek(b.id(), now(0));
    let calls = a.drain(now(0));
    assert!(!calls.is_empty() && !secret.remembers(&b.id()));
    for (_, datagram) in calls {
        b.receive(a.address, datagram, now(0));
    }
    settle(&mut a, &mut b, now(0));
    assert!(secret.remembers(&b.id()));
}
