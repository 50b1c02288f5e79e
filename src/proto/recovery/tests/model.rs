//! Random packets, acknowledgements and timeouts against a list that is searched from end to end.

use std::collections::BTreeSet;

use super::*;
use crate::proto::limits::{GRANULARITY, PACKET_THRESHOLD};
use crate::proto::rng::CoreRng;

const SEEDS: u8 = 30;
const STEPS: usize = 1_500;

/// What the model knows of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Outstanding,
    Done,
    AckOnly,
    Skipped,
}

struct Packet {
    at: Instant,
    /// What it takes of the window.
    bytes: usize,
    state: State,
}

struct Model {
    recovery: Recovery<u64>,
    rng: CoreRng,
    packets: Vec<Packet>,
    delivered: BTreeSet<u64>,
    largest_acked: Option<u64>,
    now: Instant,
}

impl Model {
    fn new(kind: Congestion, seed: u8) -> Self {
        let controller = controller(kind, SIZE, [seed; 32], at(0));
        Self {
            recovery: Recovery::new(controller, SIZE, at(0)),
            rng: CoreRng::new([seed; 32]),
            packets: Vec::new(),
            delivered: BTreeSet::new(),
            largest_acked: None,
            now: at(0),
        }
    }

    fn step(&mut self) {
        match self.rng.below(100) {
            0..40 => self.send(),
            40..50 => self.send_ack_only(),
            50..53 => self.skip(),
            53..75 => self.now = self.now + self.rng.up_to(ms(60)),
            75..90 => self.acknowledge(),
            90..95 => self.time_out(),
            95..97 => self.now = self.recovery.timeout().unwrap_or(self.now).max(self.now),
            97..99 => self.lie(),
            _ => self.change_path(),
        }
        self.compare();
    }

    fn push(&mut self, bytes: usize, state: State) -> u64 {
        let at = self.now;
        self.packets.push(Packet { at, bytes, state });
        self.packets.len() as u64 - 1
    }

    fn send(&mut self) {
        let bytes = 1 + self.rng.below(SIZE);
        let number = self.push(bytes, State::Outstanding);
        let sent = PacketNumber(number);
        let evicted = if self.rng.below(20) == 0 {
            self.recovery
                .on_mtu_probe_sent(sent, bytes, number, self.now)
        } else {
            self.recovery.on_sent(sent, bytes, true, number, self.now)
        };
        assert_eq!(evicted, None);
        if self.rng.below(10) > 1 {
            self.delivered.insert(number);
        }
    }

    fn send_ack_only(&mut self) {
        let number = self.push(0, State::AckOnly);
        let sent = PacketNumber(number);
        let evicted = self.recovery.on_sent(sent, 64, false, number, self.now);
        assert_eq!(evicted, None);
        self.delivered.insert(number);
    }

    fn skip(&mut self) {
        let number = self.push(0, State::Skipped);
        self.recovery.skip(PacketNumber(number));
    }

    /// Up to 32 ranges of what arrived, some of it left out.
    fn acknowledge(&mut self) {
        let newest = self.packets.len().saturating_sub(self.rng.below(8)) as u64;
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let numbers: Vec<u64> = self.delivered.range(..newest).rev().copied().collect();
        for number in numbers {
            if self.rng.below(10) == 0 {
                continue;
            }
            let full = ranges.len() == 32;
            match ranges.last_mut() {
                Some((low, _)) if *low == number + 1 => *low = number,
                _ if full => break,
                _ => ranges.push((number, number)),
            }
        }
        if ranges.is_empty() {
            return;
        }
        let ack = Ack {
            delay_us: self.rng.u64() >> self.rng.below(64),
            ranges: ranges.as_slice().into(),
        };
        let progress = take_in(&mut self.recovery, &ack, self.now).unwrap();
        assert_eq!(progress.acked, self.newly_acked(&ack));
        assert_eq!(progress.lost, self.newly_lost());
    }

