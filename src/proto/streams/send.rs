//! One stream on its way out: what was written is kept until it is acknowledged. Source: RFC 9000
//! §3.1, RFC 9000 §13.3.

use core::ops::Range;

use crate::id::StreamId;
use crate::proto::limits::STREAM_WINDOW;
use crate::proto::streams::StreamRecord;
use crate::proto::streams::event::StreamEvent;
use crate::proto::streams::flow::OFFSET_MAX;
use crate::proto::streams::pages::span;
use crate::proto::streams::ranges::Ranges;
use crate::proto::streams::run::Run;
use crate::wire::frame::{Frame, PayloadWriter, StreamFrame};

/// A piece is not split further than this: a packet's last few bytes are not worth a frame.
const MIN_PIECE: usize = 32;

/// How far the news of an end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Due,
    Sent,
    Acked,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// More may be written.
    Writing,
    /// The end is where writing stopped.
    Finishing(Progress),
    /// Given up: nothing but the RESET is sent.
    Resetting { code: u64, progress: Progress },
}

/// A stream on its way out.
#[derive(Debug)]
pub(super) struct Send {
    /// Bytes that are kept, whatever the peer's credit.
    capacity: usize,
    /// How much of the credit for all streams it leaves to others.
    leaves: u64,
    /// What was written and is not acknowledged.
    run: Run,
    written: u64,
    /// Everything before it has been sent at least once.
    next: u64,
    acked: Ranges,
    lost: Ranges,
    /// The peer's credit.
    max: u64,
    state: State,
    /// Whether the peer stopped the stream.
    is_stopped: bool,
    /// It did, with this code, and the writer does not know yet.
    stopped: Option<u64>,
    /// A write was cut short.
    starved: bool,
    writable: bool,
    /// More is acknowledged than the writer was told.
    advanced: bool,
}

impl Send {
    pub(super) fn new(capacity: usize, leaves: u64) -> Self {
        Self {
            capacity,
            leaves,
            run: Run::default(),
            written: 0,
            next: 0,
            acked: Ranges::default(),
            lost: Ranges::default(),
            max: STREAM_WINDOW,
            state: State::Writing,
            is_stopped: false,
            stopped: None,
            starved: false,
            writable: false,
            advanced: false,
        }
    }

    /// Whether it is a transfer, and no body of a message.
    pub(super) const fn is_transfer(&self) -> bool {
        self.leaves > 0
    }

    /// Whether more may be written, or its end.
    pub(super) const fn is_writing(&self) -> bool {
        matches!(self.state, State::Writing)
    }

    /// Whether it was given up, by whichever side.
    pub(super) const fn is_reset(&self) -> bool {
        matches!(self.state, State::Resetting { .. })
    }

    /// Takes what fits. `spare`: what it may keep beyond its own capacity for a peer that would take it at once.
    pub(super) fn write(&mut self, bytes: &[u8], spare: usize) -> usize {
        if !matches!(self.state, State::Writing) {
            return 0;
        }
        let (taken, refused) = bytes.split_at(bytes.len().min(self.room(spare)));
        self.starved |= !refused.is_empty();
        self.run.push(taken);
        self.written += taken.len() as u64;
        taken.len()
    }

    /// Bytes that are kept until they are acknowledged.
    pub(super) fn kept(&self) -> usize {
        match self.state {
            State::Resetting { .. } => 0,
            State::Writing | State::Finishing(_) => span(&(self.acked.prefix()..self.written)),
        }
    }

    fn room(&self, spare: usize) -> usize {
        let own = self.capacity.saturating_sub(self.kept());
        let wanted = span(&(self.written..self.max));
        let left = span(&(self.written..OFFSET_MAX));
        own.max(wanted.min(spare)).min(left)
    }

    pub(super) const fn finish(&mut self) {
        if matches!(self.state, State::Writing) {
            self.state = State::Finishing(Progress::Due);
        }
    }

    /// Gives the stream up, unless all of it has arrived.
    pub(super) fn reset(&mut self, code: u64) {
        if !matches!(self.state, State::Resetting { .. }) && !self.is_done() {
            let progress = Progress::Due;
            self.state = State::Resetting { code, progress };
            self.run.clear();
            self.lost = Ranges::default();
        }
    }

    /// The peer wants no more: the answer is a RESET (RFC 9000 §3.5).
    pub(super) fn on_stop(&mut self, code: u64) {
        if !matches!(self.state, State::Resetting { .. }) && !self.is_done() {
            self.reset(code);
            (self.is_stopped, self.stopped) = (true, Some(code));
        }
    }

    pub(super) const fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    pub(super) fn on_credit(&mut self, max: u64) {
        if max > self.max {
            self.max = max;
            self.writable |= core::mem::take(&mut self.starved);
        }
    }

    pub(super) fn acked_to(&self) -> u64 {
        self.acked.prefix()
    }

    pub(super) fn on_acked(&mut self, range: &Range<u64>, fin: bool) {
        let before = self.acked.prefix();
        self.acked.insert(range.clone());
        self.lost.remove(range);
        if self.acked.prefix() > before {
            self.advanced = true;
            self.run.release_before(self.acked.prefix());
            self.writable |= core::mem::take(&mut self.starved);
        }
        if fin && matches!(self.state, State::Finishing(_)) {
            self.state = State::Finishing(Progress::Acked);
        }
    }

