//! The replay window of one receiving key. Source: docs/protocol.md#keys-over-time, RFC 6479.

use crate::id::Counter;
use crate::proto::limits::REPLAY_WINDOW;

const WORD_BITS: u64 = 64;
/// One word more than the window, so that the word being entered can be cleared (RFC 6479 §2).
const WORDS: usize = (REPLAY_WINDOW / WORD_BITS) as usize + 1;

const _: () = assert!(WORDS.is_power_of_two() && REPLAY_WINDOW.is_multiple_of(WORD_BITS));

/// Which counters have been seen: all at or below `last - REPLAY_WINDOW`, and the marked ones above.
///
/// ```text
///  too old |  .  x  x  .  x  x  .  x | never seen
///          ^ last - REPLAY_WINDOW    ^ last
/// ```
#[derive(Debug, Default)]
pub(crate) struct ReplayWindow {
    last: Option<u64>,
    /// Allocated by the second packet: an idle keypair has none.
    words: Option<Box<[u64; WORDS]>>,
}

impl ReplayWindow {
    /// Whether `counter` could still be committed. To be asked before opening.
    pub(crate) fn is_new(&self, counter: Counter) -> bool {
        let Some(last) = self.last else { return true };
        if counter.0 > last {
            return true;
        }
        last - counter.0 < REPLAY_WINDOW && !self.is_marked(counter.0)
    }

    /// Marks `counter` as seen; false if it was seen already or is too old. To be called after
    /// opening; of two threads that opened the same packet one gets `true`.
    pub(crate) fn commit(&mut self, counter: Counter) -> bool {
        if !self.is_new(counter) {
            return false;
        }
        self.advance(counter.0);
        self.mark(counter.0);
        true
    }

    /// Moves the window's end up to `counter` and clears the words that it enters.
    fn advance(&mut self, counter: u64) {
        let Some(last) = self.last else {
            self.last = Some(counter);
            return;
        };
        if counter <= last {
            return;
        }
        let words = self.words.get_or_insert_with(|| Self::first_words(last));
        let entered = (counter / WORD_BITS - last / WORD_BITS).min(WORDS as u64);
        for step in 1..=entered {
            if let Some(word) = words.get_mut(word_index((last / WORD_BITS + step) * WORD_BITS)) {
                *word = 0;
            }
        }
        self.last = Some(counter);
    }

    fn first_words(only: u64) -> Box<[u64; WORDS]> {
        let mut words = Box::new([0; WORDS]);
        if let Some(word) = words.get_mut(word_index(only)) {
            *word |= 1 << (only % WORD_BITS);
        }
        words
    }

    fn mark(&mut self, counter: u64) {
        let last = self.last.unwrap_or(counter);
        if self.words.is_none() && counter == last {
            return;
        }
        let words = self.words.get_or_insert_with(|| Self::first_words(last));
        if let Some(word) = words.get_mut(word_index(counter)) {
            *word |= 1 << (counter % WORD_BITS);
        }
    }

    fn is_marked(&self, counter: u64) -> bool {
        match &self.words {
            None => self.last == Some(counter),
            Some(words) => words
                .get(word_index(counter))
                .is_some_and(|word| word & (1 << (counter % WORD_BITS)) != 0),
        }
    }
}

const fn word_index(counter: u64) -> usize {
    (counter / WORD_BITS % WORDS as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand_core::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn each_counter_is_taken_once() {
        let mut window = ReplayWindow::default();
        for counter in [0, 1, 5, 3, 2, 4, 8_127, 8_128, 1_000_000] {
            assert!(window.is_new(Counter(counter)));
            assert!(window.commit(Counter(counter)), "{counter}");
            assert!(!window.commit(Counter(counter)), "{counter} again");
        }
    }

    #[test]
    fn what_comes_late_right_after_the_first_is_taken_once_too() {
        let mut window = ReplayWindow::default();
        for counter in [70, 5] {
            assert!(window.commit(Counter(counter)));
        }
        for counter in [70, 5] {
            assert!(!window.is_new(Counter(counter)));
            assert!(!window.commit(Counter(counter)), "{counter} again");
        }
    }

    #[test]
    fn the_window_reaches_back_exactly_its_length() {
        let mut window = ReplayWindow::default();
        assert!(window.commit(Counter(REPLAY_WINDOW + 100)));
        assert!(!window.commit(Counter(100)));
        assert!(window.commit(Counter(101)));
    }

    #[test]
    fn the_largest_counter_is_no_special_case() {
        let mut window = ReplayWindow::default();
        assert!(window.commit(Counter(0)));
        assert!(window.commit(Counter(u64::MAX)));
        assert!(!window.commit(Counter(u64::MAX)));
        assert!(window.commit(Counter(u64::MAX - 1)));
        assert!(!window.commit(Counter(0)));
    }

    /// Compared with a set of everything ever seen.
    #[test]
    fn random_counters_agree_with_a_simple_model() {
        for seed in 0..50u64 {
            let mut rng = chacha20::ChaCha20Rng::seed_from_u64(seed);
            let (mut window, mut seen, mut last) = (ReplayWindow::default(), BTreeSet::new(), 0);
            for _ in 0..2_000 {
                let jump = 1u64 << (rng.next_u32() % 15);
                let counter = (last + rng.next_u64() % jump).saturating_sub(rng.next_u64() % jump);
                let fresh = counter + REPLAY_WINDOW > last && !seen.contains(&counter);
                assert_eq!(
                    window.commit(Counter(counter)),
                    fresh,
                    "seed {seed}, {counter}"
                );
                seen.insert(counter);
                last = last.max(counter);
            }
        }
    }
}
