//! Wall-clock time as the screen shows it.

use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use jiff::{Timestamp, Zoned};

use crate::text::{Safe, safe_line};
use crate::time::UnixTime;

/// The time zone that times are shown in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A day of the calendar, of which only equality and the words matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day(Date);

impl Zone {
    /// This machine's, as it was within the last five minutes.
    #[must_use]
    pub fn system() -> Self {
        Self(TimeZone::system())
    }

    /// The one that has no offset, for tests that must not depend on a machine.
    #[must_use]
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// One so many hours ahead of it, for tests as well.
    #[must_use]
    pub const fn ahead(hours: i8) -> Self {
        Self(TimeZone::fixed(offset(hours)))
    }

    /// Hours and minutes: `02:09`.
    pub(super) fn clock(&self, at: UnixTime) -> Safe {
        safe_line(&self.zoned(at).strftime("%H:%M").to_string())
    }

    /// Date and time: `2026-11-21 02:09:31`.
    pub(super) fn full(&self, at: UnixTime) -> Safe {
        safe_line(&self.zoned(at).strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    pub(super) fn day(&self, at: UnixTime) -> Day {
        Day(self.zoned(at).date())
    }

    /// `at` as seen on `day`: the clock, with the date before it if it was another day.
    pub(super) fn moment(&self, at: UnixTime, day: Day) -> Safe {
        let of = self.day(at);
        if of == day {
            self.clock(at)
        } else {
            safe_line(&of.0.strftime("%Y-%m-%d ").to_string()) + self.clock(at)
        }
    }

    fn zoned(&self, at: UnixTime) -> Zoned {
        let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
        let timestamp = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        timestamp.to_zoned(self.0.clone())
    }
}

impl Day {
    /// `Fri 21 Nov`.
    pub(super) fn words(self) -> Safe {
        safe_line(&self.0.strftime("%a %-d %b").to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_have_words() {
        let zone = Zone::utc();
        let at = UnixTime(1_795_226_971_120);
        assert_eq!(zone.clock(at).as_str(), "02:09");
        assert_eq!(zone.full(at).as_str(), "2026-11-21 02:09:31");
        let day = zone.day(at);
        assert_eq!(day.words().as_str(), "Sat 21 Nov");
        let before = UnixTime(at.0 - 86_400_000);
        assert_eq!(zone.moment(before, day).as_str(), "2026-11-20 02:09");
        assert_eq!(zone.moment(at, day).as_str(), "02:09");
    }

    #[test]
    fn a_time_beyond_the_calendar_is_no_panic() {
        assert!(
            Zone::utc()
                .full(UnixTime(u64::MAX))
                .as_str()
                .starts_with("9999")
        );
    }
}
