//! One generation of keys, and the slots that a peer's generations occupy.
//! Source: docs/protocol.md#keys-over-time.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::crypto::{BatchWipe, OpenError, OpenKey, Plaintext, SealKey, TransportKeys};
use crate::id::{ConnectionId, Counter, Epoch, PeerId, SessionIndex};
use crate::proto::directory::Place;
use crate::proto::limits::{
    ATTEMPT_LIFE, ERASE_AFTER, GLARE_WINDOW, MAX_NEXT_KEYPAIRS, REJECT_AFTER, REJECT_AFTER_PACKETS,
    REKEY_AFTER_FORGERIES, REKEY_AFTER_PACKETS,
};
use crate::proto::replay::ReplayWindow;
use crate::proto::route::Route;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, PoisonError};
use crate::time::Instant;

/// What two sides call the connection that a keypair serves: our id and theirs.
pub(super) type ConnectionPair = (ConnectionId, ConnectionId);

/// One generation of send and receive keys with one peer. Shared between threads, never changed but
/// for its counters.
#[derive(Debug)]
pub struct Keypair {
    pub(super) peer: PeerId,
    /// Where the endpoint has its record.
    pub(super) place: Place,
    pub(super) epoch: Epoch,
    pub(super) local_index: SessionIndex,
    pub(super) remote_index: SessionIndex,
    pub(super) connection: ConnectionPair,
    /// Whether we started the handshake that made it.
    pub(super) initiator: bool,
    /// The hash of the handshake that made it.
    pub(super) handshake: [u8; 32],
    /// Where the other side was shown to receive, once the keypair is confirmed: the one address that
    /// its half of the handshake went to.
    pub(super) proves: Option<Route>,
    /// When our INIT left, or theirs arrived: the other side's half is no older than that.
    started: Instant,
    pub(super) created: Instant,
    seal: SealKey,
    open: OpenKey,
    sent: AtomicU64,
    forgeries: AtomicU64,
    /// Above every counter that was committed: what is at or above it needs no look into the window.
    above: AtomicU64,
    window: Mutex<ReplayWindow>,
}

/// Everything about a keypair but its keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeypairInfo {
    pub(super) peer: PeerId,
    /// Where the endpoint has its record.
    pub(super) place: Place,
    pub(super) epoch: Epoch,
    pub(super) local_index: SessionIndex,
    pub(super) remote_index: SessionIndex,
    pub(super) connection: ConnectionPair,
    pub(super) initiator: bool,
    pub(super) handshake: [u8; 32],
    pub(super) proves: Option<Route>,
    pub(super) started: Instant,
}

impl Keypair {
    pub(super) fn new(info: KeypairInfo, keys: TransportKeys, now: Instant) -> Arc<Self> {
        let KeypairInfo {
            peer,
            place,
            epoch,
            local_index,
            remote_index,
            connection,
            initiator,
            handshake,
            proves,
            started,
        } = info;
        let TransportKeys { seal, open } = keys;
        Arc::new(Self {
            peer,
            place,
            epoch,
            local_index,
            remote_index,
            connection,
            initiator,
            handshake,
            proves,
            started,
            created: now,
            seal,
            open,
            sent: AtomicU64::new(0),
            forgeries: AtomicU64::new(0),
            above: AtomicU64::new(0),
            window: Mutex::new(ReplayWindow::default()),
        })
    }

