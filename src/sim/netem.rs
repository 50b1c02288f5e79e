//! One direction of a link: rate, delay and every way in which a real one mistreats datagrams.
//!
//! ```text
//! send ─▶ MTU ─▶ loss ─▶ drop-tail queue (or policer) at the rate ─▶ delay + jitter ─▶ damage ─▶ arrivals
//!                                                        └ held back (reordering), twice (duplication)
//! ```

use core::time::Duration;
use std::collections::VecDeque;

use crate::sim::rng::SimRng;
use crate::time::Instant;

/// Bytes that IPv4 and UDP add to a payload; what a rate limit counts.
const HEADER_LEN: usize = 28;

/// How a link behaves. The default is perfect: no delay, no loss, no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// Bits per second, headers included; none is infinitely fast.
    pub rate_bps: Option<u64>,
    /// What may wait for the rate before the tail is dropped, in bytes with headers.
    pub queue_bytes: usize,
    /// What would have to wait leaves at once, and what would find the queue full is dropped as ever: a policer,
    /// which has a bucket in the queue's place.
    pub polices: bool,
    /// Time in flight of every datagram.
    pub delay: Duration,
    /// Added to the delay, uniformly from zero; does not reorder by itself.
    pub jitter: Duration,
    /// Independent loss, in parts per million.
    pub loss_ppm: u32,
    /// Loss in bursts, on top of the independent one.
    pub burst: Option<Burst>,
    /// Share of datagrams that later ones may overtake, in parts per million.
    pub reorder_ppm: u32,
    /// For how long such a datagram is held back, uniformly from zero.
    pub reorder_by: Duration,
    /// Share that arrives twice, in parts per million.
    pub duplicate_ppm: u32,
    /// Share that arrives with one to eight flipped bits, in parts per million.
    pub corrupt_ppm: u32,
    /// Share that arrives cut short, in parts per million.
    pub truncate_ppm: u32,
    /// Longest UDP payload that passes; longer ones vanish.
    pub mtu: Option<usize>,
}

/// Gilbert-Elliott: two states, of which the bad one loses. Chances are per datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Chance to turn bad, in parts per million.
    pub enter_ppm: u32,
    /// Chance to turn good again, in parts per million.
    pub leave_ppm: u32,
    /// Loss while bad, in parts per million.
    pub loss_ppm: u32,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            rate_bps: None,
            queue_bytes: usize::MAX,
            polices: false,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss_ppm: 0,
            burst: None,
            reorder_ppm: 0,
            reorder_by: Duration::ZERO,
            duplicate_ppm: 0,
            corrupt_ppm: 0,
            truncate_ppm: 0,
            mtu: None,
        }
    }
}

impl LinkConfig {
    /// A perfect link of this one-way delay.
    #[must_use]
    pub fn delay(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::default()
        }
    }

    /// A household's connection: 20 Mbit/s, 15 ms ± a little, one datagram in a thousand lost.
    #[must_use]
    pub fn home() -> Self {
        Self {
            rate_bps: Some(20_000_000),
            queue_bytes: 64 * 1024,
            jitter: Duration::from_millis(3),
            loss_ppm: 1_000,
            mtu: Some(1_472),
            ..Self::delay(Duration::from_millis(15))
        }
    }

    /// A crowded wireless link: slow, bursts of loss, everything else now and then.
    #[must_use]
    pub fn bad() -> Self {
        Self {
            rate_bps: Some(1_000_000),
            queue_bytes: 32 * 1024,
            jitter: Duration::from_millis(40),
            loss_ppm: 50_000,
            burst: Some(Burst {
                enter_ppm: 10_000,
                leave_ppm: 300_000,
                loss_ppm: 800_000,
            }),
            reorder_ppm: 50_000,
            reorder_by: Duration::from_millis(200),
            duplicate_ppm: 20_000,
            corrupt_ppm: 10_000,
            truncate_ppm: 5_000,
            mtu: Some(1_252),
            ..Self::delay(Duration::from_millis(60))
        }
    }
}

/// A datagram that comes out of the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Instant,
    /// What is left of it.
    pub datagram: Vec<u8>,
}

