//! From `host:port` to addresses: literals at once, names on a thread of their own, because the
//! system's resolver may take half a minute and cannot be told to stop.

use core::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;

use crate::net::address::Family;
use crate::sync::thread;

/// The most addresses of one name that are tried: a name's owner must not choose how many datagrams
/// we send.
pub const MAX_ADDRESSES: usize = 8;

/// The longest name that DNS knows (RFC 1035 §2.3.4), in characters.
const MAX_NAME: usize = 253;

/// Why a host has no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ResolveError {
    /// It is not `HOST`, `HOST:PORT`, `IP:PORT` or `[IPv6]:PORT`.
    #[error("that is not HOST:PORT")]
    Syntax,
    /// It has no port where one is needed.
    #[error("the port is missing")]
    NoPort,
    /// What stands for the port is not 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// The name does not exist.
    #[error("the name does not exist")]
    NotFound,
    /// The name servers did not answer, perhaps because there is no network.
    #[error("the name server does not answer")]
    Temporary,
    /// The host exists, but has no address, or none of the family that was asked for.
    #[error("the host has no address of that family, or none at all")]
    NoAddress,
    /// The system failed for a reason of its own, such as too many open files.
    #[error("the name could not be looked up")]
    Failed,
}

/// A host and a port as somebody wrote them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// An IP address.
    Literal(SocketAddr),
    /// A name: 1 to 253 characters of printable ASCII without spaces.
    Name {
        /// The name, as written.
        name: String,
        /// The port.
        port: u16,
    },
}

impl Host {
    /// Reads `HOST:PORT`; `HOST` alone means `default_port`, if there is one. An IPv6 address with a
    /// port stands in brackets, without one it may.
    ///
    /// # Errors
    ///
    /// [`ResolveError::Syntax`], [`ResolveError::NoPort`] or [`ResolveError::Port`].
    pub fn parse(text: &str, default_port: Option<u16>) -> Result<Self, ResolveError> {
        let (host, port) = split_port(text)?;
        let port = match port {
            Some(digits) => parse_port(digits)?,
            None => default_port.ok_or(ResolveError::NoPort)?,
        };
        if let Some(ip) = parse_ip(host) {
            return Ok(Self::Literal(ip(port)));
        }
        let printable = host
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'/');
        if host.is_empty() || host.len() > MAX_NAME || !printable {
            return Err(ResolveError::Syntax);
        }
        Ok(Self::Name {
            name: host.to_owned(),
            port,
        })
    }

    /// Finds the host's addresses of `family`, the best of each family in turn, and hands them to
    /// `done`: for a literal at once, for a name later on another thread, or at once with
    /// [`ResolveError::Temporary`] if the system gives no thread.
    pub fn resolve(
        self,
        family: Family,
        done: impl FnOnce(Result<Vec<SocketAddr>, ResolveError>) + Send + 'static,
    ) {
        match self {
            Self::Literal(address) => done(choose(&[address], family)),
            Self::Name { name, port } => {
                let lookup = move || lookup(&name, port, family);
                answer_later(done, lookup, |body| {
                    thread::start("resolve", body).map(drop)
                });
            }
        }
    }

    /// The same for whoever waits: [`ResolveError::Temporary`] if nothing is found for so long.
    ///
    /// # Errors
    /// [`ResolveError`].
    pub fn resolve_within(
        self,
        patience: Duration,
        family: Family,
    ) -> Result<Vec<SocketAddr>, ResolveError> {
        let (sender, found) = channel();
        self.resolve(family, move |addresses| {
            // Nobody may wait for it any more.
            let _ = sender.send(addresses);
        });
        let found = found.recv_timeout(patience);
        found.unwrap_or(Err(ResolveError::Temporary))
    }
}

