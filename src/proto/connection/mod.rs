//! The connection inside the tunnel: packet numbers, acknowledgements, what is on its way and what
//! was lost. It knows nothing of keys and survives every rekey.
//! Source: docs/protocol.md#connection, RFC 9002.

mod lines;
mod received;

use crate::id::PacketNumber;
use crate::proto::connection::lines::{Incoming, Outgoing};
use crate::proto::connection::received::Received;
use crate::proto::limits::SKIP_WITHIN;
use crate::proto::recovery::{NewReno, Permit, Recovery};
use crate::proto::rng::CoreRng;
use crate::proto::streams::{CHAT, StreamEvent, StreamRecord, Streams};
use crate::time::Instant;
use crate::wire::frame::{Ack, Frame, Hello, Payload, PayloadWriter};
use crate::wire::limits::{BASE_DATAGRAM_LEN, BASE_PLAINTEXT_LEN, NICKNAME_MAX_LEN, VERSION};

/// How far our HELLO has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HelloState {
    /// Not before the user has accepted the peer.
    Withheld,
    /// In the next packet.
    Due,
    /// Under way.
    Sent,
    /// Arrived.
    Acknowledged,
}

/// What a packet carried that has to be sent again if it is lost.
#[derive(Debug, Default)]
struct Carried {
    hello: bool,
    streams: Vec<StreamRecord>,
}

/// State that starts anew whenever the pair of connection ids changes.
#[derive(Debug)]
pub(super) struct Connection {
    next_number: u64,
    /// The next number to leave out, so that an acknowledgement of it betrays a peer that
    /// acknowledges what it has not seen (RFC 9000 §21.4).
    skip: u64,
    received: Received,
    /// When the highest packet that waits for an ACK arrived.
    ack_due: Option<Instant>,
    recovery: Recovery<Carried>,
    streams: Streams,
    hello: HelloState,
    ping_due: bool,
    /// Packets that go out although the window or the pace forbids it (RFC 9002 §6.2.4).
    probes: u8,
    outgoing: Outgoing,
    incoming: Incoming,
}

/// Why a packet's frames take no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// An honest peer may cause this too: the packet counts as never received.
    Dropped,
    /// The peer broke a rule: the session ends.
    Violation,
}

/// What there is to send.
#[derive(Debug)]
pub(super) enum Poll {
    /// A packet.
    Packet(Packet),
    /// Nothing before this time, because of the pace.
    Later(Instant),
    /// Nothing.
    Nothing,
}

/// A packet to be sealed.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) plaintext: Vec<u8>,
    /// Whether it asks for an acknowledgement.
    pub(super) eliciting: bool,
}

impl Connection {
    pub(super) fn new(withhold_hello: bool, rng: &mut CoreRng, now: Instant) -> Self {
        let hello = if withhold_hello {
            HelloState::Withheld
        } else {
            HelloState::Due
        };
        let controller = Box::new(NewReno::new(BASE_DATAGRAM_LEN));
        Self {
            next_number: 0,
            skip: 1 + rng.below(SKIP_WITHIN) as u64,
            received: Received::default(),
            ack_due: None,
            recovery: Recovery::new(controller, BASE_DATAGRAM_LEN, now),
            streams: Streams::new(),
            hello,
            ping_due: false,
            probes: 0,
            outgoing: Outgoing::default(),
            incoming: Incoming::default(),
        }
    }

    // --- in -----------------------------------------------------------------------------------

    /// Whether a packet's frames may take effect, all of them. Changes nothing.
    pub(super) fn check(&self, payload: &Payload<'_>) -> Result<(), Refused> {
        for frame in &payload.frames {
            if let Frame::Ack(ack) = frame
                && self.recovery.check(ack).is_err()
            {
                return Err(Refused::Violation);
            }
        }
        self.streams.check(&payload.frames).map_err(|violation| {
            if violation.is_fatal() {
                Refused::Violation
            } else {
                Refused::Dropped
            }
        })
    }

    /// Notes an arrived packet; false if it is a duplicate or too old to tell.
    pub(super) fn on_packet(
        &mut self,
        number: PacketNumber,
        eliciting: bool,
        now: Instant,
    ) -> bool {
        if !self.received.insert(number.0) {
            return false;
        }
        if eliciting {
            self.ack_due = Some(now);
        }
        true
    }

