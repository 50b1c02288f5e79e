//! What the threads of one driver share: the core behind its lock, and everything that needs none.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use thiserror::Error;
use tracing::debug;

use crate::chat::Messenger;
use crate::net::clock::Clock;
use crate::net::icmp::IcmpError;
use crate::net::udp::{Sent, Socket};
use crate::proto::{KeyTable, Screen};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use crate::time::Instant;

/// What the system said that waits to be read; the oldest goes first. More than one peer's
/// handshakes cause.
const MAX_ICMP_ERRORS: usize = 64;

/// Why a driver no longer works. Nothing can be done but to end the program, and to say so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Fatal {
    /// A thread panicked: a bug. The panic hook has said where.
    #[error("the {thread} thread panicked")]
    Panicked {
        /// The thread's name.
        thread: &'static str,
    },
    /// Some thread panicked while it held the core: a bug. The panic hook has said where.
    #[error("a thread panicked while it held the core")]
    Poisoned,
    /// The operating system took the socket away.
    #[error("the socket is gone")]
    SocketDead,
}

/// The core and what its lock guards beside it.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) messenger: Messenger,
    /// What the `send` thread waits for, while it waits.
    sender: Sleep,
    /// Whether the `handshake` thread waits.
    worker_idle: bool,
    /// Whether the owner has been told of events and has not yet found that there are no more.
    owner_told: bool,
    /// From when on nothing new is begun.
    pub(super) stopping: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sleep {
    Awake,
    Until(Option<Instant>),
}

impl Core {
    /// The core's deadline.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.messenger.poll_timeout()
    }

    fn must_wake_sender(&self) -> bool {
        let Sleep::Until(until) = self.sender else {
            return false;
        };
        let sooner = |at| until.is_none_or(|until| at < until);
        self.messenger.endpoint().has_transmits() || self.deadline().is_some_and(sooner)
    }

    fn must_wake_worker(&self) -> bool {
        self.worker_idle && self.messenger.endpoint().has_jobs()
    }

    fn must_tell_owner(&self) -> bool {
        !self.owner_told && self.messenger.has_events()
    }

    /// Whether somebody other than the `send` thread has something to do.
    pub(super) fn has_news(&self) -> bool {
        self.must_wake_worker() || self.must_tell_owner()
    }

    /// The owner found no event.
    pub(super) const fn owner_is_done(&mut self) {
        self.owner_told = false;
    }
}

pub(super) struct Shared {
    core: Mutex<Core>,
    sender: Condvar,
    worker: Condvar,
    stopping: AtomicBool,
    fatal: OnceLock<Fatal>,
    notify: Box<dyn Fn() + Send + Sync>,
    icmp: Mutex<VecDeque<IcmpError>>,
    /// When the `send` thread means to wake, in microseconds; for [`Shared::wake_late_sender`].
    sender_due: AtomicU64,
    pub(super) screen: Arc<Screen>,
    pub(super) keys: Arc<KeyTable>,
    pub(super) socket: Socket,
    pub(super) clock: Clock,
    pub(super) counters: Counters,
}

impl Shared {
    pub(super) fn new(
        socket: Socket,
        messenger: Messenger,
        clock: Clock,
        notify: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        Self {
            screen: messenger.endpoint().screen(),
            keys: messenger.endpoint().key_table(),
            core: Mutex::new(Core {
                messenger,
                sender: Sleep::Awake,
                worker_idle: false,
                owner_told: false,
                stopping: None,
            }),
            sender: Condvar::new(),
            worker: Condvar::new(),
            stopping: AtomicBool::new(false),
            fatal: OnceLock::new(),
            notify,
            icmp: Mutex::default(),
            sender_due: AtomicU64::new(u64::MAX),
            socket,
            clock,
            counters: Counters::default(),
        }
    }

    /// Locks the core. Whoever has changed anything gives the lock back by [`Shared::release`].
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, Core>, Fatal> {
        match (self.fatal(), self.core.lock()) {
            (Some(fatal), _) => Err(fatal),
            (None, Ok(core)) => Ok(core),
            (None, Err(_)) => Err(self.fail(Fatal::Poisoned)),
        }
    }

    /// Settles what was changed, gives the lock back and wakes whoever has something to do now. The owner is told without the
    /// lock, so that it may take it.
    pub(super) fn release(&self, mut core: MutexGuard<'_, Core>) {
        core.messenger.settle(self.clock.now());
        let (sender, worker) = (core.must_wake_sender(), core.must_wake_worker());
        let owner = core.must_tell_owner();
        if sender {
            core.sender = Sleep::Awake;
        }
        core.worker_idle &= !worker;
        core.owner_told |= owner;
        drop(core);
        if sender {
            self.sender.notify_one();
        }
        if worker {
            self.worker.notify_one();
        }
        if owner {
            (self.notify)();
        }
    }

