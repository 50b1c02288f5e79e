//! Two sides, a network that loses, doubles and reorders, and random readers and writers.

use core::time::Duration;
use std::collections::BTreeMap;

use super::*;
use crate::proto::limits::{DATA_WINDOW, MAX_STREAMS, STREAM_WINDOW, WINDOW_MAX};
use crate::proto::rng::CoreRng;
use crate::proto::streams::pages::PAGE;

/// How a stream ended for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Finished,
    Reset,
    /// The reader gave up.
    Stopped,
}

#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    finished: bool,
    given_up: bool,
}

#[derive(Default)]
struct Read {
    bytes: Vec<u8>,
    end: Option<End>,
}

/// One direction of data; credit and acknowledgements go the other way.
struct World {
    rng: CoreRng,
    writer: Streams,
    reader: Streams,
    written: BTreeMap<StreamId, Written>,
    read: BTreeMap<StreamId, Read>,
    /// Frames under way, to the reader if true.
    flying: Vec<(bool, OwnedFrame)>,
}

impl World {
    fn new(seed: u8) -> Self {
        Self {
            rng: CoreRng::new([seed; 32]),
            writer: Streams::new(),
            reader: Streams::new(),
            written: BTreeMap::from([(CHAT, Written::default())]),
            read: BTreeMap::new(),
            flying: Vec::new(),
        }
    }

    fn some_id(&mut self) -> StreamId {
        let at = self.rng.below(self.written.len());
        *self.written.keys().nth(at).unwrap()
    }

    fn step(&mut self) {
        match self.rng.below(40) {
            0 => self.open(),
            1..6 => self.write(),
            6 => self.finish(),
            7 if self.rng.below(4) == 0 => self.reset(),
            8 if self.rng.below(4) == 0 => self.stop(),
            9..14 => self.read_some(),
            14..24 => self.send(true),
            24..29 => self.send(false),
            _ => self.network(20, 10),
        }
        self.note_events();
        self.check_bounds();
    }

    fn open(&mut self) {
        if let Ok(id) = self.writer.open() {
            self.written.insert(id, Written::default());
        }
    }

    fn write(&mut self) {
        let id = self.some_id();
        let bytes: Vec<u8> = (0..self.rng.below(30_000))
            .map(|at| (at % 253) as u8)
            .collect();
        let taken = self.writer.write(id, &bytes);
        let written = self.written.get_mut(&id).unwrap();
        written.bytes.extend(&bytes[..taken]);
    }

    fn finish(&mut self) {
        let id = self.some_id();
        self.writer.finish(id);
        let written = self.written.get_mut(&id).unwrap();
        written.finished = id != CHAT;
    }

    fn reset(&mut self) {
        let id = self.some_id();
        self.writer.reset(id, 1);
        self.written.get_mut(&id).unwrap().given_up = true;
    }

    fn stop(&mut self) {
        let id = self.some_id();
        let read = self.read.entry(id).or_default();
        if id != CHAT && read.end.is_none() && !read.bytes.is_empty() {
            self.reader.stop(id, 2);
            read.end = Some(End::Stopped);
        }
    }

    fn read_some(&mut self) {
        let (id, max) = (self.some_id(), self.rng.below(60_000));
        self.read_from(id, max);
    }

    fn read_from(&mut self, id: StreamId, max: usize) {
        let bytes = read(&mut self.reader, id, max);
        let read = self.read.entry(id).or_default();
        let at = read.bytes.len();
        let written = &self.written.get(&id).unwrap().bytes;
        assert_eq!(bytes, written[at..at + bytes.len()]);
        read.bytes.extend(bytes);
    }

    fn send(&mut self, to_reader: bool) {
        let room = 64 + self.rng.below(1_300);
        let from = if to_reader {
            &mut self.writer
        } else {
            &mut self.reader
        };
        if let Some(frame) = poll_frame(from, room) {
            self.flying.push((to_reader, frame));
        }
    }

    /// One frame arrives, perhaps twice, or is lost, perhaps only as far as the sender knows.
    fn network(&mut self, lost_percent: usize, spurious_percent: usize) {
        if self.flying.is_empty() {
            return;
        }
        let at = self.rng.below(self.flying.len());
        let (to_reader, frame) = self.flying.swap_remove(at);
        let (from, to) = if to_reader {
            (&mut self.writer, &mut self.reader)
        } else {
            (&mut self.reader, &mut self.writer)
        };
        if self.rng.below(100) < lost_percent {
            from.on_lost(frame.record());
            return;
        }
        match deliver(to, &[frame.as_frame()]) {
            Ok(()) => {}
            Err(StreamViolation::TooManyGaps) => return from.on_lost(frame.record()),
            Err(other) => panic!("an honest peer is accused of {other:?}"),
        }
        if self.rng.below(100) < spurious_percent {
            from.on_lost(frame.record());
            deliver(to, &[frame.as_frame()]).unwrap();
        }
        from.on_acked(&frame.record());
    }

