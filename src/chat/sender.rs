//! Our messages to one contact, from the outbox to their receipts.
//!
//! 1. `enqueue`: the message has a name, a place in the order and a time at which it expires.
//! 2. `pump`: records go onto the chat stream in that order; a long body onto a stream of its own,
//!    one at a time, so that a later one cannot use up the credit that an earlier one needs.
//! 3. `pump`, once the peer's transport has acknowledged record and body: it is sent.
//! 4. `on_receipt`, `on_reject`, `expire`: it is settled and leaves the outbox.
//!
//! A new connection begins again at 2 with everything that is not settled, under the same names.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::chat::contact::ContactId;
use crate::chat::event::{Event, FailReason, State};
use crate::chat::message::{Body, LogId, Name, Record, forget};
use crate::chat::outbox::{Outbox, Outgoing};
use crate::chat::receipt::{Receipt, Reject};
use crate::chat::transport::{CHAT_STREAM, Transport};
use crate::id::StreamId;
use crate::proto::limits::INLINE_BODY_MAX_LEN;
use crate::time::Instant;

/// Where a contact's settled messages are written down.
pub(super) struct Ledger<'a> {
    pub(super) contact: ContactId,
    pub(super) outbox: &'a mut dyn Outbox,
    pub(super) events: &'a mut VecDeque<Event>,
}

impl Ledger<'_> {
    fn tell(&mut self, name: Name, state: State) {
        let contact = self.contact;
        self.events.push_back(Event::State {
            contact,
            name,
            state,
        });
    }
}

pub(super) struct Sender {
    /// The log of this process's messages to this contact, and its next number.
    log: LogId,
    next_sequence: u64,
    /// What is not settled, in order: what earlier processes left behind, then this one's log.
    queue: VecDeque<Queued>,
    next_place: u64,
    wire: Wire,
}

struct Queued {
    /// Its place in the order.
    place: u64,
    name: Name,
    body_len: usize,
    expires: Instant,
    is_sent: bool,
    /// Whether its whole record has ever been given to a transport: only then can a receipt be true.
    is_offered: bool,
    /// What acknowledges it on this connection, once its record has been made.
    trace: Option<Trace>,
}

/// Where a message ends on the streams of a connection.
#[derive(Clone, Copy)]
struct Trace {
    record_end: u64,
    body: Option<(StreamId, u64)>,
}

/// What has been written on the current connection.
#[derive(Default)]
struct Wire {
    /// The place from which on no record has been made.
    next: u64,
    /// The place from which on nothing is known to be acknowledged.
    unacked: u64,
    /// The newest record, how much of it the transport took, and whose it is.
    record: Vec<u8>,
    written: usize,
    place: u64,
    /// Where that record ends on the chat stream.
    record_end: u64,
    body: Option<LongBody>,
    /// Streams to give up.
    resets: Vec<StreamId>,
}

/// A body on a stream of its own that is not yet acknowledged.
struct LongBody {
    place: u64,
    stream: StreamId,
    bytes: Arc<[u8]>,
    written: usize,
}

impl Sender {
    pub(super) fn new(log: LogId) -> Self {
        Self {
            log,
            next_sequence: 0,
            queue: VecDeque::new(),
            next_place: 0,
            wire: Wire::default(),
        }
    }

    /// The name that the next message is to have.
    pub(super) const fn next_name(&self) -> Name {
        Name {
            log: self.log,
            sequence: self.next_sequence,
        }
    }

    /// Appends a message that the outbox has taken. It expires no earlier than those before it, as they
    /// do where the clock is set right: so the first is the one to wait for.
    pub(super) fn enqueue(&mut self, name: Name, body_len: usize, expires: Instant) {
        if name.log == self.log {
            self.next_sequence = self.next_sequence.max(name.sequence + 1);
        }
        let last = self.queue.back();
        let queued = Queued {
            place: self.next_place,
            name,
            body_len,
            expires: last.map_or(expires, |last| last.expires.max(expires)),
            is_sent: false,
            is_offered: false,
            trace: None,
        };
        self.next_place += 1;
        self.queue.push_back(queued);
    }

    /// Where the first message at `place` or behind it stands in the queue. Where none is missing in
    /// between, its place tells.
    fn at(&self, place: u64) -> usize {
        if self.queue.back().is_none_or(|last| last.place < place) {
            return self.queue.len();
        }
        let first = self.queue.front().map_or(0, |first| first.place);
        self.guess(place, first, |it| it.place == place)
            .unwrap_or_else(|| self.queue.partition_point(|it| it.place < place))
    }

