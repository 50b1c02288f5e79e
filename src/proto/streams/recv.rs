//! One stream on its way in: bytes in any order go in, bytes in order come out. Source: RFC 9000
//! §2.2, §3.2.

use crate::id::StreamId;
use crate::proto::limits::{MAX_STREAM_GAPS, STREAM_WINDOW, WINDOW_MAX};
use crate::proto::streams::event::StreamEvent;
use crate::proto::streams::flow::{Extent, OFFSET_MAX, Window};
use crate::proto::streams::pages::{Pages, span};
use crate::proto::streams::ranges::Ranges;
use crate::proto::streams::run::Run;
use crate::wire::frame::{Frame, StreamFrame};
use crate::wire::limits::BASE_PLAINTEXT_LEN;

/// What becomes of the bytes.
#[derive(Debug)]
enum State {
    /// They are read.
    Open,
    /// The sender gave up; the reader does not know yet.
    Reset { code: u64 },
    /// The reader gave up; a STOP goes out while `due`.
    Stopped { code: u64, due: bool },
}

/// What a frame, or a reader, did to the credit of all streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flow {
    /// Bytes by which the stream reaches further.
    pub(super) fresh: u64,
    /// Bytes that are done with.
    pub(super) released: u64,
}

/// A stream on its way in.
#[derive(Debug)]
pub(super) struct Recv {
    extent: Extent,
    received: Ranges,
    /// What has come in order and is not read.
    run: Run,
    /// What lies beyond something that is missing.
    pages: Pages,
    /// Bytes of that.
    beyond: u64,
    /// Everything before it has been read or thrown away.
    read: u64,
    window: Window,
    state: State,
    /// There is more to read than the reader was told.
    readable: bool,
    /// The reader was told that there is something, and has not read since: it need not hear it again.
    is_told: bool,
}

impl Recv {
    pub(super) fn new() -> Self {
        Self {
            extent: Extent::default(),
            received: Ranges::default(),
            run: Run::default(),
            pages: Pages::default(),
            beyond: 0,
            read: 0,
            window: Window::new(STREAM_WINDOW),
            state: State::Open,
            readable: false,
            is_told: false,
        }
    }

    /// Lets it reach further ahead of its reader.
    pub(super) const fn widen(&mut self, size: u64) {
        self.window.widen(size);
    }

    /// Whether a reader has taken something of it.
    pub(super) const fn is_read(&self) -> bool {
        self.read > 0
    }

    /// Bytes that the reader would have if nothing were missing before them. A stream that nobody reads has none.
    pub(super) const fn beyond_gap(&self) -> u64 {
        if self.is_read() { self.beyond } else { 0 }
    }

    pub(super) const fn extent(&self) -> Extent {
        self.extent
    }

    pub(super) const fn granted(&self) -> u64 {
        self.window.granted()
    }

    /// What arrived, for as long as somebody is to read it.
    pub(super) const fn received(&self) -> Option<&Ranges> {
        match self.state {
            State::Open => Some(&self.received),
            State::Reset { .. } | State::Stopped { .. } => None,
        }
    }

    /// Takes a piece. Of bytes that arrive twice the first ones count (RFC 9000 §2.2).
    pub(super) fn on_stream(&mut self, frame: &StreamFrame<'_>) -> Flow {
        let end = frame.offset.saturating_add(frame.data.len() as u64);
        let Ok(fresh) = self.extent.extend(end, frame.fin, self.granted()) else {
            return Flow::default();
        };
        if !matches!(self.state, State::Open) {
            let released = self.release_all();
            return Flow { fresh, released };
        }
        let before = self.received.prefix();
        for part in self.received.missing(frame.offset..end) {
            let from = part.start - frame.offset;
            let bytes = usize::try_from(from)
                .ok()
                .and_then(|at| frame.data.get(at..));
            let len = usize::try_from(part.end - part.start).unwrap_or(usize::MAX);
            let bytes = bytes.and_then(|rest| rest.get(..len)).unwrap_or_default();
            if part.start == self.run.end() {
                self.run.push(bytes);
            } else {
                self.pages.write(part.start, bytes);
                self.beyond += bytes.len() as u64;
            }
        }
        self.received.insert(frame.offset..end);
        self.close_gap();
        self.readable |= self.received.prefix() > before;
        Flow { fresh, released: 0 }
    }

    /// Moves over what lies beyond nothing that is missing any more.
    fn close_gap(&mut self) {
        let (from, to) = (self.run.end(), self.received.prefix());
        if from < to {
            self.run.push(&self.pages.read(from..to));
            self.pages.release_before(to);
            self.beyond -= to - from;
            if self.received.gaps() == 0 {
                self.pages.clear();
            }
        }
    }

