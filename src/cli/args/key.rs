//! The flags of the commands about your own key.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `keygen`.
#[derive(Args, Debug)]
pub struct KeygenArgs {
    /// Write the secret key to this file ("-": standard output, and nothing touches the disk)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Leave the secret key unprotected: whoever reads the file can be you
    #[arg(long)]
    pub no_passphrase: bool,
    /// Replace an existing key; the old file is kept with ".old" added to its name
    #[arg(long)]
    pub force: bool,
    /// A note to yourself in both files, such as alice@laptop
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
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
