//! When somebody is called again, and looked up again.

use std::collections::BTreeSet;

use super::*;
use crate::cli::talk::goal::again::Again;
use crate::cli::talk::goal::reach::MAX_KNOWN;
use crate::cli::talk::goal::reports::Reports;
use crate::cli::talk::lookups::LookUps;
use crate::net::{Family, Host, IcmpKind};

pub(in crate::cli::talk) fn reach(peer: PeerId, retry: bool) -> Goal {
    Goal::Reach(Box::new(Reach {
        peer,
        name: Some("bob".into()),
        host: "chat.example.org:7419".parse().unwrap(),
        addresses: Vec::new(),
        known: BTreeSet::new(),
        timeout: Duration::from_secs(10),
        retry,
        started: Instant::ZERO,
        state: Stage::Trying,
        reports: Reports::default(),
        has_other_psk: false,
        save_as: None,
        save_host: false,
        again: Again::default(),
        look_ups: LookUps::new(
            Host::parse("chat.example.org:7419", None).unwrap(),
            Family::Any,
            Instant::ZERO,
        ),
    }))
}

#[test]
fn a_peer_that_ends_every_session_is_called_more_and_more_slowly() {
    let peer = PeerId::new([1; 32]);
    let mut goal = reach(peer, true);
    let mut now = Instant::ZERO;
    // How long the session stood, and how long the pause after it is, in seconds.
    let course = [(1, 1), (1, 2), (29, 4), (1, 5), (1, 5), (30, 1), (1, 2)];
    for (stood, pause) in course {
        goal.on_established(&peer, now);
        now = now + Duration::from_secs(stood);
        let progress = goal.on_closed(&peer, CloseReason::Goodbye, now);
        let pause = Duration::from_secs(pause);
        assert!(
            matches!(progress, Progress::Again(time) if time == pause),
            "{progress:?} instead of {pause:?}"
        );
        assert_eq!(goal.patience(now), Some(pause));
        assert!(goal.call_again(now).is_none(), "not yet");
        now = now + pause;
        assert!(goal.call_again(now).is_some());
        assert!(goal.call_again(now).is_none(), "once");
    }
}

#[test]
fn a_peer_that_calls_in_the_pause_is_not_called() {
    let peer = PeerId::new([1; 32]);
    let mut goal = reach(peer, true);
    goal.on_closed(&peer, CloseReason::Goodbye, Instant::ZERO);
    goal.on_established(&peer, Instant::ZERO);
    let late = Instant::ZERO + Duration::from_secs(9);
    assert!(goal.call_again(late).is_none());
}

#[test]
fn with_another_shared_secret_a_peer_is_called_anew_with_and_without_retry() {
    let peer = PeerId::new([1; 32]);
    for retry in [false, true] {
        let mut goal = reach(peer, retry);
        goal.on_established(&peer, Instant::ZERO);
        let progress = goal.on_closed(&peer, CloseReason::SecretChanged, Instant::ZERO);
        assert!(matches!(progress, Progress::Again(_)), "{progress:?}");
        let soon = Instant::ZERO + Duration::from_secs(5);
        assert!(goal.call_again(soon).is_some());
    }
    // Before anybody has answered, too, once there is an address.
    let (mut goal, mut now) = (reach(peer, false), Instant::ZERO);
    goal.call_at_once(&peer, now);
    assert_eq!(goal.call_again(now), None);
    next_look_up(&mut goal, &mut now, found(1)).unwrap();
    goal.call_at_once(&peer, now);
    assert_eq!(goal.call_again(now), Some((peer, found(1).unwrap())));
}

