//! The tables, in Markdown.

use std::time::Duration;

use crate::options::Options;
use crate::path::Path;
use crate::runs::{First, Results, Share, Transfer, mean, percentile};
use crate::talk::Kind;
use crate::unsteady::{Twist, Unsteady};

pub fn print(results: &Results, options: &Options) {
    for kind in &options.kinds {
        transfers(*kind, &results.transfers, options);
    }
    for kind in &options.kinds {
        firsts(*kind, &results.firsts, options);
    }
    shares(&results.shares, options);
    unsteady(&results.unsteady, options);
}

fn transfers(kind: Kind, all: &[Transfer], options: &Options) {
    let of_kind: Vec<&Transfer> = all.iter().filter(|it| it.kind == kind).collect();
    if of_kind.is_empty() {
        return;
    }
    let name = kind.name();
    println!("\n**{name}: goodput %, own loss %, mean and longest queue in round trips**\n");
    matrix(&of_kind, options, |it| {
        format!(
            "{:.1}, {:.1}, {:.2}, {:.2}",
            it.goodput, it.own_loss, it.queue, it.longest_queue
        )
    });
    println!("\n**{name}: a line beside the file, p50, p99, longest in ms; p99 in round trips**\n");
    matrix(&of_kind, options, |it| {
        let [p50, p99, most] = [50, 99, 100].map(|hundredths| percentile(&it.lines, hundredths));
        format!(
            "{}, {}, {}; {:.1}",
            p50.as_millis(),
            p99.as_millis(),
            most.as_millis(),
            it.path.in_rtts(p99)
        )
    });
}

/// A row for each rate and round trip, a cell for each loss.
fn matrix(all: &[&Transfer], options: &Options, cell: impl Fn(&Transfer) -> String) {
    head("path", &options.losses);
    for (mbit, rtt_ms) in options.rows() {
        let row = all
            .iter()
            .filter(|it| (it.path.mbit, it.path.rtt_ms) == (mbit, rtt_ms));
        let cells: Vec<String> = row.map(|it| cell(it)).collect();
        println!("| {mbit} Mbit/s, {rtt_ms} ms | {} |", cells.join(" | "));
    }
}

fn head(first: &str, losses: &[u32]) {
    head_of(first, losses.iter().map(|loss| percent(*loss)));
}

fn head_of(first: &str, columns: impl Iterator<Item = String>) {
    let columns: Vec<String> = columns.collect();
    println!(
        "| {first} | {} |\n|---|{}",
        columns.join(" | "),
        "---|".repeat(columns.len())
    );
}

pub fn percent(ppm: u32) -> String {
    format!("{} %", f64::from(ppm) / 1e4)
}

/// A row for each rate and round trip, a cell for each loss and one for the loss of the first flight.
fn firsts(kind: Kind, all: &[First], options: &Options) {
    let of_kind: Vec<&First> = all.iter().filter(|it| it.kind == kind).collect();
    let Some(one) = of_kind.first() else { return };
    println!(
        "\n**{}: first line, p50, p99, longest in ms; {} connections each**\n",
        kind.name(),
        one.times.len()
    );
    let losses = options.losses.iter().map(|loss| percent(*loss));
    head_of("path", losses.chain(["the first flight".to_owned()]));
    for (mbit, rtt_ms) in options.rows() {
        let row = of_kind
            .iter()
            .filter(|it| (it.path.mbit, it.path.rtt_ms) == (mbit, rtt_ms));
        let cells: Vec<String> = row.map(|it| first_cell(&it.times)).collect();
        println!("| {mbit} Mbit/s, {rtt_ms} ms | {} |", cells.join(" | "));
    }
}

fn first_cell(times: &[Duration]) -> String {
    let of = |hundredths| percentile(times, hundredths).as_millis().to_string();
    [50, 99, 100].map(of).join(", ")
}

fn shares(all: &[Share], options: &Options) {
    if all.is_empty() {
        return;
    }
    let beside = options.share_beside.name();
    println!("\n**Share beside {beside}: mean (least-most)**\n");
    let names: Vec<&str> = options.kinds.iter().map(|kind| kind.name()).collect();
    println!(
        "| path | {} |\n|---|{}",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    for path in options.paths(&options.share_losses) {
        let row = all.iter().filter(|it| it.path == path);
        let cells: Vec<String> = row.map(|it| share_cell(&it.shares)).collect();
        println!("| {} | {} |", path_name(path), cells.join(" | "));
    }
}

fn unsteady(all: &[Unsteady], options: &Options) {
    if all.is_empty() {
        return;
    }
    println!(
        "\n**Unsteady paths: goodput % before and after; a line afterwards, p50, p99, longest in ms; longest queue in ms**\n"
    );
    let names = options.kinds.iter().map(|kind| kind.name().to_owned());
    head_of("path", names);
    for twist in Twist::ALL {
        for path in options.paths(&[0]) {
            let row = all.iter().filter(|it| (it.path, it.twist) == (path, twist));
            let cells: Vec<String> = row.map(unsteady_cell).collect();
            if !cells.is_empty() {
                println!(
                    "| {}, {} | {} |",
                    path_name(path),
                    twist.name(),
                    cells.join(" | ")
                );
            }
        }
    }
}

fn unsteady_cell(it: &Unsteady) -> String {
    let [before, after] = it.goodput;
    let longest = it.longest_queue.as_millis();
    format!(
        "{before:.1}, {after:.1}; {}; {longest}",
        first_cell(&it.lines)
    )
}

fn share_cell(shares: &[f64]) -> String {
    let (least, most) = (shares[0], shares[shares.len() - 1]);
    format!("{:.2} ({least:.2}-{most:.2})", mean(shares.iter().copied()))
}

pub fn path_name(path: Path) -> String {
    let name = format!("{} Mbit/s, {} ms", path.mbit, path.rtt_ms);
    match path.loss_ppm {
        0 => name,
        loss => format!("{name}, {}", percent(loss)),
    }
}