    /// Takes note of what arrived at the other side.
    pub(super) fn on_ack(&mut self, ack: &Ack, now: Instant) -> Result<(), Refused> {
        let progress = self
            .recovery
            .on_ack(ack, now)
            .map_err(|_| Refused::Violation)?;
        for carried in progress.acked {
            self.on_arrived(&carried);
        }
        for carried in progress.lost {
            self.on_lost(carried);
        }
        Ok(())
    }

    fn on_arrived(&mut self, carried: &Carried) {
        if carried.hello {
            self.hello = HelloState::Acknowledged;
        }
        for record in &carried.streams {
            self.streams.on_acked(record);
        }
        self.outgoing.on_acked(self.streams.acked_to(CHAT));
    }

    fn on_lost(&mut self, carried: Carried) {
        if carried.hello && self.hello == HelloState::Sent {
            self.hello = HelloState::Due;
        }
        for record in carried.streams {
            self.streams.on_lost(record);
        }
    }

    /// Applies a frame about streams.
    pub(super) fn on_stream_frame(&mut self, frame: &Frame<'_>) {
        self.streams.apply(frame);
    }

    /// The lines that have arrived, in the order in which they were said.
    pub(super) fn read_lines(&mut self) -> Result<Vec<Vec<u8>>, Refused> {
        let mut lines = Vec::new();
        loop {
            let bytes = self.streams.read(CHAT, READ_LEN);
            if bytes.is_empty() {
                return Ok(lines);
            }
            lines.extend(self.incoming.read(&bytes).map_err(|_| Refused::Violation)?);
        }
    }

    /// Bulk streams have no reader yet: what comes on them is refused.
    pub(super) fn drain_stream_events(&mut self) {
        while let Some(event) = self.streams.poll_event() {
            if let StreamEvent::Readable(id) = event
                && id != CHAT
            {
                self.streams.stop(id, NOBODY_READS);
            }
        }
    }

    // --- commands -----------------------------------------------------------------------------

    /// Lets a withheld HELLO go.
    pub(super) fn release_hello(&mut self) {
        if self.hello == HelloState::Withheld {
            self.hello = HelloState::Due;
        }
    }

    /// Asks for an acknowledgement with the next packet.
    pub(super) const fn ping(&mut self) {
        self.ping_due = true;
    }

    /// The path works again after a silence: asks at once what has arrived, instead of waiting for a
    /// timeout that has backed off.
    pub(super) fn probe(&mut self) {
        if self.recovery.awaits_ack() {
            self.probes = self.probes.max(1);
        }
    }

    /// The peer is at another address: what was learned about the path no longer holds.
    pub(super) fn on_path_change(&mut self, now: Instant) {
        self.recovery.on_path_change(BASE_DATAGRAM_LEN, now);
    }

    /// Whether the next line can be written.
    pub(super) fn takes_lines(&self) -> bool {
        self.outgoing.is_written()
    }

    /// Writes a line to the chat stream.
    pub(super) fn write_line(&mut self, line: &[u8]) {
        self.outgoing.push(line);
        self.write_outgoing();
    }

    fn write_outgoing(&mut self) {
        let streams = &mut self.streams;
        self.outgoing.write(|bytes| streams.write(CHAT, bytes));
    }

    // --- out ----------------------------------------------------------------------------------

    /// The next packet. `keepalive`: also one that says nothing.
    pub(super) fn poll(
        &mut self,
        nickname: &str,
        keepalive: bool,
        rng: &mut CoreRng,
        now: Instant,
    ) -> Poll {
        self.write_outgoing();
        let permit = match self.probes {
            0 => self.recovery.may_send(BASE_DATAGRAM_LEN, now),
            _ => Permit::Now,
        };
        let number = self.take_number(rng);
        let mut writer = PayloadWriter::new(number, BASE_PLAINTEXT_LEN);
        if let Some(ack) = self.take_ack(now) {
            writer.push(&Frame::Ack(ack));
        }
        let carried = match permit {
            Permit::Now => self.fill(&mut writer, nickname),
            Permit::At(_) | Permit::Blocked => None,
        };
        let eliciting = carried.is_some();
        if writer.is_empty() && !keepalive {
            self.give_back(number);
            return match permit {
                Permit::At(at) if self.has_content() => Poll::Later(at),
                Permit::Now => {
                    self.recovery.on_app_limited();
                    Poll::Nothing
                }
                Permit::At(_) | Permit::Blocked => Poll::Nothing,
            };
        }
        let plaintext = writer.finish();
        let len = plaintext.len() + BASE_DATAGRAM_LEN - BASE_PLAINTEXT_LEN;
        let carried = carried.unwrap_or_default();
        if let Some(given_up) = self.recovery.on_sent(number, len, eliciting, carried, now) {
            self.on_lost(given_up);
        }
        Poll::Packet(Packet {
            plaintext,
            eliciting,
        })
    }

