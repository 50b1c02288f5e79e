//! The form of a message on the chat stream. Source: docs/protocol.md#messages.
//!
//! ```text
//! len varint | kind u8 | conversation len u8, bytes | log id u64 | sequence u64 | sent-at u64 | body
//! ```
//! With the highest bit of `kind` set the body lies on a stream of its own, and a stream id varint
//! and a length varint stand in its place.

use crate::chat::contact::ContactId;
use crate::id::StreamId;
use crate::proto::limits::INLINE_BODY_MAX_LEN;
use crate::time::UnixTime;
use crate::wire::{DecodeError, Reader, VARINT_MAX, Writer, varint_len};

/// The bit of the kind that says that the body lies elsewhere.
const ELSEWHERE: u8 = 0x80;
/// Bytes of a header without the conversation's name: kind, its length, log id, sequence, sent-at.
const FIXED_LEN: usize = 2 + 3 * 8;
/// Largest `len` of a record.
pub(super) const RECORD_MAX_LEN: usize = FIXED_LEN + CONVERSATION_MAX_LEN + INLINE_BODY_MAX_LEN;
/// Longest name of a conversation.
const CONVERSATION_MAX_LEN: usize = u8::MAX as usize;

/// A run of messages by one process of their sender to one contact: random, never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LogId(pub u64);

/// What names a message for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name {
    /// The log that it belongs to.
    pub log: LogId,
    /// Its place in the log, from 0, below 2^62.
    pub sequence: u64,
}

/// What a body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// What a person wrote, in UTF-8.
    Text,
}

impl Kind {
    /// Its number on the wire and in a store.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Text => 1,
        }
    }

    /// `None` for a kind that this version does not know.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Text),
            _ => None,
        }
    }
}

/// Which message is meant. Each side draws the names of its messages by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageRef {
    /// With whom.
    pub contact: ContactId,
    /// Its name.
    pub name: Name,
    /// Whether we wrote it.
    pub is_ours: bool,
}

/// Which conversation with a contact a message belongs to: at most 255 bytes, none for the two of us.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct ConversationId(Vec<u8>);

impl ConversationId {
    /// Takes the bytes of a name; `None` if they are more than 255.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= CONVERSATION_MAX_LEN).then(|| Self(bytes.to_vec()))
    }

    /// The name's bytes; none for the two of us.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One message as it stands on the chat stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The kind's code, 0 to 127.
    pub(super) kind: u8,
    pub(super) conversation: &'a [u8],
    pub(super) name: Name,
    pub(super) sent_at: UnixTime,
    pub(super) body: Body<'a>,
}

/// Where a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body<'a> {
    /// Here: at most [`INLINE_BODY_MAX_LEN`] bytes.
    Here(&'a [u8]),
    /// On a stream of its own: more than that many.
    Elsewhere { stream: StreamId, len: u64 },
}

impl<'a> Record<'a> {
    pub(super) fn new(kind: Kind, conversation: &'a ConversationId, name: Name) -> Self {
        Self {
            kind: kind.code(),
            conversation: conversation.as_bytes(),
            name,
            sent_at: UnixTime::default(),
            body: Body::Here(&[]),
        }
    }

    /// The whole record, its length in front, in the memory of `buffer`.
    pub(super) fn encode_in(&self, buffer: Vec<u8>) -> Vec<u8> {
        let conversation_len =
            u8::try_from(self.conversation.len()).expect("a ConversationId has at most 255 bytes");
        let (elsewhere, body_len) = match self.body {
            Body::Here(body) => (false, body.len()),
            Body::Elsewhere { stream, len } => (true, varint_len(stream.0) + varint_len(len)),
        };
        let len = FIXED_LEN + self.conversation.len() + body_len;
        let mut writer = Writer::from(buffer);
        writer
            .varint(len as u64)
            .u8(self.kind | if elsewhere { ELSEWHERE } else { 0 })
            .u8(conversation_len)
            .bytes(self.conversation)
            .u64(self.name.log.0)
            .u64(self.name.sequence)
            .u64(self.sent_at.0);
        match self.body {
            Body::Here(body) => writer.bytes(body),
            Body::Elsewhere { stream, len } => writer.varint(stream.0).varint(len),
        };
        writer.into_vec()
    }