    fn newly_acked(&mut self, ack: &Ack) -> Vec<u64> {
        self.largest_acked = self.largest_acked.max(Some(ack.ranges[0].1));
        let acked = |number: &u64| ack.contains(PacketNumber(*number));
        let mut acked = self.outstanding(acked);
        acked.reverse();
        self.finish(&acked);
        acked
    }

    fn newly_lost(&mut self) -> Vec<u64> {
        let delay = self.loss_delay();
        let Some(largest) = self.largest_acked else {
            return Vec::new();
        };
        let lost = self.outstanding(|number| {
            let later = (number + 1)..=largest;
            let sent = |later: &u64| self.packet(*later).state != State::Skipped;
            let late = self.packet(*number).at + delay <= self.now;
            *number < largest && (late || later.filter(sent).count() as u64 >= PACKET_THRESHOLD)
        });
        self.finish(&lost);
        lost
    }

    fn loss_delay(&self) -> Duration {
        let rtt = self.recovery.rtt();
        let rtt = rtt.map_or(ms(333), |rtt| rtt.smoothed.max(rtt.latest));
        (rtt * 9 / 8).max(GRANULARITY)
    }

    fn time_out(&mut self) {
        let due = self.recovery.timeout().is_some_and(|due| due <= self.now);
        let outcome = self.recovery.on_timeout(self.now);
        let lost = self.newly_lost();
        assert_eq!(outcome.probes == 2, due && lost.is_empty());
        assert_eq!(outcome.lost, lost);
        assert!(due || lost.is_empty());
    }

    fn lie(&mut self) {
        let sent = self.packets.len() as u64;
        let skipped = self.packets.iter().rposition(|p| p.state == State::Skipped);
        let lie = skipped.map_or(sent, |number| number as u64);
        let mut ranges = vec![(lie, lie)];
        if self.rng.below(2) == 0 {
            ranges = vec![(0, sent)];
        }
        assert!(take_in(&mut self.recovery, &ack(&ranges), self.now).is_err());
    }

    fn change_path(&mut self) {
        self.recovery.on_path_change(SIZE, self.now);
        for packet in &mut self.packets {
            packet.bytes = 0;
        }
    }

    fn packet(&self, number: u64) -> &Packet {
        &self.packets[usize::try_from(number).unwrap()]
    }

    fn outstanding(&self, wanted: impl Fn(&u64) -> bool) -> Vec<u64> {
        let numbers = 0..self.packets.len() as u64;
        numbers
            .filter(|number| self.packet(*number).state == State::Outstanding)
            .filter(wanted)
            .collect()
    }

    fn finish(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.packets[usize::try_from(*number).unwrap()].state = State::Done;
        }
    }

    fn compare(&self) {
        let outstanding = self.outstanding(|_| true);
        let unacked: Vec<u64> = self.recovery.unacked().copied().collect();
        assert_eq!(unacked, outstanding);
        assert_eq!(self.recovery.awaits_ack(), !outstanding.is_empty());
        assert_eq!(self.recovery.timeout().is_some(), !outstanding.is_empty());
        let bytes = outstanding.iter().map(|number| self.packet(*number).bytes);
        assert_eq!(self.recovery.in_flight(), bytes.sum::<usize>());
        assert!(self.recovery.window() >= MINIMUM_WINDOW_PACKETS * SIZE);
        if let Permit::At(at) = self.recovery.may_send(SIZE, self.now) {
            assert!(at > self.now);
            assert_eq!(self.recovery.may_send(SIZE, at), Permit::Now);
        }
    }
}

#[test]
fn every_packet_is_acknowledged_or_lost_once_as_a_simple_model_says() {
    let kinds = [Congestion::Bbr, Congestion::NewReno];
    for (seed, kind) in (0..SEEDS).flat_map(|seed| kinds.map(|kind| (seed, kind))) {
        println!("{kind:?}, seed {seed}");
        let mut model = Model::new(kind, seed);
        for _ in 0..STEPS {
            model.step();
        }
    }
}