    /// A packet that ends the session.
    pub(super) fn last_packet(&mut self, frame: &Frame<'_>, rng: &mut CoreRng) -> Vec<u8> {
        let mut writer = PayloadWriter::new(self.take_number(rng), BASE_PLAINTEXT_LEN);
        writer.push(frame);
        writer.finish()
    }

    /// Fills a packet with whatever asks for an acknowledgement. `None` if there is nothing.
    fn fill(&mut self, writer: &mut PayloadWriter, nickname: &str) -> Option<Carried> {
        let mut carried = Carried::default();
        let mut any = false;
        if self.hello == HelloState::Due {
            let end = nickname.floor_char_boundary(NICKNAME_MAX_LEN);
            let nickname = nickname.as_bytes().get(..end).unwrap_or_default();
            writer.push(&Frame::Hello(Hello {
                newest_version: VERSION,
                nickname,
            }));
            self.hello = HelloState::Sent;
            (carried.hello, any) = (true, true);
        }
        while let Some(frame) = self.streams.poll_frame(writer.room()) {
            writer.push(&frame.as_frame());
            carried.streams.push(frame.record());
            any = true;
        }
        let wants_ping = core::mem::take(&mut self.ping_due) || self.probes > 0;
        if !any && wants_ping {
            writer.push(&Frame::Ping);
            any = true;
        }
        if any {
            self.probes = self.probes.saturating_sub(1);
        }
        any.then_some(carried)
    }

    fn has_content(&self) -> bool {
        self.hello == HelloState::Due || self.ping_due || self.streams.has_frames()
    }

    fn take_ack(&mut self, now: Instant) -> Option<Ack> {
        let since = self.ack_due.take()?;
        let delay = now.saturating_since(since).as_micros();
        Some(Ack {
            delay_us: u64::try_from(delay).unwrap_or(u64::MAX),
            ranges: self.received.ranges.clone(),
        })
    }

    /// The next packet number; now and then one is left out.
    fn take_number(&mut self, rng: &mut CoreRng) -> PacketNumber {
        if self.next_number == self.skip {
            self.recovery.skip(PacketNumber(self.skip));
            self.next_number += 1;
            self.skip = self.next_number + 1 + rng.below(SKIP_WITHIN) as u64;
        }
        let number = PacketNumber(self.next_number);
        self.next_number += 1;
        number
    }

    /// Takes a number back that no packet was sent under.
    fn give_back(&mut self, number: PacketNumber) {
        self.next_number = number.0;
    }

    // --- timers -------------------------------------------------------------------------------

    /// When to call [`Connection::on_timeout`].
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.recovery.timeout()
    }

    /// Something is overdue: it is lost, or asked for.
    pub(super) fn on_timeout(&mut self, now: Instant) {
        let outcome = self.recovery.on_timeout(now);
        self.probes = self.probes.max(outcome.probes);
        for carried in outcome.lost {
            self.on_lost(carried);
        }
    }

    // --- status -------------------------------------------------------------------------------

    /// Whether something is out that the other side has yet to acknowledge.
    pub(super) fn awaits_ack(&self) -> bool {
        self.recovery.awaits_ack()
    }

    /// Whether something is out or waits that matters to the user.
    pub(super) fn is_busy(&self) -> bool {
        self.outgoing.unacknowledged() > 0
    }

    /// How many lines are not known to have arrived.
    pub(super) fn unacknowledged_lines(&self) -> usize {
        self.outgoing.unacknowledged()
    }

    pub(super) fn pto(&self) -> core::time::Duration {
        self.recovery.pto()
    }
}

/// How much of the chat stream is read at once.
const READ_LEN: usize = 64 << 10;
/// The code of a STOP for a stream that nobody reads.
const NOBODY_READS: u64 = 1;

#[cfg(test)]
mod tests;
