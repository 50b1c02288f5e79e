//! Who may talk: guests, refusals, pins, silence. docs/protocol.md#who-may-talk.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod simulated;

use securechat::proto::{CloseReason, EndpointConfig, Event, Refusal, Trust, limits};
use securechat::sim::{Known, NatConfig, NodeId, Pair, World};
use simulated::{DATA, INIT, RESP, SOON, assert_well, clear, ms, secs, sent, talk_until_heard};

fn policy(trust: Trust, stealth: bool) -> EndpointConfig {
    EndpointConfig {
        trust,
        stealth,
        ..EndpointConfig::default()
    }
}

/// `a` knows `b`, `b` follows a policy and does not know `a`.
fn strangers(seed: u64, trust: Trust, stealth: bool) -> Pair {
    let named = EndpointConfig {
        nickname: Some("al".to_owned()),
        ..EndpointConfig::default()
    };
    let mut pair = Pair::strangers(seed, named, policy(trust, stealth));
    let (a, b) = (pair.a, pair.b);
    pair.add_peer(a, b);
    pair
}

/// As [`strangers`], and `a` connects.
fn stranger_calls(seed: u64, trust: Trust, stealth: bool) -> Pair {
    let mut pair = strangers(seed, trust, stealth);
    let (a, b) = (pair.a, pair.b);
    pair.connect(a, b).unwrap();
    pair.advance(SOON);
    pair
}

fn count(world: &World, node: NodeId, wanted: impl Fn(&Event) -> bool) -> usize {
    world
        .node(node)
        .events()
        .iter()
        .filter(|(_, event)| wanted(event))
        .count()
}

#[test]
fn a_guest_waits_until_it_is_accepted() {
    let mut pair = stranger_calls(1, Trust::Ask, false);
    let (a, b) = (pair.a, pair.b);
    let guest = pair.id(a);
    assert_eq!(count(&pair, a, |e| matches!(e, Event::Waiting { .. })), 1);
    let asked = Event::Guest {
        peer: guest,
        address: pair.address(a),
        nickname: Some("al".to_owned()),
    };
    assert_eq!(
        count(&pair, b, |e| *e == asked),
        1,
        "{:?}",
        pair.node(b).events()
    );
    let _ = pair.talk(a, b);
    pair.advance(secs(10));
    assert_eq!(pair.node(b).lines().len(), 0, "a guest's line is not shown");
    assert!(pair.talk(b, a).is_err(), "nothing is said to a guest");
    let address = pair.address(a);
    let identity = pair.node(b).identity();
    assert!(
        !identity.remembers(&guest),
        "no product is kept for a guest"
    );
    pair.accept_guest(b, guest, address).unwrap();
    assert!(pair.advance_until(secs(7), |w| w.established(a, b) == 1
        && w.established(b, a) == 1));
    assert!(talk_until_heard(&mut pair, a, b, secs(7)));
    assert_well(&mut pair);
}

#[test]
fn a_refused_guest_hears_it_and_stays_unknown() {
    let mut pair = stranger_calls(2, Trust::Ask, false);
    let (a, b) = (pair.a, pair.b);
    let guest = pair.id(a);
    pair.refuse_guest(b, guest);
    pair.advance(SOON);
    let declined = |e: &Event| {
        matches!(
            e,
            Event::Closed {
                reason: CloseReason::Declined,
                ..
            }
        )
    };
    assert_eq!(count(&pair, a, declined), 1, "{:?}", pair.node(a).events());
    assert_eq!(pair.node(b).endpoint().unwrap().stats().guests, 0);
    assert!(
        pair.accept_guest(b, guest, ([10, 9, 9, 9], 1).into())
            .is_err()
    );
}

#[test]
fn a_guest_is_forgotten_after_five_minutes() {
    let mut pair = stranger_calls(3, Trust::Ask, false);
    let (a, b) = (pair.a, pair.b);
    pair.stop(a);
    pair.advance(limits::GUEST_LIFE + secs(1));
    assert_eq!(count(&pair, b, |e| matches!(e, Event::GuestGone { .. })), 1);
    let endpoint = pair.node(b).endpoint().unwrap();
    assert_eq!(
        (endpoint.stats().guests, endpoint.key_table().len()),
        (0, 0)
    );
}

/// `b`'s user takes `a` in, who is heard of as soon as that can be.
#[track_caller]
fn accept(pair: &mut Pair) {
    let (a, b) = (pair.a, pair.b);
    let (guest, address) = (pair.id(a), pair.address(a));
    pair.accept_guest(b, guest, address).unwrap();
    let done = |w: &World| (w.established(a, b), w.established(b, a)) == (1, 1);
    assert!(
        pair.advance_until(SOON, done),
        "{:?}",
        pair.node(b).events()
    );
    assert_well(pair);
}

