//! Sets of numbers that mostly follow each other.

use tinyvec::TinyVec;

/// Numbers as inclusive ranges, ascending, never adjacent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(TinyVec<[(u64, u64); 1]>);

impl Ranges {
    /// Adds `low` to `high`, both included; does nothing if `high` is below `low`.
    pub(super) fn insert(&mut self, low: u64, high: u64) {
        if high < low {
            return;
        }
        // What comes in its order only moves the end.
        if let Some((start, end)) = self.0.last_mut()
            && *start <= low
            && low <= end.saturating_add(1)
        {
            *end = high.max(*end);
            return;
        }
        let first = self
            .0
            .partition_point(|&(_, end)| end < low.saturating_sub(1));
        let last = self
            .0
            .partition_point(|&(start, _)| start <= high.saturating_add(1));
        let joined = self.0.get(first..last).unwrap_or_default();
        let low = joined.first().map_or(low, |&(start, _)| start.min(low));
        let high = joined.last().map_or(high, |&(_, end)| end.max(high));
        match self.0.get_mut(first).filter(|_| first < last) {
            Some(kept) => {
                *kept = (low, high);
                self.0.drain(first + 1..last);
            }
            None => self.0.insert(first, (low, high)),
        }
    }

    /// Makes room for so many more, so that they come without memory of their own.
    pub(super) fn reserve(&mut self, more: usize) {
        self.0.reserve(more);
    }

    /// The range that holds `number`.
    pub(super) fn range_of(&self, number: u64) -> Option<(u64, u64)> {
        let at = self.0.partition_point(|&(_, end)| end < number);
        self.0
            .get(at)
            .copied()
            .filter(|&(start, _)| start <= number)
    }

    /// Forgets the lowest ranges until at most `max` are left.
    pub(super) fn keep_highest(&mut self, max: usize) {
        let surplus = self.0.len().saturating_sub(max);
        if surplus > 0 {
            self.0.drain(..surplus);
        }
    }

    pub(super) fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<(u64, u64)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(ranges: I) -> Self {
        let mut set = Self::default();
        for (low, high) in ranges {
            set.insert(low, high);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::chat::sim_link::Dice;

    #[test]
    fn neighbours_join_and_nothing_else_does() {
        let mut ranges = Ranges::default();
        for number in [5, 7, 0, 6, 2] {
            ranges.insert(number, number);
        }
        assert_eq!(ranges.as_slice(), [(0, 0), (2, 2), (5, 7)]);
        assert_eq!(ranges.range_of(6), Some((5, 7)));
        assert_eq!(ranges.range_of(3), None);
        ranges.insert(1, 5);
        assert_eq!(ranges.as_slice(), [(0, 7)]);
        ranges.insert(u64::MAX, u64::MAX);
        ranges.keep_highest(1);
        assert_eq!(ranges.as_slice(), [(u64::MAX, u64::MAX)]);
    }

    #[test]
    fn random_insertions_agree_with_a_set() {
        for seed in 0..50 {
            let mut dice = Dice::new(seed);
            let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
            for _ in 0..60 {
                let low = dice.below(80);
                let high = low + dice.below(6);
                ranges.insert(low, high);
                model.extend(low..=high);
                for number in 0..90 {
                    let found = ranges.range_of(number).is_some();
                    assert_eq!(found, model.contains(&number), "seed {seed}");
                }
                let slice = ranges.as_slice();
                assert!(
                    slice.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0),
                    "seed {seed}: {slice:?}"
                );
            }
        }
    }
}
