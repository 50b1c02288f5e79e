//! Paths that are not as a model of them has them: whose rate falls, whose round trip varies, that drop instead of
//! letting wait. A file and lines beside it, and a line of the table for each.

use std::time::Duration;

use securechat::sim::LinkConfig;
use securechat::time::Instant;

use crate::options::Options;
use crate::path::{Dumbbell, Path};
use crate::runs::{FIRST_LINE, mean};
use crate::talk::{Kind, Load, Talk};

/// What is unsteady about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twist {
    /// After a third of the time it has a fifth of its rate; a queue of so many bandwidth-delay products of before.
    Falls(u64),
    /// After a third of the time it has five times its rate.
    Rises,
    /// Each datagram takes up to so much longer, in milliseconds.
    Jitter(u64),
    /// After a third of the time what does not fit a fifth of its rate and a bucket of a bandwidth-delay product is
    /// dropped, and nothing waits.
    Polices,
}

impl Twist {
    pub const ALL: [Self; 7] = [
        Self::Falls(1),
        Self::Falls(10),
        Self::Rises,
        Self::Jitter(5),
        Self::Jitter(15),
        Self::Jitter(30),
        Self::Polices,
    ];

    pub fn name(self) -> String {
        match self {
            Self::Falls(bdps) => format!("falls to a fifth, queue {bdps} BDP"),
            Self::Rises => "rises to five times".to_owned(),
            Self::Jitter(ms) => format!("jitter {ms} ms"),
            Self::Polices => "policed to a fifth".to_owned(),
        }
    }

    /// Before and after.
    fn paths(self, path: Path) -> [Path; 2] {
        let after = match self {
            Self::Falls(_) | Self::Polices => path.mbit / 5,
            Self::Rises => path.mbit * 5,
            Self::Jitter(_) => path.mbit,
        };
        [
            path,
            Path {
                mbit: after,
                ..path
            },
        ]
    }

    /// The direction with the bottleneck, before and after.
    fn bottlenecks(self, path: Path) -> [LinkConfig; 2] {
        let [before, after] = self.paths(path).map(|it| {
            let [there, _] = it.links();
            match self {
                Self::Falls(bdps) => LinkConfig {
                    queue_bytes: usize::try_from(bdps * path.bdp()).expect("it fits memory"),
                    ..there
                },
                Self::Jitter(ms) => LinkConfig {
                    jitter: Duration::from_millis(ms),
                    ..there
                },
                Self::Rises | Self::Polices => there,
            }
        });
        let polices = self == Self::Polices;
        [before, LinkConfig { polices, ..after }]
    }
}

/// A file and lines beside it, over all seeds.
#[derive(Clone, Debug)]
pub struct Unsteady {
    pub path: Path,
    pub twist: Twist,
    /// Of what the link could have carried, before a third of the time was over and after, in hundredths.
    pub goodput: [f64; 2],
    /// The longest wait in the queue.
    pub longest_queue: Duration,
    /// What lines took after a third of the time, ascending.
    pub lines: Vec<Duration>,
}

pub fn unsteady(kind: Kind, path: Path, twist: Twist, options: &Options) -> Unsteady {
    let seeds = options.seeds.clone();
    let runs: Vec<Unsteady> = seeds
        .map(|seed| one(kind, path, twist, seed, options))
        .collect();
    let mut lines: Vec<Duration> = runs.iter().flat_map(|run| run.lines.clone()).collect();
    lines.sort();
    let longest = runs.iter().map(|run| run.longest_queue).max();
    Unsteady {
        goodput: [0, 1].map(|part| mean(runs.iter().map(|run| run.goodput[part]))),
        longest_queue: longest.unwrap_or_default(),
        lines,
        ..runs[0]
    }
}

fn one(kind: Kind, path: Path, twist: Twist, seed: u64, options: &Options) -> Unsteady {
    let load = Load {
        start: Duration::ZERO,
        file: true,
        lines: Some((FIRST_LINE, options.line_every)),
    };
    let talk = Talk::new(kind, seed as u8, load);
    let paths = twist.paths(path);
    let [there, there_later] = twist.bottlenecks(path);
    let [_, back] = path.links();
    let mut net = Dumbbell::over([there, back], seed, vec![talk]);
    let first = options.length / 3;
    net.run(Instant::ZERO + first, |_| false);
    let moved = net.flows[0].moved();
    let said = net.flows[0].delays.len();
    net.set_there(there_later);
    let end = Instant::ZERO + options.length;
    net.run(end, |_| false);
    let stats = net.stats();
    let talk = net.flows.remove(0);
    let rest = talk.moved() - moved;
    Unsteady {
        path,
        twist,
        goodput: [
            paths[0].percent(moved, first),
            paths[1].percent(rest, options.length - first),
        ],
        longest_queue: stats.longest_wait,
        lines: talk.into_delays(end).split_off(said),
    }
}