    /// The sender gave up. If everything up to a FIN has arrived already, it is read all the same
    /// (RFC 9000 §3.2).
    pub(super) fn on_reset(&mut self, code: u64, final_size: u64) -> Flow {
        let complete = self.extent.final_size == Some(self.received.prefix());
        let Ok(fresh) = self.extent.extend(final_size, true, self.granted()) else {
            return Flow::default();
        };
        if matches!(self.state, State::Open) {
            if complete {
                return Flow { fresh, released: 0 };
            }
            self.state = State::Reset { code };
        }
        let released = self.release_all();
        Flow { fresh, released }
    }

    /// Appends up to `max` bytes to `out`; says how many.
    pub(super) fn read(&mut self, max: usize, out: &mut Vec<u8>) -> usize {
        self.is_told = false;
        let end = self.run.end().min(self.read.saturating_add(max as u64));
        if !matches!(self.state, State::Open) || end <= self.read {
            return 0;
        }
        let bytes = self.read..end;
        self.run
            .get(&bytes)
            .iter()
            .for_each(|part| out.extend_from_slice(part));
        self.run.release_before(end);
        self.window.release(end - self.read);
        self.read = end;
        span(&bytes)
    }

    /// The reader wants no more; says how many bytes are done with by that.
    pub(super) fn stop(&mut self, code: u64) -> u64 {
        if !matches!(self.state, State::Open) {
            return 0;
        }
        let due = self.extent.final_size.is_none();
        self.state = State::Stopped { code, due };
        self.release_all()
    }

    fn release_all(&mut self) -> u64 {
        let released = self.extent.highest - self.read;
        self.read = self.extent.highest;
        self.run.clear();
        self.pages.clear();
        self.beyond = 0;
        self.received = Ranges::default();
        self.readable = false;
        self.window.release(released);
        released
    }

    /// Whether something has come that nobody has read.
    pub(super) const fn is_unread(&self) -> bool {
        matches!(self.state, State::Open) && self.read < self.extent.highest
    }

    /// Whether something has come, and somebody still wants it or what follows.
    pub(super) const fn has_begun(&self) -> bool {
        matches!(self.state, State::Open) && self.extent.highest > 0
    }

    /// Whether the reader has all of it.
    fn is_finished(&self) -> bool {
        matches!(self.state, State::Open) && self.extent.final_size == Some(self.read)
    }

    /// Whether it can be forgotten without a word: nobody reads it and its length is known.
    pub(super) const fn is_discarded(&self) -> bool {
        matches!(self.state, State::Stopped { .. }) && self.extent.final_size.is_some()
    }

    /// What the reader should know next. After `Finished` and `Reset` the stream is over.
    pub(super) fn poll_event(&mut self, id: StreamId) -> Option<StreamEvent> {
        if let State::Reset { code } = self.state {
            return Some(StreamEvent::Reset { id, code });
        }
        if self.is_finished() {
            return Some(StreamEvent::Finished(id));
        }
        if self.is_told {
            return None;
        }
        let unread = self.received.prefix() > self.read;
        self.is_told = core::mem::take(&mut self.readable) && unread;
        self.is_told.then_some(StreamEvent::Readable(id))
    }

    fn credit_is_due(&self) -> bool {
        let open = matches!(self.state, State::Open) && self.extent.final_size.is_none();
        open && self.window.is_due()
    }

    pub(super) fn has_frames(&self) -> bool {
        self.credit_is_due() || matches!(self.state, State::Stopped { due: true, .. })
    }

    /// Credit or a STOP, if due.
    pub(super) fn poll_frame(&mut self, id: StreamId) -> Option<Frame<'static>> {
        if let State::Stopped { code, due } = &mut self.state {
            return core::mem::take(due).then_some(Frame::Stop { id, code: *code });
        }
        self.credit_is_due().then(|| Frame::MaxStreamData {
            id,
            max: self.window.grant(),
        })
    }

    pub(super) const fn on_credit_lost(&mut self, max: u64) {
        self.window.on_lost(max);
    }

    pub(super) const fn on_stop_lost(&mut self) {
        if let State::Stopped { due, .. } = &mut self.state {
            *due = true;
        }
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
        self.run.held() + self.pages.held()
    }
}

const _: () = assert!(WINDOW_MAX < OFFSET_MAX);
// Every second full packet of the largest window may be missing, each with 20 bytes around its piece.
const _: () = assert!(WINDOW_MAX / (2 * (BASE_PLAINTEXT_LEN as u64 - 20)) < MAX_STREAM_GAPS as u64);
