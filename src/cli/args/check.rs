//! The flags of the commands that look for what is wrong.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::args::Family;
use crate::time::parse_duration;

/// `ping`.
#[derive(Args, Debug)]
#[command(
    override_usage = "securechat ping [OPTIONS] NAME [HOST:PORT]\n       \
                            securechat ping [OPTIONS] --peer-key KEY HOST:PORT\n       \
                            securechat ping [OPTIONS] --peer-key-file FILE HOST:PORT",
    after_help = "Each ping is one sealed packet that is never repeated: what is lost is counted. Ctrl+C ends it with \
                  the summary. The exit code is 0 if anything came back, and 3 if nothing did. While a securechat of yours \
                  talks for this identity, it sends the pings on the connection that it has."
)]
pub struct PingArgs {
    /// One of your peers, then (if none is saved) the address; only the address beside a key
    #[arg(
        value_name = "NAME|HOST:PORT",
        required_unless_present_any = ["peer_key", "peer_key_file"],
        num_args = 1..=2
    )]
    pub target: Vec<String>,
    /// The public key of whom you expect there: 44 characters, or a securechat: address
    #[arg(long, value_name = "KEY", conflicts_with = "peer_key_file")]
    pub peer_key: Option<String>,
    /// A file that holds that public key ("-": standard input)
    #[arg(long, value_name = "FILE")]
    pub peer_key_file: Option<PathBuf>,
    /// Stop after so many pings [default: when you press Ctrl+C]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// One ping so often, at most ten a second
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    pub interval: Duration,
    /// What has no answer after this long is lost
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_duration)]
    pub wait: Duration,
    /// Give up after this long without a connection
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// The address family.
    #[command(flatten)]
    pub family: Family,
}

/// `doctor`.
#[derive(Args, Debug)]
#[command(
    after_help = "It changes nothing, unless it calls one of your peers: with --peer, or at an address that is saved for \
                  one. That is a connection as ping makes it, which opens the file of messages, and what waits for that \
                  peer is sent. One line a thing: ok, warn (it works, and something should be known), FAIL, or \
                  skipped. The exit code is 0 if nothing failed, else that of the first thing that did: securechat \
                  help exit-codes."
)]
pub struct DoctorArgs {
    /// Look at the way to this address, too
    #[arg(value_name = "HOST:PORT")]
    pub target: Option<String>,
    /// Call this peer there (or at its saved address), and see whether it answers
    #[arg(long, value_name = "NAME")]
    pub peer: Option<String>,
    /// Write a report for others to this file, which must not exist: no keys, names, addresses, messages
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
}
