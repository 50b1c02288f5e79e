//! Streams: ordered bytes over packets that are lost, doubled and out of order. Each direction has
//! its own ids; 1 is the chat, from 2 on come the bulk streams. Source: docs/protocol.md#streams,
//! RFC 9000 §§2-4.
//!
//! For a packet that arrived: [`Streams::check`] all of its frames, then [`Streams::apply`] each.
//! For one that leaves: [`Streams::write_frame`] until it is full, and keep each frame's
//! [`StreamRecord`] until the packet is acknowledged or lost. After either, and after every call of
//! the reader or writer, drain [`Streams::poll_event`].

mod event;
mod flow;
mod frame;
mod incoming;
mod outgoing;
mod pages;
mod ranges;
mod recv;
mod run;
mod send;

#[cfg(test)]
mod tests;

pub use event::StreamEvent;
pub(crate) use event::{StreamViolation, StreamsBlocked};
pub(crate) use frame::StreamRecord;

use core::time::Duration;

use crate::id::StreamId;
use crate::proto::streams::incoming::Incoming;
use crate::proto::streams::outgoing::Outgoing;
use crate::time::Instant;
use crate::wire::frame::{Frame, PayloadWriter};

/// Most bytes that a frame without data takes: a type and three varints.
const CONTROL_MAX_LEN: usize = 25;

/// The chat stream, open from the start and never closed.
pub(crate) const CHAT: StreamId = StreamId(1);
/// The first bulk stream.
const FIRST_BULK: u64 = 2;

const fn bulk_id(index: u64) -> StreamId {
    StreamId(index.saturating_add(FIRST_BULK))
}

const fn bulk_index(id: StreamId) -> Option<u64> {
    id.0.checked_sub(FIRST_BULK)
}

