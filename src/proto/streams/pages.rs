//! Bytes of a stream by offset, in pages: what is kept costs memory, what lies between does not.

use core::ops::Range;
use std::collections::BTreeMap;

/// Bytes of a page. A stream wastes less than two of them.
pub(super) const PAGE: usize = 4_096;

/// A window onto a stream.
#[derive(Default)]
pub(super) struct Pages(BTreeMap<u64, Box<[u8]>>);

impl Pages {
    /// Puts bytes at an offset.
    pub(super) fn write(&mut self, mut offset: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (number, at) = locate(offset);
            let (head, tail) = bytes.split_at(bytes.len().min(PAGE - at));
            let page = self.0.entry(number).or_insert_with(|| vec![0; PAGE].into());
            if let Some(place) = page.get_mut(at..at + head.len()) {
                place.copy_from_slice(head);
            }
            offset += head.len() as u64;
            bytes = tail;
        }
    }

    /// Copies bytes out; what was never written reads as zero.
    pub(super) fn read(&self, range: Range<u64>) -> Vec<u8> {
        let mut offset = range.start;
        let mut bytes = Vec::with_capacity(span(&range));
        while offset < range.end {
            let (number, at) = locate(offset);
            let len = span(&(offset..range.end)).min(PAGE - at);
            let page = self.0.get(&number).and_then(|page| page.get(at..at + len));
            bytes.extend_from_slice(page.unwrap_or_default());
            bytes.resize(span(&(range.start..offset)) + len, 0);
            offset += len as u64;
        }
        bytes
    }

    /// Frees every page that ends before `offset`.
    pub(super) fn release_before(&mut self, offset: u64) {
        let (keep, _) = locate(offset);
        while let Some(page) = self.0.first_entry()
            && *page.key() < keep
        {
            page.remove();
        }
    }

    /// Frees everything.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Bytes of memory that are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.0.len() * PAGE
    }
}

impl core::fmt::Debug for Pages {
    /// Not the bytes: they are somebody's words.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Pages({})", self.0.len())
    }
}

/// The page of an offset, and where in it the offset is.
fn locate(offset: u64) -> (u64, usize) {
    let size = PAGE as u64;
    let at = usize::try_from(offset % size).expect("a remainder is below PAGE");
    (offset / size, at)
}

/// Length of a range that lies in memory.
pub(super) fn span(range: &Range<u64>) -> usize {
    usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_across_pages_come_back_and_pages_that_end_before_are_freed() {
        let mut pages = Pages::default();
        let bytes: Vec<u8> = (0..=250).cycle().take(3 * PAGE).collect();
        pages.write(100, &bytes);
        assert_eq!(pages.read(100..100 + bytes.len() as u64), bytes);
        assert_eq!(pages.held(), 4 * PAGE);
        pages.release_before(2 * PAGE as u64 + 5);
        assert_eq!(pages.held(), 2 * PAGE);
        let from = 2 * PAGE + 5;
        assert_eq!(
            pages.read(from as u64..from as u64 + 10),
            bytes[from - 100..][..10]
        );
    }

    #[test]
    fn a_byte_far_out_costs_one_page() {
        let mut pages = Pages::default();
        pages.write((1 << 62) - 2, &[7]);
        assert_eq!(pages.held(), PAGE);
        assert_eq!(pages.read((1 << 62) - 3..(1 << 62) - 1), [0, 7]);
    }
}
