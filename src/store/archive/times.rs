//! When messages came or were queued: those of different logs have times of their own, so that their order by time, log
//! and number is the order in which they were written down, and what is looked up stands as it was said.

use core::time::Duration;

use crate::chat::LogId;
use crate::time::UnixTime;

/// How far the times may run ahead of a clock before they follow it back: it was set, and not just read twice.
const MOST_AHEAD: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Times {
    last: UnixTime,
    log: Option<LogId>,
}

impl Times {
    /// The time of the next message: now, or as late as the one before if that is of the same log, in which numbers
    /// rise, or else just after it. However many come at once, one log does not run ahead of the clock.
    pub(super) fn next(&mut self, log: LogId, now: UnixTime) -> UnixTime {
        let is_same = self.log.replace(log) == Some(log);
        let next = UnixTime(self.last.0.saturating_add(u64::from(!is_same)));
        let is_set_back = next.saturating_since(now) > MOST_AHEAD;
        self.last = if is_set_back { now } else { next.max(now) };
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_later_than_that_of_another_log_before_unless_the_clock_was_set_back() {
        let mut times = Times::default();
        let mut at = |log, now| times.next(LogId(log), UnixTime(now)).0;
        assert_eq!(at(1, 5_000), 5_000);
        assert_eq!(at(2, 5_000), 5_001);
        assert_eq!(at(1, 4_990), 5_002);
        assert_eq!(at(1, 6_000), 6_000);
        let hour = 3_600_000;
        assert_eq!(at(1, 2 * hour), 2 * hour);
        assert_eq!(at(1, hour), hour);
    }

    /// Lines from a pipe: a time for each made them run ahead until they were set back among those before.
    #[test]
    fn a_flood_of_one_log_keeps_its_order() {
        let mut times = Times::default();
        let at: Vec<_> = (0..200_000_u64)
            .map(|number| times.next(LogId(1), UnixTime(5_000 + number / 10)))
            .collect();
        assert!(at.is_sorted());
        assert_eq!(at.last(), Some(&UnixTime(24_999)));
    }
}
