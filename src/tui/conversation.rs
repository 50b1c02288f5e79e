//! One person: what was said, what is being written, how things stand.

use core::mem;
use std::collections::BTreeSet;

use crate::calendar::Zone;
use crate::chat::words::ShortCode;
use crate::chat::{MessageRef, Name};
use crate::commands::{self, Typed};
use crate::id::PeerId;
use crate::text::{Safe, typeable};
use crate::time::{Instant, UnixTime};
use crate::tui::editor::{Editor, TooLong};
use crate::tui::entry::{Entry, Kind, Receipt, Shape};
use crate::tui::history::History;
use crate::tui::input::{Card, Comparison, Held, LinkStatus, Said, Standing, Ticket};
use crate::tui::log::{Anchor, Line, Log, shifted};
use crate::tui::purged::Purged;
use crate::tui::quotes::{Quote, Quotes};
use crate::tui::verifying::Noted;

/// A conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) peer: PeerId,
    pub(super) name: Safe,
    pub(super) verified: bool,
    /// Whether its name is saved.
    pub(super) is_saved: bool,
    /// Whether it is somebody whom we know.
    pub(super) is_known: bool,
    pub(super) standing: Standing,
    /// How good the way is, and when that was told.
    pub(super) link: Option<(LinkStatus, Instant)>,
    /// How a comparison of words stands, if there was one.
    pub(super) comparison: Option<Comparison>,
    /// The words of the last comparison that were on the screen.
    pub(super) seen_code: Option<ShortCode>,
    pub(super) log: Log,
    pub(super) editor: Editor,
    pub(super) history: History,
    /// What the text quotes that is being written.
    pub(super) quotes: Quotes,
    /// Where the screen stands, if not at the end.
    pub(super) anchor: Option<Anchor>,
    /// Messages that were not seen, with their entries.
    pub(super) unseen: Vec<(Name, u64)>,
    /// Messages that were not seen and whose entries had to make room.
    pub(super) lost: usize,
    pub(super) is_muted: bool,
    /// Whether it has a tab.
    pub(super) is_open: bool,
    /// The entry that is selected.
    pub(super) selected: Option<u64>,
    /// Whether the person has selected it. Letters mean something for it then; one that the screen has gone to is only
    /// marked.
    pub(super) is_held: bool,
    /// Whether what was said before this run was asked for.
    pub(super) is_recalled: bool,
}

/// Why nothing can be said to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    KeyChanged,
    WordsDiffer,
    Revoked,
    Forgotten,
}

/// The part of the screen that a conversation is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) height: usize,
    pub(super) shape: Shape,
}

impl Conversation {
    pub(super) fn new(card: &Card) -> Self {
        Self {
            peer: card.peer,
            name: card.name.clone(),
            verified: card.verified,
            is_saved: card.saved,
            is_known: true,
            standing: Standing::Offline {
                why: Safe::default(),
            },
            link: None,
            comparison: None,
            seen_code: None,
            log: Log::default(),
            editor: Editor::default(),
            history: History::default(),
            quotes: Quotes::default(),
            anchor: None,
            unseen: Vec::new(),
            lost: 0,
            is_muted: false,
            is_open: true,
            selected: None,
            is_held: false,
            is_recalled: false,
        }
    }

    /// What is on the screen while there is nobody: nothing is ever said to it.
    pub(super) fn home() -> Self {
        let card = Card {
            peer: PeerId::new([0; 32]),
            name: "securechat".into(),
            verified: false,
            saved: false,
        };
        Self {
            is_known: false,
            ..Self::new(&card)
        }
    }

    /// A name takes over what was confirmed before there was one.
    pub(super) const fn note_saved(&mut self) {
        if let Some(Comparison::Same { noted, .. }) = &mut self.comparison
            && matches!(noted, Noted::Session)
            && self.verified
        {
            *noted = Noted::Saved;
        }
    }

    /// Why nothing can be said, if so.
    pub(super) const fn blocked(&self) -> Option<Blocked> {
        match self.standing {
            Standing::KeyChanged { .. } => Some(Blocked::KeyChanged),
            Standing::WordsDiffer { .. } => Some(Blocked::WordsDiffer),
            Standing::Revoked => Some(Blocked::Revoked),
            Standing::Offline { .. }
            | Standing::Connecting { .. }
            | Standing::Up
            | Standing::Ended { .. } => {
                if self.is_known {
                    None
                } else {
                    Some(Blocked::Forgotten)
                }
            }
        }
    }

