//! What the threads of one driver share: the core behind its lock, and everything that needs none.

use core::ops::{Deref, DerefMut};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use thiserror::Error;
use tracing::trace;

use crate::chat::Messenger;
use crate::net::clock::Clock;
use crate::net::counters::Counters;
use crate::net::icmp::IcmpError;
use crate::net::os;
use crate::net::outgoing::Outgoing;
use crate::net::recv;
use crate::net::seat::{STAY, Seat};
use crate::net::trace::Trace;
use crate::net::turn::{Situation, Turn, Who};
use crate::net::udp::{Batch, Room, Socket};
use crate::net::wait::wait_shortly;
use crate::proto::{KeyTable, Screen};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::thread::panicking;
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use crate::time::Instant;

/// What the system said that waits to be read; the oldest goes first. More than one peer's
/// handshakes cause.
const MAX_ICMP_ERRORS: usize = 64;

/// Batches that a thread sends in a row that has other things to do: one, and what came meanwhile.
const MAX_TURNS: usize = 2;

/// Why a driver no longer works. Unless it was stopped nothing can be done but to end the program, and to say so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
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
    /// Its owner has stopped it.
    #[error("the driver was stopped")]
    Stopped,
}

/// The core and what its lock guards beside it.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) messenger: Messenger,
    /// Whose turn it is to send.
    pub(super) turn: Turn<Outgoing>,
    /// Whether the `handshake` thread waits.
    worker_idle: bool,
    /// Whether the owner has been told of events and has not yet found that there are no more.
    owner_told: bool,
    /// Who waits on the socket.
    pub(super) seat: Seat,
    /// From when on nothing new is begun.
    pub(super) stopping: Option<Instant>,
    lock_use: LockUse,
    /// Whether to panic when somebody looks whose turn it is.
    #[cfg(test)]
    is_broken: bool,
}

impl Core {
    /// The core's deadline.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.messenger.poll_timeout()
    }

    /// Whether there is something to send.
    pub(super) fn has_transmits(&self) -> bool {
        self.messenger.endpoint().has_transmits()
    }

    fn must_wake_sender(&mut self) -> bool {
        let waiting = self.has_transmits() || self.stopping.is_some();
        let deadline = self.deadline();
        self.turn.must_wake(waiting, deadline)
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

    /// Takes the baton with a batch, if there is one and it is `who`'s turn.
    fn take_turn(&mut self, who: Who, now: Instant) -> Option<Outgoing> {
        #[cfg(test)]
        assert!(!self.is_broken, "as a test wishes");
        let situation = Situation {
            transmits: self.has_transmits(),
            events: os::WAITS_SHORTLY && self.messenger.has_events(),
            stopping: self.stopping.is_some(),
            now,
        };
        let mut outgoing = self.turn.take(who, situation)?;
        outgoing.fill(self.messenger.endpoint_mut(), now);
        if outgoing.is_empty() {
            self.turn.put_back(outgoing, false);
            return None;
        }
        Some(outgoing)
    }
}

/// The thread's name, to say that it panicked.
const fn name(who: Who) -> &'static str {
    match who {
        Who::Recv => "recv",
        Who::Send => "send",
        Who::Handshake => "handshake",
        Who::Owner | Who::OwnerWithEvent => "owner's",
    }
}

/// The locked core.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    core: MutexGuard<'a, Core>,
    since: Instant,
    /// Now: when the lock was taken, or later.
    pub(super) now: Instant,
}

impl Deref for Locked<'_> {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Core {
        &mut self.core
    }
}

/// How the core's lock has been used since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LockUse {
    /// How often it was taken.
    pub taken: u64,
    /// How often somebody else had it then.
    pub contended: u64,
    /// For how long it was held in all: a sum of differences of a clock that counts microseconds,
    /// whose errors cancel out.
    pub held: Duration,
}

pub(super) struct Shared {
    core: Mutex<Core>,
    sender: Condvar,
    worker: Condvar,
    /// Where `recv` stands by.
    receiver: Condvar,
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
    /// Where every datagram is noted, if somebody wants that.
    pub(super) trace: Option<Arc<Trace>>,
}

