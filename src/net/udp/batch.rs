//! The buffers of a receive, and what is in them.

use core::slice::ChunksMut;
use std::net::IpAddr;
#[cfg(test)]
use std::net::SocketAddr;

use quinn_udp::{BATCH_SIZE, RecvMeta};

use crate::net::address::canonical;
use crate::net::nat64::Prefix;
use crate::net::udp::{FEW, MAX_RECEIVE};
use crate::proto::Route;

/// Buffers for one receive call.
pub struct Batch {
    pub(super) storage: Vec<u8>,
    pub(super) metas: [RecvMeta; BATCH_SIZE],
    pub(super) count: usize,
    /// How many datagrams or trains the last receive had room for.
    pub(super) room: usize,
    /// What stands for IPv4 addresses.
    pub(super) nat64: Option<Prefix>,
}

impl Batch {
    /// Makes the buffers: 64 KiB for each datagram of a batch, since any may be a train.
    #[must_use]
    pub fn new() -> Self {
        Self {
            storage: vec![0; BATCH_SIZE * MAX_RECEIVE],
            metas: [RecvMeta::default(); BATCH_SIZE],
            count: 0,
            room: FEW,
            nat64: None,
        }
    }

    /// As if a datagram had come from `from`.
    #[cfg(test)]
    pub(in crate::net) fn of_one_for_testing_only(from: SocketAddr, datagram: &[u8]) -> Self {
        let mut batch = Self::new();
        batch.storage[..datagram.len()].copy_from_slice(datagram);
        batch.metas[0].addr = from;
        batch.metas[0].len = datagram.len();
        batch.metas[0].stride = datagram.len();
        batch.count = 1;
        batch
    }

    pub(super) fn is_full(&self) -> bool {
        self.count == self.room
    }

    /// The datagrams of the last receive, with where they came from and, on a socket for all addresses, to which of them;
    /// trains taken apart.
    pub fn datagrams(&mut self) -> impl Iterator<Item = (Route, &mut [u8])> {
        let buffers = self.storage.chunks_mut(MAX_RECEIVE);
        buffers
            .zip(&self.metas)
            .take(self.count)
            .flat_map(|(buffer, meta)| {
                let from = Route {
                    peer: canonical(meta.addr, self.nat64),
                    local: meta.dst_ip.and_then(own),
                };
                split(buffer, meta.len, meta.stride).map(move |datagram| (from, datagram))
            })
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

/// The one form of an address of ours that a datagram came to; none if it is of a group, from which nothing leaves.
pub(super) fn own(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    let is_of_many = match address {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    };
    (!is_of_many && !address.is_unspecified()).then_some(address)
}

/// Takes a train apart. `length`: what the system says it wrote; `stride`: the size of all but the
/// last datagram. Neither is trusted: a length beyond the buffer is cut, a stride of nothing means
/// one datagram.
pub(super) fn split(buffer: &mut [u8], length: usize, stride: usize) -> ChunksMut<'_, u8> {
    let length = length.min(buffer.len());
    let stride = if stride == 0 { length.max(1) } else { stride };
    let (filled, _) = buffer.split_at_mut(length);
    filled.chunks_mut(stride)
}
