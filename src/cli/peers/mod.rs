//! `peers`: the people you know.

mod exchange;
mod replace;
pub(super) mod verify;

use std::time::Duration;

use serde::Serialize;

use crate::calendar::Day;
use crate::cli::args::{PeerArgs, PeersAddArgs, PeersCommand, PeersRenameArgs, PeersRevokeArgs};
use crate::cli::control::{Params, Running};
use crate::cli::json::{self, Versioned};
use crate::cli::turn::{BRIEF, PATIENCE};
use crate::cli::{Context, Error, ExitCode, Suggestion, identity, input};
use crate::id::PeerId;
use crate::store::{self, Added, HostPort, KeyOffer, KnownPeers, Peer, fingerprint, key_text};
use crate::text::{MAX_NAME_LEN, Safe, safe_line};
use crate::time::UnixTime;

pub(super) fn run(command: &PeersCommand, context: &Context) -> Result<ExitCode, Error> {
    let mut decided = None;
    match command {
        PeersCommand::List => list(context),
        PeersCommand::Add(args) => add(args, context),
        PeersCommand::Show(args) => show(args, context),
        PeersCommand::Rename(args) => rename(args, context),
        PeersCommand::Replace(args) => replace::replace(args, context),
        PeersCommand::Verify(args) => verify::verify(args, context).map(|it| decided = it),
        PeersCommand::Revoke(args) => revoke(args, context),
        PeersCommand::Remove(args) => remove(args, context),
        PeersCommand::Export(args) => exchange::export(args, context),
        PeersCommand::Import(args) => exchange::import(args, context),
    }?;
    if changes(command) {
        tell_running(decided, context);
    }
    Ok(ExitCode::Done)
}

const fn changes(command: &PeersCommand) -> bool {
    match command {
        PeersCommand::List | PeersCommand::Show(_) | PeersCommand::Export(_) => false,
        PeersCommand::Verify(args) => !args.print,
        PeersCommand::Add(_)
        | PeersCommand::Rename(_)
        | PeersCommand::Replace(_)
        | PeersCommand::Revoke(_)
        | PeersCommand::Remove(_)
        | PeersCommand::Import(_) => true,
    }
}

/// Lets a running program go by the list at once. Without that it finds the change by itself, within two seconds; so do
/// `send` and `ping`, which nobody can ask.
///
/// `decided`: who was verified, and when. A program in which the words differed, and which could not write that down, can
/// see no decision in a file that says what it said before, so that it is waited for if it is busy.
fn tell_running(decided: Option<(PeerId, UnixTime)>, context: &Context) {
    let patience = if decided.is_some() { PATIENCE } else { BRIEF };
    if let Ok(Some(mut running)) = Running::find(context, patience) {
        let (decided, at) = decided.unzip();
        let decided = decided.map(|key| key_text(&key).to_string());
        let at = at.map(|UnixTime(ms)| ms);
        let params = Params::default()
            .with("decided", decided)
            .with("decided_ms", at);
        let _: Result<serde_json::Value, Error> = running.ask("reload", params, Duration::ZERO);
    }
}

/// Prints every line that can be understood, then fails if there is one that cannot.
fn list(context: &Context) -> Result<(), Error> {
    let path = context.paths.known_peers();
    let known = KnownPeers::load_despite_damage(&path)?;
    if context.globals.json {
        let list = Versioned::new(List::of(&known));
        context.out.data(&json::line(&list))?;
    } else {
        for line in as_table(&known) {
            context.out.data(&line)?;
        }
        if known.peers().is_empty() {
            let add = Suggestion::securechat(["peers", "add", "NAME", "KEY"]);
            let hint = Safe::from("you have no peers yet; add one: ");
            context.out.note(&(hint + context.out.command(&add)));
        }
    }
    KnownPeers::load(&path)?;
    Ok(())
}

