//! Which way a datagram would leave.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::net::address::{DEFAULT_PORT, everywhere_v4, everywhere_v6};

/// Of the range for documentation (RFC 5737): routed as all of the world is. Nothing is sent there.
pub const FAR_V4: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), DEFAULT_PORT);

/// The same of IPv6 (RFC 3849).
pub const FAR_V6: SocketAddr = SocketAddr::new(
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    DEFAULT_PORT,
);

/// The address that datagrams to `to` would leave from. Nothing is sent for it.
///
/// # Errors
///
/// The system's: `NetworkUnreachable` without a route, `Unsupported` or others without the family.
pub fn local_address_towards(to: SocketAddr) -> io::Result<IpAddr> {
    Lookout::default().local_address_towards(to)
}

/// Whether something can leave for `to` from this address of ours. Nothing is sent for it.
#[must_use]
pub fn has_way(from: IpAddr, to: SocketAddr) -> bool {
    let socket = UdpSocket::bind(SocketAddr::new(from, 0));
    socket.is_ok_and(|socket| socket.connect(to).is_ok())
}

/// Somebody who asks that again and again, each time from the same port as long as that is free. Between ways that are equally
/// good Linux may choose by the ports (`fib_multipath_hash_policy`): what is asked from another port may be answered otherwise
/// though nothing has changed.
#[derive(Debug, Default)]
pub struct Lookout {
    /// None yet if it is 0.
    port: u16,
}

impl Lookout {
    /// As the function of that name.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn local_address_towards(&mut self, to: SocketAddr) -> io::Result<IpAddr> {
        let socket = bind(to, self.port).or_else(|_| bind(to, 0))?;
        self.port = socket.local_addr()?.port();
        socket.connect(to)?;
        Ok(socket.local_addr()?.ip())
    }
}

fn bind(to: SocketAddr, port: u16) -> io::Result<UdpSocket> {
    UdpSocket::bind(match to {
        SocketAddr::V4(_) => everywhere_v4(port),
        SocketAddr::V6(_) => everywhere_v6(port),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_an_address_that_is_not_ours_nothing_leaves() {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        assert!(has_way(here.ip(), here));
        assert!(!has_way(FAR_V4.ip(), here));
        assert!(!has_way(FAR_V6.ip(), here));
    }

    #[test]
    fn the_way_to_this_machine_is_this_machine() {
        let here = SocketAddr::from(([127, 0, 0, 1], 7));
        assert!(local_address_towards(here).unwrap().is_loopback());
    }

    #[test]
    fn the_same_is_asked_from_the_same_port_unless_somebody_else_has_it() {
        let here = SocketAddr::from(([127, 0, 0, 1], 7));
        let mut lookout = Lookout::default();
        let mut ask = || {
            assert!(lookout.local_address_towards(here).unwrap().is_loopback());
            lookout.port
        };
        let port = ask();
        assert_eq!([ask(), ask()], [port; 2]);
        let _taken = bind(here, port).unwrap();
        assert_ne!(ask(), port);
    }
}
