//! One message of the history: doing away with it, and what was said around it.

use super::Archive;
use super::change::definition;
use super::keys::Table;
use super::record::Record;
use super::search::Entry;
use super::trouble::Fault;
use super::view::{Row, View};
use crate::chat::MessageRef;
use crate::store::error::{Error, Operation};

/// What became of a message that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone.
    Done,
    /// It is gone from the history, but the disk failed before the file was rewritten without it. Its sealed bytes lie
    /// there until a later deletion can, for which the store has to be opened anew: till then it is
    /// [`Stopped`](super::StoreTrouble::Stopped).
    Lingers,
    /// It is not in the history.
    NotKept,
    /// It stays: it is ours and waits for its receipt.
    Waiting,
    /// It stays: it came, and nobody knows if it was shown.
    Unconfirmed,
}

/// A message and its neighbours, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Around {
    /// All of them.
    pub entries: Vec<Entry>,
    /// Which of them it is.
    pub at: usize,
}

impl Archive {
    /// Does away with a message that is over, as [`Archive::purge`] does with many: the file shrinks. What waits
    /// for its receipt, and what is not known to have been shown, stays. Messages of the contact are opened until
    /// it is found, the newest first.
    ///
    /// # Errors
    /// `DiskFull`, `Io`, `Store`.
    pub fn delete(&mut self, which: MessageRef) -> Result<Deletion, Error> {
        let found = self.read(|view| {
            if let Some(stays) = stays(view, which)? {
                return Ok(Err(stays));
            }
            let place = find(view, which)?;
            Ok(place.ok_or(Deletion::NotKept))
        })?;
        let (table, row) = match found {
            Ok(place) => place,
            Err(stays) => return Ok(stays),
        };
        if let Some(memory) = self.memory.as_mut().filter(|_| table == Table::Memory) {
            // The file is rewritten all the same: the message lay there until it was over.
            memory.remove(&row);
        } else {
            let removed = self.remove_row(&row);
            removed.map_err(|fault| fault.at(&self.path, Operation::Write))?;
        }
        Ok(match self.database.compact() {
            Ok(_) => Deletion::Done,
            Err(_) => Deletion::Lingers,
        })
    }

    fn remove_row(&self, row: &[u8]) -> Result<(), Fault> {
        let transaction = self.begin_write()?;
        transaction
            .open_table(definition(Table::History))?
            .remove(row)?;
        transaction.commit()?;
        Ok(())
    }

    /// A message that is over, with at most `most` before it and as many after it, of at most `bytes` of bodies on
    /// either side; none if it is not in the history. What does not open is left out. Messages of the contact are
    /// read from the newest to the oldest of these.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn around(
        &self,
        which: MessageRef,
        most: usize,
        bytes: usize,
    ) -> Result<Option<Around>, Error> {
        self.read(|view| {
            let Some((table, row)) = find(view, which)? else {
                return Ok(None);
            };
            let place = (table, &*row);
            let before = view.over_before(which.contact, place)?;
            let mut entries = open_some(view, before, most, bytes)?;
            entries.reverse();
            let at = entries.len();
            let mut after = view.over_from(which.contact, place)?;
            // It comes in any case, however long it is.
            entries.extend(open_some(view, after.by_ref(), 1, usize::MAX)?);
            entries.extend(open_some(view, after, most, bytes)?);
            Ok(Some(Around { entries, at }))
        })
    }
}

fn open_some<'a>(
    view: &View<'_>,
    rows: impl Iterator<Item = Result<Row<'a>, Fault>>,
    most: usize,
    bytes: usize,
) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    let mut left = bytes;
    for row in rows.take(most) {
        let row = row?;
        let opened = row.open(view);
        let Some(record) = opened.as_deref().and_then(|it| Record::view(it)) else {
            continue;
        };
        let Some(rest) = left.checked_sub(record.body.len()) else {
            break;
        };
        left = rest;
        entries.push(Entry::new(&record, row.table));
    }
    Ok(entries)
}

/// Why a message has to stay, if it has.
fn stays(view: &View<'_>, which: MessageRef) -> Result<Option<Deletion>, Fault> {
    let (table, stays) = if which.is_ours {
        (Table::Outbox, Deletion::Waiting)
    } else {
        (Table::Inbox, Deletion::Unconfirmed)
    };
    let row = view.keys.message(table, which.contact, which.name);
    let rows = view.disk.open_table(definition(table))?;
    Ok(rows.get(row.as_slice())?.map(|_| stays))
}

