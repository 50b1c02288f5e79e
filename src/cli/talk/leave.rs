//! Signals end the program even if its loop hangs in a write: to a pipe that nobody reads, or to a
//! terminal that was told to wait (Ctrl-S).

use std::io;
use std::process;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::cli::ExitCode;
use crate::net::{Handle, LogLine, Signal, Signals};
use crate::tui;

/// How long the loop has to end by itself after a signal.
const TO_END: Duration = Duration::from_millis(300);
/// How long the goodbye has to leave, if the loop does not end.
const TO_LEAVE: Duration = Duration::from_millis(400);

/// Watches for signals while the loop runs; to be dropped once it has ended.
#[derive(Debug)]
pub(in crate::cli) struct Leave {
    /// Tells by its end that the loop has ended. Stands first: dropping the other waits for that.
    _runs: Sender<()>,
    _signals: Signals,
}

impl Leave {
    /// Gives a signal to `deliver`. If the loop has not ended soon after that, says goodbye for it
    /// and ends the process with the signal's code.
    ///
    /// # Errors
    /// If no signal handler can be installed or no thread started.
    pub(in crate::cli) fn watch(
        handle: Handle,
        deliver: impl FnOnce(Signal) + Send + 'static,
    ) -> io::Result<Self> {
        let (runs, ended) = channel();
        let say_goodbye = move |signal| {
            deliver(signal);
            if still_runs(&ended, TO_END) {
                // If the network has failed there is nobody to tell.
                let _ = handle.with(|messenger, now| messenger.endpoint_mut().close_all(now));
                if still_runs(&ended, TO_LEAVE) {
                    tui::restore();
                    LogLine::finish();
                    process::exit(ExitCode::from(signal) as i32);
                }
            }
        };
        let signals = Signals::watch(say_goodbye, tui::restore)?;
        Ok(Self {
            _runs: runs,
            _signals: signals,
        })
    }
}

/// Whether the loop still runs after this time.
fn still_runs(ended: &Receiver<()>, time: Duration) -> bool {
    ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
}
