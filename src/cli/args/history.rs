//! The flags of the commands about the messages that are kept.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::When;

/// `history …`.
#[derive(Subcommand, Debug)]
pub enum HistoryCommand {
    /// Print the messages that are kept, oldest first
    Show(HistoryShowArgs),
    /// Print those with certain words in them
    Search(HistorySearchArgs),
    /// Write all of them out, also what a damaged store still has
    Export(HistoryExportArgs),
    /// Delete messages that are over; what waits, and what was not shown yet, stays
    Purge(HistoryPurgeArgs),
}

/// Which messages.
#[derive(Args, Debug)]
pub struct HistoryFilter {
    /// Only those with this peer: a name, a public key (or "@FILE"), or key:... as history prints it
    #[arg(long = "in", value_name = "NAME")]
    pub peer: Option<String>,
    /// Only those from then on: 7d, 12h (ago), or a day such as 2026-11-01
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub since: Option<When>,
    /// Only older ones: 30d, 12h (ago), or a day such as 2026-11-01
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub before: Option<When>,
}

/// `history show`.
#[derive(Args, Debug)]
pub struct HistoryShowArgs {
    /// Which messages.
    #[command(flatten)]
    pub filter: HistoryFilter,
    /// Only so many, the newest
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
}

/// `history search`.
#[derive(Args, Debug)]
pub struct HistorySearchArgs {
    /// The words, in upper or lower case
    #[arg(value_name = "WORDS")]
    pub words: String,
    /// Which of them, and how to print them.
    #[command(flatten)]
    pub show: HistoryShowArgs,
}

/// `history export`.
#[derive(Args, Debug)]
#[command(
    after_help = "The exit code is 8 if something could not be read: then what could be read is written, and \
                  the rest is counted."
)]
pub struct HistoryExportArgs {
    /// Write to this file, which must not exist yet and is for you alone ("-": standard output)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `history purge`.
#[derive(Args, Debug)]
#[command(
    group(clap::ArgGroup::new("what").args(["peer", "all", "before"]).required(true).multiple(true)),
    after_help = "What is deleted can no longer be read with this program. The drive is not wiped: docs/store.md."
)]
pub struct HistoryPurgeArgs {
    /// Those with this peer: a name, a public key, or key:... as history prints it
    #[arg(long = "in", value_name = "NAME")]
    pub peer: Option<String>,
    /// Those with everybody
    #[arg(long, conflicts_with = "peer")]
    pub all: bool,
    /// Only older ones: 30d, 12h (ago), or a day such as 2026-11-01
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub before: Option<When>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}
