//! What waits to be written to one client.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Bytes of events that wait for one client. Messages are bounded by what may be unheard, and answers by
/// [`Client::has_room`]: neither is a reason to close somebody who reads.
pub(super) const EVENTS_MAX_BYTES: usize = 4 << 20;

/// Bytes of whatever kind that wait for a client whose next request is read.
const ROOM_BYTES: usize = 2 << 20;

/// A client, as the owner of the server knows it. It may be gone already.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Line>,
    /// Of all lines that are not written.
    bytes: usize,
    /// Of those of them that are events.
    event_bytes: usize,
    /// Nothing more comes; what is there is written.
    is_ending: bool,
    is_closed: bool,
}

/// One line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// What a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Answer,
    Event,
    /// Somebody's message; its writer says this once it is written.
    Message(u64),
}

impl Client {
    pub(super) fn new() -> Self {
        Self {
            shared: Arc::default(),
        }
    }

    /// Whether both mean the same client.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Queues the answer to a request. False if the client is gone.
    #[must_use]
    pub fn answer(&self, text: String) -> bool {
        self.push(text, Kind::Answer)
    }

    /// Queues an event. A client that leaves too many of them is closed. False if it is gone.
    #[must_use]
    pub fn tell(&self, text: String) -> bool {
        self.push(text, Kind::Event)
    }

    /// Queues a message; `token` is told once it is written. False if the client is gone.
    #[must_use]
    pub fn hand_over(&self, text: String, token: u64) -> bool {
        self.push(text, Kind::Message(token))
    }

    fn push(&self, text: String, kind: Kind) -> bool {
        let mut queue = self.lock();
        let len = text.len();
        if kind == Kind::Event {
            if queue.event_bytes > 0 && queue.event_bytes + len > EVENTS_MAX_BYTES {
                queue.is_closed = true;
                queue.lines.clear();
            }
            queue.event_bytes += len;
        }
        if !queue.is_closed {
            queue.bytes += len;
            queue.lines.push_back(Line { text, kind });
        }
        self.shared.changed.notify_all();
        !queue.is_closed
    }

    /// Whether nothing goes there any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Ends it once what waits is written.
    pub(super) fn finish(&self) {
        self.lock().is_ending = true;
        self.shared.changed.notify_all();
    }

    /// Ends it: what waits is not written.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.shared.changed.notify_all();
    }

    /// Waits for a line; none at the end.
    pub(super) fn next(&self) -> Option<Line> {
        let mut queue = self.lock();
        loop {
            if queue.is_closed {
                return None;
            }
            if let Some(line) = queue.lines.pop_front() {
                return Some(line);
            }
            if queue.is_ending {
                return None;
            }
            let waited = self.shared.changed.wait(queue);
            queue = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A line of so many bytes was written.
    pub(super) fn written(&self, len: usize, kind: Kind) {
        let mut queue = self.lock();
        queue.bytes -= len;
        if kind == Kind::Event {
            queue.event_bytes -= len;
        }
        self.shared.changed.notify_all();
    }

    /// Waits until there is room for an answer: who does not read them asks for no more. False at the end.
    pub(super) fn has_room(&self) -> bool {
        let mut queue = self.lock();
        while !queue.is_closed && queue.bytes > ROOM_BYTES {
            let waited = self.shared.changed.wait(queue);
            queue = waited.unwrap_or_else(PoisonError::into_inner);
        }
        !queue.is_closed
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        let locked = self.shared.queue.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_in_their_order() {
        let client = Client::new();
        assert!(client.tell("a".to_owned()) && client.hand_over("b".to_owned(), 1));
        assert!(client.answer("c".to_owned()));
        let next = || client.next().map(|line| (line.text, line.kind));
        assert_eq!(next(), Some(("a".to_owned(), Kind::Event)));
        assert_eq!(next(), Some(("b".to_owned(), Kind::Message(1))));
        assert_eq!(next(), Some(("c".to_owned(), Kind::Answer)));
        client.close();
        assert_eq!(next(), None);
        assert!(!client.answer("d".to_owned()));
    }

    #[test]
    fn a_client_that_leaves_its_events_is_closed_and_a_long_one_alone_is_no_reason() {
        let client = Client::new();
        assert!(client.tell("x".repeat(EVENTS_MAX_BYTES + 1)));
        assert!(!client.tell("one too many".to_owned()));
        assert!(client.is_closed() && client.next().is_none());
    }

    /// They come at once and faster than anybody reads: what nobody has heard, and a page of history.
    #[test]
    fn messages_and_answers_of_any_size_close_nobody() {
        let client = Client::new();
        for token in 0..5 {
            assert!(client.hand_over("x".repeat(EVENTS_MAX_BYTES), token));
        }
        assert!(client.answer("x".repeat(2 * EVENTS_MAX_BYTES)));
        assert!(client.tell("an event".to_owned()) && !client.is_closed());
    }

    #[test]
    fn what_is_written_makes_room() {
        let client = Client::new();
        for _ in 0..8 {
            assert!(client.tell("x".repeat(EVENTS_MAX_BYTES)));
            let line = client.next().unwrap();
            client.written(line.text.len(), line.kind);
        }
        assert!(client.has_room());
    }
}
