//! Both ends of a datagram's way.

use core::net::{IpAddr, SocketAddr};

/// Where a datagram came from, and to which of our addresses; or where one goes, and from which.
///
/// A host may have several. Whoever called one of them waits for an answer from there, and so does every firewall
/// between: see docs/protocol.md#paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The other side's address.
    pub peer: SocketAddr,
    /// Ours, in the form that `peer` has. None: it is not known, or the system is to choose.
    pub local: Option<IpAddr>,
}

impl From<SocketAddr> for Route {
    fn from(peer: SocketAddr) -> Self {
        Self { peer, local: None }
    }
}
