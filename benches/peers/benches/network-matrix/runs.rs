//! What is measured, and how often.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use securechat::time::Instant;

use crate::options::{Options, Section};
use crate::path::{Dumbbell, Path};
use crate::talk::{Kind, Load, Talk};
use crate::unsteady::{Twist, Unsteady, unsteady};

/// When the first line is said beside a file: slow start is over, or nearly.
pub const FIRST_LINE: Duration = Duration::from_secs(3);
/// The second of two flows begins so much later.
const LATER: Duration = Duration::from_secs(2);
/// Whatever leaves before belongs to the first flight.
const FLIGHT: Duration = Duration::from_millis(1);
/// A first line that takes longer counts as that.
const PATIENCE: Duration = Duration::from_secs(120);
/// Million bits a second of which a fifth is enough for a conversation.
const LEAST_TO_FALL: u64 = 5;

/// A file and lines beside it, over all seeds.
#[derive(Clone, Debug)]
pub struct Transfer {
    pub kind: Kind,
    pub path: Path,
    /// Bytes of the file that arrived, in hundredths of what the link could have carried.
    pub goodput: f64,
    /// Datagrams that its own queue lost, in hundredths.
    pub own_loss: f64,
    /// Mean and longest wait in the queue, in round trips.
    pub queue: f64,
    pub longest_queue: f64,
    /// What lines took, ascending.
    pub lines: Vec<Duration>,
}

/// Times to the first line, ascending. Of one contestant and path the last is that where the first flight is lost.
#[derive(Clone, Debug)]
pub struct First {
    pub kind: Kind,
    pub path: Path,
    pub times: Vec<Duration>,
}

/// Shares of a contestant beside another flow, quinn's NewReno unless another is named, ascending.
#[derive(Clone, Debug)]
pub struct Share {
    pub kind: Kind,
    pub path: Path,
    pub shares: Vec<f64>,
}

pub struct Results {
    pub transfers: Vec<Transfer>,
    pub firsts: Vec<First>,
    pub shares: Vec<Share>,
    pub unsteady: Vec<Unsteady>,
}

impl Results {
    pub fn of(options: &Options) -> Self {
        Self {
            transfers: transfers(options),
            firsts: firsts(options),
            shares: shares(options),
            unsteady: unsteadies(options),
        }
    }
}

/// Every contestant on every path.
fn cells(kinds: &[Kind], paths: &[Path]) -> Vec<(Kind, Path)> {
    let cells = paths
        .iter()
        .flat_map(|path| kinds.iter().map(|kind| (*kind, *path)));
    cells.collect()
}

fn transfers(options: &Options) -> Vec<Transfer> {
    if !options.has(Section::Transfer) {
        return Vec::new();
    }
    let cells = cells(&options.kinds, &options.paths(&options.losses));
    side_by_side(options.jobs, &cells, |(kind, path)| {
        transfer(*kind, *path, options)
    })
}

fn transfer(kind: Kind, path: Path, options: &Options) -> Transfer {
    let runs: Vec<Transfer> = options
        .seeds
        .clone()
        .map(|seed| one_transfer(kind, path, seed, options))
        .collect();
    let mean = |of: fn(&Transfer) -> f64| mean(runs.iter().map(of));
    let mut lines: Vec<Duration> = runs.iter().flat_map(|run| run.lines.clone()).collect();
    lines.sort();
    Transfer {
        kind,
        path,
        goodput: mean(|run| run.goodput),
        own_loss: mean(|run| run.own_loss),
        queue: mean(|run| run.queue),
        longest_queue: runs.iter().map(|run| run.longest_queue).fold(0.0, f64::max),
        lines,
    }
}

fn one_transfer(kind: Kind, path: Path, seed: u64, options: &Options) -> Transfer {
    let load = Load {
        start: Duration::ZERO,
        file: true,
        lines: Some((FIRST_LINE, options.line_every)),
    };
    let talk = Talk::new(kind, seed as u8, load);
    let mut net = Dumbbell::new(path, seed, vec![talk]);
    let end = Instant::ZERO + options.length;
    net.run(end, |_| false);
    let stats = net.stats();
    let talk = net.flows.remove(0);
    let through = (stats.sent - stats.lost - stats.overflowed).max(1);
    Transfer {
        kind,
        path,
        goodput: path.percent(talk.moved(), options.length),
        own_loss: 100.0 * stats.overflowed as f64 / stats.sent.max(1) as f64,
        queue: path.in_rtts(stats.waited) / through as f64,
        longest_queue: path.in_rtts(stats.longest_wait),
        lines: talk.into_delays(end),
    }
}

