//! Finds keys by session index, for whichever thread has a datagram to open.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::id::{Counter, SessionIndex};
use crate::proto::keypair::Keypair;
use crate::proto::stats::DropReason;
use crate::time::Instant;
use crate::wire::limits::DATA_HEADER_LEN;
use crate::wire::packet::Packet;

/// All keypairs that may open something, by our own index. The core writes it; threads read it
/// without the core's lock and hold a keypair for one batch only.
#[derive(Debug, Default)]
pub struct KeyTable {
    keypairs: RwLock<BTreeMap<SessionIndex, Arc<Keypair>>>,
}

/// A DATA packet that the holder of the key sealed and that was never seen before. Only
/// [`KeyTable::open`] makes one.
#[derive(Debug)]
pub struct Opened<'a> {
    pub(super) keypair: Arc<Keypair>,
    pub(super) counter: Counter,
    pub(super) from: SocketAddr,
    pub(super) plaintext: &'a [u8],
}

impl KeyTable {
    /// Opens `datagram` (any bytes from anybody) in place.
    ///
    /// The window is tested before the AEAD and committed after it, and the commit decides: of two
    /// threads that open one duplicate, one gets an error.
    ///
    /// # Errors
    /// The reason for which it is to be dropped in silence.
    pub fn open<'a>(
        &self,
        from: SocketAddr,
        datagram: &'a mut [u8],
        now: Instant,
    ) -> Result<Opened<'a>, DropReason> {
        let Ok(Packet::Data(data)) = Packet::parse(datagram) else {
            return Err(DropReason::Malformed);
        };
        let keypair = self.find(data.receiver).ok_or(DropReason::UnknownIndex)?;
        if !keypair.can_open(now) {
            return Err(DropReason::KeyExpired);
        }
        if !keypair.is_new(data.counter) {
            return Err(DropReason::Replayed);
        }
        let (_, sealed) = datagram
            .split_at_mut_checked(DATA_HEADER_LEN)
            .ok_or(DropReason::Malformed)?;
        let plaintext = keypair
            .open(data.counter, sealed)
            .map_err(|_| DropReason::Forged)?;
        if !keypair.commit(data.counter) {
            return Err(DropReason::Replayed);
        }
        Ok(Opened {
            keypair,
            counter: data.counter,
            from,
            plaintext,
        })
    }

    /// How many keypairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keypairs
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn find(&self, index: SessionIndex) -> Option<Arc<Keypair>> {
        self.keypairs
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&index)
            .cloned()
    }

    pub(super) fn insert(&self, keypair: &Arc<Keypair>) {
        let mut keypairs = self
            .keypairs
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        keypairs.insert(keypair.local_index, Arc::clone(keypair));
    }

    pub(super) fn remove(&self, keypair: &Keypair) {
        let mut keypairs = self
            .keypairs
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        keypairs.remove(&keypair.local_index);
    }
}
