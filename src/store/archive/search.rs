//! Looking messages up. What passes is found first, one message at a time, and then opened once more: bodies
//! are large and many, and at most those of one page are held.

use std::collections::BTreeSet;

use redb::{ReadTransaction, ReadableTable};
use zeroize::Zeroizing;

use super::Archive;
use super::change::{damaged, definition, span};
use super::keys::{Keys, TAG_LEN, Table};
use super::record::{Record, Standing};
use super::restore::for_each_of;
use super::trouble::Fault;
use crate::chat::{ContactId, Kind, Name};
use crate::store::error::Error;
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
}

/// Some of what was looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The messages, oldest first.
    pub entries: Vec<Entry>,
    /// How many more there are before them.
    pub older: usize,
    /// How many messages cannot be read, of the filter's contact or of all.
    pub unreadable: u64,
}

impl Archive {
    /// Looks messages up: those that are over, and also what waits in the outbox and the inbox. Without the
    /// `skip` newest of them the next `most`, with bodies of at most `bytes` together; one comes in any case.
    /// Every message of the filter's contact, or of all, is opened for that.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn page(
        &self,
        filter: &Filter,
        skip: usize,
        most: usize,
        bytes: usize,
    ) -> Result<Page, Error> {
        self.read(|transaction| {
            let found = Matches::find(transaction, &self.keys, filter, skip.saturating_add(most))?;
            let places = found.page(skip, most, bytes);
            let entries = places.iter().map(|it| it.open(transaction, &self.keys));
            Ok(Page {
                older: found.count.saturating_sub(skip) - places.len(),
                unreadable: found.unreadable,
                entries: entries.collect::<Result<_, _>>()?,
            })
        })
    }

    /// Shows what passes, oldest first and one at a time, until `show` says false: the newest `most`, or all.
    /// Says how many messages cannot be read, of the filter's contact or of all.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn visit(
        &self,
        filter: &Filter,
        most: Option<usize>,
        mut show: impl FnMut(Entry) -> bool,
    ) -> Result<u64, Error> {
        self.read(|transaction| {
            let most = most.unwrap_or(usize::MAX);
            let found = Matches::find(transaction, &self.keys, filter, most)?;
            for place in &found.places {
                if !show(place.open(transaction, &self.keys)?) {
                    break;
                }
            }
            Ok(found.unreadable)
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
                let opened = self.keys.open(Table::History, row.value(), sealed.value());
                let Some(record) = opened.as_deref().ok().and_then(|it| Record::view(it)) else {
                    continue;
                };
                let Some(rest) = left.checked_sub(record.body.len()) else {
                    break;
                };
                left = rest;
                entries.push(Entry::new(&record, Table::History));
            }
            entries.reverse();
            Ok(entries)
        })
    }

    /// With whom there are messages: of each contact as many are opened as it takes to read one.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn contacts(&self) -> Result<BTreeSet<ContactId>, Error> {
        self.read(|transaction| {
            let mut contacts = BTreeSet::new();
            for table in MESSAGES {
                add_contacts(transaction, &self.keys, table, &mut contacts)?;
            }
            Ok(contacts)
        })
    }
}

/// The tables that hold messages, in the order in which those of one time are shown.
pub(super) const MESSAGES: [Table; 3] = [Table::History, Table::Inbox, Table::Outbox];

fn add_contacts(
    transaction: &ReadTransaction,
    keys: &Keys,
    table: Table,
    contacts: &mut BTreeSet<ContactId>,
) -> Result<(), Fault> {
    let rows = transaction.open_table(definition(table))?;
    let mut known: Option<[u8; TAG_LEN]> = None;
    for row in rows.iter()? {
        let (row, sealed) = row?;
        // All rows about a contact begin alike.
        let whose = row.value().first_chunk().copied();
        if known.is_some() && known == whose {
            continue;
        }
        let opened = keys.open(table, row.value(), sealed.value());
        if let Some(record) = opened.as_deref().ok().and_then(|it| Record::view(it)) {
            contacts.insert(record.contact);
            known = whose;
        }
    }
    Ok(())
}