/// Hands what `lookup` finds to `done` on a thread that `start` makes, or says at once that it found nothing for now.
fn answer_later<T: 'static>(
    done: impl FnOnce(Result<T, ResolveError>) + Send + 'static,
    lookup: impl FnOnce() -> Result<T, ResolveError> + Send + 'static,
    start: impl FnOnce(Box<dyn FnOnce() + Send>) -> io::Result<()>,
) {
    // A thread that is not started drops what it was to do.
    let done = Arc::new(Mutex::new(Some(done)));
    let take = |done: &Mutex<Option<_>>| done.lock().unwrap_or_else(PoisonError::into_inner).take();
    let later = Arc::clone(&done);
    let body = move || {
        let found = lookup();
        if let Some(done) = take(&later) {
            done(found);
        }
    };
    if start(Box::new(body)).is_err()
        && let Some(done) = take(&done)
    {
        done(Err(ResolveError::Temporary));
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(address) => write!(f, "{address}"),
            Self::Name { name, port } => write!(f, "{name}:{port}"),
        }
    }
}

/// Host and port, the latter still as text. More than one colon without brackets is an IPv6 address.
fn split_port(text: &str) -> Result<(&str, Option<&str>), ResolveError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(ResolveError::Syntax)?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(ResolveError::Syntax),
        };
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => Ok((host, Some(port))),
        Some(_) | None => Ok((text, None)),
    }
}

fn parse_port(digits: &str) -> Result<u16, ResolveError> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .parse()
        .ok()
        .filter(|&port| plain && port != 0)
        .ok_or(ResolveError::Port)
}

/// An address without its port. `fe80::1%3` has a scope, which is a number here; `%eth0` is left to
/// the system's resolver.
fn parse_ip(host: &str) -> Option<impl Fn(u16) -> SocketAddr> {
    let (ip, scope) = match host.split_once('%') {
        Some((ip, scope)) => (
            IpAddr::V6(ip.parse::<Ipv6Addr>().ok()?),
            scope.parse().ok()?,
        ),
        None => (host.parse::<IpAddr>().ok()?, 0),
    };
    Some(move |port| match ip.to_canonical() {
        IpAddr::V4(v4) => SocketAddr::from((v4, port)),
        IpAddr::V6(v6) => SocketAddr::V6(SocketAddrV6::new(v6, port, 0, scope)),
    })
}

fn lookup(name: &str, port: u16, family: Family) -> Result<Vec<SocketAddr>, ResolveError> {
    let found = (name, port)
        .to_socket_addrs()
        .map_err(|error| explain(&error))?;
    choose(&found.collect::<Vec<_>>(), family)
}

/// Why the resolver failed. The standard library keeps the resolver's code to itself: on Windows
/// the number is there (`WSATRY_AGAIN`), elsewhere the C library's words are.
fn explain(error: &io::Error) -> ResolveError {
    const HOST_NOT_FOUND: i32 = 11_001;
    const TRY_AGAIN: i32 = 11_002;
    const NO_DATA: i32 = 11_004;
    let text = error.to_string().to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|it| text.contains(it));
    match error.raw_os_error() {
        Some(HOST_NOT_FOUND) => ResolveError::NotFound,
        Some(TRY_AGAIN) => ResolveError::Temporary,
        Some(NO_DATA) => ResolveError::NoAddress,
        Some(_) => ResolveError::Failed,
        None if says(&["temporary failure", "try again"]) => ResolveError::Temporary,
        None if says(&["not known", "does not resolve"]) => ResolveError::NotFound,
        None if says(NONE_OF_ITS_OWN) => ResolveError::NoAddress,
        None => ResolveError::Failed,
    }
}

/// What C libraries say of a name that exists.
const NONE_OF_ITS_OWN: &[&str] = &[
    "no address associated",
    "no usable address",
    "family for hostname",
];

