//! The `handshake` thread: Diffie-Hellman and KEM work, so that a flood of handshakes never delays
//! data. It blocks on its condition variable; the queue is the core's, and bounded there.

use crate::net::entropy::os_rng;
use crate::net::shared::{Fatal, Shared};
use crate::net::turn::Who;
use crate::proto::{Job, Outcome};

/// Works until the driver stops. What is queued then is dropped: nobody waits for it any more.
pub(super) fn run(shared: &Shared) -> Result<(), Fatal> {
    // 1. With the lock: take a job.
    while let Some(job) = next_job(shared)? {
        // 2. Without the lock: work.
        let outcome = work(shared, job);
        // 3. With the lock: hand the outcome back.
        let mut core = shared.lock()?;
        let now = core.now;
        let found = core.messenger.endpoint_mut().handle_outcome(outcome, now);
        if let (Some(trace), Some(finding)) = (&shared.trace, found) {
            trace.note_finding(finding);
        }
        shared.release(core, Who::Handshake);
    }
    Ok(())
}

/// Does the work. Keys are shown to a record that somebody wants to be able to read, and to nobody else.
fn work(shared: &Shared, job: Job) -> Outcome {
    match &shared.trace {
        Some(trace) if trace.wants_keys() => {
            job.run_and_disclose(&mut os_rng(), &mut |keys| trace.note_keys(keys))
        }
        Some(_) | None => job.run(&mut os_rng()),
    }
}

/// Waits for a job; `None` when the driver stops.
fn next_job(shared: &Shared) -> Result<Option<Job>, Fatal> {
    let mut core = shared.lock()?;
    while !shared.is_stopping() {
        if let Some(job) = core.messenger.endpoint_mut().take_job() {
            return Ok(Some(job));
        }
        core = shared.sleep_worker(core)?;
    }
    Ok(None)
}
