//! Which messages somebody was told of who then says that they are to go: no others go, whatever came meanwhile.

use core::fmt::{self, Display, Formatter};
use core::str::FromStr;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use super::keys::TAG_LEN;
use crate::time::UnixTime;

type Tag = [u8; TAG_LEN];

/// How many messages were over, and which are the last of them: by their numbers in the history of each contact, which no
/// clock moves. As text it is for whoever has them deleted later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// When that was, by the own clock.
    at: UnixTime,
    messages: u64,
    /// By what the rows of a contact begin with.
    last: BTreeMap<Tag, Last>,
}

/// The last of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Last {
    number: u64,
    mark: Mark,
}

/// How a sealed row begins: with random bytes. Once the last row of all is gone, the next one has its number.
type Mark = [u8; 8];

/// The text says of no messages that they were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("that is not what was counted")]
pub struct NotCounted;

impl Counted {
    pub(super) const fn nothing(at: UnixTime) -> Self {
        Self {
            at,
            messages: 0,
            last: BTreeMap::new(),
        }
    }

    /// When they were counted, by the own clock.
    #[must_use]
    pub const fn at(&self) -> UnixTime {
        self.at
    }

    /// How many there were.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Counts a row; those of a contact in their order.
    pub(super) fn add(&mut self, row: &[u8], sealed: &[u8]) {
        self.messages += 1;
        if let (Some((tag, number)), Some(mark)) = (parts(row), sealed.first_chunk()) {
            let mark = *mark;
            self.last.insert(tag, Last { number, mark });
        }
    }

    /// Without those of whom the last row is not there any more, as `starts_with` says of a row and how it began.
    ///
    /// # Errors
    /// Those of `starts_with`.
    pub(super) fn still_there<E>(
        &self,
        mut starts_with: impl FnMut(&[u8], &[u8]) -> Result<bool, E>,
    ) -> Result<Self, E> {
        let mut still = self.clone();
        for (tag, last) in &self.last {
            let row = [tag.as_slice(), &last.number.to_be_bytes()].concat();
            if !starts_with(&row, &last.mark)? {
                still.last.remove(tag);
            }
        }
        Ok(still)
    }

    /// Whether a row was there when it was counted; all were if nobody did.
    pub(super) fn has(counted: Option<&Self>, row: &[u8]) -> bool {
        let Some(counted) = counted else {
            return true;
        };
        parts(row).is_some_and(|(tag, number)| {
            let last = counted.last.get(&tag);
            last.is_some_and(|last| number <= last.number)
        })
    }
}

fn parts(row: &[u8]) -> Option<(Tag, u64)> {
    let (tag, number) = row.split_first_chunk()?;
    Some((*tag, u64::from_be_bytes(number.try_into().ok()?)))
}

fn last_of(bytes: &[u8]) -> Option<(Tag, Last)> {
    let (row, mark) = bytes.split_last_chunk()?;
    let (tag, number) = parts(row)?;
    Some((
        tag,
        Last {
            number,
            mark: *mark,
        },
    ))
}

impl Display for Counted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut bytes = [self.at.0, self.messages].map(u64::to_be_bytes).concat();
        for (tag, last) in &self.last {
            bytes.extend_from_slice(tag);
            bytes.extend_from_slice(&last.number.to_be_bytes());
            bytes.extend_from_slice(&last.mark);
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Counted {
    type Err = NotCounted;

    fn from_str(text: &str) -> Result<Self, NotCounted> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotCounted)?;
        let (at, rest) = bytes.split_first_chunk().ok_or(NotCounted)?;
        let (messages, rows) = rest.split_first_chunk().ok_or(NotCounted)?;
        let rows = rows.chunks(TAG_LEN + size_of::<u64>() + size_of::<Mark>());
        let last: Option<_> = rows.map(last_of).collect();
        Ok(Self {
            at: UnixTime(u64::from_be_bytes(*at)),
            messages: u64::from_be_bytes(*messages),
            last: last.ok_or(NotCounted)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tag: u8, number: u64) -> Vec<u8> {
        [[tag; TAG_LEN].as_slice(), &number.to_be_bytes()].concat()
    }

    #[test]
    fn what_was_there_is_told_from_what_came_later() {
        let mut counted = Counted::nothing(UnixTime(5));
        for (tag, number) in [(1, 0), (1, 7), (2, 300)] {
            counted.add(&row(tag, number), &[tag; 40]);
        }
        assert_eq!(counted.messages(), 3);
        let read: Counted = counted.to_string().parse().unwrap();
        assert_eq!(read, counted);
        let has = |tag, number| Counted::has(Some(&read), &row(tag, number));
        assert!(has(1, 7) && has(1, 3) && has(2, 300));
        assert!(!has(1, 8) && !has(2, 301), "others");
        assert!(!has(3, 0), "of somebody of whom there was nothing");
        assert!(Counted::has(None, &row(3, 0)));
        let is_there = |row: &[u8], mark: &[u8]| Ok::<_, ()>((row[0], mark) == (1, &[1; 8]));
        let still = read.still_there(is_there).unwrap();
        let has = |tag, number| Counted::has(Some(&still), &row(tag, number));
        assert!(has(1, 7) && !has(2, 300), "its last row is another one");
    }

    #[test]
    fn what_says_nothing_of_messages_is_refused() {
        let none = Counted::nothing(UnixTime(5)).to_string();
        none.parse::<Counted>().unwrap();
        let cut = URL_SAFE_NO_PAD.encode([0; 16 + TAG_LEN + 15]);
        for text in ["", "AAAA", "no text!", cut.as_str()] {
            text.parse::<Counted>().unwrap_err();
        }
    }
}
