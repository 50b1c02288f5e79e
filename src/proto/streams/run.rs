//! Consecutive bytes of a stream: they come in behind and go out in front.

use core::ops::Range;
use std::collections::VecDeque;

use crate::proto::streams::pages::span;

/// Memory that an empty run keeps for the next bytes, at most: what leaves at once, twice because memory
/// grows by doubling. Small talk keeps as little as it needs, and an idle session nothing.
const KEPT: usize = 128 * 1_024;
/// Memory that it may keep while nothing happens: room for small talk.
const SMALL: usize = 512;

/// A window onto a stream without gaps.
#[derive(Default)]
pub(super) struct Run {
    bytes: VecDeque<u8>,
    /// The offset of the first of them.
    start: u64,
}

impl Run {
    /// The offset behind the last byte.
    pub(super) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The bytes of `range`, as far as they are here, in two pieces.
    pub(super) fn get(&self, range: &Range<u64>) -> [&[u8]; 2] {
        let from = self.place(range.start);
        let to = self.place(range.end).max(from);
        let (first, second) = self.bytes.as_slices();
        let cut = first.len();
        [
            first.get(from.min(cut)..to.min(cut)).unwrap_or_default(),
            second
                .get(from.saturating_sub(cut)..to.saturating_sub(cut))
                .unwrap_or_default(),
        ]
    }

    /// Forgets every byte before `offset`. Nothing of them lingers in memory that is kept.
    pub(super) fn release_before(&mut self, offset: u64) {
        let count = self.place(offset);
        let (first, second) = self.bytes.as_mut_slices();
        let cut = count.min(first.len());
        for (part, count) in [(first, cut), (second, count - cut)] {
            if let Some(gone) = part.get_mut(..count) {
                gone.fill(0);
            }
        }
        self.bytes.drain(..count);
        self.start += count as u64;
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT {
            self.bytes = VecDeque::new();
        }
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        self.start = self.end();
        self.bytes = VecDeque::new();
    }

    /// Gives memory back that is not needed now.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Whether it is empty and keeps memory that is worth giving back.
    pub(super) fn is_roomy(&self) -> bool {
        self.bytes.is_empty() && self.bytes.capacity() > SMALL
    }

    /// Where in the memory `offset` is.
    fn place(&self, offset: u64) -> usize {
        span(&(self.start..offset)).min(self.bytes.len())
    }

    /// Bytes that are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }
}

impl core::fmt::Debug for Run {
    /// Not the bytes: they are somebody's words.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Run({:?})", self.start..self.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_at_their_offsets_however_they_lie_in_memory() {
        let (mut run, mut written) = (Run::default(), Vec::new());
        for step in 0..1_000u64 {
            let len = usize::try_from(step * 7 % 50).unwrap();
            let bytes: Vec<u8> = (0..=250).cycle().skip(written.len()).take(len).collect();
            run.push(&bytes);
            written.extend(bytes);
            assert_eq!(run.end(), written.len() as u64);
            let from = run.start + (run.end() - run.start) / 3;
            let at = usize::try_from(from).unwrap();
            assert_eq!(run.get(&(from..run.end())).concat(), written[at..]);
            run.release_before(run.end().saturating_sub(step % 90));
        }
        assert_eq!(run.get(&(0..run.start)), [b"", b""]);
        assert_eq!(run.get(&(run.end()..u64::MAX)), [b"", b""]);
    }

    #[test]
    fn what_is_released_is_wiped_and_only_a_little_memory_is_kept() {
        let mut run = Run::default();
        run.push(&[7; 100]);
        run.release_before(60);
        run.push(&[0; 20]);
        run.release_before(100);
        run.bytes.resize(run.bytes.capacity(), 0);
        assert!(run.bytes.iter().all(|byte| *byte == 0));
        run.push(&[7; 2 * KEPT]);
        run.release_before(run.end());
        assert_eq!(run.bytes.capacity(), 0);
    }
}