/// What passes a filter.
#[derive(Default)]
pub(super) struct Matches {
    /// Where the newest of it are, oldest first.
    pub(super) places: Vec<Place>,
    count: usize,
    unreadable: u64,
}

/// Where a message is, and in a list of them.
pub(super) struct Place {
    at: UnixTime,
    table: Table,
    order: u64,
    row: Vec<u8>,
    /// Bytes of its body.
    len: usize,
}

impl Matches {
    /// Finds the newest `most` that pass, and counts all of them.
    pub(super) fn find(
        transaction: &ReadTransaction,
        keys: &Keys,
        filter: &Filter,
        most: usize,
    ) -> Result<Self, Fault> {
        let words = filter.words.as_ref().map(|words| words.to_lowercase());
        let mut found = Self::default();
        for table in MESSAGES {
            for_each_of(transaction, keys, table, filter.contact, |row, text| {
                let Some(record) = text.as_deref().and_then(|text| Record::view(text)) else {
                    found.unreadable += 1;
                    return;
                };
                if filter.admits(&record, words.as_deref()) {
                    found.add(Place::of(&record, table, row), most);
                }
            })?;
        }
        found.trim(most);
        Ok(found)
    }

    /// At most twice as many are held as are wanted, and one.
    pub(super) fn add(&mut self, place: Place, most: usize) {
        self.count += 1;
        self.places.push(place);
        if self.places.len() / 2 > most {
            self.trim(most);
        }
    }

    fn trim(&mut self, most: usize) {
        let rank = |it: &Place| MESSAGES.iter().position(|table| *table == it.table);
        self.places.sort_by_key(|it| (it.at, rank(it), it.order));
        let surplus = self.places.len().saturating_sub(most);
        self.places.drain(..surplus);
    }

    /// What is on a page, oldest first.
    fn page(&self, skip: usize, most: usize, bytes: usize) -> &[Place] {
        let end = self.places.len().saturating_sub(skip);
        let upto = self.places.get(..end).unwrap_or_default();
        let mut sum = 0_usize;
        let newest = upto.iter().rev().take(most).enumerate();
        let fits = newest.take_while(|(number, place)| {
            sum = sum.saturating_add(place.len);
            *number == 0 || sum <= bytes
        });
        upto.get(end - fits.count()..).unwrap_or_default()
    }
}

impl Place {
    #[cfg(test)]
    pub(super) const fn at(at: UnixTime) -> Self {
        Self {
            at,
            table: Table::History,
            order: 0,
            row: Vec::new(),
            len: 0,
        }
    }

    fn of(record: &Record<&[u8]>, table: Table, row: &[u8]) -> Self {
        Self {
            at: record.at,
            table,
            order: record.order,
            row: row.to_vec(),
            len: record.body.len(),
        }
    }

    /// Opens again what has been opened in this transaction.
    fn open(&self, transaction: &ReadTransaction, keys: &Keys) -> Result<Entry, Fault> {
        let table = self.table;
        let rows = transaction.open_table(definition(table))?;
        // What has opened and does not any more has changed on the disk.
        let changed = || damaged(table);
        let sealed = rows.get(self.row.as_slice())?.ok_or_else(changed)?;
        let opened = keys.open(table, &self.row, sealed.value());
        let text = opened.map_err(|_| changed())?;
        let record = Record::view(&text).ok_or_else(changed)?;
        Ok(Entry::new(&record, table))
    }
}

impl Filter {
    /// `words`: in lower case.
    pub(super) fn admits(&self, record: &Record<&[u8]>, words: Option<&str>) -> bool {
        let has = |words: &str| {
            let text = String::from_utf8_lossy(record.body);
            Zeroizing::new(text.to_lowercase()).contains(words)
        };
        self.contact.is_none_or(|it| it == record.contact)
            && self.since.is_none_or(|since| record.at >= since)
            && self.before.is_none_or(|before| record.at < before)
            && words.is_none_or(has)
    }
}

impl Entry {
    pub(super) fn new(record: &Record<&[u8]>, table: Table) -> Self {
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
