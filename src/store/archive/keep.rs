//! How long messages are kept once they are over.

use core::time::Duration;

use crate::time::UnixTime;

const THIRTY_DAYS: Duration = Duration::from_secs(30 * 86_400);

/// Which messages stay after they were shown, delivered or given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Keep {
    /// None.
    #[default]
    Off,
    /// Those of a run, in its memory: they are gone with it.
    Session,
    /// Those of the last 30 days.
    ThirtyDays,
    /// All of them.
    Forever,
}

impl Keep {
    /// As the settings spell them.
    pub const ALL: [(&'static str, Self); 4] = [
        ("off", Self::Off),
        ("session", Self::Session),
        ("30d", Self::ThirtyDays),
        ("forever", Self::Forever),
    ];

    /// Reads what the settings say.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let known = Self::ALL.iter().find(|(name, _)| *name == text);
        known.map(|&(_, keep)| keep)
    }

    /// Whether there is a history on the disk.
    #[must_use]
    pub const fn is_on_disk(self) -> bool {
        matches!(self, Self::ThirtyDays | Self::Forever)
    }

    /// Whether a program that runs has a history of what is over, be it on the disk or in memory.
    #[must_use]
    pub const fn has_history(self) -> bool {
        !matches!(self, Self::Off)
    }

    /// Before when messages go, if any go by themselves.
    #[must_use]
    pub fn oldest(self, now: UnixTime) -> Option<UnixTime> {
        let life = u64::try_from(THIRTY_DAYS.as_millis()).ok()?;
        matches!(self, Self::ThirtyDays).then(|| UnixTime(now.0.saturating_sub(life)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_spelt_in_one_way() {
        assert_eq!(Keep::parse("30d"), Some(Keep::ThirtyDays));
        assert_eq!(Keep::parse("Forever"), None);
        assert_eq!(Keep::parse(""), None);
    }
}
