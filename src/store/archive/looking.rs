//! Going through messages for those that pass: through all at once, or some at a time while others change what is kept.

use core::ops::Bound;
use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use super::change::rows_of;
use super::keys::Table;
use super::record::Record;
use super::search::{Entry, Filter, Matches, Place, Position, Span};
use super::trouble::Fault;
use super::view::{Row, View};
use crate::chat::ContactId;
use crate::text::Words;

/// A message moves on from what waits to what is over, and never back: in this order none is missed that does so meanwhile.
const ORDER: [Table; 4] = [Table::Outbox, Table::Inbox, Table::Memory, Table::History];

/// What a message counts for beside its bytes.
const EACH: usize = 1 << 10;

/// How much of what was over last with a contact is opened for what has become so since it was found.
const NEWEST: usize = 1 << 20;

/// Where what was over last lies, with those who were asked about: what waited when it was found, and does not any more, is
/// there.
#[derive(Default)]
pub(super) struct Newest(BTreeMap<ContactId, BTreeMap<Position, Place>>);

impl Newest {
    /// Opens a message of them; none if it went, or so much was over after it that it is to be looked for.
    pub(super) fn open(&mut self, view: &View<'_>, at: &Position) -> Result<Option<Entry>, Fault> {
        let newest = match self.0.entry(at.contact) {
            Slot::Occupied(known) => known.into_mut(),
            Slot::Vacant(unknown) => unknown.insert(newest(view, at.contact)?),
        };
        newest.get(at).map_or(Ok(None), |place| place.open(view))
    }
}

fn newest(view: &View<'_>, contact: ContactId) -> Result<BTreeMap<Position, Place>, Fault> {
    let (mut newest, mut opened) = (BTreeMap::new(), 0_usize);
    for row in view.over(contact)? {
        let row = row?;
        let text = row.open(view);
        if let Some(record) = text.as_deref().and_then(|text| Record::view(text)) {
            let place = Place::of(&record, row.table, row.name());
            newest.insert(place.position, place);
        }
        opened = opened.saturating_add(EACH + row.sealed().len());
        if opened >= NEWEST {
            break;
        }
    }
    Ok(newest)
}

/// Somebody who goes through them, and what he has found.
#[derive(Default)]
pub(super) struct Looking {
    pub(super) found: Matches,
    /// Those of them that waited: one may be over by now, and is met once more.
    waited: BTreeSet<Position>,
    /// How many tables are done.
    done: usize,
    /// Behind which row of the next one it goes on.
    after: Option<Vec<u8>>,
}

impl Looking {
    /// Goes on through messages of `portion` bytes, each of which counts for 1 KiB more than it has, and through one in any
    /// case. Whether that was all: then the first `most` that pass and lie ahead are found, and all of them counted.
    pub(super) fn go_on(
        &mut self,
        view: &View<'_>,
        filter: &Filter,
        span: &Span<'_>,
        (most, portion): (usize, usize),
    ) -> Result<bool, Fault> {
        let words = filter.words.as_deref().map(Words::new);
        let mut opened = 0_usize;
        while let Some(table) = ORDER.get(self.done).copied() {
            let (low, high) = rows_of(view.keys, table, filter.contact);
            let after = self.after.take();
            let low = after
                .as_deref()
                .map_or(Bound::Included(&*low), Bound::Excluded);
            for row in view.rows(table, (low, Bound::Included(&high)))? {
                let row = row?;
                self.look_at(&row, view, (filter, words.as_ref()), (span, most));
                opened = opened.saturating_add(EACH + row.sealed().len());
                if opened >= portion {
                    self.after = Some(row.name().to_vec());
                    return Ok(false);
                }
            }
            self.done += 1;
        }
        self.found.trim(span.way, most);
        Ok(true)
    }

    fn look_at(
        &mut self,
        row: &Row<'_>,
        view: &View<'_>,
        (filter, words): (&Filter, Option<&Words>),
        (span, most): (&Span<'_>, usize),
    ) {
        let text = row.open(view);
        let Some(record) = text.as_deref().and_then(|text| Record::view(text)) else {
            self.found.unreadable += 1;
            return;
        };
        let place = Place::of(&record, row.table, row.name());
        let position = place.position;
        if !span.is_ahead(&position) || !filter.admits(&record, words) {
            return;
        }
        let is_known = match row.table {
            Table::Outbox | Table::Inbox => !self.waited.insert(position),
            Table::Memory | Table::History | Table::Seen => self.waited.contains(&position),
        };
        if !is_known {
            self.found.add(place, span.way, most);
        }
    }
}
