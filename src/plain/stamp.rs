//! Wall-clock time as people and programs read it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::text::{Safe, safe_line};
use crate::time::UnixTime;

/// A moment with the time zone that it is shown in.
#[derive(Clone, Debug)]
pub struct Stamp(Zoned);

impl Stamp {
    /// `at` in this machine's time zone. A time beyond the calendar shows as its end.
    #[must_use]
    pub fn local(at: UnixTime) -> Self {
        Self::in_zone(at, TimeZone::system())
    }

    /// Reads what [`Stamp::utc_ms`] writes, for this machine's time zone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let at: Timestamp = text.parse().ok()?;
        Some(Self(at.to_zoned(TimeZone::system())))
    }

    fn in_zone(at: UnixTime, zone: TimeZone) -> Self {
        let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
        let timestamp = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        Self(timestamp.to_zoned(zone))
    }

    /// Hours and minutes, for people: `02:09`.
    #[must_use]
    pub fn clock(&self) -> Safe {
        safe_line(&self.0.strftime("%H:%M").to_string())
    }

    /// This moment as seen from `now`: the clock, with the date before it on another day.
    #[must_use]
    pub fn moment(&self, now: &Self) -> Safe {
        if self.0.date() == now.0.date() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_their_own_clock_and_programs_see_utc() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let stamp = Stamp::in_zone(UnixTime(1_795_226_971_120), zone);
        assert_eq!(stamp.clock().as_str(), "03:09");
        assert_eq!(stamp.full().as_str(), "2026-11-21 03:09:31");
        assert_eq!(stamp.utc().as_str(), "2026-11-21T02:09:31Z");
        assert_eq!(stamp.utc_ms().as_str(), "2026-11-21T02:09:31.120Z");
    }

    #[test]
    fn a_moment_of_another_day_has_its_date() {
        let at = |ms| Stamp::in_zone(UnixTime(ms), TimeZone::UTC);
        let now = at(1_795_226_971_120);
        assert_eq!(at(1_795_226_000_000).moment(&now).as_str(), "01:53");
        let yesterday = at(1_795_226_971_120 - 86_400_000);
        assert_eq!(yesterday.moment(&now).as_str(), "2026-11-20 02:09");
    }

    #[test]
    fn a_time_beyond_the_calendar_is_no_panic() {
        let far = Stamp::in_zone(UnixTime(u64::MAX), TimeZone::UTC);
        assert!(far.utc().as_str().starts_with("9999"));
    }
}
