//! What a peer that is gone has begun and not finished is let go with the last keys.

use super::bulk::with_bulk;
use super::losses::pass;
use super::*;

/// `b` has sent what nobody reads, and the way is closed.
fn left() -> (Side, Side) {
    let (mut a, mut b) = with_bulk();
    let (to, id) = (a.id(), b.endpoint.open_stream(a.id()).unwrap());
    b.endpoint.write_stream(to, id, &[7; 60_000]).unwrap();
    pass(&mut a, &mut b, 2_000, now(1), now(1_000));
    (a, b)
}

fn generations(a: &Side, b: &Side) -> [Option<u64>; 2] {
    [a.endpoint.generation(b.id()), b.endpoint.generation(a.id())]
}

#[test]
fn what_a_peer_that_is_gone_has_left_unread_is_let_go_with_the_last_keys() {
    let (mut a, mut b) = left();
    let before = generations(&a, &b);
    pass(&mut a, &mut b, 0, now(1_000), now(539_000));
    assert_eq!(generations(&a, &b), before, "it may come back");
    assert!(before.iter().all(Option::is_some));
    pass(&mut a, &mut b, 0, now(539_000), now(541_000));
    assert_eq!(generations(&a, &b), [None, before[1]]);
    let peer = a.endpoint.peers.get(&b.id()).unwrap();
    assert!(peer.connection.is_none());
    assert_eq!(a.endpoint.poll_timeout(), None);
    let told = |event: &Event| matches!(event, Event::Closed { .. });
    assert!(!a.events.iter().any(told), "{:?}", a.events);
    b.endpoint.connect(a.id(), &[], now(600_000)).unwrap();
    pass(&mut a, &mut b, 2_000, now(600_000), now(601_000));
    let after = generations(&a, &b);
    assert!(after[0] > before[0] && after[1] > before[1], "{after:?}");
    b.say(a.id(), b"again", now(601_000));
    settle(&mut a, &mut b, now(601_000));
    assert_eq!(a.lines(), [b"again"]);
}

#[test]
fn a_connection_in_which_nothing_is_unfinished_outlives_its_keys() {
    let (mut a, mut b) = left();
    let (id, from) = (StreamId(2), b.id());
    let mut read = Vec::new();
    a.endpoint
        .read_stream(from, id, usize::MAX, &mut read)
        .unwrap();
    b.endpoint.finish_stream(a.id(), id).unwrap();
    pass(&mut a, &mut b, 2_000, now(1_000), now(2_000));
    let before = generations(&a, &b);
    pass(&mut a, &mut b, 0, now(2_000), now(3_600_000));
    assert_eq!(a.endpoint.stats().keypairs, 0);
    b.say(a.id(), b"still there?", now(3_600_000));
    pass(&mut a, &mut b, 2_000, now(3_600_000), now(3_601_000));
    assert_eq!(a.lines(), [b"still there?"]);
    assert_eq!(generations(&a, &b), before);
}

#[test]
fn a_stream_that_has_not_ended_is_unfinished_although_all_that_came_is_read() {
    let (mut a, mut b) = left();
    let (from, mut read) = (b.id(), Vec::new());
    a.endpoint
        .read_stream(from, StreamId(2), usize::MAX, &mut read)
        .unwrap();
    assert_eq!(read.len(), 60_000);
    pass(&mut a, &mut b, 2_000, now(1_000), now(2_000));
    pass(&mut a, &mut b, 0, now(2_000), now(541_000));
    assert_eq!(generations(&a, &b)[0], None);
}

#[test]
fn whoever_is_called_goes_on_being_called_when_what_it_left_is_let_go() {
    let (mut a, mut b) = left();
    a.say(b.id(), b"where are you?", now(1_000));
    pass(&mut a, &mut b, 0, now(1_000), now(530_000));
    let whom = b.id();
    let tries = |a: &Side, at| a.endpoint.status(whom, at).unwrap().tries;
    let before = tries(&a, now(530_000));
    pass(&mut a, &mut b, 0, now(530_000), now(660_000));
    assert_eq!(generations(&a, &b)[0], None);
    let later = tries(&a, now(660_000));
    assert!(
        later > before && later <= before + 6,
        "{before}, then {later}"
    );
    pass(&mut a, &mut b, 2_000, now(660_000), now(730_000));
    assert!(generations(&a, &b).iter().all(Option::is_some));
    let told = a
        .events
        .iter()
        .filter(|it| matches!(it, Event::Unreachable { .. }));
    assert_eq!(told.count(), 1, "{:?}", a.events);
}

