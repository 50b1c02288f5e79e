//! Job control: a shell stops a program, or somebody else does, and it goes on later.

use std::io;

/// What a shell, or anybody, does with this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JobControl {
    /// It is to stop: the owner puts back what must not stay as it is, then calls [`stop`].
    Stop,
    /// It was to stop and does not: nobody could let it go on.
    Stay,
    /// It goes on after it was stopped, by whomever.
    Continue,
}

pub use imp::{on_job_control, stop, suspend};

#[cfg(unix)]
mod ancestors;

#[cfg(unix)]
mod imp {
    use core::sync::atomic::{AtomicBool, Ordering};

    use super::{JobControl, ancestors, io};

    use rustix::process::{Signal, kill_current_process_group};
    use signal_hook::consts::{SIGCONT, SIGTSTP};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    use crate::net::os;
    use crate::sync::thread;

    static STOP: Wanted = Wanted(AtomicBool::new(false));

    /// Whether somebody is told what becomes of a stop.
    static IS_TOLD: AtomicBool = AtomicBool::new(false);

    /// Whether a stop that was told of is still wanted. Its owner may be busy, and somebody let the process go on
    /// meanwhile, who would not do so again.
    struct Wanted(AtomicBool);

    impl Wanted {
        fn note(&self, what: JobControl) {
            self.0.store(what == JobControl::Stop, Ordering::SeqCst);
        }

        fn take(&self) -> bool {
            self.0.swap(false, Ordering::SeqCst)
        }
    }

    /// Asks this process, and those that were started with it, to stop until the shell lets them go on: what
    /// Ctrl+Z does where a terminal does not do it. Nothing where there is no such thing.
    ///
    /// Returns whether [`on_job_control`] will tell what becomes of that.
    #[must_use]
    pub fn suspend() -> bool {
        kill_current_process_group(Signal::TSTP).is_ok() && IS_TOLD.load(Ordering::SeqCst)
    }

    /// Stops this process at once, until somebody lets it go on; not if somebody has since it was to stop. Nothing
    /// where there is no such thing.
    pub fn stop() {
        if STOP.take() {
            // To the thread that calls, so that it does not run on for a moment.
            let _ = emulate_default_handler(SIGTSTP);
        }
    }

    /// Calls `tell` each time this process is to stop or goes on, on a thread that ends with it. It does not stop by
    /// itself any more. Of a stop that was over before it was seen only its end is told, and nothing of one that the
    /// parent had the system ignore or hold back. Never where processes are not stopped.
    ///
    /// # Errors
    ///
    /// The system's, if a handler cannot be installed or a thread not be started.
    pub fn on_job_control(tell: impl Fn(JobControl) + Send + 'static) -> io::Result<()> {
        let comes = |signal: &i32| !os::is_ignored(*signal) && !os::is_blocked(*signal);
        let stops = Some(SIGTSTP).filter(comes);
        let mut signals = Signals::new(stops.into_iter().chain([SIGCONT]))?;
        let is_told = stops.is_some();
        let wait = move || {
            while !signals.is_closed() {
                let what = match signals.wait().max_by_key(|signal| *signal == SIGCONT) {
                    Some(SIGTSTP) if ancestors::could_continue_us() => JobControl::Stop,
                    Some(SIGTSTP) => JobControl::Stay,
                    Some(SIGCONT) => JobControl::Continue,
                    Some(_) | None => continue,
                };
                STOP.note(what);
                tell(what);
            }
        };
        thread::start("job control", wait)?;
        IS_TOLD.store(is_told, Ordering::SeqCst);
        Ok(())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_stop_that_is_over_before_it_was_carried_out_stops_nothing() {
            let stop = Wanted(AtomicBool::new(false));
            assert!(!stop.take());
            stop.note(JobControl::Stop);
            stop.note(JobControl::Continue);
            assert!(!stop.take());
            stop.note(JobControl::Stop);
            assert!(stop.take() && !stop.take());
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use super::{JobControl, io};

    /// Nothing: there is no such thing here, and nothing is told of it.
    #[must_use]
    pub fn suspend() -> bool {
        false
    }

    /// Nothing: there is no such thing here.
    pub fn stop() {}

    /// Never calls anybody: processes are not stopped here.
    ///
    /// # Errors
    ///
    /// None.
    pub fn on_job_control(_tell: impl Fn(JobControl) + Send + 'static) -> io::Result<()> {
        Ok(())
    }
}
