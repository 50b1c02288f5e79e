//! The flags of the commands about the program itself.

use std::path::PathBuf;

use clap::Args;

/// `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Send three messages, print what happens and stop (always so without a terminal)
    #[arg(long)]
    pub script: bool,
}

/// `status`.
#[derive(Args, Debug)]
#[command(
    after_help = "It asks the program that runs for this identity. If none does, it says what the files say."
)]
pub struct StatusArgs {
    /// Only this peer
    #[arg(value_name = "NAME")]
    pub peer: Option<String>,
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
    /// messages, keys, trust, diagnosis, exit-codes, files, config, accessibility, security, json, or a command
    #[arg(value_name = "TOPIC")]
    pub topic: Vec<String>,
}
