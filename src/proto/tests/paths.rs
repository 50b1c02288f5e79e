//! Moves, races and proofs through whole endpoints. A datagram arrives only where it was sent to.

mod goodbyes;
mod handshakes;
mod keepalive;

use super::*;
use crate::id::PacketNumber;
use crate::proto::limits::{AMPLIFICATION, MAX_PATH_RESPONSES};
use crate::proto::transmit::Unsealed;
use crate::proto::{SessionStatus, Timer};
use crate::wire::frame::{Frame, Payload};
use crate::wire::limits::{BASE_DATAGRAM_LEN, DATA_HEADER_LEN, TAG_LEN};

type Sent = Vec<(SocketAddr, Vec<u8>)>;

/// Somebody who is neither of the two.
fn elsewhere() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 66], 66))
}

fn status(side: &Side, of: &Side, at: Instant) -> SessionStatus {
    side.endpoint.status(of.id(), at).unwrap()
}

fn address(side: &Side, of: &Side) -> Option<SocketAddr> {
    status(side, of, now(0)).address
}

fn say(from: &mut Side, to: &Side, line: &[u8], at: Instant) {
    from.say(to.id(), line, at);
}

/// Says so many lines of 200 bytes at once.
fn say_much(from: &mut Side, to: &Side, lines: u8, at: Instant) {
    (0..lines).for_each(|n| say(from, to, &[n; 200], at));
}

/// Delivers what was sent to `to`, as coming from `from`; returns the rest.
fn deliver(sent: Sent, from: SocketAddr, to: &mut Side, at: Instant) -> Sent {
    let mut astray = Vec::new();
    for (target, datagram) in sent {
        if target == to.address {
            to.receive(from, datagram, at);
        } else {
            astray.push((target, datagram));
        }
    }
    astray
}

/// Carries datagrams both ways until nothing moves; returns what was sent to neither.
fn carry(a: &mut Side, b: &mut Side, at: Instant) -> Sent {
    let mut astray = Vec::new();
    loop {
        let (from_a, from_b) = (a.drain(at), b.drain(at));
        if from_a.is_empty() && from_b.is_empty() {
            return astray;
        }
        astray.extend(deliver(from_a, a.address, b, at));
        astray.extend(deliver(from_b, b.address, a, at));
    }
}

/// Lets all timers fire until `end`, and what they cause arrive; returns what was sent to neither.
fn pass(a: &mut Side, b: &mut Side, mut at: Instant, end: Instant) -> Sent {
    let mut astray = Vec::new();
    loop {
        astray.extend(carry(a, b, at));
        let next = [a.endpoint.poll_timeout(), b.endpoint.poll_timeout()];
        let next = next.into_iter().flatten().map(|(at, _)| at).min();
        let Some(next) = next.filter(|next| *next <= end) else {
            return astray;
        };
        at = at.max(next);
        a.endpoint.handle_timeout(at);
        b.endpoint.handle_timeout(at);
    }
}

/// What `side` was told of moves.
fn moves(side: &Side) -> Vec<SocketAddr> {
    let mut moves = Vec::new();
    for event in &side.events {
        if let Event::Roamed { to, .. } = event {
            moves.push(*to);
        }
    }
    moves
}

fn bytes_to(address: SocketAddr, sent: &Sent) -> usize {
    let lens = sent.iter().filter(|(to, _)| *to == address);
    lens.map(|(_, datagram)| datagram.len()).sum()
}

/// Two that have talked, so that both have measured a round trip of 50 ms.
fn measured() -> (Side, Side) {
    let (mut a, mut b) = connected();
    for turn in 0..3 {
        let at = now(100 * (turn + 1));
        for from_a in [true, false] {
            let (from, to) = if from_a {
                (&mut a, &mut b)
            } else {
                (&mut b, &mut a)
            };
            say(from, to, b"measure", at);
            let sent = from.drain(at);
            deliver(sent, from.address, to, at);
            let sent = to.drain(at + Duration::from_millis(50));
            deliver(sent, to.address, from, at + Duration::from_millis(50));
        }
    }
    carry(&mut a, &mut b, now(400));
    let rtt = status(&b, &a, now(400)).rtt.unwrap();
    assert!(rtt > Duration::from_millis(5), "{rtt:?}");
    (a, b)
}

/// A line of `a` that somebody sends on from elsewhere, before the original, which is then a replay.
/// Returns its bytes.
fn race(a: &mut Side, b: &mut Side, at: Instant) -> usize {
    say(a, b, b"raced", at);
    let sent = a.drain(at);
    assert_eq!(sent.len(), 1);
    let datagram = sent[0].1.clone();
    b.receive(elsewhere(), datagram.clone(), at);
    b.receive(a.address, datagram.clone(), at);
    datagram.len()
}

