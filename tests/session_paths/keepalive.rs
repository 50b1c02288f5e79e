//! Boxes that forget, and what holds them open.

use super::*;
use securechat::proto::{EndpointConfig, limits};

/// `a` is behind a box that forgets after 30 s, and sends a keepalive each 25 s.
fn behind_a_nat(seed: u64) -> Pair {
    let keepalive = EndpointConfig {
        keepalive: Some(secs(25)),
        ..EndpointConfig::default()
    };
    let mut pair = Pair::strangers(seed, keepalive, EndpointConfig::default());
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
    pair
}

#[test]
fn keepalives_hold_a_nat_open() {
    let mut pair = behind_a_nat(30);
    let (a, b) = (pair.a, pair.b);
    pair.advance(secs(3_600));
    let line = pair.talk(b, a).unwrap();
    assert!(pair.advance_until(secs(1), |w| w.has_seen(a, &line)));
    assert_well(&mut pair);
}

/// As a program does that sees a NAT on the way to one peer, and none on the way to the other.
#[test]
fn a_keepalive_for_one_peer_holds_the_nat_open_to_it_and_no_other_packet_is_sent() {
    let mut pair = Pair::strangers(34, EndpointConfig::default(), EndpointConfig::default());
    let (a, b) = (pair.a, pair.b);
    let near = pair.add_node("near", EndpointConfig::default());
    let host_a = pair.node(a).host();
    let nat = pair.network_mut().add_nat(NatConfig {
        outside: [203, 0, 113, 1].into(),
        idle: secs(30),
    });
    pair.network_mut().put_behind(host_a, Some(nat));
    for peer in [b, near] {
        pair.introduce(a, peer);
        pair.connect(a, peer).unwrap();
    }
    assert!(
        pair.advance_until(secs(9), |w| w.established(a, b) * w.established(a, near)
            > 0)
    );
    let to = pair.id(b);
    pair.command(a, |endpoint, now| {
        endpoint.set_keepalive(to, Some(limits::NAT_KEEPALIVE), now);
    });
    pair.advance(secs(10));
    clear(&mut pair);
    pair.advance(secs(600));
    let address = pair.address(near);
    let to_near = pair
        .network()
        .capture()
        .iter()
        .filter(|it| it.to == address);
    assert_eq!(to_near.count(), 0, "two that are idle are silent");
    let line = pair.talk(b, a).unwrap();
    assert!(pair.advance_until(secs(1), |w| w.has_seen(a, &line)));
    // It ends with the NAT.
    pair.command(a, |endpoint, now| endpoint.set_keepalive(to, None, now));
    pair.advance(secs(10));
    clear(&mut pair);
    pair.advance(secs(600));
    assert!(pair.network().capture().is_empty());
    assert_well(&mut pair);
}

/// A call bears a mac1 under the key of whom it is for. Who has called is not recognised by those who know his key as long
/// as the other side does not call him.
#[test]
fn of_two_who_are_idle_behind_nats_only_the_one_that_has_called_renews_the_keys() {
    for keeps_alive in [(true, true), (true, false), (false, true)] {
        let mut pair = Pair::connected(37);
        let (a, b) = (pair.a, pair.b);
        for (from, to, keeps) in [(a, b, keeps_alive.0), (b, a, keeps_alive.1)] {
            let (to, interval) = (pair.id(to), keeps.then_some(limits::NAT_KEEPALIVE));
            pair.command(from, |endpoint, now| {
                endpoint.set_keepalive(to, interval, now);
            });
        }
        clear(&mut pair);
        pair.advance(secs(3_600));
        assert!(sent(&pair, a, INIT).len() >= 2 * 20, "{keeps_alive:?}");
        assert!(sent(&pair, b, INIT).is_empty(), "{keeps_alive:?}");
        assert_well(&mut pair);
    }
}

/// One that nobody answered for as long as attempts last was the last of all.
#[test]
fn keepalives_go_on_after_the_network_was_away() {
    let mut pair = behind_a_nat(31);
    let (a, b) = (pair.a, pair.b);
    let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
    pair.network_mut().partition(host_a, host_b);
    pair.advance(secs(1_200));
    pair.network_mut().heal_all();
    pair.advance(secs(150));
    let line = pair.talk(b, a).unwrap();
    assert!(pair.advance_until(secs(1), |w| w.has_seen(a, &line)));
    assert_well(&mut pair);
}

/// Each keepalive began a series as fast as the first one, of some 40 datagrams in a minute and a half, for ever.
#[test]
fn whoever_is_gone_is_called_once_a_minute_for_a_keepalive_and_told_of_once() {
    let mut pair = behind_a_nat(35);
    let (a, b) = (pair.a, pair.b);
    pair.stop(b);
    pair.advance(secs(600));
    clear(&mut pair);
    pair.advance(secs(600));
    let calls = |pair: &Pair| sent(pair, a, INIT).len();
    let before = calls(&pair);
    let part = limits::RETRY_SLOW / limits::RETRY_SLOW_JITTER_PART;
    let [least, most] = [limits::RETRY_SLOW, limits::RETRY_SLOW - part]
        .map(|wait| 2 * usize::try_from(600 / wait.as_secs()).unwrap());
    assert!(
        (least - 2..=most + 2).contains(&before),
        "{before} halves of calls"
    );
    let events = pair.node(a).events().iter();
    let told = events.filter(|(_, event)| matches!(event, Event::Unreachable { .. }));
    assert_eq!(told.count(), 1);
    // What is said then does not wait for the next one.
    pair.say(a, b, b"are you there?".to_vec()).unwrap();
    pair.advance(secs(3));
    assert!(calls(&pair) > before + 2);
}

/// Its keepalive is overdue, and leaves at once.
#[test]
fn whoever_wakes_behind_a_box_that_has_forgotten_is_heard_of_before_it_says_anything() {
    let mut pair = behind_a_nat(36);
    let (a, b) = (pair.a, pair.b);
    pair.advance(secs(10));
    pair.sleep(a, secs(100));
    pair.advance(secs(101));
    let line = pair.talk(b, a).unwrap();
    assert!(pair.advance_until(SOON, |w| w.has_seen(a, &line)));
    assert_well(&mut pair);
}

/// The connection is given up then, with what was unfinished in it.
#[test]
fn keepalives_go_on_after_the_network_was_away_in_the_midst_of_a_message() {
    let mut pair = behind_a_nat(33);
    let (a, b) = (pair.a, pair.b);
    let (host_a, host_b) = (pair.node(a).host(), pair.node(b).host());
    let text = vec![b'x'; 8 << 20];
    pair.say(b, a, text.clone()).unwrap();
    pair.advance(ms(150));
    pair.network_mut().partition(host_a, host_b);
    let generation = |pair: &Pair| {
        let endpoint = pair.node(a).endpoint().unwrap();
        endpoint.generation(pair.node(b).id())
    };
    assert!(generation(&pair).is_some());
    pair.advance(secs(1_200));
    assert!(!pair.has_seen(a, &text));
    assert_eq!(generation(&pair), None);
    pair.network_mut().heal_all();
    assert!(pair.advance_until(secs(150), |w| w.has_seen(a, &text)));
    assert_well(&mut pair);
}
