//! A sender with endless data over a simulated link: does the whole of it work together?

use std::collections::VecDeque;

use super::*;
use crate::proto::rng::CoreRng;

/// One packet leaves the queue each millisecond: 1.2 MB/s.
const SERVICE: Duration = ms(1);
const QUEUE: u32 = 50;
const ONE_WAY: Duration = ms(20);

struct Link {
    sender: Sender,
    rng: CoreRng,
    /// Random losses in a thousand.
    loss: usize,
    now: Instant,
    /// When the queue is empty again.
    busy_until: Instant,
    /// Acknowledgements under way, in order of arrival.
    arriving: VecDeque<(Instant, u64)>,
    received: Vec<(u64, u64)>,
    delivered: u64,
}

impl Link {
    fn new(seed: u8, loss: usize) -> Self {
        Self {
            sender: Sender::new(),
            rng: CoreRng::new([seed; 32]),
            loss,
            now: at(0),
            busy_until: at(0),
            arriving: VecDeque::new(),
            received: Vec::new(),
            delivered: 0,
        }
    }

    fn run(&mut self, end: Instant) {
        while self.now < end {
            let permit = self.fill();
            let mut next = [self.sender.recovery.timeout(), permit, self.next_ack()];
            next.sort();
            let next = next.into_iter().flatten().next();
            self.now = self
                .now
                .max(next.expect("a sender that is blocked has a timer"));
            self.take_acks();
            self.take_timeout();
        }
    }

    fn next_ack(&self) -> Option<Instant> {
        self.arriving.front().map(|(at, _)| *at)
    }

    fn fill(&mut self) -> Option<Instant> {
        loop {
            match self.sender.recovery.may_send(SIZE, self.now) {
                Permit::Now => self.send(),
                Permit::At(at) => return Some(at),
                Permit::Blocked => return None,
            }
        }
    }

    fn send(&mut self) {
        let number = self.sender.next;
        self.sender.send(1, self.now);
        let queued = self.busy_until.saturating_since(self.now);
        if queued >= SERVICE * QUEUE || self.rng.below(1_000) < self.loss {
            return;
        }
        self.busy_until = self.busy_until.max(self.now) + SERVICE;
        let arrival = self.busy_until + ONE_WAY * 2;
        self.arriving.push_back((arrival, number));
    }

    fn take_acks(&mut self) {
        while let Some((_, number)) = self.arriving.pop_front_if(|(at, _)| *at <= self.now) {
            self.delivered += 1;
            match self.received.first_mut() {
                Some((_, high)) if *high + 1 == number => *high = number,
                _ => self.received.insert(0, (number, number)),
            }
            self.received.truncate(32);
            let ranges = self.received.clone();
            self.sender.ack(&ranges, self.now);
        }
    }

    fn take_timeout(&mut self) {
        let due = self.sender.recovery.timeout();
        if due.is_some_and(|due| due <= self.now) {
            let outcome = self.sender.recovery.on_timeout(self.now);
            for _ in 0..outcome.probes {
                self.send();
            }
        }
    }

    /// Hundredths of the link in use.
    fn used(&self) -> u64 {
        let possible = self.now.as_micros() / 1_000;
        self.delivered * 100 / possible
    }
}

#[test]
fn a_clean_link_is_used_whole_and_few_packets_overflow_its_queue() {
    let mut link = Link::new(1, 0);
    link.run(at(30_000));
    let lost = link.sender.next - link.delivered;
    println!(
        "used {} %, lost {lost} of {}",
        link.used(),
        link.sender.next
    );
    assert!(link.used() >= 95);
    assert!(lost * 100 <= link.sender.next * 5);
}

#[test]
fn a_link_that_loses_one_in_fifty_still_moves() {
    for seed in 0..10 {
        let mut link = Link::new(seed, 20);
        link.run(at(30_000));
        println!("seed {seed}: used {} %", link.used());
        assert!(link.used() >= 10, "seed {seed}");
    }
}

#[test]
fn a_link_that_dies_and_comes_back_is_used_whole_from_the_first_probe_on() {
    let mut link = Link::new(3, 0);
    link.run(at(2_000));
    link.loss = 1_000;
    link.run(at(12_000));
    let before = link.delivered;
    link.loss = 0;
    // Probes double their distance, so that one finds the link within another such time.
    link.run(at(28_000));
    assert!(link.delivered > before);
    let found = link.delivered;
    link.run(at(38_000));
    assert!(link.delivered - found > 9_500);
}
