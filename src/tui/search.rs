//! Finding: text in a conversation, and names in the list of conversations.

use core::ops::Range;

use crate::text::caseless_letter;
use crate::tui::log::Log;

/// Where a text contains another, whatever the case of either.
pub(super) fn matches(text: &str, part: &str) -> Vec<Range<usize>> {
    let wanted = caseless_letters(part);
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(range) = next_match(text, from, &wanted) {
        from = range.end;
        found.push(range);
    }
    found
}

/// What is looked for, as [`next_match`] wants it.
fn caseless_letters(part: &str) -> Vec<char> {
    part.chars().flat_map(caseless_letter).collect()
}

/// Whether a text contains another, whatever the case of either.
fn contains(text: &str, wanted: &[char]) -> bool {
    next_match(text, 0, wanted).is_some()
}

fn next_match(text: &str, from: usize, wanted: &[char]) -> Option<Range<usize>> {
    let first = wanted.first()?;
    let rest = text.get(from..)?;
    for (at, c) in rest.char_indices() {
        if c != *first && caseless_letter(c).next() != Some(*first) {
            continue;
        }
        if let Some(len) = matched_len(rest.get(at..)?, wanted) {
            return Some(from + at..from + at + len);
        }
    }
    None
}

/// The length of what a text begins with, if that is what is wanted.
fn matched_len(text: &str, wanted: &[char]) -> Option<usize> {
    let mut wanted = wanted.iter();
    for (at, c) in text.char_indices() {
        if wanted.len() == 0 {
            return Some(at);
        }
        for lower in caseless_letter(c) {
            if wanted.next() != Some(&lower) {
                return None;
            }
        }
    }
    (wanted.len() == 0).then_some(text.len())
}

/// The messages that contain a text, newest first. Nothing contains nothing.
pub(super) fn hits(log: &Log, part: &str) -> Vec<u64> {
    let wanted = caseless_letters(part);
    let entries = log.newest_first();
    let found = entries.filter(|(_, it)| it.is_message() && contains(it.text.as_str(), &wanted));
    found.map(|(entry, _)| entry).collect()
}

/// How well a name fits what was typed: none if its letters are not there in this order. Less is better:
/// the letters between, and what stands before.
pub(super) fn fit(name: &str, typed: &str) -> Option<usize> {
    let mut letters = name.chars().flat_map(caseless_letter).enumerate();
    let (mut first, mut last) = (None, 0);
    for wanted in typed.chars().flat_map(caseless_letter) {
        let (at, _) = letters.find(|(_, letter)| *letter == wanted)?;
        first.get_or_insert(at);
        last = at;
    }
    let first = first.unwrap_or(0);
    Some((last - first) * 2 + first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_places_are_of_the_text() {
        assert_eq!(matches("Invoice, iNVOICE", "invoice"), [0..7, 9..16]);
        assert_eq!(matches("Ärger über Ä", "ä"), [0..2, 13..15]);
        assert_eq!(matches("aaa, aa", "aa"), [0..2, 5..7]);
        // One letter that is two in lower case.
        assert_eq!(matches("x\u{130}y\u{130}", "i\u{307}"), [1..3, 4..6]);
        assert!(matches("anything", "").is_empty());
    }

    #[test]
    fn letters_in_their_order_fit_and_closer_ones_better() {
        assert!(fit("bob", "bb").is_some() && fit("bob", "x").is_none());
        assert!(fit("carol", "car") < fit("cassandra", "car"));
        assert!(fit("bob", "bo") < fit("jacob-b", "bo").or(Some(99)));
        assert_eq!(fit("bob", ""), Some(0));
        assert_eq!(fit("Bob", "bOB"), fit("bob", "bob"), "in whatever case");
    }
}
