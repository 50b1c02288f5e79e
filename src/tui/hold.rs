//! Whose the terminal is.

use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Who has it, known to all threads: a signal and a panic may meet a thread that is just giving it back.
#[derive(Debug)]
pub(super) struct Hold {
    holder: Mutex<Holder>,
    given_back: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holder {
    /// It is as we found it.
    Shell,
    Us,
    /// A thread gives it back at this moment.
    Leaving,
}

/// What is to be done by whoever wants it given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leave {
    /// To give it back, and then to say [`Hold::left`].
    Now,
    /// Nothing.
    Done,
    /// Nothing: another thread is at it, and was waited for in vain.
    Stuck,
}

impl Hold {
    pub(super) const fn new() -> Self {
        Self {
            holder: Mutex::new(Holder::Shell),
            given_back: Condvar::new(),
        }
    }

    /// It is ours from now on.
    pub(super) fn take(&self) {
        *self.holder() = Holder::Us;
    }

    /// Whether it is ours.
    pub(super) fn is_ours(&self) -> bool {
        *self.holder() == Holder::Us
    }

    /// Asks to give it back. Where another thread does so already, this waits for it, at most `patience`: the
    /// process may end when it returns.
    pub(super) fn leave(&self, patience: Duration) -> Leave {
        let mut holder = self.holder();
        if *holder == Holder::Us {
            *holder = Holder::Leaving;
            return Leave::Now;
        }
        let is_leaving = |holder: &mut Holder| *holder == Holder::Leaving;
        let waited = self
            .given_back
            .wait_timeout_while(holder, patience, is_leaving);
        let (holder, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match *holder {
            Holder::Leaving => Leave::Stuck,
            Holder::Shell | Holder::Us => Leave::Done,
        }
    }

    /// It was given back.
    pub(super) fn left(&self) {
        *self.holder() = Holder::Shell;
        self.given_back.notify_all();
    }

    fn holder(&self) -> MutexGuard<'_, Holder> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gives_it_back_and_the_others_wait_for_that() {
        let hold = Hold::new();
        assert_eq!(hold.leave(Duration::ZERO), Leave::Done);
        hold.take();
        assert!(hold.is_ours());
        assert_eq!(hold.leave(Duration::ZERO), Leave::Now);
        assert!(!hold.is_ours());
        assert_eq!(hold.leave(Duration::ZERO), Leave::Stuck);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| hold.leave(Duration::from_secs(60)));
            hold.left();
            assert_eq!(other.join().unwrap(), Leave::Done);
        });
        hold.take();
        assert_eq!(hold.leave(Duration::ZERO), Leave::Now);
    }
}
