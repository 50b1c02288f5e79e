//! `status`: how things stand, from the program that runs, or from the files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::calendar::Day;
use crate::cli::args::StatusArgs;
use crate::cli::control::{Params, Running};
use crate::cli::history;
use crate::cli::json::{self, Versioned};
use crate::cli::talk::{PeerStatus, Status, TurnedAway, Unheard};
use crate::cli::turn::{PATIENCE, holder};
use crate::cli::{Context, Error, ExitCode, Out, Suggestion, identity};
use crate::control::IS_SUPPORTED;
use crate::id::PeerId;
use crate::store::{HostPort, KnownPeers, Peer, key_text};
use crate::text::{Safe, count_messages, safe_line};

pub(super) fn run(args: &StatusArgs, context: &Context) -> Result<ExitCode, Error> {
    let mut status = settled(|| look(context))?;
    if let Some(name) = &args.peer {
        let known = KnownPeers::load(&context.paths.known_peers())?;
        // Somebody who is met but not saved is known to the program only.
        let is_met = status.peers.iter().any(|peer| peer.peer == *name);
        let name = if is_met {
            name.as_str()
        } else {
            known.find(name)?.name().as_str()
        };
        status.peers.retain(|peer| peer.peer == name);
    }
    if context.globals.json {
        context.out.data(&json::line(&Versioned::new(&status)))?;
        return Ok(ExitCode::Done);
    }
    let places = if status.held {
        places(context)?
    } else {
        Vec::new()
    };
    for line in lines(&status, &places, &context.out) {
        context.out.data(&line)?;
    }
    Ok(ExitCode::Done)
}

/// How things stand, by the program that runs if one does.
fn look(context: &Context) -> Result<Status, Error> {
    match Running::find(context, PATIENCE)? {
        Some(mut running) => running.ask("status", Params::default(), Duration::ZERO),
        None => of_files(context),
    }
}

/// Looks once more if somebody has the identity open who cannot be asked: a command that is over by now, or a program that has
/// begun to listen.
fn settled(mut look: impl FnMut() -> Result<Status, Error>) -> Result<Status, Error> {
    let status = look()?;
    if status.held { look() } else { Ok(status) }
}

/// Where the socket of a program was looked for.
fn places(context: &Context) -> Result<Vec<PathBuf>, Error> {
    let own = identity::public_key(context)?;
    Ok(own.map_or_else(Vec::new, |own| context.paths.controls(&own)))
}

/// That somebody has the identity open who cannot be asked, and what to do.
fn unheard(pid: Option<u32>, places: &[PathBuf]) -> Vec<Safe> {
    let pid = pid.map(|pid| Safe::from(" (pid ") + pid + ")");
    let words = Safe::from("  open in another securechat") + pid.unwrap_or_default();
    let mut lines = vec![words + ", whose control socket is not here:"];
    lines.extend(places.iter().map(|it| Safe::from("    ") + it.as_path()));
    lines.push(
        "  A command such as send has none, and ends soon. A program that goes on was started with"
            .into(),
    );
    lines.push("  another XDG_RUNTIME_DIR: give both the same one.".into());
    lines
}

/// Why there is nothing to be told, and what to do. Without control sockets a program may run unseen.
fn nobody(out: &Out) -> Safe {
    if !IS_SUPPORTED {
        return "this system has no control socket: ask the program that runs, with /status".into();
    }
    let command = |words: &[&'static str]| {
        let words = words.iter().copied();
        out.command(&Suggestion::securechat(words))
    };
    let alone = Safe::from("no program runs: start ") + command(&[]) + ", ";
    alone + command(&["listen"]) + " or " + command(&["daemon"])
}

/// The same of each peer.
const REASON: &str = if IS_SUPPORTED {
    "no program runs for this identity"
} else {
    "as far as the files tell: this system has no control socket"
};

/// The same of each peer, while a program runs that cannot be asked.
const HELD: &str = "the program that has the identity open cannot be asked";