/// A screen with other conversations was ended, as the other side has the former secret for a while.
#[test]
fn who_was_there_and_has_another_shared_secret_is_sought_without_a_limit_of_time() {
    let (peer, mut now) = (PeerId::new([1; 32]), Instant::ZERO);
    let mut goal = reach(peer, false);
    next_look_up(&mut goal, &mut now, found(1)).unwrap();
    assert!(goal.remaining(now).is_some(), "nobody has answered yet");
    goal.on_established(&peer, now);
    goal.on_closed(&peer, CloseReason::SecretChanged, now);
    let late = now + Duration::from_secs(1_000);
    assert!(goal.overdue(late).is_none() && goal.remaining(late).is_none());
    now = now + Duration::from_secs(1);
    assert!(goal.call_again(now).is_some());
    let failed = next_look_up(&mut goal, &mut now, Err(ResolveError::NotFound));
    assert!(matches!(failed, Ok(Resolved::Nothing)), "{failed:?}");
}

#[test]
fn in_another_network_a_peer_is_called_without_a_pause() {
    let peer = PeerId::new([1; 32]);
    let mut goal = reach(peer, true);
    goal.hurry(|_| false, Instant::ZERO);
    assert!(goal.call_again(Instant::ZERO).is_none(), "there is none");
    goal.on_closed(&peer, CloseReason::Goodbye, Instant::ZERO);
    goal.hurry(|_| false, Instant::ZERO);
    assert!(goal.call_again(Instant::ZERO).is_some());
}

#[test]
fn who_was_hung_up_on_is_neither_called_nor_waited_for() {
    let peer = PeerId::new([1; 32]);
    let late = Instant::ZERO + Duration::from_secs(60);
    for retry in [false, true] {
        let mut goal = reach(peer, retry);
        goal.on_closed(&peer, CloseReason::Goodbye, Instant::ZERO);
        goal.rest(&peer);
        assert!(goal.overdue(late).is_none());
        assert!(goal.call_again(late).is_none());
        assert_eq!(goal.patience(late), None);
    }
}

#[test]
fn a_listener_for_one_conversation_is_done_when_that_is_lost_and_no_other() {
    let [first, other] = [1, 2].map(|byte| PeerId::new([byte; 32]));
    let mut goal = Goal::Listen { once: Some(None) };
    assert_eq!(goal.on_lost(&first), None, "there was none");
    goal.on_established(&first, Instant::ZERO);
    goal.on_established(&other, Instant::ZERO);
    assert_eq!(goal.on_lost(&other), None);
    assert_eq!(goal.on_lost(&first), Some(ExitCode::Done));
}

#[test]
fn a_listener_for_one_conversation_is_not_done_when_another_secret_begins_it_anew() {
    let first = PeerId::new([1; 32]);
    let mut goal = Goal::Listen { once: Some(None) };
    goal.on_established(&first, Instant::ZERO);
    let mut on_closed = |reason| goal.on_closed(&first, reason, Instant::ZERO);
    let progress = on_closed(CloseReason::SecretChanged);
    assert!(matches!(progress, Progress::GoOn), "{progress:?}");
    let progress = on_closed(CloseReason::Goodbye);
    assert!(matches!(progress, Progress::Stop(ExitCode::Done)));
}

#[test]
fn a_name_server_that_does_not_answer_ends_the_wait_too() {
    let peer = PeerId::new([1; 32]);
    let goal = reach(peer, false);
    let late = Instant::ZERO + Duration::from_secs(10);
    assert!(goal.overdue(Instant::ZERO).is_none());
    let overdue = goal.overdue(late).expect("else the loop would spin");
    let label = Safe::from("bob");
    let error = overdue.failure(Peer { label, saved: true }, 0, &[], late);
    assert!(matches!(error, Error::HostNotFound { .. }), "{error:?}");
}

fn found(last: u8) -> Result<Vec<SocketAddr>, ResolveError> {
    all_found(&[last])
}

fn all_found(last: &[u8]) -> Result<Vec<SocketAddr>, ResolveError> {
    let address = |last| SocketAddr::from(([192, 0, 2, last], 7_419));
    Ok(last.iter().copied().map(address).collect())
}