/// Whether `a` is asked about a second time before so long.
fn is_asked_about_again(pair: &mut Pair, limit: core::time::Duration) -> bool {
    let b = pair.b;
    pair.advance_until(limit, |w| questions(w, b) == 2)
}

fn gone(world: &World, host: NodeId) -> usize {
    count(world, host, |e| matches!(e, Event::GuestGone { .. }))
}

fn refused(world: &World, node: NodeId) -> usize {
    count(world, node, |e| matches!(e, Event::Refused { .. }))
}

#[test]
fn whoever_waits_behind_a_box_that_forgets_soon_is_accepted_after_an_hour() {
    let mut pair = strangers(20, Trust::Ask, false);
    let (a, b) = (pair.a, pair.b);
    let (host, outside) = (pair.node(a).host(), [203, 0, 113, 1].into());
    let idle = limits::UNPROVED_LIFE;
    let nat = pair.network_mut().add_nat(NatConfig { outside, idle });
    pair.network_mut().put_behind(host, Some(nat));
    pair.connect(a, b).unwrap();
    pair.advance(SOON);
    clear(&mut pair);
    pair.advance(secs(3_600));
    assert!(pair.status(a, b).unwrap().waiting);
    assert_eq!((questions(&pair, b), gone(&pair, b)), (1, 0));
    let times: Vec<_> = sent(&pair, a, DATA).iter().map(|it| it.at).collect();
    let pauses = times.windows(2).map(|it| it[1].saturating_since(it[0]));
    let longest = pauses.max().unwrap();
    assert!(longest < limits::ASK_WHILE_WAITING + SOON, "{longest:?}");
    // A question and an acknowledgement that it brings, and keys in time.
    let shortest =
        limits::ASK_WHILE_WAITING - limits::ASK_WHILE_WAITING / limits::KEEPALIVE_JITTER_PART;
    let most = 3_600 / shortest.as_secs();
    assert!(
        times.len() as u64 <= most + most / 4,
        "{} packets",
        times.len()
    );
    accept(&mut pair);
    pair.advance(secs(10));
    let before = pair.network().sent();
    pair.advance(secs(86_400));
    assert_eq!(pair.network().sent(), before, "they have nothing to say");
}

#[test]
fn a_callee_that_began_anew_is_noticed_and_its_user_asked_again() {
    let mut pair = stranger_calls(21, Trust::Ask, false);
    let b = pair.b;
    pair.restart(b);
    let within = limits::ASK_WHILE_WAITING + limits::SILENCE + SOON;
    assert!(is_asked_about_again(&mut pair, within));
    accept(&mut pair);
}

#[test]
fn a_caller_who_was_away_for_longer_than_he_is_remembered_is_asked_about_again() {
    let mut pair = stranger_calls(22, Trust::Ask, false);
    let (a, b) = (pair.a, pair.b);
    let hosts = (pair.node(a).host(), pair.node(b).host());
    pair.network_mut().partition(hosts.0, hosts.1);
    pair.advance(limits::GUEST_LIFE + secs(1));
    assert_eq!((questions(&pair, b), gone(&pair, b)), (1, 1));
    // Until long after the last key was erased.
    pair.advance(secs(3_600));
    pair.network_mut().heal_all();
    let within = limits::RETRY_SLOW + limits::RETRY_JITTER + SOON;
    assert!(is_asked_about_again(&mut pair, within));
    accept(&mut pair);
}

#[test]
fn a_refusal_that_is_lost_is_heard_a_little_later_and_nobody_is_asked_again() {
    let mut pair = stranger_calls(23, Trust::Ask, false);
    let (a, b) = (pair.a, pair.b);
    let (guest, hosts) = (pair.id(a), (pair.node(b).host(), pair.node(a).host()));
    pair.network_mut().block(hosts.0, hosts.1);
    pair.refuse_guest(b, guest);
    pair.advance(SOON);
    pair.network_mut().heal_all();
    let within = limits::ASK_WHILE_WAITING + limits::SILENCE + SOON;
    assert!(pair.advance_until(within, |w| refused(w, a) == 1));
    clear(&mut pair);
    pair.advance(secs(3_600));
    assert_eq!((questions(&pair, b), gone(&pair, b)), (1, 1));
    assert_eq!(pair.network().capture().len(), 0, "he does not insist");
}