/// What can be said while no program runs.
fn of_files(context: &Context) -> Result<Status, Error> {
    // Says what is wrong with it, or that there is none.
    identity::load(context.paths.identity(), context)?;
    let own = identity::public_key(context)?;
    let waiting = waiting(context)?;
    let known = KnownPeers::load(&context.paths.known_peers())?;
    // Without control sockets there is nothing to be looked for.
    let held = own.filter(|_| IS_SUPPORTED);
    let held = held.and_then(|own| holder(&context.paths.lock(&own)));
    let of_peer = |peer: &Peer| PeerStatus {
        peer: peer.name().to_string(),
        key: key_text(&peer.key()).to_string(),
        verified: peer.still_verified().map(|day: Day| day.to_string()),
        state: match (peer.is_revoked(), peer.differed()) {
            (true, _) => "revoked",
            (false, Some(_)) => "the words differed",
            (false, None) => "not connected",
        }
        .to_owned(),
        reason: Some(match peer.differed().filter(|_| !peer.is_revoked()) {
            Some(day) => format!("the words that you compared differed on {day}"),
            None if held.is_some() => HELD.to_owned(),
            None => REASON.to_owned(),
        }),
        next: peer.differed().filter(|_| !peer.is_revoked()).map(|_| {
            let verify = ["peers".into(), "verify".into(), peer.name().clone()];
            let verify = context.out.command(&Suggestion::securechat(verify));
            format!("compare the keys: {verify}")
        }),
        address: peer.addresses().first().map(HostPort::to_string),
        waiting: waiting
            .as_ref()
            .map(|waiting| waiting.get(&peer.key()).copied().unwrap_or(0)),
        ..PeerStatus::default()
    };
    Ok(Status {
        running: false,
        held: held.is_some(),
        pid: held.flatten(),
        key: own.map(|own| key_text(&own).to_string()),
        peers: known.peers().iter().map(of_peer).collect(),
        ..Status::default()
    })
}