/// Makes the look-up that is due within a minute, and lets it come to `found`. Returns when, and what follows.
fn next_look_up(
    goal: &mut Goal,
    now: &mut Instant,
    found: Result<Vec<SocketAddr>, ResolveError>,
) -> Result<Resolved, Error> {
    let wait = goal.patience(*now).expect("a look-up is due");
    assert!(wait <= Duration::from_secs(60), "{wait:?}");
    *now = *now + wait;
    assert!(goal.look_up(*now).is_some());
    goal.on_resolved(found, *now)
}

#[test]
fn with_retry_a_name_that_is_not_found_is_looked_up_until_it_is() {
    let peer = PeerId::new([1; 32]);
    let (mut goal, mut now) = (reach(peer, true), Instant::ZERO);
    let mut fail = |goal: &mut Goal, error| next_look_up(goal, &mut now, Err(error));
    let first = fail(&mut goal, ResolveError::Temporary);
    let Ok(Resolved::Later(words)) = first else {
        panic!("{first:?}")
    };
    assert!(words.as_str().contains("chat.example.org"), "{words:?}");
    assert!(matches!(goal.not_found(), Some(Error::HostNotFound { .. })));
    let again = fail(&mut goal, ResolveError::Temporary);
    assert!(
        matches!(again, Ok(Resolved::Nothing)),
        "told once: {again:?}"
    );
    let other = fail(&mut goal, ResolveError::NotFound);
    assert!(matches!(other, Ok(Resolved::Later(_))), "{other:?}");
    let there = next_look_up(&mut goal, &mut now, found(1)).unwrap();
    assert!(matches!(there, Resolved::Call(whom, _) if whom == peer));
    assert!(goal.not_found().is_none());
}

#[test]
fn a_peer_that_does_not_answer_is_called_where_its_name_leads_by_now() {
    let peer = PeerId::new([1; 32]);
    let (mut goal, mut now) = (reach(peer, true), Instant::ZERO);
    next_look_up(&mut goal, &mut now, found(1)).unwrap();
    let same = next_look_up(&mut goal, &mut now, found(1)).unwrap();
    assert!(matches!(same, Resolved::Nothing), "{same:?}");
    let failed = next_look_up(&mut goal, &mut now, Err(ResolveError::Temporary)).unwrap();
    assert!(
        matches!(failed, Resolved::Nothing),
        "it is called on: {failed:?}"
    );
    let moved = next_look_up(&mut goal, &mut now, found(2)).unwrap();
    let Resolved::Call(_, addresses) = moved else {
        panic!("{moved:?}")
    };
    assert_eq!(addresses, found(2).unwrap());
    // While it is there nothing is looked up, and again when it is lost or has left.
    goal.on_established(&peer, now);
    assert_eq!(goal.patience(now), None);
    goal.on_event(&Event::Unreachable { peer, tries: 9 }, now);
    next_look_up(&mut goal, &mut now, found(2)).unwrap();
    goal.on_event(&Event::Resumed { peer }, now);
    assert_eq!(goal.patience(now), None);
    goal.on_closed(&peer, CloseReason::Goodbye, now);
    now = now + Duration::from_secs(1);
    assert!(goal.call_again(now).is_some());
    let moved = next_look_up(&mut goal, &mut now, found(3)).unwrap();
    assert!(matches!(moved, Resolved::Call(..)), "{moved:?}");
}

#[test]
fn without_retry_a_name_is_looked_up_once() {
    let peer = PeerId::new([1; 32]);
    let (mut goal, mut now) = (reach(peer, false), Instant::ZERO);
    let failed = next_look_up(&mut goal, &mut now, Err(ResolveError::Temporary));
    assert!(
        matches!(failed, Err(Error::HostNotFound { .. })),
        "{failed:?}"
    );
    let mut goal = reach(peer, false);
    next_look_up(&mut goal, &mut now, found(1)).unwrap();
    goal.on_event(&Event::Unreachable { peer, tries: 9 }, now);
    assert!(goal.look_up(now + Duration::from_secs(600)).is_none());
}

