//! Messages that wait for too long, by clocks that may be wrong.

use core::time::Duration;

use super::*;
use crate::chat::{Client, Event, MESSAGE_LIFE, Policy};
use crate::time::Instant;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
const LIFE: u64 = MESSAGE_LIFE.as_secs() * 1_000;

fn queue(place: &Place, now: u64) {
    let (mut archive, _) = place.try_open(Keep::Off, UnixTime(now)).unwrap();
    let message = outgoing(name(1, 0), "not lost");
    archive
        .change(UnixTime(now), |it| it.queue(contact(7), &message))
        .unwrap();
}

/// A program that starts with this clock and runs for so long. Whether the message waits on.
fn runs(place: &Place, clock: u64, for_ms: u64) -> bool {
    let (mut archive, restored) = place.try_open(Keep::Off, UnixTime(clock)).unwrap();
    let start = Instant::ZERO;
    let mut client: Client = restored.into_client(Policy::default(), [1; 32], start);
    client.handle_timeout(start + Duration::from_millis(for_ms));
    let mut waits = true;
    while let Some(event) = client.poll_event() {
        if let Event::State {
            contact,
            name,
            state,
        } = event
        {
            archive
                .change(UnixTime(clock), |it| it.settle(contact, name, state))
                .unwrap();
            waits = false;
        }
    }
    waits
}

#[test]
fn one_day_more_is_given_by_the_first_start_that_finds_a_message_too_old() {
    let place = Place::new();
    queue(&place, NOW.0);
    assert!(runs(&place, NOW.0 + LIFE - HOUR, HOUR - 1));
    let late = NOW.0 + LIFE + HOUR;
    assert!(runs(&place, late, DAY - HOUR));
    assert!(runs(&place, late + DAY - 1, 0), "of its day some is left");
    assert!(!runs(&place, late + DAY, 0));
}

#[test]
fn a_program_that_runs_on_gives_it_up_after_that_day() {
    let place = Place::new();
    queue(&place, NOW.0);
    assert!(!runs(&place, NOW.0 + LIFE, DAY));
}

#[test]
fn starts_with_a_clock_that_is_months_ahead_lose_nothing_within_a_day() {
    let place = Place::new();
    queue(&place, NOW.0);
    let wrong = NOW.0 + 365 * DAY;
    for minute in 0..5 {
        assert!(runs(&place, wrong + minute * 60_000, 30_000));
    }
    // The clock is right again: nothing of that counts, also not another time.
    assert!(runs(&place, NOW.0 + HOUR, 0));
    assert!(runs(&place, wrong + 2 * DAY, 0));
    assert!(runs(&place, NOW.0 + 2 * HOUR, LIFE - 3 * HOUR));
}

#[test]
fn what_was_written_by_a_clock_that_was_behind_is_not_given_up_as_soon_as_it_is_right() {
    let place = Place::new();
    queue(&place, 0);
    assert!(runs(&place, NOW.0, DAY - 1));
}
