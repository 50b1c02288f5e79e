//! The words of the errors that are not about files. What each one means stands in `error.rs`.

mod deliveries;
mod names;

pub(super) use self::deliveries::{given_up, kept, kept_aside, not_delivered, unanswered};
pub(super) use self::names::name_moved;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::cli::ExitCode;
use crate::cli::error::{Barrier, BindProblem, BindSource, Peer, Prompt};
use crate::cli::report::{Part, Report, Suggestion};
use crate::id::PeerId;
use crate::store::{fingerprint, key_text};
use crate::text::Safe;

pub(super) fn secret_key() -> Report {
    let title = "that is a SECRET key - it was not used and must not be shared";
    Report::new("SC04", ExitCode::Usage, title)
        .hint(
            "If you have already sent it to someone, make a new one:",
            ours(["keygen", "--force"]),
        )
        .hint(
            "The public key to hand out is printed by:",
            ours(["pubkey"]),
        )
}

pub(super) fn no_answer(
    peer: &Peer,
    address: SocketAddr,
    after: Duration,
    tries: u32,
    barrier: Option<Barrier>,
) -> Report {
    let title = Safe::from("no answer from ") + &peer.label + " at " + address;
    let title = title + tried(after, tries);
    let report = Report::new("SC06", ExitCode::Network, title);
    match barrier {
        Some(barrier) => barred(report, address, barrier),
        None => silence(report, peer),
    }
}

impl Barrier {
    /// A sentence.
    pub(in crate::cli) const fn cause(self) -> &'static str {
        match self {
            Self::NoWay => {
                "This machine has no way there, or a router or firewall says that nothing gets there."
            }
            Self::Firewall => {
                "A firewall, on this machine or on the way, reports that it lets nothing through."
            }
        }
    }
}

/// Why nothing gets to an address. It is not the peer's fault.
fn barred(report: Report, address: SocketAddr, barrier: Barrier) -> Report {
    let advice = match barrier {
        Barrier::NoWay => {
            "connect this machine to a network that leads there, and check the address"
        }
        Barrier::Firewall => "have UDP allowed to that address and port",
    };
    report
        .cause(barrier.cause())
        .line(true, vec![Part::Words(advice.into())])
        .hint(
            "What stands in the way:",
            Suggestion::securechat(["doctor".into(), Safe::from(address)]),
        )
}

pub(super) fn other_psk(peer: &Peer, address: SocketAddr, after: Duration, tries: u32) -> Report {
    let title = Safe::from("no answer that opens from ") + &peer.label + " at " + address;
    let title = title + tried(after, tries);
    unopened(Report::new("SC06", ExitCode::Network, title), peer)
}

/// ` after 10 s (5 tries)`
fn tried(after: Duration, tries: u32) -> Safe {
    let tries = Safe::from(tries) + if tries == 1 { " try)" } else { " tries)" };
    Safe::from(" after ") + seconds(after) + " (" + tries
}

/// What an answer that does not open may mean. Whoever alters answers can have people read this: it must not lead them
/// to do without a secret.
fn unopened(report: Report, peer: &Peer) -> Report {
    let label = &peer.label;
    let compare =
        Safe::from("compare with ") + label + " by another way, and save the same on both";
    let report = report
        .cause(
            Safe::from("Whoever has ")
                + label
                + "'s key answers, perhaps with another shared secret (psk):",
        )
        .cause(
            Safe::from("it differs between you, only one of you has one, or ")
                + label
                + " does not know your",
        )
        .cause("key. Or somebody on the way alters the answers, and hopes that you do without.")
        .line(true, vec![Part::Words(compare + " sides")]);
    if !peer.saved {
        return report;
    }
    report.hint("Whether you have one:", peers("show", label, &[]))
}

/// What silence may mean.
fn silence(report: Report, peer: &Peer) -> Report {
    let label = &peer.label;
    let report = report
        .cause("Perhaps the address or port is wrong, nobody is listening there, or a")
        .cause("firewall or NAT drops UDP on the way. Or whoever is there is silent on purpose:")
        .cause(
            Safe::from("it does not hold ")
                + label
                + "'s key, or has revoked yours, or knows only its",
        )
        .cause("peers (--stealth), or the words that you compared differed.")
        .line(true, ask_to_listen(label));
    if !peer.saved {
        return report;
    }
    report.hint(
        "To compare the key that you have:",
        Suggestion::securechat(["peers".into(), "show".into(), label.clone()]),
    )
}