    /// Lets the `send` thread sleep until it is woken or `wait` has passed.
    pub(super) fn sleep_sender<'a>(
        &self,
        mut core: MutexGuard<'a, Core>,
        wait: Option<Duration>,
    ) -> Result<MutexGuard<'a, Core>, Fatal> {
        let until = core.deadline();
        core.sender = Sleep::Until(until);
        self.sender_due.store(
            until.map_or(u64::MAX, Instant::as_micros),
            Ordering::Relaxed,
        );
        let woken = match wait {
            Some(wait) => self
                .sender
                .wait_timeout(core, wait)
                .map(|(core, _)| core)
                .ok(),
            None => self.sender.wait(core).ok(),
        };
        self.sender_due.store(u64::MAX, Ordering::Relaxed);
        let mut core = woken.ok_or_else(|| self.fail(Fatal::Poisoned))?;
        core.sender = Sleep::Awake;
        Ok(core)
    }

    /// Lets the `handshake` thread sleep until it is woken.
    pub(super) fn sleep_worker<'a>(
        &self,
        mut core: MutexGuard<'a, Core>,
    ) -> Result<MutexGuard<'a, Core>, Fatal> {
        core.worker_idle = true;
        let woken = self.worker.wait(core).ok();
        let mut core = woken.ok_or_else(|| self.fail(Fatal::Poisoned))?;
        core.worker_idle = false;
        Ok(core)
    }

    /// Wakes the `send` thread if it has overslept: while the machine is suspended its wait stands
    /// still, and our clock does not.
    pub(super) fn wake_late_sender(&self) {
        if self.clock.now().as_micros() > self.sender_due.load(Ordering::Relaxed) {
            self.sender.notify_one();
        }
    }

    /// Tells the owner what the system said.
    pub(super) fn on_icmp_error(&self, error: IcmpError) {
        debug!(kind = ?error.kind, "the network reports an error");
        let mut errors = self.icmp.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.len() == MAX_ICMP_ERRORS {
            errors.pop_front();
        }
        let is_first = errors.is_empty();
        errors.push_back(error);
        drop(errors);
        // One call until the owner has looked: a flood of errors must not become a flood of calls.
        if is_first {
            (self.notify)();
        }
    }

    /// What the system has said since the last call.
    pub(super) fn take_icmp_errors(&self) -> Vec<IcmpError> {
        let mut errors = self.icmp.lock().unwrap_or_else(PoisonError::into_inner);
        errors.drain(..).collect()
    }

    /// Asks every thread to end.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Nobody is between looking at the flag and falling asleep while we hold the lock.
        drop(self.core.lock());
        self.sender.notify_all();
        self.worker.notify_all();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Notes that nothing works any more; the first reason counts.
    pub(super) fn fail(&self, fatal: Fatal) -> Fatal {
        *self.fatal.get_or_init(|| fatal)
    }

    pub(super) fn fatal(&self) -> Option<Fatal> {
        self.fatal.get().copied()
    }

    /// Wakes the owner, which then finds [`Shared::fatal`].
    pub(super) fn tell_owner(&self) {
        (self.notify)();
    }
}

/// Traffic since the start, counted by the threads that carry it.
#[derive(Debug, Default)]
pub(super) struct Counters {
    batches_in: AtomicU64,
    datagrams_in: AtomicU64,
    bytes_in: AtomicU64,
    batches_out: AtomicU64,
    datagrams_out: AtomicU64,
    bytes_out: AtomicU64,
    lost: AtomicU64,
    errors: AtomicU64,
}

/// Traffic since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Receive calls that brought something.
    pub batches_in: u64,
    /// Datagrams received, garbage included.
    pub datagrams_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Batches sent.
    pub batches_out: u64,
    /// Datagrams that the system took.
    pub datagrams_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Datagrams that the system did not take.
    pub lost: u64,
    /// Receive calls that failed for a reason that passes.
    pub errors: u64,
}

impl Counters {
    pub(super) fn on_received(&self, datagrams: usize, bytes: usize) {
        add(&self.batches_in, 1);
        add(&self.datagrams_in, datagrams);
        add(&self.bytes_in, bytes);
    }

    pub(super) fn on_sent(&self, sent: Sent) {
        add(&self.batches_out, 1);
        add(&self.datagrams_out, sent.datagrams);
        add(&self.bytes_out, sent.bytes);
        add(&self.lost, sent.lost);
    }

    pub(super) fn on_error(&self) {
        add(&self.errors, 1);
    }

    pub(super) fn read(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            batches_in: read(&self.batches_in),
            datagrams_in: read(&self.datagrams_in),
            bytes_in: read(&self.bytes_in),
            batches_out: read(&self.batches_out),
            datagrams_out: read(&self.datagrams_out),
            bytes_out: read(&self.bytes_out),
            lost: read(&self.lost),
            errors: read(&self.errors),
        }
    }
}

fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(u64::try_from(amount).unwrap_or(u64::MAX), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicUsize;
    use std::net::Ipv4Addr;

    use super::*;
    use crate::crypto::StaticSecret;
    use crate::id::Timestamp;
    use crate::net::address::Bind;
    use crate::net::icmp::IcmpKind;
    use crate::proto::{Endpoint, EndpointConfig};

    fn shared(notify: Box<dyn Fn() + Send + Sync>) -> Shared {
        let socket = Socket::bind(Bind::At((Ipv4Addr::LOCALHOST, 0).into())).unwrap();
        let clock = Clock::new();
        let identity = Arc::new(StaticSecret::from_bytes(&mut [1; 32]));
        let timestamps = Timestamp(0)..Timestamp(10);
        let config = EndpointConfig::default();
        let endpoint = Endpoint::new(config, identity, [1; 32], timestamps, clock.now());
        let messenger = Messenger::in_memory(endpoint, [2; 32], clock.now());
        Shared::new(socket, messenger, clock, notify)
    }

    #[test]
    fn a_flood_of_complaints_calls_the_owner_once_until_it_has_looked() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let shared = shared(Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        let error = IcmpError {
            peer: None,
            kind: IcmpKind::Refused,
        };
        (0..1_000).for_each(|_| shared.on_icmp_error(error));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert_eq!(shared.take_icmp_errors().len(), MAX_ICMP_ERRORS);
        shared.on_icmp_error(error);
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }
}
