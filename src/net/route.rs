//! Which way a datagram would leave.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::net::address::{everywhere_v4, everywhere_v6};

/// The address that datagrams to `to` would leave from. Nothing is sent for it.
///
/// # Errors
///
/// The system's: `NetworkUnreachable` without a route, `Unsupported` or others without the family.
pub fn local_address_towards(to: SocketAddr) -> io::Result<IpAddr> {
    let everywhere = match to {
        SocketAddr::V4(_) => everywhere_v4(0),
        SocketAddr::V6(_) => everywhere_v6(0),
    };
    let socket = UdpSocket::bind(everywhere)?;
    socket.connect(to)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_this_machine_is_this_machine() {
        let here = SocketAddr::from(([127, 0, 0, 1], 7));
        assert!(local_address_towards(here).unwrap().is_loopback());
    }
}