/// The machine was suspended: both deadlines have passed when it wakes.
#[test]
fn a_mapping_is_held_open_by_whoever_wakes_when_the_last_keys_are_over() {
    let (mut a, mut b) = left();
    let interval = Duration::from_secs(25);
    a.endpoint.set_keepalive(b.id(), Some(interval), now(1));
    b.say(a.id(), b"hello", now(1_000));
    pass(&mut a, &mut b, 2_000, now(1_000), now(2_000));
    assert_eq!(
        a.endpoint.poll_timeout().map(|it| it.1),
        Some(Timer::Keepalive)
    );
    let wakes = now(3_600_000);
    a.endpoint.handle_timeout(wakes);
    assert_eq!(generations(&a, &b)[0], None);
    a.drain(wakes);
    let status = a.endpoint.status(b.id(), wakes).unwrap();
    assert_eq!(status.tries, 1, "it is called");
}

/// It waited for the next call that holds the mapping open, of which there may be one in hours.
#[test]
fn what_is_written_begins_a_series_anew_where_one_goes_on_only_to_hold_a_mapping_open() {
    let (mut a, mut b) = with_bulk();
    let (whom, hour) = (b.id(), Duration::from_secs(3_600));
    a.endpoint.set_keepalive(whom, Some(hour), now(1));
    pass(&mut a, &mut b, 2_000, now(1), now(1_000));
    let tries = |a: &Side, at| a.endpoint.status(whom, at).unwrap().tries;
    pass(&mut a, &mut b, 0, now(1_000), now(3_800_000));
    let in_vain = tries(&a, now(3_800_000));
    assert!(in_vain > 6, "{in_vain}");
    // The next call comes an hour after the last one, less a fifth at most.
    pass(&mut a, &mut b, 0, now(3_800_000), now(5_800_000));
    assert_eq!(tries(&a, now(5_800_000)), in_vain, "it is not asked for");
    let id = a.endpoint.open_stream(whom).unwrap();
    a.endpoint.write_stream(whom, id, &[7; 60]).unwrap();
    a.drain(now(5_800_000));
    assert_eq!(tries(&a, now(5_800_000)), 1);
}

#[test]
fn whoever_spoke_a_newer_version_is_called_no_more_when_what_it_left_is_let_go() {
    let (mut a, mut b) = left();
    a.say(b.id(), b"where are you?", now(1_000));
    let record = a.endpoint.peers.get_mut(&b.id()).unwrap();
    record.shown.version = 2;
    pass(&mut a, &mut b, 0, now(1_000), now(530_000));
    let status = |a: &Side, b: &Side, at| a.endpoint.status(b.id(), at).unwrap();
    assert!(status(&a, &b, now(530_000)).tries > 0);
    pass(&mut a, &mut b, 0, now(530_000), now(660_000));
    let after = status(&a, &b, now(660_000));
    assert_eq!((after.tries, after.newer_version), (0, Some(2)));
}

#[test]
fn a_peer_that_was_answered_before_the_last_keys_went_finds_its_connection() {
    let (mut a, mut b) = left();
    let before = generations(&a, &b);
    pass(&mut a, &mut b, 0, now(1_000), now(539_000));
    b.endpoint.connect(a.id(), &[], now(539_000)).unwrap();
    for (_, call) in b.drain(now(539_000)) {
        a.receive(b.address, call, now(539_000));
    }
    let answer = a.drain(now(539_000));
    a.endpoint.handle_timeout(now(541_000));
    assert_eq!(a.endpoint.stats().keypairs, 1, "which nobody has confirmed");
    for (_, half) in answer {
        b.receive(a.address, half, now(541_000));
    }
    settle(&mut a, &mut b, now(541_000));
    assert_eq!(generations(&a, &b), before);
    let (from, mut read) = (b.id(), Vec::new());
    let read = a
        .endpoint
        .read_stream(from, StreamId(2), usize::MAX, &mut read);
    assert_eq!(read, Ok(60_000));
}
