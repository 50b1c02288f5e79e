//! Time as a value. Nothing here can read a clock: `Instant` has no `now()`.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point on the local monotonic clock that counts suspended time, in microseconds.
///
/// All arithmetic saturates: a clock accident can delay a timer, never overflow one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Instant(u64);

impl Instant {
    /// The clock's zero.
    pub const ZERO: Self = Self(0);

    /// A point `us` microseconds after the clock's zero.
    #[must_use]
    pub const fn from_micros(us: u64) -> Self {
        Self(us)
    }

    /// Microseconds since the clock's zero.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(saturating_micros(rhs)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(saturating_micros(rhs)))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Wall-clock time in milliseconds since 1970, for display and stored records only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// How long after `earlier` this is; nothing if it is before.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Reads `500ms`, `10s`, `2m`, `1h`, `7d`: a whole number above zero with its unit.
///
/// # Errors
/// What is wrong with it, for the user.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "a time is a number with its unit, such as 500ms, 10s or 2m";
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or(FORM)?;
    let (number, unit) = text.split_at(end);
    let number: u32 = number.parse().map_err(|_| FORM)?;
    let time = match unit {
        "ms" => Duration::from_millis(number.into()),
        "s" => Duration::from_secs(number.into()),
        "m" => Duration::from_secs(60 * u64::from(number)),
        "h" => Duration::from_secs(3600 * u64::from(number)),
        "d" => Duration::from_secs(86_400 * u64::from(number)),
        _ => return Err(FORM),
    };
    if time.is_zero() {
        return Err("the time must be longer than nothing");
    }
    Ok(time)
}

/// As [`parse_duration`] reads it, in the largest unit that leaves nothing over; less than a millisecond is left out.
#[must_use]
pub fn duration_text(time: Duration) -> String {
    const UNITS: [(u128, &str); 4] = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ];
    let ms = time.as_millis();
    let unit = UNITS.iter().find(|(unit, _)| ms.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or(&(1, "ms"));
    format!("{}{name}", ms / unit)
}

fn saturating_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let end = Instant::from_micros(u64::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(end + Duration::MAX, end);
        assert_eq!(Instant::ZERO - Duration::from_secs(1), Instant::ZERO);
        assert_eq!(Instant::ZERO.saturating_since(end), Duration::ZERO);
    }

    #[test]
    fn durations_have_a_unit() {
        let ms = Duration::from_millis;
        for (text, time) in [
            ("500ms", ms(500)),
            ("10s", ms(10_000)),
            ("2m", ms(120_000)),
            ("1h", ms(3_600_000)),
            ("7d", ms(604_800_000)),
        ] {
            assert_eq!(parse_duration(text), Ok(time));
            assert_eq!(duration_text(time), text);
        }
        assert_eq!(duration_text(Duration::from_secs(90 * 60)), "90m");
        for wrong in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "0s",
            "10 s",
            "99999999999s",
            "1y",
        ] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