    /// How many messages were not seen.
    pub(super) const fn unread(&self) -> usize {
        self.unseen.len() + self.lost
    }

    /// Takes a message in. `is_seen`: whether somebody looks at the end of this conversation.
    pub(super) fn on_said(&mut self, said: &Said, zone: &Zone, is_seen: bool) {
        self.is_open = true;
        let mut first = u64::MAX;
        let mut last = 0;
        for entry in Entry::of_said(said, zone) {
            last = if said.again {
                self.recall(entry)
            } else {
                self.log.push(entry)
            };
            first = first.min(last);
        }
        self.unseen.push((said.name, last));
        self.lose();
        if !is_seen {
            let marker = self.log.marker.unwrap_or(first);
            self.log.marker = Some(marker.min(first));
        }
    }

    /// Adds what we say.
    pub(super) fn say(&mut self, text: &str, at: UnixTime, zone: &Zone, ticket: Ticket) {
        let entry = Entry::ours(at, zone, text, Receipt::Queued, ticket);
        let entry = self.log.push(entry);
        self.log.await_name(ticket, entry);
        (self.log.marker, self.anchor, self.selected) = (None, None, None);
    }

    /// Adds what a program says in our name. Whoever looks at something else goes on looking at it.
    pub(super) fn said_beside(&mut self, text: &str, at: UnixTime, zone: &Zone, name: Name) {
        let entry = Entry::ours(at, zone, text, Receipt::Queued, Ticket(0));
        let entry = self.log.push(entry);
        self.log.name(name, entry);
    }

    /// Puts what was said before this run where it was said. Returns its number.
    pub(super) fn recall(&mut self, entry: Entry) -> u64 {
        let number = self.log.insert(entry);
        let unseen = self.unseen.iter_mut().map(|(_, entry)| entry);
        for entry in unseen.chain(&mut self.selected) {
            *entry = shifted(*entry, number);
        }
        self.quotes.shift(number);
        self.anchor = self.anchor.map(|anchor| anchor.shifted(number));
        self.lose();
        number
    }

    /// Adds what we said before this run, and what waits since.
    pub(super) fn said_before(&mut self, text: &str, at: UnixTime, zone: &Zone, name: Name) {
        let entry = Entry::ours(at, zone, text, Receipt::Queued, Ticket(0));
        let entry = self.recall(entry);
        self.log.name(name, entry);
    }

    pub(super) fn note(&mut self, at: UnixTime, zone: &Zone, words: Safe) {
        self.log.push(Entry::note(at, zone, words));
    }

    /// Counts what made room before anybody has seen it: to nobody it was shown, and after a restart it comes
    /// again.
    fn lose(&mut self) {
        let before = self.unseen.len();
        let log = &self.log;
        self.unseen.retain(|(_, entry)| !log.has_dropped(*entry));
        self.lost += before - self.unseen.len();
    }

    /// Empties the screen. Whoever does that wants to see no more of it.
    pub(super) fn clear(&mut self) {
        self.log.clear();
        self.anchor = None;
    }

    /// The end is looked at. Returns what is seen by that.
    pub(super) fn see(&mut self) -> Vec<Name> {
        self.lose();
        let seen = mem::take(&mut self.unseen);
        seen.into_iter().map(|(name, _)| name).collect()
    }

    /// Somebody has looked at a message, wherever the screen stands; false if that is no news.
    pub(super) fn see_one(&mut self, name: Name) -> bool {
        let before = self.unseen.len();
        self.unseen.retain(|(unseen, _)| *unseen != name);
        self.unseen.len() < before
    }

    /// Nobody looks any more: what is new from now on is new.
    pub(super) const fn leave(&mut self) {
        if self.unread() == 0 {
            self.log.marker = None;
        }
    }

    pub(super) fn visible(&mut self, window: Window) -> Vec<Line> {
        self.log.visible(self.anchor, window.height, window.shape)
    }

    /// Scrolls so many rows up, or down if negative.
    pub(super) fn scroll(&mut self, rows: isize, window: Window) {
        let Window { height, shape } = window;
        self.anchor = if rows > 0 {
            self.log.up(self.anchor, rows.unsigned_abs(), height, shape)
        } else {
            self.log.down(self.anchor, rows.unsigned_abs(), shape)
        };
    }

    /// Shows the oldest entry.
    pub(super) fn oldest(&mut self, window: Window) {
        self.anchor = self.log.oldest(window.height, window.shape);
    }

