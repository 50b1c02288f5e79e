//! Addresses: which to bind, which to use, and the one form in which the core sees them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

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

/// The one form of an address that the core sees: IPv4 as IPv4, also from an IPv6 socket, and no
/// flow label.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => SocketAddr::V6(SocketAddrV6::new(*v6.ip(), v6.port(), 0, v6.scope_id())),
        },
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
            canonical(address("[::ffff:192.0.2.7]:9")),
            address("192.0.2.7:9")
        );
        assert_eq!(canonical(address("192.0.2.7:9")), address("192.0.2.7:9"));
    }

    #[test]
    fn a_scope_stays_and_a_flow_label_goes() {
        let ip = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let labelled = SocketAddr::V6(SocketAddrV6::new(ip, 9, 77, 3));
        assert_eq!(
            canonical(labelled),
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
}
