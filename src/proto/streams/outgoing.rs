//! All streams on their way out, and whose turn it is. The chat comes first, but while it is busy
//! the bulk streams keep a tenth; among them it goes round.

use core::ops::Bound::{Excluded, Unbounded};
use core::ops::Range;
use std::collections::{BTreeMap, VecDeque};

use crate::id::StreamId;
use crate::proto::limits::{BULK_SHARE, DATA_WINDOW, MAX_STREAMS, STREAM_WINDOW, WINDOW_MAX};
use crate::proto::streams::event::{StreamEvent, StreamsBlocked};
use crate::proto::streams::send::Send;
use crate::proto::streams::{CHAT, StreamRecord, StreamViolation, bulk_id, bulk_index};
use crate::wire::frame::{Frame, PayloadWriter};

/// Bytes kept of the chat until they are acknowledged.
const CHAT_BUFFER: usize = 256 * 1_024;
/// Bytes kept of a bulk stream until they are acknowledged: as many as its window is at first.
const BULK_BUFFER: usize = 1_024 * 1_024;
/// Bytes kept of all bulk streams up to which one may have more than that, if the peer's credit lets it: as many
/// as the window can become.
const BULK_POOL: usize = 16 * BULK_BUFFER;
const _: () = assert!(BULK_POOL as u64 == WINDOW_MAX);
/// Bulk streams that are over of which the acknowledged length is still known.
const REMEMBERED: usize = 64;
/// Bytes of chat for each byte of bulk while both wait.
const CHAT_SHARE: u64 = BULK_SHARE - 1;
/// The chat may be ahead by its share of this, about a packet, before a bulk stream has its turn.
const TURN: u64 = 1_024;

/// Our streams.
#[derive(Debug)]
pub(super) struct Outgoing {
    chat: Send,
    /// At most [`MAX_STREAMS`], whatever the peer allows.
    bulk: BTreeMap<StreamId, Send>,
    /// Bulk streams that were ever opened.
    opened: u64,
    /// The peer's credit for them.
    max_streams: u64,
    /// An opening was refused and its owner waits for a place: for a body, for a transfer.
    wants_place: [bool; 2],
    /// Bytes sent on all bulk streams.
    data: u64,
    /// The peer's credit for them.
    max_data: u64,
    /// The bulk stream that had the last turn.
    last: StreamId,
    /// Bytes of chat that were sent while bulk streams waited, less their share.
    chat_ahead: u64,
    /// The streams that are over, newest last.
    over: VecDeque<Over>,
}

