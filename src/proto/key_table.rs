//! Finds keys by session index, for whichever thread has a datagram to open.

use std::sync::Arc;

use crate::crypto::{BatchWipe, Plaintext};
use crate::id::{Counter, SessionIndex};
use crate::proto::keypair::Keypair;
use crate::proto::route::Route;
use crate::proto::stats::DropReason;
use crate::proto::table::Table;
use crate::sync::{PoisonError, RwLock};
use crate::time::Instant;
use crate::wire::limits::DATA_HEADER_LEN;
use crate::wire::packet::Packet;

/// All keypairs that may open something, by our own index. The core writes it; threads read it
/// without the core's lock and hold a keypair for one batch only.
#[derive(Debug, Default)]
pub struct KeyTable {
    /// Indices are drawn at random and by us, so that they are as good as hashes.
    keypairs: RwLock<Table<Arc<Keypair>>>,
}

/// A DATA packet that the holder of the key sealed and that was never seen before. Only
/// [`OpenBatch::open`] makes one.
#[derive(Debug)]
pub struct Opened<'a> {
    pub(super) keypair: Arc<Keypair>,
    pub(super) counter: Counter,
    pub(super) from: Route,
    pub(super) plaintext: Plaintext<'a>,
}

/// Opens datagrams that arrived together: most are under one key, which is looked up once, and the stack
/// is wiped once. To be dropped before the thread waits for anything.
#[derive(Debug)]
pub struct OpenBatch<'t> {
    table: &'t KeyTable,
    last: Option<Arc<Keypair>>,
    wipe: BatchWipe,
}

impl OpenBatch<'_> {
    /// Opens `datagram` (any bytes from anybody) in place.
    ///
    /// The window is tested before the AEAD and committed after it, and the commit decides: of two
    /// threads that open one duplicate, one gets an error.
    ///
    /// # Errors
    /// The reason for which it is to be dropped in silence.
    pub fn open<'a>(
        &mut self,
        from: impl Into<Route>,
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
            .open(data.counter, sealed, &self.wipe)
            .map_err(|_| DropReason::Forged)?;
        if !keypair.commit(data.counter) {
            return Err(DropReason::Replayed);
        }
        Ok(Opened {
            keypair,
            counter: data.counter,
            from: from.into(),
            plaintext,
        })
    }

    fn find(&mut self, index: SessionIndex) -> Option<Arc<Keypair>> {
        let is_it = |keypair: &&Arc<Keypair>| keypair.local_index == index;
        if let Some(last) = self.last.as_ref().filter(is_it) {
            return Some(Arc::clone(last));
        }
        self.last = Some(self.table.find(index)?);
        self.last.clone()
    }
}

impl KeyTable {
    /// Opens one datagram, as [`OpenBatch::open`] does.
    ///
    /// # Errors
    /// The reason for which it is to be dropped in silence.
    pub fn open<'a>(
        &self,
        from: impl Into<Route>,
        datagram: &'a mut [u8],
        now: Instant,
    ) -> Result<Opened<'a>, DropReason> {
        self.batch().open(from, datagram, now)
    }

    /// Begins to open what arrived together.
    #[must_use]
    pub const fn batch(&self) -> OpenBatch<'_> {
        OpenBatch {
            table: self,
            last: None,
            wipe: BatchWipe::new(),
        }
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
            .find(index.0, |_| true)
            .cloned()
    }

    pub(super) fn insert(&self, keypair: &Arc<Keypair>) {
        let mut keypairs = self
            .keypairs
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        keypairs.remove(keypair.local_index.0, |_| true);
        keypairs.insert(keypair.local_index.0, Arc::clone(keypair));
    }

    pub(super) fn remove(&self, keypair: &Keypair) {
        let mut keypairs = self
            .keypairs
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        keypairs.remove(keypair.local_index.0, |_| true);
    }
}