/// All streams of a connection, both ways. It starts anew with the connection.
#[derive(Debug)]
pub(crate) struct Streams {
    incoming: Incoming,
    outgoing: Outgoing,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self {
            incoming: Incoming::new(),
            outgoing: Outgoing::new(),
        }
    }

    /// Opens a bulk stream.
    ///
    /// # Errors
    /// [`StreamsBlocked`] while as many are open as can be; [`StreamEvent::Openable`] follows.
    pub(crate) fn open(&mut self) -> Result<StreamId, StreamsBlocked> {
        self.outgoing.open()
    }

    /// As [`Streams::open`], for a transfer: it leaves a place and a window for others.
    pub(crate) fn open_transfer(&mut self) -> Result<StreamId, StreamsBlocked> {
        self.outgoing.open_transfer()
    }

    /// Whether more may be written to a transfer of ours, or its end.
    pub(crate) fn is_writable(&self, id: StreamId) -> bool {
        self.outgoing.is_writable(id)
    }

    /// Whether a transfer of ours is neither over nor given up.
    pub(crate) fn is_open_to_peer(&self, id: StreamId) -> bool {
        self.outgoing.is_open(id)
    }

    /// Whether a bulk stream of the peer's has begun and is not over.
    pub(crate) fn is_open_from_peer(&self, id: StreamId) -> bool {
        self.incoming.is_open(id)
    }

    /// Takes as many of the bytes as there is room for and says how many. After a short write
    /// [`StreamEvent::Writable`] follows. A stream that is over or ending takes none.
    pub(crate) fn write(&mut self, id: StreamId, bytes: &[u8]) -> usize {
        self.outgoing.write(id, bytes)
    }

    /// Ends a bulk stream behind what was written.
    pub(crate) fn finish(&mut self, id: StreamId) {
        self.outgoing.finish(id);
    }

    /// Gives a bulk stream up, unless all of it has arrived.
    pub(crate) fn reset(&mut self, id: StreamId, code: u64) {
        self.outgoing.reset(id, code);
    }

    /// Every byte of our stream before this offset has been acknowledged. Of bulk streams that are
    /// over, only the last 64 are known; of others it is 0.
    pub(crate) fn acked_to(&self, id: StreamId) -> u64 {
        self.outgoing.acked_to(id)
    }

    /// Appends up to `max` bytes of the peer's stream, in order, to `out`, and says how many. That gives
    /// the peer new credit, so a reader must not wait for more than a window.
    pub(crate) fn read(&mut self, id: StreamId, max: usize, out: &mut Vec<u8>) -> usize {
        self.incoming.read(id, max, out)
    }

    /// Gives the peer more credit if its bulk streams use up what they have. `rtt`: the smoothed round trip.
    pub(crate) fn tune(&mut self, rtt: Duration, now: Instant) {
        self.incoming.tune(rtt, now);
    }

    /// Whether nothing more can be read of a bulk stream of the peer's, ever. One that has not begun is
    /// not over, nor one of which [`Streams::poll_event`] has yet to tell the end.
    pub(crate) fn is_over(&self, id: StreamId) -> bool {
        self.incoming.is_over(id)
    }

    /// Whether the peer wants no more of a bulk stream of ours. Of those that are over, only the last
    /// 64 are known.
    pub(crate) fn is_stopped(&self, id: StreamId) -> bool {
        self.outgoing.is_stopped(id)
    }

    /// Asks the peer to give a bulk stream up. What has come of it, and still comes, is thrown away
    /// and no event follows.
    pub(crate) fn stop(&mut self, id: StreamId, code: u64) {
        self.incoming.stop(id, code);
    }

    /// Checks all frames of one packet together; frames that are not about streams pass.
    ///
    /// # Errors
    /// [`StreamViolation`] for a rule that applying them would break. Unless it
    /// [is fatal](StreamViolation::is_fatal) the packet is dropped whole and not acknowledged.
    pub(crate) fn check(&self, frames: &[Frame<'_>]) -> Result<(), StreamViolation> {
        for frame in frames {
            match frame {
                Frame::Stop { id, .. } => self.outgoing.check_stop(*id)?,
                Frame::MaxStreamData { id, .. } => self.outgoing.check_credit(*id)?,
                Frame::Ping
                | Frame::Ack(_)
                | Frame::Hello(_)
                | Frame::Close(_)
                | Frame::Stream(_)
                | Frame::Reset { .. }
                | Frame::MaxData(_)
                | Frame::MaxStreams(_)
                | Frame::Receipt(_)
                | Frame::Reject(_)
                | Frame::Verify(_)
                | Frame::PathChallenge(_)
                | Frame::PathResponse(_)
                | Frame::Skipped => {}
            }
        }
        self.incoming.check(frames)
    }

    /// Applies a frame of a packet that was checked; frames that are not about streams do nothing.
    pub(crate) fn apply(&mut self, frame: &Frame<'_>) {
        match frame {
            Frame::Stream(stream) => self.incoming.on_stream(stream),
            Frame::Reset {
                id,
                code,
                final_size,
            } => self.incoming.on_reset(*id, *code, *final_size),
            Frame::Stop { id, code } => self.outgoing.on_stop(*id, *code),
            Frame::MaxData(max) => self.outgoing.on_max_data(*max),
            Frame::MaxStreamData { id, max } => self.outgoing.on_max_stream_data(*id, *max),
            Frame::MaxStreams(max) => self.outgoing.on_max_streams(*max),
            Frame::Ping
            | Frame::Ack(_)
            | Frame::Hello(_)
            | Frame::Close(_)
            | Frame::Receipt(_)
            | Frame::Reject(_)
            | Frame::Verify(_)
            | Frame::PathChallenge(_)
            | Frame::PathResponse(_)
            | Frame::Skipped => {}
        }
    }

    /// Writes the next frame that fits: credit, STOP and RESET first, then the chat, then bulk. `None` when
    /// nothing is due, when all is blocked by flow control, or when there is too little room for it to be
    /// worth a frame.
    #[must_use]
    pub(crate) fn write_frame(&mut self, writer: &mut PayloadWriter<'_>) -> Option<StreamRecord> {
        if writer.room() >= CONTROL_MAX_LEN
            && let Some(frame) = self.poll_control()
        {
            writer.push(&frame);
            return StreamRecord::of(&frame);
        }
        self.outgoing.write_piece(writer)
    }

    /// The next frame without data.
    fn poll_control(&mut self) -> Option<Frame<'static>> {
        self.incoming
            .poll_frame()
            .or_else(|| self.outgoing.poll_reset())
    }

    /// Whether the peer has begun something that its reader has not taken to the end: bytes are held for that, here or by
    /// whoever reads a stream.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.incoming.is_unfinished()
    }

    /// Whether memory is kept that an idle connection does not need.
    pub(crate) fn is_roomy(&self) -> bool {
        self.incoming.is_roomy() || self.outgoing.is_roomy()
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        self.incoming.shrink();
        self.outgoing.shrink();
    }

    /// Whether [`Streams::write_frame`] has something for an empty packet.
    pub(crate) fn has_frames(&self) -> bool {
        self.incoming.has_frames() || self.outgoing.has_resets() || self.outgoing.has_pieces()
    }

    /// Whether a bulk stream of ours has not arrived as far as it was written.
    pub(crate) fn is_busy(&self) -> bool {
        self.outgoing.is_busy()
    }

    /// The packet that carried a frame was acknowledged, perhaps after it had been called lost.
    pub(crate) fn on_acked(&mut self, record: &StreamRecord) {
        match record {
            StreamRecord::Stream { id, range, fin } => self.outgoing.on_acked(*id, range, *fin),
            StreamRecord::Reset(id) => self.outgoing.on_reset_acked(*id),
            StreamRecord::Stop(_)
            | StreamRecord::MaxData(_)
            | StreamRecord::MaxStreamData { .. }
            | StreamRecord::MaxStreams(_) => {}
        }
    }

    /// The packet that carried a frame was lost: what is still true of it goes out again (RFC 9000
    /// §13.3). A probe may call it lost while it is still under way.
    pub(crate) fn on_lost(&mut self, record: StreamRecord) {
        match record {
            StreamRecord::Stream { id, range, fin } => self.outgoing.on_lost(id, range, fin),
            StreamRecord::Reset(id) => self.outgoing.on_reset_lost(id),
            StreamRecord::Stop(id) => self.incoming.on_stop_lost(id),
            StreamRecord::MaxData(max) => self.incoming.on_data_credit_lost(max),
            StreamRecord::MaxStreamData { id, max } => {
                self.incoming.on_stream_credit_lost(id, max);
            }
            StreamRecord::MaxStreams(max) => self.incoming.on_streams_credit_lost(max),
        }
    }

    /// What the reader or writer should know.
    #[must_use]
    pub(crate) fn poll_event(&mut self) -> Option<StreamEvent> {
        self.incoming
            .poll_event()
            .or_else(|| self.outgoing.poll_event())
    }
}
