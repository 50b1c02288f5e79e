//! What a screen has and nobody has looked at.
//!
//! All of it is on the disk, and stays there until somebody looks at it. So whoever writes more than anybody reads is held
//! back, as by a daemon: what comes beyond a bound has no receipt, and with enough of that no more is read of that contact.

use std::collections::{BTreeMap, VecDeque};

use crate::chat::{ContactId, Incoming, Name};
use crate::cli::talk::programs::is_too_much;

/// Of everybody.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    /// What was not drawn yet.
    undrawn: Vec<(ContactId, Item)>,
    /// What somebody has looked at since it was drawn last.
    seen: Vec<(ContactId, Name)>,
    contacts: BTreeMap<ContactId, OfContact>,
}

/// A message, and how long it is.
type Item = (Name, usize);

#[derive(Debug, Default)]
struct OfContact {
    receipted: BTreeMap<Name, usize>,
    bytes: usize,
    /// What has no receipt yet, in its order. The core has no more of a contact than it lets wait.
    waiting: VecDeque<Item>,
    newest: Option<Name>,
}

impl Unseen {
    /// The screen has a message.
    pub(super) fn came(&mut self, contact: ContactId, message: &Incoming) {
        self.undrawn.push((contact, item(message)));
    }

    /// The screen has a message that an earlier run left behind, and that has its receipt or gets it without us.
    pub(super) fn came_before(&mut self, contact: ContactId, message: &Incoming) {
        self.contacts
            .entry(contact)
            .or_default()
            .receipt(item(message));
    }

    /// Somebody has looked at a message.
    pub(super) fn looked_at(&mut self, contact: ContactId, name: Name) {
        self.seen.push((contact, name));
    }

    /// The screen was drawn. Returns what gets its receipt now.
    pub(super) fn drawn(&mut self) -> Vec<(ContactId, Name)> {
        let mut due = Vec::new();
        if self.undrawn.is_empty() && self.seen.is_empty() {
            return due;
        }
        for (contact, item) in self.undrawn.drain(..) {
            let of = self.contacts.entry(contact).or_default();
            of.newest = Some(item.0);
            of.waiting.push_back(item);
        }
        for (contact, name) in self.seen.drain(..) {
            if let Some(of) = self.contacts.get_mut(&contact) {
                due.extend(of.see(name).into_iter().map(|name| (contact, name)));
            }
        }
        for (contact, of) in &mut self.contacts {
            due.extend(core::iter::from_fn(|| of.next()).map(|name| (*contact, name)));
        }
        self.contacts.retain(|_, of| !of.is_empty());
        due
    }

    /// Somebody is no contact any more.
    pub(super) fn forget(&mut self, contact: ContactId) {
        self.undrawn.retain(|(of, _)| *of != contact);
        self.contacts.remove(&contact);
    }
}

impl OfContact {
    fn receipt(&mut self, (name, len): Item) {
        self.newest = Some(name);
        if self.receipted.insert(name, len).is_none() {
            self.bytes += len;
        }
    }

    /// Somebody has looked at a message. Returns what waited for that. Who has looked at the newest one has looked at the
    /// end: of what is before it the screen can only lack what it had no room for, and shows no more in this run.
    fn see(&mut self, name: Name) -> Vec<Name> {
        if self.newest == Some(name) {
            let all = core::mem::take(self).waiting;
            return all.into_iter().map(|(name, _)| name).collect();
        }
        if let Some(len) = self.receipted.remove(&name) {
            self.bytes -= len;
        }
        let at = self.waiting.iter().position(|(it, _)| *it == name);
        let waited = at.and_then(|at| self.waiting.remove(at));
        waited.into_iter().map(|(name, _)| name).collect()
    }

    /// The next one that has waited long enough.
    fn next(&mut self) -> Option<Name> {
        if is_too_much(self.receipted.len(), self.bytes) {
            return None;
        }
        let newest = self.newest;
        let item = self.waiting.pop_front()?;
        self.receipt(item);
        self.newest = newest;
        Some(item.0)
    }

    fn is_empty(&self) -> bool {
        self.receipted.is_empty() && self.waiting.is_empty()
    }
}

