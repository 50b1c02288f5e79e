//! Packets that leave: what goes into them, and what is remembered of it.

use crate::id::PacketNumber;
use crate::proto::connection::echo::Echo;
use crate::proto::connection::{Carried, Connection, HelloState, Note};
use crate::proto::limits::SKIP_WITHIN;
use crate::proto::recovery::{Permit, Progress};
use crate::proto::rng::CoreRng;
use crate::proto::streams::StreamRecord;
use crate::proto::transmit::Buffers;
use crate::time::Instant;
use crate::wire::Writer;
use crate::wire::frame::{Frame, Hello, PayloadWriter};
use crate::wire::limits::{DATA_HEADER_LEN, FLOOR_DATAGRAM_LEN, TAG_LEN};

/// What a datagram has around the plaintext.
pub(in crate::proto) const OVERHEAD: usize = DATA_HEADER_LEN + TAG_LEN;
/// Bytes kept free for the frame that ends a session.
const LAST_FRAME_MAX_LEN: usize = 16;

/// What there is to send.
#[derive(Debug)]
pub(in crate::proto) enum Poll {
    /// A packet.
    Packet(Packet),
    /// Nothing before this time, because of the pace.
    Later(Instant),
    /// Nothing.
    Nothing,
}

/// A packet to be sealed.
#[derive(Debug)]
pub(in crate::proto) struct Packet {
    /// The plaintext, with room for the header before it and for the tag behind it.
    pub(in crate::proto) datagram: Vec<u8>,
    /// Whether it asks for an acknowledgement.
    pub(in crate::proto) eliciting: bool,
}

/// What all connections of an endpoint work with, so that none has memory of its own for it.
#[derive(Debug, Default)]
pub(in crate::proto) struct Scratch {
    pub(super) progress: Progress<Carried>,
    pub(in crate::proto) buffers: Buffers,
}

impl Scratch {
    /// Begins a datagram: room for its header.
    fn begin(&mut self) -> Writer {
        let mut writer = Writer::from(self.buffers.take());
        writer.pad_to(DATA_HEADER_LEN);
        writer
    }
}

/// Ends a datagram: room for its tag.
fn end(mut writer: Writer) -> Vec<u8> {
    let len = writer.len() + TAG_LEN;
    writer.pad_to(len);
    writer.into_vec()
}

impl Connection {
    /// The next packet. `keepalive`: also one that says nothing.
    pub(in crate::proto) fn poll(
        &mut self,
        hello: &Hello<'_>,
        keepalive: bool,
        rng: &mut CoreRng,
        scratch: &mut Scratch,
        now: Instant,
    ) -> Poll {
        let limit = self.limit.unwrap_or(usize::MAX);
        let (permit, size) = match self.probes {
            0 => {
                let size = self.mtu.size().min(limit);
                (self.recovery.may_send(size, now), size)
            }
            // Were it larger, nothing would tell a lost path from a narrow one.
            _ => (Permit::Now, FLOOR_DATAGRAM_LEN.min(limit)),
        };
        if permit == Permit::Now
            && self.probes == 0
            && self.limit.is_none()
            && core::mem::take(&mut self.was_full)
            && let Some(size) = self.mtu.probe_due(now)
            && self.recovery.may_send(size, now) == Permit::Now
        {
            return Poll::Packet(self.mtu_probe(size, rng, scratch, now));
        }
        let may_fill = permit == Permit::Now && (self.probes > 0 || self.has_content());
        let must = keepalive || self.acks.is_due(now);
        if !may_fill && !must {
            return self.wait(permit);
        }
        if let Some(rtt) = self.recovery.rtt() {
            self.streams.tune(rtt.smoothed, now);
        }
        let number = self.take_number(rng);
        let mut datagram = scratch.begin();
        let mut writer = PayloadWriter::new(&mut datagram, number, size - OVERHEAD);
        let (ack, told) = self.acks.frame(writer.room(), now).unzip();
        if let Some(ack) = ack {
            writer.push(&Frame::Ack(ack));
        }
        let mut carried = Carried::default();
        let eliciting = may_fill && self.fill(&mut writer, hello, &mut carried);
        if eliciting && let Some(pings) = &mut self.pings {
            pings.on_sent(number, now);
        }
        if !eliciting && !must {
            self.give_back(number);
            scratch.buffers.put(datagram.into_vec());
            return self.wait(permit);
        }
        self.acks.on_sent();
        writer.finish();
        let datagram = end(datagram);
        let size = datagram.len();
        self.was_full = size == self.mtu.size();
        (carried.size, carried.told) = (size, told.flatten());
        self.notes_out += carried.notes.len();
        let given_up = self.recovery.on_sent(number, size, eliciting, carried, now);
        if let Some(given_up) = given_up {
            self.on_lost(given_up, now);
        }
        Poll::Packet(Packet {
            datagram,
            eliciting,
        })
    }

    /// Nothing leaves now.
    fn wait(&mut self, permit: Permit) -> Poll {
        match permit {
            Permit::At(at) if self.has_content() => Poll::Later(at),
            Permit::At(_) | Permit::Now => {
                self.recovery.on_app_limited();
                Poll::Nothing
            }
            Permit::Blocked => Poll::Nothing,
        }
    }

