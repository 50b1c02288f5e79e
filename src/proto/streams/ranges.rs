//! A set of byte offsets, kept as ranges that neither touch nor overlap.

use core::ops::Range;
use std::collections::BTreeMap;

/// Offsets. Where everything comes in order there is the first run and no other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    /// Every offset before this one is in the set.
    prefix: u64,
    /// The start and the end (exclusive) of each run that lies beyond.
    beyond: BTreeMap<u64, u64>,
}

impl Ranges {
    /// The run with the lowest offsets.
    pub(super) fn first(&self) -> Option<Range<u64>> {
        if self.prefix > 0 {
            return Some(0..self.prefix);
        }
        let first = self.beyond.first_key_value();
        first.map(|(start, end)| *start..*end)
    }

    /// Every offset before this one is in the set.
    pub(super) const fn prefix(&self) -> u64 {
        self.prefix
    }

    /// How many runs lie beyond an offset that is missing.
    pub(super) fn gaps(&self) -> usize {
        self.beyond.len()
    }

    /// How many runs would lie beyond an offset that is missing if all of `more` were added: without a
    /// copy of the set, which a peer could ask for with every packet.
    pub(super) fn gaps_with(&self, more: &Self) -> usize {
        let runs = self.gaps() + usize::from(self.prefix() > 0) + more.iter().count();
        // Runs of one set never touch each other, so that each pair that touches makes one run less.
        let joined: usize = more.iter().map(|run| self.touched_by(&run)).sum();
        let begins = self.prefix() > 0 || more.prefix() > 0;
        runs - joined - usize::from(begins)
    }

    /// How many runs overlap a range that is not empty, or touch it.
    fn touched_by(&self, range: &Range<u64>) -> usize {
        let around = range.start.saturating_sub(1)..range.end.saturating_add(1);
        let (mut parts, mut from, mut to) = (0, around.end, around.start);
        for part in self.missing(around.clone()) {
            from = from.min(part.start);
            to = to.max(part.end);
            parts += 1;
        }
        if parts == 0 {
            return 1;
        }
        // Between two missing parts lies a run, and one at each end that is not missing.
        parts - 1 + usize::from(from > around.start) + usize::from(to < around.end)
    }

    /// Adds a range.
    pub(super) fn insert(&mut self, range: Range<u64>) {
        if range.start <= self.prefix {
            self.prefix = self.prefix.max(range.end);
            self.join_prefix();
        } else if !range.is_empty() {
            self.insert_beyond(range);
        }
    }

    /// Takes up what the prefix has come to touch.
    fn join_prefix(&mut self) {
        while let Some(next) = self.beyond.first_entry()
            && *next.key() <= self.prefix
        {
            self.prefix = self.prefix.max(next.remove());
        }
    }

    fn insert_beyond(&mut self, range: Range<u64>) {
        let Range { mut start, mut end } = range;
        if let Some((before, until)) = self.beyond.range(..=start).next_back()
            && *until >= start
        {
            (start, end) = (*before, end.max(*until));
        }
        while let Some((at, until)) = self.beyond.range(start..=end).next() {
            let (at, until) = (*at, *until);
            self.beyond.remove(&at);
            end = end.max(until);
        }
        self.beyond.insert(start, end);
    }

    /// Takes a range out.
    pub(super) fn remove(&mut self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        if range.start < self.prefix {
            let end = core::mem::replace(&mut self.prefix, range.start);
            self.put_back(range.end, end);
        }
        if let Some((_, until)) = self.beyond.range_mut(..range.start).next_back() {
            let end = *until;
            *until = end.min(range.start);
            self.put_back(range.end, end);
        }
        while let Some((at, until)) = self.beyond.range(range.clone()).next() {
            let (at, until) = (*at, *until);
            self.beyond.remove(&at);
            self.put_back(range.end, until);
        }
    }

    fn put_back(&mut self, start: u64, end: u64) {
        if start < end {
            self.beyond.insert(start, end);
        }
    }

    /// The parts of `range` that are not in the set, in order.
    pub(super) fn missing(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let before = self.beyond.range(..=range.start).next_back();
        let known_to = before.map_or(self.prefix, |(_, end)| self.prefix.max(*end));
        let mut at = range.start.max(known_to);
        let rest = range.end..range.end;
        let runs = self.beyond.range(range).map(|(start, end)| *start..*end);
        let parts = runs.chain([rest]).map(move |run| {
            let part = at..run.start;
            at = at.max(run.end);
            part
        });
        parts.filter(|part| !part.is_empty())
    }

    /// Every run, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        let prefix = (self.prefix > 0).then_some(0..self.prefix);
        let beyond = self.beyond.iter().map(|(start, end)| *start..*end);
        prefix.into_iter().chain(beyond)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::proto::rng::CoreRng;

    fn check_against(set: &Ranges, model: &BTreeSet<u64>) {
        let all: Vec<u64> = set.iter().flatten().collect();
        assert_eq!(all, model.iter().copied().collect::<Vec<_>>());
        let runs: Vec<_> = set.iter().collect();
        assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start));
        assert!(runs.iter().all(|run| !run.is_empty()));
        let prefix = (0..).take_while(|at| model.contains(at)).count();
        assert_eq!(set.prefix(), prefix as u64);
    }

    #[test]
    fn ranges_are_the_set_of_their_offsets() {
        for seed in 0..100u8 {
            println!("seed {seed}");
            let mut rng = CoreRng::new([seed; 32]);
            let (mut set, mut model) = (Ranges::default(), BTreeSet::new());
            for _ in 0..100 {
                let start = rng.below(60) as u64;
                let range = start..start + rng.below(8) as u64;
                let is_empty = |part: Range<u64>| part.is_empty();
                assert!(!set.missing(range.clone()).any(is_empty), "{range:?}");
                let missing: Vec<u64> = set.missing(range.clone()).flatten().collect();
                let expected = range.clone().filter(|at| !model.contains(at));
                assert_eq!(missing, expected.collect::<Vec<_>>());
                if rng.below(3) == 0 {
                    set.remove(&range);
                    model.retain(|at| !range.contains(at));
                } else {
                    set.insert(range.clone());
                    model.extend(range);
                }
                check_against(&set, &model);
            }
        }
    }

    #[test]
    fn gaps_are_counted_beforehand_as_they_come_out() {
        for seed in 0..200u8 {
            let mut rng = CoreRng::new([seed; 32]);
            let mut some = |count| {
                let mut set = Ranges::default();
                for _ in 0..count {
                    let start = rng.below(50) as u64;
                    set.insert(start..start + rng.below(5) as u64);
                }
                set
            };
            let (set, more) = (some(12), some(6));
            let mut both = set.clone();
            more.iter().for_each(|run| both.insert(run));
            assert_eq!(set.gaps_with(&more), both.gaps(), "seed {seed}");
        }
    }

    #[test]
    fn what_lies_beyond_a_missing_offset_is_behind_a_gap() {
        let mut set = Ranges::default();
        set.insert(5..6);
        assert_eq!(set.gaps(), 1);
        set.insert(0..2);
        set.insert(8..9);
        assert_eq!(set.gaps(), 2);
        set.insert(2..8);
        assert_eq!((set.gaps(), set.prefix()), (0, 9));
    }
}