    pub(super) fn on_lost(&mut self, range: Range<u64>, fin: bool) {
        if matches!(self.state, State::Resetting { .. }) {
            return;
        }
        for part in self.acked.missing(range) {
            self.lost.insert(part);
        }
        if fin && matches!(self.state, State::Finishing(Progress::Sent)) {
            self.state = State::Finishing(Progress::Due);
        }
    }

    pub(super) const fn on_reset_acked(&mut self) {
        if let State::Resetting { progress, .. } = &mut self.state {
            *progress = Progress::Acked;
        }
    }

    pub(super) fn on_reset_lost(&mut self) {
        if let State::Resetting { progress, .. } = &mut self.state
            && *progress == Progress::Sent
        {
            *progress = Progress::Due;
        }
    }

    /// How far the stream has been sent: what it counts against the credit of all streams.
    pub(super) const fn sent_to(&self) -> u64 {
        self.next
    }

    /// What goes out next with `credit` for all streams: what was lost, then what is new, then a
    /// bare end.
    fn pending(&self, credit: u64) -> Option<Range<u64>> {
        if matches!(self.state, State::Resetting { .. }) {
            return None;
        }
        let end = self
            .next
            .saturating_add(credit.saturating_sub(self.leaves))
            .min(self.max)
            .min(self.written);
        let bare_end = matches!(self.state, State::Finishing(Progress::Due));
        self.lost
            .first()
            .or_else(|| (self.next < end).then_some(self.next..end))
            .or_else(|| (bare_end && self.next == self.written).then_some(self.next..self.next))
    }

    pub(super) fn has_piece(&self, credit: u64) -> bool {
        self.pending(credit).is_some()
    }

    /// Writes the next piece that fits.
    pub(super) fn write_piece(
        &mut self,
        id: StreamId,
        credit: u64,
        writer: &mut PayloadWriter<'_>,
    ) -> Option<StreamRecord> {
        let wanted = self.pending(credit)?;
        let room = writer.room();
        let room = room.checked_sub(StreamFrame::overhead(id, wanted.start, room))?;
        let len = span(&wanted).min(room);
        if len < MIN_PIECE && len < span(&wanted) {
            return None;
        }
        let range = wanted.start..wanted.start + len as u64;
        self.lost.remove(&range);
        self.next = self.next.max(range.end);
        let fin = self.takes_fin(range.end);
        writer.push_stream(id, range.start, fin, self.run.get(&range));
        Some(StreamRecord::Stream { id, range, fin })
    }

    /// Whether a piece up to `end` carries the end of the stream.
    fn takes_fin(&mut self, end: u64) -> bool {
        let State::Finishing(progress) = &mut self.state else {
            return false;
        };
        let last = end == self.written;
        if last && *progress == Progress::Due {
            *progress = Progress::Sent;
        }
        last
    }

    pub(super) const fn has_reset(&self) -> bool {
        matches!(
            self.state,
            State::Resetting {
                progress: Progress::Due,
                ..
            }
        )
    }

    /// A RESET, if due.
    pub(super) const fn poll_reset(&mut self, id: StreamId) -> Option<Frame<'static>> {
        let State::Resetting { code, progress } = &mut self.state else {
            return None;
        };
        if !matches!(progress, Progress::Due) {
            return None;
        }
        *progress = Progress::Sent;
        Some(Frame::Reset {
            id,
            code: *code,
            final_size: self.next,
        })
    }

    /// Whether the peer has everything or knows that it will not.
    fn is_done(&self) -> bool {
        match self.state {
            State::Finishing(Progress::Acked) => self.acked.prefix() == self.written,
            State::Resetting { progress, .. } => progress == Progress::Acked,
            State::Writing | State::Finishing(Progress::Due | Progress::Sent) => false,
        }
    }

    /// Whether what was written has not all arrived, and still matters.
    pub(super) fn is_busy(&self) -> bool {
        match self.state {
            State::Writing => self.acked.prefix() < self.written,
            State::Finishing(_) => !self.is_done(),
            State::Resetting { .. } => false,
        }
    }

    /// Whether it can be forgotten: done, and the writer knows.
    pub(super) fn is_over(&self) -> bool {
        self.is_done() && self.stopped.is_none() && !self.advanced
    }

    pub(super) fn poll_event(&mut self, id: StreamId) -> Option<StreamEvent> {
        if let Some(code) = self.stopped.take() {
            return Some(StreamEvent::Stopped { id, code });
        }
        if core::mem::take(&mut self.advanced) {
            let to = self.acked_to();
            return Some(StreamEvent::Acked { id, to });
        }
        let writing = matches!(self.state, State::Writing);
        (core::mem::take(&mut self.writable) && writing).then_some(StreamEvent::Writable(id))
    }

    /// Whether memory is kept that is not needed now.
    pub(super) fn is_roomy(&self) -> bool {
        self.run.is_roomy()
    }

    /// Gives memory back that is not needed now.
    pub(super) fn shrink(&mut self) {
        self.run.shrink();
    }

    /// Bytes of memory that are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.run.held()
    }
}
