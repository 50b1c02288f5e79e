//! Losses, silences and dead keys through whole endpoints.

use std::collections::BTreeSet;

use super::bulk::with_bulk;
use super::*;
use crate::proto::limits::{MAX_EVENTS, MAX_NOTES, SILENCE, STREAM_WINDOW};
use crate::proto::{ApiMisuse, SessionStatus, Shown, StreamEvent};

fn status(side: &Side, of: &Side, at: Instant) -> SessionStatus {
    side.endpoint.status(of.id(), at).unwrap()
}

/// Lets `n` empty lines leave `a`, and returns the packets.
fn say(a: &mut Side, b: &Side, n: usize) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for _ in 0..n {
        a.say(b.id(), b"", now(1));
        packets.extend(a.drain(now(1)).into_iter().map(|(_, packet)| packet));
    }
    packets
}

/// Lets all timers fire until `end`, with a path that carries datagrams of at most `limit` bytes.
pub(super) fn pass(a: &mut Side, b: &mut Side, limit: usize, at: Instant, end: Instant) {
    pass_each_way(a, b, [limit, limit], at, end);
}

/// As [`pass`], with a limit for what `a` sends and one for what `b` sends.
fn pass_each_way(
    a: &mut Side,
    b: &mut Side,
    [of_a, of_b]: [usize; 2],
    mut at: Instant,
    end: Instant,
) {
    while at < end {
        loop {
            let (from_a, from_b) = (a.drain(at), b.drain(at));
            if from_a.is_empty() && from_b.is_empty() {
                break;
            }
            let passes = |limit| move |(_, packet): &(SocketAddr, Vec<u8>)| packet.len() <= limit;
            for (_, packet) in from_a.into_iter().filter(passes(of_a)) {
                b.receive(a.address, packet, at);
            }
            for (_, packet) in from_b.into_iter().filter(passes(of_b)) {
                a.receive(b.address, packet, at);
            }
        }
        let next = [a.endpoint.poll_timeout(), b.endpoint.poll_timeout()];
        let next = next.into_iter().flatten().map(|(at, _)| at).min();
        at = at.max(next.unwrap_or(end).min(end));
        a.endpoint.handle_timeout(at);
        b.endpoint.handle_timeout(at);
    }
}

fn send_receipt(from: &mut Side, to: PeerId, body: &[u8]) -> bool {
    let carrier = from.endpoint.carrier(to);
    carrier.is_some_and(|mut it| it.send_receipt(body.into()))
}

fn send_reject(from: &mut Side, to: PeerId, body: &[u8]) -> bool {
    let carrier = from.endpoint.carrier(to);
    carrier.is_some_and(|mut it| it.send_reject(body.into()))
}

#[test]
fn a_way_that_works_in_one_direction_shows_as_time_without_an_acknowledgement() {
    let (mut a, mut b) = connected();
    pass(&mut a, &mut b, 2_000, now(1), now(30_000));
    assert_eq!(status(&a, &b, now(30_000)).unacked, None);
    a.say(b.id(), b"", now(30_000));
    for second in 30..42 {
        let (at, end) = (now(second * 1_000), now((second + 1) * 1_000));
        b.say(a.id(), b"", at);
        pass_each_way(&mut a, &mut b, [0, 2_000], at, end);
        let told = status(&a, &b, end);
        let unacked = Duration::from_secs(second + 1 - 30);
        assert_eq!(told.unacked, Some(unacked));
        assert!(told.heard.unwrap() <= Duration::from_secs(1), "{told:?}");
        assert!(told.established, "{told:?}");
    }
    pass(&mut a, &mut b, 2_000, now(42_000), now(60_000));
    assert_eq!(status(&a, &b, now(60_000)).unacked, None);
}

/// What the network before had lost stayed in the figure for long.
#[test]
fn by_another_way_of_ours_what_was_measured_begins_anew() {
    let (mut a, mut b) = connected();
    pass(&mut a, &mut b, 2_000, now(1), now(1_000));
    say(&mut a, &b, 5);
    pass(&mut a, &mut b, 2_000, now(1_000), now(3_000));
    let lost = |a: &Side, b: &Side, at| status(a, b, at).loss.map(|it| it.lost);
    assert!(lost(&a, &b, now(3_000)) >= Some(4));
    // These are on their way when we move.
    say(&mut a, &b, 5);
    let whom = b.id();
    a.endpoint.restart_path(whom, now(3_000));
    let told = status(&a, &b, now(3_000));
    assert!(told.loss.is_none() && told.rtt.is_none(), "{told:?}");
    pass(&mut a, &mut b, 2_000, now(3_000), now(6_000));
    a.say(whom, b"here", now(6_000));
    pass(&mut a, &mut b, 2_000, now(6_000), now(7_000));
    assert_eq!(lost(&a, &b, now(7_000)), Some(0));
    assert_eq!(b.lines().len(), 11, "and nothing is missing");
}

