//! The network as far as this machine knows it: sockets, routes, the port.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc;
use std::time::Duration;

use crate::cli::doctor::Patient;
use crate::cli::doctor::check::{Check, Outcome};
use crate::cli::doctor::peer::TO_RESOLVE;
use crate::cli::turn::holder;
use crate::cli::{ExitCode, Suggestion, target};
use crate::net::{
    Abilities, Batch, Bind, DEFAULT_PORT, FAR_V4, FAR_V6, Family, Prefix, Room, Socket, find_nat64,
    is_local, local_address_towards, needs_nat64,
};
use crate::store::load_identity;
use crate::sync::thread;
use crate::text::{Safe, safe_line};
use crate::wire::limits::BASE_DATAGRAM_LEN;

/// Looks for a datagram of our own: against a machine that is busy.
const LOOKS: usize = 20;
/// How long one look takes.
const LOOK: Duration = Duration::from_millis(50);

pub(super) fn look(patient: &Patient<'_>) -> Vec<Check> {
    let (v4, abilities) = family("UDP over IPv4", Ipv4Addr::LOCALHOST.into());
    let (v6, _) = family("UDP over IPv6", Ipv6Addr::LOCALHOST.into());
    let mut checks = vec![v4, v6];
    checks.extend(abilities.map(offload));
    let [v4, v6] = [FAR_V4, FAR_V6].map(local_address_towards);
    checks.extend(routes(&v4, &v6));
    checks.extend(nat64(FAR_V4).map(translation));
    checks.push(port(patient));
    checks
}

/// Sends a datagram of the size that every path must carry to ourselves, by our own sockets.
fn family(what: &'static str, ip: IpAddr) -> (Check, Option<Abilities>) {
    match echo(ip) {
        Ok((true, abilities)) => {
            let words = "a socket can be opened; what it sends to this machine arrives";
            (Check::plain(what, Outcome::Good, words), Some(abilities))
        }
        Ok((false, abilities)) => {
            let words = "what a socket sends to this machine itself does not arrive";
            let check = Check::plain(what, Outcome::Failed(ExitCode::Network), words)
                .advice("look at the firewall of this machine");
            (check, Some(abilities))
        }
        Err(error) if ip.is_ipv6() => {
            let words = Safe::from("this machine has none: ") + safe_line(&error.to_string());
            let check = Check::new(what, Outcome::Skipped, words);
            (check.public("none".to_owned()), None)
        }
        Err(error) => {
            let words = safe_line(&error.to_string());
            let check = Check::new(what, Outcome::Failed(ExitCode::Network), words);
            (
                check.advice("securechat needs UDP: is this a sandbox without a network?"),
                None,
            )
        }
    }
}

fn echo(ip: IpAddr) -> io::Result<(bool, Abilities)> {
    let (one, other) = (
        Socket::bind(Bind::At(SocketAddr::new(ip, 0)))?,
        Socket::bind(Bind::At(SocketAddr::new(ip, 0)))?,
    );
    // Of a type that the protocol does not have.
    let sent = vec![0; BASE_DATAGRAM_LEN];
    let batch = [(other.local_addr().into(), sent.clone())];
    one.send(&batch, &mut Vec::new(), Room::Wait, &mut |_| {})?;
    let mut received = Batch::new();
    for _ in 0..LOOKS {
        if other.receive(&mut received, LOOK).is_ok() {
            let mut datagrams = received.datagrams();
            if datagrams.any(|(from, bytes)| from.peer == one.local_addr() && *bytes == *sent) {
                return Ok((true, one.abilities()));
            }
        }
    }
    Ok((false, one.abilities()))
}

fn offload(abilities: Abilities) -> Check {
    let Abilities {
        gso_segments,
        gro_segments,
        send_buffer,
        receive_buffer,
        wanted_receive_buffer,
    } = abilities;
    let words = format!(
        "buffers: {} KiB out, {} KiB in; datagrams at once: {gso_segments} out, {gro_segments} in",
        send_buffer >> 10,
        receive_buffer >> 10
    );
    let check = Check::plain("sockets", Outcome::Good, &words);
    if cfg!(target_os = "linux") && receive_buffer < wanted_receive_buffer {
        let advice = format!(
            "for more speed: sysctl -w net.core.rmem_max={}",
            2 * wanted_receive_buffer
        );
        return check.advice(safe_line(&advice));
    }
    check
}

/// The ways out. One family is enough. None at all is no failure, since two may talk within one network, or on one machine.
fn routes(v4: &io::Result<IpAddr>, v6: &io::Result<IpAddr>) -> [Check; 2] {
    let is_cut_off = v4.is_err() && v6.is_err();
    [("route over IPv4", v4), ("route over IPv6", v6)].map(|(what, towards)| match towards {
        Ok(from) => route(what, *from),
        Err(error) => no_route(what, error, is_cut_off),
    })
}

