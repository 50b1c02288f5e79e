//! How many seen logs each contact has, so that they can be kept few without reading them each time.

use std::collections::BTreeMap;

use crate::chat::{ContactId, SeenLog};
use crate::time::UnixTime;

/// Logs of a contact above those that are remembered at which the surplus goes: all of its logs have to
/// be read for that.
const SLACK: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Logs {
    counts: BTreeMap<ContactId, usize>,
    /// When a log was last heard.
    last_heard: UnixTime,
}

impl Logs {
    /// When a message that comes now counts as heard: later than all before, also if the clock was set
    /// back. The order decides which log is forgotten.
    pub(super) fn hear(&mut self, now: UnixTime) -> UnixTime {
        self.last_heard = now.max(UnixTime(self.last_heard.0.saturating_add(1)));
        self.last_heard
    }

    /// Takes over what an earlier process heard.
    pub(super) fn restore(&mut self, heard: UnixTime) {
        self.last_heard = self.last_heard.max(heard);
    }

    pub(super) fn count(&mut self, contact: ContactId, count: usize) {
        self.counts.insert(contact, count);
    }

    /// Notes a new log. Whether there are so many now that some have to go.
    pub(super) fn add(&mut self, contact: ContactId) -> bool {
        let count = self.counts.entry(contact).or_default();
        *count += 1;
        *count > SeenLog::MOST + SLACK
    }
}