#[test]
fn bytes_are_counted_for_each_peer_alike_on_both_sides() {
    let (mut a, mut b) = connected();
    pass(&mut a, &mut b, 2_000, now(1), now(1_000));
    let before = [status(&a, &b, now(1_000)), status(&b, &a, now(1_000))];
    let (of_a, of_b) = (before[0].transfer, before[1].transfer);
    assert!(of_a.sent > 0 && of_b.sent > 0);
    assert_eq!((of_a.sent, of_a.received), (of_b.received, of_b.sent));
    let lens: Vec<usize> = say(&mut a, &b, 3).iter().map(Vec::len).collect();
    let sent = lens.iter().sum::<usize>() as u64;
    assert_eq!(status(&a, &b, now(1_000)).transfer.sent, of_a.sent + sent);
    assert_eq!(status(&b, &a, now(1_000)).transfer, of_b, "they were lost");
}

#[test]
fn the_age_of_the_last_handshake_outlives_its_keys() {
    let (mut a, mut b) = connected();
    pass(&mut a, &mut b, 2_000, now(1), now(700_000));
    let told = status(&a, &b, now(700_000));
    assert_eq!((told.key_age, told.keypairs), (None, 0));
    assert!(
        told.handshake.unwrap() > Duration::from_secs(500),
        "{told:?}"
    );
}

#[test]
fn a_path_that_carries_no_larger_datagrams_is_not_silent() {
    let (mut a, mut b) = with_bulk();
    let id = a.endpoint.open_stream(b.id()).unwrap();
    a.endpoint.write_stream(b.id(), id, &[7; 20_000]).unwrap();
    pass(&mut a, &mut b, 1_300, now(1), now(60_000));
    let silent = |event: &Event| matches!(event, Event::Silent { .. });
    assert!(!a.events.iter().any(silent), "{:?}", a.events);
    assert!(!status(&a, &b, now(60_000)).awaits_ack);
}

#[test]
fn what_a_bulk_stream_carries_wakes_a_session_whose_keys_are_dead() {
    let (mut a, mut b) = with_bulk();
    pass(&mut a, &mut b, 2_000, now(1), now(700_000));
    assert_eq!(a.endpoint.poll_timeout(), None);
    assert_eq!(status(&a, &b, now(700_000)).keypairs, 0);
    let id = a.endpoint.open_stream(b.id()).unwrap();
    a.endpoint
        .write_stream(b.id(), id, b"still there?")
        .unwrap();
    pass(&mut a, &mut b, 2_000, now(700_000), now(720_000));
    let event = StreamEvent::Readable(id);
    let peer = a.id();
    assert!(b.events.contains(&Event::Stream { peer, event }));
}

#[test]
fn a_transfer_outlives_an_outage_longer_than_the_keys() {
    let (mut a, mut b) = with_bulk();
    let id = a.endpoint.open_stream(b.id()).unwrap();
    a.endpoint.write_stream(b.id(), id, b"half").unwrap();
    pass(&mut a, &mut b, 0, now(1), now(700_000));
    pass(&mut a, &mut b, 2_000, now(700_000), now(1_400_000));
    let event = StreamEvent::Readable(id);
    let peer = a.id();
    assert!(b.events.contains(&Event::Stream { peer, event }));
}

#[test]
fn a_goodbye_says_once_more_what_has_arrived_and_what_was_taken() {
    let (mut a, mut b) = connected();
    for packet in say(&mut a, &b, 1) {
        b.receive(a.address, packet, now(1));
    }
    assert!(send_receipt(&mut b, a.id(), b"taken"));
    assert_eq!(b.drain(now(1)).len(), 1, "ACK and receipt, which are lost");
    assert!(send_reject(&mut b, a.id(), b"not taken"));
    b.endpoint.close(a.id(), now(2));
    for (_, packet) in b.drain(now(2)) {
        a.receive(b.address, packet, now(2));
    }
    let notices: Vec<Notice> = core::iter::from_fn(|| a.endpoint.poll_notice()).collect();
    let peer = b.id();
    let receipt = Notice::Receipt {
        peer,
        body: b"taken".as_slice().into(),
    };
    assert!(notices.contains(&receipt), "{notices:?}");
    let reject = Notice::Reject {
        peer,
        body: b"not taken".as_slice().into(),
    };
    assert!(notices.contains(&reject), "{notices:?}");
}

