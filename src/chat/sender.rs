//! Our messages to one contact, from the outbox to their receipts.
//!
//! 1. `enqueue`: the message has a name, a place in the order and a time at which it expires.
//! 2. `pump`: records go onto the chat stream in that order; a long body onto a stream of its own,
//!    one at a time, so that a later one cannot use up the credit that an earlier one needs.
//! 3. `pump`, once the peer's transport has acknowledged record and body: it is sent.
//! 4. `on_receipt`, `on_reject`, `expire`: it is settled and leaves the outbox.
//!
//! A new connection begins again at 2 with everything that is not settled, under the same names.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::chat::contact::ContactId;
use crate::chat::event::{Event, FailReason, State};
use crate::chat::message::{Body, LogId, Name, Record};
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
    /// What is not settled, by its place in the order.
    queue: BTreeMap<u64, Queued>,
    places: BTreeMap<Name, u64>,
    next_place: u64,
    deadlines: BTreeSet<(Instant, u64)>,
    wire: Wire,
}

struct Queued {
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
            queue: BTreeMap::new(),
            places: BTreeMap::new(),
            next_place: 0,
            deadlines: BTreeSet::new(),
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

    /// Appends a message that the outbox has taken.
    pub(super) fn enqueue(&mut self, name: Name, body_len: usize, expires: Instant) {
        if name.log == self.log {
            self.next_sequence = self.next_sequence.max(name.sequence + 1);
        }
        let place = self.next_place;
        self.next_place += 1;
        self.places.insert(name, place);
        self.deadlines.insert((expires, place));
        let queued = Queued {
            name,
            body_len,
            expires,
            is_sent: false,
            is_offered: false,
            trace: None,
        };
        self.queue.insert(place, queued);
    }

    pub(super) fn state(&self, name: Name) -> Option<State> {
        let queued = self.queue.get(self.places.get(&name)?)?;
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
        self.deadlines.first().map(|&(expires, _)| expires)
    }

    /// Forgets what was written: another connection begins, or there is none.
    pub(super) fn start_anew(&mut self) {
        self.wire = Wire::default();
        self.queue.values_mut().for_each(|it| it.trace = None);
    }

    /// Writes what the transport has room for, and sees what it acknowledges.
    pub(super) fn pump(&mut self, transport: &mut dyn Transport, ledger: &mut Ledger<'_>) {
        let peer = ledger.contact.peer();
        for stream in self.wire.resets.drain(..) {
            transport.reset(peer, stream);
        }
        self.note_acked(transport, ledger);
        loop {
            let has_room = self.write_record(transport, ledger.contact);
            self.write_body(transport, ledger.contact);
            if !has_room || !self.next_record(transport, ledger) {
                return;
            }
        }
    }

    /// Marks as sent what is acknowledged, in order.
    fn note_acked(&mut self, transport: &dyn Transport, ledger: &mut Ledger<'_>) {
        let peer = ledger.contact.peer();
        let acked = |stream, len| {
            transport.acked_to(peer, stream) >= len || transport.is_stopped(peer, stream)
        };
        if let Some(body) = &self.wire.body
            && acked(body.stream, body.bytes.len() as u64)
        {
            if let Some(Queued {
                trace: Some(trace), ..
            }) = self.queue.get_mut(&body.place)
            {
                trace.body = None;
            }
            self.wire.body = None;
        }
        let records = transport.acked_to(peer, CHAT_STREAM);
        let unacked = self.wire.unacked..self.wire.next;
        for (&place, queued) in self.queue.range_mut(unacked) {
            match queued.trace {
                Some(trace) if trace.record_end <= records && trace.body.is_none() => {}
                Some(_) | None => return,
            }
            self.wire.unacked = place + 1;
            if !queued.is_sent {
                queued.is_sent = true;
                ledger.tell(queued.name, State::Sent);
            }
        }
    }

