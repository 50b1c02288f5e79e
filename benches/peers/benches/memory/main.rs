//! Memory of a session and cost of a packet in an endpoint with many sessions.
//!
//! `cargo bench --bench memory -- [--small] [memory] [cost]`
//!
//! `walk N` instead lets N members talk and tells nothing: for callgrind with its cache simulation and
//! `--toggle-collect='*Crowd*answer*'`, which then counts what the hub does and no member.

mod cost;
mod crowd;
mod peers;

use std::alloc::System;
use std::time::Duration;

use quinn_proto::TransportConfig;
use securechat_peers::measure::{Scale, number, wanted};
use securechat_peers::ours::{Side, at};
use securechat_peers::quic;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crowd::{Crowd, TEXT};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a session has said before it is measured, each way.
const TALK: usize = 8;

fn main() {
    let scale = Scale::from_args();
    let mut args = std::env::args().skip_while(|arg| arg != "walk").skip(1);
    if let Some(members) = args.next().and_then(|arg| arg.parse().ok()) {
        return cost::walk(members);
    }
    if wanted("memory") {
        memory(scale);
    }
    if wanted("cost") {
        cost::cost(scale);
    }
}

fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats
        .bytes_allocated
        .saturating_add_signed(stats.bytes_reallocated)
        - stats.bytes_deallocated
}

fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

fn memory(scale: Scale) {
    let count = scale.of(10_000, 200);
    println!(
        "\n**Memory of a session in an endpoint with {count}** (live heap bytes, the chat's included)\n"
    );
    println!("| | bytes each |\n|---|---|");
    let tell =
        |what: &str, bytes: usize| println!("| {what} | {} |", number(bytes as f64 / count as f64));

    let before = live();
    let mut crowd = Crowd::new(count, usize::MAX, 0);
    tell("ours, established, nothing said", live() - before);
    // The other ends left without a word; the hub owes them nothing but acknowledgements.
    crowd.wait(600);
    tell(
        "ours, 10 minutes later, keys erased",
        live().saturating_sub(before),
    );
    drop(crowd);

    let before = live();
    let mut crowd = Crowd::new(count, usize::MAX, TALK);
    tell(
        "ours, established, 8 messages said each way",
        live() - before,
    );
    for number in 1..=count {
        let id = Side::new(u32::try_from(number).expect("few"), at(0)).id;
        let now = at(crowd.us);
        crowd.hub.send(id, TEXT, now);
    }
    let now = at(crowd.us);
    crowd.hub.transmits(now, &mut crowd.out);
    assert!(crowd.out.len() >= count, "every message is on its way");
    crowd.out = Vec::new();
    tell(
        "ours, the same with a message under way (busy)",
        live() - before,
    );
    drop(crowd);

    quinn_memory(count / 10);
}

/// The same of quinn-proto, half of a pair each: every connection has an endpoint of its own there.
fn quinn_memory(count: usize) {
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(None);
    let configs = quic::Configs::with(transport);
    let mut pairs = Vec::new();
    let before = live();
    let tell = |what: &str| {
        let each = live().saturating_sub(before) as f64 / count as f64 / 2.0;
        println!(
            "| quinn-proto, half of a pair ({count} pairs), {what} | {} |",
            number(each)
        );
    };
    pairs.extend((0..count).map(|_| quic::Pair::connected(&configs)));
    tell("established, 100 messages said");
    for pair in &mut pairs {
        pair.rest(Duration::from_secs(600));
    }
    tell("10 minutes later");
    for pair in &mut pairs {
        pair.say_unheard(TEXT.as_bytes());
    }
    tell("a message under way");
}