#[test]
fn a_receipt_that_is_lost_is_said_again_and_a_stalled_stream_does_not_hold_it_up() {
    let (mut a, mut b) = with_bulk();
    let id = b.endpoint.open_stream(a.id()).unwrap();
    let credit = usize::try_from(STREAM_WINDOW).unwrap();
    b.endpoint
        .write_stream(a.id(), id, &vec![7; credit])
        .unwrap();
    pass(&mut a, &mut b, 2_000, now(1), now(60_000));
    b.endpoint.write_stream(a.id(), id, &[7; 500]).unwrap();
    assert!(
        b.drain(now(60_000)).is_empty(),
        "the stream is out of credit"
    );
    assert!(send_receipt(&mut b, a.id(), b"taken"));
    assert_eq!(b.drain(now(60_000)).len(), 1, "lost");
    let (at, _) = b.endpoint.poll_timeout().unwrap();
    b.endpoint.handle_timeout(at);
    for (_, packet) in b.drain(at) {
        a.receive(b.address, packet, at);
    }
    let taken = core::iter::from_fn(|| a.endpoint.poll_notice())
        .any(|notice| matches!(notice, Notice::Receipt { body, .. } if body[..] == *b"taken"));
    assert!(taken);
}

#[test]
fn receipts_that_nobody_takes_stay_bounded() {
    let (mut a, mut b) = connected();
    let mut sent = 0;
    for n in 0..20 * u64::try_from(MAX_EVENTS).unwrap() {
        let at = now(n);
        sent += usize::from(send_receipt(&mut a, b.id(), b"taken"));
        a.endpoint.handle_timeout(at);
        while let Some(transmit) = a.endpoint.poll_transmit(at) {
            let datagram = transmit.datagram.into_bytes(at).unwrap();
            b.receive(a.address, datagram, at);
        }
        while let Some(transmit) = b.endpoint.poll_transmit(at) {
            let datagram = transmit.datagram.into_bytes(at).unwrap();
            a.receive(b.address, datagram, at);
        }
    }
    assert!(sent > MAX_EVENTS);
    let held = core::iter::from_fn(|| b.endpoint.poll_notice()).count();
    assert!(held <= MAX_EVENTS + 1, "{held}");
}

#[test]
fn two_peers_that_are_cut_off_fall_silent_when_their_keys_are_dead() {
    let (mut a, mut b) = with_bulk();
    pass(&mut a, &mut b, 2_000, now(1), now(1_000));
    let id = a.endpoint.open_stream(b.id()).unwrap();
    a.endpoint.reset_stream(b.id(), id, 7).unwrap();
    pass(&mut a, &mut b, 0, now(1_000), now(2_000_000));
    assert_eq!(a.endpoint.poll_timeout(), None);
    assert_eq!(b.endpoint.poll_timeout(), None);
}

#[test]
fn where_handshakes_pass_and_packets_do_not_a_handshake_is_given_time_to_be_answered() {
    let (mut a, mut b) = with_bulk();
    pass(&mut a, &mut b, 2_000, now(1), now(1_000));
    a.say(b.id(), b"lost", now(1_000));
    let (mut at, end, mut calls) = (now(1_000), now(61_000), Vec::new());
    while at < end {
        loop {
            let (from_a, from_b) = (a.drain(at), b.drain(at));
            if from_a.is_empty() && from_b.is_empty() {
                break;
            }
            calls.extend(from_a.iter().filter(|(_, it)| it[0] == 1).map(|_| at));
            let passes = |(_, it): &(SocketAddr, Vec<u8>)| it[0] != 4;
            for (_, packet) in from_a.into_iter().filter(passes) {
                b.receive(a.address, packet, at);
            }
            for (_, packet) in from_b.into_iter().filter(passes) {
                a.receive(b.address, packet, at);
            }
        }
        let (next, _) = a.endpoint.poll_timeout().unwrap();
        at = at.max(next.min(end));
        a.endpoint.handle_timeout(at);
        b.endpoint.handle_timeout(at);
    }
    calls.dedup();
    let pauses = calls.windows(2).map(|two| two[1].saturating_since(two[0]));
    let pauses: Vec<Duration> = pauses.collect();
    assert!(pauses.len() > 4, "{pauses:?}");
    assert!(pauses.iter().all(|it| *it >= SILENCE), "{pauses:?}");
}

