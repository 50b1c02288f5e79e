//! Looking through messages page by page. Whoever goes on says how far it has come; what lies ahead is remembered, so
//! that not every page opens every message.

use core::fmt::{self, Display, Formatter};
use core::str::FromStr;
use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use super::Archive;
use super::change::damaged;
use super::keys::Table;
use super::looking::{Looking, Newest};
use super::search::{Entry, Filter, Place, Position, Span, Way};
use super::trouble::Fault;
use super::view::View;
use crate::chat::LogId;
use crate::id::PeerId;
use crate::store::error;
use crate::time::UnixTime;

/// So many messages that lie ahead are remembered where they are, some 150 bytes each. Beyond them every message
/// is opened once more.
const AHEAD: usize = 100_000;

/// How much is opened at a time for somebody who has other things to do: some two hundred short messages, a millisecond.
const PORTION: usize = 256 << 10;

/// How far somebody has come who looks through messages: a text for whoever goes on later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(Position);

/// The text is none of a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("that is no cursor")]
pub struct NotACursor;

impl Display for Cursor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let at = self.0;
        let mut bytes = Vec::new();
        for number in [at.at.0, at.log.0, at.sequence] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(at.contact.peer().as_bytes());
        bytes.push(u8::from(at.is_ours));
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotACursor)?;
        let mut rest = bytes.as_slice();
        let mut number = || {
            let (number, after) = rest.split_first_chunk().ok_or(NotACursor)?;
            rest = after;
            Ok(u64::from_be_bytes(*number))
        };
        let (at, log, sequence) = (UnixTime(number()?), LogId(number()?), number()?);
        let (peer, rest) = rest.split_first_chunk().ok_or(NotACursor)?;
        let is_ours = match rest {
            [0] => false,
            [1] => true,
            _ => return Err(NotACursor),
        };
        Ok(Self(Position {
            at,
            log,
            sequence,
            contact: PeerId::new(*peer).into(),
            is_ours,
        }))
    }
}

/// Some of what was looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The messages, oldest first.
    pub entries: Vec<Entry>,
    /// How many more there are, that way.
    pub more: usize,
    /// Where it goes on; none if there are no more.
    pub cursor: Option<Cursor>,
    /// How many messages cannot be read, of the filter's contact or of all.
    pub unreadable: u64,
    /// How many of theirs are kept no longer, since others came: [`Archive::made_room`].
    pub made_room: u64,
}

/// Somebody who looks through messages: those that are over, and also what waits in the outbox and the inbox.
pub struct Search {
    filter: Filter,
    way: Way,
    cursor: Option<Cursor>,
    /// What comes next, as far as it is known.
    ahead: VecDeque<Place>,
    /// How many come behind that.
    beyond: usize,
    unreadable: u64,
    /// Who looks for that, some messages at a time, and how many bytes of them.
    looking: Option<Looking>,
    portion: usize,
    /// Whether it is not asked what came since.
    is_of_now: bool,
    /// A page that is taken, while it is looked for what came since.
    held: Option<Page>,
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let known = self.ahead.len();
        write!(f, "Search({known} known, {} beyond)", self.beyond)
    }
}

impl Search {
    /// Begins at one end, or goes on at a cursor.
    #[must_use]
    pub const fn new(filter: Filter, way: Way, cursor: Option<Cursor>) -> Self {
        Self {
            filter,
            way,
            cursor,
            ahead: VecDeque::new(),
            beyond: 0,
            unreadable: 0,
            looking: None,
            portion: PORTION,
            is_of_now: false,
            held: None,
        }
    }

    /// Does not look once more, at the end, for what came since it began. From the newest back it never does.
    #[must_use]
    pub const fn of_now(mut self) -> Self {
        self.is_of_now = true;
        self
    }

    /// Opens one message in each step.
    #[cfg(test)]
    pub(super) const fn slowly_for_testing_only(mut self) -> Self {
        self.portion = 1;
        self
    }

    /// Whether it goes on there, so that what it remembers is what is asked for.
    #[must_use]
    pub fn goes_on(&self, filter: &Filter, way: Way, cursor: Cursor) -> bool {
        (&self.filter, self.way, self.cursor) == (filter, way, Some(cursor))
    }

