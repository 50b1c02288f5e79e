//! The clock: the only place where time comes into being.

use std::time::SystemTime;

use crate::net::os::Monotonic;
use crate::time::{Instant, UnixTime};

/// The operating system's clocks.
///
/// A copy of a clock is the same clock: instants of both may be compared.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Monotonic);

impl Clock {
    /// Opens the clock.
    #[must_use]
    pub fn new() -> Self {
        Self(Monotonic::new())
    }

    /// Now, on the monotonic clock. Time that the machine was suspended counts, so that keys expire
    /// in a closed laptop too.
    #[must_use]
    pub fn now(&self) -> Instant {
        let us = u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX);
        Instant::from_micros(us)
    }

    /// Now, on the wall clock. A clock that stands before 1970 reads as 1970.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn unix_time(&self) -> UnixTime {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        UnixTime(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_runs_backwards_and_does_move() {
        let clock = Clock::new();
        let start = clock.now();
        let mut last = start;
        while last == start {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn the_wall_clock_is_later_than_this_test() {
        assert!(Clock::new().unix_time() > UnixTime(1_760_000_000_000));
    }
}
