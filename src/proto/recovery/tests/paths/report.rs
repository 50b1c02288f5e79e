//! The criteria, and the tables of docs/benchmarks.md.
//!
//! `SECURECHAT_MATRIX=1 cargo test --release --lib recovery::tests::paths -- --nocapture` prints them.

use super::bulk::Bulk;
use super::dumbbell::{Dumbbell, Path, Tally};
use super::talk::talk;
use crate::proto::recovery::tests::*;

const RATES: [u64; 3] = [2, 20, 100];
const RTTS: [u64; 3] = [10, 50, 300];
const LOSSES: [usize; 5] = [0, 1, 10, 50, 200];
const SEEDS: u8 = 3;

/// What one flow makes of a path.
struct Solo {
    used: f64,
    own_loss: f64,
    /// In round trips without a queue.
    queue: f64,
    most_queue: f64,
}

fn in_rtts(time: Duration, path: Path) -> f64 {
    time.as_secs_f64() / path.rtt.as_secs_f64()
}

fn solo(kind: Congestion, path: Path, length: Duration) -> Solo {
    let mut link = Dumbbell::new(path, vec![Bulk::new(kind, path.seed)]);
    link.run(Instant::ZERO + length);
    let tally: Tally = link.tallies[0];
    Solo {
        used: link.used(0),
        own_loss: tally.own_loss(),
        queue: in_rtts(tally.mean_queue(), path),
        most_queue: in_rtts(tally.most_queued, path),
    }
}

/// The share that the first of two flows has in what both bring through; `late`: the second flow
/// begins two seconds after the first, otherwise the first after the second.
fn share(kinds: [Congestion; 2], path: Path, late: bool, length: Duration) -> f64 {
    let seeds = [path.seed, path.seed + 100];
    let mut flows: Vec<Bulk> = (0..2).map(|it| Bulk::new(kinds[it], seeds[it])).collect();
    flows[usize::from(late)].start = at(2_000);
    let mut link = Dumbbell::new(path, flows);
    link.run(Instant::ZERO + length);
    link.used(0) / (link.used(0) + link.used(1))
}

#[test]
fn losses_on_the_way_make_newreno_collapse_and_not_bbr() {
    let path = Path::new(20, 50, 10);
    let newreno = solo(Congestion::NewReno, path, ms(10_000));
    let bbr = solo(Congestion::Bbr, path, ms(10_000));
    assert!(newreno.used < 25.0, "{}", newreno.used);
    assert!(bbr.used > 90.0, "{}", bbr.used);
}

#[test]
fn bbr_fills_paths_that_lose_nothing_a_hundredth_and_a_twentieth() {
    for (mbit, rtt) in [(2, 10), (3, 10), (5, 5), (2, 300), (20, 50)] {
        for (loss, least) in [(0, 90.0), (10, 80.0), (50, 80.0)] {
            let result = solo(Congestion::Bbr, Path::new(mbit, rtt, loss), ms(20_000));
            let cell = format!("{mbit} Mbit/s, {rtt} ms, {loss} ‰");
            assert!(result.used >= least, "{cell}: {}", result.used);
            assert!(result.own_loss <= 5.0, "{cell}: {}", result.own_loss);
            assert!(result.queue <= 0.5, "{cell}: {}", result.queue);
        }
    }
}

#[test]
fn losses_of_the_path_do_not_bound_bbr_when_it_probes() {
    let result = solo(Congestion::Bbr, Path::new(20, 50, 50), ms(40_000));
    assert!(result.used >= 91.0, "{}", result.used);
    assert!(result.own_loss <= 1.0, "{}", result.own_loss);
}

#[test]
fn the_start_on_a_long_path_ends_once_its_queue_is_seen() {
    let result = solo(Congestion::Bbr, Path::new(100, 300, 0), ms(10_000));
    assert!(result.used >= 70.0, "{}", result.used);
    assert!(result.queue <= 0.22, "{}", result.queue);
}

/// By the rate alone, which lags behind the first two, six round trips bring 2.1 % of the link.
#[test]
fn the_first_flights_grow_by_what_they_deliver() {
    let path = Path::new(100, 300, 0);
    let result = solo(Congestion::Bbr, path, path.rtt * 6);
    assert!(result.used >= 2.5, "{}", result.used);
}

/// With four packets in flight on the second path, as many as it and its queue hold, it had 0.76 and 0.79.
#[test]
fn bbr_leaves_newreno_its_share_whoever_comes_first() {
    for (mbit, rtt, late) in [
        (20, 50, false),
        (20, 50, true),
        (2, 10, false),
        (2, 10, true),
    ] {
        let kinds = [Congestion::Bbr, Congestion::NewReno];
        let share = share(kinds, Path::new(mbit, rtt, 0), late, ms(60_000));
        assert!(
            (0.3..=0.7).contains(&share),
            "{mbit} Mbit/s, {rtt} ms: {share}"
        );
    }
}