    /// Takes the next counter. `None` once the key may seal no more: a nonce never repeats, because
    /// this only rises, stops before it wraps and is never restored.
    pub(super) fn next_counter(&self) -> Option<Counter> {
        let below_limit = |sent| (sent < REJECT_AFTER_PACKETS).then_some(sent + 1);
        self.sent
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, below_limit)
            .ok()
            .map(Counter)
    }

    /// Takes a counter, to test that nobody else gets it.
    #[doc(hidden)]
    #[must_use]
    pub fn next_counter_for_testing_only(&self) -> Option<Counter> {
        self.next_counter()
    }

    /// Moves the send counter, to test its end.
    #[doc(hidden)]
    pub fn set_sent_for_testing_only(&self, sent: u64) {
        self.sent.store(sent, Ordering::Relaxed);
    }

    /// Whether packets under it are still taken. The other side may have made it as much as
    /// [`ATTEMPT_LIFE`] later than we did, and seals by its own clock.
    pub(super) fn can_open(&self, now: Instant) -> bool {
        now.saturating_since(self.created) < REJECT_AFTER + ATTEMPT_LIFE
    }

    pub(super) fn is_usable(&self, now: Instant) -> bool {
        now.saturating_since(self.created) < REJECT_AFTER
    }

    pub(super) fn can_seal(&self, now: Instant) -> bool {
        self.is_usable(now) && self.sent.load(Ordering::Relaxed) < REJECT_AFTER_PACKETS
    }

    pub(super) fn is_worn_out(&self) -> bool {
        self.sent.load(Ordering::Relaxed) >= REKEY_AFTER_PACKETS
            || self.forgeries.load(Ordering::Relaxed) >= REKEY_AFTER_FORGERIES
    }

    pub(super) fn erase_at(&self) -> Instant {
        self.created + ERASE_AFTER
    }

    pub(super) fn seal(&self, counter: Counter, buffer: &mut [u8], wipe: &BatchWipe) {
        self.seal.seal_in_batch(counter, buffer, wipe);
    }

    pub(super) fn open<'a>(
        &self,
        counter: Counter,
        sealed: &'a mut [u8],
        wipe: &BatchWipe,
    ) -> Result<Plaintext<'a>, OpenError> {
        let opened = self.open.open_in_batch(counter, sealed, wipe);
        if opened.is_err() {
            self.forgeries.fetch_add(1, Ordering::Relaxed);
        }
        opened
    }

    /// Whether `counter` could still be committed; to be asked before opening. In order no lock is taken.
    pub(super) fn is_new(&self, counter: Counter) -> bool {
        counter.0 >= self.above.load(Ordering::Relaxed) || self.lock_window().is_new(counter)
    }

    /// Marks `counter` as seen; false if it was seen already or is too old. Of two threads that opened the
    /// same packet one gets `true`.
    pub(super) fn commit(&self, counter: Counter) -> bool {
        let mut window = self.lock_window();
        let is_first = window.commit(counter);
        if is_first {
            // Under the lock, so that it only rises. Nothing is above u64::MAX: that one is always looked up
            // by the commit alone.
            let above = self.above.load(Ordering::Relaxed);
            self.above
                .store(above.max(counter.0.saturating_add(1)), Ordering::Relaxed);
        }
        is_first
    }

    fn lock_window(&self) -> MutexGuard<'_, ReplayWindow> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both come from INITs that crossed on the way: same connection, opposite initiators,
    /// nearly the same age.
    fn crossed(&self, other: &Self) -> bool {
        let (older, newer) = (
            self.created.min(other.created),
            self.created.max(other.created),
        );
        self.connection == other.connection
            && self.initiator != other.initiator
            && newer.saturating_since(older) < GLARE_WINDOW
    }

    /// Whether the keys after this one are in use already: its confirmation was held back on its way, and the other side may
    /// have erased it.
    fn is_behind(&self, current: &Self) -> bool {
        self.epoch < current.epoch && !self.crossed(current)
    }

    /// Whether this serves another connection and was made from an INIT that came before the one
    /// that `new` was made from: its other end belongs to a process that is gone.
    fn is_outlived_by(&self, new: &Self) -> bool {
        self.connection != new.connection && self.created <= new.started
    }

    /// Whether this is another answer to the message 1 that `other` answers.
    fn is_of_copy(&self, other: &Self) -> bool {
        (self.remote_index, self.connection) == (other.remote_index, other.connection)
    }

    /// The static key of whoever started the handshake.
    fn initiator_id(&self, local: PeerId) -> PeerId {
        if self.initiator { local } else { self.peer }
    }
}

/// Where a keypair stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Current,
    Previous,
    Next,
}

/// A peer's keypairs: the one to send under, the one before, and those that we answered and that
/// nobody has confirmed.
#[derive(Debug, Default)]
pub(super) struct KeySlots {
    current: Option<Arc<Keypair>>,
    previous: Option<Arc<Keypair>>,
    next: VecDeque<Arc<Keypair>>,
}

impl KeySlots {
    /// Gives memory back that nothing uses.
    pub(super) fn shrink(&mut self) {
        self.next.shrink_to_fit();
    }

    pub(super) fn current(&self) -> Option<&Arc<Keypair>> {
        self.current.as_ref()
    }

    /// Those that both sides are known to hold, the newest first.
    pub(super) fn in_use(&self) -> impl Iterator<Item = &Arc<Keypair>> {
        self.current.iter().chain(&self.previous)
    }

    /// The slot of `keypair`, if it has one.
    pub(super) fn slot_of(&self, keypair: &Arc<Keypair>) -> Option<Slot> {
        let is = |held: &Arc<Keypair>| Arc::ptr_eq(held, keypair);
        if self.current.as_ref().is_some_and(is) {
            Some(Slot::Current)
        } else if self.previous.as_ref().is_some_and(is) {
            Some(Slot::Previous)
        } else {
            self.next.iter().any(is).then_some(Slot::Next)
        }
    }

