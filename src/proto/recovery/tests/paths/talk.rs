//! Lines of chat beside bulk streams that fill the link, through whole connections.

use std::collections::VecDeque;

use super::dumbbell::{Dumbbell, End, Flow, Path};
use crate::id::{StreamId, VerifyingKey};
use crate::proto::connection::{Connection, Poll, Scratch};
use crate::proto::recovery::tests::*;
use crate::proto::rng::CoreRng;
use crate::proto::streams::{CHAT, StreamEvent};
use crate::wire::frame::{Frame, Hello, Payload};
use crate::wire::limits::{DATA_HEADER_LEN, TAG_LEN};

const HELLO: Hello<'_> = Hello {
    oldest_version: 1,
    newest_version: 1,
    largest_message: 0,
    capabilities: 0,
    signing_key: VerifyingKey::new([8; 32]),
    nickname: b"bob",
};
/// Enough that their credit, and not one stream's, is the limit.
const STREAMS: usize = 8;
const LINE: [u8; 200] = [7; 200];
/// A line so often, once the transfer is under way.
const LINE_EVERY: Duration = ms(97);
const FIRST_LINE: Duration = ms(3_000);

pub(super) struct Talk {
    near: Connection,
    far: Connection,
    rng: CoreRng,
    pace: [Option<Instant>; 2],
    next_line: Instant,
    /// Where the lines under way end, and when they were written.
    lines: VecDeque<(u64, Instant)>,
    written: u64,
    read: u64,
    /// How long each line took.
    pub(super) delays: Vec<Duration>,
    /// Bytes of the bulk streams that were read.
    pub(super) moved: u64,
    /// Packets that arrived at the near end, and at the far one.
    arrived: [usize; 2],
}

impl Talk {
    fn new(congestion: Congestion, seed: u8) -> Self {
        let mut rng = CoreRng::new([seed; 32]);
        let mut end = || Connection::new(false, congestion, &mut rng, Instant::ZERO);
        let (mut near, far) = (end(), end());
        for _ in 0..STREAMS {
            let id = near.streams_mut().open().unwrap();
            fill(&mut near, id);
        }
        Self {
            near,
            far,
            rng,
            pace: [None; 2],
            next_line: Instant::ZERO + FIRST_LINE,
            lines: VecDeque::new(),
            written: 0,
            read: 0,
            delays: Vec::new(),
            moved: 0,
            arrived: [0; 2],
        }
    }

    fn write_line(&mut self, now: Instant) {
        if self.next_line > now {
            return;
        }
        self.next_line = self.next_line + LINE_EVERY;
        self.written += self.near.streams_mut().write(CHAT, &LINE) as u64;
        self.lines.push_back((self.written, now));
    }

    fn read(&mut self, now: Instant) {
        while let Some(event) = self.far.streams_mut().poll_event() {
            let StreamEvent::Readable(id) = event else {
                continue;
            };
            let streams = self.far.streams_mut();
            let bytes = streams.read(id, usize::MAX, &mut Vec::new()) as u64;
            if id == CHAT {
                self.read += bytes;
            } else {
                self.moved += bytes;
            }
        }
        while let Some((_, written)) = self.lines.pop_front_if(|(end, _)| *end <= self.read) {
            self.delays.push(now.saturating_since(written));
        }
    }

    /// The delay that so many hundredths of the lines do not exceed.
    fn percentile(&mut self, hundredths: usize) -> Duration {
        self.delays.sort();
        self.delays[(self.delays.len() - 1) * hundredths / 100]
    }
}

fn fill(near: &mut Connection, id: StreamId) {
    while near.streams_mut().write(id, &[1; 65_536]) > 0 {}
}

impl Flow for Talk {
    type Packet = Vec<u8>;

    fn poll(&mut self, end: End, now: Instant) -> Option<(usize, Vec<u8>)> {
        let (from, pace) = match end {
            End::Near => (&mut self.near, &mut self.pace[0]),
            End::Far => (&mut self.far, &mut self.pace[1]),
        };
        *pace = None;
        match from.poll(&HELLO, false, &mut self.rng, &mut Scratch::default(), now) {
            Poll::Packet(packet) => {
                let bytes = packet.datagram.len();
                let plaintext = packet.datagram[DATA_HEADER_LEN..bytes - TAG_LEN].to_vec();
                return Some((bytes, plaintext));
            }
            Poll::Later(at) => *pace = Some(at),
            Poll::Nothing => {}
        }
        None
    }

    fn deliver(&mut self, end: End, plaintext: Vec<u8>, now: Instant) {
        let to = if end == End::Near {
            &mut self.near
        } else {
            &mut self.far
        };
        self.arrived[usize::from(end == End::Far)] += 1;
        let payload = Payload::parse(&plaintext).unwrap();
        assert_eq!(to.check(&payload), Ok(()));
        if !to.on_packet(&payload, now) {
            return;
        }
        for frame in &payload.frames {
            if let Frame::Ack(ack) = frame {
                to.on_ack(ack, &mut Scratch::default(), now).unwrap();
            }
            to.on_stream_frame(frame);
        }
        while let Some(event) = self.near.streams_mut().poll_event() {
            if let StreamEvent::Writable(id) = event {
                fill(&mut self.near, id);
            }
        }
        self.read(now);
    }

    fn next(&self) -> Option<Instant> {
        let ends = [&self.near, &self.far];
        let timers = ends
            .into_iter()
            .flat_map(|end| [end.timeout(), end.ack_timeout()]);
        timers
            .chain(self.pace)
            .flatten()
            .chain([self.next_line])
            .min()
    }

    fn wake(&mut self, now: Instant) {
        self.write_line(now);
        for end in [&mut self.near, &mut self.far] {
            if end.timeout().is_some_and(|due| due <= now) {
                end.on_timeout(now);
            }
        }
    }
}

/// What a transfer and the lines beside it came to.
pub(super) struct Outcome {
    /// Bytes of the streams, in hundredths of what the link could have carried.
    pub(super) goodput: f64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    /// Packets that came back for each that arrived.
    pub(super) answers: f64,
}

pub(super) fn talk(congestion: Congestion, path: Path, length: Duration) -> Outcome {
    let mut link = Dumbbell::new(path, vec![Talk::new(congestion, path.seed)]);
    link.run(Instant::ZERO + length);
    let moved = link.flows[0].moved;
    let [back, there] = link.flows[0].arrived;
    Outcome {
        goodput: link.hundredths(moved),
        p50: link.flows[0].percentile(50),
        p99: link.flows[0].percentile(99),
        answers: back as f64 / there as f64,
    }
}