/// What is still known of a stream that is over.
#[derive(Clone, Copy, Debug)]
struct Over {
    id: StreamId,
    acked_to: u64,
    stopped: bool,
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self {
            chat: Send::new(CHAT_BUFFER, 0),
            bulk: BTreeMap::new(),
            opened: 0,
            max_streams: MAX_STREAMS,
            wants_place: [false; 2],
            data: 0,
            max_data: DATA_WINDOW,
            last: CHAT,
            chat_ahead: 0,
            over: VecDeque::new(),
        }
    }

    /// Whether a stream can be opened so that `spare` others still can.
    fn has_place(&self, spare: u64) -> bool {
        self.opened + spare < self.max_streams && self.bulk.len() as u64 + spare < MAX_STREAMS
    }

    /// Opens a stream for the body of a message.
    pub(super) fn open(&mut self) -> Result<StreamId, StreamsBlocked> {
        self.open_beside(0, 0)
    }

    /// Opens a stream that leaves a place and a window for a body: transfers that nobody reads must
    /// not hold up a long message.
    pub(super) fn open_transfer(&mut self) -> Result<StreamId, StreamsBlocked> {
        self.open_beside(1, STREAM_WINDOW)
    }

    fn open_beside(&mut self, spare: u64, leaves: u64) -> Result<StreamId, StreamsBlocked> {
        if !self.has_place(spare) {
            let [body, transfer] = &mut self.wants_place;
            *(if spare == 0 { body } else { transfer }) = true;
            return Err(StreamsBlocked);
        }
        let id = bulk_id(self.opened);
        self.opened += 1;
        self.bulk.insert(id, Send::new(BULK_BUFFER, leaves));
        Ok(id)
    }

    /// Whether somebody waits for a place that there is now; true once.
    fn has_wanted_place(&mut self) -> bool {
        let places = [self.has_place(0), self.has_place(1)];
        let mut found = false;
        for (wants, has_place) in self.wants_place.iter_mut().zip(places) {
            found |= *wants && has_place;
            *wants &= !has_place;
        }
        found
    }

    fn transfer(&self, id: StreamId) -> Option<&Send> {
        self.bulk.get(&id).filter(|send| send.is_transfer())
    }

    pub(super) fn is_writable(&self, id: StreamId) -> bool {
        self.transfer(id).is_some_and(Send::is_writing)
    }

    pub(super) fn is_open(&self, id: StreamId) -> bool {
        self.transfer(id).is_some_and(|send| !send.is_reset())
    }

    pub(super) fn write(&mut self, id: StreamId, bytes: &[u8]) -> usize {
        if id == CHAT {
            return self.chat.write(bytes, 0);
        }
        let kept: usize = self.bulk.values().map(Send::kept).sum();
        let spare = BULK_POOL.saturating_sub(kept);
        let send = self.bulk.get_mut(&id);
        send.map_or(0, |send| send.write(bytes, spare))
    }

    /// The chat does not end.
    pub(super) fn finish(&mut self, id: StreamId) {
        if let Some(send) = self.bulk.get_mut(&id) {
            send.finish();
        }
    }

    /// The chat is not given up.
    pub(super) fn reset(&mut self, id: StreamId, code: u64) {
        if let Some(send) = self.bulk.get_mut(&id) {
            send.reset(code);
        }
    }

    pub(super) fn acked_to(&self, id: StreamId) -> u64 {
        let open = if id == CHAT {
            Some(&self.chat)
        } else {
            self.bulk.get(&id)
        };
        open.map_or_else(
            || self.over(id).map_or(0, |over| over.acked_to),
            Send::acked_to,
        )
    }

    pub(super) fn is_stopped(&self, id: StreamId) -> bool {
        let over = || self.over(id).is_some_and(|over| over.stopped);
        self.bulk.get(&id).map_or_else(over, Send::is_stopped)
    }

    fn over(&self, id: StreamId) -> Option<&Over> {
        self.over.iter().find(|over| over.id == id)
    }

    fn stream_mut(&mut self, id: StreamId) -> Option<&mut Send> {
        if id == CHAT {
            Some(&mut self.chat)
        } else {
            self.bulk.get_mut(&id)
        }
    }

    /// Whether the peer may speak of one of our bulk streams.
    fn check_bulk(&self, id: StreamId) -> Result<(), StreamViolation> {
        let known = bulk_index(id).is_some_and(|index| index < self.opened);
        known.then_some(()).ok_or(StreamViolation::UnknownStream)
    }

    pub(super) fn check_credit(&self, id: StreamId) -> Result<(), StreamViolation> {
        if id == CHAT {
            return Ok(());
        }
        self.check_bulk(id)
    }

    pub(super) fn check_stop(&self, id: StreamId) -> Result<(), StreamViolation> {
        if id == CHAT {
            return Err(StreamViolation::ChatEnds);
        }
        self.check_bulk(id)
    }

    pub(super) fn on_stop(&mut self, id: StreamId, code: u64) {
        if let Some(send) = self.bulk.get_mut(&id) {
            send.on_stop(code);
        }
    }

    pub(super) fn on_max_data(&mut self, max: u64) {
        self.max_data = self.max_data.max(max);
    }

    pub(super) fn on_max_streams(&mut self, max: u64) {
        self.max_streams = self.max_streams.max(max);
    }

    pub(super) fn on_max_stream_data(&mut self, id: StreamId, max: u64) {
        if let Some(send) = self.stream_mut(id) {
            send.on_credit(max);
        }
    }

    pub(super) fn on_acked(&mut self, id: StreamId, range: &Range<u64>, fin: bool) {
        if let Some(send) = self.stream_mut(id) {
            send.on_acked(range, fin);
            self.forget_over(id);
        }
    }

    pub(super) fn on_lost(&mut self, id: StreamId, range: Range<u64>, fin: bool) {
        if let Some(send) = self.stream_mut(id) {
            send.on_lost(range, fin);
        }
    }

    pub(super) fn on_reset_acked(&mut self, id: StreamId) {
        if let Some(send) = self.stream_mut(id) {
            send.on_reset_acked();
            self.forget_over(id);
        }
    }

    pub(super) fn on_reset_lost(&mut self, id: StreamId) {
        if let Some(send) = self.stream_mut(id) {
            send.on_reset_lost();
        }
    }

    fn forget_over(&mut self, id: StreamId) {
        let Some(send) = self.bulk.get(&id).filter(|send| send.is_over()) else {
            return;
        };
        self.over.push_back(Over {
            id,
            acked_to: send.acked_to(),
            stopped: send.is_stopped(),
        });
        if self.over.len() > REMEMBERED {
            self.over.pop_front();
        }
        self.bulk.remove(&id);
    }

    pub(super) fn poll_event(&mut self) -> Option<StreamEvent> {
        if self.has_wanted_place() {
            return Some(StreamEvent::Openable);
        }
        if let Some(event) = self.chat.poll_event(CHAT) {
            return Some(event);
        }
        let found = self
            .bulk
            .iter_mut()
            .find_map(|(id, send)| Some((*id, send.poll_event(*id)?)));
        let (id, event) = found?;
        self.forget_over(id);
        Some(event)
    }

    const fn credit(&self) -> u64 {
        self.max_data.saturating_sub(self.data)
    }

    pub(super) fn has_resets(&self) -> bool {
        self.bulk.values().any(Send::has_reset)
    }

    pub(super) fn poll_reset(&mut self) -> Option<Frame<'static>> {
        self.bulk
            .iter_mut()
            .find_map(|(id, send)| send.poll_reset(*id))
    }

    pub(super) fn has_pieces(&self) -> bool {
        self.chat.has_piece(u64::MAX) || self.bulk_waits()
    }

    /// Whether a bulk stream has not arrived as far as it was written.
    pub(super) fn is_busy(&self) -> bool {
        self.bulk.values().any(Send::is_busy)
    }

    fn bulk_waits(&self) -> bool {
        let credit = self.credit();
        self.bulk.values().any(|send| send.has_piece(credit))
    }

    /// Writes the next piece that fits, of whichever stream has the turn.
    pub(super) fn write_piece(&mut self, writer: &mut PayloadWriter<'_>) -> Option<StreamRecord> {
        if !self.bulk_waits() {
            self.chat_ahead = 0;
            return self.chat.write_piece(CHAT, u64::MAX, writer);
        }
        let owed = self.chat_ahead >= CHAT_SHARE * TURN;
        let first = if owed { self.write_bulk(writer) } else { None };
        first
            .or_else(|| self.write_chat_ahead(writer))
            .or_else(|| self.write_bulk(writer))
    }

    /// A piece of the chat while bulk streams wait.
    fn write_chat_ahead(&mut self, writer: &mut PayloadWriter<'_>) -> Option<StreamRecord> {
        let before = self.chat_ahead;
        let piece = self.chat.write_piece(CHAT, u64::MAX, writer)?;
        self.chat_ahead = before.saturating_add(data_len(&piece));
        Some(piece)
    }

    /// A piece of the first bulk stream after the one that had the last turn.
    fn write_bulk(&mut self, writer: &mut PayloadWriter<'_>) -> Option<StreamRecord> {
        let credit = self.credit();
        let mut turn = |(id, send): (&StreamId, &mut Send)| {
            let before = send.sent_to();
            let piece = send.write_piece(*id, credit, writer)?;
            Some((*id, piece, send.sent_to() - before))
        };
        let later = self.bulk.range_mut((Excluded(self.last), Unbounded));
        let mut found = { later }.find_map(&mut turn);
        if found.is_none() {
            found = self.bulk.range_mut(..=self.last).find_map(&mut turn);
        }
        let (id, piece, fresh) = found?;
        self.last = id;
        self.data += fresh;
        self.chat_ahead = self
            .chat_ahead
            .saturating_sub(CHAT_SHARE * data_len(&piece));
        Some(piece)
    }

    /// Whether memory is kept that an idle connection does not need.
    pub(super) fn is_roomy(&self) -> bool {
        self.chat.is_roomy() || self.bulk.values().any(Send::is_roomy)
    }

    /// Gives memory back that an idle connection does not need.
    pub(super) fn shrink(&mut self) {
        self.chat.shrink();
        self.bulk.values_mut().for_each(Send::shrink);
        self.over.shrink_to_fit();
    }

    /// Bytes of memory that are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.chat.held() + self.bulk.values().map(Send::held).sum::<usize>()
    }
}

const fn data_len(record: &StreamRecord) -> u64 {
    match record {
        StreamRecord::Stream { range, .. } => range.end - range.start,
        StreamRecord::Reset(_)
        | StreamRecord::Stop(_)
        | StreamRecord::MaxData(_)
        | StreamRecord::MaxStreamData { .. }
        | StreamRecord::MaxStreams(_) => 0,
    }
}