fn firsts(options: &Options) -> Vec<First> {
    if !options.has(Section::First) {
        return Vec::new();
    }
    let cells = cells(&options.kinds, &options.paths(&options.losses));
    let lossless = cells.iter().filter(|(_, path)| path.loss_ppm == 0);
    let lost = lossless.map(|cell| (*cell, true));
    let cells: Vec<((Kind, Path), bool)> = cells
        .iter()
        .map(|cell| (*cell, false))
        .chain(lost)
        .collect();
    side_by_side(options.jobs, &cells, |((kind, path), flight_lost)| {
        let times = (1..=options.tries).map(|seed| first(*kind, *path, *flight_lost, seed));
        let mut times: Vec<Duration> = times.collect();
        times.sort();
        First {
            kind: *kind,
            path: *path,
            times,
        }
    })
}

/// From the first datagram of the handshake to the line at the far application.
fn first(kind: Kind, path: Path, flight_lost: bool, seed: u64) -> Duration {
    let load = Load {
        start: Duration::ZERO,
        file: false,
        lines: Some((Duration::ZERO, PATIENCE)),
    };
    let talk = Talk::new(kind, seed as u8, load);
    let mut net = Dumbbell::new(path, seed, vec![talk]);
    if flight_lost {
        net.dark_until = Instant::ZERO + FLIGHT;
    }
    net.run(Instant::ZERO + PATIENCE, |flows| {
        !flows[0].delays.is_empty()
    });
    net.flows[0].delays.first().copied().unwrap_or(PATIENCE)
}

fn shares(options: &Options) -> Vec<Share> {
    if !options.has(Section::Share) {
        return Vec::new();
    }
    let cells = cells(&options.kinds, &options.paths(&options.share_losses));
    side_by_side(options.jobs, &cells, |(kind, path)| {
        let runs =
            (1..=options.share_seeds).flat_map(|seed| [false, true].map(|later| (seed, later)));
        let shares = runs.map(|(seed, later)| share(*kind, *path, seed, later, options));
        let mut shares: Vec<f64> = shares.collect();
        shares.sort_by(f64::total_cmp);
        Share {
            kind: *kind,
            path: *path,
            shares,
        }
    })
}

/// The part of a contestant in what it and the flow beside it bring through; `later`: it begins second.
fn share(kind: Kind, path: Path, seed: u64, later: bool, options: &Options) -> f64 {
    let starts = if later {
        [LATER, Duration::ZERO]
    } else {
        [Duration::ZERO, LATER]
    };
    let flow = |kind, start, seed| {
        let load = Load {
            start,
            file: true,
            lines: None,
        };
        Talk::new(kind, seed, load)
    };
    let seed8 = seed as u8;
    let flows = vec![
        flow(kind, starts[0], seed8),
        flow(options.share_beside, starts[1], seed8 + 100),
    ];
    let mut net = Dumbbell::new(path, seed, flows);
    net.run(Instant::ZERO + options.share_length, |_| false);
    let [ours, theirs] = [0, 1].map(|flow| net.flows[flow].moved() as f64);
    ours / (ours + theirs)
}

fn unsteadies(options: &Options) -> Vec<Unsteady> {
    if !options.has(Section::Unsteady) {
        return Vec::new();
    }
    let mut paths = options.paths(&[0]);
    paths.retain(|path| path.mbit >= LEAST_TO_FALL);
    let cells: Vec<((Kind, Path), Twist)> = Twist::ALL
        .into_iter()
        .flat_map(|twist| {
            cells(&options.kinds, &paths)
                .into_iter()
                .map(move |cell| (cell, twist))
        })
        .collect();
    side_by_side(options.jobs, &cells, |((kind, path), twist)| {
        unsteady(*kind, *path, *twist, options)
    })
}

pub fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// So many hundredths of the ascending values do not exceed it.
pub fn percentile(values: &[Duration], hundredths: usize) -> Duration {
    let last = values.len().saturating_sub(1);
    values
        .get((last * hundredths).div_ceil(100))
        .copied()
        .unwrap_or_default()
}

/// Works on all items with so many threads; the order of the results is that of the items.
fn side_by_side<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else {
                return done;
            };
            done.push((at, work(item)));
        }
    };
    let mut all: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(take)).collect();
        let results = threads
            .into_iter()
            .flat_map(|it| it.join().expect("no run panics"));
        results.collect()
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, result)| result).collect()
}
