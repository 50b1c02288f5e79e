//! What can be read at one moment: what lies on the disk, and what is in memory for as long as the program runs.

use core::ops::Bound;
use std::collections::btree_map;

use redb::{AccessGuard, ReadTransaction};
use zeroize::Zeroizing;

use super::change::{definition, rows_of};
use super::keys::{Keys, Table};
use super::memory::Memory;
use super::trouble::Fault;
use crate::chat::ContactId;
use crate::crypto::OpenError;

/// What a value says, if it opens.
type Opened = Result<Zeroizing<Vec<u8>>, OpenError>;

/// From which row to which.
pub(super) type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// The tables of the file as they were at one moment, and the one in memory, if there is one.
pub(super) struct View<'a> {
    pub(super) disk: &'a ReadTransaction,
    pub(super) keys: &'a Keys,
    pub(super) memory: Option<&'a Memory>,
}

impl<'a> View<'a> {
    /// All rows of a table about a contact, or about anybody.
    pub(super) fn rows_of(
        &self,
        table: Table,
        contact: Option<ContactId>,
    ) -> Result<Rows<'a>, Fault> {
        let (low, high) = rows_of(self.keys, table, contact);
        self.rows(table, (Bound::Included(&low), Bound::Included(&high)))
    }

    /// The rows of a table between two.
    pub(super) fn rows(&self, table: Table, bounds: Bounds<'_>) -> Result<Rows<'a>, Fault> {
        let source = if table == Table::Memory {
            let rows = self.memory.map(|memory| memory.range(bounds));
            Source::Memory(rows.unwrap_or_default())
        } else {
            let rows = self.disk.open_table(definition(table))?;
            Source::Disk(Box::new(rows.range::<&[u8]>(bounds)?))
        };
        Ok(Rows { table, source })
    }

    /// What is over with a contact, newest first: nothing more is added on the disk where there is a memory.
    pub(super) fn over(
        &self,
        contact: ContactId,
    ) -> Result<impl Iterator<Item = Result<Row<'a>, Fault>> + use<'a>, Fault> {
        let (_, high) = rows_of(self.keys, Table::Memory, Some(contact));
        self.over_before(contact, (Table::Memory, &high))
    }

    /// What was over with a contact before a row, newest first.
    pub(super) fn over_before(
        &self,
        contact: ContactId,
        (table, row): (Table, &[u8]),
    ) -> Result<impl Iterator<Item = Result<Row<'a>, Fault>> + use<'a>, Fault> {
        let (low, _) = rows_of(self.keys, table, Some(contact));
        let rows = self.rows(table, (Bound::Included(&low), Bound::Excluded(row)))?;
        let on_disk = match table {
            Table::Memory => Some(self.rows_of(Table::History, Some(contact))?),
            Table::Outbox | Table::Seen | Table::Inbox | Table::History => None,
        };
        Ok(rows.rev().chain(on_disk.into_iter().flatten().rev()))
    }

    /// A row of what is over with a contact, and what was over after it, oldest first.
    pub(super) fn over_from(
        &self,
        contact: ContactId,
        (table, row): (Table, &[u8]),
    ) -> Result<impl Iterator<Item = Result<Row<'a>, Fault>> + use<'a>, Fault> {
        let (_, high) = rows_of(self.keys, table, Some(contact));
        let rows = self.rows(table, (Bound::Included(row), Bound::Included(&high)))?;
        let in_memory = match table {
            Table::History => Some(self.rows_of(Table::Memory, Some(contact))?),
            Table::Outbox | Table::Seen | Table::Inbox | Table::Memory => None,
        };
        Ok(rows.chain(in_memory.into_iter().flatten()))
    }

    /// What a row says, if it is there and can be opened.
    pub(super) fn get(&self, table: Table, row: &[u8]) -> Result<Option<Opened>, Fault> {
        if table == Table::Memory {
            let memory = self.memory;
            let sealed = memory.and_then(|memory| memory.get(row));
            return Ok(sealed.map(|sealed| self.open(table, row, sealed)));
        }
        let rows = self.disk.open_table(definition(table))?;
        let sealed = rows.get(row)?;
        Ok(sealed.map(|sealed| self.open(table, row, sealed.value())))
    }

    fn open(&self, table: Table, row: &[u8], sealed: &[u8]) -> Opened {
        match (table, self.memory) {
            (Table::Memory, Some(memory)) => memory.open(row, sealed),
            (Table::Memory, None) => Err(OpenError),
            (Table::Outbox | Table::Seen | Table::Inbox | Table::History, _) => {
                self.keys.open(table, row, sealed)
            }
        }
    }
}

/// Some rows of a table, in their order.
pub(super) struct Rows<'a> {
    table: Table,
    source: Source<'a>,
}

enum Source<'a> {
    Disk(Box<redb::Range<'static, &'static [u8], &'static [u8]>>),
    Memory(btree_map::Range<'a, Vec<u8>, Vec<u8>>),
}

/// A row and what is sealed in it.
pub(super) struct Row<'a> {
    pub(super) table: Table,
    bytes: Bytes<'a>,
}

enum Bytes<'a> {
    Disk(
        AccessGuard<'static, &'static [u8]>,
        AccessGuard<'static, &'static [u8]>,
    ),
    Memory(&'a [u8], &'a [u8]),
}

impl<'a> Rows<'a> {
    fn row(&self, bytes: Bytes<'a>) -> Row<'a> {
        let table = self.table;
        Row { table, bytes }
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<Row<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = match &mut self.source {
            Source::Disk(rows) => rows.next()?.map(|(row, it)| Bytes::Disk(row, it)),
            Source::Memory(rows) => rows.next().map(|(row, it)| Ok(Bytes::Memory(row, it)))?,
        };
        Some(bytes.map(|bytes| self.row(bytes)).map_err(Fault::from))
    }
}

impl DoubleEndedIterator for Rows<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let bytes = match &mut self.source {
            Source::Disk(rows) => rows.next_back()?.map(|(row, it)| Bytes::Disk(row, it)),
            Source::Memory(rows) => rows
                .next_back()
                .map(|(row, it)| Ok(Bytes::Memory(row, it)))?,
        };
        Some(bytes.map(|bytes| self.row(bytes)).map_err(Fault::from))
    }
}

impl Row<'_> {
    pub(super) fn name(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Disk(row, _) => row.value(),
            Bytes::Memory(row, _) => row,
        }
    }

    pub(super) fn sealed(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Disk(_, sealed) => sealed.value(),
            Bytes::Memory(_, sealed) => sealed,
        }
    }

    /// What it says, if it opens.
    pub(super) fn open(&self, view: &View<'_>) -> Option<Zeroizing<Vec<u8>>> {
        view.open(self.table, self.name(), self.sealed()).ok()
    }
}
