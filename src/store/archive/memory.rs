//! What is over, where the settings keep it for as long as the program runs. It is sealed under a key that is drawn
//! for the run and nowhere else: what of it comes to lie in swapped pages nobody opens later who does not find that
//! key as well.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::keys::{TAG_LEN, Table};
use super::record::Record;
use super::view::Bounds;
use crate::crypto::{OpenError, StoreKey};

/// Bytes that are held at most: three of the longest messages, as many bytes as may wait for one contact, or some 240,000
/// short ones, through which a search goes in about a second. At the bound the contact that most is held of
/// loses its oldest: nobody loses anything while more is held of somebody else. So with n contacts nobody is cut below
/// about an n-th of it.
const MOST_BYTES: usize = 64 << 20;

/// What the map and the allocator take for a row, about, beside its bytes.
const ROW_COST: usize = 100;

type Tag = [u8; TAG_LEN];

/// The rows of [`Table::Memory`].
pub(super) struct Memory {
    key: StoreKey,
    /// Sealed, under the contact's tag and a number that rises.
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    contacts: BTreeMap<Tag, Held>,
    bytes: usize,
    pub(super) most_bytes: usize,
    next: u64,
    /// What goes in once the disk has what it was a part of.
    staged: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What is held of one contact.
#[derive(Clone, Copy, Default)]
struct Held {
    bytes: usize,
    /// Messages that are held no longer, since others came.
    made_room: u64,
}

impl Memory {
    pub(super) fn new(rng: &mut dyn CryptoRng) -> Self {
        Self {
            key: StoreKey::generate(rng),
            rows: BTreeMap::new(),
            contacts: BTreeMap::new(),
            bytes: 0,
            most_bytes: MOST_BYTES,
            next: 0,
            staged: Vec::new(),
        }
    }

    /// Seals a message, for [`Memory::take_staged`]. `contact`: its tag.
    pub(super) fn stage(&mut self, contact: Tag, record: Record, rng: &mut dyn CryptoRng) {
        let order = self.next;
        self.next = order.saturating_add(1);
        let row = [contact.as_slice(), &order.to_be_bytes()].concat();
        let text = Record { order, ..record }.encode();
        let sealed = self.key.seal(&place(&row), &text, rng);
        self.staged.push((row, sealed));
    }

    /// Holds what was staged.
    pub(super) fn take_staged(&mut self) {
        for (row, sealed) in core::mem::take(&mut self.staged) {
            self.held(&row).bytes += cost(&row, &sealed);
            self.bytes += cost(&row, &sealed);
            self.rows.insert(row, sealed);
            self.make_room();
        }
    }

    /// The change that it was a part of is undone.
    pub(super) fn drop_staged(&mut self) {
        self.staged.clear();
    }

    fn make_room(&mut self) {
        while self.bytes > self.most_bytes {
            let contacts = self.contacts.iter();
            let Some((tag, _)) = contacts.max_by_key(|(_, held)| held.bytes) else {
                return;
            };
            let oldest = self.rows.range(tag.to_vec()..).next();
            let Some(row) = oldest.map(|(row, _)| row.clone()) else {
                return;
            };
            self.remove(&row);
            self.held(&row).made_room += 1;
        }
    }

    fn held(&mut self, row: &[u8]) -> &mut Held {
        self.contacts.entry(tag_of(row)).or_default()
    }

    /// Does away with a row. Whether it was there.
    pub(super) fn remove(&mut self, row: &[u8]) -> bool {
        let Some(sealed) = self.rows.remove(row) else {
            return false;
        };
        let cost = cost(row, &sealed);
        self.bytes -= cost;
        self.held(row).bytes -= cost;
        true
    }

    /// Does away with the rows between two of which `goes` says so, and says how many that were. What made room was
    /// older: a contact whose last message goes lacks nothing.
    pub(super) fn remove_all(
        &mut self,
        bounds: Bounds<'_>,
        goes: impl Fn(&Self, &[u8], &[u8]) -> bool,
    ) -> u64 {
        let rows = self.range(bounds);
        let gone = rows.filter(|(row, sealed)| goes(self, row, sealed));
        let gone: Vec<Vec<u8>> = gone.map(|(row, _)| row.clone()).collect();
        for row in &gone {
            self.remove(row);
            let held = self.held(row);
            if held.bytes == 0 {
                held.made_room = 0;
            }
        }
        gone.len() as u64
    }

    /// How many messages of a contact are held no longer, since others came. `contact`: its tag; none: all.
    pub(super) fn made_room(&self, contact: Option<Tag>) -> u64 {
        match contact {
            Some(tag) => self.contacts.get(&tag).map_or(0, |held| held.made_room),
            None => self.contacts.values().map(|held| held.made_room).sum(),
        }
    }

    /// What was deleted as a whole lacks nothing. `contact`: its tag; none: all.
    pub(super) fn forget_made_room(&mut self, contact: Option<Tag>) {
        for (tag, held) in &mut self.contacts {
            if contact.is_none_or(|it| it == *tag) {
                held.made_room = 0;
            }
        }
    }

