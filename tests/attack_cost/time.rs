//! The processor's time that floods and texts take.

use core::hint::black_box;
use core::time::Duration;

use securechat::text::{safe_line, safe_text, single_line};

use super::common;
use super::floods::{CONTROLS, FLOODS, Flood};
use super::{chosen, datagrams};

/// Datagrams at either end of a flood that are compared, and how many times as many there are in all.
const FEW: u64 = 208;
const TIMES: u64 = 10;
/// What the last of them may take, in terms of the first. A walk through all that the flood has brought takes
/// 19 times as long by then.
const MAX_GROWTH: f64 = 5.0;
/// What one may take on average, in terms of an honest peer's of a whole message: one of 45 messages with a gap
/// before each takes thirty times as long.
const MAX_OF_HONEST: f64 = 100.0;
/// Somebody else may disturb a measurement, but not each time.
const TRIES: usize = 3;

/// What the processor has done for this thread.
#[cfg(unix)]
fn clock() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).ok()
}

#[cfg(not(unix))]
fn clock() -> Option<Duration> {
    None
}

/// What something takes, in seconds.
fn timed(act: impl FnOnce()) -> f64 {
    let before = clock();
    act();
    let took = clock().zip(before).map(|(after, before)| after - before);
    took.unwrap_or_default().as_secs_f64()
}

/// The first and the last datagrams of a flood, seconds each.
fn ends(flood: &Flood) -> [f64; 2] {
    let all = datagrams(FEW * TIMES);
    let few = all / TIMES;
    let [mut first, mut last] = [0.0; 2];
    flood.run(all, &mut |n, react| {
        let took = timed(react);
        if n < few {
            first += took;
        } else if n >= all - few {
            last += took;
        }
    });
    [first, last].map(|it| it / few as f64)
}

#[test]
fn the_last_datagrams_of_a_flood_take_no_longer_than_the_first_nor_much_longer_than_honest_ones() {
    if clock().is_none() {
        return common::skipped("no clock of a thread's processor time");
    }
    let honest = FLOODS.first().map_or([0.0; 2], ends);
    for flood in chosen() {
        let is_fine = |_| {
            let [first, last] = ends(flood);
            let (growth, of_honest) = (last / first, last / honest[0]);
            println!(
                "{:>27}: {:.1} us, {of_honest:.1} of an honest one; the last {growth:.2} of the first",
                flood.name,
                1e6 * first
            );
            growth <= MAX_GROWTH && of_honest <= MAX_OF_HONEST
        };
        assert!((0..TRIES).any(is_fine), "{}", flood.name);
    }
}

/// Makes a text of somebody else's safe to show.
type Show = fn(&str);

#[test]
fn no_text_of_a_peer_takes_longer_to_show_than_its_length_says() {
    if clock().is_none() {
        return common::skipped("no clock of a thread's processor time");
    }
    let shows: [(&str, Show); 3] = [
        ("text", |it| drop(black_box(safe_text(it)))),
        ("line", |it| drop(black_box(safe_line(it)))),
        ("single line", |it| drop(black_box(single_line(it)))),
    ];
    for control in CONTROLS {
        let [short, long] = [2_000, 20_000].map(|count| control.repeat(count));
        for (name, show) in shows {
            let is_fine = |_| {
                let growth = timed(|| show(&long)) / timed(|| show(&short));
                println!(
                    "{:>12} as {name}: {growth:.1} times for ten times the length",
                    control.escape_default()
                );
                growth <= MAX_GROWTH * 10.0
            };
            assert!((0..TRIES).any(is_fine), "{control:?} as {name}");
        }
    }
}
