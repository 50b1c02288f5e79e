//! quinn-proto: the line is a message on a stream of a higher priority than the file's, with eight bytes of receipt
//! from the far application. Its windows are as large as ours may become, so that congestion control decides.

use std::sync::Arc;
use std::time::Duration;

use quinn_proto::congestion::{BbrConfig, ControllerFactory, CubicConfig, NewRenoConfig};
use quinn_proto::{TransportConfig, VarInt};
use securechat::time::Instant;
use securechat_peers::quic::{Configs, Side};

use crate::LINE;
use crate::path::{End, Flow};
use crate::talk::{Contestant, Kind};

/// quinn's own 1.25 MB would do for 100 Mbit/s over 100 ms, and for a third of that over 300 ms.
const WINDOW: u32 = 16 << 20;
/// So much beyond that it keeps for lines: quinn does not take a line while the file fills what may be unacknowledged
/// of all streams.
const LINES: u64 = 1 << 20;
static CHUNK: [u8; 64 << 10] = [0x42; 64 << 10];

pub struct Quic {
    near: Side,
    far: Side,
    configs: Configs,
    /// What the virtual clock counts from.
    base: std::time::Instant,
    /// Lines that wait for the connection.
    waiting: usize,
    open: bool,
    file: bool,
    filling: bool,
}

fn transport(kind: Kind) -> TransportConfig {
    let factory: Arc<dyn ControllerFactory + Send + Sync> = match kind {
        Kind::QuinnCubic => Arc::new(CubicConfig::default()),
        Kind::QuinnBbr => Arc::new(BbrConfig::default()),
        _ => Arc::new(NewRenoConfig::default()),
    };
    let mut transport = TransportConfig::default();
    transport
        // Starved for half a minute beside another flow it would give up.
        .max_idle_timeout(None)
        .congestion_controller_factory(factory)
        .stream_receive_window(VarInt::from_u32(WINDOW))
        .send_window(u64::from(WINDOW) + LINES);
    transport
}

impl Quic {
    pub fn new(kind: Kind, seed: u8) -> Self {
        let configs = Configs::with(transport(kind));
        let server = Arc::clone(&configs.server);
        Self {
            near: Side::with(1, None, Some([seed; 32])),
            far: Side::with(2, Some(server), Some([!seed; 32])),
            configs,
            base: std::time::Instant::now(),
            waiting: 0,
            open: false,
            file: false,
            filling: false,
        }
    }

    fn real(&self, now: Instant) -> std::time::Instant {
        self.base + Duration::from_micros(now.as_micros())
    }

    /// Later than the timer by less than a microsecond.
    fn virtual_time(&self, real: std::time::Instant) -> Instant {
        let passed = real.saturating_duration_since(self.base);
        Instant::from_micros(passed.as_nanos().div_ceil(1_000) as u64)
    }

    /// Does what the near application has to do once it is connected.
    fn write(&mut self) {
        // A receiver with a window as large as this gives up when it has more than 1,000 gaps.
        if !self.near.established || self.near.ended.is_some() {
            return;
        }
        if !std::mem::replace(&mut self.open, true) {
            self.near.open_messages();
        }
        for _ in 0..std::mem::take(&mut self.waiting) {
            self.near.say(&[b'l'; LINE]);
        }
        if self.file && !std::mem::replace(&mut self.filling, true) {
            self.near.open_bulk();
            self.near.writable = true;
        }
        if std::mem::take(&mut self.near.writable) {
            self.near.fill(&CHUNK);
        }
    }
}

impl Flow for Quic {
    fn poll(&mut self, end: End, now: Instant, out: &mut Vec<Vec<u8>>) {
        let now = self.real(now);
        match end {
            End::Near => self.near.datagrams(now, out),
            End::Far => self.far.datagrams(now, out),
        }
    }

    fn deliver(&mut self, end: End, datagram: Vec<u8>, now: Instant) {
        let now = self.real(now);
        let (from, to) = match end {
            End::Near => (self.far.address, &mut self.near),
            End::Far => (self.near.address, &mut self.far),
        };
        to.receive(from, &datagram, now);
        to.listen();
        self.write();
    }

    fn next(&mut self) -> Option<Instant> {
        let timers = [self.near.timeout(), self.far.timeout()];
        let next = timers.into_iter().flatten().min()?;
        Some(self.virtual_time(next))
    }

    fn wake(&mut self, now: Instant) {
        let now = self.real(now);
        self.near.wake(now);
        self.far.wake(now);
        self.write();
    }
}

impl Contestant for Quic {
    fn connect(&mut self, now: Instant) {
        let (config, now) = (self.configs.client.clone(), self.real(now));
        self.near.connect(config, self.far.address, now);
    }

    fn say(&mut self, _now: Instant) {
        self.waiting += 1;
        self.write();
    }

    fn begin_file(&mut self) {
        self.file = true;
    }

    fn heard(&self) -> usize {
        self.far.received
    }

    fn moved(&self) -> u64 {
        self.far.moved
    }
}