#[test]
fn whoever_was_sent_away_is_asked_about_when_he_begins_anew_or_later() {
    let mut pair = stranger_calls(24, Trust::Ask, false);
    let (a, b) = (pair.a, pair.b);
    let guest = pair.id(a);
    pair.refuse_guest(b, guest);
    pair.advance(SOON);
    pair.connect(a, b).unwrap();
    pair.advance(SOON);
    assert_eq!((questions(&pair, b), refused(&pair, a)), (1, 1));
    pair.advance(limits::GUEST_LIFE);
    pair.connect(a, b).unwrap();
    pair.advance(SOON);
    assert_eq!((questions(&pair, b), refused(&pair, a)), (2, 1));
    pair.refuse_guest(b, guest);
    pair.advance(SOON);
    pair.restart(a);
    pair.connect(a, b).unwrap();
    pair.advance(SOON);
    assert_eq!((questions(&pair, b), refused(&pair, a)), (3, 1));
}

/// Where the caller of a number calls from.
type SourceOf = fn(u16) -> [u8; 4];

/// So many as there is room for wait; returns all of them.
fn crowd(world: &mut World, host: NodeId, count: usize, source: SourceOf) -> Vec<NodeId> {
    let mut crowd = Vec::new();
    for nth in 0..u16::try_from(count).unwrap() {
        crowd.push(call_from(world, host, nth, source(nth)));
        // No faster are so many asked about.
        world.advance(secs(40));
    }
    crowd
}

/// Each calls again when it has to make room, and so would the next, and the one after that.
#[test]
fn who_waits_for_ever_keeps_nobody_out_and_whoever_makes_room_pushes_nobody_out() {
    let of_one = |_| [10, 0, 200, 1];
    let of_all = |nth| [10, 0, 200, u8::try_from(nth).unwrap()];
    let ways: [(usize, SourceOf); 2] = [
        (limits::MAX_GUESTS_PER_SOURCE, of_one),
        (limits::MAX_GUESTS, of_all),
    ];
    for (most, source) in ways {
        let mut world = World::new(25);
        let host = world.add_node("host", policy(Trust::Ask, false));
        let crowd = crowd(&mut world, host, most, source);
        world.advance(secs(3_600));
        assert_eq!((questions(&world, host), gone(&world, host)), (most, 0));
        let late = call_from(&mut world, host, 100, source(0));
        world.advance(SOON);
        assert_eq!(questions(&world, host), most + 1);
        world.advance(secs(3_600));
        assert_eq!((questions(&world, host), gone(&world, host)), (most + 1, 1));
        let key = world.id(late);
        world.refuse_guest(host, key);
        world.advance(limits::RETRY_SLOW + limits::RETRY_JITTER + SOON);
        assert_eq!(questions(&world, host), most + 2, "there is room again");
        let first = world.id(crowd[0]);
        let is_first = |e: &Event| matches!(e, Event::Guest { peer, .. } if *peer == first);
        assert_eq!(count(&world, host, is_first), 2);
    }
}

#[test]
fn there_are_at_most_eight_guests_and_two_of_a_source() {
    let mut world = World::new(4);
    let host = world.add_node("host", policy(Trust::Ask, false));
    let crowd: Vec<NodeId> = (0..12)
        .map(|n| {
            let node = world.add_node(&format!("guest {n}"), EndpointConfig::default());
            world.add_peer(node, host);
            node
        })
        .collect();
    for node in &crowd {
        world.connect(*node, host).unwrap();
        // No faster are so many asked about.
        world.advance(secs(10));
        assert!(world.node(host).endpoint().unwrap().stats().guests <= limits::MAX_GUESTS);
    }
    assert_eq!(
        count(&world, host, |e| matches!(e, Event::Guest { .. })),
        12
    );
    assert_eq!(
        count(&world, host, |e| matches!(e, Event::GuestGone { .. })),
        4,
        "the oldest go"
    );

    let mut world = World::new(5);
    let host = world.add_node("host", policy(Trust::Ask, false));
    for n in 0..4u16 {
        let node = world.add_node(&format!("guest {n}"), EndpointConfig::default());
        let host_of = world.node(node).host();
        world
            .network_mut()
            .roam(host_of, ([10, 0, 200, 1], 1_000 + n).into());
        world.add_peer(node, host);
        world.connect(node, host).unwrap();
        world.advance(SOON);
        assert!(
            world.node(host).endpoint().unwrap().stats().guests <= limits::MAX_GUESTS_PER_SOURCE
        );
    }
}

/// A guest of that number calls `host`, from a port of this host.
fn call_from(world: &mut World, host: NodeId, nth: u16, source: [u8; 4]) -> NodeId {
    let node = world.add_node(&format!("guest {nth}"), EndpointConfig::default());
    let at = world.node(node).host();
    world.network_mut().roam(at, (source, 1_000 + nth).into());
    world.add_peer(node, host);
    world.connect(node, host).unwrap();
    node
}

