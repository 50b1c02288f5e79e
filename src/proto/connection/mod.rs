//! The connection inside the tunnel: packet numbers, acknowledgements, what is on its way and what
//! was lost. It knows nothing of keys and survives every rekey.
//! Source: docs/protocol.md#frames, docs/protocol.md#loss-and-congestion.

mod acks;
mod echo;
mod note;
mod packets;
mod pings;
mod received;

use core::time::Duration;
use std::collections::VecDeque;

use crate::id::PacketNumber;
use crate::proto::config::Congestion;
use crate::proto::event::Loss;
use tinyvec::TinyVec;

use crate::proto::connection::acks::{Acks, Told};
use crate::proto::connection::echo::Echo;
pub(super) use crate::proto::connection::note::Note;
pub use crate::proto::connection::note::NoteBody;
pub(super) use crate::proto::connection::packets::{OVERHEAD, Poll, Scratch};
use crate::proto::connection::pings::Pings;
use crate::proto::limits::{MAX_ACK_DELAY, MAX_NOTES, SKIP_WITHIN};
use crate::proto::mtu::Mtu;
use crate::proto::recovery::{Recovery, controller};
use crate::proto::rng::CoreRng;
use crate::proto::streams::{StreamRecord, Streams};
use crate::time::Instant;
use crate::wire::frame::{Ack, Frame, Payload};
use crate::wire::limits::BASE_DATAGRAM_LEN;

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
    /// How many are in packets that are neither acknowledged nor lost.
    notes_out: usize,
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
            notes_out: 0,
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
        self.notes_out -= carried.notes.len();
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
        self.notes_out -= carried.notes.len();
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

    /// The peer is at another address, or we are: what was learned about the path no longer holds.
    pub(super) fn on_path_change(&mut self, now: Instant) {
        self.mtu = Mtu::new();
        self.recovery.on_path_change(BASE_DATAGRAM_LEN, now);
    }

    /// Keeps datagrams to `limit` bytes, and tries no larger ones, while the path is not settled.
    pub(super) const fn set_limit(&mut self, limit: Option<usize>) {
        self.limit = limit;
    }

    /// Takes a receipt or reject to be sent until it is acknowledged; false while too many wait or are on their way. What
    /// ends the session goes before all others, whatever waits.
    pub(super) fn take_note(&mut self, note: Note) -> bool {
        if note.is_last_word() {
            self.notes.push_front(note);
            return true;
        }
        let has_room = if note.has_nobody_to_keep_it() {
            self.notes.len() + self.notes_out < MAX_NOTES
        } else {
            self.has_room_for_note()
        };
        if has_room {
            self.notes.push_back(note);
        } else {
            self.note_refused = true;
        }
        has_room
    }

    /// Whether one more note may wait. What is lost is put back whatever waits, and looked for among that: a peer that
    /// acknowledges nothing could make it dear.
    fn has_room_for_note(&self) -> bool {
        self.notes.len() < MAX_WAITING_NOTES && self.notes.len() + self.notes_out < MAX_NOTES
    }

    /// Takes back the newest note, if it is a receipt that has not left yet. Where those that are repeated have taken more room
    /// than there is, it could not be handed over again.
    pub(super) fn take_back_receipt(&mut self) -> Option<NoteBody> {
        let newest = self.notes.pop_back()?;
        match newest {
            Note::Receipt(body) if self.has_room_for_note() => Some(body),
            other @ (Note::Receipt(_) | Note::Reject(_) | Note::Verify(_)) => {
                self.notes.push_back(other);
                None
            }
        }
    }

    /// Whether there is room for a receipt or reject again after one found none; true once.
    pub(super) fn takes_notes_again(&mut self) -> bool {
        self.has_room_for_note() && core::mem::take(&mut self.note_refused)
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

/// Receipts and rejects that wait for a packet; the layer above keeps the rest.
const MAX_WAITING_NOTES: usize = 64;

#[cfg(test)]
mod tests;