#[test]
fn who_is_asked_to_connect_in_a_silence_calls_nobody_once_it_has_ended() {
    let (mut a, mut b) = with_bulk();
    pass(&mut a, &mut b, 2_000, now(1), now(1_000));
    a.say(b.id(), b"lost", now(1_000));
    pass(&mut a, &mut b, 0, now(1_000), now(8_000));
    let silent = |event: &Event| matches!(event, Event::Silent { .. });
    assert!(a.events.iter().any(silent), "{:?}", a.events);
    a.endpoint.connect(b.id(), &[], now(8_000)).unwrap();
    // What is heard is no answer to a handshake.
    b.say(a.id(), b"here", now(8_000));
    for (_, packet) in b.drain(now(8_000)) {
        a.receive(b.address, packet, now(8_000));
    }
    pass(&mut a, &mut b, 2_000, now(8_000), now(100_000));
    let resumed = |event: &Event| matches!(event, Event::Resumed { .. });
    assert!(a.events.iter().any(resumed), "{:?}", a.events);
    let before = status(&a, &b, now(100_000)).handshake.unwrap();
    assert!(before > Duration::from_secs(99), "none was needed");
    pass(&mut a, &mut b, 2_000, now(100_000), now(2_000_000));
    let since = status(&a, &b, now(2_000_000)).handshake.unwrap();
    assert_eq!(since - before, Duration::from_secs(1_900), "no other");
    assert_eq!(a.endpoint.poll_timeout(), None);
}

/// Idle for so long that there is no key, `a` is cut off, says something, and gives up before it falls silent.
#[test]
fn who_could_not_be_reached_and_is_heard_again_under_a_new_key_is_told_of() {
    for is_called in [true, false] {
        let (mut a, mut b) = connected();
        pass(&mut a, &mut b, 2_000, now(1), now(200_000));
        a.events.clear();
        a.say(b.id(), b"anybody?", now(200_000));
        pass(&mut a, &mut b, 0, now(200_000), now(300_000));
        let [told] = a.events.as_slice() else {
            panic!("{:?}", a.events)
        };
        assert!(matches!(told, Event::Unreachable { .. }), "{told:?}");
        if is_called {
            b.say(a.id(), b"here", now(300_000));
        }
        pass(&mut a, &mut b, 2_000, now(300_000), now(400_000));
        assert_eq!(b.lines(), [b"anybody?"]);
        let resumed = |event: &&Event| matches!(event, Event::Resumed { .. });
        assert_eq!(a.events.iter().filter(resumed).count(), 1, "{:?}", a.events);
        let begun = |event: &Event| matches!(event, Event::Established { .. });
        assert!(!a.events.iter().any(begun), "it went on: {:?}", a.events);
        let heard = a.events.len();
        pass(&mut a, &mut b, 2_000, now(400_000), now(800_000));
        assert_eq!(a.events.len(), heard, "{:?}", a.events);
    }
}

/// A guest `a` that waits for `b`'s user from now(0) on, and both idle.
pub(super) fn waiting() -> (Side, Side) {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Ask));
    a.knows(&b, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    (a, b)
}

#[test]
fn a_guest_whose_keys_are_dead_learns_that_it_may_talk() {
    let (mut a, mut b) = waiting();
    pass(&mut a, &mut b, 2_000, now(1), now(250_000));
    b.endpoint.accept_guest(a.id()).unwrap();
    pass(&mut a, &mut b, 2_000, now(250_000), now(270_000));
    let established = |event: &Event| matches!(event, Event::Established { .. });
    assert!(a.events.iter().any(established), "{:?}", a.events);
}

#[test]
fn a_line_whose_hello_is_lost_still_says_that_its_hearer_is_no_guest() {
    let (mut a, mut b) = waiting();
    b.endpoint.accept_guest(a.id()).unwrap();
    assert_eq!(b.drain(now(1)).len(), 1, "the HELLO, which is lost");
    for packet in say(&mut b, &a, 1) {
        a.receive(b.address, packet, now(1));
    }
    a.drain(now(1));
    let established = |event: &Event| matches!(event, Event::Established { .. });
    assert!(a.events.iter().any(established), "{:?}", a.events);
    assert_eq!(a.lines().len(), 1);
}

/// The round trips that `side` was told of.
fn pongs(side: &Side) -> Vec<Duration> {
    let mut found = Vec::new();
    for event in &side.events {
        if let Event::Pong { rtt, .. } = event {
            found.push(*rtt);
        }
    }
    found
}

