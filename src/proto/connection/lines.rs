//! Lines on the chat stream: each is its length as a varint and its bytes.

use std::collections::VecDeque;

use crate::wire::limits::LINE_MAX_LEN;
use crate::wire::{Reader, Writer};

/// Lines on their way to the peer.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// Bytes that the stream has not taken yet.
    waiting: VecDeque<u8>,
    written: u64,
    /// Where on the stream each line ends that has not arrived yet.
    ends: VecDeque<u64>,
}

impl Outgoing {
    /// Appends a line.
    pub(super) fn push(&mut self, line: &[u8]) {
        let mut writer = Writer::with_capacity(line.len() + 2);
        writer.prefixed(line);
        let bytes = writer.into_vec();
        self.written += bytes.len() as u64;
        self.waiting.extend(bytes);
        self.ends.push_back(self.written);
    }

    /// Whether the stream has taken everything.
    pub(super) fn is_written(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Offers the waiting bytes to `write`, which takes as many as it can.
    pub(super) fn write(&mut self, write: impl FnOnce(&[u8]) -> usize) {
        let taken = write(self.waiting.make_contiguous());
        self.waiting.drain(..taken.min(self.waiting.len()));
    }

    /// Notes that every byte before `offset` has arrived.
    pub(super) fn on_acked(&mut self, offset: u64) {
        while self.ends.front().is_some_and(|end| *end <= offset) {
            self.ends.pop_front();
        }
    }

    /// How many lines have not arrived, as far as we know.
    pub(super) fn unacknowledged(&self) -> usize {
        self.ends.len()
    }
}

/// Lines on their way from the peer.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// Lines that nobody has taken yet, and the beginning of another.
    bytes: Vec<u8>,
    /// How many of them have been taken.
    used: usize,
}

/// The peer sent a line that is longer than allowed, or a length that is none.
#[derive(Debug)]
pub(super) struct BadLine;

impl Incoming {
    /// Takes bytes as they come. The caller takes all lines first, so that no more is held than it
    /// gives at once and the beginning of a line.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.used);
        self.used = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next line that is complete.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, BadLine> {
        let rest = self.bytes.get(self.used..).unwrap_or_default();
        let Some((line, len)) = next_line(rest)? else {
            return Ok(None);
        };
        self.used += len;
        Ok(Some(line))
    }
}

/// The first line and how many bytes it takes; `None` until it is complete.
fn next_line(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, BadLine> {
    let Some(first) = bytes.first() else {
        return Ok(None);
    };
    let prefix = 1usize << (first >> 6);
    if bytes.len() < prefix {
        return Ok(None);
    }
    let mut reader = Reader::new(bytes);
    let len = reader.varint().map_err(|_| BadLine)?;
    let len = usize::try_from(len)
        .ok()
        .filter(|len| *len <= LINE_MAX_LEN)
        .ok_or(BadLine)?;
    Ok(reader
        .bytes(len)
        .ok()
        .map(|line| (line.to_vec(), prefix + len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_any_way_of_cutting_the_stream() {
        let lines: Vec<Vec<u8>> = [0, 1, 63, 64, LINE_MAX_LEN].map(|len| vec![7; len]).into();
        for cut in [1, 2, 3, 7, 64, 5_000] {
            let mut outgoing = Outgoing::default();
            lines.iter().for_each(|line| outgoing.push(line));
            let (mut incoming, mut arrived) = (Incoming::default(), Vec::new());
            while !outgoing.is_written() {
                outgoing.write(|bytes| {
                    let len = bytes.len().min(cut);
                    incoming.push(&bytes[..len]);
                    arrived.extend(core::iter::from_fn(|| incoming.next().unwrap()));
                    len
                });
            }
            assert_eq!(arrived, lines, "cut into {cut}");
        }
    }

    #[test]
    fn a_line_over_the_limit_is_refused_before_it_is_kept() {
        let mut writer = Writer::default();
        writer.varint(LINE_MAX_LEN as u64 + 1);
        let mut incoming = Incoming::default();
        incoming.push(&writer.into_vec());
        assert!(incoming.next().is_err());
    }

    #[test]
    fn a_line_counts_as_arrived_with_its_last_byte() {
        let mut outgoing = Outgoing::default();
        outgoing.push(b"abc");
        outgoing.push(b"d");
        outgoing.on_acked(3);
        assert_eq!(outgoing.unacknowledged(), 2);
        outgoing.on_acked(4);
        assert_eq!(outgoing.unacknowledged(), 1);
        outgoing.on_acked(6);
        assert_eq!(outgoing.unacknowledged(), 0);
    }
}