/// Counts of what a link did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Datagrams that came in.
    pub sent: u64,
    /// Lost by chance, singly or in bursts.
    pub lost: u64,
    /// Dropped since the queue was full.
    pub overflowed: u64,
    /// Longer than the MTU.
    pub too_long: u64,
    /// Held back so that others may overtake.
    pub held: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Delivered with flipped bits or cut short.
    pub damaged: u64,
    /// How long datagrams waited for others to leave, all together.
    pub waited: Duration,
    /// The longest that one of them did.
    pub longest_wait: Duration,
}

/// One direction of a link.
pub struct Link {
    config: LinkConfig,
    rng: SimRng,
    /// Departures of what waits for the rate, with lengths.
    queue: VecDeque<(Instant, usize)>,
    queued_bytes: usize,
    /// What the last departure is ahead of the rate for being in whole microseconds, in bits x 10^6.
    ahead: u64,
    latest_arrival: Instant,
    in_burst: bool,
    stats: LinkStats,
}

impl Link {
    /// A link that behaves as `config` says, with chance from `rng`.
    #[must_use]
    pub fn new(config: LinkConfig, rng: SimRng) -> Self {
        Self {
            config,
            rng,
            queue: VecDeque::new(),
            queued_bytes: 0,
            ahead: 0,
            latest_arrival: Instant::ZERO,
            in_burst: false,
            stats: LinkStats::default(),
        }
    }

