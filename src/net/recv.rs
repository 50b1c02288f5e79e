//! The `recv` thread. It blocks on the socket and nowhere else.

use core::time::Duration;
use std::io;

use crate::net::icmp::SocketError;
use crate::net::shared::{Fatal, Locked, Shared};
use crate::net::trace::{Excerpt, Fate, Trace};
use crate::net::turn::Who;
use crate::net::udp::{Batch, RECV_WAIT};
use crate::proto::{DropReason, Incoming, OpenBatch, Opened, Route, Screened};
use crate::sync::thread;
use crate::time::Instant;
use crate::wire::packet::Packet;

/// The pause after a second error in a row that nobody knows, so that one that stays does not take a whole core.
pub(super) const ODD_PAUSE: Duration = Duration::from_millis(10);

/// Datagrams that are handed over in one go: a whole train.
const MAX_SORTED: usize = 64;

/// What a datagram turned out to be, before the core sees it.
enum Sorted<'a> {
    Opened(Opened<'a>),
    /// With a copy, if a record is kept.
    Handshake(Route, Screened<'a>, Option<Excerpt>),
    Dropped(DropReason),
}

impl Sorted<'_> {
    /// Notes what is decided already, and keeps the copy of what the core has to rule on.
    fn record(&mut self, trace: &Trace, at: Instant, from: Route, copy: Excerpt) {
        let fate = match self {
            Self::Handshake(_, _, kept) => {
                *kept = Some(copy);
                return;
            }
            Self::Opened(_) => Fate::Opened,
            Self::Dropped(reason) => Fate::Dropped(*reason),
        };
        trace.note(at, from.peer, copy, fate);
    }
}

/// Receives until the driver stops.
pub(super) fn run(shared: &Shared) -> Result<(), Fatal> {
    let mut batch = Batch::new();
    let (mut watched_until, mut odd_before) = (None, false);
    while !shared.is_stopping() {
        // 1. Wait for datagrams, but no longer than we have promised.
        let wait = watched_until.map_or(RECV_WAIT, |until: Instant| {
            until.saturating_since(shared.clock.now()).min(RECV_WAIT)
        });
        let received = shared.socket.receive(&mut batch, wait);
        let was_odd = core::mem::take(&mut odd_before);
        watched_until = match received {
            Ok(()) => match take(shared, &mut batch)? {
                Next::Look(until) => until,
                Next::StandBy => shared.stand_by()?,
            },
            // The owner has not answered yet.
            Err(error) if watched_until.is_some() && is_idle(&error) => {
                shared.release(shared.lock()?, Who::Recv)
            }
            Err(error) => {
                odd_before = on_error(shared, &error)?;
                if odd_before {
                    on_odd_error(shared, was_odd);
                }
                watched_until
            }
        };
    }
    Ok(())
}

fn is_idle(error: &io::Error) -> bool {
    SocketError::classify(error) == SocketError::Idle
}

/// What the `recv` thread does next.
pub(super) enum Next {
    /// Waits on the socket, at most until it has to look whether the owner has answered.
    Look(Option<Instant>),
    /// Leaves the socket to the owner.
    StandBy,
}

