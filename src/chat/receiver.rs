//! A contact's messages to us, from the chat stream to the application, and the receipts back.
//!
//! 1. `pump` cuts the chat stream into records, in order.
//! 2. A record is judged before anything more is kept of it: a duplicate is receipted again, what is
//!    unsupported, too large or late is turned away, and a new one is shown to the application.
//! 3. A body on a stream of its own is waited for; the chat stream waits with it, since the order of
//!    messages is that of their records.
//! 4. `take` or `refuse`: the application has decided, and the sender is told.
//!
//! Nothing is read while the application or the transport has too much to do already: the peer's
//! flow control then holds the rest back.

use std::collections::{BTreeSet, VecDeque};

use crate::chat::contact::ContactId;
use crate::chat::event::{Event, Incoming, Misbehaviour};
use crate::chat::log::{Seen, SeenLog, Verdict};
use crate::chat::message::{Body, ConversationId, Cutter, Kind, LogId, Name, Record};
use crate::chat::policy::Policy;
use crate::chat::ranges::Ranges;
use crate::chat::receipt::{Receipt, Reject, RejectReason};
use crate::chat::transport::{CHAT_STREAM, Transport};
use crate::id::StreamId;
use crate::time::Instant;
use crate::wire::DecodeError;

/// Messages of one contact that the application has neither taken nor refused: with so many, nothing more of it is read.
pub const MAX_UNTAKEN: usize = 64;
/// Bytes of such messages above which no further one is begun.
pub const MAX_UNTAKEN_BYTES: usize = 4 * 1024 * 1024;
/// Receipts (ranges), rejects, unwanted bodies, and messages turned away that nobody has looked at yet.
pub(super) const MAX_ANSWERS: usize = 64;
/// Bytes read at once.
const PIECE_LEN: usize = 64 * 1024;

/// What one turn of a receiver works with.
pub(super) struct Turn<'a> {
    pub(super) contact: ContactId,
    pub(super) transport: &'a mut dyn Transport,
    pub(super) policy: &'a Policy,
    pub(super) events: &'a mut VecDeque<Event>,
    pub(super) now: Instant,
}

#[derive(Default)]
pub(super) struct Receiver {
    cutter: Cutter,
    awaited: Option<Awaited>,
    /// Bodies that nobody wants and that are not over: a stream can be stopped once it has begun.
    unwanted: BTreeSet<StreamId>,
    /// Whether the peer broke the rules on this connection.
    is_broken: bool,
    /// Whether that is news.
    has_breach: bool,
    /// Whether more may have come than was read.
    may_read: bool,
    seen: Seen,
    /// What the application has and has not decided on, with its length.
    untaken: VecDeque<(Name, usize)>,
    untaken_bytes: usize,
    /// What was turned away and waits in the events.
    unpolled: usize,
    receipts: VecDeque<(LogId, Ranges)>,
    rejects: VecDeque<Reject>,
}

/// A message whose body is on its way.
struct Awaited {
    message: Incoming,
    stream: StreamId,
    len: usize,
}

/// A record, detached from the bytes that it was cut from.
struct Arrival {
    kind: Option<Kind>,
    message: Incoming,
    len: u64,
    stream: Option<StreamId>,
}

impl Receiver {
    /// Remembers what an earlier process took of a log.
    pub(super) fn restore(&mut self, log: LogId, seen: SeenLog, heard: Instant) {
        self.seen.restore(log, seen, heard);
    }

    /// Forgets what is unfinished: another connection begins, or there is none.
    pub(super) fn start_anew(&mut self) {
        self.cutter = Cutter::default();
        self.awaited = None;
        self.unwanted.clear();
        self.is_broken = false;
        self.seen.start_anew();
    }

    /// Reads what has come and there is room for, and sends what is due. `is_stirred`: something about
    /// the transport has changed since the last time.
    pub(super) fn pump(&mut self, is_stirred: bool, turn: &mut Turn<'_>) {
        self.may_read |= is_stirred;
        if !self.has_work() {
            return;
        }
        loop {
            while self.may_read && self.has_room() {
                self.may_read = self.step(turn);
            }
            let was_full = !self.has_room();
            self.stop_unwanted(turn);
            self.answer(turn);
            if !was_full || !self.has_room() {
                return;
            }
        }
    }

    /// Whether there may be something to read, to answer or to stop: a message of ours brings none of it.
    fn has_work(&self) -> bool {
        let answers = self.receipts.len() + self.rejects.len() + self.unwanted.len();
        self.may_read || answers > 0
    }

    fn stop_unwanted(&mut self, turn: &mut Turn<'_>) {
        self.unwanted.retain(|&stream| {
            turn.transport.stop(stream);
            !turn.transport.is_over(stream)
        });
    }

    fn has_room(&self) -> bool {
        let receipts: usize = self.receipts.iter().map(|(_, it)| it.len()).sum();
        !self.is_broken
            && self.untaken.len() < MAX_UNTAKEN
            && self.untaken_bytes < MAX_UNTAKEN_BYTES
            && receipts < MAX_ANSWERS
            && self.rejects.len() < MAX_ANSWERS
            && self.unpolled < MAX_ANSWERS
            && self.unwanted.len() < MAX_ANSWERS
    }

