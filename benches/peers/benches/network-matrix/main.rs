//! Whole conversations over simulated networks: ours and quinn-proto's, with each of their congestion controllers,
//! over paths of {2, 20, 100} Mbit/s x {10, 50, 300} ms x {0, 0.1, 1, 5, 20} % random loss.
//!
//! `cargo bench --bench network-matrix -- [options] [contestant ...] [section ...]`; `--help` lists them.
//!
//! The clock is virtual: figures do not depend on the machine. quinn's handshake keys and its BBR draw on the
//! system's generator, so that its figures differ a little from run to run; ours do not.

mod options;
mod ours;
mod path;
mod plots;
mod quic;
mod runs;
mod tables;
mod talk;
mod unsteady;

use options::Options;
use runs::Results;

/// Bytes of a line.
pub const LINE: usize = 200;

fn main() {
    let Some(options) = Options::from_args() else {
        println!("{}", options::HELP);
        return;
    };
    if options.kinds.is_empty() || options.sections.is_empty() {
        return;
    }
    let begun = std::time::Instant::now();
    println!("\n{options}");
    if let Some(note) = &options.note {
        println!("{note}");
    }
    let results = Results::of(&options);
    tables::print(&results, &options);
    if let Err(why) = plots::draw(&results, &options) {
        eprintln!("no plots: {why}");
        std::process::exit(1);
    }
    println!(
        "\nplots in {}; {} s",
        options.plots.display(),
        begun.elapsed().as_secs()
    );
}
