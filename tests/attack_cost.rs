//! What a datagram of a peer that holds its key by right can cost the victim, and whoever talks with it
//! meanwhile. Three measures: what is allocated until the victim has reacted; what is held at most; and the
//! processor's time, of which the last datagrams of a flood must not take more than the first, nor much
//! more than an honest peer's. The last one is judged generously, since others use the machine; what it is
//! exactly, an instruction counter says (docs/benchmarks.md#hostile-datagrams).
//!
//! `SECURECHAT_FLOOD=name` runs one flood only, `SECURECHAT_FLOOD_DATAGRAMS=n` so many datagrams of each.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "tests"
)]

mod common;
#[path = "attack_cost/floods.rs"]
mod floods;
mod hostile;
#[path = "attack_cost/run.rs"]
mod run;
#[path = "attack_cost/time.rs"]
mod time;

use allocation_counter::measure;
use floods::{FLOODS, Flood};

/// Datagrams of each flood.
const DATAGRAMS: u64 = 1_100;
/// What one datagram may make the victim allocate, its answers included. 1,400 frames of one byte take up
/// a third of a megabyte while they are looked at; 45 messages with a gap before each, whose receipts become one,
/// take the most allocations.
const MAX_ALLOCATIONS: u64 = 512;
const MAX_BYTES: u64 = 384 << 10;
/// What all three parties may hold.
const MAX_PEAK: u64 = 8 << 20;

/// The floods that are to run.
fn chosen() -> impl Iterator<Item = &'static Flood> {
    let only = std::env::var("SECURECHAT_FLOOD").ok();
    let is_chosen = move |it: &&Flood| only.as_ref().is_none_or(|only| only == it.name);
    FLOODS.iter().filter(is_chosen)
}

/// With how many datagrams.
fn datagrams(usual: u64) -> u64 {
    let datagrams = std::env::var("SECURECHAT_FLOOD_DATAGRAMS").ok();
    datagrams.map_or(usual, |it| it.parse().unwrap())
}

#[test]
fn no_datagram_of_a_peer_makes_much_work() {
    for flood in chosen() {
        let (mut allocations, mut bytes) = (0, 0);
        flood.run(datagrams(DATAGRAMS), &mut |_, react| {
            let one = measure(react);
            allocations = allocations.max(one.count_total);
            bytes = bytes.max(one.bytes_total);
        });
        let name = flood.name;
        println!("{name:>27}: {allocations} allocations, {bytes} bytes at most");
        assert!(allocations <= MAX_ALLOCATIONS, "{name}");
        assert!(bytes <= flood.most_bytes, "{name}");
    }
}

#[test]
fn no_flood_of_a_peer_is_kept() {
    for flood in chosen() {
        let whole = measure(|| flood.run(datagrams(DATAGRAMS), &mut |_, react| react()));
        println!("{:>27}: {} bytes at most", flood.name, whole.bytes_max);
        assert!(whole.bytes_max <= MAX_PEAK, "{}", flood.name);
    }
}
