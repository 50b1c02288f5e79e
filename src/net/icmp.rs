//! What the operating system says went wrong with a datagram.
//!
//! Nothing of it is authenticated: anybody on the way can forge an ICMP error. So it never ends a
//! loop and never changes a session; it explains to the user why there is no answer.
//! Source: docs/protocol.md#paths.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use crate::net::os;

#[cfg(all(test, target_os = "linux"))]
pub(super) mod forged;

/// What was said about a datagram that we had sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpError {
    /// Where the datagram was sent to; `None` where the system does not tell (Windows).
    pub peer: Option<SocketAddr>,
    /// What became of it.
    pub kind: IcmpKind,
}

/// Why a datagram did not arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IcmpKind {
    /// Nothing listens on the port, says the machine, or whoever writes in its name.
    Refused,
    /// There is no way to the machine. Over IPv4 it may be that a firewall on the way forbids it: Linux has one error
    /// for both (codes 1, 10 and 13 of RFC 1812 §5.2.7.1).
    HostUnreachable,
    /// There is no way to its network, or this machine has no network of that family. Over IPv4 it may be forbidden, too
    /// (codes 0 and 9).
    NetUnreachable,
    /// A firewall does not let it through: our own, or one on the way over IPv6.
    Prohibited,
    /// It was larger than the network lets through.
    TooBig,
    /// Something else.
    Other,
}

/// What an error of a receive or a send means for the loop that made the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketError {
    /// Nothing happened: no datagram in time, no room in time, or a signal.
    Idle,
    /// One datagram did not arrive, not necessarily the one of this call.
    Icmp(IcmpKind),
    /// The system does not take this call as it is: a train where it knows none, perhaps, or a route that leads nowhere.
    NotTaken,
    /// Something that passes, such as a lack of memory, or that we do not know.
    Passing,
    /// The socket is beyond use. The only one that ends a loop.
    Dead,
}

impl SocketError {
    /// Reads an error of the operating system. Windows' numbers start at 10,000, where no other
    /// system has any, so that they are understood everywhere.
    #[must_use]
    pub fn classify(error: &io::Error) -> Self {
        let number = error.raw_os_error().unwrap_or(0);
        if os::DEAD.contains(&number) {
            return Self::Dead;
        }
        if number == os::NO_FAMILY {
            return Self::Icmp(IcmpKind::NetUnreachable);
        }
        if number == os::HOST_DOWN {
            return Self::Icmp(IcmpKind::HostUnreachable);
        }
        if os::ICMP_OTHER.contains(&number) {
            return Self::Icmp(IcmpKind::Other);
        }
        if os::NOT_TAKEN.contains(&number) {
            return Self::NotTaken;
        }
        if quinn_udp::is_msg_size_err(error) {
            return Self::Icmp(IcmpKind::TooBig);
        }
        Self::of_winsock(number).unwrap_or_else(|| Self::of_kind(error.kind()))
    }

    const fn of_winsock(number: i32) -> Option<Self> {
        Some(match number {
            10_004 | 10_035 | 10_060 => Self::Idle,
            10_009 | 10_038 => Self::Dead,
            10_013 => Self::Icmp(IcmpKind::Prohibited),
            10_022 => Self::NotTaken,
            10_040 => Self::Icmp(IcmpKind::TooBig),
            10_047 | 10_049..=10_051 => Self::Icmp(IcmpKind::NetUnreachable),
            10_052 => Self::Icmp(IcmpKind::Other),
            10_054 | 10_061 => Self::Icmp(IcmpKind::Refused),
            10_064 | 10_065 => Self::Icmp(IcmpKind::HostUnreachable),
            _ => return None,
        })
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the list is open, and what is new passes"
    )]
    const fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Self::Idle,
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {
                Self::Icmp(IcmpKind::Refused)
            }
            ErrorKind::HostUnreachable => Self::Icmp(IcmpKind::HostUnreachable),
            ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable => Self::Icmp(IcmpKind::NetUnreachable),
            ErrorKind::PermissionDenied => Self::Icmp(IcmpKind::Prohibited),
            _ => Self::Passing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_number(number: i32) -> SocketError {
        SocketError::classify(&io::Error::from_raw_os_error(number))
    }

    #[test]
    fn windows_numbers_are_understood_on_every_system() {
        let refused = SocketError::Icmp(IcmpKind::Refused);
        assert_eq!(of_number(10_054), refused);
        assert_eq!(of_number(10_061), refused);
        assert_eq!(of_number(10_004), SocketError::Idle);
        assert_eq!(of_number(10_035), SocketError::Idle);
        assert_eq!(of_number(10_060), SocketError::Idle);
        assert_eq!(of_number(10_022), SocketError::NotTaken);
        assert_eq!(of_number(10_040), SocketError::Icmp(IcmpKind::TooBig));
        assert_eq!(
            of_number(10_051),
            SocketError::Icmp(IcmpKind::NetUnreachable)
        );
        assert_eq!(
            of_number(10_065),
            SocketError::Icmp(IcmpKind::HostUnreachable)
        );
        assert_eq!(of_number(10_038), SocketError::Dead);
    }

    #[test]
    fn only_a_dead_socket_ends_a_loop() {
        for number in (0..200).chain(10_000..10_200) {
            let dead = os::DEAD.contains(&number) || [10_009, 10_038].contains(&number);
            assert_eq!(
                of_number(number) == SocketError::Dead,
                dead,
                "error {number}"
            );
        }
    }
}
