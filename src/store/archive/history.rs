//! Doing away with messages.

use core::ops::Bound;

use zeroize::Zeroizing;

use super::Archive;
use super::change::{definition, rows_of};
use super::counted::Counted;
use super::file;
use super::keys::Table;
use super::record::Record;
use super::trouble::Fault;
use super::view::Row;
use crate::chat::ContactId;
use crate::store::error::{Error, Operation};
use crate::time::UnixTime;

impl Archive {
    /// Does away with the history of a contact, or of all, and with what of it is older than `before`.
    /// The file shrinks, also if nothing is left to go: an earlier process may have come no further than that.
    /// Says how many messages went.
    ///
    /// # Errors
    /// `DiskFull`, `Io`, `Store`. The messages may be gone nevertheless, and only the file be as long as before.
    pub fn purge(
        &mut self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
    ) -> Result<u64, Error> {
        self.purge_counted(contact, before, None)
    }

    /// As [`Archive::purge`], but takes nothing that was not there when somebody counted.
    ///
    /// # Errors
    /// Those of [`Archive::purge`].
    pub fn purge_counted(
        &mut self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
        counted: Option<&Counted>,
    ) -> Result<u64, Error> {
        let still = counted.map(|it| self.still_there(it)).transpose()?;
        let counted = still.as_ref();
        let count = self.remove_history(contact, before, counted);
        let count = count.map_err(|fault| fault.at(&self.path, Operation::Write))?;
        // After the disk, which may refuse, and before its file shrinks: messages that are gone are gone in both.
        let count = count + self.purge_memory(contact, before, counted);
        self.shrink()?;
        Ok(count)
    }

    fn purge_memory(
        &mut self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
        counted: Option<&Counted>,
    ) -> u64 {
        let Some(memory) = &mut self.memory else {
            return 0;
        };
        let (low, high) = rows_of(&self.keys, Table::Memory, contact);
        let bounds = (Bound::Included(&*low), Bound::Included(&*high));
        if before.is_none() {
            memory.forget_made_room(contact.map(|it| self.keys.contact(Table::Memory, it)));
        }
        memory.remove_all(bounds, |memory, row, sealed| {
            Counted::has(counted, row) && !outlasts(before, || memory.open(row, sealed).ok())
        })
    }

    /// How many messages with a contact, or with all, were over in this run and are not kept any more, since the memory
    /// for them is full: see [`Keep::Session`](super::Keep::Session).
    #[must_use]
    pub fn made_room(&self, contact: Option<ContactId>) -> u64 {
        let memory = self.memory.as_ref();
        memory.map_or(0, |it| {
            it.made_room(contact.map(|it| self.keys.contact(Table::Memory, it)))
        })
    }

    /// Sets how much is held in memory, so that a test need not fill it.
    #[cfg(test)]
    pub(crate) fn hold_at_most_for_testing_only(&mut self, bytes: usize) {
        if let Some(memory) = &mut self.memory {
            memory.most_bytes = bytes;
        }
    }

    fn shrink(&mut self) -> Result<(), Error> {
        let compacted = self.database.compact().map_err(Fault::from);
        compacted.map_err(|fault| fault.at(&self.path, Operation::Write))?;
        Ok(())
    }

    /// What [`Archive::purge`] would take `now`.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn count_purged(
        &self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<Counted, Error> {
        let mut counted = Counted::nothing(now);
        self.each_purged(contact, before, |row| counted.add(row.name(), row.sealed()))?;
        Ok(counted)
    }

    /// How many messages [`Archive::purge_counted`] would take.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn count_left(
        &self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
        counted: Option<&Counted>,
    ) -> Result<u64, Error> {
        let still = counted.map(|it| self.still_there(it)).transpose()?;
        let mut left = 0;
        self.each_purged(contact, before, |row| {
            left += u64::from(Counted::has(still.as_ref(), row.name()));
        })?;
        Ok(left)
    }

    /// What was counted, without the contacts of whom the last of it went meanwhile: its number may be another's by now.
    fn still_there(&self, counted: &Counted) -> Result<Counted, Error> {
        self.read(|view| {
            counted.still_there(|row, mark| {
                for table in [Table::History, Table::Memory] {
                    let bounds = (Bound::Included(row), Bound::Included(row));
                    if let Some(found) = view.rows(table, bounds)?.next() {
                        return Ok(found?.sealed().starts_with(mark));
                    }
                }
                Ok(false)
            })
        })
    }

    fn each_purged(
        &self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
        mut take: impl FnMut(&Row<'_>),
    ) -> Result<(), Error> {
        self.read(|view| {
            for table in [Table::History, Table::Memory] {
                for row in view.rows_of(table, contact)? {
                    let row = row?;
                    if !outlasts(before, || row.open(view)) {
                        take(&row);
                    }
                }
            }
            Ok(())
        })
    }

    /// Does away with what the settings do not keep any longer, once a day: every message has to be opened
    /// for that, and a script opens the store with each `send`. It goes by the clock of the look before, if
    /// that was earlier: one look with a clock that is months ahead deletes nothing. Whoever opens a store has looked.
    ///
    /// # Errors
    /// `DiskFull`, `Io`, `Store`.
    pub fn expire(&mut self, now: UnixTime) -> Result<(), Error> {
        let done_at = self.read(|view| file::expired_at(view.disk))?;
        let is_recent = |at: UnixTime| (at.0..at.0.saturating_add(DAY_MS)).contains(&now.0);
        if done_at.is_some_and(is_recent) {
            return Ok(());
        }
        let trusted = done_at.unwrap_or(UnixTime(0)).min(now);
        let Some(oldest) = self.keep.oldest(trusted) else {
            return Ok(());
        };
        let count = self.remove_history(None, Some(oldest), None);
        if count.map_err(|fault| fault.at(&self.path, Operation::Write))? > 0 {
            self.shrink()?;
        }
        self.change(now, |change| file::note_expired(change.transaction, now))
    }

    fn remove_history(
        &self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
        counted: Option<&Counted>,
    ) -> Result<u64, Fault> {
        let (low, high) = rows_of(&self.keys, Table::History, contact);
        let mut count = 0;
        let transaction = self.begin_write()?;
        {
            let mut table = transaction.open_table(definition(Table::History))?;
            table.retain_in(low.as_slice()..=high.as_slice(), |row, sealed| {
                let open = || self.keys.open(Table::History, row, sealed).ok();
                let keep = !Counted::has(counted, row) || outlasts(before, open);
                count += u64::from(!keep);
                keep
            })?;
        }
        if count > 0 {
            transaction.commit()?;
        } else {
            transaction.abort()?;
        }
        Ok(count)
    }
}

/// Whether a message that is over stays if those before a moment go, or all.
fn outlasts(before: Option<UnixTime>, open: impl FnOnce() -> Option<Zeroizing<Vec<u8>>>) -> bool {
    let Some(before) = before else {
        return false;
    };
    // What cannot be read has no age: it goes when everything does.
    let opened = open();
    let record = opened.as_deref().and_then(|it| Record::view(it));
    record.is_none_or(|it| it.at >= before)
}

const DAY_MS: u64 = 86_400_000;
