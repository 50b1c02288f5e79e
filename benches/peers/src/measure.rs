//! Rounds in turn, so that every contestant meets the same machine, and tables of what they gave.

use rustix::time::{ClockId, clock_gettime};

/// How much is done: a figure needs many rounds, a check that everything still runs needs one.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub small: bool,
}

impl Scale {
    /// Reads `--small` from the command line.
    pub fn from_args() -> Self {
        let small = std::env::args().any(|arg| arg == "--small");
        Self { small }
    }

    /// `full`, or `small` under `--small`.
    pub fn of(self, full: usize, small: usize) -> usize {
        if self.small { small } else { full }
    }
}

/// Whether the command line names this section, or none at all.
pub fn wanted(section: &str) -> bool {
    let mut names = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .peekable();
    names.peek().is_none() || names.any(|name| section.contains(&name))
}

/// Processor time that this thread has used, in nanoseconds.
pub fn thread_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Processor time that `work` takes, in nanoseconds.
pub fn timed(work: impl FnOnce()) -> f64 {
    let begun = thread_time();
    work();
    thread_time() - begun
}

/// A contestant: a name, and what one round of it gives.
pub struct Case<'a> {
    name: String,
    round: Box<dyn FnMut() -> f64 + 'a>,
}

impl<'a> Case<'a> {
    pub fn new(name: impl Into<String>, round: impl FnMut() -> f64 + 'a) -> Self {
        Self {
            name: name.into(),
            round: Box::new(round),
        }
    }
}

/// What the rounds of one contestant gave, in their order.
#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    pub rounds: Vec<f64>,
}

impl Series {
    pub fn min(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub fn median(&self) -> f64 {
        median(&self.rounds)
    }

    /// The median of the ratios of rounds that were neighbours in time.
    pub fn ratio_to(&self, other: &Self) -> f64 {
        let ratios: Vec<f64> = self
            .rounds
            .iter()
            .zip(&other.rounds)
            .map(|(a, b)| a / b)
            .collect();
        median(&ratios)
    }
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}

/// Lets the contestants take turns; a first turn of each does not count.
pub fn take_turns(rounds: usize, mut cases: Vec<Case<'_>>) -> Vec<Series> {
    let mut all: Vec<Series> = cases
        .iter()
        .map(|case| Series {
            name: case.name.clone(),
            rounds: Vec::new(),
        })
        .collect();
    for round in 0..=rounds {
        for (case, series) in cases.iter_mut().zip(&mut all) {
            let value = (case.round)();
            if round > 0 {
                series.rounds.push(value);
            }
        }
    }
    all
}

/// Prints a table in Markdown. `references`: whom the last columns compare with.
pub fn print(title: &str, unit: &str, all: &[Series], references: &[&str]) {
    println!("\n**{title}** ({unit}; {} rounds)\n", all[0].rounds.len());
    let references: Vec<&Series> = all
        .iter()
        .filter(|it| references.contains(&it.name.as_str()))
        .collect();
    let heads: String = references
        .iter()
        .map(|it| format!(" ratio to {} |", it.name))
        .collect();
    println!(
        "| | min | median |{heads}\n|---|---|---|{}",
        "---|".repeat(references.len())
    );
    for series in all {
        let (min, median) = (number(series.min()), number(series.median()));
        let ratios: String = references
            .iter()
            .map(|it| format!(" {:.2} |", series.ratio_to(it)))
            .collect();
        println!("| {} | {min} | {median} |{ratios}", series.name);
    }
}

/// Three figures that count.
pub fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => thousands(value.round() as u64),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
