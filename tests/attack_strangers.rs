//! A hundred thousand datagrams of every type and length beside a chat. Alone in its program, since it
//! measures the memory of the process.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod common;
mod simulated;

use core::time::Duration;

use securechat::sim::Pair;
use securechat::wire::limits::INIT_LEN;
use simulated::stranger::{JOB, Stranger, any_datagram, source};
use simulated::{assert_well, check_bounds, ms, sent};

/// The longest of ten exchanges of a line and its answer, while `disturb` is called every millisecond.
fn round_trip(pair: &mut Pair, mut disturb: impl FnMut(&mut Pair)) -> Duration {
    (0..10).map(|_| exchange(pair, &mut disturb)).max().unwrap()
}

fn exchange(pair: &mut Pair, disturb: &mut impl FnMut(&mut Pair)) -> Duration {
    let (a, b) = (pair.a, pair.b);
    let start = pair.now();
    let there = pair.talk(a, b).unwrap();
    let (mut back, mut took) = (None, None);
    for _ in 0..100 {
        disturb(pair);
        pair.advance(ms(1));
        if back.is_none() && pair.has_seen(b, &there) {
            back = Some(pair.talk(b, a).unwrap());
        }
        if took.is_none() && back.as_ref().is_some_and(|line| pair.has_seen(a, line)) {
            took = Some(pair.now().saturating_since(start));
        }
    }
    took.expect("no line is lost")
}

#[test]
fn a_hundred_thousand_datagrams_disturb_nobody() {
    let mut pair = Pair::connected(2);
    let target = pair.b;
    pair.node_mut(target).set_job_delay(JOB);
    let undisturbed = round_trip(&mut pair, |_| {});
    let index = simulated::index_of(&sent(&pair, pair.a, simulated::DATA)[0].datagram);
    let mut stranger = Stranger::new(&mut pair, target, 1_000);
    pair.network_mut().set_capture(false);
    let mut n = 0u32;
    let mut memory = Vec::new();
    let disturbed = round_trip(&mut pair, |pair| {
        for _ in 0..100 {
            n += 1;
            let mut datagram = any_datagram(&mut stranger.rng, index);
            if n.is_multiple_of(2) {
                stranger.forger.repair(&mut datagram);
            }
            if n.is_multiple_of(8) && datagram.len() == INIT_LEN {
                datagram[..4].copy_from_slice(&[1, (n / 8 % 2) as u8, 1, 0]);
                stranger.forger.repair(&mut datagram);
            }
            let from = source((n % 1_000) as u16);
            stranger.inject(pair, from, datagram);
            if n.is_multiple_of(50) {
                stranger.flood(pair, from);
            }
        }
        stranger.collect(pair);
        check_bounds(pair.node(target).endpoint().unwrap(), 1);
        memory.push(resident_kib());
    });
    assert_eq!(n, 100_000);
    assert!(
        disturbed <= undisturbed + 2 * ms(40),
        "{undisturbed:?}, then {disturbed:?}"
    );
    assert_flat(&memory);
    assert_well(&mut pair);
}

/// Resident memory of this process, where the system tells.
fn resident_kib() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    statm
        .split(' ')
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|pages| pages * 4)
}

/// The second half of the flood takes no more memory than the first.
fn assert_flat(memory: &[Option<u64>]) {
    let (Some(Some(middle)), Some(Some(end))) = (memory.get(memory.len() / 2), memory.last())
    else {
        common::skipped("no /proc/self/statm");
        return;
    };
    assert!(*end < middle + 2 * 1024, "{middle} KiB, then {end} KiB");
}
