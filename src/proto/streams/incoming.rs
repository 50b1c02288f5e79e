//! All streams on their way in. Source: RFC 9000 §3.2, §4.

use core::time::Duration;
use std::collections::BTreeMap;

use tinyvec::TinyVec;

use crate::id::StreamId;
use crate::proto::limits::{DATA_WINDOW, MAX_STREAM_GAPS, MAX_STREAMS, STREAM_WINDOW, WINDOW_MAX};
use crate::proto::streams::event::StreamEvent;
use crate::proto::streams::flow::{Extent, Tuner, Window};
use crate::proto::streams::ranges::Ranges;
use crate::proto::streams::recv::{Flow, Recv};
use crate::proto::streams::{CHAT, StreamViolation, bulk_id, bulk_index};
use crate::time::Instant;
use crate::wire::frame::{Frame, StreamFrame};

/// The peer's streams.
#[derive(Debug)]
pub(super) struct Incoming {
    chat: Recv,
    /// Open ones; at most [`MAX_STREAMS`].
    bulk: BTreeMap<StreamId, Recv>,
    /// Bulk streams that were ever opened.
    opened: u64,
    /// Bytes by which all bulk streams together reach.
    data: u64,
    data_window: Window,
    /// Bytes of bulk streams that readers took, and not those that were given up.
    taken: u64,
    streams_window: Window,
    tuner: Tuner,
}

impl Incoming {
    pub(super) fn new() -> Self {
        Self {
            chat: Recv::new(),
            bulk: BTreeMap::new(),
            opened: 0,
            data: 0,
            data_window: Window::new(DATA_WINDOW),
            taken: 0,
            streams_window: Window::stepwise(MAX_STREAMS, 1),
            tuner: Tuner::new(),
        }
    }

