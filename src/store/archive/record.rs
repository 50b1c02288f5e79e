//! What values say, before they are sealed. Source: docs/store.md#values.

use zeroize::Zeroizing;

use crate::chat::{
    ContactId, ConversationId, FailReason, Kind, LogId, Name, RejectReason, SeenLog,
};
use crate::id::PeerId;
use crate::time::UnixTime;

/// How a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It came to us; so many before it never did.
    Received {
        /// Messages of the same log directly before it that never arrived.
        missing: u64,
    },
    /// It is ours and waits for its receipt.
    Waiting,
    /// It is ours and was delivered.
    Delivered,
    /// It is ours and was given up.
    Failed(FailReason),
}

/// A message in any table; its body is its own, or stands in what was opened.
pub(super) struct Record<Body = Zeroizing<Vec<u8>>> {
    pub(super) contact: ContactId,
    pub(super) name: Name,
    /// Its place among the messages of its table.
    pub(super) order: u64,
    /// When it was queued or received, by our clock.
    pub(super) at: UnixTime,
    /// When its author says to have sent it.
    pub(super) sent_at: UnixTime,
    pub(super) standing: Standing,
    /// Of one that waits: at which start it was first found to have waited too long; the beginning of time if never.
    pub(super) overdue: UnixTime,
    pub(super) kind: Kind,
    pub(super) conversation: ConversationId,
    pub(super) body: Body,
}

impl<Body> Record<Body> {
    /// Whether we wrote it.
    pub(super) const fn is_ours(&self) -> bool {
        !matches!(self.standing, Standing::Received { .. })
    }
}

/// Bytes before the conversation's name.
const FIXED_LEN: usize = 32 + 6 * 8 + 3;

impl Record {
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let conversation = self.conversation.as_bytes();
        let len = FIXED_LEN + conversation.len() + self.body.len();
        let mut bytes = Zeroizing::new(Vec::with_capacity(len));
        bytes.extend_from_slice(self.contact.peer().as_bytes());
        let (standing, detail) = encode_standing(self.standing, self.overdue);
        for number in [
            self.name.log.0,
            self.name.sequence,
            self.order,
            self.at.0,
            self.sent_at.0,
            detail,
        ] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let conversation_len =
            u8::try_from(conversation.len()).expect("a ConversationId has at most 255 bytes");
        bytes.extend_from_slice(&[standing, self.kind.code(), conversation_len]);
        bytes.extend_from_slice(conversation);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let view = Record::view(bytes)?;
        Some(Self {
            contact: view.contact,
            name: view.name,
            order: view.order,
            at: view.at,
            sent_at: view.sent_at,
            standing: view.standing,
            overdue: view.overdue,
            kind: view.kind,
            conversation: view.conversation,
            body: Zeroizing::new(view.body.to_vec()),
        })
    }
}

impl<'a> Record<&'a [u8]> {
    /// Reads it without a copy of the body.
    pub(super) fn view(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let contact = take_contact(&mut rest)?;
        let [log, sequence, order, at, sent_at, detail] = take_numbers(&mut rest)?;
        let [standing, kind, conversation_len] = take(&mut rest)?;
        let (conversation, body) = rest.split_at_checked(usize::from(conversation_len))?;
        let standing = decode_standing(standing, detail)?;
        let waits = standing == Standing::Waiting;
        Some(Self {
            contact,
            name: Name {
                log: LogId(log),
                sequence,
            },
            order,
            at: UnixTime(at),
            sent_at: UnixTime(sent_at),
            standing,
            overdue: UnixTime(if waits { detail } else { 0 }),
            kind: Kind::from_code(kind)?,
            conversation: ConversationId::new(conversation)?,
            body,
        })
    }
}

const fn encode_standing(standing: Standing, overdue: UnixTime) -> (u8, u64) {
    match standing {
        Standing::Received { missing } => (0, missing),
        Standing::Waiting => (1, overdue.0),
        Standing::Delivered => (2, 0),
        Standing::Failed(FailReason::Expired) => (3, 0),
        Standing::Failed(FailReason::Removed) => (4, 0),
        Standing::Failed(FailReason::OutboxLost) => (5, 0),
        Standing::Failed(FailReason::Rejected(reason)) => (6, reason.code()),
    }
}