    /// Changes the behaviour from the next datagram on; what is in flight stays.
    pub fn set_config(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// What the link did so far.
    #[must_use]
    pub const fn stats(&self) -> LinkStats {
        self.stats
    }

    /// Takes one datagram in at `now` and says what comes out: nothing, one arrival or two.
    pub fn send(&mut self, datagram: Vec<u8>, now: Instant) -> Vec<Arrival> {
        self.stats.sent += 1;
        if self.config.mtu.is_some_and(|mtu| datagram.len() > mtu) {
            self.stats.too_long += 1;
            return Vec::new();
        }
        if self.is_lost() {
            self.stats.lost += 1;
            return Vec::new();
        }
        let Some(departs) = self.enqueue(datagram.len() + HEADER_LEN, now) else {
            self.stats.overflowed += 1;
            return Vec::new();
        };
        let twice = self
            .rng
            .chance(self.config.duplicate_ppm)
            .then(|| datagram.clone());
        self.stats.duplicated += u64::from(twice.is_some());
        let copies = [Some(datagram), twice].into_iter().flatten();
        copies.map(|copy| self.arrival(copy, departs)).collect()
    }

    fn is_lost(&mut self) -> bool {
        let single = self.rng.chance(self.config.loss_ppm);
        let Some(burst) = self.config.burst else {
            return single;
        };
        let turn_ppm = if self.in_burst {
            burst.leave_ppm
        } else {
            burst.enter_ppm
        };
        self.in_burst ^= self.rng.chance(turn_ppm);
        single || (self.in_burst && self.rng.chance(burst.loss_ppm))
    }

    /// When the last bit of `len` bytes leaves, or none if the queue has no room.
    fn enqueue(&mut self, len: usize, now: Instant) -> Option<Instant> {
        let Some(rate_bps) = self.config.rate_bps else {
            return Some(now);
        };
        while let Some((_, gone)) = self.queue.pop_front_if(|(departs, _)| *departs <= now) {
            self.queued_bytes -= gone;
        }
        if self.queued_bytes.saturating_add(len) > self.config.queue_bytes {
            return None;
        }
        let starts = self.queue.back().map_or(now, |(departs, _)| *departs);
        let departs = starts + self.serialise(len, rate_bps);
        self.queue.push_back((departs, len));
        self.queued_bytes += len;
        if self.config.polices {
            return Some(now);
        }
        let waits = starts.saturating_since(now);
        self.stats.waited += waits;
        self.stats.longest_wait = self.stats.longest_wait.max(waits);
        Some(departs)
    }

    /// How long `len` bytes take. What is cut off the microsecond counts for the next ones, if they follow at
    /// once: small datagrams are no faster than the rate.
    fn serialise(&mut self, len: usize, rate_bps: u64) -> Duration {
        if self.queue.is_empty() {
            self.ahead = 0;
        }
        let bits = u64::try_from(len).unwrap_or(u64::MAX).saturating_mul(8);
        let work = bits.saturating_mul(1_000_000).saturating_add(self.ahead);
        self.ahead = work.checked_rem(rate_bps).unwrap_or(0);
        Duration::from_micros(work.checked_div(rate_bps).unwrap_or(0))
    }

    fn arrival(&mut self, mut datagram: Vec<u8>, departs: Instant) -> Arrival {
        let on_time = departs + self.config.delay + self.rng.up_to(self.config.jitter);
        let in_order = on_time.max(self.latest_arrival);
        let at = if self.rng.chance(self.config.reorder_ppm) {
            self.stats.held += 1;
            in_order + self.rng.up_to(self.config.reorder_by)
        } else {
            self.latest_arrival = in_order;
            in_order
        };
        self.damage(&mut datagram);
        Arrival { at, datagram }
    }

    fn damage(&mut self, datagram: &mut Vec<u8>) {
        let corrupt = self.rng.chance(self.config.corrupt_ppm);
        let truncate = self.rng.chance(self.config.truncate_ppm);
        self.stats.damaged += u64::from(corrupt || truncate);
        if corrupt {
            for _ in 0..self.rng.within(1..=8) {
                flip_bit(datagram, self.rng.word());
            }
        }
        if truncate {
            datagram.truncate(self.rng.index(datagram.len()));
        }
    }
}

/// Flips one bit of `datagram`, chosen by `choice`.
pub fn flip_bit(datagram: &mut [u8], choice: u64) {
    let bits = datagram.len().saturating_mul(8);
    let Some(bit) = usize::try_from(choice)
        .unwrap_or(usize::MAX)
        .checked_rem(bits)
    else {
        return;
    };
    if let Some(byte) = datagram.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(config: LinkConfig) -> Link {
        Link::new(config, SimRng::new(1))
    }

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    /// Sends `count` datagrams 1 ms apart, each naming its number, and sorts what arrives by time.
    fn run(config: LinkConfig, count: u32) -> (Vec<u32>, LinkStats) {
        let mut link = link(config);
        let mut arrivals: Vec<Arrival> = (0..count)
            .flat_map(|n| link.send(n.to_le_bytes().to_vec(), at(u64::from(n))))
            .collect();
        arrivals.sort_by_key(|arrival| arrival.at);
        let number = |a: &Arrival| u32::from_le_bytes(a.datagram.as_slice().try_into().unwrap());
        (arrivals.iter().map(number).collect(), link.stats())
    }

    #[test]
    fn a_perfect_link_delivers_all_after_its_delay() {
        let mut link = link(LinkConfig::delay(Duration::from_millis(30)));
        let arrivals = link.send(vec![1, 2], at(5));
        assert_eq!(
            arrivals,
            [Arrival {
                at: at(35),
                datagram: vec![1, 2]
            }]
        );
    }

    #[test]
    fn the_rate_spaces_datagrams_and_the_queue_drops_the_tail() {
        // 1,000 bytes with headers take 1 ms at 8 Mbit/s.
        let config = LinkConfig {
            rate_bps: Some(8_000_000),
            queue_bytes: 3_000,
            ..LinkConfig::default()
        };
        let mut link = link(config);
        let burst = (0..5).flat_map(|_| link.send(vec![0; 972], at(0)));
        assert_eq!(
            burst.map(|a| a.at).collect::<Vec<_>>(),
            [at(1), at(2), at(3)]
        );
        assert_eq!(link.stats().overflowed, 2);
        let later = link.send(vec![0; 972], at(2));
        assert_eq!(later[0].at, at(4), "two of three have left the queue");
    }

    #[test]
    fn waiting_is_counted_and_small_datagrams_are_no_faster_than_the_rate() {
        // 100 bytes with headers take 2.67 us at 300 Mbit/s.
        let mut link = link(LinkConfig {
            rate_bps: Some(300_000_000),
            ..LinkConfig::default()
        });
        let last = (0..300).flat_map(|_| link.send(vec![0; 72], at(0))).last();
        assert_eq!(last.map(|a| a.at), Some(Instant::from_micros(800)));
        let stats = link.stats();
        assert_eq!(stats.longest_wait, Duration::from_micros(797));
        assert!(stats.waited > stats.longest_wait * 149, "{stats:?}");
        link.send(vec![0; 72], at(5));
        assert_eq!(link.stats().waited, stats.waited, "the link was idle");
    }

    #[test]
    fn single_loss_comes_near_its_rate() {
        let (arrived, stats) = run(
            LinkConfig {
                loss_ppm: 100_000,
                ..LinkConfig::default()
            },
            10_000,
        );
        assert_eq!(arrived.len() as u64 + stats.lost, 10_000);
        assert!((900..1_100).contains(&stats.lost), "{stats:?}");
    }

    #[test]
    fn burst_loss_comes_in_runs() {
        let burst = Burst {
            enter_ppm: 10_000,
            leave_ppm: 100_000,
            loss_ppm: 1_000_000,
        };
        let (arrived, stats) = run(
            LinkConfig {
                burst: Some(burst),
                ..LinkConfig::default()
            },
            10_000,
        );
        let runs = arrived
            .windows(2)
            .filter(|pair| pair[1] != pair[0] + 1)
            .count();
        assert!(stats.lost > 500, "{stats:?}");
        assert!(
            arrived.len() + 5 * runs < 10_000,
            "{} losses in {runs} runs",
            stats.lost
        );
    }

    #[test]
    fn jitter_alone_keeps_the_order() {
        let config = LinkConfig {
            jitter: Duration::from_millis(50),
            ..LinkConfig::default()
        };
        assert!(run(config, 1_000).0.is_sorted());
    }

    #[test]
    fn reordering_delivers_all_in_another_order() {
        let config = LinkConfig {
            reorder_ppm: 100_000,
            reorder_by: Duration::from_millis(20),
            ..LinkConfig::default()
        };
        let (mut arrived, stats) = run(config, 1_000);
        assert!(!arrived.is_sorted() && stats.held > 50, "{stats:?}");
        arrived.sort_unstable();
        assert!(arrived.into_iter().eq(0..1_000));
    }

    #[test]
    fn duplication_delivers_some_twice() {
        let (arrived, stats) = run(
            LinkConfig {
                duplicate_ppm: 100_000,
                ..LinkConfig::default()
            },
            1_000,
        );
        assert_eq!(arrived.len() as u64, 1_000 + stats.duplicated);
        assert!((50..150).contains(&stats.duplicated), "{stats:?}");
    }

    #[test]
    fn damage_flips_bits_or_cuts_short() {
        let mut corrupt = link(LinkConfig {
            corrupt_ppm: 1_000_000,
            ..LinkConfig::default()
        });
        let mut truncate = link(LinkConfig {
            truncate_ppm: 1_000_000,
            ..LinkConfig::default()
        });
        let flipped = |bytes: &[u8]| bytes.iter().map(|b| b.count_ones()).sum::<u32>();
        for _ in 0..100 {
            let whole = corrupt.send(vec![0; 100], at(0)).remove(0).datagram;
            assert!(whole.len() == 100 && flipped(&whole) <= 8);
            assert!(truncate.send(vec![0; 100], at(0)).remove(0).datagram.len() < 100);
        }
        assert_eq!(
            (corrupt.stats().damaged, truncate.stats().damaged),
            (100, 100)
        );
    }

    #[test]
    fn empty_datagrams_survive_damage() {
        let config = LinkConfig {
            corrupt_ppm: 1_000_000,
            truncate_ppm: 1_000_000,
            ..LinkConfig::default()
        };
        assert_eq!(link(config).send(Vec::new(), at(0)).len(), 1);
    }

    #[test]
    fn what_exceeds_the_mtu_vanishes() {
        let mut link = link(LinkConfig {
            mtu: Some(1_232),
            ..LinkConfig::default()
        });
        assert_eq!(link.send(vec![0; 1_232], at(0)).len(), 1);
        assert_eq!(link.send(vec![0; 1_233], at(0)).len(), 0);
        assert_eq!(link.stats().too_long, 1);
    }

    #[test]
    fn same_seed_same_arrivals() {
        let bad = || run_bytes(LinkConfig::bad());
        assert_eq!(bad(), bad());
    }

    fn run_bytes(config: LinkConfig) -> Vec<Arrival> {
        let mut link = link(config);
        (0..500)
            .flat_map(|n| link.send(vec![7; 200], at(n)))
            .collect()
    }
}