/// A plaintext with room for header and tag.
fn with_room(plaintext: &[u8]) -> Vec<u8> {
    [&[0; DATA_HEADER_LEN], plaintext, &[0; TAG_LEN]].concat()
}

/// A packet of `a` with frames that its program would not send.
pub(super) fn hostile(a: &Side, b: &Side, number: u64, frames: Vec<Frame<'_>>) -> Vec<u8> {
    let keypair = a.endpoint.current_keypair_for_testing_only(b.id()).unwrap();
    let counter = keypair.next_counter().unwrap();
    let number = PacketNumber(number);
    let frames = frames.as_slice().into();
    let plaintext = Payload { number, frames }.encode(1_200);
    let unsealed = Unsealed::new(&keypair, counter, with_room(&plaintext));
    let datagram = crate::proto::Datagram::Unsealed(unsealed);
    datagram.into_bytes(now(0)).unwrap()
}

// --- honest moves ---------------------------------------------------------------------------------

#[test]
fn four_moves_of_the_port_in_mid_talk_cost_no_handshake_no_line_and_no_measurement() {
    let (mut a, mut b) = measured();
    let (old, events) = (status(&b, &a, now(400)), b.events.len());
    for n in 1..=4u8 {
        let at = now(1_000 * u64::from(n));
        a.address.set_port(20_000 + u16::from(n));
        say(&mut a, &b, &[b'a', n], at);
        let astray = carry(&mut a, &mut b, at);
        assert!(astray.iter().all(|(_, datagram)| datagram[0] == 4));
        assert_eq!(address(&b, &a), Some(a.address));
        say(&mut b, &a, &[b'b', n], at);
        assert_eq!(bytes_to(elsewhere(), &carry(&mut a, &mut b, at)), 0);
    }
    assert_eq!((a.lines().len(), b.lines().len()), (7, 7));
    assert_eq!(moves(&b).len(), 4);
    assert!(
        b.events[events..]
            .iter()
            .all(|e| matches!(e, Event::Roamed { .. }))
    );
    let new = status(&b, &a, now(4_000));
    assert_eq!((new.keypairs, new.initiator), (old.keypairs, old.initiator));
    // On this wire a measurement that starts anew is zero.
    assert!(!new.rtt.unwrap().is_zero());
    assert!(moves(&a).is_empty());
}

#[test]
fn the_round_trip_is_forgotten_with_the_proof_of_another_host_and_not_with_the_move() {
    let (mut a, mut b) = measured();
    a.address = SocketAddr::from(([192, 0, 2, 77], 7_419));
    say(&mut a, &b, b"moved", now(1_000));
    let sent = a.drain(now(1_000));
    deliver(sent, a.address, &mut b, now(1_000));
    assert_eq!(address(&b, &a), Some(a.address));
    assert!(
        status(&b, &a, now(1_000)).rtt.is_some(),
        "moved, not proved"
    );
    assert!(moves(&b).is_empty());
    let challenges = b.drain(now(1_000));
    deliver(challenges, b.address, &mut a, now(1_020));
    let answers = a.drain(now(1_020));
    deliver(answers, a.address, &mut b, now(1_040));
    b.drain(now(1_040));
    assert_eq!(moves(&b), [a.address]);
    assert_eq!(status(&b, &a, now(1_040)).rtt, None);
}

#[test]
fn a_move_is_proved_by_full_datagrams_to_the_new_and_the_old_address() {
    let (mut a, mut b) = connected();
    let old = a.address;
    a.address.set_port(9);
    say_much(&mut a, &b, 5, now(1));
    let sent = a.drain(now(1));
    deliver(sent, a.address, &mut b, now(1));
    let sent = b.drain(now(1));
    let full: Vec<SocketAddr> = sent
        .iter()
        .filter(|(_, datagram)| datagram.len() == BASE_DATAGRAM_LEN)
        .map(|(to, _)| *to)
        .collect();
    assert_eq!(full, [a.address, old]);
}

#[test]
fn somebody_is_moving_from_the_first_packet_until_the_proof_or_the_return() {
    let (mut a, mut b) = connected();
    let is_moving = |side: &Side, of: &Side| status(side, of, now(1)).moving;
    assert!(!is_moving(&b, &a), "a first address is no move");
    a.address.set_port(9);
    say(&mut a, &b, b"moved", now(1));
    let sent = a.drain(now(1));
    deliver(sent, a.address, &mut b, now(1));
    assert!(is_moving(&b, &a) && !is_moving(&a, &b));
    pass(&mut a, &mut b, now(1), now(100));
    assert_eq!(moves(&b), [a.address]);
    assert!(!is_moving(&b, &a), "it was proved");
    race(&mut a, &mut b, now(200));
    assert!(is_moving(&b, &a));
    carry(&mut a, &mut b, now(200));
    assert!(!is_moving(&b, &a), "it is where it was");
}

