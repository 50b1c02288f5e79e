//! A table in which a packet finds what it needs in one line of the cache: by a hash, or by a number that is as good.
//!
//! A tree of 10,000 keys has five levels, each with a few lines of its own, and a packet asks for several. Nothing here
//! is iterated in the order of the hashes, so that equal inputs give equal outputs whatever they are.

use core::num::Wrapping;

use crate::id::PeerId;
use crate::proto::rng::CoreRng;

/// Values by hash: open addressing, each as near behind the place of its hash as there was room.
#[derive(Debug)]
pub(super) struct Table<V> {
    /// None, or a power of two, at most half of which is taken.
    entries: Vec<Option<(u32, V)>>,
    len: usize,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        let entries = Vec::new();
        Self { entries, len: 0 }
    }
}

/// Entries of the smallest table.
const FIRST_LEN: usize = 8;

impl<V> Table<V> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The value under `hash` that is the one.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(&V) -> bool) -> Option<&V> {
        let at = self.position(hash, is_it)?;
        self.entries.get(at)?.as_ref().map(|(_, value)| value)
    }

    /// Adds a value, which is none that is there.
    pub(super) fn insert(&mut self, hash: u32, value: V) {
        if 2 * (self.len + 1) > self.entries.len() {
            self.grow();
        }
        self.put(hash, value);
        self.len += 1;
    }

    /// Takes out the value under `hash` that is the one.
    pub(super) fn remove(&mut self, hash: u32, is_it: impl Fn(&V) -> bool) -> Option<V> {
        let at = self.position(hash, is_it)?;
        let (_, value) = self.entries.get_mut(at)?.take()?;
        self.len -= 1;
        self.close_up(at);
        Some(value)
    }

    fn position(&self, hash: u32, is_it: impl Fn(&V) -> bool) -> Option<usize> {
        let mut at = self.home(hash);
        while let Some((found, value)) = self.entries.get(at)? {
            if *found == hash && is_it(value) {
                return Some(at);
            }
            at = self.behind(at);
        }
        None
    }

    fn put(&mut self, hash: u32, value: V) {
        let mut at = self.home(hash);
        while self.entries.get(at).is_some_and(Option::is_some) {
            at = self.behind(at);
        }
        if let Some(entry) = self.entries.get_mut(at) {
            *entry = Some((hash, value));
        }
    }

    fn grow(&mut self) {
        let len = (2 * self.entries.len()).max(FIRST_LEN);
        let fresh = core::iter::repeat_with(|| None).take(len).collect();
        let old = core::mem::replace(&mut self.entries, fresh);
        old.into_iter()
            .flatten()
            .for_each(|(hash, value)| self.put(hash, value));
    }

    /// Moves what stands behind a gap, up to the next one, to where it is found.
    fn close_up(&mut self, gap: usize) {
        let mut at = self.behind(gap);
        while let Some((hash, value)) = self.entries.get_mut(at).and_then(Option::take) {
            self.put(hash, value);
            at = self.behind(at);
        }
    }

    fn home(&self, hash: u32) -> usize {
        self.masked(hash as usize)
    }

    fn behind(&self, at: usize) -> usize {
        self.masked(at + 1)
    }

    fn masked(&self, at: usize) -> usize {
        at & self.entries.len().saturating_sub(1)
    }
}

/// Hashes keys so that nobody who does not know the secret can choose keys that meet: of two keys, whichever they
/// are, as many secrets in 2^32 give the same hash as chance would have it.
/// Source: Lemire and Kaser, "Strongly universal string hashing is fast" (2014), MULTILINEAR.
pub(super) struct KeyHash([Wrapping<u64>; 9]);

impl KeyHash {
    pub(super) fn new(rng: &mut CoreRng) -> Self {
        Self(core::array::from_fn(|_| Wrapping(rng.u64())))
    }

    pub(super) fn of(&self, key: &PeerId) -> u32 {
        let [first, factors @ ..] = &self.0;
        let (words, _) = key.as_bytes().as_chunks();
        let words = words
            .iter()
            .map(|word| Wrapping(u64::from(u32::from_le_bytes(*word))));
        let sum: Wrapping<u64> = words.zip(factors).map(|(word, factor)| word * factor).sum();
        u32::try_from((sum + first).0 >> 32).unwrap_or(0)
    }
}

impl core::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("KeyHash(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Few hashes, so that they meet and wrap around the end.
    #[test]
    fn a_table_holds_what_a_map_would() {
        for seed in 0..50 {
            let mut rng = CoreRng::new([seed; 32]);
            let (mut table, mut model) = (Table::default(), BTreeMap::new());
            for _ in 0..500 {
                let key = rng.below(60);
                let hash = [7, u32::MAX, 8, 15][key % 4];
                let is_it = |(held, _): &(usize, u32)| *held == key;
                let found = table.find(hash, is_it).map(|(_, value)| *value);
                assert_eq!(found, model.get(&key).copied(), "seed {seed}");
                if found.is_some() {
                    let removed = table.remove(hash, is_it).map(|(_, value)| value);
                    assert_eq!(removed, model.remove(&key), "seed {seed}");
                } else {
                    let value = rng.u32();
                    table.insert(hash, (key, value));
                    model.insert(key, value);
                }
                assert_eq!(table.len(), model.len());
            }
        }
    }

    #[test]
    fn nothing_is_found_in_an_empty_table() {
        let mut table: Table<u8> = Table::default();
        assert_eq!(table.find(3, |_| true), None);
        assert_eq!(table.remove(3, |_| true), None);
    }

    #[test]
    fn every_bit_of_a_key_moves_its_hash() {
        let hash = KeyHash::new(&mut CoreRng::new([1; 32]));
        let zero = hash.of(&PeerId::new([0; 32]));
        for bit in 0..256 {
            let mut key = [0; 32];
            key[bit / 8] = 1 << (bit % 8);
            assert_ne!(hash.of(&PeerId::new(key)), zero, "bit {bit}");
        }
    }

    #[test]
    fn another_secret_gives_other_hashes() {
        let key = PeerId::new([5; 32]);
        let of = |seed| KeyHash::new(&mut CoreRng::new([seed; 32])).of(&key);
        assert_ne!(of(1), of(2));
        assert_eq!(of(1), of(1));
    }
}
