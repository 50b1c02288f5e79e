//! Windows of bulk streams: whose use makes them grow, and how far.

use super::*;
use crate::proto::limits::{DATA_WINDOW, MAX_STREAMS, STREAM_WINDOW, WINDOW_MAX};
use crate::proto::streams::pages::PAGE;

/// A peer whose stream 2 is read as fast as it comes; says how far that went.
fn read_fast(streams: &mut Streams) -> u64 {
    let chunk = vec![7; 64 * 1_024];
    let (mut end, mut now) = (0, Instant::ZERO);
    while end < 2 * WINDOW_MAX {
        deliver(streams, &[piece(2, end, false, &chunk)]).unwrap();
        end += streams.read(StreamId(2), chunk.len(), &mut Vec::new()) as u64;
        now = now + Duration::from_millis(1);
        streams.tune(Duration::from_millis(100), now);
        drain(streams);
    }
    end
}

#[test]
fn a_stream_that_is_read_as_fast_as_it_comes_gets_more_credit() {
    let mut streams = Streams::new();
    let end = read_fast(&mut streams);
    let far = end + WINDOW_MAX - WINDOW_MAX / 8;
    assert_eq!(streams.check(&[piece(2, far, false, b"x")]), Ok(()));
    let beyond = piece(2, end + WINDOW_MAX, false, b"x");
    assert_eq!(streams.check(&[beyond]), Err(StreamViolation::FlowControl));
}

/// Sends pages of stream 2 in round trips, all but the one at `missing`; says how many were let through.
fn send_pages(streams: &mut Streams, missing: u64, reads: bool) -> u64 {
    let page = [7; PAGE];
    let (mut passed, mut now) = (0, Instant::ZERO);
    for number in (0..2 * WINDOW_MAX / PAGE as u64).filter(|number| *number != missing) {
        let piece = piece(2, number * PAGE as u64, false, &page);
        passed += u64::from(deliver(streams, &[piece]).is_ok());
        if reads {
            streams.read(StreamId(2), PAGE, &mut Vec::new());
        }
        now = now + Duration::from_millis(4);
        streams.tune(Duration::from_secs(1), now);
        drain(streams);
    }
    passed
}

#[test]
fn what_waits_behind_a_gap_of_a_stream_that_is_read_makes_its_window_grow() {
    let mut streams = Streams::new();
    let pages = send_pages(&mut streams, 3, true);
    let first = STREAM_WINDOW / PAGE as u64;
    assert!(pages > 10 * first, "{pages}");
    assert!(pages < WINDOW_MAX / PAGE as u64 + 3, "{pages}");
}

#[test]
fn streams_that_nobody_reads_make_no_window_grow_with_or_without_a_gap() {
    for missing in [0, 3, u64::MAX] {
        let mut streams = Streams::new();
        let gap = u64::from(missing != u64::MAX);
        let pages = send_pages(&mut streams, missing, false);
        assert_eq!(pages, STREAM_WINDOW / PAGE as u64 - gap);
    }
}

/// What is unread uses up no more of the credit that all streams share than it could from the start.
#[test]
fn a_stream_that_nobody_reads_does_not_grow_with_one_that_is_read() {
    let mut streams = Streams::new();
    deliver(&mut streams, &[piece(3, 0, false, b"x")]).unwrap();
    read_fast(&mut streams);
    let last = piece(3, STREAM_WINDOW - 1, false, b"x");
    assert_eq!(streams.check(&[last]), Ok(()));
    let beyond = piece(3, STREAM_WINDOW, false, b"x");
    assert_eq!(streams.check(&[beyond]), Err(StreamViolation::FlowControl));
}

#[test]
fn a_stream_that_is_read_late_grows_then() {
    let mut streams = Streams::new();
    deliver(&mut streams, &[piece(3, 0, false, b"x")]).unwrap();
    let end = read_fast(&mut streams);
    assert_eq!(read(&mut streams, StreamId(3), 1), b"x");
    deliver(&mut streams, &[piece(2, end, false, b"x")]).unwrap();
    assert_eq!(read(&mut streams, StreamId(2), 1), b"x");
    streams.tune(
        Duration::from_millis(100),
        Instant::ZERO + Duration::from_secs(99),
    );
    drain(&mut streams);
    let far = piece(3, 2 * STREAM_WINDOW, false, b"x");
    assert_eq!(streams.check(&[far]), Ok(()));
}

#[test]
fn streams_that_are_given_up_unread_make_no_window_grow() {
    let mut streams = Streams::new();
    let mut now = Instant::ZERO;
    let rounds = 2 * WINDOW_MAX / STREAM_WINDOW;
    for id in 2..2 + rounds {
        deliver(&mut streams, &[reset(id, 9, STREAM_WINDOW)]).unwrap();
        events(&mut streams);
        now = now + Duration::from_millis(1);
        streams.tune(Duration::from_secs(1), now);
        drain(&mut streams);
    }
    let count = DATA_WINDOW / STREAM_WINDOW;
    for id in 2 + rounds..2 + rounds + count {
        let full = piece(id, STREAM_WINDOW - 1, false, b"x");
        deliver(&mut streams, &[full]).unwrap();
    }
    let beyond = piece(2 + rounds + count, 0, false, b"x");
    assert_eq!(streams.check(&[beyond]), Err(StreamViolation::FlowControl));
}

#[test]
fn a_hostile_peer_that_made_windows_grow_cannot_make_us_hold_more_than_the_largest() {
    let mut streams = Streams::new();
    let end = read_fast(&mut streams);
    let page = [7; PAGE];
    for id in 1..2 + MAX_STREAMS {
        let start = if id == 2 { end } else { 0 };
        // Never the first page, so that nothing can be read.
        for number in (1..2 * WINDOW_MAX / PAGE as u64).rev() {
            let offset = start + number * PAGE as u64;
            let _ = deliver(&mut streams, &[piece(id, offset, false, &page)]);
        }
    }
    let held = streams.incoming.held();
    let slack = (1 + MAX_STREAMS as usize) * 2 * PAGE;
    let bound = (STREAM_WINDOW + WINDOW_MAX) as usize + slack;
    assert!(held <= bound, "{held} > {bound}");
    assert!(held > DATA_WINDOW as usize, "the window did grow: {held}");
}
