//! IPv4 addresses in a network that has IPv6 only. A NAT64 stands at its edge: it carries what is sent to certain IPv6
//! addresses, each of which has an IPv4 address inside, on to that one. The socket does what a translator in the system would
//! do (RFC 6877's CLAT), where the system has none; the core knows of IPv4 addresses only.
//!
//! Source: docs/decisions/0033-nat64.md.

use core::fmt::{self, Display, Formatter};
use core::time::Duration;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::net::address::is_local;
use crate::net::os;
use crate::net::route::{FAR_V6, local_address_towards};
use crate::sync::thread;

/// Has no IPv6 address but behind a NAT64, whose name server makes some (RFC 7050 §8.1).
const NAME: &str = "ipv4only.arpa";

/// The IPv4 addresses of that name, one of which is in whatever is made (RFC 7050 §8.2).
const KNOWN: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];

/// How long what was found counts: the machine may be in another network by then.
const LIFE: Duration = Duration::from_secs(60);

/// How long what comes from such an address is taken for the one inside after something was sent through: as long as a NAT64
/// knows whom to bring an answer to (RFC 6146 §4, `UDP_DEFAULT`). In a later network it may be somebody's own address.
const ECHO: Duration = Duration::from_secs(300);

/// How long it counts that nothing was found, or nobody answered: in a network that is new the name server may not be known yet.
const PAUSE: Duration = Duration::from_secs(10);

/// The lengths of prefixes in bytes, and which bytes behind have the IPv4 address (RFC 6052 §2.2).
const FORMS: [(usize, [usize; 4]); 6] = [
    (12, [12, 13, 14, 15]),
    (8, [9, 10, 11, 12]),
    (7, [7, 9, 10, 11]),
    (6, [6, 7, 9, 10]),
    (5, [5, 6, 7, 9]),
    (4, [4, 5, 6, 7]),
];

/// The IPv6 addresses of a NAT64, one for each IPv4 address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefix {
    /// Nothing behind the prefix.
    address: Ipv6Addr,
    /// In bytes.
    len: usize,
    places: [usize; 4],
}

impl Prefix {
    /// The prefix of an address that a name server has made for [`NAME`] (RFC 7050 §3); none if it is no such one. There is one
    /// way to read it, since nothing stands behind the IPv4 address.
    fn of_known(made: Ipv6Addr) -> Option<Self> {
        let mut forms = FORMS.iter().map(|form| Self::of_form(made, *form));
        let is_made = |prefix: &Self| KNOWN.iter().any(|known| prefix.embed(*known) == made);
        forms.find(is_made)
    }

    fn of_form(address: Ipv6Addr, (len, places): (usize, [usize; 4])) -> Self {
        let mut octets = address.octets();
        octets.iter_mut().skip(len).for_each(|octet| *octet = 0);
        Self {
            address: octets.into(),
            len,
            places,
        }
    }

    /// The address that stands for this one.
    #[must_use]
    pub fn embed(&self, address: Ipv4Addr) -> Ipv6Addr {
        let mut octets = self.address.octets();
        for (place, octet) in self.places.into_iter().zip(address.octets()) {
            if let Some(it) = octets.get_mut(place) {
                *it = octet;
            }
        }
        octets.into()
    }

    /// Where to send what is for an IPv4 address; others as they are.
    #[must_use]
    pub fn through(&self, to: SocketAddr) -> SocketAddr {
        match to {
            SocketAddr::V4(v4) => SocketAddr::new(self.embed(*v4.ip()).into(), v4.port()),
            SocketAddr::V6(_) => to,
        }
    }

    /// The address that this one stands for, if it is one of these, and can be sent to as one.
    #[must_use]
    pub fn extract(&self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        let octets = address.octets();
        let inside = self
            .places
            .map(|place| octets.get(place).copied().unwrap_or_default());
        let inside = Ipv4Addr::from(inside);
        (self.embed(inside) == address && is_global_v4(inside.into())).then_some(inside)
    }
}

impl Display for Prefix {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len.saturating_mul(8))
    }
}

/// Looks for the NAT64 of the network that this machine is in, for as long as the system's resolver takes.
///
/// # Errors
/// If no name server has answered, so that there may be one.
pub fn find_nat64() -> io::Result<Option<Prefix>> {
    let mut found = (NAME, 0).to_socket_addrs()?;
    Ok(found.find_map(|address| match address.ip() {
        IpAddr::V6(v6) => Prefix::of_known(v6),
        IpAddr::V4(_) => None,
    }))
}