    /// Checks all frames of a packet together.
    pub(super) fn check(&self, frames: &[Frame<'_>]) -> Result<(), StreamViolation> {
        let mut preview = Preview::new(self, frames.len());
        for frame in frames {
            match frame {
                Frame::Stream(stream) => preview.on_stream(stream)?,
                Frame::Reset { id, final_size, .. } => preview.on_reset(*id, *final_size)?,
                Frame::Ping
                | Frame::Ack(_)
                | Frame::Hello(_)
                | Frame::Close(_)
                | Frame::Stop { .. }
                | Frame::MaxData(_)
                | Frame::MaxStreamData { .. }
                | Frame::MaxStreams(_)
                | Frame::Receipt(_)
                | Frame::Reject(_)
                | Frame::Verify(_)
                | Frame::PathChallenge(_)
                | Frame::PathResponse(_)
                | Frame::Skipped => {}
            }
        }
        preview.finish()
    }

    /// Whether the peer may speak of a stream of its own. Nothing is said of those that are over.
    fn admit(&self, id: StreamId) -> Result<(), StreamViolation> {
        if id == CHAT {
            return Ok(());
        }
        let index = bulk_index(id).ok_or(StreamViolation::UnknownStream)?;
        if index < self.streams_window.granted() {
            Ok(())
        } else {
            Err(StreamViolation::StreamLimit)
        }
    }

    /// Whether a stream was open once and is not any more.
    pub(super) fn is_over(&self, id: StreamId) -> bool {
        let known = bulk_index(id).is_some_and(|index| index < self.opened);
        known && !self.bulk.contains_key(&id)
    }

    /// Whether a bulk stream has begun and is not over.
    pub(super) fn is_open(&self, id: StreamId) -> bool {
        self.bulk.contains_key(&id)
    }

    fn stream(&self, id: StreamId) -> Option<&Recv> {
        if id == CHAT {
            Some(&self.chat)
        } else {
            self.bulk.get(&id)
        }
    }

    fn stream_mut(&mut self, id: StreamId) -> Option<&mut Recv> {
        if id == CHAT {
            Some(&mut self.chat)
        } else {
            self.bulk.get_mut(&id)
        }
    }

    /// Opens a stream and all before it (RFC 9000 §3.2).
    fn open(&mut self, id: StreamId) {
        let Some(index) = bulk_index(id) else { return };
        let end = index.saturating_add(1).min(self.streams_window.granted());
        while self.opened < end {
            self.bulk.insert(bulk_id(self.opened), Recv::new());
            self.opened += 1;
        }
    }

    pub(super) fn on_stream(&mut self, frame: &StreamFrame<'_>) {
        self.update(frame.id, |recv| recv.on_stream(frame));
    }

    pub(super) fn on_reset(&mut self, id: StreamId, code: u64, final_size: u64) {
        self.update(id, |recv| recv.on_reset(code, final_size));
    }

    fn update(&mut self, id: StreamId, change: impl FnOnce(&mut Recv) -> Flow) {
        self.open(id);
        let Some(recv) = self.stream_mut(id) else {
            return;
        };
        let flow = change(recv);
        if id != CHAT {
            self.data += flow.fresh;
            self.data_window.release(flow.released);
            self.forget_discarded(id);
        }
    }

    pub(super) fn read(&mut self, id: StreamId, max: usize, out: &mut Vec<u8>) -> usize {
        let stream = self.stream_mut(id);
        let count = stream.map_or(0, |recv| recv.read(max, out));
        if id != CHAT {
            self.data_window.release(count as u64);
            self.taken = self.taken.saturating_add(count as u64);
        }
        count
    }

    /// Widens the windows of a peer that has use for it. What counts is what readers took, and what came on streams
    /// that they read but has to wait for something that is missing; a stream that nobody reads stays as it is. All
    /// streams together have a window more than one, which a transfer [leaves](super::Streams::open_transfer) to others.
    pub(super) fn tune(&mut self, rtt: Duration, now: Instant) {
        let waiting: u64 = self.bulk.values().map(Recv::beyond_gap).sum();
        let come = self.taken.saturating_add(waiting);
        let Some(size) = self.tuner.update(come, rtt, now) else {
            return;
        };
        self.data_window
            .widen((size + STREAM_WINDOW).min(WINDOW_MAX));
        let read = self.bulk.values_mut().filter(|recv| recv.is_read());
        read.for_each(|recv| recv.widen(size));
    }

    /// The chat cannot be stopped.
    pub(super) fn stop(&mut self, id: StreamId, code: u64) {
        if let Some(recv) = self.bulk.get_mut(&id) {
            let released = recv.stop(code);
            self.data_window.release(released);
            self.forget_discarded(id);
        }
    }

    fn forget_discarded(&mut self, id: StreamId) {
        if self.bulk.get(&id).is_some_and(Recv::is_discarded) {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: StreamId) {
        if self.bulk.remove(&id).is_some() {
            self.streams_window.release(1);
        }
    }

    pub(super) fn poll_event(&mut self) -> Option<StreamEvent> {
        let chat = self.chat.poll_event(CHAT);
        let bulk = &mut self.bulk;
        let event = chat.or_else(|| bulk.iter_mut().find_map(|(id, recv)| recv.poll_event(*id)))?;
        if let StreamEvent::Finished(id) | StreamEvent::Reset { id, .. } = event {
            self.forget(id);
        }
        Some(event)
    }

    pub(super) fn has_frames(&self) -> bool {
        self.data_window.is_due()
            || self.streams_window.is_due()
            || self.chat.has_frames()
            || self.bulk.values().any(Recv::has_frames)
    }

    /// Credit and STOPs, the chat's first.
    pub(super) fn poll_frame(&mut self) -> Option<Frame<'static>> {
        if let Some(frame) = self.chat.poll_frame(CHAT) {
            return Some(frame);
        }
        if self.data_window.is_due() {
            return Some(Frame::MaxData(self.data_window.grant()));
        }
        if self.streams_window.is_due() {
            return Some(Frame::MaxStreams(self.streams_window.grant()));
        }
        self.bulk
            .iter_mut()
            .find_map(|(id, recv)| recv.poll_frame(*id))
    }

    pub(super) const fn on_data_credit_lost(&mut self, max: u64) {
        self.data_window.on_lost(max);
    }

    pub(super) const fn on_streams_credit_lost(&mut self, max: u64) {
        self.streams_window.on_lost(max);
    }

    pub(super) fn on_stream_credit_lost(&mut self, id: StreamId, max: u64) {
        if let Some(recv) = self.stream_mut(id) {
            recv.on_credit_lost(max);
        }
    }

    pub(super) fn on_stop_lost(&mut self, id: StreamId) {
        if let Some(recv) = self.stream_mut(id) {
            recv.on_stop_lost();
        }
    }

    /// Whether something has come that is not read, or is part of what has not come to its end.
    pub(super) fn is_unfinished(&self) -> bool {
        self.chat.is_unread() || self.bulk.values().any(Recv::has_begun)
    }

    /// Whether memory is kept that an idle connection does not need.
    pub(super) fn is_roomy(&self) -> bool {
        self.chat.is_roomy() || self.bulk.values().any(Recv::is_roomy)
    }

    /// Gives memory back that an idle connection does not need.
    pub(super) fn shrink(&mut self) {
        self.chat.shrink();
        self.bulk.values_mut().for_each(Recv::shrink);
    }

    /// Bytes of memory that are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.chat.held() + self.bulk.values().map(Recv::held).sum::<usize>()
    }