#[test]
fn round_trips_that_vary_are_not_taken_for_somebody_else() {
    for (mbit, rtt, jitter) in [(2, 10, 5), (3, 10, 2), (5, 5, 2)] {
        let path = Path::new(mbit, rtt, 0);
        let jitter = ms(jitter);
        let result = solo(Congestion::Bbr, Path { jitter, ..path }, ms(20_000));
        let cell = format!("{mbit} Mbit/s, {rtt} ms, up to {jitter:?} more");
        assert!(result.used >= 90.0, "{cell}: {}", result.used);
    }
}

#[test]
fn a_line_beside_a_transfer_takes_no_longer_than_two_round_trips_and_a_repetition() {
    let path = Path::new(20, 50, 10);
    let outcome = talk(Congestion::Bbr, path, ms(12_000));
    // The loss of a packet shows when the third after it is acknowledged; then it goes again.
    let most = path.rtt * 2 + path.rtt * 9 / 8;
    assert!(outcome.p50 <= path.rtt, "{:?}", outcome.p50);
    assert!(outcome.p99 <= most, "{:?}", outcome.p99);
    assert!(outcome.goodput >= 80.0, "{}", outcome.goodput);
}

#[test]
fn packets_of_a_transfer_are_acknowledged_one_by_one_only_on_a_path_of_few() {
    for (mbit, rtt, answers) in [(2, 10, 0.95..=1.05), (20, 50, 0.5..=0.55)] {
        let outcome = talk(Congestion::Bbr, Path::new(mbit, rtt, 0), ms(12_000));
        assert!(answers.contains(&outcome.answers), "{}", outcome.answers);
    }
}

#[test]
fn the_matrix_is_printed_on_demand() {
    if std::env::var_os("SECURECHAT_MATRIX").is_none() {
        return;
    }
    for kind in [Congestion::NewReno, Congestion::Bbr] {
        println!("\n{kind:?} alone: used %, own loss %, mean and longest queue in RTTs");
        each_path(|path| print_solo(kind, path));
    }
    println!("\nBbr alone, losses behind the bottleneck");
    each_path(|path| {
        print_solo(
            Congestion::Bbr,
            Path {
                behind: true,
                ..path
            },
        )
    });
    println!("\nBbr's share beside NewReno; NewReno's beside NewReno: mean (least-most)");
    each_path(print_shares);
    println!("\nA transfer by whole connections: goodput %, line p50 ms, p99 ms, p99 in RTTs");
    each_path(print_talk);
}

/// A row for each rate and round trip, a cell for each loss.
fn each_path(cell: impl Fn(Path) -> String) {
    println!("| path | 0 % | 0.1 % | 1 % | 5 % | 20 % |\n|---|---|---|---|---|---|");
    for (rate, rtt) in RATES
        .into_iter()
        .flat_map(|rate| RTTS.map(|rtt| (rate, rtt)))
    {
        let cells = LOSSES.map(|loss| cell(Path::new(rate, rtt, loss)));
        println!("| {rate} Mbit/s, {rtt} ms | {} |", cells.join(" | "));
    }
}

fn seeds(path: Path) -> impl Iterator<Item = Path> {
    (1..=SEEDS).map(move |seed| Path { seed, ..path })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn print_solo(kind: Congestion, path: Path) -> String {
    let runs: Vec<Solo> = seeds(path)
        .map(|path| solo(kind, path, ms(40_000)))
        .collect();
    let mean_of = |of: fn(&Solo) -> f64| mean(&runs.iter().map(of).collect::<Vec<_>>());
    format!(
        "{:.1}, {:.1}, {:.2}, {:.2}",
        mean_of(|it| it.used),
        mean_of(|it| it.own_loss),
        mean_of(|it| it.queue),
        mean_of(|it| it.most_queue)
    )
}

fn print_shares(path: Path) -> String {
    let shares = [Congestion::Bbr, Congestion::NewReno].map(|kind| {
        let kinds = [kind, Congestion::NewReno];
        let runs = seeds(path)
            .take(2)
            .flat_map(|path| [false, true].map(|late| share(kinds, path, late, ms(120_000))));
        let mut runs: Vec<f64> = runs.collect();
        runs.sort_by(f64::total_cmp);
        format!(
            "{:.2} ({:.2}-{:.2})",
            mean(&runs),
            runs[0],
            runs[runs.len() - 1]
        )
    });
    shares.join("; ")
}

fn print_talk(path: Path) -> String {
    let outcome = talk(Congestion::Bbr, path, ms(60_000));
    format!(
        "{:.1}, {}, {}, {:.1}",
        outcome.goodput,
        outcome.p50.as_millis(),
        outcome.p99.as_millis(),
        in_rtts(outcome.p99, path)
    )
}
