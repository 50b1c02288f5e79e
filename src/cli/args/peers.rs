//! The flags of the commands about the people you know.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `peers …`.
#[derive(Subcommand, Debug)]
pub enum PeersCommand {
    /// Print everybody you know
    List,
    /// Add somebody's public key under a name of your choice, or another address of somebody
    Add(PeersAddArgs),
    /// Print all that is saved about one of them
    Show(PeerArgs),
    /// Give somebody another name
    Rename(PeersRenameArgs),
    /// Give somebody a new key; the one so far is refused from then on
    Replace(PeersReplaceArgs),
    /// Compare the keys with somebody by their safety number
    Verify(PeersVerifyArgs),
    /// Never talk to this key again, and refuse it when it calls
    Revoke(PeersRevokeArgs),
    /// Forget somebody
    Remove(PeerArgs),
    /// Print the list as it may be handed on: without secrets, and without what only you know
    Export(PeersExportArgs),
    /// Take over another list: whom you do not know yet, and keys that it revokes
    Import(PeersImportArgs),
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

/// `peers verify`.
#[derive(Args, Debug)]
pub struct PeersVerifyArgs {
    /// The name
    pub name: String,
    /// The safety number that the other side has: 60 digits, with or without spaces. Asks for it if left out
    #[arg(long, value_name = "DIGITS", conflicts_with = "print")]
    pub number: Option<String>,
    /// Print the safety number on a sheet to take along, and change nothing
    #[arg(long)]
    pub print: bool,
}

/// `peers export`.
#[derive(Args, Debug)]
pub struct PeersExportArgs {
    /// Only these; everybody but those whose words differed, and the revoked keys, if left out
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
    /// A name, or a public key: 44 characters, a securechat: address, or "@FILE"
    #[arg(value_name = "NAME|KEY")]
    pub who: String,
    /// Why, as a note to yourself
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}