impl Shared {
    pub(super) fn new(
        socket: Socket,
        messenger: Messenger,
        clock: Clock,
        notify: Box<dyn Fn() + Send + Sync>,
        trace: Option<Arc<Trace>>,
    ) -> Self {
        Self {
            screen: messenger.endpoint().screen(),
            keys: messenger.endpoint().key_table(),
            core: Mutex::new(Core {
                messenger,
                turn: Turn::new(Outgoing::new()),
                worker_idle: false,
                owner_told: false,
                seat: Seat::new(),
                stopping: None,
                lock_use: LockUse::default(),
                #[cfg(test)]
                is_broken: false,
            }),
            sender: Condvar::new(),
            worker: Condvar::new(),
            receiver: Condvar::new(),
            stopping: AtomicBool::new(false),
            fatal: OnceLock::new(),
            notify,
            icmp: Mutex::default(),
            sender_due: AtomicU64::new(u64::MAX),
            socket,
            clock,
            counters: Counters::default(),
            trace,
        }
    }

    /// Locks the core. Whoever has changed anything gives the lock back by [`Shared::release`].
    pub(super) fn lock(&self) -> Result<Locked<'_>, Fatal> {
        if let Some(fatal) = self.fatal() {
            return Err(fatal);
        }
        let (core, contended) = match self.core.try_lock() {
            Err(TryLockError::WouldBlock) => (self.core.lock().ok(), 1),
            Err(TryLockError::Poisoned(_)) => (None, 0),
            Ok(core) => (Some(core), 0),
        };
        let mut core = core.ok_or_else(|| self.fail(Fatal::Poisoned))?;
        core.lock_use.taken += 1;
        core.lock_use.contended += contended;
        Ok(self.locked(core))
    }

    /// As [`Shared::lock`], for what nobody would see to any more once the driver was stopped.
    pub(super) fn lock_unless_stopped(&self) -> Result<Locked<'_>, Fatal> {
        let core = self.lock()?;
        if core.stopping.is_some() {
            return Err(Fatal::Stopped);
        }
        Ok(core)
    }

    fn locked<'a>(&self, core: MutexGuard<'a, Core>) -> Locked<'a> {
        let now = self.clock.now();
        Locked {
            core,
            since: now,
            now,
        }
    }

    /// Settles what was changed, gives the lock back and wakes whoever has something to do now; what
    /// there is to send the caller sends itself, if it is its turn and the socket has room. Returns
    /// when the `recv` thread has to look whether the owner has sent what was left to it.
    pub(super) fn release<'a>(&'a self, core: Locked<'a>, who: Who) -> Option<Instant> {
        // Whoever panics with the baton in hand takes everybody along, and gives the lock back first: what is
        // declared later is dropped earlier, but a parameter last of all.
        let _ending = Ending::new(self, name(who));
        let mut core = core;
        for _ in 0..MAX_TURNS {
            let now = core.now;
            core.messenger.settle(now);
            let taken = core.take_turn(who, now);
            let watched_until = core.turn.watched_until();
            self.give_back(core);
            let Some(outgoing) = taken else {
                return watched_until;
            };
            core = self.send(outgoing)?;
        }
        // The `send` thread goes on, so that nobody is kept by the work of others.
        self.give_back(core);
        None
    }

    /// Seals and sends a batch, and brings the baton back.
    fn send(&self, mut outgoing: Outgoing) -> Option<Locked<'_>> {
        let done = outgoing.send(self, Room::Leave);
        let done = done.map_err(|fatal| self.end_all(fatal)).ok()?;
        let mut core = self.lock().ok()?;
        core.turn.put_back(outgoing, !done);
        Some(core)
    }

    /// Gives the lock back and wakes who has something to do. The owner is told without the lock, so
    /// that it may take it.
    pub(super) fn give_back(&self, mut core: Locked<'_>) {
        let (sender, worker) = (core.must_wake_sender(), core.must_wake_worker());
        let owner = core.must_tell_owner();
        core.worker_idle &= !worker;
        core.owner_told |= owner;
        self.count_use(&mut core);
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

    fn count_use(&self, core: &mut Locked<'_>) {
        let held = self.clock.now().saturating_since(core.since);
        core.lock_use.held += held;
    }

    /// How the lock has been used.
    pub(super) fn lock_use(&self) -> Result<LockUse, Fatal> {
        Ok(self.lock()?.lock_use)
    }

    /// Lets the `send` thread sleep until it is woken or `wait` has passed.
    pub(super) fn sleep_sender<'a>(
        &'a self,
        mut core: Locked<'a>,
        wait: Option<Duration>,
    ) -> Result<Locked<'a>, Fatal> {
        let until = core.deadline();
        core.turn.sleep(until);
        self.sender_due.store(
            until.map_or(u64::MAX, Instant::as_micros),
            Ordering::Relaxed,
        );
        let mut core = self.wait(&self.sender, core, wait)?;
        self.sender_due.store(u64::MAX, Ordering::Relaxed);
        core.turn.wake();
        Ok(core)
    }

    fn wait<'a>(
        &'a self,
        condvar: &Condvar,
        mut locked: Locked<'a>,
        wait: Option<Duration>,
    ) -> Result<Locked<'a>, Fatal> {
        self.count_use(&mut locked);
        let core = locked.core;
        let woken = match wait {
            Some(wait) => condvar.wait_timeout(core, wait).map(|(core, _)| core).ok(),
            None => condvar.wait(core).ok(),
        };
        let core = woken.ok_or_else(|| self.fail(Fatal::Poisoned))?;
        // Whoever has failed may have had the baton, for which nobody is to wait.
        if let Some(fatal) = self.fatal() {
            return Err(fatal);
        }
        Ok(self.locked(core))
    }

    /// Lets the `handshake` thread sleep until it is woken.
    pub(super) fn sleep_worker<'a>(&'a self, mut core: Locked<'a>) -> Result<Locked<'a>, Fatal> {
        core.worker_idle = true;
        let mut core = self.wait(&self.worker, core, None)?;
        core.worker_idle = false;
        Ok(core)
    }

    /// The `recv` thread waits until the seat is its own again, and answers for what is left to the owner
    /// meanwhile. Returns when it has to look for that again.
    pub(super) fn stand_by(&self) -> Result<Option<Instant>, Fatal> {
        let mut core = self.lock()?;
        loop {
            let now = core.now;
            if core.seat.take_back(now) || self.is_stopping() {
                return Ok(self.release(core, Who::Recv));
            }
            if core.turn.watched_until().is_some_and(|until| until <= now) {
                self.release(core, Who::Recv);
                core = self.lock()?;
                continue;
            }
            self.count_use(&mut core);
            let woken = wait_shortly(&self.receiver, &self.core, core.core, STAY);
            core = self.locked(woken.ok_or_else(|| self.fail(Fatal::Poisoned))?);
        }
    }

    /// The owner sits down at the socket, if that is left to it. None if not, or if there are events
    /// already: whether there are.
    fn sit_down(&self) -> Result<Option<bool>, Fatal> {
        let mut core = self.lock_unless_stopped()?;
        let has_events = core.messenger.has_events();
        let sits = os::WAITS_SHORTLY && !has_events && core.seat.take();
        // It sees for itself.
        core.owner_told |= sits;
        self.give_back(core);
        Ok((!sits).then_some(has_events))
    }

    /// The owner receives by itself, for a moment. Returns whether there may be events.
    pub(super) fn receive(&self, batch: &mut Batch) -> Result<bool, Fatal> {
        // `recv` stands by: whoever panics at the socket takes it along.
        let _ending = Ending::new(self, name(Who::Owner));
        if let Some(has_events) = self.sit_down()? {
            return Ok(has_events);
        }
        match self.socket.receive(batch, STAY) {
            Ok(()) => {
                recv::take(self, batch)?;
                return Ok(true);
            }
            // `recv`, which goes on, finds out by itself what else is to be done.
            Err(error) => drop(recv::on_error(self, &error)),
        }
        let mut core = self.lock()?;
        core.seat.leave();
        core.owner_told = false;
        let has_events = core.messenger.has_events();
        self.give_back(core);
        self.receiver.notify_one();
        Ok(has_events)
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
        // Of TRACE, as all that comes once for each datagram: anybody can cause it.
        trace!(kind = ?error.kind, "the network reports an error");
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
        self.receiver.notify_all();
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

    /// Nothing works any more: ends the threads and tells the owner.
    pub(super) fn end_all(&self, fatal: Fatal) {
        self.fail(fatal);
        self.stop();
        (self.notify)();
    }
}

/// Ends everything if its thread begins to panic before it is dropped.
pub(super) struct Ending<'a> {
    shared: &'a Shared,
    thread: &'static str,
    is_panicking: bool,
}

impl<'a> Ending<'a> {
    pub(super) fn new(shared: &'a Shared, thread: &'static str) -> Self {
        Self {
            shared,
            thread,
            is_panicking: panicking(),
        }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if panicking() && !self.is_panicking {
            let thread = self.thread;
            self.shared.end_all(Fatal::Panicked { thread });
        }
    }
}

#[cfg(test)]
mod tests;
