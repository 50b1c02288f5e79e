//! The `handshake` thread: Diffie-Hellman and KEM work, so that a flood of handshakes never delays
//! data. It blocks on its condition variable; the queue is the core's, and bounded there.

use crate::net::entropy::os_rng;
use crate::net::shared::{Fatal, Shared};
use crate::net::turn::Who;
use crate::proto::Job;

/// Works until the driver stops. What is queued then is dropped: nobody waits for it any more.
pub(super) fn run(shared: &Shared) -> Result<(), Fatal> {
    // 1. With the lock: take a job.
    while let Some(job) = next_job(shared)? {
        // 2. Without the lock: work.
        let outcome = job.run(&mut os_rng());
        // 3. With the lock: hand the outcome back.
        let mut core = shared.lock()?;
        let now = core.now;
        core.messenger.endpoint_mut().handle_outcome(outcome, now);
        shared.release(core, Who::Handshake);
    }
    Ok(())
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