fn as_table(known: &KnownPeers) -> Vec<Safe> {
    let names = known.peers().iter().map(|peer| peer.name().as_str());
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
    let named = known.peers().iter().map(|peer| {
        let name = safe_line(&format!("{:<width$}  ", peer.name()));
        name + key_text(&peer.key()) + remarks(peer)
    });
    let nameless = known
        .revoked()
        .filter(|(key, _)| known.find_key(key).is_none());
    let nameless = nameless.map(|(key, reason)| {
        let name = safe_line(&format!("{:<width$}  ", "-"));
        name + key_text(key) + "  revoked" + noted(reason)
    });
    named.chain(nameless).collect()
}

/// What the table says behind the key.
fn remarks(peer: &Peer) -> Safe {
    let mut remarks: Vec<Safe> = Vec::new();
    if peer.is_revoked() {
        remarks.push("revoked".into());
    }
    if let Some(day) = peer.differed() {
        remarks.push(Safe::from("[NOT VERIFIED: the words differed on ") + day + "]");
    } else if peer.still_verified().is_some() {
        remarks.push("[verified]".into());
    } else if !peer.is_revoked() {
        remarks.push("[not verified]".into());
    }
    remarks.extend(peer.addresses().iter().map(Safe::from));
    if peer.has_psk() {
        remarks.push("psk".into());
    }
    Safe::concat(remarks.into_iter().map(|remark| Safe::from("  ") + remark))
}

fn noted(reason: Option<&Safe>) -> Safe {
    reason.map_or_else(Safe::default, |reason| Safe::from(": ") + reason)
}

/// What programs are told of known-peers.
#[derive(Serialize)]
pub(super) struct List {
    peers: Vec<Saved>,
    revoked: Vec<Revoked>,
}

/// A peer, as programs are told of it.
#[derive(Serialize)]
pub(super) struct Saved {
    name: Safe,
    key: Safe,
    addresses: Vec<String>,
    seen: Option<String>,
    verified: Option<String>,
    /// When words were compared and differed, and nobody has decided since.
    differed: Option<String>,
    psk: bool,
    revoked: bool,
}

#[derive(Serialize)]
struct Revoked {
    key: Safe,
    reason: Option<Safe>,
}

impl List {
    pub(super) fn of(known: &KnownPeers) -> Self {
        let revoked = known.revoked().map(|(key, reason)| Revoked {
            key: key_text(key),
            reason: reason.cloned(),
        });
        Self {
            peers: known.peers().iter().map(Saved::of).collect(),
            revoked: revoked.collect(),
        }
    }
}

impl Saved {
    fn of(peer: &Peer) -> Self {
        let day = |day: Option<Day>| day.map(|day| day.to_string());
        Self {
            name: peer.name().clone(),
            key: key_text(&peer.key()),
            addresses: peer.addresses().iter().map(HostPort::to_string).collect(),
            seen: day(peer.seen()),
            verified: day(peer.still_verified()),
            differed: day(peer.differed()),
            psk: peer.has_psk(),
            revoked: peer.is_revoked(),
        }
    }
}

fn add(args: &PeersAddArgs, context: &Context) -> Result<(), Error> {
    let offer = input::key_offer(&args.key)?;
    identity::check_not_own(&offer.key, None, context)?;
    let mut addresses = input::addresses(&args.address)?;
    if addresses.is_empty() {
        addresses.clone_from(&offer.addresses);
    }
    let psk = args.psk_file.as_deref().map(store::read_psk).transpose()?;
    let path = context.paths.known_peers();
    let added = KnownPeers::update(&path, |known| match &psk {
        Some(psk) => {
            known.add(&args.name, &offer.key, &addresses)?;
            known.set_psk(&args.name, Some(psk)).map(|()| Added::Peer)
        }
        None => known.add_or_extend(&args.name, &offer.key, &addresses),
    })?;
    let name = safe_line(&args.name);
    context.out.note(&match added {
        Added::Peer => Safe::from("added ") + name + "  " + key_text(&offer.key),
        Added::Addresses(new) if new.is_empty() => name + " has that address already",
        Added::Addresses(new) => {
            let new = Safe::join(new.iter().map(Safe::from), ", ");
            Safe::from("saved as an address of ") + name + ": " + new
        }
    });
    Ok(())
}

