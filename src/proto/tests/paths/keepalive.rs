//! What keeps a NAT open goes through it.

use super::*;
use crate::proto::limits::{KEEPALIVE_JITTER_PART, NAT_KEEPALIVE};

const INTERVAL: Duration = NAT_KEEPALIVE;

/// When `b`, to which nothing comes, sends something to `to` until `end`.
fn sent_to(b: &mut Side, to: SocketAddr, mut at: Instant, end: Instant) -> Vec<Instant> {
    let mut times = Vec::new();
    loop {
        let sent = b.drain(at);
        times.extend(sent.iter().filter(|it| it.0 == to).map(|_| at));
        let Some((next, _)) = b.endpoint.poll_timeout().filter(|it| it.0 <= end) else {
            return times;
        };
        at = at.max(next);
        b.endpoint.handle_timeout(at);
    }
}

/// One that comes on the second, to each of several peers, shows who is behind another address.
#[test]
fn keepalives_come_within_their_interval_and_at_no_fixed_beat() {
    for interval in [NAT_KEEPALIVE, Duration::from_secs(1)] {
        let (a, mut b) = measured();
        b.endpoint.set_keepalive(a.id(), Some(interval), now(500));
        let times = sent_to(&mut b, a.address, now(500), now(100_000));
        let waits: Vec<Duration> = times
            .windows(2)
            .map(|two| two[1].saturating_since(two[0]))
            .collect();
        assert!(waits.len() >= 3);
        let least = interval - interval / KEEPALIVE_JITTER_PART;
        assert!(
            waits.iter().all(|it| (least..=interval).contains(it)),
            "{waits:?}"
        );
        let (first, last) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(*last > *first + interval / 50, "{waits:?}");
    }
}

/// They go where somebody has sent a packet on to, for `UNPROVED_LIFE`.
#[test]
fn challenges_elsewhere_put_off_no_keepalive() {
    let (mut a, mut b) = measured();
    b.endpoint.set_keepalive(a.id(), Some(INTERVAL), now(500));
    // It pays for challenges of half a minute.
    say(&mut a, &b, &[7; 200], now(500));
    for (_, datagram) in a.drain(now(500)) {
        b.receive(elsewhere(), datagram, now(500));
    }
    let end = now(500) + 4 * INTERVAL;
    let mut last = now(500);
    let times = sent_to(&mut b, a.address, now(500), end);
    for at in times.into_iter().chain([end]) {
        assert!(at.saturating_since(last) <= INTERVAL, "{last:?} to {at:?}");
        last = at;
    }
}