    /// Reads on by one record or one piece. `false`: nothing more has come.
    fn step(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.awaited.is_some() {
            return self.read_body(turn);
        }
        match self.next_arrival() {
            Ok(Some(arrival)) => {
                self.on_arrival(arrival, turn);
                true
            }
            Ok(None) => {
                let read = |out: &mut Vec<u8>| turn.transport.read(CHAT_STREAM, PIECE_LEN, out);
                self.cutter.fill(read) > 0
            }
            Err(error) => {
                self.on_misbehaviour(turn.contact, Misbehaviour::Message(error), turn.events);
                false
            }
        }
    }

    fn next_arrival(&mut self) -> Result<Option<Arrival>, DecodeError> {
        let Some(record) = self.cutter.next()? else {
            return Ok(None);
        };
        Record::parse(record).map(Arrival::from).map(Some)
    }

    fn on_arrival(&mut self, arrival: Arrival, turn: &mut Turn<'_>) {
        match self.judge(&arrival, turn) {
            Ok(Some(missing)) => {
                let message = Incoming {
                    missing,
                    ..arrival.message
                };
                match arrival.stream {
                    Some(stream) => {
                        self.awaited = Some(Awaited {
                            message,
                            stream,
                            len: usize::try_from(arrival.len).unwrap_or(usize::MAX),
                        });
                    }
                    None => self.show(message, turn),
                }
                return;
            }
            Ok(None) => {}
            Err(reason) => self.turn_away(arrival.message.name, reason, turn),
        }
        self.unwanted.extend(arrival.stream);
    }

    /// `Ok(Some(missing))`: it is new. `Ok(None)`: a duplicate, and nothing remains to be done.
    fn judge(&mut self, arrival: &Arrival, turn: &Turn<'_>) -> Result<Option<u64>, RejectReason> {
        let name = arrival.message.name;
        self.seen.on_heard(name.log, turn.now);
        if self.is_untaken(name) {
            return Ok(None);
        }
        let verdict = self.verdict(name, turn.now);
        if verdict == Verdict::Taken {
            self.owe_receipt(name);
            return Ok(None);
        }
        let is_ours = arrival.message.conversation == ConversationId::default();
        if arrival.kind.is_none() || !is_ours {
            return Err(RejectReason::Unsupported);
        }
        if arrival.len > turn.policy.largest as u64 {
            return Err(RejectReason::TooLarge);
        }
        match verdict {
            Verdict::New { missing } => Ok(Some(missing)),
            Verdict::Taken => Ok(None),
            Verdict::Late => Err(RejectReason::OutOfOrder),
            Verdict::TooManyLogs => Err(RejectReason::TooManyLogs),
        }
    }

    /// What is to be done with a message that is not untaken. What is untaken of one log ascends, also if that was
    /// forgotten meanwhile.
    fn verdict(&self, name: Name, now: Instant) -> Verdict {
        let verdict = self.seen.judge(name, now);
        let is_above = |it: &Name| it.log == name.log && it.sequence > name.sequence;
        let is_passed = || {
            let mut untaken = self.untaken.iter().map(|(untaken, _)| untaken);
            !self.seen.remembers(name.log) && untaken.any(is_above)
        };
        match verdict {
            Verdict::New { .. } if is_passed() => Verdict::Late,
            Verdict::New { .. } | Verdict::Taken | Verdict::Late | Verdict::TooManyLogs => verdict,
        }
    }

    /// Whether the application has it and has not decided. What is untaken of one log ascends, so that the
    /// newest mostly tells.
    fn is_untaken(&self, name: Name) -> bool {
        let newest = self.untaken.back().map(|(newest, _)| newest);
        let is_above = newest.is_some_and(|it| it.log == name.log && it.sequence < name.sequence);
        !is_above && self.untaken.iter().any(|(untaken, _)| *untaken == name)
    }

    /// Reads on in a body of its own. `false`: nothing more has come.
    fn read_body(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(awaited) = &mut self.awaited else {
            return false;
        };
        let body = &mut awaited.message.body;
        let wanted = awaited.len.saturating_sub(body.len()).min(PIECE_LEN);
        let count = turn.transport.read(awaited.stream, wanted, body);
        let (stream, is_whole) = (awaited.stream, body.len() >= awaited.len);
        if !is_whole {
            let is_over = count == 0 && turn.transport.is_over(stream);
            if is_over {
                // Its sender has given it up: the next message tells of the gap.
                self.awaited = None;
            }
            return is_over || count > 0;
        }
        // Whatever follows is not part of it.
        self.unwanted.insert(stream);
        if let Some(awaited) = self.awaited.take() {
            self.show(awaited.message, turn);
        }
        true
    }

    fn show(&mut self, message: Incoming, turn: &mut Turn<'_>) {
        self.seen.on_met(message.name, turn.now);
        self.untaken.push_back((message.name, message.body.len()));
        self.untaken_bytes += message.body.len();
        let contact = turn.contact;
        turn.events.push_back(Event::Message { contact, message });
    }

