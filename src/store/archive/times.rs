//! When messages came or were queued: each has a time of its own, so that their order by it is the order in which
//! they were written down, and what is looked up stands as it was said.

use core::time::Duration;

use crate::time::UnixTime;

/// How far the times may run ahead of a clock before they follow it back: it was set, and not just read twice.
const MOST_AHEAD: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Times {
    last: UnixTime,
}

impl Times {
    /// The time of the next message: now, or just after the one before.
    pub(super) fn next(&mut self, now: UnixTime) -> UnixTime {
        let next = UnixTime(self.last.0.saturating_add(1));
        let is_ahead = u128::from(next.0.saturating_sub(now.0)) > MOST_AHEAD.as_millis();
        self.last = if is_ahead { now } else { next.max(now) };
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_later_than_the_one_before_unless_the_clock_was_set_back() {
        let mut times = Times::default();
        let at = [5_000, 5_000, 4_990, 6_000].map(|now| times.next(UnixTime(now)).0);
        assert_eq!(at, [5_000, 5_001, 5_002, 6_000]);
        let hour = 3_600_000;
        assert_eq!(times.next(UnixTime(2 * hour)).0, 2 * hour);
        assert_eq!(times.next(UnixTime(hour)).0, hour);
    }
}
