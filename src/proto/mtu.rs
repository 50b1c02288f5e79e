//! The largest datagram that the path carries (RFC 8899, as RFC 9000 §14.3 applies it).
//! Source: docs/protocol.md#loss-and-congestion.
//!
//! ```text
//!            acked: next size                  all sizes passed
//!           ┌───────┐                        ┌─────────────────▶ the top: nothing more to try
//!  base ──▶ searching ──────────────────────┤
//!              ▲      MTU_PROBE_LOSSES       └─▶ resting ─┐
//!              └──────────── after MTU_RAISE_AFTER ───────┘ ◀── black hole: back to base, or
//! ```                                                          from the base to the floor
//!
//! Without a timer of its own: the owner asks when it has something full-size to send, so that idle
//! peers and small talk never probe.

use crate::id::PacketNumber;
use crate::proto::limits::{BLACK_HOLE_ROUNDS, MTU_PROBE_LOSSES, MTU_PROBES, MTU_RAISE_AFTER};
use crate::time::Instant;
use crate::wire::limits::{BASE_DATAGRAM_LEN, FLOOR_DATAGRAM_LEN};

/// What is known about one path. A new path gets a new one.
///
/// A probe is a packet of PING and PADDING. Its loss goes to [`Mtu::on_probe_lost`] and to nothing
/// else: it says nothing about congestion (RFC 9000 §14.4). All other ack-eliciting packets go to
/// [`Mtu::on_acked`] and [`Mtu::on_lost`].
#[derive(Debug)]
pub(crate) struct Mtu {
    size: usize,
    search: Search,
    hole: Hole,
}

#[derive(Debug)]
enum Search {
    /// The next size is being tried, `losses` times in vain so far.
    Active {
        probe: Option<(PacketNumber, usize)>,
        losses: u32,
    },
    /// What is above does not pass, until then.
    Resting { until: Instant },
}

impl Search {
    const NEW: Self = Self::Active {
        probe: None,
        losses: 0,
    };
}

/// Signs that full-size packets no longer pass where small ones do.
#[derive(Debug, Default)]
struct Hole {
    /// Moments at which full-size packets were found lost, since the last that arrived.
    rounds: u32,
    /// The last of these; what is lost at one moment is one round.
    last: Option<Instant>,
    /// Whether a small packet arrived since the first of them.
    small_passed: bool,
}

impl Mtu {
    pub(crate) fn new() -> Self {
        Self {
            size: BASE_DATAGRAM_LEN,
            search: Search::NEW,
            hole: Hole::default(),
        }
    }

    /// The largest datagram that is known to pass.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// The size of a probe that is worth sending now; at most one is under way.
    pub(crate) fn probe_due(&self, now: Instant) -> Option<usize> {
        match &self.search {
            Search::Active { probe: Some(_), .. } => None,
            Search::Resting { until } if now < *until => None,
            Search::Active { probe: None, .. } | Search::Resting { .. } => self.next_size(),
        }
    }

    /// The probe that was due went out as packet `number`.
    pub(crate) fn on_probe_sent(&mut self, number: PacketNumber) {
        let Some(size) = self.next_size() else {
            return;
        };
        let losses = match self.search {
            Search::Active { losses, .. } => losses,
            Search::Resting { .. } => 0,
        };
        self.search = Search::Active {
            probe: Some((number, size)),
            losses,
        };
    }

    /// A probe arrived; returns the new size. One from before a black hole or another path tells
    /// nothing.
    pub(crate) fn on_probe_acked(&mut self, number: PacketNumber) -> Option<usize> {
        self.size = self.take_probe(number)?;
        self.search = Search::NEW;
        self.hole = Hole::default();
        Some(self.size)
    }

    /// A probe was lost; [`MTU_PROBE_LOSSES`] of one size decide.
    pub(crate) fn on_probe_lost(&mut self, number: PacketNumber, now: Instant) {
        if self.take_probe(number).is_none() {
            return;
        }
        if let Search::Active { losses, .. } = &mut self.search {
            *losses += 1;
            if *losses >= MTU_PROBE_LOSSES {
                self.rest(now);
            }
        }
    }

    /// A packet that is no probe arrived; returns the new size if that shows a black hole.
    pub(crate) fn on_acked(&mut self, size: usize, now: Instant) -> Option<usize> {
        if size > self.step_below() {
            self.hole = Hole::default();
            return None;
        }
        self.hole.small_passed |= self.hole.rounds > 0;
        self.fall_into_hole(now)
    }

