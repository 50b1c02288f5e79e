//! The `recv` thread. It blocks on the socket and nowhere else.

use core::time::Duration;
use std::io;
use std::net::SocketAddr;

use crate::net::icmp::SocketError;
use crate::net::shared::{Fatal, Shared};
use crate::net::udp::Batch;
use crate::proto::{DropReason, Incoming, OpenBatch, Opened, Screened};
use crate::sync::thread;
use crate::time::Instant;
use crate::wire::packet::Packet;

/// The pause after an error that nobody knows, so that one that stays does not take a whole core.
const ODD_PAUSE: Duration = Duration::from_millis(10);

/// What a datagram turned out to be, before the core sees it.
enum Sorted<'a> {
    Opened(Opened<'a>),
    Handshake(SocketAddr, Screened<'a>),
    Dropped(DropReason),
}

/// Receives until the driver stops.
pub(super) fn run(shared: &Shared) -> Result<(), Fatal> {
    let mut batch = Batch::new();
    while !shared.is_stopping() {
        // 1. Wait for datagrams.
        match shared.socket.receive(&mut batch) {
            Ok(()) => take(shared, &mut batch)?,
            Err(error) => on_error(shared, &error)?,
        }
    }
    Ok(())
}

fn take(shared: &Shared, batch: &mut Batch) -> Result<(), Fatal> {
    // 2. Without the lock: check MACs, find keys, open.
    let now = shared.clock.now();
    let mut bytes = 0;
    let mut sorted = Vec::new();
    let mut keys = shared.keys.batch();
    for (from, datagram) in batch.datagrams() {
        bytes += datagram.len();
        sorted.push(sort(shared, &mut keys, from, datagram, now));
    }
    drop(keys);
    shared.counters.on_received(sorted.len(), bytes);
    // 3. With the lock, once for the batch: hand over.
    let mut core = shared.lock()?;
    let now = shared.clock.now();
    for datagram in sorted {
        let endpoint = core.messenger.endpoint_mut();
        match datagram {
            Sorted::Opened(opened) => endpoint.handle_opened(&opened, now),
            Sorted::Handshake(from, packet) => endpoint.handle_handshake(from, packet, now),
            Sorted::Dropped(reason) => endpoint.handle_dropped(reason),
        }
        core.messenger.settle(now);
    }
    // 4. Without the lock: wake whoever has something to do now, or had long ago.
    shared.release(core);
    shared.wake_late_sender();
    Ok(())
}

fn sort<'a>(
    shared: &Shared,
    keys: &mut OpenBatch<'_>,
    from: SocketAddr,
    datagram: &'a mut [u8],
    now: Instant,
) -> Sorted<'a> {
    if matches!(Packet::parse(datagram), Ok(Packet::Data(_))) {
        return match keys.open(from, datagram, now) {
            Ok(opened) => Sorted::Opened(opened),
            Err(reason) => Sorted::Dropped(reason),
        };
    }
    match shared.screen.check(datagram) {
        Ok(Incoming::Handshake(packet)) => Sorted::Handshake(from, packet),
        Ok(Incoming::Data) => Sorted::Dropped(DropReason::Malformed),
        Err(reason) => Sorted::Dropped(reason),
    }
}

/// No error but that of a dead socket ends the loop.
fn on_error(shared: &Shared, error: &io::Error) -> Result<(), Fatal> {
    let said = match SocketError::classify(error) {
        SocketError::Dead => return Err(Fatal::SocketDead),
        SocketError::Passing => {
            pause(shared);
            None
        }
        SocketError::Icmp(kind) => Some(kind),
        SocketError::Idle => {
            shared.wake_late_sender();
            None
        }
    };
    let complaints = shared
        .socket
        .complaints(said, &mut |error| shared.on_icmp_error(error));
    if complaints.is_err() {
        pause(shared);
    }
    Ok(())
}

fn pause(shared: &Shared) {
    shared.counters.on_error();
    thread::park_timeout(ODD_PAUSE);
}
