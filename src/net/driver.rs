//! Starts and stops the threads around one [`Messenger`], and lets its owner talk to it.

use core::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::chat::{Messenger, Update};
use crate::net::clock::Clock;
use crate::net::counters::Traffic;
use crate::net::icmp::IcmpError;
use crate::net::shared::{Ending, Fatal, LockUse, Shared};
use crate::net::trace::Trace;
use crate::net::turn::Who;
use crate::net::udp::{Batch, Socket};
use crate::net::{handshaker, recv, send};
use crate::sync::thread::{JoinHandle, panicking, start};
use crate::time::Instant;

/// The body of a thread.
type Body = fn(&Shared) -> Result<(), Fatal>;

/// The threads, in the order in which they are waited for: what is queued leaves first.
const THREADS: [(&str, Body); 3] = [
    ("send", send::run),
    ("handshake", handshaker::run),
    ("recv", recv::run),
];

/// The running threads of one identity. Dropping it stops them, with a goodbye to every peer: see [`Driver::stop`] for
/// what becomes of messages that are under way.
///
/// ```text
///            socket ──▶ recv ──▶ ┌────────┐ ──▶ send
///                                │  core  │
///   owner ──── Handle::with ───▶ │ (lock) │ ◀─▶ handshake
///     ▲                          └────────┘
///     └──────── notify ◀── events stay in the core until the owner polls them
/// ```
///
/// Each of the four, when it gives the lock back, sends what there is to send, if nobody else is about it.
#[derive(Debug)]
pub struct Driver {
    handle: Handle,
    threads: Vec<JoinHandle<()>>,
}

impl Driver {
    /// Starts the threads.
    ///
    /// `notify` is called without the core's lock, on any of the threads, when there may be events,
    /// complaints ([`Handle::take_icmp_errors`]) or a fatal error to see. It is not called again for
    /// events before [`Handle::poll_event`] has returned `None` once, or [`Handle::poll_events`] fewer
    /// than it was asked for. It must return soon and must not stop the driver. The owner's own thread calls it too, at the
    /// end of [`Handle::with`]: it takes no lock that the owner holds there, and is best no more than a word in a channel.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no more threads.
    pub fn start(
        socket: Socket,
        messenger: Messenger,
        clock: Clock,
        notify: Box<dyn Fn() + Send + Sync>,
    ) -> io::Result<Self> {
        Self::start_traced(socket, messenger, clock, notify, None)
    }

    /// The same, with a record of every datagram.
    ///
    /// # Errors
    ///
    /// As [`Driver::start`].
    pub fn start_traced(
        socket: Socket,
        messenger: Messenger,
        clock: Clock,
        notify: Box<dyn Fn() + Send + Sync>,
        trace: Option<Arc<Trace>>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(socket, messenger, clock, notify, trace));
        // If a thread cannot be started, dropping the driver stops those that were.
        let mut driver = Self {
            handle: Handle { shared },
            threads: Vec::new(),
        };
        for (name, body) in THREADS {
            let shared = Arc::clone(&driver.handle.shared);
            let thread = start(name, move || watch(&shared, name, body))?;
            driver.threads.push(thread);
        }
        Ok(driver)
    }

    /// What the owner uses; may be cloned and shared between threads.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Stops the threads and waits for them, at most a second, and for a record one more for each of its files at
    /// most, if a disk takes nothing. With `goodbye`, every peer is told: behind what may leave for it at that moment.
    /// Its events can still be polled afterwards; [`Handle::with`] is [`Fatal::Stopped`].
    ///
    /// It does not wait for anybody's receipt, for a session that has yet to begin, nor for what a path has no room for
    /// yet. Whoever wants a message to arrive goes through the events before it stops, until
    /// [`Client::unsettled`](crate::chat::Client::unsettled) of the contact is 0. A message that is not settled may have
    /// arrived; if it has not it is lost with a client in memory, and goes out next time where a store has it.
    pub fn stop(mut self, goodbye: bool) {
        self.end(goodbye);
    }

    fn end(&mut self, goodbye: bool) {
        let shared = &self.handle.shared;
        if let Ok(mut core) = shared.lock() {
            let now = core.now;
            if goodbye {
                core.messenger.endpoint_mut().close_all(now);
            }
            core.stopping = Some(now);
            shared.release(core, Who::Owner);
        }
        shared.stop();
        for thread in self.threads.drain(..) {
            // A panic has been noted by the thread itself.
            let _ = thread.join();
        }
        if let Some(trace) = &shared.trace {
            trace.finish();
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.end(!panicking());
        }
    }
}

