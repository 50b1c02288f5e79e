//! A cursor over received bytes and a buffer for sent ones. Integers are little-endian; varints are
//! QUIC's (RFC 9000 §16) and must use their shortest form.

use thiserror::Error;

/// Why bytes could not be read as what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The bytes end before the value does.
    #[error("the bytes end too early")]
    Truncated,
    /// Bytes are left over after the value.
    #[error("bytes are left over")]
    TrailingBytes,
    /// The value has more than one encoding and this is not the one allowed.
    #[error("the encoding is not canonical")]
    NotCanonical,
    /// A type, code or reserved field has a value that this version does not know.
    #[error("unknown value")]
    Unknown,
    /// A length or count exceeds its limit.
    #[error("too long")]
    TooLong,
}

/// Reads values from the front of a byte slice; every read is total.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes `len` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer are left.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self
            .rest
            .split_at_checked(len)
            .ok_or(DecodeError::Truncated)?;
        self.rest = tail;
        Ok(head)
    }

    /// Takes `N` bytes as an array.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        let (head, tail) = self
            .rest
            .split_first_chunk()
            .ok_or(DecodeError::Truncated)?;
        self.rest = tail;
        Ok(head)
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if none is left.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        let [byte] = *self.array()?;
        Ok(byte)
    }

    /// Takes a little-endian `u16`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer than two bytes are left.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(*self.array()?))
    }

    /// Takes a little-endian `u32`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer than four bytes are left.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(*self.array()?))
    }

    /// Takes a little-endian `u64`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer than eight bytes are left.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(*self.array()?))
    }

    /// Takes a QUIC varint in its shortest form.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], or [`DecodeError::NotCanonical`] for a longer form than needed.
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let first = *self.rest.first().ok_or(DecodeError::Truncated)?;
        if first < 0x40 {
            return self.u8().map(u64::from);
        }
        let len = 1usize << (first >> 6);
        let value = self
            .bytes(len)?
            .iter()
            .fold(0u64, |value, byte| (value << 8) | u64::from(*byte))
            & (u64::MAX >> (66 - 8 * len));
        if varint_len(value) == len {
            Ok(value)
        } else {
            Err(DecodeError::NotCanonical)
        }
    }

    /// Takes a varint length of at most `max`, then that many bytes.
    ///
    /// # Errors
    /// As [`Reader::varint`]; [`DecodeError::TooLong`] above `max`.
    pub fn prefixed(&mut self, max: usize) -> Result<&'a [u8], DecodeError> {
        let len = usize::try_from(self.varint()?).map_err(|_| DecodeError::TooLong)?;
        if len > max {
            return Err(DecodeError::TooLong);
        }
        self.bytes(len)
    }

    /// Skips all zeros up to the next byte that is none.
    pub fn skip_zeros(&mut self) {
        const CHUNK: usize = 32;
        while let Some((chunk, tail)) = self.rest.split_first_chunk::<CHUNK>()
            && *chunk == [0; CHUNK]
        {
            self.rest = tail;
        }
        let zeros = self.rest.iter().take_while(|byte| **byte == 0).count();
        self.rest = self.rest.get(zeros..).unwrap_or_default();
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`] if something is left.
    pub const fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes)
        }
    }
}

/// Appends values to a buffer.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl From<Vec<u8>> for Writer {
    /// Starts anew in the memory of `buffer`.
    fn from(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { bytes: buffer }
    }
}

impl Writer {
    /// Starts with an empty buffer that has room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
        }
    }

    /// Appends bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    /// Appends a little-endian `u16`.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a little-endian `u32`.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a little-endian `u64`.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a QUIC varint in its shortest form; values above 2^62-1 are written as 2^62-1.
    pub fn varint(&mut self, value: u64) -> &mut Self {
        self.bytes(Varint::from(value).as_bytes())
    }

    /// Appends a varint length and the bytes.
    pub fn prefixed(&mut self, bytes: &[u8]) -> &mut Self {
        self.varint(bytes.len() as u64).bytes(bytes)
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing has been written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Fills up with zeros to `len` bytes; does nothing if there are as many already.
    pub fn pad_to(&mut self, len: usize) -> &mut Self {
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        self
    }

    /// The finished buffer.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }
}

/// The bytes of a QUIC varint in its shortest form; of 2^62-1 for values above it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Varint {
    bytes: [u8; 8],
    len: usize,
}

impl From<u64> for Varint {
    fn from(value: u64) -> Self {
        let value = value.min(VARINT_MAX);
        let len = varint_len(value);
        // The two highest bits say how many bytes there are.
        let tagged = (value << (64 - 8 * len)) | (u64::from(len.trailing_zeros()) << 62);
        let bytes = tagged.to_be_bytes();
        Self { bytes, len }
    }
}

impl Varint {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Largest value of a varint (RFC 9000 §16).
pub(crate) const VARINT_MAX: u64 = (1 << 62) - 1;

/// Bytes of the shortest form of `value`.
pub(crate) const fn varint_len(value: u64) -> usize {
    match value {
        0..=0x3f => 1,
        0x40..=0x3fff => 2,
        0x4000..=0x3fff_ffff => 4,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_at_every_boundary() {
        for value in [
            0,
            63,
            64,
            16_383,
            16_384,
            (1 << 30) - 1,
            1 << 30,
            VARINT_MAX,
        ] {
            let mut writer = Writer::default();
            writer.varint(value);
            let bytes = writer.into_vec();
            assert_eq!(bytes.len(), varint_len(value));
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.finish(), Ok(()));
        }
    }

    #[test]
    fn rfc_9000_sample_varints_are_read() {
        let mut reader = Reader::new(&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c]);
        assert_eq!(reader.varint(), Ok(151_288_809_941_952_652));
        assert_eq!(
            Reader::new(&[0x9d, 0x7f, 0x3e, 0x7d]).varint(),
            Ok(494_878_333)
        );
        assert_eq!(Reader::new(&[0x7b, 0xbd]).varint(), Ok(15_293));
    }

    #[test]
    fn a_longer_form_than_needed_is_refused() {
        assert_eq!(
            Reader::new(&[0x40, 0x25]).varint(),
            Err(DecodeError::NotCanonical)
        );
    }

    #[test]
    fn every_read_past_the_end_is_an_error() {
        let mut reader = Reader::new(&[1]);
        assert_eq!(reader.u16(), Err(DecodeError::Truncated));
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.u8(), Err(DecodeError::Truncated));
        assert_eq!(
            Reader::new(&[0xc0, 0]).varint(),
            Err(DecodeError::Truncated)
        );
        assert_eq!(
            Reader::new(&[3, 1, 2]).prefixed(9),
            Err(DecodeError::Truncated)
        );
        assert_eq!(
            Reader::new(&[3, 1, 2, 3]).prefixed(2),
            Err(DecodeError::TooLong)
        );
    }

    #[test]
    fn a_writer_appends_in_order_to_room_that_it_has_from_the_start() {
        let mut writer = Writer::with_capacity(64);
        assert!(writer.is_empty());
        writer
            .u64(0x0807_0605_0403_0201)
            .u32(0x0c0b_0a09)
            .u16(0x0e0d);
        writer.u8(0x0f).pad_to(17).pad_to(16);
        assert!(!writer.is_empty());
        assert_eq!(writer.len(), 17);
        let bytes = writer.into_vec();
        let expected: Vec<u8> = (1..16).chain([0, 0]).collect();
        assert_eq!(bytes, expected);
        assert!(bytes.capacity() >= 64);
    }
}
