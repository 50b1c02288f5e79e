//! Flows that share a bottleneck, with a clock of their own.
//!
//! ```text
//!  near ends ──▶ random loss ──▶ drop-tail queue ──▶ rate ──▶ delay ──▶ far ends
//!      ▲                                                                   │
//!      └───────────────── delay ◀── random loss ◀────────────────────────────┘
//! ```

use core::time::Duration;
use std::collections::BTreeMap;

use crate::proto::rng::CoreRng;
use crate::time::Instant;

/// Which end of a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Near,
    Far,
}

/// Both ends of a conversation.
pub(super) trait Flow {
    type Packet;
    /// What an end sends now, and how many bytes that takes on the link.
    fn poll(&mut self, end: End, now: Instant) -> Option<(usize, Self::Packet)>;
    fn deliver(&mut self, end: End, packet: Self::Packet, now: Instant);
    /// When it wants to be called again if nothing arrives; as of the last poll.
    fn next(&self) -> Option<Instant>;
    fn wake(&mut self, now: Instant);
}

/// A path, in one direction the bottleneck.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    /// Bits a second.
    pub(super) rate: u64,
    pub(super) rtt: Duration,
    /// Of 1,000 packets, lost at random, either way.
    pub(super) loss: usize,
    /// Hundredths of the bandwidth-delay product that the queue holds.
    pub(super) queue: u64,
    /// Whether packets that have room in the queue leave at once: a policer.
    pub(super) polices: bool,
    /// Whether packets get lost behind the bottleneck instead of before it.
    pub(super) behind: bool,
    /// Acknowledgements come later by up to so much, in the order in which they left.
    pub(super) jitter: Duration,
    /// Decides which packets are lost.
    pub(super) seed: u8,
}

impl Path {
    /// `mbit`: million bits a second. `loss`: of 1,000 packets. With a queue of one bandwidth-delay
    /// product.
    pub(super) const fn new(mbit: u64, rtt_ms: u64, loss: usize) -> Self {
        Self {
            rate: mbit * 1_000_000,
            rtt: Duration::from_millis(rtt_ms),
            loss,
            queue: 100,
            polices: false,
            behind: false,
            jitter: Duration::ZERO,
            seed: 1,
        }
    }

    fn bytes(self, time: Duration) -> u64 {
        u64::try_from(u128::from(self.rate) * time.as_micros() / 8_000_000).unwrap()
    }

    fn time(self, bytes: u64) -> Duration {
        Duration::from_micros(bytes * 8_000_000 / self.rate)
    }

    fn queue_bytes(self) -> u64 {
        self.bytes(self.rtt) * self.queue / 100
    }
}

/// What became of a flow's packets.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Tally {
    pub(super) sent: u64,
    /// At random.
    pub(super) lost: u64,
    /// For want of room in the queue.
    pub(super) dropped: u64,
    pub(super) delivered_bytes: u64,
    /// How long its packets queued, in all and at most.
    queued_us: u64,
    pub(super) most_queued: Duration,
}

impl Tally {
    /// In hundredths of what was sent.
    pub(super) fn own_loss(&self) -> f64 {
        percent(self.dropped, self.sent)
    }

    pub(super) fn mean_queue(&self) -> Duration {
        Duration::from_micros(self.queued_us / (self.sent - self.lost - self.dropped).max(1))
    }
}

/// A packet on its way to an end of a flow.
struct Flying<P> {
    flow: usize,
    to: End,
    bytes: usize,
    packet: P,
}

pub(super) struct Dumbbell<F: Flow> {
    pub(super) path: Path,
    pub(super) flows: Vec<F>,
    pub(super) tallies: Vec<Tally>,
    pub(super) now: Instant,
    rng: CoreRng,
    /// When the queue is empty again.
    busy_until: Instant,
    /// By arrival, and in the order of launch.
    flying: BTreeMap<(Instant, u64), Flying<F::Packet>>,
    launched: u64,
    /// When the last acknowledgement arrives.
    last_return: Instant,
}

