//! Doing away with messages.

use super::Archive;
use super::change::{definition, rows_of};
use super::file;
use super::keys::Table;
use super::record::Record;
use super::trouble::Fault;
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
        let count = self.remove_history(contact, before);
        let count = count.map_err(|fault| fault.at(&self.path, Operation::Write))?;
        self.shrink()?;
        Ok(count)
    }

    fn shrink(&mut self) -> Result<(), Error> {
        let compacted = self.database.compact().map_err(Fault::from);
        compacted.map_err(|fault| fault.at(&self.path, Operation::Write))?;
        Ok(())
    }

    /// How many messages [`Archive::purge`] would take.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn count_purged(
        &self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
    ) -> Result<u64, Error> {
        let (low, high) = rows_of(&self.keys, Table::History, contact);
        self.read(|transaction| {
            let table = transaction.open_table(definition(Table::History))?;
            let mut count = 0;
            for row in table.range(low.as_slice()..=high.as_slice())? {
                let (row, sealed) = row?;
                count += u64::from(!self.outlasts(before, row.value(), sealed.value()));
            }
            Ok(count)
        })
    }

    /// Whether a message of the history stays if those before a moment go, or all.
    fn outlasts(&self, before: Option<UnixTime>, row: &[u8], sealed: &[u8]) -> bool {
        let Some(before) = before else {
            return false;
        };
        // What cannot be read has no age: it goes when everything does.
        let opened = self.keys.open(Table::History, row, sealed);
        let record = opened.as_deref().ok().and_then(|it| Record::view(it));
        record.is_none_or(|it| it.at >= before)
    }

    /// Does away with what the settings do not keep any longer, once a day: every message has to be opened
    /// for that, and a script opens the store with each `send`. It goes by the clock of the look before, if
    /// that was earlier: one start with a clock that is months ahead deletes nothing.
    pub(super) fn expire(&mut self, now: UnixTime) -> Result<(), Error> {
        let done_at = self.read(file::expired_at)?;
        let is_recent = |at: UnixTime| (at.0..at.0.saturating_add(DAY_MS)).contains(&now.0);
        if done_at.is_some_and(is_recent) {
            return Ok(());
        }
        let trusted = done_at.unwrap_or(UnixTime(0)).min(now);
        let Some(oldest) = self.keep.oldest(trusted) else {
            return Ok(());
        };
        let count = self.remove_history(None, Some(oldest));
        if count.map_err(|fault| fault.at(&self.path, Operation::Write))? > 0 {
            self.shrink()?;
        }
        self.change(now, |change| file::note_expired(change.transaction, now))
    }

    fn remove_history(
        &self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
    ) -> Result<u64, Fault> {
        let (low, high) = rows_of(&self.keys, Table::History, contact);
        let mut count = 0;
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(definition(Table::History))?;
            table.retain_in(low.as_slice()..=high.as_slice(), |row, sealed| {
                let keep = self.outlasts(before, row, sealed);
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

const DAY_MS: u64 = 86_400_000;
