//! `peers export` and `peers import`: lists that people hand on.

use std::io;
use std::path::Path;

use crate::cli::args::{PeersExportArgs, PeersImportArgs};
use crate::cli::{self, Context, Error, Out, Suggestion, identity};
use crate::store::{self, Imported, KnownPeers, LeftOut, Peer};
use crate::text::{Safe, safe_line};

pub(super) fn export(args: &PeersExportArgs, context: &Context) -> Result<(), Error> {
    if context.globals.json {
        return Err(Error::BadArgument {
            given: "--json".into(),
            reason: "what \"peers export\" writes has one form, which \"peers import\" reads"
                .into(),
            example: &["peers", "list", "--json"],
        });
    }
    let known = KnownPeers::load(&context.paths.known_peers())?;
    for name in &args.names {
        let peer = known.find(name)?;
        known.check_not_revoked(&peer.key())?;
        check_not_aside(peer)?;
    }
    if args.names.is_empty() {
        let peers = known.peers().iter();
        for peer in peers.filter(|peer| peer.differed().is_some() && !peer.is_revoked()) {
            let why = ": left out, since words that you compared with this key differed";
            context.out.note(&(peer.name().clone() + why));
        }
    }
    let list = known.export(&args.names, !args.no_addresses)?;
    context.out.document(list.as_bytes())
}

/// A key that perhaps belongs to whoever sat in between is handed to nobody under the name of a friend.
fn check_not_aside(peer: &Peer) -> Result<(), Error> {
    let label = peer.name().clone();
    match peer.differed() {
        Some(_) => Err(Error::WordsDiffered {
            peer: cli::Peer { label, saved: true },
        }),
        None => Ok(()),
    }
}

pub(super) fn import(args: &PeersImportArgs, context: &Context) -> Result<(), Error> {
    let mut other = if args.file == Path::new("-") {
        store::read_list_from(io::stdin().lock())?
    } else {
        store::read_list(&args.file)?
    };
    let intact = other.check_intact();
    intact.map_err(|error| error.at(&args.file))?;
    let own = identity::told_public(context).map(|own| other.leave_out(&own));
    let path = context.paths.known_peers();
    let imported = KnownPeers::update(&path, |known| known.import(&other))?;
    for words in told(&imported, &context.out) {
        context.out.note(&words);
    }
    own.iter().for_each(|own| tell_own(own, &context.out));
    Ok(())
}

/// Says what the list of somebody who knows us says of us, which was left out.
fn tell_own(own: &LeftOut, out: &Out) {
    if own.is_revoked {
        let words = "the list revokes your own key, which was left out; whoever made it refuses your calls: ask why";
        out.warn(&words.into());
    } else if let Some(name) = &own.name {
        out.note(&(name.clone() + ": that is your own key, left out"));
    }
}

/// What came of it, in words.
fn told(imported: &Imported, out: &Out) -> Vec<Safe> {
    let Imported {
        added,
        known,
        refused,
        revoked,
        disputed,
        differed,
        secretive,
    } = imported;
    let mut words = vec![Safe::from("added ") + listed(added)];
    if *known > 0 {
        words.push(safe_line(&format!(
            "{known} known already, left as they are"
        )));
    }
    if !refused.is_empty() {
        words.push(all(refused) + ": revoked here, left out");
    }
    if *revoked > 0 {
        words.push(safe_line(&format!(
            "{revoked} more revoked: these keys are refused from now on"
        )));
    }
    if !secretive.is_empty() {
        let stays =
            ": the secrets that you two share are not taken over; without them there is no session";
        words.push(all(secretive) + stays);
    }
    for name in differed {
        let verify = Suggestion::securechat(["peers".into(), "verify".into(), name.clone()]);
        let says = name.clone()
            + ": words that were compared with this key differed; nothing is sent there before: ";
        words.push(says + out.command(&verify));
    }
    for name in disputed {
        let revoke = Suggestion::securechat(["peers".into(), "revoke".into(), name.clone()]);
        let says = Safe::from("the list revokes the key of ")
            + name
            + ", who stays as before; if that is right: ";
        words.push(says + out.command(&revoke));
    }
    words
}

/// Names that are told one by one where nothing is to be done about them; of more it is told how many there are, as nobody
/// reads that.
const MOST_LISTED: usize = 20;

fn listed(names: &[Safe]) -> Safe {
    match names.len() {
        0 => "nobody".into(),
        1..=MOST_LISTED => all(names),
        many => Safe::from(many) + " people",
    }
}

fn all(names: &[Safe]) -> Safe {
    Safe::join(names.iter().cloned(), ", ")
}