#[test]
fn a_name_that_leads_to_several_addresses_in_turn_has_not_moved() {
    let peer = PeerId::new([1; 32]);
    let (mut goal, mut now) = (reach(peer, true), Instant::ZERO);
    next_look_up(&mut goal, &mut now, all_found(&[1, 2])).unwrap();
    for old in [&[2, 1][..], &[2], &[1], &[1, 2]] {
        let same = next_look_up(&mut goal, &mut now, all_found(old)).unwrap();
        assert!(matches!(same, Resolved::Nothing), "{old:?}: {same:?}");
    }
    let moved = next_look_up(&mut goal, &mut now, all_found(&[1, 3])).unwrap();
    assert!(matches!(moved, Resolved::Call(..)), "{moved:?}");
    let back = next_look_up(&mut goal, &mut now, all_found(&[2, 1])).unwrap();
    assert!(matches!(back, Resolved::Nothing), "{back:?}");
}

#[test]
fn addresses_that_are_new_each_time_take_no_memory_without_bound() {
    let (mut goal, now) = (reach(PeerId::new([1; 32]), true), Instant::ZERO);
    for number in 0..1_000_u16 {
        let [high, low] = number.to_be_bytes();
        let address = SocketAddr::from(([198, 18, high, low], 7_419));
        let moved = goal.on_resolved(Ok(vec![address]), now).unwrap();
        assert!(matches!(moved, Resolved::Call(..)), "{moved:?}");
    }
    let Goal::Reach(reach) = goal else { panic!() };
    assert!(reach.known.len() <= MAX_KNOWN);
}

#[test]
fn what_a_look_up_finds_when_it_is_not_wanted_any_more_is_no_reason_to_call() {
    let peer = PeerId::new([1; 32]);
    let back: [fn(&mut Goal, PeerId); 4] = [
        |goal, peer| goal.on_event(&Event::Resumed { peer }, Instant::ZERO),
        |goal, peer| goal.on_event(&Event::Waiting { peer }, Instant::ZERO),
        |goal, peer| _ = goal.on_established(&peer, Instant::ZERO),
        |goal, peer| goal.rest(&peer),
    ];
    for (case, back) in back.into_iter().enumerate() {
        let (mut goal, mut now) = (reach(peer, true), Instant::ZERO);
        next_look_up(&mut goal, &mut now, found(1)).unwrap();
        goal.on_established(&peer, now);
        goal.on_event(&Event::Unreachable { peer, tries: 9 }, now);
        now = now + goal.patience(now).expect("a look-up is due");
        assert!(goal.look_up(now).is_some());
        back(&mut goal, peer);
        let late = goal.on_resolved(found(2), now).unwrap();
        assert!(matches!(late, Resolved::Nothing), "{case}: {late:?}");
        assert_eq!(goal.patience(now), None, "{case}: no other is made");
    }
}

#[test]
fn what_was_found_too_late_is_called_when_the_session_has_ended() {
    let peer = PeerId::new([1; 32]);
    let (mut goal, mut now) = (reach(peer, true), Instant::ZERO);
    goal.on_established(&peer, now);
    let late = goal.on_resolved(found(1), now).unwrap();
    assert!(matches!(late, Resolved::Nothing), "{late:?}");
    goal.on_closed(&peer, CloseReason::Goodbye, now);
    now = now + Duration::from_secs(1);
    assert_eq!(goal.call_again(now), Some((peer, found(1).unwrap())));
}

#[test]
fn in_another_network_a_name_is_looked_up_without_a_pause() {
    let (mut goal, mut now) = (reach(PeerId::new([1; 32]), true), Instant::ZERO);
    next_look_up(&mut goal, &mut now, found(1)).unwrap();
    assert!(goal.look_up(now).is_none());
    goal.hurry(|_| false, now);
    assert!(goal.look_up(now).is_some());
}

fn closed() -> IcmpError {
    IcmpError {
        peer: Some(found(1).unwrap()[0]),
        kind: IcmpKind::Refused,
    }
}