fn show(args: &PeerArgs, context: &Context) -> Result<(), Error> {
    let known = KnownPeers::load(&context.paths.known_peers())?;
    let peer = known.find(&args.name)?;
    if context.globals.json {
        let saved = Versioned::new(Saved::of(peer));
        return context.out.data(&json::line(&saved));
    }
    let key = peer.key();
    let rows = [
        ("name", Some(peer.name().clone())),
        ("key", Some(key_text(&key))),
        ("fingerprint", Some(fingerprint(&key))),
        ("revoked", revocation(&known, &key)),
        ("address", addresses(peer)),
        ("seen", peer.seen().map(|day| safe_line(&day.to_string()))),
        ("verified", Some(trust(peer))),
        ("shared secret", peer.has_psk().then(|| "yes (psk)".into())),
    ];
    for (label, value) in rows {
        if let Some(value) = value {
            let label = safe_line(&format!("{label:<15}"));
            context.out.data(&(label + value))?;
        }
    }
    Ok(())
}

fn trust(peer: &Peer) -> Safe {
    match (peer.differed(), peer.still_verified()) {
        (Some(day), _) => Safe::from("NO: the words that you compared differed on ") + day,
        (None, Some(day)) => Safe::from(day) + " [verified]",
        (None, None) => "no [not verified]".into(),
    }
}

fn addresses(peer: &Peer) -> Option<Safe> {
    let addresses = peer.addresses();
    (!addresses.is_empty()).then(|| Safe::join(addresses.iter().map(Safe::from), ", "))
}

fn revocation(known: &KnownPeers, key: &PeerId) -> Option<Safe> {
    let (_, reason) = known.revoked().find(|(revoked, _)| *revoked == key)?;
    Some(Safe::from("yes") + noted(reason))
}

fn rename(args: &PeersRenameArgs, context: &Context) -> Result<(), Error> {
    change(context, |known| known.rename(&args.name, &args.new_name))?;
    let names = [&args.name, &args.new_name].map(|name| safe_line(name));
    let [old, new] = names;
    context
        .out
        .note(&(Safe::from("renamed ") + old + " to " + new));
    Ok(())
}

fn revoke(args: &PeersRevokeArgs, context: &Context) -> Result<(), Error> {
    let path = context.paths.known_peers();
    let known = KnownPeers::load(&path)?;
    let key = match known.find(&args.who) {
        Ok(peer) => peer.key(),
        Err(_) if is_key_argument(&args.who) => KeyOffer::parse_argument(&args.who)?.key,
        Err(error) => return Err(error.into()),
    };
    KnownPeers::update(&path, |known| known.revoke(&key, args.reason.as_deref()))?;
    let done = Safe::from("revoked ") + key_text(&key);
    context
        .out
        .note(&(done + "; it is refused from now on, also in a running chat"));
    Ok(())
}

fn remove(args: &PeerArgs, context: &Context) -> Result<(), Error> {
    change(context, |known| known.remove(&args.name))?;
    context
        .out
        .note(&(Safe::from("removed ") + safe_line(&args.name)));
    Ok(())
}

fn change(
    context: &Context,
    edit: impl FnMut(&mut KnownPeers) -> Result<(), store::Error>,
) -> Result<(), Error> {
    Ok(KnownPeers::update(&context.paths.known_peers(), edit)?)
}

/// Whether this is no name, but a public key as an argument gives it: a key has 43 characters and more, a
/// name at most 32, and `@` begins a file with a key in it and no name.
pub(super) fn is_key_argument(typed: &str) -> bool {
    typed.trim_start().starts_with('@') || typed.chars().count() > MAX_NAME_LEN
}