/// The NAT64 that leads to an address, if one is needed and found in time.
pub(super) fn nat64(to: SocketAddr) -> Option<Prefix> {
    if !needs_nat64(to) {
        return None;
    }
    let (sender, found) = mpsc::channel();
    let look = move || {
        // Nobody may wait for it any more.
        let _ = sender.send(find_nat64().ok().flatten());
    };
    thread::start("nat64", look).ok()?;
    found.recv_timeout(TO_RESOLVE).ok()?
}

fn translation(prefix: Prefix) -> Check {
    let words = format!("IPv4 addresses are reached through {prefix}");
    Check::plain("NAT64", Outcome::Good, &words)
}

fn route(what: &'static str, from: IpAddr) -> Check {
    let words = Safe::from("datagrams leave from ") + from;
    if !is_local(from) {
        return Check::new(what, Outcome::Good, words).public("there".to_owned());
    }
    let words = words + ", which nobody outside of your network can call";
    Check::new(what, Outcome::Warning, words)
        .public("there, from a private address".to_owned())
        .advice("to be called from outside: securechat help diagnosis, BEHIND A ROUTER")
}

fn no_route(what: &'static str, error: &io::Error, is_cut_off: bool) -> Check {
    let words = Safe::from("there is none: ") + safe_line(&error.to_string());
    let check = Check::new(what, Outcome::Warning, words).public("none".to_owned());
    if is_cut_off {
        return check
            .advice("connect this machine to a network: nobody outside of its own can be reached");
    }
    check.advice("nothing, unless somebody has addresses of this family only")
}

/// Whether `listen` would get its port.
fn port(patient: &Patient<'_>) -> Check {
    let what = "port to listen on";
    let bind = target::settled_bind(patient.config.listen, Family::Any);
    let number = patient
        .config
        .listen
        .map_or(DEFAULT_PORT, |address| address.port());
    let free = safe_line(&format!("{number}/udp is free"));
    match Socket::bind(bind) {
        Ok(_) => Check::new(what, Outcome::Good, free).public("free".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken(patient, number),
        Err(error) => {
            let words = Safe::from(number) + "/udp: " + safe_line(&error.to_string());
            let check = Check::new(what, Outcome::Failed(ExitCode::Network), words);
            let listen = listen(patient, "ADDRESS:PORT".into());
            check.advice(listen + ", or [net] listen in config.toml")
        }
    }
}

fn taken(patient: &Patient<'_>, number: u16) -> Check {
    let what = "port to listen on";
    if let Some(pid) = ours(patient) {
        let words = Safe::from(number) + "/udp is in use while your securechat runs";
        let words = match pid {
            Some(pid) => words + " (pid " + pid + ")",
            None => words,
        };
        return Check::new(what, Outcome::Good, words).public("in use, ours runs".to_owned());
    }
    let words = Safe::from(number) + "/udp is in use by another program";
    Check::new(what, Outcome::Warning, words)
        .public("in use".to_owned())
        .advice(listen(
            patient,
            Safe::from("[::]:") + number.wrapping_add(1).max(1024),
        ))
}

/// The command that listens somewhere else.
fn listen(patient: &Patient<'_>, at: Safe) -> Safe {
    let command = Suggestion::securechat(["listen".into(), at]);
    patient.out.command(&command)
}

/// Whether a program of ours has the identity open, and its number where it is known.
pub(super) fn ours(patient: &Patient<'_>) -> Option<Option<u32>> {
    let key = load_identity(patient.paths.identity()).ok()?.public()?;
    holder(&patient.paths.lock(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(ip: &str) -> io::Result<IpAddr> {
        Ok(ip.parse().unwrap())
    }

    fn none() -> io::Result<IpAddr> {
        Err(io::ErrorKind::NetworkUnreachable.into())
    }

    fn advice(check: &Check) -> &str {
        check.advice.as_ref().map_or("", Safe::as_str)
    }

    #[test]
    fn an_address_that_nobody_outside_can_call_is_warned_about() {
        for private in [
            "10.0.0.1",
            "172.31.0.1",
            "192.168.1.2",
            "100.64.0.1",
            "169.254.3.4",
            "fd00::1",
        ] {
            let [check, _] = routes(&from(private), &none());
            assert_eq!(check.outcome, Outcome::Warning, "{private}");
            assert!(check.result.as_str().contains("nobody outside"));
            assert!(advice(&check).contains("help diagnosis"));
        }
        for public in ["203.0.113.9", "172.32.0.1", "100.128.0.1", "2001:db8::9"] {
            let [check, _] = routes(&from(public), &none());
            assert_eq!(check.outcome, Outcome::Good, "{public}");
        }
    }

    /// The advice was: nothing.
    #[test]
    fn a_machine_without_any_route_is_told_to_be_cut_off() {
        for check in routes(&none(), &none()) {
            assert_eq!(check.outcome, Outcome::Warning);
            assert!(advice(&check).starts_with("connect this machine"));
        }
        let [_, v6] = routes(&from("203.0.113.9"), &none());
        assert!(advice(&v6).starts_with("nothing, unless"));
    }
}
