//! Looking messages up. What passes is found first, one message at a time, and then opened once more: bodies
//! are large and many. `pages` goes through them page by page.

use core::ops::Bound;
use std::collections::BTreeSet;

use super::Archive;
use super::change::{damaged, span};
use super::keys::{TAG_LEN, Table};
use super::looking::Looking;
use super::record::{Record, Standing};
use super::trouble::Fault;
use super::view::View;
use crate::chat::{ContactId, Kind, LogId, MessageRef, Name};
use crate::store::error::Error;
use crate::text::Words;
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

/// What was said with somebody before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// The newest messages of it, oldest first by the own clock.
    pub entries: Vec<Entry>,
    /// Whether there are more before them.
    pub has_older: bool,
}

impl Archive {
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
        self.read(|view| {
            let most = most.unwrap_or(usize::MAX);
            let span = Span::default();
            let found = Matches::find(view, filter, &span, most)?;
            for place in &found.places {
                let entry = place.open(view)?;
                if !show(entry.ok_or_else(|| damaged(place.table))?) {
                    break;
                }
            }
            Ok(found.unreadable)
        })
    }

    /// What was said with somebody and was over when the store was opened: the newest `most` messages, with
    /// bodies of at most `bytes` together; one comes in any case. Only they are read, however long the history
    /// is; what cannot be read is left out.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn earlier(&self, contact: ContactId, most: usize, bytes: usize) -> Result<Earlier, Error> {
        let prefix = self.keys.contact(Table::History, contact);
        let (low, high) = span(&prefix);
        let fresh = self.fresh.get(&contact);
        let fresh = fresh.map(|it| [prefix.as_slice(), &it.to_be_bytes()].concat());
        let end = fresh
            .as_deref()
            .map_or(Bound::Included(&*high), Bound::Excluded);
        self.read(|view| {
            let mut earlier = Earlier::default();
            for row in view
                .rows(Table::History, (Bound::Included(&low), end))?
                .rev()
            {
                let opened = row?.open(view);
                let Some(record) = opened.as_deref().and_then(|it| Record::view(it)) else {
                    continue;
                };
                if !earlier.has_room(&record, most, bytes) {
                    earlier.has_older = true;
                    break;
                }
                earlier.entries.push(Entry::new(&record, Table::History));
            }
            earlier.entries.reverse();
            earlier.entries.sort_by_key(|it| it.at);
            Ok(earlier)
        })
    }

    /// With whom there are messages: of each contact as many are opened as it takes to read one.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn contacts(&self) -> Result<BTreeSet<ContactId>, Error> {
        self.read(|view| {
            let mut contacts = BTreeSet::new();
            for table in MESSAGES {
                add_contacts(view, table, &mut contacts)?;
            }
            Ok(contacts)
        })
    }
}

/// The tables that hold messages, in the order in which those of one time are shown.
pub(super) const MESSAGES: [Table; 4] =
    [Table::History, Table::Memory, Table::Inbox, Table::Outbox];

fn add_contacts(
    view: &View<'_>,
    table: Table,
    contacts: &mut BTreeSet<ContactId>,
) -> Result<(), Fault> {
    let mut known: Option<[u8; TAG_LEN]> = None;
    for row in view.rows_of(table, None)? {
        let row = row?;
        // All rows about a contact begin alike.
        let whose = row.name().first_chunk().copied();
        if known.is_some() && known == whose {
            continue;
        }
        let opened = row.open(view);
        if let Some(record) = opened.as_deref().and_then(|it| Record::view(it)) {
            contacts.insert(record.contact);
            known = whose;
        }
    }
    Ok(())
}

/// Which way somebody goes who looks through messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// From the newest back.
    #[default]
    Back,
    /// From the oldest on.
    On,
}

/// What lies ahead of somebody who goes this way and has come so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span<'a> {
    pub(super) way: Way,
    pub(super) from: Option<&'a Position>,
}

impl Span<'_> {
    pub(super) fn is_ahead(&self, position: &Position) -> bool {
        self.from.is_none_or(|from| match self.way {
            Way::Back => position < from,
            Way::On => position > from,
        })
    }
}

