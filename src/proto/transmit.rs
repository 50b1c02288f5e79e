//! Outgoing datagrams. What has to be sealed is sealed by the sending thread, outside the core's lock.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::crypto::BatchWipe;
use crate::id::Counter;
use crate::proto::keypair::Keypair;
use crate::proto::limits::MTU_PROBES;
use crate::time::Instant;
use crate::wire::limits::DATA_HEADER_LEN;
use crate::wire::packet::Data;

/// An outgoing datagram with its destination.
#[derive(Debug)]
pub struct Transmit {
    /// Where it goes.
    pub to: SocketAddr,
    /// Which of our addresses it leaves from. None: whichever the system takes.
    pub from: Option<IpAddr>,
    /// What goes there.
    pub datagram: Datagram,
}

/// A datagram, ready or to be sealed.
#[derive(Debug)]
pub enum Datagram {
    /// As it goes out.
    Ready(Vec<u8>),
    /// To be sealed first.
    Unsealed(Unsealed),
}

/// Memory of datagrams that have left, for those to come.
#[derive(Debug, Default)]
pub(super) struct Buffers(Vec<Vec<u8>>);

/// As many as leave in one batch.
const MAX_BUFFERS: usize = 64;

impl Buffers {
    /// An empty buffer with room for a datagram.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.0
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(MAX_PATH_DATAGRAM_LEN))
    }

    /// Keeps a buffer for later, unless there are enough or it is not of that size.
    pub(super) fn put(&mut self, mut buffer: Vec<u8>) {
        if self.0.len() < MAX_BUFFERS && buffer.capacity() == MAX_PATH_DATAGRAM_LEN {
            buffer.clear();
            self.0.push(buffer);
        }
    }
}

/// The largest datagram that a path is found to carry.
const MAX_PATH_DATAGRAM_LEN: usize = {
    let [.., largest] = MTU_PROBES;
    largest
};

/// A laid-out DATA datagram whose counter is taken and whose plaintext is still plain.
pub struct Unsealed {
    keypair: Arc<Keypair>,
    counter: Counter,
    buffer: Vec<u8>,
}

impl Datagram {
    /// The bytes as they go out; seals in place where needed. `None` if the key has become too old
    /// since the packet was laid out, because the thread or the machine slept in between.
    #[must_use]
    pub fn into_bytes(self, now: Instant) -> Option<Vec<u8>> {
        self.into_bytes_in_batch(now, &BatchWipe::new())
    }

    /// The same for one datagram of a batch, after which `wipe` cleans up.
    #[must_use]
    pub fn into_bytes_in_batch(self, now: Instant, wipe: &BatchWipe) -> Option<Vec<u8>> {
        match self {
            Self::Ready(bytes) => Some(bytes),
            Self::Unsealed(unsealed) => unsealed.seal(now, wipe),
        }
    }

    /// Length on the wire.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Ready(bytes) => bytes.len(),
            Self::Unsealed(unsealed) => unsealed.buffer.len(),
        }
    }

    /// Whether there is nothing; never true.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Unsealed {
    /// Puts the header into `buffer`, which has room for it, the plaintext, and room for the tag. The
    /// counter is taken from `keypair` and used nowhere else.
    pub(super) fn new(keypair: &Arc<Keypair>, counter: Counter, mut buffer: Vec<u8>) -> Self {
        let data = Data {
            receiver: keypair.remote_index,
            counter,
        };
        data.write_header(&mut buffer);
        Self {
            keypair: Arc::clone(keypair),
            counter,
            buffer,
        }
    }

    fn seal(mut self, now: Instant, wipe: &BatchWipe) -> Option<Vec<u8>> {
        if !self.keypair.is_usable(now) {
            return None;
        }
        let (_, body) = self.buffer.split_at_mut_checked(DATA_HEADER_LEN)?;
        self.keypair.seal(self.counter, body, wipe);
        Some(self.buffer)
    }
}

impl core::fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "Unsealed({:?}, {} bytes)",
            self.counter,
            self.buffer.len()
        )
    }
}
