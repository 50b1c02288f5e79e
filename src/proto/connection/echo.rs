//! What people wait for goes out twice while a file fills the path.
//!
//! A transfer finds the path's limit by overrunning its queue now and then. If a line or a receipt
//! rides in the packet that is dropped, it comes a round trip and a half late, which its reader sees;
//! a second copy in the next packet costs a few bytes.

use crate::proto::connection::Carried;
use crate::proto::connection::note::Note;
use crate::proto::streams::{CHAT, StreamRecord};

/// Bytes of chat in one packet that go out twice. Longer messages take their time anyhow.
const MAX_LEN: u64 = 512;

/// The small and urgent part of a packet in which a bulk stream had a share.
#[derive(Debug, Default)]
pub(super) struct Echo {
    pub(super) streams: Vec<StreamRecord>,
    pub(super) notes: Vec<Note>,
}

impl Echo {
    /// What of a packet is to be repeated; what it `repeated` itself is not.
    pub(super) fn of(carried: &Carried, repeated: &Self) -> Self {
        if !carried.streams.iter().any(is_bulk) {
            return Self::default();
        }
        let fresh = |record: &&StreamRecord| {
            chat_len(record).is_some() && !repeated.streams.contains(record)
        };
        let mut streams: Vec<_> = carried.streams.iter().filter(fresh).cloned().collect();
        if streams.iter().filter_map(chat_len).sum::<u64>() > MAX_LEN {
            streams.clear();
        }
        let notes = carried.notes.iter();
        let notes = notes.filter(|note| !repeated.notes.contains(note));
        Self {
            streams,
            notes: notes.cloned().collect(),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.notes.is_empty()
    }
}

/// The bytes of a piece of the chat; none for everything else.
const fn chat_len(record: &StreamRecord) -> Option<u64> {
    match record {
        StreamRecord::Stream {
            id: CHAT, range, ..
        } => Some(range.end - range.start),
        StreamRecord::Stream { .. }
        | StreamRecord::Reset(_)
        | StreamRecord::Stop(_)
        | StreamRecord::MaxData(_)
        | StreamRecord::MaxStreamData { .. }
        | StreamRecord::MaxStreams(_) => None,
    }
}

fn is_bulk(record: &StreamRecord) -> bool {
    matches!(record, StreamRecord::Stream { id, .. } if *id != CHAT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StreamId;
    use crate::proto::connection::NoteBody;

    fn piece(id: StreamId, len: u64) -> StreamRecord {
        let range = 100..100 + len;
        StreamRecord::Stream {
            id,
            range,
            fin: false,
        }
    }

    fn packet(streams: &[StreamRecord]) -> Carried {
        Carried {
            streams: streams.iter().cloned().collect(),
            notes: [Note::Receipt(NoteBody::from([1, 2, 3].as_slice()))].into(),
            ..Carried::default()
        }
    }

    #[test]
    fn a_short_line_and_a_receipt_beside_a_file_go_out_twice_and_not_three_times() {
        let (line, file) = (piece(CHAT, 512), piece(StreamId(2), 600));
        let first = packet(&[line.clone(), file]);
        let echo = Echo::of(&first, &Echo::default());
        assert_eq!(
            (&echo.streams[..], &echo.notes[..]),
            (&[line][..], &first.notes[..]),
            "the file does not"
        );
        assert!(Echo::of(&first, &echo).is_empty());
    }

    #[test]
    fn without_a_file_nothing_goes_out_twice() {
        let packet = packet(&[piece(CHAT, 10), StreamRecord::MaxData(7)]);
        assert!(Echo::of(&packet, &Echo::default()).is_empty());
    }

    #[test]
    fn a_long_message_does_not_go_out_twice() {
        let packet = packet(&[piece(CHAT, 513), piece(StreamId(2), 600)]);
        let echo = Echo::of(&packet, &Echo::default());
        assert!(echo.streams.is_empty() && echo.notes[..] == packet.notes[..]);
    }
}
