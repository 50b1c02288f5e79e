//! The face of congestion control: how much may be in flight, and how fast it may leave.

use core::fmt;
use core::time::Duration;

use crate::proto::recovery::rate::{Lost, Sample, Snapshot};
use crate::proto::recovery::rtt::RttEstimate;
use crate::time::Instant;

/// Decides how many bytes may be in flight on one path (RFC 9002 §7).
///
/// [`Recovery`](crate::proto::recovery::Recovery) counts what is in flight and reports what becomes
/// of it: for an acknowledgement first each lost packet, then the losses together, each packet that
/// arrived, and the sample. Discovery of a larger MTU and packets of an earlier path are not reported
/// as lost.
pub(crate) trait Controller: fmt::Debug + Send {
    /// A packet of `bytes` leaves.
    fn on_sent(&mut self, _bytes: usize, _sent: &Snapshot, _now: Instant) {}

    /// A packet of `bytes` that left at `sent_at` arrived. `app_limited`: the window was not in full
    /// use, so that this says nothing about a larger one (RFC 9002 §7.8).
    fn on_acked(&mut self, _bytes: usize, _sent_at: Instant, _app_limited: bool) {}

    /// An acknowledgement has been taken in.
    fn on_sample(&mut self, _sample: &Sample, _now: Instant) {}

    /// A packet is lost. `rtt`: as measured when that was noticed.
    fn on_packet_lost(&mut self, _lost: &Lost, _rtt: RttEstimate, _now: Instant) {}

    /// Packets are lost, the last of which left at `largest_lost_sent_at`. `persistent`: nothing
    /// arrived for the duration of RFC 9002 §7.6.
    fn on_lost(&mut self, largest_lost_sent_at: Instant, persistent: bool, now: Instant);

    /// The path is another one: forget everything about it (RFC 9002 §7, RFC 9000 §9.4).
    fn restart(&mut self, max_datagram: usize, now: Instant);

    /// The largest datagram on this path changed (RFC 9002 §7.2).
    fn set_max_datagram(&mut self, max_datagram: usize);

    /// Bytes that may be in flight.
    fn window(&self) -> usize;

    /// Bytes a second at which they may leave (RFC 9002 §7.7). `rtt`: smoothed.
    fn pacing_rate(&self, rtt: Duration) -> u64;

    /// Bytes that may leave at once.
    fn burst(&self) -> usize;

    /// Whether less is in flight than the path could take because the controller wants to see it so:
    /// what is sent now says nothing about its bandwidth.
    fn holds_back(&self) -> bool {
        false
    }

    /// Whether so little may be in flight that to wait for the acknowledgement of every second packet would leave the
    /// path empty.
    fn wants_prompt_acks(&self) -> bool {
        false
    }
}