/// Whoever sends a copy on has nothing to do with the peer once the session is over.
#[test]
fn the_end_of_a_session_forgets_an_address_that_nobody_proved() {
    let ((mut a, mut b), at) = (measured(), now(1_000));
    say(&mut a, &b, b"copied on", at);
    for (_, datagram) in a.drain(at) {
        b.receive(elsewhere(), datagram, at);
    }
    b.drain(at);
    assert_eq!(address(&b, &a), Some(elsewhere()));
    b.endpoint.close(a.id(), at);
    b.drain(at);
    assert_eq!(address(&b, &a), Some(a.address));
}

#[test]
fn both_ends_are_silent_and_without_timers_once_an_address_is_proved() {
    let (mut a, mut b) = connected();
    a.address.set_port(9);
    say(&mut a, &b, b"moved", now(1));
    pass(&mut a, &mut b, now(1), now(100));
    assert_eq!(moves(&b), [a.address]);
    let path = |side: &Side| side.endpoint.poll_timeout().map(|(_, timer)| timer);
    assert_eq!(
        (path(&a), path(&b)),
        (Some(Timer::Erase), Some(Timer::Erase))
    );
    for second in 1..1_000 {
        let at = now(second * 1_000);
        a.endpoint.handle_timeout(at);
        b.endpoint.handle_timeout(at);
        assert!(
            a.drain(at).is_empty() && b.drain(at).is_empty(),
            "{second} s"
        );
    }
    assert_eq!(
        (a.endpoint.stats().timers, b.endpoint.stats().timers),
        (0, 0)
    );
}

#[test]
fn a_late_packet_moves_nothing() {
    let (mut a, mut b) = connected();
    let old = a.address;
    say(&mut a, &b, b"late", now(1));
    let late = a.drain(now(1));
    a.address.set_port(9);
    say(&mut a, &b, b"moved", now(2));
    carry(&mut a, &mut b, now(2));
    assert_eq!(address(&b, &a), Some(a.address));
    deliver(late, old, &mut b, now(3));
    assert_eq!(address(&b, &a), Some(a.address));
    let sent = b.drain(now(3));
    assert!(sent.iter().all(|(to, _)| *to == a.address), "{sent:?}");
    assert_eq!(b.lines(), [b"late".as_slice(), b"moved"]);
}

#[test]
fn what_went_to_the_old_address_is_said_again_as_soon_as_the_new_one_is_proved() {
    let (mut a, mut b) = connected();
    say(&mut b, &a, b"to the old one", now(1));
    for ms in 1..4_500 {
        b.endpoint.handle_timeout(now(ms));
        b.drain(now(ms));
    }
    a.address.set_port(9);
    say(&mut a, &b, b"moved", now(4_500));
    carry(&mut a, &mut b, now(4_500));
    assert_eq!(a.lines(), [b"to the old one"]);
}

#[test]
fn a_peer_without_an_address_is_later_called_where_it_first_proved_to_be() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    a.knows(&b, None);
    let (id, first) = (a.id(), a.address);
    b.endpoint.add_peer(PeerConfig {
        id,
        psk: None,
        addresses: Vec::new(),
        shown: Shown::default(),
    });
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    carry(&mut a, &mut b, now(0));
    a.address.set_port(9);
    say(&mut a, &b, b"moved", now(1));
    carry(&mut a, &mut b, now(1));
    b.endpoint.close(id, now(2));
    b.drain(now(2));
    b.endpoint.connect(id, &[], now(3)).unwrap();
    let called: Vec<SocketAddr> = b.drain(now(3)).iter().map(|(to, _)| *to).collect();
    assert_eq!(called, [a.address, a.address, first, first]);
}

#[test]
fn lost_challenges_are_repeated_until_one_is_answered() {
    let (mut a, mut b) = connected();
    a.address.set_port(9);
    say_much(&mut a, &b, 5, now(1));
    let sent = a.drain(now(1));
    deliver(sent, a.address, &mut b, now(1));
    let mut at = now(1);
    for _ in 0..2 {
        let lost = b.drain(at);
        assert!(lost.iter().any(|(to, _)| *to == a.address), "{lost:?}");
        at = loop {
            let (next, timer) = b.endpoint.poll_timeout().unwrap();
            b.endpoint.handle_timeout(next);
            if timer == Timer::Path {
                break next;
            }
        };
        assert!(moves(&b).is_empty());
    }
    carry(&mut a, &mut b, at);
    assert_eq!(moves(&b), [a.address]);
    assert_eq!(b.lines().len(), 5);
}