/// The addresses of `family`, without repetition, one of each family in turn. The first is the one
/// that the system puts first: it knows which family works here (RFC 6724, RFC 8305 §4).
fn choose(found: &[SocketAddr], family: Family) -> Result<Vec<SocketAddr>, ResolveError> {
    let first_is_v6 = found
        .iter()
        .find(|a| family.allows(a.ip()))
        .is_some_and(SocketAddr::is_ipv6);
    let allowed = found.iter().filter(|address| family.allows(address.ip()));
    let (mut ours, mut others): (Vec<_>, Vec<_>) = allowed
        .rev()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut chosen = Vec::new();
    while chosen.len() < MAX_ADDRESSES {
        let Some(next) = ours.pop().or_else(|| others.pop()) else {
            break;
        };
        if !chosen.contains(next) {
            chosen.push(*next);
            core::mem::swap(&mut ours, &mut others);
        }
    }
    if chosen.is_empty() {
        Err(ResolveError::NoAddress)
    } else {
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn literal(text: &str) -> Host {
        Host::Literal(text.parse().expect("an address"))
    }

    fn name(name: &str, port: u16) -> Host {
        Host::Name {
            name: name.to_owned(),
            port,
        }
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect()
    }

    #[test]
    fn every_way_to_write_a_host_is_read() {
        let parse = |text| Host::parse(text, Some(7419));
        assert_eq!(parse("192.0.2.7:9"), Ok(literal("192.0.2.7:9")));
        assert_eq!(parse("192.0.2.7"), Ok(literal("192.0.2.7:7419")));
        assert_eq!(parse("[2001:db8::1]:9"), Ok(literal("[2001:db8::1]:9")));
        assert_eq!(parse("[2001:db8::1]"), Ok(literal("[2001:db8::1]:7419")));
        assert_eq!(parse("2001:db8::1"), Ok(literal("[2001:db8::1]:7419")));
        assert_eq!(parse("[fe80::1%3]:9"), Ok(literal("[fe80::1%3]:9")));
        assert_eq!(parse("[fe80::1%eth0]:9"), Ok(name("fe80::1%eth0", 9)));
        assert_eq!(parse("[::ffff:192.0.2.7]:9"), Ok(literal("192.0.2.7:9")));
        assert_eq!(parse("chat.example.org:9"), Ok(name("chat.example.org", 9)));
        assert_eq!(
            parse("chat.example.org"),
            Ok(name("chat.example.org", 7419))
        );
    }

    #[test]
    fn what_is_not_a_host_is_refused_by_kind() {
        for text in [
            "", ":9", "[::1", "[::1]9", "a b:9", "a\u{7}:9", "b\u{f6}b", "a/b", "[]:9",
        ] {
            assert_eq!(
                Host::parse(text, Some(1)),
                Err(ResolveError::Syntax),
                "{text:?}"
            );
        }
        for text in ["a:", "a:0", "a:65536", "a:+9", "a:9x", "[::1]:"] {
            assert_eq!(
                Host::parse(text, Some(1)),
                Err(ResolveError::Port),
                "{text:?}"
            );
        }
        assert_eq!(Host::parse("a", None), Err(ResolveError::NoPort));
        assert_eq!(
            Host::parse(&"a".repeat(254), Some(1)),
            Err(ResolveError::Syntax)
        );
    }

    #[test]
    fn a_host_is_shown_as_it_can_be_read_again() {
        for text in ["192.0.2.7:9", "[2001:db8::1]:9", "chat.example.org:9"] {
            assert_eq!(Host::parse(text, None).expect("valid").to_string(), text);
        }
    }

    #[test]
    fn families_take_turns_and_the_systems_first_is_first() {
        let found = addresses(&[
            "[::1]:1",
            "[::2]:1",
            "[::3]:1",
            "1.1.1.1:1",
            "[::1]:1",
            "1.1.1.2:1",
        ]);
        let expected = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"]);
        assert_eq!(choose(&found, Family::Any), Ok(expected));
        let found = addresses(&["1.1.1.1:1", "1.1.1.2:1", "[::1]:1"]);
        let expected = addresses(&["1.1.1.1:1", "[::1]:1", "1.1.1.2:1"]);
        assert_eq!(choose(&found, Family::Any), Ok(expected));
    }

    #[test]
    fn a_family_that_is_asked_for_is_the_only_one() {
        let found = addresses(&["[::1]:1", "1.1.1.1:1"]);
        assert_eq!(choose(&found, Family::V4), Ok(addresses(&["1.1.1.1:1"])));
        assert_eq!(choose(&found, Family::V6), Ok(addresses(&["[::1]:1"])));
        assert_eq!(
            choose(&addresses(&["[::1]:1"]), Family::V4),
            Err(ResolveError::NoAddress)
        );
        assert_eq!(choose(&[], Family::Any), Err(ResolveError::NoAddress));
    }

    #[test]
    fn a_name_does_not_choose_how_many_addresses_are_tried() {
        let found: Vec<_> = (1..100)
            .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
            .collect();
        assert_eq!(
            choose(&found, Family::Any).expect("addresses").len(),
            MAX_ADDRESSES
        );
    }

    #[test]
    fn a_name_server_that_does_not_answer_is_told_from_a_name_that_does_not_exist() {
        let glibc = "failed to lookup address information: ";
        let of = |words: &str| explain(&io::Error::other(format!("{glibc}{words}")));
        assert_eq!(of("Name or service not known"), ResolveError::NotFound);
        assert_eq!(
            of("Temporary failure in name resolution"),
            ResolveError::Temporary
        );
        assert_eq!(of("Try again"), ResolveError::Temporary);
        assert_eq!(
            explain(&io::Error::from_raw_os_error(11_001)),
            ResolveError::NotFound
        );
        assert_eq!(
            explain(&io::Error::from_raw_os_error(11_002)),
            ResolveError::Temporary
        );
    }

    /// It was said that they do not exist, of which the system had said nothing.
    #[test]
    fn a_name_that_exists_and_a_system_that_fails_are_told_from_a_name_that_does_not() {
        let prefix = "failed to lookup address information: ";
        let of = |words: &str| explain(&io::Error::other(format!("{prefix}{words}")));
        for words in [
            "Name or service not known",
            "nodename nor servname provided, or not known",
            "Name does not resolve",
        ] {
            assert_eq!(of(words), ResolveError::NotFound, "{words}");
        }
        for words in [
            "No address associated with hostname",
            "Name has no usable address",
            "Address family for hostname not supported",
        ] {
            assert_eq!(of(words), ResolveError::NoAddress, "{words}");
        }
        for words in [
            "Memory allocation failure",
            "Non-recoverable failure in name resolution",
        ] {
            assert_eq!(of(words), ResolveError::Failed, "{words}");
        }
        let number = |number| explain(&io::Error::from_raw_os_error(number));
        assert_eq!(number(24), ResolveError::Failed, "too many open files");
        assert_eq!(number(11_004), ResolveError::NoAddress);
    }

    #[test]
    fn a_literal_is_there_at_once_and_a_name_comes_later() {
        let (done, wait) = channel();
        let send = |done: &mpsc::Sender<_>| {
            let done = done.clone();
            move |result| done.send(result).expect("somebody waits")
        };
        literal("192.0.2.7:9").resolve(Family::Any, send(&done));
        assert_eq!(wait.try_recv(), Ok(Ok(addresses(&["192.0.2.7:9"]))));
        literal("192.0.2.7:9").resolve(Family::V6, send(&done));
        assert_eq!(wait.try_recv(), Ok(Err(ResolveError::NoAddress)));
        name("localhost", 9).resolve(Family::Any, send(&done));
        let found = wait
            .recv()
            .expect("an answer")
            .expect("every machine has localhost");
        assert!(
            found
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 9)
        );
    }

    #[test]
    fn whoever_waits_for_a_name_is_answered_though_there_is_no_thread() {
        let (done, wait) = channel();
        let tell = move |found: Result<(), _>| done.send(found).expect("somebody waits");
        let none = |_| Err(io::ErrorKind::WouldBlock.into());
        answer_later(tell, || unreachable!("nobody looks"), none);
        assert_eq!(wait.try_recv(), Ok(Err(ResolveError::Temporary)));
    }
}