    /// Reads a record without its length.
    ///
    /// # Errors
    /// [`DecodeError`]; a kind that is not known is no error.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let kind = reader.u8()?;
        let conversation_len = usize::from(reader.u8()?);
        let conversation = reader.bytes(conversation_len)?;
        let log = LogId(reader.u64()?);
        let sequence = reader.u64()?;
        if sequence > VARINT_MAX {
            return Err(DecodeError::TooLong);
        }
        let sent_at = UnixTime(reader.u64()?);
        let body = if kind & ELSEWHERE == 0 {
            Body::here(reader.rest())?
        } else {
            Body::elsewhere(&mut reader)?
        };
        reader.finish()?;
        Ok(Self {
            kind: kind & !ELSEWHERE,
            conversation,
            name: Name { log, sequence },
            sent_at,
            body,
        })
    }
}

impl<'a> Body<'a> {
    const fn here(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > INLINE_BODY_MAX_LEN {
            return Err(DecodeError::TooLong);
        }
        Ok(Self::Here(bytes))
    }

    fn elsewhere(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (stream, len) = (StreamId(reader.varint()?), reader.varint()?);
        if stream.0 < 2 {
            return Err(DecodeError::Unknown);
        }
        if len <= INLINE_BODY_MAX_LEN as u64 {
            return Err(DecodeError::NotCanonical);
        }
        Ok(Self::Elsewhere { stream, len })
    }

    /// How many bytes the body has.
    pub(super) const fn len(self) -> u64 {
        match self {
            Self::Here(bytes) => bytes.len() as u64,
            Self::Elsewhere { len, .. } => len,
        }
    }
}

/// Memory that is kept for the bytes of messages, a packet or two of them; more is given back.
const KEPT: usize = 4_096;

/// Empties a buffer of somebody's words: nothing of them lingers in memory that is kept.
pub(super) fn forget(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEPT {
        *buffer = Vec::new();
    } else {
        buffer.fill(0);
        buffer.clear();
    }
}

/// Moves what follows the first `taken` bytes to the front, and wipes what is behind it then.
fn move_to_front(bytes: &mut [u8], taken: usize) {
    let waiting = bytes.len() - taken;
    bytes.copy_within(taken.., 0);
    bytes.iter_mut().skip(waiting).for_each(|byte| *byte = 0);
}

/// Bytes of the chat stream, cut into records. Holds one unfinished record and one piece as it was
/// read, never more.
#[derive(Default)]
pub(super) struct Cutter {
    bytes: Vec<u8>,
    /// How many of them have been taken.
    taken: usize,
}

impl Cutter {
    /// Lets `read` append a piece, and says how long that was.
    pub(super) fn fill(&mut self, read: impl FnOnce(&mut Vec<u8>) -> usize) -> usize {
        if self.taken == self.bytes.len() {
            forget(&mut self.bytes);
        } else {
            let waiting = self.bytes.len() - self.taken;
            move_to_front(&mut self.bytes, self.taken);
            self.bytes.truncate(waiting);
        }
        self.taken = 0;
        read(&mut self.bytes)
    }

    #[cfg(test)]
    fn push(&mut self, piece: &[u8]) {
        self.fill(|bytes| {
            bytes.extend_from_slice(piece);
            piece.len()
        });
    }