// --- a racer ----------------------------------------------------------------------------------------

#[test]
fn a_raced_packet_moves_the_path_no_longer_than_the_peer_needs_to_answer() {
    let (mut a, mut b) = connected();
    let len = race(&mut a, &mut b, now(1));
    assert_eq!(address(&b, &a), Some(elsewhere()));
    let astray = carry(&mut a, &mut b, now(1));
    assert!(bytes_to(elsewhere(), &astray) <= AMPLIFICATION * len);
    assert_eq!(address(&b, &a), Some(a.address));
    assert!(moves(&b).is_empty(), "nothing was proved, nobody is told");
    say(&mut b, &a, b"to the true one", now(2));
    assert!(carry(&mut a, &mut b, now(2)).is_empty());
    assert_eq!(a.lines(), [b"to the true one"]);
}

#[test]
fn whoever_answers_no_challenge_gets_three_times_what_came_and_nothing_more() {
    let (mut a, mut b) = connected();
    let len = race(&mut a, &mut b, now(1));
    // A is not heard either: only time can tell.
    let mut to_racer = Vec::new();
    let mut at = now(1);
    for n in 0..200u64 {
        at = now(2 + n * 50);
        b.endpoint.handle_timeout(at);
        say_much(&mut b, &a, 1, at);
        let sent = b.drain(at);
        let racer = sent.into_iter().filter(|(to, _)| *to == elsewhere());
        to_racer.extend(racer.map(|it| (at, it)));
    }
    let bytes: usize = to_racer
        .iter()
        .map(|(_, (_, datagram))| datagram.len())
        .sum();
    assert!(
        bytes > 0 && bytes <= AMPLIFICATION * len,
        "{bytes} for {len}"
    );
    assert!(to_racer.iter().all(|(at, _)| *at < now(3_100)));
    assert_eq!(address(&b, &a), Some(a.address));
    assert!(moves(&b).is_empty());
    // All that was said arrives once A is there again.
    let astray = pass(&mut a, &mut b, at, at + Duration::from_secs(30));
    assert_eq!(bytes_to(elsewhere(), &astray), 0);
    assert_eq!(a.lines().len(), 200);
}

#[test]
fn what_went_to_a_racer_is_said_again_as_soon_as_the_path_returns() {
    let (mut a, mut b) = connected();
    // Room enough that the probes after timeouts go to the racer too.
    for _ in 0..8 {
        race(&mut a, &mut b, now(1));
    }
    say(&mut b, &a, b"to whom?", now(1));
    let mut at = now(1);
    while address(&b, &a) == Some(elsewhere()) {
        b.drain(at);
        at = b.endpoint.poll_timeout().unwrap().0;
        b.endpoint.handle_timeout(at);
    }
    let sent = b.drain(at);
    deliver(sent, b.address, &mut a, at);
    a.drain(at);
    assert_eq!(a.lines(), [b"to whom?"]);
}

#[test]
fn a_racer_who_changes_his_address_again_and_again_amplifies_nothing() {
    let (mut a, mut b) = connected();
    let mut came = 0;
    let mut went = 0;
    for n in 0..400u16 {
        let at = now(10 * u64::from(n));
        say(&mut a, &b, b"x", at);
        for (_, datagram) in a.drain(at) {
            came += datagram.len();
            b.receive(SocketAddr::from(([198, 51, 100, 1], n)), datagram, at);
        }
        b.endpoint.handle_timeout(at);
        let victims = b.drain(at).into_iter().filter(|(to, _)| *to != a.address);
        went += victims.map(|(_, datagram)| datagram.len()).sum::<usize>();
    }
    assert!(went <= AMPLIFICATION * came, "{went} for {came}");
    assert!(moves(&b).is_empty());
    let at = now(4_100);
    b.endpoint.handle_timeout(now(8_000));
    pass(&mut a, &mut b, at.max(now(8_000)), now(9_000));
    assert_eq!(address(&b, &a), Some(a.address));
}

