//! Somebody else's machine: whether its name is found, what fits on the way, and whether anybody answers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::cli::control::Running;
use crate::cli::doctor::check::{Check, Outcome};
use crate::cli::doctor::{Patient, met, network, parse_host};
use crate::cli::turn::PATIENCE;
use crate::cli::{self, Error, ExitCode, Suggestion, talk};
use crate::control::IS_SUPPORTED;
use crate::net::{Batch, Bind, Family, Host, IcmpError, IcmpKind, Room, Socket, SocketError};
use crate::proto::limits::MTU_PROBES;
use crate::store::{HostPort, KeyFile, KnownPeers, Peer, load_identity};
use crate::text::{Safe, safe_line};
use crate::wire::limits::{BASE_DATAGRAM_LEN, FLOOR_DATAGRAM_LEN};

const WAY: &str = "way there";
const SIZE: &str = "largest datagram";

/// How long a name server may take.
pub(super) const TO_RESOLVE: Duration = Duration::from_secs(5);
/// How long a complaint of the network may take.
const TO_COMPLAIN: Duration = Duration::from_millis(500);

pub(super) fn look(patient: &Patient<'_>) -> Vec<Check> {
    let what = "the way to a peer";
    let host = match place(patient) {
        Ok(Some(host)) => host,
        Ok(None) => {
            let words = "name HOST:PORT or --peer NAME to look at the way there";
            return vec![Check::plain(what, Outcome::Skipped, words)];
        }
        Err(Error::NoAddress { peer, key, .. }) => {
            return vec![met::look(what, peer, key, patient)];
        }
        Err(error) => return vec![of_error(what, &error, patient)],
    };
    let addresses = match resolve(host.clone()) {
        Ok(addresses) => addresses,
        Err(check) => return vec![check],
    };
    let list = Safe::join(addresses.iter().map(|address| Safe::from(*address)), ", ");
    let found = Check::new("name resolution", Outcome::Good, list)
        .public(format!("{} addresses", addresses.len()));
    let mut checks = vec![found];
    for address in &addresses {
        checks.extend(way(*address));
    }
    checks.push(answer(patient, &host));
    checks
}

/// Where to look: what the arguments say, or the address that is saved for `--peer`.
///
/// # Errors
/// SC05 if that is nobody, SC27 if no address is known; what reading known-peers fails with.
fn place(patient: &Patient<'_>) -> Result<Option<Host>, Error> {
    let given = patient.host.clone();
    let Some(name) = patient.args.peer.as_deref() else {
        return Ok(given);
    };
    let known = KnownPeers::load(&patient.paths.known_peers())?;
    let peer = known.find(name)?;
    if given.is_some() {
        return Ok(given);
    }
    let Some(saved) = peer.addresses().first() else {
        return Err(Error::NoAddress {
            peer: cli::Peer {
                label: peer.name().clone(),
                saved: true,
            },
            key: peer.key(),
            runs: false,
        });
    };
    parse_host(&saved.to_string()).map(Some)
}

fn resolve(host: Host) -> Result<Vec<SocketAddr>, Check> {
    let found = host.resolve_within(TO_RESOLVE, Family::Any);
    found.map_err(|error| {
        let words = safe_line(&error.to_string());
        Check::new("name resolution", Outcome::Failed(ExitCode::Network), words)
            .advice("is it spelt right? is the network connected?")
    })
}

/// What the way to an address takes, and what it complains about. Sends a handful of datagrams that every
/// securechat drops without an answer.
fn way(address: SocketAddr) -> Vec<Check> {
    let prefix = network::nat64(address);
    match probe(prefix.map_or(address, |prefix| prefix.through(address))) {
        Ok(probe) => judge(address, &probe),
        Err(error) => vec![unsent(address, &safe_line(&error.to_string()))],
    }
}

/// Nothing left this machine, so that nobody else is to blame.
fn unsent(address: SocketAddr, why: &Safe) -> Check {
    let result = Safe::from(address) + ": nothing leaves this machine for there: " + why;
    Check::new(WAY, Outcome::Failed(ExitCode::Network), result)
        .public("nothing leaves this machine".to_owned())
        .advice("connect this machine to a network that leads there; look at its own firewall")
}

/// Whether it stands for every machine of a network: a socket may not send there unless it says that it means to.
fn is_broadcast(address: SocketAddr) -> bool {
    matches!(address.ip().to_canonical(), IpAddr::V4(v4) if v4.is_broadcast())
}