/// Where a message is that is over.
fn find(view: &View<'_>, which: MessageRef) -> Result<Option<(Table, Vec<u8>)>, Fault> {
    for row in view.over(which.contact)? {
        let row = row?;
        let opened = row.open(view);
        let record = opened.as_deref().and_then(|it| Record::view(it));
        if record.is_some_and(|it| (it.name, it.is_ours()) == (which.name, which.is_ours)) {
            return Ok(Some((row.table, row.name().to_vec())));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::State;
    use crate::store::archive::tests::{NOW, Place, contact, incoming, name, outgoing};
    use crate::store::archive::{Filter, Keep, Search, Way};

    fn which(is_ours: bool, log: u64, sequence: u64) -> MessageRef {
        MessageRef {
            contact: contact(7),
            name: name(log, sequence),
            is_ours,
        }
    }

    fn comes(archive: &mut Archive, from: u8, sequence: u64, body: &str) {
        let (contact, message) = (contact(from), incoming(name(1, sequence), body));
        let changed = archive.change(NOW, |it| {
            it.receive(contact, &message)?;
            it.shown(contact, message.name)
        });
        changed.unwrap();
    }

    fn bodies(entries: &[Entry]) -> Vec<&str> {
        let bodies = entries.iter().map(|it| core::str::from_utf8(&it.body));
        bodies.map(Result::unwrap).collect()
    }

    fn all(archive: &Archive) -> Vec<String> {
        let mut search = Search::new(Filter::default(), Way::Back, None);
        let page = search.page(archive, 100, 1 << 20).unwrap();
        let mut all: Vec<String> = bodies(&page.entries)
            .into_iter()
            .map(str::to_owned)
            .collect();
        all.sort();
        all
    }

    #[test]
    fn one_message_is_deleted_and_no_other() {
        let place = Place::new();
        let (mut archive, _) = place.open(Keep::Forever);
        comes(&mut archive, 7, 0, "theirs");
        comes(&mut archive, 7, 1, "another");
        comes(&mut archive, 8, 0, "somebody else's");
        let ours = outgoing(name(1, 0), "ours");
        let changed = archive.change(NOW, |it| {
            it.queue(contact(7), &ours)?;
            it.settle(contact(7), ours.name, State::Delivered)
        });
        changed.unwrap();
        let left = ["another", "ours", "somebody else's"];
        let theirs = which(false, 1, 0);
        assert_eq!(archive.delete(theirs).unwrap(), Deletion::Done);
        assert_eq!(archive.delete(theirs).unwrap(), Deletion::NotKept);
        assert_eq!(all(&archive), left);
        drop(archive);
        let (mut archive, _) = place.open(Keep::Forever);
        assert_eq!(all(&archive), left);
        // Its sender sends it once more: it is known, and not shown again.
        let again = incoming(name(1, 0), "theirs");
        let is_new = archive.change(NOW, |it| it.receive(contact(7), &again));
        assert!(!is_new.unwrap());
        assert_eq!(archive.delete(which(true, 1, 0)).unwrap(), Deletion::Done);
        assert_eq!(all(&archive), ["another", "somebody else's"]);
    }

    #[test]
    fn what_waits_and_what_nobody_has_seen_is_not_deleted() {
        let place = Place::new();
        let (mut archive, _) = place.open(Keep::Forever);
        let (ours, theirs) = (outgoing(name(1, 0), "ours"), incoming(name(2, 0), "theirs"));
        let changed = archive.change(NOW, |it| {
            it.queue(contact(7), &ours)?;
            it.receive(contact(7), &theirs)
        });
        assert!(changed.unwrap());
        let delete = |archive: &mut Archive, which| archive.delete(which).unwrap();
        assert_eq!(delete(&mut archive, which(true, 1, 0)), Deletion::Waiting);
        let unseen = which(false, 2, 0);
        assert_eq!(delete(&mut archive, unseen), Deletion::Unconfirmed);
        drop(archive);
        let (_, restored) = place.open(Keep::Forever);
        assert_eq!(restored.waiting().count(), 1);
        assert_eq!(restored.unconfirmed.len(), 1);
    }

    #[test]
    fn a_message_stands_among_its_neighbours() {
        let place = Place::new();
        let (mut archive, _) = place.open(Keep::Forever);
        for sequence in 0..10 {
            comes(&mut archive, 7, sequence, &format!("text {sequence}"));
            comes(&mut archive, 8, sequence, "somebody else's");
        }
        let around = |archive: &Archive, sequence, most, bytes| {
            let found = archive.around(which(false, 1, sequence), most, bytes);
            let found = found.unwrap().unwrap();
            let texts = bodies(&found.entries).join(", ");
            (texts, found.at)
        };
        let wanted = ("text 3, text 4, text 5, text 6, text 7".to_owned(), 2);
        assert_eq!(around(&archive, 5, 2, 1 << 20), wanted);
        let wanted = ("text 0, text 1".to_owned(), 0);
        assert_eq!(around(&archive, 0, 1, 1 << 20), wanted);
        let wanted = ("text 7, text 8, text 9".to_owned(), 2);
        assert_eq!(around(&archive, 9, 2, 1 << 20), wanted);
        // Its own length counts for nothing.
        let wanted = ("text 4, text 5, text 6".to_owned(), 1);
        assert_eq!(around(&archive, 5, 9, 11), wanted);
        assert_eq!(around(&archive, 5, 9, 0), ("text 5".to_owned(), 0));
        archive.delete(which(false, 1, 4)).unwrap();
        let wanted = ("text 3, text 5, text 6".to_owned(), 1);
        assert_eq!(around(&archive, 5, 1, 1 << 20), wanted);
        assert_eq!(archive.around(which(false, 1, 4), 1, 9).unwrap(), None);
        assert_eq!(archive.around(which(true, 1, 5), 1, 9).unwrap(), None);
    }
}