    /// The next `most`, with bodies of at most `bytes` together; one comes in any case. Every message of the
    /// filter's contact, or of all, is opened where nothing is remembered.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn page(
        &mut self,
        archive: &Archive,
        most: usize,
        bytes: usize,
    ) -> Result<Page, error::Error> {
        loop {
            if let Some(page) = self.step(archive, most, bytes)? {
                return Ok(page);
            }
        }
    }

    /// As [`Search::page`], for somebody who has other things to do meanwhile: none if it is not there yet, after as
    /// many messages were opened as take a millisecond or few. What comes or goes in between may be missing from it.
    ///
    /// # Errors
    /// `Io`, `Store`.
    pub fn step(
        &mut self,
        archive: &Archive,
        most: usize,
        bytes: usize,
    ) -> Result<Option<Page>, error::Error> {
        let page = archive.read(|view| {
            let looks = self.ahead.is_empty() || self.held.is_some();
            if looks && !self.look_on(view, self.portion)? {
                return Ok(None);
            }
            if let Some(page) = self.held.take() {
                return Ok(Some(self.with_rest(page)));
            }
            match self.take(view, most, bytes)? {
                // What came since it looked lies behind the last that it remembers.
                Some(page) if self.is_at_end(&page) && !looks => {
                    self.held = Some(page);
                    Ok(None)
                }
                Some(page) => Ok(Some(page)),
                // Much was over while it looked.
                None if looks => self.look_and_take(view, most, bytes).map(Some),
                // Something was deleted since, or has been over for long.
                None => {
                    self.ahead.clear();
                    Ok(None)
                }
            }
        });
        let made_room = archive.made_room(self.filter.contact);
        let page = self.settled(page)?;
        Ok(page.map(|page| Page { made_room, ..page }))
    }

    /// Whether something may have come behind the last that is known.
    fn is_at_end(&self, page: &Page) -> bool {
        self.way == Way::On && page.more == 0 && !self.is_of_now
    }

    fn settled<T>(&mut self, page: Result<T, error::Error>) -> Result<T, error::Error> {
        if page.is_err() {
            // It has come no further than before: what was taken out is still to come.
            self.ahead.clear();
            self.looking = None;
        }
        page
    }

    /// Looks for all at once, so that nothing changes meanwhile.
    fn look_and_take(&mut self, view: &View<'_>, most: usize, bytes: usize) -> Result<Page, Fault> {
        self.look_on(view, usize::MAX)?;
        let page = self.take(view, most, bytes)?;
        page.ok_or_else(|| damaged(Table::History))
    }

    /// Looks for what comes next at so many bytes of messages. Whether that is known now.
    fn look_on(&mut self, view: &View<'_>, portion: usize) -> Result<bool, Fault> {
        let span = Span {
            way: self.way,
            from: self.cursor.as_ref().map(|it| &it.0),
        };
        let looking = self.looking.get_or_insert_default();
        if !looking.go_on(view, &self.filter, &span, (AHEAD, portion))? {
            return Ok(false);
        }
        let found = self.looking.take().unwrap_or_default().found;
        self.beyond = found.count - found.places.len();
        self.unreadable = found.unreadable;
        self.ahead = found.places.into();
        Ok(true)
    }

    /// The next page of what is remembered; none if some of it is gone.
    fn take(&mut self, view: &View<'_>, most: usize, bytes: usize) -> Result<Option<Page>, Fault> {
        let (mut entries, mut sum, mut cursor) = (Vec::new(), 0_usize, self.cursor);
        let mut newest = Newest::default();
        while entries.len() < most {
            let Some(place) = self.pop() else { break };
            sum = sum.saturating_add(place.len);
            if !entries.is_empty() && sum > bytes {
                self.put_back(place);
                break;
            }
            let entry = match place.open(view)? {
                Some(entry) => Some(entry),
                None => newest.open(view, &place.position)?,
            };
            let Some(entry) = entry else {
                return Ok(None);
            };
            cursor = Some(Cursor(place.position));
            entries.push(entry);
        }
        if self.way == Way::Back {
            entries.reverse();
        }
        self.cursor = cursor;
        let page = Page {
            entries,
            ..Page::default()
        };
        Ok(Some(self.with_rest(page)))
    }

    /// The page, and what comes behind it.
    fn with_rest(&self, page: Page) -> Page {
        let more = self.ahead.len() + self.beyond;
        Page {
            more,
            cursor: self.cursor.filter(|_| more > 0),
            unreadable: self.unreadable,
            ..page
        }
    }

    fn pop(&mut self) -> Option<Place> {
        match self.way {
            Way::Back => self.ahead.pop_back(),
            Way::On => self.ahead.pop_front(),
        }
    }

    fn put_back(&mut self, place: Place) {
        match self.way {
            Way::Back => self.ahead.push_back(place),
            Way::On => self.ahead.push_front(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_a_text_and_comes_back_as_what_it_was() {
        let cursor = Cursor(Position {
            at: UnixTime(1_795_226_971_120),
            log: LogId(u64::MAX),
            sequence: 7,
            contact: PeerId::new([9; 32]).into(),
            is_ours: true,
        });
        let text = cursor.to_string();
        assert_eq!(text.parse(), Ok(cursor));
        let long = format!("{text}AAAA");
        let neither = format!("{}C", text.strip_suffix('B').unwrap());
        for wrong in ["", "x", &text[1..], &long, &neither, "\u{1b}"] {
            assert_eq!(wrong.parse::<Cursor>(), Err(NotACursor), "{wrong:?}");
        }
    }
}