/// Bob is looked for where the network says that nobody listens.
fn refused() -> (Goal, Instant, Peer) {
    let (bob, label) = (PeerId::new([1; 32]), Safe::from("bob"));
    let (mut goal, mut now) = (reach(bob, true), Instant::ZERO);
    next_look_up(&mut goal, &mut now, found(1)).unwrap();
    assert!(goal.on_icmp(&closed(), &[], now).is_some());
    (goal, now, Peer { label, saved: true })
}

#[test]
fn an_answer_with_another_secret_counts_for_more_than_what_the_network_says() {
    let (peer, (mut goal, now, who)) = (PeerId::new([1; 32]), refused());
    let failure = |goal: &Goal| match goal {
        Goal::Reach(reach) => reach.failure(who.clone(), 1, &[], now),
        Goal::Listen { .. } => panic!("somebody is to be reached"),
    };
    let of_another = Event::OtherPsk {
        peer: PeerId::new([2; 32]),
    };
    goal.on_event(&of_another, now);
    let error = failure(&goal);
    assert!(matches!(error, Error::PortClosed { .. }), "{error:?}");
    goal.on_event(&Event::OtherPsk { peer }, now);
    let error = failure(&goal);
    assert!(matches!(error, Error::OtherPsk { .. }), "{error:?}");
    let obstacle = goal.obstacle(&who, &[], now);
    assert!(matches!(obstacle, Some(Obstacle::OtherPsk { .. })));
    // The secret was mended here.
    goal.call_at_once(&peer, now);
    let obstacle = goal.obstacle(&who, &[], now);
    assert!(!matches!(obstacle, Some(Obstacle::OtherPsk { .. })));
}

#[test]
fn who_has_moved_away_from_a_closed_port_is_not_said_to_have_one() {
    let (mut goal, mut now, who) = refused();
    let obstacle = goal.obstacle(&who, &[], now);
    assert!(matches!(obstacle, Some(Obstacle::Closed { .. })));
    next_look_up(&mut goal, &mut now, found(2)).unwrap();
    let obstacle = goal.obstacle(&who, &[], now);
    assert!(
        matches!(obstacle, Some(Obstacle::Silence { .. })),
        "{obstacle:?}"
    );
    next_look_up(&mut goal, &mut now, found(1)).unwrap();
    assert!(
        goal.on_icmp(&closed(), &[], now).is_none(),
        "it is told once"
    );
}

fn said_of(last: u8, kind: IcmpKind) -> IcmpError {
    let peer = Some(found(last).unwrap()[0]);
    IcmpError { peer, kind }
}

/// The peer was blamed, on a machine without a network.
#[test]
fn where_nothing_gets_that_is_told_for_as_long_as_another_try_would_bring_it_again() {
    let (bob, label) = (PeerId::new([1; 32]), Safe::from("bob"));
    let who = Peer { label, saved: true };
    let (mut goal, mut now) = (reach(bob, true), Instant::ZERO);
    next_look_up(&mut goal, &mut now, found(1)).unwrap();
    let barrier = |goal: &Goal, now| match (goal.obstacle(&who, &[], now), goal) {
        (Some(Obstacle::NoWay { barrier, .. }), Goal::Reach(reach)) => {
            let failure = reach.failure(who.clone(), 1, &[], now);
            assert!(
                matches!(failure, Error::NoAnswer { barrier: Some(it), .. } if it == barrier),
                "{failure:?}"
            );
            Some(barrier)
        }
        (obstacle, _) => {
            assert!(
                matches!(obstacle, Some(Obstacle::Silence { .. })),
                "{obstacle:?}"
            );
            None
        }
    };
    for (kind, wanted) in [
        (IcmpKind::TooBig, None),
        (IcmpKind::NetUnreachable, Some(Barrier::NoWay)),
        (IcmpKind::Prohibited, Some(Barrier::Firewall)),
        (IcmpKind::HostUnreachable, Some(Barrier::NoWay)),
    ] {
        goal.on_icmp(&said_of(1, kind), &[], now);
        assert_eq!(barrier(&goal, now), wanted, "{kind:?}");
    }
    let after = |seconds| now + Duration::from_secs(seconds);
    assert_eq!(barrier(&goal, after(5)), Some(Barrier::NoWay));
    assert_eq!(barrier(&goal, after(6)), None);
    // Tries are rare by then.
    goal.on_icmp(&said_of(1, IcmpKind::NetUnreachable), &[], after(90));
    assert_eq!(barrier(&goal, after(150)), Some(Barrier::NoWay));
    assert_eq!(barrier(&goal, after(151)), None);
}