fn judge(address: SocketAddr, probe: &Probe) -> Vec<Check> {
    let why = match probe.refusal.filter(|_| probe.largest == 0) {
        Some(IcmpKind::NetUnreachable | IcmpKind::HostUnreachable) => "it has no way there",
        Some(IcmpKind::Prohibited) if is_broadcast(address) => {
            "it stands for every machine of a network, and securechat calls one"
        }
        Some(IcmpKind::Prohibited) => "its firewall forbids it",
        Some(IcmpKind::Refused | IcmpKind::TooBig | IcmpKind::Other) | None => {
            let is_too_big = probe.reported(IcmpKind::TooBig);
            return vec![reports(address, probe), size(probe.largest, is_too_big)];
        }
    };
    let words = "nothing left, so no size was tried";
    let size = Check::plain(SIZE, Outcome::Skipped, words);
    let way = unsent(address, &why.into());
    if is_broadcast(address) {
        return vec![way.advice("name the address of one machine"), size];
    }
    vec![way, size]
}

/// What came back.
fn reports(address: SocketAddr, probe: &Probe) -> Check {
    let failed = |words: &str, advice: &'static str| {
        let result = Safe::from(address) + ": " + safe_line(words);
        let check = Check::new(WAY, Outcome::Failed(ExitCode::Network), result);
        check.public(words.to_owned()).advice(advice)
    };
    if probe.is_answered {
        return failed(
            "something answers that is no securechat",
            "is the port right? A network that wants a login first (a portal) answers for others, too",
        );
    }
    if probe.reported(IcmpKind::Refused) {
        failed(
            "the machine, or something on the way, reports that this UDP port is closed",
            "have the other side run securechat listen, and check the port number",
        )
    } else if probe.reported(IcmpKind::HostUnreachable) || probe.reported(IcmpKind::NetUnreachable)
    {
        no_way(address, failed)
    } else if probe.reported(IcmpKind::Prohibited) {
        failed(
            "a firewall reports that it lets nothing through",
            "have UDP allowed to that address and port",
        )
    } else {
        let words = "nothing is reported against it";
        let result = Safe::from(address) + ": " + words;
        Check::new(WAY, Outcome::Good, result).public(words.to_owned())
    }
}