/// The place of a message among all: it stays what it is when the message moves from one table to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) at: UnixTime,
    pub(super) log: LogId,
    pub(super) sequence: u64,
    pub(super) contact: ContactId,
    /// Each side draws the names of its messages by itself.
    pub(super) is_ours: bool,
}

impl Position {
    const fn of(record: &Record<&[u8]>) -> Self {
        Self {
            at: record.at,
            log: record.name.log,
            sequence: record.name.sequence,
            contact: record.contact,
            is_ours: record.is_ours(),
        }
    }
}

/// What passes a filter.
#[derive(Default)]
pub(super) struct Matches {
    /// Where those are that come first on the way, oldest first.
    pub(super) places: Vec<Place>,
    pub(super) count: usize,
    pub(super) unreadable: u64,
}

/// Where a message is, and in a list of them.
pub(super) struct Place {
    pub(super) position: Position,
    pub(super) table: Table,
    row: Vec<u8>,
    /// Bytes of its body.
    pub(super) len: usize,
}

impl Matches {
    /// Finds the first `most` that pass and lie ahead, and counts all of them.
    pub(super) fn find(
        view: &View<'_>,
        filter: &Filter,
        span: &Span<'_>,
        most: usize,
    ) -> Result<Self, Fault> {
        let mut looking = Looking::default();
        looking.go_on(view, filter, span, (most, usize::MAX))?;
        Ok(looking.found)
    }

    /// At most twice as many are held as are wanted, and one.
    pub(super) fn add(&mut self, place: Place, way: Way, most: usize) {
        self.count += 1;
        self.places.push(place);
        if self.places.len() / 2 > most {
            self.trim(way, most);
        }
    }

    pub(super) fn trim(&mut self, way: Way, most: usize) {
        self.places.sort_unstable_by_key(|it| it.position);
        let surplus = self.places.len().saturating_sub(most);
        match way {
            Way::Back => drop(self.places.drain(..surplus)),
            Way::On => self.places.truncate(most),
        }
    }
}

impl Place {
    #[cfg(test)]
    pub(super) fn at(at: UnixTime) -> Self {
        let contact = crate::id::PeerId::new([0; 32]).into();
        let (log, sequence) = (LogId(0), 0);
        Self {
            position: Position {
                at,
                log,
                sequence,
                contact,
                is_ours: false,
            },
            table: Table::History,
            row: Vec::new(),
            len: 0,
        }
    }

    pub(super) fn of(record: &Record<&[u8]>, table: Table, row: &[u8]) -> Self {
        Self {
            position: Position::of(record),
            table,
            row: row.to_vec(),
            len: record.body.len(),
        }
    }

    /// Opens again what has been opened before; none if it is there no longer. Its row may be another's by now.
    pub(super) fn open(&self, view: &View<'_>) -> Result<Option<Entry>, Fault> {
        let table = self.table;
        let Some(opened) = view.get(table, &self.row)? else {
            return Ok(None);
        };
        // What has opened and does not any more has changed on the disk.
        let text = opened.map_err(|_| damaged(table))?;
        let record = Record::view(&text).ok_or_else(|| damaged(table))?;
        let is_it = Position::of(&record) == self.position;
        Ok(is_it.then(|| Entry::new(&record, table)))
    }
}

impl Earlier {
    /// Whether one more message fits. The first always does.
    fn has_room(&self, record: &Record<&[u8]>, most: usize, bytes: usize) -> bool {
        let held: usize = self.entries.iter().map(|it| it.body.len()).sum();
        let fits = held.saturating_add(record.body.len()) <= bytes;
        self.entries.len() < most && (fits || self.entries.is_empty())
    }
}

impl Filter {
    /// `words`: its own.
    pub(super) fn admits(&self, record: &Record<&[u8]>, words: Option<&Words>) -> bool {
        let has = |words: &Words| words.are_in(&String::from_utf8_lossy(record.body));
        self.contact.is_none_or(|it| it == record.contact)
            && self.since.is_none_or(|since| record.at >= since)
            && self.before.is_none_or(|before| record.at < before)
            && words.is_none_or(has)
    }
}

impl Entry {
    /// Which message it is.
    #[must_use]
    pub const fn which(&self) -> MessageRef {
        MessageRef {
            contact: self.contact,
            name: self.name,
            is_ours: !matches!(self.standing, Standing::Received { .. }),
        }
    }

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
