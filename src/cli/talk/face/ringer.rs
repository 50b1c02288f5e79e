//! Calls somebody who has lines on the terminal, as far as the settings want that.

use std::io::{IsTerminal as _, stderr, stdout};

use crate::cli::talk::face::{Alerts, write_to_terminal};
use crate::cli::talk::moves_cursor;
use crate::net::Clock;
use crate::text::Safe;
use crate::tui::{Bell, Discretion, Notice, more_messages};

/// What stands behind the beginning of a message that goes on.
const MORE: &str = "...";

/// The bell, the terminal's own notifications and a command, as often as on the full screen.
pub(in crate::cli::talk) struct Ringer {
    bell: Bell,
    discretion: Discretion,
    /// Whether it is heard.
    rings: bool,
    alerts: Alerts,
    clock: Clock,
}

impl Ringer {
    pub(in crate::cli::talk) fn new(
        discretion: Discretion,
        rings: bool,
        alerts: Alerts,
        clock: Clock,
    ) -> Self {
        Self {
            bell: Bell::default(),
            discretion,
            rings,
            alerts,
            clock,
        }
    }

    /// Calls for a message; none is its text if it is unreadable.
    pub(super) fn said(&mut self, from: &Safe, text: Option<&str>) {
        if self.bell.rings(self.clock.now()) {
            self.call(self.discretion.message(from, text, MORE));
        }
    }

    /// Calls for those that came too soon after it.
    pub(super) fn ring(&mut self) {
        if let Some(held) = self.bell.due(self.clock.now()) {
            self.call(more_messages(held));
        }
    }

    /// Whoever types has looked.
    pub(super) const fn hush(&mut self) {
        self.bell.hush();
    }

    fn call(&self, words: Safe) {
        let Some(notice) = self.discretion.notice(words, self.rings) else {
            return;
        };
        if stderr().is_terminal() || stdout().is_terminal() {
            // A terminal that is gone is noticed by what is printed.
            let _ = write_to_terminal(&self.sequence(&notice));
        }
        if let Some(hook) = &self.alerts.hook {
            hook.call(notice.words);
        }
    }

    /// A terminal that takes no commands would show the words among the lines.
    fn sequence(&self, notice: &Notice) -> String {
        let words = notice.words.clone().filter(|_| moves_cursor());
        let rings = notice.rings;
        Notice { words, rings }.sequence(self.alerts.osc, self.alerts.through)
    }
}
