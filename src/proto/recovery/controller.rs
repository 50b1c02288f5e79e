//! The face of congestion control: how much may be in flight, and how fast it may leave.

use core::fmt;
use core::time::Duration;

use crate::proto::limits::PACING_GAIN_PERCENT;
use crate::proto::recovery::rtt::RttEstimate;
use crate::time::Instant;

/// Decides how many bytes may be in flight on one path (RFC 9002 §7).
///
/// [`Recovery`](crate::proto::recovery::Recovery) counts what is in flight and reports what becomes
/// of it. Discovery of a larger MTU and packets of an earlier path are not reported as lost.
pub(crate) trait Controller: fmt::Debug + Send {
    /// `bytes` leave; `in_flight` counts them already. Of use to controllers that model the link.
    fn on_sent(&mut self, _bytes: usize, _in_flight: usize, _now: Instant) {}

    /// A packet of `bytes` that left at `sent_at` arrived. `app_limited`: the window was not in full
    /// use, so that this says nothing about a larger one (RFC 9002 §7.8).
    fn on_acked(
        &mut self,
        bytes: usize,
        sent_at: Instant,
        app_limited: bool,
        rtt: RttEstimate,
        now: Instant,
    );

    /// Packets of `bytes` in all are lost, the last of which left at `largest_lost_sent_at`.
    /// `persistent`: nothing arrived for the duration of RFC 9002 §7.6.
    fn on_lost(
        &mut self,
        bytes: usize,
        largest_lost_sent_at: Instant,
        persistent: bool,
        now: Instant,
    );

    /// The path is another one: forget everything about it (RFC 9002 §7, RFC 9000 §9.4).
    fn restart(&mut self, max_datagram: usize, now: Instant);

    /// The largest datagram on this path changed (RFC 9002 §7.2).
    fn set_max_datagram(&mut self, max_datagram: usize);

    /// Bytes that may be in flight.
    fn window(&self) -> usize;

    /// Bytes a second at which they may leave: the window once a round trip and a little more, so
    /// that pacing alone never leaves the window unused (RFC 9002 §7.7).
    fn pacing_rate(&self, rtt: Duration) -> u64 {
        let rtt_us = rtt.as_micros().max(1);
        let gain = u128::from(PACING_GAIN_PERCENT);
        let rate = (self.window() as u128) * gain * 10_000 / rtt_us;
        u64::try_from(rate).unwrap_or(u64::MAX).max(1)
    }
}
