//! How much may be written as one letter. A screen lays a cluster out as a whole, in one cell, at each change: one without an
//! end is a cell of any size.

use unicode_segmentation::GraphemeCursor;

use super::body::{Fate, MAX_MARKS};
use super::name::MAX_NAME_LEN;

/// Characters of a cluster: the longest emoji and the conjuncts of any script have less than half as many.
pub const MAX_CLUSTER: usize = 40;

// What ends a cluster that is full is never part of a name.
const _: () = assert!(MAX_CLUSTER > MAX_NAME_LEN);

/// The cluster that is being written (UAX #29), its marks and joiners.
///
/// Only what was written counts, so that a second pass over the output counts the same; and it counts the same in every
/// form of a text, whatever stands there for a character that is not shown itself.
#[derive(Default)]
pub(super) struct Cluster {
    text: String,
    len: usize,
    /// Since the last letter, unless a joiner stands before that: each consonant of an Indic conjunct has its own.
    marks: usize,
    joined: bool,
}

impl Cluster {
    /// Takes the next character into account; true if it is one too many.
    pub(super) fn is_exceeded_by(&mut self, c: char, fate: &Fate) -> bool {
        match fate {
            Fate::Drop => return false,
            Fate::Joiner => {
                if self.joined || !self.goes_on(c) {
                    return true;
                }
                self.joined = true;
            }
            Fate::Mark => {
                if self.marks == MAX_MARKS || !self.goes_on(c) {
                    return true;
                }
                self.marks += 1;
                self.joined = false;
            }
            Fate::Keep => return !self.takes_letter(c),
            Fate::Replace => return !self.takes_letter(char::REPLACEMENT_CHARACTER),
            // What they show as ends with a character that no cluster before it reaches.
            Fate::Break | Fate::Tab | Fate::Caret | Fate::Hex | Fate::Point => {
                self.begin(' ');
                self.end_marks();
            }
        }
        false
    }

    fn takes_letter(&mut self, c: char) -> bool {
        if self.begins(c) {
            self.begin(c);
            self.end_marks();
        } else if self.extends(c) {
            // The tone of an emoji's skin, say. It begins no letter that could have marks of its own.
            if !self.goes_on(c) {
                return false;
            }
            self.joined = false;
        } else {
            if self.len >= MAX_CLUSTER {
                return false;
            }
            self.push(c);
            self.end_marks();
        }
        true
    }

    /// Takes what is no letter. The last place is left to one: when the cluster is full nothing in it holds the next letter,
    /// which begins a new one instead of being left out.
    fn goes_on(&mut self, c: char) -> bool {
        if self.begins(c) {
            self.begin(c);
        } else if self.len + 1 < MAX_CLUSTER {
            self.push(c);
        } else {
            return false;
        }
        true
    }

    /// Whether it is the first character of a cluster.
    fn begins(&mut self, c: char) -> bool {
        if c.is_ascii() && self.text.is_ascii() {
            return true;
        }
        let at = self.text.len();
        self.text.push(c);
        let mut place = GraphemeCursor::new(at, self.text.len(), true);
        let begins = place.is_boundary(&self.text, 0) != Ok(false);
        self.text.truncate(at);
        begins
    }

    /// Whether it belongs to whatever stands before it.
    fn extends(&mut self, c: char) -> bool {
        let end = self.text.len();
        self.text.push('a');
        let begins = self.begins(c);
        self.text.truncate(end);
        !begins
    }

    fn begin(&mut self, c: char) {
        self.text.clear();
        self.len = 0;
        self.push(c);
    }

    fn push(&mut self, c: char) {
        self.text.push(c);
        self.len += 1;
    }

    fn end_marks(&mut self) {
        if !core::mem::take(&mut self.joined) {
            self.marks = 0;
        }
    }
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