/// Whoever called again and again from a machine without a network was told nothing of that.
#[test]
fn that_nothing_gets_anywhere_is_news_once_until_there_is_a_way_again_or_an_answer() {
    let bob = PeerId::new([1; 32]);
    let (mut goal, mut now) = (reach(bob, true), Instant::ZERO);
    next_look_up(&mut goal, &mut now, all_found(&[1, 2])).unwrap();
    let there = found(1).unwrap()[0];
    let news = Some((bob, there, Some(Barrier::NoWay)));
    let tries = |goal: &mut Goal| {
        [1, 2, 1, 2].map(|last| goal.on_icmp(&said_of(last, IcmpKind::NetUnreachable), &[], now))
    };
    assert_eq!(tries(&mut goal), [None, news, None, None]);
    assert!(goal.on_way_again(&bob));
    assert!(!goal.on_way_again(&bob), "once");
    assert_eq!(tries(&mut goal), [None, news, None, None]);
    goal.on_established(&bob, now);
    assert!(!goal.on_way_again(&bob), "nobody waits for it");
    assert_eq!(tries(&mut goal), [None; 4]);
    goal.on_closed(&bob, CloseReason::Goodbye, now);
    assert_eq!(tries(&mut goal), [news, None, None, None]);
}

#[test]
fn nothing_is_told_before_each_address_has_a_report_and_then_a_closed_port_says_more() {
    let (bob, label) = (PeerId::new([1; 32]), Safe::from("bob"));
    let who = Peer { label, saved: true };
    let (mut goal, mut now) = (reach(bob, true), Instant::ZERO);
    next_look_up(&mut goal, &mut now, all_found(&[1, 2])).unwrap();
    goal.on_icmp(&said_of(1, IcmpKind::NetUnreachable), &[], now);
    let obstacle = goal.obstacle(&who, &[], now);
    assert!(
        matches!(obstacle, Some(Obstacle::Silence { .. })),
        "{obstacle:?}"
    );
    goal.on_icmp(&said_of(2, IcmpKind::Refused), &[], now);
    let obstacle = goal.obstacle(&who, &[], now);
    let there = found(2).unwrap()[0];
    assert!(
        matches!(obstacle, Some(Obstacle::Closed { address, .. }) if address == there),
        "{obstacle:?}"
    );
}

#[test]
fn a_host_is_saved_once_and_only_if_the_peer_has_answered_there() {
    let peer = PeerId::new([1; 32]);
    let there = SocketAddr::from(([203, 0, 113, 9], 7_419));
    let elsewhere = SocketAddr::from(([192, 0, 2, 7], 7_419));
    let wants = |save_host| {
        let mut goal = reach(peer, true);
        if let Goal::Reach(reach) = &mut goal {
            reach.save_host = save_host;
        }
        goal.on_resolved(Ok(vec![there]), Instant::ZERO).unwrap();
        goal
    };
    assert_eq!(wants(false).proven_host(&peer, there, true), None);
    let mut goal = wants(true);
    assert_eq!(goal.proven_host(&peer, elsewhere, true), None);
    let other = PeerId::new([2; 32]);
    assert_eq!(goal.proven_host(&other, there, true), None);
    assert_eq!(goal.proven_host(&peer, there, false), None, "it has called");
    let host = "chat.example.org:7419".parse().unwrap();
    assert_eq!(goal.proven_host(&peer, there, true), Some(host));
    assert_eq!(goal.proven_host(&peer, there, true), None);
}