    /// A packet that says nothing but is larger than any before (RFC 8899 §4.1).
    fn mtu_probe(
        &mut self,
        size: usize,
        rng: &mut CoreRng,
        scratch: &mut Scratch,
        now: Instant,
    ) -> Packet {
        let number = self.take_number(rng);
        let mut datagram = scratch.begin();
        let mut writer = PayloadWriter::new(&mut datagram, number, size - OVERHEAD);
        writer.push(&Frame::Ping);
        writer.finish_full();
        let carried = Carried {
            size,
            mtu_probe: Some(number),
            ..Carried::default()
        };
        let given_up = self.recovery.on_mtu_probe_sent(number, size, carried, now);
        self.mtu.on_probe_sent(number);
        if let Some(given_up) = given_up {
            self.on_lost(given_up, now);
        }
        Packet {
            datagram: end(datagram),
            eliciting: true,
        }
    }

    /// A packet of exactly `size` bytes for the sake of an address: with `frame`, and with an ACK if
    /// it goes to the path. It is not in flight: the path asks again by itself, and what becomes of it
    /// says nothing about congestion or the round trip.
    pub(in crate::proto) fn path_packet(
        &mut self,
        frame: &Frame<'_>,
        size: usize,
        with_ack: bool,
        rng: &mut CoreRng,
        scratch: &mut Scratch,
        now: Instant,
    ) -> Vec<u8> {
        let number = self.take_number(rng);
        let mut datagram = scratch.begin();
        let mut writer = PayloadWriter::new(&mut datagram, number, size - OVERHEAD);
        writer.push(frame);
        if with_ack && let Some((ack, _)) = self.acks.frame(writer.room(), now) {
            writer.push(&Frame::Ack(ack));
            self.acks.on_sent();
        }
        writer.finish_full();
        let _ = self
            .recovery
            .on_sent(number, size, false, Carried::default(), now);
        end(datagram)
    }

    /// A packet that ends the session. It says once more what has arrived and what was taken: if that
    /// was lost, there is nobody left to repeat it.
    pub(in crate::proto) fn last_packet(
        &mut self,
        frame: &Frame<'_>,
        rng: &mut CoreRng,
        scratch: &mut Scratch,
        now: Instant,
    ) -> Vec<u8> {
        let mut datagram = scratch.begin();
        let number = self.take_number(rng);
        // It goes out once, and passes a narrow path too.
        let mut writer = PayloadWriter::new(&mut datagram, number, FLOOR_DATAGRAM_LEN - OVERHEAD);
        if let Some(ack) = self.acks.last_frame(now) {
            writer.push(&Frame::Ack(ack));
        }
        let waiting = core::mem::take(&mut self.notes);
        let unacked = self.recovery.unacked().flat_map(|carried| &carried.notes);
        for note in waiting.iter().chain(unacked) {
            if note.frame_len() + LAST_FRAME_MAX_LEN <= writer.room() {
                writer.push(&note.frame());
            }
        }
        writer.push(frame);
        writer.finish();
        end(datagram)
    }

    /// Fills a packet with whatever asks for an acknowledgement, and notes what it carries. `false` if there is
    /// nothing.
    fn fill(
        &mut self,
        writer: &mut PayloadWriter<'_>,
        hello: &Hello<'_>,
        carried: &mut Carried,
    ) -> bool {
        if self.probes > 0 {
            self.repeat_oldest();
        }
        let echo = core::mem::take(&mut self.echo);
        self.repeat(&echo.streams, &echo.notes);
        let mut any = false;
        if self.hello == HelloState::Due && writer.room() >= hello.frame_len() {
            writer.push(&Frame::Hello(*hello));
            self.hello = HelloState::Sent;
            (carried.hello, any) = (true, true);
        }
        while let Some(note) = self
            .notes
            .pop_front_if(|it| it.frame_len() <= writer.room())
        {
            writer.push(&note.frame());
            carried.notes.push(note);
            any = true;
        }
        if self.wants_prompt_ack() && writer.room() > 0 {
            writer.push(&Frame::Ping);
            any = true;
        }
        while let Some(record) = self.streams.write_frame(writer) {
            carried.streams.push(record);
            any = true;
        }
        let wants_ping =
            core::mem::take(&mut self.ping_due) || self.probes > 0 || self.is_ping_due();
        if !any && wants_ping {
            writer.push(&Frame::Ping);
            any = true;
        }
        if any {
            self.probes = self.probes.saturating_sub(1);
            carried.asked = self.asked.take();
        }
        self.echo = Echo::of(carried, &echo);
        any
    }

    /// Whether a packet of a transfer had better be acknowledged at once.
    fn wants_prompt_ack(&self) -> bool {
        self.recovery.wants_prompt_acks() && self.streams.is_busy() && self.streams.has_frames()
    }

    /// A probe had better carry what is missing than nothing (RFC 9002 §6.2.4).
    fn repeat_oldest(&mut self) {
        let says = |carried: &&Carried| {
            carried.hello || !carried.streams.is_empty() || !carried.notes.is_empty()
        };
        let Some(oldest) = self.recovery.unacked().find(says) else {
            return;
        };
        let (hello, records) = (oldest.hello, oldest.streams.clone());
        let notes = oldest.notes.clone();
        self.repeat(&records, &notes);
        if hello && self.hello == HelloState::Sent {
            self.hello = HelloState::Due;
        }
    }

    /// Lets what is under way go out once more.
    fn repeat(&mut self, streams: &[StreamRecord], notes: &[Note]) {
        self.repeat_notes(notes.iter().cloned());
        for record in streams {
            self.streams.on_lost(record.clone());
        }
    }

    /// Whether there is something to say that asks for an acknowledgement.
    pub(in crate::proto) fn has_content(&self) -> bool {
        self.hello == HelloState::Due
            || self.ping_due
            || self.is_ping_due()
            || !self.notes.is_empty()
            || self.streams.has_frames()
            || !self.echo.is_empty()
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
}
