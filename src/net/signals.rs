//! Signals that ask the program to end. The first is delivered as a value, so that the program can
//! say goodbye; a second one, of whichever kind, ends it at once, after the owner has put back what must
//! not stay as it is; a third one does not even wait for that.
//!
//! Hang-ups count as none of these: one that is the first is delivered, and any other changes nothing. A terminal that is
//! closed brings two, the shell's and the kernel's, and the end of a login brings one right behind SIGTERM.

use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::process;
use std::sync::{Arc, mpsc};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
#[cfg(unix)]
use signal_hook::low_level::emulate_default_handler;

use crate::net::{LogLine, os};
use crate::sync::thread;
#[cfg(unix)]
use crate::sync::{Mutex, PoisonError};

/// A request to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, or the system shutting down.
    Terminate,
    /// The terminal is gone.
    Hangup,
}

impl Signal {
    /// The exit code of a program that ends because of it: 128 and the signal's number.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }

    const fn number(self) -> i32 {
        match self {
            Self::Interrupt => SIGINT,
            Self::Terminate => SIGTERM,
            #[cfg(unix)]
            Self::Hangup => signal_hook::consts::SIGHUP,
            // Windows has none; Ctrl-Break is the nearest.
            #[cfg(not(unix))]
            Self::Hangup => signal_hook::consts::SIGBREAK,
        }
    }
}

/// A write beyond the size that a file of this process may have (`ulimit -f`) fails from now on, as on a disk that is full. The
/// system's way is a signal that ends the process, whatever stands on its terminal.
///
/// # Errors
///
/// The system's, if a handler cannot be installed.
#[cfg(unix)]
pub fn fail_at_file_limit() -> io::Result<()> {
    let unread = Arc::new(AtomicBool::new(false));
    flag::register(signal_hook::consts::SIGXFSZ, unread).map(drop)
}

/// There is no such limit.
///
/// # Errors
///
/// None.
#[cfg(not(unix))]
pub const fn fail_at_file_limit() -> io::Result<()> {
    Ok(())
}

/// The watch of a program that has done nothing yet to which goodbye is to be said.
#[cfg(unix)]
static EARLY: Mutex<Option<Signals>> = Mutex::new(None);

/// Lets a signal end the program as the system does, once `put_back` has put back what must not stay as it is; until
/// [`Signals::watch`] takes over, or the next call of this.
///
/// # Errors
///
/// Those of [`Signals::watch`].
#[cfg(unix)]
pub fn put_back_before_the_end(put_back: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let (waiter, mut wait) = imp::open()?;
    let thread = thread::start("signals", move || {
        if let Some(signal) = wait() {
            put_back();
            // It does not return.
            let _ = emulate_default_handler(signal.number());
        }
    })?;
    let thread = Some(thread);
    let mut early = EARLY.lock().unwrap_or_else(PoisonError::into_inner);
    drop(early.replace(Signals { waiter, thread }));
    Ok(())
}

#[cfg(unix)]
fn end_early_watch() {
    let mut early = EARLY.lock().unwrap_or_else(PoisonError::into_inner);
    drop(early.take());
}

/// The signals that end the program.
const ALL: [Signal; 3] = [Signal::Interrupt, Signal::Terminate, Signal::Hangup];

/// Those of them that nobody has told the system to ignore: `nohup` still works.
fn wanted() -> impl Iterator<Item = Signal> {
    ALL.into_iter()
        .filter(|&signal| signal != Signal::Hangup || !os::is_ignored(signal.number()))
}

/// Waits for the second signal that is no hang-up.
fn wait_for_second(first: Signal, wait: impl FnMut() -> Option<Signal>) -> Option<Signal> {
    let all = core::iter::once(first).chain(core::iter::from_fn(wait));
    all.filter(|&signal| signal != Signal::Hangup).nth(1)
}

/// The thread that waits for signals. Dropping it ends the thread; a signal that comes later ends
/// the program at once if one had come before, and does nothing otherwise, as a hang-up always does. Whoever drops it has put
/// everything back by then.
#[derive(Debug)]
pub struct Signals {
    waiter: imp::Waiter,
    thread: Option<thread::JoinHandle<()>>,
}