#[test]
fn a_ping_tells_how_long_the_way_there_and_back_takes() {
    let (mut a, mut b) = with_bulk();
    pass(&mut a, &mut b, 2_000, now(1), now(1_000));
    a.endpoint.ping(b.id(), now(2_000)).unwrap();
    for (_, packet) in a.drain(now(2_000)) {
        b.receive(a.address, packet, now(2_030));
    }
    for (_, packet) in b.drain(now(2_030)) {
        a.receive(b.address, packet, now(2_070));
    }
    a.drain(now(2_070));
    assert_eq!(
        pongs(&a),
        [Duration::from_millis(70)],
        "it is answered at once"
    );
    pass(&mut a, &mut b, 2_000, now(2_070), now(9_000));
    assert_eq!(pongs(&a).len(), 1, "one answer to one question");
    assert_eq!(pongs(&b), []);
}

#[test]
fn a_ping_that_is_lost_is_repeated_and_its_time_counts_from_the_beginning() {
    let (mut a, mut b) = with_bulk();
    pass(&mut a, &mut b, 2_000, now(1), now(1_000));
    a.endpoint.ping(b.id(), now(2_000)).unwrap();
    assert_eq!(a.drain(now(2_000)).len(), 1, "and it is lost");
    pass(&mut a, &mut b, 2_000, now(2_001), now(4_000));
    pass(&mut a, &mut b, 2_000, now(4_000), now(9_000));
    let [rtt] = pongs(&a)[..] else {
        panic!("{:?}", pongs(&a));
    };
    assert!(rtt > Duration::from_millis(1), "{rtt:?}");
}

#[test]
fn without_a_session_nothing_is_measured() {
    let mut a = Side::new(1, Trust::Strict);
    let b = Side::new(2, Trust::Strict);
    let ping = |a: &mut Side| a.endpoint.ping(b.id(), now(1));
    assert_eq!(ping(&mut a), Err(ApiMisuse::UnknownPeer));
    a.endpoint.add_peer(PeerConfig {
        id: b.id(),
        psk: None,
        addresses: vec![b.address],
        shown: Shown::default(),
    });
    assert_eq!(ping(&mut a), Err(ApiMisuse::NotConnected));
    assert!(a.drain(now(1)).is_empty(), "nor is anybody called");
}

#[test]
fn a_receipt_that_found_no_room_is_asked_for_again_when_there_is_some() {
    let (mut a, b) = with_bulk();
    while a.endpoint.poll_notice().is_some() {}
    let mut taken = 0;
    while send_receipt(&mut a, b.id(), &[0; 200]) {
        taken += 1;
    }
    assert!(taken > 1, "{taken}");
    assert!(!a.endpoint.has_notices());
    assert!(a.endpoint.poll_transmit(now(1)).is_some());
    assert_eq!(a.endpoint.poll_notice(), Some(Notice::Streams(b.id())));
    assert!(send_receipt(&mut a, b.id(), &[0; 200]));
    assert!(a.endpoint.poll_transmit(now(1)).is_some());
    assert!(!a.endpoint.has_notices(), "once");
}

/// Nothing else may happen that would have it asked for.
#[test]
fn a_receipt_that_found_no_room_beside_those_on_their_way_is_asked_for_when_they_have_arrived() {
    let (mut a, mut b) = with_bulk();
    let (mut taken, mut out) = (0u16, Vec::new());
    let to = b.id();
    for ms in 1..100 {
        while send_receipt(&mut a, to, &taken.to_le_bytes()) {
            taken += 1;
        }
        a.endpoint.handle_timeout(now(ms));
        out.extend(a.drain(now(ms)));
    }
    assert_eq!(usize::from(taken), MAX_NOTES);
    assert!(!a.endpoint.has_notices());
    let mut said = BTreeSet::new();
    for (_, packet) in out {
        b.receive(a.address, packet, now(100));
        while let Some(notice) = b.endpoint.poll_notice() {
            if let Notice::Receipt { body, .. } = notice {
                said.insert(body.to_vec());
            }
        }
    }
    assert_eq!(said.len(), MAX_NOTES, "none is lost on the way");
    while let Some(transmit) = b.endpoint.poll_transmit(now(100)) {
        let ack = transmit.datagram.into_bytes(now(100)).unwrap();
        a.receive(b.address, ack, now(100));
    }
    assert_eq!(a.endpoint.poll_notice(), Some(Notice::Streams(to)));
    assert!(send_receipt(&mut a, to, b"taken"));
}