/// How much waits for whom; none if nobody gives the passphrase that this needs, or another program has it open.
fn waiting(context: &Context) -> Result<Option<BTreeMap<PeerId, u64>>, Error> {
    let key = identity::load(context.paths.identity(), context)?;
    let globals = &context.globals;
    let is_given = globals.passphrase_file.is_some() || globals.passphrase_command.is_some();
    if key.is_protected() && !is_given {
        return Ok(None);
    }
    match history::waiting(context) {
        // A short-lived one, such as `send`.
        Err(Error::Store(error))
            if matches!(error.kind(), crate::store::ErrorKind::InUse { .. }) =>
        {
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// As `wg show` does it.
fn lines(status: &Status, places: &[PathBuf], out: &Out) -> Vec<Safe> {
    let mut lines = vec![row(
        "identity",
        status.key.as_deref().unwrap_or("not known"),
    )];
    match (&status.address, status.pid) {
        (Some(address), Some(pid)) => {
            let words = safe_line(address) + "/udp (pid " + pid + ")";
            lines.push(Safe::from("  listening on: ") + words);
        }
        (Some(_), None) | (None, _) if status.held => {
            lines.extend(unheard(status.pid, places));
        }
        (Some(_), None) | (None, _) => {
            lines.push(Safe::from("  ") + nobody(out));
        }
    }
    if let Some(traffic) = &status.traffic {
        let words = Safe::from("  transfer: ") + bytes(traffic.bytes_in) + " received, ";
        lines.push(words + bytes(traffic.bytes_out) + " sent");
    }
    if let Some(calls) = &status.turned_away {
        lines.push(Safe::from("  ") + turned_away(calls));
    }
    if let Some(unheard) = &status.unheard {
        lines.push(Safe::from("  ") + not_heard(unheard));
    }
    if let Some(path) = &status.key_log {
        lines.push(Safe::from("  KEYS ARE WRITTEN TO: ") + safe_line(path) + " (--trace-keys)");
    }
    for peer in &status.peers {
        lines.push(Safe::default());
        lines.extend(of_peer(peer));
    }
    lines
}

/// `turned away: 3 calls of keys that are not saved, the last 5.0 s ago`.
pub(super) fn turned_away(calls: &TurnedAway) -> Safe {
    let noun = if calls.calls == 1 { " call" } else { " calls" };
    let words = Safe::from("turned away: ") + calls.calls + noun + " of keys that are not saved";
    words + ", the last " + safe_line(&ago(calls.last_ms))
}

/// `unheard: 3 messages that no program has heard yet`.
fn not_heard(unheard: &Unheard) -> Safe {
    let words = Safe::from("unheard: ") + count_messages(unheard.messages);
    let words = words + " that no program has heard yet";
    if unheard.full {
        words + "; what comes now waits with its sender"
    } else {
        words
    }
}

fn of_peer(peer: &PeerStatus) -> Vec<Safe> {
    let mut lines = vec![row("peer", &peer.peer), inner("key", &peer.key)];
    let verified = peer.verified.as_ref();
    let verified = verified.map_or_else(|| "no".to_owned(), |day| format!("yes, on {day}"));
    lines.push(inner("verified", &verified));
    let why = peer.reason.iter().chain(&peer.next);
    let why: Vec<&str> = why.map(String::as_str).collect();
    let state = match why.as_slice() {
        [] => peer.state.clone(),
        why => format!("{} ({})", peer.state, why.join("; ")),
    };
    lines.push(inner("state", &state));
    if let Some(address) = &peer.address {
        lines.push(inner("endpoint", address));
    }
    if let Some(since) = peer.handshake_ms {
        lines.push(inner("latest handshake", &ago(since)));
    }
    if let Some(heard) = peer.heard_ms {
        lines.push(inner("last heard", &ago(heard)));
    }
    if let Some(rtt) = peer.rtt_ms {
        lines.push(inner("round trip", &format!("{rtt:.1} ms")));
    }
    if let Some(loss) = peer.loss {
        lines.push(inner("loss", &format!("{:.0}%", loss * 100.0)));
    }
    if let (Some(received), Some(sent)) = (peer.bytes_in, peer.bytes_out) {
        let words = bytes(received) + " received, " + bytes(sent) + " sent";
        lines.push(inner("transfer", words.as_str()));
    }
    if let (Some(received), Some(delivered)) = (peer.received, peer.delivered) {
        let words = format!("{received} received, {delivered} delivered");
        lines.push(inner("messages", &words));
    }
    match peer.waiting {
        Some(0) => {}
        Some(waiting) => lines.push(inner("waiting", &format!("{waiting} to be sent"))),
        None => lines.push(inner(
            "waiting",
            "not known: the passphrase is needed, or a command has the store open",
        )),
    }
    lines
}

fn row(what: &'static str, value: &str) -> Safe {
    Safe::from(what) + ": " + safe_line(value)
}

fn inner(what: &'static str, value: &str) -> Safe {
    Safe::from("  ") + row(what, value)
}

/// `0.4 s ago`, `2 min 5 s ago`.
fn ago(ms: f64) -> String {
    let seconds = ms / 1_000.0;
    if seconds < 10.0 {
        return format!("{seconds:.1} s ago");
    }
    let seconds = Duration::try_from_secs_f64(seconds)
        .unwrap_or_default()
        .as_secs();
    if seconds < 60 {
        return format!("{seconds} s ago");
    }
    format!("{} min {} s ago", seconds / 60, seconds % 60)
}

/// `512 B`, `1.5 KiB`, `3.0 MiB`.
fn bytes(count: u64) -> Safe {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return Safe::from(count) + " B";
    }
    let (mut whole, mut rest, mut unit) = (count / 1024, count % 1024, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        (whole, rest, unit) = (whole / 1024, whole % 1024, unit + 1);
    }
    let unit = UNITS.get(unit).copied().unwrap_or_default();
    safe_line(&format!("{whole}.{} {unit}", rest * 10 / 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command that had the identity open for a moment was said to be one that nobody can ask.
    #[test]
    fn who_has_the_identity_open_for_a_moment_is_not_told_of() {
        let looks = |held: &[bool]| {
            let mut found = held.iter().map(|held| Status {
                held: *held,
                ..Status::default()
            });
            let status = settled(|| Ok(found.next().unwrap())).unwrap();
            (status.held, found.count())
        };
        assert_eq!(looks(&[true, false]), (false, 0));
        assert_eq!(looks(&[true, true, false]), (true, 1));
        assert_eq!(looks(&[false, true]), (false, 1));
    }

    #[test]
    fn sizes_and_times_are_short() {
        for (count, shown) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (3 << 20, "3.0 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(bytes(count).as_str(), shown);
        }
        for (ms, shown) in [
            (412.0, "0.4 s ago"),
            (12_345.6, "12 s ago"),
            (125_000.0, "2 min 5 s ago"),
        ] {
            assert_eq!(ago(ms), shown);
        }
    }

    #[test]
    fn a_peer_that_may_not_hear_us_is_shown_as_wg_shows_one() {
        let peer = PeerStatus {
            peer: "bob".to_owned(),
            key: "K".to_owned(),
            state: "connected".to_owned(),
            reason: Some("last reply 14 s ago - they may not hear us".to_owned()),
            handshake_ms: Some(65_000.0),
            loss: Some(0.07),
            bytes_in: Some(1_536),
            bytes_out: Some(512),
            waiting: Some(0),
            ..PeerStatus::default()
        };
        let lines = of_peer(&peer);
        let lines: Vec<&str> = lines.iter().map(Safe::as_str).collect();
        assert_eq!(
            lines[3..],
            [
                "  state: connected (last reply 14 s ago - they may not hear us)",
                "  latest handshake: 1 min 5 s ago",
                "  loss: 7%",
                "  transfer: 1.5 KiB received, 512 B sent",
            ]
        );
    }

    #[test]
    fn a_state_has_its_reason_and_what_is_next() {
        let peer = PeerStatus {
            peer: "bob\u{1b}".to_owned(),
            key: "K".to_owned(),
            state: "not connected".to_owned(),
            reason: Some("bob left".to_owned()),
            next: Some("trying again in 3 s".to_owned()),
            waiting: Some(2),
            ..PeerStatus::default()
        };
        let lines = of_peer(&peer);
        let lines: Vec<&str> = lines.iter().map(Safe::as_str).collect();
        assert_eq!(
            lines,
            [
                "peer: bob^[",
                "  key: K",
                "  verified: no",
                "  state: not connected (bob left; trying again in 3 s)",
                "  waiting: 2 to be sent",
            ]
        );
    }
}
