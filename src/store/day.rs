//! A calendar day in UTC, as the options `seen=` and `verified=` hold it.

use core::fmt;
use core::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::text::Safe;
use crate::time::UnixTime;

/// A calendar day in UTC; finer would tell a thief of the file more than it tells its owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(Date);

/// The text is not of the form `2026-11-21`, or no such day exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a day has the form 2026-11-21")]
pub struct NotADay;

impl From<UnixTime> for Day {
    /// A time beyond the calendar's end is its last day.
    fn from(time: UnixTime) -> Self {
        let milliseconds = i64::try_from(time.0).unwrap_or(i64::MAX);
        let time = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX);
        Self(time.to_zoned(TimeZone::UTC).date())
    }
}

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let day = Self(text.parse().map_err(|_| NotADay)?);
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
        crate::text::safe_line(&day.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
