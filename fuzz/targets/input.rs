//! A fuzzer's bytes, read as commands: whatever they are, they mean something.

/// What is left of the input. Beyond its end everything is zero.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte, unless the input is at its end.
    pub(crate) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// As many bytes, or as there are.
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Bytes behind a length of one byte or, if that is above 0xef, of two.
    pub(crate) fn chunk(&mut self) -> &'a [u8] {
        let len = match usize::from(self.byte()) {
            high @ 0xf0.. => ((high - 0xf0) << 8) + usize::from(self.byte()),
            len => len,
        };
        self.take(len)
    }

    /// A number of any size, often one beside a boundary.
    pub(crate) fn number(&mut self) -> u64 {
        let shape = self.byte();
        let bit = 1u64 << (shape & 63);
        match shape >> 6 {
            0 => u64::from(shape),
            1 => bit.wrapping_sub(1),
            2 => bit,
            _ => u64::from_le_bytes(core::array::from_fn(|_| self.byte())) >> (shape & 63),
        }
    }
}
