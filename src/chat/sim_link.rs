//! A connection between two clients, as bad as the dice say: bytes arrive and are acknowledged in
//! pieces, room runs out, receipts are lost, and everything begins anew at any moment.

use std::collections::{BTreeMap, VecDeque};

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::chat::transport::{CHAT_STREAM, Transport, Transports};
use crate::id::{PeerId, StreamId};
use crate::proto::NoteBody;

/// Chance for the tests of this module, from a seed.
pub(crate) struct Dice(ChaCha20Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    pub(crate) fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or(0)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.next_u64().to_le_bytes()[0]
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Bytes that the sending side buffers of one stream.
const SEND_BUFFER: usize = 96 * 1024;
/// Unread bytes of one stream that the receiving side allows.
const WINDOW: usize = 128 * 1024;
/// Unread bytes of all streams but the chat: small, so that credit can run out.
const BULK_WINDOW: usize = 256 * 1024;
const MAX_OPEN: usize = 4;
const MAX_FRAMES: usize = 8;

/// One stream of one direction.
#[derive(Default)]
struct Stream {
    written: u64,
    in_flight: VecDeque<u8>,
    arrived: VecDeque<u8>,
    is_finished: bool,
    is_reset: bool,
    is_stopped: bool,
    acked: u64,
}

impl Stream {
    fn has_ended(&self) -> bool {
        self.is_reset || (self.is_finished && self.in_flight.is_empty())
    }

    fn has_begun(&self) -> bool {
        self.written > self.in_flight.len() as u64
    }
}

#[derive(Default)]
struct Direction {
    streams: BTreeMap<StreamId, Stream>,
    next_id: u64,
    receipts: VecDeque<NoteBody>,
    rejects: VecDeque<NoteBody>,
}

/// What came out of the link for one side.
pub(super) enum Frame {
    Receipt(NoteBody),
    Reject(NoteBody),
}

/// The connection; side 0 and side 1.
pub(super) struct Link {
    generation: Option<u64>,
    generations: u64,
    /// By the side that sends.
    directions: [Direction; 2],
    /// Receipts and rejects lost for good, one in so many; 0 for none.
    pub(super) lose_one_in: u64,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            generation: None,
            generations: 0,
            directions: Default::default(),
            lose_one_in: 0,
        }
    }

    pub(super) fn connect(&mut self) {
        self.directions = Default::default();
        self.generations += 1;
        self.generation = Some(self.generations);
    }

    pub(super) fn disconnect(&mut self) {
        self.directions = Default::default();
        self.generation = None;
    }

    pub(super) const fn side(&mut self, own: usize) -> Side<'_> {
        Side { link: self, own }
    }

    /// Moves some of what side `from` sent, and acknowledges some of what arrived.
    pub(super) fn carry(&mut self, from: usize, dice: &mut Dice) {
        let direction = &mut self.directions[from];
        let held = direction.bulk_arrived();
        for (&id, stream) in &mut direction.streams {
            let mut room = WINDOW.saturating_sub(stream.arrived.len());
            if id != CHAT_STREAM {
                room = room.min(BULK_WINDOW.saturating_sub(held) / MAX_OPEN);
            }
            let most = stream.in_flight.len().min(room);
            let some = if dice.one_in(2) {
                most
            } else {
                dice.index(most + 1)
            };
            stream.arrived.extend(stream.in_flight.drain(..some));
            let arrived = stream.written - stream.in_flight.len() as u64;
            if dice.one_in(2) {
                stream.acked = arrived;
            }
        }
    }

    /// The next frame from side `from` that is not lost.
    pub(super) fn next_frame(&mut self, from: usize, dice: &mut Dice) -> Option<Frame> {
        let lose = self.lose_one_in;
        let direction = &mut self.directions[from];
        loop {
            let frame = match direction.receipts.pop_front() {
                Some(body) => Frame::Receipt(body),
                None => Frame::Reject(direction.rejects.pop_front()?),
            };
            if lose == 0 || !dice.one_in(lose) {
                return Some(frame);
            }
        }
    }

    /// Writes bytes on a stream as a peer that keeps no rule.
    pub(super) fn forge(&mut self, from: usize, stream: StreamId, bytes: &[u8]) {
        let stream = self.directions[from].streams.entry(stream).or_default();
        stream.arrived.extend(bytes);
        stream.written += bytes.len() as u64;
    }

    /// Whether side `from` stopped a stream of the other side.
    pub(super) fn is_stopped_by(&self, from: usize, stream: StreamId) -> bool {
        let streams = &self.directions[1 - from].streams;
        streams.get(&stream).is_some_and(|it| it.is_stopped)
    }

    /// RECEIPT frames of side `from` that have not left.
    pub(super) fn waiting_receipts(&self, from: usize) -> usize {
        self.directions[from].receipts.len()
    }

    /// Bytes on the chat stream that side `from` wrote and nobody read.
    pub(super) fn unread(&self, from: usize) -> usize {
        let chat = self.directions[from].streams.get(&CHAT_STREAM);
        chat.map_or(0, |it| it.arrived.len())
    }
}

