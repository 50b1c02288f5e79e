//! What the network says about the addresses at which somebody is tried. Anybody on the way can forge it: it explains.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::Barrier;
use crate::net::IcmpKind;
use crate::proto::limits::{RETRY_FOR, RETRY_JITTER, RETRY_SLOW};
use crate::time::Instant;

/// Addresses of which something is remembered: more than a name has.
const MAX_REPORTED: usize = 256;

/// How long it counts that nothing gets to an address, `tried` for so long: until another try would have brought it again.
/// The network may be back since.
fn life(tried: Duration) -> Duration {
    let pause = if tried < RETRY_FOR {
        Duration::from_secs(5)
    } else {
        RETRY_SLOW
    };
    pause + 2 * RETRY_JITTER
}

/// What was reported.
#[derive(Debug, Default)]
pub(in crate::cli::talk) struct Reports {
    /// Addresses with a closed port.
    closed: BTreeSet<SocketAddr>,
    /// Those to which nothing gets, and when that was said last.
    barred: BTreeMap<SocketAddr, (Barrier, Instant)>,
    /// Whether it is known to people that nothing gets anywhere.
    pub(super) is_told: bool,
}

impl Reports {
    /// Whether it is news that a port is closed.
    pub(super) fn note(&mut self, address: SocketAddr, kind: IcmpKind, now: Instant) -> bool {
        if self.closed.len() + self.barred.len() >= MAX_REPORTED {
            (self.closed, self.barred) = Default::default();
        }
        if let Some(barrier) = Barrier::of(kind) {
            self.barred.insert(address, (barrier, now));
        }
        kind == IcmpKind::Refused && self.closed.insert(address)
    }

    /// Of which of these addresses to tell what, if something is reported of each of them: a barrier, or else that its port is
    /// closed. Where there is such a port that says more, for a machine may have no network of the other family.
    pub(super) fn of_all(
        &self,
        addresses: &[SocketAddr],
        tried: Duration,
        now: Instant,
    ) -> Option<(SocketAddr, Option<Barrier>)> {
        let of_each = addresses.iter().map(|address| {
            let barred = self.barred.get(address);
            let barred = barred.filter(|(_, at)| now.saturating_since(*at) < life(tried));
            match barred {
                Some((barrier, _)) => Some((*address, Some(*barrier))),
                None => self.closed.contains(address).then_some((*address, None)),
            }
        });
        let of_all: Option<Vec<_>> = of_each.collect();
        let of_all = of_all?.into_iter();
        of_all.min_by_key(|(_, barrier)| barrier.is_some())
    }
}
