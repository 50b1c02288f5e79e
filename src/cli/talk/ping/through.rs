//! `ping` beside a program that talks for the same identity: that program sends the pings.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde::Deserialize;

use crate::cli::args::PingArgs;
use crate::cli::control::{Params, Running};
use crate::cli::talk::no_threads;
use crate::cli::talk::ping::SHORTEST_INTERVAL;
use crate::cli::talk::ping::tally::Tally;
use crate::cli::target::{Target, Who};
use crate::cli::{Context, Error, ExitCode, peers};
use crate::id::PeerId;
use crate::net::{Clock, Signal, Signals};
use crate::store::{KnownPeers, key_text};
use crate::text::Safe;

/// How long the program that talks waits for an answer. Source: docs/json.md#requests.
const WAITS: Duration = Duration::from_secs(3);

/// What it says: nothing came back, if there is no time.
#[derive(Deserialize)]
struct Pinged {
    rtt_ms: Option<f64>,
}

/// Has a peer pinged until the count is full or somebody presses Ctrl+C. Where it is reached, that program
/// knows.
///
/// # Errors
/// SC40 with the reason, if the peer is not connected; SC41 if that program does not answer.
pub(super) fn through(
    mut running: Running,
    args: &PingArgs,
    target: Target,
    context: &Context,
) -> Result<ExitCode, Error> {
    let (key, label) = whom(target.who, context)?;
    let (sender, signals) = channel();
    let deliver = move |signal| {
        // The pings may be over.
        let _ = sender.send(signal);
    };
    let _watch = Signals::watch(deliver, || {}).map_err(|error| no_threads(&error))?;
    let mut tally = Tally::new(WAITS, context.globals.json, label);
    let end = ping_all(&mut running, args, &key, &mut tally, &signals, context);
    if tally.sent() > 0 {
        for line in tally.sum_up() {
            context.out.data(&line)?;
        }
    }
    end?;
    Ok(tally.verdict())
}

fn ping_all(
    running: &mut Running,
    args: &PingArgs,
    key: &PeerId,
    tally: &mut Tally,
    signals: &Receiver<Signal>,
    context: &Context,
) -> Result<(), Error> {
    let clock = Clock::new();
    let interval = args.interval.max(SHORTEST_INTERVAL);
    for left in (0..args.count.unwrap_or(u64::MAX)).rev() {
        let began = clock.now();
        let params = Params::default().with("peer", Some(key_text(key).as_str()));
        let pinged: Pinged = running.ask("ping", params, WAITS)?;
        let number = tally.send(began);
        let took = pinged
            .rtt_ms
            .map(|ms| Duration::from_secs_f64(ms.max(0.0) / 1e3));
        let line = match took {
            Some(took) => tally.answer(number, took),
            None => tally.overdue(began + WAITS).pop(),
        };
        if let Some(line) = line {
            context.out.data(&line)?;
        }
        let pause = interval.saturating_sub(clock.now().saturating_since(began));
        if left > 0 && signals.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    Ok(())
}

/// The key to ask for, and what to call it.
fn whom(who: Who, context: &Context) -> Result<(PeerId, Safe), Error> {
    let known = KnownPeers::load(&context.paths.known_peers())?;
    match who {
        Who::Name(name) => {
            let peer = peers::find(&known, &name)?;
            Ok((peer.key(), peer.name().clone()))
        }
        Who::Key(offer) => {
            let saved = known.find_key(&offer.key).map(|peer| peer.name().clone());
            let label = saved.unwrap_or_else(|| crate::cli::talk::unsaved(&offer.key));
            Ok((offer.key, label))
        }
    }
}
