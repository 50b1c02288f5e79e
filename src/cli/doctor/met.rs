//! Somebody of whom no address is saved: a program that runs may have met it.

use std::time::Duration;

use crate::cli::control::{Params, Running};
use crate::cli::doctor::Patient;
use crate::cli::doctor::check::{Check, Outcome};
use crate::cli::doctor::peer::of_error;
use crate::cli::talk::{PeerStatus, Status};
use crate::cli::turn::PATIENCE;
use crate::cli::{Error, Peer, Suggestion};
use crate::id::PeerId;
use crate::store::key_text;
use crate::text::safe_line;

/// How it stands with the program that runs; SC27 if there is none, or it has not met the peer either.
pub(super) fn look(what: &'static str, peer: Peer, key: PeerId, patient: &Patient<'_>) -> Check {
    let running = match Running::find(&patient.context(), PATIENCE) {
        Ok(running) => running,
        Err(error) => return of_error(what, &error, patient),
    };
    let runs = running.is_some();
    let met = running.map(|running| standing(running, &key)).transpose();
    match met {
        Ok(Some(Some(status))) => as_it_stands(what, &peer, &status, patient),
        Ok(_) => of_error(what, &Error::NoAddress { peer, key, runs }, patient),
        Err(error) => of_error(what, &error, patient),
    }
}

/// How somebody stands there who has an address there.
fn standing(mut running: Running, key: &PeerId) -> Result<Option<PeerStatus>, Error> {
    let status: Status = running.ask("status", Params::default(), Duration::ZERO)?;
    let key = key_text(key);
    let is_met = |it: &PeerStatus| it.key == key.as_str() && it.address.is_some();
    Ok(status.peers.into_iter().find(is_met))
}

fn as_it_stands(
    what: &'static str,
    peer: &Peer,
    status: &PeerStatus,
    patient: &Patient<'_>,
) -> Check {
    let name = &peer.label;
    let state = safe_line(&status.state);
    let address = safe_line(status.address.as_deref().unwrap_or_default());
    let words = name.clone() + " at " + address + ": " + &state + ", says the securechat that runs";
    let outcome = if status.reason.is_none() {
        Outcome::Good
    } else {
        Outcome::Warning
    };
    let ping = Suggestion::securechat(["ping".into(), name.clone()]);
    let advice = patient.out.command(&ping) + " has it measure the way";
    let advice = match &status.reason {
        Some(reason) => safe_line(reason) + "; " + advice,
        None => advice,
    };
    let check = Check::new(what, outcome, words).public(state.to_string());
    check.advice(advice)
}