    /// A packet that is no probe was lost; returns the new size if that shows a black hole.
    pub(crate) fn on_lost(&mut self, size: usize, now: Instant) -> Option<usize> {
        if size > self.size {
            // It was in flight when the size fell.
            return None;
        }
        if size <= self.step_below() {
            // Small ones are lost too: not the size, but the network.
            self.hole = Hole::default();
            return None;
        }
        if self.hole.last != Some(now) {
            self.hole.last = Some(now);
            self.hole.rounds += 1;
        }
        self.fall_into_hole(now)
    }

    /// What is hoped to pass where this size does not. Nothing is below the floor.
    const fn step_below(&self) -> usize {
        if self.size > BASE_DATAGRAM_LEN {
            BASE_DATAGRAM_LEN
        } else {
            FLOOR_DATAGRAM_LEN
        }
    }

    /// Goes a step down if the signs suffice.
    fn fall_into_hole(&mut self, now: Instant) -> Option<usize> {
        if self.hole.rounds < BLACK_HOLE_ROUNDS || !self.hole.small_passed {
            return None;
        }
        self.size = self.step_below();
        self.hole = Hole::default();
        self.rest(now);
        Some(self.size)
    }

    fn rest(&mut self, now: Instant) {
        self.search = Search::Resting {
            until: now + MTU_RAISE_AFTER,
        };
    }

    /// The size to try next.
    fn next_size(&self) -> Option<usize> {
        let mut sizes = [BASE_DATAGRAM_LEN].into_iter().chain(MTU_PROBES);
        sizes.find(|size| *size > self.size)
    }

