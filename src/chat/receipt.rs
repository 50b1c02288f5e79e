//! The bodies of RECEIPT and REJECT frames. Source: docs/protocol.md#messages.
//!
//! ```text
//! RECEIPT: log id u64 | low varint, more varint | (gap varint, more varint)…   ascending
//! REJECT:  log id u64 | sequence varint | reason varint
//! ```
//! `more` is the length of a range less 1; `gap` the numbers between two ranges less 1.

use core::fmt;

use crate::chat::message::{LogId, Name};
use crate::chat::ranges::Ranges;
use crate::proto::NoteBody;
use crate::wire::limits::{PASSING_REJECT_REASON, RECEIPT_MAX_LEN};
use crate::wire::{DecodeError, Reader, VARINT_MAX, Varint, varint_len};

/// Most bytes of a body with one range: the log, and two varints.
const FIRST_MAX_LEN: usize = 24;

/// What the receiving application has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) log: LogId,
    pub(super) ranges: Ranges,
}

impl Receipt {
    /// As many bodies as all ranges need, each handed to `send` as long as that takes them; whether it took
    /// all. None if there is no range.
    pub(super) fn encode(
        log: LogId,
        ranges: &Ranges,
        mut send: impl FnMut(NoteBody) -> bool,
    ) -> bool {
        let (mut body, mut end) = (room_for(ranges), 0);
        for &(low, high) in ranges.as_slice() {
            let more = high - low;
            let gap = low.saturating_sub(end + 2);
            if !body.is_empty()
                && body.len() + varint_len(gap) + varint_len(more) > RECEIPT_MAX_LEN
                && !send(core::mem::take(&mut body))
            {
                return false;
            }
            let first = if body.is_empty() {
                body.extend_from_slice(&log.0.to_le_bytes());
                low
            } else {
                gap
            };
            put_varint(&mut body, first);
            put_varint(&mut body, more);
            end = high;
        }
        body.is_empty() || send(body)
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`DecodeError`], also for numbers of 2^62 and above.
    pub(super) fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let log = LogId(reader.u64()?);
        let mut low = reader.varint()?;
        let mut ranges = Ranges::default();
        if body.len() > FIRST_MAX_LEN {
            // Each takes two bytes at least.
            ranges.reserve(body.len() / 2);
        }
        loop {
            let high = reach(low, reader.varint()?)?;
            ranges.insert(low, high);
            if reader.is_empty() {
                return Ok(Self { log, ranges });
            }
            low = reach(reach(high, 2)?, reader.varint()?)?;
        }
    }
}

/// For as many small numbers: a body that grows bit by bit would be copied each time.
fn room_for(ranges: &Ranges) -> NoteBody {
    match ranges.len() {
        0 | 1 => NoteBody::default(),
        more => NoteBody::with_capacity((8 + 3 * more).min(RECEIPT_MAX_LEN)),
    }
}

fn put_varint(body: &mut NoteBody, value: u64) {
    body.extend_from_slice(Varint::from(value).as_bytes());
}

fn reach(from: u64, by: u64) -> Result<u64, DecodeError> {
    let sum = from.checked_add(by).filter(|sum| *sum <= VARINT_MAX);
    sum.ok_or(DecodeError::TooLong)
}

/// Why a receiver does not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// It does not know this kind of message, or takes no part in such a conversation.
    Unsupported,
    /// It is longer than the receiver accepts.
    TooLarge,
    /// The receiving application does not want it.
    Refused,
    /// The receiver remembers too many logs of this sender already.
    TooManyLogs,
    /// A later message of the same log has been taken.
    OutOfOrder,
    /// A reason that this version does not know.
    Other(u64),
}

impl RejectReason {
    /// Its number on the wire and in a store.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Unsupported => 1,
            Self::TooLarge => 2,
            Self::Refused => 3,
            Self::TooManyLogs => 4,
            Self::OutOfOrder => 5,
            Self::Other(code) => code,
        }
    }

    /// Whether the message may be taken on another connection.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::Other(code) if code >= PASSING_REJECT_REASON)
    }

    /// The reason of a number.
    #[must_use]
    pub const fn from_code(code: u64) -> Self {
        match code {
            1 => Self::Unsupported,
            2 => Self::TooLarge,
            3 => Self::Refused,
            4 => Self::TooManyLogs,
            5 => Self::OutOfOrder,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported => f.write_str("the other side does not know this kind of message"),
            Self::TooLarge => f.write_str("longer than the other side accepts"),
            Self::Refused => f.write_str("the other side refused it"),
            Self::TooManyLogs => f.write_str("the other side remembers too many restarts of ours"),
            Self::OutOfOrder => f.write_str("the other side has taken a later message already"),
            Self::Other(code) => write!(f, "the other side refused it for reason {code}"),
        }
    }
}

