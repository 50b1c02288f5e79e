//! Wall-clock time as people and programs read it.

use core::fmt;
use core::str::FromStr;

use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use jiff::{Timestamp, Zoned};

use crate::text::{Safe, safe_line};
use crate::time::UnixTime;

/// The time zone that times are shown in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A moment with the time zone that it is shown in.
#[derive(Clone, Debug)]
pub struct Stamp(Zoned);

/// A day of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(Date);

/// The text is not of the form `2026-11-21`, or no such day exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a day has the form 2026-11-21")]
pub struct NotADay;

impl Zone {
    /// This machine's, as it was within the last five minutes.
    #[must_use]
    pub fn system() -> Self {
        Self(TimeZone::system())
    }

    /// The one that has no offset.
    #[must_use]
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// One so many hours ahead of it, for tests that must not depend on a machine.
    #[must_use]
    pub const fn ahead(hours: i8) -> Self {
        Self(TimeZone::fixed(offset(hours)))
    }

    /// This moment there. A time beyond the calendar shows as its end.
    #[must_use]
    pub fn at(&self, time: UnixTime) -> Stamp {
        let ms = i64::try_from(time.0).unwrap_or(i64::MAX);
        let timestamp = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        Stamp(timestamp.to_zoned(self.0.clone()))
    }

    /// When a day begins there.
    #[must_use]
    pub fn begin(&self, day: Day) -> UnixTime {
        if day.0.year() < 1970 {
            return UnixTime(0);
        }
        // The last days of the calendar begin nowhere: they are after everything.
        let begins = day.0.to_zoned(self.0.clone());
        let ms = begins.map_or(i64::MAX, |begins| begins.timestamp().as_millisecond());
        UnixTime(u64::try_from(ms).unwrap_or(0))
    }
}

impl Stamp {
    /// `at` in this machine's time zone.
    #[must_use]
    pub fn local(at: UnixTime) -> Self {
        Zone::system().at(at)
    }

    /// Reads what [`Stamp::utc_ms`] writes, for this machine's time zone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let at: Timestamp = text.parse().ok()?;
        Some(Self(at.to_zoned(TimeZone::system())))
    }

    /// The day that it falls on.
    #[must_use]
    pub fn day(&self) -> Day {
        Day(self.0.date())
    }

    /// Hours and minutes, for people: `02:09`.
    #[must_use]
    pub fn clock(&self) -> Safe {
        safe_line(&self.0.strftime("%H:%M").to_string())
    }

    /// This moment as seen from `now`: the clock, with the date before it on another day.
    #[must_use]
    pub fn moment(&self, now: &Self) -> Safe {
        if self.day() == now.day() {
            return self.clock();
        }
        safe_line(&self.0.strftime("%Y-%m-%d %H:%M").to_string())
    }

    /// Date and time to the second, for people: `2026-11-21 02:09:31`.
    #[must_use]
    pub fn full(&self) -> Safe {
        safe_line(&self.0.strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    /// As [`Stamp::utc`], to the millisecond: `2026-11-21T02:09:31.120Z`.
    #[must_use]
    pub fn utc_ms(&self) -> Safe {
        let utc = self.0.with_time_zone(TimeZone::UTC);
        safe_line(&utc.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
    }

    /// Date and time in UTC, for programs: `2026-11-21T02:09:31Z`.
    #[must_use]
    pub fn utc(&self) -> Safe {
        let utc = self.0.with_time_zone(TimeZone::UTC);
        safe_line(&utc.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

impl Day {
    /// `Fri 21 Nov`.
    pub(crate) fn words(self) -> Safe {
        safe_line(&self.0.strftime("%a %-d %b").to_string())
    }
}

impl From<UnixTime> for Day {
    /// The day in UTC.
    fn from(time: UnixTime) -> Self {
        Zone::utc().at(time).day()
    }
}

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let day = Self(text.parse().map_err(|_| NotADay)?);
        // The parser takes other forms too, and times behind a day.
        if day.to_string() == text {
            Ok(day)
        } else {
            Err(NotADay)
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Day> for Safe {
    fn from(day: Day) -> Self {
        safe_line(&day.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_their_own_clock_and_programs_see_utc() {
        let stamp = Zone::ahead(1).at(UnixTime(1_795_226_971_120));
        assert_eq!(stamp.clock().as_str(), "03:09");
        assert_eq!(stamp.full().as_str(), "2026-11-21 03:09:31");
        assert_eq!(stamp.utc().as_str(), "2026-11-21T02:09:31Z");
        assert_eq!(stamp.utc_ms().as_str(), "2026-11-21T02:09:31.120Z");
        assert_eq!(stamp.day().words().as_str(), "Sat 21 Nov");
    }

    #[test]
    fn a_moment_of_another_day_has_its_date() {
        let at = |ms| Zone::utc().at(UnixTime(ms));
        let now = at(1_795_226_971_120);
        assert_eq!(at(1_795_226_000_000).moment(&now).as_str(), "01:53");
        let yesterday = at(1_795_226_971_120 - 86_400_000);
        assert_eq!(yesterday.moment(&now).as_str(), "2026-11-20 02:09");
    }

    #[test]
    fn a_time_beyond_the_calendar_is_no_panic() {
        let far = Zone::utc().at(UnixTime(u64::MAX));
        assert!(far.utc().as_str().starts_with("9999"));
        assert!(far.full().as_str().starts_with("9999"));
    }

    #[test]
    fn a_time_falls_on_a_day() {
        assert_eq!(
            Day::from(UnixTime(1_795_226_940_000)).to_string(),
            "2026-11-21"
        );
        assert_eq!(Day::from(UnixTime(0)).to_string(), "1970-01-01");
        assert_eq!(Day::from(UnixTime(u64::MAX)).to_string(), "9999-12-30");
    }

    #[test]
    fn only_the_written_form_is_read() {
        assert_eq!(
            "2026-11-21".parse::<Day>().unwrap().to_string(),
            "2026-11-21"
        );
        for text in [
            "",
            "2026-13-01",
            "2026-02-30",
            "20261121",
            "2026-11-21T00:00",
            " 2026-11-21",
        ] {
            assert_eq!(text.parse::<Day>(), Err(NotADay), "{text:?}");
        }
    }

    #[test]
    fn a_day_begins_where_the_user_is() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let begin = |text| Zone::utc().begin(day(text));
        let hours = 2 * 3_600_000;
        let there = Zone::ahead(2).begin(day("2026-11-21"));
        assert_eq!(there, UnixTime(begin("2026-11-21").0 - hours));
        for text in ["1969-12-31", "-009999-01-01"] {
            assert_eq!(begin(text), UnixTime(0), "before everything");
        }
        assert!(begin("9999-12-31") > UnixTime(1 << 47), "after everything");
    }
}