/// Runs a thread's body. However it ends before its time, a panic included, the other threads end
/// too and the owner is told.
fn watch(shared: &Shared, thread: &'static str, body: Body) {
    let _ending = Ending::new(shared, thread);
    if let Err(fatal) = body(shared) {
        shared.end_all(fatal);
    }
}

/// The owner's way to the core. It may outlive its [`Driver`]: then it changes nothing any more, events that are still
/// there can be polled, and the socket with its port and the keys are kept until the last clone is gone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// Locks the core, runs `act` on it, wakes the threads that have something to do then, and sends
    /// what there is to send, unless the socket has no room or somebody else is about it; at most 128
    /// datagrams. Everything that waits for the core waits while `act` runs, so it does no more than
    /// call it. A call of any handle of the same driver inside `act` waits for ever. A panic in `act` ends the driver for good:
    /// from then on there is [`Fatal::Poisoned`].
    ///
    /// While there are events it may be left unsent for up to a millisecond: whoever goes through them
    /// will say more, and all of it travels together.
    ///
    /// # Errors
    ///
    /// [`Fatal`] if the driver no longer works, or was stopped; `act` has not run then.
    pub fn with<R>(&self, act: impl FnOnce(&mut Messenger, Instant) -> R) -> Result<R, Fatal> {
        let mut core = self.shared.lock_unless_stopped()?;
        let now = core.now;
        let result = act(&mut core.messenger, now);
        self.shared.release(core, Who::Owner);
        Ok(result)
    }

    /// The next event. Events stay in the core until they are taken: an owner that falls behind
    /// slows its peers down, not the program.
    ///
    /// # Errors
    ///
    /// [`Fatal`] if the driver no longer works.
    pub fn poll_event(&self) -> Result<Option<Update>, Fatal> {
        let mut event = None;
        self.poll(1, |it| event = Some(it))?;
        Ok(event)
    }

    /// Appends the next events to `events`, oldest first and at most `most`, under one lock. Whoever
    /// answers all of them by one [`Handle::with`] lets the answers travel together.
    ///
    /// # Errors
    ///
    /// [`Fatal`] if the driver no longer works.
    pub fn poll_events(&self, most: usize, events: &mut Vec<Update>) -> Result<(), Fatal> {
        self.poll(most, |it| events.push(it))
    }

    /// Receives by itself for a moment, at most a millisecond, where the `recv` thread leaves it to the
    /// owner: what arrives is at hand without a switch of threads. Returns whether there may be events.
    /// For an owner that found no events and is about to sleep, whose answers are waited for; if it
    /// returns false it sleeps until `notify` calls.
    ///
    /// `buffers`: where datagrams come to lie, kept from call to call.
    ///
    /// # Errors
    ///
    /// [`Fatal`] if the driver no longer works, or was stopped.
    pub fn receive(&self, buffers: &mut Batch) -> Result<bool, Fatal> {
        self.shared.receive(buffers)
    }

    fn poll(&self, most: usize, take: impl FnMut(Update)) -> Result<(), Fatal> {
        let mut core = self.shared.lock()?;
        let (now, messenger) = (core.now, &mut core.messenger);
        let events = core::iter::from_fn(|| messenger.poll_event(now));
        let count = events.take(most).map(take).count();
        if count < most {
            core.owner_is_done();
        }
        let who = match count {
            0 => Who::Owner,
            _ => Who::OwnerWithEvent,
        };
        // Whoever takes events makes room, and the peer is told so.
        self.shared.release(core, who);
        Ok(())
    }

    /// The address that the socket is bound to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.socket.local_addr()
    }

    /// Where datagrams to an IPv4 address go in a network that has IPv6 only and a NAT64, as far as that is known by now.
    /// Only for an address to which there is no other way.
    #[must_use]
    pub fn through_nat64(&self, to: SocketAddr) -> Option<SocketAddr> {
        self.shared.socket.through_nat64(to)
    }

    /// What the system has said about our datagrams since the last call, oldest first, at most 64.
    /// Not authenticated: for the user's eyes only.
    #[must_use]
    pub fn take_icmp_errors(&self) -> Vec<IcmpError> {
        self.shared.take_icmp_errors()
    }

    /// What went over the socket since the start.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.shared.counters.read()
    }

    /// How the core's lock has been used since the start.
    ///
    /// # Errors
    ///
    /// [`Fatal`] if the driver no longer works.
    pub fn lock_use(&self) -> Result<LockUse, Fatal> {
        self.shared.lock_use()
    }

    /// Why the driver no longer works, if so.
    #[must_use]
    pub fn fatal(&self) -> Option<Fatal> {
        let stopped = || self.shared.is_stopping().then_some(Fatal::Stopped);
        self.shared.fatal().or_else(stopped)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("local", &self.local_addr())
            .finish_non_exhaustive()
    }
}
