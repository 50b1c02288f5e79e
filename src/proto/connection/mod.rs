//! The connection inside the tunnel: packet numbers, acknowledgements, what is on its way and what
//! was lost. It knows nothing of keys and survives every rekey.
//! Source: docs/protocol.md#frames, docs/protocol.md#loss-and-congestion.

mod acks;
mod echo;
mod note;
mod pings;
mod received;

use core::time::Duration;
use std::collections::VecDeque;

use crate::id::{PUBLIC_KEY_LEN, PacketNumber};
use crate::proto::config::Congestion;
use crate::proto::event::Loss;
use tinyvec::TinyVec;

use crate::proto::connection::acks::{Acks, Told};
use crate::proto::connection::echo::Echo;
pub(super) use crate::proto::connection::note::Note;
pub use crate::proto::connection::note::NoteBody;
use crate::proto::connection::pings::Pings;
use crate::proto::limits::{MAX_ACK_DELAY, SKIP_WITHIN};
use crate::proto::mtu::Mtu;
use crate::proto::recovery::{Permit, Progress, Recovery, controller};
use crate::proto::rng::CoreRng;
use crate::proto::streams::{StreamRecord, Streams};
use crate::proto::transmit::Buffers;
use crate::time::Instant;
use crate::wire::Writer;
use crate::wire::frame::{Ack, Frame, Hello, Payload, PayloadWriter};
use crate::wire::limits::{
    BASE_DATAGRAM_LEN, BASE_PLAINTEXT_LEN, DATA_HEADER_LEN, NICKNAME_MAX_LEN, TAG_LEN,
};

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
    streams: TinyVec<[StreamRecord; 2]>,
    notes: TinyVec<[Note; 1]>,
    /// What its ACK told.
    told: Option<Told>,
    /// Bytes of the datagram.
    size: usize,
    /// Its own number, if it tries a larger MTU and nothing else.
    mtu_probe: Option<PacketNumber>,
    /// When the owner asked how long the way there and back takes.
    asked: Option<Instant>,
}

/// State that starts anew whenever the pair of connection ids changes.
#[derive(Debug)]
pub(super) struct Connection {
    next_number: u64,
    /// The next number to leave out, so that an acknowledgement of it betrays a peer that
    /// acknowledges what it has not seen (RFC 9000 §21.4).
    skip: u64,
    acks: Acks,
    recovery: Recovery<Carried>,
    mtu: Mtu,
    /// Whether the last packet was as large as the path carries: then a larger one may be tried.
    was_full: bool,
    /// The bytes that a datagram must not exceed while the path is not settled.
    limit: Option<usize>,
    streams: Streams,
    hello: HelloState,
    ping_due: bool,
    /// When the owner asked for the round trip, until a packet carries the question; and the answer.
    asked: Option<Instant>,
    answer: Option<Duration>,
    /// Pings that the owner counts, from the first one on.
    pings: Option<Box<Pings>>,
    /// Packets that go out although the window or the pace forbids it (RFC 9002 §6.2.4).
    probes: u8,
    /// Receipts and rejects that wait for a packet.
    notes: VecDeque<Note>,
    /// Whether one found no room.
    note_refused: bool,
    /// What goes out once more with the next packet.
    echo: Echo,
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
    /// The plaintext, with room for the header before it and for the tag behind it.
    pub(super) datagram: Vec<u8>,
    /// Whether it asks for an acknowledgement.
    pub(super) eliciting: bool,
}

