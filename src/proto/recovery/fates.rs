//! What became of the newest packets, for people who ask how good the path is. Nothing is decided by it.
//! Source: docs/protocol.md#loss-and-congestion.

use crate::proto::event::Loss;

/// Packet numbers that are looked back on: with fewer one loss is many percent, with more an outage that is
/// over stays in the figure for long.
const WINDOW: u64 = 128;
const _: () = assert!(WINDOW == u128::BITS as u64);

/// Of the newest [`WINDOW`] packet numbers, which were lost, of those whose fate is known.
///
/// ```text
///  bit  127 …      2        1        0
///       oldest  newest-2 newest-1  newest
/// ```
#[derive(Debug, Default)]
pub(super) struct Fates {
    newest: u64,
    known: u128,
    lost: u128,
}

impl Fates {
    pub(super) fn on_acked(&mut self, number: u64) {
        let bit = self.bit(number);
        self.known |= bit;
    }

    pub(super) fn on_lost(&mut self, number: u64) {
        let bit = self.bit(number);
        self.known |= bit;
        self.lost |= bit;
    }

    /// All of `low..=high` has arrived: whatever of it was given up was late and not lost.
    pub(super) fn take_back(&mut self, low: u64, high: u64) {
        // Most of the time nothing is lost.
        if self.lost == 0 || low > self.newest {
            return;
        }
        let youngest = self.newest.saturating_sub(high);
        let behind = self.newest - low + 1;
        self.lost &= !(below(behind) & !below(youngest));
    }

    /// None while no packet's fate is known.
    pub(super) const fn loss(&self) -> Option<Loss> {
        let of = self.known.count_ones();
        let lost = self.lost.count_ones();
        match of {
            0 => None,
            _ => Some(Loss { lost, of }),
        }
    }

    /// The bit of that number, with the window moved on to it; none if it is older than the window.
    fn bit(&mut self, number: u64) -> u128 {
        if let Some(further) = number.checked_sub(self.newest) {
            self.known = shifted(self.known, further);
            self.lost = shifted(self.lost, further);
            self.newest = number;
        }
        shifted(1, self.newest - number)
    }
}

/// The lowest `count` bits.
fn below(count: u64) -> u128 {
    shifted(1, count).wrapping_sub(1)
}

fn shifted(bits: u128, by: u64) -> u128 {
    if by < WINDOW { bits << by } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(fates: &Fates) -> Option<(u32, u32)> {
        fates.loss().map(|loss| (loss.lost, loss.of))
    }

    #[test]
    fn nothing_is_said_before_a_fate_is_known() {
        assert_eq!(loss(&Fates::default()), None);
    }

    #[test]
    fn losses_are_counted_among_packets_whose_fate_is_known() {
        let mut fates = Fates::default();
        fates.on_acked(0);
        fates.on_acked(7);
        fates.on_lost(3);
        assert_eq!(loss(&fates), Some((1, 3)));
    }

    #[test]
    fn what_is_older_than_the_window_counts_no_longer() {
        let mut fates = Fates::default();
        fates.on_lost(0);
        fates.on_acked(WINDOW - 1);
        assert_eq!(loss(&fates), Some((1, 2)));
        fates.on_acked(WINDOW);
        assert_eq!(loss(&fates), Some((0, 2)));
        fates.on_lost(0);
        assert_eq!(loss(&fates), Some((0, 2)), "too old");
        fates.on_acked(u64::MAX);
        assert_eq!(loss(&fates), Some((0, 1)));
    }

    #[test]
    fn what_arrives_after_all_was_not_lost() {
        let mut fates = Fates::default();
        for number in 10..20 {
            fates.on_lost(number);
        }
        fates.take_back(12, 13);
        assert_eq!(loss(&fates), Some((8, 10)));
        fates.take_back(0, 10);
        assert_eq!(loss(&fates), Some((7, 10)));
        fates.take_back(20, 30);
        assert_eq!(loss(&fates), Some((7, 10)), "beyond");
        fates.take_back(19, 30);
        assert_eq!(loss(&fates), Some((6, 10)));
        fates.take_back(0, u64::MAX);
        assert_eq!(loss(&fates), Some((0, 10)));
    }
}