    /// Where a message stands if the numbers from that of the first one on are all there.
    fn guess(&self, number: u64, first: u64, is_it: impl Fn(&Queued) -> bool) -> Option<usize> {
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        self.queue.get(at).filter(|it| is_it(it)).map(|_| at)
    }

    fn find(&mut self, place: u64) -> Option<&mut Queued> {
        let at = self.at(place);
        self.queue.get_mut(at).filter(|it| it.place == place)
    }

    /// Where the first message of our own log from `sequence` on stands. All that others left behind comes
    /// before.
    fn own_at(&self, sequence: u64) -> usize {
        let log = self.log;
        let first = self.queue.front().map_or(0, |first| first.name.sequence);
        let is_it = |it: &Queued| it.name == Name { log, sequence };
        self.guess(sequence, first, is_it).unwrap_or_else(|| {
            self.queue
                .partition_point(|it| it.name.log != log || it.name.sequence < sequence)
        })
    }

    /// Where a message stands.
    fn position(&self, name: Name) -> Option<usize> {
        if name.log == self.log {
            let at = self.own_at(name.sequence);
            return self.queue.get(at).filter(|it| it.name == name).map(|_| at);
        }
        let mut earlier = self.queue.iter().take_while(|it| it.name.log != self.log);
        earlier.position(|it| it.name == name)
    }

    pub(super) fn state(&self, name: Name) -> Option<State> {
        let queued = self.queue.get(self.position(name)?)?;
        Some(if queued.is_sent {
            State::Sent
        } else {
            State::Queued
        })
    }

