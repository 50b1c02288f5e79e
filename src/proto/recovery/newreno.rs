//! NewReno, the reference controller. Source: RFC 9002 §7 and appendix B.

use core::time::Duration;

use crate::proto::limits::{
    INITIAL_WINDOW_PACKETS, MINIMUM_WINDOW_PACKETS, PACING_BURST, PACING_GAIN_PERCENT,
};
use crate::proto::recovery::controller::Controller;
use crate::time::Instant;

/// Bytes that the initial window holds at least, if two packets are not more (RFC 9002 §7.2).
const INITIAL_WINDOW_BYTES: usize = 14_720;

/// Doubles each round trip until the first loss, then adds a packet a round trip and halves at a loss.
#[derive(Debug)]
pub(crate) struct NewReno {
    max_datagram: usize,
    window: usize,
    /// Where slow start ends; none before the first loss.
    threshold: Option<usize>,
    /// When the recovery period began: packets sent until then belong to a loss already answered.
    recovery_start: Option<Instant>,
    /// Bytes acknowledged since the window last grew in congestion avoidance.
    credit: usize,
}

impl NewReno {
    /// Starts with the initial window for datagrams of at most `max_datagram` bytes.
    pub(crate) fn new(max_datagram: usize) -> Self {
        Self {
            max_datagram,
            window: initial_window(max_datagram),
            threshold: None,
            recovery_start: None,
            credit: 0,
        }
    }

    const fn minimum_window(&self) -> usize {
        MINIMUM_WINDOW_PACKETS * self.max_datagram
    }

    fn in_recovery(&self, sent_at: Instant) -> bool {
        self.recovery_start.is_some_and(|start| sent_at <= start)
    }

    /// One packet for every whole window acknowledged (RFC 9002 §7.3.3).
    fn avoid_congestion(&mut self, bytes: usize) {
        self.credit += bytes;
        if self.credit >= self.window {
            self.credit -= self.window;
            self.window = self.window.saturating_add(self.max_datagram);
        }
    }
}

/// RFC 9002 §7.2.
pub(super) fn initial_window(max_datagram: usize) -> usize {
    let bytes = INITIAL_WINDOW_BYTES.max(MINIMUM_WINDOW_PACKETS * max_datagram);
    bytes.min(INITIAL_WINDOW_PACKETS * max_datagram)
}

impl Controller for NewReno {
    /// RFC 9002 §B.5.
    fn on_acked(&mut self, bytes: usize, sent_at: Instant, app_limited: bool) {
        if app_limited || self.in_recovery(sent_at) {
            return;
        }
        if self.threshold.is_none_or(|end| self.window < end) {
            self.window = self.window.saturating_add(bytes);
        } else {
            self.avoid_congestion(bytes);
        }
    }

    /// RFC 9002 §B.6, §B.8: one answer a round trip; persistent congestion starts slowly from the
    /// minimum. Unlike there the recovery period goes on: else the last losses of the same outage
    /// would end slow start at the minimum.
    fn on_lost(&mut self, largest_lost_sent_at: Instant, persistent: bool, now: Instant) {
        if !self.in_recovery(largest_lost_sent_at) {
            self.recovery_start = Some(now);
            self.window = (self.window / 2).max(self.minimum_window());
            self.threshold = Some(self.window);
            self.credit = 0;
        }
        if persistent {
            self.window = self.minimum_window();
            self.credit = 0;
        }
    }

    fn restart(&mut self, max_datagram: usize, _now: Instant) {
        *self = Self::new(max_datagram);
    }

    fn set_max_datagram(&mut self, max_datagram: usize) {
        self.max_datagram = max_datagram;
        self.window = self.window.max(self.minimum_window());
    }

    fn window(&self) -> usize {
        self.window
    }

    /// The window once a round trip and a little more, so that pacing alone never leaves the window
    /// unused (RFC 9002 §7.7).
    fn pacing_rate(&self, rtt: Duration) -> u64 {
        let rtt_us = rtt.as_micros().max(1);
        let gain = u128::from(PACING_GAIN_PERCENT);
        let rate = (self.window as u128) * gain * 10_000 / rtt_us;
        u64::try_from(rate).unwrap_or(u64::MAX).max(1)
    }

    fn burst(&self) -> usize {
        PACING_BURST * self.max_datagram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 1_200;

    fn at(us: u64) -> Instant {
        Instant::from_micros(us)
    }

    fn acked(controller: &mut NewReno, bytes: usize, sent_at: u64) {
        controller.on_acked(bytes, at(sent_at), false);
    }

    #[test]
    fn the_initial_window_is_ten_packets_within_the_bounds_of_the_rfc() {
        assert_eq!(NewReno::new(1_200).window(), 12_000);
        assert_eq!(NewReno::new(1_472).window(), 14_720);
        assert_eq!(NewReno::new(1_500).window(), 14_720);
        assert_eq!(NewReno::new(9_000).window(), 18_000);
    }

    #[test]
    fn slow_start_grows_by_what_was_acknowledged() {
        let mut controller = NewReno::new(SIZE);
        acked(&mut controller, 700, 0);
        assert_eq!(controller.window(), 12_700);
    }

    #[test]
    fn an_application_limited_acknowledgement_changes_nothing() {
        let mut controller = NewReno::new(SIZE);
        controller.on_acked(SIZE, at(0), true);
        assert_eq!(controller.window(), 12_000);
    }

    #[test]
    fn congestion_avoidance_grows_by_a_packet_a_window() {
        let mut controller = NewReno::new(SIZE);
        controller.on_lost(at(5), false, at(10));
        assert_eq!(controller.window(), 6_000);
        for _ in 0..4 {
            acked(&mut controller, SIZE, 11);
            assert_eq!(controller.window(), 6_000);
        }
        acked(&mut controller, SIZE, 11);
        assert_eq!(controller.window(), 7_200);
    }

    #[test]
    fn what_left_before_the_recovery_period_neither_halves_nor_grows_the_window() {
        let mut controller = NewReno::new(SIZE);
        controller.on_lost(at(5), false, at(10));
        controller.on_lost(at(10), false, at(12));
        acked(&mut controller, 60_000, 10);
        assert_eq!(controller.window(), 6_000);
        controller.on_lost(at(11), false, at(13));
        assert_eq!(controller.window(), 3_000);
    }

    #[test]
    fn the_window_never_falls_below_two_packets() {
        let mut controller = NewReno::new(SIZE);
        for loss in 0..20 {
            controller.on_lost(at(2 * loss + 1), false, at(2 * loss + 1));
        }
        assert_eq!(controller.window(), 2 * SIZE);
    }

    #[test]
    fn persistent_congestion_within_a_recovery_period_collapses_the_window_too() {
        let mut controller = NewReno::new(SIZE);
        controller.on_lost(at(5), false, at(10));
        controller.on_lost(at(9), true, at(12));
        assert_eq!(controller.window(), 2 * SIZE);
        acked(&mut controller, SIZE, 11);
        assert_eq!(controller.window(), 3 * SIZE);
    }

    #[test]
    fn the_pace_is_a_quarter_above_the_window_a_round_trip() {
        let controller = NewReno::new(SIZE);
        let rate = controller.pacing_rate(Duration::from_millis(100));
        assert_eq!(rate, 150_000);
    }
}