/// What all connections of an endpoint work with, so that none has memory of its own for it.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    progress: Progress<Carried>,
    pub(super) buffers: Buffers,
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
    pub(super) fn new(
        withhold_hello: bool,
        congestion: Congestion,
        rng: &mut CoreRng,
        now: Instant,
    ) -> Self {
        let hello = if withhold_hello {
            HelloState::Withheld
        } else {
            HelloState::Due
        };
        let skip = 1 + rng.below(SKIP_WITHIN) as u64;
        let controller = controller(congestion, BASE_DATAGRAM_LEN, rng.array(), now);
        Self {
            next_number: 0,
            skip,
            acks: Acks::default(),
            recovery: Recovery::new(controller, BASE_DATAGRAM_LEN, now),
            mtu: Mtu::new(),
            was_full: false,
            limit: None,
            streams: Streams::new(),
            hello,
            ping_due: false,
            asked: None,
            answer: None,
            pings: None,
            probes: 0,
            notes: VecDeque::new(),
            note_refused: false,
            echo: Echo::default(),
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
    pub(super) fn on_packet(&mut self, payload: &Payload<'_>, now: Instant) -> bool {
        self.acks.on_packet(payload, now)
    }

    /// Takes note of what arrived at the other side.
    pub(super) fn on_ack(
        &mut self,
        ack: &Ack,
        scratch: &mut Scratch,
        now: Instant,
    ) -> Result<(), Refused> {
        let progress = &mut scratch.progress;
        self.recovery
            .on_ack(ack, now, progress)
            .map_err(|_| Refused::Violation)?;
        if let Some(asked) = progress.acked().filter_map(|it| it.asked).next_back() {
            let delay = Duration::from_micros(ack.delay_us).min(MAX_ACK_DELAY);
            self.answer = Some(now.saturating_since(asked).saturating_sub(delay));
        }
        if let Some(pings) = &mut self.pings {
            pings.on_ack(ack, now);
        }
        for carried in progress.take_acked() {
            self.on_arrived(&carried, now);
        }
        for carried in progress.take_lost() {
            self.on_lost(carried, now);
        }
        Ok(())
    }

    fn on_arrived(&mut self, carried: &Carried, now: Instant) {
        let resized = match carried.mtu_probe {
            Some(number) => self.mtu.on_probe_acked(number),
            None => self.mtu.on_acked(carried.size, now),
        };
        self.resize(resized);
        if carried.hello {
            self.hello = HelloState::Acknowledged;
        }
        if let Some(told) = carried.told {
            self.acks.on_told(told);
        }
        for record in &carried.streams {
            self.streams.on_acked(record);
        }
    }

    fn on_lost(&mut self, carried: Carried, now: Instant) {
        match carried.mtu_probe {
            Some(number) => self.mtu.on_probe_lost(number, now),
            None => {
                let resized = self.mtu.on_lost(carried.size, now);
                self.resize(resized);
            }
        }
        if carried.hello && self.hello == HelloState::Sent {
            self.hello = HelloState::Due;
        }
        for record in carried.streams {
            self.streams.on_lost(record);
        }
        self.repeat_notes(carried.notes);
        if let Some(asked) = carried.asked {
            self.measure(asked);
        }
    }

    fn repeat_notes(&mut self, notes: impl IntoIterator<Item = Note>) {
        for note in notes {
            if !self.notes.contains(&note) {
                self.notes.push_back(note);
            }
        }
    }

    /// The path carries datagrams of another size than was known.
    fn resize(&mut self, size: Option<usize>) {
        if let Some(size) = size {
            self.recovery.set_max_datagram(size);
        }
    }

    /// Applies a frame about streams.
    pub(super) fn on_stream_frame(&mut self, frame: &Frame<'_>) {
        self.streams.apply(frame);
    }

    /// The streams.
    pub(super) const fn streams(&self) -> &Streams {
        &self.streams
    }

    /// The streams, to change them.
    pub(super) const fn streams_mut(&mut self) -> &mut Streams {
        &mut self.streams
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

    /// Asks how long the way there and back takes, from `asked` on. A question that is on its way
    /// already is followed by another.
    pub(super) const fn measure(&mut self, asked: Instant) {
        (self.asked, self.ping_due) = (Some(asked), true);
    }

    /// The answer to [`Connection::measure`].
    pub(super) const fn take_answer(&mut self) -> Option<Duration> {
        self.answer.take()
    }

    /// Sends one ping, and never again. `id` is the owner's, and comes back with the answer.
    pub(super) fn count_ping(&mut self, id: u64) {
        self.pings.get_or_insert_default().ask(id);
    }

    /// The next answer to [`Connection::count_ping`], and the time from the packet's leaving on.
    pub(super) fn take_ping(&mut self) -> Option<(u64, Duration)> {
        self.pings.as_mut()?.take_answer()
    }

    fn is_ping_due(&self) -> bool {
        self.pings.as_ref().is_some_and(|pings| pings.is_due())
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
        self.mtu = Mtu::new();
        self.recovery.on_path_change(BASE_DATAGRAM_LEN, now);
    }

    /// Keeps datagrams to `limit` bytes, and tries no larger ones, while the path is not settled.
    pub(super) const fn set_limit(&mut self, limit: Option<usize>) {
        self.limit = limit;
    }

    /// Takes a receipt or reject to be sent until it is acknowledged; false while too many wait.
    pub(super) fn take_note(&mut self, note: Note) -> bool {
        let has_room = self.notes.len() < MAX_WAITING_NOTES;
        if has_room {
            self.notes.push_back(note);
        } else {
            self.note_refused = true;
        }
        has_room
    }

    /// Takes back the newest note, if it is a receipt that has not left yet.
    pub(super) fn take_back_receipt(&mut self) -> Option<NoteBody> {
        match self.notes.pop_back()? {
            Note::Receipt(body) => Some(body),
            other @ (Note::Reject(_) | Note::Verify(_)) => {
                self.notes.push_back(other);
                None
            }
        }
    }

    /// Whether there is room for a receipt or reject again after one found none; true once.
    pub(super) fn takes_notes_again(&mut self) -> bool {
        let has_room = self.notes.len() < MAX_WAITING_NOTES;
        has_room && core::mem::take(&mut self.note_refused)
    }

    // --- out ----------------------------------------------------------------------------------

    /// The next packet. `keepalive`: also one that says nothing.
    pub(super) fn poll(
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
            // Were it larger, nothing would tell a lost path from one that has become narrow.
            _ => (Permit::Now, BASE_DATAGRAM_LEN.min(limit)),
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
    pub(super) fn path_packet(
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
    pub(super) fn last_packet(
        &mut self,
        frame: &Frame<'_>,
        rng: &mut CoreRng,
        scratch: &mut Scratch,
        now: Instant,
    ) -> Vec<u8> {
        let mut datagram = scratch.begin();
        let number = self.take_number(rng);
        let mut writer = PayloadWriter::new(&mut datagram, number, BASE_PLAINTEXT_LEN);
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
        if self.hello == HelloState::Due && writer.room() >= HELLO_ROOM {
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
    pub(super) fn has_content(&self) -> bool {
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

    // --- timers -------------------------------------------------------------------------------

    /// When to call [`Connection::on_timeout`].
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.recovery.timeout()
    }

    /// When an acknowledgement has waited long enough for other things to say: [`Connection::poll`]
    /// has it then.
    pub(super) const fn ack_timeout(&self) -> Option<Instant> {
        self.acks.due()
    }

    /// Something is overdue: it is lost, or asked for.
    pub(super) fn on_timeout(&mut self, now: Instant) {
        let outcome = self.recovery.on_timeout(now);
        self.probes = self.probes.max(outcome.probes);
        for carried in outcome.lost {
            self.on_lost(carried, now);
        }
    }

    // --- status -------------------------------------------------------------------------------

    /// Whether something is out that the other side has yet to acknowledge.
    pub(super) fn awaits_ack(&self) -> bool {
        self.recovery.awaits_ack()
    }

    /// Whether a bulk stream has not arrived as far as it was written.
    pub(super) fn is_busy(&self) -> bool {
        self.streams.is_busy()
    }

    /// The smoothed round-trip time, once there is a sample.
    pub(super) fn rtt(&self) -> Option<Duration> {
        self.recovery.rtt().map(|rtt| rtt.smoothed)
    }

    /// For how long an acknowledgement has been waited for in vain, if one is due.
    pub(super) fn unacked(&self, now: Instant) -> Option<Duration> {
        let since = self.recovery.unacked_since()?;
        Some(now.saturating_since(since))
    }

    /// What was lost lately.
    pub(super) const fn loss(&self) -> Option<Loss> {
        self.recovery.loss()
    }

    /// The largest datagram that the path is known to carry.
    pub(super) const fn mtu(&self) -> usize {
        self.mtu.size()
    }

    /// Whether memory is kept for a burst that is over.
    pub(super) fn is_roomy(&self) -> bool {
        self.streams.is_roomy()
    }

    /// Gives memory back that an idle connection does not need.
    pub(super) fn shrink(&mut self) {
        self.recovery.shrink();
        self.streams.shrink();
        self.notes.shrink_to_fit();
    }

    /// The probe timeout.
    pub(super) fn pto(&self) -> Duration {
        self.recovery.pto()
    }
}

/// What a datagram has around the plaintext.
const OVERHEAD: usize = DATA_HEADER_LEN + TAG_LEN;
/// Most bytes of our HELLO: type, length, two versions, two varints, signing key, length of the nickname,
/// nickname.
const HELLO_ROOM: usize = 3 + 4 + 16 + PUBLIC_KEY_LEN + 2 + NICKNAME_MAX_LEN;
/// Receipts and rejects that wait for a packet; the layer above keeps the rest.
const MAX_WAITING_NOTES: usize = 64;
/// Bytes kept free for the frame that ends a session.
const LAST_FRAME_MAX_LEN: usize = 16;

#[cfg(test)]
mod tests;