pub(super) fn port_closed(peer: &Peer, address: SocketAddr) -> Report {
    let title = Safe::from("nothing seems to listen at ") + address;
    closed(Report::new("SC07", ExitCode::Network, title), peer)
}

/// What a closed port means. Anybody on the way can have forged the report.
fn closed(report: Report, peer: &Peer) -> Report {
    let mut parts = ask_to_listen(&peer.label);
    parts.push(Part::Words(", and check the port number".into()));
    report
        .cause("The machine, or something on the way, reported that this UDP port is closed.")
        .line(true, parts)
}

pub(super) fn name_claimed(name: &Safe, saved: &PeerId, offered: &PeerId) -> Report {
    let title = Safe::from("an unknown key is calling itself \"") + name + "\"";
    let show = Suggestion::securechat(["peers".into(), "show".into(), name.clone()]);
    let ask = Safe::from("ask ") + name + " by another way; the saved key: ";
    let replace = [
        "peers".into(),
        "replace".into(),
        name.clone(),
        key_text(offered),
    ];
    Report::new("SC09", ExitCode::Trust, title)
        .cause(
            Safe::from("Your saved ")
                + name
                + " has a different key. Not connected; it waits for an answer.",
        )
        .cause(Safe::from("  saved    ") + fingerprint(saved))
        .cause(Safe::from("  offered  ") + fingerprint(offered))
        .line(true, vec![Part::Words(ask), Part::Ours(show)])
        .hint(
            Safe::from("If it is really a new key of ") + name + ":",
            Suggestion::securechat(replace),
        )
}

pub(super) fn refused(peer: &Peer, own: &PeerId) -> Report {
    let key = key_text(own);
    let add = ["peers".into(), "add".into(), "you".into(), key];
    let command = vec![
        Part::Words("  ".into()),
        Part::Theirs(Suggestion::securechat(add)),
    ];
    let title = peer.label.clone() + " refused the connection";
    Report::new("SC10", ExitCode::Trust, title)
        .cause("The other side does not know your key, or its user has said no.")
        .cause("Your key is added there with (any name will do):")
        .line(false, command)
}

pub(super) fn wrong_passphrase(path: &Path, attempts: Option<u32>) -> Report {
    let title = Safe::from("wrong passphrase for ") + path;
    let title = match attempts {
        Some(attempts) => title + " (attempt " + attempts + " of " + attempts + ")",
        None => title,
    };
    Report::new("SC11", ExitCode::Identity, title)
        .cause("Caps Lock? Keyboard layout? The passphrase cannot be recovered.")
}

pub(super) fn cannot_listen(
    address: SocketAddr,
    source: &BindSource,
    reason: &BindProblem,
) -> Report {
    let title = Safe::from("cannot listen on ") + address + ": ";
    let report = |why: Safe| Report::new("SC12", ExitCode::Network, title + why);
    let next_port = SocketAddr::new(address.ip(), address.port().wrapping_add(1).max(1024));
    let (report, other) = match reason {
        BindProblem::InUse => {
            let report = report("the port is in use".into())
                .cause("Another program is listening there, perhaps another securechat.");
            (report, Safe::from(next_port))
        }
        // The port alone is one of all addresses that the machine has.
        BindProblem::NotOurs => {
            let report = report("that is no address of this machine".into());
            (report, Safe::from(address.port()))
        }
        BindProblem::Forbidden => {
            let report = report("the system does not allow it".into())
                .cause("Ports below 1024 are reserved for administrators on most systems.");
            (report, Safe::from(next_port))
        }
        BindProblem::Other(reason) => (report(reason.clone()), Safe::from(next_port)),
    };
    elsewhere(report, source, other)
}

/// What to do where an address cannot be had: another one for the command that wanted it.
fn elsewhere(report: Report, source: &BindSource, other: Safe) -> Report {
    let command = |word: &'static str| Suggestion::securechat([word.into(), other]);
    match source {
        BindSource::Nobody => report,
        BindSource::Command(word) => report.attempt([command(word)]),
        BindSource::Settings(word, path) => report
            .cause(Safe::from("The address is that of [net] listen in ") + path.as_path() + ".")
            .attempt([command(word)]),
        BindSource::Flag => report.cause("Without --bind the system chooses one that it has."),
    }
}

pub(super) fn host_not_found(host: &Safe, reason: &Safe) -> Report {
    let title = Safe::from("cannot find the host \"") + host + "\"";
    Report::new("SC13", ExitCode::Network, title)
        .cause("The name leads to no address. Spelling? Network connected?")
        .cause(Safe::from("The system says: ") + reason)
}

