//! NewReno, the reference controller. Source: RFC 9002 §7 and appendix B.

use crate::proto::limits::{INITIAL_WINDOW_PACKETS, MINIMUM_WINDOW_PACKETS};
use crate::proto::recovery::controller::Controller;
use crate::proto::recovery::rtt::RttEstimate;
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

fn initial_window(max_datagram: usize) -> usize {
    let bytes = INITIAL_WINDOW_BYTES.max(MINIMUM_WINDOW_PACKETS * max_datagram);
    bytes.min(INITIAL_WINDOW_PACKETS * max_datagram)
}

impl Controller for NewReno {
    /// RFC 9002 §B.5.
    fn on_acked(
        &mut self,
        bytes: usize,
        sent_at: Instant,
        app_limited: bool,
        _rtt: RttEstimate,
        _now: Instant,
    ) {
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
    fn on_lost(
        &mut self,
        _bytes: usize,
        largest_lost_sent_at: Instant,
        persistent: bool,
        now: Instant,
    ) {
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
}
