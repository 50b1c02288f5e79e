//! The flags of the commands that talk.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::net;
use crate::time::parse_duration;

/// `listen`.
#[derive(Args, Debug)]
pub struct ListenArgs {
    /// Where, and whom to let in.
    #[command(flatten)]
    pub reachable: Reachable,
    /// Stop when the first conversation ends; silence, however long, does not end it
    #[arg(long)]
    pub once: bool,
    /// How long a pipe that has ended waits for its receipts; without any line in it, listen on
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub linger: Duration,
}

/// `daemon`.
#[derive(Args, Debug)]
#[command(
    mut_arg("trust", |arg| arg.help("Whom to accept [default: strict, on a terminal too]")),
    after_help = "It listens and calls as securechat alone does, without a terminal, and so turns strangers away unless \
                  --trust says otherwise. Other programs of yours talk to it through its control socket: send, status, \
                  history and peers, and your own by JSON-RPC. With --json it also prints every event."
)]
pub struct DaemonArgs {
    /// As for `listen`.
    #[command(flatten)]
    pub listen: Reachable,
}

/// How others reach us, and who.
#[derive(Args, Debug)]
pub struct Reachable {
    /// Where to listen.
    #[arg(
        value_name = "ADDR",
        help = "Address and UDP port to listen on [default: [::]:7419, IPv6 and IPv4]"
    )]
    pub address: Option<String>,
    /// Whom to accept [default: ask on a terminal, else strict]
    #[arg(long, value_name = "WHOM", value_enum)]
    pub trust: Option<Trust>,
    /// Answer nobody who is not among your peers, not even with a refusal
    #[arg(long)]
    pub stealth: bool,
    /// A name to suggest to those who do not know your key yet
    #[arg(long, value_name = "NAME")]
    pub nickname: Option<String>,
    /// The address family.
    #[command(flatten)]
    pub family: Family,
}

/// `connect`.
#[derive(Args, Debug)]
#[command(
    override_usage = "securechat connect [OPTIONS] NAME [HOST:PORT]\n       \
                            securechat connect [OPTIONS] --peer-key KEY HOST:PORT\n       \
                            securechat connect [OPTIONS] --peer-key-file FILE HOST:PORT"
)]
pub struct ConnectArgs {
    /// One of your peers, or a public key, then (if none is saved) the address; only the address beside --peer-key
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
    /// Save the key under this name once the connection stands
    #[arg(long, value_name = "NAME")]
    pub save_as: Option<String>,
    /// Whom to accept that calls meanwhile [default: ask on a terminal, else strict]
    #[arg(long, value_name = "WHOM", value_enum)]
    pub trust: Option<Trust>,
    /// Local address and UDP port to send from
    #[arg(long, value_name = "ADDR")]
    pub bind: Option<String>,
    /// The address family.
    #[command(flatten)]
    pub family: Family,
    /// Give up after this long without an answer
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// Keep trying instead of giving up
    #[arg(long)]
    pub retry: bool,
    /// How long a pipe that has ended waits for its receipts
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub linger: Duration,
    /// A name to suggest to the other side, if it does not know your key yet
    #[arg(long, value_name = "NAME")]
    pub nickname: Option<String>,
}

/// `send`.
#[derive(Args, Debug)]
#[command(
    after_help = "The exit code is 0 only when the other side's program has shown the message, or keeps it to be \
                  shown; with --no-wait when it is kept here. What waits from before goes first, in its order. It goes \
                  through a securechat that runs for this identity, over whatever connection that has, so that -4 and -6 \
                  are refused then; and waits for another send or ping."
)]
pub struct SendArgs {
    /// One of your peers
    pub name: String,
    /// What to say, which other users of this machine may see ("-": all of standard input, as one message)
    pub text: Option<String>,
    /// Where to reach the peer, if that is not saved
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// Stop waiting after this long without a receipt; the message is kept, and sent next time
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    pub wait: Duration,
    /// Do not send it now: keep it, and send it next time the peer is reachable
    #[arg(long, conflicts_with_all = ["wait", "address", "v4", "v6"])]
    pub no_wait: bool,
    /// The address family.
    #[command(flatten)]
    pub family: Family,
}

/// Restricts the address family.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Family {
    /// Use IPv4 only
    #[arg(short = '4', long = "ipv4", conflicts_with = "v6")]
    pub v4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long = "ipv6")]
    pub v6: bool,
}

impl From<Family> for net::Family {
    fn from(family: Family) -> Self {
        match family {
            Family { v4: true, .. } => Self::V4,
            Family { v6: true, .. } => Self::V6,
            Family { .. } => Self::Any,
        }
    }
}

/// Whom to accept.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// Show an unknown key and ask
    Ask,
    /// Only keys that are saved as peers
    Strict,
    /// Save an unknown key and accept it
    New,
}
