//! Bulk streams through whole endpoints.

use super::losses::pass;
use super::*;
use crate::proto::{StreamError, StreamEvent};

pub(super) fn with_bulk() -> (Side, Side) {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    for side in [&mut a, &mut b] {
        let config = EndpointConfig {
            bulk: true,
            ..EndpointConfig::default()
        };
        let secret = StaticSecret::from_bytes(&mut [side.seed; 32]);
        let (range, seed) = (Timestamp(1)..Timestamp(1_000), [side.seed; 32]);
        side.endpoint = Endpoint::new(config, Arc::new(secret), seed, range, now(0));
    }
    a.knows(&b, None);
    b.knows(&a, None);
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    (a, b)
}

/// Lets both sides go on until nothing is left to do, and moves the clock as the timers ask.
fn run(a: &mut Side, b: &mut Side, mut at: Instant, mut step: impl FnMut(&mut Side, &mut Side)) {
    for _ in 0..10_000 {
        step(a, b);
        settle(a, b, at);
        let next = [&a, &b].map(|side| side.endpoint.poll_timeout());
        let soon = |deadline: &Instant| *deadline < at + Duration::from_secs(4);
        let Some(next) = next
            .into_iter()
            .flatten()
            .map(|(at, _)| at)
            .filter(soon)
            .min()
        else {
            return;
        };
        at = at.max(next);
        a.endpoint.handle_timeout(at);
        b.endpoint.handle_timeout(at);
    }
    panic!("no end");
}