fn item(message: &Incoming) -> Item {
    (message.name, message.body.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::talk::journal::tests::{incoming, name};
    use crate::id::PeerId;

    const MIB: usize = 1 << 20;
    /// What a daemon receipts while nobody listens.
    const MOST: u64 = 1_000;

    fn contact(of: u8) -> ContactId {
        PeerId::new([of; 32]).into()
    }

    fn message(sequence: u64, len: usize) -> Incoming {
        Incoming {
            body: vec![b'x'; len],
            ..incoming(sequence)
        }
    }

    /// Lets messages come and be drawn, one after the other. Of which the receipts go.
    fn come(
        unseen: &mut Unseen,
        of: u8,
        sequences: impl Iterator<Item = u64>,
        len: usize,
    ) -> Vec<u64> {
        let drawn = sequences.map(|sequence| {
            unseen.came(contact(of), &message(sequence, len));
            sequences_of(unseen.drawn())
        });
        drawn.collect::<Vec<_>>().concat()
    }

    fn sequences_of(due: Vec<(ContactId, Name)>) -> Vec<u64> {
        due.into_iter().map(|(_, name)| name.sequence).collect()
    }

    fn look(unseen: &mut Unseen, of: u8, sequences: impl Iterator<Item = u64>) -> Vec<u64> {
        sequences.for_each(|sequence| unseen.looked_at(contact(of), name(sequence)));
        sequences_of(unseen.drawn())
    }

    #[test]
    fn whoever_writes_more_than_anybody_looks_at_is_held_back_and_nobody_else() {
        let mut unseen = Unseen::default();
        let all = MOST + 64;
        assert!(come(&mut unseen, 2, 0..all, 1).into_iter().eq(0..MOST));
        assert_eq!(come(&mut unseen, 3, 0..1, 1), [0]);
        // Each one that is looked at makes room for another one.
        assert_eq!(look(&mut unseen, 2, 0..2), [MOST, MOST + 1]);
        assert!(come(&mut unseen, 2, all..=all, 1).is_empty());
        assert!(look(&mut unseen, 2, 2..=all).into_iter().eq(MOST + 2..=all));
        assert_eq!(
            unseen.contacts.len(),
            1,
            "of whom nothing is left there is nothing"
        );
        assert!(look(&mut unseen, 3, 0..1).is_empty());
        assert!(unseen.contacts.is_empty());
    }

    #[test]
    fn what_is_looked_at_at_once_needs_no_room() {
        let mut unseen = Unseen::default();
        for sequence in 0..3 * MOST {
            unseen.came(contact(2), &message(sequence, MIB));
            unseen.looked_at(contact(2), name(sequence));
            assert_eq!(sequences_of(unseen.drawn()), [sequence]);
        }
    }

    #[test]
    fn bytes_count_and_the_longest_message_alone_is_not_too_long() {
        let mut unseen = Unseen::default();
        assert_eq!(come(&mut unseen, 2, 0..2, 16 * MIB), [0]);
        assert_eq!(look(&mut unseen, 2, 0..1), [1]);
        assert_eq!(come(&mut unseen, 3, 0..20, MIB).len(), 16);
    }

    #[test]
    fn what_an_earlier_run_left_behind_counts() {
        let mut unseen = Unseen::default();
        for sequence in 0..2 * MOST {
            unseen.came_before(contact(2), &message(sequence, 1));
        }
        assert!(come(&mut unseen, 2, 2 * MOST..2 * MOST + 1, 1).is_empty());
        assert_eq!(look(&mut unseen, 2, 0..MOST + 1), [2 * MOST]);
    }

    /// A screen has room for so much, and tells of what it had none for when the end is looked at.
    #[test]
    fn what_a_screen_had_no_room_for_holds_nobody_back() {
        let mut unseen = Unseen::default();
        come(&mut unseen, 2, 0..MOST + 2, 1);
        assert_eq!(look(&mut unseen, 2, MOST + 1..MOST + 2), [MOST, MOST + 1]);
        assert!(unseen.contacts.is_empty());
    }

    #[test]
    fn of_somebody_who_is_gone_nothing_is_left() {
        let mut unseen = Unseen::default();
        come(&mut unseen, 2, 0..MOST + 2, 1);
        unseen.came(contact(2), &message(MOST + 2, 1));
        unseen.forget(contact(2));
        assert!(sequences_of(unseen.drawn()).is_empty());
        assert!(unseen.contacts.is_empty());
    }
}