    /// The size of the probe under way, if `number` is that probe.
    fn take_probe(&mut self, number: PacketNumber) -> Option<usize> {
        let Search::Active { probe, .. } = &mut self.search else {
            return None;
        };
        let (_, size) = probe.take_if(|(sent, _)| *sent == number)?;
        Some(size)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::proto::rng::CoreRng;

    const SMALL: usize = 96;
    const TOP: usize = 1_472;

    const fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    /// Sends probes until none is due, through a path that carries `limit`; returns their sizes.
    fn climb(mtu: &mut Mtu, limit: usize, now: Instant) -> Vec<usize> {
        let mut sizes = Vec::new();
        while let Some(size) = mtu.probe_due(now) {
            let number = PacketNumber(sizes.len() as u64);
            mtu.on_probe_sent(number);
            assert_eq!(mtu.probe_due(now), None, "one at a time");
            sizes.push(size);
            if size <= limit {
                assert_eq!(mtu.on_probe_acked(number), Some(size));
            } else {
                mtu.on_probe_lost(number, now);
            }
        }
        sizes
    }

    fn at_top() -> Mtu {
        let mut mtu = Mtu::new();
        climb(&mut mtu, TOP, at(0));
        assert_eq!(mtu.size(), TOP);
        mtu
    }

    fn at_floor() -> Mtu {
        let mut mtu = Mtu::new();
        for ms in 1..=3 {
            assert_eq!(mtu.size(), BASE_DATAGRAM_LEN);
            mtu.on_lost(BASE_DATAGRAM_LEN, at(ms));
            mtu.on_acked(SMALL, at(ms));
        }
        assert_eq!(mtu.size(), FLOOR_DATAGRAM_LEN);
        mtu
    }

    #[test]
    fn the_ladder_is_climbed_from_the_base_to_its_top() {
        let mut mtu = Mtu::new();
        assert_eq!(mtu.size(), BASE_DATAGRAM_LEN);
        assert_eq!(climb(&mut mtu, TOP, at(0)), MTU_PROBES);
        assert_eq!(mtu.size(), TOP);
        assert_eq!(mtu.probe_due(at(u64::MAX / 1_000)), None);
    }

    #[test]
    fn three_losses_of_one_size_decide() {
        let mut mtu = Mtu::new();
        let sizes = climb(&mut mtu, 1_420, at(0));
        assert_eq!(sizes, [1_352, 1_420, 1_452, 1_452, 1_452]);
        assert_eq!(mtu.size(), 1_420);
    }

    #[test]
    fn losses_of_one_size_do_not_count_against_the_next() {
        let mut mtu = Mtu::new();
        let mut number = 0;
        for size in MTU_PROBES {
            for lost in [true, true, false] {
                assert_eq!(mtu.probe_due(at(0)), Some(size));
                number += 1;
                mtu.on_probe_sent(PacketNumber(number));
                if lost {
                    mtu.on_probe_lost(PacketNumber(number), at(0));
                } else {
                    mtu.on_probe_acked(PacketNumber(number));
                }
            }
        }
        assert_eq!(mtu.size(), TOP);
    }

    #[test]
    fn after_600_seconds_the_next_size_is_tried_again() {
        let mut mtu = Mtu::new();
        climb(&mut mtu, 1_420, at(0));
        assert_eq!(mtu.probe_due(at(599_999)), None);
        assert_eq!(mtu.probe_due(at(600_000)), Some(1_452));
        assert_eq!(climb(&mut mtu, TOP, at(600_000)), [1_452, 1_472]);
        assert_eq!(mtu.size(), TOP);
    }

    #[test]
    fn a_try_after_the_rest_again_takes_three_losses() {
        let mut mtu = Mtu::new();
        climb(&mut mtu, 1_420, at(0));
        assert_eq!(climb(&mut mtu, 1_420, at(600_000)), [1_452; 3]);
        assert_eq!(mtu.probe_due(at(1_199_999)), None);
        assert_eq!(mtu.probe_due(at(1_200_000)), Some(1_452));
    }

    #[test]
    fn a_probe_that_is_due_and_not_sent_stays_due() {
        let mtu = Mtu::new();
        assert_eq!(mtu.probe_due(at(0)), Some(1_352));
        assert_eq!(mtu.probe_due(at(9)), Some(1_352));
    }

    #[test]
    fn only_the_probe_under_way_counts() {
        let mut mtu = Mtu::new();
        mtu.on_probe_sent(PacketNumber(7));
        assert_eq!(mtu.on_probe_acked(PacketNumber(6)), None);
        mtu.on_probe_lost(PacketNumber(6), at(0));
        assert_eq!(mtu.probe_due(at(0)), None);
        assert_eq!(mtu.on_probe_acked(PacketNumber(7)), Some(1_352));
        assert_eq!(mtu.on_probe_acked(PacketNumber(7)), None);
        assert_eq!(mtu.size(), 1_352);
    }

    #[test]
    fn full_size_lost_while_small_passes_is_a_black_hole() {
        let mut mtu = at_top();
        assert_eq!(mtu.on_lost(TOP, at(1)), None);
        assert_eq!(mtu.on_acked(SMALL, at(2)), None);
        assert_eq!(mtu.on_lost(TOP, at(3)), None);
        assert_eq!(mtu.on_lost(TOP, at(4)), Some(BASE_DATAGRAM_LEN));
        assert_eq!(mtu.size(), BASE_DATAGRAM_LEN);
        // What was in flight goes on being lost.
        assert_eq!(mtu.on_lost(TOP, at(5)), None);
        assert_eq!(mtu.probe_due(at(4 + 599_999)), None);
        assert_eq!(mtu.probe_due(at(4 + 600_000)), Some(1_352));
    }

    #[test]
    fn the_small_packet_may_arrive_last() {
        let mut mtu = at_top();
        for ms in 1..=3 {
            assert_eq!(mtu.on_lost(TOP, at(ms)), None);
        }
        assert_eq!(mtu.on_acked(SMALL, at(4)), Some(BASE_DATAGRAM_LEN));
    }

    #[test]
    fn one_burst_of_losses_is_one_round() {
        let mut mtu = at_top();
        for _ in 0..40 {
            assert_eq!(mtu.on_lost(TOP, at(1)), None);
        }
        assert_eq!(mtu.on_acked(SMALL, at(2)), None);
        assert_eq!(mtu.size(), TOP);
    }

    #[test]
    fn a_full_size_packet_that_arrives_refutes_the_hole() {
        let mut mtu = at_top();
        for ms in 0..100 {
            assert_eq!(mtu.on_lost(TOP, at(ms * 4)), None);
            assert_eq!(mtu.on_acked(SMALL, at(ms * 4 + 1)), None);
            assert_eq!(mtu.on_lost(TOP, at(ms * 4 + 2)), None);
            assert_eq!(mtu.on_acked(TOP, at(ms * 4 + 3)), None);
        }
    }

    #[test]
    fn a_network_that_is_down_for_all_sizes_is_no_black_hole() {
        let mut mtu = at_top();
        for ms in 0..100 {
            assert_eq!(mtu.on_lost(TOP, at(ms)), None);
            assert_eq!(mtu.on_lost(SMALL, at(ms)), None);
        }
        assert_eq!(mtu.on_acked(SMALL, at(100)), None);
        assert_eq!(mtu.size(), TOP);
    }

    #[test]
    fn below_the_base_is_the_floor_and_the_way_back_leads_over_the_base() {
        let mut mtu = at_floor();
        assert_eq!(mtu.probe_due(at(599_999)), None);
        assert_eq!(climb(&mut mtu, 1_100, at(700_000)), [BASE_DATAGRAM_LEN; 3]);
        assert_eq!(mtu.size(), FLOOR_DATAGRAM_LEN);
        assert_eq!(mtu.probe_due(at(1_299_999)), None);
        climb(&mut mtu, TOP, at(1_300_000));
        assert_eq!(mtu.size(), TOP);
    }

    #[test]
    fn from_the_top_to_the_floor_are_two_black_holes() {
        let mut mtu = at_top();
        let sizes: Vec<usize> = (1..=20)
            .flat_map(|ms| {
                let size = mtu.size();
                // A lost packet of the top may be told of late.
                let lost = [mtu.on_lost(size, at(ms)), mtu.on_lost(TOP, at(ms))];
                [lost[0], lost[1], mtu.on_acked(SMALL, at(ms))]
            })
            .flatten()
            .collect();
        assert_eq!(sizes, [BASE_DATAGRAM_LEN, FLOOR_DATAGRAM_LEN]);
    }

    #[test]
    fn at_the_floor_nothing_is_a_black_hole() {
        let mut mtu = at_floor();
        for ms in 10..100 {
            assert_eq!(mtu.on_lost(FLOOR_DATAGRAM_LEN, at(ms)), None);
            assert_eq!(mtu.on_acked(SMALL, at(ms)), None);
        }
        assert_eq!(mtu.size(), FLOOR_DATAGRAM_LEN);
    }

    #[test]
    fn a_probe_answered_after_the_black_hole_tells_nothing() {
        let mut mtu = Mtu::new();
        climb(&mut mtu, 1_420, at(0));
        mtu.on_probe_sent(PacketNumber(99));
        for ms in 1..=3 {
            mtu.on_lost(1_420, at(ms));
        }
        assert_eq!(mtu.on_acked(SMALL, at(4)), Some(BASE_DATAGRAM_LEN));
        assert_eq!(mtu.on_probe_acked(PacketNumber(99)), None);
        assert_eq!(mtu.size(), BASE_DATAGRAM_LEN);
    }

    #[test]
    fn a_random_path_never_gets_more_than_it_proved_to_carry() {
        for seed in 0..50 {
            let mut rng = CoreRng::new([seed; 32]);
            let (mut mtu, mut now, mut proved) = (Mtu::new(), at(0), BASE_DATAGRAM_LEN);
            for step in 0..2_000 {
                now = now + rng.up_to(Duration::from_secs(2));
                let number = PacketNumber(step);
                let limit = FLOOR_DATAGRAM_LEN + rng.below(500);
                if let Some(size) = mtu.probe_due(now) {
                    assert!(size > mtu.size() && size <= TOP, "seed {seed}");
                    mtu.on_probe_sent(number);
                    if size <= limit {
                        mtu.on_probe_acked(number);
                        proved = proved.max(size);
                    } else {
                        mtu.on_probe_lost(number, now);
                    }
                }
                let size = if rng.below(2) == 0 { SMALL } else { mtu.size() };
                let before = mtu.size();
                let change = if size <= limit {
                    mtu.on_acked(size, now)
                } else {
                    mtu.on_lost(size, now)
                };
                assert_eq!(change.is_some(), before != mtu.size(), "seed {seed}");
                let fallen = [BASE_DATAGRAM_LEN, FLOOR_DATAGRAM_LEN];
                assert!(change.is_none_or(|size| size < before && fallen.contains(&size)));
                assert!(mtu.size() <= proved, "seed {seed}");
            }
        }
    }
}