    pub(super) fn show(&mut self, entry: u64, window: Window) {
        let Window { height, shape } = window;
        self.anchor = self.log.showing(entry, self.anchor, height, shape);
    }

    /// Shows the first entry that was not seen, if there is one.
    pub(super) fn show_unread(&mut self, window: Window) -> bool {
        let Some(marker) = self.log.marker else {
            return false;
        };
        self.anchor = self.log.top(marker, window.height, window.shape);
        true
    }

    /// Shows a message, and marks it.
    pub(super) fn go_to(&mut self, entry: u64, window: Window) {
        (self.selected, self.is_held) = (Some(entry), false);
        self.show(entry, window);
    }

    /// Selects the message before or after the selected one, from the newest on; none after that. One that is only
    /// marked is selected first.
    pub(super) fn select(&mut self, is_up: bool, window: Window) {
        let before = self.selected;
        if before.is_none() || self.is_held {
            self.selected = self.beside(before, is_up);
        }
        self.is_held = true;
        if let Some(entry) = self.selected {
            self.show(entry, window);
        } else if before.is_some() {
            self.anchor = None;
        }
    }

    fn beside(&self, selected: Option<u64>, is_up: bool) -> Option<u64> {
        let messages = self.log.newest_first().filter(|(_, it)| it.is_message());
        let mut numbers = messages.map(|(entry, _)| entry);
        match (selected, is_up) {
            (None, true) => numbers.next(),
            (None, false) => None,
            (Some(of), true) => Some(numbers.find(|entry| *entry < of).unwrap_or(of)),
            (Some(of), false) => numbers.take_while(|entry| *entry > of).last(),
        }
    }

    /// Takes away what is history no longer. What waits, or nobody has seen, is no history yet. Returns how many messages
    /// went.
    pub(super) fn purge(&mut self, purged: &Purged) -> usize {
        let kept = self.entries_of(&purged.kept);
        let is_all_here = kept.len() == purged.kept_with(self.peer);
        let unseen = self.unseen.iter().map(|(_, entry)| *entry);
        let stay: BTreeSet<u64> = unseen.chain(kept).collect();
        let is_over = |number: u64, entry: &Entry| match &entry.kind {
            Kind::Theirs => !stay.contains(&number),
            // It stands before the message that showed it.
            Kind::Gap => !stay.contains(&(number + 1)),
            Kind::Ours(receipt, _) => {
                receipt.rank() == 2 && entry.name.is_some() && !stay.contains(&number)
            }
            Kind::Older => is_all_here,
            Kind::Note | Kind::Deleted => false,
        };
        let is_old = |entry: &Entry| purged.reaches(entry.at);
        let all = self.log.newest_first();
        let gone = all.filter(|(number, it)| is_old(it) && is_over(*number, it));
        let gone: Vec<(u64, bool)> = gone.map(|(at, it)| (at, it.is_message())).collect();
        for (entry, _) in &gone {
            self.selected = self.selected.filter(|it| it != entry);
            self.log.delete(*entry);
        }
        // Of what is not here any more only its time is known.
        self.forget_quotes(purged.before);
        gone.iter().filter(|(_, is_message)| *is_message).count()
    }

    /// The numbers of the messages that are among these.
    fn entries_of(&self, messages: &BTreeSet<MessageRef>) -> Vec<u64> {
        let which = |entry: &Entry| {
            Some(MessageRef {
                contact: self.peer.into(),
                name: entry.name.filter(|_| entry.is_message())?,
                is_ours: matches!(entry.kind, Kind::Ours(..)),
            })
        };
        let is_one = |entry: &Entry| which(entry).is_some_and(|it| messages.contains(&it));
        let entries = self.log.newest_first();
        let found = entries.filter(|(_, entry)| is_one(entry));
        found.map(|(number, _)| number).collect()
    }

    /// Puts the first line of a message before what is being written.
    pub(super) fn quote(&mut self, entry: u64) -> Result<(), TooLong> {
        let Some(found) = self.log.get(entry) else {
            return Ok(());
        };
        let quote = commands::quoted(found.raw());
        self.editor.lead(&quote)?;
        self.quotes.push(entry, found.at, &quote);
        (self.selected, self.anchor) = (None, None);
        Ok(())
    }

    /// Takes away a message. Nothing that is being written quotes it any more, and it is not among what was typed.
    pub(super) fn delete(&mut self, entry: u64) {
        let Some(found) = self.log.get(entry) else {
            return;
        };
        let said = matches!(found.kind, Kind::Ours(..)).then(|| found.raw().to_owned());
        self.selected = self.selected.filter(|it| *it != entry);
        self.log.delete(entry);
        self.forget_quotes(Some(UnixTime(0)));
        self.forget_typed(|line, _| said.as_deref().is_some_and(|said| is_said(line, said)));
    }