    fn turn_away(&mut self, name: Name, reason: RejectReason, turn: &mut Turn<'_>) {
        self.seen.on_met(name, turn.now);
        self.rejects.push_back(Reject { name, reason });
        self.unpolled += 1;
        let contact = turn.contact;
        turn.events.push_back(Event::TurnedAway {
            contact,
            name,
            reason,
        });
    }

    /// Notes that an event that says that something was turned away has been seen.
    pub(super) const fn on_polled(&mut self) {
        self.unpolled = self.unpolled.saturating_sub(1);
    }

    /// The application has a message safe; its sender may know.
    pub(super) fn take(&mut self, name: Name, now: Instant) {
        if self.decide(name) {
            self.seen.on_taken(name, now);
            self.owe_receipt(name);
        }
    }

    /// The application does not want a message.
    pub(super) fn refuse(&mut self, name: Name) {
        if self.decide(name) {
            let reason = RejectReason::Refused;
            self.rejects.push_back(Reject { name, reason });
        }
    }

    fn decide(&mut self, name: Name) -> bool {
        let at = self.untaken.iter().position(|(it, _)| *it == name);
        let decided = at.and_then(|at| self.untaken.remove(at));
        self.untaken_bytes -= decided.map_or(0, |(_, len)| len);
        decided.is_some()
    }

    fn owe_receipt(&mut self, name: Name) {
        let (low, high) = self.seen.receipt_for(name);
        let known = self.receipts.iter_mut().find(|(log, _)| *log == name.log);
        match known {
            Some((_, ranges)) => ranges.insert(low, high),
            None => {
                let ranges = Ranges::from_iter([(low, high)]);
                self.receipts.push_back((name.log, ranges));
            }
        }
    }

    /// Sends receipts and rejects while the transport takes them. A receipt that went out in part is
    /// sent whole again: it says the same.
    fn answer(&mut self, turn: &mut Turn<'_>) {
        let transport = &mut *turn.transport;
        while let Some((log, ranges)) = self.receipts.front_mut() {
            join_waiting(*log, ranges, transport);
            if !Receipt::encode(*log, ranges, |body| transport.send_receipt(body)) {
                return;
            }
            self.receipts.pop_front();
        }
        while let Some(reject) = self.rejects.front() {
            if !transport.send_reject(reject.encode()) {
                return;
            }
            self.rejects.pop_front();
        }
    }

    /// The peer broke the rules: told once a connection, and nothing more is read.
    pub(super) fn on_misbehaviour(
        &mut self,
        contact: ContactId,
        how: Misbehaviour,
        events: &mut VecDeque<Event>,
    ) {
        if !self.is_broken {
            (self.is_broken, self.has_breach) = (true, true);
            self.awaited = None;
            events.push_back(Event::Misbehaved { contact, how });
        }
    }

    /// Whether the peer broke the rules since this was asked.
    pub(super) const fn take_breach(&mut self) -> bool {
        core::mem::replace(&mut self.has_breach, false)
    }

    pub(super) fn held_bytes(&self) -> usize {
        let awaited = self.awaited.as_ref().map_or(0, |it| it.message.body.len());
        self.cutter.held() + awaited + self.untaken_bytes
    }
}

/// What a receipt of the same log says that has not left yet joins the new one: they share a frame.
fn join_waiting(log: LogId, ranges: &mut Ranges, transport: &mut dyn Transport) {
    let Some(body) = transport.take_back_receipt() else {
        return;
    };
    match Receipt::parse(&body) {
        Ok(waiting) if waiting.log == log => {
            for &(low, high) in waiting.ranges.as_slice() {
                ranges.insert(low, high);
            }
        }
        Ok(_) | Err(_) => {
            transport.send_receipt(body);
        }
    }
}

impl From<Record<'_>> for Arrival {
    fn from(record: Record<'_>) -> Self {
        let (body, stream) = match record.body {
            Body::Here(bytes) => (bytes.to_vec(), None),
            Body::Elsewhere { stream, .. } => (Vec::new(), Some(stream)),
        };
        let kind = Kind::from_code(record.kind);
        Self {
            kind,
            message: Incoming {
                name: record.name,
                kind: kind.unwrap_or(Kind::Text),
                conversation: ConversationId::new(record.conversation).unwrap_or_default(),
                sent_at: record.sent_at,
                body,
                missing: 0,
            },
            len: record.body.len(),
            stream,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_untaken_of_a_log_ascends_although_the_log_was_forgotten() {
        let name = |sequence| Name {
            log: LogId(1),
            sequence,
        };
        let (mut receiver, now) = (Receiver::default(), Instant::ZERO);
        receiver.untaken.push_back((name(5), 0));
        assert_eq!(receiver.verdict(name(3), now), Verdict::Late);
        let new = Verdict::New { missing: 0 };
        assert_eq!(receiver.verdict(name(6), now), new);
        assert!(Receiver::default().verdict(name(3), now) == new);
    }
}
