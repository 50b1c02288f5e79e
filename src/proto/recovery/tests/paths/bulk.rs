//! A sender with endless data and a receiver that acknowledges every second packet, or each if asked.

use super::dumbbell::{End, Flow};
use crate::proto::limits::{ACK_EVERY, MAX_ACK_DELAY};
use crate::proto::recovery::tests::*;
use crate::wire::limits::ACK_MAX_RANGES;

const DATAGRAM: usize = 1_472;
const ACK_LEN: usize = 80;

pub(super) enum Packet {
    /// Its number, and whether it is to be acknowledged at once.
    Data(u64, bool),
    Ack(Ack),
}

pub(super) struct Bulk {
    recovery: Recovery<()>,
    next: u64,
    probes: u8,
    pace: Option<Instant>,
    receiver: Receiver,
    /// Not before then.
    pub(super) start: Instant,
}

#[derive(Default)]
struct Receiver {
    ranges: Vec<(u64, u64)>,
    highest_at: Instant,
    waiting: usize,
    due: Option<Instant>,
}

impl Receiver {
    fn take(&mut self, number: u64, prompt: bool, now: Instant) {
        let next = self.ranges.first().map_or(0, |(_, high)| high + 1);
        if number == next && next > 0 {
            self.ranges[0].1 = number;
        } else {
            self.ranges.insert(0, (number, number));
            self.ranges.truncate(ACK_MAX_RANGES);
        }
        self.highest_at = now;
        self.waiting += 1;
        let at_once = prompt || self.waiting >= ACK_EVERY || number != next;
        let due = if at_once { now } else { now + MAX_ACK_DELAY };
        self.due = Some(self.due.map_or(due, |held| held.min(due)));
    }

    fn poll(&mut self, now: Instant) -> Option<Ack> {
        self.due.take_if(|due| *due <= now)?;
        self.waiting = 0;
        let delay = now.saturating_since(self.highest_at).as_micros();
        Some(Ack {
            delay_us: u64::try_from(delay).unwrap(),
            ranges: self.ranges.as_slice().into(),
        })
    }
}

impl Bulk {
    pub(super) fn new(kind: Congestion, seed: u8) -> Self {
        let controller = controller(kind, DATAGRAM, [seed; 32], Instant::ZERO);
        Self {
            recovery: Recovery::new(controller, DATAGRAM, Instant::ZERO),
            next: 0,
            probes: 0,
            pace: None,
            receiver: Receiver::default(),
            start: Instant::ZERO,
        }
    }

    fn send(&mut self, now: Instant) -> (usize, Packet) {
        let number = PacketNumber(self.next);
        self.next += 1;
        let evicted = self.recovery.on_sent(number, DATAGRAM, true, (), now);
        assert_eq!(evicted, None);
        let prompt = self.recovery.wants_prompt_acks();
        (DATAGRAM, Packet::Data(number.0, prompt))
    }
}

impl Flow for Bulk {
    type Packet = Packet;

    fn poll(&mut self, end: End, now: Instant) -> Option<(usize, Packet)> {
        if end == End::Far {
            let ack = self.receiver.poll(now)?;
            return Some((ACK_LEN, Packet::Ack(ack)));
        }
        self.pace = (now < self.start).then_some(self.start);
        if self.pace.is_some() {
            return None;
        }
        if self.probes > 0 {
            self.probes -= 1;
            return Some(self.send(now));
        }
        match self.recovery.may_send(DATAGRAM, now) {
            Permit::Now => Some(self.send(now)),
            Permit::At(at) => {
                self.pace = Some(at);
                None
            }
            Permit::Blocked => None,
        }
    }

    fn deliver(&mut self, _end: End, packet: Packet, now: Instant) {
        match packet {
            Packet::Data(number, prompt) => self.receiver.take(number, prompt, now),
            Packet::Ack(ack) => {
                let progress = &mut Progress::default();
                self.recovery.on_ack(&ack, now, progress).unwrap();
            }
        }
    }

    fn next(&self) -> Option<Instant> {
        let timers = [self.pace, self.recovery.timeout(), self.receiver.due];
        timers.into_iter().flatten().min()
    }

    fn wake(&mut self, now: Instant) {
        if self.recovery.timeout().is_some_and(|due| due <= now) {
            self.probes += self.recovery.on_timeout(now).probes;
        }
    }
}
