//! The entries of a conversation in their order, and which lines of them a screen shows.
//!
//! An entry keeps its number for ever. The screen is anchored at its lowest line, so that it stays where
//! it is when something is added, and when the width changes.

use std::collections::{BTreeMap, VecDeque};

use crate::calendar::{Day, Zone};
use crate::chat::Name;
use crate::tui::entry::{Entry, Kind, Receipt, Shape};
use crate::tui::input::Ticket;

/// Entries that are kept. Of those beyond it the oldest words of ours go first, and then the oldest of all: what people
/// said is nowhere else, perhaps.
const MAX_ENTRIES: usize = 20_000;
/// Words of ours that are as good as messages then, the newest: an answer of several lines is whole among messages.
const NEWEST_NOTES: usize = 1_000;
/// Bytes of text that are kept.
const MAX_BYTES: usize = 32 << 20;

/// The entries.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// With their numbers, which rise, and stay what they are when others make room.
    entries: VecDeque<(u64, Entry)>,
    /// The number that the next entry gets.
    end: u64,
    /// How many of them make room before messages do.
    notes: usize,
    /// Those before this one had to make room.
    dropped: u64,
    /// How many messages are among those, since it was emptied last.
    made_room: u64,
    /// Those before this one were said before this run.
    live: u64,
    bytes: usize,
    names: BTreeMap<Name, u64>,
    tickets: BTreeMap<Ticket, u64>,
    /// The first entry that was not seen: the line `new` stands before it.
    pub(super) marker: Option<u64>,
}

/// A line on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A day begins.
    Day(Day),
    /// What follows is new.
    New,
    /// A row of the text of an entry.
    Text { entry: u64, row: usize },
    /// Why an entry failed.
    Failure { entry: u64 },
}

/// The number of an entry after another one was put in under this one.
pub(super) const fn shifted(entry: u64, inserted: u64) -> u64 {
    if entry < inserted { entry } else { entry + 1 }
}

/// Where the lowest line of the screen is: so many lines above the last one of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    entry: u64,
    skipped: usize,
}

/// Whether it makes room before messages do: words of ours, and what was deleted.
const fn is_note(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::Note | Kind::Deleted)
}

impl Log {
    pub(super) fn push(&mut self, entry: Entry) -> u64 {
        let number = self.end;
        self.add(self.entries.len(), number, entry);
        number
    }

    /// Puts what was said before this run behind what stands here of that and is not newer. Returns its number;
    /// those that had this one or a later one have the next from now on.
    pub(super) fn insert(&mut self, entry: Entry) -> u64 {
        let old = self.position(self.live);
        let mut before = self.entries.iter().take(old);
        let index = before
            .rposition(|(_, it)| it.at <= entry.at)
            .map_or(0, |at| at + 1);
        let number = self.entries.get(index).map_or(self.end, |(at, _)| *at);
        let later = self.entries.range_mut(index..).map(|(number, _)| number);
        let named = self.names.values_mut().chain(self.tickets.values_mut());
        for entry in later.chain(named).chain(&mut self.marker) {
            *entry = shifted(*entry, number);
        }
        self.live = self.live.max(number) + 1;
        self.add(index, number, entry);
        number
    }

    fn add(&mut self, index: usize, number: u64, entry: Entry) {
        self.bytes += entry.size();
        self.notes += usize::from(is_note(&entry));
        self.entries.insert(index, (number, entry));
        self.end += 1;
        self.make_room();
    }

    fn make_room(&mut self) {
        let mut note = 0;
        while self.entries.len() > MAX_ENTRIES || self.bytes > MAX_BYTES {
            if self.entries.len() == 1 {
                break;
            }
            if self.notes > NEWEST_NOTES {
                let mut others = self.entries.range(note..);
                note += others.position(|(_, it)| is_note(it)).unwrap_or(0);
                self.remove(note);
            } else {
                self.drop_first();
            }
        }
    }

    fn drop_first(&mut self) {
        if let Some(number) = self.remove(0) {
            self.dropped = number + 1;
        }
    }

