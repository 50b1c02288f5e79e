//! Which packet numbers have arrived.

use tinyvec::TinyVec;

use crate::wire::limits::ACK_MAX_RANGES;

/// Arrived packet numbers as inclusive ranges, from the highest down. What falls beyond the last of
/// [`ACK_MAX_RANGES`] counts as arrived (RFC 9000 §13.2.3).
#[derive(Debug, Default)]
pub(super) struct Received {
    ranges: TinyVec<[(u64, u64); 2]>,
    /// All numbers below count as arrived.
    floor: u64,
}

impl Received {
    /// Adds a number; false if it was there already.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        if let Some((_, high)) = self.ranges.first_mut()
            && *high + 1 == number
        {
            *high = number;
            return true;
        }
        if number < self.floor {
            return false;
        }
        let at = self.ranges.partition_point(|(low, _)| *low > number);
        if self.ranges.get(at).is_some_and(|(_, high)| number <= *high) {
            return false;
        }
        self.ranges.insert(at, (number, number));
        self.merge_with_lower(at);
        if let Some(above) = at.checked_sub(1) {
            self.merge_with_lower(above);
        }
        if self.ranges.len() > ACK_MAX_RANGES
            && let Some((_, high)) = self.ranges.pop()
        {
            self.floor = high + 1;
        }
        true
    }

    /// Whether all from `first` to `last`, which has arrived, have arrived.
    pub(super) fn has_all(&self, first: u64, last: u64) -> bool {
        let at = self.ranges.partition_point(|(low, _)| *low > last);
        self.ranges.get(at).is_some_and(|(low, _)| *low <= first)
    }

    /// The ranges from the highest down, as far as they reach `first` or above.
    pub(super) fn from(&self, first: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let ranges = self.ranges.iter().copied();
        let reaching = ranges.take_while(move |(_, high)| *high >= first);
        reaching.map(move |(low, high)| (low.max(first), high))
    }

    /// Joins the range at `at` with the one below it if they touch.
    fn merge_with_lower(&mut self, at: usize) {
        let (Some(upper), Some(lower)) = (self.ranges.get(at), self.ranges.get(at + 1)) else {
            return;
        };
        if lower.1 + 1 == upper.0 {
            let joined = (lower.0, upper.1);
            self.ranges.remove(at + 1);
            if let Some(range) = self.ranges.get_mut(at) {
                *range = joined;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::proto::rng::CoreRng;

    #[test]
    fn ranges_agree_with_a_simple_model() {
        for seed in 0..50 {
            let mut rng = CoreRng::new([seed; 32]);
            let (mut received, mut model) = (Received::default(), BTreeSet::new());
            for _ in 0..300 {
                let number = rng.below(200) as u64;
                let known = number < received.floor || model.contains(&number);
                assert_eq!(received.insert(number), !known, "seed {seed}");
                model.insert(number);
                let held: Vec<u64> = received.ranges.iter().flat_map(|(l, h)| *l..=*h).collect();
                assert!(held.iter().all(|n| model.contains(n)), "seed {seed}");
                let expected = model.iter().filter(|n| **n >= received.floor).count();
                assert_eq!(held.len(), expected, "seed {seed}");
                assert!(received.ranges.len() <= ACK_MAX_RANGES);
                assert!(
                    received.ranges.windows(2).all(|w| w[1].1 + 1 < w[0].0),
                    "seed {seed}"
                );
            }
        }
    }

    #[test]
    fn as_many_ranges_are_kept_as_an_ack_has_room_for() {
        let mut received = Received::default();
        let last = 2 * ACK_MAX_RANGES as u64;
        for number in (0..last).step_by(2) {
            assert!(received.insert(number));
        }
        assert_eq!(received.ranges.len(), ACK_MAX_RANGES);
        assert!(received.insert(last));
        assert_eq!(received.ranges.len(), ACK_MAX_RANGES);
        assert!(!received.insert(0), "it has arrived");
        assert!(
            received.insert(1),
            "what fell out says nothing of the next one"
        );
    }
}
