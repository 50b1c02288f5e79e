//! securechat: the line is a message of the chat, the file a bulk stream. The far application takes messages and
//! reads the stream at once.

use securechat::id::StreamId;
use securechat::proto::{Congestion, Transmit};
use securechat::time::Instant;
use securechat_peers::ours::{Side, at};

use crate::LINE;
use crate::path::{End, Flow};
use crate::talk::{Contestant, Kind};

static CHUNK: [u8; 64 << 10] = [0x42; 64 << 10];

pub struct Ours {
    near: Side,
    far: Side,
    line: String,
    file: bool,
    stream: Option<StreamId>,
    moved: u64,
    out: Vec<Transmit>,
}

impl Ours {
    pub fn new(kind: Kind, seed: u8) -> Self {
        let congestion = match kind {
            Kind::OursNewReno => Congestion::NewReno,
            _ => Congestion::Bbr,
        };
        let [mut near, mut far] = [1, 2].map(|number| Side::with(number, seed, congestion, at(0)));
        near.knows(far.id, vec![far.address]);
        far.knows(near.id, vec![near.address]);
        Self {
            near,
            far,
            line: "l".repeat(LINE),
            file: false,
            stream: None,
            moved: 0,
            out: Vec::new(),
        }
    }

    fn side(&mut self, end: End) -> &mut Side {
        match end {
            End::Near => &mut self.near,
            End::Far => &mut self.far,
        }
    }

    /// Opens the file's stream once there is a session, and fills it when there is room.
    fn fill(&mut self) {
        let to = self.far.id;
        let endpoint = self.near.messenger.endpoint_mut();
        if !self.file || self.near.established == 0 {
            return;
        }
        let fresh = self.stream.is_none();
        let stream = *self
            .stream
            .get_or_insert_with(|| endpoint.open_stream(to).expect("a session stands"));
        if fresh || std::mem::take(&mut self.near.writable) {
            let write = || endpoint.write_stream(to, stream, &CHUNK).ok();
            std::iter::from_fn(write)
                .take_while(|taken| *taken == CHUNK.len())
                .count();
        }
    }

    fn read(&mut self, now: Instant) {
        let Some(stream) = self.far.readable.take() else {
            return;
        };
        let from = self.near.id;
        let mut bytes = Vec::with_capacity(CHUNK.len());
        loop {
            bytes.clear();
            let endpoint = self.far.messenger.endpoint_mut();
            let read = endpoint.read_stream(from, stream, CHUNK.len(), &mut bytes);
            let read = read.expect("a session stands") as u64;
            if read == 0 {
                break;
            }
            self.moved += read;
        }
        self.far.messenger.settle(now);
        self.far.listen(now);
    }
}

impl Flow for Ours {
    fn poll(&mut self, end: End, now: Instant, out: &mut Vec<Vec<u8>>) {
        let mut transmits = std::mem::take(&mut self.out);
        self.side(end).transmits(now, &mut transmits);
        let sealed = transmits.drain(..);
        out.extend(sealed.filter_map(|transmit| transmit.datagram.into_bytes(now)));
        self.out = transmits;
    }

    fn deliver(&mut self, end: End, mut datagram: Vec<u8>, now: Instant) {
        let from = match end {
            End::Near => self.far.address,
            End::Far => self.near.address,
        };
        let side = self.side(end);
        side.receive(from, &mut datagram, now);
        side.work(now);
        side.listen(now);
        match end {
            End::Near => self.fill(),
            End::Far => self.read(now),
        }
    }

    fn next(&mut self) -> Option<Instant> {
        let sides = [&self.near, &self.far];
        let timers = sides.map(|side| side.messenger.poll_timeout());
        timers.into_iter().flatten().min()
    }

    fn wake(&mut self, now: Instant) {
        self.near.wake(now);
        self.far.wake(now);
        self.fill();
    }
}

impl Contestant for Ours {
    fn connect(&mut self, now: Instant) {
        let to = self.far.id;
        let connecting = self.near.messenger.endpoint_mut().connect(to, &[], now);
        connecting.expect("an address is known");
        self.near.messenger.settle(now);
        self.near.work(now);
    }

    fn say(&mut self, now: Instant) {
        let line = std::mem::take(&mut self.line);
        self.near.send(self.far.id, &line, now);
        self.line = line;
        self.near.work(now);
    }

    fn begin_file(&mut self) {
        self.file = true;
    }

    fn heard(&self) -> usize {
        self.far.received
    }

    fn moved(&self) -> u64 {
        self.moved
    }
}
