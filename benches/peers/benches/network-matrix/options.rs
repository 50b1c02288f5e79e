//! The command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::path::Path;
use crate::talk::Kind;

pub const HELP: &str = "\
network-matrix [options] [contestant ...] [section ...]
  contestants: ours-bbr ours-newreno quinn-newreno quinn-cubic quinn-bbr
  sections:    transfer first share unsteady
  --small            a few short runs, that everything still works
  --rate MBIT,...    2,20,100
  --rtt MS,...       10,50,300
  --loss PERCENT,... 0,0.1,1,5,20
  --seeds N          runs of each transfer (3)
  --first-seed N     the first of them (1)
  --seconds N        length of a transfer (60)
  --line-ms N        a line so often beside it (1000)
  --share-loss PERCENT,...  of the paths that are shared (0)
  --share-seconds N  length of a shared run (120)
  --share-beside CONTESTANT  the other flow (quinn-newreno)
  --share-seeds N    runs of each shared path in either order (2)
  --jobs N           threads (the machine's)
  --plots DIR        where the plots go
  --note TEXT        what their titles say of it, such as date and commit";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Lines beside a file.
    Transfer,
    /// Time to the first line.
    First,
    /// A file beside a NewReno flow's.
    Share,
    /// Lines beside a file where the path changes.
    Unsteady,
}

impl Section {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Transfer, "transfer"),
        (Self::First, "first"),
        (Self::Share, "share"),
        (Self::Unsteady, "unsteady"),
    ];
}

#[derive(Clone, Debug)]
pub struct Options {
    pub kinds: Vec<Kind>,
    pub sections: Vec<Section>,
    pub rates: Vec<u64>,
    pub rtts: Vec<u64>,
    /// In parts per million.
    pub losses: Vec<u32>,
    pub share_losses: Vec<u32>,
    pub seeds: std::ops::Range<u64>,
    /// Of the time to the first line.
    pub tries: u64,
    pub length: Duration,
    pub line_every: Duration,
    pub share_length: Duration,
    /// Whose file the other one is.
    pub share_beside: Kind,
    pub share_seeds: u64,
    pub jobs: usize,
    pub plots: PathBuf,
    /// What titles say of where and when it was measured.
    pub note: Option<String>,
}

impl Options {
    /// None if help is wanted or needed.
    pub fn from_args() -> Option<Self> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let mut options = Self::full();
        if args.iter().any(|arg| arg == "--small") {
            options.shrink();
        }
        let (mut names, mut args) = (Vec::new(), args.into_iter());
        let (mut first, mut count) = (options.seeds.start, options.seeds.end - options.seeds.start);
        while let Some(arg) = args.next() {
            let mut value = || args.next();
            match arg.as_str() {
                // cargo's own.
                "--bench" | "--small" => {}
                "--rate" => options.rates = list(&value()?, 1.0)?,
                "--rtt" => options.rtts = list(&value()?, 1.0)?,
                "--loss" => options.losses = list(&value()?, 1e4)?,
                "--share-loss" => options.share_losses = list(&value()?, 1e4)?,
                "--seeds" => count = number(&value()?)?,
                "--first-seed" => first = number(&value()?)?,
                "--seconds" => options.length = Duration::from_secs(number(&value()?)?),
                "--line-ms" => options.line_every = Duration::from_millis(number(&value()?)?),
                "--share-seconds" => {
                    options.share_length = Duration::from_secs(number(&value()?)?);
                }
                "--share-beside" => options.share_beside = Kind::of(&value()?)?,
                "--share-seeds" => options.share_seeds = number(&value()?)?,
                "--jobs" => options.jobs = number(&value()?)?,
                "--plots" => options.plots = value()?.into(),
                "--note" => options.note = Some(value()?),
                name if !name.starts_with('-') => names.push(arg),
                _ => return None,
            }
        }
        options.seeds = first..first + count;
        options.choose(&names);
        Some(options)
    }

    fn full() -> Self {
        Self {
            kinds: Kind::ALL.to_vec(),
            sections: Section::ALL.map(|(section, _)| section).to_vec(),
            rates: vec![2, 20, 100],
            rtts: vec![10, 50, 300],
            losses: vec![0, 1_000, 10_000, 50_000, 200_000],
            share_losses: vec![0],
            seeds: 1..4,
            tries: 200,
            length: Duration::from_secs(60),
            line_every: Duration::from_secs(1),
            share_length: Duration::from_secs(120),
            share_beside: Kind::QuinnNewReno,
            share_seeds: 2,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            plots: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
            note: None,
        }
    }

    fn shrink(&mut self) {
        self.rates = vec![2, 20];
        self.rtts = vec![50];
        self.losses = vec![0, 50_000];
        self.seeds = 1..2;
        self.tries = 4;
        self.length = Duration::from_secs(5);
        self.share_length = Duration::from_secs(5);
        self.share_seeds = 1;
    }

    /// Contestants and sections that are named, all if none is; nothing if the names are of other benchmarks.
    fn choose(&mut self, names: &[String]) {
        let kinds = Kind::ALL
            .into_iter()
            .filter(|kind| names.iter().any(|it| it == kind.key()));
        let kinds: Vec<Kind> = kinds.collect();
        let sections = Section::ALL
            .into_iter()
            .filter(|(_, key)| names.iter().any(|it| it == key));
        let sections: Vec<Section> = sections.map(|(section, _)| section).collect();
        if kinds.is_empty() && sections.is_empty() && !names.is_empty() {
            self.kinds.clear();
        }
        if !kinds.is_empty() {
            self.kinds = kinds;
        }
        if !sections.is_empty() {
            self.sections = sections;
        }
    }

    pub fn has(&self, section: Section) -> bool {
        self.sections.contains(&section)
    }

    pub fn paths(&self, losses: &[u32]) -> Vec<Path> {
        let rows = self.rows();
        let path = |((mbit, rtt_ms), loss_ppm)| Path {
            mbit,
            rtt_ms,
            loss_ppm,
        };
        let cells = rows
            .into_iter()
            .flat_map(|row| losses.iter().map(move |loss| (row, *loss)));
        cells.map(path).collect()
    }

    /// Rates and round trips.
    pub fn rows(&self) -> Vec<(u64, u64)> {
        let rows = self
            .rates
            .iter()
            .flat_map(|rate| self.rtts.iter().map(|rtt| (*rate, *rtt)));
        rows.collect()
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "transfers of {} s with seeds {:?}, lines every {} ms; first lines of {} connections; shares of {} s beside {} with seeds 1 to {}",
            self.length.as_secs(),
            self.seeds,
            self.line_every.as_millis(),
            self.tries,
            self.share_length.as_secs(),
            self.share_beside.key(),
            self.share_seeds,
        )
    }
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Numbers apart by commas, times `unit`.
fn list<T: TryFrom<u64>>(text: &str, unit: f64) -> Option<Vec<T>> {
    let item = |it: &str| T::try_from((it.parse::<f64>().ok()? * unit).round() as u64).ok();
    text.split(',').map(item).collect()
}