    fn note_events(&mut self) {
        for event in events(&mut self.reader) {
            let (id, end) = match event {
                StreamEvent::Finished(id) => (id, End::Finished),
                StreamEvent::Reset { id, .. } => (id, End::Reset),
                StreamEvent::Readable(_) => continue,
                other => panic!("a reader is told {other:?}"),
            };
            let read = self.read.entry(id).or_default();
            assert_eq!(read.end.replace(end), None, "{id:?} ends once");
        }
        for event in events(&mut self.writer) {
            if let StreamEvent::Stopped { id, .. } = event {
                assert_eq!(self.read[&id].end, Some(End::Stopped));
                self.written.get_mut(&id).unwrap().given_up = true;
            }
        }
    }

    fn check_bounds(&self) {
        let slack = (1 + MAX_STREAMS as usize) * 2 * PAGE;
        let windows = (STREAM_WINDOW + DATA_WINDOW) as usize;
        assert!(self.reader.incoming.held() <= windows + slack);
        assert!(self.reader.incoming.open_count() as u64 <= MAX_STREAMS);
        let buffers = (MAX_STREAMS * STREAM_WINDOW) as usize + 256 * 1_024;
        assert!(self.writer.outgoing.held() <= buffers + slack);
    }

    /// Everything ends and everything is read, over a network that still loses.
    fn wind_up(&mut self) {
        let ids: Vec<_> = self.written.keys().copied().collect();
        for id in &ids {
            self.writer.finish(*id);
            self.written.get_mut(id).unwrap().finished = *id != CHAT;
        }
        let mut idle = false;
        while !idle {
            for _ in 0..100 {
                self.send(true);
                self.send(false);
            }
            (0..300).for_each(|_| self.network(10, 5));
            ids.iter().for_each(|id| self.read_from(*id, usize::MAX));
            self.note_events();
            idle = self.flying.is_empty() && !self.writer.has_frames() && !self.reader.has_frames();
        }
    }

    fn check_end(&self) {
        for (id, written) in &self.written {
            let read = &self.read[id];
            let whole = read.bytes == written.bytes;
            match read.end {
                None => assert!(*id == CHAT && whole, "{id:?}"),
                Some(End::Finished) => assert!(whole, "{id:?} finished"),
                Some(End::Reset) => assert!(written.given_up, "{id:?} reset"),
                Some(End::Stopped) => {}
            }
        }
        assert_eq!(self.reader.incoming.open_count(), 0);
        assert_eq!(self.reader.incoming.held(), 0);
        assert_eq!(self.writer.outgoing.held(), 0);
        let chat = &self.written[&CHAT];
        assert_eq!(self.writer.acked_to(CHAT), chat.bytes.len() as u64);
    }
}

#[test]
fn what_is_written_is_read_once_whole_and_in_order_over_any_network() {
    for seed in 0..25 {
        println!("seed {seed}");
        let mut world = World::new(seed);
        (0..4_000).for_each(|_| world.step());
        world.wind_up();
        world.check_end();
    }
}

#[test]
fn the_same_seed_gives_the_same_frames() {
    let run = || {
        let mut world = World::new(7);
        (0..1_000).for_each(|_| world.step());
        format!("{:?} {:?}", world.writer, world.reader)
    };
    assert_eq!(run(), run());
}

/// Reads what came of a transfer, and says whether its writer is given credit for all streams.
fn read_on(from: &mut Streams, to: &mut Streams, transfer: StreamId) -> bool {
    from.write(transfer, &[7; PAGE]);
    settle(from, to);
    to.read(transfer, PAGE, &mut Vec::new());
    let credit = drain(to);
    for frame in &credit {
        deliver(from, &[frame.as_frame()]).unwrap();
    }
    let is_for_all = |frame: &OwnedFrame| matches!(frame.record(), StreamRecord::MaxData { .. });
    credit.iter().any(is_for_all)
}

/// Its credit went out in steps of 2 MiB by then, and a transfer leaves 1 MiB to others.
#[test]
fn a_transfer_that_was_fast_and_is_not_read_any_more_holds_up_no_body() {
    const BODY: usize = 3 << 20;
    let (mut a, mut b) = (Streams::new(), Streams::new());
    let transfer = a.open_transfer().unwrap();
    let mut now = Instant::ZERO;
    for _ in 0..2 * WINDOW_MAX / PAGE as u64 {
        read_on(&mut a, &mut b, transfer);
        now = now + Duration::from_micros(50);
        b.tune(Duration::from_millis(100), now);
    }
    while !read_on(&mut a, &mut b, transfer) {}
    while a.write(transfer, &[7; PAGE]) > 0 {
        settle(&mut a, &mut b);
    }
    let body = a.open().unwrap();
    let mut come = 0;
    for _ in 0..BODY / PAGE {
        a.write(body, &[8; PAGE]);
        settle(&mut a, &mut b);
        come += b.read(body, PAGE, &mut Vec::new());
        settle(&mut b, &mut a);
    }
    assert_eq!(come, BODY);
}