    /// Whether the newest record has been written whole.
    fn write_record(&mut self, transport: &mut dyn Transport, contact: ContactId) -> bool {
        let wire = &mut self.wire;
        let rest = wire.record.get(wire.written..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
        wire.written += transport.write(contact.peer(), CHAT_STREAM, rest);
        if wire.written < wire.record.len() {
            return false;
        }
        wire.record = Vec::new();
        wire.written = 0;
        if let Some(queued) = self.queue.get_mut(&wire.place) {
            queued.is_offered = true;
        }
        true
    }

    fn write_body(&mut self, transport: &mut dyn Transport, contact: ContactId) {
        let Some(body) = &mut self.wire.body else {
            return;
        };
        while let Some(rest) = body.bytes.get(body.written..).filter(|it| !it.is_empty()) {
            let taken = transport.write(contact.peer(), body.stream, rest);
            if taken == 0 {
                return;
            }
            body.written += taken;
            if body.written == body.bytes.len() {
                transport.finish(contact.peer(), body.stream);
            }
        }
    }

    /// Makes the record of the next message. `false`: there is none, or it has to wait.
    fn next_record(&mut self, transport: &mut dyn Transport, ledger: &mut Ledger<'_>) -> bool {
        let Some((&place, queued)) = self.queue.range(self.wire.next..).next() else {
            return false;
        };
        let (name, is_long) = (queued.name, queued.body_len > INLINE_BODY_MAX_LEN);
        if is_long && self.wire.body.is_some() {
            return false;
        }
        let message = ledger.outbox.load(ledger.contact, name);
        let Some(message) = message.filter(|it| it.body.len() == queued.body_len) else {
            self.settle(place, State::Failed(FailReason::OutboxLost), ledger);
            return true;
        };
        let stream = if is_long {
            let Some(stream) = transport.open(ledger.contact.peer()) else {
                return false;
            };
            Some(stream)
        } else {
            None
        };
        self.put(place, &message, stream);
        true
    }

    /// Puts a message where `write_record` and `write_body` take it from.
    fn put(&mut self, place: u64, message: &Outgoing, stream: Option<StreamId>) {
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
        wire.record = record.encode();
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
        if let Some(queued) = self.queue.get_mut(&place) {
            queued.trace = Some(Trace {
                record_end: wire.record_end,
                body: stream.map(|stream| (stream, len)),
            });
        }
    }

    /// The application on the other side has taken these.
    pub(super) fn on_receipt(&mut self, receipt: &Receipt, ledger: &mut Ledger<'_>) {
        let name = |sequence| Name {
            log: receipt.log,
            sequence,
        };
        for &(low, high) in receipt.ranges.as_slice() {
            let places = self.places.range(name(low)..=name(high));
            let places: Vec<u64> = places.map(|(_, &place)| place).collect();
            for place in places {
                self.settle_offered(place, State::Delivered, ledger);
            }
        }
    }

    /// The other side does not take this one.
    pub(super) fn on_reject(&mut self, reject: Reject, ledger: &mut Ledger<'_>) {
        if let Some(&place) = self.places.get(&reject.name) {
            let state = State::Failed(FailReason::Rejected(reject.reason));
            self.settle_offered(place, state, ledger);
        }
    }

    /// Gives up what is too old.
    pub(super) fn expire(&mut self, ledger: &mut Ledger<'_>, now: Instant) {
        while let Some(&(expires, place)) = self.deadlines.first()
            && expires <= now
        {
            self.settle(place, State::Failed(FailReason::Expired), ledger);
        }
    }

    /// Gives up everything.
    pub(super) fn give_up(&mut self, ledger: &mut Ledger<'_>) {
        while let Some((&place, _)) = self.queue.first_key_value() {
            self.settle(place, State::Failed(FailReason::Removed), ledger);
        }
    }

    fn settle_offered(&mut self, place: u64, state: State, ledger: &mut Ledger<'_>) {
        if self.queue.get(&place).is_some_and(|it| it.is_offered) {
            self.settle(place, state, ledger);
        }
    }

    fn settle(&mut self, place: u64, state: State, ledger: &mut Ledger<'_>) {
        let Some(queued) = self.queue.remove(&place) else {
            return;
        };
        self.places.remove(&queued.name);
        self.deadlines.remove(&(queued.expires, place));
        let body = self.wire.body.take_if(|body| body.place == place);
        let unfinished =
            body.filter(|body| body.written < body.bytes.len() || state != State::Delivered);
        self.wire.resets.extend(unfinished.map(|body| body.stream));
        ledger.outbox.settle(ledger.contact, queued.name, state);
        ledger.tell(queued.name, state);
    }
}
