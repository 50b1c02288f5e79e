//! Looking messages up, and doing away with them.

use redb::ReadTransaction;

use super::Archive;
use super::change::{definition, span};
use super::file;
use super::keys::{Keys, Table};
use super::record::{Record, Standing};
use super::restore::for_each;
use super::trouble::Fault;
use crate::chat::{ContactId, Kind, Name};
use crate::store::error::{Error, Operation};
use crate::time::UnixTime;

/// A message that is written down somewhere in the store. Its body is as it came: not yet safe to show.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// With whom.
    pub contact: ContactId,
    /// Its name.
    pub name: Name,
    /// When it came or was queued, by our clock.
    pub at: UnixTime,
    /// When its author says to have sent it.
    pub sent_at: UnixTime,
    /// How it stands.
    pub standing: Standing,
    /// Whether it came, and nobody knows if it was shown.
    pub is_unconfirmed: bool,
    /// What its body is.
    pub kind: Kind,
    /// What it says.
    pub body: Vec<u8>,
}

impl core::fmt::Debug for Entry {
    /// Without the body: it is nobody else's affair.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "Entry({:?}, {:?}, {} bytes)",
            self.name,
            self.standing,
            self.body.len()
        )
    }
}

/// Which messages to look up: those that pass every test that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// With this contact.
    pub contact: Option<ContactId>,
    /// Not older than this.
    pub since: Option<UnixTime>,
    /// Older than this.
    pub before: Option<UnixTime>,
    /// With these words in them, in upper or lower case.
    pub words: Option<String>,
    /// At most so many, the newest.
    pub most: Option<usize>,
}

/// What was looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The messages, oldest first.
    pub entries: Vec<Entry>,
    /// How many of all messages in the store cannot be read.
    pub unreadable: u64,
}

impl Archive {
    /// Looks messages up: those that are over, and also what waits in the outbox and the inbox.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn find(&self, filter: &Filter) -> Result<Found, Error> {
        self.read(|transaction| {
            let mut found = Found::default();
            for table in MESSAGES {
                found.add(transaction, &self.keys, table, filter)?;
            }
            Ok(found.finish(filter))
        })
    }

    /// The newest messages with somebody that are over, oldest first: at most `most`, with bodies of at most
    /// `bytes` together. Only they are read, however long the history is; what cannot be read is left out.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn latest(
        &self,
        contact: ContactId,
        most: usize,
        bytes: usize,
    ) -> Result<Vec<Entry>, Error> {
        let (low, high) = span(&self.keys.contact(Table::History, contact));
        self.read(|transaction| {
            let table = transaction.open_table(definition(Table::History))?;
            let rows = table.range(low.as_slice()..=high.as_slice())?;
            let mut entries = Vec::new();
            let mut left = bytes;
            for row in rows.rev().take(most) {
                let (row, sealed) = row?;
                let text = self
                    .keys
                    .open(Table::History, row.value(), sealed.value())
                    .ok();
                let Some(record) = text.and_then(|text| Record::decode(&text)) else {
                    continue;
                };
                let Some(rest) = left.checked_sub(record.body.len()) else {
                    break;
                };
                left = rest;
                entries.push(Entry::new(record, Table::History));
            }
            entries.reverse();
            Ok(entries)
        })
    }

    /// Does away with the history of a contact, or of all, and with what of it is older than `before`.
    /// The file shrinks. Says how many messages went.
    ///
    /// # Errors
    /// `DiskFull`, `Io`, `Store`.
    pub fn purge(
        &mut self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
    ) -> Result<u64, Error> {
        let count = self.remove_history(contact, before);
        let count = count.map_err(|fault| fault.at(&self.path, Operation::Write))?;
        if count > 0 {
            let compacted = self.database.compact().map_err(Fault::from);
            compacted.map_err(|fault| fault.at(&self.path, Operation::Write))?;
        }
        Ok(count)
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
        self.purge(None, Some(oldest))?;
        self.change(now, |change| file::note_expired(change.transaction, now))
    }

    fn remove_history(
        &self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
    ) -> Result<u64, Fault> {
        let (low, high) = match contact {
            Some(contact) => span(&self.keys.contact(Table::History, contact)),
            None => (Vec::new(), vec![0xff; 64]),
        };
        let is_kept = |row: &[u8], sealed: &[u8]| {
            let Some(before) = before else {
                return false;
            };
            // What cannot be read has no age: it goes when everything does.
            let text = self.keys.open(Table::History, row, sealed).ok();
            let record = text.and_then(|text| Record::decode(&text));
            record.is_none_or(|it| it.at >= before)
        };
        let mut count = 0;
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(definition(Table::History))?;
            table.retain_in(low.as_slice()..=high.as_slice(), |row, sealed| {
                let keep = is_kept(row, sealed);
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

/// The tables that hold messages, in the order in which those of one time are shown.
pub(super) const MESSAGES: [Table; 3] = [Table::History, Table::Inbox, Table::Outbox];

impl Found {
    /// Adds what one table has. After an error it has what came before.
    pub(super) fn add(
        &mut self,
        transaction: &ReadTransaction,
        keys: &Keys,
        table: Table,
        filter: &Filter,
    ) -> Result<(), Fault> {
        let words = filter.words.as_ref().map(|words| words.to_lowercase());
        for_each(transaction, keys, table, |_, text| {
            let Some(record) = text.and_then(|text| Record::decode(&text)) else {
                self.unreadable += 1;
                return;
            };
            if filter.admits(&record, words.as_deref()) {
                self.entries.push(Entry::new(record, table));
            }
            // Bodies may be large: at most twice as many are held as are wanted.
            if filter
                .most
                .is_some_and(|most| self.entries.len() > 2 * most)
            {
                self.sort_and_trim(filter);
            }
        })
    }

    /// Puts everything in order, and drops what is too much.
    pub(super) fn finish(mut self, filter: &Filter) -> Self {
        self.sort_and_trim(filter);
        self
    }

    fn sort_and_trim(&mut self, filter: &Filter) {
        self.entries.sort_by_key(|entry| entry.at);
        if let Some(most) = filter.most {
            let surplus = self.entries.len().saturating_sub(most);
            self.entries.drain(..surplus);
        }
    }
}

impl Filter {
    /// `words`: in lower case.
    fn admits(&self, record: &Record, words: Option<&str>) -> bool {
        let has = |words: &str| {
            let text = String::from_utf8_lossy(&record.body);
            text.to_lowercase().contains(words)
        };
        self.contact.is_none_or(|it| it == record.contact)
            && self.since.is_none_or(|since| record.at >= since)
            && self.before.is_none_or(|before| record.at < before)
            && words.is_none_or(has)
    }
}

impl Entry {
    fn new(record: Record, table: Table) -> Self {
        Self {
            contact: record.contact,
            name: record.name,
            at: record.at,
            sent_at: record.sent_at,
            standing: record.standing,
            is_unconfirmed: table == Table::Inbox,
            kind: record.kind,
            body: record.body.to_vec(),
        }
    }
}
