//! A time in the past, as somebody types it.

use core::fmt;
use std::time::Duration;

use crate::calendar::{Day, Zone};
use crate::time::{UnixTime, duration_text, parse_duration};

/// A time in the past.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// So long ago.
    Ago(Duration),
    /// The first moment of this day, where the user is.
    Day(Day),
}

impl When {
    /// Reads `7d`, `12h` or `2026-11-01`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "this is a time ago, such as 7d or 12h, or a day, such as 2026-11-01";
        if let Ok(ago) = parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        text.parse().map(Self::Day).map_err(|_| FORM)
    }

    /// Which moment that is.
    pub(super) fn moment(self, now: UnixTime, zone: &Zone) -> UnixTime {
        match self {
            Self::Ago(ago) => {
                let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
                UnixTime(now.0.saturating_sub(ago))
            }
            Self::Day(day) => zone.begin(day),
        }
    }
}

impl fmt::Display for When {
    /// As it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(ago) => f.write_str(&duration_text(*ago)),
            Self::Day(day) => day.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_ago_or_a_day() {
        assert_eq!(
            When::parse("7d"),
            Ok(When::Ago(Duration::from_secs(604_800)))
        );
        let now = UnixTime(1_795_226_971_120);
        let at = |text| When::parse(text).unwrap().moment(now, &Zone::utc());
        assert_eq!(at("1h"), UnixTime(now.0 - 3_600_000));
        assert_eq!(at("4294967295d"), UnixTime(0), "before everything");
        assert_eq!(at("2026-11-21"), UnixTime(1_795_219_200_000));
        for text in ["7d", "36h", "2026-11-21"] {
            assert_eq!(When::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "yesterday",
            "7",
            "2026-13-01",
            "20261101",
            "2026-11-01T00:00",
            "-7d",
        ] {
            assert!(When::parse(text).is_err(), "{text}");
        }
    }
}