impl Signals {
    /// Starts to listen for signals. `deliver` is called with the first one, on a thread of its own, not in
    /// a signal handler; dropping the watch waits until it has returned. `put_back` is called before a second
    /// one ends the program, whatever `deliver` does meanwhile.
    ///
    /// # Errors
    ///
    /// The system's, if a handler cannot be installed or a thread not be started.
    pub fn watch(
        deliver: impl FnOnce(Signal) + Send + 'static,
        put_back: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let ends_at_once = Arc::new(AtomicBool::new(false));
        for signal in wanted().filter(|&signal| signal != Signal::Hangup) {
            let (code, flag) = (i32::from(signal.exit_code()), Arc::clone(&ends_at_once));
            flag::register_conditional_shutdown(signal.number(), code, flag)?;
        }
        let (waiter, mut wait) = imp::open()?;
        #[cfg(unix)]
        end_early_watch();
        // There at once: a process that may have no thread more can still say goodbye.
        let (tell, told) = mpsc::channel();
        let goodbye = thread::start("goodbye", move || {
            if let Ok(first) = told.recv() {
                deliver(first);
            }
        })?;
        let thread = thread::start("signals", move || {
            let Some(first) = wait() else { return };
            let _ = tell.send(first);
            let second = wait_for_second(first, wait);
            // From here on the handler itself ends the program.
            ends_at_once.store(true, Ordering::SeqCst);
            if let Some(second) = second {
                put_back();
                LogLine::finish();
                process::exit(i32::from(second.exit_code()));
            }
            let _ = goodbye.join();
        })?;
        Ok(Self {
            waiter,
            thread: Some(thread),
        })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.waiter.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(unix)]
mod imp {
    use std::io;

    use signal_hook::iterator::{Handle, Signals};

    use super::{ALL, Signal, wanted};

    /// Ends the wait from outside.
    #[derive(Debug)]
    pub(super) struct Waiter(Handle);

    impl Waiter {
        pub(super) fn stop(&self) {
            self.0.close();
        }
    }

    /// Something to stop, and a function that blocks until a signal comes.
    pub(super) fn open() -> io::Result<(Waiter, impl FnMut() -> Option<Signal> + Send + 'static)> {
        let mut signals = Signals::new(wanted().map(Signal::number))?;
        let handle = signals.handle();
        let mut raised = Vec::new();
        let wait = move || {
            while raised.is_empty() && !signals.is_closed() {
                raised.extend(signals.wait());
            }
            // Which of them came first is not known. A hang-up stands last: the other one has the program end.
            let is_raised = |signal: &Signal| raised.contains(&signal.number());
            let next = ALL.into_iter().find(is_raised)?;
            raised.retain(|&number| number != next.number());
            Some(next)
        };
        Ok((Waiter(handle), wait))
    }
}

/// signal-hook has flags here and no way to wait for one.
#[cfg(not(unix))]
mod imp {
    use core::sync::atomic::{AtomicBool, Ordering};
    use core::time::Duration;
    use std::io;
    use std::sync::Arc;
    use std::thread;

    use super::{Signal, flag, wanted};

    /// How often the flags are looked at.
    const PERIOD: Duration = Duration::from_millis(100);

    /// Ends the wait from outside.
    #[derive(Debug)]
    pub(super) struct Waiter(Arc<AtomicBool>);

    impl Waiter {
        pub(super) fn stop(&self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Something to stop, and a function that blocks until a signal comes.
    pub(super) fn open() -> io::Result<(Waiter, impl FnMut() -> Option<Signal> + Send + 'static)> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut flags = Vec::new();
        for signal in wanted() {
            let raised = Arc::new(AtomicBool::new(false));
            flag::register(signal.number(), Arc::clone(&raised))?;
            flags.push((signal, raised));
        }
        let stopped = Arc::clone(&stop);
        let wait = move || {
            while !stopped.load(Ordering::Relaxed) {
                for (signal, raised) in &flags {
                    if raised.swap(false, Ordering::Relaxed) {
                        return Some(*signal);
                    }
                }
                thread::park_timeout(PERIOD);
            }
            None
        };
        Ok((Waiter(stop), wait))
    }
}

#[cfg(test)]
mod tests {
    use super::Signal::{Hangup, Interrupt, Terminate};
    use super::*;

    #[test]
    fn a_hangup_is_neither_the_first_of_two_signals_nor_the_second() {
        let second = |all: &[Signal]| {
            let mut waiting = all.iter().copied();
            wait_for_second(waiting.next().unwrap(), || waiting.next())
        };
        assert_eq!(second(&[Hangup, Hangup]), None);
        assert_eq!(second(&[Terminate, Hangup]), None);
        assert_eq!(second(&[Hangup, Terminate]), None);
        assert_eq!(second(&[Interrupt, Hangup, Terminate]), Some(Terminate));
        assert_eq!(second(&[Hangup, Interrupt, Interrupt]), Some(Interrupt));
    }
}