    /// How many messages are not settled.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.queue.front().map(|it| it.expires)
    }

    /// Forgets what was written: another connection begins, or there is none.
    pub(super) fn start_anew(&mut self) {
        self.wire = Wire::default();
        self.queue.iter_mut().for_each(|it| it.trace = None);
    }

    /// Writes what the transport has room for, and sees what it acknowledges. `is_stirred`: something about
    /// it has changed since the last time.
    pub(super) fn pump(
        &mut self,
        is_stirred: bool,
        transport: &mut dyn Transport,
        ledger: &mut Ledger<'_>,
    ) {
        for stream in self.wire.resets.drain(..) {
            transport.reset(stream);
        }
        if is_stirred {
            self.note_acked(transport, ledger);
        }
        loop {
            let has_room = self.write_record(transport);
            self.write_body(transport);
            if !has_room || !self.next_record(transport, ledger) {
                return;
            }
        }
    }

    /// Marks as sent what is acknowledged, in order.
    fn note_acked(&mut self, transport: &dyn Transport, ledger: &mut Ledger<'_>) {
        let acked = |stream, len| transport.acked_to(stream) >= len || transport.is_stopped(stream);
        if let Some(body) = &self.wire.body
            && acked(body.stream, body.bytes.len() as u64)
        {
            let place = body.place;
            if let Some(Queued {
                trace: Some(trace), ..
            }) = self.find(place)
            {
                trace.body = None;
            }
            self.wire.body = None;
        }
        let records = transport.acked_to(CHAT_STREAM);
        let (first, end) = (self.at(self.wire.unacked), self.at(self.wire.next));
        for queued in self.queue.range_mut(first..end.max(first)) {
            match queued.trace {
                Some(trace) if trace.record_end <= records && trace.body.is_none() => {}
                Some(_) | None => return,
            }
            self.wire.unacked = queued.place + 1;
            if !queued.is_sent {
                queued.is_sent = true;
                ledger.tell(queued.name, State::Sent);
            }
        }
    }

    /// Whether the newest record has been written whole.
    fn write_record(&mut self, transport: &mut dyn Transport) -> bool {
        let wire = &mut self.wire;
        let rest = wire.record.get(wire.written..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
        wire.written += transport.write(CHAT_STREAM, rest);
        if wire.written < wire.record.len() {
            return false;
        }
        forget(&mut wire.record);
        wire.written = 0;
        let place = wire.place;
        if let Some(queued) = self.find(place) {
            queued.is_offered = true;
        }
        true
    }

    fn write_body(&mut self, transport: &mut dyn Transport) {
        let Some(body) = &mut self.wire.body else {
            return;
        };
        while let Some(rest) = body.bytes.get(body.written..).filter(|it| !it.is_empty()) {
            let taken = transport.write(body.stream, rest);
            if taken == 0 {
                return;
            }
            body.written += taken;
            if body.written == body.bytes.len() {
                transport.finish(body.stream);
            }
        }
    }

    /// Makes the record of the next message. `false`: there is none, or it has to wait.
    fn next_record(&mut self, transport: &mut dyn Transport, ledger: &mut Ledger<'_>) -> bool {
        let at = self.at(self.wire.next);
        let Some(queued) = self.queue.get(at) else {
            return false;
        };
        let (name, is_long) = (queued.name, queued.body_len > INLINE_BODY_MAX_LEN);
        if is_long && self.wire.body.is_some() {
            return false;
        }
        let message = ledger.outbox.load(ledger.contact, name);
        let Some(message) = message.filter(|it| it.body.len() == queued.body_len) else {
            self.settle(at, State::Failed(FailReason::OutboxLost), ledger);
            return true;
        };
        let stream = if is_long {
            let Some(stream) = transport.open() else {
                return false;
            };
            Some(stream)
        } else {
            None
        };
        self.put(at, message, stream);
        true
    }

    /// Puts the message that stands there where `write_record` and `write_body` take it from.
    fn put(&mut self, at: usize, message: &Outgoing, stream: Option<StreamId>) {
        let Some(queued) = self.queue.get_mut(at) else {
            return;
        };
        let place = queued.place;
        let len = message.body.len() as u64;
        let record = Record {
            body: stream.map_or(Body::Here(&message.body), |stream| Body::Elsewhere {
                stream,
                len,
            }),
            sent_at: message.sent_at,
            ..Record::new(message.kind, &message.conversation, message.name)
        };
        let wire = &mut self.wire;
        wire.record = record.encode_in(core::mem::take(&mut wire.record));
        wire.place = place;
        wire.record_end += wire.record.len() as u64;
        wire.next = place + 1;
        if let Some(stream) = stream {
            wire.body = Some(LongBody {
                place,
                stream,
                bytes: Arc::clone(&message.body),
                written: 0,
            });
        }
        queued.trace = Some(Trace {
            record_end: wire.record_end,
            body: stream.map(|stream| (stream, len)),
        });
    }

    /// The application on the other side has taken these.
    pub(super) fn on_receipt(&mut self, receipt: &Receipt, ledger: &mut Ledger<'_>) {
        if receipt.log != self.log {
            return self.on_earlier_receipt(receipt, ledger);
        }
        for &(low, high) in receipt.ranges.as_slice() {
            let mut at = self.own_at(low);
            while let Some(queued) = self.queue.get(at)
                && queued.name.sequence <= high
            {
                at += usize::from(!self.settle_offered(at, State::Delivered, ledger));
            }
        }
    }

    /// As [`Sender::on_receipt`], for what an earlier process left behind.
    fn on_earlier_receipt(&mut self, receipt: &Receipt, ledger: &mut Ledger<'_>) {
        let mut at = 0;
        while let Some(queued) = self.queue.get(at)
            && queued.name.log != self.log
        {
            let Name { log, sequence } = queued.name;
            let is_named = log == receipt.log && receipt.ranges.range_of(sequence).is_some();
            let is_settled = is_named && self.settle_offered(at, State::Delivered, ledger);
            at += usize::from(!is_settled);
        }
    }

    /// The other side does not take this one. What it may take later is sent again on the next connection, as all is that
    /// was not receipted.
    pub(super) fn on_reject(&mut self, reject: Reject, ledger: &mut Ledger<'_>) {
        if reject.reason.passes() {
            return;
        }
        if let Some(at) = self.position(reject.name) {
            let state = State::Failed(FailReason::Rejected(reject.reason));
            self.settle_offered(at, state, ledger);
        }
    }

    /// Gives up what is too old.
    pub(super) fn expire(&mut self, ledger: &mut Ledger<'_>, now: Instant) {
        while self.deadline().is_some_and(|expires| expires <= now) {
            self.settle(0, State::Failed(FailReason::Expired), ledger);
        }
    }

    /// Gives up everything.
    pub(super) fn give_up(&mut self, ledger: &mut Ledger<'_>) {
        while !self.queue.is_empty() {
            self.settle(0, State::Failed(FailReason::Removed), ledger);
        }
    }

    /// Settles the message that stands there, if what the other side says of it can be true.
    fn settle_offered(&mut self, at: usize, state: State, ledger: &mut Ledger<'_>) -> bool {
        let is_offered = self.queue.get(at).is_some_and(|it| it.is_offered);
        if is_offered {
            self.settle(at, state, ledger);
        }
        is_offered
    }

    fn settle(&mut self, at: usize, state: State, ledger: &mut Ledger<'_>) {
        let Some(queued) = self.queue.remove(at) else {
            return;
        };
        let body = self.wire.body.take_if(|body| body.place == queued.place);
        let unfinished =
            body.filter(|body| body.written < body.bytes.len() || state != State::Delivered);
        self.wire.resets.extend(unfinished.map(|body| body.stream));
        ledger.outbox.settle(ledger.contact, queued.name);
        ledger.tell(queued.name, state);
    }
}
