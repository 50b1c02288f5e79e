//! What waits to be written to one client.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

/// Bytes of events that wait for one client. Answers are bounded by [`Client::has_room`].
const EVENTS_MAX_BYTES: usize = 4 << 20;

/// Bytes of messages that wait for one client and that somebody else has: all that may be unheard, twice. Those
/// that nobody else has are bounded by whoever hands them over, and close nobody.
const BEHIND_MAX_BYTES: usize = 32 << 20;

/// Bytes of whatever kind that wait for a client whose next request is read.
const ROOM_BYTES: usize = 2 << 20;

/// A client, as the owner of the server knows it. It may be gone already.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
    /// With whoever may still have something for it.
    _hold: Option<Arc<Hold>>,
}

/// The last one that goes ends the client.
#[derive(Debug)]
struct Hold(Client);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.finish();
    }
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
    /// Of messages that wait, without the one that is being written.
    message_bytes: usize,
    /// Whoever may still have something for it.
    hold: Weak<Hold>,
    /// It has asked for nothing for a while.
    is_quiet: bool,
    /// Nothing more comes; what is there is written.
    is_ending: bool,
    is_closed: bool,
}

/// One line, with its break. What several clients are told is in memory once.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: Arc<str>,
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
            _hold: None,
        }
    }

    /// One of whose answers nobody hears.
    #[cfg(test)]
    pub(crate) fn of_nobody_for_testing_only() -> Self {
        Self::new()
    }

    /// The same client: once this one and every copy of it is gone, it ends when what waits is written.
    pub(super) fn held(&self) -> Self {
        let hold = Arc::new(Hold(self.clone()));
        self.lock().hold = Arc::downgrade(&hold);
        Self {
            shared: Arc::clone(&self.shared),
            _hold: Some(hold),
        }
    }

    /// Whether both mean the same client.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Queues the answer to a request, a line with its break. False if the client is gone.
    #[must_use]
    pub fn answer(&self, text: impl Into<Arc<str>>) -> bool {
        self.push(text.into(), Kind::Answer, |_, _| false)
    }

    /// Queues an event, a line with its break. A client that leaves too many of them is closed. False if it is gone.
    #[must_use]
    pub fn tell(&self, text: impl Into<Arc<str>>) -> bool {
        self.push(text.into(), Kind::Event, |queue, len| {
            queue.event_bytes > 0 && queue.event_bytes + len > EVENTS_MAX_BYTES
        })
    }

    /// Queues a message, a line with its break; `token` is told once it is written. `unheard`: how many bytes of
    /// messages nobody has heard. A client that is further behind than that, by too much, is closed. False if it is
    /// gone.
    #[must_use]
    pub fn hand_over(&self, text: impl Into<Arc<str>>, token: u64, unheard: usize) -> bool {
        self.push(text.into(), Kind::Message(token), |queue, _| {
            queue.message_bytes.saturating_sub(unheard) > BEHIND_MAX_BYTES
        })
    }

    /// `is_too_much`: whether this many bytes more close the client.
    fn push(
        &self,
        text: Arc<str>,
        kind: Kind,
        is_too_much: impl FnOnce(&Queue, usize) -> bool,
    ) -> bool {
        let mut queue = self.lock();
        if is_too_much(&queue, text.len()) {
            queue.close();
        }
        if !queue.is_closed {
            queue.push(Line { text, kind });
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
    pub(crate) fn close(&self) {
        self.lock().close();
        self.shared.changed.notify_all();
    }

    /// It has asked for nothing for a while.
    pub(super) fn grow_quiet(&self) {
        self.lock().is_quiet = true;
    }

    /// What it asks for next is to be read. False at the end.
    pub(super) fn wake(&self) -> bool {
        let mut queue = self.lock();
        queue.is_quiet = false;
        !queue.is_ending && !queue.is_closed
    }

    /// Ends it if it is quiet and nobody has anything for it: neither an answer nor events. False if it goes on.
    pub(super) fn retire(&self) -> bool {
        let mut queue = self.lock();
        // The last hold is its reader's.
        let is_idle = queue.is_quiet && queue.bytes == 0 && queue.hold.strong_count() == 1;
        if !is_idle || queue.is_ending || queue.is_closed {
            return false;
        }
        queue.is_ending = true;
        self.shared.changed.notify_all();
        true
    }

    /// Waits for a line; none at the end.
    pub(super) fn next(&self) -> Option<Line> {
        let mut queue = self.lock();
        loop {
            if queue.is_closed {
                return None;
            }
            if let Some(line) = queue.pop() {
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

impl Queue {
    /// Lets go of what waits: whoever else has the client may have it for long.
    fn close(&mut self) {
        self.is_closed = true;
        self.lines.clear();
    }

    fn push(&mut self, line: Line) {
        let len = line.text.len();
        self.bytes += len;
        match line.kind {
            Kind::Answer => {}
            Kind::Event => self.event_bytes += len,
            Kind::Message(_) => self.message_bytes += len,
        }
        self.lines.push_back(line);
    }

    fn pop(&mut self) -> Option<Line> {
        let line = self.lines.pop_front()?;
        if let Kind::Message(_) = line.kind {
            self.message_bytes -= line.text.len();
        }
        Some(line)
    }
}

#[cfg(test)]
impl Client {
    /// Without a connection, for tests of others.
    pub(crate) fn unserved() -> Self {
        Self::new()
    }

    /// As if the other end had gone.
    pub(crate) fn leave(&self) {
        self.close();
    }

    /// Writes the next line, if one waits.
    pub(crate) fn write_next(&self) -> Option<Arc<str>> {
        let is_idle = self.lock().lines.is_empty();
        let line = (!is_idle).then(|| self.next()).flatten()?;
        self.written(line.text.len(), line.kind);
        Some(line.text)
    }

    /// Whether nobody else may have something for it.
    #[cfg(all(test, unix))]
    pub(super) fn is_the_last(&self) -> bool {
        let hold = self._hold.as_ref();
        hold.is_some_and(|hold| Arc::strong_count(hold) == 1)
    }

    /// Bytes of what waits to be written.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.lock().lines.iter().map(|line| line.text.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message that somebody else has.
    const HEARD: usize = 0;

    #[test]
    fn nothing_is_kept_for_who_is_gone() {
        let client = Client::new();
        assert!(client.tell("an event") && client.hand_over("a message", 1, HEARD));
        client.close();
        assert_eq!(client.waiting_bytes(), 0);
        assert!(!client.tell("another") && client.waiting_bytes() == 0);
    }

    #[test]
    fn lines_come_out_in_their_order() {
        let client = Client::new();
        assert!(client.tell("a") && client.hand_over("b", 1, 1));
        assert!(client.answer("c"));
        let next = || client.next().map(|line| (line.text.to_string(), line.kind));
        assert_eq!(next(), Some(("a".to_owned(), Kind::Event)));
        assert_eq!(next(), Some(("b".to_owned(), Kind::Message(1))));
        assert_eq!(next(), Some(("c".to_owned(), Kind::Answer)));
        client.close();
        assert_eq!(next(), None);
        assert!(!client.answer("d"));
    }

    #[test]
    fn a_client_that_leaves_its_events_is_closed_and_a_long_one_alone_is_no_reason() {
        let client = Client::new();
        assert!(client.tell("x".repeat(EVENTS_MAX_BYTES + 1)));
        assert!(!client.tell("one too many"));
        assert!(client.is_closed() && client.next().is_none());
    }

    /// They come at once and faster than anybody reads: what nobody has heard, and a page of history.
    #[test]
    fn messages_that_nobody_has_heard_and_answers_of_any_size_close_nobody() {
        let client = Client::new();
        let long: Arc<str> = "x".repeat(BEHIND_MAX_BYTES).into();
        for token in 1..=4 {
            let unheard = token * BEHIND_MAX_BYTES;
            assert!(client.hand_over(Arc::clone(&long), token as u64, unheard));
        }
        assert!(client.answer(long));
        assert!(client.tell("an event") && !client.is_closed());
    }

    #[test]
    fn a_client_that_falls_behind_others_by_too_much_is_closed() {
        let client = Client::new();
        let half: Arc<str> = "x".repeat(BEHIND_MAX_BYTES / 2).into();
        for token in 1..=3 {
            assert!(client.hand_over(Arc::clone(&half), token, HEARD));
        }
        assert!(!client.hand_over("one too many", 4, HEARD));
        assert!(client.is_closed() && client.next().is_none());
    }

    /// However long it is: the client is reading it.
    #[test]
    fn the_message_that_is_being_written_does_not_count() {
        let client = Client::new();
        assert!(client.hand_over("x".repeat(2 * BEHIND_MAX_BYTES), 1, HEARD));
        assert!(client.next().is_some());
        assert!(client.hand_over("y", 2, HEARD));
        assert!(client.hand_over("z", 3, HEARD));
    }

    #[test]
    fn what_is_written_makes_room() {
        let client = Client::new();
        for _ in 0..8 {
            assert!(client.tell("x".repeat(EVENTS_MAX_BYTES)));
            assert!(client.write_next().is_some());
        }
        assert!(client.has_room());
    }
}
