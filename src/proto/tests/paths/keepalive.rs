//! What keeps a NAT open goes through it.

use super::*;

const INTERVAL: Duration = Duration::from_secs(25);

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