const fn decode_standing(standing: u8, detail: u64) -> Option<Standing> {
    Some(match standing {
        0 => Standing::Received { missing: detail },
        1 => Standing::Waiting,
        2 => Standing::Delivered,
        3 => Standing::Failed(FailReason::Expired),
        4 => Standing::Failed(FailReason::Removed),
        5 => Standing::Failed(FailReason::OutboxLost),
        6 => Standing::Failed(FailReason::Rejected(RejectReason::from_code(detail))),
        _ => return None,
    })
}

/// What is remembered of one log.
#[derive(Debug)]
pub(super) struct LogRecord {
    pub(super) contact: ContactId,
    pub(super) log: LogId,
    /// When a message of it last came.
    pub(super) heard: UnixTime,
    pub(super) seen: SeenLog,
}

impl LogRecord {
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(self.contact.peer().as_bytes().to_vec());
        let ranges = self.seen.taken().iter();
        let ranges = ranges.flat_map(|&(low, high)| [low, high]);
        let numbers = [self.log.0, self.heard.0, self.seen.next()];
        for number in numbers.into_iter().chain(ranges) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let contact = take_contact(&mut rest)?;
        let [log, heard, next] = take_numbers(&mut rest)?;
        let mut taken = Vec::new();
        while !rest.is_empty() {
            let [low, high] = take_numbers(&mut rest)?;
            taken.push((low, high));
        }
        Some(Self {
            contact,
            log: LogId(log),
            heard: UnixTime(heard),
            seen: SeenLog::from_parts(next, &taken),
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

fn take_contact(rest: &mut &[u8]) -> Option<ContactId> {
    take(rest).map(|bytes| PeerId::new(bytes).into())
}

fn take_numbers<const N: usize>(rest: &mut &[u8]) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = u64::from_le_bytes(take(rest)?);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(standing: Standing) -> Record {
        Record {
            contact: PeerId::new([9; 32]).into(),
            name: Name {
                log: LogId(1),
                sequence: 2,
            },
            order: 3,
            at: UnixTime(4),
            sent_at: UnixTime(5),
            standing,
            overdue: UnixTime(if standing == Standing::Waiting { 6 } else { 0 }),
            kind: Kind::Text,
            conversation: ConversationId::new(b"room").unwrap(),
            body: Zeroizing::new(b"hello".to_vec()),
        }
    }

    #[test]
    fn every_standing_comes_back() {
        let reasons = [
            FailReason::Expired,
            FailReason::Removed,
            FailReason::OutboxLost,
            FailReason::Rejected(RejectReason::Refused),
            FailReason::Rejected(RejectReason::Other(1 << 40)),
        ];
        let failed = reasons.map(Standing::Failed);
        let others = [
            Standing::Received { missing: 0 },
            Standing::Received { missing: 7 },
            Standing::Waiting,
            Standing::Delivered,
        ];
        for standing in others.into_iter().chain(failed) {
            let back = Record::decode(&record(standing).encode()).unwrap();
            assert_eq!(back.standing, standing);
            assert_eq!(back.overdue, record(standing).overdue);
            assert_eq!(back.encode(), record(standing).encode());
            assert_eq!(back.body.as_slice(), b"hello");
        }
    }

    #[test]
    fn a_log_comes_back() {
        let mut seen = SeenLog::default();
        for sequence in [0, 1, 2, 7, 9] {
            seen.take(sequence);
        }
        let record = LogRecord {
            contact: PeerId::new([9; 32]).into(),
            log: LogId(4),
            heard: UnixTime(5),
            seen: seen.clone(),
        };
        let back = LogRecord::decode(&record.encode()).unwrap();
        assert_eq!((back.seen, back.heard.0), (seen, 5));
    }

    #[test]
    fn no_bytes_panic() {
        let whole = record(Standing::Waiting).encode();
        for len in 0..whole.len() {
            let _ = Record::decode(&whole[..len]);
            let _ = LogRecord::decode(&whole[..len]);
            for value in [0, 1, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[len] = value;
                let _ = Record::decode(&changed);
            }
        }
    }
}