/// What becomes of messages where nothing can be written out.
const SHOWN_NEXT: &str =
    "A message that came and was not written out is shown at the next start, marked (again).";

pub(super) fn output_full() -> Report {
    let title = "cannot write to standard output: there is no room on the disk";
    Report::new("SC18", ExitCode::Storage, title)
        .cause(Safe::from("Make room. ") + SHOWN_NEXT)
        .cause("What else was to be done may be done: look before you repeat it.")
}

pub(super) fn nobody_reads() -> Report {
    let title = "nobody reads standard output any more";
    Report::new("SC24", ExitCode::Fixable, title).cause(SHOWN_NEXT)
}

pub(super) fn output_exists(path: &Path) -> Report {
    let title = Safe::from(path) + " exists already; it was not touched";
    Report::new("SC21", ExitCode::Fixable, title).cause("Name a file that does not exist yet.")
}

pub(super) fn version(peer: &Peer, ours: u16) -> Report {
    let title = peer.label.clone() + " no longer speaks version " + ours + " of the protocol";
    Report::new("SC16", ExitCode::Version, title)
        .cause("This side needs a newer securechat.")
        .attempt([self::ours(["--version"])])
}

pub(super) fn newer_version(peer: &Peer, theirs: u16, ours: u16) -> Report {
    let title = peer.label.clone() + " has used protocol version " + theirs + " before; ";
    Report::new(
        "SC16",
        ExitCode::Version,
        title + "this program speaks " + ours,
    )
    .cause("It is not called in an older version: whoever wants to listen could hope for that.")
    .cause("This side needs a newer securechat.")
    .attempt([self::ours(["--version"])])
}

/// `securechat peers WORD NAME REST`
fn peers(word: &'static str, name: &Safe, rest: &[Safe]) -> Suggestion {
    let words = ["peers".into(), word.into(), name.clone()];
    Suggestion::securechat(words.into_iter().chain(rest.iter().cloned()))
}

pub(super) fn words_differed(peer: &Peer) -> Report {
    let name = &peer.label;
    let title = Safe::from("the words that you compared with ") + name + " differed";
    let report = Report::new("SC33", ExitCode::Trust, title)
        .cause("Somebody may have sat between you. Nothing is sent, and nothing is taken.")
        .cause("What waited to be sent is kept, and goes out once the keys are compared.");
    if !peer.saved {
        let (name, key) = (Safe::from("NAME"), Safe::from("KEY"));
        return report
            .hint(
                "Save it under a name, which lets nobody in:",
                peers("add", &name, std::slice::from_ref(&key)),
            )
            .hint(
                "Then meet or call, and compare the keys themselves:",
                peers("verify", &name, &[]),
            )
            .hint(
                "Never to talk to this key again:",
                peers("revoke", &key, &[]),
            );
    }
    report
        .hint(
            "Meet or call, and compare the keys themselves:",
            peers("verify", name, &[]),
        )
        .hint(
            "If there is a new key:",
            peers("replace", name, &["KEY".into()]),
        )
        .hint(
            "Never to talk to this key again:",
            peers("revoke", name, &[]),
        )
}

pub(super) fn number_differs(name: &Safe) -> Report {
    let title = Safe::from("that is another safety number than the one of you and ") + name;
    Report::new("SC34", ExitCode::Trust, title)
        .cause("It was misread, or one of you has a false key. Nothing was changed.")
        .hint("Have it read once more:", peers("verify", name, &[]))
        .hint(
            "If it stays another, and there is a new key:",
            peers("replace", name, &["KEY".into()]),
        )
        .hint(
            "Never to talk to this key again:",
            peers("revoke", name, &[]),
        )
}

pub(super) fn own_key(saved: Option<&Safe>) -> Report {
    let title = match saved {
        Some(name) => Safe::from("the key that is saved as \"") + name + "\" is your own",
        None => "that is your own key".into(),
    };
    let title = title + "; the key of the other side is needed";
    let there = Part::Words("There it is printed by: ".into());
    let report = Report::new("SC30", ExitCode::Fixable, title)
        .line(false, vec![there, Part::Theirs(ours(["pubkey"]))]);
    match saved {
        Some(name) => report.hint("To take yours out of the list:", peers("remove", name, &[])),
        None => report,
    }
}