/// Takes what was received, be it a datagram without a byte: whoever waited goes on as after any other.
pub(super) fn take(shared: &Shared, batch: &mut Batch) -> Result<Next, Fatal> {
    let mut datagrams = batch.datagrams().peekable();
    loop {
        // 2. Without the lock: check MACs, find keys, open.
        let mut sorted = [const { None }; MAX_SORTED];
        let now = shared.clock.now();
        let (mut count, mut bytes) = (0, 0);
        let mut keys = shared.keys.batch();
        for (slot, (from, datagram)) in sorted.iter_mut().zip(&mut datagrams) {
            bytes += datagram.len();
            count += 1;
            // Opening destroys it.
            let copy = shared
                .trace
                .as_ref()
                .map(|trace| (trace, Excerpt::of(datagram)));
            let mut sorted = sort(shared, &mut keys, from, datagram, now);
            if let Some((trace, copy)) = copy {
                sorted.record(trace, now, from, copy);
            }
            *slot = Some(sorted);
        }
        drop(keys);
        shared.counters.on_received(count, bytes);
        // 3. With the lock, once for all of them: hand over.
        let mut core = shared.lock()?;
        for datagram in sorted.iter_mut().map_while(Option::as_mut) {
            hand_over(shared, &mut core, datagram);
        }
        // 4. If this was all, the owner may have the seat.
        let (events, now) = (core.messenger.has_events(), core.now);
        let stands_by = datagrams.peek().is_none() && core.seat.pass_on(events, now);
        // 5. Without the lock: send what that has brought about, and wake whoever has something to
        //    do now, or had long ago.
        let until = shared.release(core, Who::Recv);
        shared.wake_late_sender();
        if datagrams.peek().is_none() {
            return Ok(if stands_by {
                Next::StandBy
            } else {
                Next::Look(until)
            });
        }
    }
}

/// What was opened is wiped later, without the lock, when it is dropped.
fn hand_over(shared: &Shared, core: &mut Locked<'_>, datagram: &mut Sorted<'_>) {
    let now = core.now;
    let endpoint = core.messenger.endpoint_mut();
    match datagram {
        Sorted::Opened(opened) => endpoint.handle_opened(opened, now),
        Sorted::Handshake(from, packet, copy) => {
            let ruling = endpoint.handle_handshake(*from, *packet, now);
            // Before its answer can leave. It goes into a queue, and waits for no disk.
            if let (Some(trace), Some(copy)) = (&shared.trace, copy.take()) {
                trace.note(now, from.peer, copy, Fate::Ruled(ruling));
            }
        }
        Sorted::Dropped(reason) => endpoint.handle_dropped(*reason),
    }
    core.messenger.settle(now);
}

fn sort<'a>(
    shared: &Shared,
    keys: &mut OpenBatch<'_>,
    from: Route,
    datagram: &'a mut [u8],
    now: Instant,
) -> Sorted<'a> {
    // Nothing can be sent there, and who cannot be answered is not listened to.
    if from.peer.port() == 0 {
        return Sorted::Dropped(DropReason::Malformed);
    }
    if matches!(Packet::parse(datagram), Ok(Packet::Data(_))) {
        return match keys.open(from, datagram, now) {
            Ok(opened) => Sorted::Opened(opened),
            Err(reason) => Sorted::Dropped(reason),
        };
    }
    match shared.screen.check(datagram) {
        Ok(Incoming::Handshake(packet)) => Sorted::Handshake(from, packet, None),
        Ok(Incoming::Data) => Sorted::Dropped(DropReason::Malformed),
        Err(reason) => Sorted::Dropped(reason),
    }
}

/// No error but that of a dead socket ends the loop. Returns whether it is odd: neither known, nor one of those that the
/// network had to report and that the socket has a queue of. Anybody can cause the latter.
pub(super) fn on_error(shared: &Shared, error: &io::Error) -> Result<bool, Fatal> {
    let (said, is_odd) = match SocketError::classify(error) {
        SocketError::Dead => return Err(Fatal::SocketDead),
        SocketError::NotTaken | SocketError::Passing => (None, true),
        SocketError::Icmp(kind) => (Some(kind), false),
        SocketError::Idle => {
            shared.wake_late_sender();
            (None, false)
        }
    };
    let complaints = shared
        .socket
        .complaints(said, &mut |error| shared.on_icmp_error(error));
    Ok(complaints.map_or(true, |taken| is_odd && taken == 0))
}

/// Counts it, and pauses unless it is the first in a row: what is there to receive does not wait.
pub(super) fn on_odd_error(shared: &Shared, was_odd: bool) {
    shared.counters.on_error();
    if was_odd {
        thread::park_timeout(ODD_PAUSE);
    }
}
