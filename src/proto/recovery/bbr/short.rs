//! Short paths: they hold fewer datagrams than the draft keeps in flight at least (§2.8). What it keeps there beside
//! somebody else's is nearly all that path and queue can hold, and a flow that yields to losses gets nothing.
//!
//! Alone, that much in flight costs nobody anything. Others show themselves by a round trip longer than our own
//! packets can make it: then [`SHARED_PACKETS`] have to do, until nothing was seen of them for some rounds. So that
//! our own packets do not wait for each other they leave one by one, and so that two in flight keep the path going
//! each is acknowledged at once.
//!
//! Where round trips vary by themselves a wait says nothing. That shows too: acknowledgements of packets that the path
//! has spread out come close together, which no packet of others can bring about.

use core::time::Duration;

use crate::proto::limits::GRANULARITY;
use crate::proto::recovery::bbr::control::MIN_PIPE_PACKETS;
use crate::proto::recovery::bbr::{Bbr, percent};
use crate::proto::recovery::rate::{Sample, US_PER_SECOND, micros, scaled};
use crate::time::Instant;

/// Full datagrams in flight beside others. With one, each loss would wait for a timeout.
const SHARED_PACKETS: u64 = 2;
/// So many rounds after a packet of somebody else's there may be another.
const SHARED_ROUNDS: u64 = 5;
/// So many rounds after the round trip varied by itself it may again.
const VARYING_ROUNDS: u64 = 64;
/// The part of the time that a full datagram takes, in hundredths: a wait above it is for somebody else's; packets
/// acknowledged in less of the time that they took have not come as the path let them go.
const TELLING_PART: u64 = 75;
/// Hundredths of a full datagram that may leave at once: two that leave together would wait for each other.
const BURST_PART: u64 = 150;

/// Who else is on a short path.
#[derive(Debug)]
pub(super) struct Others {
    /// The round until which there may be others.
    until: u64,
    /// The round until which waits say nothing.
    unknown_until: u64,
    /// When the last acknowledgement came.
    acked_at: Instant,
}

impl Others {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            until: 0,
            unknown_until: 0,
            acked_at: now,
        }
    }
}

impl Bbr {
    /// Whether the path, when it delivered most, held less than the least window, each datagram of it for longer than
    /// timers are late.
    pub(super) fn is_short(&self) -> bool {
        let per_second = US_PER_SECOND / micros(GRANULARITY);
        self.full_pipe.reached
            && self.model.most_bandwidth() <= self.datagram().saturating_mul(per_second)
            && self.model.most_bdp() < MIN_PIPE_PACKETS * self.datagram()
    }

    /// Whether the path is short and somebody else's packets were in its queue of late.
    fn is_shared(&self) -> bool {
        self.model.rounds.count < self.others.until && self.is_short()
    }

    /// What has to do beside others on a short path.
    pub(super) fn shared_window(&self) -> Option<u64> {
        self.is_shared().then(|| SHARED_PACKETS * self.datagram())
    }

    /// Looks for somebody else's packets in how long one of ours waited.
    pub(super) fn look_for_others(&mut self, sample: &Sample, now: Instant) {
        let since = now.saturating_since(self.others.acked_at);
        self.others.acked_at = now;
        if !self.is_short() {
            return;
        }
        let round = self.model.rounds.count;
        if since < self.least_time_of(percent(sample.newly_acked, TELLING_PART)) {
            self.others.until = 0;
            self.others.unknown_until = round.saturating_add(VARYING_ROUNDS);
        } else if round >= self.others.unknown_until && self.waits_for_others(sample) {
            self.others.until = round.saturating_add(SHARED_ROUNDS);
        }
    }

    fn waits_for_others(&self, sample: &Sample) -> bool {
        let in_flight = self.time_of(sample.sent.in_flight);
        let alone = in_flight.max(self.model.min_rtt().unwrap_or_default());
        sample.rtt > alone + self.time_of(percent(self.datagram(), TELLING_PART))
    }

    /// The time that `bytes` take on the path at its best.
    fn least_time_of(&self, bytes: u64) -> Duration {
        let rate = self.model.most_bandwidth().max(1);
        Duration::from_micros(scaled(bytes, US_PER_SECOND, rate))
    }

    /// Bytes that may leave at once on a short path.
    pub(super) fn short_burst(&self) -> u64 {
        percent(self.datagram(), BURST_PART)
    }
}