/// What it means that nothing gets there: over IPv4 a firewall that forbids it is not told from a way that is not there.
fn no_way(address: SocketAddr, failed: impl FnOnce(&str, &'static str) -> Check) -> Check {
    if address.is_ipv6() {
        return failed(
            "the network reports that there is no way there",
            "check the address, and the network on both sides",
        );
    }
    failed(
        "the network reports that there is no way there, or that a firewall forbids it",
        "check the address, the network on both sides, and whether UDP is allowed to that address and port",
    )
}

fn size(largest: usize, complained: bool) -> Check {
    let what = SIZE;
    if largest < BASE_DATAGRAM_LEN {
        // Smaller packets are sent then, down to the floor.
        let (least, outcome) = if largest < FLOOR_DATAGRAM_LEN {
            (FLOOR_DATAGRAM_LEN, Outcome::Failed(ExitCode::Network))
        } else {
            (BASE_DATAGRAM_LEN, Outcome::Warning)
        };
        let words = format!("the way there takes less than {least} bytes");
        let check = Check::plain(what, outcome, &words);
        return check.advice("every path of IPv6 takes 1280 with headers: look at the MTU of the interface or the tunnel");
    }
    if complained {
        let words = format!(
            "this machine lets {largest} bytes leave, and the network complains about some size"
        );
        return Check::plain(what, Outcome::Good, &words);
    }
    Check::plain(
        what,
        Outcome::Good,
        &format!("{largest} bytes leave this machine"),
    )
}

#[derive(Default)]
struct Probe {
    /// The largest datagram that the system took.
    largest: usize,
    /// Why it took no larger one. That is the word of this machine, not of the network.
    refusal: Option<IcmpKind>,
    complaints: Vec<IcmpError>,
    /// Whether datagrams came back from there. No securechat answers what was sent.
    is_answered: bool,
}

impl Probe {
    fn reported(&self, kind: IcmpKind) -> bool {
        self.complaints.iter().any(|it| it.kind == kind)
    }

    /// Sends datagrams of growing size, as far as the system takes them.
    fn send(&mut self, socket: &Socket, address: SocketAddr) -> io::Result<()> {
        let sizes = [FLOOR_DATAGRAM_LEN, BASE_DATAGRAM_LEN];
        for size in sizes.into_iter().chain(MTU_PROBES) {
            let batch = [(address.into(), vec![0; size])];
            let mut said = Vec::new();
            let sent = socket.send(&batch, &mut Vec::new(), Room::Wait, &mut |error| {
                said.push(error);
            })?;
            if sent.datagrams == 0 {
                // What was said before is about earlier ones.
                self.refusal = said.pop().map(|error| error.kind);
                self.complaints.extend(said);
                return Ok(());
            }
            self.complaints.extend(said);
            self.largest = size;
        }
        Ok(())
    }

    /// Waits for an answer of any kind.
    fn receive(&mut self, socket: &Socket, address: SocketAddr) -> io::Result<()> {
        let mut batch = Batch::new();
        let first = match socket.receive(&mut batch, TO_COMPLAIN) {
            Ok(()) => None,
            Err(error) => match SocketError::classify(&error) {
                SocketError::Icmp(kind) => Some(kind),
                SocketError::Idle
                | SocketError::NotTaken
                | SocketError::Passing
                | SocketError::Dead => None,
            },
        };
        self.is_answered = batch.datagrams().any(|(from, _)| from.peer == address);
        socket.complaints(first, &mut |error| self.complaints.push(error))?;
        Ok(())
    }
}

fn probe(address: SocketAddr) -> io::Result<Probe> {
    let family = if address.is_ipv4() {
        Family::V4
    } else {
        Family::V6
    };
    let socket = Socket::bind(Bind::Everywhere { port: 0, family })?;
    let mut probe = Probe::default();
    probe.send(&socket, address)?;
    probe.receive(&socket, address)?;
    if probe.largest == 0 && probe.refusal.is_none() && probe.complaints.is_empty() {
        return Err(io::ErrorKind::NetworkUnreachable.into());
    }
    Ok(probe)
}

/// Whether somebody answers who holds the key that is expected there. That takes a whole connection: the store is opened,
/// timestamps are used, and what waits for the peer goes out.
fn answer(patient: &Patient<'_>, host: &Host) -> Check {
    let what = "the peer's answer";
    let skipped = |words: &str| {
        talk::warn_uncalled(patient.globals, patient.out);
        Check::plain(what, Outcome::Skipped, words)
    };
    let Some(name) = expected(patient, host) else {
        return skipped(
            "without the key of who is there nobody answers, by design; with --peer NAME a real connection is tried",
        );
    };
    if !patient.is_settled {
        return skipped(
            "config.toml is not understood: it says what is kept of what would be sent",
        );
    }
    let is_protected =
        load_identity(patient.paths.identity()).map(|key: KeyFile| key.is_protected());
    match is_protected {
        Err(_) => return skipped("there is no identity to call with"),
        Ok(true) if !can_unlock(patient) => {
            return skipped(
                "the identity has a passphrase: give --passphrase-file or --passphrase-command",
            );
        }
        Ok(_) => {}
    }
    let context = patient.context();
    let runs = match Running::find(&context, PATIENCE) {
        // Where nobody can be asked, whoever has the identity is taken for one that talks.
        Ok(None) => !IS_SUPPORTED && network::ours(patient).is_some(),
        Ok(Some(_)) => true,
        Err(error) => return of_error(what, &error, patient),
    };
    if runs {
        let ping = Suggestion::securechat(["ping".into(), name]);
        let check = skipped("a securechat of yours runs");
        let ask = patient.out.command(&ping) + " asks it for the same";
        let result = check.result.clone() + ": " + ask;
        return Check { result, ..check };
    }
    // A command that has the identity for a moment is waited for.
    match talk::look(&name, &host.to_string(), &context) {
        Ok(Some(took)) => {
            let ms = took.as_secs_f64() * 1_000.0;
            let words = name + " answers after " + safe_line(&format!("{ms:.1} ms"));
            Check::new(what, Outcome::Good, words).public(format!("after {ms:.1} ms"))
        }
        Ok(None) => {
            let words = name + " has answered, and has not accepted you or does not answer pings";
            Check::new(what, Outcome::Warning, words).public("no session".to_owned())
        }
        Err(error) => of_error(what, &error, patient),
    }
}

pub(super) fn of_error(what: &'static str, error: &Error, patient: &Patient<'_>) -> Check {
    Check::of_report(what, &error.report(), patient.out)
}

fn can_unlock(patient: &Patient<'_>) -> bool {
    let globals = patient.globals;
    let given = globals.passphrase_file.is_some() || globals.passphrase_command.is_some();
    // That of the settings is for no key that the arguments name.
    given || (globals.identity.is_none() && patient.config.passphrase_command.is_some())
}

/// Who is expected there: `--peer`, or whoever has that address in known-peers.
fn expected(patient: &Patient<'_>, host: &Host) -> Option<Safe> {
    let known = KnownPeers::load(&patient.paths.known_peers()).ok()?;
    if let Some(name) = &patient.args.peer {
        return known.find(name).ok().map(|peer| peer.name().clone());
    }
    let there: HostPort = host.to_string().parse().ok()?;
    let is_there = |peer: &&Peer| peer.addresses().contains(&there) && !peer.is_revoked();
    known
        .peers()
        .iter()
        .find(is_there)
        .map(|peer| peer.name().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outcome and words of the way and of the size.
    fn judged(probe: &Probe) -> Vec<(Outcome, String)> {
        let checks = judge(([203, 0, 113, 9], 7419).into(), probe);
        checks
            .iter()
            .map(|check| (check.outcome, check.result.to_string()))
            .collect()
    }

    fn says(check: &(Outcome, String), outcome: Outcome, words: &str) {
        assert!(check.0 == outcome && check.1.contains(words), "{check:?}");
    }

    /// The peer, the network and the MTU were blamed.
    #[test]
    fn where_nothing_leaves_this_machine_nobody_else_is_blamed() {
        for (refusal, words) in [
            (IcmpKind::NetUnreachable, "it has no way there"),
            (IcmpKind::Prohibited, "its firewall forbids it"),
        ] {
            let probe = Probe {
                refusal: Some(refusal),
                ..Probe::default()
            };
            let [way, size] = judged(&probe).try_into().unwrap();
            let words = format!("nothing leaves this machine for there: {words}");
            says(&way, Outcome::Failed(ExitCode::Network), &words);
            says(&size, Outcome::Skipped, "nothing left");
        }
    }

    /// A firewall was said to be no way.
    #[test]
    fn what_may_be_forbidden_over_ipv4_is_not_said_to_have_no_way_for_certain() {
        let said = |address: &str, kind| {
            let peer = None;
            let complaints = vec![IcmpError { peer, kind }];
            let probe = Probe {
                largest: 1_472,
                complaints,
                ..Probe::default()
            };
            let checks = judge(address.parse().unwrap(), &probe);
            checks.first().unwrap().result.to_string()
        };
        let [v4, v6] = ["203.0.113.9:7419", "[2001:db8::9]:7419"];
        for kind in [IcmpKind::HostUnreachable, IcmpKind::NetUnreachable] {
            let [v4, v6] = [v4, v6].map(|address| said(address, kind));
            let words = "the network reports that there is no way there";
            assert!(v6.ends_with(words), "{v6}");
            let words = format!("{words}, or that a firewall forbids it");
            assert!(v4.ends_with(&words), "{v4}");
        }
    }

    /// Its firewall was blamed.
    #[test]
    fn what_is_not_sent_to_every_machine_of_a_network_is_no_firewalls_doing() {
        let probe = Probe {
            refusal: Some(IcmpKind::Prohibited),
            ..Probe::default()
        };
        let checks = judge(([255, 255, 255, 255], 7419).into(), &probe);
        let [way, _] = checks.try_into().unwrap();
        let result = way.result.to_string();
        assert!(result.contains("it stands for every machine"), "{result}");
        let advice = way.advice.unwrap().to_string();
        assert_eq!(advice, "name the address of one machine");
    }

    /// That was told as a complaint of the network, of every way over IPv6.
    #[test]
    fn what_the_machine_itself_does_not_take_is_no_complaint_of_the_network() {
        let refusing = Probe {
            largest: 1_452,
            refusal: Some(IcmpKind::TooBig),
            ..Probe::default()
        };
        let [way, size] = judged(&refusing).try_into().unwrap();
        says(&way, Outcome::Good, "nothing is reported");
        says(&size, Outcome::Good, "1452 bytes leave this machine");
        let peer = None;
        let kind = IcmpKind::TooBig;
        let complaints = vec![IcmpError { peer, kind }];
        let [_, size] = judged(&Probe {
            complaints,
            ..refusing
        })
        .try_into()
        .unwrap();
        says(&size, Outcome::Good, "the network complains");
    }
}