    /// Takes quotes of what is deleted, or not here any more and older than `before`, out of what is being written.
    fn forget_quotes(&mut self, before: Option<UnixTime>) {
        let log = &self.log;
        let is_gone = |quote: &Quote| match log.get(quote.entry) {
            Some(entry) => entry.kind == Kind::Deleted,
            None => before.is_none_or(|before| quote.at < before),
        };
        for quote in self.quotes.forget(is_gone) {
            self.editor.forget(|text| quote.find(text));
            self.history.forget_written(|text| quote.find(text));
        }
    }

    /// Forgets lines that were typed at some time. Whoever looks at one of them has back what was being written.
    pub(super) fn forget_typed(&mut self, goes: impl Fn(&str, UnixTime) -> bool) {
        let forgotten = self.history.forget(goes);
        if forgotten.lines.is_empty() {
            return;
        }
        let is_it = |text: &str| {
            let shown = forgotten
                .lines
                .iter()
                .any(|line| typeable(line).as_str() == text);
            shown.then_some(0..text.len())
        };
        let is_shown = is_it(self.editor.text()).is_some();
        self.editor.forget(is_it);
        match forgotten.written {
            Some(written) if is_shown => self.editor.put_back(&written),
            // The line was written on, which makes it words of theirs.
            Some(written) => self.history.keep_written(written),
            None => {}
        }
    }

    /// What is here of it, as it is read outside.
    pub(super) fn held(&self, zone: &Zone) -> Held {
        let mut entries: Vec<&Entry> = self.log.newest_first().map(|(_, it)| it).collect();
        entries.reverse();
        let older = entries.iter().find(|it| it.kind == Kind::Older);
        let older_than = older.map(|it| it.at);
        let lines = entries.iter().map(|entry| entry.lines(&self.name, zone));
        Held {
            lines: lines.flatten().collect(),
            made_room: self.log.made_room(),
            older_than,
        }
    }

    /// The number of the `n`th message from the end, counted from 1.
    pub(super) fn nth_message(&self, n: usize) -> Option<u64> {
        let mut messages = self.log.newest_first().filter(|(_, it)| it.is_message());
        messages.nth(n.checked_sub(1)?).map(|(entry, _)| entry)
    }

    /// The number of the `n`th message from the end that failed, and its text.
    pub(super) fn nth_failed(&self, n: usize) -> Option<(u64, String)> {
        let is_failed = |entry: &Entry| matches!(&entry.kind, Kind::Ours(Receipt::Failed(_), _));
        let mut failed = self.log.newest_first().filter(|(_, it)| is_failed(it));
        let (number, entry) = failed.nth(n.checked_sub(1)?)?;
        Some((number, entry.raw().to_owned()))
    }
}

/// Whether this line says that to the person in whose conversation it was typed.
fn is_said(line: &str, said: &str) -> bool {
    matches!(Typed::parse(line), Typed::Say(text) if text == said)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody who writes, looks at a line typed before, and changes it; then that line is purged.
    fn after_a_purge(change: &str) -> Conversation {
        let mut it = Conversation::home();
        it.history.push("a secret of before", UnixTime(1));
        it.editor.set("my own draft");
        let line = it.history.older(it.editor.text()).map(str::to_owned);
        it.editor.set(&line.unwrap());
        it.editor.insert(change).unwrap();
        it.forget_typed(|_, _| true);
        it
    }

    #[test]
    fn a_draft_outlives_the_purge_of_a_line_that_was_looked_at_meanwhile() {
        assert_eq!(after_a_purge("").editor.text(), "my own draft");
        let mut changed = after_a_purge("!");
        assert_eq!(changed.editor.text(), "a secret of before!");
        assert_eq!(changed.history.newer().as_deref(), Some("my own draft"));
    }

    #[test]
    fn a_quote_that_stands_twice_goes_twice() {
        let mut quotes = Quotes::default();
        quotes.push(7, UnixTime(0), "> did it work?\n");
        let quote = quotes.forget(|_| true).pop().unwrap();
        let mut editor = Editor::default();
        editor.set("> did it work?\n> did it work? no\nyes");
        editor.forget(|text| quote.find(text));
        assert_eq!(editor.text(), " no\nyes");
    }
}
