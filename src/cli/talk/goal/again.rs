//! When whoever is to be reached is called again.

use std::time::Duration;

use crate::time::Instant;

/// How long `--retry` waits before it calls again, by how many sessions in a row did not last.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
];

/// A session that stood so long was no failure: the next pause is the first one again.
const LASTING: Duration = Duration::from_secs(30);

/// Calling again after a session ended.
#[derive(Debug, Default)]
pub(in crate::cli::talk) struct Again {
    /// When to.
    pub(super) due: Option<Instant>,
    /// How many sessions in a row did not last.
    failures: usize,
    /// Since when the session stands.
    pub(super) stands: Option<Instant>,
    /// Whether one has ever stood.
    pub(super) has_stood: bool,
    /// Whether the person has hung up, and not called again since.
    pub(super) is_hung_up: bool,
}

impl Again {
    pub(super) fn on_established(&mut self, now: Instant) {
        (self.due, self.has_stood) = (None, true);
        // A session that is made again without having ended goes on.
        self.stands.get_or_insert(now);
    }

    /// Returns how long to wait.
    pub(super) fn on_closed(&mut self, now: Instant) -> Duration {
        let stood = self.stands.take();
        if stood.is_some_and(|since| now.saturating_since(since) >= LASTING) {
            self.failures = 0;
        }
        let [.., longest] = PAUSES;
        let pause = PAUSES.get(self.failures).copied().unwrap_or(longest);
        self.failures = self.failures.saturating_add(1);
        self.due = Some(now + pause);
        pause
    }
}