/// One message that the receiver does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reject {
    pub(super) name: Name,
    pub(super) reason: RejectReason,
}

impl Reject {
    pub(super) fn encode(&self) -> NoteBody {
        let mut body = NoteBody::from(self.name.log.0.to_le_bytes().as_slice());
        put_varint(&mut body, self.name.sequence);
        put_varint(&mut body, self.reason.code());
        body
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`DecodeError`]. An unknown reason is no error, nor what a later version says behind it.
    pub(super) fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let log = LogId(reader.u64()?);
        let sequence = reader.varint()?;
        let reason = RejectReason::from_code(reader.varint()?);
        Ok(Self {
            name: Name { log, sequence },
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::sim_link::Dice;
    use crate::wire::Writer;

    const LOG: LogId = LogId(0xfeed_f00d_dead_beef);

    fn encode(ranges: &Ranges) -> Vec<NoteBody> {
        let mut bodies = Vec::new();
        let all = Receipt::encode(LOG, ranges, |body| {
            bodies.push(body);
            true
        });
        assert!(all);
        bodies
    }

    #[test]
    fn the_bytes_of_a_receipt_are_the_specified_ones() {
        let ranges = Ranges::from_iter([(0, 4), (6, 6), (10, 11)]);
        let bodies = encode(&ranges);
        let expected = [
            0xef, 0xbe, 0xad, 0xde, 0x0d, 0xf0, 0xed, 0xfe, 0, 4, 0, 0, 2, 1,
        ];
        assert_eq!(bodies, [NoteBody::from(expected.as_slice())]);
    }

    #[test]
    fn any_number_of_ranges_round_trips_in_bodies_that_fit() {
        for seed in 0..20 {
            let mut dice = Dice::new(seed);
            let mut ranges = Ranges::default();
            for _ in 0..dice.below(600) {
                let low = dice.below(1 << 40);
                ranges.insert(low, low + dice.below(3));
            }
            let bodies = encode(&ranges);
            let mut union = Ranges::default();
            for body in &bodies {
                assert!(body.len() <= RECEIPT_MAX_LEN, "seed {seed}");
                let receipt = Receipt::parse(body).unwrap();
                assert_eq!(receipt.log, LOG);
                for &(low, high) in receipt.ranges.as_slice() {
                    union.insert(low, high);
                }
            }
            assert_eq!(union, ranges, "seed {seed}");
        }
    }

    #[test]
    fn rejects_round_trip_and_unknown_reasons_are_kept() {
        for code in 0..8 {
            let reject = Reject {
                name: Name {
                    log: LOG,
                    sequence: 1 << 61,
                },
                reason: RejectReason::from_code(code),
            };
            assert_eq!(Reject::parse(&reject.encode()), Ok(reject));
        }
    }

    #[test]
    fn what_a_later_version_says_behind_a_reason_is_ignored() {
        let reject = Reject {
            name: Name {
                log: LOG,
                sequence: 7,
            },
            reason: RejectReason::Refused,
        };
        let mut body = reject.encode().to_vec();
        body.extend_from_slice(b"try again on Monday");
        assert_eq!(Reject::parse(&body), Ok(reject));
    }

    #[test]
    fn numbers_past_the_end_are_refused() {
        let mut writer = Writer::default();
        writer.u64(1).varint(VARINT_MAX).varint(1);
        let body = writer.into_vec();
        assert_eq!(Receipt::parse(&body), Err(DecodeError::TooLong));
        let mut writer = Writer::default();
        writer
            .u64(1)
            .varint(VARINT_MAX)
            .varint(0)
            .varint(0)
            .varint(0);
        assert_eq!(
            Receipt::parse(&writer.into_vec()),
            Err(DecodeError::TooLong)
        );
    }

    #[test]
    fn no_bytes_panic() {
        let mut dice = Dice::new(7);
        for _ in 0..20_000 {
            let len = usize::try_from(dice.below(40)).unwrap();
            let bytes: Vec<u8> = (0..len).map(|_| dice.byte()).collect();
            let _ = Receipt::parse(&bytes);
            let _ = Reject::parse(&bytes);
        }
    }
}
