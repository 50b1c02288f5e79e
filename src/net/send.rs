//! The `send` thread. It blocks on its condition variable, with the core's deadline, and, when the
//! socket's buffer is full, a moment on the socket.

use core::time::Duration;

use crate::net::outgoing::Outgoing;
use crate::net::shared::{Fatal, Locked, Shared};
use crate::net::turn::Who;
use crate::net::udp::Room;
use crate::time::Instant;

/// How long what is queued may still leave after the driver was stopped.
const FLUSH: Duration = Duration::from_millis(500);

/// How often in a row a deadline may lie in the past right after all timers have fired.
const MAX_ROUNDS: u32 = 8;

/// The wait after that: a timer that never goes away costs a thousandth of a core, not a whole one.
const STALL: Duration = Duration::from_millis(1);

/// Sends until the driver stops and nothing is left.
pub(super) fn run(shared: &Shared) -> Result<(), Fatal> {
    // 1.-4. Under the lock.
    let mut core = shared.lock()?;
    while let Some(mut outgoing) = collect(shared, core)? {
        // 5. Without the lock: seal and send.
        outgoing.send(shared, Room::Wait)?;
        core = shared.lock()?;
        core.turn.put_back(outgoing, false);
    }
    Ok(())
}

/// Waits until there is something to send. None if there will be nothing more.
fn collect<'a>(shared: &'a Shared, mut core: Locked<'a>) -> Result<Option<Outgoing>, Fatal> {
    let mut rounds = 0;
    loop {
        // 1. Let timers fire.
        let now = core.now;
        if core.deadline().is_some_and(|at| at <= now) {
            core.messenger.handle_timeout(now);
            core.messenger.settle(now);
        }
        // 2. Take a batch, if nobody else is about it. Whoever is wakes us if it leaves something.
        if let Some(mut outgoing) = core.turn.take_for_sender() {
            outgoing.fill(core.messenger.endpoint_mut(), now);
            let late = |since| now.saturating_since(since) > FLUSH;
            if !outgoing.is_empty() && !core.stopping.is_some_and(late) {
                shared.release(core, Who::Send);
                return Ok(Some(outgoing));
            }
            core.turn.put_back(outgoing, false);
            if shared.is_stopping() {
                return Ok(None);
            }
        }
        // 3. Tell others what the timers have brought.
        if core.has_news() {
            shared.release(core, Who::Send);
            core = shared.lock()?;
            continue;
        }
        // 4. Sleep.
        match next_wait(core.deadline(), shared.clock.now(), &mut rounds) {
            Wait::None => core.now = shared.clock.now(),
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