impl Direction {
    fn bulk_arrived(&self) -> usize {
        let bulk = self.streams.iter().filter(|(id, _)| **id != CHAT_STREAM);
        bulk.map(|(_, stream)| stream.arrived.len()).sum()
    }
}

/// The link as one side sees it.
pub(super) struct Side<'a> {
    link: &'a mut Link,
    own: usize,
}

impl Side<'_> {
    fn ours(&mut self) -> &mut Direction {
        &mut self.link.directions[self.own]
    }

    fn theirs(&mut self) -> &mut Direction {
        &mut self.link.directions[1 - self.own]
    }

    const fn is_up(&self) -> bool {
        self.link.generation.is_some()
    }
}

impl Transports for Side<'_> {
    type One<'a>
        = Side<'a>
    where
        Self: 'a;

    fn to(&mut self, _: PeerId) -> Option<Side<'_>> {
        let own = self.own;
        self.is_up().then_some(Side {
            link: &mut *self.link,
            own,
        })
    }
}

impl Transport for Side<'_> {
    fn generation(&self) -> u64 {
        self.link.generation.unwrap_or(0)
    }

    fn open(&mut self) -> Option<StreamId> {
        let direction = self.ours();
        let bulk = direction.streams.iter().filter(|(id, stream)| {
            **id != CHAT_STREAM && !(stream.has_ended() && stream.arrived.is_empty())
        });
        if bulk.count() >= MAX_OPEN {
            return None;
        }
        direction.next_id += 1;
        let id = StreamId(direction.next_id + 1);
        direction.streams.insert(id, Stream::default());
        Some(id)
    }

    fn write(&mut self, stream: StreamId, bytes: &[u8]) -> usize {
        if !self.is_up() {
            return 0;
        }
        let stream = self.ours().streams.entry(stream).or_default();
        assert!(!stream.is_finished, "written after its end");
        if stream.is_reset || stream.is_stopped {
            return 0;
        }
        let some = bytes.len().min(SEND_BUFFER - stream.in_flight.len());
        stream.in_flight.extend(&bytes[..some]);
        stream.written += some as u64;
        some
    }

    fn finish(&mut self, stream: StreamId) {
        if let Some(stream) = self.ours().streams.get_mut(&stream) {
            stream.is_finished = true;
        }
    }

    fn reset(&mut self, stream: StreamId) {
        assert_ne!(stream, CHAT_STREAM);
        if let Some(stream) = self.ours().streams.get_mut(&stream) {
            stream.is_reset = true;
            stream.in_flight.clear();
            stream.arrived.clear();
        }
    }

    fn is_stopped(&self, stream: StreamId) -> bool {
        let streams = &self.link.directions[self.own].streams;
        streams.get(&stream).is_some_and(|it| it.is_stopped)
    }

    fn acked_to(&self, stream: StreamId) -> u64 {
        let streams = &self.link.directions[self.own].streams;
        streams.get(&stream).map_or(0, |it| it.acked)
    }

    fn read(&mut self, stream: StreamId, max: usize, out: &mut Vec<u8>) -> usize {
        let Some(stream) = self.theirs().streams.get_mut(&stream) else {
            return 0;
        };
        let some = max.min(stream.arrived.len());
        out.extend(stream.arrived.drain(..some));
        some
    }

    fn is_over(&self, stream: StreamId) -> bool {
        let streams = &self.link.directions[1 - self.own].streams;
        let stream = streams.get(&stream);
        stream.is_some_and(|it| it.has_ended() && it.arrived.is_empty())
    }

    fn stop(&mut self, stream: StreamId) {
        assert_ne!(stream, CHAT_STREAM);
        if self.is_over(stream) {
            return;
        }
        let stream = self.theirs().streams.get_mut(&stream);
        if let Some(stream) = stream.filter(|it| it.has_begun()) {
            stream.is_stopped = true;
            stream.is_reset = true;
            stream.in_flight.clear();
            stream.arrived.clear();
        }
    }

    fn send_receipt(&mut self, body: NoteBody) -> bool {
        let is_up = self.is_up();
        let receipts = &mut self.ours().receipts;
        let has_room = is_up && receipts.len() < MAX_FRAMES;
        receipts.extend(has_room.then_some(body));
        has_room
    }

    fn take_back_receipt(&mut self) -> Option<NoteBody> {
        self.ours().receipts.pop_back()
    }

    fn send_reject(&mut self, body: NoteBody) -> bool {
        let is_up = self.is_up();
        let rejects = &mut self.ours().rejects;
        let has_room = is_up && rejects.len() < MAX_FRAMES;
        rejects.extend(has_room.then_some(body));
        has_room
    }
}
