//! What waits to be written to one client.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Bytes of answers and events that wait for one client. A single line may be longer.
pub(super) const QUEUE_MAX_BYTES: usize = 4 << 20;

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
    bytes: usize,
    /// Nothing more comes; what is there is written.
    is_ending: bool,
    is_closed: bool,
}

/// One line, and what its writer says once it is written.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) token: Option<u64>,
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

    /// Queues a line. A client that does not read what it has asked for is closed. False if it is gone.
    #[must_use]
    pub fn push(&self, text: String, token: Option<u64>) -> bool {
        let mut queue = self.lock();
        if !queue.is_closed && queue.bytes > 0 && queue.bytes + text.len() > QUEUE_MAX_BYTES {
            queue.is_closed = true;
            queue.lines.clear();
        }
        if !queue.is_closed {
            queue.bytes += text.len();
            queue.lines.push_back(Line { text, token });
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

    /// A line was written.
    pub(super) fn written(&self, len: usize) {
        self.lock().bytes -= len;
        self.shared.changed.notify_all();
    }

    /// Waits until there is room for an answer: who does not read them asks for no more. False at the end.
    pub(super) fn has_room(&self) -> bool {
        let mut queue = self.lock();
        while !queue.is_closed && queue.bytes > QUEUE_MAX_BYTES / 2 {
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
        assert!(client.push("a".to_owned(), None) && client.push("b".to_owned(), Some(1)));
        let next = || client.next().map(|line| (line.text, line.token));
        assert_eq!(next(), Some(("a".to_owned(), None)));
        assert_eq!(next(), Some(("b".to_owned(), Some(1))));
        client.close();
        assert_eq!(next(), None);
        assert!(!client.push("c".to_owned(), None));
    }

    #[test]
    fn a_client_that_does_not_read_is_closed_and_a_long_line_alone_is_no_reason() {
        let client = Client::new();
        assert!(client.push("x".repeat(QUEUE_MAX_BYTES + 1), None));
        assert!(!client.push("one too many".to_owned(), None));
        assert!(client.is_closed() && client.next().is_none());
    }

    #[test]
    fn what_is_written_makes_room() {
        let client = Client::new();
        for _ in 0..8 {
            assert!(client.push("x".repeat(QUEUE_MAX_BYTES), None));
            let line = client.next().unwrap();
            client.written(line.text.len());
        }
        assert!(client.has_room());
    }
}
