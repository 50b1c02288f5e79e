//! ICMP errors as anybody can write them, about a datagram that was never sent. It takes a raw socket, and so a
//! privileged user.

use std::net::{IpAddr, SocketAddr};

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SendFlags, SocketType, ipproto, sendto, socket};

/// Type and code of each error of RFC 792 and RFC 1122 that Linux tells a socket about.
pub(crate) const V4: [(u8, u8); 19] = [
    (3, 0),
    (3, 1),
    (3, 2),
    (3, 3),
    (3, 4),
    (3, 5),
    (3, 6),
    (3, 7),
    (3, 8),
    (3, 9),
    (3, 10),
    (3, 11),
    (3, 12),
    (3, 13),
    (3, 14),
    (3, 15),
    (11, 0),
    (12, 0),
    (12, 1),
];

/// Type and code of each error of RFC 4443, and a code that has no meaning.
pub(crate) const V6: [(u8, u8); 11] = [
    (1, 0),
    (1, 1),
    (1, 2),
    (1, 3),
    (1, 4),
    (1, 5),
    (1, 6),
    (1, 7),
    (2, 0),
    (3, 0),
    (4, 1),
];

/// Whoever writes them.
pub(crate) struct Forger {
    raw: OwnedFd,
}

impl Forger {
    /// `None` if this user may not, or there is no such family.
    pub(crate) fn new(is_v6: bool) -> Option<Self> {
        let (family, protocol) = if is_v6 {
            (AddressFamily::INET6, ipproto::ICMPV6)
        } else {
            (AddressFamily::INET, ipproto::ICMP)
        };
        let raw = socket(family, SocketType::RAW, Some(protocol)).ok()?;
        Some(Self { raw })
    }

    /// Tells the socket that is bound to `victim` of an error that a datagram of its has met.
    pub(crate) fn send(&self, (kind, code): (u8, u8), victim: SocketAddr) {
        let mut packet = vec![kind, code, 0, 0, 0, 0, 0, 0];
        packet.extend(quoted(victim));
        if victim.is_ipv4() {
            let sum = checksum(&packet);
            packet.splice(2..4, sum.to_be_bytes());
        }
        let to = SocketAddr::new(victim.ip(), 0);
        sendto(&self.raw, &packet, SendFlags::empty(), &to).expect("it is this machine");
    }
}

/// The beginning of a datagram from `victim` to port 4444 of a machine that there is not.
fn quoted(victim: SocketAddr) -> Vec<u8> {
    let mut udp = victim.port().to_be_bytes().to_vec();
    udp.extend([0x11, 0x5c, 0, 108, 0, 0]);
    let mut ip = match victim.ip() {
        IpAddr::V4(from) => {
            let mut ip = vec![0x45, 0, 0, 128, 0, 1, 0, 0, 64, 17, 0, 0];
            ip.extend(from.octets());
            ip.extend([198, 51, 100, 7]);
            let sum = checksum(&ip);
            ip.splice(10..12, sum.to_be_bytes());
            ip
        }
        IpAddr::V6(from) => {
            let mut ip = vec![0x60, 0, 0, 0, 0, 108, 17, 64];
            ip.extend(from.octets());
            ip.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
            ip
        }
    };
    ip.extend(udp);
    ip
}

/// Source: RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u64::from(u16::from_be_bytes([high, low])),
        [high] => u64::from(high) << 8,
        _ => 0,
    });
    let mut sum: u64 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("it was folded")
}
