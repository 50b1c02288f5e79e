//! The command line: every subcommand and flag, with the help that it prints.

mod check;
mod history;
mod key;
mod meta;
mod peers;
mod talk;

pub use self::check::{DoctorArgs, PingArgs};
pub use self::history::{
    HistoryCommand, HistoryExportArgs, HistoryFilter, HistoryPurgeArgs, HistorySearchArgs,
    HistoryShowArgs,
};
pub use self::key::{
    KeyCommand, KeyExportArgs, KeyFileArgs, KeygenArgs, PasswdArgs, PubkeyArgs, QrArgs,
};
pub use self::meta::{CompletionsArgs, DemoArgs, HelpArgs, ManArgs, StatusArgs};
pub use self::peers::{
    PeerArgs, PeersAddArgs, PeersCommand, PeersExportArgs, PeersImportArgs, PeersRenameArgs,
    PeersReplaceArgs, PeersRevokeArgs, PeersVerifyArgs,
};
pub use self::talk::{ConnectArgs, DaemonArgs, Family, ListenArgs, Reachable, SendArgs, Trust};

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::error::{Error, ErrorKind};
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::cli::version;

/// What `--version` prints after the program's name.
static VERSION: LazyLock<String> = LazyLock::new(version::long);

/// The whole command line.
#[derive(Parser, Debug)]
#[command(
    name = "securechat",
    version,
    long_version = VERSION.as_str(),
    about = "Private chat between two terminals: no server, no account.",
    after_help = "Topics: securechat help messages | keys | trust | diagnosis | exit-codes | files | config | accessibility | security | json",
    disable_help_subcommand = true,
    infer_subcommands = false,
    max_term_width = 100
)]
pub struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do; without it there is everybody who is known, or a short guide where there is no identity yet, or no terminal.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// Reads the arguments, the program's own name first.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(args: &[OsString]) -> Result<Self, Error> {
        let cli = Self::try_parse_from(args)?;
        let Some((one, other)) = cli.contradiction() else {
            return Ok(cli);
        };
        let words = format!("the argument '{one}' cannot be used with '{other}'");
        Err(Self::command().error(ErrorKind::ArgumentConflict, words))
    }

    /// Two flags of which only one can be meant. They may stand on either side of the command; clap looks for conflicts
    /// on each side by itself.
    fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        const FILE: &str = "--passphrase-file <FILE>";
        const COMMAND: &str = "--passphrase-command <CMD>";
        let is_bare = matches!(&self.command, Some(Command::Keygen(args)) if args.no_passphrase);
        let has_file = self.globals.passphrase_file.is_some();
        let has_command = self.globals.passphrase_command.is_some();
        let has_both = self.globals.quiet && self.globals.verbose > 0;
        let pairs = [
            (has_file && has_command, FILE, COMMAND),
            (is_bare && has_file, "--no-passphrase", FILE),
            (is_bare && has_command, "--no-passphrase", COMMAND),
            (has_both, "--quiet", "--verbose"),
        ];
        let found = pairs.into_iter().find(|(is_there, ..)| *is_there);
        found.map(|(_, one, other)| (one, other))
    }
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
    /// Read the passphrase from the first line of this file ("-": standard input, where that line is
    /// taken even if the key needs no passphrase)
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Run this command and take the first line that it prints as the passphrase (other users of this
    /// machine can see the command: the passphrase itself must not stand in it)
    #[arg(long, global = true, value_name = "CMD")]
    pub passphrase_command: Option<String>,
    /// Plain lines: nothing is redrawn, states are words
    #[arg(long, global = true)]
    pub plain: bool,
    /// Data as JSON, one object a line; a conversation as events, and commands from standard input
    #[arg(long, global = true)]
    pub json: bool,
    /// No sign of our own beyond ASCII, on the full screen and in a QR code
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Never ask; fail and name the flag that was missing
    #[arg(long, global = true)]
    pub no_input: bool,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: Color,
    /// Print errors and data only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Tell about the protocol's decisions (-vv: about every packet, with addresses)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Write the log to this file, readable by you alone
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Record every datagram in this new file, for Wireshark: addresses, sizes, times; nothing readable
    #[arg(long, global = true, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Write the keys to that record into this new file, so that Wireshark opens it: whoever has both reads what was said
    #[arg(long, global = true, value_name = "FILE")]
    pub trace_keys: Option<PathBuf>,
    /// How much the log tells
    #[arg(long, global = true, value_name = "LEVEL", value_enum)]
    pub log_level: Option<LogLevel>,
}

/// When to colour what goes to a terminal.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Color {
    /// On a terminal, unless NO_COLOR or TERM (dumb, vt100, xterm-mono) says otherwise
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
    /// Measure the way to somebody and back, inside the seal, and what is lost on it
    #[command(display_order = 8)]
    Ping(PingArgs),
    /// Look for what is wrong: files, terminal, clock, network, and the way to a peer
    #[command(display_order = 8)]
    Doctor(DoctorArgs),
    /// The messages that are kept on this machine
    #[command(subcommand, display_order = 8)]
    History(HistoryCommand),
    /// How things stand: who is connected, and why somebody is not
    #[command(display_order = 9)]
    Status(StatusArgs),
    /// Run without a terminal, for other programs of yours
    #[command(display_order = 9)]
    Daemon(DaemonArgs),
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

#[cfg(test)]
mod tests {
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
