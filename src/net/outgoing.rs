//! What is on its way from the core to the socket, and the buffers for it. One thread at a time has it.

use crate::crypto::BatchWipe;
use crate::net::shared::{Fatal, Shared};
use crate::net::trace::{Excerpt, Fate};
use crate::net::udp::Room;
use crate::proto::{Endpoint, Route, Transmit};
use crate::time::Instant;

/// The most datagrams of one batch: the longest train that the kernel takes.
pub(super) const MAX_BATCH: usize = 64;

/// A batch of datagrams.
#[derive(Debug)]
pub(super) struct Outgoing {
    unsealed: Vec<Transmit>,
    sealed: Vec<(Route, Vec<u8>)>,
    /// Where datagrams are put together for one system call.
    train: Vec<u8>,
    /// The memory of datagrams that have left, for the core to use again.
    spent: Vec<Vec<u8>>,
    /// A way that nothing leaves by any more, for the core to forget.
    gone: Option<Route>,
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self {
            unsealed: Vec::with_capacity(MAX_BATCH),
            sealed: Vec::with_capacity(MAX_BATCH),
            train: Vec::new(),
            spent: Vec::with_capacity(MAX_BATCH),
            gone: None,
        }
    }

    /// Takes as much from the core as one batch holds, and gives it back what has left; under the lock.
    pub(super) fn fill(&mut self, endpoint: &mut Endpoint, now: Instant) {
        self.spent
            .drain(..)
            .for_each(|buffer| endpoint.recycle(buffer));
        if let Some(route) = self.gone.take() {
            endpoint.forget_local(route);
        }
        while self.unsealed.len() < MAX_BATCH
            && let Some(transmit) = endpoint.poll_transmit(now)
        {
            self.unsealed.push(transmit);
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.unsealed.is_empty() && self.sealed.is_empty()
    }

    /// Seals and sends, without the lock. False if the socket had no room and something is left, which
    /// only [`Room::Leave`] allows.
    pub(super) fn send(&mut self, shared: &Shared, room: Room) -> Result<bool, Fatal> {
        self.seal(shared.clock.now());
        let report = &mut |error| shared.on_icmp_error(error);
        let sent = shared
            .socket
            .send(&self.sealed, &mut self.train, room, report)
            .map_err(|_| Fatal::SocketDead)?;
        shared.counters.on_sent(&sent);
        self.gone = sent.gone.or(self.gone);
        let done = self.sealed.len().saturating_sub(sent.left);
        if let Some(trace) = &shared.trace {
            let now = shared.clock.now();
            for (place, (to, bytes)) in self.sealed.iter().take(done).enumerate() {
                let is_lost = sent.lost.binary_search(&place).is_ok();
                let fate = if is_lost { Fate::NotSent } else { Fate::Sent };
                trace.note(now, to.peer, Excerpt::of(bytes), fate);
            }
        }
        let left = self.sealed.drain(..done);
        self.spent.extend(left.map(|(_, buffer)| buffer));
        Ok(self.sealed.is_empty())
    }

    fn seal(&mut self, now: Instant) {
        let wipe = BatchWipe::new();
        let bytes = |Transmit { to, from, datagram }| {
            let (peer, local) = (to, from);
            let bytes = datagram.into_bytes_in_batch(now, &wipe)?;
            Some((Route { peer, local }, bytes))
        };
        self.sealed
            .extend(self.unsealed.drain(..).filter_map(bytes));
    }

    /// As if the socket had had no room for a datagram.
    #[cfg(test)]
    pub(super) fn found_no_room_for_testing_only(&mut self, to: Route, datagram: Vec<u8>) {
        self.sealed.push((to, datagram));
    }
}