/// Whether a NAT64 is needed to get to an address: to an IPv4 address that means the same everywhere, if this machine has no
/// way to such ones and one to IPv6 addresses.
#[must_use]
pub fn needs_nat64(to: SocketAddr) -> bool {
    let has_way = |to| local_address_towards(to).is_ok();
    is_global_v4(to.ip()) && !has_way(to) && has_way(FAR_V6)
}

/// No prefix but that of its own network has other addresses inside (RFC 6052 §3.1).
fn is_global_v4(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let is_of_many = v4.is_broadcast() || v4.is_multicast();
            !(is_local(address) || v4.is_loopback() || v4.is_unspecified() || is_of_many)
        }
        IpAddr::V6(_) => false,
    }
}

/// What is known of the NAT64 of the network that this machine is in.
#[derive(Debug)]
pub(super) struct Nat64 {
    clock: os::Monotonic,
    /// Hardly any network has one: no datagram has to take the lock there.
    is_known: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    prefix: Option<Prefix>,
    /// When nothing more comes through, unless it is needed again.
    over: Duration,
    /// When it is to be looked for again, if it is needed.
    due: Duration,
    is_looked_for: bool,
}

impl Nat64 {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            clock: os::Monotonic::new(),
            is_known: AtomicBool::new(false),
            known: Mutex::default(),
        })
    }

    /// That of the addresses from which something may come.
    pub(super) fn prefix(&self) -> Option<Prefix> {
        if !self.is_known.load(Ordering::Relaxed) {
            return None;
        }
        let known = self.lock();
        known.prefix.filter(|_| self.clock.elapsed() < known.over)
    }

    /// Where a datagram goes that found no way to an IPv4 address. What is known grows old: then it is looked for again, and
    /// what is sent meanwhile goes where the last one went.
    pub(super) fn way(self: &Arc<Self>, to: SocketAddr) -> Option<SocketAddr> {
        if !is_global_v4(to.ip()) {
            return None;
        }
        if self.begin_to_look(|| needs_nat64(to)) {
            let this = Arc::clone(self);
            let look = move || this.note(find_nat64().map_err(drop));
            if thread::start("nat64", look).is_err() {
                self.note(Err(()));
            }
        }
        let mut known = self.lock();
        known.over = self.clock.elapsed() + ECHO;
        Some(known.prefix?.through(to))
    }

    /// Whether it is to be looked for now, should it be needed: while there is no way out at all nobody is asked.
    fn begin_to_look(&self, is_needed: impl FnOnce() -> bool) -> bool {
        let mut known = self.lock();
        if known.is_looked_for || self.clock.elapsed() < known.due || !is_needed() {
            return false;
        }
        known.is_looked_for = true;
        true
    }

    /// What was found. Where nobody has answered, what was known counts on.
    pub(super) fn note(&self, found: Result<Option<Prefix>, ()>) {
        let mut known = self.lock();
        let life = if matches!(found, Ok(Some(_))) {
            LIFE
        } else {
            PAUSE
        };
        known.prefix = found.unwrap_or(known.prefix);
        (known.due, known.is_looked_for) = (self.clock.elapsed() + life, false);
        self.is_known
            .store(known.prefix.is_some(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(text: &str) -> Ipv6Addr {
        text.parse().expect("an IPv6 address")
    }

    /// RFC 6052 §2.4, with 192.0.2.33 in each.
    const FROM_THE_RFC: [(&str, &str, &str); 6] = [
        ("2001:db8::/32", "2001:db8:c000:221::", "2001:db8:c000:aa::"),
        (
            "2001:db8:100::/40",
            "2001:db8:1c0:2:21::",
            "2001:db8:1c0:0:aa::",
        ),
        (
            "2001:db8:122::/48",
            "2001:db8:122:c000:2:2100::",
            "2001:db8:122:c000:0:aa00::",
        ),
        (
            "2001:db8:122:300::/56",
            "2001:db8:122:3c0:0:221::",
            "2001:db8:122:3c0:0:aa::",
        ),
        (
            "2001:db8:122:344::/64",
            "2001:db8:122:344:c0:2:2100::",
            "2001:db8:122:344:c0:0:aa00::",
        ),
        (
            "2001:db8:122:344::/96",
            "2001:db8:122:344::192.0.2.33",
            "2001:db8:122:344::192.0.0.170",
        ),
    ];

    #[test]
    fn a_prefix_of_each_length_is_read_off_and_used_as_the_rfc_does() {
        for (prefix, example, made) in FROM_THE_RFC {
            let found = Prefix::of_known(v6(made)).expect(prefix);
            assert_eq!(found.to_string(), prefix);
            let inside = Ipv4Addr::new(192, 0, 2, 33);
            assert_eq!(found.embed(inside), v6(example), "{prefix}");
            assert_eq!(found.extract(v6(example)), Some(inside), "{prefix}");
        }
    }

    #[test]
    fn what_is_not_made_for_the_name_has_no_prefix() {
        let twice = Prefix::of_known(v6("2001:db8:c000:aa::c000:aa")).expect("a prefix");
        assert_eq!(twice.to_string(), "2001:db8:c000:aa::/96");
        let other = Prefix::of_known(v6("64:ff9b::192.0.0.171")).expect("a prefix");
        assert_eq!(other.to_string(), "64:ff9b::/96");
        for made in [
            "::",
            "64:ff9b::192.0.0.172",
            "2001:db8::1",
            "2001:db8:122:344:c0:0:aa00:1",
            "2001:db8:122:344:1c0:0:aa00::",
        ] {
            assert_eq!(Prefix::of_known(v6(made)), None, "{made}");
        }
    }

    #[test]
    fn an_address_that_is_none_of_its_own_stands_for_itself() {
        let prefix = Prefix::of_known(v6("2001:db8:122:344:c0:0:aa00::")).expect("a prefix");
        for address in [
            "2001:db8:122:344:c0:2:2100:1",
            "2001:db8:122:345:c0:2:2100::",
            "2001:db8:122:344:1c0:2:2100::",
            "::1",
        ] {
            assert_eq!(prefix.extract(v6(address)), None, "{address}");
        }
        // Nothing could be sent to those.
        for inside in ["10.1.2.3", "127.0.0.1", "0.0.0.0"] {
            let inside = inside.parse().expect("an address");
            assert_eq!(prefix.extract(prefix.embed(inside)), None, "{inside}");
        }
        let other: SocketAddr = "[2001:db8::1]:9".parse().expect("an address");
        assert_eq!(prefix.through(other), other);
    }

    #[test]
    fn only_what_means_the_same_everywhere_goes_through_it() {
        let is_global = |text: &str| is_global_v4(text.parse().expect("an address"));
        for address in ["203.0.113.9", "8.8.8.8", "192.169.0.1"] {
            assert!(is_global(address), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.1.1",
            "224.0.0.1",
            "255.255.255.255",
            "0.0.0.0",
            "2001:db8::1",
        ] {
            assert!(!is_global(address), "{address}");
        }
    }

    #[test]
    fn what_is_known_counts_until_it_is_looked_for_again() {
        let nat64 = Nat64::new();
        let begins = || nat64.begin_to_look(|| true);
        let ages = |by| {
            let mut known = nat64.lock();
            known.due = known.due.saturating_sub(by);
        };
        assert!(
            !nat64.begin_to_look(|| false),
            "there is another way, or none"
        );
        assert!(begins());
        assert!(!begins(), "it is being looked for");
        nat64.note(Ok(None));
        assert!(!begins(), "it was not found a moment ago");
        ages(PAUSE);
        assert!(begins(), "it may be there by now");
        nat64.note(Ok(Some(well_known())));
        let [to, through] = ["203.0.113.9:7419", "[64:ff9b::203.0.113.9]:7419"]
            .map(|it| it.parse().expect("an address"));
        assert_eq!(nat64.way(to), Some(through));
        assert_eq!(
            nat64.way("10.1.2.3:7419".parse().expect("an address")),
            None
        );
        ages(PAUSE);
        assert!(!begins(), "what was found counts longer");
        ages(LIFE);
        assert!(begins(), "it is old");
        assert_eq!(nat64.prefix(), Some(well_known()), "and counts until then");
        nat64.note(Err(()));
        assert_eq!(nat64.prefix(), Some(well_known()), "nobody has answered");
        ages(PAUSE);
        assert!(begins(), "somebody may by now");
        nat64.note(Ok(None));
        assert_eq!(nat64.prefix(), None);
    }

    fn well_known() -> Prefix {
        Prefix::of_known(v6("64:ff9b::192.0.0.170")).expect("a prefix")
    }

    /// A network that had lied about its prefix had a friend taken for somebody else in all that came after it.
    #[test]
    fn what_comes_is_taken_for_an_ipv4_address_no_longer_than_an_answer_may_come() {
        let nat64 = Nat64::new();
        nat64.note(Ok(Some(well_known())));
        let to = "203.0.113.9:7419".parse().expect("an address");
        assert!(nat64.way(to).is_some());
        assert_eq!(nat64.prefix(), Some(well_known()));
        let left = nat64.lock().over.saturating_sub(nat64.clock.elapsed());
        assert!(left <= ECHO && left > ECHO - LIFE, "{left:?}");
        nat64.lock().over = nat64.clock.elapsed();
        assert_eq!(nat64.prefix(), None);
        assert!(nat64.way(to).is_some(), "it is needed again");
        assert_eq!(nat64.prefix(), Some(well_known()));
    }
}