#[test]
fn a_transfer_larger_than_every_window_arrives_whole_beside_the_chat() {
    let (mut a, mut b) = with_bulk();
    let data: Vec<u8> = (0..6_000_000u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    let id = a.endpoint.open_stream(b.id()).unwrap();
    let (mut sent, mut received, mut finished) = (0, Vec::new(), false);
    a.say(b.id(), b"look at this", now(1));
    let (a_id, b_id) = (a.id(), b.id());
    run(&mut a, &mut b, now(1), |a, b| {
        if !finished {
            sent += a.endpoint.write_stream(b_id, id, &data[sent..]).unwrap();
            finished = sent == data.len();
            if finished {
                a.endpoint.finish_stream(b_id, id).unwrap();
            }
        }
        let read = b.endpoint.read_stream(a_id, id, usize::MAX, &mut received);
        read.unwrap();
    });
    let read = b.endpoint.read_stream(a_id, id, usize::MAX, &mut received);
    read.unwrap();
    settle(&mut a, &mut b, now(60_000));
    assert!(received == data, "{} of {}", received.len(), data.len());
    assert_eq!(b.lines(), [b"look at this"]);
    let over = Event::Stream {
        peer: a_id,
        event: StreamEvent::Finished(id),
    };
    assert!(b.events.contains(&over));
}

#[test]
fn an_owner_that_takes_no_bulk_streams_is_not_told_of_them() {
    let (mut a, mut b) = connected();
    let id = a.endpoint.open_stream(b.id()).unwrap();
    a.endpoint.write_stream(b.id(), id, b"unwanted").unwrap();
    settle(&mut a, &mut b, now(1));
    let told = |event: &Event| matches!(event, Event::Stream { .. });
    assert!(!b.events.iter().any(told), "{:?}", b.events);
    b.endpoint.stop_stream(a.id(), id, 1).unwrap();
    settle(&mut a, &mut b, now(2));
    assert!(a.endpoint.carrier(b.id()).unwrap().is_stopped(id));
}

#[test]
fn streams_need_a_session_and_there_are_only_so_many() {
    let (mut a, b) = acquainted();
    assert_eq!(a.endpoint.open_stream(b.id()), Err(StreamError::NoSession));
    let (mut a, b) = connected();
    for _ in 0..15 {
        a.endpoint.open_stream(b.id()).unwrap();
    }
    assert_eq!(a.endpoint.open_stream(b.id()), Err(StreamError::Blocked));
    a.endpoint.carrier(b.id()).unwrap().open_body().unwrap();
    assert_eq!(
        a.endpoint.carrier(b.id()).unwrap().open_body(),
        Err(StreamError::Blocked)
    );
}

/// An id that was kept over the end of its connection, one that never was, and one that is over.
#[test]
fn what_is_done_with_a_stream_that_is_not_open_is_an_error() {
    let (mut a, mut b) = with_bulk();
    let (a_id, b_id) = (a.id(), b.id());
    let old = a.endpoint.open_stream(b_id).unwrap();
    a.endpoint.write_stream(b_id, old, b"before").unwrap();
    a.endpoint.close(b_id, now(1));
    settle(&mut a, &mut b, now(1));
    let gone = a.endpoint.write_stream(b_id, old, b"between");
    assert_eq!(gone, Err(StreamError::NoSession));
    a.endpoint.connect(b_id, &[], now(2)).unwrap();
    settle(&mut a, &mut b, now(2));
    for id in [old, StreamId(99), CHAT] {
        let sender = &mut a.endpoint;
        let done = [
            sender.write_stream(b_id, id, b"after").map(drop),
            sender.finish_stream(b_id, id),
            sender.reset_stream(b_id, id, 1),
            b.endpoint.stop_stream(a_id, id, 1),
        ];
        assert_eq!(done, [Err(StreamError::Closed); 4], "{id:?}");
    }
    let read = b.endpoint.read_stream(a_id, CHAT, 1, &mut Vec::new());
    assert_eq!(
        read,
        Err(StreamError::Closed),
        "the chat's is not the owner's"
    );
    let body = a.endpoint.carrier(b_id).unwrap().open_body().unwrap();
    let written = a.endpoint.write_stream(b_id, body, b"garbage");
    assert_eq!(written, Err(StreamError::Closed), "nor is a body");
    let id = a.endpoint.open_stream(b_id).unwrap();
    a.endpoint.finish_stream(b_id, id).unwrap();
    let written = a.endpoint.write_stream(b_id, id, b"behind the end");
    assert_eq!(written, Err(StreamError::Closed));
    assert_eq!(a.endpoint.reset_stream(b_id, id, 1), Ok(()));
    let again = a.endpoint.reset_stream(b_id, id, 1);
    assert_eq!(again, Err(StreamError::Closed));
}

#[test]
fn a_burst_leaves_no_buffers_in_an_idle_session() {
    let (mut a, mut b) = with_bulk();
    let id = a.endpoint.open_stream(b.id()).unwrap();
    let is_roomy = |side: &Side, other: &Side| {
        let peer = side.endpoint.peers.get(&other.id()).unwrap();
        peer.connection.as_ref().unwrap().is_roomy()
    };
    let mut at = now(10);
    for _ in 0..3 {
        let written = a.endpoint.write_stream(b.id(), id, &[7; 60_000]);
        assert_eq!(written, Ok(60_000));
        pass(&mut a, &mut b, 2_000, at, at + Duration::from_secs(1));
        let (a_id, mut read) = (a.id(), Vec::new());
        let taken = b.endpoint.read_stream(a_id, id, usize::MAX, &mut read);
        assert_eq!(taken, Ok(60_000));
        settle(&mut a, &mut b, at + Duration::from_secs(1));
        assert!(is_roomy(&a, &b) && is_roomy(&b, &a));
        at = at + Duration::from_secs(10);
        pass(&mut a, &mut b, 2_000, at - Duration::from_secs(8), at);
        assert!(!is_roomy(&a, &b) && !is_roomy(&b, &a));
    }
    let deadline = |side: &Side| side.endpoint.poll_timeout().map(|(_, timer)| timer);
    assert_eq!(deadline(&a), Some(Timer::Erase), "and no timer runs on");
    assert_eq!(deadline(&b), Some(Timer::Erase));
}
