//! The `send` thread. It blocks on its condition variable, with the core's deadline, and, when the
//! socket's buffer is full, a moment on the socket.

use core::time::Duration;
use std::net::SocketAddr;

use crate::crypto::BatchWipe;
use crate::net::shared::{Fatal, Shared};
use crate::proto::Transmit;
use crate::time::Instant;

/// The most datagrams of one batch: the longest train that the kernel takes.
const MAX_BATCH: usize = 64;

/// How long what is queued may still leave after the driver was stopped.
const FLUSH: Duration = Duration::from_millis(500);

/// How often in a row a deadline may lie in the past right after all timers have fired.
const MAX_ROUNDS: u32 = 8;

/// The wait after that: a timer that never goes away costs a thousandth of a core, not a whole one.
const STALL: Duration = Duration::from_millis(1);

/// Sends until the driver stops and nothing is left.
pub(super) fn run(shared: &Shared) -> Result<(), Fatal> {
    let mut transmits = Vec::with_capacity(MAX_BATCH);
    let mut sealed = Vec::with_capacity(MAX_BATCH);
    let mut train = Vec::new();
    // 1.-4. Under the lock.
    while collect(shared, &mut transmits)? {
        // 5. Without the lock: seal.
        seal(&mut transmits, &mut sealed, shared.clock.now());
        // 6. Without the lock: send.
        let report = &mut |error| shared.on_icmp_error(error);
        let sent = shared.socket.send(&sealed, &mut train, report);
        shared
            .counters
            .on_sent(sent.map_err(|_| Fatal::SocketDead)?);
        sealed.clear();
    }
    Ok(())
}

fn seal(transmits: &mut Vec<Transmit>, sealed: &mut Vec<(SocketAddr, Vec<u8>)>, now: Instant) {
    let wipe = BatchWipe::new();
    let bytes = |Transmit { to, datagram }| Some((to, datagram.into_bytes_in_batch(now, &wipe)?));
    sealed.extend(transmits.drain(..).filter_map(bytes));
}

/// Waits until there is something to send. False if there will be nothing more.
fn collect(shared: &Shared, transmits: &mut Vec<Transmit>) -> Result<bool, Fatal> {
    let mut rounds = 0;
    let mut core = shared.lock()?;
    loop {
        // 1. Let timers fire.
        let now = shared.clock.now();
        if core.deadline().is_some_and(|at| at <= now) {
            core.messenger.handle_timeout(now);
            core.messenger.settle(now);
        }
        // 2. Take a batch.
        while transmits.len() < MAX_BATCH
            && let Some(transmit) = core.messenger.endpoint_mut().poll_transmit(now)
        {
            transmits.push(transmit);
        }
        let late = core
            .stopping
            .is_some_and(|since| now.saturating_since(since) > FLUSH);
        if !transmits.is_empty() && !late {
            shared.release(core);
            return Ok(true);
        }
        if shared.is_stopping() {
            return Ok(false);
        }
        // 3. Tell others what the timers have brought.
        if core.has_news() {
            shared.release(core);
            core = shared.lock()?;
            continue;
        }
        // 4. Sleep.
        match next_wait(core.deadline(), shared.clock.now(), &mut rounds) {
            Wait::None => {}
            Wait::For(wait) => core = shared.sleep_sender(core, Some(wait))?,
            Wait::ToBeWoken => core = shared.sleep_sender(core, None)?,
        }
    }
}

/// How to wait for a deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wait {
    None,
    For(Duration),
    ToBeWoken,
}

/// A deadline that has come while the timers fired needs no wait, unless it does not go away.
fn next_wait(deadline: Option<Instant>, now: Instant, rounds: &mut u32) -> Wait {
    let Some(deadline) = deadline else {
        return Wait::ToBeWoken;
    };
    if deadline > now {
        return Wait::For(deadline.saturating_since(now));
    }
    *rounds = rounds.saturating_add(1);
    if *rounds < MAX_ROUNDS {
        Wait::None
    } else {
        Wait::For(STALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_micros(1_000_000);

    #[test]
    fn a_deadline_ahead_is_waited_for_and_none_is_waited_out() {
        let ahead = NOW + Duration::from_secs(3);
        assert_eq!(
            next_wait(Some(ahead), NOW, &mut 0),
            Wait::For(Duration::from_secs(3))
        );
        assert_eq!(next_wait(None, NOW, &mut 0), Wait::ToBeWoken);
    }

    #[test]
    fn a_deadline_that_stays_in_the_past_does_not_spin() {
        let mut rounds = 0;
        for _ in 1..MAX_ROUNDS {
            assert_eq!(next_wait(Some(Instant::ZERO), NOW, &mut rounds), Wait::None);
        }
        for _ in 0..3 {
            assert_eq!(next_wait(Some(NOW), NOW, &mut rounds), Wait::For(STALL));
        }
    }
}