impl<F: Flow> Dumbbell<F> {
    pub(super) fn new(path: Path, flows: Vec<F>) -> Self {
        Self {
            path,
            tallies: vec![Tally::default(); flows.len()],
            flows,
            now: Instant::ZERO,
            rng: CoreRng::new([path.seed; 32]),
            busy_until: Instant::ZERO,
            flying: BTreeMap::new(),
            launched: 0,
            last_return: Instant::ZERO,
        }
    }

    /// Goes on until `end`.
    pub(super) fn run(&mut self, end: Instant) {
        loop {
            for flow in 0..self.flows.len() {
                self.send(flow);
            }
            let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
            let timers = self.flows.iter().filter_map(F::next);
            let next = timers.chain(arrival).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            self.deliver();
            for flow in &mut self.flows {
                flow.wake(self.now);
            }
        }
    }

    fn send(&mut self, flow: usize) {
        while let Some((bytes, packet)) = self.flows[flow].poll(End::Near, self.now) {
            self.launch(flow, bytes, packet);
        }
        while let Some((bytes, packet)) = self.flows[flow].poll(End::Far, self.now) {
            if !self.is_unlucky() {
                let flying = Flying {
                    flow,
                    to: End::Near,
                    bytes,
                    packet,
                };
                let at = self.acknowledgement_arrives_at();
                self.fly(at, flying);
            }
        }
    }

    fn acknowledgement_arrives_at(&mut self) -> Instant {
        let at = self.now + self.path.rtt / 2 + self.rng.up_to(self.path.jitter);
        self.last_return = self.last_return.max(at);
        self.last_return
    }

    fn is_unlucky(&mut self) -> bool {
        self.path.loss > 0 && self.rng.below(1_000) < self.path.loss
    }

    /// Into the bottleneck.
    fn launch(&mut self, flow: usize, bytes: usize, packet: F::Packet) {
        let unlucky = self.is_unlucky();
        let queued = self.busy_until.saturating_since(self.now);
        let tally = &mut self.tallies[flow];
        tally.sent += 1;
        tally.lost += u64::from(unlucky);
        if unlucky && !self.path.behind {
            return;
        }
        if self.path.bytes(queued) > self.path.queue_bytes() {
            tally.dropped += 1;
            return;
        }
        tally.queued_us += u64::try_from(queued.as_micros()).unwrap();
        tally.most_queued = tally.most_queued.max(queued);
        self.busy_until = self.busy_until.max(self.now) + self.path.time(bytes as u64);
        if unlucky {
            return;
        }
        let leaves = if self.path.polices {
            self.now
        } else {
            self.busy_until
        };
        let arrival = leaves + self.path.rtt / 2;
        let flying = Flying {
            flow,
            to: End::Far,
            bytes,
            packet,
        };
        self.fly(arrival, flying);
    }

    fn fly(&mut self, at: Instant, flying: Flying<F::Packet>) {
        self.launched += 1;
        self.flying.insert((at, self.launched), flying);
    }

    fn deliver(&mut self) {
        while let Some(first) = self.flying.first_entry() {
            if first.key().0 > self.now {
                return;
            }
            let flying = first.remove();
            if flying.to == End::Far {
                self.tallies[flying.flow].delivered_bytes += flying.bytes as u64;
            }
            self.flows[flying.flow].deliver(flying.to, flying.packet, self.now);
        }
    }

    /// So many bytes, in hundredths of what the link could have carried by now.
    pub(super) fn hundredths(&self, bytes: u64) -> f64 {
        let possible = self.path.bytes(self.now.saturating_since(Instant::ZERO));
        percent(bytes, possible)
    }

    /// What a flow brought through the link, in hundredths of what it could have carried.
    pub(super) fn used(&self, flow: usize) -> f64 {
        self.hundredths(self.tallies[flow].delivered_bytes)
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