    /// The next whole record, without its length. `None`: more bytes are needed.
    ///
    /// # Errors
    /// [`DecodeError`] if the length has no canonical form or exceeds [`RECORD_MAX_LEN`]: found
    /// before anything of the record is waited for.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, DecodeError> {
        let waiting = self.bytes.get(self.taken..).unwrap_or_default();
        let mut reader = Reader::new(waiting);
        let len = match reader.varint() {
            Ok(len) => usize::try_from(len).map_err(|_| DecodeError::TooLong)?,
            Err(DecodeError::Truncated) => return Ok(None),
            Err(error) => return Err(error),
        };
        if len > RECORD_MAX_LEN {
            return Err(DecodeError::TooLong);
        }
        let Ok(record) = reader.bytes(len) else {
            return Ok(None);
        };
        self.taken += waiting.len() - reader.rest().len();
        Ok(Some(record))
    }

    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Name = Name {
        log: LogId(0x0123_4567_89ab_cdef),
        sequence: 77,
    };

    fn record<'a>(conversation: &'a [u8], body: Body<'a>) -> Record<'a> {
        Record {
            kind: 1,
            conversation,
            name: NAME,
            sent_at: UnixTime(1_763_705_343_000),
            body,
        }
    }

    fn round_trip(record: &Record<'_>) -> usize {
        let bytes = record.encode_in(Vec::new());
        let mut cutter = Cutter::default();
        cutter.push(&bytes);
        let cut = cutter.next().unwrap().expect("the record is whole");
        assert_eq!(Record::parse(cut), Ok(*record));
        assert_eq!(cutter.next(), Ok(None));
        bytes.len()
    }

    #[test]
    fn records_round_trip_in_both_forms() {
        assert_eq!(round_trip(&record(b"", Body::Here(b"hi"))), 1 + 26 + 2);
        let longest = vec![7; INLINE_BODY_MAX_LEN];
        round_trip(&record(&[9; 255], Body::Here(&longest)));
        let (stream, len) = (StreamId(2), INLINE_BODY_MAX_LEN as u64 + 1);
        round_trip(&record(b"room", Body::Elsewhere { stream, len }));
    }

    #[test]
    fn the_bytes_are_the_specified_ones() {
        let bytes = record(b"r", Body::Here(b"x")).encode_in(Vec::new());
        let expected = [
            28, 1, 1, b'r', 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 1, 77, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(bytes.get(..20), Some(expected.as_slice()));
        assert_eq!(bytes.last(), Some(&b'x'));
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_records() {
        let records = [
            record(b"", Body::Here(b"one")),
            record(b"", Body::Here(b"")),
        ];
        let bytes: Vec<u8> = records
            .iter()
            .flat_map(|it| it.encode_in(Vec::new()))
            .collect();
        for cut in 0..=bytes.len() {
            let (mut cutter, mut found) = (Cutter::default(), 0);
            for piece in [&bytes[..cut], &bytes[cut..]] {
                cutter.push(piece);
                while let Some(cut) = cutter.next().unwrap() {
                    assert_eq!(Record::parse(cut), Ok(records[found]));
                    found += 1;
                }
            }
            assert_eq!(found, 2);
        }
    }

    #[test]
    fn what_was_taken_does_not_linger_behind_what_waits() {
        let mut bytes = *b"secretword";
        move_to_front(&mut bytes, 6);
        assert_eq!(&bytes, b"word\0\0\0\0\0\0");
        move_to_front(&mut bytes, 0);
        assert_eq!(&bytes, b"word\0\0\0\0\0\0");
    }

    #[test]
    fn a_record_that_is_too_long_is_refused_by_its_length_alone() {
        let mut cutter = Cutter::default();
        let mut writer = Writer::default();
        writer.varint(RECORD_MAX_LEN as u64 + 1);
        cutter.push(&writer.into_vec());
        assert_eq!(cutter.next(), Err(DecodeError::TooLong));
    }

    #[test]
    fn each_body_has_one_form_only() {
        let short = Body::Elsewhere {
            stream: StreamId(2),
            len: 65_536,
        };
        let chat = Body::Elsewhere {
            stream: StreamId(1),
            len: 1 << 20,
        };
        let long = vec![0; INLINE_BODY_MAX_LEN + 1];
        for (body, error) in [
            (short, DecodeError::NotCanonical),
            (chat, DecodeError::Unknown),
            (Body::Here(&long), DecodeError::TooLong),
        ] {
            let bytes = record(b"", body).encode_in(Vec::new());
            let mut reader = Reader::new(&bytes);
            let inner = reader.prefixed(usize::MAX).unwrap();
            assert_eq!(Record::parse(inner), Err(error));
        }
    }

    #[test]
    fn no_mutation_of_a_good_record_panics() {
        let body = Body::Elsewhere {
            stream: StreamId(3),
            len: 1 << 30,
        };
        for record in [record(b"room", body), record(b"", Body::Here(b"text"))] {
            let bytes = record.encode_in(Vec::new());
            for at in 0..bytes.len() {
                let _ = Record::parse(&bytes[..at]);
                for value in 0..=255 {
                    let mut changed = bytes.clone();
                    changed[at] = value;
                    let mut cutter = Cutter::default();
                    cutter.push(&changed);
                    if let Ok(Some(cut)) = cutter.next() {
                        let _ = Record::parse(cut);
                    }
                }
            }
        }
    }
}