fn questions(world: &World, host: NodeId) -> usize {
    count(world, host, |event| matches!(event, Event::Guest { .. }))
}

#[test]
fn a_source_of_ever_new_keys_asks_a_person_twice_a_minute() {
    let mut world = World::new(6);
    let host = world.add_node("host", policy(Trust::Ask, false));
    let mut crowd = Vec::new();
    for nth in 0..60 {
        crowd.push(call_from(&mut world, host, nth, [10, 0, 200, 1]));
        world.advance(secs(2));
    }
    let asked = questions(&world, host);
    let most = (limits::GUEST_BURST + 2 * limits::GUEST_RATE) as usize;
    assert!((most - 1..=most).contains(&asked), "{asked} questions");
    // Nobody else has to wait for that.
    let other = call_from(&mut world, host, 100, [10, 0, 201, 1]);
    world.advance(SOON);
    let key = world.id(other);
    let is_other = |event: &Event| matches!(event, Event::Guest { peer, .. } if *peer == key);
    assert_eq!(count(&world, host, is_other), 1);
    // And at that source whoever goes on calling is asked about when the others are gone.
    let late = call_from(&mut world, host, 101, [10, 0, 200, 1]);
    crowd.into_iter().for_each(|node| world.stop(node));
    let key = world.id(late);
    let is_late = |event: &Event| matches!(event, Event::Guest { peer, .. } if *peer == key);
    assert!(world.advance_until(secs(90), |w| count(w, host, is_late) == 1));
}

/// No question is left for him meanwhile, so that nobody takes his HELLO.
#[test]
fn whoever_is_asked_about_later_is_told_once_that_nothing_is_heard() {
    let mut world = World::new(27);
    let host = world.add_node("host", policy(Trust::Ask, false));
    let source = [10, 0, 200, 1];
    for nth in 0..u16::try_from(limits::GUEST_BURST).unwrap() {
        call_from(&mut world, host, nth, source);
        world.advance(ms(500));
    }
    let asked = questions(&world, host);
    assert_eq!(asked, limits::GUEST_BURST as usize);
    let late = call_from(&mut world, host, 100, source);
    let told = |world: &World| {
        [
            count(world, late, |it| matches!(it, Event::Waiting { .. })),
            count(world, late, |it| matches!(it, Event::Silent { .. })),
            count(world, late, |it| matches!(it, Event::Resumed { .. })),
        ]
    };
    world.advance(secs(25));
    assert_eq!(questions(&world, host), asked);
    assert_eq!(told(&world), [1, 1, 0]);
    let calls = sent(&world, late, INIT).len();
    assert!(calls >= 6, "{calls} halves");
    assert!(world.advance_until(secs(30), |w| questions(w, host) == asked + 1));
    world.advance(SOON);
    assert_eq!(told(&world), [2, 1, 0]);
}

#[test]
fn ever_new_keys_from_everywhere_ask_a_person_six_times_a_minute() {
    let mut world = World::new(7);
    let host = world.add_node("host", policy(Trust::Ask, false));
    for nth in 0..60u16 {
        let source = [10, 0, 200, u8::try_from(nth).unwrap()];
        call_from(&mut world, host, nth, source);
        world.advance(secs(2));
    }
    let asked = questions(&world, host);
    let most = (limits::ALL_GUESTS_BURST + 2 * limits::ALL_GUESTS_RATE) as usize;
    assert!((most - 1..=most).contains(&asked), "{asked} questions");
}

#[test]
fn strict_refuses_and_keeps_no_key() {
    let mut pair = stranger_calls(6, Trust::Strict, false);
    let (a, b) = (pair.a, pair.b);
    let refused = |e: &Event| {
        matches!(
            e,
            Event::Refused {
                reason: Refusal::UnknownKey,
                ..
            }
        )
    };
    assert_eq!(count(&pair, a, refused), 1);
    assert_eq!(pair.node(b).events(), &[]);
    let endpoint = pair.node(b).endpoint().unwrap();
    assert_eq!((endpoint.stats().peers, endpoint.key_table().len()), (0, 0));
    clear(&mut pair);
    pair.advance(secs(300));
    assert_eq!(
        pair.network().capture().len(),
        0,
        "who was refused does not insist"
    );
}

#[test]
fn new_pins_and_talks_at_once() {
    let mut pair = stranger_calls(7, Trust::New, false);
    let (a, b) = (pair.a, pair.b);
    assert_eq!(count(&pair, b, |e| matches!(e, Event::Pinned { .. })), 1);
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
    assert_well(&mut pair);
}

