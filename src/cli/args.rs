//! The command line: every subcommand and flag, with the help that it prints.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::cli::{When, version};
use crate::net;
use crate::time::parse_duration;

/// What `--version` prints after the program's name.
static VERSION: LazyLock<String> = LazyLock::new(version::long);

/// The whole command line.
#[derive(Parser, Debug)]
#[command(
    name = "securechat",
    version,
    long_version = VERSION.as_str(),
    about = "Private chat between two terminals: no server, no account.",
    after_help = "Topics: securechat help messages | keys | trust | exit-codes | files | config | accessibility | security",
    disable_help_subcommand = true,
    infer_subcommands = false,
    max_term_width = 100
)]
pub struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do; without it a short guide is shown.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Keep every file under this one directory
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "SECURECHAT_HOME",
        hide_env_values = true
    )]
    pub home: Option<PathBuf>,
    /// The secret key file
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        env = "SECURECHAT_IDENTITY",
        hide_env_values = true
    )]
    pub identity: Option<PathBuf>,
    /// Read the passphrase from the first line of this file ("-": standard input)
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        conflicts_with = "passphrase_command"
    )]
    pub passphrase_file: Option<PathBuf>,
    /// Run this command and take the first line that it prints as the passphrase
    #[arg(long, global = true, value_name = "CMD")]
    pub passphrase_command: Option<String>,
    /// Plain lines: nothing is redrawn, states are words
    #[arg(long, global = true)]
    pub plain: bool,
    /// No sign of the full screen's own beyond ASCII
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Never ask; fail and name the flag that was missing
    #[arg(long, global = true)]
    pub no_input: bool,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: Color,
    /// Print errors and data only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell about the protocol's decisions (-vv: about every packet)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Write the log to this file, readable by you alone
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// How much the log tells
    #[arg(long, global = true, value_name = "LEVEL", value_enum)]
    pub log_level: Option<LogLevel>,
}

/// When to colour what goes to a terminal.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Color {
    /// On a terminal, unless NO_COLOR or TERM=dumb says otherwise
    #[default]
    Auto,
    /// Also into a pipe
    Always,
    /// Never
    Never,
}

/// How much a log tells; each level includes those before it.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogLevel {
    /// What went wrong for good
    Error,
    /// What somebody should look at
    Warn,
    /// What the user sees happen
    Info,
    /// What the protocol decides
    Debug,
    /// Every packet
    Trace,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make an identity: a secret key for you, a public key for others
    #[command(display_order = 1)]
    Keygen(KeygenArgs),
    /// Print the public key that belongs to a secret key
    #[command(display_order = 2)]
    Pubkey(PubkeyArgs),
    /// Look at your identity, or change its passphrase
    #[command(subcommand, display_order = 3)]
    Key(KeyCommand),
    /// The people you know: names of your own choice for their public keys
    #[command(subcommand, display_order = 4)]
    Peers(PeersCommand),
    /// Wait for others to connect, and chat
    #[command(display_order = 5)]
    Listen(ListenArgs),
    /// Connect to somebody, and chat
    #[command(display_order = 6)]
    Connect(ConnectArgs),
    /// Send one message, and say whether it was delivered
    #[command(display_order = 7)]
    Send(SendArgs),
    /// The messages that are kept on this machine
    #[command(subcommand, display_order = 8)]
    History(HistoryCommand),
    /// Chat with an echo peer in this process, over a real socket and without any file
    #[command(display_order = 9)]
    Demo(DemoArgs),
    /// Print a completion script for a shell
    #[command(display_order = 10)]
    Completions(CompletionsArgs),
    /// Print the manual page, or write all of them into a directory
    #[command(display_order = 11)]
    Man(ManArgs),
    /// Explain a topic or a command
    #[command(display_order = 12)]
    Help(HelpArgs),
}

/// `keygen`.
#[derive(Args, Debug)]
pub struct KeygenArgs {
    /// Write the secret key to this file ("-": standard output, and nothing touches the disk)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Leave the secret key unprotected: whoever reads the file can be you
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_command"])]
    pub no_passphrase: bool,
    /// Replace an existing key; the old file is kept with ".old" added to its name
    #[arg(long)]
    pub force: bool,
    /// A note to yourself in both files, such as alice@laptop
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// Print one JSON object (it never holds a secret)
    #[arg(long)]
    pub json: bool,
}

/// `pubkey`.
#[derive(Args, Debug)]
pub struct PubkeyArgs {
    /// A secret key file ("-": standard input); your identity if left out
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Print it as a securechat: address that programs can pass on
    #[arg(long)]
    pub uri: bool,
}

/// `key …`.
#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// Where your identity is, its public key and its protection
    Show(KeyFileArgs),
    /// Print the public key in groups of five, to read aloud and compare
    Fingerprint(KeyFileArgs),
    /// Print the public key as a QR code, for a camera
    Qr(QrArgs),
    /// Change the passphrase, add one, or take it away
    Passwd(PasswdArgs),
    /// Write a copy of the secret key under a passphrase of its own, to keep or to move to another machine
    Export(KeyExportArgs),
}

