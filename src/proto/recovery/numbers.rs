//! Which packet numbers an acknowledgement may name. Source: RFC 9000 §13.1, §21.4.

use core::ops::Range;
use std::collections::BTreeSet;

use crate::id::PacketNumber;
use crate::proto::limits::MAX_SKIPPED;
use crate::proto::recovery::AckViolation;
use crate::wire::frame::Ack;

/// The numbers used so far: those sent, and the last few that never will be.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    used: Range<u64>,
    skipped: BTreeSet<u64>,
    /// The highest of those: most acknowledgements are of what was sent since.
    newest_skipped: u64,
}

impl Numbers {
    /// The next number, which follows on the last.
    pub(super) fn on_sent(&mut self, number: PacketNumber) {
        self.advance(number.0);
    }

    /// The next number, which nobody ever sees. Beyond the bound the oldest is forgotten: whoever
    /// acknowledges that one now gains nothing.
    pub(super) fn skip(&mut self, number: PacketNumber) {
        self.advance(number.0);
        self.skipped.insert(number.0);
        self.newest_skipped = number.0;
        if self.skipped.len() > MAX_SKIPPED {
            self.skipped.pop_first();
        }
    }

    /// How many of the numbers between two were skipped.
    pub(super) fn skipped_between(&self, low: u64, high: u64) -> u64 {
        self.skipped.range(low..high).count() as u64
    }

    /// # Errors
    /// If `ack` names a number that was not sent.
    pub(super) fn check(&self, ack: &Ack) -> Result<(), AckViolation> {
        for (low, high) in &ack.ranges {
            if !(self.used.contains(low) && self.used.contains(high)) {
                return Err(AckViolation::NeverSent);
            }
            if *low <= self.newest_skipped && self.skipped.range(low..=high).next().is_some() {
                return Err(AckViolation::Skipped);
            }
        }
        Ok(())
    }

    fn advance(&mut self, number: u64) {
        if self.used.is_empty() {
            self.used = number..number;
        }
        debug_assert_eq!(number, self.used.end, "numbers follow on each other");
        self.used.end = self.used.end.max(number.saturating_add(1));
    }
}