    pub(super) fn range(&self, bounds: Bounds<'_>) -> Range<'_, Vec<u8>, Vec<u8>> {
        self.rows.range::<[u8], _>(bounds)
    }

    pub(super) fn get(&self, row: &[u8]) -> Option<&[u8]> {
        self.rows.get(row).map(Vec::as_slice)
    }

    pub(super) fn open(&self, row: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.key.open(&place(row), sealed)
    }
}

fn place(row: &[u8]) -> [&[u8]; 3] {
    [Table::Memory.name().as_bytes(), &[0], row]
}

fn tag_of(row: &[u8]) -> Tag {
    row.first_chunk().copied().unwrap_or_default()
}

const fn cost(row: &[u8], sealed: &[u8]) -> usize {
    row.len() + sealed.len() + ROW_COST
}

#[cfg(test)]
mod tests {
    use core::ops::Bound;

    use super::*;
    use crate::chat::Policy;
    use crate::store::archive::record::Standing;
    use crate::store::archive::tests::{NOW, contact, name, rng};

    const ALICE: Tag = [2; TAG_LEN];
    const BOB: Tag = [1; TAG_LEN];
    const EVERYTHING: Bounds<'_> = (Bound::Unbounded, Bound::Unbounded);

    fn says(memory: &mut Memory, whose: Tag, len: usize) {
        let record = Record {
            contact: contact(7),
            name: name(1, memory.next),
            order: 0,
            at: NOW,
            sent_at: NOW,
            standing: Standing::Delivered,
            overdue: crate::time::UnixTime(0),
            kind: crate::chat::Kind::Text,
            conversation: crate::chat::ConversationId::default(),
            body: Zeroizing::new(vec![b'x'; len]),
        };
        memory.stage(whose, record, &mut *rng());
        memory.take_staged();
    }

    /// The numbers of what is held of somebody.
    fn numbers(memory: &Memory, whose: Tag) -> Vec<u8> {
        let rows = memory.range(EVERYTHING);
        let rows = rows.filter(|(row, _)| tag_of(row) == whose);
        rows.map(|(row, _)| *row.last().unwrap()).collect()
    }

    #[test]
    fn at_the_bound_whoever_has_most_loses_its_oldest() {
        let mut memory = Memory::new(&mut *rng());
        memory.most_bytes = 4_200;
        says(&mut memory, ALICE, 100);
        for _ in 0..8 {
            says(&mut memory, BOB, 1_000);
        }
        assert_eq!(
            numbers(&memory, ALICE),
            [0],
            "bob takes nobody else's place"
        );
        assert_eq!(numbers(&memory, BOB), [6, 7, 8]);
        assert_eq!([ALICE, BOB].map(|it| memory.made_room(Some(it))), [0, 5]);
        let held: usize = memory.rows.iter().map(|(row, it)| cost(row, it)).sum();
        assert_eq!((held, held <= 4_200), (memory.bytes, true));
        says(&mut memory, BOB, 4_100);
        let bobs = numbers(&memory, BOB);
        assert!(bobs.is_empty(), "one that is too long for all of it");
        assert_eq!(numbers(&memory, ALICE), [0]);
    }

    #[test]
    fn what_was_taken_away_makes_room() {
        let mut memory = Memory::new(&mut *rng());
        memory.most_bytes = 4_000;
        for _ in 0..3 {
            says(&mut memory, BOB, 1_000);
        }
        assert_eq!(
            memory.remove_all(EVERYTHING, |_, row, _| row.last() == Some(&1)),
            1
        );
        says(&mut memory, BOB, 1_000);
        assert_eq!(numbers(&memory, BOB), [0, 2, 3]);
        assert_eq!(memory.made_room(Some(BOB)), 0);
        assert_eq!(memory.remove_all(EVERYTHING, |_, _, _| true), 3);
        assert_eq!(memory.bytes, 0);
    }

    /// It was older than what went.
    #[test]
    fn whoever_has_nothing_left_after_a_purge_lacks_nothing() {
        let mut memory = Memory::new(&mut *rng());
        memory.most_bytes = 4_000;
        for _ in 0..5 {
            says(&mut memory, BOB, 1_000);
        }
        says(&mut memory, ALICE, 1_000);
        let made_room = |memory: &Memory| [ALICE, BOB].map(|it| memory.made_room(Some(it)));
        assert_eq!(made_room(&memory), [0, 3]);
        let is_before = |number| move |_: &Memory, row: &[u8], _: &[u8]| row.last() < Some(&number);
        memory.remove_all(EVERYTHING, is_before(4));
        assert_eq!(
            (made_room(&memory), numbers(&memory, BOB)),
            ([0, 3], vec![4])
        );
        memory.remove_all(EVERYTHING, is_before(5));
        assert_eq!(
            (made_room(&memory), numbers(&memory, ALICE)),
            ([0, 0], vec![5])
        );
    }

    /// What is left of it in memory or on a swap device is none of the store's.
    #[test]
    fn every_run_has_a_key_of_its_own_and_no_text_lies_open() {
        let mut memory = Memory::new(&mut *rng());
        says(&mut memory, BOB, 1_000);
        let (row, sealed) = memory.rows.first_key_value().unwrap();
        assert!(!sealed.windows(8).any(|it| it == b"xxxxxxxx"));
        assert!(memory.open(row, sealed).is_ok());
        assert!(Memory::new(&mut *rng()).open(row, sealed).is_err());
    }

    #[test]
    fn the_longest_message_takes_about_a_quarter() {
        assert_eq!(MOST_BYTES, 4 * Policy::default().largest);
    }
}