#[test]
fn stealth_answers_strangers_nothing_and_friends_as_ever() {
    for trust in [Trust::Ask, Trust::New, Trust::Strict] {
        let mut pair = stranger_calls(8, trust, true);
        let (a, b) = (pair.a, pair.b);
        pair.advance(secs(100));
        assert_eq!(sent(&pair, b, RESP).len(), 0);
        assert_eq!(pair.node(b).events(), &[]);
        pair.add_peer(b, a);
        let _ = pair.talk(a, b);
        assert!(
            pair.advance_until(secs(70), |w| w.established(b, a) == 1),
            "{trust:?}"
        );
        pair.advance(secs(1));
        assert_well(&mut pair);
    }
}

#[test]
fn whoever_is_turned_away_is_counted() {
    for (trust, stealth, is_counted) in [
        (Trust::Strict, false, true),
        (Trust::Strict, true, true),
        (Trust::Ask, false, false),
    ] {
        let pair = stranger_calls(11, trust, stealth);
        let stats = pair.node(pair.b).endpoint().unwrap().stats();
        let calls = stats.turned_away.map(|it| it.calls);
        assert_eq!(calls.is_some_and(|it| it > 0), is_counted, "{trust:?}");
    }
}

#[test]
fn a_revoked_key_gets_nothing_ever() {
    for trust in [Trust::Ask, Trust::New, Trust::Strict] {
        let mut pair = Pair::strangers(9, EndpointConfig::default(), policy(trust, false));
        let (a, b) = (pair.a, pair.b);
        let peer = pair.id(a);
        pair.add_peer(a, b);
        pair.revoke_peer(b, peer);
        for _ in 0..2 {
            pair.connect(a, b).unwrap();
            pair.advance(secs(200));
            assert_eq!(
                pair.network()
                    .capture()
                    .iter()
                    .filter(|s| s.sender == Some(pair.node(b).host()))
                    .count(),
                0
            );
            assert_eq!(pair.node(b).events(), &[]);
            pair.restart(b);
        }
    }
}

#[test]
fn who_pins_everybody_pins_a_bounded_number() {
    let mut world = World::new(10);
    let host = world.add_node("host", policy(Trust::New, false));
    let crowd = limits::MAX_PINNED + 6;
    for n in 0..crowd {
        let node = world.add_node(&format!("guest {n}"), EndpointConfig::default());
        world.add_peer(node, host);
        world.connect(node, host).unwrap();
        world.advance(ms(200));
    }
    let pinned = count(&world, host, |e| matches!(e, Event::Pinned { .. }));
    assert_eq!(pinned, limits::MAX_PINNED);
}

#[test]
fn another_shared_secret_ends_the_session_says_so_and_leads_to_a_new_one() {
    let mut pair = Pair::new(12);
    let (a, b) = (pair.a, pair.b);
    pair.connect(a, b).unwrap();
    pair.advance(SOON);
    let ids = [
        (a, pair.id(b), pair.address(b)),
        (b, pair.id(a), pair.address(a)),
    ];
    for (node, peer, address) in ids {
        let known = Known {
            addresses: vec![address],
            psk: Some([7; 32]),
        };
        pair.add_known(node, peer, known);
        let changed = |e: &Event| {
            let reason = CloseReason::SecretChanged;
            matches!(e, Event::Closed { reason: why, .. } if *why == reason)
        };
        assert_eq!(
            count(&pair, node, changed),
            1,
            "{:?}",
            pair.node(node).events()
        );
    }
    let before = pair.established(a, b);
    pair.connect(a, b).unwrap();
    pair.advance(secs(5));
    assert_eq!(pair.established(a, b), before + 1);
}

#[test]
fn a_shared_secret_must_be_the_same_on_both_sides() {
    for (ours, theirs, meet) in [(7, 7, true), (7, 8, false)] {
        let mut pair = Pair::strangers(11, EndpointConfig::default(), EndpointConfig::default());
        let (a, b) = (pair.a, pair.b);
        let with = |pair: &Pair, node, byte| Known {
            addresses: vec![pair.address(node)],
            psk: Some([byte; 32]),
        };
        let (known_a, known_b) = (with(&pair, a, theirs), with(&pair, b, ours));
        let (id_a, id_b) = (pair.id(a), pair.id(b));
        pair.add_known(a, id_b, known_b);
        pair.add_known(b, id_a, known_a);
        pair.connect(a, b).unwrap();
        pair.advance(secs(5));
        assert_eq!(
            pair.established(a, b) + pair.established(b, a),
            if meet { 2 } else { 0 }
        );
    }
}