pub(super) fn signing_key_changed(peer: &Peer) -> Report {
    let label = &peer.label;
    let title = label.clone() + " shows another signing key than before";
    let report = Report::new("SC31", ExitCode::Trust, title)
        .cause("It comes with the secret key and never changes by itself. The session was ended.")
        .cause(
            Safe::from("Either sign= was altered in known-peers, or somebody else uses ")
                + label
                + "'s secret key.",
        );
    if !peer.saved {
        return report;
    }
    let words =
        Safe::from("ask ") + label + " by another way. If all is well there, take sign= out";
    let show = Suggestion::securechat(["peers".into(), "show".into(), label.clone()]);
    report.line(true, vec![Part::Words(words)]).hint(
        Safe::from("of ") + label + "'s line in known-peers. To compare the key:",
        show,
    )
}

pub(super) fn public_exists(path: &Path) -> Report {
    let title = Safe::from(path) + " exists already; it was not touched";
    Report::new("SC21", ExitCode::Fixable, title)
        .cause("The public key would be written there, beside the secret one. Name another file.")
}

pub(super) fn needs_input(prompt: &Prompt) -> Report {
    let report = |what: &'static str| {
        Report::new("SC17", ExitCode::Usage, what)
            .cause("There is no terminal to ask on, or --no-input forbids it.")
    };
    match prompt {
        Prompt::Passphrase => report("the passphrase of the secret key is needed")
            .cause("Give it with --passphrase-file FILE or --passphrase-command CMD."),
        Prompt::NewPassphrase(output) => {
            let keygen = |rest| keygen(output.as_deref(), rest);
            report("a passphrase for the new key is needed").attempt([
                keygen(&["--passphrase-file", "FILE"]),
                keygen(&["--no-passphrase"]),
            ])
        }
        Prompt::ChangedPassphrase(file) => {
            let passwd = |rest| passwd(file.as_deref(), rest);
            report("the new passphrase is needed").attempt([
                passwd(&["--new-passphrase-file", "FILE"]),
                passwd(&["--no-passphrase"]),
            ])
        }
        Prompt::Deletion(given) => {
            let given = given.iter().cloned().chain(["--yes".into()]);
            let words = ["history", "purge"]
                .into_iter()
                .map(Safe::from)
                .chain(given);
            report("somebody has to confirm that messages are deleted")
                .attempt([Suggestion::securechat(words)])
        }
        Prompt::ExportPassphrase => {
            report("a passphrase for the copy is needed").attempt([ours([
                "key",
                "export",
                "FILE",
                "--new-passphrase-file",
                "FILE",
            ])])
        }
        Prompt::Trust => {
            report("somebody has to decide whether to accept an unknown key").attempt([
                ours(["listen", "--trust", "strict"]),
                ours(["listen", "--trust", "new"]),
            ])
        }
        Prompt::NewKey(name, key) => report("somebody has to compare the new key with its owner")
            .cause("Once that is done:")
            .attempt([peers("replace", name, &[key_text(key), "--yes".into()])]),
        Prompt::SafetyNumber(name) => report("somebody has to type what the other reads out")
            .cause("Once you have the 60 digits from the other side:")
            .attempt([peers("verify", name, &["--number".into(), "DIGITS".into()])]),
    }
}

pub(super) fn no_passphrase(reason: &Safe) -> Report {
    Report::new(
        "SC26",
        ExitCode::Identity,
        Safe::from("no passphrase: ") + reason,
    )
}

pub(super) fn no_address(peer: &Peer, key: &PeerId, runs: bool) -> Report {
    let label = &peer.label;
    let title = Safe::from("no address is saved for ") + label;
    let report = Report::new("SC27", ExitCode::Usage, title);
    let (flag, host) = (Safe::from("--address"), Safe::from("HOST:PORT"));
    let add = |name: &Safe| peers("add", name, &[key_text(key), flag.clone(), host.clone()]);
    if !peer.saved {
        return report.attempt([add(&"NAME".into())]);
    }
    let send = |rest: &[Safe]| {
        let words = ["send".into(), label.clone(), "TEXT".into()];
        Suggestion::securechat(words.into_iter().chain(rest.iter().cloned()))
    };
    let once = send(&[flag.clone(), host.clone()]);
    let report = if runs {
        report.attempt([add(label), once])
    } else {
        let connect = ["connect".into(), label.clone(), host.clone()];
        report
            .attempt([Suggestion::securechat(connect), once])
            .hint("To save one:", add(label))
    };
    report.hint(
        "To keep a message until it calls:",
        send(&["--no-wait".into()]),
    )
}