    /// Adds a keypair that the other side has not confirmed; the oldest beyond
    /// [`MAX_NEXT_KEYPAIRS`] is returned and has to leave the key table.
    #[must_use]
    pub(super) fn add_next(&mut self, keypair: Arc<Keypair>) -> Option<Arc<Keypair>> {
        self.next.push_back(keypair);
        if self.next.len() > MAX_NEXT_KEYPAIRS {
            self.next.pop_front()
        } else {
            None
        }
    }

    /// Whether a keypair whose handshake began at `started` is too late: one for another connection
    /// has been confirmed that was made after that.
    pub(super) fn is_late(&self, connection: ConnectionPair, started: Instant) -> bool {
        let is_later =
            |held: &Arc<Keypair>| held.connection != connection && held.created > started;
        self.current.as_ref().is_some_and(is_later)
    }

    /// Makes a confirmed keypair the one to send under, unless it crossed with the current one and
    /// that one's initiator has the smaller key: then it is kept to receive only.
    /// Returns the keypairs that are erased by it.
    #[must_use]
    pub(super) fn promote(&mut self, keypair: Arc<Keypair>, local: PeerId) -> Vec<Arc<Keypair>> {
        let mut erased: Vec<Arc<Keypair>> = Vec::new();
        if self.slot_of(&keypair) == Some(Slot::Next) {
            // A newer one stays: the confirmation may have been held back on its way, and its sender
            // may have started anew meanwhile.
            self.next.retain(|held| !Arc::ptr_eq(held, &keypair));
            let is_of_copy = |held: &Keypair| held.is_of_copy(&keypair);
            erased.extend(self.take_next(|held| held.epoch < keypair.epoch || is_of_copy(held)));
        } else {
            erased.extend(self.take_next(|held| held.is_outlived_by(&keypair)));
        }
        let (current, previous) = match self.current.take() {
            None => (keypair, None),
            Some(old) if old.connection != keypair.connection => {
                erased.push(old);
                erased.extend(self.previous.take());
                (keypair, None)
            }
            Some(old) if yields_to(&keypair, &old, local) || keypair.is_behind(&old) => {
                (old, Some(keypair))
            }
            Some(old) => (keypair, Some(old)),
        };
        erased.extend(core::mem::replace(&mut self.previous, previous));
        self.current = Some(current);
        erased
    }

    /// Takes out those of the unconfirmed keypairs for which `gone` is true.
    fn take_next(&mut self, gone: impl Fn(&Keypair) -> bool) -> VecDeque<Arc<Keypair>> {
        let next = core::mem::take(&mut self.next);
        let (taken, kept) = next.into_iter().partition(|held| gone(held));
        self.next = kept;
        taken
    }

    /// Takes out every keypair that is due to be erased at `now`.
    #[must_use]
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Arc<Keypair>> {
        let due = |keypair: &Arc<Keypair>| keypair.erase_at() <= now;
        let mut expired = Vec::new();
        expired.extend(self.current.take_if(|keypair| due(keypair)));
        expired.extend(self.previous.take_if(|keypair| due(keypair)));
        let (gone, kept) = self.next.drain(..).partition(due);
        self.next = kept;
        expired.extend::<VecDeque<_>>(gone);
        expired
    }

    /// Takes out those of one connection, which is the one that stands. Unconfirmed ones of another stay.
    #[must_use]
    pub(super) fn take_connection(&mut self, pair: Option<ConnectionPair>) -> Vec<Arc<Keypair>> {
        let next = self.take_next(|held| Some(held.connection) == pair);
        let in_use = self.current.take().into_iter().chain(self.previous.take());
        in_use.chain(next).collect()
    }

    /// Takes out everything.
    #[must_use]
    pub(super) fn take_all(&mut self) -> Vec<Arc<Keypair>> {
        let slots = core::mem::take(self);
        slots
            .current
            .into_iter()
            .chain(slots.previous)
            .chain(slots.next)
            .collect()
    }

    /// When the next keypair is due to be erased.
    pub(super) fn next_erase(&self) -> Option<Instant> {
        self.iter().map(|keypair| keypair.erase_at()).min()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Keypair>> {
        self.current.iter().chain(&self.previous).chain(&self.next)
    }
}

/// Whether `new` leaves the sending to `old`: both sides decide alike, since both know both keys.
fn yields_to(new: &Keypair, old: &Keypair, local: PeerId) -> bool {
    new.crossed(old) && old.initiator_id(local) < new.initiator_id(local)
}

#[cfg(test)]
mod tests;