/// The key file that a command works on.
#[derive(Args, Debug)]
pub struct KeyFileArgs {
    /// A secret key file; your identity if left out
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `key qr`.
#[derive(Args, Debug)]
pub struct QrArgs {
    /// A secret key file; your identity if left out
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A name to suggest to whoever reads it
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where you can be reached (may be given several times)
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Vec<String>,
    /// Dark on light: for a terminal with a light background, or for paper
    #[arg(long)]
    pub invert: bool,
}

/// `key export`.
#[derive(Args, Debug)]
pub struct KeyExportArgs {
    /// Where to ("-": standard output); a file that exists is not touched
    #[arg(value_name = "FILE")]
    pub output: PathBuf,
    /// Read the passphrase of the copy from the first line of this file ("-": standard input)
    #[arg(long, value_name = "FILE")]
    pub new_passphrase_file: Option<PathBuf>,
}

/// `key passwd`.
#[derive(Args, Debug)]
pub struct PasswdArgs {
    /// A secret key file; your identity if left out
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Read the new passphrase from the first line of this file ("-": standard input)
    #[arg(long, value_name = "FILE")]
    pub new_passphrase_file: Option<PathBuf>,
    /// Take the protection away: whoever reads the file can be you
    #[arg(long, conflicts_with = "new_passphrase_file")]
    pub no_passphrase: bool,
}

/// `peers …`.
#[derive(Subcommand, Debug)]
pub enum PeersCommand {
    /// Print everybody you know
    List(PeersListArgs),
    /// Add somebody's public key under a name of your choice
    Add(PeersAddArgs),
    /// Print all that is saved about one of them
    Show(PeerArgs),
    /// Give somebody another name
    Rename(PeersRenameArgs),
    /// Give somebody a new key; the one so far is refused from then on
    Replace(PeersReplaceArgs),
    /// Never talk to this key again, and refuse it when it calls
    Revoke(PeersRevokeArgs),
    /// Forget somebody
    Remove(PeerArgs),
    /// Print the list as it may be handed on: without secrets, and without what only you know
    Export(PeersExportArgs),
    /// Take over another list: whom you do not know yet, and keys that it revokes
    Import(PeersImportArgs),
}

/// `peers list`.
#[derive(Args, Debug)]
pub struct PeersListArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `peers add`.
#[derive(Args, Debug)]
pub struct PeersAddArgs {
    /// A name of your choice: lower-case letters, digits and . _ -
    pub name: String,
    /// The public key: 44 characters, a securechat: address, "@FILE", or "-" for standard input
    pub key: String,
    /// Where to reach this peer (may be given several times)
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Vec<String>,
    /// A file with a secret of 32 bytes (as base64) that you two share
    #[arg(long, value_name = "FILE")]
    pub psk_file: Option<PathBuf>,
}

/// One of the people you know.
#[derive(Args, Debug)]
pub struct PeerArgs {
    /// The name
    pub name: String,
}

/// `peers rename`.
#[derive(Args, Debug)]
pub struct PeersRenameArgs {
    /// The name so far
    pub name: String,
    /// The new name
    pub new_name: String,
}

/// `peers replace`.
#[derive(Args, Debug)]
pub struct PeersReplaceArgs {
    /// The name
    pub name: String,
    /// The new public key: 44 characters, a securechat: address, "@FILE", or "-" for standard input
    pub key: String,
    /// Do not ask for what the peer reads out: you have compared the key already
    #[arg(long)]
    pub yes: bool,
}

/// `peers export`.
#[derive(Args, Debug)]
pub struct PeersExportArgs {
    /// Only these; everybody, and the revoked keys, if left out
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Leave out where they can be reached
    #[arg(long)]
    pub no_addresses: bool,
}

/// `peers import`.
#[derive(Args, Debug)]
pub struct PeersImportArgs {
    /// A list that "peers export" printed, or a known-peers file ("-": standard input)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `peers revoke`.
#[derive(Args, Debug)]
pub struct PeersRevokeArgs {
    /// A name, or a public key
    #[arg(value_name = "NAME|KEY")]
    pub who: String,
    /// Why, as a note to yourself
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `listen`.
#[derive(Args, Debug)]
pub struct ListenArgs {
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
    /// Stop when the first conversation ends
    #[arg(long)]
    pub once: bool,
    /// How long a pipe that has ended waits for its receipts; without any line in it, listen on
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub linger: Duration,
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
    after_help = "The exit code is 0 only when the other side's program has shown the message; with \
                  --no-wait when it is kept. What waits from before goes first, in its order."
)]
pub struct SendArgs {
    /// One of your peers
    pub name: String,
    /// What to say ("-": all of standard input, as one message)
    pub text: Option<String>,
    /// Where to reach the peer, if that is not saved
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// Stop waiting after this long without a receipt; the message is kept, and sent next time
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    pub wait: Duration,
    /// Do not send it now: keep it, and send it next time the peer is reachable
    #[arg(long, conflicts_with_all = ["wait", "address"])]
    pub no_wait: bool,
    /// The address family.
    #[command(flatten)]
    pub family: Family,
}

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
    /// Only those with this peer: a name, a public key, or key:... as history prints it
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
    /// Print one JSON object for each message
    #[arg(long)]
    pub json: bool,
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
    /// Write one JSON object for each message
    #[arg(long)]
    pub json: bool,
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

/// `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Send three messages, print what happens and stop (always so without a terminal)
    #[arg(long)]
    pub script: bool,
}

/// `completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Write one page for each command into this directory
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `help`.
#[derive(Args, Debug)]
pub struct HelpArgs {
    /// messages, keys, trust, exit-codes, files, config, accessibility, security, or a command
    #[arg(value_name = "TOPIC")]
    pub topic: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands_are_not_abbreviated() {
        assert!(Cli::try_parse_from(["securechat", "listen"]).is_ok());
        assert!(Cli::try_parse_from(["securechat", "list"]).is_err());
        assert!(Cli::try_parse_from(["securechat", "bob"]).is_err());
    }

    #[test]
    fn global_flags_stand_anywhere() {
        let cli = Cli::try_parse_from(["securechat", "peers", "list", "--home", "x", "-vv"]);
        let globals = cli.unwrap().globals;
        assert_eq!(globals.home, Some(PathBuf::from("x")));
        assert_eq!(globals.verbose, 2);
    }
}