pub(super) fn test_key() -> Report {
    let title = "refusing to use a published test key on a network";
    Report::new("SC28", ExitCode::Identity, title)
        .cause("Everybody has its secret half. It works on loopback addresses only.")
        .attempt([ours(["keygen"])])
}

pub(super) fn bad_argument(
    given: &Safe,
    reason: &Safe,
    example: &'static [&'static str],
) -> Report {
    let title = Safe::from("\"") + given + "\": " + reason;
    let report = Report::new("SC29", ExitCode::Usage, title);
    if example.is_empty() {
        return report;
    }
    report.attempt([ours(example.iter().copied())])
}

pub(super) fn bad_request(reason: &Safe) -> Report {
    let title = Safe::from("that request was not done: ") + reason;
    Report::new("SC40", ExitCode::Usage, title)
}

pub(super) fn control(path: &Path, reason: &Safe) -> Report {
    let title = Safe::from("cannot use the control socket ") + path + ": " + reason;
    Report::new("SC41", ExitCode::Fixable, title)
        .cause("Other programs of yours reach a running securechat through it.")
        .attempt([ours(["help", "json"])])
}

pub(super) fn not_here(command: &'static str) -> Report {
    let title = Safe::from("there is no ") + command + " on this system: it needs Unix sockets";
    Report::new("SC42", ExitCode::Usage, title)
        .cause("For programs, events and requests also go through standard output and input:")
        .attempt([ours(["listen", "--json"])])
}

pub(super) fn not_connected(peer: &Peer, reason: &Safe, next: &Safe) -> Report {
    let title = Safe::from("not connected to ") + &peer.label + ": " + reason + "; " + next;
    let report = Report::new("SC43", ExitCode::Network, title);
    if !peer.saved {
        return report.attempt([ours(["status"])]);
    }
    let label = || peer.label.clone();
    report
        .attempt([
            Suggestion::securechat(["status".into(), label()]),
            Suggestion::securechat(["doctor".into(), "--peer".into(), label()]),
        ])
        .line(true, ask_to_listen(&peer.label))
}

pub(super) fn no_screen(settings: &Path, reason: &Safe) -> Report {
    let title = Safe::from("there is no full screen here: ") + reason;
    Report::new("SC45", ExitCode::Fixable, title)
        .cause(Safe::from("[ui] mode in ") + settings + " is \"tui\": that, or nothing.")
        .cause("With --plain, or with mode = \"auto\", lines will do.")
        .attempt([ours(["help", "config"])])
}

pub(super) fn usage(complaint: &Safe, help: &[Safe]) -> Report {
    let report = Report::new("SC44", ExitCode::Usage, complaint.clone());
    help.iter().cloned().fold(report, Report::cause)
}

pub(super) fn system(operation: &'static str, reason: &Safe) -> Report {
    let title = Safe::from("cannot ") + operation + ": " + reason;
    Report::new("SC24", ExitCode::Fixable, title)
}

pub(super) fn ours(args: impl IntoIterator<Item = &'static str>) -> Suggestion {
    Suggestion::securechat(args)
}

/// `securechat keygen -o FILE REST`, without a file for the user's own identity.
pub(super) fn keygen(output: Option<&Path>, rest: &[&'static str]) -> Suggestion {
    let output = output.map(|path| ["-o".into(), Safe::from(path)]);
    about_key(&["keygen"], output.into_iter().flatten(), rest)
}

/// `securechat key passwd FILE REST`, without a file for the user's own identity.
pub(super) fn passwd(file: Option<&Path>, rest: &[&'static str]) -> Suggestion {
    about_key(&["key", "passwd"], file.map(Safe::from), rest)
}

fn about_key(
    command: &[&'static str],
    file: impl IntoIterator<Item = Safe>,
    rest: &[&'static str],
) -> Suggestion {
    let [command, rest] = [command, rest].map(|words| words.iter().copied().map(Safe::from));
    Suggestion::securechat(command.chain(file).chain(rest))
}

/// `ask bob to run "securechat listen"`.
fn ask_to_listen(label: &Safe) -> Vec<Part> {
    vec![
        Part::Words(Safe::from("ask ") + label + " to run \""),
        Part::Theirs(ours(["listen"])),
        Part::Words("\"".into()),
    ]
}

/// `10 s`, `500 ms`.
fn seconds(time: Duration) -> Safe {
    let ms = time.as_millis();
    if ms.is_multiple_of(1000) {
        Safe::from(ms / 1000) + " s"
    } else {
        Safe::from(ms) + " ms"
    }
}

#[cfg(test)]
mod tests;
