//! What is kept of people: found by their keys, or at once by their places.

use core::cell::Cell;

use crate::id::PeerId;
use crate::proto::rng::CoreRng;
use crate::proto::table::{KeyHash, Table};

/// Where a directory has somebody's record. When that is gone, its place may go to somebody else, and this leads
/// nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    number: u32,
    /// How often it had been given away before.
    round: u32,
}

impl Place {
    /// The place that would be the first, second and so on.
    #[cfg(test)]
    pub(super) const fn for_testing_only(number: u32) -> Self {
        Self { number, round: 0 }
    }
}

/// A record that knows whose it is.
pub(crate) trait Keyed {
    /// Whose it is; always the same.
    fn key(&self) -> &PeerId;
}

impl<T: Keyed> Keyed for Box<T> {
    fn key(&self) -> &PeerId {
        (**self).key()
    }
}

/// Records, each under its own key. They are listed in the order of their places, which is that in which they
/// came as long as none has gone.
#[derive(Debug)]
pub(crate) struct Directory<T> {
    hash: KeyHash,
    numbers: Table<u32>,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// What was found last: a packet asks for the same several times.
    last: Cell<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    round: u32,
    record: Option<T>,
}

impl<T: Keyed> Directory<T> {
    /// `seed`: 32 bytes that others cannot guess.
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            hash: KeyHash::new(&mut CoreRng::aside(seed)),
            numbers: Table::default(),
            slots: Vec::new(),
            free: Vec::new(),
            last: Cell::new(0),
        }
    }

    /// How many records there are.
    pub(crate) const fn len(&self) -> usize {
        self.numbers.len()
    }

    fn number(&self, key: &PeerId) -> Option<u32> {
        let is_it = |number: &u32| self.numbered(*number).is_some_and(|it| it.key() == key);
        let last = self.last.get();
        if is_it(&last) {
            return Some(last);
        }
        let number = self.numbers.find(self.hash.of(key), is_it).copied()?;
        self.last.set(number);
        Some(number)
    }

    fn numbered(&self, number: u32) -> Option<&T> {
        self.slots.get(number as usize)?.record.as_ref()
    }

    /// Where the record under this key is.
    #[cfg(test)]
    pub(crate) fn place(&self, key: &PeerId) -> Option<Place> {
        let number = self.number(key)?;
        let round = self.slots.get(number as usize)?.round;
        Some(Place { number, round })
    }

    /// The record under this key.
    pub(crate) fn get(&self, key: &PeerId) -> Option<&T> {
        self.numbered(self.number(key)?)
    }

    /// The record under this key, to change it.
    pub(crate) fn get_mut(&mut self, key: &PeerId) -> Option<&mut T> {
        let number = self.number(key)?;
        self.slots.get_mut(number as usize)?.record.as_mut()
    }

    /// The record that has this place, to change it.
    pub(crate) fn at_mut(&mut self, place: Place) -> Option<&mut T> {
        let slot = self.slots.get_mut(place.number as usize)?;
        slot.record.as_mut().filter(|_| slot.round == place.round)
    }

    /// Whether there is a record under this key.
    pub(crate) fn contains(&self, key: &PeerId) -> bool {
        self.number(key).is_some()
    }

    /// Where the next record is going to be.
    pub(crate) fn next_place(&self) -> Place {
        let fresh = || u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let number = self.free.last().copied().unwrap_or_else(fresh);
        let round = self.slots.get(number as usize).map_or(0, |slot| slot.round);
        Place { number, round }
    }

    /// The record under this key; if there is none, `make` makes it for the place that it is to have.
    pub(crate) fn get_or_insert_with(
        &mut self,
        key: &PeerId,
        make: impl FnOnce(Place) -> T,
    ) -> &mut T {
        let Some(number) = self.number(key) else {
            return self.insert(make(self.next_place()));
        };
        let slot = self.slots.get_mut(number as usize);
        let record = slot.and_then(|slot| slot.record.as_mut());
        record.expect("only records have numbers")
    }

    /// Adds a record whose key has none yet.
    pub(crate) fn insert(&mut self, record: T) -> &mut T {
        let hash = self.hash.of(record.key());
        let place = self.next_place();
        self.numbers.insert(hash, place.number);
        if self.free.pop().is_none() {
            let (round, record) = (place.round, None);
            self.slots.push(Slot { round, record });
        }
        let slot = self.slots.get_mut(place.number as usize);
        let slot = slot.expect("it has just been made, or is free");
        slot.record.insert(record)
    }

    /// Takes the record under this key out.
    pub(crate) fn remove(&mut self, key: &PeerId) -> Option<T> {
        let number = self.number(key)?;
        self.numbers
            .remove(self.hash.of(key), |held| *held == number)?;
        let slot = self.slots.get_mut(number as usize)?;
        slot.round = slot.round.wrapping_add(1);
        self.free.push(number);
        slot.record.take()
    }

    /// Every record.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.record.as_ref())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots
            .iter_mut()
            .filter_map(|slot| slot.record.as_mut())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Record(PeerId, u32);

    impl Keyed for Record {
        fn key(&self) -> &PeerId {
            &self.0
        }
    }

    fn key(number: usize) -> PeerId {
        PeerId::new([u8::try_from(number).unwrap(); 32])
    }

    #[test]
    fn records_are_found_by_key_and_place_as_in_a_map() {
        for seed in 0..20 {
            let mut rng = CoreRng::new([seed; 32]);
            let (mut directory, mut model) = (Directory::new([seed; 32]), BTreeMap::new());
            for _ in 0..500 {
                let key = key(rng.below(40));
                if let Some((value, place)) = model.get(&key).copied() {
                    assert_eq!(directory.place(&key), Some(place));
                    assert_eq!(directory.at_mut(place), Some(&mut Record(key, value)));
                    assert_eq!(directory.remove(&key), Some(Record(key, value)));
                    assert_eq!(directory.at_mut(place), None, "the place is another now");
                    model.remove(&key);
                } else {
                    let (value, place) = (rng.u32(), directory.next_place());
                    directory.insert(Record(key, value));
                    model.insert(key, (value, place));
                }
                let mut listed: Vec<_> = directory.iter().map(|it| (it.0, it.1)).collect();
                listed.sort();
                let expected = model.iter().map(|(key, (value, _))| (*key, *value));
                assert_eq!(listed, expected.collect::<Vec<_>>(), "seed {seed}");
                assert_eq!(directory.len(), model.len());
            }
        }
    }

    #[test]
    fn a_place_that_was_given_away_anew_leads_nowhere() {
        let mut directory = Directory::new([1; 32]);
        directory.insert(Record(key(1), 1));
        let old = directory.place(&key(1)).unwrap();
        directory.remove(&key(1));
        directory.insert(Record(key(2), 2));
        assert_eq!(directory.at_mut(old), None);
        assert_eq!((directory.get(&key(1)), directory.len()), (None, 1));
        assert!(directory.contains(&key(2)));
    }

    #[test]
    fn the_order_does_not_depend_on_the_secret() {
        let order = |seed| {
            let mut directory = Directory::new([seed; 32]);
            (0..50).for_each(|number| {
                directory.insert(Record(key(number), 0));
            });
            directory.remove(&key(7));
            directory.insert(Record(key(99), 0));
            directory.iter().map(|it| it.0).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(2));
    }
}
