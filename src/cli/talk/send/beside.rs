//! A message that a program which runs already sends, or whose command has the identity open.

use serde_json::Value;

use crate::cli::args::{self, SendArgs};
use crate::cli::control::{Params, Running};
use crate::cli::talk::aim::check_still_means;
use crate::cli::talk::profile::{Found, Profile};
use crate::cli::talk::record::warn_beside;
use crate::cli::talk::send::{addressee, patience, tell_done};
use crate::cli::target::Target;
use crate::cli::{Context, Error, ExitCode, Peer};
use crate::crypto::StaticSecret;
use crate::id::PeerId;
use crate::net::Bind;
use crate::store::{ErrorKind, KnownPeers, key_text};
use crate::text::Safe;

pub(super) fn find_running(args: &SendArgs, context: &Context) -> Result<Option<Running>, Error> {
    let running = Running::find(context, patience(args));
    running.inspect_err(|error| tell_untaken(error, context))
}

/// Waits for another command that has the identity open.
pub(super) fn find(
    args: &SendArgs,
    context: &Context,
    bind: Bind,
    secret: StaticSecret,
) -> Result<Found, Error> {
    let found = Profile::wait(context, bind, secret, patience(args));
    found.inspect_err(|error| tell_untaken(error, context))
}

/// Says what is with the message if whoever has the identity is the reason that nobody has taken it.
fn tell_untaken(error: &Error, context: &Context) {
    let is_in_use =
        matches!(error, Error::Store(error) if matches!(error.kind(), ErrorKind::InUse { .. }));
    let then = if is_in_use {
        "when that command has ended"
    } else if matches!(error, Error::Control { .. }) {
        "when that program answers again"
    } else {
        return;
    };
    let words = Safe::from("the message was neither sent nor kept; send it ");
    context.out.warn(&(words + then));
}

/// Lets the program that runs already send it. `meant`: whom the name has meant, if it was looked up before.
pub(super) fn through(
    mut running: Running,
    args: &SendArgs,
    meant: Option<&PeerId>,
    text: String,
    context: &Context,
) -> Result<ExitCode, Error> {
    check_family(args, &running)?;
    warn_beside(context);
    let known = KnownPeers::load(&context.paths.known_peers())?;
    if let Some(meant) = meant {
        check_still_means(&known, &args.name, meant)?;
    }
    let peer = addressee(&known, args, context)?;
    let target = Target::of_send(args)?;
    let wait = (!args.no_wait).then_some(args.wait);
    let wait_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let params = Params::default()
        .with("peer", Some(key_text(&peer.key()).as_str()))
        .with("text", Some(text))
        .with("address", target.address.map(|it| it.to_string()))
        .with("wait_ms", wait_ms);
    let done = running.ask_once("send", params, wait.unwrap_or_default());
    let done: Option<Value> = done.inspect_err(|error| tell_untaken(error, context))?;
    let Some(done) = done else {
        let label = peer.name().clone();
        let peer = Peer { label, saved: true };
        return Err(Error::Unanswered { peer });
    };
    tell_done(&done, peer.name(), context)?;
    Ok(ExitCode::Done)
}

/// A program that runs sends it over whatever connection it has or gets, also by the other family.
pub(super) fn check_family(args: &SendArgs, running: &Running) -> Result<(), Error> {
    let given = match args.family {
        args::Family { v4: true, .. } => Safe::from("-4"),
        args::Family { v6: true, .. } => "-6".into(),
        args::Family { .. } => return Ok(()),
    };
    let words =
        running.name() + " would send it, over whatever connection it has; nothing was sent";
    Err(Error::BadArgument {
        reason: words + ": leave " + &given + " out, or end that program",
        given,
        example: &[],
    })
}