#[test]
fn calls_for_a_silent_peer_do_not_go_where_nobody_answered() {
    let (mut a, mut b) = connected();
    let len = race(&mut a, &mut b, now(1));
    say(&mut b, &a, b"anyone?", now(1));
    let mut sent = Vec::new();
    for second in 0..60 {
        let at = now(second * 1_000);
        b.endpoint.handle_timeout(at);
        sent.extend(b.drain(at));
    }
    assert!(bytes_to(elsewhere(), &sent) <= AMPLIFICATION * len);
    assert!(
        sent.iter()
            .any(|(to, datagram)| *to == a.address && datagram[0] == 1)
    );
}

// --- a hostile peer ---------------------------------------------------------------------------------

#[test]
fn many_challenges_in_one_packet_get_one_answer() {
    let (a, mut b) = connected();
    let frames = (0..100).map(|n| Frame::PathChallenge([n; 8])).collect();
    let late = hostile(&a, &b, 5_000, frames);
    let newest = hostile(&a, &b, 5_001, vec![Frame::Ping]);
    b.receive(a.address, newest, now(1));
    b.receive(elsewhere(), late, now(1));
    let sent = b.drain(now(1));
    assert_eq!(bytes_to(elsewhere(), &sent), BASE_DATAGRAM_LEN);
}

#[test]
fn a_flood_of_challenges_waits_in_a_bounded_queue() {
    let (a, mut b) = connected();
    for n in 0..1_000 {
        let packet = hostile(&a, &b, 5_000 + n, vec![Frame::PathChallenge([7; 8])]);
        b.receive(a.address, packet, now(1));
    }
    let sent = b.drain(now(1));
    assert_eq!(sent.len(), MAX_PATH_RESPONSES);
    assert!(status(&b, &a, now(1)).established);
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let (mut a, mut b) = connected();
    race(&mut a, &mut b, now(1));
    let packet = hostile(&a, &b, 5_000, vec![Frame::PathResponse([7; 8])]);
    b.receive(elsewhere(), packet, now(2));
    b.drain(now(2));
    assert!(moves(&b).is_empty());
    assert_ne!(b.endpoint.poll_timeout().map(|(_, timer)| timer), None);
    let at = now(3_100);
    b.endpoint.handle_timeout(at);
    assert_eq!(address(&b, &a), Some(a.address));
}

#[test]
fn a_guest_that_moves_is_challenged() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Ask));
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    carry(&mut a, &mut b, now(0));
    let packet = hostile(&a, &b, 5_000, vec![Frame::Ping]);
    let len = packet.len();
    b.receive(elsewhere(), packet, now(1));
    let sent = b.drain(now(1));
    assert!((1..=AMPLIFICATION * len).contains(&bytes_to(elsewhere(), &sent)));
    assert_eq!(bytes_to(a.address, &sent), BASE_DATAGRAM_LEN);
}

#[test]
fn a_little_room_at_an_unproved_address_is_used_in_little_packets() {
    let (mut a, mut b) = connected();
    let len = race(&mut a, &mut b, now(1));
    say_much(&mut b, &a, 20, now(1));
    let sent = b.drain(now(1));
    let small: Vec<usize> = sent
        .iter()
        .filter(|(to, _)| *to == elsewhere())
        .map(|(_, d)| d.len())
        .collect();
    assert!(
        small.iter().all(|len| [96, 160, 288].contains(len)),
        "{small:?}"
    );
    assert!(small.iter().sum::<usize>() <= AMPLIFICATION * len);
    pass(&mut a, &mut b, now(1), now(10_000));
    assert_eq!(a.lines().len(), 20);
}

/// A packet of `a` that has nothing but a PING and no padding.
fn tiny(a: &Side, b: &Side, number: u8) -> Vec<u8> {
    let keypair = a.endpoint.current_keypair_for_testing_only(b.id()).unwrap();
    let counter = keypair.next_counter().unwrap();
    let unsealed = Unsealed::new(&keypair, counter, with_room(&[number, 1]));
    let datagram = crate::proto::Datagram::Unsealed(unsealed);
    datagram.into_bytes(now(0)).unwrap()
}

#[test]
fn an_acknowledgement_that_an_unproved_address_has_no_room_for_waits_without_a_timer() {
    let (a, mut b) = measured();
    let at = now(1_000);
    for number in 40..42 {
        let packet = tiny(&a, &b, number);
        b.receive(elsewhere(), packet, at);
        b.drain(at);
    }
    let mut turns = 0;
    while let Some((next, timer)) = b.endpoint.poll_timeout()
        && next < at + Duration::from_secs(60)
    {
        turns += 1;
        assert!(turns < 100, "{timer:?} at {next:?}");
        b.endpoint.handle_timeout(next.max(at));
        b.drain(next.max(at));
    }
    assert_eq!(address(&b, &a), Some(a.address), "nobody answered");
}
