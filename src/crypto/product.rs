//! What two static keys give together, kept for peers that are met again and again.
//!
//! Every handshake mixes in `ss`, the Diffie-Hellman result of both static keys, which is the same each
//! time. WireGuard keeps it for every peer; so do we. A probe must not learn by its time whose product we
//! keep: see `read_first` in `noise`.

use std::collections::BTreeMap;
use std::sync::Arc;

use x25519_dalek::{PublicKey, StaticSecret};

use crate::crypto::secret::Secret;
use crate::id::PeerId;
use crate::sync::{Mutex, PoisonError, RwLock};

/// The Diffie-Hellman result of our static key and a peer's; wiped on drop.
#[derive(Debug)]
pub struct StaticProduct {
    remote: PeerId,
    shared: Secret<32>,
}

impl StaticProduct {
    /// Whose key ours was multiplied with.
    #[must_use]
    pub const fn remote(&self) -> PeerId {
        self.remote
    }
}

/// The products of one static key with those of peers that its owner knows. Empty at first; who puts one
/// in bounds their number.
#[derive(Debug, Default)]
pub(super) struct StaticProducts(RwLock<BTreeMap<PeerId, Secret<32>>>);

impl StaticProducts {
    pub(super) fn insert(&self, product: StaticProduct) {
        let StaticProduct { remote, shared } = product;
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(remote, shared);
    }

    pub(super) fn remove(&self, remote: &PeerId) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(remote);
    }

    pub(super) fn contains(&self, remote: &PeerId) -> bool {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(remote)
    }

    /// Writes the product with `remote` to `out`; false if there is none.
    fn copy(&self, remote: &PeerId, out: &mut [u8; 32]) -> bool {
        let products = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let product = products.get(remote);
        if let Some(product) = product {
            out.copy_from_slice(product.expose());
        }
        product.is_some()
    }
}

/// How one handshake came by its product.
#[derive(Debug, Default)]
pub(super) enum Found {
    /// It did not ask for it.
    #[default]
    NotAsked,
    /// It was kept from an earlier one.
    Kept(PeerId),
    /// It was computed.
    Made(StaticProduct),
}

/// Whom a static key may meet in a handshake beside ephemeral keys, whose products are never kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whom {
    /// The initiator knows whom it calls.
    Remote(PeerId),
    /// The responder learns who calls, but knows the ephemeral key.
    AllBut([u8; 32]),
}

impl Whom {
    fn is_static(self, public: &[u8; 32]) -> bool {
        match self {
            Self::Remote(remote) => remote.as_bytes() == public,
            Self::AllBut(ephemeral) => &ephemeral != public,
        }
    }
}

/// Our static key's part in one handshake: its public half, and the products of earlier ones. The
/// resolver has one half of it, whoever drives the handshake the other.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) public: PeerId,
    products: Arc<StaticProducts>,
    whom: Whom,
    found: Arc<Mutex<Found>>,
}

impl Own {
    pub(super) fn new(public: PeerId, products: &Arc<StaticProducts>, whom: Whom) -> Self {
        Self {
            public,
            products: Arc::clone(products),
            whom,
            found: Arc::default(),
        }
    }

    /// Writes the product of the static key `secret` with `remote` to `out`, kept or computed; false if
    /// it is all zeros.
    pub(super) fn multiply(
        &self,
        secret: &StaticSecret,
        remote: &[u8; 32],
        out: &mut [u8; 32],
    ) -> bool {
        let is_static = self.whom.is_static(remote);
        let peer = PeerId::new(*remote);
        if is_static && self.products.copy(&peer, out) {
            self.note(Found::Kept(peer));
            return true;
        }
        if !multiply(secret, remote, out) {
            return false;
        }
        if is_static {
            let shared = Secret::filled_by(|own| own.copy_from_slice(out));
            self.note(Found::Made(StaticProduct {
                remote: peer,
                shared,
            }));
        }
        true
    }

    fn note(&self, found: Found) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// What the handshake did for its product; to be asked once.
    pub(super) fn found(&self) -> Found {
        core::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// X25519; false, and `out` as it was, if the result is all zeros (RFC 7748 §6.1).
pub(super) fn multiply(secret: &StaticSecret, remote: &[u8; 32], out: &mut [u8; 32]) -> bool {
    #[cfg(test)]
    tests::COUNT.with(|count| count.set(count.get() + 1));
    let shared = secret.diffie_hellman(&PublicKey::from(*remote));
    let is_usable = shared.was_contributory();
    if is_usable {
        out.copy_from_slice(shared.as_bytes());
    }
    is_usable
}

#[cfg(test)]
pub(super) mod tests {
    use core::cell::Cell;

    thread_local! {
        /// Multiplications on this thread.
        pub(in crate::crypto) static COUNT: Cell<u32> = const { Cell::new(0) };
    }
}