    /// Bulk streams that are open.
    #[cfg(test)]
    pub(super) fn open_count(&self) -> usize {
        self.bulk.len()
    }
}

/// What the streams would be after a packet, as far as the rules ask.
struct Preview<'a> {
    incoming: &'a Incoming,
    /// Frames of the packet: an upper bound for the gaps that it adds.
    frames: usize,
    /// Of the few streams that the packet is about.
    extents: TinyVec<[(StreamId, Extent); 2]>,
    /// What it brings, only of streams that could come to have too many gaps.
    pieces: BTreeMap<StreamId, Ranges>,
    data: u64,
}

impl<'a> Preview<'a> {
    fn new(incoming: &'a Incoming, frames: usize) -> Self {
        Self {
            incoming,
            frames,
            extents: TinyVec::new(),
            pieces: BTreeMap::new(),
            data: incoming.data,
        }
    }

    fn on_stream(&mut self, frame: &StreamFrame<'_>) -> Result<(), StreamViolation> {
        if frame.id == CHAT && frame.fin {
            return Err(StreamViolation::ChatEnds);
        }
        let end = frame.offset.saturating_add(frame.data.len() as u64);
        self.extend(frame.id, end, frame.fin)?;
        self.note_gap(frame, end);
        Ok(())
    }

    fn on_reset(&mut self, id: StreamId, final_size: u64) -> Result<(), StreamViolation> {
        if id == CHAT {
            return Err(StreamViolation::ChatEnds);
        }
        self.extend(id, final_size, true)
    }

    fn extend(&mut self, id: StreamId, end: u64, last: bool) -> Result<(), StreamViolation> {
        self.incoming.admit(id)?;
        if self.incoming.is_over(id) {
            return Ok(());
        }
        let stream = self.incoming.stream(id);
        let granted = stream.map_or(STREAM_WINDOW, Recv::granted);
        let known = self.extents.iter().position(|(known, _)| *known == id);
        let at = known.unwrap_or_else(|| {
            let extent = stream.map(Recv::extent).unwrap_or_default();
            self.extents.push((id, extent));
            self.extents.len() - 1
        });
        let Some((_, extent)) = self.extents.get_mut(at) else {
            return Ok(());
        };
        let fresh = extent.extend(end, last, granted)?;
        if id != CHAT {
            self.data = self.data.saturating_add(fresh);
        }
        Ok(())
    }

    fn note_gap(&mut self, frame: &StreamFrame<'_>, end: u64) {
        let Some(received) = self.incoming.stream(frame.id).and_then(Recv::received) else {
            return;
        };
        if received.gaps() + self.frames > MAX_STREAM_GAPS {
            let pieces = self.pieces.entry(frame.id).or_default();
            pieces.insert(frame.offset..end);
        }
    }

    fn finish(self) -> Result<(), StreamViolation> {
        if self.data > self.incoming.data_window.granted() {
            return Err(StreamViolation::FlowControl);
        }
        let is_too_much = |(id, pieces): (&StreamId, &Ranges)| {
            let received = self.incoming.stream(*id).and_then(Recv::received);
            received.is_some_and(|it| it.gaps_with(pieces) > MAX_STREAM_GAPS)
        };
        if self.pieces.iter().any(is_too_much) {
            return Err(StreamViolation::TooManyGaps);
        }
        Ok(())
    }
}
