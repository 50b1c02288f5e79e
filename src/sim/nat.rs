//! A box that shares one outside address: a port for every inside address, lost when idle.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::BTreeMap;

use crate::time::Instant;

/// First outside port that a box hands out.
const FIRST_PORT: u16 = 40_000;

/// How a box behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatConfig {
    /// The address that the world sees.
    pub outside: IpAddr,
    /// For how long a mapping lives without an outgoing datagram; RFC 4787 asks for 120 s at least,
    /// real boxes are content with 30 s.
    pub idle: Duration,
}

struct Mapping {
    port: u16,
    used: Instant,
}

/// One box. Its mappings do not depend on the remote address, nor does it filter by it: who knows
/// an open port gets in.
pub(super) struct Nat {
    config: NatConfig,
    mappings: BTreeMap<SocketAddr, Mapping>,
    next_port: u16,
}

impl Nat {
    pub(super) const fn new(config: NatConfig) -> Self {
        Self {
            config,
            mappings: BTreeMap::new(),
            next_port: FIRST_PORT,
        }
    }

    pub(super) const fn outside(&self) -> IpAddr {
        self.config.outside
    }

    /// The source that the world sees for a datagram from `inside`; opens or refreshes the mapping.
    pub(super) fn outbound(&mut self, inside: SocketAddr, now: Instant) -> SocketAddr {
        let (idle, next_port) = (self.config.idle, self.next_port);
        let mapping = self
            .mappings
            .entry(inside)
            .or_insert(Mapping { port: 0, used: now });
        if mapping.port == 0 || is_stale(mapping, idle, now) {
            mapping.port = next_port;
            self.next_port = next_port.checked_add(1).unwrap_or(FIRST_PORT);
        }
        mapping.used = now;
        SocketAddr::new(self.config.outside, mapping.port)
    }

    /// The inside address behind `port`, if its mapping lives.
    pub(super) fn inbound(&self, port: u16, now: Instant) -> Option<SocketAddr> {
        let mut live = self
            .mappings
            .iter()
            .filter(|(_, m)| !is_stale(m, self.config.idle, now));
        live.find(|(_, mapping)| mapping.port == port)
            .map(|(inside, _)| *inside)
    }

    /// Forgets every mapping, as a reboot does: the next outgoing datagram gets another port.
    pub(super) fn rebind(&mut self) {
        self.mappings.clear();
    }
}

fn is_stale(mapping: &Mapping, idle: Duration, now: Instant) -> bool {
    now.saturating_since(mapping.used) > idle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn nat() -> (Nat, SocketAddr) {
        let config = NatConfig {
            outside: [203, 0, 113, 1].into(),
            idle: Duration::from_secs(30),
        };
        (Nat::new(config), SocketAddr::from(([10, 0, 0, 2], 7419)))
    }

    #[test]
    fn a_mapping_opens_outwards_and_lets_answers_in() {
        let (mut nat, inside) = nat();
        assert_eq!(nat.inbound(FIRST_PORT, at(0)), None);
        let outside = nat.outbound(inside, at(0));
        assert_eq!(outside, SocketAddr::from(([203, 0, 113, 1], FIRST_PORT)));
        assert_eq!(nat.inbound(FIRST_PORT, at(1)), Some(inside));
    }

    #[test]
    fn only_outgoing_datagrams_keep_a_mapping() {
        let (mut nat, inside) = nat();
        let first = nat.outbound(inside, at(0));
        assert_eq!(nat.outbound(inside, at(30)), first);
        assert_eq!(nat.inbound(first.port(), at(61)), None);
        assert_ne!(nat.outbound(inside, at(61)), first);
    }

    #[test]
    fn a_rebound_box_uses_another_port() {
        let (mut nat, inside) = nat();
        let first = nat.outbound(inside, at(0));
        nat.rebind();
        let second = nat.outbound(inside, at(1));
        assert_ne!(first, second);
        assert_eq!(nat.inbound(first.port(), at(1)), None);
        assert_eq!(nat.inbound(second.port(), at(1)), Some(inside));
    }
}
