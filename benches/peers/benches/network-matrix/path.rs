//! Conversations that share a bottleneck, on a virtual clock.
//!
//! ```text
//!  near ends ──▶ random loss ──▶ drop-tail queue ──▶ rate ──▶ delay ──▶ far ends
//!      ▲                                                                   │
//!      └───────────────── delay ◀── random loss ◀────────────────────────────┘
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use securechat::sim::{Link, LinkConfig, LinkStats, SimRng};
use securechat::time::Instant;

/// A full datagram of Ethernet.
const FULL: u64 = 1_500;

/// A path, in one direction the bottleneck.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// Million bits a second, with 28 bytes of headers for each datagram.
    pub mbit: u64,
    /// Round trip without a queue, in milliseconds.
    pub rtt_ms: u64,
    /// Datagrams lost at random, either way, in parts per million.
    pub loss_ppm: u32,
}

impl Path {
    /// Bandwidth-delay product, in bytes.
    pub const fn bdp(self) -> u64 {
        self.mbit * self.rtt_ms * 125
    }

    pub const fn rtt(self) -> Duration {
        Duration::from_millis(self.rtt_ms)
    }

    /// So many bytes in hundredths of what the link can carry in that time.
    pub fn percent(self, bytes: u64, time: Duration) -> f64 {
        bytes as f64 * 800.0 / (self.mbit as f64 * 1e6 * time.as_secs_f64())
    }

    pub fn in_rtts(self, time: Duration) -> f64 {
        time.as_secs_f64() / self.rtt().as_secs_f64()
    }

    /// There, with a queue of a bandwidth-delay product, at least two full datagrams, beside the one that is
    /// just leaving; and back.
    pub fn links(self) -> [LinkConfig; 2] {
        let back = LinkConfig {
            loss_ppm: self.loss_ppm,
            ..LinkConfig::delay(self.rtt() / 2)
        };
        let queue = self.bdp().max(2 * FULL) + FULL;
        let there = LinkConfig {
            rate_bps: Some(self.mbit * 1_000_000),
            queue_bytes: usize::try_from(queue).expect("it fits memory"),
            ..back.clone()
        };
        [there, back]
    }
}

/// Which end of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Near,
    Far,
}

/// Both ends of a conversation, and what is done with it.
pub trait Flow {
    /// Hands over what an end has to send now.
    fn poll(&mut self, end: End, now: Instant, out: &mut Vec<Vec<u8>>);
    fn deliver(&mut self, end: End, datagram: Vec<u8>, now: Instant);
    /// When it wants to be woken if nothing arrives.
    fn next(&mut self) -> Option<Instant>;
    fn wake(&mut self, now: Instant);
}

struct Flying {
    flow: usize,
    to: End,
    datagram: Vec<u8>,
}

/// Flows over one path.
pub struct Dumbbell<F> {
    pub flows: Vec<F>,
    pub now: Instant,
    /// What is sent until then vanishes.
    pub dark_until: Instant,
    there: Link,
    back: Link,
    /// By arrival, and in the order of launch.
    flying: BTreeMap<(Instant, u64), Flying>,
    launched: u64,
    out: Vec<Vec<u8>>,
}

impl<F: Flow> Dumbbell<F> {
    /// `seed` decides which datagrams are lost.
    pub fn new(path: Path, seed: u64, flows: Vec<F>) -> Self {
        Self::over(path.links(), seed, flows)
    }

    /// Over links there and back.
    pub fn over([there, back]: [LinkConfig; 2], seed: u64, flows: Vec<F>) -> Self {
        Self {
            flows,
            now: Instant::ZERO,
            dark_until: Instant::ZERO,
            there: Link::new(there, SimRng::stream(seed, 1)),
            back: Link::new(back, SimRng::stream(seed, 2)),
            flying: BTreeMap::new(),
            launched: 0,
            out: Vec::new(),
        }
    }

    /// The direction with the bottleneck is another from now on.
    pub fn set_there(&mut self, there: LinkConfig) {
        self.there.set_config(there);
    }

    /// Of the direction with the bottleneck.
    pub const fn stats(&self) -> LinkStats {
        self.there.stats()
    }

    /// Goes on until `end`, or until `enough` says so.
    pub fn run(&mut self, end: Instant, enough: impl Fn(&[F]) -> bool) {
        loop {
            for flow in 0..self.flows.len() {
                self.send(flow, End::Near);
                self.send(flow, End::Far);
            }
            let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
            let timers = self.flows.iter_mut().filter_map(F::next);
            let next = timers.chain(arrival).min().filter(|next| *next <= end);
            let Some(next) = next.filter(|_| !enough(&self.flows)) else {
                return;
            };
            self.now = self.now.max(next);
            self.deliver();
            for flow in &mut self.flows {
                flow.wake(self.now);
            }
        }
    }

    fn send(&mut self, flow: usize, from: End) {
        let mut out = std::mem::take(&mut self.out);
        self.flows[flow].poll(from, self.now, &mut out);
        for datagram in out.drain(..) {
            let (link, to) = match from {
                End::Near => (&mut self.there, End::Far),
                End::Far => (&mut self.back, End::Near),
            };
            if self.now < self.dark_until {
                continue;
            }
            for arrival in link.send(datagram, self.now) {
                self.launched += 1;
                let datagram = arrival.datagram;
                let flying = Flying { flow, to, datagram };
                self.flying.insert((arrival.at, self.launched), flying);
            }
        }
        self.out = out;
    }

    /// What arrives in the same microsecond arrives together.
    fn deliver(&mut self) {
        while let Some(first) = self.flying.first_entry() {
            if first.key().0 > self.now {
                return;
            }
            let Flying { flow, to, datagram } = first.remove();
            self.flows[flow].deliver(to, datagram, self.now);
        }
    }
}