    /// Takes an entry out. Returns its number.
    fn remove(&mut self, index: usize) -> Option<u64> {
        let (number, gone) = self.entries.remove(index)?;
        self.bytes -= gone.size();
        self.notes -= usize::from(is_note(&gone));
        self.made_room += u64::from(gone.is_message());
        if self.marker == Some(number) {
            self.marker = self.entries.get(index).map(|(next, _)| *next);
        }
        Some(number)
    }

    /// Whether a message had to make room. What was cleared away had not.
    pub(super) const fn has_dropped(&self, entry: u64) -> bool {
        entry < self.dropped
    }

    /// Empties it. What of ours has come to no end yet is still waited for.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        (self.bytes, self.notes, self.made_room, self.marker) = (0, 0, 0, None);
    }

    /// How many messages had to make room. What was cleared away is not missed.
    pub(super) const fn made_room(&self) -> u64 {
        self.made_room
    }

    pub(super) fn get(&self, entry: u64) -> Option<&Entry> {
        let (_, found) = self.entries.get(self.index(entry)?)?;
        Some(found)
    }

    fn get_mut(&mut self, entry: u64) -> Option<&mut Entry> {
        let index = self.index(entry)?;
        let (_, found) = self.entries.get_mut(index)?;
        Some(found)
    }

    fn index(&self, entry: u64) -> Option<usize> {
        let found = self.entries.binary_search_by_key(&entry, |(it, _)| *it);
        found.ok()
    }

    /// How many stand before an entry of this number, which may be gone.
    fn position(&self, entry: u64) -> usize {
        self.entries.partition_point(|(it, _)| *it < entry)
    }

    /// The number of the entry before this one.
    fn before(&self, entry: u64) -> Option<u64> {
        let index = self.position(entry).checked_sub(1)?;
        self.entries.get(index).map(|(before, _)| *before)
    }

    /// The number of the entry after this one.
    fn after(&self, entry: u64) -> Option<u64> {
        let index = self.position(entry.saturating_add(1));
        self.entries.get(index).map(|(after, _)| *after)
    }

    fn first(&self) -> Option<u64> {
        self.entries.front().map(|(first, _)| *first)
    }

    /// The entries with their numbers, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = (u64, &Entry)> {
        let numbered = self.entries.iter().rev();
        numbered.map(|(number, entry)| (*number, entry))
    }

    /// Goes by the days of this time zone.
    pub(super) fn move_to(&mut self, zone: &Zone) {
        for (_, entry) in &mut self.entries {
            entry.day = zone.at(entry.at).day();
        }
    }

    pub(super) fn delete(&mut self, entry: u64) {
        if let Some(entry) = self.get_mut(entry) {
            let (size, was_note) = (entry.size(), is_note(entry));
            entry.delete();
            self.bytes -= size;
            self.notes += usize::from(!was_note);
        }
    }

    /// Waits for the core to name an entry of ours.
    pub(super) fn await_name(&mut self, ticket: Ticket, entry: u64) {
        self.tickets.insert(ticket, entry);
    }

    /// The core has named, or refused, what this ticket stands for. None if that is not here; false if
    /// it was, and does not stand here any more to show it.
    pub(super) fn on_ticket(
        &mut self,
        ticket: Ticket,
        named: Result<Name, Receipt>,
    ) -> Option<bool> {
        let entry = self.tickets.remove(&ticket)?;
        match named {
            Ok(name) => self.name(name, entry),
            Err(receipt) => self.set_receipt(entry, receipt),
        }
        Some(self.is_ours(entry))
    }

    fn is_ours(&self, entry: u64) -> bool {
        matches!(self.get(entry).map(|it| &it.kind), Some(Kind::Ours(..)))
    }

    /// An entry of ours has this name, and comes to an end.
    pub(super) fn name(&mut self, name: Name, entry: u64) {
        self.names.insert(name, entry);
        if let Some(entry) = self.get_mut(entry) {
            entry.name = Some(name);
        }
    }

    /// Where a message stands.
    pub(super) fn find(&self, name: Name, is_ours: bool) -> Option<u64> {
        let is_meant = |entry: &Entry| {
            let ours = matches!(entry.kind, Kind::Ours(..));
            entry.name == Some(name) && entry.is_message() && ours == is_ours
        };
        let mut newest = self.newest_first();
        newest.find(|(_, it)| is_meant(it)).map(|(entry, _)| entry)
    }

    /// A message of ours moved on; false if it does not stand here to show that.
    pub(super) fn on_state(&mut self, name: Name, receipt: Receipt) -> bool {
        let Some(entry) = self.names.get(&name).copied() else {
            return false;
        };
        if receipt.rank() == 2 {
            self.names.remove(&name);
        }
        self.set_receipt(entry, receipt);
        self.is_ours(entry)
    }

    fn set_receipt(&mut self, entry: u64, receipt: Receipt) {
        if let Some(Entry {
            kind: Kind::Ours(of, _),
            ..
        }) = self.get_mut(entry)
            && receipt.rank() > of.rank()
        {
            *of = receipt;
        }
    }

    /// Messages of ours that have come to no end yet.
    pub(super) fn open(&self) -> usize {
        self.names.len() + self.tickets.len()
    }

    /// Those of them that the other side has nothing of.
    pub(super) fn queued(&self) -> usize {
        let is_queued = |entry: &&u64| {
            let kind = self.get(**entry).map(|entry| &entry.kind);
            matches!(kind, Some(Kind::Ours(Receipt::Queued, _)))
        };
        self.names.values().filter(is_queued).count() + self.tickets.len()
    }

    /// The lines of an entry on a screen of this shape, from top to bottom.
    fn lines(&mut self, entry: u64, shape: Shape) -> Vec<Line> {
        let is_new = self.marker == Some(entry);
        let is_gone = self.get(entry).is_some_and(|it| it.kind == Kind::Deleted);
        // Not of each one of thousands that were purged: it looks back over all before it.
        let before = (!is_gone).then(|| self.day_before(entry)).flatten();
        let Some(found) = self.get_mut(entry) else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        if before != Some(found.day) && shape.has_rules && !is_gone {
            lines.push(Line::Day(found.day));
        }
        if is_new && shape.has_rules {
            lines.push(Line::New);
        }
        if !is_gone {
            let rows = found.rows(shape).len();
            lines.extend((0..rows).map(|row| Line::Text { entry, row }));
        }
        if found.failure().is_some() {
            lines.push(Line::Failure { entry });
        }
        lines
    }

    /// The day of what stands before an entry and is not deleted.
    fn day_before(&self, entry: u64) -> Option<Day> {
        let mut before = self.entries.range(..self.index(entry)?).rev();
        let found = before.find(|(_, it)| it.kind != Kind::Deleted);
        found.map(|(_, it)| it.day)
    }

    /// The lines that a screen of so many rows shows, from top to bottom.
    pub(super) fn visible(
        &mut self,
        anchor: Option<Anchor>,
        height: usize,
        shape: Shape,
    ) -> Vec<Line> {
        let mut lines = Vec::new();
        let Some(Anchor { entry, skipped }) = self.placed(anchor) else {
            return lines;
        };
        let (mut next, mut skipped) = (Some(entry), skipped);
        while let Some(entry) = next {
            let of_entry = self.lines(entry, shape);
            let shown = of_entry.len().saturating_sub(skipped);
            skipped = 0;
            // An anchor is at least on the first line of its entry, however the width has changed.
            let shown = shown.max(usize::from(lines.is_empty() && !of_entry.is_empty()));
            lines.extend(of_entry.iter().take(shown).rev());
            if lines.len() >= height {
                break;
            }
            next = self.before(entry);
        }
        lines.truncate(height);
        lines.reverse();
        lines
    }

    /// The anchor as it is now: at the end if there is none. If its own entry is gone, below the one before, or at the
    /// oldest.
    fn placed(&self, anchor: Option<Anchor>) -> Option<Anchor> {
        let (last, _) = self.entries.back()?;
        let end = Anchor {
            entry: *last,
            skipped: 0,
        };
        let Some(anchor) = anchor.filter(|it| it.entry <= *last) else {
            return Some(end);
        };
        if self.index(anchor.entry).is_some() {
            return Some(anchor);
        }
        let before = self.before(anchor.entry);
        let below = before.map(|entry| Anchor { entry, skipped: 0 });
        let first = self.first()?;
        Some(below.unwrap_or(Anchor {
            entry: first,
            ..anchor
        }))
    }

    /// The anchor so many rows further up, but not past the oldest line; none at the end.
    pub(super) fn up(
        &mut self,
        anchor: Option<Anchor>,
        rows: usize,
        height: usize,
        shape: Shape,
    ) -> Option<Anchor> {
        let mut at = self.placed(anchor)?;
        let mut left = rows;
        loop {
            let lines = self.lines(at.entry, shape).len();
            let above = lines.saturating_sub(at.skipped + 1);
            if left <= above && lines > 0 {
                at.skipped += left;
                break;
            }
            let Some(entry) = self.before(at.entry) else {
                at.skipped = lines.saturating_sub(1);
                break;
            };
            left = left.saturating_sub(if lines > 0 { above + 1 } else { 0 });
            at = Anchor { entry, skipped: 0 };
        }
        let shown = self.visible(Some(at), height, shape).len();
        self.down(Some(at), height.saturating_sub(shown), shape)
    }

    /// The anchor so many rows further down; none at the end.
    pub(super) fn down(
        &mut self,
        anchor: Option<Anchor>,
        rows: usize,
        shape: Shape,
    ) -> Option<Anchor> {
        let mut at = self.placed(Some(anchor?))?;
        // On a wider screen its entry may have fewer lines than are skipped.
        let lines = self.lines(at.entry, shape).len();
        at.skipped = at.skipped.min(lines.saturating_sub(1));
        self.descend(at, rows, shape)
    }

    fn descend(&mut self, mut at: Anchor, rows: usize, shape: Shape) -> Option<Anchor> {
        let mut left = rows;
        while left > at.skipped {
            left -= at.skipped;
            let entry = self.after(at.entry)?;
            let skipped = self.lines(entry, shape).len();
            at = Anchor { entry, skipped };
        }
        at.skipped -= left;
        let is_end = at.skipped == 0 && self.after(at.entry).is_none();
        (!is_end).then_some(at)
    }

    /// The anchor of a screen that begins with an entry; none if it ends with the last line.
    pub(super) fn top(&mut self, entry: u64, height: usize, shape: Shape) -> Option<Anchor> {
        let lines = self.lines(entry, shape).len();
        let at = Anchor {
            entry,
            skipped: lines.saturating_sub(1),
        };
        self.down(Some(at), height.saturating_sub(1), shape)
    }

    /// The anchor of a screen that stays at the end as it is now, whatever comes.
    pub(super) fn pinned(&self) -> Option<Anchor> {
        self.placed(None)
    }

    /// The anchor of a screen that begins with the oldest entry.
    pub(super) fn oldest(&mut self, height: usize, shape: Shape) -> Option<Anchor> {
        let entry = self.first()?;
        let skipped = self.lines(entry, shape).len();
        let at = Anchor { entry, skipped };
        self.descend(at, height, shape)
    }

    /// The anchor of a screen that shows an entry: the one given if it does already.
    pub(super) fn showing(
        &mut self,
        entry: u64,
        anchor: Option<Anchor>,
        height: usize,
        shape: Shape,
    ) -> Option<Anchor> {
        let lines = self.visible(anchor, height, shape);
        let text = |line: &Line| match line {
            Line::Text { entry, .. } | Line::Failure { entry } => Some(*entry),
            Line::Day(_) | Line::New => None,
        };
        let is_shown = lines.iter().filter_map(text).any(|shown| shown == entry);
        if is_shown {
            return anchor;
        }
        let first_shown = lines.iter().find_map(text);
        if first_shown.is_some_and(|first| entry < first) {
            return self.top(entry, height, shape);
        }
        self.down(Some(Anchor { entry, skipped: 0 }), 0, shape)
    }
}

impl Anchor {
    /// The same place after an entry was put in under this number.
    pub(super) const fn shifted(self, inserted: u64) -> Self {
        Self {
            entry: shifted(self.entry, inserted),
            ..self
        }
    }

    /// The last line of an entry.
    #[cfg(test)]
    pub(super) const fn at(entry: u64) -> Self {
        Self { entry, skipped: 0 }
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
