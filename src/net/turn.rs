//! Whose turn it is to send: a value under the core's lock, without sockets or threads, so that every
//! order of events can be tried.
//!
//! Whoever holds the core and finds packets to send takes the *baton*, gives the lock back, seals and
//! sends, and brings the baton back under the lock. There is one baton, so one thread at a time seals
//! and sends, and packets leave in the order in which they were taken from the core.
//!
//! # Why nothing is left lying
//!
//! Whenever the lock is free and packets wait in the core or the baton, one of these holds:
//!
//! 1. *The baton is away.* Its holder comes back for [`Turn::put_back`] and then passes the lock on as
//!    everybody does.
//! 2. *`send` is awake.* It takes the lock, and looks, before it sleeps.
//! 3. *`recv` watches.* It waits for datagrams no longer than until the time of [`Turn::watch`], and
//!    then passes the lock on.
//!
//! For whoever passes the lock on has tried [`Turn::take`], unless the packets may be left to the owner,
//! which needs 3.; and if the baton could not be taken although it was there, or packets are left
//! that the holder has no more time for, [`Turn::must_wake`] has found so and makes 2. true. `send`
//! says that it sleeps under the lock and gives it back only by falling asleep, so that it is woken
//! or has not yet looked.

use core::time::Duration;

use crate::time::Instant;

/// How long packets may wait for the owner, which has events to see and will probably answer: then
/// what acknowledges the question and the answer travel together. A small part of the shortest round
/// trip over a network; on the machine itself the owner is there within microseconds.
pub(super) const WATCH: Duration = Duration::from_millis(1);

/// The turn to send. `T`: what its holder works with.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, PartialOrd, Ord))]
pub(super) struct Turn<T> {
    /// `None` while somebody has it.
    baton: Option<T>,
    /// What the socket had no room for waits in the baton. `send` alone takes it then, and waits.
    stuck: bool,
    sender: Sleep,
    /// Until when `recv` answers for packets that are left to the owner.
    watch: Option<Instant>,
}

/// What the `send` thread waits for, while it waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Sleep {
    Awake,
    Until(Option<Instant>),
}

/// Who gives the lock back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Who {
    /// The `recv` thread.
    Recv,
    /// The `send` thread.
    Send,
    /// The `handshake` thread.
    Handshake,
    /// The owner. While there are events it comes again soon.
    Owner,
    /// The owner, with an event in hand to which there may be an answer.
    OwnerWithEvent,
}

/// How things stand when the lock is given back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// Whether there is something to send in the core.
    pub(super) transmits: bool,
    /// Whether there is something to see for the owner.
    pub(super) events: bool,
    /// Whether the driver is to end.
    pub(super) stopping: bool,
    pub(super) now: Instant,
}

impl<T> Turn<T> {
    pub(super) const fn new(baton: T) -> Self {
        Self {
            baton: Some(baton),
            stuck: false,
            sender: Sleep::Awake,
            watch: None,
        }
    }

    /// Takes the baton if there is something to send and `who` is to send it. It must not wait for the
    /// socket.
    pub(super) fn take(&mut self, who: Who, situation: Situation) -> Option<T> {
        // Whoever has the baton, or is stuck with it, answers for what comes meanwhile.
        if !situation.transmits || self.stuck || self.baton.is_none() {
            self.watch = None;
            return None;
        }
        if self.may_leave(who, situation) {
            return None;
        }
        self.take_for_sender()
    }

    /// Whether what there is to send waits for the owner, or for the `send` thread, which sends it by
    /// itself.
    fn may_leave(&mut self, who: Who, situation: Situation) -> bool {
        let now = situation.now;
        match who {
            Who::Send => true,
            Who::Handshake => false,
            Who::Recv | Who::Owner | Who::OwnerWithEvent if situation.stopping => false,
            Who::Recv => situation.events && self.watch(now),
            Who::Owner => situation.events && self.is_watched(now),
            Who::OwnerWithEvent => self.is_watched(now),
        }
    }

    /// Takes the baton, for the `send` thread.
    pub(super) const fn take_for_sender(&mut self) -> Option<T> {
        let baton = self.baton.take();
        if baton.is_some() {
            self.watch = None;
        }
        baton
    }

    /// Brings the baton back. `stuck`: whether it holds what the socket had no room for.
    pub(super) fn put_back(&mut self, baton: T, stuck: bool) {
        self.baton = Some(baton);
        self.stuck = stuck;
    }

    /// The `recv` thread promises to look again after [`WATCH`], or as soon as it has promised before.
    /// False if that time has come.
    fn watch(&mut self, now: Instant) -> bool {
        self.watch.get_or_insert(now + WATCH);
        self.is_watched(now)
    }

    /// Whether packets may be left where they are.
    fn is_watched(&self, now: Instant) -> bool {
        self.watch.is_some_and(|until| now < until)
    }

    /// When the `recv` thread has to look.
    pub(super) const fn watched_until(&self) -> Option<Instant> {
        self.watch
    }

    /// Whether the caller must wake the `send` thread after it has given the lock back. It counts as
    /// awake from now on. `waiting`: whether there is something to do for the holder of the baton;
    /// `deadline`: when the next timer fires.
    pub(super) fn must_wake(&mut self, waiting: bool, deadline: Option<Instant>) -> bool {
        let Sleep::Until(until) = self.sender else {
            return false;
        };
        let sooner = |at| until.is_none_or(|until| at < until);
        let is_left = self.baton.is_some() && (self.stuck || waiting && self.watch.is_none());
        let must = is_left || deadline.is_some_and(sooner);
        if must {
            self.sender = Sleep::Awake;
        }
        must
    }

    /// The `send` thread is about to give the lock back by falling asleep.
    pub(super) const fn sleep(&mut self, until: Option<Instant>) {
        self.sender = Sleep::Until(until);
    }

    /// The `send` thread woke up, for whatever reason.
    pub(super) const fn wake(&mut self) {
        self.sender = Sleep::Awake;
    }
}

#[cfg(test)]
mod tests;
