//! Addresses: which to bind, which to use, and the one form in which the core sees them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::net::nat64::Prefix;

/// The port that `listen` binds, and that an address without one means.
pub const DEFAULT_PORT: u16 = 7419;

/// Which families of addresses to use (`-4`, `-6`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Family {
    /// Both; the machine decides what it has.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Whether an address is of this family.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.to_canonical().is_ipv4(),
            Self::V6 => address.to_canonical().is_ipv6(),
        }
    }
}

/// Where a socket listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bind {
    /// Every address of the machine: one socket for both families where there are both.
    Everywhere {
        /// The port; 0 lets the system choose.
        port: u16,
        /// The families.
        family: Family,
    },
    /// This address and no other. `[::]` means both families, as elsewhere.
    At(SocketAddr),
}

impl Bind {
    /// Any port, every address: what somebody needs who only calls others.
    #[must_use]
    pub const fn any() -> Self {
        Self::Everywhere {
            port: 0,
            family: Family::Any,
        }
    }
}

/// The one form of an address that the core sees: IPv4 as IPv4, also from an IPv6 socket and through a NAT64, and no
/// flow label.
pub(super) fn canonical(address: SocketAddr, nat64: Option<Prefix>) -> SocketAddr {
    let inside = |v6| nat64.and_then(|prefix| prefix.extract(v6));
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped().or_else(|| inside(*v6.ip())) {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => SocketAddr::V6(SocketAddrV6::new(*v6.ip(), v6.port(), 0, v6.scope_id())),
        },
    }
}

/// Whether packets that leave `from` towards `to` must pass a NAT: `from` is an IPv4 address that means nothing beyond its own
/// network, and `to` one that is beyond it, or the way there is through a NAT64. Of other IPv6 nothing can be told: what is in the
/// way there is a firewall, if anything.
#[must_use]
pub fn is_behind_nat(from: IpAddr, to: IpAddr) -> bool {
    match (from.to_canonical(), to.to_canonical()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => is_local(from) && !is_local(to) && !to.is_loopback(),
        (IpAddr::V6(_), IpAddr::V4(_)) => true,
        (IpAddr::V6(_), IpAddr::V6(to)) => is_of_nat64(to),
        (IpAddr::V4(_), IpAddr::V6(_)) => false,
    }
}

/// By the prefixes that are for everybody's NAT64 (RFC 6052 §2.1, RFC 8215): a network may have another one.
const fn is_of_nat64(address: Ipv6Addr) -> bool {
    matches!(
        address.segments(),
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] | [0x64, 0xff9b, 1, ..]
    )
}

/// Whether an address means something within a network only: private (RFC 1918), shared with a provider's other customers
/// (RFC 6598), link-local (RFC 3927), of a machine whose network has IPv6 alone, which translates (464XLAT, RFC 7335), and of
/// IPv6 unique local (RFC 4193) and link-local.
#[must_use]
pub fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let is_shared = matches!(ip.octets(), [100, 64..=127, ..]);
            let is_translated = matches!(ip.octets(), [192, 0, 0, 0..=7]);
            ip.is_private() || is_shared || ip.is_link_local() || is_translated
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

pub(super) const fn everywhere_v4(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
}

pub(super) const fn everywhere_v6(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_mapped_address_is_an_ipv4_address() {
        assert_eq!(
            canonical(address("[::ffff:192.0.2.7]:9"), None),
            address("192.0.2.7:9")
        );
        assert_eq!(
            canonical(address("192.0.2.7:9"), None),
            address("192.0.2.7:9")
        );
    }

    #[test]
    fn a_scope_stays_and_a_flow_label_goes() {
        let ip = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let labelled = SocketAddr::V6(SocketAddrV6::new(ip, 9, 77, 3));
        assert_eq!(
            canonical(labelled, None),
            SocketAddr::V6(SocketAddrV6::new(ip, 9, 0, 3))
        );
    }

    #[test]
    fn a_family_allows_its_own() {
        let (v4, v6) = (address("192.0.2.7:9").ip(), address("[2001:db8::1]:9").ip());
        let mapped = address("[::ffff:192.0.2.7]:9").ip();
        assert_eq!(
            [v4, v6, mapped].map(|ip| Family::Any.allows(ip)),
            [true, true, true]
        );
        assert_eq!(
            [v4, v6, mapped].map(|ip| Family::V4.allows(ip)),
            [true, false, true]
        );
        assert_eq!(
            [v4, v6, mapped].map(|ip| Family::V6.allows(ip)),
            [false, true, false]
        );
    }

    #[test]
    fn a_nat_is_seen_where_a_local_address_leads_to_one_that_is_not() {
        let is_seen = |from: &str, to: &str| {
            let [from, to] = [from, to].map(|text| text.parse().unwrap());
            is_behind_nat(from, to)
        };
        let local = [
            "10.0.0.1",
            "10.255.255.254",
            "172.16.0.1",
            "172.31.255.254",
            "192.168.1.7",
            "100.64.0.1",
            "100.127.255.254",
            "169.254.3.4",
            "192.0.0.0",
            "192.0.0.7",
        ];
        let others = [
            "9.255.255.255",
            "11.0.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "191.255.255.255",
            "192.0.0.8",
            "203.0.113.9",
        ];
        for from in local {
            for to in others {
                assert!(is_seen(from, to), "{from} to {to}");
                assert!(!is_seen(to, from), "{to} to {from}");
                let [from, to] = [from, to].map(|it| format!("::ffff:{it}"));
                assert!(is_seen(&from, &to), "{from} to {to}");
            }
            for to in local {
                assert!(!is_seen(from, to), "{from} to {to}");
            }
            assert!(!is_seen(from, "127.0.0.1"));
        }
        for (from, to) in [
            ("203.0.113.9", "198.51.100.7"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1", "203.0.113.9"),
            ("2001:db8::1", "2001:db8:1::1"),
            ("fd00::1", "2001:db8::1"),
            ("fe80::1", "fe80::2"),
            ("::1", "::1"),
            ("192.168.1.7", "2001:db8::1"),
            ("2001:db8::1", "64:ff9b::1:0:0"),
            ("2001:db8::1", "64:ff9b:2::1"),
        ] {
            assert!(!is_seen(from, to), "{from} to {to}");
        }
    }

    #[test]
    fn a_nat64_is_a_nat() {
        for to in ["203.0.113.9", "64:ff9b::203.0.113.9", "64:ff9b:1:7::1"] {
            assert!(
                is_behind_nat("2001:db8::1".parse().unwrap(), to.parse().unwrap()),
                "{to}"
            );
        }
    }
}