#[test]
fn in_another_network_whoever_has_a_session_without_keys_is_called() {
    let peer = PeerId::new([1; 32]);
    let now = Instant::ZERO + Duration::from_secs(9);
    let stands = || {
        let mut goal = reach(peer, false);
        goal.on_established(&peer, Instant::ZERO);
        goal
    };
    let mut goal = stands();
    assert_eq!(goal.hurry(|_| false, now), None, "it has keys");
    assert!(goal.call_again(now).is_none());
    assert_eq!(goal.hurry(|_| true, now), Some(peer));
    assert!(goal.call_again(now).is_some());
    assert!(goal.call_again(now).is_none(), "once");
    let mut goal = stands();
    goal.rest(&peer);
    assert_eq!(goal.hurry(|_| true, now), None, "it was hung up on");
    goal.on_established(&peer, now);
    assert_eq!(goal.hurry(|_| true, now), None, "and has called since");
    let mut goal = stands();
    goal.on_kept_out(&peer);
    assert_eq!(goal.hurry(|_| true, now), None, "it has refused us since");
    let mut goal = stands();
    goal.on_closed(&peer, CloseReason::Goodbye, now);
    assert_eq!(goal.hurry(|_| true, now), None, "it has left");
}

/// It was called where it had been, without an end.
#[test]
fn whoever_has_been_there_and_is_not_reached_any_more_is_looked_up_although_nobody_retries() {
    let peer = PeerId::new([1; 32]);
    let (mut goal, mut now) = (reach(peer, false), Instant::ZERO);
    let unreachable = Event::Unreachable { peer, tries: 22 };
    goal.on_event(&unreachable, now);
    next_look_up(&mut goal, &mut now, found(1)).unwrap();
    assert!(goal.look_up(now + Duration::from_secs(600)).is_none());
    goal.on_established(&peer, now);
    goal.on_event(&unreachable, now);
    for _ in 0..2 {
        let again = next_look_up(&mut goal, &mut now, found(1)).unwrap();
        assert!(matches!(again, Resolved::Nothing), "{again:?}");
    }
    let moved = next_look_up(&mut goal, &mut now, found(2)).unwrap();
    assert!(matches!(moved, Resolved::Call(called, _) if called == peer));
    goal.on_event(&unreachable, now);
    goal.on_closed(&peer, CloseReason::Goodbye, now);
    assert_eq!(goal.patience(now), None, "it has left");
}

/// It was said that this machine has no way there while the second saved address was called and only silent.
#[test]
fn nothing_is_told_before_each_address_that_is_called_has_a_report_wherever_it_is_saved() {
    let (bob, label) = (PeerId::new([1; 32]), Safe::from("bob"));
    let who = Peer { label, saved: true };
    let (mut goal, mut now) = (reach(bob, true), Instant::ZERO);
    next_look_up(&mut goal, &mut now, found(1)).unwrap();
    let called = all_found(&[2, 1]).unwrap();
    let says = |goal: &mut Goal, last, kind| goal.on_icmp(&said_of(last, kind), &called, now);
    assert_eq!(says(&mut goal, 1, IcmpKind::NetUnreachable), None);
    let obstacle = goal.obstacle(&who, &called, now);
    let is_silent = matches!(obstacle, Some(Obstacle::Silence { .. }));
    assert!(is_silent, "{obstacle:?}");
    let news = says(&mut goal, 2, IcmpKind::NetUnreachable);
    assert!(
        matches!(news, Some((_, _, Some(Barrier::NoWay)))),
        "{news:?}"
    );
    let closed = says(&mut goal, 2, IcmpKind::Refused);
    assert_eq!(closed, Some((bob, called[0], None)));
}
